"""Calibration: known cases by hand, and what cannot be computed is refused."""

import pytest
import torch

from lecture8 import datasets, models
from lecture8.lessons.l07_inception_v3.calibration import Calibration, calibration, predictions


def logits_of(*probabilities):
    return torch.tensor(probabilities, dtype=torch.float64).log()


def test_two_bins_by_hand():
    # confidences 0.8, 0.85, 0.6: the first two share a bin, one of them is right
    found = calibration(logits_of([0.8, 0.2], [0.85, 0.15], [0.4, 0.6]), torch.tensor([0, 1, 1]))
    assert found.count == [1, 2] and found.accuracy == [1.0, 0.5]
    assert found.confidence == pytest.approx([0.6, 0.825])
    assert found.error == pytest.approx((0.4 + 2 * 0.325) / 3)
    assert found.overall_accuracy == pytest.approx(2 / 3) and found.overconfidence == pytest.approx((2.25 - 2) / 3)


def test_a_network_that_keeps_its_word_has_no_error():
    generator = torch.Generator().manual_seed(0)
    promised = 0.5 + 0.5 * torch.rand(40_000, generator=generator, dtype=torch.float64)
    labels = (torch.rand(40_000, generator=generator) > promised).long()  # class 0 as often as it is promised
    logits = torch.stack([promised, 1 - promised], 1).log()
    assert calibration(logits, labels).error < 0.01
    assert calibration(3 * logits, labels).overconfidence > 0.05  # sharper, so too sure
    assert calibration(logits / 3, labels).overconfidence < -0.05
    assert calibration(3 * logits, labels).overall_accuracy == calibration(logits, labels).overall_accuracy


def test_full_confidence_falls_into_the_last_bin():
    assert calibration(torch.tensor([[100.0, 0.0]]), torch.tensor([0])) == Calibration([1.0], [1.0], [1])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((torch.zeros(3), torch.zeros(3)), "expected N × classes"),
        ((torch.zeros(3, 2), torch.zeros(2)), "labels of 2"),
        ((torch.zeros(0, 2), torch.zeros(0)), "N from 1"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        calibration(*arguments)


def test_predictions_are_those_of_evaluation_mode():
    data, net = datasets.digits(size=8), models.small.vgg(10, width=4, channels=1, blocks=2)
    logits, labels = predictions(net.train(), data, "valid")
    assert net.training and torch.equal(labels, data.valid.labels) and logits.shape == (200, 10)
    with torch.no_grad():
        assert torch.allclose(logits, net.cpu().eval()(data.valid.images), atol=1e-5)
