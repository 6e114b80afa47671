"""Photographs: folders are split and named as they lie, published sets are found, complete, and split as published."""

import hashlib
import io
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import CIFAR10, Imagenette, OxfordIIITPet

from lecture8 import datasets, published
from lecture8.datasets import photographs
from tests.support.refusals import message
from tests.support.server import packed


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """An empty home, so that nobody's cache is read or written."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))  # the same on Windows
    monkeypatch.delenv("LECTURE8_DATA", raising=False)
    monkeypatch.setattr(photographs, "_CHECKOUT", folder / "checkout")
    return folder


@pytest.fixture
def share(tmp_path, monkeypatch):
    folder = tmp_path / "share"
    folder.mkdir()
    monkeypatch.setenv("LECTURE8_DATA", str(folder))
    return folder


def splits(data):
    return data.train, data.valid, data.test


def counts(data):
    return [split.labels.bincount().tolist() for split in splits(data)]


# --- image folders ---
COLORS = {"cat": (200, 40, 40), "dog": (40, 200, 40), "eel": (40, 40, 200)}


def save(image, file, **options):
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file, **options)


def fill(root, numbers, suffix="png"):
    """Folders of one-colored pictures; the red, green and blue differ by file, so every picture is unique."""
    for name, count in numbers.items():
        for index in range(count):
            color = tuple(value + index for value in COLORS[name])
            save(Image.new("RGB", (12, 8), color), root / name / f"{index:03}.{suffix}")


def identities(split):
    return {tuple(image[:, 0, 0].tolist()) for image in split.pixels}


def test_class_folders_are_split_70_10_20(tmp_path):
    root = tmp_path / "pets"
    fill(root, {"cat": 30, "dog": 20})
    fill(root / ".hidden", {"eel": 2})
    (root / "cat" / "notes.txt").write_text("not an image")
    save(Image.new("RGB", (9, 9)), root / "cat" / "imageNotFound.gif")  # as among the ants of a published set
    data = datasets.image_folder(root, 6)
    assert data.name == "pets" and data.classes == ("cat", "dog") and data.image_shape == (3, 6, 6)
    assert counts(data) == [[21, 14], [3, 2], [6, 4]] and data.train.labels[:4].tolist() == [0, 1, 0, 1]
    parts = [identities(split) for split in splits(data)]
    assert len(parts[0] | parts[1] | parts[2]) == 50
    for split in splits(data):  # cats are red, dogs are green
        assert torch.equal(split.pixels[:, :, 0, 0].argmax(1), split.labels)
    assert torch.equal(datasets.image_folder(str(root), 6).train.pixels, data.train.pixels)
    fill(tmp_path / "few", {"cat": 3, "dog": 4})
    assert counts(datasets.image_folder(tmp_path / "few", 6)) == [[1, 2], [1, 1], [1, 1]]
    assert data.train.images.mean().abs() < 1e-4 and "augmented" in repr(data)
    large = datasets.image_folder(tmp_path / "few", 224)  # in training, any 224 × 224 of 256 × 256
    assert large.image_shape == (3, 224, 224) and large.train.pixels.shape[2:] == (256, 256)


def test_train_and_test_folders(tmp_path):
    fill(tmp_path / "train", {"cat": 20, "dog": 10})
    fill(tmp_path / "test", {"cat": 3, "dog": 4}, "JPG")
    data = datasets.image_folder(tmp_path, 8)
    assert counts(data) == [[18, 9], [2, 1], [3, 4]] and not identities(data.train) & identities(data.valid)
    (tmp_path / "test").rename(tmp_path / "val")  # ImageNet's habit: val is what results are reported on
    renamed = datasets.image_folder(tmp_path, 8)
    assert torch.equal(renamed.test.pixels, data.test.pixels) and counts(renamed) == counts(data)


def test_train_valid_and_test_folders_and_a_class_called_train(tmp_path):
    for split, count in (("train", 5), ("val", 2), ("test", 3)):
        fill(tmp_path / "set" / split, {"cat": count, "dog": count + 1})
    assert counts(datasets.image_folder(tmp_path / "set", 8)) == [[5, 6], [2, 3], [3, 4]]
    (tmp_path / "set" / "val").rename(tmp_path / "set" / "valid")
    assert counts(datasets.image_folder(tmp_path / "set", 8)) == [[5, 6], [2, 3], [3, 4]]
    fill(tmp_path / "vehicles", {"cat": 5, "dog": 5})
    (tmp_path / "vehicles" / "dog").rename(tmp_path / "vehicles" / "train")
    assert datasets.image_folder(tmp_path / "vehicles", 4).classes == ("cat", "train")


def orientation(number):
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


def halves(size, left, right):
    image = Image.new("RGB", size, right)
    image.paste(left, (0, 0, size[0] // 2, size[1]))
    return image


def test_photos_are_resized_cut_to_the_middle_and_turned_upright(tmp_path):
    def read(image, name, size, **options):
        """The middle of a picture, which is in its folder six times."""
        folder = tmp_path / name
        for index in range(3):
            save(image, folder / "a" / f"{index}{name}", **options)
            save(image, folder / "b" / f"{index}{name}", **options)
        data = datasets.image_folder(folder, size)
        return data.test.cut(data.test.pixels)[0].int()

    # 80 × 20 of which only the middle 20 × 20 stays: half red, half blue
    pixels = read(halves((80, 20), (255, 0, 0), (0, 0, 255)), "wide.png", 10)
    assert pixels.shape == (3, 10, 10)
    assert pixels[0, :, :4].min() == 255 and pixels[2, :, 6:].min() == 255 and pixels[0, :, 6:].max() == 0
    # a camera held sideways (orientation 6: turn by 90° clockwise): red on the left comes out on top
    turned = read(halves((40, 40), (255, 0, 0), (0, 0, 255)), "turned.jpg", 10, exif=orientation(6), quality=95)
    assert turned[0, :4].min() > 240 and turned[0, 6:].max() < 15 and turned[2, 6:].min() > 240
    # large JPEGs are decoded small, without losing the content
    large = read(halves((1600, 1200), (255, 255, 0), (0, 0, 0)), "large.jpg", 24, quality=95)
    assert large.shape == (3, 24, 24) and large[:2, :, :10].min() > 240 and large[:, :, 14:].max() < 15


GRAY = np.tile(np.arange(48, 112, 2, dtype=np.uint8), (20, 1))  # 20 × 32
COLOR = np.stack([GRAY, GRAY, GRAY], -1)
DEEP = GRAY.astype(np.uint16) * 257


def with_alpha(color, alpha):
    return np.dstack([color, np.full(GRAY.shape, alpha, np.uint8)])


@pytest.mark.parametrize(
    ("name", "pixels", "expected", "options"),
    [
        *((f"color.{suffix}", COLOR, GRAY, {"quality": 98}) for suffix in ("jpg", "JPE", "webp", "avif")),
        *((f"color.{suffix}", COLOR, GRAY, {}) for suffix in ("png", "gif", "bmp", "tif", "jp2", "ppm")),
        ("color.jfif", COLOR, GRAY, {"quality": 98, "format": "JPEG"}),
        *((f"gray.{suffix}", GRAY, GRAY, {}) for suffix in ("png", "tiff", "pgm")),
        *((f"16_bits.{suffix}", DEEP, GRAY, {}) for suffix in ("png", "tif", "jp2")),
        ("16_bits.pgm", DEEP.astype(np.int32), GRAY, {}),
        ("16_bits_sideways.png", np.rot90(DEEP, 3), GRAY, {"exif": orientation(8)}),
        ("from_0_to_1.tif", GRAY.astype(np.float32) / 255, GRAY, {}),
        ("from_0_to_255.tif", GRAY.astype(np.float32), GRAY, {}),
        ("32_bits.tif", GRAY.astype(np.int32), GRAY, {}),
        ("opaque.png", with_alpha(COLOR, 255), GRAY, {}),
        ("clear.png", with_alpha(0 * COLOR, 0), 0 * GRAY + 255, {}),
        ("half.webp", with_alpha(0 * COLOR, 128), 0 * GRAY + 127, {"lossless": True}),
        ("palette.png", Image.fromarray(GRAY).convert("P"), GRAY, {}),
        ("palette_clear.png", Image.fromarray(GRAY).convert("P"), 0 * GRAY + 255, {"transparency": bytes(256)}),
        ("cmyk.jpg", Image.fromarray(COLOR).convert("CMYK"), GRAY, {"quality": 98}),
        ("two_colors.png", GRAY > 79, 255 * (GRAY > 79), {}),
        ("gray_but_48.png", GRAY, np.where(GRAY == 48, 255, GRAY), {"transparency": 48}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_kind_of_image_arrives_as_it_looks_on_white(tmp_path, recwarn, name, pixels, expected, options):
    suffix = Path(name).suffix.lower()
    if suffix not in Image.registered_extensions():
        pytest.skip(f"this Pillow does not write {suffix}")
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.ascontiguousarray(pixels))
    image.save(tmp_path / name, **options)
    found = np.asarray(datasets.read_photo(tmp_path / name)).astype(int)
    assert found.shape == (20, 32, 3) and abs(found - expected[..., None]).max() <= 4
    assert not recwarn.list  # Pillow's, of transparent palettes


def test_an_unreadable_image_is_named(tmp_path):
    fill(tmp_path, {"cat": 6, "dog": 6})
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(buffer, "png")
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n"  # Pillow would run Ghostscript
    for content in (buffer.getvalue()[:3000], b"", b"no image at all", postscript):
        (tmp_path / "dog" / "002.png").write_bytes(content)
        with pytest.raises(ValueError, match=r"cannot read the image '.*002\.png' \([^<>]+\); repair or remove it$"):
            datasets.image_folder(tmp_path, 8)


def test_images_that_need_another_package_or_another_range_say_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # not installed
    for name in ("a.heic", "a.jpg"):  # what it is, not what it is called
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99))
        said = message(ValueError, datasets.read_photo, tmp_path / name)
        assert said.endswith("it is HEIC or AVIF: `pip install -U pillow pillow-heif`, or convert it to JPEG")
    for values in ([0, 700], [-1, 0.5], [0, float("nan")]):
        Image.fromarray(np.array([values], dtype=np.float32)).save(tmp_path / "a.tif")
        said = message(ValueError, datasets.read_photo, tmp_path / "a.tif")
        assert "(gray values of 32 bits from " in said and ", not from 0 to 1 or to 255); repair or" in said


def test_what_is_left_out_is_named(tmp_path, capsys):
    fill(tmp_path / "set" / "Train", {"cat": 6, "dog": 6})  # capitals as small letters
    fill(tmp_path / "set" / "validation", {"cat": 2, "dog": 2})
    fill(tmp_path / "set" / "Test", {"cat": 3, "dog": 3})
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "imageNotFound.gif"):
        (tmp_path / "set" / "Train" / "cat" / name).write_text("")
    assert counts(datasets.image_folder(tmp_path / "set", 8)) == [[6, 6], [2, 2], [3, 3]]
    assert capsys.readouterr().out == ""
    fill(tmp_path / "set" / "val", {"cat": 2, "dog": 2})
    fill(tmp_path / "set" / "Test" / "dog", {"eel": 2})
    (tmp_path / "set" / "Test" / "dog" / "image.raw").write_text("")
    (tmp_path / "set" / "Train" / "stray.png").write_text("")
    assert counts(datasets.image_folder(tmp_path / "set", 8)) == [[6, 6], [2, 2], [3, 3]]
    said = capsys.readouterr().out
    for words in ("set', 1 × no split: validation\n", "Train', 1 × no photograph of a class: stray.png\n"):
        assert words in said
    assert f"Test', 2 × no photograph of a class: {Path('dog/eel')}, {Path('dog/image.raw')}\n" in said


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes and links")
def test_what_only_looks_like_a_photograph_is_left_out_and_named(tmp_path, capsys):
    fill(tmp_path, {"cat": 5, "dog": 5})
    (tmp_path / "dog" / "link.jpg").symlink_to("nowhere")
    (tmp_path / "eel").symlink_to(tmp_path / "cat")  # a link to a folder elsewhere is a class
    assert datasets.image_folder(tmp_path, 8).classes == ("cat", "dog", "eel")
    assert "1 × no photograph of a class: dog/link.jpg\n" in capsys.readouterr().out
    (tmp_path / "fox").symlink_to(tmp_path)  # a link to the folder that holds it
    assert "fox' holds no images (.jpg" in message(FileNotFoundError, datasets.image_folder, tmp_path, 8)


def test_folders_that_do_not_fit_are_refused_in_one_sentence(tmp_path):
    def refuses(error, words, path):
        assert words in message(error, datasets.image_folder, path, 8)

    good = tmp_path / "good"
    fill(good, {"cat": 5, "dog": 5})
    refuses(FileNotFoundError, "nowhere'; give the one that holds", tmp_path / "nowhere")
    refuses(FileNotFoundError, "give the one that holds the class folders", good / "cat" / "000.png")
    refuses(FileNotFoundError, "holds no class folders", good / "cat")
    fill(tmp_path / "single", {"cat": 5})
    refuses(ValueError, "holds one class only, 'cat'", tmp_path / "single")
    fill(tmp_path / "few", {"cat": 5, "dog": 2})
    refuses(ValueError, "class 'dog' has 2 image(s), too few", tmp_path / "few")
    (good / "eel").mkdir()
    refuses(FileNotFoundError, "eel' holds no images", good)
    halved = tmp_path / "halved"
    fill(halved / "train", {"cat": 5, "dog": 5})
    refuses(FileNotFoundError, "has a train folder but no test folder", halved)
    (tmp_path / "empty" / "train").mkdir(parents=True)
    refuses(FileNotFoundError, "train' holds no class folders", tmp_path / "empty")
    fill(halved / "test", {"cat": 5, "eel": 5})
    refuses(ValueError, "differ in their classes: dog, eel", halved)


# --- published sets, in small; torchvision's addresses and checksums lead to them ---
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def noise_photo(file, label, seed):
    """A photograph of one gray per label, with some noise so that each is unique; wider than high."""
    pixels = np.full((30, 45, 3), 20 + 6 * label) + np.random.default_rng(seed).integers(0, 4, (30, 45, 3))
    save(Image.fromarray(pixels.astype(np.uint8)), file, format="png")  # whatever its name says; exact, unlike a JPEG


def make_cifar10(root, monkeypatch):
    """5 × 40 and 20 images in torchvision's format; the first pixel says the label."""
    rng, folder = np.random.default_rng(0), root / CIFAR10.base_folder
    folder.mkdir(parents=True)
    lists = {"train_list": [], "test_list": []}
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        labels = [i % 10 for i in range(20 if name == "test_batch" else 40)]
        pixels = rng.integers(0, 256, (len(labels), 3, 32, 32), dtype=np.uint8)
        pixels[:, :, 0, 0] = np.array(labels)[:, None]
        content = pickle.dumps({"data": pixels.reshape(len(labels), -1), "labels": labels})
        (folder / name).write_bytes(content)
        lists["test_list" if name == "test_batch" else "train_list"].append([name, hashlib.md5(content).hexdigest()])
    content = pickle.dumps({"label_names": list(NAMES)})
    (folder / "batches.meta").write_bytes(content)
    for attribute, value in (lists | {"meta": CIFAR10.meta | {"md5": hashlib.md5(content).hexdigest()}}).items():
        monkeypatch.setattr(CIFAR10, attribute, value)
    return folder


