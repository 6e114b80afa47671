"""Pictures of notebook 01."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from lecture8.plots import BLACK, BLUE, GREEN, GRAY, ORANGE, SKY, bars, lines

SOURCES = {"printed digits": BLUE, "gratings": ORANGE, "handwritten digits": GREEN}
STATES = {"new, trained": ORANGE, "copied, trained": SKY, "copied, frozen": BLUE}
_HATCHES = {"new, trained": "", "copied, trained": "///", "copied, frozen": "xx"}


def recognized(photos: Mapping, probabilities, classes: Sequence, truth: Sequence) -> Figure:
    """Photographs with the class that a network finds most probable, framed blue where it is right, else orange.

    photos: name -> 3 × 64 × 64 bytes; probabilities: photographs × classes; truth: their classes, "" for none of them
    """
    rows = np.asarray(probabilities, float)
    said = [classes[i] for i in rows.argmax(1)]
    colors = [BLUE if word == true else ORANGE for word, true in zip(said, truth)]
    words = [(f"{word}\n≈ {100 * row.max():.0f} %", BLACK) for word, row in zip(said, rows)]
    return _sheet([photos.values()], [colors], list(photos), [[pair] for pair in words])


def crops(photos: Mapping, pictures, answers: Mapping[str, Sequence[int]]) -> Figure:
    """Photographs, a crop of each, and how each network answered it: in blue if that is right, else in orange.

    photos: name -> 3 × 32 × 32, from 0 to 1; pictures: one crop of each; answers: network -> a number of `photos` for each
    """
    names = list(photos)
    words = [
        [
            (f"{network}:\n{names[said[n]]}", BLUE if said[n] == n else ORANGE)
            for network, said in answers.items()
        ]
        for n in range(len(names))
    ]
    rows = [photos.values(), pictures]
    return _sheet(rows, [["white"] * len(names)] * 2, names, words, below=30 * len(answers) + 6)


def _sheet(rows, colors, names, words, below: int = 36) -> Figure:
    """Rows of pictures of 64 pixels with frames, names above, words with their colors below; pixel by pixel."""
    side, pitch, top = 72, 84, 18
    height, width = top + side * len(rows) + below, pitch * len(names)
    figure = plt.figure(figsize=(width / 100, height / 100), layout="none")
    ax, sheet = figure.add_axes((0, 0, 1, 1)), np.ones((height, width, 3))
    for r, (row, frames) in enumerate(zip(rows, colors)):
        for c, (picture, color) in enumerate(zip(row, frames)):
            y, x = top + r * side, c * pitch + (pitch - side) // 2
            sheet[y : y + side, x : x + side] = to_rgb(color)
            sheet[y + 4 : y + side - 4, x + 4 : x + side - 4] = _enlarged(picture)
    for c, (name, said) in enumerate(zip(names, words)):
        middle = {"x": (c + 0.5) * pitch, "ha": "center", "va": "top", "fontsize": 9}
        ax.text(y=2, s=name, weight="bold", **middle)
        for line, (word, color) in enumerate(said):
            ax.text(y=height - below + 3 + 30 * line, s=word, color=color, **middle)
    ax.imshow(sheet, interpolation="nearest")
    ax.axis("off")
    return figure


def _enlarged(picture) -> np.ndarray:
    """3 × H × H, bytes or from 0 to 1, as 64 × 64 × 3 from 0 to 1, each pixel a square."""
    pixels = np.moveaxis(np.asarray(picture), 0, -1)
    pixels = pixels / 255 if pixels.dtype == np.uint8 else pixels
    return pixels.repeat(64 // len(pixels), 0).repeat(64 // len(pixels), 1)


def what_learns(nets: Mapping[str, object], source) -> Figure:
    """Networks as rows of blocks, one per stage and one for the classifier: new, copied from `source`, or frozen.

    nets: name -> network, all of the same stages as `source`; read off their weights and whether these get gradients
    """
    figure, ax = plt.subplots(figsize=(8.5, 0.7 + 0.62 * len(nets)))
    originals = _parts(source)
    for row, (name, net) in enumerate(list(nets.items())[::-1]):
        for column, (part, module) in enumerate(_parts(net).items()):
            state = _state(module, originals[part])
            box = plt.Rectangle((column, row - 0.3), 0.9, 0.6, facecolor=STATES[state], alpha=0.75,
                                hatch=_HATCHES[state], edgecolor="white", linewidth=0)  # fmt: skip
            box.set_label(f"{name}, {part}: {state}")
            ax.add_patch(box)
    for column, part in enumerate(originals):
        ax.text(column + 0.45, len(nets) - 0.55, part, ha="center", va="bottom", fontsize=9)
    keys = [plt.Rectangle((0, 0), 1, 1, facecolor=color, alpha=0.75, hatch=_HATCHES[state], edgecolor="white",
                          linewidth=0) for state, color in STATES.items()]  # fmt: skip
    ax.legend(keys, STATES, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 0.0), fontsize=10)
    ax.set_yticks(range(len(nets)), list(nets)[::-1])
    ax.set(xlim=(-0.1, len(originals)), ylim=(-0.4, len(nets) - 0.3), xticks=[])
    ax.spines[:].set_visible(False)
    ax.tick_params(left=False)
    return figure


def _parts(net) -> dict:
    return dict([*net.features.named_children(), ("classifier", net.classifier)])


def _state(module, original) -> str:
    ours, theirs = ([p.detach().cpu() for p in m.parameters()] for m in (module, original))
    copied = all(
        a.shape == b.shape and bool((a == b).all()) for a, b in zip(ours, theirs, strict=True)
    )
    if not copied:
        return "new, trained"
    return (
        "copied, trained"
        if any(p.requires_grad for p in module.parameters())
        else "copied, frozen"
    )


def layerwise_runs(grid, table):
    """The runs that `depths` draws, all with layer-wise rates: of `transfer_grid`, and of `source_value` random weights."""
    random = at_first(table)
    random = random[(random["source"] == "none") & (random["recipe"] == "layer-wise")]
    random = random[random["seed"].isin(grid["seed"])].assign(frozen=0, factor=0.5)
    return pd.concat([grid[grid["factor"] < 1], random[grid.columns]], ignore_index=True)


def depths(
    grid, labels: int, sources: Sequence[str], *, chosen: tuple[str, int] | None = None
) -> Figure:
    """Test accuracy against the number of frozen convolutions, a line per source, and where random weights end.

    grid: what `layerwise_runs` returns; labels: one of its numbers of labels; chosen: (source, depth) gets a ring
    """
    rows = grid[grid["labels"] == labels]
    scratch = rows[rows["source"] == "none"]["test_accuracy"]
    figure, ax = plt.subplots(figsize=(7, 3.3))
    runs = {
        source: rows[rows["source"] == source]
        .pivot(index="seed", columns="frozen", values="test_accuracy")
        .to_numpy()
        for source in sources
    }
    at = np.arange(next(iter(runs.values())).shape[1])
    runs["random weights"] = np.repeat(
        scratch.to_numpy()[:, None], len(at), axis=1
    )  # none of it is ever frozen
    ax.set_ylim(0, 1.02)
    lines(runs, x=at, xlabel="frozen convolutions, from the image on", ylabel="test accuracy",
          title=f"{labels:,} labeled letters", colors={**SOURCES, "random weights": GRAY}, ax=ax)  # fmt: skip
    if chosen is not None:
        source, depth = chosen
        ax.plot(depth, runs[source][:, depth].mean(), "o", markersize=13, markerfacecolor="none", markeredgewidth=2,
                color=SOURCES[source])  # fmt: skip
    ax.set_xticks(at)
    return figure


def guesses(photo, names: Sequence[str], probabilities: Sequence[float]) -> Figure:
    """A photograph, 3 × H × W bytes, beside what a network takes it for: names and probabilities, the best on top."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), width_ratios=(1, 1.4))
    left.imshow(np.moveaxis(np.asarray(photo), 0, -1))
    left.axis("off")
    right.barh(range(len(names))[::-1], probabilities, color=BLUE, height=0.62)
    for i, (name, value) in enumerate(zip(names, probabilities, strict=True)):
        right.text(
            value + 0.02, len(names) - 1 - i, f"{name} ≈ {value:.0%}", va="center", fontsize=10
        )
    right.set(xlim=(0, 1.6), xticks=[0, 0.5, 1], yticks=[], xlabel="probability")
    return figure


