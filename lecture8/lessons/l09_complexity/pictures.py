"""Pictures of notebook 09."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from lecture8.lessons.l09_complexity.labels import place_labels
from lecture8.plots import BLACK, BLUE, GREEN, GRAY, ORANGE, PINK, apart, short

FAMILIES = {
    "AlexNet": PINK,
    "VGG": ORANGE,
    "ResNet": BLUE,
    "Inception": GREEN,
}  # GoogLeNet and BN- among the last
RADIUS = 2.1  # of a bubble, in points, times the square root of its millions of parameters


def color_of(label: str) -> str:
    """The color of a network's family; black for strangers."""
    if label.startswith(("GoogLeNet", "BN-Inception", "Inception")):
        return FAMILIES["Inception"]
    return next(
        (color for family, color in FAMILIES.items() if label.startswith(family)), BLACK
    )


# --- all networks --------------------------------------------------------------------------------------------------


def orders(table) -> Figure:
    """The same networks in the order of each of their costs, the most expensive on top; a line for each network.

    table: one row per network (index: its label), one column per cost
    """
    names, costs = list(table.index), list(table.columns)
    figure, ax = plt.subplots(figsize=(7.4, 0.9 + 0.31 * len(names)))
    ranks = table.rank(method="first")
    for name in names:
        heights = [float(ranks.loc[name, cost]) for cost in costs]
        color = color_of(name)
        ax.plot(
            range(len(costs)),
            heights,
            color=color,
            linewidth=1.8,
            alpha=0.85,
            marker="o",
            markersize=6,
        )
        ax.text(-0.09, heights[0], name, ha="right", va="center", fontsize=9.5, color=color)
        ax.text(len(costs) - 0.91, heights[-1], name, va="center", fontsize=9.5, color=color)
    for at, cost in enumerate(costs):
        for height, name in (
            (0.0, names[int(table[cost].argmin())]),
            (len(names) + 1, names[int(table[cost].argmax())]),
        ):
            ax.text(
                at,
                height,
                short(table.loc[name, cost]),
                ha="center",
                va="center",
                fontsize=9,
                color=GRAY,
            )
    ax.set_xticks(range(len(costs)), costs)
    ax.xaxis.tick_top()
    ax.set(xlim=(-0.9, len(costs) - 0.1), ylim=(-0.6, len(names) + 1.6), yticks=[])
    ax.tick_params(top=False)
    ax.spines[["left", "bottom", "right", "top"]].set_visible(False)
    return figure


# --- accuracy against cost -----------------------------------------------------------------------------------------


def trade(
    table, cost: str, *, xlabel: str, log: bool = False, front: Sequence[str] = (), outside: Sequence[str] = (),
    best: str = "", title: str = "",
) -> Figure:  # fmt: skip
    """Accuracy against a cost: a bubble per network, its area its parameters, its label where no other stands.

    table: rows by label with the columns `cost`, top1 (percent) and params (millions), as from `budget.table`
    front: labels to be joined by a line of steps; outside: labels drawn hollow; best: the label to bring out
    """
    # margins by hand: the labels are placed before anything is drawn
    figure, ax = plt.subplots(figsize=(10, 5.2), layout="none")
    figure.subplots_adjust(left=0.075, right=0.985, bottom=0.115, top=0.93 if title else 0.97)
    x, y = table[cost].to_numpy(float), table["top1"].to_numpy(float)
    radii = np.maximum(RADIUS * np.sqrt(table["params"].to_numpy(float)), 3)
    if log:
        ax.set_xscale("log")
        ax.set_xlim(x.min() / 1.5, x.max() * 1.6)
        _powers(ax.xaxis)
    else:
        ax.set_xlim(-0.04 * x.max(), 1.1 * x.max())  # room for names on the left
        ax.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))
    _whole(figure)
    ax.set_ylim(y.min() - 3, y.max() + 2.5)
    ax.set(xlabel=xlabel, ylabel="top-1 accuracy, %", title=title)
    if len(front):
        steps = table.loc[list(front)].sort_values(cost)
        ax.step(
            steps[cost],
            steps["top1"],
            where="post",
            color=GRAY,
            linewidth=1,
            linestyle=(0, (4, 2)),
            zorder=1,
        )
    for i in np.argsort(-radii):  # the small ones on top of the large ones
        label = table.index[i]
        hollow = label in outside
        _mark(ax, x[i], y[i], 2 * radii[i], color="white" if hollow else color_of(label), zorder=2,
              markeredgecolor=GRAY if hollow else "white", markeredgewidth=1, alpha=0.9)  # fmt: skip
        if label == best:
            _mark(ax, x[i], y[i], 2 * radii[i] + 7, markerfacecolor="none", markeredgecolor=BLACK, markeredgewidth=2,
                  zorder=2)  # fmt: skip
    place_labels(ax, {label: (x[i], y[i]) for i, label in enumerate(table.index)}, radii + 4 * (table.index == best),
                 bold=best, gray=outside)  # fmt: skip
    _key(ax)
    return figure


