"""Transfer: networks with published ImageNet weights, heads for other classes, what is trained and how fast.

    net = transfer.pretrained("vgg16", num_classes=37)      # the features of ImageNet, a new last layer
    logits = net(transfer.normalize(photos))                # photos: N × 3 × 224 × 224, from 0 to 1
    transfer.freeze(net)                                    # only the classifier learns, or …
    transfer.layerwise(net, lr=1e-3, factor=0.5)            # … all of it, more slowly towards the image

Whatever network it is, it takes images normalized by `normalize`. The weights are torchvision's or timm's, fetched by
these libraries' own loaders into their own caches and never unpickled as code.

The parts of a network have the names of its stages (`net.features`) and of the steps of `net.classifier`.
"""

import dataclasses
import math
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from numbers import Real
from pathlib import Path

import torch
from torch import Tensor, nn

from lecture8 import checks, devices, models
from lecture8.datasets import CIFAR10_CLASSES, Data
from lecture8.models.layers import Network

MEAN = (0.485, 0.456, 0.406)  #: of the red, green and blue of ImageNet's images, as values from 0 to 1
STD = (0.229, 0.224, 0.225)  #: their standard deviations
_SCALES = {"imagenet": (MEAN, STD), "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))}
_COUNTERS = "num_batches_tracked"


def normalize(images: Tensor, like: str = "imagenet") -> Tensor:
    """Images from 0 to 1 -> less the mean of a set, over its standard deviation; N × 3 × H × W or 3 × H × W.

    like: the set whose images a network was trained on, "imagenet" or "cifar10"
    Raises ValueError for bytes, for images that are not RGB and for another set.
    """
    checks.kind(Tensor, "images as a tensor, N × 3 × height × width", images=images)
    if not images.is_floating_point():
        raise ValueError(f"given images of type {images.dtype}; expected values from 0 to 1: use images.float() / 255")
    if images.ndim < 3 or images.shape[-3] != 3:
        raise ValueError(f"given images of shape {tuple(images.shape)}; expected N × 3 × height × width, in RGB")
    checks.one_of(_SCALES, like=like)
    mean, std = (images.new_tensor(values).view(3, 1, 1) for values in _SCALES[like])
    return (images - mean) / std


@torch.no_grad()
def recognize(net: nn.Module, photos: Mapping[str, Tensor], size: int = 224, like: str = "imagenet") -> list[str]:
    """The most probable class of each photograph and its probability, "golden retriever, 93 %".

    photos: name -> 3 × H × W bytes in RGB, of any size: the middle of each is shown to the network, size × size
    like: the set whose images and classes the network learned, "imagenet" or "cifar10"
    Raises ValueError for a network with another number of outputs.
    """
    from torchvision.models import ResNet18_Weights
    from torchvision.transforms.v2 import functional as F

    checks.one_of(_SCALES, like=like)
    classes = CIFAR10_CLASSES if like == "cifar10" else ResNet18_Weights.IMAGENET1K_V1.meta["categories"]
    middles = [F.center_crop(F.resize(photo, size, antialias=True), size) for photo in photos.values()]
    was_training = net.training
    logits = net.eval()(normalize(torch.stack(middles).to(devices.home(net)) / 255, like))
    net.train(was_training)
    probabilities = logits.softmax(1).cpu()
    if probabilities.shape[1] != len(classes):
        raise ValueError(f"given a network with {probabilities.shape[1]} outputs; {like} has {len(classes)} classes")
    return [f"{classes[row.argmax()]}, {100 * row.max():.0f} %" for row in probabilities]


def pretrained(name: str, num_classes: int | None = None) -> Network:
    """The registered network `name` with published ImageNet weights; takes images from `normalize`.

    torchvision's IMAGENET1K_V1 weights (those that reproduce the papers), or timm's where timm is installed and
    torchvision has none, without auxiliary classifiers. They are downloaded once; without a network connection an
    OSError says what to put where.

    num_classes: gives the network a new, random last layer for that many classes; None keeps ImageNet's 1000

    Raises ValueError where no published weights fit, with the reason; ModuleNotFoundError where timm is missing.
    """
    architecture = models.find(name)
    if "" not in architecture.weights:
        have = [n for n, a in models.ARCHITECTURES.items() if "" in a.weights]
        reason = f": {architecture.no_weights}" if architecture.no_weights else ""
        raise ValueError(f"no published weights fit {name}{reason}; there are some for {'; '.join(have)}")
    if num_classes is not None:
        checks.whole(num_classes=num_classes)
    library, reference = architecture.weights[""].split("/")
    with torch.device("meta"):  # no memory and no random numbers for weights that are replaced at once
        net = architecture.builder(**({"rescale": True} if "rescale" in models.options(name) else {}))
    load_in_order(net, {"torchvision": _torchvision, "timm": _timm}[library](reference))
    return net if num_classes is None else replace_head(net, num_classes)


def load_in_order(net: Network, weights: dict[str, Tensor]) -> Network:
    """Gives the network the weights of the same network from another library, which has other names for them.

    Layers are matched in the order in which they are defined, auxiliary classifiers (any name with "aux" in it) last;
    each pair must agree in its shape, and none may be left over but auxiliary classifiers that `net` does not have.
    Raises ValueError with the first pair that does not fit, and the network keeps its weights.
    """
    checks.kind(Mapping, "weights by name, what state_dict() returns", weights=weights)
    wanted = {k: v for k, v in net.state_dict().items() if not k.endswith(_COUNTERS)}
    ordered = sorted((k for k in weights if not k.endswith(_COUNTERS)), key=lambda k: "aux" in k.lower())
    if not any(k.startswith("auxiliary.") for k in wanted):
        ordered = [k for k in ordered if "aux" not in k.lower()]
    for ours, theirs in zip(wanted, ordered, strict=False):
        given, needed = (checks.times(t.shape) or "one number" for t in (weights[theirs], wanted[ours]))
        if given != needed:
            raise ValueError(f"these weights do not fit: {theirs} is {given}, but {ours} needs {needed}")
    if len(wanted) != len(ordered):
        rest = [*wanted][len(ordered) :] or ordered[len(wanted) :]
        counts = f"{len(ordered)} tensors for {len(wanted)}"
        raise ValueError(f"these weights do not fit: {counts}; without a partner: {rest[0]}")
    found = {ours: weights[theirs] for ours, theirs in zip(wanted, ordered, strict=True)}
    # Batches seen in training, which old files do not have and batch normalization with a momentum never uses
    found |= {k: torch.tensor(0) for k in net.state_dict() if k.endswith(_COUNTERS)}
    place = devices.home(net)
    net.load_state_dict(found, assign=True)
    return net if place is None or place.type == "meta" else net.to(place)


def replace_head(net: nn.Module, num_classes: int) -> nn.Module:
    """Puts new, random last layers for `num_classes` in the place of the old ones, in place; returns the network.

    The last layer is the last linear one of `classifier`, and of every auxiliary classifier. Raises ValueError for a
    network without `classifier`.
    """
    checks.whole(num_classes=num_classes)
    if not hasattr(net, "classifier"):
        _steps(net)  # refuses it
    for part in (net.classifier, *getattr(net, "auxiliary", {}).values()):
        path, old = [(path, m) for path, m in part.named_modules() if isinstance(m, nn.Linear)][-1]
        new = nn.Linear(old.in_features, num_classes, device=old.weight.device, dtype=old.weight.dtype)
        part.set_submodule(path, new)
    return net


# --- what is trained, and how fast -----------------------------------------------------------------------------------
def freeze(net: Network, *parts: str) -> Network:
    """Fixes parts of a network, in place: their weights and, unlike `requires_grad_(False)`, their running statistics.

    A frozen part stays in evaluation mode whatever `net.train()` says, so that its batch normalization neither uses nor
    counts the batch and its dropout drops nothing; a copy of the network is frozen alike.

    parts: names of stages, or of steps of the classifier; without any, all of `features`

    Returns the network. Raises ValueError for a part that the network does not have, naming those that it has.
    """
    steps = _steps(net)
    parts = parts or tuple(name for name, _ in net.features.named_children())
    for name in parts:
        _place(steps, name)  # all of them or none
    for name in parts:
        for module in steps[name].modules():
            module.train = partial(keep_evaluating, module)
        for parameter in steps[name].eval().parameters():
            parameter.requires_grad_(False)
            parameter.grad = None  # an old gradient would still be applied by the optimizer's next step
    return net


def keep_evaluating(module: nn.Module, mode: bool = True) -> nn.Module:
    """Takes the place of a frozen module's `train`: evaluation mode, whatever was asked for."""
    return nn.Module.train(module, False)


def layerwise(net: Network, lr: float, factor: float) -> list[dict]:
    """Parameter groups for an optimizer of torch.optim, whose learning rates fall from the classifier to the image.

        optimizer = torch.optim.Adam(transfer.layerwise(net, lr=1e-3, factor=0.5))

    The classifier (and auxiliary ones) learn at `lr`, the last stage with weights at `lr` · `factor`, the one before at
    `lr` · `factor`², and so on; frozen parameters are left out. One group per stage, the classifier first, with its
    stage under "name". Howard and Ruder 2018 (arXiv 1801.06146), section 3.2, divide by 2.6 per layer.

    Raises ValueError for an lr or a factor out of range, and for a network of which nothing is left to train.
    """
    _steps(net)  # refuses a network that is not ours
    if not all(isinstance(given, Real) for given in (lr, factor)) or not (0 < lr < math.inf and 0 < factor <= 1):
        raise ValueError(f"given lr={lr!r}, factor={factor!r}; expected lr above 0 and a factor above 0, at most 1")
    heads = [*net.classifier.parameters(), *(p for n, p in net.named_parameters() if n.startswith("auxiliary."))]
    parts = {name: list(stage.parameters()) for name, stage in net.features.named_children()} | {"classifier": heads}
    groups = []
    for name, parameters in reversed(parts.items()):
        if trained := [p for p in parameters if p.requires_grad]:
            groups.append({"params": trained, "lr": lr, "name": name})
        lr *= factor if parameters else 1
    if not groups:
        raise ValueError("every part of this network is frozen, so nothing would be trained: freeze fewer parts")
    return groups


# --- features --------------------------------------------------------------------------------------------------------
@torch.no_grad()
def extract_features(net: Network, data: Data, stage: str | None = None) -> Data:
    """What the network makes of all images, as `Data`: `fit` can train a linear layer on it, at a fraction of the cost.

    stage: the part whose output is wanted, N × C × H × W for a stage; without it what the last linear layer gets, N × C
    data: what `datasets` returns; its images are taken as they are, without augmentation

    All splits, in evaluation mode, as float32 on the CPU; the network's mode and device are as before afterwards.
    Raises ValueError for a part that the network does not have, for images that it cannot take, and for a network on
    several devices.
    """
    steps = _steps(net)
    checks.kind(Data, "what datasets returns, as image_folder(path, size) does", data=data)
    linear = [i for i, step in enumerate(steps.values()) if any(isinstance(m, nn.Linear) for m in step.modules())]
    last = linear[-1] if stage is None else _place(steps, stage) + 1
    device, modes = devices.pick_device(), {module: module.training for module in net.modules()}
    splits = {}
    try:
        with devices.moved(net.eval(), device):
            data = data.to(device)
            net(next(data.batches("train", 1))[0])  # says what is wrong with images of another form
            for name in ("train", "valid", "test"):
                found = []
                for images, _ in data.batches(name, 256):
                    for step in list(steps.values())[:last]:
                        images = step(images)
                    if not isinstance(images, Tensor):
                        images = torch.cat([half.to(device) for half in images], 1)
                    found.append(images.float().cpu().contiguous())
                pixels = torch.cat(found) if found else splits["train"].pixels[:0]
                split = getattr(data, name).to("cpu")
                splits[name] = dataclasses.replace(split, pixels=pixels, mean=(0.0,), std=(1.0,), crop=None)
    finally:
        for module, mode in modes.items():
            module.training = mode
    return dataclasses.replace(data, **splits, augment=None, name=f"{stage or 'features'} of {data.name}")


def _steps(net: Network) -> dict[str, nn.Module]:
    """The parts of a network by name, in execution order: its stages, then the steps of its classifier."""
    if not isinstance(net, Network):
        raise ValueError(
            f"given {type(net).__name__}; expected a network of lecture8.models, whose stages have names: take one of "
            "models.build(name) or transfer.pretrained(name)"
        )
    last = net.classifier.named_children() if isinstance(net.classifier, nn.Sequential) else [("fc", net.classifier)]
    return dict([*net.features.named_children(), *last])


def _place(steps: dict[str, nn.Module], name: str) -> int:
    if name not in steps:
        raise ValueError(f"this network has no part {name!r}: choose from {', '.join(steps)}")
    return list(steps).index(name)


def _torchvision(reference: str) -> dict[str, Tensor]:
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
        warnings.simplefilter("ignore")  # about its random initial weights, which nobody will see
        names = list(build().state_dict())
    return {name: weights[name] for name in names if name in weights} | weights


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0].rstrip(".:")
