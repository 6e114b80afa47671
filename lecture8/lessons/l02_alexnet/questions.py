"""02 AlexNet: predictions, builds, exercises, quiz."""

from lecture8.lessons.l02_alexnet.answers import (
    LRN, Dropout, accuracy, check_accuracy, check_days, check_dropout, check_lrn, check_random_crops, check_stage,
    check_step, my_bytes, my_days, my_params, my_step, random_crops, stage,
)  # fmt: skip
from lecture8.teaching import Build, Exercise, Prediction, Question, number_check

predictions = {
    "where": Prediction(
        "Five convolutions, three fully connected layers. Where are most of AlexNet's parameters, and where is most of its work "
        "(multiply-adds)?",
        {
            "both in the convolutions": "There are five of them, but their kernels are small. conv1 has 96 kernels of 11 × 11 × 3, "
            "35 thousand parameters. fc6 connects 9,216 values to 4,096, 38 million parameters.",
            "parameters in the fully connected layers, work in the convolutions": "A weight of a fully connected layer is used once "
            "per image. A weight of conv1 is used at 55 × 55 = 3,025 places.",
            "both in the fully connected layers": "Many parameters do not mean much work. Work also depends on how often each "
            "parameter is used, and fc6 uses each of its weights once per image.",
        },
    ),
    "crossing": Prediction(
        "Two GPUs share the work on one image. As 3 × 227 × 227 numbers of 4 bytes it has 618,348 bytes. conv2, conv4 and conv5 see "
        "only what their own GPU computed; conv3 and the three fully connected layers see both halves. How many bytes cross from one GPU to the other, in both directions together, before the network has its answer?",
        {
            "about ten times the image": "Even if the halves exchanged everything after every convolution, before pooling, it would be "
            "about four times the image.",
            "about as many as the image has": "That is the right order if the halves met before conv2, too. They do not: conv2 gets "
            "only what its own GPU computed.",
            "less than half of the image": "The halves meet in four places only. All four come after the second pooling layer, where few values are left to send.",
        },
    ),
    "flip": Prediction(
        "AlexNet was trained on random crops and mirror images of photographs. You have a few images like those you just saw. Which "
        "of the two helps on NEW images? (Crops are judged off center, mirror images in the middle.)",
        {
            "both help": "More images of any kind are not the point. A new version helps if a new image could look like it and its "
            "label is still right.",
            "crops help, mirror images hurt": "Crops were judged off center, mirror images in the middle. A shifted 2 is still a 2. A "
            "mirrored 2 is not a digit that anybody writes: half of what the network trains on looks like nothing in the test.",
            "mirror images help, crops hurt": "A shift leaves a digit what it is. Mirroring does not.",
            "neither helps": "That would be so if the network already knew that a shift does not change the label. A small training set "
            "does not teach that.",
        },
    ),
    "images": Prediction(
        "Networks are trained on 100, 200, 400, 800 and 1,297 digits, with equally many steps. With more images each one is seen less "
        "often. What happens to the error on NEW images?",
        {
            "it falls, down to less than half": "Seeing an image again teaches less than seeing a new one. With 100 images each is seen "
            "416 times, enough to memorize them.",
            "it hardly changes": "That would be so if a hundred digits showed all that there is to know about digits. People write in "
            "more ways than that.",
            "it rises": "Each image is seen less often, and the training error may well be higher. But new images are what counts.",
        },
    ),
    "deep": Prediction(
        "20 layers without normalization, each side at its own best learning rate. Which has the lowest training error after five "
        "epochs?",
        {
            "ReLU, He": "That is what the argument about slopes predicts, and what the paper's Figure 1 shows for four layers on "
            "CIFAR-10. Here ReLU is the slowest of the three.",
            "tanh, Glorot": "These initial weights were made for tanh, and it is ahead of ReLU here. But larger ones do better.",
            "tanh, He": "He's initial weights are larger, and with them tanh is by far the fastest. Here both choices matter: the activation, with "
            "He's weights, and the initial weights, with tanh.",
        },
    ),
    "norm": Prediction(
        "The same small AlexNet three times: without normalization, with local response normalization, with batch normalization. Same "
        "learning rate, few epochs. Which has learned most?",
        {
            "local response": "The paper reports that it lowers the top-1 error by 1.4 points, on ImageNet. That does not mean that it "
            "speeds up learning here.",
            "batch": "Each channel is brought to mean 0 and standard deviation 1 in every batch. It has the lowest error at this rate, with "
            "this seed. One likely reason: what the next layers receive keeps its scale. That was not tested.",
            "no normalization is ahead of both": "Normalization adds nothing that a network could not compute. It changes how fast training finds it.",
        },
    ),
    "longer": Prediction(
        "40 epochs instead of 6, each side at its own best learning rate. With batch normalization the test error is then, compared with "
        "none, …",
        {
            "still several points ahead": "That would be a better network. What the first epochs showed was a lead in time: the others "
            "catch up.",
            "no longer ahead": "All three end near one or two percent. One point is three of the 300 test images, too few to "
            "rank them. Batch normalization needed fewer epochs to get there.",
            "several points behind": "Its noise, a mean and a standard deviation of 64 images, may cost a little. Nothing of that size shows "
            "here.",
        },
    ),
    "dropout": Prediction(
        "Dropout 0.5 after fc6 and fc7, everything else unchanged, as many epochs. Compared with no dropout, the loss on the TRAINING "
        "images is …, the loss on NEW images is …",
        {
            "lower, lower": "The network cannot rely on any single unit, so it fits the training images less closely, not more.",
            "higher, lower": "It fits the training images less closely, and the loss on new ones is lower. The "
            "second is what dropout is for; a smaller gap alone would prove nothing.",
            "lower, higher": "That would be the opposite of what it does: it makes the training images harder to fit.",
            "higher, higher": "This happens if a network has too little capacity, or too little time. Then dropout only makes it worse.",
        },
    ),
}

