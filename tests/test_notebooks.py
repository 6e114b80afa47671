"""The notebooks are complete, and no mistake in one gets past `make test`.

nbval runs every cell and compares what it shows; the guards here shut the doors that it leaves open.
"""

import ast
import base64
import contextlib
import io
import os
import re
import shutil
import statistics
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import nbformat
import pytest
from nbformat import v4
from nbval.plugin import find_comment_markers, find_metadata_tags
from PIL import Image, ImageDraw

import lecture8
from lecture8 import datasets
from tools.build import conditions, notebooks, pictures

NOTEBOOKS = sorted(notebooks.NOTEBOOKS.glob("*.ipynb"))
SOURCES = notebooks.sources()

# The cells whose outputs are not compared: (notebook, a text that only this cell contains): the reason.
EXEMPT: dict[tuple[str, str], str] = {
    ("09_complexity", "by_batch(per_second"): "draws what this machine takes; the claim before it holds everywhere",
}

MAX_LINES, MAX_MEDIAN, MAX_MEGABYTES = 25, 6.5, 1
# nbval cannot compare what these show, or Colab's ipywidgets 7 cannot show it
FORBIDDEN = re.compile(r"\b(interact|interact_manual|interactive|clear_output|tqdm\.auto|Output)\b(?=\W)")
SEMICOLON = re.compile(r";\s*(#.*)?$")
MACHINE = re.compile(r"(?<![\w.])(/(home|root|tmp|Users|usr|opt|content|private|var)/|[A-Z]:\\)|\b0x[0-9a-f]{8,}")


def lines(source: str) -> list[str]:
    return [line for line in source.splitlines() if line.strip()]


def complaints(name: str, notebook: nbformat.NotebookNode) -> list[str]:
    """Every reason why this notebook must not be committed as it is."""
    found = []
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if not code:
        return ["it has no code cells"]
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        found.append("its cells were not run once each, in order: nbval does not compare a cell that was not run")
    if notebook.metadata != notebooks.metadata("".join(cell.source for cell in code)):
        found.append(f"its metadata are not what the build writes: {notebook.metadata}")
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        found.append("its first cell is no title")
    if notebooks.placeholders(name)["{{badges}}"] not in first.source:
        found.append("its first cell has no badges of Colab and Kaggle: write {{badges}}")
    if (median := statistics.median(len(lines(cell.source)) for cell in code)) > MAX_MEDIAN:
        found.append(f"half of its code cells have more than {median} lines, at most {MAX_MEDIAN} are allowed")
    for marker in [marker for notebook_name, marker in EXEMPT if notebook_name == name]:
        if [notebooks.is_compared(cell) for cell in code if marker in cell.source] != [False]:
            found.append(f"no cell with {marker!r} needs an exemption: take it out of EXEMPT")
    for number, cell in enumerate(code):
        if pictures.MEASURED in cell.metadata.get("tags", []) and not any(
            re.search(r"^\s*assert\b|teaching\.claim\(|\.reveal\(", near.source, re.MULTILINE)
            for near in code[number : number + 2]
        ):
            found.append(f"code cell {number} draws what was measured; it or the next must assert what is seen")
        found += [f"code cell {number} {problem}" for problem in cell_complaints(name, cell)]
    return found


def cell_complaints(name: str, cell: nbformat.NotebookNode) -> list[str]:
    found = []
    code = [line for line in lines(cell.source) if not line.lstrip().startswith("#")]
    if len(lines(cell.source)) > MAX_LINES:
        found.append(f"has {len(lines(cell.source))} lines, at most {MAX_LINES} are allowed")
    if code and SEMICOLON.search(code[-1]):
        found.append("ends in a semicolon, which nbval ignores: end it in plt.show() or `_ = ...`")
    if match := FORBIDDEN.search("\n".join(code)):
        found.append(f"uses {match.group()}, which cannot be compared or does not work in Colab")
    if not notebooks.is_compared(cell) and not any(
        notebook == name and marker in cell.source for notebook, marker in EXEMPT
    ):
        found.append("is exempt from comparison and not in the list EXEMPT of tests/test_notebooks.py")
    options = {**dict(find_metadata_tags(cell.metadata)), **dict(find_comment_markers(cell.source))}
    for output in cell.outputs:
        if output.output_type == "error" and not options.get("check_exception"):
            found.append(f"was saved with an error: {output.ename}: {output.evalue}")
        if output.get("name") == "stderr":
            found.append(f"writes to stderr: {output.text[:80]}")
        if notebooks.WIDGET_VIEW in output.get("data", {}):
            found.append("holds a widget view, which shows nothing without a kernel: build it again")
        if "image/png" in output.get("data", {}) and not output.metadata.get("image/png", {}).get("alt"):
            found.append("shows a picture without an alternative text: build it again, see `plots.in_words`")
        for kind, text in notebooks.texts([output]):
            if match := MACHINE.search(text):
                found.append(f"shows in its {kind} what is different on another machine: {match.group()}")
    return found


