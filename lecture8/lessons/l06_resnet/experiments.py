"""Train the nets that explorers and figures of 06_resnet load, and draw the picture of the README.

python -m lecture8.lessons.l06_resnet.experiments digits      on the CPU, minutes: digits_depth.csv, digits_gradients.csv
python -m lecture8.lessons.l06_resnet.experiments cifar --epochs 182      on a GPU, hours: cifar_depth.csv
python -m lecture8.lessons.l06_resnet.experiments cifar --epochs 5 --width 8 --images 10000 --depths 20 56      a CPU, an hour

digits: every depth, plain and with each shortcut, three seeds. cifar: the recipe of the paper's section 4.2.
"""

import argparse
import os
from pathlib import Path

import pandas as pd
import torch

from lecture8 import datasets, models, plots, published, training
from lecture8.history import History

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
                history = training.fit(net, data, optimizer, epochs, batch_size=64, seed=seed)
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


def picture(curves: pd.DataFrame) -> None:
    """The README's picture, from the digits' runs: data/pictures/degradation.png."""
    plots.use_style()
    histories = {
        f"{'plain' if kind == 'plain' else 'residual'}-{depth}": [
            History(run.to_dict("records")) for _, run in rows.groupby("seed")
        ]
        for (kind, depth), rows in curves.groupby(["kind", "depth"])
        if kind in ("plain", "A") and depth in (20, 56)
    }
    title = "Training loss on handwritten digits, with and without shortcuts (three seeds)"
    figure = plots.curves(histories)
    figure.axes[0].set_title(title)
    (published.SHARED / "pictures" / "degradation.png").write_bytes(plots.png(figure))


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
    here = Path(__file__)
    if a.what == "digits":
        os.environ.setdefault("LECTURE8_DEVICE", "cpu")
        curves, gradients = digits(a.epochs, a.depths, a.seeds)
        picture(curves)
        what = "nets of 6n + 2 layers, width 8, on 1,297 digits at 8 × 8 pixels, SGD 0.05, momentum 0.9, batch 64; "
        more = "loss and accuracy after each epoch"
        curves = curves.drop(columns=["seconds", "lr"]).round(4)
        published.write(here.with_name("digits_depth.csv"), curves, what + more, a.seeds)
        # four digits are more than a plot can show
        gradients["norm"] = gradients["norm"].map(lambda v: float(f"{v:.4g}"))
        more = "gradient norm of each layer's weights before training"
        published.write(here.with_name("digits_gradients.csv"), gradients, what + more, a.seeds)
    else:
        what = f"nets of 6n + 2 layers, width {a.width}, {a.epochs} epochs of {a.images:,} CIFAR-10 photographs, "
        what += f"recipe of He et al. 2015 section 4.2{a.note}"
        curves = cifar(a.epochs, a.depths, a.seeds, a.width, a.images).round(4)
        published.write(here.with_name("cifar_depth.csv"), curves, what, a.seeds)


if __name__ == "__main__":
    main()
