"""Makes `.venv` ready with lecture8 and its tools; the Makefile calls it before everything else.

Standard library only, and readable by every Python from 3.6, so that an old one can say that it is too old.
A second call returns at once; whatever is missing is said in one sentence together with the remedy.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / ".ready"  # written last: an interrupted installation has none
OLDEST = (3, 10)
THIS = tuple(sys.version_info[:2])
GIGABYTES = 8 if platform.system() == "Linux" else 3  # PyTorch for Linux brings 5 GB of CUDA libraries
CPU_BUILDS = "https://download.pytorch.org/whl/cpu"  # of PyTorch, by its makers, without these libraries

NETWORK_TROUBLE = re.compile(
    "NewConnectionError|failed to establish|name resolution|getaddrinfo|dns error|error sending request|"
    "network is unreachable|timed? ?out|connection refused|ProxyError|could not connect|tcp connect",
    re.IGNORECASE,
)


def dotted(version: tuple) -> str:
    """(3, 12) as '3.12'."""
    return ".".join(map(str, version))


def version_of(python: str) -> tuple:
    """(major, minor) of the Python of this name or path; (0, 0) if it does not run, as a version manager's shim."""
    ask = [python, "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        answer = subprocess.check_output(ask, stderr=subprocess.DEVNULL).split()
    except (OSError, subprocess.CalledProcessError):
        return 0, 0
    return int(answer[0]), int(answer[1])


def fingerprint() -> str:
    """What the installation depends on: the requirements, the pins and where this folder lies."""
    requirements = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("\n[tool.")[0]
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    return hashlib.sha256("\n".join([requirements, pins, str(ROOT)]).encode("utf-8")).hexdigest()


def ready(exactly: bool) -> bool:
    """Whether `.venv` holds what is asked for (with `exactly`, also under this version of Python)."""
    if not (STAMP.exists() and VENV_PYTHON.exists()):
        return False
    installed, python = STAMP.read_text(encoding="utf-8").split()
    return installed == fingerprint() and (not exactly or python == dotted(THIS))


def explain(output: str) -> str:
    """One sentence with the remedy for a failed installation, from what the installer said."""
    lines = output.strip().splitlines()[-25:] or ["nothing was said"]
    end = "\n".join(lines)
    if "no space left" in end.lower():
        return f"The disk is full: free {GIGABYTES} GB (.venv, the download cache and TMPDIR) and run the same again."
    if re.search("ensurepip|No module named .?venv", end):  # Debian and Ubuntu leave it out
        remedy = f"`sudo apt install python{dotted(THIS)}-venv` on Debian and Ubuntu"
        return f"This Python has no venv module: install it ({remedy}) and run the same again."
    if NETWORK_TROUBLE.search(end):
        return "The packages could not be downloaded: connect to the internet (or set HTTPS_PROXY), and run it again."
    if re.search("no matching distribution|no solution found", end, re.IGNORECASE):
        return "A version in constraints.txt does not exist for this system: use conda, plain pip or Colab (README.md)."
    errors = [line for line in lines if line.lower().startswith("error")]
    return f"The installation failed; .venv/install.log says why: {(errors or lines)[-1].strip()}"


def check_python(exactly: bool) -> None:
    """Goes on with a newer Python if this one is too old, or says what to do."""
    if THIS >= OLDEST:
        return
    newer = [f"python3.{minor}" for minor in range(OLDEST[1] + 9, OLDEST[1] - 1, -1)]
    found = next((python for python in newer if version_of(python) >= OLDEST), "")
    if found and not exactly:
        print(f"Python {dotted(THIS)} is too old; using {found}.", flush=True)
        sys.exit(subprocess.call([found, __file__]))
    remedy = "install one and run `make lab PYTHON=python3.12`"
    sys.exit(f"Python {dotted(THIS)} is too old, {dotted(OLDEST)} or newer is needed: {remedy}.")


def torch_in_venv() -> str:
    """The version of torch in `.venv`, or ''. A local tag, as in 2.15.0+cpu, says that somebody chose that build."""
    for pattern in ("lib/python*/site-packages", "Lib/site-packages"):
        for found in VENV.glob(pattern + "/torch-*.dist-info"):
            return found.name[len("torch-") : -len(".dist-info")]
    return ""


def torchvision_imports() -> bool:
    """Whether the torchvision in `.venv` was built for the torch there."""
    return not subprocess.call([str(VENV_PYTHON), "-c", "import torchvision"], stderr=subprocess.DEVNULL)


def check_disk() -> None:
    """Says how much room is needed if there is less."""
    needed = 1 if torch_in_venv() else GIGABYTES
    free = shutil.disk_usage(str(ROOT)).free / 1e9
    if free < needed:
        smaller = "see 'Which PyTorch' in CONTRIBUTING.md"
        sys.exit(f"Too little disk space, {free:.1f} GB free and {needed} GB needed: make room, or {smaller}.")


def run(command: list) -> None:
    """Runs a command in the project's folder, showing its last line on a terminal; ends the program if it fails."""
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled once here instead of at every import
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "universal_newlines": True, "errors": "replace"}
    process = subprocess.Popen(list(map(str, command)), cwd=str(ROOT), env=environment, **piped)
    said, terminal = [], sys.stdout.isatty()
    for line in process.stdout:
        said.append(line)
        if terminal:
            print(f"\r\033[K{line.strip()[:75]}", end="", flush=True)
    if terminal:
        print("\r\033[K", end="", flush=True)
    if process.wait():
        output = "".join(said)
        VENV.mkdir(exist_ok=True)
        (VENV / "install.log").write_text(output, encoding="utf-8")
        sys.exit(explain(output))


