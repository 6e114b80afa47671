"""A module drawn from itself: what runs in parallel, what in sequence, with shapes and multiply-adds.

Made for `Branches`: inception modules, grid reductions, factorized convolutions; sequences and residual blocks around
them are drawn too. Normalization, ReLU and dropout belong to the layer before them and get no box.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lecture8 import checks
from lecture8.checks import times
from lecture8.complexity import Profile
from lecture8.plots.style import GRAY, LAYER_COLORS, axes, short

COLUMN, ROW = 1.72, 0.98  # inches from one branch to the next, and from one layer to the next
BOX = 0.6  # height of a box, in rows; the rest is arrow
HEAD = 0.12  # inches: an arrow's head
BAR = 0.34  # height of the bars of the input and of the concatenation
LANDING = 0.52  # from the last layer of the longest branch to the concatenation
WORDS = {
    "Conv2d": "conv", "Linear": "linear", "MaxPool2d": "max pool", "AvgPool2d": "average pool",
    "AdaptiveAvgPool2d": "global average pool",
}  # fmt: skip
COLORS = {"Conv2d": LAYER_COLORS["conv"], "Linear": LAYER_COLORS["linear"]}  # all others are pooling layers


@dataclass(frozen=True)
class Box:
    """One layer: what it is, C × H × W that it outputs, and its multiply-adds."""

    kind: str  #: class of the layer: Conv2d, MaxPool2d …
    words: str
    shape: tuple[int, ...]
    macs: int


@dataclass(frozen=True)
class Fork:
    """Parallel ways, each a list of boxes and forks; they meet in a concatenation, or in a sum."""

    ways: list[list]
    shapes: list[tuple[int, ...]]  #: what each way outputs
    sums: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """C × H × W after they meet."""
        channels, *size = self.shapes[0]
        return (channels if self.sums else sum(shape[0] for shape in self.shapes), *size)


def steps(module, profile) -> list:
    """The boxes and forks of a module, from its input to its output; profile: `complexity.profile(module, shape)`.

    Where a module's own forward concatenates, each of its children is a branch; where it adds, it must be a `Residual`
    (`body` and `shortcut`) or a `ScaledResidual` (`branches` and `up`, added to the input).
    """
    return _steps(module, "", {(layer.name, layer.kind): layer for layer in profile.layers}, profile.input_size)


def _steps(module, path, layers, shape) -> list:
    children = {name: (child, f"{path}.{name}".lstrip(".")) for name, child in module.named_children()}
    if (path, "cat") in layers:
        return [_fork([[child] for child in children.values()], layers, shape)]
    if (path, "add") in layers:
        residual = [["body"], ["shortcut"]] if "shortcut" in children else [["branches", "up"], []]
        return [_fork([[children[name] for name in way] for way in residual], layers, shape, sums=True)]
    if children:
        return _chain(children.values(), layers, shape)
    kind = type(module).__name__
    return [_box(kind, module, layers[path, kind])] if kind in WORDS else []


def _chain(children, layers, shape) -> list:
    found = []
    for child in children:
        found += _steps(*child, layers, found[-1].shape if found else shape)
    return found


def _fork(ways, layers, shape, sums=False) -> Fork:
    ways = [_chain(way, layers, shape) for way in ways]
    return Fork(ways, [way[-1].shape if way else shape for way in ways], sums)


def _box(kind, module, layer) -> Box:
    words = WORDS[kind]
    if hasattr(module, "kernel_size"):
        size, (stride, _) = (v if isinstance(v, tuple) else (v, v) for v in (module.kernel_size, module.stride))
        words = f"{times(size)} {words}" + (f" / {stride}" if stride > 1 else "")
    return Box(kind, words, layer.output_shape, layer.macs)


def boxes(found: list) -> list[Box]:
    """All layers in `steps`, in order."""
    flat = []
    for step in found:
        flat += [box for way in step.ways for box in boxes(way)] if isinstance(step, Fork) else [step]
    return flat


# --- drawing ---------------------------------------------------------------------------------------------------------
def columns_of(found: list) -> int:
    """The columns that `steps` take, one for each branch."""
    return max([1, *(sum(map(columns_of, step.ways)) for step in found if isinstance(step, Fork))])


def rows_of(found: list) -> float:
    """The rows that `steps` take, without the input's bar."""
    return sum(max(map(rows_of, step.ways)) + BAR + LANDING if isinstance(step, Fork) else 1 for step in found)


