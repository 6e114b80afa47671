"""Explorers of notebook 00."""

import html

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure
from torch.nn import functional as F

from lecture8 import course, datasets, published
from lecture8.lessons.l00_start_here import overview, pictures
from lecture8.teaching import Explorer, Shown, explorer, prose
from lecture8.words import say


@explorer
def convolution() -> Explorer:
    """One kernel on a photograph: choose the kernel, its stride and padding, and what comes after it."""
    photo = datasets.animals(size=64)["owl"].float().mean(0)
    after = {
        "nothing": lambda found: found,
        "ReLU": torch.relu,
        "ReLU, max pooling": lambda found: F.max_pool2d(found.relu(), 2),
    }

    def draw(kernel: str, stride: int, padding: int, then: str) -> tuple[Figure, str]:
        weights = torch.tensor(pictures.KERNELS[kernel])[None, None].float()
        found = F.conv2d(photo[None, None], weights, stride=stride, padding=padding)
        found = after[then](found)[0, 0]
        text = (
            f"A 3 × 3 kernel, “{kernel}”, visits a photograph of 64 × 64 pixels with stride {stride} and padding {padding}, "
            f"then: {then}. The feature map has {len(found)} × {len(found[0])} values, from {found.min():.0f} to {found.max():.0f}."
        )
        return pictures.filtered(photo, {kernel: found}), text.replace("-", "−")

    values = {"kernel": list(pictures.KERNELS), "stride": [1, 2, 4], "padding": [0, 1, 2]}
    return Explorer(draw, {**values, "then": list(after)})


@explorer
def winners() -> Explorer:
    """The ILSVRC winners; pick a year, see its network, its idea and its numbers."""
    table, human = overview.winners_and_human()

    def draw(year: int) -> tuple[Figure, str]:
        row = table.set_index("year").loc[year]
        known = {
            name: row[name]
            for name in ("network", "depth", "members", "notebook")
            if row[name] == row[name]
        }
        parts = [
            f"{year}: {row['winner']}, top-5 error {row['top5_error']:g} %. Idea: {row['idea']}."
        ]
        if "network" in known:
            parts.append(
                f"Network: {known['network']} with {known['depth']:.0f} layers."
                if "depth" in known
                else f"Network: {known['network']}."
            )
            parts.append(
                f"The number is that of an ensemble of {known['members']:.0f} networks."
                if "members" in known
                else "The number is that of an ensemble of several networks."
            )
        if "notebook" in known:
            parts.append(f"Notebook: {course.link(known['notebook'], known['notebook'])}.")
        return pictures.timeline(table, human, chosen=year), " ".join(parts)

    years = [int(year) for year in table["year"]]
    return Explorer(draw, {"year": years}, start={"year": 2015})


class Glossary(Shown):
    """The terms of the course; type a part of an English or Korean one, or of its meaning."""

    def __init__(self):
        self.table = published.read("glossary").fillna("")
        self.words = widgets.Text(
            placeholder=say("such as pool, 합성곱, gradient"), description=say("Find")
        )
        self.found = prose()
        self.box = widgets.VBox([self.words, self.found])
        self.words.observe(self._look_up, "value")
        self._look_up()

    def _look_up(self, _change=None) -> None:
        sought = self.words.value.strip().casefold()
        columns = self.table[["term", "korean", "alias", "meaning"]]
        hits = columns.apply(
            lambda column: column.str.casefold().str.contains(sought, regex=False)
        ).any(axis=1)
        rows = self.table[hits]
        if rows.empty:
            self.found.value = say(
                f"None of the {len(self.table)} terms contains “{html.escape(sought)}”: try a shorter part."
            )
        else:
            self.found.value = say(f"{len(rows)} of {len(self.table)} terms") + _terms(rows)

    def _still(self) -> dict[str, str]:
        title = say(f"Glossary: {len(self.table)} terms")
        folded = f"<details><summary>{title} ({say('unfold')})</summary>{_terms(self.table)}</details>"
        return {
            "text/plain": f"[{title}]",
            "text/html": folded,
        }


def _terms(rows) -> str:
    body = "".join(
        f"<tr>{_cell(f'<b>{html.escape(row.term)}</b>')}{_cell(row.korean)}{_cell(html.escape(say(row.meaning)))}"
        f"{_cell(_lesson(row.lesson))}</tr>"
        for row in rows.itertuples()
    )
    head = "".join(
        f"<th style='text-align:left'>{name}</th>"
        for name in ("English", "한국어", say("meaning"), say("lesson"))
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(markup: str) -> str:
    return f"<td style='text-align:left'>{markup}</td>"


def _lesson(notebook: str) -> str:
    return f'<a href="{course.address(notebook)}" target="_blank">{notebook[:2]}</a>'


def glossary() -> Glossary:
    """The glossary of the course, to search by typing."""
    return Glossary()
