"""07 Inception-v3: predictions, builds, exercises, quiz."""

from lecture8.lessons.l07_inception_v3 import answers
from lecture8.teaching import Build, Exercise, Prediction, Question, number_check

predictions = {
    "cost": Prediction(
        "A 7 × 7 convolution becomes a 1 × 7 and then a 7 × 1, with the same number of channels. What share of its weights is left?",
        {
            "less than a third": "2 · 7 weights in place of 7 · 7, for each pair of an input and an output channel.",
            "about half": "2/n is a half for n = 4.",
            "about two thirds": "That is the share for n = 3: 6 of 9. The larger the kernel, the more is saved.",
        },
    ),
    "rank": Prediction(
        "A 7 × 7 kernel holds stripes at 45°. Replace it by ONE column times one row, the best there is. How much of the kernel's energy is kept?",
        {
            "about half": "cos(x + y) = cos x · cos y − sin x · sin y. These are two pairs of about equal strength, and you may keep one.",
            "about 90 %": "That is more than one pair can keep here. It fits a round spot.",
            "all of it": "That is so for a kernel that is a column times a row: a blur, upright edges, upright stripes.",
        },
    ),
    "learned": Prediction(
        "ZFNet's small copy learned 96 such kernels of 7 × 7 from photographs. How many pairs does a kernel need on average to keep 90 % of its energy?",
        {
            "fewer than 2": "One pair would do for blurs and upright edges. Few of these kernels are that simple.",
            "2 to 3": "Close. The strongest kernels come near that; the mean of all 96 is higher.",
            "3 to 4": "Learned kernels are simpler than random ones, but not by much. This network trained for 12 epochs, and much "
            "of the initial noise is still in its kernels.",
            "more than 4": "That is what noise needs: random kernels of the same size need 4 on average.",
        },
    ),
    "layer": Prediction(
        "Now cut the same layer as a whole: a 5 × 1 convolution to 32 channels, then a 1 × 5 to 64. That has 30 % of the weights. Nothing is "
        "trained. What is the accuracy?",
        {
            "lower than with one pair for each kernel": "It has fewer weights, 30 instead of 40 %. But they are used better.",
            "between that and the whole layer": "It is higher: less than a point is missing.",
            "within a point of the whole layer": "All output channels share the 32 columns. A column that many kernels need is stored once.",
        },
    ),
    "shuffle": Prediction(
        "Cut a photograph into squares of 2 × 2 pixels, and shuffle the four pixels of each. Which reduction outputs exactly the same for both "
        "images, whatever its weights?",
        {
            "pool, then convolve": "The maximum of four pixels does not depend on their order. What pooling has lost, no later layer can bring back.",
            "convolve, then pool": "Its convolution sees the pixels in their places before anything is thrown away.",
            "side by side": "Its pooling cannot tell the images apart, but its convolution can.",
            "none of them": "One of them pools the pixels before anything else has seen them.",
        },
    ),
    "step": Prediction(
        "From the paper's Inception-v2 to Inception-v3 there are four steps. Which one lowers the top-1 error most?",
        {
            "another optimizer (RMSProp)": "It brings 0.3 points, as the smoothed labels do.",
            "smoothed labels": "They bring 0.3 points on ImageNet, and cost nothing when the network is used.",
            "smaller kernels in the first layer": "The step is called “factorized 7 × 7”: the network's first 7 × 7 convolution becomes a sequence of 3 × 3. It is "
            "the only step of the four that costs compute, 1 G: the pieces work on large feature maps.",
            "a normalized auxiliary classifier": "It brings 0.4 points, and is thrown away after training.",
        },
    ),
    "calibrated": Prediction(
        "The runs in the next table learned from 50 images and from 960. For which does smoothing with ε = 0.1 bring the "
        "confidence closer to the accuracy?",
        {
            "for both": "With 960 images the network is about as sure as it should be. Smoothing then makes it less sure than that.",
            "for 50 images only": "With few images the network is far too sure, so lowering its confidence helps. With many it was right already.",
            "for 960 images only": "It is the other way round: the network with few images is the one that is too sure.",
            "for neither": "With 50 images it helps: the network is far too sure without it.",
        },
    ),
    "head": Prediction(
        "With the head the mean accuracy is 3.3 points higher. If the head did nothing, each seed's gain could as well have the other sign. "
        "For how many of the 2⁸ = 256 choices of signs is the mean at least as far from 0?",
        {
            "fewer than 13 (less than 5 %)": "Then it would be called significant. But one large gain makes up more than half of the sum.",
            "13 to 128": "A head that does nothing would often look as good. Eight seeds cannot tell.",
            "more than 128": "So often only a mean close to 0 is exceeded.",
        },
    ),
}


