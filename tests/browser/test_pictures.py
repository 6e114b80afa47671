"""What moves in notebooks 00, 02 to 05 and 08: a still without scripts; PyTorch's numbers, keys, words read aloud."""

import base64
import itertools
import re

import nbformat
import pytest
import torch
from nbconvert import HTMLExporter
from torch.nn import functional as F

from lecture8 import datasets, published, words
from lecture8.lessons.l03_zfnet import waves
from tools.build import notebooks

PATCH = (datasets.digits(size=10).train.pixels[3:4, :, 3:, 1:8] / 255 * 9).round()
KERNELS = {"1 × 1": [[2.0]], "blur 5 × 5": [[0.04] * 5] * 5, "brighter below": [[-1.0] * 3, [0] * 3, [1] * 3]}
COPY, RIGHT, BLUR = [[0.0] * 3, [0, 1, 0], [0] * 3], [[-1.0, 0, 1]] * 3, [[0.04] * 5] * 5
STRIPES = {"copy": COPY, "brighter right": RIGHT, "blur 5 × 5": BLUR}
BRIGHT, YELLOW, RED = [0.3, 0.59, 0.11], [0.5, 0.5, -1], [1.0, -1, 0]
MIXES = {"brightness": BRIGHT, "yellow − blue": YELLOW, "red − green": RED, "": [-2.0, 0, 3]}
BLACK = """canvas => { const pen = canvas.getContext("2d"), [wide, high] = [canvas.width / 32, canvas.height / 16];
  const gray = i => pen.getImageData((i % 32 + 0.55) * wide, (Math.floor(i / 32) + 0.55) * high, 1, 1).data[0];
  return Array.from({length: 512}, (_, i) => gray(i)).filter(one => one === 0).length; }"""
SHOWN = [f"{path.stem} {kind}" for path in sorted(notebooks.NOTEBOOKS.glob("*.ipynb"))
         for kind in sorted({*re.findall(r'<div data-live=\\"(\w+)', path.read_text())})]  # fmt: skip
LABEL = "one => one.ariaLabel || one.labels[0].textContent"
ONES = torch.ones(1, 1, 16, 16, requires_grad=True)


@pytest.fixture
def box(request, chromium, tmp_path):
    """The picture of a lesson, on a page made from its executed cell."""
    (name, kind), faults = request.param.split(), []
    book, path = nbformat.read(notebooks.NOTEBOOKS / f"{name}.ipynb", 4), tmp_path / "page.html"
    book.cells = [cell for cell in book.cells if f'data-live="{kind}"' in str(cell.get("outputs"))]
    path.write_text(HTMLExporter().from_notebook_node(book)[0], encoding="utf-8")
    plain = chromium.new_page(java_script_enabled=False)
    page = chromium.new_page(viewport={"width": 400, "height": 900})
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(path.as_uri()), plain.goto(path.as_uri())
    page.evaluate("document.addEventListener('keydown', () => document.title = 'heard outside')")
    assert page.locator("img:visible").count() == plain.locator("img:visible").count() - 1
    yield page.locator(f"[data-live={kind}]")
    assert not faults and "heard" not in page.title() and page.evaluate("document.documentElement.scrollWidth") == 400


def said(box, key: str, label: str = "position") -> str:
    """The sentence, after a key was pressed on a control."""
    box.get_by_role("slider", name=label).first.press(key)
    return box.locator("[aria-live]").inner_text().replace("−", "-").removesuffix(".")


@pytest.mark.parametrize("box", [f"ko/{one}" for one in SHOWN], indirect=True)
def test_a_korean_notebook_has_no_english_in_a_picture(box):
    text = box.inner_text()
    assert words.SAID.search(text) and not words.PROSE.search(text), text
    assert not [one for one in box.get_by_role("slider").all() if not words.SAID.search(one.evaluate(LABEL))]


@pytest.mark.parametrize("box", ["00_start_here convolution"], indirect=True)
def test_convolution(box):
    stride_at, padding_at = box.get_by_label("stride"), box.get_by_label("padding")
    for kernel, weights in KERNELS.items():
        box.get_by_role("button", name=kernel, exact=True).click()
        for stride, padding, relu in ((1, 0, False), (4, 0, True), (4, 2, False), (1, 2, True), (1, 0, False)):
            stride_at.fill(str(stride)), padding_at.fill(str(padding)), box.get_by_label("ReLU").set_checked(relu)
            right = F.conv2d(PATCH, torch.tensor([[weights]]), stride=stride, padding=padding)[0, 0]
            seen = " ".join(box.get_by_label("feature map").locator("text").all_text_contents()).replace("−", "-")
            seen = torch.tensor([float(number) for number in seen.split()]).view(right.shape)
            assert torch.allclose(seen, right.relu() if relu else right, atol=0.051)
            assert f"+ 1 = {len(right)}".replace(" ", "\xa0") in box.inner_text()
    box.get_by_label("weight: row 1, column 3").fill("-2")
    right = F.conv2d(PATCH, torch.tensor([[[[-1.0, -1, -2], [0, 0, 0], [1, 1, 1]]]]))[0, 0]
    for key, y, x in (("End", 4, 4), ("ArrowLeft", 4, 3), ("ArrowUp", 3, 3), ("Home", 0, 0), ("ArrowDown", 1, 0)):
        assert said(box, key) == f"Row {y + 1}, column {x + 1}: the sum of the 9 products is {right[y, x]:.0f}"


