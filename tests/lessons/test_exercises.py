"""Every exercise: not attempted, its own solution, typical wrong answers; every quiz and prediction is well formed."""

import importlib
import textwrap

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lecture8 import complexity, course, datasets, models, plots, published, training, transfer

MODULES = {f"l{lesson.notebook}": lesson.module("questions") for lesson in course.LESSONS}
EXERCISES = {f"{m}.{name}": e for m, module in MODULES.items() for name, e in module.exercises.items()}
WRONG = {
    f"{m}.{name}": answers
    for m in MODULES
    for name, answers in importlib.import_module(f"wrong_answers.{m}").WRONG.items()
}
# what a lesson imports; a solution may use these names and those of the lesson's own module
SCOPE = {
    "torch": torch, "nn": nn, "F": F, "complexity": complexity, "datasets": datasets, "models": models, "plots": plots,
    "published": published, "training": training, "transfer": transfer,
}  # fmt: skip


@pytest.fixture(params=EXERCISES, ids=str)
def name(request):
    return request.param


def test_not_attempted_is_not_wrong(name):
    def stub(*args): ...

    assert EXERCISES[name].check(...).status == "todo"
    if callable(solve(name)):
        assert EXERCISES[name].check(stub).status == "todo"


def solve(name):
    scope = {**vars(MODULES[name.split(".")[0]]), **SCOPE}
    exec(textwrap.dedent(EXERCISES[name].solution), scope)
    return scope["answer"]


def test_the_solution_is_right(name):
    verdict = EXERCISES[name].check(solve(name))
    assert verdict, verdict.message


def test_typical_wrong_answers_are_told_what_is_wrong(name):
    assert len(WRONG[name]) >= 2
    for answer, words in WRONG[name]:
        verdict = EXERCISES[name].check(answer)
        assert verdict.status == "wrong" and words in verdict.message, (answer, verdict.message)


def test_exercises_have_staged_hints_and_rise_in_difficulty(name):
    exercise = EXERCISES[name]
    assert len(exercise.hints) >= 2 and exercise.explanation and exercise.difficulty in (1, 2, 3)


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_every_notebook_asks_enough(module):
    assert len(module.exercises) >= 5 and len(module.quiz) >= 5 and len(module.predictions) >= 2
    levels = [e.difficulty for e in module.exercises.values()]
    assert levels == sorted(levels) and levels[0] == 1 and levels[-1] == 3
    for question in module.quiz:
        assert len(question.options) >= 3 and all(question.options.values())
        assert question.check(question.answer)
    for prediction in module.predictions.values():
        assert len(prediction.options) >= 3 and all(prediction.options.values())
