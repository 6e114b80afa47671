"""05 GoogLeNet: predictions, builds, exercises, quiz."""

from lecture8.lessons.l05_googlenet import answers
from lecture8.teaching import Build, Exercise, Prediction, Question

predictions = {
    "channels": Prediction(
        "256 channels of 28 × 28 go into the module with 128 kernels of 1 × 1, 192 of 3 × 3 and 96 of 5 × 5, and max pooling. How many "
        "channels come out?",
        {
            "256": "That would be right if the four outputs were added. They are concatenated.",
            "416": "128 + 192 + 96. But pooling is a branch, too, and outputs all 256 channels that it gets.",
            "672": "128 + 192 + 96 + 256. Pooling cannot change the number of channels, so the module always outputs more than it gets.",
        },
    ),
    "cost": Prediction(
        "Now a 1 × 1 convolution to 64 channels comes before each large kernel, and one after the pooling. The module has three layers "
        "more. How much of the 854 million multiply-adds is left?",
        {
            "more than 854 million": "Three layers more, and still far fewer multiply-adds: each large kernel now gets 64 channels instead of 256.",
            "about half": "Each large kernel costs a quarter of what it did. The four 1 × 1 convolutions cost little.",
            "about a third": "Each large kernel gets 64 channels instead of 256, so it costs a quarter. The 1 × 1 convolutions add back a little.",
            "about a tenth": "Each large kernel costs a quarter of what it did, not less, and the 1 × 1 convolutions cost something, too.",
        },
    ),
    "average": Prediction(
        "Leave out the average: connect all 7 × 7 × 1,024 values of the last feature map to the 1,000 classes. Which grows by the larger factor?",
        {
            "the parameters": "A fully connected layer uses each of its weights once per image. A convolution uses each weight at every pixel. "
            "So a fully connected layer adds many parameters and little compute.",
            "the compute": "Each weight of a linear layer is used once per image, each weight of a convolution at every pixel. So the linear "
            "layer's part of the compute is small.",
            "both by about the same factor": "The factors would be equal if each weight were used equally often. A convolution uses its weights at every pixel.",
        },
    ),
    "neighbors": Prediction(
        "The six-module network looks at a photograph in TRAINING mode, twelve times, each time in a batch with nine neighbors. They are drawn at "
        "random from the other nine photographs (one may come twice). The probability of the class that the network chooses in evaluation mode …",
        {
            "stays the same": "The photograph's own pixels are the same. But its channels are normalized with the mean and variance of the "
            "whole batch, and the other nine are in it.",
            "changes by at most 5 points": "The other nine have a larger say: nine tenths of the values in each mean and variance are theirs.",
            "changes by more than 5 points": "In training mode the batch's mean and variance are used. Nine tenths of these values come from the neighbors.",
        },
    ),
    "fade": Prediction(
        "GoogLeNet without batch normalization and heads, with Glorot's initial weights and biases 0. Compare the gradient (RMS) at "
        "pool 1 (after conv1, its pooling layer and LRN) with that at 5b, the last module. At pool 1 it is …",
        {
            "smaller, by more than a factor of ten": "Glorot's variance does not make up for the half that ReLU sets to 0. Pooling layers and LRN "
            "shrink the gradient further. This is what the authors feared in 2014.",
            "about as large, within a factor of ten": "A good initialization would keep it level. Glorot's was derived for layers without ReLU, which sets half of the values to 0.",
            "larger, by more than a factor of ten": "This happens, too, in other networks: you will see it below.",
        },
    ),
    "heads": Prediction(
        "The small GoogLeNet with Glorot's initial weights is trained on 960 digits for 30 epochs at the rate 0.002, with and without heads (three seeds "
        "each, 300 test images). With heads the mean test accuracy is …",
        {
            "higher": "Then the larger gradient would have paid off. In these runs no gain is visible.",
            "no different, as far as three seeds can show": "The mean is 1.6 points lower with heads, and the seeds of the two kinds overlap. So "
            "neither a gain nor a loss is shown.",
            "lower": "The mean is 1.6 points lower, but the seeds of the two kinds overlap, and a point is three test images. "
            "That is not enough to say that heads do harm.",
        },
    ),
    "which": Prediction(
        "The colleague changed two things: Glorot's initial weights became He's, and batch normalization came in. Run each change "
        "alone, for as many epochs. Which one alone brings more than half of the gain in accuracy?",
        {
            "only batch normalization": "This is what the colleague's report says. The missing arm decides: the same network, no batch normalization, other initial weights.",
            "only the initial weights": "Then batch normalization with Glorot's weights would be as slow as without.",
            "each of the two": "Either change alone brings more than half of the gain. So “it was batch normalization” was not shown by the first "
            "pair of runs: they differed in two things.",
            "neither, only both together": "Then the two would need each other. Here each brings more than half of the gain without the other.",
        },
    ),
}  # fmt: skip


