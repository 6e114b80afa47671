"""One training run, on one device or on several that `torchrun` started: its recipe, its loop, its checkpoints.

Every random number is drawn from the seed and the place in the run: augmentation in `data`, dropout from (seed, epoch,
step, process). A run that was killed at any moment resumes at its last checkpoint, skips the batches already seen, and
ends on a CPU with the same weights and history, bit for bit, as one that was never stopped.

Recipes are the lines of the table `recipes`, which also says what is chosen where a paper says nothing. None averages
the weights over the run, as the Inceptions' authors did before evaluation, and all augment photographs alike.
"""

import math
import os
import re
import signal
import sys
import time
from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau
from torch.utils.data import Dataset, DistributedSampler

from lecture8 import checkpoints, published, training, transfer
from lecture8.history import History
from lecture8.models.zfnet import renormalize_filters
from lecture8.scale.data import loader, seed_of

RANK, WORLD = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))  # as torchrun has set them
_PLACE = ("epoch", "step", "seconds", "rows", "sums")  # in a run
_PARTS = ("net", "optimizer", "scheduler", "scaler")


def find_recipe(name: str) -> dict:
    """A line of the table `recipes`, with what is chosen filled in. Raises ValueError for a name that is not there."""
    table = published.read("recipes").set_index("recipe")
    if name not in table.index:
        raise ValueError(f"unknown recipe {name!r}: choose from {', '.join(table.index)}")
    recipe = table.loc[name].dropna().to_dict()
    return recipe | {key: float(value) for key, value in re.findall(r"(\w+) ([\d.]+)", recipe.get("chosen", ""))}


def factor(recipe: dict, epoch: int, epochs: int, warmup: int) -> float:
    """What the learning rate is multiplied by in an epoch, from 0; a paper's schedule is stretched to `epochs`."""
    if recipe["rule"] == "cosine":
        cosine = (1 + math.cos(math.pi * (epoch - warmup) / (epochs - warmup))) / 2
        return (epoch + 1) / (warmup + 1) if epoch < warmup else cosine
    place = epoch * recipe["epochs"] / epochs + 1e-9  # in the paper's epochs
    if "every" in recipe["rule"]:
        multiple, every = map(float, recipe["rule"].split(" every "))
        return multiple ** int(place / every)
    pieces = [map(float, piece.split(":")) for piece in recipe["rule"].split(",")]
    return [value for first, value in pieces if first <= place][-1]


def build(net: nn.Module, settings: dict):
    """(optimizer, scheduler, objective) of a run with the settings recipe, lr to begin with, epochs, and warmup."""
    name, lr, epochs, warmup = (settings[key] for key in ("recipe", "lr", "epochs", "warmup"))
    recipe, smoothing = find_recipe(name), 0.1 if name.startswith("inception") else 0.0
    kind, more = torch.optim.SGD, {}
    if recipe["optimizer"] == "RMSProp":
        kind, more = torch.optim.RMSprop, {"alpha": 0.9, "eps": 1.0}
    optimizer = kind(net.parameters(), lr, momentum=recipe["momentum"], weight_decay=recipe["weight_decay"], **more)
    if name == "zfnet":
        optimizer.register_step_post_hook(lambda *_: renormalize_filters(net))
    if recipe["rule"] == "plateau":
        scheduler = ReduceLROnPlateau(optimizer, "min", 0.1, patience=5, min_lr=lr / 1000)
    else:
        scheduler = LambdaLR(optimizer, lambda epoch: factor(recipe, epoch, epochs, warmup))
    objective = training.label_smoothing(smoothing) if smoothing else training.cross_entropy
    if getattr(net, "auxiliary", None):
        objective = training.auxiliary_objective(0.3, smoothing)
    return optimizer, scheduler, objective


def say(line: str, stream: str = "stdout") -> None:
    """Prints a line, in one process; a pipe or a terminal that nobody reads any more does not end a run."""
    try:
        if RANK == 0:
            print(line, file=getattr(sys, stream), flush=True)
    except OSError:
        setattr(sys, stream, None)  # else Python tries again at its end, and exits with another code


def total(values: Tensor) -> Tensor:
    """The sum over all processes."""
    if WORLD > 1:
        dist.all_reduce(values)
    return values


class Objective(nn.Module):
    """(images, labels) of a batch -> mean loss, and [loss, correct predictions, images] summed over the batch."""

    def __init__(self, net: nn.Module, objective, device: torch.device):
        super().__init__()
        self.net, self.objective, self.device = net, objective, device
        gpu = device.type == "cuda"
        self.half = gpu and torch.cuda.get_device_capability(device) < (8, 0)  # a chip without bfloat16
        self.cast = torch.autocast(device.type, torch.float16 if self.half else torch.bfloat16, enabled=gpu)
        self.format = torch.channels_last if gpu else torch.contiguous_format

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        images = images.to(self.device, memory_format=self.format, non_blocking=True)
        labels = labels.to(self.device, non_blocking=True)
        if not images.is_floating_point():
            images = transfer.normalize(images / 255)
        with self.cast:
            loss, logits = self.objective(self.net, images, labels)
        correct = (logits.argmax(1) == labels).sum()
        return loss, torch.stack([loss.detach() * len(labels), correct, torch.full_like(correct, len(labels))])


