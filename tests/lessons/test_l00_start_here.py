"""The pictures of the first lesson hold the data they were given."""

import torch
from matplotlib.patches import Rectangle
from torch.nn import functional as F

from lecture8 import course, datasets, plots, published
from lecture8.lessons.l00_start_here import overview, pictures
from lecture8.lessons.l00_start_here import questions as ask


def patch_and_kernel():
    """As the notebook makes them."""
    three = datasets.digits(size=10).train.pixels[3, 0]
    return three, (three[3:, 1:8] / 255 * 9).round(), torch.tensor(pictures.KERNELS["brighter below"]).float()


def test_the_sum_by_hand_is_that_of_the_patch_and_the_pictures_show_it():
    three, patch, kernel = patch_and_kernel()
    found = ask.convolve(patch, kernel)
    assert torch.equal(found, F.conv2d(patch[None, None], kernel[None, None])[0, 0])
    assert ask.my_sum() == found[4, 2] == 26
    *places, whole = pictures.sliding(patch, kernel, found).axes
    assert [ax.get_title("center") for ax in places] == ["sum here: −5", "sum here: −1", "sum here: 26"]
    assert [text.get_text() for text in whole.texts][22] == "26"
    left, middle, _ = pictures.numbers(three, (3, 1), patch, kernel).axes
    (frame,) = left.patches
    assert frame.get_xy() == (0.5, 2.5) and frame.get_width() == 7
    assert [int(text.get_text()) for text in middle.texts] == patch.flatten().int().tolist()


def test_a_sheet_holds_all_maps_in_their_order():
    maps = torch.arange(4.0)[:, None, None].expand(4, 8, 8)
    _, first, _ = pictures.feature_maps(torch.rand(16, 16), maps.repeat(4, 1, 1), maps.repeat(8, 1, 1)).axes
    shown = first.images[0].get_array()
    assert shown.shape == (4 * 8 + 3, 4 * 8 + 3)
    assert [shown[0, 9 * i] for i in range(4)] == [0, 1, 2, 3] and shown.mask[8].all() and shown.mask[:, 8].all()


def test_what_is_revealed_is_what_was_measured():
    for lost, linear, found in (
        ([0.07, 0.1], [0.7, 0.72], "the linear one loses far more"),
        ([0.7, 0.72], [0.07, 0.1], "the CNN loses far more"),
        ([0.07, 0.09], [0.01, 0.02], "both lose less than 10 points"),
        ([0.4, 0.5], [0.5, 0.6], "both lose about the same, and more than that"),
    ):
        assert ask.who_lost_more(lost, linear) == found in ask.predictions["moved"].options
    for lost, found in (
        ([0.4, 0.3], "it loses more than 20 points"),
        ([0.4, 0.1], "it loses a few points"),
        ([0.005, 0.0], "its accuracy stays the same"),
        ([-0.1, -0.05], "it becomes more accurate"),
    ):
        assert ask.what_shuffling_did(lost) == found in ask.predictions["shuffle"].options


def test_a_step_picture_rectifies_and_pools():
    image, after, rectified, pooled = (ax.images[0].get_array() for ax in pictures.steps(
        patch_and_kernel()[0], pictures.KERNELS["brighter below"]).axes)  # fmt: skip
    assert after.min() < 0 == rectified.min() and after.shape == image.shape and pooled.shape == (5, 5)
    assert pooled.max() == rectified.max() == after.max()


def test_timeline_has_every_winner_and_the_human():
    winners, human = overview.winners_and_human()
    assert list(winners["year"]) == list(range(2010, 2018)) and human == 5.1
    (ax,) = pictures.timeline(winners, human, chosen=2015).axes
    assert [bar.get_height() for bar in ax.patches] == list(winners["top5_error"])
    assert [bar.get_facecolor() for bar in ax.patches].count(ax.patches[5].get_facecolor()) == 1, "one year stands out"
    assert list(ax.lines[0].get_ydata()) == [human, human]


def test_every_claim_fits_its_box_and_is_linked():
    table = published.read("concepts")
    plots.use_style()
    figure = pictures.concept_map(table, overview.heads())
    figure.canvas.draw()
    (ax,) = figure.axes
    white = [p for p in ax.patches if isinstance(p, Rectangle) and p.get_facecolor() == (1, 1, 1, 1)]
    boxes = [box.get_window_extent() for box in white]
    assert len(boxes) == len(table)
    texts = {text.get_text().replace("\n", " "): text.get_window_extent() for text in ax.texts}
    markdown = overview.claims()._repr_markdown_()
    for row in table.itertuples():
        of = texts[row.claim]
        assert any(b.x0 < of.x0 and of.x1 < b.x1 and b.y0 < of.y0 and of.y1 < b.y1 for b in boxes), row.claim
        assert f"[{row.claim}]({course.address(row.notebook, row.section)})" in markdown
