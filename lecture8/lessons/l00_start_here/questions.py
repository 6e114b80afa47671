"""00 Start here: predictions, exercises, quiz."""

import torch
from torch import nn

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
    "shape": Prediction(
        "A 1 × 16 × 16 image goes through a 3 × 3 convolution with 16 kernels (padding 1), then a 2 × 2 max pooling. "
        "What shape comes out?",
        {
            "16 × 16 × 16": "That is the shape after the convolution; the pooling still halves both sides.",
            "16 × 8 × 8": "One channel per kernel; padding 1 keeps the 16 × 16, and the pooling halves both sides.",
            "1 × 8 × 8": "Every kernel gives a channel of its own.",
            "16 × 7 × 7": "Without the padding, 3 × 3 would take a pixel off each border: 14, then 7.",
        },
    ),
    "moved": Prediction(
        "Now every digit is drawn at a random place in the picture, in training and in testing. Both classifiers are trained again. "
        "Who loses more test accuracy?",
        {
            "both lose less than 10 points": "Then the place would not matter to either.",
            "both lose about the same, and more than that": "Then sliding one kernel over all places would be of no use.",
            "the linear one loses far more": "A linear layer has one weight per place, and must learn each digit anew at each place. A "
            "convolution carries the same kernel everywhere. (The CNN loses some too: its last layer is linear.)",
            "the CNN loses far more": "It is the one whose kernels visit every place.",
        },
    ),
    "shuffle": Prediction(
        "Last: shuffle the pixels of these moved pictures, in one and the same way for all of them. No information is lost. What does the "
        "CNN do?",
        {
            "it does not notice": "That is the linear layer: to it a pixel is just a number, its weights are simply shuffled along.",
            "it loses a few points": "Then neighborhoods would matter only a little.",
            "it loses more than 20 points": "Its kernels look for patterns among NEIGHBOURS, and there are no neighbors any more.",
            "it gets better": "Shuffling adds nothing to be learned.",
        },
    ),
}


def _check_network(answer) -> Verdict:
    net = called(answer)
    if not isinstance(net, nn.Module):
        return wrong(f"Expected a network (nn.Module), got {type(net).__name__}.")
    return same_network(net, my_net(), (1, 16, 16))


