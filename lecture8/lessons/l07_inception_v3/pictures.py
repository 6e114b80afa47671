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

    kernel, kept: n × n; photo: H × W, gray. The bars are the shares of the kernel's energy (the sum of its squared
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


def pairs_kept(learned, random) -> Figure:
    """How much of 7 × 7 kernels their best pairs keep: boxes for learned kernels beside random ones.

    The first kernels of `small.zfnet`, trained on CIFAR-10 photographs, keep 56 % of their energy in one pair, 79 % in two
    and 90 % in three; as they were drawn before training, 43, 69 and 84 %. (The means; after 12 epochs much of the initial
    weights is still in them.)

    learned, random: shares of the energy from 0 to 1, kernels × pairs, as from `kernels.energies`
    """
    figure, ax = plt.subplots(figsize=(8, 3.6))
    for name, shares, color, side in (
        ("learned from photographs", learned, BLUE, -0.17),
        ("random", random, GRAY, 0.17),
    ):
        shares = 100 * np.asarray(shares, float)
        at = np.arange(1, shares.shape[1] + 1)
        boxes = ax.boxplot(
            shares, positions=at + side, widths=0.28, patch_artist=True, manage_ticks=False
        )
        for part in boxes["boxes"]:
            part.set(facecolor=color, alpha=0.6)
        boxes["boxes"][0].set_label(name)
    ax.set(xticks=at, xlabel="pairs of a column and a row kept", ylabel="energy kept, %")
    ax.legend(loc="lower right")
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
    """Inception-v3 stage by stage: as wide as the map's side (log scale), as high as its channels are many.

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
        label = {"inception": "", "reduction": "red. ", "classifier": "linear"}.get(
            kind, kind
        ) + which.upper()
        size = f"\n{side[0]} × {side[1]}" if side else ""
        ax.text(i, -0.03, label, ha="center", va="top", fontsize=9.5, fontweight="bold")
        ax.text(i, -0.115, f"{channels}{size}", ha="center", va="top", fontsize=8.5)
    ax.set(xlim=(-0.55, len(rows) - 0.45), ylim=(-0.28, 1.12), title=title)
    ax.axis("off")
    return figure


def reliability(found: Mapping[str, Sequence]) -> Figure:
    """Reliability diagrams side by side: how often predictions of a given confidence are right.

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
        ax.text(97, 4, "promises\ntoo much", ha="right", va="bottom", fontsize=9, color=GRAY)
        ax.text(3, 97, "promises\ntoo little", ha="left", va="top", fontsize=9, color=GRAY)
        ax.set(
            xlim=(-2, 103),
            ylim=(-2, 103),
            xlabel="confidence, %",
            title=f"{name}\ncalibration error {error:.1f} %",
        )
        ax.set_aspect("equal")
    axes[0, 0].set_ylabel("right, %")
    return figure
