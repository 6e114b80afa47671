"""Questions with answers to choose from: of a quiz, and before a measurement. `widgets` puts them on the screen."""

import hashlib
from dataclasses import dataclass, field

from lecture8.teaching import progress
from lecture8.teaching.exercises import MARKS, Verdict, folded
from lecture8.words import say


@dataclass(frozen=True)
class Question:
    """A question with a few answers in an order of their own, one of them correct, and a word for every one of them."""

    prompt: str
    options: dict[str, str]  #: answer -> what to say to somebody who chose it
    answer: str

    def __post_init__(self):
        if self.answer not in self.options:
            raise ValueError(f"the answer {self.answer!r} is none of the options {list(self.options)}")
        mixed = sorted(self.options, key=lambda option: hashlib.sha256((self.prompt + option).encode()).digest())
        object.__setattr__(self, "options", {option: self.options[option] for option in mixed})

    def check(self, choice: str) -> Verdict:
        """A verdict on one of the options. Raises ValueError for anything else."""
        if choice not in self.options:
            raise ValueError(f"{choice!r} is no answer to this question: choose from {list(self.options)}")
        return Verdict("correct" if choice == self.answer else "wrong", self.options[choice])

    def __repr__(self) -> str:
        return say(self.prompt) + "".join(f"\n  ( ) {say(option)}" for option in self.options)


@dataclass(frozen=True, repr=False)
class Reveal(Verdict):
    """What was measured, and an <img> of it (or ''); folded away from those who have made no guess yet."""

    picture: str

    def _repr_markdown_(self) -> str:
        said, measured = self.message.split(" **", 1)
        shown = f"**{measured}\n\n{self.picture}".strip()
        mark = f"{MARKS[self.status]} {said}"
        return f"{mark} {shown}" if self.status != "todo" else f"{mark}\n\n{folded(say('What was measured'), shown)}"


@dataclass
class Prediction:
    """A guess made before a measurement; `reveal(measured)` sets the two side by side and says what to make of it."""

    prompt: str
    options: dict[str, str]  #: what may happen -> what to say to those who expected it, and to all if it did happen
    choice: str | None = field(default=None, compare=False)

    def option(self, *passed: int) -> str:
        """The option with this number, from 0; of several conditions it is how many hold: `option(x < 75, x < 30)`."""
        return list(self.options)[sum(map(int, passed))]

    def reveal(self, measured: str, picture: str = "") -> Reveal:
        """Guess beside measurement; `measured` is the option that the measurement found, `picture` an <img> of it."""
        if measured not in self.options:
            raise ValueError(f"{measured!r} is no outcome of this prediction: choose from {list(self.options)}")
        if self.choice is not None:
            progress.record(self, guess=self.choice, measured=measured)
        said = say("You made no prediction" if self.choice is None else f"You predicted: {self.choice}")
        status = "todo" if self.choice is None else "correct" if self.choice == measured else "wrong"
        why = dict.fromkeys(self.options[option] for option in (self.choice, measured) if option is not None)
        return Reveal(status, f"{said}. **{say('Measured')}: {say(measured)}.** {' '.join(map(say, why))}", picture)

    __repr__ = Question.__repr__
