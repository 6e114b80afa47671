"""JupyterLab on this machine alone, with fresh settings, on copies of notebooks."""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jupytext
import matplotlib
import nbformat
import requests

# no question about news; nothing else differs from what a student sees
SETTINGS = {"apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False}}


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab; its home folder, and with it the file of progress, is `folder`/home."""

    folder: Path
    address: str
    token: str

    def add(self, path: Path) -> None:
        """Puts a notebook, or what its source describes, without outputs among those that JupyterLab shows."""
        notebook = jupytext.read(path)
        notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, self.folder / "notebooks" / f"{path.stem}.ipynb")

    def page(self, stem: str) -> str:
        """The address of a notebook's page, in a workspace of its own, so that no other notebook opens beside it."""
        return f"{self.address}/lab/workspaces/{stem}/tree/{stem}.ipynb?token={self.token}"

    def ask(self, path: str, method: str = "GET"):
        """What the server's interface answers. Raises OSError while it does not."""
        headers = {"Authorization": f"token {self.token}"}
        answer = requests.request(method, f"{self.address}/api/{path}", headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def stop_kernels(self) -> None:
        """Ends every kernel: each holds most of a gigabyte."""
        for session in self.ask("sessions"):
            self.ask(f"sessions/{session['id']}", "DELETE")

    def solved(self) -> list[str]:
        """The exercises in the file of progress, such as 'vgg.field'."""
        file = self.folder / "home" / ".lecture8" / "progress.json"
        return json.loads(file.read_text(encoding="utf-8"))["solved"] if file.exists() else []


def _environment(folder: Path) -> dict[str, str]:
    """This process's, with every folder of personal settings replaced by an empty one."""
    own = dict(os.environ, HOME=str(folder / "home"), MPLCONFIGDIR=matplotlib.get_cachedir())
    for name in ("LECTURE8_PROGRESS", "LECTURE8_DATA", "JUPYTER_PATH"):
        own.pop(name, None)
    places = {
        "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython",
    }  # fmt: skip
    return own | {name: str(folder / place) for name, place in places.items()}


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Lab]:
    """JupyterLab while the block runs. Raises RuntimeError, with what the server said, if it does not start."""
    for place in ("home", "notebooks"):
        (folder / place).mkdir()
    for name, values in SETTINGS.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token, log = secrets.token_hex(16), folder / "lab.log"
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder / 'notebooks'}", "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    with log.open("w", encoding="utf-8") as said:
        server = subprocess.Popen(
            command, stdout=said, stderr=subprocess.STDOUT, env=_environment(folder), cwd=folder / "notebooks"
        )
    lab = Lab(folder, f"http://127.0.0.1:{port}", token)
    try:
        _wait_until_it_answers(lab, server, log)
        yield lab
        lab.stop_kernels()
    finally:
        server.kill()  # its kernels have ended, and nothing of it is kept
        server.wait()


def _wait_until_it_answers(lab: Lab, server: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + 120
    while True:
        try:
            lab.ask("status")
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')}") from None
            time.sleep(0.2)
