"""Pictures of notebook 04."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch.nn import functional as F

from lecture8.complexity import conv_params
from lecture8.lessons.l04_vgg.counts import PARTS, parts, paths, protocols, stacks_with_field
from lecture8.plots import BLUE, GRAY, ORANGE, PINK, SKY, bars

PAIR_COLORS = {"pairs of 3 × 3": BLUE, "single 5 × 5": ORANGE, "pairs, no ReLU between": SKY}


def towers(rows: Mapping[str, Sequence[Sequence[int]]], widths: Sequence[int]) -> Figure:
    """Configurations side by side, the image below and the logits on top; what is new in a column stands out.

    rows: name -> kernel sizes of each block; widths: channels of each block. A bar is as wide as the feature map's side
    (224 pixels at the bottom) and an eighth as high as its number of channels; the fully connected layers have bars of
    as much area for a value.
    """
    figure, ax = plt.subplots(figsize=(10, 5.6))
    before = [[] for _ in widths]
    for column, (name, row) in enumerate(rows.items()):
        x, y, side = 300 * column, 8.0, 224
        ax.add_patch(plt.Rectangle((x - 112, 0), 224, 3, color=GRAY, linewidth=0))
        for kernels, old, width in zip(row, before, widths, strict=True):
            floor = y
            for i, kernel in enumerate(kernels):
                new = column and (i >= len(old) or old[i] != kernel)
                color = PINK if kernel == 1 else ORANGE if new else BLUE
                bar = plt.Rectangle(
                    (x - side / 2, y), side, width / 8, facecolor=color, edgecolor="white"
                )
                ax.add_patch(bar)
                y += width / 8
            if not column:
                words, middle = f"{side} × {side}, {width} channels", (floor + y) / 2
                middle += {224: -8, 112: 6}.get(
                    side, 0
                )  # the two lowest bars are flatter than their labels
                ax.text(x - 125, middle, words, ha="right", va="center", fontsize=9.5)
            side, y = side // 2, y + 7
        for values in (4096, 4096, 1000):
            ax.add_patch(plt.Rectangle((x - 32, y), 64, values / 512, color=GRAY, linewidth=0))
            y += values / 512 + 5
        layers = sum(map(len, row)) + 3
        ax.text(x, -14, name, ha="center", va="top", weight="bold", fontsize=13)
        ax.text(x, -52, f"{layers} layers", ha="center", va="top", fontsize=10)
        before = row
    for i, (words, color) in enumerate(
        {
            "3 × 3": BLUE,
            "1 × 1": PINK,
            "3 × 3, not in the column before": ORANGE,
            "fully connected": GRAY,
        }.items()
    ):
        ax.text(-470, 740 - 42 * i, "■ " + words, color=color, fontsize=10.5, va="top")
    ax.set(xlim=(-480, 300 * len(rows) - 165), ylim=(-85, 770), aspect="equal")
    ax.axis("off")
    return figure


def few_shades(picture: np.ndarray) -> np.ndarray:
    """A picture from 0 to 1 in 21 shades of each color, as good to the eye and half as large: photographs make large notebooks."""
    return np.round(np.clip(picture, 0, 1) * 20) / 20


def lit(
    photo: torch.Tensor,
    chains: Mapping[str, Sequence[tuple[int, int]]],
    sides: Sequence[int],
    inches: float = 1.7,
) -> Figure:
    """A photograph seen by one unit near its middle, after each chain of layers; what the unit does not see is dark.

    The more ways lead from a pixel to the unit, the brighter it is (brightness grows as the root of their number).
    photo: 3 × H × H from 0 to 1; chains: name -> (kernel, stride) of the layers; sides: of the squares drawn;
    inches: width of a panel
    """
    size = photo.shape[-1]
    figure, panels = plt.subplots(
        1, len(chains), figsize=(inches * len(chains), inches + 0.42), squeeze=False
    )
    for ax, (name, layers), side in zip(panels.flat, chains.items(), sides, strict=True):
        ways, start = paths(layers), (size - side) // 2
        light = np.zeros((size, size))
        inner = slice(max(start, 0), min(start + side, size))
        seen = ways[inner.start - start : inner.stop - start]
        light[inner, inner] = np.sqrt(np.outer(seen, seen) / ways.max() ** 2)
        ax.imshow(few_shades(photo.permute(1, 2, 0).numpy() * (0.3 + 0.7 * light[..., None])))
        corner = (start - 0.5, start - 0.5)
        ax.add_patch(
            plt.Rectangle(corner, side, side, fill=False, edgecolor="#ffd24d", linewidth=1.5)
        )
        ax.set_title(f"{name}\n{side} × {side}", fontsize=10, loc="center", pad=3)
        ax.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
        ax.axis("off")
    return figure


@torch.no_grad()
def through_blocks(
    net: torch.nn.Module, images: torch.Tensor, photo: torch.Tensor, most: int = 5
) -> Figure:
    """A photograph, and the feature maps with the largest responses after each block of a network.

    images: the photograph as the network takes it, 1 × 3 × H × H; photo: 3 × H × H from 0 to 1
    """
    blocks = dict(net.features.named_children())
    figure = plt.figure(figsize=(7.2, 0.76 * len(blocks)), layout="none")
    tall = 1 / len(blocks)
    wide = tall * figure.get_figheight() / figure.get_figwidth()
    ax = figure.add_axes((0, 0, wide * len(blocks), 1))
    ax.imshow(few_shades(photo.permute(1, 2, 0).numpy()))
    ax.axis("off")
    for row, (name, block) in enumerate(blocks.items()):
        images = block(images)
        maps, bottom = images[0], 1 - (row + 1) * tall
        left = wide * (len(blocks) + 0.12)
        words = f"{name}\n{len(maps)} maps\n{maps.shape[1]} × {maps.shape[2]}"
        figure.text(left, bottom + tall / 2, words, va="center", fontsize=9)
        for i, which in enumerate(
            maps.flatten(1).std(1).argsort(descending=True)[:most].tolist()
        ):
            ax = figure.add_axes((left + wide * (1.05 + i), bottom, wide * 0.97, tall * 0.97))
            ax.imshow(few_shades(maps[which].numpy() / maps[which].max().item()))
            ax.axis("off")
    return figure


def squares(maps: Mapping[str, Sequence[Sequence[float]]]) -> Figure:
    """Squares of whole numbers, shaded by their size: name -> the square; 0 stays white."""
    figure, panels = plt.subplots(1, len(maps), figsize=(2.2 * len(maps), 2.45), squeeze=False)
    for ax, (name, counts) in zip(panels.flat, maps.items(), strict=True):
        counts = np.asarray(counts, float)
        # the root brings out the rim of a field: its corners count 1 where its middle counts 49
        shade = np.sign(counts) * np.sqrt(np.abs(counts) / (np.abs(counts).max() or 1))
        signed = (counts < 0).any()  # orange is positive then, purple negative
        ax.imshow(
            shade, cmap="PuOr_r" if signed else "Blues", vmin=-1.5 if signed else 0, vmax=1.5
        )
        for (row, column), count in np.ndenumerate(counts):
            if count:
                ax.text(column, row, f"{count:g}", ha="center", va="center", fontsize=8)
        ax.set_xticks(np.arange(len(counts) + 1) - 0.5, [])
        ax.set_yticks(np.arange(len(counts) + 1) - 0.5, [])
        ax.grid(color=GRAY, linewidth=0.3)
        ax.tick_params(length=0)
        ax.set_title(name, fontsize=11)
        ax.spines[:].set_visible(True)
    return figure


def cone(image, layers: int, row: int, column: int) -> Figure:
    """An image, and 3 × 3 averages of averages: what one value of the last layer depends on, framed in each before it."""
    maps = [torch.as_tensor(image).float()]
    for _ in range(layers):
        maps.append(F.avg_pool2d(maps[-1][None, None], 3, stride=1)[0, 0])
    sides = [len(one) for one in maps]
    figure, panels = plt.subplots(
        1, len(maps), figsize=(10, 10 * sides[0] / sum(sides) + 0.4), width_ratios=sides
    )
    for level, (ax, one) in enumerate(zip(panels, maps)):
        side = 1 + 2 * (layers - level)  # of the frame
        ax.imshow(one, cmap="Oranges" if level else "gray", vmin=0, vmax=9)
        frame = {"fill": False, "edgecolor": BLUE, "linewidth": 2.5}
        ax.add_patch(plt.Rectangle((column - 0.5, row - 0.5), side, side, **frame))
        name = f"layer {level}" if level else "image"
        ax.set_title(f"{name}: {side} × {side} of {sides[level]} × {sides[level]}", fontsize=10)
        ax.set(xticks=[], yticks=[], anchor="N")
    return figure


def same_scale(rows: Mapping[str, tuple[Sequence, Sequence]], names: tuple[str, str]) -> Figure:
    """Two pictures and their difference per row, all three on one gray scale (0 is middle gray in the difference).

    rows: what is compared -> (one picture, the other), each H × W; names: of the two columns
    """
    height, width = np.shape(next(iter(rows.values()))[0])
    # a panel is 1.65 inches wide: as high as the pictures and no higher, or the rows drift apart
    figure, grid = plt.subplots(
        len(rows), 3, figsize=(5.4, 0.3 + 1.65 * height / width * len(rows)), squeeze=False
    )
    for line, (label, (one, other)) in zip(grid, rows.items(), strict=True):
        one, other = np.asarray(one, float), np.asarray(other, float)
        low, high = one.min(), one.max()
        half = (high - low) / 2
        for ax, picture, (least, most) in zip(
            line,
            (one, other, one - other),
            ((low, high), (low, high), (-half, half)),
            strict=True,
        ):
            ax.imshow(few_shades((picture - least) / (most - least)), vmin=0, vmax=1)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set_visible(False)
        line[0].set_ylabel(label, fontsize=11)
    for ax, title in zip(grid[0], (*names, "difference"), strict=True):
        ax.set_title(title, fontsize=11)
    return figure


def stack(kernel: int, layers: int, channels: int) -> Figure:
    """What a stack of equal convolutions sees, and its weights beside those of every other that sees as much.

    Left: one row of pixels per layer, with those on which the unit on top depends, to scale. Right: weights without
    biases, `channels` in and out of each layer; the stack itself stands out.
    """
    field = 1 + layers * (kernel - 1)
    others = stacks_with_field(field)
    # fixed margins and one artist per layer: an explorer draws this anew at every move
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="none")
    left.set_position((0.01, 0.03, 0.42, 0.86))
    right.set_position((0.6, 0.03, 0.38, 0.86))
    for level in range(layers + 1):
        seen = field - level * (kernel - 1)
        pixels = [(pixel - seen / 2 + 0.08, 0.84) for pixel in range(seen)]
        left.broken_barh(
            pixels, (level - 0.2, 0.4), color=BLUE if level else GRAY, linewidth=0, snap=False
        )
        if level < layers:
            above, rise = seen - (kernel - 1), [level + 0.22, level + 0.78]
            for edge in (-1, 1):
                left.plot([edge * seen / 2, edge * above / 2], rise, color=GRAY, linewidth=0.8)
        name = f"layer {level}" if level else "input"
        left.text(-0.54 * field, level, name, ha="right", va="center", fontsize=10)
        left.text(0.54 * field, level, f"{seen} × {seen}", ha="left", va="center", fontsize=10)
    left.set(
        xlim=(-field * 0.8, field * 0.8),
        ylim=(-0.5, max(layers, 2) + 0.5),
        title="what one unit on top sees",
    )
    left.axis("off")
    weights = {
        name: count * conv_params(channels, channels, size, bias=False)
        for name, (size, count) in others.items()
    }
    names = list(weights)[::-1]
    colors = [ORANGE if others[name] == (kernel, layers) else BLUE for name in names]
    right.barh(names, [weights[n] for n in names], color=colors, height=0.62)
    for i, name in enumerate(names):
        right.text(
            weights[name] + max(weights.values()) * 0.02,
            i,
            f"{weights[name]:,}",
            va="center",
            fontsize=10,
        )
    right.set(
        title=f"weights of all stacks that see {field} × {field}",
        ylim=(-0.8, max(len(names), 3) - 0.2),
    )
    right.set_xlim(0, 1.3 * max(weights.values()))
    right.set_xticks([])
    right.tick_params(left=False)
    for side in ("left", "bottom"):
        right.spines[side].set_visible(False)
    return figure


def shares(profile) -> Figure:
    """Where a VGG's parameters, multiply-adds and activations are: a bar for each of its `parts`, blank for none."""
    table = parts(profile)
    titles = ("parameters", "multiply-adds", "activations")
    figure, panels = plt.subplots(
        1, 3, figsize=(10, 0.9 + 0.3 * len(table)), layout="none"
    )  # an explorer draws it, too
    colors = [
        ORANGE if name.startswith("fc") else BLUE if name.startswith("block") else GRAY
        for name in table
    ]
    for i, (ax, part, title) in enumerate(zip(panels, PARTS, titles, strict=True)):
        total = sum(row[part] for row in table.values())
        percent = [100 * row[part] / total for row in table.values()]
        ax.set_position((0.07 + 0.315 * i, 0.02, 0.28, 0.86))
        ax.barh(range(len(table)), percent, color=colors, height=0.66)
        for row, share in enumerate(percent):
            if share:
                ax.text(
                    share + 2,
                    row,
                    f"{share:.1f} %" if share >= 0.05 else "< 0.1 %",
                    va="center",
                    fontsize=10,
                )
        ax.set(title=f"{title}: {total:,}", xlim=(0, 115), ylim=(len(table) - 0.5, -0.5))
        ax.set_xticks([])
        ax.set_yticks(range(len(table)) if i == 0 else [], list(table) if i == 0 else [])
        ax.tick_params(left=False)
        for side in ("left", "bottom"):
            ax.spines[side].set_visible(False)
    return figure


