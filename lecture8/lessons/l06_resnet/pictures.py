"""Pictures of notebook 06."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lecture8.plots import BLACK, BLUE, GRAY, NETWORK_COLORS, bars, lines


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


NAMES = {"plain": "plain", "A": "residual"}


def to_the_end(table) -> Figure:
    """Training to its end: loss by epoch with 20 and 56 layers, and the final training accuracy at every depth.

    table: `degradation`, 1,297 digits, 60 epochs with two drops of the learning rate (dotted), three seeds. With shortcuts
    all training images are learned at every depth, without them up to 20 layers; plain-56 ends at 18 to 53 %.
    """
    table = table[(table["lr"] == 0.05) & (table["init"] == "he")]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 3.9), gridspec_kw={"width_ratios": (1.3, 1), "wspace": 0.12}
    )
    loss, colors = {}, {}
    for kind in NAMES:
        for depth in (20, 56):
            rows = table[(table["kind"] == kind) & (table["depth"] == depth)]
            name = f"{NAMES[kind]}-{depth}"
            loss[name] = [run["train_loss"].to_numpy() for _, run in rows.groupby("seed")]
            colors[name] = NETWORK_COLORS[NAMES[kind]]
    lines(loss, xlabel="epoch", ylabel="training loss", log=True, colors=colors, ax=left)
    for drop in (30, 45):
        left.axvline(drop + 0.5, color=GRAY, linewidth=0.8, linestyle=":")
    ends = table.dropna(subset="end_train_accuracy")
    for kind, name in NAMES.items():
        rows, color = ends[ends["kind"] == kind], NETWORK_COLORS[name]
        mean = 100 * rows.groupby("depth")["end_train_accuracy"].mean()
        right.plot(
            rows["depth"], 100 * rows["end_train_accuracy"], "o", color=color, alpha=0.45
        )
        right.plot(mean.index, mean, color=color, label=name)
    right.set(xlabel="layers", ylabel="final training accuracy (%)", ylim=(0, 104))
    right.set_xticks(sorted(set(ends["depth"])))
    right.legend(loc="lower left")
    return figure


def every_chance(table) -> Figure:
    """Plain-56 at other learning rates and with other initial weights: training accuracy after 60 epochs.

    table: `degradation`; dots are seeds. In 60 epochs no seed learns more than 91 % of the training images, and
    residual-56 learns all. In 180 epochs at a rate of 0.005 (`degradation_longer`) two seeds of three reach 99 %, one
    53 %: these weights are hard to find, not impossible.
    """
    ends = table.dropna(subset="end_train_accuracy").query("depth == 56")
    found = {}
    for (kind, lr, init), rows in ends.groupby(["kind", "lr", "init"]):
        words = INITIAL_WORDS[init]
        found[f"{NAMES[kind]}-56, {words}, rate {lr:g}"] = list(
            100 * rows["end_train_accuracy"]
        )
    order = sorted(
        found, key=lambda name: (name.startswith("residual"), INITIAL_WORDS["he"] not in name)
    )
    colors = {name: NETWORK_COLORS[name.split("-")[0]] for name in order}
    label = "training accuracy after 60 epochs, in % (dots: seeds)"
    return bars(
        {name: found[name] for name in order}, xlabel=label, form="{:.0f}", colors=colors
    )


INITIAL_WORDS = {
    "he": "He (fan-out)",
    "he fan-in": "He (fan-in)",
    "glorot": "Glorot",
    "pytorch": "PyTorch's default",
}


def gradients_over_training(table) -> Figure:
    """Gradient norm of every layer's weights at some epochs of a training: 56 layers, plain beside residual.

    table: `degradation_gradients`, three seeds, their geometric mean on one logarithmic color scale. Without shortcuts
    the gradient of the first convolution is 700 to 2,000 times that of the last one before training, and 18 to 75 times
    smaller after one epoch; with shortcuts it is 6 times as large before training and 1 to 3 times afterwards.
    """
    figure, axes = plt.subplots(1, 2, figsize=(10.5, 3.8), sharey=True)
    epochs = sorted(set(table["epoch"]))
    grids = {}
    for kind in NAMES:
        rows = table[table["kind"] == kind].assign(
            log=lambda t: np.log10(t["norm"].clip(lower=1e-12))
        )
        grids[kind] = rows.pivot_table(index="layer", columns="epoch", values="log").to_numpy()
    low = max(-6, min(grid.min() for grid in grids.values()))
    high = max(grid.max() for grid in grids.values())
    for ax, (kind, grid) in zip(axes, grids.items(), strict=True):
        shown = ax.imshow(
            grid, aspect="auto", vmin=low, vmax=high, cmap="viridis", interpolation="nearest"
        )
        ax.set(title=f"{NAMES[kind]}-56", xlabel="epochs trained")
        ax.set_xticks(range(len(epochs)), epochs)
        ax.grid(False)
    axes[0].set_ylabel("layer (1: at the image)")
    figure.colorbar(shown, ax=list(axes), label="log10 of the gradient norm")
    return figure


def on_photographs(table) -> Figure:
    """Training error by epoch on CIFAR-10, and test error at the end: plain and residual nets of 20 and 56 layers.

    table: `cifar_degradation`
    """
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 3.9), gridspec_kw={"width_ratios": (1.5, 1)}
    )
    errors, tests, colors = {}, {}, {}
    for (kind, depth), rows in table.groupby(["kind", "depth"]):
        name = f"{NAMES[kind]}-{depth}"
        runs = [run for _, run in rows.groupby("seed")]
        errors[name] = [100 * (1 - run["train_accuracy"].to_numpy()) for run in runs]
        tests[name] = [100 * (1 - run["test_accuracy"].iloc[-1]) for run in runs]
        colors[name] = NETWORK_COLORS[NAMES[kind]]
    lines(errors, xlabel="epoch", ylabel="training error (%)", colors=colors, ax=left)
    left.set_xticks(range(0, int(table["epoch"].max()) + 1, 5))
    bars(tests, xlabel="test error at the end (%)", colors=colors, ax=right)
    return figure


def recognized(photos: Mapping[str, object], probabilities, classes: Sequence[str]) -> Figure:
    """Photographs with the two classes that a network finds most probable.

    photos: name -> 3 × H × W bytes; probabilities: photographs × classes
    """
    columns = 5
    rows = -(-len(photos) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(2.1 * columns, 2.6 * rows), squeeze=False
    )
    for ax in grid.flat:
        ax.axis("off")
    for ax, photo, row in zip(grid.flat, photos.values(), np.asarray(probabilities, float)):
        ax.imshow(np.moveaxis(np.asarray(photo), 0, -1))
        best = row.argsort()[::-1][:2]
        words = "\n".join(f"{classes[i]} {100 * row[i]:.0f} %" for i in best)
        ax.set_title(words, fontsize=10, loc="center")
    return figure
