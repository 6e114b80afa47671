"""Waves to send through a first layer, and how to count them afterwards."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from lecture8 import datasets


def grating(across: int, down: int = 0, side: int = 64) -> Tensor:
    """Stripes: a sine wave with whole numbers of periods across and down; side × side, from -1 to 1."""
    at = torch.arange(side) / side
    return torch.sin(2 * math.pi * (across * at + down * at[:, None]))


def rings(side: int = 200, finest: float = 3.2) -> Tensor:
    """Rings that get finer from the middle outward, to `finest` pixels per ring at the middle of an edge."""
    at = torch.arange(side) - (side - 1) / 2
    return torch.cos(2 * math.pi * (at**2 + at[:, None] ** 2) / (2 * finest * side / 2))


def strongest(values: Tensor) -> tuple[int, int]:
    """How many periods the strongest wave in a feature map has, across (0 or more) and down (below 0: the other way).

    It is found with a Fourier transform, which says how strong each wave is. values: H × W
    """
    power = torch.fft.rfft2(values).abs()
    down, across = divmod(int(power.argmax()), power.shape[1])
    return across, down if down <= len(values) / 2 else down - len(values)


def blur(size: int, width: float = 2.5) -> Tensor:
    """A kernel that averages with the weights of a bell curve; size × size."""
    at = torch.arange(size) - size // 2
    bell = torch.exp(-(at**2) / (2 * width**2))
    return bell * bell[:, None] / bell.sum() ** 2


def passed(kernel: Tensor, side: int = 64) -> Tensor:
    """How strongly 1, 2, … stripes across `side` pixels pass a kernel at every pixel; 1 for those that pass best."""
    power = torch.fft.rfft2(kernel, s=(side, side))[0, 1 : side // 2].abs()
    return power / power.max()


def folded(maps: Tensor, stride: int) -> float:
    """The share of the feature maps' energy in waves too fine for this stride; N × C × H × W at every pixel."""
    side = maps.shape[-1]
    fade = torch.hann_window(side) * torch.hann_window(side)[:, None]  # no hard edge
    power = torch.fft.fft2(maps * fade).abs().square().sum((0, 1))
    wave = torch.fft.fftfreq(side).abs()  # periods per pixel
    fits = (wave < 0.5 / stride) & (wave[:, None] < 0.5 / stride)
    return 1 - (power[fits].sum() / power.sum()).item()


def edge_kernels(size: int, seed: int) -> Tensor:
    """16 random kernels that respond to changes only: their mean is 0."""
    kernels = torch.randn(16, 1, size, size, generator=torch.Generator().manual_seed(seed))
    return kernels - kernels.mean((2, 3), keepdim=True)


def folded_photographs() -> tuple[dict[str, Tensor], dict[tuple, list[float]]]:
    """Three gray photographs by name, and (name, kernel size, stride) -> for three seeds the share that is folded."""
    photos = {
        name: photo[:, :256, :256].float().mean(0)
        for name, photo in datasets.sample_photos().items()
    }
    shares = {
        (name, size, stride): [
            folded(F.conv2d(photo[None, None], edge_kernels(size, seed)), stride)
            for seed in range(3)
        ]
        for name, photo in photos.items()
        for size in (11, 7)
        for stride in (4, 2)
    }
    return photos, shares