def sixteen_or_nineteen(table) -> Figure:
    """Published top-1 errors: by depth at one training scale, and configuration D against E in every protocol.

    table: `vgg_errors`
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.2), width_ratios=(1, 1.3))
    ladder = table[(table["table"] == 3) & (table["train_scale"] == "256")].set_index(
        "configuration"
    )["top1"]
    ladder = ladder.drop("A-LRN")
    left.plot(range(len(ladder)), list(ladder), "o-", color=BLUE)
    for i, error in enumerate(ladder):
        lowest = error == min(ladder)  # its label would lie in the line that goes up again
        left.text(i + 0.1, error + (-0.24 if lowest else 0.08), f"{error:.1f}", fontsize=10)
    layers = table.set_index("configuration")["layers"].groupby(level=0).first()
    left.set_xticks(range(len(ladder)), [f"{name}\n{layers[name]}" for name in ladder.index])
    left.set(xlabel="configuration, layers with weights", ylabel="ImageNet top-1 error, %",
             title="Table 3, S = 256", ylim=(26.5, 30.2), xlim=(-0.4, 4.8))  # fmt: skip

    pairs = protocols(table)
    for i, (sixteen, nineteen) in enumerate(list(pairs.values())[::-1]):
        right.plot([sixteen, nineteen], [i, i], color=GRAY, linewidth=1)
        right.plot(
            sixteen, i, "o", color=BLUE, markersize=10, label="VGG-16 (D)" if i == 0 else None
        )
        right.plot(
            nineteen,
            i,
            "D",
            color=ORANGE,
            markersize=5.5,
            label="VGG-19 (E)" if i == 0 else None,
        )
    right.set_yticks(range(len(pairs)), list(pairs)[::-1], fontsize=10)
    right.set(xlabel="ImageNet top-1 error, %", title="16 or 19?", xlim=(24, 27.8))
    right.legend(loc="lower right")
    right.tick_params(left=False)
    return figure


VIEWS = (
    "pixels, one polarity",
    "block 2, untrained",
    "block 2",
    "block 2, 128 of 256",
    "block 3",
    "fc7",
)


def probes(runs: pd.DataFrame) -> Figure:
    """Test accuracy of a linear classifier on several views of two tasks; a dot per seed, and the mean as a number.

    runs: of the table `vgg_probes`. Filled: networks that learned letters for 6 epochs; open: for 18.
    """
    tasks = list(dict.fromkeys(runs["task"]))
    runs = runs[runs["classifier"] == "linear"]
    figure, panels = plt.subplots(1, len(tasks), figsize=(8.5, 3.2), sharey=True)
    for ax, task in zip(panels, tasks):
        for at, view in enumerate(VIEWS):
            color = GRAY if "pixels" in view or "untrained" in view else BLUE
            for epochs, shift, face in ((6, -0.18, color), (18, 0.18, "white")):
                rows = runs.query(
                    f"task == {task!r} and view == {view!r} and epochs == {epochs}"
                )
                found, y = 100 * rows["test_accuracy"], at + shift
                ax.plot(
                    found,
                    [y] * len(found),
                    "o",
                    color=color,
                    markersize=4,
                    markerfacecolor=face,
                )
                if len(found):
                    ax.text(97, y, f"{found.mean():.1f}", fontsize=8, va="center", color=color)
        ax.set(
            title=task, xlabel="test accuracy, %", xlim=(38, 105), ylim=(len(VIEWS) - 0.5, -0.5)
        )
        ax.grid(axis="x", color=GRAY, linewidth=0.3)
        ax.tick_params(left=False)
    panels[0].set_yticks(range(len(VIEWS)), VIEWS)
    for words, face in (("6 epochs of letters", BLUE), ("18 epochs", "white")):
        panels[0].plot([], [], "o", color=BLUE, markersize=4, markerfacecolor=face, label=words)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def by_name(
    runs: pd.DataFrame, column: str, names: Mapping[str, str]
) -> dict[str, list[float]]:
    """Test errors: what is written beside a bar -> one for each seed."""
    return {
        words: runs[runs[column] == name]["test_error"].tolist()
        for name, words in names.items()
    }


def third_layers(runs: pd.DataFrame, epochs: int) -> Figure:
    """Test errors in miniature of B, C and D and of two controls that change one thing; a dot per seed.

    runs: of the table `vgg_thirds`, those that measure; epochs: which of them
    """
    names = {name: name for name in ("B", "C", "C, wider", "depthwise", "D")}
    colors = dict.fromkeys(names, BLUE) | dict.fromkeys(("C, wider", "depthwise"), ORANGE)
    errors = by_name(runs[runs["epochs"] == epochs], "net", names)
    return bars(
        errors, xlabel=f"test error after {epochs} epochs, % (dots: seeds)", colors=colors
    )


def pairs(runs: pd.DataFrame) -> Figure:
    """Test errors of pairs and singles, without batch normalization and with it; a dot per seed.

    runs: of the table `vgg_pairs`, those that measure
    """
    errors, colors = {}, {}
    for norm, more in ((False, ""), (True, ", batch norm")):
        names = {
            name.removesuffix(" of 3 × 3"): name + more for name in PAIR_COLORS
        }  # the table's are shorter
        errors |= by_name(runs[runs["norm"] == norm], "kind", names)
        colors |= {name + more: color for name, color in PAIR_COLORS.items()}
    return bars(errors, xlabel="test error, % (dots: seeds)", colors=colors)
