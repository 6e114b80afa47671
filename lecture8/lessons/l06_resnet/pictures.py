"""Pictures of notebook 06."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lecture8 import published
from lecture8.plots import (
    BLACK,
    BLUE,
    GRAY,
    GREEN,
    NETWORK_COLORS,
    ORANGE,
    SKY,
    YELLOW,
    bars,
    lines,
    short,
)

NAMES = {"plain": "plain", "A": "residual"}  # of the tables' kinds
SIDES = dict(
    zip((224, 112, 56, 28, 14, 7), plt.colormaps["viridis"](np.linspace(0.95, 0.1, 6)))
)
VGG19 = [(224, 64)] * 2 + [(112, 128)] * 2 + [(56, 256)] * 4 + [(28, 512)] * 4 + [(14, 512)] * 4


def layers_of_34(blocks: Sequence[int] = (3, 4, 6, 3)) -> list[tuple[int, int]]:
    """(side, channels) of the 33 convolutions of a network of 34 layers."""
    found = [(112, 64)]
    for i, count in enumerate(blocks):
        found += [(56 // 2**i, 64 * 2**i)] * (2 * count)
    return found


def networks_of_34(macs: Mapping[str, int]) -> Figure:
    """VGG-19 and networks of 34 layers, a row each, as in the paper's Figure 3.

    macs: name -> multiply-adds. A bar is a convolution: the higher, the more channels; its color is the side of its
    feature map. A name with "shortcuts" gets an arc for each of them, dashed where the shapes change.
    """
    tall = [1.5 if "shortcuts" in name else 1 for name in macs]
    figure, grid = plt.subplots(
        len(macs), 1, figsize=(10, 2.3 * sum(tall)), sharex=True, squeeze=False, gridspec_kw={"height_ratios": tall}
    )  # fmt: skip
    for ax, name in zip(grid[:, 0], macs, strict=True):
        row = VGG19 if name.startswith("VGG") else layers_of_34()
        heights = [np.log2(channels) - 5 for _, channels in row]
        ax.bar(range(len(row)), heights, width=0.82, color=[SIDES[side] for side, _ in row])
        connected = 3 if row is VGG19 else 1
        ax.bar(range(len(row), len(row) + connected), 1.0, width=0.82, color=GRAY)
        if arcs := "shortcuts" in name:
            _arcs(ax, row, heights)
        for i, (side, channels) in enumerate(row):
            if not i or side != row[i - 1][0]:
                alone = row[i + 1][0] != side  # one bar is narrower than three digits
                style = {"fontsize": 9 if alone else 12, "va": "top"}
                ax.text(i - 0.5 * alone - 0.4 * (not alone), -0.2, side, **style)
                ax.text(i - 0.4, -0.95, channels, color=GRAY, **style)
        ax.set_title(f"{name}: {short(macs[name])} multiply-adds for one image", fontsize=13)
        ax.set(ylim=(-1.7, 6.4 if arcs else 4.4), xlim=(-0.6, 34.8))
        ax.axis("off")
    words = "A bar is a convolution. Its height and the gray\nnumber: channels. Its color and the black\nnumber: side of the feature map.\nLast gray bars: fully connected."
    if "VGG-19" in macs:
        grid[0, 0].text(20.3, 4.3, words, fontsize=12, va="top")
    else:
        grid[0, 0].text(
            0, 5.9, "Arcs: shortcuts, dashed where the shapes change", fontsize=12, va="top"
        )
    return figure  # fmt: skip


def _arcs(ax, row: Sequence[tuple[int, int]], heights: Sequence[float]) -> None:
    """A shortcut over each block of two layers."""
    for first in range(1, len(row), 2):
        change = row[first][1] != row[first - 1][1]
        start, end = first - 0.5, first + 1.5
        at = np.linspace(0, np.pi, 40)
        ax.plot(
            (start + end) / 2 + (end - start) / 2 * np.cos(at),
            heights[first + 1] + 0.12 + 1.2 * np.sin(at),
            color=ORANGE if change else BLACK,
            linestyle=(0, (2, 1)) if change else "-",
            linewidth=1.6,
        )


def in_and_out(x, y) -> Figure:
    """Values of a block's output against those of its input, one dot each."""
    figure, ax = plt.subplots(figsize=(5, 3.6))
    ax.plot(x.flatten(), y.flatten(), "o", color=BLUE, markersize=2.5, alpha=0.6)
    ax.plot([0, 1], [0, 1], color=BLACK, linewidth=1.2)
    ax.text(1.02, 1, "y = x", va="center")
    ax.set(xlabel="input x", ylabel="output y", title="y = x + ReLU(…), 1,024 values")
    return figure


