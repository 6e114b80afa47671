"""ZFNet's two instruments on photographs: what a network trained on CIFAR-10 makes of ten that it has never seen."""

import base64
import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from lecture8 import datasets, published, transfer
from lecture8.models.zfnet import occlusion

SQUARE, FIELD = 8, 27  # pixels: of 32 for the gray square; the receptive field of conv2


def photographs(size: int = 32) -> tuple[list[str], Tensor]:
    """The names of the ten, and the photographs with pixels from 0 to 1: 10 × 3 × size × size."""
    found = datasets.animals(size)
    return list(found), torch.stack(list(found.values())) / 255


@torch.no_grad()
def covered(net: nn.Module, name: str) -> tuple[Tensor, Tensor, str]:
    """A photograph, what the network says of it for each place of the gray square, and the name of its class.

    net: takes normalized CIFAR-10 images. Returns 3 × 32 × 32 and rows × columns × classes, a place every 2 pixels.
    """
    names, images = photographs()
    photo = images[names.index(name)]
    label = published.read("animals").set_index("name")["cifar10"][name]
    return (
        photo,
        occlusion(net, transfer.normalize(photo[None], "cifar10")[0], SQUARE, step=2),
        label,
    )


@torch.no_grad()
def touched(net: nn.Module, names: Sequence[str]) -> dict:
    """What the live picture `occlusion` shows: photographs, and in percent what the network says of them for each place.

    net: takes normalized CIFAR-10 images. Computed in 64 bits: rounded, the numbers are the same on every processor
    """
    exact, (all_names, images) = copy.deepcopy(net).double(), photographs()
    of_class, found = published.read("animals").set_index("name")["cifar10"], []
    for name in names:
        image = images[all_names.index(name)]
        x = transfer.normalize(image[None].double(), "cifar10")
        file = (published.SHARED / "photos" / f"{name}.jpg").read_bytes()
        covered = occlusion(exact, x[0], SQUARE, step=2).flatten(0, 1)
        alone, places = ((100 * p).round().int() for p in (exact(x).softmax(1)[0], covered))
        pixels = (255 * image).round().byte().permute(1, 2, 0).contiguous()
        found.append(
            {
                "true": of_class[name],
                "photo": "data:image/jpeg;base64," + base64.b64encode(file).decode(),
                "pixels": base64.b64encode(pixels.numpy().tobytes()).decode(),
                "without": alone,
                "probabilities": places,
            }
        )
    classes = list(datasets.CIFAR10_CLASSES)
    return dict(side=32, square=SQUARE, step=2, classes=classes, photographs=found)


@torch.no_grad()
def patches(
    net: nn.Module, reconstruct: Callable, channels: int = 3, best: int = 5
) -> list[tuple[Tensor, Tensor]]:
    """What conv2's strongest channels respond to: for each the patches of its best photographs, and their reconstructions.

    The photographs have 128 pixels a side, so a receptive field shows a part of the animal. Patches from 0 to 1 and
    reconstructions, which are positive and negative, are best × 3 × 27 × 27. reconstruct: as the student writes it
    """
    _, images = photographs(128)
    x = transfer.normalize(images, "cifar10")
    layers = nn.Sequential(*net.features.conv1, *net.features.conv2)
    peaks = layers(x).amax((2, 3))  # photographs × channels
    strongest = peaks.topk(best, 0).values.mean(0).topk(channels).indices.tolist()
    found = []
    for channel in strongest:
        top = peaks[:, channel].topk(best).indices
        pairs = [
            _field(*pair) for pair in zip(images[top], reconstruct(layers, x[top], channel))
        ]
        found.append(tuple(torch.stack(part) for part in zip(*pairs)))
    return found


def _field(image: Tensor, reconstruction: Tensor) -> tuple[Tensor, Tensor]:
    """Both cut to the receptive field around the reconstruction."""
    lit = reconstruction.abs().sum(0).nonzero()
    middle = (lit.min(0).values + lit.max(0).values + 1) // 2
    top, left = (middle - FIELD // 2).clamp(0, image.shape[-1] - FIELD).tolist()
    return tuple(
        picture[:, top : top + FIELD, left : left + FIELD]
        for picture in (image, reconstruction)
    )
