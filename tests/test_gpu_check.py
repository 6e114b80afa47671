"""`make test-gpu` without a GPU: its time limits, what it keeps of parts that crash or hang, and what its steps run."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
import torch

from lecture8.lessons.l06_resnet import experiments
from tools.build import conditions
from tools.gpu import check, notebook, parts

HANGS = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(99)"
CRASHES = "import subprocess; print(subprocess.Popen(['sleep', '99']).pid); raise RuntimeError('planted')"


@pytest.fixture
def checked(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "GRACE", 0.5)
    return check.Check(tmp_path / "gpu", minutes=1)


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().split(")")[1].split()[0] != "Z"


def test_what_crashes_or_hangs_is_named_and_ended_and_takes_nothing_else_along(checked):
    python, other = [sys.executable, "-c"], os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "30")
    assert checked.run({"tests": [*python, "print('well')"]}, 20)
    assert not checked.run({"crash": [*python, CRASHES]}, 20) and not checked.run({"hang": [*python, HANGS]}, 1.5)
    child = int((checked.work / "crash.log").read_text().splitlines()[0])
    assert not alive(child) and alive(other)
    os.kill(other, signal.SIGKILL)
    os.waitpid(other, 0)
    checked.end = time.time()
    assert not checked.run({"late": ["touch", checked.out / "late"]}, 10)
    assert [text.split(",")[0] for text in checked.verdicts.values()] == ["ok", "failed (1)", "stopped", "not begun"]
    bad, fine = (checked.out / "summary.txt").read_text().split("Measured (0)")
    assert "RuntimeError: planted" in bad and "hang: stopped" in bad and "tests: ok" in fine
    assert "=== tests\nwell\n" in (checked.out / "log.txt").read_text()
    assert {path.name for path in checked.out.iterdir()} == {"summary.txt", "findings.json", "log.txt"}


def test_a_notebook_runs_on_after_an_error_and_is_reported_when_it_is_stopped(checked):
    source, file = checked.work / "99_planted.py", checked.work / "99_planted-native.json"
    hang = "import os, time; print(os.getpid(), flush=True); time.sleep(1); "
    hang += "[os.kill(os.getppid(), 15) for _ in '12']; time.sleep(99)"
    cells = ["print('same')", "1 / 0", "print('new')", hang]
    source.write_text("".join(f"# %%\n{cell}\n" for cell in [*cells, "print('never')"]), encoding="utf-8")
    saved = notebook.notebooks.read_source(source)
    for cell, text in zip(saved.cells, ("same\n", "", "old\n"), strict=False):
        cell.outputs = [notebook.nbformat.v4.new_output("stream", name="stdout", text=text)]
    notebook.nbformat.write(saved, source.with_suffix(".ipynb"))
    run = f"from pathlib import Path; from tools.gpu import notebook; file = Path({str(file)!r})\n"
    run += "notebook.notebooks.target = lambda source: source.with_suffix('.ipynb')\n"
    run += "notebook.run(file, file.with_name('99_planted.py'), 'native')"
    assert not checked.run({"notebook": [sys.executable, "-c", run]}, 50)
    assert checked.verdicts["notebook"].startswith("failed (143)"), checked.verdicts
    found = json.loads((checked.out / "findings.json").read_text())["99_planted-native"]
    kernel = int(found["texts"].pop("3"))
    assert [text for fine, text in found["findings"] if fine is False] == [
        "cell 1 (1 / 0) fails: ZeroDivisionError: division by zero",
        "cell 2 (print('new')) shows [('stdout', 'new\\n')] instead of [('stdout', 'old\\n')]",
        f"cell 3 ({hang[:80]}) shows [('stdout', '{kernel}\\n')] instead of []",
        "cell 4 (print('never')) and all after it were not run",
    ]
    assert {key: text for key, text in found["texts"].items() if text} == {"0": "same\n", "2": "new\n"}
    assert any(not alive(kernel) or time.sleep(0.1) for _ in range(100))


def test_a_check_that_fails_or_hangs_is_recorded_and_the_next_one_runs(tmp_path):
    planted = {"fails": lambda: 1 / 0, "hangs": lambda: time.sleep(99), "number": lambda: (None, 8)}
    parts.record(tmp_path / "part.json", planted, seconds=1)
    (fails, error), (hangs, late), number = json.loads((tmp_path / "part.json").read_text())["findings"]
    assert fails is hangs is False and "ZeroDivisionError" in error and "not done after 1 s" in late
    assert number == [None, "number: 8"]


def test_every_step_has_a_command_that_can_be_given(checked, monkeypatch):
    for step in check.STEPS:
        for command in check.commands(step, checked, Path(__file__)).values():
            command = [str(word) for word in command]
            assert all((conditions.ROOT / word).exists() for word in command if word.startswith("tests/"))
            assert "tools.gpu.parts" not in command or command[-2] in ("facts", *parts.PARTS)
    words = command[command.index("-m") + 1 :]  # of the last one, of lesson 06
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setattr(experiments, "cifar", lambda *given: words.append(given))
    experiments.main()
    assert words[-1] == (20, [56], 1, ["A"], 16, "", checked.out)


@pytest.mark.skipif(torch.cuda.is_available(), reason="it has a GPU")
def test_without_a_gpu_it_says_so_and_stops(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert check.main(["--only", "functions", "--out", str(tmp_path / "gpu")]) == 1
    said = capsys.readouterr().out
    assert "There is no GPU that PyTorch can use: try the steps with --device cpu." in said and "functions" not in said


@pytest.mark.parametrize(("wanted", "device"), [("", ""), ("cpu", "cpu"), (None, "cpu")])
def test_tests_run_on_the_device_that_is_asked_for(wanted, device, monkeypatch):
    given = {} if wanted is None else {"LECTURE8_TEST_DEVICE": wanted}
    monkeypatch.setattr(os, "environ", {k: v for k, v in os.environ.items() if k != "LECTURE8_TEST_DEVICE"} | given)
    conditions.apply()
    assert os.environ["LECTURE8_DEVICE"] == device
