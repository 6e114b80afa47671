"""09 Complexity: predictions, builds, exercises, quiz."""

from lecture8.lessons.l09_complexity import answers
from lecture8.teaching import Build, Exercise, Prediction, Question, number_check

BIRDS = (
    "duck",
    "owl",
    "macaw",
    "hen",
)  # among `datasets.animals`; CIFAR-10 has one class for them

predictions = {
    "same_work": Prediction(
        "A convolution and a linear layer need exactly the same number of multiply-adds for one image. Which of them takes longer?",
        {
            "the convolution": "It has to move its kernel over the feature map, but that costs next to nothing.",
            "about equally long": "It would be so if multiplying were all that takes time. The linear layer also has to fetch 116 MB of weights.",
            "the linear layer": "It uses each of its 29 million weights for one multiply-add. The convolution uses each weight at 784 places. "
            "With 16 images at once the gap is smaller: a weight that was fetched serves 16 images.",
        },
    ),
    "reading": Prediction(
        "VGG-11 has 133 million parameters, 531 MB. One image, one thread: how much of the time goes into reading the weights?",
        {
            "most of it": "That is true for the single linear layer, at the top of the picture. A network also has convolutions, and VGG's compute a lot.",
            "about half": "It is about a third for AlexNet, whose convolutions compute ten times less than VGG-11's.",
            "about a tenth": "VGG-11 reads 531 MB, but it also does 7.6 billion multiply-adds. A good explanation for one layer is not "
            "yet one for a network.",
        },
    ),
    "activations": Prediction(
        "Which of these networks has the most activations (values that layers output) for one image?",
        {
            "VGG-19": "It has the most parameters and the most multiply-adds, but only 19 layers with weights.",
            "ResNet-152": "It comes second: many layers, but the blocks are narrow inside.",
            "Inception-ResNet-v2": "It has the most layers on its longest path, each outputs a feature map, and its images are larger: 299 × 299.",
        },
    ),
    "point": Prediction(
        "The networks that no other beats go from 56.5 to 80.4 % accuracy. How many times as many operations does one more point cost "
        "above 76 % as below 70 %?",
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
            "more than 4 points": "That is more than from ResNet-50 to ResNet-152. An accuracy belongs to a network *and its training*.",
        },
    ),
    "batch": Prediction(
        "AlexNet and ResNet-18 on a CPU: one image at a time, or eight at once. Which network gains more images per second from the batch?",
        {
            "AlexNet": "96 % of its parameters are in linear layers, which use each weight once for an image. A batch reads them once for eight images.",
            "both about alike": "A batch helps where weights are fetched and used once. ResNet-18 has hardly any such weights.",
            "ResNet-18": "Nearly all of its weights are in convolutions. They use a weight at many places of one image already.",
        },
    ),
    "operations": Prediction(
        "Somebody's desktop CPU, one image at a time. VGG-11 needs 7.6 G multiply-adds, ResNet-152 11.5 G. Which is faster?",
        {
            "VGG-11": "That is what counting operations says. On that CPU all four VGGs take about the same time, whatever they compute.",
            "about equally fast": "Operations and weights could balance; on that machine they do not.",
            "ResNet-152": "VGG-11 takes three times as long with two thirds of the operations. Its many "
            "weights come to mind, but on our machine reading them is a tenth of its time, and here the program was compiled, too. The table does not say why.",
        },
    ),
}


