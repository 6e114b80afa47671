"""04 VGG: predictions, builds, exercises, quiz."""

from lecture8.lessons.l04_vgg import answers
from lecture8.teaching import Build, Exercise, Prediction, Question, number_check

predictions = {
    "field": Prediction(
        "One unit of VGG-16's last feature map, after 13 convolutions and 5 pooling layers: how wide is the square of the "
        "224 × 224 image that it sees?",
        {
            "27 pixels": "That counts two more pixels for each of 13 convolutions. It would be right without pooling. After a "
            "pooling layer, one step in the feature map is two pixels of the image.",
            "between 28 and 112 pixels": "Right direction: pooling helps. But it doubles the step five times. After the fourth "
            "pooling layer one step is 16 pixels, and three convolutions and a pooling layer are still to come.",
            "more than 112 pixels, but not all": "Each pooling layer doubles the reach of everything after it.",
            "the whole image": "Nearly: a rim is missing. Only the fully connected layers see everything.",
        },
    ),
    "same": Prediction(
        "Two 3 × 3 convolutions with a ReLU between them, against ONE 5 × 5 with the best weights there are. How much of the "
        "variance of the output does the best 5 × 5 miss?",
        {
            "nothing: both see 5 × 5 pixels": "Seeing the same pixels does not mean computing the same. Without the ReLU you "
            "would be right.",
            "less than 5 %": "The ReLU sets about half of the 16 values between the layers to 0, and which half depends on the "
            "image. One kernel with fixed weights cannot follow that.",
            "more than 5 %": "With the ReLU the two layers react differently to different images. A single kernel weighs "
            "the same pixels in the same way everywhere.",
        },
    ),
    "where": Prediction(
        "VGG-16 gets an image of 224 × 224. Which of its layers output the most values, so that training has to keep the most for them?",
        {
            "the fully connected layers": "They have nine tenths of the parameters, but output only 4,096, 4,096 and 1,000 values.",
            "blocks 4 and 5, with 512 channels": "Their maps have 28 × 28 and 14 × 14 pixels. From block to block the channels double at most, "
            "but the pixels fall to a quarter.",
            "all blocks about alike": "Doubling the channels balances half of the side, not a quarter of the pixels: the values halve with every block.",
            "blocks 1 and 2": "Few channels, but 224 × 224 and 112 × 112 pixels. Parameters, compute and activations are in three different places.",
        },
    ),
    "pays": Prediction(
        "Three networks of equal width and equal receptive field are trained: pairs of 3 × 3; single 5 × 5; pairs of 3 × 3 without "
        "the ReLU between the two, which by section 3 are single 5 × 5 in disguise, except at the border. Which have the lower loss on new images?",
        {
            "only the pairs with the ReLU": "This is what the argument about non-linearity predicts: without the ReLU the pair is a "
            "single 5 × 5, so it should do no better than one. What a network can compute is one thing; what training finds is another.",
            "both kinds of pairs": "Away from the border the pairs without the ReLU can compute nothing that a 5 × 5 cannot. Still, training "
            "finds better weights for them here. So the ReLU is not what made the difference in this experiment.",
            "the single 5 × 5": "It has more weights for the same receptive field, 25 for 18. That did not help here.",
            "no clear difference": "All three see the same pixels, but training finds other weights in each, and on digits that "
            "shows. On photographs, with few epochs, it may be too small to see.",
        },
    ),
    "third": Prediction(
        "After 12 epochs the wider C was well ahead of C, and depthwise was not. After 36 epochs, with three seeds, which mean is more "
        "than a point below C's?",
        {
            "only C, wider": "After 12 epochs it was. More width made training faster here, not the network better: with more time C "
            "catches up. Lesson 02 saw the same with batch normalization.",
            "only depthwise": "This would speak for the larger receptive field. One of its three networks is about a point below C, one "
            "two points above: with three seeds it is neither shown nor ruled out.",
            "both": "Then each of the two, compute and receptive field, would be worth something. With more time all but D "
            "end close together.",
            "neither": "With these three seeds neither control is a point below C. D has both, receptive field and compute, and is ahead of all others.",
        },
    ),
    "nineteen": Prediction(
        "In how many of the eight test results does the network with 19 layers have the lower top-1 error?",
        {
            "in six or more": "The best known number, 25.5 against 25.6 %, is the one that looks best for 19 layers.",
            "in three to five": "By top-5 error it is three; by top-1 error fewer.",
            "in two or fewer": "Three more layers bring nothing that these eight test results could show. Lesson 06 is about why depth stops paying.",
        },
    ),
    "signal": Prediction(
        "AlexNet's initial weights had a standard deviation of 0.01. Give VGG-16's 13 convolutions the same, and send an image "
        "through. The standard deviation of the last convolution's output, compared with the first one's, is …",
        {
            "about the same": "That needs weights that fit the number of inputs of each layer. 0.01 knows nothing of it.",
            "smaller, by less than a thousand": "Each layer keeps about a third, and there are twelve factors from the first to the last. "
            "A factor of a third, twelve times, is more than you may think.",
            "smaller, by more than a thousand": "Each layer keeps about a third of its input's standard deviation. From the first to the "
            "13th there are twelve such factors.",
            "larger": "With 9 × 512 inputs a standard deviation of 0.01 still makes the sum smaller than what comes in.",
        },
    ),
    "fc7": Prediction(
        "A VGG-like network learned 26 printed LETTERS. Now it should help with DIGITS, 200 of them labeled: printed ones, and handwritten ones. A "
        "linear classifier gets the pixels, the output of fc7, or that of an earlier block. Which is best?",
        {
            "fc7 for both": "fc7 comes last, and so it has learned most. But what it learned is letters: it "
            "keeps what tells letters apart and may drop the rest.",
            "fc7 for printed, pixels for handwritten": "With a linear classifier fc7 beats the pixels on both. But "
            "an earlier layer is better than either.",
            "fc7 for printed, a block for handwritten": "That is the usual rule: top layers for similar tasks, earlier ones for others. "
            "Here block 3 is ahead on printed digits, too, with as many values.",
            "a block for both": "Blocks have strokes and corners, and where they are. Letters, printed and handwritten digits share these.",
        },
    ),
}


