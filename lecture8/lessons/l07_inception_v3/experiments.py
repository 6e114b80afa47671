"""Train the nets that 07_inception_v3 loads, with labels smoothed more or less, and write data/label_smoothing.csv.

python tools/smoothing_runs.py --seeds 4      small networks on digits, on the CPU: some minutes
"""

import argparse
import datetime
import platform
import shlex
import sys
from pathlib import Path

import pandas as pd
import torch

from lecture8 import datasets, models, training
from lecture8.lessons.l07_inception_v3.calibration import calibration, predictions

DATA = Path(__file__).resolve().parents[1] / "data"
AMOUNTS = (0.0, 0.02, 0.05, 0.1, 0.2)
EPOCHS = {50: 60, 960: 8}  # training images -> epochs


def run(images: int, amount: float, seed: int) -> list[dict]:
    """One network: a row per bin of its test predictions. Equal seeds begin with equal weights."""
    data = datasets.digits(size=16).take(images)
    torch.manual_seed(seed)
    net = models.small.alexnet(
        data.num_classes, width=8, channels=1, input_size=16, norm=False, dropout=0.0
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
    objective = training.label_smoothing(amount)
    training.fit(
        net,
        data,
        optimizer,
        EPOCHS[images],
        batch_size=32,
        objective=objective,
        seed=seed,
    )
    found = calibration(*predictions(net, data))
    bins = zip(found.count, found.confidence, found.accuracy, strict=True)
    return [
        {
            "images": images,
            "amount": amount,
            "seed": seed,
            "count": n,
            "promised": c,
            "accuracy": a,
        }
        for n, c, a in bins
    ]


def main() -> None:
    """Every amount for every number of images, once per seed; then the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=4)
    a = parser.parse_args()
    rows = []
    for images in EPOCHS:
        for amount in AMOUNTS:
            for seed in range(a.seeds):
                rows += run(images, amount, seed)
            print(images, amount, flush=True)
    write(pd.DataFrame(rows), a.seeds)


def write(rows: pd.DataFrame, seeds: int) -> None:
    """The table in data/, with its provenance in the first lines."""
    epochs = ", ".join(f"{e} epochs for {n} images" for n, e in EPOCHS.items())
    header = {
        "what": "small.alexnet of width 8 without normalization and dropout on 16 × 16 digits, Adam 0.002, batch 32; "
        "amount: share of each label that is spread over all classes; a row is a bin of the test predictions sorted by "
        "confidence (ten bins from 0 to 1, empty ones left out): predictions in it, mean confidence (promised), "
        "share right",
        "epochs": epochs,
        "command": shlex.join(["python", "tools/" + Path(sys.argv[0]).name, *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "hardware": f"cpu, {torch.get_num_threads()} thread(s)",
        "versions": f"Python {platform.python_version()}, PyTorch {torch.__version__}",
        "seeds": ", ".join(map(str, range(seeds))),
    }
    text = "".join(f"# {k}: {v}\n" for k, v in header.items()) + rows.round(5).to_csv(
        index=False, lineterminator="\n"
    )
    (DATA / "label_smoothing.csv").write_text(text, encoding="utf-8")
    print(f"wrote data/label_smoothing.csv: {len(rows)} rows")


if __name__ == "__main__":
    main()
