"""The benchmarks: a short run reaches its table."""

import re

from benchmarks import speed
from lecture8 import models


def test_from_the_command_line_to_the_file(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(models, "ARCHITECTURES", {"resnet20": models.ARCHITECTURES["resnet20"]})
    monkeypatch.setattr(models.registry, "ARCHITECTURES", models.ARCHITECTURES)
    file = tmp_path / "results.md"
    speed.main(["--only", "build", "--rounds", "1", "--device", "cpu", "--write", str(file)])
    text = file.read_text(encoding="utf-8")
    assert "build and profile all 1 networks" in text and "of 1 goals met" in text
    assert re.search(r"^## \d{4}-\d\d-\d\d, .*threads: \d+", text, re.M) and "goals met" in capsys.readouterr().out
