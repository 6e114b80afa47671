"""What the networks cost and what they reach, in one table; which are worth their cost; the best within limits.

Counts are those of the registry (recomputed by the tests), accuracies and times those of the tables. The second part is
the roofline, a model of the time of a layer: computing or fetching, whichever takes longer. The third puts the findings
of Canziani and colleagues beside what was measured.
"""

from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from torch import nn

from lecture8 import complexity, models, published
from lecture8.words import phrase, say

RECIPES = ("first", "new")


def table(recipe: str = "first") -> pd.DataFrame:
    """One row per network with published weights, by label: accuracy, counts, memory and time of the reference machine.

    Columns: network (its registered name), top1 and top5 in percent; params in millions; macs in G; mb (megabytes of a
    forward pass with one image), ms (milliseconds for one image), ms_batch (for each image of a batch of 4).
    recipe: 'first' for the weights that came with the networks; 'new' takes those trained by a later recipe, where
        there are any. Raises ValueError for another one.
    """
    if recipe not in RECIPES:
        raise ValueError(f"unknown recipe {recipe!r}: choose 'first' or 'new'")
    accuracy = published.read("imagenet_accuracy")
    rows = accuracy[accuracy["recipe"] == "first"].set_index("label")
    if recipe == "new":
        rows.update(accuracy[accuracy["recipe"] == "new"].set_index("label"))
    facts = [models.ARCHITECTURES[name] for name in rows["network"]]
    found = rows[["network", "top1", "top5"]].assign(
        params=[one.params / 1e6 for one in facts], macs=[one.macs / 1e9 for one in facts]
    )
    times = published.read("reference_cpu").pivot(
        index="network", columns="batch", values=["ms", "mb"]
    )
    at = list(found["network"])
    return found.assign(
        mb=times["mb", 1][at].to_numpy(),
        ms=times["ms", 1][at].to_numpy(),
        ms_batch=times["ms", 4][at].to_numpy() / 4,
    )


def pareto(costs: Mapping[str, Sequence[float]], reached: Mapping[str, float]) -> list[str]:
    """The names that no other beats: none reaches as much at no higher cost and is better in at least one of these.

    costs: name -> its costs, in the same order for all; reached: name -> what it reaches, more is better
    """

    def beats(other: str, one: str) -> bool:
        pairs = [*zip(costs[other], costs[one], strict=True), (reached[one], reached[other])]
        return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)

    return [one for one in costs if not any(beats(other, one) for other in costs)]


def per_point(
    costs: Mapping[str, float], reached: Mapping[str, float], edges: Sequence[float]
) -> pd.DataFrame:
    """What one more point costs along the Pareto set, averaged over spans of what is reached.

    edges: (70, 77) makes three spans: up to the last network of the set below 70, from there to the last below 77, and
    from there to the end. A row per span: from, to, points and cost between these two networks, and per_point, their
    ratio. A span in which the set has no network is left out.
    """
    front = sorted(
        pareto({name: [cost] for name, cost in costs.items()}, reached), key=costs.get
    )
    rows, first = [], front[0]
    for low, high in zip([float("-inf"), *edges], [*edges, float("inf")]):
        inside = [name for name in front if low <= reached[name] < high and name != first]
        if inside:
            last = inside[-1]
            points, cost = reached[last] - reached[first], costs[last] - costs[first]
            rows.append((first, last, points, cost, cost / points))
            first = last
    return pd.DataFrame(rows, columns=["from", "to", "points", "cost", "per_point"])


def within(costs: pd.DataFrame, limits: Mapping[str, float]) -> pd.DataFrame:
    """The rows whose every cost is at most its limit; limits: column -> limit. Raises ValueError for another column."""
    for column in limits:
        if column not in costs:
            raise ValueError(
                f"there is no cost {column!r}: choose from {', '.join(costs.columns)}"
            )
    inside = pd.Series(True, costs.index)
    for column, limit in limits.items():
        inside &= costs[column] <= limit
    return costs[inside]


# --- the roofline ----------------------------------------------------------------------------------------------------


def seconds(macs: float, moved: float, rate: float, bandwidth: float) -> float:
    """Time for `macs` multiply-adds and `moved` bytes: the longer of the two, as a machine computes while it reads.

    That is the least time: the linear layer of `weights_reading` takes 1.3 to 1.5 times as long as reading its weights.
    rate: multiply-adds per second; bandwidth: bytes per second
    """
    return max(macs / rate, moved / bandwidth)


def attainable(intensity: float, rate: float, bandwidth: float) -> float:
    """Multiply-adds per second of a layer with `intensity` multiply-adds per byte: the roof over it."""
    return min(rate, intensity * bandwidth)