# --- tables of runs ----------------------------------------------------------------------------
_NAMES = {"none": "random weights"}
_COLORS = {**SOURCES, "random weights": GRAY}
_LABELS = (20, 100, 500, 2000)


def at_first(table):
    """The rows of `source_value` at the lesson's learning rate and length: the rest are its controls."""
    lengths = table.groupby("labels")["epochs"].transform("min")
    return table[(table["lr"] == 0.01) & (table["epochs"] == lengths)]


def source_value(table) -> Figure:
    """Test accuracy against the number of labels, a line per source; left: one rate for all layers, right: layer-wise.

    With 100 labeled letters (30 epochs, five seeds) random weights reach 38 % at one rate and 30 % layer-wise, weights of
    gratings 48 and 47 %, of handwritten digits 55 and 50 %, of printed digits 80 and 85 %. With 2,000 (10 epochs, three
    seeds) gratings are 1.1 points behind random weights at one rate, and 6.6 ahead of them with layer-wise rates.

    table: `source_value`
    """
    # margins by hand: the names at the ends of the lines need room
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="none")
    at = np.log10(_LABELS)
    for ax, recipe, left in zip(panels, ("one rate", "layer-wise"), (0.07, 0.54)):
        rows, runs = at_first(table), {}
        rows = rows[rows["recipe"] == recipe]
        for source, found in rows.groupby("source"):
            name = _NAMES.get(source, source)
            means = found.groupby("labels")["test_accuracy"].mean()
            runs[name] = [means[n] for n in _LABELS]
            ax.plot(np.log10(found["labels"]), found["test_accuracy"], "o", color=_COLORS[name],
                    markersize=3.5, alpha=0.4, markeredgewidth=0)  # fmt: skip
        ax.set_ylim(0, 1.02)
        lines(runs, x=at, xlabel="labeled letters", ylabel="test accuracy" if left < 0.1 else "",
              title=f"{recipe} (dots: seeds)", colors=_COLORS, ax=ax)  # fmt: skip
        ax.set_xticks(at, [f"{n:,}" for n in _LABELS])
        # the arrow: from printed digits with 100 labels to random weights with the same accuracy
        height, random = runs["printed digits"][1], runs["random weights"]
        if height < random[-1]:
            end = np.interp(height, random, at)
            style = {"arrowstyle": "->", "linewidth": 1.5}
            ax.annotate("", (end, height), (at[1], height), arrowprops=style)
            words = f"arrow: 100 labels from printed digits\nequal ≈ {10 * round(10 ** (end - 1)):.0f} from random weights"
            ax.text(at[1], 0.1, words, va="bottom", fontsize=9)
        ax.set_position((left, 0.15, 0.28, 0.76))
    return figure


