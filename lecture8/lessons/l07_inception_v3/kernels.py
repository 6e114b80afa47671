"""Kernels of 7 × 7 to take apart, and the photographs that they are applied to."""

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lecture8 import checks, datasets, models
from lecture8.models.inception_v3 import separate
from lecture8.models.layers import Branches, chain

SIZE = 7


def _grid() -> tuple[Tensor, Tensor]:
    along = torch.arange(SIZE, dtype=torch.float64) - SIZE // 2
    return torch.meshgrid(along, along, indexing="ij")


def gaussian(width: float = 1.5) -> Tensor:
    """A blur: exp(−r² / 2 width²), 7 × 7, of sum 1."""
    y, x = _grid()
    bell = torch.exp(-(x**2 + y**2) / (2 * width**2))
    return bell / bell.sum()


def edge(degrees: float) -> Tensor:
    """The slope of a blurred image in a direction, as Sobel's kernel has it: 7 × 7; 0° responds to upright edges."""
    y, x = _grid()
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return (x * angle.cos() + y * angle.sin()) * gaussian()


def gabor(degrees: float) -> Tensor:
    """Stripes of period 4 under a bell, as first layers learn them: 7 × 7, of mean 0; 0° responds to upright stripes."""
    y, x = _grid()
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    stripes = torch.cos(torch.pi / 2 * (x * angle.cos() + y * angle.sin()))
    return gaussian() * (stripes - (gaussian() * stripes).sum())


def spot() -> Tensor:
    """A narrow bell less a wide one, 7 × 7: responds to bright spots."""
    return gaussian(1.0) - gaussian(2.0)


def noise() -> Tensor:
    """49 random numbers."""
    return torch.randn(
        SIZE, SIZE, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )


KERNELS = {
    "blur": gaussian(), "upright edge": edge(0), "slanted edge": edge(30), "upright stripes": gabor(0),
    "stripes at 20°": gabor(20), "stripes at 45°": gabor(45), "spot": spot(), "noise": noise(),
}  # fmt: skip


@cache
def photograph(name: str) -> Tensor:
    """A sample photograph, gray, about a hundred pixels wide: H × W from 0 to 1."""
    photos = datasets.sample_photos()
    checks.one_of(photos, name=name)
    photo = photos[name].float().mean(0, keepdim=True) / 255
    return F.avg_pool2d(photo, photo.shape[-1] // 100)[0]


def kept(kernel: Tensor, rank: int) -> Tensor:
    """What `rank` pairs keep of a kernel: n × n."""
    columns, rows = separate(kernel, rank)
    return columns @ rows


@cache
def of_photographs() -> Tensor:
    """The first kernels of `small.zfnet`, learned from CIFAR-10 photographs, the strongest first: 96 × 7 × 7, by color."""
    net = models.small.zfnet(weights="cifar10")
    found = net.features.conv1.conv.weight.detach().flatten(0, 1)
    return found[found.square().sum((1, 2)).argsort(descending=True)]


def energies(kernels: Tensor) -> Tensor:
    """The share of each kernel's energy (sum of squared weights) in its best 1, 2, … pairs: N × n × n -> N × n."""
    squares = torch.linalg.svdvals(kernels).square()
    return squares.cumsum(1) / squares.sum(1, keepdim=True)


def module_of_whole_kernels(c_in: int, width: int) -> Branches:
    """Inception-v3's module at 17 × 17 with every 1 × 7 and 7 × 1 pair replaced by a 7 × 7."""
    return Branches(
        one=chain(c_in, (192, 1)),
        seven=chain(c_in, (width, 1), (192, 7)),
        twice_seven=chain(c_in, (width, 1), (width, 7), (192, 7)),
        pool=nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), chain(c_in, (192, 1))),
    )