def intensities(
    net: nn.Module, image_size: int | tuple[int, int, int], batch: int = 1
) -> pd.DataFrame:
    """A row per convolution and linear layer: its name, kind, macs and moved bytes for a batch, and macs per byte.

    Moved are its weights, once, and for each image the feature maps that it reads and writes, 4 bytes a number. What it
    reads is computed from what it writes: stride² times as many positions (AlexNet's first layer reads a little more).
    """
    rows = []
    for layer in complexity.profile(net, image_size).layers:
        module = net.get_submodule(layer.name) if layer.macs else None
        if isinstance(module, nn.Conv2d):
            places = layer.output_shape[1] * layer.output_shape[2]
            read = module.in_channels * places * module.stride[0] * module.stride[1]
        elif isinstance(module, nn.Linear):
            read = module.in_features
        else:
            continue
        weights = sum(p.numel() for p in module.parameters())
        moved = 4 * (weights + batch * (read + layer.activations))
        macs = batch * layer.macs
        rows.append((layer.name, layer.kind, macs, moved, macs / moved))
    return pd.DataFrame(rows, columns=["layer", "kind", "macs", "moved", "intensity"])


# --- the findings, here ----------------------------------------------------------------------------------------------


def resnet50_counts() -> pd.DataFrame:
    """ResNet-50's cost in G, counted in five ways: what is counted, and the number."""
    with torch.device("meta"):
        authors = complexity.profile(models.resnet50(stride_in_1x1=True))
        ours = complexity.profile(models.resnet50())

    def values(kind: str) -> int:
        shapes = [layer.output_shape for layer in ours.layers if layer.kind == kind]
        return sum(torch.Size(shape).numel() for shape in shapes)

    norm = 2 * values("BatchNorm2d")
    rows = {
        "the paper's network: multiply-adds": authors.macs,
        phrase("torchvision's network: multiply-adds"): ours.macs,
        "… plus 2 per normalized value, 1 per averaged": ours.macs + norm + 2048 * 7 * 7,
        "… plus 2 per normalized value, 1 per ReLU": ours.macs + norm + values("ReLU"),
        "multiplications and additions, 1 each": 2 * ours.macs,
    }
    counts = {say(what): (f"{n:,}", f"{n / 1e9:.2f}") for what, n in rows.items()}
    return pd.DataFrame(counts, index=[say("count"), "G"]).T


def times_apart(times, cost) -> float:
    """Longest over shortest time for each unit of a cost: 1 if the cost alone decides."""
    rate = times / cost
    return rate.max() / rate.min()


def apart(machines: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per machine: how many times the networks are apart in time per multiply-add, activation and parameter.

    machines: name -> rows by network with the columns time, macs_g, activations_m and params_m
    """
    costs = {
        phrase("per multiply-add"): "macs_g",
        phrase("per activation"): "activations_m",
        phrase("per parameter"): "params_m",
    }
    rows = {
        say(word): {m: round(times_apart(t["time"], t[c]), 1) for m, t in machines.items()}
        for word, c in costs.items()
    }
    title = say("How many times apart are the networks in time …?")
    return pd.DataFrame(rows).rename_axis(columns=title)


def straight(ms, top1) -> tuple[float, int]:
    """Correlation of accuracy and images per second over the networks that no other beats, AlexNet left out; how many.

    If time and accuracy are in a hyperbolic relationship, the points lie on a falling line: -1. ms, top1: by label
    """
    front = pareto({name: [time] for name, time in ms.items()}, top1.to_dict())
    names = [name for name in front if name != "AlexNet"]
    return (1 / ms[names]).corr(top1[names]), len(names)


def orders_agree(ms, macs) -> float:
    """Rank correlation of time and multiply-adds: 1 if both put the networks in the same order."""
    return ms.rank().corr(macs.rank())


def verdicts(ms: Mapping[str, float], watts: Mapping[str, float]) -> pd.DataFrame:
    """The paper's four findings: our rule for each, the reference machine with a verdict, and this machine's numbers.

    ms: label -> milliseconds for one image; watts: what `bench.watts` returns
    """

    def numbers(ms) -> list[str]:
        r, n = straight(ms, costs["top1"][ms.index])
        macs = costs["macs"][ms.index]
        return [
            f"≈ {r:.2f}" if n > 4 else "too few networks",
            f"≈ {orders_agree(ms, macs):.2f}",
            f"≈ {times_apart(ms, macs):.1f}",
        ]

    costs = table()
    here, reference = numbers(pd.Series(ms)), numbers(costs["ms"])
    power = (
        f"≈ {max(watts.values()) / min(watts.values()):.2f}" if watts else "needs an NVIDIA GPU"
    )
    held = [
        f"{number[2:]}: {word}"
        for number, word in zip(reference, (phrase("holds"), "holds", "does not hold"))
    ]
    rows = {
        "1 power: the same for all": (phrase("highest / lowest, at most 1.2"), "not measured", power),
        "2 accuracy and time: a hyperbola": ("correlation, accuracy to images/s: at most -0.95", held[0], here[0]),
        "3 energy limits accuracy": ("follows from 1 and 2", phrase("open"), "your verdict"),
        "4a operations give the order": ("rank correlation, at least 0.9", held[1], here[1]),
        "4b time is proportional to them": ("ms per G: at most 1.5 times apart", held[2], here[2]),
    }  # fmt: skip
    found = pd.DataFrame(rows, index=["our rule", "reference machine", phrase("here")]).T
    return found.map(say).rename(index=say, columns=say)
