"""The language in which the course speaks: English, or one whose texts lie in files like `ko.po` beside the code.

The files are gettext's. A `msgid` is what the code says in English, with {0}, {1}, … where an f-string puts a value:
the code stays plain English, and `say` finds the text that was meant and puts the same values into its translation.
"""

import contextlib
import functools
import os
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
HOLE = re.compile(r"\{(\d+)\}")
SENTENCE, LISTED = re.compile(r"(?<=[.:!?]) (?=\S)"), re.compile(r"(?<=[,;]) (?=\S)")
PROSE = re.compile(r"\b[a-z]{3,} [a-z]{2,}\b")  # what nobody can take for a name
SPACE, NOTHING = re.compile(" "), re.compile("(?!)")
COUNT = re.compile(r"([\d,.]+) ([a-z-]+)")  # a number and what is counted
CALL = re.compile(r"[\w.]+\([^()]*\)")  # what was asked of the student's code, say
DOTTED = re.compile(r"\w+(\.\w+)+")  # the name of a layer, say, which keeps its own words
SAID = re.compile("[가-힣]")  # Korean: it was said before
_spoken = {"language": "en"}


def languages() -> list[str]:
    """Those that the course can speak."""
    return ["en", *sorted(path.stem for path in HERE.glob("*.po"))]


def speak(language: str) -> None:
    """From now on, `say` says everything in this language. Raises ValueError for one that is not there."""
    if language not in languages():
        raise ValueError(f"given the language {language!r}; expected one of {', '.join(languages())}")
    _spoken["language"] = language


@contextlib.contextmanager
def speaking(language: str) -> Iterator[None]:
    """`with speaking("ko"): …`: another language for a while."""
    before = _spoken["language"]
    speak(language)
    try:
        yield
    finally:
        speak(before)


def language() -> str:
    """The language that is spoken: 'en', or what `speak` was given last."""
    return _spoken["language"]


def say(text: str, language: str = "") -> str:
    """A text of the course in a language, the one that is spoken without it; as it is where there is no translation.

    Raises LookupError for prose without a translation under LECTURE8_CLAIMS=raise, which the tests and the build set.
    """
    language = language or _spoken["language"]
    if language == "en" or not isinstance(text, str) or not re.search("[A-Za-z]", text):
        return text
    found = _found(text, language)
    if found is not None:
        return found
    if os.environ.get("LECTURE8_CLAIMS") == "raise" and PROSE.search(text) and not SAID.search(text):
        raise LookupError(f"there is no translation of {text!r}: run `python -m tools.build.translate`, and add it")
    return text


def bare(text: str) -> str:
    """A text as it is looked up: without the indentation and the empty lines around it."""
    return textwrap.dedent(text).strip()


def pairs(folder: str) -> list[tuple[str, str]]:
    """The texts of a folder of the package, and what they are in the language that is spoken; none for English."""
    path = HERE / folder / f"{language()}.po"
    return [(one.id, one.string) for one in _read(path) if one.id and one.string] if path.exists() else []


def phrase(text: str) -> str:
    """The text itself: a few words that a sentence will be made with, which are translated in that sentence."""
    return text


def _without_calls(text: str) -> str:
    return CALL.sub(lambda call: call[0] if PROSE.search(call[0]) else "", text)


@functools.cache
def _found(text: str, language: str) -> str | None:
    whole, certain, vague = _texts(language)
    key = bare(text)
    found = whole.get(key) if re.search("[A-Za-z]", _without_calls(key)) else key
    if found is None and not SAID.search(key) and not DOTTED.fullmatch(key):
        # one that fits much, such as "{0}: {1}", was meant only if all that is in its holes is known, or one word
        found = (
            _filled(key, language, certain, PROSE)
            or _in_parts(key, language, SENTENCE)
            or _filled(key, language, vague, SPACE)
            or _filled(key, language, certain)
        )
        if found is None and len(key) < 300:
            found = _in_parts(key, language, LISTED)
    if found is None and (count := COUNT.fullmatch(key)) and count[2] in whole:
        found = f"{whole[count[2]]} {count[1]}"
    start, end = text[: len(text) - len(text.lstrip(" "))], text[len(text.rstrip(" ")) :]
    return None if found is None else start + found + end


def _filled(key: str, language: str, holes: list, strange: re.Pattern = NOTHING) -> str | None:
    """The first that fits, but with nothing strange in its holes that nobody has translated."""
    for pattern, numbers, translation in holes:
        if match := pattern.fullmatch(key):
            values = dict(zip(numbers, match.groups(), strict=True))
            said = {number: _part(value, language) for number, value in values.items()}
            if all(said[n] or not strange.search(values[n]) for n in values):
                return HOLE.sub(lambda hole, v=values, s=said: s[int(hole[1])] or v[int(hole[1])], translation)
    return None


def _in_parts(key: str, language: str, cuts: re.Pattern) -> str | None:
    for cut in cuts.finditer(key):
        parts = [_part(part, language) for part in (key[: cut.start()], key[cut.end() :])]
        if None not in parts:
            return " ".join(parts)
    return None


def _part(text: str, language: str) -> str | None:
    """A part in a language: the mark at its end stays where it is."""
    inside = _found(text[:-1], language) if text.endswith((",", ";", ":")) else None
    return _found(text, language) if inside is None else inside + text[-1]


def _read(path: Path) -> Iterable:
    from babel.messages import pofile  # half a second that English does not need

    with path.open("rb") as file:
        return pofile.read_po(file)


@functools.cache
def _texts(language: str) -> tuple[dict[str, str], list, list]:
    """The translations of whole texts, headings among them; of texts with holes, longest first; of those that fit much.

    A text with holes is a pattern, the numbers of its holes in order, and its translation.
    """
    whole, holes = {}, []
    pages = HERE.parent / "docs" / f"{language}.po"  # not in the installed package, and nothing there needs it
    for path in [HERE / f"{language}.po", *sorted(HERE.glob(f"lessons/*/{language}.po")), *[pages] * pages.exists()]:
        for message in _read(path):
            if not message.id or not message.string or message.fuzzy:
                continue
            whole[message.id] = message.string
            if "python-brace-format" in message.flags:
                holes.append((message.id, message.string))
            else:
                headings = [re.findall(r"^#+ (.+?) *$", one, re.MULTILINE) for one in (message.id, message.string)]
                whole |= dict(zip(*headings, strict=False))
    holes.sort(key=lambda pair: -len(HOLE.sub("", pair[0])))
    certain, vague = [], []
    for text, said in holes:
        definite = len(re.findall("[A-Za-z]", HOLE.sub("", text))) > 11
        (certain if definite else vague).append((_pattern(text), [int(n) for n in HOLE.findall(text)], said))
    return whole, certain, vague


def _pattern(text: str) -> re.Pattern:
    pieces = HOLE.split(text)  # text, number, text, number, …
    inside = "((?:(?![.!?] [A-Z\\d]).)*?)"  # no end of a sentence, except in the last one: an error's message, say
    *most, last = map(re.escape, pieces[::2])
    return re.compile(inside.join(most) + ("(.+)" if not last else inside + last), re.DOTALL)
