import torch
from torch import nn
from torch.nn import functional as F

from lecture8.models.googlenet import inception
from lecture8.models.layers import Branches, conv, conv_relu


def module(c_in, one, reduce3, three, reduce5, five, pool, *, kernel5=5, swap=False, layer=conv_relu):
    branches = {
        "a": layer(c_in, one, 1),
        "b": nn.Sequential(layer(c_in, reduce3, 1), layer(reduce3, three, 3)),
        "c": nn.Sequential(layer(c_in, reduce5, 1), layer(reduce5, five, kernel5)),
        "d": nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), layer(c_in, pool, 1)),
    }
    return Branches(**{key: branches[key] for key in ("abdc" if swap else "abcd")})


def quiet_reduction(c_in, one, reduce3, three, reduce5, five, pool):
    found = inception(c_in, one, reduce3, three, reduce5, five, pool)
    found.conv3x3.reduce.relu = nn.Identity()
    return found


def shrinking_pool(c_in, *widths):
    found = inception(c_in, *widths)
    found.pool.pool = nn.MaxPool2d(3, stride=2, padding=1)
    return found


def head(c_in, num_classes, *, hidden=128, kernel=5, dropout=0.7, relu=True):
    return nn.Sequential(
        nn.AvgPool2d(kernel, stride=3), nn.Conv2d(c_in, hidden, 1), nn.ReLU(), nn.Flatten(),
        nn.Linear(hidden * 16, 1024), nn.ReLU() if relu else nn.Identity(), nn.Dropout(dropout),
        nn.Linear(1024, num_classes),
    )  # fmt: skip


def direct(c_in, c_out, kernel):
    return kernel**2 * c_in * c_out


# exercise -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "outputs": [(640, "two reductions"), (416, "pooling branch"), (160, "stay inside"), (672, "projection"), ("480", "Expected a number")],
    "branch": [(129_024, "per pixel"), (173_408_256, "without the reduction"), (86_704_128, "3 × 3 alone"), (14_450_688, "reduction alone")],
    "one_by_one": [
        (lambda x, weight, bias: F.linear(x.movedim(1, -1), weight, bias), "last axis"),
        (lambda x, weight, bias: torch.einsum("nchw,oc->nohw", x, weight), "bias is missing"),
        (lambda x, weight, bias: F.linear(x.mean((2, 3)), weight, bias), "Expected the shape"),
        (lambda x, weight, bias: F.conv2d(x, weight[:, :, None, None], bias) * 2, "values are not"),
        (lambda x, weight, bias: 3, "Expected a tensor"),
    ],
    "rate": [
        (lambda start, epoch: start * 0.96 ** (epoch / 8), "falls in steps"),
        (lambda start, epoch: start * 0.96**epoch, "every epoch"),
        (lambda start, epoch: start * (1 - 0.04 * (epoch // 8)), "of what is left"),
        (lambda start, epoch: start * 0.04 ** (epoch // 8), "Not yet"),
        (lambda start: start, "TypeError"),
    ],
    "break_even": [
        (lambda c_in, c_out, kernel: c_in, "more than"),
        (lambda c_in, c_out, kernel: direct(c_in, c_out, kernel) // (c_in + kernel**2 * c_out), "as much as"),
        (lambda c_in, c_out, kernel: direct(c_in, c_out, kernel) / (c_in + kernel**2 * c_out), "whole numbers"),
        (lambda c_in, c_out, kernel: c_in // 4, "less than"),
        (lambda c_in, c_out, kernel: "64", "whole number, got str"),
    ],
    "module": [
        (lambda *widths: module(*widths, kernel5=3), "kernel_size should be (5, 5)"),
        (lambda *widths: module(*widths, swap=True), "outputs differ"),
        (lambda *widths: module(*widths, layer=conv), "bias"),
        (quiet_reduction, "outputs differ"),
        (shrinking_pool, "stopped on images"),
        (lambda *widths: nn.Sequential(module(*widths), nn.MaxPool2d(3, 1, 1)), "outputs differ"),
        (lambda *widths: "module", "Expected a network"),
    ],
    "head": [
        (lambda c, n: head(c, n, hidden=64), "weight shape"),
        (lambda c, n: head(c, n, kernel=3), "outputs differ"),
        (lambda c, n: head(c, n, dropout=0.4), "your head: 0.4"),
        (lambda c, n: head(c, n, relu=False), "outputs differ"),
        (lambda c, n: n, "Expected a network"),
    ],
}  # fmt: skip
