"""08 Inception-v4 and Inception-ResNet: predictions, exercises, quiz."""

import copy
from functools import cache

import torch
from torch import nn

from lecture8 import complexity, models
from lecture8.models.inception_resnet import BLOCKS, ScaledResidual
from lecture8.teaching import (
    Exercise,
    Prediction,
    Question,
    Verdict,
    called,
    correct,
    number_check,
    same_network,
    wrong,
)

predictions = {
    "shortcuts": Prediction(
        "Inception-v4 has 14 inception modules. A program looks for additions in it, as in ResNet's y = F(x) + x. How many "
        "does it find?",
        {
            "14, one per module": "Then it would be what the notes call it, GoogLeNet and ResNet combined.",
            "3, one per kind of module": "Then shortcuts would bridge whole stages.",
            "none": "Inception-v4 is Inception alone. Its sisters in the same paper, the two Inception-ResNets, have the "
            "shortcuts.",
        },
    ),
    "speed": Prediction(
        "The same inception blocks are trained with and without shortcuts: same layers, same parameters, same work, same "
        "images. Which network has the lower training loss after three epochs?",
        {
            "with shortcuts": "The paper's main finding: residual connections speed up the training of Inception networks.",
            "without shortcuts": "Then the additions would stand in the way.",
            "no difference": "Then it would not matter through what the gradient has to pass.",
        },
    ),
    "end": Prediction(
        "And after twelve epochs, on images that neither has seen? Compare with and without shortcuts twice: one block a stage, "
        "and three.",
        {
            "with shortcuts better at both depths": "Then shortcuts would buy accuracy in themselves.",
            "one block: about equal; three: behind without shortcuts": "Shortcuts help where there is something to bridge. "
            "With more time the gap narrows.",
            "about equal at both depths": "That is what the paper's tables show for its large networks, after long training.",
        },
    ),
    "growth": Prediction(
        "Photographs go through the new, untrained Inception-ResNet-v1; each block adds F(x), unscaled. How much larger is the "
        "spread of the values behind the last of its ten B blocks than behind the first?",
        {
            "hardly: within a tenth": "That is what happens with a scale of 0.1.",
            "a fifth to a half more": "Each block normalizes inside, so it adds about as much as any other: nine equal steps, "
            "not nine multiplications.",
            "ten times and more": "Without any normalization sums can explode like that. In these blocks every convolution but "
            "the last has batch normalization.",
        },
    ),
}  # fmt: skip


@cache
def _sides_of_maps(side: int) -> tuple[int, ...]:
    with torch.device("meta"):
        profile = complexity.profile(models.inception_v4(10), (3, side, side))
    shapes = {stage.name: stage.output_shape for stage in profile.stages}
    return tuple(
        shapes[f"features.{name}"][1] for name in ("stem", "reduction_a", "reduction_b")
    )


def _check_sides(answer) -> Verdict:
    for side in (299, 331, 160, 75):
        want = _sides_of_maps(side)
        got = called(answer, side)
        if not isinstance(got, tuple | list) or len(got) != 3:
            return wrong(
                f"Expected three numbers (behind the stem, reduction A, reduction B), got {got!r}."
            )
        if tuple(got) != want:
            places = ("the stem", "reduction A", "reduction B")
            place = next(name for name, g, w in zip(places, got, want, strict=True) if g != w)
            why = ""
            if any(isinstance(g, float) and g != int(g) for g in got):
                why = (
                    " Half a pixel does not exist: a window must fit as a whole, so round down."
                )
            elif want == (35, 17, 8):
                why = " Count the windows: (side − 3) // 2 + 1 for 3 × 3 with stride 2, side − 2 with stride 1, both without padding."
            return wrong(
                f"For images of {side} pixels the three maps have {want} pixels, you say {tuple(got)}: look behind {place}.{why}"
            )
    return correct(
        "Right for 299, 331, 160 and 75 pixels. With 75, a single pixel is left: smaller images will not do."
    )


