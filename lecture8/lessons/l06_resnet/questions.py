"""06 ResNet: predictions, builds, exercises, quiz."""

from lecture8.lessons.l06_resnet import answers
from lecture8.teaching import Build, Exercise, Prediction, Question, number_check

predictions = {
    "degradation": Prediction(
        "A plain network of 56 layers, and one of 20. Same images, same optimizer, 60 epochs. How many of its TRAINING images does the "
        "deeper one classify correctly at the end?",
        {
            "all, as the one of 20 layers does": "The network of 56 layers can compute whatever the one of 20 can. Being able to "
            "compute something and finding it by training are two things.",
            "a few percent fewer": "The loss is far from that of the network of 20 layers: this is no small disturbance.",
            "far fewer": "More layers, a larger network, and it cannot even learn its training images. He and colleagues call "
            "this degradation.",
        },
    ),
    "longer": Prediction(
        "In 60 epochs plain-56 did best at rates of 0.005 and 0.0015: 68 % of the training images at both, mean of three seeds. Now it gets 180 "
        "epochs at 0.005. How many of the three networks learn at least 98 % of their training images?",
        {
            "none": "Then good weights would be out of reach for this optimizer. They are not, for some initial weights.",
            "one or two": "Good weights exist, and training sometimes finds them. They are hard to find, not impossible. (The paper, "
            "too, tried three times as many iterations, and still saw degradation. Here two of three seeds succeed.)",
            "all three": "Then slowness would be the whole story. One seed of three is still at about half of the images.",
        },
    ),
    "order": Prediction(
        "Suppose that the addition comes last, after the last ReLU: y = x + ReLU(…). What can such a block no longer do?",
        {
            "copy its input": "It can: with the last scale and shift at zero ReLU outputs 0, and y = x.",
            "make a value smaller": "ReLU outputs nothing below 0, so no value of y is below that of x. In a row of such blocks values can only "
            "grow. With the addition before the last ReLU, F(x) may be negative.",
            "train at all": "Nothing here stops the gradient: the shortcut still passes it on. What is lost is one direction of change.",
        },
    ),
    "evaluated": Prediction(
        "Before you believe that, ask for one more number: what accuracy does the colleague's network have on its TRAINING images, in evaluation mode?",
        {
            "as high as while training": "So it would be, if it overfitted.",
            "about halfway": "Then two things might be wrong at the same time.",
            "as low as on new images": "An overfitting network is good on its training images. This one is not, as soon as it is evaluated: so "
            "it is something else.",
        },
    ),
    "options": Prediction(
        "Three residual networks of 56 layers learn digits for 12 epochs, with shortcut A, B or C. C has the most parameters, and the "
        "lowest error in the paper's table. Which ends with the highest training loss here?",
        {
            "A: the added channels are zeros": "The zeros cost nothing: the block fills these channels itself.",
            "B: projections at two places": "25 of its 27 shortcuts are still the identity.",
            "C: projections everywhere": "Every shortcut now has a convolution and a normalization: nothing passes "
            "unchanged.",
            "no clear difference": "Then it would not matter whether the shortcut is the identity.",
        },
    ),
    "gradients": Prediction(
        "Before the first step of training: compare the gradient norm of the FIRST convolution of plain-56 with that of the LAST one. The "
        "first is …",
        {
            "much smaller: the gradient vanishes": "That is the classical story of deep networks without normalization. Here each "
            "convolution is followed by batch normalization.",
            "about as large": "Batch normalization keeps the size of the signal from layer to layer. It does not do the same for the "
            "gradient.",
            "much larger: the gradient grows": "Before the first step the gradient does not vanish: it grows from layer to layer toward the "
            "image.",
        },
    ),
    "removal": Prediction(
        "Take a trained network, replace ONE block by the identity, train nothing, and test it. In the residual network of 20 layers, what "
        "does a typical block cost (the median)?",
        {
            "almost all of the accuracy": "That is what happens in the plain network, where each block sees only what the block "
            "before it produced.",
            "about as much as in the plain network": "Then the shortcut would only help training, and leave no trace in the result.",
            "far less than in the plain network": "Each residual block adds something to a sum that reaches the end without it, too. In the "
            "plain network there is no way around a block.",
        },
    ),
}


