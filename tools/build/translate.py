"""The texts of the course in another language: gathered from the code into gettext's files, which translators fill in.

python -m tools.build.translate [--language ko]    bring the files up to date; what is missing or changed, by file

`lecture8/lessons/*/ko.po` hold a lesson's cells, questions, answers, captions and plan; `lecture8/ko.po` the rest.
A text that changed is kept as `fuzzy` beside its old translation until somebody has looked at it.
"""

import argparse
import ast
import functools
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import jupytext
from babel.messages import pofile
from babel.messages.catalog import Catalog
from markdown_it import MarkdownIt

from lecture8 import course, published, teaching, words
from tools.build import conditions, notebooks, teaching_plan

ROOT = conditions.ROOT
TEMPLATE = "python-brace-format"
SHARED = [
    "session.py",
    *(f"teaching/{name}.py" for name in ("builds", "exercises", "questions", "same_network", "widgets")),
]
# not said to the reader of a lesson; the labels in pictures stay English, since Colab has no Korean font
UNSAID = {"experiments.py", "pictures.py", "drawings.py"}
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")
# what a text and its translation have in common, as often in one as in the other
ALIKE = {
    "holes": re.compile(r"\{[\w:,.+%]*\}"),
    "numbers": re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?"),
    "formulas": re.compile(r"\$+[^$]+\$+"),
    "addresses": re.compile(r"\]\(([^)\s]+)\)"),
    "code": re.compile(r"(?<!`)`[^`\n]+`"),
    "headings": re.compile(r"^#+ ", re.MULTILINE),
    "tags": re.compile(r"</?\w+"),
}
# the columns of tables whose entries an explorer of a lesson says
TABLED = {"00_start_here": [("ilsvrc", "network"), ("ilsvrc", "idea")]}
LARGE = re.compile(r"\d (thousand|million|billion)\b")
HUNDRED_MILLIONS = re.compile(r"(\d+)억 ?([\d,]+)만")
# words that may become digits: 3분의 1 for “a third”
COUNTED = dict(enumerate("zero one two three four five six seven eight nine ten eleven twelve".split()))
COUNTED |= {20: "twenty", 30: "half an hour|half a minute", 60: "sixty"}
SHARES = {3: "third", 4: "quarter", 5: "fifth", 6: "sixth", 8: "eighth", 10: "tenth", 20: "twentieth", 100: "millionth"}
COUNTED |= {n: f"{COUNTED[n]}|{share}" if n in COUNTED else share for n, share in SHARES.items()}
COUNTED[8] += "|august"
COUNTED[1] = f"one|a (?:minute|point)|{'|'.join(SHARES.values())}"
LEFT_OUT = re.compile(r"`[^`]*`|\$[^$]*\$|\]\([^)]*\)|<[^>]+>")
Text = tuple[str, str, bool]  # what is said, where, whether it has holes


def cells(name: str) -> Iterator[Text]:
    """The Markdown of a notebook's source, and the sentences of its claims."""
    for number, cell in enumerate(jupytext.read(notebooks.source_of(name), fmt="py:percent").cells):
        where = f"cell {number}"
        if cell.cell_type == "markdown":
            yield cell.source, where, False
            continue
        for call in ast.walk(ast.parse(cell.source)):
            if isinstance(call, ast.Return) and isinstance(call.value, ast.Tuple):
                sentence = call.value.elts[-1]  # beside a figure
                if isinstance(sentence, ast.JoinedStr):
                    yield holed(sentence), where, True
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "teaching.claim":
                hints = [one.value for one in call.keywords if one.arg == "hint"]
                for text in (call.args[0], *hints):
                    for one in ast.walk(text):
                        if isinstance(one, ast.Constant) and isinstance(one.value, str):
                            yield one.value, where, False


def questions(name: str) -> Iterator[Text]:
    """What a lesson asks, and what it says to every answer."""
    ask = course.lesson(name).module("questions")
    for key, one in ask.predictions.items():
        for text in (one.prompt, *(text for pair in one.options.items() for text in pair)):
            yield text, f"prediction {key}", False
    for key, one in {**getattr(ask, "builds", {}), **ask.exercises}.items():
        for text in (one.title, one.task, *one.hints, one.explanation):
            yield text, f"{type(one).__name__.lower()} {key}", False
    for number, one in enumerate(ask.quiz):
        for text in (one.prompt, *(text for pair in one.options.items() for text in pair)):
            yield text, f"quiz {number}", False


