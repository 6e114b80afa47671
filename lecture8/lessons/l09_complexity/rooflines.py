"""Pictures of what a layer waits for, computing or memory: the model of `budget.seconds`, and what was measured."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
import torch
from torch import nn

from lecture8 import models
from lecture8.lessons.l09_complexity import budget
from lecture8.plots import BLACK, BLUE, GRAY, ORANGE, bars


def roofline(networks: Mapping[str, object], rate: float, bandwidth: float) -> Figure:
    """The most multiply-adds per second that a layer can reach, by its multiply-adds per byte; below, networks' layers.

    networks: name -> `budget.intensities`; rate: multiply-adds per second, bandwidth: bytes per second of the machine.
    A layer's area is its share of the network's time by this model.
    """
    colors = {"Conv2d": BLUE, "Linear": ORANGE}
    figure, (roof, lanes) = plt.subplots(
        2,
        1,
        sharex=True,
        figsize=(7.4, 5.4),
        gridspec_kw={"height_ratios": [3, 0.6 + 0.6 * len(networks)]},
    )
    every = np.concatenate([table["intensity"] for table in networks.values()])
    ridge = rate / bandwidth
    left, right = min(every.min(), ridge) / 1.8, max(every.max(), ridge) * 2.2
    ends = np.array([left, ridge, right])
    heights = [budget.attainable(x, rate, bandwidth) / 1e9 for x in ends]
    roof.plot(ends, heights, color=BLACK)
    roof.axvline(ridge, color=GRAY, linewidth=1, linestyle=(0, (2, 2)), zorder=0)
    lanes.axvline(ridge, color=GRAY, linewidth=1, linestyle=(0, (2, 2)), zorder=0)
    roof.set(xscale="log", yscale="log", ylabel="multiply-adds per second, G")
    roof.set(xlim=(left, right), ylim=(heights[0] / 1.6, heights[-1] * 1.8))
    low = heights[0] / 1.35
    roof.text(ridge / 1.08, low, "memory-bound", ha="right", color=GRAY)
    roof.text(ridge * 1.08, low, "compute-bound", color=GRAY)
    for kind, color in colors.items():
        x = np.concatenate([t.loc[t["kind"] == kind, "intensity"] for t in networks.values()])
        y = [budget.attainable(value, rate, bandwidth) / 1e9 for value in x]
        word = {"Conv2d": "convolution", "Linear": "linear layer"}[kind]
        roof.plot(x, y, "o", color=color, markersize=5, alpha=0.6, label=word)
    roof.legend(loc="lower right", bbox_to_anchor=(1, 0.12))
    for at, table in enumerate(list(networks.values())[::-1]):
        times = [
            budget.seconds(row.macs, row.moved, rate, bandwidth) for row in table.itertuples()
        ]
        share = np.array(times) / sum(times)
        lanes.scatter(
            table["intensity"],
            [at] * len(table),
            s=1500 * share,
            c=table["kind"].map(colors),
            alpha=0.55,
            linewidth=0,
        )
    lanes.set_title("area: share of the network's time by this model", fontsize=9.5, color=GRAY)
    lanes.set_yticks(range(len(networks)), list(networks)[::-1])
    lanes.set(ylim=(-0.6, len(networks) - 0.4), xlabel="multiply-adds per byte moved")
    for axis in (roof.yaxis, lanes.xaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=30))
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_locator(NullLocator())
    return figure


def two_dots(
    points: Mapping[str, tuple[float, float, float]], rate: float, bandwidth: float
) -> Figure:
    """Layers under the roof of a machine, and beside it the time that each image takes at least.

    points: name -> multiply-adds per byte, milliseconds of computing and of fetching for an image
    """
    figure, (roof, times) = plt.subplots(
        1, 2, figsize=(7.4, 3.7), gridspec_kw={"width_ratios": [1.5, 1]}
    )
    ends = np.array([0.1, rate / bandwidth, 1000])
    heights = [budget.attainable(x, rate, bandwidth) / 1e9 for x in ends]
    roof.plot(ends, heights, color=BLACK)
    roof.axvline(ends[1], color=GRAY, linewidth=1, linestyle=(0, (2, 2)), zorder=0)
    roof.text(ends[1] / 1.15, heights[0] / 2.4, "memory-bound", ha="right", color=GRAY)
    roof.text(ends[1] * 1.15, heights[0] / 2.4, "compute-bound", color=GRAY)
    for at, (name, (intensity, computing, fetching)) in enumerate(points.items()):
        color = (BLUE, ORANGE)[at]
        height = budget.attainable(intensity, rate, bandwidth) / 1e9
        roof.plot(intensity, height, "o", color=color, markersize=11, label=name)
        for y, ms, look in ((0.19, computing, color), (-0.19, fetching, "white")):
            times.barh(1 - at + y, ms, 0.34, color=look, edgecolor=color, linewidth=1.5)
    roof.set(
        xscale="log",
        yscale="log",
        xlabel="multiply-adds per byte moved",
        ylabel="multiply-adds per second, G",
    )
    roof.set(xlim=(0.1, 1000), ylim=(heights[0] / 4, heights[-1] * 6))
    roof.legend(loc="upper left")
    times.set_yticks([1, 0], list(points))
    times.set(xlabel="ms for an image\nfilled: computing\nempty: fetching", xlim=(0, None))
    for axis in (roof.xaxis, roof.yaxis):
        axis.set_major_locator(LogLocator(numticks=9))
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_locator(NullLocator())
    return figure


MEMORY_READ = {
    "reading / linear": "one linear layer, 116 MB",
    "reading all / alexnet_owt": "AlexNet, 244 MB",
    "reading all / vgg11": "VGG-11, 531 MB",
    "reading all / vgg16": "VGG-16, 553 MB",
    "reading all / resnet50": "ResNet-50, 102 MB",
    "reading all / resnet18": "ResNet-18, 47 MB",
}


def reading_by_model(rate: float, bandwidth: float) -> dict[str, float]:
    """Time to read the weights alone over the roofline's time of one image, percent, by the names of `MEMORY_READ`."""
    shares = {}
    for pair, word in MEMORY_READ.items():
        with torch.device("meta"):
            if pair == "reading / linear":
                net, size = (
                    nn.Sequential(nn.Flatten(), nn.Linear(4704, 6144, bias=False)),
                    (4704, 1, 1),
                )
            else:
                net, size = models.build(pair.removeprefix("reading all / ")), 224
            rows = budget.intensities(net, size).itertuples()
        time = sum(budget.seconds(row.macs, row.moved, rate, bandwidth) for row in rows)
        weights = sum(p.numel() for p in net.parameters())
        shares[word] = 100 * 4 * weights / bandwidth / time
    return shares


