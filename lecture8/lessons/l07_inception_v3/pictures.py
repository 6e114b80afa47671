"""Pictures of notebook 07."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lecture8.plots import BLACK, BLUE, GREEN, GRAY, ORANGE, SKY, YELLOW, diagrams, short

STAGES = {
    "stem": GRAY,
    "inception_a": BLUE,
    "inception_b": SKY,
    "inception_c": GREEN,
    "reduction": ORANGE,
}


def kernels(groups: Sequence[Mapping[str, object]]) -> Figure:
    """Kernels cell by cell, a row per design: what works one after another, its weights, and what it sees.

    groups: each name -> module of convolutions in a row, with as many channels in as out; the weights are those for one
    pair of channels, in percent of the first design of the group
    """
    rows = []
    for group in groups:
        sizes = {name: _kernel_sizes(module) for name, module in group.items()}
        whole = sum(h * w for h, w in next(iter(sizes.values())))
        rows += [
            (name, found, sum(h * w for h, w in found) / whole) for name, found in sizes.items()
        ]
    heights = [max(h for h, _ in sizes) + 1.6 for _, sizes, _ in rows]
    figure, ax = plt.subplots(figsize=(8.5, 0.125 * sum(heights)), layout="none")
    ax.set_position((0, 0, 1, 1))
    y = 0.0
    for (name, sizes, share), height in zip(rows, heights, strict=True):
        middle, x = y - height / 2, 15.0
        ax.text(1, middle, name, va="center", fontsize=11, fontweight="bold")
        for i, (h, w) in enumerate(sizes):
            if i:
                _arrow(ax, (x + 0.4, middle), (x + 2.8, middle))
                x += 3.2
            for cell in range(h * w):
                corner = x + cell % w, middle - h / 2 + cell // w
                ax.add_patch(
                    plt.Rectangle(corner, 1, 1, facecolor=SKY, edgecolor="white", linewidth=1)
                )
            x += w
        sees = " × ".join(str(1 + sum(size[axis] - 1 for size in sizes)) for axis in (0, 1))
        words = f"{sum(h * w for h, w in sizes)} weights, {100 * share:.0f} %;  sees {sees}"
        ax.text(34, middle, words, va="center", fontsize=10.5)
        y -= height
    ax.set(xlim=(0, 68), ylim=(y, 0))
    ax.axis("off")
    return figure


def _kernel_sizes(module) -> list[tuple[int, int]]:
    return [m.kernel_size for m in module.modules() if type(m).__name__ == "Conv2d"]


def _arrow(ax, start, end) -> None:
    ax.annotate(
        "",
        end,
        start,
        arrowprops={"arrowstyle": "-|>", "color": GRAY, "shrinkA": 0, "shrinkB": 0},
    )


def separated(kernel, kept, photo, rank: int) -> Figure:
    """A kernel beside a sum of `rank` products of a column and a row, and a photograph seen through both.

    kernel, kept: n × n; photo: H × W, gray. Each row has one scale around gray, which is 0. The bars are the shares of the kernel's energy (the sum of its squared
    weights) in each product, those kept in blue.
    """
    kernel, kept, photo = (np.asarray(a, float) for a in (kernel, kept, photo))
    pairs = f"{rank} pair" + "s" * (rank > 1)
    figure = plt.figure(figsize=(10, 4.9), layout="none")
    # all pictures in one system of axes, a fifth of a second faster than in seven: an explorer draws this at every move
    sheet = figure.add_axes((0, 0, 1, 1))
    size = np.abs(kernel).max()
    for i, (title, values) in enumerate(
        {"the kernel": kernel, pairs: kept, "lost": kernel - kept}.items()
    ):
        _picture(sheet, values, (0.2 + 2.45 * i, 2.3 + 2.45 * i, 2.5, 4.6), title, size)
    seen, seen_kept = _through(photo, kernel), _through(photo, kept)
    height = min(2.3 * photo.shape[0] / photo.shape[1], 2.1)
    width, size = height * photo.shape[1] / photo.shape[0], np.abs(seen).max()
    answers = {
        "a photograph": photo,
        "through the kernel": seen,
        f"through {pairs}": seen_kept,
        "lost": seen - seen_kept,
    }
    for i, (title, values) in enumerate(answers.items()):
        left = 0.1 + 2.45 * i + (2.3 - width) / 2
        _picture(
            sheet, values, (left, left + width, 1.98 - height, 1.98), title, size if i else None
        )
    sheet.text(
        *(9, 2.38), "kernels, outputs: gray is 0,\nwhite above, black below",
        ha="center", va="bottom", fontsize=8.5, color=GRAY,
    )  # fmt: skip
    sheet.set(xlim=(0, 10), ylim=(-0.15, 4.9))
    sheet.axis("off")
    _shares(figure.add_axes((0.81, 0.63, 0.18, 0.28)), kernel, rank)
    return figure


def _picture(ax, values, extent, title, size) -> None:
    """An image in a part of the axes, its title above; size: the value that is white, with −size black."""
    ax.imshow(
        values, extent=extent, vmin=None if size is None else -size, vmax=size, aspect="auto"
    )
    ax.text(
        (extent[0] + extent[1]) / 2,
        extent[3] + 0.06,
        title,
        ha="center",
        va="bottom",
        fontsize=10.5,
    )


def _shares(ax, kernel, rank) -> None:
    shares = np.linalg.svd(kernel, compute_uv=False) ** 2
    shares = 100 * shares / shares.sum()
    ax.bar(
        range(1, len(shares) + 1),
        shares,
        color=[BLUE if i < rank else "#BBBBBB" for i in range(len(shares))],
    )
    ax.set_xticks(range(1, len(shares) + 1))
    ax.set_yticks((0, 50, 100))
    ax.tick_params(labelsize=8.5, length=2)
    ax.set_ylim(0, 105)
    ax.set_title("energy in each pair, %", loc="center", fontsize=10.5)


def _through(photo, kernel) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(photo, kernel.shape)
    return np.einsum("ijkl,kl->ij", windows, kernel)


def kernel_sheet(learned, random) -> Figure:
    """The strongest kernels of each kind, one row each: kernels × n × n. Gray is 0, one scale for each row."""
    rows = {"learned": learned, "random": random}
    figure, ax = plt.subplots(figsize=(9, 2.35), layout="none")
    ax.set_position((0, 0, 1, 1))
    for i, (name, kernels) in enumerate(rows.items()):
        ax.text(-0.08, 0.5 - i * 1.08, name, ha="right", va="center", fontsize=12)
        for j, kernel in enumerate(np.asarray(kernels, float)):
            extent = (j * 1.08, j * 1.08 + 1, -i * 1.08, 1 - i * 1.08)
            size = np.abs(kernel).max()
            ax.imshow(kernel, extent=extent, vmin=-size, vmax=size, aspect="auto")
    ax.set(xlim=(-0.9, 1.08 * len(learned)), ylim=(-1.12, 1.04))
    ax.axis("off")
    return figure


def pairs_kept(learned, random) -> Figure:
    """How much of their energy 7 × 7 kernels keep in their best pairs: boxes for learned and for random kernels.

    learned, random: shares of the energy from 0 to 1, kernels × pairs, as from `kernels.energies`. A box holds the middle
    half of the kernels, its line is the median.
    """
    figure, ax = plt.subplots(figsize=(8.4, 3.6))
    for name, shares, color, side in (
        ("learned from photographs", learned, BLUE, -0.17),
        ("random, as before training", random, GRAY, 0.17),
    ):
        shares = 100 * np.asarray(shares, float)
        at = np.arange(1, shares.shape[1] + 1)
        boxes = ax.boxplot(
            shares, positions=at + side, widths=0.28, patch_artist=True, manage_ticks=False,
            flierprops={"markersize": 2}, medianprops={"color": BLACK},
        )  # fmt: skip
        for part in boxes["boxes"]:
            part.set(facecolor=color, alpha=0.6)
        boxes["boxes"][0].set_label(name)
    ax.axhline(90, color=ORANGE, linewidth=1, linestyle=(0, (4, 2)))
    ax.text(0.45, 91, "90 %", color=ORANGE, fontsize=10)
    ax.set(xticks=at, xlim=(0.4, 7.6), ylim=(15, 103))
    ax.set(xlabel="pairs of a column and a row kept", ylabel="energy kept, %")
    ax.legend(loc="lower right")
    return figure


def cut_down(table, layer: str) -> Figure:
    """Test accuracy against the weights that are left of one layer, cut kernel by kernel or as a whole.

    table: `cut_kernels`
    """
    rows = table[table["layer"] == layer]
    figure, ax = plt.subplots(figsize=(8.4, 3.6))
    names = {
        "each kernel": ("each kernel in 1, 2, … pairs", GRAY, "s"),
        "layer": ("the whole layer: a column, r channels, a row", BLUE, "o"),
    }
    for way, (name, color, marker) in names.items():
        some = rows[(rows["way"] == way) & (rows["weights"] <= 1.25)]
        x, y = 100 * some["weights"], 100 * some["test_accuracy"]
        ax.plot(x, y, "-", marker=marker, color=color, markersize=5, label=name)
        for amount, left, up in zip(some["amount"], x, y):
            if way == "layer" and amount in (2, 4, 8, 16, 32, 64):
                below = (1.2, -3.6) if amount < 32 else (-2, 3)
                ax.text(
                    left + below[0], up + below[1], f"r = {amount}", fontsize=10, color=color
                )
            elif way == "each kernel":
                words = f"{amount} pair" + "s" * (amount > 1)
                ax.text(left + 1, up - 5.5, words, fontsize=10, color=color, ha="center")
    whole = 100 * rows["test_accuracy"][rows["way"] == "each kernel"].iloc[-1]
    ax.axhline(whole, color=BLACK, linewidth=0.8, linestyle=(0, (4, 2)))
    ax.text(1, whole + 1.2, "the layer as it is", fontsize=9)
    ax.set(xlabel="weights of the layer that are left, %", ylabel="test accuracy, %")
    ax.set(ylim=(10, 85), xlim=(0, 126))
    ax.legend(loc="lower right")
    return figure


def differences(found: Mapping[str, object]) -> Figure:
    """Where the outputs for a photograph and its shuffled copy differ: name -> N × C × H × W; white is no difference."""
    figure, axes = plt.subplots(1, len(found), figsize=(10.6, 2.6))
    most = max(float(values.max()) for values in found.values())
    for ax, (name, values) in zip(axes, found.items()):
        image = ax.imshow(values[0].mean(0), cmap="Blues", vmin=0, vmax=most / 4)
        largest = float(values.max())
        words = "no difference" if largest < 1e-5 else "the outputs differ"
        ax.set_title(f"{name}:\n{words}", fontsize=11)
        ax.set(xticks=[], yticks=[])
        for spine in ax.spines.values():
            spine.set_visible(True)
    figure.colorbar(image, ax=axes, label="mean difference\nof the channels", extend="max")
    return figure


def table3(table) -> Figure:
    """ImageNet top-1 errors on the way from GoogLeNet to Inception-v3; what each of the last steps gained is beside its bar.

    table: `inception_v3_table3`
    """
    figure, ax = plt.subplots(figsize=(8.4, 3.5))
    errors, names = list(table["top1"]), list(table["network"])
    first = names.index("Inception-v2")
    best = max(range(first + 1, len(errors)), key=lambda i: errors[i - 1] - errors[i])
    colors = [ORANGE if i == best else BLUE if i >= first else GRAY for i in range(len(errors))]
    ax.barh(range(len(errors)), errors, color=colors, height=0.66)
    for i, (error, cost) in enumerate(zip(errors, table["cost"])):
        step = f"  (−{errors[i - 1] - error:.1f})" if i > first else ""
        ax.text(error + 0.3, i, f"{error:.1f}{step}", va="center", fontsize=10)
        ax.text(0.4, i, f"{cost:g} G", va="center", fontsize=9, color="white")
    ax.set_yticks(range(len(names)), names)
    ax.set(
        xlabel="ImageNet top-1 error, % (in the bar: billions of multiply-adds)", xlim=(0, 34)
    )
    ax.invert_yaxis()
    ax.tick_params(left=False)
    return figure


def reductions(designs: Mapping[str, tuple]) -> Figure:
    """Modules side by side, each from its input to its output; name -> (module, its profile). Darker is more work."""
    columns = [diagrams.columns_of(diagrams.steps(*design)) for design in designs.values()]
    most = max(
        box.macs
        for design in designs.values()
        for box in diagrams.boxes(diagrams.steps(*design))
    )
    figure, axes = plt.subplots(
        1,
        len(designs),
        figsize=(10.5, 2.75),
        gridspec_kw={"width_ratios": [max(c, 1.25) for c in columns]},
    )
    for ax, (name, (module, profile)) in zip(axes, designs.items(), strict=True):
        diagrams.diagram(
            module, profile, title=f"{name}: {short(profile.macs)}", most=most, ax=ax
        )
        ax.set_ylim(-2.8, 0.04)  # one scale for all
    return figure


def strip(profile, *, title: str = "") -> Figure:
    """Inception-v3 stage by stage: as wide as the feature map's side (log scale), as high as its channels are many.

    profile: of an `inception_v3`. Under each stage its shape, on top its multiply-adds.
    """
    rows = [("image", profile.input_size, 0)]
    rows += [(s.name.removeprefix("features."), s.output_shape, s.macs) for s in profile.stages]
    highest, widest = max(shape[0] for _, shape, _ in rows), np.log2(1 + profile.input_size[1])
    figure, ax = plt.subplots(figsize=(11, 3.9))
    for i, (name, (channels, *side), macs) in enumerate(rows):
        width = 0.92 * np.log2(1 + side[0]) / widest if side else 0.04
        color = next(
            (c for kind, c in STAGES.items() if name.startswith(kind)),
            YELLOW if side else BLACK,
        )
        ax.add_patch(
            plt.Rectangle(
                (i - width / 2, 0), width, channels / highest, facecolor=color, linewidth=0
            )
        )
        if macs:
            ax.text(
                i, channels / highest + 0.02, short(macs), ha="center", va="bottom", fontsize=9
            )
        kind, _, which = name.partition("_")
        label = {"inception": "", "reduction": "reduction ", "classifier": "linear"}.get(
            kind, kind
        ) + which.upper()
        size = f"\n{side[0]} × {side[1]}" if side else ""
        points = 8 if kind == "reduction" else 9.5
        ax.text(i, -0.03, label, ha="center", va="top", fontsize=points, fontweight="bold")
        ax.text(i, -0.115, f"{channels}{size}", ha="center", va="top", fontsize=8.5)
    ax.set(xlim=(-0.55, len(rows) - 0.45), ylim=(-0.28, 1.12), title=title)
    ax.axis("off")
    return figure


def film(stills: Mapping[str, Mapping[int, object]], right: int) -> Figure:
    """Logits as bars, a row per kind of label and a still per step; the correct class is orange.

    stills: kind of label -> step -> the logits of all classes; one scale for all
    """
    steps = list(next(iter(stills.values())))
    values = [np.asarray(logits, float) for row in stills.values() for logits in row.values()]
    low, high = min(v.min() for v in values), max(v.max() for v in values)
    figure, grid = plt.subplots(
        len(stills), len(steps), figsize=(1.3 + 1.75 * len(steps), 1.9 * len(stills)),
        sharex=True, sharey=True, squeeze=False,
    )  # fmt: skip
    for row, (name, by_step) in zip(grid, stills.items()):
        row[0].set_ylabel(f"{name}\nlogit")
        for ax, (step, logits) in zip(row, by_step.items()):
            logits = np.asarray(logits, float)
            colors = [ORANGE if i == right else BLUE for i in range(len(logits))]
            ax.bar(range(len(logits)), logits, color=colors, width=0.8)
            ax.axhline(0, color=BLACK, linewidth=0.6)
            lead = logits[right] - np.delete(logits, right).max()
            ax.set_title(f"step {step:,}\ngap {lead:.1f}", fontsize=10, loc="center")
            ax.set(xticks=[], ylim=(low - 0.5, high + 0.5))
    for ax in grid[-1]:
        ax.set_xlabel("class (orange:\nthe correct one)", fontsize=9)
    return figure


def gains_of_seeds(gains: Sequence[float]) -> Figure:
    """What each seed gained in test accuracy, as bars."""
    figure, ax = plt.subplots(figsize=(7, 2.9))
    ax.axvline(0, color=BLACK, linewidth=0.8)
    ax.barh(
        range(len(gains)), gains, color=[BLUE if g > 0 else GRAY for g in gains], height=0.66
    )
    ax.set_yticks(range(len(gains)), [f"seed {i}" for i in range(len(gains))])
    ax.set(title="with the head − without it", xlabel="difference in test accuracy, points")
    ax.tick_params(left=False)
    return figure


def sign_flips(gains: Sequence[float], means: Sequence[float]) -> Figure:
    """The mean gain for every choice of signs: those at least as far from 0 as ours are orange."""
    figure, ax = plt.subplots(figsize=(7, 3.1))
    ours, means = np.mean(gains), np.asarray(means)
    edges = (1 - 1e-6) * abs(ours) / 7 * np.arange(-14, 15)  # ours is at the edge of a bar
    far = np.abs(means) >= abs(ours) - 1e-9
    ax.hist(
        [means[~far], means[far]], edges, stacked=True, color=[SKY, ORANGE],
        label=["closer to 0", "at least as far from 0 as the measured mean"],
    )  # fmt: skip
    for side in (-1, 1):
        ax.axvline(side * ours, 0, 0.72, color=BLACK, linewidth=1, linestyle=(0, (4, 2)))
    ax.set(
        title=f"all {len(means)} coin-flip results", xlabel="mean difference, points",
        ylabel="results", ylim=(0, 24),
    )  # fmt: skip
    ax.legend(loc="upper left", fontsize=9)
    return figure


def calibration_by_amount(errors: Mapping[int, Mapping[float, Sequence[float]]]) -> Figure:
    """Calibration error by the amount of smoothing, a line per number of training images; small dots are seeds.

    errors: images -> amount -> the error of each seed, in %
    """
    figure, ax = plt.subplots(figsize=(7.5, 3.6))
    for (images, by_amount), color in zip(errors.items(), (BLUE, ORANGE)):
        amounts = list(by_amount)
        ax.plot(
            amounts, [np.mean(by_amount[a]) for a in amounts], "-o", color=color,
            label=f"{images} training images",
        )  # fmt: skip
        for amount, seeds in by_amount.items():
            ax.plot([amount] * len(seeds), seeds, ".", color=color, alpha=0.45, markersize=5)
    ax.set(xlabel="ε, the share that is spread", ylabel="calibration error, %")
    ax.set(xticks=amounts, yticks=(0, 5, 10, 15, 20), ylim=(0, None))
    ax.legend()
    return figure


def reliability(found: Mapping[str, Sequence]) -> Figure:
    """Reliability diagrams side by side: the accuracy of predictions of a given confidence.

    found: name -> one `Calibration` per seed. A dot is a bin of one seed, the larger the more predictions it holds.
    """
    width = 0.75 + 3.4 * len(
        found
    )  # inches; margins by hand: constrained layout takes longer than the drawing
    figure, axes = plt.subplots(
        1, len(found), figsize=(width, 3.9), sharey=True, squeeze=False, layout="none"
    )
    figure.subplots_adjust(
        left=0.75 / width, right=1 - 0.2 / width, bottom=0.13, top=0.86, wspace=0.14
    )
    for ax, (name, several) in zip(axes[0], found.items(), strict=True):
        ax.plot([0, 100], [0, 100], color=GRAY, linewidth=1, linestyle=(0, (4, 2)))
        for one in several:
            share = np.array(one.count) / sum(one.count)
            x, y = 100 * np.array(one.confidence), 100 * np.array(one.accuracy)
            ax.scatter(x, y, s=12 + 400 * share, color=BLUE, alpha=0.45, linewidth=0)
        error = 100 * np.mean([one.error for one in several])
        ax.text(97, 4, "too sure", ha="right", va="bottom", fontsize=9, color=GRAY)
        ax.text(3, 97, "not sure\nenough", ha="left", va="top", fontsize=9, color=GRAY)
        ax.set(
            xlim=(-2, 103),
            ylim=(-2, 103),
            xlabel="confidence, %",
            title=f"{name}\ncalibration error {error:.1f} %",
        )
        ax.set_aspect("equal")
    axes[0, 0].set_ylabel("accuracy, %")
    return figure
