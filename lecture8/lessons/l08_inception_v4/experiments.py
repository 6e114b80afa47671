"""Train the nets that 08_inception_v4 loads; on the CPU, minutes each.

python -m lecture8.lessons.l08_inception_v4.experiments scales --epochs 3    widths, rates and scales: residual_scaling.csv
python -m lecture8.lessons.l08_inception_v4.experiments steps                the first 100 steps: first_steps.csv
python -m lecture8.lessons.l08_inception_v4.experiments maps                 20 steps on film: first_maps.csv
python -m lecture8.lessons.l08_inception_v4.experiments addition     twenty minutes: addition_rates.csv, addition_curves.csv

addition: the addition alone, at equal cost and with equal normalization. 12 epochs at every learning rate with one seed, with
more seeds at 0.002 and at the best rate of each kind, then 36 epochs at the best rate. It resumes after an interruption.
"""

import argparse
import os
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from lecture8 import complexity, datasets, models, published, training
from lecture8.lessons.l08_inception_v4.answers import fold
from lecture8.lessons.l08_inception_v4.pieces import as_text, film
from lecture8.models import layers


def scales(epochs: int, seeds: int) -> Iterator[dict]:
    """Rows (width, rate, scale, seed, epoch), with the share of zeros in the last feature map for 100 validation images."""
    data = datasets.digits(size=8).take(320)
    some = data.valid.images[:100]
    for width in (8, 32):
        for rate in (0.01, 0.02, 0.05, 0.2, 0.5):
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


def steps(seeds: int) -> Iterator[dict]:
    """Rows (width, rate, kind, seed, step), every five steps; the last one with the accuracy for the test images."""
    data = datasets.digits(size=8).take(320)
    kinds = "scale 1", "scale 0.3", "scale 0.1", "folded"
    runs = [*product((8, 32), (0.1,), kinds), *product((32,), (0.02,), kinds)]
    for (width, rate, kind), seed in product(runs, range(seeds)):
        torch.manual_seed(seed)
        scale = 0.1 if kind == "folded" else float(kind.split()[1])
        net = models.small.inception_resnet(channels=1, width=width, scale=scale)
        net = nn.Sequential(*net.features, *net.classifier)
        if kind == "folded":
            net = nn.Sequential(*(fold(p) if hasattr(p, "scale") else p for p in net))
        run = film(net, data, 100, rate, seed)
        print(width, rate, kind, seed, run.losses[-1], flush=True)
        for step in range(5, 101, 5):
            row = {"width": width, "rate": rate, "kind": kind, "seed": seed, "step": step}
            losses = run.losses[step - 4 : step + 1]
            row |= {"loss": sum(losses) / len(losses), "zeros": run.zeros[step]}
            if step == 100:
                row["test_accuracy"] = training.evaluate(net, data).accuracy
            yield row


def maps() -> Iterator[dict]:
    """Rows (scale, step) of the first 20 steps, with the last feature map for one image."""
    data = datasets.digits(size=8).take(320)
    for scale in (1.0, 0.3, 0.1):
        torch.manual_seed(0)
        net = models.small.inception_resnet(channels=1, width=32, scale=scale)
        run = film(nn.Sequential(*net.features, *net.classifier), data, 20, 0.1, 0)
        for step, (zeros, loss, found) in enumerate(zip(run.zeros, run.losses, run.maps)):
            row = {"scale": scale, "step": step, "zeros": zeros, "loss": loss}
            yield row | {"map": as_text(found)}


def share_of_zeros(net, images) -> float:
    """How much of the last feature map before the average pooling is zero, in evaluation mode."""
    was_training = net.training
    with torch.no_grad():
        share = (net.eval().features(images) == 0).float().mean().item()
    net.train(was_training)
    return share


