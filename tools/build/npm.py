"""Packages for the browser that slides and site are shown with: fetched when these are built, never committed."""

import shutil
import subprocess
import sys
from pathlib import Path


def fetch(folder: Path, libraries: dict[str, str]) -> Path:
    """Has npm lay these packages (name -> version) into `folder`/node_modules, unless they are there; that folder.

    Ends the program, with the remedy, where npm is missing or gets nothing.
    """
    wanted, place = [f"{name}@{version}" for name, version in libraries.items()], folder / "node_modules"
    stamp = place / "fetched.txt"
    if not (stamp.exists() and stamp.read_text(encoding="utf-8").split() == wanted):
        npm = shutil.which("npm") or sys.exit("npm is needed: install Node.js, and run the same again")
        call = [npm, "install", "--silent", "--no-save", "--ignore-scripts", "--prefix", folder, *wanted]
        if subprocess.call(call):
            sys.exit(f"npm could not fetch {', '.join(wanted)}: connect to the internet, and run again")
        stamp.write_text("\n".join(wanted), encoding="utf-8")
    return place
