"""Runs a notebook on a GPU as a student has it, or as on a T4, and says which cells fail or show something else.

python -m tools.gpu.notebook FILE.json SOURCE native|as-t4      one part of tools.gpu.check; FILE.json: what it found
"""

import json
import signal
import sys
import threading
import time
from pathlib import Path

import nbformat
from nbformat import NotebookNode, v4

from tools.build import conditions, notebooks, pictures

# Run before the first cell. as-t4: the arithmetic of a T4 on any chip, float16 with scaled gradients, and no TF32
SETUPS = {"native": "pass", "as-t4": """import torch
torch.cuda.get_device_capability = lambda *_, **__: (7, 5)
torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False"""}  # fmt: skip
# Cells that say something else on a GPU, or depend on its speed, by what only they contain; they must run all the same
OTHER_WORDS = ("measure.power(", "Launch-bound")


def prepare(book: NotebookNode, setup: str) -> None:
    """Puts a cell with `setup` before all others, and lets those after one that fails run, too."""
    book.cells.insert(0, v4.new_code_cell(setup))
    for cell in book.cells:
        cell.metadata["tags"] = [*cell.metadata.get("tags", []), "raises-exception"]


def differences(book: NotebookNode, saved: NotebookNode) -> list[str]:
    """How a prepared notebook that was executed differs from the saved one; `cell -1` is the setup."""
    notebooks.normalize(book)
    found = []
    pairs = enumerate(zip(book.cells, [v4.new_code_cell(), *saved.cells], strict=True), -1)
    for i, cell, old in [(i, *pair) for i, pair in pairs if pair[0].cell_type == "code"]:
        where = f"cell {i} ({(cell.source.strip().splitlines() or [''])[0][:80]})"
        if cell.execution_count is None:
            return [*found, f"{where} and all after it were not run"]
        errors = [f"fails: {o.ename}: {o.evalue[:500]}" for o in cell.outputs if o.output_type == "error"]
        errors += [f"writes to stderr: {o.text[:500]}" for o in cell.outputs if o.get("name") == "stderr"]
        if not errors and notebooks.is_compared(old) and not any(words in cell.source for words in OTHER_WORDS):
            shown, before = notebooks.texts(cell.outputs), notebooks.texts(old.outputs)
            errors += [f"shows {str(shown)[:2000]} instead of {str(before)[:2000]}"] * (shown != before)
            measured = pictures.MEASURED in old.metadata.get("tags", [])
            picture = pictures.complaint(old.outputs, cell.outputs, shape_only=measured)
            errors += [f"draws another picture: {picture}"] * bool(picture)
        found += [f"{where} {text}" for text in errors]
    return found


def run(file: Path, source: Path, kind: str) -> None:
    """Runs all cells and writes what is found, and what the cells say, into the file, even when stopped."""
    # a second signal must not interrupt the report
    signal.signal(signal.SIGTERM, lambda number, _: (signal.signal(number, signal.SIG_IGN), sys.exit(128 + number)))
    book, start, seconds = notebooks.read_source(source), time.time(), []
    prepare(book, SETUPS[kind])
    # in a thread: in the main one nbclient would take SIGTERM and wait for the cell; the kernel ends with this process
    running = threading.Thread(target=lambda: seconds.extend(notebooks.execute(book)), daemon=True)
    running.start()
    try:
        running.join()
    finally:
        found = [(False, text) for text in differences(book, nbformat.read(notebooks.target(source), 4))]
        slowest = sorted(((round(s, 1), f"cell {i}") for i, s in enumerate(seconds, -1)), reverse=True)[:3]
        found.append((None, f"{time.time() - start:.0f} s, slowest cells {slowest}"))
        texts = {i: "".join(str(o.get("text") or o.get("data", {}).get("text/plain", "")) for o in cell.outputs)[:4000]
                 for i, cell in enumerate(book.cells, -1) if cell.cell_type == "code"}  # fmt: skip
        draft = file.with_suffix(".tmp")
        draft.write_text(json.dumps({"findings": found, "texts": texts}, ensure_ascii=False), encoding="utf-8")
        draft.replace(file)


if __name__ == "__main__":
    conditions.apply()
    run(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
