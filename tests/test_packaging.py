"""What is installed, by whom and how: pyproject.toml, constraints.txt, environment.yml and tools/env/bootstrap.py agree."""

import ast
import re
import shutil
import subprocess
import sys
from collections import namedtuple

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import lecture8
from tools.build import conditions
from tools.build.notebooks import tomllib
from tools.env import bootstrap, lab

ROOT = conditions.ROOT
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
REQUIRED = [Requirement(line) for lines in [PROJECT["project"]["dependencies"], *EXTRAS.values()] for line in lines]
PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
COLAB = {  # what Colab had installed in August 2026
    "torch": "2.11.0",
    "torchvision": "0.26.0",
    "numpy": "2.1.3",
    "matplotlib": "3.10.0",
    "ipywidgets": "7.7.1",
    "ipykernel": "6.17.1",
    "pytest": "8.4.2",
}


# ------------------------------------------------------------------------------------------------- what is required


@pytest.mark.parametrize("requirement", REQUIRED, ids=str)
def test_requirements_are_bounded_only_from_below(requirement):
    assert [clause.operator for clause in requirement.specifier] == [">="]
    assert not requirement.url


@pytest.mark.parametrize("requirement", [need for need in REQUIRED if need.name in COLAB], ids=str)
def test_nothing_on_colab_would_be_replaced(requirement):
    assert COLAB[requirement.name] in requirement.specifier


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("requirement", REQUIRED, ids=str)
def test_every_requirement_is_pinned_once_for_every_python(requirement, python):
    environment = {"python_version": python}
    pins = [
        pin
        for pin in PINS
        if canonicalize_name(pin.name) == canonicalize_name(requirement.name)
        and (pin.marker is None or pin.marker.evaluate(environment))
    ]
    assert len(pins) == 1
    (clause,) = pins[0].specifier
    assert clause.operator == "==" and clause.version in requirement.specifier


def test_pins_name_no_address():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|@|--|^-", text, re.MULTILINE)


def test_version_is_the_same_everywhere():
    assert PROJECT["project"]["version"] == lecture8.__version__


def test_pytest_compares_strictly_and_gives_up_on_a_hanging_cell():
    options = PROJECT["tool"]["pytest"]["ini_options"]
    words = options["addopts"].split()
    assert {"--nbval", "--nbval-current-env", "--nbval-cell-timeout=120"} <= set(words)
    assert "--nbval-lax" not in words
    assert options["testpaths"] == ["tests", "notebooks"]


def test_environment_yml_agrees_with_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["name"] == "lecture8" and environment["channels"] == ["conda-forge"]
    python, pip, listed = environment["dependencies"]
    name, version = python.split("=")
    assert name == "python" and pip == "pip" and version in PYTHONS
    assert version in SpecifierSet(PROJECT["project"]["requires-python"])
    (line,) = listed["pip"]
    path, extras = re.fullmatch(r"-e (\.)\[([\w,]+)\]", line).groups()
    assert (ROOT / path / "pyproject.toml").exists()
    assert set(extras.split(",")) == set(EXTRAS) - {
        "bench",
        "browser",
    }  # installed by `make bench` and `make test-browser`


def test_everything_the_project_is_made_of_is_there():
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "Makefile", ".ci/run"):
        assert (ROOT / name).is_file(), name
    for name in ("notebooks/source", "lecture8", "data", "tests", "browser", "tools", "benchmarks"):
        assert any((ROOT / name).iterdir()), name


