"""Settings of every test run, wherever pytest is started, and the doors that nbval leaves open."""

import queue
import sys
import time
from pathlib import Path

import nbval.plugin
import pytest

from tools import conditions, pictures

conditions.apply()
sys.path.insert(0, str(conditions.SANDBOX))
import no_network  # noqa: E402  as sitecustomize.py does in every process that is started from here

no_network.install()


class WatchedKernel(nbval.plugin.RunningKernel):
    """A kernel whose death is noticed at once; nbval itself waits until the cell's time is up and blames that."""

    def await_reply(self, msg_id, timeout=None):
        end = time.monotonic() + (timeout or float("inf"))
        while True:
            try:
                return super().await_reply(msg_id, timeout=1)
            except queue.Empty:
                if not self.is_alive():
                    raise RuntimeError("the kernel died in this cell (out of memory, or the cell ended it)") from None
                if time.monotonic() > end:
                    raise


nbval.plugin.RunningKernel = WatchedKernel


def pytest_configure(config):
    # nbval looks for this file in the current folder
    option = config.option
    if option.nbval_sanitize_with and not Path(option.nbval_sanitize_with).is_absolute():
        option.nbval_sanitize_with = str(config.rootpath / option.nbval_sanitize_with)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    result = yield
    if isinstance(item, nbval.plugin.IPyNbCell) and item.options["check"]:
        measured = pictures.MEASURED in item.cell.metadata.get("tags", [])
        if complaint := pictures.complaint(item.cell.outputs, item.test_outputs, shape_only=measured):
            item.raise_cell_error(f"{complaint}; if the new one is right, build the notebook again")
    return result


@pytest.fixture(autouse=True)
def no_network_used():
    """Fails a test that reached for the network, even where the code under test swallowed the error."""
    before = len(no_network.attempts)
    yield
    called = no_network.attempts[before:]
    assert not called, f"this test reached for {', '.join(called)}: tests use no network"