# --- blocks ---------------------------------------------------------------------------------------------------------
BOX_COLORS = {"conv": BLUE, "norm": SKY, "ReLU": GREEN}


def _chain(
    ax, title: str, steps: Sequence[tuple[str, str, float]], arc: str, loose: int
) -> None:
    """One block, from top to bottom: boxes (kind, words, width from 0 to 1), and its shortcut.

    arc: words on the shortcut, "" for a block without one; loose: how many steps come after the sum
    """
    y, spots = 0.0, []
    inside = len(steps) - loose
    ax.text(0, 0.62, "x", ha="center", va="center", fontsize=13, style="italic", weight="bold")
    for i, (kind, words, width) in enumerate(steps):
        if i == inside and arc:
            ax.annotate(
                "", (0, y - 0.42), (0, y + 0.02), arrowprops={"arrowstyle": "->", "color": GRAY}
            )
            ax.plot(
                0,
                y - 0.68,
                "o",
                markersize=21,
                color="white",
                markeredgecolor=ORANGE,
                markeredgewidth=2.2,
                zorder=3,
            )
            ax.text(
                0,
                y - 0.69,
                "+",
                ha="center",
                va="center",
                fontsize=16,
                color=ORANGE,
                weight="bold",
                zorder=4,
            )
            meet, y = y - 0.68, y - 0.94
        ax.annotate(
            "",
            (0, y - 0.3),
            (0, y + (0.36 if i == 0 else 0.02)),
            arrowprops={"arrowstyle": "->", "color": GRAY},
        )
        tall = 0.62 if kind == "conv" else 0.42
        y -= 0.3
        ax.add_patch(
            plt.Rectangle(
                (-width, y - tall),
                2 * width,
                tall,
                color=BOX_COLORS[kind],
                alpha=0.85 if kind == "conv" else 0.35,
                linewidth=0,
            )
        )
        inner = width > 0.7  # else the words stand beside the box
        style = {
            "color": "white" if kind == "conv" and inner else BLACK,
            "weight": "bold" if kind == "conv" else None,
        }
        ax.text(
            0 if inner else width + 0.08,
            y - tall / 2,
            words,
            ha="center" if inner else "left",
            va="center",
            fontsize=9.5,
            **style,
        )
        y -= tall
        spots.append(y)
    ax.annotate(
        "", (0, y - 0.42), (0, y + 0.02), arrowprops={"arrowstyle": "->", "color": GRAY}
    )
    ax.text(
        0, y - 0.62, "y", ha="center", va="center", fontsize=13, style="italic", weight="bold"
    )
    if arc:
        right = 1.42
        ax.plot(
            [0, right, right, 0.3],
            [0.2, 0.2, meet, meet],
            color=ORANGE,
            linewidth=2.4,
            solid_joinstyle="round",
        )
        ax.annotate(
            "",
            (0.24, meet),
            (0.5, meet),
            arrowprops={"arrowstyle": "-|>", "color": ORANGE, "linewidth": 2.4},
        )
        ax.text(
            right + 0.1,
            (0.2 + meet) / 2,
            arc,
            rotation=-90,
            va="center",
            fontsize=10,
            color=ORANGE,
        )
        ax.text(
            -1.5,
            (0.1 + meet) / 2,
            "F(x)",
            rotation=90,
            ha="center",
            va="center",
            fontsize=12,
            color=GRAY,
            style="italic",
        )
        ax.plot(
            [-1.3, -1.36, -1.36, -1.3],
            [-0.25, -0.25, meet + 0.45, meet + 0.45],
            color=GRAY,
            linewidth=1,
        )
    ax.set(title=title, xlim=(-1.75, 1.95))
    ax.set_ylim(y - 0.85, 0.9)
    ax.title.set_ha("left")
    ax.axis("off")  # fmt: skip