builds = {
    "stage": Build(
        title="one stage of AlexNet",
        difficulty=1,
        task="""
        Write `stage`, with PyTorch's own layers: a convolution with these settings, then ReLU, then the layer `norm` if one is given,
        then max pooling of 3 × 3 with stride 2 if `pool` is True. Return them as one `nn.Sequential`.
        """,
        hints=[
            "The convolution is `nn.Conv2d(c_in, c_out, kernel, stride, padding, groups=groups)`.",
            "The pooling layer is `nn.MaxPool2d(3, stride=2)`; `norm` is a layer already, so append it as it is.",
        ],
        solution=stage,
        explanation="The stride is smaller than the window, so neighboring windows overlap by one row of values.",
        check_answer=check_stage,
        input_shape=lambda c_in, *_, **__: (c_in, 35, 35),
    ),
    "random_crops": Build(
        title="random crops",
        difficulty=2,
        task="""
        Write `random_crops(images, side, generator)`: from each image of N × C × H × H one crop of side × side, at a place of its own.
        The top left corner is drawn uniformly from all places at which the crop fits. Only `corners` is missing: a tensor of N × 2
        whole numbers, drawn with `generator`.
        """,
        hints=[
            "`torch.randint(low, high, (len(images), 2), generator=generator)` draws whole numbers below `high`.",
            "The largest shift is `most`, and it should occur: how large must `high` be?",
        ],
        solution=random_crops,
        explanation="From 0 to `most` there are `most` + 1 shifts, and `torch.randint` leaves out its upper end.",
        check_answer=check_random_crops,
    ),
    "lrn": Build(
        title="local response normalization by hand",
        difficulty=2,
        task="""
        Write the formula above as a layer. A layer of your own is a class made from `nn.Module`; when the network runs, PyTorch calls
        its `forward`. Only `total` is missing: for every channel the sum of five squares, its own and those of two
        channels on each side. `squares` has two channels of zeros before the first and two after the last.
        """,
        hints=[
            "`squares[:, 0 : channels]` is the square two channels before, for all channels at once.",
            "`squares[:, i : i + channels]` for i = 0, 1, 2, 3, 4 are the five terms.",
        ],
        solution=LRN,
        explanation="`nn.LocalResponseNorm` divides the sum by 5, so its alpha must be 5e-4 for the paper's 1e-4.",
        check_answer=check_lrn,
    ),
    "dropout": Build(
        title="dropout by hand",
        difficulty=2,
        task="""
        Write dropout as a layer. `self` is the layer itself: `self.p` is what `__init__` has stored, and PyTorch sets `self.training`.
        In training each value is set to 0 with probability p, independently, and what stays is multiplied by
        1 / (1 - p), so that the mean stays the same. In evaluation the input is returned unchanged.
        """,
        hints=[
            "`torch.rand_like(x)` has the shape of x and numbers uniform from 0 to 1.",
            "`kept = torch.rand_like(x) >= self.p`, and a tensor times `kept` is 0 where `kept` is False.",
        ],
        solution=Dropout,
        explanation="The paper scales at test time instead: it multiplies all outputs by 0.5. The means agree; this way leaves the test alone.",
        check_answer=check_dropout,
    ),
}  # fmt: skip


