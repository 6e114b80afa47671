"""04 VGG: the solutions of its builds and exercises, and their checks."""

import torch
from torch import nn
from torch.nn import functional as F

from lecture8.models.layers import gaussian_init
from lecture8.models.vgg import CONFIGURATIONS
from lecture8.teaching import Verdict, called, correct, same_network, shape, wrong
from lecture8.words import phrase


def vgg_block(c_in, c_out, kernels):
    layers = []
    for kernel in kernels:
        layers += [nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2), nn.ReLU()]
        c_in = c_out
    layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def vgg(
    column, num_classes, side=224, widths=(64, 128, 256, 512, 512), hidden=4096, channels=3
):
    blocks = []
    for kernels, width in zip(column, widths):
        blocks.append(vgg_block(channels, width, kernels))
        channels, side = width, side // 2
    return nn.Sequential(
        *blocks,
        nn.Flatten(),
        *(nn.Linear(channels * side**2, hidden), nn.ReLU(), nn.Dropout(0.5)),
        *(nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.5)),
        nn.Linear(hidden, num_classes),
    )


def field(layers):
    side, step = 1, 1
    for kernel, stride in layers:
        side = side + (kernel - 1) * step
        step = step * stride
    return side


def stamp(first, second):
    merged = torch.zeros(5, 5, dtype=first.dtype)
    for row in range(3):
        for column in range(3):
            merged[row : row + 3, column : column + 3] += second[row, column] * first
    return merged


def nearest(known, labels, asked):
    distances = torch.cdist(asked, known)
    return labels[distances.argmin(1)]


def check_vgg_block(answer) -> Verdict:
    for settings in ((3, 8, [3]), (4, 6, [3, 3]), (2, 5, [3, 3, 1]), (3, 4, [5])):
        mine = called(answer, *settings)
        if not isinstance(mine, nn.Module):
            return wrong(f"Expected a network (nn.Module), got {type(mine).__name__}.")
        verdict = same_network(mine, vgg_block(*settings), (settings[0], 16, 16))
        if not verdict:
            return wrong(f"vgg_block{settings}: {verdict.message}")
    return correct(
        "Your block computes what the paper's does, with 3 × 3, 1 × 1 and 5 × 5 kernels."
    )


def check_vgg(answer) -> Verdict:
    for name, side, channels in (("A", 64, 3), ("C", 32, 1)):
        settings = (CONFIGURATIONS[name], 10, side, (4, 6, 8, 8, 8), 16, channels)
        mine = called(answer, *settings)
        if not isinstance(mine, nn.Module):
            return wrong(f"Expected a network (nn.Module), got {type(mine).__name__}.")
        verdict = same_network(mine, vgg(*settings), (channels, side, side))
        if not verdict:
            return wrong(f"Configuration {name}, images of {side} × {side}: {verdict.message}")
    return correct("The table's columns become the paper's networks.")


def rows_of(configuration: str) -> list[tuple[int, int]]:
    """(kernel, stride) of every convolution and pooling layer of a configuration."""
    rows = []
    for kernels in CONFIGURATIONS[configuration]:
        rows += [(kernel, 1) for kernel in kernels if kernel != "LRN"] + [(2, 2)]
    return rows


def check_field(answer) -> Verdict:
    cases = {
        phrase("one 3 × 3"): ([(3, 1)], 3),
        phrase("two 3 × 3"): ([(3, 1)] * 2, 5),
        "a 2 × 2 pooling with stride 2, then one 3 × 3": ([(2, 2), (3, 1)], 6),
        phrase("AlexNet's conv1, pool1, conv2"): ([(11, 4), (3, 2), (5, 1)], 51),
        phrase("configuration B"): (rows_of("B"), 156),
    }
    for name, (layers, want) in cases.items():
        got = called(answer, layers)
        if got != want:
            hint = ""
            if got == 1 + sum(kernel - 1 for kernel, _ in layers):
                hint = " That is the sum without strides: after a stride of 2 one step is two pixels."
            elif got == sum(kernel for kernel, _ in layers):
                hint = " A kernel of k adds k - 1 steps: the windows overlap."
            elif want > 1 and got == want - 1:
                hint = " Start from 1: with no layer, a unit sees one pixel."
            first = ", ".join(map(str, layers[:3])) + ", …" * (len(layers) > 3)
            return wrong(f"For {name}, [{first}], expected {want}, got {got}.{hint}")
    return correct("Right for five chains of layers, with strides and without.")


