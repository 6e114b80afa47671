"""Every exercise: not attempted, its own solution, typical wrong answers; quizzes and predictions are well formed."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from lecture8 import course

MODULES = {f"l{lesson.notebook}": lesson.module("questions") for lesson in course.LESSONS}
EXERCISES = {f"{m}.{name}": e for m, module in MODULES.items() for name, e in module.exercises.items()}
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
    assert verdict, verdict.message


def test_typical_wrong_answers_are_told_what_is_wrong(name):
    assert len(WRONG[name]) >= 2
    for answer, words in WRONG[name]:
        verdict = EXERCISES[name].check(answer)
        assert verdict.status == "wrong" and words in verdict.message, (answer, verdict.message)


def source(module):
    folder = Path(module.__file__).parent
    return ast.parse((folder / f"{folder.name[1:]}.py").read_text(encoding="utf-8"))


def imported(tree):
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name for node in imports for alias in node.names}


def stubs(tree):
    """Exercise -> the statement before its check: `my_cost = ...` or `def he_std(c_out, kernel): ...`."""
    checked = re.compile(r"ask\.exercises\['(\w+)'\]\.check\(")
    pairs = zip(tree.body, (checked.match(ast.unparse(node)) for node in tree.body[1:]), strict=False)
    return {asked[1]: before for before, asked in pairs if asked}


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_every_solution_fills_its_answer_cell_and_needs_only_what_the_lesson_imports(module):
    tree = source(module)
    asked_for = stubs(tree)
    for key, exercise in module.exercises.items():
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
