import torch
from torch import nn

from lecture8 import models
from lecture8.models.resnet import Residual


def conv(c_in, c_out, kernel, stride=1, bias=False, norm=True, relu=True):
    steps = [nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=bias)]
    return nn.Sequential(*steps, *([nn.BatchNorm2d(c_out)] if norm else []), *([nn.ReLU()] if relu else []))


def bottleneck(c_in, width, stride, *, first=1, bias=False, norm=True, project=None, widen=4):
    one, three = (stride, 1) if first == 3 else (1, stride)
    body = nn.Sequential(
        conv(c_in, width, 1, one, bias, norm), conv(width, width, 3, three, bias, norm),
        conv(width, widen * width, 1, 1, bias, norm, relu=False),
    )  # fmt: skip
    project = (stride != 1 or c_in != widen * width) if project is None else project
    return Residual(body, conv(c_in, widen * width, 1, stride, relu=False) if project else nn.Identity())


def pad(x, extra):
    return torch.nn.functional.pad(x, (0, 0, 0, 0, 0, extra))


# exercise -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "layers": [(108, "first and the last"), (56, "n = 9"), (111, "shortcuts"), (1000, "too large"), ("110", "Expected a number")],
    "bottleneck_cost": [(69_632, "per pixel"), (3_699_376_128, "two plain"), (166_985_728, "last 1 × 1"), (1, "too small")],
    "he": [
        (lambda c_out, kernel: (1 / (kernel**2 * c_out)) ** 0.5, "Xavier"),
        (lambda c_out, kernel: (2 / c_out) ** 0.5, "kernel's area"),
        (lambda c_out, kernel: 2 / (kernel**2 * c_out), "variance"),
        (lambda c_out: 1.0, "TypeError"),
        (0.05, "expected a function"),
    ],
    "shortcut": [
        (lambda x, c_out: pad(torch.nn.functional.avg_pool2d(x, 2), c_out - x.shape[1]), "averaged"),
        (lambda x, c_out: x[:, :, ::2, ::2], "Expected the shape"),
        (lambda x, c_out: pad(x, c_out - x.shape[1]), "Expected the shape"),
        (lambda x, c_out: x[:, :, ::2, ::2].repeat(1, c_out // x.shape[1], 1, 1), "all zeros"),
        (lambda x, c_out: x.shape, "Expected a tensor"),
    ],
    "bottleneck": [
        (lambda c, w, s: bottleneck(c, w, s, first=3), "stride should be"),
        (lambda c, w, s: bottleneck(c, w, s, bias=True), "has a bias that it should not have"),
        (lambda c, w, s: bottleneck(c, w, s, norm=False), "BatchNorm2d"),
        (lambda c, w, s: bottleneck(c, w, s, project=False), "stopped on images"),
        (lambda c, w, s: bottleneck(c, w, s, project=True), "too many"),
        (lambda c, w, s: bottleneck(c, w, s).body, "outputs differ"),
        (lambda c, w, s: "block", "Expected a network"),
    ],
    "params": [
        (lambda n, width: 269_722, "For n=9"),
        (lambda n, width: sum(p.numel() for p in models.small.resnet(6 * n + 2, width=width, shortcut="B").parameters()), "off"),
        (lambda n, width: "many", "of type str"),
    ],
}  # fmt: skip
