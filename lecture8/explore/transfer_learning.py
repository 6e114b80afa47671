"""Explorers of notebook 01."""

from matplotlib.figure import Figure

from lecture8 import plots, published
from lecture8.explore import Explorer, explorer


@explorer
def strategies() -> Explorer:
    """Number of labels × source × frozen depth -> test accuracy and which strategy wins, from the runs in data/."""
    grid = published.read("transfer_grid")
    mean = grid.groupby(["labels", "source", "frozen"])["test_accuracy"].agg(["mean", "min", "max"])
    sources = [source for source in grid["source"].unique() if source != "none"]

    def draw(labels: int, source: str, frozen: int) -> tuple[Figure, str]:
        here, scratch = mean.loc[labels, source, frozen], mean.loc[labels, "none", 0]
        by_depth = mean.loc[labels, source]["mean"]
        best, (winner, depth) = by_depth.idxmax(), mean.loc[labels]["mean"].idxmax()
        verb = "beats" if here["min"] > scratch["max"] else "loses to" if here["max"] < scratch["min"] else "overlaps"
        text = (
            f"{labels:,} labels, {source}, {_words(frozen)}: {here['mean']:.0%} right ({here['min']:.0%} to "
            f"{here['max']:.0%} by seed), which {verb} random weights ({scratch['mean']:.0%}). With this source and so "
            f"many labels {_words(best)} does best ({by_depth[best]:.0%}); of all sources "
            + (f"{winner} with {_words(depth)}" if winner != "none" else "none, random weights,")
            + f" wins ({mean.loc[labels]['mean'].max():.0%})."
        )
        return plots.transfer_learning.depths(grid, labels, sources, chosen=(source, frozen)), text

    controls = {
        "labels": sorted(int(n) for n in grid["labels"].unique()), "source": sources,
        "frozen": sorted(int(k) for k in grid["frozen"].unique()),
    }  # fmt: skip
    return Explorer(draw, controls, labels={"frozen": "frozen convolutions"})


def _words(frozen: int) -> str:
    return {0: "everything fine-tuned", 6: "all convolutions frozen"}.get(frozen, f"the first {frozen} of 6 frozen")
