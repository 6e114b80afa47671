"""Pictures of notebook 03."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lecture8.plots import BLACK, BLUE, GRAY, ORANGE, SKY, bars

COLORS = {2: BLUE, 4: ORANGE}  # by the stride of the first layer


def sampled(image, every_pixel, kept, stride: int) -> Figure:
    """A grating, what a convolution with a stride keeps of it, and one row of both.

    image: H × W; every_pixel: the convolution's map with stride 1, H × W; kept: its map with `stride`
    """
    image, every_pixel, kept = (np.asarray(a, float) for a in (image, every_pixel, kept))
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(10, 3.1), layout="none", gridspec_kw={"width_ratios": (1, 1, 1.7)}
    )
    figure.subplots_adjust(left=0.02, right=0.985, bottom=0.17, top=0.89, wspace=0.12)
    for ax, picture, name in ((left, image, "image"), (middle, kept, f"map, stride {stride}")):
        ax.imshow(picture)
        ax.set_title(f"{name}: {picture.shape[0]} × {picture.shape[1]}")
        ax.axis("off")
    at = np.arange(kept.shape[1]) * stride
    right.plot(every_pixel[0], color=GRAY, linewidth=1)
    right.plot(at, kept[0], "o-", color=ORANGE, markersize=5, linewidth=2)
    right.set_title("top row: at every pixel (gray), what is kept (dots)")
    right.set(xlabel="pixel", yticks=[], xlim=(-1, image.shape[1]))
    right.spines["left"].set_visible(False)
    return figure


def painted(images, paintings, titles: Sequence[str], side: int) -> Figure:
    """Images over what the deconvnet painted for a unit in each, both cut to the painted place; a column per image.

    images, paintings: N × C × H × W, C is 1 or 3, colors from 0 to 1; side: how many pixels to show in each direction.
    Gray is 0 in the lower row.
    """
    images, paintings = _channels_last(images), _channels_last(paintings)
    side = min(side, images.shape[1])
    figure, grid = plt.subplots(
        2, len(images), figsize=(1.05 * len(images), 2.45), squeeze=False, layout="none"
    )
    figure.subplots_adjust(
        left=0.005, right=0.995, bottom=0.01, top=0.89, wspace=0.06, hspace=0.06
    )
    for (upper, lower), image, painting, title in zip(
        grid.T, images, paintings, titles, strict=True
    ):
        window = _window(np.abs(painting).reshape(*painting.shape[:2], -1).sum(-1), side)
        upper.imshow(image[window])
        upper.set_title(title, fontsize=9, loc="center", pad=3)
        reach = np.abs(painting).max() or 1
        if painting.ndim == 3:  # colors go from 0 to 1
            painting = painting / (2 * reach) + 0.5
        lower.imshow(painting[window], vmin=-reach, vmax=reach)
        for ax in (upper, lower):
            ax.axis("off")
    return figure


def _channels_last(images) -> np.ndarray:
    """N × C × H × W -> N × H × W × 3, or N × H × W for gray ones, as matplotlib takes them."""
    images = np.asarray(images, float)
    return images[:, 0] if images.shape[1] == 1 else np.moveaxis(images, 1, -1)


def _window(painting: np.ndarray, side: int) -> tuple[slice, slice]:
    """The square of `side` pixels inside the picture that has the middle of what is painted in its middle."""
    window = []
    for axis in (1, 0):
        strength = np.abs(painting).sum(axis)
        lit = np.flatnonzero(strength)
        middle = (lit[0] + lit[-1]) / 2 if len(lit) else len(strength) / 2
        start = int(np.clip(round(middle - side / 2 + 0.5), 0, len(strength) - side))
        window.append(slice(start, start + side))
    return tuple(window)


def occlusion(images, maps, titles: Sequence[str], square: int, step: int) -> Figure:
    """Images over their maps of the true class's probability, where the gray square covers each place.

    images: N × H × W, or N × C × H × W from 0 to 1; maps: N × rows × columns, the square's upper left corner every `step`
    pixels, from 0 to 1
    """
    figure, grid = plt.subplots(
        2, len(images), figsize=(1.55 * len(images) + 0.6, 3.5), squeeze=False
    )
    images = np.asarray(images, float)
    images = _channels_last(images) if images.ndim == 4 else images
    for (upper, lower), image, chances, title in zip(grid.T, images, maps, titles, strict=True):
        upper.imshow(image)
        upper.set_title(title, fontsize=9, loc="center", pad=3)
        shown = _probability_map(lower, chances, image.shape[:2], square, step)
        upper.axis("off")
        lower.set(xticks=[], yticks=[])
        lower.spines[:].set(visible=True, color=GRAY)
    figure.colorbar(
        shown, ax=list(grid[1]), label="p(true class)", ticks=[0, 0.5, 1], fraction=0.03
    )
    return figure


def _probability_map(ax, chances, shape, square: int, step: int):
    """The map where it belongs: each value at the middle of the square that gave it."""
    chances = np.asarray(chances, float)
    rows, columns = chances.shape
    first = (square - step) / 2 - 0.5
    extent = (first, first + columns * step, first + rows * step, first)
    shown = ax.imshow(chances, cmap="cividis", vmin=0, vmax=1, extent=extent)
    ax.set(xlim=(-0.5, shape[1] - 0.5), ylim=(shape[0] - 0.5, -0.5))
    return shown


def covered(
    image, chances, true_map, corner: tuple[int, int], square: int, label: int
) -> Figure:
    """One image with the gray square on it, the probability of each class, and the map of all places.

    image: H × W; chances: a probability per class, for this place; true_map: rows × columns, of the class `label`;
    corner: (top, left) of the square in pixels
    """
    image = np.asarray(image, float)
    top, left = corner
    figure, (first, middle, last) = plt.subplots(1, 3, figsize=(9.6, 3.2), layout="none")
    figure.subplots_adjust(left=0.02, right=0.98, bottom=0.15, top=0.89, wspace=0.16)
    first.imshow(image)
    first.add_patch(Rectangle((left - 0.5, top - 0.5), square, square, color=GRAY))
    first.set_title("what the network sees")
    names = np.arange(len(chances))
    middle.bar(names, chances, color=[BLUE if n == label else SKY for n in names], width=0.75)
    middle.set(
        ylim=(0, 1.02),
        xticks=names,
        yticks=[0, 0.5, 1],
        xlabel=f"class (the right one, {label}, is dark)",
    )
    middle.set_title("probability")
    step = (len(image) - square) // (len(true_map) - 1)
    _probability_map(last, true_map, image.shape, square, step)
    last.add_patch(
        Rectangle(
            (left - 0.5, top - 0.5), square, square, fill=False, edgecolor=BLACK, linewidth=2
        )
    )
    last.set_title(f"p({label}) by place: yellow 1, blue 0")
    first.axis("off")
    last.set(xticks=[], yticks=[])
    last.spines[:].set(visible=True, color=GRAY)
    return figure


def removal(paper: Mapping[str, float], ours: Mapping[str, Sequence[float]]) -> Figure:
    """Errors in percent without some layers: the paper's, and ours with a dot per seed; the same names in both."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 0.9 + 0.42 * len(paper)))
    bars(paper, xlabel="top-5 error, % (paper, ImageNet)", ax=left)
    bars(ours, xlabel="test error, % (here, digits)", ax=right)
    left.set_ylabel("layers left out")
    right.set_yticks([])
    return figure


