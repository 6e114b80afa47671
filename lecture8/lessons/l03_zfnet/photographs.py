"""ZFNet's two instruments, on photographs: what a network trained on CIFAR-10 makes of ten that it has never seen."""

import torch
from matplotlib.figure import Figure
from torch import nn

from lecture8 import datasets, published, transfer
from lecture8.datasets import CIFAR10_CLASSES
from lecture8.lessons.l03_zfnet import pictures
from lecture8.models.zfnet import occlusion, project

SQUARE = 8  # pixels of 32


def photographs() -> tuple[list[str], torch.Tensor]:
    """The names of the ten, and the photographs as the networks take them but from 0 to 1: 10 × 3 × 32 × 32."""
    found = datasets.animals(32)
    return list(found), torch.stack(list(found.values())) / 255


@torch.no_grad()
def painted(net: nn.Module, stage: str = "conv3", count: int = 9) -> Figure:
    """For each of the channels that fire most: the photograph that it fires for, and what the deconvnet paints.

    net: a chain of convolutions and max poolings for normalized CIFAR-10 images, such as `small.zfnet`
    """
    names, images = photographs()
    x = transfer.normalize(images, "cifar10")
    stages = [name for name, _ in net.features.named_children()]
    peaks = net.features[: stages.index(stage) + 1](x).amax((2, 3))  # photographs × channels
    strongest = peaks.amax(0).topk(count).indices.tolist()
    which = [int(peaks[:, channel].argmax()) for channel in strongest]
    paintings = torch.cat(
        [
            project(net, x[[i]], stage, channel)
            for i, channel in zip(which, strongest, strict=True)
        ]
    )
    titles = [names[i] for i in which]
    return pictures.painted(images[which], paintings, titles, side=32)


@torch.no_grad()
def occluded(net: nn.Module) -> Figure:
    """The eight photographs of a class of CIFAR-10, what the network says, and what a gray square leaves of the class."""
    names, images = photographs()
    x = transfer.normalize(images, "cifar10")
    classes = published.read("animals").set_index("name")["cifar10"].dropna()
    rows = [names.index(name) for name in classes.index]
    said = [CIFAR10_CLASSES[i] for i in net(x[rows]).argmax(1)]
    maps = [
        occlusion(net, x[row], SQUARE, step=2)[..., CIFAR10_CLASSES.index(shown)]
        for row, shown in zip(rows, classes, strict=True)
    ]
    titles = [f"{name}: “{word}”" for name, word in zip(classes.index, said, strict=True)]
    return pictures.occlusion(images[rows], maps, titles, SQUARE, step=2)
