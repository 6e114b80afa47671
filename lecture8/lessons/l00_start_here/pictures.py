"""Pictures of notebook 00."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from torch.nn import functional as F

from lecture8.plots import BLACK, BLUE, GRAY, ORANGE, bars

#: kernels by hand, each with what its feature map shows
KERNELS = {
    "brighter below": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    "brighter lower right": [[-1, -1, 0], [-1, 0, 1], [0, 1, 1]],
    "outlines": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "blurred": [[1 / 9] * 3] * 3,
}


def _table(ax, values, *, colors="gray", most=None, size=11) -> None:
    """A grid of numbers on their shades: gray for pixels, orange and purple for what has a sign."""
    values = np.asarray(values, float)
    most = most or 1.6 * max(np.abs(values).max(), 1e-9)  # pale enough to read the numbers
    ax.imshow(values, cmap=colors, vmin=0 if colors == "gray" else -most, vmax=most)
    for (row, column), value in np.ndenumerate(values):
        dark = colors == "gray" and value < 0.55 * most
        ax.text(column, row, f"{value:.3g}".replace("-", "−"), ha="center", va="center",
                fontsize=size, color="white" if dark else BLACK)  # fmt: skip
    ax.set_xticks([])
    ax.set_yticks([])


def _frame(ax, row: int, column: int, size: int, width: float = 3) -> None:
    """An orange square around size × size pixels."""
    corner = (column - 0.5, row - 0.5)
    ax.add_patch(
        plt.Rectangle(corner, size, size, fill=False, edgecolor=ORANGE, linewidth=width)
    )


def numbers(image, corner: tuple[int, int], patch, kernel) -> Figure:
    """An image as you see it, a patch of it (at `corner`) as the computer does, and a kernel."""
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(9, 3.2), width_ratios=(7, 7, 3.5)
    )
    left.imshow(np.asarray(image))
    _frame(left, *corner, len(patch))
    left.set_title("what you see", loc="center")
    left.axis("off")
    _table(middle, patch, most=9)
    middle.set_title("what the computer sees", loc="center")
    middle.set_xticks(range(len(patch[0])))
    middle.set_yticks(range(len(patch)))
    middle.set(xlabel="column", ylabel="row")
    middle.tick_params(length=0)
    _table(right, kernel, colors="PuOr_r")
    right.set_title("a kernel", loc="center")
    return figure


def sliding(patch, kernel, feature_map) -> Figure:
    """One kernel at three places of a patch, with the sum that each gives, and all sums together."""
    size, last = len(kernel), len(feature_map) - 1
    places = ((0, 0), (last // 2, last // 2), (last, last // 2))
    figure, grid = plt.subplots(1, 4, figsize=(10, 3), width_ratios=(1, 1, 1, 0.95))
    for ax, (row, column) in zip(grid, places):
        _table(ax, patch, most=9, size=9)
        _frame(ax, row, column, size)
        total = float(feature_map[row, column])
        ax.set_title(f"sum here: {total:.0f}".replace("-", "−"), loc="center")
    _table(grid[3], feature_map, colors="PuOr_r", size=9)
    for row, column in places:
        _frame(grid[3], row, column, 1, 2)
    grid[3].set_title("all sums: the feature map", loc="center")
    return figure


def filtered(photo, maps: Mapping[str, object]) -> Figure:
    """A photograph and what kernels make of it, with each kernel above its feature map.

    photo: H × W or 3 × H × W; maps: name of one of KERNELS -> feature map
    """
    photo = np.asarray(photo, float) / 255
    figure, grid = plt.subplots(
        2, len(maps) + 1, figsize=(2.05 * (len(maps) + 1), 3.1), height_ratios=(1, 3)
    )
    grid[0, 0].axis("off")
    grid[1, 0].imshow(photo if photo.ndim == 2 else np.moveaxis(photo, 0, -1), vmin=0, vmax=1)
    grid[1, 0].set_title("photograph", loc="center", fontsize=10)
    grid[1, 0].axis("off")
    for above, ax, (name, found) in zip(grid[0, 1:], grid[1, 1:], maps.items()):
        _table(above, np.round(KERNELS[name], 2), colors="PuOr_r", size=6)
        found = np.asarray(found, float)
        most = np.quantile(np.abs(found), 0.99)
        ax.imshow(found, vmin=min(0, -most if found.min() < 0 else 0), vmax=most)
        ax.set_title(name, loc="center", fontsize=10)
        ax.axis("off")
    return figure


def by_hand(photo) -> dict[str, torch.Tensor]:
    """What each of KERNELS makes of a photograph (3 × H × W, in gray), computed by PyTorch."""
    gray = photo.float().mean(0)[None, None]
    return {
        name: F.conv2d(gray, torch.tensor(kernel)[None, None].float())[0, 0]
        for name, kernel in KERNELS.items()
    }


def steps(image, kernel) -> Figure:
    """An image, its feature map, the same after ReLU, and after 2 × 2 max pooling, with their sizes."""
    found = F.conv2d(
        image[None, None].float(), torch.as_tensor(kernel)[None, None].float(), padding=1
    )
    stages = {
        "image": image,
        "after the convolution": found[0, 0],
        "after ReLU": found.relu()[0, 0],
    }
    stages["after max pooling"] = F.max_pool2d(found.relu(), 2)[0, 0]
    figure, grid = plt.subplots(1, 4, figsize=(9.5, 2.7))
    most = float(found.abs().max())
    for ax, (name, values) in zip(grid, stages.items()):
        if name == "image":
            ax.imshow(np.asarray(values))
        else:
            ax.imshow(np.asarray(values), cmap="PuOr_r", vmin=-most, vmax=most)
        ax.set_title(f"{name}\n{len(values)} × {len(values)}", loc="center", fontsize=10)
        ax.axis("off")
    return figure


def answer(image, probabilities, classes: Sequence[str]) -> Figure:
    """An image, and the probability that a network gives each class."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 2.4), width_ratios=(1, 3))
    left.imshow(np.asarray(image))
    left.axis("off")
    right.bar(classes, np.asarray(probabilities), color=BLUE)
    right.set(ylim=(0, 1), xlabel="class", ylabel="probability")
    return figure


