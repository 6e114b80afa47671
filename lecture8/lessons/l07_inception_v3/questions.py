"""07 Inception-v2 and v3: predictions, exercises, quiz."""

import torch
from torch import nn

from lecture8.models.inception_v3 import inception_c, separate
from lecture8.models.layers import Branches, chain
from lecture8.teaching import (
    Exercise,
    Prediction,
    Question,
    Verdict,
    called,
    correct,
    number_check,
    same_network,
    wrong,
)

predictions = {
    "cost": Prediction(
        "A 7 × 7 convolution becomes a 1 × 7 and then a 7 × 1, with as many channels. What is left of its weights?",
        {
            "about two thirds": "That is the price for n = 3: 2/3. The larger the kernel, the more is saved.",
            "about half": "2/n is a half for n = 4.",
            "less than a third": "2 · 7 of 7 · 7, which is 2/7 or 29 %.",
        },
    ),
    "rank": Prediction(
        "Stripes at 45° under a bell, a 7 × 7 kernel. Replace it by ONE column times one row, the best there is. How much of "
        "its energy (the sum of its squared weights) is kept?",
        {
            "about half": "cos(x + y) = cos x · cos y − sin x · sin y: two patterns of about equal strength, and one pair can "
            "hold one of them.",
            "about 90 %": "So it is for a spot; slanted stripes are, noise apart, the hardest case of our list.",
            "all of it": "That holds only for kernels that are a column times a row already: a blur, upright edges and stripes.",
        },
    ),
    "shuffle": Prediction(
        "Cut a photograph into squares of 2 × 2 pixels and shuffle the four pixels of each. Which of the three reductions puts "
        "out exactly the same for both images, whatever its weights?",
        {
            "pool, then convolve": "The maximum of four pixels does not care for their order, and what the pooling has lost no "
            "later layer can bring back.",
            "convolve, then pool": "Its convolution sees the pixels in their places before anything is thrown away.",
            "both side by side": "Its pooling cannot tell the images apart, its convolution can.",
        },
    ),
    "smoothing": Prediction(
        "Two networks learn the same images, one with smoothed labels (ε = 0.1). What do smoothed labels do to the confidence, the "
        "probability that a network gives to its choice?",
        {
            "they lower it": "The smoothed network is asked for about 0.9 instead of 1 and stops there.",
            "they raise it": "Full certainty is just what smoothed labels no longer reward.",
            "nothing, only the accuracy changes": "The accuracy hardly changes, the confidence does.",
        },
    ),
}


def _check_smooth(answer) -> Verdict:
    for label, classes, amount in ((2, 5, 0.1), (0, 10, 0.2), (3, 4, 0.0)):
        want = torch.full((classes,), amount / classes)
        want[label] += 1 - amount
        got = called(answer, label, classes, amount)
        case = f"for label={label}, num_classes={classes}, amount={amount}"
        if not isinstance(got, torch.Tensor) or got.shape != want.shape:
            shape = tuple(got.shape) if isinstance(got, torch.Tensor) else type(got).__name__
            return wrong(f"Expected a tensor of {classes} numbers {case}, got {shape}.")
        if torch.allclose(got.double(), want.double(), atol=1e-6):
            continue
        if abs(float(got.sum()) - 1) > 1e-5:
            return wrong(
                f"The targets {case} must add up to 1; yours add up to {float(got.sum()):.4f}."
            )
        if abs(float(got[label]) - (1 - amount)) < 1e-6:
            return wrong(
                f"The share is spread over ALL classes, the right one included: {case} it should get {want[label]:.4f}, "
                f"yours gets {float(got[label]):.4f}."
            )
        return wrong(
            f"Expected {[round(v, 4) for v in want.tolist()]} {case}, got {[round(v, 4) for v in got.tolist()]}."
        )
    return correct("1 − ε on the right class, and ε/K on every class, the right one too.")


