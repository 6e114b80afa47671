"""06 ResNet: predictions, exercises, quiz."""

import torch
from torch import nn

from lecture8 import models
from lecture8.models.resnet import Residual, ZeroPad, bottleneck, shortcut_for
from lecture8.teaching import (
    Exercise,
    Prediction,
    Question,
    Verdict,
    called,
    correct,
    number_check,
    same_network,
    shape,
    wrong,
)

predictions = {
    "degradation": Prediction(
        "Plain-20 and plain-56 are trained alike: same data, same optimizer, same epochs. Which one has the lower loss "
        "on the images it was TRAINED on?",
        {
            "plain-56: more layers can fit more": "That is what one expects of a larger network, and it did not happen.",
            "about the same": "Then depth would simply not matter; it does.",
            "plain-20: the deeper one trains worse": "The deeper network contains the shallower one, yet cannot find it. "
            "This is the degradation problem.",
        },
    ),
    "gradients": Prediction(
        "Before the first step, compare the gradient that reaches the FIRST convolution of plain-56 with the one at its "
        "LAST. The first is …",
        {
            "much smaller: it vanishes on the way": "That would be the classical story of deep networks without "
            "normalization.",
            "about as large": "That would make depth harmless to the gradient.",
            "much larger: it grows on the way": "Nothing vanishes. With batch normalization and without shortcuts the "
            "gradient grows from layer to layer, which is no healthier.",
        },
    ),
    "removal": Prediction(
        "Take a trained network, replace ONE of its blocks by the identity, train nothing, and test it. Which network "
        "minds less?",
        {
            "the plain one": "Then each of its layers would be dispensable, though nothing passes around it.",
            "the residual one": "Its blocks each add a little to a stream that flows on without them; a plain block is "
            "the only bridge from one layer to the next.",
            "both break alike": "Then the shortcut would only help training, and leave no trace in the result.",
        },
    ),
    "stride": Prediction(
        "ResNet-50 can halve the image in the first 1 × 1 convolution of a block (the paper's released network, v1) or in "
        "its 3 × 3 (torchvision, v1.5). Which of the two needs more multiply-adds?",
        {
            "v1, stride in the 1 × 1": "It is the other way round: a 1 × 1 with stride 2 computes only a quarter of its "
            "outputs.",
            "v1.5, stride in the 3 × 3": "Its first 1 × 1 works at the full size, four times as many pixels; the 3 × 3 "
            "puts out as many pixels in both.",
            "the same": "The parameters are the same, the work is not.",
        },
    ),
}


