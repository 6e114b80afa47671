"""The headings of the notebooks, and the tables of data/ that point to them.

python -m tools.build.headings          say which rows of the tables point to a heading that is not there
python -m tools.build.headings --move   where only a heading's number has changed, write the new one into the tables
"""

import argparse
import csv
import difflib
import re
import sys
from pathlib import Path

from tools.build import conditions

TABLES = ("concepts", "corrections", "coverage")  # each with the columns notebook and section


def headings(notebook: str) -> list[str]:
    """The headings of a notebook's source, in order; none where there is no such source."""
    path = conditions.folder(notebook) / f"{notebook}.py"
    if not path.is_file():
        return []
    # Markdown cells are comments in a source
    return [h.strip() for h in re.findall(r"^# #{1,6} (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)]


def complaint(notebook: str, section: str) -> str:
    """One sentence if a notebook that is there lacks this heading, else ''."""
    found = headings(notebook)
    if not found or section in found:
        return ""
    near = difflib.get_close_matches(section, found, n=1, cutoff=0)
    return f"{notebook} has no heading {section!r}; nearest is {near[0]!r}"


def _bare(heading: str) -> str:
    """A heading without its number."""
    return re.sub(r"^\d+ · ", "", heading)


def _table(name: str) -> tuple[Path, list[str], list[dict]]:
    path = conditions.ROOT / "data" / f"{name}.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    header = [line for line in lines if line.startswith("#")]
    return path, header, list(csv.DictReader(line for line in lines if not line.startswith("#")))


def move(name: str) -> int:
    """Follow headings that got another number, in one table; the number of rows changed."""
    path, header, rows = _table(name)
    changed = 0
    for row in rows:
        now = [h for h in headings(row["notebook"]) if _bare(h) == _bare(row["section"])]
        if len(now) == 1 and now[0] != row["section"]:
            row["section"], changed = now[0], changed + 1
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("".join(f"{line}\n" for line in header))
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return changed


def main() -> int:
    """The command line; the number of rows with a complaint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--move", action="store_true")
    options = parser.parse_args()
    bad = 0
    for name in TABLES:
        if options.move:
            print(f"{name}: {move(name)} rows moved")
        for row in _table(name)[2]:
            if problem := complaint(row["notebook"], row["section"]):
                bad += 1
                print(f"{name}: {problem}")
    return bad


if __name__ == "__main__":
    sys.exit(main())
