"""Writes docs/notes_against_papers.md from data/corrections.csv.

python -m tools.build.notes_page          write it
python -m tools.build.notes_page --check  say whether it is up to date
"""

import re
import sys
from urllib.parse import quote

from lecture8 import course, published
from tools.build import conditions

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
    """The heading under which a notebook's source shows a correction by `teaching.three_ways`; '' if it does not."""
    path = conditions.folder(notebook) / f"{notebook}.py"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    shown = re.search(rf"three_ways\(\s*{number}\b", text)
    before = re.findall(r"^# #{2,6} (.+)$", text[: shown.start()], re.MULTILINE) if shown else []
    return before[-1] if before else ""


def _place(notebook: str, number: int) -> str:
    heading = section(notebook, number) or TOLD.get(number, "")
    anchor = "#" + quote(heading.replace(" ", "-")) if heading else ""
    return f"[{notebook}{', ' * bool(heading)}{heading}](../notebooks/{notebook}.ipynb{anchor})"


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


def main() -> int:
    """The command line; 1 if --check finds an old page."""
    text = page()
    if "--check" in sys.argv[1:]:
        return int(not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
