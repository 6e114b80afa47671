"""The headings of the notebooks, to which the tables of data/ and the pages in docs point."""

import difflib
import re
from urllib.parse import quote

import nbformat
from nbformat import NotebookNode

from lecture8.words import say
from tools.build import conditions, notebooks


def within(markdown: str) -> list[str]:
    """The headings in a text, except the title."""
    return [heading.strip() for heading in re.findall(r"^#{2,6} (.+)$", markdown, re.MULTILINE)]


def cells(notebook: str, language: str = "en") -> list[tuple[str, NotebookNode]]:
    """(the last heading up to it, cell) for the cells of an executed notebook; '' before the first section."""
    found, heading = [], ""
    for cell in nbformat.read(notebooks.NOTEBOOKS / notebooks.place(notebook, language), 4).cells:
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


def place(notebook: str, section: str) -> str:
    """A link from a page in docs to a section of a notebook, with the address that JupyterLab understands."""
    anchor = "#" + quote(say(section).replace(" ", "-")) if section else ""
    return f"../notebooks/{notebook}.ipynb{anchor}"
