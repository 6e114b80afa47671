"""Every notebook in JupyterLab: run, explorers moved, exercises solved, quiz and prediction answered."""

import importlib
import pkgutil
import re
import textwrap

import pytest
from playwright.sync_api import expect

from browser import checks
from lecture8 import course, explore
from tools.conditions import ROOT

PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MODULES = {lesson.notebook: lesson.module for lesson in course.LESSONS}
for found in pkgutil.iter_modules(explore.__path__):
    importlib.import_module(f"lecture8.explore.{found.name}")  # fills EXPLORERS

pytestmark = pytest.mark.parametrize("notebook", PATHS, ids=lambda path: path.stem, indirect=True, scope="module")


def lesson(notebook, package="lecture8.exercises"):
    """The lesson's module in `lecture8.exercises`, or in the unit tests' `wrong_answers`."""
    return importlib.import_module(f"{package}.{MODULES[notebook.name]}")


def test_runs(notebook):
    assert checks.cell_complaints(notebook.cells()) == []
    assert notebook.faults == []


def test_explorers_redraw(notebook, timed):
    complaints, found = [], set()
    for number in notebook.find(r"^explore\.\w+\.\w+\(\w*\)$"):
        name = re.search(r"explore\.(\w+\.\w+)", notebook.source(number))[1]
        if name in explore.EXPLORERS:
            moves = notebook.explorer_moves(number)
            timed(name, moves)
            complaints += [f"{name}: {complaint}" for complaint in checks.move_complaints(moves)]
            found.add(name)
    assert complaints == [] and notebook.faults == []
    assert found == {name for name in explore.EXPLORERS if name.startswith(f"{MODULES[notebook.name]}.")}


def test_quiz_answers(notebook):
    quiz = lesson(notebook).quiz
    cells = notebook.find(r"^explore\.quiz\(")
    assert len(cells) == len(quiz)
    for number, question in zip(cells, quiz, strict=True):
        wrong = next(option for option in question.options if option != question.answer)
        for option, mark in ((wrong, "❌"), (question.answer, "✅")):
            said = notebook.ask(number, option, "Check")
            expect(said).to_contain_text(mark)
            assert said.inner_text() == re.sub("[`*]", "", f"{mark} {question.options[option]}")


def test_prediction_is_remembered(notebook):
    """The last one: after all cells were run, the name `guess` is still its own."""
    number = notebook.find(r"explore\.predict\(")[-1]
    key = re.search(r'predictions\["(\w+)"\]', notebook.source(number))[1]
    option = next(iter(lesson(notebook).predictions[key].options))
    expect(notebook.ask(number, option, "That is my guess")).to_have_text(f"Noted: {option}. Now measure it.")
    reveal = next(later for later in notebook.find(r"\bguess\.reveal\(") if later > number)
    shown = notebook.enter(reveal, notebook.source(reveal))
    expect(shown).to_contain_text(f"You predicted: {option}. Measured: ")


def test_exercises_are_checked(notebook):
    """A wrong number is told what is wrong; every solution works where a student types it, and is noted."""
    exercises, wrong = lesson(notebook).exercises, lesson(notebook, "wrong_answers").WRONG
    told = 0
    for key, exercise in exercises.items():
        (number,) = notebook.find(rf'ask\.exercises\["{key}"\]\.check\(')
        check = f'ask.exercises["{key}"].check'
        answer, words = wrong[key][0]
        if isinstance(answer, int | float):
            shown = notebook.enter(number, f"{check}({answer!r})")
            expect(shown).to_contain_text(re.compile(f"❌.*{re.escape(words)}"))
            told += 1
        shown = notebook.enter(number, f"{textwrap.dedent(exercise.solution).strip()}\n{check}(answer)")
        expect(shown).to_contain_text("✅")
    assert told > 0
    assert set(notebook.lab.solved()) >= {f"{MODULES[notebook.name]}.{key}" for key in exercises}
    for number in notebook.find(r"^progress\.panel\(\)"):
        count = len(exercises)
        panel = notebook.enter(number, "progress.panel()")
        expect(panel).to_contain_text(re.compile(rf"{'●' * count}\s*{count} of {count}"))


def test_glossary_finds(notebook):
    cells = notebook.find(r"^explore\.start_here\.glossary\(\)")
    if not cells:
        pytest.skip("this notebook has no glossary")
    box = notebook.output(cells[0])
    expect(box).to_contain_text("gradient descent")
    box.locator("input").fill("합성곱")
    expect(box).not_to_contain_text("gradient descent")
    expect(box.locator("tr", has_text="convolution").first).to_be_visible()
