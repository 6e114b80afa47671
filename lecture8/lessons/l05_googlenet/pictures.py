"""Pictures of notebook 05."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from lecture8 import published
from lecture8.lessons.l05_googlenet.modules import BRANCHES, branches
from lecture8.models.googlenet import MODULES
from lecture8.words import phrase, say
from lecture8.plots import BLACK, BLUE, GRAY, GREEN, ORANGE, PINK, SKY, YELLOW, lines, short

COLORS = dict(zip(BRANCHES, (SKY, BLUE, ORANGE, YELLOW), strict=True))
PIPE = "#DCE3EA"
HEAT = LinearSegmentedColormap.from_list("heat", ["#FFF3D6", "#F4A259", "#C8371B"])


def areas(networks: Mapping[str, tuple[float, float]]) -> Figure:
    """Networks as squares whose areas are to scale: name -> (parameters, multiply-adds)."""
    figure, panels = plt.subplots(1, 2, figsize=(9, 2.9))
    for ax, number, title in zip(panels, (0, 1), ("parameters", "multiply-adds for one image")):
        most, x = max(values[number] for values in networks.values()), 0.0
        for (name, values), color in zip(networks.items(), (GRAY, BLUE, ORANGE), strict=True):
            side = (values[number] / most) ** 0.5
            ax.add_patch(plt.Rectangle((x, 0), side, side, color=color, linewidth=0))
            middle = x + max(side, 0.42) / 2
            ax.text(x + side / 2, side + 0.04, short(values[number]), ha="center", fontsize=11)
            ax.text(x + side / 2, -0.06, name, ha="center", va="top", fontsize=10)
            x = middle + max(side, 0.42) / 2 + 0.16
        ax.set(xlim=(-0.1, 2.4), ylim=(-0.2, 1.2), aspect="equal", title=title)
        ax.axis("off")
    return figure


def pipes(designs: Mapping[str, Sequence], c_in: int, side: int) -> Figure:
    """Modules as pipes, as high as their channels are many; a convolution's color is its number of multiply-adds.

    designs: name -> widths (1 × 1, 3 × 3 reduce, 3 × 3, 5 × 5 reduce, 5 × 5, pool projection), "none" for a reduction or
    a projection that is not there; c_in, side: of the input
    """
    # fixed margins: an explorer draws this at every move
    figure, panels = plt.subplots(
        1, len(designs), figsize=(5.2 * len(designs), 4.9), squeeze=False, layout="none"
    )
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.9, wspace=0.04)
    ways = {name: branches(c_in, side, widths) for name, widths in designs.items()}
    most = max(macs for found in ways.values() for way in found.values() for *_, macs in way)
    highest = max(
        c_in, *(c for found in ways.values() for way in found.values() for _, _, c, _ in way)
    )
    room = highest * 1.22
    for ax, (name, found) in zip(panels.flat, ways.items(), strict=True):
        total = sum(way[-1][2] for way in found.values())
        bottom = 1.5 * room - total / 2 + total
        for row, (branch, way) in enumerate(found.items()):
            y, x, c, macs = (3 - row) * room, 0.0, c_in, 0
            _band(ax, x, x + 0.8, y, c)
            x += 0.8
            for kernel, _, c_out, macs in way:
                color = "#C9C9C9" if kernel == "pool" else HEAT(macs / most)
                corners = [(x, y - c / 2), (x, y + c / 2), (x + 1.25, y + c_out / 2), (x + 1.25, y - c_out / 2)]  # fmt: skip
                ax.add_patch(plt.Polygon(corners, facecolor=color, edgecolor="white"))
                words = kernel + (f"\n{short(macs)}" if macs else "")
                ink = "white" if macs > 0.75 * most else "black"
                ax.text(x + 0.62, y, words, ha="center", va="center", fontsize=9.5, color=ink)
                reach = 0.45 if (kernel, c_out) != (way[-1][0], way[-1][2]) else 5.6 - x - 1.25
                _band(ax, x + 1.25, x + 1.25 + reach, y, c_out)
                x, c = x + 1.25 + reach, c_out
            ax.text(5.5, y, f"{c}", ha="right", va="center", fontsize=9.5)
            fan = [(5.6, y - c / 2), (5.6, y + c / 2), (6.7, bottom), (6.7, bottom - c)]
            ax.add_patch(plt.Polygon(fan, facecolor=PIPE, alpha=0.45, linewidth=0))
            look = {"facecolor": COLORS[branch], "edgecolor": "white"}
            ax.add_patch(plt.Rectangle((6.7, bottom - c), 0.3, c, **look))
            bottom -= c
        spent = sum(macs for way in found.values() for *_, macs in way)
        ax.text(0.05, 3 * room, f"{c_in}", va="center", fontsize=9.5)
        ax.text(7.08, 1.5 * room, f"{total}\nout", va="center", fontsize=10, weight="bold")
        ax.set_title(f"{name}: {short(spent)} multiply-adds", fontsize=12, loc="left")
        ax.set(xlim=(-0.05, 7.75), ylim=(-0.6 * room, 3.62 * room))
        ax.axis("off")
    return figure


def _band(ax, left, right, y, channels) -> None:
    ax.add_patch(
        plt.Rectangle((left, y - channels / 2), right - left, channels, color=PIPE, linewidth=0)
    )


def network_map(profile) -> Figure:
    """The whole network from top to bottom: each feature map as a square, its channels as a bar, to scale.

    profile: of an nn.Sequential of a stem, the modules with pooling layers between them, and the end
    """
    rows = _rows(profile)
    figure, ax = plt.subplots(figsize=(9, 0.37 * len(rows)))
    for y, (name, shape, macs) in enumerate(rows):
        widths, side = MODULES.get(name), shape[1] if len(shape) == 3 else 1
        parts = [widths[i] for i in (0, 2, 4, 5)] if widths else [shape[0]]
        colors = (
            [GRAY if name == "pooling" else "#9AA7B4"] if widths is None else COLORS.values()
        )
        dark = {"color": BLACK, "linewidth": 0, "alpha": 0.75}
        ax.add_patch(
            plt.Rectangle((-405 - side * 0.13, y - side / 460), side * 0.26, side / 230, **dark)
        )
        words = f"{shape[0]} × {side} × {side}" if len(shape) == 3 else f"{shape[0]:,}"
        weight = "bold" if widths else "normal"
        ax.text(-345, y, name, va="center", fontsize=10, weight=weight)
        ax.text(-15, y, words, va="center", ha="right", fontsize=9.5)
        x = 0
        for part, color in zip(parts, colors):
            look = {"facecolor": color, "edgecolor": "white"}
            ax.add_patch(plt.Rectangle((x, y - 0.37), part, 0.74, **look))
            if widths and part >= 64:
                ax.text(x + part / 2, y, part, ha="center", va="center", fontsize=8.5)
            x += part
        if macs:
            ax.text(x + 12, y, short(macs), va="center", fontsize=9, color="#555555")
    handles = [plt.Rectangle((0, 0), 1, 1, color=color) for color in COLORS.values()]
    ax.legend(handles, BRANCHES, loc="upper right", title="branch", fontsize=9.5, ncols=2)
    ax.set(xlim=(-450, 1120), ylim=(len(rows) - 0.4, -1.2))
    for x, words in ((-405, "map"), (-95, "shape"), (150, "channels, multiply-adds")):
        ax.text(x, -0.95, words, ha="center", fontsize=9.5, color="#555555")
    ax.axis("off")
    return figure


def _rows(profile) -> list[tuple]:
    """Name, output shape and multiply-adds of the image and of all steps with a size of their own."""
    groups = {}
    for layer in profile.layers:
        path = layer.name.split(".")
        groups.setdefault(".".join(path[: 2 if path[0] == "0" else 1]), []).append(layer)
    said = {
        "Conv2d": "conv",
        "MaxPool2d": "pooling",
        "AdaptiveAvgPool2d": "average",
        "Linear": "linear",
    }
    rows, modules = [("image", profile.input_size, 0)], iter(MODULES)
    for layers in groups.values():
        name = next(modules) if layers[-1].kind == "cat" else said.get(layers[0].kind)
        if name:
            rows.append((name, layers[-1].output_shape, sum(layer.macs for layer in layers)))
    return rows


def shares(rows: Mapping[str, tuple[float, float]]) -> Figure:
    """How much of a network its linear layers are: name -> (share of parameters, share of multiply-adds)."""
    figure, ax = plt.subplots(figsize=(7.5, 1 + 0.5 * len(rows)))
    for i, (params, macs) in enumerate(list(rows.values())[::-1]):
        ax.plot([macs, params], [i, i], color=GRAY, linewidth=1)
        ax.plot(params, i, "o", color=BLUE, markersize=9)
        ax.plot(macs, i, "D", color=ORANGE, markersize=8)
        ax.text(params + 0.02, i, f"{100 * params:.1f} %", va="center", fontsize=10)
        ax.text(macs, i + 0.2, f"{100 * macs:.2f} %", va="bottom", ha="left", fontsize=10)
    ax.text(params, i + 0.42, "parameters", color=BLUE, fontsize=10, ha="center")
    ax.text(max(macs, 0.04), i + 0.62, "compute", color=ORANGE, fontsize=10, ha="left")
    ax.set_yticks(range(len(rows)), list(rows)[::-1])
    limits = {"xlim": (-0.03, 1.12), "ylim": (-0.4, len(rows) - 0.05)}
    ax.set(xlabel="the linear layers' share", **limits)
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.tick_params(left=False)
    return figure


def normalized_together() -> Figure:
    """Which values of a batch share a mean and a variance: those of one channel, in all images and at all pixels."""
    figure, ax = plt.subplots(figsize=(6.4, 2.7))
    for column, color in enumerate((SKY, ORANGE, GREEN, PINK)):
        for row in range(3):
            for pixel in range(16):
                corner = (2 * column + 0.3 * (pixel % 4), -1.55 * row + 0.3 * (pixel // 4))
                ax.add_patch(plt.Rectangle(corner, 0.27, 0.27, color=color, linewidth=0))
        words = f"$\\mu_{column + 1},\\ \\sigma^2_{column + 1}$"
        ax.text(2 * column + 0.6, -3.5, words, ha="center", va="top", fontsize=13, color=color)
        ax.text(2 * column + 0.6, 1.4, f"channel {column + 1}", ha="center", fontsize=10)
    for row in range(3):
        ax.text(
            -0.3, -1.55 * row + 0.6, f"image {row + 1}", ha="right", va="center", fontsize=10
        )
    ax.text(7.7, -3.65, "one of each\nper channel", va="center", fontsize=10)
    ax.set(xlim=(-1.7, 9.6), ylim=(-4.2, 1.8), aspect="equal")
    ax.axis("off")
    return figure


def histograms(steps: Mapping[str, np.ndarray], channels: Sequence[int]) -> Figure:
    """The values of a few channels after each step, a row for each channel: title -> channels × values."""
    size = {"figsize": (9.5, 1.2 + 0.95 * len(channels)), "sharex": True, "sharey": True}
    figure, panels = plt.subplots(len(channels), len(steps), **size)
    low, high = np.quantile(np.asarray(next(iter(steps.values()))), (0.005, 0.995))
    edges = np.linspace(min(low, -3), max(high, 3), 56)
    for column, (title, values) in enumerate(steps.items()):
        for row, (one, color) in enumerate(zip(values, (BLUE, ORANGE, GREEN))):
            ax, one = panels[row, column], np.asarray(one)
            ax.hist(one, edges, density=True, color=color, alpha=0.75)
            ax.axvline(0, color=BLACK, linewidth=0.8)
            ax.axvline(one.mean(), color=color, linewidth=1.6, linestyle=(0, (3, 2)))
            words = f"mean {round(one.mean(), 1) + 0.0:.1f}\nst. dev. {one.std():.1f}"
            ax.text(0.98, 0.95, words, transform=ax.transAxes, ha="right", va="top", fontsize=9)
            ax.set(yticks=[])
            ax.spines["left"].set_visible(False)
        panels[0, column].set_title(title)
        panels[-1, column].set_xlabel("value")
    for ax, channel in zip(panels[:, 0], channels, strict=True):
        ax.set_ylabel(f"channel {channel}")
    return figure


def among_others(alone: Mapping[str, float], together: Sequence[Sequence[float]]) -> Figure:
    """A probability for each photograph: in evaluation mode a diamond, in training mode a dot for each batch it was in.

    alone: name -> probability in percent; together: photographs × batches
    """
    figure, ax = plt.subplots(figsize=(8, 3.6))
    for y, values in enumerate(together):
        ax.plot(values, [y] * len(values), "o", color=BLUE, alpha=0.4, markersize=5)
    ax.plot(list(alone.values()), range(len(alone)), "D", color=ORANGE, markersize=8)
    ax.set_yticks(range(len(alone)), list(alone))
    ax.set(
        xlabel="probability of the class chosen in evaluation mode, %",
        xlim=(-2, 102),
        ylim=(len(alone) - 0.5, -0.5),
    )
    words = "evaluation mode", "training mode, other neighbors each time"
    for label, marker, color in zip(words, "Do", (ORANGE, BLUE)):
        ax.plot([], [], marker, color=color, label=label)
    figure.legend(loc="outside upper center", ncols=2)
    return figure


PLACES = "pool 1", "stem", "3a", "3b", "pool", "4a", "4b", "4c", "4d", "4e", "pool", "5a", "5b"
STARTS = {"Glorot": ORANGE, "He": BLUE, "PyTorch": GRAY}
EXTRAS = {"": "-", ", heads": (0, (1, 1.2)), ", BN": (0, (5, 2))}


def _tracks(ax, tracks: Mapping[str, Sequence], heads: Sequence[int]) -> None:
    """Lines along a network, one for each name ("He, BN"): seeds × places; several seeds are drawn faint."""
    at = range(len(PLACES))
    for name, seeds in tracks.items():
        start = name.split(",")[0]
        look = {"color": STARTS[start], "linestyle": EXTRAS[name.removeprefix(start)]}
        if len(seeds) > 1:
            ax.plot(at, np.transpose(seeds), **look, linewidth=0.7, alpha=0.45)
        ax.plot(at, np.exp(np.log(seeds).mean(0)), **look, label=name, linewidth=2)
    for head in heads:
        ax.axvline(head + 1, color=PINK, linewidth=1, zorder=0)
        look = {"ha": "center", "va": "bottom", "fontsize": 9, "color": PINK}
        ax.text(head + 1, 1.01, "head", transform=ax.get_xaxis_transform(), **look)
    ax.set_yscale("log")
    ax.set_xticks(at, PLACES, fontsize=9)


def fading(signals: Mapping[str, Sequence], heads: Sequence[int] = ()) -> Figure:
    """Gradient at the outputs of the stages: name -> `modules.Signals` of some seeds; heads: stages with a classifier."""
    figure, ax = plt.subplots(figsize=(8.5, 3.6))
    tracks = {name: [one.backward for one in seeds] for name, seeds in signals.items()}
    _tracks(ax, tracks, heads)
    ax.set(xlabel="output of …, from the image to the end", ylabel="gradient of a value (RMS)")
    ax.legend(handlelength=3)
    return figure


def both_ways(signals: Mapping[str, Sequence], heads: Sequence[int] = ()) -> Figure:
    """Values and gradients at the outputs of the stages: name -> `modules.Signals` of some seeds."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.2))
    titles = "forward: standard deviation", "backward: gradient of a value (RMS)"
    for ax, title, way in zip(panels, titles, ("forward", "backward"), strict=True):
        tracks = {name: [getattr(one, way) for one in seeds] for name, seeds in signals.items()}
        _tracks(ax, tracks, heads if way == "backward" else ())
        ax.tick_params(axis="x", rotation=60)
        ax.set_xlabel("output of …")
        ax.set_title(title, pad=16)
    figure.legend(
        *ax.get_legend_handles_labels(), loc="outside lower center", ncols=4, handlelength=3
    )
    return figure


