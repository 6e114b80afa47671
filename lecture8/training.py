"""Training: an objective, one epoch, evaluation, and `fit`, which repeats them and keeps the history.

The loop is the one everybody writes (`run_epoch` is it). What `fit` adds is plumbing: the device, mixed precision
where the hardware has it, a progress bar, one table of results, checkpoints that make a killed run as good as one
never stopped, several processes, and errors that say what to do. The optimizer is the caller's.
"""

import contextlib
import datetime
import math
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lecture8 import checkpoints, devices
from lecture8.bars import bar
from lecture8.checkpoints import load_weights, save_weights
from lecture8.devices import Precision, pick_device
from lecture8.history import History

__all__ = [
    "DivergedError", "History", "Objective", "Precision", "Score", "Tally", "TenCrop", "auxiliary_objective",
    "cross_entropy", "evaluate", "fit", "gradient_norms", "label_smoothing", "load_weights", "pick_device", "run_epoch",
    "save_weights", "ten_crop",
]  # fmt: skip

Objective = Callable[[nn.Module, Tensor, Tensor], tuple[Tensor, Tensor]]


def cross_entropy(net: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The usual objective: (mean cross-entropy of the batch, logits N × num_classes)."""
    logits = net(images)
    return F.cross_entropy(logits, labels), logits


def label_smoothing(amount: float = 0.1) -> Objective:
    """The objective of Inception-v3 on: a share `amount` of each label is spread evenly over all classes.

    Szegedy et al. 2015 (arXiv 1512.00567), section 7: amount 0.1, their epsilon. In evaluation labels are as they are,
    and it is `cross_entropy`. Raises ValueError unless 0 <= amount < 1.
    """
    _require_amount(amount)

    def objective(net: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits = net(images)
        return F.cross_entropy(logits, labels, label_smoothing=amount if net.training else 0.0), logits

    objective.__qualname__ = f"label_smoothing({amount})"
    return objective


def auxiliary_objective(weight: float = 0.3, smoothing: float = 0.0) -> Objective:
    """The objective of GoogLeNet and Inception-v3: the usual one plus `weight` times that of each auxiliary classifier.

    Szegedy et al. 2014 (arXiv 1409.4842), section 5: weight 0.3. smoothing: of the labels, as in `label_smoothing`. In
    evaluation the auxiliary classifiers and the smoothing are left out, and it is `cross_entropy`. Raises ValueError
    for a network that was built without them.
    """
    _require_amount(smoothing)

    def objective(net: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if not net.training:
            return cross_entropy(net, images, labels)
        logits, auxiliary = net.with_auxiliary(images) if hasattr(net, "with_auxiliary") else (None, {})
        if not auxiliary:
            raise ValueError("this network has no auxiliary classifiers: build it with auxiliary=True, as in googlenet")
        losses = [F.cross_entropy(other, labels, label_smoothing=smoothing) for other in auxiliary.values()]
        return F.cross_entropy(logits, labels, label_smoothing=smoothing) + weight * sum(losses), logits

    objective.__qualname__ = f"auxiliary_objective({weight}, {smoothing})"
    return objective


def _require_amount(amount: float) -> None:
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount < 1:
        raise ValueError(f"given label smoothing {amount!r}: expected a share from 0 to below 1, such as 0.1")


class DivergedError(RuntimeError):
    """The loss stopped being a number; `.history` holds the epochs before."""

    def __init__(self, message: str, history: "History"):
        super().__init__(message)
        self.history = history


@dataclass(frozen=True)
class Score:
    """What `evaluate` and `run_epoch` find: mean loss per image, fraction right, and over how many images."""

    loss: float
    accuracy: float
    images: int

    @property
    def error(self) -> float:
        """Fraction wrong, the papers' favorite."""
        return 1 - self.accuracy


def _provenance(net: nn.Module, data, optimizer: torch.optim.Optimizer, device: torch.device, **settings) -> dict:
    hardware = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    )
    group = optimizer.param_groups[0]
    shown = {k: group[k] for k in ("lr", "momentum", "weight_decay", "nesterov") if group.get(k)}
    return {
        "date": datetime.date.today().isoformat(),
        "hardware": f"{device.type}, {hardware}, {torch.get_num_threads()} threads",
        "versions": f"Python {platform.python_version()}, PyTorch {torch.__version__}",
        "data": f"{data!r}",
        "parameters": sum(p.numel() for p in net.parameters()),
        "optimizer": f"{type(optimizer).__name__} {shown}",
        **settings,
    }


# --- the loop ------------------------------------------------------------------------------------------------------


