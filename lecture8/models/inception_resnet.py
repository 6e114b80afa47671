"""Inception-ResNet-v1 and -v2: the hybrids of Szegedy, Ioffe, Vanhoucke, Alemi, AAAI 2017 (arXiv 1602.07261).

Stem and reduction A are those of inception_v4.py, which has the paper's title.

What the paper leaves open or has wrong, and what is done here:

* Inception-ResNet-v2 of the figures (v4's stem, 5 + 10 + 5 blocks) has 32 million parameters and 9 G multiply-adds;
  "the raw cost of Inception-v4" (section 3.2) fits the released network only: v3's stem, 10 + 20 + 10 blocks. The
  released one is built here; `figures=True` gives the other.
* Figures 17 and 19 print 1154 and 2048 channels; the branches before them add up to 1152 and 2144.
* Residuals are scaled by 0.17, 0.10, 0.20 as in the released code (section 3.3: "between 0.1 and 0.3").
* First weights are not described; He's are used.
"""

import torch
from torch import Tensor, nn

from lecture8.models.inception_v3 import stem as stem_v3
from lecture8.models.inception_v4 import COLUMN, HALVE, PAPER, REDUCTION_A, ROW, pooled, reduction_a, stem
from lecture8.models.layers import Branches, Network, Rescale, average_pool_classifier, chain, he_init, sequential
from lecture8.models.registry import register


def reduction_b_resnet(c_in: int, second: int, third: tuple[int, int]) -> Branches:
    """Figures 12 and 18: c_in × 17 × 17 -> (384 + second + third + c_in) × 8 × 8."""
    return Branches(
        conv1=chain(c_in, (256, 1), (384, 3, *HALVE)),
        conv2=chain(c_in, (256, 1), (second, 3, *HALVE)),
        double3x3=chain(c_in, (256, 1), (third[0], 3), (third[1], 3, *HALVE)),
        pool=nn.MaxPool2d(3, stride=2),
    )


class ScaledResidual(nn.Module):
    """y = relu(x + scale · F(x)), section 3.3 and Figure 20: small steps keep wide residual networks from dying.

    F is a few branches and a 1 × 1 convolution without activation, which brings them to the width of x.
    """

    def __init__(self, c: int, *branches: tuple, scale: float, relu: bool = True):
        super().__init__()
        self.branches = Branches(**{f"branch{i}": chain(c, *steps) for i, steps in enumerate(branches, start=1)})
        self.up = nn.Conv2d(sum(steps[-1][0] for steps in branches), c, 1)
        self.scale = scale
        self.relu = nn.ReLU(inplace=True) if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(torch.add(x, self.up(self.branches(x)), alpha=self.scale))


# The branches of blocks A (35 × 35), B (17 × 17) and C (8 × 8), Figures 10, 11, 13 (v1) and 16, 17, 19 (v2)
BLOCKS = {
    "resnet_v1": {
        "a": ([(32, 1)], [(32, 1), (32, 3)], [(32, 1), (32, 3), (32, 3)]),
        "b": ([(128, 1)], [(128, 1), (128, ROW), (128, COLUMN)]),
        "c": ([(192, 1)], [(192, 1), (192, (1, 3)), (192, (3, 1))]),
    },
    "resnet_v2": {
        "a": ([(32, 1)], [(32, 1), (32, 3)], [(32, 1), (48, 3), (64, 3)]),
        "b": ([(192, 1)], [(128, 1), (160, ROW), (192, COLUMN)]),
        "c": ([(192, 1)], [(192, 1), (224, (1, 3)), (256, (3, 1))]),
    },
}
SCALES = {"a": 0.17, "b": 0.10, "c": 0.20}


def _blocks(version: str, kind: str, c: int, count: int) -> dict[str, nn.Module]:
    return {
        f"inception_{kind}{i + 1}": ScaledResidual(c, *BLOCKS[version][kind], scale=SCALES[kind]) for i in range(count)
    }