def dots(values: Mapping[str, Sequence[float]], xlabel: str) -> Figure:
    """A dot for each seed, and a line at their mean: name -> values."""
    figure, ax = plt.subplots(figsize=(7.5, 0.9 + 0.55 * len(values)))
    for y, several in enumerate(values.values()):
        mean = np.mean(several)
        ax.plot([mean, mean], [y - 0.22, y + 0.22], color=ORANGE, linewidth=3)
        ax.text(
            mean,
            y - 0.26,
            f"mean {mean:.1f}",
            ha="center",
            va="bottom",
            fontsize=9.5,
            color=ORANGE,
        )
        ax.plot(several, [y] * len(several), "o", color=BLUE, markersize=7)
    ax.set_yticks(range(len(values)), list(values))
    most = max(max(several) for several in values.values())
    ax.set(xlabel=xlabel, xlim=(-0.2, 1.1 * most), ylim=(len(values) - 0.5, -0.7))
    return figure


def judged(
    names: Sequence[str], said: Sequence[str], truth: Mapping[str, str]
) -> tuple[list, int]:
    """A title for each photograph, and how many are right; truth: name -> the class to be said, "" if there is none."""
    words = {True: "right", False: "wrong"}
    right = {name: line.split(",")[0] == truth[name] for name, line in zip(names, said)}
    verdicts = [words[right[name]] if truth[name] else "no class" for name in names]
    titles = [
        f"{name}\n{verdict}: {line}" for name, verdict, line in zip(names, verdicts, said)
    ]
    return titles, sum(right.values())


