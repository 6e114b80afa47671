"""08 Inception-v4 and Inception-ResNet: the solutions of its builds and exercises, and their checks."""

import copy
from functools import cache

import torch
from torch import nn

from lecture8 import complexity, models
from lecture8.lessons.l08_inception_v4.pieces import REDUCTION_B, conv, reduction_b
from lecture8.models.inception_resnet import BLOCKS, ScaledResidual
from lecture8.models.inception_v4 import REDUCTION_A
from lecture8.models.layers import Branches, chain
from lecture8.teaching import Verdict, called, correct, same_network, shape, wrong
from lecture8.teaching.same_network import take_weights
from lecture8.words import phrase


class Block(nn.Module):
    def __init__(self, c, branches, scale=1.0, relu=True):
        super().__init__()
        self.branches = nn.ModuleList()
        for branch in branches:
            layers, c_in = [], c
            for c_out, kernel in branch:
                layers.append(conv(c_in, c_out, kernel))
                c_in = c_out
            self.branches.append(nn.Sequential(*layers))
        self.up = nn.Conv2d(sum(branch[-1][0] for branch in branches), c, 1)
        self.scale, self.relu = scale, relu

    def forward(self, x):
        together = torch.cat([branch(x) for branch in self.branches], 1)
        y = x + self.scale * self.up(together)
        return y.relu() if self.relu else y


class NoAddition(Block):
    def forward(self, x):
        together = torch.cat([branch(x) for branch in self.branches], 1)
        y = self.scale * self.up(together)
        return y.relu() if self.relu else y


def reduction_a(c, k, l, m, n):  # noqa: E741  the paper's letters
    return Branches(
        conv3x3=chain(c, (n, 3, 2, 0)),
        double3x3=chain(c, (k, 1), (l, 3), (m, 3, 2, 0)),
        pool=nn.MaxPool2d(3, stride=2),
    )


def body(c, version, counts):
    table, letters = BLOCKS[version], REDUCTION_A[version]
    stages = [Block(c, table["a"], 0.17) for _ in range(counts[0])]
    stages.append(reduction_a(c, *letters))
    c = c + letters[2] + letters[3]
    stages += [Block(c, table["b"], 0.10) for _ in range(counts[1])]
    stages.append(reduction_b(c, version))
    c = c + REDUCTION_B[version]
    stages += [Block(c, table["c"], 0.20) for _ in range(counts[2])]
    return nn.Sequential(*stages)


def fold(block):
    new = copy.deepcopy(block)
    new.up.weight.data *= block.scale
    new.up.bias.data *= block.scale
    new.scale = 1.0
    return new


def my_params():
    return (192 + 192) * 1088 + 1088


def sides(side):
    def halve(side):
        return (side - 3) // 2 + 1

    stem = halve(halve(halve(side) - 2) - 2)
    return stem, halve(stem), halve(halve(stem))


def deviation(blocks, scale):
    return (1 + blocks * scale**2) ** 0.5


def mended(block, x):
    return (x + block.scale * block.up(block.branches(x))).relu()


def same_steps(net, rate, scale):
    ups = [p for name, p in net.named_parameters() if ".up." in name]
    others = [p for name, p in net.named_parameters() if ".up." not in name]
    return [{"params": others, "lr": rate}, {"params": ups, "lr": rate * scale**2}]


# --- checks
CASES = {
    phrase("block A of Inception-ResNet-v1"): (48, BLOCKS["resnet_v1"]["a"], 0.17),
    phrase("block B of Inception-ResNet-v2"): (40, BLOCKS["resnet_v2"]["b"], 0.10),
    "scale 1, without the last ReLU": (24, [[(4, 1)], [(6, 1), (8, 3)]], 1.0, False),
}


