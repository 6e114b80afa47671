"""Published numbers and long runs: CSV tables, each with its source and how sure we are of it.

Tables of one lesson are in the lesson's folder, those that several share in `data/`; no two have the same name.

The column `confidence` says V for read in the primary source, C for computed by us, V2 for read in a secondary source.
"""

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
    lines = _path(name).read_text(encoding="utf-8").splitlines()
    return dict(line[2:].split(": ", 1) for line in lines if line.startswith("# ") and ": " in line)
