"""The lessons of the course in their order, and links into them."""

import importlib
import sys
from dataclasses import dataclass
from types import ModuleType
from urllib.parse import quote

from lecture8.words import language, say

REPOSITORY = "lecture8/lecture8"


@dataclass(frozen=True)
class Lesson:
    """A notebook: its file's name without the ending, its title, the question it asks."""

    notebook: str
    title: str
    question: str

    def module(self, name: str) -> ModuleType:
        """A module of the lesson's folder, such as its `questions`."""
        return importlib.import_module(f"lecture8.lessons.l{self.notebook}.{name}")


LESSONS = (
    Lesson("00_start_here", "Start here", "what does a network do, and how does it learn?"),
    Lesson("01_transfer_learning", "Transfer learning (전이 학습)", "how far do ten labels get you?"),
    Lesson("02_alexnet", "AlexNet", "what made 2012 work?"),
    Lesson("03_zfnet", "ZFNet", "what does a network look at?"),
    Lesson("04_vgg", "VGG", "how far do you get with 3 × 3 alone?"),
    Lesson("05_googlenet", "GoogLeNet", "how can more branches have fewer parameters?"),
    Lesson("06_resnet", "ResNet", "why can 152 layers be trained?"),
    Lesson("07_inception_v3", "Inception-v2 and v3", "can the same be had for less?"),
    Lesson("08_inception_v4", "Inception-v4, Inception-ResNet", "do the two roads meet?"),
    Lesson("09_complexity", "Complexity (복잡도)", "what does all that cost, on your machine?"),
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
        folder = "" if language() == "en" else f"{language()}/"
        return f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/notebooks/{folder}{notebook}.ipynb"
    anchor = "#" + quote(say(heading).replace(" ", "-")) if heading else ""
    return f"{notebook}.ipynb{anchor}"


def link(text: str, notebook: str, heading: str = "") -> str:
    """A Markdown link into a notebook. Raises ValueError for a notebook that is none of this course."""
    return f"[{say(text)}]({address(lesson(notebook).notebook, heading)})"
