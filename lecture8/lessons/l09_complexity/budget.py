"""What the networks cost and what they reach, in one table; which are worth their cost; the best within limits.

Counts are those of the registry (recomputed by the tests), accuracies and times those of the tables.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from lecture8 import models, published

RECIPES = ("first", "new")


def table(recipe: str = "first") -> pd.DataFrame:
    """One row per network with published weights, by label: accuracy, counts, memory and time of the reference machine.

    Columns: network (its registered name), top1 and top5 in percent; params in millions; macs in G; mb (megabytes of a
    forward pass with one image), ms (milliseconds for one image), ms_batch (for each image of a batch of 4).
    recipe: 'first' for the weights that came with the networks; 'new' takes those trained by a later recipe, where
        there are any. Raises ValueError for another one.
    """
    if recipe not in RECIPES:
        raise ValueError(f"unknown recipe {recipe!r}: choose 'first' or 'new'")
    accuracy = published.read("imagenet_accuracy")
    rows = accuracy[accuracy["recipe"] == "first"].set_index("label")
    if recipe == "new":
        rows.update(accuracy[accuracy["recipe"] == "new"].set_index("label"))
    facts = [models.ARCHITECTURES[name] for name in rows["network"]]
    found = rows[["network", "top1", "top5"]].assign(
        params=[one.params / 1e6 for one in facts], macs=[one.macs / 1e9 for one in facts]
    )
    times = published.read("reference_cpu").pivot(
        index="network", columns="batch", values=["ms", "mb"]
    )
    at = list(found["network"])
    return found.assign(
        mb=times["mb", 1][at].to_numpy(),
        ms=times["ms", 1][at].to_numpy(),
        ms_batch=times["ms", 4][at].to_numpy() / 4,
    )


def pareto(costs: Mapping[str, Sequence[float]], reached: Mapping[str, float]) -> list[str]:
    """The names that no other beats: none reaches as much at no higher cost and is better in at least one of these.

    costs: name -> its costs, in the same order for all; reached: name -> what it reaches, more is better
    """

    def beats(other: str, one: str) -> bool:
        pairs = [*zip(costs[other], costs[one], strict=True), (reached[one], reached[other])]
        return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)

    return [one for one in costs if not any(beats(other, one) for other in costs)]


def within(costs: pd.DataFrame, limits: Mapping[str, float]) -> pd.DataFrame:
    """The rows whose every cost is at most its limit; limits: column -> limit. Raises ValueError for another column."""
    for column in limits:
        if column not in costs:
            raise ValueError(
                f"there is no cost {column!r}: choose from {', '.join(costs.columns)}"
            )
    inside = pd.Series(True, costs.index)
    for column, limit in limits.items():
        inside &= costs[column] <= limit
    return costs[inside]
