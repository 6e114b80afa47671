"""Files that outlive a crash: weights, and checkpoints from which `training.fit` goes on as if never stopped.

Whatever happens while one is written, under its name lies the old file or the new one, whole. All can be read with
`torch.load(path, weights_only=True)`, which runs no code from the file.
"""

import contextlib
import io
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

FORMAT = 1
# of an optimizer's settings, those that say how it computes and not what, and what a scheduler keeps there
_HOW = {"params", "foreach", "fused", "capturable", "differentiable", "initial_lr"}


# --- writing -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yields a neighbor of `path` to write to, and gives it that name when all is written and on the disk."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())  # else after a power cut the new name may stand for an empty file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def remove_drafts(path: Path) -> None:
    """Removes what writers of `path` that were killed have left."""
    for draft in path.parent.glob(f".{path.name}.*.tmp"):
        draft.unlink(missing_ok=True)


def write(path: Path, state: Mapping) -> None:
    """Write a checkpoint. Raises OSError where that is impossible; the earlier one then stays."""
    try:
        with replacing(path) as draft:
            torch.save({"format": FORMAT, **state}, draft)
    except RuntimeError as error:  # torch's word for a full disk
        raise OSError(str(error).splitlines()[0]) from error


def require_plain(**owners) -> None:
    """Raises ValueError if the state of one of these holds what could not be read back without running code."""
    for name, owner in owners.items():
        buffer = io.BytesIO()
        try:
            torch.save(owner.state_dict() if owner else None, buffer)
            buffer.seek(0)
            torch.load(buffer, weights_only=True)
        except Exception as error:  # of pickling or of unpickling
            raise ValueError(
                f"the state of the {name}, a {type(owner).__name__}, holds more than numbers, text and tensors, and "
                "no checkpoint of it could be read back: use one of torch.optim, or leave the checkpoint out"
            ) from error