def which_is_worst(loss) -> str:
    """The option of "options" that was measured: mean training loss by shortcut."""
    worst = loss.idxmax()
    others = loss.drop(worst).max()
    return predictions["options"].option(
        "ABC".index(worst) if loss[worst] > 1.5 * others else 3
    )


builds = {
    "block": Build(
        title="the residual block",
        difficulty=2,
        task="""
        Write `Block` with PyTorch's own layers: a 3 × 3 convolution with the given stride, batch normalization, ReLU, a second 3 × 3
        convolution with stride 1, batch normalization. Then, if there is a shortcut, add what it makes of x. ReLU comes last.
        `shortcut` is a module, or None for a plain block. Convolutions have padding 1 and no bias.
        """,
        hints=[
            "`nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False)`, then `nn.BatchNorm2d(c_out)`.",
            "The second convolution sees what the first one made: `c_out` channels.",
            "In `forward`: `f = self.norm1(self.conv1(x)).relu()`, the second pair without ReLU, then `f = f + self.shortcut(x)`.",
        ],
        solution=answers.Block,
        explanation="The addition comes after the second normalization and before the last ReLU. A bias would be useless: the "
        "normalization subtracts the mean (lesson 05).",
        check_answer=answers.check_block,
        input_shape=lambda c_in, c_out, stride=1, shortcut=None: (c_in, 8, 8),
    ),
    "option_a": Build(
        title="a shortcut without parameters",
        difficulty=2,
        task="""
        Write the `forward` of `OptionA`. From x, N × c_in × H × W, it takes every second row and column, and then adds channels of
        zeros at the end until there are `c_out`.
        """,
        hints=[
            "Slices take a step: `x[:, :, ::2, ::2]`.",
            "`nn.functional.pad` counts from the last axis: (left, right, top, bottom, front, back).",
            "`nn.functional.pad(x, (0, 0, 0, 0, 0, self.extra))`.",
        ],
        solution=answers.OptionA,
        explanation="No weight anywhere, so that plain and residual networks have equally many parameters.",
        check_answer=answers.check_option_a,
    ),
    "resnet": Build(
        title="a network of 6n + 2 layers",
        difficulty=3,
        task="""
        Complete `resnet`. Each of the three stages has (depth - 2) / 6 blocks. The first block of the second and third stage doubles the channels
        and halves the side, with `OptionA` as shortcut; all others keep the shape, with `nn.Identity()`. Without `residual` all
        shortcuts are None.
        """,
        hints=[
            "The shape changes where `c_in != c_out`: there the stride is 2.",
            "`Block(c_in, c_out, stride, shortcut)`, and afterwards the next block sees `c_out` channels.",
            "`shortcut = nn.Identity() if c_in == c_out else OptionA(c_in, c_out)`, and `None` if not `residual`.",
        ],
        solution=answers.resnet,
        explanation="One convolution, 2 · 3 · n in blocks, one linear layer: 6n + 2. The paper uses n = 3, 5, 7, 9, 18 and 200.",
        check_answer=answers.check_resnet,
        input_shape=lambda depth, width=16, classes=10, channels=3, residual=True: (channels, 16, 16),
    ),
    "bottleneck": Build(
        title="the bottleneck block",
        difficulty=2,
        task="""
        Write `Bottleneck`, with the same arguments as `Block`. Its width is a quarter of `c_out`: 1 × 1 to the width, 3 × 3 with the
        stride, 1 × 1 to `c_out`. Batch normalization follows each of the three, ReLU the first two. Then the shortcut is added, then
        ReLU.
        """,
        hints=[
            "A 1 × 1 convolution needs no padding: `nn.Conv2d(c_in, width, 1, bias=False)`.",
            "The stride belongs to the 3 × 3.",
            "As in `Block`: the third normalization has no ReLU, the addition comes next.",
        ],
        solution=answers.Bottleneck,
        explanation="With the stride in the 3 × 3 this is torchvision's version (“v1.5”). The authors' has it in the first 1 × 1.",
        check_answer=answers.check_bottleneck,
        input_shape=lambda c_in, c_out, stride=1, shortcut=None: (c_in, 8, 8),
    ),
}  # fmt: skip

