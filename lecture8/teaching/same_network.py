"""Whether two networks compute the same function, and if not, where they differ first."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from lecture8 import checks
from lecture8.teaching.exercises import Verdict, correct, shape, wrong
from lecture8.words import phrase

SETTINGS = ("kernel_size", "stride", "padding", "dilation", "groups")


@dataclass(frozen=True)
class _Layer:
    """A layer that is equal to another of the same settings and shapes, whatever its name and weights."""

    name: str = field(compare=False)
    module: nn.Module = field(compare=False)
    kind: str
    settings: dict
    given: tuple[int, ...]
    output: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} ({self.kind}, {' × '.join(map(str, self.output))})"


def _trace(net: nn.Module, images: Tensor) -> tuple[list[_Layer], Tensor]:
    """The layers that hold numbers, in execution order."""
    found, handles = [], []
    for name, module in net.named_modules():
        if next(module.children(), None) is None and next(module.parameters(), None) is not None:

            def note(module, inputs, output, name=name):
                settings = {key: getattr(module, key) for key in SETTINGS if hasattr(module, key)}
                if settings.get("padding") == "same":  # the check of a network reads numbers
                    pairs = zip(module.kernel_size, module.dilation, strict=True)
                    settings["padding"] = tuple(dilation * (kernel - 1) // 2 for kernel, dilation in pairs)
                settings |= {f"{key} shape": tuple(p.shape) for key, p in module.named_parameters(recurse=False)}
                shapes = tuple(inputs[0].shape[1:]), tuple(output.shape[1:])
                found.append(_Layer(name, module, type(module).__name__, settings, *shapes))

            handles.append(module.register_forward_hook(note))
    try:
        return found, net(images)
    finally:
        for handle in handles:
            handle.remove()


def _align(left: list[_Layer], wanted: list[_Layer]) -> str | list:
    """Gives the layers of `left` the weights of their counterparts in `wanted`; a sentence if the lists differ."""
    total, here = len(left), 0
    for position, layer in enumerate(wanted, 1):
        # a block's shortcut may work before or after its body: look a little ahead, then among those passed over
        nearby = [*range(here, min(here + 6, len(left))), *range(here)]
        match = next((i for i in nearby if left[i] == layer), None)
        if match is None:
            yours = left[min(here, len(left) - 1)] if left else None
            return _difference(position, yours, layer, total, len(wanted))
        here = match if match >= here else here - 1
        left.pop(match).module.load_state_dict(layer.module.state_dict())
    return left and f"Your network has {total} layers with weights, {len(left)} too many: the first is {left[0]}."


@torch.no_grad()
def take_weights(mine: nn.Module, reference: nn.Module, image_shape: Sequence[int]) -> None:
    """Gives a new network the weights of another, in execution order. Raises ValueError where their layers differ."""
    wanted, left = (_trace(net.eval(), torch.zeros(1, *image_shape))[0] for net in (reference, mine))
    mine.train()
    if problem := _align(left, wanted):
        raise ValueError(problem)


@torch.no_grad()
def same_network(mine: nn.Module, reference: nn.Module, image_shape: Sequence[int]) -> Verdict:
    """Whether two networks compute the same function; if not, the first layer that differs, and in what.

    Layers with weights are compared in execution order (the branches of a block in any); then copies of both get the
    same weights, and their outputs for random images are compared. Neither network is changed.
    """
    checks.kind(nn.Module, "a network (torch.nn.Module)", mine=mine, reference=reference)
    checks.kind(Sequence, "channels × height × width", image_shape=image_shape)
    mine, reference = copy.deepcopy(mine).cpu().eval(), copy.deepcopy(reference).cpu().eval()
    images = torch.randn(2, *image_shape, generator=torch.Generator().manual_seed(0))
    wanted, expected = _trace(reference, images)
    try:
        left, output = _trace(mine, images)
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        return wrong(f"Your network stopped on images of {shape(images[0])}: {str(error).splitlines()[0]}")
    if not isinstance(output, Tensor):
        return wrong(f"Your network returns {type(output).__name__}; expected a tensor of {shape(expected)}.")
    if problem := _align(left, wanted):
        return wrong(problem)
    got = mine(images)
    if got.shape != expected.shape:
        return wrong(f"The layers agree, but your network returns {shape(got)} instead of {shape(expected)}.")
    if not (got - expected).abs().max() <= 1e-4 * expected.abs().max().clamp(min=1e-6):  # nan is not
        return wrong(
            f"All layers with weights agree ({len(wanted)}), yet with equal weights the outputs differ: look at what "
            "has no weights (ReLU, pooling, the addition, their order)."
        )
    return correct(
        f"The same network: the layers with weights agree ({len(wanted)}), and so do the outputs for equal weights."
    )


def _difference(position: int, mine: _Layer | None, wanted: _Layer, total: int, expected: int) -> str:
    where = f"The first difference is at layer {position} of {expected}, the reference's {wanted}"
    if mine is None:
        return f"{where}: your network ends before it; its layers with weights: {total}."
    if mine.kind != wanted.kind:
        return f"{where}: yours there is {mine}."
    for key, value in wanted.settings.items():
        if mine.settings.get(key) != value:
            found = mine.settings.get(key, phrase("missing"))
            return f"{where}: {key} should be {value}, in your {mine.name} it is {found}."
    extra = set(mine.settings) - set(wanted.settings)
    if extra:
        return f"{where}: your {mine.name} has a {extra.pop().removesuffix(' shape')} that it should not have."
    return f"{where}: it receives {wanted.given}, your {mine.name} receives {mine.given}."