def what_pays(loss: dict[str, float]) -> str:
    """The option of "pays" that was measured: mean losses of pairs, singles, and pairs without the ReLU between."""
    pairs, single, linear = loss.values()
    if single < 0.9 * min(pairs, linear):
        return predictions["pays"].option(2)
    if pairs > 0.9 * single:
        return predictions["pays"].option(3)
    return predictions["pays"].option(int(linear < 0.9 * single))


def what_is_closer(error) -> str:
    """The option of "third" that was measured: mean test errors by network."""
    gained = [error["C"] - error[net] > 1 for net in ("C, wider", "depthwise")]
    return predictions["third"].option(
        {(True, False): 0, (False, True): 1, (True, True): 2}.get(tuple(gained), 3)
    )


def what_is_best(accuracy) -> str:
    """The option of "fc7" that was measured: accuracies of one classifier by task and view."""
    found = []
    for task in ("printed digits", "handwritten digits"):
        best = accuracy[task][["pixels, one polarity", "block 2", "block 3", "fc7"]].idxmax()
        found.append("a block" if "block" in best else best.split(",")[0])
    if found[0] == found[1]:
        return f"{found[0]} for both"
    return f"{found[0]} for printed, {found[1]} for handwritten"


builds = {
    "vgg_block": Build(
        title="a VGG block",
        difficulty=1,
        task="""
        Write `vgg_block(c_in, c_out, kernels)` with PyTorch's own layers. For each kernel size in the list: a convolution that keeps
        height and width, and a ReLU. At the end: max pooling of 2 × 2 with stride 2.
        """,
        hints=[
            "A kernel of 3 needs a padding of 1 to keep the size, one of 5 needs 2, one of 1 needs 0: `kernel // 2`.",
            "The first convolution sees `c_in` channels. How many does the second one see?",
            "`layers += [nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2), nn.ReLU()]`, then `c_in = c_out`.",
        ],
        solution=answers.vgg_block,
        explanation="Forgetting `c_in = c_out` is the usual mistake. Without it the second convolution expects the image.",
        check_answer=answers.check_vgg_block,
        input_shape=lambda c_in, *_: (c_in, 16, 16),
    ),
    "vgg": Build(
        title="a network from a column of the table",
        difficulty=2,
        task="""
        Complete `vgg`: one block for each entry of the column, with the width of its place, and the number of values that arrive at fc6.
        `side` is the height and width of the image.
        """,
        hints=[
            "The first block is `vgg_block(channels, width, kernels)`.",
            "After a block the feature map has `width` channels, and its side is half as long: `side // 2`.",
            "fc6 gets `channels * side**2` values, with the channels and the side after the last block.",
        ],
        solution=answers.vgg,
        explanation="224 → 112 → 56 → 28 → 14 → 7: fc6 gets 512 · 7 · 7 = 25,088 values.",
        check_answer=answers.check_vgg,
        input_shape=lambda column, num_classes, side=224, widths=(), hidden=0, channels=3: (channels, side, side),
    ),
    "field": Build(
        title="the receptive field of anything",
        difficulty=2,
        task="""
        Write `field(layers)` for a list of (kernel, stride), first layer first: how wide is the square of the image that one unit at
        the end sees? Convolutions and pooling layers count alike; padding does not matter.
        """,
        hints=[
            "`side` starts at 1: with no layer, a unit sees one pixel. `step` is the distance between two neighbors, in pixels of the image.",
            "A kernel of k reaches over k - 1 steps to its last input.",
            "`side = side + (kernel - 1) * step`, and then `step = step * stride`.",
        ],
        solution=answers.field,
        explanation="Two lines, for every convolutional network without branches. `complexity.receptive_field` does the same.",
        check_answer=answers.check_field,
    ),
    "stamp": Build(
        title="two kernels into one",
        difficulty=2,
        task="""
        Write `stamp(first, second)`: the 5 × 5 kernel that does what two 3 × 3 kernels do one after the other. Each weight of
        the second kernel uses the first one at another place. So put nine copies of the first kernel into the 5 × 5, each times one
        weight.
        """,
        hints=[
            "The loops choose a weight of the second kernel: `second[row, column]`.",
            "The window `merged[row : row + 3, column : column + 3]` is where its copy of the first kernel goes.",
        ],
        solution=answers.stamp,
        explanation="This is a transposed convolution; for many channels `nn.functional.conv_transpose2d(second, first)` does it.",
        check_answer=answers.check_stamp,
    ),
    "nearest": Build(
        title="nearest neighbors",
        difficulty=2,
        task="""
        Write `nearest(known, labels, asked)`. `known` has the features of labeled images, N × F; `asked` those of new ones, M × F.
        Each new image gets the label of the known image whose features have the smallest Euclidean distance.
        """,
        hints=[
            "`torch.cdist(asked, known)` has the distances, M × N.",
            "`distances.argmin(1)` says for each new image which known one is closest.",
        ],
        solution=answers.nearest,
        explanation="A classifier without training: if it works, the features themselves bring together what belongs together.",
        check_answer=answers.check_nearest,
    ),
}  # fmt: skip

