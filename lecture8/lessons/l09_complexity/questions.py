"""09 Complexity: predictions, exercises, quiz."""

import functools

import torch
from torch import nn

from lecture8 import complexity, models
from lecture8.lessons.l09_complexity import budget
from lecture8.teaching import (
    Exercise,
    Prediction,
    Question,
    Verdict,
    called,
    correct,
    number_check,
    wrong,
)

predictions = {
    "same_work": Prediction(
        "A convolution and a linear layer need exactly the same number of multiply-adds for one image. Which of them takes "
        "longer for one image?",
        {
            "the convolution: it has to move its kernel about": "Moving the kernel costs next to nothing.",
            "the same: equal work, equal time": "That would be so if multiplying were all that takes time.",
            "the linear layer": "It uses each of its 29 million weights for one multiply-add, so it waits for weights from "
            "memory; the convolution uses each of its weights at 784 places.",
        },
    ),
    "activations": Prediction(
        "Which of our networks makes the most activations for one image?",
        {
            "VGG-19, which has the most parameters and the most work": "It is wide where the maps are large, but 19 layers "
            "are few.",
            "ResNet-152, which has most layers of those for 224 × 224": "Second: many layers, but the blocks are narrow "
            "inside.",
            "Inception-ResNet-v2, the longest of all, for 299 × 299": "Each layer puts out a map, it has the most layers on "
            "its longest way, and the image is larger, too.",
        },
    ),
    "memory": Prediction(
        "You train with batches of 32 images. Which needs more memory, VGG-16 with its 138 million parameters or ResNet-152 "
        "with 60 million?",
        {
            "VGG-16": "Its parameters, gradients and momentum take 1.7 GB, but that does not grow with the batch.",
            "about the same": "Parameters and activations could have balanced; they do not.",
            "ResNet-152": "What fills the memory is what every layer leaves for the backward pass, for every image; "
            "ResNet-152 has nearly ten times as many layers.",
        },
    ),
    "recipe": Prediction(
        "ResNet-50 was trained again in 2021: the same network, at the same cost per image, by a newer recipe. How much more "
        "accurate is it (top-1)?",
        {
            "hardly: less than 1 point": "Then accuracy would belong to the architecture.",
            "1 to 3 points": "Even that would be a network's worth of difference: from 50 to 152 layers it is 2.2 points.",
            "more than 4 points": "More than from ResNet-50 to ResNet-152. An accuracy belongs to a network *and its training*.",
        },
    ),
    "operations": Prediction(
        "On somebody's desktop processor, one image at a time: VGG-11 needs 7.6 G multiply-adds, ResNet-152 11.5 G. Which is "
        "faster?",
        {
            "VGG-11, in about two thirds of the time": "That is what counting operations says.",
            "about the same": "Not at all.",
            "ResNet-152, in about a third of the time": "VGG-11 has 133 million parameters to fetch for that one image, "
            "ResNet-152 60 million.",
        },
    ),
}


def _check_images_per_second(answer) -> Verdict:
    for macs, params, batch, rate, bandwidth in (
        (714e6, 61e6, 1, 40e9, 10e9), (714e6, 61e6, 16, 40e9, 10e9), (4.1e9, 25.6e6, 8, 1e12, 2e11),
    ):  # fmt: skip
        work, reading = batch * macs / rate, 4 * params / bandwidth
        want, got = (
            batch / (work + reading),
            called(answer, macs, params, batch, rate, bandwidth),
        )
        case = f"for {macs / 1e6:,.0f} M multiply-adds, {params / 1e6:,.1f} M parameters and batch {batch}"
        if not isinstance(got, int | float):
            return wrong(f"Expected a number {case}, got {type(got).__name__}.")
        if abs(got / want - 1) < 1e-6:
            continue
        traps = {
            work + reading: "those are seconds for the batch, not images per second",
            1 / (work + reading): "that is batches per second; each has several images",
            batch / (work + reading / 4): "a parameter has 4 bytes",
            batch / (work + batch * reading): "the weights are read once for the whole batch",
            batch / work: "reading the weights takes time, too",
        }
        for value, words in traps.items():
            if abs(got / value - 1) < 1e-6:
                return wrong(f"{got:.4g} {case}: {words}.")
        return wrong(f"Expected {want:.4g} images per second {case}, got {got:.4g}.")
    return correct(
        "Work grows with the batch, reading the weights does not: that is why batches pay."
    )


