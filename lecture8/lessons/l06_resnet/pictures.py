"""Pictures of notebook 06."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lecture8 import published
from lecture8.lessons.l06_resnet import runs
from lecture8.plots import (
    BLACK,
    BLUE,
    GRAY,
    NETWORK_COLORS,
    ORANGE,
    SKY,
    YELLOW,
    bars,
    lines,
)

NAMES = {"plain": "plain", "A": "residual"}  # of the tables' kinds


def to_the_end(kinds: Sequence[str] = ("plain", "A")) -> Figure:
    """Training to its end: loss by epoch with 20 and 56 layers, and the final training accuracy at every depth.

    1,297 digits, 60 epochs with two drops of the learning rate (dotted), three seeds.
    """
    table = published.read("degradation")
    table = table[(table["lr"] == 0.05) & (table["init"] == "he")]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10, 3.7), gridspec_kw={"width_ratios": (1.3, 1), "wspace": 0.12}
    )
    loss, colors = {}, {}
    for kind in kinds:
        for depth in (20, 56):
            rows = table[(table["kind"] == kind) & (table["depth"] == depth)]
            name = f"{NAMES[kind]}-{depth}"
            loss[name] = [run["train_loss"].to_numpy() for _, run in rows.groupby("seed")]
            colors[name] = NETWORK_COLORS[NAMES[kind]]
    lines(loss, xlabel="epoch", ylabel="training loss", log=True, colors=colors, ax=left)
    for drop in (30, 45):
        left.axvline(drop + 0.5, color=GRAY, linewidth=0.8, linestyle=":")
    left.set_title("thin: seeds, bold: geometric mean, dotted: rate ÷ 10", fontsize=10.5)
    ends = table.dropna(subset="end_train_accuracy")
    for kind in kinds:
        rows, color = ends[ends["kind"] == kind], NETWORK_COLORS[NAMES[kind]]
        mean = 100 * rows.groupby("depth")["end_train_accuracy"].mean()
        right.plot(
            rows["depth"], 100 * rows["end_train_accuracy"], "o", color=color, alpha=0.45
        )
        right.plot(mean.index, mean, color=color, label=NAMES[kind])
    right.set(
        xlabel="layers", ylabel="training accuracy, %", ylim=(0, 104), title="after 60 epochs"
    )
    right.set_xticks(sorted(set(ends["depth"])))
    right.legend(loc="lower left")
    return figure


INITIAL = {
    "he": "He (fan-out)",
    "he fan-in": "He (fan-in)",
    "glorot": "Glorot",
    "pytorch": "PyTorch's default",
}


def settings_of_56(*, longer: bool) -> dict[str, pd.DataFrame]:
    """Plain-56 at every setting that was trained: words -> its rows; longer: those of 180 epochs, too."""
    table = published.read("degradation")
    rows = table[(table["depth"] == 56) & (table["kind"] == "plain")]
    found = {}
    for (init, lr), some in rows.groupby(["init", "lr"]):
        found[f"{INITIAL[init]}, rate {lr:g}"] = some
    found = dict(sorted(found.items(), key=lambda item: INITIAL["he"] not in item[0]))
    if longer:
        found["He (fan-out), rate 0.005, 180 epochs"] = published.read("degradation_longer")
    return found


def every_chance() -> Figure:
    """Training accuracy at the end of plain-56 with several learning rates and initial weights; dots are seeds."""
    ends = {
        name: list(100 * runs["end_train_accuracy"].dropna())
        for name, runs in settings_of_56(longer=True).items()
    }
    label = "plain-56: training accuracy at the end, %"
    return bars(ends, xlabel=label, form="mean {:.0f}", colors=dict.fromkeys(ends, ORANGE))


def one_setting(runs, others, name: str) -> Figure:
    """Training loss of one setting of plain-56, its seeds faint, between plain-20 and residual-56.

    runs: rows of one setting; others: name -> runs × epochs
    """
    figure, ax = plt.subplots(figsize=(8.4, 3.5), layout="none")
    ax.set_position((0.09, 0.16, 0.79, 0.74))
    mine = [run["train_loss"].to_numpy() for _, run in runs.groupby("seed")]
    for words, losses in others.items():
        middle = np.exp(np.log(np.maximum(losses, 1e-6)).mean(0))
        ax.plot(range(1, len(middle) + 1), middle, color=GRAY, linewidth=1.2)
        ax.text(len(middle) + 1, middle[-1], words, color=GRAY, va="center", fontsize=9.5)
    for one in mine:
        ax.plot(range(1, len(one) + 1), one, color=ORANGE, linewidth=1.6, alpha=0.8)
    ax.text(
        len(mine[0]) + 1,
        np.median([one[-1] for one in mine]),
        "plain-56",
        color=ORANGE,
        va="center",
        fontsize=10,
    )
    ax.set(
        xlabel="epoch",
        ylabel="training loss",
        title=f"plain-56, one line per seed: {name}",
        ylim=(2e-4, 4),
    )
    ax.set_yscale("log")
    ax.set_ylim(2e-4, 4)
    return figure  # fmt: skip


def on_photographs() -> Figure:
    """Training error by epoch on CIFAR-10, and test error at the end: nets of 20 and 56 layers."""
    table = published.read("cifar_degradation")
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10, 3.5), gridspec_kw={"width_ratios": (1.4, 1)}
    )
    errors, tests, colors = {}, {}, {}
    for (kind, depth), rows in table.groupby(["kind", "depth"]):
        name = f"{NAMES[kind]}-{depth}"
        runs = [run for _, run in rows.groupby("seed")]
        errors[name] = [100 * (1 - run["train_accuracy"].to_numpy()) for run in runs]
        tests[name] = [100 * (1 - run["test_accuracy"].iloc[-1]) for run in runs]
        colors[name] = NETWORK_COLORS[NAMES[kind]]
    lines(errors, xlabel="epoch", ylabel="training error, %", log=True, colors=colors, ax=left)
    left.minorticks_off()
    left.set_yticks((20, 30, 50, 80), labels=("20", "30", "50", "80"))
    left.set_xticks(range(0, int(table["epoch"].max()) + 1, 5))
    left.set_title("CIFAR-10 photographs")
    bars(tests, xlabel="test error at the end, %", colors=colors, ax=right)
    return figure


SHADES = {"plain": ORANGE, "shortcut A": BLUE, "shortcut B": SKY, "shortcut C": YELLOW}


def losses_by_shortcut(depth: int, kinds: Sequence[str]) -> Figure:
    """Nets of one depth: training loss by epoch; kinds: of "A", "B", "C"."""
    curves = published.read("digits_depth").query(f"depth == {depth}")
    found = {
        f"shortcut {kind}": [run["train_loss"].to_numpy() for _, run in curves[curves["kind"] == kind].groupby("seed")]
        for kind in kinds
    }  # fmt: skip
    return lines(
        found,
        xlabel="epoch",
        ylabel="training loss",
        log=True,
        colors=SHADES,
        title=f"{depth} layers, digits (thin: seeds, bold: geometric mean)",
    )


def by_shortcut(depth: int, kinds: Sequence[str]) -> Figure:
    """Nets of one depth: training loss by epoch, and gradient norm by layer before training.

    kinds: of "plain", "A", "B", "C"
    """
    curves, gradients = published.read("digits_depth"), published.read("digits_gradients")
    # margins by hand: an explorer draws this at every move, and finding them out takes half of the time
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="none")
    left.set_position((0.08, 0.15, 0.33, 0.76))
    right.set_position((0.58, 0.15, 0.33, 0.76))
    loss, norms = {}, {}
    convolutions = gradients[gradients["layer"] < depth]  # the last layer is linear
    for kind in kinds:
        name = "plain" if kind == "plain" else f"shortcut {kind}"
        for table, column, into in (
            (curves, "train_loss", loss),
            (convolutions, "norm", norms),
        ):
            rows = table[(table["kind"] == kind) & (table["depth"] == depth)]
            into[name] = [run[column].to_numpy() for _, run in rows.groupby("seed")]
    lines(loss, xlabel="epoch", ylabel="training loss", log=True, colors=SHADES, ax=left)
    left.set(ylim=(5e-4, 4), title=f"{depth} layers (thin: seeds)")
    lines(
        norms,
        xlabel="convolution (1 = at the image)",
        ylabel="gradient norm",
        log=True,
        colors=SHADES,
        ax=right,
    )
    right.set(ylim=(0.05, 1000), title="before training (bold: geometric mean)")
    for ax in (left, right):
        ax.minorticks_off()
        ax.yaxis.set_major_formatter(
            "{x:g}"
        )  # drawn faster than powers of ten, and read faster
    return figure  # fmt: skip


def heat(norms: Mapping[str, Sequence[Sequence[float]]]) -> Figure:
    """Gradient norm of every convolution's weights at every step: a panel per network, one logarithmic color scale.

    norms: name -> steps × layers
    """
    grids = {
        name: np.log10(np.maximum(np.asarray(rows, float), 1e-12)).T
        for name, rows in norms.items()
    }
    low = min(np.quantile(grid, 0.02) for grid in grids.values())
    high = max(grid.max() for grid in grids.values())
    figure, panels = plt.subplots(1, len(grids), figsize=(10, 3.9), sharey=True)
    for ax, (name, grid) in zip(panels, grids.items(), strict=True):
        count = len(grid)
        shown = ax.imshow(
            grid, aspect="auto", vmin=low, vmax=high, cmap="magma", interpolation="nearest",
            extent=(-0.5, grid.shape[1] - 0.5, count + 0.5, 0.5),
        )  # fmt: skip
        ax.set(title=name, xlabel="training step")
        ax.grid(False)
    panels[0].set_ylabel("convolution (1 = at the image)")
    bar = figure.colorbar(shown, ax=list(panels), label="gradient norm")
    ticks = range(int(np.ceil(low)), int(np.floor(high)) + 1)
    bar.set_ticks(ticks, labels=[f"{10.0**tick:g}" for tick in ticks])
    return figure


def last_epoch() -> Figure:
    """Gradient norm by layer of the networks of 56 layers after 60 epochs: the film's last frame."""
    norms = runs.norms_of_56()
    last = {
        name: (10 ** norms[kind].iloc[:, -1:]).to_numpy().T for kind, name in runs.NAMES.items()
    }
    axes = {"xlabel": "layer (1 = at the image)", "ylabel": "gradient norm"}
    return lines(last, log=True, title="after 60 epochs, mean of three seeds", **axes)


