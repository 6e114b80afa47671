"""Which exercises you have solved, kept in one small file on this computer; nothing is sent anywhere.

The file is `.lecture8/progress.json` in your home folder, or what the environment variable LECTURE8_PROGRESS names;
`LECTURE8_PROGRESS=off` keeps nothing. A file that cannot be read or written costs the progress, never the lesson.
"""

import importlib
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lecture8 import course

MARKS = {True: "●", False: "○"}


def _path() -> Path | None:
    named = os.environ.get("LECTURE8_PROGRESS", "")
    if named == "off":
        return None
    return Path(named).expanduser() if named else Path.home() / ".lecture8" / "progress.json"


def _read(path: Path) -> list[str]:
    """What is solved. Raises ValueError for a file that is not one of ours, OSError for one that cannot be read."""
    if not path.exists():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    solved = found.get("solved") if isinstance(found, dict) else None
    if not isinstance(solved, list) or not all(isinstance(name, str) for name in solved):
        raise ValueError("it holds no list of solved exercises")
    return solved


def _write(path: Path, solved: list[str]) -> None:
    """In one step: a reader, or a computer that goes out, finds the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"solved": solved}, file, indent=0)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _name(exercise: object) -> str:
    """'resnet.layers' for an exercise of a lesson, '' for any other."""
    for lesson in course.LESSONS:
        # a lesson's exercise can only be checked when its module is loaded
        module = sys.modules.get(f"lecture8.exercises.{lesson.module}")
        for key, one in getattr(module, "exercises", {}).items():
            if one is exercise:
                return f"{lesson.module}.{key}"
    return ""


def record(exercise: object) -> None:
    """Note that an exercise of a lesson is solved; what cannot be written is not noted, silently."""
    name = _name(exercise)
    try:
        path = _path()
        if name and path is not None:
            solved = _read(path)
            if name not in solved:
                _write(path, [*solved, name])
    except (OSError, ValueError, RuntimeError):  # RuntimeError: there is no home folder
        return


def forget() -> None:
    """Begin anew: remove the file of solved exercises."""
    path = _path()
    if path is not None:
        path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Panel:
    """The lessons, how many of their exercises are solved, and what comes next."""

    rows: list[tuple[str, str, str, str]]  #: lesson, its question, marks, 'n of m' or 'to come'
    next: str
    trouble: str  #: one sentence if the file could not be read

    def _repr_markdown_(self) -> str:
        table = "| lesson | the question | solved | |\n|:--|:--|:--|:--|\n"
        table += "\n".join("| " + " | ".join(row) + " |" for row in self.rows)
        return "\n\n".join(filter(None, [table, f"**Next:** {self.next}", self.trouble]))

    def __repr__(self) -> str:
        lines = [f"{name}: {count}" for name, _, _, count in self.rows]
        return "\n".join(filter(None, [*lines, f"Next: {self.next}", self.trouble]))


def panel() -> Panel:
    """The map of the course with your progress in it."""
    solved, trouble = [], ""
    try:
        path = _path()
        solved = _read(path) if path is not None else []
    except (OSError, ValueError, RuntimeError) as error:
        trouble = (
            f"Your progress cannot be read ({error}), so none is shown or kept: remove the file "
            "(`lecture8.progress.forget()`), or let the environment variable LECTURE8_PROGRESS name another."
        )
    rows, following = [], ""
    for lesson in course.LESSONS:
        title = course.link(f"{lesson.notebook[:2]} {lesson.title}", lesson.notebook)
        if not lesson.written:
            rows.append((title, lesson.question, "", "to come"))
            continue
        exercises = importlib.import_module(f"lecture8.exercises.{lesson.module}").exercises
        done = [f"{lesson.module}.{key}" in solved for key in exercises]
        rows.append((title, lesson.question, "".join(MARKS[d] for d in done), f"{sum(done)} of {len(done)}"))
        if not following and not all(done):
            first = list(exercises.values())[done.index(False)]
            following = f"{title}, exercise “{first.title}”."
    return Panel(rows, following or "nothing left: you have solved every exercise.", trouble)
