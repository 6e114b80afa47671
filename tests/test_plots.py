"""The artists hold the data they were given."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

from lecture8 import complexity, models, plots, published
from lecture8.history import History


def history(*losses):
    return History([{"epoch": i, "train_loss": v} for i, v in enumerate(losses, 1)])


def texts(ax):
    return [t.get_text() for t in ax.texts]


def test_curves_hold_the_runs_their_mean_and_their_name():
    figure = plots.curves({"plain-20": [history(3, 2), history(1, 0)], "other": history(5, 6)})
    (ax,) = figure.axes
    drawn = [list(line.get_ydata()) for line in ax.lines]
    assert [3, 2] in drawn and [1, 0] in drawn and [2, 1] in drawn and [5, 6] in drawn
    assert set(texts(ax)) == {"plain-20", "other"} and ax.get_ylabel() == "training loss"
    strong = next(line for line in ax.lines if line.get_label() == "plain-20")
    assert strong.get_color() == plots.NETWORK_COLORS["plain"]


def test_two_curves_of_one_color_have_two_dash_patterns():
    (ax,) = plots.curves({"plain-20": history(1, 2), "plain-56": history(3, 4)}).axes
    a, b = (line for line in ax.lines)
    assert a.get_color() == b.get_color() and a._dash_pattern != b._dash_pattern


def test_labels_at_the_ends_do_not_overlap():
    heights = plots._spread_labels([1.0, 1.01, 1.02, 5.0], gap=0.5)
    assert (np.diff(np.sort(heights)) >= 0.49).all() and np.argsort(heights).tolist() == [0, 1, 2, 3]
    assert plots._spread_labels([0.0, 0.1], gap=0.5, lowest=0.2) == pytest.approx([0.2, 0.7])


def test_log_curves_average_geometrically():
    (ax,) = plots.lines({"a": [[1.0, 1.0], [100.0, 1.0]]}, xlabel="x", ylabel="y", log=True).axes
    strong = next(line for line in ax.lines if line.get_label() == "a")
    assert strong.get_ydata() == pytest.approx([10, 1]) and ax.get_yscale() == "log"


def test_images_show_every_picture_with_its_title():
    figure = plots.images(torch.rand(7, 1, 4, 4), list("abcdefg"), columns=4)
    shown = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in shown] == list("abcdefg")
    assert plots.images(torch.rand(2, 3, 4, 4)).axes[0].images[0].get_array().shape == (4, 4, 3)


def test_bars_carry_means_and_dots():
    (ax,) = plots.bars({"a": [1.0, 3.0], "b": 5.0}, xlabel="x").axes
    assert sorted(patch.get_width() for patch in ax.patches) == [2, 5]
    assert texts(ax) == ["5.0", "2.0"] and list(ax.lines[0].get_xdata()) == [1, 3]


def test_timeline_has_every_winner_and_the_human():
    winners, human = published.winners_and_human()
    (ax,) = plots.start_here.timeline(winners, human, chosen=2015).axes
    assert [bar.get_height() for bar in ax.patches] == list(winners["top5_error"])
    assert [bar.get_facecolor() for bar in ax.patches].count(ax.patches[5].get_facecolor()) == 1, "one year stands out"
    assert list(ax.lines[0].get_ydata()) == [human, human]


def test_stages_draw_the_network_to_scale():
    profile = complexity.profile(models.resnet18())
    (ax,) = plots.stages(profile).axes
    heights = [patch.get_height() for patch in ax.patches]
    assert heights[:6] == pytest.approx([1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32])
    middles = [patch.get_x() + patch.get_width() / 2 for patch in ax.patches]
    gaps = [other - one for one, other in itertools.pairwise(middles)]
    assert gaps == pytest.approx([gaps[0]] * len(gaps)), "the labels under them need equal room"
    said = " ".join(texts(ax))
    assert "64 × 56 × 56" in said and "512 × 7 × 7" in said and "conv5_x" in said


def test_short_numbers():
    numbers = (7, 640, 999.9, 9_216, 999_999, 12_345_678, 1_168_032_896)
    assert [plots.short(n) for n in numbers] == ["7", "640", "1 k", "9.22 k", "1 M", "12.3 M", "1.17 G"]


def test_confusion_writes_all_counts():
    (ax,) = plots.start_here.confusion(torch.tensor([[3, 0], [2, 9]]), ["x", "y"]).axes
    assert sorted(texts(ax)) == ["2", "3", "9"]


def test_removal_and_pairs_hold_their_numbers():
    (ax,) = plots.resnet.removal({"plain-20": [70.0, 60.0, 80.0], "residual-20": [1.0, 2.0, 3.0]}).axes
    assert [70.0, 60.0, 80.0] in [list(line.get_xdata()) for line in ax.lines]
    assert [70.0, 70.0] in [list(line.get_xdata()) for line in ax.lines], "the bar stands at the median"
    (ax,) = plots.start_here.singles_and_ensembles({"A": (18.2, 16.4)}).axes
    assert {"18.2", "16.4"} <= set(texts(ax))


def test_depth_comparison_draws_the_rows_of_its_depth():
    curves = pd.DataFrame(
        [(k, d, 0, e, v) for k, v in (("plain", 2.0), ("A", 0.5)) for d in (8, 14) for e in (1, 2)],
        columns=["kind", "depth", "seed", "epoch", "train_loss"],
    )
    norms = curves.rename(columns={"epoch": "layer", "train_loss": "norm"})
    left, right = plots.resnet.depth_comparison(curves, norms, 14, "A").axes
    for ax in (left, right):
        assert [list(line.get_ydata()) for line in ax.lines] == [pytest.approx([2, 2]), pytest.approx([0.5, 0.5])]
        assert texts(ax) == ["plain-14", "residual-14"]


def test_png_closes_the_figure():
    import matplotlib.pyplot as plt

    figure = plots.bars({"a": 1}, xlabel="x")
    assert plots.png(figure).startswith(b"\x89PNG") and not plt.fignum_exists(figure.number)


def test_a_figure_in_words_has_titles_axes_and_names_once():
    figure, (left, right) = plots.plt.subplots(1, 2)
    plots.lines({"plain": [1, 2], "residual": [2, 1]}, xlabel="epoch", ylabel="loss", title="Deeper is worse", ax=left)
    right.set(title="Deeper is worse", xlabel="epoch")
    right.text(0, 0, "12")
    said = plots.in_words(figure)
    assert said == "Deeper is worse. Across: epoch. Up: loss. plain, residual."
    assert plots.in_words(figure, most=30) == "Deeper is worse. Across: …"
    assert plots.in_words(plots.plt.figure()) == "0 pictures without words."
    right.set_visible(False)
    assert "Deeper" in plots.in_words(figure)
    assert plots.in_words(plots.bars({"VGG": 2, "ResNet": 1}, xlabel="loss")) == "Across: loss. VGG, ResNet."


def test_outside_of_a_notebook_figures_stay_as_they_are():
    assert plots.describe_figures() is None