def removal(
    points: Mapping[str, Mapping[int, Sequence[float]]], intact: Mapping[str, float]
) -> Figure:
    """Points of test accuracy lost when one block is removed: a panel per network, a bar per block, dots for seeds.

    points: network -> block -> points lost, one per seed; intact: network -> its accuracy with all blocks, percent
    """
    figure, panels = plt.subplots(
        1,
        len(points),
        figsize=(10, 3.2),
        sharey=True,
        gridspec_kw={"width_ratios": [max(9, len(found)) ** 0.6 for found in points.values()]},
    )
    for ax, (name, found) in zip(panels, points.items(), strict=True):
        color = next((c for kind, c in NETWORK_COLORS.items() if name.startswith(kind)), BLUE)
        ax.bar(
            list(found), [np.mean(values) for values in found.values()], color=color, width=0.75
        )
        for block, values in found.items():
            ax.plot(
                [block] * len(values),
                values,
                "o",
                color="white",
                markeredgecolor=BLACK,
                markersize=3.5,
                markeredgewidth=0.7,
            )
        ax.axhline(0, color=GRAY, linewidth=0.8)
        ax.set(title=f"{name} (intact ≈ {intact[name]:.0f} %)", xlabel="block removed")
        blocks = list(found)
        ax.set_xticks(blocks if len(blocks) < 12 else blocks[::4])
    panels[0].set_ylabel("accuracy lost\n(percentage points)")
    return figure  # fmt: skip


def answers_of(images: Sequence, said: Sequence[str], wrong: Sequence[bool]) -> Figure:
    """Images with a network's answer above each; a wrong one is orange."""
    figure, grid = plt.subplots(2, len(images) // 2, figsize=(9, 2.5), layout="none")
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.9, wspace=0.15, hspace=0.3)
    for ax, image, words, other in zip(grid.flat, images, said, wrong, strict=True):
        ax.imshow(np.asarray(image, float), cmap="gray")
        ax.set_title(words, fontsize=12, loc="center", pad=3, color=ORANGE if other else BLACK)
        ax.axis("off")
    return figure
