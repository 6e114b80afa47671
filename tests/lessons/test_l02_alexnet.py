"""The pictures of notebook 02 hold the data they were given."""

import torch
from matplotlib.patches import Polygon, Rectangle

from lecture8 import models, published
from lecture8.lessons.l02_alexnet import curves, experiments, explorers, layers, pictures
from lecture8.models.alexnet import LAYERS


def test_epochs_to_a_target():
    assert curves.epochs_to([0.2, 0.1], 0.25) == 1 and curves.epochs_to([0.5, 0.3], 0.25) is None
    assert curves.epochs_to([0.75, 0.5, 0.0], 0.25) == 2.5


def test_the_edge_says_what_the_paper_needs():
    edge = explorers.edge()
    assert "ends exactly" in edge.text and "55 → 27 → 13 → 6" in edge.text
    edge.controls["side"].value = 224
    assert "54.25 windows, rounded down to 54" in edge.text and "1 pixel on the right unused" in edge.text
    edge.controls["rounding"].value = "up"
    assert "hangs over the end by 3 pixels" in edge.text and "as the paper has it" in edge.text


def test_augmentation_counts_its_pictures():
    augment = explorers.augment()
    assert "2,178 different" in augment.text
    augment.controls["crop"].value = "off"
    assert "2 different images" in augment.text and "the middle" in augment.text
    before = bytes(augment.image.value)
    augment.controls["color"].value = 0.5
    assert bytes(augment.image.value) != before and "0.5 standard deviations" in augment.text


def test_the_table_has_the_shapes_of_the_lecture():
    table = layers.layer_table(models.alexnet(), (3, 227, 227))
    order = "image CONV1 NORM1 POOL1 CONV2 NORM2 POOL2 CONV3 CONV4 CONV5 POOL3 FC6 FC7 FC8"
    assert list(table.index) == order.split()
    assert table["output"][["image", "CONV1", "POOL1", "CONV5", "POOL3", "FC8"]].tolist() == [
        "227 × 227 × 3", "55 × 55 × 96", "27 × 27 × 96", "13 × 13 × 256", "6 × 6 × 256", "1,000",
    ]  # fmt: skip
    assert table.loc["CONV2"].tolist() == ["27 × 27 × 256", "256", "5 × 5", "1", "2", "2"]
    assert table.loc["NORM1"].tolist() == ["55 × 55 × 96", "", "", "", "", ""]


def test_what_crosses_between_the_two_gpus():
    rows = layers.exchanges(models.alexnet_two_gpus(10, input_size=67).eval(), torch.zeros(1, 3, 67, 67))
    assert [name for name, sees, *_ in rows if sees == "own"] == ["conv2", "conv4", "conv5"]
    crossing = {name: count for name, *_, count in rows if count}
    assert crossing == {"conv3": 4 * 256 * 3 * 3, "fc6": 4 * 256, "fc7": 4 * 4096, "fc8": 4 * 2048}


def test_the_network_is_drawn_to_scale():
    (ax,) = pictures.volumes(LAYERS).axes
    fronts = [p.get_xy() for p in ax.patches if isinstance(p, Polygon) and p.get_alpha() == 0.95]
    sizes = [tuple((xy.max(0) - xy.min(0)).round().astype(int)) for xy in fronts]
    assert sizes[:3] == [(3, 227), (48, 55), (48, 55)] and sizes[-1] == (125, 8)
    (ax,) = pictures.areas({"conv1": (10, 30), "fc8": (90, 10)}).axes
    squares = [p.get_width() * p.get_height() for p in ax.patches if isinstance(p, Rectangle)]
    assert [round(area, 6) for area in squares] == [0.1, 0.9, 0.75, 0.25]


def test_the_first_layer_is_drawn_with_what_it_makes_of_an_image():
    figure = pictures.first_layer(models.small.alexnet(10).features.conv1.conv, torch.rand(3, 16, 16), most=5)
    shown = [ax.images[0].get_array().shape for ax in figure.axes if ax.images]
    assert shown == [(5, 5, 3)] * 5 + [(16, 16, 3)] + [(16, 16)] * 5


def measured(name):
    """The rows of a table that measure, not those that chose the learning rates."""
    table = published.read(name)
    return table[table["seed"].isin(experiments.MEASURING)]


def test_more_images_are_worth_more_than_more_epochs():
    runs = measured("alexnet_sizes")
    equal = runs[runs["steps"] == experiments.STEPS].groupby("images")["test_error"]
    assert tuple(equal.groups) == experiments.SIZES and (equal.count() == 3).all()
    assert equal.mean().is_monotonic_decreasing and equal.max()[1297] < equal.min()[100] / 2


def test_in_deep_networks_of_digits_relu_is_no_faster_than_tanh():
    runs = measured("deep_activations")
    assert (runs.groupby(["arm", "depth", "seed"]).size() == experiments.DEEP_EPOCHS).all()
    five = runs[runs["epoch"] == 5].groupby(["depth", "arm"])["train_error"]
    for depth in experiments.DEPTHS:
        assert five.max()[depth, "tanh, He"] < min(five.min()[depth, arm] for arm in ("ReLU, He", "tanh, Glorot"))
    assert five.max()[20, "tanh, Glorot"] < five.min()[20, "ReLU, He"]


def test_batch_normalization_is_faster_and_in_the_end_no_better():
    table, runs = published.read("alexnet_norm"), measured("alexnet_norm")
    rates = {n: {k: experiments.norm_rate(table, k, n) for k in experiments.NORMS} for n in experiments.BUDGETS}
    error = {}
    for epochs, chosen in rates.items():
        for kind, lr in chosen.items():
            rows = runs[(runs["kind"] == kind) & (runs["lr"] == lr) & (runs["epoch"] == epochs)]
            error[kind, epochs] = (100 - 100 * rows["test_accuracy"]).tolist()
    assert all(len(seeds) == 3 for seeds in error.values())
    assert max(error["batch", 6]) < min(error["none", 6]) - 3
    assert max(error["none", 40]) < 2 and abs(sum(error["batch", 40]) - sum(error["none", 40])) / 3 < 2
