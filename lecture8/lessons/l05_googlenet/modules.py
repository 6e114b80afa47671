"""Inception modules in numbers, networks with auxiliary classifiers, and what passes through a network."""

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lecture8 import complexity, models, training

BRANCHES = ("1 × 1", "3 × 3", "5 × 5", "pool")


def branches(c_in: int, side: int, widths: Sequence) -> dict[str, list[tuple]]:
    """The layers of each branch of a module as (kernel, channels in, channels out, multiply-adds).

    widths: 1 × 1, 3 × 3 reduce, 3 × 3, 5 × 5 reduce, 5 × 5, pool projection; "none" leaves one out
    """
    one, reduce3, three, reduce5, five, project = widths

    def conv(kernel, channels, c_out):
        return f"{kernel} × {kernel}", channels, c_out, kernel**2 * channels * c_out * side**2

    def branch(reduce, kernel, c_out):
        if reduce == "none":
            return [conv(kernel, c_in, c_out)]
        return [conv(1, c_in, reduce), conv(kernel, reduce, c_out)]

    pool = [("pool", c_in, c_in, 0), *([] if project == "none" else [conv(1, c_in, project)])]
    ways = [conv(1, c_in, one)], branch(reduce3, 3, three), branch(reduce5, 5, five), pool
    return dict(zip(BRANCHES, ways, strict=True))


class WithHeads(nn.Module):
    """A network, an nn.Sequential, with classifiers on some of its stages: stage number -> classifier."""

    def __init__(self, net: nn.Sequential, heads: Mapping[int, nn.Module]):
        super().__init__()
        self.net, self.heads = net, nn.ModuleDict({str(at): head for at, head in heads.items()})

    def forward(self, images: Tensor) -> Tensor:
        return self.net(images)

    def with_auxiliary(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The logits, and those of each head: what `training.auxiliary_objective` asks for."""
        found, x = {}, images
        for at, stage in self.net.named_children():
            x = stage(x)
            if at in self.heads:
                found[at] = self.heads[at](x)
        return x, found


def initialize(net: nn.Module, rule: Callable, seed: int) -> nn.Module:
    """Draws the weights of all convolutions and linear layers by a rule of torch.nn.init; biases are 0."""
    torch.manual_seed(seed)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            rule(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


class Signals(NamedTuple):
    """What passes through a network, at the outputs of pool 1 (conv1, its pooling layer and LRN) and of stages 0 to 11."""

    forward: list[float]  #: standard deviation of the values
    backward: list[float]  #: root mean square of the loss's gradient

    @property
    def fade(self) -> float:
        """This many times larger is the gradient at the last module than at pool 1."""
        return self.backward[-1] / self.backward[0]


def signals(
    net: nn.Sequential,
    images: Tensor,
    labels: Tensor,
    heads: Mapping[int, nn.Module] | None = None,
) -> Signals:
    """Values and gradients along a network, in training mode.

    heads: stage number -> classifier, whose losses count 0.3
    """
    maps, hooks = [], []

    def keep(_, __, output):
        output.retain_grad()
        maps.append(output)

    for stage in (net[0][2], *net[:12]):
        hooks.append(stage.register_forward_hook(keep))
    logits, others = WithHeads(net.train(), heads or {}).with_auxiliary(images)
    loss = F.cross_entropy(logits, labels)
    for other in others.values():
        loss = loss + 0.3 * F.cross_entropy(other, labels)
    loss.backward()
    for hook in hooks:
        hook.remove()
    return Signals(
        [output.std().item() for output in maps],
        [output.grad.pow(2).mean().sqrt().item() for output in maps],
    )


def linear_share(name: str) -> tuple[float, float]:
    """The linear layers' share of a network's parameters and multiply-adds."""
    with torch.device("meta"):
        cost = complexity.profile(models.build(name), models.find(name).input_size)
    ends = [layer for layer in cost.layers if layer.kind == "Linear"]
    return sum(e.params for e in ends) / cost.params, sum(e.macs for e in ends) / cost.macs


def colleagues(network: Callable, layer: Callable, data) -> tuple[nn.Module, training.History]:
    """The network of a colleague with `nn.BatchNorm2d` after three epochs, and its history. It has a bug."""
    torch.manual_seed(0)
    norm = partial(nn.BatchNorm2d, momentum=0)
    net = models.layers.he_init(network(partial(layer, norm=norm), channels=1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
    return net, training.fit(net, data, optimizer, 3, batch_size=32)


@torch.no_grad()
def input_of(net: nn.Module, layer: nn.Module, images: Tensor) -> Tensor:
    """What a layer of a network gets for these images."""
    found = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
    net(images)
    hook.remove()
    return found[0]


@torch.no_grad()
def among_others(net: nn.Module, images: Tensor, times: int) -> tuple[list, list]:
    """Probability in percent of the class that the network chooses in evaluation mode, for each image: in evaluation, and
    `times` times in training mode, in batches with as many neighbors drawn from the other images (with replacement)."""
    alone, classes = (100 * net.eval()(images).softmax(1)).max(1)
    training, together = copy.deepcopy(net).train(), []  # the copy's running statistics move
    generator, count = torch.Generator().manual_seed(0), len(images)
    for i in range(count):
        others = torch.tensor([n for n in range(count) if n != i])
        draws = torch.randint(count - 1, (times, count - 1), generator=generator)
        batches = [images[[i, *others[draw].tolist()]] for draw in draws]
        found = [training(batch).softmax(1)[0, classes[i]] for batch in batches]
        together.append([100 * value.item() for value in found])
    return alone.tolist(), together
