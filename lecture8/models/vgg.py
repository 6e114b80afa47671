"""VGG: Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015
(arXiv 1409.1556).

Nothing but 3 × 3 convolutions that keep the size, 2 × 2 max pooling that halves it, and three fully connected layers.
The six configurations differ in depth alone and are one table here as there (Table 1).

* First weights: Glorot & Bengio's, which the authors found "after the paper submission" to make their pre-training
  unnecessary (section 3.1, footnote). The way they went before is `start_from`: the first four convolutions and the
  fully connected layers come from a trained configuration A.
* `norm=True` adds batch normalization after each convolution, which the paper does not have: weights of that form are
  published. These convolutions keep their (now pointless) bias.
"""

from torch import nn

from lecture8.models.layers import (
    LocalResponseNorm,
    Network,
    fully_connected_classifier,
    glorot_init,
    map_size,
    sequential,
)  # fmt: skip
from lecture8.models.registry import register

PAPER = "Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, arXiv 1409.1556"
# Table 1: kernel sizes of the convolutions in each block; a max pooling ends each block
WIDTHS = (64, 128, 256, 512, 512)
CONFIGURATIONS = {
    "A": ([3], [3], [3, 3], [3, 3], [3, 3]),
    "A-LRN": ([3, "LRN"], [3], [3, 3], [3, 3], [3, 3]),
    "B": ([3, 3], [3, 3], [3, 3], [3, 3], [3, 3]),
    "C": ([3, 3], [3, 3], [3, 3, 1], [3, 3, 1], [3, 3, 1]),
    "D": ([3, 3], [3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3]),
    "E": ([3, 3], [3, 3], [3, 3, 3, 3], [3, 3, 3, 3], [3, 3, 3, 3]),
}


def _vgg(configuration: str, num_classes: int, input_size: int, norm: bool = False) -> Network:
    stages, c = {}, 3
    for block, (kernels, width) in enumerate(zip(CONFIGURATIONS[configuration], WIDTHS, strict=True), start=1):
        steps: dict[str, nn.Module] = {}
        for i, kernel in enumerate(kernels, start=1):
            if kernel == "LRN":
                steps["lrn"] = LocalResponseNorm()
                continue
            steps[f"conv{block}_{i}"] = nn.Conv2d(c, width, kernel, padding=kernel // 2)
            if norm:
                steps[f"norm{block}_{i}"] = nn.BatchNorm2d(width)
            steps[f"relu{block}_{i}"] = nn.ReLU(inplace=True)
            c = width
        stages[f"block{block}"] = sequential(**steps, pool=nn.MaxPool2d(2))  # 112, 56, 28, 14, 7 pixels
    size = map_size(input_size, *[(2, 2, 0)] * 5)
    return glorot_init(Network(stages, fully_connected_classifier(c * size**2, num_classes), size=input_size))


def start_from(net: Network, trained: Network) -> Network:
    """Copies A's first four convolutions and its fully connected layers into a deeper `net` (section 3.1).

    The paper does not say where in the deeper network the four begin: they fit, in every configuration, the layers of
    the same name. Layers of another shape (a head for other classes, another image size) keep their own weights.
    Returns `net`.
    """
    places = ["block1.conv1_1", "block2.conv2_1", "block3.conv3_1", "block3.conv3_2"]
    for place in [f"features.{name}" for name in places] + [f"classifier.fc{number}" for number in (6, 7, 8)]:
        own, other = net.get_submodule(place), trained.get_submodule(place)
        if own.weight.shape == other.weight.shape:
            own.load_state_dict(other.state_dict())
    return net


def _facts(depth: int, params: int, macs: int, million: str, errors: str, **more) -> dict:
    return {
        "paper": PAPER, "year": 2014, "input_size": (3, 224, 224), "depth": depth, "params": params, "macs": macs,
        "published": {"params": f"{million} million (Table 2)", "top-1 / top-5 error": f"{errors} (Table 3)"},
        **more,
    }  # fmt: skip


def _weights(name: str) -> dict:
    return {"": f"torchvision/{name}", "norm": f"torchvision/{name}_bn"}


@register(**_facts(11, 132_863_336, 7_609_090_048, "133", "29.6 / 10.4", weights=_weights("vgg11")))
def vgg11(num_classes: int = 1000, *, input_size: int = 224, norm: bool = False) -> Network:
    """VGG-11, configuration A: 3 × 224 × 224 -> logits. `norm=True` adds batch normalization."""
    return _vgg("A", num_classes, input_size, norm)


@register(**_facts(11, 132_863_336, 7_609_090_048, "133", "29.7 / 10.5", no_weights="vgg11 has some"))
def vgg11_lrn(num_classes: int = 1000, *, input_size: int = 224) -> Network:
    """VGG-11 with AlexNet's normalization after the first convolution, configuration A-LRN: 3 × 224 × 224 -> logits."""
    return _vgg("A-LRN", num_classes, input_size)


@register(**_facts(13, 133_047_848, 11_308_466_176, "133", "28.7 / 9.9", weights=_weights("vgg13")))
def vgg13(num_classes: int = 1000, *, input_size: int = 224, norm: bool = False) -> Network:
    """VGG-13, configuration B: 3 × 224 × 224 -> logits. `norm=True` adds batch normalization."""
    return _vgg("B", num_classes, input_size, norm)


@register(**_facts(16, 133_638_952, 11_770_888_192, "134", "27.3 / 8.8", no_weights="vgg16, configuration D, has some"))
def vgg16_c(num_classes: int = 1000, *, input_size: int = 224) -> Network:
    """VGG-16 with three 1 × 1 convolutions, configuration C: 3 × 224 × 224 -> logits."""
    return _vgg("C", num_classes, input_size)


@register(**_facts(16, 138_357_544, 15_470_264_320, "138", "25.6 / 8.1", weights=_weights("vgg16")))
def vgg16(num_classes: int = 1000, *, input_size: int = 224, norm: bool = False) -> Network:
    """VGG-16, configuration D: 3 × 224 × 224 -> logits. `norm=True` adds batch normalization."""
    return _vgg("D", num_classes, input_size, norm)


@register(**_facts(19, 143_667_240, 19_632_062_464, "144", "25.5 / 8.0", weights=_weights("vgg19")))
def vgg19(num_classes: int = 1000, *, input_size: int = 224, norm: bool = False) -> Network:
    """VGG-19, configuration E: 3 × 224 × 224 -> logits. `norm=True` adds batch normalization."""
    return _vgg("E", num_classes, input_size, norm)
