"""A pytest plugin that runs tests on simulated GPUs.

VIRTUAL_GPU=t4 python -m pytest -p tests.support.on_virtual_gpu tests/test_training.py
"""

import os

import pytest

from tests.support import virtual_gpu

virtual_gpu.install(os.environ["VIRTUAL_GPU"], gpus=2)

# Tests that cannot hold on a GPU, or never use one and take long: file::test (all of its parameters) -> why.
SKIPPED = {
    "test_training.py::test_fit_equals_the_loop_that_everybody_writes": "the loop there trains in float32",
    "test_training.py::test_a_full_memory_is_said_in_one_sentence_and_freed": "is about the memory of the CPU",
    "test_transfer.py::test_a_linear_probe_is_a_frozen_network": "the two agree in float32; 16 bits round differently",
    "test_transfer.py::test_logits_equal_the_references": "both networks are on the CPU",
    "test_transfer.py::test_offline_one_sentence_says_what_to_put_where": "is about files",
    "test_transfer.py::test_a_damaged_file_and_a_missing_timm_are_named": "is about files",
    "test_measure.py::test_too_noisy_is_said": "asks for the name of the CPU",
    "test_datasets.py::test_glyphs_show_what_their_labels_say": "images are drawn on the CPU",
    "test_datasets.py::test_some_glyphs_only": "images are drawn on the CPU",
}


def pytest_collection_modifyitems(items):
    found = {f"{item.path.name}::{item.originalname}": item.path.name for item in items}
    gone = [name for name in SKIPPED if name.split("::")[0] in found.values() and name not in found]
    if gone:
        raise pytest.UsageError(f"in SKIPPED of {__name__}, but nowhere else: {', '.join(gone)}")
    for item in items:
        if reason := SKIPPED.get(f"{item.path.name}::{item.originalname}"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    os.environ.pop("LECTURE8_DEVICE", None)  # what the project's conditions and a file's fixture have set
