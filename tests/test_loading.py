"""Training is bound by the network and not by its images, when these are tensors in memory."""

import pytest

from benchmarks import loading


def test_batches_take_a_small_part_of_a_training_epoch(monkeypatch):
    monkeypatch.setattr(loading, "ROUNDS", 1)
    result = loading.measure(256)
    assert 0 < result.share < 0.25  # 0.004 when it was measured
    assert result.batches < result.data_loader
    text = str(result).splitlines()
    assert len(text) == 5 and "256 images" in text[0] and f"{result.share:.1%}" in text[-1]
    assert f"{50_000 * result.training:.2f} s/epoch" in text[3]


def test_too_few_images():
    with pytest.raises(ValueError, match="given images=100; expected 128 or more"):
        loading.measure(100)