class Tally:
    """Loss and right answers of an epoch so far, step by step; `.steps` says how many are finished.

    They stay on the device, because reading them would make a GPU wait at every step.
    """

    def __init__(self):
        self.losses, self.right, self.seen, self.steps = [], [], [], 0
        self.counts = True  #: False while a process repeats images that count in another one (`distributed.share`)

    @classmethod
    def of(cls, losses: Tensor, right: Tensor, seen: Tensor, *, counts: bool) -> "Tally":
        """What `sums` returned; zeros if not `counts`, in all processes but one."""
        tally = cls()
        tally.losses, tally.right = list(losses * counts), list(right * counts)
        tally.seen, tally.steps = (seen * counts).tolist(), len(seen)
        return tally

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Enter (a piece of) the batch of the step under way: mean loss, logits N × classes, labels N."""
        count = len(labels) if self.counts else 0
        loss = loss.detach().float() * count
        right = (logits.detach().argmax(1) == labels).sum()
        if not self.counts:
            right = right * 0
        if len(self.losses) == self.steps:
            self.losses.append(loss)
            self.right.append(right)
            self.seen.append(count)
        else:
            self.losses[-1] = self.losses[-1] + loss
            self.right[-1] = self.right[-1] + right
            self.seen[-1] += count

    def drop_unfinished(self) -> None:
        """Forget what was entered of a step that was not finished."""
        for column in (self.losses, self.right, self.seen):
            del column[self.steps :]

    def sums(self) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, right answers and images of every step, each summed over the images and over all processes."""
        losses, right = torch.stack(self.losses), torch.stack(self.right)
        return tuple(map(distributed.total, (losses, right, torch.tensor(self.seen, device=losses.device))))

    def require_finite(self, rate: float) -> None:
        """Raises FloatingPointError, with the step and the learning rate, if a loss was not a finite number."""
        if not self.losses:
            return
        losses, _, _ = self.sums()
        if not losses.isfinite().all():
            step = int((~losses.isfinite()).nonzero()[0]) + 1
            raise FloatingPointError(
                f"the loss became {losses[step - 1].item()} at step {step} (learning rate {rate:g})"
            )

    def score(self) -> Score:
        """The mean over all images so far, of all processes."""
        losses, right, seen = self.sums()
        images = int(seen.sum())
        return Score(losses.sum().item() / images, right.sum().item() / images, images)


def run_epoch(
    net: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimizer: torch.optim.Optimizer,
    objective: Objective = cross_entropy,
    *,
    accumulate: int = 1,
    precision: str | Precision = "auto",
    tally: Tally | None = None,
    after_step: Callable[[], object] = lambda: None,
) -> Score:
    """Train once over `batches` of (images, labels); the score is the mean over the epoch, seen while learning.

    accumulate: take each batch in so many pieces and add up their gradients, which needs less memory
    precision: see `devices.Precision`
    tally: counts what it finds; one that holds the first steps of this epoch goes on
    Stops with FloatingPointError, naming the step and the learning rate, when a loss is not a finite number.
    """
    _require_pieces(accumulate)
    net.train()
    tally = Tally() if tally is None else tally
    precision = _precision(net, precision)
    for images, labels in batches:
        optimizer.zero_grad(set_to_none=True)
        for piece, piece_labels in _pieces(images, labels, accumulate):
            with precision.cast:
                loss, logits = objective(net, piece, piece_labels)
            part = len(piece_labels) / len(labels)
            precision.scaler.scale(loss if part == 1 else part * loss).backward()
            tally.add(loss, logits, piece_labels)
        precision.scaler.step(optimizer)
        precision.scaler.update()
        tally.steps += 1
        after_step()
    if not tally.steps:
        raise ValueError("no batch to train on: the training split is empty")
    tally.require_finite(optimizer.param_groups[0]["lr"])
    return tally.score()


