"""08 Inception-v4 and Inception-ResNet: predictions, builds, exercises, quiz."""

from lecture8.lessons.l08_inception_v4 import answers
from lecture8.teaching import Build, Exercise, Prediction, Question, number_check

predictions = {
    "shortcuts": Prediction(
        "Inception-v4 has 14 inception modules. A program looks for additions of two feature maps in it, as in ResNet's "
        "y = x + F(x). How many does it find?",
        {
            "14, one in each module": "The name suggests it: a later version should contain all that came before. But the "
            "modules concatenate their branches, and nothing is added to them.",
            "3, one for each kind of module": "A shortcut around a whole stage would have to pass a change of shape. There is none.",
            "none": "Inception-v4 is Inception alone. Two other networks of the same paper, Inception-ResNet-v1 and -v2, have "
            "the shortcuts.",
        },
    ),
    "faster": Prediction(
        "Three networks of equal cost, three blocks a stage, each at its own best learning rate. After 12 epochs, how does "
        "the training loss with shortcuts compare with the *better* one of the two controls?",
        {
            "clearly lower, less than half": "With three blocks a stage the training loss falls faster with shortcuts than in both controls.",
            "about the same": "With one block a stage this is what was measured. With three, the addition helps.",
            "clearly higher": "That would need a control that is easier to train. The additions give the gradient a short way back.",
        },
    ),
    "growth": Prediction(
        "A new, untrained network has ten blocks in a row, with scale 1: each adds F(x) to x. By how much does the standard "
        "deviation of the values grow along the ten blocks?",
        {
            "hardly: less than 20 %": "This is right for a scale of 0.1. With scale 1 the growth is there in every block.",
            "a few times": "Batch normalization inside a block makes F(x) about equally large in every block, whatever x is. So equal "
            "*variances* are added, ten times; nothing is multiplied.",
            "more than ten times": "This happens when each block adds in proportion to x: ten doublings are a factor of 1,024. Here F(x) "
            "is normalized inside, so it does not grow with x.",
        },
    ),
    "film": Prediction(
        "Now train: twenty steps of SGD, scales 1, 0.3 and 0.1. The last feature map begins with fewer than 20 % zeros. With which scales "
        "are more than *half* of its values 0 after the last step?",
        {
            "with none": "Twenty steps are few, but at this width and learning rate they are enough.",
            "with scale 1 only": "Without scaling the last feature map goes black within twenty steps. With 0.3 the zeros grow slowly; with 0.1 they barely change.",
            "with 1 and 0.3": "In a wider network, or at a higher learning rate, 0.3 is not small enough either: try the explorers below.",
            "with all three": "At a high enough learning rate no scale helps: see the runs with rate 0.5 below.",
        },
    ),
    "afterwards": Prediction(
        "On the digits, the training with scale 1 continues at the same rate, to step 100. What is its training loss then?",
        {
            "still about 2, or more": "Nearly all values are 0, and a zero passes no gradient back. But a few are left, and these learn.",
            "between 0.5 and 1.5": "This is what was measured around step 40. The loss falls further.",
            "below 0.5": "The network has not died. Some channels are left; they pass a gradient and suffice for ten digits.",
        },
    ),
    "folded": Prediction(
        "`fold` writes the scale of 0.1 into the weights. The new network computes the same function, with scale 1. Train it as before. How "
        "many zeros does its last feature map have after twenty steps?",
        {
            "as few as with scale 0.1": "The two start from the same function, so this is a good guess. But a step changes them "
            "differently: the folded weights are small, and a step is as long as ever.",
            "clearly more, but fewer than with scale 1": "The smaller start avoids part of the zeros. Smaller steps avoid the rest: a change of W "
            "moves 0.1 · W only a tenth as far, and the gradient that reaches W is a tenth, too.",
            "as many as with scale 1": "Then the smaller start would be worth nothing. It is worth something.",
        },
    ),
    "size": Prediction(
        "The paper has two pairs of networks, each of about equal cost, one with shortcuts and one without. One pair costs about twice as much "
        "as the other. Where do the published top-1 errors differ more?",
        {
            "within a pair": "The shortcuts changed how fast the networks trained. The published errors within a pair differ by a tenth of a point at most.",
            "between the pairs": "The paper says that “the final accuracy seems to mainly depend on the model size”.",
            "about equally": "Between the pairs there is more than a point, within a pair a tenth at most.",
        },
    ),
}


