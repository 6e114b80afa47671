"""A pytest plugin that runs tests on simulated GPUs.

VIRTUAL_GPU=t4 python -m pytest -p tests.support.on_virtual_gpu tests/test_training.py
"""

import os

import pytest

from tests.support import virtual_gpu

virtual_gpu.install(os.environ["VIRTUAL_GPU"], gpus=2)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    os.environ.pop("LECTURE8_DEVICE", None)  # what the project's conditions and a file's fixture have set