def make_pets(root, monkeypatch=None):
    """Three breeds; names and lists as in the published archives, which leave some images out of both lists."""
    folder, lines = root / "oxford-iiit-pet", {"trainval": [], "test": []}
    for label, breed in enumerate(("Abyssinian", "american_bulldog", "yorkshire_terrier")):
        for index in range(16):
            noise_photo(folder / "images" / f"{breed}_{index}.jpg", label, 16 * label + index)
            if index < 15:
                lines["trainval" if index < 10 else "test"].append(f"{breed}_{index} {label + 1} 2 1")
    (folder / "annotations").mkdir()
    for name, listed in lines.items():
        (folder / "annotations" / f"{name}.txt").write_text("\n".join(listed) + "\n")
    return folder


def make_ants_bees(root, monkeypatch=None, folder="hymenoptera_data"):
    sizes = {("train", "ants"): 123, ("train", "bees"): 121, ("val", "ants"): 70, ("val", "bees"): 83}
    for seed, ((split, name), count) in enumerate(sizes.items()):
        for index in range(count):
            noise_photo(root / folder / split / name / f"{index}.jpg", name == "bees", 1000 * seed + index)
    return root / folder


def make_imagenette(root, monkeypatch, folder="imagenette2-160"):
    monkeypatch.setitem(photographs._IMAGES, "Imagenette", 70)
    for label, number in enumerate(Imagenette._WNID_TO_CLASS):
        for index in range(7):
            file = root / folder / ("train" if index < 5 else "val") / number / f"{index}.JPEG"
            noise_photo(file, label, 7 * label + index)
    return root / folder


