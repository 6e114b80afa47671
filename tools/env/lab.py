"""Opens JupyterLab on the first notebook; `make lab` calls it inside .venv."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START = "notebooks/00_start_here.ipynb"


def arguments(*, root: bool, display: bool) -> list[str]:
    """JupyterLab's command line: nothing is fetched from the network, and every machine gets an address to open."""
    options = [
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url=/lab/tree/{START}",  # also the address that is printed without a browser
        "--log-level=WARN",  # leaves the address and what goes wrong
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if root:
        options.append("--allow-root")
    if not display:
        options.append("--no-browser")
    return options


def has_display() -> bool:
    """Whether a browser can be shown; on Linux that needs a screen, or a helper named in BROWSER."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


if __name__ == "__main__":
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    sys.argv[1:] = [*arguments(root=root, display=has_display()), *sys.argv[1:]]
    from jupyterlab.labapp import main

    print("JupyterLab runs until you press Control-C here.", flush=True)
    main()
