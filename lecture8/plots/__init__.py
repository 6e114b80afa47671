"""Pictures, as pure functions of data: each takes values and optional axes, draws, and returns the figure.

What only one lesson draws is in the lesson's own `pictures`.
"""

from lecture8.plots import diagrams  # noqa: I001  two lines, not twenty
from lecture8.plots.charts import apart, bars, curves, images, lines
from lecture8.plots.style import BLACK, BLUE, GRAY, GREEN, LAYER_COLORS, NETWORK_COLORS, ORANGE, PINK, SKY, YELLOW
from lecture8.plots.style import axes, describe_figures, in_words, png, short, use_style

__all__ = [
    "BLACK", "BLUE", "GRAY", "GREEN", "LAYER_COLORS", "NETWORK_COLORS", "ORANGE", "PINK", "SKY", "YELLOW",
    "apart", "axes", "bars", "curves", "describe_figures", "diagrams", "images", "in_words", "lines", "png", "short",
    "use_style",
]  # fmt: skip
