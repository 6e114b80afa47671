"""Train one small network of each family on CIFAR-10 with one recipe, on a CPU.

python -m lecture8.lessons.l09_complexity.cifar10 rates      half an hour: cifar10_rates.csv, the learning rate of each
python -m lecture8.lessons.l09_complexity.cifar10 train      two hours, at most 35 minutes each: cifar10_networks.csv
python -m lecture8.lessons.l09_complexity.cifar10 animals    seconds: cifar10_animals.csv, what the weights say of ten photographs
python -m lecture8.lessons.l09_complexity.cifar10 times      a minute: cifar10_times.csv

The recipe: 45,000 photographs to train on, shifted by up to 4 pixels and mirrored, 12 epochs, batch 128, SGD with Nesterov
momentum 0.9, weight decay 5e-4, one cycle of the learning rate whose peak is chosen for each network by the 5,000
validation photographs. The 10,000 test photographs are looked at once, at the end. `train` also writes data/weights.
Both resume after an interruption.
"""

import argparse
import os
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from lecture8 import (
    checkpoints,
    complexity,
    datasets,
    measure,
    models,
    published,
    training,
    transfer,
)
from lecture8.datasets import CIFAR10_CLASSES

NETWORKS = {  # name -> options: of the sizes that a core trains in 45 minutes
    # half of the papers' dropout, for a 200th of their weights
    "alexnet": {"width": 12, "dropout": 0.25},
    "zfnet": {"dropout": 0.25},
    "vgg": {"width": 24},
    "inception": {},
    "resnet20": {"width": 8},
    "inception_resnet": {},
}
TITLES = {
    "alexnet": "AlexNet-like",
    "zfnet": "ZFNet-like",
    "vgg": "VGG-like",
    "inception": "GoogLeNet-like",
    "resnet20": "ResNet-20, half width",
    "inception_resnet": "Inception-ResNet-like",
}
RATES = (0.01, 0.03, 0.1, 0.3, 1.0)
RUNS = Path("runs") / "09_complexity"  # checkpoints of runs that are not finished


def built(network: str, seed: int) -> nn.Module:
    """The network as it is trained here."""
    torch.manual_seed(seed)
    net = getattr(models.small, network)(10, **NETWORKS[network])
    return net.to(memory_format=torch.channels_last)  # faster with few channels on a CPU


def fit(
    network: str, data, epochs: int, peak: float, seed: int
) -> tuple[nn.Module, list[dict]]:
    """One cycle: up to the peak in the first three tenths of the epochs, then down to almost 0."""
    net = built(network, seed)
    optimizer = torch.optim.SGD(
        net.parameters(), lr=peak, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=epochs + 1)
    RUNS.mkdir(parents=True, exist_ok=True)
    file = RUNS / f"{network}-{len(data.train)}-{epochs}-{peak}-{seed}.pt"
    try:
        history = training.fit(
            net, data, optimizer, epochs, scheduler=cycle, seed=seed, checkpoint=file
        )
    except training.DivergedError as error:
        history = error.history
    file.unlink(missing_ok=True)
    return net, history.rows


def rates(networks: list[str]) -> None:
    """Three epochs of 10,000 photographs at each rate: cifar10_rates.csv."""
    data = datasets.cifar10().take(10_000)
    what = "small networks on 10,000 CIFAR-10 photographs, one cycle of 3 epochs, else the recipe of cifar10_networks"

    def run(network: str, lr: float, seed: int) -> list[dict]:
        _, rows = fit(network, data, 3, lr, seed)
        return [{"valid_accuracy": rows[-1]["valid_accuracy"] if len(rows) == 3 else 0.0}]

    arms = [{"network": n, "lr": lr, "seed": 0} for n in networks for lr in RATES]
    published.collect(Path(__file__).with_name("cifar10_rates.csv"), what, arms, run)


def best_rate(network: str) -> float:
    """The rate with the highest validation accuracy in cifar10_rates.csv."""
    table = published.read("cifar10_rates")
    found = table[table["network"] == network]
    if set(found["lr"]) != set(RATES):
        raise ValueError(f"cifar10_rates.csv lacks rates of {network}: run `rates` first")
    return float(found.loc[found["valid_accuracy"].idxmax(), "lr"])


