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
    # After resampling neighbors may see the same, and a field grows in steps: (field, (field and jump before each step,
    # …)) for every pair of branches of which one may see the first and one the last pixel; () where none was resampled
    spans: tuple[tuple[tuple[float, ...], tuple], ...] = ()
    sides: tuple[int, ...] = ()  # height and width, where both axes are one: pixels in a row
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
        return self.grown(kernel, stride, dilation)._replace(start=start, before=None)

    def grown(self, kernel, stride, dilation) -> Sight:
        """With the field and jump after a window."""
        field, jump = zip(*map(formulas.receptive_field, self.field, self.jump, kernel, stride, dilation), strict=True)
        more = [b - a for a, b in zip(self.field, field, strict=True)]
        spans = tuple((tuple(map(sum, zip(f, more, strict=True))), steps) for f, steps in self.spans)
        return self._replace(field=field, jump=jump, spans=spans)

    def resampled(self, reach, ratio, left) -> Sight:
        """After windows from `left` units before to `reach` further, `ratio` apart, which see whole units only."""
        slid = self.slide([r + 1 for r in reach], ratio, left)
        old, new = (sight.spans or ((sight.field, ()),) for sight in (self, slid))
        pairs = zip(old, new, strict=True)
        spans = tuple((after, (*steps, (before, self.jump))) for (before, _), (after, steps) in pairs)
        return slid._replace(spans=spans) if slid.axes else slid

    def settled(self) -> tuple[int, ...]:
        """The field of the unit that sees most, in whole pixels."""
        found = []
        for field, steps in self.spans or ((self.field, ()),):
            for fields, jumps in reversed(steps):
                field = [f + j * math.floor((g - f) / j + _TINY) for g, f, j in zip(field, fields, jumps, strict=True)]
            found.append([math.floor(f + _TINY) for f in field])
        return tuple(map(max, zip(*found, strict=True)))

    def end(self, lost: str = "") -> Sight:
        """After what looks at the whole map; field and jump stay those of the last map."""
        return (self.before or self)._replace(axes=(), depth=self.depth, before=None, sides=(), lost=lost)

    def deeper(self) -> Sight:
        """After one more layer with weights."""
        return self._replace(depth=self.depth + 1)

    def reshaped(self, old: tuple[int, ...], new: tuple[int, ...], name: str) -> Sight:
        """After a reshape: pixels in a row and back, tiles that get dimensions of their own or are put together."""
        if not self.axes:
            return self
        if self.sides:  # undo the row: height and width are two dimensions again
            k = self.axes[0]
            old, axes = (*old[:k], *self.sides, *old[k + 1 :]), (k, k + 1)
        else:
            axes = self.axes
        places, tile, glue = dict.fromkeys(axes), dict.fromkeys(axes, 1), dict.fromkeys(axes, 1)
        for before, after in _groups(old, new):
            inside = [a for a in axes if a in before]
            rest = math.prod(old[b] for b in before if b not in inside)
            if len(inside) == 1 and len(after) == 1 and before[0] == inside[0]:  # followed by what lies within a pixel
                places[inside[0]], glue[inside[0]] = after[0], rest
            elif len(before) == 1 and inside:
                places[before[0]], tile[before[0]] = after[0], old[before[0]] // new[after[0]]
            elif len(inside) == 2 and rest == len(after) == 1:
                places = dict.fromkeys(inside, after[0])
        if None in places.values():
            return self.end(name)
        tiles = [tile[a] for a in axes]
        seen = self.grown(tiles, tiles, (1,) * len(axes))
        if max(glue.values()) > 1:
            ratio = [1 / glue[a] for a in axes]
            seen = seen._replace(axes=tuple(range(2, 2 + len(axes)))).resampled([1 - LESS] * len(axes), ratio, [0] * 2)
        there = tuple(places[a] for a in axes)
        return seen._replace(axes=there, sides=tuple(old[a] for a in axes) if len({*there}) == 1 else ())

    def moved(self, old: tuple[int, ...], new: tuple[int, ...], name: str = "") -> Sight:
        """When `name` changes a shape, height and width are where they were, as far from the last axis, or lost."""
        for shift in (0, len(new) - len(old)) if self.axes else ():
            axes = tuple(a + shift for a in self.axes)
            if axes[0] > 0 and axes[-1] < len(new) and all(old[a] == new[a + shift] for a in self.axes):
                return self._replace(axes=axes)
        return self.end(name if self.axes else self.lost)


def _groups(old: tuple[int, ...], new: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """Which dimensions of a tensor became which of another in a reshape, in the smallest groups; none of size 1."""
    groups, before, after = [], [i for i, n in enumerate(old) if n > 1], [i for i, n in enumerate(new) if n > 1]
    while before and after:
        mine, theirs = [before.pop(0)], [after.pop(0)]
        while (a := math.prod(old[i] for i in mine)) != (b := math.prod(new[i] for i in theirs)):
            (mine if a < b else theirs).append((before if a < b else after).pop(0))
        groups.append((mine, theirs))
    return groups


def meet(tensors: Iterable[Any], shape: tuple[int, ...], name: str = "") -> Sight:
    """Of a sum, product or concatenation with this shape: the union of the branches that still are maps, or lost."""
    seen = [t for t in tensors if isinstance(t, Tensor) and t.sight]
    seen = [t for t in seen if t.sight.axes or t.sight.lost] or seen
    first = union([t.sight for t in seen])
    return first.moved(tuple(seen[0].shape), shape, name)


def union(sights: Iterable[Sight]) -> Sight:
    """From the first to the last pixel that any of them sees."""
    sights = list(dict.fromkeys(sights))
    first = sights[0]
    if len(sights) > 1:
        lost = next((s.lost for s in sights if s.lost), "" if len({s.axes for s in sights}) == 1 else "broadcasting")
        starts = [s.start for s in sights]
        stops = [tuple(map(sum, zip(s.start, s.field, strict=True))) for s in sights]
        start, stop = tuple(map(min, *starts)), tuple(map(max, *stops))
        field = tuple(b - a for a, b in zip(start, stop, strict=True))
        spans = dict.fromkeys(span for s in sights for span in s.spans or ((s.field, ()),))
        histories = {steps for _, steps in spans}
        if len(histories) == 1:  # units of one map
            spans = {(field, steps): None for steps in histories if steps}
        else:
            pairs = [(a, b) for i, a in enumerate(starts) for k, b in enumerate(stops) if i != k]
            apart = [tuple(q - p for p, q in zip(a, b, strict=True)) for a, b in pairs]
            spans[tuple(map(max, *apart)), ()] = None
        first = Sight(
            axes=() if lost else first.axes,
            field=field,
            jump=tuple(map(max, *(s.jump for s in sights))),
            start=start,
            depth=max(s.depth for s in sights),
            sides=() if lost else first.sides,
            spans=tuple(spans),
            lost=lost,
        )
    return first
