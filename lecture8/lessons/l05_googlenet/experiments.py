"""Train the nets that 05_googlenet loads, with and without auxiliary classifiers, and write auxiliary_heads.csv.

python -m lecture8.lessons.l05_googlenet.experiments --seeds 5      GoogLeNet in miniature, on the CPU: ten minutes
"""

import argparse
import os
from pathlib import Path

import pandas as pd
import torch

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


def main() -> None:
    """Every kind of heads, with and without batch normalization, once per seed; then the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10)
    a = parser.parse_args()
    os.environ.setdefault("LECTURE8_DEVICE", "cpu")
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