MAKE = {"cifar10": make_cifar10, "pets": make_pets, "ants_bees": make_ants_bees, "imagenette": make_imagenette}


def opened(name):
    return getattr(datasets, name)(*([] if name == "cifar10" else [14]))


EXPECTED = {  # the names on the outside, the sizes of the splits, the first and the last class
    "cifar10": ("CIFAR-10", [180, 20, 20], "airplane", "truck"),
    "pets": ("Oxford-IIIT Pets", [27, 3, 15], "Abyssinian", "Yorkshire Terrier"),
    "ants_bees": ("Ants and bees", [195, 49, 153], "ants", "bees"),
    "imagenette": ("Imagenette", [40, 10, 20], "tench", "parachute"),
}


def check(name, data):
    """All images are there, once, in the right split, with their own label."""
    assert (data.name, [len(s) for s in splits(data)], data.classes[0], data.classes[-1]) == EXPECTED[name]
    for split in splits(data):
        mean = split.pixels.float().mean((1, 2, 3))
        found = split.pixels[:, 0, 0, 0] if name == "cifar10" else ((mean - 21.5) / 6).round()
        assert torch.equal(found.long(), split.labels)
    assert data.train.labels[: data.num_classes].tolist() == list(range(data.num_classes))  # in turns
    pixels = torch.cat([split.pixels for split in splits(data)]).flatten(1)
    assert len(pixels.unique(dim=0)) == len(pixels)
    assert data.image_shape == (3, *([32, 32] if name == "cifar10" else [14, 14])) and data.augment


