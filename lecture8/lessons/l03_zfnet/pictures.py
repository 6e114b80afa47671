"""Pictures of notebook 03."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch.nn import functional as F

from lecture8.plots import BLACK, BLUE, GRAY, GREEN, ORANGE, SKY, apart, bars, lines

COLORS = {2: BLUE, 4: ORANGE}  # by the stride of the first layer


def costs(layers: Mapping[str, tuple[int, int]]) -> Figure:
    """Parameters and multiply-adds of some layers; name -> both."""
    figure, panels = plt.subplots(1, 2, figsize=(9.6, 1.5))
    for ax, which, words in zip(
        panels, (0, 1), ("parameters, thousands", "multiply-adds, millions")
    ):
        values = {name: both[which] / 1000 ** (which + 1) for name, both in layers.items()}
        bars(values, xlabel=words, colors=dict(zip(values, (ORANGE, BLUE))), ax=ax)
    panels[1].set_yticks([])
    return figure


def sampled(image, every_pixel, kept, stride: int) -> Figure:
    """A grating, what a convolution with a stride keeps of it, and one row of both.

    image: H × W; every_pixel: the convolution's feature map with stride 1, H × W; kept: that with `stride`
    """
    image, every_pixel, kept = (np.asarray(a, float) for a in (image, every_pixel, kept))
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(8.8, 2.75), layout="none", gridspec_kw={"width_ratios": (1, 1, 1.7)}
    )
    figure.subplots_adjust(left=0.02, right=0.985, bottom=0.19, top=0.88, wspace=0.12)
    for ax, picture, name in (
        (left, image, "image"),
        (middle, kept, f"stride {stride}"),
    ):
        ax.imshow(_few(picture / np.abs(picture).max(), 4))
        ax.set_title(f"{name}: {picture.shape[0]} × {picture.shape[1]}")
        ax.axis("off")
    at = np.arange(kept.shape[1]) * stride
    right.plot(every_pixel[0], color=GRAY, linewidth=1)
    right.plot(at, kept[0], "o-", color=ORANGE, markersize=5, linewidth=2)
    right.set_title("top row: every pixel (gray), kept (dots)")
    right.set(xlabel="pixel", yticks=[], xlim=(-1, image.shape[1]))
    right.spines["left"].set_visible(False)
    return figure


def zigzag(counted: Mapping[str, object], strength: Mapping[str, object]) -> Figure:
    """Stripes in the feature map by those in the image, and how strongly they pass each kind of kernel.

    counted, strength: name -> runs × points, from 1 stripe on
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.1), width_ratios=(1.15, 1))
    words = {"xlabel": "stripes in the image"}
    lines(
        counted,
        **words,
        ylabel="stripes in the feature map",
        colors=dict(zip(counted, (ORANGE, BLUE))),
        ax=left,
    )
    shown = {
        name: [[100 * float(v) for v in run] for run in runs] for name, runs in strength.items()
    }
    lines(
        shown,
        **words,
        ylabel="gets through, % of the best",
        colors=dict(zip(shown, (GRAY, GREEN))),
        ax=right,
    )
    left.set_yticks(range(0, 17, 4))
    right.axvline(8, color=BLACK, linewidth=0.8, linestyle=":")
    return figure


