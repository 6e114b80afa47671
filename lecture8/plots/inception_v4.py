"""Pictures of notebook 08."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Arc

from lecture8.plots import BLACK, BLUE, GREY, LAYER_COLOURS, ORANGE, _short, axes
from lecture8.plots.modules import BAR, COLUMN, ROW, _columns, _rows, diagram, steps

NAMES = {"mixed": "stem", "inception": "block", "conv": "end", "classifier": "end"}
COLOURS = {"stem": GREY, "block": BLUE, "reduction": LAYER_COLOURS["pool"], "end": ORANGE}
LEAST, EACH = 1.22, 0.14  # inches: the narrowest part, and one module of a part that has many
HEIGHT = 2.15  # inches of the walk


@dataclass(frozen=True)
class Part:
    """A stop on the way through a network: equal modules in a row, with what they cost together."""

    name: str  #: 'stem', 'block A', 'reduction A' …, 'end'
    stages: list[str]  #: as in `profile.stages`
    given: tuple[int, ...]  #: shape that goes in
    shape: tuple[int, ...]  #: shape that comes out
    params: int
    macs: int
    shortcuts: int  #: modules that add their input to their output


def parts(profile) -> dict[str, Part]:
    """The stops by name, from the image to the logits; profile: of an Inception-v4 or an Inception-ResNet."""
    adding = {layer.name for layer in profile.layers if layer.kind == "add"}
    found: dict[str, Part] = {}
    shape = tuple(profile.input_size)
    for stage in profile.stages:
        kind, _, letter = re.sub(r"\d+$", "", stage.name.removeprefix("features.")).partition("_")
        name = f"{NAMES.get(kind, kind)} {letter.upper()}".strip()
        adds = any(f"{place}.".startswith(f"{stage.name}.") for place in adding)
        before = found.get(name, Part(name, [], shape, shape, 0, 0, 0))
        shape = tuple(stage.output_shape)
        found[name] = Part(
            name, [*before.stages, stage.name], before.given, shape, before.params + stage.params,
            before.macs + stage.macs, before.shortcuts + adds,
        )  # fmt: skip
    return found


def walk(profile, *, chosen: str = "", title: str = "", ax=None) -> Figure:
    """A network as a row of its modules, each as high as its map; an arc over every module that adds its input.

    chosen: the name of a part to stand out, such as 'block A'. Under each part stand its shape and multiply-adds.
    """
    stops = parts(profile)
    widths = {name: max(LEAST, EACH * len(part.stages)) for name, part in stops.items()}
    figure, ax = axes(ax, figsize=(sum(widths.values()) + 0.3, HEIGHT))
    at = 0.0
    for name, part in stops.items():
        _draw_part(ax, part, at, widths[name], faint=bool(chosen) and name != chosen)
        at += widths[name]
    ax.set(xlim=(-0.1, at + 0.1), ylim=(-1.0, 1.42), title=title)
    ax.axis("off")
    return figure


def _draw_part(ax, part, left, room, *, faint) -> None:
    count = len(part.stages)
    step = min(0.34, (room - 0.1) / count)
    height = 0.09 + 0.91 * (part.shape[1] / 35 if len(part.shape) == 3 else 0)
    colour, strength = COLOURS[part.name.split()[0]], 0.3 if faint else 0.95
    x = left + (room - step * count) / 2
    for _ in range(count):
        ax.add_patch(plt.Rectangle((x, 0), step * 0.8, height, color=colour, alpha=strength, linewidth=0))
        if part.shortcuts:
            over = {"theta1": 0, "theta2": 180, "color": BLACK, "alpha": 0.4 if faint else 1, "linewidth": 1.3}
            ax.add_patch(Arc((x + step * 0.4, height + 0.03), step * 0.8, 0.4, **over))
        x += step
    times = f"{count} × " if count > 1 and part.name.startswith("block") else ""
    words = (f"{times}{part.name}", " × ".join(map(str, part.shape)), _short(part.macs))
    for line, (text, size) in enumerate(zip(words, (10, 9, 9), strict=True)):
        weight = "bold" if line == 0 else "normal"
        ax.text(
            left + room / 2, -0.08 - 0.3 * line, text, ha="center", va="top", fontsize=size, fontweight=weight,
            color=GREY if faint else BLACK,
        )  # fmt: skip


def walks(profiles: Mapping[str, object]) -> Figure:
    """Several networks under each other, each as `walk` draws it; name -> profile."""
    figure, rows = plt.subplots(len(profiles), 1, figsize=(10.4, (HEIGHT + 0.1) * len(profiles)))
    for ax, (name, profile) in zip(rows, profiles.items(), strict=True):
        title = f"{name}: {profile.params:,} parameters, {profile.macs:,} multiply-adds"
        walk(profile, title=title, ax=ax)
    return figure


def stop(profile, chosen: str, module, cost, *, title: str = "") -> Figure:
    """The walk with one part standing out, and under it that part's module with its branches, shapes and work.

    module: the part's module, or the first of several equal ones; cost: `complexity.profile` of it
    """
    found = steps(module, cost)
    columns, rows = _columns(found), _rows(found) + BAR + 0.25
    width, height = 10.7, HEIGHT + 0.35 + ROW * rows
    # places by hand: an explorer draws this at every move, and finding them out takes half of the time
    figure = plt.figure(figsize=(width, height), layout="none")
    top = figure.add_axes((0.005, 1 - HEIGHT / height, 0.99, HEIGHT / height))
    share = min(1.0, COLUMN * columns / width)
    below = figure.add_axes(((1 - share) / 2, 0, share, ROW * rows / height))
    walk(profile, chosen=chosen, ax=top)
    diagram(module, cost, ax=below)
    below.set_title(title, loc="center")
    return figure


def size_or_shortcut(table, macs: Mapping[str, int]) -> Figure:
    """Error against work of networks with and without shortcuts, a pair of lines for each number of crops.

    table: `inception_v4_errors`; macs: network -> multiply-adds; other networks of the table are left out
    """
    figure, ax = plt.subplots(figsize=(8, 4.4))
    rows = table[table["network"].isin(macs)]
    looks = {"no": (ORANGE, "o", "-", "without shortcuts"), "yes": (BLUE, "D", (0, (4, 1.5)), "with shortcuts")}
    for crops, group in rows.groupby("crops"):
        for kind, (colour, marker, dashes, label) in looks.items():
            some = group[group["shortcuts"] == kind]
            x = [macs[name] / 1e9 for name in some["network"]]
            label = label if crops == 1 else None
            ax.plot(x, some["top1"], color=colour, marker=marker, markersize=7, linestyle=dashes, label=label)
        words = "1 crop" if crops == 1 else f"{crops} crops"
        ax.text(max(macs.values()) / 1e9 + 0.35, group["top1"].min(), words, va="center", fontsize=10)
    for row in rows[rows["crops"] == 1].itertuples():
        side = "right" if row.shortcuts == "no" else "left"
        shift = -0.15 if row.shortcuts == "no" else 0.15
        ax.text(
            macs[row.network] / 1e9 + shift, row.top1 + 0.14, row.network, ha=side, va="bottom", fontsize=9.5,
            color=looks[row.shortcuts][0],
        )  # fmt: skip
    ax.set(xlabel="multiply-adds, G (counted)", ylabel="ImageNet top-1 error, %", xlim=(3.4, 15.2), ylim=(17.3, 22))
    ax.legend(loc="lower left", fontsize=10)
    return figure
