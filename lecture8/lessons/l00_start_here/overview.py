"""The course at a glance: the winners of ILSVRC, what each lesson shows, and how far you have come."""

from dataclasses import dataclass

import pandas as pd

from lecture8 import course, published
from lecture8.teaching import progress
from lecture8.words import say

SOLVED = {True: "●", False: "○"}


def winners_and_human() -> tuple[pd.DataFrame, float]:
    """The ILSVRC winners by year, and the human's top-5 error in percent (Russakovsky et al. 2015, one annotator)."""
    table = published.read("ilsvrc")
    human = table["winner"] == "human"
    return table[~human].astype({"year": int}).reset_index(drop=True), float(
        table[human]["top5_error"].iloc[0]
    )


@dataclass(frozen=True)
class Links:
    """The questions of each lesson, each a link to the section that answers it."""

    rows: list[tuple[str, str]]  #: lesson, its questions

    def _repr_markdown_(self) -> str:
        rows = [(say("lesson"), say("what it asks")), (":--", ":--"), *self.rows]
        return "\n".join(f"| {name} | {questions} |" for name, questions in rows)

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {questions}" for name, questions in self.rows)


def questions() -> Links:
    """Every question of the table `concepts`, by lesson, linked to its section."""
    table = published.read("concepts")
    rows = []
    for one in course.LESSONS:
        here = table[table["notebook"] == one.notebook]
        links = [
            course.link(row.question, one.notebook, row.section) for row in here.itertuples()
        ]
        rows.append((f"{one.notebook[:2]} {say(one.title)}", " · ".join(links)))
    return Links(rows)


def heads() -> dict[str, str]:
    """A short name for every notebook, for the columns of a picture."""
    return {
        one.notebook: f"{one.notebook[:2]} {one.title.split(' (')[0].split(',')[0]}"
        for one in course.LESSONS
    }


@dataclass(frozen=True)
class Panel:
    """The lessons, how many of their exercises are solved, and what comes next."""

    rows: list[tuple[str, str, str, str]]  #: lesson, its question, marks, 'n of m'
    next: str
    trouble: str  #: one sentence if the file could not be read

    def _repr_markdown_(self) -> str:
        head = " | ".join(map(say, ("lesson", "the question", "solved")))
        table = f"| {head} | |\n|:--|:--|:--|:--|\n"
        table += "\n".join("| " + " | ".join(row) + " |" for row in self.rows)
        return "\n\n".join(
            filter(None, [table, f"**{say('Next:')}** {self.next}", self.trouble])
        )

    def __repr__(self) -> str:
        lines = [f"{name}: {count}" for name, _, _, count in self.rows]
        return "\n".join(filter(None, [*lines, f"{say('Next:')} {self.next}", self.trouble]))


def panel() -> Panel:
    """The map of the course with your progress in it."""
    solved, trouble = [], ""
    try:
        solved = progress.kept()["solved"]
    except (OSError, ValueError, RuntimeError) as error:
        trouble = (
            f"Your progress cannot be read ({error}), so none is shown or kept: remove the file "
            "(`lecture8.teaching.progress.forget()`), or let the environment variable LECTURE8_PROGRESS name another."
        )
    rows, following = [], ""
    for lesson in course.LESSONS:
        title = course.link(f"{lesson.notebook[:2]} {say(lesson.title)}", lesson.notebook)
        ask = lesson.module("questions")
        exercises = {**getattr(ask, "builds", {}), **ask.exercises}
        done = [f"{lesson.notebook}.{key}" in solved for key in exercises]
        rows.append(
            (
                title,
                say(lesson.question),
                "".join(SOLVED[d] for d in done),
                say(f"{sum(done)} of {len(done)}"),
            )
        )
        if not following and not all(done):
            first = list(exercises.values())[done.index(False)]
            following = f"{title}, {say(f'exercise “{first.title}”.')}"
    return Panel(
        rows, following or say("nothing left: you have solved every exercise."), say(trouble)
    )