def wrong_sums(x: torch.Tensor, f: torch.Tensor, scale: float) -> dict[str, torch.Tensor]:
    """What is wrong -> the sum of a block that has it wrong."""
    return {
        "x is multiplied by the scale, too.": (scale * (x + f)).relu(),
        "The scale belongs to F, not to x.": (scale * x + f).relu(),
        "The scale is missing.": (x + f).relu(),
        "x is not added.": (scale * f).relu(),
        "F may be negative: the ReLU comes after the sum.": (x + (scale * f).relu()).relu(),
        "The ReLU after the sum is missing.": x + scale * f,
    }


@torch.no_grad()
def _which_sum(mine: nn.Module, settings: tuple) -> str:
    """What is wrong with the sum of a block whose layers are right; '' if it is something else."""
    mine, reference = copy.deepcopy(mine), Block(*settings).eval()
    take_weights(mine, reference, (settings[0], 8, 8))
    x = torch.randn(2, settings[0], 8, 8, generator=torch.Generator().manual_seed(0)).relu()
    f = reference.up(torch.cat([branch(x) for branch in reference.branches], 1))
    sums, y = wrong_sums(x, f, settings[2]).items(), mine.eval()(x)
    return next((text for text, other in sums if torch.allclose(y, other, atol=1e-5)), "")


def check_block(answer) -> Verdict:
    for name, settings in CASES.items():
        mine = called(answer, *settings)
        if not isinstance(mine, nn.Module):
            return wrong(f"Expected a network (nn.Module), got {type(mine).__name__}.")
        verdict = same_network(mine, Block(*settings), (settings[0], 8, 8))
        if not verdict:
            unknown = "outputs differ" not in verdict.message
            why = verdict.message if unknown else _which_sum(mine, settings) or verdict.message
            place = f"{name}, {settings[0]} channels"
            return wrong(f"{place}: {why}")
    return correct("Blocks A and B, with a scale and without: your class computes them all.")


@torch.no_grad()
def check_control(answer) -> Verdict:
    for name, settings in CASES.items():
        mine = called(answer, *settings)
        if not isinstance(mine, nn.Module):
            return wrong(f"Expected a network (nn.Module), got {type(mine).__name__}.")
        given = settings[0], 8, 8
        if not (verdict := same_network(mine, NoAddition(*settings), given)):
            added, unscaled = Block(*settings), NoAddition(*settings[:2], 1.0, *settings[3:])
            why = "x is still added." if same_network(mine, added, given) else verdict.message
            if settings[2] != 1 and same_network(mine, unscaled, given):
                why = "The scale is missing: then two things have changed."
            return wrong(f"{name}: {why}")
    return correct("The same layers, and nothing is added.")


def check_reduction(answer) -> Verdict:
    for letters in ((16, 4, 6, 8, 10), (9, 12, 8, 4, 6)):
        mine = called(answer, *letters)
        if not isinstance(mine, nn.Module):
            return wrong(f"Expected a network (nn.Module), got {type(mine).__name__}.")
        verdict = same_network(mine, reduction_a(*letters), (letters[0], 9, 9))
        if "stopped" in verdict.message and "Sizes of tensors must match" in verdict.message:
            return wrong(
                "The three outputs differ in height and width, so they cannot be concatenated. The pooling branch has no padding: "
                "a convolution with stride 2 must have none, too, `(c_out, 3, 2, 0)`, and its stride must be 2."
            )
        if not verdict:
            case = f"With c = {letters[0]}, k = {letters[1]}, l = {letters[2]}, m = {letters[3]}, n = {letters[4]}"
            return wrong(f"{case}: {verdict.message}")
    return correct("Three branches, and the paper's four letters in their places.")


def check_body(answer) -> Verdict:
    for version, counts in (("resnet_v1", (1, 1, 1)), ("resnet_v2", (2, 1, 0))):
        mine = called(answer, 8, version, counts)
        if not isinstance(mine, nn.Module):
            return wrong(f"Expected a network (nn.Module), got {type(mine).__name__}.")
        verdict = same_network(mine, body(8, version, counts), (8, 15, 15))
        if not verdict:
            return wrong(f'body(8, "{version}", {counts}): {verdict.message}')
    return correct("Blocks and reductions fit, for both versions.")


