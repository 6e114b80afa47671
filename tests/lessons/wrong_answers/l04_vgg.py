import torch
from torch import nn
from torch.nn import functional as F

from lecture8.lessons.l04_vgg import answers


def block(c_in, c_out, kernels, pad=None, relu=True, chained=True, pools=1):
    layers = []
    for k in kernels:
        layers += [nn.Conv2d(c_in, c_out, k, padding=k // 2 if pad is None else pad), *[nn.ReLU()] * relu]
        c_in = c_out if chained else c_in
    return nn.Sequential(*layers, *[nn.MaxPool2d(2)] * pools)


def vgg(row, *settings, values=None, drop=None):
    layers = list(answers.vgg(row, *settings))
    layers[6] = nn.Linear(values or layers[6].in_features, layers[6].out_features)
    return nn.Sequential(*(layer for i, layer in enumerate(layers) if i != drop))


def conv(weight, bias, padding=0):
    layer = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[-1], padding=padding)
    layer.weight.data, layer.bias.data = weight, bias
    return layer


def as_conv(linear, c_in, *, bias=1, copied=1, padding=0):
    side = round((linear.in_features / c_in) ** 0.5)
    return conv(linear.weight.data.view(-1, c_in, side, side) * copied, linear.bias.data * bias, padding)


def merged(first, second, *, through=1, flipped=False, padding=2):
    weight = F.conv_transpose2d(second.weight.data, first.weight.data)
    bias = second.bias.data + through * second.weight.data.sum((2, 3)) @ first.bias.data
    return conv(weight.flip(-1) if flipped else weight, bias, padding)


def redrawn(net, draw):
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            draw(layer.weight)
    return net


# exercise or build -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "vgg_block": [
        (lambda *s: block(*s, pad=0), "padding should be (1, 1)"),
        (lambda *s: block(*s, pad=1), "padding should be (0, 0)"),
        (lambda *s: block(*s, relu=False), "outputs differ"),
        (lambda *s: block(*s, chained=False), "channels"),
        (lambda *s: block(*s, pools=0), "returns"),
        (lambda *s: "block", "Expected a network"),
    ],
    "vgg": [
        (lambda *s: vgg(*s, values=s[3][-1] * s[2] ** 2), "shapes cannot be multiplied"),
        (lambda *s: vgg(*s, drop=9), "first difference"),
        (lambda *s: nn.Identity(), "Configuration A"),
        (lambda *s: [], "Expected a network"),
    ],
    "field": [
        (lambda layers: 1 + sum(kernel - 1 for kernel, _ in layers), "without strides"),
        (lambda layers: sum(kernel for kernel, _ in layers), "overlap"),
        (lambda layers: sum(kernel - 1 for kernel, _ in layers), "Start from 1"),
        (5, "expected a function"),
    ],
    "stamp": [
        (lambda first, second: answers.stamp(first, torch.ones(3, 3)), "full weight"),
        (lambda first, second: answers.stamp(first, second.flip(0, 1)), "flipped"),
        (lambda first, second: answers.stamp(first, second.T), "exchanged"),
        (lambda first, second: answers.stamp(first, second**2), "different numbers"),
        (lambda first, second: first @ second, "kernel of 5 × 5"),
    ],
    "nearest": [
        (lambda known, labels, asked: torch.cdist(asked, known).argmin(1), "look up their labels"),
        (lambda known, labels, asked: labels[torch.cdist(asked, known).argmax(1)], "smallest distance"),
        (lambda known, labels, asked: labels[(asked @ known.T).argmax(1)], "product"),
        (lambda known, labels, asked: labels[torch.cdist(known, asked).argmin(1)], "9 labels"),
        (lambda known, labels, asked: labels[:9], "not those of the closest"),
    ],
    "fc6": [(209_715_200, "biases are missing"), (102_764_544, "7 × 7"), (2_101_248, "one value"), (20_975_616, "10 × 10")],
    "images": [(98, "need room"), (89, "parameters only"), (80, "three numbers"), (284, "4 bytes"), (72, "round down")],
    "merge": [
        (lambda first, second: merged(first, second, through=0), "the bias is not"),
        (lambda first, second: merged(first, second, flipped=True), "flipped"),
        (lambda first, second: merged(first, second, padding=1), "padding 2"),
        (lambda first, second: second, "Expected weights of"),
    ],
    "dense": [
        (lambda linear, c_in: nn.Conv2d(c_in, linear.out_features, 1), "Expected weights of"),
        (lambda linear, c_in: as_conv(linear, c_in, copied=0), "were the weights copied"),
        (lambda linear, c_in: as_conv(linear, c_in, bias=0), "bias is missing"),
        (lambda linear, c_in: as_conv(linear, c_in, padding=1), "no padding"),
        (lambda linear, c_in: linear, "Expected an nn.Conv2d"),
    ],
    "fix": [
        (lambda net: net, "must depend on the number of inputs"),
        (lambda net: redrawn(net, lambda w: nn.init.normal_(w, std=0.1)), "too large"),
        (lambda net: redrawn(net, nn.init.xavier_uniform_), "must be doubled"),
        (lambda net: redrawn(net, nn.init.ones_), "are the same"),
        (lambda net: nn.Sequential(*net, nn.BatchNorm1d(10)), "layers should stay"),
    ],
}  # fmt: skip
