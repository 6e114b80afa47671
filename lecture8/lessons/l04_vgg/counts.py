"""What VGG's layers cost, by kind of layer, and what its protocols reached: the numbers behind the pictures."""

import math

import numpy as np
import pandas as pd
import torch

from lecture8 import complexity, models
from lecture8.lessons.l04_vgg.experiments import THIRDS, third_layers
from lecture8.words import phrase, say


def stacks_with_field(field: int) -> dict[str, tuple[int, int]]:
    """Every stack of equal odd kernels, stride 1, that sees `field` × `field` pixels: name -> (kernel, layers).

    Raises ValueError for a field that is not odd, or below 3.
    """
    if field < 3 or field % 2 == 0:
        raise ValueError(
            f"given field={field}; stacks of odd kernels see 3, 5, 7, … pixels: give one of these"
        )
    found = {}
    for kernel in range(3, field + 1, 2):
        layers, rest = divmod(field - 1, kernel - 1)
        if not rest:
            name = f"{layers} layers of {kernel} × {kernel}"
            found[name if layers > 1 else f"1 layer of {field} × {field}"] = kernel, layers
    return found


PARTS = ("params", "macs", "activations")


def parts(profile) -> dict[str, dict[str, int]]:
    """The image, the blocks and the fully connected layers of a VGG: name -> its params, macs and activations.

    profile: what `complexity.profile` returns; a pooling layer ends a block. The parts add up to its totals.
    """
    found = {"image": dict(zip(PARTS, (0, 0, math.prod(profile.input_size)), strict=True))}
    block, connected = 1, 5
    for layer in profile.layers:
        connected += layer.kind == "Linear"
        name = f"fc{connected}" if connected > 5 else f"block{block}"
        if any(
            getattr(layer, part) for part in PARTS
        ):  # ReLU, dropout and flatten cost nothing here
            row = found.setdefault(name, dict.fromkeys(PARTS, 0))
            for part in PARTS:
                row[part] += getattr(layer, part)
        block += layer.kind == "MaxPool2d"
    return found


def layers_of(row) -> list[tuple[int, int]]:
    """(kernel, stride) of every layer of a configuration: its convolutions, and a 2 × 2 pooling after each block."""
    return [
        layer for kernels in row for layer in [*((kernel, 1) for kernel in kernels), (2, 2)]
    ]


def paths(layers) -> np.ndarray:
    """In how many ways one unit after these layers, (kernel, stride) each, is connected with each pixel of a row.

    Of a square image it is the product of two such numbers, of the row and of the column. Windows of 2 or 3 pixels and
    more count each of their pixels once, in a max pooling, too.
    """
    ways = np.ones(1)
    for kernel, stride in reversed(layers):
        apart = np.zeros((len(ways) - 1) * stride + 1)
        apart[::stride] = ways
        ways = np.convolve(apart, np.ones(kernel))
    return ways


def protocols(table, error: str = "top1") -> dict[str, tuple[float, float]]:
    """Errors (top1 or top5) of configurations D and E in every protocol of the table `vgg_errors` that has both."""
    wide = table.pivot_table(
        index=["table", "protocol"], columns="configuration", values=error, sort=False
    )
    both = wide.dropna(subset=["D", "E"])
    return {
        f"Table {number}: {name}": (row["D"], row["E"])
        for (number, name), row in both.iterrows()
    }


def middle() -> pd.DataFrame:
    """What grows from configuration B to C to D, at 224 × 224: more than one thing at each step.

    Columns: layers with weights, how far a unit of the last feature map sees in pixels, parameters of the convolutions,
    and multiply-adds. So the steps of the errors, 28.7, 28.1 and 27.0 %, belong to no single one of them.
    """
    rows = {}
    for configuration, name in {"B": "vgg13", "C": "vgg16_c", "D": "vgg16"}.items():
        with torch.device("meta"):
            cost = complexity.profile(models.build(name))
        rows[configuration] = {
            "layers": cost.depth,
            phrase("field"): cost.field,
            "conv params": f"{sum(row['params'] for part, row in parts(cost).items() if 'block' in part):,}",
            phrase("macs"): f"{cost.macs:,}",
        }
    return pd.DataFrame(rows).T.rename(columns=say)


def miniatures() -> pd.DataFrame:
    """What the networks of the table `vgg_thirds` have, at 16 × 16: the names, and what grows from one to another."""
    rows = {}
    for name, (third, width) in THIRDS.items():
        cost = complexity.profile(third_layers(third, width, 36, seed=0), (1, 16, 16))
        rows[name] = {
            "third layer": say(third)
            if third != "depthwise"
            else say("depthwise 3 × 3, then 1 × 1"),
            "channels": f"{width}, {2 * width}",
            "field": cost.field,
            phrase("multiply-adds"): f"{cost.macs:,}",
            "parameters": f"{cost.params:,}",
        }
    return pd.DataFrame(rows).T.rename(columns=say)


def measuring(runs: pd.DataFrame, *sides: str) -> pd.DataFrame:
    """The runs that measure (seeds from 10), each side at the rate that had the lowest validation error with others.

    runs: the table `vgg_pairs` or `vgg_thirds`; sides: the columns that name what is compared
    """
    tried = (
        runs[runs["seed"] < 10].groupby([*sides, "lr"], as_index=False)["valid_error"].mean()
    )
    best = tried.loc[tried.groupby(list(sides))["valid_error"].idxmin(), [*sides, "lr"]]
    return runs[runs["seed"] >= 10].merge(best)
