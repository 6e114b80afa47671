"""Widgets: controls over a function that draws, and questions to click.

Every widget is displayed with a still picture or a text of itself, so that a notebook read without a kernel teaches the
same. Only core widgets, `observe`, `Image` and `HTML`: they work in JupyterLab, Colab and under the tests alike.
"""

import asyncio
import base64
import functools
import gc
import html
import re
import threading
from collections.abc import Callable, Mapping, Sequence

import ipywidgets as widgets
from matplotlib.figure import Figure

from lecture8 import checks, plots
from lecture8.teaching import progress
from lecture8.teaching.exercises import MARKS, Verdict
from lecture8.teaching.questions import Prediction, Question
from lecture8.words import say

_VIEW = "application/vnd.jupyter.widget-view+json"
_WIDE = {"description_width": "initial"}
_APART = "2px 24px 2px 2px"  # from the next control's label


def between_cells(handler: Callable[[object], None]) -> Callable[[object], None]:
    """A handler of a widget's events that draws: it runs where the cells do, when none is running.

    JupyterLab since 4.4 has these events handled in a thread of their own (ipykernel 7, "subshells"), whatever a cell
    is doing, and two threads that draw with matplotlib make broken pictures (JupyterLab's issue 19719).
    """
    try:
        loop = asyncio.get_running_loop()  # the kernel's, which runs the cells
    except RuntimeError:
        return handler  # not in a notebook

    @functools.wraps(handler)
    def handle(change) -> None:
        if threading.current_thread() is threading.main_thread():
            handler(change)
        else:
            loop.call_soon_threadsafe(handler, change)

    return handle


