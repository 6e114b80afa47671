"""Slides, instructor copies and teaching plans are made from the same notebooks, and fit them."""

import copy
import re

import nbformat
import pytest
from nbformat import v4

from tools.build import instructor, notebooks, slide_types, slides, teaching_plan

SOURCES = notebooks.sources()
each_lesson = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def types(*cells) -> str:
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell("# Title"), *map(copy.deepcopy, cells)])
    slide_types.mark(notebook)
    return " ".join(cell.metadata.slideshow.slide_type for cell in notebook.cells[1:])


def shows(source: str, text: str = "1"):
    return v4.new_code_cell(source, outputs=[v4.new_output("display_data", {"text/plain": text})])


SECTION, PROSE = v4.new_markdown_cell("## 1 · A section"), v4.new_markdown_cell("Some words.")
GUESS, REVEAL = shows("guess = teaching.predict(a)"), shows("guess.reveal('b')")


def test_a_guess_is_on_another_slide_than_what_it_came_to():
    assert types(SECTION, PROSE, GUESS, shows("draw()"), REVEAL) == "slide fragment fragment subslide fragment"


def test_prose_after_a_result_is_the_next_idea_and_preparations_and_answers_are_left_out():
    quiet, written = v4.new_code_cell("x = 1"), v4.new_code_cell("class Block:\n    pass")
    found = types(SECTION, shows("draw()"), PROSE, PROSE, quiet, written)
    assert found == "slide fragment subslide fragment skip fragment"
    long = shows("print(x)", "\n".join(["line"] * 15))
    assert types(SECTION, long, long) == "slide fragment subslide"
    answer = shows('my = ...\nask.exercises["a"].check(my)')
    exercise, question = shows('ask.exercises["a"]'), shows("teaching.quiz(ask.quiz[0])")
    found = types(PROSE, shows("start()"), SECTION, exercise, answer, question)
    assert found == "skip skip slide fragment skip subslide"


@each_lesson
def test_the_notebook_has_the_types_of_the_rules_and_a_plan_that_fits(source):
    saved = nbformat.read(notebooks.target(source), 4)
    marked = copy.deepcopy(saved)
    slide_types.mark(marked)
    found, wanted = ([cell.metadata.get("slideshow") for cell in one.cells] for one in (saved, marked))
    assert found == wanted, "run `python -m tools.build.slide_types`"
    plan = teaching_plan.plan(source.stem)
    assert not plan.complaints()
    assert not plan.stale()


def test_a_number_that_the_notebook_does_not_show_and_one_it_claims_are_found():
    plan = teaching_plan.Plan(
        "02_alexnet", "# P\n\n## 5 · Normalization: better, or faster?\n\n2.7 against 2.71 %, 1 %\n"
    )
    assert plan.stale() == ["2.71"]
    assert "8.8 and 2.7 % after 6 epochs" in next(iter(plan.notes.values()))


def test_what_is_wrong_with_a_plan_is_said():
    text = "# A plan\n\n## No such heading\n\n**70 min.** Talk.\n\n## 정리 · What you have shown\n\nTalk.\n"
    found = teaching_plan.Plan("06_resnet", text).complaints()
    assert len(found) == 4
    for said in ("no heading 'No such heading'", "begin with its time", "add up to 70", "fewer than three questions"):
        assert any(said in one for one in found), said


def test_the_deck_has_notes_and_takes_nothing_from_the_network():
    html = slides.deck("06_resnet")  # the others are looked at in the browser
    outside = re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(https?:[^"]+)', html)
    assert not outside and "import mermaid" not in html
    assert html.count('<aside class="notes">') == len(teaching_plan.plan("06_resnet").notes) + 1
    assert "You made no prediction" not in html and "Open in Colab" not in html
    assert re.search('<img alt="[A-Z[]', html) and "No description has been provided" not in html


@each_lesson
def test_every_answer_cell_is_solved_in_the_copy(source):
    copies = (nbformat.read(notebooks.target(source), 4), instructor.copy_of(source.stem))
    asked, solved = ([cell.source for cell in one.cells if slide_types.ANSWER.search(cell.source)] for one in copies)
    assert len(asked) == len(solved) >= 5
    assert all("..." in cell for cell in asked), "the student's copy holds an answer"
    assert not any(re.search(r"= \.\.\.|return \.\.\.", cell) for cell in solved)


def test_a_solution_that_the_check_does_not_call_right_is_found():
    wrong = shows('answer = 1\nask.exercises["layers"].check(answer)', "❌ 1 is too small.")
    right = shows('answer = 110\nask.exercises["he"].check(answer)', "✅ 110 weight layers is right.")
    assert instructor.wrong_solutions(v4.new_notebook(cells=[wrong, right])) == ["layers: ❌ 1 is too small."]


@pytest.mark.slow
@each_lesson
def test_the_instructor_copy_runs_and_every_solution_is_right(source):
    notebook = instructor.copy_of(source.stem)
    notebooks.execute(notebook)
    assert not instructor.wrong_solutions(notebook)
