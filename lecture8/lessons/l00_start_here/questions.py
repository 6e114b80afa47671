"""00 Start here: predictions, builds, exercises, quiz."""

from lecture8.lessons.l00_start_here import answers
from lecture8.teaching import Build, Exercise, Prediction, Question, number_check

predictions = {
    "shape": Prediction(
        "A 1 × 16 × 16 image goes through a 3 × 3 convolution with 16 kernels and padding 1, then through a 2 × 2 max pooling. "
        "What is the shape of the output?",
        {
            "16 × 16 × 16": "That is the shape after the convolution. The pooling still halves height and width.",
            "16 × 8 × 8": "Each of the 16 kernels makes one channel. Padding 1 keeps the 16 × 16, and the pooling halves both sides.",
            "1 × 8 × 8": "The 16 feature maps are not added up. Each kernel makes a channel of its own.",
            "16 × 7 × 7": "That would be right without padding: a 3 × 3 kernel then loses one pixel at each border.",
        },
    ),
    "moved": Prediction(
        "Now every digit is drawn at a random place in the image, in training and in testing. Both classifiers are trained again. "
        "Which one loses more test accuracy?",
        {
            "both lose less than 10 points": "A digit that moves is easy for you. But for a linear layer its pixels now meet other "
            "weights every time.",
            "both lose more than 10 points, by about the same amount": "Both were trained on moved digits, but only one of them can use at all "
            "places what it learned at one.",
            "the linear one loses far more": "A linear layer has one weight per pixel and class, so a single template per class. One template cannot "
            "fit a digit at 49 positions. A convolution applies the same kernels everywhere. The CNN loses some accuracy, too: after "
            "Flatten its last layer has a weight for every position. To test that, change only the end of the network in section 9.",
            "the CNN loses far more": "Nothing in a kernel is tied to the middle of the image. It visits every place anyway.",
        },
    ),
    "shuffle": Prediction(
        "Shuffle the pixels of the moved digits, every image in the same way. No information is lost: you could undo it. "
        "What happens to the CNN?",
        {
            "its accuracy stays the same": "That is true of the linear classifier: if its pixels are shuffled, its weights are simply "
            "learned in another order. A convolution depends on which pixels are neighbors.",
            "it loses a few points": "Neighborhoods are not a detail for a convolution: a 3 × 3 kernel sees nothing else.",
            "it loses more than 20 points": "Its kernels look for patterns among neighboring pixels, and the new neighbors have nothing "
            "to do with each other.",
            "it becomes more accurate": "Shuffling adds no information. It takes away what the CNN relies on: neighbors that belong "
            "together.",
        },
    ),
}


def who_lost_more(cnn, linear) -> str:
    """The option of "moved" that was measured: points of accuracy that each classifier lost, by seed."""
    if max(cnn + linear) < 0.1:
        return "both lose less than 10 points"
    if min(linear) > 2 * max(cnn):
        return "the linear one loses far more"
    return (
        "the CNN loses far more"
        if min(cnn) > 2 * max(linear)
        else "both lose more than 10 points, by about the same amount"
    )


def what_shuffling_did(lost) -> str:
    """The option of "shuffle" that was measured: points of accuracy that the CNN lost, by seed."""
    if min(lost) > 0.2:
        return "it loses more than 20 points"
    few = "it becomes more accurate" if max(lost) < -0.01 else "its accuracy stays the same"
    return few if max(lost) < 0.01 else "it loses a few points"


builds = {
    "convolve": Build(
        title="a convolution",
        difficulty=1,
        task="Write `convolve(image, kernel)`: the feature map of one kernel, without padding.",
        hints=["A window of `size` rows that begins at `row` is `image[row : row + size]`; columns come after a comma.",
               "Two tensors of equal shape are multiplied number by number with `*`; `.sum()` adds up."],
        solution=answers.convolve,
        explanation="`window * kernel` are the products, and `.sum()` adds them. `nn.Conv2d` computes the same, much faster.",
        check_answer=answers.check_convolve,
    ),
    "cnn": Build(
        title="a small network",
        difficulty=2,
        task="Complete `build_cnn()`: the second convolution with its ReLU and its pooling, and the number of inputs of the last layer.",
        hints=["The second convolution sees the 16 channels of the first and makes 32: `nn.Conv2d(16, 32, …)`.",
               "After the second pooling there are 32 channels of 4 × 4. How many numbers are these?"],
        solution=answers.build_cnn,
        explanation="32 · 4 · 4 = 512 numbers arrive at the linear layer.",
        check_answer=answers.check_cnn,
        input_shape=lambda: (1, 16, 16),
    ),
    "train_epoch": Build(
        title="the training loop",
        difficulty=2,
        task="Write the five steps of `train_epoch(net, batches, optimizer)`.",
        hints=["Steps 1 and 5 are calls of the optimizer: `optimizer.zero_grad()` and `optimizer.step()`.",
               "Step 2 is `net(images)`, step 3 `nn.functional.cross_entropy(logits, labels)`, step 4 `loss.backward()`."],
        solution=answers.train_epoch,
        explanation="These lines train every network of this course, up to ResNet-152. `training.fit`, which later lessons use, repeats them "
        "and keeps a record.",
        check_answer=answers.check_loop,
    ),
}  # fmt: skip

