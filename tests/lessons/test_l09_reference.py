"""The tool behind the reference times of data/, on small networks; and what it wrote."""

import pandas as pd
import pytest
import torch

from lecture8 import measure, models, published
from tools import measure_reference

CPU = torch.device("cpu")


@pytest.fixture
def small(monkeypatch):
    """Two small networks in place of the large ones, and no batches beyond those asked for."""
    monkeypatch.setattr(measure_reference, "NETWORKS", ["resnet20", "small.alexnet"])
    monkeypatch.setattr(measure_reference, "SWEPT", ("resnet20",))
    monkeypatch.setitem(measure_reference.SWEEP, "cpu", (1, 3))


def test_every_network_at_every_batch(small):
    found = pd.DataFrame(measure_reference.rows(measure_reference.NETWORKS, (1, 2), CPU, 0.0))
    expected = [("resnet20", 1), ("resnet20", 2), ("resnet20", 3), ("small.alexnet", 1), ("small.alexnet", 2)]
    assert list(zip(found["network"], found["batch"], strict=True)) == expected
    assert (found["runs"] >= 5).all() and not found.isna().any().any()
    assert (found["ms_low"] <= found["ms"]).all() and (found["ms"] <= found["ms_high"]).all()
    weights = [4 * models.ARCHITECTURES[name].params / 1e6 for name in found["network"]]
    assert (found["mb"] > weights).all() and (found["mb"] < 10 * pd.Series(weights) + 10).all()


def test_on_a_gpu_power_is_read_too(monkeypatch):
    net = models.small.resnet20()
    power = measure.Power("power", "watts", 60.0, 59.0, 61.0, 20, "T4", 1, 4, idle=10.0, joules=0.5)
    monkeypatch.setattr(measure, "power", lambda *_, **__: power)
    latency, memory = measure.latency, measure.inference_memory
    monkeypatch.setattr(measure, "latency", lambda *given, device, seconds: latency(*given, device=CPU, seconds=0))
    monkeypatch.setattr(measure, "inference_memory", lambda *given, device: memory(*given, device=CPU))
    found = measure_reference.row("resnet20", net, 4, torch.device("cuda"), 0.0)
    assert (found["watts"], found["idle_watts"], found["joules_per_image"]) == (60.0, 10.0, 0.5)
    found = measure_reference.row("resnet20", net, 4, torch.device("mps"), 0.0)
    assert "mb" not in found and "watts" not in found


def test_numbers_that_are_slow_to_compute_with_are_refused(monkeypatch):
    def vanishing():
        net = models.small.resnet20()
        torch.nn.init.zeros_(net.classifier.fc.weight)
        torch.nn.init.constant_(net.classifier.fc.bias, 1e-39)
        return net

    monkeypatch.setattr(models, "build", lambda name: vanishing())
    with pytest.raises(ValueError, match="resnet20 answers with numbers up to 1e-39: such numbers distort its time"):
        list(measure_reference.rows(["resnet20"], [1], CPU, 0.0))


def test_a_whole_run_is_written_with_its_provenance(small, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(measure_reference, "DATA", tmp_path)
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    measure_reference.main(["--device", "cpu", "--seconds", "0"])
    assert "wrote reference_cpu.csv: 5 rows" in capsys.readouterr().out
    table, header = published.read("reference_cpu"), published.provenance("reference_cpu")
    assert {"what", "command", "date", "hardware", "threads", "versions", "seeds"} == set(header)
    assert list(table.columns) == ["network", "batch", "runs", "ms", "ms_low", "ms_high", "mb"]
    assert set(table["network"]) == set(measure_reference.NETWORKS) and (table["ms"] > 0).all()


def test_a_part_is_only_printed(small, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(measure_reference, "DATA", tmp_path)
    measure_reference.main(["--device", "cpu", "--seconds", "0", "--networks", "resnet20", "--batches", "2"])
    said = capsys.readouterr().out
    assert "resnet20, batch 2: " in said and "wrote" not in said and not list(tmp_path.iterdir())
    for wrong, words in (
        (["--networks", "vgg99"], "nothing known of vgg99: choose from"),
        (["--batches", "0"], "batch of 0"),
    ):
        with pytest.raises(SystemExit):
            measure_reference.main(wrong)
        assert words in capsys.readouterr().err


def test_the_shipped_reference_has_every_network_of_the_course():
    table = published.read("reference_cpu")
    for batch in measure_reference.BATCHES["cpu"]:
        assert list(table[table["batch"] == batch]["network"]) == measure_reference.NETWORKS
    for name in measure_reference.SWEPT:
        assert list(table[table["network"] == name]["batch"]) == list(measure_reference.SWEEP["cpu"])
    spread = (table["ms_high"] - table["ms_low"]) / table["ms"]
    assert spread.median() < 0.2, "the machine was not calm: measure again"