def _whole(figure) -> None:
    """Keeps a notebook from cutting the picture to its contents, whose size would then depend on the numbers."""
    figure.add_artist(
        plt.Rectangle((0, 0), 1, 1, transform=figure.transFigure, alpha=0, linewidth=0)
    )


def _mark(ax, x, y, size, **look) -> None:
    """One round mark, in the limits that the axes have: `ax.plot` would look for new ones each time."""
    ax.add_artist(Line2D([x], [y], marker="o", linestyle="none", markersize=size, **look))


def _powers(axis) -> None:
    """Ticks of a logarithmic axis, whose limits are set, at 1, 2, 5, 10, 20 …, in plain numbers."""
    low, high = axis.get_view_interval()
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    values = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    inside = [
        value for value in values if low <= value <= high
    ]  # a tick outside costs as much as one that is seen
    axis.set_minor_locator(NullLocator())
    axis.set_ticks(inside, [f"{value:g}" for value in inside])


def _key(ax) -> None:
    """What the sizes of the bubbles mean, in the lower right corner."""
    width, height = ax.get_window_extent().size
    scale = ax.figure.dpi / 72
    right = width - 12
    for params in (150, 50, 5):
        radius = max(RADIUS * math.sqrt(params), 3) * scale
        at, wide = (right - radius) / width, 2 * radius / scale
        _mark(
            ax,
            at,
            (34 + radius) / height,
            wide,
            color="none",
            markeredgecolor=GRAY,
            transform=ax.transAxes,
        )
        ax.text(at, 18 / height, f"{params} M", ha="center", va="center", fontsize=8.5, color=GRAY,
                transform=ax.transAxes)  # fmt: skip
        right -= 2 * radius + 16
    ax.text((right + 4) / width, 34 / height, "parameters", ha="right", va="bottom", fontsize=8.5, color=GRAY,
            transform=ax.transAxes)  # fmt: skip


def by_batch(
    series: Mapping[str, Mapping[int, float | Sequence[float]]], *, ylabel: str
) -> Figure:
    """A value against the batch, in powers of 2: name -> batch -> repeated measurements, or one.

    Each line joins the medians; bars reach from the least to the most.
    """
    figure, ax = plt.subplots(figsize=(7.5, 3.6))
    ends = {}
    for i, (name, by) in enumerate(series.items()):
        batches = sorted(by)
        values = [np.atleast_1d(np.asarray(by[batch], float)) for batch in batches]
        middle = [float(np.median(v)) for v in values]
        color = color_of(name) if color_of(name) != BLACK else f"C{i}"
        ax.plot(batches, middle, color=color, marker="os^D"[i % 4], label=name)
        ax.vlines(
            batches,
            [v.min() for v in values],
            [v.max() for v in values],
            color=color,
            linewidth=1,
        )
        ends[name] = middle[-1], color
    every = sorted({batch for by in series.values() for batch in by})
    ax.set_xscale("log", base=2)
    ax.set_xticks(every, every)
    ax.set(xlabel="images in a batch", ylabel=ylabel, ylim=(0, None))
    gap = ax.get_ylim()[1] * 0.08
    heights = apart([value for value, _ in ends.values()], gap)
    for (name, (_, color)), height in zip(ends.items(), heights, strict=True):
        ax.annotate(
            name, (every[-1] * 1.08, height), color=color, va="center", annotation_clip=False
        )
    return figure


