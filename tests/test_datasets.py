"""Data: what a batch is, that seeds repeat, that pictures show what their labels say, that bad folders are named."""

import hashlib
import html
import pickle
import random
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from lecture8 import datasets
from lecture8.datasets import Data, Split


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
    return {
        "digits": datasets.digits(),
        "glyphs": datasets.glyphs(per_class=10),
        "textures": datasets.textures(per_class=10),
    }


# --- Split and Data -------------------------------------------------------------------------------------------


def test_images_are_the_pixels_less_the_mean_over_the_std():
    pixels = torch.randint(0, 256, (5, 3, 4, 6), generator=seeded(), dtype=torch.uint8)
    split = Split(pixels, torch.zeros(5, dtype=torch.int64), (0.1, 0.2, 0.3), (0.5, 1.0, 2.0))
    assert split.images.dtype == torch.float32 and split.images.shape == pixels.shape and len(split) == 5
    expected = (pixels[2, 1, 3, 5].item() / 255 - 0.2) / 1.0
    assert split.images[2, 1, 3, 5].item() == pytest.approx(expected, abs=1e-6)
    assert split.images[4, 2, 0, 0].item() == pytest.approx((pixels[4, 2, 0, 0].item() / 255 - 0.3) / 2, abs=1e-6)


def test_training_images_have_mean_0_and_std_1(small_sets):
    for data in small_sets.values():
        images = data.train.images
        assert abs(images.mean()) < 1e-4 and abs(images.std() - 1) < 1e-3, data
        assert data.valid.mean == data.train.mean and data.test.std == data.train.std


def test_features_pass_through():
    features = torch.randn(6, 7, generator=seeded())
    split = Split(features, torch.arange(6) % 2)
    data = Data(split, split, split, ("a", "b"), "features")
    assert torch.equal(split.images, features) and data.image_shape == (7,)
    images, labels = next(data.batches("train", 4))
    assert torch.equal(images, features[:4]) and labels.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("error", "pixels", "labels", "options", "message"),
    [
        (TypeError, torch.zeros(2, 1, 4, 4, dtype=torch.float64), [0, 1], {}, "not a torch.float64 tensor"),
        (TypeError, np.zeros((2, 1, 4, 4)), [0, 1], {}, "not ndarray"),
        (TypeError, torch.zeros(2, 1, 4, 4), [0.0, 1.0], {}, "labels must be an int64 tensor"),
        (ValueError, torch.zeros(2, 4, 4, dtype=torch.uint8), [0, 1], {}, "N × C × H × W, not 2 × 4 × 4"),
        (ValueError, torch.zeros(2), [0, 1], {}, "features must have"),
        (ValueError, torch.zeros(3, 1, 4, 4), [0, 1], {}, "3 images but 2 labels"),
        (ValueError, torch.zeros(2, 1, 4, 4), [[0], [1]], {}, "one number per image"),
        (ValueError, torch.zeros(2, 1, 4, 4), [0, 1], {"mean": (0.5,)}, "leave out mean and std"),
        (ValueError, torch.zeros(2, 3, 4, 4, dtype=torch.uint8), [0, 1], {"std": (1, 2)}, "one per channel"),
        (ValueError, torch.zeros(2, 3, 4, 4, dtype=torch.uint8), [0, 1], {"std": (0,)}, "std above 0"),
    ],
)
def test_split_refuses(error, pixels, labels, options, message):
    with pytest.raises(error, match=message):
        Split(pixels, torch.tensor(labels), **options)


def test_data_refuses():
    data = numbered()
    with pytest.raises(ValueError, match=r"train labels run from 0 to 2, but with 2 classes .* 0…1"):
        replace(data, classes=("a", "b"))
    negative = replace(data.test, labels=data.test.labels - 1)
    with pytest.raises(ValueError, match="test labels run from -1"):
        replace(data, test=negative)
    with pytest.raises(ValueError, match="valid images are 1 × 5 × 5, train images 1 × 4 × 4"):
        replace(data, valid=numbered(shape=(1, 5, 5)).train)
    with pytest.raises(ValueError, match="no training images"):
        replace(data, train=data.train.take(torch.tensor([], dtype=torch.int64)))
    with pytest.raises(TypeError, match="classes must be a tuple"):
        replace(data, classes=["a", "b", "c"])