exercises = {
    "fc6": Exercise(
        title="the largest layer, for larger images",
        difficulty=1,
        task="""
        VGG-16 should take images of 320 × 320 instead of 224 × 224. Its last pooling layer has 512 feature maps. fc6 connects all
        their values with 4,096 outputs. How many parameters does fc6 have now, with its biases?
        """,
        hints=["Five pooling layers halve the side: 320, 160, 80, …", "Every output has a weight for every value, and one bias."],
        solution=answers.my_count,
        asks_value=True,
        explanation="Twice as many as for 224 × 224. GoogLeNet (lesson 05) averages each feature map first (global average pooling): then the "
        "image's size does not matter, and nearly all of these parameters are saved.",
        check_answer=number_check(
            209_719_296,
            traps={209_715_200: "the 4,096 biases are missing.",
                   102_764_544: "that is for 224 × 224, with maps of 7 × 7.",
                   2_101_248: "that is 512 · 4096 with biases, one value per feature map.",
                   20_975_616: "the feature maps have 10 × 10 values, not 10."},
            unit="parameters",
        ),
    ),
    "images": Exercise(
        title="how many images at once?",
        difficulty=2,
        task="""
        A GPU has 6 GB, 6,000,000,000 bytes, and every number takes 4 bytes. To train VGG-16 (138,357,544 parameters) with momentum you
        keep the parameters, their gradients and the momentum, and 15,237,608 activations for each image. How many images fit at most?
        (Real programs need more: workspaces, and gradients of activations.)
        """,
        hints=[
            "Parameters, gradients and momentum are three numbers for each parameter.",
            "Divide what is left of the 6 GB by `4 * 15_237_608`, and round down: `//`.",
        ],
        solution=answers.my_images,
        asks_value=True,
        explanation="71. The authors split each batch of 256 over four GPUs: 64 images on each. In evaluation there is room for "
        "far more, since a layer's input may be forgotten as soon as its output is there.",
        check_answer=number_check(
            71,
            traps={98: "the parameters, gradients and momentum need room, too.",
                   89: "that keeps the parameters only; training also keeps their gradients and the momentum.",
                   80: "there are three numbers for each parameter: itself, its gradient, its momentum.",
                   284: "an activation has 4 bytes.",
                   72: "the 72nd image does not fit completely: round down."},
            unit="images",
        ),
    ),
    "merge": Exercise(
        title="two convolutions into one",
        difficulty=3,
        task="""
        Write `merge(first, second)`: it gets two `nn.Conv2d` of 3 × 3 with padding 1 and biases, and NO ReLU between them. Return one
        `nn.Conv2d` of 5 × 5 with padding 2 that computes the same (apart from the outermost pixels).
        """,
        hints=[
            "`nn.functional.conv_transpose2d(second.weight, first.weight)` stamps the kernels, for all channels.",
            "Fill the new layer with `conv.weight.data = …`.",
            "The first bias is a constant input of the second layer: `second.bias + second.weight.sum((2, 3)) @ first.bias`.",
        ],
        solution=answers.merge,
        explanation="So after training the third network *is* a network of single 5 × 5 layers, with other weights than training found for those.",
        check_answer=answers.check_merge,
    ),
    "dense": Exercise(
        title="a fully connected layer is a convolution",
        difficulty=3,
        task="""
        For the “dense” tests the authors turned fc6 into a convolution (section 3.2). Write `as_convolution(linear, c_in)`: it
        gets an `nn.Linear` that works on flattened feature maps of `c_in` channels and unknown, square size, and returns the
        `nn.Conv2d` that computes the same for one such map.
        """,
        hints=[
            "The side follows from the count: side² = linear.in_features / c_in.",
            "`linear.weight` is c_out × (c_in · side · side), and flattening goes channel by channel: `view` will do.",
            "Copy with `conv.weight.data = …`, and do not forget the bias.",
        ],
        solution=answers.as_convolution,
        explanation="Such a network takes a whole image of any size. Its outputs at all places are averaged.",
        check_answer=answers.check_dense,
    ),
    "fix": Exercise(
        title="fix the network that does not learn",
        difficulty=3,
        task="""
        Write `fix(net)`: it draws new random weights for the convolutions and linear layers of `net`, and returns it. Afterwards the
        output of the last convolution should have at least a tenth and at most ten times the standard deviation of the first one's, whatever the widths. Do
        not add layers.
        """,
        hints=[
            "Measure first: `signal(broken_vgg(), digits.train.images[:64])`. What happens from layer to layer?",
            "One standard deviation for all layers cannot work: a layer with more inputs adds up more numbers.",
            "He's rule, which lesson 02 used, is made for ReLU: `nn.init.kaiming_normal_(layer.weight)`.",
        ],
        solution=answers.fix,
        explanation="`kaiming_normal_` draws with variance 2 / (number of inputs). The 2 makes up for the half that ReLU sets to 0.",
        check_answer=answers.check_fix,
    ),
}  # fmt: skip

