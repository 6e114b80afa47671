"""What a deconvnet needs beside the student's own steps: the way up, and the filters of the way down."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def climb(layers: Iterable[nn.Module], images: Tensor) -> tuple[Tensor, list]:
    """Up through the layers: the feature maps, and for each layer (layer, shape before it, switches or None)."""
    maps, trail = images, []
    for layer in layers:
        before, switches = maps.shape, None
        if isinstance(layer, nn.MaxPool2d):
            maps, switches = F.max_pool2d(
                maps, layer.kernel_size, layer.stride, ceil_mode=True, return_indices=True
            )
        else:
            maps = layer(maps)
        trail.append((layer, before, switches))
    return maps, trail


def transposed(values: Tensor, conv: nn.Conv2d, before: torch.Size) -> Tensor:
    """Down through a convolution: every value puts down its kernel, on feature maps of the shape `before`."""
    stride, padding = conv.stride[0], conv.padding[0]
    # with stride 2, 31 pixels and 32 both give 16 values: the shape says which it was
    smallest = (values.shape[-1] - 1) * stride - 2 * padding + conv.kernel_size[0]
    return F.conv_transpose2d(
        values,
        conv.weight,
        stride=stride,
        padding=padding,
        output_padding=before[-1] - smallest,
    )


def without_switches(trail: list) -> list:
    """The same trail, as if the first pixel of every pooling window had won."""
    changed = []
    for layer, before, switches in trail:
        if switches is not None:
            rows, columns = (torch.arange(n) * layer.stride for n in switches.shape[2:])
            switches = (rows[:, None] * before[3] + columns).expand_as(switches)
        changed.append((layer, before, switches))
    return changed


def strongest(reconstruction: Tensor, share: float = 0.1) -> Tensor:
    """True for this share of all pixels, those marked most strongly; N × 1 × H × W."""
    strength = reconstruction.abs().sum(1, keepdim=True).flatten(1)
    least = strength.topk(int(share * strength.shape[1]), 1).values[:, -1:]
    return ((strength >= least) & (strength > 0)).view(
        len(reconstruction), 1, *reconstruction.shape[2:]
    )


@torch.no_grad()
def response_left(
    layers: nn.Sequential, images: Tensor, descend: Callable, channels: int = 12
) -> dict[str, float]:
    """What is left of a channel's response to its nine best images if all but a tenth of the pixels turn gray, in percent.

    The tenth is what a deconvnet marks most strongly, or what one of four rivals chooses among the pixels that the
    strongest unit sees. The mean over the channels that respond most.
    """
    peaks = layers(images).amax((2, 3))
    kinds = (
        "deconvnet",
        "without switches",
        "gradient × input",
        "farthest from gray",
        "random",
    )
    left = {kind: [] for kind in kinds}
    for channel in peaks.topk(9, 0).values[-1].topk(channels).indices.tolist():
        best = images[peaks[:, channel].topk(9).indices]
        maps, trail = climb(layers, best)
        unit = only_strongest(maps, channel)
        reconstruction = descend(trail, unit)
        generator = torch.Generator().manual_seed(channel)
        slope = gradient(layers, best, unit)
        seen = (slope != 0).any(1, keepdim=True) | (reconstruction != 0).any(1, keepdim=True)
        strengths = [
            reconstruction,
            descend(without_switches(trail), unit),
            slope * best,
            best * seen,
        ]
        strengths += [torch.rand(reconstruction.shape, generator=generator) * seen]
        for shares, one in zip(left.values(), strengths):
            again = layers(best * strongest(one))[:, channel].amax((1, 2))
            shares.append(100 * (again / maps[:, channel].amax((1, 2))).mean().item())
    return {kind: sum(shares) / channels for kind, shares in left.items()}


def gradient(layers: nn.Module, images: Tensor, unit: Tensor) -> Tensor:
    """How fast the response of each image's unit (not 0 in `unit`) changes with every pixel."""
    images = images.clone().requires_grad_()
    with torch.enable_grad():
        return torch.autograd.grad(layers(images)[unit != 0].sum(), images)[0]


def only_strongest(maps: Tensor, channel: int) -> Tensor:
    """Zeros, but for the strongest unit of one channel in each image."""
    unit = torch.zeros_like(maps)
    unit[:, channel] = maps[:, channel] * (
        maps[:, channel] == maps[:, channel].amax((1, 2), keepdim=True)
    )
    return unit
