"""The pictures of notebook 01 hold their data, the tables say what the text says, and the code to take home runs."""

import copy
import io
import re

import numpy as np
import pytest
import torch
from figures import texts
from PIL import Image

from lecture8 import datasets, models, plots, published, transfer
from lecture8.lessons.l01_transfer_learning import pictures as draw
from lecture8.lessons.l01_transfer_learning import tasks
from lecture8.lessons.l01_transfer_learning.explorers import upload
from tools.build import conditions


def test_what_learns_is_read_off_the_networks():
    torch.manual_seed(0)
    source = models.small.vgg(4, width=4)
    tuned = transfer.replace_head(copy.deepcopy(source), 4)
    nets = {"tuned": tuned, "half": transfer.freeze(copy.deepcopy(tuned), "block1")}
    said = {patch.get_label() for patch in draw.what_learns(nets, source).axes[0].patches}
    assert said > {"tuned, block1: copied, trained", "tuned, classifier: new, trained", "half, block1: copied, frozen"}


def test_photographs_are_cropped_and_their_answers_framed():
    photos = datasets.animals(64)
    views, whose = tasks.zoomed(photos, 2, seed=0)
    assert views.shape == (20, 3, 32, 32) and whose.tolist()[:4] == [0, 0, 1, 1] and 0 <= views.min() < views.max() <= 1
    (ax,) = draw.crops(dict(zip(photos, views[::2], strict=True)), views[::2], {"mine": [0, 0, *range(2, 10)]}).axes
    assert [text.get_text() for text in ax.texts if text.get_color() == draw.ORANGE] == ["mine:\ncat"]


