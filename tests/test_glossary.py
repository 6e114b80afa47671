"""The glossary: one line per term, every term in the lesson that it names, found by `teaching.term`."""

import re

import pytest

from lecture8 import course, published, teaching

TABLE = published.read("glossary")


def test_every_row_is_whole_and_every_term_there_once():
    assert len(TABLE) >= 60 and not TABLE.isna().any().any()
    assert not TABLE["term"].str.casefold().duplicated().any()
    assert list(TABLE["term"]) == sorted(TABLE["term"], key=str.casefold)
    assert TABLE["meaning"].str.endswith(".").all()
    assert not (TABLE["meaning"].str.count(r"\.") - TABLE["meaning"].str.count(r"\d\.\d") > 1).any(), "one sentence"
    for lesson in TABLE["lesson"]:
        course.lesson(lesson)


def test_korean_names_are_korean():
    for row in TABLE.itertuples():
        assert re.search("[가-힣]", row.korean), row.term


def test_term():
    assert teaching.term("receptive field") == "receptive field (수용 영역)"
    with pytest.raises(ValueError, match=r"no term 'receptive fields'.*did you mean 'receptive field'"):
        teaching.term("receptive fields")
    with pytest.raises(ValueError, match=r"no term 'xyz'.*see"):
        teaching.term("xyz")
