"""One JupyterLab and one browser for all tests, a picture of every failure, and the table of latencies at the end."""

import sys
from collections.abc import Iterator

import pytest

from browser import checks, install
from browser.lab import Lab, running
from tools.conditions import ROOT

try:
    from playwright.sync_api import Browser, Page, expect, sync_playwright
except ModuleNotFoundError:
    pytest.exit("Playwright is not installed: run `make test-browser`, which installs it", returncode=4)

from browser.notebook import OpenNotebook

sys.path.insert(0, str(ROOT / "tests"))  # for wrong_answers
PATIENCE = 60_000  # milliseconds for one step: a busy machine is no mistake
expect.set_options(timeout=PATIENCE)
PICTURES = ROOT / "build" / "browser"
MOVES = pytest.StashKey[dict[str, list[checks.Move]]]()


@pytest.fixture(scope="session")
def lab(tmp_path_factory) -> Iterator[Lab]:
    with running(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = install.launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def notebook(request, lab, chromium) -> Iterator[OpenNotebook]:
    """The notebook, or the source of one, that the test module names: opened, and run from top to bottom."""
    path = request.param
    lab.add(path)
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE)
    try:
        notebook = OpenNotebook(page, lab, path.stem)
        notebook.run_all()
        yield notebook
    except Exception as error:
        raise AssertionError(f"{path.stem} did not run to its end: see {keep_picture(page, path.stem)}") from error
    finally:
        page.close()
        lab.stop_kernels()


def keep_picture(page: Page, name: str) -> str:
    """A picture of the page in build/browser; its path."""
    path = PICTURES / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path)
    return str(path)


@pytest.fixture
def latencies(request) -> dict[str, list[checks.Move]]:
    """What goes into the table at the end: explorer -> its moves."""
    return request.config.stash.setdefault(MOVES, {})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    notebook = item.funcargs.get("notebook")
    if report.when == "call" and report.failed and notebook:
        path = keep_picture(notebook.page, f"{notebook.name}-{item.originalname}")
        report.sections.append(("picture of the failure", path))
    return report


def pytest_terminal_summary(terminalreporter, config):
    if moves := config.stash.get(MOVES, {}):
        terminalreporter.section("from the move of a control to the new picture")
        terminalreporter.write_line(checks.latencies(moves))
