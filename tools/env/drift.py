"""Whether Colab still has the versions that the notebooks were run with, stack_files/colab.txt; weekly.yml asks.

python tools/env/drift.py [ADDRESS]     of a folder with Colab's two lists; without one, where Colab publishes them

When Colab has changed: put its versions and the date into colab.txt, `make test-stacks STACK=colab`, `make notebooks`.
"""

import re
import sys
import urllib.request
from pathlib import Path

LISTS = "https://raw.githubusercontent.com/googlecolab/backend-info/main"
# `name==2.11.0+cu128`, `name @ https://…/name-2.11.0%2Bcu128-cp313-….whl`, and `Python 3.13`
VERSION = re.compile(r"^(?:.*, )?([\w.-]+)(?:==| @ \S+/[\w.]+-| )(\d+(?:\.\w+)*)", re.MULTILINE)


def versions(text: str) -> dict[str, str]:
    """What a list such as that of `pip freeze` has: name -> version, without the mark of a build."""
    return {re.sub("[-_.]+", "-", name).lower(): version for name, version in VERSION.findall(text)}


if __name__ == "__main__":
    tried = versions(Path(__file__).with_name("stack_files").joinpath("colab.txt").read_text(encoding="utf-8"))
    there = {}
    for name in ("pip-freeze.txt", "os-info.txt"):
        with urllib.request.urlopen(f"{[*sys.argv, LISTS][1]}/{name}", timeout=60) as answer:
            there |= versions(answer.read().decode())
    changed = {name: there.get(name, "none") for name in tried if f"{there.get(name)}.".find(f"{tried[name]}.")}
    print(f"{len(tried)} versions were tried, Colab lists {len(there)}.")
    sys.exit("\n".join(f"{name}: tried with {tried[name]}, Colab has {new}" for name, new in changed.items()) or 0)