def option(prediction: str, *passed: bool) -> str:
    """The option of a prediction after as many as are passed: `option("reading", share < 0.75, share < 0.3)`."""
    return list(predictions[prediction].options)[sum(map(bool, passed))]


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
        explanation="So the multiply-adds are the parameters times the places: each weight is used once at each of the side · side places.",
        check_answer=answers.check_conv_cost,
    ),
    "roofline": Build(
        title="the least time of a layer",
        difficulty=1,
        task="""
        A machine does `rate` multiply-adds in a second and moves `bandwidth` bytes in a second, both at the same time. Write `roofline(macs, moved,
        rate, bandwidth)`: the least number of seconds for `macs` multiply-adds and `moved` bytes.
        """,
        hints=[
            "How many seconds does each of the two take alone? Work divided by speed.",
            "They run at the same time. When is the slower one finished?",
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
        explanation="With groups a kernel has only its group's input channels, so the same line holds. The course's own profiler also sees what is no module, such as matrix products.",
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
        title="mend the benchmark that lies",
        difficulty=3,
        task="""
        `broken` above makes five mistakes. Write `benchmark(net, lab, batch, runs)`, which returns the milliseconds that a typical forward pass of
        one batch takes. The lab has `lab.images(batch)`, `lab.clock()` (seconds) and `lab.synchronize()`, which waits until the device has finished. Up to three calls may be slow at the beginning.
        """,
        hints=[
            "What is inside the measured interval that is not the network's work? In which mode is the network?",
            "A call returns before the device has computed. Wait before you start the clock, and before you stop it.",
            "The first calls do not count. And one call in five is disturbed: which average does not care?",
        ],
        solution=answers.benchmark,
        explanation="Evaluation mode, images made before, three calls to warm up, waiting on both sides, the median.",
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
        explanation="51 MB. With 32 bits it is 102 MB. A phone app of 20 MB has room for 10 million such parameters.",
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
            "1 × 1: each output value sees all 256 channels, at one place.",
        ],
        solution=answers.my_macs,
        asks_value=True,
        explanation="13.3 million, where the plain 3 × 3 needs 115.6 million. It is not 8.7 times as fast: the depthwise layer uses each "
        "value that it fetches only nine times. What does the roofline say about it?",
        check_answer=number_check(
            13_296_640,
            traps={115_605_504: "that is the plain 3 × 3.",
                   12_845_056: "the depthwise 3 × 3 is missing.",
                   451_584: "the 1 × 1 is missing.",
                   67_840: "that is for one pixel; there are 14 · 14."},
            unit="multiply-adds",
        ),
    ),
    "images_per_second": Exercise(
        title="images per second, at best",
        difficulty=2,
        task="""
        Extend the roofline to a network and a batch: all images must be computed, and all parameters (4 bytes each) be read once for the batch.
        Write `images_per_second(macs, params, batch, rate, bandwidth)`; `macs` is for one image. Leave the feature maps out.
        """,
        hints=[
            "Computing grows with the batch. Reading the parameters does not.",
            "Take the longer of the two, as in `roofline`. It is for a whole batch; you want images per second.",
        ],
        solution=answers.images_per_second,
        explanation="With 40 G multiply-adds and 10 GB a second AlexNet does at most 41 images a second one by one, and 56 in batches of 16.",
        check_answer=answers.check_images_per_second,
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
        "accuracy. This is the paper's fourth finding.",
        check_answer=number_check(
            14_400,
            traps={36_000: "that is ResNet-50.",
                   144_000: "the board draws 10 watts, not 1.",
                   3_600: "those are the seconds that the battery lasts.",
                   900_000: "divide by the seconds for one image; do not multiply."},
            unit="images",
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
        "A layer does 0.25 multiply-adds per byte that it moves. You buy a processor that computes twice as fast, with the same memory. The layer becomes …",
        {
            "twice as fast": "Only if it were waiting for arithmetic. At 0.25 multiply-adds per byte it waits for memory.",
            "hardly faster": "Yes. It is under the sloping part of the roof. A larger batch or smaller numbers (16 bit) would help.",
            "slower": "Nothing in it gets slower; it waits as long as before.",
        },
        "hardly faster",
    ),
    Question(
        "One image on a CPU: VGG-11 takes three times as long as ResNet-152. In batches of 1,024 on a GPU, in 16 bit, it takes less than half "
        "as long. What do the two tables show about batches?",
        {
            "Batches made VGG-11 faster": "Maybe. But the machine and the type of number changed as well.",
            "Nothing: machine, batch and type of number changed together": "Yes. To see what the batch does, change only the batch, as in our run with AlexNet and "
            "ResNet-18.",
            "GPUs favor networks with few layers": "It may be so. These two tables differ in three things at once and cannot say.",
        },
        "Nothing: machine, batch and type of number changed together",
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
        "A chart of accuracy against operations has two networks in it. What do you ask first?",
        {
            "How they were trained": "Yes: a newer recipe lifts the same ResNet-50 by more than four points.",
            "Who drew it": "It may matter, but something else matters more.",
            "How many layers they have": "Depth is not on either axis.",
        },
        "How they were trained",
    ),
]