def _check_confused(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    for classes in (3, 10):
        table = torch.randint(0, 40, (classes, classes), generator=generator)
        table.fill_diagonal_(
            100
        )  # what is right is the largest number in every row, and no confusion
        at = int(torch.randint(1, classes, (), generator=generator))
        table[at, at - 1] = 60
        got = tuple(int(i) for i in called(answer, table.clone()))
        if got == (at - 1, at):
            return wrong(
                f"The right two classes in the wrong order: rows are the true classes, so expected {(at, at - 1)}."
            )
        if got != (at, at - 1):
            on = " (on the diagonal stands what is right)" if len(set(got)) == 1 else ""
            return wrong(
                f"For the table\n{table.tolist()}\nexpected {(at, at - 1)}, got {got}{on}."
            )
    return correct(
        "The largest number off the diagonal: its row is the true class, its column the one it was taken for."
    )


# --- solutions: shown under the exercises, with the names and arguments that their tasks ask for


def my_params():
    return 64 * (32 * 3 * 3 + 1)


def my_step():
    return round(10.07 - 7.89, 2)


def my_inputs():
    return 32 * 7 * 7


def most_confused(table):
    table = table - torch.diag(torch.diag(table))
    return divmod(int(table.argmax()), len(table))


def my_net():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


exercises = {
    "conv_params": Exercise(
        title="count a convolution",
        difficulty=1,
        task="How many parameters has `nn.Conv2d(32, 64, kernel_size=3)`? (It has biases, as PyTorch's convolutions do by default.)",
        hints=["Each of the 64 kernels sees all 32 input channels through its 3 × 3 window.", "And one bias for each kernel."],
        solution=my_params,
        asks_value=True,
        explanation="64 · (32 · 9 + 1) = 18,496. The size of the image does not matter: the kernels slide over it.",
        check_answer=number_check(
            18_496,
            traps={18_432: "those are the weights; the biases are missing.",
                   640: "a kernel sees all 32 channels of its input, not one.",
                   576: "a kernel sees all 32 channels of its input, and has a bias.",
                   18_464: "there is one bias per kernel (per output channel), so 64 of them."},
            unit="parameters",
        ),
    ),
    "like_for_like": Exercise(
        title="like for like",
        difficulty=1,
        task="The table has ONE GoogLeNet twice: with 1 crop and with 144. By how many points did averaging over crops alone lower its "
        "top-5 error?",
        hints=["Use the two GoogLeNet rows with nets = 1.", "10.07 with one crop, 7.89 with 144."],
        solution=my_step,
        asks_value=True,
        explanation="2.18 points, with the very same network. Seven networks then gain another 1.22. So an error without its number of "
        "networks AND of crops says little.",
        check_answer=number_check(
            2.18,
            traps={3.4: "that is seven networks against one as well; keep nets = 1.",
                   1.22: "that is what seven networks gain; the question is about crops.",
                   -2.18: "the error goes down; give the size of the step, without the sign.",
                   10.07 - 7.89: "round it to two digits: round(…, 2)."},
            unit="points",
        ),
    ),
    "flatten": Exercise(
        title="how many numbers arrive",
        difficulty=1,
        task="The small CNN above had two poolings. Give it 28 × 28 images instead of 16 × 16: how many inputs must its linear layer "
        "then have? (It has 32 channels at that point.)",
        hints=["Each pooling halves the sides: 28, 14, 7.", "Flatten lines up all channels: channels · height · width."],
        solution=my_inputs,
        asks_value=True,
        explanation="1,568. This is why a network that ends in flatten + linear has ONE image size; one that ends in global average "
        "pooling takes any.",
        check_answer=number_check(
            1568,
            traps={512: "that is for 16 × 16 images.",
                   49: "those are the pixels of one channel; there are 32.",
                   6272: "only one pooling is in that; there are two.",
                   224: "height times width, 7 · 7, not 7."},
            unit="inputs",
        ),
    ),
    "confused": Exercise(
        title="who is taken for whom",
        difficulty=2,
        task="Write `most_confused(table)`: for a confusion matrix (rows: true class, columns: predicted class; a tensor of counts), the "
        "pair (true class, predicted class) of the most frequent mistake.",
        hints=["What is right stands on the diagonal: take it out first.", "`tensor.argmax()` counts through the rows; `divmod` splits its "
               "answer into row and column."],
        solution=most_confused,
        explanation="Subtracting the diagonal leaves only mistakes.",
        check_answer=_check_confused,
    ),
    "network": Exercise(
        title="write a network",
        difficulty=3,
        task="""
        Write `my_net()`, which returns this network for 1 × 16 × 16 images: 3 × 3 convolution (padding 1) to 16 channels, ReLU, 2 × 2
        max pooling; the same to 32 channels; a 3 × 3 convolution (padding 1) to 64, ReLU; then the average over all pixels
        (`nn.AdaptiveAvgPool2d(1)`), flatten, and a linear layer to 10 classes.
        """,
        hints=["`nn.Sequential(…)` runs its arguments one after another.", "Ten steps: conv, relu, pool, conv, relu, pool, conv, relu, "
               "average, flatten; then the linear layer, from 64 to 10."],
        solution=my_net,
        explanation="The global average makes the linear layer small (650 parameters) and the image size free: an idea of Network in "
        "Network (Lin et al. 2013) that GoogLeNet took over, lesson 05.",
        check_answer=_check_network,
    ),
}  # fmt: skip

quiz = [
    Question(
        "A cell in this course prints '≈ 0.31'. What does the ≈ tell you?",
        {
            "The number is wrong": "It was measured here and now; the cell beside it asserts what must hold.",
            "On your machine it may be a little different": "Yes. Sums in another order round differently. What must hold everywhere is "
            "asserted as an inequality, and that is what the tests compare.",
            "It was copied from a paper": "Published numbers come from tables that name their source.",
        },
        "On your machine it may be a little different",
    ),
    Question(
        "'ResNet has 3.57 % top-5 error, AlexNet 18.2 %.' What is wrong with this sentence?",
        {
            "The numbers are wrong": "Both are in the papers.",
            "It compares six networks with one": "Yes: 3.57 % is an ensemble of six, 18.2 % a single network. One ResNet-152 has 4.49 % "
            "(and even that with another way of cropping).",
            "They were measured on different data sets": "Validation and test images differ, but both are ILSVRC; the number of networks differs far more.",
        },
        "It compares six networks with one",
    ),
    Question(
        "Why does `fit` report the accuracy on `valid` after every epoch, and not on `test`?",
        {
            "valid is larger": "It is even smaller. Think of what you do with the number.",
            "Looking at test while choosing would flatter the result": "Yes. Whatever you tune by looking at a split, that split "
            "becomes part of the training. `test` is looked at once.",
            "test has no labels": "It has; we use them at the end.",
        },
        "Looking at test while choosing would flatter the result",
    ),
    Question(
        "Which year's winner was the first below the one trained human's 5.1 %?",
        {
            "2012, AlexNet": "16.4 %: a revolution, but three times the human's error.",
            "2014, GoogLeNet": "6.67 %: close.",
            "2015, ResNet": "Yes, 3.57 %. (One annotator, 1,500 images: not a law of nature.)",
            "2017, SENet": "Below too, but not the first.",
        },
        "2015, ResNet",
    ),
    Question(
        "What does a 3 × 3 convolution with padding 1 and stride 1 do to height and width?",
        {
            "It keeps them": "Yes: the padding gives back what the window takes at the border.",
            "It takes 2 off each": "Without padding it would.",
            "It halves them": "Stride 2 would.",
        },
        "It keeps them",
    ),
]
