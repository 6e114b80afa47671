"""The same ideas for small images: networks that train in seconds on digits and in minutes on CIFAR-10.

`resnet` and `plain` are the networks of 6n + 2 layers of He et al. 2015, section 4.2 (arXiv 1512.03385): a 3 × 3
convolution, three stages of n two-convolution blocks with `width`, 2 `width`, 4 `width` channels at full, half and
quarter size, global average pooling, one linear layer. The paper's width is 16, its shortcut A, its images 3 × 32 × 32;
here smaller or larger images, gray ones and any width do too.

`alexnet`, `zfnet`, `vgg`, `inception` and `inception_resnet` are ours: the blocks of the large networks in the same
order, fewer and narrower, with switches for what a lesson compares.
"""

from collections.abc import Iterable

from torch import nn

from lecture8 import checks
from lecture8.models.alexnet import PAPER as ALEXNET_PAPER
from lecture8.models.alexnet import PerGPU
from lecture8.models.googlenet import PAPER as GOOGLENET_PAPER
from lecture8.models.googlenet import inception as inception_module
from lecture8.models.inception_resnet import ScaledResidual
from lecture8.models.inception_v4 import PAPER as INCEPTION_V4_PAPER
from lecture8.models.layers import (
    Branches,
    LocalResponseNorm,
    Network,
    average_pool_classifier,
    chain,
    conv,
    conv_relu,
    glorot_init,
    he_init,
    map_size,
    sequential,
)  # fmt: skip
from lecture8.models.registry import Trained, register
from lecture8.models.resnet import PAPER, basic, stack
from lecture8.models.vgg import PAPER as VGG_PAPER
from lecture8.models.zfnet import PAPER as ZFNET_PAPER

CIFAR10 = {  # weights in data/weights: lessons/l09_complexity/cifar10.py has the recipe, cifar10_networks.csv the runs
    "alexnet": Trained(
        "a5f27226e056245454880615b265b1fa8a2c019b5ea1b181a3f2cc8fbf4313ec", 0.7259, {"width": 12, "dropout": 0.25}
    ),
    "zfnet": Trained("7d231e8b0440da9a8ca1511f797c704d0c406d720b01a9009c9175a95372a6cb", 0.7110, {"dropout": 0.25}),
    "vgg": Trained("99c7dfa278aaf2499e55100baff77b2cab30aa798207cc3d2c3950eae97882f5", 0.8180, {"width": 24}),
    "inception": Trained("6905521ec827d49179662ee4bf72cfae0da1efa395446809ecdc9814b7c2572a", 0.7946),
    "resnet20": Trained("0c63781ded1af509d5a420fa17ab4fa106d65bfae57a5b0dd75a3ecdd4d90d14", 0.7858, {"width": 8}),
    "inception_resnet": Trained("d6e1e1162274ff29dd40b572488329ec2b6056640424223ac3871450715974d6", 0.7500),
}


