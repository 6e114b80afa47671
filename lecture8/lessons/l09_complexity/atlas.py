"""What `atlas.js` draws: parameters and multiply-adds of networks, down to one layer; and the same as a figure."""

import copy
from os.path import commonprefix

import matplotlib.pyplot as plt
import torch
from matplotlib import cm, colors

from lecture8 import complexity, models, plots, published

LINEAGE = (
    "AlexNet", "ZFNet", "VGG-16", "VGG-19", "GoogLeNet", "BN-Inception", "Inception-v3", "ResNet-18", "ResNet-34",
    "ResNet-50", "ResNet-101", "ResNet-152", "Inception-v4", "Inception-ResNet-v1", "Inception-ResNet-v2",
)  # fmt: skip


def lineage() -> dict:
    """The networks of the course, without memory for weights: label -> (network, shape of an image, year, accuracy)."""
    top5 = (
        published.read("imagenet_accuracy")
        .query("recipe == 'first'")
        .set_index("network")["top5"]
    )
    known = {name.replace("_", ""): entry for name, entry in models.ARCHITECTURES.items()}
    found = {label: known[label.lower().replace("-", "")] for label in LINEAGE}
    with torch.device("meta"):
        return {
            n: (a.builder(1000), a.input_size, a.year, float(top5.get(a.name, 0)))
            for n, a in found.items()
        }


def data(networks: dict | None = None) -> dict:
    """networks: label -> (network, shape of one image), in the order of the rows; by default `lineage()`."""
    specs, nets = (
        {},
        [],
    )  # equal layers share a line: class, params, macs, shapes, kernel, stride, padding, groups
    for label, (net, size, *facts) in (networks or lineage()).items():
        cost, taken, blank, layers, before = (
            complexity.profile(net, size),
            {},
            copy.deepcopy(net).to("meta"),
            [],
            "",
        )
        parts = dict(blank.named_modules())
        for name, part in parts.items():  # the shape that each layer takes
            part.register_forward_pre_hook(
                lambda _, x, n=name, to=taken: to.update({n: tuple(x[0].shape[1:])})
            )
        blank.eval()(torch.empty(1, *size, device="meta"))
        for layer in cost.layers:
            if layer.params or layer.macs or layer.activations or layer.kind in ("add", "cat"):
                own = (
                    type(parts[layer.name]).__name__ == layer.kind
                )  # a module, or else a function
                name, part = (
                    (layer.name, parts[layer.name])
                    if own
                    else (f"{layer.name}.{layer.kind}", None)
                )
                window = [
                    getattr(part, key, None)
                    for key in ("kernel_size", "stride", "padding", "groups")
                ]
                spec = (
                    layer.kind,
                    layer.params,
                    layer.macs,
                    taken.get(name),
                    layer.output_shape,
                    *window,
                )
                same = len(commonprefix([before, name]))  # noqa: RUF071  letters that need not be said again
                layers.append(
                    [same, name[same:], specs.setdefault(spec, len(specs)), layer.field or 0]
                )
                before = name
        nets.append(
            [label, size, cost.params, cost.macs, cost.depth, cost.unused, layers, *facts]
        )
    return {"nets": nets, "specs": list(specs)}


def still(data: dict) -> plt.Figure:
    """The atlas's first view. data: as `data()` returns it."""
    fig, ax = plt.subplots(figsize=(7.5, 1 + 0.27 * len(data["nets"])))
    stops = [(0, "#f7ecd9"), (0.42, plots.YELLOW), (0.7, plots.ORANGE), (1, "#7a2a00")]
    shade = cm.ScalarMappable(
        colors.PowerNorm(1 / 3, 0, max(net[3] for net in data["nets"]) / 1e9)
    )
    shade.set_cmap(colors.LinearSegmentedColormap.from_list("macs", stops))
    for row, (*_, layers) in enumerate(net[:7] for net in data["nets"]):
        name, stages, left = "", {}, 0
        for same, rest, spec, _ in layers:
            name = name[:same] + rest
            stages.setdefault((name.split(".") * 2)[1], []).append(data["specs"][spec])
        for stage, found in stages.items():
            params, macs = (sum(spec[i] for spec in found) for i in (1, 2))
            ax.barh(
                row,
                params / 1e6,
                left=left,
                color=shade.to_rgba(macs / 1e9),
                edgecolor="white",
                linewidth=0.4,
            )
            ax.text(
                left + params / 2e6,
                row,
                stage * (params > 1.6e7),
                ha="center",
                va="center",
                fontsize=8,
            )
            left += params / 1e6
    ax.set_yticks(range(len(data["nets"])), [net[0] for net in data["nets"]], fontsize=9)
    ax.set(ylim=(len(data["nets"]) - 0.4, -0.6), xlabel="million parameters")
    fig.colorbar(shade, label="billion multiply-adds", ax=ax)
    return fig