WEIGHTS = {"glorot": "Glorot", "he fan-in": "He (fan-in)", "he fan-out": "He (fan-out)", "pytorch": "PyTorch's default"}  # fmt: skip


def evidence(table: pd.DataFrame, arm: Mapping) -> Figure:
    """Validation accuracy of one kind of network by epoch, beside the one that all questions start from.

    table: `auxiliary_grid`; arm: its init, norm, heads and lr
    """
    figure, ax = plt.subplots(figsize=(7.5, 3.4), layout="none")
    figure.subplots_adjust(0.09, 0.16, 0.84, 0.97)
    start = {"init": "glorot", "norm": False, "heads": "none", "lr": 0.002}
    series = {"start": accuracies(table, start, 10)}
    if arm != start:
        series["yours"] = accuracies(table, arm, 10)
    words = {"xlabel": "epoch", "ylabel": "validation accuracy, %"}
    lines(series, **words, colors={"start": GRAY, "yours": BLUE}, ax=ax)
    ax.set(ylim=(0, 102))
    return figure


def accuracies(table: pd.DataFrame, arm: Mapping, epochs: int) -> list[list[float]]:
    """Validation accuracy in percent after epochs 1 to `epochs`, for each seed."""
    rows = table[
        (table[list(arm)] == pd.Series(arm)).all(axis=1) & table["epoch"].between(1, epochs)
    ]
    return [list(100 * run["valid_accuracy"]) for _, run in rows.groupby("seed")]


