"""What a network costs and how far it sees: formulas on the board, then one walk.

`profile(net, input_size)` lets the network's own `forward` run on images without pixels (PyTorch's meta device: shapes
only, no memory, no arithmetic), stands between it and every torch function it calls, and applies the formulas below.
(A `torch.fx` graph would do too; this way is faster and also follows code that asks a tensor for its shape.)

Conventions, the same in every table of this course (all numbers are for ONE image):

* macs: multiply-adds of convolutions, linear layers and matrix products; one multiply and one add count 1, not 2.
  Biases, batch norm, pooling, activations, softmax and additions are not counted, nor what is computed from weights
  alone (weight norm), whatever the images.
* params: every parameter once, also when layers share it; buffers (running means) are not parameters.
* activations: values that need memory of their own: the input, and the output of every convolution, linear layer,
  matrix product, resampling and pooling, also global as a mean over height × width. ReLU, batch norm, LRN, dropout,
  addition, scaling, concatenation, flattening and a pooling of single units (7 × 7 to 7 × 7) can do without and count
  nothing. This is the convention of the VGG-16 list in the CS231n course notes.
* field: the receptive field, in input pixels, of one unit; the larger of height and width. Branches that meet are
  united, from the first to the last pixel that any of them sees. jump: input pixels between two neighboring units.
  Global pooling, flattening and matrix products between pixels end the field: behind them a unit sees the whole image,
  and `Profile.field` is that of the last feature map before. What was computed from the whole map and then joins a map
  again (the gate of squeeze-and-excitation, the statistics of group norm) is taken as a constant: it neither ends the
  field nor adds depth. Upsampling gives a field that differs between units; the largest is reported.
* depth: convolutions and linear layers on the longest path, as in the names VGG-16 and ResNet-50.
* The network is profiled as in `eval()`: no auxiliary heads, no dropout.

`memory(profile, batch)` is about the other half, training: it lets the same copy do one training step, keeps the books
of every tensor that PyTorch makes and frees, and needs no convention.

Receptive-field arithmetic: Araujo, Norris & Sim, "Computing Receptive Fields of Convolutional Neural Networks",
Distill 2019.
"""

from __future__ import annotations

import copy
import html
import math
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

if TYPE_CHECKING:
    import pandas as pd

_MACS = "multiply-adds of convolutions, linear layers and matrix products; one multiply and one add count 1"


