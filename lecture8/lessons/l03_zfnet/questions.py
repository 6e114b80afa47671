"""03 ZFNet: predictions, exercises, quiz."""

import torch
from torch import nn
from torch.nn import functional as F

from lecture8 import complexity, models
from lecture8.models.layers import Network, sequential
from lecture8.models.zfnet import project
from lecture8.teaching import (
    Exercise,
    Prediction,
    Question,
    Verdict,
    called,
    correct,
    number_check,
    shape,
    wrong,
)

predictions = {
    "work": Prediction(
        "ZFNet's first kernels have 7 × 7 pixels instead of 11 × 11, so conv1 has less than half the weights. "
        "What happens to its work, in multiply-adds?",
        {
            "less than half, like the weights": "That would be so at equal stride.",
            "about the same": "Then the smaller kernels would just pay for the more places.",
            "more": "Every kernel is placed every 2 pixels instead of every 4: four times as many places, and that "
            "outweighs the smaller kernel.",
        },
    ),
    "grating": Prediction(
        "14 fine stripes run across 64 pixels. A convolution with stride 4 makes a map of 16 values from each row. "
        "What does its map show?",
        {
            "14 stripes": "16 values cannot hold 14 periods: each needs at least two values.",
            "nothing: the stripes blur into gray": "A blur would do that, but a stride does not blur, it skips.",
            "2 broad stripes": "The stripes that 16 values cannot hold come back as others: 16 − 14 = 2. They look "
            "perfectly real, and they are not in the image.",
        },
    ),
    "first_look": Prediction(
        "Two small networks, alike from conv3 on, learn to read digits: one begins as AlexNet does (11 × 11, stride 4), "
        "one as ZFNet does (7 × 7, stride 2). Which reads new digits better?",
        {
            "AlexNet's beginning": "Its kernels see more pixels at once, but it keeps every fourth place only.",
            "no difference": "Then what the stride skips would not matter for the task.",
            "ZFNet's beginning": "What the first layer skips, no later layer can bring back.",
        },
    ),
    "cheat": Prediction(
        "Two networks read digits, both with good test accuracy. The second was trained on pictures in which a small "
        "mark at the edge gives the answer away. Cover the mark with gray: what happens to the probability of the right "
        "class?",
        {
            "little changes: it also knows the digits": "Then the digit would have been worth learning for a network "
            "that had the mark.",
            "it falls, while covering the digit hardly matters": "The network took the easiest way that the data "
            "offered. Its accuracy does not show that; the gray square does.",
            "it falls as much as when the digit is covered": "Then it would use both alike.",
        },
    ),
    "removal": Prediction(
        "Zeiler and Fergus left layers out of AlexNet and trained it anew. Which of these cost the most top-5 error on "
        "ImageNet?",
        {
            "layer 7, with 27 % of the parameters": "The one that costs least, 0.3 points: parameters are not importance.",
            "layers 3 and 4, with 3.5 % of the parameters": "Two layers of few weights cost thirteen times as much as "
            "layer 7 with its 17 million.",
            "both the same": "They differ by more than three points.",
        },
    ),
}


# --- checks ----------------------------------------------------------------------------------------------------------


def _check_seen(answer) -> Verdict:
    for stripes, values in ((3, 16), (14, 16), (8, 16), (16, 16), (20, 32), (70, 32), (5, 7)):
        want = abs(stripes - values * round(stripes / values))
        got = called(answer, stripes, values)
        if got != want:
            where = f"{stripes} stripes on {values} values show as {want}, not {got}"
            if got == stripes:
                return wrong(
                    f"Not unchanged: more than half as many stripes as values do not fit: {where}."
                )
            if isinstance(got, int | float) and got == -want:
                return wrong(
                    f"Right but for the sign, and a number of stripes has none: {where}."
                )
            if stripes > 1.5 * values:
                return wrong(f"Right at first, but the folding goes on for ever: {where}.")
            return wrong(f"Not yet: {where}.")
    return correct(
        "The distance to the nearest multiple of the number of values, for every case tried."
    )


RULES = {
    "gradient": lambda x, signal: signal * (x > 0),
    "deconvnet": lambda x, signal: signal.relu(),
    "guided": lambda x, signal: signal.relu() * (x > 0),
}


def _check_rules(answer) -> Verdict:
    x, signal = torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(0)).chunk(2)
    for rule, want in RULES.items():
        got = called(answer, rule, x, signal)
        if not isinstance(got, torch.Tensor) or got.shape != x.shape:
            return wrong(
                f"For {rule!r} expected a tensor of x's shape {shape(x)}, got {shape(got)}."
            )
        if not torch.allclose(got, want(x, signal)):
            for other, values in RULES.items():
                if torch.allclose(got, values(x, signal)):
                    return wrong(f"For {rule!r} you return what the rule {other!r} gives.")
            return wrong(
                f"For {rule!r} the values are those of none of the three rules: start from `signal`."
            )
    return correct("All three: they differ only in which signals a ReLU lets back down.")


