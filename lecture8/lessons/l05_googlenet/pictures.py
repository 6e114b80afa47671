"""Pictures of notebook 05."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lecture8.lessons.l05_googlenet.modules import branches, costs
from lecture8.plots import (
    BLACK,
    BLUE,
    GRAY,
    GREEN,
    LAYER_COLORS,
    ORANGE,
    SKY,
    YELLOW,
    lines,
    short,
)

# Parts of a module, in working order; the path inside the library's modules, what to call it, color
PARTS = {
    "conv1x1": ("1 × 1", SKY), "conv3x3.reduce": ("reduce", "#BBBBBB"), "conv3x3": ("3 × 3", BLUE),
    "conv5x5.reduce": ("reduce", "#BBBBBB"), "conv5x5": ("5 × 5", ORANGE), "pool": ("pool", YELLOW),
}  # fmt: skip
BRANCHES = {"pool": "pool", "conv5x5": "5 × 5", "conv3x3": "3 × 3", "conv1x1": "1 × 1"}


def strip(
    profile, depths: Mapping[str, int], *, heads: Sequence[str] = (), title: str = ""
) -> Figure:
    """The whole network: each stage as wide as its map and as high as its channels are many, modules cut into branches.

    profile: of a `googlenet`; depths: stage -> weight layers up to its end; heads: stages with an auxiliary classifier
    """
    figure, ax = plt.subplots(figsize=(11, 4.2))
    stages = {stage.name.removeprefix("features."): stage for stage in profile.stages}
    widest = max(
        stage.output_shape[1] for stage in stages.values() if len(stage.output_shape) == 3
    )
    highest = max(stage.output_shape[0] for stage in stages.values())
    _foot(ax, 0, "image", profile.input_size, None)
    for i, (name, stage) in enumerate(stages.items(), 1):
        channels, *size = stage.output_shape
        width, top = 0.92 * size[0] / widest if size else 0.03, channels / highest
        kind = "pool" if name.startswith("pool") else "conv" if size else "linear"
        parts = (
            branches(profile, stage.name) if name.startswith("inception") else {kind: channels}
        )
        bottom = 0
        for branch, part in parts.items():
            color = (
                GRAY
                if kind == "pool"
                else PARTS[branch][1]
                if branch in PARTS
                else LAYER_COLORS[kind]
            )
            look = {"facecolor": color, "edgecolor": "white", "linewidth": 0.7}
            ax.add_patch(plt.Rectangle((i - width / 2, bottom), width, part / highest, **look))
            bottom += part / highest
        if stage.macs:
            ax.text(i, top + 0.02, short(stage.macs), ha="center", va="bottom", fontsize=8.5)
        if name in heads:
            arrow = {"arrowstyle": "<-", "color": ORANGE}
            ax.annotate("auxiliary\nclassifier", (i, top + 0.08), (i, 0.98), ha="center", va="bottom", fontsize=8.5,
                        color=ORANGE, arrowprops=arrow)  # fmt: skip
        _foot(ax, i, name.removeprefix("inception_"), stage.output_shape, depths.get(name))
    handles = {
        label: plt.Rectangle((0, 0), 1, 1, color=PARTS[part][1])
        for part, label in BRANCHES.items()
    }
    ax.legend(
        handles.values(),
        handles,
        loc="upper left",
        fontsize=9,
        title="branch",
        title_fontsize=9,
        handlelength=1,
    )
    ax.text(-0.45, -0.345, "weight\nlayers", ha="left", va="top", fontsize=8.5, color=GRAY)
    ax.set(xlim=(-0.55, len(stages) + 0.6), ylim=(-0.45, 1.14), title=title)
    ax.axis("off")
    return figure


def _foot(ax, x, name, shape, depth) -> None:
    size = f"\n{shape[1]} × {shape[2]}" if len(shape) == 3 else ""
    ax.text(x, -0.03, name, ha="center", va="top", fontsize=9, fontweight="bold")
    ax.text(x, -0.11, f"{shape[0]}{size}", ha="center", va="top", fontsize=8.5)
    if depth:
        ax.text(x, -0.37, depth, ha="center", va="center", fontsize=8.5, color=GRAY)


def module_costs(designs: Mapping[str, object]) -> Figure:
    """Modules side by side: multiply-adds layer by layer on the left, output channels branch by branch on the right.

    designs: name -> profile of a module with the library's names for its branches
    """
    height = 1.25 + 0.55 * len(designs)
    # margins by hand: an explorer draws this at every move, and finding them out takes half of the time
    margins = {
        "left": 0.105,
        "right": 0.985,
        "bottom": 0.62 / height,
        "top": 1 - 0.48 / height,
        "wspace": 0.03,
    }
    figure, (left, right) = plt.subplots(
        1,
        2,
        figsize=(10, height),
        sharey=True,
        layout="none",
        gridspec_kw={"width_ratios": (2, 1), **margins},
    )
    for row, profile in enumerate(list(designs.values())[::-1]):
        _stack(left, row, costs(profile), profile.macs, short(profile.macs))
        out = branches(profile)
        _stack(right, row, out, sum(out.values()), str(sum(out.values())))
    left.set_yticks(range(len(designs)), list(designs)[::-1])
    for ax, label in ((left, "multiply-adds"), (right, "output channels")):
        ax.set(xlabel=label, ylim=(-0.5, len(designs) - 0.5))
        ax.margins(x=0.12)
        ax.tick_params(left=False)
        ax.spines["left"].set_visible(False)
    left.xaxis.set_major_formatter(lambda value, _: short(value))
    right.yaxis.set_visible(False)  # its ticks are shown by nobody, and laid out all the same
    seen = dict(PARTS.values())
    handles = [plt.Rectangle((0, 0), 1, 1, color=color) for color in seen.values()]
    figure.legend(
        handles, seen, loc="upper left", ncols=len(seen), fontsize=9.5, handlelength=1.2
    )
    return figure


def _stack(ax, row, parts, total, label) -> None:
    widest = max(total, ax.dataLim.x1 if np.isfinite(ax.dataLim.x1) else 0)
    shown = {part: parts[part] for part in PARTS if parts.get(part)}
    widths, colors = list(shown.values()), [PARTS[part][1] for part in shown]
    starts = np.cumsum([0, *widths[:-1]])
    ax.barh(
        [row] * len(shown),
        widths,
        left=starts,
        height=0.62,
        color=colors,
        edgecolor="white",
        linewidth=0.8,
    )
    ax.text(total + widest * 0.02, row, label, va="center", fontsize=10, fontweight="bold")


def shares(rows: Mapping[str, tuple[float, float]]) -> Figure:
    """How much of a network its fully connected layers are: name -> (share of parameters, share of multiply-adds)."""
    figure, ax = plt.subplots(figsize=(7.5, 1 + 0.5 * len(rows)))
    for i, (params, macs) in enumerate(list(rows.values())[::-1]):
        ax.plot([macs, params], [i, i], color=GRAY, linewidth=1)
        ax.plot(params, i, "o", color=BLUE, markersize=9)
        ax.plot(macs, i, "D", color=ORANGE, markersize=8)
        ax.text(params + 0.02, i, f"{100 * params:.1f} %", va="center", fontsize=10)
        ax.text(macs, i + 0.2, f"{100 * macs:.2f} %", va="bottom", ha="left", fontsize=10)
    ax.text(params, i + 0.42, "parameters", color=BLUE, fontsize=10, ha="center")
    ax.text(max(macs, 0.04), i + 0.62, "work", color=ORANGE, fontsize=10, ha="left")
    ax.set_yticks(range(len(rows)), list(rows)[::-1])
    ax.set(
        xlabel="share of the fully connected layers",
        xlim=(-0.03, 1.12),
        ylim=(-0.4, len(rows) - 0.05),
    )
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.tick_params(left=False)
    return figure


def gradients(
    norms: Mapping[str, Sequence], stages: Sequence[str], *, heads: Sequence[str] = ()
) -> Figure:
    """Gradient norm at every stage; name -> seeds × stages, the first stage on the left."""
    figure, ax = plt.subplots(figsize=(8.5, 3.8))
    colors = dict(zip(norms, (ORANGE, BLUE, BLACK), strict=False))
    lines(
        norms, xlabel="output of stage, from the image to the logits", ylabel="length of the gradient", log=True,
        colors=colors, ax=ax,
    )  # fmt: skip
    for head in heads:
        at = list(stages).index(head) + 1
        ax.axvline(at, color=GRAY, linewidth=1, linestyle=(0, (2, 2)), zorder=0)
        ax.text(
            at,
            1.01,
            "head",
            transform=ax.get_xaxis_transform(),
            ha="center",
            va="bottom",
            fontsize=9,
            color=GRAY,
        )
    ax.set_xticks(
        range(1, len(stages) + 1),
        [name.removeprefix("inception_") for name in stages],
        fontsize=9,
    )
    return figure


def heads(runs) -> Figure:
    """Accuracy by epoch without batch normalization (left) and with it (right), a line for each kind of heads.

    runs: the table `auxiliary_heads`
    """
    figure, both = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True)
    for ax, norm in zip(both, (False, True), strict=True):
        series = {}
        for kind, name in {"none": "no heads", "upper": "only 4d", "both": "4a and 4d"}.items():
            rows = runs[(runs["norm"] == norm) & (runs["heads"] == kind)]
            series[name] = [
                100 * run["valid_accuracy"].to_numpy() for _, run in rows.groupby("seed")
            ]
        colors = dict(zip(series, (ORANGE, BLACK, BLUE), strict=True))
        ylabel = "" if norm else "validation accuracy, %"
        title = "with batch normalization" if norm else "without batch normalization"
        lines(series, xlabel="epoch", ylabel=ylabel, title=title, colors=colors, ax=ax)
    return figure


WEIGHTS = {
    "glorot": "Glorot",
    "he fan-in": "He (fan-in)",
    "he fan-out": "He (fan-out)",
    "pytorch": "PyTorch's",
}


def which_one_did_it(table) -> Figure:
    """Initial weights × batch normalization, without auxiliary classifiers: validation accuracy by epoch, first gradients.

    Initial weights did it. With Glorot's or He's (fan-in) the network reaches 97.5 to 99 % in 30 epochs (Adam 0.002, three
    seeds) without batch normalization and without heads. PyTorch's own, a sixth of He's variance, let the signal fade: it
    stays at 10 % (at a quarter of the rate, 33 to 49 % after 10 epochs), and either cure brings it to 95 % and more, heads
    or normalization. Where the initial weights are right, heads add nothing. Batch normalization makes the choice
    unimportant: all four kinds are at 85 to 97 % after 3 epochs (without: 10 to 91 %), and at four times the rate they
    still reach 83 % and more after 10 epochs, where without it Glorot's are at 10 to 24 %.

    table: `auxiliary_grid`, 960 digits, three seeds. Left: mean of the seeds; right: the gradient norm of conv1's weights
    before training, a dot for each seed: without normalization from 0.000002 (PyTorch's) to 2,000–6,100 (He's, fan-out), with it
    from 1.7 to 60.
    """
    rows = table[(table["heads"] == "none") & (table["lr"] == 0.002)]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 4.2), gridspec_kw={"width_ratios": (1.4, 1)}
    )
    curves, colors, norms = {}, {}, {}
    for norm in (False, True):
        for (init, name), color in zip(
            WEIGHTS.items(), (ORANGE, BLUE, GREEN, GRAY), strict=True
        ):
            arm = rows[(rows["init"] == init) & (rows["norm"] == norm)]
            label = f"{name}, {'with' if norm else 'no'} BN"
            runs = [run for _, run in arm.groupby("seed")]
            curves[label] = [100 * run["valid_accuracy"].to_numpy()[1:13] for run in runs]
            colors[label] = color
            norms[label] = [run["conv1"].iloc[0] for run in runs]
    lines(curves, xlabel="epoch", ylabel="validation accuracy (%)", colors=colors, ax=left)
    for at, (label, values) in enumerate(list(norms.items())[::-1]):
        right.plot(values, [at] * len(values), "o", color=colors[label], alpha=0.7)
    right.set_yticks(range(len(norms)), list(norms)[::-1])
    right.set(xscale="log", xlabel="gradient norm of conv1, at the start")
    return figure
