"""The pictures of notebook 01 hold their data, and its upload button takes what both ipywidgets hand it."""

import copy
import io

import numpy as np
import pytest
import torch
from figures import texts
from PIL import Image

from lecture8 import models, plots, published, transfer
from lecture8.lessons.l01_transfer_learning import pictures as draw
from lecture8.lessons.l01_transfer_learning.explorers import upload


def test_what_learns_is_read_off_the_networks():
    torch.manual_seed(0)
    teacher = models.small.vgg(4, width=4)
    tuned = transfer.replace_head(copy.deepcopy(teacher), 4)
    nets = {
        "new": models.small.vgg(4, width=4),
        "tuned": tuned,
        "half": transfer.freeze(copy.deepcopy(tuned), "block1"),
    }
    (ax,) = draw.what_learns(nets, teacher).axes
    said = {patch.get_label().split(": ")[0]: patch.get_label().split(": ")[1] for patch in ax.patches}
    assert {said[f"new, {part}"] for part in ("block1", "block2", "block3", "classifier")} == {"new, trained"}
    assert [said[f"tuned, {part}"] for part in ("block1", "classifier")] == ["copied, trained", "new, trained"]
    assert [said[f"half, {part}"] for part in ("block1", "block2")] == ["copied, frozen", "copied, trained"]
    assert [t for t in texts(ax) if t] == ["block1", "block2", "block3", "classifier"]


def test_the_shipped_runs_are_complete():
    table = published.read("transfer_grid")
    assert set(table["labels"]) == {20, 100, 500, 2000} and set(table["seed"]) == {0, 1, 2}
    ways = table.groupby(["source", "labels", "frozen", "factor"])["seed"].count()
    assert (ways == 3).all() and len(ways) == 4 * (1 + 3 * 8)
    assert table["test_accuracy"].between(0.05, 1).all()


@pytest.mark.parametrize("version", [7, 8])
def test_an_uploaded_picture_is_answered(version):
    seen = []

    def answer(photo):
        seen.append(photo)
        return plots.bars({"mean": float(photo.float().mean())}, xlabel="brightness"), f"{len(seen)} seen"

    widget = upload(answer, torch.zeros(3, 8, 8, dtype=torch.uint8))
    assert widget.readout.value == "1 seen" and bytes(widget.image.value).startswith(b"\x89PNG")
    buffer = io.BytesIO()
    Image.fromarray(np.full((6, 4, 3), 200, np.uint8)).save(buffer, "PNG")
    file = {"name": "a.png", "content": memoryview(buffer.getvalue())}
    widget._chosen({"new": {"a.png": file} if version == 7 else (file,)})
    assert widget.readout.value == "2 seen" and seen[1].shape == (3, 6, 4) and int(seen[1].min()) == 200
    widget._chosen({"new": ({"name": "b.txt", "content": b"no picture"},)})
    assert "cannot read this image (cannot" in widget.readout.value
    assert "2 seen" in widget._repr_mimebundle_()[0]["text/plain"]


def by_seed(table, **where):
    """Test accuracy by seed of one arm."""
    for key, value in where.items():
        table = table[table[key] == value]
    return table.set_index("seed")["test_accuracy"]


