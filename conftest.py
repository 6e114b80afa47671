"""Settings of every test run, wherever pytest is started; pictures are compared, and the network is off."""

import sys
from pathlib import Path

import nbval.plugin
import pytest

from tools.build import conditions, pictures

conditions.apply()
sys.path.insert(0, str(conditions.SANDBOX))
import no_network  # noqa: E402  as sitecustomize.py does in every process that is started from here

no_network.install()

pytest_plugins = ["tests.support.nbval_doors"]


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
