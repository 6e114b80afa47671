"""The pictures of notebook 05 hold the data they were given."""

import importlib

import pandas as pd
import pytest
import torch
from figures import texts

from lecture8 import complexity, models
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


def test_module_costs_stack_every_part():
    left, right = pictures.module_costs({"naive": profile(NAIVE), "small": profile(REDUCED)}).axes
    assert sorted(bar.get_width() for bar in left.patches)[-1] == 481_689_600 and len(left.patches) == 3 + 6
    ends = {}
    for bar in right.patches:
        row = round(bar.get_y() + bar.get_height() / 2)
        ends[row] = max(ends.get(row, 0), bar.get_x() + bar.get_width())
    assert ends == {0: 480, 1: 672} and texts(right) == ["480", "672"] and texts(left) == ["271 M", "854 M"]


def test_strip_draws_stages_to_scale():
    with torch.device("meta"):
        whole = complexity.profile(models.googlenet())
    figure = pictures.strip(whole, {"conv1": 1, "classifier": 22}, heads=["inception_4a"])
    (ax,) = figure.axes
    widths = {round(p.get_x() + p.get_width() / 2): p.get_width() for p in ax.patches}
    assert widths[3] / widths[1] == pytest.approx(28 / 56) and widths[13] / widths[1] == pytest.approx(7 / 56)
    of_5b = [p.get_height() for p in ax.patches if round(p.get_x() + p.get_width() / 2) == 13]
    assert of_5b == pytest.approx([c / 1024 for c in (384, 384, 128, 128)])
    said = texts(ax)
    assert {"304 M", "1024\n7 × 7", "22", "5b"} <= set(said) and said.count("auxiliary\nclassifier") == 1


def test_gradients_mark_the_heads():
    norms = {"without": [[1, 2, 4], [1, 2, 4]], "with": [[3, 3, 4], [3, 3, 4]]}
    (ax,) = pictures.gradients(norms, ["conv1", "inception_4a", "inception_5b"], heads=["inception_4a"]).axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["conv1", "4a", "5b"]
    assert [2, 2] in [list(line.get_xdata()) for line in ax.lines] and "head" in texts(ax)


def test_heads_draws_each_kind_in_its_panel():
    rows = [
        {"norm": norm, "heads": kind, "seed": seed, "epoch": epoch, "valid_accuracy": base + 0.1 * epoch}
        for norm, base in ((False, 0.0), (True, 0.5)) for kind in ("none", "upper", "both")
        for seed in (0, 1) for epoch in (1, 2)
    ]  # fmt: skip
    left, right = pictures.heads(pd.DataFrame(rows)).axes
    for ax, expected in ((left, [10, 20]), (right, [60, 70])):
        assert all(list(line.get_ydata()) == pytest.approx(expected) for line in ax.lines) and len(ax.lines) == 9
        assert texts(ax) == ["no heads", "only 4d", "4a and 4d"]


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
