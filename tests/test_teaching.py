"""Verdicts, questions, source, and the comparison of networks, fed right answers and wrong ones."""

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn

from lecture8 import course, models, plots, teaching
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
    row, numbers = (nn.Conv2d(3, 4, (1, 7), padding=padding) for padding in ("same", (0, 3)))
    assert teaching.same_network(nn.Sequential(row), nn.Sequential(numbers), (3, 16, 16))


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
    class ShortcutFirst(Residual):
        def forward(self, x):
            aside = self.shortcut(x)
            return self.relu(self.body(x) + aside)

    def block(kind):
        body, c_out = bottleneck(c_in, width, stride, stride_in_1x1=False)
        return kind(body, shortcut_for("B", c_in, c_out, stride))

    verdict = teaching.same_network(block(ShortcutFirst), block(Residual), (c_in, 8, 8))
    assert verdict, verdict.message


def test_question_comments_every_choice():
    question = teaching.Question("?", {"a": "no, since", "b": "yes, since"}, "b")
    assert question.check("b") and question.check("b").message == "yes, since"
    assert question.check("a").status == "wrong"


def test_prediction_reveals_guess_and_measurement():
    prediction = teaching.Prediction("?", {"more": "It grew.", "less": "It fell."})
    assert prediction.reveal("more").status == "todo" and "no prediction" in prediction.reveal("more").message
    prediction.choice = "less"
    wrong = prediction.reveal("more")
    assert wrong.status == "wrong" and wrong.message == "You predicted: less. **Measured: more.** It fell. It grew."
    right = prediction.reveal("less")
    assert right.status == "correct" and right.message.count("It fell.") == 1


def test_what_was_measured_and_its_picture_are_folded_away_until_there_is_a_guess():
    widget = teaching.predict(teaching.Prediction("?", {"more": "It grew.", "less": "It fell."}))
    shown = widget.reveal("more", plots.bars({"<a>": 3}, xlabel="length"))._repr_markdown_()
    open_part, folded = shown.split("<details>")
    assert "Measured: more" in folded and "It grew" in folded and "Measured:" not in open_part
    assert '<img alt="Across: length. &lt;a&gt;." src="data:image/png;base64,' in folded
    assert not plt.get_fignums(), "the figure is shown a second time"
    widget.asked.choice = "less"
    shown = widget.reveal("more", plots.bars({"a": 3}, xlabel="length"))._repr_markdown_()
    assert "<details>" not in shown and shown.index("It fell.") < shown.index("It grew.") < shown.index("<img")


def test_the_answers_of_a_quiz_are_in_an_order_of_their_own():
    answers = {"first": "1", "second": "2", "third": "3", "fourth": "4"}
    backwards = dict([*answers.items()][::-1])
    forth, back = (teaching.Question("?", order, "first") for order in (answers, backwards))
    assert list(forth.options) == list(back.options) != list(answers) and forth.options == answers
    questions = [q for lesson in course.LESSONS for q in lesson.module("questions").quiz]
    places = [list(question.options).index(question.answer) for question in questions]
    assert max(places.count(place) for place in range(3)) < 0.45 * len(places), "always the same place"


def test_a_claim_holds_or_is_an_error_only_where_that_is_asked_for(monkeypatch):
    assert teaching.claim("{a:.0f} % of {n}", True, a=93.6, n=10).message == "94 % of 10"
    assert teaching.claim("{a}", torch.tensor(2) > 1, a=2)
    for holds, value in ((False, 1.0), (True, float("nan"))):
        with pytest.raises(AssertionError, match=r"^it is (1|nan)"):
            teaching.claim("it is {a:.0f}", holds, a=value)
    monkeypatch.delenv("LECTURE8_CLAIMS")
    failed = teaching.claim("it is {a:.0f}", False, a=1, hint="Try more epochs.")
    assert not failed and failed.message == "Not so in this run: it is 1 Try more epochs."


class Block(nn.Module):
    def __init__(self, width, out=2):
        super().__init__()
        self.a, self.b = nn.Linear(width, width), nn.Linear(width, out)

    def forward(self, x):
        return self.b(self.a(x).relu())


def builds():
    check = lambda answer: teaching.same_network(teaching.called(answer, 4), Block(4), (4,))  # noqa: E731
    return teaching.Build("t", 2, "do", ["h"], Block, "since", check, input_shape=lambda width, out=2: (width,))


def other_order():
    class Mine(nn.Module):
        def __init__(self, width, out=2):
            super(Mine, self).__init__()  # noqa: UP008  as in older tutorials
            torch.manual_seed(99)
            self.second, self.first = nn.Linear(width, out), nn.Linear(width, width)

        def forward(self, x):
            return self.second(torch.relu(self.first(x)))

    return Mine, lambda width, out=2: Mine(width, out)


@pytest.mark.parametrize("kind", [0, 1], ids=["class", "function"])
def test_a_right_build_is_used_and_starts_with_our_weights(kind, capsys):
    mine = other_order()[kind]
    assert repr(builds()) == "Build: t (difficulty 2 of 3, 1 hint)"
    used = builds().use(builds().use(mine))  # the cell is run twice
    assert capsys.readouterr().out.count("This lesson uses your Block from here on.") == 2
    assert used is mine or kind == 1
    for width in (4, 7):
        torch.manual_seed(width)
        ours, after = Block(width, out=3), torch.rand(1)
        torch.manual_seed(width)
        theirs, x = used(width, out=3), torch.randn(5, width, generator=torch.Generator().manual_seed(1))
        assert torch.equal(torch.rand(1), after) and torch.equal(theirs(x), ours(x)) and theirs.training


def block(forward):
    return type("Mine", (Block,), {"forward": forward})


WithNan = block(lambda self, x: Block.forward(self, x) * float("nan"))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (..., "⬜ Not attempted yet"),
        (lambda width: None, "⬜ Not attempted yet"),
        (block(lambda self, x, layer=...: layer(self.a(x))), "⬜ Not finished yet: there is still a `...`"),
        (block(lambda self, x: ...), "⬜ Not finished yet"),
        (lambda width: nn.Sequential(nn.Linear(4, 4), ...), "⬜ Not finished yet"),
        (lambda width: nn.Linear(width, 2), "❌ The first difference"),
        (WithNan, "outputs differ"),
        (lambda width: exit(), "❌ Your answer stopped with SystemExit"),
        (lambda width: 1 / 0, "❌ Your answer stopped with ZeroDivisionError"),
        (lambda width: WithNan(width)(torch.ones(1, width)), "❌"),
    ],
)
def test_whatever_else_is_handed_in_the_solution_carries_the_lesson(answer, words, capsys):
    assert builds().use(answer) is Block
    said = capsys.readouterr().out
    assert words in said and said.endswith("This lesson uses its own Block from here on.\n")


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
