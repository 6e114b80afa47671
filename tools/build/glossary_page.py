"""Writes docs/glossary.md from data/glossary.csv: each term in two languages, where it is defined and first used.

python -m tools.build.glossary_page          write it
python -m tools.build.glossary_page --check  say whether it is up to date
"""

import re
import sys
from functools import cache

from lecture8 import course, published
from tools.build import conditions, headings

PAGE = conditions.ROOT / "docs" / "glossary.md"
HEAD = """# Glossary (용어)

Each term with its Korean name, the section that defines it, and the first section that uses it. Made from
`data/glossary.csv` and the notebooks by `python -m tools.build.glossary_page`.

| term | 한국어 | meaning | defined in | first used in |
|:--|:--|:--|:--|:--|
"""
LEFT_OUT = re.compile(
    r"`[^`]*`|\$[^$]*\$|\]\([^)]*\)|^#+ .*$|<[^>]+>", re.MULTILINE
)  # code, formulas, addresses, headings


@cache
def texts() -> list[tuple[str, str, str]]:
    """(notebook, heading above it, text) of all text cells in the order of reading, without code and formulas."""
    return [
        (lesson.notebook, heading or lesson.notebook, LEFT_OUT.sub(" ", cell.source))
        for lesson in course.LESSONS
        for heading, cell in headings.cells(lesson.notebook)[1:]  # the first cell promises what is to come
        if cell.cell_type == "markdown"
    ]


def _word(term: str) -> str:
    return r"(?<![\w-])" + re.escape(term).replace(r"\ ", r"[\s-]+") + r"(s|es)?(?![\w-])"


def first(pattern: str, notebook: str = "") -> str:
    """A link to the first section, of this notebook or of all, with a text like this; '' if there is none."""
    for name, heading, text in texts():
        if notebook in ("", name) and re.search(pattern, text, re.IGNORECASE):
            return f"[{name[:2]} {heading}]({headings.place(name, heading)})".replace("|", "\\|")
    return ""


def page() -> str:
    """The whole page as Markdown."""
    rows = []
    for row in published.read("glossary").itertuples():
        bold = rf"\*\*[^*]*{_word(row.term)}[^*]*\*\*|{re.escape(row.korean)}"
        links = f"{first(bold, row.lesson)} | {first(_word(row.term))}"
        rows.append(f"| {row.term} | {row.korean} | {row.meaning} | {links} |")
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(headings.keep(PAGE, page()))
