"""Decks of slides from the executed notebooks: `make slides` writes them to build/slides; showing needs no network.

python -m tools.build.slides [NAME ...]

Which cell begins a slide is decided in `slide_types`; the speaker's notes (key S) come from the teaching plans.
reveal.js and MathJax are fetched once, by npm, and laid beside the decks.
"""

import itertools
import re
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from nbformat import NotebookNode
from traitlets.config import Config

from lecture8 import words
from tools.build import conditions, instructor, notebooks, npm, players, slide_types, teaching_plan

TARGET = conditions.ROOT / "build" / "slides"
LIBRARIES = {"reveal.js": "4.6.1", "mathjax": "2.7.9", "requirejs": "2.3.7", "jquery": "3.7.1"}
WIDTH, HEIGHT = 1280, 720
HIDDEN = "hide-input"  # tag: the slide shows what comes out, not the call
ADDED = Path(__file__).with_name("deck")  # .css and .js of every deck
PLAYER = '<script src="players/player.js"></script>'


def prepared(notebook: NotebookNode, plan: teaching_plan.Plan) -> NotebookNode:
    """The notebook as its deck shows it: with notes, without the badges; code only where it is what matters."""
    notebook = instructor.with_notes(notebook, plan)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = notebooks.BADGE.sub("", cell.source)
        elif slide_types.hides_code(cell):
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), HIDDEN]
    players.alive(notebook, plan.notebook)
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        shown = output.get("data", {}).get("text/html", "")
        if "data-reveal" in shown:  # the answer comes a key press after the question
            output.data["text/html"] = shown.replace("<details>", "<details open>")
    return notebook


def deck(name: str, language: str = "en") -> str:
    """The deck of a notebook ('06_resnet') as HTML; its libraries are expected beside it."""
    notebook = nbformat.read(notebooks.NOTEBOOKS / notebooks.place(name, language), 4)
    config = Config()
    config.TagRemovePreprocessor.remove_input_tags = {HIDDEN}
    config.TagRemovePreprocessor.enabled = True
    exporter = SlidesExporter(
        config=config,
        reveal_url_prefix="node_modules/reveal.js",
        reveal_theme="white",
        reveal_transition="none",
        reveal_number="c/t",
        reveal_width=str(WIDTH),
        reveal_height=str(HEIGHT),
        mathjax_url="node_modules/mathjax/MathJax.js?config=TeX-AMS_CHTML-full,Safe",
        require_js_url="node_modules/requirejs/require.js",
        jquery_url="node_modules/jquery/dist/jquery.min.js",
        mermaid_js_url="",
    )
    with words.speaking(language):
        html, _ = exporter.from_notebook_node(prepared(notebook, teaching_plan.plan(name, language)))
    # mermaid is on no slide, and would be fetched from the network
    html = re.sub(r'<script type="module">(?:(?!</script>).)*mermaid.*?</script>', "", html, flags=re.DOTALL)
    style, fit = (ADDED.with_suffix(suffix).read_text(encoding="utf-8") for suffix in (".css", ".js"))
    html = html.replace("</head>", f"<style>\n{style}</style>\n</head>")
    return html.replace("</html>", f'<div id="section"></div>\n<script>\n{fit}</script>\n{PLAYER}</html>')


def main() -> None:
    """The command line."""
    options = notebooks.command_line(__doc__).parse_args()
    TARGET.mkdir(parents=True, exist_ok=True)
    npm.fetch(TARGET, LIBRARIES)
    for source, language in itertools.product(options.sources, options.languages):
        path = TARGET / (f"{source.stem}.html" if language == "en" else f"{source.stem}.{language}.html")
        path.write_text(deck(source.stem, language), encoding="utf-8")
        players.lay(path.read_text(encoding="utf-8"), TARGET / "players")
        print(path.relative_to(conditions.ROOT), flush=True)


if __name__ == "__main__":
    main()
