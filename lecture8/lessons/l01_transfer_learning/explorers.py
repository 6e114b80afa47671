"""Explorers of notebook 01."""

import base64
import html
import io
from collections.abc import Callable

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture8 import datasets, plots, published
from lecture8.lessons.l01_transfer_learning import pictures
from lecture8.teaching import Explorer, Shown, between_cells, explorer, prose
from lecture8.words import phrase, say


@explorer
def strategies() -> Explorer:
    """Number of labels × source × frozen depth -> test accuracy and which strategy wins, from loaded runs."""
    grid = pictures.layerwise_runs(
        published.read("transfer_grid"), published.read("source_value")
    )
    mean = grid.groupby(["labels", "source", "frozen"])["test_accuracy"].agg(
        ["mean", "min", "max"]
    )
    sources = [source for source in grid["source"].unique() if source != "none"]

    def draw(labels: int, source: str, frozen: int) -> tuple[Figure, str]:
        here, scratch = mean.loc[labels, source, frozen], mean.loc[labels, "none", 0]
        by_depth = mean.loc[labels, source]["mean"]
        best, (winner, depth) = int(by_depth.idxmax()), mean.loc[labels]["mean"].idxmax()
        verb = phrase("overlaps with")
        if here["min"] > scratch["max"]:
            verb = phrase("is above")
        elif here["max"] < scratch["min"]:
            verb = phrase("is below")
        text = (
            f"{labels:,} labels, {source}, {_words(frozen)}: {here['mean']:.0%} of the test letters ({here['min']:.0%} to "
            f"{here['max']:.0%} by seed), which {verb} random weights ({scratch['mean']:.0%}). With this source and this "
            f"number of labels the highest mean is {by_depth[best]:.0%}, {_words(best)}; of all sources it is "
            f"{mean.loc[labels]['mean'].max():.0%}, {winner}, {_words(depth)}. All with layer-wise rates. "
            "These are other runs with the settings of the two panels: rounding on another processor moves a single seed by some points."
        )
        return pictures.depths(grid, labels, sources, chosen=(source, frozen)), text

    controls = {
        "labels": sorted(int(n) for n in grid["labels"].unique()), "source": sources,
        "frozen": sorted(int(k) for k in grid["frozen"].unique()),
    }  # fmt: skip
    return Explorer(draw, controls, labels={"frozen": "frozen convolutions"})


def _words(frozen: int) -> str:
    return {0: "everything fine-tuned", 6: "all convolutions frozen"}.get(
        frozen, f"the first {frozen} of 6 frozen"
    )


class Upload(Shown):
    """A button to choose a photograph of one's own, and what `answer` makes of it.

    answer: a photograph, 3 × H × W bytes -> (figure, text); first: the photograph to begin with
    """

    def __init__(self, answer: Callable[[Tensor], tuple[Figure, str]], first: Tensor):
        self.answer = answer
        self.button = widgets.FileUpload(
            accept="image/*", multiple=False, description=say("A picture of yours")
        )
        self.button.layout = widgets.Layout(width="auto")
        self.image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self.readout = prose()
        self.box = widgets.VBox([self.button, self.image, self.readout])
        self.button.observe(between_cells(self._chosen), "value")
        self._show(first)

    def _chosen(self, change) -> None:
        value = change["new"]  # ipywidgets 7: a dictionary by name, 8: a tuple
        for file in value.values() if isinstance(value, dict) else value:
            try:
                photo = datasets.read_photo(io.BytesIO(bytes(file["content"])))
            except ValueError as error:
                self.readout.value = html.escape(say(f"Choose another picture: {error}."))
                return
            self._show(torch.from_numpy(np.array(photo)).permute(2, 0, 1))

    def _show(self, photo: Tensor) -> None:
        figure, text = self.answer(photo)
        self.text = say(text)
        self.image.value = plots.png(figure)
        self.readout.value = html.escape(self.text)

    def _still(self) -> dict[str, str]:
        return {
            "text/plain": self.text,
            "image/png": base64.b64encode(self.image.value).decode("ascii"),
        }


def upload(answer: Callable[[Tensor], tuple[Figure, str]], first: Tensor) -> Upload:
    """A widget that shows what `answer` makes of `first`, and then of any picture that is uploaded."""
    return Upload(answer, first)
