"""Train the nets that the explorer and the figures of 01_transfer_learning load, on the CPU, in minutes each.

python -m lecture8.lessons.l01_transfer_learning.experiments             transfer_grid.csv
python -m lecture8.lessons.l01_transfer_learning.experiments sources     source_value.csv, 20 and 100 labels
python -m lecture8.lessons.l01_transfer_learning.experiments labels      source_value.csv, 500 and 2,000 labels
python -m lecture8.lessons.l01_transfer_learning.experiments layers      frozen_layers.csv
python -m lecture8.lessons.l01_transfer_learning.experiments statistics  frozen_statistics.csv
python -m lecture8.lessons.l01_transfer_learning.experiments writing     handwriting.csv

grid: three sources, seven depths of freezing, four numbers of labels, three seeds. sources, labels: random weights and
three sources, each with every recipe. layers: the first layers frozen, from a trained network or from random weights.
statistics: frozen weights whose batch normalization adapts, or does not. writing: handwritten digits as the source, made
like the target step by step. All but grid resume after an interruption; --controls runs their controls: longer training,
other learning rates, the source's own statistics.

The network, its learning rates and its epochs are those of the notebook, which trains one entry again and compares.
"""

import argparse
import copy
import dataclasses
import math
import os
from functools import cache, partial
from itertools import product
from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture8 import datasets, published, training, transfer
from lecture8.models import layers

SEEDS, MORE_SEEDS = (0, 1, 2), range(8)  # more, where the seeds differ by much
EPOCHS = {20: 40, 100: 30, 500: 20, 2000: 10}  # number of labels -> epochs
LR, FACTOR = 0.01, 0.5
SOURCES = {  # what a network was trained on before it sees a letter; "none": random weights
    "none": None,
    "printed digits": lambda: datasets.glyphs(per_class=200, characters="0123456789"),
    "gratings": lambda: datasets.textures(per_class=167),
    "handwritten digits": datasets.digits,
}
RUNS = Path("runs") / "01_transfer_learning"  # the networks of SOURCES, each trained once
NET = (
    "net of six convolutions, Adam, target printed letters A to J, 16 × 16 pixels, 400 to test"
)


def build(num_classes: int) -> layers.Network:
    """Six 3 × 3 convolutions, of which every second one halves the image."""
    stages, c_in = {}, 1
    for i, c_out in enumerate((16, 16, 32, 32, 64, 64), start=1):
        stages[f"conv{i}"] = layers.conv(c_in, c_out, kernel=3, stride=2 - i % 2)
        c_in = c_out
    return layers.he_init(
        layers.Network(stages, layers.average_pool_classifier(c_in, num_classes), channels=1)
    )


def train(net, data, seed: int, epochs: int, factor: float, lr: float = LR, file=None) -> None:
    """Adam, the classifier at `lr`, each stage below `factor` times as fast as the one above."""
    optimizer = torch.optim.Adam(transfer.layerwise(net, lr, factor))
    batch_size = 50 if len(data.train) > 100 else 25
    training.fit(
        net, data, optimizer, epochs, batch_size=batch_size, seed=seed, checkpoint=file
    )


def pretrained(data: datasets.Data | None, seed: int, epochs: int = 6, file=None):
    """A network trained on `data` at one rate; without data, one with random weights."""
    torch.manual_seed(seed)
    net = build(data.num_classes if data else 10)
    if data:
        train(net, data, seed, epochs, 1, file=file)
    return net


@cache
def source_net(name: str, seed: int) -> layers.Network:
    """The network of one of SOURCES; all runs share it, so change only what `copied` gives."""
    RUNS.mkdir(parents=True, exist_ok=True)
    file = RUNS / f"{name.replace(' ', '-')}-{seed}.pt"
    return pretrained(SOURCES[name] and SOURCES[name](), seed, file=file)


@cache
def letters() -> datasets.Data:
    """The target: 2,000 letters to train on, 400 to validate, 400 to test."""
    return datasets.glyphs(per_class=200, characters="ABCDEFGHIJ", seed=1)


def some(labels: int, seed: int) -> datasets.Data:
    """The target with so many labels: each seed gets different ones, as long as there are enough."""
    data = letters()
    return data.take((torch.arange(labels) + seed * labels) % len(data.train))


def copied(net: layers.Network, seed: int) -> layers.Network:
    """A copy with a new head for the ten letters."""
    torch.manual_seed(seed)
    return transfer.replace_head(copy.deepcopy(net), letters().num_classes)


