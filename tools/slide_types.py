"""Which cell of a lesson begins a slide, by rule: one idea on each, the answer one key press after the question.

The types are those of Jupyter's slide show (`slideshow.slide_type`), so the same notebook is a deck of reveal.js
(`make slides`) and can be presented live with its widgets (jupyterlab-slideshow).
"""

import ast

from nbformat import NotebookNode

FIGURE = ("plots.", "explore.", "plt.")
REVEAL = ".reveal("


def slide_type(cell: NotebookNode) -> str:
    """slide (a section begins), subslide, fragment (appears after what stands above it) or skip.

    A heading begins a slide; a picture, a question, a table of the three ways and every other output a subslide; what
    was measured and whether the guess was right come as fragments. Left out: cells that only prepare something, except
    a class, which is what the lesson builds; and the cells into which a student writes.
    """
    if cell.cell_type == "markdown":
        return "slide" if cell.source.startswith(("# ", "## ")) else "subslide"
    body = ast.parse(cell.source).body
    source = cell.source
    if is_answer(source) or "lecture8.start(" in source:
        return "skip"
    if REVEAL in source or "teaching.right(" in source:
        return "fragment"
    if any(word in source for word in ("explore.predict(", "explore.quiz(", "ask.exercises[", "three_ways(")):
        return "subslide"
    if any(isinstance(node, ast.ClassDef) for node in body) or shows(body):
        return "subslide"
    return "skip"


def is_answer(source: str) -> bool:
    """Whether a student's answer is checked in this cell."""
    return "ask.exercises[" in source and ".check(" in source


def shows(body: list[ast.stmt]) -> bool:
    """Whether a cell with these statements shows something: it prints, draws, or ends in a value."""
    if body and isinstance(body[-1], ast.Expr):
        return True
    calls = [ast.unparse(node.func) for node in ast.walk(ast.Module(body, [])) if isinstance(node, ast.Call)]
    return any(call == "print" or call.startswith(FIGURE) for call in calls)


def mark(notebook: NotebookNode) -> None:
    """Gives every cell its type, in place; one that the source names is kept."""
    for cell in notebook.cells:
        cell.metadata.setdefault("slideshow", NotebookNode(slide_type=slide_type(cell)))
