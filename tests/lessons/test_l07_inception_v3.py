"""Lesson 07: calibration by hand, separable kernels, and the data in pictures and explorers."""

import numpy as np
import pytest
import torch
from figures import texts, title

from lecture8 import complexity, datasets, models
from lecture8.lessons.l07_inception_v3 import explorers, kernels, pictures
from lecture8.lessons.l07_inception_v3.calibration import Calibration, calibration, predictions
from lecture8.models.inception_v3 import asymmetric, separate
from lecture8.models.layers import conv


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


def test_kernels_draw_every_weight():
    figure = pictures.kernels([{"7 × 7": conv(4, 4, 7), "pair": asymmetric(4, 4, 7)}])
    (ax,) = figure.axes
    assert len(ax.patches) == 49 + 14
    assert {"49 weights, 100 %;  sees 7 × 7", "14 weights, 29 %;  sees 7 × 7"} <= set(texts(ax))


def test_separated_shows_kernel_kept_and_lost():
    kernel = torch.arange(9.0).view(3, 3) ** 2
    columns, rows = separate(kernel)
    photo = np.random.default_rng(0).random((12, 20))
    sheet, bars = pictures.separated(kernel, columns @ rows, photo, 1).axes
    drawn = [np.asarray(image.get_array()) for image in sheet.images]
    whole, kept, lost, picture, seen, seen_kept, seen_lost = drawn
    assert np.allclose(whole, kernel) and np.allclose(kept + lost, kernel) and np.allclose(picture, photo)
    assert np.allclose(seen[2, 3], (photo[2:5, 3:6] * kernel.numpy()).sum())
    assert np.allclose(seen - seen_kept, seen_lost)
    heights = [bar.get_height() for bar in bars.patches]
    assert sum(heights) == pytest.approx(100) and heights[0] == pytest.approx(100 * (kept**2).sum() / (whole**2).sum())


def test_separate_finds_products_and_refuses_other_ranks():
    torch.manual_seed(0)
    kernel = torch.outer(torch.randn(5), torch.randn(7))
    columns, rows = separate(kernel)
    assert columns.shape == (5, 1) and rows.shape == (1, 7) and torch.allclose(columns @ rows, kernel, atol=1e-5)
    noise = torch.randn(4, 4)
    lost = [(noise - torch.matmul(*separate(noise, rank))).norm().item() for rank in (1, 2, 3, 4)]
    assert lost == sorted(lost, reverse=True) and lost[-1] < 1e-5 < lost[-2]
    for rank in (0, 5):
        with pytest.raises(ValueError, match=f"rank={rank}; expected"):
            separate(noise, rank)
    with pytest.raises(ValueError, match="expected height × width"):
        separate(torch.zeros(1, 3, 3))


def test_strip_draws_every_stage():
    with torch.device("meta"):
        profile = complexity.profile(models.inception_v3(), (3, 299, 299))
    (ax,) = pictures.strip(profile).axes
    assert len(ax.patches) == 1 + len(profile.stages) and {"A1", "B4", "C2", "red. A", "linear"} <= set(texts(ax))
    heights = [p.get_height() for p in ax.patches]
    assert heights[-2] == 1 and heights[1] == pytest.approx(192 / 2048)
    widths = [p.get_width() for p in ax.patches]
    assert widths[0] > widths[1] > widths[5] > widths[-2] > widths[-1]


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


def test_kernels_of_the_explorer_are_what_they_are_called():
    shapes = kernels.KERNELS
    x = torch.arange(7.0).double() - 3
    assert (shapes["upright edge"] @ x).sum() > 0 and abs((x @ shapes["upright edge"]).sum()) < 1e-9
    for name in ("upright edge", "slanted edge", "upright stripes", "stripes at 20°", "stripes at 45°", "spot"):
        assert abs(shapes[name].sum()) < 0.03, name
    assert torch.allclose(shapes["stripes at 45°"], shapes["stripes at 45°"].T)
    assert shapes["blur"].sum().item() == pytest.approx(1) and shapes["spot"][3, 3] > 0 > shapes["spot"][0, 3]


def test_the_smoothing_explorer_reads_the_runs():
    explorer = explorers.smoothing()
    explorer.controls["amount"].value = 0.0
    assert "smoothing 0:" in explorer.text and explorer.text.count("smoothing") == 1
    explorer.controls["amount"].value = 0.2
    assert "smoothing 0.2: right on" in explorer.text
