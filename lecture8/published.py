"""Published numbers and long runs: the CSV tables of `data/`, each line with its source and how sure we are of it.

The column `confidence` says V for read in the primary source, C for computed by us, V2 for read in a secondary source.
"""

from pathlib import Path

import pandas as pd

_HERE = Path(__file__).parent
# beside the package in a checkout, inside it when installed as a wheel
_CANDIDATES = (_HERE.parent / "data", _HERE / "_data")
FOLDER = next((f for f in _CANDIDATES if (f / "ilsvrc.csv").is_file()), _CANDIDATES[0])


def names() -> list[str]:
    """The tables that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.csv"))


def read(name: str) -> pd.DataFrame:
    """One table of `data/` by name. Raises ValueError for a name that does not exist, and says which do."""
    path = FOLDER / f"{name}.csv"
    if not path.is_file():
        raise ValueError(f"there is no table {name!r} in {FOLDER.name}/: choose from {', '.join(names()) or 'none'}")
    return pd.read_csv(path, comment="#")


def provenance(name: str) -> dict[str, str]:
    """The header of a table (`# key: value` lines): where its numbers come from."""
    read(name)
    lines = (FOLDER / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    return dict(line[2:].split(": ", 1) for line in lines if line.startswith("# ") and ": " in line)


def winners_and_human() -> tuple[pd.DataFrame, float]:
    """The ILSVRC winners by year, and the human's top-5 error in percent (Russakovsky et al. 2015, one annotator)."""
    table = read("ilsvrc")
    human = table["winner"] == "human"
    return table[~human].astype({"year": int}).reset_index(drop=True), float(table[human]["top5_error"].iloc[0])