def _check_shortcut(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    for c_in, c_out, size in ((16, 32, 8), (4, 8, 7), (64, 256, 6)):
        x = torch.randn(2, c_in, size, size, generator=generator)
        want, got = ZeroPad(c_in, c_out, 2)(x), called(answer, x, c_out)
        case = f"for {c_in} × {size} × {size} and c_out={c_out}"
        if not isinstance(got, torch.Tensor):
            return wrong(f"Expected a tensor {case}, got {type(got).__name__}.")
        if got.shape != want.shape:
            return wrong(f"Expected the shape {shape(want)} {case}, got {shape(got)}.")
        if not torch.equal(got[:, :c_in], want[:, :c_in]):
            hint = (
                " (they look averaged: option A only skips)"
                if got[:, :c_in].std() < 0.8 * want[:, :c_in].std()
                else ""
            )
            return wrong(
                f"The first {c_in} channels {case} should be every second pixel of x{hint}."
            )
        if got[:, c_in:].any():
            return wrong(f"The {c_out - c_in} new channels {case} should be all zeros.")
    return correct(
        "Every second pixel, and zeros for the channels that x lacks: no parameter anywhere."
    )


def _check_he(answer) -> Verdict:
    cases = {
        (64, 3): (2 / (64 * 9)) ** 0.5,
        (256, 1): (2 / 256) ** 0.5,
        (64, 7): (2 / (64 * 49)) ** 0.5,
    }
    for (c_out, kernel), want in cases.items():
        got = float(called(answer, c_out, kernel))
        if abs(got - want) > 1e-6 * want:
            where = f"for c_out={c_out}, kernel={kernel} expected {want:.5f}, got {got:.5f}"
            if abs(got - want / 2**0.5) < 1e-6:
                return wrong(
                    f"That is Xavier's spread, too small by √2, since ReLU discards half: {where}."
                )
            if abs(got - (2 / c_out) ** 0.5) < 1e-6 and kernel > 1:
                return wrong(f"n counts the kernel's area too: {where}.")
            if abs(got - want**2) < 1e-6:
                return wrong(f"That is the variance; the spread is its square root: {where}.")
            return wrong(f"Not yet: {where}.")
    return correct(
        "√(2 / n) with n = kernel² · c_out: the 2 makes up for the half that ReLU sets to zero."
    )


def _check_params(answer) -> Verdict:
    for n, width in ((3, 16), (9, 16), (18, 16), (1, 8)):
        want = sum(p.numel() for p in models.small.resnet(6 * n + 2, width=width).parameters())
        got = called(answer, n, width)
        if got != want:
            off = (
                f"{got - want:+,} off"
                if isinstance(got, int | float)
                else f"of type {type(got).__name__}"
            )
            return wrong(
                f"For n={n}, width={width} the network has {want:,} parameters; your formula gives {got} ({off})."
            )
    return correct("Right for 20, 56 and 110 layers of width 16, and for 8 layers of width 8.")


def _check_bottleneck(answer) -> Verdict:
    for c_in, width, stride in ((256, 64, 1), (64, 64, 1), (256, 128, 2)):
        body, c_out = bottleneck(c_in, width, stride, stride_in_1x1=False)
        reference = Residual(body, shortcut_for("B", c_in, c_out, stride))
        block = called(answer, c_in, width, stride)
        if not isinstance(block, nn.Module):
            return wrong(f"Expected a network (nn.Module), got {type(block).__name__}.")
        verdict = same_network(block, reference, (c_in, 8, 8))
        if not verdict:
            return wrong(
                f"bottleneck(c_in={c_in}, width={width}, stride={stride}): {verdict.message}"
            )
    return correct(
        "The same as the library's, with the identity, with a projection, and with stride 2."
    )


# --- solutions: shown under the exercises, with the names and arguments that their tasks ask for


def my_layers():
    return 6 * 18 + 2


def my_cost():
    return (256 * 64 + 9 * 64 * 64 + 64 * 256) * 56**2


def he_std(c_out, kernel):
    return (2 / (kernel**2 * c_out)) ** 0.5


def shortcut_a(x, c_out):
    x = x[:, :, ::2, ::2]
    return torch.nn.functional.pad(x, (0, 0, 0, 0, 0, c_out - x.shape[1]))


def my_bottleneck(c_in, width, stride):
    conv = models.layers.conv
    body = nn.Sequential(
        conv(c_in, width, 1),
        conv(width, width, 3, stride),
        conv(width, 4 * width, 1, relu=False),
    )
    same = stride == 1 and c_in == 4 * width
    shortcut = nn.Identity() if same else conv(c_in, 4 * width, 1, stride, relu=False)
    return models.resnet.Residual(body, shortcut)


def params_of(n, width):
    def conv(c_in, c_out):
        return 9 * c_in * c_out + 2 * c_out

    total, c_in = conv(3, width), width
    for c in (width, 2 * width, 4 * width):
        total += conv(c_in, c) + (2 * n - 1) * conv(c, c)
        c_in = c
    return total + 4 * width * 10 + 10


exercises = {
    "layers": Exercise(
        title="count the layers",
        difficulty=1,
        task="""
        The CIFAR networks have one 3 × 3 convolution, three stages of n blocks with two convolutions each, and one linear
        layer. How many weight layers does the network with n = 18 have?
        """,
        hints=["Two convolutions a block, n blocks a stage, three stages: that is 6n.", "Then the first layer, and the last."],
        solution=my_layers,
        asks_value=True,
        explanation="110 layers: the deepest network of the paper's Table 6 that still gains from its depth.",
        check_answer=number_check(
            110,
            traps={108: "the blocks are all there; the first and the last layer are missing.",
                   56: "that is n = 9.",
                   111: "the shortcuts carry no weights here (option A), and pooling has none: two layers outside the blocks.",
                   54: "every block has two convolutions."},
            unit="weight layers",
        ),
    ),
    "bottleneck_cost": Exercise(
        title="what a bottleneck saves",
        difficulty=2,
        task="""
        A block works on 256 channels at 56 × 56 pixels. Two plain 3 × 3 convolutions would cost
        2 · 9 · 256² · 56² = 3,699,376,128 multiply-adds. How many does the bottleneck 1 × 1 → 64, 3 × 3 → 64, 1 × 1 → 256 need?
        """,
        hints=[
            "A convolution costs kernel² · c_in · c_out multiply-adds per output pixel.",
            "Per pixel: 256 · 64, then 9 · 64 · 64, then 64 · 256.",
        ],
        solution=my_cost,
        asks_value=True,
        explanation="218,365,952: one seventeenth of the two 3 × 3, for the same 256 channels in and out.",
        check_answer=number_check(
            218_365_952,
            traps={69_632: "that is the cost per pixel; there are 56² of them.",
                   3_699_376_128: "those are the two plain 3 × 3.",
                   166_985_728: "the last 1 × 1, back to 256 channels, is missing.",
                   115_605_504: "that is the 3 × 3 alone; the two 1 × 1 cost about as much together."},
            unit="multiply-adds",
        ),
    ),
    "he": Exercise(
        title="He's spread",
        difficulty=2,
        task="""
        Write `he_std(c_out, kernel)`: the standard deviation from which the paper draws a convolution's weights,
        √(2 / n), where n is the number of outgoing connections of one input pixel.
        """,
        hints=[
            "One input value reaches every output channel through every position of the kernel.",
            "n = kernel · kernel · c_out.",
        ],
        solution=he_std,
        explanation="He et al. 2015 (arXiv 1502.01852). Xavier has 1 in place of the 2, for activations that keep both signs.",
        check_answer=_check_he,
    ),
    "shortcut": Exercise(
        title="option A by hand",
        difficulty=2,
        task="""
        Write `shortcut_a(x, c_out)` for x of shape N × C × H × W, stride 2: every second pixel of x, followed by as many
        channels of zeros as it takes to have `c_out` channels. No module, no weights.
        """,
        hints=[
            "Slices take a step: `x[:, :, ::2, ::2]`.",
            "`torch.nn.functional.pad` counts from the last axis: (left, right, top, bottom, front, back).",
        ],
        solution=shortcut_a,
        explanation="This is all that section 3.3 means by zero padding. It is why plain and residual nets can be compared "
        "at exactly equal parameters.",
        check_answer=_check_shortcut,
    ),
    "bottleneck": Exercise(
        title="write the bottleneck block",
        difficulty=3,
        task="""
        Write `my_bottleneck(c_in, width, stride)`, a function that returns an `nn.Module`: 1 × 1 to `width`, 3 × 3 with the
        stride, 1 × 1 to `4 * width`; batch normalization after each (so no biases), ReLU after the first two and after the
        addition; shortcut B (a 1 × 1 convolution with the stride and its own normalization, only where the shapes change).
        """,
        hints=[
            "`models.layers.conv(c_in, c_out, kernel, stride)` is convolution, normalization and ReLU; `relu=False` leaves it out.",
            "A 3 × 3 keeps the size with padding 1.",
            "The shapes change when stride is not 1 or c_in is not 4 · width; else the shortcut is `nn.Identity()`.",
        ],
        solution=my_bottleneck,
        explanation="Sixteen of these and a stem are ResNet-50; thirty-three ResNet-101; fifty ResNet-152.",
        check_answer=_check_bottleneck,
    ),
    "params": Exercise(
        title="a formula for a whole network",
        difficulty=3,
        task="""
        Write `params_of(n, width)`: the number of parameters of the CIFAR ResNet with 6n + 2 layers, shortcut A, 3 input
        channels, 10 classes, and `width`, 2 · `width`, 4 · `width` channels in its stages. Convolutions have no bias; every
        one is followed by a batch normalization with two numbers per channel.
        """,
        hints=[
            "A 3 × 3 convolution with its normalization: 9 · c_in · c_out + 2 · c_out.",
            "The first convolution of stages 2 and 3 has half as many input channels as the others of its stage.",
            "The linear layer sees 4 · width channels, and has a bias.",
        ],
        solution=params_of,
        explanation="With width 16: 269,722 for 20 layers, 853,018 for 56, 1,727,962 for 110, the 0.27, 0.85 and 1.7 million "
        "of Table 6.",
        check_answer=_check_params,
    ),
}  # fmt: skip

quiz = [
    Question(
        "The deeper plain network has a higher test error. How do we know that this is not overfitting?",
        {
            "The test error does not rise": "It does rise. The lecture notes give this reason, and it is the wrong way "
            "round.",
            "The training error is higher too": "Yes. A network that overfits has a LOW training error; this one cannot even "
            "fit the images that it sees.",
            "There was no dropout": "Leaving out dropout would rather invite overfitting; look at the training error.",
            "It has more parameters": "That would be a reason to suspect overfitting; look at the training error.",
        },
        "The training error is higher too",
    ),
    Question(
        "When is the shortcut of a residual block used?",
        {
            "When the pattern to learn is simple": "One sentence of the notes says so, another says 'always', and that one is right: "
            "nothing chooses. If there is nothing to learn, F can go to zero.",
            "Always: y = F(x) + x": "Yes. The block learns what to add to x, and adding nothing is easy.",
            "Only while training": "It stays at test time; take it away and the network breaks.",
            "Only where the size changes": "There it needs help (A, B or C), but it is used everywhere.",
        },
        "Always: y = F(x) + x",
    ),
    Question(
        "How do height and width of the feature maps change through a ResNet?",
        {
            "They halve and later double again": "The notes say so, but nothing in a ResNet enlarges an image: 112, 56, 28, 14, "
            "7.",
            "They halve from stage to stage, while the channels double": "Yes: half the height and half the width, double the "
            "channels, so that a layer costs about the same in every stage.",
            "They stay equal, as the addition needs": "The two summands must agree; stages still halve, and A, B or C takes "
            "the shortcut along.",
        },
        "They halve from stage to stage, while the channels double",
    ),
    Question(
        "Which initialization does the paper use?",
        {
            "Xavier": "The notes say so. The lecture's slide had 'Xavier/2', which is He's; the '/2' got lost.",
            "He: standard deviation √(2 / n)": "Yes, 'as in [13]': He et al. 2015, made for ReLU.",
            "Zeros": "Then every channel of a layer would learn the same.",
        },
        "He: standard deviation √(2 / n)",
    ),
    Question(
        "ResNet won ILSVRC 2015 with 3.57 % top-5 error. What has that number?",
        {
            "One ResNet-152": "One ResNet-152 has 4.49 % on the validation set, with several scales.",
            "An ensemble of six networks": "Yes, two of them with 152 layers. Compare ensembles with ensembles: GoogLeNet's "
            "6.67 % is one of seven.",
            "One ResNet-152 with ten crops": "That is 5.71 % (Table 3).",
        },
        "An ensemble of six networks",
    ),
    Question(
        "Torchvision's ResNet-50 needs 4.09 G multiply-adds, the paper prints 3.8. Who is wrong?",
        {
            "Torchvision counts additions separately": "Then it would be twice as much, about 7.7 G.",
            "The paper forgot the shortcuts": "They are in its count; try `stride_in_1x1=True`.",
            "Nobody: they halve the image at another place": "Yes: in the first 1 × 1 (3.86 G) or in the 3 × 3 (4.09 G). Same "
            "parameters, different work.",
        },
        "Nobody: they halve the image at another place",
    ),
]
