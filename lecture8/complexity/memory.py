"""Memory of a training step: run it on the meta device and keep a ledger of every tensor that is made and freed."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from lecture8.checks import times
from lecture8.complexity.walk import check_input, on_meta, tensors_in

OPTIMIZERS = {
    "sgd": partial(torch.optim.SGD, lr=0.1),
    "momentum": partial(torch.optim.SGD, lr=0.1, momentum=0.9),
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}
_PARTS = {
    "weights": "parameters and buffers (running means)",
    "gradients": "one number per trained parameter",
    "state": "what the optimizer remembers between steps",
    "activations": "what the forward pass leaves for the backward pass",
    "input": "images and labels",
    "total": "sum of these",
    "peak": "the most that is alive at one moment",
}


@dataclass(frozen=True, repr=False)
class Memory:
    """Bytes that one training step needs, by what they are for; `memory` states what is included."""

    network: str
    input_size: tuple[int, ...]
    batch: int
    optimizer: str
    weights: int  # parameters and buffers (running means)
    gradients: int  # of the parameters that are trained
    state: int  # what the optimizer remembers between steps
    activations: int  # what the forward pass leaves: kept for the backward pass, and the logits
    input: int  # images and labels
    peak: int  # the most that is alive at one moment of the step

    @property
    def total(self) -> int:
        """Sum of the five parts, as in an estimate by hand; `peak` knows when each part is alive."""
        return self.weights + self.gradients + self.state + self.activations + self.input

    def __repr__(self) -> str:
        size = times(self.input_size)
        title = f"{self.network}, one training step of {self.batch} × {size} with {self.optimizer}"
        lines = (f"{getattr(self, name) / 1e6:>12,.1f} MB  {name}: {meaning}" for name, meaning in _PARTS.items())
        return "\n".join([title, *lines])


def memory(net: nn.Module, image_size: int | tuple[int, int, int], batch: int, optimizer: str = "momentum") -> Memory:
    """Bytes that one training step of a network needs, by what they are for, and the most that is alive at one moment.

    image_size: (channels, height, width) of one image; an int stands for a square RGB image
    batch: how many images a step sees
    optimizer: 'sgd', 'momentum', 'rmsprop', 'adagrad', 'adam' or 'adamw', as PyTorch sets them

    The step is the second or a later one: gradients back to None, forward pass in training mode, cross-entropy,
    backward pass, step of the optimizer, in float32 or what the network is; frozen parameters need no gradient. It runs
    on a copy of the network without memory (a large one takes up to a second), so the network stays as it is. Every
    tensor counts that PyTorch makes on a CPU and frees again: max pooling keeps 8 bytes for each output (where it came
    from), dropout 4 for each value, a ReLU in place nothing of its own. `peak` is mostly below `total`, because
    activations go while gradients come.

    Not included is what one operation needs inside: on a CPU one convolution's input, output and weights in another
    layout (measured with ten networks on one thread: 0 to 4 % of the peak, 17 % for ResNet-18 on 64 × 64 pixels; more
    with more threads, each of which has its own gradient of the weights), on a GPU cuDNN's workspace and what the
    allocator keeps in reserve. Otherwise on a GPU: dropout keeps 1 byte per value, mixed precision about half the
    activations, and adam, adamw, rmsprop and adagrad, which there update all weights at once, may need a copy or two of
    them (Adam and ResNet-18 on four images of 96 × 96: 234 MB instead of 206). `measure.peak_memory` measures it all.

    Raises TypeError for what is not a network; ValueError for an impossible image_size or batch, an unknown optimizer,
    and a network that has nothing to train or needs numbers to be trained.
    """
    size = check_input(net, image_size, batch)
    net = on_meta(getattr(net, "_orig_mod", net)).train()  # _orig_mod: what torch.compile wraps
    fixed = [*net.parameters(), *net.buffers()]
    dtype = next((t.dtype for t in fixed if t.is_floating_point()), None)
    images = torch.empty(batch, *size, dtype=dtype, device="meta")
    labels = torch.empty(batch, dtype=torch.long, device="meta")
    found = {"weights": Ledger(fixed).live, "input": images.nbytes + labels.nbytes}
    found |= _training_step(net, images, labels, Ledger([*fixed, images, labels]), optimizer)
    return Memory(network=type(net).__name__, input_size=size, batch=batch, optimizer=optimizer, **found)


def make_optimizer(name: str, params: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer that `memory` knows by this name, with PyTorch's settings. Raises ValueError for other names."""
    if name not in OPTIMIZERS:
        raise ValueError(f"unknown optimizer {name!r}: choose from {', '.join(OPTIMIZERS)}")
    return OPTIMIZERS[name](params)


def loss_of(output: Any, labels: Tensor) -> Tensor:
    """A loss that training could lower: cross-entropy of the first tensor if these are logits, else its sum."""
    logits = next(tensors_in(output))
    return F.cross_entropy(logits, labels) if logits.dim() == 2 else logits.sum()


class Ledger(TorchDispatchMode):
    """What operations make is alive until it is freed. Nothing needs memory on the meta device."""

    def __init__(self, tensors: Iterable[Tensor]):
        super().__init__()
        self.live = self.most = 0  # bytes now, and at most at one moment
        self.storages: dict[int, weakref.ref] = {}
        for tensor in tensors:
            self.book(tensor)

    def book(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()  # one for all views of a tensor, and for what is computed in place
        key, size = id(storage), storage.nbytes()

        def freed(_):
            del self.storages[key]
            self.live -= size

        if key not in self.storages:
            self.storages[key] = weakref.ref(storage, freed)
            self.live += size
            self.most = max(self.most, self.live)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        # On the meta device PyTorch would compute batch norm step by step in Python: three quarters of the time.
        if func is torch.ops.aten.native_batch_norm.default:
            maps, training = args[0], args[5]
            statistics = maps.shape[1] if training else 0
            output = torch.empty_like(maps), maps.new_empty(statistics), maps.new_empty(statistics)
        elif func is torch.ops.aten.native_batch_norm_backward.default:
            makes = zip((args[1], args[2], args[2]), args[9], strict=True)
            output = tuple(torch.empty_like(like) if wanted else None for like, wanted in makes)
        else:
            output = func(*args, **(kwargs or {}))
        for tensor in tensors_in(output):
            self.book(tensor)
        return output


@torch.inference_mode(False)
def _training_step(net: nn.Module, images: Tensor, labels: Tensor, ledger: Ledger, optimizer: str) -> dict[str, int]:
    """Bytes of activations, gradients, state and peak; the ledger knows the weights and the input."""
    before, name = ledger.live, type(net).__name__
    try:
        with torch.enable_grad(), torch.device("meta"), ledger:
            output = net(images)  # all of it stays alive
            loss = loss_of(output, labels)
            activations = ledger.live - before
            if loss.requires_grad:
                loss.backward()
    except Exception as error:
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise ValueError(f"{name} cannot be trained on the meta device ({reason}): measure its memory") from error
    if not loss.requires_grad:
        raise ValueError(f"{name} has nothing to train: set requires_grad of its parameters")
    trained = [p for p in net.parameters() if p.grad is not None]
    used, most = make_optimizer(optimizer, trained), ledger.most
    used.step()  # the first step makes the state, which is there during the whole of every later one
    state = list(tensors_in(used.state))
    for tensor in state:
        ledger.book(tensor)
    with ledger:
        used.step()
    kept = sum(t.nbytes for t in state)
    gradients = sum(p.grad.nbytes for p in trained)
    return {"activations": activations, "gradients": gradients, "state": kept, "peak": max(most + kept, ledger.most)}