def _check_paint(answer) -> Verdict:
    torch.manual_seed(0)
    for channels, side in ((1, 12), (3, 10)):
        conv1, conv2 = nn.Conv2d(channels, 4, 3, padding=1), nn.Conv2d(4, 5, 3, padding=1)
        image = torch.randn(1, channels, side, side)
        net = Network({"conv1": sequential(conv=conv1, relu=nn.ReLU()), "conv2": sequential(conv=conv2, relu=nn.ReLU())},
                      nn.Identity(), channels)  # fmt: skip
        # a channel that fires, and one of its neighbors
        for channel in net.features(image).amax((0, 2, 3)).topk(2).indices.tolist():
            want = project(net, image, "conv2", channel)
            with torch.no_grad():
                got = called(answer, conv1, conv2, image, channel)
            if not isinstance(got, torch.Tensor) or got.shape != want.shape:
                return wrong(
                    f"Expected a painting of the image's shape {shape(want)}, got {shape(got)}."
                )
            if torch.allclose(got, want, atol=1e-5):
                continue
            lit = int((got.abs().sum(1) > 0).sum())
            if lit > 25:
                return wrong(
                    f"{lit} pixels are painted, but one unit of conv2 sees 5 × 5: set every unit but the strongest to zero."
                )
            if torch.allclose(got, _unrectified(conv1, conv2, image, channel), atol=1e-5):
                return wrong(
                    "The filters are right; the ReLU on the way down, between the two layers, is missing."
                )
            if torch.allclose(got, want / net.features(image)[0, channel].max(), atol=1e-5):
                return wrong(
                    "Right up to a factor: the strongest unit keeps its value, it does not become 1."
                )
            return wrong(
                "The place is right, the values are not: relu, conv2 transposed, relu, conv1 transposed."
            )
    return correct("The same as the library's deconvnet, for gray and for color images.")


def _unrectified(conv1, conv2, image, channel):
    with torch.no_grad():
        maps = conv2(conv1(image).relu()).relu()
        alone = torch.zeros_like(maps)
        alone[0, channel] = maps[0, channel] * (maps[0, channel] == maps[0, channel].max())
        back = F.conv_transpose2d(alone, conv2.weight, padding=1)
        return F.conv_transpose2d(back, conv1.weight, padding=1)


# Parameters of ZFNet (Figure 3) without some of its layers
SHORTENED = {
    (): 62_357_608,
    (7,): 62_357_608 - 16_781_312,
    (3, 4): 62_357_608 - 885_120 - 1_327_488 - 384 * 256 * 9 + 256 * 256 * 9,
    (6, 7): 62_357_608 - 37_752_832 - 16_781_312 - 4_096_000 + 9_216_000,
}
SHORTENED[3, 4, 6, 7] = SHORTENED[3, 4] + SHORTENED[6, 7] - SHORTENED[()]


def _check_shortened(answer) -> Verdict:
    for removed, want in SHORTENED.items():
        net = called(answer, removed)
        if not isinstance(net, nn.Module):
            return wrong(f"Expected a network (nn.Module), got {type(net).__name__}.")
        try:
            cost = complexity.profile(net, (3, 224, 224))
        except complexity.WalkError as error:
            return wrong(f"Without {removed or 'nothing'} the network stops: {error}")
        if cost.params != want:
            left = (
                "; none of its layers is gone" if removed and cost.params == SHORTENED[()] else
                f", {cost.params - want:+,}"
            )  # fmt: skip
            return wrong(
                f"Without {removed or 'nothing'} it should have {want:,} parameters; yours has {cost.params:,}{left}."
            )
        if cost.output_size != (1000,):
            return wrong(
                f"Without {removed} it returns {cost.output_size} instead of 1000 logits."
            )
    return correct(
        "All five networks of the table: whole, and without 7, 3 and 4, 6 and 7, and all four."
    )


# --- solutions: shown under the exercises, with the names and arguments that their tasks ask for


def my_height():
    return (224 - 7) // 2 + 1


def my_stripes():
    return 64 // 4 - 13


def my_parameters():
    return 62_357_608 - (4096 * 4096 + 4096)


def stripes_seen(stripes, values):
    return abs(stripes - values * round(stripes / values))


def relu_back(rule, x, signal):
    if rule != "gradient":
        signal = signal.relu()
    if rule != "deconvnet":
        signal = signal * (x > 0)
    return signal


def paint(conv1, conv2, image, channel):
    maps = conv2(conv1(image).relu()).relu()
    alone = torch.zeros_like(maps)
    place = maps[0, channel].flatten().argmax()
    alone[0, channel].view(-1)[place] = maps[0, channel].view(-1)[place]
    x = F.conv_transpose2d(alone.relu(), conv2.weight, padding=1)
    return F.conv_transpose2d(x.relu(), conv1.weight, padding=1)


