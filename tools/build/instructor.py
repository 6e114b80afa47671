"""Instructor copies of the notebooks: `make solutions` writes them, executed, to build/instructor.

python -m tools.build.instructor [NAME ...]

Made from the students' sources: under each heading are the notes of the teaching plan, and in every answer cell the
solution of its exercise, which its check calls correct.
"""

import ast
import itertools
import sys
from types import ModuleType

import nbformat
from nbformat import NotebookNode, v4

from lecture8 import course
from lecture8.teaching import MARKS, Build, Exercise
from tools.build import conditions, headings, notebooks, slide_types, teaching_plan

TARGET = conditions.ROOT / "build" / "instructor"


def solution_cell(source: str, name: str, exercise: Exercise) -> str:
    """The source of an answer cell with the exercise's own solution in it; what else a build's cell defines stays."""
    answer = exercise.solution.__name__
    if isinstance(exercise, Build):
        (theirs,) = (one for one in ast.parse(source).body if getattr(one, "name", "") == answer)
        lines = source.splitlines()
        first = min(one.lineno for one in (theirs, *theirs.decorator_list))
        return "\n".join([*lines[: first - 1], exercise.solution_code, *lines[theirs.end_lineno :]])
    apart = "\n" if exercise.asks_value else "\n\n\n"
    return f'{exercise.solution_code}{apart}ask.exercises["{name}"].check({answer})'


def notes_cell(text: str) -> NotebookNode:
    """Speaker's notes as a cell: seen in the copy, and in the speaker's view of the slides."""
    quoted = "\n".join(f"> {line}".rstrip() for line in text.splitlines())
    return v4.new_markdown_cell(quoted, metadata={"slideshow": {"slide_type": "notes"}})


def with_notes(notebook: NotebookNode, plan: teaching_plan.Plan) -> NotebookNode:
    """The notebook with the plan's notes below the headings they belong to."""
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type == "markdown":
            found = [heading for heading in headings.within(cell.source) if heading in plan.notes]
            cells += [notes_cell(plan.notes[heading]) for heading in found]
    cells.append(notes_cell(plan.discussion))  # every plan has it
    return nbformat.from_dict({**notebook, "cells": cells})


def with_solutions(notebook: NotebookNode, ask: ModuleType) -> NotebookNode:
    """The notebook with every answer cell replaced by the solution, not run; ask: the lesson's questions."""
    cells = []
    for cell in notebook.cells:
        asked = slide_types.ANSWER.search(cell.source)
        if cell.cell_type == "code" and asked:
            code = solution_cell(cell.source, asked[2], getattr(ask, asked[1])[asked[2]])
            cell = v4.new_code_cell(code, metadata=cell.metadata, id=cell.id)
        cells.append(cell)
    return nbformat.from_dict({**notebook, "cells": cells})


def copy_of(name: str, language: str = "en") -> NotebookNode:
    """The instructor copy of a notebook ('06_resnet'), not yet run."""
    notebook = notebooks.read_source(notebooks.source_of(name), language)
    ask = course.lesson(name).module("questions")
    return with_notes(with_solutions(notebook, ask), teaching_plan.plan(name, language))


def wrong_solutions(notebook: NotebookNode) -> list[str]:
    """The exercises of an executed copy that their check does not call correct."""
    found = []
    for cell in notebook.cells:
        asked = slide_types.ANSWER.search(cell.source)
        if cell.cell_type == "code" and asked:
            said = " ".join(out.get("text") or str(out.get("data", {}).get("text/plain", "")) for out in cell.outputs)
            if not said.startswith(MARKS["correct"]):
                found.append(f"{asked[2]}: {said or 'no answer'}")
    return found


def main() -> int:
    """The command line; the number of notebooks with a complaint. Raises CellExecutionError where a cell fails."""
    options = notebooks.command_line(__doc__).parse_args()
    conditions.apply()
    bad = 0
    for source, language in itertools.product(options.sources, options.languages):
        notebook, path = copy_of(source.stem, language), TARGET / notebooks.place(source.stem, language)
        path.parent.mkdir(parents=True, exist_ok=True)
        notebooks.execute(notebook)
        notebooks.normalize(notebook)
        nbformat.write(notebook, path)
        problems = wrong_solutions(notebook)
        print(f"{path.relative_to(conditions.ROOT)}", *problems, sep="\n", flush=True)
        bad += bool(problems)
    return bad


if __name__ == "__main__":
    sys.exit(main())