def twenty_labels(table) -> Figure:
    """What random weights and those of printed digits reach with 20 labels, by recipe.

    Over eight seeds (40 epochs, Adam, 0.01 for the head) weights of printed digits give 49 % with one rate for all layers,
    62 % layer-wise and 66 % frozen (random weights, frozen: 13 %); to train the head first gives 51 %, more than one rate alone in four seeds of eight.
    """
    rows = at_first(table[table["labels"] == 20])
    ways = [("none", "one rate"), ("none", "layer-wise"), ("none", "frozen"), ("printed digits", "one rate"),
            ("printed digits", "head first"), ("printed digits", "layer-wise"), ("printed digits", "frozen")]  # fmt: skip
    found = {
        f"{_NAMES.get(source, source)}, {recipe}": _accuracies(
            rows, source=source, recipe=recipe
        )
        for source, recipe in ways
    }
    colors = {name: _COLORS[name.split(", ")[0]] for name in found}
    axis = "test accuracy with 20 labels (dots: seeds)"
    return bars(found, xlabel=axis, form="{:.0%}", colors=colors)


def _accuracies(table, **where) -> list[float]:
    for key, value in where.items():
        table = table[table[key] == value]
    return list(table["test_accuracy"])


def frozen_layers(table) -> Figure:
    """Test accuracy with 2,000 labels against the number of frozen convolutions: trained sources, and random weights.

    The first k convolutions are frozen, with the batch statistics of the training letters, the others trained at one rate
    (10 epochs, three seeds). One frozen random layer leaves 94 %, one of gratings 95 %, one of printed digits 98 %; two
    leave 88, 96 and 98 %, four 62, 88 and 95 %, all six 28, 42 and 88 %. With none frozen all three reach 95 to 96 %.
    After three times as long two frozen random layers leave 92 %, two of gratings 97 %.

    table: `frozen_layers`
    """
    rows = table[(table["statistics"] == "letters") & (table["epochs"] == 10)]
    runs = {
        _NAMES.get(source, source): found.pivot(
            index="seed", columns="frozen", values="test_accuracy"
        ).to_numpy()
        for source, found in rows.groupby("source")
    }
    figure, ax = plt.subplots(figsize=(7, 3.3))
    ax.set_ylim(0, 1.02)
    depths = sorted(rows["frozen"].unique())
    lines(runs, x=depths, xlabel="frozen convolutions, from the image on", ylabel="test accuracy",
          title="2,000 labeled letters", colors=_COLORS, ax=ax)  # fmt: skip
    ax.set_xticks(depths)
    return figure


