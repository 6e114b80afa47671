"""The film, on a page made from an executed cell: the numbers of a table, keys, the sentence of every frame."""

import nbclient
import nbformat
import numpy as np
from nbconvert import HTMLExporter

from lecture8 import published

CELL = """import matplotlib.pyplot as plt, numpy as np; from lecture8 import live, published
table = published.read("degradation_gradients").assign(log=lambda t: np.log10(t["norm"]))
grid = table.pivot_table(index="layer", columns=["kind", "epoch"], values="log")
frames = [{"name": f"epoch {e}", "words": f"After epoch {e}.", "at": e} for e in grid["A"].columns.tolist()]
norms = {"kind": "lines", "title": "Gradient norm", "x": grid.index, "across": "layer (1: at the image)", "up": "norm",
    "log": True, "series": [{"name": kind, "values": grid[kind].T.to_numpy()} for kind in ("A", "plain")]}
grows = {"kind": "lines", "title": "Squares", "x": list(range(61)), "across": "epoch", "up": "square", "unit": " %",
    "series": [{"name": "square", "values": [epoch**2 for epoch in range(61)]}]}
tiles = {"kind": "tiles", "title": "map", "shape": (3, 1, 2), "beside": 3, "values": [[0] * 6, [0, 1, 2, 0, 255, 9]]}
live.show("film", {"frames": frames, "label": "epoch", "panels": [norms, grows]}, plt.figure())
live.show("film", {"frames": [{"name": i, "words": f"Frame {i}."} for i in "01"], "panels": [tiles]}, plt.figure())"""
GRAYS = "c => [1, 3, 5, 7, 9, 11].map(i => c.getContext('2d').getImageData(i * c.width / 12, 9, 1, 1).data[0])"


def test_it_shows_the_tables_numbers_frame_by_frame(chromium, tmp_path):
    book, path = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)]), tmp_path / "film.html"
    path.write_text(HTMLExporter().from_notebook_node(nbclient.NotebookClient(book).execute())[0], encoding="utf-8")
    page, norms = chromium.new_page(offline=True), published.read("degradation_gradients").groupby(["epoch", "layer"])
    page.goto(path.as_uri())
    page.evaluate("document.addEventListener('keydown', () => document.title = 'heard outside')")
    lines, tiles = page.locator("[data-live]").all()
    assert "After epoch 60." in lines.inner_text() and not page.locator("img:visible").count()
    for key, epoch, end, place in (("Home", 0, "End", 56), ("ArrowRight", 1, "Home", 1), ("End", 60, "End", 56)):
        lines.get_by_role("slider", name="epoch").press(key), lines.get_by_role("slider", name="layer").press(end)
        assert f"After epoch {epoch}." in lines.inner_text() and lines.get_by_text(f"{epoch**2} %", exact=True).count()
        seen = lines.locator(".place output").inner_text().removeprefix(f"{place}: A ").split(", plain ")
        right = norms.get_group((epoch, place)).groupby("kind")["norm"].agg(lambda norm: np.exp(np.log(norm).mean()))
        assert np.allclose([float(norm) for norm in seen], right, rtol=0.006)
    assert tiles.locator("canvas").evaluate(GRAYS) == [0, 61, 62, 0, 255, 67]  # only zero is black
    for name, key, words in (("speed", "Home", "× 0.5"), ("speed", "End", "× 4"), ("frame", " ", "Frame 0.")):
        tiles.get_by_label(name).press(key)
        assert words in tiles.inner_text()
    tiles.locator("[aria-live=off]", has_text="Frame 1.").wait_for()
    tiles.locator("[aria-live=off]", has_text="Frame 0.").wait_for()  # again from the first one
    tiles.get_by_role("button", name="pause").click()
    assert tiles.locator("[aria-live=polite]").count() == 1 and "heard" not in page.title()
