"""The tables: each says where its numbers come from, and what they say of the notebooks holds."""

import re

import pandas as pd
import pytest
import torch

from lecture8 import course, published
from tools.build import conditions, glossary_page, headings, notes_page, teaching_plan

NOTEBOOKS = {lesson.notebook for lesson in course.LESSONS}


def test_every_table_names_its_source_and_confidence():
    assert len(published.tables()) > 20
    for name in published.tables():
        table, header = published.read(name), published.provenance(name)
        assert len(table) and header["what"], name
        if header.get("kind") == "words":  # of the course itself: nothing published, nothing measured
            continue
        if "confidence" in table:
            assert table["confidence"].isin(["V", "C", "V2"]).all(), name
        else:  # a run of ours
            assert {"command", "date", "hardware", "versions", "seeds"} <= set(header), name


def test_a_table_is_written_with_its_provenance(tmp_path, monkeypatch):
    table = pd.DataFrame({"seed": [0, 1], "error": [0.5, 0.25]})
    published.write(tmp_path / "runs.csv", table, "two runs: a test", 2, square=8)
    monkeypatch.setattr(published, "tables", lambda: {"runs": tmp_path / "runs.csv"})
    header = published.provenance("runs")
    assert list(header) == ["what", "command", "date", "hardware", "versions", "seeds", "square"]
    assert (header["what"], header["seeds"], header["square"]) == ("two runs: a test", "0, 1", "8")
    assert header["hardware"].startswith("cpu, ") and torch.__version__ in header["versions"]
    assert published.read("runs").equals(table)


def test_a_table_of_many_runs_grows_and_resumes_where_it_was(tmp_path):
    done = []

    def run(depth, seed):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append((depth, seed))
        return [{"epoch": epoch, "loss": (1 / 3) ** epoch / depth, "right": True} for epoch in (1, 2)]

    arms = [{"depth": depth, "seed": seed} for depth in (20, 8) for seed in (0, 1)]
    with pytest.raises(KeyboardInterrupt):
        published.collect(tmp_path / "runs.csv", "losses", arms, run)
    assert len(pd.read_csv(tmp_path / "runs.csv", comment="#")) == 4
    done = [None] * 3
    table = published.collect(tmp_path / "runs.csv", "losses", arms, run)
    assert done[3:] == [(8, 0), (8, 1)], "finished runs were run again, or others were left out"
    assert pd.read_csv(tmp_path / "runs.csv", comment="#").equals(table.reset_index(drop=True))
    assert table["loss"].tolist()[:2] == [0.04167, 0.01389] and table["depth"].is_monotonic_increasing
    with pytest.raises(ValueError, match=r"holds another experiment, 'losses': expected 'errors'"):
        published.collect(tmp_path / "runs.csv", "errors", arms, run)


# --- places in the notebooks ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ("concepts", "corrections", "coverage"))
def test_every_row_points_to_a_heading_that_is_there(name):
    places = published.read(name)[["notebook", "section"]].drop_duplicates()
    found = [headings.complaint(place.notebook, place.section) for place in places.itertuples()]
    assert not any(found), "\n".join(filter(None, found))
    assert set(places["notebook"]) == NOTEBOOKS


def test_a_dead_link_is_found():
    old, new = "3 · The residual blocks", "3 · The residual block"
    assert headings.complaint("06_resnet", old) == f"06_resnet has no heading {old!r}; nearest is {new!r}"


def test_no_line_of_the_notes_is_left_out():
    table = published.read("coverage")
    assert not table.isna().any().any()
    assert published.provenance("coverage")["lines"].split()[0] == str(len(table))
    assert table["line"].is_monotonic_increasing and table["line"].is_unique


def test_every_correction_is_shown_in_its_lesson_and_the_page_is_up_to_date():
    table = published.read("corrections")
    assert sorted(table["number"]) == list(range(1, 37))
    assert notes_page.PAGE.read_bytes() == notes_page.page().encode(), "run `python -m tools.build.notes_page`"


def test_the_glossary_has_every_term_once_in_two_languages():
    table = published.read("glossary")
    assert not table.drop(columns="alias").isna().any().any() and not table["term"].str.casefold().duplicated().any()
    assert list(table["term"]) == sorted(table["term"], key=str.casefold)
    sentences = table["meaning"].str.count(r"\.") - table["meaning"].str.count(r"\d\.\d")
    assert table["meaning"].str.endswith(".").all() and (sentences == 1).all(), "one sentence each"
    assert set(table["lesson"]) <= NOTEBOOKS
    assert all(re.search("[가-힣]", name) for name in table["korean"])


def test_every_term_is_defined_in_its_lesson_and_not_used_before():
    assert glossary_page.complaints() == []
    assert glossary_page.PAGE.read_bytes() == glossary_page.page().encode(), "run `python -m tools.build.glossary_page`"


def test_the_page_on_controls_quotes_the_notebooks():
    text = (conditions.ROOT / "docs" / "how_we_fooled_ourselves.md").read_text(encoding="utf-8")
    sections = text.split("\n## ")[1:-1]  # the last one asks
    assert len(sections) == 10
    for section in sections:
        (name,) = re.findall(r"notebooks/(\w+)\.ipynb", section)
        assert not teaching_plan.Plan(name, section).stale(), name
