"""Which cell of a lesson begins a slide, by rule: one idea on each, the answer one key press after the question.

python -m tools.build.slide_types     gives the committed notebooks their types, without running them

The types are those of Jupyter's slide show (`slideshow.slide_type`), so the same notebook is a deck of reveal.js
(`make slides`) and can be presented live with its widgets (jupyterlab-slideshow).
"""

import ast
import base64
import io
import re

import nbformat
from nbformat import NotebookNode
from PIL import Image

from tools.build import conditions

FULL = 620  # pixels of text and pictures that a slide of 720 has room for, about
LINE, PER_LINE = 36, 80  # height of a line of text, in pixels, and its letters
CODE_LINE = 27
VERDICT = 150  # and what a guess came to stays with its picture: all is set a little smaller then
PICTURE = 420  # the most that a picture is made
# a cell that checks a student's answer: kind, name
ANSWER = re.compile(r'ask\.(exercises|builds)\["(\w+)"\]\.(?:check|use)\(')
# what a prediction reveals without a guess: a summary, “Measured: ”, what was measured, more, a picture
REVEAL = re.compile(
    r"\S+ [^<]+\.\s*<details><summary>([^<]*)</summary>\s*"
    r"\*\*([^*:]*: )(.*?)\.\*\*(.*?)(<img[^>]*>)?\s*</details>\s*",
    re.DOTALL,
)
SHOWN = ("explorers.", "ask.", "teaching.", ".reveal(")  # calls of which only the result matters


def hides_code(cell: NotebookNode) -> bool:
    """Whether what comes out of a code cell says all: a picture, a question, a table, a source, a verdict."""
    rich = {"image/png", "text/markdown", "text/html"}
    return any(rich & set(out.get("data", {})) for out in cell.outputs) or any(call in cell.source for call in SHOWN)


def asks(cell: NotebookNode) -> bool:
    """Whether a cell shows an exercise or a question of the quiz."""
    return any(call in cell.source for call in ("ask.exercises[", "ask.builds[", "teaching.quiz("))


def _skipped(cell: NotebookNode) -> bool:
    """Cells that prepare something and show nothing, except a class, which is what the lesson builds; answer cells."""
    if cell.cell_type == "markdown":
        return False
    classes = any(isinstance(node, ast.ClassDef) for node in ast.parse(cell.source).body)
    return bool(ANSWER.search(cell.source)) or not (cell.outputs or classes)


def height(cell: NotebookNode) -> float:
    """About how many pixels a cell takes on a slide."""
    if cell.cell_type == "markdown":
        return _text(cell.source)
    total = 0 if hides_code(cell) else CODE_LINE * (cell.source.count("\n") + 1)
    for output in cell.outputs:
        data = output.get("data", {"text/plain": output.get("text", "")})
        if "image/png" in data:
            width, high = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).size
            total += min(PICTURE, 1100 * high / width)
        elif "text/markdown" in data:
            # a reveal is shown openly: on a slide it comes after the question
            openly = REVEAL.sub(r"**\2\3.**\4\5", data["text/markdown"])
            words, *pictures = re.split("<img[^>]*>", openly)
            total += _text(words.split("<details>")[0]) + PICTURE * len(pictures)
        elif "text/html" in data:
            total += LINE * (data["text/html"].count("<tr") + data["text/html"].count("<li") + 1)
        else:
            total += CODE_LINE * (str(data.get("text/plain", "")).count("\n") + 1)
    return total


def _text(markdown: str) -> float:
    return LINE * sum(-(-len(paragraph) // PER_LINE) for paragraph in markdown.split("\n\n"))


def mark(notebook: NotebookNode) -> None:
    """Gives every cell of an executed notebook its type, in place.

    slide: a section begins. subslide: the next idea, which is some prose and what it leads to, or what the guess before
    it was about, or simply more than fits. fragment: appears below what is there. skip: not shown, like all that stands
    between the title and the first section.
    """
    fill, seen, begun = 0.0, "", False
    for number, cell in enumerate(notebook.cells):
        prose = cell.cell_type == "markdown"
        begun = begun or (prose and cell.source.startswith("## "))
        if (number and not begun) or _skipped(cell):
            kind = "skip"
        elif prose and cell.source.startswith(("# ", "## ")):
            kind = "slide"
        elif seen in ("guess", "live") or (prose and seen != "prose") or (asks(cell) and seen != "prose"):
            kind = "subslide"
        elif fill + height(cell) > (FULL + VERDICT if ".reveal(" in cell.source else FULL):
            kind = "subslide"
        else:
            kind = "fragment"
        cell.metadata["slideshow"] = NotebookNode(slide_type=kind)
        if kind != "skip":
            fill = height(cell) + (fill if kind == "fragment" else 0)
            seen = "guess" if "teaching.predict(" in cell.source else "prose" if prose else "result"
            seen = "live" if "live.show(" in cell.source else seen  # it grows beyond its still


if __name__ == "__main__":
    for path in (conditions.ROOT / "notebooks").rglob("[0-9]*.ipynb"):
        notebook = nbformat.read(path, 4)
        mark(notebook)
        path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")