@torch.no_grad()
def calibrate(net: layers.Network, images: Tensor) -> layers.Network:
    """Gives batch normalization the means and variances of these images, in place; no weight changes."""
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0  # the running statistics become those of this one batch
    net.train()(images)
    for norm in norms:
        norm.momentum = 0.1
    return net


def adapt(net, data, seed: int, epochs: int, frozen=0, factor=1.0, lr=LR) -> dict[str, float]:
    """Trains `net`, its first `frozen` stages frozen, in place: accuracy on the validation and the test letters.

    What is frozen is computed once, and the rest trained on its output: the same as training the whole.
    """
    if frozen:
        data = transfer.extract_features(net, data, f"conv{frozen}")
        rest = dict(list(net.features.named_children())[frozen:])
        net = layers.Network(rest, net.classifier, channels=data.image_shape[0])
    few = dataclasses.replace(data, valid=data.valid.take(10))  # the curves are not used
    train(net, few, seed, epochs, factor, lr)
    return {
        f"{split}_accuracy": training.evaluate(net, data, split).accuracy
        for split in ("valid", "test")
    }


def grid() -> None:
    """All runs, then the table transfer_grid.csv."""
    rows = []
    for seed, (labels, epochs), name in product(SEEDS, EPOCHS.items(), SOURCES):
        ways = [(0, 1), *((frozen, FACTOR) for frozen in range(7))]
        for frozen, factor in ways if name != "none" else ways[:1]:
            net = copied(source_net(name, seed), seed)
            found = adapt(net, some(labels, seed), seed, epochs, frozen, factor)
            accuracy = round(found["test_accuracy"], 4)
            rows.append((name, labels, frozen, factor, seed, accuracy))
            print(*rows[-1], flush=True)
    about = (
        "test accuracy on printed letters A to J of a net of six convolutions; source: what it was trained on before "
        "(none: random weights), labels: training letters, frozen: how many of its convolutions, from the image on, "
        "factor: by which each stage learns more slowly than the one above it"
    )
    table = pd.DataFrame(
        rows, columns=["source", "labels", "frozen", "factor", "seed", "test_accuracy"]
    )
    published.write(Path(__file__).with_name("transfer_grid.csv"), table, about, SEEDS)


# --- every source with every recipe ------------------------------------------------------------
def run_source(source: str, recipe: str, labels: int, lr: float, epochs: int, seed: int):
    """One row of source_value.csv."""
    net, data = copied(source_net(source, seed), seed), some(labels, seed)
    if recipe == "frozen" and source == "none":
        calibrate(net, data.train.images)  # else statistics that belong to no image
    if recipe in ("frozen", "head first"):
        found = adapt(net, data, seed, epochs, frozen=6, lr=lr)
    if recipe != "frozen":
        factor = FACTOR if recipe == "layer-wise" else 1
        found = adapt(net, data, seed, epochs, factor=factor, lr=lr)
    return [found]


def sources(controls: bool, more: bool = False) -> None:
    """Fills source_value.csv: 20 and 100 labels, more: 500 and 2,000; controls: for longer, and at other rates."""
    what = (
        f"{NET}; source: what it was trained on before (none: random weights); recipe: one rate for all layers, layer-wise "
        "(each stage half as fast as the one above it), head first (the head alone, then all at one rate for as long again) or "
        "frozen (the head alone; random weights with the batch statistics of the training letters); lr: of the head"
    )

    def fill(names, recipes, labels, seeds, rates=(LR,), longer: int = 1) -> None:
        arms = [
            dict(source=n, recipe=r, labels=c, lr=lr, epochs=longer * EPOCHS[c], seed=s)
            for c, s, lr, n, r in product(labels, seeds, rates, names, recipes)
        ]
        published.collect(Path(__file__).with_name("source_value.csv"), what, arms, run_source)

    both = ("one rate", "layer-wise")
    if more:
        return fill(SOURCES, both, [2000, 500], SEEDS)
    if not controls:
        fill(SOURCES, [*both, "frozen"], [20], MORE_SEEDS)
        fill(SOURCES, [*both, "frozen"], [100], range(5))
        fill(["printed digits"], ["head first"], [20], MORE_SEEDS)
        return fill(["none"], ["layer-wise"], [2000, 500], SEEDS)
    # is an arm behind only because it is slow, or because this rate suits another one?
    fill(["printed digits"], ["one rate"], [20], MORE_SEEDS, rates=(0.001, 0.003))
    fill(["printed digits"], ["one rate"], [20], MORE_SEEDS, longer=3)
    fill(SOURCES, both, [100], SEEDS, longer=3)
    fill(["none", "gratings"], ["layer-wise"], [2000], SEEDS, longer=3)
    fill(SOURCES, both, [100], SEEDS, rates=(0.003, 0.03))
    fill(["none", "gratings"], ["layer-wise"], [2000], SEEDS, rates=(0.03,))


