"""How fast the networks of a race learn: the best learning rate of each, and epochs until a level is reached."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def best_rates(table: pd.DataFrame) -> dict[tuple[str, int], float]:
    """(kind, blocks) -> the learning rate with the least training loss at the end, in the geometric mean of the seeds.

    table: a row per run, such as `addition_rates`. Rates that fewer seeds have run do not lose or win by that.
    """
    logs = table.assign(log=np.log(table["train_loss"]))
    mean = logs.groupby(["kind", "blocks", "lr"])["log"].mean()
    return {key: float(of.idxmin()[2]) for key, of in mean.groupby(["kind", "blocks"])}


def epochs_to(losses: Sequence[float], level: float) -> float:
    """Epochs until the loss is first at `level`, between two epochs on a straight line of its logarithm; or NaN."""
    below = np.flatnonzero(np.asarray(losses) <= level)
    if not len(below):
        return float("nan")
    i = int(below[0])
    if i == 0:
        return 1.0
    high, low = np.log(losses[i - 1]), np.log(losses[i])
    return float(i + (high - np.log(level)) / (high - low))
