"""Opens JupyterLab on the first notebook; `make lab` calls it inside .venv."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = os.environ.get("LECTURE8_LAB") or "notebooks"  # of the edition: notebooks/ko for the Korean one
START = f"{FOLDER}/00_start_here.ipynb"


def is_root() -> bool:
    """Whether this user may do everything, so that JupyterLab and Chromium want to be asked twice."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def arguments() -> list[str]:
    """JupyterLab's command line: nothing is fetched from the network, and every machine gets an address to open."""
    return [
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url=/lab/tree/{START}",  # also the address that is printed without a browser
        "--log-level=WARN",  # leaves the address and what goes wrong
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        *(["--allow-root"] if is_root() else []),
        *([] if has_display() else ["--no-browser"]),
    ]


def has_display() -> bool:
    """Whether a browser can be shown; on Linux that needs a screen, or a helper named in BROWSER."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


if __name__ == "__main__":
    if not (ROOT / START).exists():
        sys.exit(f"There is no {START}: expected LANGUAGE=ko, or nothing for the English notebooks.")
    sys.argv[1:] = [*arguments(), *sys.argv[1:]]
    from jupyterlab.labapp import main

    print("JupyterLab runs until you press Control-C here.", flush=True)
    main()
