"""Inception-v4: Szegedy, Ioffe, Vanhoucke, Alemi, "Inception-v4, Inception-ResNet and the Impact of Residual
Connections on Learning", AAAI 2017 (arXiv 1602.07261). The hybrids of the same paper are in inception_resnet.py.

Inception-v4 has no residual connections. "V" in the figures is a convolution without padding, here a padding of 0.
First weights are not described; He's are used.
"""

from torch import nn

from lecture8.models.inception_v3 import split
from lecture8.models.layers import Branches, Network, Rescale, average_pool_classifier, chain, he_init, sequential
from lecture8.models.registry import register

PAPER = (
    "Szegedy, Ioffe, Vanhoucke, Alemi: Inception-v4, Inception-ResNet and the Impact of Residual Connections on "
    "Learning, AAAI 2017, arXiv 1602.07261"
)
HALVE = (2, 0)  # stride and padding of all that shrinks the map
ROW, COLUMN = (1, 7), (7, 1)

# Table 1: k, l, m, n of reduction A (Figure 7)
REDUCTION_A = {"v4": (192, 224, 256, 384), "resnet_v1": (192, 192, 256, 384), "resnet_v2": (256, 256, 384, 384)}


def pooled(c_in: int, c_out: int) -> nn.Sequential:
    """3 × 3 averages, the edge left out of the count, and a 1 × 1 convolution."""
    return sequential(pool=nn.AvgPool2d(3, 1, 1, count_include_pad=False), project=chain(c_in, (c_out, 1)))


def stem() -> nn.Sequential:
    """Figure 3: 3 × 299 × 299 -> 384 × 35 × 35; three times two branches with their outputs stacked."""
    return sequential(
        conv=chain(3, (32, 3, *HALVE), (32, 3, 1, 0), (64, 3)),  # 64 × 147 × 147
        mixed1=Branches(pool=nn.MaxPool2d(3, stride=2), conv=chain(64, (96, 3, *HALVE))),  # 160 × 73 × 73
        mixed2=Branches(
            conv3x3=chain(160, (64, 1), (96, 3, 1, 0)),
            conv7x7=chain(160, (64, 1), (64, ROW), (64, COLUMN), (96, 3, 1, 0)),
        ),  # 192 × 71 × 71
        mixed3=Branches(conv=chain(192, (192, 3, *HALVE)), pool=nn.MaxPool2d(3, stride=2)),  # 384 × 35 × 35
    )


def inception_a() -> Branches:
    """Figure 4, 384 × 35 × 35."""
    return Branches(
        conv1x1=chain(384, (96, 1)),
        conv3x3=chain(384, (64, 1), (96, 3)),
        double3x3=chain(384, (64, 1), (96, 3), (96, 3)),
        pool=pooled(384, 96),
    )


def inception_b() -> Branches:
    """Figure 5, 1024 × 17 × 17."""
    return Branches(
        conv1x1=chain(1024, (384, 1)),
        conv7x7=chain(1024, (192, 1), (224, ROW), (256, COLUMN)),
        double7x7=chain(1024, (192, 1), (192, COLUMN), (224, ROW), (224, COLUMN), (256, ROW)),
        pool=pooled(1024, 128),
    )


def inception_c() -> Branches:
    """Figure 6, 1536 × 8 × 8."""
    double3x3 = chain(1536, (384, 1), (448, (3, 1)), (512, (1, 3)))
    return Branches(
        conv1x1=chain(1536, (256, 1)),
        conv3x3=sequential(reduce=chain(1536, (384, 1)), split=split(384, 256)),
        double3x3=sequential(reduce=double3x3, split=split(512, 256)),
        pool=pooled(1536, 256),
    )


def reduction_a(c_in: int, k: int, l: int, m: int, n: int) -> Branches:  # noqa: E741  the paper's letters
    """Figure 7: c_in × 35 × 35 -> (n + m + c_in) × 17 × 17; the letters of Table 1."""
    return Branches(
        conv3x3=chain(c_in, (n, 3, *HALVE)),
        double3x3=chain(c_in, (k, 1), (l, 3), (m, 3, *HALVE)),
        pool=nn.MaxPool2d(3, stride=2),
    )


def reduction_b() -> Branches:
    """Figure 8: 1024 × 17 × 17 -> 1536 × 8 × 8."""
    return Branches(
        conv3x3=chain(1024, (192, 1), (192, 3, *HALVE)),
        conv7x7=chain(1024, (256, 1), (256, ROW), (320, COLUMN), (320, 3, *HALVE)),
        pool=nn.MaxPool2d(3, stride=2),
    )


@register(
    paper=PAPER, year=2016, input_size=(3, 299, 299), depth=76, params=42_679_816, macs=12_253_974_624,
    published={"top-5 error, one crop": "5.0 (Table 2)"}, weights={"": "timm/inception_v4"},
)  # fmt: skip
def inception_v4(num_classes: int = 1000, *, rescale: bool = False) -> Network:
    """Inception-v4, without residual connections: 3 × 299 × 299 -> logits; images of 75 × 75 and more will do.

    rescale: takes images normalized with ImageNet's mean and standard deviation, as the published weights need it
    """
    stages = {
        **({"rescale": Rescale()} if rescale else {}),
        "stem": stem(),
        **{f"inception_a{i}": inception_a() for i in range(1, 5)},
        "reduction_a": reduction_a(384, *REDUCTION_A["v4"]),  # 1024 × 17 × 17
        **{f"inception_b{i}": inception_b() for i in range(1, 8)},
        "reduction_b": reduction_b(),  # 1536 × 8 × 8
        **{f"inception_c{i}": inception_c() for i in range(1, 4)},
    }
    return he_init(Network(stages, average_pool_classifier(1536, num_classes, dropout=0.2), smallest=75))
