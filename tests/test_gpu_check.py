"""`make test-gpu` without a GPU: its time limits, what it keeps of parts that crash or hang, and what its steps run."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
import torch

from tools.build import conditions
from tools.gpu import check, notebook, parts

HANGS = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('hanging', flush=True); time.sleep(99)"
)
CRASHES = "import subprocess; print(subprocess.Popen(['sleep', '99']).pid); raise RuntimeError('planted')"


@pytest.fixture
def checked(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "GRACE", 0.5)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    return check.Check(tmp_path / "gpu", tmp_path / "work", minutes=1)


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().split(")")[1].split()[0] != "Z"


def test_what_crashes_or_hangs_is_named_and_ended_and_takes_nothing_else_along(checked):
    python, other = [sys.executable, "-c"], os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "30")
    assert checked.run({"tests": [*python, "print('well')"]}, 20)
    assert not checked.run({"crash": [*python, CRASHES]}, 20) and not checked.run({"hang": [*python, HANGS]}, 1.5)
    assert [one["verdict"] for one in checked.found] == ["ok", "failed (1)", "stopped"]
    child = int((checked.work / "crash.log").read_text().splitlines()[0])
    assert not alive(child) and alive(other)
    os.kill(other, signal.SIGKILL)
    os.waitpid(other, 0)
    bad, fine = (checked.out / "summary.txt").read_text().split("Measured (0)")
    assert "RuntimeError: planted" in bad and "hang: stopped" in bad and "tests: ok" in fine and checked.bad
    assert (checked.out / "tests.log").read_text() == "well\n"
    checked.end = time.time()
    assert (
        not checked.run({"late": ["touch", checked.out / "late"]}, 10) and checked.found[-1]["verdict"] == "not begun"
    )
    assert {path.name for path in checked.out.iterdir()} <= set(check.FILES) and len(check.FILES) == 8


def test_a_notebook_runs_on_after_an_error_and_is_reported_when_it_is_stopped(checked):
    source = checked.work / "99_planted.py"
    hang = "import os, time; print(os.getpid(), flush=True); time.sleep(1); os.kill(os.getppid(), 15); time.sleep(99)"
    cells = ["print('same')", "1 / 0", "print('new')", hang]
    source.write_text("".join(f"# %%\n{cell}\n" for cell in [*cells, "print('never')"]), encoding="utf-8")
    saved = notebook.notebooks.read_source(source)
    for cell, text in zip(saved.cells, ("same\n", "", "old\n"), strict=False):
        cell.outputs = [notebook.nbformat.v4.new_output("stream", name="stdout", text=text)]
    notebook.nbformat.write(saved, checked.work / "saved.ipynb")
    run = f"""
from pathlib import Path
from tools.gpu import notebook
source = Path({str(source)!r})
notebook.run(source, notebook.nbformat.read(source.with_name("saved.ipynb"), 4), "native", source.parent)
"""
    assert not checked.run({"notebook": [sys.executable, "-c", run]}, 50)
    assert checked.found[0]["verdict"] == "failed (143)", checked.found
    found = json.loads((checked.out / "notebooks.json").read_text())["notebook 99_planted native"]
    assert [text.split("`")[0] + text.split("`")[2] for text in found["findings"]] == [
        "cell 1  fails: ZeroDivisionError: division by zero",
        "cell 2  shows another text: see notebooks.json",
        "cell 3  shows another text: see notebooks.json",
        "cell 4  and all after it were not run",
    ]
    kernel = int(found["texts"].pop("3"))
    assert found["texts"] == {"0": "same\n", "2": "new\n"}
    assert any(not alive(kernel) or time.sleep(0.1) for _ in range(100))
    assert "fails: ZeroDivisionError" in (checked.out / "summary.txt").read_text()


def test_a_check_that_fails_or_hangs_is_recorded_and_the_next_one_runs(tmp_path):
    planted = {
        "fails": lambda: 1 / 0,
        "hangs": lambda: time.sleep(99),
        "well": lambda: (True, 7),
        "number": lambda: (None, 8),
    }
    parts.record(tmp_path, planted, seconds=1)
    found = json.loads((tmp_path / "findings.json").read_text())
    assert [one["fine"] for one in found.values()] == [False, False, True, None]
    assert "ZeroDivisionError" in found["fails"]["said"] and "not done after 1 s" in found["hangs"]["said"]


def test_every_step_has_a_command_and_its_files_are_there(checked, tmp_path):
    (tmp_path / "cifar10.tar.xz").touch()
    for step in check.STEPS:
        commands = check.commands(step, checked, tmp_path / "cifar10.tar.xz")
        assert commands, step
        for command in commands.values():
            files = [word for word in map(str, command) if word.startswith("tests/")]
            assert all((conditions.ROOT / file).exists() for file in files)
            named = command[command.index("tools.gpu.parts") + 1] if "tools.gpu.parts" in command else "facts"
            assert named == "functions" or callable(getattr(parts, named))


@pytest.mark.skipif(torch.cuda.is_available(), reason="it has a GPU")
def test_without_a_gpu_it_says_so_and_stops(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert check.main(["--only", "functions", "--out", str(tmp_path / "gpu")]) == 1
    said = capsys.readouterr().out
    assert "There is no GPU that PyTorch can use: try the steps with --device cpu." in said and "functions" not in said


@pytest.mark.parametrize("wanted", ["", "cpu", None])
def test_tests_run_on_the_device_that_is_asked_for(wanted, monkeypatch):
    monkeypatch.setattr(os, "environ", {k: v for k, v in os.environ.items() if k != "LECTURE8_TEST_DEVICE"})
    os.environ.update({} if wanted is None else {"LECTURE8_TEST_DEVICE": wanted})
    conditions.apply()
    assert os.environ["LECTURE8_DEVICE"] == (wanted if wanted is not None else "cpu")
