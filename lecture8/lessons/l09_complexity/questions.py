"""09 Complexity: predictions, builds, exercises, quiz."""

from lecture8.lessons.l09_complexity import answers
from lecture8.teaching import Build, Exercise, Prediction, Question, number_check
from lecture8.words import phrase

# of `datasets.animals`: those whose class CIFAR-10 has
CLASS_OF = {"cat": "cat", "dog": "dog", "horse": "horse", "moose": "deer"} | dict.fromkeys(
    ("duck", "owl", "macaw", "hen"), "bird"
)

predictions = {
    "same_work": Prediction(
        "A convolution and a linear layer need exactly the same number of multiply-adds for one image. Which of them takes longer?",
        {
            "the convolution": "It has to move its kernel over the feature map, but that costs next to nothing.",
            "about equally long": "It would be so if multiplying were all that takes time.",
            "the linear layer": "It does the same work and takes many times as long. Section 2 asks why.",
        },
    ),
    "reading": Prediction(
        "VGG-11 has 133 million parameters, 531 MB. One image, one thread: how much of the time goes into reading the weights?",
        {
            "most of it": "That is so for the single linear layer, at the top of the picture. A network also has convolutions, and VGG's compute a lot.",
            "about half": "It is about a third for AlexNet, whose convolutions compute ten times less than VGG-11's.",
            "about a tenth": "VGG-11 reads 531 MB, but it also does 7.6 billion multiply-adds.",
        },
    ),
    "activations": Prediction(
        "Each network gets one image of its own size: 224 × 224 pixels, but Inception-ResNet-v2 gets 299 × 299. Which has the most activations?",
        {
            "VGG-19": "It has the most parameters and the most multiply-adds, but only 19 layers with weights.",
            "ResNet-152": "It comes second, at 224 × 224: many layers, but the blocks are narrow inside.",
            "Inception-ResNet-v2": "Two things help: it has the most layers on its longest path, and its images are larger. At 224 × 224 it would have 13.2 million, and ResNet-152, with 22.9 million, would be first.",
        },
    ),
    "point": Prediction(
        "The networks that no other beats go from 56.5 to 80.4 % accuracy. Above 76 %, one more point costs how many times as many "
        "operations as below 70 %?",
        {
            "about as many": "Then the points would lie on a straight line. They lie on a curve that flattens.",
            "2 to 20 times as many": "Right direction. In the middle, from 69.8 to 76.1 %, a point costs seven times as much as below.",
            "more than 20 times as many": "Up to 69.8 % a point costs 0.12 G operations, up to 76.1 % it costs 0.82 G, up to 80.4 % 4.2 G. "
            "The same work buys less and less.",
        },
    ),
    "recipe": Prediction(
        "ResNet-50 was trained again in 2021: the same network, the same cost for an image, a newer recipe. How much more accurate is it (top-1)?",
        {
            "less than 1 point": "Then accuracy would be a property of the architecture.",
            "1 to 3 points": "That would already be a network's worth: from 50 to 152 layers it is 2.2 points.",
            "more than 3 points": "That is more than from ResNet-50 to ResNet-152. An accuracy belongs to a network *and its training*.",
        },
    ),
    "batch": Prediction(
        "AlexNet on a CPU with two threads: one image at a time, or eight at once. How many times as many images per second does the batch bring?",
        {
            "about 1.1 times": "That is what ResNet-18 gains. AlexNet has most of its weights in linear layers.",
            "about 1.5 times": "More than ResNet-18, far from eight times: the convolutions have to be computed for every image.",
            "about 4 times": "Then hardly anything but reading weights would take time. AlexNet also computes.",
        },
    ),
    "operations": Prediction(
        "Somebody's desktop CPU, one image at a time. VGG-11 needs 7.6 G multiply-adds, ResNet-152 11.5 G. Which is faster?",
        {
            "VGG-11": "That is what counting operations says. On that CPU all four VGGs take about the same time, whatever they compute.",
            "about equally fast": "Operations and weights could balance; on that machine they do not.",
            "ResNet-152": "VGG-11 takes three times as long with two thirds of the operations. Its many weights come to mind, but "
            "reading them was a tenth of its time on our machine, and here the program was compiled, too. The table does not say why.",
        },
    ),
}


