"""Transfer: networks with published ImageNet weights, and heads for other classes.

    net = transfer.pretrained("vgg16", num_classes=37)      # the features of ImageNet, a new last layer
    logits = net(transfer.normalise(photos))                # photos: N × 3 × 224 × 224, from 0 to 1

Whatever network it is, it takes images normalised by `normalise`. The weights are torchvision's or timm's, fetched by
these libraries' own loaders into their own caches and never unpickled as code.
"""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lecture8 import models
from lecture8.models.layers import Network, check_classes

MEAN = (0.485, 0.456, 0.406)  #: of the red, green and blue of ImageNet's images, as values from 0 to 1
STD = (0.229, 0.224, 0.225)  #: their standard deviations


def normalise(images: Tensor) -> Tensor:
    """Images with values from 0 to 1 -> with ImageNet's mean and spread taken out; N × 3 × H × W or 3 × H × W.

    Raises ValueError for bytes and for images that are not RGB.
    """
    if not images.is_floating_point():
        raise ValueError(f"given images of type {images.dtype}; expected values from 0 to 1: use images.float() / 255")
    if images.ndim < 3 or images.shape[-3] != 3:
        raise ValueError(f"given images of shape {tuple(images.shape)}; expected N × 3 × height × width, in RGB")
    mean, std = (images.new_tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return (images - mean) / std


def pretrained(name: str, num_classes: int | None = None, *, norm: bool = False, auxiliary: bool = False) -> Network:
    """The registered network `name` with published ImageNet weights; takes images from `normalise`.

    torchvision's IMAGENET1K_V1 weights (those that reproduce the papers), or timm's where timm is installed and
    torchvision has none. They are downloaded once; without a network connection an OSError says what to put where.

    num_classes: gives the network a new, random last layer for that many classes; None keeps ImageNet's 1000
    norm: the VGG with batch normalisation
    auxiliary: keep the auxiliary classifiers (GoogLeNet, Inception-v3); otherwise their weights are left out

    Raises ValueError where no published weights fit, with the reason; ModuleNotFoundError where timm is missing.
    """
    architecture = models.find(name)
    source = architecture.weights.get("norm" if norm else "")
    if source is None:
        have = [n + (", norm=True" if key else "") for n, a in models.ARCHITECTURES.items() for key in a.weights]
        variant = " with norm=True" if norm else ""
        reason = f": {architecture.no_weights}" if architecture.no_weights else ""
        raise ValueError(f"no published weights fit {name}{variant}{reason}; there are some for {'; '.join(have)}")
    if num_classes is not None:
        check_classes(num_classes)
    offered = models.options(name)
    if auxiliary and "auxiliary" not in offered:
        raise ValueError(f"{name} has no auxiliary classifiers: leave auxiliary out")
    options = {"norm": norm, "auxiliary": auxiliary, "rescale": True}
    with torch.device("meta"):  # no memory and no random numbers for weights that are replaced at once
        net = architecture.builder(**{key: value for key, value in options.items() if key in offered})
    load_in_order(net, _TORCHVISION_OR_TIMM[source.split("/")[0]](source.split("/")[1]))
    return net if num_classes is None else replace_head(net, num_classes)


def load_in_order(net: Network, weights: dict[str, Tensor]) -> Network:
    """Gives the network the weights of the same network from another library, which has other names for them.

    Layers are matched in the order in which they are defined, auxiliary classifiers (any name with "aux" in it) last;
    each pair must agree in its shape, and none may be left over but auxiliary classifiers that `net` does not have.
    Raises ValueError with the first pair that does not fit, and the network keeps its weights.
    """
    wanted = {k: v for k, v in net.state_dict().items() if not k.endswith(_COUNTERS)}
    ordered = sorted((k for k in weights if not k.endswith(_COUNTERS)), key=lambda k: "aux" in k.lower())
    if not any(k.startswith("auxiliary.") for k in wanted):
        ordered = [k for k in ordered if "aux" not in k.lower()]
    for ours, theirs in zip(wanted, ordered, strict=False):
        if wanted[ours].shape != weights[theirs].shape:
            raise ValueError(
                f"these weights do not fit: {theirs} is {_times(weights[theirs])}, "
                f"but {ours} needs {_times(wanted[ours])}"
            )
    if len(wanted) != len(ordered):
        rest = [*wanted][len(ordered) :] or ordered[len(wanted) :]
        raise ValueError(
            f"these weights do not fit: {len(ordered)} tensors for {len(wanted)}; without a partner: {rest[0]}"
        )
    found = {ours: weights[theirs] for ours, theirs in zip(wanted, ordered, strict=True)}
    # Batches seen in training, which old files do not have and batch normalisation with a momentum never uses
    found |= {k: torch.tensor(0) for k in net.state_dict() if k.endswith(_COUNTERS)}
    net.load_state_dict(found, assign=True)
    return net


def replace_head(net: nn.Module, num_classes: int) -> nn.Module:
    """Puts new, random last layers for `num_classes` in the place of the old ones, in place; returns the network.

    The last layer is the last linear one of `classifier`, and of every auxiliary classifier.
    """
    check_classes(num_classes)
    for part in (net.classifier, *getattr(net, "auxiliary", {}).values()):
        path, old = [(path, m) for path, m in part.named_modules() if isinstance(m, nn.Linear)][-1]
        new = nn.Linear(old.in_features, num_classes, device=old.weight.device, dtype=old.weight.dtype)
        part.set_submodule(path, new)
    return net


_COUNTERS = "num_batches_tracked"


def _times(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or "one number"


def _torchvision(reference: str) -> dict[str, Tensor]:
    from pathlib import Path

    from torchvision.models import get_model, get_model_weights

    weights = get_model_weights(reference).IMAGENET1K_V1
    place = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rsplit("/", 1)[-1]
    there = place.exists()
    try:
        found = weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
    except Exception as error:
        if there:
            raise OSError(
                f"{place} is damaged or no file of weights ({_line(error)}): delete it and call this again"
            ) from error
        size = f"{weights.meta['_file_size']:.0f} MB"
        raise OSError(
            f"the weights of torchvision's {reference} ({size}) could not be fetched ({_line(error)}): connect to the "
            f"internet, or download {weights.url} elsewhere and put it at {place}"
        ) from error
    return _ordered(found, lambda: get_model(reference))


def _timm(reference: str) -> dict[str, Tensor]:
    try:
        import timm
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the weights of {reference} come from the library timm, which is not installed: pip install timm"
        ) from error
    repository = timm.get_pretrained_cfg(reference).hf_hub_id
    try:
        found = timm.models.load_state_dict_from_hf(repository, weights_only=True)
    except Exception as error:
        from huggingface_hub.constants import HF_HUB_CACHE

        folder = f"models--{repository.replace('/', '--')}"
        raise OSError(
            f"the weights of timm's {reference} could not be fetched ({_line(error)}): connect to the internet, or run "
            f"`hf download {repository}` elsewhere and copy its folder {folder} into {HF_HUB_CACHE}"
        ) from error
    return _ordered(found, lambda: timm.create_model(reference))


def _ordered(weights: dict[str, Tensor], build: Callable[[], nn.Module]) -> dict[str, Tensor]:
    """In the order in which their own network defines them: a file may be sorted by name."""
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")  # about its random first weights, which nobody will see
        names = list(build().state_dict())
    return {name: weights[name] for name in names if name in weights} | weights


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0].rstrip(".:")


_TORCHVISION_OR_TIMM = {"torchvision": _torchvision, "timm": _timm}
