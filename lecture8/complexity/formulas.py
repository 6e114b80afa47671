"""The formulas on the board. Everything else in this package only finds out which of them to use with which numbers.

Receptive-field arithmetic: Araujo, Norris & Sim, "Computing Receptive Fields of Convolutional Neural Networks",
Distill 2019.
"""

import math

from lecture8 import checks


def conv_params(c_in: int, c_out: int, kernel: int | tuple[int, ...], groups: int = 1, *, bias: bool = True) -> int:
    """Weights and biases of a convolution; an int kernel is square."""
    _check_groups(c_in, c_out, groups)
    return c_out * (c_in // groups) * math.prod(_square("kernel", kernel)) + (c_out if bias else 0)


def conv_macs(
    c_in: int, c_out: int, kernel: int | tuple[int, ...], out_size: int | tuple[int, ...], groups: int = 1
) -> int:
    """Multiply-adds of a convolution: every output value costs one per weight of its kernel.

    out_size: height and width of the output map (an int is square). A transposed convolution multiplies every
    *input* value with the kernel, so give the size of its input map.
    """
    _check_groups(c_in, c_out, groups)
    return math.prod(_square("out_size", out_size)) * c_out * (c_in // groups) * math.prod(_square("kernel", kernel))


def conv_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1, *, ceil: bool = False
) -> int:
    """Number of places where a kernel fits along one axis = output size of a convolution or pooling layer.

    ceil: the last window may reach over the edge, if it starts inside the map or its left padding.
    Raises ValueError where it fits nowhere.
    """
    checks.whole(size=size, kernel=kernel, stride=stride, dilation=dilation)
    checks.whole(least=0, padding=padding)
    found = places(size, kernel, stride, padding, dilation, ceil=ceil)
    if found < 1:
        reach, padded = dilation * (kernel - 1) + 1, f"size={size} and padding={padding}"
        raise ValueError(f"given {padded}: a kernel that reaches over {reach} fits nowhere; expected a larger size")
    return found


def places(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1, *, ceil: bool = False) -> int:
    """The formula of `conv_size`, below 1 where the kernel fits nowhere."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= size + padding else count


def linear_params(c_in: int, c_out: int, *, bias: bool = True) -> int:
    """Weights and biases of a linear layer."""
    checks.whole(c_in=c_in, c_out=c_out)
    return c_in * c_out + (c_out if bias else 0)


def linear_macs(c_in: int, c_out: int, rows: int = 1) -> int:
    """Multiply-adds of a linear layer on `rows` vectors, or of a (rows × c_in) · (c_in × c_out) matrix product."""
    checks.whole(least=0, c_in=c_in, c_out=c_out, rows=rows)
    return rows * c_in * c_out


def receptive_field(
    field: float, jump: float, kernel: int, stride: float = 1, dilation: int = 1
) -> tuple[float, float]:
    """Field and jump after a layer, from those before it, along one axis; an image starts with (1, 1)."""
    checks.number(above=0, field=field, jump=jump, kernel=kernel, stride=stride, dilation=dilation)
    return field + dilation * (kernel - 1) * jump, tidy(jump * stride)


def tidy(number: float) -> float:
    """2 instead of 2.0; 0.5 (the jump after upsampling) stays."""
    return int(number) if number == int(number) else number


def _square(name: str, size: int | tuple[int, ...]) -> tuple[int, ...]:
    sides = tuple(size) if isinstance(size, tuple | list) else (size, size)
    for side in sides:
        checks.whole(**{name: side})
    return sides


def _check_groups(c_in: int, c_out: int, groups: int) -> None:
    checks.whole(c_in=c_in, c_out=c_out, groups=groups)
    if c_in % groups or c_out % groups:
        raise ValueError(f"given groups={groups}: expected a number that divides c_in={c_in} and c_out={c_out}")
