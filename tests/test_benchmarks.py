"""The benchmarks: a short run reaches its table, and the loops that are compared do the same work."""

import re

import torch

from benchmarks import overhead, speed
from lecture8 import datasets, models


def test_from_the_command_line_to_the_file(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(models, "ARCHITECTURES", {"resnet20": models.ARCHITECTURES["resnet20"]})
    monkeypatch.setattr(models.registry, "ARCHITECTURES", models.ARCHITECTURES)
    file = tmp_path / "results.md"
    speed.main(["--only", "build", "--rounds", "1", "--device", "cpu", "--write", str(file)])
    text = file.read_text(encoding="utf-8")
    assert "build and profile all 1 networks" in text and "of 1 goals met" in text
    assert re.search(r"^## \d{4}-\d\d-\d\d, .*threads: \d+", text, re.M) and "goals met" in capsys.readouterr().out


def test_fit_ends_with_the_weights_of_the_bare_loop():
    work, data, device = overhead.WORKS[1], datasets.digits(8).take(130), torch.device("cpu")
    ours, theirs = (overhead.seconds(overhead.CONTENDERS[who], work, data, device)[1] for who in ("fit", "bare"))
    start = torch.cat([p.detach().flatten() for p in work.fresh(device).parameters()])
    assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-5) and not torch.allclose(ours, start, rtol=1e-1)
