"""The pictures of notebook 05 hold the data they were given."""

import importlib

import torch

from lecture8 import complexity, models, published
from lecture8.lessons.l05_googlenet import explorers, modules, pictures

googlenet = importlib.import_module("lecture8.models.googlenet")


def profile(module, shape=(256, 28, 28)):
    return complexity.profile(module.to("meta"), shape)


NAIVE = googlenet.naive_inception(256, 128, 192, 96)
REDUCED = googlenet.inception(256, 128, 64, 192, 64, 96, 64)


def test_costs_and_branches_of_a_module():
    assert modules.branches(profile(NAIVE)) == {"conv1x1": 128, "conv3x3": 192, "conv5x5": 96, "pool": 256}
    assert modules.branches(profile(REDUCED)) == {"conv1x1": 128, "conv3x3": 192, "conv5x5": 96, "pool": 64}
    costs = modules.costs(profile(REDUCED))
    assert sum(costs.values()) == 271_351_808 and costs["conv3x3.reduce"] == costs["pool"] == 12_845_056
    assert list(modules.costs(profile(NAIVE))) == ["conv1x1", "conv3x3", "conv5x5"]


def test_the_designer_counts_what_it_shows():
    explorer = explorers.module()
    assert "854,196,224 multiply-adds, 100% of" in explorer.text
    for control, value in (("reduce3", 64), ("reduce5", 64), ("pool", 64)):
        explorer.controls[control].value = value
    assert "271,351,808 multiply-adds, 32%" in explorer.text and "480 channels come out (naive: 672)" in explorer.text
    explorer.controls["module"].value = "3a"
    assert "192 channels of 28 × 28" in explorer.text
    for name, (c_in, side) in explorers.PLACES.items():  # where Table 1 puts each module
        if name != "example":
            stage = next(s for s in STAGES if s.name.endswith(name))
            assert stage.output_shape[1] == side
            widths = googlenet.MODULES[name]
            assert modules.designed(c_in, *widths)(torch.zeros(1, c_in, 3, 3)).shape[1] == stage.output_shape[0]


with torch.device("meta"):
    STAGES = complexity.profile(models.googlenet()).stages


def test_miniature_has_the_modules_of_the_paper():
    net = googlenet.miniature(7)
    cost = complexity.profile(net, (1, 16, 16))
    assert cost.depth == 20 and cost.output_size == (7,)
    mini = {s.name: s.output_shape[0] for s in cost.stages if "inception" in s.name}
    assert mini == {s.name: s.output_shape[0] // 8 for s in STAGES if "inception" in s.name}
    logits, heads = net.with_auxiliary(torch.zeros(2, 1, 16, 16))
    assert logits.shape == (2, 7) and list(heads) == list(googlenet.AUXILIARY)
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in googlenet.miniature(norm=True, channels=3).modules())


def test_good_initial_weights_need_neither_heads_nor_normalization_and_those_make_up_for_bad_ones():
    table = published.read("auxiliary_grid")
    keys = ["init", "norm", "heads", "lr"]
    seeds = table.groupby([*keys, "epoch"])["valid_accuracy"].agg(["count", "min", "max"])
    assert (table.groupby([*keys, "epoch"])["seed"].nunique() == 3).all() and len(table.groupby(keys)) == 8 * 4
    low, high = (lambda *arm: seeds["min"][arm]), (lambda *arm: seeds["max"][arm])
    for init in ("glorot", "he fan-in"):
        assert low(init, False, "none", 0.002, 30) >= 0.975 and high(init, False, "both", 0.002, 30) < 0.996
    assert all(high("pytorch", False, "none", 0.002, epoch) == 0.1 for epoch in (3, 12, 30))
    assert 0.3 < low("pytorch", False, "none", 0.0005, 10) and high("pytorch", False, "none", 0.0005, 10) < 0.5
    assert low("pytorch", False, "both", 0.002, 30) > 0.95 and low("pytorch", True, "none", 0.002, 30) > 0.95
    for init in ("glorot", "he fan-in", "he fan-out", "pytorch"):
        assert low(init, True, "none", 0.002, 3) >= 0.85 and low(init, True, "none", 0.008, 10) > 0.83
    assert high("glorot", False, "none", 0.008, 10) < 0.25
    start = table[(table["epoch"] == 0) & (table["heads"] == "none")].groupby(["init", "norm"])["conv1"]
    assert start.max()["pytorch", False] < 3e-6 and start.min()["he fan-out", False] > 1900
    assert start.min().xs(True, level=1).min() > 1.7 and start.max().xs(True, level=1).max() < 60
    left, right = pictures.which_one_did_it(table).axes
    assert len(right.get_yticks()) == 8 and left.get_xlabel() == "epoch"
