"""The pictures of the first lesson hold the data they were given."""

from matplotlib.patches import Rectangle

from lecture8 import course, plots, published
from lecture8.lessons.l00_start_here import overview, pictures


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
