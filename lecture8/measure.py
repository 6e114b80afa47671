"""What a network costs on the device at hand: time, memory and power, each with how far it can be trusted.

Everything runs on a copy of the network, with random images, in the type and memory format of its weights: its mode,
device, weights and gradients stay as they are, and so does the random state of the CPU and of CUDA. A time ends when
the device has finished. Other programs make times longer, so compare two networks by `ratio`.
"""

import concurrent.futures
import copy
import gc
import itertools
import math
import os
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lecture8 import checks, complexity, devices

Size = int | tuple[int, int, int]  # channels × height × width of one image; an int is a square RGB image
Device = str | torch.device | None  # None is the best there is
Step = Callable[[], object]
OPTIMIZERS = {  # as PyTorch sets them
    "sgd": partial(torch.optim.SGD, lr=0.1),
    "momentum": partial(torch.optim.SGD, lr=0.1, momentum=0.9),
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


@dataclass(frozen=True, repr=False)
class Measured:
    """Median of `runs` measurements in `unit`, their first and third quartile (low, high), and the conditions."""

    what: str
    unit: str
    median: float
    low: float
    high: float
    runs: int
    device: str
    threads: int  # of PyTorch on the CPU
    batch: int | None

    def __repr__(self) -> str:
        scale, unit = (1e3, "ms") if self.unit == "seconds" else (1, self.unit)
        median, low, high = (f"{scale * number:.4g}" for number in (self.median, self.low, self.high))
        batch = f"batch {self.batch}, " if self.batch else ""
        where = f"{batch}{self.device}, {self.threads} thread{'s' * (self.threads > 1)}"
        apart = (self.high - self.low) / self.median
        doubt = f"; too noisy to conclude: quartiles {apart:.0%} apart" if apart > 0.2 else ""
        return f"{self.what}: {median} {unit} ({low} to {high} in {self.runs} runs; {where}{doubt})"


@dataclass(frozen=True, repr=False)
class Ratio(Measured):
    """Time of ours over time of the reference, round by round, and the median seconds of one call of each."""

    ours: float
    reference: float


@dataclass(frozen=True, repr=False)
class Power(Measured):
    """Watts drawn while the network runs, `idle` watts just before, and energy per image (joules, idle included)."""

    idle: float
    joules: float

    def __repr__(self) -> str:
        return f"{super().__repr__()}; idle {self.idle:.4g} watts; {self.joules:.3g} joules per image"


@dataclass(frozen=True, repr=False)
class PeakMemory:
    """Most bytes allocated at one moment."""

    what: str
    allocated: int
    device: str
    batch: int

    def __repr__(self) -> str:
        return f"{self.what}: {self.allocated / 1e6:,.1f} MB allocated (batch {self.batch}, {self.device})"


def ratio(
    ours: Step, reference: Step, *, rounds: int = 15, warmup: int = 2, seconds: float = 0.05, device: Device = None
) -> Ratio:
    """Time of `ours()` over time of `reference()`: the median over rounds that time one right after the other.

    rounds: each gives one ratio; who is first alternates, so that a machine that slows down favors nobody
    warmup: calls of each before the first round
    seconds: one timing repeats a short call until it lasts about as long
    device: where both run, for the record; None is the best there is
    """
    checks.kind(Callable, "a function without arguments", ours=ours, reference=reference)
    checks.whole(rounds=rounds)
    checks.whole(least=0, warmup=warmup)
    checks.number(least=0, seconds=seconds)
    calls = [(call, _repeats(call, warmup, seconds)) for call in (ours, reference)]
    times: tuple[list[float], list[float]] = ([], [])
    for k in range(rounds):
        for which in (k % 2, 1 - k % 2):
            times[which].append(_seconds(*calls[which]))
    ratios = [a / b for a, b in zip(*times, strict=True)]
    what, device = "time, ours / reference", devices.pick_device(device)
    return _measured(Ratio, what, "times", ratios, device, None, *map(statistics.median, times))


def latency(net: nn.Module, image_size: Size, batch: int = 1, *, device: Device = None, seconds: float = 1) -> Measured:
    """Seconds of one forward pass of a batch in evaluation mode; measured for so many seconds, and at least 5 times.

    Raises ValueError or TypeError for what cannot be measured, MemoryError if the batch does not fit into the GPU.
    """
    return _timed("latency", net, image_size, batch, device, seconds)


def throughput(
    net: nn.Module, image_size: Size, batch: int = 32, *, device: Device = None, seconds: float = 1
) -> Measured:
    """Images per second through forward passes in evaluation mode, one batch after the other; else as `latency`."""
    each = _timed("throughput", net, image_size, batch, device, seconds, at_least=0.05)
    median, low, high = batch / each.median, batch / each.high, batch / each.low
    return replace(each, unit="images per second", median=median, low=low, high=high)


def _timed(what, net, image_size, batch, device, seconds: float, at_least: float = 0) -> Measured:
    """Times of single steps, from timings that last at least this long each."""

    checks.number(least=0, seconds=seconds)

    def work(step: Step, device: torch.device) -> Measured:
        repeats, times, end = _repeats(step, 3, at_least), [], time.perf_counter() + seconds
        while len(times) < 5 or time.perf_counter() < end:
            times.append(_seconds(step, repeats))
        return _measured(Measured, f"{what} of {type(net).__name__}", "seconds", times, device, batch)

    return _on_copy(work, net, image_size, batch, None, device)


def _seconds(call: Step, repeats: int = 1) -> float:
    """Mean seconds of one call, until the devices have finished."""
    finish = torch.cuda.synchronize if torch.cuda.is_initialized() else lambda: None
    finish = torch.mps.synchronize if torch.backends.mps.is_available() else finish
    finish()
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    finish()
    return (time.perf_counter() - start) / repeats


def _repeats(call: Step, warmup: int, seconds: float) -> int:
    """How many calls last about so many seconds, after a warm-up."""
    for _ in range(warmup):
        call()
    repeats = 1
    while (last := _seconds(call, repeats) * repeats) < seconds / 2:
        repeats *= min(10, math.ceil(seconds / max(last, 1e-9)))
    return repeats


def _measured(kind: type, what: str, unit: str, values: list[float], device: torch.device, batch, *more):
    low, median, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return kind(what, unit, median, low, high, len(values), _called(device), torch.get_num_threads(), batch, *more)


def _called(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def peak_memory(
    net: nn.Module, image_size: Size, batch: int, optimizer: str = "momentum", *, device: Device = None
) -> PeakMemory:
    """Most bytes allocated at one moment of training: weights, what the optimizer keeps, and all that a step makes.

    On CUDA the allocator counts them; on a CPU PyTorch's profiler reports what its allocator gives out and takes
    back, the same in every run. What PyTorch and its libraries occupy themselves is not included.
    optimizer: 'sgd', 'momentum', 'rmsprop', 'adagrad', 'adam' or 'adamw', as PyTorch sets them
    Raises ValueError for other optimizers and devices that do not count, MemoryError if the batch does not fit.
    """
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"unknown optimizer {optimizer!r}: choose from {', '.join(OPTIMIZERS)}")
    return _peak("training", net, image_size, batch, optimizer, device)


def inference_memory(net: nn.Module, image_size: Size, batch: int = 1, *, device: Device = None) -> PeakMemory:
    """The same for a forward pass in evaluation mode: weights, images, what the layers make for one another."""
    return _peak("inference with", net, image_size, batch, None, device)


def _peak(what: str, net: nn.Module, image_size: Size, batch: int, optimizer: str | None, device: Device) -> PeakMemory:
    device = devices.pick_device(device)
    if device.type not in ("cuda", "cpu"):
        raise ValueError(f"PyTorch does not count the memory it takes on {device.type}: choose 'cuda' or 'cpu'")

    def twice(step: Step, _: torch.device) -> None:
        step()
        step()  # by now the optimizer has its state

    run = partial(_on_copy, twice, net, image_size, batch, optimizer, device)
    gc.collect()  # what somebody else has given up must not be given back meanwhile
    if device.type == "cpu":
        peak = _cpu_peak(run)
    else:
        with torch.inference_mode(False), torch.enable_grad():  # cuBLAS takes memory of its own at its first call
            nn.Linear(8, 8, device=device)(torch.ones(8, 8, device=device)).sum().backward()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        peak = torch.cuda.max_memory_allocated(device) - before
    return PeakMemory(f"peak memory of {what} {type(net).__name__}", peak, _called(device), batch)


def _cpu_peak(run: Step) -> int:
    quiet = patch.dict(os.environ, KINETO_LOG_LEVEL="99")  # else the profiler talks about itself in a notebook
    with quiet, torch.autograd.profiler.profile(profile_memory=True) as profiler:
        run()
    events = [event for event in profiler.kineto_results.events() if event.name() == "[memory]"]
    changes = (event.nbytes() for event in sorted(events, key=lambda event: event.start_ns()))
    return max(itertools.accumulate(changes))


def power(net: nn.Module, image_size: Size, batch: int = 32, *, device: Device = None, seconds: float = 6) -> Power:
    """Watts of an NVIDIA GPU that sends batch after batch through the network in evaluation mode.

    Read about ten times a second, or as often as nvidia-smi answers, for so many seconds and at least five times; the
    first third, in which the GPU warms up, does not count. Idle power is that just before.
    Raises ValueError where there is no such GPU or no reading, MemoryError if the batch does not fit.
    """
    checks.number(least=0, seconds=seconds)
    read = _power_meter(devices.pick_device(device))
    idle = statistics.median(read() for _ in range(5))

    def work(step: Step, device: torch.device) -> Power:
        done, watts, steps, start = threading.Event(), [], 0, time.perf_counter()

        def sample() -> None:
            while not done.wait(0.1):
                watts.append(read())

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            sampling = pool.submit(sample)
            try:
                while ((passed := time.perf_counter() - start) < seconds or len(watts) < 5) and not sampling.done():
                    _seconds(step)
                    steps += 1
            finally:
                done.set()
            sampling.result()  # raises what went wrong there
        counted = watts[len(watts) // 3 :]
        joules = statistics.median(counted) * passed / (steps * batch)
        return _measured(Power, f"power of {type(net).__name__}", "watts", counted, device, batch, idle, joules)

    return _on_copy(work, net, image_size, batch, None, device)


def _power_meter(device: torch.device) -> Callable[[], float]:
    if device.type != "cuda" or shutil.which("nvidia-smi") is None:
        raise ValueError(f"power needs an NVIDIA GPU and its nvidia-smi: choose such a machine, not {device.type}")
    gpu = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
    command = f"nvidia-smi --id={gpu} --query-gpu=power.draw --format=csv,noheader,nounits"

    def watts() -> float:
        said = subprocess.getoutput(command)
        try:
            return float(said)
        except ValueError:
            raise ValueError(f"nvidia-smi gives no power for {gpu} but says {said!r}: choose another GPU") from None

    return watts


def _on_copy(work: Callable[[Step, torch.device], object], net, image_size, batch, optimizer, device):
    """What `work(step, device)` returns; `step()` is a training step, or without an optimizer a forward pass."""
    device = devices.pick_device(device)
    try:
        with torch.cuda.device(device if device.type == "cuda" else -1), devices.random_state_kept(device):
            return work(_step(net, image_size, batch, optimizer, device), device)
    except RuntimeError as error:
        if not devices.is_full(error):
            raise
    gc.collect()  # the traceback, which held the tensors, is gone
    torch.cuda.empty_cache()
    raise MemoryError(f"a batch of {batch} does not fit into the memory of {_called(device)}: try a smaller one")


def _step(net: nn.Module, image_size: Size, batch: int, optimizer: str | None, device: torch.device) -> Step:
    size = complexity.check_input(net, image_size, batch)
    devices.home(net)  # refuses a network on several devices
    net = copy.deepcopy(net).to(device).train(optimizer is not None)
    dtype = next((p.dtype for p in net.parameters() if p.is_floating_point()), torch.float32)
    images = torch.randn(batch, *size, generator=torch.Generator().manual_seed(0)).to(device, dtype)
    if optimizer is None:
        return torch.inference_mode()(lambda: net(images))
    if not any(p.requires_grad for p in net.parameters()):
        raise ValueError("the network has nothing to train: set requires_grad of the parameters that should learn")
    labels = torch.zeros(batch, dtype=torch.long, device=device)
    used = OPTIMIZERS[optimizer](net.parameters())

    @torch.enable_grad()
    def step() -> None:
        used.zero_grad(set_to_none=True)
        output = net(images)  # stays alive, as in most training loops
        _loss(output, labels).backward()
        used.step()

    return step


def _loss(output: object, labels: Tensor) -> Tensor:
    """A loss that training could lower: cross-entropy of the first tensor if these are logits, else its sum."""
    logits = next(complexity.tensors_in(output))
    return F.cross_entropy(logits, labels) if logits.dim() == 2 else logits.sum()
