"""`lecture8.start()`, the set-up line of every notebook, and `lecture8.check()`, what the machine has."""

import os
import platform
import re
import sys
import threading
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pandas as pd
import torch

from lecture8 import words
from lecture8.checkpoints import DRIVE
from lecture8.devices import pick_device
from lecture8.words import say


@dataclass(frozen=True)
class Run:
    """How this notebook runs: how thoroughly, and on which device."""

    mode: str
    device: torch.device
    folder: Path | None = None  #: where a class or paper run keeps its long trainings

    def choose(self, *, quick, paper, class_=...):
        """The value for this run: `run.choose(quick=5, class_=15, paper=180)`; without `class_` quick's is used."""
        return {"quick": quick, "class": quick if class_ is ... else class_, "paper": paper}[self.mode]

    def keep(self, *what: object) -> Path | None:
        """The file of a long training: `training.fit(…, checkpoint=run.keep("06", "plain", 56, seed))`.

        what: names and numbers that, taken together, no other training has
        None, which keeps nothing, in a quick run and without a folder.
        """
        if self.folder is None or self.mode == "quick":
            return None
        return self.folder / (re.sub(r"[^\w.]+", "-", "-".join(map(str, what))).strip("-") + ".pt")


def check() -> pd.DataFrame:
    """What this machine has for the course, and what to do about what it lacks: one row per need."""
    rows = [("Python", platform.python_version(), "3.10 or newer", sys.version_info >= (3, 10), "install a newer one")]
    for name, least in (("torch", "2.6"), ("torchvision", "0.21"), ("matplotlib", "3.9"), ("ipywidgets", "7.7")):
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            found = "missing"
        enough = [int(n) for n in re.findall(r"\d+", found)[:2]] >= [int(n) for n in least.split(".")]
        rows.append((name, found, f"{least} or newer", enough, f"pip install -U {name}"))
    device = pick_device()
    name = torch.cuda.get_device_name() if device.type == "cuda" else {"mps": "Apple GPU"}.get(device.type, "none")
    colab = "Runtime > Change runtime type > GPU" if "google.colab" in sys.modules else "not needed for quick runs"
    rows.append(("GPU", name, "for class and paper runs", device.type != "cpu", colab))
    table = pd.DataFrame(rows, columns=["what", "found", "needed", "ok", "if not"]).set_index("what").rename_axis(None)
    return table.assign(
        ok=table["ok"].map({True: "yes", False: "no"}), **{"if not": table["if not"].where(~table["ok"], "")}
    )


