"""How the papers trained their networks: optimizer, learning rate and schedule, ready for `training.fit`.

    recipe = recipes.find("resnet_cifar")
    optimizer, scheduler = recipe.build(net)
    history = training.fit(net, data, optimizer, recipe.epochs, batch_size=recipe.batch_size, scheduler=scheduler,
                           objective=recipe.objective(net))

What the papers say is the table `recipes` of `published`; what they leave open is chosen below, and `print(recipe)`
tells the two apart. In no recipe: the weights averaged over a run, which the Inceptions were evaluated with.
"""

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import nn
from torch.optim import Optimizer, lr_scheduler

from lecture8 import published, training
from lecture8.models.zfnet import renormalize_filters

PLATEAU_EPOCHS = 5  # without a lower validation loss, until the learning rate is divided; no paper says how many


@dataclass(frozen=True)
class Recipe:
    """One paper's way to train; build it for a network with `build`."""

    name: str
    #: epoch -> what the learning rate is multiplied with from there on, (factor, epochs) for a factor every so many
    #: epochs, or "plateau"
    schedule: Mapping[int, float] | tuple[float, int] | str
    chosen: Mapping[str, float] = field(default_factory=dict)  #: what the paper leaves open, and its value here
    why: str = ""  #: where the chosen values come from, and where this differs from the paper
    smoothing: float = 0.0  #: of the labels
    auxiliary: float = 0.3  #: weight of the auxiliary classifiers' losses, for networks that have some
    clip: float | None = None  #: longest gradient, over all weights
    after_step: Callable[[nn.Module], None] | None = None  #: done to the network after every step

    @property
    def paper(self) -> Mapping[str, object]:
        """The paper's line of the table `recipes`."""
        table = published.read("recipes").set_index("recipe")
        return table.loc[self.name].to_dict()

    def __getitem__(self, key: str) -> float:
        """batch, momentum, weight_decay, rate or epochs: the paper's, or what is chosen where it says nothing."""
        return self.chosen[key] if key in self.chosen else float(self.paper[key])

    @property
    def batch_size(self) -> int:
        """Images of a step."""
        return int(self["batch"])

    @property
    def epochs(self) -> int:
        """How long the paper trained."""
        return int(self["epochs"])

    def build(self, net: nn.Module, *, epochs: int | None = None, rate: float | None = None):
        """(optimizer, scheduler) for a network's parameters that learn; the scheduler is for `training.fit`.

        epochs: of a run of another length than the paper's; the schedule is stretched to it
        rate: another learning rate to begin with, for another batch size, say
        Raises ValueError for numbers that are not positive, or a network of which nothing learns.
        """
        epochs, rate = self.epochs if epochs is None else epochs, self["rate"] if rate is None else rate
        if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
            raise ValueError(f"given epochs={epochs!r}; expected a whole number, 1 or more, or None for the paper's")
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < math.inf:
            raise ValueError(f"given rate={rate!r}; expected a learning rate above 0, or None for the paper's")
        weights = [p for p in net.parameters() if p.requires_grad]
        if not weights:
            raise ValueError("no parameter of this network learns: set requires_grad of those that should")
        kind, more = torch.optim.SGD, {}
        if self.paper["optimizer"] == "RMSProp":
            kind, more = torch.optim.RMSprop, {"alpha": 0.9, "eps": 1.0}
        optimizer = kind(weights, rate, momentum=self["momentum"], weight_decay=self["weight_decay"], **more)
        if self.clip is not None:
            optimizer.register_step_pre_hook(partial(_clip, weights, self.clip))
        if self.after_step is not None:
            optimizer.register_step_post_hook(lambda *_: self.after_step(net))
        return optimizer, self._scheduler(optimizer, epochs)

    def _scheduler(self, optimizer: Optimizer, epochs: int) -> lr_scheduler.LRScheduler:
        if self.schedule == "plateau":
            rate = optimizer.param_groups[0]["lr"]
            # divided three times, as in AlexNet's and VGG's papers
            return lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=PLATEAU_EPOCHS, min_lr=rate / 1000)
        multiple = _powers if isinstance(self.schedule, tuple) else _pieces
        return lr_scheduler.LambdaLR(optimizer, partial(multiple, self.schedule, self.epochs / epochs))

    def objective(self, net: nn.Module) -> training.Objective:
        """What is minimized: cross-entropy, with smoothed labels and auxiliary losses where there are some."""
        if getattr(net, "auxiliary", None):
            return training.auxiliary_objective(self.auxiliary, self.smoothing)
        return training.label_smoothing(self.smoothing) if self.smoothing else training.cross_entropy

    def rates(self, epochs: int | None = None, losses: list[float] | None = None) -> list[float]:
        """The learning rate of every epoch, found by stepping the scheduler itself.

        losses: validation losses for a schedule that waits for a plateau; if None, they fall but for the end of every
        quarter of the run
        """
        epochs = self.epochs if epochs is None else epochs
        optimizer, scheduler = self.build(nn.Linear(1, 1), epochs=epochs)
        losses, found = losses or _falling_but_for_the_quarters(epochs), []
        for epoch in range(epochs):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step(*([losses[epoch]] if self.schedule == "plateau" else []))
        return found

    def __str__(self) -> str:
        paper = self.paper
        said = [
            f"{label} {self[key]:g}" + (" (left open)" if key in self.chosen else "")
            for key, label in (
                ("batch", "batches of"), ("rate", "learning rate"), ("momentum", "momentum"),
                ("weight_decay", "weight decay"), ("epochs", "epochs"),
            )
        ]  # fmt: skip
        lines = [f"{self.name} ({paper['source']})", f"  {paper['optimizer']}, {', '.join(said)}"]
        for label in ("schedule", "first_weights", "dropout", "other"):
            if isinstance(paper[label], str):
                lines.append(f"  {label.replace('_', ' ')}: {paper[label]}")
        return "\n".join(lines + ([f"  here: {self.why}"] if self.why else []))


