"""Pictures of whole notebooks as JupyterLab shows them, to be looked at: build/browser/look.

python -m tools.build.look 06_resnet --dark --width 720     (`make test-browser` installs what this needs)

The saved outputs are shown; nothing is run. A picture is a page high, and the next goes on where it ends.
"""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tools.build import conditions, notebooks
from tools.env import chromium
from tools.env.lab_server import SETTINGS, Lab, running

TARGET = conditions.ROOT / "build" / "browser" / "look"
PAGE = 1600  # pixels high
SHOW_ALL = {"notebook-extension/tracker": {"windowingMode": "none"}}  # all cells at once


def photograph(browser: Browser, lab: Lab, name: str, width: int, prefix: Path) -> int:
    """Writes `prefix`-00.png and so on; how many."""
    shutil.copy(notebooks.NOTEBOOKS / f"{name}.ipynb", lab.folder / "notebooks")
    page = browser.new_page(viewport={"width": width, "height": PAGE})
    page.goto(lab.page(name), timeout=120_000)
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=120_000)
    page.evaluate("() => { jupyterapp.shell.collapseLeft(); jupyterapp.shell.mode = 'single-document'; }")
    page.wait_for_timeout(3000)  # formulas and pictures
    scroller = page.locator(".jp-NotebookPanel .jp-WindowedPanel-outer")
    step = int(scroller.evaluate("element => element.clientHeight")) - 40
    total = int(scroller.evaluate("element => element.scrollHeight"))
    for number in range(-(-total // step)):
        scroller.evaluate("(element, top) => { element.scrollTop = top; }", number * step)
        page.wait_for_timeout(300)
        page.screenshot(path=f"{prefix}-{number:02d}.png")
    page.close()
    lab.stop_kernels()
    return number + 1


def main() -> None:
    """The command line."""
    parser = notebooks.command_line(__doc__)
    parser.add_argument("--dark", action="store_true", help="the dark theme")
    parser.add_argument("--width", type=int, default=1280, help="of the window, in pixels (1280)")
    options = parser.parse_args()
    TARGET.mkdir(parents=True, exist_ok=True)
    theme = "JupyterLab Dark" if options.dark else "JupyterLab Light"
    settings = SETTINGS | SHOW_ALL | {"apputils-extension/themes": {"theme": theme}}
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), settings) as lab, sync_playwright() as play:
        browser = chromium.launch(play)
        for source in options.sources:
            prefix = TARGET / f"{source.stem}-{options.width}{'-dark' if options.dark else ''}"
            count = photograph(browser, lab, source.stem, options.width, prefix)
            print(f"{prefix.relative_to(conditions.ROOT)}-00.png and on: {count}", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
