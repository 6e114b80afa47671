"""The networks of the lecture, one file per paper; `build(name)` and `ARCHITECTURES` know them all."""

from lecture8.models import layers, registry, small
from lecture8.models.registry import ARCHITECTURES, Architecture, build
from lecture8.models.resnet import resnet18, resnet34, resnet50, resnet101, resnet152

__all__ = [
    "ARCHITECTURES", "Architecture", "build", "layers", "registry", "resnet18", "resnet34", "resnet50", "resnet101",
    "resnet152", "small",
]  # fmt: skip
