"""Settings of the unit tests."""

import signal
import sys

import matplotlib
import pytest

from tests.support.server import Server

matplotlib.use("agg")  # no window, on any system

# started in the background: the shell has taken the stop button away
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def figures_are_closed():
    """Closes the figures a test leaves open, and takes back the style that it chose."""
    with matplotlib.rc_context():
        yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
