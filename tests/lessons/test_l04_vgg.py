"""The pictures, counts and tables of lesson 04 hold what the lesson says of them."""

import pytest
import torch

from lecture8 import complexity, models, published
from lecture8.lessons.l04_vgg import answers, counts, explorers, pictures
from lecture8.lessons.l04_vgg import questions as ask

ROWS = {name: models.vgg.CONFIGURATIONS[name] for name in "ABCDE"}


def test_a_stack_for_every_field_and_the_paths_of_all_gradients():
    found = counts.stacks_with_field(13)
    assert all(answers.field([(kernel, 1)] * layers) == 13 for kernel, layers in found.values()) and len(found) == 4
    for layers in (counts.layers_of(ROWS["C"][:3]), [(3, 2), (5, 1)]):
        net = torch.nn.Sequential(*(torch.nn.Conv2d(1, 1, k, s, bias=False) for k, s in layers)).requires_grad_(False)
        image = torch.zeros(1, 1, answers.field(layers), answers.field(layers), requires_grad=True)
        for layer in net:
            layer.weight.fill_(1)
        net(image).sum().backward()
        ways = torch.tensor(counts.paths(layers)).float()
        assert torch.allclose(image.grad[0, 0], ways[:, None] * ways)


def test_parts_and_shares_add_up_to_the_network_and_towers_are_to_scale():
    with torch.device("meta"):
        cost, small = (complexity.profile(net) for net in (models.vgg16(), answers.vgg(ROWS["D"], 1000)))
    table = counts.parts(cost)
    assert list(table) == ["image", *(f"block{n}" for n in range(1, 6)), "fc6", "fc7", "fc8"]
    assert table == counts.parts(small) and sum(row["params"] for row in table.values()) == 138_357_544
    assert sum(row["activations"] for row in table.values()) == cost.activations == 15_237_608
    assert all(sum(bar.get_width() for bar in ax.patches) == pytest.approx(100) for ax in pictures.shares(cost).axes)
    bars = pictures.towers(ROWS, models.vgg.WIDTHS).axes[0].patches
    assert len(bars) == 5 * 4 + 8 + 10 + 13 + 13 + 16 and (bars[1].get_width(), bars[1].get_height()) == (224, 8)


def test_published_errors_are_drawn_and_agree_with_the_registry():
    table = published.read("vgg_errors")
    left, right = pictures.sixteen_or_nineteen(table).axes
    assert list(left.lines[0].get_ydata()) == [29.6, 28.7, 28.1, 27.0, 27.3] and len(counts.protocols(table)) == 8
    assert {tuple(line.get_xdata()) for line in right.lines} >= set(counts.protocols(table).values())
    for name, row in {"vgg16": "D", "vgg19": "E"}.items():
        found = table[(table["train_scale"] == "256-512") & (table["configuration"] == row)].iloc[0]
        printed = models.ARCHITECTURES[name].published["top-1 / top-5 error"]
        assert printed.startswith(f"{found['top1']} / {found['top5']}")


def test_explorers_say_what_the_formulas_say():
    stack, costs, sees = explorers.stack(), explorers.costs(), explorers.sees()
    for name, value in {"kernel": 5, "layers": 2, "channels": 64, "side": 14}.items():
        stack.controls[name].value = value
    assert f"receptive field 9 × 9, {2 * 25 * 64**2:,} weights" in stack.text and "1.62 times" in stack.text
    costs.controls["configuration"].value = "D"
    assert "138,357,544 parameters, 89.4% of them fully connected" in costs.text and "61.0 MB" in costs.text
    sees.controls["layers"].value = 21
    assert "layer 18 of configuration D (pooling layers: 5) sees 212 × 212" in sees.text


def test_what_the_tables_show_and_the_lesson_says():
    thirds = counts.measuring(published.read("vgg_thirds"), "net").groupby(["epochs", "net"])["test_error"]
    short, long = (thirds.mean()[epochs] for epochs in (12, 36))
    assert short["C, wider"] < short["C"] - 2 and ask.what_is_closer(long) == "neither" and min(thirds.count()) == 3
    assert counts.miniatures()["field"].tolist() == [16, 16, 16, 22, 22]
    assert thirds.max()[36, "D"] < min(thirds.min()[36, net] for net in ("B", "C", "C, wider"))
    pairs = counts.measuring(published.read("vgg_pairs"), "norm", "kind").groupby(["norm", "kind"])["test_error"]
    both, linear, single = sorted(set(published.read("vgg_pairs")["kind"]))
    assert list(pairs.mean()[True].sort_values().index) == [both, linear, single] and min(pairs.count()) == 5
    assert pairs.max()[False, both] < pairs.min()[False, single] > pairs.max()[False, linear]
    for epochs in (6, 18):
        runs = published.read("vgg_probes").query(f"epochs == {epochs}")
        found = runs.groupby(["classifier", "task", "view"])["test_accuracy"].mean().mul(100)["linear"]
        block3, others = found[:, "block 3"], found.unstack()
        assert ask.what_is_best(found) == "a block for both" and len(pictures.probes(runs).axes) == 2
        assert (block3 > others["fc7"] + 5).all() and (block3 > others.max(axis=1) - 1).all()
