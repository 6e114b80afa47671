"""The few pieces that every network of the lecture is made of."""

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lecture8 import checks
from lecture8.checks import times

Size = int | tuple[int, int]  # height and width; an int is square


class Network(nn.Module):
    """Named stages in `features`, then a `classifier`; `forward(images) -> logits`.

    Every network of the course has this one form, in training and in evaluation, so that freezing, cutting, counting
    and drawing a network by its stages needs no table per network.

    features: stage name -> module, in the order in which the images pass through them
    channels: what the first convolution expects (3 for color, 1 for gray)
    size: height and width of the images, where a fully connected layer leaves no choice
    smallest: the least height and width of which the last stage still gets a pixel
    auxiliary: stage name -> classifier that looks at the output of this stage, for training (`with_auxiliary`)
    """

    def __init__(
        self,
        features: Mapping[str, nn.Module],
        classifier: nn.Module,
        channels: int = 3,
        *,
        size: int | None = None,
        smallest: int = 1,
        auxiliary: Mapping[str, nn.Module] | None = None,
    ):
        super().__init__()
        self.features = sequential(**features)
        self.classifier = classifier
        if auxiliary:
            self.auxiliary = nn.ModuleDict(auxiliary)
        self.channels, self.size, self.smallest = channels, size, smallest

    def forward(self, images: Tensor) -> Tensor:
        """images: N × C × H × W, float -> logits: N × num_classes. Raises ValueError for images of another form."""
        if not hasattr(images, "__torch_function__") or isinstance(images, Tensor):  # a torch.fx proxy has no shape
            self._check(images)
        return self.classifier(self.features(images))

    def with_auxiliary(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """logits as from `forward`, and those of each auxiliary classifier by the name of its stage.

        Raises ValueError for images of another form, or too small for the auxiliary classifiers.
        """
        self._check(images)
        heads, found, x = dict(getattr(self, "auxiliary", {}).items()), {}, images
        for name, stage in self.features.named_children():
            x = stage(x)
            if name in heads:
                try:
                    found[name] = heads[name](x)
                except RuntimeError as error:
                    raise ValueError(
                        f"given images of {times(images.shape)}, whose {name} map of {times(x.shape)} is too small "
                        f"for the auxiliary classifier ({error}): give larger images, or call the network itself"
                    ) from error
        return self.classifier(x), found

    def _check(self, images: Tensor) -> None:
        checks.kind(Tensor, "a batch of images as a tensor", images=images)
        side = ("height", "width") if self.size is None else (self.size, self.size)
        wanted = f"this network takes a float batch N × {times((self.channels, *side))}"
        given = times(images.shape)
        if images.ndim == 3:
            raise ValueError(f"given one image ({given}), but {wanted}: add the batch axis with images[None]")
        if images.ndim != 4:
            raise ValueError(f"given a tensor of shape {given}, but {wanted}")
        if images.shape[1] != self.channels:
            remedy = "repeat the gray channel with images.expand(-1, 3, -1, -1)" if images.shape[1] == 1 else (
                "build the network with channels=…, or convert the images"
            )  # fmt: skip
            raise ValueError(f"given images with {images.shape[1]} channels ({given}), but {wanted}: {remedy}")
        if not images.is_floating_point():
            raise ValueError(f"given images of type {images.dtype}, but {wanted}: use images.float() / 255")
        if self.size is not None and tuple(images.shape[2:]) != side:
            raise ValueError(
                f"given images of {times(images.shape[2:])} pixels, but {wanted}, for which its fully connected "
                "layers are made: resize the images, or build the network with input_size=…"
            )
        if min(images.shape[2:]) < self.smallest:
            raise ValueError(
                f"given images of {times(images.shape[2:])} pixels, but {wanted} of at least {self.smallest}: its "
                "stages shrink smaller ones to nothing; enlarge the images, or take a network of models.small"
            )


class Branches(nn.Module):
    """Every branch works on the same input; their outputs are stacked channel upon channel, in the order given."""

    def __init__(self, **branches: nn.Module):
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)

    def forward(self, x: Tensor) -> Tensor:
        """N × c_in × H × W -> N × (sum of the branches' channels) × H' × W'."""
        return torch.cat([branch(x) for branch in self.children()], 1)


