"""03 ZFNet: predictions, builds, exercises, quiz."""

from lecture8.lessons.l03_zfnet import answers
from lecture8.teaching import Build, Exercise, Prediction, Question, number_check

predictions = {
    "work": Prediction(
        "ZFNet's first kernels have 7 × 7 pixels instead of 11 × 11, so conv1 has fewer parameters. Its stride is 2 instead of 4. "
        "What happens to the work of conv1, in multiply-adds?",
        {
            "it falls, like the parameters": "That would be so at equal stride. But the work is the parameters times the number of "
            "places at which they are used.",
            "it stays about the same": "Then the smaller kernels would just pay for the additional places. There are too many of them.",
            "it grows": "With stride 2 instead of 4 the kernel stops at about four times as many places. That outweighs the smaller "
            "kernel.",
        },
    ),
    "grating": Prediction(
        "14 fine stripes run across the 64 pixels of a row. A convolution with stride 4 makes 16 values of it. What do these 16 values "
        "show?",
        {
            "14 stripes": "16 values cannot hold 14 stripes: each stripe needs at least two values, one bright and one dark.",
            "nothing: the stripes blur into gray": "A blur would do that. A stride does not blur, it skips: each value that is kept is as bright or dark "
            "as before.",
            "2 broad stripes": "From one kept value to the next, 14 stripes move on by 14/16 of a period. That looks the same as "
            "2/16 backward, like the wheel of a car in a film: 16 - 14 = 2 stripes that the image does not have.",
        },
    ),
    "first_layer": Prediction(
        "ZFNet made two changes to the first layer: a kernel of 7 × 7 instead of 11 × 11, and stride 2 instead of 4. We try all four "
        "combinations on cluttered digits. One more thing must change with the stride, or the shapes would differ from conv2 on: after stride 4, "
        "conv2 has stride 1 instead of 2. The control on the right of the figure leaves conv2 alone and takes this step out of the first "
        "pooling layer. Which change lowers the error?",
        {
            "the smaller kernel": "Compare the two kernels at the same stride: with stride 2 they err alike, and with stride 4 the smaller one "
            "errs more.",
            "the smaller stride, about equally with either kernel": "The smaller stride it is. But its gain is not the same for both "
            "kernels: the lines are not parallel.",
            "the smaller stride, more with one kernel than with the other": "With either kernel, stride 2 makes fewer errors than stride 4, "
            "and far fewer with 7 × 7. What one change brings depends on the other: they interact.",
            "each contributes about half": "That is what you would believe if you compared only the old layer with the new one, in which "
            "both were changed at once.",
            "only both together": "Then neither change alone would help. One of them does.",
        },
    ),
    "kept": Prediction(
        "Keep only the tenth of the pixels that a unit's reconstruction marks most strongly, make all others gray, and measure how much of its "
        "response is left. Rivals choose a tenth of what the unit sees in other ways: random pixels; those farthest from gray, such as the "
        "bright strokes of a digit; those with the largest gradient × input (how fast the response changes with a pixel, times the pixel); a "
        "deconvnet without switches, which puts each value back at the first pixel of its window. We test three networks of section 3 (7 × 7, "
        "stride 2), in conv2 and in conv5. What do you expect of the deconvnet in conv5, whose units see the whole image?",
        {
            "no more than with random pixels": "Then any pixel that the unit sees would be as good as any other. Compare the bars.",
            "more than with random pixels, less than with those farthest from gray": "Better than random is a low bar. Just keeping what differs "
            "most from gray, without a look at the network, keeps more. In conv2 it is the other way round.",
            "more than with either": "A reconstruction should know best what its unit uses. That is so in conv2. On the long way down from "
            "conv5 it gets lost.",
        },
    ),
    "unmarked": Prediction(
        "By its test accuracy the network trained with marks is the better one. But its test images have marks, too. Now you test it on "
        "images without marks. What is its accuracy?",
        {
            "about the same as the other network's": "Then it would have learned the digits in addition to the marks. Why should it? Once the "
            "marks give the right answer, there is hardly any error left to learn from.",
            "lower, but well above half": "Then it would have learned the digits half-way. The mark leaves hardly any error to learn "
            "from.",
            "far below half": "Without the mark it is near chance. Its test accuracy could not show it: the test images have the "
            "same marks.",
        },
    ),
    "removal": Prediction(
        "Zeiler and Fergus left layers out of AlexNet and trained it again. Which of these raised the top-5 error on ImageNet most?",
        {
            "leaving out layer 7, with 28 % of the parameters": "It costs least, 0.3 points. The number of parameters does not say how much a layer is "
            "needed.",
            "leaving out layers 3 and 4, with 2.5 % of the parameters": "They have few parameters, and without them the error rises by 4.0 points. Without layer 7 it rises by 0.3.",
            "both about the same": "They differ by more than three points.",
        },
    ),
}  # fmt: skip

