"""Train the nets that explorers and figures of 06_resnet load, and write them to data/ with their provenance.

python tools/depth_runs.py digits            every depth, plain and with each shortcut, three seeds, on the CPU: minutes
python tools/depth_runs.py cifar --epochs 182   the CIFAR-10 recipe of the paper's section 4.2: a GPU, hours
python tools/depth_runs.py cifar --epochs 5 --width 8 --images 10000 --depths 20 56   the same in small: a CPU, an hour
"""

import argparse
import datetime
import platform
import shlex
import sys
from pathlib import Path

import pandas as pd
import torch

from lecture8 import datasets, devices, models, plots, training
from lecture8.history import History

DATA = Path(__file__).resolve().parents[1] / "data"
KINDS = {
    "plain": {"residual": False},
    "A": {"shortcut": "A"},
    "B": {"shortcut": "B"},
    "C": {"shortcut": "C"},
}


def digits(epochs: int, depths: list[int], seeds: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Curves (kind, depth, seed, epoch) and gradient norms by layer before training (kind, depth, seed, layer)."""
    data, curves, gradients = datasets.digits(size=8), [], []
    for depth in depths:
        for kind, options in KINDS.items():
            for seed in range(seeds):
                torch.manual_seed(seed)
                net = models.small.resnet(
                    depth, data.num_classes, width=8, channels=1, **options
                )
                batch = next(iter(data.batches("train", 256)))
                norms = training.gradient_norms(net, *batch).items()
                path = [norm for name, norm in norms if ".shortcut" not in name]
                gradients += [
                    {"kind": kind, "depth": depth, "seed": seed, "layer": i, "norm": n}
                    for i, n in enumerate(path, 1)
                ]
                optimizer = torch.optim.SGD(
                    net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4
                )
                history = training.fit(
                    net, data, optimizer, epochs, batch_size=64, seed=seed
                )
                curves += [
                    {"kind": kind, "depth": depth, "seed": seed, **row} for row in history.rows
                ]
                print(kind, depth, seed, history, flush=True)
    return pd.DataFrame(curves), pd.DataFrame(gradients)


def cifar(epochs: int, depths: list[int], seeds: int, width: int, images: int) -> pd.DataFrame:
    """He et al. 2015, section 4.2: SGD 0.1, momentum 0.9, decay 1e-4, batch 128, ÷10 at half and three quarters."""
    data, curves = datasets.cifar10().take(images), []
    for depth in depths:
        for kind in ("plain", "A"):
            for seed in range(seeds):
                torch.manual_seed(seed)
                net = models.small.resnet(depth, data.num_classes, width=width, **KINDS[kind])
                optimizer = torch.optim.SGD(
                    net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4
                )
                drops = sorted({max(1, epochs // 2), max(1, epochs * 3 // 4)})
                scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, drops)
                history = training.fit(
                    net, data, optimizer, epochs, scheduler=scheduler, seed=seed
                )
                test = training.evaluate(net, data)
                curves += [
                    {"kind": kind, "depth": depth, "seed": seed, **row} for row in history.rows
                ]
                curves[-1]["test_accuracy"] = test.accuracy
                print(kind, depth, seed, history, f"test error {test.error:.2%}", flush=True)
    return pd.DataFrame(curves)


def write(name: str, table: pd.DataFrame, about: str, seeds: int) -> None:
    """One CSV in data/, with its provenance in the first lines."""
    device = devices.pick_device()
    chip = (
        torch.cuda.get_device_name()
        if device.type == "cuda"
        else f"{torch.get_num_threads()} thread(s)"
    )
    header = {
        "what": about,
        "command": shlex.join(["python", "tools/" + Path(sys.argv[0]).name, *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "hardware": f"{device.type}, {chip}",
        "versions": f"Python {platform.python_version()}, PyTorch {torch.__version__}",
        "seeds": ", ".join(map(str, range(seeds))),
    }
    text = "".join(f"# {k}: {v}\n" for k, v in header.items()) + table.to_csv(
        index=False, lineterminator="\n"
    )
    (DATA / f"{name}.csv").write_text(text, encoding="utf-8")
    print(f"wrote data/{name}.csv: {len(table)} rows")


def picture(curves: pd.DataFrame) -> None:
    """The README's picture, from the digits' runs."""
    plots.use_style()
    histories = {
        f"{'plain' if kind == 'plain' else 'residual'}-{depth}": [
            History(run.to_dict("records")) for _, run in rows.groupby("seed")
        ]
        for (kind, depth), rows in curves.groupby(["kind", "depth"])
        if kind in ("plain", "A") and depth in (20, 56)
    }
    title = "Training loss on handwritten digits, with and without shortcuts (three seeds)"
    (DATA / "pictures").mkdir(exist_ok=True)
    (DATA / "pictures" / "degradation.png").write_bytes(
        plots.png(plots.curves(histories, title=title))
    )


def main() -> None:
    """Parse the command line and run one of the two."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["digits", "cifar"])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--depths", type=int, nargs="+", default=[8, 14, 20, 32, 44, 56])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--width", type=int, default=16, help="channels of the first stage (cifar)"
    )
    parser.add_argument("--images", type=int, default=45_000, help="training images (cifar)")
    parser.add_argument(
        "--note", default="", help="what else a reader must know of the data (cifar)"
    )
    a = parser.parse_args()
    if a.what == "digits":
        curves, gradients = digits(a.epochs, a.depths, a.seeds)
        picture(curves)
        drop = ["seconds", "lr"]
        about = "nets of 6n + 2 layers, width 8, on 1,297 digits at 8 × 8 pixels, SGD 0.05, momentum 0.9, batch 64; "
        write(
            "digits_depth",
            curves.drop(columns=drop).round(4),
            about + "loss and accuracy after each epoch",
            a.seeds,
        )
        # four digits are more than a plot can show
        gradients["norm"] = gradients["norm"].map(lambda v: float(f"{v:.4g}"))
        write(
            "digits_gradients",
            gradients,
            about + "gradient norm of each layer's weights before training",
            a.seeds,
        )
    else:
        about = f"nets of 6n + 2 layers, width {a.width}, {a.epochs} epochs of {a.images:,} CIFAR-10 photographs"
        curves = cifar(a.epochs, a.depths, a.seeds, a.width, a.images)
        write(
            "cifar_depth",
            curves.round(4),
            about + ", recipe of He et al. 2015 section 4.2" + a.note,
            a.seeds,
        )


if __name__ == "__main__":
    main()