exercises = {
    "growth": Exercise(
        title="27 blocks in a row",
        difficulty=1,
        task="""
        Two networks have 27 blocks in a row (one number in place of a matrix, and no ReLU after a sum). In the residual one every block has
        ∂F/∂x = 0.1. In the plain one every block, of two layers, has ∂y/∂x = 1.3. By which factor does the gradient change from the end to the
        beginning, in each? Round to whole numbers, and give both: (residual, plain).
        """,
        hints=["A residual block has ∂y/∂x = 1 + ∂F/∂x.", "Blocks in a row multiply their factors: the chain rule."],
        solution=answers.my_growth,
        asks_value=True,
        explanation="1.1²⁷ ≈ 13, and 1.3²⁷ ≈ 1,193: factors a little above 1, only 1.14 per layer, are enough. A plain network with factors of 0.1 "
        "would have 0.1²⁷, a one with 26 zeros between it and the point. So a plain gradient can vanish or explode; a shortcut keeps it from "
        "being a product of small numbers only.",
        check_answer=answers.check_growth,
    ),
    "bottleneck_cost": Exercise(
        title="a bottleneck that halves the side",
        difficulty=2,
        task="""
        The first bottleneck of the second stage (conv3_x in the paper's Table 1) gets 256 channels of 56 × 56 and outputs 512 of 28 × 28. Its width is 128, the stride is in
        the 3 × 3. How many multiply-adds do its three convolutions need for one image? (Without the shortcut's projection.)
        """,
        hints=[
            "A convolution costs kernel² · c_in · c_out multiply-adds for each pixel that it outputs.",
            "How many pixels does each of the three output? The first 1 × 1 comes before the stride.",
        ],
        solution=answers.my_cost,
        asks_value=True,
        explanation="The first 1 × 1 works on four times as many pixels as it would with the stride. With the stride in the 1 × 1, as in the authors' "
        "networks, the block costs 192,675,840. That is why two numbers are printed for ResNet-50, 3.8 and 4.1 G.",
        check_answer=number_check(
            269_746_176,
            traps={192_675_840: "the first 1 × 1 comes before the stride: it outputs 56 × 56 pixels.",
                   770_703_360: "the 3 × 3 and the last 1 × 1 output 28 × 28 pixels.",
                   218_365_952: "the last 1 × 1, to 512 channels, is missing.",
                   115_605_504: "that is the 3 × 3 alone."},
            unit="multiply-adds",
        ),
    ),
    "paths": Exercise(
        title="how long is a path?",
        difficulty=2,
        task="""
        Through each block of a residual network there are two ways: F, and the shortcut. So nine blocks have 2⁹ = 512 paths from the
        first block to the last one. How many of them pass through F in exactly four or exactly five blocks?
        """,
        hints=["How many ways are there to choose 4 of 9 blocks?", "The first can be chosen in 9 ways, the next in 8, …; and the order does not matter. Or `import math`, then `math.comb(9, 4)`."],
        solution=answers.my_paths,
        asks_value=True,
        explanation="252, about half of all. Only one path passes through all nine. Take a block out, and 256 paths remain: half. (Veit, "
        "Wilber and Belongie, 2016, look at residual networks in this way. Paths share their weights, and ReLUs lie on them: this is "
        "a way to count, no proof.)",
        check_answer=number_check(
            252,
            traps={126: "that is one of the two numbers.",
                   512: "those are all paths.",
                   9: "that is the number of paths through F in exactly one block.",
                   20: "4 · 5 does not count choices: 4 of 9 blocks can be chosen in 126 ways.",
                   6048: "the order in which blocks are chosen does not matter."},
            unit="paths",
        ),
    ),
    "deepen": Exercise(
        title="the deeper network that is at least as good",
        difficulty=3,
        task="""
        Write `deepen(net, kind)`. `net` is what `resnet` returns, `kind` the class of its blocks. Return an `nn.Sequential` with a new block after each block, twice as many,
        that computes exactly the same logits in evaluation mode, and whose new layers can still learn.
        """,
        hints=[
            "Go through `net` layer by layer and collect what the new network needs. `isinstance(layer, kind)` tells the blocks.",
            "A new block keeps the shape: `kind(channels, channels, shortcut=nn.Identity())` with `channels = layer.conv2.out_channels`.",
            "It outputs its input if F is 0. Which single layer of the new block makes F = 0?",
            "`nn.init.zeros_(extra.norm2.weight)`. Its shift is 0 in a new layer.",
        ],
        solution=answers.deepen,
        explanation="This is the argument of section 1, made of layers. Many training recipes begin like this: every block starts with its last scale at zero.",
        check_answer=answers.check_deepen,
    ),
    "repair": Exercise(
        title="repair it without training",
        difficulty=3,
        task="""
        Write `repair(net, images)`. Find the mistake in the colleague's network, repair it without changing the weights of the convolutions,
        and return the network in evaluation mode.
        """,
        hints=[
            "Training did not notice the mistake. Which layers compute something else in evaluation mode, and what do they use there? Then look at "
            "`print(theirs[3].norm1 is theirs[4].norm1)`.",
            "`copy.deepcopy(block.norm1)` is a layer of its own, with the learned scale and shift. The blocks are `net[3:-3]`.",
            "Each place now needs running statistics of its own. They follow the images that pass through in training mode. PyTorch's momentum is 0.1: "
            "pass `images` through some 50 times, under `torch.no_grad()`.",
        ],
        solution=answers.repair,
        explanation="The blocks of a stage shared one normalization. In training mode each place normalized with its own batch, so the network learned "
        "well. The running statistics were a mixture of all places, right for none.",
        check_answer=answers.check_repair,
    ),
}  # fmt: skip

