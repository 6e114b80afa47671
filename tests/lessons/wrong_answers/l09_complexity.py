import torch
from torch import nn

from lecture8 import complexity


def count(net, size, *, formula):
    found = []
    layers = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    handles = [m.register_forward_hook(lambda m, i, o: found.append(formula(m, i[0], o))) for m in layers]
    with torch.no_grad():
        net.eval()(torch.zeros(1, *size))
    for handle in handles:
        handle.remove()
    return sum(found)


def only_modules(net, size):
    """Counts every layer once, however often it works."""
    first = {}

    def note(m, i, o):
        first.setdefault(id(m), o.numel() * m.weight[0].numel())
        return 0

    count(net, size, formula=note)
    return sum(first.values())


def no_groups(m, x, y):
    channels = m.in_channels if isinstance(m, nn.Conv2d) else m.in_features
    return y.numel() * channels * (m.kernel_size[0] * m.kernel_size[1] if isinstance(m, nn.Conv2d) else 1)


def seconds(macs, params, batch, rate, bandwidth):
    return batch * macs / rate + 4 * params / bandwidth


def strictly_cheaper(costs, accuracies):
    """Looks only at those that cost less, not at those that cost the same."""
    points = list(zip(costs, accuracies, strict=True))
    return [i for i, (cost, top1) in enumerate(points) if all(a < top1 for c, a in points if c < cost)]


def no_twins(costs, accuracies):
    """Lets equal networks beat each other."""
    points = list(enumerate(zip(costs, accuracies, strict=True)))
    return [i for i, (c, a) in points if not any(d <= c and b >= a for j, (d, b) in points if j != i)]


# exercise -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "megabytes": [(817_825_024, "bits"), (51_114_064, "16 bits"), (25_557_032, "parameters"), (102, "too small")],
    "separable": [(115_605_504, "plain"), (12_845_056, "missing"), (451_584, "missing"), (67_840, "one pixel")],
    "images_per_second": [
        (seconds, "seconds for the batch"),
        (lambda m, p, b, r, w: b * m / r + p, "Expected"),
        (lambda m, p, b, r, w: 1 / seconds(m, p, b, r, w), "batches per second"),
        (lambda m, p, b, r, w: b / (b * m / r + p / w), "4 bytes"),
        (lambda m, p, b, r, w: 1 / (m / r + 4 * p / w), "once for the whole batch"),
        (lambda m, p, b, r, w: r / m, "takes time, too"),
        (lambda m, p, b, r, w: "fast", "Expected a number"),
    ],
    "largest_batch": [
        (lambda net, size, limit: limit // complexity.memory(net, size, 1).peak, "one more would still fit"),
        (lambda net, size, limit: 100, "the peak is"),
        (lambda net, size, limit: limit / complexity.memory(net, size, 1).peak, "whole number"),
    ],
    "pareto": [
        (lambda costs, accuracies: [accuracies.index(max(accuracies))], "beaten by no other"),
        (lambda costs, accuracies: list(range(len(costs))), "is beaten by another"),
        (strictly_cheaper, "equal cost"),
        (no_twins, "twins"),
        (lambda costs, accuracies: max(accuracies), "as a list"),
    ],
    "count_macs": [
        (lambda net, size: 2 * count(net, size, formula=lambda m, x, y: y.numel() * m.weight[0].numel()), "counts 1 here"),
        (lambda net, size: count(net, size, formula=no_groups), "its group's channels"),
        (lambda net, size: count(net, size, formula=lambda m, x, y: x[0, 0].numel() * m.weight.numel()), "stride of 2"),
        (lambda net, size: count(net, size, formula=lambda m, x, y: y.numel() * (m.weight[0].numel() + 1)), "one convolution"),
        (only_modules, "used twice"),
        (lambda net, size: net, "Expected a number"),
    ],
}  # fmt: skip
