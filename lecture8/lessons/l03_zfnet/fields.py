"""How far a painting reaches: what a unit's receptive field must hold."""

import torch
from torch import Tensor

from lecture8.models.layers import Network
from lecture8.models.zfnet import project


def reach(paintings: Tensor) -> list[int]:
    """The side, in pixels, of the smallest square window that holds all that was painted; 0 where nothing was.

    paintings: N × C × H × W, as `project` returns them
    """
    sides = []
    for painting in paintings:
        rows, columns = (painting != 0).any(0).nonzero(as_tuple=True)
        spans = [int(at.max() - at.min()) + 1 for at in (rows, columns) if len(at)]
        sides.append(max(spans, default=0))
    return sides


def widest(net: Network, images: Tensor, stage: str) -> int:
    """The widest painting of a stage, over all of its channels and the given images.

    It must not exceed the stage's receptive field. That says something only where the field is smaller than the
    images: a painting of an image of 32 pixels cannot be 43 pixels wide, whatever went wrong.
    """
    stages = [name for name, _ in net.features.named_children()]
    with torch.no_grad():
        channels = net.features[: stages.index(stage) + 1](images[:1]).shape[1]
    paintings = [project(net, images, stage, channel) for channel in range(channels)]
    return max(reach(torch.cat(paintings)))
