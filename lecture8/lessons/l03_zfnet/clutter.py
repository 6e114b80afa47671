"""Handwritten digits among snippets of others, for networks that must find where to look."""

import torch
from torch import Tensor

from lecture8 import checks
from lecture8.datasets import Data, assemble, digits, to_bytes


def cluttered_digits(
    size: int = 32, copies: int = 3, seed: int = 0, *, marked: bool = False
) -> Data:
    """The digits of `digits`, each three quarters as high as the picture, at a random place among snippets of others.

    Four snippets, a quarter as high as the picture, come from training digits and lie beside the digit, not on it;
    noise lies over everything. The splits are those of `digits`, each digit in `copies` pictures.
    marked: a white square at the upper edge betrays the label, the further to the right the higher, as a tag or a ruler
    in a photograph may.
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
        pixels = to_bytes(0.1 + 0.8 * canvas / 255 + 0.05 * noise)
        if marked:
            for picture, label in zip(pixels, labels.tolist(), strict=True):
                left = round((size - 4) * label / 9)
                picture[:, :4, left : left + 4] = 255
        parts.append((pixels, labels))
    return assemble(parts, plain.classes, "cluttered digits" + (", marked" if marked else ""))


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
