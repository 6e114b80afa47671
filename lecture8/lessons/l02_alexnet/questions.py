"""02 AlexNet: predictions, exercises, quiz."""

from functools import cache

import torch
from torch import nn

from lecture8 import models
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
    "where": Prediction(
        "AlexNet has five convolutions and three fully connected layers. Where is most of its memory (parameters), and "
        "where most of its work (multiply-adds)?",
        {
            "both in the convolutions": "Convolutions do most of the work, but each of their weights is used at "
            "thousands of places, so there are few of them.",
            "parameters in the fully connected layers, work in the convolutions": "A weight of a fully connected layer "
            "is used once per image, a weight of conv1 at 55 × 55 places.",
            "both in the fully connected layers": "They hold nearly all parameters, but each is used only once per image.",
        },
    ),
    "crossing": Prediction(
        "Two GPUs work on one image. As 3 × 227 × 227 floats it has 618,348 bytes. How many bytes cross from one GPU to the "
        "other, both ways together, before the network has its answer?",
        {
            "about ten times the image": "Too many even if the halves met after every layer, before pooling: that would be 4 times.",
            "about as many as the image has": "If the halves met at every layer, it would be 1.7 times the image.",
            "less than half of the image": "They meet in four places only, and all four come after the maps have become "
            "small.",
        },
    ),
    "relu": Prediction(
        "Four layers, handwritten digits, each activation at its own best learning rate: how many times as many epochs as ReLU "
        "does tanh need until the training error is down to 25 %?",
        {
            "about 6, as in the paper": "Then the paper's factor would hold for small networks and easy images, too.",
            "between 1.5 and 3": "Then the effect would be there, only smaller.",
            "no more than ReLU": "The famous factor does not show here. That happens; what matters is to say so, and to say under "
            "which conditions.",
        },
    ),
    "lrn": Prediction(
        "Put local response normalization into a network that has none, and train again. The accuracy on new images is …",
        {
            "at least two points better": "The paper reports 1.4 points on ImageNet.",
            "no better, rather a little worse": "At this scale it gains nothing.",
            "ten points worse": "Then it would destroy what the convolutions find.",
        },
    ),
    "flip": Prediction(
        "AlexNet was trained on random crops and mirror images. You have 100 handwritten digits. What helps on NEW digits?",
        {
            "both help": "A mirrored 2 looks like no 2 that anybody writes.",
            "crops help where digits are off center, mirroring hurts": "A shifted 2 is a 2, a mirrored 2 is none. A change of the "
            "image is worth something where it keeps the label and where new images differ in just this way.",
            "neither helps": "Then the network would know already that a shifted 2 is a 2.",
        },
    ),
    "dropout": Prediction(
        "Dropout 0.5 in fc6 and fc7. Compared with no dropout, the network's loss on NEW images and the epochs it needs …",
        {
            "lower loss, fewer epochs": "Half of the units are missing at every step: it cannot be faster as well.",
            "lower loss, more epochs": "It overfits less, and learns more slowly: the paper says about twice as long.",
            "the same loss, more epochs": "Then dropout would cost time for nothing.",
        },
    ),
}


