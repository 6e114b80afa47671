"""Judges what was seen in the browser. Plain values in, sentences out, so that it can be tested without one."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Move:
    """A control moved to another value, and what the explorer did."""

    control: str
    value: str
    seconds: float | None  #: from the click to the last change on the screen; None if nothing changed at all
    drawn: bool  #: whether the picture is a new one
    text: str  #: the line of text below it, afterwards


def cell_complaints(cells: Sequence[Mapping]) -> list[str]:
    """A sentence for every code cell that was not run, shows an error or writes to stderr; cells as in a notebook file.

    A cell with the tag `raises-exception` must show an error.
    """
    complaints = []
    for number, cell in enumerate(cells):
        if cell["cell_type"] != "code" or not "".join(cell["source"]).strip():
            continue
        where = f"cell {number} ({''.join(cell['source']).splitlines()[0]})"
        wanted = "raises-exception" in cell["metadata"].get("tags", [])
        errors = [f"{out['ename']}: {out['evalue']}" for out in cell["outputs"] if out["output_type"] == "error"]
        warnings = ["".join(out["text"]) for out in cell["outputs"] if out.get("name") == "stderr"]
        if cell["execution_count"] is None:
            complaints.append(f"{where} was not run")
        if bool(errors) != wanted:
            complaints.append(f"{where} shows {errors[0]}" if errors else f"{where} shows no error, and should")
        if warnings:
            complaints.append(f"{where} writes to stderr: {warnings[0].strip()}")
    return complaints


def move_complaints(moves: Sequence[Move]) -> list[str]:
    """A sentence for every move that changed nothing or failed, and one if no move drew a new picture."""
    if not moves:
        return ["there is no control to move"]
    complaints = []
    for move in moves:
        if move.seconds is None or move.text.startswith("❌"):
            problem = "nothing changed" if move.seconds is None else move.text
            complaints.append(f"{move.control} moved to {move.value}: {problem}")
    if not complaints and not any(move.drawn for move in moves):
        return [f"the picture stayed the same in {len(moves)} moves"]
    return complaints


def latencies(explorers: Mapping[str, Sequence[Move]]) -> str:
    """A table: explorer -> median and worst time from the move of a control to the new picture, in milliseconds."""
    lines = [f"{'explorer':32} {'moves':>5} {'median':>9} {'worst':>9}"]
    for name, moves in explorers.items():
        times = [1000 * move.seconds for move in moves if move.seconds is not None] or [float("nan")]
        lines.append(f"{name:32} {len(moves):5} {statistics.median(times):6.0f} ms {max(times):6.0f} ms")
    return "\n".join(lines)
