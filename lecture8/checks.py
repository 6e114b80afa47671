"""Checks of arguments for every public function: one sentence says what was given, what was expected, what to do.

    checks.whole(epochs=epochs)                                # given epochs=1.5: expected a whole number, 1 or more
    checks.number(amount=amount, least=0, most=1)              # given amount=nan: expected a finite number from 0 to 1
    checks.kind(Callable, "a function of x", change=change)    # given change=3: expected a function of x

All raise ValueError for numbers and names, TypeError for things of another kind.
"""

import math
import numbers
from collections.abc import Iterable, Mapping


def is_whole(value: object, least: float = 1, most: float = math.inf) -> bool:
    """Whether this is a whole number (not True) in this range; NumPy's are, too."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and least <= value <= most


def whole(*, least: int = 1, most: float = math.inf, **given: object) -> None:
    """Raises ValueError unless each is a whole number in this range."""
    for name, value in given.items():
        if not is_whole(value, least, most):
            reach = f", {least:,} or more" if most == math.inf else f" from {least:,} to {most:,}"
            raise ValueError(f"given {shown(name, value)}: expected a whole number{reach}")


def number(*, least: float = -math.inf, above: float | None = None, most: float = math.inf, **given: object) -> None:
    """Raises ValueError unless each is a finite number, from `least` (or above `above`) to `most`."""
    for name, value in given.items():
        fits = isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
        if not fits or not least <= value <= most or (above is not None and value <= above):
            top = "" if most == math.inf else f", at most {most}" if above is not None else f" to {most}"
            low = f" above {above}" if above is not None else f" from {least}" if top else f", {least} or more"
            low = "" if low.startswith(", -inf") else low
            raise ValueError(f"given {shown(name, value)}: expected a finite number{low}{top}")


def one_of(names: Iterable, **given: object) -> None:
    """Raises ValueError unless each is one of these names."""
    for name, value in given.items():
        if value not in (options := list(names)):
            raise ValueError(f"given {shown(name, value)}: expected one of {', '.join(map(repr, options))}")


def kind(wanted: type | tuple[type, ...], expected: str, **given: object) -> None:
    """Raises TypeError unless each is an instance of `wanted`; expected: what that is, and what to do."""
    for name, value in given.items():
        if not isinstance(value, wanted):
            raise TypeError(f"given {shown(name, value)}: expected {expected}")


def named(expected: str, **given: object) -> None:
    """Raises TypeError unless each is a dictionary, ValueError if it is empty; expected: what names stand for what."""
    kind(Mapping, expected, **given)
    for name, value in given.items():
        if not value:
            raise ValueError(f"given {name}={{}}: expected {expected}, at least one")


def times(shape: Iterable[int]) -> str:
    """A shape as in every table and message: 3 × 224 × 224."""
    return " × ".join(map(str, shape))


def shown(name: str, value: object) -> str:
    """An argument in a sentence: name='value', or what kind of thing it is where its value would be long."""
    if hasattr(value, "shape") and hasattr(value, "dtype") and getattr(value, "ndim", 0):
        return f"{name} of {times(value.shape)} ({value.dtype})"
    plain = isinstance(value, str | numbers.Number | type | None | list | tuple | dict | set)
    return f"{name}={value!r}" if plain and len(repr(value)) < 60 else f"a {type(value).__name__} as {name}"
