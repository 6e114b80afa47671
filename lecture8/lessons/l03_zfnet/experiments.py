"""Train the networks whose runs 03_zfnet loads, and write them to data/ with their provenance. On the CPU, minutes.

python tools/zfnet_runs.py occlusion    what two networks believe while a gray square covers a place: data/occlusion.csv
python tools/zfnet_runs.py removed      the small ZFNet without some layers, 12 epochs: data/zfnet_removed.csv
"""

import argparse
import datetime
import platform
from pathlib import Path

import pandas as pd
import torch

from lecture8 import datasets, models, training
from lecture8.models.zfnet import occlusion

DATA = Path(__file__).resolve().parents[1] / "data"
WIDTH, RATE, BATCH = 6, 0.004, 64
SQUARE, STEP, IMAGES = 8, 2, 4
EPOCHS = {"plain": 4, "marked": 2, "removed": 12}
SEEDS = range(3)


def train(data: datasets.Data, epochs: int, seed: int, **options):
    """One small ZFNet, trained: (network, history)."""
    torch.manual_seed(seed)
    net = models.small.zfnet(width=WIDTH, channels=1, dropout=0.0, **options)
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
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
    kinds = {
        kind: datasets.cluttered_digits(marked=kind == "marked") for kind in ("plain", "marked")
    }
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
    data, rows = datasets.cluttered_digits(), []
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


def write(name: str, table: pd.DataFrame, header: dict) -> None:
    """One CSV in data/, with its provenance in the first lines."""
    header |= {
        "networks": f"models.small.zfnet of width {WIDTH}, no dropout; Adam {RATE} falling to a tenth, batch {BATCH}",
        "date": datetime.date.today().isoformat(),
        "hardware": f"cpu, {torch.get_num_threads()} thread(s)",
        "versions": f"Python {platform.python_version()}, PyTorch {torch.__version__}",
    }
    text = "".join(f"# {k}: {v}\n" for k, v in header.items()) + table.to_csv(
        index=False, lineterminator="\n"
    )
    (DATA / f"{name}.csv").write_text(text, encoding="utf-8")
    print(f"wrote data/{name}.csv: {len(table)} rows")


def main() -> None:
    """Parse the command line and run one of the two."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["occlusion", "removed"])
    what = parser.parse_args().what
    command = {"command": f"python tools/zfnet_runs.py {what}"}
    if what == "occlusion":
        about = "what two networks believe while a gray square covers a place of a test picture of cluttered_digits; "
        about += f"plain: {EPOCHS['plain']} epochs without marks, marked: {EPOCHS['marked']} epochs with marks"
        write(
            "occlusion",
            occlusion_maps(),
            {"what": about, "square": SQUARE, **command, "seeds": 0},
        )
    else:
        about = "the small ZFNet without some layers (coarse: all of them, with AlexNet's beginning) on cluttered_digits; "
        about += "errors in percent after each epoch, on the test pictures after the last"
        seeds = {"seeds": ", ".join(map(str, SEEDS))}
        write("zfnet_removed", variants(), {"what": about, **command, **seeds})


if __name__ == "__main__":
    main()
