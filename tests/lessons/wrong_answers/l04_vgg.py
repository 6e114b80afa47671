import torch
from torch import nn
from torch.nn import functional as F


def conv(weight, bias, padding=0):
    layer = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[-1], padding=padding)
    layer.weight.data, layer.bias.data = weight, bias
    return layer


def as_conv(linear, c_in, *, bias=None, copied=True, padding=0):
    side = round((linear.in_features / c_in) ** 0.5)
    weight = linear.weight.data.view(-1, c_in, side, side)
    return conv(weight if copied else torch.zeros_like(weight), linear.bias.data if bias is None else bias, padding)


def merged(first, second, *, bias, flipped=False, padding=0):
    weight = F.conv_transpose2d(second.weight.data, first.weight.data)
    return conv(weight.flip(-1) if flipped else weight, bias, padding)


def right_bias(first, second):
    return second.bias.data + second.weight.data.sum((2, 3)) @ first.bias.data


# exercise -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "field": [(4, "9 × 9"), (6, "13 × 13"), (11, "two pixels"), (3.5, "each further one"), (2, "too small"), ("5", "Expected a number")],
    "fc6": [
        (102_760_448, "biases are missing"),
        (2_101_248, "each map has 49"),
        (14_684_160, "7 × 7 = 49"),
        (123_642_856, "fc7 and fc8"),
        (138_357_544, "too large"),
    ],
    "control": [
        (([5, 5],) * 5, "9 × 9"),
        (([3],) * 5, "less than a pair"),
        (([7],) * 5, "three 3 × 3"),
        (([5],) * 4, "4 blocks"),
        (([5, 3],) * 5, "one 5 × 5 each"),
        ([5] * 5, "tuple of five lists"),
    ],
    "receptive_field": [
        (lambda layers: 1 + sum(kernel - 1 for kernel, _ in layers), "without strides"),
        (lambda layers: sum(kernel for kernel, _ in layers), "overlap"),
        (lambda layers: sum(kernel - 1 for kernel, _ in layers), "Start from 1"),
        (lambda layers: 212, "For one 3 × 3"),
        (lambda: 1, "TypeError"),
        (5, "expected a function"),
    ],
    "dense": [
        (lambda linear, c_in: nn.Conv2d(c_in, linear.out_features, 1), "Expected weights of"),
        (lambda linear, c_in: as_conv(linear, c_in, copied=False), "were the weights copied"),
        (lambda linear, c_in: as_conv(linear, c_in, bias=torch.zeros(linear.out_features)), "bias is missing"),
        (lambda linear, c_in: as_conv(linear, c_in, padding=1), "no padding"),
        (lambda linear, c_in: linear, "Expected an nn.Conv2d"),
    ],
    "merge": [
        (lambda first, second: merged(first, second, bias=second.bias.data), "the bias is not"),
        (lambda first, second: merged(first, second, bias=right_bias(first, second), flipped=True), "flipped"),
        (lambda first, second: merged(first, second, bias=right_bias(first, second), padding=1), "no padding"),
        (lambda first, second: second, "Expected weights of"),
        (lambda first, second: nn.Sequential(first, second), "Expected an nn.Conv2d"),
    ],
}  # fmt: skip
