"""Turns lecture8/lessons/*/<name>.py (jupytext's percent format) into the executed notebooks, byte for byte repeatable.

python -m tools.build.notebooks [NAME ...]     a file is written only if it shows something new

A notebook with a cell that takes more than 20 seconds is not written: nobody waits that long in class. On a busy
machine, LECTURE8_CELL_SECONDS=60 allows more.
"""

import argparse
import hashlib
import itertools
import os
import re
import subprocess
import sys
import time
from itertools import zip_longest
from pathlib import Path

import jupytext
import nbformat
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager
from nbval.plugin import find_comment_markers, find_metadata_tags, get_sanitize_patterns

import lecture8
from lecture8 import words
from tools.build import conditions, pictures, slide_types

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # jupytext and pytest bring it

ROOT = conditions.ROOT
NOTEBOOKS = ROOT / "notebooks"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
BADGE = re.compile(r"^\[!\[(Open in \w+)\]\(.*?\)\]\((.*?)\)\n", re.MULTILINE)
EMBEDDED = re.compile(r"(?<=data:image/png;base64,)[\w+/=]+")
# The release that a notebook was made with, or else, as long as there is none, the repository
INSTALL = Path(__file__).with_name("first_cell.txt").read_text(encoding="utf-8")
SECONDS = float(os.environ.get("LECTURE8_CELL_SECONDS", "20"))  # the most that a cell may take


def sources() -> list[Path]:
    """The sources of all notebooks, in their order."""
    return sorted((ROOT / "lecture8" / "lessons").glob("l*/[0-9]*.py"))


def source_of(name: str) -> Path:
    """The source of a notebook ('06_resnet'). Raises argparse's error for a name that is not there."""
    found = {path.stem: path for path in sources()}
    if name not in found:
        raise argparse.ArgumentTypeError(f"no source for {name}; choose from {', '.join(found)}")
    return found[name]


def command_line(about: str) -> argparse.ArgumentParser:
    """The command line of a tool that takes names of notebooks, `sources`."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    one = {"metavar": "NAME", "help": "such as 06_resnet; all without one"}
    parser.add_argument("sources", nargs="*", type=source_of, default=sources(), **one)
    spoken = {"choices": words.languages(), "default": words.languages(), "help": "all without one"}
    parser.add_argument("--language", nargs=1, dest="languages", **spoken)
    return parser


def target(source: Path, language: str = "en") -> Path:
    """Where the notebook of a source lies."""
    return NOTEBOOKS / place(source.stem, language)


def place(name: str, language: str) -> str:
    """The file of a notebook in the folder of all: '06_resnet.ipynb', or 'ko/06_resnet.ipynb'."""
    return f"{name}.ipynb" if language == "en" else f"{language}/{name}.ipynb"


def repository() -> str:
    """The address of the repository, from pyproject.toml: https://github.com/owner/name."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]["urls"]["Repository"]


def verified() -> str:
    """Which Colab the notebooks were run with, from the pins of that stack: its date, Python and PyTorch."""
    pins = (ROOT / "tools" / "env" / "stack_files" / "colab.txt").read_text(encoding="utf-8")
    return f"{pins.splitlines()[0].lstrip('# ')}, PyTorch {re.search('^torch==(.+)', pins, re.MULTILINE)[1]}"


def placeholders(name: str, language: str = "en") -> dict[str, str]:
    """What the sources leave to be filled in for the notebook of this name, {{badges}} say, and what with."""
    notebook = f"{repository()}/blob/main/notebooks/{place(name, language)}"
    colab = notebook.replace("https://github.com", "https://colab.research.google.com/github")
    kaggle = f"https://kaggle.com/kernels/welcome?src={notebook}"
    return {
        "{{badges}}": f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})\n"
        f"[![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)]({kaggle})",
        "# {{install}}\n": INSTALL.format(version=lecture8.__version__, repository=repository()),
        "{{verified}}": verified(),
    }


def metadata(text: str) -> NotebookNode:
    """What a notebook with this text says of itself; Colab gives it a GPU if it has a class run, which needs one."""
    about = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python", "file_extension": ".py", "pygments_lexer": "ipython3"},
        colab={"provenance": [], "toc_visible": True},
        lecture8={"version": lecture8.__version__, "verified": verified()},
    )
    if "class_run=" in text:
        about.accelerator, about.colab["gpuType"] = "GPU", "T4"
    return about


