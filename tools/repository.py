"""Moves the course to another repository: `make repository NAME=owner/name`.

Every badge, link and installation command of the course leads to the address in pyproject.toml; this changes that
address and all that was made from it, without running a notebook.
"""

import re
import subprocess
import sys
from pathlib import Path

from tools import build_notebooks, conditions

NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def files(root: Path) -> list[Path]:
    """The files of the course under version control."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True).stdout
    return [root / name for name in listed.decode().split("\0") if name]


def rename(paths: list[Path], old: str, new: str) -> list[Path]:
    """Replaces owner/name wherever it stands in an address or alone in quotes; the files that changed.

    Raises ValueError unless `new` is of the form owner/name.
    """
    if not NAME.fullmatch(new):
        raise ValueError(f"given {new!r}; expected the repository as owner/name, such as myname/lecture8")
    changed = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        moved = re.sub(rf'(github\.com/|com/github/|"){re.escape(old)}(?=[/")\s.]|\\|$)', rf"\g<1>{new}", text)
        if moved != text:
            path.write_text(moved, encoding="utf-8", newline="\n")
            changed.append(path)
    return changed


def main() -> int:
    """The command line; 1 for a name that is none."""
    if len(sys.argv) != 2:
        print("usage: make repository NAME=owner/name", file=sys.stderr)
        return 1
    old = build_notebooks.repository().removeprefix("https://github.com/")
    try:
        changed = rename(files(conditions.ROOT), old, sys.argv[1])
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    for path in changed:
        print(path.relative_to(conditions.ROOT))
    print(f"{len(changed)} files now lead to {sys.argv[1]} in place of {old}: look at `git diff`, then commit.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
