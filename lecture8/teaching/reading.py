"""What a lesson quotes: terms with their Korean names, the source of library code, claims of the lecture."""

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
        near = " or ".join(map(repr, difflib.get_close_matches(english, table.index, n=3))) or "another"
        raise ValueError(f"there is no term {english!r} in the glossary: did you mean {near}?")
    return f"{english} ({table[english]})"


@dataclass(frozen=True)
class Passage:
    """Something to read, as Markdown in a notebook and as text elsewhere."""

    markdown: str
    text: str

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __repr__(self) -> str:
        return self.text


def source(*objects: object) -> Passage:
    """The source of library functions, classes or modules. Raises OSError or TypeError for what has none in a file."""
    text = "\n\n\n".join(textwrap.dedent(inspect.getsource(thing)).rstrip() for thing in objects)
    return Passage(f"```python\n{text}\n```", text)


def three_ways(correction: int, measured: str, verb: str = "measured") -> Passage:
    """The notes' word and the paper's, from the table `corrections` of data/, beside what was measured just now.

    verb: 'measured', 'counted' or 'computed'. Raises ValueError for a number that is not in the table.
    """
    table = published.read("corrections").set_index("number")
    if correction not in table.index:
        raise ValueError(f"there is no correction {correction}: choose from {', '.join(map(str, sorted(table.index)))}")
    row = table.loc[correction]
    paper = f"{row['paper']} ({row['source']})"
    rows = (("the notes say", row["notes"]), ("the paper says", paper), (f"**we {verb}**", measured))
    return Passage(
        f"| | {row['claim']} |\n|:--|:--|\n" + "\n".join(f"| {who} | {what} |" for who, what in rows),
        f"{row['claim']}: notes: {row['notes']}; paper: {paper}; {verb}: {measured}",
    )
