"""AlexNet: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NIPS 2012.

`alexnet` is the network of the paper, its two GPUs drawn as grouped convolutions; `alexnet_owt` is the single column of
2014 that most libraries call AlexNet. alexnet_two_gpus.py has the paper's network on two devices.

What the paper leaves open or has wrong, and what is done here:

* Its images of 224 × 224 do not fit: (224 - 11) / 4 + 1 is no whole number. The authors' code rounds up to 55, Caffe
  takes 227 × 227 images, which give 55 without rounding; so does this file.
* The paddings of conv2 to conv5 (2, 1, 1, 1) are not in the text; the sizes in its Figure 2 need them.
* Normalization comes before pooling (section 3.5), over the kernels of one GPU, which does not see the other's.
"""

import torch
from torch import Tensor, nn

from lecture8.models.layers import (
    LocalResponseNorm,
    Network,
    fully_connected_classifier,
    gaussian_init,
    map_size,
    sequential,
)  # fmt: skip
from lecture8.models.registry import register

PAPER = "Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012"
OWT = "Krizhevsky: One weird trick for parallelizing convolutional neural networks, 2014, arXiv 1404.5997"

# Figure 2 and section 3.5: kernels of both GPUs, kernel size, stride, padding, groups, normalized?, pooled?
LAYERS = {
    "conv1": (96, 11, 4, 0, 1, True, True),  # 96 × 55 × 55, pooled to 27 × 27
    "conv2": (256, 5, 1, 2, 2, True, True),  # 256 × 27 × 27, pooled to 13 × 13
    "conv3": (384, 3, 1, 1, 1, False, False),  # 384 × 13 × 13: one group, it sees the kernels of both GPUs
    "conv4": (384, 3, 1, 1, 2, False, False),  # 384 × 13 × 13
    "conv5": (256, 3, 1, 1, 2, False, True),  # 256 × 13 × 13, pooled to 6 × 6
}
# As in the author's cuda-convnet2 and in torchvision; a footnote of his 2014 paper says 384 kernels in conv4, not 256
OWT_LAYERS = {
    "conv1": (64, 11, 4, 2, 1, False, True),  # 64 × 55 × 55, pooled to 27 × 27
    "conv2": (192, 5, 1, 2, 1, False, True),  # 192 × 27 × 27, pooled to 13 × 13
    "conv3": (384, 3, 1, 1, 1, False, False),  # 384 × 13 × 13
    "conv4": (256, 3, 1, 1, 1, False, False),  # 256 × 13 × 13
    "conv5": (256, 3, 1, 1, 1, False, True),  # 256 × 13 × 13, pooled to 6 × 6
}


class PerGPU(nn.Module):
    """Applies a module to the first half of the channels and to the second, as if each half were alone."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.each = module

    def forward(self, x: Tensor) -> Tensor:
        half = x.shape[1] // 2
        return torch.cat([self.each(x[:, :half]), self.each(x[:, half:])], 1)


def stage(
    c_in: int, c_out: int, kernel: int, stride: int, padding: int, groups: int, norm: nn.Module | None, pool: bool
):
    """Convolution, ReLU, then where the paper has them normalization and pooling, in this order."""
    steps = {"conv": nn.Conv2d(c_in, c_out, kernel, stride, padding, groups=groups), "relu": nn.ReLU(inplace=True)}
    if norm:
        steps["norm"] = norm
    if pool:
        steps["pool"] = nn.MaxPool2d(3, stride=2)  # windows of 3 pixels every 2 pixels: they overlap
    return sequential(**steps)


def alexnet_init(net: Network) -> Network:
    """N(0, 0.01²); biases 1 in conv2, conv4, conv5 and the hidden fully connected layers, 0 elsewhere (section 5).

    The ones give the ReLUs positive inputs, so that learning starts at once.
    """
    for name, module in gaussian_init(net, std=0.01).named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and not {"conv1", "conv3", "fc8"} & set(name.split(".")):
            nn.init.ones_(module.bias)
    return net


def _alexnet(layers: dict, num_classes: int, input_size: int) -> Network:
    stages, c = {}, 3
    for name, (width, kernel, stride, padding, groups, norm, pool) in layers.items():
        stages[name] = stage(
            c, width, kernel, stride, padding, groups, PerGPU(LocalResponseNorm()) if norm else None, pool
        )
        c = width
    _, kernel, stride, padding, *_ = layers["conv1"]
    size = map_size(input_size, (kernel, stride, padding), *[(3, 2, 0)] * 3)
    return alexnet_init(Network(stages, fully_connected_classifier(c * size**2, num_classes), size=input_size))


FACTS = {
    "paper": PAPER, "year": 2012, "input_size": (3, 227, 227), "depth": 8, "params": 60_965_224, "macs": 724_406_816,
    "published": {"params": "60 million (abstract)", "top-5 error, 10 crops": "18.2 (Table 2)"},
    "no_weights": "libraries publish the single column of 2014 only; alexnet_owt takes it",
}  # fmt: skip


@register(**FACTS)
def alexnet(num_classes: int = 1000, *, input_size: int = 227) -> Network:
    """AlexNet as in the paper, its two GPUs as two groups: 3 × 227 × 227 -> logits."""
    return _alexnet(LAYERS, num_classes, input_size)


@register(
    paper=OWT, year=2014, input_size=(3, 224, 224), depth=8, params=61_100_840, macs=714_188_480,
    weights={"": "torchvision/alexnet"},
)  # fmt: skip
def alexnet_owt(num_classes: int = 1000, *, input_size: int = 224) -> Network:
    """The single column of 2014, without normalization, that torchvision's weights fit: 3 × 224 × 224 -> logits."""
    return _alexnet(OWT_LAYERS, num_classes, input_size)
