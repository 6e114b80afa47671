import torch
from torch import nn

from lecture8.models.inception_v3 import inception_c
from lecture8.models.layers import Branches, chain


def reduction(c_in, three, reduce, double, *, padding=0, stride=2, pool=True, eps=1e-3):
    steps = {
        "single": chain(c_in, (three, 3, stride, padding), eps=eps),
        "twice": chain(c_in, (reduce, 1), (double, 3), (double, 3, stride, padding), eps=eps),
    }
    return Branches(**steps, **({"pool": nn.MaxPool2d(3, stride=2, padding=padding)} if pool else {}))


def in_a_row(c_in, three, reduce, double):
    return nn.Sequential(nn.MaxPool2d(3, stride=2), chain(c_in, (three, 3)))


def wide(c_in, *, forks=True, pool=None, last=384):
    def fork():
        return Branches(row=chain(384, (last, (1, 3))), column=chain(384, (last, (3, 1))))

    def row():
        return chain(384, (384, (1, 3)), (384, (3, 1)))

    end = fork if forks else row
    return Branches(
        one=chain(c_in, (320, 1)),
        three=nn.Sequential(chain(c_in, (384, 1)), end()),
        twice=nn.Sequential(chain(c_in, (448, 1), (384, 3)), end()),
        pool=nn.Sequential(pool or nn.AvgPool2d(3, stride=1, padding=1), chain(c_in, (192, 1))),
    )


def smooth(label, num_classes, amount, right=None, others=None):
    targets = torch.full((num_classes,), amount / num_classes if others is None else others(num_classes, amount))
    targets[label] = 1 - amount if right is None else right(num_classes, amount)
    return targets


def pair(kernel, size):
    left, values, right = torch.linalg.svd(kernel)
    return left[:, 0] * size(values), right[0]


def gaps(confidence, right):
    which = (confidence * 10).long().clamp(max=9)
    for b in which.unique():
        inside = which == b
        yield inside.double().mean(), confidence[inside].mean() - right[inside].double().mean()


def mean_gap(confidence, right):
    found = list(gaps(confidence, right))
    return sum(abs(gap) for _, gap in found) / len(found)


# exercise -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "channels": [(512, "pooling is a branch"), (768, "split in halves"), (1472, "inner layers"), (896, "not halved"), (5, "too small")],
    "weights": [(258_048, "one of the two"), (1_806_336, "7 × 7 itself"), (14, "per pair"), (2688, "192², not 192"), ("x", "Expected a number")],
    "smooth": [
        (lambda label, n, a: smooth(label, n, a, others=lambda n, a: a / (n - 1)), "right one included"),
        (lambda label, n, a: smooth(label, n, a), "add up to 1"),
        (lambda label, n, a: torch.full((n,), 1 / n), "Expected [0.02"),
        (lambda label, n, a: [0.0] * n, "Expected a tensor"),
        (lambda label, n, a: torch.zeros(n + 1), "Expected a tensor"),
    ],
    "separate": [
        (lambda kernel: pair(kernel, lambda values: 1), "singular value is missing"),
        (lambda kernel: pair(kernel, lambda values: values[0] ** 2), "there twice"),
        (lambda kernel: (kernel.mean(1), kernel.mean(0)), "the best leaves"),
        (lambda kernel: (kernel, kernel), "Expected a column of 3 and a row of 3"),
        (lambda kernel: torch.linalg.svd(kernel)[0], "Expected two tensors"),
    ],
    "error": [
        (lambda confidence, right: abs(confidence.mean() - right.double().mean()), "over everything"),
        (mean_gap, "not all bins alike"),
        (lambda confidence, right: sum(share * gap for share, gap in gaps(confidence, right)), "cancel"),
        (lambda confidence, right: 1 - right.double().mean(), "expected"),
        (lambda confidence: 0.0, "TypeError"),
    ],
    "reduction": [
        (lambda *a: reduction(*a, padding=1), "padding should be"),
        (lambda *a: reduction(*a, stride=1, pool=False), "stride should be"),
        (lambda *a: reduction(*a, pool=False), "returns"),
        (in_a_row, "first difference"),
        (lambda *a: "block", "Expected a network"),
    ],
    "wide": [
        (lambda c: wide(c, forks=False), "returns"),
        (lambda c: wide(c, last=192), "weight shape should be"),
        (lambda c: wide(c, pool=nn.MaxPool2d(3, 1, 1)), "outputs differ"),
        (lambda c: inception_c(1280), "stopped on images"),
        (lambda c: None or [c], "Expected a network"),
    ],
}  # fmt: skip
