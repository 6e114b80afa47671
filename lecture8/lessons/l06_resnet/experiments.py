"""Train the nets that explorers and figures of 06_resnet load, and draw the picture of the README.

python -m lecture8.lessons.l06_resnet.experiments digits      on the CPU, minutes: digits_depth.csv, digits_gradients.csv
python -m lecture8.lessons.l06_resnet.experiments degradation  on the CPU, an hour: degradation.csv, …_gradients.csv
python -m lecture8.lessons.l06_resnet.experiments removal      on the CPU, a minute: block_removal.csv
python -m lecture8.lessons.l06_resnet.experiments cifar --width 8 --epochs 20      a CPU, four hours: cifar_degradation.csv
python -m lecture8.lessons.l06_resnet.experiments cifar --width 16 --epochs 182    on a GPU

digits: every depth, plain and with each shortcut, three seeds, 12 epochs. degradation: 60 epochs with two drops of the
learning rate, plain and with shortcut A; plain-56 also at other rates, with other initial weights, for 180 epochs. cifar: the recipe
of the paper's section 4.2. The last two resume after an interruption: a finished run is a part of the table.
"""

import argparse
import copy
import os
from functools import partial
from itertools import combinations, product
from pathlib import Path

import pandas as pd
import torch
from torch import nn

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


INITIAL = {  # of convolutions; the linear layer keeps PyTorch's
    "he": None,  # `layers.he_init`, fan-out, as the networks are built
    "he fan-in": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
    "glorot": nn.init.xavier_uniform_,
    "pytorch": lambda w: nn.init.kaiming_uniform_(w, a=5**0.5),
}
RUNS = Path("runs") / "06_resnet"  # checkpoints of runs that are not finished


