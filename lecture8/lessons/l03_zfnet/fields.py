"""How far a painting reaches: what a unit's receptive field must hold."""

from torch import Tensor


def reach(paintings: Tensor) -> list[int]:
    """The side, in pixels, of the smallest square window that holds all that was painted; 0 where nothing was.

    paintings: N × C × H × W, as a deconvnet paints them. No side may exceed the unit's receptive field. That says
    something only where the field is smaller than the images.
    """
    sides = []
    for painting in paintings:
        rows, columns = (painting != 0).any(0).nonzero(as_tuple=True)
        spans = [int(at.max() - at.min()) + 1 for at in (rows, columns) if len(at)]
        sides.append(max(spans, default=0))
    return sides
