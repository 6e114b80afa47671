"""The lessons of the course in their order, and links into them."""

import importlib.util
import sys
from dataclasses import dataclass
from urllib.parse import quote

from lecture8 import published

REPOSITORY = "lecture8/lecture8"


@dataclass(frozen=True)
class Lesson:
    """A notebook: its file's name without the ending, its module in `exercises`, its title, the question it asks."""

    notebook: str
    module: str
    title: str
    question: str

    @property
    def written(self) -> bool:
        """Whether this version of the course has it."""
        return importlib.util.find_spec(f"lecture8.exercises.{self.module}") is not None


LESSONS = (
    Lesson("00_start_here", "start_here", "Start here", "how do you compare networks fairly?"),
    Lesson(
        "01_transfer_learning",
        "transfer_learning",
        "Transfer learning (전이 학습)",
        "what does a network know before it sees your data?",
    ),
    Lesson("02_alexnet", "alexnet", "AlexNet", "what made the step of 2012?"),
    Lesson("03_zfnet", "zfnet", "ZFNet", "what do the layers look at?"),
    Lesson("04_vgg", "vgg", "VGG", "why only 3 × 3?"),
    Lesson("05_googlenet", "googlenet", "GoogLeNet", "how can more branches have fewer parameters?"),
    Lesson("06_resnet", "resnet", "ResNet", "why can 152 layers be trained?"),
    Lesson("07_inception_v3", "inception_v3", "Inception-v2 and v3", "can the same be had for less?"),
    Lesson("08_inception_v4", "inception_v4", "Inception-v4, Inception-ResNet", "do the two roads meet?"),
    Lesson("09_complexity", "complexity", "Complexity (복잡도)", "what does all that cost, on your machine?"),
)


def lesson(notebook: str) -> Lesson:
    """The lesson with this notebook. Raises ValueError for a name that none has."""
    for one in LESSONS:
        if one.notebook == notebook:
            return one
    raise ValueError(f"there is no notebook {notebook!r}: choose from {', '.join(one.notebook for one in LESSONS)}")


def address(notebook: str, heading: str = "") -> str:
    """Where a notebook lies, seen from its neighbors, and a heading in it; on Colab, the notebook's own address.

    JupyterLab makes a heading's anchor from its text, with hyphens for spaces; Colab has other anchors, so there the
    link leads to the notebook's beginning.
    """
    if "google.colab" in sys.modules:
        return f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/notebooks/{notebook}.ipynb"
    anchor = "#" + quote(heading.replace(" ", "-")) if heading else ""
    return f"{notebook}.ipynb{anchor}"


def link(text: str, notebook: str, heading: str = "") -> str:
    """A Markdown link into a notebook; the bare text where the notebook is still to come."""
    return f"[{text}]({address(notebook, heading)})" if lesson(notebook).written else text


@dataclass(frozen=True)
class Links:
    """The claims of each lesson, each a link to the section that shows it."""

    rows: list[tuple[str, str]]  #: lesson, its claims

    def _repr_markdown_(self) -> str:
        rows = [("lesson", "what it shows"), (":--", ":--"), *self.rows]
        return "\n".join(f"| {name} | {claims} |" for name, claims in rows)

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {claims}" for name, claims in self.rows)


def claims() -> Links:
    """Every claim of the table `concepts`, by lesson, linked to its section where the lesson is there."""
    table = published.read("concepts")
    rows = []
    for one in LESSONS:
        here = table[table["notebook"] == one.notebook]
        links = [link(row.claim, one.notebook, row.section) for row in here.itertuples()]
        rows.append((f"{one.notebook[:2]} {one.title}", " · ".join(links)))
    return Links(rows)


def heads() -> dict[str, str]:
    """A short name for every notebook, for the columns of a picture."""
    names = {one.notebook: f"{one.notebook[:2]} {one.title.split(' (')[0].split(',')[0]}" for one in LESSONS}
    return {n: name if lesson(n).written else f"{name} (to come)" for n, name in names.items()}
