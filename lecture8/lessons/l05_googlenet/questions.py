"""05 GoogLeNet: predictions, exercises, quiz."""

import torch
from torch import nn
from torch.nn import functional as F

from lecture8.models.googlenet import auxiliary_classifier, inception
from lecture8.models.layers import Branches, conv_relu
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
    "channels": Prediction(
        "256 channels of 28 × 28 go in. Side by side work 128 kernels of 1 × 1, 192 of 3 × 3, 96 of 5 × 5 and a 3 × 3 "
        "max pooling. How many channels come out?",
        {
            "256": "That would be so if the branches were added up. They are stacked, channel upon channel.",
            "416": "128 + 192 + 96; but the pooling is a branch too, and hands on all 256 channels that it got.",
            "672": "128 + 192 + 96 + 256: the pooling is a branch like the others, and it cannot change the number of channels.",
        },
    ),
    "cost": Prediction(
        "Now each large kernel gets a 1 × 1 convolution to 64 channels before it, and the pooling one behind it. What is "
        "left of the 854 million multiply-adds?",
        {
            "about half": "That is near what the lecture's slide prints (358 M, 42 %). Its own six products add up to less.",
            "about a third": "271 of 854 million. Three layers were added, and the sum fell to a third: the large kernels now look at "
            "64 channels in place of 256.",
            "about a tenth": "The large kernels themselves fall to a quarter; the 1 × 1 convolutions that shrink the input cost something too.",
        },
    ),
    "average": Prediction(
        "Leave out the global average pooling: connect all 7 × 7 × 1024 values of the last map to the 1,000 classes. What "
        "grows most?",
        {
            "the parameters: about eightfold": "From 7.0 to 56.2 million, while the work grows by 3 %. A fully connected layer uses each of its "
            "weights once per image; a convolution uses them at every pixel.",
            "the work: about eightfold": "A convolution uses each weight at every pixel, a linear layer only once per image. So its "
            "share of the work is small.",
            "both alike": "They would, if each weight were used equally often. A convolution uses them at every pixel.",
        },
    ),
    "fade": Prediction(
        "GoogLeNet of the paper, fresh from Glorot's initialization, no batch normalization, heads left out. Compare the "
        "gradient at the output of the FIRST stage with that at the LAST module. At the first it is …",
        {
            "much shorter: it fades on the way": "Each stage hands back a little less than it got. The authors feared this, and were right.",
            "about as long": "That is what a good initialization aims at, and He's rule for ReLU came only a year later.",
            "much longer: it grows on the way": "That is what batch normalization without shortcuts does (the black line, and lesson 06).",
        },
    ),
    "heads": Prediction(
        "GoogLeNet in miniature is trained on digits for ten epochs, without batch normalization: with both heads, and "
        "without any, from the same first weights. With heads, the test accuracy at the end is on average …",
        {
            "more than two points better": "Then the longer gradient would have paid.",
            "about the same, within two points": "The gradient is longer, the result is not better. What the heads are good for is another question.",
            "more than two points worse": "Then the lower half, busy with its own classification, would have spoiled the upper one.",
        },
    ),
    "rate": Prediction(
        "4 % less every 8 epochs. What is left of the learning rate after 80 epochs?",
        {
            "two thirds": "0.96 to the power of 10 is 0.66. It takes 136 epochs to halve.",
            "a tenth": "That is what ResNet's recipe does in one step. 4 % every 8 epochs is very gentle.",
            "a twenty-fifth": "0.04 to the power of 1: that would be 4 % *left*, not 4 % less.",
        },
    ),
}


