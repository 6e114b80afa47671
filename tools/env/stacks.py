"""The course under other versions than the pinned ones, each in an environment of its own below build/stacks.

python -m tools.env.stacks [oldest | newest | colab ...]     all three without a name; 5 GB and some minutes each

oldest, newest: the unit tests and every notebook, in nbval's lax mode: it runs every cell and its assertions, and
compares only what is marked so, since the saved outputs belong to the pinned versions.
colab: Colab's versions, with its package `google.colab` faked. The course is not installed: each notebook's own first
cell does it, from a copy of this repository under the address that the badge names. Nothing else may change by that.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.build import conditions, notebooks
from tools.env import bootstrap

ROOT = conditions.ROOT
HERE = ROOT / "build" / "stacks"
PINS = Path(__file__).with_name("stack_files")
PLUGINS = ROOT / "tests" / "support"
PYTHONS = {"oldest": ["3.10"], "newest": ["3.14", "3.13", "3.12", "3.11"], "colab": ["3.13", "3.12"]}  # best first
TOOLS = ["pytest>=8.2", "pytest-xdist>=3.6", "nbval>=0.11", "nbformat>=5.10", "nbclient>=0.10"]


def environment(name: str, *packages: str) -> Path:
    """The Python of the stack's environment with its pins and these packages; made once."""
    folder, python = HERE / name, HERE / name / "bin" / "python"
    wanted = "\n".join([(PINS / f"{name}.txt").read_text(encoding="utf-8"), *packages])
    stamp = folder / "made-from.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    runs = [python for version in PYTHONS[name] if bootstrap.version_of(python := f"python{version}") > (0, 0)]
    if not runs:
        raise RuntimeError(f"none of Python {', '.join(PYTHONS[name])} runs here: install one to run this stack")
    subprocess.run([runs[0], "-m", "venv", folder], check=True)
    pins = ["-r", PINS / f"{name}.txt"]
    subprocess.run([python, "-m", "pip", "install", "-q", *pins, *packages], check=True)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def frozen(python: Path) -> set[str]:
    """What is installed, as name==version, without the course itself."""
    listed = subprocess.run([python, "-m", "pip", "freeze"], check=True, capture_output=True, text=True).stdout
    return {line for line in listed.splitlines() if "lecture8" not in line}


def lax(python: Path, paths: list[Path], *more: str, **settings: str) -> int:
    """Runs these notebooks in nbval's lax mode, with more options and other settings; pytest's return code."""
    options = [*more, "-q", "-c", os.devnull, "-p", "no:cacheprovider", "--nbval-lax", "--nbval-current-env"]
    command = [python, "-m", "pytest", *options, "-p", "nbval_doors", "--nbval-cell-timeout=600", *paths]
    environ = {**os.environ, "PYTHONPATH": conditions.python_path(PLUGINS), **settings}
    return subprocess.run(command, cwd=paths[0].parent, env=environ).returncode


def own(name: str) -> list[str]:
    """The unit tests and the notebooks in the stack `oldest` or `newest`; the parts that failed."""
    python = environment(name, f"-e{ROOT}[lab,test]")
    unit = [python, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider", "tests"]
    failed = [f"{name}: unit tests"] if subprocess.run(unit, cwd=ROOT).returncode else []
    paths = [notebooks.target(source) for source in notebooks.sources()]
    return failed + ([f"{name}: notebooks"] if lax(python, paths) else [])


def colab() -> list[str]:
    """The notebooks as in Colab; the parts that failed."""
    python = environment("colab", *TOOLS)
    home = HERE / "colab-home"
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", "--bare", ROOT, home / "course.git"], check=True)
    trust = ["git", "config", "--global", "--add", "safe.directory", "*"]
    subprocess.run(trust, check=True, env={**os.environ, "HOME": str(home)})
    settings = {
        "HOME": str(home),  # nothing of this user's is seen
        "PYTHONPATH": f"{PLUGINS}{os.pathsep}{PINS / 'colab'}",
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        # the address of the badge leads to the copy
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{home}/course.git.insteadOf",
        "GIT_CONFIG_VALUE_0": notebooks.repository(),
    }
    for unwanted in ("LECTURE8_RUN", "LECTURE8_DEVICE", "LECTURE8_PROGRESS", "IPYTHONDIR", "MATPLOTLIBRC"):
        os.environ.pop(unwanted, None)
    failed, before = [], frozen(python)
    for source in notebooks.sources():
        subprocess.run([python, "-m", "pip", "uninstall", "-q", "-y", "lecture8"], check=True)
        notebook = home / f"{source.stem}.ipynb"
        shutil.copy(notebooks.target(source), notebook)
        if lax(python, [notebook], "--noconftest", **settings):  # which would forbid the network
            failed.append(f"colab: {source.stem}")
        if changed := frozen(python) ^ before:
            failed.append(f"colab: {source.stem} changed {', '.join(sorted(changed))}")
    return failed


def main() -> int:
    """The command line; the number of parts that failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stacks", nargs="*", metavar="STACK", help=f"some of {', '.join(PYTHONS)}")
    options = parser.parse_args()
    if unknown := set(options.stacks) - set(PYTHONS):
        parser.error(f"no stack named {', '.join(sorted(unknown))}: choose from {', '.join(PYTHONS)}")
    HERE.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in options.stacks or PYTHONS:
        print(f"--- {name}", flush=True)
        try:
            failed += colab() if name == "colab" else own(name)
        except (RuntimeError, subprocess.CalledProcessError) as error:
            failed.append(f"{name}: {error}")
    print(*(f"failed: {one}" for one in failed), sep="\n")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
