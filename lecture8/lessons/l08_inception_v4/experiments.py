"""Train the nets that 08_inception_v4 loads; on the CPU, minutes each.

python -m lecture8.lessons.l08_inception_v4.experiments ends --epochs 12     with and without shortcuts: shortcut_ends.csv
python -m lecture8.lessons.l08_inception_v4.experiments scales --epochs 3    widths, rates and scales: residual_scaling.csv
"""

import argparse
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import torch

from lecture8 import datasets, models, published, training

KINDS = {  # about equal in cost, but for the first two, which have a third of the blocks
    "shortcuts, 1 block": partial(models.small.inception_resnet, blocks=1),
    "no shortcuts, 1 block": partial(models.small.inception_resnet, blocks=1, residual=False),
    "shortcuts, 3 blocks": models.small.inception_resnet,
    "no shortcuts, 3 blocks": partial(models.small.inception_resnet, residual=False),
    "Inception": models.small.inception,
}


def ends(epochs: int, seeds: int) -> Iterator[dict]:
    """Rows (kind, seed, epoch); the last epoch of a run with its test accuracy."""
    data = datasets.digits(size=8).take(960)
    for kind, build in reversed(KINDS.items()):
        for seed in range(seeds):
            torch.manual_seed(seed)
            net = build(channels=1)
            optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
            schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.8)
            history = training.fit(
                net,
                data,
                optimizer,
                epochs,
                batch_size=32,
                scheduler=schedule,
                seed=seed,
            )
            rows = [{"kind": kind, "seed": seed, **row} for row in history.rows]
            rows[-1]["test_accuracy"] = training.evaluate(net, data).accuracy
            print(rows[-1], flush=True)
            yield from rows


def scales(epochs: int, seeds: int) -> Iterator[dict]:
    """Rows (width, rate, scale, seed, epoch), with the share of zeros in the last feature map for 100 validation images."""
    data = datasets.digits(size=8).take(320)
    some = data.valid.images[:100]
    for width in (8, 32):
        for rate in (0.05, 0.2, 0.5):
            for scale in (0.1, 0.3, 1.0):
                for seed in range(seeds):
                    torch.manual_seed(seed)
                    net = models.small.inception_resnet(channels=1, width=width, scale=scale)
                    optimizer = torch.optim.SGD(
                        net.parameters(), lr=rate, momentum=0.9, weight_decay=1e-4
                    )
                    zeros = []

                    def look(epoch, net=net, zeros=zeros):
                        zeros.append(share_of_zeros(net, some))
                        return 1.0

                    # `fit` calls it after every epoch; the learning rate stays as it is
                    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, look)
                    history = training.fit(
                        net,
                        data,
                        optimizer,
                        epochs,
                        batch_size=32,
                        scheduler=schedule,
                        seed=seed,
                    )
                    run = {"width": width, "rate": rate, "scale": scale, "seed": seed}
                    print(run, history, zeros, flush=True)
                    yield from (
                        {**run, **row, "zeros": z}
                        for row, z in zip(
                            history.rows, zeros[1:], strict=True
                        )  # the first: before training
                    )


def share_of_zeros(net, images) -> float:
    """How much of the last feature map before the average pooling is zero, in evaluation mode."""
    was_training = net.training
    with torch.no_grad():
        share = (net.eval().features(images) == 0).float().mean().item()
    net.train(was_training)
    return share


ABOUT = {
    "ends": "small.inception_resnet of width 16 with 1 or 3 blocks a stage, with shortcuts (scale 0.2) and without, "
    "and small.inception, which has 6 modules, on 960 digits of 8 × 8, Adam 0.002 times 0.8 after every "
    "epoch, batch 32",
    "scales": "small.inception_resnet of 3 blocks a stage, by width, learning rate and scale of the residuals, on 320 "
    "digits of 8 × 8, SGD with momentum 0.9 and decay 1e-4, batch 32; zeros: share of zeros in the last feature map",
}
COLUMNS = {
    "ends": ["kind", "seed", "epoch", "train_loss", "valid_accuracy", "test_accuracy"],
    "scales": [
        "width",
        "rate",
        "scale",
        "seed",
        "epoch",
        "train_loss",
        "valid_accuracy",
        "zeros",
    ],
}
NAMES = {"ends": "shortcut_ends", "scales": "residual_scaling"}


def main() -> None:
    """One of the two tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["ends", "scales"])
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    a = parser.parse_args()
    os.environ.setdefault("LECTURE8_DEVICE", "cpu")
    rows = pd.DataFrame({"ends": ends, "scales": scales}[a.what](a.epochs, a.seeds))
    path = Path(__file__).with_name(f"{NAMES[a.what]}.csv")
    published.write(path, rows[COLUMNS[a.what]].round(4), ABOUT[a.what], a.seeds)


if __name__ == "__main__":
    main()
