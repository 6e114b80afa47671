import math

import torch
from torch import nn
from torch.nn import functional as F

from lecture8.lessons.l07_inception_v3 import answers
from lecture8.lessons.l07_inception_v3.answers import conv, pair
from lecture8.models.layers import Branches


def two(c_in, c_out, kernel, *, pads=None, between=None, second=None):
    first, second = kernel, second or kernel[::-1]
    pads = pads or [tuple(n // 2 for n in size) for size in (first, second)]
    between = between or c_in
    return nn.Sequential(conv(c_in, between, first, 1, pads[0]), conv(between, c_out, second, 1, pads[1]))


def module_b(c_in, width, *, order=(7, 1), pool=None, last=192):
    return Branches(
        one=conv(c_in, 192, 1),
        seven=nn.Sequential(conv(c_in, width, 1), pair(width, last, (1, 7))),
        twice=nn.Sequential(conv(c_in, width, 1), pair(width, width, order), pair(width, 192, order)),
        pool=nn.Sequential(pool or nn.AvgPool2d(3, 1, 1), conv(c_in, 192, 1)),
    )


def network(change):
    net = answers.inception_v3(10)
    return nn.Sequential(*change(list(net)))


def svd(kernel, pairs, power):
    left, values, right = torch.linalg.svd(kernel)
    return left[:, :pairs] * values[:pairs] ** power, right[:pairs]


def report(net, images, labels, *, train=False, amount=0.0, axis=1):
    with torch.no_grad():
        logits = net.train(train)(images)
    confidence = logits.softmax(axis).max(1).values.mean().item()
    accuracy = (logits.argmax(1) == labels).float().mean().item()
    return F.cross_entropy(logits, labels, label_smoothing=amount).item(), accuracy, confidence


def cut(layer, between, *, bias=1, values=1):
    made = answers.factorize(layer, between)
    made[1].bias.data = made[1].bias.data * bias
    made[0].weight.data = made[0].weight.data * values
    return made


# exercise or build -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "pair": [
        (lambda *s: two(*s, pads=[3, 3]), "padding should be"),
        (lambda *s: two(*s, between=s[1]), "weight shape should be"),
        (lambda *s: two(*s, second=s[2]), "kernel_size should be"),
    ],
    "separate": [
        (lambda kernel, pairs: svd(kernel, pairs, 0), "are missing"),
        (lambda kernel, pairs: svd(kernel, pairs, 2), "are there twice"),
        (lambda kernel, pairs: (kernel[:, :pairs], kernel[:pairs]), "the best leave"),
    ],
    "module_b": [
        (lambda *s: module_b(*s, order=(1, 7)), "first difference"),
        (lambda *s: module_b(*s, pool=nn.MaxPool2d(3, 1, 1)), "outputs differ"),
        (lambda *s: module_b(*s, last=128), "weight shape should be"),
    ],
    "side_by_side": [
        (lambda c: Branches(conv=conv(c, 2 * c, 3, 2, 1), pool=nn.MaxPool2d(2)), "weight shape should be"),
        (lambda c: Branches(conv=conv(c, c, 3, 2), pool=nn.MaxPool2d(2)), "Sizes of tensors"),
        (lambda c: Branches(pool=nn.MaxPool2d(2), conv=conv(c, c, 3, 2, 1)), "outputs differ"),
        (lambda c: nn.Sequential(nn.MaxPool2d(2), conv(c, 2 * c, 3, 1, 1)), "stride should be"),
        (lambda c, pooling=None: Branches(conv=conv(c, c, 3, 2, 1), pool=nn.MaxPool2d(2)), "AvgPool2d): All"),
    ],
    "inception_v3": [
        (lambda n: network(lambda parts: parts[:1] + parts[2:]), "stopped on images"),
        (lambda n: network(lambda parts: [*parts[:5], parts[6], parts[5], *parts[7:]]), "weight shape should be"),
    ],
    "smoothed_loss": [
        (lambda logits, labels, a: F.cross_entropy(logits, labels), "without smoothing"),
        (lambda *s: answers._only_others(*s), "the correct one included"),
        (lambda *s: answers._replaced(*s), "AND its part"),
        (lambda *s: -answers.smoothed_loss(*s), "sign"),
        (lambda *s: answers.smoothed_loss(*s).detach(), "no gradient"),
    ],
    "work": [(1_128_960_000, "not 35 × 35"), (532_684_800, "half of the 640"), (2_257_920_000, "expensive order"), (921_600, "number of weights")],
    "gap": [
        (lambda a, k: (1 - a + a / k) / (a / k), "ratio"),
        (lambda a, k: math.log10((1 - a + a / k) / (a / k)), "natural"),
        (lambda a, k: math.log((1 - a) / (a / k)), "also gets its part"),
        (lambda a, k: "4.5", "Expected a number"),
    ],
    "error": [
        (lambda confidence, right: abs(confidence.mean() - right.double().mean()), "cancel"),
        (lambda confidence, right: 1 - right.double().mean(), "expected"),
        (lambda confidence: 0.0, "TypeError"),
    ],
    "report": [
        (lambda *s: report(*s, train=True), "act only in training"),
        (lambda *s: report(*s, amount=0.1), "smoothed labels"),
        (lambda *s: report(*s, axis=0), "along which axis"),
    ],
    "factorize": [
        (lambda *s: cut(*s, bias=0), "bias is missing"),
        (lambda *s: cut(*s, values=2), "best columns and rows"),
        (lambda layer, between: layer, "Expected kernels of"),
    ],
}  # fmt: skip