def test_take():
    data = numbered()
    assert origins(data.take(4).batches("train", 9)) == [[0, 1, 2, 3]]
    assert data.take(4).test is data.test
    chosen = data.train.take(torch.tensor([7, 2]))
    assert chosen.labels.tolist() == [1, 2] and (chosen.images[:, 0, 0, 0] * 255).tolist() == [7, 2]
    for which, message in ((11, "cannot take 11 images from a split of 10"), (0, "above 0"), (1.5, "above 0")):
        with pytest.raises(ValueError, match=message):
            data.take(which)


def test_batches_in_order_keep_every_image():
    data = numbered(10)
    assert origins(data.batches("train", 4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert origins(data.batches("test", 4)) == [[0, 1, 2, 3], [4]]
    assert origins(data.batches(data.test, 4)) == [[0, 1, 2, 3], [4]]


def test_shuffled_batches():
    data = numbered(10)
    batches = list(data.batches("train", 4, seeded(1)))
    assert origins(batches) == origins(data.batches("train", 4, seeded(1)))
    flat = torch.cat([images for images, _ in batches])[:, 0, 0, 0]
    assert (
        flat.mul(255).round().int().tolist() == torch.randperm(10, generator=seeded(1)).tolist()
    )  # drawn on the CPU, hence the same everywhere
    assert all((labels == images[:, 0, 0, 0].mul(255).round().long() % 3).all() for images, labels in batches)
    generator = seeded(1)
    first, second = origins(data.batches("train", 4, generator)), origins(data.batches("train", 4, generator))
    assert first != second  # the generator moves on from epoch to epoch


def test_a_single_last_training_image_is_left_out():
    data = numbered(9)
    assert [len(batch) for batch in origins(data.batches("train", 4, seeded()))] == [4, 4]
    assert [len(batch) for batch in origins(data.batches("train", 7, seeded()))] == [7, 2]
    assert [len(batch) for batch in origins(data.batches("train", 1, seeded()))] == [1] * 9
    assert [len(batch) for batch in origins(data.take(1).batches("train", 4, seeded()))] == [1]


def test_batches_refuses():
    data = numbered(augment=datasets.random_flip())
    for arguments, options, message in (
        (("training", 4), {}, "unknown split 'training'; choose from train, valid, test"),
        (("train", 0), {}, "batch_size must be a whole number above 0, not 0"),
        (("train", 4), {"augment": True}, "pass a generator"),
        (("valid", 4, seeded()), {"augment": True}, "only training images are augmented"),
    ):
        with pytest.raises(ValueError, match=message):  # at the call, not at the first batch
            data.batches(*arguments, **options)


def test_only_augmented_batches_are_augmented():
    data = numbered(augment=lambda images, generator: images + torch.rand(1, generator=generator))
    plain, same = data.batches("train", 10, seeded()), replace(data, augment=None)
    (augmented, labels) = next(data.batches("train", 10, seeded(), augment=True))
    images, plain_labels = next(plain)
    assert torch.equal(labels, plain_labels) and 0 < (augmented - images).mean() <= 1
    assert (augmented - images).std() < 1e-6
    assert torch.equal(next(same.batches("train", 10, seeded(), augment=True))[0], images)


def test_to_moves_every_tensor(monkeypatch):
    data = numbered()
    moved = data.train.to("meta")
    assert moved.pixels.is_meta and moved.labels.is_meta and moved.mean == data.train.mean
    there = numbered(7)  # stands for the tensors on the other device
    monkeypatch.setattr(Split, "to", lambda split, device: replace(there.train, std=(device,)))
    moved = data.to(2.0)
    assert all(s.std == (2.0,) and len(s) == 7 for s in (moved.train, moved.valid, moved.test))
    assert moved.classes == data.classes and moved.name == data.name


def test_texts():
    classes = tuple(f"<{i}>" for i in range(20))
    data = replace(numbered(), classes=classes, name="a & b", augment=datasets.random_flip())
    assert repr(data) == (
        "a & b: 10 train / 6 valid / 5 test images of 1 × 4 × 4, 20 classes (<0>, <1>, <2>, <3>, …, <19>), "
        "training images augmented"
    )
    page = data._repr_html_()
    assert "a &amp; b" in page and "<0>" not in page and "20 classes" in page
    for text in ("10 images", "6 images", "5 images", "1 × 4 × 4", "<19>"):
        assert text in html.unescape(page)
    assert repr(data.train) == "Split: 10 images of 1 × 4 × 4"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_sees_the_same_batches():
    data = datasets.textures(per_class=8)
    data = replace(data, augment=datasets.compose(datasets.random_crop(2), datasets.random_flip()))
    here = list(data.batches("train", 32, seeded(), augment=True))
    there = list(data.to("cuda").batches("train", 32, seeded(), augment=True))
    for (images, labels), (gpu_images, gpu_labels) in zip(here, there, strict=True):
        assert gpu_images.is_cuda and torch.equal(labels, gpu_labels.cpu())
        torch.testing.assert_close(images, gpu_images.cpu())


# --- augmentation ---------------------------------------------------------------------------------------------


def test_every_crop_is_a_window_of_the_padded_image():
    images = torch.rand(200, 3, 6, 5, generator=seeded())
    crops = datasets.random_crop(2)(images, seeded(3))
    padded, seen = F.pad(images, [2, 2, 2, 2]), set()
    for index, crop in enumerate(crops):
        places = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if torch.equal(crop, padded[index, :, top : top + 6, left : left + 5])
        ]
        assert len(places) == 1
        seen.update(places)
    assert len(seen) == 25  # 200 draws reach every offset
    assert crops.is_contiguous()


def test_flip_mirrors_about_half_of_the_images():
    images = torch.rand(400, 2, 3, 5, generator=seeded())
    flipped = datasets.random_flip()(images, seeded(1))
    mirrored = (flipped == images.flip(-1)).flatten(1).all(1)
    kept = (flipped == images).flatten(1).all(1)
    assert (mirrored ^ kept).all() and 150 < mirrored.sum() < 250


def test_compose_runs_the_steps_in_turn_and_repeats_with_the_seed():
    crop, flip = datasets.random_crop(1), datasets.random_flip()
    images, generator = torch.rand(8, 1, 4, 4, generator=seeded()), seeded(5)
    by_hand = flip(crop(images, generator), generator)
    assert torch.equal(datasets.compose(crop, flip)(images, seeded(5)), by_hand)
    assert not torch.equal(datasets.compose(crop, flip)(images, seeded(6)), by_hand)
    with pytest.raises(ValueError, match="padding must be a whole number above 0"):
        datasets.random_crop(0)


def test_data_with_augmentation_can_be_sent_to_another_process():
    data = numbered(augment=datasets.compose(datasets.random_crop(1), datasets.random_flip()))
    copy = pickle.loads(pickle.dumps(data))
    (images, _), (copied, _) = (next(d.batches("train", 10, seeded(), augment=True)) for d in (data, copy))
    assert torch.equal(images, copied)


# --- digits, glyphs, textures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["digits", "glyphs", "textures"])
def test_sets_keep_the_contract(name, small_sets):
    data = small_sets[name]
    sizes = {"digits": (1297, 200, 300), "glyphs": (360, 72, 72), "textures": (120, 24, 24)}[name]
    assert data.name == name and data.augment is None and data.image_shape == (1, 16, 16)
    assert (len(data.train), len(data.valid), len(data.test)) == sizes
    assert data.num_classes == {"digits": 10, "glyphs": 36, "textures": 12}[name] == len(set(data.classes))
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
        make = getattr(datasets, name)
        again = make() if name == "digits" else make(per_class=10)
        assert torch.equal(again.train.pixels, data.train.pixels)
        assert torch.equal(again.test.labels, data.test.labels)
        if name != "digits":
            other = make(per_class=10, seed=1)
            assert not torch.equal(other.train.pixels, data.train.pixels)
            assert not torch.equal(other.train.pixels[:12], data.valid.pixels[:12])
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all() and random.getstate() == before[2]


def test_digits_are_those_of_scikit_learn_always_split_alike():
    from sklearn.datasets import load_digits

    data = datasets.digits(size=8)
    splits = (data.train, data.valid, data.test)
    pixels = torch.cat([split.pixels for split in splits]).flatten(1)
    labels = torch.cat([split.labels for split in splits])
    scans, targets = load_digits(return_X_y=True)
    here = sorted(zip((pixels.double() / 255 * 16).round().int().tolist(), labels.tolist(), strict=True))
    assert here == sorted(zip(scans.astype(int).tolist(), targets.tolist(), strict=True))
    digest = hashlib.sha256(data.test.pixels.numpy().tobytes() + data.test.labels.numpy().tobytes()).hexdigest()
    assert digest[:16] == "739b0b8e92a2809c"


@pytest.mark.parametrize("name", ["digits", "glyphs", "textures"])
def test_three_channels_repeat_the_grey_image(name):
    options = {} if name == "digits" else {"per_class": 2}
    data = getattr(datasets, name)(24, channels=3, **options)
    grey = getattr(datasets, name)(24, **options)
    assert data.image_shape == (3, 24, 24) and len(data.train.mean) == 3
    assert torch.equal(data.test.pixels, grey.test.pixels.expand(-1, 3, -1, -1))
    for size, channels, message in ((0, 1, "size must be"), (16.0, 1, "size must be"), (16, 2, "channels must be 1")):
        with pytest.raises(ValueError, match=message):
            getattr(datasets, name)(size, channels=channels)


def test_glyphs_lie_inside_the_picture_and_fill_it_well(monkeypatch):
    monkeypatch.setattr(torch, "randn", lambda shape, generator: torch.zeros(shape))  # no noise
    pixels = datasets.glyphs(32, per_class=30).train.pixels[:, 0].int()
    paper = pixels[:, :1, :1]
    border = torch.cat([pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]], dim=1)
    assert (border == paper[:, 0]).all()
    ink = (pixels - paper).abs()
    assert (ink.amax((1, 2)) > 0.4 * 255).all()  # readable
    rows = (ink > 20).any(2).sum(1)
    assert rows.min() >= 0.5 * 32 and rows.max() <= 0.95 * 32 and rows.float().std() > 2
    assert 0.3 < (paper < 128).float().mean() < 0.7  # light on dark and dark on light


