"""What a lesson asks and answers with: show source, compare networks, exercises with hints and checks, quiz questions.

Everything here is a plain value that prints itself, as Markdown in a notebook and as text elsewhere. The widgets that
put a question on the screen are in `explore`.
"""

import difflib
import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from lecture8 import progress, published

MARKS = {"right": "✅", "wrong": "❌", "todo": "⬜"}


@dataclass(frozen=True)
class Verdict:
    """What a check found: `status` is 'right', 'wrong' or 'todo' (not attempted); true when right."""

    status: str
    message: str

    def __bool__(self) -> bool:
        return self.status == "right"

    def __repr__(self) -> str:
        return f"{MARKS[self.status]} {self.message}"

    def _repr_markdown_(self) -> str:
        return f"{MARKS[self.status]} {self.message}"


def right(message: str) -> Verdict:
    """A verdict for a right answer."""
    return Verdict("right", message)


def wrong(message: str) -> Verdict:
    """A verdict for a wrong answer: say what was found, what was expected, and where to look."""
    return Verdict("wrong", message)


# --- exercises -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Exercise:
    """A task with staged hints, a solution and a check; displayed, it shows the task with the rest folded away.

    check_answer: takes the student's answer (a number, a function, a network), returns a `Verdict`
    solution: Python source that assigns the right answer to the name `answer`
    """

    title: str
    difficulty: int  #: 1 (read off a number) to 3 (write a block)
    task: str
    hints: Sequence[str]
    solution: str
    explanation: str
    check_answer: Callable[[object], Verdict]

    def check(self, answer: object) -> Verdict:
        """A verdict on the student's answer; `...`, or a function that still returns nothing, is not attempted.

        A right answer to a lesson's exercise is noted in the file of `progress`.
        """
        verdict = self._verdict(answer)
        if verdict:
            progress.record(self)
        return verdict

    def _verdict(self, answer: object) -> Verdict:
        if answer is ... or answer is None:
            return Verdict("todo", "Not attempted yet: put your answer in place of `...` and run the cell again.")
        try:
            return self.check_answer(answer)
        except NotAttemptedError:
            return Verdict("todo", "Not attempted yet: your function returns nothing so far.")
        except Exception as error:
            return wrong(
                f"Your answer stopped with {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            )

    def _repr_markdown_(self) -> str:
        stars = "★" * self.difficulty + "☆" * (3 - self.difficulty)
        parts = [f"**Exercise: {self.title}** {stars}", textwrap.dedent(self.task).strip()]
        parts += [_folded(f"Hint {i}", hint) for i, hint in enumerate(self.hints, 1)]
        code = f"```python\n{textwrap.dedent(self.solution).strip()}\n```"
        parts.append(_folded("Solution", f"{code}\n\n{textwrap.dedent(self.explanation).strip()}"))
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        return f"Exercise: {self.title} (difficulty {self.difficulty} of 3, {len(self.hints)} hints)"


class NotAttemptedError(Exception):
    """Raised by a check when the student's function exists but returns nothing yet."""


def called(function: Callable, *args):
    """What the student's function returns. Raises NotAttemptedError for nothing, TypeError for what is no function."""
    if not callable(function):
        raise TypeError(f"expected a function, got {function!r}")
    result = function(*args)
    if result is None or result is ...:
        raise NotAttemptedError
    return result


def shape(answer: object) -> str:
    """An answer in a few words: a tensor's shape, such as '2 × 3 × 8 × 8', or the type of what is no tensor."""
    if not isinstance(answer, Tensor):
        return type(answer).__name__
    return " × ".join(map(str, answer.shape)) or "one number"


def number_check(
    expected: float, *, traps: dict[float, str] | None = None, unit: str = ""
) -> Callable[[object], Verdict]:
    """A check for a whole number: right to the last digit, and with a remark for the well-known wrong ones."""

    def check(answer: object) -> Verdict:
        if isinstance(answer, bool) or not isinstance(answer, int | float):
            return wrong(f"Expected a number{unit and f' of {unit}'}, got {answer!r}.")
        if answer == expected:
            return right(f"{expected:,} {unit}".rstrip() + " is right.")
        for value, remark in (traps or {}).items():
            if answer == value:
                return wrong(f"{answer:,}: {remark}")
        ratio = answer / expected
        near = "very close, but not it" if abs(ratio - 1) < 0.02 else f"{'too large' if ratio > 1 else 'too small'}"
        return wrong(f"{answer:,} is {near}.")

    return check


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{textwrap.dedent(body).strip()}\n\n</details>"


# --- questions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """A question with a few answers, one of them right, and a word for every one of them."""

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
        return Verdict("right" if choice == self.answer else "wrong", self.options[choice])

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
        status = "todo" if self.choice is None else "right" if self.choice == measured else "wrong"
        return Verdict(status, f"{said}. **Measured: {measured}.** {self.options[measured]}")

    def __repr__(self) -> str:
        return self.prompt + "".join(f"\n  ( ) {option}" for option in self.options)


# --- terms ---------------------------------------------------------------------------------------------------------


def term(english: str) -> str:
    """A term with its Korean name, 'receptive field (수용 영역)', from the table `glossary` of data/.

    Raises ValueError for a term that is not in it, and names those that look like it.
    """
    table = published.read("glossary").set_index("term")["korean"]
    if english not in table.index:
        near = difflib.get_close_matches(english, table.index, n=3)
        meant = f"did you mean {' or '.join(map(repr, near))}?" if near else "see `published.read('glossary')`"
        raise ValueError(f"there is no term {english!r} in the glossary: {meant}")
    return f"{english} ({table[english]})"


# --- source --------------------------------------------------------------------------------------------------------


class Source:
    """Source code that displays itself highlighted."""

    def __init__(self, text: str):
        self.text = text

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"

    def __repr__(self) -> str:
        return self.text


def source(*objects: object) -> Source:
    """The source of library functions, classes or modules, to be read in the notebook.

    Raises ValueError for what has no source to show, such as a class typed in the notebook.
    """
    texts = []
    for thing in objects:
        try:
            texts.append(textwrap.dedent(inspect.getsource(thing)).rstrip())
        except (OSError, TypeError) as error:
            name = getattr(thing, "__name__", repr(thing))
            raise ValueError(
                f"there is no source to show for {name}: give a function, class or module of a library "
                "(what was typed in a notebook can be scrolled to)"
            ) from error
    return Source("\n\n\n".join(texts))


# --- comparing networks --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Layer:
    name: str
    module: nn.Module
    given: tuple[int, ...]
    put_out: tuple[int, ...]

    @property
    def kind(self) -> str:
        return type(self.module).__name__

    @property
    def settings(self) -> dict:
        m = self.module
        wanted = ("kernel_size", "stride", "padding", "dilation", "groups")
        found = {key: getattr(m, key) for key in wanted if hasattr(m, key)}
        return {**found, **{f"{key} shape": tuple(p.shape) for key, p in m.named_parameters(recurse=False)}}

    @property
    def signature(self) -> tuple:
        return self.kind, tuple(self.settings.items()), self.given, self.put_out

    def __str__(self) -> str:
        return f"{self.name} ({self.kind}, {' × '.join(map(str, self.put_out))})"


def _trace(net: nn.Module, images: Tensor) -> tuple[list[_Layer], Tensor]:
    """The layers that hold numbers, in the order in which they work."""
    found, handles = [], []
    for name, module in net.named_modules():
        if next(module.children(), None) is None and next(module.parameters(), None) is not None:

            def note(module, inputs, output, name=name):
                found.append(_Layer(name, module, tuple(inputs[0].shape[1:]), tuple(output.shape[1:])))

            handles.append(module.register_forward_hook(note))
    try:
        with torch.no_grad():
            return found, net(images)
    finally:
        for handle in handles:
            handle.remove()


def same_network(mine: nn.Module, reference: nn.Module, image_shape: Sequence[int]) -> Verdict:
    """Whether two networks compute the same function; if not, the first layer that differs, and in what.

    The layers with weights are compared in working order (the two branches of a block may come in either order), then
    one's weights are copied into the other and the outputs for random images compared. Neither network is changed.
    """
    import copy

    mine, reference = copy.deepcopy(mine).cpu().eval(), copy.deepcopy(reference).cpu().eval()
    images = torch.randn(2, *image_shape, generator=torch.Generator().manual_seed(0))
    wanted, expected = _trace(reference, images)
    try:
        left, _ = _trace(mine, images)
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        return wrong(
            f"Your network stopped on images of {' × '.join(map(str, image_shape))}: {str(error).splitlines()[0]}"
        )
    total, here = len(left), 0
    for position, layer in enumerate(wanted, 1):
        # a block's shortcut may work before or after its body: look a little ahead, then among those passed over
        nearby = [*range(here, min(here + 6, len(left))), *range(here)]
        match = next((i for i in nearby if left[i].signature == layer.signature), None)
        if match is None:
            yours = left[min(here, len(left) - 1)] if left else None
            return wrong(_difference(position, yours, layer, total, len(wanted)))
        here = match if match >= here else here - 1
        left.pop(match).module.load_state_dict(layer.module.state_dict())
    if left:
        return wrong(f"Your network has {total} layers with weights, {len(left)} too many: the first is {left[0]}.")
    with torch.no_grad():
        got = mine(images)
    if got.shape != expected.shape:
        return wrong(
            f"The layers agree, but your network returns {tuple(got.shape)} instead of {tuple(expected.shape)}."
        )
    if (got - expected).abs().max() > 1e-4 * expected.abs().max().clamp(min=1e-6):
        return wrong(
            f"All {total} layers with weights agree, yet with equal weights the outputs differ: look at what has no "
            "weights (ReLU, pooling, the addition, their order)."
        )
    return right(f"The same network: {total} layers with weights agree, and so do the outputs for equal weights.")


def _difference(position: int, mine: _Layer | None, wanted: _Layer, total: int, expected: int) -> str:
    where = f"The first difference is at layer {position} of {expected}, the reference's {wanted}"
    if mine is None:
        return f"{where}: your network ends before it, with {total} layers with weights."
    if mine.kind != wanted.kind:
        return f"{where}: yours there is {mine}."
    for key, value in wanted.settings.items():
        if mine.settings.get(key) != value:
            return f"{where}: {key} should be {value}, in your {mine.name} it is {mine.settings.get(key, 'missing')}."
    extra = set(mine.settings) - set(wanted.settings)
    if extra:
        return f"{where}: your {mine.name} has a {extra.pop().removesuffix(' shape')} that it should not have."
    return f"{where}: it receives {wanted.given}, your {mine.name} receives {mine.given}."


# --- notes, paper, measurement -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ThreeWays:
    """A claim three times: as the lecture notes have it, as the paper has it, and as it was measured just now."""

    claim: str
    notes: str
    paper: str
    source: str
    measured: str
    verb: str = "measured"

    def _repr_markdown_(self) -> str:
        rows = (
            ("the notes say", self.notes),
            ("the paper says", f"{self.paper} ({self.source})"),
            (f"**we {self.verb}**", self.measured),
        )
        return f"| | {self.claim} |\n|:--|:--|\n" + "\n".join(f"| {who} | {what} |" for who, what in rows)

    def __repr__(self) -> str:
        return f"{self.claim}: notes: {self.notes}; paper: {self.paper} ({self.source}); {self.verb}: {self.measured}"


def three_ways(correction: int, measured: str, verb: str = "measured") -> ThreeWays:
    """The notes' word and the paper's, from the table `corrections` of data/, beside what was measured just now.

    verb: 'measured', or more modestly 'counted' or 'computed'; assert the result before you show it.
    Raises ValueError for a number that is not in the table.
    """
    table = published.read("corrections").set_index("number")
    if correction not in table.index:
        raise ValueError(f"there is no correction {correction}: choose from {', '.join(map(str, sorted(table.index)))}")
    row = table.loc[correction]
    return ThreeWays(row["claim"], row["notes"], row["paper"], row["source"], measured, verb)
