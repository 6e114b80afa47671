"""How far a reconstruction reaches: what a unit's receptive field must hold."""

from torch import Tensor


def reach(reconstructions: Tensor) -> list[int]:
    """The side, in pixels, of the smallest square window that holds a reconstruction; 0 for an empty one.

    reconstructions: N × C × H × W, from a deconvnet. No side may exceed the unit's receptive field. That says
    something only where the field is smaller than the images.
    """
    sides = []
    for reconstruction in reconstructions:
        rows, columns = (reconstruction != 0).any(0).nonzero(as_tuple=True)
        spans = [int(at.max() - at.min()) + 1 for at in (rows, columns) if len(at)]
        sides.append(max(spans, default=0))
    return sides
