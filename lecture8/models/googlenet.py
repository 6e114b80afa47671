"""GoogLeNet: Szegedy et al., "Going Deeper with Convolutions", CVPR 2015 (arXiv 1409.4842).

`googlenet` is Table 1 read as it is printed: 5 × 5 convolutions, local response normalization, no batch normalization,
two auxiliary classifiers for training. `googlenet_bn` is the variant that torchvision's weights fit.

What the paper leaves open or has wrong, and what is done here:

* conv1 is a plain 7 × 7 convolution: 9,408 weights. Table 1 prints 2.7 K, which a separable one would have.
* Poolings round up (112 to 56, 56 to 28 …), as in the authors' framework; the text gives no paddings.
* The normalization is AlexNet's, with its constants; Figure 3 only says "LocalRespNorm".
* The initial weights are not described; Glorot's, as in Caffe's replication, which also starts all biases at 0.2.
"""

from collections.abc import Callable

from torch import nn

from lecture8 import checks
from lecture8.models.layers import (
    Branches,
    LocalResponseNorm,
    Network,
    Rescale,
    average_pool_classifier,
    conv,
    conv_relu,
    glorot_init,
    he_init,
    sequential,
)  # fmt: skip
from lecture8.models.registry import register

PAPER = "Szegedy et al.: Going Deeper with Convolutions, CVPR 2015, arXiv 1409.4842"

# Table 1: 1 × 1 | 3 × 3 reduce, 3 × 3 | 5 × 5 reduce, 5 × 5 | pool proj
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),  # 256 × 28 × 28
    "3b": (128, 128, 192, 32, 96, 64),  # 480 × 28 × 28
    "4a": (192, 96, 208, 16, 48, 64),  # 512 × 14 × 14
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),  # 528 × 14 × 14
    "4e": (256, 160, 320, 32, 128, 128),  # 832 × 14 × 14
    "5a": (256, 160, 320, 32, 128, 128),  # 832 × 7 × 7
    "5b": (384, 192, 384, 48, 128, 128),  # 1024 × 7 × 7
}
AUXILIARY = ("inception_4a", "inception_4d")  # section 5: loss weight 0.3, removed after training


def naive_inception(c_in: int, one: int, three: int, five: int) -> Branches:
    """Figure 2 (a): 1 × 1, 3 × 3, 5 × 5 and max pooling side by side; N × c_in -> N × (one + three + five + c_in)."""
    return Branches(
        conv1x1=conv_relu(c_in, one, 1),
        conv3x3=conv_relu(c_in, three, 3),
        conv5x5=conv_relu(c_in, five, 5),
        pool=nn.MaxPool2d(3, stride=1, padding=1),
    )


def inception(
    c_in: int, one: int, reduce3: int, three: int, reduce5: int, five: int, pool: int, *,
    layer: Callable[..., nn.Module] = conv_relu, kernel5: int = 5,
) -> Branches:  # fmt: skip
    """Figure 2 (b): 1 × 1 convolutions shrink what the large kernels and the next module have to look at.

    N × c_in × H × W -> N × (one + three + five + pool) × H × W. layer: makes a convolution with its ReLU.
    """
    return Branches(
        conv1x1=layer(c_in, one, 1),
        conv3x3=sequential(reduce=layer(c_in, reduce3, 1), conv=layer(reduce3, three, 3)),
        conv5x5=sequential(reduce=layer(c_in, reduce5, 1), conv=layer(reduce5, five, kernel5)),
        pool=sequential(pool=nn.MaxPool2d(3, stride=1, padding=1), project=layer(c_in, pool, 1)),
    )


def auxiliary_classifier(
    c_in: int, num_classes: int, pool: nn.Module, layer: Callable[..., nn.Module]
) -> nn.Sequential:
    """Section 5: pooling to 4 × 4, 1 × 1 convolution to 128, 1024 neurons, dropout of 0.7, num_classes."""
    return sequential(
        pool=pool, conv=layer(c_in, 128, 1), flatten=nn.Flatten(),
        fc1=nn.Linear(128 * 4 * 4, 1024), relu=nn.ReLU(inplace=True), dropout=nn.Dropout(0.7),
        fc2=nn.Linear(1024, num_classes),
    )  # fmt: skip


