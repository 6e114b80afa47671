"""Pictures of how the papers trained."""

from collections.abc import Iterable

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lecture8.plots import BLUE, ORANGE


def schedules(recipes: Iterable) -> Figure:
    """The learning rate of every epoch, a panel for each recipe, drawn by stepping its own scheduler.

    recipes: some of `recipes.RECIPES.values()`, or all. Those that wait for a plateau are drawn for a validation loss
    that stands still at the end of every quarter of the run (orange, dashed).
    """
    chosen = list(recipes)
    columns = min(3, len(chosen))
    rows = -(-len(chosen) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(3.2 * columns, 0.4 + 1.9 * rows), sharey=True, squeeze=False
    )  # fmt: skip
    for ax, recipe in zip(grid.flat, chosen, strict=False):
        waits = recipe.schedule == "plateau"
        rates = recipe.rates()
        ax.step(
            range(1, len(rates) + 1), rates, where="mid", color=ORANGE if waits else BLUE,
            linestyle=(0, (4, 1.5)) if waits else "-",
        )  # fmt: skip
        ax.set(title=recipe.name.replace("_", " "), yscale="log")
    for ax in grid.flat[len(chosen) :]:
        ax.axis("off")
    for ax in grid[:, 0]:
        ax.set_ylabel("learning rate")
    for column in range(columns):
        last = max(row for row in range(rows) if row * columns + column < len(chosen))
        grid[last, column].set_xlabel("epoch")
    return figure