def option(prediction: str, number: int) -> str:
    """One of the options of a prediction, counted from 0: `option("learned", (mean > 2) + (mean > 3))`."""
    return list(predictions[prediction].options)[number]


builds = {
    "pair": Build(
        title="n × n in two pieces",
        difficulty=1,
        task="""
        Write `pair(c_in, c_out, kernel)`. For `kernel=(1, 7)`: a convolution with 1 × 7, which keeps the number of channels, then one with 7 × 1 to
        `c_out` channels. For `(7, 1)` the order is the other way round. Height and width stay as they are.
        """,
        hints=[
            "`kernel[::-1]` is the kernel with height and width exchanged.",
            "`padding` is (rows above and below, columns left and right). A kernel of height 1 needs no rows.",
            "`padding=(first[0] // 2, first[1] // 2)` fits any kernel of odd height and width.",
        ],
        solution=answers.pair,
        explanation="The two together see n × n. The usual mistake is a square padding: `padding=3` adds three rows that a 1 × 7 does not need, "
        "and the feature map grows.",
        check_answer=answers.check_pair,
        input_shape=lambda c_in, *_: (c_in, 9, 9),
    ),
    "separate": Build(
        title="the best columns and rows",
        difficulty=2,
        task="""
        Complete `separate(kernel, pairs)`: for a kernel of height × width, it returns columns (height × pairs) and rows (pairs × width) whose matrix product
        comes as close to the kernel as possible. Keep the strongest pairs of all three parts.
        """,
        hints=[
            "Pair i is column i of `left`, number i of `values`, row i of `right`. The strongest come first.",
            "A matrix is sliced as `matrix[rows, columns]`; `:` stands for all of them.",
            "The first columns of `left` are `left[:, :pairs]`.",
        ],
        solution=answers.separate,
        explanation="No other pairs come closer: this is the theorem of Eckart and Young.",
        check_answer=answers.check_separate,
    ),
    "module_b": Build(
        title="the module at 17 × 17",
        difficulty=2,
        task="""
        Complete `module_b(c_in, width)`. `seven`: 1 × 1 to `width` channels, then a 7 × 7 in two pieces, first 1 × 7, to 192. `twice_seven`:
        1 × 1 to `width`, then two 7 × 7 in pieces, each first 7 × 1, the first to `width`, the second to 192 channels.
        `pool`: 3 × 3 average pooling that keeps the size, then 1 × 1 to 192.
        """,
        hints=[
            "A 7 × 7 in pieces is your `pair`: `pair(width, 192, (1, 7))`.",
            "`nn.AvgPool2d(3, stride=1, padding=1)` keeps the size.",
            "Each branch is an `nn.Sequential`; its 1 × 1 is `conv(c_in, width, 1)`.",
        ],
        solution=answers.module_b,
        explanation="Four branches with 192 channels each: 768, whatever the width.",
        check_answer=answers.check_module_b,
        input_shape=lambda c_in, width: (c_in, 7, 7),
    ),
    "side_by_side": Build(
        title="convolve and pool side by side",
        difficulty=1,
        task="""
        Write `side_by_side(c)`: c channels become 2c, height and width become half. Two branches work on the same input: a 3 × 3 `conv` with
        stride 2 to c channels, and a 2 × 2 max pooling. Stack them in this order.
        """,
        hints=[
            "`Branches(conv=…, pool=…)` gives both the whole input and stacks what they output.",
            "A 3 × 3 with stride 2 halves an even side exactly if it is padded by 1.",
        ],
        solution=answers.side_by_side,
        explanation="Half of the output channels come from each branch, as in Figure 10 of the paper.",
        check_answer=answers.check_side_by_side,
        input_shape=lambda c: (c, 16, 16),
    ),
    "inception_v3": Build(
        title="the whole network",
        difficulty=2,
        task="""
        Complete `inception_v3(num_classes)` from the table. Work out how many channels arrive at each module. The four `module_b` have widths of 128,
        160, 160 and 192. After the last module: average each feature map, dropout of 0.5, a linear layer.
        """,
        hints=[
            "The stem outputs 192 channels, so the first module is `inception_a(192, 32)`. It outputs 224 + 32 = 256.",
            "`reduction_a(288)` outputs 288 + 480 = 768 channels, `reduction_b(768)` 768 + 512.",
            "`nn.AdaptiveAvgPool2d(1), nn.Flatten()` turns 2,048 feature maps into 2,048 numbers.",
        ],
        solution=answers.inception_v3,
        explanation="The order is that of torchvision's network, so its published weights fit.",
        check_answer=answers.check_inception_v3,
    ),
    "smoothed_loss": Build(
        title="the loss of smoothed labels",
        difficulty=2,
        task="""
        Write `smoothed_loss(logits, labels, amount)` for logits N × classes and N labels. The targets give each class the same part of `amount`, and the
        correct class 1 − amount on top. Return the mean cross-entropy over the batch. Compute it yourself: `F.cross_entropy` is the check.
        """,
        hints=[
            "Fill the targets with `amount / classes`, then add `1 - amount` where the labels are.",
            "Cross-entropy of one image: minus the sum over the classes of target · log-probability. `logits.log_softmax(1)` has the logarithms.",
            "Sum over the classes, mean over the images: `.sum(1).mean()`.",
        ],
        solution=answers.smoothed_loss,
        explanation="With `amount=0` one term of the sum is left, and this is the usual cross-entropy.",
        check_answer=answers.check_smoothed_loss,
    ),
}  # fmt: skip

