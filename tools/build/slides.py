"""Decks of slides from the executed notebooks: `make slides` writes them to build/slides; showing needs no network.

python -m tools.build.slides [NAME ...]

Which cell begins a slide is decided in `slide_types`; the speaker's notes (key S) come from the teaching plans.
reveal.js and MathJax are fetched once, by npm, and laid beside the decks.
"""

import re

import nbformat
from nbconvert import SlidesExporter
from nbformat import NotebookNode
from traitlets.config import Config

from tools.build import conditions, instructor, notebooks, npm, players, slide_types, teaching_plan

TARGET = conditions.ROOT / "build" / "slides"
LIBRARIES = {"reveal.js": "4.6.1", "mathjax": "2.7.9", "requirejs": "2.3.7", "jquery": "3.7.1"}
WIDTH, HEIGHT = 1280, 720
HIDDEN = "hide-input"  # tag: the slide shows what comes out, not the call
SMALLEST = 60  # per cent: a slide is set smaller until it fits, but not below this

STYLE = """
<style>
:root { --jp-content-font-size1: 26px; --jp-ui-font-size1: 26px; --jp-code-font-size: 20px; }
.reveal .slides, .reveal .slides section { text-align: left; padding: 0; }
.reveal h1, .reveal h2, .reveal h3 { text-transform: none; letter-spacing: normal; }
.reveal h1 { font-size: 44px !important; }
.reveal h2 { font-size: 38px !important; }
.reveal h3 { font-size: 32px !important; }
.reveal ul, .reveal ol { display: block; }
.reveal .jp-InputPrompt, .reveal .jp-OutputPrompt { display: none; }
.reveal .jp-RenderedImage img, .reveal .jp-OutputArea-output img {
  width: min(1100px, 100%); max-height: 440px; object-fit: contain; margin: 0 auto; display: block;
}
.reveal .controls { font-size: 6px; }
.reveal pre { width: 100%; margin: 0; box-shadow: none; white-space: pre-wrap; }
.reveal .jp-RenderedHTMLCommon table { margin-left: 0; }
#section { position: fixed; left: 24px; bottom: 12px; font: 14px sans-serif; color: #595959; }
</style>
"""

# Slides hold what the lesson says there, which is more on some than on others: each is set smaller until it fits.
FIT = f"""
<div id="section"></div>
<script>
require(["node_modules/reveal.js/dist/reveal.js"], function (Reveal) {{
  window.Reveal = Reveal;
  function fit() {{
    var slide = Reveal.getCurrentSlide();
    slide.style.height = slide.style.overflowY = "";
    var size, fits = false;
    for (var percent = 100; percent >= {SMALLEST} && !fits; percent -= 5) {{
      slide.style.zoom = size = percent / 100;
      fits = slide.scrollHeight * size <= {HEIGHT} && slide.scrollWidth * size <= {WIDTH} + 1;
    }}
    if (!fits) {{  // it gets a scroll bar
      slide.style.height = {HEIGHT} / size + "px";
      slide.style.overflowY = "auto";
    }}
    var heading = slide.parentNode.querySelector("h1, h2");
    var section = heading && !slide.contains(heading) ? heading.innerText.replace("¶", "") : "";
    document.getElementById("section").textContent = section;
    Reveal.layout();
  }}
  function begin() {{
    Reveal.on("slidechanged", fit);
    document.addEventListener("toggle", fit, true);  // a hint or an answer is opened: it does not bubble
    // formulas come later than the slide, for the first time and, by nbconvert, whenever the slide changes
    MathJax.Hub.Register.MessageHook("End Math", fit);
    MathJax.Hub.Register.StartupHook("End", function () {{
      MathJax.Hub.Queue(fit, function () {{ document.body.dataset.ready = "yes"; }});
    }});
  }}
  if (Reveal.isReady()) begin(); else Reveal.on("ready", begin);
}});
</script>
"""
PLAYER = '<script src="players/player.js"></script>'


def prepared(notebook: NotebookNode, plan: teaching_plan.Plan) -> NotebookNode:
    """The notebook as its deck shows it: with notes, without the badge; code only where it is what matters."""
    notebook = instructor.with_notes(notebook, plan)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"^\[!\[Open in Colab\].*\n", "", cell.source, flags=re.MULTILINE)
        elif slide_types.hides_code(cell):
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), HIDDEN]
    players.alive(notebook, plan.notebook)
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        shown = output.get("data", {}).get("text/html", "")
        if "data-reveal" in shown:  # the answer comes a key press after the question
            output.data["text/html"] = shown.replace("<details>", "<details open>")
    return notebook


def deck(name: str) -> str:
    """The deck of a notebook ('06_resnet') as HTML; its libraries are expected beside it."""
    notebook = nbformat.read(notebooks.NOTEBOOKS / f"{name}.ipynb", 4)
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
    shown = prepared(notebook, teaching_plan.plan(name))
    players.lay(shown, TARGET / "players")
    html, _ = exporter.from_notebook_node(shown)
    # mermaid is on no slide, and would be fetched from the network
    html = re.sub(r'<script type="module">(?:(?!</script>).)*mermaid.*?</script>', "", html, flags=re.DOTALL)
    return html.replace("</head>", f"{STYLE}</head>").replace("</html>", f"{FIT}{PLAYER}</html>")


def main() -> None:
    """The command line."""
    options = notebooks.command_line(__doc__).parse_args()
    TARGET.mkdir(parents=True, exist_ok=True)
    npm.fetch(TARGET, LIBRARIES)
    for source in options.sources:
        path = TARGET / f"{source.stem}.html"
        path.write_text(deck(source.stem), encoding="utf-8")
        print(path.relative_to(conditions.ROOT), flush=True)


if __name__ == "__main__":
    main()
