"""The few pieces that every network of the lecture is made of."""

from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor, nn


class Network(nn.Module):
    """Named stages in `features`, then a `classifier`; `forward(images) -> logits`.

    Every network of the course has this one form, in training and in evaluation, so that freezing, cutting, counting
    and drawing a network by its stages needs no table per network.

    features: stage name -> module, in the order in which the images pass through them
    channels: what the first convolution expects (3 for colour, 1 for grey)
    """

    def __init__(self, features: Mapping[str, nn.Module], classifier: nn.Module, channels: int = 3):
        super().__init__()
        self.features = sequential(**features)
        self.classifier = classifier
        self.channels = channels

    def forward(self, images: Tensor) -> Tensor:
        """images: N × C × H × W, float -> logits: N × num_classes. Raises ValueError for images of another form."""
        if isinstance(images, Tensor):  # a torch.fx proxy has no shape to check
            self._check(images)
        return self.classifier(self.features(images))

    def _check(self, images: Tensor) -> None:
        wanted = f"this network takes a float batch N × {self.channels} × height × width"
        given = " × ".join(map(str, images.shape))
        if images.ndim == 3:
            raise ValueError(f"given one image ({given}), but {wanted}: add the batch axis with images[None]")
        if images.ndim != 4:
            raise ValueError(f"given a tensor of shape {given}, but {wanted}")
        if images.shape[1] != self.channels:
            remedy = "repeat the grey channel with images.expand(-1, 3, -1, -1)" if images.shape[1] == 1 else (
                "build the network with channels=…, or convert the images"
            )  # fmt: skip
            raise ValueError(f"given images with {images.shape[1]} channels ({given}), but {wanted}: {remedy}")
        if not images.is_floating_point():
            raise ValueError(f"given images of type {images.dtype}, but {wanted}: use images.float() / 255")


def sequential(**steps: nn.Module) -> nn.Sequential:
    """nn.Sequential whose steps have names: `sequential(conv=…, norm=…)` has `.conv` and `.norm`."""
    return nn.Sequential(OrderedDict(steps))


def conv(
    c_in: int, c_out: int, kernel: int, stride: int = 1, padding: int | None = None, *, relu: bool = True
) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU; N × c_in × H × W -> N × c_out × H/stride × W/stride.

    Padded to keep the size unless `padding` says otherwise. No bias: the normalisation right after would cancel it.
    """
    padding = kernel // 2 if padding is None else padding
    steps = {
        "conv": nn.Conv2d(c_in, c_out, kernel, stride, padding, bias=False),
        "norm": nn.BatchNorm2d(c_out),
    }
    if relu:
        steps["relu"] = nn.ReLU(inplace=True)
    return sequential(**steps)


def average_pool_classifier(c_in: int, num_classes: int) -> nn.Sequential:
    """Global average pooling and one linear layer: N × c_in × H × W, any H and W -> N × num_classes."""
    if not isinstance(num_classes, int) or isinstance(num_classes, bool) or num_classes < 1:
        raise ValueError(f"given num_classes={num_classes!r}; expected a whole number of classes, 1 or more")
    return sequential(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), fc=nn.Linear(c_in, num_classes))


def he_init(net: nn.Module) -> nn.Module:
    """Draw every convolution from N(0, 2 / n) with n = kernel area × c_out, in place; returns the network.

    He et al. 2015 (arXiv 1502.01852), eq. 14: n counts the outgoing connections, which keeps the size of the
    gradients level from layer to layer; batch normalisation looks after the activations. Linear layers keep
    PyTorch's default.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net
