"""Pictures of what a layer waits for, arithmetic or memory: the model of `budget.seconds`, and what was measured."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

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
        figsize=(9, 5.6),
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
    roof.text(ridge / 1.08, low, "waits for memory", ha="right", color=GRAY)
    roof.text(ridge * 1.08, low, "waits for arithmetic", color=GRAY)
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
        1, 2, figsize=(10.5, 3.8), gridspec_kw={"width_ratios": [1.5, 1]}
    )
    ends = np.array([0.1, rate / bandwidth, 1000])
    heights = [budget.attainable(x, rate, bandwidth) / 1e9 for x in ends]
    roof.plot(ends, heights, color=BLACK)
    roof.axvline(ends[1], color=GRAY, linewidth=1, linestyle=(0, (2, 2)), zorder=0)
    roof.text(ends[1] / 1.15, heights[0] / 2.4, "waits for memory", ha="right", color=GRAY)
    roof.text(ends[1] * 1.15, heights[0] / 2.4, "waits for arithmetic", color=GRAY)
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
    roof.set(xlim=(0.1, 1000), ylim=(heights[0] / 4, heights[-1] * 2.5), title="the roof")
    roof.legend(loc="lower right")
    times.set_yticks([1, 0], list(points))
    times.set(
        xlabel="ms for an image", title="filled: computing; empty: fetching", xlim=(0, None)
    )
    for axis in (roof.xaxis, roof.yaxis):
        axis.set_major_locator(LogLocator(numticks=9))
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_locator(NullLocator())
    return figure


def reading_share(ratios) -> Figure:
    """What reading the weights alone would take of a forward pass; dots: repeats. ratios: the table `weights_reading`.

    One image, one thread of a virtual machine (AMD EPYC), three repeats: reading the weights takes 65 to 76 % of the time
    of a linear layer of 4704 to 6144, 32 to 41 % of AlexNet's time, 11 to 13 % of VGG-11's and 4 to 5 % of the ResNets'.
    The same multiply-adds with 0.5 or 7 MB of weights, which stay in the cache, take 36 to 44 % of the linear layer's time.
    """
    names = {
        "reading / linear": "one linear layer, 116 MB",
        "reading all / alexnet_owt": "AlexNet, 244 MB",
        "reading all / vgg11": "VGG-11, 531 MB",
        "reading all / vgg16": "VGG-16, 553 MB",
        "reading all / resnet50": "ResNet-50, 102 MB",
        "reading all / resnet18": "ResNet-18, 47 MB",
    }
    values = {
        word: 100 * ratios.loc[ratios["pair"] == pair, "ratio"] for pair, word in names.items()
    }
    return bars(
        values,
        xlabel="time to read the weights, % of a forward pass of one image (one thread)",
        form="{:.0f} %",
    )