class Block(nn.Module):
    """relu(x + F(x)), or relu(F(x)) without the addition: F has batch normalization after every convolution.

    F: the branches of `models.small.inception_resnet`, and a 1 × 1 convolution back to the width of x. Its scale is 1.
    """

    def __init__(self, c: int, half: int, *, addition: bool):
        super().__init__()
        self.branches = layers.Branches(
            branch1=layers.chain(c, (half, 1)),
            branch2=layers.chain(c, (half, 1), (half, 3)),
            branch3=layers.chain(c, (half, 1), (half, 3), (half, 3)),
        )
        self.up = layers.conv(3 * half, c, 1, relu=False, eps=1e-3)
        self.addition = addition

    def forward(self, x: Tensor) -> Tensor:
        y = self.up(self.branches(x))
        return (x + y if self.addition else y).relu()


# what the 3 × 3 branches are reduced to: then a module costs as much as a `Block` of 32 or 64 channels
REDUCED = {32: (8, 10, 10), 64: (6, 6, 6)}


def inception_module(c: int) -> nn.Module:
    """c -> c channels in four branches of equal width, as Inception-v4's module A, at the cost of a `Block`."""
    q, (three, first, second) = c // 4, REDUCED[c]
    pooled = layers.sequential(pool=nn.AvgPool2d(3, 1, 1), project=layers.chain(c, (q, 1)))
    return layers.Branches(
        conv1x1=layers.chain(c, (q, 1)),
        conv3x3=layers.chain(c, (three, 1), (q, 3)),
        double3x3=layers.chain(c, (first, 1), (second, 3), (q, 3)),
        pool=pooled,
    )


BLOCKS = {
    "residual": partial(Block, half=8, addition=True),
    "addition deleted": partial(Block, half=8, addition=False),
    "Inception": inception_module,
}
# The library's block, which has no normalization after its last 1 × 1 convolution: with the addition (scale 0.2), and without
UNEQUAL = {"residual, less norm": True, "deleted, less norm": False}


def network(kind: str, blocks: int) -> nn.Module:
    """`models.small.inception_resnet`, with blocks of this kind; equal seeds give Blocks equal initial weights."""
    if kind in UNEQUAL:
        return models.small.inception_resnet(channels=1, blocks=blocks, residual=UNEQUAL[kind])
    stages = {"stem": layers.chain(1, (16, 3), (32, 3, 2, 1))}
    for name, c in (("a", 32), ("b", 64)):
        stages |= {f"inception_{name}{i}": BLOCKS[kind](c) for i in range(1, blocks + 1)}
        if name == "a":
            pool = nn.MaxPool2d(3, 2, padding=1)
            stages["reduction_a"] = layers.Branches(
                conv=layers.chain(c, (c, 3, 2, 1)), pool=pool
            )
    return layers.he_init(
        models.layers.Network(stages, layers.average_pool_classifier(c, 10), 1)
    )


def raced(kind: str, blocks: int, lr: float, epochs: int, seed: int) -> list[dict]:
    """A row per epoch; the last one with the test accuracy. The learning rate falls to 7 % in the end."""
    data = datasets.digits(size=8).take(960)
    torch.manual_seed(seed)
    # channels last and a fused optimizer take three quarters of the time here
    net = network(kind, blocks).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.07 ** (1 / epochs))
    history = training.fit(
        net, data, optimizer, epochs, batch_size=32, scheduler=schedule, seed=seed
    )
    kept = ("epoch", "train_loss", "valid_loss", "valid_accuracy")
    rows = [{key: row[key] for key in kept} for row in history.rows]
    rows[-1]["test_accuracy"] = training.evaluate(net, data).accuracy
    return rows


def best_rates(table: pd.DataFrame) -> dict[tuple[str, int], float]:
    """(kind, blocks) -> the learning rate with the least training loss at the end, in the geometric mean of the seeds.

    table: a row per run, such as `addition_rates`. Rates that fewer seeds have run do not lose or win by that.
    """
    logs = table.assign(log=np.log(table["train_loss"]))
    mean = logs.groupby(["kind", "blocks", "lr"])["log"].mean()
    return {key: float(of.idxmin()[2]) for key, of in mean.groupby(["kind", "blocks"])}


RATES = (0.002, 0.004, 0.008, 0.016, 0.032)


