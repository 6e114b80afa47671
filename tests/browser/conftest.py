"""One JupyterLab and one browser for all tests, a picture of every failure, and the table of latencies at the end."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import astuple

import pytest

from tests.browser import checks, install
from tests.browser.lab import Lab, running
from tools.build.conditions import ROOT

try:
    from playwright.sync_api import Browser, Page, expect, sync_playwright
except ModuleNotFoundError:
    pytest.exit("Playwright is not installed: run `make test-browser`, which installs it", returncode=4)

from tests.browser.notebook import OpenNotebook

sys.path.insert(0, str(ROOT / "tests" / "lessons"))  # for wrong_answers
PATIENCE = 60_000  # milliseconds for one step: a busy machine is no mistake
expect.set_options(timeout=PATIENCE)
PICTURES = ROOT / "build" / "browser"
TIMED = "moves of "


def pytest_collection_modifyitems(items):
    """Where several processes share the work (pytest -n 2 --dist loadgroup), each notebook is one process's."""
    for item in items:
        if path := getattr(item, "callspec", None) and item.callspec.params.get("notebook"):
            item.add_marker(pytest.mark.xdist_group(path.stem))


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
def timed(record_property) -> Callable[[str, list[checks.Move]], None]:
    """Puts an explorer and its moves into the table at the end."""
    # plain values: they may come from another process
    return lambda name, moves: record_property(TIMED + name, [astuple(move) for move in moves])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    notebook = item.funcargs.get("notebook")
    if report.when == "call" and report.failed and notebook:
        path = keep_picture(notebook.page, f"{notebook.name}-{item.originalname}")
        report.sections.append(("picture of the failure", path))
    return report


def pytest_terminal_summary(terminalreporter):
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    properties = sorted(found for report in reports for found in report.user_properties if found[0].startswith(TIMED))
    if moves := {key.removeprefix(TIMED): [checks.Move(*move) for move in moves] for key, moves in properties}:
        terminalreporter.section("from the move of a control to the new picture")
        terminalreporter.write_line(checks.latencies(moves))