exercises = {
    "work": Exercise(
        title="the compute of Figure 10",
        difficulty=1,
        task="""
        The paper's Figure 10 reduces 320 channels of 35 × 35 to 640 channels of 17 × 17, side by side: half of the channels from a 3 × 3 convolution with stride 2, half from max
        pooling. How many multiply-adds does the convolution take?
        """,
        hints=["Kernel height × kernel width × input channels × output channels, for every value of the output's feature map.", "How many channels does the convolution itself output?"],
        solution=answers.my_work,
        asks_value=True,
        explanation="0.27 G. Convolving first, with stride 1 to 640 channels, would take 2.26 G, 8.5 times as much.",
        check_answer=number_check(
            266_342_400,
            traps={1_128_960_000: "with stride 2 the convolution computes 17 × 17 values, not 35 × 35.",
                   532_684_800: "the pooling contributes half of the 640 channels.",
                   2_257_920_000: "that is the expensive order, convolve and then pool.",
                   921_600: "that is the number of weights. Each is used at every place."},
            unit="multiply-adds",
        ),
    ),
    "gap": Exercise(
        title="where does the gap end?",
        difficulty=2,
        task="""
        Write `gap(amount, classes)`: how far the correct logit is above the others when the smoothed loss is at its minimum. Check it with the
        picture above, then with ImageNet's 1,000 classes.
        """,
        hints=[
            "At the minimum the softmax equals the targets. What are the targets of the correct class and of another one?",
            "softmax divides exp(logit) by the same sum for every class. So the difference of two logits is a logarithm of …",
        ],
        solution=answers.gap,
        explanation="Without smoothing the denominator is 0 and the gap has no end.",
        check_answer=answers.check_gap,
    ),
    "error": Exercise(
        title="calibration error by hand",
        difficulty=2,
        task="""
        Write `calibration_error(confidence, right)`: N confidences from 0 to 1, and N truth values that say which predictions are correct. Sort the
        predictions into ten bins of equal width. Return the mean of |mean confidence − accuracy| over the bins, where each
        bin counts as much as the predictions that it holds.
        """,
        hints=[
            "The bin of a prediction is `(confidence * 10).long().clamp(max=9)`.",
            "Leave empty bins out: loop over `which.unique()`.",
            "`right[which == b].double().mean()` is the accuracy in bin b.",
        ],
        solution=answers.calibration_error,
        explanation="It says nothing about accuracy: a network that always guesses among ten classes with 10 % confidence is perfectly calibrated.",
        check_answer=answers.check_error,
    ),
    "report": Exercise(
        title="a report with three mistakes",
        difficulty=3,
        task="""
        Write `report(net, images, labels)`, which returns the test loss (the mean cross-entropy of the true labels), the accuracy and the mean confidence, as
        three numbers. `reported` above has three mistakes. Fix them.
        """,
        hints=[
            "Run `reported` twice. Why does the accuracy change, although no weight does?",
            "Which labels does the loss compare with?",
            "The probabilities of ONE image should add up to 1. Look at `logits.softmax(0).sum(1)`.",
        ],
        solution=answers.report,
        explanation="The network was in training mode, the loss was that of smoothed labels, and the softmax ran over the images. "
        "None of the three stops a program.",
        check_answer=answers.check_report,
    ),
    "factorize": Exercise(
        title="cut a whole layer",
        difficulty=3,
        task="""
        Write `factorize(layer, between)` for an `nn.Conv2d` with an n × n kernel. Return an `nn.Sequential` of two: an n × 1 convolution to `between` channels
        without bias, then a 1 × n. The first has the vertical part of stride and padding, the second the horizontal part and the bias. Their weights should come
        as close to the layer as possible.
        """,
        hints=[
            "The layer's weights are c_out × c_in × n × n. Make a table of them: a row for each (input channel, y), a column for each (output channel, x): "
            "`permute(1, 2, 0, 3)`, then `reshape`.",
            "The SVD of this table gives the pairs: with `full_matrices=False`, keep the first `between`.",
            "Each column of the left part is c_in × n: a kernel of the first convolution. Each row of the right part is c_out × n: what one "
            "channel in between contributes to every output.",
        ],
        solution=answers.factorize,
        explanation="With enough channels between, nothing is lost. `factorize` on conv2 with 32 is the point r = 32 of the picture.",
        check_answer=answers.check_factorize,
    ),
}  # fmt: skip