quiz = [
    Question(
        "You make a network deeper. Its error on new images rises from 6 to 8 %, its error on the training images from 1 to 4 %. What has "
        "happened?",
        {
            "It overfits": "A network that overfits fits its training images better than before. This one fits them worse.",
            "It is harder to train": "Yes. Look at the training error first: it rose, too. Shortcuts, initial weights and the learning rate are worth a look.",
            "It has too many parameters": "More parameters may lead to overfitting. Then the training error would be low.",
        },
        "It is harder to train",
    ),
    Question(
        "A residual block should leave its input as it is. What does training have to find?",
        {
            "Weights that copy all channels": "That is what a plain block would have to find. Here the shortcut copies.",
            "F = 0": "Yes, for instance a scale of 0 in the last normalization.",
            "Nothing: the block is skipped for simple images": "Nothing is ever skipped: F(x) + x is computed for every image.",
        },
        "F = 0",
    ),
    Question(
        "Someone puts batch normalization and ReLU into every shortcut of a residual network of 100 layers, and it trains badly. What is the best "
        "first suspicion?",
        {
            "Nothing passes unchanged any more": "Yes. The 1 in 1 + ∂F/∂x came from the identity. That option C learns worst at 56 layers fits with it.",
            "Too many parameters": "A normalization adds two numbers per channel.",
            "The gradient must vanish": "Not necessarily: each shortcut multiplies it by a factor, and factors above 1 make it grow. Measure it, layer by layer.",
        },
        "Nothing passes unchanged any more",
    ),
    Question(
        "ResNet-34 has twice the layers of ResNet-18, ResNet-50 has half as many again, and yet ResNet-50 costs only 12 % more compute than "
        "ResNet-34 (stride in the 3 × 3). Why?",
        {
            "Each of its blocks has one 3 × 3, not two": "Yes, as wide as those of ResNet-34; and the 1 × 1 convolutions around it are cheap.",
            "It works on smaller images": "Both take 224 × 224 and halve the side at the same places.",
            "It has fewer blocks": "Both have 3 + 4 + 6 + 3 blocks.",
        },
        "Each of its blocks has one 3 × 3, not two",
    ),
    Question(
        "A network has 99 % training accuracy, measured while training, and 20 % on new images. Evaluated on the TRAINING images it has 22 %. "
        "What do you look at first?",
        {
            "Dropout, weight decay, more data": "These are remedies for overfitting. But it fails on the images it was trained on.",
            "What differs between train() and eval()": "Yes: batch normalization and dropout. Here the running statistics did not fit.",
            "The learning rate": "Its training went well.",
        },
        "What differs between train() and eval()",
    ),
]