def start(
    mode: str | None = None,
    *,
    class_run: str = "",
    device: str | None = None,
    folder: str | Path | None = None,
    language: str = "en",
) -> Run:
    """Seed everything, set the plotting style, choose the device; prints one line, and one more if there is a GPU.

    mode: 'quick' (embedded data, about a minute, no network), 'class' (the same on photographs, half an hour on two
        cores) or 'paper' (the papers' recipes, a GPU, hours); without it the environment variable LECTURE8_RUN decides,
        and without that it is 'quick'
    class_run: what this notebook's class run downloads, said where there is a GPU; without it there is no class run
    device: 'cuda', 'mps' or 'cpu'; without it the environment variable LECTURE8_DEVICE decides, then the best there is
    folder: where a class or paper run keeps its long trainings, on Colab one in Google Drive: when the machine was
        taken away, the same cells run again continue where they stopped. Without it nothing is kept.
    language: in which the course speaks: 'en' or 'ko'

    What it changes outside of itself: the language of `words`; torch's global seed (0); matplotlib's style;
    LECTURE8_DEVICE, if `device` is given, so that `training.fit` and all others choose it too; GOMP_SPINCOUNT, so that
    torch's threads give way to other programs; in a notebook, IPython's figures bring an alternative text along, its
    events `pre_execute` and `post_execute` are passed on from the main thread only, and a cell that needs a name which
    no cell has made yet says to run those above; the folder is made if need be.

    Raises ValueError for another mode or language, for a class run where there is none, for a device that this machine
    does not have, and for a folder in a Google Drive that is not there; OSError for a folder that cannot be made.
    """
    from lecture8 import plots

    where = "start(mode)" if mode else "the environment variable LECTURE8_RUN"
    mode = mode or os.environ.get("LECTURE8_RUN") or "quick"
    if mode not in ("quick", "class", "paper"):
        raise ValueError(f"{where} says {mode!r}; expected 'quick', 'class' or 'paper'")
    if mode == "class" and not class_run:
        raise ValueError(f"{where} says 'class', and this notebook has no class run: choose 'quick' or 'paper'")
    run = Run(mode, pick_device(device), _made(folder) if folder and mode != "quick" else None)
    if device:
        os.environ["LECTURE8_DEVICE"] = device
    words.speak(language)
    torch.manual_seed(0)
    plots.use_style()
    plots.describe_figures()
    _events_of_cells_only()
    print(say(f"Lecture 8 is ready: {mode} run, seed 0."))
    colab = "google.colab" in sys.modules
    if run.device.type == "cpu" and (mode != "quick" or colab):
        remedy = "Runtime > Change runtime type > GPU" if colab else "a machine with one"
        slow = {"quick": "a quick run does not need one", "class": "on two cores a class run takes about half an hour"}
        print(say(f"No GPU here: {slow.get(mode, 'a paper run takes hours without one')}. To get one: {remedy}."))
    elif run.device.type != "cpu" and mode == "quick" and class_run:
        print(say(f'A GPU is here: start("class", class_run=…) runs this on photographs. It downloads {class_run}.'))
    if run.folder:
        print(say(f"Long trainings are kept in {run.folder}: after an interruption run the same cells again."))
    elif mode != "quick":
        place = f"{DRIVE}/MyDrive/lecture8" if colab else "runs"
        how = f'start("{mode}", folder="{place}")'
        print(say(f"Nothing is kept of long trainings. To resume after an interruption: {how}."))
    return run


def _events_of_cells_only() -> None:
    """Keeps what belongs to the end of a cell, such as showing its figures, from happening in the middle of one.

    ipykernel 7 handles the messages of widgets in another thread, while a cell runs, and announces each as if it were
    a cell (its issue 1564): matplotlib then shows and closes the figure that the cell is still drawing.
    """
    try:
        from IPython import get_ipython

        events = get_ipython().events
    except (ImportError, AttributeError):
        return  # not in a notebook
    if "trigger" in vars(events):
        return  # done before
    events.register("post_run_cell", _say_what_to_run)
    trigger = events.trigger

    def in_main_thread(event, *args, **kwargs) -> None:
        if event not in ("pre_execute", "post_execute") or threading.current_thread() is threading.main_thread():
            trigger(event, *args, **kwargs)

    events.trigger = in_main_thread


def _say_what_to_run(result) -> None:
    """After a cell that was run before one that it needs."""
    error = result.error_in_exec
    if type(error) is NameError and error.name:  # of which Python 3.10 and later know the name
        menu = "Runtime > Run before" if "google.colab" in sys.modules else "Run > Run All Above Selected Cell"
        print(say(f"There is no {error.name!r} yet. If a cell above makes it, run that first: {menu}."))


def _made(folder: str | Path) -> Path:
    """The folder, made if need be."""
    path = Path(folder).expanduser()
    if path.is_relative_to(DRIVE) and not DRIVE.is_mount():  # else it would be made beside the Drive, and be lost
        raise ValueError(
            f"given the folder {str(path)!r}, but Google Drive is not there: run `from google.colab import drive`, "
            f"then `drive.mount('{DRIVE}')`, and start again"
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"the folder {str(path)!r} cannot be made ({error}): give one that can be written to") from error
    return path