class Run:
    """The training of a network into the folder `out`, from the checkpoint there if there is one.

    settings: recipe, epochs, batch_size (of all processes together), lr, warmup, seed, and what else must not change
    workers: processes that decode; minutes: between checkpoints within an epoch, 0 writes one after each step
    """

    def __init__(self, net: nn.Module, train: Dataset, valid: Dataset, out: Path, settings: dict, device: torch.device,
                 workers: int, minutes: float):  # fmt: skip
        if WORLD > 1 and device.type == "cuda":
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(device)
        if WORLD > 1:  # Gloo beside NCCL: what the processes agree on after each step does not wait for the GPU
            dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
        self.net, self.out, self.settings, self.minutes = net, out, settings, minutes
        self.optimizer, self.scheduler, objective = build(net, settings)
        self.objective = self.shared = Objective(net, objective, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.objective.half)
        net.to(device, memory_format=self.objective.format)
        if WORLD > 1:
            self.shared = DistributedDataParallel(self.objective)
        self.images, self.workers, self.own = train, workers, settings["batch_size"] // WORLD
        self.order = DistributedSampler(train, WORLD, RANK, seed=settings["seed"])
        self.valid_batches = loader(valid, self.own, [(0, i) for i in range(RANK, len(valid), WORLD)], workers)
        self.epoch, self.step, self.seconds, self.rows, self.sums = 0, 0, 0.0, [], torch.zeros(3, device=device)
        for draft in out.glob(".*.*.[0-9]*.tmp") if RANK == 0 else ():  # of a run that was killed
            draft.unlink(missing_ok=True)
        if (out / "checkpoint.pt").exists():
            self._load()

    def train(self) -> int:
        """Trains to the end, writes weights.pt and returns 0, or until a signal asks to stop: returns its number."""
        asked, self.due = [], time.monotonic() + 60 * self.minutes
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: asked.append(number))
        while self.epoch < self.settings["epochs"]:
            if self._train_epoch(asked):
                return (asked or [signal.SIGTERM])[0]
            self._end_epoch()
        self._write(partial(checkpoints.save_weights, self.net), "weights.pt")
        return 0

    def _train_epoch(self, asked: list[int]) -> bool:
        """The rest of this epoch; whether it was stopped, after a checkpoint."""
        self.order.set_epoch(self.epoch)
        keys = [(self.epoch, index) for index in self.order]
        if len(keys) % self.own == 1 < len(keys):  # batch normalization has nothing to average in a batch of one
            keys.pop()
        self.net.train()
        began = time.monotonic()
        for images, labels in loader(self.images, self.own, keys[self.step * self.own :], self.workers):
            torch.manual_seed(seed_of(self.settings["seed"], self.epoch, self.step, RANK))
            self.optimizer.zero_grad()
            loss, sums = self.shared(images, labels)
            self.scaler.scale(loss).backward()
            if self.settings["recipe"] == "inception_v3":
                self.scaler.unscale_(self.optimizer)
                nn.utils.clip_grad_norm_(self.net.parameters(), 2.0)
            self.scaler.step(self.optimizer)
            self.scaler.update()
            self.sums += total(sums)
            now = time.monotonic()
            self.step, self.seconds, began = self.step + 1, self.seconds + now - began, now
            # if one process has to save or to stop, all do
            save, stop = total(torch.tensor([now >= self.due, bool(asked)], dtype=torch.int32)).tolist()
            if save or stop or self.step * self.own >= len(keys):
                self._save()
            if stop:
                return True
        return False

    @torch.no_grad()
    def _end_epoch(self) -> None:
        """Scores the validation images, steps the schedule, writes the history."""
        for buffer in self.net.buffers() if WORLD > 1 else ():  # each process has averaged over its own images
            dist.broadcast(buffer, 0)
        self.net.eval()
        row, valid = {"epoch": self.epoch + 1}, torch.zeros_like(self.sums)
        for batch in self.valid_batches:
            valid += self.objective(*batch)[1]
        for name, sums in (("train", self.sums), ("valid", total(valid))):
            row[f"{name}_loss"], row[f"{name}_accuracy"] = (sums[:2] / sums[2]).tolist()
        self.rows.append(row | {"lr": self.optimizer.param_groups[0]["lr"], "seconds": self.seconds})
        self.scheduler.step(*([row["valid_loss"]] if isinstance(self.scheduler, ReduceLROnPlateau) else []))
        self.epoch, self.step, self.seconds, self.sums = self.epoch + 1, 0, 0.0, torch.zeros_like(self.sums)
        say(", ".join(f"{key} {value:.4g}" for key, value in self.rows[-1].items()))
        self._write(History(self.rows, self.settings).save, "history.csv")

    def _write(self, write, name: str) -> None:
        """Writes a file, in one process; before its end a run survives that this fails, as there may be room later."""
        try:
            if RANK == 0:
                write(self.out / name)
        except OSError as error:
            if self.epoch == self.settings["epochs"]:
                raise
            say(f"lecture8: {error}; the run continues", "stderr")

    def _save(self) -> None:
        if not self.sums.isfinite().all():
            raise FloatingPointError(f"the loss is no finite number: give a smaller --lr than {self.settings['lr']:g}")
        state = {name: getattr(self, name) for name in ("settings", *_PLACE)}
        state |= {name: getattr(self, name).state_dict() for name in _PARTS}
        self._write(partial(checkpoints.save, state), "checkpoint.pt")
        total(torch.zeros(1))  # no process continues, or ends, before it is written
        self.due = time.monotonic() + 60 * self.minutes

    def _load(self) -> None:
        state = checkpoints.read(self.out / "checkpoint.pt")
        for key, value in self.settings.items():
            if (other := state["settings"].get(key)) != value:
                raise ValueError(f"{self.out} holds a run whose {key} is {other!r}, not {value!r}: give another --out")
        self.optimizer.step()  # changes nothing without gradients, but schedulers warn where none was taken
        for name in _PARTS:
            getattr(self, name).load_state_dict(state[name])
        vars(self).update({name: state[name] for name in _PLACE}, sums=state["sums"].to(self.sums))
