"""Lesson 07: calibration by hand, separable kernels, and the data in pictures and explorers."""

import pytest
import torch
from figures import texts, title
from torch import nn

from lecture8 import complexity, datasets, models, published
from lecture8.lessons.l07_inception_v3 import answers, experiments, explorers, kernels, pictures
from lecture8.lessons.l07_inception_v3.calibration import (
    Calibration,
    accuracy_by_setting,
    calibration,
    calibrations,
    error_by_setting,
    errors_of_seeds,
    means_of_all_signs,
    predictions,
)


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
    assert "1 pair keeps 100.0 %" in explorer.text and "14 weights, fewer than" in explorer.text
    assert "correlation of 1.00" in explorer.text
    explorer.controls["pairs"].value = 4
    assert "56 weights, more than the 49" in explorer.text


def test_kernels_learned_from_photographs_keep_more_in_few_pairs_than_random_ones():
    torch.manual_seed(0)
    fresh = models.small.zfnet().features.conv1.conv.weight.detach().flatten(0, 1)
    learned, random = kernels.energies(kernels.of_photographs()), kernels.energies(fresh)
    assert learned.shape == random.shape == (96, 7) and torch.allclose(learned[:, -1], torch.ones(96))
    assert ((learned.mean(0) - random.mean(0))[:3] > torch.tensor([0.1, 0.08, 0.04])).all()
    assert pictures.pairs_kept(learned, random).axes[0].get_legend() is not None


def test_a_cut_layer_is_the_pair_of_convolutions_that_the_exercise_asks_for():
    torch.manual_seed(0)
    layer, images = nn.Conv2d(4, 6, 5, stride=2, padding=2), torch.randn(2, 4, 12, 12)
    two = answers.factorize(layer, 7)
    layer.weight.data = experiments.cut_layer(layer.weight.detach(), 7)
    assert torch.allclose(layer(images), two(images), atol=1e-5)
    kernel = experiments.cut_kernels(layer.weight.detach(), 1)[3, 2]
    assert torch.linalg.matrix_rank(kernel) == 1


def test_the_table_of_cut_layers_has_the_whole_layer_in_both_ways():
    table = published.read("cut_kernels")
    whole = table[(table["way"] == "each kernel") & (table["amount"] == table["layer"].map({"conv1": 7, "conv2": 5}))]
    assert whole["test_accuracy"].nunique() == 1  # nothing is lost with all pairs, in either layer
    labels = texts(pictures.cut_down(table, "conv2").axes[0])
    assert {"r = 32", "1 pair", "2 pairs", "the layer as it is"} <= set(labels)


def test_whole_kernels_see_what_the_pairs_see():
    parts, whole = answers.module_b(16, 8), kernels.module_of_whole_kernels(16, 8)
    one, other = (complexity.profile(net, (16, 17, 17)) for net in (parts, whole))
    assert one.field == other.field == 13 and one.output_size == other.output_size and one.macs < other.macs


def test_means_of_all_signs_and_by_setting():
    assert sorted(means_of_all_signs([1.0, 3.0])) == [-2, -1, 1, 2]
    runs = published.read("label_smoothing")
    error = error_by_setting(runs)
    fifty = calibrations(runs[(runs["images"] == 50) & (runs["amount"] == 0.05)])
    assert error[50].idxmin() == 0.05 and error[960].idxmin() == 0.0
    assert errors_of_seeds(runs)[50][0.05] == pytest.approx([100 * one.error for one in fifty])
    assert accuracy_by_setting(runs)[960].between(98, 99.5).all()
