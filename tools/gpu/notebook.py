"""Runs a notebook on a GPU as a student has it, or as on a T4, and says which cells fail or write something else.

python -m tools.gpu.notebook SOURCE native|as-t4 FOLDER      one part of tools.gpu.check
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.build import conditions, notebooks

# the arithmetic of a T4 on any chip: float16 with scaled gradients, and no TF32
AS_T4 = """\
import torch
torch.cuda.get_device_capability = lambda *_, **__: (7, 5)
torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
"""


def findings(book: NotebookNode, saved: NotebookNode) -> list[str]:
    """What differs from the saved notebook in the executed one: errors, texts on stderr, other texts, cells not run."""
    found = []
    for i, (cell, old) in enumerate(zip(book.cells, saved.cells, strict=True)):
        if cell.cell_type != "code":
            continue
        where = f"cell {i} `{(cell.source.strip().splitlines() or [''])[0][:80]}`"
        if cell.execution_count is None:
            found.append(f"{where} and all after it were not run")
            break
        errors = [o for o in cell.outputs if o.output_type == "error"]
        found += [f"{where} fails: {o.ename}: {o.evalue[:300]}" for o in errors]
        found += [f"{where} writes to stderr: {o.text[:300]}" for o in cell.outputs if o.get("name") == "stderr"]
        if notebooks.is_compared(old) and not errors and notebooks.texts(cell.outputs) != notebooks.texts(old.outputs):
            found.append(f"{where} shows another text: see notebooks.json")
    return found


def run(source: Path, saved: NotebookNode, kind: str, folder: Path) -> None:
    """Runs all cells, also those after one that fails, and writes what is found into the folder, even when stopped."""
    # a second signal must not interrupt the report
    signal.signal(signal.SIGTERM, lambda number, _: (signal.signal(number, signal.SIG_IGN), sys.exit(128 + number)))
    home = folder / f"ipython-{kind}" / source.stem
    (home / "profile_default" / "startup").mkdir(parents=True)
    if kind == "as-t4":
        (home / "profile_default" / "startup" / "as_t4.py").write_text(AS_T4, encoding="utf-8")
    os.environ["IPYTHONDIR"] = str(home)
    book, start, seconds = notebooks.read_source(source), time.time(), []
    for cell in book.cells:
        cell.metadata["tags"] = [*cell.metadata.get("tags", []), "raises-exception"]  # go on after it
    # in a thread: in the main one nbclient would take SIGTERM and wait for the cell; the kernel ends with this process
    running = threading.Thread(target=lambda: seconds.extend(notebooks.execute(book)), daemon=True)
    running.start()
    try:
        running.join()
    finally:
        notebooks.normalize(book)
        slowest = sorted(((round(s, 1), f"cell {i}") for i, s in enumerate(seconds)), reverse=True)[:3]
        texts = {i: [o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.outputs]
                 for i, cell in enumerate(book.cells) if cell.cell_type == "code"}  # fmt: skip
        texts = {i: "".join(map(str, said))[:4000] for i, said in texts.items() if any(said)}
        found = {"seconds": time.time() - start, "slowest": slowest, "findings": findings(book, saved), "texts": texts}
        draft = folder / f"{source.stem}-{kind}.tmp"
        draft.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
        draft.replace(folder / f"notebook {source.stem} {kind}.json")


if __name__ == "__main__":
    conditions.apply()
    given = Path(sys.argv[1])
    run(given, nbformat.read(notebooks.target(given), 4), sys.argv[2], Path(sys.argv[3]))
