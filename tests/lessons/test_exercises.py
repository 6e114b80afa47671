"""Every exercise: not attempted, its own solution, typical wrong answers; quizzes and predictions are well formed."""

import ast
import importlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lecture8 import course
from tests.support.korean import left_in_english


def tasks(module):
    """What a lesson asks to write: builds and exercises, by name."""
    return {**getattr(module, "builds", {}), **module.exercises}


MODULES = {f"l{lesson.notebook}": lesson.module("questions") for lesson in course.LESSONS}
EXERCISES = {f"{m}.{name}": e for m, module in MODULES.items() for name, e in tasks(module).items()}
WRONG = {
    f"{m}.{name}": answers
    for m in MODULES
    for name, answers in importlib.import_module(f"wrong_answers.{m}").WRONG.items()
}


@pytest.fixture(params=EXERCISES, ids=str)
def name(request):
    return request.param


def test_not_attempted_is_not_wrong(name):
    def stub(*args): ...

    exercise = EXERCISES[name]
    assert exercise.check(...).status == "todo"
    assert exercise.asks_value or exercise.check(stub).status == "todo"


def test_the_solution_is_correct(name):
    verdict = EXERCISES[name].check(EXERCISES[name].answer)
    assert verdict and not left_in_english(verdict.message), verdict.message


def test_typical_wrong_answers_are_told_what_is_wrong(name):
    assert len(WRONG[name]) >= 2
    for answer, words in WRONG[name]:
        verdict = EXERCISES[name].check(answer)
        assert verdict.status == "wrong" and words in verdict.message, (answer, verdict.message)
        assert not left_in_english(verdict.message), verdict.message


def changed(value, change):
    """The value with `change` made to every number and tensor in it, and to what a network returns."""
    if isinstance(value, tuple | list):
        return type(value)(changed(part, change) for part in value)
    if isinstance(value, dict):
        return {key: changed(part, change) for key, part in value.items()}
    if isinstance(value, nn.Module):
        kind = type(value)
        value.__class__ = type(kind.__name__, (kind,), {"forward": lambda self, x: change(kind.forward(self, x))})
        return value
    return change(value) if isinstance(value, int | float | torch.Tensor) else value


def answered(exercise, change):
    """The right answer after a change: of the value, or of what the function returns."""
    if exercise.asks_value:
        return changed(exercise.answer, change)
    return lambda *args: changed(exercise.answer(*args), change)


def single(number):
    """A tensor, in single precision with a gradient where that is possible."""
    return torch.tensor(number) if isinstance(number, int) else torch.tensor(number, requires_grad=True)


NUMBERS = {
    "NumPy": lambda number: np.asarray(number)[()],
    "float32": lambda number: single(number).detach().numpy()[()],
    "torch": single,
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_the_right_answer_is_right_as_any_kind_of_number(name, kind):
    convert = NUMBERS[kind]
    answer = answered(EXERCISES[name], lambda value: value if isinstance(value, torch.Tensor) else convert(value))
    verdict = EXERCISES[name].check(answer)
    assert verdict, verdict.message


# names of layers, networks of which only the layers are looked at, and loops, which return nothing
HOLD_NO_NUMBERS = {"l00_start_here.train_epoch", "l00_start_here.mend", "l01_transfer_learning.changed"}
HOLD_NO_NUMBERS |= {"l01_transfer_learning.freeze", "l03_zfnet.shortened"}


@pytest.mark.parametrize("number", [float("nan"), float("-inf")], ids=str)
def test_what_holds_nan_or_inf_is_never_right(name, number):
    verdict = EXERCISES[name].check(answered(EXERCISES[name], lambda value: value * 0 + number))
    assert name in HOLD_NO_NUMBERS or verdict.status == "wrong", verdict


NO_ANSWERS = ["text", [], [1, "two"], {}, True, object(), nn.Identity, 10**400, np.zeros(3), float("inf")]
NO_ANSWERS += [[float("nan")], np.float32("nan"), torch.tensor(float("nan"))]


@pytest.mark.parametrize("answer", NO_ANSWERS, ids=lambda answer: type(answer).__name__)
def test_what_is_no_answer_is_wrong_and_never_stops_the_lesson(name, answer):
    for given in (answer, lambda *args: answer):
        verdict = EXERCISES[name].check(given)
        assert verdict.status == "wrong" and verdict.message, (given, verdict)


def source(module):
    folder = Path(module.__file__).parent
    return ast.parse((folder / f"{folder.name[1:]}.py").read_text(encoding="utf-8"))


def imported(tree):
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name for node in imports for alias in node.names}


def stubs(tree):
    """Exercise -> the statement before its check: `my_cost = ...` or `def he_std(c_out, kernel): ...`."""
    checked = re.compile(r"ask\.(?:exercises\['(?=\w+'\]\.check)|builds\['(?=\w+'\]\.use))(\w+)")
    pairs = zip(tree.body, (checked.search(ast.unparse(node)) for node in tree.body[1:]), strict=False)
    return {asked[1]: before for before, asked in pairs if asked}


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_every_solution_fills_its_answer_cell_and_needs_only_what_the_lesson_imports(module):
    tree = source(module)
    asked_for = stubs(tree)
    for key, exercise in tasks(module).items():
        asked, (given,) = asked_for[key], ast.parse(exercise.solution_code).body
        if exercise.asks_value:
            assert ast.unparse(asked.targets) == ast.unparse(given.targets), key
        elif isinstance(given, ast.FunctionDef):
            assert (asked.name, ast.unparse(asked.args)) == (given.name, ast.unparse(given.args)), key
        names = [node for node in ast.walk(given) if isinstance(node, ast.Name)]
        own = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        own |= {node.arg for node in ast.walk(given) if isinstance(node, ast.arg)}
        taken = {node.id for node in names} & set(vars(module)) - own
        assert taken <= imported(tree) | imported(given), key


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_every_notebook_asks_enough(module):
    assert len(module.exercises) >= 5 and len(module.quiz) >= 5 and len(module.predictions) >= 2
    assert all(len(e.hints) >= 2 and e.explanation for e in module.exercises.values())
    levels = [e.difficulty for e in module.exercises.values()]
    assert levels == sorted(levels) and levels[0] == 1 and levels[-1] == 3
    for question in module.quiz:
        assert len(question.options) >= 3 and all(question.options.values())
        assert question.check(question.answer)
    for prediction in module.predictions.values():
        assert len(prediction.options) >= 3 and all(prediction.options.values())