def diagram(module, profile, *, title: str = "", most: int | None = None, ax=None) -> Figure:
    """A module as it works on an image, from top to bottom: a box per layer, a column per branch.

    profile: `complexity.profile(module, (C, H, W))`. Every arrow shows the shape, every box its output channels and
    multiply-adds; the dark part of a box is its share of `most`, by default the most expensive layer's. The bar at
    the bottom is the concatenation, each branch's part to scale.
    """
    checks.kind(Profile, "what complexity.profile(module, (C, H, W)) returns", profile=profile)
    found = steps(module, profile)
    most = most or max((box.macs for box in boxes(found)), default=0) or 1
    columns, rows = columns_of(found), rows_of(found) + BAR + 0.25
    figure, ax = axes(ax, figsize=(max(COLUMN * columns + 0.3, 4.2), ROW * rows + 0.2 + 0.3 * bool(title)))
    _bar(ax, 0, columns, 0, "input  " + times(profile.input_size))
    end = _draw(ax, found, (0, columns), -BAR, "", most)
    if not isinstance(found[-1], Fork):
        ax.text(columns / 2 + 0.06, end - 0.2, times(found[-1].shape), va="center", fontsize=8.5)
        _arrow(ax, (columns / 2, end), (columns / 2, end - 0.36))
    ax.set(xlim=(-0.04, columns + 0.12), ylim=(-rows, 0.04), title=title)
    ax.axis("off")
    return figure


def _draw(ax, found, span, y, label, most) -> float:
    """Draws the steps in a span of columns, downwards from y; returns where they end.

    label: the shape to write on the first arrow, none where it comes from a bar that says it
    """
    middle = sum(span) / 2
    for step in found:
        if isinstance(step, Fork):
            y, label = _draw_fork(ax, step, span, y, label, most), ""
        else:
            _arrow(ax, (middle, y), (middle, y - 1 + BOX))
            ax.text(middle + 0.05, y - 0.17, label, va="center", fontsize=8.5)
            y -= 1 - BOX
            _draw_box(ax, step, span[0] + 0.06, span[1] - 0.06, y, most)
            y, label = y - BOX, times(step.shape)
    return y


def _draw_box(ax, box, left, right, y, most) -> None:
    color = COLORS.get(box.kind, LAYER_COLORS["pool"])
    size = {"height": BOX, "linewidth": 0}
    ax.add_patch(plt.Rectangle((left, y - BOX), right - left, color=color, alpha=0.18, **size))
    ax.add_patch(plt.Rectangle((left, y - BOX), (right - left) * box.macs / most, color=color, alpha=0.45, **size))
    middle = (left + right) / 2
    ax.text(middle, y - BOX * 0.3, box.words, ha="center", va="center", fontsize=9.5, fontweight="bold")
    work = f"  ·  {short(box.macs)}" if box.macs else ""
    ax.text(middle, y - BOX * 0.71, f"→ {box.shape[0]}{work}", ha="center", va="center", fontsize=9)


def _draw_fork(ax, fork, span, y, label, most) -> float:
    widths = [columns_of(way) for way in fork.ways]
    room = (span[1] - span[0]) / sum(widths)
    ends, left = [], span[0]
    for way, width in zip(fork.ways, widths, strict=True):
        right = left + width * room
        ends.append(((left + right) / 2, _draw(ax, way, (left, right), y, label, most)))
        left = right
    bottom = min(end for _, end in ends) - LANDING
    words = ("sum  " if fork.sums else "concatenation  ") + times(fork.shape)
    centers = _bar(ax, *span, bottom, words, [1] if fork.sums else [shape[0] for shape in fork.shapes])
    for i, ((x, end), shape) in enumerate(zip(ends, fork.shapes, strict=True)):
        ax.plot([x, x], [end, bottom + 0.28], color=GRAY, linewidth=1.2, zorder=0)
        _arrow(ax, (x, bottom + 0.28), (x if fork.sums else centers[i], bottom))
        ax.text(x + 0.05, bottom + 0.36, times(shape), va="center", fontsize=8.5)
    return bottom - BAR


def _bar(ax, left, right, y, words, parts=(1,)) -> list[float]:
    """A bar across columns, cut into parts to scale; returns the middle of each part."""
    left, right = left + 0.06, right - 0.06
    unit, at, centers = (right - left) / sum(parts), left, []
    for part in parts:
        ax.add_patch(plt.Rectangle((at, y - BAR), part * unit, height=BAR, facecolor="#E4E4E4", edgecolor="white"))
        centers.append(at + part * unit / 2)
        at += part * unit
    over = {"facecolor": "#E4E4E4", "edgecolor": "none", "pad": 1}  # the words hide the cuts behind them
    ax.text(
        (left + right) / 2, y - BAR / 2, words, ha="center", va="center", fontsize=9.5, fontweight="bold", bbox=over
    )
    return centers


def _arrow(ax, start, end) -> None:
    """A line with a head in its last point; two plain artists, which an explorer draws faster than an annotation."""
    (x, y), (to_x, to_y) = start, end
    ax.plot([x, to_x], [y, to_y], color=GRAY, linewidth=1.2, solid_capstyle="butt")
    # the axes are as large as COLUMN × ROW says, so that the head points along the line in inches
    along = np.array([(to_x - x) * COLUMN, (to_y - y) * ROW])
    along = along / np.hypot(*along) * HEAD
    across = np.array([-along[1], along[0]]) * 0.36
    corners = np.array([(0, 0), -along + across, -along - across]) / (COLUMN, ROW) + end
    ax.add_patch(plt.Polygon(corners, color=GRAY, linewidth=0))