# --- the first layers frozen -------------------------------------------------------------------
def layers_frozen(controls: bool) -> None:
    """Fills frozen_layers.csv."""
    what = (
        f"{NET}, 2,000 letters to train on; source: what it was trained on before (none: random weights); statistics: batch "
        "normalization's at the start, from the source or from the training letters; frozen: so many convolutions from the "
        "image on, the rest trained at one rate, 0.01"
    )

    def run(source: str, statistics: str, frozen: int, epochs: int, seed: int) -> list[dict]:
        net, data = copied(source_net(source, seed), seed), some(2000, seed)
        if statistics == "letters":
            calibrate(net, data.train.images)
        return [adapt(net, data, seed, epochs, frozen)]

    def fill(names, statistics: str, depths, epochs: int = 10) -> None:
        arms = [
            dict(source=n, statistics=statistics, frozen=k, epochs=epochs, seed=s)
            for k, s, n in product(depths, SEEDS, names)
        ]
        published.collect(Path(__file__).with_name("frozen_layers.csv"), what, arms, run)

    names = ["none", "gratings", "printed digits"]
    if not controls:
        return fill(names, "letters", (2, 4, 0, 6, 1))
    fill(names[1:], "source", (2, 4, 6))
    fill(names[:2], "letters", (2,), epochs=30)


# --- frozen weights, statistics that adapt -----------------------------------------------------
def statistics(controls: bool) -> None:
    """Fills frozen_statistics.csv."""
    what = (
        f"{NET}; all weights but the head's frozen, head trained at 0.01; source: what the rest was trained on; statistics of "
        "batch normalization: held, adapting (as in training mode), or set once to those of the training letters and held"
    )

    def run(source: str, labels: int, statistics: str, epochs: int, seed: int) -> list[dict]:
        net, data = copied(source_net(source, seed), seed), some(labels, seed)
        if statistics == "adapting":
            net.features.requires_grad_(False)
            return [adapt(net, data, seed, epochs)]
        if statistics == "set once":
            calibrate(net, data.train.images)
        return [adapt(net, data, seed, epochs, frozen=6)]

    longer, seeds = (3, SEEDS) if controls else (1, range(5))
    arms = [
        dict(source=n, labels=c, statistics=kind, epochs=longer * EPOCHS[c], seed=s)
        for c, s, n, kind in product(
            (20, 100, 500),
            seeds,
            ("printed digits", "gratings"),
            ("held", "adapting", "set once"),
        )
    ]
    published.collect(Path(__file__).with_name("frozen_statistics.csv"), what, arms, run)


# --- handwriting, made like the target step by step --------------------------------------------
def placed(ink: Tensor, random: Tensor) -> Tensor:
    """Drawings, N × 1 × H × W, at 55 to 85 % of their size, turned by up to 15° and shifted inside the picture.

    random: 4 × N numbers from -1 to 1: size, rotation, shift to the side and down
    """
    scale, angle = 0.7 + 0.15 * random[0], math.radians(15) * random[1]
    cos, sin = angle.cos(), angle.sin()
    spare = (1 - scale * (cos + sin.abs())).clamp(min=0)
    x, y = random[2] * spare, random[3] * spare
    # where in the drawing each point of the picture lies: shift, rotate and scale backwards
    rows = [[cos, sin, -(cos * x + sin * y)], [-sin, cos, sin * x - cos * y]]
    theta = torch.stack([torch.stack(row, -1) for row in rows], 1) / scale[:, None, None]
    size = [
        len(ink),
        1,
        *(2 * side for side in ink.shape[2:]),
    ]  # averaged below: smooth strokes
    points = F.affine_grid(theta, size, align_corners=False)
    return F.avg_pool2d(F.grid_sample(ink, points, align_corners=False), 2)


