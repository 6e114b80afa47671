"""Questions with answers to choose from: of a quiz, and before a measurement. `widgets` puts them on the screen."""

from dataclasses import dataclass, field

from lecture8.teaching.exercises import Verdict


@dataclass(frozen=True)
class Question:
    """A question with a few answers, one of them correct, and a word for every one of them."""

    prompt: str
    options: dict[str, str]  #: answer -> what to say to somebody who chose it
    answer: str

    def __post_init__(self):
        if self.answer not in self.options:
            raise ValueError(f"the answer {self.answer!r} is none of the options {list(self.options)}")

    def check(self, choice: str) -> Verdict:
        """A verdict on one of the options. Raises ValueError for anything else."""
        if choice not in self.options:
            raise ValueError(f"{choice!r} is no answer to this question: choose from {list(self.options)}")
        return Verdict("correct" if choice == self.answer else "wrong", self.options[choice])

    def __repr__(self) -> str:
        return self.prompt + "".join(f"\n  ( ) {option}" for option in self.options)


@dataclass
class Prediction:
    """A guess made before a measurement; `reveal(measured)` sets the two side by side and says what to make of it."""

    prompt: str
    options: dict[str, str]  #: what will happen -> what to say when it did
    choice: str | None = field(default=None, compare=False)

    def reveal(self, measured: str) -> Verdict:
        """Guess beside measurement; `measured` is the option that the measurement found."""
        if measured not in self.options:
            raise ValueError(f"{measured!r} is no outcome of this prediction: choose from {list(self.options)}")
        said = "You made no prediction" if self.choice is None else f"You predicted: {self.choice}"
        status = "todo" if self.choice is None else "correct" if self.choice == measured else "wrong"
        return Verdict(status, f"{said}. **Measured: {measured}.** {self.options[measured]}")

    def __repr__(self) -> str:
        return self.prompt + "".join(f"\n  ( ) {option}" for option in self.options)
