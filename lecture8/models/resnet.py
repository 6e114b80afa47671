"""ResNet: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016 (arXiv 1512.03385).

Faithful to Table 1 and section 3.4: batch normalization after every convolution and before the ReLU, no dropout, He
initialization, one fully connected layer. Two choices are stated here because others choose differently:

* `stride_in_1x1`: the authors' released models halve the image in the first 1 × 1 convolution of a bottleneck ("v1",
  3.8 G multiply-adds for ResNet-50). The default here halves it in the 3 × 3 ("v1.5", 4.1 G), like torchvision and
  timm, so that published weights fit. The parameters are the same in both.
* Convolutions have no bias, as in the authors' models (but for one left over in their ResNet-50's first layer), and
  the 3 × 3 max pooling is padded by 1, where Caffe rounds up without padding; both give 56 × 56.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from lecture8 import checks
from lecture8.models.layers import Network, average_pool_classifier, conv, he_init, sequential
from lecture8.models.registry import register

PAPER = "He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016, arXiv 1512.03385"

# Table 1: blocks in conv2_x, conv3_x, conv4_x, conv5_x
BLOCKS = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}
WIDTHS = (64, 128, 256, 512)


class Residual(nn.Module):
    """y = relu(F(x) + shortcut(x)), equations 1 and 2: the body learns only what must be added to x."""

    def __init__(self, body: nn.Module, shortcut: nn.Module):
        super().__init__()
        self.body = body
        self.shortcut = shortcut
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.body(x) + self.shortcut(x))


class ZeroPad(nn.Module):
    """Option A: every `stride`-th pixel, and channels of zeros for those that x lacks. No parameters."""

    def __init__(self, c_in: int, c_out: int, stride: int):
        super().__init__()
        self.subsample = nn.AvgPool2d(1, stride)  # a 1 × 1 window: it only skips pixels
        self.extra = c_out - c_in

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(self.subsample(x), (0, 0, 0, 0, 0, self.extra))


def shortcut_for(option: str, c_in: int, c_out: int, stride: int) -> nn.Module:
    """The identity where the shapes allow it; where they do not, what section 3.3 and Table 3 call A, B and C."""
    if option not in ("A", "B", "C"):
        raise ValueError(
            f"unknown shortcut {option!r}: choose 'A' (zero padding), 'B' (projection where shapes change) "
            "or 'C' (projection everywhere)"
        )
    same_shape = stride == 1 and c_in == c_out
    if same_shape and option != "C":
        return nn.Identity()
    if option == "A":
        return ZeroPad(c_in, c_out, stride)
    return conv(c_in, c_out, kernel=1, stride=stride, relu=False)


def basic(c_in: int, width: int, stride: int) -> tuple[nn.Sequential, int]:
    """Two 3 × 3 convolutions (Figure 5 left): the body and its number of output channels."""
    return nn.Sequential(conv(c_in, width, 3, stride), conv(width, width, 3, relu=False)), width


def bottleneck(c_in: int, width: int, stride: int, *, stride_in_1x1: bool) -> tuple[nn.Sequential, int]:
    """1 × 1 to shrink, 3 × 3, 1 × 1 to widen fourfold (Figure 5 right): the body and its number of output channels."""
    first, second = (stride, 1) if stride_in_1x1 else (1, stride)
    return nn.Sequential(
        conv(c_in, width, 1, first), conv(width, width, 3, second), conv(width, 4 * width, 1, relu=False)
    ), 4 * width


def stack(c_in: int, width: int, blocks: int, stride: int, block, *, shortcut: str, residual: bool):
    """The named blocks of one stage, the first with the stride, and the channels that come out of the last."""
    checks.kind(bool, "True or False", residual=residual)
    stage = {}
    for i in range(blocks):
        s = stride if i == 0 else 1
        body, c_out = block(c_in, width, s)
        if residual:
            step = Residual(body, shortcut_for(shortcut, c_in, c_out, s))
        else:  # the paper's "plain" counterpart: the same layers, nothing added back
            step = nn.Sequential(body, nn.ReLU(inplace=True))
        stage[f"block{i + 1}"] = step
        c_in = c_out
    return stage, c_in


def _resnet(depth: int, num_classes: int, shortcut: str, residual: bool, stride_in_1x1: bool = False) -> Network:
    kind, blocks = BLOCKS[depth]

    def block(c_in, width, stride):
        if kind == "basic":
            return basic(c_in, width, stride)
        return bottleneck(c_in, width, stride, stride_in_1x1=stride_in_1x1)

    stages = {"conv1": conv(3, 64, kernel=7, stride=2)}  # 64 × 112 × 112
    channels = 64
    for i, (width, count) in enumerate(zip(WIDTHS, blocks, strict=True)):
        stride = 1 if i == 0 else 2  # 56, 28, 14, 7 pixels
        stage, channels = stack(channels, width, count, stride, block, shortcut=shortcut, residual=residual)
        if i == 0:  # Table 1 counts the max pooling to conv2_x
            stage = {"pool": nn.MaxPool2d(3, stride=2, padding=1), **stage}
        stages[f"conv{i + 2}_x"] = sequential(**stage)
    return he_init(Network(stages, average_pool_classifier(channels, num_classes)))


@register(
    paper=PAPER, year=2015, input_size=(3, 224, 224), depth=18, params=11_689_512, macs=1_814_073_344,
    published={"multiply-adds": "1.8e9 (Table 1)", "top-1 error, 10 crops": "27.88 (Table 2, shortcut A)"},
    weights={"": "torchvision/resnet18"},
)  # fmt: skip
def resnet18(num_classes: int = 1000, *, shortcut: str = "B", residual: bool = True) -> Network:
    """ResNet-18: 3 × 224 × 224 -> logits. `residual=False` gives the plain-18 of Table 2."""
    return _resnet(18, num_classes, shortcut, residual)


@register(
    paper=PAPER, year=2015, input_size=(3, 224, 224), depth=34, params=21_797_672, macs=3_663_761_408,
    published={"multiply-adds": "3.6e9 (Table 1)", "top-1 error, 10 crops": "24.52 (Table 3, shortcut B)"},
    weights={"": "torchvision/resnet34"},
)  # fmt: skip
def resnet34(num_classes: int = 1000, *, shortcut: str = "B", residual: bool = True) -> Network:
    """ResNet-34: 3 × 224 × 224 -> logits. `residual=False` gives the plain-34 of Table 2."""
    return _resnet(34, num_classes, shortcut, residual)


@register(
    paper=PAPER, year=2015, input_size=(3, 224, 224), depth=50, params=25_557_032, macs=4_089_184_256,
    published={"multiply-adds": "3.8e9 (Table 1, stride in the 1 × 1)", "top-1 error, 10 crops": "22.85 (Table 3)"},
    weights={"": "torchvision/resnet50"},
)  # fmt: skip
def resnet50(
    num_classes: int = 1000, *, shortcut: str = "B", residual: bool = True, stride_in_1x1: bool = False
) -> Network:
    """ResNet-50: 3 × 224 × 224 -> logits. `stride_in_1x1=True` gives the authors' released network (v1)."""
    return _resnet(50, num_classes, shortcut, residual, stride_in_1x1)