@register(
    paper=PAPER, year=2016, input_size=(3, 299, 299), depth=93, params=22_756_328, macs=6_206_361_696,
    published={"multiply-adds": "about those of Inception-v3 (section 3.2)", "top-5 error, one crop": "5.5 (Table 2)"},
    no_weights="neither torchvision nor timm has any",
)  # fmt: skip
def inception_resnet_v1(num_classes: int = 1000) -> Network:
    """Inception-ResNet-v1, Figures 10 to 15: 3 × 299 × 299 -> logits; images of 75 × 75 and more will do."""
    stages = {
        "stem": sequential(
            conv1=chain(3, (32, 3, *HALVE), (32, 3, 1, 0), (64, 3)), pool=nn.MaxPool2d(3, stride=2),
            conv2=chain(64, (80, 1), (192, 3, 1, 0), (256, 3, *HALVE)),
        ),  # Figure 14: 256 × 35 × 35
        **_blocks("resnet_v1", "a", 256, 5),
        "reduction_a": reduction_a(256, *REDUCTION_A["resnet_v1"]),  # 896 × 17 × 17
        **_blocks("resnet_v1", "b", 896, 10),
        "reduction_b": reduction_b_resnet(896, 256, (256, 256)),  # 1792 × 8 × 8
        **_blocks("resnet_v1", "c", 1792, 5),
    }  # fmt: skip
    return he_init(Network(stages, average_pool_classifier(1792, num_classes, dropout=0.2), smallest=75))


@register(
    paper=PAPER, year=2016, input_size=(3, 299, 299), depth=176, params=55_843_464, macs=13_155_794_016,
    published={"multiply-adds": "those of Inception-v4 (section 3.2)", "top-5 error, one crop": "4.9 (Table 2)"},
    weights={"": "timm/inception_resnet_v2"},
)  # fmt: skip
def inception_resnet_v2(num_classes: int = 1000, *, figures: bool = False, rescale: bool = False) -> Network:
    """Inception-ResNet-v2 as released: 3 × 299 × 299 -> logits; images of 75 × 75 and more will do.

    figures: the network that Figures 15 to 19 show instead: v4's stem, 5 + 10 + 5 blocks, 32,433,928 parameters
    rescale: takes images normalized with ImageNet's mean and standard deviation, as the published weights need it
    """
    a, b, c = (5, 10, 5) if figures else (10, 20, 9)
    width = 384 if figures else 320
    begin = {"stem": stem()} if figures else {"stem": stem_v3(), "mixed": mixed()}
    stages = {
        **({"rescale": Rescale()} if rescale else {}),
        **begin,  # 384 or 320 × 35 × 35
        **_blocks("resnet_v2", "a", width, a),
        "reduction_a": reduction_a(width, *REDUCTION_A["resnet_v2"]),  # 1152 or 1088 × 17 × 17
        **_blocks("resnet_v2", "b", width + 768, b),
        "reduction_b": reduction_b_resnet(width + 768, 288, (288, 320)),  # 2144 or 2080 × 8 × 8
        **_blocks("resnet_v2", "c", width + 1760, c),
    }
    width += 1760
    if not figures:  # the last block has neither scale nor ReLU
        stages["inception_c10"] = ScaledResidual(width, *BLOCKS["resnet_v2"]["c"], scale=1.0, relu=False)
        stages["conv"], width = chain(width, (1536, 1)), 1536
    return he_init(Network(stages, average_pool_classifier(width, num_classes, dropout=0.2), smallest=75))


def mixed() -> Branches:
    """192 × 35 × 35 -> 320 × 35 × 35, in the released code only."""
    return Branches(
        conv1x1=chain(192, (96, 1)),
        conv5x5=chain(192, (48, 1), (64, 5)),
        double3x3=chain(192, (64, 1), (96, 3), (96, 3)),
        pool=pooled(192, 64),
    )