def train(networks: list[str], epochs: int) -> None:
    """The whole recipe, once each: cifar10_networks.csv, and the weights of seed 0 in half precision."""
    data = datasets.cifar10()
    what = (
        f"small networks on {len(data.train):,} CIFAR-10 photographs (JPEG copies of the originals), {epochs} epochs, SGD "
        "with Nesterov momentum 0.9, decay 5e-4, batch 128, one cycle up to the network's lr, shifted and mirrored"
    )

    def run(network: str, lr: float, seed: int) -> list[dict]:
        net, rows = fit(network, data, epochs, lr, seed)
        rows = [{k: v for k, v in row.items() if k not in ("seconds", "lr")} for row in rows]
        if seed == 0:
            checkpoints.save_weights(
                net.half(), published.SHARED / "weights" / f"{network}_cifar10.pt"
            )
            net.float()  # measured with the weights that are kept
        cost = complexity.profile(net, data.image_shape)
        rows[-1] |= {
            "test_accuracy": training.evaluate(net, data).accuracy,
            "params": cost.params, "macs": cost.macs, "activations": cost.activations,
        }  # fmt: skip
        return rows

    arms = [{"network": n, "lr": best_rate(n), "seed": 0} for n in networks]
    published.collect(Path(__file__).with_name("cifar10_networks.csv"), what, arms, run)


def times(networks: list[str]) -> None:
    """Time of an image at batch 1 and 64 beside that of ResNet-20's, three times each: cifar10_times.csv."""
    what = (
        "inference of the networks of cifar10_networks on one thread: milliseconds per image, and over those of resnet20 in "
        "the same run (median of 15 rounds with quartiles); seed: repetitions"
    )

    def run(network: str, batch: int, seed: int) -> list[dict]:
        images = torch.rand(batch, 3, 32, 32)
        ours, reference = (built(name, 0).eval() for name in (network, "resnet20"))
        with torch.inference_mode():
            found = measure.ratio(
                partial(ours, images), partial(reference, images), device="cpu"
            )
        return [
            {
                "milliseconds": 1e3 * found.ours / batch,
                "ratio": found.median,
                "low": found.low,
                "high": found.high,
            }
        ]

    arms = [
        dict(network=n, batch=b, seed=s) for s in range(3) for b in (1, 64) for n in networks
    ]
    published.collect(Path(__file__).with_name("cifar10_times.csv"), what, arms, run)


def animals(networks: list[str]) -> None:
    """Logits of the networks with the weights that are kept, for `datasets.animals(32)`: cifar10_animals.csv."""
    what = "logits of the small networks with weights='cifar10' for the photographs of datasets.animals(32), a column per class"
    photos = datasets.animals(32)
    images = transfer.normalize(torch.stack(list(photos.values())) / 255, "cifar10")
    rows = []
    for network in networks:
        net = getattr(models.small, network)(weights="cifar10").eval()
        with torch.inference_mode():
            logits = net(images)
        for photo, row in zip(photos, logits.tolist(), strict=True):
            values = {name: round(v, 4) for name, v in zip(CIFAR10_CLASSES, row, strict=True)}
            rows.append({"network": network, "photo": photo} | values)
    published.write(
        Path(__file__).with_name("cifar10_animals.csv"), pd.DataFrame(rows), what, 1
    )


def own() -> pd.DataFrame:
    """What our own networks cost and reach on CIFAR-10, by name: params (millions), macs and activations (millions),
    top1 (percent of the test photographs), and the time over ResNet-20's at batch 1 and 64 (time1, time64).

    From the tables cifar10_networks and cifar10_times: one recipe, one seed each; times beside ResNet-20's, in turns.
    """
    ends = (
        published.read("cifar10_networks").dropna(subset="test_accuracy").set_index("network")
    )
    table = pd.DataFrame({"top1": 100 * ends["test_accuracy"]})
    for cost in ("params", "macs", "activations"):
        table[cost] = ends[cost] / 1e6
    times = published.read("cifar10_times").groupby(["batch", "network"])["ratio"].median()
    for batch in (1, 64):
        table[f"time{batch}"] = times[batch]
    return table.rename(TITLES)


def main() -> None:
    """Parse the command line and run one of the four."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["rates", "train", "animals", "times"])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--epochs", type=int, default=12, help="of train")
    a = parser.parse_args()
    os.environ.setdefault("LECTURE8_DEVICE", "cpu")
    if a.what == "train":
        train(a.networks, a.epochs)
    else:
        {"rates": rates, "animals": animals, "times": times}[a.what](a.networks)


if __name__ == "__main__":
    main()