def trained(
    net: nn.Module,
    data,
    lr: float,
    epochs: int,
    seed: int,
    batch_size: int,
    name: str,
    seen=None,
) -> list[dict]:
    """SGD, momentum 0.9, decay 1e-4, ÷10 at half and three quarters: a row per epoch, the end measured once more.

    The last row also has the loss and accuracy of all training images and the accuracy of the test images, both in
    evaluation mode. seen: epochs after which `seen[epoch](net)` is called.
    """
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [epochs // 2, epochs * 3 // 4])
    RUNS.mkdir(parents=True, exist_ok=True)
    file, seen = RUNS / f"{name.replace(' ', '-')}.pt", seen or {}
    for stop in sorted({*seen, epochs}):
        history = training.fit(
            net,
            data,
            optimizer,
            stop,
            batch_size=batch_size,
            scheduler=scheduler,
            seed=seed,
            checkpoint=file,
        )
        if stop in seen:
            seen[stop](net)
    rows = [
        {k: v for k, v in row.items() if k not in ("seconds", "lr")} for row in history.rows
    ]
    end, test = training.evaluate(net, data, "train"), training.evaluate(net, data)
    rows[-1] |= {
        "end_train_loss": end.loss,
        "end_train_accuracy": end.accuracy,
        "test_accuracy": test.accuracy,
    }
    file.unlink()
    return rows


def built(kind: str, depth: int, init: str, seed: int) -> nn.Module:
    """A net for the digits, its convolutions with these initial weights."""
    torch.manual_seed(seed)
    net = models.small.resnet(depth, 10, width=8, channels=1, **KINDS[kind])
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and INITIAL[init]:
            INITIAL[init](module.weight)
    return net


def norms(data, kind: str, depth: int, seed: int) -> list[dict]:
    """Gradient norm of each layer's weights on one batch of 256, before and after some epochs of a training."""
    batch, rows = next(iter(data.batches("train", 256))), []
    file = f"norms-{kind}-{depth}-{seed}"

    def measured(epoch: int, net: nn.Module) -> None:
        found = training.gradient_norms(net, *batch).items()
        path = [norm for name, norm in found if ".shortcut" not in name]
        rows.extend(
            {"epoch": epoch, "layer": i, "norm": norm} for i, norm in enumerate(path, 1)
        )

    net = built(kind, depth, "he", seed)
    measured(0, net)
    seen = {epoch: partial(measured, epoch) for epoch in (1, 2, 3, 5, 8, 12, 20, 30, 40, 60)}
    (RUNS / f"{file}.pt").unlink(missing_ok=True)  # resumed, it would not see the first epochs
    trained(net, data, 0.05, 60, seed, 64, file, seen)
    return rows


def degradation(seeds: int, kinds: list[str]) -> None:
    """Fills degradation.csv (depths; rates and initial weights of plain-56), …_longer.csv and …_gradients.csv."""
    data, here = datasets.digits(size=8), Path(__file__)
    what = "nets of 6n + 2 layers, width 8, on 1,297 digits at 8 × 8 pixels, SGD, momentum 0.9, decay 1e-4, batch 64, "
    what += "60 epochs, learning rate divided by 10 after 30 and 45; kind: plain, or A for shortcuts"

    def run(kind: str, depth: int, lr: float, init: str, seed: int, epochs: int = 60):
        name = f"{kind}-{depth}-{lr}-{init}-{seed}-{epochs}"
        return trained(built(kind, depth, init, seed), data, lr, epochs, seed, 64, name)

    def arms(depths, kinds=kinds, rates=(0.05,), initial=("he",)) -> list[dict]:
        grid = product(range(seeds), depths, kinds, rates, initial)
        return [dict(kind=k, depth=d, lr=lr, init=i, seed=s) for s, d, k, lr, i in grid]

    file = here.with_name("degradation.csv")
    published.collect(file, what, arms([20, 56, 8, 14, 32, 44]), run)
    # plain-56 fails at 0.05: so only it has to be given every chance
    published.collect(file, what, arms([56], ["plain"], [0.005, 0.015, 0.15, 0.0015]), run)
    published.collect(file, what, arms([56], ["plain"], initial=[*INITIAL][1:]), run)
    file, slow = here.with_name("degradation_longer.csv"), arms([56], ["plain"], [0.005])
    longer = what.replace("60 epochs", "180 epochs").replace("30 and 45", "90 and 135")
    published.collect(file, longer, slow, partial(run, epochs=180))
    more = "; gradient norm of each layer's weights on one batch of 256, after so many epochs (0: before training)"
    of = [dict(kind=k, depth=56, seed=s) for s, k in product(range(seeds), kinds)]
    file, what = (
        here.with_name("degradation_gradients.csv"),
        what + more + "; learning rate 0.05",
    )
    published.collect(file, what, of, partial(norms, data))


def removal() -> None:
    """Plain-20 and residual-20, trained on digits; then one or two blocks are replaced by the identity, nothing trained."""
    data, rows, shown = datasets.digits(size=8), [], 20
    places = {
        3 * stage + i: (f"conv{stage + 2}_x", f"block{i}")
        for stage in range(3)
        for i in (1, 2, 3)
    }
    kept = [n for n in places if n not in (4, 7)]  # those change the shape
    for kind in ("plain", "A"):
        net = built(kind, 20, "he", 0)
        trained(net, data, 0.05, 20, 0, 64, f"removal-{kind}")
        for blocks in [(), *combinations(kept, 1), *combinations(kept, 2)]:
            less = copy.deepcopy(net).eval()
            for n in blocks:
                stage, name = places[n]
                setattr(less.features.get_submodule(stage), name, nn.Identity())
            with torch.no_grad():
                answers = less(data.test.images).argmax(1)
            right = (answers == data.test.labels).double().mean().item()
            said = "".join(map(str, answers[:shown].tolist()))
            first, second = (*blocks, 0, 0)[:2]
            rows.append(
                dict(
                    kind=kind,
                    first=first,
                    second=second,
                    test_accuracy=round(right, 4),
                    said=f"d{said}",
                )
            )
    what = "nets of 20 layers, width 8, 20 epochs of 1,297 digits at 8 × 8 pixels, learning rate 0.05; one or two of their 9 blocks "
    what += "replaced by the identity (0: none); said: the answers for the first 20 test images, after a d"
    published.write(Path(__file__).with_name("block_removal.csv"), pd.DataFrame(rows), what, 1)


def cifar(
    epochs: int,
    depths: list[int],
    seeds: int,
    kinds: list[str],
    width: int,
    note: str,
    folder: Path,
) -> None:
    """He et al. 2015, section 4.2: SGD 0.1, momentum 0.9, decay 1e-4, batch 128, ÷10 at half and three quarters."""
    data = datasets.cifar10()
    what = f"nets of 6n + 2 layers, width {width}, {epochs} epochs of {len(data.train):,} CIFAR-10 photographs, recipe of "
    what += f"He et al. 2015 section 4.2; kind: plain, or A for shortcuts{note}"

    def run(kind: str, depth: int, seed: int) -> list[dict]:
        torch.manual_seed(seed)
        net = models.small.resnet(depth, data.num_classes, width=width, **KINDS[kind])
        net.to(
            memory_format=torch.channels_last
        )  # 1.4 times as fast with few channels on a CPU
        return trained(
            net, data, 0.1, epochs, seed, 128, f"cifar-{kind}-{depth}-{width}-{epochs}-{seed}"
        )

    arms = [dict(kind=k, depth=d, seed=s) for s, d, k in product(range(seeds), depths, kinds)]
    published.collect(folder / "cifar_degradation.csv", what, arms, run)


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
    """Parse the command line and run one of the four."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["digits", "degradation", "removal", "cifar"])
    parser.add_argument("--epochs", type=int, default=12, help="not for degradation")
    parser.add_argument(
        "--depths",
        type=int,
        nargs="+",
        default=[8, 14, 20, 32, 44, 56],
        help="not for degradation",
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--kinds", nargs="+", default=["plain", "A"], help="of degradation and cifar"
    )
    parser.add_argument(
        "--width", type=int, default=16, help="channels of the first stage (cifar)"
    )
    parser.add_argument(
        "--note", default="", help="what else a reader must know of the data (cifar)"
    )
    here = Path(__file__)
    parser.add_argument(
        "--out", type=Path, default=here.parent, help="folder of the table (cifar)"
    )
    a = parser.parse_args()
    if a.what != "cifar":
        os.environ.setdefault("LECTURE8_DEVICE", "cpu")
    if a.what == "degradation":
        degradation(a.seeds, a.kinds)
    elif a.what == "removal":
        removal()
    elif a.what == "cifar":
        cifar(a.epochs, a.depths, a.seeds, a.kinds, a.width, a.note, a.out)
    else:
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


if __name__ == "__main__":
    main()
