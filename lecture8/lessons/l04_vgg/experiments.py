"""Train the networks whose runs 04_vgg loads; on the CPU, minutes each.

python -m lecture8.lessons.l04_vgg.experiments probes   features for another task, beside fair baselines: vgg_probes.csv
python -m lecture8.lessons.l04_vgg.experiments pairs    pairs of 3 × 3, with and without the ReLU between, and 5 × 5: vgg_pairs.csv
python -m lecture8.lessons.l04_vgg.experiments thirds   the step from VGG's C to D in miniature: vgg_thirds.csv

All resume after an interruption: a finished run is a part of the table.
"""

import argparse
import os
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from lecture8 import datasets, models, published, training, transfer
from lecture8.models.layers import average_pool_classifier, conv, he_init, sequential

HERE = Path(__file__)

# --- features of letters for digits --------------------------------------------------------------------------------

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LABELS = 200
LENGTHS = {6: range(5), 18: range(3)}  # epochs of learning letters -> seeds
STAGES = {
    "block 1": "block1",
    "block 2": "block2",
    "block 3": "block3",
    "fc6": "relu6",
    "fc7": None,
}
STRENGTHS = 10.0 ** np.arange(-4, 3)  # inverse of the linear classifier's weight decay
NEIGHBORS = (1, 3, 5, 9)


def with_fc7(seed: int) -> models.layers.Network:
    """Three blocks of two 3 × 3, then fc6, fc7 and fc8 as in VGG, with 128 neurons for 4,096."""
    torch.manual_seed(seed)
    net = models.small.vgg(len(LETTERS), width=8, channels=1, blocks=3)
    net.classifier = sequential(
        flatten=nn.Flatten(),
        fc6=nn.Linear(32 * 2 * 2, 128), relu6=nn.ReLU(),
        fc7=nn.Linear(128, 128), relu7=nn.ReLU(),
        fc8=nn.Linear(128, len(LETTERS)),
    )  # fmt: skip
    return net


