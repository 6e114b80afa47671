"""The device to run on, its number formats, and one sentence when its memory is full."""

import contextlib
import gc
import os
import traceback
from types import SimpleNamespace

import torch
from torch import nn


def pick_device(wanted: str | torch.device | None = None) -> torch.device:
    """The device asked for (here, or in the environment variable LECTURE8_DEVICE), or the best: CUDA, MPS, CPU.

    Raises ValueError when the one asked for is not on this machine.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    wanted = wanted or os.environ.get("LECTURE8_DEVICE") or next(kind for kind, ok in there.items() if ok)
    try:
        device = torch.device(wanted)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"unknown device {wanted!r}: choose 'cuda', 'mps' or 'cpu', or leave it out") from error
    if not there.get(device.type, True):
        raise ValueError(f"device {wanted!r} was asked for, but PyTorch {torch.__version__} finds none: choose 'cpu'")
    return device


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

        def step():
            self.scaler.step(optimizer)
            self.scaler.update()

        scaled = SimpleNamespace(step=step, zero_grad=optimizer.zero_grad, param_groups=optimizer.param_groups)
        return scaled if self.scaler.is_enabled() else optimizer


def memory_format(net: nn.Module, device: torch.device) -> torch.memory_format:
    """Channels last where it is faster: on CUDA, and on a CPU for up to 64 channels (8 to 28 % less time)."""
    widest = max((m.out_channels for m in net.modules() if isinstance(m, nn.Conv2d)), default=0)
    helps = device.type == "cuda" or (device.type == "cpu" and 0 < widest <= 64)
    return torch.channels_last if helps else torch.contiguous_format


def is_full(error: RuntimeError) -> bool:
    """Whether an error says that the device's memory is full, whatever the device."""
    return any(words in str(error) for words in ("out of memory", "can't allocate memory", "ALLOC_FAILED"))


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
