"""How to train: the papers' ways, from the table `recipes`, and `plain`, SGD along half a cosine.

What a paper does not say is chosen here. No recipe averages the weights over the run, as the Inceptions' authors did
before evaluation, and all augment photographs alike (`data.Photographs`).
"""

import math

import torch
from torch import nn
from torch.optim import lr_scheduler

from lecture8 import published, training
from lecture8.models.zfnet import renormalize_filters

#: divided by 10 after five epochs without a lower validation loss, three times at most; the papers do not say how many
PLATEAU = ("alexnet", "zfnet", "vgg", "resnet")
#: epoch -> factor of the learning rate from there on, or (factor, epochs) for a factor every so many epochs
SCHEDULES = {
    "googlenet": (0.96, 8), "inception_v3": (0.94, 2), "inception_v4": (0.94, 2),
    "resnet_cifar": {0: 1, 91: 0.1, 136: 0.01},  # 32,000 and 48,000 steps, 352 in each epoch
    "resnet110_cifar": {0: 0.1, 1: 1, 91: 0.1, 136: 0.01},  # one epoch of warm-up, whatever the training error
}  # fmt: skip
NAMES = ("plain", *PLATEAU, *SCHEDULES)
CHOSEN = {
    "plain": {"optimizer": "SGD", "batch": 128, "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4, "epochs": 10},
    "zfnet": {"weight_decay": 5e-4},  # as in AlexNet
    "googlenet": {"batch": 32, "lr": 0.01, "weight_decay": 2e-4, "epochs": 250},  # as in the replica of Caffe
    "inception_v3": {"momentum": 0.9, "weight_decay": 4e-5},  # as in the authors' TensorFlow code
    "inception_v4": {"momentum": 0.9, "weight_decay": 4e-5, "epochs": 160},  # as far as the paper's curves go
}


def find(name: str) -> dict:
    """optimizer, batch, lr, momentum, weight_decay and epochs of a recipe. Raises ValueError for an unknown name."""
    if name not in NAMES:
        raise ValueError(f"unknown recipe {name!r}: choose from {', '.join(NAMES)}")
    paper = {} if name == "plain" else published.read("recipes").set_index("recipe").loc[name].to_dict()
    said, plain = paper | CHOSEN.get(name, {}), CHOSEN["plain"]
    return {key: type(value)(said[key]) for key, value in plain.items()}


def build(name: str, net: nn.Module, lr: float, epochs: int, warmup: int = 0):
    """(optimizer, scheduler, objective) for a run that begins with `lr`; the schedule is stretched to `epochs`.

    warmup: epochs of the plain recipe in which the learning rate rises to `lr` in equal steps
    The objective is cross-entropy, with auxiliary losses where the network has such classifiers, and with smoothed
    labels for the Inceptions from v3 on.
    """
    recipe, smoothing = find(name), 0.1 if name.startswith("inception") else 0.0
    kind, more = torch.optim.SGD, {}
    if recipe["optimizer"] == "RMSProp":
        kind, more = torch.optim.RMSprop, {"alpha": 0.9, "eps": 1.0}
    optimizer = kind(net.parameters(), lr, momentum=recipe["momentum"], weight_decay=recipe["weight_decay"], **more)
    if name == "zfnet":
        optimizer.register_step_post_hook(lambda *_: renormalize_filters(net))
    if name in PLATEAU:
        scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, "min", 0.1, patience=5, min_lr=lr / 1000)
    else:
        scheduler = lr_scheduler.LambdaLR(optimizer, lambda epoch: factor(name, epoch, epochs, warmup))
    objective = training.label_smoothing(smoothing) if smoothing else training.cross_entropy
    if getattr(net, "auxiliary", None):
        objective = training.auxiliary_objective(0.3, smoothing)
    return optimizer, scheduler, objective


def factor(name: str, epoch: int, epochs: int, warmup: int) -> float:
    """What the learning rate is multiplied by in an epoch, from 0, of a run of `epochs`."""
    if name == "plain":
        cosine = (1 + math.cos(math.pi * (epoch - warmup) / (epochs - warmup))) / 2
        return (epoch + 1) / (warmup + 1) if epoch < warmup else cosine
    schedule, place = SCHEDULES[name], epoch * find(name)["epochs"] / epochs + 1e-9  # in the paper's epochs
    if isinstance(schedule, tuple):
        return schedule[0] ** int(place / schedule[1])
    return [value for first, value in schedule.items() if first <= place][-1]