def learned_letters(letters: datasets.Data, epochs: int, seed: int) -> models.layers.Network:
    """The network after learning letters, the rate divided by 10 after two thirds."""
    net = with_fc7(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [epochs * 2 // 3])
    training.fit(net, letters, optimizer, epochs, batch_size=64, scheduler=schedule, seed=seed)
    return net


def at_random_places(pixels: torch.Tensor, side: int = 16) -> torch.Tensor:
    """Pictures put somewhere into black ones of side × side."""
    generator = torch.Generator().manual_seed(8)
    room = side - pixels.shape[-1] + 1
    canvas = torch.zeros(len(pixels), 1, side, side, dtype=torch.uint8)
    for picture, small in zip(canvas, pixels):
        top, left = torch.randint(0, room, (2,), generator=generator)
        picture[:, top : top + small.shape[-1], left : left + small.shape[-1]] = small
    return canvas


def same_polarity(pixels: torch.Tensor) -> torch.Tensor:
    """Pictures as ink on black, whichever was darker: the distance from the median, the paper, stretched to 255."""
    values = pixels.float()
    ink = (values - values.flatten(1).median(1).values.view(-1, 1, 1, 1)).abs()
    return datasets.to_bytes(ink / ink.flatten(1).amax(1).clamp(min=1).view(-1, 1, 1, 1))


def views(
    task: datasets.Data, net: models.layers.Network, seed: int
) -> dict[str, datasets.Data]:
    """What the classifiers get to see of a task: pixels in two ways, features of the network and of an untrained one.

    "block 2, 128 of 256" are half of block 2's values, chosen at random: as many as fc7 has.
    """
    found = {"pixels": task, "pixels, one polarity": task.map(same_polarity)}
    for view, stage in STAGES.items():
        found[view] = transfer.extract_features(net, task, stage)
    some = torch.randperm(256, generator=torch.Generator().manual_seed(seed))[:128]
    found["block 2, 128 of 256"] = found["block 2"].map(lambda x: x.flatten(1)[:, some])
    for view in ("block 2", "fc7"):
        found[f"{view}, untrained"] = transfer.extract_features(
            with_fc7(seed), task, STAGES[view]
        )
    return found


def linear(features: datasets.Data) -> tuple[float, float, float]:
    """Logistic regression on standardized inputs: its strength, and its accuracy on the validation and test images."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    splits = [features.train, features.valid, features.test]
    x = [split.images.flatten(1).numpy() for split in splits]
    scaler = StandardScaler().fit(x[0])
    (train, valid, test), labels = map(scaler.transform, x), [s.labels.numpy() for s in splits]
    tried = []
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, max_iter=5000).fit(train, labels[0])
        tried.append((model.score(valid, labels[1]), -strength, model.score(test, labels[2])))
    valid_accuracy, strength, test_accuracy = max(tried)
    return -strength, valid_accuracy, test_accuracy


def nearest(features: datasets.Data) -> tuple[float, float, float]:
    """Nearest neighbors: how many vote, and the accuracy on the validation and test images."""
    from sklearn.neighbors import KNeighborsClassifier

    def votes(distances: np.ndarray) -> np.ndarray:
        """One each, from the nearest; a little more for the nearer, which decides between equals only."""
        asked, k = distances.shape
        return np.tile(1 + np.arange(k, 0, -1) / (2 * k**3), (asked, 1))

    (points, labels), valid, test = (
        (split.images.flatten(1).numpy(), split.labels.numpy())
        for split in (features.train, features.valid, features.test)
    )
    models_by_k = {
        k: KNeighborsClassifier(k, weights=votes).fit(points, labels) for k in NEIGHBORS
    }
    tried = {k: model.score(*valid) for k, model in models_by_k.items()}
    k = max(tried, key=tried.get)
    return k, tried[k], models_by_k[k].score(*test)


def probes() -> None:
    """Fills vgg_probes.csv."""
    letters = datasets.glyphs(size=16, per_class=100, characters=LETTERS)
    tasks = {
        "printed digits": datasets.glyphs(16, 500, seed=1, characters="0123456789"),
        "handwritten digits": datasets.digits(size=12).map(at_random_places),
    }
    what = f"accuracy on new digits with {LABELS} labeled ones, drawn anew for each seed, of a linear classifier (logistic "
    what += "regression on standardized inputs) and of nearest neighbors, on pixels and on features of a VGG-like network of "
    what += "width 8 that learned 26 printed letters of 16 × 16 for so many epochs; setting: inverse weight decay, or how many "
    what += "neighbors vote, chosen by the validation accuracy"

    def run(epochs: int, seed: int) -> list[dict]:
        net, rows = learned_letters(letters, epochs, seed), []
        for name, task in tasks.items():
            shuffle = torch.Generator().manual_seed(seed)
            order = torch.randperm(len(task.train), generator=shuffle)
            each = [order[task.train.labels[order] == n][: LABELS // 10] for n in range(10)]
            seen = views(task.take(torch.cat(each)), net, seed)
            for (view, features), classifier in product(seen.items(), (linear, nearest)):
                columns = ("setting", "valid_accuracy", "test_accuracy")
                found = dict(zip(columns, map(float, classifier(features))))
                row = {"task": name, "view": view, "classifier": classifier.__name__}
                rows.append(row | found)
        print(pd.DataFrame(rows).to_string(), flush=True)
        return rows

    arms = [dict(epochs=epochs, seed=s) for epochs, seeds in LENGTHS.items() for s in seeds]
    published.collect(HERE.with_name("vgg_probes.csv"), what, arms, run)


# --- pairs of 3 × 3 or single 5 × 5 -----------------------------------------------------------------------------------

PAIRS = {
    "pairs": ([3, 3], True),
    "single 5 × 5": ([5], True),
    "pairs, no ReLU between": ([3, 3], False),
}
PAIR_RATES = {False: (0.0025, 0.005, 0.01, 0.02), True: (0.005, 0.01, 0.02, 0.04)}  # by norm


def block(
    c_in: int, c_out: int, kernels: list[int], between: bool, norm: bool
) -> nn.Sequential:
    """Convolutions with a ReLU after each, or only after the last (between=False), then a 2 × 2 max pooling."""
    layers = []
    for i, kernel in enumerate(kernels, 1):
        layers.append(nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=not norm))
        layers += [nn.BatchNorm2d(c_out)] if norm else []
        layers += [nn.ReLU()] if between or i == len(kernels) else []
        c_in = c_out
    return nn.Sequential(*layers, nn.MaxPool2d(2))


def two_blocks(kind: str, norm: bool, num_classes: int, seed: int) -> models.layers.Network:
    """Two blocks of 10 and 20 channels of one of the PAIRS, an average over each feature map, a linear layer."""
    torch.manual_seed(seed)
    kernels, between = PAIRS[kind]
    stages = {
        "block1": block(1, 10, kernels, between, norm),
        "block2": block(10, 20, kernels, between, norm),
    }
    classifier = average_pool_classifier(20, num_classes)
    return he_init(models.layers.Network(stages, classifier, 1, smallest=4))


def characters() -> datasets.Data:
    """1,800 printed characters to learn from, and 3,600 for 360 to test on, normalized alike: an image is 0.03 points."""
    data, many = datasets.glyphs(16, per_class=50), datasets.glyphs(16, 500, seed=1).test
    return replace(data, test=replace(data.test, pixels=many.pixels, labels=many.labels))


def errors(
    model: nn.Module, data: datasets.Data, lr: float, epochs: int, seed: int
) -> dict[str, float]:
    """Errors in percent after training with Adam, batch 50, the rate divided by 10 after two thirds."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [epochs * 2 // 3])
    training.fit(model, data, optimizer, epochs, batch_size=50, scheduler=schedule, seed=seed)
    parts = ("train", "valid", "test")
    return {f"{part}_error": 100 * training.evaluate(model, data, part).error for part in parts}


def pairs() -> None:
    """Fills vgg_pairs.csv."""
    file, data = HERE.with_name("vgg_pairs.csv"), characters()
    what = "two blocks of 10 and 20 channels, each a pair of 3 × 3 convolutions with or without a ReLU between them, or a single "
    what += "5 × 5, norm: with batch normalization after each convolution or without, on 1,800 printed characters of 36 classes, "
    what += "16 × 16 pixels, Adam, 36 epochs, the rate divided by 10 after two thirds, batch 50; seeds 0 and 1 chose the "
    what += "rates (validation error), the others measure; errors in percent at the end"

    def run(kind: str, norm: bool, lr: float, seed: int) -> list[dict]:
        row = errors(two_blocks(kind, norm, data.num_classes, seed), data, lr, 36, seed)
        print(kind, norm, lr, seed, row, flush=True)
        return [row]

    kinds = [dict(kind=kind, norm=norm) for norm, kind in product((False, True), PAIRS)]
    arms = [
        arm | dict(lr=lr, seed=seed)
        for arm, seed in product(kinds, (0, 1))
        for lr in PAIR_RATES[arm["norm"]]
    ]
    table = published.collect(file, what, arms, run)
    table = table[table["seed"] < min(MEASURING)]
    tried = table.groupby(["kind", "norm", "lr"])["valid_error"].mean()
    best = [arm | dict(lr=float(tried.loc[arm["kind"], arm["norm"]].idxmin())) for arm in kinds]
    arms = [arm | dict(seed=seed) for seed, arm in product(MEASURING, best)]
    published.collect(file, what, arms, run)


# --- a third layer per block, as in C and D --------------------------------------------------------------------------

THIRDS = {  # third layer of each block, and width of the first block
    "B": ("none", 10),
    "C": ("1 × 1", 10),
    "C, wider": ("1 × 1", 13),
    "depthwise": ("depthwise", 10),
    "D": ("3 × 3", 10),
}
RATES, CHOOSING, MEASURING = (0.0025, 0.005, 0.01, 0.02, 0.04), 0, range(10, 15)
EPOCHS = 12


def third_layers(third: str, width: int, num_classes: int, seed: int) -> models.layers.Network:
    """Two blocks of two 3 × 3 convolutions and a third layer, with batch normalization; width and 2 × width channels.

    third: "none", "1 × 1", "3 × 3", or "depthwise": a 3 × 3 of each channel alone, then a 1 × 1. The last sees as much
    as a 3 × 3 with few more weights than a 1 × 1, and has one ReLU as both of them.
    """
    torch.manual_seed(seed)
    stages, c_in = {}, 1
    for block in (1, 2):
        c = width * block
        steps = {"conv1": conv(c_in, c, 3), "conv2": conv(c, c, 3)}
        if third == "depthwise":
            steps["each"] = nn.Conv2d(c, c, 3, padding=1, groups=c, bias=False)
        if third != "none":
            steps["conv3"] = conv(c, c, 3 if third == "3 × 3" else 1)
        stages[f"block{block}"], c_in = sequential(**steps, pool=nn.MaxPool2d(2)), c
    classifier = average_pool_classifier(c_in, num_classes)
    return he_init(models.layers.Network(stages, classifier, 1, smallest=4))


def thirds() -> None:
    """Fills vgg_thirds.csv."""
    file, data = HERE.with_name("vgg_thirds.csv"), characters()
    what = "two blocks of two 3 × 3 convolutions and a third layer per block, with batch normalization, on 1,800 printed "
    what += "characters of 36 classes, 16 × 16 pixels, Adam, the rate divided by 10 after two thirds, batch 50; third layer: "
    what += "B none, C 1 × 1, D 3 × 3, depthwise 3 × 3 of each channel and 1 × 1; 10 channels in the first block, 'C, wider' 13; "
    what += "seed 0 chose the rates (validation error), the others measure; errors in percent at the end"

    def run(net: str, lr: float, epochs: int, seed: int) -> list[dict]:
        model = third_layers(*THIRDS[net], data.num_classes, seed)
        row = errors(model, data, lr, epochs, seed)
        print(net, lr, epochs, seed, row, flush=True)
        return [row]

    arms = [
        dict(net=net, lr=lr, epochs=EPOCHS, seed=s)
        for s, lr, net in product([CHOOSING], RATES, THIRDS)
    ]
    table = published.collect(file, what, arms, run)
    tried = table[table["seed"] == CHOOSING].groupby(["net", "lr"])["valid_error"].mean()
    for epochs, seeds in ((EPOCHS, MEASURING), (3 * EPOCHS, MEASURING[:3])):
        best = {net: float(tried.loc[net].idxmin()) for net in THIRDS}
        arms = [
            dict(net=n, lr=best[n], epochs=epochs, seed=s) for s, n in product(seeds, THIRDS)
        ]
        published.collect(file, what, arms, run)


def main() -> None:
    """Parse the command line and run one of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ways = {"probes": probes, "pairs": pairs, "thirds": thirds}
    parser.add_argument("what", choices=list(ways))
    os.environ.setdefault("LECTURE8_DEVICE", "cpu")
    ways[parser.parse_args().what]()


if __name__ == "__main__":
    main()
