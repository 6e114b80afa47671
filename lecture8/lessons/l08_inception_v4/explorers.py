"""Explorers of notebook 08."""

from functools import cache

import torch
from matplotlib.figure import Figure
from torch import nn

from lecture8 import checks, complexity, datasets, models, published
from lecture8.lessons.l08_inception_v4 import pictures
from lecture8.lessons.l08_inception_v4.parts import parts
from lecture8.lessons.l08_inception_v4.pieces import Film, film
from lecture8.teaching import Explorer, explorer
from lecture8.models.inception_resnet import ScaledResidual

NETWORKS = {
    "Inception-v4": "inception_v4", "Inception-ResNet-v1": "inception_resnet_v1",
    "Inception-ResNet-v2": "inception_resnet_v2",
}  # fmt: skip
STOPS = ("stem", "block A", "reduction A", "block B", "reduction B", "block C", "end")


@explorer
def walk() -> Explorer:
    """A network of the paper and a stop on the way through it -> its module, shape and cost."""

    def draw(network: str, stop: str) -> tuple[Figure, str]:
        _, profile, stops = _walked(network)
        part = stops[stop]
        module, cost = _module(network, stop)
        params, macs = f"{part.params / profile.params:.0%}", f"{part.macs / profile.macs:.0%}"
        said = [
            f"{network}, {stop}: {checks.times(part.given)} go in, {checks.times(part.shape)} come out.",
            f"{len(part.stages)} such blocks in a row have together {part.params:,} parameters ({params} of the network's) and {part.macs:,} multiply-adds ({macs})."
            if stop.startswith("block")
            else f"It has {part.params:,} parameters ({params} of the network's) and {part.macs:,} multiply-adds ({macs}).",
        ]
        if isinstance(module, ScaledResidual):
            said.append(
                f"Shortcut: x + {module.scale:.2f} · F(x), where F ends in a 1 × 1 convolution from "
                f"{module.up.in_channels} back to {module.up.out_channels} channels."
            )
        elif stop.startswith("block"):
            said.append("No shortcut: the concatenated branches are all that is passed on.")
        return pictures.stop(profile, stop, module, cost), " ".join(said)

    for network in NETWORKS:
        _walked(network)  # half a second each: better before the first move than in it
    return Explorer(
        draw, {"network": list(NETWORKS), "stop": list(STOPS)}, start={"stop": "block B"}
    )


@cache
def _walked(network: str):
    with torch.device("meta"):  # shapes only: enough to count and to draw
        net = models.build(NETWORKS[network])
    profile = complexity.profile(net, models.ARCHITECTURES[NETWORKS[network]].input_size)
    return net, profile, parts(profile)


@cache
def _module(network: str, stop: str):
    """The module to draw at a stop, and its profile: of equal blocks the first, of a stem and an end all there is."""
    net, _, stops = _walked(network)
    found = [net.get_submodule(stage) for stage in stops[stop].stages]
    module = found[0] if stop.startswith("block") or len(found) == 1 else nn.Sequential(*found)
    return module, complexity.profile(module, stops[stop].given)


@cache
def _film(width: int, scale: float) -> Film:
    torch.manual_seed(0)
    net = models.small.inception_resnet(channels=1, width=width, scale=scale)
    data = datasets.digits(size=8).take(320)
    return film(nn.Sequential(*net.features, *net.classifier), data, steps=20, rate=0.1, seed=0)


@explorer
def first_steps() -> Explorer:
    """Width and step -> the last feature map of a new network while it trains, for three scales."""

    def draw(width: int, step: int) -> tuple[Figure, str]:
        films = {scale: _film(width, scale) for scale in (1.0, 0.3, 0.1)}
        one, two, three = (
            f"scale {scale:g} {film.zeros[step]:.0f} %" for scale, film in films.items()
        )
        text = (
            f"Width {width}, so the last feature map has {4 * width} channels; learning rate 0.1, step {step}. "
            f"Zeros in the last feature map, one batch, seed 0: {one}, {two}, {three}. Black is zero; a tile is a channel of one image."
        )
        named = {f"scale {scale:g}": film for scale, film in films.items()}
        return pictures.frame(named, step), text

    return Explorer(
        draw, {"width": [8, 32], "step": list(range(21))}, start={"width": 32, "step": 10}
    )


@explorer
def scaling() -> Explorer:
    """Width and learning rate -> what each scale of the residuals does to the first epochs, from loaded runs."""
    runs = published.read("residual_scaling")

    def draw(width: int, lr: float) -> tuple[Figure, str]:
        chosen = runs[(runs["width"] == width) & (runs["rate"] == lr)]
        last = chosen[chosen["epoch"] == chosen["epoch"].max()]
        low, middle, high = (
            f"scale {scale:g}: training loss {rows['train_loss'].mean():.2f}, {rows['zeros'].mean():.0%} zeros in "
            f"the last feature map, {rows['valid_accuracy'].mean():.0%} validation accuracy"
            for scale, rows in last.groupby("scale")
        )
        return pictures.scaling(runs, width, lr), (
            f"Width {width}, learning rate {lr:g}, after epoch {last['epoch'].max()}, means of 3 seeds: "
            f"{low}; {middle}; {high}."
        )

    widths, lrs = (sorted(runs[column].unique().tolist()) for column in ("width", "rate"))
    return Explorer(
        draw,
        {"width": widths, "lr": lrs},
        start={"width": 32, "lr": 0.2},
        labels={"lr": "learning rate"},
    )
