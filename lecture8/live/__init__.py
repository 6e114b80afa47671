"""Pictures that a reader can touch, in the browser, without a kernel: `NAME.js` draws, a lesson gives it data."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure

from lecture8 import words


def show(name: str, data: dict, still: Figure) -> None:
    """The still, for pages on which no script runs, and the picture that takes its place where scripts run.

    data: what `NAME.js` reads: numbers, texts, lists, arrays and dictionaries; numbers are rounded to four digits after
        the point, and names sorted, so that every run shows the same bytes
    """
    begin, draw = (Path(__file__).with_name(f"{file}.js").read_text(encoding="utf-8") for file in ("begin", name))
    data = _plain(data)
    handed = f"{_json(data)},\n{_json(_texts(draw, data))}"
    page = f'<div data-live="{name}"></div><script>(\n{begin})("{name}",\n{draw},\n{handed})</script>'
    display(still)
    plt.close(still)
    display({"text/html": page, "text/plain": f"live picture: {name}"}, raw=True)


def _plain(value):
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return round(value, 4) + 0.0 if isinstance(value, float) else value


def _json(value) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.replace("</", "<\\/")


def _texts(draw: str, data) -> dict[str, str]:
    """What a script and its data say in English -> the same in the language that is spoken; nothing in English."""
    said = {one: text for one, text in words.pairs("live") if all(part in draw for part in words.HOLE.split(one)[::2])}
    return said | {one: text for one in sorted(_strings(data) - said.keys()) if (text := words.say(one)) != one}


def _strings(data) -> set[str]:
    if isinstance(data, str):
        return {data} if len(data) < 300 else set()  # what is longer is a picture
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return set().union(*map(_strings, inner))
