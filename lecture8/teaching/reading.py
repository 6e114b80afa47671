"""What a lesson quotes: terms with their Korean names, and the source of library code."""

import difflib
import inspect
import textwrap
from dataclasses import dataclass

from lecture8 import published


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


@dataclass(frozen=True)
class Source:
    """Source code that displays itself highlighted."""

    text: str

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
