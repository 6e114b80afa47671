"""The networks of the lecture, one file per paper; `build(name)` and `ARCHITECTURES` know them all.

A paper's pieces lie beside its network: `from lecture8.models.googlenet import naive_inception`.
"""

from lecture8.models import layers, registry
from lecture8.models.registry import ARCHITECTURES, Architecture, build, find, options

# In the order of the lecture, which is the order of every table and menu
from lecture8.models.alexnet import alexnet, alexnet_owt  # isort: skip
from lecture8.models.alexnet_two_gpus import alexnet_two_gpus  # isort: skip
from lecture8.models.zfnet import zfnet, zfnet_b  # isort: skip
from lecture8.models.vgg import vgg11, vgg11_lrn, vgg13, vgg16, vgg16_c, vgg19  # isort: skip
from lecture8.models.googlenet import googlenet, googlenet_bn  # isort: skip
from lecture8.models.resnet import resnet18, resnet34, resnet50, resnet101, resnet152  # isort: skip
from lecture8.models.bn_inception import bn_inception  # isort: skip
from lecture8.models.inception_v3 import inception_v3  # isort: skip
from lecture8.models.inception_v4 import inception_v4  # isort: skip
from lecture8.models.inception_resnet import inception_resnet_v1, inception_resnet_v2  # isort: skip
from lecture8.models import small  # isort: skip

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "alexnet",
    "alexnet_owt",
    "alexnet_two_gpus",
    "bn_inception",
    "build",
    "find",
    "googlenet",
    "googlenet_bn",
    "inception_resnet_v1",
    "inception_resnet_v2",
    "inception_v3",
    "inception_v4",
    "layers",
    "options",
    "registry",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "small",
    "vgg11",
    "vgg11_lrn",
    "vgg13",
    "vgg16",
    "vgg16_c",
    "vgg19",
    "zfnet",
    "zfnet_b",
]  # fmt: skip
