"""Which exercises you have solved, kept in one small file on this computer; nothing is sent anywhere.

The file is `.lecture8/progress.json` in your home folder, or what the environment variable LECTURE8_PROGRESS names;
`LECTURE8_PROGRESS=off` keeps nothing. A file that cannot be read or written costs the progress, never the lesson.
"""

import json
import os
import sys
from pathlib import Path

from lecture8 import course
from lecture8.checkpoints import replacing


def _path() -> Path | None:
    named = os.environ.get("LECTURE8_PROGRESS", "")
    if named == "off":
        return None
    return Path(named).expanduser() if named else Path.home() / ".lecture8" / "progress.json"


def solved() -> list[str]:
    """The names of the solved exercises. Raises ValueError or OSError for a file that cannot be read as ours."""
    path = _path()
    if path is None or not path.exists():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    names = found.get("solved") if isinstance(found, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("it holds no list of solved exercises")
    return names


def _name(exercise: object) -> str:
    """'06_resnet.layers' for an exercise of a lesson, '' for any other."""
    for lesson in course.LESSONS:
        # a lesson's exercise can only be checked when its module is loaded
        module = sys.modules.get(f"lecture8.lessons.l{lesson.notebook}.questions")
        for key, one in (getattr(module, "builds", {}) | getattr(module, "exercises", {})).items():
            if one is exercise:
                return f"{lesson.notebook}.{key}"
    return ""


def record(exercise: object) -> None:
    """Note that an exercise of a lesson is solved; what cannot be written is not noted, silently."""
    name = _name(exercise)
    try:
        path, names = _path(), solved()
        if name and path is not None and name not in names:
            with replacing(path) as draft:
                draft.write_text(json.dumps({"solved": [*names, name]}, indent=0), encoding="utf-8")
    except (OSError, ValueError, RuntimeError):  # RuntimeError: there is no home folder
        return


def forget() -> None:
    """Start over: remove the file of solved exercises."""
    path = _path()
    if path is not None:
        path.unlink(missing_ok=True)
