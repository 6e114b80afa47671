"""Published numbers and long runs: CSV tables, each with its source and how sure we are of it.

Tables of one lesson are in the lesson's folder, those that several share in `data/`; no two have the same name.

The column `confidence` says V for read in the primary source, C for computed by us, V2 for read in a secondary source.
"""

import datetime
import platform
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

_HERE = Path(__file__).parent
# beside the package in a checkout, inside it when installed as a wheel
_CANDIDATES = (_HERE.parent / "data", _HERE / "_data")
SHARED = next((f for f in _CANDIDATES if (f / "ilsvrc.csv").is_file()), _CANDIDATES[0])


def tables() -> dict[str, Path]:
    """The tables that there are: name -> file."""
    return {path.stem: path for path in sorted([*SHARED.glob("*.csv"), *_HERE.glob("lessons/*/*.csv")])}


def _path(name: str) -> Path:
    found = tables()
    if name not in found:
        raise ValueError(f"there is no table {name!r}: choose from {', '.join(sorted(found)) or 'none'}")
    return found[name]


def read(name: str) -> pd.DataFrame:
    """One table by name. Raises ValueError for a name that does not exist, and says which do."""
    return pd.read_csv(_path(name), comment="#")


def provenance(name: str) -> dict[str, str]:
    """The header of a table (`# key: value` lines): where its numbers come from."""
    return _header(_path(name))


def _header(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line[2:].split(": ", 1) for line in lines if line.startswith("# ") and ": " in line)


def write(path: str | Path, table: pd.DataFrame, what: str, seeds: int | Iterable[int], **more: object) -> None:
    """Writes the table of an experiment as CSV, with its provenance in the first lines.

    path: the file, next to the experiment: `Path(__file__).with_name("occlusion.csv")`
    table: one row per run, epoch or layer, already rounded to the digits that are kept
    what: what was trained or measured, in one sentence
    seeds: how many (0, 1, …), or which
    more: further lines of the header, or others in place of those that are found here: the command that this program
        was started with, the date, the hardware and the versions
    """
    import torch

    from lecture8.checkpoints import replacing
    from lecture8.devices import pick_device

    main = sys.modules["__main__"].__spec__
    started = ["python", "-m", main.name] if main else ["python", Path(sys.argv[0]).name]
    kind = pick_device().type
    chip = torch.cuda.get_device_name() if kind == "cuda" else f"{torch.get_num_threads()} thread(s)"
    header = {
        "what": what,
        "command": shlex.join([*started, *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "hardware": f"{kind}, {chip}",
        "versions": f"Python {platform.python_version()}, PyTorch {torch.__version__}",
        "seeds": ", ".join(map(str, range(seeds) if isinstance(seeds, int) else seeds)),
        **more,
    }
    text = "".join(f"# {key}: {value}\n" for key, value in header.items())
    with replacing(path) as draft:
        draft.write_text(text + table.to_csv(index=False, lineterminator="\n"), encoding="utf-8", newline="\n")
    print(f"wrote {Path(path).name}: {len(table)} rows")


def collect(
    path: str | Path, what: str, arms: Iterable[dict], run: Callable[..., list[dict]], **more: object
) -> pd.DataFrame:
    """The table of an experiment of many runs, written anew after each: what is in the file already is not run again.

    path, what, more: as for `write`; the seeds are those of the arms
    arms: one setting each, such as {"depth": 20, "seed": 0}, all with the same keys: the first columns of the table
    run: gives the rows of one arm, `run(**arm)`; numbers are kept to four decimals, those below 0.1 to four digits

    Several programs may fill one table, each with arms of its own. Raises ValueError for a file that says something
    else about what was run.
    """
    from filelock import FileLock

    path, table = Path(path), None
    for arm in arms:
        table = _collected(path, what)
        if table is not None and (table[list(arm)] == pd.Series(arm)).all(axis=1).any():
            continue
        rows = pd.DataFrame(run(**arm))
        for at, (key, value) in enumerate(arm.items()):
            rows.insert(at, key, value)  # raises ValueError where a row has a column of this name, too
        with FileLock(path.with_suffix(".lock")):
            table = _collected(path, what)
            table = rows if table is None else pd.concat([table, rows])
            table = table.sort_values(list(arm), kind="stable")
            table = table.map(
                lambda v: float(f"{v:.4g}" if abs(v) < 0.1 else f"{v:.4f}") if isinstance(v, float) else v
            )
            write(path, table, what, sorted(set(table["seed"])), **more)
    return table


def _collected(path: Path, what: str) -> pd.DataFrame | None:
    """What `collect` has written so far."""
    if not path.exists():
        return None
    if (said := _header(path).get("what")) != what:
        raise ValueError(f"{path} holds another experiment, {said!r}: expected {what!r}; move the file away")
    return pd.read_csv(path, comment="#")