@pytest.mark.parametrize("box", ["03_zfnet convolution"], indirect=True)
def test_stripes(box):
    stripes = ((waves.grating(6, side=32)[:12] + 1) * 4).round()
    for name, stride in itertools.product(STRIPES, (1, 2, 4)):
        box.get_by_role("button", name=name).click(), box.get_by_label("stride").fill(str(stride))
        right = F.conv2d(stripes[None, None], torch.tensor([[STRIPES[name]]]), stride=stride)[0, 0]
        for key, value in (("Home", right[0, 0]), ("End", right[-1, -1])):
            assert float(said(box, key).split()[-1]) == pytest.approx(float(value), abs=0.0051)


@pytest.mark.parametrize("box", ["04_vgg convolution"], indirect=True)
def test_receptive_field(box):
    for stride, layer in ((1, 1), (1, 3), (2, 3), (2, 1), (3, 2), (3, 1)):
        box.get_by_label("stride").fill(str(stride)), box.get_by_label("layer").first.fill(str(layer))
        value = ONES
        for _ in range(layer):
            value = F.conv2d(value, torch.ones(1, 1, 3, 3), stride=stride)
        side = torch.autograd.grad(value[0, 0, 0, 0], ONES)[0][0, 0, 0].count_nonzero()
        words = said(box, "Home").split(" depends on ")
        assert words[0] == f"Row 1, column 1 of layer {layer}" and words[1].endswith(f"{side} × {side} pixels")


@pytest.mark.parametrize("box", ["05_googlenet convolution"], indirect=True)
def test_one_by_one(box):
    pixels = F.adaptive_avg_pool2d(datasets.animals()["macaw"] / 255, 28)
    for name, weights in MIXES.items():
        for color, weight in zip(("red", "green", "blue"), weights, strict=True):
            button = box.get_by_role("button", name=name or "brightness")
            button.click() if name else box.get_by_label(f"weight: {color}").fill(str(weight))
        for key, y, x in (("Home", 0, 0), ("ArrowDown", 1, 0), ("End", 27, 27), ("ArrowLeft", 27, 26)):
            where, value = said(box, key).split(": the sum of the 3 products is ")
            assert where == f"Row {y + 1}, column {x + 1}"
            assert float(value) == pytest.approx(float(pixels[:, y, x] @ torch.tensor(weights)), abs=0.035)


@pytest.mark.parametrize("box", ["02_alexnet groups"], indirect=True)
def test_groups(box):
    for groups in itertools.product((1, 2, 8), repeat=3):
        maps = [ONES[:, 0, :8, :1, None]]
        for layer, count in enumerate(groups, 2):
            box.get_by_label(f"groups in conv{layer}").fill(str({1: 0, 2: 1, 8: 3}[count]))
            maps.append(F.conv2d(maps[-1], torch.ones(8, 8 // count, 1, 1), groups=count))
        for key, layer, channel in (("End", 3, 7), ("ArrowUp", 3, 6), ("ArrowLeft", 2, 6), ("Home", 1, 0)):
            seen = torch.autograd.grad(maps[layer][0, channel].sum(), maps[0], retain_graph=True)[0].count_nonzero()
            start, end = said(box, key, "channel").split(" channels of conv1: it ")
            assert start.startswith(f"Channel {channel + 1} of conv{layer + 1} depends") and start.endswith(f" {seen}")
            assert end == ("sees all of conv1" if seen == 8 else f"never sees {8 - seen} of conv1")
        assert f"Together {sum(576 // count for count in groups):,} weights" in box.inner_text()


@pytest.mark.parametrize("box", ["08_inception_v4 film"], indirect=True)
def test_film(box):
    table = published.read("first_maps").set_index("step")
    for key, step in (("Home", 0), ("ArrowRight", 1), ("End", 20), ("ArrowLeft", 19)):
        rows = table.loc[step]  # of scales 1, 0.3 and 0.1
        zeros, loss = (", ".join(map(form.format, rows[of])) for form, of in (("{:.0f}", "zeros"), ("{:.2f}", "loss")))
        words = f"Step {step}, with scale 1, 0.3, 0.1: {zeros} % zeros in the batch, a loss of {loss}"
        assert said(box, key, "step") == words
        zeros = [base64.b64decode(text).count(0) for text in rows["map"]]
        assert [canvas.evaluate(BLACK) for canvas in box.locator("canvas").all()] == zeros
        assert all(box.get_by_text(f"{count / 5.12:.0f} % zeros", exact=True).count() for count in zeros)
