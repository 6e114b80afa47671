"""The file of solved exercises: written, kept, broken, forbidden; never in the way of a lesson."""

import json
import os
import sys
from pathlib import Path

import pytest
import torch

from lecture8 import course, teaching
from lecture8.lessons.l00_start_here import overview
from lecture8.lessons.l00_start_here import questions as start_here
from lecture8.lessons.l06_resnet import questions as resnet
from lecture8.teaching import progress
from tools.build.notebooks import repository

EXERCISE = start_here.exercises["conv_params"]
ALL = [*start_here.builds.values(), *start_here.exercises.values()]


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "new" / "progress.json"
    monkeypatch.setenv("LECTURE8_PROGRESS", str(path))
    return path


def counts():
    return {name.split("]")[0].lstrip("["): count for name, _, _, count in overview.panel().rows}


def test_only_correct_answers_are_noted_and_once(file):
    EXERCISE.check(...)
    EXERCISE.check(640)
    assert not file.exists()
    assert EXERCISE.check(18_496) and EXERCISE.check(18_496)
    assert json.loads(file.read_text(encoding="utf-8")) == {"solved": ["00_start_here.conv_params"], "said": {}}
    assert list(file.parent.iterdir()) == [file], "no draft is left behind"


def test_the_panel_counts_and_says_what_is_next(file, monkeypatch):
    assert counts()["00 Start here"] == f"0 of {len(ALL)}" and "a convolution" in overview.panel().next
    EXERCISE.check(18_496)
    panel = overview.panel()
    assert counts()["00 Start here"] == f"1 of {len(ALL)}" and "a convolution" in panel.next
    assert f"○●{'○' * (len(ALL) - 1 - ALL.index(EXERCISE))} | 1 of {len(ALL)} |" in panel._repr_markdown_()
    assert "[00 Start here](00_start_here.ipynb)" in repr(panel)
    for exercise in [*ALL, *resnet.builds.values(), *resnet.exercises.values()]:
        progress.record(exercise)
    assert counts()["00 Start here"] == f"{len(ALL)} of {len(ALL)}" and "01 Transfer" in overview.panel().next
    monkeypatch.setattr(course, "LESSONS", (course.lesson("00_start_here"), course.lesson("06_resnet")))
    assert overview.panel().next.startswith("nothing left")
    progress.forget()
    progress.forget()
    assert counts()["00 Start here"] == f"0 of {len(ALL)}"


def test_an_exercise_of_no_lesson_is_not_noted(file):
    own = teaching.Exercise("mine", 1, "?", [], lambda: 1, "", teaching.number_check(1), asks_value=True)
    assert own.check(own.answer) and not file.exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"solved": [3]}', '{"solved": [], "said": 3}', '{"cells": []}', "\ud800"]
)
def test_a_broken_file_is_said_and_left_alone(file, text):
    file.parent.mkdir()
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    before = file.read_bytes()
    assert EXERCISE.check(18_496), "the lesson goes on"
    panel = overview.panel()
    assert file.read_bytes() == before and counts()["00 Start here"] == f"0 of {len(ALL)}"
    assert "cannot be read" in panel.trouble and "cannot be read" in panel._repr_markdown_()


@pytest.mark.parametrize("blocked", ["a folder", "under a file"])
def test_a_place_that_cannot_be_written_costs_only_the_progress(file, blocked):
    if blocked == "a folder":
        file.mkdir(parents=True)
    else:
        file.parent.write_text("", encoding="utf-8")
    assert EXERCISE.check(18_496)
    assert counts()["00 Start here"] == f"0 of {len(ALL)}"


def test_without_a_home_folder(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("LECTURE8_PROGRESS")
    monkeypatch.setattr(Path, "home", homeless)
    assert EXERCISE.check(18_496)
    assert "cannot be read" in overview.panel().trouble


def test_it_is_kept_at_home_or_in_a_mounted_drive_with_what_was_solved_before(tmp_path, monkeypatch):
    assert os.environ["LECTURE8_PROGRESS"] == "off", "tests and builds keep nothing"
    monkeypatch.delenv("LECTURE8_PROGRESS")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(progress, "DRIVE", tmp_path / "drive")
    assert EXERCISE.check(18_496) and (tmp_path / ".lecture8" / "progress.json").is_file()
    (tmp_path / "drive" / "MyDrive").mkdir(parents=True)
    assert start_here.exercises["years"].check((2012, 2015))
    there = json.loads((tmp_path / "drive" / "MyDrive" / "lecture8" / "progress.json").read_text(encoding="utf-8"))
    assert there["solved"] == ["00_start_here.conv_params", "00_start_here.years"]
    assert teaching.report().page.parent == tmp_path / "drive" / "MyDrive" / "lecture8"


def test_the_report_has_what_was_solved_and_the_first_guesses_and_answers(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    EXERCISE.check(18_496)
    prediction, question = resnet.predictions["gradients"], start_here.quiz[1]
    expected, found, *_ = prediction.options
    guess, asked = teaching.predict(prediction), teaching.quiz(question)
    guess.reveal(found)
    for choice in (expected, found):  # who has seen the answer guesses better
        guess.choices.value = choice
        guess.button.click()
        guess.reveal(found)
    asked.choices.value = question.answer
    asked.button.click()
    made = teaching.report(name="<Ada>", accuracy=torch.tensor(0.5), steps=1)
    facts = json.loads((tmp_path / "lecture8_report.json").read_text(encoding="utf-8"))
    assert facts["own"] == {"name": "<Ada>", "accuracy": 0.5, "steps": 1} and facts == made.facts
    lesson = facts["00 Start here"]
    assert lesson["solved"] == f"1 of {len(ALL)}" and lesson["exercises"][EXERCISE.title]
    assert lesson["first answers"] == {question.prompt: {"answer": question.answer, "verdict": "correct"}}
    assert facts["06 ResNet"]["first answers"] == {prediction.prompt: {"guess": expected, "measured": found}}
    page = made.page.read_text(encoding="utf-8")
    assert "&lt;Ada&gt;" in page and "●" in page and "○" in page and str(made.page) in repr(made)
    assert page.split("<table", 1)[1].strip() in made._repr_html_()


def test_links(monkeypatch):
    assert course.link("a", "06_resnet") == "[a](06_resnet.ipynb)"
    assert course.link("a", "06_resnet", "1 · Is it (true)?") == "[a](06_resnet.ipynb#1-%C2%B7-Is-it-%28true%29%3F)"
    monkeypatch.setitem(sys.modules, "google.colab", object())
    badge = repository().replace("https://github.com", "https://colab.research.google.com/github")
    assert course.address("06_resnet", "x") == f"{badge}/blob/main/notebooks/06_resnet.ipynb"
