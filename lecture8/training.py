"""Training: an objective, one epoch, evaluation, and `fit`, which repeats them and keeps the history.

`run_epoch` is the loop that everybody writes. `fit` adds the device, mixed precision where the hardware has it, a
progress bar, a table of results, a checkpoint after every epoch, and errors that say what to do.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from lecture8 import checks, devices
from lecture8.bars import bar
from lecture8.checkpoints import Checkpoint
from lecture8.history import History, provenance

Objective = Callable[[nn.Module, Tensor, Tensor], tuple[Tensor, Tensor]]
Batches = Iterable[tuple[Tensor, Tensor]]


@runtime_checkable
class Data(Protocol):
    """What `fit` and `evaluate` ask of their data, such as `datasets.Data`; its repr says which data it is."""

    name: str
    num_classes: int
    train: Sized  # its length is the number of images; has `.labels`, int64 N
    valid: Sized

    def to(self, device: torch.device) -> "Data": ...

    def batches(self, split: str, batch_size: int, generator: torch.Generator | None = None, *, augment: bool = False):
        """Yields images float32 N × C × H × W and labels int64 N; everything random comes from `generator`."""


class DivergedError(RuntimeError):
    """The loss is no longer a finite number; `.history` holds the epochs before."""

    def __init__(self, error: FloatingPointError, history: History):
        super().__init__(
            f"{error}, in epoch {len(history) + 1}: try a learning rate ten times smaller or a warm-up; the finished "
            "epochs are in this error's .history, and the network must be built anew"
        )
        self.history = history


def cross_entropy(net: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The usual objective: (mean cross-entropy of the batch, logits N × num_classes)."""
    logits = net(images)
    return F.cross_entropy(logits, labels), logits


def label_smoothing(amount: float = 0.1) -> Objective:
    """The objective of Inception-v3 on: a share `amount` of each label is shared equally by all classes.

    Szegedy et al. 2015 (arXiv 1512.00567), section 7: amount 0.1, their epsilon. In evaluation labels are as they are,
    and it is `cross_entropy`. Raises ValueError for an amount that is no share.
    """
    checks.number(least=0, most=1, amount=amount)

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
    checks.number(least=0, weight=weight, smoothing=smoothing)

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


# --- the loop ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """What `run_epoch` and `evaluate` find: mean loss per image, accuracy, and over how many images."""

    loss: float
    accuracy: float
    images: int

    @property
    def error(self) -> float:
        """1 - accuracy, the error rate that papers report."""
        return 1 - self.accuracy


def run_epoch(net: nn.Module, batches: Batches, optimizer: Optimizer, objective: Objective = cross_entropy) -> Score:
    """Train once over `batches` of (images, labels); the score is the mean over the epoch, seen while learning.

    Raises FloatingPointError, naming the step and the learning rate, if a loss was not a finite number.
    """
    net.train()
    losses, correct, seen = [], [], 0  # tensors, because reading their numbers at every step would make a GPU wait
    for images, labels in batches:
        optimizer.zero_grad()
        loss, logits = objective(net, images, labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach().float() * len(labels))
        correct.append((logits.argmax(1) == labels).sum())
        seen += len(labels)
    score = _mean(losses, correct, seen)
    if not math.isfinite(score.loss):
        step, lr = next(i for i, loss in enumerate(losses, 1) if not loss.isfinite()), optimizer.param_groups[0]["lr"]
        raise FloatingPointError(f"the loss became {losses[step - 1].item()} at step {step} (learning rate {lr:g})")
    return score


