"""A notebook in JupyterLab in a browser: opened, run and used as a student does."""

import contextlib
import re

from playwright.sync_api import ElementHandle, Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from tests.browser.checks import Move
from tools.env.lab_server import Lab

RUN_SECONDS = 900  # for all cells of a notebook; the slowest takes 80 s on an idle core
CELL_SECONDS = 120
REDRAW_SECONDS = 20

KERNEL = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
IDLE = f"() => {KERNEL}?.status === 'idle' && {KERNEL}.connectionStatus === 'connected'"
CELLS = "() => jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.toJSON())"
# the first cell has been run, and no prompt shows a star
ALL_RUN = """() => {
  const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(prompt => prompt.textContent);
  return /[0-9]/.test(prompts[0]) && !prompts.some(prompt => prompt.includes('*'));
}"""

# what an explorer shows: its text, and its picture's file
SHOWN = """async box => [box.querySelector(':scope > .widget-html').textContent.trim(),
  await (await fetch(box.querySelector('img').src)).text()]"""
# From here on `window.seen` says when a control of an explorer was touched, when its text or picture was written last,
# and when the kernel had done its work.
WATCH = f"""box => {{
  const note = (what, at) => {{ if (window.seen && seen.touched !== null) seen[what] = at; }};
  for (const kind of ['pointerdown', 'keydown', 'input'])
    box.addEventListener(kind, event => {{ if (window.seen) seen.touched ??= event.timeStamp; }}, true);
  new MutationObserver(() => note('written', performance.now())).observe(
    box.querySelector(':scope > .widget-html'), {{childList: true, characterData: true, subtree: true}});
  box.querySelector('img').addEventListener('load', () => note('written', performance.now()));
  {KERNEL}.statusChanged.connect((_, status) => note('done', status === 'idle' ? performance.now() : null));
}}"""
FORGET = "() => { window.seen = {touched: null, written: null, done: null}; }"
# what the kernel sent is on the screen, or for five seconds nothing is
REDRAWN = """box => seen.done !== null && box.querySelector('img').complete
  && (seen.written !== null || performance.now() - seen.done > 5000)"""
# the picture's event `load` comes just after it is complete
SECONDS = """async box => {
  await box.querySelector('img').decode();
  await new Promise(requestAnimationFrame);
  return seen.written && (seen.written - seen.touched) / 1000;
}"""

# of a slider, buttons or a menu: the place of the chosen value, the number of values, the chosen value in words
CONTROL = """control => {
  const slider = control.querySelector('.noUi-handle'), menu = control.querySelector('select');
  if (slider) return [Number(slider.getAttribute('aria-valuenow')), Number(slider.getAttribute('aria-valuemax')) + 1,
                      control.querySelector('.widget-readout').textContent];
  if (menu) return [menu.selectedIndex, menu.options.length, menu.selectedOptions[0].textContent];
  const buttons = [...control.querySelectorAll('button')];
  const index = buttons.findIndex(button => button.classList.contains('mod-active'));
  return [index, buttons.length, buttons[index].textContent];
}"""


