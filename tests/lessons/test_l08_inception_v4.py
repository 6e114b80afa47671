"""The pictures and explorers of lesson 08 hold what they were given."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from figures import texts

from lecture8 import complexity, models, published
from lecture8.lessons.l08_inception_v4 import explorers, parts, pictures
from lecture8.models.inception_resnet import BLOCKS, ScaledResidual

STOPS = ["stem", "block A", "reduction A", "block B", "reduction B", "block C", "end"]
NAMES = ("inception_v4", "inception_resnet_v1", "inception_resnet_v2")


@pytest.fixture(scope="module")
def costs():
    with torch.device("meta"):
        return {name: complexity.profile(models.build(name), 299) for name in NAMES}


def test_parts_cover_the_network_once(costs):
    blocks = {"inception_v4": (4, 7, 3), "inception_resnet_v1": (5, 10, 5), "inception_resnet_v2": (10, 20, 10)}
    for name, cost in costs.items():
        found = parts.parts(cost)
        assert list(found) == STOPS
        assert sum(p.params for p in found.values()) == cost.params
        assert sum(p.macs for p in found.values()) == cost.macs
        assert [s for p in found.values() for s in p.stages] == [s.name for s in cost.stages]
        assert tuple(len(found[f"block {kind}"].stages) for kind in "ABC") == blocks[name]
        arcs = {p.name: p.shortcuts for p in found.values() if p.shortcuts}
        with_shortcuts = dict(zip(("block A", "block B", "block C"), blocks[name], strict=True))
        assert arcs == ({} if name == "inception_v4" else with_shortcuts)
        ends = list(found.values())
        assert ends[0].given == (3, 299, 299) and ends[-1].shape == (1000,)
        assert all(a.shape == b.given for a, b in pairwise(ends))


def test_walk_draws_a_bar_per_module_and_an_arc_per_shortcut(costs):
    for name, bars, arcs in (("inception_v4", 18, 0), ("inception_resnet_v1", 24, 20)):
        (ax,) = pictures.walk(costs[name]).axes
        assert sum(len(each.get_paths()) for each in ax.collections) == bars
        assert sum(int(np.isnan(line.get_xdata()).sum()) for line in ax.lines) == arcs
    (ax,) = pictures.walk(costs["inception_v4"]).axes
    assert {"4 × block A", "384 × 35 × 35\n1.55 G", "stem", "end", "1000\n1.54 M"} <= set(texts(ax))


def test_stop_draws_the_module_under_the_walk(costs):
    block = ScaledResidual(256, *BLOCKS["resnet_v1"]["a"], scale=0.17).to("meta")
    cost = complexity.profile(block, (256, 35, 35))
    top, below = pictures.stop(costs["inception_resnet_v1"], "block A", block, cost, title="A").axes
    assert "5 × block A" in texts(top) and "sum  256 × 35 × 35" in texts(below) and below.get_title() == "A"


def test_size_or_shortcut_draws_the_published_pairs():
    table = published.read("inception_v4_errors")
    macs = {"Inception-v3": 5e9, "Inception-ResNet-v1": 6e9, "Inception-v4": 12e9, "Inception-ResNet-v2": 13e9}
    (ax,) = pictures.size_or_shortcut(table, macs).axes
    drawn = [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines]
    assert len(drawn) == 6 and ([5, 12], [21.2, 20.0]) in drawn and ([6, 13], [18.8, 17.8]) in drawn
    assert {"1 crop", "12 crops", "144 crops", *macs} == set(texts(ax))


def test_published_errors_agree_with_the_registry():
    table = published.read("inception_v4_errors")
    one = table[table["crops"] == 1].set_index("network")["top5"]
    for name, title in (
        ("inception_v4", "Inception-v4"), ("inception_resnet_v1", "Inception-ResNet-v1"),
        ("inception_resnet_v2", "Inception-ResNet-v2"), ("inception_v3", "Inception-v3"),
    ):  # fmt: skip
        assert models.ARCHITECTURES[name].published["top-5 error, one crop"].startswith(str(one[title]))
    assert np.isclose(table["top1"] > table["top5"], True).all()


def test_the_walk_explorer_says_what_the_profile_says(costs):
    explorer = explorers.walk()
    explorer.controls["stop"].value = "block B"
    assert "1024 × 17 × 17 go in, 1024 × 17 × 17 come out. 7 such blocks" in explorer.text
    assert "No shortcut" in explorer.text
    explorer.controls["network"].value = "Inception-ResNet-v2"
    part = parts.parts(costs["inception_resnet_v2"])["block B"]
    assert f"20 such blocks in a row have together {part.params:,} parameters" in explorer.text
    assert "x + 0.10 · F(x)" in explorer.text and "from 384 back to 1088 channels" in explorer.text
    explorer.controls["stop"].value = "end"
    assert "2080 × 8 × 8 go in, 1000 come out" in explorer.text and "hortcut" not in explorer.text
