"""06 ResNet: the solutions of its builds and exercises, and their checks."""

import copy

import torch
from torch import nn

from lecture8.teaching import (
    Verdict,
    called,
    correct,
    number_check,
    same_network,
    shape,
    wrong,
)
from lecture8.words import phrase


class Block(nn.Module):
    def __init__(self, c_in, c_out, stride=1, shortcut=None):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(c_out)
        self.shortcut = shortcut

    def forward(self, x):
        f = self.norm1(self.conv1(x)).relu()
        f = self.norm2(self.conv2(f))
        if self.shortcut is not None:
            f = f + self.shortcut(x)
        return f.relu()


class OptionA(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.extra = c_out - c_in

    def forward(self, x):
        x = x[:, :, ::2, ::2]
        return nn.functional.pad(x, (0, 0, 0, 0, 0, self.extra))


def resnet(depth, width=16, classes=10, channels=3, residual=True):
    layers = [nn.Conv2d(channels, width, 3, padding=1, bias=False)]
    layers += [nn.BatchNorm2d(width), nn.ReLU()]
    c_in = width
    for c_out in (width, 2 * width, 4 * width):
        for _ in range((depth - 2) // 6):
            same = c_in == c_out
            stride = 1 if same else 2
            shortcut = nn.Identity() if same else OptionA(c_in, c_out)
            layers.append(Block(c_in, c_out, stride, shortcut if residual else None))
            c_in = c_out
    end = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, classes)
    return nn.Sequential(*layers, *end)


class Bottleneck(nn.Module):
    def __init__(self, c_in, c_out, stride=1, shortcut=None):
        super().__init__()
        width = c_out // 4
        self.conv1 = nn.Conv2d(c_in, width, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, c_out, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(c_out)
        self.shortcut = shortcut

    def forward(self, x):
        f = self.norm1(self.conv1(x)).relu()
        f = self.norm2(self.conv2(f)).relu()
        f = self.norm3(self.conv3(f))
        if self.shortcut is not None:
            f = f + self.shortcut(x)
        return f.relu()


# --- checks of the builds


class Probe(nn.Module):
    """A shortcut whose effect can be told from that of the input itself: scaled, with a stride."""

    def __init__(self, c_in: int, c_out: int, stride: int):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 1, stride)

    def forward(self, x):
        return self.conv(x)


def _check_block(answer, reference, settings: dict, unlike) -> Verdict:
    """A block with each kind of shortcut against the reference; unlike: (mine, theirs, images) -> a hint, or ''."""
    for (c_in, c_out, stride), kinds in settings.items():
        for name, make in kinds.items():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                shortcut = make()
            mine, theirs = (
                called(build, c_in, c_out, stride, copy.deepcopy(shortcut))
                for build in (answer, reference)
            )
            case = f"{reference.__name__}({c_in}, {c_out}, stride={stride}, shortcut={name})"
            if not isinstance(mine, nn.Module):
                return wrong(f"Expected a network (nn.Module), got {type(mine).__name__}.")
            verdict = same_network(mine, theirs, (c_in, 8, 8))
            if not verdict:
                return wrong(f"{case}: {verdict.message}{unlike(mine, theirs, c_in)}")
            if missing := dict(theirs.named_children()).keys() - vars(mine)["_modules"].keys():
                return wrong(
                    f"The right function, but later cells use the skeleton's names. Missing: {', '.join(sorted(missing))}."
                )
    return correct("Right without a shortcut, with the identity, and where the shapes change.")


def _hint(mine: nn.Module, theirs: nn.Module, c_in: int) -> str:
    """What is wrong with a block whose layers are right: told from its outputs with the reference's weights."""
    mine, theirs = copy.deepcopy(mine).eval(), copy.deepcopy(theirs).eval()
    if {k: v.shape for k, v in mine.state_dict().items()} != {
        k: v.shape for k, v in theirs.state_dict().items()
    }:
        return ""
    mine.load_state_dict(theirs.state_dict())
    x = torch.randn(2, c_in, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        try:
            got, want = mine(x), theirs(x)
        except Exception:
            return ""
        if got.shape != want.shape:
            return ""
        if (got < 0).any():
            return " Your output has negative values: the last ReLU comes after the sum."
        shortcut, theirs.shortcut = theirs.shortcut, None
        plain = theirs(x)
        if shortcut is None:
            return ""
        if torch.allclose(got, plain, atol=1e-5):
            return (
                " Your block forgets its shortcut: add `self.shortcut(x)` before the last ReLU."
            )
        if torch.allclose(got, (plain + shortcut(x)).relu(), atol=1e-5):
            return " Yours applies a ReLU to F(x) before the sum: add first, then ReLU."
    return ""


IDENTITY = {"nn.Identity()": nn.Identity}
PROJECTION = phrase("a projection")


def check_block(answer) -> Verdict:
    settings = {
        (4, 8, 2): {"None": lambda: None, PROJECTION: lambda: Probe(4, 8, 2)},
        (4, 4, 1): {"None": lambda: None} | IDENTITY,
    }
    return _check_block(answer, Block, settings, _hint)


def check_bottleneck(answer) -> Verdict:
    settings = {
        (16, 32, 2): {"None": lambda: None, PROJECTION: lambda: Probe(16, 32, 2)},
        (16, 16, 1): {"None": lambda: None} | IDENTITY,
        (8, 16, 1): {PROJECTION: lambda: Probe(8, 16, 1)},
    }
    return _check_block(answer, Bottleneck, settings, _hint)


def check_option_a(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    for c_in, c_out, size in ((16, 32, 8), (4, 8, 6), (8, 24, 6)):
        x = torch.randn(2, c_in, size, size, generator=generator)
        layer, want = called(answer, c_in, c_out), OptionA(c_in, c_out)(x)
        if not isinstance(layer, nn.Module):
            return wrong(f"Expected a module (nn.Module), got {type(layer).__name__}.")
        got, case = called(layer, x), f"for {c_in} × {size} × {size} and c_out={c_out}"
        if not isinstance(got, torch.Tensor):
            return wrong(f"Expected a tensor {case}, got {type(got).__name__}.")
        if got.shape != want.shape:
            return wrong(
                f"Expected the shape {shape(want)} for {c_in} × {size} × {size} and c_out={c_out}, got {shape(got)}."
            )
        if not torch.equal(got[:, :c_in], want[:, :c_in]):
            said = f"The first {c_in} channels {case} should be every second pixel of x."
            if got[:, :c_in].std() < 0.8 * want[:, :c_in].std():
                said = f"The first {c_in} channels {case} should be every second pixel of x (they look averaged: option A only skips)."
            return wrong(said)
        if got[:, c_in:].any():
            return wrong(f"The {c_out - c_in} new channels {case} should be all zeros.")
    return correct(
        "Every second pixel, and zeros for the channels that x lacks: no parameter anywhere."
    )


def check_resnet(answer) -> Verdict:
    for settings in ((20, 8, 10, 3, True), (14, 4, 5, 1, True), (20, 4, 10, 1, False)):
        depth, _, _, channels, residual = settings
        mine, case = (
            called(answer, *settings),
            f"{'residual' if residual else 'plain'}, {depth} layers",
        )
        if not isinstance(mine, nn.Module):
            return wrong(f"Expected a network (nn.Module), got {type(mine).__name__}.")
        reference = resnet(*settings)
        verdict = same_network(mine, reference, (channels, 16, 16))
        if not verdict:
            return wrong(f"{case}: {verdict.message}{_missing(mine, reference)}")
        if not (isinstance(mine, nn.Sequential) and len(mine) == len(reference)):
            return wrong(
                f"{case}: the right function, but later cells expect an nn.Sequential of {len(reference)} parts: "
                "convolution, normalization, ReLU, the blocks one by one, pooling, flatten, linear."
            )
    return correct("20 layers of your blocks, plain or residual, for gray and color images.")


def _missing(mine: nn.Module, reference: nn.Module) -> str:
    counts = [
        sum(isinstance(m, nn.Identity | OptionA) for m in net.modules())
        for net in (mine, reference)
    ]
    if counts[0] == counts[1]:
        return ""
    return f" Shortcuts in yours: {counts[0]}, in the reference: {counts[1]}."


# --- the exercises


def my_growth():
    return round((1 + 0.1) ** 27), round(1.3**27)


def my_cost():
    return 256 * 128 * 56**2 + 9 * 128 * 128 * 28**2 + 128 * 512 * 28**2


def my_paths():
    return 2 * (9 * 8 * 7 * 6 // (4 * 3 * 2))


def deepen(net, kind):
    layers = []
    for layer in net:
        layers.append(layer)
        if isinstance(layer, kind):
            channels = layer.conv2.out_channels
            extra = kind(channels, channels, shortcut=nn.Identity())
            nn.init.zeros_(extra.norm2.weight)
            layers.append(extra)
    return nn.Sequential(*layers)


def repair(net, images):
    for block in net[3:-3]:
        block.norm1 = copy.deepcopy(block.norm1)
        block.norm2 = copy.deepcopy(block.norm2)
    net.train()
    with torch.no_grad():
        for _ in range(60):
            net(images)
    return net.eval()


def check_growth(answer) -> Verdict:
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        return wrong(f"Expected two numbers, (residual, plain), got {answer!r}.")
    names = "residual", "plain"
    for name, given, check in zip(names, answer, GROWTH, strict=True):
        if not (verdict := check(given)):
            return wrong(f"{name}: {verdict.message}")
    return correct("13 times with shortcuts, 1,193 times without.")


GROWTH = (
    number_check(
        13,
        traps={
            0: "0.1²⁷ leaves the shortcut out: each factor is 1 + 0.1.",
            4: "1 + 27 · 0.1 adds the blocks; the chain rule multiplies.",
            12: "1.1²⁶ has one block less.",
            14: "1.1²⁸ has one block more.",
        },
        unit="times",
    ),
    number_check(
        1193,
        traps={
            35: "27 · 1.3 adds the blocks; the chain rule multiplies.",
            917: "1.3²⁶ has one block less.",
            round(2.3**27): "2.3 would be the factor with a shortcut; a plain block has 1.3.",
        },
        unit="times",
    ),
)


def _convolutions(net: nn.Module) -> int:
    return sum(isinstance(m, nn.Conv2d) for m in net.modules())


def check_deepen(answer) -> Verdict:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for depth, width in ((8, 4), (14, 6)):
            net, images = resnet(depth, width, channels=1), torch.rand(4, 1, 8, 8)
            with torch.no_grad():
                for _ in range(3):
                    net(images)  # the running statistics are no longer 0 and 1
                want, before = net.eval()(images), _convolutions(net)
                mine, case = (
                    called(answer, copy.deepcopy(net), Block),
                    f"ResNet-{depth} of width {width}",
                )
                if not isinstance(mine, nn.Module):
                    return wrong(f"Expected a network (nn.Module), got {type(mine).__name__}.")
                blocks, after = (before - 1) // 2, _convolutions(mine)
                if after != before + 2 * blocks:
                    return wrong(
                        f"{case} has {before} convolutions in and around {blocks} blocks; expected {before + 2 * blocks} "
                        f"afterwards, got {after}: add one block after each."
                    )
                got = mine.eval()(images)
            if got.shape != want.shape:
                return wrong(f"{case}: expected {shape(want)} logits, got {shape(got)}.")
            if not torch.equal(got, want):
                return wrong(
                    f"{case}: the logits differ by up to {(got - want).abs().max():.2g}. A new block must output its "
                    "input: F = 0 needs the last scale at zero, and the identity as shortcut."
                )
            if sum(p.requires_grad for p in mine.parameters()) < 3 * after:
                return wrong(
                    "The new layers must stay trainable: leave requires_grad as it is."
                )
            if still := _not_learning(mine, images):
                return wrong(
                    f"{case}: convolutions unchanged after three steps of training: {still} of {after}. A "
                    "new block whose convolutions are zero as well as its last scale gets no gradient: leave the "
                    "convolutions' initial weights alone."
                )
    return correct(
        "Twice as many blocks and the same logits, bit for bit: the deeper network contains the other."
    )


def _not_learning(net: nn.Module, images: torch.Tensor) -> int:
    """How many convolutions three steps of SGD leave as they are."""
    before = [conv.weight.clone() for conv in _convs(net)]
    optimizer = torch.optim.SGD(net.train().parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(images), torch.arange(len(images))).backward()
        optimizer.step()
    return sum(
        torch.equal(old, conv.weight) for old, conv in zip(before, _convs(net), strict=True)
    )


def share_norms(net: nn.Sequential) -> nn.Sequential:
    """The network with a single normalization for all convolutions of a stage: the mistake of exercise "repair"."""
    first = {}
    for block in net[3:-3]:
        for name in ("norm1", "norm2"):
            norm = getattr(block, name)
            setattr(block, name, first.setdefault(norm.num_features, norm))
    return net


def check_repair(answer) -> Verdict:
    with torch.random.fork_rng(devices=[]):
        net, images = share_norms(resnet(14, 6, channels=1)), _blobs(96)
        before = copy.deepcopy(net)
        repaired = called(answer, net, images)
        if not isinstance(repaired, nn.Module):
            return wrong(f"Expected the network, got {type(repaired).__name__}.")
        norms = [m for m in repaired.modules() if isinstance(m, nn.BatchNorm2d)]
        if len(norms) != 13:
            return wrong(
                f"Expected 13 normalizations, one for each convolution; there are {len(norms)}: is one still shared?"
            )
        if any(
            not torch.equal(a.weight, b.weight)
            for a, b in zip(_convs(repaired), _convs(before), strict=True)
        ):
            return wrong("The convolutions have learned already: leave their weights alone.")
        if any(module.training for module in repaired.modules()):
            return wrong("Your network is still in training mode: return `net.eval()`.")
        with torch.no_grad():
            want, got = before.train()(images), repaired(images)
        if not torch.isfinite(got).all():
            return wrong("The repaired network outputs nan or inf.")
        off = ((got - want).norm() / want.norm()).item()
    if off > 0.2:
        return wrong(
            f"In evaluation mode its logits are {off:.0%} away from those that it had in training mode. Do the running "
            "statistics belong to their places now? Pass images through it in training mode, some 50 times."
        )
    return correct(
        "Every place has its own normalization and its own running statistics; nothing was trained."
    )


def _convs(net: nn.Module) -> list[nn.Conv2d]:
    return [m for m in net.modules() if isinstance(m, nn.Conv2d)]


def _blobs(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(count, 1, 8, 8, generator=generator)
