"""Installs what the benchmarks need beyond `make`: the bench group of pyproject.toml, at the pinned versions."""

from importlib import util

from tools.env import bootstrap

NEEDED = ("fvcore", "lightning_fabric", "ptflops", "skorch", "timm", "torchinfo")

if __name__ == "__main__" and not all(map(util.find_spec, NEEDED)):
    bootstrap.add("bench")
