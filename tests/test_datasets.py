"""Data: what a batch is, that seeds repeat, that pictures show what their labels say."""

import hashlib
import random
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

from lecture8 import datasets, transfer
from lecture8.datasets import Data, Split, drawn
from tests.support.refusals import message


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(count=10, classes=3, shape=(1, 4, 4), **options):
    """Data whose every pixel is the number of its image, so that an image says where it came from."""
    pixels = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, *shape).clone()
    split = Split(pixels, torch.arange(count) % classes)
    return Data(split, split.take(6), split.take(5), tuple("abcdefgh"[:classes]), "numbered", **options)


def origins(batches):
    return [(images[:, 0, 0, 0] * 255).round().int().tolist() for images, _ in batches]


@pytest.fixture(scope="module")
def small_sets():
    made = {name: getattr(datasets, name)(per_class=10) for name in ("glyphs", "textures")}
    return made | {"digits": datasets.digits()}


def test_batches_in_order_and_shuffled():
    data = numbered(10)
    assert origins(data.batches("train", 4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert origins(data.batches("test", 4)) == origins(data.batches(data.test, 4)) == [[0, 1, 2, 3], [4]]
    order = torch.randperm(10, generator=seeded(1)).tolist()
    assert origins(data.batches("train", 4, seeded(1))) == [order[:4], order[4:8], order[8:]]
    for images, labels in data.batches("train", 4, seeded(1)):
        assert (labels == images[:, 0, 0, 0].mul(255).round().long() % 3).all()
    generator = seeded(1)
    first, second = origins(data.batches("train", 4, generator)), origins(data.batches("train", 4, generator))
    assert first != second  # the generator moves on from epoch to epoch


def test_a_single_last_training_image_is_left_out():
    for count, size, expected in ((9, 4, [4, 4]), (9, 7, [7, 2]), (9, 1, [1] * 9), (1, 4, [1])):
        assert [len(batch) for batch in origins(numbered(9).take(count).batches("train", size, seeded()))] == expected


def test_only_augmented_batches_are_augmented():
    data = numbered(augment=lambda images, generator: images + torch.rand(1, generator=generator))
    plain, same = data.batches("train", 10, seeded()), replace(data, augment=None)
    (augmented, labels) = next(data.batches("train", 10, seeded(), augment=True))
    images, plain_labels = next(plain)
    assert torch.equal(labels, plain_labels) and 0 < (augmented - images).mean() <= 1
    assert (augmented - images).std() < 1e-6
    assert torch.equal(next(same.batches("train", 10, seeded(), augment=True))[0], images)


def test_texts():
    data = replace(numbered(), classes=tuple(f"<{i}>" for i in range(20)), name="a & b", augment=datasets.random_flip())
    assert repr(data).startswith("a & b: 10 train / 6 valid / 5 test images of 1 × 4 × 4, 20 classes (<0>, <1>, ")
    assert repr(data).endswith("<2>, <3>, …, <19>), training images augmented")
    page = data._repr_html_()
    assert "a &amp; b" in page and "<0>" not in page
    for text in ("10 images", "6 images", "5 images", "1 × 4 × 4", "20 classes", "&lt;19&gt;"):
        assert text in page


def places(count=60):
    """Data of 7 × 9 pixels cropped to 4 × 4; channel 0 holds the row, channel 1 the column, channel 2 the image."""
    row, column = torch.meshgrid(torch.arange(7), torch.arange(9), indexing="ij")
    pixels = torch.stack([torch.stack([row, column, torch.full_like(row, i)]) for i in range(count)]).to(torch.uint8)
    split = Split(pixels, torch.arange(count) % 3, crop=4)
    return Data(split, split.take(6), split.take(5), ("a", "b", "c"), "places")


def corners(images):
    return [tuple(corner) for corner in (images[:, :2, 0, 0] * 255).round().int().tolist()]


def test_a_network_sees_the_middle_of_larger_images_and_in_training_any_part():
    data = places()
    assert data.image_shape == data.train.shape == (3, 4, 4) and "3 × 4 × 4" in repr(data.train)
    (images, _), (unaugmented, _) = next(data.batches("test", 9)), next(data.batches("train", 60, seeded()))
    assert set(corners(images)) == set(corners(unaugmented)) == set(corners(data.test.images)) == {(1, 2)}
    varied, labels = next(data.batches("train", 60, seeded(), augment=True))
    assert {place[0] for place in corners(varied)} == {0, 1, 2, 3} and varied.shape == (60, 3, 4, 4)
    assert {place[1] for place in corners(varied)} == {0, 1, 2, 3, 4, 5}
    assert (varied[:, 0, 3, 0] - varied[:, 0, 0, 0]).mul(255).round().unique().tolist() == [3]  # in one piece
    assert (varied[:, 2, 0, 0].mul(255).round() % 3 == labels).all()
    assert data.take(8).train.crop == data.train.to("cpu").crop == 4
    assert data.map(lambda pixels: 255 - pixels).image_shape == (3, 4, 4)
    assert data.map(lambda pixels: pixels[:, :, ::2, ::2]).image_shape == (3, 4, 5)


def test_images_are_the_pixels_less_the_mean_over_the_std():
    pixels = torch.randint(0, 256, (6, 3, 5, 5), generator=seeded(), dtype=torch.uint8)
    split = Split(pixels, torch.arange(6) % 2, (0.1, 0.2, 0.3), (0.5, 1.0, 2.0), crop=4)
    assert split.images[2, 1, 3, 3].item() == pytest.approx(pixels[2, 1, 3, 3].item() / 255 - 0.2, abs=1e-6)
    data = Data(split, split, split, ("a", "b"), "noise").with_normalization(transfer.MEAN, transfer.STD)
    expected = transfer.normalize(pixels[:, :, :4, :4].float() / 255)
    for name in ("train", "valid", "test"):
        torch.testing.assert_close(next(data.batches(name, 6))[0], expected, rtol=0, atol=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_sees_the_same_batches():
    data = datasets.textures(per_class=8)
    data = replace(data, augment=datasets.compose(datasets.random_crop(2), datasets.random_flip()))
    data = replace(data, **{n: replace(getattr(data, n), crop=14) for n in ("train", "valid", "test")})
    here = list(data.batches("train", 32, seeded(), augment=True))
    there = list(data.to("cuda").batches("train", 32, seeded(), augment=True))
    for (images, labels), (gpu_images, gpu_labels) in zip(here, there, strict=True):
        assert gpu_images.is_cuda and torch.equal(labels, gpu_labels.cpu())
        torch.testing.assert_close(images, gpu_images.cpu())


@pytest.mark.skipif("tests.support.virtual_gpu" not in sys.modules, reason="needs the simulated GPU")
def test_no_batch_waits_for_a_copy_to_the_gpu():
    copies, data = sys.modules["tests.support.virtual_gpu"].copies, numbered(40, shape=(3, 8, 8))
    steps = datasets.random_crop(2), datasets.random_flip(), datasets.color_noise(data.train)
    batches = replace(data, augment=datasets.compose(*steps)).to("cuda").batches("train", 8, seeded(), augment=True)
    next(batches)  # the order, mean and standard deviation are moved before it
    copies.clear()
    assert len(list(batches)) == 4 and copies == []


def test_every_crop_is_a_window_of_the_padded_image_and_half_are_flipped():
    images = torch.rand(200, 3, 6, 5, generator=seeded())
    crops = datasets.random_crop(2)(images, seeded(3))
    windows = F.pad(images, [2] * 4).unfold(2, 6, 1).unfold(3, 5, 1)  # N × 3 × 5 × 5 × 6 × 5
    same = (windows == crops[:, :, None, None]).flatten(4).all(4).all(1)
    assert (same.sum((1, 2)) == 1).all() and same.any(0).all()  # 200 draws reach every offset
    flipped = datasets.random_flip()(images, seeded(1))
    mirrored, kept = ((flipped == some).flatten(1).all(1) for some in (images.flip(-1), images))
    assert (mirrored ^ kept).all() and 75 < mirrored.sum() < 125


@pytest.mark.parametrize("name", ["digits", "glyphs", "textures"])
def test_sets_keep_the_contract(name, small_sets):
    data = small_sets[name]
    sizes = {"digits": (1297, 200, 300), "glyphs": (360, 72, 72), "textures": (120, 24, 24)}[name]
    assert data.name == name and data.augment is None and data.image_shape == (1, 16, 16)
    assert (len(data.train), len(data.valid), len(data.test)) == sizes
    assert data.num_classes == {"digits": 10, "glyphs": 36, "textures": 12}[name] == len(set(data.classes))
    images = data.train.images
    assert abs(images.mean()) < 1e-4 and abs(images.std() - 1) < 1e-3 and data.test.std == data.train.std
    for split in (data.train, data.valid, data.test):
        counts = split.labels.bincount(minlength=data.num_classes)
        assert counts.min() > 0 and counts.max() - counts.min() <= (9 if name == "digits" else 0)
    assert sorted(data.train.labels[: data.num_classes].tolist()) == list(range(data.num_classes))  # in turns
    pixels = torch.cat([data.train.pixels, data.valid.pixels, data.test.pixels]).flatten(1)
    assert len(pixels.unique(dim=0)) == len(pixels)  # no image is in two splits


def test_sets_repeat_with_the_seed_and_leave_the_global_random_state_alone(small_sets):
    torch.rand(11)  # so that seeding anew, with whatever seed, would show
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    for name, data in small_sets.items():
        again = getattr(datasets, name)(**({} if name == "digits" else {"per_class": 10}))
        assert torch.equal(again.train.pixels, data.train.pixels)
        assert torch.equal(again.test.labels, data.test.labels)
        assert "given size=16.0: expected a whole number" in message(ValueError, getattr(datasets, name), 16.0)
    other, glyphs = datasets.glyphs(per_class=10, seed=1), small_sets["glyphs"]
    assert not torch.equal(other.train.pixels, glyphs.train.pixels)
    assert not torch.equal(other.train.pixels[:12], glyphs.valid.pixels[:12])
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all() and random.getstate() == before[2]


def test_digits_are_those_of_scikit_learn_always_split_alike():
    data = datasets.digits(size=8)
    splits = data.train, data.valid, data.test
    pixels, labels = (torch.cat([getattr(split, kind) for split in splits]) for kind in ("pixels", "labels"))
    scans, targets = load_digits(return_X_y=True)
    scanned = (pixels.flatten(1).double() / 255 * 16).round().int().tolist()
    here = sorted(zip(scanned, labels.tolist(), strict=True))
    assert here == sorted(zip(scans.astype(int).tolist(), targets.tolist(), strict=True))
    digest = hashlib.sha256(data.test.pixels.numpy().tobytes() + data.test.labels.numpy().tobytes()).hexdigest()
    assert digest[:16] == "739b0b8e92a2809c"


def test_glyphs_show_what_their_labels_say(monkeypatch):
    """Cut out, brought to one size and compared with every character in every face, most are nearest to their own."""

    def outline(ink):
        rows, columns = ((ink > 0.2 * ink.max()).any(dim).nonzero() for dim in (1, 0))
        cut = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        cut = F.interpolate(cut[None, None], size=(12, 12), mode="bilinear").flatten()
        return F.normalize(cut - cut.mean(), dim=0)

    monkeypatch.setattr(torch, "randn", lambda shape, generator: torch.zeros(shape))  # no noise
    train = datasets.glyphs(32, per_class=5).train
    pixels = train.pixels[:, 0].float()
    shown = torch.stack([outline(ink) for ink in (pixels - pixels[:, :1, :1]).abs()])
    atlas, _ = drawn._glyph_atlas(48)
    assert len(atlas.flatten(0, 1).flatten(1).unique(dim=0)) == 36 * 12  # a missing glyph would be a repeated box
    known = torch.stack([outline(ink) for ink in atlas.flatten(0, 1)])
    nearest = (shown @ known.T).argmax(1) // 12
    assert (nearest == train.labels).float().mean() > 0.7  # chance is 0.03; the rest is turned too far


def test_the_spectrum_of_a_texture_tells_its_class():
    size, test = 16, datasets.textures(16, per_class=40).test
    images = test.images[:, 0] - test.images[:, 0].mean((1, 2), keepdim=True)
    spectrum = torch.fft.fft2(images, s=(8 * size, 8 * size)).abs()[:, :, : 4 * size]  # 1/8 stripe apart
    peak = spectrum.flatten(1).argmax(1)
    down, right = peak // (4 * size), peak % (4 * size)
    down = torch.where(down >= 4 * size, down - 8 * size, down) / 8
    right = right / 8
    fine = torch.hypot(down, right) > 3.5
    angle = torch.rad2deg(torch.atan2(right, down)) % 180  # of the stripes to the horizontal
    found = fine * 6 + (angle / 30).round().long() % 6
    assert (found == test.labels).float().mean() > 0.97


def test_some_glyphs_only(small_sets):
    some, everything = datasets.glyphs(per_class=10, characters="XA"), "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert some.classes == ("X", "A") and some.train.labels.tolist() == [0, 1] * 10
    whole = datasets.glyphs(per_class=10, characters=everything)
    assert torch.equal(whole.train.pixels, small_sets["glyphs"].train.pixels)
    for wrong in ("a", "AA", ""):
        assert "two or more of 0123456789ABC" in message(ValueError, datasets.glyphs, 16, 10, characters=wrong)