def explorers(name: str) -> Iterator[Text]:
    """The words at the controls of a lesson's explorers."""
    course.lesson(name).module("explorers")
    for key, build in teaching.EXPLORERS.items():
        if key.startswith(f"l{name}."):
            for control in build().controls.values():
                for text in (control.description, *(label for label, _ in control.options)):
                    yield text, f"explorer {key.partition('.')[2]}", False
    for table, column in TABLED.get(name, []):
        for text in published.read(table)[column].dropna():
            yield text, table, False


def asked_for(path: Path) -> Iterator[Text]:
    """What a module hands to `say` in so many words."""
    for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(one, ast.Call) and (
            (name := ast.unparse(one.func).removeprefix("words.")) in ("say", "phrase")
            or (name == "map" and ast.unparse(one.args[0]) == "say")
        ):
            nodes = [text for text in ast.walk(one) if isinstance(text, ast.JoinedStr | ast.Constant)]
            parts = {id(part) for text in nodes if isinstance(text, ast.JoinedStr) for part in text.values}
            for text in nodes:
                if isinstance(text, ast.JoinedStr):
                    yield holed(text), path.name, True
                elif id(text) not in parts and re.search("[A-Za-z]{2}", str(text.value or "")):
                    yield text.value, path.name, False


def holed(sentence: ast.JoinedStr) -> str:
    """An f-string with {0}, {1}, … for its values, one for those that follow each other."""
    text, holes = "", 0
    for part in sentence.values:
        if isinstance(part, ast.Constant):
            text += part.value
        elif text[-1:] != "}":
            text, holes = f"{text}{{{holes}}}", holes + 1
    return text


def written(path: Path) -> Iterator[Text]:
    """The prose in a module's strings, but not that of its errors and docstrings; an f-string's values are holes."""
    yield from asked_for(path)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    apart = [one for one in ast.walk(tree) if isinstance(one, ast.Raise)]
    # a string that stands alone is a docstring
    apart += [one for one in ast.walk(tree) if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)]
    unsaid = {id(inner) for one in apart for inner in ast.walk(one)}
    sentences = [one for one in ast.walk(tree) if isinstance(one, ast.JoinedStr)]
    unsaid |= {id(part) for one in sentences for part in one.values if isinstance(part, ast.Constant)}
    for one in ast.walk(tree):
        if id(one) in unsaid:
            continue
        if isinstance(one, ast.JoinedStr):
            text = holed(one)
            if re.search("[A-Za-z]{2}", words.HOLE.sub("", text)) and text[0] not in "<`":
                yield text, path.name, True
        elif isinstance(one, ast.Constant) and isinstance(one.value, str) and words.PROSE.search(one.value):
            yield one.value, path.name, False
        elif isinstance(one, ast.keyword) and one.arg == "unit":
            yield one.value.value, path.name, False
        elif isinstance(one, ast.FormattedValue):  # one word or another in a sentence
            chosen = [way for part in ast.walk(one) if isinstance(part, ast.IfExp) for way in (part.body, part.orelse)]
            for way in chosen:
                if isinstance(way, ast.Constant) and re.search("[a-z]{2}", str(way.value)):
                    yield way.value, path.name, False


def plan(name: str) -> Iterator[Text]:
    """A teaching plan, paragraph by paragraph."""
    for block in teaching_plan.blocks(teaching_plan.path(name).read_text(encoding="utf-8")):
        yield block, "plan", False


def lesson(name: str) -> Iterator[Text]:
    """All texts of a lesson."""
    yield from cells(name)
    yield from questions(name)
    yield from explorers(name)
    for path in sorted(conditions.folder(name).glob("[a-z_]*.py")):
        yield from asked_for(path) if path.name in UNSAID else written(path)
    yield from plan(name)


def shared() -> Iterator[Text]:
    """All texts that no lesson owns."""
    for one in course.LESSONS:
        yield one.title, "lessons", False
        yield one.question, "lessons", False
    for pattern in SHARED:
        for path in sorted((ROOT / "lecture8").glob(pattern)):
            yield from written(path)
    for text in ("Build", "Exercise", *(one.caption for one in (teaching.quiz, teaching.predict))):
        yield text, "widgets", False
    for path in sorted((ROOT / "tools" / "build").glob("*.py")):
        yield from asked_for(path)
    for table, column in (("concepts", "question"), ("glossary", "meaning")):
        for text in published.read(table)[column]:
            yield text, table, False


