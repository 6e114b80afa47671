"""Photographs: folders are split and named as they lie, published sets are found, complete, and split as published."""

import hashlib
import os
import pickle
import re
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError
from zlib import crc32

import numpy as np
import pytest
import torch
from PIL import Image

from lecture8 import downloads, photographs
from tests.bad_server import Site

SETS = {"cifar10": "_CIFAR10", "ants_bees": "_ANTS_BEES", "pets": "_PETS", "flowers": "_FLOWERS"}


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """An empty home, so that nobody's cache is read or written."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))  # the same on Windows
    monkeypatch.delenv("LECTURE8_DATA", raising=False)
    return folder


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def sizes(data):
    return [len(split) for split in (data.train, data.valid, data.test)]


# --- image folders --------------------------------------------------------------------------------------------

COLORS = {"cat": (200, 40, 40), "dog": (40, 200, 40), "eel": (40, 40, 200)}


def photo(file, color=(90, 90, 90), size=(12, 8), **options):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(file, **options)


def fill(root, counts, suffix="png"):
    """Folders of one-colored pictures; the red, green and blue differ by file, so every picture is unique."""
    for name, count in counts.items():
        for index in range(count):
            photo(root / name / f"{index:03}.{suffix}", tuple(value + index for value in COLORS[name]))


def identities(split):
    return {tuple(image[:, 0, 0].tolist()) for image in split.pixels}


def check_colors(data):
    for split in (data.train, data.valid, data.test):
        for image, label in zip(split.pixels, split.labels, strict=True):
            assert image[:, 0, 0].argmax() == list(COLORS).index(data.classes[label])


def test_class_folders_are_split_70_10_20(tmp_path):
    root = tmp_path / "pets"
    fill(root, {"cat": 30, "dog": 20})
    fill(root / ".hidden", {"eel": 2})
    (root / "cat" / "notes.txt").write_text("not an image")
    data = photographs.image_folder(root, 6)
    assert data.name == "pets" and data.classes == ("cat", "dog") and data.image_shape == (3, 6, 6)
    counts = [split.labels.bincount().tolist() for split in (data.train, data.valid, data.test)]
    assert counts == [[21, 14], [3, 2], [6, 4]]
    parts = [identities(split) for split in (data.train, data.valid, data.test)]
    assert len(parts[0] | parts[1] | parts[2]) == 50
    check_colors(data)
    again, other = photographs.image_folder(str(root), 6), photographs.image_folder(root, 6, seed=1)
    assert torch.equal(again.train.pixels, data.train.pixels)
    assert identities(other.test) != identities(data.test)
    assert data.train.images.mean().abs() < 1e-4
    assert data.train.labels[:4].tolist() == [0, 1, 0, 1]


def test_every_split_gets_an_image_of_every_class(tmp_path):
    fill(tmp_path, {"cat": 3, "dog": 4})
    data = photographs.image_folder(tmp_path, 6)
    counts = [split.labels.bincount().tolist() for split in (data.train, data.valid, data.test)]
    assert counts == [[1, 2], [1, 1], [1, 1]]


def test_train_and_test_folders(tmp_path):
    fill(tmp_path / "train", {"cat": 20, "dog": 10})
    fill(tmp_path / "test", {"cat": 3, "dog": 4}, "JPG")
    data = photographs.image_folder(tmp_path, 8, valid=0.3)
    counts = [split.labels.bincount().tolist() for split in (data.train, data.valid, data.test)]
    assert counts == [[14, 7], [6, 3], [3, 4]]
    assert not identities(data.train) & identities(data.valid)
    check_colors(data)
    (tmp_path / "test").rename(tmp_path / "val")  # ImageNet's habit: val is what results are reported on
    renamed = photographs.image_folder(tmp_path, 8, valid=0.3)
    assert torch.equal(renamed.test.pixels, data.test.pixels) and len(renamed.valid) == 9


@pytest.mark.parametrize("name", ["valid", "val"])
def test_train_valid_and_test_folders(tmp_path, name):
    for split, count in (("train", 5), (name, 2), ("test", 3)):
        fill(tmp_path / split, {"cat": count, "dog": count + 1})
    data = photographs.image_folder(tmp_path, 8)
    counts = [split.labels.bincount().tolist() for split in (data.train, data.valid, data.test)]
    assert counts == [[5, 6], [2, 3], [3, 4]]


def test_a_class_may_be_called_train(tmp_path):
    for name in ("bus", "train"):
        for index in range(5):
            photo(tmp_path / name / f"{index}.png")
    assert photographs.image_folder(tmp_path, 4).classes == ("bus", "train")


def halves(size, left, right):
    image = Image.new("RGB", size, right)
    image.paste(left, (0, 0, size[0] // 2, size[1]))
    return image


def test_photos_are_resized_cut_to_the_middle_and_turned_upright(tmp_path):
    def read(image, name, size, **options):
        image.save(tmp_path / name, **options)
        return torch.from_numpy(photographs._read_photo(tmp_path / name, size).astype(int))

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


@pytest.mark.parametrize(("size", "stored"), [(224, 256), (32, 36), (6, 7)])
def test_training_images_are_cut_from_slightly_larger_ones_and_flipped(tmp_path, size, stored):
    ramp = np.linspace(0, 255, 300).astype(np.uint8)
    picture = Image.fromarray(np.stack(np.broadcast_arrays(ramp[None, :], ramp[:, None], np.uint8(0)), -1))
    for name in ("cat", "dog"):
        for index in range(3):
            (tmp_path / name).mkdir(exist_ok=True)
            picture.save(tmp_path / name / f"{index}.png")
    data = photographs.image_folder(tmp_path, size)
    assert data.image_shape == (3, size, size) and data.train.pixels.shape[2:] == (stored, stored)
    split = replace(data.train, pixels=data.train.pixels[:1].repeat(80, 1, 1, 1), labels=torch.zeros(80).long())
    split.mean, split.std = (0.0,), (1.0,)
    images, _ = next(data.batches(split, 80, seeded(), augment=True))
    middle = split.cut(split.pixels[:1]).float() / 255
    assert images.shape == (80, 3, size, size) and "augmented" in repr(data)
    rises = images[:, 0, 0, -1] > images[:, 0, 0, 0]
    assert 20 < rises.sum() < 60
    upright = torch.where(rises[:, None, None, None], images, images.flip(-1))
    shifts = (upright - middle).mean((2, 3))[:, :2] * stored  # in pixels, of columns and of rows
    spare = stored - size
    assert shifts.amin(0).allclose(torch.tensor(-(spare // 2.0)), atol=0.35)
    assert shifts.amax(0).allclose(torch.tensor(spare - spare // 2.0), atol=0.35)


def test_the_picture_that_says_image_not_found_is_no_photograph(tmp_path):
    fill(tmp_path, {"cat": 5, "dog": 5})
    photo(tmp_path / "cat" / "imageNotFound.gif", (255, 255, 255))
    data = photographs.image_folder(tmp_path, 4)
    assert sum(len(split) for split in (data.train, data.valid, data.test)) == 10


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
        photographs.image_folder(tmp_path, 8)


def test_folders_that_do_not_fit_are_refused_in_one_sentence(tmp_path):
    def refuses(error, message, path, size=8, **options):
        with pytest.raises(error, match=message) as caught:
            photographs.image_folder(path, size, **options)
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
    check_tiny_cifar(photographs.cifar10(tmp_path / "data"))
    check_tiny_cifar(photographs.cifar10(tmp_path / "data" / "cifar10"))
    monkeypatch.setenv("LECTURE8_DATA", str(tmp_path / "data"))
    check_tiny_cifar(photographs.cifar10())
    (tmp_path / "data" / "cifar10" / "cifar-10-batches-py" / "data_batch_3").write_bytes(b"half")
    with pytest.raises(
        ValueError, match=r"cifar-10-batches-py' is damaged or incomplete \(the checksum of a file is wrong\)"
    ):
        photographs.cifar10()


def test_cifar10_as_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(photographs, "_CIFAR10", replace(photographs._CIFAR10, images=220))
    monkeypatch.setenv("LECTURE8_DATA", str(tmp_path))
    for split, count in (("train", 20), ("test", 2)):
        for label, name in enumerate(NAMES):
            for index in range(count):
                photo(tmp_path / "cifar10" / split / name / f"{index}.png", (label,) * 3, (32, 32))
    check_tiny_cifar(photographs.cifar10())
    (tmp_path / "cifar10" / "test" / "bird" / "1.png").unlink()
    with pytest.raises(ValueError, match=r"cifar10' holds 219 images, but CIFAR-10 has 220: copy it again"):
        photographs.cifar10()


# --- sets that torchvision knows, in small ------------------------------------------------------------------------


def noise_photo(file, label, seed):
    """A photograph of one gray per label, with some noise so that each is unique; wider than high."""
    rng = np.random.default_rng(seed)
    pixels = np.full((30, 45, 3), 20 + 6 * label) + rng.integers(0, 4, (30, 45, 3))
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(file, "png")  # whatever its name says; exact, unlike a JPEG


def check_grays(data):
    for split in (data.train, data.valid, data.test):
        found = ((split.pixels.float().mean((1, 2, 3)) - 21.5) / 6).round().long()
        assert torch.equal(found, split.labels)


def check_apart(data):
    pixels = torch.cat([split.pixels for split in (data.train, data.valid, data.test)]).flatten(1)
    assert len(pixels.unique(dim=0)) == len(pixels)


def pets_folder(root, folder="oxford-iiit-pet"):
    """Three breeds; names and lists as in the published archives, which leave some images out of both lists."""
    seed, lines = 0, {"trainval": [], "test": []}
    for label, breed in enumerate(("Abyssinian", "american_bulldog", "yorkshire_terrier")):
        for index in range(16):
            noise_photo(root / folder / "images" / f"{breed}_{index}.jpg", label, seed)
            seed += 1
            if index < 15:
                lines["trainval" if index < 10 else "test"].append(f"{breed}_{index} {label + 1} 2 1")
    (root / folder / "annotations").mkdir()
    for name, listed in lines.items():
        (root / folder / "annotations" / f"{name}.txt").write_text("\n".join(listed) + "\n")
    return root / folder


def flowers_folder(root, monkeypatch, folder="flowers-102"):
    """Two images of each of the 102 kinds and a third for the tests; scrambled, as published."""
    from scipy.io import savemat
    from torchvision.datasets import Flowers102

    labels = np.random.default_rng(3).permutation(np.repeat(np.arange(102), 3))
    order = np.argsort(labels, kind="stable").reshape(102, 3)
    for index, label in enumerate(labels):
        noise_photo(root / folder / "jpg" / f"image_{index + 1:05}.jpg", label * 0.3, index)
    savemat(root / folder / "imagelabels.mat", {"labels": labels[None] + 1})
    splits = {"trnid": order[:, 0], "valid": order[:, 1], "tstid": order[:, 2]}
    savemat(root / folder / "setid.mat", {name: index[None] + 1 for name, index in splits.items()})
    md5 = {
        name: hashlib.md5((root / folder / name).read_bytes()).hexdigest() for name in ("imagelabels.mat", "setid.mat")
    }
    table = Flowers102._file_dict | {
        "label": ("imagelabels.mat", md5["imagelabels.mat"]),
        "setid": ("setid.mat", md5["setid.mat"]),
    }
    monkeypatch.setattr(Flowers102, "_file_dict", table)
    return root / folder


def ants_folder(root, folder="hymenoptera_data"):
    for split, counts in (("train", (123, 121)), ("val", (70, 83))):
        for label, (name, count) in enumerate(zip(("ants", "bees"), counts, strict=True)):
            for index in range(count):
                noise_photo(
                    root / folder / split / name / f"{index}.jpg", label, crc32(repr((split, name, index)).encode())
                )
    photo(root / folder / "train" / "ants" / "imageNotFound.gif")
    return root / folder


def imagenette_folder(root, folder="imagenette2-160"):
    for label, number in enumerate(photographs._IMAGENETTE_NAMES):
        for split, count in (("train", 5), ("val", 2)):
            for index in range(count):
                noise_photo(
                    root / folder / split / number / f"{number}_{index}.JPEG",
                    label,
                    crc32(repr((number, split, index)).encode()),
                )
    return root / folder


def small_imagenette(monkeypatch):
    small = {side: replace(form, images=70) for side, form in photographs._IMAGENETTE.items()}
    monkeypatch.setattr(photographs, "_IMAGENETTE", small)


def test_pets_as_published(tmp_path):
    pets_folder(tmp_path / "pets")
    data = photographs.pets(14, tmp_path)
    assert data.name == "Oxford-IIIT Pets" and data.classes == ("Abyssinian", "American Bulldog", "Yorkshire Terrier")
    assert sizes(data) == [27, 3, 15] and data.image_shape == (3, 14, 14) and data.train.pixels.shape[2:] == (16, 16)
    assert data.valid.labels.tolist() == [0, 1, 2]
    check_grays(data)
    check_apart(data)
    assert data.train.images.mean().abs() < 0.05
    again = photographs.pets(14, tmp_path / "pets" / "oxford-iiit-pet")
    assert torch.equal(again.valid.pixels, data.valid.pixels)


def test_pets_with_a_file_missing_or_damaged(tmp_path):
    place = pets_folder(tmp_path)
    (place / "images" / "Abyssinian_3.jpg").write_bytes(b"half")
    with pytest.raises(
        ValueError, match=r"oxford-iiit-pet' is damaged or incomplete \(image 3 of a split: .*delete it"
    ):
        photographs.pets(14, tmp_path)
    (place / "annotations" / "test.txt").unlink()
    with pytest.raises(ValueError, match=r"is damaged or incomplete \(.*No such file.*test\.txt"):
        photographs.pets(14, tmp_path)
    (place / "annotations" / "trainval.txt").unlink()
    (place / "annotations").rmdir()
    with pytest.raises(ValueError, match=r"oxford-iiit-pet' is damaged or incomplete \(Dataset not found\)"):
        photographs.pets(14, tmp_path)


def test_flowers_as_published(tmp_path, monkeypatch):
    from torchvision.datasets import Flowers102

    place = flowers_folder(tmp_path, monkeypatch)
    data = photographs.flowers(14, tmp_path)
    last = "blackberry lily" if hasattr(Flowers102, "classes") else "102"  # torchvision 0.21 has no names
    assert sizes(data) == [102, 102, 102] and data.num_classes == 102 and data.classes[101] == last
    for split in (data.train, data.valid, data.test):
        off = split.pixels.float().mean((1, 2, 3)) - (21.5 + 1.8 * split.labels)  # rounded down to whole grays
        assert sorted(split.labels.tolist()) == list(range(102))
        assert off.min() > -1.2 and off.max() < 0.4  # the next label is 1.8 away
    check_apart(data)
    for split, name in ((data.train, "train"), (data.valid, "val"), (data.test, "test")):
        expected = Flowers102(tmp_path, name)
        assert torch.equal(split.labels, torch.tensor([label for _, label in expected]))
        assert (split.pixels[0].numpy() == photographs._square(expected[0][0], 16)).all()
    with monkeypatch.context() as older:
        older.delattr("torchvision.datasets.Flowers102.classes", raising=False)
        assert photographs.flowers(14, tmp_path).classes[::101] == ("1", "102")
    (place / "setid.mat").write_bytes(b"half")
    with pytest.raises(ValueError, match=r"flowers-102' is damaged or incomplete \(Dataset not found or corrupted\)"):
        photographs.flowers(14, tmp_path)


@pytest.mark.parametrize("layout", ["hymenoptera_data", "ants_bees", "ants_bees/hymenoptera_data"])
def test_ants_and_bees_in_every_layout(tmp_path, monkeypatch, layout):
    place = ants_folder(tmp_path, layout)
    if layout == "ants_bees":
        (place / "val").rename(place / "test")
    monkeypatch.setenv("LECTURE8_DATA", str(tmp_path))
    data = photographs.ants_bees(14)
    assert data.name == "Ants and bees" and data.classes == ("ants", "bees") and sizes(data) == [195, 49, 153]
    assert [split.labels.bincount().tolist() for split in (data.train, data.valid, data.test)] == [
        [98, 97],
        [25, 24],
        [70, 83],
    ]
    check_grays(data)
    check_apart(data)
    assert sizes(photographs.ants_bees(14, place)) == [195, 49, 153]  # the folder itself
    (place / "train" / "bees" / "7.jpg").unlink()
    with pytest.raises(ValueError, match=r"holds 396 images, but Ants and bees has 397: copy it again, or delete it"):
        photographs.ants_bees(14)


def test_imagenette_is_what_torchvision_reads(tmp_path, monkeypatch):
    from torchvision.datasets import Imagenette

    small_imagenette(monkeypatch)
    imagenette_folder(tmp_path / "imagenette")
    data = photographs.imagenette(14, tmp_path)
    reference = [Imagenette(tmp_path / "imagenette", split, "160px") for split in ("train", "val")]
    assert data.classes == tuple(names[0] for names in reference[0].classes)
    assert sizes(data) == [40, 10, 20] and data.name == "Imagenette"
    check_grays(data)
    check_apart(data)
    expected = [photographs._square(image, 16) for image, label in reference[1]]
    assert {array.tobytes() for array in expected} == {pixels.numpy().tobytes() for pixels in data.test.pixels}


def test_imagenette_comes_in_the_size_that_is_needed(monkeypatch):
    def located(forms, folder):
        raise LookupError(" ".join(form.target for form in forms))

    monkeypatch.setattr(photographs, "_locate", located)
    full, large = "imagenette2", "imagenette2-320 imagenette2"
    small = f"imagenette2-160 {large}"
    wanted = {32: small, 140: small, 141: large, 224: large, 280: large, 299: full, 448: full, 600: full}
    for size, forms in wanted.items():
        with pytest.raises(LookupError, match=f"^{forms}$"):
            photographs.imagenette(size)


def test_a_larger_imagenette_that_is_there_is_used(tmp_path, monkeypatch):
    small_imagenette(monkeypatch)
    imagenette_folder(tmp_path, "imagenette2-320")
    assert sizes(photographs.imagenette(14, tmp_path)) == [40, 10, 20]


@pytest.mark.parametrize(("name", "example"), [("pets", "Abyssinian"), ("flowers", "pink primrose")])
def test_pets_and_flowers_as_folders(tmp_path, monkeypatch, name, example):
    monkeypatch.setattr(photographs, SETS[name], replace(getattr(photographs, SETS[name]), images=24))
    for split, count in (("train", 10), ("test", 2)):
        for label, kind in enumerate((example, "zinnia")):
            for index in range(count):
                noise_photo(tmp_path / split / kind / f"{index}.jpg", label, crc32(repr((split, kind, index)).encode()))
    data = getattr(photographs, name)(14, tmp_path)
    assert sizes(data) == [18, 2, 4] and data.classes == (example, "zinnia") and data.image_shape == (3, 14, 14)
    check_grays(data)


# --- where they are looked for, and how they come ------------------------------------------------------------------


def test_checksums_and_addresses_are_those_of_torchvision():
    from torchvision.datasets import CIFAR10, Flowers102, Imagenette, OxfordIIITPet

    (file,) = photographs._CIFAR10.files
    assert file.urls[-1] == CIFAR10.url and file.checksum == CIFAR10.tgz_md5 and file.name == CIFAR10.filename
    assert photographs._CIFAR10.target == CIFAR10.base_folder and len(set(file.urls)) == 4
    assert {url.rsplit("/", 1)[1] for url in file.urls} == {CIFAR10.filename}
    for form, name in zip(photographs._IMAGENETTE.values(), ("160px", "320px", "full"), strict=True):
        assert (form.files[0].urls[0], form.files[0].checksum) == Imagenette._ARCHIVES[name]
    names = {number: names[0] for number, names in Imagenette._WNID_TO_CLASS.items()}
    assert photographs._IMAGENETTE_NAMES == names
    assert tuple((file.urls[0], file.checksum) for file in photographs._PETS.files) == OxfordIIITPet._RESOURCES
    published = [(Flowers102._download_url_prefix + name, md5) for name, md5 in Flowers102._file_dict.values()]
    assert [(file.urls[0], file.checksum) for file in photographs._FLOWERS.files] == published
    if hasattr(Flowers102, "classes"):  # not in torchvision 0.21
        assert photographs._FLOWERS.example == Flowers102.classes[0]
    for published in (photographs._CIFAR10, photographs._ANTS_BEES, photographs._PETS, photographs._FLOWERS):
        for file in published.files:
            assert re.fullmatch(r"[0-9a-f]{32}|[0-9a-f]{64}", file.checksum)


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(downloads, "PAUSE", 0.01)
    site = Site()
    yield site
    site.close()


def archive(folder, name):
    """`folder` as an archive called `name` with paths from its parent, or from itself if it lies in a nested set."""
    import io

    buffer = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(buffer, "w") as packed:
            for file in sorted(folder.rglob("*")):
                packed.write(file, file.relative_to(folder.parent))
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
            packed.add(folder, folder.name)
    return buffer.getvalue()


def serve(site, monkeypatch, attribute, contents, **changes):
    """Lets one of the tables of sets point to the site: contents are the bytes of its files, in order."""
    published, files = getattr(photographs, attribute), []
    for file, content in zip(published.files, contents, strict=True):
        urls = [site.url(f"/{number}/{file.name}") for number in range(len(file.urls))]
        site.files |= {f"/{number}/{file.name}": content for number in range(len(file.urls))}
        digest = hashlib.md5 if len(file.checksum) == 32 else hashlib.sha256
        files.append(downloads.File(tuple(urls), digest(content).hexdigest()))
    monkeypatch.setattr(photographs, attribute, replace(published, files=tuple(files), **changes))


def cifar_on_the_site(site, monkeypatch, tiny_cifar, tmp_path):
    tiny_cifar(tmp_path / "server")
    serve(site, monkeypatch, "_CIFAR10", [archive(tmp_path / "server" / "cifar-10-batches-py", "x.tar.gz")])


def test_cifar10_is_downloaded_once_to_the_cache(site, monkeypatch, tiny_cifar, tmp_path, home):
    cifar_on_the_site(site, monkeypatch, tiny_cifar, tmp_path)
    site.faults["/0/cifar-10-python.tar.gz"] = [503]
    check_tiny_cifar(photographs.cifar10())
    check_tiny_cifar(photographs.cifar10())
    assert [path for path, _ in site.asked] == ["/0/cifar-10-python.tar.gz", "/1/cifar-10-python.tar.gz"]
    assert [path.name for path in (home / ".cache/lecture8/cifar10").iterdir()] == ["cifar-10-batches-py"]


def test_pets_flowers_ants_and_imagenette_are_downloaded(site, monkeypatch, tmp_path, home):
    place = pets_folder(tmp_path / "server")
    contents = [archive(place / name, "x.tar.gz") for name in ("images", "annotations")]
    serve(site, monkeypatch, "_PETS", contents)
    assert sizes(photographs.pets(14)) == [27, 3, 15]
    place = flowers_folder(tmp_path / "server", monkeypatch)
    contents = [archive(place / "jpg", "x.tgz"), *((place / n).read_bytes() for n in ("imagelabels.mat", "setid.mat"))]
    serve(site, monkeypatch, "_FLOWERS", contents)
    assert sizes(photographs.flowers(14)) == [102, 102, 102]
    serve(site, monkeypatch, "_ANTS_BEES", [archive(ants_folder(tmp_path / "server"), "x.zip")])
    assert sizes(photographs.ants_bees(14)) == [195, 49, 153]
    small_imagenette(monkeypatch)
    content = archive(imagenette_folder(tmp_path / "server"), "x.tgz")
    form = photographs._IMAGENETTE[160]
    site.files["/imagenette2-160.tgz"] = content
    file = downloads.File((site.url("/imagenette2-160.tgz"),), hashlib.md5(content).hexdigest())
    monkeypatch.setitem(photographs._IMAGENETTE, 160, replace(form, files=(file,)))
    assert sizes(photographs.imagenette(14)) == [40, 10, 20]
    asked = len(site.asked)
    for name in ("pets", "flowers", "ants_bees", "imagenette"):
        assert len(getattr(photographs, name)(8).train) > 26
    found = {str(path.relative_to(home / ".cache/lecture8")) for path in (home / ".cache/lecture8").glob("*/*")}
    assert found == {
        "pets/oxford-iiit-pet", "flowers/flowers-102", "ants_bees/hymenoptera_data", "imagenette/imagenette2-160",
    }  # fmt: skip
    assert len(site.asked) == asked == 2 + 3 + 1 + 1


def snapshot(folder):
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


def test_a_teachers_share_is_only_read(site, monkeypatch, tiny_cifar, tmp_path, home):
    share = tmp_path / "share"
    tiny_cifar(share / "cifar10")
    ants_folder(share)
    monkeypatch.setenv("LECTURE8_DATA", str(share))
    before = snapshot(share)
    check_tiny_cifar(photographs.cifar10())
    assert sizes(photographs.ants_bees(8)) == [195, 49, 153]
    assert snapshot(share) == before and not (home / ".cache").exists()


def test_what_a_read_only_share_lacks_comes_to_the_cache(site, monkeypatch, tiny_cifar, tmp_path, home, capsys):
    cifar_on_the_site(site, monkeypatch, tiny_cifar, tmp_path)
    share = tmp_path / "share"
    share.mkdir()
    monkeypatch.setenv("LECTURE8_DATA", str(share))
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != share and may(path, mode))
    check_tiny_cifar(photographs.cifar10())
    assert list(share.iterdir()) == [] and (home / ".cache/lecture8/cifar10/cifar-10-batches-py").is_dir()
    assert capsys.readouterr().out == (
        f"CIFAR-10 is not in {str(share)!r}, which is read-only; it comes to {str(home / '.cache/lecture8')!r}.\n"
    )
    check_tiny_cifar(photographs.cifar10())  # found in the cache, though LECTURE8_DATA is set
    assert capsys.readouterr().out == "" and len(site.asked) == 1


def test_what_a_share_lacks_comes_to_it_if_it_can_be_written_to(site, monkeypatch, tiny_cifar, tmp_path, home):
    cifar_on_the_site(site, monkeypatch, tiny_cifar, tmp_path)
    (tmp_path / "drive").mkdir()
    monkeypatch.setenv("LECTURE8_DATA", str(tmp_path / "drive"))
    check_tiny_cifar(photographs.cifar10())
    assert (tmp_path / "drive/cifar10/cifar-10-batches-py").is_dir() and not (home / ".cache").exists()


def test_a_share_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("LECTURE8_DATA", str(tmp_path / "not mounted"))
    with pytest.raises(FileNotFoundError, match=r"LECTURE8_DATA names '.*not mounted', but there is no such folder: "):
        photographs.cifar10()


@pytest.mark.parametrize("name", ["cifar10", "imagenette", "ants_bees", "pets", "flowers"])
def test_without_a_network_one_sentence_says_what_to_do(monkeypatch, tmp_path, name):
    def unreachable(request, timeout):
        raise URLError("Network is unreachable")

    monkeypatch.setattr(downloads, "urlopen", unreachable)
    monkeypatch.setattr(downloads, "PAUSE", 0.0)
    with pytest.raises(
        ConnectionError, match=r"\([\d,]+ MB\) could not be downloaded \(.*Network is unreach"
    ) as caught:
        getattr(photographs, name)(folder=tmp_path)
    text = str(caught.value)
    assert "\n" not in text and repr(str(tmp_path / name)) in text and "LECTURE8_DATA" in text and "fetch http" in text


@pytest.mark.parametrize("name", ["imagenette", "ants_bees", "pets", "flowers"])
def test_sizes_that_are_no_sizes(tmp_path, name):
    for size in (0, -1, 2.5, "224", True):
        with pytest.raises(ValueError, match="size must be a whole number above 0"):
            getattr(photographs, name)(size, tmp_path)
    assert list(tmp_path.iterdir()) == []  # said before anything is downloaded