def what_is_faster(loss) -> str:
    """The option of "faster" that was measured: training losses by kind."""
    ratio = loss["residual"] / min(loss["addition deleted"], loss["Inception"])
    return predictions["faster"].option(0 if ratio < 0.5 else 1 if ratio < 2 else 2)


def what_goes_black(zeros: dict[str, float]) -> str:
    """The option of "film" that was measured: percent of zeros in the end for scales 1, 0.3 and 0.1."""
    return predictions["film"].option(sum(percent > 50 for percent in zeros.values()))


def what_comes_afterwards(loss: float) -> str:
    """The option of "afterwards" that was measured: the training loss after 100 steps with scale 1."""
    return predictions["afterwards"].option(2 if loss < 0.5 else 1 if loss < 1.5 else 0)


def what_folding_does(zeros: dict[str, float]) -> str:
    """The option of "folded" that was measured: percent of zeros for scale 1, for scale 0.1, and folded."""
    least, most, found = zeros["scale 0.1"], zeros["scale 1"], zeros["folded"]
    return predictions["folded"].option(
        0 if found < least + 10 else 1 if found < most - 10 else 2
    )


builds = {
    "block": Build(
        title="an inception block with a shortcut",
        difficulty=2,
        task="""
        Complete `Block(c, branches, scale, relu)` with PyTorch's own layers. `branches` is a list; each branch is a list of
        `(c_out, kernel)`, and each of these becomes a `conv` of the cell above. Concatenate what the branches output; a 1 × 1 convolution with
        bias, without batch normalization or ReLU, brings it back to `c` channels: F(x). Return x + scale · F(x), and a ReLU after the sum.
        """,
        hints=[
            "The second `conv` of a branch gets what the first one outputs: `c_in = c_out`.",
            "A branch outputs the `c_out` of its last layer, `branch[-1][0]`. Concatenated, their sum arrives at `up`.",
            "`torch.cat(list_of_outputs, 1)` concatenates along the channels. `self.up` of that is F(x).",
        ],
        solution=answers.Block,
        explanation="Without an activation after `up`, F(x) can be negative: a block can take something away from x.",
        check_answer=answers.check_block,
        input_shape=lambda c, *_, **__: (c, 8, 8),
    ),
    "reduction_a": Build(
        title="reduction A from four letters",
        difficulty=2,
        task="""
        Complete `reduction_a(c, k, l, m, n)`. Three branches, none of them padded where the stride is 2. First branch: a 3 × 3 to n channels with stride
        2. Second: a 1 × 1 to k, a 3 × 3 to l, and a 3 × 3 to m with stride 2. Third: 3 × 3 max pooling with stride 2. `chain(c, …)` is a row of
        convolutions, each with batch normalization and ReLU; a step is `(c_out, kernel)`, or `(c_out, kernel, stride, padding)`.
        """,
        hints=[
            "The first branch is `chain(c, (n, 3, 2, 0))`.",
            "The second one has three steps: `(k, 1)`, `(l, 3)` and one more.",
        ],
        solution=answers.reduction_a,
        explanation="Only m, n and c reach the output: k and l are steps inside a branch.",
        check_answer=answers.check_reduction,
        input_shape=lambda c, *_: (c, 9, 9),
    ),
    "body": Build(
        title="the body of both hybrids",
        difficulty=2,
        task="""
        Complete `body(c, version, counts)`: blocks A, reduction A, blocks B, reduction B, blocks C, with `counts` of each kind. After a reduction
        the number of channels has changed. The three convolutional branches of reduction B output `REDUCTION_B[version]` channels together.
        """,
        hints=[
            "Reduction A outputs n + m + c channels: `letters[3] + letters[2] + c`. Its pooling branch keeps all c.",
            '`stages += [Block(c, table["b"], 0.10) for _ in range(counts[1])]`; blocks C have scale 0.20 and `counts[2]`.',
            "Reduction B has a pooling branch, too: `c = c + REDUCTION_B[version]`.",
        ],
        solution=answers.body,
        explanation="Forgetting that pooling is a branch, which passes on all c channels, is the usual mistake.",
        check_answer=answers.check_body,
    ),
    "control": Build(
        title="the control: the addition deleted",
        difficulty=1,
        task="""
        Complete `forward`: the same layers as `Block`, the same scale, and no x in the sum. Nothing else may change.
        """,
        hints=["Write down the line of `Block`. Which term goes?"],
        solution=answers.NoAddition,
        explanation="One thing has changed. So if the two train differently, it is the addition (or the learning rate: each needs its own).",
        check_answer=answers.check_control,
    ),
    "fold": Build(
        title="where did the scale go?",
        difficulty=3,
        task="""
        Write `fold(block)`: a new block with `scale` 1 that computes the same function. The block that you get must stay as it is.
        `block.up` is its last layer, a 1 × 1 convolution with a bias.
        """,
        hints=[
            "scale · (W · z + b) = (scale · W) · z + scale · b.",
            "`new = copy.deepcopy(block)`, then `new.up.weight.data *= …`, and the bias likewise.",
        ],
        solution=answers.fold,
        explanation="So a scale gives a network nothing new to compute. It changes how training begins, and how far a step goes.",
        check_answer=answers.check_fold,
    ),
}  # fmt: skip

