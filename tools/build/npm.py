"""Packages for the browser that slides and site are shown with: fetched when these are built, never committed."""

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path


def fetch(folder: Path, libraries: dict[str, str]) -> None:
    """Lays these packages (name -> version) into this folder, where they are not there already.

    Raises RuntimeError, with the remedy, where npm is missing or gets nothing.
    """
    missing = [name for name, version in libraries.items() if not (folder / name / f".{version}").exists()]
    if missing and not shutil.which("npm"):
        raise RuntimeError(f"npm is needed, to fetch {', '.join(missing)}: install Node.js, and run the same again")
    for name in missing:
        version = libraries[name]
        with tempfile.TemporaryDirectory() as temporary:
            call = ["npm", "pack", "--silent", f"{name}@{version}", "--pack-destination", temporary]
            done = subprocess.run(call, capture_output=True, text=True, cwd=temporary)
            archives = list(Path(temporary).glob("*.tgz"))
            if done.returncode or len(archives) != 1:
                said = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
                raise RuntimeError(
                    f"npm could not fetch {name} {version} ({said}): connect to the internet, and run again"
                )
            with tarfile.open(archives[0]) as archive:
                archive.extractall(temporary, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
            shutil.rmtree(folder / name, ignore_errors=True)
            shutil.copytree(Path(temporary) / "package", folder / name)
        (folder / name / f".{version}").touch()