def _pieces(images: Tensor, labels: Tensor, count: int) -> Iterable[tuple[Tensor, Tensor]]:
    """A batch in `count` pieces, or fewer, so that each has two images (batch normalization needs two)."""
    count = max(1, min(count, len(labels) // 2))
    if count == 1:
        return [(images, labels)]
    return zip(images.tensor_split(count), labels.tensor_split(count), strict=True)


def _precision(net: nn.Module, kind: str | Precision) -> Precision:
    if isinstance(kind, Precision):
        return kind
    return Precision(next((p.device for p in net.parameters()), torch.device("cpu")), kind)


@torch.no_grad()
def evaluate(
    net: nn.Module,
    data,
    split: str = "test",
    *,
    batch_size: int = 512,
    objective: Objective = cross_entropy,
    device: str | torch.device | None = None,
    precision: str | Precision = "auto",
    after_step: Callable[[], object] = lambda: None,
) -> Score:
    """Loss and accuracy on one split of `data`, in evaluation mode; the network's mode is as before afterwards.

    In a `distributed.session` all processes must call it, and each evaluates its share.
    """
    device = pick_device(device)
    was_training = net.training
    net.to(device).eval()
    data, precision, tally = data.to(device), _precision(net, precision), Tally()
    try:
        for images, labels in distributed.batches(data, split, batch_size):
            with precision.cast:
                loss, logits = objective(net, images, labels)
            tally.counts = distributed.counts(data, split, batch_size, tally.steps)
            tally.add(loss, logits, labels)
            tally.steps += 1
            after_step()
    finally:
        net.train(was_training)
    if not tally.steps:
        raise ValueError(f"nothing to evaluate: the {split} split is empty")
    return tally.score()


def ten_crop(images: Tensor, size: int) -> Tensor:
    """Four corners and the center of each image, and their mirror images: N × C × H × W -> 10 × N × C × size × size.

    Krizhevsky et al. 2012, section 4.1. Raises ValueError if a crop is larger than the images.
    """
    height, width = images.shape[-2:]
    if not 0 < size <= min(height, width):
        raise ValueError(
            f"given crops of {size} × {size} from images of {height} × {width}; expected 1 to {min(height, width)}"
        )
    bottom, right = height - size, width - size
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
    crops = [images[..., top : top + size, left : left + size] for top, left in corners]
    return torch.stack(crops + [crop.flip(-1) for crop in crops])


class TenCrop(nn.Module):
    """A network that looks at ten crops of each image and averages what it believes (`ten_crop`).

    `evaluate(TenCrop(net, 224), data)` is the "10-crop" of the papers' tables. Returns log probabilities, N × classes:
    their softmax is the mean of the ten softmax outputs.
    """

    def __init__(self, net: nn.Module, size: int):
        super().__init__()
        self.net, self.size = net, size

    def forward(self, images: Tensor) -> Tensor:
        logits = torch.stack([self.net(crop) for crop in ten_crop(images, self.size)])
        return logits.float().log_softmax(-1).logsumexp(0) - math.log(10)


# --- fit -----------------------------------------------------------------------------------------------------------


def fit(
    net: nn.Module,
    data,
    optimizer: torch.optim.Optimizer,
    epochs: int,
    *,
    batch_size: int = 128,
    scheduler=None,
    objective: Objective = cross_entropy,
    seed: int = 0,
    device: str | torch.device | None = None,
    watch: Callable[[History], object] | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_minutes: float = 10,
    patience: int | None = None,
    accumulate: int = 1,
    precision: str = "auto",
    sync_norm: bool = False,
) -> History:
    """Train `net` on `data.train` for some epochs, scoring `data.valid` after each; returns the `History`.

    net: any module, images N × C × H × W -> logits; moved to the device and trained in place; `net.compile()` it
        before, if it shall run compiled
    data: what `datasets` returns, or anything that keeps the contract below
    batch_size: images of a step, over all pieces and processes together
    scheduler: a torch.optim.lr_scheduler over `optimizer`, stepped after every epoch
    objective: (net, images, labels) -> (loss, logits); the place for auxiliary losses, label smoothing, distillation
    seed: order of the images, augmentation and dropout; the same seed gives the same history on the same machine
    watch: called with the history after every epoch, for a live curve: `watch=explore.live_curve()`
    checkpoint: a file, written after every epoch and within one every `checkpoint_minutes`; if it is there already,
        the run goes on from it. However a run was killed, it then ends as if never stopped: on a CPU with the same
        weights to the last bit. `epochs` and `patience` may change; a file of another run is refused.
    patience: stop when the validation loss has not fallen for so many epochs; the weights are those of the last one
    accumulate: take each batch in so many pieces, which needs less memory
    precision: "auto", "float32", "bfloat16" or "float16" (`devices.Precision`)
    sync_norm: with several processes on GPUs, batch normalization over the whole batch rather than each share of it

    When the device's memory is full, batches are taken in twice as many pieces and the run goes on, which it says;
    batch normalization then sees smaller batches (and has seen the one that failed). Ctrl-C, or the notebook's stop
    button, ends the run after the step under way: the history is returned and the network keeps what it learned.
    With a checkpoint SIGTERM writes it and ends the program with exit code 143.

    In a `distributed.session` every process calls `fit` with the same arguments. Each takes its share of every batch,
    gradients and scores are those of the whole batch, and the first alone writes, prints and calls `watch`. Batch
    normalization sees a process's share only (see `sync_norm`), and the statistics kept are the first one's. A run may
    go on with another number of processes.

    The contract of `data`: `.name`, `.num_classes`; `.train` and `.valid` with a length and `.labels` (int64 N, on
    any device); `.to(device)`; a repr that says which data it is; and `.batches(split, batch_size, generator=None, *,
    augment=False)`, which yields (images float32 N × C × H × W, labels int64 N) on that device. Every batch has
    `batch_size` images, but for the last one; it may be short, and in training left out if it is a single image. All
    randomness comes from `generator`, none from the global generators: from its state when the first batch is asked
    for follow all batches of the epoch, and its state after the last. It may also have `.batches_of(rank, world,
    split, batch_size, generator=None, *, augment=False, start=0)`, the same batches from number `start` on (0 is the
    first), of each only the images and labels `[distributed.share(len(batch), rank, world)[0]]`. Without it every
    process draws whole batches and keeps its share, and a run that goes on within an epoch draws the first ones again.

    Raises ValueError or TypeError before the first step when network, labels or settings do not fit, `DivergedError`
    (with the history so far) when the loss is no longer a number, MemoryError when two images are too many for the
    device, OSError when the first checkpoint cannot be written.
    """
    _require_numbers(epochs, batch_size, accumulate, patience, checkpoint_minutes, seed)
    device = pick_device(device)
    _require_own(net, optimizer, scheduler)
    _require_calls(objective, watch, checkpoint)
    _require_data(data)
    _require_processes(batch_size, accumulate, sync_norm)
    precision_used = Precision(device, precision)
    net.to(device)
    move_state(optimizer, device)
    data = data.to(device)
    _require_fit(net, data, objective)
    net.to(memory_format=devices.memory_format(net, device))
    run = _Run(net, data, optimizer, scheduler, objective, batch_size, device, precision_used, accumulate)
    run.history.meta = _provenance(
        net, data, optimizer, device, epochs=epochs, batch_size=batch_size, seed=seed, precision=precision_used.kind
    )
    run.every = 60 * checkpoint_minutes
    if checkpoint is not None:
        run.path = Path(checkpoint)
        run.settings = checkpoints.settings(
            net, data, optimizer, scheduler, objective=checkpoints.name_of(objective), batch_size=batch_size,
            seed=seed, accumulate=accumulate, precision=precision, sync_norm=sync_norm,
        )  # fmt: skip
    if sync_norm and run.world > 1:
        distributed.synchronize_norm(net, device)
    with (
        _seeded(seed, device) as run.generator,
        _signals(checkpoint is not None) as run.signals,
        bar(
            total=epochs * run.steps,
            hidden=distributed.rank() > 0,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {remaining} left{postfix}",
        ) as run.bar,
    ):
        run.go(epochs, patience, watch)
    return run.history


class _Stopped(Exception):  # noqa: N818  no error: somebody asked for it
    """Raised between two steps when the run shall end there."""


@dataclass
class _Run:
    """A run under way: what a checkpoint holds of it, and how it moves on."""

    net: nn.Module
    data: object
    optimizer: torch.optim.Optimizer
    scheduler: object
    objective: Objective
    batch_size: int
    device: torch.device
    precision: Precision
    pieces: int  # that a batch is taken in
    path: Path | None = None  # of the checkpoint
    every: float = math.inf  # seconds from one to the next
    settings: dict[str, str] = field(default_factory=dict)
    # given for the time of the run
    generator: torch.Generator | None = None
    signals: list[int] = field(default_factory=list)
    bar: object = None
    # where it is: the epoch under way, its finished steps, and the shuffling generator's state when it began
    epoch: int = 1
    tally: Tally = field(default_factory=Tally)
    order: Tensor | None = None
    history: History = field(default_factory=History)
    spent: float = 0.0  # seconds of this epoch that an earlier process has taken
    began: float = 0.0
    saved_at: float = field(default_factory=time.monotonic)
    updating: bool = False  # in the middle of the optimizer's step
    score_batch: int = 512
    looks: int = 0
    world: int = 1

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return -(-len(self.data.train) // self.batch_size)

    # moving on

    def go(self, epochs: int, patience: int | None, watch: Callable[[History], object] | None) -> None:
        """From the checkpoint or the start to the end, or until somebody stops it."""
        hooks = (
            self.optimizer.register_step_pre_hook(lambda *_: setattr(self, "updating", True)),
            self.optimizer.register_step_post_hook(lambda *_: setattr(self, "updating", False)),
        )
        try:
            self.begin(epochs)
            while self.epoch <= epochs and not self.settled(patience):
                self.bar.set_description(f"epoch {self.epoch} of {epochs} on {self.device.type}")
                self.one_epoch()
                self.save()
                if watch is not None and distributed.rank() == 0:
                    watch(self.history)
                self.look()
        except _Stopped as stopped:
            self.stop(*stopped.args)
        except KeyboardInterrupt:
            if self.world > 1:
                raise
            self.cut()
        except BaseException as error:
            devices.let_go(error)  # a notebook keeps the last error, and with it whole batches in the GPU's memory
            raise
        finally:
            for hook in hooks:
                hook.remove()

    def begin(self, epochs: int) -> None:
        """Take up the checkpoint, if there is one, or write the first."""
        self.order = self.generator.get_state()
        if self.path is not None:
            if self.path.is_dir():
                raise ValueError(f"{self.path} is a folder: give a file in it, such as {self.path / 'run.pt'}")
            if distributed.rank() == 0:
                checkpoints.remove_drafts(self.path)
            found = distributed.everyones(self.path.is_file())
            if any(found) != all(found):
                raise ValueError(f"not every process finds {self.path}: put it where all machines can read it")
            if all(found):
                self.restore(checkpoints.read(self.path), epochs)
                self.bar.update((self.epoch - 1) * self.steps + self.tally.steps)
            else:
                checkpoints.require_plain(optimizer=self.optimizer, scheduler=self.scheduler)
                self.save(first=True)
        if self.world > 1:
            self.objective = distributed.SharedObjective(
                self.net, self.objective, len(self.data.train), self.batch_size
            )

    def one_epoch(self) -> None:
        """An epoch, or the rest of one, and its row in the history."""
        self.began, rate = time.perf_counter(), self._rate
        try:
            train = self.with_less_memory(self.train, self.smaller_pieces)
        except FloatingPointError as error:
            raise DivergedError(
                f"{error}, in epoch {self.epoch}: try a learning rate ten times smaller or a warm-up; the finished "
                "epochs are in this error's .history, and the network must be built anew",
                self.history,
            ) from error
        distributed.follow_first(self.net)
        valid = self.with_less_memory(self.evaluate, self.smaller_evaluation)
        self.history.rows.append({
            "epoch": self.epoch, "train_loss": train.loss, "train_accuracy": train.accuracy, "valid_loss": valid.loss,
            "valid_accuracy": valid.accuracy, "lr": rate, "seconds": self.seconds(),
        })  # fmt: skip
        if self.scheduler is not None:
            plateau = isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
            self.scheduler.step(*([valid.loss] if plateau else []))
        self.bar.set_postfix_str(f"loss {train.loss:.3f}, valid {valid.accuracy:.1%}")
        self.epoch, self.tally, self.order, self.spent = self.epoch + 1, Tally(), self.generator.get_state(), 0.0

    def train(self) -> Score:
        """The epoch, from the step on that the tally has reached."""
        self.generator.set_state(self.order)
        if self.world > 1:
            self.objective.tally = self.tally
        start = self.tally.steps
        return run_epoch(
            self.net,
            distributed.batches(self.data, "train", self.batch_size, self.generator, augment=True, start=start),
            self.optimizer, self.objective, accumulate=self.pieces, precision=self.precision, tally=self.tally,
            after_step=self.after_step,
        )  # fmt: skip

    def evaluate(self) -> Score:
        """The validation split."""
        objective = self.objective.alone if self.world > 1 else self.objective
        return evaluate(
            self.net, self.data, "valid", batch_size=self.score_batch, objective=objective, device=self.device,
            precision=self.precision, after_step=self.look_now_and_then,
        )  # fmt: skip

    def after_step(self) -> None:
        self.bar.update()
        self.look_now_and_then()

    def look_now_and_then(self) -> None:
        """After every step; several processes must agree, which takes time, and do so after every eighth."""
        self.looks += 1
        if self.world == 1 or self.looks % 8 == 0:
            self.look()

    def look(self) -> None:
        """Write a checkpoint when it is time, and stop when somebody has asked for it."""
        due = time.monotonic() - self.saved_at > self.every
        stop, end = bool(self.signals), signal.SIGTERM in self.signals
        if self.world > 1:
            stop, end, due = distributed.anyone(stop, end, due, device=self.device)
        if due:
            self.tally.require_finite(self._rate)  # or worthless weights would replace good ones
            self.save()
        if stop:
            raise _Stopped(end)

    def settled(self, patience: int | None) -> bool:
        """Whether the validation loss has not fallen for `patience` epochs."""
        losses = [math.inf if math.isnan(loss) else loss for loss in self.history["valid_loss"]]
        if patience is None or not losses:
            return False
        best = losses.index(min(losses)) + 1
        if len(losses) - best < patience:
            return False
        self.say(
            f"Stopped after epoch {len(losses)}: the validation loss was lowest after epoch {best} and has not fallen "
            f"for {len(losses) - best} epochs since"
        )
        return True

    # stopping, and what is written

    def stop(self, end: bool) -> None:
        """Between two steps: keep all, and say how to go on."""
        self.save()
        steps = self.tally.steps
        done = f"after {steps} steps of epoch {self.epoch}" if steps else f"before epoch {self.epoch}"
        self.say(f"Stopped {done}: {self.how_to_go_on()}")
        if end:
            raise SystemExit(128 + signal.SIGTERM)

    def cut(self) -> None:
        """Within a step, by a second Ctrl-C, say; its update may be half done, so that nothing is written."""
        self.say(f"Cut off within step {self.tally.steps + 1} of epoch {self.epoch}: {self.how_to_go_on()}")

    def how_to_go_on(self) -> str:
        if self.path is None:
            return (
                "the network keeps what it has learned, the history the finished epochs; fit trains it on, from epoch 1"
            )
        return f"to go on there, call fit again with the checkpoint {self.path}"

    def save(self, *, first: bool = False) -> None:
        """Write the checkpoint. Only the first must succeed: a full disk does not end a run of many hours."""
        self.saved_at = time.monotonic()
        if self.path is None:
            return
        state = self.state()
        if distributed.rank() > 0:
            return
        try:
            checkpoints.write(self.path, state)
        except OSError as error:
            if first:
                raise OSError(
                    f"the checkpoint {self.path} cannot be written ({error}): give a path in a folder with room"
                ) from error
            self.say(f"The checkpoint {self.path} could not be written ({error}); the one before is still there")

    def state(self) -> dict:
        """All that must be known to go on as if never stopped. All processes together, since each knows a part."""
        tally = self.tally.sums() if self.tally.steps else None
        return {
            "settings": self.settings,
            "now": checkpoints.states_in_words(self.optimizer, self.scheduler),
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler else None,
            "scaler": self.precision.scaler.state_dict(),
            "random": distributed.everyones(checkpoints.random_state(self.device)),
            "epoch": self.epoch,
            "order": self.order,
            "tally": tally,
            "pieces": self.pieces,
            "spent": self.seconds() if self.tally.steps else 0.0,
            "rows": self.history.rows,
            "meta": self.history.meta,
        }

    def restore(self, saved: dict, epochs: int) -> None:
        """Be where the run was that wrote `saved`."""
        checkpoints.require_same(self.path, saved, self.net, self.settings)
        self.net.load_state_dict(saved["net"])
        self.optimizer.load_state_dict(saved["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(saved["scheduler"])
        if saved["scaler"] and self.precision.scaler.is_enabled():
            self.precision.scaler.load_state_dict(saved["scaler"])
        rank = distributed.rank()
        if rank < len(saved["random"]):  # a process that is new keeps the numbers of its own seed
            checkpoints.set_random_state(saved["random"][rank], self.device)
        if saved["tally"]:
            self.tally = Tally.of(*(column.to(self.device) for column in saved["tally"]), counts=rank == 0)
        self.epoch, self.order, self.spent = saved["epoch"], saved["order"], saved["spent"]
        self.pieces = max(self.pieces, saved["pieces"])
        self.history.rows, self.history.meta = saved["rows"], saved["meta"]
        where = f"epoch {self.epoch}" + (f", after {self.tally.steps} steps of it" if self.tally.steps else "")
        if self.epoch > epochs:
            where = f"{self.epoch - 1} epochs are done, and {epochs} were asked for"
        self.say(f"Going on from {self.path}: {where}", note=False)

    # too little memory

    def with_less_memory(self, attempt: Callable[[], Score], shrink: Callable[[], None]) -> Score:
        """What `attempt` returns, after as many `shrink` as it needs to fit into the device's memory."""
        while True:
            try:
                return attempt()
            except RuntimeError as error:
                if not devices.out_of_memory(error):
                    raise
            # only here, behind the block, is the error gone, and with it the tensors of the attempt
            self.optimizer.zero_grad(set_to_none=True)
            devices.free_memory()
            shrink()

    def smaller_pieces(self) -> None:
        """Batches in twice as many pieces."""
        most = min(self.batch_size, len(self.data.train)) // self.world
        pieces = max(1, min(self.pieces, most // 2))
        full = f"the memory of {self.device} is full with {-(-most // pieces)} images at a time"
        if self.updating:
            raise MemoryError(
                f"{full}, in the middle of an update of the weights: build the network anew, and take a smaller one or "
                "an optimizer that keeps less"
            )
        if self.world > 1:
            raise MemoryError(f"{full}: start all processes again with accumulate={2 * pieces}")
        if pieces >= most // 2:
            raise MemoryError(f"{full}: take a smaller network or smaller images")
        self.tally.drop_unfinished()
        self.pieces = min(2 * pieces, most // 2)
        now = -(-most // self.pieces)
        norm = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in self.net.modules())
        self.say(
            f"T{full[1:]}: going on with {now} at a time in {self.pieces} pieces, so that a step is still one over "
            f"{self.batch_size}" + (f", but batch normalization now averages over {now}" if norm else "")
        )

    def smaller_evaluation(self) -> None:
        """Half as many images at a time in evaluation, which changes nothing else."""
        if self.world > 1 or self.score_batch == 1:
            raise MemoryError(f"the memory of {self.device} is full in evaluation: take a smaller network or images")
        self.score_batch //= 2
        self.say(f"The memory of {self.device} is full in evaluation: going on with {self.score_batch} at a time")

    # small things

    @property
    def _rate(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    def seconds(self) -> float:
        return self.spent + time.perf_counter() - self.began

    def say(self, sentence: str, *, note: bool = True) -> None:
        """One sentence, printed by the first process, and kept with the history."""
        if note:
            self.history.meta["notes"] = "; ".join(filter(None, [self.history.meta.get("notes"), sentence]))
        if distributed.rank() == 0:
            self.bar.write(sentence + ".")


@contextlib.contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[torch.Generator]:
    """Dropout and the like drawn from `seed`, the global generators as before afterwards; yields one for shuffling.

    Of several processes each draws its own dropout, but all shuffle alike.
    """
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        # torch.manual_seed also keeps a call stack for every GPU that might be used later, which takes its time
        (torch.default_generator if device.type == "cpu" else torch).manual_seed(seed + 1_000_003 * distributed.rank())
        yield torch.Generator().manual_seed(seed)


@contextlib.contextmanager
def _signals(end_too: bool) -> Iterator[list[int]]:
    """Yields a list that gets SIGINT (Ctrl-C, the stop button), and SIGTERM too if `end_too`, instead of an exception.

    A second Ctrl-C interrupts at once. Signals that the program ignores stay ignored.
    """
    seen = []

    def note(number, frame):
        if number == signal.SIGINT and number in seen and distributed.world() == 1:
            raise KeyboardInterrupt
        seen.append(number)

    wanted = [signal.SIGINT, signal.SIGTERM] if end_too else [signal.SIGINT]
    if threading.current_thread() is not threading.main_thread():
        wanted = []  # only the main thread may set handlers
    before = {number: signal.getsignal(number) for number in wanted}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    try:
        for number in before:
            signal.signal(number, note)
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# --- what fit asks of its arguments --------------------------------------------------------------------------------


def _whole(value, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _require_pieces(accumulate) -> None:
    if not _whole(accumulate):
        raise ValueError(
            f"given accumulate={accumulate!r}; expected in how many pieces to take a batch, a whole number, 1 or more"
        )


def _require_numbers(epochs, batch_size, accumulate, patience, checkpoint_minutes, seed) -> None:
    if not _whole(epochs) or not _whole(batch_size):
        raise ValueError(f"given epochs={epochs!r}, batch_size={batch_size!r}; both must be whole numbers, 1 or more")
    _require_pieces(accumulate)
    if not _whole(seed, 0):
        raise ValueError(f"given seed={seed!r}; expected a whole number, 0 or more")
    if patience is not None and not _whole(patience):
        raise ValueError(f"given patience={patience!r}; expected a whole number of epochs, 1 or more, or None")
    number = isinstance(checkpoint_minutes, int | float) and not isinstance(checkpoint_minutes, bool)
    if not number or not checkpoint_minutes >= 0:
        raise ValueError(f"given checkpoint_minutes={checkpoint_minutes!r}; expected a number of minutes, 0 or more")


def _require_own(net: nn.Module, optimizer: torch.optim.Optimizer, scheduler) -> None:
    if not isinstance(net, nn.Module):
        raise TypeError(f"given a {type(net).__name__} as the network: expected a torch.nn.Module")
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"given a {type(optimizer).__name__} as the optimizer: expected one of torch.optim, such as "
            "torch.optim.SGD(net.parameters(), lr=0.1)"
        )
    own = {id(p) for p in net.parameters()}
    if not any(id(p) in own for group in optimizer.param_groups for p in group["params"]):
        raise ValueError(
            "the optimizer holds no parameter of this network, so nothing would be trained: build the optimizer from "
            "net.parameters(), after the network"
        )
    if scheduler is not None and (isinstance(scheduler, type) or not hasattr(scheduler, "step")):
        what = f"the class {scheduler.__name__}" if isinstance(scheduler, type) else f"a {type(scheduler).__name__}"
        raise TypeError(
            f"given {what} as the scheduler: expected one of torch.optim.lr_scheduler, such as StepLR(optimizer, 10)"
        )
    if getattr(scheduler, "optimizer", optimizer) is not optimizer:
        raise ValueError(
            "the scheduler belongs to another optimizer, so the learning rate would never change: build it from this "
            "one"
        )


def _require_calls(objective, watch, checkpoint) -> None:
    for name, value in (("objective", objective), ("watch", watch)):
        if not callable(value) and (name == "objective" or value is not None):
            raise TypeError(f"given {value!r} as {name}: expected a function, see the documentation of training.fit")
    if not isinstance(checkpoint, str | Path | None):
        raise TypeError(f"given {checkpoint!r} as the checkpoint: expected the path of a file, such as 'runs/first.pt'")


def _require_data(data) -> None:
    if missing := [name for name in ("train", "valid", "name", "batches", "to") if not hasattr(data, name)]:
        raise TypeError(
            f"given a {type(data).__name__} as the data, without {', '.join(missing)}: expected what datasets returns, "
            "such as datasets.digits()"
        )
    if not len(data.valid):
        raise ValueError(f"{data.name} has no validation images, and fit scores them after every epoch: put some aside")


def _require_processes(batch_size: int, accumulate: int, sync_norm: bool) -> None:
    world = distributed.world()
    if batch_size < 2 * world and world > 1:
        raise ValueError(
            f"a batch of {batch_size} is too small for {world} processes: batch_size counts the images of all, so give "
            f"{2 * world} or more"
        )
    if sync_norm and accumulate > 1:
        raise ValueError("synchronized batch normalization needs whole batches: leave accumulate or sync_norm out")


def move_state(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """Momentum of an earlier run follows the weights to another device."""
    for state in optimizer.state.values():
        for key, value in state.items():
            if isinstance(value, Tensor) and key != "step":
                state[key] = value.to(device)


@torch.no_grad()
def _require_fit(net: nn.Module, data, objective: Objective) -> None:
    """Say in one sentence what on a GPU would end in an assertion of the driver, or in a matrix-size error."""
    images, labels = next(iter(data.batches("valid", 2)))
    was_training = net.training
    try:
        logits = net.eval()(images)
        if not isinstance(logits, Tensor) or logits.ndim != 2:
            got = type(logits).__name__ if not isinstance(logits, Tensor) else " × ".join(map(str, logits.shape))
            raise ValueError(f"the network must return logits, N × classes, but returned {got}")
        highest = max(int(split.labels.max()) for split in (data.train, data.valid))
        if highest >= logits.shape[1]:
            raise ValueError(
                f"{data.name} has labels up to {highest}, but the network has {logits.shape[1]} outputs (labels 0 to "
                f"{logits.shape[1] - 1}): build it with num_classes={data.num_classes}"
            )
    except RuntimeError as error:
        shape, first = " × ".join(map(str, images.shape[1:])), str(error).splitlines()[0]
        if devices.out_of_memory(error):
            raise MemoryError(
                f"two images of {shape} fill the memory of {images.device}: take a smaller network or images"
            ) from None
        raise ValueError(
            f"the network cannot take images of {shape} from {data.name} ({first}): "
            "build it for this size and these channels, or load the images at the size that it expects"
        ) from error
    finally:
        net.train(was_training)
    if objective is not cross_entropy:
        _require_objective(net, objective, images, labels)


def _require_objective(net: nn.Module, objective: Objective, images: Tensor, labels: Tensor) -> None:
    was_training = net.training
    try:
        found = objective(net.eval(), images, labels)
    finally:
        net.train(was_training)
    ok = isinstance(found, tuple) and len(found) == 2 and all(isinstance(part, Tensor) for part in found)
    if not ok or found[0].ndim != 0 or found[1].ndim != 2:
        raise TypeError(
            "the objective must return (loss, logits), the mean loss of the batch and N × classes, as "
            "training.cross_entropy does"
        )


def gradient_norms(
    net: nn.Module, images: Tensor, labels: Tensor, objective: Objective = cross_entropy
) -> dict[str, float]:
    """Length of the loss's gradient with respect to each convolution's and linear layer's weights, in definition order.

    In training mode, on one batch; the network's weights, gradients, statistics and mode are as before afterwards.
    """
    was_training, state = net.training, {name: value.clone() for name, value in net.named_buffers()}
    layers = {name: m for name, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    loss, _ = objective(net.train(), images, labels)
    gradients = torch.autograd.grad(loss, [m.weight for m in layers.values()])
    with torch.no_grad():
        for name, value in net.named_buffers():
            value.copy_(state[name])
    net.train(was_training)
    return {name: gradient.norm().item() for name, gradient in zip(layers, gradients, strict=True)}
