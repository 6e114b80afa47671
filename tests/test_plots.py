"""The artists hold the data they were given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lecture8 import plots
from lecture8.history import History


def history(*losses):
    return History([{"epoch": i, "train_loss": v} for i, v in enumerate(losses, 1)])


def texts(ax):
    return [t.get_text() for t in ax.texts]


def test_curves_hold_the_runs_their_mean_and_their_name():
    (ax,) = plots.curves({"plain-20": [history(3, 2), history(1, 0)], "plain-56": history(5, 6)}).axes
    drawn = [list(line.get_ydata()) for line in ax.lines]
    assert [3, 2] in drawn and [1, 0] in drawn and [2, 1] in drawn and [5, 6] in drawn
    assert set(texts(ax)) == {"plain-20", "plain-56"} and ax.get_ylabel() == "training loss"
    a, b = (line for line in ax.lines if line.get_label() in texts(ax))
    assert a.get_color() == b.get_color() == plots.NETWORK_COLORS["plain"]
    assert a.get_linestyle() != b.get_linestyle()


def test_labels_at_the_ends_do_not_overlap():
    heights = plots.apart([1.0, 1.01, 1.02, 5.0], gap=0.5)
    assert (np.diff(np.sort(heights)) >= 0.49).all() and np.argsort(heights).tolist() == [0, 1, 2, 3]
    assert plots.apart([0.0, 0.1], gap=0.5, lowest=0.2) == pytest.approx([0.2, 0.7])


def test_bars_carry_means_and_dots():
    (ax,) = plots.bars({"a": [1.0, 3.0], "b": 5.0}, xlabel="x").axes
    assert sorted(patch.get_width() for patch in ax.patches) == [2, 5]
    assert texts(ax) == ["5.0", "2.0"] and list(ax.lines[0].get_xdata()) == [1, 3]


def test_a_figure_in_words_has_titles_axes_and_names_once():
    figure, (left, right) = plt.subplots(1, 2)
    plots.lines({"plain": [1, 2], "residual": [2, 1]}, xlabel="epoch", ylabel="loss", title="Deeper is worse", ax=left)
    right.set(title="Deeper is worse", xlabel="epoch")
    right.text(0, 0, "12")
    assert plots.in_words(figure) == "Deeper is worse. Across: epoch. Up: loss. plain, residual."
    assert plots.in_words(plt.figure()) == "0 pictures without words."
    right.text(0, 0, "word " * 200)
    assert len(plots.in_words(figure)) <= 600 and plots.in_words(figure).endswith("…")
    assert plots.in_words(plots.bars({"VGG": 2, "ResNet": 1}, xlabel="loss")) == "Across: loss. VGG, ResNet."
    assert plots.png(figure).startswith(b"\x89PNG") and not plt.fignum_exists(figure.number)