@pytest.mark.parametrize("name", MAKE)
def test_published_sets_in_a_teachers_share_are_only_read(name, share, home, monkeypatch):
    MAKE[name](share / name, monkeypatch)
    before = {path: path.stat().st_mtime_ns for path in [share, *share.rglob("*")]}
    check(name, opened(name))
    assert {path: path.stat().st_mtime_ns for path in [share, *share.rglob("*")]} == before
    assert not (home / ".cache").exists()


def test_ants_and_bees_and_cifar10_as_folders(share, monkeypatch):
    folder = make_ants_bees(share, folder="ants_bees")
    (folder / "val").rename(folder / "test")
    check("ants_bees", datasets.ants_bees(14))
    assert counts(datasets.ants_bees(14)) == [[98, 97], [25, 24], [70, 83]]
    (folder / "train" / "bees" / "7.jpg").unlink()
    said = message(ValueError, datasets.ants_bees, 14)
    assert "holds 396 images, but Ants and bees has 397: copy it again, or delete it" in said
    for split in ("train", "test"):
        (folder / split / "bees").rename(folder / split / "dogs")
    assert "holds ants dogs, but Ants and bees has ants bees: copy" in message(ValueError, datasets.ants_bees, 14)
    monkeypatch.setitem(photographs._IMAGES, "CIFAR-10", 220)
    for seed in range(220):
        pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        pixels[0, 0] = seed % 10
        split, name = "train" if seed < 200 else "test", NAMES[seed % 10]
        save(Image.fromarray(pixels), share / "cifar10" / split / name / f"{seed}.png")
    check("cifar10", datasets.cifar10())