def shortened(removed):
    with torch.device("meta"):
        net = models.zfnet()
        if 3 in removed:
            net.features.conv3 = nn.Identity()
            net.features.conv4 = nn.Identity()
            net.features.conv5.conv = nn.Conv2d(256, 256, 3, padding=1)
        if 7 in removed:
            net.classifier.fc7 = nn.Identity()
        if 6 in removed:
            net.classifier.fc6 = nn.Identity()
            net.classifier.fc8 = nn.Linear(9216, 1000)
    return net


exercises = {
    "shape": Exercise(
        title="which padding?",
        difficulty=1,
        task="""
        The paper prints no padding. Without any, how high is conv1's map for a 224 × 224 image (kernel 7 × 7, stride 2)?
        """,
        hints=["The kernel fits at the pixels 0, 2, 4, … as long as all 7 of its rows are inside.",
               "Places = (224 − 7) // 2 + 1."],
        solution=my_height,
        asks_value=True,
        explanation="109, but the paper's Figure 3 has 110: that takes one pixel of padding on each side, which is what this "
        "course's ZFNet has.",
        check_answer=number_check(
            109,
            traps={110: "that is with a padding of 1, what the paper must have had; here there is none.",
                   112: "that is half of 224; a 7 × 7 kernel has no room at the edges.",
                   108: "the first place counts too: add 1.",
                   218: "that is stride 1."},
            unit="rows",
        ),
    ),
    "alias": Exercise(
        title="stripes that are not there",
        difficulty=1,
        task="""
        A grating has 13 stripes across 64 pixels. A convolution keeps every 4th pixel. How many stripes does its map show?
        """,
        hints=["How many values are in a row of the map, and how many stripes can they hold?",
               "16 values hold 8 stripes; 13 is 5 beyond, and the count turns round at 8."],
        solution=my_stripes,
        asks_value=True,
        explanation="3. The wave with 13 periods and the one with −3 agree at all 16 places, and −3 looks like 3.",
        check_answer=number_check(
            3,
            traps={13: "16 values hold at most 8 stripes.",
                   5: "that is how far 13 lies beyond the limit of 8; the count turns round there: 8 − 5.",
                   8: "8 is the most that 16 values can hold; what lies above does not stop there, it comes back down.",
                   0: "a stride does not blur: the stripes do not vanish."},
            unit="stripes",
        ),
    ),
    "fc7": Exercise(
        title="a layer that is hardly missed",
        difficulty=2,
        task="""
        Leave layer 7 out of ZFNet: the 1000 neurons of fc8 then read the 4096 of fc6. How many parameters are left of its
        62,357,608?
        """,
        hints=["fc8 keeps its size: 4096 inputs, as before.", "fc7 has 4096 · 4096 weights and 4096 biases."],
        solution=my_parameters,
        asks_value=True,
        explanation="45,576,296. More than a quarter of all parameters is gone, at a price of 0.3 points of top-5 error in the "
        "paper's Table 3 (there for AlexNet, whose fc7 has the same size).",
        check_answer=number_check(
            45_576_296,
            traps={45_580_392: "the 4096 biases go as well.",
                   16_781_312: "that is what goes; how many are left?",
                   7_823_464: "fc6 stays; only layer 7 goes.",
                   41_479_296: "fc8 stays."},
            unit="parameters",
        ),
    ),
    "seen": Exercise(
        title="the rule of the folding",
        difficulty=2,
        task="""
        Write `stripes_seen(stripes, values)`: how many stripes a row of `values` values shows when the image had `stripes`,
        for any whole numbers of 1 or more.
        """,
        hints=[
            "Waves with n and n + values periods agree at every kept place, and so do n and values − n but for their direction.",
            "Find the nearest multiple of `values`: `round(stripes / values)`. How far is it?",
        ],
        solution=stripes_seen,
        explanation="The zigzag of section 2: up to values / 2, down to 0, up again, for ever. At a multiple of `values` every "
        "kept pixel lies at the same point of the wave, and the map is flat.",
        check_answer=_check_seen,
    ),
    "rules": Exercise(
        title="three ways back through a ReLU",
        difficulty=2,
        task="""
        On the way up a ReLU saw `x`; on the way down a `signal` of the same shape arrives at it. Write
        `relu_back(rule, x, signal)`: 'gradient' lets the signal pass where x was above 0; 'deconvnet' where the *signal* is
        above 0, whatever x was; 'guided' (guided backpropagation, Springenberg et al. 2014) where both are. Elsewhere 0.
        """,
        hints=["`(x > 0)` is a mask of the same shape; multiply with it.", "`signal.relu()` is the deconvnet's rule."],
        solution=relu_back,
        explanation="Everything else in a deconvnet is the gradient: transposed filters, and max pooling that sends everything "
        "to its winner. One line makes the difference.",
        check_answer=_check_rules,
    ),
    "paint": Exercise(
        title="a deconvnet of two layers",
        difficulty=3,
        task="""
        Write `paint(conv1, conv2, image, channel)` for two 3 × 3 convolutions with padding 1 and a ReLU behind each, and an
        image 1 × C × H × W: take the strongest unit of `channel` behind the second ReLU, and paint its pixels, 1 × C × H × W.
        """,
        hints=[
            "Up: `maps = conv2(conv1(image).relu()).relu()`. Then a tensor of zeros like it, with one value in it.",
            "`F.conv_transpose2d(x, conv.weight, padding=1)` goes down through a convolution; biases play no part.",
            "Down: relu, conv2 transposed, relu, conv1 transposed.",
        ],
        solution=paint,
        explanation="With pooling between the layers there are switches to remember as well; `zfnet.project` does it for any "
        "chain of convolutions and max poolings.",
        check_answer=_check_paint,
    ),
    "shortened": Exercise(
        title="the networks of Table 3",
        difficulty=3,
        task="""
        Write `shortened(removed)`: `models.zfnet()` without the layers in the tuple `removed`, which are among 3, 4, 6 and 7.
        What stays must fit together: conv5 reads what is before it, and so do fc7 and fc8. Neither dropout nor ReLU counts here.
        """,
        hints=[
            "Put `nn.Identity()` in place of a stage: `net.features.conv3 = nn.Identity()`.",
            "Without 3 and 4, conv5 gets conv2's 256 channels; without 6, the next layer gets 256 · 6 · 6 = 9216 values.",
            "Only the combinations of the paper are tried: 7; 3 and 4; 6 and 7; all four; and none.",
        ],
        solution=shortened,
        explanation="Without 6 and 7 there are 14.7 million parameters instead of 62, without 3 and 4 still 59.9 million.",
        check_answer=_check_shortened,
    ),
}  # fmt: skip