def documents() -> Iterator[Text]:
    """The front page, the pages of docs and those of the site."""
    from tools.build import glossary_page, notes_page, site  # which use this module

    generated = (glossary_page.PAGE, notes_page.PAGE)
    pages = [path for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))) if path not in generated]
    texts = [(path.name, path.read_text(encoding="utf-8")) for path in pages]
    texts += [("site", site.HOME), ("glossary", glossary_page.HEAD), ("notes", notes_page.HEAD)]
    for where, text in texts:
        for block in teaching_plan.blocks(text):
            yield block, where, False
    for text in ("The lessons", "Beside them", "For teachers", notes_page.TABLE):
        yield text, "site", False
    for column in ("claim", "notes", "paper"):
        for text in published.read("corrections")[column]:
            yield text, "corrections", False


def said(markdown: str) -> str:
    """A page in the language that is spoken, block by block."""
    return "\n\n".join(map(words.say, teaching_plan.blocks(markdown))) + "\n"


def readme(language: str) -> str:
    """README.md in another language, which links to its notebooks."""
    english = (ROOT / "README.md").read_text(encoding="utf-8")
    with words.speaking(language):
        text = said(english)
    headings = [re.findall("^#+ (.+)$", page, re.MULTILINE) for page in (english, text)]
    for here, there in zip(*headings, strict=True):  # as GitHub makes addresses of them
        here, there = (re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in (here, there))
        text = text.replace(f"](#{here})", f"](#{there})")
    text = text.replace(f"(README.{language}.md)", "(README.md)").replace("[한국어]", "[English]")
    return text.replace("](notebooks/", f"](notebooks/{language}/")