@register(
    paper=PAPER, year=2015, input_size=(3, 224, 224), depth=101, params=44_549_160, macs=7_801_405_440,
    published={"multiply-adds": "7.6e9 (Table 1, stride in the 1 × 1)", "top-1 error, 10 crops": "21.75 (Table 3)"},
    weights={"": "torchvision/resnet101"},
)  # fmt: skip
def resnet101(
    num_classes: int = 1000, *, shortcut: str = "B", residual: bool = True, stride_in_1x1: bool = False
) -> Network:
    """ResNet-101: 3 × 224 × 224 -> logits. `stride_in_1x1=True` gives the authors' released network (v1)."""
    return _resnet(101, num_classes, shortcut, residual, stride_in_1x1)


@register(
    paper=PAPER, year=2015, input_size=(3, 224, 224), depth=152, params=60_192_808, macs=11_513_626_624,
    published={"multiply-adds": "11.3e9 (Table 1, stride in the 1 × 1)", "top-1 error, 10 crops": "21.43 (Table 3)"},
    weights={"": "torchvision/resnet152"},
)  # fmt: skip
def resnet152(
    num_classes: int = 1000, *, shortcut: str = "B", residual: bool = True, stride_in_1x1: bool = False
) -> Network:
    """ResNet-152: 3 × 224 × 224 -> logits. `stride_in_1x1=True` gives the authors' released network (v1)."""
    return _resnet(152, num_classes, shortcut, residual, stride_in_1x1)
