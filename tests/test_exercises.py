"""Every exercise: not attempted, its own solution, typical wrong answers; every quiz and prediction is well formed."""

import importlib
import pkgutil
import textwrap

import pytest
import torch
from torch import nn

from lecture8 import exercises, models
from lecture8.models.resnet import Residual

MODULES = {
    m.name: importlib.import_module(f"lecture8.exercises.{m.name}") for m in pkgutil.iter_modules(exercises.__path__)
}
EXERCISES = {f"{m}.{name}": e for m, module in MODULES.items() for name, e in module.exercises.items()}


def conv(c_in, c_out, kernel, stride=1, bias=False, norm=True, relu=True):
    steps = [nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=bias)]
    return nn.Sequential(*steps, *([nn.BatchNorm2d(c_out)] if norm else []), *([nn.ReLU()] if relu else []))


def bottleneck(c_in, width, stride, *, first=1, bias=False, norm=True, project=None, widen=4):
    one, three = (stride, 1) if first == 3 else (1, stride)
    body = nn.Sequential(
        conv(c_in, width, 1, one, bias, norm), conv(width, width, 3, three, bias, norm),
        conv(width, widen * width, 1, 1, bias, norm, relu=False),
    )  # fmt: skip
    project = (stride != 1 or c_in != widen * width) if project is None else project
    return Residual(body, conv(c_in, widen * width, 1, stride, relu=False) if project else nn.Identity())


def cnn(*, bias=True, average=True, relu=True, last=64, pool=nn.MaxPool2d):
    act = nn.ReLU if relu else nn.Identity
    end = (
        [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(last, 10)]
        if average
        else [nn.Flatten(), nn.Linear(last * 16, 10)]
    )
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=bias), nn.ReLU(), pool(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), pool(2),
        nn.Conv2d(32, last, 3, padding=1), act(), *end,
    )  # fmt: skip


def pad(x, extra):
    return torch.nn.functional.pad(x, (0, 0, 0, 0, 0, extra))


# exercise -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "resnet.layers": [(108, "first and the last"), (56, "n = 9"), (111, "shortcuts"), (1000, "too large"), ("110", "Expected a number")],
    "resnet.bottleneck_cost": [(69_632, "per pixel"), (3_699_376_128, "two plain"), (166_985_728, "last 1 × 1"), (1, "too small")],
    "resnet.he": [
        (lambda c_out, kernel: (1 / (kernel**2 * c_out)) ** 0.5, "Xavier"),
        (lambda c_out, kernel: (2 / c_out) ** 0.5, "kernel's area"),
        (lambda c_out, kernel: 2 / (kernel**2 * c_out), "variance"),
        (lambda c_out: 1.0, "TypeError"),
        (0.05, "expected a function"),
    ],
    "resnet.shortcut": [
        (lambda x, c_out: pad(torch.nn.functional.avg_pool2d(x, 2), c_out - x.shape[1]), "averaged"),
        (lambda x, c_out: x[:, :, ::2, ::2], "Expected the shape"),
        (lambda x, c_out: pad(x, c_out - x.shape[1]), "Expected the shape"),
        (lambda x, c_out: x[:, :, ::2, ::2].repeat(1, c_out // x.shape[1], 1, 1), "all zeros"),
        (lambda x, c_out: x.shape, "Expected a tensor"),
    ],
    "resnet.bottleneck": [
        (lambda c, w, s: bottleneck(c, w, s, first=3), "stride should be"),
        (lambda c, w, s: bottleneck(c, w, s, bias=True), "has a bias that it should not have"),
        (lambda c, w, s: bottleneck(c, w, s, norm=False), "BatchNorm2d"),
        (lambda c, w, s: bottleneck(c, w, s, project=False), "stopped on images"),
        (lambda c, w, s: bottleneck(c, w, s, project=True), "too many"),
        (lambda c, w, s: bottleneck(c, w, s).body, "outputs differ"),
        (lambda c, w, s: "block", "Expected a network"),
    ],
    "resnet.params": [
        (lambda n, width: 269_722, "For n=9"),
        (lambda n, width: sum(p.numel() for p in models.small.resnet(6 * n + 2, width=width, shortcut="B").parameters()), "off"),
        (lambda n, width: "many", "of type str"),
    ],
    "start_here.conv_params": [(18_432, "biases are missing"), (640, "all 32 channels"), (18_497, "very close")],
    "start_here.like_for_like": [(3.4, "nets = 1"), (1.22, "seven networks gain"), (-2.18, "without the sign"), (10.07 - 7.89, "round it")],
    "start_here.flatten": [(512, "16 × 16"), (49, "one channel"), (6272, "only one pooling")],
    "start_here.confused": [
        (lambda table: divmod(int(table.argmax()), len(table)), "on the diagonal stands what is right"),
        (lambda table: divmod(int((table - torch.diag(torch.diag(table))).argmax()), len(table))[::-1], "wrong order"),
        (lambda table: (0, 1), "expected"),
    ],
    "start_here.network": [
        (lambda: cnn(average=False), "weight shape should be (10, 64)"),
        (lambda: cnn(relu=False), "outputs differ"),
        (lambda: cnn(last=32), "weight shape should be (64, 32, 3, 3)"),
        (lambda: cnn(bias=False), "bias"),
        (lambda: cnn(pool=nn.AvgPool2d), "outputs differ"),
        (lambda: 3, "Expected a network"),
    ],
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
    scope = {"torch": torch, "nn": nn, "models": models, "Residual": Residual}
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