def _check_one_by_one(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    for c_in, c_out, height, width in ((3, 5, 4, 4), (8, 2, 3, 5)):
        x = torch.randn(2, c_in, height, width, generator=generator)
        weight = torch.randn(c_out, c_in, generator=generator)
        bias = torch.randn(c_out, generator=generator)
        case = f"for {c_in} → {c_out} channels on {height} × {width} pixels"
        want, got = F.conv2d(x, weight[:, :, None, None], bias), called(answer, x, weight, bias)
        if not isinstance(got, torch.Tensor):
            return wrong(f"Expected a tensor {case}, got {type(got).__name__}.")
        if got.shape != want.shape:
            moved = got.ndim == 4 and got.shape == want.permute(0, 2, 3, 1).shape
            hint = " (the channels are still the last axis: move them back)" if moved else ""
            return wrong(f"Expected the shape {shape(want)} {case}, got {shape(got)}{hint}.")
        if (got - want).abs().max() > 1e-4:
            shift = (got - want + bias[:, None, None]).abs().max() < 1e-4
            hint = ": the bias is missing" if shift else ""
            return wrong(f"The shape is right, the values are not, {case}{hint}.")
    return correct(
        "The same numbers as a 1 × 1 convolution: one linear layer, carried to every pixel."
    )


def _check_rate(answer) -> Verdict:
    for start, epoch in ((0.1, 0), (0.1, 7), (0.1, 8), (0.01, 80), (0.1, 137)):
        want, got = start * 0.96 ** (epoch // 8), float(called(answer, start, epoch))
        if abs(got - want) > 1e-6 * start:
            case = f"for start={start}, epoch={epoch} expected {want:.6f}, got {got:.6f}"
            if abs(got - start * 0.96 ** (epoch / 8)) < 1e-9:
                return wrong(f"The rate falls in steps, not a little every epoch: {case}.")
            if abs(got - start * 0.96**epoch) < 1e-9:
                return wrong(f"That is 4 % less every epoch: {case}.")
            if abs(got - start * (1 - 0.04 * (epoch // 8))) < 1e-9:
                return wrong(f"4 % of what is left, not of the start: {case}.")
            return wrong(f"Not yet: {case}.")
    return correct("×0.96 for every 8 full epochs. After 137 it is half of what it was.")


def _check_break_even(answer) -> Verdict:
    for c_in, c_out, kernel in (
        (256, 192, 3),
        (256, 96, 5),
        (192, 32, 5),
        (9, 1, 3),
        (64, 64, 1),
    ):
        direct = kernel**2 * c_in * c_out
        want = (direct - 1) // (c_in + kernel**2 * c_out)
        got = called(answer, c_in, c_out, kernel)
        if got != want:
            case = f"For c_in={c_in}, c_out={c_out}, kernel={kernel}"
            if not isinstance(got, int | float):
                return wrong(f"{case}: expected a whole number, got {type(got).__name__}.")
            costs = got * (c_in + kernel**2 * c_out)
            how = (
                "more than"
                if costs > direct
                else "as much as"
                if costs == direct
                else "less than"
            )
            fix = "take less" if costs >= direct else f"but so does {want}"
            if got != int(got):
                return wrong(f"{case} you return {got:g}; channels come in whole numbers.")
            return wrong(
                f"{case} a reduction to {got} costs {how} the direct convolution ({costs:,.0f} and {direct:,} per pixel): {fix}."
            )
    return correct(
        "Cheaper as long as r < k²·c_in·c_out / (c_in + k²·c_out): for large kernels nearly every reduction pays."
    )


def _check_module(answer) -> Verdict:
    for c_in, widths in ((192, (64, 96, 128, 16, 32, 32)), (20, (4, 3, 6, 2, 5, 7))):
        module = called(answer, c_in, *widths)
        if not isinstance(module, nn.Module):
            return wrong(f"Expected a network (nn.Module), got {type(module).__name__}.")
        verdict = same_network(module, inception(c_in, *widths), (c_in, 9, 9))
        if not verdict:
            return wrong(
                f"my_inception({c_in}, {', '.join(map(str, widths))}): {verdict.message}"
            )
    return correct(
        "The library's module, with the widths of 3a and with odd ones: four branches, six convolutions, one stack."
    )


def _check_head(answer) -> Verdict:
    for c_in, num_classes in ((512, 1000), (528, 10)):
        head = called(answer, c_in, num_classes)
        if not isinstance(head, nn.Module):
            return wrong(f"Expected a network (nn.Module), got {type(head).__name__}.")
        reference = auxiliary_classifier(
            c_in, num_classes, nn.AvgPool2d(5, stride=3), conv_relu
        )
        verdict = same_network(head, reference, (c_in, 14, 14))
        if not verdict:
            return wrong(f"my_head({c_in}, {num_classes}): {verdict.message}")
        dropped = [m.p for m in head.modules() if isinstance(m, nn.Dropout)]
        if dropped != [0.7]:
            found = ", ".join(map(str, dropped)) or "none"
            return wrong(
                f"The layers with weights are right; the paper drops 70 % once, your head: {found}."
            )
    return correct(
        "Section 5's classifier: 3,188,840 parameters on 4a with 1,000 classes, all thrown away after training."
    )


# --- solutions: shown under the exercises, with the names and arguments that their tasks ask for


def my_channels():
    return 128 + 192 + 96 + 64


def my_macs():
    return (192 * 96 + 9 * 96 * 128) * 28**2


def one_by_one(x, weight, bias):
    return torch.nn.functional.linear(x.movedim(1, -1), weight, bias).movedim(-1, 1)


def rate(start, epoch):
    return start * 0.96 ** (epoch // 8)


def largest_reduction(c_in, c_out, kernel):
    direct = kernel**2 * c_in * c_out
    return (direct - 1) // (c_in + kernel**2 * c_out)


def my_inception(c_in, one, reduce3, three, reduce5, five, pool):
    return Branches(
        a=conv_relu(c_in, one, 1),
        b=nn.Sequential(conv_relu(c_in, reduce3, 1), conv_relu(reduce3, three, 3)),
        c=nn.Sequential(conv_relu(c_in, reduce5, 1), conv_relu(reduce5, five, 5)),
        d=nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), conv_relu(c_in, pool, 1)),
    )


def my_head(c_in, num_classes):
    return nn.Sequential(
        nn.AvgPool2d(5, stride=3),
        nn.Conv2d(c_in, 128, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(128 * 4 * 4, 1024),
        nn.ReLU(),
        nn.Dropout(0.7),
        nn.Linear(1024, num_classes),
    )


exercises = {
    "outputs": Exercise(
        title="channels of a module",
        difficulty=1,
        task="""
        Row 3b of Table 1 reads 128 | 128, 192 | 32, 96 | 64 (1 × 1 | 3 × 3 reduce, 3 × 3 | 5 × 5 reduce, 5 × 5 | pool
        projection). How many channels does module 3b put out?
        """,
        hints=[
            "Every branch ends in one convolution; only these ends are stacked.",
            "The reductions stay inside: 128 + 192 + 96 + 64.",
        ],
        solution=my_channels,
        asks_value=True,
        explanation="480, and so module 4a, behind a pooling, takes 480 channels in.",
        check_answer=number_check(
            480,
            traps={640: "you added the two reductions; they stay inside their branches.",
                   416: "the pooling branch puts out channels too.",
                   160: "those are the reductions, which stay inside.",
                   672: "the pooling branch ends in a projection to 64."},
            unit="channels",
        ),
    ),
    "branch": Exercise(
        title="what one branch costs",
        difficulty=2,
        task="""
        The 3 × 3 branch of module 3a takes 192 channels of 28 × 28, reduces them to 96, and makes 128 of them. How many
        multiply-adds do its two convolutions need together?
        """,
        hints=[
            "A convolution costs kernel² · c_in · c_out multiply-adds per output pixel.",
            "Per pixel: 192 · 96, then 9 · 96 · 128.",
        ],
        solution=my_macs,
        asks_value=True,
        explanation="101,154,816, most of the module's 128 million. Without the reduction it would be 173,408,256.",
        check_answer=number_check(
            101_154_816,
            traps={129_024: "that is the cost per pixel; there are 28² of them.",
                   173_408_256: "that is the 3 × 3 straight on 192 channels, without the reduction.",
                   86_704_128: "that is the 3 × 3 alone; its reduction works too.",
                   14_450_688: "that is the reduction alone."},
            unit="multiply-adds",
        ),
    ),
    "one_by_one": Exercise(
        title="a 1 × 1 convolution without a convolution",
        difficulty=2,
        task="""
        Write `one_by_one(x, weight, bias)` for x of shape N × C × H × W, weight c_out × C and bias c_out. It returns what a 1 × 1
        convolution returns, N × c_out × H × W. No `conv2d`: at each pixel, multiply its C values with the matrix.
        """,
        hints=[
            "`torch.nn.functional.linear` works on the last axis: `x.movedim(1, -1)` puts the channels there.",
            "Afterwards move them back: `.movedim(-1, 1)`.",
        ],
        solution=one_by_one,
        explanation="Or `torch.einsum('nchw,oc->nohw', x, weight) + bias[:, None, None]`. No pixel sees its neighbor.",
        check_answer=_check_one_by_one,
    ),
    "rate": Exercise(
        title="4 % less every 8 epochs",
        difficulty=2,
        task="""
        Write `rate(start, epoch)`: the learning rate in epoch 0, 1, 2 … when it starts at `start` and is cut by 4 % after every
        8 epochs, as in section 6 of the paper.
        """,
        hints=["After one cut 0.96 of it is left, after two 0.96², …", "How many cuts lie before an epoch: `epoch // 8`."],
        solution=rate,
        explanation="PyTorch's `StepLR(optimizer, step_size=8, gamma=0.96)` does the same.",
        check_answer=_check_rate,
    ),
    "break_even": Exercise(
        title="when does a reduction pay?",
        difficulty=3,
        task="""
        A k × k convolution from c_in to c_out channels can get a 1 × 1 reduction to r channels before it. Write
        `largest_reduction(c_in, c_out, kernel)`: the largest whole r with which the two together need *fewer* multiply-adds than
        the direct convolution.
        """,
        hints=[
            "Per pixel: direct k² · c_in · c_out; reduced c_in · r + k² · r · c_out.",
            "Solve r · (c_in + k² · c_out) < k² · c_in · c_out for r.",
            "Less, not equal: in whole numbers the largest r is `(direct - 1) // (c_in + k² · c_out)`.",
        ],
        solution=largest_reduction,
        explanation="For 256 → 192 and 3 × 3 it is 222, for 256 → 96 and 5 × 5 it is 231. GoogLeNet's own reductions lie far below.",
        check_answer=_check_break_even,
    ),
    "module": Exercise(
        title="write the inception module",
        difficulty=3,
        task="""
        Write `my_inception(c_in, one, reduce3, three, reduce5, five, pool)`, a function that returns an `nn.Module`: the module of
        Figure 2 (b). Four branches on the same input, stacked in the order 1 × 1, 3 × 3, 5 × 5, pooling. Every convolution
        has a bias and a ReLU behind it, and every branch keeps the size.
        """,
        hints=[
            "`conv_relu(c_in, c_out, kernel)` is a padded convolution with bias and ReLU; `Branches(a=…, b=…)` stacks what its parts return.",
            "The pooling keeps the size with `nn.MaxPool2d(3, stride=1, padding=1)`, then a 1 × 1 convolution.",
        ],
        solution=my_inception,
        explanation="Nine of these with the widths of Table 1, a stem and one linear layer are GoogLeNet.",
        check_answer=_check_module,
    ),
    "head": Exercise(
        title="write an auxiliary classifier",
        difficulty=3,
        task="""
        Write `my_head(c_in, num_classes)`, the auxiliary classifier of section 5 for a map of c_in × 14 × 14: average pooling 5 × 5 with stride 3,
        1 × 1 convolution to 128 channels and ReLU, a fully connected layer to 1,024 and ReLU, dropout of 70 %, a fully connected layer
        to the classes.
        """,
        hints=[
            "`nn.AvgPool2d(5, stride=3)` makes 4 × 4 of 14 × 14.",
            "After `nn.Flatten()` there are 128 · 4 · 4 values.",
        ],
        solution=my_head,
        explanation="Two of these have 6.4 million parameters, nearly as many as the network that they help to train.",
        check_answer=_check_head,
    ),
}  # fmt: skip

quiz = [
    Question(
        "Where does the 3 × 3 max pooling of an inception module stand?",
        {
            "After the three convolutions": "The notes say so (“…use all, then 3 × 3 max pooling”). In the paper it is a parallel path.",
            "Beside them, as a fourth branch": "Yes. It gets the module's input, and its output is stacked beside the others.",
            "Before them, to shrink the image": "Inside a module nothing shrinks: its stride is 1. The poolings *between* modules halve the image.",
        },
        "Beside them, as a fourth branch",
    ),
    Question(
        "Why is the module with 1 × 1 reductions three times cheaper, though it has more layers?",
        {
            "1 × 1 convolutions cost nothing": "Four of them cost 64 of the 271 million multiply-adds in our example.",
            "The large kernels see fewer channels": "Yes. Their cost is proportional to their input channels: 64 in place of 256.",
            "The image is made smaller": "Height and width stay; the channels are what is reduced.",
            "It has fewer output channels": "It has (480, not 672), because the pooling is projected; but that helps only the *next* module.",
        },
        "The large kernels see fewer channels",
    ),
    Question(
        "What does a 1 × 1 convolution compute?",
        {
            "Nothing: it copies the image": "Only with the identity as its weights; in general it mixes the channels.",
            "A weighted sum over neighboring pixels": "Its window is a single pixel: it has no neighbors.",
            "The same linear layer at every pixel, across the channels": "Yes, from c_in to c_out values. With ReLU it also adds a non-linearity.",
        },
        "The same linear layer at every pixel, across the channels",
    ),
    Question(
        "What does global average pooling save, compared with a fully connected layer on the whole 7 × 7 map?",
        {
            "Mostly multiply-adds": "The notes say so. Those 49 million are 3 % of the network's work.",
            "Mostly parameters": "Yes: 49 million of them, seven times the whole network, and only 3 % of the work.",
            "Both equally": "A fully connected weight is used once per image, a convolution's at every pixel; so the two never save alike.",
        },
        "Mostly parameters",
    ),
    Question(
        "What happens to the auxiliary classifiers when the network is used?",
        {
            "Their answers are averaged with the main one": "That would be an ensemble; the paper throws them away.",
            "They are thrown away": "Yes. They count 0.3 in the training loss, and they cost nothing afterwards.",
            "They decide easy images early": "An idea of later work (early exits), not of GoogLeNet.",
        },
        "They are thrown away",
    ),
    Question(
        "A year later the same group looked at auxiliary classifiers again (Inception-v3, section 4). What did they find?",
        {
            "They rescue the vanishing gradient": "That was the hypothesis of 2014. They found no effect early in training, when a rescue would show.",
            "They regularize; the lower one is not needed": "Yes. A slight gain near the end, and no adverse effect when the lower one is removed.",
            "They make training twice as fast": "Progress was the same with and without them until late in training.",
        },
        "They regularize; the lower one is not needed",
    ),
    Question(
        "Why can torchvision's GoogLeNet weights not be loaded into the network of Table 1?",
        {
            "Its “5 × 5” branch is 3 × 3, and it has batch normalization": "Yes. A slip, kept for the sake of the weights; `googlenet_bn` is that network.",
            "Its layers have other names": "Names can be matched by order. The shapes are what differs.",
            "It was trained with auxiliary classifiers": "So was the paper's. They can be left out.",
        },
        "Its “5 × 5” branch is 3 × 3, and it has batch normalization",
    ),
]
