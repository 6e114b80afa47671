"""07 Inception-v3: the solutions of its builds and exercises, and their checks."""

import copy
import math

import torch
from torch import nn
from torch.nn import functional as F

from lecture8 import models
from lecture8.models.inception_v3 import (
    inception_a, inception_c, reduction_a, reduction_b, stem,
)  # fmt: skip
from lecture8.models.layers import Branches
from lecture8.teaching import Verdict, called, correct, same_network, shape, wrong


def conv(c_in, c_out, kernel, stride=1, padding=0):
    """As in the lesson's first code cell: convolution, batch normalization, ReLU."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(c_out, eps=0.001),
        nn.ReLU(),
    )


# --- builds ----------------------------------------------------------------------------------


def pair(c_in, c_out, kernel):
    first, second = kernel, kernel[::-1]
    return nn.Sequential(
        conv(c_in, c_in, first, padding=(first[0] // 2, first[1] // 2)),
        conv(c_in, c_out, second, padding=(second[0] // 2, second[1] // 2)),
    )


def separate(kernel, pairs):
    left, values, right = torch.linalg.svd(kernel)
    left, values, right = left[:, :pairs], values[:pairs], right[:pairs]
    return left * values, right


def module_b(c_in, width):
    return Branches(
        one=conv(c_in, 192, 1),
        seven=nn.Sequential(conv(c_in, width, 1), pair(width, 192, (1, 7))),
        twice_seven=nn.Sequential(
            conv(c_in, width, 1), pair(width, width, (7, 1)), pair(width, 192, (7, 1))
        ),
        pool=nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), conv(c_in, 192, 1)),
    )


def side_by_side(c, pooling=nn.MaxPool2d):
    return Branches(conv=conv(c, c, 3, stride=2, padding=1), pool=pooling(2))


def inception_v3(num_classes):
    return nn.Sequential(
        stem(),
        *(inception_a(192, 32), inception_a(256, 64), inception_a(288, 64)),
        reduction_a(288),
        *(module_b(768, 128), module_b(768, 160), module_b(768, 160), module_b(768, 192)),
        reduction_b(768),
        *(inception_c(1280), inception_c(2048)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(2048, num_classes)),
    )


def smoothed_loss(logits, labels, amount):
    classes = logits.shape[1]
    targets = torch.full_like(logits, amount / classes)
    targets[range(len(labels)), labels] += 1 - amount
    return -(targets * logits.log_softmax(1)).sum(1).mean()


# --- exercises -------------------------------------------------------------------------------


def my_work():
    return 3 * 3 * 320 * 320 * 17 * 17


def gap(amount, classes):
    return math.log((1 - amount + amount / classes) / (amount / classes))


def calibration_error(confidence, right):
    which, error = (confidence * 10).long().clamp(max=9), 0.0
    for b in which.unique():
        inside = which == b
        difference = confidence[inside].mean() - right[inside].double().mean()
        error += inside.double().mean() * abs(difference)
    return error


def report(net, images, labels):
    net.eval()
    with torch.no_grad():
        logits = net(images)
    loss = nn.functional.cross_entropy(logits, labels).item()
    confidence, chosen = logits.softmax(1).max(1)
    return loss, (chosen == labels).float().mean().item(), confidence.mean().item()


def factorize(layer, between):
    c_out, c_in, high, wide = layer.weight.shape
    table = layer.weight.detach().permute(1, 2, 0, 3).reshape(c_in * high, c_out * wide)
    left, values, right = torch.linalg.svd(table, full_matrices=False)
    column = nn.Conv2d(
        c_in, between, (high, 1), (layer.stride[0], 1), (layer.padding[0], 0), bias=False
    )
    row = nn.Conv2d(between, c_out, (1, wide), (1, layer.stride[1]), (0, layer.padding[1]))
    scaled = (left[:, :between] * values[:between]).T
    column.weight.data = scaled.reshape(between, c_in, high, 1).contiguous()
    row.weight.data = right[:between].view(between, c_out, 1, wide).transpose(0, 1).contiguous()
    row.bias.data = layer.bias.data
    return nn.Sequential(column, row)


# --- checks ----------------------------------------------------------------------------------


def _with_numbers(net: nn.Module) -> nn.Module:
    """A copy of a network with numbers in place of `padding="same"`, which does the same."""
    net = copy.deepcopy(net)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d) and layer.padding == "same":
            if all(n % 2 for n in layer.kernel_size):
                layer.padding = tuple(n // 2 for n in layer.kernel_size)
    return net


def network_check(solution, cases: dict[tuple, tuple], message: str):
    """A check that a function builds the same networks as `solution`: its arguments -> an input's shape."""

    def check(answer) -> Verdict:
        for settings, image_shape in cases.items():
            mine = called(answer, *settings)
            names = [getattr(setting, "__name__", str(setting)) for setting in settings]
            case = f"{solution.__name__}({', '.join(names)})"
            if not isinstance(mine, nn.Module):
                return wrong(
                    f"{case}: expected a network (nn.Module), got {type(mine).__name__}."
                )
            verdict = same_network(_with_numbers(mine), solution(*settings), image_shape)
            if not verdict:
                return wrong(f"{case}: {verdict.message}")
        return correct(message)

    return check


