"""What the walk does about each torch function: `TABLE`, at the end of this file, and the arithmetic it names.

A unit of a feature map sees a window of the image; where this window lies is a `Sight` (`sight`), and the sight of a
map follows from those of the maps that it was made from. `TABLE` has a line for every function that needs one:

* A rule (`_conv`) does the arithmetic of a call itself: output shape, sight, cost. The function is not called.
* A word says what else is to know about a function; the comments in the table explain it.
* Without a line a function is called on the meta device, and its output sees what its inputs see.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lecture8.checks import times
from lecture8.complexity import formulas
from lecture8.complexity.formulas import places
from lecture8.complexity.sight import LESS, Misfit, Sight, meet


# --- Rules take the arguments of their torch function, by its names and in its order -----------------------------
class Step(NamedTuple):
    """What the walk notes about one call."""

    shape: tuple[int, ...]
    sight: Sight
    macs: int = 0  # of the whole batch
    params: int | None = None  # by formula; None: as many as the tensors hold
    stored: bool = False  # counts as activations
    listed: bool = True  # has a line in the table of layers
    places: bool = False  # the function also returns where each maximum was (for unpooling)


def _conv(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    c_out, c_in, kernel = weight.shape[0], weight.shape[1] * groups, tuple(weight.shape[2:])
    n = len(kernel)
    stride, dilation = _pair(stride, n), _pair(dilation, n)
    both = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]  # padding="same": on both sides together
    if padding != "same":
        both = [2 * p for p in _pair(0 if padding == "valid" else padding, n)]
    _check(input, c_in, n)
    padded = map(int.__add__, input.shape[2:], both)
    out = _fits(kernel, tuple(map(places, padded, kernel, stride, (0,) * n, dilation)))
    return Step(
        (input.shape[0], c_out, *out),
        input.sight.slide(kernel, stride, [p // 2 for p in both], dilation).deeper(),
        input.shape[0] * formulas.conv_macs(c_in, c_out, kernel, out, groups),
        formulas.conv_params(c_in, c_out, kernel, groups, bias=bias is not None),
        stored=True,
    )


def _conv_transpose(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    c_in, c_out, kernel = weight.shape[0], weight.shape[1] * groups, tuple(weight.shape[2:])
    n = len(kernel)
    stride, padding, dilation = _pair(stride, n), _pair(padding, n), _pair(dilation, n)
    _check(input, c_in, n)
    reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]  # each unit gives to so many places more
    sizes = zip(input.shape[2:], stride, reach, padding, _pair(output_padding, n), strict=True)
    out = _fits(kernel, tuple((i - 1) * s + r + 1 - 2 * p + more for i, s, r, p, more in sizes))
    left = [(r - p) / s for r, p, s in zip(reach, padding, stride, strict=True)]
    sight = input.sight.resampled([r / s for r, s in zip(reach, stride, strict=True)], [1 / s for s in stride], left)
    return Step(
        (input.shape[0], c_out, *out),
        sight.deeper(),
        input.shape[0] * formulas.conv_macs(c_in, c_out, kernel, tuple(input.shape[2:]), groups),
        formulas.conv_params(c_in, c_out, kernel, groups, bias=bias is not None),
        stored=True,
    )


def _linear(input, weight, bias=None):
    c_out, c_in = weight.shape
    if input.shape[-1] != c_in:
        raise Misfit(f"expects {c_in} values, not {input.shape[-1]}; choose another image_size or build it for these")
    per_pixel = input.dim() - 1 not in input.sight.axes if input.sight.axes else input.sight.lost and input.dim() > 2
    return Step(
        (*input.shape[:-1], c_out),
        (input.sight._replace(before=None) if per_pixel else input.sight.end()).deeper(),
        formulas.linear_macs(c_in, c_out, rows=math.prod(input.shape[:-1])),
        formulas.linear_params(c_in, c_out, bias=bias is not None),
        stored=True,
    )


# The rules of pooling are bound to the number of axes in the function's name. They return None for a tensor without a
# batch dimension, and the function is called.
def _max_pool(n, input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    if input.dim() != n + 2:
        return None
    kernel, padding, dilation = _pair(kernel_size, n), _pair(padding, n), _pair(dilation, n)
    stride = _pair(stride, n) if stride else kernel
    sizes = map(partial(places, ceil=ceil_mode), input.shape[2:], kernel, stride, padding, dilation)
    shape = (*input.shape[:2], *_fits(kernel, tuple(sizes)))
    sight = input.sight.slide(kernel, stride, padding, dilation)
    return Step(shape, sight, stored=math.prod(kernel) > 1)


def _avg_pool(n, input, kernel_size, stride=None, padding=0, ceil_mode=False, *_, **__):
    step = _max_pool(n, input, kernel_size, stride, padding, 1, ceil_mode)
    whole = step and step.sight.axes and math.prod(step.shape[2:]) == 1 < math.prod(input.shape[2:])
    # A window over the whole map: a layer like others if a convolution follows, global pooling if none does.
    return step._replace(sight=step.sight._replace(before=input.sight)) if whole else step


def _adaptive_pool(n, input, output_size, return_indices=False):
    if input.dim() != n + 2:
        return None
    old = tuple(input.shape[2:])
    out = tuple(o or i for o, i in zip(_pair(output_size, n), old, strict=True))
    ratio = [i / o for i, o in zip(old, out, strict=True)]
    windows = [max(-(-(k + 1) * i // o) - k * i // o for k in range(o)) for i, o in zip(old, out, strict=True)]
    if math.prod(out) == 1:
        sight = input.sight.end()
    elif out == old:
        sight = input.sight
    elif all(r == int(r) for r in ratio):
        sight = input.sight.slide(windows, ratio, (0,) * n)
    else:  # their places are rounded to whole units
        sight = input.sight.resampled([w - LESS for w in windows], ratio, (1 - LESS,) * n)
    return Step((*input.shape[:2], *out), sight, stored=out != old)


def _with_places(rule, n, *args, **kwargs):
    step = rule(n, *args, **kwargs)
    return step and step._replace(places=True)


def _interpolate(input, size=None, scale_factor=None, mode="nearest", align=None, again=None, antialias=False, **__):
    old = tuple(input.shape[2:])
    n = len(old)
    out = _pair(size, n) if size else tuple(int(i * f) for i, f in zip(old, _pair(scale_factor, n), strict=True))
    if mode == "area":
        return _adaptive_pool(n, input, out)
    ratio = [i / o for i, o in zip(old, out, strict=True)]
    taps = {"nearest": 1, "nearest-exact": 1, "bicubic": 4}.get(mode, 2)  # input units mixed along one axis
    taps *= math.ceil(max(ratio)) if antialias else 1
    if all(r == int(r) for r in ratio):
        sight = input.sight.slide((taps,) * n, ratio, ((taps - 1) / 2,) * n)
    else:
        left = [1 - LESS if taps == 1 else (taps + 1 - r) / 2 for r in ratio]
        sight = input.sight.resampled((taps - LESS,) * n, ratio, left)
    return Step((*input.shape[:2], *out), sight, stored=True)


def _batch_norm(input, running_mean, *_, **__):
    if running_mean is not None:
        _check(input, running_mean.shape[0], input.dim() - 2)
    return _same(input)


def _same(input, *_, listed=True, **__):
    return Step(tuple(input.shape), input.sight, listed=listed)


def _elementwise(input, other, *_, **__):
    shapes = [tuple(t.shape) for t in (input, other) if isinstance(t, Tensor)]
    try:
        shape = tuple(torch.broadcast_shapes(*shapes))
    except RuntimeError:
        shapes = " and ".join(times(shape[1:]) for shape in shapes)
        raise Misfit(f"cannot combine maps of {shapes}; make both branches end alike") from None
    return Step(shape, meet((input, other), shape))


def _cat(tensors, dim=0):
    shapes = [list(t.shape) for t in tensors]
    total = sum(shape.pop(dim) for shape in shapes)
    if any(shape != shapes[0] for shape in shapes):
        shapes = ", ".join(times(t.shape[1:]) for t in tensors)
        raise Misfit(f"cannot concatenate maps of {shapes}; make all branches end alike")
    shapes[0].insert(dim % tensors[0].dim(), total)
    return Step(tuple(shapes[0]), meet(tensors, tuple(shapes[0])))


def _pair(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    """(3, 3) from 3 or (3,), if there are two axes; PyTorch accepts all of them."""
    value = tuple(value) if isinstance(value, Sequence) else (value,)
    return value * axes if len(value) == 1 else value


def _check(input: Tensor, c_in: int, axes: int) -> None:
    if input.dim() != axes + 2:
        raise Misfit(f"expects maps with {axes} axes and {c_in} channels; change what comes before it")
    if input.shape[1] != c_in:
        channels = f"{c_in} channel" + "s" * (c_in > 1)
        raise Misfit(f"expects {channels}, not {input.shape[1]}; choose another image_size or build it for these")


def _fits(kernel: tuple[int, ...], out: tuple[int, ...]) -> tuple[int, ...]:
    if min(out) < 1:
        raise Misfit(f"expects at least the size of its {times(kernel)} kernel; choose a larger image_size")
    return out


def sight_of(result: Tensor, word: str | None, func: Callable, args: tuple, kwargs: dict, tensors: list) -> Sight:
    """What a result of a function sees that was called on the meta device; word: from the table."""
    name = func.__name__.strip("_")
    shape, before = tuple(result.shape), meet(tensors, tuple(tensors[0].shape), name)
    second = args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("pad"))
    along = isinstance(second, int) and second % max(tensors[0].dim(), 1) in before.axes
    if word == "gathers" and (before.axes or before.lost):
        raise Misfit(f"calls {name}, whose windows cannot be followed; profile the parts before and after it")
    if word == "multiplies" and len(shape) > 2 and any(t.sight is None for t in tensors):  # with weights
        return before.end(name if before.axes else before.lost)
    if word in ("mixes", "multiplies") or (along and word == "sums"):
        return before.end()
    if word == "turns":  # the same call on a tensor with all sizes different shows where each axis went
        sample = torch.empty(tuple(range(args[0].dim())), device="meta")
        order = tuple(func(sample, *args[1:], **kwargs).shape)
        return before._replace(axes=tuple(order.index(a) for a in before.axes))
    if word == "writes" and before.axes:
        part = _sliced(before, shape, second)
        whole = part and part.axes and (part.start, part.jump) == (before.start, before.jump)
        return before if whole else before.end(name)
    if word == "pads" and before.axes:  # moves unit 0; the list (before, after) begins with the last dimension
        places = [2 * (len(shape) - 1 - axis) for axis in before.axes]
        left = [second[place] if place < len(second) else 0 for place in places]
        return before._replace(start=tuple(s - p * j for s, p, j in zip(before.start, left, before.jump, strict=True)))
    sliced = _sliced(before, tuple(args[0].shape), second) if word == "slices" else None
    seen = sliced or meet(tensors, shape, name)
    return seen.end() if word == "pools" and before.axes and not seen.axes else seen


def _sliced(sight: Sight, shape: tuple[int, ...], index: Any) -> Sight | None:
    """After x[index]: a strided slice jumps, one row or column is no map any more; None for other ways to index."""
    index = index if isinstance(index, tuple) else (index,)
    if not all(i is ... or type(i) in (int, slice) for i in index):
        return None
    if not sight.axes:
        return sight
    dots = next((k for k, i in enumerate(index) if i is ...), len(index))
    missing = len(shape) - sum(i is not ... for i in index)
    index = (*index[:dots], *[slice(None)] * missing, *index[dots + 1 :])
    if int in map(type, index):
        return sight.end("getitem")
    bounds = [index[axis].indices(shape[axis]) for axis in sight.axes]
    start = tuple(s + first * j for s, (first, _, _), j in zip(sight.start, bounds, sight.jump, strict=True))
    return sight._replace(start=start, jump=tuple(j * b[2] for b, j in zip(bounds, sight.jump, strict=True)))


def _each(names: str, treatment: Any) -> dict[str, Any]:
    return dict.fromkeys(names.split(), treatment)


TABLE: dict[str, Callable[..., Step | None] | str | int] = {
    # Rules: the function is not called
    **_each("conv1d conv2d conv3d", _conv),
    **_each("conv_transpose1d conv_transpose2d conv_transpose3d", _conv_transpose),
    "linear": _linear,
    **{f"max_pool{n}d": partial(_max_pool, n) for n in (1, 2, 3)},
    **{f"avg_pool{n}d": partial(_avg_pool, n) for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d": partial(_adaptive_pool, n) for n in (1, 2, 3)},
    **{f"adaptive_max_pool{n}d": partial(_adaptive_pool, n) for n in (1, 2, 3)},
    **{f"max_pool{n}d_with_indices": partial(_with_places, _max_pool, n) for n in (1, 2, 3)},
    **{f"adaptive_max_pool{n}d_with_indices": partial(_with_places, _adaptive_pool, n) for n in (1, 2, 3)},
    "interpolate": _interpolate,
    "batch_norm": _batch_norm,
    **_each("add iadd radd sub isub mul imul rmul div truediv", _elementwise),
    **_each("cat concat concatenate", _cat),
    **_each(
        "relu relu6 leaky_relu elu silu gelu mish sigmoid tanh softplus hardswish hardsigmoid hardtanh dropout "
        "dropout2d local_response_norm", _same,
    ),
    **_each("clone detach contiguous", partial(_same, listed=False)),
    # Words for functions that are called on the meta device: the output sees the inputs, but …
    **_each("permute transpose swapaxes swapdims movedim moveaxis t adjoint", "turns"),  # moves height and width
    **_each("flip roll cumsum cumprod sort argsort grid_sample", "mixes"),  # between all pixels
    **_each("mean sum amax amin max min std var norm logsumexp median", "pools"),  # global pooling, if the map is gone
    **_each("softmax log_softmax", "sums"),  # along one dimension, which may be height or width
    **_each("matmul rmatmul mm bmm einsum tensordot", "multiplies"),  # between all pixels, or in each with weights
    "pad": "pads",  # unit 0 moves
    **_each("unfold pixel_unshuffle lp_pool1d lp_pool2d fractional_max_pool2d "
            "fractional_max_pool2d_with_indices", "gathers"),  # windows that have no rule: refused
    "setitem": "writes",  # in all places, or in some
    "getitem": "slices",  # unit 0 and the jump change
    # Words for what is no layer
    **_each("__get__ size dim numel stride is_floating_point", "asks"),  # about shape or type; __get__ reads x.shape
    **_each("__bool__ __float__ __int__ __index__ __array__ item tolist numpy", "reads"),  # pixels: refused
    **_each("to cuda cpu", "travels"),  # to another device; here is only one
    **_each("view_as reshape_as expand_as type_as", "lends"),  # the second tensor lends only its shape or type
    **_each("new_empty new_empty_strided new_full new_ones new_tensor new_zeros", "makes"),  # sees nothing of the image
    **_each("zeros_like ones_like empty_like full_like rand_like randn_like randint_like", "makes"),
    # Kernels inside functions without a rule (* stands for any ending): which argument begins a matrix product
    **_each("aten::mm aten::bmm aten::mv aten::dot aten::vdot", 0),
    **_each("aten::addmm aten::addmv aten::baddbmm aten::addbmm", 1),
    **_each(
        "aten::convolution* aten::_convolution* aten::conv_* aten::_conv_* aten::slow_conv* aten::mkldnn_* "
        "aten::cudnn_* aten::miopen_* aten::lstm* aten::gru* aten::rnn_* aten::_trilinear* aten::_cdist* "
        "aten::linalg_* aten::_linalg* aten::_scaled_dot* aten::_flash_att* aten::_efficient_att* "
        "aten::_native_multi_head* aten::_addmm* aten::_transformer* aten::_int_mm* aten::_scaled_mm* "
        "aten::_grouped_mm* aten::_sparse* aten::_fused_sdp* aten::quantized*", "hides",
    ),  # multiplies in a way that cannot be counted
    "aten::linalg_vector_norm": "free",  # multiplies nothing, whatever its name says
}  # fmt: skip


@functools.cache
def treatment(name: str) -> Callable[..., Step | None] | str | int | None:
    """The line of the table for a function or kernel: relu_ is relu, __add__ is add. None if there is no line."""
    if name in TABLE:
        return TABLE[name]
    if "::" in name:
        return next((TABLE[key] for key in TABLE if key.endswith("*") and name.startswith(key[:-1])), None)
    found = TABLE.get(name.strip("_"))
    return None if found in ("asks", "reads") else found  # these go by their full names
