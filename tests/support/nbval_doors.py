"""A pytest plugin that shuts two doors which nbval leaves open; it needs nothing else of this project.

A kernel that dies is noticed at once; nbval itself waits until the cell's time is up and blames that. And a cell that
is stopped because its time is up fails, even if it takes the interrupt for a reader's stop button, as
`training.fit` does, and ends without an error; nbval then calls it and all that follow as good as passed.
"""

import queue
import time

import nbval.plugin
import pytest


class WatchedKernel(nbval.plugin.RunningKernel):
    """A kernel whose death is noticed at once."""

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    if not isinstance(item, nbval.plugin.IPyNbCell):
        return (yield)
    in_time = not item.parent.timed_out
    result = yield
    if in_time and item.parent.timed_out:
        limit = item.config.option.nbval_cell_timeout
        item.raise_cell_error(f"Timeout of {limit:g} seconds exceeded; the cell ended without an error when stopped")
    return result