def frozen_statistics(table) -> Figure:
    """Test accuracy of a trained head on frozen weights: batch normalization's statistics held, adapting, or set once.

    Set once: to those of the training letters, before the head is trained. From gratings, with 20, 100 and 500 labels,
    statistics that are held lead to 19, 28 and 34 %, adapting ones to 22, 31 and 38, set once to 22, 30 and 38 (five seeds).
    """
    rows = table[table["epochs"] == table.groupby("labels")["epochs"].transform("min")]
    shades = {"held": BLUE, "adapting": ORANGE, "set once": GREEN}
    panels = {
        f"weights from {source}": {
            f"{labels} labels, {kind}": _accuracies(found, labels=labels, statistics=kind)
            for labels in sorted(found["labels"].unique())
            for kind in shades
        }
        for source, found in rows.groupby("source")
    }
    colors = {name: shades[name.split(", ")[1]] for name in next(iter(panels.values()))}
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.9), sharey=True)
    for ax, (title, values) in zip(axes, panels.items()):
        bars(values, xlabel="test accuracy (dots: seeds)", title=title, form="{:.0%}", colors=colors, ax=ax)  # fmt: skip
    return figure


def handwriting(table, samples: Mapping[str, object]) -> Figure:
    """What 100 labels lead to from each source, with images of the source beside its bar: N × H × W for each.

    table: `handwriting`; samples: source -> images. Layer-wise rates, a dot for each of three seeds.
    """
    rows = table.query("recipe == 'layer-wise' and source_epochs == 6 and labels == 100")
    figure = plt.figure(figsize=(9.5, 0.52 * len(samples) + 0.7), layout="none")
    ax = figure.add_axes((0.56, 0.12, 0.4, 0.86))
    for row, (name, images) in enumerate(list(samples.items())[::-1]):
        values = rows[rows["source"] == name]["test_accuracy"]
        color = BLUE if name.startswith("printed") else GREEN
        ax.barh(row, values.mean(), height=0.62, color=color)
        style = {"color": "white", "markeredgecolor": BLACK, "markersize": 5}
        ax.plot(values, [row] * len(values), "o", **style)
        ax.text(values.max() + 0.03, row, f"{values.mean():.0%}", va="center", fontsize=10)
        y = 0.12 + 0.86 * (row + 0.5 - 0.42) / len(samples)
        strip = figure.add_axes((0.26, y, 0.28, 0.86 * 0.84 / len(samples)))
        strip.imshow(np.concatenate(list(np.pad(np.asarray(images), ((0, 0), (0, 0), (0, 2)), constant_values=255)), 1),
                     vmin=0, vmax=255)  # fmt: skip
        strip.axis("off")
        word = f"handwritten, {name}" if name == "as scanned" else name
        middle = y + 0.43 * 0.86 / len(samples)
        figure.text(0.25, middle, word, ha="right", va="center", fontsize=10)
    ax.set(xlim=(0, 1.05), ylim=(-0.5, len(samples) - 0.5), yticks=[], xticks=[0, 0.25, 0.5, 0.75, 1],
           xlabel="test accuracy with 100 labels (dots: seeds)")  # fmt: skip
    ax.spines["left"].set_visible(False)
    return figure
