"""What you have solved, guessed and answered, in one small file of yours, and the page to hand in; nothing is sent.

The file is `lecture8/progress.json` in your Google Drive where Colab shows it, else `.lecture8/progress.json` in your
home folder, or what the environment variable LECTURE8_PROGRESS names; `LECTURE8_PROGRESS=off` keeps nothing. A file
that cannot be read or written costs the progress, never the lesson.
"""

import datetime
import html
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch

import lecture8
from lecture8 import course
from lecture8.checkpoints import DRIVE, replacing
from lecture8.devices import pick_device


def _drive() -> list[Path]:
    """The course's folder in Google Drive, if Drive is there."""
    return [DRIVE / "MyDrive" / "lecture8"] if (DRIVE / "MyDrive").is_dir() else []


def _paths() -> list[Path]:
    """Where it is kept, then where it was as long as there was no Drive; nowhere if nothing is kept."""
    named = os.environ.get("LECTURE8_PROGRESS", "")
    if named:
        return [Path(named).expanduser()] if named != "off" else []
    return [folder / "progress.json" for folder in [*_drive(), Path.home() / ".lecture8"]]


def kept() -> dict:
    """{"solved": names of exercises, "said": {name of a question: {"guess": …}}}, the first guess and answer each.

    Raises ValueError or OSError for a file that cannot be read as ours.
    """
    path = next((path for path in _paths() if path.exists()), None)
    found = json.loads(path.read_text(encoding="utf-8")) if path else {"solved": []}
    names, said = (found.get("solved"), found.get("said", {})) if isinstance(found, dict) else (None, None)
    if not isinstance(names, list) or not isinstance(said, dict) or not all(isinstance(one, str) for one in names):
        raise ValueError("it holds no list of solved exercises")
    return {"solved": names, "said": said}


def _asked(ask: ModuleType | None) -> dict[str, object]:
    """All that a lesson's `questions` ask: the exercises by their names, guess_<name>, quiz_1, …"""
    found = {**getattr(ask, "builds", {}), **getattr(ask, "exercises", {})}
    found |= {f"guess_{name}": one for name, one in getattr(ask, "predictions", {}).items()}
    return found | {f"quiz_{number}": one for number, one in enumerate(getattr(ask, "quiz", ()), 1)}


def record(asked: object, **said: str) -> None:
    """Note that a lesson's exercise is solved, or what was `said` to its question; silently not if it cannot."""
    # what is answered can only be of a lesson whose module is loaded
    modules = {one.notebook: sys.modules.get(f"lecture8.lessons.l{one.notebook}.questions") for one in course.LESSONS}
    names = [f"{lesson}.{key}" for lesson, ask in modules.items() for key, one in _asked(ask).items() if one is asked]
    try:
        paths, found = _paths(), kept()
        if paths and names and names[0] not in [*found["solved"], *found["said"]]:
            found = {**found, "said": {**found["said"], names[0]: said}} if said else found
            with replacing(paths[0]) as draft:
                solved = found["solved"] if said else [*found["solved"], *names]
                draft.write_text(json.dumps({**found, "solved": solved}, indent=0), encoding="utf-8")
    except (OSError, ValueError, RuntimeError):  # RuntimeError: there is no home folder
        return


def forget() -> None:
    """Start over: remove the file."""
    for path in _paths():
        path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Report:
    """What to hand in: a page, beside it the same as JSON."""

    page: Path
    facts: dict

    def _repr_html_(self) -> str:
        return f"<p>Written to {html.escape(str(self.page))}, and as JSON beside it.</p>{_table(self.facts)}"

    def __repr__(self) -> str:
        return f"Written to {self.page}, and as JSON beside it."


def _table(found: object) -> str:
    if not isinstance(found, dict):
        return html.escape(str({"True": "●", "False": "○"}.get(str(found), found)))
    rows = (f"<tr><th align=left>{html.escape(key)}</th><td>{_table(value)}</td></tr>" for key, value in found.items())
    return f"<table border=1 cellpadding=4 style='border-collapse:collapse'>{''.join(rows)}</table>"


def report(**own: object) -> Report:
    """Write one page of what you solved, guessed and answered so far, with what you add, to be handed in.

    own: your measurements, answers and name: `teaching.report(name="Ada", accuracy=0.91, because="…")`
    The page is lecture8_report.html, the same as data lecture8_report.json; both lie beside the notebook, or in the
    folder `lecture8` of your Google Drive where Colab shows it. A report made before is replaced.

    Raises ValueError or OSError for progress that cannot be read, and OSError where nothing can be written.
    """
    found = kept()
    made = f"{datetime.date.today()}, lecture8 {lecture8.__version__}, PyTorch {torch.__version__}, {pick_device()}"
    facts = {"made": made, "own": own}
    for one in course.LESSONS:
        if any(name.startswith(f"{one.notebook}.") for name in [*found["solved"], *found["said"]]):
            asked = {f"{one.notebook}.{key}": what for key, what in _asked(one.module("questions")).items()}
            exercises = {what.title: name in found["solved"] for name, what in asked.items() if hasattr(what, "title")}
            said = {what.prompt: found["said"][name] for name, what in asked.items() if name in found["said"]}
            solved = f"{sum(exercises.values())} of {len(exercises)}"
            facts[f"{one.notebook[:2]} {one.title}"] = {"solved": solved, "exercises": exercises, "first answers": said}
    page = [*_drive(), Path.cwd()][0] / "lecture8_report.html"
    data = json.dumps(facts, indent=1, ensure_ascii=False, default=lambda x: getattr(x, "tolist", x.__str__)())
    text = f"<!doctype html><meta charset=utf-8><title>Lecture 8: report</title>{_table(json.loads(data))}\n"
    for path, written in ((page, text), (page.with_suffix(".json"), data)):
        with replacing(path) as draft:
            draft.write_text(written, encoding="utf-8")
    return Report(page, json.loads(data))
