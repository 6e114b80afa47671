"""Pictures of notebook 02."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch.nn import functional as F

from lecture8.lessons.l02_alexnet.curves import epochs_to
from lecture8.plots import (
    BLACK,
    BLUE,
    GRAY,
    GREEN,
    LAYER_COLORS,
    ORANGE,
    PINK,
    SKY,
    YELLOW,
    lines,
)

ACTIVATION_COLORS = {"ReLU": BLUE, "tanh": ORANGE}
ARM_COLORS = {"ReLU, He": BLUE, "tanh, Glorot": ORANGE, "tanh, He": PINK}
NORM_COLORS = {"none": BLUE, "local response": ORANGE, "batch": GREEN}


def towers(rows: Sequence[tuple[str, str, tuple[int, ...], int]], *, title: str = "") -> Figure:
    """AlexNet's two halves, one above the other, with what crosses between them (the paper's Figure 2).

    rows: per stage its name, what it sees ("images", "own" or "both"), the shape that leaves each GPU, and the bytes
    that crossed for one image before it. A stage called fc8 stands on the first GPU alone.
    """
    figure, ax = plt.subplots(figsize=(10, 4.2))
    heights = {1: 1.05, -1: -1.05}
    tallest = max(shape[1] for _, _, shape, _ in rows if len(shape) == 3)
    ax.add_patch(plt.Rectangle((-0.85, -0.55), 0.22, 1.1, color=GRAY, alpha=0.5, linewidth=0))
    ax.text(-0.74, -0.63, "image", ha="center", va="top", fontsize=9)
    at, left = 0.0, -0.6
    for name, sees, shape, crossing in rows:
        channels, side = shape[0], shape[1] if len(shape) == 3 else 0
        width = 0.05 * np.log2(channels) if side else 0.12
        height = max(1.5 * side / tallest, 0.12) if side else 0.9
        color = LAYER_COLORS["conv" if side else "linear"]
        for gpu, y in heights.items():
            if name == "fc8" and gpu == -1:
                continue
            ax.add_patch(
                plt.Rectangle((at, y - height / 2), width, height, color=color, linewidth=0)
            )
            below = y - 0.83 if gpu == -1 else y + 0.83
            va, words = "top" if gpu == -1 else "bottom", " × ".join(map(str, shape))
            ax.text(at + width / 2, below, words, ha="center", va=va, fontsize=8.5)
            _arrow(ax, (left, y if sees != "images" else 0.3 * gpu), (at, y), GRAY)
            if sees == "both":
                _arrow(ax, (left, -y), (at, y), ORANGE)
        if crossing:
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
            ax.text(
                (left + at) / 2,
                0,
                f"{crossing:,}\nbytes",
                ha="center",
                va="center",
                fontsize=9,
                color=ORANGE,
                bbox=box,
            )
        ax.text(at + width / 2, -2.18, name, ha="center", va="top", fontsize=10, weight="bold")
        left, at = at + width, at + width + 1.15
    for gpu, y in heights.items():
        ax.text(
            -1.05,
            y,
            f"GPU {1 if gpu == 1 else 2}",
            ha="right",
            va="center",
            fontsize=10,
            color=BLACK,
        )
    ax.set(xlim=(-1.6, at - 0.75), ylim=(-2.5, 2.15), title=title)
    ax.axis("off")
    return figure


def _arrow(ax, start, end, color) -> None:
    style = {"arrowstyle": "->", "color": color, "shrinkA": 2, "shrinkB": 2, "linewidth": 1.1}
    ax.annotate("", end, start, arrowprops=style)


def right_edge(side: int, kernel: int, stride: int, padding: int, places: int) -> Figure:
    """The last windows of a convolution along one row of an image: what the last one leaves out, or hangs over by.

    side: pixels of the image; padding: pixels of zeros around it; places: how many windows there are
    """
    first, shown = side - 22, 31
    figure, ax = plt.subplots(figsize=(8.5, 2.6))
    last_seen = (
        (places - 1) * stride - padding + kernel - 1
    )  # pixel under the right end of the last window
    for x in range(first, first + shown):
        if x >= side + padding and x > last_seen:
            continue
        kind = "pixel" if x < side else "padding" if x < side + padding else "nothing"
        color = {"pixel": "#cccccc", "padding": SKY, "nothing": "white"}[kind]
        if kind == "pixel" and x > last_seen:
            color, kind = YELLOW, "never seen"
        ax.add_patch(plt.Rectangle((x, -0.9), 1, 0.8, facecolor=color, edgecolor=BLACK, linewidth=0.8,
                                   hatch={"padding": "..", "nothing": "xx", "never seen": "//"}.get(kind)))  # fmt: skip
    for i in range(places):
        start = i * stride - padding
        if start + kernel <= first:
            continue
        last = i == places - 1
        low, row = max(start, first), places - 1 - i
        ax.plot([low, start + kernel], [0.25 + 0.3 * row] * 2, color=BLUE if last else GRAY, linewidth=5 if last else 3,
                solid_capstyle="butt")  # fmt: skip
        if last:
            ax.text(
                max(start + kernel, side) + 0.4,
                0.25,
                f"window {places}",
                va="center",
                fontsize=9,
                color=BLUE,
            )
    ax.axvline(side, color=BLACK, linewidth=1.2)
    ax.text(
        side - 0.2,
        2.15,
        f"the image ends\nafter pixel {side - 1}",
        fontsize=9,
        va="top",
        ha="right",
    )
    ax.set(xlim=(first, first + shown), ylim=(-1, 2.3), xlabel="pixel of a row, right end")
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])
    return figure


def views(
    photo, boxes: Sequence[tuple[int, int, int]], pictures, *, columns: int = 4
) -> Figure:
    """A photograph with windows drawn on it, and beside it the pictures made from it, all at their true colors.

    photo: 3 × H × H from 0 to 1; boxes: (top, left, size) each; pictures: N × 3 × h × h, clipped to 0…1
    """
    rows, side, gap = -(-len(pictures) // columns), 100, 8
    whole = rows * (side + gap) - gap
    sheet = torch.ones(3, whole, whole + columns * (side + gap) + gap)
    sheet[:, :, :whole] = _resized(photo, whole)
    for i, picture in enumerate(pictures):
        top, left = i // columns * (side + gap), whole + 2 * gap + i % columns * (side + gap)
        sheet[:, top : top + side, left : left + side] = _resized(picture, side)
    # pixel by pixel, without margins: photographs make large notebooks
    figure = plt.figure(
        figsize=(sheet.shape[2] / 100, sheet.shape[1] / 100), dpi=100, layout="none"
    )
    ax = figure.add_axes((0, 0, 1, 1))
    ax.imshow(sheet.permute(1, 2, 0).numpy())
    scale = whole / photo.shape[1]
    for top, left, size in boxes:
        corner, length = (left * scale, top * scale), size * scale - 1
        for color, width in (("white", 2.8), (BLACK, 1.2)):
            ax.add_patch(
                plt.Rectangle(
                    corner, length, length, fill=False, edgecolor=color, linewidth=width
                )
            )
    ax.axis("off")
    return figure


def _resized(picture: torch.Tensor, side: int) -> torch.Tensor:
    small = F.interpolate(
        picture[None].float(), size=(side, side), mode="bilinear", antialias=True
    )
    return small[0].clamp(0, 1)


def shares(layers: Mapping[str, tuple[int, int]]) -> Figure:
    """What each layer has of all parameters and of all multiply-adds, in percent; name -> (params, macs)."""
    figure, panels = plt.subplots(1, 2, figsize=(9, 0.9 + 0.32 * len(layers)), sharey=True)
    names = list(layers)[::-1]
    colors = [LAYER_COLORS["linear" if name.startswith("fc") else "conv"] for name in names]
    for ax, kind, title in zip(panels, (0, 1), ("parameters", "multiply-adds"), strict=True):
        total = sum(counts[kind] for counts in layers.values())
        percent = [100 * layers[name][kind] / total for name in names]
        ax.barh(names, percent, color=colors, height=0.68)
        for i, value in enumerate(percent):
            ax.text(value + 1, i, f"{value:.1f}", va="center", fontsize=10)
        ax.set(title=title, xlabel="% of the whole network", xlim=(0, 75))
        ax.tick_params(left=False)
        ax.spines["left"].set_visible(False)
    return figure


def lrn_factor(activations: Mapping[str, tuple[float, float]]) -> Figure:
    """What local response normalization multiplies with, by the size of the activations (alpha 1e-4, beta 0.75, k 2).

    activations: name -> (low, high), the range of the root mean square of five neighbors, drawn as a bar
    """
    figure, ax = plt.subplots(figsize=(7.5, 3.4))
    size = np.logspace(-4, 4, 200)
    ax.plot(size, (2 + 1e-4 * 5 * size**2) ** -0.75, color=BLUE)
    for i, (name, (low, high)) in enumerate(activations.items()):
        height = 0.04 + 0.09 * i
        ax.plot(
            [low, high],
            [height] * 2,
            color=(ORANGE, BLACK)[i % 2],
            linewidth=6,
            solid_capstyle="butt",
        )
        ax.text(
            low * 0.8,
            height,
            name,
            ha="right",
            va="center",
            fontsize=10,
            color=(ORANGE, BLACK)[i % 2],
        )
    ax.set(
        xscale="log",
        xlim=(1e-4, 1e4),
        ylim=(0, 0.65),
        xlabel="activations of five neighbors, root mean square",
        ylabel="factor b / a",
    )
    return figure


def training_error(
    errors: Mapping[str, Sequence[Sequence[float]]], target: float, *, title: str = ""
) -> Figure:
    """Training error in percent by epoch, a line per activation, a dashed one at the target (the paper's Figure 1).

    errors: name -> runs × epochs, from 0 to 1
    """
    colors = {
        name: color
        for name in errors
        for kind, color in ACTIVATION_COLORS.items()
        if name.startswith(kind)
    }
    percent = {
        name: 100 * np.atleast_2d(np.asarray(runs, float)) for name, runs in errors.items()
    }
    figure, ax = plt.subplots()
    ax.set_ylim(0, 100)  # before the lines, whose labels are set apart by it
    lines(
        percent, xlabel="epoch", ylabel="training error, %", title=title, colors=colors, ax=ax
    )
    for name, runs in percent.items():
        at = epochs_to(runs.mean(0) / 100, target)
        if at is not None:
            ax.plot(at, 100 * target, "o", color=colors.get(name, BLACK), markersize=7)
    ax.axhline(100 * target, color=GRAY, linestyle="--", linewidth=1)
    return figure


def by_seed(rows: pd.DataFrame, column: str) -> list[list[float]]:
    """A column of a table, a list for each seed."""
    return [run[column].tolist() for _, run in rows.groupby("seed")]


def normalizations(runs: pd.DataFrame, rates: Mapping[int, Mapping[str, float]]) -> Figure:
    """Test error by epoch for each normalization, one panel for each number of epochs the rates were chosen for.

    runs: the table `alexnet_norm`; rates: epochs -> kind -> learning rate
    """
    figure, panels = plt.subplots(1, len(rates), figsize=(10, 3.6))
    measured = runs[runs["seed"] >= 10]
    for ax, (epochs, chosen) in zip(panels, rates.items()):
        errors = {}
        for kind, lr in chosen.items():
            rows = measured[(measured["kind"] == kind) & (measured["lr"] == lr)]
            accuracies = by_seed(rows[rows["epoch"] <= epochs], "test_accuracy")
            errors[f"{kind}, {lr:g}"] = [[100 - 100 * a for a in run] for run in accuracies]
        colors = {name: NORM_COLORS[kind] for name, kind in zip(errors, chosen)}
        title = f"learning rates chosen for {epochs} epochs"
        lines(
            errors,
            xlabel="epoch",
            ylabel="test error, %",
            title=title,
            log=True,
            colors=colors,
            ax=ax,
        )
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("")
    return figure


def deep_training(runs: pd.DataFrame) -> Figure:
    """Training error by epoch, a panel for each depth; every arm at its own best learning rate.

    runs: the table `deep_activations`
    """
    measured = runs[runs["seed"] >= 10]
    depths = sorted(set(measured["depth"]))
    figure, panels = plt.subplots(1, len(depths), figsize=(11, 3.4), sharey=True)
    for ax, depth in zip(panels, depths):
        rows = measured[measured["depth"] == depth]
        errors = {
            f"{arm}, {part['lr'].iloc[0]:g}": by_seed(part, "train_error")
            for arm, part in rows.groupby("arm")
        }
        colors = {name: ARM_COLORS[name.rsplit(", ", 1)[0]] for name in errors}
        ax.set_ylim(0, 92)  # before the lines, whose labels are set apart by it
        ylabel = "training error, %" if depth == depths[0] else ""
        title = f"{depth} layers"
        lines(errors, xlabel="epoch", ylabel=ylabel, title=title, colors=colors, ax=ax)
    return figure


def deep_gradients(norms: pd.DataFrame, depth: int) -> Figure:
    """Gradient norm of each layer's weights before training, for the networks of one depth.

    norms: the table `deep_activations_gradients`
    """
    rows = norms[norms["depth"] == depth]
    by_arm = {arm: by_seed(part, "norm") for arm, part in rows.groupby("arm")}
    figure = lines(
        by_arm,
        xlabel="layer, from the image to the logits",
        ylabel="gradient norm",
        title=f"{depth} layers, before training",
        log=True,
        colors=ARM_COLORS,
    )
    figure.axes[0].set_xticks(range(1, depth + 1))
    return figure


def training_images(runs: pd.DataFrame) -> Figure:
    """Test error by the number of training images, with equally many steps for each number and with as many epochs.

    runs: the table `alexnet_sizes`
    """
    measured = runs[runs["seed"] >= 10]
    most = measured["steps"].max()
    every = measured["images"].max()
    kinds = {
        f"{most} steps": measured["steps"] == most,
        "32 epochs": (measured["steps"] < most) | (measured["images"] == every),
    }
    figure, ax = plt.subplots()
    ax.set_xscale("log")
    images = sorted(set(measured["images"]))
    errors = {name: by_seed(measured[kept], "test_error") for name, kept in kinds.items()}
    lines(
        errors,
        images,
        xlabel="training images",
        ylabel="test error, %",
        log=True,
        colors=dict(zip(errors, (BLUE, GRAY))),
        ax=ax,
    )
    ax.set_xticks(images, images, minor=False)
    ax.xaxis.set_minor_formatter("")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("")
    return figure