builds = {
    "first_stages": Build(
        title="the first two stages",
        difficulty=1,
        task="""
        Write `first_stages(channels, kernel, strides, paddings)` as one `nn.Sequential` of five layers: the first convolution, ReLU, max
        pooling of 3 × 3 with stride 2 and `ceil_mode=True` (the last window may hang over the edge), the second convolution with kernels of 5 × 5, ReLU. `channels` are those of the image, of conv1 and
        of conv2; `strides` and `paddings` are those of the two convolutions.
        """,
        hints=[
            "`nn.Conv2d(channels[0], channels[1], kernel, strides[0], paddings[0])` is the first.",
            "`nn.MaxPool2d(3, 2, ceil_mode=True)` is the third: with it the sizes are ZFNet's.",
        ],
        solution=answers.first_stages,
        explanation="With other arguments the same function makes the beginning of AlexNet. Section 3 compares the two.",
        check_answer=answers.check_first_stages,
        input_shape=lambda channels, *_: (channels[0], 32, 32),
    ),
    "unpool": Build(
        title="unpooling with switches",
        difficulty=2,
        task="""
        Write `unpool(values, switches, before)`: a tensor of the shape `before`, all zeros, in which each value is added at the pixel that
        its switch names. `switches` counts the pixels of a channel row by row, as `F.max_pool2d(…, return_indices=True)` does.
        """,
        hints=[
            "`empty.scatter_add(2, index, values)` returns a copy of `empty` with each value added at its index along dimension 2.",
            "Index and values must be flat as well: `switches.flatten(2)` and `values.flatten(2)`.",
        ],
        solution=answers.unpool,
        explanation="The pooling windows overlap, so one pixel can win in two of them. It must get the sum of both.",
        check_answer=answers.check_unpool,
    ),
    "receptive_field": Build(
        title="how far a unit sees",
        difficulty=2,
        task="""
        Write `receptive_field(windows)` for layers (kernel, stride) in order. `field` is the number of pixels that a unit sees. `jump` is the
        distance, in pixels of the image, between neighboring units. Each layer adds kernel - 1 steps of `jump` pixels to the field, and
        then multiplies `jump` by its stride.
        """,
        hints=[
            "Before the first layer a unit is a pixel: field 1, jump 1.",
            "`field + (kernel - 1) * jump` first, then `jump * stride`.",
        ],
        solution=answers.receptive_field,
        explanation="A stride spreads the windows of all layers after it. That is why an early stride widens the field so much.",
        check_answer=answers.check_receptive_field,
    ),
    "reconstruct": Build(
        title="fix the deconvnet",
        difficulty=3,
        task="""
        **Debugging.** `colleagues_version` is meant to reconstruct the *strongest unit* of one channel, in each image. Its reconstructions are
        wider than one unit can see. `reconstruct` repeats it, with the wrong line taken out: write it so that it does what it is meant to do.
        """,
        hints=[
            "How many units of the channel does `maps[:, channel]` hold for one image? How many should be different from 0?",
            "`maps[:, channel].amax((1, 2), keepdim=True)` is the largest value of each image.",
            "Multiply `maps[:, channel]` by a tensor that is True only where this largest value is.",
        ],
        solution=answers.reconstruct,
        explanation="The channel had many units left, and their reconstructions lay on top of each other. The picture looked plausible; only the check with the receptive field gave it away.",
        check_answer=answers.check_reconstruct,
    ),
    "occlusion_map": Build(
        title="the gray square",
        difficulty=2,
        task="""
        Write `occlusion_map(net, image, label, square, step)`: the probability of the class `label` while a gray square of `square` pixels
        covers the image, for each place of the square. Two lines are missing. Gray is 0, the mean of the training images.
        """,
        hints=[
            "`one` is a copy of the image, C × H × W: set rows `top` to `top + square` and the columns from `left` to 0, in all channels.",
            "`net(covered)` gives logits, places × classes; `.softmax(1)` makes probabilities of them.",
        ],
        solution=answers.occlusion_map,
        explanation="All covered copies go through the network as one batch, which is faster than one at a time.",
        check_answer=answers.check_occlusion_map,
    ),
    "cleaned": Build(
        title="find the shortcut, and fix the data",
        difficulty=3,
        task="""
        First find it: remove the `#` before the three lines and run the cell. A smaller square, moved by smaller steps, says more exactly where it
        is. Then write `cleaned(pixels)` for images N × C × H × W of whole numbers from 0 to 255: a copy in which the hidden shortcut is
        gone, and at least 80 % of each image is as it was.
        """,
        hints=[
            "Look at the map: along which edge does the square hurt? A square of 8 pixels touches the shortcut long before it covers it; `square, step = 4, 1` shows how wide it is.",
            "The place depends on the digit, so one corner is not enough: cover the whole edge.",
            "`pixels = pixels.clone()`, then set the first three columns to 0: `pixels[:, :, :, :3] = 0`.",
        ],
        solution=answers.cleaned,
        explanation="Retrain on the fixed images, and the test accuracy falls. That lower number is the honest one.",
        check_answer=answers.check_cleaned,
    ),
}  # fmt: skip

