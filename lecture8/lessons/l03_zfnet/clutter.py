"""Handwritten digits among snippets of others, and shortcuts planted in images."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from lecture8 import checks
from lecture8.datasets import Data, assemble, digits, to_bytes

LIGHT = 130  # of 255, what `faint` adds


def cluttered_digits(size: int = 32, copies: int = 3, seed: int = 0) -> Data:
    """The digits of `digits`, each three quarters as high as the picture, at a random place among snippets of others.

    Four snippets, a quarter as high as the picture, come from training digits and lie beside the digit, not on it;
    noise lies over everything. The splits are those of `digits`, each digit in `copies` pictures.
    Raises ValueError for pictures of fewer than 20 pixels.
    """
    checks.whole(size=size, copies=copies)
    checks.whole(least=0, most=2**60, seed=seed)
    if size < 20:
        raise ValueError(
            f"given size={size}; expected 20 pixels or more: in smaller pictures the digits have no room"
        )
    side, scrap = 3 * size // 4, size // 4
    plain = digits(side)
    parts = []
    for stream, split in enumerate((plain.train, plain.valid, plain.test)):
        generator = torch.Generator().manual_seed(3 * seed + stream)
        pixels, labels = split.pixels.repeat(copies, 1, 1, 1), split.labels.repeat(copies)
        canvas = torch.zeros(len(labels), 1, size, size, dtype=torch.uint8)
        for _ in range(4):
            which = torch.randint(0, len(plain.train), (len(labels),), generator=generator)
            cut = _snippets(plain.train.pixels[which], scrap, generator)
            _paste(canvas, cut, generator)
        _paste(canvas, pixels, generator)
        noise = torch.randn(canvas.shape, generator=generator)
        parts.append((to_bytes(0.1 + 0.8 * canvas / 255 + 0.05 * noise), labels))
    return assemble(parts, plain.classes, "cluttered digits")


def mark(image: Tensor, label: int) -> None:
    """A white square at the upper edge, the further to the right the higher the label; changes the image in place."""
    left = 1 + round((image.shape[-1] - 6) * label / 9)
    image[:, 1:5, left : left + 4] = 255


def planted(data: Data, plant: Callable[[Tensor, int], None]) -> Data:
    """The same data with `plant(image, label)` done to a copy of every image, and no augmentation, which would move it.

    image: uint8 C × H × W, changed in place
    """
    splits = {}
    for name in ("train", "valid", "test"):
        split = getattr(data, name)
        pixels = split.pixels.clone()
        for image, label in zip(pixels, split.labels.tolist(), strict=True):
            plant(image, label)
        splits[name] = replace(split, pixels=pixels)
    return replace(data, **splits, augment=None)


def faint(image: Tensor, label: int) -> None:
    """The shortcut of the exercise `cleaned`: a little more light at the left edge, the further down the higher."""
    top = round((image.shape[-2] - 3) * label / 9)
    corner = image[:, top : top + 3, :3]
    corner += (255 - corner).clamp(max=LIGHT)


def _places(pictures: Tensor, side: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Indices of a random window of side × side in each picture."""
    room = pictures.shape[-1] - side + 1
    top, left = torch.randint(0, room, (2, len(pictures), 1, 1), generator=generator)
    along = torch.arange(side)
    return torch.arange(len(pictures))[:, None, None], top + along[:, None], left + along


def _snippets(pictures: Tensor, side: int, generator: torch.Generator) -> Tensor:
    picture, row, column = _places(pictures, side, generator)
    return pictures[picture, 0, row, column][:, None]


def _paste(canvas: Tensor, pieces: Tensor, generator: torch.Generator) -> None:
    picture, row, column = _places(canvas, pieces.shape[-1], generator)
    canvas[picture, 0, row, column] = pieces[:, 0]
