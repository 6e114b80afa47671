"""Inception-v3: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception Architecture for Computer Vision",
CVPR 2016 (arXiv 1512.00567). The ideas one by one, then the network.

Table 1 of the paper and Google's code differ, and the published weights fit the code, so this is the code: a 1 × 1
convolution and a second pooling in the stem, four modules instead of five at 17 × 17, a 5 × 5 left in the modules at
35 × 35. First weights are not described; He's are used.
"""

import torch
from torch import Tensor, nn

from lecture8 import checks
from lecture8.models.layers import (
    Branches,
    Network,
    Rescale,
    average_pool_classifier,
    chain,
    conv,
    he_init,
    sequential,
)  # fmt: skip
from lecture8.models.registry import register

PAPER = "Szegedy et al.: Rethinking the Inception Architecture for Computer Vision, CVPR 2016, arXiv 1512.00567"

HALVE = (2, 0)  # stride and padding of all that shrinks the map in Inception-v3


def average() -> nn.AvgPool2d:
    """3 × 3 averages that keep the size, zeros beyond the edge included, as the weights need it."""
    return nn.AvgPool2d(3, stride=1, padding=1)


# --- the ideas, one by one -------------------------------------------------------------------------------------------


def separate(kernel: Tensor, rank: int = 1) -> tuple[Tensor, Tensor]:
    """The `rank` columns and rows whose products add up to a kernel as nearly as any can: n × n -> n × rank, rank × n.

    columns @ rows is the best approximation of that rank, by the singular value decomposition; with rank 1 it is the
    kernel of an n × 1 convolution after a 1 × n one. Raises ValueError for a rank that is not between 1 and n.
    """
    if kernel.ndim != 2 or not 1 <= rank <= min(kernel.shape):
        raise ValueError(
            f"given a kernel of {tuple(kernel.shape)} and rank={rank!r}; expected height × width, and a rank from 1 to "
            "the smaller of the two"
        )
    left, values, right = torch.linalg.svd(kernel)
    return left[:, :rank] * values[:rank], right[:rank]


# --- Inception-v3 ----------------------------------------------------------------------------------------------------


def inception_a(c_in: int, pool: int) -> Branches:
    """35 × 35, Figure 5 (whose two 3 × 3 are one 5 × 5 in the first branch of the released code). -> 224 + pool."""
    return Branches(
        conv1x1=chain(c_in, (64, 1)),
        conv5x5=chain(c_in, (48, 1), (64, 5)),
        double3x3=chain(c_in, (64, 1), (96, 3), (96, 3)),
        pool=sequential(pool=average(), project=chain(c_in, (pool, 1))),
    )


def reduction_a(c_in: int) -> Branches:
    """35 × 35 -> 17 × 17, Figure 10: convolutions and pooling with stride 2 side by side. -> 480 + c_in."""
    return Branches(
        conv3x3=chain(c_in, (384, 3, *HALVE)),
        double3x3=chain(c_in, (64, 1), (96, 3), (96, 3, *HALVE)),
        pool=nn.MaxPool2d(3, stride=2),
    )


def inception_b(c_in: int, width: int) -> Branches:
    """17 × 17, Figure 6: 7 × 7 convolutions as 1 × 7 and 7 × 1. -> 768."""
    w, row, column = width, (1, 7), (7, 1)
    return Branches(
        conv1x1=chain(c_in, (192, 1)),
        conv7x7=chain(c_in, (w, 1), (w, row), (192, column)),
        double7x7=chain(c_in, (w, 1), (w, column), (w, row), (w, column), (192, row)),
        pool=sequential(pool=average(), project=chain(c_in, (192, 1))),
    )


def reduction_b(c_in: int) -> Branches:
    """17 × 17 -> 8 × 8, as in Google's code. -> 512 + c_in."""
    return Branches(
        conv3x3=chain(c_in, (192, 1), (320, 3, *HALVE)),
        conv7x7=chain(c_in, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, *HALVE)),
        pool=nn.MaxPool2d(3, stride=2),
    )


