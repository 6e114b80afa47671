"""The site's links lead somewhere, and what is wrong with one is said."""

from tools.build import site


def write(folder, **texts):
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(f"<html><body>{text}</body></html>", encoding="utf-8")


def test_links_to_notebooks_lead_to_the_pages_made_from_them(tmp_path):
    heading = '<section id="the-block"><h2>3 · The author’s block<a href="#the-block">#</a></h2></section>'
    link = '<a href="b.ipynb#3-%C2%B7-The-author%27s-block">x</a> <a href="b.ipynb">y</a>'
    write(tmp_path, a=link, b=heading)
    assert len(site.complaints(tmp_path)) == 2
    site.mend_links(tmp_path)
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert 'href="b.html#the-block"' in text and 'href="b.html"' in text
    assert site.complaints(tmp_path) == []


def test_dead_links_and_what_comes_from_the_network_are_found(tmp_path):
    write(
        tmp_path,
        a='<a href="gone.html">x</a> <a href="b.html#nowhere">x</a> <a href="https://arxiv.org">x</a>',
        b='<script src="https://somewhere/x.js"></script><img src="//else/x.png"><img src="data:x">',
    )
    found = site.complaints(tmp_path)
    assert len(found) == 4
    for said in ("gone.html, which is not there", "#nowhere, and no place", "https://somewhere/x.js", "//else/x.png"):
        assert any(said in one for one in found), said
