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
        "The small ZFNet's first layer has 32 filters with a 7 × 7 kernel for each of the three colors: 96 learned kernels. How many pairs does a kernel need on average to keep 90 % of its energy?",
        {
            "about 1": "One pair would do for blurs and upright edges. Few of these kernels are that simple.",
            "about 2": "That would do for clean stripes in any direction. These kernels hold more than stripes.",
            "about 3.5": "The difference to random kernels is small. This network trained for only 12 epochs, so some of the initial noise may remain.",
            "about 6": "Not even random kernels need that many.",
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
        "From Inception-v2 to Inception-v3 there are four steps. Which one lowers the top-1 error most?",
        {
            "RMSProp": "It brings 0.3 points, as label smoothing does.",
            "label smoothing": "It brings 0.3 points, and costs nothing when the network is used.",
            "3 × 3 kernels in place of the first 7 × 7": "The table calls this step “factorized 7 × 7”. It is "
            "the only step of the four that costs compute, 1 G: the pieces work on large feature maps.",
            "batch normalization in the auxiliary classifier": "It brings 0.4 points, and is thrown away after training.",
        },
    ),
    "calibrated": Prediction(
        "Now the same network learns from 960 digits instead of 50, for 60 epochs as before. What does smoothing with ε = 0.1 do to its calibration error?",
        {
            "lowers it": "With 50 images it does. With 960 the network is about as sure as it should be, and smoothing takes some of that away.",
            "changes it by less than 2 points": "Smoothing bounds the logits, however many images there are. So it changes the confidence here too.",
            "raises it": "With hard labels the confidence is almost right. Smoothing makes the network less sure than it should be.",
        },
    ),
    "head": Prediction(
        "With the head, accuracy is 3.3 points higher on average over eight seeds. Suppose the head does nothing. Then the sign of each seed's "
        "difference is a coin flip. In what share of all 256 coin-flip results is the mean difference 3.3 points or more, up or down?",
        {
            "less than 5 %": "Then it would be called significant. But one large gain makes up more than half of the sum, and three seeds lose.",
            "5 to 50 %": "Coin flips alone often reach a mean like this. Eight seeds cannot tell whether the head does anything.",
            "more than 50 %": "Coin flips exceed a mean that often only if it is close to 0.",
        },
    ),
}


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
            "`padding=(first[0] // 2, first[1] // 2)` fits any kernel of odd height and width; so does `padding=\"same\"`.",
        ],
        solution=answers.pair,
        explanation="The two together see n × n. The usual mistake is a square padding: `padding=3` adds three rows that a 1 × 7 does not need, "
        "and the feature map grows.",
        check_answer=answers.check_pair,
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
        explanation="No other pairs come closer (the theorem of Eckart and Young).",
        check_answer=answers.check_separate,
    ),
    "module_b": Build(
        title="the module at 17 × 17",
        difficulty=2,
        task="""
        Complete `module_b(c_in, width)`. `seven`: 1 × 1 to `width` channels, then a 7 × 7 in two pieces, first 1 × 7, to 192. `twice_seven`:
        1 × 1 to `width`, then two pairs. Both start with 7 × 1. The first outputs `width` channels, the second 192.
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
    ),
    "side_by_side": Build(
        title="convolve and pool side by side",
        difficulty=1,
        task="""
        Write `side_by_side(c, pooling)`: c channels become 2c, height and width become half. Two branches work on the same input: a 3 × 3 `conv` with
        stride 2 to c channels, and pooling over 2 × 2 with the class `pooling`. Stack them in this order.
        """,
        hints=[
            "`Branches(conv=…, pool=…)` gives both the whole input and stacks what they output.",
            "A 3 × 3 with stride 2 halves an even side exactly if it is padded by 1.",
            "`pooling(2)` makes the pooling layer.",
        ],
        solution=answers.side_by_side,
        explanation="Half of the output channels come from each branch, as in Figure 10 of the paper. Inception-v3 itself has other shares, see section 4.",
        check_answer=answers.check_side_by_side,
        input_shape=lambda c, *_: (c, 16, 16),
    ),
    "inception_v3": Build(
        title="the whole network",
        difficulty=2,
        task="""
        Complete `inception_v3(num_classes)` from the table. Work out how many channels arrive at each module, then compare with the first picture of this lesson. The four `module_b` have widths of 128,
        160, 160 and 192. After the last module: average each feature map, dropout of 0.5, a linear layer. `*(a, b)` hands the parts of a tuple over one by one.
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
        correct class 1 − amount on top. Return the mean cross-entropy over the batch. Compute it yourself: The check compares your loss with `F.cross_entropy`.
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
        pooling. How many multiply-adds does the convolution take, exactly?
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
        Write `gap(amount, classes)`: how far the correct logit is above the others when the smoothed loss is at its minimum. Use it for ten
        classes with ε = 0.1 (the next picture will show whether it holds), then for ImageNet's 1,000 classes.
        """,
        hints=[
            "At the minimum the softmax equals the targets. What are the targets of the correct class and of another one?",
            "softmax divides exp(logit) by the same sum for every class. So the difference of two logits is a logarithm of …",
        ],
        solution=answers.gap,
        explanation="The larger ε, the smaller the gap. For ε = 0 the denominator is 0, and there is no minimum.",
        check_answer=answers.check_gap,
    ),
    "error": Exercise(
        title="calibration error by hand",
        difficulty=2,
        task="""
        Write `calibration_error(confidence, right)`: N confidences from 0 to 1, and N booleans that say which predictions are correct. Sort the
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
        three numbers. There are three mistakes in the cell above, and not all of them are inside `reported`. Write a report that is right for any network that it gets.
        """,
        hints=[
            "Run `reported` twice. Why does the accuracy change, although no weight does?",
            "Which labels does the loss compare with?",
            "The probabilities of ONE image should add up to 1. Look at `logits.softmax(0).sum(1)`.",
        ],
        solution=answers.report,
        explanation="The network was in training mode, the loss was that of smoothed labels, and the softmax ran over the images. "
        "The wrong softmax also changes which class is chosen, so it makes the accuracy wrong too. None of the three stops a program.",
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
            "the first 7 × 7 of a network, on the image": "It would save 71 % too, but the authors found that this does not work well in early layers.",
            "a 1 × 1 on feature maps of 17 × 17": "It has neither height nor width to separate.",
        },
        "a 7 × 7 on feature maps of 17 × 17",
    ),
    Question(
        "Few kernels are one column times one row. Why can Inception-v3 use one 1 × 7 and one 7 × 1 nevertheless?",
        {
            "its kernels lose nothing when they are cut": "Nothing was cut: the network never had 7 × 7 kernels.",
            "it trains the pair, with many channels between": "Yes: every output channel combines all channels in between, and there is a ReLU. The pair is a layer of its own.",
            "its 17 × 17 feature maps need no large kernels": "The authors chose 7 of 17 pixels, a wide view.",
        },
        "it trains the pair, with many channels between",
    ),
    Question(
        "A colleague's reduction pools to half the size. It stacks the pooled channels and a 3 × 3 convolution of the pooled channels. Shapes and compute "
        "are those of “side by side”. What shows the difference without training?",
        {
            "shuffling the pixels of each 2 × 2 square": "Yes: the output does not change, for any weights. Everything had to pass the pooling, the bottleneck.",
            "counting the multiply-adds again": "They are equal: the convolution computes as many values in both.",
            "looking at the loss of the first batch": "Before training both guess, so both losses are near that of guessing.",
        },
        "shuffling the pixels of each 2 × 2 square",
    ),
    Question(
        "The last step of the paper's Table 3 lowers the error by 0.4 points. What does it compare?",
        {
            "one network with a head, and one without": "The table has no network without a head. What having one brings, the paper does not say.",
            "a head with batch normalization, and one without": "Yes: one network each. Before this step the head is there, but not normalized.",
            "1 × 7 and 7 × 1 kernels, and whole 7 × 7": "No step of the table tests them: they are in Inception-v2 already.",
        },
        "a head with batch normalization, and one without",
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