def test_the_code_to_take_home_learns_a_folder_of_photographs(tmp_path, capsys):
    for name, color in (("blue", (20, 40, 220)), ("red", (220, 40, 20))):
        (tmp_path / name).mkdir()
        for i in range(12):
            pixels = np.random.default_rng(i).normal(color, 20, (60, 80, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    source, space = (conditions.folder("01_transfer_learning") / "01_transfer_learning.py").read_text("utf-8"), {}
    for cell in re.findall(r"^# %%\n(# take home.*?)(?=^# %%)", source, re.MULTILINE | re.DOTALL):
        assert "lecture8" not in cell
        exec(cell, space)
    *loaders, classes = space["load"](tmp_path)
    assert [len(loader.dataset) for loader in loaders] == [14, 5, 5]
    for recipe, learning in {"last stage": ("fc", "layer4"), "frozen": ("fc",), "one rate": ("",)}.items():
        net, groups = space["own_network"](len(classes), recipe, weights=None)  # no network connection here
        before = copy.deepcopy(net.state_dict())
        right = space["fine_tune"](net, groups, *loaders[:2], epochs=2 if recipe == "last stage" else 1)
        moved = {name for name, value in net.state_dict().items() if not value.equal(before[name])}
        assert moved and all(name.startswith(learning) for name in moved) and 0 <= right <= 5
    assert "epoch 2: " in capsys.readouterr().out and 0 <= space["count_right"](net, loaders[2]) <= 5
    assert list(space["predict"](net, tmp_path / "red" / "0.png", classes)) == ["blue", "red"]


@pytest.mark.parametrize("version", [7, 8])
def test_an_uploaded_picture_is_answered(version):
    seen = []

    def answer(photo):
        seen.append(photo)
        return plots.bars({"mean": float(photo.float().mean())}, xlabel="brightness"), f"{len(seen)} seen"

    widget, buffer = upload(answer, torch.zeros(3, 8, 8, dtype=torch.uint8)), io.BytesIO()
    Image.fromarray(np.full((6, 4, 3), 200, np.uint8)).save(buffer, "PNG")
    file = {"name": "a.png", "content": memoryview(buffer.getvalue())}
    widget._chosen({"new": {"a.png": file} if version == 7 else (file,)})
    assert widget.readout.value == "2 seen" and seen[1].shape == (3, 6, 4) and int(seen[1].min()) == 200
    widget._chosen({"new": ({"name": "b.txt", "content": b"no picture"},)})
    assert "(cannot" in widget.readout.value and "2 seen" in widget._repr_mimebundle_()[0]["text/plain"]


def by_seed(table, **where):
    for key, value in where.items():
        table = table[table[key] == value]
    return table.set_index("seed")["test_accuracy"]


def test_at_one_recipe_gratings_help_and_with_20_labels_slower_lower_layers_do():
    table, grid = published.read("source_value"), published.read("transfer_grid")
    rows = draw.at_first(table)
    counts = rows[rows["recipe"].isin(["one rate", "layer-wise"])].groupby(["labels", "source", "recipe"])["seed"]
    assert all(n == {20: 8, 100: 5}.get(labels, 3) for (labels, *_), n in counts.nunique().items())
    for recipe in ("one rate", "layer-wise"):
        arms = {s: by_seed(rows, labels=100, source=s, recipe=recipe) for s in set(rows["source"])}
        assert all((arms[s] - arms["none"]).min() > gap for s, gap in (("gratings", 0.05), ("handwritten digits", 0.1)))
    recipes = "one rate", "head first", "layer-wise", "frozen"
    one, head, slow, frozen = (by_seed(rows, labels=20, source="printed digits", recipe=r) for r in recipes)
    assert (slow - one).min() > 0.08 and (frozen - one).min() > 0.08 and frozen.mean() > slow.mean() + 0.03
    assert 0 < (head - one).mean() < 0.04 and ((head - one) < 0).sum() == 4  # not clearly better
    assert by_seed(rows, labels=20, source="none", recipe="frozen").max() < 0.2  # few weights are not enough
    mean = table.groupby(["recipe", "labels", "lr", "epochs", "source"])["test_accuracy"].mean().unstack()
    assert mean.loc["one rate", 20]["printed digits"].round(2).tolist() == [0.5, 0.52, 0.49, 0.48]
    lead = (mean["gratings"] - mean["none"]).round(3).dropna()  # clear under one recipe, none under the other
    assert lead["one rate", 2000].tolist() == [-0.011] and lead["layer-wise", 2000].tolist() == [0.066, 0.055, 0.032]
    best = mean.loc[["one rate", "layer-wise"]].xs(100, level="labels").max().round(3)
    assert best.to_dict() == {"none": 0.409, "gratings": 0.482, "handwritten digits": 0.549, "printed digits": 0.85}
    assert "≈ 430" in " ".join(texts(draw.source_value(table).axes[0]))
    drawn = draw.layerwise_runs(grid, table)
    assert (drawn["factor"] < 1).all() and (drawn.groupby(["source", "labels", "frozen"])["seed"].nunique() == 3).all()


def test_statistics_that_adapt_help_a_different_source_and_cost_a_similar_one_little():
    table, sources = published.read("frozen_statistics"), ("gratings", "gratings", "printed digits")
    ranges = (0.02, 0.05), (0.01, 0.03), (-0.015, 0.015)
    for labels, epochs in {20: 40, 100: 30, 500: 20}.items():
        for source, length, (least, most) in zip(sources, (1, 3, 1), ranges, strict=True):
            where = {"labels": labels, "source": source, "epochs": length * epochs}
            held, adapting, once = (by_seed(table, statistics=k, **where) for k in ("held", "adapting", "set once"))
            assert len(held) == (5 if length == 1 else 3) and abs((adapting - once).mean()) < 0.015
            assert least < (adapting - held).mean() < most


def test_two_frozen_random_layers_cost_more_than_two_of_gratings():
    table = published.read("frozen_layers")
    for k, gap in {1: -0.01, 2: 0.05, 4: 0.2, 6: 0.1}.items():
        where = {"statistics": "letters", "frozen": k, "epochs": 10}
        random, gratings, printed = (by_seed(table, source=s, **where) for s in ("none", "gratings", "printed digits"))
        assert len(random) == 3 and (gratings - random).min() > gap and (printed - gratings).min() > 0.01
    assert (by_seed(table, source="gratings", epochs=30) - by_seed(table, source="none", epochs=30)).min() > 0.035


def test_it_is_not_the_handwriting_that_keeps_handwritten_digits_from_helping():
    table = published.read("handwriting").query("source_epochs == 6")
    steps = ["as scanned", "+ shades", "+ both polarities", "+ noise", "+ size, rotation, position"]
    for labels, recipe, gain in ((100, "layer-wise", 0.22), (20, "frozen", 0.25)):
        runs = {s: by_seed(table, labels=labels, recipe=recipe, source=s) for s in table["source"].unique()}
        assert [runs[s].mean() for s in steps] == sorted(runs[s].mean() for s in steps)
        assert (runs[steps[-1]] - runs[steps[0]]).min() > gain
        assert abs((runs[steps[-1]] - runs["printed, 8 × 8 enlarged"]).mean()) < 0.04
        assert (runs["printed"] - runs[steps[-1]]).min() > 0.08
    assert len(draw.handwriting(table, dict.fromkeys([*steps, "printed"], torch.zeros(2, 16, 16))).axes) == 7
