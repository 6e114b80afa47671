"""Verdicts, questions, source, and the comparison of networks, fed right answers and wrong ones."""

import pytest
import torch
from torch import nn

from lecture8 import models, teaching
from lecture8.models.layers import conv
from lecture8.models.resnet import Residual, bottleneck, shortcut_for


def small(**options):
    return models.small.resnet(8, **{"width": 4, **options})


def test_same_network_says_yes_to_the_same_and_changes_neither():
    a, b = small(), small()
    before = [{k: v.clone() for k, v in net.state_dict().items()} for net in (a, b)]
    verdict = teaching.same_network(a, b, (3, 16, 16))
    assert verdict and verdict.status == "correct" and "layers with weights agree" in verdict.message
    for net, state in zip((a, b), before, strict=True):
        assert all(torch.equal(v, state[k]) for k, v in net.state_dict().items())


def layers(bias=True, relu=True, pool=nn.MaxPool2d):
    torch.manual_seed(0)  # with some weights the pooling leaves nothing negative for a ReLU to cut
    return nn.Sequential(nn.Conv2d(3, 4, 3, bias=bias), nn.ReLU() if relu else nn.Identity(), pool(2))


@pytest.mark.parametrize(
    ("mine", "words"),
    [
        (lambda: small(width=5), ["features.conv1.conv", "weight shape should be (4, 3, 3, 3)", "(5, 3, 3, 3)"]),
        (lambda: models.small.resnet(14, width=4), ["12 too many", "conv2_x.block2"]),
        (lambda: small(residual=False), ["with equal weights the outputs differ", "addition"]),
        (lambda: small(shortcut="B"), ["layers with weights"]),
        (lambda: small(num_classes=9), ["classifier.fc", "weight shape should be (10, 16)"]),
        (lambda: small(channels=1), ["stopped on images of 3 × 16 × 16", "3 channels"]),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(768, 10)), ["layer 1 of", "yours there is"]),
        (lambda: small().features, ["your network ends before it"]),
        (lambda: (layers(), layers(bias=False)), ["has a bias that it should not have"]),
        (lambda: (layers(bias=False), layers()), ["bias shape should be (4,)"]),
        (lambda: (layers(relu=False), layers()), ["outputs differ"]),
        (lambda: (layers(pool=nn.AvgPool2d), layers()), ["outputs differ"]),
    ],
)
def test_same_network_names_the_first_difference(mine, words):
    nets = mine()  # with another reference, or alone
    verdict = teaching.same_network(*(nets if isinstance(nets, tuple) else (nets, small())), (3, 16, 16))
    assert verdict.status == "wrong" and all(word in verdict.message for word in words), verdict.message


@pytest.mark.parametrize(("c_in", "width", "stride"), [(64, 64, 1), (256, 128, 2)])
def test_same_network_accepts_the_shortcut_before_the_body(c_in, width, stride):
    class ShortcutFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.shortcut = conv(c_in, 4 * width, 1, stride, relu=False)
            self.body = nn.Sequential(
                conv(c_in, width, 1), conv(width, width, 3, stride), conv(width, 4 * width, 1, relu=False)
            )

        def forward(self, x):
            aside = self.shortcut(x)
            return (self.body(x) + aside).relu()

    body, c_out = bottleneck(c_in, width, stride, stride_in_1x1=False)
    reference = Residual(body, shortcut_for("B", c_in, c_out, stride))
    verdict = teaching.same_network(ShortcutFirst(), reference, (c_in, 8, 8))
    assert verdict, verdict.message


def test_source_is_the_code_itself():
    shown = teaching.source(Residual)
    assert "self.relu(self.body(x) + self.shortcut(x))" in repr(shown)
    assert shown._repr_markdown_().startswith("```python\nclass Residual")


def test_question_comments_every_choice():
    question = teaching.Question("?", {"a": "no, since", "b": "yes, since"}, "b")
    assert question.check("b") and question.check("b").message == "yes, since"
    assert question.check("a").status == "wrong"


def test_prediction_reveals_guess_and_measurement():
    prediction = teaching.Prediction("?", {"more": "It grew.", "less": "It fell."})
    assert prediction.reveal("more").status == "todo" and "no prediction" in prediction.reveal("more").message
    prediction.choice = "less"
    assert prediction.reveal("more").status == "wrong" and "It grew." in prediction.reveal("more").message
    assert prediction.reveal("less").status == "correct"


def test_three_ways_shows_all_three():
    shown = teaching.three_ways(22, measured="M")._repr_markdown_().splitlines()
    assert len(shown) == 5 and "degradation" in shown[0]
    assert "does not increase" in shown[2] and "*training* error" in shown[3] and "section 1" in shown[3]
    assert shown[4] == "| **we measured** | M |"


def test_exercise_folds_hints_and_solution_away():
    def my_count():
        return 2 * (1 + 1)

    check = teaching.number_check(4)
    exercise = teaching.Exercise("t", 2, "do", ["h1", "h2"], my_count, "since", check, asks_value=True)
    shown = exercise._repr_markdown_()
    assert shown.count("<details>") == 3 and "★★☆" in shown and "```python\nmy_count = 2 * (1 + 1)\n```" in shown
    assert exercise.check(exercise.answer) and exercise.check("one").status == "wrong"
    assert exercise.check(...).status == "todo" and exercise.check(None).status == "todo"
    other = teaching.Exercise("t", 2, "do", [], my_count, "since", lambda f: check(f()))
    assert other.answer is my_count and "```python\ndef my_count():\n    return 2 * (1 + 1)" in other._repr_markdown_()
