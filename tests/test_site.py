"""The site's links lead somewhere, and what is wrong with one is said."""

import pytest

from tools.build import site


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
