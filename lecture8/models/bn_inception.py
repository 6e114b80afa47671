"""BN-Inception: Ioffe & Szegedy, "Batch Normalization", ICML 2015 (arXiv 1502.03167), the first "Inception-v2".

The Inception-v4 paper calls this network Inception-v2; the Inception-v3 paper has another v2, a step on the way to v3.

What the paper leaves open or has wrong, and what is done here:

* Figure 5 prints modules 4c and 4d with 576 output channels, but their branches add up to 608. The total is kept, with
  96 channels instead of 128 after the pooling layer, as in Google's code.
* It says 13.6 million parameters; its own table gives 11.2 million.
* The first layer is separable, 8 filters per color, as the appendix says (`separable=False` for a plain one).
* First weights are not described; He's are used.
"""

from torch import nn

from lecture8.models.layers import Branches, Network, average_pool_classifier, chain, conv, he_init, sequential
from lecture8.models.registry import register

PAPER = "Ioffe, Szegedy: Batch Normalization, ICML 2015, arXiv 1502.03167"

# Figure 5: 1 × 1 | 3 × 3 reduce, 3 × 3 | double 3 × 3 reduce, each | pooling and what follows it
MODULES = {
    "3a": (64, (64, 64), (64, 96), ("avg", 32)),  # 256 × 28 × 28
    "3b": (64, (64, 96), (64, 96), ("avg", 64)),  # 320 × 28 × 28
    "3c": (0, (128, 160), (64, 96), ("max", 0)),  # 576 × 14 × 14: stride 2 and the input itself, pooled
    "4a": (224, (64, 96), (96, 128), ("avg", 128)),  # 576 × 14 × 14
    "4b": (192, (96, 128), (96, 128), ("avg", 128)),
    "4c": (160, (128, 160), (128, 160), ("avg", 96)),  # printed: 128
    "4d": (96, (128, 192), (160, 192), ("avg", 96)),  # printed: 128
    "4e": (0, (128, 192), (192, 256), ("max", 0)),  # 1024 × 7 × 7
    "5a": (352, (192, 320), (160, 224), ("avg", 128)),  # 1024 × 7 × 7
    "5b": (352, (192, 320), (192, 224), ("max", 128)),
}


def module(c_in: int, one: int, three: tuple, double: tuple, pool: tuple, *, stride: int = 1) -> Branches:
    """Figure 5: GoogLeNet's module with two 3 × 3 for its 5 × 5; a stride of 2 halves the map.

    A pooling layer of 0 channels passes the input on; a 1 × 1 of 0 channels is left out.
    """
    last = (3, stride, 1)
    branches = {"conv1x1": chain(c_in, (one, 1))} if one else {}
    branches["conv3x3"] = chain(c_in, (three[0], 1), (three[1], *last))
    branches["double3x3"] = chain(c_in, (double[0], 1), (double[1], 3), (double[1], *last))
    kind, project = pool
    window = nn.AvgPool2d(3, 1, 1, count_include_pad=False) if kind == "avg" else nn.MaxPool2d(3, stride, 1)
    branches["pool"] = sequential(pool=window, project=chain(c_in, (project, 1))) if project else window
    return Branches(**branches)


@register(
    paper=PAPER, year=2015, input_size=(3, 224, 224), depth=35, params=11_188_288, macs=1_934_857_216,
    published={
        "depth": "9 layers more than GoogLeNet's 22 (appendix)", "params": "13.6 million (section 4.2.1)",
        "top-5 error, one crop": "7.82 (Figure 4)",
    },
    no_weights="neither torchvision nor timm has any",
)  # fmt: skip
def bn_inception(num_classes: int = 1000, *, separable: bool = True) -> Network:
    """BN-Inception: 3 × 224 × 224 -> logits. `separable=False` has a plain 7 × 7 first layer."""
    first = sequential(
        depthwise=nn.Conv2d(3, 24, 7, stride=2, padding=3, groups=3, bias=False), pointwise=conv(24, 64, 1, eps=1e-3)
    )
    stages = {
        "conv1": sequential(
            conv=first if separable else conv(3, 64, 7, 2, eps=1e-3), pool=nn.MaxPool2d(3, 2, ceil_mode=True)
        ),  # 64 × 56 × 56
        "conv2": sequential(
            conv=chain(64, (64, 1), (192, 3)), pool=nn.MaxPool2d(3, 2, ceil_mode=True)
        ),  # 192 × 28 × 28
    }
    c = 192
    for name, (one, three, double, (kind, project)) in MODULES.items():
        stride = 1 if one else 2
        stages[f"inception_{name}"] = module(c, one, three, double, (kind, project), stride=stride)
        c = one + three[1] + double[1] + (project or c)
    return he_init(Network(stages, average_pool_classifier(c, num_classes)))
