"""The atlas of networks, in a page made from an executed cell: every number in it is the profile's."""

import nbclient
import nbformat
from nbconvert import HTMLExporter

from lecture8 import complexity
from lecture8.lessons.l09_complexity import atlas

CELL = """from lecture8 import live; from lecture8.lessons.l09_complexity import atlas; from torch import nn
three = {k: v for k, v in atlas.lineage().items() if k in "AlexNet GoogLeNet ResNet-18"}
data = atlas.data({**three, "mine": (nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)), (3, 32, 32))})
live.show("atlas", data, atlas.still(data))"""
WALK = """root => { const found = [], texts = name => [...root.querySelectorAll(name)].map(part => part.textContent);
  const walk = () => { found.push([texts("nav > button").slice(1), texts("p")[0], texts("dt"), texts("dd")]);
    for (let i = 0; i < texts(".entry").length; i++) { root.querySelectorAll(".entry")[i].click(); walk();
      root.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"})); } };
  walk(); return found; }"""
KEYS = {"Home": "AlexNet: 60,965,224", "ArrowDown": "GoogLeNet: 6,998,552", "End ArrowDown": "mine: 30,730",
        "Home Enter End": "fc8: ", "Enter": "used once", "ArrowLeft": "fc7: ",
        "Escape Backspace": "AlexNet: "}  # fmt: skip


def test_every_number_is_the_profiles_and_the_keyboard_reaches_it(chromium, tmp_path):
    book, path, faults = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)]), tmp_path / "atlas.html", []
    path.write_text(HTMLExporter().from_notebook_node(nbclient.NotebookClient(book).execute())[0], encoding="utf-8")
    page = chromium.new_page(viewport={"width": 360, "height": 800})
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.route("http*://**", lambda route: route.abort())
    page.goto(path.as_uri())
    root = page.locator("[data-live=atlas]")
    found, networks = root.evaluate(WALK), atlas.lineage()
    for label in ("AlexNet", "GoogLeNet", "ResNet-18"):
        cost, (here, *parts) = complexity.profile(*networks[label][:2]), [p for p in found if p[0][:1] == [label]]
        heads = {way[1]: head for way, head, terms, _ in parts if len(way) == 2 and not terms}
        sums = [(here[1], cost), *((heads.pop(s.name.split(".")[-1], None), s) for s in cost.stages)]
        assert all(f"{s.params:,} parameters · {s.macs:,} multiply-adds" in head for head, s in sums if head)
        cards = [dict(zip(terms, values, strict=True)) for *_, terms, values in parts if terms]
        shown = [[c[k] for k in ("parameters", "multiply-adds", "output", "receptive field")] for c in cards]
        layers = [la for la in cost.layers if la.params or la.macs or la.activations or la.kind in ("add", "cat")]
        wanted = [[f"{la.params:,}", f"{la.macs:,}", " × ".join(map(str, la.output_shape)),
                   f"{la.field:,} pixels" if la.field else "the whole image"] for la in layers]  # fmt: skip
        assert sorted(shown) == sorted(wanted) and not heads
    root.locator(".entry").last.focus()
    for keys, words in KEYS.items():
        for key in keys.split():
            page.keyboard.press(key)
        assert words in root.locator(".said").inner_text()
    for value, chip in {"uses": "11.9", "macs": "724 M"}.items():
        root.get_by_label("Color").select_option(value)
        assert root.locator(".chip").first.inner_text() == chip
    assert not faults and page.locator("img:visible").count() == 0