def reading_share(ratios, rate: float, bandwidth: float) -> Figure:
    """What reading the weights alone takes of a forward pass, measured (bars, dots: repeats) and by the model (diamonds).

    ratios: the table `weights_reading`: one image, one thread of a virtual machine (AMD EPYC), three repeats
    """
    values = {
        word: 100 * ratios.loc[ratios["pair"] == pair, "ratio"]
        for pair, word in MEMORY_READ.items()
    }
    xlabel = "time to read the weights, % of a forward pass of one image"
    figure = bars(values, xlabel=xlabel, form="")  # the numbers come below, with the model's
    (ax,) = figure.axes
    model = reading_by_model(rate, bandwidth)
    for at, (word, share) in enumerate(list(model.items())[::-1]):
        ax.plot(share, at, "D", color=ORANGE, markersize=8)
        words = f"{values[word].mean():.0f} %, model {share:.0f} %"
        ax.text(max(share, values[word].max()) + 3, at, words, va="center", fontsize=10)
    ax.plot([], [], "D", color=ORANGE, markersize=8, label="roofline model, laptop core")
    look = {"color": "white", "markeredgecolor": BLACK, "markersize": 5}
    ax.plot([], [], "o", label="measured, three repeats; bar: mean", **look)
    ax.set_xlim(0, 145)
    ax.legend(loc="lower right")
    return figure