def split(c_in: int, c_out: int) -> Branches:
    """1 × 3 and 3 × 1 side by side instead of one after the other. -> 2 c_out."""
    return Branches(row=conv(c_in, c_out, (1, 3), eps=1e-3), column=conv(c_in, c_out, (3, 1), eps=1e-3))


def inception_c(c_in: int) -> Branches:
    """8 × 8, Figure 7: wider at the end. -> 2048."""
    return Branches(
        conv1x1=chain(c_in, (320, 1)),
        conv3x3=sequential(reduce=chain(c_in, (384, 1)), split=split(384, 384)),
        double3x3=sequential(reduce=chain(c_in, (448, 1), (384, 3)), split=split(384, 384)),
        pool=sequential(pool=average(), project=chain(c_in, (192, 1))),
    )


def stem() -> nn.Sequential:
    """3 × 299 × 299 -> 192 × 35 × 35; shared with Inception-ResNet-v2."""
    return sequential(
        conv1=chain(3, (32, 3, *HALVE), (32, 3, 1, 0), (64, 3)),  # 149, 147, 147 pixels
        pool1=nn.MaxPool2d(3, stride=2),  # 73
        conv2=chain(64, (80, 1), (192, 3, 1, 0)),  # 73, 71
        pool2=nn.MaxPool2d(3, stride=2),  # 35
    )


def auxiliary_classifier(c_in: int, num_classes: int) -> nn.Sequential:
    """Section 4, on the last 17 × 17 map: pooled to 5 × 5, 128 channels, a 5 × 5 convolution, num_classes."""
    return sequential(
        pool=nn.AvgPool2d(5, stride=3), conv=chain(c_in, (128, 1), (768, 5, 1, 0)), flat=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(), fc=nn.Linear(768, num_classes),
    )  # fmt: skip


@register(
    paper=PAPER, year=2015, input_size=(3, 299, 299), depth=48, params=23_834_568, macs=5_713_216_096,
    published={
        "depth": "42 (section 6)", "params": "less than 25 million (abstract)",
        "multiply-adds": "5e9 (abstract), 4.8e9 (Table 3)", "top-5 error, one crop": "5.6 (Table 3)",
    },
    weights={"": "torchvision/inception_v3"},
)  # fmt: skip
def inception_v3(num_classes: int = 1000, *, auxiliary: bool = False, rescale: bool = False) -> Network:
    """Inception-v3: 3 × 299 × 299 -> logits; images of 75 × 75 and more will do.

    auxiliary: with the classifier for training (`training.auxiliary_objective`), 3,326,696 parameters more
    rescale: takes images normalized with ImageNet's mean and standard deviation, as the published weights need it
    """
    checks.whole(num_classes=num_classes)
    stages = {
        **({"rescale": Rescale()} if rescale else {}),
        "stem": stem(),  # 192 × 35 × 35
        "inception_a1": inception_a(192, 32),  # 256 × 35 × 35
        "inception_a2": inception_a(256, 64),  # 288 × 35 × 35
        "inception_a3": inception_a(288, 64),
        "reduction_a": reduction_a(288),  # 768 × 17 × 17
        "inception_b1": inception_b(768, 128),
        "inception_b2": inception_b(768, 160),
        "inception_b3": inception_b(768, 160),
        "inception_b4": inception_b(768, 192),
        "reduction_b": reduction_b(768),  # 1280 × 8 × 8
        "inception_c1": inception_c(1280),  # 2048 × 8 × 8
        "inception_c2": inception_c(2048),
    }
    head = {"inception_b4": auxiliary_classifier(768, num_classes)} if auxiliary else {}
    classifier = average_pool_classifier(2048, num_classes, dropout=0.5)
    return he_init(Network(stages, classifier, smallest=75, auxiliary=head))