def addition(seeds: int) -> None:
    """Fills addition_rates.csv (the ends of 12 epochs, one seed), then addition_curves.csv (36 epochs at the best rate)."""
    here = Path(__file__)
    what = (
        "networks of models.small.inception_resnet's stem, reduction and widths with 1 or 3 blocks a stage, on 960 digits of 8 × 8, Adam, "
        "batch 32, the learning rate falls to 7 % in the end; kind: blocks with batch normalization after every convolution, "
        "residual (scale 1), the same without the addition, Inception modules of equal cost; less norm: the library's block, "
        "which has none after its last 1 × 1 convolution; macs: multiply-adds for one image"
    )

    def ends(kind: str, blocks: int, lr: float, seed: int) -> list[dict]:
        macs = complexity.profile(network(kind, blocks), (1, 8, 8)).macs
        last = raced(kind, blocks, lr, 12, seed)[-1]
        return [{"macs": macs} | {key: last[key] for key in last if key != "epoch"}]

    def tried(kinds, blocks: int, rates=RATES, seeds=1) -> pd.DataFrame:
        arms = product(range(seeds), rates, kinds)
        every = [dict(kind=k, blocks=blocks, lr=lr, seed=s) for s, lr, k in arms]
        table = published.collect(file, what + "; after 12 epochs", every, ends)
        return table[table["seed"] == 0]  # the rates are chosen with one seed

    file, curves = here.with_name("addition_rates.csv"), here.with_name("addition_curves.csv")
    for blocks in (3, 1):
        rates = best_rates(tried(BLOCKS, blocks))
        best = [
            dict(kind=k, blocks=blocks, lr=rates[k, blocks], seed=s)
            for s, k in product(range(seeds), BLOCKS)
        ]
        longer = what + "; 36 epochs at the best rate of 12"
        published.collect(curves, longer, best, partial(raced, epochs=36))
        for kind in BLOCKS:  # all at one rate, and each at its own
            tried([kind], blocks, (0.002, rates[kind, blocks]), seeds)
    tried(UNEQUAL, 3)


ABOUT = (
    "small.inception_resnet of 3 blocks a stage, by width, learning rate and scale of the residuals, on 320 "
    "digits of 8 × 8, SGD with momentum 0.9 and decay 1e-4, batch 32; zeros: share of zeros in the last feature map"
)
FIRST = (
    "the first 100 steps of small.inception_resnet of 3 blocks a stage, on 320 digits of 8 × 8, SGD with momentum 0.9 and decay "
    "1e-4, batch 32; kind: the scale of the residuals, or the scale of 0.1 folded into the weights; loss: training loss, "
    "mean of the five batches up to this step; zeros: percent of the last feature map of the batch; test_accuracy: of 300 images"
)
MAPS = (
    "the first 20 steps of small.inception_resnet of 3 blocks a stage and width 32, on 320 digits of 8 × 8, SGD with a rate of 0.1, "
    "momentum 0.9 and decay 1e-4, batch 32; the scale of the residuals is all that differs: equal initial weights and batches; zeros: "
    "percent of the last feature map of the batch; loss: of the batch; map: the last feature map of one other image, 128 × 2 × 2 bytes in "
    "base64, 0 for zeros alone, 255 for 8 and more, a square-root scale between"
)
COLUMNS = ["width", "rate", "scale", "seed", "epoch", "train_loss", "valid_accuracy", "zeros"]


def main() -> None:
    """One of the experiments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["scales", "steps", "maps", "addition"])
    parser.add_argument("--epochs", type=int, default=3, help="of scales")
    parser.add_argument("--seeds", type=int, default=3)
    a = parser.parse_args()
    os.environ.setdefault("LECTURE8_DEVICE", "cpu")
    if a.what == "addition":
        return addition(a.seeds)
    if a.what == "maps":
        path, rows = Path(__file__).with_name("first_maps.csv"), pd.DataFrame(maps())
        return published.write(path, rows.round(4), MAPS, 1)
    if a.what == "steps":
        path, rows = Path(__file__).with_name("first_steps.csv"), pd.DataFrame(steps(a.seeds))
        return published.write(path, rows.round(4), FIRST, a.seeds)
    rows = pd.DataFrame(scales(a.epochs, a.seeds))
    path = Path(__file__).with_name("residual_scaling.csv")
    published.write(path, rows[COLUMNS].round(4), ABOUT, a.seeds)


if __name__ == "__main__":
    main()
