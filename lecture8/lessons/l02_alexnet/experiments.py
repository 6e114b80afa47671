"""Train the nets whose runs 02_alexnet loads; on the CPU, minutes each.

python -m lecture8.lessons.l02_alexnet.experiments activations  ReLU and tanh, 4 layers: alexnet_activations.csv
python -m lecture8.lessons.l02_alexnet.experiments deep         ReLU and tanh, more layers: deep_activations.csv, …_gradients.csv
python -m lecture8.lessons.l02_alexnet.experiments norm         three normalizations over 40 epochs: alexnet_norm.csv
python -m lecture8.lessons.l02_alexnet.experiments sizes        100 to 1,297 training images: alexnet_sizes.csv

All but the first resume after an interruption: a finished run is a part of the table. In them one seed chooses the learning
rate of each arm, and others measure.
"""

import argparse
import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from lecture8 import datasets, models, published, training

LRS = (0.001, 0.003, 0.01, 0.03, 0.1)
SEEDS = (0, 1, 2)
EPOCHS = 6


def four_layers(activation: type[nn.Module], seed: int) -> nn.Sequential:
    """Three convolutions and a linear layer for 1 × 16 × 16; He initialization for ReLU, Glorot for tanh."""
    torch.manual_seed(seed)
    layers = [(1, 16, 5), (16, 32, 5), (32, 32, 3)]
    steps = []
    for c_in, c_out, kernel in layers:
        steps += [nn.Conv2d(c_in, c_out, kernel, padding="same"), activation(), nn.MaxPool2d(2)]
    net = nn.Sequential(*steps, nn.Flatten(), nn.Linear(32 * 2 * 2, 10))
    for layer in net:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if activation is nn.ReLU:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            else:
                nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    return net


def runs() -> pd.DataFrame:
    """Training loss and accuracy by activation, learning rate, seed and epoch."""
    data, rows = datasets.digits(size=16), []
    for name, activation in (("ReLU", nn.ReLU), ("tanh", nn.Tanh)):
        for lr in LRS:
            for seed in SEEDS:
                net = four_layers(activation, seed)
                optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
                history = training.fit(net, data, optimizer, EPOCHS, batch_size=32, seed=seed)
                keep = ("epoch", "train_loss", "train_accuracy")
                rows += [
                    {"activation": name, "lr": lr, "seed": seed, **{k: row[k] for k in keep}}
                    for row in history.rows
                ]
                print(name, lr, seed, history, flush=True)
    return pd.DataFrame(rows)


HERE = Path(__file__)
CHOOSING, MEASURING = 0, (10, 11, 12)  # seeds
NORMS = ("none", "local response", "batch")
NORM_RATES = (0.0003, 0.001, 0.003, 0.01)
BUDGETS = (6, 40)  # epochs; the learning rate is constant, so that one run serves both


def small_alexnet(kind: str, seed: int) -> nn.Module:
    """A small AlexNet for 16 × 16 with this normalization after the activations of conv1 and conv2, without dropout."""
    torch.manual_seed(seed)
    net = models.small.alexnet(
        width=8, channels=1, input_size=16, norm=kind != "none", dropout=0.0
    )
    if kind == "batch":
        for stage in (net.features.conv1, net.features.conv2):
            stage.norm = nn.BatchNorm2d(stage.conv.out_channels)
    return net


def epochs_of(net, data, optimizer, epochs: int, batch_size: int, seed: int) -> Iterator[dict]:
    """Trains, and yields a row after every epoch; the test accuracy, too, which `training.fit` does not know."""
    shuffle = torch.Generator().manual_seed(seed)
    for epoch in range(1, epochs + 1):
        score = training.run_epoch(net, data.batches("train", batch_size, shuffle), optimizer)
        accuracy = {
            f"{part}_accuracy": training.evaluate(net, data, part).accuracy
            for part in ("valid", "test")
        }
        yield {"epoch": epoch, "train_loss": score.loss} | accuracy


