"""The Korean edition says what the English one says, all of it, and today."""

import re
from pathlib import Path

import nbformat
import pytest
from babel.messages.catalog import Catalog

from lecture8 import course, words
from tests.support.korean import left_in_english
from tools.build import conditions, notebooks, pictures, translate

FILES = translate.files("ko")
NAMES = [lesson.notebook for lesson in course.LESSONS]


@pytest.fixture(params=FILES, ids=lambda path: path.parent.name)
def file(request) -> Path:
    return request.param


def test_every_text_has_a_translation_of_what_it_says_now(file):
    catalog = translate.read(file, "ko")
    wanted = {one.id for one in translate.template(FILES[file]) if one.id}
    assert wanted == {one.id for one in catalog if one.id}, "run `python -m tools.build.translate`"
    assert translate.lacking(catalog) == []


def test_numbers_formulas_links_code_and_terms_are_those_of_the_english(file):
    assert translate.complaints(translate.read(file, "ko")) == []


PLANTED = [
    ("It has 11 layers.", "층이 12개입니다.", "numbers"),
    ("See [05](05_googlenet.ipynb).", "[05](06_resnet.ipynb)를 보세요.", "addresses"),
    ("It is $x + 1$.", "$x - 1$입니다.", "formulas"),
    ("Call `fit(net)`.", "`fit()`을 부르세요.", "code"),
    ("## 3 · Look\n\nHere.", "### 3 · 보기\n\n여기.", "headings"),
    ("<details><summary>Why?</summary>No.</details>", "왜? 아닙니다.", "tags"),
    ("A stride of two.", "걸음 둘.", "'stride' is not called 보폭"),
    ("{read:.0f} % of the letters", "글자의 {red:.0f}%", "holes"),
    ("A **bottleneck** (병목)", "**병목(bottleneck)**은", "bold"),
]


@pytest.mark.parametrize("english, korean, said", PLANTED, ids=[said for *_, said in PLANTED])
def test_a_planted_mistake_is_found(english, korean, said):
    catalog = Catalog()
    catalog.add(english, korean)
    assert said in " ".join(translate.complaints(catalog))


def test_a_changed_sentence_is_stale_and_a_new_one_missing(tmp_path):
    path, texts = tmp_path / "ko.po", [("A long sentence about one thing.", "cell 1", False)]
    translate.update(path, texts, "ko")
    path.write_text(path.read_text().replace('msgstr ""', 'msgstr "한 가지에 대한 문장."'))
    assert translate.update(path, texts, "ko") == []
    texts = [("A long sentence about two things.", "cell 1", False), ("Another.", "cell 2", False)]
    assert [line.split(":")[0] for line in translate.update(path, texts, "ko")] == ["changed", "missing"]


def test_a_sentence_with_values_is_found_and_filled(tmp_path):
    assert words.say("Lecture 8 is ready: quick run, seed 0.", "ko") == "Lecture 8 준비 완료: quick 실행, 시드 0."
    assert words.say("ResNet-50", "ko") == "ResNet-50" and words.say("28 × 28", "ko") == "28 × 28"
    assert not left_in_english("18,496 parameters is right.")
    assert not left_in_english("28: upper and lower row are exchanged.")
    assert words.say("features.block1.conv1 is right.", "ko") == "features.block1.conv1: 맞습니다."
    assert left_in_english("This sentence is nowhere in the course.")


def test_an_untranslated_text_is_an_error_where_the_course_is_built(monkeypatch):
    monkeypatch.setenv("LECTURE8_CLAIMS", "raise")
    with pytest.raises(LookupError, match="no translation of 'This sentence is nowhere"):
        words.say("This sentence is nowhere.", "ko")
    with pytest.raises(ValueError, match="given the language 'kr'; expected one of en, ko"):
        words.speak("kr")


@pytest.mark.parametrize("name", NAMES)
def test_the_korean_notebook_has_the_code_and_the_outputs_of_the_english(name):
    source = notebooks.source_of(name)
    assert notebooks.out_of_date(source, "ko") == ""
    english, korean = (nbformat.read(notebooks.target(source, language), 4) for language in ("en", "ko"))
    assert len(english.cells) == len(korean.cells)
    for one, other in zip(english.cells, korean.cells, strict=True):
        assert one.cell_type == other.cell_type
        if one.cell_type == "code":
            assert other.source.replace('language="ko", ', "").replace('language="ko"', "") == one.source
            assert difference(one, other) == "", one.source


def difference(english, korean) -> str:
    """What two cells show that differs though it holds no words: kinds of outputs, numbers, pictures."""
    if [sorted(out.get("data", out)) for out in english.outputs] != [
        sorted(out.get("data", out)) for out in korean.outputs
    ]:
        return "other kinds of outputs"
    if not notebooks.is_compared(english):
        return ""
    for (kind, one), (_, other) in zip(notebooks.texts(english.outputs), notebooks.texts(korean.outputs), strict=True):
        if one != other and not re.search("[a-z]{3}", re.sub("<[^>]*>", "", one)):
            return f"{kind}: {one} and {other}"
    measured = pictures.MEASURED in english.metadata.get("tags", [])
    return pictures.complaint(english.outputs, korean.outputs, shape_only=measured)


def test_the_korean_front_page_is_current():
    assert (conditions.ROOT / "README.ko.md").read_text(encoding="utf-8") == translate.readme("ko")
