"""Photographs as AlexNet takes them."""

import torch
from torch.nn import functional as F

from lecture8 import checks


def square(photo: torch.Tensor, side: int) -> torch.Tensor:
    """The middle of a photo, its shorter side made `side` pixels (section 2): uint8 -> 3 × side × side from 0 to 1."""
    checks.whole(side=side)
    height, width = photo.shape[1:]
    scale = side / min(height, width)
    size = max(side, round(height * scale)), max(side, round(width * scale))
    small = F.interpolate(
        photo[None].float() / 255, size=size, mode="bilinear", antialias=True
    )[0].clamp(0, 1)
    top, left = (size[0] - side) // 2, (size[1] - side) // 2
    return small[:, top : top + side, left : left + side]
