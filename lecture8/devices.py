"""The device to run on, its number formats, and one sentence when its memory is full."""

import contextlib
import gc
import math
import os
import traceback
from collections.abc import Iterator
from types import SimpleNamespace

import torch
from torch import nn


def pick_device(wanted: str | torch.device | None = None) -> torch.device:
    """The device asked for (here, or in the environment variable LECTURE8_DEVICE), or the best: CUDA, MPS, CPU.

    Raises ValueError when the one asked for is not on this machine.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    there = {"cuda": gpus, "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    wanted = wanted or os.environ.get("LECTURE8_DEVICE") or next(kind for kind, count in there.items() if count)
    try:
        device = torch.device(wanted)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"unknown device {wanted!r}: choose 'cuda', 'mps' or 'cpu', or leave it out") from error
    count = there.get(device.type, math.inf)
    if (device.index or 0) >= count:
        remedy = f"only {count}: count from '{device.type}:0'" if count else "none: choose 'cpu'"
        raise ValueError(f"device {str(wanted)!r} was asked for, but PyTorch {torch.__version__} finds {remedy}")
    return device


def home(net: nn.Module) -> torch.device | None:
    """Where a network lies; None without parameters. Raises ValueError if they lie on several devices."""
    places = sorted({str(p.device) for p in net.parameters()})
    if len(places) > 1:
        raise ValueError(
            f"the parameters of this network lie on {' and '.join(places)}: call it as it is, net(images), or build it "
            "for one device"
        )
    return torch.device(places[0]) if places else None


@contextlib.contextmanager
def moved(net: nn.Module, device: torch.device, optimizer: torch.optim.Optimizer | None = None) -> Iterator[None]:
    """The network is on this device meanwhile, what the optimizer remembers too; afterwards both are where it was.

    Raises ValueError for a network whose parameters lie on several devices.
    """
    place = home(net) or device
    try:
        _move(net, device, optimizer)
        yield
    finally:
        _move(net, place, optimizer)


def _move(net: nn.Module, device: torch.device, optimizer: torch.optim.Optimizer | None) -> None:
    net.to(device)
    if optimizer is not None:
        optimizer.load_state_dict(optimizer.state_dict())  # its tensors follow the weights


class Precision:
    """Mixed precision on CUDA: bfloat16, on older GPUs float16 with scaled gradients; float32 on all other devices."""

    def __init__(self, device: torch.device):
        old = device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 0)
        self.kind = "float32" if device.type != "cuda" else "float16" if old else "bfloat16"
        self.scaler = torch.amp.GradScaler(device.type, enabled=old)  # not enabled, it changes nothing

    def objective(self, objective):
        """The same objective with a forward pass in 16 bits; `loss.backward()` then gives scaled gradients."""

        def mixed(net, images, labels):
            with torch.autocast(images.device.type, getattr(torch, self.kind)):
                loss, logits = objective(net, images, labels)
            if loss.requires_grad:
                loss.register_hook(self.scaler.scale)
            return loss, logits

        return objective if self.kind == "float32" else mixed

    def optimizer(self, optimizer):
        """The same optimizer, whose `step()` undoes the scaling, and does nothing where a gradient overflowed."""
        if isinstance(optimizer, torch.optim.LBFGS):
            raise TypeError("given LBFGS, whose step needs a closure: expected an optimizer such as SGD or Adam")

        def step():
            self.scaler.step(optimizer)
            self.scaler.update()

        scaled = SimpleNamespace(step=step, zero_grad=optimizer.zero_grad, param_groups=optimizer.param_groups)
        return scaled if self.scaler.is_enabled() else optimizer


def memory_format(net: nn.Module, device: torch.device) -> torch.memory_format:
    """Channels last where it is faster: on GPUs with tensor cores, on a CPU up to 64 channels (8 to 28 % less time)."""
    widest = max((m.out_channels for m in net.modules() if isinstance(m, nn.Conv2d)), default=0)
    on_cpu = device.type == "cpu" and 0 < widest <= 64
    on_gpu = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (7, 0)
    return torch.channels_last if on_cpu or on_gpu else torch.contiguous_format


@contextlib.contextmanager
def random_state_kept(device: torch.device) -> Iterator[list]:
    """Yields PyTorch's global generators, the CPU's and the device's; afterwards they are as before."""
    generators = [torch.default_generator]
    if device.type == "cuda":
        get, put = torch.cuda.get_rng_state, torch.cuda.set_rng_state
        generators.append(SimpleNamespace(get_state=lambda: get(device), set_state=lambda state: put(state, device)))
    elif device.type == "mps":
        generators.append(SimpleNamespace(get_state=torch.mps.get_rng_state, set_state=torch.mps.set_rng_state))
    before = [generator.get_state() for generator in generators]
    try:
        yield generators
    finally:
        for generator, state in zip(generators, before, strict=True):
            generator.set_state(state)


def is_full(error: RuntimeError) -> bool:
    """Whether an error says that the device's memory is full, whatever the device."""
    said = ("out of memory", "can't allocate memory", "ALLOC_FAILED", "ALLOCATION_FAILED")
    said += ("unable to find an engine",)  # cuDNN's words when it finds no room for its workspace
    return any(words in str(error) for words in said)


@contextlib.contextmanager
def memory_error(sentence: str):
    """Raises MemoryError(sentence) when the device's memory is full, and frees what the failed pass left there."""
    try:
        yield
    except RuntimeError as error:
        if not is_full(error):
            raise
        traceback.clear_frames(error.__traceback__)  # their variables hold the batch and its activations
        gc.collect()
        torch.cuda.empty_cache()
        raise MemoryError(sentence) from None
