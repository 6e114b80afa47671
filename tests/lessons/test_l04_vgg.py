"""The pictures and explorers of lesson 04 hold what they were given."""

import pytest
import torch
from figures import texts

from lecture8 import complexity, models, published
from lecture8.lessons.l04_vgg import counts, explorers, pictures


def profile(name):
    with torch.device("meta"):
        return complexity.profile(models.build(name))


def test_stacks_with_field_all_see_it():
    found = counts.stacks_with_field(13)
    assert found == {
        "6 layers of 3 × 3": (3, 6),
        "3 layers of 5 × 5": (5, 3),
        "2 layers of 7 × 7": (7, 2),
        "1 layer of 13 × 13": (13, 1),
    }
    for kernel, layers in found.values():
        field = 1
        for _ in range(layers):
            field, _ = complexity.receptive_field(field, 1, kernel)
        assert field == 13
    for field in (4, 1):
        with pytest.raises(ValueError, match=f"given field={field}"):
            counts.stacks_with_field(field)


def test_parts_and_shares_add_up_to_the_network():
    cost = profile("vgg16")
    table = counts.parts(cost)
    assert list(table) == ["image", *(f"block{n}" for n in range(1, 6)), "fc6", "fc7", "fc8"]
    assert sum(row["params"] for row in table.values()) == cost.params == 138_357_544
    assert sum(row["macs"] for row in table.values()) == cost.macs
    assert sum(row["activations"] for row in table.values()) == cost.activations == 15_237_608
    for ax in pictures.shares(cost).axes:
        assert sum(bar.get_width() for bar in ax.patches) == pytest.approx(100)
    assert "74.3 %" in texts(pictures.shares(cost).axes[0])


def test_sixteen_or_nineteen_draws_the_published_table():
    table = published.read("vgg_errors")
    left, right = pictures.sixteen_or_nineteen(table).axes
    assert list(left.lines[0].get_ydata()) == [29.6, 28.7, 28.1, 27.0, 27.3]
    pairs = counts.protocols(table)
    assert pairs["Table 3: S = 256"] == (27.0, 27.3) and pairs["Table 5: both averaged"] == (24.4, 24.4)
    assert counts.protocols(table, "top5")["Table 5: both averaged"] == (7.2, 7.1)
    drawn = {(line.get_xdata()[0], line.get_xdata()[1]) for line in right.lines if len(line.get_xdata()) == 2}
    assert len(pairs) == 8 and drawn == set(pairs.values())


def test_published_errors_agree_with_the_table_of_all_networks_and_with_the_registry():
    errors = published.read("vgg_errors").set_index(["table", "train_scale", "configuration"])
    common = published.read("imagenet_errors").set_index(["network", "nets"])
    for name, configuration in (("vgg16", "D"), ("vgg19", "E")):
        row = errors.loc[[(3, "256-512", configuration)]].squeeze()
        other = common.loc[[(name.upper().replace("VGG", "VGG-"), 1)]].squeeze()
        assert (row["top1"], row["top5"]) == (other["top1"], other["top5"])
        printed = models.ARCHITECTURES[name].published["top-1 / top-5 error"]
        assert printed.startswith(f"{row['top1']} / {row['top5']}")
    layers = {"A": 11, "A-LRN": 11, "B": 13, "C": 16, "D": 16, "E": 19}
    assert all(layers[row.configuration] == row.layers for row in published.read("vgg_errors").itertuples())


def test_the_stack_explorer_says_what_the_formula_says():
    explorer = explorers.stack()
    for name, value in {"kernel": 5, "layers": 2, "channels": 64, "side": 14}.items():
        explorer.controls[name].value = value
    assert "receptive field 9 × 9" in explorer.text and f"{2 * 25 * 64**2:,} weights" in explorer.text
    assert f"{2 * 25 * 64**2 * 14**2:,} multiply-adds" in explorer.text and "2 non-linearities" in explorer.text
    assert f"{81 * 64**2:,} weights, 1.62 times" in explorer.text and "larger than the map" not in explorer.text
    explorer.controls["layers"].value = 4
    assert "larger than the map" in explorer.text
    explorer.controls["layers"].value = 1
    assert "1 non-linearity." in explorer.text and "One 5 × 5" not in explorer.text


def test_the_cost_explorer_says_what_the_profile_says():
    explorer = explorers.costs()
    explorer.controls["configuration"].value = "D"
    assert "138,357,544 parameters, 89.4% of them fully connected" in explorer.text and "61.0 MB" in explorer.text
    explorer.controls["configuration"].value = "A"
    assert "11 weight layers, 132,863,336 parameters" in explorer.text
    explorer.controls["size"].value = 64
    assert "64 × 64" in explorer.text and "fc7" in explorer.text


def test_from_c_to_d_more_grows_than_the_field():
    b, c, d = (counts.middle().loc[name] for name in "BCD")
    assert b["field"] == c["field"] == 156 and d["field"] == 212 and c["layers"] == d["layers"] == 16
    assert d["conv params"] - c["conv params"] == 4_718_592 and d["macs"] > 1.3 * c["macs"] > 1.3 * b["macs"]


def test_features_of_the_top_serve_what_resembles_their_letters_and_block_2_serves_both():
    table = published.read("vgg_probes")
    for epochs, seeds in {6: 5, 18: 3}.items():
        runs = table[table["epochs"] == epochs]
        found = runs.groupby(["task", "view", "classifier"])["test_accuracy"].agg(["count", "mean"])
        assert (found["count"] == seeds).all() and len(found) == 2 * 10 * 2
        for task, gain in (("printed digits", 0.1), ("handwritten digits", -0.02)):
            best = found["mean"][task]
            pixels = max(best[view].max() for view in ("pixels", "pixels, one polarity"))
            fc7, fair = best["fc7", "linear"], best["block 2, 128 of 256", "linear"]
            assert fc7 - pixels > gain if gain > 0 else fc7 - pixels < gain
            assert best["block 2", "linear"] > fair > max(pixels, fc7 - 0.03)
        assert found["mean"]["handwritten digits", "block 2, untrained", "linear"] > 0.6
        assert len(pictures.probes(table, epochs).axes) == 2
