"""The convolution to touch, on a page made from an executed cell: PyTorch's numbers, keys, the sentence read aloud."""

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from torch import allclose, conv2d, tensor

from lecture8 import datasets

CELL = """from lecture8 import datasets, live, plots
three = (datasets.digits(size=10).train.pixels[3, 0] / 255 * 9).round()
live.show("convolution", {"image": three}, plots.images(three[None]))"""
THREE = (datasets.digits(size=10).train.pixels[3:4] / 255 * 9).round()
KERNELS = {"1 × 1": [[2.0]], "blur 5 × 5": [[0.04] * 5] * 5, "brighter below": [[-1.0] * 3, [0.0] * 3, [1.0] * 3]}


def test_it_shows_what_pytorch_computes_and_says_it(chromium, tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, kernel_name="python3").execute()
    (tmp_path / "page.html").write_text(HTMLExporter().from_notebook_node(notebook)[0], encoding="utf-8")
    page = chromium.new_page(viewport={"width": 360, "height": 900}, offline=True)
    page.goto((tmp_path / "page.html").as_uri())
    page.evaluate("document.addEventListener('keydown', () => document.title = 'heard outside')")
    box, fill = page.locator("[data-live]"), lambda name, value: box.get_by_label(name).fill(str(value))
    assert not page.locator("img:visible").count()  # the stills
    for kernel, weights in KERNELS.items():
        box.get_by_role("button", name=kernel, exact=True).click()
        for stride, padding, relu in ((1, 0, False), (4, 0, True), (4, 2, False), (1, 2, True), (1, 0, False)):
            fill("stride", stride), fill("padding", padding), box.get_by_label("ReLU").set_checked(relu)
            right = conv2d(THREE, tensor([[weights]]), stride=stride, padding=padding)[0, 0]
            seen = " ".join(box.get_by_label("feature map").locator("text").all_text_contents()).replace("−", "-")
            seen = tensor([float(number) for number in seen.split()]).view(right.shape)
            assert allclose(seen, right.relu() if relu else right, atol=0.051)
            assert f"+ 1 = {len(right)}".replace(" ", "\xa0") in box.inner_text()
    fill("weight: row 1, column 3", -2)
    right = conv2d(THREE, tensor([[[[-1.0, -1, -2], [0, 0, 0], [1, 1, 1]]]]))[0, 0]
    for key, y, x in (("End", 7, 7), ("ArrowLeft", 7, 6), ("ArrowUp", 6, 6), ("Home", 0, 0), ("ArrowDown", 1, 0)):
        box.get_by_label("position").press(key)
        sentence = f"Row {y + 1}, column {x + 1}: the sum of the 9 products is {right[y, x]:.0f}."
        assert box.locator("[aria-live]").inner_text() == sentence.replace("-", "−")
    assert "heard" not in page.title()