exercises = {
    "conv2": Exercise(
        title="conv2 in two groups",
        difficulty=1,
        task="""
        conv2 has 256 kernels of 5 × 5, each with a bias, and its input has 96 channels. It works in two groups: each kernel sees only
        48 of the channels. How many parameters does conv2 have?
        """,
        hints=["Each kernel has 5 × 5 × 48 weights.", "256 kernels, and 256 biases."],
        solution=my_params,
        asks_value=True,
        explanation="Half as many weights as if every kernel saw all 96 channels (614,400), and half as many multiply-adds.",
        check_answer=number_check(
            307_456,
            traps={614_656: "this is what it would have if every kernel saw all 96 channels.",
                   307_200: "the biases are missing.",
                   153_728: "that is one group; the other has as many."},
            unit="parameters",
        ),
    ),
    "crossing": Exercise(
        title="if conv2 saw both halves",
        difficulty=2,
        task="""
        Suppose conv2 saw the kernels of both GPUs. How many more bytes would cross for one image, in both directions together? (What
        conv2 receives has passed through normalization and pooling: 48 × 27 × 27 on each GPU. A number has 4 bytes.)
        """,
        hints=["Each GPU sends all its values to the other.", "2 GPUs, 48 × 27 × 27 values, 4 bytes."],
        solution=my_bytes,
        asks_value=True,
        explanation="More than all four exchanges that the network has (234,496 bytes). Early feature maps are large. This is "
        "a good reason to let conv2 see its own half only, and conv3, after the second pooling layer, both.",
        check_answer=number_check(
            279_936,
            traps={139_968: "that is one direction; the other GPU sends as many.",
                   69_984: "those are the values of both GPUs; each has 4 bytes.",
                   34_992: "those are the values of one GPU.",
                   1_161_600: "that is conv1's output before pooling, 55 × 55."},
            unit="bytes",
        ),
    ),
    "days": Exercise(
        title="how long did it take?",
        difficulty=2,
        task="""
        One forward pass of one image takes 724,406,816 multiply-adds, each of them two operations. Backpropagation takes about
        twice as many as the forward pass. The authors trained on 1,200,000 images, about 90 times each. How many days does that take at
        1 TFLOP/s, 10¹² operations per second? (A GTX 580 can do 1.58 TFLOP/s at most, and reaches a part of it.)
        """,
        hints=[
            "Forward and backward together are three forward passes.",
            "`2 * 3 * 724_406_816 * 1_200_000 * 90` operations; a day has 86,400 seconds.",
        ],
        solution=my_days,
        asks_value=True,
        explanation="About five and a half days, and the paper reports five to six on two GPUs. So each GPU reached about half a TFLOP/s.",
        check_answer=check_days,
    ),
    "step": Exercise(
        title="one step of the paper's recipe",
        difficulty=2,
        task="""
        Write `my_step(w, v, gradient, lr)`, section 5 of the paper: v becomes 0.9 · v - 0.0005 · lr · w - lr · gradient, then w
        becomes w + v. Return both, (w, v).
        """,
        hints=["Compute the new v first, with the old w.", "`return w + v, v`"],
        solution=my_step,
        explanation="`torch.optim.SGD(momentum=0.9, weight_decay=5e-4)` keeps v without the learning rate and multiplies by it last. "
        "With a constant rate that is the same. Right after a drop PyTorch's next steps are ten times shorter, the paper's shrink only gradually.",
        check_answer=check_step,
    ),
    "accuracy": Exercise(
        title="fix the evaluation",
        difficulty=3,
        task="""
        `reported` should return the share of all images that the network classifies correctly. It has two mistakes. Write `accuracy`,
        which has none, and which leaves the network in the mode in which it was.
        """,
        hints=[
            "What does dropout do while `accuracy` runs? The check of your own layer had a case for it.",
            "The last batch is smaller than the others. How much should it count?",
            "`was = net.training`, then `net.eval()` before the loop and `net.train(was)` after it; divide the hits by the number of images.",
        ],
        solution=accuracy,
        explanation="A mean of batch accuracies is the accuracy only if all batches have the same size.",
        check_answer=check_accuracy,
    ),
}  # fmt: skip