def plain_or_residual(channels: int) -> Figure:
    """The two blocks of the lesson: the same layers, without and with the shortcut."""
    figure, panels = plt.subplots(1, 2, figsize=(8, 4.6))
    layer = [("conv", f"3 × 3 conv, {channels} → {channels}", 1.1), ("norm", "batch norm", 1.1)]
    relu = [("ReLU", "ReLU", 1.1)]
    steps = layer + relu + layer + relu
    _chain(panels[0], "plain", steps, "", 1)
    _chain(panels[1], "residual", steps, "identity", 1)
    return figure


def basic_or_bottleneck() -> Figure:
    """Three blocks at 56 × 56: basic on 64 channels, basic on 256, a bottleneck; boxes as wide as their output channels."""
    figure, panels = plt.subplots(1, 3, figsize=(11.5, 5.8))
    side = 56 * 56
    for ax, title, rows in (
        (panels[0], "ResNet-34's block", [(3, 64, 64), (3, 64, 64)]),
        (panels[1], "the same on 256 channels", [(3, 256, 256), (3, 256, 256)]),
        (panels[2], "bottleneck", [(1, 256, 64), (3, 64, 64), (1, 64, 256)]),
    ):  # fmt: skip
        steps, total = [], 0
        for kernel, c_in, c_out in rows:
            work = kernel**2 * c_in * c_out * side
            total += work
            wide = 1.2 * c_out / 256
            words = (
                f"{kernel} × {kernel}, {c_out}" + ("  ·  " if wide > 1 else "\n") + short(work)
            )
            steps += [("conv", words, max(wide, 0.3)), ("norm", "batch norm", max(wide, 0.3))]
            steps += [("ReLU", "ReLU", max(wide, 0.3))]
        _chain(ax, f"{title}\n{short(total)} multiply-adds at 56 × 56", steps, "identity", 1)
    low = min(ax.get_ylim()[0] for ax in panels)
    for ax in panels:
        ax.set_ylim(low, 0.9)
    return figure


def _maps(ax, x: float, y: float, side: float, filled: float, empty: float = 0.0) -> float:
    """Feature maps as one rectangle, as high as their side and as wide as their channels; returns its right end."""
    ax.add_patch(
        plt.Rectangle((x, y - side / 2), filled, side, color=BLUE, alpha=0.75, linewidth=0)
    )
    if empty:
        zeros = {"facecolor": "white", "edgecolor": GRAY, "hatch": "///", "linewidth": 0.8}
        ax.add_patch(plt.Rectangle((x + filled, y - side / 2), empty, side, **zeros))
        ax.text(
            x + filled + empty / 2,
            y - side / 2 - 0.1,
            "zeros",
            ha="center",
            va="top",
            fontsize=9,
            color=GRAY,
        )
    return x + filled + empty  # fmt: skip


def shortcuts() -> Figure:
    """The three shortcuts of the paper: what each does where the shapes change, and where they do not."""
    figure, panels = plt.subplots(1, 3, figsize=(11, 4.6))
    changes = {
        "A": "every 2nd pixel",
        "B": "1 × 1 conv,\nstride 2, norm",
        "C": "1 × 1 conv,\nstride 2, norm",
    }
    for ax, (name, words) in zip(panels, changes.items(), strict=True):
        for y, label, agree in ((2.5, "shapes change", False), (0.0, "shapes agree", True)):
            ax.text(0, y + 1.02, label, fontsize=10, color=GRAY, style="italic", va="center")
            left = _maps(ax, 0, y, 1.3, 0.45)
            ax.text(0, y - 0.75, "64 channels,\n56 × 56", ha="left", va="top", fontsize=9)
            said = ("1 × 1 conv, norm" if name == "C" else "identity") if agree else words
            color = ORANGE if "conv" in said else BLACK
            ax.annotate(
                "",
                (2.55, y),
                (left + 0.12, y),
                arrowprops={"arrowstyle": "-|>", "color": color, "linewidth": 1.8},
            )
            ax.text(
                (left + 2.6) / 2,
                y + 0.1,
                said,
                ha="center",
                va="bottom",
                fontsize=9.5,
                color=color,
            )
            ax.text(
                3.2 if agree else 3.65, y, "+ F(x)", fontsize=11, va="center", style="italic"
            )
            if agree:
                _maps(ax, 2.65, y, 1.3, 0.45)
                ax.text(
                    2.65, y - 0.75, "64 channels,\n56 × 56", ha="left", va="top", fontsize=9
                )
            if not agree and name == "A":
                _maps(ax, 2.65, y, 0.65, 0.45, 0.45)
                ax.text(
                    2.65, y + 0.42, "128 channels,\n28 × 28", ha="left", va="bottom", fontsize=9
                )
            elif not agree:
                _maps(ax, 2.65, y, 0.65, 0.9)
                ax.text(
                    2.65, y + 0.42, "128 channels,\n28 × 28", ha="left", va="bottom", fontsize=9
                )
        ax.set(
            title={
                "A": "A: zero padding",
                "B": "B: projection where needed",
                "C": "C: projection everywhere",
            }[name],
            xlim=(-0.1, 5.3),
            ylim=(-1.35, 3.9),
        )
        ax.axis("off")
    return figure  # fmt: skip


