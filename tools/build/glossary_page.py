"""Writes docs/glossary.md from data/glossary.csv: each term in two languages, where it is defined and first used.

python -m tools.build.glossary_page
"""

import re
from functools import cache

from lecture8 import course, published
from lecture8.words import say
from tools.build import conditions, headings, teaching_plan

PAGE = conditions.ROOT / "docs" / "glossary.md"
HEAD = """# Glossary (용어)

Each term with its Korean name, the section that defines it, and the first section that uses it. Made from
`data/glossary.csv` and the notebooks by `python -m tools.build.glossary_page`.

| term | 한국어 | meaning | defined in | first used in |
|:--|:--|:--|:--|:--|
"""
# code, formulas, addresses, headings
LEFT_OUT = re.compile(r"`[^`]*`|\$[^$]*\$|\]\([^)]*\)|^#+ .*$|<[^>]+>", re.MULTILINE)


@cache
def texts() -> list[tuple[str, str, str]]:
    """(notebook, heading above it, text) of all text cells in the order of reading, without code and formulas."""
    return [
        (lesson.notebook, heading or lesson.notebook, LEFT_OUT.sub(" ", cell.source))
        for lesson in course.LESSONS
        for heading, cell in headings.cells(lesson.notebook)[1:]  # the first cell promises what is to come
        if cell.cell_type == "markdown" and not heading.startswith("Glossary")
    ]


def _word(term: str) -> str:
    return r"(?<![\w-])" + re.escape(term).replace(r"\ ", r"[\s-]+") + r"(s|es)?(?![\w-])"


def _first(pattern: str, notebook: str = "") -> int | None:
    """The position in `texts` of the first text, of this notebook or of all, with something like this."""
    found = enumerate(texts())
    return next((i for i, (name, _, text) in found if notebook in ("", name) and re.search(pattern, text, re.I)), None)


def places(term: str, korean: str, notebook: str) -> tuple[int | None, int | None]:
    """Where in `texts` a lesson defines a term, in bold or by its Korean name, and where the course uses it first."""
    return _first(rf"\*\*[^*]*{_word(term)}[^*]*\*\*|{re.escape(korean)}", notebook), _first(_word(term))


def complaints() -> list[str]:
    """Terms that their lesson does not define, and those that are used before."""
    found = []
    for row in published.read("glossary").itertuples():
        defined, used = places(row.term, row.korean, row.lesson)
        if defined is None:
            found.append(f"{row.lesson} does not define {row.term!r} ({row.korean})")
        elif used is not None and used < defined:
            found.append(f"{row.term!r} is used in {texts()[used][:2]}, before {texts()[defined][:2]} defines it")
    return found


def _link(position: int | None) -> str:
    if position is None:
        return ""
    name, heading, _ = texts()[position]
    return f"[{name[:2]} {say(heading)}]({headings.place(name, heading)})".replace("|", "\\|")


def page() -> str:
    """The whole page as Markdown."""
    rows = []
    for row in published.read("glossary").itertuples():
        links = " | ".join(map(_link, places(row.term, row.korean, row.lesson)))
        rows.append(f"| {row.term} | {row.korean} | {say(row.meaning)} | {links} |")
    head = "\n\n".join(map(say, teaching_plan.blocks(HEAD)))
    return head + "\n" + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
