"""The machinery of all lessons: exercises, questions, claims, comparing networks, widgets, progress.

Everything but the widgets is a plain value that prints itself, as Markdown in a notebook and as text elsewhere.
"""

from lecture8.teaching.builds import Build
from lecture8.teaching.exercises import MARKS, Exercise, Verdict, called, claim, correct, number_check, shape, wrong
from lecture8.teaching.progress import report
from lecture8.teaching.questions import Prediction, Question
from lecture8.teaching.same_network import same_network
from lecture8.teaching.widgets import EXPLORERS, Explorer, Shown, between_cells, explorer, predict, prose, quiz

__all__ = [
    "EXPLORERS", "MARKS", "Build", "Exercise", "Explorer", "Prediction", "Question", "Shown", "Verdict",
    "between_cells", "called", "claim", "correct", "explorer", "number_check", "predict", "prose", "quiz",
    "report", "same_network", "shape", "wrong",
]  # fmt: skip
