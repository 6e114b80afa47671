"""Explorers, quizzes and predictions that answer on a page without a kernel, for the site and the decks.

`alive` puts into an executed notebook what player.js brings to life; `lay` lays the states of its explorers beside it:
every picture drawn ahead, which is possible since controls have a few values each. States are drawn once and kept in
build/players under the hash of what draws them.
"""

import hashlib
import html
import importlib.metadata
import io
import itertools
import json
import math
import re
import shutil
import statistics
from pathlib import Path

from markdown_it import MarkdownIt
from nbformat import NotebookNode
from PIL import Image

from lecture8 import course, plots, teaching
from lecture8.words import language, languages, say, speaking
from tools.build import conditions, slide_types

SCRIPT = Path(__file__).with_name("player.js")
KEPT = conditions.ROOT / "build" / "players"
MADE_BY = (".py", ".csv", ".po")
BYTES = 2_000_000  # the most that the pictures of one explorer take
FEWER = {  # explorers with more states than fit, and the values that a page without a kernel has
    "l05_googlenet.module": {
        "module": ["example", "3a", "4e"], "reduce3": ["none", 32, 64, 256], "reduce5": ["none", 32, 64, 256],
        "pool": ["none", 64, 256],
    },
}  # fmt: skip
EXPLORER = re.compile(r"\bexplorers\.(\w+)\(")
ASKED = re.compile(r"\bteaching\.(quiz|predict)\(ask\.(?:quiz|predictions)\[\"?(\w+)\"?\]")
REVEALED = re.compile(r"\bguess_(\w+)\.reveal\(")
words = MarkdownIt("commonmark", {"html": True}).renderInline


def alive(notebook: NotebookNode, name: str) -> NotebookNode:
    """The notebook `name` ('06_resnet') with HTML for the widgets and pictures in its outputs; changes it in place."""
    course.lesson(name).module("explorers")  # lists them
    questions, guesses = course.lesson(name).module("questions"), {}
    for cell in notebook.cells:
        outputs, made = [out for out in cell.get("outputs", ()) if "data" in out], ""
        if not outputs:
            continue
        shown = outputs[0]
        if found := EXPLORER.search(cell.source):
            made = _explorer(f"l{name}.{found[1]}", shown.data)
        elif found := ASKED.search(cell.source):
            kind, key = found.groups()
            asked = questions.quiz[int(key)] if kind == "quiz" else questions.predictions[key]
            guesses |= {guess: key for guess in re.findall(r"\bguess_(\w+) = ", cell.source)}
            made = _asked(asked, key if kind == "predict" else "", shown.data["text/html"])
        elif found := REVEALED.search(cell.source):
            made = _revealed(guesses[found[1]], shown.data["text/markdown"])
        if made:
            shown.data = NotebookNode({"text/html": made})
        for out in outputs:
            if picture := out.data.get("image/png"):  # as it is, neither Sphinx nor nbconvert describes it
                out.data = NotebookNode({"text/html": _picture(picture, out.metadata["image/png"]["alt"])})
    return notebook


def _picture(png: str, words: str) -> str:
    return f'<img alt="{html.escape(words)}" src="data:image/png;base64,{png}">'


def _explorer(key: str, data: dict) -> str:
    """The still of a listed explorer as a figure; nothing for one that works on what the cell hands to it."""
    if key not in teaching.EXPLORERS or "image/png" not in data:
        return ""
    words = re.sub(r"^\[.*?\] ", "", data["text/plain"])
    caption = f'<figcaption aria-live="polite">{html.escape(words)}</figcaption>'
    picture = _picture(data["image/png"], words)
    return f'<figure data-player="{key}" data-language="{language()}">{picture}{caption}</figure>'


def _asked(asked: teaching.Question | teaching.Prediction, key: str, still: str) -> str:
    """A question with all that it says to those who choose an option; key: of a prediction, which says it later."""
    options = [
        {"text": say(option), "html": words(say(option)), "why": words(say(why))}
        | {"said": say("Noted. Now see what was measured.") if key else words(str(asked.check(option)))}
        for option, why in asked.options.items()
    ]
    button = "That is my guess" if key else "Check"
    about = {"prompt": words(say(asked.prompt)), "options": options, "key": key, "button": say(button)}
    data = json.dumps(about, ensure_ascii=False).replace("</", "<\\/")
    script = f'<script type="application/json">{data}</script>'
    return f'<div data-ask>{script}<div class="still">{still}</div></div>'


def _revealed(key: str, markdown: str) -> str:
    """What a prediction reveals without a guess, as HTML that knows what was measured."""
    summary, head, measured, more, picture = slide_types.REVEAL.fullmatch(markdown).groups("")
    body = f"<p><b>{head}{words(measured)}.</b> {words(more.strip())}</p>{picture}"
    guess, mine = html.escape(measured), say("You predicted")
    return (
        f'<div data-reveal="{key}" data-measured="{guess}" data-mine="{mine}"><p class="guess"></p>'
        f"<details><summary>{summary}</summary>{body}</details></div>"
    )