def _check_separate(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    for shape in ((3, 3), (7, 7), (5, 3)):
        kernel = torch.randn(*shape, generator=generator, dtype=torch.float64)
        column, row = separate(kernel)
        got = called(answer, kernel)
        case = f"for a kernel of {shape[0]} × {shape[1]}"
        if not isinstance(got, tuple | list) or len(got) != 2:
            return wrong(
                f"Expected two tensors, a column and a row, {case}, got {type(got).__name__}."
            )
        a, b = (torch.as_tensor(part, dtype=torch.float64).flatten() for part in got)
        if (len(a), len(b)) != shape:
            return wrong(
                f"Expected a column of {shape[0]} and a row of {shape[1]} {case}, got {len(a)} and {len(b)}."
            )
        lost, least = (
            (kernel - part).square().sum().item() for part in (torch.outer(a, b), column @ row)
        )
        if lost > least * (1 + 1e-6):
            if (kernel - torch.outer(a, b) * _scale(kernel, a, b)).square().sum() < least * (
                1 + 1e-6
            ):
                return wrong(
                    f"Right directions, wrong size {case}: the first singular value is missing (or there twice)."
                )
            return wrong(
                f"Your pair leaves {lost:.4f} of the energy {case}; the best leaves {least:.4f}."
            )
    return correct(
        "The best pair there is: the first column and row of the singular value decomposition, and their value."
    )


def _scale(kernel, column, row) -> torch.Tensor:
    pair = torch.outer(column, row)
    return (kernel * pair).sum() / pair.square().sum().clamp(min=1e-12)


def _check_error(answer) -> Verdict:
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
        want = sum(share * abs(gap) for share, gap in zip(shares, gaps, strict=True))
        got = float(called(answer, confidence, hits))
        if abs(got - want) < 1e-6:
            continue
        case = f"For {count} predictions expected {want:.4f}, got {got:.4f}"
        if abs(got - abs(sum(s * g for s, g in zip(shares, gaps, strict=True)))) < 1e-6:
            return wrong(
                f"{case}: that is the gap of the means over everything; take |gap| in each bin first."
            )
        if abs(got - sum(map(abs, gaps)) / len(gaps)) < 1e-6:
            return wrong(
                f"{case}: every bin counts as much as it holds predictions, not all bins alike."
            )
        if abs(got - sum(s * g for s, g in zip(shares, gaps, strict=True))) < 1e-6:
            return wrong(f"{case}: gaps of both signs cancel; take their absolute values.")
        return wrong(f"{case}.")
    return correct("The mean gap between promise and truth, bin by bin, each bin by its share.")


def _check_reduction(answer) -> Verdict:
    for c_in, three, reduce, double in ((288, 384, 64, 96), (32, 16, 8, 24)):
        reference = Branches(
            conv3x3=chain(c_in, (three, 3, 2, 0)),
            double3x3=chain(c_in, (reduce, 1), (double, 3), (double, 3, 2, 0)),
            pool=nn.MaxPool2d(3, stride=2),
        )
        block, case = (
            called(answer, c_in, three, reduce, double),
            f"({c_in}, {three}, {reduce}, {double})",
        )
        if not isinstance(block, nn.Module):
            return wrong(
                f"Expected a network (nn.Module) for {case}, got {type(block).__name__}."
            )
        verdict = same_network(block, reference, (c_in, 9, 9))
        if not verdict:
            return wrong(f"For {case}: {verdict.message}")
    return correct(
        "Two convolutional branches and a pooling, all with stride 2, all on the whole input: Figure 10."
    )


def _check_wide(answer) -> Verdict:
    for c_in in (1280, 64):
        block = called(answer, c_in)
        if not isinstance(block, nn.Module):
            return wrong(
                f"Expected a network (nn.Module) for c_in={c_in}, got {type(block).__name__}."
            )
        verdict = same_network(block, inception_c(c_in), (c_in, 4, 4))
        if not verdict:
            return wrong(f"For c_in={c_in}: {verdict.message}")
    return correct(
        "The same as the library's: two branches fork at their end, and 2,048 channels come out."
    )


# --- solutions: shown under the exercises, with the names and arguments that their tasks ask for


def my_channels():
    return 320 + 192 + 768


def my_weights():
    return 2 * 7 * 192**2


def smooth(label, num_classes, amount):
    targets = torch.full((num_classes,), amount / num_classes)
    targets[label] += 1 - amount
    return targets


def my_separate(kernel):
    left, values, right = torch.linalg.svd(kernel)
    return left[:, 0] * values[0], right[0]


def calibration_error(confidence, right):
    which, error = (confidence * 10).long().clamp(max=9), 0.0
    for b in which.unique():
        inside = which == b
        gap = confidence[inside].mean() - right[inside].double().mean()
        error += inside.double().mean() * abs(gap)
    return error


def my_reduction(c_in, three, reduce, double):
    return Branches(
        single=chain(c_in, (three, 3, 2, 0)),
        twice=chain(c_in, (reduce, 1), (double, 3), (double, 3, 2, 0)),
        pool=nn.MaxPool2d(3, stride=2),
    )


def wide_module(c_in):
    def fork():
        return Branches(row=chain(384, (384, (1, 3))), column=chain(384, (384, (3, 1))))

    return Branches(
        one=chain(c_in, (320, 1)),
        three=nn.Sequential(chain(c_in, (384, 1)), fork()),
        twice=nn.Sequential(chain(c_in, (448, 1), (384, 3)), fork()),
        pool=nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), chain(c_in, (192, 1))),
    )


