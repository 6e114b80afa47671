"""Drawings of notebook 06: networks, blocks and shortcuts."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lecture8.plots import (
    BLACK,
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    SKY,
    short,
)


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


def _down(ax, top: float, bottom: float) -> None:
    ax.annotate("", (0, bottom), (0, top), arrowprops={"arrowstyle": "->", "color": GRAY})


def _end(ax, y: float, name: str) -> None:
    ax.text(0, y, name, ha="center", va="center", fontsize=13, style="italic", weight="bold")


def _step(ax, kind: str, words: str, width: float, y: float) -> float:
    """A layer as a box below y; returns where it ends."""
    conv, inner = (
        kind == "conv",
        width > 0.7,
    )  # where the box is narrow the words go beside it
    tall = 0.62 if conv else 0.42
    box = plt.Rectangle((-width, y - tall), 2 * width, tall, color=BOX_COLORS[kind])
    box.set(alpha=0.85 if conv else 0.35, linewidth=0)
    ax.add_patch(box)
    color = "white" if conv and inner else BLACK
    weight = "bold" if conv else None
    at, ha = (0, "center") if inner else (width + 0.08, "left")
    ax.text(
        at, y - tall / 2, words, ha=ha, va="center", fontsize=9.5, color=color, weight=weight
    )
    return y - tall


def _sum(ax, y: float) -> None:
    edge = {"color": "white", "markeredgecolor": ORANGE, "markeredgewidth": 2.2}
    ax.plot(0, y, "o", markersize=21, zorder=3, **edge)
    look = {"fontsize": 16, "color": ORANGE, "weight": "bold", "zorder": 4}
    ax.text(0, y - 0.01, "+", ha="center", va="center", **look)


def _shortcut(ax, words: str, meet: float) -> None:
    """The line beside the layers down to the sum at `meet`, and the name of what the layers add."""
    right, line = 1.42, {"color": ORANGE, "linewidth": 2.4}
    ax.plot([0, right, right, 0.3], [0.2, 0.2, meet, meet], solid_joinstyle="round", **line)
    ax.annotate("", (0.24, meet), (0.5, meet), arrowprops={"arrowstyle": "-|>", **line})
    middle, beside = (0.2 + meet) / 2, {"va": "center", "fontsize": 10, "color": ORANGE}
    ax.text(right + 0.1, middle, words, rotation=-90, **beside)
    look = {"fontsize": 12, "color": GRAY, "style": "italic", "ha": "center", "va": "center"}
    ax.text(-1.5, (0.1 + meet) / 2, "F(x)", rotation=90, **look)
    ends = [-0.25, -0.25, meet + 0.45, meet + 0.45]
    ax.plot([-1.3, -1.36, -1.36, -1.3], ends, color=GRAY, linewidth=1)


def _chain(
    ax, title: str, steps: Sequence[tuple[str, str, float]], arc: str, loose: int
) -> None:
    """One block, from top to bottom: boxes (kind, words, width from 0 to 1), and its shortcut.

    arc: words on the shortcut, "" for a block without one; loose: how many steps come after the sum
    """
    y, meet = 0.0, 0.0
    _end(ax, 0.62, "x")
    for i, (kind, words, width) in enumerate(steps):
        if i == len(steps) - loose and arc:
            _down(ax, y + 0.02, y - 0.42)
            meet, y = y - 0.68, y - 0.94
            _sum(ax, meet)
        _down(ax, y + (0.36 if i == 0 else 0.02), y - 0.3)
        y = _step(ax, kind, words, width, y - 0.3)
    _down(ax, y + 0.02, y - 0.42)
    _end(ax, y - 0.62, "y")
    if arc:
        _shortcut(ax, arc, meet)
    ax.set(title=title, xlim=(-1.75, 1.95), ylim=(y - 0.85, 0.9))
    ax.title.set_ha("left")
    ax.axis("off")


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