check_pair = network_check(
    pair,
    {(4, 6, (1, 7)): (4, 9, 9), (4, 4, (7, 1)): (4, 9, 9), (3, 5, (1, 3)): (3, 8, 8)},
    "Both orders, for 3 and 7: the size is kept, and a unit sees the whole square.",
)
check_module_b = network_check(
    module_b,
    {(768, 128): (768, 7, 7), (32, 16): (32, 9, 9)},
    "Your module computes what the paper's Figure 6 does, for two widths.",
)
check_side_by_side = network_check(
    side_by_side,
    {(8,): (8, 16, 16), (3,): (3, 12, 12), (8, nn.AvgPool2d): (8, 16, 16)},
    "Half of the channels are convolved, half are pooled, and both come from the whole input.",
)


def check_inception_v3(answer) -> Verdict:
    """The student's network against the library's, which copies of the published weights fit."""
    mine = called(answer, 10)
    if not isinstance(mine, nn.Module):
        return wrong(f"Expected a network (nn.Module), got {type(mine).__name__}.")
    verdict = same_network(_with_numbers(mine), models.inception_v3(10), (3, 107, 107))
    if not verdict:
        return wrong(verdict.message)
    return correct("48 layers deep, and the same as the library's, layer by layer.")


def check_separate(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    for size, pairs in (((7, 7), 1), ((7, 7), 3), ((5, 3), 2)):
        kernel = torch.randn(*size, generator=generator, dtype=torch.float64)
        got, case = called(answer, kernel, pairs), f"for {size[0]} × {size[1]}, {pairs} pair(s)"
        if not isinstance(got, tuple | list) or len(got) != 2:
            return wrong(
                f"Expected columns and rows {case}, two tensors; got {type(got).__name__}."
            )
        columns, rows = got
        wanted = f"{size[0]} × {pairs}", f"{pairs} × {size[1]}"
        if (shape(columns), shape(rows)) != wanted:
            return wrong(
                f"Expected columns of {wanted[0]} and rows of {wanted[1]} for {size[0]} × {size[1]}, {pairs} pair(s), "
                f"got {shape(columns)} and {shape(rows)}."
            )
        best = torch.matmul(*separate(kernel, pairs))
        found, least = (
            (kernel - part).square().sum() for part in (columns.double() @ rows.double(), best)
        )
        if found <= least * (1 + 1e-6) + 1e-9:
            continue
        left, values, right = torch.linalg.svd(kernel)
        for power, remark in ((0, "are missing"), (2, "are there twice")):
            part = (left[:, :pairs] * values[:pairs] ** power) @ right[:pairs]
            if torch.allclose(columns.double() @ rows.double(), part):
                return wrong(f"The directions are right {case}, but the values {remark}.")
        return wrong(
            f"Your pairs leave {found:.3f} of the energy {case}; the best leave {least:.3f}."
        )
    return correct("The best pairs that there are, for square and other kernels.")


def check_smoothed_loss(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    for classes, amount in ((5, 0.1), (10, 0.2), (4, 0.0)):
        logits = 2 * torch.randn(6, classes, generator=generator)
        labels = torch.randint(classes, (6,), generator=generator)
        logits.requires_grad_()
        got = called(answer, logits, labels, amount)
        case = f"for {classes} classes and an amount of {amount}"
        if not isinstance(got, int | float):
            return wrong(f"Expected one number {case}, got {shape(got)}.")
        want = F.cross_entropy(logits, labels, label_smoothing=amount).item()
        if abs(got - want) < 1e-4 * abs(want):
            continue
        others = {
            "that is the sum over the batch; take the mean.": want * 6,
            "that is also divided by the number of classes: sum over the classes, then take the mean over the batch.": want
            / classes,
            "the sign is wrong: log-probabilities are negative.": -want,
            "that is the loss without smoothing.": F.cross_entropy(logits, labels).item(),
            "the share is spread over ALL classes, the correct one included.": _only_others(
                logits, labels, amount
            ),
            "the correct class keeps 1 - amount AND its part of the share.": _replaced(
                logits, labels, amount
            ),
        }
        for remark, value in others.items():
            if abs(got - value) < 1e-4 * abs(value):
                return wrong(f"Expected {want:.4f} {case}, got {got:.4f}: {remark}")
        return wrong(f"Expected {want:.4f} {case}, got {got:.4f}.")
    if not getattr(answer(logits, labels, 0.1), "requires_grad", False):
        return wrong(
            "The value is right, but no gradient comes back: compute with tensors to the end."
        )
    return correct(
        "The same as `F.cross_entropy(logits, labels, label_smoothing=amount)`, gradient and all."
    )


def _only_others(logits, labels, amount) -> float:
    classes = logits.shape[1]
    targets = torch.full_like(logits, amount / (classes - 1))
    targets[range(len(labels)), labels] = 1 - amount
    return -(targets * logits.log_softmax(1)).sum(1).mean().item()


def _replaced(logits, labels, amount) -> float:
    targets = torch.full_like(logits, amount / logits.shape[1])
    targets[range(len(labels)), labels] = 1 - amount
    return -(targets * logits.log_softmax(1)).sum(1).mean().item()


def check_gap(answer) -> Verdict:
    for amount, classes in ((0.1, 10), (0.1, 1000), (0.2, 5)):
        got, want = called(answer, amount, classes), gap(amount, classes)
        case = f"for amount={amount}, classes={classes}"
        if isinstance(got, bool) or not isinstance(got, int | float):
            return wrong(f"Expected a number {case}, got {shape(got)}.")
        if abs(got - want) < 1e-5:
            continue
        others = {
            "that is the ratio of the two probabilities. A logit is a logarithm.": math.exp(
                want
            ),
            "use the natural logarithm, `math.log`.": want / math.log(10),
            "the correct class also gets its part of the share.": math.log(
                (1 - amount) / (amount / classes)
            ),
            "the share is divided by all classes, the correct one included.": math.log(
                (1 - amount) / (amount / (classes - 1))
            ),
            "that is the logarithm of the correct class's target only.": math.log(
                1 - amount + amount / classes
            ),
        }
        for remark, value in others.items():
            if abs(got - value) < 1e-5:
                return wrong(f"Expected {want:.3f} {case}, got {got:.3f}: {remark}")
        return wrong(f"Expected {want:.3f} {case}, got {got:.3f}.")
    return correct("4.51 for ten classes, 9.11 for ImageNet's thousand.")


def check_error(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    for count, lift in ((1000, 0.0), (500, 0.3), (40, -0.2)):
        confidence = 0.1 + 0.9 * torch.rand(count, generator=generator, dtype=torch.float64)
        hits = torch.rand(count, generator=generator, dtype=torch.float64) < confidence - lift
        which = (confidence * 10).long().clamp(max=9)
        gaps = [
            (confidence[which == b].mean() - hits[which == b].double().mean()).item()
            for b in which.unique()
        ]
        shares = [(which == b).sum().item() / count for b in which.unique()]
        want = sum(share * abs(gap) for share, gap in zip(shares, gaps))
        got = called(answer, confidence, hits)
        if isinstance(got, bool) or not isinstance(got, int | float):
            return wrong(f"Expected one number, got {shape(got)}.")
        if abs(got - want) < 1e-6:
            continue
        case = f"For {count} predictions expected {want:.4f}, got {got:.4f}"
        signed = sum(share * gap for share, gap in zip(shares, gaps))
        if abs(abs(got) - abs(signed)) < 1e-6:
            return wrong(
                f"{case}: gaps of both signs cancel. Take |gap| in each bin before you average."
            )
        if abs(got - sum(map(abs, gaps)) / len(gaps)) < 1e-6:
            return wrong(f"{case}: a bin counts as much as the predictions that it holds.")
        return wrong(f"{case}.")
    return correct("The mean gap between confidence and accuracy, bin by bin.")


def check_report(answer) -> Verdict:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 5)
        )
        for _ in range(3):  # so that batch and running statistics differ
            net(2 + 3 * torch.randn(64, 8))
        images = 2 + 3 * torch.randn(40, 8)
        labels = net.eval()(images).argmax(1)
        labels[::4] = (labels[::4] + 1) % 5
        want = report(net, images, labels)
        got = called(answer, net.train(), images, labels)
        if not isinstance(got, tuple | list) or len(got) != 3:
            return wrong(f"Expected loss, accuracy and confidence, got {type(got).__name__}.")
        if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in got):
            return wrong("Expected three numbers: loss, accuracy, confidence.")
        alike = [abs(a - b) < 1e-4 for a, b in zip(got, want)]
        if all(alike):
            return correct(
                "All three mistakes are gone. Smoothing belongs to training, not to the report."
            )
        return wrong(_what_is_left(net, images, labels, got, alike))


