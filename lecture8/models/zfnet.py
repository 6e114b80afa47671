"""ZFNet: Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014 (arXiv 1311.2901).

AlexNet on one GPU with a finer first look: 7 × 7 kernels every 2 pixels in conv1 instead of 11 × 11 every 4, and
stride 2 again in conv2 (Figure 3). `zfnet_b` has the wider middle of Table 2, row (b). `project` is the deconvnet of
section 2.1, which paints the pixels that made a unit fire; `occlusion` slides the gray square of section 4.2.

What the paper leaves open, and what is done here:

* No paddings are given. Its 110 × 110, 55, 26, 13 and 6 need 1 in conv1, 0 in conv2, 1 in conv3 to conv5, and
  pooling layers that round up.
* The contrast normalization across feature maps, after the pooling, is AlexNet's formula with AlexNet's constants.
* Weights "initialized to 10^-2" must be random to differ: drawn here from N(0, 0.01²), biases 0.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lecture8.models.layers import (
    LocalResponseNorm,
    Network,
    fully_connected_classifier,
    gaussian_init,
    map_size,
    sequential,
)  # fmt: skip
from lecture8.models.registry import register

PAPER = "Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, ECCV 2014, arXiv 1311.2901"

# Figure 3: kernel size, stride, padding, pooled?, then normalized?
LAYERS = {
    "conv1": (7, 2, 1, True, True),  # 96 × 110 × 110, pooled to 55 × 55
    "conv2": (5, 2, 0, True, True),  # 256 × 26 × 26, pooled to 13 × 13
    "conv3": (3, 1, 1, False, False),  # 13 × 13
    "conv4": (3, 1, 1, False, False),  # 13 × 13
    "conv5": (3, 1, 1, True, False),  # 13 × 13, pooled to 6 × 6
}
WIDTHS = (96, 256, 384, 384, 256)
WIDTHS_B = (96, 256, 512, 1024, 512)  # Table 2, row (b)
MAX_RMS = 0.1


def renormalize_filters(net: nn.Module) -> None:
    """Scale convolution filters with a root mean square above 0.1 back to 0.1, in place; after each step (sec. 3)."""
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                rms = module.weight.square().mean((1, 2, 3), keepdim=True).sqrt()
                module.weight.mul_((MAX_RMS / rms).clamp(max=1.0))


def _zfnet(widths: tuple[int, ...], num_classes: int, input_size: int) -> Network:
    stages, c = {}, 3
    for (name, (kernel, stride, padding, pool, norm)), width in zip(LAYERS.items(), widths, strict=True):
        steps = {"conv": nn.Conv2d(c, width, kernel, stride, padding), "relu": nn.ReLU(inplace=True)}
        if pool:
            # The last 13 × 13 map becomes 6 × 6 either way; the others need the rounding up
            steps["pool"] = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        if norm:
            steps["norm"] = LocalResponseNorm()
        stages[name], c = sequential(**steps), width
    pooled = (3, 2, 0, True)
    size = map_size(input_size, (7, 2, 1), pooled, (5, 2, 0), pooled, pooled)
    return gaussian_init(Network(stages, fully_connected_classifier(c * size**2, num_classes), size=input_size), 0.01)


@register(
    paper=PAPER, year=2013, input_size=(3, 224, 224), depth=8, params=62_357_608, macs=1_168_032_896,
    published={"top-5 error, 10 crops": "16.5 (Table 2)"}, no_weights="no library publishes any",
)  # fmt: skip
def zfnet(num_classes: int = 1000, *, input_size: int = 224) -> Network:
    """ZFNet of Figure 3: 3 × 224 × 224 -> logits."""
    return _zfnet(WIDTHS, num_classes, input_size)


@register(
    paper=PAPER, year=2013, input_size=(3, 224, 224), depth=8, params=107_627_624, macs=2_476_704_896,
    published={"top-5 error, 10 crops": "16.0 (Table 2, row b)"}, no_weights="no library publishes any",
)  # fmt: skip
def zfnet_b(num_classes: int = 1000, *, input_size: int = 224) -> Network:
    """ZFNet with 512, 1024, 512 kernels in conv3 to conv5, the best single one of Table 2: 3 × 224 × 224 -> logits."""
    return _zfnet(WIDTHS_B, num_classes, input_size)


# --- the deconvnet ---------------------------------------------------------------------------------------------------


def _chain(stage: nn.Module) -> list[nn.Module]:
    """The layers of a stage in order, out of however many nn.Sequential they lie in."""
    return [m for child in stage for m in _chain(child)] if isinstance(stage, nn.Sequential) else [stage]


@torch.no_grad()
def project(net: Network, images: Tensor, stage: str, channel: int) -> Tensor:
    """What made `channel` of a stage fire: the deconvnet of section 2.1 for its strongest unit in each image.

    Up: through the stages as usual, noting which pixel won in each max pooling (the switches). Down: everything but the
    strongest unit is set to zero, then per layer in reverse: back to where the maximum was, rectified, and through the
    same filters transposed. Normalization is not undone.

    images: N × C × H × W -> N × C × H × W. For chains of convolutions, ReLUs and max pooling (AlexNet, ZFNet, VGG).
    Raises ValueError for a stage or channel that does not exist, and for other layers.
    """
    names = [name for name, _ in net.features.named_children()]
    if stage not in names:
        raise ValueError(f"given stage={stage!r}; this network has {', '.join(names)}")
    layers = [m for name in names[: names.index(stage) + 1] for m in _chain(getattr(net.features, name))]
    x, before, switches = images, [], []
    for layer in layers:
        before.append(x.shape)
        if isinstance(layer, nn.MaxPool2d):
            x, where = F.max_pool2d(
                x, layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.ceil_mode, return_indices=True
            )
            switches.append(where)
        else:
            x = layer(x.clone())  # a copy: ReLUs work in place
            if not isinstance(layer, nn.Conv2d) and (
                x.shape != before[-1] or next(layer.parameters(), None) is not None
            ):
                raise ValueError(
                    f"no way back through {type(layer).__name__}: give a chain of convolutions and pooling layers"
                )
    if not 0 <= channel < x.shape[1]:
        raise ValueError(f"given channel={channel}; {stage} has channels 0 to {x.shape[1] - 1}")
    unit = x[:, channel].flatten(1)
    strongest = torch.zeros_like(unit).scatter(1, unit.argmax(1, keepdim=True), unit.amax(1, keepdim=True))
    x = torch.zeros_like(x)
    x[:, channel] = strongest.view(x[:, channel].shape)
    for layer, shape in zip(layers[::-1], before[::-1], strict=True):
        if isinstance(layer, nn.MaxPool2d):
            flat = torch.zeros(shape, dtype=x.dtype, device=x.device).flatten(2)
            x = flat.scatter_add(2, switches.pop().flatten(2), x.flatten(2)).view(shape)
        elif isinstance(layer, nn.ReLU):
            x = x.relu()
        elif isinstance(layer, nn.Conv2d):
            x = torch.nn.grad.conv2d_input(
                shape, layer.weight, x, layer.stride, layer.padding, layer.dilation, layer.groups
            )
    return x


# --- the gray square -------------------------------------------------------------------------------------------------


@torch.no_grad()
def occlusion(net: nn.Module, image: Tensor, square: int, step: int = 1) -> Tensor:
    """What the network believes while a gray square covers the image, place after place (section 4.2).

    image: C × H × W as the network takes it, in which 0 is the mean color, the gray; square: the side in pixels; its
    upper left corner moves by `step` pixels. Returns probabilities, rows × columns × classes. In evaluation mode.
    Raises ValueError for a square that does not fit, or a step below 1.
    """
    height, width = image.shape[-2:]
    if not 1 <= square <= min(height, width) or step < 1:
        raise ValueError(
            f"given a square of {square} pixels every {step} on an image of {height} × {width}; expected a square of "
            f"1 to {min(height, width)} pixels, every 1 or more"
        )
    tops, lefts = range(0, height - square + 1, step), range(0, width - square + 1, step)
    was_training = net.training
    net.eval()
    rows = []
    for top in tops:
        covered = image.repeat(len(lefts), 1, 1, 1)
        for one, left in zip(covered, lefts, strict=True):
            one[:, top : top + square, left : left + square] = 0
        rows.append(net(covered).softmax(1))
    net.train(was_training)
    return torch.stack(rows)
