"""The teaching plans of the lessons: a page for each notebook, and the speaker notes of its slides.

A plan begins with a title and what to do before class; then comes, under the heading of each section of the notebook,
`N min.` and what to say there; last, Discussion: questions with their answers. Sections that it does not name are for
reading at home.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from lecture8.words import say
from tools.build import conditions, headings

MINUTES = 75
DISCUSSION = "Discussion"


@dataclass(frozen=True)
class Plan:
    """A teaching plan, by headings."""

    notebook: str
    text: str
    language: str = "en"

    @property
    def parts(self) -> dict[str, str]:
        """Heading -> what stands under it, as Markdown."""
        _, *pieces = re.split(r"^## (.+)$", self.text, flags=re.MULTILINE)
        return {heading.strip(): body.strip() for heading, body in zip(pieces[::2], pieces[1::2], strict=True)}

    @property
    def discussion(self) -> str:
        """The part for the end of the lesson, with its heading."""
        return f"### {self._last}\n\n{self.parts[self._last]}"

    @property
    def _last(self) -> str:
        return say(f"## {DISCUSSION}", self.language).removeprefix("## ")

    @property
    def notes(self) -> dict[str, str]:
        """Heading of the notebook -> the speaker's notes, and the claims that the executed notebook makes there."""
        claims = [(heading, text[2:]) for heading, text in self._shown if text.startswith("✅")]
        measured = say("The notebook measured:", self.language)
        found = {heading: [body] for heading, body in self.parts.items() if heading != self._last}
        for heading, claim in dict.fromkeys(claims):  # one that is shown twice is read once
            found.get(heading, []).append(f"*{measured}* {claim}")
        return {heading: "\n\n".join(texts) for heading, texts in found.items()}

    @functools.cached_property
    def _shown(self) -> list[tuple[str, str]]:
        """(last heading above it, text) of everything that the executed notebook shows."""
        found = []
        for heading, cell in headings.cells(self.notebook, self.language):
            found.append((heading, cell.source))
            for output in cell.get("outputs", []):
                kinds = output.get("data", {"text/plain": output.get("text", "")})
                found += [(heading, kinds[k]) for k in ("text/plain", "text/markdown", "text/html") if k in kinds]
        return found

    def complaints(self) -> list[str]:
        """What is wrong with it: headings that the notebook lacks, times that are missing or do not add up."""
        found, total = [], 0
        known = headings.headings(self.notebook)
        for heading, body in self.notes.items():
            if heading not in known:
                found.append(headings.complaint(self.notebook, heading) or f"{self.notebook} has no source")
            minutes = re.match(r"\*\*(\d+) min\.\*\*", body)
            if not minutes:
                found.append(f"{self.notebook}: {heading!r} does not begin with its time, such as **10 min.**")
            else:
                total += int(minutes[1])
        if total != MINUTES:
            found.append(f"the times of {self.notebook} add up to {total} minutes, not {MINUTES}")
        if len(re.findall(r"^\d+\. ", self.parts.get(DISCUSSION, ""), re.MULTILINE)) < 3:
            found.append(f"{self.notebook}: fewer than three questions under {DISCUSSION!r}")
        return found

    def stale(self) -> list[str]:
        """Decimals and percentages that the executed notebook does not show."""
        shown = "\n".join(text for _, text in self._shown)
        numbers = re.findall(r"\d[\d,]*\.\d+|\d+(?= %)", self.text)
        return [n for n in numbers if not re.search(rf"(?<![\d.,]){re.escape(n)}(?!\d|[.,]\d)", shown)]


def path(notebook: str) -> Path:
    """Where the plan of a notebook ('06_resnet') lies."""
    return conditions.folder(notebook) / "plan.md"


def blocks(markdown: str) -> list[str]:
    """The paragraphs, headings, lists and tables of a text: what stands between two empty lines."""
    return re.split(r"\n\s*\n", markdown.strip())


def plan(notebook: str, language: str = "en") -> Plan:
    """The plan of a notebook. Raises FileNotFoundError where there is none."""
    parts = blocks(path(notebook).read_text(encoding="utf-8"))
    return Plan(notebook, "\n\n".join(say(part, language) for part in parts) + "\n", language)
