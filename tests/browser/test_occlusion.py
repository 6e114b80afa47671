"""The square to drag, on a page made from an executed cell: all numbers, keys, mouse, and finger."""

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from lecture8 import datasets, models
from lecture8.lessons.l03_zfnet import photographs

CELL = """from lecture8 import live, models, plots; from lecture8.lessons.l03_zfnet import photographs
data = photographs.touched(models.small.zfnet(weights="cifar10").eval(), ("horse", "moose"))
for again in range(2): live.show("occlusion", data, plots.images(photographs.photographs()[1][:1]))"""
WALK = """box => Array.from({length: 169}, (_, at) => { const place = box.querySelector("[type=range]");
  place.value = at; place.dispatchEvent(new Event("input"));
  return [...box.querySelectorAll(".bars b")].map(number => parseInt(number.textContent)); })"""
WORST = "rows 21 to 28, columns 17 to 24. p(horse) is 16 %, without the square 90 %. The network says “airplane”, 63 %."


def test_it_shows_what_the_network_says_of_every_place(chromium, tmp_path):
    book, path, faults = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)]), tmp_path / "page.html", []
    path.write_text(HTMLExporter().from_notebook_node(NotebookClient(book).execute())[0], encoding="utf-8")
    page = chromium.new_page(viewport={"width": 360, "height": 900}, offline=True, has_touch=True)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(path.as_uri())
    page.evaluate("document.addEventListener('keydown', () => document.title = 'heard outside')")
    box, other = page.locator("[data-live]").all()
    press, said = lambda name: box.get_by_role("button", name=name).click(), box.locator("[aria-live]")
    assert not page.locator("img:visible").count() and other.locator(".bars b").count() == 10
    for name, label in (("moose", "deer"), ("horse", "horse")):
        _, (_, chances, true) = press(label), photographs.covered(models.small.zfnet(weights="cifar10").eval(), name)
        order = sorted(range(10), key=lambda at: (datasets.CIFAR10_CLASSES[at] != true, at))
        assert box.evaluate(WALK) == (100 * chances).round().int().flatten(0, 1)[:, order].tolist()
    for key, top, left in (("End", 25, 25), ("ArrowUp", 23, 25), ("ArrowLeft", 23, 23), ("Home", 1, 1)):
        box.get_by_role("slider").press(key)
        assert f"covers rows {top} to {top + 7}, columns {left} to {left + 7}. p(horse)" in said.inner_text()
    assert not press("where it hurts most") and said.inner_text().endswith(WORST)
    box.get_by_label("map of all").check(), box.get_by_label("as the network").check()
    assert "169 of 169" in box.inner_text()
    for frame in box.locator(".frame").all():
        handle, end = frame.locator(".square"), frame.bounding_box()["width"] - 3
        handle.drag_to(frame, source_position={"x": 5, "y": 5}, target_position={"x": end, "y": 3})
        assert "rows 1 to 8, columns 25 to 32" in said.inner_text()
        frame.tap(position={"x": 3, "y": end})
        assert "rows 25 to 32, columns 1 to 8" in said.inner_text()
    assert not press("start again") and "1 of 169" in box.inner_text() and not faults and "heard" not in page.title()
