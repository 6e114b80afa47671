"""What `training.fit` costs beside the loop that everybody writes, and what skorch and Lightning Fabric cost.

    python -m benchmarks.overhead

Two networks: a small ResNet, as in the lessons, and a single linear layer, of which a step takes so little time that
one sees what a loop costs. All train on the same batches in the same order, score the validation split after every
epoch, and end with the same weights, which is checked. (On a GPU it is checked that all have learned: sums are added in
another order there, and skorch computes in 32 bits.) A round trains once with each, one right after the other, and who
is first changes from round to round; a ratio is the median over the rounds, with its quartiles. On a CPU the times are
those of the processor, so that other programs disturb them little.

The loop is `bare`: it sums up losses and correct predictions as `fit` does, and nothing else. skorch gets our batches
through an iterator of its own, so that its data loading does not count; Fabric replaces one line of the loop.
"""

import argparse
import contextlib
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks import speed
from lecture8 import datasets, devices, models, training

LIBRARIES = ("torch", "skorch", "lightning-fabric")
LR, MOMENTUM = 0.05, 0.9
GOALS = {"bare": 1.05, "skorch": 1.0, "Lightning Fabric": 1.0}  # of fit's time over theirs, for the ResNet


@dataclass(frozen=True)
class Work:
    """What is trained, and for how long."""

    name: str
    build: Callable[[], nn.Module]
    size: int  # of the digits, in pixels
    batch: int
    epochs: int

    def fresh(self, device: torch.device) -> nn.Module:
        """The network, always with the same weights, in the form that `fit` gives it."""
        torch.manual_seed(0)
        net = self.build().to(device)
        return net.to(memory_format=devices.memory_format(net, device))

    def steps(self, data) -> int:
        return self.epochs * -(-len(data.train) // self.batch)


WORKS = (
    Work("ResNet-8", lambda: models.small.resnet(8, width=8, channels=1), size=16, batch=64, epochs=2),
    Work("linear", lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), size=8, batch=16, epochs=4),
)


