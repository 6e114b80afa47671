"""The pictures and explorers of lesson 08 hold what they were given."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from figures import texts

from lecture8 import complexity, models, published
from lecture8.lessons.l08_inception_v4 import explorers, parts, pictures

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


def test_the_addition_helps_training_where_the_network_is_deep():
    curves = published.read("addition_curves")
    assert (curves.groupby(["blocks", "kind", "epoch"])["seed"].nunique() == 3).all()
    loss = curves.set_index(["blocks", "epoch", "kind"])["train_loss"].sort_index()
    for other, early, late in (("addition deleted", 5, 2.2), ("Inception", 1.6, 2.2)):
        assert loss[3, 12, other].min() > early * loss[3, 12, "residual"].max()
        assert loss[3, 36, other].min() > late * loss[3, 36, "residual"].max()
        assert loss[1, 36, other].min() < 1.5 * loss[1, 36, "residual"].max()
    assert curves[curves["epoch"] == 36]["valid_accuracy"].min() >= 0.98
    costs = published.read("addition_rates").groupby("blocks")["macs"]
    assert (costs.max() < 1.01 * costs.min()).all()
    assert len(pictures.additions(curves).axes) == 4