# ----------------------------------------------------------------------------------------------- the first `make`


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the files that the set-up reads, with a `.venv` that looks installed."""
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / ".venv" / bootstrap.VENV_PYTHON.relative_to(bootstrap.VENV)
    python.parent.mkdir(parents=True)
    python.write_text("", encoding="utf-8")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "VENV_PYTHON", python)
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / ".venv" / ".ready")
    return tmp_path


def installed(monkeypatch, *, fails: bool = False) -> list[list[str]]:
    """Replaces the installer; the list of the commands that it is given from now on."""
    commands = []

    def run(command):
        commands.append([str(part) for part in command])
        if fails and "install" in command:
            sys.exit("failed")

    monkeypatch.setattr(bootstrap, "run", run)
    return commands


def test_set_up_reads_on_every_python_from_3_6():
    ast.parse((ROOT / "tools" / "bootstrap.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_set_up_wants_the_python_of_pyproject():
    assert PROJECT["project"]["requires-python"] == f">={bootstrap.dotted(bootstrap.OLDEST)}"


def test_second_call_does_nothing_and_a_change_installs_again(project, monkeypatch):
    commands = installed(monkeypatch)
    bootstrap.main(exactly=False)
    assert sum("install" in command for command in commands) == 1
    commands.clear()
    bootstrap.main(exactly=False)
    bootstrap.main(exactly=True)
    assert commands == []
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    (project / "pyproject.toml").write_text(text + '\n[tool.other]\nx = "no new requirement"\n', encoding="utf-8")
    bootstrap.main(exactly=False)
    assert commands == []
    (project / "pyproject.toml").write_text(text.replace("torch>=2.6", "torch>=2.7"), encoding="utf-8")
    bootstrap.main(exactly=False)
    assert sum("install" in command for command in commands) == 1


def test_another_python_installs_again_only_when_it_is_asked_for(project, monkeypatch):
    commands = installed(monkeypatch)
    bootstrap.main(exactly=False)
    commands.clear()
    monkeypatch.setattr(bootstrap, "THIS", (3, 99))
    bootstrap.main(exactly=False)
    assert commands == []
    bootstrap.main(exactly=True)
    assert any("--clear" in command for command in commands)


def test_failed_installation_is_not_taken_for_one(project, monkeypatch):
    installed(monkeypatch)
    bootstrap.main(exactly=False)
    (project / "constraints.txt").write_text("torch==9\n", encoding="utf-8")
    installed(monkeypatch, fails=True)
    with pytest.raises(SystemExit):
        bootstrap.main(exactly=False)
    assert not bootstrap.ready(exactly=False)


@pytest.mark.parametrize(("torch", "kept"), [("2.16.0+cpu", True), ("2.14.0", False)])
def test_chosen_build_of_torch_is_kept(project, monkeypatch, torch, kept):
    installed(monkeypatch)
    monkeypatch.setattr(bootstrap, "torchvision_imports", lambda: True)
    (project / f".venv/lib/python3.12/site-packages/torch-{torch}.dist-info").mkdir(parents=True)
    bootstrap.main(exactly=False)
    pins = (project / ".venv" / "constraints.txt").read_text(encoding="utf-8")
    assert (f"torch=={torch}\n" in pins) == kept
    assert ("torchvision==" in pins) == (not kept)
    assert "numpy==" in pins


def test_torchvision_of_another_build_is_found(project, monkeypatch):
    installed(monkeypatch)
    monkeypatch.setattr(bootstrap, "torchvision_imports", lambda: False)
    (project / ".venv/lib/python3.12/site-packages/torch-2.16.0+cpu.dist-info").mkdir(parents=True)
    with pytest.raises(SystemExit, match=r"torchvision does not work with torch 2\.16\.0\+cpu: install both from one"):
        bootstrap.main(exactly=False)
    assert not bootstrap.ready(exactly=False)


def test_old_python_says_what_to_do(monkeypatch):
    monkeypatch.setattr(bootstrap, "THIS", (3, 8))
    monkeypatch.setattr(bootstrap, "newer_python", lambda: "")
    with pytest.raises(SystemExit, match=r"Python 3\.8 is too old, 3\.10 or newer is needed: install"):
        bootstrap.check_python(exactly=False)
    monkeypatch.setattr(bootstrap, "newer_python", lambda: "/usr/bin/python3.13")
    with pytest.raises(SystemExit, match=r"run `make lab PYTHON=python3\.13`"):
        bootstrap.check_python(exactly=True)


def test_old_python_finds_a_newer_one_that_runs(tmp_path, monkeypatch):
    minor = bootstrap.THIS[1]
    for name, text in {f"python3.{minor + 1}": "exit 127", f"python3.{minor}": f'exec "{sys.executable}" "$@"'}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bootstrap.newer_python() == str(tmp_path / f"python3.{minor}")


def test_missing_venv_module_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit, match=r"no venv module: install it \(`sudo apt install python3\.\d+-venv`"):
        bootstrap.check_venv_module()


def test_full_disk_says_what_to_do(project, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda path: usage(10e9, 8e9, 2e9))
    with pytest.raises(SystemExit, match=r"2\.0 GB free and \d GB needed: make room, or see 'A smaller installation'"):
        bootstrap.check_disk()
    assert "**A smaller installation.**" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("WARNING: Retrying ... [Errno -3] Temporary failure in name resolution\nERROR: No matching", "connect to the"),
        ("error: Failed to fetch\n  Caused by: dns error: failed to lookup address", "connect to the internet"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "The disk is full"),
        ("ERROR: No matching distribution found for torch==2.15.0", "does not exist for this system"),
        ("Collecting a\nERROR: Failed building wheel\nnote: sorry", "install.log says why: ERROR: Failed building"),
        ("", "install.log says why"),
    ],
)
def test_failed_installation_is_explained(said, sentence):
    explained = bootstrap.explain(said)
    assert sentence in explained and "\n" not in explained


def test_installer_that_fails_ends_in_one_sentence(project):
    with pytest.raises(SystemExit, match="The disk is full"):
        bootstrap.run([sys.executable, "-c", "import sys; print('a\\nNo space left on device'); sys.exit(3)"])
    assert (project / ".venv" / "install.log").read_text(encoding="utf-8") == "a\nNo space left on device\n"


# ------------------------------------------------------------------------------------------------------ `make lab`


def test_lab_starts_everywhere(monkeypatch):
    plain = lab.arguments(root=False, display=True)
    assert lab.arguments(root=True, display=False) == [*plain, "--allow-root", "--no-browser"]
    monkeypatch.setattr(lab.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert not lab.has_display()
    monkeypatch.setenv("DISPLAY", ":0")
    assert lab.has_display()
    monkeypatch.delenv("DISPLAY")
    monkeypatch.setattr(lab.sys, "platform", "darwin")
    assert lab.has_display()


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_lists_its_targets():
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    said = re.findall(r"^  make (\S+)", listed, re.M)
    (declared,) = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert sorted(said) == sorted(set(declared.split()) - {"setup"})
    assert {"lab", "test", "test-browser", "slides", "solutions", "site", "repository", "bench"} <= set(said)
