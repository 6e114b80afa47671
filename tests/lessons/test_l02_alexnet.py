"""The pictures of notebook 02 hold the data they were given."""

import numpy as np
import pytest
import torch
from figures import texts

from lecture8 import plots
from lecture8.lessons.l02_alexnet import curves, explorers, pictures

ROWS = [
    ("conv1", "images", (48, 27, 27), 0), ("conv2", "both", (128, 13, 13), 1234),
    ("fc6", "own", (2048,), 0), ("fc8", "both", (1000,), 4096),
]  # fmt: skip


def test_towers_show_both_halves_and_what_crosses():
    (ax,) = pictures.towers(ROWS, title="two").axes
    said = texts(ax)
    assert said.count("48 × 27 × 27") == 2 and said.count("1000") == 1, "fc8 stands on one GPU"
    assert "1,234\nbytes" in said and "4,096\nbytes" in said
    blocks = [patch.get_height() for patch in ax.patches]
    assert blocks[1] / blocks[3] == pytest.approx(27 / 13), "height is the side of the map"
    arrows = [t.arrow_patch.get_edgecolor() for t in ax.texts if getattr(t, "arrow_patch", None)]
    orange = [c for c in arrows if np.allclose(c[:3], (0xD5 / 255, 0x5E / 255, 0))]
    assert len(orange) == 3, "two cross before conv2, one before fc8"


@pytest.mark.parametrize(
    ("side", "padding", "places", "unseen"), [(224, 0, 54, 1), (227, 0, 55, 0), (224, 2, 55, 0), (226, 0, 54, 3)]
)
def test_right_edge_marks_the_pixels_no_window_sees(side, padding, places, unseen):
    (ax,) = pictures.right_edge(side, 11, 4, padding, places).axes
    assert sum(patch.get_hatch() == "//" for patch in ax.patches) == unseen
    thick = max(ax.lines, key=lambda line: line.get_linewidth())
    assert list(thick.get_xdata()) == [(places - 1) * 4 - padding, (places - 1) * 4 - padding + 11]


def test_views_draw_every_box_and_picture():
    photo = torch.rand(3, 64, 64)
    (ax,) = pictures.views(photo, [(0, 8, 32)], torch.zeros(5, 3, 32, 32), columns=3).axes
    sheet = np.asarray(ax.images[0].get_array())
    assert (sheet == 0).all(-1).sum() == 5 * 100**2, "five black pictures"
    scale = sheet.shape[0] / 64
    assert ax.patches[0].get_xy() == pytest.approx((8 * scale, 0)) and ax.patches[0].get_width() == pytest.approx(
        32 * scale - 1
    )


def test_training_error_marks_where_the_target_is_reached():
    (ax,) = pictures.training_error({"ReLU": [[0.5, 0.0]], "tanh": [[0.9, 0.7]]}, 0.25).axes
    dots = [line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    assert [(list(d.get_xdata()), list(d.get_ydata())) for d in dots] == [([1.5], [25.0])]
    strong = next(line for line in ax.lines if line.get_label() == "tanh")
    assert strong.get_color() == plots.ORANGE and list(strong.get_ydata()) == [90, 70]


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
    assert "2 different" in augment.text and "middle" in augment.text
    before = bytes(augment.image.value)
    augment.controls["color"].value = 0.5
    assert bytes(augment.image.value) != before and "0.5 standard deviations" in augment.text
