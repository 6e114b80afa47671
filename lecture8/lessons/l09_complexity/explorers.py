"""Explorers of notebook 09."""

from collections.abc import Callable

from matplotlib.figure import Figure
from torch import nn

from lecture8.lessons.l09_complexity import answers, budget, pictures, rooflines
from lecture8.teaching import Explorer, explorer
from lecture8.words import phrase

# column of budget.table, and what to write on the axis
COSTS = {
    "parameters": ("params", "parameters, millions"),
    "multiply-adds": ("macs", "multiply-adds for one image, G"),
    "memory": ("mb", "memory of a forward pass with one image, MB (reference machine)"),
    "time, one image": ("ms", "time for one image, ms (reference machine)"),
    "time in a batch of 4": (
        "ms_batch",
        "time for each image of a batch of 4, ms (reference machine)",
    ),
}
UNLIMITED = "any"
# machines in round numbers, for thinking: multiply-adds and bytes per second
MACHINES = {"laptop core": (40e9, 10e9), "large GPU": (40e12, 1e12)}


@explorer
def roof(roofline: Callable = answers.roofline) -> Explorer:
    """The convolution and the linear layer of section 1 under a machine's roof, for a growing batch.

    roofline: multiply-adds per byte and least time, from multiply-adds, weights, values, rate and bandwidth
    """
    layers = {
        phrase("convolution"): (nn.Conv2d(64, 64, 3, padding=1, bias=False), (64, 28, 28)),
        "linear layer": (nn.Linear(4704, 6144, bias=False), (4704, 1, 1)),
    }

    def draw(batch: int, machine: str) -> tuple[Figure, str]:
        rate, bandwidth = MACHINES[machine]
        points, said = {}, []
        for name, (macs, weights, values) in _work(layers, batch).items():
            intensity, least = roofline(macs, weights, values, rate, bandwidth)
            fetching = 4 * (weights + values) / bandwidth
            points[name] = intensity, 1e3 * macs / rate / batch, 1e3 * fetching / batch
            bound = phrase("memory-bound" if intensity < rate / bandwidth else "compute-bound")
            said.append(
                f"the {name} does {intensity:.3g} multiply-adds per byte, is {bound}, "
                f"and takes at least {1e3 * least / batch:.2g} ms for an image"
            )
        conv, linear = said
        text = f"{machine}, batch {batch}: {conv}; {linear}."
        return rooflines.two_dots(points, rate, bandwidth), text

    return Explorer(draw, {"batch": [1, 2, 4, 8, 16, 32, 64, 128], "machine": list(MACHINES)})


def _work(layers, batch: int) -> dict[str, tuple[int, int, int]]:
    """Name -> multiply-adds, weights, and values in and out for a batch."""
    conv, linear = (layer for layer, _ in layers.values())
    macs, weights = linear.weight.numel(), (conv.weight.numel(), linear.weight.numel())
    values = (2 * 64 * 28**2, linear.in_features + linear.out_features)
    return {name: (batch * macs, w, batch * v) for name, w, v in zip(layers, weights, values)}


@explorer
def cost() -> Explorer:
    """Accuracy against any of the costs, and which networks no other beats."""
    tables = {recipe: budget.table(recipe) for recipe in budget.RECIPES}

    def draw(cost: str, recipe: str, scale: str) -> tuple[Figure, str]:
        (column, label), table = COSTS[cost], tables[recipe]
        front = _front(table, column)
        largest, best = table[column].idxmax(), front[-1]
        text = (
            f"Cost: {cost}, first recipe."
            if recipe == "first"
            else f"Cost: {cost}, new recipe."
        )
        text += (
            f" No other network beats these {len(front)} of {len(table)}: {', '.join(front)}. "
            f"The most accurate, {best}, has {table['top1'][best]:.1f} % for {_amount(column, f'{table[column][best]:.3g}')}; the most "
            f"expensive, {largest}, has {table['top1'][largest]:.1f} % for {_amount(column, f'{table[column][largest]:.3g}')}."
        )
        return pictures.trade(
            table, column, xlabel=label, log=scale == "log", front=front
        ), text

    return Explorer(
        draw,
        {"cost": list(COSTS), "recipe": list(budget.RECIPES), "scale": ["linear", "log"]},
        start={"cost": "time, one image", "scale": "log"},
    )


@explorer
def limits() -> Explorer:
    """A budget of time, memory and work: what is within it, which of these no other beats, and the best."""
    tables = {recipe: budget.table(recipe) for recipe in budget.RECIPES}
    first = tables["first"]

    def draw(ms, mb, macs, recipe: str) -> tuple[Figure, str]:
        table = tables[recipe]
        given = {"ms": ms, "mb": mb, "macs": macs}
        inside = budget.within(
            table, {column: limit for column, limit in given.items() if limit != UNLIMITED}
        )
        outside = [label for label in table.index if label not in inside.index]
        front = _front(inside, "ms")
        best = inside["top1"].idxmax() if len(inside) else ""
        label = COSTS["time, one image"][1]
        figure = pictures.trade(
            table, "ms", xlabel=label, log=True, front=front, outside=outside, best=best
        )
        return figure, _said(inside, front, best, len(table), given)

    return Explorer(
        draw,
        {
            "ms": [*_steps(first["ms"]), UNLIMITED],
            "mb": [60, 120, 200, 300, 600, UNLIMITED],
            "macs": [1, 2, 5, 8, 12, UNLIMITED],
            "recipe": list(budget.RECIPES),
        },
        start={"ms": UNLIMITED, "mb": 300, "macs": UNLIMITED},
        labels={"ms": "time, ms", "mb": "memory, MB", "macs": "multiply-adds, G"},
    )


def _front(table, column: str) -> list[str]:
    """The labels that no other beats in accuracy and this cost, the cheapest first."""
    names = budget.pareto(
        {name: [value] for name, value in table[column].items()}, table["top1"].to_dict()
    )
    return sorted(names, key=table[column].get)


def _steps(values) -> list[float]:
    """Five limits, each of two digits, that let in about an eighth, a quarter, half … of the values."""
    return sorted(
        {float(f"{values.quantile(share):.2g}") for share in (0.13, 0.27, 0.45, 0.65, 0.85)}
    )


def _amount(column: str, number: str) -> str:
    """A cost in a sentence."""
    if column == "params":
        return f"{number} million parameters"
    if column == "macs":
        return f"{number} G multiply-adds"
    return f"{number} MB" if column == "mb" else f"{number} ms"


def _said(inside, front, best: str, total: int, given) -> str:
    limits = [_amount(at, f"{limit:g}") for at, limit in given.items() if limit != UNLIMITED]
    limit, names = ", ".join(limits), ", ".join(front)
    if not best:
        return f"Within {limit}: none of the {total} networks fits."
    row = inside.loc[best]
    text = (
        f"Within {limit}: {len(inside)} of {total} networks; not beaten in accuracy and time by another within the budget: {names}."
        if limits
        else f"Without a limit: {len(inside)} of {total} networks; not beaten in accuracy and time by another within the budget: {names}."
    )
    return text + (
        f" The most accurate is {best}: {row['top1']:.1f} % with {row['ms']:.3g} ms, {row['mb']:.3g} MB, "
        f"{row['macs']:.3g} G multiply-adds."
    )
