"""What stands for a widget in an executed notebook becomes something that answers without a kernel."""

import html
import json
import re

import nbformat
import pytest

from lecture8 import course, teaching
from tools.build import notebooks, players


@pytest.fixture(scope="module", params=[lesson.notebook for lesson in course.LESSONS])
def page(request):
    """(name, questions of the lesson, everything that its notebook shows as HTML)"""
    notebook = nbformat.read(notebooks.NOTEBOOKS / f"{request.param}.ipynb", 4)
    shown = players.shown(players.alive(notebook, request.param))
    return request.param, course.lesson(request.param).module("questions"), shown


def test_every_question_has_all_that_it_says(page):
    _, questions, shown = page
    asked = [json.loads(text) for text in re.findall(r"<div data-ask><script[^>]*>(.*?)</script>", shown)]
    given = [*questions.quiz, *questions.predictions.values()]
    assert sorted(players.words(one.prompt) for one in given) == sorted(one["prompt"] for one in asked)
    for one in asked:
        (known,) = (known for known in given if players.words(known.prompt) == one["prompt"])
        said = {option["text"]: option["why"] for option in one["options"]}
        assert said == {text: players.words(why) for text, why in known.options.items()}
        assert sum(option["said"].startswith("✅") for option in one["options"]) == (0 if one["key"] else 1)


def test_every_prediction_is_revealed_once_and_by_one_of_its_options(page):
    _, questions, shown = page
    revealed = re.findall(
        r'<div data-reveal="(\w+)" data-measured="(.*?)" data-mine="You predicted">.*?<details><summary>', shown
    )
    assert sorted(key for key, _ in revealed) == sorted(questions.predictions)
    for key, measured in revealed:
        assert html.unescape(measured) in questions.predictions[key].options


def test_every_listed_explorer_is_a_player(page):
    name, _, shown = page
    listed = {key for key in teaching.EXPLORERS if key.startswith(f"l{name}.")}
    assert listed == set(
        re.findall(
            r'<figure data-player="(\S+)" data-language="en"><img alt="(?!&lt;Figure)[^"]{10,}" src="data:image/png',
            shown,
        )
    )


def test_many_states_are_thinned_around_the_start():
    values = {"a": list(range(9)), "kind": ["x", "y"], "b": [1, 2, 3, 4, 5]}
    assert players.thinned(values, {"a": 3, "kind": "x", "b": 5}, 90) == values
    fewer = players.thinned(values, {"a": 3, "kind": "x", "b": 5}, 24)
    assert fewer == {"a": [1, 3, 5, 7], "kind": ["x", "y"], "b": [1, 3, 5]}
    assert players.thinned({"kind": list("abcdef")}, {"kind": "a"}, 2) == {"kind": list("abcdef")}
