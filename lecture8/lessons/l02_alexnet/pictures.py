"""Pictures of notebook 02."""

from collections.abc import Mapping, Sequence
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.nn import functional as F

from lecture8.complexity import conv_size
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


def grouped(names: Sequence[str], groups: Sequence[int], channels: int, kernel: int) -> Figure:
    """Channels of feature maps, what convolutions in groups connect, and on what the last map's first channel depends."""
    figure, ax = plt.subplots(figsize=(7, 3.2))
    depends = [{0}]  # on which channels, for every feature map
    for size in (channels // count for count in reversed(groups)):
        blocks = {to // size for to in depends[0]}
        depends.insert(0, {at for at in range(channels) if at // size in blocks})
    for layer, size in enumerate(channels // count for count in groups):
        for at, to in product(range(channels), repeat=2):
            if at // size == to // size:
                inside = to in depends[layer + 1]
                style = {"color": BLUE if inside else GRAY, "linewidth": 1.3 if inside else 0.4}
                ax.plot([layer, layer + 1], [-at, -to], zorder=1 + inside, **style)
        cost = f"{channels * size * kernel**2:,} weights"
        ax.text(layer + 0.5, 0.2 - channels, cost, ha="center", va="top")
    for layer, (name, seen) in enumerate(zip(names, depends)):
        colors = [BLUE if at in seen else "white" for at in range(channels)]
        if layer == len(groups):
            colors[0] = ORANGE
        across, down = [layer] * channels, [-at for at in range(channels)]
        ax.scatter(across, down, s=150, marker="s", c=colors, edgecolors=GRAY, zorder=3)
        ax.text(layer, 0.7, name, ha="center", weight="bold")
    ax.axis("off")
    return figure


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
    rows, side, gap = -(-len(pictures) // columns), 74, 6
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


def areas(layers: Mapping[str, tuple[int, int]]) -> Figure:
    """A square for each layer, its area the layer's share of all parameters, and of all multiply-adds below.

    layers: name -> (parameters, multiply-adds)
    """
    figure, ax = plt.subplots(figsize=(10, 2.9))
    pitch = 0.9
    for row, (kind, title) in enumerate(((0, "parameters"), (1, "multiply-adds"))):
        total, floor = sum(counts[kind] for counts in layers.values()), -1.15 * row
        ax.text(-0.45, floor + 0.3, title, ha="right", va="center", weight="bold")
        for i, (name, counts) in enumerate(layers.items()):
            share = counts[kind] / total
            color = LAYER_COLORS["linear" if name.startswith("fc") else "conv"]
            corner = (pitch * i - share**0.5 / 2, floor)
            ax.add_patch(
                plt.Rectangle(corner, share**0.5, share**0.5, color=color, linewidth=0)
            )
            words = f"{name}\n{100 * share:.1f} %"
            ax.text(pitch * i, floor - 0.04, words, ha="center", va="top", fontsize=9.5)
    ax.set(xlim=(-1.7, pitch * (len(layers) - 0.4)), ylim=(-1.4, 0.85), aspect="equal")
    ax.axis("off")
    return figure


def volumes(table: Mapping[str, tuple], side: int = 227, *, title: str = "") -> Figure:
    """What the layers of AlexNet's two towers output, before pooling, to scale: a value is a unit of volume.

    table: the paper's, `models.alexnet.LAYERS`; side: of the image. Channels run from left to right, sides up and,
    drawn slanted, into the page; the values of fully connected layers are laid in rows of 8.
    """
    shapes, meet = {"image": (3, side, side)}, ["fc6", "fc7", "fc8"]
    for name, (kernels, kernel, stride, padding, groups, _, pool) in table.items():
        side = conv_size(side, kernel, stride, padding)
        shapes[name] = (kernels // 2, side, side)
        side = conv_size(side, 3, 2) if pool else side
        meet += [name] if groups == 1 and name != "conv1" else []
    shapes |= {"fc6": (2048,), "fc7": (2048,), "fc8": (1000,)}
    figure, ax = plt.subplots(figsize=(11, 2.7))
    at, ends, slant = 0.0, None, 0.3
    for name, shape in shapes.items():
        side, flat = (shape[1], False) if len(shape) == 3 else (8, True)
        length, deep = (shape[0] / 8 if flat else shape[0]), 0 if flat else side * slant
        color = GRAY if name == "image" else LAYER_COLORS["linear" if flat else "conv"]
        rows = {"image": (0,), "fc8": (80,)}.get(name, (80, -80))
        for y in rows:
            for start in ends or ():
                if name == "conv1" or start[1] == y or name in meet:
                    crosses = name in meet and start[1] != y
                    _arrow(ax, start, (at, y), ORANGE if crosses else GRAY)
            _box(ax, at, y, length, side, deep, color)
        words = f"{shape[0]:,}" if flat else " × ".join(map(str, shape[::-1]))
        below = -80 - max(side / 2, 28) if name != "image" else -side / 2
        ax.text(
            at + length / 2, below - 12, name, ha="center", va="top", weight="bold", fontsize=10
        )
        ax.text(at + length / 2, below - 46, words, ha="center", va="top", fontsize=9)
        ends = [(at + length + deep * 0.5, y) for y in rows]
        at += length + deep + (60 if flat else 110 if name in ("image", "conv1") else 70)
    for words, y in (("GPU 1", 80), ("GPU 2", -80)):
        ax.text(at, y, words, va="center", fontsize=10, color=BLACK)
    ax.set(xlim=(-50, at + 90), ylim=(-225, 150), aspect="equal", title=title)
    ax.axis("off")
    return figure


def _box(ax, x, y, length, side, deep, color) -> None:
    """A cuboid from the left end (x, y): its front, its top and its right end."""
    low, high, up = y - side / 2, y + side / 2, deep * 0.5
    front = [(x, low), (x + length, low), (x + length, high), (x, high)]
    top = [(x, high), (x + length, high), (x + length + deep, high + up), (x + deep, high + up)]
    end = [
        (x + length, low),
        (x + length + deep, low + up),
        (x + length + deep, high + up),
        (x + length, high),
    ]
    for corners, alpha in ((front, 0.95), (top, 0.55), (end, 0.75)):
        if deep or corners is front:
            ax.add_patch(plt.Polygon(corners, facecolor="white", linewidth=0))
            ax.add_patch(
                plt.Polygon(
                    corners, facecolor=color, alpha=alpha, edgecolor="white", linewidth=0.5
                )
            )


@torch.no_grad()
def first_layer(conv: nn.Conv2d, image: torch.Tensor, most: int = 8) -> Figure:
    """Kernels of a first convolution, and under each the feature map that it makes of an image, after ReLU.

    image: channels × height × width, as the network takes it. Shown are the kernels with the largest responses.
    """
    weight = conv.weight.detach().cpu().float()
    responses = F.conv2d(image.cpu().float()[None], weight, padding=conv.padding).relu()[0]
    strongest = responses.flatten(1).std(1).argsort(descending=True)[:most]
    figure, grid = plt.subplots(2, most + 1, figsize=(1.15 * (most + 1), 2.6))
    for ax in grid.flat:
        ax.axis("off")
    grid[1, 0].imshow(_stretched(image.cpu().float()))
    grid[1, 0].set_title("image", fontsize=9, loc="center", pad=3)
    for column, i in enumerate(strongest.tolist(), 1):
        grid[0, column].imshow(_stretched(weight[i]))
        grid[0, column].set_title(f"kernel {i}", fontsize=9, loc="center", pad=3)
        grid[1, column].imshow(responses[i].numpy())
    return figure


def _stretched(picture: torch.Tensor) -> np.ndarray:
    """Channels × H × W as matplotlib takes it, from its darkest value to its lightest."""
    low, high = picture.min(), picture.max()
    picture = (picture - low) / ((high - low) or 1)
    return (picture[0] if len(picture) == 1 else picture.permute(1, 2, 0)).numpy()


def lrn_factor(activations: Mapping[str, tuple[float, float]]) -> Figure:
    """What local response normalization multiplies by, over the size of the activations (alpha 1e-4, beta 0.75, k 2).

    activations: name -> (low, high), the range of the root mean square of five neighbors, drawn as a bar
    """
    figure, ax = plt.subplots(figsize=(6.8, 2.8))
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
    figure, ax = plt.subplots(figsize=(6, 2.8))
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
    figure, panels = plt.subplots(1, len(rates), figsize=(9, 2.8))
    measured = runs[runs["seed"] >= 10]
    for ax, (epochs, chosen) in zip(panels, rates.items()):
        errors = {}
        for kind, lr in chosen.items():
            rows = measured[(measured["kind"] == kind) & (measured["lr"] == lr)]
            accuracies = by_seed(rows[rows["epoch"] <= epochs], "test_accuracy")
            errors[f"{kind}, {lr:g}"] = [[100 - 100 * a for a in run] for run in accuracies]
        colors = {name: NORM_COLORS[kind] for name, kind in zip(errors, chosen)}
        title = f"learning rates chosen for {epochs} epochs"
        ax.set_ylim(0, 30)  # before the lines, whose labels are set apart by it
        lines(
            errors,
            xlabel="epoch",
            ylabel="test error, %",
            title=title,
            colors=colors,
            ax=ax,
        )
    return figure


def deep_training(runs: pd.DataFrame) -> Figure:
    """Training error by epoch, a panel for each depth; every arm at its own best learning rate.

    runs: the table `deep_activations`
    """
    measured = runs[runs["seed"] >= 10]
    depths = sorted(set(measured["depth"]))
    figure, panels = plt.subplots(1, len(depths), figsize=(9, 2.8), sharey=True)
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
    figure, ax = plt.subplots(figsize=(6, 2.6))
    lines(
        by_arm,
        xlabel="layer, from the image to the logits",
        ylabel="gradient norm",
        title=f"{depth} layers, before training",
        log=True,
        colors=ARM_COLORS,
        ax=ax,
    )
    ax.set_xticks(range(1, depth + 1))
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
    figure, ax = plt.subplots(figsize=(6, 2.7))
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
    ax.set_yticks((1, 2, 5, 10, 20), (1, 2, 5, 10, 20))
    ax.yaxis.set_minor_formatter("")
    return figure
