"""Train a small GoogLeNet with other initial weights, batch normalization and heads, on the CPU.

python -m lecture8.lessons.l05_googlenet.experiments grid --seeds 3      an hour: auxiliary_grid.csv, which 05_googlenet loads

Initial weights × batch normalization × auxiliary classifiers, each alone and together, 30 epochs; without auxiliary
classifiers also 10 epochs at a lower and a higher learning rate. It resumes after an interruption.
"""

import argparse
import math
import os
from itertools import product
from pathlib import Path

import torch
from torch import nn

from lecture8 import datasets, published, training
from lecture8.models.googlenet import miniature

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
    if heads == "none":
        del net.auxiliary
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    objective = training.auxiliary_objective() if heads == "both" else training.cross_entropy
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
        "the small GoogLeNet (Table 1, an eighth of every width) on 960 digits of 16 × 16, Adam, batch 32; init: of all "
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
    """Fills the table, on the CPU."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["grid"])
    parser.add_argument("--seeds", type=int, default=3)
    os.environ.setdefault("LECTURE8_DEVICE", "cpu")
    grid(parser.parse_args().seeds)


if __name__ == "__main__":
    main()
