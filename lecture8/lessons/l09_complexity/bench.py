"""What a benchmark needs, images, a clock and waiting, on this machine and in a simulated lab; and the power of a GPU."""

import time
from collections.abc import Callable, Mapping

import torch
from torch import nn

from lecture8 import measure, models


class Here:
    """This machine: `images(batch)` makes random images on the device, `clock()` says the time in seconds."""

    def __init__(self, device: torch.device, size: tuple[int, int, int] = (3, 224, 224)):
        self.device, self.size = device, size

    def images(self, batch: int) -> torch.Tensor:
        """Random images, the same in every call."""
        generator = torch.Generator().manual_seed(0)
        return torch.randn(batch, *self.size, generator=generator).to(self.device)

    clock = staticmethod(time.perf_counter)

    def synchronize(self) -> None:
        """Waits until the device has computed everything that it was asked for."""
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        elif self.device.type == "mps":
            torch.mps.synchronize()


class Lab:
    """A simulated accelerator with a clock of its own, the same in every run. `net` takes 4.2 ms for an image.

    As on a real device, a call only asks for the computation (0.2 ms) and returns; `synchronize` waits for it. The first
    three calls take ten times as long. In training mode the network takes three times as long. To make a batch of
    images takes 20 ms for each, and in every fifth call another program holds the device for 60 ms.
    """

    EXACT = 4.2  # milliseconds for one image
    WARM_UP = 3

    def __init__(self):
        self.net = _LabNet(self)
        self.now = self.done = 0.0  # what the clock shows; when the device will have finished
        self.calls = self.batches = self.early = self.training_calls = 0
        # how many calls there were when the clock was read for the first time
        self.calls_before = None
        # how many images and calls there were at the last reading; intervals that held both
        self.last, self.inside = None, 0

    def clock(self) -> float:
        """The time in seconds."""
        self.early += self.done > self.now + 1e-9
        if self.calls_before is None:
            self.calls_before = self.calls
        else:
            self.inside += self.batches > self.last[0] and self.calls > self.last[1]
        self.last = self.batches, self.calls
        return self.now

    def images(self, batch: int) -> list[int]:
        """A batch of images."""
        self.batches += 1
        self.now += 0.020 * batch
        return [0] * batch

    def synchronize(self) -> None:
        """Waits until the device has finished."""
        self.now = max(self.now, self.done)

    def compute(self, batch: int, training: bool) -> None:
        """Asks the device for a forward pass, and returns at once."""
        self.calls += 1
        self.training_calls += training
        self.now += 0.0002
        work = (
            0.004 * batch * (3 if training else 1) * (10 if self.calls <= self.WARM_UP else 1)
        )
        if self.calls % 5 == 0:
            work += 0.060
        self.done = max(self.done, self.now) + work


class _LabNet:
    """The network of a lab: callable, with the two modes of an nn.Module."""

    def __init__(self, lab: Lab):
        self.lab, self.training = lab, True

    def eval(self) -> "_LabNet":
        return self.train(False)

    def train(self, mode: bool = True) -> "_LabNet":
        self.training = mode
        return self

    def __call__(self, images: list[int]) -> None:
        self.lab.compute(len(images), self.training)


def alternately(
    benchmark: Callable,
    networks: Mapping[str, str],
    batch: int,
    device: torch.device,
    runs: int = 1,
    repeats: int = 3,
) -> dict[str, list[float]]:
    """Label -> repeated times of a batch: in every repeat all networks take their turn, so a slow minute hurts all.

    benchmark: as `answers.benchmark`; networks: label -> registered name; they get random weights
    """
    nets = {}
    for label, name in networks.items():
        torch.manual_seed(0)
        here = Here(device, models.ARCHITECTURES[name].input_size)
        nets[label] = models.build(name).to(device), here
    times = {label: [] for label in nets}
    for _ in range(repeats):
        for label, (net, here) in nets.items():
            times[label].append(benchmark(net, here, batch, runs))
    return times


def watts(nets: Mapping[str, nn.Module], device: torch.device) -> dict[str, float]:
    """Name and batch -> watts at batch 1 and 16; empty without an NVIDIA GPU, or if the GPU does not say."""
    found = {}
    try:
        for name, net in nets.items():
            for batch in (1, 16):
                read = measure.power(net, (3, 224, 224), batch, device=device)
                found[f"{name}, batch {batch}"] = read.median
    except ValueError:  # no such GPU; a part of a GPU, or a virtual one, has no meter
        return {}
    return found