builds = {
    "conv_cost": Build(
        title="what a convolution costs",
        difficulty=1,
        task="""
        Write `conv_cost(c_in, c_out, kernel, side)` for a convolution with a square kernel and no biases that outputs feature maps of `side` ×
        `side`. Return three numbers: its parameters, its output values, and its multiply-adds for one image.
        """,
        hints=[
            "Each of the `c_out` kernels has `kernel · kernel` weights for each of the `c_in` input channels.",
            "It outputs `c_out` feature maps. For one output value, every weight of one kernel is multiplied once.",
        ],
        solution=answers.conv_cost,
        explanation="So the multiply-adds are the parameters times the positions: each weight is used once at each of the side · side positions.",
        check_answer=answers.check_conv_cost,
    ),
    "roofline": Build(
        title="the least time of a layer",
        difficulty=2,
        task="""
        A layer does `macs` multiply-adds. It needs `weights` weights, and `values` numbers come in or go out; each number takes 4 bytes and is
        moved once. The machine does `rate` multiply-adds in a second and moves `bandwidth` bytes in a second, both at the same time.
        Write `roofline(macs, weights, values, rate, bandwidth)`. Return two numbers: multiply-adds per byte moved, and the least number of seconds.
        """,
        hints=[
            "How many bytes are moved in all? Multiply-adds per byte is a division.",
            "How many seconds does computing take alone, and moving alone? Work divided by speed. When is the slower one finished?",
        ],
        solution=answers.roofline,
        explanation="A real machine rarely overlaps the two perfectly, so this is a lower bound: *at least* as long.",
        check_answer=answers.check_roofline,
    ),
    "count_macs": Build(
        title="a profiler",
        difficulty=2,
        task="""
        Complete `count_macs(net, size)`: the multiply-adds of all convolutions and linear layers for one image of `size` (channels, height, width).
        A hook is called after its layer has run, with (layer, inputs, output). One line is missing.
        """,
        hints=[
            "Each output value costs one multiply-add for every weight of one kernel. How many values are there? `output.numel()`.",
            "`layer.weight[0]` is the first kernel, or the first row of a linear layer. How many weights does it have?",
        ],
        solution=answers.count_macs,
        explanation="With groups a kernel has only its group's input channels, so the same line holds. The course's own profiler also counts operations that are not modules, such as matrix products.",
        check_answer=answers.check_count_macs,
    ),
    "pareto": Build(
        title="which networks does no other beat?",
        difficulty=2,
        task="""
        Write `pareto(costs, accuracies)` for two lists of the same length: the positions of the networks that no other beats. One network *beats* another if it
        costs no more and is no less accurate, and is better in at least one of the two.
        """,
        hints=[
            "First write when a point `a` beats a point `b`: two comparisons, and the two points are not equal.",
            "Keep a position if no point beats the one at this position: `not any(… for other in points)`.",
        ],
        solution=answers.pareto,
        explanation="With several costs, such as time and memory, the same rule asks for every one of them.",
        check_answer=answers.check_pareto,
    ),
    "benchmark": Build(
        title="fix the benchmark that lies",
        difficulty=3,
        task="""
        `broken` above makes six mistakes; the first line of the skeleton fixes one, the missing inference mode. Write `benchmark(net, lab,
        batch, runs)`, which returns the milliseconds that a *typical* forward pass of one batch takes (not the best one, not the mean). The lab has
        `lab.images(batch)`, `lab.clock()` (seconds) and `lab.synchronize()`, which waits until the device has finished. The first three calls are slow.
        """,
        hints=[
            "What is inside the measured interval that is not the network's work? In which mode is the network?",
            "A call returns before the device has computed. Wait before you start the clock, and before you stop it.",
            "The first calls do not count. And one call in five is disturbed: which average does not care?",
        ],
        solution=answers.benchmark,
        explanation="Evaluation mode, images made before, three calls to warm up, waiting on both sides, the median. In this lab the minimum is also "
        "4.2 ms, but it answers another question: how fast at best?",
        check_answer=answers.check_benchmark,
    ),
}