exercises = {
    "one_place": Exercise(
        title="one place by hand",
        difficulty=1,
        task="Lay the kernel on the rows 4, 5, 6 and the columns 2, 3, 4 of the patch, numbered as at its edge, from 0. Which number comes out? Use paper, not code.",
        hints=["The upper row of the kernel is −1, the middle one 0, the lower one 1.", "Lower three pixels minus upper three pixels."],
        solution=answers.my_sum,
        asks_value=True,
        explanation="(9 + 9 + 9) − (0 + 0 + 1) = 26: the pixels get much brighter from top to bottom. This is the upper edge of the "
        "lower stroke of the 3.",
        check_answer=number_check(
            26,
            traps={27: "the upper row counts, too, with −1.",
                   28: "the upper row is multiplied by −1, so it is subtracted.",
                   -26: "upper and lower row are exchanged.",
                   38: "that is the sum of all nine pixels; multiply by the kernel first."},
        ),
    ),
    "left_edge": Exercise(
        title="a kernel of your own",
        difficulty=1,
        task="The kernel above is large where it gets brighter from top to bottom. Write one for places that get brighter from LEFT to "
        "RIGHT: three rows of three numbers. On uniform regions and on horizontal edges it must give 0.",
        hints=["Rotate the first kernel (-1, 0, 1 from top to bottom) by 90 degrees counterclockwise.", "The left column is negative, the right one positive."],
        solution=answers.my_kernel,
        asks_value=True,
        explanation="The left column is subtracted from the right one. In section 5 you can look for "
        "kernels like this one among those that the network learned.",
        check_answer=answers.check_left_edge,
    ),
    "conv_params": Exercise(
        title="count a convolution",
        difficulty=1,
        task="How many parameters does `nn.Conv2d(32, 64, kernel_size=3)` have? (PyTorch's convolutions have biases by default.)",
        hints=["Each of the 64 kernels sees all 32 input channels through its 3 × 3 window.", "And there is one bias for each kernel."],
        solution=answers.my_params,
        asks_value=True,
        explanation="64 · (32 · 9 + 1) = 18,496. The size of the image does not matter, because the kernels slide over it.",
        check_answer=number_check(
            18_496,
            traps={18_432: "those are the weights; the biases are missing.",
                   640: "a kernel sees all 32 channels of its input, not one.",
                   576: "a kernel sees all 32 channels of its input, and has a bias.",
                   18_464: "there is one bias per kernel (per output channel), so there are 64."},
            unit="parameters",
        ),
    ),
    "start": Exercise(
        title="the loss before training",
        difficulty=1,
        task="A network knows nothing: it gives each of the ten classes the same probability. What is its loss for one image?",
        hints=["Ten equal probabilities that add up to 1.", "log is the natural logarithm: `torch.tensor(2.0).log()`, or ln on a calculator."],
        solution=answers.my_loss,
        asks_value=True,
        explanation="−log(0.1) = 2.30. Remember this number: a first loss far above log(number of classes) is a warning: check the initial weights, the labels and the loss.",
        check_answer=answers.check_start,
    ),
    "years": Exercise(
        title="the largest step",
        difficulty=1,
        task="In which year did the winner's error fall most in points? And in which year did the largest fraction of the errors disappear? "
        "Compute both from `years = list(winners[\"year\"])` and `errors = list(winners[\"top5_error\"])`, and give the two years.",
        hints=["The steps in points are `errors[i - 1] - errors[i]`, for i = 1, 2, 3, …", "A fraction: divide each step by the error of the year before, `errors[i - 1]`."],
        solution=answers.my_years,
        asks_value=True,
        explanation="25.77 → 16.42 in 2012 is the largest step in points. 6.67 → 3.57 in 2015 is the largest fraction, 46.5 %. Both answers are "
        "right, to two questions.",
        check_answer=answers.check_years,
    ),
    "output_size": Exercise(
        title="how large is the feature map?",
        difficulty=2,
        task="Write `output_size(size, kernel, stride, padding)`: at how many positions does a kernel fit along one side of an image?",
        hints=["With padding the side has size + 2 · padding pixels, and the kernel's first pixel can be at 0, stride, 2 · stride, …",
               "The last place where it fits begins at size + 2 · padding − kernel. `//` divides and rounds down."],
        solution=answers.output_size,
        explanation="(size + 2 · padding − kernel) // stride + 1. You will use this formula in every lesson.",
        check_answer=answers.check_output_size,
    ),
    "mend": Exercise(
        title="find the mistake",
        difficulty=2,
        task="Find out why `broken_epoch` teaches the network nothing, and write a `mended_epoch` that does.",
        hints=["Which of its lines changes the weights, and by how much?", "`step` uses the gradients. What are they at that moment?"],
        solution=answers.mended_epoch,
        explanation="`zero_grad` stood between `backward` and `step`: the gradients were computed and erased before they were used. There is "
        "no error message, only a network that never learns.",
        check_answer=answers.check_loop,
    ),
    "rival": Exercise(
        title="change the experiment",
        difficulty=2,
        task="The linear classifier lacks two things that the CNN has: hidden layers with ReLU, and convolution with pooling. Write `build_rival()`, a "
        "network without convolutions that has a hidden layer (a linear layer before the last one), a ReLU, and about as many parameters as the CNN (9,930, give or take 5 %). "
        "Then train it on `moved` and on `shuffled`, and defend in three sentences which of the two things made the difference.",
        hints=["Flatten, linear, ReLU, linear.", "With h hidden units there are 256 · h + h + h · 10 + 10 parameters."],
        solution=answers.build_rival,
        explanation="A good answer looks at all three seeds. In our runs the rival read 30 to 51 % of the moved digits, the linear classifier "
        "25 %, the CNN 87 to 91 %: the hidden layer helps, convolution with pooling helps more (the two are not separated here). On shuffled "
        "digits CNN and rival were about equal: the CNN's lead on moved digits comes from patterns of neighboring pixels.",
        check_answer=answers.check_rival,
    ),
    "project": Exercise(
        title="small and good",
        difficulty=3,
        task="Write `build_mine()`: a network for the moved digits with fewer than 10,000 parameters. The check looks at its size and shape; "
        "the rest is up to you.",
        hints=["Where are the parameters of `build_cnn`? Its profile tells you.", "`nn.AdaptiveAvgPool2d(1)` averages each feature map. "
               "After it a linear layer no longer knows where anything was."],
        solution=answers.build_mine,
        explanation="One of many: three convolutions and an average, 9,556 parameters. It needs more epochs than `build_cnn`.",
        check_answer=answers.check_project,
    ),
}  # fmt: skip

