"""04 VGG: predictions, exercises, quiz."""

import torch
from torch import nn
from torch.nn import functional as F

from lecture8 import models
from lecture8.teaching import (
    Exercise,
    Prediction,
    Question,
    Verdict,
    called,
    correct,
    number_check,
    shape,
    wrong,
)

predictions = {
    "field": Prediction(
        "One unit of VGG-16's last feature map, behind 13 convolutions and 5 poolings: how wide is the square of the 224 × 224 "
        "image that it can see?",
        {
            "27 pixels: 13 convolutions, two more pixels each": "So it would be without pooling. Behind a pooling the "
            "next 3 × 3 reaches twice as far.",
            "more than that, but under half of the image": "The poolings reach further than one thinks: behind the fourth, one step is 16 pixels.",
            "more than 80 % of the image": "212 of 224 pixels: each pooling doubles the reach of all that follows.",
            "all of it": "Nearly: a rim is missing. Only the fully connected layers see everything.",
        },
    ),
    "same": Prediction(
        "Two 3 × 3 convolutions with a ReLU between them against ONE 5 × 5, free to take whatever weights imitate them "
        "best. How much of the output's variation does the best 5 × 5 miss?",
        {
            "nothing: they have the same effect": "That is so without the ReLU, and only then.",
            "something, but under 5 %": "Then the ReLU would hardly matter.",
            "more than 5 %": "The ReLU between the two makes a function that no single kernel has.",
        },
    ),
    "where": Prediction(
        "VGG-16 has 138 million parameters in 13 convolutions and 3 fully connected layers. Where are they?",
        {
            "most in the convolutions": "13 layers against 3, and yet: the largest convolution has 2.4 million weights.",
            "about half and half": "Count fc6: it sees 7 · 7 · 512 numbers and has 4,096 neurons.",
            "nine tenths in the three fully connected layers": "89.4 %, and three quarters in fc6 alone.",
        },
    ),
    "depth": Prediction(
        "Two networks for digits, of equal width and with equal receptive fields: pairs of 3 × 3, or one 5 × 5 in place of "
        "each pair. Which one reads new digits better?",
        {
            "the one with pairs of 3 × 3": "As in the paper, where it was 7 % in top-1 error.",
            "the one with single 5 × 5": "It has the same view, but half the ReLUs.",
            "no clear difference": "Then the receptive field would be all that matters here.",
        },
    ),
    "signal": Prediction(
        "AlexNet's first weights had a spread of 0.01. Give VGG-16's 13 convolutions the same, and send an image through. "
        "How strong is the signal behind the last, compared with the first?",
        {
            "about the same": "That is what Glorot's rule is made for, not a fixed spread.",
            "weaker, by less than a thousand": "Each layer keeps less than half; thirteen layers are a product.",
            "weaker, by more than a thousand": "Each layer keeps less than half, and thirteen layers are a product. One spread for "
            "all layers suits no deep network.",
            "stronger": "For that 0.01 is too small, even with 9 · 512 inputs.",
        },
    ),
    "fc7": Prediction(
        "A network has learned to read printed letters, and has never seen a digit. 200 printed digits are labeled. A linear "
        "classifier is trained on their pixels, another on what the network's fc7 makes of them. Which reads new printed digits "
        "better?",
        {
            "the one on pixels: fc7 knows letters only": "Then fc7 would hold nothing but letters. It holds strokes and bends.",
            "about the same, or fc7 by a little": "Then the letters would have taught nothing that digits need.",
            "fc7, by more than 25 points": "Whatever the font, the place, dark on light or light on dark: letters taught fc7 to "
            "see through these, and pixels do not.",
        },
    ),
}


def _rows_of_vgg(configuration: str) -> list[tuple[int, int]]:
    """(kernel, stride) of every convolution and pooling of a configuration."""
    rows = []
    for kernels in models.vgg.CONFIGURATIONS[configuration]:
        rows += [(kernel, 1) for kernel in kernels if kernel != "LRN"] + [(2, 2)]
    return rows


