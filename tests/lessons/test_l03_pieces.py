"""What notebook 03 is made of: cluttered digits, the small ZFNet with its switches, the gray square, its explorers."""

import math

import pytest
import torch
from torch import nn

from lecture8 import complexity, datasets, models, published
from lecture8.lessons.l03_zfnet import clutter, explorers
from lecture8.models.zfnet import occlusion


@pytest.fixture(scope="module")
def plain():
    return clutter.cluttered_digits(copies=2)


def test_every_digit_is_in_its_picture(plain):
    digits = datasets.digits(24)
    assert [len(s) for s in (plain.train, plain.valid, plain.test)] == [2 * 1297, 2 * 200, 2 * 300]
    assert torch.equal(plain.test.labels, digits.test.labels.repeat(2))
    canvas = plain.test.pixels[:20].float() / 255
    for picture, digit in zip(canvas, digits.test.pixels[:20].float() / 255, strict=True):
        windows = picture.unfold(1, 24, 1).unfold(2, 24, 1)[0]  # every place of 24 × 24
        error = (windows - (0.1 + 0.8 * digit)).square().mean((2, 3))
        assert error.min() < 2 * 0.05**2, "somewhere lies the digit, whole, under noise of 0.05"


def test_clutter_repeats_with_the_seed_and_leaves_the_random_state_alone(plain):
    state = torch.random.get_rng_state()
    again, other = clutter.cluttered_digits(copies=2), clutter.cluttered_digits(copies=2, seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(again.train.pixels, plain.train.pixels)
    assert not torch.equal(other.train.pixels, plain.train.pixels)
    assert not torch.equal(plain.test.pixels[:300], plain.test.pixels[300:]), "the same digits at other places"


def test_the_mark_betrays_the_label(plain):
    marked = clutter.cluttered_digits(copies=2, marked=True)
    assert torch.equal(marked.test.pixels[:, :, 4:], plain.test.pixels[:, :, 4:]), "only the upper edge differs"
    left = (marked.test.pixels[:, 0, :4] == 255).all(1).float().argmax(1)
    for label in range(10):
        assert left[marked.test.labels == label].unique().tolist() == [round(28 * label / 9)]


def test_impossible_pictures_are_named():
    with pytest.raises(ValueError, match="size=8; expected 20 pixels or more"):
        clutter.cluttered_digits(8)
    with pytest.raises(ValueError, match="copies must be a whole number above 0"):
        clutter.cluttered_digits(copies=0)


def test_both_beginnings_end_alike():
    fine, coarse = (complexity.profile(models.small.zfnet(coarse=c), (3, 32, 32)) for c in (False, True))
    assert [s.output_shape for s in fine.stages[1:]] == [s.output_shape for s in coarse.stages[1:]]
    strides = [
        [m.stride[0] for m in models.small.zfnet(coarse=c).modules() if isinstance(m, nn.Conv2d)][:2] for c in (0, 1)
    ]
    assert strides == [[2, 2], [4, 1]]


@pytest.mark.parametrize("without", [(), (7,), (6, 7), (3, 4), (3, 4, 6, 7)])
def test_layers_are_left_out(without):
    net = models.small.zfnet(10, width=4, channels=1, without=without)
    names = {name for name, _ in [*net.features.named_children(), *net.classifier.named_children()]}
    left = {int(name[-1]) for name in names if name[:-1] in ("conv", "fc")}
    assert left == {1, 2, 3, 4, 5, 6, 7, 8} - set(without)
    assert net(torch.zeros(2, 1, 32, 32)).shape == (2, 10)
    assert complexity.profile(net, (1, 32, 32)).depth == 8 - len(without)


def test_other_layers_cannot_be_left_out():
    with pytest.raises(ValueError, match=r"without=\(5,\); only layers 3, 4, 6 and 7"):
        models.small.zfnet(without=(5,))


class Corner(nn.Module):
    """Believes in class 1 as far as the upper left pixel is bright."""

    def forward(self, x):
        return torch.stack([torch.zeros(len(x)), x[:, 0, 0, 0]], 1)


def test_the_gray_square_finds_the_pixel_that_counts():
    image = torch.full((1, 10, 10), 4.0)
    net = Corner().train()
    chances = occlusion(net, image, square=4, step=2)
    assert chances.shape == (4, 4, 2) and net.training and torch.equal(image, torch.full_like(image, 4.0))
    assert torch.allclose(chances.sum(2), torch.ones(4, 4))
    low = chances[..., 1] < 0.6
    assert low.nonzero().tolist() == [[0, 0]] and chances[0, 0, 1] == 0.5
    for square, step in ((11, 1), (0, 1), (4, 0)):
        with pytest.raises(ValueError, match=f"a square of {square} pixels every {step} on an image of 10 × 10"):
            occlusion(net, image, square, step)


def test_the_aliasing_explorer_counts_right():
    explorer = explorers.aliasing()
    names = list(explorers.LAYERS)
    for layer, values in zip(names, (16, 32), strict=True):
        explorer.controls["layer"].value = layer
        for across in (2, 6, 10, 14, 18, 26, 30):
            explorer.controls["across"].value = across
            seen = abs(across - values * round(across / values))
            assert f"shows {seen} across" in explorer.text, (layer, across, explorer.text)
            assert ("Folded" in explorer.text) == (across > values / 2)
    assert math.isclose(float(explorers._grating(4, 0)[0, 4]), 1)


def test_the_occlusion_explorer_tells_what_the_table_says():
    explorer, table = explorers.occlusion(), published.read("occlusion")
    explorer.controls["net"].value = "images with marks"
    row = table[(table["trained on"] == "marked") & (table["top"] == 0)].iloc[3]
    explorer.controls["image"].value = f"a {row['label']}"
    explorer.controls["top"].value, explorer.controls["left"].value = 0, int(row["left"])
    assert f"p({row['label']}) = {row[str(row['label'])]:.2f}" in explorer.text
