"""What a unit of a feature map sees of the image, and how windows, resampling, reshapes and branches change it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from torch import Tensor

from lecture8.complexity import formulas

_TINY, LESS = 1e-9, 1e-6  # a rounding error; what is missing to the next unit, where places are rounded


class Misfit(Exception):  # noqa: N818
    """Second half of a WalkError's sentence, raised where the name of the layer is not known."""


class Sight(NamedTuple):
    """What a unit of a tensor sees of the image: rides on every tensor as `tensor.sight`, and is None on weights."""

    axes: tuple[int, ...]  # which dimensions of the tensor are height and width; () once it sees the whole image
    field: tuple[float, ...]  # along height and width, like jump and start
    jump: tuple[float, ...]
    start: tuple[float, ...]  # first input pixel that unit 0 sees; below 0 in the padding
    depth: int  # weight layers on the longest path from the image
    before: Sight | None = None  # of the map before an average pooling, in case this turns out to be the global one
    lost: str = ""  # the function that moved pixels to where a window that slides over them cannot be followed

    def slide(self, kernel, stride, padding, dilation=(1, 1)) -> Sight:
        """After a window that slides over height and width."""
        if self.axes != tuple(range(2, 2 + len(kernel))):
            lost = self.lost or (self.axes and "another order of its dimensions")
            if lost and max(kernel) > 1:
                raise Misfit(
                    f"slides a window over what {lost} made of a map, so its receptive field cannot be followed; "
                    "profile the parts before and after it"
                )
            return self if lost else self.end()
        start = tuple(s - p * j for s, p, j in zip(self.start, padding, self.jump, strict=True))
        field, jump = zip(*map(formulas.receptive_field, self.field, self.jump, kernel, stride, dilation), strict=True)
        return self._replace(field=field, jump=jump, start=start, before=None)

    def resampled(self, reach, ratio, left) -> Sight:
        """After windows from `left` units before to at most `reach` further, `ratio` apart."""
        return self.slide([r + 1 for r in reach], ratio, left)

    def pixels(self) -> tuple[int, ...]:
        """The field in whole pixels: after resampling a bound, as the windows of other units may reach less far."""
        return tuple(math.floor(f + _TINY) for f in self.field)

    def end(self, lost: str = "") -> Sight:
        """After what looks at the whole map; field and jump stay those of the last map."""
        return (self.before or self)._replace(axes=(), depth=self.depth, before=None, lost=lost)

    def deeper(self) -> Sight:
        """After one more layer with weights."""
        return self._replace(depth=self.depth + 1)

    def moved(self, old: tuple[int, ...], new: tuple[int, ...], name: str = "") -> Sight:
        """When `name` changes a shape: height and width are where they were, as far from the end, or lost."""
        for shift in (0, len(new) - len(old)) if self.axes else ():
            axes = tuple(a + shift for a in self.axes)
            if axes[0] > 0 and axes[-1] < len(new) and all(old[a] == new[a + shift] for a in self.axes):
                return self._replace(axes=axes)
        if math.prod(old[a] for a in self.axes) == 1:  # no map, or a single unit
            return self.end(self.lost)
        return self.end(name)


def meet(tensors: Iterable[Any], shape: tuple[int, ...], name: str = "") -> Sight:
    """Of a sum or concatenation: from the first to the last pixel that a branch sees which still is a map, or lost."""
    seen = [t for t in tensors if isinstance(t, Tensor) and t.sight]
    seen = [t for t in seen if t.sight.axes or t.sight.lost] or seen
    sights = list(dict.fromkeys(t.sight for t in seen))
    first = sights[0]
    if len(sights) > 1:
        lost = next((s.lost for s in sights if s.lost), "" if len({s.axes for s in sights}) == 1 else "broadcasting")
        jump = tuple(map(max, *(s.jump for s in sights)))
        axes = () if lost else first.axes
        last = [min(t.shape[a] for t in seen) - 1 for a in axes] or [0, 0]  # its place too, as jumps may differ
        starts = [[a + n * (j - k) for a, n, j, k in zip(s.start, last, s.jump, jump, strict=True)] for s in sights]
        start = tuple(map(min, *starts))
        stop = map(max, *([a + f for a, f in zip(s.start, s.field, strict=True)] for s in sights))
        first = Sight(
            axes=axes,
            field=tuple(b - a for a, b in zip(start, stop, strict=True)),
            jump=jump,
            start=start,
            depth=max(s.depth for s in sights),
            lost=lost,
        )
    return first.moved(tuple(seen[0].shape), shape, name)
