"""The pictures of notebook 01 hold their data, and its upload button takes what both ipywidgets hand it."""

import copy
import io

import numpy as np
import pandas as pd
import pytest
import torch
from figures import texts, title
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


def test_two_by_two_puts_every_cell_in_its_place_and_marks_the_best():
    cells = {(a, b): {"x": [0.1, 0.3], "y": [0.5 + i / 10]} for i, a in enumerate("pq") for b in "rs"}
    figure = draw.two_by_two(cells)
    titles = [title(ax) for ax in figure.axes]
    assert titles == ["p, r", "p, s", "q, r", "q, s"]
    widths = [sorted(bar.get_width() for bar in ax.patches) for ax in figure.axes]
    assert widths == [pytest.approx([0.2, 0.5])] * 2 + [pytest.approx([0.2, 0.6])] * 2
    bold = [t.get_text() for ax in figure.axes for t in ax.texts if t.get_fontweight() == "bold"]
    assert bold == ["50%", "50%", "60%", "60%"]


def grid():
    rows = [("none", n, 0, 1.0, s, 0.2 + s / 10) for n in (20, 100) for s in (0, 1)]
    rows += [
        ("gratings", n, k, 0.5, s, n / 1000 + k / 10 + s / 10) for n in (20, 100) for k in (0, 1, 2) for s in (0, 1)
    ]
    rows += [("gratings", n, 0, 1.0, s, 0.99) for n in (20, 100) for s in (0, 1)]
    return pd.DataFrame(rows, columns=["source", "labels", "frozen", "factor", "seed", "test_accuracy"])


def test_depths_draw_the_rows_of_their_labels():
    rows = draw.layerwise_runs(grid())
    assert 0.99 not in set(rows["test_accuracy"]) and "none" in set(rows["source"])
    (ax,) = draw.depths(rows, 100, ["gratings"], chosen=("gratings", 2)).axes
    drawn = [list(line.get_ydata()) for line in ax.lines]
    assert pytest.approx([0.15, 0.25, 0.35]) in drawn and pytest.approx([0.1, 0.2, 0.3]) in drawn
    assert pytest.approx([0.25] * 3) in drawn, "the line of random weights"
    assert pytest.approx([0.35]) in drawn, "the ring"
    assert {"random weights", "gratings"} <= set(texts(ax)) and title(ax) == "100 labeled letters"


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
    assert "cannot be read as a picture" in widget.readout.value and "choose a JPEG or PNG" in widget.readout.value
    assert "2 seen" in widget._repr_mimebundle_()[0]["text/plain"]
