import copy

from torch import nn

from lecture8 import models


def halve(side):
    return (side - 3) // 2 + 1


def padded(side):
    """Every halving as if the map had padding."""
    stem = side // 8
    return stem, stem // 2, stem // 4


def with_halves(side):
    """No rounding down: right for 299 and 331, where every window fits."""
    stem = ((((side - 3) / 2 + 1) - 2 - 3) / 2 + 1 - 2 - 3) / 2 + 1
    return stem, (stem - 3) / 2 + 1, ((stem - 3) / 2 + 1 - 3) / 2 + 1


def weights_only(block):
    new = copy.deepcopy(block)
    new.up.weight.data *= block.scale
    new.scale = 1.0
    return new


def in_place(block):
    block.up.weight.data *= block.scale
    block.up.bias.data *= block.scale
    block.scale = 1.0
    return block


def only_the_scale(block):
    new = copy.deepcopy(block)
    new.scale = 1.0
    return new


class BlockC(nn.Module):
    """The block with a part of it wrong."""

    def __init__(self, channels, scale, *, bias=True, swapped=False, norm=False, way="right"):
        super().__init__()
        one, other = ((3, 1), (1, 3)) if swapped else ((1, 3), (3, 1))
        self.branches = models.layers.Branches(
            one=models.layers.chain(channels, (192, 1)),
            three=models.layers.chain(channels, (192, 1), (192, one), (192, other)),
        )
        self.up = models.layers.conv(384, channels, 1, relu=False) if norm else nn.Conv2d(384, channels, 1, bias=bias)
        self.scale, self.way = scale, way

    def forward(self, x):
        f = self.up(self.branches(x))
        if self.way == "no scale":
            return (x + f).relu()
        if self.way == "no sum":
            return (self.scale * f).relu()
        if self.way == "all scaled":
            return (self.scale * (x + f)).relu()
        if self.way == "no relu":
            return x + self.scale * f
        return (x + self.scale * f).relu()


# exercise -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "shortcuts": [(22, "reductions"), (40, "Inception-ResNet-v2"), (0, "Inception-v4"), ("20", "Expected a number")],
    "channels": [(640, "pooling"), (1056, "k + l + m + n"), (768, "ends with m"), (100, "too small")],
    "sides": [
        (padded, "look behind the stem"),
        (with_halves, "round down"),
        (lambda side: halve(halve(halve(side) - 2) - 2), "three numbers"),
        (lambda side: (35, 17, 8), "331 pixels"),
    ],
    "spread": [
        (lambda n, s: 1 + n * s**2, "variance"),
        (lambda n, s: 1 + n * s, "Spreads do not add"),
        (lambda n, s: (1 + n * s) ** 0.5, "its square"),
        (lambda n, s: (1 + s**2) ** (n / 2), "multiplies from block to block"),
        (lambda n, s: 1.0, "Not yet"),
        (lambda n, s: "2", "Expected a number"),
    ],
    "fold": [
        (weights_only, "bias is not"),
        (in_place, "has changed"),
        (only_the_scale, "outputs differ"),
        (copy.deepcopy, "should have scale 1"),
        (lambda block: block.scale, "Expected a block"),
    ],
    "block": [
        (lambda c, s: BlockC(c, s, bias=False), "bias"),
        (lambda c, s: BlockC(c, s, swapped=True), "outputs differ"),
        (lambda c, s: BlockC(c, s, norm=True), "first difference"),
        (lambda c, s: BlockC(c, s, way="no scale"), "outputs differ"),
        (lambda c, s: BlockC(c, s, way="no sum"), "outputs differ"),
        (lambda c, s: BlockC(c, s, way="all scaled"), "outputs differ"),
        (lambda c, s: BlockC(c, s, way="no relu"), "outputs differ"),
        (lambda c, s: BlockC(c, 0.2), "outputs differ"),
        (lambda c, s: "block", "Expected a network"),
    ],
}
