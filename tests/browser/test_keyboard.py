"""Every kind of widget is reached with Tab and used with the keyboard alone."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

WIDGETS = Path(__file__).parent / "planted" / "widgets.py"
QUIZ, PREDICTION, EXPLORER = 1, 2, 3  # cells

pytestmark = pytest.mark.parametrize("notebook", [WIDGETS], ids=["widgets"], indirect=True, scope="module")


def tab_to(notebook, cell, selector, place=0):
    """Selects a cell, and presses Tab until the element at this place among those with the selector has the focus."""
    notebook.cell(cell).locator(".jp-InputPrompt").click()
    wanted = notebook.output(cell).locator(selector).nth(place)
    for _ in range(40):
        notebook.page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"40 times Tab do not lead to {selector}")


def test_quiz(notebook):
    said = notebook.output(QUIZ).locator(".widget-html-content").last
    for place, answer in ((0, "❌ It is odd."), (2, "✅ Yes, twice one.")):  # in their shuffled order
        tab_to(notebook, QUIZ, "input[type=radio]", place)
        notebook.page.keyboard.press("Space")
        expect(said).to_be_empty()
        expect(notebook.output(QUIZ).get_by_role("button")).to_be_enabled()
        tab_to(notebook, QUIZ, "button")
        notebook.page.keyboard.press("Enter")
        expect(said).to_have_text(answer)


def test_prediction(notebook):
    tab_to(notebook, PREDICTION, "input[type=radio]", 1)
    notebook.page.keyboard.press("Space")
    expect(notebook.output(PREDICTION).get_by_role("button")).to_be_enabled()
    tab_to(notebook, PREDICTION, "button")
    notebook.page.keyboard.press("Enter")
    expect(notebook.output(PREDICTION)).to_contain_text("Noted: Less.")


def test_explorer(notebook):
    shown = notebook.output(EXPLORER)
    expect(shown).to_contain_text("1 of small a")
    tab_to(notebook, EXPLORER, ".noUi-handle")
    notebook.page.keyboard.press("ArrowRight")
    expect(shown).to_contain_text("2 of small a")
    notebook.page.keyboard.press("End")
    expect(shown).to_contain_text("7 of small a")
    tab_to(notebook, EXPLORER, "button", 1)
    notebook.page.keyboard.press("Enter")
    expect(shown).to_contain_text("7 of large a")
    tab_to(notebook, EXPLORER, "select")
    for key in ("Enter", "ArrowDown", "Enter"):  # JupyterLab takes the arrows of a closed menu
        notebook.page.keyboard.press(key)
    expect(shown).to_contain_text("7 of large b")
