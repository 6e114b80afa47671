"""Train the nets that 07_inception_v3 loads, with and without a head, and write data/auxiliary_regularizer.csv.

python tools/regularizer_runs.py --seeds 8      small.inception on 100 digits, on the CPU: some minutes
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

DATA = Path(__file__).resolve().parents[1] / "data"
IMAGES, EPOCHS = 100, 20


def run(head: bool, seed: int) -> dict:
    """One network, the head behind its fourth module of six. Equal seeds begin with equal weights."""
    data = datasets.digits(size=16).take(IMAGES)
    torch.manual_seed(seed)
    net = models.small.inception(data.num_classes, width=8, channels=1, auxiliary=True)
    del net.auxiliary["inception_2"]  # the lower head, which Inception-v3 does without
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    objective = training.auxiliary_objective(0.3) if head else training.cross_entropy
    training.fit(
        net,
        data,
        optimizer,
        EPOCHS,
        batch_size=32,
        objective=objective,
        seed=seed,
    )
    scores = {
        split: training.evaluate(net, data, split) for split in ("train", "test")
    }
    return {
        "head": head, "seed": seed,
        **{f"{split}_{what}": getattr(score, what) for split, score in scores.items() for what in ("loss", "accuracy")},
    }  # fmt: skip


def main() -> None:
    """With and without the head, once per seed; then the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=8)
    a = parser.parse_args()
    rows = []
    for seed in range(a.seeds):
        for head in (False, True):
            rows.append(run(head, seed))
            print(rows[-1], flush=True)
    write(pd.DataFrame(rows), a.seeds)


def write(rows: pd.DataFrame, seeds: int) -> None:
    """The table in data/, with its provenance in the first lines."""
    header = {
        "what": f"small.inception of width 8 with batch normalization on {IMAGES} digits of 16 × 16, Adam 0.003, batch "
        f"32, {EPOCHS} epochs; head: an auxiliary classifier behind the fourth of six modules, weight 0.3, in training",
        "command": shlex.join(["python", "tools/" + Path(sys.argv[0]).name, *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "hardware": f"cpu, {torch.get_num_threads()} thread(s)",
        "versions": f"Python {platform.python_version()}, PyTorch {torch.__version__}",
        "seeds": ", ".join(map(str, range(seeds))),
    }
    text = "".join(f"# {k}: {v}\n" for k, v in header.items()) + rows.round(4).to_csv(
        index=False, lineterminator="\n"
    )
    (DATA / "auxiliary_regularizer.csv").write_text(text, encoding="utf-8")
    print(f"wrote data/auxiliary_regularizer.csv: {len(rows)} rows")


if __name__ == "__main__":
    main()