# --- trainings ------------------------------------------------------------------------------------------------------
def to_the_end(kinds: Sequence[str] = ("plain", "A")) -> Figure:
    """Training to its end: loss by epoch with 20 and 56 layers, and the final training accuracy at every depth.

    1,297 digits, 60 epochs with two drops of the learning rate (dotted), three seeds.
    """
    table = published.read("degradation")
    table = table[(table["lr"] == 0.05) & (table["init"] == "he")]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10, 3.7), gridspec_kw={"width_ratios": (1.3, 1), "wspace": 0.12}
    )
    loss, colors = {}, {}
    for kind in kinds:
        for depth in (20, 56):
            rows = table[(table["kind"] == kind) & (table["depth"] == depth)]
            name = f"{NAMES[kind]}-{depth}"
            loss[name] = [run["train_loss"].to_numpy() for _, run in rows.groupby("seed")]
            colors[name] = NETWORK_COLORS[NAMES[kind]]
    lines(loss, xlabel="epoch", ylabel="training loss", log=True, colors=colors, ax=left)
    for drop in (30, 45):
        left.axvline(drop + 0.5, color=GRAY, linewidth=0.8, linestyle=":")
    left.set_title("thin: seeds, bold: geometric mean, dotted: rate ÷ 10", fontsize=10.5)
    ends = table.dropna(subset="end_train_accuracy")
    for kind in kinds:
        rows, color = ends[ends["kind"] == kind], NETWORK_COLORS[NAMES[kind]]
        mean = 100 * rows.groupby("depth")["end_train_accuracy"].mean()
        right.plot(
            rows["depth"], 100 * rows["end_train_accuracy"], "o", color=color, alpha=0.45
        )
        right.plot(mean.index, mean, color=color, label=NAMES[kind])
    right.set(
        xlabel="layers", ylabel="training accuracy, %", ylim=(0, 104), title="after 60 epochs"
    )
    right.set_xticks(sorted(set(ends["depth"])))
    right.legend(loc="lower left")
    return figure


INITIAL = {
    "he": "He (fan-out)",
    "he fan-in": "He (fan-in)",
    "glorot": "Glorot",
    "pytorch": "PyTorch's default",
}


def settings_of_56(*, longer: bool) -> dict[str, pd.DataFrame]:
    """Plain-56 at every setting that was trained: words -> its rows; longer: those of 180 epochs, too."""
    table = published.read("degradation")
    rows = table[(table["depth"] == 56) & (table["kind"] == "plain")]
    found = {}
    for (init, lr), runs in rows.groupby(["init", "lr"]):
        found[f"{INITIAL[init]}, rate {lr:g}"] = runs
    found = dict(sorted(found.items(), key=lambda item: INITIAL["he"] not in item[0]))
    if longer:
        found["He (fan-out), rate 0.005, 180 epochs"] = published.read("degradation_longer")
    return found


def every_chance() -> Figure:
    """Training accuracy at the end of plain-56 with several learning rates and initial weights; dots are seeds."""
    ends = {
        name: list(100 * runs["end_train_accuracy"].dropna())
        for name, runs in settings_of_56(longer=True).items()
    }
    label = "plain-56: training accuracy at the end, %"
    return bars(ends, xlabel=label, form="mean {:.0f}", colors=dict.fromkeys(ends, ORANGE))


