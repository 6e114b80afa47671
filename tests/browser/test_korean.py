"""A Korean notebook in JupyterLab: run, a question answered, an explorer moved."""

import pytest
from playwright.sync_api import expect

from lecture8 import course, words
from tests.browser import checks
from tools.build.conditions import ROOT

PATH = ROOT / "notebooks" / "ko" / "06_resnet.ipynb"
pytestmark = pytest.mark.parametrize("notebook", [PATH], ids=["ko"], indirect=True, scope="module")


def test_runs(notebook):
    assert checks.cell_complaints(notebook.cells()) == []
    assert notebook.faults == []


def test_a_question_is_answered_in_korean(notebook):
    question = course.lesson(notebook.name).module("questions").quiz[0]
    (number, *_) = notebook.find(r"^teaching\.quiz\(")
    said = notebook.ask(number, words.say(question.answer, "ko"), "확인")
    expect(said).to_contain_text("✅")
    assert words.SAID.search(said.inner_text())


def test_an_explorer_answers_in_korean(notebook):
    (number,) = notebook.find(r"^explorers\.removal\(")
    moves = notebook.explorer_moves(number)
    assert checks.move_complaints(moves) == [] and all(words.SAID.search(move.text) for move in moves)