def handwriting(*added: str) -> datasets.Data:
    """2,000 drawings of the handwritten digits, with what `datasets.glyphs` varies: any of STEPS, by its formulas."""
    plain = datasets.digits()

    def drawn(split: datasets.Split, count: int, seed: int):
        generator = torch.Generator().manual_seed(seed)
        which = torch.arange(count) % len(split)
        ink = split.pixels[which].float() / 255
        # all numbers are drawn in any case: a drawing is the same but for what is added
        place = 2 * torch.rand(4, count, generator=generator) - 1
        dark, gap, noise, turned = torch.rand(4, count, 1, 1, 1, generator=generator)
        white = torch.randn(ink.shape, generator=generator)
        if "place" in added:
            ink = placed(ink, place)
        if "polarities" in added:
            ink = torch.where(turned < 0.5, ink, 1 - ink)
        if "shades" in added:
            gap = 0.45 + 0.55 * gap
            ink = dark * (1 - gap) + gap * ink
        if "noise" in added:
            ink = ink + 0.08 * noise * white
        return datasets.to_bytes(ink), split.labels[which]

    counts = {"train": 2000, "valid": 200, "test": 300}
    parts = [drawn(getattr(plain, k), n, i) for i, (k, n) in enumerate(counts.items())]
    return datasets.assemble(parts, plain.classes, "handwritten digits")


def coarse_print() -> datasets.Data:
    """Printed digits drawn at 8 × 8 pixels and enlarged, as the handwritten ones were scanned."""
    data = datasets.glyphs(size=8, per_class=200, characters="0123456789")
    return data.map(
        lambda pixels: datasets.to_bytes(
            F.interpolate(pixels.float() / 255, size=(16, 16), mode="bilinear")
        )
    )


def plain_print() -> datasets.Data:
    """Printed digits, all light on black and clean: what shades, polarities and noise are worth in print."""

    def cleaned(pixels: Tensor) -> Tensor:
        shown = pixels.float() / 255
        border = torch.cat(
            [shown[..., [0, -1], :].flatten(1), shown[..., [0, -1]].flatten(1)], 1
        )
        away = (shown - border.median(1).values.view(-1, 1, 1, 1)).abs()
        ink = away / away.amax((1, 2, 3), keepdim=True)
        return datasets.to_bytes((ink - 0.25) / 0.5)  # the noise is below a quarter of the ink

    return SOURCES["printed digits"]().map(cleaned)


STEPS = ("shades", "polarities", "noise", "place")  # place: size, rotation and position
WRITING = {
    "as scanned": lambda: handwriting(),
    "+ shades": lambda: handwriting(*STEPS[:1]),
    "+ both polarities": lambda: handwriting(*STEPS[:2]),
    "+ noise": lambda: handwriting(*STEPS[:3]),
    "+ size, rotation, position": lambda: handwriting(*STEPS),
    "size, rotation, position alone": lambda: handwriting("place"),
    "printed": SOURCES["printed digits"],
    "printed, 8 × 8 enlarged": coarse_print,
    "printed, light on black": plain_print,
}


def writing(controls: bool) -> None:
    """Fills handwriting.csv: every source of WRITING, and the one nearest to the target trained for longer."""
    what = (
        f"{NET}; source: 2,000 handwritten digits (1,297 scans) with the target's shades, polarities, noise and size, rotation, "
        "position added one after another, or 2,000 printed digits; source_epochs: on the source; recipe: layer-wise from 0.01 "
        "(each stage half as fast as the one above it) or frozen (the head alone)"
    )

    def run(source: str, source_epochs: int, seed: int) -> list[dict]:
        data = WRITING[source]()
        first = pretrained(data, seed, source_epochs)
        shared = {"source_accuracy": training.evaluate(first, data).accuracy}
        rows = []
        for labels, recipe in ((20, "layer-wise"), (20, "frozen"), (100, "layer-wise")):
            how = {"frozen": 6} if recipe == "frozen" else {"factor": FACTOR}
            net = copied(first, seed)
            found = adapt(net, some(labels, seed), seed, EPOCHS[labels], **how)
            rows.append({"recipe": recipe, "labels": labels, **shared, **found})
            del rows[-1]["valid_accuracy"]
        return rows

    names, epochs, seeds = WRITING, 6, SEEDS
    if controls:
        names, epochs, seeds = ("+ size, rotation, position",), 18, SEEDS
    arms = [dict(source=n, source_epochs=epochs, seed=s) for s, n in product(seeds, names)]
    published.collect(Path(__file__).with_name("handwriting.csv"), what, arms, run)


def main() -> None:
    """Parse the command line and run some of the five."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    tables = {
        "sources": sources,
        "labels": partial(sources, more=True),
        "layers": layers_frozen,
        "statistics": statistics,
        "writing": writing,
    }
    parser.add_argument("what", choices=["grid", *tables], nargs="*", default=["grid"])
    parser.add_argument("--controls", action="store_true", help="longer runs, other rates")
    a = parser.parse_args()
    os.environ.setdefault("LECTURE8_DEVICE", "cpu")
    for name in a.what:
        grid() if name == "grid" else tables[name](a.controls)


if __name__ == "__main__":
    main()
