"""The course can move to another repository with one command."""

import shutil

import pytest

from tools import build_notebooks, conditions, repository


def test_every_badge_and_link_follows(tmp_path, monkeypatch):
    old = build_notebooks.repository().removeprefix("https://github.com/")
    copies = []
    for path in repository.files(conditions.ROOT):
        copies.append(tmp_path / path.relative_to(conditions.ROOT))
        copies[-1].parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copies[-1])
    changed = repository.rename(copies, old, "somebody/her.course")
    assert {path.name for path in changed} >= {"pyproject.toml", "course.py", "00_start_here.ipynb"}
    monkeypatch.setattr(conditions, "ROOT", tmp_path)
    monkeypatch.setattr(build_notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(build_notebooks, "NOTEBOOKS", tmp_path / "notebooks")
    assert build_notebooks.repository() == "https://github.com/somebody/her.course"
    for source in build_notebooks.sources():
        text = build_notebooks.target(source).read_text(encoding="utf-8")
        assert build_notebooks.colab(source.stem) in text and f"github.com/{old}" not in text
        assert not build_notebooks.out_of_date(source)
    assert not repository.rename(copies, old, "somebody/her.course"), "something was left"


@pytest.mark.parametrize("name", ["lecture8", "a/b/c", "https://github.com/a/b", "a b/c", "/b", ""])
def test_what_is_no_repository_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match="expected the repository as owner/name"):
        repository.rename([], "lecture8/lecture8", name)