def test_imagenette_comes_in_the_size_that_is_needed(share, monkeypatch):
    make_imagenette(share / "imagenette", monkeypatch, "imagenette2-320")  # more than needed will do
    check("imagenette", datasets.imagenette(14))
    monkeypatch.setattr(photographs, "install", lambda title, archives, target: pytest.fail(f"{title}: {target.name}"))
    with pytest.raises(pytest.fail.Exception, match=r"\(1,557 MB\): imagenette2$"):
        datasets.imagenette(281)


def test_damaged_sets_are_named(share, monkeypatch):
    folder = make_cifar10(share / "cifar10", monkeypatch)
    (folder / "data_batch_3").write_bytes(b"half")
    assert "' is damaged or incomplete (the checksum of a file is wrong)" in message(ValueError, datasets.cifar10)
    folder = make_pets(share / "pets")
    (folder / "images" / "Abyssinian_3.jpg").write_bytes(b"half")
    assert "Abyssinian_3.jpg' (" in message(ValueError, datasets.pets, 14)
    (folder / "annotations" / "test.txt").unlink()
    with pytest.raises(ValueError, match=r"pet' is damaged or incomplete \(.*No such file.*test\.txt.*\): delete it"):
        datasets.pets(14)


# --- how they come ---
def serve(name, folder, server, monkeypatch):
    """Lets the addresses of a set point to the server, with the checksums of what it has."""
    parts = [folder / "images", folder / "annotations"] if name == "pets" else [folder]
    suffix = {"ants_bees": ".zip", "imagenette": ".tgz"}.get(name, ".tar.gz")
    contents = [packed(part, suffix) for part in parts]
    urls = [server.url(f"/{part.name}{suffix}", content) for part, content in zip(parts, contents, strict=True)]
    md5 = [hashlib.md5(content).hexdigest() for content in contents]
    if name == "cifar10":
        monkeypatch.setattr(photographs, "_CIFAR10_MIRRORS", (server.url("/gone/cifar-10-python.tar.gz"),))
        monkeypatch.setattr(CIFAR10, "url", urls[0])
        monkeypatch.setattr(CIFAR10, "tgz_md5", md5[0])
    elif name == "pets":
        monkeypatch.setattr(OxfordIIITPet, "_RESOURCES", tuple(zip(urls, md5, strict=True)))
    elif name == "imagenette":
        monkeypatch.setitem(Imagenette._ARCHIVES, "160px", (urls[0], md5[0]))
    else:
        monkeypatch.setattr(photographs, "_ANTS_BEES", urls[0])
        monkeypatch.setattr(photographs, "_ANTS_BEES_SHA256", hashlib.sha256(contents[0]).hexdigest())