def read(path: Path) -> dict:
    """Read what `write` wrote. Raises ValueError for a damaged file, or one that is no checkpoint."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file ends in whatever the zip or pickle reader meets first
        raise ValueError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}): remove it to start anew, or give the "
            "path of another"
        ) from error
    if not isinstance(state, dict) or "format" not in state or "settings" not in state:
        raise ValueError(f"{path} is no checkpoint of training.fit: give another path, this file stays as it is")
    if state["format"] != FORMAT:
        raise ValueError(
            f"{path} is a checkpoint of form {state['format']}, and this version reads form {FORMAT}: go on with the "
            "version of lecture8 that wrote it"
        )
    return state


# --- what makes a run this run -------------------------------------------------------------------------------------


def settings(net: nn.Module, data, optimizer, scheduler, **more) -> dict[str, str]:
    """What must be the same for a checkpoint to be of this run, in words; `more` as it is."""
    layers = [(name, type(module).__name__) for name, module in net.named_modules()]
    return {
        "network": f"{type(net).__name__} of {len(layers)} modules ({_check_sum(repr(layers).encode())})",
        "data": repr(data),
        "check sum of the data": _fingerprint(data),
        **{key: str(value) for key, value in more.items()},
        **states_in_words(optimizer, scheduler),
    }


def states_in_words(optimizer: torch.optim.Optimizer, scheduler) -> dict[str, str]:
    """The settings of an optimizer and of a scheduler as they are now; some change in a run."""
    groups = optimizer.param_groups
    words = {"optimizer": type(optimizer).__name__, "groups of parameters": [len(group["params"]) for group in groups]}
    for key in [key for key in groups[0] if key not in _HOW]:
        values = [group.get(key) for group in groups]
        words[f"optimizer's {key}"] = values[0] if values == values[:1] * len(values) else values
    words["scheduler"] = "none" if scheduler is None else type(scheduler).__name__
    for key, value in (scheduler.state_dict() if scheduler else {}).items():
        words[f"scheduler's {key}"] = value
    return {key: value if isinstance(value, str) else _plain(value) for key, value in words.items()}


def name_of(objective) -> str:
    """What an objective is called; one made by a function that says what with (`label_smoothing(0.1)`) has it there."""
    return getattr(objective, "__qualname__", None) or _plain(objective)


def _plain(value) -> str:
    """A repr that is the same in another process: no addresses, and tensors as numbers."""
    if isinstance(value, Tensor):
        return repr(value.tolist())
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {_plain(v)}" for key, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_plain, value)) + "]"
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def _check_sum(content: bytes) -> str:
    return f"{zlib.crc32(content):08x}"


def _fingerprint(data) -> str:
    """A check sum of all labels, and of a few training images where they lie in memory."""
    parts = [data.train.labels, data.valid.labels]
    if isinstance(pixels := getattr(data.train, "pixels", None), Tensor):
        parts.append(pixels[:16])
    return _check_sum(b"".join(part.cpu().contiguous().numpy().tobytes() for part in parts))


def require_same(path: Path, saved: Mapping, net: nn.Module, given: Mapping[str, str]) -> None:
    """Raises ValueError, with the first difference, if a checkpoint is of another network or other settings.

    An optimizer and a scheduler may be as at the start of the run, or as they were when the checkpoint was written.
    """
    if difference := first_difference(net.state_dict(), saved["net"]):
        raise ValueError(
            f"{path} is the checkpoint of another network: the first difference is {difference}; build the network "
            "of that run, or give another path to start anew"
        )
    for key, value in given.items():
        then = saved["settings"].get(key, "not there")
        if value not in (then, saved["now"].get(key)):
            there, here = _where_they_part(then, value)
            raise ValueError(
                f"{path} is the checkpoint of another run: its {key} is {there}, and now {here} was "
                "given; give that run's settings to go on with it, or another path to start anew"
            )


def _where_they_part(first: str, second: str, most: int = 100) -> tuple[str, str]:
    """Two long texts cut down to where they begin to differ."""
    same = next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )
    start = 0 if max(len(first), len(second)) <= most else max(0, same - most // 2)
    return tuple(
        ("…" if start else "") + text[start : start + most] + ("…" if text[start + most :] else "")
        for text in (first, second)
    )


def first_difference(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """Where the weights of two networks differ in name or shape first, or "" where they do not."""
    for name in [*expected, *given]:
        ours, theirs = ("none" if d.get(name) is None else " × ".join(map(str, d[name].shape)) or "a number"
                        for d in (expected, given))  # fmt: skip
        if ours != theirs:
            return f"{name}, {theirs} in the file and {ours} in this network"
    return ""


# --- random numbers ------------------------------------------------------------------------------------------------


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The state of PyTorch's global generators: the CPU's, and this GPU's."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Go on from such a state; of a run that began on another kind of device, the CPU's alone."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


# --- weights -------------------------------------------------------------------------------------------------------


def save_weights(net: nn.Module, path: str | Path) -> Path:
    """Write the network's state_dict; an interrupted write leaves an earlier file as it was."""
    with replacing(path) as draft:
        torch.save({name: value.cpu() for name, value in net.state_dict().items()}, draft)
    return Path(path)


def load_weights(net: nn.Module, path: str | Path) -> nn.Module:
    """Read what `save_weights` wrote, or the weights of a checkpoint, into `net`, all or nothing; returns the network.

    Raises FileNotFoundError, or ValueError for a damaged file or one of another network, naming the first difference.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: give the path that save_weights wrote")
    try:
        given = torch.load(path, map_location="cpu", weights_only=True)
        if "format" in given and "net" in given:
            given = given["net"]
        given = {str(k): v for k, v in given.items() if isinstance(v, Tensor)}
    except Exception as error:  # a damaged file ends in whatever the zip or pickle reader meets first
        raise ValueError(f"{path} cannot be read as saved weights ({type(error).__name__}): save them again") from error
    if difference := first_difference(net.state_dict(), given):
        raise ValueError(
            f"{path} holds the weights of another network: the first difference is {difference}; build the network "
            "that was saved, or save this one"
        )
    net.load_state_dict(given)
    return net