quiz = [
    Question(
        "You replace the 4,096 units of fc6 and fc7 by 2,048. What do you save?",
        {
            "About half the parameters, but almost none of the work": "Yes: 61.0 million become 27.5 million. Nearly all parameters are in "
            "these layers, and less than a tenth of the multiply-adds.",
            "About half the parameters and half the work": "The parameters, yes. But 92 % of the multiply-adds are in the convolutions, "
            "which have not changed.",
            "Almost no parameters, and half the work": "It is the other way round: a weight of fc6 is used once per image, a weight of "
            "conv1 3,025 times.",
        },
        "About half the parameters, but almost none of the work",
    ),
    Question(
        "Your AlexNet fails at fc6 on images of 224 × 224: 'mat1 and mat2 shapes cannot be multiplied (1x6400 and 9216x4096)'. Which "
        "change lets it run as the paper's network does?",
        {
            "Give conv1 a padding of 2": "Yes: then conv1 has 55 × 55 outputs instead of 54 × 54, and after three pooling layers "
            "6 × 6 × 256 = 9,216 values are left.",
            "Give fc6 6,400 inputs": "It would run, but with 5 × 5 values per channel: another network, with 11.5 million "
            "parameters fewer.",
            "Leave out the last pooling layer": "Then fc6 would receive 12 × 12 × 256 values, four times too many.",
        },
        "Give conv1 a padding of 2",
    ),
    Question(
        "A report says: 'At learning rate 0.001, network A needs 3 epochs to reach 25 % training error, network B needs 6. So A learns twice as fast.' What is "
        "missing?",
        {
            "Each at its own best learning rate": "Yes. 0.001 may suit A and be far too small for B. Give each its own rate, chosen "
            "with other seeds than those that measure.",
            "More epochs": "Both have reached the goal already. Training longer changes nothing about when they did.",
            "The accuracy on test images": "The claim is about how fast they learn. The test images would answer another question.",
        },
        "Each at its own best learning rate",
    ),
    Question(
        "A network with dropout has 80 % accuracy on its training images, measured while learning, and 90 % on new images. What do you do "
        "first?",
        {
            "Evaluate the training images in evaluation mode": "Yes: while learning, half of its units were switched off, and the weights "
            "were still changing. Compare both sides in the same mode.",
            "Look for test images among the training images": "Worth a check, but a leak would raise both numbers. There is a simpler "
            "reason to rule out first.",
            "Use less dropout, since it underfits": "You cannot tell yet: the two numbers were measured in different modes.",
        },
        "Evaluate the training images in evaluation mode",
    ),
    Question(
        "After 6 epochs a network with a new layer has 98 %, without it 92 %. After 40 epochs both have 99 %. What did the layer do?",
        {
            "It made training faster": "Yes. That is worth a lot, if epochs are expensive. That is not the same as a better "
            "network in the end.",
            "It made the network better by 6 points": "Only if training had to end after 6 epochs. A gap that closes is a gap in speed.",
            "Nothing, since both end at 99 %": "It saved many epochs on the way. On ImageNet that can be days.",
        },
        "It made training faster",
    ),
]