def check_stamp(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    first, second, image = (torch.randn(n, n, generator=generator) for n in (3, 3, 12))
    got = called(answer, first, second)
    if not isinstance(got, torch.Tensor) or got.shape != (5, 5):
        return wrong(f"Expected a kernel of 5 × 5, got {shape(got)}.")
    twice = F.conv2d(F.conv2d(image[None, None], first[None, None]), second[None, None])
    others = {
        "Every stamp has the full weight: scale each by one weight of the second kernel.": torch.ones(
            3, 3
        ),
        "The stamps' weights are in the wrong places: is the second kernel flipped?": second.flip(
            0, 1
        ),
        "The stamps' weights are in the wrong places: rows and columns are exchanged.": second.T,
    }
    if torch.allclose(F.conv2d(image[None, None], got[None, None].float()), twice, atol=1e-4):
        return correct("One 5 × 5 kernel computes what the two 3 × 3 kernels compute.")
    for remark, weights in others.items():
        if torch.allclose(got, stamp(first, weights), atol=1e-4):
            return wrong(remark)
    return wrong(
        "On a random image your kernel and the two 3 × 3 kernels give different numbers."
    )


def check_nearest(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    known, asked = (torch.randn(n, 6, generator=generator) * 3 for n in (30, 9))
    labels = torch.arange(30) % 7
    distances = torch.cdist(asked, known)
    got = called(answer, known, labels, asked)
    if not isinstance(got, torch.Tensor) or got.shape != (9,):
        return wrong(f"9 images are asked for, so expected 9 labels; got {shape(got)}.")
    others = {
        "These are the positions of the neighbors: look up their labels.": distances.argmin(1),
        "These are the labels of the farthest images: take the smallest distance.": labels[
            distances.argmax(1)
        ],
        "This compares by the product of the features, not by their distance.": labels[
            (asked @ known.T).argmax(1)
        ],
    }
    if torch.equal(got, labels[distances.argmin(1)]):
        return correct(
            "Each image gets the label of the known image whose features are closest."
        )
    for remark, labeled in others.items():
        if torch.equal(got, labeled):
            return wrong(remark)
    return wrong("Some labels are not those of the closest known features.")


def check_dense(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    for c_in, side, c_out in ((8, 7, 16), (4, 3, 5)):
        linear = nn.Linear(c_in * side**2, c_out)
        nn.init.normal_(linear.bias, generator=generator)
        conv, case = called(answer, linear, c_in), f"{c_in} channels of {side} × {side}"
        problem = not_this_conv(conv, (c_out, c_in, side, side), case)
        if problem is not None:
            return problem
        maps = torch.randn(2, c_in, side, side, generator=generator)
        with torch.no_grad():
            want, got = linear(maps.flatten(1)), conv(maps)
        if got.shape[2:] != (1, 1):
            return wrong(
                f"Expected one value per kernel for {case}, got {got.shape[2]} × {got.shape[3]}: no padding."
            )
        if not torch.allclose(want, got.flatten(1), atol=1e-4):
            if torch.allclose(want - linear.bias, got.flatten(1), atol=1e-4):
                return wrong(f"The bias is missing for {case}.")
            return wrong(
                f"The shapes are right for {case}, but the outputs differ: were the weights copied?"
            )
    return correct("The same numbers, and on a larger feature map one answer for every place.")


def not_this_conv(conv, weight_shape: tuple, case: str) -> Verdict | None:
    """What is wrong with an answer that should be a convolution with weights of this shape; None if it is one."""
    if not isinstance(conv, nn.Conv2d):
        return wrong(f"Expected an nn.Conv2d for {case}, got {type(conv).__name__}.")
    if tuple(conv.weight.shape) != weight_shape:
        wanted = " × ".join(map(str, weight_shape))
        return wrong(f"Expected weights of {wanted} for {case}, got {shape(conv.weight)}.")
    return None


def check_merge(answer) -> Verdict:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _check_merge(answer)


def _check_merge(answer) -> Verdict:
    for c_in, c_mid, c_out in ((1, 1, 1), (3, 8, 4), (4, 6, 2)):
        first = nn.Conv2d(c_in, c_mid, 3, padding=1)
        second = nn.Conv2d(c_mid, c_out, 3, padding=1)
        case = f"{c_in} → {c_mid} → {c_out} channels"
        conv = called(answer, first, second)
        problem = not_this_conv(conv, (c_out, c_in, 5, 5), case)
        if problem is not None:
            return problem
        images = torch.randn(2, c_in, 12, 12)
        with torch.no_grad():
            want, got = second(first(images)), conv(images)
        if got.shape != want.shape:
            return wrong(
                f"Expected outputs of {shape(want)} for {case}, got {shape(got)}: padding 2 keeps the size."
            )
        want, got = (
            maps[..., 1:-1, 1:-1] for maps in (want, got)
        )  # at the edge the stack pads twice
        if not torch.allclose(want, got, atol=1e-5):
            offset = (want - got).mean((0, 2, 3), keepdim=True)
            if torch.allclose(want - offset, got, atol=1e-5):
                return wrong(
                    f"The kernel is right for {case}; the bias is not: the first bias passes through the second kernel."
                )
            return wrong(f"The outputs differ for {case}: is one of the kernels flipped?")
    return correct("One convolution in place of two, biases and all.")


@torch.no_grad()
def strengths(net: nn.Module, images: torch.Tensor) -> list[float]:
    """The standard deviation of every convolution's output, in execution order."""
    found = []
    convolutions = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    hooks = [
        c.register_forward_hook(lambda *args: found.append(args[2].std().item()))
        for c in convolutions
    ]
    net(images)
    for hook in hooks:
        hook.remove()
    return found


def check_fix(answer) -> Verdict:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for widths in ((24, 32, 48, 48, 48), (8, 16, 16, 24, 24)):
            net, images = (
                vgg(CONFIGURATIONS["D"], 10, 32, widths, 16),
                torch.randn(4, 3, 32, 32),
            )
            layers = [str(module) for module in net.modules()]
            fixed = called(answer, gaussian_init(net, 0.01))
            if not isinstance(fixed, nn.Module):
                return wrong(f"Expected the network, got {type(fixed).__name__}.")
            if [str(module) for module in fixed.modules()] != layers:
                return wrong("The layers should stay as they are: change their weights only.")
            if not fixed(images).isfinite().all():
                return wrong("The fixed network outputs nan or inf.")
            problem = _not_fixed(fixed, strengths(fixed, images))
            if problem:
                return wrong(f"Widths {widths}: {problem}")
    return correct(
        "From the first to the 13th convolution the signal keeps its size, whatever the widths."
    )


def _not_fixed(net: nn.Module, found: list[float]) -> str:
    kernels = [layer.weight for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    if any(torch.equal(w[0], w[1]) for w in kernels):
        return "all kernels of a layer are the same, and would stay so. Draw random numbers."
    ratio = found[-1] / found[0]
    if 0.1 <= ratio <= 10:
        return ""
    said = f"the last convolution's output has {ratio:.1e} times the standard deviation of the first one's. "
    if ratio > 10:
        return (
            said
            + "These weights are too large; how large they may be depends on the number of inputs."
        )
    if ratio > 1e-4:
        return (
            said
            + "Nearly: after a ReLU half of the values are 0, so the variance of the weights must be doubled."
        )
    return (
        said
        + "One standard deviation for all layers does not fit: it must depend on the number of inputs."
    )


def my_count():
    return 512 * 10 * 10 * 4096 + 4096


def my_images():
    return (6_000_000_000 - 3 * 4 * 138_357_544) // (4 * 15_237_608)


def as_convolution(linear, c_in):
    side = round((linear.in_features / c_in) ** 0.5)
    conv = nn.Conv2d(c_in, linear.out_features, side)
    conv.weight.data = linear.weight.data.view(-1, c_in, side, side)
    conv.bias.data = linear.bias.data
    return conv


def merge(first, second):
    weight = nn.functional.conv_transpose2d(second.weight.data, first.weight.data)
    conv = nn.Conv2d(first.in_channels, second.out_channels, 5, padding=2)
    conv.weight.data = weight
    conv.bias.data = second.bias.data + second.weight.data.sum((2, 3)) @ first.bias.data
    return conv


def fix(net):
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
    return net