def kept(shares: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """What is left of the response with each choice of pixels, a dot per network; layer -> kind -> percent."""
    figure, panels = plt.subplots(1, len(shares), figsize=(9.6, 2.7), sharex=True)
    for ax, (layer, kinds) in zip(panels, shares.items()):
        colors = {kind: BLUE if kind == "deconvnet" else SKY for kind in kinds}
        bars(
            kinds,
            xlabel="response left, %",
            title=layer,
            form="   {:.0f}",
            colors=colors,
            ax=ax,
        )
    panels[-1].set_yticks([])
    return figure


def rings(image, kept: Mapping[int, object]) -> Figure:
    """Rings, and what a layer keeps of them by its stride, all in the same size; stride -> feature map."""
    sheets = {"image": image} | {f"stride {stride}": maps for stride, maps in kept.items()}
    side, gap = len(image), 20
    sheet = np.ones((side, len(sheets) * (side + gap) - gap))
    for i, one in enumerate(sheets.values()):
        larger = np.kron(np.asarray(one, float), np.ones((side // len(one),) * 2))
        sheet[:, i * (side + gap) :][:, :side] = larger / 2 + 0.5
    figure, ax = _exactly(sheet, above=0.3)
    for i, (name, one) in enumerate(sheets.items()):
        ax.text(i * (side + gap), -6, f"{name}: {len(one)} × {len(one)}", va="bottom")
    return figure


#: for `convolution.js`: a kernel of our own, and two that it knows
STRIPE_KERNELS = [["copy", [[0, 0, 0], [0, 1, 0], [0, 0, 0]]], "brighter right", "blur 5 × 5"]


def strided(image, stride: int) -> Figure:
    """Stripes, every `stride`-th pixel of them, and the same after a blur of 5 × 5; without padding."""
    image = torch.as_tensor(image).float()
    kept = image[1:-1:stride, 1:-1:stride]
    blurred = F.avg_pool2d(image[None, None], 5, stride=stride)[0, 0]
    names = f"copied, stride {stride}", f"blurred, stride {stride}"
    sheets = {"image": image} | dict(zip(names, (kept, blurred)))
    figure, panels = plt.subplots(1, 3, figsize=(10, 1.8), width_ratios=(2, 1, 1))
    for ax, (name, one) in zip(panels, sheets.items()):
        ax.imshow(one, vmin=0, vmax=image.max())
        ax.set_title(f"{name}: {len(one)} × {one.shape[1]}", fontsize=10)
        ax.set(xticks=[], yticks=[], anchor="N")
    return figure


def _exactly(sheet: np.ndarray, above: float):
    """A figure with one picture, a pixel of it for each pixel of the screen; above: inches for words over it."""
    inches = sheet.shape[1] / 100, sheet.shape[0] / 100 + above
    figure = plt.figure(figsize=inches, layout="none")
    ax = figure.add_axes((0, 0, 1, 1 - above / inches[1]))
    ax.imshow(_few(sheet, 8), vmin=0, vmax=1, aspect="auto")
    ax.axis("off")
    return figure, ax


def _few(values, levels: int = 24) -> np.ndarray:
    """Values from 0 to 1 in this many levels: the eye sees no difference, and the file is half as large."""
    return np.round(np.asarray(values, float) * levels) / levels


def folding(photos: Mapping[str, object], shares: Mapping[tuple, Sequence[float]]) -> Figure:
    """Photographs over how much of a first layer's response its stride folds, a dot per seed.

    photos: name -> H × W; shares: (name, kernel size, stride) -> shares from 0 to 1
    """
    figure, grid = plt.subplots(
        2, len(photos), figsize=(9, 3.7), sharex="row", height_ratios=(1, 1.1)
    )
    for (upper, lower), (name, photo) in zip(grid.T, photos.items()):
        photo = np.asarray(photo, float)
        upper.imshow(_few((photo[::2, ::2] + photo[1::2, 1::2]) / 510, 16))
        upper.set_title(name)
        upper.axis("off")
        rows = {f"{k} × {k} / {s}": [100 * v for v in values]
                for (one, k, s), values in shares.items() if one == name}  # fmt: skip
        colors = {words: COLORS[int(words[-1])] for words in rows}
        bars(
            rows, xlabel="folded, % of the response", form="   {:.1f}", colors=colors, ax=lower
        )
        lower.set_xlim(0, 62)
        if lower is grid[1][0]:
            lower.set_ylabel("kernel / stride")
        else:
            lower.set_yticks([])
    return figure


def two_by_two(runs: pd.DataFrame) -> Figure:
    """Test error by the first layer's stride, a line for each kernel, after 4 epochs and after 12; a dot per seed.

    runs: the table `first_layer`. On the right the first pooling layer makes up for the stride, not conv2; of these
    runs one failed, so the lines are medians, and the run is written down.
    """
    figure, panels = plt.subplots(1, 3, figsize=(9.8, 3.1), sharey=True)
    runs = runs[runs["seed"] >= 10]
    for ax, epochs, by in zip(panels, (4, 12, 4), ("conv2", "conv2", "pool1")):
        measured = runs[
            (runs["epochs"] == epochs) & ((runs["by"] == by) | (runs["stride"] == 2))
        ]
        errors = measured.groupby(["kernel", "stride"])["test_error"]
        middle = errors.mean() if by == "conv2" else errors.median()
        heights = apart([middle[7, 4], middle[11, 4]], gap=5)
        for kernel, color, shift, height in zip(
            (7, 11), (BLUE, ORANGE), (-0.06, 0.06), heights
        ):
            for stride, at in ((2, shift), (4, 1 + shift)):
                several = errors.get_group((kernel, stride))
                ax.plot(
                    [at] * len(several),
                    several,
                    "o",
                    color=color,
                    markerfacecolor="white",
                    markersize=5,
                )
            ends = [middle[kernel, 2], middle[kernel, 4]]
            ax.plot([shift, 1 + shift], ends, color=color)
            words = f"{kernel} × {kernel}:\n{ends[0]:.1f} → {ends[1]:.1f} %"
            ax.text(1.2, height, words, color=color, va="center", fontsize=9)
            for failed in several[several > 40]:
                ax.text(
                    1, 33, f"one run: {failed:.0f} % ↑", color=color, ha="center", fontsize=9
                )
        ax.set(
            xticks=[0, 1], xticklabels=["stride 2", "stride 4"], xlim=(-0.3, 2.4), ylim=(0, 36)
        )
        words = f"{epochs} epochs, {measured['seed'].nunique()} seeds"
        ax.set_title(words if by == "conv2" else f"control: {epochs} epochs, medians")
    panels[0].set_ylabel("test error, %")
    return figure


def reconstructed(images, reconstructions, titles: Sequence[str]) -> Figure:
    """Images over the reconstruction of a unit in each, a column per image.

    images, reconstructions: N × C × H × W, C is 1 or 3. Gray is 0 in the lower row.
    """
    images, reconstructions = _channels_last(images), _channels_last(reconstructions)
    figure, grid = plt.subplots(
        2, len(images), figsize=(1.05 * len(images), 2.45), squeeze=False, layout="none"
    )
    figure.subplots_adjust(
        left=0.005, right=0.995, bottom=0.01, top=0.89, wspace=0.06, hspace=0.06
    )
    for (upper, lower), image, reconstruction, title in zip(
        grid.T, images, reconstructions, titles
    ):
        low, high = image.min(), image.max()
        upper.imshow((image - low) / ((high - low) or 1))
        upper.set_title(title, fontsize=9, loc="center", pad=3)
        lower.imshow(_shown(reconstruction), vmin=0, vmax=1)
        for ax in (upper, lower):
            ax.axis("off")
    return figure


def _channels_last(images) -> np.ndarray:
    """N × C × H × W -> N × H × W × 3, or N × H × W for gray ones, as matplotlib takes them."""
    images = np.asarray(images, float)
    return images[:, 0] if images.shape[1] == 1 else np.moveaxis(images, 1, -1)


def _shown(reconstruction: np.ndarray) -> np.ndarray:
    """A reconstruction from 0 to 1: 0.5 is nothing; the few strongest values are cut off."""
    reach = (
        np.quantile(np.abs(reconstruction[reconstruction != 0]), 0.99)
        if reconstruction.any()
        else 1
    )
    return _few((reconstruction / (2 * reach) + 0.5).clip(0, 1))


def patches(rows: Sequence[tuple[object, object]]) -> Figure:
    """A small version of the paper's Figure 2: a row per channel, patches on the left, their reconstructions on the right."""
    sheets = []
    for images, reconstructions in rows:
        tiles = [
            *_channels_last(images),
            *(_shown(one) for one in _channels_last(reconstructions)),
        ]
        framed = [np.pad(tile, ((1, 1), (1, 1), (0, 0)), constant_values=1) for tile in tiles]
        gap = np.ones((len(framed[0]), 8, 3))
        half = len(framed) // 2
        sheets.append(np.concatenate([*framed[:half], gap, *framed[half:]], axis=1))
    sheet = np.concatenate(sheets).repeat(3, 0).repeat(3, 1)
    figure, ax = _exactly(sheet, above=0.3)
    ax.text(3, -6, "patches that one channel responds to most", va="bottom")
    ax.text(sheet.shape[1] / 2 + 15, -6, "their reconstructions", va="bottom")
    return figure


def occlusion(images, maps, titles: Sequence[str], square: int, step: int) -> Figure:
    """Images over their maps of the true class's probability, where the gray square covers each place.

    images: N × C × H × W; maps: N × rows × columns, the square's upper left corner every `step` pixels, from 0 to 1
    """
    figure, grid = plt.subplots(
        2, len(images), figsize=(1.55 * len(images) + 0.6, 3.5), squeeze=False
    )
    for (upper, lower), image, chances, title in zip(
        grid.T, _channels_last(images), maps, titles
    ):
        low, high = image.min(), image.max()
        upper.imshow(_few((image - low) / ((high - low) or 1), 12))
        upper.set_title(title, fontsize=9, loc="center", pad=3)
        shown = _probability_map(lower, _few(chances, 16), image.shape[:2], square, step)
        upper.axis("off")
        lower.set(xticks=[], yticks=[])
        lower.spines[:].set(visible=True, color=GRAY)
    figure.colorbar(
        shown, ax=list(grid[1]), label="p(true class)", ticks=[0, 0.5, 1], fraction=0.03
    )
    return figure


def _probability_map(ax, chances, shape, square: int, step: int, **how):
    """The map where it belongs: each value at the middle of the square that gave it."""
    chances = np.asarray(chances, float)
    rows, columns = chances.shape
    first = (square - step) / 2 - 0.5
    extent = (first, first + columns * step, first + rows * step, first)
    how = {"cmap": "cividis", "vmin": 0, "vmax": 1} | how
    shown = ax.imshow(chances, extent=extent, **how)
    ax.set(xlim=(-0.5, shape[1] - 0.5), ylim=(shape[0] - 0.5, -0.5))
    return shown


def covered_photograph(photo, chances, label: str, classes: Sequence[str]) -> Figure:
    """A photograph: whole, with the gray square where it hurts least and most, and the map of all places.

    photo: 3 × 32 × 32 from 0 to 1; chances: rows × columns × classes for a square of 8 pixels every 2
    """
    photo, chances = np.moveaxis(np.asarray(photo, float), 0, -1), np.asarray(chances, float)
    right, square, step = chances[..., classes.index(label)], 8, 2
    figure, panels = plt.subplots(1, 3, figsize=(9.6, 3.9))
    for ax, index, words in zip(panels, (right.argmax(), right.argmin()), ("least", "most")):
        top, left = np.unravel_index(index, right.shape)
        ax.imshow(_few(photo, 12))
        corner = (step * left - 0.5, step * top - 0.5)
        ax.add_patch(Rectangle(corner, square, square, color=GRAY))
        said = chances[top, left]
        ax.set_title(f"where it hurts {words}")
        answer = f"“{classes[said.argmax()]}” {100 * said.max():.0f} %"
        ax.text(0.5, -0.04, answer, ha="center", va="top", fontsize=15, weight="bold",
                color=BLUE if classes[said.argmax()] == label else ORANGE, transform=ax.transAxes)  # fmt: skip
        ax.axis("off")
    panels[2].imshow(photo.mean(-1), alpha=0.5)
    _probability_map(panels[2], right, photo.shape[:2], square, step, alpha=0.75)
    panels[2].set_title(f"p({label}) by place: yellow 1, blue 0")
    panels[2].axis("off")
    return figure


def leaning(lost: Mapping[str, object], side: int, square: int, step: int) -> Figure:
    """Where the gray square hurts, on average over images: a map for each name, in rows × columns, from 0 to 1."""
    figure, panels = plt.subplots(
        1, len(lost), figsize=(3.3 * len(lost) + 1, 3.3), squeeze=False
    )
    for ax, (name, one) in zip(panels[0], lost.items()):
        shown = _probability_map(ax, one, (side, side), square, step, cmap="magma", vmax=None)
        figure.colorbar(shown, ax=ax, fraction=0.045)
        ax.set_title(name)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(visible=True, color=GRAY)
    panels[0][0].set_ylabel("share of p(right class) lost")
    return figure


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
