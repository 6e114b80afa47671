import copy

import torch
from torch import nn

from lecture8.lessons.l08_inception_v4 import answers
from lecture8.models.layers import Branches, chain


class Wrong(answers.Block):
    """The block with a wrong sum, or a wrong last convolution."""

    def __init__(self, way, c, branches, *more, inputs=None):
        super().__init__(c, branches, *more)
        self.way, self.up = way, nn.Conv2d(inputs or self.up.in_channels, c, 1, bias=way != "no bias")

    def forward(self, x):
        f, s = self.up(torch.cat([branch(x) for branch in self.branches], 1)), self.scale
        ways = {"no scale": x + f, "no sum": s * f, "all scaled": s * (x + f), "x scaled": s * x + f}
        y = ways.get(self.way, x + s * f.relu())
        return y.relu() if self.relu else y


def reduction(c, k, l, m, n, *, pad=0, pool=True):  # noqa: E741
    parts = {"one": chain(c, (n, 3, 2, pad)), "two": chain(c, (k, 1), (l, 3), (m, 3, 2, pad))}
    return Branches(**parts, **{"pool": nn.MaxPool2d(3, 2, pad)} if pool else {})


def body(c, version, counts, *, extra=0, scale=0.10):
    """The body with other channels after reduction A, or another scale in blocks B."""
    stages, after = list(answers.body(c, version, counts)), counts[0] + 1
    wide = c + extra + sum(answers.REDUCTION_A[version][2:])
    new = [answers.Block(wide, answers.BLOCKS[version]["b"], scale) for _ in range(counts[1])]
    return nn.Sequential(*stages[:after], *new, *stages[after + counts[1] :])


def folded(block, bias, weight=True):
    new = copy.deepcopy(block)
    new.up.weight.data *= block.scale if weight else 1
    new.up.bias.data *= block.scale if bias else 1
    new.scale = 1.0
    return new


def with_halves(side):
    stem = ((((side - 3) / 2 + 1) - 2 - 3) / 2 + 1 - 2 - 3) / 2 + 1
    return stem, (stem - 3) / 2 + 1, ((stem - 3) / 2 + 1 - 3) / 2 + 1


def groups(power, only=None):
    def same_steps(net, rate, scale):
        found = answers.same_steps(net, rate, scale)
        found[1]["lr"] = rate * scale**power
        return found[:only]

    return same_steps


# exercise or build -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "block": [
        (lambda *s: Wrong("no bias", *s), "bias"),
        (lambda *s: Wrong("", *s, inputs=s[1][-1][-1][0]), "channels"),
        (lambda *s: Wrong("no scale", *s), "scale is missing"),
        (lambda *s: Wrong("no sum", *s), "x is not added"),
        (lambda *s: Wrong("all scaled", *s), "x is multiplied by the scale, too"),
        (lambda *s: Wrong("x scaled", *s), "to F, not to x"),
        (lambda *s: Wrong("ReLU in F", *s), "may be negative"),
        (lambda *s: answers.Block(*s[:3]), "without the last ReLU"),
        (lambda *s: "block", "Expected a network"),
    ],
    "reduction_a": [
        (lambda *s: reduction(*s, pad=1), "padding should be (0, 0)"),
        (lambda c, k, l, m, n: reduction(c, k, l, n, m), "first difference"),  # noqa: E741
        (lambda *s: Branches(c=chain(s[0], (s[4], 3, 2)), pool=nn.MaxPool2d(3, 2)), "differ in height and width"),
        (lambda *s: reduction(*s, pool=False), "instead of"),
    ],
    "control": [
        (lambda *s: answers.Block(*s), "still added"),
        (lambda c, b, scale, *r: answers.NoAddition(c, b, 1.0, *r), "scale is missing"),
        (lambda *s: 0.17, "Expected a network"),
    ],
    "body": [
        (lambda c, *s: body(c, *s, extra=-c), "channels"),
        (lambda *s: body(*s, scale=0.2), "outputs differ"),
    ],
    "fold": [
        (lambda b: folded(b, False), "bias is not"),
        (lambda b: setattr(b, "scale", 1.0) or b, "has changed"),
        (lambda b: folded(b, False, False), "outputs differ"),
        (copy.deepcopy, "Expected a block with scale 1"),
        (lambda b: b.scale, "Expected a block"),
    ],
    "params": [(417_792, "biases"), (209_984, "both branches"), (1_184_832, "384 channels"), (418_176, "outputs")],
    "sides": [
        (lambda side: (side // 8, side // 16, side // 32), "Look after the stem"),
        (with_halves, "round down"),
        (lambda side: side // 8, "three numbers"),
        (lambda side: (35, 17, 8), "331 pixels"),
    ],
    "deviation": [
        (lambda n, s: 1 + n * s**2, "variance"),
        (lambda n, s: 1 + n * s, "Standard deviations do not add"),
        (lambda n, s: (1 + n * s) ** 0.5, "its square"),
        (lambda n, s: (1 + s**2) ** (n / 2), "multiplies from block to block"),
    ],
    "same_steps": [
        (groups(0), "the same rate"),
        (groups(1), "One scale is missing"),
        (groups(2, only=1), "one group"),
        (lambda net, rate, scale: rate * scale**2, "Expected a list"),
    ],
    "mended": [
        (lambda b, x: (b.scale * (x + b.up(b.branches(x)))).relu(), "x is multiplied by the scale, too"),
        (lambda b, x: (b.scale * x + b.up(b.branches(x))).relu(), "to F, not to x"),
        (lambda b, x: x, "the values differ"),
        (lambda b, x: 2.0, "Expected a tensor"),
    ],
}