def _check_field(answer) -> Verdict:
    cases = {
        "one 3 × 3": ([(3, 1)], 3),
        "two 3 × 3": ([(3, 1)] * 2, 5),
        "a 2 × 2 pooling with stride 2, then one 3 × 3": ([(2, 2), (3, 1)], 6),
        "AlexNet's conv1, pool1, conv2": ([(11, 4), (3, 2), (5, 1)], 51),
        "VGG-16": (_rows_of_vgg("D"), 212),
        "VGG-19": (_rows_of_vgg("E"), 268),
    }
    for name, (layers, want) in cases.items():
        got = called(answer, layers)
        if got != want:
            hint = ""
            if got == 1 + sum(kernel - 1 for kernel, _ in layers):
                hint = " That is the sum without strides: behind a stride of 2 one step is two pixels."
            elif got == sum(kernel for kernel, _ in layers):
                hint = " A kernel of k adds k − 1 steps: the windows overlap."
            elif want > 1 and got == want - 1:
                hint = " Start from 1: with no layer, a unit sees one pixel."
            return wrong(f"For {name}, {_short(layers)}, expected {want}, got {got}.{hint}")
    return correct(
        "Right for six stacks, up to the 212 pixels of VGG-16 and the 268 of VGG-19."
    )


def _short(layers) -> str:
    shown = ", ".join(map(str, layers[:3]))
    return f"[{shown}{', …' if len(layers) > 3 else ''}]"


def _check_control(answer) -> Verdict:
    if not isinstance(answer, tuple | list) or not all(
        isinstance(block, tuple | list) for block in answer
    ):
        return wrong(
            f"Expected a tuple of five lists of kernel sizes, as in CONFIGURATIONS, got {answer!r}."
        )
    row = [list(block) for block in answer]
    if row == [[5]] * 5:
        return correct(
            "Five layers of 5 × 5 with the receptive field of B's ten of 3 × 3, and half of its ReLUs."
        )
    if len(row) != 5:
        return wrong(
            f"Your row has {len(row)} blocks; B has five, and the poolings between them stay."
        )
    if all(block in ([5, 5], [5]) for block in row):
        return wrong(
            "Two 5 × 5 in a block see 9 × 9: each PAIR of 3 × 3 is replaced by ONE 5 × 5."
        )
    if row == [[3]] * 5:
        return wrong(
            "One 3 × 3 per block sees less than a pair: the receptive field should stay as it was."
        )
    if any(7 in block for block in row):
        return wrong("7 × 7 is what three 3 × 3 see; B has two in each block.")
    return wrong(f"Expected five blocks with one 5 × 5 each, got {row}.")


