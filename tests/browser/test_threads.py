"""Moving an explorer while a cell draws spoils neither: JupyterLab has widgets answered in a thread of their own."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.notebook import CELL_SECONDS, choose

WIDGETS = Path(__file__).parent / "planted" / "widgets.py"
EXPLORER, DRAWS = 4, 5  # cells
SOURCE = """import time
bars = lambda n: plots.bars({"n": n}, xlabel="n")
pictures, end = [plots.png(bars(1))], time.monotonic() + 6
while time.monotonic() < end:
    pictures.append(plots.png(bars(1)))
left = bars(2)
time.sleep(1)
print(len(pictures) > 20, len(set(pictures)))"""

pytestmark = pytest.mark.parametrize("notebook", [WIDGETS], ids=["threads"], indirect=True, scope="module")


def test_a_cell_that_draws_is_left_alone(notebook):
    control = notebook.output(EXPLORER).locator(".widget-toggle-buttons")
    choose(control, 1)  # the first message of a widget has JupyterLab make the thread for all that follow
    expect(notebook.output(EXPLORER)).to_contain_text("n = 2")
    notebook.type_in(DRAWS, SOURCE)
    prompt = notebook.cell(DRAWS).locator(".jp-InputPrompt")
    expect(prompt).to_have_text("[*]:")
    moves = 0
    while prompt.text_content() == "[*]:":
        choose(control, (2, 0)[moves % 2])
        notebook.page.wait_for_timeout(100)
        moves += 1
    assert moves > 10
    expect(prompt).to_have_text(re.compile(r"\d"), timeout=1000 * CELL_SECONDS)
    outputs = notebook.cells()[DRAWS]["outputs"]
    assert [out["output_type"] for out in outputs] == ["stream", "display_data"], "one text and one figure"
    assert "".join(outputs[0]["text"]) == "True 1\n"
    n = (1, 3)[moves % 2]
    expect(notebook.output(EXPLORER)).to_contain_text(f"n = {n}")