def test_every_face_has_a_shape_of_its_own_for_every_character():
    atlas, extents = datasets._glyph_atlas(48)
    assert atlas.shape == (36, 12, 48, 48) and extents.max() < 1
    assert len(atlas.flatten(0, 1).flatten(1).unique(dim=0)) == 36 * 12  # a missing glyph would be a repeated box
    framed = torch.cat([atlas[..., 0, :], atlas[..., -1, :], atlas[..., :, 0], atlas[..., :, -1]], dim=-1)
    assert framed.max() == 0


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
    drawn = torch.stack([outline(ink) for ink in (pixels - pixels[:, :1, :1]).abs()])
    atlas, _ = datasets._glyph_atlas(48)
    known = torch.stack([outline(ink) for ink in atlas.flatten(0, 1)])
    nearest = (drawn @ known.T).argmax(1) // 12
    assert (nearest == train.labels).float().mean() > 0.7  # chance is 0.03; the rest is turned too far


@pytest.mark.parametrize("size", [16, 32])
def test_the_spectrum_of_a_texture_tells_its_class(size):
    test = datasets.textures(size, per_class=40).test
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


def test_sample_photos():
    photos = datasets.sample_photos()
    shapes = {name: tuple(photo.shape) for name, photo in photos.items()}
    assert shapes == {"china": (3, 427, 640), "flower": (3, 427, 640), "grace_hopper": (3, 600, 512)}
    for photo in photos.values():
        assert photo.dtype == torch.uint8 and photo.is_contiguous() and photo.float().std() > 30