@torch.no_grad()
def evaluate(net: nn.Module, data: Data, split: str = "test", *, objective: Objective = cross_entropy) -> Score:
    """Loss and accuracy on one split of `data`, in evaluation mode, on `devices.pick_device()`.

    The network's mode and device are as before afterwards. Raises MemoryError if the network takes all of the device's
    memory, ValueError for a network on several devices.
    """
    checks.kind(nn.Module, "a network (torch.nn.Module)", net=net)
    checks.kind(Data, "what datasets returns, as digits() does", data=data)
    device, was_training = devices.pick_device(), net.training
    objective, losses, correct, seen = devices.Precision(device).objective(objective), [], [], 0
    try:
        full = f"evaluation fills the memory of {device}: take a smaller network"
        some = max(1, min(512, 512 * 3 * 64**2 // math.prod(getattr(data, "image_shape", [1]))))  # images at once
        with devices.memory_error(full), devices.moved(net, device):
            net.eval()
            for images, labels in data.to(device).batches(split, some):
                loss, logits = objective(net, images, labels)
                losses.append(loss.float() * len(labels))
                correct.append((logits.argmax(1) == labels).sum())
                seen += len(labels)
            return _mean(losses, correct, seen)
    finally:
        net.train(was_training)


def _mean(losses: list[Tensor], correct: list[Tensor], seen: int) -> Score:
    if not seen:
        raise ValueError("there are no images: the split is empty")
    return Score(torch.stack(losses).sum().item() / seen, torch.stack(correct).sum().item() / seen, seen)


class TenCrop(nn.Module):
    """A network that looks at ten crops of each image and averages its predicted probabilities.

    The crops, size × size: four corners and the center of each image, and their mirror images (Krizhevsky et al. 2012,
    section 4.1). `evaluate(TenCrop(net, 224), data)` is the "10-crop" of the papers' tables. Returns log probabilities,
    N × classes: their softmax is the mean of the ten softmax outputs. Raises ValueError for images that are too small.
    """

    def __init__(self, net: nn.Module, size: int):
        super().__init__()
        self.net, self.size = net, size

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        checks.whole(size=self.size, most=min(height, width))
        bottom, right = height - self.size, width - self.size
        corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
        crops = [images[..., top : top + self.size, left : left + self.size] for top, left in corners]
        logits = torch.stack([self.net(crop) for crop in crops + [crop.flip(-1) for crop in crops]])
        return logits.float().log_softmax(-1).logsumexp(0) - math.log(10)


def gradient_norms(
    net: nn.Module, images: Tensor, labels: Tensor, objective: Objective = cross_entropy
) -> dict[str, float]:
    """Norm of the loss's gradient with respect to each convolution's and linear layer's weights, in definition order.

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


# --- fit -----------------------------------------------------------------------------------------------------------


def fit(
    net: nn.Module,
    data: Data,
    optimizer: Optimizer,
    epochs: int,
    *,
    batch_size: int = 128,
    scheduler=None,
    objective: Objective = cross_entropy,
    seed: int = 0,
    checkpoint: str | Path | None = None,
) -> History:
    """Train `net` on `data.train` for some epochs, scoring `data.valid` after each; returns the `History`.

    net: any module, images N × C × H × W -> logits; trained in place on `devices.pick_device()`, then back where it was
    scheduler: a torch.optim.lr_scheduler over `optimizer`, stepped after every epoch
    objective: (net, images, labels) -> (loss, logits); the place for auxiliary losses, label smoothing, distillation
    seed: order of the images, augmentation and dropout; the same seed gives the same history, on a GPU nearly the same
    checkpoint: a file, written after every epoch; if it exists, the run resumes after its last epoch and ends as if
        never stopped, on a CPU to the last bit of the weights. `epochs` may change; the file of another run is refused

    Ctrl-C, or the notebook's stop button, returns the history of the finished epochs. Raises ValueError or TypeError
    before the first step if network, data and settings do not fit, DivergedError (with the history) if the loss is no
    finite number, MemoryError if the device's memory is full.
    """
    _require_arguments(net, data, optimizer, scheduler, objective, epochs=epochs, batch_size=batch_size, seed=seed)
    device, steps = devices.pick_device(), -(-len(data.train) // batch_size)
    precision = devices.Precision(device)
    settings = {"epochs": epochs, "batch_size": batch_size, "seed": seed, "precision": precision.kind}
    history = History(meta=provenance(net, data, optimizer, scheduler, objective, device, **settings))
    full = f"the memory of {device} is full with batch_size={batch_size}: try half of it, or a smaller network"
    try:
        with devices.memory_error(full), devices.moved(net, device, optimizer), \
                devices.random_state_kept(device) as generators, bar(total=epochs * steps) as progress:  # fmt: skip
            data = _placed(net, data, device)
            torch.manual_seed(seed)
            shuffle = torch.Generator().manual_seed(seed)
            mixed = precision.optimizer(optimizer), precision.objective(objective)
            parts = {"net": net, "optimizer": optimizer, "scheduler": scheduler, "scaler": precision.scaler}
            run = Checkpoint(checkpoint, history, parts, [shuffle, *generators])
            run.resume()
            progress.update(len(history) * steps)
            while len(history) < epochs:
                progress.set_description(f"epoch {len(history) + 1} of {epochs} on {device.type}")
                began, lr = perf_counter(), float(optimizer.param_groups[0]["lr"])
                train = run_epoch(net, _shown(data, batch_size, shuffle, progress), *mixed)
                valid = evaluate(net, data, "valid", objective=objective)
                history.append(train, valid, lr, perf_counter() - began)
                if scheduler is not None:
                    plateau = isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
                    scheduler.step(*([valid.loss] if plateau else []))
                if math.isfinite(valid.loss):  # else the file before is worth more
                    run.save()
    except FloatingPointError as error:
        raise DivergedError(error, history) from error
    except KeyboardInterrupt:
        again = f"the same call resumes from {checkpoint}" if checkpoint else "the network keeps what it has learned"
        print(f"Stopped in epoch {len(history) + 1}: the history holds the {len(history)} before, and {again}.")
    return history


def _shown(data: Data, batch_size: int, shuffle: torch.Generator, progress) -> Iterator:
    """Training batches, counted when their step is done; `fit` has none in a variable, which an error would keep."""
    for batch in data.batches("train", batch_size, shuffle, augment=True):
        yield batch
        progress.update()


def _require_arguments(net: nn.Module, data: Data, optimizer: Optimizer, scheduler, objective, **numbers) -> None:
    checks.kind(nn.Module, "a network (torch.nn.Module)", net=net)
    checks.whole(least=0, most=2**63 - 1, seed=numbers.pop("seed"))
    checks.whole(**numbers)
    checks.kind(Data, "what datasets returns, as digits() does", data=data)
    checks.kind(Callable, "a function (net, images, labels) -> (loss, logits)", objective=objective)
    if not len(data.valid):
        raise ValueError(f"{data.name} has no validation images, and fit scores them after every epoch: put some aside")
    held = {id(p) for group in getattr(optimizer, "param_groups", ()) for p in group["params"]}
    missing = [name for name, p in net.named_parameters() if p.requires_grad and id(p) not in held]
    if missing or held - {id(p) for p in net.parameters()}:
        what = f"does not hold {missing[0]}, which is not frozen" if missing else "holds what is not in this network"
        raise ValueError(f"the optimizer {what}: build it from net.parameters() after the network's last change")
    if scheduler is not None and getattr(scheduler, "optimizer", None) is not optimizer:
        raise ValueError("the scheduler does not belong to this optimizer: build it from this one, after the optimizer")


@torch.no_grad()
def _placed(net: nn.Module, data: Data, device: torch.device) -> Data:
    """The data on the device; says in one sentence what would end there in an assertion or a matrix-size error."""
    net.to(memory_format=devices.memory_format(net, device))
    data, was_training = data.to(device), net.training
    images, _ = next(iter(data.batches("valid", 2)))
    try:
        logits = net.eval()(images)
    except RuntimeError as error:
        if devices.is_full(error):
            raise
        shape, first = checks.times(images.shape[1:]), str(error).splitlines()[0]
        raise ValueError(
            f"the network cannot take images of {shape} from {data.name} ({first}): build it for this size and these "
            "channels, or load the images at the size that it expects"
        ) from error
    finally:
        net.train(was_training)
    highest = max(int(split.labels.max()) for split in (data.train, data.valid))
    if not isinstance(logits, Tensor) or logits.ndim != 2 or logits.shape[1] <= highest:
        got = checks.times(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(
            f"{data.name} has labels up to {highest}, so that {len(images)} images need {len(images)} × {highest + 1} "
            f"logits or more, but the network returned {got}: build it with num_classes={data.num_classes}"
        )
    return data