exercises = {
    "file": Exercise(
        title="how large is the file?",
        difficulty=1,
        task="""
        ResNet-50 has 25,557,032 parameters. For a phone each is stored as a number of 16 bits. How many bytes does the file have?
        """,
        hints=["A byte has 8 bits.", "So how many bytes does one parameter take?"],
        solution=answers.my_bytes,
        asks_value=True,
        explanation="51 MB. With 32 bits it is 102 MB. A phone app of 30 MB has room for 15 million such parameters.",
        check_answer=number_check(
            51_114_064,
            traps={408_912_512: "those are bits; a byte has 8.",
                   102_228_128: "that is with 32 bits each.",
                   25_557_032: "those are the parameters; each takes several bytes."},
            unit="bytes",
        ),
    ),
    "separable": Exercise(
        title="the cost of a separable convolution",
        difficulty=2,
        task="""
        Networks for phones replace a 3 × 3 convolution by two layers: a depthwise 3 × 3 (one kernel for each channel alone, lesson 04), then a 1 × 1. How many multiply-adds do the
        two need together, for 256 channels in and out, on 14 × 14 pixels?
        """,
        hints=[
            "Depthwise: each output value sees 3 · 3 values of its own channel.",
            "1 × 1: each output value sees all 256 channels, at one position.",
        ],
        solution=answers.my_macs,
        asks_value=True,
        explanation="13.3 million, where the plain 3 × 3 needs 115.6 million. By the roofline it is at most 8.0 times as fast on the "
        "laptop core, and 2.7 times on the large GPU: the depthwise layer uses each value that it fetches only nine times.",
        check_answer=number_check(
            13_296_640,
            traps={115_605_504: "that is the plain 3 × 3.",
                   12_845_056: "the depthwise 3 × 3 is missing.",
                   451_584: phrase("the 1 × 1 is missing."),
                   67_840: "that is for one pixel; there are 14 · 14."},
            unit="multiply-adds",
        ),
    ),
    "battery": Exercise(
        title="how far does a battery go?",
        difficulty=2,
        task="""
        A drone has 36,000 joules for its camera. While a network runs, the board draws 10 watts (joules per second), whichever network it is.
        ResNet-50 takes 100 ms for an image, Inception-v4 takes 250 ms. How many images can *Inception-v4* look at?
        """,
        hints=["How many joules does one image cost? Watts times seconds.", "Divide the battery by that."],
        solution=answers.my_images,
        asks_value=True,
        explanation="14,400, and 36,000 with ResNet-50. If power is the same for all networks, energy is time: a limit on energy limits the "
        "accuracy. This is the paper's third finding.",
        check_answer=number_check(
            14_400,
            traps={36_000: "that is ResNet-50.",
                   144_000: "the board draws 10 watts, not 1.",
                   3_600: "those are the seconds that the battery lasts.",
                   900_000: "divide by the seconds for one image; do not multiply."},
            unit="images",
        ),
    ),
    "archive": Exercise(
        title="is the archive done by the morning?",
        difficulty=2,
        task="""
        A network takes 500 ms for a batch of 16. How many photographs does it finish in the eight hours of the photo archive?
        """,
        hints=["How many photographs are that in a second?", "Eight hours have 28,800 seconds."],
        solution=answers.my_photographs,
        asks_value=True,
        explanation="32 a second are 921,600, and the archive has a million: it needs 34.7 a second. Another batch, or another network.",
        check_answer=number_check(
            921_600,
            traps={57_600: "those are batches; each has 16 photographs.",
                   230_400: "divide by the seconds of a batch; do not multiply.",
                   32: "that is in a second."},
            unit="photographs",
        ),
    ),
    "defensible": Exercise(
        title="choices that you can defend",
        difficulty=3,
        task="""
        Write `defensible(candidates, limits, margin)`. `candidates` is a dict: name → `{"top1": 76.1, "ms": [18.0, 19.5, 18.4], "mb": 51}`, with
        repeated times; `limits` is `{"ms": 20, "mb": 60}`. Keep the networks that are within both limits, the time in *every* repeat, and whose
        accuracy is at most `margin` points below the best of these. Return a dict: name → its slowest time.
        """,
        hints=[
            "First collect those that fit: `max(one[\"ms\"]) <= limits[\"ms\"]`, and the same for the memory.",
            "Then find the best accuracy among these, and keep what is within the margin. If nothing fits, return an empty dict.",
        ],
        solution=answers.defensible,
        explanation="Often several names are left. Then choose by something else that matters, and say by what.",
        check_answer=answers.check_defensible,
    ),
}  # fmt: skip

