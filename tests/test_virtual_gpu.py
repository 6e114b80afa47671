"""The unit tests and the notebooks once more, on a simulated GPU (`support/virtual_gpu.py`): on a T4 and an H200.

What holds on a CPU holds there: no tensor is left behind on the wrong device, and the numbers of 16 bits are good
enough. Each runs in a process of its own, as a simulated GPU stays once it is installed.
"""

import os
import subprocess
import sys

import nbformat
import pytest

from tools.build import conditions, notebooks
from tools.gpu import notebook

INSTALL = """import sys
sys.path.insert(0, {root!r})
from tests.support import virtual_gpu
virtual_gpu.install({chip!r})"""
CHECKS = "support/virtual_gpu_checks.py"
# Features and training are compared in float32 here and there, which an H200 (TF32) does not have
UNIT = {
    "t4": [CHECKS, "test_training.py", "test_transfer.py", "test_papers.py::test_two_gpus_on_two_devices"],
    "h200": [CHECKS, "test_datasets.py", "test_measure.py", "test_teaching.py"],
}


@pytest.mark.parametrize("chip", UNIT)
def test_unit_tests(chip):
    files = [f"tests/{name}" for name in UNIT[chip]]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.support.on_virtual_gpu", "-p", "no:cacheprovider"]
    ours = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    done = subprocess.run(
        [*command, *files], cwd=conditions.ROOT, env={**ours, "VIRTUAL_GPU": chip}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-1000:]


@pytest.mark.virtual_gpu
@pytest.mark.parametrize("chip", ["t4", "h200"])
@pytest.mark.parametrize("source", notebooks.sources(), ids=lambda path: path.stem)
def test_notebook(source, chip):
    saved = nbformat.read(notebooks.target(source), 4)
    book = notebooks.read_source(source)
    notebook.prepare(book, INSTALL.format(root=str(conditions.ROOT), chip=chip))
    notebooks.execute(book)  # also the cells behind an error
    found = notebook.differences(book, saved)
    assert not found, "\n".join(found)
