"""What is installed, by whom and how: the requirements, the pins, and the first `make`."""

import ast
import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lecture8
from tools.build import notebooks
from tools.build.conditions import ROOT
from tools.env import bootstrap

PROJECT = notebooks.tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
REQUIRED = [Requirement(line) for lines in [PROJECT["project"]["dependencies"], *EXTRAS.values()] for line in lines]
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = [Requirement(line) for line in LINES if line and not line.startswith("#")]
COLAB_LINES = (ROOT / "tools" / "env" / "stack_files" / "colab.txt").read_text(encoding="utf-8").splitlines()
COLAB = dict(line.split("==") for line in COLAB_LINES if "==" in line)


@pytest.mark.parametrize("requirement", REQUIRED, ids=str)
def test_a_requirement_replaces_nothing_on_colab_and_is_pinned_once_for_every_python(requirement):
    assert [clause.operator for clause in requirement.specifier] == [">="]
    assert COLAB.get(requirement.name, "9999") in requirement.specifier
    of_it = [pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(requirement.name)]
    for python in ("3.10", "3.11", "3.12", "3.13"):
        pins = [pin for pin in of_it if pin.marker is None or pin.marker.evaluate({"python_version": python})]
        (clause,) = pins[0].specifier
        assert len(pins) == 1 and clause.operator == "==" and clause.version in requirement.specifier


def test_the_version_is_in_one_place_and_what_quotes_it_agrees():
    assert "version" not in PROJECT["project"] and "version" in PROJECT["project"]["dynamic"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert citation["version"] == re.search(r"^## \[(\d.*?)\]", changes, re.MULTILINE)[1] == lecture8.__version__
    assert notebooks.verified() in (ROOT / "README.md").read_text(encoding="utf-8")
    assert citation["repository-code"] == PROJECT["project"]["urls"]["Repository"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("", ""), ""),
        (("torch==", "torch @ https://a.b/whl/cu130/torch-"), ""),
        (("numpy==", "numpy==9"), f"numpy: tried with {COLAB['numpy']}, Colab has 9{COLAB['numpy']}\n"),
        (("Python 3.13.5", "Python 3.14.0"), "python: tried with 3.13, Colab has 3.14.0\n"),
        (("tqdm==", "rich=="), f"tqdm: tried with {COLAB['tqdm']}, Colab has none\n"),
    ],
)
def test_a_change_of_colab_is_noticed(changed, said, tmp_path):
    packages = "\n".join(f"{name}=={version}+cu128" for name, version in COLAB.items()).replace("pillow", "Pillow")
    for name, text in {"pip-freeze.txt": packages, "os-info.txt": "Ubuntu 22.04.4 LTS\nPython 3.13.5"}.items():
        (tmp_path / name).write_text(f"# made by a script\n{text.replace(*changed)}\n", encoding="utf-8")
    command = [sys.executable, ROOT / "tools" / "env" / "drift.py", tmp_path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stderr, done.returncode) == (said, int(bool(said))) and f"{len(COLAB) + 1} versions" in done.stdout


# ----------------------------------------------------------------------------------------------- the first `make`
@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the files that the set-up reads, with a `.venv` that looks installed, and no real installer."""
    monkeypatch.delenv("UV_TORCH_BACKEND", raising=False)
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / ".venv" / bootstrap.VENV_PYTHON.relative_to(bootstrap.VENV)
    python.parent.mkdir(parents=True)
    python.write_text("", encoding="utf-8")
    places = {"ROOT": tmp_path, "VENV": tmp_path / ".venv", "VENV_PYTHON": python, "STAMP": tmp_path / ".venv/.ready"}
    for name, place in {**places, "CPU_BUILDS": (tmp_path / "none").as_uri()}.items():
        monkeypatch.setattr(bootstrap, name, place)
    return tmp_path


@pytest.fixture
def commands(monkeypatch):
    found = []
    monkeypatch.setattr(bootstrap, "run", lambda command: found.append([str(part) for part in command]))
    return found


def test_set_up_reads_on_every_python_from_3_6():
    ast.parse((ROOT / "tools" / "env" / "bootstrap.py").read_text(encoding="utf-8"), feature_version=(3, 6))
    assert PROJECT["project"]["requires-python"] == f">={bootstrap.dotted(bootstrap.OLDEST)}"


def test_second_call_does_nothing_and_a_change_installs_again(project, commands, monkeypatch):
    def installations(*, exactly: bool = False) -> int:
        commands.clear()
        bootstrap.main(exactly)
        return sum("install" in command for command in commands)

    assert [installations(), installations(), installations(exactly=True)] == [1, 0, 0]
    pins = (project / "constraints.txt").read_text(encoding="utf-8")
    (project / "constraints.txt").write_text(pins.replace("timm==", "timm==9."), encoding="utf-8")
    assert [installations(), installations()] == [1, 0]
    monkeypatch.setattr(bootstrap, "THIS", (3, 99))
    assert [installations(), installations(exactly=True)] == [0, 1]


def test_failed_installation_is_explained_and_not_taken_for_one(project, monkeypatch):
    monkeypatch.setattr(bootstrap, "create_venv", lambda uv: None)
    says = f"#!{sys.executable}\nimport sys\nprint('a\\nNo space left on device')\nsys.exit(3)\n"
    (project / "uv").write_text(says, encoding="utf-8")
    (project / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{project}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(SystemExit, match="The disk is full"):
        bootstrap.main(exactly=False)
    assert not bootstrap.ready(exactly=False)
    assert (project / ".venv" / "install.log").read_text(encoding="utf-8") == "a\nNo space left on device\n"


@pytest.mark.parametrize(("torch", "kept"), [("2.16.0+cpu", True), ("2.14.0", False)])
def test_chosen_build_of_torch_is_kept(project, commands, monkeypatch, torch, kept):
    monkeypatch.setattr(bootstrap, "torchvision_imports", lambda: True)
    (project / f".venv/lib/python3.12/site-packages/torch-{torch}.dist-info").mkdir(parents=True)
    bootstrap.main(exactly=False)
    pins = (project / ".venv" / "constraints.txt").read_text(encoding="utf-8")
    assert (f"torch=={torch}\n" in pins) == kept and ("torchvision==" in pins) == (not kept) and "numpy==" in pins


@pytest.mark.parametrize("there", ["a GPU", "no index", "no such build", "the build"])
def test_without_a_gpu_the_cpu_build_is_taken_where_it_can_be_had(there, project, server, monkeypatch, capsys):
    tried = []

    def run(command):
        tried.append([str(part) for part in command])
        if there == "no such build" and "--index-url" in tried[-1]:
            raise SystemExit("no matching distribution")

    monkeypatch.setattr(bootstrap, "run", run)
    monkeypatch.setattr(bootstrap.platform, "system", lambda: "Linux")
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: name if there == "a GPU" else None)
    if there != "no index":
        monkeypatch.setattr(bootstrap, "CPU_BUILDS", server.url("/torch/", b"").removesuffix("/torch/"))
    bootstrap.main(exactly=False)
    from_there = [command[-2:] for command in tried if "--index-url" in command]
    assert from_there == [["torch", "torchvision"]] * (there in ("no such build", "the build"))
    said = capsys.readouterr().out
    assert ("for CPUs" in said) == bool(from_there) and ("with CUDA, 5 GB" in said) == there.startswith("no ")
    assert tried[-1][-1] == ".[lab,test]"
