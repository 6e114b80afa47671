"""Train GoogLeNet in miniature with and without auxiliary classifiers, on the CPU.

python -m lecture8.lessons.l05_googlenet.experiments heads     ten minutes: auxiliary_heads.csv, which 05_googlenet loads
python -m lecture8.lessons.l05_googlenet.experiments grid --seeds 3      an hour: auxiliary_grid.csv

grid: initial weights × batch normalization × auxiliary classifiers, each alone and together, 30 epochs; without auxiliary
classifiers also 10 epochs at a lower and a higher learning rate. It resumes after an interruption.
"""

import argparse
import math
import os
from itertools import product
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from lecture8 import datasets, published, training
from lecture8.models.googlenet import AUXILIARY, miniature

HEADS = {"none": (), "upper": AUXILIARY[1:], "both": AUXILIARY}


def run(heads: str, norm: bool, seed: int, epochs: int) -> list[dict]:
    """One network: a row per epoch, the last one with the test accuracy. Equal seeds have equal initial weights."""
    data = datasets.digits(size=16).take(960)
    torch.manual_seed(seed)
    net = miniature(data.num_classes, norm=norm)
    for stage in set(AUXILIARY) - set(HEADS[heads]):
        del net.auxiliary[stage]
    optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
    objective = training.auxiliary_objective() if HEADS[heads] else training.cross_entropy
    history = training.fit(
        net,
        data,
        optimizer,
        epochs,
        batch_size=32,
        objective=objective,
        seed=seed,
    )
    rows = [{"norm": norm, "heads": heads, "seed": seed, **row} for row in history.rows]
    rows[-1]["test_accuracy"] = training.evaluate(net, data).accuracy
    return rows


INITIAL = {  # of convolutions and linear layers; biases are 0
    "glorot": nn.init.xavier_uniform_,
    "he fan-in": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
    "he fan-out": lambda w: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
    "pytorch": lambda w: nn.init.kaiming_uniform_(w, a=5**0.5),
}
STAGES = ("conv1", "inception_3a", "inception_4a", "inception_4d", "inception_5b")
RUNS = Path("runs") / "05_googlenet"  # checkpoints of runs that are not finished


def one_of_grid(init: str, norm: bool, heads: str, lr: float, seed: int) -> list[dict]:
    """A row per epoch, from 0: gradient norms of the weights of `STAGES`, and what an epoch gave.

    Networks of one seed and one kind of initial weights have the same ones, with batch normalization and without.
    """
    data = datasets.digits(size=16).take(960)
    images, labels = next(iter(data.batches("train", 240)))
    torch.manual_seed(seed)
    net = miniature(data.num_classes, norm=norm)
    torch.manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            INITIAL[init](module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for stage in set(AUXILIARY) - set(HEADS[heads]):
        del net.auxiliary[stage]
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    objective = training.auxiliary_objective() if HEADS[heads] else training.cross_entropy
    file = RUNS / f"{init}-{norm}-{heads}-{lr}-{seed}.pt".replace(" ", "-")
    RUNS.mkdir(parents=True, exist_ok=True)
    file.unlink(
        missing_ok=True
    )  # a run takes a minute; resumed, it would lack the gradients of its first epochs
    rows = []
    for epoch in range(1 + (30 if lr == 0.002 else 10)):
        row = {"epoch": epoch}
        if epoch:
            history = training.fit(
                net,
                data,
                optimizer,
                epoch,
                batch_size=32,
                objective=objective,
                seed=seed,
                checkpoint=file,
            )
            row |= {
                k: history.last[k]
                for k in ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy")
            }
        norms = training.gradient_norms(net, images, labels, objective)
        for stage in STAGES:
            own = [norm for name, norm in norms.items() if f"features.{stage}." in name]
            row[stage.removeprefix("inception_")] = math.hypot(*own)
        rows.append(row)
    rows[-1]["test_accuracy"] = training.evaluate(net, data).accuracy
    file.unlink()
    return rows


def grid(seeds: int) -> None:
    """Fills auxiliary_grid.csv."""
    what = (
        "GoogLeNet in miniature (Table 1, an eighth of every width) on 960 digits of 16 × 16, Adam, batch 32; init: of all "
        "weights, biases 0; norm: batch normalization; heads: auxiliary classifiers in training, none or on 4a and 4d; "
        "conv1 … 5b: gradient norm of a stage's weights on 240 training images, with the heads' losses"
    )
    arms = [
        dict(init=i, norm=n, heads=h, lr=lr, seed=s)
        for lr, heads in ((0.002, ["none", "both"]), (0.0005, ["none"]), (0.008, ["none"]))
        for s, h, n, i in product(range(seeds), heads, (False, True), INITIAL)
    ]
    published.collect(Path(__file__).with_name("auxiliary_grid.csv"), what, arms, one_of_grid)


def main() -> None:
    """The grid, or every kind of heads, with and without batch normalization, once per seed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["heads", "grid"], nargs="?", default="heads")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10, help="of heads")
    a = parser.parse_args()
    os.environ.setdefault("LECTURE8_DEVICE", "cpu")
    if a.what == "grid":
        return grid(a.seeds)
    rows = []
    for seed in range(a.seeds):
        for norm in (False, True):
            for heads in HEADS:
                rows += run(heads, norm, seed, a.epochs)
                print(rows[-1], flush=True)
    what = (
        "GoogLeNet in miniature (Table 1, an eighth of every width) on 960 digits of 16 × 16, Adam 0.002, batch 32; "
        "heads: auxiliary classifiers in training, on none, on 4d (upper), on 4a and 4d (both); norm: batch normalization"
    )
    columns = ["norm", "heads", "seed", "epoch", "valid_accuracy", "test_accuracy"]
    published.write(
        Path(__file__).with_name("auxiliary_heads.csv"),
        pd.DataFrame(rows)[columns].round(4),
        what,
        a.seeds,
    )


if __name__ == "__main__":
    main()