def first_layers(runs: pd.DataFrame) -> Figure:
    """Test errors of the small ZFNet by its first kernel and stride, after 4 epochs and after 12; a dot per seed.

    After 4 epochs of 3,891 cluttered digits (5 seeds, each network at its own best learning rate), stride 2 instead of
    4 lowers the mean test error from 25.3 to 15.0 % with 7 × 7 kernels and from 18.0 to 14.6 % with 11 × 11. The
    smaller kernel gains nothing: 15.0 against 14.6 % at stride 2, 25.3 against 18.0 % at stride 4. After 12 epochs
    (3 seeds) the order is the same: 7.6 and 7.3 % with stride 2, 12.3 (7 × 7) and 9.3 % (11 × 11) with stride 4.
    In brackets: the layer whose stride is 1 instead of 2, so that conv2's output is 4 × 4 in every network.
    runs: the table `first_layer`
    """
    figure, panels = plt.subplots(1, 2, figsize=(11, 3.4))
    measured = runs[runs["seed"] >= 10]
    for ax, epochs in zip(panels, (4, 12)):
        errors, colors = {}, {}
        for (stride, by, kernel), rows in measured[measured["epochs"] == epochs].groupby(
            ["stride", "by", "kernel"]
        ):
            made_up = f" ({by}: 1)" if stride == 4 else ""
            name = f"{kernel} × {kernel}, stride {stride}{made_up}"
            errors[name], colors[name] = rows["test_error"].tolist(), COLORS[stride]
        bars(errors, xlabel="test error, %", title=f"{epochs} epochs", colors=colors, ax=ax)
    return figure