def norm() -> None:
    """Fills alexnet_norm.csv."""
    data, file = datasets.digits(size=16), HERE.with_name("alexnet_norm.csv")
    what = "models.small.alexnet of width 8 on 1,297 digits at 16 × 16 pixels, no dropout, Adam at a constant rate, batch 64; "
    what += "kind: the normalization after conv1 and conv2; seed 0 chose the rates for 6 and for 40 epochs "
    what += "(validation accuracy), the others measure; accuracies after the epoch, training loss while learning"

    def run(kind: str, lr: float, seed: int) -> list[dict]:
        net = small_alexnet(kind, seed)
        optimizer = torch.optim.Adam(net.parameters(), lr=lr)
        rows = list(epochs_of(net, data, optimizer, BUDGETS[-1], 64, seed))
        print(kind, lr, seed, [rows[epochs - 1] for epochs in BUDGETS], flush=True)
        return [row for row in rows if seed in MEASURING or row["epoch"] in BUDGETS]

    arms = [dict(kind=k, lr=lr, seed=s) for s, lr, k in product([CHOOSING], NORM_RATES, NORMS)]
    table = published.collect(file, what, arms, run)
    for seed, budget, kind in product(MEASURING, BUDGETS, NORMS):
        lr = norm_rate(table, kind, budget)
        published.collect(file, what, [dict(kind=kind, lr=lr, seed=seed)], run)


def norm_rate(table: pd.DataFrame, kind: str, epochs: int) -> float:
    """The learning rate with which this kind had the best validation accuracy after so many epochs."""
    rows = table[
        (table["seed"] == CHOOSING) & (table["kind"] == kind) & (table["epoch"] == epochs)
    ]
    return float(rows.groupby("lr")["valid_accuracy"].mean().idxmax())


