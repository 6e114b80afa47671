"""Pictures of notebook 08."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lecture8.lessons.l08_inception_v4.parts import parts
from lecture8.plots import (
    BLACK,
    BLUE,
    GRAY,
    GREEN,
    LAYER_COLORS,
    ORANGE,
    YELLOW,
    axes,
    lines,
    short,
)
from lecture8.plots.diagrams import BAR, COLUMN, ROW, columns_of, rows_of, diagram, steps

COLORS = {"stem": GRAY, "block": BLUE, "reduction": LAYER_COLORS["pool"], "end": ORANGE}
LEAST, EACH = 1.22, 0.14  # inches: the narrowest part, and one module of a part that has many
HEIGHT = 2.15  # inches of the walk


def walk(profile, *, chosen: str = "", title: str = "", ax=None) -> Figure:
    """A network as a row of its modules, each as high as its map; an arc over every module that adds its input.

    chosen: the name of a part to stand out, such as 'block A'. Under each part stand its shape and multiply-adds.
    """
    stops = parts(profile)
    widths = {name: max(LEAST, EACH * len(part.stages)) for name, part in stops.items()}
    figure, ax = axes(ax, figsize=(sum(widths.values()) + 0.3, HEIGHT))
    at = 0.0
    for name, part in stops.items():
        _draw_part(ax, part, at, widths[name], faint=bool(chosen) and name != chosen)
        at += widths[name]
    ax.set(xlim=(-0.1, at + 0.1), ylim=(-1.0, 1.42), title=title)
    ax.axis("off")
    return figure


def _draw_part(ax, part, left, room, *, faint) -> None:
    count = len(part.stages)
    step = min(0.34, (room - 0.1) / count)
    height = 0.09 + 0.91 * (part.shape[1] / 35 if len(part.shape) == 3 else 0)
    color, strength = COLORS[part.name.split()[0]], 0.3 if faint else 0.95
    first = left + (room - step * count) / 2
    starts = first + step * np.arange(count)
    # one artist for all bars and one for all arcs: an explorer draws this at every move
    ax.broken_barh(
        [(x, step * 0.8) for x in starts], (0, height), color=color, alpha=strength, linewidth=0
    )
    if part.shortcuts:
        turn = np.append(np.linspace(0, np.pi, 13), np.nan)
        x = starts[:, None] + step * 0.4 * (1 + np.cos(turn))
        y = np.broadcast_to(height + 0.03 + 0.2 * np.sin(turn), x.shape)
        ax.plot(x.ravel(), y.ravel(), color=BLACK, alpha=0.4 if faint else 1, linewidth=1.3)
    times = f"{count} × " if count > 1 and part.name.startswith("block") else ""
    under = {"ha": "center", "va": "top", "color": GRAY if faint else BLACK}
    ax.text(
        left + room / 2, -0.08, f"{times}{part.name}", fontsize=10, fontweight="bold", **under
    )
    words = " × ".join(map(str, part.shape)) + f"\n{short(part.macs)}"
    ax.text(left + room / 2, -0.38, words, fontsize=9, **under)


def walks(profiles: Mapping[str, object]) -> Figure:
    """Several networks under each other, each as `walk` draws it; name -> profile."""
    figure, rows = plt.subplots(
        len(profiles), 1, figsize=(10.4, (HEIGHT + 0.1) * len(profiles))
    )
    for ax, (name, profile) in zip(rows, profiles.items(), strict=True):
        title = f"{name}: {profile.params:,} parameters, {profile.macs:,} multiply-adds"
        walk(profile, title=title, ax=ax)
    return figure


def stop(profile, chosen: str, module, cost, *, title: str = "") -> Figure:
    """The walk with one part standing out, and under it that part's module with its branches, shapes and work.

    module: the part's module, or the first of several equal ones; cost: `complexity.profile` of it
    """
    found = steps(module, cost)
    columns, rows = columns_of(found), rows_of(found) + BAR + 0.25
    width, height = 10.7, HEIGHT + 0.35 + ROW * rows
    # places by hand: an explorer draws this at every move, and finding them out takes half of the time
    figure = plt.figure(figsize=(width, height), layout="none")
    top = figure.add_axes((0.005, 1 - HEIGHT / height, 0.99, HEIGHT / height))
    share = min(1.0, COLUMN * columns / width)
    below = figure.add_axes(((1 - share) / 2, 0, share, ROW * rows / height))
    walk(profile, chosen=chosen, ax=top)
    diagram(module, cost, ax=below)
    below.set_title(title, loc="center")
    return figure


def size_or_shortcut(table, macs: Mapping[str, int]) -> Figure:
    """Error against work of networks with and without shortcuts, a pair of lines for each number of crops.

    table: `inception_v4_errors`; macs: network -> multiply-adds; other networks of the table are left out
    """
    figure, ax = plt.subplots(figsize=(8, 4.4))
    rows = table[table["network"].isin(macs)]
    looks = {
        "no": (ORANGE, "o", "-", "without shortcuts"),
        "yes": (BLUE, "D", (0, (4, 1.5)), "with shortcuts"),
    }
    for crops, group in rows.groupby("crops"):
        for kind, (color, marker, dashes, label) in looks.items():
            some = group[group["shortcuts"] == kind]
            x = [macs[name] / 1e9 for name in some["network"]]
            label = label if crops == 1 else None
            ax.plot(
                x,
                some["top1"],
                color=color,
                marker=marker,
                markersize=7,
                linestyle=dashes,
                label=label,
            )
        words = "1 crop" if crops == 1 else f"{crops} crops"
        ax.text(
            max(macs.values()) / 1e9 + 0.35,
            group["top1"].min(),
            words,
            va="center" if crops > 1 else "top",
            fontsize=10,
        )
    for row in rows[rows["crops"] == 1].itertuples():
        above = row.shortcuts == "yes"  # there is room over the dashed line and under the other
        ax.text(
            macs[row.network] / 1e9, row.top1 + (0.17 if above else -0.17), row.network,
            ha="left" if above else "right", va="bottom" if above else "top", fontsize=9.5,
            color=looks[row.shortcuts][0],
        )  # fmt: skip
    ax.set(
        xlabel="multiply-adds, G (counted)",
        ylabel="ImageNet top-1 error, %",
        xlim=(3.2, 15.4),
        ylim=(17.3, 22),
    )
    ax.legend(loc="lower left", fontsize=10)
    return figure


def scaling(runs, width: int, lr: float) -> Figure:
    """Training loss (left) and zeros in the last map (right) by epoch, a line for each scale of the residuals.

    runs: the table `residual_scaling`; width and lr (its column `rate`): which of its runs
    """
    margins = {"left": 0.08, "right": 0.9, "bottom": 0.17, "top": 0.9, "wspace": 0.42}
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10, 3.5), layout="none", gridspec_kw=margins
    )
    chosen = runs[(runs["width"] == width) & (runs["rate"] == lr)]
    loss, zeros = {}, {}
    for scale, rows in chosen.groupby("scale"):
        seeds = [run for _, run in rows.groupby("seed")]
        loss[f"scale {scale:g}"] = [run["train_loss"].to_numpy() for run in seeds]
        zeros[f"scale {scale:g}"] = [100 * run["zeros"].to_numpy() for run in seeds]
    colors = dict(zip(loss, (BLUE, YELLOW, ORANGE), strict=True))
    left.set_ylim(0, 7)  # before the labels are placed: their distance depends on it
    right.set_ylim(0, 104)
    lines(loss, xlabel="epoch", ylabel="training loss", colors=colors, ax=left)
    lines(zeros, xlabel="epoch", ylabel="zeros in the last map, %", colors=colors, ax=right)
    return figure


def growth(deviations: Mapping[str, object], blocks: Mapping[str, int]) -> Figure:
    """Standard deviation of the values after each block; name -> seeds × blocks; blocks: kind -> how many, in order."""
    figure, ax = plt.subplots(figsize=(8.5, 3.8))
    colors = dict(zip(deviations, (ORANGE, YELLOW, BLUE), strict=True))
    lines(
        deviations,
        xlabel="block, from the image to the logits",
        ylabel="standard deviation",
        colors=colors,
        ax=ax,
    )
    at = 0.5
    for kind, count in blocks.items():
        if at > 0.5:
            ax.axvline(at, color=GRAY, linewidth=1, linestyle=(0, (2, 2)), zorder=0)
        middle = at + count / 2
        ax.text(
            middle,
            1.01,
            kind,
            transform=ax.get_xaxis_transform(),
            ha="center",
            va="bottom",
            color=GRAY,
        )
        at += count
    ax.set_xticks([1, *range(5, round(at), 5)])
    ax.set_ylim(bottom=0)
    return figure


def additions(curves) -> Figure:
    """Training loss (left) and validation accuracy (right) by epoch, with one block a stage and with three.

    With equal cost, batch normalization after every convolution, three seeds and each kind at its own best rate, the
    addition helps training where the network is deep. Three blocks a stage: after 12 epochs the training loss is 0.005 to
    0.007 with it, 0.04 to 0.12 with the addition deleted, 0.012 to 0.025 with Inception modules; after 36 epochs it is
    less than half of both. One block a stage: no difference. New images do not notice: 98 % and more for all at the end.
    (For residual blocks the best rate, 0.032, is the highest that was tried.)

    curves: the table `addition_curves`; of its kinds, those with batch normalization after every convolution
    """
    colors = {"residual": BLUE, "addition deleted": ORANGE, "Inception": GREEN}
    figure, grid = plt.subplots(2, 2, figsize=(10.5, 7))
    for row, (blocks, runs) in zip(grid, curves.groupby("blocks")):
        for ax, column, word in zip(
            row, ("train_loss", "valid_accuracy"), ("training loss", "validation accuracy, %")
        ):
            scale = 100 if column == "valid_accuracy" else 1
            series = {
                kind: [
                    scale * run[column].to_numpy()
                    for _, run in runs[runs["kind"] == kind].groupby("seed")
                ]
                for kind in colors
            }
            if scale == 100:
                ax.set_ylim(50, 101)  # before the labels are placed
            title = f"{blocks} block{'s' * (blocks > 1)} a stage"
            lines(
                series,
                xlabel="epoch",
                ylabel=word,
                title=title,
                colors=colors,
                log=scale == 1,
                ax=ax,
            )
    return figure