def one_setting(runs, others, name: str) -> Figure:
    """Training loss of one setting of plain-56, its seeds faint, between plain-20 and residual-56.

    runs: rows of one setting; others: name -> runs × epochs
    """
    figure, ax = plt.subplots(figsize=(8.4, 3.5), layout="none")
    ax.set_position((0.09, 0.16, 0.79, 0.74))
    mine = [run["train_loss"].to_numpy() for _, run in runs.groupby("seed")]
    for words, losses in others.items():
        middle = np.exp(np.log(np.maximum(losses, 1e-6)).mean(0))
        ax.plot(range(1, len(middle) + 1), middle, color=GRAY, linewidth=1.2)
        ax.text(len(middle) + 1, middle[-1], words, color=GRAY, va="center", fontsize=9.5)
    for one in mine:
        ax.plot(range(1, len(one) + 1), one, color=ORANGE, linewidth=1.6, alpha=0.8)
    ax.text(
        len(mine[0]) + 1,
        np.median([one[-1] for one in mine]),
        "plain-56",
        color=ORANGE,
        va="center",
        fontsize=10,
    )
    ax.set(
        xlabel="epoch",
        ylabel="training loss",
        title=f"plain-56, one line per seed: {name}",
        ylim=(2e-4, 4),
    )
    ax.set_yscale("log")
    ax.set_ylim(2e-4, 4)
    return figure  # fmt: skip


def on_photographs() -> Figure:
    """Training error by epoch on CIFAR-10, and test error at the end: nets of 20 and 56 layers."""
    table = published.read("cifar_degradation")
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10, 3.5), gridspec_kw={"width_ratios": (1.4, 1)}
    )
    errors, tests, colors = {}, {}, {}
    for (kind, depth), rows in table.groupby(["kind", "depth"]):
        name = f"{NAMES[kind]}-{depth}"
        runs = [run for _, run in rows.groupby("seed")]
        errors[name] = [100 * (1 - run["train_accuracy"].to_numpy()) for run in runs]
        tests[name] = [100 * (1 - run["test_accuracy"].iloc[-1]) for run in runs]
        colors[name] = NETWORK_COLORS[NAMES[kind]]
    lines(errors, xlabel="epoch", ylabel="training error, %", log=True, colors=colors, ax=left)
    left.minorticks_off()
    left.set_yticks((20, 30, 50, 80), labels=("20", "30", "50", "80"))
    left.set_xticks(range(0, int(table["epoch"].max()) + 1, 5))
    left.set_title("CIFAR-10 photographs")
    bars(tests, xlabel="test error at the end, %", colors=colors, ax=right)
    return figure


SHADES = {"plain": ORANGE, "shortcut A": BLUE, "shortcut B": SKY, "shortcut C": YELLOW}


def losses_by_shortcut(depth: int, kinds: Sequence[str]) -> Figure:
    """Nets of one depth: training loss by epoch; kinds: of "A", "B", "C"."""
    curves = published.read("digits_depth").query(f"depth == {depth}")
    found = {
        f"shortcut {kind}": [run["train_loss"].to_numpy() for _, run in curves[curves["kind"] == kind].groupby("seed")]
        for kind in kinds
    }  # fmt: skip
    return lines(
        found,
        xlabel="epoch",
        ylabel="training loss",
        log=True,
        colors=SHADES,
        title=f"{depth} layers, digits (thin: seeds, bold: geometric mean)",
    )


def by_shortcut(depth: int, kinds: Sequence[str]) -> Figure:
    """Nets of one depth: training loss by epoch, and gradient norm by layer before training.

    kinds: of "plain", "A", "B", "C"
    """
    curves, gradients = published.read("digits_depth"), published.read("digits_gradients")
    # margins by hand: an explorer draws this at every move, and finding them out takes half of the time
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="none")
    left.set_position((0.08, 0.15, 0.33, 0.76))
    right.set_position((0.58, 0.15, 0.33, 0.76))
    loss, norms = {}, {}
    convolutions = gradients[gradients["layer"] < depth]  # the last layer is linear
    for kind in kinds:
        name = "plain" if kind == "plain" else f"shortcut {kind}"
        for table, column, into in (
            (curves, "train_loss", loss),
            (convolutions, "norm", norms),
        ):
            rows = table[(table["kind"] == kind) & (table["depth"] == depth)]
            into[name] = [run[column].to_numpy() for _, run in rows.groupby("seed")]
    lines(loss, xlabel="epoch", ylabel="training loss", log=True, colors=SHADES, ax=left)
    left.set(ylim=(5e-4, 4), title=f"{depth} layers (thin: seeds)")
    lines(
        norms,
        xlabel="convolution (1 = at the image)",
        ylabel="gradient norm",
        log=True,
        colors=SHADES,
        ax=right,
    )
    right.set(ylim=(0.05, 1000), title="before training (bold: geometric mean)")
    for ax in (left, right):
        ax.minorticks_off()
        ax.yaxis.set_major_formatter(
            "{x:g}"
        )  # drawn faster than powers of ten, and read faster
    return figure  # fmt: skip


