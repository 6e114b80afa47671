"""Train the networks whose runs 03_zfnet loads; on the CPU, minutes each.

python -m lecture8.lessons.l03_zfnet.experiments occlusion    two networks, a gray square over every place: occlusion.csv
python -m lecture8.lessons.l03_zfnet.experiments removed      the small ZFNet without some layers: zfnet_removed.csv
python -m lecture8.lessons.l03_zfnet.experiments first_layer  its first kernel and stride: first_layer.csv

first_layer resumes after an interruption: a finished run is a part of the table.
"""

import argparse
import os
from itertools import product
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from lecture8 import datasets, models, published, training
from lecture8.lessons.l03_zfnet.clutter import cluttered_digits, mark, planted
from lecture8.models.zfnet import occlusion

WIDTH, LR, BATCH = 6, 0.004, 64
SQUARE, STEP, IMAGES = 8, 2, 4
EPOCHS = {"plain": 4, "marked": 4, "removed": 12}
SEEDS = range(3)


def train(data: datasets.Data, epochs: int, seed: int, **options):
    """One small ZFNet, trained: (network, history)."""
    torch.manual_seed(seed)
    net = models.small.zfnet(width=WIDTH, channels=1, dropout=0.0, **options)
    history = fitted(net, data, LR, epochs, seed)
    return net.eval(), history


def fitted(net: nn.Module, data: datasets.Data, lr: float, epochs: int, seed: int):
    """Trains the network with Adam, the learning rate falling to a tenth; the history."""
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, epochs - 1)
    return training.fit(
        net,
        data,
        optimizer,
        epochs,
        batch_size=BATCH,
        scheduler=scheduler,
        seed=seed,
    )


def chosen(nets: dict, splits: dict) -> list[int]:
    """The first test images, each of another digit, that both networks read well, and the plain one not everywhere."""
    found = {}
    for index, label in enumerate(splits["plain"].labels.tolist()):
        if label in found or len(found) == IMAGES:
            continue
        with torch.no_grad():
            sure = [
                nets[kind](splits[kind].images[index][None]).softmax(1)[0, label] > 0.95
                for kind in nets
            ]
        maps = occlusion(nets["plain"], splits["plain"].images[index], SQUARE, STEP)
        if all(sure) and (maps.argmax(2) != label).any():
            found[label] = index
    return list(found.values())


def occlusion_maps() -> pd.DataFrame:
    """One row per network, image and place of the square, with the probability of each class."""
    kinds = {"plain": cluttered_digits()}
    kinds["marked"] = planted(kinds["plain"], mark)
    nets = {kind: train(data, EPOCHS[kind], seed=0)[0] for kind, data in kinds.items()}
    splits, rows = {kind: data.test for kind, data in kinds.items()}, []
    for kind, net in nets.items():
        print(kind, training.evaluate(net, kinds[kind]))
        for index in chosen(nets, splits):
            maps = occlusion(net, splits[kind].images[index], SQUARE, STEP)
            for row, line in enumerate(maps.tolist()):
                for column, chances in enumerate(line):
                    place = {"top": STEP * row, "left": STEP * column}
                    rows.append({"trained on": kind, "image": index, "label": int(splits[kind].labels[index]), **place}
                                | {str(n): round(p, 3) for n, p in enumerate(chances)})  # fmt: skip
    return pd.DataFrame(rows)


VARIANTS = {
    "nothing": {}, "7": {"without": (7,)}, "6 7": {"without": (6, 7)}, "3 4": {"without": (3, 4)},
    "3 4 6 7": {"without": (3, 4, 6, 7)},
}  # fmt: skip


def variants() -> pd.DataFrame:
    """Errors on the training and validation pictures after each epoch, on the test pictures at the end."""
    data, rows = cluttered_digits(), []
    for name, options in VARIANTS.items():
        for seed in SEEDS:
            net, history = train(data, EPOCHS["removed"], seed, **options)
            for r in history.rows:
                percent = {
                    f"{part}_error": round(100 - 100 * r[f"{part}_accuracy"], 2)
                    for part in ("train", "valid")
                }
                rows.append({"removed": name, "seed": seed, "epoch": r["epoch"]} | percent)
            rows[-1]["test_error"] = round(100 * training.evaluate(net, data).error, 2)
            print(rows[-1], flush=True)
    return pd.DataFrame(rows)


KERNELS, STRIDES = (7, 11), (2, 4)
MADE_UP_FOR = ("conv2", "pool1")  # which layer halves once less after a first stride of 4
RATES = (0.001, 0.002, 0.004, 0.008)  # seeds 0 and 1 choose
MEASURED = {4: range(10, 15), 12: range(10, 13)}  # epochs -> seeds


