"""Pictures of notebook 06."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lecture8.plots import BLACK, BLUE, GRAY, NETWORK_COLORS, lines


def removal(points: Mapping[str, Sequence[float]]) -> Figure:
    """What removing a block cost: name -> points of accuracy lost, a dot per block and seed, a bar at the median."""
    figure, ax = plt.subplots(figsize=(7.5, 0.9 + 0.7 * len(points)))
    for i, (name, values) in enumerate(list(points.items())[::-1]):
        color = next((c for kind, c in NETWORK_COLORS.items() if name.startswith(kind)), BLUE)
        offsets = np.linspace(
            -0.22, 0.22, len(values)
        )  # side by side, or equal dots would hide each other
        ax.plot(
            values, i + offsets, "o", color=color, alpha=0.55, markersize=5, markeredgewidth=0
        )
        ax.plot([np.median(values)] * 2, [i - 0.36, i + 0.36], color=BLACK, linewidth=2)
    ax.axvline(0, color=GRAY, linewidth=0.8)
    ax.set_yticks(range(len(points)), list(points)[::-1])
    ax.set(xlabel="points of test accuracy lost (dots: one block in one network; bar: median)")
    ax.tick_params(left=False)
    return figure


def depth_comparison(curves, gradients, depth: int, shortcut: str) -> Figure:
    """Plain against residual at one depth: training loss by epoch, and gradient norm by layer before training.

    curves, gradients: the tables `digits_depth` and `digits_gradients`; shortcut: 'A', 'B' or 'C'
    """
    # margins by hand: an explorer draws this at every move, and finding them out takes half of the time
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="none")
    left.set_position((0.08, 0.15, 0.32, 0.8))
    right.set_position((0.58, 0.15, 0.32, 0.8))
    loss, norms = {}, {}
    convolutions = gradients[gradients["layer"] < depth]  # the last layer is linear
    for kind, name in (("plain", f"plain-{depth}"), (shortcut, f"residual-{depth}")):
        for table, column, into in (
            (curves, "train_loss", loss),
            (convolutions, "norm", norms),
        ):
            rows = table[(table["kind"] == kind) & (table["depth"] == depth)]
            into[name] = [run[column].to_numpy() for _, run in rows.groupby("seed")]
    colors = dict(zip(loss, (NETWORK_COLORS["plain"], NETWORK_COLORS["residual"]), strict=True))
    lines(loss, xlabel="epoch", ylabel="training loss", log=True, colors=colors, ax=left)
    left.set_ylim(5e-4, 4)
    lines(norms, xlabel="convolution, from the image to the logits", ylabel="gradient norm at the start", log=True,
          colors=colors, ax=right)  # fmt: skip
    right.set_ylim(0.05, 1000)
    for ax in (left, right):
        ax.minorticks_off()
        ax.yaxis.set_major_formatter(
            "{x:g}"
        )  # plain numbers are drawn faster than powers of ten, and read faster
    return figure