exercises = {
    "alias": Exercise(
        title="stripes that are not there",
        difficulty=1,
        task="""
        An image has 13 stripes across 64 pixels. A convolution with stride 4 keeps 16 values of a row. How many stripes does its feature
        map show?
        """,
        hints=["How many stripes can 16 values hold?",
               "They hold 8. 13 is 5 beyond, and at 8 the count turns around."],
        solution=answers.my_stripes,
        asks_value=True,
        explanation="3. At the 16 places that are kept, 13 stripes and 3 stripes look the same, but for their direction.",
        check_answer=number_check(
            3,
            traps={13: "16 values hold at most 8 stripes.",
                   5: "that is how far 13 lies beyond the limit of 8; the count turns around there: 8 - 5.",
                   8: "8 is the most that 16 values can hold; what lies above comes back down.",
                   0: "a stride does not blur: the stripes do not vanish."},
            unit="stripes",
        ),
    ),
    "seen": Exercise(
        title="the rule of the folding",
        difficulty=2,
        task="""
        Write `stripes_seen(stripes, values)`: how many stripes a row of `values` values shows when the image had `stripes`, for any whole
        numbers of 1 or more.
        """,
        hints=[
            "n stripes and n + values stripes look the same at the places that are kept, and so do n and values - n.",
            "Find the nearest multiple of `values`: `round(stripes / values)` times `values`. How far is it?",
        ],
        solution=answers.stripes_seen,
        explanation="Up to values / 2, down to 0, up again, forever. At a multiple of `values` every value that is kept lies at the same "
        "point of the wave, and the feature map is flat.",
        check_answer=answers.check_seen,
    ),
    "rules": Exercise(
        title="three ways back through a ReLU",
        difficulty=2,
        task="""
        On the way up a ReLU saw `x`. On the way down a `signal` of the same shape arrives. Write `relu_back(rule, x, signal)`:
        'gradient' lets the signal pass where x was above 0; 'deconvnet' lets it pass where the *signal* is above 0, whatever x was;
        'guided' (guided backpropagation, 2014) where both are. Elsewhere 0.
        """,
        hints=["`(x > 0)` is a mask of the same shape; multiply by it.", "`signal.relu()` is the deconvnet's rule."],
        solution=answers.relu_back,
        explanation="Everything else in a deconvnet is the gradient: transposed kernels, and max pooling that sends everything to its "
        "winner. This one line is the difference.",
        check_answer=answers.check_rules,
    ),
    "share": Exercise(
        title="a layer that is hardly missed",
        difficulty=2,
        task="""
        AlexNet's layer 7 connects 4,096 values to 4,096 units. How many parameters does leaving it out save? (fc8 then reads the 4,096 values of
        fc6 and keeps its size.)
        """,
        hints=["Each unit has 4,096 weights.", "And each unit has a bias."],
        solution=answers.my_share,
        asks_value=True,
        explanation="16,781,312, 28 % of all. AlexNet's layers 3 and 4 together have 1,549,056.",
        check_answer=number_check(
            16_781_312,
            traps={16_777_216: "the 4,096 biases are saved, too.",
                   4_096: "those are the biases only.",
                   20_877_312: "fc8 stays; it reads fc6 now."},
            unit="parameters",
        ),
    ),
    "shortened": Exercise(
        title="the networks of Table 3",
        difficulty=3,
        task="""
        Write `shortened(removed)`: `models.alexnet()` without the layers in the tuple `removed`, which is one of (), (7,), (3, 4), (6, 7),
        (3, 4, 6, 7). What stays must fit together: conv5 reads what is before it, and so do fc7 and fc8. Dropout and ReLU do not matter here.
        """,
        hints=[
            "Put `nn.Identity()` in place of a stage: `net.features.conv3 = nn.Identity()`. A convolution inside a stage is `net.features.conv5.conv`.",
            "Without 3 and 4, conv5 gets conv2's 256 channels, still in two groups. Without 6, the next layer gets 256 · 6 · 6 = 9,216 values.",
            "Fully connected layers are `net.classifier.fc6`, `fc7` and `fc8`; `with torch.device('meta'):` saves memory.",
        ],
        solution=answers.shortened,
        explanation="Without 6 and 7 there are 11.6 million parameters instead of 61, without 3 and 4 still 59.3 million.",
        check_answer=answers.check_shortened,
    ),
}  # fmt: skip

