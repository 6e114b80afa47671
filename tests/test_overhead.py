"""The benchmark of the loop: everybody who is compared does the same work."""

import pytest
import torch

from benchmarks import overhead
from lecture8 import datasets


@pytest.fixture(scope="module")
def small():
    data = datasets.digits(8)
    return data.take(130)


@pytest.mark.parametrize(
    ("name", "library"), [("bare", "torch"), ("skorch", "skorch"), ("Lightning Fabric", "lightning_fabric")]
)
def test_everybody_ends_with_the_weights_of_fit(small, name, library):
    pytest.importorskip(library)
    device = torch.device("cpu")
    work = overhead.WORKS[1]
    ours, theirs = (overhead.seconds(overhead.CONTENDERS[who], work, small, device)[1] for who in ("fit", name))
    start = torch.cat([p.detach().flatten() for p in work.fresh(device).parameters()])
    assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-5) and not torch.allclose(ours, start, rtol=1e-1)


def test_somebody_who_does_other_work_is_found(small, monkeypatch):
    monkeypatch.setitem(overhead.CONTENDERS, "lazy", lambda work, net, data, device: None)
    with pytest.raises(RuntimeError, match="lazy ends with other weights"):
        overhead.rounds_of(overhead.WORKS[1], ["fit", "lazy"], small, torch.device("cpu"), rounds=1)


def test_a_row_is_the_median_of_the_ratios_of_each_round():
    row = overhead.row(overhead.WORKS[0], "skorch", {"fit": [1.0, 2.0, 9.0], "skorch": [2.0, 2.0, 10.0]})
    assert row.value == pytest.approx(0.9) and (row.ours, row.reference) == (2.0, 2.0) and row.result == "met"
    assert overhead.row(overhead.WORKS[0], "bare", {"fit": [1.1] * 3, "bare": [1.0] * 3}).result == "missed"
