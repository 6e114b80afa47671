"""What comes out of a walk: plain numbers for the whole network, for each stage and for each layer."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from lecture8.checks import times
from lecture8.complexity.formulas import tidy
from lecture8.complexity.walk import Layer, Walk, check_input

if TYPE_CHECKING:
    import pandas as pd

_MACS = "multiply-adds of convolutions, linear layers and matrix products; one multiply and one add count 1"


@dataclass(frozen=True)
class Stage:
    """Sums over one stage, shape and field at its end; output_shape is None if eval mode never runs it."""

    name: str  # dotted path
    output_shape: tuple[int, ...] | None
    params: int
    macs: int
    activations: int
    field: float | None
    jump: float | None


@dataclass(frozen=True, repr=False)
class Profile:
    """Cost and receptive field of a network for one image; `lecture8.complexity` states what is counted."""

    network: str  # its class
    input_size: tuple[int, ...]
    output_size: tuple[int, ...]
    params: int
    macs: int
    activations: int
    field: float
    jump: float
    depth: int
    unused: int  # parameters that eval mode never uses (auxiliary heads)
    layers: list[Layer]
    stages: list[Stage]

    def table(self) -> pd.DataFrame:
        """One row per layer in execution order; field and jump are <NA> where the whole image is seen."""
        import pandas as pd

        table = pd.DataFrame([vars(layer) | {"output_shape": times(layer.output_shape)} for layer in self.layers])
        # convert_dtypes makes 3.0 and NaN, which pandas reads from 3 and None, 3 and <NA>.
        return table.rename(columns={"name": "layer", "output_shape": "output"}).convert_dtypes()

    def summary(self) -> str:
        """The totals as a few lines of text."""
        unused = f" ({self.unused:,} of them not used in eval mode)" if self.unused else ""
        return (
            f"{self.network}: {times(self.input_size)} → {times(self.output_size)}\n"
            f"{self.params:>15,} params{unused}\n"
            f"{self.macs:>15,} macs: {_MACS}\n"
            f"{self.activations:>15,} activations: the input and the outputs of these and of pooling layers\n"
            f"depth {self.depth}, receptive field {self.field:,} pixels, jump {self.jump}"
        )

    __str__ = summary

    def __repr__(self) -> str:
        sizes = f"{times(self.input_size)} → {times(self.output_size)}"
        return f"Profile({self.network}, {sizes}, {self.params:,} params, {self.macs:,} macs, field {self.field})"

    def _repr_html_(self) -> str:
        # Plain tags and attributes: GitHub drops styles, and in JupyterLab the theme chooses the colors.
        def row(tag: str, first: str, *cells: str) -> str:
            cells = "".join(f'<{tag} align="right">{cell}</{tag}>' for cell in cells)
            return f'<tr><{tag} align="left">{first}</{tag}>{cells}</tr>'

        def line(stage: Stage) -> str:
            shape = times(stage.output_shape) if stage.output_shape else "<i>not used in eval mode</i>"
            field = "–" if stage.output_shape is None else "image" if stage.field is None else f"{stage.field:,}"
            costs = (stage.params, self.params), (stage.macs, self.macs)
            shares = [text for n, total in costs for text in (f"{n:,}", f"{n / total:.1%}" if total else "–")]
            return row("td", html.escape(stage.name), shape, *shares, field)

        head = row("th", "stage", "output (C × H × W)", "params", "share", "macs", "share", "field")
        total = row("th", "total", times(self.output_size), f"{self.params:,}", "", f"{self.macs:,}", "", "")
        return (
            f"<table><caption><b>{html.escape(self.network)}</b>, input {times(self.input_size)}</caption>"
            f"<thead>{head}</thead><tbody>{''.join(map(line, self.stages))}{total}</tbody></table>"
            f"<p>depth {self.depth} · receptive field {self.field:,} pixels · jump {self.jump} · "
            f"{self.activations:,} activations<br><small>For one image, in eval mode. macs: {_MACS}.</small></p>"
        )


def profile(net: nn.Module, image_size: int | tuple[int, int, int] = (3, 224, 224)) -> Profile:
    """Params, macs, activations, depth and receptive field of a network, in total, by stage and by layer.

    image_size: (channels, height, width) of one image; an int stands for a square RGB image. The walk takes a copy
    of the network without its weights, so the network stays as it is (mode, device, parameters) and nothing of its
    size is allocated. Of several tensors that a network returns, the first gives output_size and field.

    Raises WalkError (a ValueError) if a layer does not fit its input, decides by the values of pixels, or multiplies
    where the walk cannot count; ValueError for an impossible image_size; TypeError for what is not a network.
    """
    size = check_input(net, image_size)
    net = getattr(net, "_orig_mod", net)  # what torch.compile wraps
    walk = Walk(net)
    output = walk.run(size)
    end = output.sight.end()
    return Profile(
        network=type(net).__name__,
        input_size=size,
        output_size=tuple(output.shape[1:]),
        params=sum(p.numel() for p in net.parameters()),
        macs=sum(layer.macs for layer in walk.layers),
        activations=math.prod(size) + sum(layer.activations for layer in walk.layers),
        field=max(end.pixels()),
        jump=tidy(max(end.jump)),
        depth=end.depth,
        unused=sum(walk.unmet.values()),
        layers=walk.layers,
        stages=_stages(net, walk.layers),
    )


def _stages(net: nn.Module, layers: list[Layer]) -> list[Stage]:
    """The children of the network, and instead of `features` its children if these have names, not numbers."""
    modules: dict[str, nn.Module] = {}
    for name, child in net.named_children():
        inner = {f"{name}.{key}": c for key, c in child.named_children() if not key.isdigit()}
        modules |= inner if name == "features" and inner else {name: child}
    modules[""] = net  # last: what the network's own forward does
    rows: dict[str, list[Layer]] = {name: [] for name in modules}
    for layer in layers:
        rows[next(name for name in modules if not name or f"{layer.name}.".startswith(f"{name}."))].append(layer)
    stages, met = [], set()
    for name, module in modules.items():
        own = {id(p): p.numel() for p in module.parameters() if id(p) not in met}
        met.update(own)
        macs, activations = (sum(getattr(r, cost) for r in rows[name]) for cost in ("macs", "activations"))
        if own or macs or activations or (name and rows[name]):
            end = rows[name][-1] if rows[name] else Layer("", "", None, 0, 0, 0, None, None)
            costs = (sum(own.values()), macs, activations)
            stages.append(Stage(name or "(forward)", end.output_shape, *costs, end.field, end.jump))
    return stages