# ---------------------------------------------------------------------------------------------------------------
# Formulas on the board. The walk below has no others.
# ---------------------------------------------------------------------------------------------------------------
def conv_params(c_in: int, c_out: int, kernel: int | tuple[int, ...], groups: int = 1, *, bias: bool = True) -> int:
    """Weights and biases of a convolution; an int kernel is square."""
    return c_out * (c_in // groups) * math.prod(_square(kernel)) + (c_out if bias else 0)


def conv_macs(
    c_in: int, c_out: int, kernel: int | tuple[int, ...], out_size: int | tuple[int, ...], groups: int = 1
) -> int:
    """Multiply-adds of a convolution: every output value costs one per weight of its kernel.

    out_size is the height and width of the output map (an int is square). A transposed convolution multiplies
    every *input* value with the kernel, so give the size of its input map.
    """
    return math.prod(_square(out_size)) * c_out * (c_in // groups) * math.prod(_square(kernel))


def conv_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1, *, ceil: bool = False
) -> int:
    """Places where a kernel fits along one axis = output size of a convolution or pooling.

    ceil: the last window may hang over the edge, if it starts inside the map or its left padding.
    """
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil:
        return room // stride + 1
    places = -(-room // stride) + 1
    return places - 1 if (places - 1) * stride >= size + padding else places


def conv_transpose_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """Output size of a transposed convolution along one axis: `conv_size` read backwards."""
    return (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1


def linear_params(c_in: int, c_out: int, *, bias: bool = True) -> int:
    """Weights and biases of a linear layer."""
    return c_in * c_out + (c_out if bias else 0)


def linear_macs(c_in: int, c_out: int, rows: int = 1) -> int:
    """Multiply-adds of a linear layer on `rows` vectors, or of a (rows × c_in) · (c_in × c_out) matrix product."""
    return rows * c_in * c_out


def receptive_field(
    field: float, jump: float, kernel: int, stride: float = 1, dilation: int = 1
) -> tuple[float, float]:
    """Field and jump behind a layer, from those before it, along one axis; an image starts with (1, 1)."""
    return field + dilation * (kernel - 1) * jump, _tidy(jump * stride)


def _square(size: int | tuple[int, ...]) -> tuple[int, ...]:
    return size if isinstance(size, tuple) else (size, size)


def _tidy(number: float) -> float:
    return int(number) if number == int(number) else number


# ---------------------------------------------------------------------------------------------------------------
# What comes out
# ---------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Layer:
    """One line of the walk, in the order of execution; shapes without the batch, counts for one image."""

    name: str  # dotted path of the module whose forward computes it
    kind: str  # class of a torch.nn layer (Conv2d), otherwise the function called (add, cat, flatten)
    output_shape: tuple[int, ...]
    params: int  # counted where a parameter is met first
    macs: int
    activations: int
    field: float | None  # None: sees the whole image
    jump: float | None


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
    """Cost and receptive field of a network for one image; the module's docstring states what is counted."""

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

    _step: ClassVar[_TrainingStep | None] = None  # every result of profile() has its own, for memory()

    def __getstate__(self) -> dict:
        return {name: value for name, value in vars(self).items() if name != "_step"}  # numbers, no network

    def table(self) -> pd.DataFrame:
        """One row per layer in the order of execution; field and jump are <NA> where the whole image is seen."""
        import pandas as pd

        table = pd.DataFrame([vars(layer) | {"output_shape": _shape(layer.output_shape)} for layer in self.layers])
        # convert_dtypes makes 3.0 and NaN, which pandas reads from 3 and None, 3 and <NA>.
        return table.rename(columns={"name": "layer", "output_shape": "output"}).convert_dtypes()

    def summary(self) -> str:
        """The totals as a few lines of text."""
        unused = f" ({self.unused:,} of them not used in eval mode)" if self.unused else ""
        return (
            f"{self.network}: {_shape(self.input_size)} → {_shape(self.output_size)}\n"
            f"{self.params:>15,} params{unused}\n"
            f"{self.macs:>15,} macs: {_MACS}\n"
            f"{self.activations:>15,} activations: the input and the outputs of these and of poolings\n"
            f"depth {self.depth}, receptive field {self.field:,} pixels, jump {self.jump}"
        )

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        sizes = f"{_shape(self.input_size)} → {_shape(self.output_size)}"
        return f"Profile({self.network}, {sizes}, {self.params:,} params, {self.macs:,} macs, field {self.field})"

    def _repr_html_(self) -> str:
        # Plain tags and attributes: GitHub drops styles, and in JupyterLab the theme chooses the colors.
        def row(tag: str, first: str, *cells: str) -> str:
            cells = "".join(f'<{tag} align="right">{cell}</{tag}>' for cell in cells)
            return f'<tr><{tag} align="left">{first}</{tag}>{cells}</tr>'

        def line(stage: Stage) -> str:
            shape = _shape(stage.output_shape) if stage.output_shape else "<i>not used in eval mode</i>"
            field = "–" if stage.output_shape is None else "image" if stage.field is None else f"{stage.field:,}"
            costs = (stage.params, self.params), (stage.macs, self.macs)
            shares = [text for n, total in costs for text in (f"{n:,}", f"{n / total:.1%}" if total else "–")]
            return row("td", html.escape(stage.name), shape, *shares, field)

        head = row("th", "stage", "output (C × H × W)", "params", "share", "macs", "share", "field")
        total = row("th", "total", _shape(self.output_size), f"{self.params:,}", "", f"{self.macs:,}", "", "")
        return (
            f"<table><caption><b>{html.escape(self.network)}</b>, input {_shape(self.input_size)}</caption>"
            f"<thead>{head}</thead><tbody>{''.join(map(line, self.stages))}{total}</tbody></table>"
            f"<p>depth {self.depth} · receptive field {self.field:,} pixels · jump {self.jump} · "
            f"{self.activations:,} activations<br><small>For one image, in eval mode. macs: {_MACS}.</small></p>"
        )


def _shape(size: Iterable[int]) -> str:
    return " × ".join(map(str, size))


# ---------------------------------------------------------------------------------------------------------------
# One walk
# ---------------------------------------------------------------------------------------------------------------
class WalkError(ValueError):
    """Says in one sentence which layer the walk cannot pass, what it was given and what to do."""


def profile(model: nn.Module, input_size: int | tuple[int, int, int] = (3, 224, 224)) -> Profile:
    """Params, macs, activations, depth and receptive field of a network, in total, by stage and by layer.

    input_size: (channels, height, width) of one image; an int stands for a square RGB image. The walk takes a copy
    of the network without its weights, so the network stays as it is (mode, device, parameters) and nothing of its
    size is allocated. Of several tensors that a network returns, the first gives output_size and field.

    Raises WalkError (a ValueError) if a layer does not fit its input, decides by the values of pixels, or multiplies
    where the walk cannot count; ValueError for an impossible input_size; TypeError for what is not a network.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"profile() takes a network (torch.nn.Module), not a {type(model).__name__}")
    size = (3, input_size, input_size) if isinstance(input_size, int) else tuple(input_size)
    if len(size) != 3 or not all(isinstance(n, int) and n > 0 for n in size):
        raise ValueError(f"input_size is {input_size!r}; give (channels, height, width) or one int, all above 0")
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    walk = _Walk(model)
    try:
        output = walk.run(size)
    except WalkError as error:
        raise error.with_traceback(None)  # noqa: B904  the way through all the forwards helps nobody
    end = output.sight.end()
    result = Profile(
        network=type(model).__name__,
        input_size=size,
        output_size=tuple(output.shape[1:]),
        params=sum(p.numel() for p in model.parameters()),
        macs=sum(layer.macs for layer in walk.layers),
        activations=math.prod(size) + sum(layer.activations for layer in walk.layers),
        field=_tidy(max(end.field)),
        jump=_tidy(max(end.jump)),
        depth=end.depth,
        unused=sum(walk.unmet.values()),
        layers=walk.layers,
        stages=_stages(model, walk.layers),
    )
    vars(result)["_step"] = _TrainingStep(walk.net, size)
    return result


def _stages(model: nn.Module, layers: list[Layer]) -> list[Stage]:
    """The children of the network, and instead of `features` its children if these have names, not numbers."""
    modules: dict[str, nn.Module] = {}
    for name, child in model.named_children():
        inner = {f"{name}.{key}": c for key, c in child.named_children() if not key.isdigit()}
        modules |= inner if name == "features" and inner else {name: child}
    modules[""] = model  # last: what stands in the network's own forward
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


class _Sight(NamedTuple):
    """What a unit of a tensor sees of the image: rides on every tensor as `tensor.sight`, and is None on weights."""

    axes: tuple[int, ...]  # which dimensions of the tensor are height and width; () once it sees the whole image
    field: tuple[float, ...]  # along height and width, like jump and start
    jump: tuple[float, ...]
    start: tuple[float, ...]  # first input pixel that unit 0 sees; below 0 in the padding
    depth: int  # weight layers on the longest path from the image
    before: _Sight | None = None  # of the map before an average pooling, in case this turns out to be the global one

    def slide(self, kernel, stride, padding, dilation=(1, 1)) -> _Sight:
        """Behind a window that slides over height and width."""
        if self.axes != tuple(range(2, 2 + len(kernel))):
            return self.end()
        start = tuple(s - p * j for s, p, j in zip(self.start, padding, self.jump, strict=True))
        grown = map(receptive_field, self.field, self.jump, kernel, stride, dilation)
        return _Sight(self.axes, *zip(*grown, strict=True), start, self.depth)

    def end(self) -> _Sight:
        """Behind what looks at the whole map; field and jump stay those of the last map."""
        return (self.before or self)._replace(axes=(), depth=self.depth, before=None)

    def deeper(self) -> _Sight:
        return self._replace(depth=self.depth + 1)

    def moved(self, old: tuple[int, ...], new: tuple[int, ...]) -> _Sight:
        """When a shape changes, height and width are where they were, or as far from the last dimension, or gone."""
        for shift in (0, len(new) - len(old)) if self.axes else ():
            axes = tuple(a + shift for a in self.axes)
            if axes[0] > 0 and axes[-1] < len(new) and all(old[a] == new[a + shift] for a in self.axes):
                return self._replace(axes=axes)
        return self.end()


def _meet(tensors: Iterable[Any], shape: tuple[int, ...]) -> _Sight:
    """Of a sum, product or concatenation with this shape: the union of the branches that still are maps."""
    seen = [t for t in tensors if isinstance(t, Tensor) and t.sight]
    seen = [t for t in seen if t.sight.axes] or seen
    sights = list(dict.fromkeys(t.sight for t in seen))
    first = sights[0]
    if len(sights) > 1:
        start = tuple(map(min, *(s.start for s in sights)))
        stop = map(max, *([a + f for a, f in zip(s.start, s.field, strict=True)] for s in sights))
        first = _Sight(
            axes=first.axes if all(s.axes == first.axes for s in sights) else (),
            field=tuple(b - a for a, b in zip(start, stop, strict=True)),
            jump=tuple(map(max, *(s.jump for s in sights))),
            start=start,
            depth=max(s.depth for s in sights),
        )
    return first.moved(tuple(seen[0].shape), shape)


class _Step(NamedTuple):
    """What a rule finds out about one call."""

    shape: tuple[int, ...]
    sight: _Sight
    macs: int = 0  # of the whole batch
    params: int | None = None  # by formula; None: as many as the tensors hold
    stored: bool = False  # counts as activations


class _Misfit(Exception):  # noqa: N818
    """Second half of a WalkError's sentence, raised where the name of the layer is not known."""


def _pair(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    """(3, 3) from 3 or (3,), if there are two axes; PyTorch accepts all of them."""
    value = tuple(value) if isinstance(value, Sequence) else (value,)
    return value * axes if len(value) == 1 else value


# Rules: what the walk does instead of a torch function. They take its arguments, by its names and in its order.
def _conv(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    c_out, c_in, kernel = weight.shape[0], weight.shape[1] * groups, tuple(weight.shape[2:])
    n = len(kernel)
    stride, dilation = _pair(stride, n), _pair(dilation, n)
    both = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]  # padding="same": on both sides together
    if padding != "same":
        both = [2 * p for p in _pair(0 if padding == "valid" else padding, n)]
    _check(input, c_in, n)
    padded = map(int.__add__, input.shape[2:], both)
    out = _fits(input, kernel, tuple(map(conv_size, padded, kernel, stride, (0,) * n, dilation)))
    return _Step(
        (input.shape[0], c_out, *out),
        input.sight.slide(kernel, stride, [p // 2 for p in both], dilation).deeper(),
        input.shape[0] * conv_macs(c_in, c_out, kernel, out, groups),
        conv_params(c_in, c_out, kernel, groups, bias=bias is not None),
        stored=True,
    )


def _conv_transpose(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    c_in, c_out, kernel = weight.shape[0], weight.shape[1] * groups, tuple(weight.shape[2:])
    n = len(kernel)
    stride, padding, dilation = _pair(stride, n), _pair(padding, n), _pair(dilation, n)
    _check(input, c_in, n)
    sizes = map(conv_transpose_size, input.shape[2:], kernel, stride, padding, _pair(output_padding, n), dilation)
    out = _fits(input, kernel, tuple(sizes))
    # Input units lie `stride` apart under the kernel; the output unit that sees most of them counts.
    reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    taps = [r // s + 1 for r, s in zip(reach, stride, strict=True)]
    left = [(r - p) / s for r, p, s in zip(reach, padding, stride, strict=True)]
    return _Step(
        (input.shape[0], c_out, *out),
        input.sight.slide(taps, [1 / s for s in stride], left).deeper(),
        input.shape[0] * conv_macs(c_in, c_out, kernel, tuple(input.shape[2:]), groups),
        conv_params(c_in, c_out, kernel, groups, bias=bias is not None),
        stored=True,
    )


def _linear(input, weight, bias=None):
    c_out, c_in = weight.shape
    if input.shape[-1] != c_in:
        raise _Misfit(f"expects {c_in} values, not {input.shape[-1]}; choose another input_size or build it for these")
    per_pixel = input.sight.axes and input.dim() - 1 not in input.sight.axes
    return _Step(
        (*input.shape[:-1], c_out),
        (input.sight._replace(before=None) if per_pixel else input.sight.end()).deeper(),
        linear_macs(c_in, c_out, rows=math.prod(input.shape[:-1])),
        linear_params(c_in, c_out, bias=bias is not None),
        stored=True,
    )


def _max_pool(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    n = input.dim() - 2
    kernel, padding, dilation = _pair(kernel_size, n), _pair(padding, n), _pair(dilation, n)
    stride = _pair(stride, n) if stride else kernel
    sizes = map(partial(conv_size, ceil=ceil_mode), input.shape[2:], kernel, stride, padding, dilation)
    shape = (*input.shape[:2], *_fits(input, kernel, tuple(sizes)))
    return _Step(shape, input.sight.slide(kernel, stride, padding, dilation), stored=math.prod(kernel) > 1)


def _avg_pool(input, kernel_size, stride=None, padding=0, ceil_mode=False, *_, **__):
    step = _max_pool(input, kernel_size, stride, padding, 1, ceil_mode)
    whole = step.sight.axes and math.prod(step.shape[2:]) == 1 < math.prod(input.shape[2:])
    # A window over the whole map: a layer like others if a convolution follows, global pooling if none does.
    return step._replace(sight=step.sight._replace(before=input.sight)) if whole else step


def _adaptive_pool(input, output_size, return_indices=False):
    old = tuple(input.shape[2:])
    out = tuple(o or i for o, i in zip(_pair(output_size, len(old)), old, strict=True))
    windows = [max(-(-(k + 1) * i // o) - k * i // o for k in range(o)) for i, o in zip(old, out, strict=True)]
    if math.prod(out) == 1:
        sight = input.sight.end()
    elif out == old:
        sight = input.sight
    else:
        sight = input.sight.slide(windows, [i / o for i, o in zip(old, out, strict=True)], (0,) * len(old))
    return _Step((*input.shape[:2], *out), sight, stored=out != old)


def _interpolate(input, size=None, scale_factor=None, mode="nearest", *_, **__):
    old = tuple(input.shape[2:])
    n = len(old)
    out = _pair(size, n) if size else tuple(int(i * f) for i, f in zip(old, _pair(scale_factor, n), strict=True))
    if mode == "area":
        return _adaptive_pool(input, out)
    taps = {"nearest": 1, "nearest-exact": 1, "bicubic": 4}.get(mode, 2)  # input units mixed along one axis
    sight = input.sight.slide((taps,) * n, [i / o for i, o in zip(old, out, strict=True)], ((taps - 1) / 2,) * n)
    return _Step((*input.shape[:2], *out), sight, stored=True)


def _batch_norm(input, running_mean, *_, **__):
    if running_mean is not None:
        _check(input, running_mean.shape[0], input.dim() - 2)
    return _same(input)


def _same(input, *_, **__):
    return _Step(tuple(input.shape), input.sight)


def _elementwise(input, other, *_, **__):
    shapes = [tuple(t.shape) for t in (input, other) if isinstance(t, Tensor)]
    try:
        shape = tuple(torch.broadcast_shapes(*shapes))
    except RuntimeError:
        shapes = " and ".join(_shape(shape[1:]) for shape in shapes)
        raise _Misfit(f"cannot combine maps of {shapes}; make both branches end alike") from None
    return _Step(shape, _meet((input, other), shape))


def _cat(tensors, dim=0):
    shapes = [list(t.shape) for t in tensors]
    total = sum(shape.pop(dim) for shape in shapes)
    if any(shape != shapes[0] for shape in shapes):
        shapes = ", ".join(_shape(t.shape[1:]) for t in tensors)
        raise _Misfit(f"cannot concatenate maps of {shapes}; make all branches end alike")
    shapes[0].insert(dim % tensors[0].dim(), total)
    return _Step(tuple(shapes[0]), _meet(tensors, tuple(shapes[0])))


def _check(input: Tensor, c_in: int, axes: int) -> None:
    if input.dim() != axes + 2:
        raise _Misfit(f"expects maps with {axes} axes and {c_in} channels; change what comes before it")
    if input.shape[1] != c_in:
        channels = f"{c_in} channel" + "s" * (c_in > 1)
        raise _Misfit(f"expects {channels}, not {input.shape[1]}; choose another input_size or build it for these")


def _fits(input: Tensor, kernel: tuple[int, ...], out: tuple[int, ...]) -> tuple[int, ...]:
    if min(out) < 1:
        raise _Misfit(f"expects at least the size of its {_shape(kernel)} kernel; choose a larger input_size")
    return out


_RULES: dict[str, Callable[..., _Step]] = {
    **{f"conv{n}d": _conv for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": _conv_transpose for n in (1, 2, 3)},
    **{f"max_pool{n}d": _max_pool for n in (1, 2, 3)},
    **{f"avg_pool{n}d": _avg_pool for n in (1, 2, 3)},
    **{f"adaptive_{kind}_pool{n}d": _adaptive_pool for n in (1, 2, 3) for kind in ("avg", "max")},
    "linear": _linear, "batch_norm": _batch_norm, "interpolate": _interpolate,
    "add": _elementwise, "sub": _elementwise, "mul": _elementwise, "div": _elementwise, "truediv": _elementwise,
    "iadd": _elementwise, "isub": _elementwise, "imul": _elementwise, "radd": _elementwise, "rmul": _elementwise,
    "cat": _cat, "concat": _cat, "concatenate": _cat,
    **dict.fromkeys((
        "relu", "relu6", "leaky_relu", "elu", "silu", "gelu", "mish", "sigmoid", "tanh", "softplus", "hardswish",
        "hardsigmoid", "hardtanh", "dropout", "dropout2d", "local_response_norm", "clone", "detach", "contiguous",
    ), _same),
}  # fmt: skip

# Functions without a rule run on the meta device, and PyTorch finds the shape. Some need a word on the field or cost:
_TURNS = {"permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t", "adjoint"}
_MIXES = {"flip", "roll", "cumsum", "cumprod", "sort", "argsort", "grid_sample"}  # between pixels, at the same size
_POOLS = {"mean", "sum", "amax", "amin", "max", "min", "std", "var", "norm", "logsumexp", "median"}
_SILENT = {"clone", "detach", "contiguous"}  # no line in the table
_PIXELS = {"__bool__", "__float__", "__int__", "__index__", "__array__", "item", "tolist", "numpy"}
_QUESTIONS = {"__get__", "size", "dim", "numel", "stride", "is_floating_point"}  # __get__ reads x.shape and the like
_FACTORIES = ("new_", "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like")
_BATCH = 2  # two images, so that a squeeze() in the network cannot take the batch for a leftover; counts are halved


def _turned(func: Callable, args: tuple, kwargs: dict, sight: _Sight) -> _Sight:
    """Behind permute, transpose …: the same call on a tensor with all sizes different shows where each axis went."""
    order = tuple(func(torch.empty(tuple(range(args[0].dim())), device="meta"), *args[1:], **kwargs).shape)
    return sight._replace(axes=tuple(order.index(a) for a in sight.axes))


def _padded(sight: _Sight, dims: int, pad: list[int]) -> _Sight:
    """Behind F.pad, whose list (before, after) begins with the last dimension: padding moves unit 0."""
    places = [2 * (dims - 1 - axis) for axis in sight.axes]
    left = [pad[place] if place < len(pad) else 0 for place in places]
    return sight._replace(start=tuple(s - p * j for s, p, j in zip(sight.start, left, sight.jump, strict=False)))


def _sliced(sight: _Sight, shape: tuple[int, ...], index: Any) -> _Sight | None:
    """Behind x[index]: a strided slice jumps, one row or column is no map any more; None for other ways to index."""
    index = index if isinstance(index, tuple) else (index,)
    if not all(i is None or i is ... or type(i) in (int, slice) for i in index):
        return None
    rest = (slice(None),) * (len(shape) - sum(i is not None and i is not ... for i in index))
    dots = next((k for k, i in enumerate(index) if i is ...), len(index))
    axes, jump, start, old, new = [], list(sight.jump), list(sight.start), 0, 0
    for i in (*index[:dots], *rest, *index[dots + 1 :]):
        if old in sight.axes and isinstance(i, slice):
            k = sight.axes.index(old)
            first, _, step = i.indices(shape[old])
            start[k] += first * jump[k]
            jump[k] *= step
            axes.append(new)
        old += i is not None
        new += not isinstance(i, int)
    complete = len(axes) == len(sight.axes)
    return sight._replace(axes=tuple(axes), jump=tuple(jump), start=tuple(start)) if complete else sight.end()


class _Watch(TorchDispatchMode):
    """Sees the kernels inside a function that has no rule: counts matrix products, refuses what it cannot count."""

    # where the first factor of a product stands among the arguments
    products: ClassVar = {
        "mm": 0, "bmm": 0, "mv": 0, "dot": 0, "vdot": 0, "addmm": 1, "addmv": 1, "baddbmm": 1, "addbmm": 1,
    }  # fmt: skip
    # how the names of kernels begin that multiply weights or matrices inside
    opaque = (
        "convolution", "_convolution", "conv_", "_conv_", "slow_conv", "mkldnn_", "cudnn_", "miopen_", "lstm", "gru",
        "rnn_", "_trilinear", "_cdist", "linalg_", "_linalg", "_scaled_dot", "_flash_att", "_efficient_att",
        "_native_multi_head", "_addmm", "_transformer", "_int_mm", "_scaled_mm", "_grouped_mm", "_sparse", "_fused_sdp",
        "quantized",
    )  # fmt: skip
    harmless = ("linalg_vector_norm",)
    macs = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__.rstrip("_")
        if name in self.products:
            left, right = args[self.products[name] :][:2]
            inner, columns = left.shape[-1], right.shape[-1] if right.dim() > 1 else 1
            self.macs += linear_macs(inner, columns, rows=left.numel() // max(inner, 1))
        elif func.namespace not in ("aten", "prims", "prim", "profiler") or (
            name.startswith(self.opaque) and name not in self.harmless
        ):
            raise _Misfit(
                f"calls {func.namespace}::{name}, whose multiply-adds cannot be counted; "
                "profile the parts of the network before and after it"
            )
        return func(*args, **(kwargs or {}))


class _Walk(TorchFunctionMode):
    """Runs a copy of the network without weights, and stands between its forward and every torch function."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.layers: list[Layer] = []
        self.unmet: dict[int, int] = {}  # parameters that no layer has used yet: id → how many numbers
        self.pending = 0  # numbers in parameters that were used to compute weights; the next layer counts them
        self.stack: list[list] = []  # modules whose forward runs: [path, class if from torch.nn, its line in layers]
        self.net = self.copy(model)
        for path, module in self.net.named_modules():
            layer = not module._modules and any(
                c.__module__.startswith("torch.nn.") for c in type(module).__mro__ if c is not nn.Module
            )  # or a layer of torch.nn with a forward of its own
            frame = (path, type(module).__name__ if layer else None)
            vars(module).update(training=False, forward=partial(self.enter, frame, module, module.forward))
            module._forward_hooks.clear()  # the caller's observers; pre-hooks stay: weight norm and pruning are some

    @torch.inference_mode(False)  # whoever profiles a network there may still ask for its memory
    def copy(self, model: nn.Module) -> nn.Module:
        """Like copy.deepcopy, but faster, and tensors become tensors of that shape without memory."""
        modules = dict(model.named_modules())
        twins: dict[int, Any] = {id(module): object.__new__(type(module)) for module in modules.values()}
        for path, module in modules.items():
            if isinstance(module, torch.jit.ScriptModule):
                raise WalkError(f"{_where(path, module)} is a TorchScript module; profile the module it was made from")
            for tensor in _tensors([*vars(module).values()]):  # parameters, buffers and other attributes
                if nn.parameter.is_lazy(tensor):
                    raise WalkError(f"{_where(path, module)} has no weights yet; run the network once on a batch")
                if id(tensor) in twins:
                    continue
                twin = torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")
                if isinstance(tensor, nn.Parameter):
                    twin = nn.Parameter(twin, requires_grad=tensor.requires_grad)
                    self.unmet[id(twin)] = twin.numel()
                twin.sight = None
                twins[id(tensor)] = twin
        for path, module in modules.items():
            for key, value in vars(module).items():
                empty = isinstance(value, dict) and not value  # most of a module's dictionaries are
                try:
                    twins[id(module)].__dict__[key] = value.copy() if empty else copy.deepcopy(value, twins)
                except Exception as error:
                    raise WalkError(f"{_where(path, module)} cannot be copied: remove its {key!r} ({error})") from error
        return twins[id(model)]

    def run(self, size: tuple[int, ...]) -> Tensor:
        """The first tensor that the network returns."""
        dtype = next((p.dtype for p in self.net.parameters() if p.is_floating_point()), None)
        images = torch.empty(_BATCH, *size, dtype=dtype, device="meta")
        images.sight = _Sight(axes=(2, 3), field=(1, 1), jump=(1, 1), start=(0, 0), depth=0)
        with torch.no_grad(), self:
            output = next(_tensors(self.net(images)), None)
        if not getattr(output, "sight", None):
            raise WalkError("the network returns no tensor that torch functions made from the images; return one")
        if output.shape[:1] != (_BATCH,):
            raise WalkError(
                f"the network turns {_BATCH} images into {_shape(output.shape)} values, so it mixes the images of a "
                "batch; check input_size, and view or reshape in its forward"
            )
        return output

    def enter(self, frame: tuple, module: nn.Module, forward: Callable, *args, **kwargs):
        """Stands for every module's forward: remembers who is running, and names the innermost one in errors."""
        self.stack.append([*frame, None])
        try:
            return forward(*args, **kwargs)
        except WalkError:
            raise
        except Exception as error:
            given = next((_shape(tensor.shape[1:]) for tensor in _tensors((args, kwargs))), "no tensor")
            where = f"{_where(frame[0], module)}, given {given},"
            if isinstance(error, _Misfit):
                raise WalkError(f"{where} {error}") from None
            reason = str(error).strip().split("\n")[0].rstrip(".")
            raise WalkError(
                f"{where} cannot be walked: its forward raised {type(error).__name__} ({reason}); "
                "check input_size, or profile the parts before and after it"
            ) from error
        finally:
            self.stack.pop()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, full_name = kwargs or {}, getattr(func, "__name__", str(func))
        name = full_name.strip("_")  # relu_ is relu, __add__ is add
        if full_name in _QUESTIONS and not isinstance(answer := func(*args, **kwargs), Tensor):
            return answer
        tensors = list(_tensors((args, kwargs)))
        for tensor in tensors:
            if not hasattr(tensor, "sight"):
                if isinstance(tensor, nn.Parameter):
                    raise _Misfit("uses weights of no layer of the network; keep layers in attributes or a ModuleList")
                if tensor.is_meta:
                    raise _Misfit(f"gives {name} a tensor that no torch function made; use torch functions only")
                tensor.sight = None  # a constant
        if name in ("to", "cuda", "cpu"):  # there is only one device here
            dtype = next((d for d in (*args, *kwargs.values()) if isinstance(d, torch.dtype)), tensors[0].dtype)
            return self.mark(tensors[0].to("meta", dtype), tensors[0].sight)
        weights = [t for t in tensors if t.sight is None]
        fresh = [self.unmet.pop(id(t)) for t in weights if id(t) in self.unmet]
        if len(weights) == len(tensors) or name.startswith(_FACTORIES):
            self.pending += sum(fresh)
            with torch.device("meta"):
                return self.mark(func(*args, **kwargs), None)
        if full_name in _PIXELS:
            raise _Misfit(
                "decides by the values of its pixels (if, while, item or numpy on a tensor), so its cost is not fixed; "
                "profile its branches one by one"
            )
        rule = _RULES.get(name.removesuffix("_with_indices"))  # of max pooling, for unpooling
        if rule in (_max_pool, _avg_pool, _adaptive_pool) and f"pool{tensors[0].dim() - 2}d" not in name:
            rule = None  # a tensor without a batch dimension
        if rule:
            step = rule(*args, **kwargs)
            in_place = full_name in ("__iadd__", "__isub__", "__imul__") or full_name == f"{name}_"
            output = args[0] if in_place else torch.empty(step.shape, dtype=tensors[0].dtype, device="meta")
            output = (output, torch.empty_like(output, dtype=torch.long)) if name not in _RULES else output
            self.mark(output, step.sight)
        else:
            output, step = self.compute(func, name, args, kwargs, tensors)
        # The formula, unless weights are shared with an earlier layer or were computed from others.
        plain = step is not None and step.params is not None and len(fresh) == len(weights)
        self.pending += step.params if plain else sum(fresh)
        if step and (isinstance(output, Tensor) or step.stored) and name not in _SILENT:
            self.record(name, step)
        return output

    def compute(self, func: Callable, name: str, args: tuple, kwargs: dict, tensors: list[Tensor]) -> tuple:
        """Result and step of a function that has no rule."""
        with torch.device("meta"), _Watch() as watch:
            output = func(*args, **kwargs)
        step = None
        if name.endswith("_as"):  # the second tensor only lends its shape
            tensors = tensors[:1]
        for result in [*_tensors(args[0] if output is None else output)][::-1]:  # None: x[index] = …
            shape, sight = tuple(result.shape), _meet(tensors, tuple(tensors[0].shape))
            dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
            if watch.macs or name in _MIXES:
                sight = sight.end()
            elif name in ("softmax", "log_softmax") and isinstance(dim, int) and dim % len(shape) in sight.axes:
                sight = sight.end()
            elif name in _TURNS:
                sight = _turned(func, args, kwargs, sight)
            elif name == "pad":
                sight = _padded(sight, len(shape), args[1] if len(args) > 1 else kwargs["pad"])
            else:
                sliced = _sliced(sight, tuple(args[0].shape), args[1]) if name == "getitem" else None
                sight = sliced or _meet(tensors, shape)
            if watch.macs and any(t.sight is None for t in tensors):
                sight = sight.deeper()
            pooled = name in _POOLS and not sight.axes and any(t.sight and t.sight.axes for t in tensors)
            step = _Step(shape, sight, watch.macs, stored=bool(watch.macs or pooled))
            self.mark(result, sight)
        return output, step

    def mark(self, output: Any, sight: _Sight | None) -> Any:
        for tensor in _tensors(output):
            tensor.sight = sight
        return output

    def record(self, kind: str, step: _Step) -> None:
        """Adds a line to the table; a layer of torch.nn is one line, whatever its forward calls."""
        path, layer_kind, line = self.stack[-1]
        local = bool(step.sight.axes)
        layer = Layer(
            name=path,
            kind=layer_kind or kind,
            output_shape=tuple(step.shape[1:]),
            params=self.pending,
            macs=step.macs // _BATCH,
            activations=math.prod(step.shape) // _BATCH if step.stored else 0,
            field=_tidy(max(step.sight.field)) if local else None,
            jump=_tidy(max(step.sight.jump)) if local else None,
        )
        self.pending = 0
        if line is None or layer_kind is None:
            self.stack[-1][2] = len(self.layers)
            self.layers.append(layer)
        else:
            sums = {n: getattr(self.layers[line], n) + getattr(layer, n) for n in ("params", "macs", "activations")}
            self.layers[line] = replace(layer, **sums)


# ---------------------------------------------------------------------------------------------------------------
# Memory of a training step
# ---------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, repr=False)
class Memory:
    """Bytes that one training step needs, by what they are for; `memory` states what is included."""

    network: str
    input_size: tuple[int, ...]
    batch: int
    optimizer: str
    weights: int  # parameters and buffers (running means)
    gradients: int  # of the parameters that are trained
    state: int  # what the optimizer remembers between steps
    activations: int  # what the forward pass leaves behind: kept for the backward pass, and the logits
    input: int  # images and labels
    peak: int  # the most that is alive at one moment of the step

    @property
    def total(self) -> int:
        """Sum of the five parts: bytes to reckon with by hand; `peak` knows when each part is alive."""
        return self.weights + self.gradients + self.state + self.activations + self.input

    def table(self) -> pd.DataFrame:
        """One row per part, the total and the peak: bytes, and the share of the total."""
        import pandas as pd

        table = pd.DataFrame({"bytes": {name: getattr(self, name) for name in _PARTS}}).rename_axis("part")
        return table.assign(share=table["bytes"] / self.total)

    def __str__(self) -> str:
        lines = (f"{getattr(self, name) / 1e6:>12,.1f} MB  {name}: {meaning}" for name, meaning in _PARTS.items())
        return "\n".join([self._title(), *lines])

    def __repr__(self) -> str:
        return f"Memory({self._title()}, total {self.total:,} bytes, peak {self.peak:,} bytes)"

    def _title(self) -> str:
        return f"{self.network}, one training step of {self.batch} × {_shape(self.input_size)} with {self.optimizer}"

    def _repr_html_(self) -> str:
        rows = (
            f'<tr><td align="left">{name}</td><td align="right">{getattr(self, name) / 1e6:,.1f}</td>'
            f'<td align="right">{getattr(self, name) / self.total:.1%}</td><td align="left">{meaning}</td></tr>'
            for name, meaning in _PARTS.items()
        )
        return (
            f"<table><caption>{html.escape(self._title())}</caption><thead><tr><th></th><th>MB</th><th>of total</th>"
            f"<th></th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
            "<p><small>1 MB = 1,000,000 bytes.</small></p>"
        )


_PARTS = {
    "weights": "parameters and buffers (running means)",
    "gradients": "one number per trained parameter",
    "state": "what the optimizer remembers between steps",
    "activations": "what the forward pass leaves for the backward pass",
    "input": "images and labels",
    "total": "sum of these",
    "peak": "the most that is alive at one moment",
}
_OPTIMIZERS = {
    "sgd": partial(torch.optim.SGD, lr=0.1),
    "momentum": partial(torch.optim.SGD, lr=0.1, momentum=0.9),
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def memory(profile: Profile, batch: int, optimizer: str | torch.optim.Optimizer = "momentum") -> Memory:
    """Bytes that one training step of a network needs, by what they are for, and the most that is alive at one moment.

    profile: from `profile(net, input_size)`; parameters that were frozen then need no gradient
    batch: how many images; a first call takes up to a second or two (152 layers), every other batch follows from it
    optimizer: 'sgd', 'momentum', 'rmsprop', 'adagrad', 'adam' or 'adamw' as PyTorch sets them, or the network's own

    The step is the second or a later one: gradients back to None, forward pass in training mode, cross-entropy,
    backward pass, step of the optimizer, in float32 or what the network is. Every tensor counts that PyTorch makes on
    a CPU and frees again: max pooling keeps 8 bytes for each output (where it came from), dropout 4 for each value, a
    ReLU in place nothing of its own. `peak` is mostly below `total`, because activations go while gradients come.

    Not included is what one operation needs inside: on a CPU one convolution's input, output and weights in another
    layout (measured with ten networks on one thread: 0 to 4 % of the peak, 17 % for ResNet-18 on 64 × 64 pixels; more
    with more threads, each of which has its own gradient of the weights), on a GPU cuDNN's workspace and what the
    allocator keeps in reserve. Otherwise on a GPU: dropout keeps 1 byte per value, mixed precision (as in
    `training.fit`) about half the activations, and an optimizer that updates all weights at once may need one or two
    copies of them. `measure.peak_memory` measures the whole of it.

    Raises ValueError for an impossible batch, an unknown optimizer or one of another network, a network that has
    nothing to train or needs numbers to be trained, and a profile that was copied or read from a file.
    """
    if not isinstance(profile, Profile):
        raise TypeError(f"memory() takes a profile, not a {type(profile).__name__}: give profile(net, input_size)")
    if not isinstance(batch, int) or batch < 1:
        raise ValueError(f"batch is {batch!r}; give how many images a step sees, at least 1")
    if profile._step is None:
        raise ValueError("this profile was copied or read from a file, which keeps only numbers: profile the net again")
    step = profile._step
    activations, gradients, after, peak = step.bytes(batch)
    name = optimizer if isinstance(optimizer, str) else type(optimizer).__name__
    state, extra = _optimizer_bytes(step.optimizer(optimizer))
    return Memory(
        network=profile.network,
        input_size=profile.input_size,
        batch=batch,
        optimizer=name,
        weights=_Ledger(step.fixed).live,
        gradients=gradients,
        state=state,
        activations=activations,
        input=sum(t.nbytes for t in step.inputs(batch)),
        peak=state + max(peak, after + extra),
    )


def make_optimizer(name: str, params: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer that `memory` knows by this name, with PyTorch's settings. Raises ValueError for other names."""
    if name not in _OPTIMIZERS:
        raise ValueError(f"unknown optimizer {name!r}: choose from {', '.join(_OPTIMIZERS)}, or give your own")
    return _OPTIMIZERS[name](params)


def loss_of(output: Any, labels: Tensor) -> Tensor:
    """A loss that training could lower: cross-entropy of the first tensor if these are logits, else its sum."""
    logits = next(_tensors(output))
    return F.cross_entropy(logits, labels) if logits.dim() == 2 else logits.sum()


class _Ledger(TorchDispatchMode):
    """Keeps the books of memory: what operations make is alive until it is freed. Nothing needs memory on meta."""

    def __init__(self, tensors: Iterable[Tensor]):
        super().__init__()
        self.live = 0
        self.moments: list[int] = []  # bytes alive whenever there is something new
        self.storages: dict[int, weakref.ref] = {}
        for tensor in tensors:
            self.book(tensor)

    def book(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()  # one for all views of a tensor, and for what is computed in place
        key, size = id(storage), storage.nbytes()

        def freed(_):
            del self.storages[key]
            self.live -= size

        if key not in self.storages:
            self.storages[key] = weakref.ref(storage, freed)
            self.live += size
            self.moments.append(self.live)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        # On the meta device PyTorch would compute batch norm step by step in Python: three quarters of the time.
        if func is torch.ops.aten.native_batch_norm.default:
            maps, training = args[0], args[5]
            statistics = maps.shape[1] if training else 0
            output = torch.empty_like(maps), maps.new_empty(statistics), maps.new_empty(statistics)
        elif func is torch.ops.aten.native_batch_norm_backward.default:
            makes = zip((args[1], args[2], args[2]), args[9], strict=True)
            output = tuple(torch.empty_like(like) if wanted else None for like, wanted in makes)
        else:
            output = func(*args, **(kwargs or {}))
        for tensor in _tensors(output):
            self.book(tensor)
        return output


class _TrainingStep:
    """Training steps of a profiled network on the meta device; the first question about them runs two."""

    def __init__(self, net: nn.Module, size: tuple[int, ...]):
        self.net, self.size = net, size
        self.fixed = [*net.parameters(), *net.buffers()]

    def bytes(self, batch: int) -> list[int]:
        """Of activations, of gradients, alive behind the backward pass, and at most alive; without the optimizer."""
        two, three = self.runs
        # Every tensor has a size of its own and one for each image, and so has every sum of tensors.
        activations, gradients, after, *moments = (a + (batch - 2) * (b - a) for a, b in zip(two, three, strict=True))
        return [activations, gradients, after, max(moments)]

    @cached_property
    def runs(self) -> list[list[int]]:
        """Bytes of activations, of gradients, alive at the end, and at every moment; with 2 and with 3 images."""
        two, three = self.run(2), self.run(3)
        if len(two) != len(three):
            raise ValueError(
                f"{type(self.net).__name__} makes other tensors for 3 images than for 2, so its memory cannot be "
                "predicted: measure it"
            )
        return [two, three]

    @torch.inference_mode(False)
    def run(self, batch: int) -> list[int]:
        ledger = _Ledger([*self.fixed, *(inputs := self.inputs(batch))])
        before, name = ledger.live, type(self.net).__name__
        try:
            self.net.train().zero_grad()
            with torch.enable_grad(), torch.device("meta"), ledger:
                output = self.net(inputs[0])  # all of it stays alive
                loss = loss_of(output, inputs[1])
                kept = ledger.live - before
                if loss.requires_grad:
                    loss.backward()
        except WalkError as error:
            raise error.with_traceback(None)  # noqa: B904
        except Exception as error:
            reason = str(error).strip().split("\n")[0].rstrip(".")
            raise ValueError(f"{name} cannot be trained without pixels ({reason}): measure its memory") from error
        if not loss.requires_grad:
            raise ValueError(f"{name} has nothing to train: set requires_grad of its parameters, and profile it again")
        gradients = sum(p.grad.nbytes for p in self.net.parameters() if p.grad is not None)
        return [kept, gradients, ledger.live, *ledger.moments]

    def inputs(self, batch: int) -> list[Tensor]:
        dtype = next((p.dtype for p in self.fixed if p.is_floating_point()), None)
        images = torch.empty(batch, *self.size, dtype=dtype, device="meta")
        return [images, torch.empty(batch, dtype=torch.long, device="meta")]

    def optimizer(self, wanted: str | torch.optim.Optimizer) -> torch.optim.Optimizer:
        """The one that is meant, for the parameters that get a gradient."""
        if isinstance(wanted, str):
            return make_optimizer(wanted, [p for p in self.net.parameters() if p.grad is not None])
        if not isinstance(wanted, torch.optim.Optimizer):
            raise TypeError(f"optimizer is a {type(wanted).__name__}: give a name or a torch.optim optimizer")
        theirs = sum(p.numel() for group in wanted.param_groups for p in group["params"])
        if theirs > (ours := sum(p.numel() for p in self.net.parameters())):
            raise ValueError(
                f"this optimizer trains {theirs:,} numbers, the network has {ours:,}: give one made for it"
            )
        return wanted


def _optimizer_bytes(optimizer: torch.optim.Optimizer) -> tuple[int, int]:
    """What an optimizer keeps between steps, and what it needs besides during one; tried on a small tensor."""
    kept = most = 0
    for group in optimizer.param_groups:
        params = [p for p in group["params"] if p.requires_grad]
        if not params:
            continue
        largest = max(params, key=Tensor.numel)
        sample = nn.Parameter(torch.zeros(8, 8, dtype=largest.dtype))
        sample.grad = torch.zeros_like(sample)
        twin = copy.copy(optimizer)
        one_by_one = {key: False for key in ("foreach", "fused", "capturable") if key in group}  # as on a CPU
        twin.param_groups, twin.state = [{**group, **one_by_one, "params": [sample]}], defaultdict(dict)
        for key, value in optimizer.state.get(largest, {}).items():
            alike = isinstance(value, Tensor) and value.shape == largest.shape
            twin.state[sample][key] = torch.zeros_like(sample) if alike else copy.deepcopy(value)
        try:
            twin.step()
            state = list(_tensors(twin.state[sample]))
            if any(t.shape != sample.shape and t.numel() > 1 for t in state):
                raise ValueError("it keeps tensors of another shape than the parameters")
            with _Ledger([sample, sample.grad, *state]) as ledger:
                start = ledger.live
                twin.step()
        except Exception as error:
            name, reason = type(optimizer).__name__, str(error).strip().split("\n")[0].rstrip(".")
            raise ValueError(
                f"how much {name} keeps cannot be found out by a step on one tensor ({reason}): measure its memory, or "
                f"give one of {', '.join(_OPTIMIZERS)}"
            ) from error
        for tensor in state:
            alike = tensor.shape == sample.shape
            kept += tensor.element_size() * (sum(p.numel() for p in params) if alike else len(params))
        most = max(most, (max(ledger.moments) - start) // sample.numel() * largest.numel())
    return kept, most


_NESTS = (list, tuple, dict)


def _tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in nested lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, _NESTS) and value:
        for part in value.values() if isinstance(value, dict) else value:
            yield from _tensors(part)


def _where(path: str, module: nn.Module) -> str:
    return f"layer '{path}' ({type(module).__name__})" if path else f"the network ({type(module).__name__})"