exercises = {
    "channels": Exercise(
        title="behind the second reduction",
        difficulty=1,
        task="""
        Inception-v3's second grid reduction takes 768 channels of 17 × 17. Its branches: 1 × 1 to 192 and 3 × 3 with stride 2
        to 320; 1 × 1, 1 × 7, 7 × 1 to 192 each and 3 × 3 with stride 2 to 192; max pooling with stride 2. How many channels
        come out?
        """,
        hints=["Only the last layer of a branch counts.", "A pooling has as many channels behind it as before it."],
        solution=my_channels,
        asks_value=True,
        explanation="1,280 channels of 8 × 8. More than half of them are the pooled input.",
        check_answer=number_check(
            1280,
            traps={512: "the pooling is a branch, too: it hands on all of its 768 channels.",
                   768: "nothing is split in halves: each branch reads all 768 channels.",
                   1472: "only the last layer of a branch puts out; its inner layers do not.",
                   896: "the pooling is not halved: all its 768 channels come out."},
            unit="channels",
        ),
    ),
    "weights": Exercise(
        title="1 × 7, then 7 × 1",
        difficulty=1,
        task="""
        A 7 × 7 convolution from 192 to 192 channels has 49 · 192² = 1,806,336 weights. How many have a 1 × 7 and a 7 × 1
        after it, both from 192 to 192 channels?
        """,
        hints=["kernel height × kernel width × c_in × c_out, for each of the two.", "2 · 7 · 192²."],
        solution=my_weights,
        asks_value=True,
        explanation="516,096, two sevenths: 71 % are saved. The second convolution sees 192 channels of rows, so that the pair is "
        "much more than one column times one row.",
        check_answer=number_check(
            516_096,
            traps={258_048: "that is one of the two.", 1_806_336: "that is the 7 × 7 itself.",
                   14: "that is per pair of channels; there are 192² pairs.",
                   2688: "every output channel has a kernel for every input channel: 192², not 192."},
            unit="weights",
        ),
    ),
    "smooth": Exercise(
        title="smooth a label",
        difficulty=2,
        task="""
        Write `smooth(label, num_classes, amount)`: the targets of one image as a tensor of `num_classes` numbers. A share
        `amount` is spread evenly over all classes, the rest is put on the class `label`.
        """,
        hints=[
            "Begin with `torch.full((num_classes,), amount / num_classes)`.",
            "Add `1 - amount` at the place `label`: the right class keeps its part of the share, too.",
        ],
        solution=smooth,
        explanation="q'(k) = (1 − ε)δ(k, y) + ε/K, section 7 of the paper. With ε = 0.1 and 1,000 classes the right one gets 0.9001.",
        check_answer=_check_smooth,
    ),
    "separate": Exercise(
        title="the best column times row",
        difficulty=2,
        task="""
        Write `my_separate(kernel)`, which returns a column and a row (two tensors, of the kernel's height and width) whose
        product comes as near to the kernel as any can: the least sum of squared differences.
        """,
        hints=[
            "`torch.linalg.svd(kernel)` returns U, S, Vh with kernel = U · diag(S) · Vh, the largest value first.",
            "The first column of U, the first row of Vh, and S[0] on one of the two.",
        ],
        solution=my_separate,
        explanation="That no other pair is nearer is the theorem of Eckart and Young. Further pairs come from the next values.",
        check_answer=_check_separate,
    ),
    "error": Exercise(
        title="calibration error by hand",
        difficulty=2,
        task="""
        Write `calibration_error(confidence, right)`: N confidences from 0 to 1 and N truth values, both tensors. Sort the predictions
        into ten bins of equal width, and return the mean of |mean confidence − share right| over the bins, each weighted by its
        share of the predictions.
        """,
        hints=[
            "The bin of a prediction is `(confidence * 10).long().clamp(max=9)`.",
            "Leave empty bins out; a bin's weight is its count divided by N.",
            "`right[which == b].double().mean()` is the share that is right in bin b.",
        ],
        solution=calibration_error,
        explanation="Guo et al. 2017 made it popular. It says nothing about accuracy: who always guesses with 10 % confidence among ten "
        "classes is perfectly calibrated.",
        check_answer=_check_error,
    ),
    "reduction": Exercise(
        title="write the grid reduction",
        difficulty=3,
        task="""
        Write `my_reduction(c_in, three, reduce, double)`, an `nn.Module` with three branches on the same input: a 3 × 3 with
        stride 2 to `three` channels; a 1 × 1 to `reduce`, a 3 × 3 to `double` and a 3 × 3 with stride 2 to `double`; a 3 × 3
        max pooling with stride 2. What has stride 2 has no padding. Batch normalization (ε = 0.001) and ReLU after each convolution.
        """,
        hints=[
            "`chain(c_in, (64, 1), (96, 3, 2, 0))` is a 1 × 1 to 64 and a 3 × 3 with stride 2 and padding 0 to 96, all with "
            "normalization and ReLU; `from lecture8.models.layers import Branches, chain`.",
            "`Branches(a=…, b=…, c=…)` stacks what its branches put out (a branch cannot be called `double`: that is a method of every module).",
            "The pooling is `nn.MaxPool2d(3, stride=2)`.",
        ],
        solution=my_reduction,
        explanation="With (288, 384, 64, 96) it is the one between 35 × 35 and 17 × 17. Both Inception-v4 and Inception-ResNet have it "
        "again, with other widths.",
        check_answer=_check_reduction,
    ),
    "wide": Exercise(
        title="write the module at 8 × 8",
        difficulty=3,
        task="""
        Write `wide_module(c_in)`: the diagram of module C above as an `nn.Module`. Four branches: 1 × 1 to 320; 1 × 1 to 384,
        then a fork of 1 × 3 and 3 × 1, each to 384; 1 × 1 to 448, 3 × 3 to 384, then the same fork; 3 × 3 average pooling
        (stride 1, padding 1), 1 × 1 to 192.
        """,
        hints=[
            "A fork inside a branch is a `Branches` in an `nn.Sequential`.",
            "`Branches(row=chain(384, (384, (1, 3))), column=chain(384, (384, (3, 1))))` is the fork.",
            "The pooling is `nn.AvgPool2d(3, stride=1, padding=1)`.",
        ],
        solution=wide_module,
        explanation="320 + 768 + 768 + 192 = 2,048 channels. The paper forks at the end because the last maps are small and must "
        "carry many different features to the classifier.",
        check_answer=_check_wide,
    ),
}  # fmt: skip

