"""What `atlas.js` draws: parameters and multiply-adds of networks, down to one layer; and the same as a figure."""

import copy
from os.path import commonprefix

import matplotlib.pyplot as plt
import torch
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure

from lecture8 import complexity, models, plots, published

LINEAGE = {
    "AlexNet": "alexnet", "ZFNet": "zfnet", "VGG-16": "vgg16", "VGG-19": "vgg19", "GoogLeNet": "googlenet",
    "BN-Inception": "bn_inception", "ResNet-18": "resnet18", "ResNet-34": "resnet34", "ResNet-50": "resnet50",
    "ResNet-101": "resnet101", "ResNet-152": "resnet152", "Inception-v3": "inception_v3", "Inception-v4": "inception_v4",
    "Inception-ResNet-v1": "inception_resnet_v1", "Inception-ResNet-v2": "inception_resnet_v2",
}  # fmt: skip


def lineage() -> dict:
    """The networks of the course, without memory for weights: label -> (network, shape of one image)."""
    with torch.device("meta"):
        return {label: (models.build(k, num_classes=1000), models.find(k).input_size) for label, k in LINEAGE.items()}


def data(networks: dict | None = None) -> dict:
    """networks: label -> (network, shape of one image), in the order of the rows; by default `lineage()`."""
    top5 = published.read("imagenet_accuracy").query("recipe == 'first'").set_index("network")["top5"]
    specs, nets = {}, []  # equal layers share a line: class, params, macs, shapes, kernel, stride, padding, groups
    for label, (net, size) in (networks or lineage()).items():
        cost, taken, modules, layers, before = complexity.profile(net, size), {}, dict(net.named_modules()), [], ""
        blank = copy.deepcopy(net).to("meta").eval()
        for name, part in blank.named_modules():  # the shape that each layer takes
            part.register_forward_pre_hook(lambda _, x, n=name, to=taken: to.update({n: tuple(x[0].shape[1:])}))
        blank(torch.empty(1, *size, device="meta"))
        for layer in cost.layers:
            part, shown = modules[layer.name], layer.params or layer.activations or layer.kind in ("add", "cat")
            if not (shown or layer.macs):
                continue
            window = [getattr(part, k, None) for k in ("kernel_size", "stride", "padding", "groups")]
            spec = (layer.kind, layer.params, layer.macs, taken.get(layer.name), layer.output_shape, *window)
            name = layer.name if type(part).__name__ == layer.kind else f"{layer.name}.{layer.kind}"
            same, before = len(commonprefix([before, name])), name  # letters of the name that the last one has too
            layers.append([same, name[same:], specs.setdefault(spec, len(specs)), layer.field or 0])
        key = LINEAGE.get(label)
        facts = (models.find(key).year, top5.get(key, 0)) if key else (0, 0)
        nets.append([label, *facts, size, cost.params, cost.macs, cost.depth, cost.unused, layers])
    return {"nets": nets, "specs": list(specs)}


def still(data: dict) -> Figure:
    """The atlas's first view. data: as `data()` returns it."""
    fig, ax = plt.subplots(figsize=(7.5, 1.2 + 0.27 * len(data["nets"])))
    paint = LinearSegmentedColormap.from_list("macs", ["#f7ecd9", plots.YELLOW, plots.ORANGE, "#7a2a00"])
    shade = ScalarMappable(PowerNorm(1 / 3, 0, max(net[5] for net in data["nets"])), paint)
    for row, (*_, layers) in enumerate(data["nets"]):
        name, stages, left = "", {}, 0
        for same, rest, spec, _ in layers:
            name = name[:same] + rest
            sums = stages.setdefault(name.split(".")[1 if "." in name else 0], [0, 0])
            sums[:] = [a + b for a, b in zip(sums, data["specs"][spec][1:3], strict=True)]
        for stage, (params, macs) in stages.items():
            ax.barh(row, params, left=left, color=shade.to_rgba(macs), edgecolor="white", linewidth=0.4)
            if params > 1.3e7:
                ax.text(left + params / 2, row, stage, ha="center", va="center", fontsize=8)
            left += params
    ax.set_yticks(range(len(data["nets"])), [net[0] for net in data["nets"]], fontsize=9)
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(lambda value, _: plots.short(value))
    ax.set_xlabel("parameters")
    fig.colorbar(shade, ax=ax, label="multiply-adds", format=lambda v, _: plots.short(v), ticks=[0, 1e8, 1e9, 5e9, 15e9])
    return fig