exercises = {
    "params": Exercise(
        title="what the 1 × 1 costs",
        difficulty=1,
        task="""
        Block B of Inception-ResNet-v2 works on 1,088 channels. Its two branches output 192 channels each. How many parameters does the 1 × 1 convolution after the
        concatenation have, with its biases?
        """,
        hints=["How many channels arrive at it? How many must leave it, so that x can be added?", "Each output has one weight for each input, and one bias."],
        solution=answers.my_params,
        asks_value=True,
        explanation="The addition itself costs no parameters; making the shapes agree does.",
        check_answer=number_check(
            418_880,
            traps={417_792: "the 1,088 biases are missing.",
                   209_984: "both branches arrive at it: 192 + 192 channels.",
                   1_184_832: "the branches output 384 channels together, not 1,088.",
                   418_176: "there is a bias for each output, and the outputs are 1,088."},
            unit="parameters",
        ),
    ),
    "sides": Exercise(
        title="no padding",
        difficulty=2,
        task="""
        Write `sides(side)`: for a square image, the side of Inception-v4's feature map after the stem, after reduction A and after reduction B, as a tuple. The
        stem has a 3 × 3 with stride 2, a 3 × 3 with stride 1, a padded 3 × 3 with stride 1, a 3 × 3 with stride 2, a 3 × 3 with stride 1, and a 3 × 3 with stride 2. All
        but the third have no padding. Each reduction is a 3 × 3 with stride 2, without padding.
        """,
        hints=[
            "How many windows of 3 pixels fit into `side` pixels, two pixels apart? And one pixel apart?",
            "Write a function for one halving first, and apply it five times: three in the stem, one in each reduction.",
        ],
        solution=answers.sides,
        explanation="35, 17, 8: the unusual sizes of the Inception papers come from windows that must fit without padding. In the figures a V, for *valid*, marks them.",
        check_answer=answers.check_sides,
    ),
    "deviation": Exercise(
        title="how a sum grows",
        difficulty=2,
        task="""
        The values that enter a row of blocks have variance 1. Each block adds scale · F(x); F(x) has variance 1 and is independent of x. Ignore the ReLU. Write
        `deviation(blocks, scale)`: the standard deviation after the last block.
        """,
        hints=["Variances of independent terms add up.", "A factor in front of F multiplies its standard deviation. What does it do to the variance?"],
        solution=answers.deviation,
        explanation="It grows with the root of the depth, because batch normalization inside F keeps F's size whatever x is.",
        check_answer=answers.check_deviation,
    ),
    "same_steps": Exercise(
        title="make folded follow",
        difficulty=3,
        task="""
        Write `same_steps(net, rate, scale)`: parameter groups for `torch.optim.SGD`, a list of `{"params": [...], "lr": ...}`, with which a *folded* network
        makes the same steps as the scaled one does at `rate`, without weight decay. The last layers of its blocks have `.up.` in their names (`net.named_parameters()`).
        """,
        hints=[
            "Two groups: the parameters with `.up.` in their names, and all others, which keep the rate.",
            "Folded, the weight is V = scale · W. How far must V move when W moves by rate · (gradient of W)?",
            "The gradient of W is scale · (gradient of V). So there are two factors.",
        ],
        solution=answers.same_steps,
        explanation="For `up`, a scale of 0.1 is a learning rate 100 times smaller, with SGD and momentum. (With Adam it would be 10 times smaller: Adam ignores the size of a gradient. Weight decay, which is small here, would have to change, too.)",
        check_answer=answers.check_same_steps,
    ),
    "mended": Exercise(
        title="fix the hybrid that hardly learns",
        difficulty=3,
        task="""
        Write `mended(block, x)`: what the colleague's `forward` should return. A block has `branches` (which concatenates), `up` and `scale`.
        """,
        hints=[
            "Look at the standard deviations: in correct blocks they barely change from block to block. Where does it fall first?",
            "Follow x through the colleague's five lines. By what is it multiplied on its way out?",
        ],
        solution=answers.mended,
        explanation="With the sum scaled, x is multiplied by 0.1 in every block, and so is the gradient that goes back through the shortcut: a millionth after the six blocks of one stage, 10⁻¹² after both. Why does the deviation stay at 0.05? x is soon gone; what remains is 0.1 · F(x), and batch normalization keeps F(x) as large as ever.",
        check_answer=answers.check_mended,
    ),
}  # fmt: skip