def opinions(
    photos: Mapping[str, object],
    truth: Sequence[str],
    said: Mapping[str, object],
    classes: Sequence[str],
) -> Figure:
    """Photographs with their class, and below each what networks say: a row per network, wrong answers in orange.

    photos: name -> 3 × H × W bytes; said: network -> probabilities, photographs × classes
    """
    rows = range(len(said))
    figure, (above, below) = plt.subplots(
        2,
        len(photos),
        figsize=(9.5, 1.5 + 0.26 * len(said)),
        height_ratios=(1.1, 0.26 * len(said)),
    )
    for i, (ax, table, photo) in enumerate(zip(above, below, photos.values())):
        ax.imshow(np.moveaxis(np.asarray(photo), 0, -1))
        ax.set_title(truth[i], loc="center", fontsize=11)
        ax.axis("off")
        for row, probabilities in enumerate(said.values()):
            best = int(probabilities[i].argmax())
            words = f"{classes[best]} {100 * float(probabilities[i, best]):.0f}"
            color = BLUE if classes[best] == truth[i] else ORANGE
            table.text(0.5, row, words, ha="center", va="center", fontsize=9, color=color)
        table.set(xlim=(0, 1), ylim=(len(said) - 0.5, -0.5), xticks=[], yticks=[])
        table.spines[:].set_visible(False)
    below[0].set_yticks(rows, [name.replace("_", "-") for name in said])
    below[0].tick_params(length=0)
    return figure


def _sheet(maps, columns: int) -> np.ndarray:
    """Maps of one size (N × H × W) side by side in rows of `columns`, with gaps (nan) between them."""
    maps = np.asarray(maps, float)
    gap = max(1, maps.shape[2] // 8)
    padded = np.pad(maps, ((0, 0), (0, gap), (0, gap)), constant_values=np.nan)
    rows = [
        np.concatenate(list(padded[i : i + columns]), 1) for i in range(0, len(maps), columns)
    ]
    return np.concatenate(rows)[:-gap, :-gap]


def kernels(before, after) -> Figure:
    """The kernels of a layer (N × 1 × 3 × 3) as they were drawn at random, and after training."""
    figure, grid = plt.subplots(1, 2, figsize=(9, 4.4))
    figure.get_layout_engine().set(wspace=0.15)
    most = float(max(before.abs().max(), after.abs().max()))
    for ax, weights, words in (
        (grid[0], before, "before training: random numbers"),
        (grid[1], after, "after training"),
    ):
        ax.imshow(_sheet(weights[:, 0], 4), cmap="PuOr_r", vmin=-most, vmax=most)
        ax.set_title(words, loc="center")
        ax.axis("off")
    return figure


def feature_maps(image, first, second) -> Figure:
    """One image, the feature maps of the first layer (N × H × W) and of the second; bright is large."""
    figure, grid = plt.subplots(1, 3, figsize=(10, 3.6), width_ratios=(1.1, 3, 5.6))
    for ax, maps, columns, words in (
        (grid[0], image[None], 1, "image"),
        (grid[1], first, 4, f"first layer: {len(first)} feature maps"),
        (grid[2], second, 8, f"second layer: {len(second)} feature maps"),
    ):
        maps = np.asarray(maps, float)
        ax.imshow(_sheet(maps, columns), vmin=0, vmax=max(np.quantile(maps, 0.99), 1e-9))
        ax.set_title(f"{words}\n{len(maps[0])} × {len(maps[0])}", loc="center", fontsize=10)
        ax.axis("off")
    return figure


def accuracies(runs: Mapping[str, Sequence[float]]) -> Figure:
    """Test accuracies, name -> one per seed: the CNN's bars blue, those of the linear classifier gray."""
    runs = dict(sorted(runs.items()))
    colors = {name: GRAY for name in runs if name.startswith("linear")}
    return bars(runs, xlabel="test accuracy (dots: seeds)", form="{:.0%}", colors=colors)


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
    """The questions of the course in a column per lesson, with an arrow from each to the one it leads to.

    table: `concepts`, with the columns id, notebook, row, question and leads_to; titles: notebook -> column head
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
        ax.text(
            x,
            y,
            textwrap.fill(row.question, 15, break_on_hyphens=False),
            ha="center",
            va="center",
            fontsize=8.5,
        )
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