# --- image folders --------------------------------------------------------------------------------------------

COLOURS = {"cat": (200, 40, 40), "dog": (40, 200, 40), "eel": (40, 40, 200)}


def photo(file, colour=(90, 90, 90), size=(12, 8), **options):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(file, **options)


def fill(root, counts, suffix="png"):
    """Folders of one-coloured pictures; the red, green and blue differ by file, so every picture is unique."""
    for name, count in counts.items():
        for index in range(count):
            photo(root / name / f"{index:03}.{suffix}", tuple(value + index for value in COLOURS[name]))


def identities(split):
    return {tuple(image[:, 0, 0].tolist()) for image in split.pixels}


def check_colours(data):
    for split in (data.train, data.valid, data.test):
        for image, label in zip(split.pixels, split.labels, strict=True):
            assert image[:, 0, 0].argmax() == list(COLOURS).index(data.classes[label])


def test_class_folders_are_split_70_10_20(tmp_path):
    root = tmp_path / "pets"
    fill(root, {"cat": 30, "dog": 20})
    fill(root / ".hidden", {"eel": 2})
    (root / "cat" / "notes.txt").write_text("not an image")
    data = datasets.image_folder(root, 6)
    assert data.name == "pets" and data.classes == ("cat", "dog") and data.image_shape == (3, 6, 6)
    counts = [split.labels.bincount().tolist() for split in (data.train, data.valid, data.test)]
    assert counts == [[21, 14], [3, 2], [6, 4]]
    parts = [identities(split) for split in (data.train, data.valid, data.test)]
    assert len(parts[0] | parts[1] | parts[2]) == 50
    check_colours(data)
    again, other = datasets.image_folder(str(root), 6), datasets.image_folder(root, 6, seed=1)
    assert torch.equal(again.train.pixels, data.train.pixels)
    assert identities(other.test) != identities(data.test)
    assert data.train.images.mean().abs() < 1e-4
    assert data.train.labels[:4].tolist() == [0, 1, 0, 1]