quiz = [
    Question(
        "You read that ResNet-50 needs 3.9, 4.1 or 8.2 G operations. Which is right?",
        {
            "3.9": "This is the network as in the paper, stride in the 1 × 1. Torchvision's has 4.1.",
            "4.1": "This is torchvision's network, if a multiply-add counts 1.",
            "Each, for its network and its way of counting": "Yes: another stride, or a multiply-add counted as 2. Ask before you compare.",
            "8.2": "A multiplication and an addition are two, so this is a fair way of counting. Most papers count them as one.",
        },
        "Each, for its network and its way of counting",
    ),
    Question(
        "A layer does 0.25 multiply-adds per byte that it moves. On the laptop core of section 2 you double the multiply-adds per second and keep the memory. The layer becomes …",
        {
            "twice as fast": "Only if it were compute-bound. At 0.25 multiply-adds per byte it is memory-bound on every machine of this lesson.",
            "hardly faster": "Yes. It is under the sloping part of the roof. A larger batch or smaller numbers (16 bit) would help.",
            "1.5 times as fast": "The longer of the two times decides; half of the shorter one saves nothing.",
        },
        "hardly faster",
    ),
    Question(
        "On a GPU your benchmark says 0.2 ms for AlexNet and 0.2 ms for VGG-19. What is the most likely reason?",
        {
            "The GPU is so fast that both networks cost nothing": "VGG-19 needs 27 times the multiply-adds. So equal times are suspicious.",
            "The clock was stopped before the GPU had finished": "Yes. A call returns as soon as the work is asked for. Synchronize before you read the clock.",
            "The networks were in training mode": "That changes what is computed, but it does not make two networks take equally long.",
        },
        "The clock was stopped before the GPU had finished",
    ),
    Question(
        "A network is in the Pareto set for accuracy and time if …",
        {
            "it is the most accurate": "That one is in the set, and so may be others.",
            "no other is at least as accurate and as fast, and better in one of the two": "Yes. Which of the set you take depends on your budget.",
            "it has the best ratio of accuracy and time": "A ratio has one winner, mostly a small network. The set keeps everything that "
            "somebody might sensibly choose.",
        },
        "no other is at least as accurate and as fast, and better in one of the two",
    ),
    Question(
        "Two networks in a chart of accuracy against operations were counted alike. What do you ask next?",
        {
            "How they were trained": "Yes: a newer recipe lifts the same ResNet-50 by more than four points.",
            "Who drew it": "It may matter, but something else matters more.",
            "How many layers they have": "Depth is not on either axis.",
        },
        "How they were trained",
    ),
]
