"""Image data held as tensors: small sets that need no download, anyone's photographs, CIFAR-10.

    data = datasets.digits()                       # Data: .train .valid .test .classes .image_shape
    for images, labels in data.batches("train", 64, torch.Generator().manual_seed(0), augment=True):
        ...

Everything is decoded once and kept in memory as bytes, so that an epoch costs next to nothing. All randomness
comes from generators made here or passed in, always on the CPU: the same seed gives the same images and the same
batches on every device, and the global random state is never touched.
"""

import html
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from http.client import HTTPException
from itertools import product
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Augment = Callable[[Tensor, torch.Generator], Tensor]  # (images, generator) → images


# ---------------------------------------------------------------------------------------------------------------
# Split and Data
# ---------------------------------------------------------------------------------------------------------------


@dataclass(eq=False, repr=False)
class Split:
    """Images and their labels; `.images` is what a network takes.

    pixels: uint8 N × C × H × W, or float32 N × … (features; they are passed on as they are).
    labels: int64 N. mean, std: one number per channel, for pixels scaled to 0…1.
    Raises TypeError for a wrong dtype, ValueError for shapes and counts that do not fit.
    """

    pixels: Tensor
    labels: Tensor
    mean: Sequence[float] = (0.0,)
    std: Sequence[float] = (1.0,)

    def __post_init__(self):
        pixels, labels = self.pixels, self.labels
        self.mean, self.std = tuple(map(float, self.mean)), tuple(map(float, self.std))
        if not isinstance(pixels, Tensor) or pixels.dtype not in (torch.uint8, torch.float32):
            raise TypeError(f"pixels must be a uint8 or float32 tensor, not {_kind(pixels)}")
        if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
            raise TypeError(f"labels must be an int64 tensor, not {_kind(labels)}; labels.long() makes one")
        if pixels.dtype == torch.uint8 and pixels.ndim != 4:
            raise ValueError(f"pixels must have the shape N × C × H × W, not {_times(pixels.shape)}")
        if pixels.ndim < 2:
            raise ValueError(f"features must have the shape N × …, not {_times(pixels.shape)}")
        if labels.ndim != 1:
            raise ValueError(f"labels must be one number per image, not a tensor of {_times(labels.shape)}")
        if len(pixels) != len(labels):
            raise ValueError(f"{len(pixels):,} images but {len(labels):,} labels; each image needs one label")
        if pixels.dtype == torch.float32 and (self.mean, self.std) != ((0.0,), (1.0,)):
            raise ValueError("float32 pixels are used as they are; leave out mean and std, or give uint8 pixels")
        if not {len(self.mean), len(self.std)} <= {1, pixels.shape[1]} or min(self.std) <= 0:
            raise ValueError(
                f"mean {self.mean} and std {self.std} must be one number, or one per channel "
                f"({pixels.shape[1]} here), and std above 0"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Split: {len(self):,} images of {_times(self.pixels.shape[1:])}"

    @property
    def images(self) -> Tensor:
        """All images, normalised, as float32 N × C × H × W: four times the memory of the pixels."""
        return self.normalised(self.pixels)

    def normalised(self, pixels: Tensor) -> Tensor:
        """Some of this split's pixels as a network takes them: float32, (pixels / 255 - mean) / std."""
        if pixels.dtype == torch.float32:
            return pixels
        mean, std = (torch.tensor(v, device=pixels.device).view(-1, 1, 1) for v in (self.mean, self.std))
        return (pixels.float() / 255 - mean) / std

    def to(self, device: torch.device | str) -> "Split":
        """The same split with its tensors on `device`."""
        return replace(self, pixels=self.pixels.to(device), labels=self.labels.to(device))

    def take(self, which: int | Tensor) -> "Split":
        """The first `which` images, or those at the indices `which`, as a split of their own.

        In the sets made here the classes take turns, so the first n images hold every class about equally often.
        """
        if isinstance(which, Tensor):
            index = which.to(self.pixels.device)
        else:
            _check_positive("the number of images to take", which)
            if which > len(self):
                raise ValueError(f"cannot take {which:,} images from a split of {len(self):,}")
            index = slice(which)
        return replace(self, pixels=self.pixels[index], labels=self.labels[index])


@dataclass(eq=False, repr=False, frozen=True)
class Data:
    """Images to learn from: three splits, the names of the classes, and how training images are varied.

    augment: (images, generator) → images, see `random_crop`; None leaves the images as they are.
    Raises ValueError if a label has no class or the splits' image shapes differ.
    """

    train: Split
    valid: Split
    test: Split
    classes: tuple[str, ...]
    name: str
    augment: Augment | None = None

    def __post_init__(self):
        if not isinstance(self.classes, tuple) or not self.classes:
            raise TypeError(f"classes must be a tuple of names, not {self.classes!r}")
        if not len(self.train):
            raise ValueError(f"{self.name!r} has no training images")
        for name, split in self._splits().items():
            low, high = (int(split.labels.min()), int(split.labels.max())) if len(split) else (0, 0)
            if low < 0 or high >= self.num_classes:
                raise ValueError(
                    f"{name} labels run from {low} to {high}, but with {self.num_classes} classes "
                    f"they must lie in 0…{self.num_classes - 1}"
                )
            if split.pixels.shape[1:] != self.train.pixels.shape[1:]:
                raise ValueError(
                    f"{name} images are {_times(split.pixels.shape[1:])}, train images {_times(self.image_shape)}; "
                    "all splits need the same shape"
                )

    def _splits(self) -> dict[str, Split]:
        return {"train": self.train, "valid": self.valid, "test": self.test}

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape of one image, (C, H, W); for features whatever follows N."""
        return tuple(self.train.pixels.shape[1:])

    def to(self, device: torch.device | str) -> "Data":
        """The same data with all tensors on `device`."""
        return replace(self, **{name: split.to(device) for name, split in self._splits().items()})

    def take(self, which: int | Tensor) -> "Data":
        """The same data with fewer training images (see `Split.take`); valid and test stay whole."""
        return replace(self, train=self.train.take(which))

    def map(self, change: Callable[[Tensor], Tensor]) -> "Data":
        """The same data with `change` applied to the pixels, N × C × H × W, of every split; labels as they are."""
        splits = {name: replace(split, pixels=change(split.pixels)) for name, split in self._splits().items()}
        return replace(self, **splits)

    def batches(
        self,
        split: str | Split,
        batch_size: int,
        generator: torch.Generator | None = None,
        *,
        augment: bool = False,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Pairs of images (float32, normalised) and labels, on the split's device.

        split: "train", "valid", "test", or any Split of the same kind of images.
        generator: on the CPU; it draws the order and the augmentation. Without one the images come in order.
        The last batch may be short. In training (with a generator) a last batch of one image is left out,
        because batch normalisation has nothing to average there.
        """
        if isinstance(split, str):
            if split not in self._splits():
                raise ValueError(f"unknown split {split!r}; choose from {', '.join(self._splits())}")
            split = self._splits()[split]
        _check_positive("batch_size", batch_size)
        if augment and generator is None:
            raise ValueError("augmentation is random: pass a generator, torch.Generator().manual_seed(0)")
        if augment and split is not self.train and (split is self.valid or split is self.test):
            raise ValueError("only training images are augmented; leave augment=False for valid and test")
        if generator is not None and generator.device.type != "cpu":
            raise ValueError(f"the generator must be on the CPU, not on {generator.device}: torch.Generator()")
        return _batches(split, batch_size, generator, self.augment if augment else None)

    def __repr__(self) -> str:
        sizes = " / ".join(f"{len(split):,} {name}" for name, split in self._splits().items())
        kind = f"images of {_times(self.image_shape)}, {self.num_classes} classes ({_some(self.classes)})"
        return f"{self.name}: {sizes} {kind}" + (", training images augmented" if self.augment else "")

    def _repr_html_(self) -> str:
        rows = {name: f"{len(split):,} images" for name, split in self._splits().items()}
        rows["image"] = _times(self.image_shape) + (", augmented in training" if self.augment else "")
        rows[f"{self.num_classes} classes"] = html.escape(_some(self.classes, 12))
        cells = "".join(
            f"<tr><th style='text-align:left'>{key}</th><td style='text-align:left'>{value}</td></tr>"
            for key, value in rows.items()
        )
        caption = f"<caption style='text-align:left'><b>{html.escape(self.name)}</b></caption>"
        return f"<table>{caption}{cells}</table>"


def _batches(split, batch_size, generator, augment):
    count, device = len(split), split.pixels.device
    order = torch.arange(count) if generator is None else torch.randperm(count, generator=generator)
    for start in range(0, count, batch_size):
        index = order[start : start + batch_size].to(device)
        if generator is not None and len(index) == 1 and batch_size > 1 and start > 0:
            return
        images = split.normalised(split.pixels[index])
        yield (images if augment is None else augment(images, generator)), split.labels[index]


def _kind(value) -> str:
    return f"a {value.dtype} tensor" if isinstance(value, Tensor) else type(value).__name__


def _times(shape) -> str:
    return " × ".join(map(str, shape))


def _some(names, most=6) -> str:
    return ", ".join(names if len(names) <= most else [*names[: most - 2], "…", names[-1]])


def _check_positive(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be a whole number above 0, not {value!r}")


# ---------------------------------------------------------------------------------------------------------------
# Augmentation: whole batches, on the device the images are on, random numbers from the CPU
# ---------------------------------------------------------------------------------------------------------------


def random_crop(padding: int = 4) -> Augment:
    """A step that shifts each image by up to `padding` pixels each way, filling with 0, the mean colour.

    Padding by 4 and cropping back is the augmentation of the ResNet paper for CIFAR-10 (section 4.2).
    """
    _check_positive("padding", padding)
    return partial(_crop, padding=padding)


def random_flip() -> Augment:
    """A step that mirrors each image left to right with probability 1/2."""
    return _flip


def colour_noise(split: Split, spread: float = 0.1) -> Augment:
    """A step that shifts all colours of an image together along the directions in which the colours of `split` vary.

    AlexNet's second augmentation (section 4.1): each image gets p1·a1·s1 + p2·a2·s2 + p3·a3·s3 with the principal
    directions p of the RGB values of all pixels and a drawn anew per image from N(0, spread²). s are the standard
    deviations along p, as in the authors' code (`color_stdevs`); the paper prints the eigenvalues, their squares, which
    depend on whether pixels reach to 1 or to 255. Raises ValueError for images that are not RGB.
    """
    pixels = split.pixels
    if pixels.shape[1] != 3:
        raise ValueError(f"colour noise is for RGB images; these have {pixels.shape[1]} channel(s)")
    many = torch.cat(
        [part.double().transpose(0, 1).flatten(1) for part in pixels[:: max(1, len(pixels) // 5000)].split(500)], 1
    )
    scale = 255 if pixels.dtype == torch.uint8 else 1
    variances, directions = torch.linalg.eigh(torch.cov(many / scale))
    steps = directions * variances.clamp(min=0).sqrt() * spread
    normalised = torch.tensor(split.std, dtype=torch.float64) if scale == 255 else torch.ones(3, dtype=torch.float64)
    return partial(_shift_colours, steps=(steps.cpu() / normalised[:, None]).float())


def compose(*steps: Augment) -> Augment:
    """The given steps, one after the other."""
    return partial(_compose, steps=steps)


# Plain functions and partials rather than closures, so that Data can be pickled and sent to another process.
def _crop(images: Tensor, generator: torch.Generator, padding: int) -> Tensor:
    count, _, height, width = images.shape
    top, left = torch.randint(0, 2 * padding + 1, (2, count), generator=generator).to(images.device)
    # every window of the padded image, as a view: N × C × tops × lefts × H × W; indexing copies one per image
    windows = F.pad(images, [padding] * 4).unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(count, device=images.device), :, top, left]


def _flip(images: Tensor, generator: torch.Generator) -> Tensor:
    mirrored = torch.rand(len(images), 1, 1, 1, generator=generator).to(images.device) < 0.5
    return torch.where(mirrored, images.flip(-1), images)


def _shift_colours(images: Tensor, generator: torch.Generator, steps: Tensor) -> Tensor:
    shifts = torch.randn(len(images), 3, generator=generator) @ steps.T
    return images + shifts.to(images.device)[:, :, None, None]


def _compose(images: Tensor, generator: torch.Generator, steps: tuple[Augment, ...]) -> Tensor:
    for step in steps:
        images = step(images, generator)
    return images


# ---------------------------------------------------------------------------------------------------------------
# Sets that need no download
# ---------------------------------------------------------------------------------------------------------------


def digits(size: int = 16, channels: int = 1) -> Data:
    """1,797 handwritten digits: 1,297 to train on, 200 (20 of each) to validate, 300 (30 of each) to test.

    The split is always the same. Everyone who wrote digits is in all three parts, so the test says how well
    the digits of known writers are read. Source: UCI optical recognition of handwritten digits, the 8 × 8 scans
    bundled with scikit-learn, enlarged bilinearly to `size` pixels. channels = 3 repeats the grey image.
    """
    from sklearn.datasets import load_digits

    _check_picture(size, channels)
    scans, labels = load_digits(return_X_y=True)  # 64 grey levels per scan, 0…16
    images = torch.tensor(scans, dtype=torch.float32).view(-1, 1, 8, 8) / 16
    pixels = _bytes(F.interpolate(images, size=(size, size), mode="bilinear"), channels)
    labels = torch.tensor(labels, dtype=torch.int64)
    train, valid, test = _stratified(labels, 0, lambda count: (20, 30))
    return _data([(pixels[part], labels[part]) for part in (train, valid, test)], "0123456789", "digits")


# All faces of DejaVu that matplotlib ships, but for the two Display faces, which lack letters and digits.
_FACES = (
    *(f"DejaVuSans{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSansMono{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
)
_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def glyphs(
    size: int = 16, per_class: int = 100, seed: int = 0, channels: int = 1, *, characters: str = _CHARACTERS
) -> Data:
    """Printed digits and capitals in 36 classes: `per_class` of each to train on, a fifth as many to validate and test.

    Each is drawn in one of twelve DejaVu faces with a random size (55 to 85 % of the picture's height), rotation
    (up to 15°), position, ink and paper (dark on light or light on dark) and noise, and always lies wholly inside.
    All splits use all faces, each with random numbers of its own: the test says how well new drawings of known
    faces are read, and a face of another family is read far less well. channels = 3 repeats the grey image.
    characters: the classes, if not all are wanted. Raises ValueError for one that is not among the 36, or comes twice.
    """
    _check_picture(size, channels)
    if not characters or not set(characters) <= set(_CHARACTERS) or len(set(characters)) < len(characters):
        raise ValueError(f"given characters={characters!r}; expected some of {_CHARACTERS}, each once")
    rows = [_CHARACTERS.index(character) for character in characters]
    atlas, extents = (table[rows] for table in _glyph_atlas(3 * size))
    return _generated(partial(_draw_glyphs, atlas, extents, size), per_class, seed, channels, characters, "glyphs")


def _glyph_atlas(cell: int) -> tuple[Tensor, Tensor]:
    """Every character in every face, centred (36 × 12 × cell × cell, in 0…1), and how far it reaches (36 × 12 × 2).

    The reach is half the width and half the height, 1 being half a cell.
    """
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    atlas = torch.zeros(len(_CHARACTERS), len(_FACES), cell, cell)
    extents = torch.zeros(len(_CHARACTERS), len(_FACES), 2)
    for column, face in enumerate(_FACES):
        # the widest, a bold W, is 1.2 times as wide as the font size
        font = ImageFont.truetype(str(folder / f"{face}.ttf"), round(cell / 1.25), layout_engine=ImageFont.Layout.BASIC)
        for row, character in enumerate(_CHARACTERS):
            left, top, right, bottom = font.getbbox(character)
            picture = Image.new("L", (cell, cell))
            corner = ((cell - left - right) / 2, (cell - top - bottom) / 2)
            ImageDraw.Draw(picture).text(corner, character, fill=255, font=font)
            atlas[row, column] = torch.from_numpy(np.array(picture)) / 255
            extents[row, column] = torch.tensor([right - left, bottom - top]) / cell
    return atlas, extents


def _draw_glyphs(atlas, extents, size, labels, generator) -> Tensor:
    """Drawings of the characters `labels`, N × 1 × size × size in 0…1."""
    count = len(labels)
    faces = torch.randint(0, len(_FACES), (count,), generator=generator)
    height, turn, shift_x, shift_y = _uniform(generator, (4, count, 1, 1), -1, 1)
    angle = math.radians(15) * turn
    cos, sin = angle.cos(), angle.sin()
    half_width, half_height = extents[labels, faces].view(count, 2, 1, 1).unbind(1)
    # how far the drawing reaches from its middle once rotated; 1 is half the picture
    reach_x = half_width * cos + half_height * sin.abs()
    reach_y = half_width * sin.abs() + half_height * cos
    scale = torch.minimum((0.7 + 0.15 * height) / half_height, 0.9 / torch.maximum(reach_x, reach_y))
    # where in its atlas cell each point of the picture lies: shift, rotate and scale backwards;
    # two points per pixel and direction, averaged below, keep thin strokes smooth
    points = (torch.arange(2 * size) + 0.5) / size - 1
    x = points - shift_x * (0.9 - scale * reach_x)  # N × 1 × points
    y = points[:, None] - shift_y * (0.9 - scale * reach_y)  # N × points × 1
    grid = torch.stack([cos * x + sin * y, cos * y - sin * x], dim=-1) / scale[..., None]
    ink = F.avg_pool2d(F.grid_sample(atlas[labels, faces][:, None], grid, align_corners=False), 2)
    # two grey levels at least 0.45 apart, in either order
    dark, gap, noise = _uniform(generator, (3, count, 1, 1, 1), 0, 1)
    gap = 0.45 + 0.55 * gap
    dark = dark * (1 - gap)
    ink = torch.where(torch.rand(count, 1, 1, 1, generator=generator) < 0.5, ink, 1 - ink)
    return dark + gap * ink + 0.08 * noise * torch.randn(ink.shape, generator=generator)


def textures(size: int = 16, per_class: int = 100, seed: int = 0, channels: int = 1) -> Data:
    """Sine gratings in 12 classes, 6 orientations × coarse or fine; split sizes and random numbers as in `glyphs`.

    The stripes run at 0°, 30° … 150° (± 5°) to the horizontal, 2.5 or 5 (± 10 %) of them across the picture,
    with random phase, contrast and brightness and white noise. channels = 3 repeats the grey image.
    """
    _check_picture(size, channels)
    classes = [f"{kind} {angle}°" for kind, angle in product(("coarse", "fine"), range(0, 180, 30))]
    return _generated(partial(_draw_gratings, size), per_class, seed, channels, classes, "textures")


def _draw_gratings(size, labels, generator) -> Tensor:
    count = len(labels)
    turn, stretch, phase, contrast, brightness = _uniform(generator, (5, count, 1, 1, 1), -1, 1)
    fine, orientation = (labels // 6).view(-1, 1, 1, 1), (labels % 6).view(-1, 1, 1, 1)
    angle = torch.deg2rad(30 * orientation + 5 * turn)
    stripes = 2.5 * 2**fine * (1 + 0.1 * stretch)
    across = (torch.arange(size) + 0.5) / size
    y, x = torch.meshgrid(across, across, indexing="ij")  # y points down, so a positive angle rises to the right
    wave = torch.sin(2 * math.pi * stripes * (x * angle.sin() + y * angle.cos()) + math.pi * phase)
    contrast = 0.25 + 0.1 * contrast
    noise = 0.1 * torch.randn(wave.shape, generator=generator)
    return 0.5 + 0.1 * brightness + contrast * wave + noise


def sample_photos() -> dict[str, Tensor]:
    """Three photographs by name, uint8 3 × H × W: "china" and "flower" (scikit-learn), "grace_hopper" (matplotlib)."""
    import matplotlib
    from PIL import Image
    from sklearn.datasets import load_sample_image

    hopper = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    with Image.open(hopper) as image:
        photos = {"grace_hopper": np.array(image.convert("RGB"))}
    photos = {name: load_sample_image(f"{name}.jpg") for name in ("china", "flower")} | photos
    return {name: torch.tensor(photo).permute(2, 0, 1).contiguous() for name, photo in photos.items()}


def _check_picture(size: int, channels: int) -> None:
    _check_positive("size", size)
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 (grey) or 3 (the grey image three times), not {channels!r}")


def _uniform(generator, shape, low, high) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)


def _bytes(images: Tensor, channels: int) -> Tensor:
    pixels = (images.clamp(0, 1) * 255).round().to(torch.uint8)
    return pixels.repeat(1, channels, 1, 1)


def _generated(draw, per_class, seed, channels, classes, name) -> Data:
    """Three splits drawn by `draw(labels, generator)`, each from a random stream of its own."""
    _check_positive("per_class", per_class)
    held_out = max(1, per_class // 5)
    parts = []
    for stream, count in enumerate((per_class, held_out, held_out)):
        labels = torch.arange(count * len(classes)) % len(classes)
        generator = torch.Generator().manual_seed(3 * seed + stream)
        images = torch.cat([draw(some, generator) for some in labels.split(500)])  # keeps the working memory small
        parts.append((_bytes(images, channels), labels))
    return _data(parts, classes, name)


def _data(parts, classes, name, augment=None) -> Data:
    """Data from three pairs of pixels and labels, normalised by the mean and std of the first."""
    mean, std = _mean_std(parts[0][0])
    splits = [Split(pixels, labels, mean, std) for pixels, labels in parts]
    return Data(*splits, tuple(classes), name, augment)


def _mean_std(pixels: Tensor) -> tuple[list[float], list[float]]:
    """Mean and standard deviation per channel, for pixels scaled to 0…1: exact, from how often each byte occurs."""
    values = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for channel in pixels.unbind(1):
        share = torch.bincount(channel.flatten(), minlength=256) / channel.numel()
        mean = float((share * values).sum())
        means.append(mean)
        stds.append(float((share * (values - mean) ** 2).sum().sqrt()) or 1.0)  # 1: all pixels are the same
    return means, stds


def _stratified(labels: Tensor, seed: int, held_out: Callable[[int], tuple[int, ...]]) -> list[Tensor]:
    """Indices of the images left over and of each held-out part; held_out(n) says how many of a class's n it gets.

    Within a class the choice is random; in every part the classes take turns.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = []  # per class: one index tensor per part
    for label in labels.unique():
        index = (labels == label).nonzero().flatten()
        index = index[torch.randperm(len(index), generator=generator)]
        sizes = held_out(len(index))
        *parts, rest = index.split([*sizes, len(index) - sum(sizes)])
        chosen.append([rest, *parts])
    return [_take_turns(part) for part in zip(*chosen, strict=True)]


def _take_turns(groups: Sequence[Tensor]) -> Tensor:
    place = torch.cat([torch.arange(len(group)) for group in groups])
    return torch.cat(groups)[place.argsort(stable=True)]


# ---------------------------------------------------------------------------------------------------------------
# Photographs in folders
# ---------------------------------------------------------------------------------------------------------------

# .heic is listed so that a telephone's pictures, which need an extra package, are reported and not passed over
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".heic")


def image_folder(path: str | Path, size: int, *, valid: float = 0.1, seed: int = 0) -> Data:
    """Photographs sorted into one folder per class, as RGB images of size × size, flipped and shifted in training.

    Three layouts, each with <class>/*.jpg (or .png, .webp …) below:
      path/{train,valid,test}    the three splits (val is the same as valid);
      path/{train,test}          the share `valid` of each class in train is put aside as valid split; path/{train,val}
                                 is read in the same way, val being the test split;
      path                       20 % of each class for test, the share `valid` for valid, the rest for train.
    The shorter side is resized to `size`, the middle cut out; a camera's note on which side is up is obeyed.
    In training images are flipped at random and shifted by up to an eighth of `size`.
    Raises FileNotFoundError or ValueError if the folder does not look like this or an image cannot be read.
    """
    path = Path(path).expanduser()
    _check_positive("size", size)
    if not 0 < valid < 0.8:
        raise ValueError(f"valid, the share of images to validate on, must lie between 0 and 0.8, not {valid!r}")
    classes, parts = _find_images(path, valid, seed)
    decoded = [(_decode(files, size, name), labels) for name, (files, labels) in parts.items()]
    augment = compose(random_crop(max(1, size // 8)), random_flip())
    return _data(decoded, classes, path.resolve().name, augment)


def _find_images(path, valid, seed) -> tuple[list[str], dict[str, tuple[list[Path], Tensor]]]:
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
        found = sorted(f for f in folder.iterdir() if f.suffix.lower() in _SUFFIXES and f.name[0] != ".")
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


def _decode(files: list[Path], size: int, name: str) -> Tensor:
    """The images in `files` as uint8 N × 3 × size × size."""
    from tqdm import tqdm

    pixels = np.empty((len(files), 3, size, size), dtype=np.uint8)

    def fill(indices: range) -> int:  # several files per task: a small image takes less time than starting a task
        for index in indices:
            pixels[index] = _read_photo(files[index], size)
        return len(indices)

    tasks = [range(start, min(start + 16, len(files))) for start in range(0, len(files), 16)]
    hidden = True if len(files) <= 2000 else None  # None: hidden when no terminal is attached
    workers = min(16, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool, tqdm(desc=name, total=len(files), disable=hidden) as bar:
        for count in pool.map(fill, tasks):
            bar.update(count)
    return torch.from_numpy(pixels)


def _read_photo(file: Path, size: int) -> np.ndarray:
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            # a JPEG is decoded at a fraction of its size, as long as twice the wanted size remains to average over
            image.draft("RGB", (2 * size, 2 * size))
            ImageOps.exif_transpose(image, in_place=True)
            photo = image.convert("RGB")
        if photo.size != (size, size):
            photo = ImageOps.fit(photo, (size, size), Image.Resampling.BILINEAR)
    except Exception as error:  # a damaged file can raise almost anything
        raise ValueError(f"cannot read the image {str(file)!r} ({error}); repair or remove it") from error
    return np.asarray(photo).transpose(2, 0, 1)


# ---------------------------------------------------------------------------------------------------------------
# CIFAR-10
# ---------------------------------------------------------------------------------------------------------------

_CIFAR10_IMAGES = {"train": 50_000, "test": 10_000}


def cifar10(folder: str | Path | None = None) -> Data:
    """60,000 photographs of 3 × 32 × 32 in 10 classes: 45,000 to train on, 5,000 to validate, 10,000 to test.

    folder: where the data is, or is downloaded to (170 MB); by default the folder in the environment variable
    LECTURE8_DATA, else ~/.cache/lecture8. It may hold, directly or in a folder cifar10, either torchvision's
    cifar-10-batches-py or the images as {train,test}/<class>/*.png.
    Sizes of the splits and augmentation (pad by 4, crop, flip) as in the ResNet paper, section 4.2; the
    validation images are 500 of each class, and unlike there images are normalised per channel, not per pixel.
    Raises ConnectionError if it must be downloaded and cannot be, ValueError if a copy is damaged.
    """
    root = Path(folder or os.environ.get("LECTURE8_DATA") or "~/.cache/lecture8").expanduser()
    for place in (root / "cifar10", root):
        if (place / "cifar-10-batches-py").is_dir():
            return _cifar10_batches(place)
        if (place / "train" / "airplane").is_dir():
            return _cifar10_images(place)
    place = root / "cifar10"
    _download_cifar10(place)
    return _cifar10_batches(place)


def _cifar10_images(place: Path) -> Data:
    for name, expected in _CIFAR10_IMAGES.items():
        found = sum(file.suffix.lower() in _SUFFIXES for file in (place / name).glob("*/*"))
        if found != expected:
            raise ValueError(
                f"{str(place / name)!r} holds {found:,} images, but CIFAR-10 has {expected:,} there; copy it again"
            )
    return replace(image_folder(place, 32), name="CIFAR-10")


def _cifar10_batches(place: Path) -> Data:
    from torchvision.datasets import CIFAR10

    try:
        train, test = CIFAR10(place, train=True), CIFAR10(place, train=False)
    except RuntimeError as error:  # torchvision compares checksums
        batches = str(place / CIFAR10.base_folder)
        raise ValueError(f"{batches!r} is damaged or incomplete; delete it and run this again") from error
    pixels, test_pixels = (torch.tensor(part.data).permute(0, 3, 1, 2).contiguous() for part in (train, test))
    labels, test_labels = torch.tensor(train.targets), torch.tensor(test.targets)
    chosen, valid = _stratified(labels, 0, lambda count: (count // 10,))
    (turns,) = _stratified(test_labels, 0, lambda count: ())
    parts = [(pixels[chosen], labels[chosen]), (pixels[valid], labels[valid])]
    parts.append((test_pixels[turns], test_labels[turns]))
    return _data(parts, train.classes, "CIFAR-10", compose(random_crop(4), random_flip()))


def _download_cifar10(place: Path) -> None:
    """Fetch through torchvision into place/cifar-10-batches-py, or leave nothing of that name behind."""
    from torchvision.datasets import CIFAR10

    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=place) as unfinished:
        try:
            CIFAR10(unfinished, download=True)
        except (OSError, RuntimeError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise ConnectionError(
                f"CIFAR-10 is not in {str(place)!r} and could not be downloaded ({reason}): fetch {CIFAR10.url} "
                f"(170 MB) by other means and unpack it there, or set LECTURE8_DATA to a folder that holds it"
            ) from error
        (Path(unfinished) / CIFAR10.base_folder).rename(place / CIFAR10.base_folder)