def live() -> Iterator[Text]:
    """What moving pictures say in the browser: say`Row ${i}` is “Row {0}”, say(name /* a | b */) is “a” or “b”."""
    for path in sorted((ROOT / "lecture8" / "live").glob("*.js")):
        code = re.sub(r"^ *//.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for start in re.finditer(r"\bsay`", code):
            text, position = "", start.end()
            while code[position] != "`":
                if code.startswith("${", position):
                    text += f"{{{len(words.HOLE.findall(text))}}}"
                    position = _closing(code, position + 2)
                else:
                    text += code[position]
                position += 1
            yield text, path.name, "{0}" in text
        for names in re.findall(r"\bsay\(\w+\s*/\* (.*?) \*/\)", code):
            for name in names.split(" | "):
                yield name, path.name, False


def _closing(code: str, position: int) -> int:
    """The place of the brace that closes what begins here."""
    depth = 1
    while depth:
        depth += {"{": 1, "}": -1}.get(code[position], 0)
        position += 1
    return position - 1


def files(language: str) -> dict[Path, list[Text]]:
    """The file of each part of the course, and the texts that belong into it."""
    found = {ROOT / "docs" / f"{language}.po": list(documents()), ROOT / "lecture8" / f"{language}.po": list(shared())}
    found[ROOT / "lecture8" / "live" / f"{language}.po"] = list(live())
    for source in notebooks.sources():
        found[source.parent / f"{language}.po"] = list(lesson(source.stem))
    return found


def template(texts: list[Text]) -> Catalog:
    """A catalog of texts without translations."""
    catalog = Catalog(fuzzy=False)
    for text, where, holes in texts:
        key = words.bare(text)
        if re.search("[A-Za-z]", words.HOLE.sub("", key)):
            catalog.add(key, locations=[(where, None)], flags=[TEMPLATE] if holes else [])
            catalog[key].flags.discard("python-format")  # a percent sign is one
    return catalog


def read(path: Path, language: str) -> Catalog:
    """A file of translations; an empty one where there is none."""
    if not path.exists():
        return Catalog(locale=language, fuzzy=False)
    with path.open("rb") as file:
        return pofile.read_po(file, locale=language)


def update(path: Path, texts: list[Text], language: str) -> list[str]:
    """Brings a file up to date and writes it; what it lacks: a line for each text."""
    catalog = read(path, language)
    catalog.update(template(texts), no_fuzzy_matching=False, update_creation_date=False)
    catalog.obsolete.clear()
    with path.open("wb") as file:
        pofile.write_po(file, catalog, width=0, omit_header=True)
    return lacking(catalog)


def lacking(catalog: Catalog) -> list[str]:
    """A line for each text of a catalog that has no translation, or one of an older text."""
    return [
        f"{'changed' if one.fuzzy else 'missing'}: {one.id.splitlines()[0][:90]}"
        for one in catalog
        if one.id and (one.fuzzy or not one.string)
    ]


def complaints(catalog: Catalog) -> list[str]:
    """What a translation does not have in common with its text: holes, numbers, formulas, addresses, code, headings,
    tags, and the Korean word for each term of the glossary (a comment `# not the term: source` excuses one).
    """
    found = []
    for one in catalog:
        if not one.id or not one.string:
            continue
        where = f"{one.locations[0][0] if one.locations else ''}: {one.id.splitlines()[0][:60]!r}"
        for kind, pattern in ALIKE.items():
            here, there = (Counter(pattern.findall(text)) for text in (one.id, one.string))
            if kind == "code":  # the Korean notebooks say language="ko" where they are started
                there = Counter({re.sub('language="ko", |, language="ko"', "", code): n for code, n in there.items()})
            if kind == "numbers":
                if LARGE.search(one.id):  # 120만 for 1.2 million
                    here, there = (_digits(text, pattern) for text in (one.id, one.string))
                spelled, allowed = " ".join(one.id.lower().split()), Counter()
                for n, word in COUNTED.items():
                    digits = (str(n).strip("0") or "0") if LARGE.search(one.id) else str(n)
                    allowed[digits] += len(re.findall(rf"\b(?:{word})s?\b", spelled))
                there -= (there - here) & allowed
            if here != there:
                found.append(f"{where}: {kind} {sorted((here - there).keys())} became {sorted((there - here).keys())}")
        if "**" in re.sub(r"<[^>]+>", "", MARKDOWN.render(re.sub(r"`[^`]*`|\$[^$]*\$", "", one.string))):
            found.append(f"{where}: ** that is not read as bold: no bracket or quotation mark may stand before it")
        excused = " ".join(one.user_comments)
        found += [
            f"{where}: {term!r} is not called {' or '.join(names)}"
            for term, (pattern, names) in terms().items()
            if pattern.search(LEFT_OUT.sub(" ", one.id))
            and not any(name in one.string for name in names)
            and f"not the term: {term}" not in excused
        ]
    return found


def _digits(text: str, number: re.Pattern) -> Counter:
    """The numbers of a text without their powers of ten, of which each language has its own."""
    whole = HUNDRED_MILLIONS.sub(lambda two: f"{int(two[1]) * 10**4 + int(two[2].replace(',', ''))}", text)
    return Counter(re.sub("[.,]", "", one).strip("0") or "0" for one in number.findall(whole))


@functools.cache
def terms() -> dict[str, tuple[re.Pattern, list[str]]]:
    """Term of the glossary -> what finds it in English, and its Korean names."""
    table, found = published.read("glossary").fillna(""), {}
    for row in table.itertuples():
        longer = [other for other in table["term"] if row.term in other and other != row.term]
        apart = "".join(rf"(?!{re.escape(other[other.index(row.term) :])})" for other in longer)
        behind = "".join(
            rf"(?<!{re.escape(other[: other.index(row.term)])})" for other in longer if other.index(row.term)
        )
        word = re.escape(row.term).replace(r"\ ", r"[\s-]+")
        names = [row.korean, *filter(None, row.alias.split(", "))]
        found[row.term] = re.compile(rf"(?<![\w-]){behind}{apart}{word}(s|es)?(?![\w-])", re.I), names
    return found


def main() -> int:
    """The command line; the number of texts without a translation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language", default="ko")
    language, total = parser.parse_args().language, 0
    conditions.apply()
    for path, texts in files(language).items():
        found = update(path, texts, language)
        print(f"{path.relative_to(ROOT)}: {len(texts)} texts", *found[:5], "…" * (len(found) > 5), sep="\n  ")
        total += len(found)
    print(f"{total} texts lack a translation")
    if not total:
        (ROOT / f"README.{language}.md").write_text(readme(language), encoding="utf-8", newline="\n")
    return min(total, 255)


if __name__ == "__main__":
    sys.exit(main())
