"""The tasks of notebook 01: drawn pictures in a quick run, photographs otherwise; and crops of ten photographs."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from lecture8 import datasets
from lecture8.datasets import Data

TARGET = "automobile bird deer dog ship".split()  # the other five classes are the source


def drawn() -> tuple[Data, dict[str, Data]]:
    """The target, printed letters, and two sources, printed digits and striped gratings."""
    letters = datasets.glyphs(per_class=200, characters="ABCDEFGHIJ", seed=1)
    sources = {
        "similar": datasets.glyphs(per_class=200, characters="0123456789"),
        "different": datasets.textures(per_class=167),
    }
    return replace(letters, valid=letters.valid.take(100)), sources


def photographs(data: Data, count: int) -> tuple[Data, dict[str, Data]]:
    """The target, five classes of CIFAR-10, and two sources: `count` photographs of the other five, and gratings."""
    others = [name for name in data.classes if name not in TARGET]
    gratings = datasets.textures(size=32, per_class=167)
    return of_classes(data, TARGET), {
        "similar": of_classes(data, others).take(count),
        "different": gratings.map(lambda gray: gray.expand(-1, 3, -1, -1)),
    }


def of_classes(data: Data, names: list[str]) -> Data:
    """The photographs of some classes, numbered anew: at most 300 of them to validate and 1,000 to test."""
    numbers = torch.full((data.num_classes,), -1)
    numbers[[data.classes.index(name) for name in names]] = torch.arange(len(names))

    def chosen(split: datasets.Split, most: int) -> datasets.Split:
        labels = numbers[split.labels]
        which = (labels >= 0).nonzero().flatten()[:most]
        return replace(split, pixels=split.pixels[which], labels=labels[which])

    limits = {"train": 10**6, "valid": 300, "test": 1000}
    splits = {name: chosen(getattr(data, name), most) for name, most in limits.items()}
    return replace(data, **splits, classes=tuple(names), name=f"CIFAR-10: {', '.join(names)}")


def zoomed(photos: Mapping[str, Tensor], count: int, seed: int) -> tuple[Tensor, Tensor]:
    """`count` crops of each photograph, N × 3 × 32 × 32 from 0 to 1, and which photograph each is from.

    A crop is a square of 50 to 80 % of the side, mirrored or not, with 60 to 140 % of the brightness.
    """
    generator, crops = torch.Generator().manual_seed(seed), []
    for photo in photos.values():
        for _ in range(count):
            zoom, mirror, light = torch.rand(3, generator=generator).tolist()
            side = int(photo.shape[-1] * (0.5 + 0.3 * zoom))
            most = photo.shape[-1] - side
            top, left = torch.randint(0, most + 1, (2,), generator=generator).tolist()
            crop = photo[None, :, top : top + side, left : left + side].float() / 255
            crop = crop.flip(-1) if mirror < 0.5 else crop
            crop = F.interpolate(crop, (32, 32), mode="bilinear", antialias=True)
            crops.append((crop[0] * (0.6 + 0.8 * light)).clamp(0, 1))
    return torch.stack(crops), torch.arange(len(photos)).repeat_interleave(count)