def read_source(source: Path, language: str = "en") -> NotebookNode:
    """The notebook of a source, not yet run, with its `placeholders` filled in.

    In another language its text is the translation; its code is the same, except that it says in which to speak.
    """
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = metadata(source.read_text(encoding="utf-8"))
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        # an id from the position: building again gives the same file
        cell["id"] = hashlib.sha1(f"{source.stem}:{number}".encode()).hexdigest()[:8]
        cell.metadata = NotebookNode({"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {})
        if language != "en" and cell.cell_type == "markdown":
            cell.source = words.say(cell.source, language)
        elif language != "en" and "lecture8.start(" in cell.source:
            started = cell.source.replace("lecture8.start(", f'lecture8.start(language="{language}", ')
            cell.source = started.replace('", )', '")')
        for mark, meant in placeholders(source.stem, language).items():
            cell.source = cell.source.replace(mark, meant)
    return notebook


def contents(notebook: NotebookNode) -> list[tuple[str, str, list[str]]]:
    """What a notebook and its source have in common: type, text and tags of every cell."""
    return [(cell.cell_type, cell.source, cell.metadata.get("tags", [])) for cell in notebook.cells]


def out_of_date(source: Path, language: str = "en") -> str:
    """One sentence if the notebook does not hold the cells of its source, else ''."""
    path = target(source, language)
    remedy = f"run `make notebooks NB={source.stem}`"
    if not path.exists():
        return f"{path.name} is missing: {remedy}"
    wanted_of, found_of = read_source(source, language), nbformat.read(path, 4)
    pairs = zip_longest(contents(wanted_of), contents(found_of))
    different = [f"cell {number}" for number, (wanted, found) in enumerate(pairs) if wanted != found]
    different += ["its metadata"] if wanted_of.metadata != found_of.metadata else []
    return f"{path.name} differs from its source in {different[0]}: {remedy}" if different else ""


def execute(notebook: NotebookNode) -> list[float]:
    """Runs a notebook in place, in a kernel of this Python started as nbval starts it; seconds for each cell.

    Raises nbclient's CellExecutionError where a cell fails.
    """
    started, seconds = {}, dict.fromkeys(range(len(notebook.cells)), 0.0)

    def start(cell: NotebookNode, cell_index: int) -> None:
        started[cell_index] = time.perf_counter()

    def end(cell: NotebookNode, cell_index: int, **_: object) -> None:
        seconds[cell_index] = time.perf_counter() - started[cell_index]

    kernel = KernelManager(kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=NbvalKernelspecManager())
    client = NotebookClient(
        notebook, km=kernel, timeout=600, record_timing=False, store_widget_state=False, on_cell_execute=start,
        on_cell_executed=end, resources={"metadata": {"path": str(NOTEBOOKS)}},
    )  # fmt: skip
    try:
        client.execute(stderr=subprocess.DEVNULL)
    finally:
        kernel.shutdown_kernel(now=True)
    return list(seconds.values())


def normalize(notebook: NotebookNode) -> None:
    """Removes from the outputs, in place, what differs from run to run or needs a kernel, and shrinks pictures."""
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        kept = []
        for output in cell.outputs:
            if "data" in output:
                output.data.pop(WIDGET_VIEW, None)  # random ids; every viewer shows the picture or the text instead
                if not output.data:
                    continue
                if "image/png" in output.data:
                    output.data["image/png"] = pictures.smaller(output.data["image/png"].strip())
                for kind in {"text/html", "text/markdown"} & output.data.keys():
                    output.data[kind] = EMBEDDED.sub(lambda found: pictures.smaller(found[0]), output.data[kind])
            if output.output_type == "error":
                output.traceback = [f"{output.ename}: {output.evalue}"]
            last = kept[-1] if kept else None
            if last and last.output_type == output.output_type == "stream" and last.name == output.name:
                last.text += output.text
            else:
                kept.append(output)
        cell.outputs = kept


def is_compared(cell: NotebookNode) -> bool:
    """Whether nbval compares the outputs of this cell."""
    options = {**dict(find_metadata_tags(cell.metadata)), **dict(find_comment_markers(cell.source))}
    return options.get("check", True) and not options.get("skip", False)


def texts(outputs: list[NotebookNode]) -> list[tuple[str, str]]:
    """What is written in a cell's outputs, pictures apart: (kind, text), with the exempt numbers blanked."""
    patterns = get_sanitize_patterns((ROOT / "nbval_sanitize.cfg").read_text(encoding="ascii"))
    found = []
    for output in outputs:
        parts = output.get("data") or {output.get("name", "error"): output.get("text", output.get("evalue", ""))}
        for kind, text in sorted(parts.items()):  # as nbformat writes them
            if kind not in pictures.PICTURES:
                for pattern, replacement in patterns:
                    text = re.sub(pattern, replacement, str(text))
                found.append((kind, text))
    return found


def shown(notebook: NotebookNode) -> list:
    """What the tests compare, the cells and what each shows unless it is exempt, and how its pictures are described."""
    outputs = [
        (texts(cell.outputs), pictures.pictures(cell.outputs), [output.get("metadata") for output in cell.outputs])
        for cell in notebook.cells
        if cell.cell_type == "code" and is_compared(cell)
    ]
    return [contents(notebook), notebook.metadata, outputs]


def write(path: Path, notebook: NotebookNode) -> bool:
    """Writes a notebook in one step, if it shows something new; whether it did.

    Times and other exempt outputs alone are no reason: remove the file to have them new.
    """
    if path.exists() and shown(nbformat.read(path, 4)) == shown(notebook):
        return False
    draft = path.with_suffix(".tmp")
    draft.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")
    draft.replace(path)
    return True


def build(source: Path, language: str = "en") -> str:
    """Runs a source and writes its notebook; a line of report with the seconds and the slowest cells.

    Raises RuntimeError, and writes nothing, if a cell takes more than SECONDS.
    """
    notebook, path = read_source(source, language), target(source, language)
    path.parent.mkdir(exist_ok=True)
    about = nbformat.from_dict(notebook.metadata)
    seconds = execute(notebook)
    notebook.metadata = about  # without the version of this machine's Python
    slow = [f"cell {i} takes {one:.0f} s" for i, one in enumerate(seconds) if one > SECONDS]
    if slow:
        raise RuntimeError(f"{', '.join(slow)}; at most {SECONDS:g} s are allowed (LECTURE8_CELL_SECONDS)")
    normalize(notebook)
    slide_types.mark(notebook)
    done = "written" if write(path, notebook) else "unchanged"
    slowest = sorted(range(len(seconds)), key=seconds.__getitem__, reverse=True)[:3]
    cells = ", ".join(f"cell {i} {seconds[i]:.1f} s" for i in slowest)
    return (
        f"{path.relative_to(NOTEBOOKS)}: {done}, {path.stat().st_size / 1024:.0f} KiB, {sum(seconds):.1f} s ({cells})"
    )


def run_twice(source: Path) -> list[str]:
    """Runs every code cell of a source twice in a row in one kernel; a sentence for each that shows something else.

    Those that reveal a prediction's answer run a third time, after all others: a reader may go back and guess.
    """
    notebook = read_source(source)
    numbers = [number for number, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    late = [number for number in numbers if ".reveal(" in notebook.cells[number].source]
    order = [number for number in numbers for _ in range(2)] + late
    notebook.cells = [nbformat.from_dict(notebook.cells[number]) for number in order]
    execute(notebook)
    normalize(notebook)
    complaints, first_runs = [], {}
    for number, second in zip(order, notebook.cells, strict=True):
        first = first_runs.setdefault(number, second)
        if first is second or not is_compared(first):
            continue
        where = f"{source.stem} cell {number} ({first.source.splitlines()[0]})"
        for one, two in zip_longest(texts(first.outputs), texts(second.outputs)):
            if one != two:
                complaints.append(f"{where} shows {str(one)[:300]} at first and {str(two)[:300]} when it is run again")
        if pictures.pictures(first.outputs) != pictures.pictures(second.outputs):
            change = pictures.complaint(first.outputs, second.outputs) or "in a few pixels"
            complaints.append(f"{where} draws another picture when it is run again: {change}")
    return complaints


def main() -> int:
    """The command line; the number of notebooks with a complaint."""
    options = command_line(__doc__).parse_args()
    conditions.apply()
    bad = 0
    for source, language in itertools.product(options.sources, options.languages):
        try:
            print(build(source, language), flush=True)
        except (CellExecutionError, RuntimeError) as error:
            print(f"{source.stem} was not built: {error}", flush=True)
            bad += 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
