"""Planted mistakes: a cell that fails, explorers that are dead, a picture from elsewhere. All must be found."""

from pathlib import Path

import pytest

from tests.browser import checks

MISTAKES = Path(__file__).parent / "planted" / "mistakes.py"

pytestmark = pytest.mark.parametrize("notebook", [MISTAKES], ids=["planted"], indirect=True, scope="module")


def test_failing_cells_are_found(notebook):
    assert checks.cell_complaints(notebook.cells()) == [
        'cell 5 (print("careful", file=sys.stderr)) writes to stderr: careful',
        "cell 6 ([][0]) shows IndexError: list index out of range",
        'cell 7 (print("never run")) was not run',
    ]


def test_a_picture_from_elsewhere_is_found(notebook):
    assert notebook.faults == ["the page asked for https://example.org/picture.png"]


def test_dead_explorers_are_found(notebook):
    def complaints(cell):
        return checks.move_complaints(notebook.explorer_moves(cell))

    assert complaints(1) == []
    assert complaints(2) == [f"n moved to {n}: nothing changed" for n in (3, 1, 2)]
    assert complaints(3) == ["the picture stayed the same in 3 moves"]
    assert complaints(4) == ["n moved to 2: ❌ ZeroDivisionError: division by zero"]