def test_every_split_gets_an_image_of_every_class(tmp_path):
    fill(tmp_path, {"cat": 3, "dog": 4})
    data = datasets.image_folder(tmp_path, 6)
    counts = [split.labels.bincount().tolist() for split in (data.train, data.valid, data.test)]
    assert counts == [[1, 2], [1, 1], [1, 1]]


def test_train_and_test_folders(tmp_path):
    fill(tmp_path / "train", {"cat": 20, "dog": 10})
    fill(tmp_path / "test", {"cat": 3, "dog": 4}, "JPG")
    data = datasets.image_folder(tmp_path, 8, valid=0.3)
    counts = [split.labels.bincount().tolist() for split in (data.train, data.valid, data.test)]
    assert counts == [[14, 7], [6, 3], [3, 4]]
    assert not identities(data.train) & identities(data.valid)
    check_colours(data)
    (tmp_path / "test").rename(tmp_path / "val")  # ImageNet's habit: val is what results are reported on
    renamed = datasets.image_folder(tmp_path, 8, valid=0.3)
    assert torch.equal(renamed.test.pixels, data.test.pixels) and len(renamed.valid) == 9


@pytest.mark.parametrize("name", ["valid", "val"])
def test_train_valid_and_test_folders(tmp_path, name):
    for split, count in (("train", 5), (name, 2), ("test", 3)):
        fill(tmp_path / split, {"cat": count, "dog": count + 1})
    data = datasets.image_folder(tmp_path, 8)
    counts = [split.labels.bincount().tolist() for split in (data.train, data.valid, data.test)]
    assert counts == [[5, 6], [2, 3], [3, 4]]