quiz = [
    Question(
        "A paper says “we use Inception-v2”. What do you know?",
        {
            "It is the network of the batch normalization paper": "So says the Inception-v4 paper, and so does Google's code. The "
            "Inception-v3 paper calls another network by that name.",
            "Not enough: the name stands for two networks": "Yes: BN-Inception (11.2 million parameters), or a step on the way to "
            "Inception-v3. Look at the citation, better at the parameters.",
            "It is Inception-v3 without label smoothing": "Four things are missing in the Inception-v3 paper's v2, not one; and "
            "others call BN-Inception v2.",
        },
        "Not enough: the name stands for two networks",
    ),
    Question(
        "Which kernel is exactly one 1 × n followed by one n × 1?",
        {
            "Any kernel, if n is small enough": "Only for n = 1. A column times a row has 2n − 1 free numbers, a kernel n².",
            "Stripes at 45°": "One pair keeps about half of them.",
            "A round blur": "Yes: exp(−x² − y²) is exp(−x²) times exp(−y²), a column times a row.",
            "A spot: a narrow blur less a wide one": "Each blur is one pair, their difference needs two.",
        },
        "A round blur",
    ),
    Question(
        "Why may Inception-v3 use 1 × 7 and 7 × 1, if trained kernels are not of rank 1?",
        {
            "Because nothing is lost in a trained network": "Something is: your trained kernels lost some of their energy, "
            "and the network some of its accuracy.",
            "Because the pair is trained as a pair, with many channels between": "Yes: the second convolution mixes all channels of "
            "the first, with a ReLU between. It is a layer of its own, not an approximation of a trained 7 × 7.",
            "Because 17 × 17 maps need no large kernels": "On the contrary: seven pixels of seventeen are a wide view.",
        },
        "Because the pair is trained as a pair, with many channels between",
    ),
    Question(
        "What does a grid reduction in Inception-v3 do with its 288 input channels?",
        {
            "Half of them are convolved, the other half pooled": "The notes can be read so, but each branch reads all 288: 384 and "
            "96 channels come from convolutions, 288 from the pooling.",
            "All are convolved, and all are pooled, side by side": "Yes, and the results are stacked: 384 + 96 + 288 = 768.",
            "They are pooled first, then convolved": "That is the cheap way with the bottleneck.",
        },
        "All are convolved, and all are pooled, side by side",
    ),
    Question(
        "Smoothed labels, ε = 0.1, ten classes. To which confidence does training push the network?",
        {
            "1, as always": "With hard labels, yes: there the loss falls as long as the logits grow.",
            "0.9": "Near: the right class gets 1 − ε, and its tenth of the share on top.",
            "0.91": "Yes: 0.9 + 0.1/10. The largest logit is then log(0.91/0.01) = 4.5 above the others, and stays there.",
            "0.1": "That is the share that is spread.",
        },
        "0.91",
    ),
    Question(
        "A network is right on 97 % of the test images and gives its choice 90 % on average. With smoothed labels it would …",
        {
            "be better calibrated": "It promises too little already; smoothing lowers the confidence further.",
            "be worse calibrated": "Yes. Smoothing helps networks that promise too much; this one does not.",
            "not change: smoothing acts on the loss only": "The loss shapes the logits, and the logits are the confidence.",
        },
        "be worse calibrated",
    ),
    Question(
        "What became of the auxiliary classifiers in Inception-v3?",
        {
            "There are still two, to feed the gradient": "The lower one was removed without adverse effect, and the gradient is no "
            "longer the reason given.",
            "One is left, with batch normalization, as a regularizer": "Yes: behind the last module at 17 × 17. The paper reports 0.4 "
            "points of top-1 for normalizing it.",
            "None is left": "One is, for training; it is thrown away afterwards.",
        },
        "One is left, with batch normalization, as a regularizer",
    ),
]
