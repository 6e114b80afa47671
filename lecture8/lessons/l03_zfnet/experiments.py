"""Train the networks whose runs 03_zfnet loads; on the CPU, minutes each.

python -m lecture8.lessons.l03_zfnet.experiments occlusion    two networks, a gray square over every place: occlusion.csv
python -m lecture8.lessons.l03_zfnet.experiments removed      the small ZFNet without some layers: zfnet_removed.csv
"""

import argparse
import os
from pathlib import Path

import pandas as pd
import torch

from lecture8 import datasets, models, published, training
from lecture8.lessons.l03_zfnet.clutter import cluttered_digits
from lecture8.models.zfnet import occlusion

WIDTH, LR, BATCH = 6, 0.004, 64
SQUARE, STEP, IMAGES = 8, 2, 4
EPOCHS = {"plain": 4, "marked": 2, "removed": 12}
SEEDS = range(3)


def train(data: datasets.Data, epochs: int, seed: int, **options):
    """One small ZFNet, trained: (network, history)."""
    torch.manual_seed(seed)
    net = models.small.zfnet(width=WIDTH, channels=1, dropout=0.0, **options)
    optimizer = torch.optim.Adam(net.parameters(), lr=LR)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, epochs - 1)
    history = training.fit(
        net,
        data,
        optimizer,
        epochs,
        batch_size=BATCH,
        scheduler=scheduler,
        seed=seed,
    )
    return net.eval(), history


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
    kinds = {kind: cluttered_digits(marked=kind == "marked") for kind in ("plain", "marked")}
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
    "3 4 6 7": {"without": (3, 4, 6, 7)}, "coarse": {"coarse": True},
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


NETWORKS = f"models.small.zfnet of width {WIDTH}, no dropout; Adam {LR} falling to a tenth, batch {BATCH}"


def main() -> None:
    """Parse the command line and run one of the two."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["occlusion", "removed"])
    os.environ.setdefault("LECTURE8_DEVICE", "cpu")
    here = Path(__file__)
    if parser.parse_args().what == "occlusion":
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
        what = "the small ZFNet without some layers (coarse: all of them, with AlexNet's beginning) on cluttered_digits; "
        what += "errors in percent after each epoch, on the test pictures after the last"
        published.write(
            here.with_name("zfnet_removed.csv"), variants(), what, SEEDS, networks=NETWORKS
        )


if __name__ == "__main__":
    main()
