"""The device to run on, its number formats, and what to do when its memory is full."""

import contextlib
import gc
import os
import sys
import traceback

import torch
from torch import nn

PRECISIONS = ("auto", "float32", "bfloat16", "float16")


def pick_device(wanted: str | torch.device | None = None) -> torch.device:
    """The device asked for (here, or in the environment variable LECTURE8_DEVICE), or the best: CUDA, MPS, CPU.

    Raises ValueError when the one asked for is not on this machine.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    wanted = wanted or os.environ.get("LECTURE8_DEVICE") or None
    if wanted is None:
        return torch.device(next(kind for kind, ok in there.items() if ok))
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise ValueError(f"unknown device {wanted!r}: choose 'cuda', 'mps' or 'cpu', or leave it out") from error
    if not there.get(device.type, True):
        remedy = "on Colab choose Runtime > Change runtime type > GPU; " if "google.colab" in sys.modules else ""
        raise ValueError(
            f"device {wanted!r} was asked for, but PyTorch {torch.__version__} finds none on this machine: "
            f"{remedy}leave the device out, or use 'cpu'"
        )
    return device


class Precision:
    """In what format a network computes: `.cast` is the context of a forward pass, `.scaler` scales its gradients.

    kind: "float32", "bfloat16", "float16" (CUDA only, with scaled gradients), or "auto": on CUDA bfloat16 where the
    chip has it and float16 where not, float32 elsewhere. Weights and their updates are float32 in any case.
    Raises ValueError for a kind that does not exist or that the device does not have.
    """

    def __init__(self, device: torch.device, kind: str = "auto"):
        if kind not in PRECISIONS:
            raise ValueError(f"unknown precision {kind!r}: choose from {', '.join(PRECISIONS)}")
        if kind == "auto" and device.type != "cuda":
            kind = "float32"
        elif kind == "auto":
            kind = "bfloat16" if torch.cuda.get_device_capability(device) >= (8, 0) else "float16"
        if kind == "float16" and device.type != "cuda":
            raise ValueError(f"float16 is for CUDA, and this device is {device.type}: choose 'float32' or 'auto'")
        self.kind = kind
        whole = kind == "float32"
        self.cast = contextlib.nullcontext() if whole else torch.autocast(device.type, getattr(torch, kind))
        # switched off, a scaler hands everything through as it is
        self.scaler = torch.amp.GradScaler(device.type, enabled=kind == "float16")


def memory_format(net: nn.Module, device: torch.device) -> torch.memory_format:
    """Channels last where it is faster: on CUDA, and on a CPU for narrow networks (measured: 8 to 28 % less time with
    8 to 32 channels; but a third more for ResNet-18 with its 64 to 512)."""
    widest = max((m.out_channels for m in net.modules() if isinstance(m, nn.Conv2d)), default=0)
    helps = device.type == "cuda" or (device.type == "cpu" and 0 < widest <= 64)
    return torch.channels_last if helps else torch.contiguous_format


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device's memory is full, whatever the device."""
    said = ("out of memory", "can't allocate memory", "ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in said)
    )


def let_go(error: BaseException) -> None:
    """Empty the frames that an error keeps alive, and with them the tensors of the pass that failed."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
    free_memory()


def free_memory() -> None:
    """Give memory that nothing refers to back to the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