def _check_spread(answer) -> Verdict:
    for blocks, scale in ((10, 0.1), (40, 0.3), (10, 1.0), (0, 1.0)):
        want, got = (1 + blocks * scale**2) ** 0.5, called(answer, blocks, scale)
        if not isinstance(got, int | float):
            return wrong(f"Expected a number, got {type(got).__name__}.")
        if abs(got - want) > 1e-6 * want:
            case = f"for {blocks} blocks and scale {scale} expected {want:.4f}, got {got:.4f}"
            if abs(got - want**2) < 1e-6:
                return wrong(f"That is the variance, the spread is its square root: {case}.")
            if abs(got - (1 + blocks * scale)) < 1e-6:
                return wrong(f"Spreads do not add, variances do: {case}.")
            if abs(got - (1 + blocks * scale) ** 0.5) < 1e-6:
                return wrong(
                    f"A scale multiplies the spread; the variance gets its square: {case}."
                )
            if abs(got - (1 + scale**2) ** (blocks / 2)) < 1e-6 * got:
                return wrong(
                    f"That multiplies from block to block, as if F grew with x; here F's variance stays 1: {case}."
                )
            return wrong(f"Not yet: {case}.")
    return correct(
        "√(1 + n · scale²): with scale 1 it grows like the root of the depth, with 0.1 forty blocks add a fifth."
    )


def _lively(channels: int, scale: float) -> ScaledResidual:
    """A block whose biases and statistics are not the trivial ones."""
    torch.manual_seed(0)
    block = ScaledResidual(channels, [(4, 1)], [(4, 1), (6, 3)], scale=scale)
    nn.init.normal_(block.up.bias)
    return block.eval()


def _check_fold(answer) -> Verdict:
    generator = torch.Generator().manual_seed(1)
    for channels, scale in ((8, 0.1), (12, 0.3)):
        block, x = _lively(channels, scale), torch.randn(2, channels, 5, 5, generator=generator)
        kept = copy.deepcopy(block)
        got = called(answer, block)
        if not isinstance(got, nn.Module):
            return wrong(f"Expected a block (nn.Module), got {type(got).__name__}.")
        changed = any(
            not torch.equal(a, b)
            for a, b in zip(
                block.state_dict().values(), kept.state_dict().values(), strict=True
            )
        )
        if changed or block.scale != scale:
            return wrong(
                "The block that you were given has changed: work on a copy (`copy.deepcopy`)."
            )
        if getattr(got, "scale", None) != 1:
            return wrong(
                f"The new block should have scale 1, it has {getattr(got, 'scale', None)}."
            )
        with torch.no_grad():
            want, found = kept(x), got.eval()(x)
        if not torch.allclose(want, found, atol=1e-5):
            if torch.equal(got.up.bias, kept.up.bias) and not torch.equal(
                got.up.weight, kept.up.weight
            ):
                return wrong(
                    "The weights are scaled, the bias is not: F(x) = W · branches + b, so both belong to it."
                )
            return wrong(
                f"With scale {scale} the outputs differ by up to {(want - found).abs().max():.3g}: which layer comes "
                "right before the multiplication?"
            )
    return correct(
        "The same function to rounding, with scale 1. So a scale gives a network nothing new to compute: it changes how "
        "training starts and how far a step goes."
    )


def _check_block(answer) -> Verdict:
    for channels, scale in ((32, 0.2), (48, 0.1)):
        torch.manual_seed(0)
        # so that one forgotten number shows: the scale is part of what the outputs depend on
        reference = ScaledResidual(channels, *BLOCKS["resnet_v1"]["c"], scale=scale)
        block = called(answer, channels, scale)
        if not isinstance(block, nn.Module):
            return wrong(f"Expected a network (nn.Module), got {type(block).__name__}.")
        verdict = same_network(block, reference, (channels, 8, 8))
        if not verdict:
            return wrong(f"block_c({channels}, scale={scale}): {verdict.message}")
    return correct("The same as the library's, for two widths and two scales.")


# --- solutions: shown under the exercises, with the names and arguments that their tasks ask for


def my_shortcuts():
    return 5 + 10 + 5


def my_channels():
    return 384 + 256 + 384


def sides(side):
    def halve(side):
        return (side - 3) // 2 + 1

    stem = halve(halve(halve(side) - 2) - 2)
    return stem, halve(stem), halve(halve(stem))


def spread(blocks, scale):
    return (1 + blocks * scale**2) ** 0.5


def fold(block):
    import copy

    new = copy.deepcopy(block)
    new.up.weight.data *= block.scale
    new.up.bias.data *= block.scale
    new.scale = 1.0
    return new


class BlockC(nn.Module):
    def __init__(self, channels, scale):
        super().__init__()
        self.branches = models.layers.Branches(
            one=models.layers.chain(channels, (192, 1)),
            three=models.layers.chain(channels, (192, 1), (192, (1, 3)), (192, (3, 1))),
        )
        self.up = nn.Conv2d(384, channels, 1)
        self.scale = scale

    def forward(self, x):
        return (x + self.scale * self.up(self.branches(x))).relu()


