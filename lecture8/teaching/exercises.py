"""Exercises with hints, a solution and a check; the verdict that a check returns; claims, which are checked, too."""

import inspect
import math
import os
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from lecture8 import checks
from lecture8.teaching import progress
from lecture8.words import phrase, say

MARKS = {"correct": "✅", "wrong": "❌", "todo": "⬜"}


@dataclass(frozen=True)
class Verdict:
    """What a check found: `status` is 'correct', 'wrong' or 'todo' (not attempted); true when correct."""

    status: str
    message: str

    def __bool__(self) -> bool:
        return self.status == "correct"

    def __repr__(self) -> str:
        return f"{MARKS[self.status]} {say(self.message)}"

    _repr_markdown_ = __repr__


def correct(message: str) -> Verdict:
    """A verdict for a correct answer."""
    return Verdict("correct", message)


def wrong(message: str) -> Verdict:
    """A verdict for a wrong answer: say what was found, what was expected, and where to look."""
    return Verdict("wrong", message)


def claim(sentence: str, holds: object, *, hint: str = "", **values: object) -> Verdict:
    """A sentence with its numbers, ticked if it holds: `claim("{read:.0f} % are read", read > 90, read=read)`.

    hint: what to try where it does not hold; that stops nothing. A value that is nan never holds.
    Raises AssertionError where it does not hold under LECTURE8_CLAIMS=raise, which the tests and the build set.
    """
    said = say(sentence).format(**{name: say(value) for name, value in values.items()})
    if holds and all(value == value for value in values.values()):
        return Verdict("correct", said)
    if os.environ.get("LECTURE8_CLAIMS") == "raise":
        raise AssertionError(said)
    return Verdict("wrong", f"{say('Not so in this run:')} {said} {say(hint)}".rstrip())


@dataclass(frozen=True)
class Exercise:
    """A task with staged hints, a solution and a check; displayed, it shows the task with the rest folded away.

    check_answer: takes the student's answer (a number, a function, a network), returns a `Verdict`
    solution: the function or class that the task asks for, with its name and arguments; where it asks for a value
        (`asks_value`), a function without arguments that is one `return`, named as the lesson's cell names the value
    """

    title: str
    difficulty: int  #: 1 (read off a number) to 3 (write a block)
    task: str
    hints: Sequence[str]
    solution: Callable[..., object]
    explanation: str
    check_answer: Callable[[object], Verdict]
    asks_value: bool = False  #: the answer is what `solution()` returns, not `solution` itself

    @property
    def answer(self) -> object:
        """What the solution hands to `check`: a value, or the function or class itself."""
        return self.solution() if self.asks_value else self.solution

    @property
    def solution_code(self) -> str:
        """The solution as a student types it: the source of the function or class, or `name = …` for a value."""
        code = textwrap.dedent(inspect.getsource(self.solution)).strip()
        return f"{self.solution.__name__} = {code.split('return ', 1)[1]}" if self.asks_value else code

    def check(self, answer: object) -> Verdict:
        """A verdict on the answer; `...`, or a function that returns nothing, is not attempted. A right one is kept."""
        verdict = self._verdict(answer)
        if verdict.status == "wrong" and "ellipsis" in verdict.message.lower():  # as Python and torch call `...`
            return Verdict("todo", "Not finished yet: there is still a `...` in your code.")
        if verdict:
            progress.record(self)
        return verdict

    def _verdict(self, answer: object) -> Verdict:
        if answer is ... or answer is None:
            return Verdict("todo", "Not attempted yet: put your answer in place of `...` and run the cell again.")
        try:
            return self.check_answer(_plain(answer))
        except NotAttemptedError:
            return Verdict("todo", "Not attempted yet: your function returns nothing so far.")
        except FloatingPointError as error:
            return wrong(f"Expected finite numbers, got {error}: look for a division by zero or an overflow.")
        except (Exception, SystemExit) as error:
            return wrong(f"Your answer stopped with {type(error).__name__}: {''.join(str(error).splitlines()[:1])}")

    def _repr_markdown_(self) -> str:
        stars = "★" * self.difficulty + "☆" * (3 - self.difficulty)
        kind, title = say(type(self).__name__), say(self.title)
        parts = [f"**{kind}: {title}** {stars}", say(textwrap.dedent(self.task).strip())]
        parts += [folded(say(f"Hint {i}"), say(hint)) for i, hint in enumerate(self.hints, 1)]
        code = f"```python\n{self.solution_code}\n```"
        parts.append(folded(say("Solution"), f"{code}\n\n{say(textwrap.dedent(self.explanation).strip())}"))
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        hints = f"{len(self.hints)} hints" if len(self.hints) > 1 else phrase("1 hint")
        return f"{type(self).__name__}: {self.title} (difficulty {self.difficulty} of 3, {hints})"


class NotAttemptedError(Exception):
    """Raised by a check when the student's function exists but returns nothing yet."""


def _plain(answer: object) -> object:
    """The answer with Python's numbers in place of NumPy's and torch's. Raises FloatingPointError for nan and inf."""
    if isinstance(answer, dict):
        return {key: _plain(part) for key, part in answer.items()}
    if isinstance(answer, tuple | list):
        return (tuple if isinstance(answer, tuple) else list)(map(_plain, answer))
    if isinstance(answer, Tensor) and not answer.isfinite().all():
        raise FloatingPointError("nan or inf")  # which a check that compares would not notice
    if isinstance(answer, np.generic) or (isinstance(answer, Tensor) and not answer.ndim):
        single = str(answer.dtype).endswith("float32") and answer.item() % 1
        answer = float(str(np.float32(answer.item()))) if single else answer.item()  # 0.1, not 0.10000000149
    if isinstance(answer, float) and not math.isfinite(answer):
        raise FloatingPointError(answer)
    return answer


def called(function: Callable, *args):
    """What the student's function returns, with Python's numbers. Raises NotAttemptedError for nothing, TypeError for
    what is no function, FloatingPointError for nan and inf."""
    if not callable(function):
        raise TypeError(f"expected a function, got {function!r}")
    result = function(*args)
    if result is None or result is ...:
        raise NotAttemptedError
    return _plain(result)


def shape(answer: object) -> str:
    """An answer in a few words: a tensor's shape, such as '2 × 3 × 8 × 8', or the type of what is no tensor."""
    if not isinstance(answer, Tensor):
        return type(answer).__name__
    return checks.times(answer.shape) or "one number"


def number_check(expected: float, *, traps: dict[float, str] | None = None, unit: str = "") -> Callable:
    """A check for a whole number: correct to the last digit, and with a remark for the well-known wrong ones."""

    def check(answer: object) -> Verdict:
        if isinstance(answer, bool) or not isinstance(answer, int | float):
            return wrong(f"Expected a number{unit and f' of {unit}'}, got {answer!r}.")
        if answer == expected:
            said = f"{expected:,} {unit}".rstrip()
            return correct(f"{said} is right.")
        for value, remark in (traps or {}).items():
            if answer == value:
                return wrong(f"{answer:,}: {remark}")
        ratio = answer / expected
        near = "very close, but not it" if abs(ratio - 1) < 0.02 else "too large" if ratio > 1 else "too small"
        return wrong(f"{answer:,} is {near}.")

    return check


def folded(title: str, body: str) -> str:
    """Markdown that is shown when its title is clicked."""
    return f"<details><summary>{title}</summary>\n\n{textwrap.dedent(body).strip()}\n\n</details>"
