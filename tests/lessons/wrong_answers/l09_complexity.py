import torch
from torch import nn


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


def strictly_cheaper(costs, accuracies):
    """Looks only at those that cost less, not at those that cost the same."""
    points = list(zip(costs, accuracies, strict=True))
    return [i for i, (cost, top1) in enumerate(points) if all(a < top1 for c, a in points if c < cost)]


def no_twins(costs, accuracies):
    """Lets equal networks beat each other."""
    points = list(enumerate(zip(costs, accuracies, strict=True)))
    return [i for i, (c, a) in points if not any(d <= c and b >= a for j, (d, b) in points if j != i)]


def bench(evaluate=True, inside=False, warm=3, wait=True, average=sorted, scale=1000):
    """A benchmark with some of the mistakes."""

    def benchmark(net, lab, batch, runs):
        net.train(not evaluate)
        images = None if inside else lab.images(batch)
        synchronize = lab.synchronize if wait else int
        for _ in range(warm):
            net(images or lab.images(batch))
        times = []
        for _ in range(runs):
            synchronize()
            start = lab.clock()
            net(images or lab.images(batch))
            synchronize()
            times.append(lab.clock() - start)
        return scale * (sorted(times)[runs // 2] if average is sorted else average(times) / runs)

    return benchmark


def chosen(candidates, limits, margin, time=max, best=None, mb=1):
    fit = {n: c for n, c in candidates.items() if time(c["ms"]) <= limits["ms"] and mb * c["mb"] <= limits["mb"]}
    top = max((c["top1"] for c in (best or (lambda c, f: f))(candidates, fit).values()), default=0)
    return {name: max(c["ms"]) for name, c in fit.items() if c["top1"] >= top - margin}


# exercise or build -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "conv_cost": [
        (lambda c, d, k, s: (k * k * d * c, d * s * s, 2 * k * k * c * d * s * s), "counts 1 here"),
        (lambda c, d, k, s: (k * c * d, d * s * s, k * k * c * d * s * s), "kernel · kernel positions"),
        (lambda c, d, k, s: (k * k * c, d * s * s, k * k * c * d * s * s), "there are c_out of them"),
        (lambda c, d, k, s: (k * k * d * c + d, d * s * s, k * k * c * d * s * s), "biases out"),
        (lambda c, d, k, s: (k * k * d * c, s * s, k * k * c * d * s * s), "one feature map"),
        (lambda c, d, k, s: (k * k * d * c, d * s * s, k * k * d * s * s), "all input channels"),
        (lambda *s: 28, "Expected three numbers"),
    ],
    "roofline": [
        (lambda m, w, v, r, b: (m / (4 * w + 4 * v), m / r + 4 * (w + v) / b), "one after the other"),
        (lambda m, w, v, r, b: (m / (4 * w + 4 * v), m / r), "computing alone"),
        (lambda m, w, v, r, b: (m / (4 * w + 4 * v), 4 * (w + v) / b), "fetching alone"),
        (lambda m, w, v, r, b: (m / (4 * w + 4 * v), max(r / m, b / (4 * w + 4 * v))), "work divided by rate"),
        (lambda m, w, v, r, b: (m / (w + v), 1), "4 bytes"),
        (lambda m, w, v, r, b: (m / w / 4, 1), "values in and out"),
        (lambda m, w, v, r, b: 1, "Expected two numbers"),
    ],
    "count_macs": [
        (lambda net, size: 2 * count(net, size, formula=lambda m, x, y: y.numel() * m.weight[0].numel()), "counts 1 here"),
        (lambda net, size: count(net, size, formula=no_groups), "its group's channels"),
        (lambda net, size: count(net, size, formula=lambda m, x, y: x[0, 0].numel() * m.weight.numel()), "stride of 2"),
        (only_modules, "used twice"),
    ],
    "pareto": [
        (lambda costs, accuracies: [accuracies.index(max(accuracies))], "beaten by no other"),
        (lambda costs, accuracies: list(range(len(costs))), "is beaten"),
        (strictly_cheaper, "equal cost"),
        (no_twins, "twins"),
    ],
    "benchmark": [
        (bench(evaluate=False), "training mode"),
        (bench(inside=True), "while the clock ran"),
        (bench(warm=0), "first read: 0"),
        (bench(wait=False), "still computing"),
        (bench(average=sum), "median does not"),
        (bench(scale=1), "return milliseconds"),
        (lambda *args: 4.2, "never called"),
    ],
    "file": [(408_912_512, "bits"), (102_228_128, "32 bits"), (25_557_032, "parameters"), (51, "too small")],
    "separable": [(115_605_504, "plain"), (12_845_056, "missing"), (451_584, "missing"), (67_840, "one pixel")],
    "battery": [(36_000, "ResNet-50"), (144_000, "10 watts"), (3_600, "battery lasts"), (900_000, "divide")],
    "archive": [(57_600, "batches"), (230_400, "do not multiply"), (32, "in a second")],
    "defensible": [
        (lambda c, lim, m: chosen(c, lim, m, time=min), "every time must be within"),
        (lambda c, lim, m: chosen(c, lim, 0), "below the margin"),
        (lambda c, lim, m: chosen(c, lim, m, best=lambda every, fit: every), "the best that fits"),
        (lambda c, lim, m: chosen(c, lim, m, mb=0), "too large"),
        (lambda c, lim, m: "ResNet-50", "Expected a dict"),
        (lambda c, lim, m: {n: min(c[n]["ms"]) for n in chosen(c, lim, m)}, "slowest time of"),
    ],
}  # fmt: skip
