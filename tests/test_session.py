"""The set-up line, the published tables, and what importing the package may and may not bring along."""

import ast
import os
import subprocess
import sys
import threading
import types
from pathlib import Path

import IPython
import pytest
import torch
from IPython.core.events import EventManager, available_events

import lecture8
from lecture8 import published, session

PACKAGE = Path(lecture8.__file__).parent


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    monkeypatch.delenv("LECTURE8_RUN", raising=False)
    monkeypatch.setenv("LECTURE8_DEVICE", "cpu")


def test_start_prints_one_line_and_seeds(capsys):
    run = lecture8.start()
    assert capsys.readouterr().out == "Lecture 8 is ready: quick run, seed 0.\n"
    first = torch.rand(3)
    lecture8.start()
    assert torch.equal(first, torch.rand(3)) and run.choose(quick=1, full=2) == 1


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


def test_long_trainings_are_kept_in_the_folder_of_a_full_run(tmp_path, monkeypatch, capsys):
    run = lecture8.start("full", folder=tmp_path / "new" / "runs")
    assert (tmp_path / "new" / "runs").is_dir() and f"kept in {run.folder}: after" in capsys.readouterr().out
    assert run.keep("06", "plain", 56, 0) == tmp_path / "new" / "runs" / "06-plain-56-0.pt"
    assert run.keep("05", "auxiliary_objective(0.3, 0.0)", 1).name == "05-auxiliary_objective-0.3-0.0-1.pt"
    assert lecture8.start("quick", folder=tmp_path / "unused").keep("06") is None and not (tmp_path / "unused").exists()
    monkeypatch.setenv("LECTURE8_RUNS", str(tmp_path / "env"))
    assert lecture8.start("full").keep("a b/c", 1) == tmp_path / "env" / "a-b-c-1.pt"
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"file/runs' cannot be made .*give one that can be written to"):
        lecture8.start("full", folder=tmp_path / "file" / "runs")
    with pytest.raises(ValueError, match=r"lecture8', but Google Drive is not there: run .*drive\.mount"):
        lecture8.start("full", folder="/content/drive/MyDrive/lecture8")


def test_a_full_run_without_a_folder_says_how_to_keep_trainings(monkeypatch, capsys):
    monkeypatch.delenv("LECTURE8_RUNS", raising=False)
    assert lecture8.start("full").keep("06") is None
    assert 'start("full", folder="runs")' in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    lecture8.start("full")
    assert 'folder="/content/drive/MyDrive/lecture8")' in capsys.readouterr().out


def test_mode_from_argument_and_environment(monkeypatch, capsys):
    assert lecture8.start("full").choose(quick=1, full=2) == 2
    assert "No GPU here" in capsys.readouterr().out
    monkeypatch.setenv("LECTURE8_RUN", "full")
    assert lecture8.start().mode == "full" and lecture8.start("quick").mode == "quick"
    monkeypatch.setenv("LECTURE8_RUN", "fast")
    with pytest.raises(ValueError, match="LECTURE8_RUN says 'fast'; expected 'quick' or 'full'"):
        lecture8.start()
    with pytest.raises(ValueError, match=r"start\(mode\) says 'slow'"):
        lecture8.start("slow")


def test_no_gpu_where_one_was_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"'cuda' was asked for, but PyTorch .* finds none"):
        lecture8.start(device="cuda")


def test_check_names_what_is_missing_and_the_remedy(monkeypatch):
    table = lecture8.check()
    assert table.loc["torch", "ok"] == "yes" and table.loc["torch", "if not"] == ""
    real = session.metadata.version
    monkeypatch.setattr(session.metadata, "version", lambda name: "0.1" if name == "matplotlib" else real(name))
    table = session.check()
    assert table.loc["matplotlib", "ok"] == "no" and table.loc["matplotlib", "if not"] == "pip install -U matplotlib"


def test_published_tables_name_source_and_confidence():
    assert {"ilsvrc", "imagenet_errors", "cifar_resnet", "digits_depth", "digits_gradients"} <= set(published.names())
    for name in published.names():
        table, header = published.read(name), published.provenance(name)
        assert len(table) and header["what"]
        if header.get("kind") == "words":  # of the course itself: nothing published, nothing measured
            continue
        if "confidence" in table:
            assert table["confidence"].isin(["V", "C", "V2"]).all(), name
        else:  # a run of ours
            assert {"command", "date", "hardware", "versions", "seeds"} <= set(header), name
    with pytest.raises(ValueError, match=r"no table 'imagenet'.*choose from"):
        published.read("imagenet")


def test_published_winners():
    winners, human = published.winners_and_human()
    assert list(winners["year"]) == list(range(2010, 2018)) and human == 5.1
    assert winners.set_index("year")["top5_error"].to_dict() == {
        2010: 28.19, 2011: 25.77, 2012: 16.42, 2013: 11.74, 2014: 6.67, 2015: 3.57, 2016: 2.99, 2017: 2.25,
    }  # fmt: skip


# --- imports -------------------------------------------------------------------------------------------------------

HEAVY = ("torch", "torchvision", "matplotlib", "pandas", "ipywidgets", "sklearn", "PIL", "tqdm")


def loaded_by(code):
    """The heavy packages that a fresh Python has loaded after `code`."""
    ask = f"import sys; {code}; print(*[m for m in {HEAVY} if m in sys.modules])"
    return set(subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_package_costs_nothing():
    assert loaded_by("import lecture8") == set()


def test_the_core_needs_no_pictures_and_no_widgets():
    core = "from lecture8 import complexity, datasets, models, training"
    assert loaded_by(core) & {"torchvision", "matplotlib", "ipywidgets", "sklearn"} == set()


ALLOWED = {  # module -> what of the package it may use
    "models": set(), "complexity": set(), "datasets": set(), "published": set(), "bars": set(),
    "downloads": {"bars"}, "photographs": {"bars", "datasets", "downloads"},
    "devices": set(), "checkpoints": set(), "history": {"checkpoints"}, "distributed": {"devices"},
    "training": {"bars", "checkpoints", "devices", "distributed", "history"},
    "calibration": {"training"}, "recipes": {"models", "published", "training"},
    "transfer": {"models", "training"}, "measure": {"models", "complexity", "datasets", "training"},
    "budget": {"models", "published"},
    "course": {"published"}, "progress": {"course"}, "teaching": {"progress", "published"},
    "plots": {"published", "complexity", "recipes"},
    "session": {"training", "plots"},
    "streams": {"datasets", "distributed", "photographs", "transfer"}, "__main__": {"cli"},
    "cli": {
        "models", "complexity", "datasets", "training", "transfer", "session", "streams", "checkpoints", "distributed",
        "recipes",
    },
    "explore": {
        "budget", "course", "plots", "transfer", "measure", "published", "teaching", "models", "complexity", "datasets",
        "training", "calibration",
    },
    "exercises": {"budget", "teaching", "models", "transfer", "complexity", "datasets", "training", "published"},
}  # fmt: skip


def test_imports_point_one_way():
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        module = parts[0]
        if module == "__init__":
            continue
        used = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "lecture8":
                used |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("lecture8."):
                used.add(node.module.split(".")[1])
            elif isinstance(node, ast.Import):
                assert module == "explore" or all(alias.name != "ipywidgets" for alias in node.names), path
        assert used - {module} <= ALLOWED[module], f"{path.name} uses {used - ALLOWED[module]}"
