"""Every line of the lecture notes has its place in the course, and every place is there."""

import shutil

import pytest

from lecture8 import course, published
from tools import conditions, headings


@pytest.mark.parametrize("name", headings.TABLES)
def test_every_row_points_to_a_heading_that_is_there(name):
    table = published.read(name)
    places = table[["notebook", "section"]].drop_duplicates()
    found = [headings.complaint(place.notebook, place.section) for place in places.itertuples()]
    assert not any(found), "\n".join([*filter(None, found), "`python -m tools.headings --move` follows new numbers"])
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
