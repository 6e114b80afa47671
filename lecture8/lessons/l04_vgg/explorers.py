"""Explorers of notebook 04."""

import torch
from matplotlib.figure import Figure
from torch import nn

from lecture8 import complexity, datasets, models
from lecture8.lessons.l04_vgg import counts, pictures
from lecture8.teaching import Explorer, explorer
from lecture8.words import phrase


@explorer
def stack() -> Explorer:
    """Design a stack of equal convolutions: what it sees, what it costs, and what else sees as much."""

    def draw(kernel: int, layers: int, channels: int, side: int) -> tuple[Figure, str]:
        with torch.device("meta"):
            net = nn.Sequential()
            for _ in range(layers):
                net.extend(
                    [
                        nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False),
                        nn.ReLU(),
                    ]
                )
        cost = complexity.profile(net, (channels, side, side))
        one = complexity.conv_params(channels, channels, cost.field, bias=False)
        bends = f"{layers} non-linearities" if layers > 1 else phrase("1 non-linearity")
        words = (
            f"{layers} × ({kernel} × {kernel} and ReLU), {channels} channels, on maps of {side} × {side}: "
            f"receptive field {cost.field} × {cost.field}, {cost.params:,} weights, {cost.macs:,} multiply-adds, "
            f"{bends}."
        )
        if layers > 1:
            words += (
                f" One {cost.field} × {cost.field} sees the same with {one:,} weights, {one / cost.params:.2f} times "
                "as many, and 1 non-linearity."
            )
        if cost.field > side:
            words += " The field is larger than the map: part of it is padding."
        return pictures.stack(kernel, layers, channels), words

    return Explorer(
        draw,
        {
            "kernel": [3, 5, 7],
            "layers": [1, 2, 3, 4, 5, 6],
            "channels": [64, 128, 256, 512],
            "side": [224, 112, 56, 28, 14],
        },
        start={"kernel": 5, "channels": 256, "side": 56},
        labels={"side": "map side"},
    )


@explorer
def sees() -> Explorer:
    """What one unit sees of a photograph, after any number of a configuration's layers."""
    photo = datasets.animals(224)["owl"] / 255
    most = len(counts.layers_of(models.vgg.CONFIGURATIONS["E"]))

    def draw(configuration: str, layers: int) -> tuple[Figure, str]:
        chain = counts.layers_of(models.vgg.CONFIGURATIONS[configuration])[:layers]
        pools = sum(stride == 2 for _, stride in chain)
        side, step = len(counts.paths(chain)), 2**pools
        apart = f"{step} pixels" if step > 1 else phrase("1 pixel")
        words = (
            f"A unit after layer {len(chain)} of configuration {configuration} (pooling layers: {pools}) sees "
            f"{side} × {side} pixels; its neighbor sees as much, {apart} further."
        )
        name = f"{configuration}, layer {len(chain)}"
        return pictures.lit(photo, {name: chain}, [side], inches=2.4), words

    controls = {"configuration": list("ABCDE"), "layers": list(range(1, most + 1))}
    return Explorer(draw, controls, start={"configuration": "D", "layers": 12})


@explorer
def costs() -> Explorer:
    """The configurations of Table 1, at several image sizes: where parameters, compute and activations are."""
    names = {"A": "vgg11", "B": "vgg13", "C": "vgg16_c", "D": "vgg16", "E": "vgg19"}

    def draw(configuration: str, size: int) -> tuple[Figure, str]:
        with torch.device("meta"):
            net = models.build(names[configuration], input_size=size)
        cost = complexity.profile(net, size)
        table = counts.parts(cost)
        heaviest = {
            part: max(table, key=lambda name, part=part: table[name][part])
            for part in counts.PARTS
        }
        connected = sum(row["params"] for name, row in table.items() if name.startswith("fc"))
        return pictures.shares(cost), (
            f"Configuration {configuration} for images of {size} × {size}: {cost.depth} weight layers, {cost.params:,} "
            f"parameters, {connected / cost.params:.1%} of them fully connected; {cost.macs:,} multiply-adds; "
            f"{cost.activations:,} activations, {4 * cost.activations / 1e6:.1f} MB in float32, with the image. Most "
            f"parameters are in {heaviest['params']}, most compute is in {heaviest['macs']}, most activations in "
            f"{heaviest['activations']}."
        )

    return Explorer(
        draw, {"configuration": list(names), "size": [64, 128, 224, 320]}, start={"configuration": "A", "size": 224},
        labels={"size": "image side"},
    )  # fmt: skip