class OpenNotebook:
    """A page with a notebook whose kernel is ready.

    faults: what went wrong in the page itself: errors of its scripts, addresses outside this machine that it asked for
    """

    def __init__(self, page: Page, lab: Lab, name: str):
        self.page, self.lab, self.name, self.faults = page, lab, name, []
        page.on("pageerror", lambda error: self.faults.append(f"a script of the page failed: {error}"))
        page.route(re.compile(r"^(https?|wss?)://(?!127\.0\.0\.1[:/])"), self._refuse)
        page.goto(lab.page(name), timeout=120_000)
        page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=120_000)
        # the toolbar says "idle" before there is a kernel; a click on Run before that opens a dialogue
        self._wait(IDLE, 120)

    def _refuse(self, route) -> None:
        if not re.search(r"/(colab-badge|open-in-kaggle)\.svg$", route.request.url):
            self.faults.append(f"the page asked for {route.request.url}")
        route.abort()

    def _wait(self, condition: str, seconds: float, element: ElementHandle | None = None) -> None:
        # asked more often, the question takes the time that the answer needs
        self.page.wait_for_function(condition, arg=element, timeout=1000 * seconds, polling=50)

    def run_all(self) -> None:
        """Runs all cells, from the menu, and waits for the end."""
        self.page.locator('.lm-MenuBar-itemLabel:text-is("Run")').click()
        self.page.locator('.lm-Menu-itemLabel:text-is("Run All Cells")').click()
        self._wait(ALL_RUN, RUN_SECONDS)
        self._wait(IDLE, CELL_SECONDS)

    def cells(self) -> list[dict]:
        """The cells with their outputs, as a notebook file holds them."""
        return self.page.evaluate(CELLS)

    def source(self, number: int) -> str:
        """The text of a cell."""
        return "".join(self.cells()[number]["source"])

    def find(self, pattern: str) -> list[int]:
        """The numbers of the code cells whose text has this pattern."""
        code = [(n, "".join(cell["source"])) for n, cell in enumerate(self.cells()) if cell["cell_type"] == "code"]
        return [number for number, source in code if re.search(pattern, source, re.MULTILINE)]

    def cell(self, number: int) -> Locator:
        """A cell on the page."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def output(self, number: int) -> Locator:
        """What a cell shows."""
        return self.cell(number).locator(".jp-Cell-outputWrapper")

    def type_in(self, number: int, source: str) -> None:
        """Replaces the text of a cell, and starts it with Shift + Enter."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.insert_text(source)
        self.page.keyboard.press("Shift+Enter")

    def enter(self, number: int, source: str) -> Locator:
        """Replaces the text of a cell, runs it, and returns what it shows."""
        before = self.cells()[number]["execution_count"]
        self.type_in(number, source)
        prompt = self.cell(number).locator(".jp-InputPrompt")
        expect(prompt).not_to_have_text(f"[{before}]:", timeout=1000 * CELL_SECONDS)
        expect(prompt).to_have_text(re.compile(r"\d"), timeout=1000 * CELL_SECONDS)
        assert self.source(number) == source, "the editor changed what was typed"
        return self.output(number)

    def ask(self, number: int, option: str, button: str) -> Locator:
        """Chooses an answer of a question, clicks its button, and returns where it is answered."""
        box = self.output(number)
        said = box.locator(".widget-html-content").last
        box.get_by_text(option, exact=True).click()
        expect(said).to_be_empty(timeout=1000 * REDRAW_SECONDS)  # what was said to another choice is gone
        box.get_by_role("button", name=button).click()
        return said

    def explorer_moves(self, number: int) -> list[Move]:
        """Moves every control of the explorer in a cell to its last, first and middle value."""
        box = self.output(number).locator(".widget-vbox").first
        handle = box.element_handle()
        self._wait("box => box.querySelector('img').naturalWidth > 0", REDRAW_SECONDS, handle)
        handle.evaluate(WATCH)
        moves = []
        for control in box.locator(".widget-toggle-buttons, .widget-dropdown, .widget-slider").all():
            now, count, _ = control.evaluate(CONTROL)
            for index in dict.fromkeys((count - 1, 0, count // 2)):
                if index != now:
                    moves.append(self._move(handle, control, index))
                    now = index
        return moves

    def _move(self, box: ElementHandle, control: Locator, index: int) -> Move:
        before = box.evaluate(SHOWN)
        self.page.evaluate(FORGET)
        choose(control, index)
        with contextlib.suppress(PlaywrightTimeoutError):
            self._wait(REDRAWN, REDRAW_SECONDS, box)
        seconds, after = box.evaluate(SECONDS), box.evaluate(SHOWN)
        return Move(
            control=control.locator(".widget-label").first.text_content(),
            value=control.evaluate(CONTROL)[2],
            seconds=seconds if before != after else None,
            drawn=before[1] != after[1],
            text=after[0],
        )


def choose(control: Locator, index: int) -> None:
    """Moves a control to the value at this place, from 0, with the mouse."""
    track = control.locator(".noUi-base")
    if track.count():
        # while a slider glides to where it was clicked it takes no other click
        expect(control.locator(".noUi-target")).not_to_have_class(re.compile(r"\bnoUi-state-tap\b"))
        size, count = track.bounding_box(), control.evaluate(CONTROL)[1]
        at = min(max(index / (count - 1) * size["width"], 1), size["width"] - 1)
        track.click(position={"x": at, "y": size["height"] / 2})
    elif control.locator("select").count():
        control.locator("select").select_option(index=index)
    else:
        control.locator("button").nth(index).click()