quiz = [
    Question(
        "Ten classes. The loss on the training images is 2.30 after the first epoch, and 2.30 after the tenth. Which explanation fits?",
        {
            "The weights never change": "Yes: 2.30 is log(10), the loss of a network that knows nothing. Look at `backward` and `step`.",
            "The network is overfitting": "Then the loss on the training images would be low, and that on new images high.",
            "The learning rate is a little too small": "Then the loss would fall, only slowly.",
            "There are too few test images": "They have nothing to do with the loss on the training images.",
        },
        "The weights never change",
    ),
    Question(
        "You train with five learning rates, keep the one with the best accuracy on the TEST images, and report this accuracy. It is …",
        {
            "probably too high": "Yes: the best of five is partly luck, and you chose it by looking. Choose with the validation images.",
            "a fair number: no weight was trained on these images": "You used them to choose, and that is a kind of training.",
            "probably too low": "Picking the best of five can only raise the number.",
            "fair, because the same test images were used for all five": "All five saw the same images, and the best of five is still partly the luckiest one on them.",
        },
        "probably too high",
    ),
    Question(
        "Somebody writes `cross_entropy(logits.softmax(1), labels)`. The program runs, but the loss falls very slowly. Why?",
        {
            "The softmax is applied twice": "Yes: `cross_entropy` contains one. After the second, even a perfect answer gets a probability of "
            "about 0.23 for ten classes.",
            "A softmax has no gradient": "It has one. Only rounding to the largest class has none.",
            "The softmax should be over dimension 0": "Dimension 0 is the batch. Each image has its own probabilities.",
            "The learning rate should be ten times larger": "That would hide the symptom. The mistake stays.",
        },
        "The softmax is applied twice",
    ),
    Question(
        "A network ends in: average of each feature map, then a linear layer. Your network ends in: flatten, then a linear layer. "
        "Both are trained until the validation accuracy stops rising. Which one is hurt less when digits move?",
        {
            "The one with the average": "Yes: after the average the last layer no longer knows where a pattern was, only that it was there.",
            "The one with flatten: it keeps all the information": "It keeps the places, too. So its linear layer must learn every place.",
            "Both equally: the convolutions are the same": "The convolutions are, but a linear layer after flatten has a weight for every place.",
        },
        "The one with the average",
    ),
    Question(
        "“ResNet has a top-5 error of 3.57 %, AlexNet one of 18.2 %.” Why is this not a fair comparison of the two networks?",
        {
            "3.57 % is six networks with another test protocol, 18.2 % one network": "Yes: six networks against one. A single ResNet-152 has 4.49 % (and even that with "
            "another way of cropping).",
            "One is top-5 error, the other top-1": "Both are top-5. The top-1 error of AlexNet is 40.7 %.",
            "AlexNet was trained on fewer photographs": "Both learned from the 1.2 million photographs of the challenge.",
        },
        "3.57 % is six networks with another test protocol, 18.2 % one network",
    ),
]
