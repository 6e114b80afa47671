"""Writes docs/glossary.md from data/glossary.csv: each term in two languages, where it is defined and first used.

python -m tools.build.glossary_page          write it
python -m tools.build.glossary_page --check  say whether it is up to date
"""

import re
import sys
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Place:
    """Below a heading of a notebook."""

    notebook: str
    heading: str

    @property
    def link(self) -> str:
        """A link to the heading, as the page has it."""
        address = headings.place(self.notebook, self.heading)
        return f"[{self.notebook[:2]} {self.heading}]({address})".replace("|", "\\|")


@cache
def texts() -> list[tuple[Place, str]]:
    """All text cells of the course in the order of reading, without titles, code and formulas."""
    return [
        (Place(lesson.notebook, heading or lesson.notebook), LEFT_OUT.sub(" ", cell.source))
        for lesson in course.LESSONS
        for heading, cell in headings.cells(lesson.notebook)[1:]  # the first cell promises what is to come
        if cell.cell_type == "markdown"
    ]


def _word(term: str) -> str:
    return r"(?<![\w-])" + re.escape(term).replace(r"\ ", r"[\s-]+") + r"(s|es)?(?![\w-])"


def defined(term: str, korean: str, notebook: str) -> Place | None:
    """The first cell of a lesson that has the term in bold, or its Korean name after it."""
    bold = re.compile(rf"\*\*[^*]*{_word(term)}[^*]*\*\*|{re.escape(korean)}", re.IGNORECASE)
    return next((place for place, text in texts() if place.notebook == notebook and bold.search(text)), None)


def used(term: str) -> Place | None:
    """The first cell of the course that has the term."""
    word = re.compile(_word(term), re.IGNORECASE)
    return next((place for place, text in texts() if word.search(text)), None)


def page() -> str:
    """The whole page as Markdown."""
    rows = []
    for row in published.read("glossary").itertuples():
        places = defined(row.term, row.korean, row.lesson), used(row.term)
        links = " | ".join(place.link if place else "" for place in places)
        rows.append(f"| {row.term} | {row.korean} | {row.meaning} | {links} |")
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(headings.keep(PAGE, page()))