def _googlenet(num_classes: int, auxiliary: bool, *, batch_norm: bool, rescale: bool = False) -> Network:
    checks.whole(num_classes=num_classes)

    def layer(c_in, c_out, kernel, stride=1):
        return conv(c_in, c_out, kernel, stride, eps=1e-3) if batch_norm else conv_relu(c_in, c_out, kernel, stride)

    def pool(kernel=3):
        return nn.MaxPool2d(kernel, stride=2, ceil_mode=True)

    def norm():
        return {} if batch_norm else {"norm": LocalResponseNorm()}

    stages: dict[str, nn.Module] = {"rescale": Rescale()} if rescale else {}
    stages["conv1"] = sequential(conv=layer(3, 64, 7, 2), pool=pool(), **norm())  # 64 × 56 × 56
    stages["conv2"] = sequential(
        reduce=layer(64, 64, 1), conv=layer(64, 192, 3), **norm(), pool=pool()
    )  # 192 × 28 × 28
    c, heads = 192, {}
    for name, (one, reduce3, three, reduce5, five, project) in MODULES.items():
        if name in ("4a", "5a"):
            stages[f"pool{int(name[0]) - 1}"] = pool(2 if batch_norm and name == "5a" else 3)
        kernel5 = 3 if batch_norm else 5
        stages[f"inception_{name}"] = inception(
            c, one, reduce3, three, reduce5, five, project, layer=layer, kernel5=kernel5
        )
        c = one + three + five + project
        if auxiliary and f"inception_{name}" in AUXILIARY:
            to4x4 = nn.AdaptiveAvgPool2d(4) if batch_norm else nn.AvgPool2d(5, stride=3)
            heads[f"inception_{name}"] = auxiliary_classifier(c, num_classes, to4x4, layer)
    classifier = average_pool_classifier(c, num_classes, dropout=0.2 if batch_norm else 0.4)
    net = Network(stages, classifier, auxiliary=heads)
    return he_init(net) if batch_norm else glorot_init(net)


@register(
    paper=PAPER, year=2014, input_size=(3, 224, 224), depth=22, params=6_998_552, macs=1_582_671_872,
    published={
        "depth": "22 (section 5)", "params": "6.8 million (sum of Table 1), 12 times fewer than AlexNet (section 1)",
        "multiply-adds": "1.5e9 (section 1)", "top-5 error, one crop": "10.07 (Table 3)",
    },
    no_weights="torchvision's have 3 × 3 where the paper has 5 × 5, and batch normalization; googlenet_bn takes them",
)  # fmt: skip
def googlenet(num_classes: int = 1000, *, auxiliary: bool = False) -> Network:
    """GoogLeNet of Table 1: 3 × 224 × 224 -> logits.

    auxiliary: with the two classifiers for training (`training.auxiliary_objective`): 3,188,840 and 3,190,888
    parameters more, for images of 224 × 224
    """
    return _googlenet(num_classes, auxiliary, batch_norm=False)


@register(
    paper=PAPER, year=2014, input_size=(3, 224, 224), depth=22, params=6_624_904, macs=1_498_376_192,
    weights={"": "torchvision/googlenet"},
)  # fmt: skip
def googlenet_bn(num_classes: int = 1000, *, auxiliary: bool = False, rescale: bool = False) -> Network:
    """GoogLeNet as torchvision has it, to take its weights: 3 × 224 × 224 -> logits.

    Batch normalization instead of local response normalization and biases, 3 × 3 in the branches named 5 × 5 (a slip
    that was kept for the weights' sake), 2 × 2 in the last max pooling, dropout of 0.2, auxiliary classifiers behind a
    pooling that fits any image.

    rescale: takes images normalized with ImageNet's mean and standard deviation, as the published weights need it
    """
    return _googlenet(num_classes, auxiliary, batch_norm=True, rescale=rescale)


def miniature(num_classes: int = 10, *, channels: int = 1, norm: bool = False) -> Network:
    """Table 1 with an eighth of every width, for small images: N × channels × 16 × 16 (or larger) -> logits.

    The nine modules and the pooling layers between them are the paper's. Before them: a 3 × 3 convolution and pooling.
    After them and after 4a and 4d (`training.auxiliary_objective`): global average pooling and one linear layer.
    norm: batch normalization, which GoogLeNet did not have.
    """
    layer = conv if norm else conv_relu
    stages = {"conv1": sequential(conv=layer(channels, 24, 3), pool=nn.MaxPool2d(2))}
    c, heads = 24, {}
    for name, widths in MODULES.items():
        if name in ("4a", "5a"):
            stages[f"pool{int(name[0]) - 1}"] = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        one, reduce3, three, reduce5, five, project = (width // 8 for width in widths)
        stages[f"inception_{name}"] = inception(c, one, reduce3, three, reduce5, five, project, layer=layer)
        c = one + three + five + project
        if f"inception_{name}" in AUXILIARY:
            heads[f"inception_{name}"] = average_pool_classifier(c, num_classes)
    net = Network(stages, average_pool_classifier(c, num_classes), channels, smallest=8, auxiliary=heads)
    return he_init(net) if norm else glorot_init(net)