def board(table: pd.DataFrame, epoch: int) -> Figure:
    """All of the evidence: accuracy after an epoch, mean of the seeds, by initial weights and by what else was changed.

    table: `auxiliary_grid`
    """
    columns = {
        "rate\n0.0005": ("none", 0.0005), "rate\n0.002": ("none", 0.002), "rate\n0.008": ("none", 0.008),
        "0.002,\nheads": ("both", 0.002),
    }  # fmt: skip
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.7), sharey=True)
    for ax, norm in zip(panels, (False, True), strict=True):
        arms = [
            [{"init": init, "norm": norm, "heads": heads, "lr": lr} for heads, lr in columns.values()]
            for init in WEIGHTS
        ]  # fmt: skip
        ends = [
            [[run[-1] for run in accuracies(table, arm, epoch)] for arm in row] for row in arms
        ]
        cells = np.mean(ends, 2)
        ax.imshow(cells, cmap="viridis", vmin=0, vmax=100, aspect="auto")
        for (y, x), value in np.ndenumerate(cells):
            look = {"ha": "center", "color": "white" if value < 65 else "black"}
            ax.text(x, y + 0.03, f"{value:.0f}", va="bottom", fontsize=12, **look)
            span = f"{min(ends[y][x]):.0f} to {max(ends[y][x]):.0f}"
            ax.text(x, y + 0.13, span, va="top", fontsize=8, **look)
        ax.set_xticks(range(len(columns)), list(columns))
        ax.set_yticks(range(len(WEIGHTS)), list(WEIGHTS.values()))
        ax.set_title(f"{'with' if norm else 'without'} batch normalization", fontsize=11)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    figure.suptitle(
        f"validation accuracy after {epoch} epochs, %: mean, and lowest to highest of three seeds",
        fontsize=11,
    )
    return figure