quiz = [
    Question(
        "You replace one 7 × 7 convolution of your network by three 3 × 3 convolutions with ReLUs. Channels stay as they are. What is "
        "the same afterwards?",
        {
            "The receptive field": "Yes: 3 → 5 → 7. There are fewer weights, more ReLUs, and another function.",
            "The functions that it can compute": "A stack with ReLUs computes functions that no single kernel has, and not every "
            "7 × 7 kernel can be split into three 3 × 3.",
            "The number of parameters": "27 C² instead of 49 C²: the 7 × 7 has 81 % more.",
        },
        "The receptive field",
    ),
    Question(
        "A phone app with VGG-16 is too large to download. Which change makes it much smaller and leaves the compute almost as it is?",
        {
            "Average each of the last feature maps, and drop fc6 and fc7": "Yes, this is global average pooling: the two hold 86 % of the parameters and do less than 1 % of the compute. "
            "(You would have to train it again.)",
            "Replace the 3 × 3 in block 5 by 1 × 1": "That saves about 6 of 138 million parameters, and 8 % of the compute.",
            "Use images of half the side": "fc6 would shrink to about a fifth, but the compute falls to about a quarter, too, and so "
            "may the accuracy.",
        },
        "Average each of the last feature maps, and drop fc6 and fc7",
    ),
    Question(
        "Training on large images stops with 'out of memory', although all parameters fit easily. Which layers fill the memory?",
        {
            "The first blocks": "Yes: few channels, but many pixels, and training keeps all activations until backpropagation has used them.",
            "The fully connected layers": "They hold the parameters, which you said fit. Their outputs are 4,096 numbers.",
            "The last convolutions, with 512 channels": "512 feature maps of 14 × 14 are 100 thousand values. 64 of 224 × 224 are 3.2 million.",
        },
        "The first blocks",
    ),
    Question(
        "Someone adds a layer to each block and reports: 'The error fell by 1 point, so the larger receptive field helps.' What is the "
        "best reply?",
        {
            "Add the layers without the larger field, and compare": "Yes. 1 × 1 layers add depth without enlarging the "
            "receptive field. Compute and parameters still have to be matched separately.",
            "One point is too little to matter": "It may be a lot. How much is noise is a question for more seeds; "
            "the reason is another question.",
            "It is right, since deeper networks see more": "They do see more. They also have more parameters, more ReLUs and more compute.",
        },
        "Add the layers without the larger field, and compare",
    ),
    Question(
        "A network of 20 convolutions with ReLU stays at the loss of random guessing from the first step on. Which measurement do you make "
        "first?",
        {
            "The standard deviation of each layer's output, before training": "Yes: if it shrinks or grows by a factor per layer, the initial weights "
            "are the reason, and you know it in a second.",
            "The accuracy on the test images": "It is at random guessing, as the loss says. That does not tell you why.",
            "Training with a ten times larger learning rate": "If no signal arrives at the end, almost no gradient comes back. Ten times nothing "
            "is nothing.",
        },
        "The standard deviation of each layer's output, before training",
    ),
]
