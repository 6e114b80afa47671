"""Train the nets that 05_googlenet loads, with and without auxiliary classifiers, and write data/auxiliary_heads.csv.

python tools/auxiliary_runs.py --seeds 5      GoogLeNet in miniature on 960 digits, on the CPU: ten minutes
"""

import argparse
import datetime
import platform
import shlex
import sys
from pathlib import Path

import pandas as pd
import torch

from lecture8 import datasets, training
from lecture8.models.googlenet import AUXILIARY, miniature

DATA = Path(__file__).resolve().parents[1] / "data"
HEADS = {"none": (), "upper": AUXILIARY[1:], "both": AUXILIARY}


def run(heads: str, norm: bool, seed: int, epochs: int) -> list[dict]:
    """One network: a row per epoch, the last one with the test accuracy. Equal seeds begin with equal weights."""
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
    rows = []
    for seed in range(a.seeds):
        for norm in (False, True):
            for heads in HEADS:
                rows += run(heads, norm, seed, a.epochs)
                print(rows[-1], flush=True)
    write(pd.DataFrame(rows))


def write(rows: pd.DataFrame) -> None:
    """The table in data/, with its provenance in the first lines."""
    header = {
        "what": "GoogLeNet in miniature (Table 1, an eighth of every width) on 960 digits of 16 × 16, Adam 0.002, "
        "batch 32; heads: auxiliary classifiers in training, on none, on 4d (upper), on 4a and 4d (both); norm: batch "
        "normalization",
        "command": shlex.join(["python", "tools/" + Path(sys.argv[0]).name, *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "hardware": f"cpu, {torch.get_num_threads()} thread(s)",
        "versions": f"Python {platform.python_version()}, PyTorch {torch.__version__}",
        "seeds": ", ".join(map(str, sorted(rows["seed"].unique()))),
    }
    table = rows[["norm", "heads", "seed", "epoch", "valid_accuracy", "test_accuracy"]].round(4)
    text = "".join(f"# {k}: {v}\n" for k, v in header.items()) + table.to_csv(
        index=False, lineterminator="\n"
    )
    (DATA / "auxiliary_heads.csv").write_text(text, encoding="utf-8")
    print(f"wrote data/auxiliary_heads.csv: {len(table)} rows")


if __name__ == "__main__":
    main()
