"""Does training wait for its images? An epoch of batches alone, against an epoch of training on them.

    python -m benchmarks.loading [--images 2560] [--device cpu]

Images of CIFAR-10's size, kept as bytes in memory, in batches of 128, augmented as in the ResNet paper (pad by 4, crop,
flip) and normalized; the network is its ResNet-20. Beside them the usual way: a DataLoader that takes one image after
the other through torchvision's transforms. Times are processor time of this process on a CPU (the wall clock tells more
about what else the machine does), wall time on a GPU; the median over `ROUNDS` rounds, in which the ways take turns.

Measured on one thread of a shared x86 processor, PyTorch 2.15, 1,280 images: 24 µs per image for our batches, 266 for
the DataLoader, 5,786 for the training step: the batches are 0.4 % of an epoch.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from lecture8 import models
from lecture8.datasets import Data, Split, compose, random_crop, random_flip

ROUNDS = 5
BATCH = 128
EPOCH = 50_000  # images, as in CIFAR-10's training set


@dataclass(frozen=True)
class Result:
    """Seconds per image: our batches, torchvision's, and a training step on ours without the time for the batches."""

    batches: float
    data_loader: float
    training: float
    where: str

    @property
    def share(self) -> float:
        """The share of the batches in a training epoch."""
        return self.batches / (self.batches + self.training)

    def __str__(self) -> str:
        rows = [
            ("our batches, augmented", self.batches),
            ("torchvision's transforms in a DataLoader", self.data_loader),
            ("training ResNet-20, without the batches", self.training),
        ]
        lines = [f"{what:42}{1e6 * each:9.1f} µs/image{EPOCH * each:9.2f} s/epoch" for what, each in rows]
        return "\n".join([self.where, *lines, f"Our batches take {self.share:.1%} of an epoch of training."])


def measure(images: int, device: str = "cpu") -> Result:
    """Times on `images` made-up images. Raises ValueError for fewer than one batch of them."""
    if images < BATCH:
        raise ValueError(f"given images={images}; expected {BATCH} or more, one batch")
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (images, 3, 32, 32), generator=generator, dtype=torch.uint8)
    labels = torch.arange(images) % 10
    split = Split(pixels, labels, (0.5,) * 3, (0.25,) * 3)
    data = Data(split, split, split, tuple("0123456789"), "noise", compose(random_crop(4), random_flip())).to(device)
    net = models.small.resnet20().to(device).train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    loader = _data_loader(pixels, labels)
    ways = {
        "batches": lambda: [None for _ in data.batches("train", BATCH, generator, augment=True)],
        "loader": lambda: [None for _ in loader],
        "training": lambda: [
            _step(net, optimizer, *batch) for batch in data.batches("train", BATCH, generator, augment=True)
        ],
    }
    times = {name: [] for name in ways}
    for _ in range(1 + ROUNDS):  # the first to warm up
        for name, way in ways.items():
            times[name].append(_seconds(way, device) / images)
    median = {name: statistics.median(each[1:]) for name, each in times.items()}
    chip = torch.cuda.get_device_name() if device == "cuda" else platform.processor() or platform.machine()
    where = f"{device}, {chip}, {torch.get_num_threads()} thread(s), PyTorch {torch.__version__}, {images:,} images"
    return Result(median["batches"], median["loader"], median["training"] - median["batches"], where)


def _data_loader(pixels: torch.Tensor, labels: torch.Tensor) -> DataLoader:
    from torchvision.transforms import v2

    change = v2.Compose([
        v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32, scale=True),
        v2.Normalize((0.5,) * 3, (0.25,) * 3),
    ])  # fmt: skip

    class Changed(TensorDataset):
        def __getitem__(self, index):
            image, label = super().__getitem__(index)
            return change(image), label

    return DataLoader(Changed(pixels, labels), BATCH, shuffle=True)


def _step(net: nn.Module, optimizer: torch.optim.Optimizer, images: torch.Tensor, labels: torch.Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    F.cross_entropy(net(images), labels).backward()
    optimizer.step()


def _seconds(work: Callable[[], object], device: str) -> float:
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=2560, help="how many made-up images (default: %(default)s)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: %(default)s")
    chosen = parser.parse_args(arguments)
    print(measure(chosen.images, chosen.device))


if __name__ == "__main__":
    main()