def time_against_work(
    points: Mapping[str, tuple[float, float]], *, ylabel: str, title: str = ""
) -> Figure:
    """Time against multiply-adds, both in powers of ten; name -> (G multiply-adds, milliseconds).

    Gray lines are speeds: what takes as long per multiply-add lies on one of them.
    """
    figure, ax = plt.subplots(figsize=(8.5, 4.8), layout="none")
    figure.subplots_adjust(left=0.09, right=0.98, bottom=0.125, top=0.92 if title else 0.97)
    x, y = np.array(list(points.values()), float).T
    _whole(figure)
    ax.set(xscale="log", yscale="log", xlabel="multiply-adds, G", ylabel=ylabel, title=title)
    ax.set_xlim(x.min() / 1.6, x.max() * 2.2)
    ax.set_ylim(y.min() / 1.7, y.max() * 1.9)
    for axis in (ax.xaxis, ax.yaxis):
        _powers(axis)
    ends = np.array(ax.get_xlim())
    rates = y / x
    for rate in (rates.min(), rates.max()):
        ax.plot(ends, rate * ends, color=GRAY, linewidth=0.8, alpha=0.6, zorder=0)
    ax.set_xlim(ends)
    for name, (work, time) in points.items():
        ax.plot(work, time, "o", color=color_of(name), markersize=8, zorder=2)
    place_labels(ax, points, [4.5] * len(points))
    low, high = ax.get_ylim()
    style = {"fontsize": 8.5, "color": GRAY}
    ax.text(
        high / 1.15 / rates.max() / 1.05,
        high / 1.15,
        f"{rates.max():.3g} ms per G",
        ha="right",
        va="center",
        **style,
    )
    ax.text(
        low * 1.15 / rates.min() * 1.05,
        low * 1.15,
        f"{rates.min():.3g} ms per G",
        va="center",
        **style,
    )
    return figure


def own_trades(table, fronts: Mapping[str, Sequence[str]]) -> Figure:
    """Test accuracy of our own networks on CIFAR-10 against what an image costs; time: batch of 64, one CPU core.

    table: what `cifar10.own` returns; fronts: column -> the networks to join by a line of steps, one panel for each
    """
    words = {
        "params": "parameters (M)\nlog scale",
        "macs": "multiply-adds (M)\nlog scale",
        "time64": "time, batch of 64, over\nResNet-20's; log scale",
    }
    figure, panels = plt.subplots(1, len(fronts), figsize=(7.4, 3.7), sharey=True)
    for ax, (cost, front) in zip(panels, fronts.items(), strict=True):
        steps = table.loc[list(front)].sort_values(cost)
        line = {"color": GRAY, "linewidth": 1, "linestyle": (0, (4, 2)), "zorder": 1}
        ax.step(steps[cost], steps["top1"], where="post", **line)
        for name, row in table.iterrows():
            # two networks have the same color as GoogLeNet
            look = (
                "D"
                if name.startswith("Inception-ResNet")
                else "s"
                if name == "ZFNet-like"
                else "o"
            )
            ax.plot(
                row[cost], row["top1"], look, color=color_of(name), markersize=9, label=name
            )
        ax.set(xlabel=words[cost], xscale="log")
        ax.set_xlim(table[cost].min() / 1.6, table[cost].max() * 1.6)
        _powers(ax.xaxis)
    panels[0].set_ylabel("test accuracy, %")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def recipes(first, new) -> Figure:
    """Networks that were trained twice: accuracy by the first recipe and by a newer one, joined by an arrow.

    first, new: label -> top-1 accuracy in percent
    """
    names = [name for name in first.index if new[name] > first[name]]
    figure, ax = plt.subplots(figsize=(8.5, 0.9 + 0.45 * len(names)))
    for at, name in enumerate(names[::-1]):
        color = color_of(name)
        arrow = {
            "arrowstyle": "-|>",
            "color": color,
            "linewidth": 2,
            "shrinkA": 0,
            "shrinkB": 0,
        }
        ax.annotate("", (new[name], at), (first[name], at), arrowprops=arrow)
        ax.plot(first[name], at, "o", color=color, markersize=7)
        ax.text(
            new[name] + 0.15, at, f"+ {new[name] - first[name]:.1f}", va="center", color=color
        )
    ax.set_yticks(range(len(names)), names[::-1])
    ax.set(xlabel="top-1 accuracy, %: the first recipe (dot) and a newer one (arrow)")
    ax.set(xlim=(first[names].min() - 1, new[names].max() + 1.5), ylim=(-0.6, len(names) - 0.4))
    return figure