exercises = {
    "shortcuts": Exercise(
        title="count the arcs",
        difficulty=1,
        task="""
        In how many places does Inception-ResNet-v1 add a block's input to its output? Read it off the picture of section 1
        or off the explorer.
        """,
        hints=[
            "Only blocks A, B and C have a shortcut; stem and reductions do not.",
            "How many of each are there? 5 blocks A, then …",
        ],
        solution=my_shortcuts,
        asks_value=True,
        explanation="20. A program that counts additions finds the same, and none at all in Inception-v4.",
        check_answer=number_check(
            20,
            traps={22: "the two reductions change the shape, so nothing could be added there.",
                   40: "that is Inception-ResNet-v2 as released: 10 + 20 + 10.",
                   3: "that many *kinds* of blocks; count the blocks.",
                   0: "that is Inception-v4."},
            unit="shortcuts",
        ),
    ),
    "channels": Exercise(
        title="what comes out of a reduction",
        difficulty=1,
        task="""
        384 channels go into reduction A of Inception-v4, with k, l, m, n = 192, 224, 256, 384. How many come out?
        """,
        hints=[
            "Three branches side by side; their outputs are stacked. One of them is a pooling.",
            "k and l are inside a branch. What leaves it has m channels.",
        ],
        solution=my_channels,
        asks_value=True,
        explanation="n + m + what the pooling hands on: 1024, the width of all B modules.",
        check_answer=number_check(
            1024,
            traps={640: "the pooling is a branch, too, and hands on all 384.",
                   1056: "that is k + l + m + n; k and l are steps inside a branch, and the pooling is missing.",
                   1440: "k and l are steps inside a branch: only its last layer's m channels leave it.",
                   768: "the branch that ends with m is missing."},
            unit="channels",
        ),
    ),
    "sides": Exercise(
        title="no padding",
        difficulty=2,
        task="""
        Write `sides(side)`: for a square image of `side` pixels, the height of Inception-v4's map behind the stem, behind
        reduction A and behind reduction B, as a tuple. In the stem a 3 × 3 with stride 2, a 3 × 3 with stride 1 (both without
        padding), one with padding, a halving (3 × 3, stride 2, no padding), a 3 × 3 with stride 1 without padding, and another
        halving; each reduction halves once more.
        """,
        hints=[
            "How many windows of 3 fit into `side` pixels, two pixels apart? (side − 3) // 2 + 1. And one pixel apart? side − 2.",
            "299 → 149 → 147 → 147 → 73 → 71 → 35, then 17, then 8.",
        ],
        solution=sides,
        explanation="35, 17, 8: the odd sizes of the Inception papers come from windows that must fit without padding. Google "
        "calls it 'VALID', hence the V in the paper's figures.",
        check_answer=_check_sides,
    ),
    "spread": Exercise(
        title="how a sum grows",
        difficulty=2,
        task="""
        The values that enter a row of blocks have variance 1. Every block adds scale · F(x), where F(x) has variance 1 and
        nothing to do with x (ignore the ReLU). Write `spread(blocks, scale)`: the standard deviation behind the last one.
        """,
        hints=[
            "Variances of independent summands add up.",
            "Multiplying by a scale multiplies the variance by scale².",
        ],
        solution=spread,
        explanation="A fresh network does about this in section 6 (its F is smaller). It grows with the root of the "
        "depth, since batch normalization inside F keeps F's size whatever x does.",
        check_answer=_check_spread,
    ),
    "fold": Exercise(
        title="where did the scale go?",
        difficulty=3,
        task="""
        Write `fold(block)`: takes a `ScaledResidual` and returns a new one with `scale` 1 that computes the same function.
        The block given must stay as it is. (Its last layer is `block.up`, a 1 × 1 convolution with a bias.)
        """,
        hints=[
            "scale · (W · z + b) = (scale · W) · z + scale · b.",
            "`copy.deepcopy(block)`, then `new.up.weight.data *= …`, and do not forget the bias.",
        ],
        solution=fold,
        explanation="So a scaled network can compute nothing that an unscaled one cannot. It begins with smaller steps, and "
        "plain gradient descent changes W · scale by scale² as much per step: a lower learning rate, for these layers alone.",
        check_answer=_check_fold,
    ),
    "block": Exercise(
        title="a block C",
        difficulty=3,
        task="""
        Write `block_c(channels, scale)`, a function that returns an `nn.Module`: block C of Inception-ResNet-v1 (Figure 13) at
        any width. Two branches: a 1 × 1 to 192; and a 1 × 1 to 192, a 1 × 3 to 192, a 3 × 1 to 192. Batch normalization and
        ReLU after each. Then, on both stacked, a 1 × 1 convolution back to `channels`, with bias, without normalization or
        ReLU. Multiply by the scale, add the input, ReLU.
        """,
        hints=[
            "`models.layers.chain(c_in, (192, 1), (192, (1, 3)), …)` is a row of convolutions, each with normalization and ReLU.",
            "`models.layers.Branches(a=…, b=…)` stacks what its parts put out: 384 channels.",
            "A class needs `__init__` and `forward`; `return (x + self.scale * self.up(self.branches(x))).relu()`.",
        ],
        solution=BlockC,
        explanation="Five of these, 1792 channels wide, end Inception-ResNet-v1. The library has one class for blocks A, B and C "
        "of both hybrids; only the lists of branches differ.",
        check_answer=_check_block,
    ),
}  # fmt: skip

