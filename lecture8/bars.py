"""Progress bars that leave nothing behind."""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def bar(**options) -> Iterator:
    """tqdm: a widget in a notebook, a line in a terminal, nothing in a pipe; gone when the work is done.

    In a notebook the bar is displayed as a widget and nothing else, so that a saved notebook keeps no dead bar.
    options: tqdm's own, such as total, desc, unit
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None and hasattr(shell, "kernel"):
        from IPython.display import display
        from tqdm.notebook import tqdm

        shown = tqdm(display=False, leave=False, **options)
        view = {"version_major": 2, "version_minor": 0, "model_id": shown.container.model_id}
        display({"application/vnd.jupyter.widget-view+json": view}, raw=True)
    else:
        from tqdm import tqdm

        shown = tqdm(disable=None, leave=False, **options)  # None: in a terminal only
    with shown:
        yield shown
