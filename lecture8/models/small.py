"""The same ideas for small images: networks that train in seconds on digits and in minutes on CIFAR-10.

`resnet` and `plain` are the networks of 6n + 2 layers of He et al. 2015, section 4.2 (arXiv 1512.03385): a 3 × 3
convolution, three stages of n two-convolution blocks with `width`, 2 `width`, 4 `width` channels at full, half and
quarter size, global average pooling, one linear layer. The paper's width is 16, its shortcut A, its images 3 × 32 × 32;
here smaller or larger images, grey ones and any width do too.
"""

from lecture8.models.layers import Network, average_pool_classifier, conv, he_init, sequential
from lecture8.models.registry import register
from lecture8.models.resnet import PAPER, basic, stack


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
    if depth < 8 or depth % 6 != 2:
        near = max(8, round((depth - 2) / 6) * 6 + 2)
        raise ValueError(f"given depth={depth}; these networks have 6n + 2 layers (8, 14, 20, …): try {near}")
    if width < 1 or channels < 1:
        raise ValueError(f"given width={width}, channels={channels}; both must be 1 or more")
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


def _cifar(depth: int, params: int, macs: int, error: str) -> dict:
    return {
        "paper": PAPER, "year": 2015, "input_size": (3, 32, 32), "depth": depth, "params": params, "macs": macs,
        "published": {"CIFAR-10 test error": error},
    }  # fmt: skip


@register(**_cifar(20, 269_722, 40_551_040, "8.75 (Table 6)"))
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