def test_at_one_recipe_gratings_help_and_with_20_labels_slower_lower_layers_do():
    table, grid = published.read("source_value"), published.read("transfer_grid")
    rows = draw.fine_tuned(table, grid)
    counts = rows[rows["recipe"].isin(["one rate", "layer-wise"])].groupby(["labels", "source", "recipe"])["seed"]
    assert all(n == {20: 8, 100: 5}.get(labels, 3) for (labels, *_), n in counts.nunique().items())
    assert len(counts) == 4 * 4 * 2 and {*draw.at_first(table)["recipe"]} > {"frozen", "head first"}
    for recipe in ("one rate", "layer-wise"):
        arms = {s: by_seed(rows, labels=100, source=s, recipe=recipe) for s in set(rows["source"])}
        assert (arms["gratings"] - arms["none"]).min() > 0.05 and (
            arms["handwritten digits"] - arms["none"]
        ).min() > 0.1
    random, gratings = (by_seed(rows, labels=2000, source=s, recipe="layer-wise") for s in ("none", "gratings"))
    assert gratings.min() > random.max() and (gratings - random).mean() > 0.06
    one, head, slow, frozen = (
        by_seed(draw.at_first(table), labels=20, source="printed digits", recipe=r)
        for r in ("one rate", "head first", "layer-wise", "frozen")
    )
    assert (slow - one).min() > 0.08 and (frozen - one).min() > 0.08 and frozen.mean() > slow.mean() + 0.03
    assert 0 < (head - one).mean() < 0.04 and ((head - one) < 0).sum() == 4  # not clearly better
    assert [ax.get_xlabel() for ax in draw.source_value(table, grid).axes] == ["labeled letters"] * 2
    assert len(draw.twenty_labels(table).axes[0].patches) == 6


def test_statistics_that_adapt_help_a_different_source_and_cost_a_similar_one_little():
    table = published.read("frozen_statistics")
    for labels, epochs in {20: 40, 100: 30, 500: 20}.items():
        for source, least, most in (("gratings", 0.02, 0.05), ("printed digits", -0.015, 0.015)):
            held, adapting, once = (
                by_seed(table, labels=labels, epochs=epochs, source=source, statistics=kind)
                for kind in ("held", "adapting", "set once")
            )
            assert len(held) == len(adapting) == len(once) == 5
            assert least < (adapting - held).mean() < most and abs((adapting - once).mean()) < 0.015
        where = {"labels": labels, "source": "gratings", "epochs": 3 * epochs}
        held, adapting = (by_seed(table, statistics=kind, **where) for kind in ("held", "adapting"))
        assert len(held) == 3 and 0.01 < (adapting - held).mean() < 0.03
    assert len(draw.frozen_statistics(table).axes) == 2


def test_two_frozen_random_layers_cost_more_than_two_of_gratings():
    table = published.read("frozen_layers")
    for k, gap in {1: -0.01, 2: 0.05, 4: 0.2, 6: 0.1}.items():
        random, gratings, printed = (
            by_seed(table, source=s, statistics="letters", frozen=k, epochs=10)
            for s in ("none", "gratings", "printed digits")
        )
        assert len(random) == len(gratings) == len(printed) == 3
        assert (gratings - random).min() > gap and (printed - gratings).min() > 0.01
    random, gratings = (by_seed(table, source=s, frozen=2, epochs=30) for s in ("none", "gratings"))
    assert len(random) == 3 and (gratings - random).min() > 0.035
    assert list(draw.frozen_layers(table).axes[0].get_xticks()) == [0, 1, 2, 4, 6]


def test_it_is_not_the_handwriting_that_keeps_handwritten_digits_from_helping():
    table = published.read("handwriting")
    table = table[table["source_epochs"] == 6]
    steps = ["as scanned", "+ shades", "+ both polarities", "+ noise", "+ size, rotation, position"]
    for labels, recipe, gain in ((100, "layer-wise", 0.22), (20, "frozen", 0.25)):
        runs = {s: by_seed(table, labels=labels, recipe=recipe, source=s) for s in table["source"].unique()}
        assert len(runs) == 9 and all(len(run) == 3 for run in runs.values())
        assert [runs[s].mean() for s in steps] == sorted(runs[s].mean() for s in steps)
        assert (runs[steps[-1]] - runs[steps[0]]).min() > gain
        assert abs((runs[steps[-1]] - runs["printed, 8 × 8 enlarged"]).mean()) < 0.04
        assert (runs["printed"] - runs[steps[-1]]).min() > 0.08
    assert len(draw.handwriting(table).axes) == 2