quiz = [
    Question(
        "The notes call Inception-v4 a combination of GoogLeNet and ResNet. What is right?",
        {
            "Yes: each of its modules has a shortcut": "A program finds no addition in the whole network.",
            "No: Inception-v4 has no shortcuts; Inception-ResNet-v1 and -v2 have them": "Yes. One paper, three networks, and "
            "only two of them are hybrids.",
            "Yes, but only in the stem": "The stem concatenates (three times); nothing is added.",
        },
        "No: Inception-v4 has no shortcuts; Inception-ResNet-v1 and -v2 have them",
    ),
    Question(
        "What do shortcuts do for Inception, by the paper and by your runs?",
        {
            "They train faster; in the paper's tables the end is about the same": "Yes. Your runs confirm the first; the "
            "second needs long training, or few blocks.",
            "They lower the error clearly": "By 0.1 points in the paper's tables, and as often the other way round.",
            "They save parameters": "An addition costs nothing and saves nothing; the 1 × 1 before it even costs a little.",
            "They make it possible to train at all": "For plain nets of 56 layers perhaps. The paper says: 'not inherently "
            "necessary' for deep Inception networks.",
        },
        "They train faster; in the paper's tables the end is about the same",
    ),
    Question(
        "Why does each residual inception block end in a 1 × 1 convolution without ReLU?",
        {
            "To make it cheaper": "It is an extra layer; the branches before it could do without.",
            "To bring the stacked branches to the width of x, and let F(x) be negative": "Yes: a sum needs equal widths, and "
            "behind a ReLU a block could only ever add, never take away.",
            "Because batch normalization cannot be used there": "It could; the authors left it out on the large summed maps "
            "to save memory.",
        },
        "To bring the stacked branches to the width of x, and let F(x) be negative",
    ),
    Question(
        "The authors' wide networks 'died'. How does one see that?",
        {
            "The last map holds only zeros": "Yes: behind the ReLU nothing is left, for any image; the gradient through it is "
            "zero, too, and neither a lower rate nor another normalization prevented it.",
            "The loss becomes infinite": "That is divergence. A dead network is calm: it gives every image the same answer.",
            "The training images are learned by heart": "That is overfitting, the opposite trouble.",
        },
        "The last map holds only zeros",
    ),
    Question(
        "What is multiplied by 0.1 in residual scaling?",
        {
            "x, the input": "Then twenty blocks would leave 10⁻²⁰ of it.",
            "F(x), before it is added": "Yes: x + 0.1 · F(x). The stream stays, each block changes it a little.",
            "the sum x + F(x)": "Then the stream would fade block by block.",
            "the learning rate": "Not literally; but folded into the weights it acts like a lower rate for one layer.",
        },
        "F(x), before it is added",
    ),
    Question(
        "Which pairs of networks does the paper compare, and why just these?",
        {
            "Inception-v4 with v3: the newest with the one before": "These differ in size, so the comparison says nothing "
            "about shortcuts.",
            "v3 with Inception-ResNet-v1, v4 with Inception-ResNet-v2: about equal cost": "Yes: what costs the same may be "
            "compared. You counted how equal they are: within 9 %.",
            "All four with ResNet-152": "It is in the tables, too, but differs in everything at once.",
        },
        "v3 with Inception-ResNet-v1, v4 with Inception-ResNet-v2: about equal cost",
    ),
    Question(
        "The paper reports 3.08 % top-5 error on the test set. Of what?",
        {
            "Inception-v4 alone": "One Inception-v4 has 5.0 % with one crop and 3.8 % with 144.",
            "Inception-ResNet-v2 alone": "One has 4.9 % with one crop and 3.7 % with 144.",
            "One Inception-v4 and three Inception-ResNet-v2 together": "Yes, with 144 crops of each image: an ensemble again.",
        },
        "One Inception-v4 and three Inception-ResNet-v2 together",
    ),
]
