"""The pictures of lesson 08."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from lecture8 import complexity, datasets, models, transfer
from lecture8.lessons.l08_inception_v4.parts import parts
from lecture8.lessons.l08_inception_v4.pieces import as_text
from lecture8.plots import (
    BLACK,
    BLUE,
    GRAY,
    GREEN,
    LAYER_COLORS,
    ORANGE,
    YELLOW,
    axes,
    images,
    lines,
    short,
)
from lecture8.plots.diagrams import (
    BAR,
    BOX,
    COLUMN,
    LANDING,
    ROW,
    columns_of,
    diagram,
    rows_of,
    steps,
)
from lecture8.words import phrase

COLORS = {"stem": GRAY, "block": BLUE, "reduction": LAYER_COLORS["pool"], "end": ORANGE}
LEAST, EACH = 1.25, 0.14  # inches: the narrowest part, and one module of a part that has many
HEIGHT = 2.15  # inches of the walk


def walk(profile, *, chosen: str = "", title: str = "", ax=None) -> Figure:
    """A network as a row of its modules, each as high as its feature map; an arc over every module that adds its input.

    chosen: the name of a part to stand out, such as 'block A'. Its shape and multiply-adds are written under each part.
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


EXPLAINED = (
    "→ channels · multiply-adds; the darker part is the share of the most expensive layer"
)


def _name_f(ax) -> None:
    """Writes into the wide 1 × 1 after the concatenation, where a block has one, that it is F(x) and has no ReLU."""
    ends = [text.get_position()[1] for text in ax.texts if text.get_text().startswith("sum")]
    if ends:
        wide = [t for t in ax.texts if t.get_text() == "1 × 1 conv"]
        low = min(wide, key=lambda text: text.get_position()[1])
        low.set_text("1 × 1 conv, no ReLU: F(x)")


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
        left + room / 2, -0.08, f"{times}{part.name}", fontsize=11, fontweight="bold", **under
    )
    words = " × ".join(map(str, part.shape)) + f"\n{short(part.macs)}"
    ax.text(left + room / 2, -0.38, words, fontsize=10, **under)


def walks(profiles: Mapping[str, object]) -> Figure:
    """Several networks under each other, each as `walk` draws it; name -> profile."""
    figure, rows = plt.subplots(
        len(profiles), 1, figsize=(10.2, (HEIGHT + 0.1) * len(profiles))
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
    _name_f(below)
    below.set_title(title or EXPLAINED, loc="center", fontsize=10)
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
        title="Compare the points of a pair: the hybrids also cost 7 to 9 % more",
        xlim=(3.2, 15.4),
        ylim=(17.3, 22),
    )
    ax.legend(loc="lower left", fontsize=10)
    return figure


