"""Explorers, quizzes and predictions on a page without a kernel: every control at both ends, every answer."""

import json

import nbformat
import pytest

from lecture8 import course, plots, teaching, words
from tests.browser.checks import Move, move_complaints
from tools.build import notebooks, players

MOVE = """async ([key, control, value]) => {
  const figure = document.querySelector(`[data-player="${key}"]`);
  const input = figure.querySelectorAll("input, select")[control];
  const before = figure.querySelector("img").src, turn = figure.dataset.shown;
  const begun = performance.now();
  input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  while (figure.dataset.shown === turn) await new Promise((done) => setTimeout(done));
  const seconds = (performance.now() - begun) / 1000;
  return [seconds, figure.querySelector("img").src !== before, figure.querySelector("figcaption").textContent];
}"""


@pytest.fixture(scope="module", params=[lesson.notebook for lesson in course.LESSONS])
def page(request, chromium, tmp_path_factory):
    name, folder = request.param, tmp_path_factory.mktemp("players")
    notebook = players.alive(nbformat.read(notebooks.NOTEBOOKS / f"{name}.ipynb", 4), name)
    plots.use_style()
    text = f'<!doctype html><meta charset="utf-8">{players.shown(notebook)}<script src="player.js"></script>'
    (folder / "page.html").write_text(text, encoding="utf-8")
    with words.speaking("ko"):  # as for the Korean pages: what is drawn there serves the English ones, too
        players.lay(text, folder)
    page = chromium.new_page()
    page.goto((folder / "page.html").as_uri())
    page.lesson, page.folder = name, folder
    yield page
    page.close()


def test_every_control_moves_the_picture_and_says_what_it_shows(page, timed):
    for key in (key for key in teaching.EXPLORERS if key.startswith(f"l{page.lesson}.")):
        explorer = teaching.EXPLORERS[key]()
        size = sum(file.stat().st_size for file in (page.folder / key).iterdir())
        assert size < 1.2 * players.BYTES, f"{key}: {size / 1e6:.1f} MB"
        page.locator(f'[data-player="{key}"]').scroll_into_view_if_needed()
        page.locator(f'[data-player="{key}"][data-ready]').wait_for()
        page.wait_for_load_state("networkidle")
        drawn = json.loads((page.folder / key / "en.js").read_text().partition(", ")[2].rpartition(")")[0])["controls"]
        values = {name: c.value for name, c in explorer.controls.items()}
        moves = []
        for number, (name, control) in enumerate(zip(explorer.controls, drawn, strict=True)):
            assert control["label"] == explorer.controls[name].description
            for value in (len(control["values"]) - 1, 0, control["start"]):
                moves.append(Move(name, str(value), *page.evaluate(MOVE, [key, number, value])))
            first = next(v for _, v in explorer.controls[name].options if str(v) == control["values"][0])
            ends = {**values, name: first}
            assert moves[-2].text == explorer.draw(**ends)[1], (key, ends)
        assert not move_complaints(moves)
        timed(f"{key} (player)", moves)


def test_every_answer_is_judged_and_a_guess_opens_its_measurement(page):
    questions = course.lesson(page.lesson).module("questions")
    boxes = page.locator("[data-ask]")
    for number in range(boxes.count()):
        box = boxes.nth(number)
        said = set()
        for option in box.locator("input").all():
            option.check()
            box.get_by_role("button").click()
            said.add(box.locator("p").text_content())
        assert "" not in said and (len(said) > 1 or box.get_by_role("button", name="That is my guess").count())
    for place in page.locator("[data-reveal]").all():
        prediction = questions.predictions[place.get_attribute("data-reveal")]
        guess, last = place.locator(".guess").text_content(), list(prediction.options)[-1]
        assert place.locator("details[open]").count() == 1 and f"You predicted: {last}" in guess.replace("  ", " ")
        assert guess.startswith("✅" if place.get_attribute("data-measured") == last else "❌")
