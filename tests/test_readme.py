"""What the README shows runs, and what it links to is there."""

import re

import pytest

from tools.build.conditions import ROOT

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md", *sorted(ROOT.glob("docs/*.md")))


def test_the_example_runs():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert "epochs=5" in example and "datasets.digits()" in example
    scope = {}
    exec(example.replace("epochs=5", "epochs=1").replace("datasets.digits()", "datasets.digits(size=8)"), scope)
    assert len(scope["history"]) == 1 and scope["history"].last["train_loss"] < 3


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        if not link.startswith("http"):
            assert (ROOT / page).parent.joinpath(link).exists(), link