def two_machines(cpu, gpu) -> Figure:
    """Time for an image against its multiply-adds, measured by others on two machines.

    cpu, gpu: rows by network with the columns macs_g, time (milliseconds) and label
    """
    figure, panels = plt.subplots(1, 2, figsize=(7.4, 4))
    titles = (
        "one image at a time,\ndesktop CPU, compiled",
        "1,024 images at once,\nlarge GPU, 16 bit",
    )
    for ax, table, title in zip(panels, (cpu, gpu), titles, strict=True):
        ax.set(
            xscale="log",
            yscale="log",
            xlabel="multiply-adds, G",
            ylabel="ms for an image",
            title=title,
        )
        for row in table.itertuples():
            ax.plot(row.macs_g, row.time, "o", color=color_of(row.label), markersize=8)
        beside = {
            "VGG-11": ("center", 0, -15),
            "ResNet-152": ("right", -4, 8),
            "ResNet-18": ("left", 8, -4),
        }
        for name, (side, *offset) in beside.items():
            row = table[table["label"] == name].iloc[0]
            style = {
                "xytext": offset,
                "textcoords": "offset points",
                "ha": side,
                "color": color_of(name),
            }
            ax.annotate(name, (row["macs_g"], row["time"]), **style)
        ax.set_xlim(table["macs_g"].min() / 1.8, table["macs_g"].max() * 3.2)
        ax.set_ylim(table["time"].min() / 1.6, table["time"].max() * 1.6)
        for axis in (ax.xaxis, ax.yaxis):
            _powers(axis)
    words = {"VGG": ORANGE, "ResNet": BLUE, "Inception": GREEN}
    handles = [
        Line2D([], [], marker="o", linestyle="none", color=c, markersize=8)
        for c in words.values()
    ]
    panels[1].legend(handles, list(words), loc="lower right")
    return figure


def hyperbola(table, front: Sequence[str]) -> Figure:
    """Accuracy against images per second, one by one: a hyperbola of accuracy and time would be a straight line here.

    table: rows by label with the columns ms and top1; front: the networks that no other beats, filled; the line is
    fitted to them, without AlexNet
    """
    figure, ax = plt.subplots(figsize=(7.4, 4.2), layout="none")
    figure.subplots_adjust(left=0.1, right=0.98, bottom=0.14, top=0.97)
    _whole(figure)
    points = {name: (1000 / row["ms"], row["top1"]) for name, row in table.iterrows()}
    x = np.array([0, max(speed for speed, _ in points.values()) * 1.12])
    fitted = np.array([points[name] for name in front if name != "AlexNet"])
    slope, start = np.polyfit(*fitted.T, 1)
    ax.plot(x, start + slope * x, color=GRAY, linewidth=1)
    ax.set(xlim=x, ylim=(table["top1"].min() - 2, table["top1"].max() + 2))
    ax.set(
        xlabel="images per second, one by one (reference machine)", ylabel="top-1 accuracy, %"
    )
    for name, at in points.items():
        fill = color_of(name) if name in front else "white"
        ax.plot(*at, "o", color=color_of(name), markerfacecolor=fill, markersize=8, zorder=2)
    place_labels(
        ax, points, [4.5] * len(points), gray=[name for name in points if name not in front]
    )
    return figure
