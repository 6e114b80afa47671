"""Training: an objective, one epoch, evaluation, and `fit`, which repeats them and keeps the history.

The loop is the one everybody writes (`run_epoch` is it). What `fit` adds is plumbing: the device, mixed precision
where the hardware has it, a progress bar, one table of results, and errors that say what to do. The optimizer is the
caller's.
"""

import contextlib
import csv
import datetime
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Objective = Callable[[nn.Module, Tensor, Tensor], tuple[Tensor, Tensor]]


def cross_entropy(net: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The usual objective: (mean cross-entropy of the batch, logits N × num_classes)."""
    logits = net(images)
    return F.cross_entropy(logits, labels), logits


def auxiliary_objective(weight: float = 0.3) -> Objective:
    """The objective of GoogLeNet and Inception-v3: the usual one plus `weight` times that of each auxiliary classifier.

    Szegedy et al. 2014 (arXiv 1409.4842), section 5: weight 0.3. In evaluation the auxiliary classifiers are left out,
    and it is `cross_entropy`. Raises ValueError for a network that was built without them.
    """

    def objective(net: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if not net.training:
            return cross_entropy(net, images, labels)
        logits, auxiliary = net.with_auxiliary(images) if hasattr(net, "with_auxiliary") else (None, {})
        if not auxiliary:
            raise ValueError("this network has no auxiliary classifiers: build it with auxiliary=True, as in googlenet")
        losses = [F.cross_entropy(other, labels) for other in auxiliary.values()]
        return F.cross_entropy(logits, labels) + weight * sum(losses), logits

    return objective


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
        """Fraction wrong, the papers' favourite."""
        return 1 - self.accuracy


# --- where to run --------------------------------------------------------------------------------------------------


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


def _autocast(device: torch.device) -> tuple[contextlib.AbstractContextManager, torch.amp.GradScaler | None]:
    """Half precision on CUDA: bfloat16 where the chip has it, else float16 with scaled gradients. None elsewhere."""
    if device.type != "cuda":
        return contextlib.nullcontext(), None
    if torch.cuda.get_device_capability(device) >= (8, 0):
        return torch.autocast("cuda", torch.bfloat16), None
    return torch.autocast("cuda", torch.float16), torch.amp.GradScaler("cuda")


def _memory_format(net: nn.Module, device: torch.device) -> torch.memory_format:
    """Channels last where it is faster: on CUDA, and on a CPU for narrow networks (measured: 8 to 28 % less time with
    8 to 32 channels; but a third more for ResNet-18 with its 64 to 512)."""
    widest = max((m.out_channels for m in net.modules() if isinstance(m, nn.Conv2d)), default=0)
    helps = device.type == "cuda" or (device.type == "cpu" and 0 < widest <= 64)
    return torch.channels_last if helps else torch.contiguous_format


@contextlib.contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[torch.Generator]:
    """Dropout and the like drawn from `seed`, the global generators as before afterwards; yields one for shuffling."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)


# --- history -------------------------------------------------------------------------------------------------------


@dataclass
class History:
    """One row per epoch, plus where they come from; `history["train_loss"]` is a column as a list."""

    rows: list[dict] = field(default_factory=list)
    meta: dict = field(default_factory=dict)

    def __getitem__(self, column: str) -> list[float]:
        if self.rows and column not in self.rows[0]:
            raise KeyError(f"this history has no column {column!r}: it has {', '.join(self.rows[0])}")
        return [row[column] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def last(self) -> dict:
        """The row of the last epoch."""
        if not self.rows:
            raise ValueError("this history is empty: no epoch was finished yet")
        return self.rows[-1]

    def table(self):
        """A pandas DataFrame, one row per epoch."""
        import pandas as pd

        return pd.DataFrame(self.rows).set_index("epoch") if self.rows else pd.DataFrame()

    def save(self, path: str | Path) -> Path:
        """Write a CSV whose first lines (`# key: value`) say where it comes from; returns the path."""
        header = "".join(f"# {key}: {value}\n" for key, value in self.meta.items())
        return _write_whole(Path(path), (header + self.table().to_csv(lineterminator="\n")).encode())

    @classmethod
    def load(cls, path: str | Path) -> "History":
        """Read what `save` wrote, to the last bit. Raises ValueError for a file that is no history."""
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
        if not rows or not {"epoch", "train_loss"} <= set(rows[0]):
            raise ValueError(f"{path} is not a saved history: it has no columns 'epoch' and 'train_loss'")
        try:
            rows = [{k: int(v) if k == "epoch" else float(v or "nan") for k, v in row.items()} for row in rows]
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a saved history, or a damaged one: {error}") from error
        return cls(rows, dict(line[2:].split(": ", 1) for line in lines if line.startswith("# ") and ": " in line))

    def __repr__(self) -> str:
        if not self.rows:
            return "History(no epoch yet)"
        values = ", ".join(f"{k}={v:.3g}" for k, v in self.last.items() if k not in ("epoch", "seconds", "lr"))
        return f"History({len(self.rows)} epochs: {values})"


def _write_whole(path: Path, content: bytes) -> Path:
    """Write to a neighbour first and rename: a reader finds the old file or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


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


def run_epoch(
    net: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimizer: torch.optim.Optimizer,
    objective: Objective = cross_entropy,
    *,
    after_step: Callable[[], object] = lambda: None,
) -> Score:
    """Train once over `batches` of (images, labels); the score is the mean over the epoch, seen while learning.

    Stops with FloatingPointError, naming the step and the learning rate, when a loss is not a finite number.
    """
    net.train()
    losses, right, seen, cast, scaler = [], [], 0, None, None
    for images, labels in batches:
        if cast is None:
            cast, scaler = _autocast(images.device)
        optimizer.zero_grad(set_to_none=True)
        with cast:
            loss, logits = objective(net, images, labels)
        if scaler is None:
            loss.backward()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        # sums stay on the device: reading them here would make a GPU wait at every step
        losses.append(loss.detach().float() * len(labels))
        right.append((logits.detach().argmax(1) == labels).sum())
        seen += len(labels)
        after_step()
    if not seen:
        raise ValueError("no batch to train on: the training split is empty")
    losses = torch.stack(losses)
    if not losses.isfinite().all():
        step = int((~losses.isfinite()).nonzero()[0]) + 1
        rate = optimizer.param_groups[0]["lr"]
        raise FloatingPointError(f"the loss became {losses[step - 1].item()} at step {step} (learning rate {rate:g})")
    return Score(losses.sum().item() / seen, torch.stack(right).sum().item() / seen, seen)


@torch.no_grad()
def evaluate(
    net: nn.Module,
    data,
    split: str = "test",
    *,
    batch_size: int = 512,
    objective: Objective = cross_entropy,
    device: str | torch.device | None = None,
) -> Score:
    """Loss and accuracy on one split of `data`, in evaluation mode; the network's mode is as before afterwards."""
    device = pick_device(device)
    was_training = net.training
    net.to(device).eval()
    loss, right, seen = [], [], 0
    cast, _ = _autocast(device)
    try:
        for images, labels in data.to(device).batches(split, batch_size):
            with cast:
                batch_loss, logits = objective(net, images, labels)
            loss.append(batch_loss.float() * len(labels))
            right.append((logits.argmax(1) == labels).sum())
            seen += len(labels)
    finally:
        net.train(was_training)
    if not seen:
        raise ValueError(f"nothing to evaluate: the {split} split is empty")
    return Score(torch.stack(loss).sum().item() / seen, torch.stack(right).sum().item() / seen, seen)


def ten_crop(images: Tensor, size: int) -> Tensor:
    """Four corners and the centre of each image, and their mirror images: N × C × H × W -> 10 × N × C × size × size.

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
) -> History:
    """Train `net` on `data.train` for some epochs, scoring `data.valid` after each; returns the `History`.

    net: any module, images N × C × H × W -> logits; moved to the device and trained in place
    data: what `datasets` returns
    scheduler: a torch.optim.lr_scheduler over `optimizer`, stepped after every epoch
    objective: (net, images, labels) -> (loss, logits); the place for auxiliary losses, label smoothing, distillation
    seed: order of the images, augmentation and dropout; the same seed gives the same history on the same machine
    watch: called with the history after every epoch, for a live curve: `watch=explore.live_curve()`

    Raises ValueError before the first step when network, labels or settings do not fit, and `DivergedError` (with the
    history so far) when the loss is no longer a number.
    """
    if not isinstance(epochs, int) or epochs < 1 or not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"given epochs={epochs!r}, batch_size={batch_size!r}; both must be whole numbers, 1 or more")
    device = pick_device(device)
    _require_own(net, optimizer)
    net.to(device)
    _move_state(optimizer, device)
    data = data.to(device)
    _require_fit(net, data)
    net.to(memory_format=_memory_format(net, device))
    history = History(meta=_provenance(net, data, optimizer, device, epochs=epochs, batch_size=batch_size, seed=seed))
    steps = -(-len(data.train) // batch_size)
    with _seeded(seed, device) as generator, _progress(epochs * steps) as bar:
        for epoch in range(1, epochs + 1):
            start, lr = time.perf_counter(), optimizer.param_groups[0]["lr"]
            bar.set_description(f"epoch {epoch} of {epochs} on {device.type}")
            try:
                batches = data.batches("train", batch_size, generator=generator, augment=True)
                train = run_epoch(net, batches, optimizer, objective, after_step=bar.update)
            except FloatingPointError as error:
                raise DivergedError(
                    f"{error}, in epoch {epoch}: try a learning rate ten times smaller or a warm-up; the finished "
                    "epochs are in this error's .history, and the network must be built anew",
                    history,
                ) from error
            valid = evaluate(net, data, "valid", objective=objective, device=device)
            history.rows.append({
                "epoch": epoch, "train_loss": train.loss, "train_accuracy": train.accuracy, "valid_loss": valid.loss,
                "valid_accuracy": valid.accuracy, "lr": lr, "seconds": time.perf_counter() - start,
            })  # fmt: skip
            if scheduler is not None:
                plateau = isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
                scheduler.step(*([valid.loss] if plateau else []))
            bar.set_postfix_str(f"loss {train.loss:.3f}, valid {valid.accuracy:.1%}")
            if watch is not None:
                watch(history)
    return history


def _require_own(net: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    own = {id(p) for p in net.parameters()}
    if not any(id(p) in own for group in optimizer.param_groups for p in group["params"]):
        raise ValueError(
            "the optimizer holds no parameter of this network, so nothing would be trained: build the optimizer from "
            "net.parameters(), after the network"
        )


def _move_state(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """Momentum of an earlier run follows the weights to another device."""
    for state in optimizer.state.values():
        for key, value in state.items():
            if isinstance(value, Tensor) and key != "step":
                state[key] = value.to(device)


@torch.no_grad()
def _require_fit(net: nn.Module, data) -> None:
    """Say in one sentence what on a GPU would end in an assertion of the driver, or in a matrix-size error."""
    images, _ = next(iter(data.batches("valid" if len(data.valid) else "train", 2)))
    was_training = net.training
    try:
        logits = net.eval()(images)
    except RuntimeError as error:
        shape, first = " × ".join(map(str, images.shape[1:])), str(error).splitlines()[0]
        raise ValueError(
            f"the network cannot take images of {shape} from {data.name} ({first}): "
            "build it for this size and these channels, or load the images at the size that it expects"
        ) from error
    finally:
        net.train(was_training)
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        got = type(logits).__name__ if not isinstance(logits, Tensor) else " × ".join(map(str, logits.shape))
        raise ValueError(f"the network must return logits, N × classes, but returned {got}")
    highest = max(int(split.labels.max()) for split in (data.train, data.valid) if len(split))
    if highest >= logits.shape[1]:
        raise ValueError(
            f"{data.name} has labels up to {highest}, but the network has {logits.shape[1]} outputs (labels 0 to "
            f"{logits.shape[1] - 1}): build it with num_classes={data.num_classes}"
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


# --- progress ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _progress(total: int):
    """tqdm: a widget in a notebook, a line in a terminal, nothing in a pipe; gone when the work is done.

    In a notebook the bar is displayed as a widget and nothing else, so that a saved notebook keeps no dead bar.
    """
    from tqdm import tqdm

    kwargs = {
        "total": total,
        "leave": False,
        "bar_format": "{desc} {percentage:3.0f}%|{bar}| {remaining} left{postfix}",
    }
    bar = _notebook_bar(kwargs) if _in_notebook() else tqdm(disable=None, **kwargs)
    try:
        yield bar
    finally:
        bar.close()


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def _notebook_bar(kwargs: dict):
    from IPython.display import display
    from tqdm.notebook import tqdm

    bar = tqdm(display=False, **kwargs)
    view = {"version_major": 2, "version_minor": 0, "model_id": bar.container.model_id}
    display({"application/vnd.jupyter.widget-view+json": view}, raw=True)
    return bar


# --- weights on disk -----------------------------------------------------------------------------------------------


def save_weights(net: nn.Module, path: str | Path) -> Path:
    """Write the network's state_dict; an interrupted write leaves an earlier file as it was."""
    import io

    buffer = io.BytesIO()
    torch.save({name: value.cpu() for name, value in net.state_dict().items()}, buffer)
    return _write_whole(Path(path), buffer.getvalue())


def load_weights(net: nn.Module, path: str | Path) -> nn.Module:
    """Read what `save_weights` wrote into `net`, all of it or nothing; returns the network.

    Raises FileNotFoundError, or ValueError for a damaged file or one of another network, naming the first difference.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: give the path that save_weights wrote")
    try:
        given = torch.load(path, map_location="cpu", weights_only=True)
        given = {str(k): v for k, v in given.items() if isinstance(v, Tensor)}
    except Exception as error:  # a damaged file ends in whatever the zip or pickle reader meets first
        raise ValueError(f"{path} cannot be read as saved weights ({type(error).__name__}): save them again") from error
    expected = net.state_dict()
    for name in [*expected, *given]:
        ours, theirs = ("none" if d.get(name) is None else " × ".join(map(str, d[name].shape)) or "a number"
                        for d in (expected, given))  # fmt: skip
        if ours != theirs:
            raise ValueError(
                f"{path} holds the weights of another network: the first difference is {name}, {theirs} in the file "
                f"and {ours} in this network; build the network that was saved, or save this one"
            )
    net.load_state_dict(given)
    return net