@pytest.mark.parametrize("name", MAKE)
def test_published_sets_are_downloaded_once_to_the_cache(name, server, monkeypatch, tmp_path, home):
    folder = MAKE[name](tmp_path / "server", monkeypatch)
    serve(name, folder, server, monkeypatch)
    check(name, opened(name))
    asked = len(server.asked)
    check(name, opened(name))
    assert len(server.asked) == asked and (home / ".cache/lecture8" / name / folder.name).is_dir()


def test_what_a_share_lacks_comes_to_it_or_to_the_cache(server, monkeypatch, tmp_path, home, share, capsys):
    serve("cifar10", make_cifar10(tmp_path / "server", monkeypatch), server, monkeypatch)
    may = os.access
    with monkeypatch.context() as patch:  # root may write everywhere, so a mode would not do
        patch.setattr(os, "access", lambda path, mode: Path(path) != share and may(path, mode))
        check("cifar10", datasets.cifar10())
        asked = len(server.asked)
        check("cifar10", datasets.cifar10())  # found in the cache, though LECTURE8_DATA is set
    assert list(share.iterdir()) == [] and len(server.asked) == asked
    said = f"is not in {str(share)!r}, which is read-only; it comes to {str(home / '.cache/lecture8')!r}.\n"
    assert capsys.readouterr().out == f"CIFAR-10 (170 MB) {said}"
    serve("pets", make_pets(tmp_path / "server"), server, monkeypatch)
    check("pets", opened("pets"))
    assert (share / "pets/oxford-iiit-pet/images").is_dir() and not (home / ".cache/lecture8/pets").exists()


@pytest.mark.parametrize("name", ["imagenette", "ants_bees", "pets"])
def test_a_share_that_is_not_there(home, name, monkeypatch):
    monkeypatch.setenv("LECTURE8_DATA", str(home / "share"))
    assert "share', but there is no such folder: create" in message(FileNotFoundError, getattr(datasets, name))


def test_animals_come_with_the_course():
    photos, table = datasets.animals(32), published.read("animals")
    assert list(photos) == list(table["name"]) and len({photo.sum().item() for photo in photos.values()}) == len(table)
    assert {(photo.dtype, photo.shape) for photo in photos.values()} == {(torch.uint8, (3, 32, 32))}
    assert table["license"].isin(["CC0-1.0", "public domain"]).all()
    assert datasets.animals()["owl"].shape == (3, 256, 256)