def scaling(runs, width: int, lr: float) -> Figure:
    """Training loss (left) and zeros in the last feature map (right) by epoch, a line for each scale of the residuals.

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
    lines(
        zeros,
        xlabel="epoch",
        ylabel="zeros in the last feature map, %",
        colors=colors,
        ax=right,
    )
    return figure


def additions(curves) -> Figure:
    """Training loss (left) and validation accuracy (right) by epoch, with one block a stage and with three.

    curves: the table `addition_curves`; of its kinds, those with batch normalization after every convolution
    """
    names = {
        "residual": "with shortcuts",
        "addition deleted": "additions deleted",
        "Inception": "Inception",
    }
    colors = dict(zip(names.values(), (BLUE, ORANGE, GREEN)))
    figure, grid = plt.subplots(2, 2, figsize=(10.5, 7))
    for row, (blocks, runs) in zip(grid, curves.groupby("blocks")):
        for ax, column, word in zip(
            row,
            ("train_loss", "valid_accuracy"),
            ("training loss", "validation accuracy, %, from 90"),
        ):
            scale = 100 if column == "valid_accuracy" else 1
            series = {
                name: [
                    scale * run[column].to_numpy()
                    for _, run in runs[runs["kind"] == kind].groupby("seed")
                ]
                for kind, name in names.items()
            }
            if scale == 100:
                ax.set_ylim(90, 100.3)  # before the labels are placed
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


def ends_of(curves):
    """Training loss after 12 and 36 epochs, times 1,000, and the test accuracy in the end; means of the seeds."""
    kinds = {
        "residual": "with shortcuts",
        "Inception": "Inception",
        "addition deleted": "additions deleted",
    }
    mean = curves.assign(kind=curves["kind"].map(kinds)).groupby(["blocks", "kind", "epoch"])
    mean = mean[["train_loss", "test_accuracy"]].mean().unstack()
    table = 1000 * mean["train_loss"][[12, 36]].round(6)
    table.columns = ["1,000 × training loss, epoch 12", "epoch 36"]
    table["test accuracy, %"] = 100 * mean["test_accuracy"][36]
    return table.round(1).sort_index(ascending=[False, True])


def hundred_steps(steps) -> Figure:
    """Training loss (left) and zeros in the last feature map (right) by step, a line for each scale.

    steps: rows of the table `first_steps`, of one width and rate
    """
    figure, grid = plt.subplots(1, 2, figsize=(10, 3.4))
    words = "training loss", "zeros in the last feature map, %"
    for ax, column, ylabel in zip(grid, ("loss", "zeros"), words):
        runs = {
            kind: [run[column].to_numpy() for _, run in rows.groupby("seed")]
            for kind, rows in steps.groupby("kind")
        }
        ax.set_ylim(0, 9 if column == "loss" else 104)
        colors = dict(zip(("scale 1", "scale 0.3", "scale 0.1"), (ORANGE, YELLOW, BLUE)))
        lines(
            runs, sorted(set(steps["step"])), xlabel="step", ylabel=ylabel, colors=colors, ax=ax
        )
    grid[0].axhline(np.log(10), color=GRAY, linestyle=":", linewidth=1.2)
    grid[0].text(100, np.log(10) + 0.15, "guessing", ha="right", color=GRAY, fontsize=10)
    return figure


def few_shades(picture):
    """Values from 0 to 1 in 20 steps: as good to the eye and half as large."""
    return np.round(np.clip(picture, 0, 1) * 20) / 20


def two_ways(x, f) -> Figure:
    """The same feature maps concatenated and added, all on one gray scale.

    x, f: what enters a block and what it computes, n × H × W each
    """
    n, scale = len(x), float(np.percentile(np.abs(np.concatenate([x, f])), 99.3))
    rows = {
        f"x\n{n} maps": [(0, x)],
        f"F(x)\n{n} maps": [(n, f)],
        f"concatenated\n{2 * n} maps": [(0, x), (n, f)],
        f"added\n{n} maps": [(0, np.asarray(x) + np.asarray(f))],
    }
    figure, grid = plt.subplots(4, 2 * n, figsize=(8.6, 4.1))
    for line, (words, joined) in zip(grid, rows.items()):
        for ax in line:
            ax.axis("off")
        for start, maps in joined:
            for ax, one in zip(line[start:], maps):
                ax.imshow(
                    few_shades(0.5 + 0.5 * np.asarray(one) / scale), cmap="gray", vmin=0, vmax=1
                )
        line[0].text(
            -0.2, 0.5, words, transform=line[0].transAxes, ha="right", va="center", fontsize=11
        )
    figure.suptitle(
        "One block of a trained network: what enters, what it computes, and two ways to join them"
    )
    return figure


def block_diagram(block, shape: tuple[int, int, int], title: str) -> Figure:
    """A `ScaledResidual` drawn with what has no weights, too: its scale, and the ReLU after the sum."""
    cost = complexity.profile(block, shape)
    found = steps(block, cost)
    columns, rows = columns_of(found), rows_of(found) + BAR + 0.25
    figure, ax = plt.subplots(figsize=(COLUMN * columns + 0.3, ROW * (rows + 1.1) + 0.5))
    diagram(block, cost, title=title, ax=ax)
    bottom = -rows + 0.25  # under the bar of the sum
    middle = (columns - 1) / 2  # of the branches; the last column is the shortcut
    mark = {"ha": "center", "va": "center", "fontsize": 11, "fontweight": "bold"}
    scaled = {
        "boxstyle": "round,pad=0.25",
        "facecolor": "white",
        "edgecolor": ORANGE,
        "linewidth": 1.6,
    }
    for text in ax.texts:  # the shape beside the arrow makes room
        x, y = text.get_position()
        if abs(x - middle - 0.05) < 0.01 and abs(y - bottom - BAR - 0.36) < 0.01:
            text.set_x(middle + 0.3)
    ax.text(
        middle,
        bottom + BAR + LANDING - 0.16,
        f"× {block.scale:g}",
        color=ORANGE,
        bbox=scaled,
        **mark,
    )
    ax.text(
        columns - 0.45,
        bottom + BAR + 1.5,
        "shortcut:\nx, unchanged",
        ha="left",
        va="center",
        fontsize=10,
    )
    _name_f(ax)
    arrow = {"arrowstyle": "-|>", "color": GRAY, "linewidth": 1.2}
    places = (columns / 2, bottom - 0.4), (columns / 2, bottom)
    ax.annotate("", *places, arrowprops=arrow | {"shrinkA": 0, "shrinkB": 0})
    ax.add_patch(
        plt.Rectangle(
            (0.06, bottom - 0.4 - BOX),
            columns - 0.12,
            BOX,
            color=GREEN,
            alpha=0.25,
            linewidth=0,
        )
    )
    ax.text(columns / 2, bottom - 0.4 - BOX / 2, "ReLU", **mark)
    ax.set_ylim(-rows - 0.85, 0.04)
    ax.set_xlim(-0.04, columns + 0.4)
    return figure


def mosaic(feature_map) -> np.ndarray:
    """A feature map, C × H × W, as one picture: a tile per channel, zeros black, all else brighter the larger it is."""
    values = np.asarray(feature_map, float)
    c, height, width = values.shape
    columns = 2 ** int(np.ceil(np.log2(np.sqrt(2 * c))))
    light = np.where(
        values > 0, 0.3 + 0.7 * np.sqrt(np.clip(values / (values.max() or 1), 0, 1)), 0
    )
    gap = max(1, height // 4)
    size = 3 if height < 4 else 1
    light = np.kron(light, np.ones((1, size, size)))
    tiles = np.full((c, height * size + gap, width * size + gap), 0.12)
    tiles[:, : height * size, : width * size] = light
    rows = -(-c // columns)
    tiles = np.concatenate([tiles, np.zeros((rows * columns - c, *tiles.shape[1:]))])
    return (
        tiles.reshape(rows, columns, *tiles.shape[1:])
        .swapaxes(1, 2)
        .reshape(rows * tiles.shape[1], -1)
    )


def _frame(ax, feature_map) -> None:
    ax.imshow(
        few_shades(mosaic(feature_map)), cmap="inferno", vmin=0, vmax=1, interpolation="nearest"
    )
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def strip(films: Mapping[str, object], at: Sequence[int]) -> Figure:
    """Stills of films: a row per film, a column per step; every tile is a channel of the last feature map.

    films: name -> `pieces.Film`; at: the steps
    """
    figure, grid = plt.subplots(
        len(films), len(at), figsize=(10, 1.02 * len(films) + 0.65), squeeze=False
    )
    for line, (name, film) in zip(grid, films.items()):
        for ax, step in zip(line, at):
            _frame(ax, film.maps[step])
            ax.set_xlabel(
                f"{100 * float((film.maps[step] == 0).float().mean()):.0f} % zeros",
                fontsize=9,
                labelpad=2,
            )
        line[0].set_ylabel(name, fontsize=11)
    for ax, step in zip(grid[0], at):
        ax.set_title(f"step {step}", fontsize=11, loc="center", pad=4)
    figure.suptitle("The last feature map for one image, seed 0", fontsize=11)
    return figure


def frame(films: Mapping[str, object], step: int) -> Figure:
    """One step of several films, and above it the zeros by step."""
    figure = plt.figure(figsize=(10, 4.6), layout="none")
    top = figure.add_axes((0.07, 0.58, 0.8, 0.36))
    colors = dict(zip(films, (ORANGE, YELLOW, BLUE)))
    for i, (name, film) in enumerate(films.items()):
        top.plot(film.zeros, color=colors[name], label=name)
        top.plot(step, film.zeros[step], "o", color=colors[name])
        ax = figure.add_axes((0.02 + 0.33 * i, 0.01, 0.3, 0.36))
        _frame(ax, film.maps[step])
        ax.set_title(f"{name}, step {step}: one image", fontsize=11, loc="center", pad=4)
    top.set(
        ylim=(0, 104),
        ylabel="zeros, %, of a batch",
        xlabel="step",
        xticks=range(0, len(film.zeros), 5),
    )
    top.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=10)
    return figure


def reel(films: Mapping[str, object]) -> dict:
    """The same films for `film.js`: the last feature map for one image, and the zeros in the batches by step."""
    frames, steps = [], list(range(len(next(iter(films.values())).zeros)))
    names = ", ".join(films).replace(", scale", ",")
    for i in steps:
        off = ", ".join(f"{film.zeros[i]:.0f}" for film in films.values())
        loss = ", ".join(f"{film.losses[i]:.2f}" for film in films.values())
        said = phrase(f"Step {i}, with {names}: {off} % zeros in the batch, a loss of {loss}.")
        frames.append({"name": phrase(f"step {i}"), "at": i, "words": said})
    panels, series = [], []
    for (name, film), color in zip(films.items(), (ORANGE, YELLOW, BLUE)):
        maps = torch.stack(film.maps)
        share = [f"{100 * float((one == 0).double().mean()):.0f}" for one in maps]
        captions = [phrase(f"{percent} % zeros") for percent in share]
        panel = {"kind": "tiles", "title": phrase(f"{name}: one image"), "beside": 16}
        panel |= {"shape": list(maps[0].shape), "values": as_text(maps), "captions": captions}
        panels.append(panel)
        series.append({"name": name, "values": film.zeros, "color": color})
    lines = {"kind": "lines", "x": steps, "low": 0, "high": 100, "unit": " %", "series": series}
    lines |= {
        "title": phrase("Zeros in the batch"),
        "across": phrase("step"),
        "up": phrase("zeros, %"),
    }
    return {"frames": frames, "label": "step", "panels": [*panels, lines]}


@torch.no_grad()
def in_and_out(photo: torch.Tensor, most: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """What enters the first block of a trained network, and what the block computes: the `most` varied feature maps.

    photo: 3 × H × W bytes
    """
    net = models.small.inception_resnet(weights="cifar10").eval()
    x = net.features.stem(transfer.normalize(photo[None] / 255, like="cifar10"))
    block = net.features.inception_a1
    f = (block.scale * block.up(block.branches(x)))[0]
    top = x[0].flatten(1).std(1).argsort(descending=True)[:most]
    return x[0, top].numpy(), f[top].numpy()


def photographs(titles: Sequence[str]) -> Figure:
    """The ten photographs of animals, each under what a network says about it."""
    shown = [few_shades(photo.numpy() / 255) for photo in datasets.animals(120).values()]
    return images(shown, titles, columns=5, size=1.5)
