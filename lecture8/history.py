"""What a training run leaves: one row per epoch, and where they come from."""

import csv
import datetime
import inspect
import platform
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from lecture8.checkpoints import replacing


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

    def append(self, train, valid, lr: float, seconds: float) -> None:
        """Add the row of an epoch, from its two `training.Score`s."""
        self.rows.append({
            "epoch": len(self) + 1, "train_loss": train.loss, "train_accuracy": train.accuracy,
            "valid_loss": valid.loss, "valid_accuracy": valid.accuracy, "lr": lr, "seconds": seconds,
        })  # fmt: skip

    def table(self):
        """A pandas DataFrame, one row per epoch."""
        import pandas as pd

        return pd.DataFrame(self.rows).set_index("epoch") if self.rows else pd.DataFrame()

    def save(self, path: str | Path) -> Path:
        """Write a CSV whose first lines (`# key: value`) say where it comes from; returns the path."""
        header = "".join(f"# {key}: {value}\n" for key, value in self.meta.items())
        with replacing(path) as draft:
            draft.write_bytes((header + self.table().to_csv(lineterminator="\n")).encode())
        return Path(path)

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
        return f"History({len(self.rows)} epoch{'s' * (len(self.rows) > 1)}: {values})"


def provenance(net: nn.Module, data, optimizer, scheduler, objective, device: torch.device, **settings) -> dict:
    """Where a run comes from, for `History.meta`: date, machine, versions, data, network, optimizer, and `settings`.

    In words and numbers that are the same whenever the same call is made again: by them a checkpoint knows its run.
    """
    hardware = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    layers = f"{net} {[(name, value.shape) for name, value in net.state_dict().items()]}"
    pixels = getattr(data.train, "pixels", data.train.labels)[:16]
    content = [t.cpu().contiguous().numpy().tobytes() for t in (data.train.labels, data.valid.labels, pixels)]
    shown = {key: value for key, value in optimizer.defaults.items() if value and key != "lr"}
    state = scheduler.state_dict() if scheduler else {}
    chosen = [key for key in inspect.signature(scheduler.__init__).parameters if key in state and key != "last_epoch"]
    return {
        "date": datetime.date.today().isoformat(),
        "hardware": f"{device.type}, {hardware or platform.machine()}, threads: {torch.get_num_threads()}",
        "versions": f"Python {platform.python_version()}, PyTorch {torch.__version__}",
        "data": f"{data!r}",
        "data checksum": f"{zlib.crc32(b''.join(content)):08x}",
        "network": type(net).__name__,
        "parameters": sum(p.numel() for p in net.parameters()),
        "network checksum": f"{zlib.crc32(layers.encode()):08x}",
        "optimizer": f"{type(optimizer).__name__} {shown}",
        "lr": [float(group.get("initial_lr", group["lr"])) for group in optimizer.param_groups],
        "scheduler": f"{type(scheduler).__name__} { {key: state[key] for key in chosen} }" if scheduler else "none",
        "objective": getattr(objective, "__qualname__", type(objective).__name__),
        **settings,
    }
