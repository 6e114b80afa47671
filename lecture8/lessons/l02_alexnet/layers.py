"""What the layers of AlexNet output, and what its two halves send to each other."""

import pandas as pd
import torch
from torch import nn

from lecture8.models.alexnet import PerGPU
from lecture8.models.alexnet_two_gpus import Gather, TwoGPUs


@torch.no_grad()
def layer_table(net: nn.Module, image_shape: tuple[int, int, int]) -> pd.DataFrame:
    """The layers as the lecture lists them, CONV1 … FC8: kernels, their size, stride, padding, groups, output shape."""
    rows = [{"layer": "image", "output": _times(image_shape[::-1])}]
    names = {nn.Conv2d: "CONV", PerGPU: "NORM", nn.MaxPool2d: "POOL", nn.Linear: "FC"}
    counts = dict.fromkeys(names.values(), 0)

    def note(module, _, output) -> None:
        name = names[type(module)]
        counts[name] += 1
        before = counts["CONV"] if name == "FC" else 0
        row = {"layer": f"{name}{counts[name] + before}", "output": _times(output.shape[:0:-1])}
        if name == "CONV":
            row |= {"kernels": module.out_channels, "groups": module.groups}
        if name in ("CONV", "POOL"):
            size, stride, padding = (
                value[0] if isinstance(value, tuple) else value
                for value in (module.kernel_size, module.stride, module.padding)
            )
            row |= {"size": f"{size} × {size}", "stride": stride, "padding": padding}
        rows.append(row)

    hooks = [m.register_forward_hook(note) for m in net.modules() if type(m) in names]
    net.eval()(torch.zeros(1, *image_shape))
    for hook in hooks:
        hook.remove()
    order = ["layer", "output", "kernels", "size", "stride", "padding", "groups"]
    table = pd.DataFrame(rows)[order].convert_dtypes().astype(object)
    return table.where(table.notna(), "").astype(str).set_index("layer")


@torch.no_grad()
def exchanges(
    towers: nn.Module, images: torch.Tensor
) -> list[tuple[str, str, tuple[int, ...], int]]:
    """Per stage of `models.alexnet_two_gpus`: name, what it sees, the shape that leaves a GPU, bytes that cross.

    The bytes are those that a stage receives from the other GPU for one image.
    """
    rows = []

    def listen(name):
        def note(stage, inputs, output) -> None:
            # a pair of tensors goes in, one from each GPU; what the other one needs must cross
            sees = stage.sees if isinstance(stage, TwoGPUs) else "both"
            halves = inputs[0] if sees == "both" else ()
            if isinstance(stage, Gather):  # on the first GPU alone
                halves = halves[1:]
            crossing = sum(half[0].nbytes for half in halves)
            mine = output[0] if isinstance(output, tuple) else output
            rows.append((name, sees, tuple(mine.shape[1:]), crossing))

        return note

    stages = [*towers.features.named_children(), *towers.classifier.named_children()]
    hooks = [stage.register_forward_hook(listen(name)) for name, stage in stages]
    towers(images[:1])
    for hook in hooks:
        hook.remove()
    return rows


def _times(shape) -> str:
    return " × ".join(f"{n:,}" for n in shape)
