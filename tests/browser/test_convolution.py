"""The convolution that a reader can touch: a page made from an executed cell, each control at both ends, the keyboard."""

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from lecture8 import datasets

CELL = """from lecture8 import datasets, live, plots
three = (datasets.digits(size=10).train.pixels[3, 0] / 255 * 9).round().int()
for layers in (1, 3): live.show("convolution", {"image": three, "layers": layers}, plots.images(three[None]))"""
THREE = (datasets.digits(size=10).train.pixels[3, 0] / 255 * 9).round()
KERNELS = {"brighter below": [[-1.0] * 3, [0] * 3, [1] * 3], "blur 5 × 5": [[1 / 25] * 5] * 5, "1 × 1": [[2.0]]}
WATCH = "document.addEventListener('keydown', () => document.body.dataset.key = 'heard')"


@pytest.fixture(scope="module")
def page(chromium, tmp_path_factory):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, kernel_name="python3").execute()
    path = tmp_path_factory.mktemp("live") / "page.html"
    html, _ = HTMLExporter(mathjax_url="", require_js_url="", mermaid_js_url="").from_notebook_node(notebook)
    path.write_text(html, encoding="utf-8")
    page, faults = chromium.new_page(viewport={"width": 360, "height": 900}), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(path.as_uri())
    page.evaluate(WATCH)
    yield page
    assert not faults and page.locator("img:visible").count() == 0 and "key" not in page.evaluate("document.body.dataset")
    page.close()


@pytest.mark.parametrize("kernel", KERNELS)
def test_it_shows_the_numbers_that_pytorch_computes(page, kernel):
    box, weights = page.locator("[data-live]").first, torch.tensor(KERNELS[kernel])
    box.get_by_role("button", name=kernel, exact=True).click()
    for stride, padding, relu in ((1, 0, False), (4, 0, True), (1, 2, True), (4, 2, False)):
        for name, value in (("stride", stride), ("padding", padding)):
            box.get_by_label(name).fill(str(value))
        box.get_by_label("ReLU").set_checked(relu)
        right = torch.nn.functional.conv2d(THREE[None, None], weights[None, None], stride=stride, padding=padding)[0, 0]
        right = right.relu() if relu else right
        seen = box.get_by_label("feature map").locator("text").all_text_contents()
        assert torch.allclose(torch.tensor([float(n.replace("−", "-")) for n in seen]), right.flatten(), atol=0.051)
        assert f"+ 1 = {len(right)}".replace(" ", "\xa0") in box.inner_text()


def test_keys_move_the_window_and_a_sentence_says_what_is_there(page):
    box, field = page.locator("[data-live]").first, page.locator("[data-live]").last
    box.get_by_role("button", name="brighter below", exact=True).click()
    for name, value in (("stride", "1"), ("padding", "0"), ("position", "0")):
        box.get_by_label(name).fill(value)
    box.get_by_label("weight: row 1, column 3").fill("-2")
    right = torch.nn.functional.conv2d(THREE[None, None], torch.tensor([[[[-1.0, -1, -2], [0] * 3, [1] * 3]]]))[0, 0]
    for key, row, column in (("ArrowDown", 1, 0), ("End", 7, 7), ("ArrowLeft", 7, 6), ("ArrowUp", 6, 6), ("Home", 0, 0)):
        box.get_by_label("position").press(key)
        total = f"{right[row, column]:.0f}".replace("-", "−")
        assert f"Row {row + 1}, column {column + 1}: the sum of the 9 products is {total}." in box.inner_text()
    assert "depends on 3 × 3 values of layer 2, on 5 × 5 values of layer 1, on 7 × 7 pixels" in field.inner_text()
    field.get_by_label("layer").first.fill("1")
    assert "Row 1, column 1 of layer 1 depends on 3 × 3 pixels." in field.inner_text()
