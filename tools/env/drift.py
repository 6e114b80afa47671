"""Whether Colab still has the versions that the notebooks were run with: those in stack_files/colab.txt.

python tools/env/drift.py [ADDRESS]     of a folder with Colab's two lists; without one, where Colab publishes them

Once a week .github/workflows/weekly.yml asks. When Colab has changed: put its versions and the date into colab.txt,
`make test-stacks STACK=colab`, then build the notebooks, which name that Colab.
"""

import re
import sys
import urllib.request
from pathlib import Path

LISTS = "https://raw.githubusercontent.com/googlecolab/backend-info/main"
PINS = Path(__file__).with_name("stack_files") / "colab.txt"
# `name==2.11.0+cu128`, `name @ https://…/name-2.11.0%2Bcu128-cp313-….whl`, and `Python 3.13`
VERSION = re.compile(r"^(?:.*, )?([\w.-]+)(?:==| @ \S+/[\w.]+-| )(\d+(?:\.\w+)*)", re.MULTILINE)


def versions(text: str) -> dict[str, str]:
    """What a list such as that of `pip freeze` has: name -> version, without the mark of a build."""
    return {re.sub("[-_.]+", "-", name).lower(): version for name, version in VERSION.findall(text)}


def differences(tried: dict[str, str], there: dict[str, str]) -> list[str]:
    """One line for everything that was tried with another version than there is."""
    pairs = [(name, version, there.get(name, "none")) for name, version in tried.items()]
    return [f"{name}: tried with {old}, Colab has {new}" for name, old, new in pairs if f"{new}.".find(f"{old}.")]


def main(address: str = LISTS) -> str:
    """What is different, a line each; '' if nothing is. Raises OSError if a list cannot be fetched."""
    lists = []
    for name in ("pip-freeze.txt", "os-info.txt"):
        with urllib.request.urlopen(f"{address}/{name}", timeout=60) as answer:
            lists.append(answer.read().decode())
    tried, there = versions(PINS.read_text(encoding="utf-8")), versions("\n".join(lists))
    print(f"{len(tried)} versions were tried, Colab lists {len(there)}.")
    return "\n".join(differences(tried, there))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) or 0)
