"""Installs what the browser tests need beyond `make`: the browser group of pyproject.toml, and Chromium on Debian."""

import os
import shutil
import subprocess
import sys
from importlib import util

from tools.env import bootstrap, lab

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str:
    """The path of the Chromium or Chrome of this machine, or ''."""
    return next(filter(None, map(shutil.which, BROWSERS)), "")


def launch(playwright):
    """Starts the Chromium of this machine, without a window."""
    path = chromium()
    assert path, "no Chromium here: `make test-browser` installs it or says what to do"
    options = ["--disable-dev-shm-usage", "--disable-gpu", *(["--no-sandbox"] if lab.is_root() else [])]
    return playwright.chromium.launch(executable_path=path, args=options)


def install_chromium() -> None:
    """Chromium from Debian's packages. Ends the program with one sentence where that cannot be done."""
    if not (lab.is_root() and shutil.which("apt-get")):
        sys.exit("No Chromium on the PATH: install Chromium or Chrome (Debian: `sudo apt-get install chromium`) first.")
    print("Installing Chromium.", flush=True)
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for step in ("update", "install -y --no-install-recommends chromium fonts-dejavu-core"):
        if subprocess.call(["apt-get", "-qq", *step.split()], env=quiet, stdout=subprocess.DEVNULL):
            sys.exit("Chromium could not be installed: run `apt-get install chromium`, and see what it says.")


if __name__ == "__main__":
    if not util.find_spec("playwright"):
        bootstrap.add("browser")
    if not chromium():
        install_chromium()
