"""The formulas on the board. Everything else in this package only finds out which of them to use with which numbers.

Receptive-field arithmetic: Araujo, Norris & Sim, "Computing Receptive Fields of Convolutional Neural Networks",
Distill 2019.
"""

import math
from collections.abc import Iterable


def conv_params(c_in: int, c_out: int, kernel: int | tuple[int, ...], groups: int = 1, *, bias: bool = True) -> int:
    """Weights and biases of a convolution; an int kernel is square."""
    return c_out * (c_in // groups) * math.prod(_square(kernel)) + (c_out if bias else 0)


def conv_macs(
    c_in: int, c_out: int, kernel: int | tuple[int, ...], out_size: int | tuple[int, ...], groups: int = 1
) -> int:
    """Multiply-adds of a convolution: every output value costs one per weight of its kernel.

    out_size: height and width of the output map (an int is square). A transposed convolution multiplies every
    *input* value with the kernel, so give the size of its input map.
    """
    return math.prod(_square(out_size)) * c_out * (c_in // groups) * math.prod(_square(kernel))


def conv_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1, *, ceil: bool = False
) -> int:
    """Number of places where a kernel fits along one axis = output size of a convolution or pooling layer.

    ceil: the last window may reach over the edge, if it starts inside the map or its left padding.
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
    """Field and jump after a layer, from those before it, along one axis; an image starts with (1, 1)."""
    return field + dilation * (kernel - 1) * jump, tidy(jump * stride)


def tidy(number: float) -> float:
    """2 instead of 2.0; 0.5 (the jump after upsampling) stays."""
    return int(number) if number == int(number) else number


def shape_text(size: Iterable[int]) -> str:
    """A shape as in every table and message: 3 × 224 × 224."""
    return " × ".join(map(str, size))


def _square(size: int | tuple[int, ...]) -> tuple[int, ...]:
    return size if isinstance(size, tuple) else (size, size)