quiz = [
    Question(
        "Which layer of a network would you factorize first into 1 × n and n × 1?",
        {
            "a 7 × 7 on feature maps of 17 × 17": "Yes: the pair saves 71 % of a 7 × 7, and the authors found that it works very well on medium grids.",
            "a 3 × 3 on feature maps of 147 × 147": "It saves a third, but the authors found that the factorization does not work well in early layers.",
            "a 1 × 1 on feature maps of 17 × 17": "It has neither height nor width to separate.",
        },
        "a 7 × 7 on feature maps of 17 × 17",
    ),
    Question(
        "Which kernel is exactly one column times one row?",
        {
            "any kernel, if n is small enough": "Only for n = 1. A column and a row have 2n numbers, a kernel n².",
            "stripes at 45°": "One pair keeps about half of their energy.",
            "a round blur": "Yes: exp(−x² − y²) = exp(−x²) · exp(−y²).",
            "a spot: a narrow blur less a wide one": "Each blur is one pair. Their difference needs two.",
        },
        "a round blur",
    ),
    Question(
        "Few kernels are one column times one row. Why can Inception-v3 use one 1 × 7 and one 7 × 1 nevertheless?",
        {
            "its kernels lose nothing when they are cut": "Nothing was cut: the network never had 7 × 7 kernels.",
            "it trains the pair, with many channels between": "Yes: every output channel combines all channels in between, and there is a ReLU. The pair is a layer of its own.",
            "its 17 × 17 feature maps need no large kernels": "Seven of 17 pixels is a wide view.",
        },
        "it trains the pair, with many channels between",
    ),
    Question(
        "A colleague's reduction pools to half the size. It stacks the pooled channels and a 3 × 3 convolution of the pooled channels. Shapes and compute "
        "are those of “side by side”. What shows the difference without training?",
        {
            "shuffling the pixels of each 2 × 2 square": "Yes: the output does not change, for any weights. Everything had to pass the pooling, the bottleneck.",
            "counting the multiply-adds again": "They are equal: the convolution computes as many values in both.",
            "looking at the loss of the first batch": "Before training both guess.",
        },
        "shuffling the pixels of each 2 × 2 square",
    ),
    Question(
        "A network classifies 97 % of the test images correctly, with a mean confidence of 90 %. You train it again with smoothed labels. What do you expect?",
        {
            "better calibration": "It is not sure enough already. Smoothing lowers the confidence further.",
            "worse calibration": "Yes. Smoothing helps networks that are too sure; this one is not.",
            "no change, smoothing only changes the loss": "The loss shapes the logits, and the logits are the confidence.",
        },
        "worse calibration",
    ),
]