def test_a_class_may_be_called_train(tmp_path):
    for name in ("bus", "train"):
        for index in range(5):
            photo(tmp_path / name / f"{index}.png")
    assert datasets.image_folder(tmp_path, 4).classes == ("bus", "train")


def halves(size, left, right):
    image = Image.new("RGB", size, right)
    image.paste(left, (0, 0, size[0] // 2, size[1]))
    return image


def test_photos_are_resized_cut_to_the_middle_and_turned_upright(tmp_path):
    def read(image, name, size, **options):
        image.save(tmp_path / name, **options)
        return torch.from_numpy(datasets._read_photo(tmp_path / name, size).astype(int))

    # 80 × 20 of which only the middle 20 × 20 stays: half red, half blue
    wide = halves((80, 20), (255, 0, 0), (0, 0, 255))
    pixels = read(wide, "wide.png", 10)
    assert pixels.shape == (3, 10, 10)
    assert pixels[0, :, :4].min() == 255 and pixels[2, :, 6:].min() == 255 and pixels[0, :, 6:].max() == 0
    # a camera held sideways (orientation 6: turn by 90° clockwise): red on the left comes out on top
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = read(halves((40, 40), (255, 0, 0), (0, 0, 255)), "turned.jpg", 10, exif=exif, quality=95)
    assert turned[0, :4].min() > 240 and turned[0, 6:].max() < 15 and turned[2, 6:].min() > 240
    # large JPEGs are decoded small, without losing the content
    large = read(halves((1600, 1200), (255, 255, 0), (0, 0, 0)), "large.jpg", 24, quality=95)
    assert large.shape == (3, 24, 24) and large[:2, :, :10].min() > 240 and large[:, :, 14:].max() < 15
    for mode in ("L", "P", "RGBA", "CMYK"):
        suffix = "tif" if mode == "CMYK" else "png"
        image = Image.new("RGB", (9, 9), (128, 128, 128)).convert(mode)
        assert (read(image, f"{mode}.{suffix}", 5) - 128).abs().max() <= 3, mode


def test_default_augmentation_flips_and_shifts_by_an_eighth(tmp_path):
    fill(tmp_path, {"cat": 4, "dog": 4})
    data = datasets.image_folder(tmp_path, 16)
    images = torch.rand(64, 3, 16, 16, generator=seeded()) + 1
    varied = data.augment(images, seeded())
    empty = varied[:, 0] == 0  # padding
    assert empty.all(1).sum(1).max() == 2 and empty.all(2).sum(1).max() == 2
    assert "augmented" in repr(data)


def broken(tmp_path, what):
    fill(tmp_path, {"cat": 6, "dog": 6})
    bad = tmp_path / "dog" / "002.png"
    if what == "truncated":
        rng = np.random.default_rng(0)
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(bad)
        bad.write_bytes(bad.read_bytes()[:3000])
    else:
        bad.write_bytes(b"" if what == "empty" else b"no image at all")


@pytest.mark.parametrize("what", ["truncated", "empty", "text"])
def test_an_unreadable_image_is_named(tmp_path, what):
    broken(tmp_path, what)
    with pytest.raises(ValueError, match=r"cannot read the image '.*002\.png' \(.+\); repair or remove it"):
        datasets.image_folder(tmp_path, 8)


def test_folders_that_do_not_fit_are_refused_in_one_sentence(tmp_path):
    def refuses(error, message, path, size=8, **options):
        with pytest.raises(error, match=message) as caught:
            datasets.image_folder(path, size, **options)
        assert "\n" not in str(caught.value)

    good = tmp_path / "good"
    fill(good, {"cat": 5, "dog": 5})
    refuses(FileNotFoundError, "there is no folder '.*nowhere'", tmp_path / "nowhere")
    refuses(NotADirectoryError, "is a file", good / "cat" / "000.png")
    for size in (0, -3, 8.0, "8", True):
        refuses(ValueError, "size must be a whole number above 0", good, size)
    for valid in (0, 0.8, -1):
        refuses(ValueError, "must lie between 0 and 0.8", good, valid=valid)
    refuses(FileNotFoundError, "holds no class folders", good / "cat")
    (tmp_path / "nothing").mkdir()
    refuses(FileNotFoundError, "holds no class folders", tmp_path / "nothing")
    fill(tmp_path / "single", {"cat": 5})
    refuses(ValueError, "holds one class only, 'cat'", tmp_path / "single")
    fill(tmp_path / "few", {"cat": 5, "dog": 2})
    refuses(ValueError, r"class 'dog' has 2 image\(s\), too few", tmp_path / "few")
    (good / "eel").mkdir()
    (good / "eel" / "readme.txt").write_text("none yet")
    refuses(FileNotFoundError, "class folder '.*eel' holds no images", good)
    halved = tmp_path / "halved"
    fill(halved / "train", {"cat": 5, "dog": 5})
    refuses(FileNotFoundError, "has a train folder but no test folder", halved)
    fill(halved / "test", {"cat": 5, "eel": 5})
    refuses(ValueError, "differ in their classes: dog, eel", halved)


# --- CIFAR-10 -------------------------------------------------------------------------------------------------

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@pytest.fixture
def tiny_cifar(monkeypatch):
    """A function that writes torchvision's format: 5 × 40 and 20 images, with checksums that torchvision accepts."""
    from torchvision.datasets import CIFAR10

    rng = np.random.default_rng(0)
    contents = {}
    for name, count in [*((f"data_batch_{i}", 40) for i in range(1, 6)), ("test_batch", 20)]:
        labels = [i % 10 for i in range(count)]
        pixels = rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
        pixels[:, :, 0, 0] = np.array(labels)[:, None]  # the first pixel says the label
        contents[name] = pickle.dumps({"data": pixels.reshape(count, -1), "labels": labels})
    contents["batches.meta"] = pickle.dumps({"label_names": list(NAMES)})
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(CIFAR10, "train_list", [[f"data_batch_{i}", md5[f"data_batch_{i}"]] for i in range(1, 6)])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", md5["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": md5["batches.meta"]})

    def write(folder):
        (folder / "cifar-10-batches-py").mkdir(parents=True)
        for name, content in contents.items():
            (folder / "cifar-10-batches-py" / name).write_bytes(content)

    return write


def check_tiny_cifar(data):
    assert data.name == "CIFAR-10" and data.classes == NAMES and data.image_shape == (3, 32, 32)
    assert [len(split) for split in (data.train, data.valid, data.test)] == [180, 20, 20]
    for split in (data.train, data.valid, data.test):
        assert split.labels.bincount().unique().numel() == 1  # every class as often
        assert (split.pixels[:, :, 0, 0] == split.labels[:, None]).all()
    varied = data.augment(torch.ones(200, 3, 32, 32), seeded())
    assert (varied[:, 0] == 0).all(1).sum(1).max() == 4  # pad 4


def test_cifar10_in_torchvisions_format(tmp_path, monkeypatch, tiny_cifar):
    tiny_cifar(tmp_path / "data" / "cifar10")
    check_tiny_cifar(datasets.cifar10(tmp_path / "data"))
    check_tiny_cifar(datasets.cifar10(tmp_path / "data" / "cifar10"))
    monkeypatch.setenv("LECTURE8_DATA", str(tmp_path / "data"))
    check_tiny_cifar(datasets.cifar10())
    (tmp_path / "data" / "cifar10" / "cifar-10-batches-py" / "data_batch_3").write_bytes(b"half")
    with pytest.raises(ValueError, match="cifar-10-batches-py' is damaged or incomplete; delete it"):
        datasets.cifar10()


def test_cifar10_as_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "_CIFAR10_IMAGES", {"train": 200, "test": 20})
    monkeypatch.setenv("LECTURE8_DATA", str(tmp_path))
    for split, count in (("train", 20), ("test", 2)):
        for label, name in enumerate(NAMES):
            for index in range(count):
                photo(tmp_path / "cifar10" / split / name / f"{index}.png", (label,) * 3, (32, 32))
    check_tiny_cifar(datasets.cifar10())
    (tmp_path / "cifar10" / "test" / "bird" / "1.png").unlink()
    with pytest.raises(ValueError, match=r"test' holds 19 images, but CIFAR-10 has 20 there"):
        datasets.cifar10()


@pytest.fixture
def archive(tmp_path, monkeypatch, tiny_cifar):
    """The archive that torchvision is told to fetch; only the transfer itself is replaced, by a copy."""
    from torchvision.datasets import CIFAR10, utils

    tiny_cifar(tmp_path / "server")
    file = tmp_path / "server" / CIFAR10.filename
    with tarfile.open(file, "w:gz") as tar:
        tar.add(tmp_path / "server" / "cifar-10-batches-py", "cifar-10-batches-py")
    monkeypatch.setattr(CIFAR10, "url", file.as_uri())
    monkeypatch.setattr(utils, "_urlretrieve", lambda url, target: shutil.copy(file, target))
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(file.read_bytes()).hexdigest())
    return file


