"""Explorers of notebook 07."""

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from lecture8 import published
from lecture8.lessons.l07_inception_v3 import pictures
from lecture8.lessons.l07_inception_v3.calibration import calibrations
from lecture8.lessons.l07_inception_v3.kernels import (
    KERNELS,
    SIZE,
    kept,
    of_photographs,
    photograph,
)
from lecture8.teaching import Explorer, explorer
from lecture8.words import phrase


@explorer
def kernel() -> Explorer:
    """A 7 × 7 kernel, made by hand or learned from photographs, as a sum of columns times rows."""
    learned = {f"learned {i}": k for i, k in enumerate(of_photographs()[:4], 1)}
    kernels = {**KERNELS, **learned}

    def draw(kernel: str, pairs: int, photo: str) -> tuple[Figure, str]:
        whole, picture = kernels[kernel].double(), photograph(photo)
        part = kept(whole, pairs)
        figure = pictures.separated(whole, part, picture, pairs)
        energy = (part.square().sum() / whole.square().sum()).item()
        cost = 2 * SIZE * pairs
        price = phrase("fewer than" if cost < SIZE**2 else "more than")
        text = (
            f"{kernel}: {pairs} pairs keep {100 * energy:.1f} % of the kernel's energy. "
            f"{2 * SIZE} × {pairs} = {cost} weights, {price} the {SIZE**2} of the kernel itself. "
        )
        if pairs == 1:
            text = (
                f"{kernel}: 1 pair keeps {100 * energy:.1f} % of the kernel's energy. "
                f"{2 * SIZE} × 1 = {cost} weights, {price} the {SIZE**2} of the kernel itself. "
            )
        alike = _correlation(picture, whole, part)
        text += f"On {photo} the two outputs have a correlation of {alike:.2f} (1 if they are equal)."
        return figure, text

    return Explorer(
        draw,
        {
            "kernel": list(kernels),
            "pairs": list(range(1, SIZE + 1)),
            "photo": ["flower", "china"],
        },
        start={"kernel": "learned 3"},
    )


def _correlation(photo: Tensor, whole: Tensor, part: Tensor) -> float:
    outputs = F.conv2d(photo.double()[None], torch.stack([whole, part])[:, None]).flatten(1)
    return torch.corrcoef(outputs)[0, 1].item()


@explorer
def smoothing() -> Explorer:
    """Calibration by the amount of smoothing, for few and for many training images, from loaded runs."""
    runs = published.read("label_smoothing")
    by_setting = {
        key: calibrations(several) for key, several in runs.groupby(["images", "amount"])
    }

    def draw(images: int, amount: float) -> tuple[Figure, str]:
        found = {
            f"smoothing {share:g}": by_setting[images, share] for share in sorted({0.0, amount})
        }
        words = []
        for name, several in found.items():
            over = 100 * sum(one.overconfidence for one in several) / len(several)
            accuracy = 100 * sum(one.overall_accuracy for one in several) / len(several)
            said = f"{name}: accuracy {accuracy:.1f} %, mean confidence {abs(over):.1f} points below it"
            if over > 0:
                said = f"{name}: accuracy {accuracy:.1f} %, mean confidence {over:.1f} points above it"
            words.append(said)
        text = f"{images} training images, {len(several)} seeds. {words[0]}."
        if amount:
            text = f"{images} training images, {len(several)} seeds. {words[0]}; {words[1]}."
        return pictures.reliability(found), text

    amounts, sizes = (sorted(runs[column].unique().tolist()) for column in ("amount", "images"))
    return Explorer(
        draw,
        {"images": sizes, "amount": amounts},
        start={"amount": 0.1},
        labels={"images": "training images"},
    )