def create_venv(uv: str) -> None:
    """An environment with this Python; one that is there with the same version keeps what it holds."""
    keep = version_of(str(VENV_PYTHON)) == THIS
    if uv:
        run([uv, "venv", "--python", sys.executable, "--allow-existing" if keep else "--clear", VENV])
    elif not keep or subprocess.call([str(VENV_PYTHON), "-c", "import pip"], stderr=subprocess.DEVNULL):
        run([sys.executable, "-m", "venv", *([] if keep else ["--clear"]), VENV])


def pip_install() -> list:
    """The beginning of the command that installs something into `.venv`."""
    if shutil.which("uv"):
        return ["uv", "pip", "install", "--python", VENV_PYTHON, "--compile-bytecode"]
    return [VENV_PYTHON, "-m", "pip", "install", "--disable-pip-version-check"]


def take_cpu_build() -> None:
    """On Linux without an NVIDIA GPU, where nobody has chosen a build: that without CUDA, if it can be had."""
    chosen = torch_in_venv() or "UV_TORCH_BACKEND" in os.environ
    if platform.system() != "Linux" or chosen or shutil.which("nvidia-smi"):
        return
    try:
        urllib.request.urlopen(CPU_BUILDS + "/torch/", timeout=10).close()
        print(f"No NVIDIA GPU: taking PyTorch for CPUs from {CPU_BUILDS}, hundreds of MB, not 5 GB.", flush=True)
        run([*pip_install(), "--no-deps", "--index-url", CPU_BUILDS, "-c", "constraints.txt", "torch", "torchvision"])
    except (OSError, SystemExit):
        print(f"No NVIDIA GPU, but {CPU_BUILDS} cannot be used: taking PyTorch with CUDA, 5 GB.", flush=True)


def install() -> None:
    """lecture8 with its tools, at the versions of constraints.txt; a chosen build of torch is kept."""
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    torch = torch_in_venv()
    if "+" in torch:
        pins = [f"torch=={torch}", *(pin for pin in pins if not pin.startswith("torch"))]
    (VENV / "constraints.txt").write_text("\n".join(pins) + "\n", encoding="utf-8")
    add("lab,test")
    if "+" in torch and not torchvision_imports():
        sys.exit(f"torchvision does not work with torch {torch}: install both from one place, and run the same again.")


def add(groups: str) -> None:
    """lecture8 in place with optional groups of pyproject.toml, at the versions that `install` has written down."""
    print(f"Installing what {groups} needs.", flush=True)
    run([*pip_install(), "-c", VENV / "constraints.txt", "-e", f".[{groups}]"])


def main(exactly: bool) -> None:
    if ready(exactly):
        return
    check_python(exactly)
    uv = shutil.which("uv") or ""
    print(f"Setting up .venv with Python {dotted(THIS)} and {'uv' if uv else 'pip'}: a few minutes, once.", flush=True)
    if STAMP.exists():
        STAMP.unlink()
    create_venv(uv)
    take_cpu_build()
    check_disk()
    install()
    STAMP.write_text(f"{fingerprint()} {dotted(THIS)}\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main("--exactly" in sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("\nInterrupted: run the same command again to finish the set-up.")