def heat(norms: Mapping[str, Sequence[Sequence[float]]]) -> Figure:
    """Gradient norm of every convolution's weights at every step: a panel per network, one logarithmic color scale.

    norms: name -> steps × layers
    """
    grids = {
        name: np.log10(np.maximum(np.asarray(rows, float), 1e-12)).T
        for name, rows in norms.items()
    }
    low = min(np.quantile(grid, 0.02) for grid in grids.values())
    high = max(grid.max() for grid in grids.values())
    figure, panels = plt.subplots(1, len(grids), figsize=(10, 3.9), sharey=True)
    for ax, (name, grid) in zip(panels, grids.items(), strict=True):
        count = len(grid)
        shown = ax.imshow(
            grid, aspect="auto", vmin=low, vmax=high, cmap="magma", interpolation="nearest",
            extent=(-0.5, grid.shape[1] - 0.5, count + 0.5, 0.5),
        )  # fmt: skip
        ax.set(title=name, xlabel="training step")
        ax.grid(False)
    panels[0].set_ylabel("convolution (1 = at the image)")
    bar = figure.colorbar(shown, ax=list(panels), label="gradient norm")
    ticks = range(int(np.ceil(low)), int(np.floor(high)) + 1)
    bar.set_ticks(ticks, labels=[f"{10.0**tick:g}" for tick in ticks])
    return figure


def removal(
    points: Mapping[str, Mapping[int, Sequence[float]]], intact: Mapping[str, float]
) -> Figure:
    """Points of test accuracy lost when one block is removed: a panel per network, a bar per block, dots for seeds.

    points: network -> block -> points lost, one per seed; intact: network -> its accuracy with all blocks, percent
    """
    figure, panels = plt.subplots(
        1,
        len(points),
        figsize=(10, 3.2),
        sharey=True,
        gridspec_kw={"width_ratios": [max(9, len(found)) ** 0.6 for found in points.values()]},
    )
    for ax, (name, found) in zip(panels, points.items(), strict=True):
        color = next((c for kind, c in NETWORK_COLORS.items() if name.startswith(kind)), BLUE)
        ax.bar(
            list(found), [np.mean(values) for values in found.values()], color=color, width=0.75
        )
        for block, values in found.items():
            ax.plot(
                [block] * len(values),
                values,
                "o",
                color="white",
                markeredgecolor=BLACK,
                markersize=3.5,
                markeredgewidth=0.7,
            )
        ax.axhline(0, color=GRAY, linewidth=0.8)
        ax.set(title=f"{name} (intact ≈ {intact[name]:.0f} %)", xlabel="block removed")
        blocks = list(found)
        ax.set_xticks(blocks if len(blocks) < 12 else blocks[::4])
    panels[0].set_ylabel("accuracy lost\n(percentage points)")
    return figure  # fmt: skip


def answers_of(images: Sequence, said: Sequence[str], wrong: Sequence[bool]) -> Figure:
    """Images with a network's answer above each; a wrong one is orange."""
    figure, grid = plt.subplots(2, len(images) // 2, figsize=(9, 2.5), layout="none")
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.9, wspace=0.15, hspace=0.3)
    for ax, image, words, other in zip(grid.flat, images, said, wrong, strict=True):
        ax.imshow(np.asarray(image, float), cmap="gray")
        ax.set_title(words, fontsize=12, loc="center", pad=3, color=ORANGE if other else BLACK)
        ax.axis("off")
    return figure
