"""09 Complexity: the solutions of its builds and exercises, and their checks."""

import torch
from torch import nn

from lecture8 import complexity, models
from lecture8.lessons.l09_complexity import bench
from lecture8.teaching import Verdict, called, correct, wrong
from lecture8.words import phrase


def conv_cost(c_in, c_out, kernel, side):
    parameters = kernel * kernel * c_in * c_out
    values = c_out * side * side
    macs = kernel * kernel * c_in * values
    return parameters, values, macs


def roofline(macs, weights, values, rate, bandwidth):
    moved = 4 * (weights + values)
    return macs / moved, max(macs / rate, moved / bandwidth)


def count_macs(net, size):
    found = []

    def hook(layer, inputs, output):
        found.append(output.numel() * layer.weight[0].numel())

    layers = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(hook) for layer in layers]
    with torch.no_grad():
        net.eval()(torch.zeros(1, *size))
    for one in hooks:
        one.remove()
    return sum(found)


def pareto(costs, accuracies):
    points = list(zip(costs, accuracies))

    def beats(other, one):
        return other[0] <= one[0] and other[1] >= one[1] and other != one

    return [i for i, one in enumerate(points) if not any(beats(other, one) for other in points)]


@torch.inference_mode()
def benchmark(net, lab, batch, runs):
    net.eval()
    images = lab.images(batch)
    for _ in range(3):
        net(images)
    times = []
    for _ in range(runs):
        lab.synchronize()
        start = lab.clock()
        net(images)
        lab.synchronize()
        times.append(lab.clock() - start)
    return 1000 * sorted(times)[runs // 2]


def my_bytes():
    return 25_557_032 * 2


def my_macs():
    return (9 + 256) * 256 * 14**2


def my_images():
    return 36_000 * 100 // 250


def my_photographs():
    return 8 * 3600 * 1000 // 500 * 16


def defensible(candidates, limits, margin):
    slowest = {name: max(one["ms"]) for name, one in candidates.items()}
    fit = {
        name: one["top1"]
        for name, one in candidates.items()
        if slowest[name] <= limits["ms"] and one["mb"] <= limits["mb"]
    }
    return {name: slowest[name] for name in fit if fit[name] >= max(fit.values()) - margin}


def number(answer) -> bool:
    """Whether it is a number, and not True or False."""
    return isinstance(answer, int | float) and not isinstance(answer, bool)


def near(answer: float, value: float) -> bool:
    return abs(answer - value) <= 1e-5 * abs(value)


def check_conv_cost(answer) -> Verdict:
    words = ("parameters", "output values", "multiply-adds")
    for case in ((3, 96, 11, 55), (64, 64, 3, 28), (256, 64, 1, 14)):
        c_in, c_out, kernel, side = case
        got, want = called(answer, *case), conv_cost(*case)
        if not isinstance(got, tuple | list) or len(got) != 3 or not all(map(number, got)):
            kinds = (
                ", ".join(type(part).__name__ for part in got)
                if isinstance(got, tuple | list)
                else got
            )
            return wrong(f"Expected three numbers, got {kinds}.")
        traps = {
            kernel * c_in * c_out: "A square kernel has kernel · kernel positions.",
            kernel**2 * c_in: "That is one kernel; there are c_out of them.",
            kernel**2 * c_out: "A kernel has weights for every input channel.",
            side**2: "That is one feature map; the layer outputs c_out of them.",
            kernel**2 * want[1]: "Each output value sums over all input channels, too.",
            want[0] + c_out: "Leave the biases out here.",
            2 * want[2]: "A multiply-add counts 1 here, not 2.",
        }
        for word, mine, right in zip(words, got, want):
            if not near(mine, right):
                hint = next((said for value, said in traps.items() if near(mine, value)), "")
                return wrong(
                    f"{c_in} to {c_out} channels, kernel {kernel}, side {side}: expected {right:,} {word}, got {mine:,}."
                    + f" {hint}".rstrip()
                )
    return correct("Right for three convolutions, among them AlexNet's first.")


def check_roofline(answer) -> Verdict:
    for macs, weights, values, rate, bandwidth in (
        (64e6, 8e6, 2e6, 40e9, 10e9),
        (800e6, 3e6, 9e6, 40e9, 10e9),
        (29e6, 29e6, 10e3, 40e12, 1e12),
    ):
        got = called(answer, macs, weights, values, rate, bandwidth)
        moved = 4 * (weights + values)
        computing, fetching = macs / rate, moved / bandwidth
        if not isinstance(got, tuple | list) or len(got) != 2 or not all(map(number, got)):
            kinds = (
                [type(part).__name__ for part in got] if isinstance(got, tuple | list) else got
            )
            return wrong(
                f"Expected two numbers, multiply-adds per byte and seconds, got {kinds}."
            )
        case = f"{macs / 1e6:g} M multiply-adds, {weights / 1e6:g} M weights, {values / 1e6:g} M values"
        traps = {
            macs / (weights + values): "Each number takes 4 bytes.",
            macs / (4 * weights): "The values in and out are moved, too.",
            macs / (4 * values): "The weights are moved, too.",
            moved / macs: "That is bytes per multiply-add.",
        }
        if not near(got[0], macs / moved):
            hint = next((said for value, said in traps.items() if near(got[0], value)), "")
            return wrong(
                f"{case}: expected {macs / moved:.4g} multiply-adds per byte, got {got[0]:.4g}."
                + f" {hint}".rstrip()
            )
        want = max(computing, fetching)
        if near(got[1], want):
            continue
        one = "the machine has to wait for the longer of the two."
        traps = {
            computing + fetching: "That is one after the other; the machine fetches while it computes.",
            computing: f"That is computing alone: {one}",
            fetching: f"That is fetching alone: {one}",
            max(rate / macs, bandwidth / moved): "A rate is work per second: seconds are work divided by rate.",
        }  # fmt: skip
        hint = next((said for value, said in traps.items() if near(got[1], value)), "")
        return wrong(
            f"{case}, computing {computing:.4g} s, fetching {fetching:.4g} s: expected {want:.4g} s, got {got[1]:.4g}."
            + f" {hint}".rstrip()
        )
    return correct("Right for a memory-bound and for a compute-bound layer.")


def check_count_macs(answer) -> Verdict:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        nets = {
            "one convolution": (nn.Sequential(nn.Conv2d(3, 8, 3, padding=1)), (3, 8, 8)),
            "a stride of 2": (nn.Sequential(nn.Conv2d(3, 8, 3, stride=2)), (3, 9, 9)),
            "a kernel of 1 × 7": (nn.Sequential(nn.Conv2d(3, 8, (1, 7))), (3, 9, 9)),
            phrase("groups"): (nn.Sequential(nn.Conv2d(4, 8, 3, groups=2)), (4, 8, 8)),
            "a linear layer": (nn.Sequential(nn.Flatten(), nn.Linear(12, 5)), (3, 2, 2)),
            "a layer that is used twice": (nn.Sequential(*[nn.Conv2d(4, 4, 1)] * 2), (4, 6, 6)),
            "ResNet-20": (models.small.resnet(20), (3, 32, 32)),
        }
    for case, (net, size) in nets.items():
        want, got = complexity.profile(net, size).macs, called(answer, net, size)
        if not number(got):
            return wrong(f"Expected a number for {case}, got {type(got).__name__}.")
        if near(got, want):
            continue
        if got != 2 * want:
            return wrong(f"For {case} expected {want:,}, got {got:,}.")
        if case == "groups":
            return wrong(
                f"For {case} expected {want:,}, got {got:,}: each kernel sees only its group's channels."
            )
        return wrong(
            f"For {case} expected {want:,}, got {got:,}: a multiply-add counts 1 here, not 2."
        )
    return correct("The same as the course's profiler, with groups, strides and shared layers.")


def check_pareto(answer) -> Verdict:
    cases = {
        "three in a row": ([1, 2, 3], [50, 60, 70]),
        "one that is more expensive and worse": ([1, 2, 3], [50, 70, 60]),
        "equal accuracy at different cost": ([3, 1, 2], [70, 70, 60]),
        "equal cost": ([1, 1, 2], [50, 60, 65]),
        phrase("twins"): ([1, 1], [50, 50]),
    }
    for case, (costs, accuracies) in cases.items():
        want = pareto(costs, accuracies)
        got = called(answer, costs, accuracies)
        if not isinstance(got, list | tuple | set) or not all(map(number, got)):
            return wrong(f"Expected the positions as a list, got {got!r}.")
        if sorted(got) != want:
            extra, missing = sorted(set(got) - set(want)), sorted(set(want) - set(got))
            which = (
                f"{extra[0]} is beaten"
                if extra
                else f"{missing[0]} is beaten by no other"
                if missing
                else "listed twice"
            )
            return wrong(
                f"With {case} (costs {costs}, accuracies {accuracies}) expected {want}, got {sorted(got)}: number {which}."
            )
    return correct("Right for all cases, with ties and twins.")


def check_benchmark(answer) -> Verdict:
    for batch, runs in ((1, 7), (4, 7)):
        lab = bench.Lab()
        got, exact = called(answer, lab.net, lab, batch, runs), 0.2 + 4 * batch
        if not number(got):
            return wrong(f"Expected milliseconds, got {type(got).__name__}.")
        off = abs(got / exact - 1) > 0.02
        found = _mistake(lab) if off or lab.early else ""
        if off and not found:
            if abs(1000 * got / exact - 1) < 0.02:
                found = "Those are seconds: return milliseconds."
            elif abs(got * batch / exact - 1) < 0.02:
                found = "Return the time of the whole batch, not of one image."
            else:
                found = "In one call of five another program disturbed the device: an average counts that in, the median does not."
        if found:
            return wrong(
                f"The lab's network takes {exact:.1f} ms for a batch of {batch}; your benchmark says {got:.4g}. {found}"
            )
    return correct(f"{bench.Lab.EXACT} ms for one image, and the right time for four.")


def _mistake(lab: bench.Lab) -> str:
    """What a benchmark did wrong in a lab, in a sentence; '' if nothing is known."""
    if not lab.calls:
        return "The network was never called."
    if lab.training_calls:
        return "The network was in training mode: call net.eval()."
    if lab.inside:
        return "Images were made while the clock ran: make them before you start it."
    if lab.early:
        return "The clock was read while the device was still computing: lab.synchronize() waits for it, before the start and before the end."
    if lab.calls_before is None or lab.calls_before < lab.WARM_UP:
        return f"Calls before the clock was first read: {lab.calls_before or 0}. The first {lab.WARM_UP} are slow and do not count."
    return ""


def check_defensible(answer) -> Verdict:
    a = {"top1": 76.1, "ms": [18.0, 19.5, 18.4], "mb": 51}
    cases = {
        "all fit, one is clearly the best": ({"a": a, "b": {"top1": 69.8, "ms": [9.0, 9.1], "mb": 23}}, {"ms": 20, "mb": 60}),
        "one of three times is over the limit": (
            {"a": a | {"ms": [18.0, 20.5, 18.4]}, "b": {"top1": 69.8, "ms": [9.0, 9.1], "mb": 23}}, {"ms": 20, "mb": 60},
        ),
        "one is too large": ({"a": a, "b": {"top1": 69.8, "ms": [9.0], "mb": 23}}, {"ms": 20, "mb": 30}),
        "two within the margin": (
            {"a": a, "b": {"top1": 75.9, "ms": [9.0, 9.4], "mb": 23}, "c": {"top1": 73.0, "ms": [8.0], "mb": 9}}, {"ms": 20, "mb": 60},
        ),
        "the most accurate does not fit": (
            {"a": a | {"ms": [25.0]}, "b": {"top1": 75.9, "ms": [9.0], "mb": 23}, "c": {"top1": 75.5, "ms": [8.0], "mb": 9}}, {"ms": 20, "mb": 60},
        ),
        "nothing fits": ({"a": a}, {"ms": 5, "mb": 60}),
    }  # fmt: skip
    for case, (candidates, limits) in cases.items():
        want, got = defensible(candidates, limits, 0.5), called(answer, candidates, limits, 0.5)
        if not isinstance(got, dict) or not all(map(number, got.values())):
            return wrong(f"Expected a dict, name → slowest time, got {got!r}.")
        if set(got) != set(want):
            hint = ""
            if case == "one of three times is over the limit" and "a" in got:
                hint = " A typical time is no promise: every time must be within the limit."
            elif case == "two within the margin" and len(got) < 2:
                hint = " A difference below the margin is no reason to prefer one."
            elif not set(want) <= set(got):
                hint = " Compare with the best that fits, not with the best of all."
            return wrong(
                f"Case: {case}. Expected {sorted(want)}, got {sorted(got, key=str)}." + hint
            )
        if off := [name for name in want if not near(got[name], want[name])]:
            return wrong(
                f"The slowest time of {off[0]!r} is {want[off[0]]}, not {got[off[0]]}."
            )
    return correct("Right for six tables. Whatever is left is a choice that you can defend.")
