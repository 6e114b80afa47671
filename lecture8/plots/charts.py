"""Charts that several lessons use: lines, curves, bars, sheets of images."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lecture8 import checks
from lecture8.plots.style import BLACK, BLUE, DASHES, NETWORK_COLORS, axes


def apart(heights: Sequence[float], gap: float, lowest: float = -np.inf) -> list[float]:
    """Heights for labels at least `gap` apart and not below `lowest`, in the same order, near where they belong."""
    order = np.argsort(heights)
    placed = np.array(heights, float)[order]
    for _ in range(200):
        close = np.diff(placed) < gap * 0.999
        if not close.any():
            break
        for i in np.flatnonzero(close):
            middle = (placed[i] + placed[i + 1]) / 2
            placed[i], placed[i + 1] = middle - gap / 2, middle + gap / 2
    placed = np.maximum(placed, lowest + np.arange(len(placed)) * gap)
    return list(placed[np.argsort(order)])


def lines(
    series: Mapping[str, Sequence[Sequence[float]]],
    x: Sequence[float] | None = None,
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    log: bool = False,
    colors: Mapping[str, str] | None = None,
    ax=None,
) -> Figure:
    """Lines labeled at their ends; name -> runs × points.

    Several runs of a name: each is drawn faint, their mean (geometric on a log scale) strong.
    """
    checks.named("a name -> its runs × points", series=series)
    series = {name: _numbers(name, runs) for name, runs in series.items()}
    if x is not None and len(x) < max(runs.shape[1] for runs in series.values()):
        raise ValueError(f"given {len(x)} values of x: expected one for every point of a line")
    figure, ax = axes(ax)
    ends, styles = {}, {}
    for i, (name, runs) in enumerate(series.items()):
        at = np.arange(1, runs.shape[1] + 1) if x is None else np.asarray(x, float)[: runs.shape[1]]
        color = (colors or {}).get(name, f"C{i}")
        middle = np.exp(np.log(np.maximum(runs, 1e-12)).mean(0)) if log else runs.mean(0)
        if len(runs) > 1:
            ax.plot(at, runs.T, color=color, linewidth=0.8, alpha=0.45)
        same_color = sum(c == color for c, _ in styles.values())
        styles[name] = color, DASHES[same_color % len(DASHES)]
        dot = "o" if len(at) == 1 else None  # a line through one point shows nothing
        ax.plot(at, middle, color=color, linestyle=styles[name][1], label=name, marker=dot)
        ends[name] = at[-1], middle[-1]
    if log:
        ax.set_yscale("log")
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    low, high = ax.get_ylim()
    scale, back = (np.log, np.exp) if log else (np.asarray, np.asarray)
    gap = (scale(high) - scale(low)) * 0.075
    heights = apart([float(scale(end)) for _, end in ends.values()], gap, lowest=scale(low) + gap / 2)
    for (name, (end_x, end_y)), height in zip(ends.items(), heights, strict=True):
        spot = end_x + (at[-1] - at[0] or 1) * 0.03, float(back(height))
        ax.annotate(name, (end_x, end_y), spot, color=styles[name][0], va="center", annotation_clip=False)
    if x is None and len(at) <= 12:
        ax.set_xticks(at)
    return figure


def _numbers(name: str, values) -> np.ndarray:
    """Runs × points, or one run, as an array. Raises ValueError for what is no table of numbers."""
    try:
        found = np.atleast_2d(np.asarray(values, float))
    except (TypeError, ValueError):
        found = np.empty(0)
    if not found.size or found.ndim > 2:
        raise ValueError(f"given {name!r} without numbers, or with runs of several lengths: expected runs × points")
    return found


def curves(histories: Mapping[str, object], column: str = "train_loss", *, log: bool = False, title: str = ""):
    """A column of histories against the epoch; name -> History, or a list of them (one per seed)."""
    checks.named("name -> the History that fit returns, or a list of them", histories=histories)
    series = {n: [h[column] for h in (hs if isinstance(hs, list | tuple) else [hs])] for n, hs in histories.items()}
    words = column.replace("train", "training").replace("valid", "validation").replace("_", " ")
    colors = {name: NETWORK_COLORS[kind] for name in series for kind in NETWORK_COLORS if name.startswith(kind)}
    return lines(series, xlabel="epoch", ylabel=words, title=title, log=log, colors=colors)


def images(pictures, titles: Sequence[str] | None = None, *, columns: int = 10, size: float = 0.9) -> Figure:
    """A sheet of pictures, N × C × H × W or N × H × W, each stretched from its own darkest to its own lightest."""
    checks.whole(columns=columns)
    checks.number(above=0, size=size)
    try:
        pictures = [np.asarray(p, float) for p in pictures]
    except (TypeError, ValueError):
        raise TypeError(f"given {checks.shown('pictures', pictures)}: expected arrays of numbers") from None
    if not pictures or not all(p.ndim == 2 or (p.ndim == 3 and len(p) in (1, 3)) for p in pictures):
        shape = "none" if not pictures else " × ".join(map(str, (len(pictures), *pictures[0].shape)))
        raise ValueError(f"given pictures: {shape}; expected N × H × W or N × C × H × W with 1 or 3 channels, N from 1")
    if titles is not None and len(titles) != len(pictures):
        raise ValueError(f"given {len(titles)} titles for {len(pictures)} pictures: expected one for each")
    rows = -(-len(pictures) // columns)
    columns = min(columns, len(pictures))
    height = size * (1.35 if titles is not None else 1.05)
    figure, grid = plt.subplots(rows, columns, figsize=(columns * size, rows * height), squeeze=False)
    for ax in grid.flat:
        ax.axis("off")
    for i, (ax, picture) in enumerate(zip(grid.flat, pictures, strict=False)):
        low, high = picture.min(), picture.max()
        picture = (picture - low) / ((high - low) or 1)
        if picture.ndim == 3:
            picture = picture[0] if len(picture) == 1 else np.moveaxis(picture, 0, -1)
        ax.imshow(picture)
        if titles is not None:
            ax.set_title(titles[i], fontsize=9, loc="center", pad=3)
    return figure


def bars(
    values: Mapping[str, float | Sequence[float]],
    *,
    xlabel: str,
    title: str = "",
    form: str = "{:.1f}",
    colors: Mapping[str, str] | None = None,
    ax=None,
) -> Figure:
    """Horizontal bars with their values; several values for a name are drawn as dots on their mean."""
    checks.named("a name -> its value, or a list of values", values=values)
    values = {name: _numbers(name, several)[0] for name, several in values.items()}
    figure, ax = axes(ax, figsize=(7.5, 0.6 + 0.42 * len(values)))
    means = {name: float(np.mean(v)) for name, v in values.items()}
    names = list(values)[::-1]
    ax.barh(names, [means[n] for n in names], color=[(colors or {}).get(n, BLUE) for n in names], height=0.62)
    widest = max(means.values())
    for i, name in enumerate(names):
        several = np.atleast_1d(np.asarray(values[name], float))
        if len(several) > 1:
            ax.plot(several, [i] * len(several), "o", color="white", markeredgecolor=BLACK, markersize=5)
        ax.text(max(means[name], several.max()) + widest * 0.025, i, form.format(means[name]), va="center", fontsize=10)
    ax.set(xlabel=xlabel, title=title)
    ax.margins(x=0.1)
    ax.tick_params(left=False)
    ax.spines["left"].set_visible(False)
    return figure
