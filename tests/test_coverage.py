"""Every line of the lecture notes has its place in the course, and every place is there."""

import shutil

import matplotlib.pyplot as plt
import pytest
from matplotlib.patches import Rectangle

from lecture8 import course, plots, published
from tools.build import conditions, headings


@pytest.mark.parametrize("name", headings.TABLES)
def test_every_row_points_to_a_heading_that_is_there(name):
    table = published.read(name)
    places = table[["notebook", "section"]].drop_duplicates()
    found = [headings.complaint(place.notebook, place.section) for place in places.itertuples()]
    assert not any(found), "\n".join(
        [*filter(None, found), "`python -m tools.build.headings --move` follows new numbers"]
    )
    for place in places.itertuples():
        course.lesson(place.notebook)


def test_no_line_of_the_notes_is_left_out():
    table = published.read("coverage")
    assert not table.isna().any().any()
    assert published.provenance("coverage")["lines"].split()[0] == str(len(table))
    assert table["line"].is_monotonic_increasing and table["line"].is_unique
    assert {"CONV1", "- Complexity 비교", "→ 반씩 쪼개버림", "- Xavier initializaiton"} <= set(table["text"])
    assert set(table["notebook"]) == {lesson.notebook for lesson in course.LESSONS}


def test_a_dead_link_is_found_and_a_new_number_followed(tmp_path, monkeypatch):
    for folder in ("data", "notebooks/source"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(conditions.ROOT / "data" / "coverage.csv", tmp_path / "data")
    source = (conditions.ROOT / "notebooks" / "source" / "06_resnet.py").read_text(encoding="utf-8")
    renamed = source.replace("## 3 · The residual block", "## 4 · The residual block")
    (tmp_path / "notebooks" / "source" / "06_resnet.py").write_text(renamed, encoding="utf-8")
    monkeypatch.setattr(conditions, "ROOT", tmp_path)
    before = (tmp_path / "data" / "coverage.csv").read_bytes()
    complaint = headings.complaint("06_resnet", "3 · The residual block")
    assert complaint == "06_resnet has no heading '3 · The residual block'; nearest is '4 · The residual block'"
    assert headings.complaint("09_complexity", "a plan") == ""
    assert headings.move("coverage") == before.count("3 · The residual block".encode())
    assert (tmp_path / "data" / "coverage.csv").read_bytes() == before.replace(
        "3 · The residual block".encode(), "4 · The residual block".encode()
    )


def test_the_map_is_a_grid_with_straight_free_arrows():
    table = published.read("concepts")
    columns = [lesson.notebook for lesson in course.LESSONS]
    assert table["id"].is_unique and set(table["notebook"]) == set(columns)
    places = {row.id: (columns.index(row.notebook), row.row) for row in table.itertuples()}
    assert len(set(places.values())) == len(places), "two claims in one place"
    for row in table.dropna(subset="leads_to").itertuples():
        (x, y), (to_x, to_y) = places[row.id], places[row.leads_to]
        if y == to_y:
            assert x < to_x and not any(b == y and x < a < to_x for a, b in places.values()), row.id
        else:
            assert x == to_x and to_y == y + 1, row.id


def test_every_claim_fits_its_box_and_is_linked():
    table = published.read("concepts")
    with plt.rc_context():
        plots.use_style()
        figure = plots.start_here.concept_map(table, course.heads())
        figure.canvas.draw()
    (ax,) = figure.axes
    white = [p for p in ax.patches if isinstance(p, Rectangle) and p.get_facecolor() == (1, 1, 1, 1)]
    boxes = [box.get_window_extent() for box in white]
    assert len(boxes) == len(table)
    texts = {text.get_text().replace("\n", " "): text.get_window_extent() for text in ax.texts}
    for claim in table["claim"]:
        extent = texts[claim]
        inside = [b for b in boxes if b.x0 < extent.x0 and extent.x1 < b.x1 and b.y0 < extent.y0 and extent.y1 < b.y1]
        assert inside, claim
    markdown = course.claims()._repr_markdown_()
    for row in table.itertuples():
        place = f"]({course.address(row.notebook, row.section)})"
        assert (f"[{row.claim}{place}" in markdown) == course.lesson(row.notebook).written