class LocalResponseNorm(nn.LocalResponseNorm):
    """b = a / (k + alpha · sum of a² over `size` neighboring channels)^beta, AlexNet's section 3.3 as printed.

    The same values as PyTorch's layer, in a third of its time on a CPU. PyTorch multiplies alpha with the *mean* over
    the channels, and so did the authors' code (cuda-convnet: `scale /= size`); the paper's formula has the sum.
    Activations of 16 bits are squared in float32, and leave as they came: float16 ends at 65,504, the square of 256.
    """

    def __init__(self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0):
        super().__init__(size, alpha * size, beta, k)

    def forward(self, a: Tensor) -> Tensor:
        reach, channels = self.size // 2, a.shape[1]
        narrow = isinstance(a, Tensor) and a.element_size() == 2
        wide = a.float() if narrow else a
        squares = F.pad(wide * wide, (0, 0, 0, 0, reach, self.size - 1 - reach))
        total = sum(squares.narrow(1, i, channels) for i in range(self.size))
        b = wide / (self.k + self.alpha / self.size * total) ** self.beta
        return b.to(a.dtype) if narrow else b


class Rescale(nn.Module):
    """ImageNet-normalized images -> values from -1 to 1, which the Inception weights expect."""

    def __init__(self, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)):
        super().__init__()
        column = (1, 3, 1, 1)
        with torch.device("cpu"):  # real numbers even where a network is built without memory
            self.register_buffer("scale", torch.tensor(std).view(column) / 0.5, persistent=False)
            self.register_buffer("shift", (torch.tensor(mean).view(column) - 0.5) / 0.5, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return images * self.scale + self.shift


def sequential(**steps: nn.Module) -> nn.Sequential:
    """nn.Sequential whose steps have names: `sequential(conv=…, norm=…)` has `.conv` and `.norm`."""
    return nn.Sequential(OrderedDict(steps))


def conv(
    c_in: int,
    c_out: int,
    kernel: Size,
    stride: int = 1,
    padding: Size | None = None,
    *,
    relu: bool = True,
    eps: float = 1e-5,
) -> nn.Sequential:
    """Convolution, batch normalization, ReLU; N × c_in × H × W -> N × c_out × H/stride × W/stride.

    Padded to keep the size unless `padding` says otherwise. No bias: the normalization right after would cancel it.
    """
    steps = {
        "conv": nn.Conv2d(c_in, c_out, kernel, stride, _same(kernel, padding), bias=False),
        "norm": nn.BatchNorm2d(c_out, eps=eps),
    }
    if relu:
        steps["relu"] = nn.ReLU(inplace=True)
    return sequential(**steps)


def chain(c_in: int, *steps: tuple, eps: float = 1e-3) -> nn.Sequential:
    """Convolutions with batch normalization and ReLU one after another: N × c_in × H × W -> N × (last c_out) × H' × W'.

    steps: (c_out, kernel), or (c_out, kernel, stride, padding); without these the size of the map is kept
    """
    layers = {}
    for i, (c_out, kernel, *window) in enumerate(steps, start=1):
        layers[f"conv{i}"] = conv(c_in, c_out, kernel, *window, eps=eps)
        c_in = c_out
    return sequential(**layers)


def conv_relu(
    c_in: int, c_out: int, kernel: Size, stride: int = 1, padding: Size | None = None, groups: int = 1
) -> nn.Sequential:
    """Convolution with a bias, and ReLU, as before batch normalization: N × c_in × H × W -> N × c_out × H' × W'.

    Padded to keep the size unless `padding` says otherwise.
    """
    return sequential(
        conv=nn.Conv2d(c_in, c_out, kernel, stride, _same(kernel, padding), groups=groups),
        relu=nn.ReLU(inplace=True),
    )


def _same(kernel: Size, padding: Size | None) -> Size:
    """The padding given, or the one that keeps the size of the map."""
    if padding is not None:
        return padding
    return kernel // 2 if isinstance(kernel, int) else (kernel[0] // 2, kernel[1] // 2)


def average_pool_classifier(c_in: int, num_classes: int, dropout: float = 0.0) -> nn.Sequential:
    """Global average pooling and one linear layer: N × c_in × H × W, any H and W -> N × num_classes."""
    checks.whole(num_classes=num_classes)
    steps: dict[str, nn.Module] = {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()}
    if dropout:
        steps["dropout"] = nn.Dropout(dropout)
    return sequential(**steps, fc=nn.Linear(c_in, num_classes))


def fully_connected_classifier(c_in: int, num_classes: int) -> nn.Sequential:
    """The three layers of 4096, 4096 and num_classes neurons that end AlexNet, ZFNet and VGG, with dropout of 0.5.

    c_in: values in one flattened feature map
    """
    checks.whole(num_classes=num_classes)
    return sequential(
        flatten=nn.Flatten(),
        fc6=nn.Linear(c_in, 4096), relu6=nn.ReLU(inplace=True), drop6=nn.Dropout(0.5),
        fc7=nn.Linear(4096, 4096), relu7=nn.ReLU(inplace=True), drop7=nn.Dropout(0.5),
        fc8=nn.Linear(4096, num_classes),
    )  # fmt: skip


def map_size(input_size: int, *windows: tuple) -> int:
    """Height and width of a square image after convolutions and pooling layers of (kernel, stride, padding).

    A fourth value True lets the last window of a pooling hang over the edge (Caffe's and cuda-convnet's rounding up).
    Raises ValueError for images of which nothing is left.
    """
    size = input_size if isinstance(input_size, int) else 0
    for kernel, stride, padding, *over_the_edge in windows:
        room = size + 2 * padding - kernel
        size = (-(-room // stride) if any(over_the_edge) else room // stride) + 1 if room >= 0 else 0
    if size < 1:
        raise ValueError(
            f"given input_size={input_size!r}, of which no pixel is left after the last pooling; expected the height "
            "and width of the images, and larger ones: smaller images have networks of their own in models.small"
        )
    return size


# --- each paper's initial weights ------------------------------------------------------------------------------------


def he_init(net: nn.Module) -> nn.Module:
    """Draw every convolution from N(0, 2 / n) with n = kernel area × c_out, in place; returns the network.

    He et al. 2015 (arXiv 1502.01852), eq. 14: n counts the outgoing connections, which keeps the size of the
    gradients level from layer to layer; batch normalization looks after the activations. Linear layers keep
    PyTorch's default.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net


def gaussian_init(net: nn.Module, std: float = 0.01) -> nn.Module:
    """Draw every convolution and linear layer from N(0, std²), biases 0, in place; returns the network.

    Krizhevsky et al. 2012, section 5, and Zeiler & Fergus, section 3: std = 0.01.
    """
    for module in _weighted(net):
        nn.init.normal_(module.weight, std=std)
    return net


def glorot_init(net: nn.Module) -> nn.Module:
    """Draw every convolution and linear layer uniformly from ± √(6 / (n_in + n_out)), biases 0; returns the network.

    Glorot & Bengio 2010, eq. 16 ("Xavier"): n_in and n_out count the connections of one unit.
    """
    for module in _weighted(net):
        nn.init.xavier_uniform_(module.weight)
    return net


def _weighted(net: nn.Module):
    """The convolutions and linear layers of a network, their biases set to 0."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            if module.bias is not None:
                nn.init.zeros_(module.bias)
            yield module
