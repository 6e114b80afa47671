"""What the networks of lesson 08 are made of besides the student's blocks, and the recording of their first steps."""

import base64
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lecture8 import devices, published
from lecture8.datasets import Data
from lecture8.models.inception_resnet import mixed, reduction_b_resnet, stem_v3
from lecture8.models.inception_v4 import HALVE
from lecture8.models.layers import chain, sequential

#: the channels that the three convolutional branches of reduction B output together
REDUCTION_B = {"resnet_v1": 896, "resnet_v2": 992}


def conv(c_in: int, c_out: int, kernel) -> nn.Sequential:
    """A convolution that keeps the size, batch normalization, ReLU; as the lesson's first code cell has it."""
    high, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (high // 2, wide // 2)
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, padding=padding, bias=False),
        nn.BatchNorm2d(c_out, eps=1e-3),
        nn.ReLU(),
    )


def stem(version: str) -> nn.Sequential:
    """The first layers: 3 × 299 × 299 -> 256 (v1) or 320 (v2, as released) × 35 × 35."""
    if version == "resnet_v2":
        return sequential(stem=stem_v3(), mixed=mixed())
    return sequential(
        conv1=chain(3, (32, 3, *HALVE), (32, 3, 1, 0), (64, 3)),
        pool=nn.MaxPool2d(3, stride=2),
        conv2=chain(64, (80, 1), (192, 3, 1, 0), (256, 3, *HALVE)),
    )


def reduction_b(c: int, version: str) -> nn.Module:
    """c × 17 × 17 -> (c + REDUCTION_B[version]) × 8 × 8."""
    second, third = {"resnet_v1": (256, (256, 256)), "resnet_v2": (288, (288, 320))}[version]
    return reduction_b_resnet(c, second, third)


def end(c: int) -> nn.Sequential:
    """Global average pooling, dropout, and one linear layer for 1,000 classes."""
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(c, 1000)
    )


@dataclass(frozen=True)
class Film:
    """The first steps of a training run; every list has an entry from before each step, and one from after the last."""

    zeros: list[float]  #: percent of the last feature map, for a batch of training images
    losses: list[float]  #: of the same batch
    maps: list[Tensor]  #: the last feature map of one image, C × H × W

    @property
    def late_loss(self) -> float:
        """The mean loss in the last quarter of the steps."""
        last = self.losses[-(len(self.losses) // 4) :]
        return sum(last) / len(last)


def film(
    net: nn.Sequential, data: Data, steps: int, rate: float, seed: int, groups=None
) -> Film:
    """Trains a network with SGD for some steps, batches of 32, and records its last feature map.

    net: features, then pooling, flattening and a linear layer; groups: parameters with learning rates of their own
    """
    device = devices.pick_device()
    net = net.to(device).train()
    features, classifier = net[:-3], net[-3:]
    settings = {"lr": rate, "momentum": 0.9, "weight_decay": 1e-4}
    optimizer = torch.optim.SGD(groups or net.parameters(), **settings)
    order, batches, found = torch.Generator().manual_seed(seed), [], Film([], [], [])
    (shown, _), *_ = data.batches("valid", 16)
    for step in range(steps + 1):
        batches = batches or list(data.batches("train", 32, order))
        images, labels = (part.to(device) for part in batches.pop(0))
        with torch.no_grad():
            # batch normalization must not count the images that are only looked at
            kept = {name: buffer.clone() for name, buffer in net.named_buffers()}
            found.maps.append(features(shown.to(device))[0].cpu())
            net.load_state_dict(kept, strict=False)
        last = features(images)
        loss = nn.functional.cross_entropy(classifier(last), labels)
        found.zeros.append(100 * (last == 0).float().mean().item())
        found.losses.append(loss.item())
        if step < steps:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return found


#: a value as large is as bright as can be in a recorded feature map
BRIGHTEST = 8.0


def as_text(feature_map: Tensor) -> str:
    """A feature map, C × H × W, as base64: a byte per value on a square-root scale, 0 for zeros alone."""
    light = np.sqrt(np.clip(feature_map.numpy() / BRIGHTEST, 0, 1))
    return base64.b64encode(np.ceil(255 * light).astype(np.uint8).tobytes()).decode()


def recorded() -> dict[str, Film]:
    """The first steps as they were recorded, by scale; the maps to the precision of `as_text`."""
    films = {}
    for scale, rows in published.read("first_maps").groupby("scale", sort=False):
        light = [np.frombuffer(base64.b64decode(text), np.uint8) / 255 for text in rows["map"]]
        maps = [torch.tensor(BRIGHTEST * one**2).view(-1, 2, 2) for one in light]
        films[f"scale {scale:g}"] = Film(rows["zeros"].tolist(), rows["loss"].tolist(), maps)
    return films
