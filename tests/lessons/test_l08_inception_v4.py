"""The blocks, pictures and tables of lesson 08 hold what the lesson says of them."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from figures import texts

from lecture8 import complexity, models, published, transfer
from lecture8.lessons.l08_inception_v4 import answers, explorers, parts, pictures, pieces
from lecture8.lessons.l08_inception_v4 import questions as ask

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
        arcs = {p.name: p.shortcuts for p in found.values() if p.shortcuts}
        repeated = [f"block {kind}" for kind in "ABC"]
        assert arcs == ({} if name == NAMES[0] else dict(zip(repeated, blocks[name], strict=True)))
        assert tuple(len(found[name].stages) for name in repeated) == blocks[name]
        ends = list(found.values())
        assert ends[0].given == (3, 299, 299) and ends[-1].shape == (1000,)
        assert all(a.shape == b.given for a, b in pairwise(ends))
    one_b = [parts.parts(costs[name])["block B"].macs / blocks[name][1] for name in NAMES]
    with torch.device("meta"):
        drawn = complexity.profile(models.inception_resnet_v2(figures=True), 299)
    assert round(one_b[0] / one_b[1], 1) == 4.3 and round(drawn.macs / costs[NAMES[0]].macs, 2) == 0.76


def test_walk_draws_a_bar_per_module_and_an_arc_per_shortcut(costs):
    for name, bars, arcs in (("inception_v4", 18, 0), ("inception_resnet_v1", 24, 20)):
        (ax,) = pictures.walk(costs[name]).axes
        assert sum(len(each.get_paths()) for each in ax.collections) == bars
        assert sum(int(np.isnan(line.get_xdata()).sum()) for line in ax.lines) == arcs


def test_published_errors_agree_with_the_registry():
    table = published.read("inception_v4_errors")
    one = table[table["crops"] == 1].set_index("network")["top5"]
    for name, title in (
        ("inception_v4", "Inception-v4"), ("inception_resnet_v1", "Inception-ResNet-v1"),
        ("inception_resnet_v2", "Inception-ResNet-v2"), ("inception_v3", "Inception-v3"),
    ):  # fmt: skip
        assert models.ARCHITECTURES[name].published["top-5 error, one crop"].startswith(str(one[title]))


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
    assert (costs.max() < 1.01 * costs.min()).all() and len(pictures.additions(curves).axes) == 4
    loss = curves.groupby(["blocks", "epoch", "kind"])["train_loss"].mean()
    found = [ask.what_is_faster(loss[key]) for key in ((3, 12), (1, 12))]
    assert found == ["clearly lower, less than half", "about the same"]


def test_a_bad_start_is_not_the_end():
    steps = published.read("first_steps").set_index(["width", "rate", "kind", "step"])
    mean = steps.groupby(level=[0, 1, 2, 3])[["loss", "zeros"]].mean().round(2)
    found = [mean["loss"][32, 0.1, kind, 100] for kind in ("scale 1", "folded", "scale 0.1")]
    assert np.allclose(found, (0.20, 0.03, 0.004), atol=0.01) and steps["seed"].nunique() == 3
    for width, zeros, loss in ((8, 54, 1.63), (32, 95, 2.02)):
        found = mean.loc[width, 0.1, "scale 1", 20]
        assert (round(found["zeros"]), found["loss"]) == (zeros, loss)
    assert [mean["loss"][32, 0.02, kind, 40] for kind in ("scale 1", "scale 0.1")] == [0.16, 0.39]
    for name, film in pieces.recorded().items():  # the beginning of seed 0, recorded once more
        again = [film.zeros[step] for step in (5, 10, 15, 20)]
        same = steps.query(f"width == 32 and rate == 0.1 and seed == 0 and kind == '{name}'")
        assert again == same["zeros"][:4].tolist()
    assert len(pictures.hundred_steps(steps.reset_index().query("width == 32 and rate == 0.1")).axes) == 2


def test_the_published_weights_fit_the_students_blocks():
    with torch.device("meta"):
        theirs, table = models.inception_resnet_v2(), answers.BLOCKS["resnet_v2"]["c"]
        parts_ = [pieces.stem("resnet_v2"), answers.body(320, "resnet_v2", (10, 20, 9))]
        last = [answers.Block(2080, table, relu=False), answers.chain(2080, (1536, 1))]
        net = torch.nn.Sequential(*parts_, *last, *pieces.end(1536))
    assert complexity.profile(net, 299).macs == complexity.profile(theirs, 299).macs
    transfer.load_in_order(net, theirs.state_dict())


def test_films_and_blocks_are_drawn_with_what_has_no_weights():
    films = {f"scale {scale:g}": explorers._film(8, scale) for scale in (1.0, 0.1)}
    assert all(len(film.zeros) == len(film.losses) == len(film.maps) == 21 for film in films.values())
    assert [ax.get_title(loc="center") for ax in pictures.strip(films, (0, 20)).axes][:2] == ["step 0", "step 20"]
    assert pictures.mosaic(torch.zeros(8, 2, 2)).max() < 0.2 < pictures.mosaic(torch.ones(8, 2, 2)).max()
    block = models.inception_resnet.ScaledResidual(8, [(4, 1)], [(4, 3)], scale=0.17)
    assert {"× 0.17", "ReLU"} <= set(texts(pictures.block_diagram(block, (8, 5, 5), "A").axes[0]))
