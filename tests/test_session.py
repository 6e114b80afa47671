"""The set-up line of the notebooks, and what it says of the machine."""

import os
import re
import subprocess
import sys
import threading
import types

import IPython
import pytest
import torch
from IPython.core.events import EventManager, available_events
from IPython.core.interactiveshell import ExecutionResult

import lecture8
from lecture8 import session
from tests.support.refusals import message


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    monkeypatch.delenv("LECTURE8_RUN", raising=False)
    monkeypatch.setenv("LECTURE8_DEVICE", "cpu")


def test_start_prints_one_line_and_seeds(capsys):
    run = lecture8.start()
    assert capsys.readouterr().out == "Lecture 8 is ready: quick run, seed 0.\n"
    first = torch.rand(3)
    lecture8.start()
    assert torch.equal(first, torch.rand(3)) and run.choose(quick=1, paper=2) == 1


def test_a_widget_does_not_end_the_cell_that_is_running(monkeypatch):
    """As in ipykernel 7, which announces a widget's message in another thread as if it were a cell."""
    shell = types.SimpleNamespace(events=EventManager(None, available_events))
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    shown = []
    shell.events.register("post_execute", lambda: shown.append("the figures"))
    for _ in range(2):  # the first cell is often run again
        lecture8.start()
    thread = threading.Thread(target=shell.events.trigger, args=("post_execute",))
    thread.start()
    thread.join()
    assert shown == []
    shell.events.trigger("post_execute")
    assert shown == ["the figures"]


@pytest.mark.parametrize("cell", ["1 / 0", "missing = 1", "def f():\n    del x\n    x = 1\nf()", "missing.test"])
def test_a_cell_that_was_run_too_early_says_what_to_run(monkeypatch, capsys, cell):
    shell = types.SimpleNamespace(events=EventManager(None, available_events))
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    lecture8.start()
    capsys.readouterr()
    result = ExecutionResult(None)
    try:
        exec(cell, {})
    except Exception as error:
        result.error_in_exec = error
    shell.events.trigger("post_run_cell", result)
    said = "There is no 'missing' yet. If a cell above makes it, run that first: Run > Run All Above Selected Cell.\n"
    assert capsys.readouterr().out == (said if cell == "missing.test" else "")


@pytest.mark.parametrize(
    ("chosen", "turns"),
    [({}, "3000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_threads_give_way_unless_the_user_says_how_they_wait(chosen, turns):
    clean = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    code = (
        "import os, sys, lecture8\nsys.modules['torch'] = None\n"  # its import fails, when all must be set
        "try: lecture8.start\nexcept ImportError: print(os.environ.get('GOMP_SPINCOUNT'))"
    )
    done = subprocess.run([sys.executable, "-c", code], env={**clean, **chosen}, capture_output=True, text=True)
    assert done.stdout == f"{turns}\n", done.stderr


def test_long_trainings_are_kept_in_the_folder_of_a_paper_run(tmp_path, monkeypatch, capsys):
    run = lecture8.start("paper", folder=tmp_path / "new" / "runs")
    assert (tmp_path / "new" / "runs").is_dir() and f"kept in {run.folder}: after" in capsys.readouterr().out
    assert run.keep("06", "plain", 56, 0) == tmp_path / "new" / "runs" / "06-plain-56-0.pt"
    assert lecture8.start("quick", folder=tmp_path / "unused").keep("06") is None and not (tmp_path / "unused").exists()
    assert lecture8.start("paper").keep("06") is None
    assert 'start("paper", folder="runs")' in capsys.readouterr().out
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"file/runs' cannot be made .*give one that can be written to"):
        lecture8.start("paper", folder=tmp_path / "file" / "runs")
    with pytest.raises(ValueError, match=r"lecture8', but Google Drive is not there: run .*drive\.mount"):
        lecture8.start("paper", folder="/content/drive/MyDrive/lecture8")


def test_mode_from_argument_and_environment(monkeypatch, capsys):
    assert lecture8.start("paper").choose(quick=1, paper=2) == 2
    assert "No GPU here" in capsys.readouterr().out
    monkeypatch.setenv("LECTURE8_RUN", "paper")
    assert lecture8.start().mode == "paper" and lecture8.start("quick").mode == "quick"
    monkeypatch.setenv("LECTURE8_RUN", "fast")
    assert "LECTURE8_RUN says 'fast'; expected 'quick', 'class' or 'paper'" in message(ValueError, lecture8.start)


def test_a_class_run_is_there_where_the_notebook_says_so_and_is_offered_where_there_is_a_gpu(monkeypatch, capsys):
    run = lecture8.start("class", class_run="photographs (170 MB)", device="cpu")
    assert run.choose(quick=1, class_=2, paper=3) == 2 and run.choose(quick=1, paper=3) == 1
    assert "on two cores a class run takes about half an hour" in capsys.readouterr().out
    assert "says 'class', and this notebook has no class run: choose" in message(ValueError, lecture8.start, "class")
    monkeypatch.setattr(session, "pick_device", lambda device: torch.device("cuda"))
    lecture8.start("quick")
    assert "GPU" not in capsys.readouterr().out
    lecture8.start("quick", class_run="photographs (170 MB)")
    sanitized = r"seed 0\.\nA GPU is here: .* It downloads photographs \(170 MB\)\."  # in nbval_sanitize.cfg
    assert re.search(sanitized, capsys.readouterr().out)


def test_check_names_what_is_missing_and_the_remedy(monkeypatch):
    real = session.metadata.version
    monkeypatch.setattr(session.metadata, "version", lambda name: "0.1" if name == "matplotlib" else real(name))
    table = lecture8.check()
    assert table.loc["torch", "ok"] == "yes" and table.loc["torch", "if not"] == ""
    assert table.loc["matplotlib", "ok"] == "no" and table.loc["matplotlib", "if not"] == "pip install -U matplotlib"