quiz = [
    Question(
        "ILSVRC 2013 was won with 11.7 % top-5 error. Whose number is that?",
        {
            "ZFNet's, one network": "One ZFNet has 16.5 %, its widest version 16.0 %.",
            "ZFNet's, an ensemble": "Their six networks together have 14.8 % on the test set.",
            "Clarifai's, an ensemble": "Yes: an ensemble of the company that one of the authors founded.",
        },
        "Clarifai's, an ensemble",
    ),
    Question(
        "A fine grating comes out of a stride-4 layer as a broad one. What is the cause?",
        {
            "The kernel is too large": "A large kernel weakens some waves, but it cannot turn one wave into another.",
            "Too few places are kept for so fine a wave": "Yes. Behind stride 4 a wave needs at least 8 pixels per period.",
            "The weights are random": "Every kernel does it, learned or random; you tried three seeds.",
            "ReLU cuts off the negative half": "There was no ReLU in the measurement.",
        },
        "Too few places are kept for so fine a wave",
    ),
    Question(
        "What are the switches of a deconvnet?",
        {
            "Which units are above zero": "That is what a gradient remembers at a ReLU. The deconvnet does not.",
            "Where the maximum of each pooling window was": "Yes: pooling forgets the place, the switches remember it.",
            "Weights that are learned backwards": "Nothing is learned in a deconvnet.",
        },
        "Where the maximum of each pooling window was",
    ),
    Question(
        "Where do the deconvnet's filters come from?",
        {
            "It is trained to rebuild images": "It is not trained at all.",
            "They are the network's own, transposed": "Yes. It shows what this network has learned, with nothing added.",
            "They are the inverses of the network's filters": "A convolution with a stride has no inverse: it throws values "
            "away. Transposed is not inverted.",
        },
        "They are the network's own, transposed",
    ),
    Question(
        "The probability of 'dog' falls most when the gray square covers the leash in the corner. What have you learned?",
        {
            "Leashes look like dogs": "To this network a leash speaks for a dog; that need not be how it looks.",
            "This network leans on the leash": "Yes. It may well be right on photographs with leashes, and wrong without one.",
            "The dog is hidden behind the leash": "Then covering the dog itself would have cost more.",
        },
        "This network leans on the leash",
    ),
    Question(
        "Without layers 3 and 4 AlexNet loses 4.0 points, without layer 7 only 0.3. Which parameters are more numerous?",
        {
            "Those of layers 3 and 4": "They are 3.5 % of the network's; layer 7 has 27 %.",
            "Those of layer 7": "Yes, eight times as many. Where a layer stands says more than how many weights it has.",
            "They are about equal": "Layer 7 has 16.8 million, layers 3 and 4 together 2.2 million.",
        },
        "Those of layer 7",
    ),
]