class Shown:
    """Displays a widget, a subclass's `box`, with what stands for it where there is no kernel: its `_still()`."""

    box: widgets.Widget

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        still, view = self._still(), {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        about = {"image/png": {"alt": still["text/plain"]}} if "image/png" in still else {}
        return {**still, _VIEW: view}, about


class Explorer(Shown):
    """Controls, a picture, and a line of text, redrawn whenever a control moves.

    draw: called with one keyword per control, returns (figure, text); the text says what the picture shows in words
    controls: name -> the values to choose from (each in reach of every other), at most four, so that all can be drawn
    start: name -> the value to begin with, where that is not the first
    labels: name -> what is written beside the control, where that is not its name

    An error in `draw` is shown in the widget, and raised, so that a test that moves the controls sees it too.
    """

    def __init__(
        self, draw: Callable[..., tuple[Figure, str]], controls: Mapping[str, Sequence], *, start=None, labels=None
    ):
        if not 1 <= len(controls) <= 4:
            raise ValueError(f"given {len(controls)} controls; expected 1 to 4: merge some")
        self.draw = draw
        self.controls = {
            name: _control((labels or {}).get(name, name), list(values), (start or {}).get(name, next(iter(values))))
            for name, values in controls.items()
        }
        self.image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self.readout = prose()
        row = widgets.HBox(list(self.controls.values()), layout=widgets.Layout(flex_flow="row wrap"))
        self.box = widgets.VBox([row, self.image, self.readout])
        self.text = ""
        for control in self.controls.values():
            control.observe(between_cells(self._redraw), "value")
        self._redraw()

    def _redraw(self, _change=None) -> None:
        # A figure is thousands of objects in circles. Collected while it is drawn they grow old, and every tenth redraw
        # or so pays for a walk through all of torch's objects, too; collected right after it they die young.
        collecting = gc.isenabled()
        gc.disable()
        try:
            figure, text = self.draw(**{name: control.value for name, control in self.controls.items()})
            self.text = say(text)
            # at its own size: stretched to the page it blurs
            self.image.layout.width = f"{round(figure.get_figwidth() * figure.dpi)}px"
            self.image.value = plots.png(figure)
            self.readout.value = _paragraph(self.text)
        except Exception as error:
            self.readout.value = f"<b>{MARKS['wrong']} {html.escape(f'{type(error).__name__}: {error}')}</b>"
            raise
        finally:
            if collecting:
                gc.enable()
                gc.collect(1)

    def _still(self) -> dict[str, str]:
        # a slider that still is at its first value has an empty label
        values = ", ".join(f"{c.description} {c.label or c.value}" for c in self.controls.values())
        image = base64.b64encode(self.image.value).decode("ascii")
        return {"text/plain": f"[{values}] {self.text}", "image/png": image}


def prose(markup: str = "") -> widgets.HTML:
    """HTML that looks like the notebook's own text, in light and in dark."""
    made = widgets.HTML(markup)
    made.add_class("jp-RenderedHTMLCommon")  # else a link has the color of the words around it, and no line
    return made


def _paragraph(text: str) -> str:
    """Text as HTML of readable width; [label](address), `code` and *emphasis* are what they are in Markdown."""
    markup = html.escape(text)
    for written, meant in (
        (r"\[([^\]]+)\]\(([^)]+)\)", r'<a href="\2" target="_blank">\1</a>'),
        (r"`([^`]+)`", r"<code>\1</code>"),
        (r"(?<![\w*])\*(\w+)\*(?![\w*])", r"<em>\1</em>"),
    ):
        markup = re.sub(written, meant, markup)
    return f"<div style='max-width:60em; line-height:1.5'>{markup}</div>"


def _control(label: str, values: list, start: object):
    """Two or three values as buttons, more as a slider; numbers and words alike."""
    if start not in values:
        raise ValueError(f"{label!r} cannot start at {start!r}: choose from {values}")
    slides = len(values) > 3 and all(isinstance(value, int | float) for value in values)
    layout = widgets.Layout(width="22em" if slides else "auto", margin=_APART)
    options = [(say(str(v)), v) for v in values]
    settings = {"options": options, "value": start, "description": say(label), "layout": layout}
    if slides:
        return widgets.SelectionSlider(continuous_update=False, style=_WIDE, **settings)
    if len(values) > 4:
        return widgets.Dropdown(style=_WIDE, **settings)
    return widgets.ToggleButtons(style={**_WIDE, "button_width": "auto"}, **settings)


EXPLORERS: dict[str, Callable[[], Explorer]] = {}


def explorer(build: Callable[[], Explorer]) -> Callable[[], Explorer]:
    """Decorator of a lesson's explorers. Listed means tested: a test moves every control to both of its ends."""
    EXPLORERS[f"{build.__module__.split('.')[-2]}.{build.__name__}"] = build
    return build


class _Asked(Shown):
    """A question with its answers to click; what a click on the button does is in the subclass's `_answered`."""

    caption: str  #: of the button

    def __init__(self, asked: Question | Prediction):
        checks.kind((Question, Prediction), "a question of the lesson's `ask`", asked=asked)
        self.asked = asked
        layout = widgets.Layout(width="auto", max_width="100%")
        options = [(say(option), option) for option in asked.options]
        self.choices = widgets.RadioButtons(options=options, value=None, layout=layout)
        self.button = widgets.Button(description=say(self.caption), disabled=True)
        self.feedback = prose()
        self.box = widgets.VBox(
            [prose(f"<b>{_paragraph(say(asked.prompt))}</b>"), self.choices, self.button, self.feedback]
        )
        self.choices.observe(self._chosen, "value")
        self.button.on_click(self._answered)

    def _chosen(self, change) -> None:
        self.button.disabled = change["new"] is None
        self.feedback.value = ""

    def _item(self, option: str) -> str:
        return html.escape(say(option))  # in the list that stands for the widget where there is no kernel

    def _still(self) -> dict[str, str]:
        items = "".join(f"<li>{self._item(option)}</li>" for option in self.asked.options)
        return {
            "text/plain": repr(self.asked),
            "text/html": f"<b>{html.escape(say(self.asked.prompt))}</b><ul>{items}</ul>",
        }


class Quiz(_Asked):
    """A question that says at once whether the answer is correct, and why or why not."""

    caption = "Check"

    def _answered(self, _button) -> None:
        verdict = self.asked.check(self.choices.value)
        progress.record(self.asked, answer=self.choices.value, verdict=verdict.status)
        self.feedback.value = _paragraph(str(verdict))

    def _item(self, option: str) -> str:
        said = html.escape(str(self.asked.check(option)))
        return f"<details><summary>{html.escape(say(option))}</summary>{said}</details>"


class Predict(_Asked):
    """A question before a measurement: keep the widget, and call its `reveal(measured)` after the measurement."""

    caption = "That is my guess"

    def __init__(self, prediction: Prediction):
        super().__init__(prediction)
        self.asked.choice = None

    def _answered(self, _button) -> None:
        self.asked.choice = self.choices.value
        self.feedback.value = _paragraph(say(f"Noted: {self.asked.choice}. Now measure it."))

    def reveal(self, measured: str, figure: Figure | None = None) -> Verdict:
        """The guess beside what was measured, and a figure of that; folded away as long as there is no guess."""
        if figure is None:
            return self.asked.reveal(measured)
        words, data = plots.in_words(figure), base64.b64encode(plots.png(figure)).decode("ascii")
        return self.asked.reveal(measured, f'<img alt="{html.escape(words)}" src="data:image/png;base64,{data}">')


quiz, predict = Quiz, Predict  # as the lessons call them
