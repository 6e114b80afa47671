"""Writes docs/notes_against_papers.md from data/corrections.csv.

python -m tools.build.notes_page          write it
python -m tools.build.notes_page --check  say whether it is up to date
"""

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


def _place(notebook: str, heading: str) -> str:
    return f"[{notebook}, {heading}](../notebooks/{notebook}.ipynb#{quote(heading.replace(' ', '-'))})"


def page() -> str:
    """The whole page as Markdown."""
    table = published.read("corrections").sort_values("number")
    parts = [HEAD]
    for lesson in course.LESSONS:
        rows = table[table["notebook"] == lesson.notebook]
        if rows.empty:
            continue
        parts.append(f"## {lesson.notebook[:2]} {lesson.title}\n")
        parts.append("| | about | the notes | the paper | source | shown in |\n|--:|:--|:--|:--|:--|:--|")
        for row in rows.itertuples():
            cells = (row.number, row.claim, row.notes, row.paper, row.source, _place(row.notebook, row.section))
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
