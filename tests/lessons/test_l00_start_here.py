"""The pictures of the first lesson hold the data they were given."""

import torch
from matplotlib.patches import Rectangle
from torch.nn import functional as F

from lecture8 import course, datasets, plots, published
from lecture8.lessons.l00_start_here import answers, overview, pictures
from lecture8.lessons.l00_start_here import questions as ask


def test_the_sum_by_hand_is_that_of_the_patch_and_the_pictures_show_it():
    three = datasets.digits(size=10).train.pixels[3, 0]  # as the notebook does
    patch, kernel = (three[3:, 1:8] / 255 * 9).round(), torch.tensor(pictures.KERNELS["brighter below"]).float()
    found = answers.convolve(patch, kernel)
    assert torch.equal(found, F.conv2d(patch[None, None], kernel[None, None])[0, 0])
    assert answers.my_sum() == found[4, 2] == 26
    *places, _ = pictures.sliding(patch, kernel, found).axes
    assert [ax.get_title("center") for ax in places] == ["sum here: −5", "sum here: −1", "sum here: 26"]
    *_, pooled = pictures.steps(three, kernel).axes
    assert pooled.images[0].get_array().shape == (5, 5) and pooled.images[0].get_array().min() == 0


def test_a_sheet_holds_all_maps_in_their_order():
    maps = torch.arange(16.0)[:, None, None].expand(16, 8, 8)
    shown = pictures.feature_maps(torch.rand(16, 16), maps, maps).axes[1].images[0].get_array()
    assert [shown[9, 9 * i] for i in range(4)] == [4, 5, 6, 7] and shown.mask[8].all() and shown.mask[:, 8].all()


def test_what_is_revealed_is_what_was_measured():
    moved, shuffled = (ask.predictions[name].options for name in ("moved", "shuffle"))
    cases = (([0.1], [0.7]), ([0.7], [0.1]), ([0.07, 0.09], [0.01, 0.02]), ([0.4, 0.5], [0.5, 0.6]))
    found = [ask.who_lost_more(*case) for case in cases]
    assert found == ["the linear one loses far more", "the CNN loses far more", *list(moved)[:2]]
    assert [ask.what_shuffling_did(lost) for lost in ([0.005], [0.4, 0.1], [0.4, 0.3], [-0.1])] == list(shuffled)


def test_timeline_has_every_winner_and_the_human():
    winners, human = overview.winners_and_human()
    assert list(winners["year"]) == list(range(2010, 2018)) and human == 5.1
    (ax,) = pictures.timeline(winners, human, chosen=2015).axes
    assert [bar.get_height() for bar in ax.patches] == list(winners["top5_error"])
    assert [bar.get_facecolor() for bar in ax.patches].count(ax.patches[5].get_facecolor()) == 1, "one year stands out"
    assert list(ax.lines[0].get_ydata()) == [human, human]


def test_every_question_fits_its_box_and_is_linked():
    table = published.read("concepts")
    plots.use_style()
    figure = pictures.concept_map(table, overview.heads())
    figure.canvas.draw()
    (ax,) = figure.axes
    white = [p for p in ax.patches if isinstance(p, Rectangle) and p.get_facecolor() == (1, 1, 1, 1)]
    boxes = [box.get_window_extent() for box in white]
    assert len(boxes) == len(table)
    texts = {text.get_text().replace("\n", " "): text.get_window_extent() for text in ax.texts}
    markdown = overview.questions()._repr_markdown_()
    for row in table.itertuples():
        of = texts[row.question]
        assert any(b.x0 < of.x0 and of.x1 < b.x1 and b.y0 < of.y0 and of.y1 < b.y1 for b in boxes), row.question
        assert f"[{row.question}]({course.address(row.notebook, row.section)})" in markdown
