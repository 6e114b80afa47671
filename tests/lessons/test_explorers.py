"""Every widget, moved as a student would: both ends of every control, right and wrong answers, errors seen."""

import asyncio
import base64
import html
import re
import threading

import pytest

from lecture8 import course, plots, published, teaching
from lecture8.lessons.l00_start_here import explorers as start_here
from lecture8.lessons.l06_resnet import questions as resnet
from tests.support.korean import left_in_english

WIDGET = "application/vnd.jupyter.widget-view+json"
PNG = b"\x89PNG\r\n"
for lesson in course.LESSONS:
    lesson.module("explorers")  # fills EXPLORERS
QUESTIONS = [question for lesson in course.LESSONS for question in lesson.module("questions").quiz]


def values(control):
    return [value for _, value in control.options]


@pytest.mark.parametrize("name", teaching.EXPLORERS)
def test_a_still_and_every_control_to_both_ends(name):
    explorer = teaching.EXPLORERS[name]()
    bundle, about = explorer._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]).startswith(PNG)
    assert len(bundle["text/plain"]) > 40 and WIDGET in bundle
    assert about["image/png"]["alt"] == bundle["text/plain"]
    texts = {explorer.text}
    for control in explorer.controls.values():
        for value in (values(control)[0], values(control)[-1]):
            control.value = value
            assert bytes(explorer.image.value).startswith(PNG) and explorer.text in _plain(explorer.readout.value)
            texts.add(explorer.text)
    assert len(texts) >= 3, "moving the controls must change what is said"
    assert {text: left for text in texts if (left := left_in_english(text))} == {}


def _plain(markup):
    linked = re.sub(r'<a href="([^"]+)" target="_blank">([^<]+)</a>', r"[\2](\1)", html.unescape(markup))
    return re.sub("</?em>", "*", re.sub("</?code>", "`", linked))


def test_markdown_in_a_widget_is_what_it_is_in_a_cell():
    question = teaching.Question("What is `a < b`?", {"3": "*no* 2 * 3 * 4, see [00](x.ipynb)", "1": "a*b*c"}, "1")
    quiz = teaching.quiz(question)
    assert "<code>a &lt; b</code>" in quiz.box.children[0].value
    quiz.choices.value = "3"
    quiz.button.click()
    assert '<em>no</em> 2 * 3 * 4, see <a href="x.ipynb" target="_blank">00</a>' in quiz.feedback.value
    quiz.choices.value = "1"
    quiz.button.click()
    assert "a*b*c" in quiz.feedback.value


def test_an_error_in_the_drawing_is_shown_and_raised():
    def draw(n):
        if n == 2:
            raise ValueError("two is <bad>")
        return plots.bars({"n": n}, xlabel="n"), f"n = {n}"

    explorer = teaching.Explorer(draw, {"n": [1, 2, 3]})
    with pytest.raises(ValueError, match="two is"):
        explorer.controls["n"].value = 2
    assert "two is &lt;bad&gt;" in explorer.readout.value
    explorer.controls["n"].value = 3
    assert explorer.text == "n = 3" and "bad" not in explorer.readout.value


def test_pictures_are_drawn_where_the_cells_run_and_after_them():
    """As in JupyterLab, where another thread says that a control was moved, while a cell is running or not."""
    threads = []

    def draw(n):
        threads.append(threading.current_thread())
        return plots.bars({"n": n}, xlabel="n"), f"n = {n}"

    async def cells():
        explorer = teaching.Explorer(draw, {"n": [1, 2, 3]})
        mover = threading.Thread(target=setattr, args=(explorer.controls["n"], "value", 3))
        mover.start()
        mover.join()
        assert explorer.text == "n = 1"  # the cell is still running
        await asyncio.sleep(0)
        assert explorer.text == "n = 3"

    asyncio.run(cells())
    assert threads == [threading.main_thread()] * 2


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.prompt[:30])
def test_quiz_answers_every_choice(question):
    quiz = teaching.quiz(question)
    assert quiz.button.disabled
    for option, word in question.options.items():
        quiz.choices.value = option
        assert not quiz.button.disabled and quiz.feedback.value == ""
        quiz.button.click()
        assert ("✅" if option == question.answer else "❌") in quiz.feedback.value
        assert word[:20] in _plain(quiz.feedback.value)
    bundle, _ = quiz._repr_mimebundle_()
    assert all(option in bundle["text/plain"] for option in question.options)
    assert bundle["text/html"].count("<details>") == len(question.options)


def test_predict_keeps_the_choice_for_the_measurement():
    prediction = resnet.predictions["degradation"]
    options = list(prediction.options)
    widget = teaching.predict(prediction)
    assert widget.reveal(options[2]).status == "todo"
    widget.choices.value = options[0]
    widget.button.click()
    assert "Noted" in widget.feedback.value and widget.reveal(options[2]).status == "wrong"
    assert teaching.predict(prediction).reveal(options[2]).status == "todo", "shown again, it asks again"


def test_the_winner_of_a_year_is_on_its_card():
    card = start_here.winners().draw
    for year, words in {2012: "AlexNet with 8 layers", 2015: "ensemble of 6 networks", 2010: "hand-made"}.items():
        assert words in card(year)[1]
    for year, notebook in {2012: "02_alexnet", 2013: "03_zfnet", 2014: "05_googlenet", 2015: "06_resnet"}.items():
        assert f"[{notebook}]({notebook}.ipynb)" in card(year)[1]


def test_the_glossary_finds_what_is_typed():
    widget = start_here.glossary()
    table = published.read("glossary")
    assert f"{len(table)} of {len(table)} terms" in widget.found.value
    for sought, term in {"receptive": "receptive field", "수용": "receptive field", "RELU": "ReLU"}.items():
        widget.words.value = sought
        assert f"<b>{term}</b>" in widget.found.value and "<b>seed</b>" not in widget.found.value
    widget.words.value = "(<b>"
    assert "None of the" in widget.found.value and "(&lt;b&gt;" in widget.found.value
    bundle, _ = widget._repr_mimebundle_()
    assert bundle["text/html"].count("<tr>") == len(table) + 1 and WIDGET in bundle