quiz = [
    Question(
        "A camera photographs a brick wall. On its small preview, which keeps every eighth pixel, the wall shows wide bands that it does not have. "
        "What helps?",
        {
            "Blur the photograph a little before skipping pixels": "Yes. What is too fine for the preview is then gone before it can come back "
            "as something else.",
            "Sharpen the preview": "The waves are in the values that were kept. Sharpening makes them stronger.",
            "Train the network that reads the preview longer": "It may learn to live with them. But two different walls can give the same "
            "preview, and then nothing can tell them apart.",
        },
        "Blur the photograph a little before skipping pixels",
    ),
    Question(
        "A new first layer has a smaller kernel, a smaller stride and a better test error. A report says: 'Smaller kernels are better.' "
        "What is missing?",
        {
            "A run in which only the kernel is changed": "Yes, best with several seeds, and with each side at its own learning rate. In this lesson that run showed "
            "no gain.",
            "More epochs for both": "Both may improve, but two changes at once stay two changes at once.",
            "A larger test set": "It would make the gap more certain. It would not say which of the two changes made it.",
        },
        "A run in which only the kernel is changed",
    ),
    Question(
        "The images have 128 pixels a side, a unit of conv4 sees 131. None of its reconstructions is wider than 128 pixels. What does that say "
        "about the deconvnet's code?",
        {
            "It reconstructs one unit, as it should": "It may or may not. With all units of the channel left in, the reconstructions would have no "
            "more than 128 pixels, either.",
            "Nothing: no reconstruction could have been wider": "Yes. Check conv1 or conv2, whose fields are smaller than the image.",
            "It has a mistake: 131 pixels are missing 3": "The field hangs over the edge of the image, where there is nothing to reconstruct.",
        },
        "Nothing: no reconstruction could have been wider",
    ),
    Question(
        "A network tells huskies from wolves with 98 % accuracy. The probability of 'wolf' falls most when the gray square covers the snow. What is a fair "
        "conclusion?",
        {
            "Wolves look like snow to it": "To this network snow is evidence for a wolf. That says nothing about what either looks like.",
            "It depends on the snow; test it on wolves without snow": "Yes. If snow and wolves came together in the test images, too, its "
            "98 % may not hold elsewhere.",
            "It works, as 98 % on test images shows": "The test images may have the same shortcut. Then they cannot show it.",
        },
        "It depends on the snow; test it on wolves without snow",
    ),
    Question(
        "Without one block, with 30 % of the parameters, a network has 0.2 points more error. Three seeds of the whole network differ by 0.6 points. "
        "What can be reported?",
        {
            "The block is worth 0.2 points": "The next seed may say 0.4 points less. The number is smaller than what chance does.",
            "The block is useless": "Not seen is not absent. With more seeds, or on a harder task, a small difference may show.",
            "No difference beyond that between seeds": "Yes, for this task and this network. To say more, train more seeds of both.",
        },
        "No difference beyond that between seeds",
    ),
]
