"""Explorers of notebook 07."""

from collections.abc import Mapping
from functools import cache

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from lecture8 import datasets, plots, published
from lecture8.calibration import Calibration
from lecture8.explore import Explorer, explorer
from lecture8.models.inception_v3 import separate

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
    """The slope of a blurred image in a direction, as Sobel's kernel has it: 7 × 7; 0° answers to upright edges."""
    y, x = _grid()
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return (x * angle.cos() + y * angle.sin()) * gaussian()


def gabor(degrees: float, period: float = 4.0) -> Tensor:
    """Stripes under a bell, as first layers learn them: 7 × 7, without a mean; 0° answers to upright stripes."""
    y, x = _grid()
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    stripes = torch.cos(2 * torch.pi / period * (x * angle.cos() + y * angle.sin()))
    return gaussian() * (stripes - (gaussian() * stripes).sum())


def spot() -> Tensor:
    """A narrow bell less a wide one, 7 × 7: answers to bright spots."""
    return gaussian(1.0) - gaussian(2.0)


def noise() -> Tensor:
    """49 random numbers."""
    return torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


KERNELS = {
    "blur": gaussian(), "upright edge": edge(0), "slanted edge": edge(30), "upright stripes": gabor(0),
    "stripes at 20°": gabor(20), "stripes at 45°": gabor(45), "spot": spot(), "noise": noise(),
}  # fmt: skip


@cache
def photograph(name: str) -> Tensor:
    """A sample photograph, gray, about a hundred pixels wide: H × W from 0 to 1."""
    photo = datasets.sample_photos()[name].float().mean(0, keepdim=True) / 255
    return F.avg_pool2d(photo, photo.shape[-1] // 100)[0]


def kept(kernel: Tensor, rank: int) -> Tensor:
    """What `rank` pairs keep of a kernel: n × n."""
    columns, rows = separate(kernel, rank)
    return columns @ rows


@explorer
def kernel(trained: Mapping[str, Tensor] | None = None) -> Explorer:
    """A 7 × 7 kernel as a sum of columns times rows; trained: further kernels to choose from, by name."""
    kernels = {**KERNELS, **(trained or {})}

    def draw(kernel: str, pairs: int, photo: str) -> tuple[Figure, str]:
        whole, picture = kernels[kernel].double(), photograph(photo)
        part = kept(whole, pairs)
        figure = plots.inception_v3.separated(whole, part, picture, pairs)
        energy = (part.square().sum() / whole.square().sum()).item()
        cost = 2 * SIZE * pairs
        price = "cheaper than" if cost < SIZE**2 else "dearer than"
        keep = "1 column-and-row pair keeps" if pairs == 1 else f"{pairs} column-and-row pairs keep"
        alike = _correlation(picture, whole, part)
        text = (
            f"{kernel}: {keep} {100 * energy:.1f} % of the kernel's energy. "
            f"{2 * SIZE} × {pairs} = {cost} weights, {price} the {SIZE**2} of the kernel itself. "
            f"On {photo} the two answers correlate by {alike:.2f} (equal ones by 1)."
        )
        return figure, text

    return Explorer(
        draw,
        {"kernel": list(kernels), "pairs": list(range(1, SIZE + 1)), "photo": ["flower", "china", "grace_hopper"]},
        start={"kernel": "stripes at 45°"},
    )


def _correlation(photo: Tensor, whole: Tensor, part: Tensor) -> float:
    answers = F.conv2d(photo.double()[None], torch.stack([whole, part])[:, None]).flatten(1)
    return torch.corrcoef(answers)[0, 1].item()


@explorer
def smoothing() -> Explorer:
    """Calibration by the amount of smoothing, for few and for many training images, from the runs in data/."""
    runs = published.read("label_smoothing")
    by_setting = {key: calibrations(several) for key, several in runs.groupby(["images", "amount"])}

    def draw(images: int, amount: float) -> tuple[Figure, str]:
        found = {f"smoothing {share:g}": by_setting[images, share] for share in sorted({0.0, amount})}
        words = []
        for name, several in found.items():
            over = 100 * sum(one.overconfidence for one in several) / len(several)
            right = 100 * sum(one.right for one in several) / len(several)
            side = "much" if over > 0 else "little"
            words.append(f"{name}: right on {right:.1f} %, promises {abs(over):.1f} points too {side}")
        text = f"{images} training images, {len(several)} seeds. " + "; ".join(words) + "."
        return plots.inception_v3.reliability(found), text

    amounts, sizes = (sorted(runs[column].unique().tolist()) for column in ("amount", "images"))
    return Explorer(
        draw, {"images": sizes, "amount": amounts}, start={"amount": 0.1}, labels={"images": "training images"}
    )


def calibrations(runs) -> list[Calibration]:
    """One `Calibration` per seed from rows of the table `label_smoothing`."""
    return [
        Calibration(run["promised"].tolist(), run["accuracy"].tolist(), run["count"].tolist())
        for _, run in runs.groupby("seed")
    ]