ARMS = {  # name -> activation, and how its initial weights are drawn
    "ReLU, He": (nn.ReLU, lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu")),
    "tanh, Glorot": (nn.Tanh, nn.init.xavier_normal_),
    "tanh, He": (nn.Tanh, lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu")),
}
DEPTHS, DEEP_EPOCHS = (12, 20), 10
DEEP_RATES = (0.003, 0.01, 0.03, 0.1, 0.3)


def deep_net(arm: str, depth: int, seed: int) -> nn.Sequential:
    """`depth` - 1 convolutions of 3 × 3, 16 channels wide, and a linear layer, for 1 × 8 × 8; no normalization.

    Two max pooling layers, after a third and after two thirds of the convolutions. Biases are 0.
    """
    activation, init = ARMS[arm]
    torch.manual_seed(seed)
    steps, c_in, convolutions = [], 1, depth - 1
    for i in range(1, depth):
        steps += [nn.Conv2d(c_in, 16, 3, padding=1), activation()]
        if i in (convolutions // 3, 2 * convolutions // 3):
            steps.append(nn.MaxPool2d(2))
        c_in = 16
    net = nn.Sequential(*steps, nn.Flatten(), nn.Linear(16 * 2 * 2, 10))
    for layer in net:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            init(layer.weight)
            nn.init.zeros_(layer.bias)
    return net


def deep() -> None:
    """Fills deep_activations.csv and deep_activations_gradients.csv."""
    data, file = datasets.digits(size=8), HERE.with_name("deep_activations.csv")
    batch = next(iter(data.batches("train", 256)))
    what = "convolutions of 3 × 3, 16 channels wide, and a linear layer on 1,297 digits at 8 × 8 pixels, no normalization, SGD, "
    what += "momentum 0.9, batch 32; arm: activation and initial weights"
    runs = "; seed 0 chose the rates (least training error on average over the epochs; epoch: the last one), "
    runs += "the others measure; error in percent, and loss, seen while learning; no loss: it was no finite number"

    def run(arm: str, depth: int, lr: float, seed: int) -> list[dict]:
        net, rows = deep_net(arm, depth, seed), []
        optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
        shuffle = torch.Generator().manual_seed(seed)
        for epoch in range(1, DEEP_EPOCHS + 1):
            row = {"epoch": epoch, "train_loss": float("nan"), "train_error": 90.0}
            try:  # a loss that is not finite stays so
                score = training.run_epoch(net, data.batches("train", 32, shuffle), optimizer)
                row |= {"train_loss": score.loss, "train_error": 100 * score.error}
            except FloatingPointError:
                pass
            rows.append(row)
        mean = sum(row["train_error"] for row in rows) / len(rows)
        print(arm, depth, lr, seed, mean, rows[-1], flush=True)
        return [
            row | {"mean_error": mean} for row in (rows if seed in MEASURING else rows[-1:])
        ]

    def norms(arm: str, depth: int, seed: int) -> list[dict]:
        found = training.gradient_norms(deep_net(arm, depth, seed), *batch).values()
        return [{"layer": layer, "norm": norm} for layer, norm in enumerate(found, 1)]

    arms = [
        dict(arm=arm, depth=depth, lr=lr, seed=seed)
        for seed, depth, lr, arm in product([CHOOSING], DEPTHS, DEEP_RATES, ARMS)
    ]
    table = published.collect(file, what + runs, arms, run)
    for seed, depth, arm in product(MEASURING, DEPTHS, ARMS):
        cell = dict(arm=arm, depth=depth)
        published.collect(
            file, what + runs, [cell | dict(lr=deep_rate(table, arm, depth), seed=seed)], run
        )
        published.collect(
            HERE.with_name("deep_activations_gradients.csv"),
            what + "; gradient norm of each layer's weights on 256 images, before training",
            [cell | dict(seed=seed)],
            norms,
        )


def deep_rate(table: pd.DataFrame, arm: str, depth: int) -> float:
    """The learning rate with which this arm had the least training error, on average over the epochs."""
    rows = table[
        (table["seed"] == CHOOSING) & (table["arm"] == arm) & (table["depth"] == depth)
    ]
    return float(rows.groupby("lr")["mean_error"].mean().idxmin())


SIZES, STEPS, BATCH = (100, 200, 400, 800, 1297), 832, 50
SIZE_RATES = (0.0005, 0.001, 0.002)  # the second measures; all of them with seed 0, as a check


def some_of_each(data: datasets.Data, count: int, seed: int) -> datasets.Data:
    """`count` random training images, as many of each class; another seed gives others."""
    if count == len(data.train):
        return data
    shuffle = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(data.train), generator=shuffle)
    labels = data.train.labels[order]
    each = count // data.num_classes
    chosen = [order[labels == label][:each] for label in range(data.num_classes)]
    return data.take(torch.cat(chosen))


def sizes() -> None:
    """Fills alexnet_sizes.csv."""
    every, file = datasets.digits(size=16), HERE.with_name("alexnet_sizes.csv")
    what = "models.small.alexnet of width 8 without normalization on some of 1,297 digits at 16 × 16 pixels, as many of each, "
    what += f"drawn anew for each seed; no dropout, Adam at a constant rate, batch {BATCH}; steps: {STEPS} for every size "
    what += "(100 images are seen 416 times, all of them 32 times), or those of 32 epochs; errors in "
    what += "percent at the end"

    def run(images: int, steps: int, lr: float, seed: int) -> list[dict]:
        data, net = some_of_each(every, images, seed), small_alexnet("none", seed)
        optimizer = torch.optim.Adam(net.parameters(), lr=lr)
        shuffle = torch.Generator().manual_seed(seed)
        for _ in range(steps // -(-images // BATCH)):
            training.run_epoch(net, data.batches("train", BATCH, shuffle), optimizer)
        scores = {
            part: training.evaluate(net, data, part) for part in ("train", "valid", "test")
        }
        row = {f"{part}_error": 100 * score.error for part, score in scores.items()}
        print(images, steps, lr, seed, row, flush=True)
        return [row]

    measured = [
        dict(images=n, steps=steps, lr=SIZE_RATES[1], seed=seed)
        for seed, n in product(MEASURING, SIZES)
        for steps in sorted({STEPS, 32 * -(-n // BATCH)}, reverse=True)
    ]
    other_rates = [
        dict(images=n, steps=STEPS, lr=lr, seed=CHOOSING)
        for lr, n in product(SIZE_RATES, SIZES)
    ]
    published.collect(file, what, measured + other_rates, run)


def activations() -> None:
    """Writes alexnet_activations.csv."""
    what = (
        "three convolutions and a linear layer on 1,297 digits at 16 × 16 pixels, SGD, momentum 0.9, batch 32, no "
        "regularization; He initialization for ReLU, Glorot for tanh; loss and accuracy seen while learning"
    )
    published.write(HERE.with_name("alexnet_activations.csv"), runs().round(4), what, SEEDS)


def main() -> None:
    """Parse the command line and run one of the experiments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ways = {"activations": activations, "deep": deep, "norm": norm, "sizes": sizes}
    parser.add_argument("what", choices=list(ways), nargs="?", default="activations")
    os.environ.setdefault("LECTURE8_DEVICE", "cpu")
    ways[parser.parse_args().what]()


if __name__ == "__main__":
    main()