def average_one(params: float, macs: float) -> str:
    """The option of "average" that was measured; params, macs: the factors by which they grow."""
    return predictions["average"].option(0 if params > 2 * macs else 1 + (params > macs / 2))


def neighbors_one(ranges: list[float]) -> str:
    """The option of "neighbors" that was measured; ranges: highest minus lowest probability of each photograph."""
    middle = sorted(ranges)[len(ranges) // 2]
    return predictions["neighbors"].option((middle > 0.01) + (middle > 5))


def fade_one(fades: list[float]) -> str:
    """The option of "fade" that was measured; fades: gradient at 5b / at pool 1, for each seed."""
    return predictions["fade"].option(0 if min(fades) > 10 else 1 if min(fades) > 0.1 else 2)


def heads_one(errors: dict[str, list[float]]) -> str:
    """The option of "heads" that was measured; errors: of the seeds without heads, and with heads."""
    without, heads = errors.values()
    return predictions["heads"].option(
        0 if max(heads) < min(without) else 2 if min(heads) > max(without) else 1
    )


def which_one(accuracy: dict[tuple[str, str], float]) -> str:
    """The option of "which" that was measured: accuracy in percent by (initial weights, normalization)."""
    start = accuracy["Glorot", "no batch norm"]
    half = start + (accuracy["He", "batch norm"] - start) / 2
    norm, weights = (
        accuracy["Glorot", "batch norm"] > half,
        accuracy["He", "no batch norm"] > half,
    )
    return predictions["which"].option(
        {(True, False): 0, (False, True): 1, (True, True): 2}.get((norm, weights), 3)
    )


builds = {
    "naive": Build(
        title="the naive inception module",
        difficulty=1,
        task="""
        Complete `Naive(c_in, one, three, five)` with PyTorch's own layers: three convolutions of 1 × 1, 3 × 3 and 5 × 5, each with a ReLU and with
        `one`, `three` and `five` kernels. All keep height and width. `forward` gives `x` to all four branches and
        concatenates what they return along the channels, in this order.
        """,
        hints=[
            "A 3 × 3 convolution keeps the size with `padding=1`. What does a 5 × 5 need?",
            "Every branch gets the same `x`, with `c_in` channels.",
            "`torch.cat([...], 1)` joins tensors along axis 1, the channels.",
        ],
        solution=answers.Naive,
        explanation="The branches do not come one after another. They all work on the same input.",
        check_answer=answers.check_naive,
        input_shape=lambda c_in, *_, **__: (c_in, 8, 8),
    ),
    "inception": Build(
        title="the inception module",
        difficulty=2,
        task="""
        Complete `Inception`. A 1 × 1 convolution to `reduce3` channels comes before the 3 × 3, one to `reduce5` before the 5 × 5, and one to `pool`
        after the max pooling. `layer(c_in, c_out, kernel)` makes each convolution with its ReLU (by default `conv_relu`). The third
        branch has kernels of size `kernel5`, which is 5 here. (The published weights of section 9 need 3.)
        """,
        hints=[
            "The 3 × 3 sees what the reduction outputs: `layer(reduce3, three, 3)`.",
            "Max pooling does not change the channels: `layer(c_in, pool, 1)` follows it.",
            "`forward` is that of `Naive`.",
        ],
        solution=answers.Inception,
        explanation="Use `layer` and `kernel5`, not `conv_relu` and 5: section 7 gives your class another kind of layer.",
        check_answer=answers.check_inception,
        input_shape=lambda c_in, *_, **__: (c_in, 8, 8),
    ),
    "googlenet": Build(
        title="GoogLeNet from its table",
        difficulty=2,
        task="""
        Complete `googlenet`: for each row of the table one `module(channels in, six widths)`. Then say how many channels the next one
        gets. (`divide` makes all widths smaller: with 8 you get a network for digits.)
        """,
        hints=[
            "`module(channels, *widths)` hands over all six.",
            "Which four of the six widths belong to a branch's last convolution? Their sum comes out.",
            "The linear layer gets `channels` values, those after 5b.",
        ],
        solution=answers.googlenet,
        explanation="reduce3 and reduce5 stay inside the module: the next one gets one + three + five + pool channels.",
        check_answer=answers.check_googlenet,
        input_shape=lambda stem, *_, **__: (_first_channels(stem), 64, 64),
    ),
    "batch_norm": Build(
        title="batch normalization",
        difficulty=3,
        task="""
        Complete `forward` of `BatchNorm2d`. In training: take the mean and the variance (with 1/m) of each channel, over images, height and
        width, and move the running ones: new = old + `self.momentum` · (batch - old). The running variance is fed with the unbiased variance,
        var · m / (m - 1). In evaluation: use the running ones. Then normalize, times γ (`self.weight`), plus β (`self.bias`).
        """,
        hints=[
            "`x.mean((0, 2, 3))` is one number per channel; `x.var((0, 2, 3), correction=0)` is the variance with 1/m.",
            "`self.running_mean += self.momentum * (mean - self.running_mean)`, and the same for the variance, with `var * m / (m - 1)`.",
            "`mean[:, None, None]` has the shape channels × 1 × 1, so that it fits images × channels × height × width.",
            "Add `self.eps` to the variance, and take the square root.",
        ],
        solution=answers.BatchNorm2d,
        explanation="Keep the gradients of `mean` and `var`: an output depends on the pixels through them, too.",
        check_answer=answers.check_batch_norm,
    ),
}  # fmt: skip


def _first_channels(stem) -> int:
    """The channels that a stem takes."""
    return next(p for p in stem.parameters() if p.dim() == 4).shape[1]


exercises = {
    "one_by_one": Exercise(
        title="a 1 × 1 convolution without a convolution",
        difficulty=1,
        task="""
        Write `one_by_one(x, weight, bias)` for x of shape N × C × H × W, weight c_out × C and bias c_out. It returns what a 1 × 1
        convolution returns, N × c_out × H × W. Do not use a convolution: it is a linear layer at each pixel.
        """,
        hints=[
            "`nn.functional.linear(x, weight, bias)` works on the last axis of `x`. Which axis has the channels?",
            "`x.movedim(1, -1)` moves axis 1 to the end. The result needs the way back.",
        ],
        solution=answers.one_by_one,
        explanation="Or `torch.einsum('nchw,oc->nohw', x, weight) + bias[:, None, None]`. No pixel sees its neighbor.",
        check_answer=answers.check_one_by_one,
    ),
    "design": Exercise(
        title="a module on a budget",
        difficulty=2,
        task="""
        256 channels of 28 × 28 go in. Choose six widths, in the order (1 × 1, 3 × 3 reduce, 3 × 3, 5 × 5 reduce, 5 × 5, pool projection), so that exactly
        480 channels come out for at most 180 million multiply-adds. The 3 × 3 keeps at least 128 channels, the 5 × 5 at least 64, and
        no reduction goes below 32. (Biases are not counted.)
        """,
        hints=[
            "Per pixel, a k × k convolution costs k² · channels in · channels out; there are 784 pixels.",
            "Start from the example, (128, 64, 192, 64, 96, 64) with 271 million. Which of its six convolutions is the most expensive?",
            "An output channel of the 1 × 1 branch costs 256 per pixel. What does one of the 5 × 5 cost, after a reduction to 64?",
        ],
        solution=answers.my_design,
        asks_value=True,
        explanation="166 million. Many designs fit: moving channels from the 5 × 5 to the 1 × 1 branch and reducing further both save much.",
        check_answer=answers.check_design,
    ),
    "rate": Exercise(
        title="4 % less every eight epochs",
        difficulty=2,
        task="""
        Write `rate(start, epoch)`: the learning rate in epoch 0, 1, 2 … when it starts at `start` and is reduced by 4 % after every
        eight epochs. What is the first epoch in which it is at most half of `start`?
        """,
        hints=["The rate falls in steps: epochs 0 to 7 have the same one.", "How many steps have been taken before an epoch? After n of them 0.96ⁿ is left."],
        solution=answers.rate,
        explanation="Epoch 136 is the first with at most half of `start`. `StepLR(optimizer, step_size=8, gamma=0.96)` does the same.",
        check_answer=answers.check_rate,
    ),
    "break_even": Exercise(
        title="when does a reduction pay?",
        difficulty=3,
        task="""
        A k × k convolution from c_in to c_out channels can get a 1 × 1 reduction to r channels before it. Write
        `largest_reduction(c_in, c_out, kernel)`: the largest whole r with which the two together need *fewer* multiply-adds than
        the direct convolution.
        """,
        hints=[
            "Write down the cost per pixel: directly, and with the reduction.",
            "Solve r · (c_in + k² · c_out) < k² · c_in · c_out for r.",
            "Fewer, not equally many: what if the division leaves no remainder?",
        ],
        solution=answers.largest_reduction,
        explanation="For 256 → 192 and 3 × 3 it is 222, for 256 → 96 and 5 × 5 it is 231. GoogLeNet's own reductions are far below.",
        check_answer=answers.check_break_even,
    ),
    "mend": Exercise(
        title="fix the evaluation, without training",
        difficulty=3,
        task="""
        Write `mend(net, batches)`. It recomputes the running statistics from `batches` without changing a weight, and returns the network
        in evaluation mode. `batches` gives (images, labels) of the training set. The layers are `nn.BatchNorm2d`.
        """,
        hints=[
            "Print `broken`, and the running statistics of one of its layers. What did training do to them?",
            "Which mode updates the running statistics? Does it need a gradient?",
            "The documentation of `nn.BatchNorm2d` names a momentum that takes the plain mean over all batches. What must be forgotten first?",
        ],
        solution=answers.mend,
        explanation="PyTorch has this as `torch.optim.swa_utils.update_bn`. It is also needed after averaging the weights of several networks.",
        check_answer=answers.check_mend,
    ),
}  # fmt: skip

quiz = [
    Question(
        "You add a 1 × 1 convolution from 512 to 512 channels before a 3 × 3 convolution. What happens to the multiply-adds?",
        {
            "They rise": "Yes. It is the reduction that saves, not the 1 × 1 itself: here the 3 × 3 still gets 512 channels.",
            "They fall to about a third": "They would if the 1 × 1 reduced the channels. Here it outputs as many as it gets.",
            "They stay the same": "The 1 × 1 costs 512 · 512 multiply-adds per pixel.",
        },
        "They rise",
    ),
    Question(
        "Your network must fit into 10 MB (2.5 million parameters). Its modules have 1 million. Then a fully connected layer connects 7 × 7 × 1,024 "
        "values to 1,000 classes. What do you try first?",
        {
            "Average each channel before the linear layer": "Yes. That layer's parameters fall to 1/49, and images of other sizes fit, too. Then train again.",
            "1 × 1 reductions in the modules": "They save compute and some parameters, but 50 million are in the last layer.",
            "Batch normalization": "It adds two parameters per channel, and removes none.",
        },
        "Average each channel before the linear layer",
    ),
    Question(
        "A convolution is followed by batch normalization. What does the convolution's bias do?",
        {
            "Nothing": "Yes. It shifts the channel's mean, and the mean is subtracted. β is the bias that works.",
            "It sets the mean of the output": "The mean of the output is β, whatever the bias was.",
            "It acts in evaluation mode only": "The running mean contains the bias as well, and is subtracted.",
        },
        "Nothing",
    ),
    Question(
        "A web service gets one photograph at a time. The network has batch normalization, and somebody left it in training mode. What do you expect?",
        {
            "Answers unlike those of the test": "Yes. Each photograph is normalized with its own mean and variance, not with those of the training images.",
            "The same answers, only slower": "In training mode the batch's statistics are used, and the batch is one photograph.",
            "An error message": "PyTorch refuses only feature maps of one pixel, where the batch of one leaves a single value per channel.",
        },
        "Answers unlike those of the test",
    ),
    Question(
        "A report says: 'We switched to optimizer B and doubled the learning rate. The error fell by 3 points, so B is better.' What is missing?",
        {
            "Optimizer A with the doubled rate, and B with the old one": "Yes. Two things changed. With both controls you see what each does alone.",
            "More epochs": "They would show whether the gain lasts, not where it comes from.",
            "A larger test set": "It makes the 3 points more certain. The reason stays open.",
        },
        "Optimizer A with the doubled rate, and B with the old one",
    ),
]
