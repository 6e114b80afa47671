"""Writes docs/notes_against_papers.md from data/corrections.csv: `python -m tools.build.notes_page`."""

from lecture8 import course, published
from lecture8.words import say
from tools.build import conditions, headings, teaching_plan

PAGE = conditions.ROOT / "docs" / "notes_against_papers.md"
HEAD = """# The lecture notes against the papers

Where the notes of the lecture (or its slides) and the papers differ, or agree and are worth a check. The last
column leads to the section in which the course measures, counts or computes it. Made from `data/corrections.csv` by
`python -m tools.build.notes_page`.
"""
TABLE = "| | about | the notes | the paper | source | shown in |\n|--:|:--|:--|:--|:--|:--|"


def page() -> str:
    """The whole page as Markdown."""
    table = published.read("corrections").sort_values("number")
    parts = ["\n\n".join(map(say, teaching_plan.blocks(HEAD))) + "\n"]
    for lesson in course.LESSONS:
        rows = table[table["notebook"] == lesson.notebook]
        if rows.empty:
            continue
        parts.append(f"## {lesson.notebook[:2]} {say(lesson.title)}\n")
        parts.append(say(TABLE))
        for row in rows.itertuples():
            place = f"[{row.notebook}, {say(row.section)}]({headings.place(row.notebook, row.section)})"
            cells = (row.number, say(row.claim), say(row.notes), say(row.paper), row.source, place)
            parts.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
