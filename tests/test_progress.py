"""The file of solved exercises: written, kept, broken, forbidden; never in the way of a lesson."""

import json
import os
import subprocess
import sys

import pytest
from lecture8.exercises import resnet, start_here

from lecture8 import course, progress, teaching
from tools.build.notebooks import repository

EXERCISE = start_here.exercises["conv_params"]


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "new" / "progress.json"
    monkeypatch.setenv("LECTURE8_PROGRESS", str(path))
    return path


def counts():
    return {name.split("]")[0].lstrip("["): count for name, _, _, count in progress.panel().rows}


def test_only_right_answers_are_noted_and_once(file):
    EXERCISE.check(...)
    EXERCISE.check(640)
    assert not file.exists()
    assert EXERCISE.check(18_496) and EXERCISE.check(18_496)
    assert json.loads(file.read_text(encoding="utf-8")) == {"solved": ["start_here.conv_params"]}
    assert list(file.parent.iterdir()) == [file], "no draft is left behind"


def test_the_panel_counts_and_says_what_is_next(file):
    assert counts()["00 Start here"] == "0 of 5" and "count a convolution" in progress.panel().next
    EXERCISE.check(18_496)
    panel = progress.panel()
    assert counts()["00 Start here"] == "1 of 5" and "like for like" in panel.next
    assert "| ●○○○○ | 1 of 5 |" in panel._repr_markdown_() and "[00 Start here](00_start_here.ipynb)" in repr(panel)
    for key in start_here.exercises:
        progress.record(start_here.exercises[key])
    assert counts()["00 Start here"] == "5 of 5" and "like for like" not in progress.panel().next
    progress.forget()
    progress.forget()
    assert counts()["00 Start here"] == "0 of 5"


def test_all_solved(file, monkeypatch):
    monkeypatch.setattr(course, "LESSONS", (course.lesson("00_start_here"), course.lesson("06_resnet")))
    for exercise in [*start_here.exercises.values(), *resnet.exercises.values()]:
        progress.record(exercise)
    assert progress.panel().next.startswith("nothing left")


def test_it_survives_the_kernel(file):
    code = "from lecture8.exercises import start_here as ask; assert ask.exercises['conv_params'].check(18_496)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert counts()["00 Start here"] == "1 of 5"


def test_an_exercise_of_no_lesson_is_not_noted(file):
    own = teaching.Exercise("mine", 1, "?", [], "answer = 1", "", teaching.number_check(1))
    assert own.check(1) and not file.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"solved": 3}', '{"solved": [3]}', '{"cells": []}', "\ud800"])
def test_a_broken_file_is_said_and_left_alone(file, text):
    file.parent.mkdir()
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    before = file.read_bytes()
    assert EXERCISE.check(18_496), "the lesson goes on"
    panel = progress.panel()
    assert file.read_bytes() == before and counts()["00 Start here"] == "0 of 5"
    assert "cannot be read" in panel.trouble and "cannot be read" in panel._repr_markdown_()


@pytest.mark.parametrize("blocked", ["a folder", "under a file", "read-only"])
def test_a_place_that_cannot_be_written_costs_only_the_progress(file, monkeypatch, blocked):
    if blocked == "a folder":
        file.mkdir(parents=True)
    elif blocked == "under a file":
        file.parent.write_text("", encoding="utf-8")
    else:

        def refuse(*args, **kwargs):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(progress.tempfile, "mkstemp", refuse)
    assert EXERCISE.check(18_496)
    assert counts()["00 Start here"] == "0 of 5"


def test_a_failing_write_keeps_the_old_file(file, monkeypatch):
    EXERCISE.check(18_496)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(progress.json, "dump", full)
    progress.record(start_here.exercises["flatten"])
    assert list(file.parent.iterdir()) == [file] and counts()["00 Start here"] == "1 of 5"


def test_without_a_home_folder(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("LECTURE8_PROGRESS")
    monkeypatch.setattr(progress.Path, "home", homeless)
    assert EXERCISE.check(18_496)
    assert "cannot be read" in progress.panel().trouble


def test_the_usual_place_is_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("LECTURE8_PROGRESS")
    monkeypatch.setattr(progress.Path, "home", lambda: tmp_path)
    EXERCISE.check(18_496)
    assert (tmp_path / ".lecture8" / "progress.json").is_file()


def test_tests_and_builds_keep_nothing():
    assert os.environ["LECTURE8_PROGRESS"] == "off" and progress._path() is None


# ------------------------------------------------------------------------------------------------------ the lessons


def test_lessons_are_the_notebooks():
    from tools.build.conditions import ROOT

    sources = {path.stem for path in (ROOT / "notebooks" / "source").glob("*.py")}
    assert sources == {lesson.notebook for lesson in course.LESSONS if lesson.written}
    with pytest.raises(ValueError, match="no notebook '10_x': choose from 00_start_here"):
        course.lesson("10_x")


def test_links(monkeypatch):
    assert course.link("a", "06_resnet") == "[a](06_resnet.ipynb)"
    assert course.link("a", "06_resnet", "1 · Is it (true)?") == "[a](06_resnet.ipynb#1-%C2%B7-Is-it-%28true%29%3F)"
    monkeypatch.setattr(course.Lesson, "written", False)
    assert course.link("a", "06_resnet") == "a"
    monkeypatch.setitem(sys.modules, "google.colab", object())
    badge = repository().replace("https://github.com", "https://colab.research.google.com/github")
    assert course.address("06_resnet", "x") == f"{badge}/blob/main/notebooks/06_resnet.ipynb"
