"""Explorers of notebook 09."""

from matplotlib.figure import Figure

from lecture8.lessons.l09_complexity import budget
from lecture8.lessons.l09_complexity import pictures
from lecture8.teaching import Explorer, explorer

# column of budget.table -> what to write on the axis, and the unit of a sentence
COSTS = {
    "parameters": ("params", "parameters, millions", "million parameters"),
    "multiply-adds": ("macs", "multiply-adds for one image, G", "G multiply-adds"),
    "memory": ("mb", "memory of a forward pass with one image, MB (reference machine)", "MB"),
    "time, one image": ("ms", "time for one image, ms (reference machine)", "ms"),
    "time in a batch of 4": (
        "ms_batch",
        "time for each image of a batch of 4, ms (reference machine)",
        "ms",
    ),
}
UNLIMITED = "any"


@explorer
def cost() -> Explorer:
    """Accuracy against any of the costs, and which networks are beaten by none."""
    tables = {recipe: budget.table(recipe) for recipe in budget.RECIPES}

    def draw(cost: str, recipe: str, scale: str) -> tuple[Figure, str]:
        (column, label, unit), table = COSTS[cost], tables[recipe]
        front = _front(table, column)
        dearest, best = table[column].idxmax(), front[-1]
        text = (
            f"By {cost}, with the {recipe} recipe, {len(front)} of {len(table)} networks are beaten by none: "
            f"{', '.join(front)}. The most accurate, {best}, has {table['top1'][best]:.1f} % for "
            f"{table[column][best]:.3g} {unit}; the dearest, {dearest}, {table['top1'][dearest]:.1f} % for "
            f"{table[column][dearest]:.3g} {unit}."
        )
        return pictures.trade(
            table, column, xlabel=label, log=scale == "log", front=front
        ), text

    return Explorer(
        draw,
        {"cost": list(COSTS), "recipe": list(budget.RECIPES), "scale": ["linear", "log"]},
        start={"cost": "multiply-adds"},
    )


@explorer
def limits() -> Explorer:
    """A budget of time, memory and work: what is within it, what of that is beaten by none, and the best."""
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
        start={"ms": UNLIMITED, "mb": UNLIMITED, "macs": UNLIMITED},
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


def _said(inside, front, best: str, total: int, given) -> str:
    units = {"ms": "ms", "mb": "MB", "macs": "G multiply-adds"}
    budgeted = [
        f"{limit:g} {units[column]}" for column, limit in given.items() if limit != UNLIMITED
    ]
    start = f"Within {', '.join(budgeted)}: " if budgeted else "Without a limit: "
    if not best:
        return f"{start}none of the {total} networks fits."
    row = inside.loc[best]
    return (
        f"{start}{len(inside)} of {total} networks; beaten by none in accuracy and time: {', '.join(front)}. "
        f"The most accurate is {best}: {row['top1']:.1f} % with {row['ms']:.3g} ms, {row['mb']:.3g} MB, "
        f"{row['macs']:.3g} G multiply-adds."
    )