def _what_is_left(net, images, labels, got, alike) -> str:
    if got[2] < 1 / 5:  # the largest of five probabilities cannot be less
        return f"A confidence of {got[2]:.2f}, with five classes: along which axis do the probabilities add up to 1?"
    if not alike[1]:
        again = [(net.train()(images).argmax(1) == labels).float().mean() for _ in range(3)]
        return (
            f"The accuracy {got[1]:.2f} is not this network's (it varies from run to run: {min(again):.2f} to "
            f"{max(again):.2f}): which of its layers act only in training?"
        )
    smoothed = F.cross_entropy(net.eval()(images), labels, label_smoothing=0.1).item()
    if abs(got[0] - smoothed) < 1e-4:
        return "The loss is still that of smoothed labels: even a perfect network could not reach 0."
    if not alike[2]:
        return f"The confidence should be the mean probability of the chosen class; got {got[2]:.2f}."
    return f"The loss should be the mean cross-entropy of the true labels; got {got[0]:.4f}."


def check_factorize(answer) -> Verdict:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _check_factorize(answer)


@torch.no_grad()
def _check_factorize(answer) -> Verdict:
    for layer, between in (
        (nn.Conv2d(4, 6, 5, padding=2), 20),
        (nn.Conv2d(3, 8, 7, stride=2, padding=3), 5),
        (nn.Conv2d(4, 6, 5, padding=2), 3),
    ):
        case = f"for {layer.in_channels} → {layer.out_channels} channels, {between} between"
        mine, images = called(answer, layer, between), torch.randn(2, layer.in_channels, 16, 16)
        if not isinstance(mine, nn.Module):
            return wrong(
                f"Expected two convolutions in a network {case}, got {type(mine).__name__}."
            )
        convs = [m for m in mine.modules() if isinstance(m, nn.Conv2d)]
        size = layer.kernel_size[0]
        if [c.kernel_size for c in convs] != [(size, 1), (1, size)]:
            return wrong(
                f"Expected kernels of {size} × 1 and then 1 × {size} {case}, got {[c.kernel_size for c in convs]}."
            )
        if convs[0].out_channels != between:
            return wrong(
                f"Expected {between} channels between the two {case}, got {convs[0].out_channels}."
            )
        want, got = factorize(layer, between)(images), mine(images)
        if got.shape != want.shape:
            return wrong(
                f"Expected outputs of {shape(want)} for {layer.in_channels} → {layer.out_channels} channels, {between} between, "
                f"got {shape(got)}: each of the two has its own part of stride and padding."
            )
        if torch.allclose(got, want, atol=1e-4):
            continue
        if torch.allclose(got + layer.bias[:, None, None], want, atol=1e-4):
            return wrong(f"The bias is missing {case}: give it to the second convolution.")
        return wrong(
            f"The shapes are right {case}, but these are not the best columns and rows: are the axes of the table in order?"
        )
    return correct(
        "The best pair with that many channels between; with enough of them it is the layer itself."
    )
