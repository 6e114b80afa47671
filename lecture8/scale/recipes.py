"""How to train: the papers' ways, and `plain`, which is none of them, from the table `recipes`.

The table also says what is chosen where a paper says nothing. No recipe averages the weights over the run, as the
Inceptions' authors did before evaluation, and all augment photographs alike (`data.Photographs`).
"""

import math
import re

import torch
from torch import nn
from torch.optim import lr_scheduler

from lecture8 import published, training
from lecture8.models.zfnet import renormalize_filters


def find(name: str) -> dict:
    """A line of the table, with what is chosen filled in. Raises ValueError for an unknown name, and says which are."""
    table = published.read("recipes").set_index("recipe")
    if name not in table.index:
        raise ValueError(f"unknown recipe {name!r}: choose from {', '.join(table.index)}")
    recipe = table.loc[name].dropna().to_dict()
    return recipe | {key: float(value) for key, value in re.findall(r"(\w+) ([\d.]+)", recipe.get("chosen", ""))}


def build(net: nn.Module, settings: dict):
    """(optimizer, scheduler, objective) of a run with settings recipe, lr to begin with, epochs, and warmup.

    The schedule is stretched to `epochs`; before a cosine the learning rate rises in `warmup` epochs. The objective is
    cross-entropy, with auxiliary losses where the network has such classifiers, and with smoothed labels for the
    Inceptions from v3 on.
    """
    name, lr, epochs, warmup = (settings[key] for key in ("recipe", "lr", "epochs", "warmup"))
    recipe, smoothing = find(name), 0.1 if name.startswith("inception") else 0.0
    kind, more = torch.optim.SGD, {}
    if recipe["optimizer"] == "RMSProp":
        kind, more = torch.optim.RMSprop, {"alpha": 0.9, "eps": 1.0}
    optimizer = kind(net.parameters(), lr, momentum=recipe["momentum"], weight_decay=recipe["weight_decay"], **more)
    if name == "zfnet":
        optimizer.register_step_post_hook(lambda *_: renormalize_filters(net))
    if recipe["rule"] == "plateau":
        scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, "min", 0.1, patience=5, min_lr=lr / 1000)
    else:
        scheduler = lr_scheduler.LambdaLR(optimizer, lambda epoch: factor(recipe, epoch, epochs, warmup))
    objective = training.label_smoothing(smoothing) if smoothing else training.cross_entropy
    if getattr(net, "auxiliary", None):
        objective = training.auxiliary_objective(0.3, smoothing)
    return optimizer, scheduler, objective


def factor(recipe: dict, epoch: int, epochs: int, warmup: int) -> float:
    """What the learning rate is multiplied by in an epoch, from 0, of a run of `epochs`."""
    if recipe["rule"] == "cosine":
        cosine = (1 + math.cos(math.pi * (epoch - warmup) / (epochs - warmup))) / 2
        return (epoch + 1) / (warmup + 1) if epoch < warmup else cosine
    place = epoch * recipe["epochs"] / epochs + 1e-9  # in the paper's epochs
    if "every" in recipe["rule"]:
        multiple, every = map(float, recipe["rule"].split(" every "))
        return multiple ** int(place / every)
    pieces = [map(float, piece.split(":")) for piece in recipe["rule"].split(",")]
    return [value for first, value in pieces if first <= place][-1]