def resnet(
    depth: int,
    num_classes: int = 10,
    *,
    width: int = 16,
    channels: int = 3,
    shortcut: str = "A",
    residual: bool = True,
) -> Network:
    """A residual network of `depth` = 6n + 2 weight layers for small images: N × channels × H × W -> logits.

    Raises ValueError for a depth that is not 8, 14, 20, …, or a width or number of channels below 1.
    """
    checks.whole(depth=depth)
    if depth < 8 or depth % 6 != 2:
        near = max(8, round((depth - 2) / 6) * 6 + 2)
        raise ValueError(f"given depth={depth}; these networks have 6n + 2 layers (8, 14, 20, …): try {near}")
    _check(width, channels)
    stages = {"conv1": conv(channels, width, kernel=3)}
    c = width
    for i in range(3):
        stride = 1 if i == 0 else 2
        stage, c = stack(c, width * 2**i, (depth - 2) // 6, stride, basic, shortcut=shortcut, residual=residual)
        stages[f"conv{i + 2}_x"] = sequential(**stage)
    return he_init(Network(stages, average_pool_classifier(c, num_classes), channels))


def plain(depth: int, num_classes: int = 10, *, width: int = 16, channels: int = 3) -> Network:
    """The same layers as `resnet`, with nothing added back: the paper's plain counterpart."""
    return resnet(depth, num_classes, width=width, channels=channels, residual=False)


def _check(width: int, channels: int, multiple: int = 1) -> None:
    checks.whole(width=width, channels=channels)
    if width % multiple:
        raise ValueError(
            f"given width={width}; expected a multiple of {multiple}, such as {-(-width // multiple) * multiple}"
        )


def _cifar(depth: int, params: int, macs: int, error: str) -> dict:
    return {
        "paper": PAPER, "year": 2015, "input_size": (3, 32, 32), "depth": depth, "params": params, "macs": macs,
        "published": {"CIFAR-10 test error": error},
    }  # fmt: skip


@register(**_cifar(20, 269_722, 40_551_040, "8.75 (Table 6)"), trained={"cifar10": CIFAR10["resnet20"]})
def resnet20(num_classes: int = 10, *, width: int = 16, channels: int = 3, shortcut: str = "A") -> Network:
    """ResNet-20 for CIFAR-10: 3 × 32 × 32 -> logits."""
    return resnet(20, num_classes, width=width, channels=channels, shortcut=shortcut)


@register(**_cifar(32, 464_154, 68_862_592, "7.51 (Table 6)"))
def resnet32(num_classes: int = 10, *, width: int = 16, channels: int = 3, shortcut: str = "A") -> Network:
    """ResNet-32 for CIFAR-10: 3 × 32 × 32 -> logits."""
    return resnet(32, num_classes, width=width, channels=channels, shortcut=shortcut)


@register(**_cifar(44, 658_586, 97_174_144, "7.17 (Table 6)"))
def resnet44(num_classes: int = 10, *, width: int = 16, channels: int = 3, shortcut: str = "A") -> Network:
    """ResNet-44 for CIFAR-10: 3 × 32 × 32 -> logits."""
    return resnet(44, num_classes, width=width, channels=channels, shortcut=shortcut)


@register(**_cifar(56, 853_018, 125_485_696, "6.97 (Table 6)"))
def resnet56(num_classes: int = 10, *, width: int = 16, channels: int = 3, shortcut: str = "A") -> Network:
    """ResNet-56 for CIFAR-10: 3 × 32 × 32 -> logits."""
    return resnet(56, num_classes, width=width, channels=channels, shortcut=shortcut)


@register(**_cifar(110, 1_727_962, 252_887_680, "6.43, 6.61 ± 0.16 over five runs (Table 6)"))
def resnet110(num_classes: int = 10, *, width: int = 16, channels: int = 3, shortcut: str = "A") -> Network:
    """ResNet-110 for CIFAR-10: 3 × 32 × 32 -> logits."""
    return resnet(110, num_classes, width=width, channels=channels, shortcut=shortcut)


@register(**_cifar(20, 269_722, 40_551_040, "Figure 6 left, curve only"))
def plain20(num_classes: int = 10, *, width: int = 16, channels: int = 3) -> Network:
    """Plain-20 for CIFAR-10, ResNet-20 without its shortcuts: 3 × 32 × 32 -> logits."""
    return plain(20, num_classes, width=width, channels=channels)


@register(**_cifar(56, 853_018, 125_485_696, "Figure 6 left, curve only"))
def plain56(num_classes: int = 10, *, width: int = 16, channels: int = 3) -> Network:
    """Plain-56 for CIFAR-10, ResNet-56 without its shortcuts: 3 × 32 × 32 -> logits."""
    return plain(56, num_classes, width=width, channels=channels)


# --- like AlexNet, ZFNet, VGG, GoogLeNet, Inception-ResNet ------------------------------------------------------------


def _like(paper: str, year: int, depth: int, params: int, macs: int, name: str) -> dict:
    return {
        "name": f"small.{name}", "paper": f"like {paper}", "year": year, "input_size": (3, 32, 32), "depth": depth,
        "params": params, "macs": macs, "trained": {"cifar10": CIFAR10[name]},
    }  # fmt: skip


@register(**_like(ALEXNET_PAPER, 2012, 8, 368_842, 14_529_536, "alexnet"))
def alexnet(
    num_classes: int = 10, *, width: int = 16, channels: int = 3, input_size: int = 32,
    activation: type[nn.Module] = nn.ReLU, norm: bool = True, overlap: bool = True, dropout: float = 0.5,
) -> Network:  # fmt: skip
    """AlexNet's five convolutions and three fully connected layers for small images: channels × size × size -> logits.

    activation: nn.ReLU, or nn.Tanh, which came before. norm: local response normalization after conv1 and conv2.
    overlap: pooling windows of 3 pixels every 2, or of 2. Glorot's initial weights, which suit both activations.
    """
    _check(width, channels, multiple=2)
    checks.whole(num_classes=num_classes)
    checks.number(least=0, most=1, dropout=dropout)
    if not isinstance(activation, type) or not issubclass(activation, nn.Module):
        raise TypeError(f"given {checks.shown('activation', activation)}: expected a class of layers, such as nn.Tanh")
    window = (3 if overlap else 2, 2, 0)
    size = map_size(input_size, window, window, window)
    stages, c = {}, channels
    # kernels, kernel size, groups, normalized?, pooled?
    for i, (c_out, kernel, groups, normalized, pooled) in enumerate(
        [
            (2 * width, 5, 1, True, True),
            (4 * width, 5, 2, True, True),
            (6 * width, 3, 1, False, False),
            (6 * width, 3, 2, False, False),
            (4 * width, 3, 2, False, True),
        ],
        start=1,
    ):
        steps = {"conv": nn.Conv2d(c, c_out, kernel, padding=kernel // 2, groups=groups), "activation": activation()}
        if normalized and norm:
            steps["norm"] = PerGPU(LocalResponseNorm())
        if pooled:
            steps["pool"] = nn.MaxPool2d(*window)
        stages[f"conv{i}"], c = sequential(**steps), c_out
    classifier = sequential(
        flatten=nn.Flatten(),
        fc6=nn.Linear(c * size**2, 16 * width), activation6=activation(), drop6=nn.Dropout(dropout),
        fc7=nn.Linear(16 * width, 16 * width), activation7=activation(), drop7=nn.Dropout(dropout),
        fc8=nn.Linear(16 * width, num_classes),
    )  # fmt: skip
    return glorot_init(Network(stages, classifier, channels, size=input_size))


@register(**_like(ZFNET_PAPER, 2013, 8, 383_946, 5_253_632, "zfnet"))
def zfnet(
    num_classes: int = 10, *, width: int = 16, channels: int = 3, input_size: int = 32, without: tuple[int, ...] = (),
    dropout: float = 0.5,
) -> Network:  # fmt: skip
    """ZFNet's five convolutions and three fully connected layers for small images: channels × size × size -> logits.

    without: which of layers 3, 4, 6, 7 to leave out (the paper's Table 3).
    No normalization, and no pooling after conv2. He's initial weights, in the linear layers too.

    Raises ValueError for other layers in `without`, and for images of which nothing is left.
    """
    _check(width, channels)
    checks.whole(num_classes=num_classes)
    checks.number(least=0, most=1, dropout=dropout)
    if not isinstance(without, Iterable) or not set(without) <= {3, 4, 6, 7}:
        raise ValueError(
            f"given without={without!r}; only layers 3, 4, 6 and 7 can be left out, such as without=(3, 4)"
        )
    first, pool, second = (7, 2, 3), (3, 2, 0, True), (5, 2, 2)
    size = map_size(input_size, first, pool, second, pool)
    stages, c = {}, channels
    # kernels, (kernel size, stride, padding), pooled?
    for i, (c_out, window, pooled) in enumerate(
        [
            (2 * width, first, True),
            (4 * width, second, False),
            (6 * width, (3, 1, 1), False),
            (6 * width, (3, 1, 1), False),
            (4 * width, (3, 1, 1), True),
        ],
        start=1,
    ):
        if i in without:
            continue
        steps = {"conv": nn.Conv2d(c, c_out, *window), "relu": nn.ReLU()}
        if pooled:
            steps["pool"] = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        stages[f"conv{i}"], c = sequential(**steps), c_out
    hidden, c = {}, c * size**2
    for i in [i for i in (6, 7) if i not in without]:
        hidden |= {f"fc{i}": nn.Linear(c, 16 * width), f"relu{i}": nn.ReLU(), f"drop{i}": nn.Dropout(dropout)}
        c = 16 * width
    classifier = sequential(flatten=nn.Flatten(), **hidden, fc8=nn.Linear(c, num_classes))
    net = Network(stages, classifier, channels, size=input_size)
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            # by fan-in: without normalization the signal must keep its size on the way up
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)
    return net


@register(**_like(VGG_PAPER, 2014, 7, 72_954, 9_880_192, "vgg"))
def vgg(
    num_classes: int = 10, *, width: int = 16, channels: int = 3, blocks: int = 3, convs: int = 2, kernel: int = 3,
    norm: bool = True,
) -> Network:  # fmt: skip
    """Blocks of `convs` convolutions and a 2 × 2 max pooling, the width doubling each time: any size -> logits.

    kernel: 5 with half as many convolutions sees as much as 3. norm: batch normalization, without which it is VGG's.
    """
    _check(width, channels)
    checks.whole(blocks=blocks, convs=convs, kernel=kernel)
    if kernel % 2 == 0:
        raise ValueError(f"given kernel={kernel}: expected an odd number, whose padding keeps the size of the map")
    stages, c = {}, channels
    for i in range(blocks):
        steps = {}
        for j in range(convs):
            steps[f"conv{j + 1}"] = (conv if norm else conv_relu)(c, width * 2**i, kernel)
            c = width * 2**i
        stages[f"block{i + 1}"] = sequential(**steps, pool=nn.MaxPool2d(2))
    return he_init(Network(stages, average_pool_classifier(c, num_classes), channels, smallest=2**blocks))


@register(**_like(GOOGLENET_PAPER, 2014, 14, 49_354, 5_428_864, "inception"))
def inception(
    num_classes: int = 10, *, width: int = 16, channels: int = 3, modules: int = 6, auxiliary: bool = False,
    norm: bool = True,
) -> Network:  # fmt: skip
    """A convolution and `modules` inception modules, max pooling after it and every second one: any size -> logits.

    auxiliary: a classifier after every second module but the last, for `training.auxiliary_objective`.
    norm: batch normalization, which GoogLeNet did not have yet.
    """
    _check(width, channels, multiple=4)
    checks.whole(modules=modules)
    layer = conv if norm else conv_relu
    stages, heads, c = {"conv1": sequential(conv=layer(channels, width, 3), pool=nn.MaxPool2d(2))}, {}, width
    for i in range(1, modules + 1):
        module = inception_module(c, width, width, 2 * width, width // 4, width // 2, width // 2, layer=layer)
        pair_ends = i % 2 == 0 and i < modules
        stages[f"inception_{i}"] = sequential(module=module, pool=nn.MaxPool2d(2)) if pair_ends else module
        c = 4 * width
        if auxiliary and pair_ends:
            heads[f"inception_{i}"] = average_pool_classifier(c, num_classes)
    net = Network(
        stages, average_pool_classifier(c, num_classes), channels, smallest=2 ** ((modules + 1) // 2), auxiliary=heads
    )
    return he_init(net) if norm else glorot_init(net)


@register(**_like(INCEPTION_V4_PAPER, 2016, 28, 40_122, 5_640_832, "inception_resnet"))
def inception_resnet(
    num_classes: int = 10, *, width: int = 16, channels: int = 3, blocks: int = 3, scale: float = 0.2,
    residual: bool = True,
) -> Network:  # fmt: skip
    """Two stages of `blocks` residual inception blocks with a grid reduction between: any size -> logits.

    scale: what each residual is multiplied by before it is added. residual: False leaves the additions out.
    """
    _check(width, channels, multiple=2)
    checks.whole(blocks=blocks)
    checks.number(scale=scale)
    checks.kind(bool, "True or False", residual=residual)
    half, c = width // 2, 2 * width
    branches = [(half, 1)], [(half, 1), (half, 3)], [(half, 1), (half, 3), (half, 3)]
    stages = {"stem": chain(channels, (width, 3), (c, 3, 2, 1))}
    for kind in ("a", "b"):
        for i in range(1, blocks + 1):
            block = ScaledResidual(c, *branches, scale=scale)
            if not residual:  # the same layers, nothing added back
                block = sequential(branches=block.branches, up=block.up, relu=block.relu)
            stages[f"inception_{kind}{i}"] = block
        if kind == "a":
            stages["reduction_a"] = Branches(conv=chain(c, (c, 3, 2, 1)), pool=nn.MaxPool2d(3, 2, padding=1))
            c = 2 * c
    return he_init(Network(stages, average_pool_classifier(c, num_classes), channels))
