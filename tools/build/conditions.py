"""The conditions under which notebooks are built and tested: the same sums, no network, no personal settings."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# On PYTHONPATH of everything that is built or tested: a guard against the network, and plain settings of matplotlib.
SANDBOX = Path(__file__).with_name("sandbox")


def folder(notebook: str) -> Path:
    """Where everything that belongs to a notebook ('06_resnet') is kept."""
    return ROOT / "lecture8" / "lessons" / f"l{notebook}"


def python_path(*first: Path) -> str:
    """PYTHONPATH with these folders before those that are in it; nothing empty, which would mean the current folder."""
    others = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return os.pathsep.join(dict.fromkeys([*map(str, first), *others]))


def apply() -> None:
    """Sets them for this process and all it starts; call it before torch, matplotlib or a kernel is there."""
    os.environ["OMP_NUM_THREADS"] = "1"  # the number of threads changes the order of additions
    os.environ["LECTURE8_RUN"] = "quick"
    os.environ["LECTURE8_DEVICE"] = os.environ.get("LECTURE8_TEST_DEVICE", "cpu")  # "" is the best there is
    os.environ["LECTURE8_CLAIMS"] = "raise"  # a claim that does not hold is an error
    os.environ["LECTURE8_PROGRESS"] = "off"  # nobody's progress is shown, nobody's file touched
    os.environ.pop("MPLBACKEND", None)  # kernels then choose the inline one
    os.environ["MATPLOTLIBRC"] = str(SANDBOX / "matplotlibrc")
    (ROOT / "build" / "ipython").mkdir(parents=True, exist_ok=True)
    os.environ["IPYTHONDIR"] = str(ROOT / "build" / "ipython")
    os.environ["PYTHONPATH"] = python_path(SANDBOX)