def with_first(kernel: int, stride: int, by: str, seed: int) -> nn.Module:
    """The small ZFNet with another first kernel and stride; conv2's output is 4 × 4 in each of them.

    Either stride leads to the same sizes from conv2 on only if another layer makes up for it: after a stride of 4 the
    stride of `by` ("conv2" or "pool1") is 1 instead of 2. Everything after conv2 is the same, and with "pool1" conv2
    is, too. Two things must still differ: a stride of 4 does a quarter of conv1's work, and conv2 sees more of the
    image (27 and 31 pixels across after stride 2; 47 and 51 with "conv2", 31 and 35 with "pool1").
    Networks of one seed have equal initial weights in all layers whose shapes agree.
    """
    torch.manual_seed(seed)
    net = models.small.zfnet(width=WIDTH, channels=1, dropout=0.0)
    first = net.features.conv1
    if kernel != first.conv.kernel_size[0]:
        first.conv = nn.Conv2d(1, 2 * WIDTH, kernel, stride, kernel // 2)
        nn.init.kaiming_normal_(first.conv.weight, nonlinearity="relu")
        nn.init.zeros_(first.conv.bias)
    first.conv.stride = (stride, stride)
    if stride == 4 and by == "conv2":
        net.features.conv2.conv.stride = (1, 1)
    elif stride == 4:
        first.pool = nn.MaxPool2d(3, stride=1, padding=1)
    return net


def first_layer() -> None:
    """Fills first_layer.csv: the rates of each arm with two seeds, then each at its best with others."""
    data, file = cluttered_digits(), Path(__file__).with_name("first_layer.csv")
    cells = [
        dict(kernel=k, stride=s, by=by)
        for k, s, by in product(KERNELS, STRIDES, MADE_UP_FOR)
        if s == 4 or by == "conv2"
    ]
    what = f"models.small.zfnet of width {WIDTH} with other first layers on cluttered_digits, no dropout, Adam, the rate "
    what += f"falling to a tenth, batch {BATCH}; by: the layer with stride 1 for 2 after a first stride of 4; seeds 0 and 1 "
    what += "chose the rate (validation error after 4 epochs), the others measure; errors in percent after the last epoch"

    def run(kernel: int, stride: int, by: str, lr: float, epochs: int, seed: int) -> list[dict]:
        net = with_first(kernel, stride, by, seed)
        history = fitted(net, data, lr, epochs, seed)
        errors = [1 - history.last["valid_accuracy"], training.evaluate(net, data).error]
        row = dict(zip(("valid_error", "test_error"), (round(100 * e, 2) for e in errors)))
        print(kernel, stride, by, lr, epochs, seed, row, flush=True)
        return [row]

    arms = [
        {**cell, "lr": lr, "epochs": 4, "seed": s}
        for s, lr, cell in product((0, 1), RATES, cells)
    ]
    table = published.collect(file, what, arms, run)
    tried = table[table["seed"] < 2].groupby(["kernel", "stride", "by", "lr"])["valid_error"]
    tried = tried.mean()
    pairs = [(epochs, seed) for epochs, seeds in MEASURED.items() for seed in seeds]
    for (epochs, seed), cell in product(pairs, cells):
        if epochs == 12 and cell["by"] == "pool1":
            continue
        best = float(tried.loc[tuple(cell.values())].idxmin())
        arm = {**cell, "lr": best, "epochs": epochs, "seed": seed}
        published.collect(file, what, [arm], run)


NETWORKS = f"models.small.zfnet of width {WIDTH}, no dropout; Adam {LR} falling to a tenth, batch {BATCH}"


def main() -> None:
    """Parse the command line and run one of the three."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["occlusion", "removed", "first_layer"])
    os.environ.setdefault("LECTURE8_DEVICE", "cpu")
    here, wanted = Path(__file__), parser.parse_args().what
    if wanted == "first_layer":
        first_layer()
    elif wanted == "occlusion":
        what = "probabilities that two networks output while a gray square covers a place of a test picture of "
        what += f"cluttered_digits; plain: {EPOCHS['plain']} epochs without marks, marked: {EPOCHS['marked']} with"
        published.write(
            here.with_name("occlusion.csv"),
            occlusion_maps(),
            what,
            1,
            square=SQUARE,
            networks=NETWORKS,
        )
    else:
        what = "the small ZFNet without some layers on cluttered_digits; "
        what += "errors in percent after each epoch, on the test pictures after the last"
        published.write(
            here.with_name("zfnet_removed.csv"), variants(), what, SEEDS, networks=NETWORKS
        )


if __name__ == "__main__":
    main()
