"""One walk through a network: its own `forward` runs on the meta device, on shapes only.

The ideas, in the order in which they are used:

1. A copy on the meta device. PyTorch's tensors on this device have a shape and a type, and no memory: operations on
   them find out shapes and compute nothing. `on_meta` copies a network so that all its tensors are such tensors.
2. Standing in between. While a `TorchFunctionMode` is active, PyTorch calls its `__torch_function__` instead of every
   torch function and tensor method that a forward calls, be it by a layer or written out. `Walk` is such a mode. (A
   `torch.fx` graph would do too; this way is faster, and also follows code that asks a tensor for its shape.)
3. What rides on every tensor. Python lets us put an attribute on a tensor: `tensor.sight` says what its units see of
   the image, and is None on weights and constants. So it is always known which arguments of a function come from the
   image, and a parameter that an earlier layer has used is not counted again (`unmet`).
4. A table of rules. `rules.TABLE` says what to do about a function: usually to do its arithmetic ourselves, which is
   faster than calling it. All else is called on the meta device, under a second mode (`Kernels`) that sees the
   kernels inside: it counts matrix products, and refuses what multiplies in a way that cannot be counted, because a
   wrong number would be worse than none.
5. Knowing the layer. Every module's forward is wrapped (`enter`), so that costs and errors are booked under the name
   of the layer that runs.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from lecture8 import checks
from lecture8.checks import times
from lecture8.complexity.formulas import linear_macs, tidy
from lecture8.complexity.rules import Step, sight_of, treatment
from lecture8.complexity.sight import Misfit, Sight

_MOST = 10**17  # values that PyTorch can count the bytes of
_BATCH = 2  # two images, so that a squeeze() in the network cannot take the batch for a leftover; counts are halved


class WalkError(ValueError):
    """Says in one sentence which layer the walk cannot pass, what it was given and what to do."""


@dataclass(frozen=True)
class Layer:
    """One line of the walk, in execution order; shapes without the batch, counts for one image."""

    name: str  # dotted path of the module whose forward computes it
    kind: str  # class of a torch.nn layer (Conv2d), otherwise the function called (add, cat, flatten)
    output_shape: tuple[int, ...]
    params: int  # counted where a parameter is met first
    macs: int
    activations: int
    field: float | None  # None: sees the whole image
    jump: float | None


def check_input(net: nn.Module, image_size: int | tuple[int, int, int], batch: int = 1) -> tuple[int, int, int]:
    """(channels, height, width) of an image; an int stands for a square RGB image.

    Raises TypeError if `net` is not a network, ValueError if the size or the batch is impossible.
    """
    checks.kind(nn.Module, "a network (torch.nn.Module)", net=net)
    size = tuple(image_size) if isinstance(image_size, Sequence) else (3, image_size, image_size)
    if len(size) != 3 or not all(map(checks.is_whole, size)) or math.prod(map(int, size)) > _MOST:
        expected = "(channels, height, width), or one whole number, all above 0 and at most 10**17 values"
        raise ValueError(f"given {checks.shown('image_size', image_size)}: expected {expected}")
    checks.whole(batch=batch, most=_MOST // math.prod(map(int, size)))
    return tuple(map(int, size))


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in nested lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple, dict)) and value:
        for part in value.values() if isinstance(value, dict) else value:
            yield from tensors_in(part)


# --- The copy ----------------------------------------------------------------------------------------------------
def on_meta(net: nn.Module) -> nn.Module:
    """A copy whose tensors have a shape and no memory.

    Raises WalkError for layers that cannot be copied or have no shape yet, and for forward hooks: they may change what
    a layer returns, and those that only look on would be shown tensors without numbers.
    """
    twins: dict[int, Any] = {}  # what deepcopy finds there it takes
    for path, module in net.named_modules():
        if module._forward_hooks:
            raise WalkError(f"{_where(path, module)} has a forward hook: call remove() of what registering it returned")
        if isinstance(module, torch.jit.ScriptModule):
            raise WalkError(f"{_where(path, module)} is a TorchScript module; profile the module it was made from")
        for tensor in tensors_in([*vars(module).values()]):  # parameters, buffers and other attributes
            if nn.parameter.is_lazy(tensor):
                raise WalkError(f"{_where(path, module)} has no weights yet; run the network once on a batch")
            if id(tensor) not in twins:
                twin = torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")
                if isinstance(tensor, nn.Parameter):
                    twin = nn.Parameter(twin, requires_grad=tensor.requires_grad)
                twin.sight = None
                twins[id(tensor)] = twin
    try:
        return copy.deepcopy(net, twins)
    except Exception as error:
        raise WalkError(f"{_where('', net)} cannot be copied ({error}): remove what cannot") from error


def _where(path: str, module: nn.Module) -> str:
    return f"layer '{path}' ({type(module).__name__})" if path else f"the network ({type(module).__name__})"


# --- The walk ----------------------------------------------------------------------------------------------------
class Kernels(TorchDispatchMode):
    """Sees the kernels inside a function that has no rule: counts matrix products, refuses what it cannot count."""

    macs = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__.rstrip("_")
        found = treatment(f"aten::{name}")
        if isinstance(found, int):
            left, right = args[found : found + 2]
            inner, columns = left.shape[-1], right.shape[-1] if right.dim() > 1 else 1
            self.macs += linear_macs(inner, columns, rows=left.numel() // max(inner, 1))
        elif func.namespace not in ("aten", "prims", "prim", "profiler") or found == "hides":
            raise Misfit(
                f"calls {func.namespace}::{name}, whose multiply-adds cannot be counted; "
                "profile the parts of the network before and after it"
            )
        return func(*args, **(kwargs or {}))


class Walk(TorchFunctionMode):
    """Runs a copy of the network without weights, and stands between its forward and every torch function."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = on_meta(net)
        self.layers: list[Layer] = []
        # parameters that no layer has used yet: id → how many numbers
        self.unmet = {id(p): p.numel() for p in self.net.parameters()}
        self.pending = 0  # numbers in parameters that were used to compute weights; the next layer counts them
        self.stack: list[list] = []  # modules whose forward runs: [path, class if from torch.nn, its line in layers]
        for path, module in self.net.named_modules():
            layer = not module._modules and any(
                c.__module__.startswith("torch.nn.") for c in type(module).__mro__ if c is not nn.Module
            )  # or a layer of torch.nn with a forward of its own
            frame = (path, type(module).__name__ if layer else None)
            vars(module).update(training=False, forward=partial(self.enter, frame, module, module.forward))

    def run(self, size: tuple[int, ...]) -> Tensor:
        """The first tensor that the network returns."""
        dtype = next((p.dtype for p in self.net.parameters() if p.is_floating_point()), None)
        images = torch.empty(_BATCH, *size, dtype=dtype, device="meta")
        images.sight = Sight(axes=(2, 3), field=(1, 1), jump=(1, 1), start=(0, 0), depth=0)
        try:
            with torch.no_grad(), self:
                returned = self.enter(("", None), self.net, self.net, images)  # what its hooks do is its own
                output = next(tensors_in(returned), None)
        except WalkError as error:
            raise error.with_traceback(None)  # noqa: B904  the way through all the forwards helps nobody
        if not getattr(output, "sight", None):
            raise WalkError("the network returns no tensor that torch functions made from the images; return one")
        if output.shape[:1] != (_BATCH,):
            raise WalkError(
                f"the network turns {_BATCH} images into {times(output.shape)} values, so it mixes the images of "
                "a batch; check image_size, and view or reshape in its forward"
            )
        return output

    def enter(self, frame: tuple, module: nn.Module, forward: Callable, *args, **kwargs):
        """Replaces every module's forward: remembers who is running, and names the innermost one in errors."""
        self.stack.append([*frame, None])
        try:
            return forward(*args, **kwargs)
        except WalkError:
            raise
        except Exception as error:
            given = next((times(tensor.shape[1:]) for tensor in tensors_in((args, kwargs))), "no tensor")
            where = f"{_where(frame[0], module)}, given {given},"
            if isinstance(error, Misfit):
                raise WalkError(f"{where} {error}") from None
            reason = str(error).strip().split("\n")[0].rstrip(".")
            raise WalkError(
                f"{where} cannot be walked: its forward raised {type(error).__name__} ({reason}); "
                "check image_size, or profile the parts before and after it"
            ) from error
        finally:
            self.stack.pop()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, getattr(func, "__name__", str(func))
        found = treatment(name)
        if found == "asks" and not isinstance(answer := func(*args, **kwargs), Tensor):
            return answer
        tensors = list(tensors_in((args, kwargs)))
        self.require_known(tensors, name)
        if found == "travels":
            dtype = next((d for d in (*args, *kwargs.values()) if isinstance(d, torch.dtype)), tensors[0].dtype)
            return mark(tensors[0].to("meta", dtype), tensors[0].sight)
        if found == "lends":
            tensors = tensors[:1]
        weights = [t for t in tensors if t.sight is None]
        fresh = [self.unmet.pop(id(t)) for t in weights if id(t) in self.unmet]
        if len(weights) == len(tensors) or found == "makes":
            self.pending += sum(fresh)
            with torch.device("meta"):
                return mark(func(*args, **kwargs), None)
        if found == "reads":
            raise Misfit(
                "decides by the values of its pixels (if, while, item or numpy on a tensor), so its cost is not fixed; "
                "profile its branches one by one"
            )
        if callable(found) and (step := found(*args, **kwargs)):
            in_place = name.startswith("__i") or (name[-1] == "_" and name[0] != "_")  # x += y, x.relu_()
            output = args[0] if in_place else torch.empty(step.shape, dtype=tensors[0].dtype, device="meta")
            output = (output, torch.empty_like(output, dtype=torch.long)) if step.places else output
            mark(output, step.sight, name)
        else:
            output, step = self.call(found, func, args, kwargs, tensors)
        # The formula, unless weights are shared with an earlier layer or were computed from others.
        plain = step is not None and step.params is not None and len(fresh) == len(weights)
        self.pending += step.params if plain else sum(fresh)
        if step and step.listed and (isinstance(output, Tensor) or step.stored):
            self.record(name.strip("_"), step)
        return output

    def require_known(self, tensors: list[Tensor], name: str) -> None:
        """Every tensor has a sight: of the image, or None. Misfit for those that came past the walk."""
        for tensor in tensors:
            if not hasattr(tensor, "sight"):
                if isinstance(tensor, nn.Parameter):
                    raise Misfit("uses weights of no layer of the network; keep layers in attributes or a ModuleList")
                if tensor.is_meta:
                    raise Misfit(f"gives {name} a tensor that no torch function made; use torch functions only")
                tensor.sight = None  # a constant
            late = getattr(tensor if tensor._base is None else tensor._base, "late", None)
            if late is not getattr(tensor, "late_then", None):
                tensor.sight = late  # another view of the same memory was written to since this one was made

    def call(self, word: str | None, func: Callable, args: tuple, kwargs: dict, tensors: list) -> tuple:
        """Output and step of a function that has no rule."""
        with torch.device("meta"), Kernels() as kernels:
            output = func(*args, **kwargs)
        step, macs = None, kernels.macs
        for result in [*tensors_in(args[0] if output is None else output)][::-1]:  # None: x[index] = …
            sight = sight_of(result, "mixes" if macs and word != "multiplies" else word, func, args, kwargs, tensors)
            if macs and any(t.sight is None for t in tensors):
                sight = sight.deeper()
            pooled = word == "pools" and not sight.axes and any(t.sight and t.sight.axes for t in tensors)
            step = Step(tuple(result.shape), sight, macs, stored=bool(macs or pooled))
            mark(result, sight, func.__name__)
        return output, step

    def record(self, kind: str, step: Step) -> None:
        """Adds a line to the table; a layer of torch.nn is one line, whatever its forward calls."""
        path, layer_kind, line = self.stack[-1]
        local, field = bool(step.sight.axes), step.sight.pixels()
        layer = Layer(
            name=path,
            kind=layer_kind or kind,
            output_shape=tuple(step.shape[1:]),
            params=self.pending,
            macs=step.macs // _BATCH,
            activations=math.prod(step.shape) // _BATCH if step.stored else 0,
            field=max(field) if local else None,
            jump=tidy(max(step.sight.jump)) if local else None,
        )
        self.pending = 0
        if line is None or layer_kind is None:
            self.stack[-1][2] = len(self.layers)
            self.layers.append(layer)
        else:
            sums = {n: getattr(self.layers[line], n) + getattr(layer, n) for n in ("params", "macs", "activations")}
            self.layers[line] = replace(layer, **sums)


def mark(output: Any, sight: Sight | None, name: str = "") -> Any:
    """Says of every tensor in an output what it sees; other views of one that `name` wrote in place are lost."""
    for tensor in tensors_in(output):
        whole = tensor if tensor._base is None else tensor._base  # of a view
        if sight and sight != getattr(tensor, "sight", sight):
            whole.late = sight.end(name.strip("_"))
        tensor.sight, tensor.late_then = sight, getattr(whole, "late", None)
    return output
