"""Installs what the benchmarks need beyond `make`: the bench group of pyproject.toml, at the pinned versions."""

import shutil
from importlib import util

from tools import bootstrap

NEEDED = ("fvcore", "lightning_fabric", "ptflops", "skorch", "timm", "torchinfo")


def main() -> None:
    if all(util.find_spec(name) for name in NEEDED):
        return
    uv = shutil.which("uv")
    python = bootstrap.VENV_PYTHON
    pip = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    print("Installing the libraries to compare with.", flush=True)
    # the constraints that the set-up wrote: they keep a build of torch that somebody chose
    bootstrap.run([*pip, "-c", bootstrap.VENV / "constraints.txt", "-e", ".[bench]"])


if __name__ == "__main__":
    main()