ARMS = {  # name -> initial weights, batch normalization, heads
    "Glorot (start)": ("glorot", False, "none"),
    "Glorot, batch norm": ("glorot", True, "none"),
    "He (fan-in)": ("he fan-in", False, "none"),
    "He (fan-in), batch norm": ("he fan-in", True, "none"),
    "Glorot, heads": ("glorot", False, "both"),
    "PyTorch's default": ("pytorch", False, "none"),
    "PyTorch's default, batch norm": ("pytorch", True, "none"),
    "PyTorch's default, heads": ("pytorch", False, "both"),
}


def results(table: pd.DataFrame, epochs: Sequence[int] = (3, 10, 30)) -> pd.DataFrame:
    """Mean validation accuracy in percent at the rate 0.002, and the lowest and highest of the seeds.

    table: `auxiliary_grid`
    """
    rows = {}
    for name, (init, norm, heads) in ARMS.items():
        arm = {"init": init, "norm": norm, "heads": heads, "lr": 0.002}
        runs = np.array(accuracies(table, arm, max(epochs)))
        rows[name] = {
            f"{n} epochs": f"{runs[:, n - 1].mean():.1f} ({runs[:, n - 1].min():.1f} to {runs[:, n - 1].max():.1f})"
            for n in epochs
        }
    return pd.DataFrame(rows).T.rename_axis("validation accuracy, %, after")


def loaded(name: str = "auxiliary_grid") -> None:
    """Says where a table comes from."""
    header = published.provenance(name)
    what, seeds = header["what"].split(";")[0], header["seeds"]
    said = say("Loaded, not trained here: {what}, seeds {seeds}.")
    print(said.format(what=say(what), seeds=seeds))
    command, date = header["command"], header["date"]
    print(say("Made with {command}, {date}.").format(command=command, date=date))


# what the header says of these runs, for its translation
GRID = phrase(
    "the small GoogLeNet (Table 1, an eighth of every width) on 960 digits of 16 × 16, Adam, batch 32"
)