def _check_dense(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    for c_in, side, c_out in ((8, 7, 16), (4, 3, 5)):
        linear = nn.Linear(c_in * side**2, c_out)
        nn.init.normal_(linear.bias, generator=generator)
        conv, case = called(answer, linear, c_in), f"for {c_in} channels of {side} × {side}"
        if not isinstance(conv, nn.Conv2d):
            return wrong(f"Expected an nn.Conv2d {case}, got {type(conv).__name__}.")
        if tuple(conv.weight.shape) != (c_out, c_in, side, side):
            return wrong(
                f"Expected weights of {c_out} × {c_in} × {side} × {side} {case}, got {shape(conv.weight)}."
            )
        maps = torch.randn(2, c_in, side, side, generator=generator)
        with torch.no_grad():
            want, got = linear(maps.flatten(1)), conv(maps)
        if got.shape[2:] != (1, 1):
            return wrong(
                f"Expected one output pixel {case}, got {got.shape[2]} × {got.shape[3]}: no padding."
            )
        if not torch.allclose(want, got.flatten(1), atol=1e-4):
            if torch.allclose(want - linear.bias, got.flatten(1), atol=1e-4):
                return wrong(f"The bias is missing {case}.")
            return wrong(
                f"The shapes are right {case}, but the outputs differ: were the weights copied?"
            )
    return correct(
        "The same numbers for one view, and on a larger map one answer for every place."
    )


def _check_merge(answer) -> Verdict:
    torch.manual_seed(0)
    for c_in, c_mid, c_out, (k1, k2) in (
        (1, 1, 1, (3, 3)),
        (3, 8, 4, (3, 3)),
        (2, 5, 3, (5, 3)),
        (4, 6, 2, (1, 3)),
    ):
        first, second = nn.Conv2d(c_in, c_mid, k1), nn.Conv2d(c_mid, c_out, k2)
        case = f"for {k1} × {k1} ({c_in} → {c_mid}) and {k2} × {k2} ({c_mid} → {c_out})"
        conv, side = called(answer, first, second), k1 + k2 - 1
        if not isinstance(conv, nn.Conv2d):
            return wrong(f"Expected an nn.Conv2d {case}, got {type(conv).__name__}.")
        if tuple(conv.weight.shape) != (c_out, c_in, side, side):
            return wrong(
                f"Expected weights of {c_out} × {c_in} × {side} × {side} {case}, got {shape(conv.weight)}."
            )
        images = torch.randn(2, c_in, 12, 12)
        with torch.no_grad():
            want, got = second(first(images)), conv(images)
        if got.shape != want.shape:
            return wrong(
                f"Expected outputs of {tuple(want.shape)} {case}, got {tuple(got.shape)}: no padding."
            )
        if not torch.allclose(want, got, atol=1e-5):
            offset = (want - got).mean((0, 2, 3), keepdim=True)
            if torch.allclose(want - offset, got, atol=1e-5):
                return wrong(
                    f"The kernel is right {case}; the bias is not: the first bias passes through the second kernel."
                )
            return wrong(f"The outputs differ {case}: is one of the kernels flipped?")
    return correct("One convolution in place of two, biases and all, for four pairs of sizes.")


# --- solutions: shown under the exercises, with the names and arguments that their tasks ask for


def my_layers():
    return (11 - 1) // 2


def my_count():
    return 512 * 7 * 7 * 4096 + 4096


def my_row():
    return ([5], [5], [5], [5], [5])


def field(layers):
    field = jump = 1
    for kernel, stride in layers:
        field += (kernel - 1) * jump
        jump *= stride
    return field


def as_convolution(linear, c_in):
    side = round((linear.in_features / c_in) ** 0.5)
    conv = nn.Conv2d(c_in, linear.out_features, side)
    conv.weight.data = linear.weight.data.view(-1, c_in, side, side)
    conv.bias.data = linear.bias.data
    return conv


def merge(first, second):
    weight = F.conv_transpose2d(second.weight.data, first.weight.data)
    conv = nn.Conv2d(first.in_channels, second.out_channels, weight.shape[-1])
    conv.weight.data = weight
    conv.bias.data = second.bias.data + second.weight.data.sum((2, 3)) @ first.bias.data
    return conv


exercises = {
    "field": Exercise(
        title="how many small ones for a large one",
        difficulty=1,
        task="""
        AlexNet's first kernels are 11 × 11. How many 3 × 3 convolutions in a row (stride 1) see just as much?
        """,
        hints=["One sees 3 pixels, two see 5, three see 7.", "Every layer adds 2: 1 + 2n = 11."],
        solution=my_layers,
        asks_value=True,
        explanation="Five: 45 · C² weights in place of 121 · C². With AlexNet's stride of 4 things differ; see 03.",
        check_answer=number_check(
            5,
            traps={4: "four see 9 × 9.",
                   6: "six see 13 × 13.",
                   11: "eleven see 23 × 23: each adds two pixels, not one.",
                   3.5: "the first layer sees 3 pixels, and each further one adds 2."},
            unit="layers",
        ),
    ),
    "fc6": Exercise(
        title="the largest layer",
        difficulty=1,
        task="""
        VGG-16's last pooling puts out 512 maps of 7 × 7. fc6 connects all of them with 4,096 neurons. How many parameters
        is that, biases included?
        """,
        hints=["Every neuron has a weight for every value of the maps, and a bias.", "512 · 7 · 7 values."],
        solution=my_count,
        asks_value=True,
        explanation="102,764,544: 74 % of the network. GoogLeNet (05) will average the maps first, and save nearly all of it.",
        check_answer=number_check(
            102_764_544,
            traps={102_760_448: "the 4,096 biases are missing.",
                   2_101_248: "that is 512 · 4096 with biases, one value per map; each map has 49.",
                   14_684_160: "the maps are 7 × 7 = 49 values, not 7.",
                   123_642_856: "those are fc6, fc7 and fc8 together."},
            unit="parameters",
        ),
    ),
    "control": Exercise(
        title="the control experiment",
        difficulty=2,
        task="""
        The authors checked their idea with a network that is configuration B with each pair of 3 × 3 replaced by one 5 × 5.
        Write its row as in `models.vgg.CONFIGURATIONS`: a tuple with a list of kernel sizes for each block.
        """,
        hints=["B is `([3, 3], [3, 3], [3, 3], [3, 3], [3, 3])`.", "The number of blocks stays; each has one layer now."],
        solution=my_row,
        asks_value=True,
        explanation="Its top-1 error was 7 % higher than B's (section 4.1, single center crop). In section 6 you ran this "
        "experiment in small.",
        check_answer=_check_control,
    ),
    "receptive_field": Exercise(
        title="the receptive field of anything",
        difficulty=2,
        task="""
        Write `field(layers)` for a list of (kernel, stride), first layer first: how many pixels wide is what one unit at the
        end sees? Convolutions and poolings count alike, padding does not matter.
        """,
        hints=[
            "Keep two numbers: the field so far, starting at 1, and the jump, the distance in pixels between two neighbors, also 1.",
            "A kernel of k reaches over k − 1 jumps: `field += (kernel - 1) * jump`. And then the stride makes the jump larger.",
        ],
        solution=field,
        explanation="Two lines for every convolutional network without branches. `complexity.receptive_field` is the same.",
        check_answer=_check_field,
    ),
    "dense": Exercise(
        title="a fully connected layer is a convolution",
        difficulty=3,
        task="""
        To test on larger images, the authors turned fc6 into a convolution (section 3.2). Write `as_convolution(linear, c_in)`:
        it gets an `nn.Linear` that works on flattened maps of `c_in` channels and unknown, square size, and returns the
        `nn.Conv2d` that computes the same for one such map.
        """,
        hints=[
            "The side follows from the count: side² = linear.in_features / c_in.",
            "`linear.weight` has the shape c_out × (c_in · side · side), and flattening goes channel by channel: a `view` will do.",
            "Copy with `conv.weight.data = …`; do not forget the bias.",
        ],
        solution=as_convolution,
        explanation="So VGG looks at a whole image of any size and averages the answers of all places: the “dense” of Table 5.",
        check_answer=_check_dense,
    ),
    "merge": Exercise(
        title="two convolutions into one",
        difficulty=3,
        task="""
        Write `merge(first, second)`: two `nn.Conv2d` with stride 1, without padding, with biases, and NO ReLU between them. Return
        the one `nn.Conv2d` that computes the same.
        """,
        hints=[
            "Section 2 found the kernel: `F.conv_transpose2d(second.weight, first.weight)`.",
            "The first layer's bias is a constant picture; the second layer multiplies it with the sum of its kernel.",
            "`second.bias + second.weight.sum((2, 3)) @ first.bias`.",
        ],
        solution=merge,
        explanation="Depth without non-linearity is no depth: any number of linear layers is one. It is the ReLU that pays.",
        check_answer=_check_merge,
    ),
}  # fmt: skip

quiz = [
    Question(
        "Two 3 × 3 convolutions in a row and one 5 × 5: what is the same?",
        {
            "The function they can compute": "Only without the ReLU between them; with it, the best 5 × 5 missed a good part.",
            "The receptive field": "Yes. Fewer weights and one more ReLU come on top; the function is another.",
            "The number of weights": "18 C² against 25 C².",
            "The multiply-adds": "They go with the weights here: 18 against 25 per pixel and pair of channels.",
        },
        "The receptive field",
    ),
    Question(
        "“Small kernels, so VGG has few parameters.” What is true?",
        {
            "It is right: VGG-16 is smaller than AlexNet": "138 million against 61: 2.3 times as many.",
            "Few per receptive field, but many in all": "Yes: 27 C² against 49 C² for a view of 7 × 7, and 138 million all the "
            "same, 89 % of them fully connected.",
            "It is wrong: 3 × 3 kernels need more weights": "For the same view they need fewer.",
        },
        "Few per receptive field, but many in all",
    ),
    Question(
        "Where does VGG-16 spend its multiply-adds?",
        {
            "In the fully connected layers": "There are 89 % of its parameters, but 0.8 % of its work: each weight is used once.",
            "In the convolutions": "Yes, 99.2 %: every weight of a kernel is used once per pixel.",
            "In the poolings": "They multiply nothing.",
        },
        "In the convolutions",
    ),
    Question(
        "Configuration C adds 1 × 1 convolutions to B, D makes them 3 × 3. Errors at one scale: B 28.7, C 28.1, D 27.0 %. What "
        "does that show?",
        {
            "More non-linearity helps, and seeing more helps too": "Yes: C has B's view and more ReLUs; D has C's ReLUs and a "
            "larger view. That is how the authors read it (section 4.1).",
            "1 × 1 convolutions hurt": "C is better than B, which has none.",
            "Only the receptive field matters": "B and C see the same, and C is better.",
            "The differences are noise": "The authors trained one network each, so some doubt is fair; but five more comparisons "
            "of C with D (Tables 3 and 4) point the same way.",
        },
        "More non-linearity helps, and seeing more helps too",
    ),
    Question(
        "Is VGG-19 better than VGG-16?",
        {
            "Yes, clearly": "In one of eight comparisons of top-1 errors, in three of eight of top-5 errors, each time by 0.1.",
            "No, clearly worse": "By top-1 error it is worse in four of eight, by 0.1 to 0.3; one network each.",
            "It depends on the protocol: depth has stopped paying": "Yes. By top-1 error one better, three equal, four worse; by top-5 error three, three and two: “the error rate of our "
            "architecture saturates when the depth reaches 19 layers”.",
        },
        "It depends on the protocol: depth has stopped paying",
    ),
    Question(
        "Why did the authors first train configuration A and copy its layers into the deep networks?",
        {
            "To save computing time": "It costs the training of one network more.",
            "Because random weights, as they drew them, stalled deep networks": "Yes. After submitting they found that Glorot's rule "
            "makes it unnecessary.",
            "To share knowledge from other images": "That would be transfer; A was trained on the same images.",
        },
        "Because random weights, as they drew them, stalled deep networks",
    ),
    Question(
        "Which part of VGG-16 fills the memory with activations (values kept per image)?",
        {
            "fc6, the largest layer": "It has the most parameters and 4,096 outputs only.",
            "The last convolutions, with their 512 channels": "512 maps of 14 × 14 are 100 thousand values; 64 of 224 × 224 are 3.2 million.",
            "The first two blocks": "Yes, 71 % of all: few channels, but many pixels. The parameters sit at the other end.",
        },
        "The first two blocks",
    ),
]