def test_cifar10_is_downloaded_once(tmp_path, monkeypatch, archive):
    monkeypatch.setenv("LECTURE8_DATA", str(tmp_path / "data"))
    check_tiny_cifar(datasets.cifar10())
    archive.unlink()
    check_tiny_cifar(datasets.cifar10())
    assert [entry.name for entry in (tmp_path / "data" / "cifar10").iterdir()] == ["cifar-10-batches-py"]


@pytest.mark.parametrize("what", ["missing", "half", "stopped while unpacking"])
def test_a_failed_download_leaves_nothing_and_says_what_to_do(tmp_path, monkeypatch, archive, what):
    from torchvision.datasets import CIFAR10, cifar

    def half_unpacked(url, root, **_):
        (Path(root) / "cifar-10-batches-py").mkdir()
        (Path(root) / "cifar-10-batches-py" / "data_batch_1").write_bytes(b"half")
        raise OSError("no space left")

    if what == "missing":
        archive.unlink()
    elif what == "half":
        archive.write_bytes(archive.read_bytes()[:5000])
    else:
        monkeypatch.setattr(cifar, "download_and_extract_archive", half_unpacked)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # the same on Windows
    monkeypatch.delenv("LECTURE8_DATA", raising=False)
    with pytest.raises(ConnectionError, match=r"could not be downloaded \(.+\): fetch file:.* \(170 MB\)") as caught:
        datasets.cifar10()
    place = tmp_path / ".cache" / "lecture8" / "cifar10"
    assert repr(str(place)) in str(caught.value) and "LECTURE8_DATA" in str(caught.value)
    assert CIFAR10.url in str(caught.value) and "\n" not in str(caught.value)
    assert list(place.iterdir()) == []


def test_some_glyphs_only():
    whole, some = datasets.glyphs(per_class=10), datasets.glyphs(per_class=10, characters="XA")
    assert some.classes == ("X", "A") and some.train.labels.tolist() == [0, 1] * 10
    mean = {c: whole.train.pixels[whole.train.labels == whole.classes.index(c)].float().std(0).mean() for c in "XA"}
    assert all(abs(some.train.pixels[some.train.labels == i].float().std(0).mean() - mean[c]) < 15
               for i, c in enumerate("XA"))  # fmt: skip
    assert torch.equal(datasets.glyphs(per_class=10, characters=_ALL).train.pixels, whole.train.pixels)
    for wrong in ("a", "AA", ""):
        with pytest.raises(ValueError, match=r"expected some of 0123456789ABC.*each once"):
            datasets.glyphs(per_class=10, characters=wrong)


_ALL = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
