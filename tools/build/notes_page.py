"""Writes docs/notes_against_papers.md from data/corrections.csv.

python -m tools.build.notes_page          write it
python -m tools.build.notes_page --check  say whether it is up to date
"""

import re
import sys

from lecture8 import course, published
from tools.build import conditions, headings

PAGE = conditions.ROOT / "docs" / "notes_against_papers.md"
HEAD = """# The lecture notes against the papers

Where the notes of the lecture (or its slides) and the papers differ, or agree and are worth a check. The last
column leads to the section in which the course measures, counts or computes it. Made from `data/corrections.csv` by
`python -m tools.build.notes_page`.
"""
# shown by a section without `three_ways`: it says what you may read, or that the notes are right (27)
ENSEMBLES = "8 · One network or seven?"
TOLD = {8: ENSEMBLES, 27: "5 · From 34 to 152 layers: the bottleneck", 31: ENSEMBLES}
TOLD |= {1: "3 · Few labels: freeze, or fine-tune?", 2: "Faster, or better?"}
TOLD |= {3: "For the curious: the order of the layers, and 224 or 227?", 4: "2 · Compute: one network on two GPUs"}
TOLD |= {5: "4 · ReLU, and the learning-rate trap", 6: "5 · Normalization: better, or faster?", 7: "The recipe"}
TOLD |= {10: "3 · The same view. The same function?", 11: "5 · Where is it all?", 12: "16 or 19", 13: "Initial weights"}
TOLD |= {35: "5 · Where is it all?"}


def section(notebook: str, number: int) -> str:
    """The heading under which a notebook shows a correction by `teaching.three_ways`; '' if it does not."""
    shown = re.compile(rf"three_ways\(\s*{number}\b")
    return next((heading for heading, cell in headings.cells(notebook) if shown.search(cell.source)), "")


def _place(notebook: str, number: int) -> str:
    heading = section(notebook, number) or TOLD.get(number, "")
    return f"[{notebook}{', ' * bool(heading)}{heading}]({headings.place(notebook, heading)})"


def page() -> str:
    """The whole page as Markdown."""
    table = published.read("corrections").sort_values("number")
    parts = [HEAD]
    for lesson in course.LESSONS:
        rows = table[table["lesson"] == lesson.notebook]
        if rows.empty:
            continue
        parts.append(f"## {lesson.notebook[:2]} {lesson.title}\n")
        parts.append("| | about | the notes | the paper | source | shown in |\n|--:|:--|:--|:--|:--|:--|")
        for row in rows.itertuples():
            cells = (row.number, row.claim, row.notes, row.paper, row.source, _place(row.lesson, row.number))
            parts.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(headings.keep(PAGE, page()))