def test_every_source_has_its_notebook_and_the_other_way_round():
    assert NOTEBOOKS, "there are no notebooks: `make notebooks` builds them"
    assert [path.stem for path in NOTEBOOKS] == [path.stem for path in SOURCES]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_complete(path):
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    found = complaints(path.stem, notebook)
    assert not found, "\n".join(found)
    assert path.stat().st_size < MAX_MEGABYTES * 1e6, "lower the resolution of its pictures, or show fewer"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_notebook_is_up_to_date(source):
    assert notebooks.out_of_date(source) == ""


def read_and_made(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """The names that a statement needs from before, and those that it leaves."""
    parts = list(ast.walk(statement))
    read = {node.id for node in parts if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    made = {node.id for node in parts if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    loops = [node.target for node in parts if isinstance(node, ast.comprehension)]
    inner = {node.id for loop in loops for node in ast.walk(loop) if isinstance(node, ast.Name)}
    inner |= {node.arg for node in parts if isinstance(node, ast.arg)}
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return read - inner - made, {statement.name}
    return read - inner - (set() if isinstance(statement, ast.Assign) else made), made - inner


def made_twice(cells: list[nbformat.NotebookNode]) -> set[str]:
    """Names made in two sections and read in another cell than that which makes them; names of two predictions."""
    sections, elsewhere, predictions, section = {}, set(), [], 0
    for cell in cells:
        if cell.cell_type == "markdown":
            section += bool(re.search("^## ", cell.source, re.MULTILINE))
            continue
        here = set()
        for read, made in map(read_and_made, ast.parse(cell.source).body):
            elsewhere |= read - here
            here |= made
        for name in here:
            sections.setdefault(name, set()).add(section)
        predictions += re.findall(r"^(\w+) = teaching\.predict", cell.source, re.MULTILINE)
    twice = {name for name in elsewhere if len(sections.get(name, ())) > 1}
    return twice | {name for name in predictions if predictions.count(name) > 1}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_name_means_one_thing(source):
    assert made_twice(notebooks.read_source(source).cells) == set()


def test_names_that_mean_two_things_are_found():
    heading, cell = v4.new_markdown_cell("## next"), v4.new_code_cell
    first, use = cell("ends = 3\nrows = [ends]"), cell("ends + 1")
    assert made_twice([first, use, heading, cell("rows = 4\nrows")]) == set()
    assert made_twice([first, use, heading, cell("for ends in rows:\n    ends")]) == {"ends"}
    assert made_twice([first, heading, cell("def ends(): ..."), use]) == {"ends"}
    ask = cell("guess = teaching.predict(a)")
    assert made_twice([ask, ask]) == {"guess"}


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_cell_shows_the_same_when_run_again(source):
    found = notebooks.run_twice(source)
    assert not found, "\n".join(found)


def cell_with(source: str, *outputs: nbformat.NotebookNode, tags: tuple[str, ...] = (), count: int = 1):
    return v4.new_code_cell(source, outputs=list(outputs), execution_count=count, metadata={"tags": list(tags)})


def notebook_with(*cells: nbformat.NotebookNode) -> nbformat.NotebookNode:
    title = v4.new_markdown_cell(f"# Title\n{notebooks.placeholders('planted')['{{badges}}']}")
    return v4.new_notebook(cells=[title, *cells], metadata=notebooks.metadata(""))


def stream(text: str, name: str = "stdout") -> nbformat.NotebookNode:
    return v4.new_output("stream", name=name, text=text)


def shown(**data: str) -> nbformat.NotebookNode:
    return v4.new_output("display_data", data={kind.replace("_", "/", 1): text for kind, text in data.items()})


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        (cell_with("print(1)", count=None), "not run once each"),
        (cell_with("plot(x);  # quiet\n# the end\n"), "ends in a semicolon"),
        (cell_with("@interact(a=1)\ndef f(a): pass"), "uses interact"),
        (cell_with("f()", tags=("nbval-ignore-output",)), "is exempt"),
        (cell_with("# NBVAL_IGNORE_OUTPUT\nf()"), "is exempt"),
        (cell_with("f()", v4.new_output("error", ename="E", evalue="e", traceback=[])), "saved with an error"),
        (cell_with("f()", stream("careful\n", "stderr")), "writes to stderr"),
        (cell_with("f()", stream("saved in /home/ada/x.pt\n")), "another machine: /home/"),
        (cell_with("plots.curves(h)", tags=("measured",)), "or the next must assert"),
        (cell_with("\n".join(["f()"] * 26)), "26 lines"),
        (cell_with("\n".join(["f()"] * 7)), "half of its code cells"),
        (cell_with("f()", v4.new_output("display_data", data={notebooks.WIDGET_VIEW: {}})), "holds a widget view"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_guards_find(cell, complaint):
    assert complaints("planted", notebook_with(cell_with("a = 1  # ;)\nf(a)"))) == []
    assert complaint in " ".join(complaints("planted", notebook_with(cell)))


def picture(x: int) -> str:
    """A white square with a vertical line at x, as base64."""
    image = Image.new("RGB", (200, 200), "white")
    ImageDraw.Draw(image).line([(x, 10), (x, 190)], fill="black", width=3)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize("alpha", [255, 100])
def test_saved_opaque_pictures_are_smaller_and_look_the_same(alpha):
    photo = Image.fromarray(datasets.animals()["macaw"].permute(1, 2, 0).numpy())
    photo.putalpha(alpha)
    photo.save(buffer := io.BytesIO(), "PNG")
    full = base64.b64encode(buffer.getvalue()).decode()
    small = pictures.smaller(full)
    assert small == full if alpha < 255 else len(small) < len(full) / 2 and pictures.difference(full, small) < 0.03


@pytest.mark.parametrize("codes", [[0], [1, 0], [1, 1]], ids=["a release", "the repository", "neither"])
def test_the_first_cell_installs_the_release_or_else_the_repository(codes, monkeypatch):
    asked, code = [], notebooks.placeholders("planted")["# {{install}}\n"]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("subprocess.call", lambda command, **_: (asked.append(command[-1]), codes[len(asked) - 1])[1])
    with pytest.raises(RuntimeError, match="was not installed") if all(codes) else contextlib.nullcontext():
        exec(code, {})
    assert asked == [f"lecture8=={lecture8.__version__}", f"git+{notebooks.repository()}"][: len(codes)]


def test_a_slow_cell_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(notebooks, "read_source", lambda source, language: notebook_with(cell_with("f()")))
    monkeypatch.setattr(notebooks, "execute", lambda notebook: [0.1, notebooks.SECONDS + 1])
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path)
    with pytest.raises(RuntimeError, match=f"cell 1 takes {notebooks.SECONDS + 1:g} s; at most"):
        notebooks.build(tmp_path / "planted.py")
    assert not list(tmp_path.iterdir())


def test_network_is_refused_in_every_python_started_from_here():
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode and "tests use no network, but '192.0.2.1' was called" in result.stderr


PLANTED = {
    "fine": cell_with("print(1)", stream("1\n")),
    "fact": cell_with("assert 60_965_225 == 60_965_224"),
    "printed": cell_with("print(41)", stream("42\n")),
    "removed output": cell_with("print(1)"),
    "html": cell_with(
        "from IPython.display import HTML, display\ndisplay(HTML('<b>1</b>'))",
        shown(text_html="<b>2</b>", text_plain="<IPython.core.display.HTML object>"),
    ),
    "picture": cell_with(
        "from IPython.display import display\n"
        f"display({{'image/png': '{picture(100)}', 'text/plain': 'a line'}}, raw=True)",
        shown(image_png=picture(120), text_plain="a line"),
    ),
    "network": cell_with("import urllib.request\nurllib.request.urlopen('http://example.org')"),
    "fine again": cell_with("print(2)", stream("2\n")),
    "hangs": cell_with("while True: pass"),
}


@pytest.mark.slow
def test_planted_mistakes_fail(tmp_path):
    """The project's own settings, on notebooks with one mistake in each cell."""
    for name in ("conftest.py", "nbval_sanitize.cfg", "pyproject.toml"):
        shutil.copy(conditions.ROOT / name, tmp_path)
    for name in ("tools", "tests/support"):
        shutil.copytree(conditions.ROOT / name, tmp_path / name)
    shutil.copy(conditions.ROOT / "tests" / "__init__.py", tmp_path / "tests")
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook_with(*PLANTED.values()), tmp_path / "notebooks" / "mistakes.ipynb")
    dies = notebook_with(cell_with("import os\nos._exit(1)"), cell_with("print(1)", stream("1\n"), count=2))
    nbformat.write(dies, tmp_path / "notebooks" / "dies.ipynb")
    goes_on = "import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: pass"  # as training.fit does
    late = notebook_with(cell_with(goes_on), cell_with("print(1)", stream("1\n"), count=2))
    nbformat.write(late, tmp_path / "notebooks" / "late.ipynb")

    files = [f"notebooks/{name}.ipynb" for name in ("mistakes", "dies", "late")]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--nbval-cell-timeout=3"]
    ours = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    done = subprocess.run([*command, "--junitxml=report.xml", *files], cwd=tmp_path, env=ours, capture_output=True)
    cells = {}
    for case in ElementTree.parse(tmp_path / "report.xml").iter("testcase"):
        outcome = "".join(f"{child.tag}: {child.get('message')} {child.text}" for child in case)
        cells.setdefault(case.get("classname"), []).append(outcome)
    mistakes, dies, late = (cells[file.replace("/", ".")] for file in files)
    passed = [name for name, outcome in zip(PLANTED, mistakes, strict=True) if not outcome]
    assert done.returncode == 1 and passed == ["fine", "fine again"]
    assert "Timeout of 3 seconds" in mistakes[-1]
    assert "the kernel died in this cell" in dies[0] and "Kernel dead" in dies[1]
    assert "Timeout of 3 seconds" in late[0]
