"""What is read off a training curve."""

from collections.abc import Sequence

from lecture8 import checks


def epochs_to(errors: Sequence[float], target: float) -> float | None:
    """After how many epochs the error is down to `target`, between two epochs on the straight line; None: never."""
    checks.number(target=target)
    before = None
    for epoch, error in enumerate(errors, 1):
        if error <= target:
            return (
                float(epoch)
                if before is None
                else epoch - 1 + (before - target) / (before - error)
            )
        before = error
    return None