def sgd(net: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(net.parameters(), lr=LR, momentum=MOMENTUM)


# --- who is compared -----------------------------------------------------------------------------------------------


def fit(work: Work, net: nn.Module, data, device: torch.device) -> None:
    """Ours, on the device that LECTURE8_DEVICE names."""
    training.fit(net, data, sgd(net), work.epochs, batch_size=work.batch)


def bare(
    work: Work, net: nn.Module, data, device: torch.device, optimizer=None, backward=torch.Tensor.backward
) -> None:
    """The loop that everybody writes, in the number format of `fit`."""
    precision = devices.Precision(device)
    kind = precision.kind
    cast = contextlib.nullcontext() if kind == "float32" else torch.autocast(device.type, getattr(torch, kind))
    optimizer = precision.optimizer(optimizer or sgd(net))
    generator = torch.Generator().manual_seed(0)
    for _ in range(work.epochs):
        net.train()
        loss_sum, correct = torch.zeros((), device=device), torch.zeros((), device=device, dtype=torch.long)
        for images, labels in data.batches("train", work.batch, generator, augment=True):
            optimizer.zero_grad()
            with cast:
                logits = net(images)
                loss = F.cross_entropy(logits, labels)
            backward(precision.scaler.scale(loss))
            optimizer.step()
            loss_sum += loss.detach() * len(labels)
            correct += (logits.detach().argmax(1) == labels).sum()
        net.eval()
        with torch.no_grad(), cast:
            for images, labels in data.batches("valid", 512):
                logits = net(images)
                loss_sum += F.cross_entropy(logits, labels) * len(labels)
                correct += (logits.argmax(1) == labels).sum()
        loss_sum.item(), correct.item()


def fabric(work: Work, net: nn.Module, data, device: torch.device) -> None:
    """The same loop with Lightning Fabric's network, optimizer and backward."""
    from lightning_fabric import Fabric

    fabric = Fabric(accelerator=device.type, devices=1)
    wrapped, optimizer = fabric.setup(net, sgd(net))
    bare(work, wrapped, data, device, optimizer, fabric.backward)


class Images(torch.utils.data.Dataset):
    """One split, as skorch wants it."""

    def __init__(self, data, split: str, generator: torch.Generator | None):
        self.data, self.split, self.generator = data, split, generator

    def __len__(self) -> int:
        return len(getattr(self.data, self.split))

    def __getitem__(self, index: int):
        split = getattr(self.data, self.split)
        return split.images[index], split.labels[index]


class Batches:
    """Our batches in place of skorch's DataLoader."""

    def __init__(self, dataset: Images, batch_size: int):
        self.dataset, self.batch_size = dataset, batch_size

    def __iter__(self):
        images = self.dataset
        learn = images.generator is not None
        yield from images.data.batches(images.split, self.batch_size, images.generator, augment=learn)


def skorch(work: Work, net: nn.Module, data, device: torch.device) -> None:
    """skorch's classifier, with its own loop and history."""
    from skorch import NeuralNetClassifier
    from skorch.helper import predefined_split

    valid = Images(data, "valid", None)
    NeuralNetClassifier(
        net, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.SGD, lr=LR, optimizer__momentum=MOMENTUM,
        max_epochs=work.epochs, batch_size=work.batch, iterator_train=Batches, iterator_valid=Batches,
        iterator_valid__batch_size=512, classes=range(data.num_classes), train_split=predefined_split(valid),
        verbose=0, device=device,
    ).fit(Images(data, "train", torch.Generator().manual_seed(0)), None)  # fmt: skip


CONTENDERS: dict[str, Callable] = {"fit": fit, "bare": bare, "skorch": skorch, "Lightning Fabric": fabric}


# --- the measurement -----------------------------------------------------------------------------------------------


def seconds(train: Callable, work: Work, data, device: torch.device) -> tuple[float, torch.Tensor]:
    """How long it trains, and the weights it ends with; on a GPU the validation loss instead."""
    net = work.fresh(device)
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    start = clock()
    train(work, net, data, device)
    if device.type == "cuda":
        torch.cuda.synchronize()
    passed = clock() - start
    if device.type == "cuda":
        return passed, torch.tensor(training.evaluate(net, data, "valid").loss)
    return passed, torch.cat([p.detach().flatten().cpu() for p in net.parameters()])


def rounds_of(work: Work, names: list[str], data, device: torch.device, rounds: int) -> dict[str, list[float]]:
    """Seconds of every contender in every round, after one round that does not count."""
    times, expected = {name: [] for name in names}, None
    for number in range(rounds + 1):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            passed, result = seconds(CONTENDERS[name], work, data, device)
            expected = result if expected is None else expected
            if device.type == "cuda" and not result < math.log(data.num_classes):
                raise RuntimeError(f"{name} has learned nothing: its validation loss is {result:.2f}")
            if device.type == "cpu" and not torch.allclose(result, expected, rtol=1e-3, atol=1e-5):
                raise RuntimeError(f"{name} ends with other weights: it does not do the same work")
            if number:
                times[name].append(passed)
    return times


def row(work: Work, name: str, times: dict[str, list[float]]) -> speed.Row:
    ratios = [ours / theirs for ours, theirs in zip(times["fit"], times[name], strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    ours, theirs = statistics.median(times["fit"]), statistics.median(times[name])
    goal = None if name == "bare" and work is not WORKS[0] else GOALS[name]
    return speed.Row(f"{work.name}: fit, {name}", ours, theirs, median, low, high, goal)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="The time of training.fit over that of other loops.")
    parser.add_argument("--rounds", type=int, default=21, help="trainings of each that count (21)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(arguments)
    if given.rounds < 2:
        parser.error(f"given --rounds {given.rounds}; expected 2 or more")
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("no GPU that PyTorch can use: leave --device out")
    names = list(CONTENDERS)
    try:
        import lightning_fabric  # noqa: F401  the first import takes seconds, which belong to nobody's loop
        import skorch  # noqa: F401
    except ModuleNotFoundError as error:
        sys.exit(f'{error.name} is missing: run `pip install -e ".[bench]"`')
    speed.LIBRARIES = LIBRARIES
    device = torch.device(given.device)
    os.environ["LECTURE8_DEVICE"] = given.device
    print(speed.machine(given.device))
    rows, said = [], []
    for work in WORKS:
        data = datasets.digits(work.size).to(device)
        times = rounds_of(work, names, data, device, given.rounds)
        rows += [row(work, name, times) for name in names[1:]]
        each = {name: 1e6 * statistics.median(times[name]) / work.steps(data) for name in names}
        more = ", ".join(f"{name} {value - each['bare']:+.0f} µs" for name, value in each.items() if name != "bare")
        said.append(f"{work.name}: a step of the bare loop takes {each['bare']:.0f} µs, validation included; {more}.")
    print(speed.table(rows), *said, sep="\n")


if __name__ == "__main__":
    main()
