"""Pictures of notebook 00."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lecture8.plots import BLACK, BLUE, GRAY, ORANGE


def timeline(winners, human: float, *, chosen: int | None = None) -> Figure:
    """ILSVRC winners by year: a bar per year with error, network and depth, against the human's line.

    winners: the table `ilsvrc`; human: top-5 error in percent; chosen: a year to bring out
    """
    figure, ax = plt.subplots(figsize=(8.5, 4))
    years, errors = list(winners["year"]), list(winners["top5_error"])
    deep = winners["year"] >= 2012
    colors = [
        ORANGE if year == chosen else BLUE if is_deep else GRAY
        for year, is_deep in zip(years, deep, strict=True)
    ]
    ax.bar(years, errors, color=colors, width=0.72)
    for year, error, network, depth in zip(
        years, errors, winners["network"], winners["depth"], strict=True
    ):
        name = network if isinstance(network, str) else "no network"
        name = name.replace(" and ", " and\n").replace(" family", "\nfamily")
        foot = (
            error if error > human else human
        )  # labels of lower bars stand on the human's line, not in it
        ax.text(year, foot + 0.4, f"{error:g}", ha="center", fontweight="bold")
        ax.text(
            year,
            foot + 2.2,
            name + (f"\n{depth:.0f} layers" if depth == depth else ""),
            ha="center",
            fontsize=9,
        )
    ax.axhline(human, color=BLACK, linestyle=(0, (4, 2)), linewidth=1)
    ax.text(2017.55, human, f"one trained\nhuman: {human:g}", fontsize=10, va="center")
    ax.set(
        ylabel="top-5 error on the test set, %",
        ylim=(0, 34),
        xlim=(2009.4, 2017.5),
        xticks=years,
    )
    return figure


def singles_and_ensembles(pairs: Mapping[str, tuple[float, float]]) -> Figure:
    """Published top-5 errors in percent, name -> (one network, ensemble): two marks and the way between."""
    figure, ax = plt.subplots(figsize=(7.5, 0.9 + 0.5 * len(pairs)))
    for i, (single, ensemble) in enumerate(list(pairs.values())[::-1]):
        ax.plot([single, ensemble], [i, i], color=GRAY, linewidth=1)
        ax.plot(single, i, "o", color=BLUE, markersize=9)
        ax.plot(ensemble, i, "D", color=ORANGE, markersize=8)
        ax.text(single + 0.35, i, f"{single:g}", va="center", fontsize=10)
        ax.text(ensemble - 0.35, i, f"{ensemble:g}", va="center", ha="right", fontsize=10)
    ax.text(single - 0.2, i + 0.42, "one network", color=BLUE, fontsize=10)
    ax.text(ensemble + 0.2, i + 0.42, "ensemble", color=ORANGE, ha="right", fontsize=10)
    ax.set_yticks(range(len(pairs)), list(pairs)[::-1])
    ax.set(xlabel="top-5 error, %", xlim=(0, None), ylim=(-0.5, len(pairs) - 0.2))
    ax.tick_params(left=False)
    return figure


def confusion(table, classes: Sequence[str]) -> Figure:
    """A confusion matrix of counts, rows the true classes; zeros are left blank."""
    table = np.asarray(table)
    figure, ax = plt.subplots(figsize=(5, 4.6))
    # color only the mistakes: the diagonal would drown them
    mistakes = table * ~np.eye(len(table), dtype=bool)
    ax.imshow(mistakes, cmap="Oranges", vmax=max(2 * mistakes.max(), 1))
    for (row, column), count in np.ndenumerate(table):
        if count:
            ax.text(column, row, int(count), ha="center", va="center", fontsize=9,
                    color=BLACK, fontweight="normal" if row == column else "bold")  # fmt: skip
    ax.set_xticks(range(len(table)), classes)
    ax.set_yticks(range(len(table)), classes)
    ax.set(xlabel="predicted", ylabel="true")
    return figure


def concept_map(table, titles: Mapping[str, str]) -> Figure:
    """The claims of the course in a column per lesson, with an arrow from each to the one it leads to.

    table: `concepts`, with the columns id, notebook, row, claim and leads_to; titles: notebook -> column head
    """
    columns, lowest = list(titles), int(table["row"].max())
    figure, ax = plt.subplots(figsize=(1.22 * len(columns), 0.62 * lowest + 1.2))
    places = {row.id: (columns.index(row.notebook), -row.row) for row in table.itertuples()}
    for x, notebook in enumerate(columns):
        ax.axvspan(x - 0.5, x + 0.5, color=GRAY, alpha=0.1 * (x % 2), linewidth=0)
        ax.text(
            x,
            0.6,
            textwrap.fill(titles[notebook], 13),
            ha="center",
            va="bottom",
            fontsize=9,
            fontweight="bold",
        )
    for row in table.itertuples():
        x, y = places[row.id]
        ax.add_patch(
            plt.Rectangle(
                (x - 0.44, y - 0.4), 0.88, 0.8, facecolor="white", edgecolor=BLUE, linewidth=0.8
            )
        )
        ax.text(x, y, textwrap.fill(row.claim, 18), ha="center", va="center", fontsize=7.5)
    for row in table.dropna(subset="leads_to").itertuples():
        (x, y), (to_x, to_y) = places[row.id], places[row.leads_to]
        across = to_x > x
        start, end = (
            ((x + 0.44, y), (to_x - 0.44, to_y))
            if across
            else ((x, y - 0.4), (to_x, to_y + 0.4))
        )
        arrow = {
            "arrowstyle": "-|>",
            "color": ORANGE,
            "linewidth": 1.3,
            "shrinkA": 0,
            "shrinkB": 0,
        }
        ax.annotate("", end, start, arrowprops=arrow)
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(-lowest - 0.5, 1.6))
    ax.axis("off")
    return figure