def _clip(weights: list[nn.Parameter], longest: float, *_) -> None:
    nn.utils.clip_grad_norm_(weights, longest)


def _pieces(multiples: Mapping[int, float], stretch: float, epoch: int) -> float:
    """That of the last of these epochs that has begun."""
    return [value for first, value in multiples.items() if first <= epoch * stretch + 1e-9][-1]


def _powers(step: tuple[float, int], stretch: float, epoch: int) -> float:
    """factor ** (how often `every` epochs have passed)."""
    factor, every = step
    return factor ** int(epoch * stretch / every + 1e-9)


def _falling_but_for_the_quarters(epochs: int) -> list[float]:
    losses, quarter = [1.0], epochs / 4
    for epoch in range(1, epochs):
        stalls = epoch % quarter >= quarter - PLATEAU_EPOCHS - 1
        losses.append(losses[-1] * (1 if stalls else 0.99))
    return losses


_ON_PLATEAU = f"a plateau is {PLATEAU_EPOCHS} epochs without a lower validation loss; the papers look at the error"
_TENSORFLOW = "momentum and weight decay as in the authors' TensorFlow code; PyTorch adds epsilon outside of the root"

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("alexnet", "plateau", why=_ON_PLATEAU),
        Recipe(
            "zfnet", "plateau", {"weight_decay": 5e-4}, after_step=renormalize_filters,
            why=f"{_ON_PLATEAU}; weight decay as in AlexNet",
        ),
        Recipe("vgg", "plateau", why=f"{_ON_PLATEAU}; for the deeper ones see models.vgg.start_from"),
        Recipe(
            "googlenet", (0.96, 8), {"batch": 32, "rate": 0.01, "weight_decay": 2e-4, "epochs": 250},
            why="batch, learning rate, weight decay and epochs as in the replica that came with Caffe",
        ),
        Recipe("resnet", "plateau", why=_ON_PLATEAU),
        Recipe("resnet_cifar", {0: 1, 91: 0.1, 136: 0.01}, why="32,000 steps are 91 epochs of 352, 48,000 are 136"),
        Recipe(
            "resnet110_cifar", {0: 0.1, 1: 1, 91: 0.1, 136: 0.01},
            why="the warm-up is one epoch, of 352 steps, whatever the training error",
        ),
        Recipe(
            "inception_v3", (0.94, 2), {"momentum": 0.9, "weight_decay": 4e-5}, smoothing=0.1, clip=2.0, why=_TENSORFLOW
        ),
        Recipe(
            "inception_v4", (0.94, 2), {"momentum": 0.9, "weight_decay": 4e-5, "epochs": 160}, smoothing=0.1,
            why=f"{_TENSORFLOW}; epochs as far as the paper's curves go at least; labels smoothed as in Inception-v3",
        ),
    )
}  # fmt: skip


def find(name: str) -> Recipe:
    """The recipe of that name. Raises ValueError for a name that is not there, and says which are."""
    if name not in RECIPES:
        close = difflib.get_close_matches(str(name).lower(), RECIPES, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(f"unknown recipe {name!r}: {hint}choose from {', '.join(RECIPES)}")
    return RECIPES[name]
