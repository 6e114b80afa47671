"""Several processes, on one machine or many: who takes which images, and how gradients and sums come together.

    torchrun --nproc-per-node 2 train.py

    with distributed.session() as device:                      # in train.py
        history = training.fit(net, data, optimizer, 5, device=device)

Every process holds the whole network and takes its share of every batch, so that two processes do together what one
does alone. Inside a session, every process must call `fit` and `evaluate`; the first alone writes files and prints.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lecture8.devices import pick_device


def world() -> int:
    """How many processes work together; 1 outside of a session."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return dist.get_rank() if world() > 1 else 0


@contextlib.contextmanager
def session(device: str | torch.device | None = None) -> Iterator[torch.device]:
    """Joins the processes that `torchrun` started, and yields this one's device; a process alone just gets its device.

    Talks over NCCL between GPUs, one for each process, and over Gloo between CPUs. Raises ValueError where a machine
    has fewer GPUs than processes.
    """
    chosen = pick_device(device)
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield chosen
        return
    if chosen.type == "mps":
        raise ValueError("several processes need CUDA or the CPU, and this device is mps: ask for device='cpu'")
    if chosen.type == "cuda":
        local, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local >= there:
            raise ValueError(
                f"process {local + 1} of this machine has no GPU of its own, there are {there}: start torchrun with "
                f"--nproc-per-node {there}"
            )
        chosen = torch.device("cuda", local)
        torch.cuda.set_device(chosen)
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield chosen
    finally:
        dist.destroy_process_group()


# --- who takes which images ----------------------------------------------------------------------------------------


def share(count: int, rank: int, world: int) -> tuple[slice, bool]:
    """Which of the `count` images of a batch a process takes, and whether they count there: (slice, counts).

    Every world-th image. Batch normalization needs two images at least: where there are fewer per process, fewer
    processes share them, and each of the others repeats somebody's share, which does not count there.
    """
    sharing = min(world, max(1, count // 2))
    return slice(rank % sharing, None, sharing), rank < sharing


def share_weight(count: int, rank: int, world: int) -> float:
    """What a process's mean loss is worth, so that the mean over the processes is the mean over the batch.

    1 where all shares are equal.
    """
    sharing = min(world, max(1, count // 2))
    first = rank % sharing
    own, copies = len(range(first, count, sharing)), len(range(first, world, sharing))
    return own * world / (count * copies)


def counts(data, split, batch_size: int, step: int) -> bool:
    """Whether this process's share of the batch number `step` counts here (`share`)."""
    if world() == 1:
        return True
    images = len(getattr(data, split) if isinstance(split, str) else split)
    return share(min(batch_size, images - step * batch_size), rank(), world())[1]


def batches(
    data, split, batch_size: int, generator: torch.Generator | None = None, *, augment: bool = False, start: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """This process's share of the batches of `data` from the batch `start` on, counted from 0 (`training.fit`).

    Data with a method `batches_of` is asked for the share. Otherwise every process draws all images with the same
    random numbers and keeps its own, and the first `start` batches are drawn and left.
    """
    if hasattr(data, "batches_of") and (world() > 1 or start):
        yield from data.batches_of(rank(), world(), split, batch_size, generator, augment=augment, start=start)
        return
    for images, labels in itertools.islice(data.batches(split, batch_size, generator, augment=augment), start, None):
        if world() > 1:
            own, _ = share(len(labels), rank(), world())
            images, labels = images[own], labels[own]
        yield images, labels


# --- what they tell each other -------------------------------------------------------------------------------------


def total(values: Tensor) -> Tensor:
    """The sum over the processes; outside of a session the values themselves."""
    if world() == 1:
        return values
    values = values.clone()
    dist.all_reduce(values)
    return values


def anyone(*flags: bool, device: torch.device) -> list[bool]:
    """Each flag, set if any process has set it."""
    if world() == 1:
        return list(flags)
    return [bool(value) for value in total(torch.tensor(flags, dtype=torch.int32, device=device))]


def everyones(value) -> list:
    """The values of all processes, in order."""
    if world() == 1:
        return [value]
    values = [None] * world()
    dist.all_gather_object(values, value)
    return values


def follow_first(net: nn.Module) -> None:
    """Running statistics of the first process for all: each has normalized its own share of the batches."""
    if world() > 1:
        for buffer in net.buffers():
            dist.broadcast(buffer, 0)


class _Together(nn.Module):
    def __init__(self, net, objective):
        super().__init__()
        self.net, self.objective = net, objective

    def forward(self, images, labels):
        return self.objective(self.net, images, labels)


class SharedObjective:
    """An objective whose gradient is that of the whole batch, whatever share of it this process has.

    It runs inside DistributedDataParallel, which averages the gradients over the processes while they are computed.
    alone: the objective itself, for evaluation. images: how many there are in an epoch. `.tally` must be set to what
    `training.run_epoch` counts with in this epoch; it is told what counts here.
    """

    def __init__(self, net: nn.Module, objective, images: int, batch_size: int):
        self.alone, self.images, self.batch_size = objective, images, batch_size
        self.tally, self.done = None, 0
        unused = getattr(net, "auxiliary", None) is not None  # an objective may leave these classifiers out
        self.together = DistributedDataParallel(_Together(net, objective), find_unused_parameters=unused)

    def __call__(self, net: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        count = min(self.batch_size, self.images - self.tally.steps * self.batch_size)
        own, self.tally.counts = share(count, rank(), world())
        self.done += len(labels)
        last = self.done == len(range(count)[own])
        self.done *= not last
        with contextlib.nullcontext() if last else self.together.no_sync():
            loss, logits = self.together(images, labels)
        value, weight = loss.detach(), share_weight(count, rank(), world())
        return value + weight * (loss - value), logits  # the value as it is, the gradient weighted


def synchronize_norm(net: nn.Module, device: torch.device) -> None:
    """Makes batch normalization average over the whole batch rather than over one process's share, in place.

    Parameters stay the same tensors, so that an optimizer goes on. Raises ValueError on a CPU, for which PyTorch has
    no such layer.
    """
    if device.type != "cuda":
        raise ValueError(
            f"synchronized batch normalization needs CUDA, and this device is {device.type}: leave sync_norm out; "
            "each process then normalizes its own share of a batch"
        )
    nn.SyncBatchNorm.convert_sync_batchnorm(net)