def _check_largest_batch(answer) -> Verdict:
    with torch.device("meta"):
        net = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 32**2, 10)
        )

    @functools.cache
    def peak(batch):
        return complexity.memory(net, (3, 32, 32), batch).peak

    for limit, want in ((peak(20), 20), ((peak(7) + peak(8)) // 2, 7), (peak(1) - 1, 0)):
        got = called(answer, net, (3, 32, 32), limit)
        case = f"in {limit:,} bytes"
        if isinstance(got, bool) or not isinstance(got, int):
            return wrong(f"Expected a whole number of images {case}, got {got!r}.")
        if got > want:
            return wrong(f"{got} images {case}: the peak is {peak(max(got, 1)):,} bytes.")
        if got < want:
            return wrong(
                f"{got} images {case}, but one more would still fit: the peak of {want} is {peak(want):,} bytes."
            )
    return correct("Right for three limits, the last of which is too small for a single image.")


def _check_pareto(answer) -> Verdict:
    cases = {
        "three in a row": ([1, 2, 3], [50, 60, 70]),
        "one that is dearer and worse": ([1, 2, 3], [50, 70, 60]),
        "equal accuracy at different cost": ([3, 1, 2], [70, 70, 60]),
        "equal cost": ([1, 1, 2], [50, 60, 65]),
        "twins": ([1, 1], [50, 50]),
    }
    for case, (costs, accuracies) in cases.items():
        want = [int(i) for i in budget.pareto({str(i): [c] for i, c in enumerate(costs)},
                                              {str(i): a for i, a in enumerate(accuracies)})]  # fmt: skip
        got = called(answer, costs, accuracies)
        if not isinstance(got, list | tuple | set):
            return wrong(f"Expected the positions as a list, got {got!r}.")
        if sorted(got) != want:
            extra, missing = sorted(set(got) - set(want)), sorted(set(want) - set(got))
            which = (
                f"{extra[0]} is beaten by another"
                if extra
                else f"{missing[0]} is beaten by no other"
            )
            return wrong(
                f"With {case} (costs {costs}, accuracies {accuracies}) expected {want}, got {sorted(got)}: number {which}."
            )
    return correct("Right for all cases, with ties and twins.")


def _check_count_macs(answer) -> Verdict:
    torch.manual_seed(0)
    nets = {
        "one convolution": (nn.Sequential(nn.Conv2d(3, 8, 3, padding=1)), (3, 8, 8)),
        "a stride of 2": (nn.Sequential(nn.Conv2d(3, 8, 3, stride=2)), (3, 9, 9)),
        "a kernel of 1 × 7": (nn.Sequential(nn.Conv2d(3, 8, (1, 7))), (3, 9, 9)),
        "groups": (nn.Sequential(nn.Conv2d(4, 8, 3, groups=2)), (4, 8, 8)),
        "a linear layer": (nn.Sequential(nn.Flatten(), nn.Linear(12, 5)), (3, 2, 2)),
        "a layer that is used twice": (nn.Sequential(*[nn.Conv2d(4, 4, 1)] * 2), (4, 6, 6)),
        "ResNet-20": (models.small.resnet(20), (3, 32, 32)),
    }
    for case, (net, size) in nets.items():
        want, got = complexity.profile(net, size).macs, called(answer, net, size)
        if isinstance(got, bool) or not isinstance(got, int | float):
            return wrong(f"Expected a number for {case}, got {type(got).__name__}.")
        if got == want:
            continue
        said = f"For {case} expected {want:,}, got {got:,}"
        if case == "groups" and got == 2 * want:
            return wrong(f"{said}: each kernel sees only its group's channels.")
        if got == 2 * want:
            return wrong(f"{said}: a multiply-add counts 1 here, not 2.")
        return wrong(f"{said}.")
    return correct("The same as the profiler's, with groups, strides and shared layers.")


# --- solutions: shown under the exercises, with the names and arguments that their tasks ask for


def my_bytes():
    return 25_557_032 * 4


def my_macs():
    return (9 + 256) * 256 * 14**2


def images_per_second_of(macs, params, batch, rate, bandwidth):
    seconds = batch * macs / rate + 4 * params / bandwidth
    return batch / seconds


def largest_batch(net, image_size, limit):
    batch = 0
    while complexity.memory(net, image_size, batch + 1).peak <= limit:
        batch += 1
    return batch


def pareto(costs, accuracies):
    points = list(zip(costs, accuracies))

    def beats(other, one):
        return other[0] <= one[0] and other[1] >= one[1] and other != one

    return [i for i, one in enumerate(points) if not any(beats(other, one) for other in points)]


def count_macs(net, size):
    found = []

    def hook(layer, inputs, output):
        found.append(output.numel() * layer.weight[0].numel())

    layers = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_hook(hook) for layer in layers]
    with torch.no_grad():
        net.eval()(torch.zeros(1, *size))
    for handle in handles:
        handle.remove()
    return sum(found)


exercises = {
    "megabytes": Exercise(
        title="how large is the file?",
        difficulty=1,
        task="""
        ResNet-50 has 25,557,032 parameters, each a 32-bit number. How many bytes do they take?
        """,
        hints=["A byte has 8 bits.", "Four bytes each."],
        solution=my_bytes,
        asks_value=True,
        explanation="102 MB. Torchvision's file with them has 98 MiB, which is the same: 1 MiB is 1,048,576 bytes.",
        check_answer=number_check(
            102_228_128,
            traps={817_825_024: "those are bits; a byte has 8.",
                   51_114_064: "that is with 16 bits each.",
                   25_557_032: "those are the parameters; each takes several bytes."},
            unit="bytes",
        ),
    ),
    "separable": Exercise(
        title="the cost of a separable convolution",
        difficulty=2,
        task="""
        A 3 × 3 convolution from 256 to 256 channels on 14 × 14 pixels is replaced by two: a 3 × 3 on each channel by itself
        (256 groups), and a 1 × 1 from 256 to 256 channels. How many multiply-adds do the two need together?
        """,
        hints=[
            "The first: 9 multiply-adds for each of 256 · 14 · 14 values.",
            "The second: 256 multiply-adds for each of 256 · 14 · 14 values.",
        ],
        solution=my_macs,
        asks_value=True,
        explanation="13.3 million, where the plain one needs 115.6 million. But each of its numbers is used less often, so it is "
        "not 8.7 times as fast: measure it.",
        check_answer=number_check(
            13_296_640,
            traps={115_605_504: "that is the plain 3 × 3.",
                   12_845_056: "the 3 × 3 on each channel is missing.",
                   451_584: "the 1 × 1 is missing.",
                   67_840: "that is for one pixel; there are 14 · 14."},
            unit="multiply-adds",
        ),
    ),
    "images_per_second": Exercise(
        title="a model of time",
        difficulty=2,
        task="""
        A machine does `rate` multiply-adds in a second and reads `bandwidth` bytes in a second. To run a batch it must do the work
        of every image, and read every parameter (4 bytes) once; say that it does the one after the other. Write
        `images_per_second_of(macs, params, batch, rate, bandwidth)`.
        """,
        hints=[
            "Seconds for the work: batch · macs / rate.",
            "Seconds for reading: 4 · params / bandwidth, whatever the batch.",
            "Images per second: the batch over the sum of both.",
        ],
        solution=images_per_second_of,
        explanation="With 40 G multiply-adds and 10 GB a second AlexNet does 24 images a second one by one, and 52 in batches of 16.",
        check_answer=_check_images_per_second,
    ),
    "largest_batch": Exercise(
        title="the largest batch that fits",
        difficulty=2,
        task="""
        Write `largest_batch(net, image_size, limit)`: the most images whose training step needs no more than `limit` bytes at its peak
        (`complexity.memory(net, image_size, batch).peak`), or 0 if not even one fits.
        """,
        hints=[
            "The peak grows with every image, so there is a last batch that fits: count up until one no longer does.",
            "Quicker: double the batch while it fits, then halve the gap between one that fits and one that does not.",
        ],
        solution=largest_batch,
        explanation="On a GPU leave some room for the libraries' own needs.",
        check_answer=_check_largest_batch,
    ),
    "pareto": Exercise(
        title="who is beaten by nobody?",
        difficulty=3,
        task="""
        Write `pareto(costs, accuracies)` for two lists of the same length: the positions of those that no other beats. Another
        *beats* one if it costs no more and reaches no less, and is better in at least one of the two.
        """,
        hints=[
            "Two loops over all positions: for each i, look for a j that beats it.",
            "`costs[j] <= costs[i] and accuracies[j] >= accuracies[i]`, and not both equal.",
        ],
        solution=pareto,
        explanation="With several costs, time and memory say, the same rule asks for every one of them.",
        check_answer=_check_pareto,
    ),
    "count_macs": Exercise(
        title="write a counter",
        difficulty=3,
        task="""
        Write `count_macs(net, size)`: the multiply-adds of all convolutions and linear layers of a network for one image of `size`
        (channels, height, width). Let the network run on one image, with a hook on each such layer
        (`layer.register_forward_hook(hook)`; the hook is called as `hook(layer, inputs, output)` whenever the layer has run).
        """,
        hints=[
            "Every output value of a convolution costs one multiply-add per weight of its kernel: `layer.weight[0].numel()`.",
            "With groups `layer.weight` has only a group's input channels, so the same formula holds.",
            "For a linear layer, too: `output.numel() * layer.weight[0].numel()`, for one image.",
        ],
        solution=count_macs,
        explanation="Ten lines, and exact for every network of the course. The course's own profiler also sees what is no module: "
        "additions, concatenations, matrix products.",
        check_answer=_check_count_macs,
    ),
}  # fmt: skip

quiz = [
    Question(
        "You read that ResNet-50 needs 3.8, 4.1 or 8.2 G operations. Which is right?",
        {
            "3.8: it is the paper's": "It is that of the authors' network, stride in the 1 × 1. Torchvision's has 4.09.",
            "4.1: it is what libraries print": "It is right for torchvision's network, if a multiply-add counts 1.",
            "Each, for its network and its way of counting": "Yes: another stride, normalization counted or not, a multiply-add "
            "as 1 or as 2. Ask before you compare.",
            "8.2: a multiplication and an addition are two": "It is a fair way of counting, the chart's in this lecture; the papers "
            "count the two as one.",
        },
        "Each, for its network and its way of counting",
    ),
    Question(
        "One image at a time (a CPU) VGG-11 takes three times as long as ResNet-152; in batches of 1,024 (a GPU) less than half as "
        "long. What do batches do for VGG-11?",
        {
            "They spare it some of its work": "Every image needs its 7.6 G multiply-adds, in whatever company.",
            "Its many weights are read once for the whole batch": "Yes: 93 % of them are in linear layers, which use each weight "
            "once per image. And then its lesser work counts.",
            "They make its maps smaller": "The maps stay as they are, one set for each image.",
        },
        "Its many weights are read once for the whole batch",
    ),
    Question(
        "When do multiply-adds predict the time best?",
        {
            "Always": "VGG-11 and ResNet-152 on one image: the one with less work took three times as long.",
            "For similar networks in batches, on one machine": "Yes: then the work is what everything waits for, and it is done "
            "at about one speed.",
            "Never": "Within one family, on one machine, they do well.",
        },
        "For similar networks in batches, on one machine",
    ),
    Question(
        "GoogLeNet has the highest information density of the paper's large networks. What follows?",
        {
            "It is the fastest": "Parameters are not time: AlexNet has nine times as many and does half the work.",
            "It is the most accurate": "Density divides accuracy by parameters; Inception-v4 is ten points more accurate.",
            "It makes the most of each parameter": "Yes, and no more than that: nothing about time, work or accuracy itself.",
        },
        "It makes the most of each parameter",
    ),
    Question(
        "What takes most of the memory when ResNet-152 is trained with 32 images?",
        {
            "The parameters": "They take 0.24 GB.",
            "What the optimizer remembers": "With momentum as much again as the parameters: 0.24 GB.",
            "What the layers leave for the backward pass": "Yes, and that grows with every image of the batch.",
        },
        "What the layers leave for the backward pass",
    ),
    Question(
        "A network is in the Pareto set for accuracy and time if …",
        {
            "it is the most accurate": "That one is in it, and so may be others.",
            "no other is at least as accurate and as fast, and better in one": "Yes. Which of the set you take is decided by your "
            "budget.",
            "it has the best ratio of accuracy and time": "A ratio makes one winner, mostly a small network; the set keeps all that "
            "somebody might sensibly choose.",
        },
        "no other is at least as accurate and as fast, and better in one",
    ),
    Question(
        "Two networks stand in a chart of accuracy against operations. What should you ask first?",
        {
            "How they were trained": "Yes: a newer recipe lifts the same ResNet-50 by more than four points.",
            "Who drew it": "It may matter, but something else matters more.",
            "How many layers they have": "Depth is not on either axis.",
        },
        "How they were trained",
    ),
]
