"""Every deck in the browser, shown without a network: no slide reaches over the edge, opened hints included."""

import pytest

from tools.build import notebooks, npm, slides

NAMES = [source.stem for source in notebooks.sources()]

# What a reader can see of the slide, word by word, that lies outside the window or is cut off by what holds it.
CUT_OFF = """
(slide) => {
  const found = [], margin = 4;  // pixels: the box of a letter is a little higher than the letter
  const walker = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.nodeType === Node.TEXT_NODE, holder = text ? node.parentElement : node;
    if (holder.closest("aside.notes, .MathJax_Preview, .MJX_Assistive_MathML, script, style")) continue;
    const folded = text && holder.tagName === "DETAILS" && !holder.open;
    if (folded || !holder.checkVisibility({contentVisibilityAuto: true})) continue;
    let seen = {left: 0, top: 0, right: innerWidth, bottom: innerHeight};
    for (let outer = text ? holder : holder.parentElement; outer !== document.body; outer = outer.parentElement) {
      const style = getComputedStyle(outer), box = outer.getBoundingClientRect();
      if (style.display === "inline") continue;
      if (style.overflowX !== "visible") {
        seen.left = Math.max(seen.left, box.left); seen.right = Math.min(seen.right, box.right);
      }
      if (style.overflowY !== "visible") {
        seen.top = Math.max(seen.top, box.top); seen.bottom = Math.min(seen.bottom, box.bottom);
      }
    }
    const parts = [];
    if (text) {
      for (const word of node.textContent.matchAll(/\\S+/g)) {
        const range = document.createRange();
        range.setStart(node, word.index); range.setEnd(node, word.index + word[0].length);
        for (const box of range.getClientRects()) parts.push([word[0], box]);
      }
    } else if (["IMG", "CANVAS", "svg"].includes(node.tagName))
      parts.push([node.tagName, node.getBoundingClientRect()]);
    for (const [what, box] of parts)
      if (box.left < seen.left - margin || box.top < seen.top - margin ||
          box.right > seen.right + margin || box.bottom > seen.bottom + margin) found.push(what);
  }
  return found;
}
"""
COUNT_FORMULAS = """
() => new Promise(done => MathJax.Hub.Register.StartupHook("End", () => MathJax.Hub.Queue(() => {
  window.formulas = {begun: 0, ended: 0};
  MathJax.Hub.Register.MessageHook("Begin Math", () => formulas.begun++);
  MathJax.Hub.Register.MessageHook("End Math", () => formulas.ended++);
  done();
})))
"""
SLIDE, SLIDE_NUMBER = "Reveal.getCurrentSlide()", "Reveal.getSlidePastCount()"
SCROLLS = f"{SLIDE}.style.overflowY !== ''"

pytestmark = pytest.mark.xdist_group("slides")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    try:
        npm.fetch(folder, slides.LIBRARIES)
    except SystemExit as error:
        pytest.skip(str(error))
    return folder


@pytest.fixture
def deck(folder, chromium):
    """Opens the deck with this HTML; any request beyond this folder, or fault of a script, fails the test."""
    page = chromium.new_page(viewport={"width": slides.WIDTH, "height": slides.HEIGHT})
    outside, faults = [], []
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or outside.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))

    def opened(html):
        path = folder / "deck.html"
        path.write_text(html, encoding="utf-8")
        page.goto(path.as_uri())
        page.locator("body[data-ready=yes]").wait_for()
        page.evaluate(COUNT_FORMULAS)
        return page

    yield opened
    page.close()
    assert (outside, faults) == ([], [])


def show(page, row, column):
    """Goes to the slide, and waits until its formulas are set: nbconvert has them set anew with every change."""
    begun = page.evaluate("formulas.begun")
    before = page.evaluate(SLIDE_NUMBER)
    page.evaluate(f"Reveal.slide({row}, {column})")
    if page.evaluate(SLIDE_NUMBER) != before:
        page.wait_for_function(f"formulas.begun > {begun} && formulas.begun === formulas.ended")


def cut_off(page):
    return page.evaluate(f"({CUT_OFF})({SLIDE})")


def unfold(page):
    """Opens whatever can be unfolded on the slide; whether there was anything."""
    # its own listeners hear of it after the deck's, which fits the slide
    return page.evaluate(
        f"""Promise.all([...{SLIDE}.querySelectorAll("details:not([open])")].map(one => new Promise(done => {{
            one.addEventListener("toggle", done, {{once: true}});
            one.open = true;
        }}))).then(opened => opened.length > 0)"""
    )


@pytest.mark.parametrize(("name", "language"), [*((name, "en") for name in NAMES), ("05_googlenet", "ko")])
def test_every_slide_fits(name, language, deck):
    page = deck(slides.deck(name, language))
    count, complaints = page.evaluate("Reveal.getTotalSlides()"), []
    assert count > 30
    for number, (row, column) in enumerate(
        page.evaluate("Reveal.getSlides().map(slide => Reveal.getIndices(slide)).map(at => [at.h, at.v || 0])"), 1
    ):
        show(page, row, column)
        assert page.evaluate(SLIDE_NUMBER) == number - 1
        complaints += [f"slide {number}: {what}" for what in cut_off(page)]
        if page.evaluate(SCROLLS):
            complaints.append(f"slide {number} scrolls")
        if unfold(page) and not page.evaluate(SCROLLS):
            complaints += [f"slide {number}, unfolded: {what}" for what in cut_off(page)]
    assert complaints == []


def test_what_does_not_fit_is_found(deck):
    page = deck(slides.deck(NAMES[0]))
    assert cut_off(page) == []
    page.evaluate(f"{SLIDE}.insertAdjacentHTML('beforeend', '<p style=\"margin-top: 700px\">beneath</p>')")
    assert "beneath" in cut_off(page)
    style = "position: absolute; top: 0; width: 90px; white-space: pre; overflow: hidden"
    page.evaluate(f"{SLIDE}.lastElementChild.outerHTML = '<pre style=\"{style}\">narrow long-enough-to-be-cut</pre>'")
    assert cut_off(page) == ["long-enough-to-be-cut"]
