"""The site's links lead somewhere, and what is wrong with one is said."""

import base64
from pathlib import Path

import pytest

from lecture8 import course, published
from tools.build import pictures, site


@pytest.fixture
def pages(tmp_path):
    def write(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.html").write_text(f"<html><body>{text}</body></html>", encoding="utf-8")
        return tmp_path

    return write


def test_links_to_notebooks_lead_to_the_pages_made_from_them(pages):
    heading = '<section id="the-block"><h2>3 · The author’s block<a href="#the-block">#</a></h2></section>'
    link = '<a href="b.ipynb#3-%C2%B7-The-author%27s-block">x</a> <a href="b.ipynb">y</a>'
    folder = pages(a=link, b=heading)
    assert len(site.complaints(folder)) == 2
    site.mend_links(folder)
    text = (folder / "a.html").read_text(encoding="utf-8")
    assert 'href="b.html#the-block"' in text and 'href="b.html"' in text
    assert site.complaints(folder) == []


def test_dead_links_and_what_comes_from_the_network_are_found(pages):
    folder = pages(
        a='<a href="gone.html">x</a> <a href="b.html#nowhere">x</a> <a href="https://arxiv.org">x</a>',
        b='<script src="https://somewhere/x.js"></script><img src="//else/x.png"><img src="data:x">',
    )
    found = site.complaints(folder)
    assert len(found) == 4
    for said in ("gone.html, which is not there", "#nowhere, and no place", "https://somewhere/x.js", "//else/x.png"):
        assert any(said in one for one in found), said


def test_scripts_that_nothing_uses_are_left_out(pages):
    thebe = '<script>const THEBE_JS_URL = "x";</script><script src="_static/sphinx-thebe.js"></script>'
    folder = pages(a=f'{thebe}<p>Thebe</p><script src="search.js"></script>')
    site.lighten(folder)
    text = (folder / "a.html").read_text(encoding="utf-8")
    assert text == '<html><body><p>Thebe</p><script src="search.js"></script></body></html>'


def test_every_word_of_the_glossary_and_every_lesson_is_on_its_page():
    assert site.glossary().count("\n| ") >= len(published.read("glossary"))
    assert all(lesson.title in site.home() for lesson in course.LESSONS if lesson.written)


def test_figures_have_their_words(pages, monkeypatch):
    def cell(data, alt):
        about = {"image/png": {"alt": alt}} if alt else {}
        return {"outputs": [{"data": {"image/png": base64.b64encode(data).decode()}, "metadata": about}]}

    assert pictures.alternatives([cell(b"one", "Loss."), cell(b"two", "")]) == {b"one": "Loss."}
    folder = pages(a='<img src="x/1.png"><img src="x/2.png"><img src="https://elsewhere/1.png"><img src="gone.png">')
    (folder / "notebooks").mkdir()
    page = (folder / "a.html").rename(folder / "notebooks" / "06_resnet.html")
    (folder / "notebooks" / "x").mkdir()
    (folder / "notebooks" / "x" / "1.png").write_bytes(b"one")
    (folder / "notebooks" / "x" / "2.png").write_bytes(b"two")
    monkeypatch.setattr(pictures, "alternatives", lambda cells: {b"one": "Loss."})
    monkeypatch.setattr(site.notebooks, "sources", lambda: [Path("06_resnet.py")])
    site.describe_pictures(folder)
    described = site.BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")("img")
    assert [image.get("alt") for image in described] == ["Loss.", None, None, None]
