"""Every notebook in JupyterLab: run, explorers moved, exercises solved, quiz and prediction answered."""

import importlib
import re

import pytest
from playwright.sync_api import expect

from lecture8 import course, teaching
from tests.browser import checks
from tools.build import instructor
from tools.build.conditions import ROOT

PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
for one in course.LESSONS:
    one.module("explorers")  # fills EXPLORERS

pytestmark = pytest.mark.parametrize("notebook", PATHS, ids=lambda path: path.stem, indirect=True, scope="module")


def questions(notebook):
    """The lesson's module of questions."""
    return course.lesson(notebook.name).module("questions")


def test_runs(notebook):
    assert checks.cell_complaints(notebook.cells()) == []
    assert notebook.faults == []


def test_explorers_redraw(notebook, timed):
    complaints, found = [], set()
    for number in notebook.find(r"^explorers\.\w+\(\w*\)$"):
        name = f"l{notebook.name}." + re.search(r"explorers\.(\w+)", notebook.source(number))[1]
        if name in teaching.EXPLORERS:
            moves = notebook.explorer_moves(number)
            timed(name, moves)
            complaints += [f"{name}: {complaint}" for complaint in checks.move_complaints(moves)]
            found.add(name)
    assert complaints == [] and notebook.faults == []
    assert found == {name for name in teaching.EXPLORERS if name.startswith(f"l{notebook.name}.")}


def test_quiz_answers(notebook):
    quiz = questions(notebook).quiz
    cells = notebook.find(r"^teaching\.quiz\(")
    assert len(cells) == len(quiz)
    for number, question in zip(cells, quiz, strict=True):
        wrong = next(option for option in question.options if option != question.answer)
        for option, mark in ((wrong, "❌"), (question.answer, "✅")):
            said = notebook.ask(number, option, "Check")
            expect(said).to_contain_text(mark)
            assert said.inner_text() == re.sub("[`*]", "", f"{mark} {question.options[option]}")


def test_prediction_is_remembered(notebook):
    """The first one: after all cells were run, its name is still its own."""
    number = notebook.find(r"teaching\.predict\(")[0]
    key = re.search(r'predictions\["(\w+)"\]', notebook.source(number))[1]
    option = next(iter(questions(notebook).predictions[key].options))
    expect(notebook.ask(number, option, "That is my guess")).to_have_text(f"Noted: {option}. Now measure it.")
    (reveal,) = notebook.find(rf"\bguess_{key}\.reveal\(")
    shown = notebook.enter(reveal, notebook.source(reveal))
    expect(shown).to_contain_text(f"You predicted: {option}. Measured: ")


def test_exercises_are_checked(notebook):
    """A wrong number is told what is wrong; every solution works where a student types it, and is noted."""
    exercises, wrong = questions(notebook).exercises, importlib.import_module(f"wrong_answers.l{notebook.name}").WRONG
    told, builds = 0, getattr(questions(notebook), "builds", {})
    for key, build in builds.items():
        (number,) = notebook.find(rf'ask\.builds\["{key}"\]\.use\(')
        shown = notebook.enter(number, instructor.solution_cell(notebook.source(number), key, build))
        expect(shown).to_contain_text("✅")
    for key, exercise in exercises.items():
        (number,) = notebook.find(rf'ask\.exercises\["{key}"\]\.check\(')
        check = f'ask.exercises["{key}"].check'
        answer, words = wrong[key][0]
        if isinstance(answer, int | float | tuple):
            shown = notebook.enter(number, f"{check}({answer!r})")
            expect(shown).to_contain_text(re.compile(f"❌.*{re.escape(words)}"))
            told += 1
        shown = notebook.enter(number, f"{exercise.solution_code}\n{check}({exercise.solution.__name__})")
        expect(shown).to_contain_text("✅")
    assert told > 0
    assert set(notebook.lab.solved()) >= {f"{notebook.name}.{key}" for key in exercises}
    for number in notebook.find(r"^overview\.panel\(\)"):
        count = len(builds) + len(exercises)
        panel = notebook.enter(number, "overview.panel()")
        expect(panel).to_contain_text(re.compile(rf"{'●' * count}\s*{count} of {count}"))