def thinned(values: dict[str, list], start: dict, most: int) -> dict[str, list]:
    """Fewer values of the controls that have most, numbers only, until there are at most `most` states."""
    values = {name: list(some) for name, some in values.items()}
    while math.prod(map(len, values.values())) > most:
        numbers = [n for n, some in values.items() if len(some) > 3 and all(isinstance(v, int | float) for v in some)]
        if not numbers:
            break
        longest = max(numbers, key=lambda name: len(values[name]))
        some, kept = values[longest], values[longest].index(start[longest]) % 2
        values[longest] = some[kept::2]
    return values


def shown(notebook: NotebookNode) -> str:
    """All HTML in the outputs of a notebook, each cell's in a box of its own, as on a page of the site."""
    made = ([out.get("data", {}).get("text/html", "") for out in cell.get("outputs", ())] for cell in notebook.cells)
    return "".join(f'<div class="cell_output">{"".join(some)}</div>' for some in made if any(some))


def lay(page: str, folder: Path) -> None:
    """Lays the script, and the states of all explorers on a page made from what `alive` returns, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SCRIPT, folder)
    for key in re.findall(r'<figure data-player="([^"\s]+)"', page):
        _draw(key, folder)


def _draw(key: str, folder: Path) -> None:
    kept = KEPT / f"{key}-{_made_by(key)}"
    if not (kept / f"{languages()[-1]}.js").exists():
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        with speaking("en"):
            drawn = _drawn(key, kept)
        for spoken, states in drawn.items():
            (kept / f"{spoken}.js").write_text(states, encoding="utf-8")
    shutil.rmtree(folder / key, ignore_errors=True)
    shutil.copytree(kept, folder / key)


def _made_by(key: str) -> str:
    """A hash of the package without the other lessons, of this file, and of the libraries that draw."""
    package, lesson = conditions.ROOT / "lecture8", key.partition(".")[0]
    files = [p for p in package.rglob("*.*") if p.suffix in MADE_BY and "lessons" not in p.parts]
    files += [Path(__file__), *(p for p in (package / "lessons" / lesson).iterdir() if p.suffix in MADE_BY)]
    versions = [importlib.metadata.version(library) for library in ("matplotlib", "torch", "pillow")]
    return hashlib.sha256(b"".join(p.read_bytes() for p in sorted(files)) + str(versions).encode()).hexdigest()[:12]


def _states(values: dict[str, list]) -> list[dict]:
    return [dict(zip(values, state, strict=True)) for state in itertools.product(*values.values())]


def _webp(picture: Image.Image, **how) -> bytes:
    file = io.BytesIO()
    picture.save(file, "webp", method=4, **how)
    return file.getvalue()


def _drawn(key: str, folder: Path) -> dict[str, str]:
    """Draws the pictures of an explorer into a folder; by language, the script that hands its states to player.js."""
    explorer = teaching.EXPLORERS[key]()
    values = {name: [value for _, value in control.options] for name, control in explorer.controls.items()}
    values |= FEWER.get(key, {})
    start = {name: control.value for name, control in explorer.controls.items()}

    def picture(state: dict) -> tuple[bytes, str]:
        figure, text = explorer.draw(**state)
        full = Image.open(io.BytesIO(plots.png(figure))).convert("RGB")
        exact, close = (_webp(full, lossless=True), _webp(full, quality=80))
        if len(close) < 0.7 * len(exact):  # there are photographs in it
            return close, text
        return _webp(full.quantize(64).convert("RGB"), lossless=True), text

    every = _states(values)
    sample = [len(picture(state)[0]) for state in every[:: max(1, len(every) // 8)]]
    values = thinned(values, start, int(BYTES / statistics.mean(sample)))
    files, states = {}, []
    for state in _states(values):
        drawn, text = picture(state)
        states.append((files.setdefault(drawn, len(files)), text))
    for drawn, number in files.items():
        (folder / f"{number}.webp").write_bytes(drawn)

    def script(language: str) -> str:
        controls = [
            {
                "label": say(explorer.controls[name].description, language),
                "values": [say(str(value), language) for value in some],
                "start": some.index(start[name]),
                "slides": len(some) > 3 and all(isinstance(value, int | float) for value in some),
            }
            for name, some in values.items()
        ]
        said = [(number, say(text, language)) for number, text in states]
        about = json.dumps({"controls": controls, "pictures": len(files), "states": said}, ensure_ascii=False)
        return f"lecture8.states({json.dumps(f'{key}/{language}')}, {about});\n"

    return {language: script(language) for language in languages()}
