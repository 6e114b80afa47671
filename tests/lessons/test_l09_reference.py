"""The experiment behind the reference times, on small networks; and the table it wrote."""

import pandas as pd
import torch

from lecture8 import models, published
from lecture8.lessons.l09_complexity import experiments


def test_every_network_at_every_batch(monkeypatch):
    monkeypatch.setattr(experiments, "SWEPT", ("resnet20",))
    monkeypatch.setitem(experiments.SWEEP, "cpu", (1, 3))
    found = pd.DataFrame(experiments.rows(["resnet20"], (1, 2), torch.device("cpu"), 0.0))
    expected = [("resnet20", 1), ("resnet20", 2), ("resnet20", 3)]
    assert list(zip(found["network"], found["batch"], strict=True)) == expected
    assert (found["runs"] >= 5).all() and not found.isna().any().any()
    assert (found["ms_low"] <= found["ms"]).all() and (found["ms"] <= found["ms_high"]).all()
    weights = [4 * models.ARCHITECTURES[name].params / 1e6 for name in found["network"]]
    assert (found["mb"] > weights).all() and (found["mb"] < 10 * pd.Series(weights) + 10).all()


def test_the_shipped_reference_has_every_network_of_the_course():
    table = published.read("reference_cpu")
    for batch in experiments.BATCHES["cpu"]:
        assert list(table[table["batch"] == batch]["network"]) == experiments.NETWORKS
    for name in experiments.SWEPT:
        assert list(table[table["network"] == name]["batch"]) == list(experiments.SWEEP["cpu"])
    relative = (table["ms_high"] - table["ms_low"]) / table["ms"]
    assert relative.median() < 0.2, "the machine was not calm: measure again"
