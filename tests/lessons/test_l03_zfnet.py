"""The pictures of notebook 03 hold the data they were given."""

import numpy as np
import pytest
import torch

from lecture8 import plots
from lecture8.lessons.l03_zfnet import pictures

GRAY = pytest.approx(pictures.plt.matplotlib.colors.to_rgba(plots.GRAY))


def test_sampled_draws_every_kept_value_at_its_pixel():
    every_pixel = torch.arange(64.0).view(8, 8)
    left, middle, right = pictures.sampled(torch.rand(8, 8), every_pixel, every_pixel[::4, ::4], 4).axes
    assert middle.images[0].get_array().tolist() == [[0, 4], [32, 36]]
    curve, dots = right.lines
    assert list(curve.get_ydata()) == list(range(8))
    assert list(dots.get_xdata()) == [0, 4] and list(dots.get_ydata()) == [0, 4]
    assert "8 × 8" in left.get_title() and "stride 4" in middle.get_title()


def test_painted_cuts_both_to_where_the_paint_is():
    images, paintings = torch.rand(2, 1, 12, 12), torch.zeros(2, 1, 12, 12)
    paintings[0, 0, 1:4, 7:10] = torch.tensor([1.0, -2.0, 1.0])
    paintings[1, 0, 11, 0] = 3.0
    axes = pictures.painted(images, paintings, ["a", "b"], side=5).axes
    assert [ax.get_title() for ax in axes] == ["a", "b", "", ""]
    shown = [np.asarray(ax.images[0].get_array()) for ax in axes]
    assert np.allclose(shown[0], images[0, 0, 0:5, 6:11]) and np.allclose(shown[2], paintings[0, 0, 0:5, 6:11])
    assert np.allclose(shown[1], images[1, 0, 7:, :5]) and shown[3].max() == 3, "at the edge the window stays inside"
    assert axes[2].images[0].get_clim() == (-2, 2), "0 is the middle of the gray scale"
    assert len(pictures.painted(images, 0 * paintings, ["a", "b"], side=40).axes) == 4, "nothing painted, large window"


def test_occlusion_maps_lie_under_their_images():
    maps = torch.tensor([[[0.1, 0.9], [0.5, 0.7]]])
    upper, lower, *_ = pictures.occlusion(torch.rand(1, 8, 8), maps, ["a 3"], square=4, step=4).axes
    assert upper.get_title() == "a 3" and np.allclose(lower.images[0].get_array(), maps[0])
    assert lower.images[0].get_extent() == [-0.5, 7.5, 7.5, -0.5], "two squares of 4 fill 8 pixels"
    assert lower.get_xlim() == (-0.5, 7.5) and lower.images[0].get_clim() == (0, 1)


def test_covered_puts_the_square_where_it_is():
    chances = [0.0, 0.1, 0.7, 0.2]
    figure = pictures.covered(torch.rand(8, 8), chances, torch.rand(3, 3), (2, 4), square=4, label=2)
    first, middle, last = figure.axes
    (square,) = first.patches
    assert square.get_xy() == (3.5, 1.5) and square.get_width() == 4 and square.get_facecolor() == GRAY
    assert [bar.get_height() for bar in middle.patches] == chances
    colors = [bar.get_facecolor() for bar in middle.patches]
    assert colors.count(colors[2]) == 1, "the right class stands out"
    assert last.images[0].get_extent()[0] == -0.5 + 1, "a map with a value every 2 pixels for a square of 4"


def test_removal_sets_the_paper_beside_us():
    paper, ours = {"nothing": 18.1, "7": 18.4}, {"nothing": [1.0, 3.0], "7": [4.0, 5.0]}
    left, right = pictures.removal(paper, ours).axes
    assert sorted(bar.get_width() for bar in left.patches) == [18.1, 18.4]
    assert sorted(bar.get_width() for bar in right.patches) == [2, 4.5]
    assert left.get_ylabel() == "layers left out"
