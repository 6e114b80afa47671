"""Explorers of notebook 05."""

from matplotlib.figure import Figure

from lecture8 import published
from lecture8.lessons.l05_googlenet import pictures
from lecture8.lessons.l05_googlenet.modules import branches
from lecture8.models.googlenet import MODULES
from lecture8.teaching import Explorer, explorer

# where each module is: channels in, height and width; the example of sections 1 to 3 first
PLACES = {
    "example": (256, 28), "3a": (192, 28), "3b": (256, 28), "4a": (480, 14), "4b": (512, 14), "4c": (512, 14),
    "4d": (512, 14), "4e": (528, 14), "5a": (832, 7), "5b": (832, 7),
}  # fmt: skip
WIDTHS = {"example": (128, 64, 192, 64, 96, 64), **MODULES}


@explorer
def module() -> Explorer:
    """Reductions of an inception module -> its cost and output channels, beside the naive one."""

    def draw(module: str, reduce3, reduce5, pool) -> tuple[Figure, str]:
        place, (one, _, three, _, five, _) = PLACES[module], WIDTHS[module]
        designs = {
            "naive": (one, "none", three, "none", five, "none"),
            "yours": (one, reduce3, three, reduce5, five, pool),
        }
        (naive, before), (yours, after) = (_counted(*place, w) for w in designs.values())
        theirs, _ = _counted(*place, WIDTHS[module])
        text = (
            f"{place[0]} channels of {place[1]} × {place[1]} go in. Yours: {yours:,} multiply-adds, {yours / naive:.0%} of the "
            f"naive module's {naive:,}; {'64 everywhere' if module == 'example' else 'Table 1'}: {theirs:,}. "
            f"{after} channels come out (naive: {before})."
        )
        return pictures.pipes(designs, *place), text

    reductions = ["none", 16, 32, 64, 96, 128, 192, 256]
    return Explorer(
        draw,
        {
            "module": list(PLACES),
            "reduce3": reductions,
            "reduce5": reductions,
            "pool": ["none", 32, 64, 128, 256],
        },
        labels={
            "reduce3": "reduce before 3 × 3",
            "reduce5": "reduce before 5 × 5",
            "pool": "project the pooling",
        },
    )


def _counted(c_in: int, side: int, widths) -> tuple[int, int]:
    """Multiply-adds and output channels."""
    ways = branches(c_in, side, widths).values()
    return sum(macs for way in ways for *_, macs in way), sum(way[-1][2] for way in ways)


@explorer
def suspects() -> Explorer:
    """The evidence: initial weights, batch normalization, heads, learning rate -> accuracy by epoch."""
    table = published.read("auxiliary_grid")

    def draw(weights: str, norm: str, heads: str, rate: float) -> tuple[Figure, str]:
        init = {name: key for key, name in pictures.WEIGHTS.items()}[weights]
        # with heads only one rate was run
        rate = 0.002 if heads == "on 4a and 4d" else rate
        arm = {"init": init, "norm": norm == "with", "heads": "none" if heads == "none" else "both", "lr": rate}  # fmt: skip
        found = pictures.accuracies(table, arm, 10)
        by_epoch = {n: sum(run[n - 1] for run in found) / len(found) for n in (1, 3, 10)}
        text = (
            f"{weights}, {norm} batch normalization, heads: {heads}, rate {rate:g}. Validation accuracy, mean of {len(found)} "
            f"seeds: {by_epoch[1]:.0f} % after 1 epoch, {by_epoch[3]:.0f} after 3, {by_epoch[10]:.0f} after 10."
            + " With heads only the rate 0.002 was run."
            * (heads != "none")
        )
        return pictures.evidence(table, arm), text

    controls = {
        "weights": list(pictures.WEIGHTS.values()),
        "norm": ["without", "with"],
        "heads": ["none", "on 4a and 4d"],
        "rate": [0.0005, 0.002, 0.008],
    }
    labels = {
        "weights": "initial weights",
        "norm": "batch normalization",
        "rate": "learning rate",
    }
    return Explorer(draw, controls, start={"rate": 0.002}, labels=labels)
