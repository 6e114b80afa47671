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
    text = json.dumps(_plain(data), ensure_ascii=False, sort_keys=True, separators=(",", ":")).replace("</", "<\\/")
    texts = words.pairs("live")
    said = f",\n{json.dumps(texts, ensure_ascii=False)}" if texts else ""
    page = f'<div data-live="{name}"></div><script>(\n{begin})("{name}",\n{draw},\n{text}{said})</script>'
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
