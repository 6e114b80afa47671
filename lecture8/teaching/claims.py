"""A claim of the lecture in three versions: the notes, the paper, and what was measured just now."""

from dataclasses import dataclass

from lecture8 import published


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
