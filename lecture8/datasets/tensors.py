"""Images held as tensors: `Split` and `Data`, their batches, and how training images are varied.

Everything is decoded once and kept in memory as bytes, so that an epoch costs next to nothing. Batches are varied where
they are, on the CPU or a GPU, but all random numbers come from generators on the CPU that are passed in: the same seed
gives the same batches on every device, and the global random state is never touched.
"""

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture8 import checks
from lecture8.checks import times

Augment = Callable[[Tensor, torch.Generator], Tensor]  # (images, generator) → images


@dataclass(eq=False, repr=False)
class Split:
    """Images and their labels; `.images` is what a network takes.

    pixels: uint8 N × C × H × W, or float32 N × … (features; they are passed on as they are).
    labels: int64 N. mean, std: one number per channel, for pixels scaled to 0…1.
    crop: the side of the square that a network sees of larger pixels, the middle or, in training, any; None: all.
    Raises TypeError for a wrong dtype, ValueError for shapes and counts that do not fit.
    """

    pixels: Tensor
    labels: Tensor
    mean: Sequence[float] = (0.0,)
    std: Sequence[float] = (1.0,)
    crop: int | None = None

    def __post_init__(self):
        pixels, labels = self.pixels, self.labels
        checks.kind((Sequence, Tensor), "one number per channel, such as (0.5,)", mean=self.mean, std=self.std)
        for number in (*self.mean, *self.std):
            checks.number(**{"a mean or std": number})
        self.mean, self.std = tuple(map(float, self.mean)), tuple(map(float, self.std))
        if not isinstance(pixels, Tensor) or pixels.dtype not in (torch.uint8, torch.float32):
            raise TypeError(f"pixels must be a uint8 or float32 tensor, not {_kind(pixels)}")
        if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
            raise TypeError(f"labels must be an int64 tensor, not {_kind(labels)}; labels.long() makes one")
        if pixels.dtype == torch.uint8 and pixels.ndim != 4:
            raise ValueError(f"pixels must have the shape N × C × H × W, not {times(pixels.shape)}")
        if pixels.ndim < 2:
            raise ValueError(f"features must have the shape N × …, not {times(pixels.shape)}")
        if labels.ndim != 1:
            raise ValueError(f"labels must be one number per image, not a tensor of {times(labels.shape)}")
        if len(pixels) != len(labels):
            raise ValueError(f"{len(pixels):,} images but {len(labels):,} labels; each image needs one label")
        if pixels.dtype == torch.float32 and (self.mean, self.std) != ((0.0,), (1.0,)):
            raise ValueError("float32 pixels are used as they are; leave out mean and std, or give uint8 pixels")
        if not {len(self.mean), len(self.std)} <= {1, pixels.shape[1]} or min(self.std) <= 0:
            wanted = f"one number, or one per channel ({pixels.shape[1]} here), and std above 0"
            raise ValueError(f"mean {self.mean} and std {self.std} must be {wanted}")
        if self.crop is not None and not (pixels.dtype == torch.uint8 and 0 < self.crop <= min(pixels.shape[2:])):
            raise ValueError(f"cannot crop {self.crop} × {self.crop} from images of {times(pixels.shape[1:])}")

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Split: {len(self):,} images of {times(self.shape)}"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one image as a network sees it, (C, H, W); for features whatever follows N."""
        shape = tuple(self.pixels.shape[1:])
        return shape if self.crop is None else (shape[0], self.crop, self.crop)

    @property
    def images(self) -> Tensor:
        """All images, normalized, as float32 N × C × H × W: four times the memory of the pixels."""
        return self.normalized(self.cut(self.pixels))

    def cut(self, pixels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The squares of `crop` pixels that a network sees of some of this split's pixels.

        They are cut from the middle or, with a generator (on the CPU), from a random place of each image.
        """
        if self.crop is None:
            return pixels
        if generator is not None:
            return _windows(pixels, (self.crop, self.crop), generator)
        top, left = ((side - self.crop) // 2 for side in pixels.shape[2:])
        return pixels[:, :, top : top + self.crop, left : left + self.crop]

    def normalized(self, pixels: Tensor) -> Tensor:
        """Some of this split's pixels as a network takes them: float32, (pixels / 255 - mean) / std."""
        if pixels.dtype == torch.float32:
            return pixels
        mean, std = self._scale
        return (pixels.float() / 255 - mean) / std

    @cached_property
    def _scale(self) -> list[Tensor]:
        """Mean and standard deviation where the pixels are, moved there once."""
        return [torch.tensor(v, device=self.pixels.device).view(-1, 1, 1) for v in (self.mean, self.std)]

    def to(self, device: torch.device | str) -> "Split":
        """The same split with its tensors on `device`."""
        return replace(self, pixels=self.pixels.to(device), labels=self.labels.to(device))

    def take(self, which: int | Tensor) -> "Split":
        """The first `which` images, or those at the indices `which`, as a split of their own.

        In the sets made here the classes take turns, so the first n images hold every class about equally often.
        """
        if not isinstance(which, Tensor):
            checks.whole(which=which, most=len(self))
        elif which.dtype != torch.int64 or (len(which) and not 0 <= which.min() <= which.max() < len(self)):
            last = len(self) - 1
            raise ValueError(
                f"given {checks.shown('which', which)}: expected an int64 tensor of indices from 0 to {last}"
            )
        index = which.to(self.pixels.device) if isinstance(which, Tensor) else slice(which)
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
        checks.kind(Split, "a Split", train=self.train, valid=self.valid, test=self.test)
        checks.kind((Callable, type(None)), "a function of (images, generator), or None", augment=self.augment)
        if not isinstance(self.classes, tuple) or not self.classes:
            raise TypeError(f"classes must be a tuple of names, not {self.classes!r}")
        if twice := [name for i, name in enumerate(self.classes) if name in self.classes[:i]]:
            raise ValueError(f"two classes are called {twice[0]!r}: give each a name of its own")
        if not len(self.train):
            raise ValueError(f"{self.name!r} has no training images")
        for name, split in self._splits().items():
            low, high = (int(split.labels.min()), int(split.labels.max())) if len(split) else (0, 0)
            if low < 0 or high >= self.num_classes:
                wanted = f"with {self.num_classes} classes they must lie in 0…{self.num_classes - 1}"
                raise ValueError(f"{name} labels run from {low} to {high}, but {wanted}")
            if split.shape != self.image_shape:
                sizes = f"{name} images are {times(split.shape)}, train images {times(self.image_shape)}"
                raise ValueError(f"{sizes}; all splits need the same shape")

    def _splits(self) -> dict[str, Split]:
        return {"train": self.train, "valid": self.valid, "test": self.test}

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape of one image, (C, H, W); for features whatever follows N."""
        return self.train.shape

    def to(self, device: torch.device | str) -> "Data":
        """The same data with all tensors on `device`."""
        return self._with(lambda split: split.to(device))

    def take(self, which: int | Tensor) -> "Data":
        """The same data with fewer training images (see `Split.take`); valid and test stay whole."""
        return replace(self, train=self.train.take(which))

    def map(self, change: Callable[[Tensor], Tensor]) -> "Data":
        """The same data with `change` applied to the pixels of every split; where their size changes, uncropped."""

        checks.kind(Callable, "a function of the pixels", change=change)

        def changed(split: Split) -> Split:
            pixels = change(split.pixels)
            checks.kind(Tensor, "pixels as a tensor, which `change` must return", pixels=pixels)
            same = pixels.shape[2:] == split.pixels.shape[2:]
            return replace(split, pixels=pixels, crop=split.crop if same else None)

        return self._with(changed)

    def with_normalization(self, mean: Sequence[float], std: Sequence[float]) -> "Data":
        """The same data, normalized by other values per channel: transfer.MEAN, transfer.STD for ImageNet's weights."""
        return self._with(lambda split: replace(split, mean=mean, std=std))

    def _with(self, change: Callable[[Split], Split]) -> "Data":
        return replace(self, **{name: change(split) for name, split in self._splits().items()})

    def batches(
        self, split: str | Split, batch_size: int, generator: torch.Generator | None = None, *, augment: bool = False
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Pairs of images (float32, normalized) and labels, on the split's device.

        split: "train", "valid", "test", or any Split of the same kind of images.
        generator: on the CPU; it draws the order and the augmentation. Without one the images come in order.
        The last batch may be short. In training (with a generator) a last batch of one image is left out,
        because batch normalization has nothing to average there.
        """
        if isinstance(split, str):
            if split not in self._splits():
                raise ValueError(f"unknown split {split!r}; choose from {', '.join(self._splits())}")
            split = self._splits()[split]
        checks.kind(Split, "'train', 'valid', 'test', or a Split", split=split)
        kinds = (torch.Generator, type(None))
        checks.kind(kinds, "torch.Generator().manual_seed(0), or None for the images in order", generator=generator)
        checks.whole(batch_size=batch_size)
        if augment and generator is None:
            raise ValueError("augmentation is random: pass a generator, torch.Generator().manual_seed(0)")
        if augment and split is not self.train and (split is self.valid or split is self.test):
            raise ValueError("only training images are augmented; leave augment=False for valid and test")
        return _batches(split, batch_size, generator, augment, self.augment)

    def __repr__(self) -> str:
        sizes = " / ".join(f"{len(split):,} {name}" for name, split in self._splits().items())
        kind = f"images of {times(self.image_shape)}, {self.num_classes} classes ({first_of(self.classes)})"
        return f"{self.name}: {sizes} {kind}" + (", training images augmented" if self.augment else "")

    def _repr_html_(self) -> str:
        rows = {name: f"{len(split):,} images" for name, split in self._splits().items()}
        rows["image"] = times(self.image_shape) + (", augmented in training" if self.augment else "")
        rows[f"{self.num_classes} classes"] = html.escape(first_of(self.classes, 12))
        left = "style='text-align:left'"
        cells = "".join(f"<tr><th {left}>{key}</th><td {left}>{value}</td></tr>" for key, value in rows.items())
        return f"<table><caption {left}><b>{html.escape(self.name)}</b></caption>{cells}</table>"


def _batches(split, batch_size, generator, augment, vary):
    count, device = len(split), split.pixels.device
    order = (torch.arange(count) if generator is None else torch.randperm(count, generator=generator)).to(device)
    for start in range(0, count, batch_size):
        index = order[start : start + batch_size]
        if generator is not None and len(index) == 1 and batch_size > 1 and start > 0:
            return
        images = split.normalized(split.cut(split.pixels[index], generator if augment else None))
        yield (vary(images, generator) if augment and vary else images), split.labels[index]


def _kind(value) -> str:
    return f"a {value.dtype} tensor" if isinstance(value, Tensor) else type(value).__name__


def first_of(names: Sequence[str], most: int = 6) -> str:
    """The names, or of many the first and the last, separated by commas."""
    return ", ".join(names if len(names) <= most else [*names[: most - 2], "…", names[-1]])


def random_crop(padding: int = 4) -> Augment:
    """A step that shifts each image by up to `padding` pixels, filling with 0, the mean color (ResNet paper, 4.2)."""
    checks.whole(padding=padding)
    return lambda images, generator: _windows(F.pad(images, [padding] * 4), images.shape[2:], generator)


def _windows(images: Tensor, size: Sequence[int], generator: torch.Generator) -> Tensor:
    """A rectangle of the given height and width from a random place of each image."""
    spare = [there - wanted for there, wanted in zip(images.shape[2:], size, strict=True)]
    top, left = (_sent(torch.randint(0, most + 1, (len(images),), generator=generator), images) for most in spare)
    # every window, as a view: N × C × tops × lefts × H × W; indexing copies one per image
    windows = images.unfold(2, size[0], 1).unfold(3, size[1], 1)
    return windows[torch.arange(len(images), device=images.device), :, top, left]


def _sent(drawn: Tensor, images: Tensor) -> Tensor:
    """Random numbers from the CPU, sent to where the images are; the CPU does not wait until a GPU has them."""
    return drawn.to(images.device, non_blocking=images.is_cuda)


def random_flip() -> Augment:
    """A step that mirrors each image left to right with probability 1/2."""
    return lambda images, generator: torch.where(
        _sent(torch.rand(len(images), 1, 1, 1, generator=generator), images) < 0.5, images.flip(-1), images
    )


def color_noise(split: Split, std: float = 0.1) -> Augment:
    """A step that shifts all colors of an image together along the directions in which the colors of `split` vary.

    AlexNet's second augmentation (section 4.1): each image gets p1·a1·s1 + p2·a2·s2 + p3·a3·s3 with the principal
    directions p of the RGB values of all pixels and a drawn anew per image from N(0, std²). s are the standard
    deviations along p, as in the authors' code (`color_stdevs`); the paper prints the eigenvalues, their squares, which
    depend on whether pixels reach to 1 or to 255. Raises ValueError for images that are not RGB bytes.
    """
    checks.kind(Split, "the training split", split=split)
    checks.number(least=0, std=std)
    pixels = split.pixels
    if pixels.shape[1] != 3 or pixels.dtype != torch.uint8:
        raise ValueError(f"color noise is for RGB images; these have {pixels.shape[1]} channel(s) of {pixels.dtype}")
    some, total, products = pixels[:: max(1, len(pixels) // 5000)], 0, 0
    for part in some.split(50):  # sums of bytes, exact in float64
        values = part.double().transpose(0, 1).flatten(1)
        total, products = total + values.sum(1), products + values @ values.T
    count = some[:, 0].numel()
    covariance = (products - total[:, None] * total / count) / (count - 1) / 255**2
    variances, directions = torch.linalg.eigh(covariance)
    steps = (directions * variances.clamp(min=0).sqrt() * std).cpu()
    steps = (steps / torch.tensor(split.std, dtype=torch.float64)[:, None]).float()  # in normalized colors
    return lambda images, generator: (
        images + _sent(torch.randn(len(images), 3, generator=generator) @ steps.T, images)[:, :, None, None]
    )


def compose(*steps: Augment) -> Augment:
    """The given steps, one after the other."""
    for step in steps:
        checks.kind(Callable, "a function of (images, generator), such as random_flip()", step=step)
    return lambda images, generator: reduce(lambda varied, step: step(varied, generator), steps, images)


def assemble(parts: Sequence, classes: Iterable[str], name: str, augment=None, crop: int | None = None) -> Data:
    """Data from three pairs of pixels (uint8 N × C × H × W) and labels, normalized by the first's mean and std."""
    values, mean, std = torch.arange(256, dtype=torch.float64) / 255, [], []
    for channel in parts[0][0].unbind(1):  # exact, from how often each byte occurs
        share = torch.bincount(channel.flatten(), minlength=256) / channel.numel()
        mean.append(float((share * values).sum()))
        std.append(float((share * (values - mean[-1]) ** 2).sum().sqrt()) or 1.0)  # 1: all pixels are the same
    return Data(*(Split(*part, mean, std, crop) for part in parts), tuple(classes), name, augment)


def stratified(labels: Tensor, held_out: Callable[[int], tuple[int, ...]]) -> list[Tensor]:
    """Indices of the images left over and of each held-out part; held_out(n) says how many of a class's n it gets.

    Within a class the choice is random, the same every time; in every part the classes take turns.
    """
    generator = torch.Generator().manual_seed(0)
    chosen = []  # per class: one index tensor per part
    for label in labels.unique():
        index = (labels == label).nonzero().flatten()
        sizes = held_out(len(index))
        index = index[torch.randperm(len(index), generator=generator)]
        *parts, rest = index.split([*sizes, len(index) - sum(sizes)])
        chosen.append([rest, *parts])
    parts = list(zip(*chosen, strict=True))
    turns = [torch.cat([torch.arange(len(group)) for group in part]).argsort(stable=True) for part in parts]
    return [torch.cat(part)[order] for part, order in zip(parts, turns, strict=True)]


def to_bytes(images: Tensor) -> Tensor:
    """Images with values from 0 to 1 (what lies outside is clipped) as uint8 pixels of the same shape."""
    checks.kind(Tensor, "a tensor with values from 0 to 1", images=images)
    if not images.is_floating_point():
        raise TypeError(f"given {checks.shown('images', images)}: expected values from 0 to 1 of a float type")
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)