def _check_dropout(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    for p in (0.5, 0.8):
        x = torch.randn(4, 6, generator=generator)
        kept = (torch.rand(4, 6, generator=generator) > p).float()
        got, case = called(answer, x, kept, p), f"for p={p}"
        if not isinstance(got, torch.Tensor) or got.shape != x.shape:
            return wrong(f"Expected a tensor of {shape(x)} {case}, got {shape(got)}.")
        if (got * (1 - kept)).any():
            return wrong(f"Where `kept` is 0 the result {case} should be 0.")
        if torch.allclose(got, x * kept):
            return wrong(
                f"The right values are dropped, but not scaled up {case}: that is the paper's way, which then must halve all "
                "outputs at test time."
            )
        if not torch.allclose(got, x * kept / (1 - p), atol=1e-6):
            place = kept.flatten().nonzero()[0]
            factor = (got.flatten()[place] / x.flatten()[place]).item()
            return wrong(
                f"What is kept {case} should be multiplied with 1 / (1 - p) = {1 / (1 - p):g}; yours is with {factor:.3g}."
            )
    return correct(
        "Dropped or scaled up by 1 / (1 - p): on average nothing changes, so that nothing is left to do at test time."
    )


def _check_step(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    w, v = torch.randn(5, generator=generator), torch.zeros(5)
    theirs = [w.clone(), v.clone()]
    for i, lr in enumerate((0.1, 0.1, 0.1, 0.01), 1):
        gradient = torch.randn(5, generator=generator)
        v = 0.9 * v - 0.0005 * lr * w - lr * gradient
        w = w + v
        got = called(answer, *theirs, gradient, lr)
        if not isinstance(got, tuple | list) or len(got) != 2:
            return wrong(f"Expected two tensors, (w, v), got {type(got).__name__}.")
        theirs = [torch.as_tensor(part).clone() for part in got]
        if torch.allclose(theirs[0], w, rtol=0, atol=1e-6):
            continue
        if i == 4:
            return wrong(
                "Right while the learning rate stays, but after it drops from 0.1 to 0.01 yours goes another way: in the "
                "paper the learning rate is inside v, in PyTorch it multiplies v."
            )
        error = theirs[0] - w
        if i == 1 and torch.allclose(error, 0.0005 * lr * (w - v), atol=1e-6):
            return wrong(
                "The gradient is followed, but the weight decay, -0.0005 · lr · w, is missing."
            )
        if i == 1 and torch.allclose(error, 2 * 0.0005 * lr * (w - v), atol=1e-6):
            return wrong("The weight decay has the wrong sign: it should make w smaller.")
        if i == 2:
            return wrong("The first step is right, the second is not: is v kept, times 0.9?")
        return wrong(
            f"Step {i} goes elsewhere: w should become {w[0]:.6f} …, yours is {theirs[0][0]:.6f} …."
        )
    return correct(
        "Four steps as the paper prints them, with a drop of the learning rate among them."
    )


def _check_color(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    mix = torch.tensor(
        [[0.2, 0.05, 0.0], [0.2, 0.0, 0.03], [0.15, -0.05, -0.02]], dtype=torch.float64
    )
    photo = 0.5 + (
        mix @ torch.randn(3, 40 * 50, generator=generator, dtype=torch.float64)
    ).view(3, 40, 50)
    covariance = torch.cov(photo.flatten(1))
    got = called(answer, photo)
    if not isinstance(got, torch.Tensor) or got.shape != (3, 3):
        return wrong(f"Expected a tensor of 3 × 3, one column per direction, got {shape(got)}.")
    got = got.double()

    def close(a, b):
        return (a - b).abs().max() < 1e-3 * b.abs().max()

    if close(got @ got.T, covariance):
        gram = got.T @ got
        if (gram - gram.diag().diag()).abs().max() > 1e-3 * gram.abs().max():
            return wrong(
                "The columns have the right spread together, but they are not at right angles to each other."
            )
        return correct(
            "Three directions at right angles, each as long as the colors spread along it."
        )
    if close(got @ got.T, covariance @ covariance):
        return wrong(
            "Each direction is scaled with the variance along it, as the paper prints; take its square root."
        )
    if close(got @ got.T, torch.eye(3, dtype=torch.float64)):
        return wrong(
            "The directions are right, but all are 1 long; multiply each with the spread along it."
        )
    if close(got.T @ got, covariance):
        return wrong("The directions should stand in the columns; yours stand in the rows.")
    return wrong("S · Sᵀ should be the covariance matrix of the three colors; yours is not.")


def _check_features(answer) -> Verdict:
    features = called(answer)
    if not isinstance(features, nn.Module):
        return wrong(f"Expected a network (nn.Module), got {type(features).__name__}.")
    return same_network(features, _published_features(), (3, 67, 67))


@cache
def _published_features() -> nn.Module:
    return models.alexnet_owt(10, input_size=67).features


# --- solutions: shown under the exercises, with the names and arguments that their tasks ask for


def my_crops():
    return 9 * 9 * 2


def my_params():
    return 256 * 5 * 5 * 48 + 256


def my_bytes():
    return 2 * 48 * 27 * 27 * 4


def my_neurons():
    return 96 * 55**2 + 256 * 27**2 + (384 + 384 + 256) * 13**2 + 4096 + 4096 + 1000


def my_dropout(x, kept, p):
    return x * kept / (1 - p)


def my_step(w, v, gradient, lr):
    v = 0.9 * v - 0.0005 * lr * w - lr * gradient
    return w + v, v


def color_steps(photo):
    variances, directions = torch.linalg.eigh(torch.cov(photo.flatten(1)))
    return directions * variances.sqrt()


def my_features():
    rows = [
        (64, 11, 4, 2, True),
        (192, 5, 1, 2, True),
        (384, 3, 1, 1, False),
        (256, 3, 1, 1, False),
        (256, 3, 1, 1, True),
    ]
    layers, c_in = [], 3
    for c_out, kernel, stride, padding, pool in rows:
        layers += [nn.Conv2d(c_in, c_out, kernel, stride, padding), nn.ReLU()]
        layers += [nn.MaxPool2d(3, 2)] if pool else []
        c_in = c_out
    return nn.Sequential(*layers)


exercises = {
    "crops": Exercise(
        title="how many pictures",
        difficulty=1,
        task="""
        For CIFAR-10 the ResNet paper puts 4 pixels of zeros around each image of 32 × 32, cuts 32 × 32 out of the result, anywhere,
        and mirrors half of the crops. How many different pictures can it get from one image?
        """,
        hints=[
            "With its border the image has 40 × 40 pixels. By how many pixels can the crop be shifted to the right?",
            "By 0, 1, …, 8: that is 9 places each way, and each crop has a mirror image.",
        ],
        solution=my_crops,
        asks_value=True,
        explanation="162. From 0 to 8 there are 9 shifts, as there are 33 from 0 to 32 for AlexNet.",
        check_answer=number_check(
            162,
            traps={128: "from 0 to 8 there are 9 shifts, not 8: the paper's mistake.",
                   81: "the mirror images are missing.",
                   64: "there are 9 shifts each way, and every crop has a mirror image.",
                   2178: "that is AlexNet's number, 224 of 256 pixels.",
                   50: "the border is 4 pixels on each side, so the crop can move by 8."},
            unit="pictures",
        ),
    ),
    "conv2": Exercise(
        title="conv2 on two GPUs",
        difficulty=1,
        task="""
        conv2 has 256 kernels of 5 × 5, each with a bias, and works on the 96 channels of conv1. But half of its kernels sit on
        each GPU and see only the 48 channels there. How many parameters has it?
        """,
        hints=["Each kernel is 5 × 5 × 48.", "256 kernels, and 256 biases."],
        solution=my_params,
        asks_value=True,
        explanation="Half as many weights as if every kernel saw all 96 channels (614,656), and half as many multiply-adds.",
        check_answer=number_check(
            307_456,
            traps={614_656: "so many it would have if every kernel saw all 96 channels.",
                   307_200: "the biases are missing.",
                   153_728: "that is one GPU; the other has as many."},
            unit="parameters",
        ),
    ),
    "crossing": Exercise(
        title="if conv2 talked too",
        difficulty=2,
        task="""
        Suppose conv2 saw the kernels of both GPUs. How many more bytes would cross for one image, both ways together, in
        float32? (What conv2 receives has passed through normalization and pooling: 48 × 27 × 27 on each GPU.)
        """,
        hints=["A float32 has 4 bytes.", "Each GPU sends its 48 × 27 × 27 values to the other."],
        solution=my_bytes,
        asks_value=True,
        explanation="More than all four exchanges that the network has (234,496 bytes). The early maps are the large ones: this is "
        "why conv2 stays at home, and conv3, after the second pooling, does not.",
        check_answer=number_check(
            279_936,
            traps={139_968: "that is one way; the other GPU sends as many.",
                   69_984: "those are the values of both GPUs; each has 4 bytes.",
                   34_992: "those are the values of one GPU.",
                   1_161_600: "that is conv1's map before pooling, 55 × 55."},
            unit="bytes",
        ),
    ),
    "neurons": Exercise(
        title="650,000 neurons",
        difficulty=2,
        task="""
        The abstract says “650,000 neurons”. Count them: one for every value that a convolution or a fully connected layer puts
        out for one image of 227 × 227, before pooling.
        """,
        hints=[
            "conv1 has 96 · 55 · 55 of them.",
            "Then 256 · 27 · 27, 384 · 13 · 13 twice, 256 · 13 · 13, 4096 twice, and 1000.",
        ],
        solution=my_neurons,
        asks_value=True,
        explanation="659,272. The caption of the paper's Figure 2 gives 253,440 for the first layer, which is 55 · 48 · 96, one "
        "factor mistyped; with it the sum would be 622,312 and not 650,000.",
        check_answer=number_check(
            659_272,
            traps={622_312: "that is the sum of the caption of Figure 2, whose first number (253,440) is 55 · 48 · 96 and not 55 · 55 · 96.",
                   650_080: "those are the five convolutions; the fully connected layers are missing.",
                   813_859: "the image itself is no layer's output."},
            unit="neurons",
        ),
    ),
    "dropout": Exercise(
        title="dropout by hand",
        difficulty=2,
        task="""
        Write `my_dropout(x, kept, p)` as PyTorch does it in training: `kept` has the shape of x and is 1 where a value stays and 0
        where it is dropped, which happens with probability p. What stays is scaled up so that the average does not change.
        """,
        hints=["Multiply with `kept` first.", "A share of 1 - p stays: divide by that."],
        solution=my_dropout,
        explanation="The paper drops without scaling, and multiplies all outputs by 0.5 at test time. Both ways agree on average; "
        "PyTorch's leaves the test alone.",
        check_answer=_check_dropout,
    ),
    "step": Exercise(
        title="one step of the paper's recipe",
        difficulty=2,
        task="""
        Write `my_step(w, v, gradient, lr)`, section 5 of the paper: v becomes 0.9 · v - 0.0005 · lr · w - lr · gradient, then w
        becomes w + v. Return both, (w, v).
        """,
        hints=["Compute the new v first, with the old w.", "`return w + v, v`"],
        solution=my_step,
        explanation="`torch.optim.SGD(momentum=0.9, weight_decay=5e-4)` keeps v without the learning rate and multiplies by it last. "
        "With a constant rate that is the same; right after a drop PyTorch's next steps are ten times shorter, the paper's not yet.",
        check_answer=_check_step,
    ),
    "color": Exercise(
        title="the directions of color",
        difficulty=3,
        task="""
        Write `color_steps(photo)` for a photo of 3 × H × W: a tensor of 3 × 3 whose columns are the principal directions of its
        pixels' colors, each as long as the standard deviation along it. (`color_steps(photo) @ a` is then the color to add.)
        """,
        hints=[
            "`torch.cov(photo.flatten(1))` is the covariance matrix of the three colors.",
            "`torch.linalg.eigh` gives its eigenvalues (variances) and eigenvectors (columns).",
            "The standard deviation is the square root of the variance: `directions * variances.sqrt()`.",
        ],
        solution=color_steps,
        explanation="The paper writes eigenvalues in place of their roots; the authors' own code takes the standard deviations.",
        check_answer=_check_color,
    ),
    "features": Exercise(
        title="the AlexNet of your library",
        difficulty=3,
        task="""
        What torchvision calls AlexNet is the single column of 2014. Write `my_features()`, a function that returns its
        convolutions as an `nn.Module`: no groups, no normalization, ReLU after each convolution, max pooling 3 × 3 with stride 2
        after conv1, conv2 and conv5. Kernels: 64 (11 × 11, stride 4, padding 2), 192 (5 × 5, padding 2), 384, 256, 256 (3 × 3,
        padding 1).
        """,
        hints=[
            "`nn.Sequential` with `nn.Conv2d(c_in, c_out, kernel, stride, padding)`, `nn.ReLU()`, `nn.MaxPool2d(3, 2)`.",
            "c_in is the c_out of the layer before; the first has 3.",
        ],
        solution=my_features,
        explanation="With fc6 to fc8 it has 61,100,840 parameters, 0.2 % more than the network of 2012, and it is another network: "
        "published weights fit this one only.",
        check_answer=_check_features,
    ),
}  # fmt: skip

quiz = [
    Question(
        "In which order do AlexNet's first layers work?",
        {
            "conv, pool, norm": "The lecture notes list them so, and so did Caffe's CaffeNet; the paper has it the other way round.",
            "conv, norm, pool": "Yes: ReLU is part of conv, normalization follows, pooling comes last (section 3.5).",
            "norm, conv, pool": "The images are only freed of their mean; normalization works on what conv1 finds.",
        },
        "conv, norm, pool",
    ),
    Question(
        "Which layers see the kernels of both GPUs?",
        {
            "All of them": "Then the GPUs would have to wait for each other at every layer.",
            "conv3 and the fully connected layers": "Yes; conv2, conv4 and conv5 see their own GPU only, as in a convolution with two groups.",
            "conv2, conv4 and conv5": "It is the other way round: these three stay at home.",
            "None before the end": "Then it would be two networks that vote; they meet before conv3 already.",
        },
        "conv3 and the fully connected layers",
    ),
    Question(
        "Was AlexNet the first network with ReLUs?",
        {
            "Yes": "The lecture notes say so; the paper itself cites Nair and Hinton (2010) for them.",
            "No, but it made them decisive for a large network on ImageNet": "Yes. It also showed how much faster such a network can learn, "
            "on CIFAR-10.",
            "No, it used tanh": "tanh is what it is compared with, in its Figure 1.",
        },
        "No, but it made them decisive for a large network on ImageNet",
    ),
    Question(
        "Nobody uses local response normalization any more. Does that mean that normalization does not help?",
        {
            "Yes, AlexNet's layer showed no effect": "On ImageNet the paper reports 1.4 points of top-1; VGG found none. But another kind "
            "came after it.",
            "No: batch normalization replaced it": "Yes, and that one helps a lot; you measured both.",
            "No, it is still used under another name": "Batch normalization is another thing: it divides by the spread over the batch, not by "
            "the neighboring channels.",
        },
        "No: batch normalization replaced it",
    ),
    Question(
        "Where is most of AlexNet's WORK?",
        {
            "In the fully connected layers": "They have 96 % of the parameters but use each once: 8 % of the multiply-adds.",
            "In the convolutions": "Yes, 92 %, with 4 % of the parameters: every weight is used at hundreds or thousands of places.",
            "In local response normalization": "It costs time, but hardly any multiply-adds beside a convolution.",
        },
        "In the convolutions",
    ),
    Question(
        "A network with dropout ends an epoch with 80 % accuracy on its training images, measured while learning. The same "
        "network has 90 % on new images. How can that be?",
        {
            "The test images leaked": "One should ask, but there is a simpler reason.",
            "Half of its units were switched off while learning": "Yes: `net.eval()` switches dropout off. Measure both sides in "
            "evaluation mode before you speak of a gap.",
            "It underfits": "Perhaps, but you cannot tell from two numbers of different modes.",
        },
        "Half of its units were switched off while learning",
    ),
]