def _lively(channels: int, scale: float) -> ScaledResidual:
    """A block whose biases are not 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        block = ScaledResidual(channels, [(4, 1)], [(4, 1), (6, 3)], scale=scale)
        nn.init.normal_(block.up.bias)
    return block.eval()


def check_fold(answer) -> Verdict:
    generator = torch.Generator().manual_seed(1)
    for channels, scale in ((8, 0.1), (12, 0.3)):
        block, x = _lively(channels, scale), torch.randn(2, channels, 5, 5, generator=generator)
        kept = copy.deepcopy(block)
        got = called(answer, block)
        if not isinstance(got, nn.Module):
            return wrong(f"Expected a block (nn.Module), got {type(got).__name__}.")
        before, after = kept.state_dict(), block.state_dict()
        if block.scale != scale or any(not torch.equal(before[k], after[k]) for k in before):
            return wrong(
                "The block that you were given has changed: work on a copy (`copy.deepcopy`)."
            )
        if getattr(got, "scale", None) != 1:
            return wrong(
                f"Expected a block with scale 1, got scale {getattr(got, 'scale', None)}."
            )
        with torch.no_grad():
            want, found = kept(x), got.eval()(x)
        if not torch.allclose(want, found, atol=1e-5):
            same_bias = torch.equal(got.up.bias, kept.up.bias)
            if same_bias and not torch.equal(got.up.weight, kept.up.weight):
                return wrong(
                    "The weights are scaled, the bias is not: F(x) = W · z + b has both."
                )
            return wrong(
                f"With scale {scale} the outputs differ by up to {(want - found).abs().max():.3g}: which layer comes "
                "right before the multiplication?"
            )
    return correct(
        "The same function, with scale 1. A scale lets a network compute nothing new."
    )


@cache
def _sides_of_maps(side: int) -> tuple[int, ...]:
    with torch.device("meta"):
        profile = complexity.profile(models.inception_v4(10), (3, side, side))
    shapes = {stage.name: stage.output_shape for stage in profile.stages}
    return tuple(
        shapes[f"features.{name}"][1] for name in ("stem", "reduction_a", "reduction_b")
    )


def check_sides(answer) -> Verdict:
    places = "the stem", "reduction A", "reduction B"
    for side in (299, 331, 160, 75):
        want, got = _sides_of_maps(side), called(answer, side)
        if not isinstance(got, tuple | list) or len(got) != 3:
            return wrong(
                f"Expected three numbers (after the stem, reduction A, reduction B), got {got!r}."
            )
        if tuple(got) != want:
            place = next(name for name, g, w in zip(places, got, want) if g != w)
            why = ""
            if any(isinstance(g, float) and g != int(g) for g in got):
                why = " There is no half pixel: a window must fit completely, so round down."
            elif want == (35, 17, 8):
                why = " A 3 × 3 without padding: (side - 3) // 2 + 1 with stride 2, side - 2 with stride 1."
            return wrong(
                f"Images of {side} pixels: expected {want}, got {tuple(got)}. Look after {place}."
                + why
            )
    return correct("Right for 299, 331, 160 and 75 pixels. With 75 a single pixel is left.")


def check_deviation(answer) -> Verdict:
    for blocks, scale in ((10, 0.1), (40, 0.3), (10, 1.0), (0, 1.0)):
        want, got = (1 + blocks * scale**2) ** 0.5, called(answer, blocks, scale)
        if not isinstance(got, int | float):
            return wrong(f"Expected a number, got {type(got).__name__}.")
        if abs(got - want) > 1e-6 * want:
            others = {
                "That is the variance; the standard deviation is its square root": want**2,
                "Standard deviations do not add, variances do": 1 + blocks * scale,
                "A scale multiplies the standard deviation; the variance gets its square": (
                    1 + blocks * scale
                )
                ** 0.5,
                "That multiplies from block to block, as if F grew with x": (1 + scale**2)
                ** (blocks / 2),
            }
            why = next(
                (text for text, value in others.items() if abs(got - value) < 1e-6 * value),
                phrase("Not yet"),
            )
            return wrong(
                f"{why}: for {blocks} blocks and scale {scale} expected {want:.4f}, got {got:.4f}."
            )
    return correct(
        "√(1 + n · scale²): ten blocks of scale 1 give 3.3, forty of scale 0.1 give 1.18."
    )


def check_mended(answer) -> Verdict:
    x = torch.randn(2, 8, 5, 5, generator=torch.Generator().manual_seed(1))
    for scale in (0.1, 0.3):
        block = _lively(8, scale)
        with torch.no_grad():
            given = x.relu()
            got, f = called(answer, block, given.clone()), block.up(block.branches(given))
        if not isinstance(got, torch.Tensor) or got.shape != x.shape:
            return wrong(f"Expected a tensor of {shape(x)}, got {shape(got)}.")
        if not torch.allclose(got, (given + scale * f).relu(), atol=1e-5):
            sums = wrong_sums(given, f, scale).items()
            found = [text for text, y in sums if torch.allclose(got, y, atol=1e-5)]
            return wrong(
                found[0]
                if found
                else f"With scale {scale} expected relu(x + {scale} · F(x)): the values differ."
            )
    return correct("x passes unchanged, and F(x) alone is scaled.")


def _after_steps(net: nn.Module, groups: list) -> torch.Tensor:
    """What a network answers after three steps of SGD with momentum."""
    generator = torch.Generator().manual_seed(2)
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    for _ in range(3):
        images, labels = torch.randn(8, 1, 8, 8, generator=generator), torch.arange(8)
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(images), labels).backward()
        optimizer.step()
    with torch.no_grad():
        return net.eval()(images)


def check_same_steps(answer) -> Verdict:
    for scale, rate in ((0.1, 0.1), (0.3, 0.05)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            scaled = models.small.inception_resnet(channels=1, width=8, blocks=1, scale=scale)
        folded, other = copy.deepcopy(scaled), copy.deepcopy(scaled)
        for name, block in list(folded.features.named_children()):
            if isinstance(block, ScaledResidual):
                folded.features.set_submodule(name, fold(block))
        groups = called(answer, folded, rate, scale)
        if not isinstance(groups, list) or not all(
            isinstance(g, dict) and "params" in g for g in groups
        ):
            return wrong(
                f'Expected a list of {{"params": …, "lr": …}}, got {type(groups).__name__}.'
            )
        rates = [g.get("lr", rate) for g in groups]
        if not all(isinstance(r, int | float) and 0 < r < 1 for r in rates):
            return wrong(f"Expected learning rates above 0, got {rates}.")
        groups = [{"params": list(g["params"]), "lr": r} for g, r in zip(groups, rates)]
        given = sum(p.numel() for g in groups for p in g["params"])
        wanted = sum(p.numel() for p in folded.parameters())
        if given != wanted:
            return wrong(
                f"The network has {wanted:,} parameters, your groups {given:,}: each belongs to one group."
            )
        want = _after_steps(other, [{"params": list(other.parameters()), "lr": rate}])
        got = _after_steps(folded, groups)
        if not torch.allclose(want, got, atol=2e-3 * want.abs().max().item()):
            if all(abs(r - rate) < 1e-9 for r in rates):
                return wrong(
                    "Every layer has the same rate: then folded does not follow. Only `up` needs another one."
                )
            if any(abs(r - rate * scale) < 1e-9 for r in rates):
                return wrong(
                    "One scale is missing: it acts in the forward pass, and once more on the gradient."
                )
            return wrong(
                f"After three steps with scale {scale} the networks differ: look at the rate of `up`."
            )
    return correct(
        "Now folded makes the same steps as scaled: `up` learns with scale² times the rate."
    )
