"""The headings of the notebooks, and the tables of data/ that point to them.

python -m tools.build.headings --move   where only a heading's number has changed, write the new one into the tables
"""

import difflib
import re
import sys
from pathlib import Path
from urllib.parse import quote

import nbformat
import pandas as pd
from nbformat import NotebookNode

from lecture8.words import say
from tools.build import conditions

TABLES = ("concepts", "corrections", "coverage")  # each with the columns notebook and section


def within(markdown: str) -> list[str]:
    """The headings in a text, except the title."""
    return [heading.strip() for heading in re.findall(r"^#{2,6} (.+)$", markdown, re.MULTILINE)]


def cells(notebook: str, language: str = "en") -> list[tuple[str, NotebookNode]]:
    """(the last heading up to it, cell) for the cells of an executed notebook; '' before the first section."""
    found, heading = [], ""
    folder = conditions.ROOT / "notebooks" / ("" if language == "en" else language)
    for cell in nbformat.read(folder / f"{notebook}.ipynb", 4).cells:
        if cell.cell_type == "markdown":
            heading = [heading, *within(cell.source)][-1]
        found.append((heading, cell))
    return found


def headings(notebook: str) -> list[str]:
    """The headings of a notebook's source, in order; none where there is no such source."""
    path = conditions.folder(notebook) / f"{notebook}.py"
    # Markdown cells are comments in a source
    return re.findall(r"^# #{1,6} (.+?) *$", path.read_text(encoding="utf-8"), re.MULTILINE) if path.is_file() else []


def complaint(notebook: str, section: str) -> str:
    """One sentence if a notebook that is there lacks this heading, else ''."""
    found = headings(notebook)
    if not found or section in found:
        return ""
    near = difflib.get_close_matches(section, found, n=1, cutoff=0)
    return f"{notebook} has no heading {section!r}; nearest is {near[0]!r}"


def moved(notebook: str, section: str) -> str:
    """The heading as the notebook has it now, if only its number has changed, else the heading as it was."""

    def bare(heading: str) -> str:
        return re.sub(r"^\d+ · ", "", heading)

    now = [heading for heading in headings(notebook) if bare(heading) == bare(section)]
    return now[0] if len(now) == 1 else section


def move(name: str) -> int:
    """Follow headings that got another number, in one table; the number of rows changed."""
    path = conditions.ROOT / "data" / f"{name}.csv"
    header = [line for line in path.read_text(encoding="utf-8").splitlines(True) if line.startswith("#")]
    table = pd.read_csv(path, comment="#", dtype=str, keep_default_na=False)
    sections = [moved(*place) for place in zip(table["notebook"], table["section"], strict=True)]
    text = "".join(header) + table.assign(section=sections).to_csv(index=False, lineterminator="\n")
    path.write_text(text, encoding="utf-8", newline="\n")
    return int((table["section"] != sections).sum())


def place(notebook: str, section: str) -> str:
    """A link from a page in docs to a section of a notebook, with the address that JupyterLab understands."""
    anchor = "#" + quote(say(section).replace(" ", "-")) if section else ""
    return f"../notebooks/{notebook}.ipynb{anchor}"


def keep(page: Path, text: str) -> int:
    """The command line of a page in docs: writes it, or with --check says by 1 that it is out of date."""
    if "--check" in sys.argv[1:]:
        return int(not page.is_file() or page.read_text(encoding="utf-8") != text)
    page.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] != ["--move"]:
        sys.exit(__doc__)
    for name in TABLES:
        print(f"{name}: {move(name)} rows moved")