quiz = [
    Question(
        "You see the name of a new network, “SuperNet-v5, with residual connections”. How do you find out whether it adds feature maps?",
        {
            "From the title of its paper": "The paper of Inception-v4 has *residual connections* in its title, and Inception-v4 has none.",
            "Count the additions in its code or its profile": "Yes. And let the program look at a network that surely has some, so that you know it finds them.",
            "Compare the number of parameters": "An addition has no parameters, so the count cannot show it.",
        },
        "Count the additions in its code or its profile",
    ),
    Question(
        "Which networks may you compare to learn what the addition does to training?",
        {
            "Inception-ResNet-v2 and Inception-v3, both as published": "They differ in depth, width and cost as well.",
            "The same layers with and without it, and an Inception of equal cost, each at its own best learning rate": "Yes: two "
            "controls, and none is hurt by a rate that was chosen for another network.",
            "The same layers with and without it, both at one learning rate": "A rate chosen for one network can hurt the other. How much depends on the rate: in our runs the loss without additions "
            "was 15 times as high at a common rate of 0.002, 6 times with each network at its own best.",
        },
        "The same layers with and without it, and an Inception of equal cost, each at its own best learning rate",
    ),
    Question(
        "What did the runs of section 4 show about shortcuts in Inception-like networks, on small digits?",
        {
            "With three blocks a stage the training loss falls faster; the test accuracy ends about the same": "Yes, with three seeds. The paper's large networks also reached a given validation error in fewer epochs than an Inception; ours did not.",
            "They are needed to train at all": "All controls reach 98 % and more. The paper's authors write that their findings “do not seem to support” "
            "the view that residual connections are necessary, “at least for image recognition”.",
            "They lower the test error clearly": "The means differ by less than a point, with three seeds.",
        },
        "With three blocks a stage the training loss falls faster; the test accuracy ends about the same",
    ),
    Question(
        "Why does each block end in a 1 × 1 convolution without activation?",
        {
            "To make the block cheaper": "It is an extra layer. The branches are narrow, which saves work; this layer pays for it.",
            "To give F(x) the shape of x, and let it be negative": "Yes: a sum needs equal shapes, and after a ReLU a block could only add, never take away.",
            "Because batch normalization cannot follow a 1 × 1": "It can: all other 1 × 1 convolutions of the network are followed by it.",
        },
        "To give F(x) the shape of x, and let it be negative",
    ),
    Question(
        "A friend writes `x = scale * (x + F(x))` with scale 0.1. How much of x itself is left after block 20?",
        {
            "all of it": "Only if F alone is scaled: x + scale · F(x).",
            "a tenth of it": "After one block. There are 20.",
            "10⁻²⁰ of it": "Yes: each block multiplies by 0.1, and 0.1²⁰ = 10⁻²⁰. The shortcut is still drawn, and it carries nothing.",
        },
        "10⁻²⁰ of it",
    ),
    Question(
        "The last feature map of your new wide hybrid is 96 % zeros after twenty steps. What does this number tell you?",
        {
            "The scale is missing": "Perhaps. At rate 0.5, width 32, 96 % was also measured with a scale of 0.1.",
            "The scale is missing, or the steps are too large": "Yes: the number alone cannot tell which. Change one of them and film again.",
            "The network has died": "In our film 95 % were zeros, and the loss still fell to 0.2 within 100 steps.",
        },
        "The scale is missing, or the steps are too large",
    ),
]
