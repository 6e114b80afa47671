"""The pictures of lesson 09: no name covers another or a bubble, and the artists hold what was given."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

from lecture8 import complexity, datasets, models, plots, published, transfer
from lecture8.lessons.l09_complexity import budget, cifar10, experiments, explorers, pictures, rooflines


@pytest.fixture(autouse=True)
def style():
    plots.use_style()


def boxes(figure, names):
    """The extents of the texts with these names, in pixels of the drawn figure."""
    figure.canvas.draw()
    return {t.get_text(): t.get_window_extent() for ax in figure.axes for t in ax.texts if t.get_text() in names}


def crossings(found):
    return [(a, b) for a, b in itertools.combinations(found, 2) if found[a].overlaps(found[b])]


def bubbles(ax, size):
    """(x, y, radius) in pixels of the bubbles that stand for networks."""
    scale = ax.figure.dpi / 72
    marks = [line for line in ax.lines if line.get_marker() == "o" and line.get_transform() == ax.transData]
    found = {tuple(ax.transData.transform(line.get_xydata()[0])): line.get_markersize() / 2 * scale for line in marks}
    assert len(found) == size
    return [(x, y, radius) for (x, y), radius in found.items()]


@pytest.mark.parametrize("recipe", budget.RECIPES)
@pytest.mark.parametrize("cost", explorers.COSTS)
@pytest.mark.parametrize("log", [False, True])
def test_no_name_covers_another_or_a_bubble(recipe, cost, log):
    table, column = budget.table(recipe), explorers.COSTS[cost][0]
    figure = pictures.trade(table, column, xlabel=cost, log=log)
    found = boxes(figure, table.index)
    assert set(found) == set(table.index) and not crossings(found)
    (ax,) = figure.axes
    frame = ax.get_window_extent()
    for name, box in found.items():
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1, name
        for x, y, radius in bubbles(ax, len(table)):
            dx, dy = max(box.x0 - x, 0, x - box.x1), max(box.y0 - y, 0, y - box.y1)
            assert np.hypot(dx, dy) > radius - 1, name


def test_trade_draws_areas_front_and_choice():
    table = pd.DataFrame(
        {"cost": [1.0, 2.0, 3.0], "top1": [50, 60, 55], "params": [25, 100, 25]}, index=["A", "B", "C"]
    )
    (ax,) = pictures.trade(table, "cost", xlabel="cost", front=["B", "A"], outside=["C"], best="B").axes
    round_ones = [line for line in ax.lines if line.get_marker() == "o"]
    in_data = [line for line in round_ones if line.get_transform() == ax.transData]
    marks = {line.get_xdata()[0]: line for line in in_data}
    sizes = {line.get_markersize() for line in in_data}
    assert sizes == {21, 42, 49}, "four times the parameters are twice as wide; the ring is a little wider still"
    key = sorted(line.get_markersize() for line in round_ones if line not in in_data)
    assert np.allclose(key, [4.2 * np.sqrt(params) for params in (5, 50, 150)]), "to the scale of the bubbles"
    assert marks[3.0].get_markerfacecolor() == "white" and marks[1.0].get_markerfacecolor() != "white"
    (steps,) = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_drawstyle().startswith("steps")]
    assert list(steps.get_xdata()) == [1, 2] and list(steps.get_ydata()) == [50, 60]
    assert [t.get_fontweight() for t in ax.texts if t.get_text() in "ABC"] == ["normal", "bold", "normal"]


def test_orders_of_all_networks_have_readable_names():
    table = budget.table()[["params", "macs", "ms"]]
    figure = pictures.orders(table)
    figure.canvas.draw()
    texts = [t for t in figure.axes[0].texts if t.get_text() in table.index]
    assert len(texts) == 2 * len(table)
    extents = [t.get_window_extent() for t in texts]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(extents, 2))
    assert all(figure.bbox.x0 <= e.x0 and e.x1 <= figure.bbox.x1 for e in extents)


def test_roofline_has_the_layers_of_three_networks():
    """At 4 multiply-adds per byte convolutions wait for arithmetic, linear layers of one image for memory."""
    with torch.device("meta"):
        nets = {name: budget.intensities(models.build(name), 224) for name in ("alexnet_owt", "vgg16", "resnet50")}
    for name, table in nets.items():
        assert table["macs"].sum() == models.ARCHITECTURES[name].macs
        assert ((table["intensity"] > 4) == (table["kind"] == "Conv2d")).all(), name
    convs = {name: (t["intensity"][t["kind"] == "Conv2d"] < 40).sum() for name, t in nets.items()}
    assert convs == {"alexnet_owt": 3, "vgg16": 1, "resnet50": 41}, "on the large GPU"
    roof, lanes = rooflines.roofline(nets, 40e9, 10e9).axes
    assert [len(dots.get_offsets()) for dots in lanes.collections] == [len(table) for table in nets.values()][::-1]
    assert max(roof.lines[0].get_ydata()) == 40 and [t.get_text() for t in lanes.get_yticklabels()] == [*nets][::-1]


def test_reading_the_weights_is_most_of_a_linear_layer_and_a_small_part_of_a_network():
    table = published.read("weights_reading")
    assert table.groupby("seed").size().tolist() == [12] * 3
    ratio = table.pivot(index="pair", columns="seed", values="ratio")
    assert ratio.loc["reading / linear"].between(0.6, 0.85).all()
    assert (ratio.loc[["linear, 7 MB of weights / linear", "linear, 0.5 MB of weights / linear"]] < 0.5).all(axis=None)
    assert ratio.loc["linear / convolution"].min() > 10 > 5 > ratio.loc["linear / convolution, batch 16"].max()
    assert ratio.loc["reading all / vgg11"].max() < 0.15 and ratio.loc["reading all / alexnet_owt"].min() > 0.3
    model = rooflines.reading_by_model(40e9, 10e9)
    assert [round(share) for share in model.values()] == [100, 61, 22, 13, 10, 10]
    assert len(rooflines.reading_share(table, 40e9, 10e9).axes[0].patches) == 6


def test_our_own_networks_for_photographs_are_as_they_were_measured():
    table = published.read("cifar10_networks")
    ends = table.dropna(subset="test_accuracy").set_index("network")
    stored = published.read("cifar10_animals").set_index(["network", "photo"])
    images = transfer.normalize(torch.stack(list(datasets.animals(32).values())) / 255, "cifar10")
    assert set(ends.index) <= set(cifar10.NETWORKS)
    for network in ends.index:
        net = getattr(models.small, network)(weights="cifar10").eval()
        with torch.no_grad():
            assert np.allclose(net(images), stored.loc[network], atol=2e-3), network
        cost, end = complexity.profile(net, (3, 32, 32)), ends.loc[network]
        assert (cost.params, cost.macs, cost.activations) == tuple(end[["params", "macs", "activations"]])
        name = network if network == "resnet20" else f"small.{network}"
        assert models.ARCHITECTURES[name].trained["cifar10"].test_accuracy == round(end["test_accuracy"], 4)
        assert (table[table["network"] == network]["lr"] == cifar10.best_rate(network)).all()
    files = list((published.SHARED / "weights").iterdir())
    assert len(files) == len(ends) and all(file.stat().st_size <= 1e6 for file in files)
    figure = pictures.own_trades(cifar10.own(), {"params": ["VGG-like"], "time64": ["VGG-like", "ZFNet-like"]})
    assert [len(ax.lines) for ax in figure.axes] == [len(ends) + 1] * 2


def test_every_network_at_every_batch(monkeypatch):
    monkeypatch.setattr(experiments, "SWEPT", ("resnet20",))
    monkeypatch.setitem(experiments.SWEEP, "cpu", (1, 3))
    found = pd.DataFrame(experiments.rows(["resnet20"], (1, 2), torch.device("cpu"), 0.0))
    expected = [("resnet20", 1), ("resnet20", 2), ("resnet20", 3)]
    assert list(zip(found["network"], found["batch"], strict=True)) == expected
    assert (found["runs"] >= 5).all() and not found.isna().any().any()
    assert (found["ms_low"] <= found["ms"]).all() and (found["ms"] <= found["ms_high"]).all()
    weights = [4 * models.ARCHITECTURES[name].params / 1e6 for name in found["network"]]
    assert (found["mb"] > weights).all() and (found["mb"] < 10 * pd.Series(weights) + 10).all()


def test_the_shipped_reference_has_every_network_of_the_course():
    table = published.read("reference_cpu")
    for batch in experiments.BATCHES["cpu"]:
        assert list(table[table["batch"] == batch]["network"]) == experiments.NETWORKS
    for name in experiments.SWEPT:
        assert list(table[table["network"] == name]["batch"]) == list(experiments.SWEEP["cpu"])
    relative = (table["ms_high"] - table["ms_low"]) / table["ms"]
    assert relative.median() < 0.2, "the machine was not calm: measure again"
