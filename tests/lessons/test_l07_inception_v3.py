"""Lesson 07: calibration by hand, separable kernels, and the data in pictures and explorers."""

import pytest
import torch
from figures import title

from lecture8 import datasets, models
from lecture8.lessons.l07_inception_v3 import explorers, kernels, pictures
from lecture8.lessons.l07_inception_v3.calibration import Calibration, calibration, predictions
from lecture8.models.inception_v3 import separate


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


def test_predictions_are_those_of_evaluation_mode():
    data, net = datasets.digits(size=8), models.small.vgg(10, width=4, channels=1, blocks=2)
    logits, labels = predictions(net.train(), data, "valid")
    assert net.training and torch.equal(labels, data.valid.labels) and logits.shape == (200, 10)
    with torch.no_grad():
        assert torch.allclose(logits, net.cpu().eval()(data.valid.images), atol=1e-5)


def test_separate_finds_products():
    torch.manual_seed(0)
    kernel = torch.outer(torch.randn(5), torch.randn(7))
    columns, rows = separate(kernel)
    assert columns.shape == (5, 1) and rows.shape == (1, 7) and torch.allclose(columns @ rows, kernel, atol=1e-5)
    noise = torch.randn(4, 4)
    lost = [(noise - torch.matmul(*separate(noise, rank))).norm().item() for rank in (1, 2, 3, 4)]
    assert lost == sorted(lost, reverse=True) and lost[-1] < 1e-5 < lost[-2]


def test_reliability_draws_every_bin():
    one, two = Calibration([0.55, 0.9], [0.5, 0.6], [20, 80]), Calibration([0.7], [0.9], [100])
    left, right = pictures.reliability({"a": [one, two], "b": [two]}).axes
    assert [tuple(p.get_offsets()[0]) for p in right.collections] == [pytest.approx((70, 90))]
    assert len(left.collections) == 2 and len(left.collections[0].get_offsets()) == 2
    assert "calibration error 22.5 %" in title(left)  # (0.2 · 0.05 + 0.8 · 0.3 and 0.2) / 2


def test_the_kernel_explorer_says_what_is_kept():
    explorer = explorers.kernel()
    explorer.controls["kernel"].value = "blur"
    explorer.controls["pairs"].value = 1
    assert "1 column-and-row pair keeps 100.0 %" in explorer.text and "14 weights, cheaper than" in explorer.text
    assert "correlate by 1.00" in explorer.text
    explorer.controls["pairs"].value = 4
    assert "56 weights, more expensive than the 49" in explorer.text
    ramp = torch.eye(7)
    added = explorers.kernel({"mine": ramp})
    added.controls["kernel"].value = "mine"
    added.controls["pairs"].value = 2
    assert "mine: 2 column-and-row pairs keep 28.6 %" in added.text


def test_the_smoothing_explorer_reads_the_runs():
    explorer = explorers.smoothing()
    explorer.controls["amount"].value = 0.0
    assert "smoothing 0:" in explorer.text and explorer.text.count("smoothing") == 1
    explorer.controls["amount"].value = 0.2
    assert "smoothing 0.2: right on" in explorer.text


def test_kernels_learned_from_photographs_keep_more_in_few_pairs_than_random_ones():
    torch.manual_seed(0)
    fresh = models.small.zfnet().features.conv1.conv.weight.detach().flatten(0, 1)
    learned, random = kernels.energies(kernels.of_photographs()), kernels.energies(fresh)
    assert learned.shape == random.shape == (96, 7) and torch.allclose(learned[:, -1], torch.ones(96))
    assert ((learned.mean(0) - random.mean(0))[:3] > torch.tensor([0.1, 0.08, 0.04])).all()
    assert pictures.pairs_kept(learned, random).axes[0].get_legend() is not None
