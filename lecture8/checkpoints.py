"""Files that survive a crash: weights, and checkpoints from which `training.fit` resumes.

Whatever happens during a write, under the file's name is the old file or the new one, whole. All can be read with
`torch.load(path, weights_only=True)`, which runs no code from the file.
"""

import contextlib
import glob
import os
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from lecture8 import checks

DRIVE = Path("/content/drive")  # where Colab shows Google Drive
MAY_CHANGE = {"date", "hardware", "versions", "epochs", "precision"}  # from one part of a run to the next


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yields a neighbor of `path` to write to, and gives it that name when all is written and on the disk.

    Raises OSError, which says why, where nothing can be written, or not all.
    """
    path = Path(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())  # else after a power cut the new name may stand for an empty file
        draft.replace(path)
    except (OSError, RuntimeError) as error:  # torch.save raises RuntimeErrors, and says nothing of a full disk
        if isinstance(error, OSError):
            why = error.strerror or error
        elif "inline_container" in str(error):
            why = str(error).partition("strerror: ")[2] or "No space left on device"
        else:
            raise
        raise OSError(f"{path} cannot be written ({why}): make room there, or give another path") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def read(path: Path) -> dict:
    """What `torch.save` wrote there. Raises ValueError for a damaged file; `torch.load` verifies no checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            # torch.load takes a part with the mark of a folder, this bit, for empty and returns what was in memory
            if archive.testzip() or any(part.external_attr & 0x10 for part in archive.infolist()):
                raise zipfile.BadZipFile("wrong checksum")
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # whatever the readers of zip and pickle meet first
        raise ValueError(f"{path} cannot be read ({type(error).__name__}): remove it or give another path") from error


def save(state: dict, path: str | Path) -> Path:
    """Write what `read` reads; where this fails or is interrupted, an earlier file is left as it was."""
    with replacing(path) as draft:
        torch.save(state, draft)
    return Path(path)


def save_weights(net: nn.Module, path: str | Path) -> Path:
    """Write the network's state_dict, whole or not at all. Raises OSError where the path cannot be written to."""
    checks.kind(nn.Module, "a network (torch.nn.Module)", net=net)
    checks.kind((str, Path), "the path of a file", path=path)
    return save({name: value.cpu() for name, value in net.state_dict().items()}, path)


def load_weights(net: nn.Module, path: str | Path) -> nn.Module:
    """Read what `save_weights` wrote, or the weights of a checkpoint, into `net`, all or nothing; returns the network.

    Raises FileNotFoundError, or ValueError for a damaged file or one of another network, naming the first difference.
    """
    checks.kind(nn.Module, "a network (torch.nn.Module)", net=net)
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: give the path that save_weights wrote")
    given = read(path)
    given = {str(k): v for k, v in given.get("net", given).items() if isinstance(v, Tensor)}
    expected = net.state_dict()
    for name in [*expected, *given]:
        ours, theirs = ("none" if d.get(name) is None else checks.times(d[name].shape) or "a number"
                        for d in (expected, given))  # fmt: skip
        if ours != theirs:
            raise ValueError(
                f"{path} holds the weights of another network: the first difference is {name}, {theirs} in the file "
                f"and {ours} in this network; build the network that was saved"
            )
    net.load_state_dict(given)
    return net


class Checkpoint:
    """The file of one run of `training.fit`: its history, and the state of everything that changes during the run.

    path: None for a run that keeps nothing; parts: what has a `state_dict`, or None; generators: of all random numbers
    """

    def __init__(self, path: str | Path | None, history, parts: Mapping, generators: list):
        checks.kind((str, Path, type(None)), "the path of a file", checkpoint=path)
        self.path, self.history = Path(path) if path else None, history
        self.parts = {name: part for name, part in parts.items() if part is not None}
        self.generators = generators

    def save(self) -> None:
        """Write the file, if there is to be one."""
        if self.path is None:
            return
        for draft in self.path.parent.glob(f".{glob.escape(self.path.name)}.*.tmp"):  # of a process that was killed
            draft.unlink(missing_ok=True)
        state = {name: part.state_dict() for name, part in self.parts.items()}
        random = [generator.get_state() for generator in self.generators]
        with replacing(self.path) as draft:
            torch.save({"meta": self.history.meta, "rows": self.history.rows, "random": random, **state}, draft)
            try:
                torch.load(draft, weights_only=True, mmap=True)
            except pickle.UnpicklingError as error:
                what = (
                    "optimizer or scheduler holds more than Python's numbers, text and tensors (numbers of numpy, say)"
                )
                raise ValueError(f"the {what}, which no checkpoint can keep: give it float(lr) and the like") from error

    def resume(self) -> None:
        """Continue where the run was that wrote the file; without a file write one, to learn early if that works.

        Raises ValueError, before anything is changed, for a damaged file and for one of another run.
        """
        if self.path is None or not self.path.exists():
            return self.save()
        saved = read(self.path)
        now = {"lr": [group["lr"] for group in saved.get("optimizer", {}).get("param_groups", [])]}
        for key in [key for key in self.history.meta if key not in MAY_CHANGE]:
            theirs, ours = saved.get("meta", {}).get(key, "missing"), self.history.meta[key]
            if ours not in (theirs, now.get(key)):
                raise ValueError(
                    f"{self.path} is the checkpoint of another run: its {key} is {theirs}, and now {ours} was given; "
                    "give that run's settings to resume it, or another path to start anew"
                )
        for name, part in self.parts.items():
            part.load_state_dict(saved.get(name) or part.state_dict())  # a scaler may not have been in use
        for generator, state in zip(self.generators, saved["random"], strict=False):  # a GPU's only if both have one
            generator.set_state(state)
        self.history.rows, self.history.meta = saved["rows"], saved["meta"]
        print(f"Resuming from {self.path}: epochs done: {len(self.history)}.")
