"""A pytest plugin: these tests run on a simulated GPU.

VIRTUAL_GPU=t4 python -m pytest -p tests.support.on_virtual_gpu tests/test_training.py
"""

import os

from tests.support import virtual_gpu

virtual_gpu.install(os.environ["VIRTUAL_GPU"], gpus=2)


def pytest_configure(config):
    os.environ.pop("LECTURE8_DEVICE", None)
