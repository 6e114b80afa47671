"""Lesson 03: cluttered digits and shortcuts, the small ZFNet, the two instruments, explorers, pictures, tables."""

import pytest
import torch
from torch import nn

from lecture8 import complexity, datasets, models, published
from lecture8.lessons.l03_zfnet import answers, clutter, deconvnet, experiments, explorers, fields, photographs
from lecture8.models.zfnet import occlusion, project


@pytest.fixture(scope="module")
def plain():
    return clutter.cluttered_digits(copies=2)


def test_every_digit_is_in_its_picture(plain):
    digits = datasets.digits(24)
    assert [len(s) for s in (plain.train, plain.valid, plain.test)] == [2 * 1297, 2 * 200, 2 * 300]
    assert torch.equal(plain.test.labels, digits.test.labels.repeat(2))
    canvas = plain.test.pixels[:20].float() / 255
    for picture, digit in zip(canvas, digits.test.pixels[:20].float() / 255, strict=True):
        windows = picture.unfold(1, 24, 1).unfold(2, 24, 1)[0]  # every place of 24 × 24
        error = (windows - (0.1 + 0.8 * digit)).square().mean((2, 3))
        assert error.min() < 2 * 0.05**2, "somewhere lies the digit, whole, under noise of 0.05"


def test_a_shortcut_betrays_the_label_and_leaves_the_rest_alone(plain):
    marked, secret = (clutter.planted(plain, plant) for plant in (clutter.mark, clutter.faint))
    assert torch.equal(marked.test.pixels[:, :, 5:], plain.test.pixels[:, :, 5:]), "only the upper edge differs"
    assert torch.equal(secret.test.pixels[..., 3:], plain.test.pixels[..., 3:]), "only the left edge differs"
    left = (marked.test.pixels[:, 0, 1:5] == 255).all(1).float().argmax(1)
    for label in range(10):
        assert left[marked.test.labels == label].unique().tolist() == [1 + round(26 * label / 9)]
    lighter = (secret.test.pixels > plain.test.pixels).any(3)[:, 0].float().argmax(1)
    assert torch.equal(lighter, (29 * plain.test.labels / 9).round().long())


@pytest.mark.parametrize("without", [(), (7,), (6, 7), (3, 4), (3, 4, 6, 7)])
def test_layers_are_left_out(without):
    net = models.small.zfnet(10, width=4, channels=1, without=without)
    names = {name for name, _ in [*net.features.named_children(), *net.classifier.named_children()]}
    left = {int(name[-1]) for name in names if name[:-1] in ("conv", "fc")}
    assert left == {1, 2, 3, 4, 5, 6, 7, 8} - set(without)
    assert net(torch.zeros(2, 1, 32, 32)).shape == (2, 10)
    assert complexity.profile(net, (1, 32, 32)).depth == 8 - len(without)


class Corner(nn.Module):
    def forward(self, x):
        return torch.stack([torch.zeros(len(x)), x[:, 0, 0, 0]], 1)


def test_the_gray_square_finds_the_pixel_that_counts():
    image = torch.full((1, 10, 10), 4.0)
    net = Corner().train()
    chances = occlusion(net, image, square=4, step=2)
    assert chances.shape == (4, 4, 2) and net.training and torch.equal(image, torch.full_like(image, 4.0))
    assert torch.allclose(chances.sum(2), torch.ones(4, 4))
    assert (chances[..., 1] < 0.6).nonzero().tolist() == [[0, 0]] and chances[0, 0, 1] == 0.5


def test_the_aliasing_explorer_counts_right():
    explorer = explorers.aliasing()
    for layer, values in zip(explorers.LAYERS, (16, 32), strict=True):
        for across in (2, 10, 18, 30):
            _, text = explorer.draw(across=across, down=0, layer=layer)
            seen = abs(across - values * round(across / values))
            assert f"values: {seen} across" in text, (layer, across, text)
            assert ("Folded" in text) == (across > values / 2)


def test_the_deconvnet_of_the_lesson_does_what_the_library_does(plain):
    torch.manual_seed(0)
    net, images = models.small.zfnet(10, width=4, channels=1), plain.test.images[:5]
    layers = nn.Sequential(*net.features.conv1, *net.features.conv2, *net.features.conv3)
    with torch.no_grad():
        assert torch.allclose(answers.reconstruct(layers, images, 3), project(net, images, "conv3", 3), atol=1e-5)
        trail = deconvnet.climb(layers, images)[1]
    first = deconvnet.without_switches(trail)[2][2][0, 0]
    assert first[:2, :3].tolist() == [[0, 2, 4], [32, 34, 36]], "the first pixel of each window"
    kept = deconvnet.strongest(torch.arange(100.0).view(1, 1, 10, 10) - 49.6)
    assert kept.sum() == 10 and kept[0, 0, 0, :5].all() and not kept[0, 0, 5].any()


def test_a_reconstruction_stays_inside_the_receptive_field_and_could_leave_it(plain):
    torch.manual_seed(0)
    net, images = models.small.zfnet(10, width=6, channels=1), plain.test.images[:40]
    experiments.fitted(net, plain, 0.004, 1, seed=0)
    assert answers.receptive_field([(7, 2), (3, 2), (5, 2)]) == 27 < images.shape[-1]

    def widest():
        return max(max(fields.reach(project(net, images, "conv2", channel))) for channel in range(24))

    assert widest() == 27
    net.features.conv2.conv = nn.Conv2d(12, 24, 7, stride=2, padding=3)  # sees more than the 27 pixels of a 5 × 5
    assert widest() > 27


def test_the_first_stride_matters_and_the_smaller_kernel_gains_nothing():
    runs = published.read("first_layer")
    measured = (
        runs.query("seed >= 10").set_index(["epochs", "by", "stride", "kernel", "seed"])["test_error"].sort_index()
    )
    error = measured.groupby(level=[0, 1, 2, 3]).mean()
    arms = [("conv2", 2, 7), ("conv2", 2, 11), *((by, 4, kernel) for by in ("conv2", "pool1") for kernel in (7, 11))]
    for by, stride, kernel in arms:
        assert measured.loc[4, by, stride, kernel].index.tolist() == [10, 11, 12, 13, 14]
        if stride == 4:  # whichever layer makes up for it
            assert error[4, by, 4, kernel] > error[4, "conv2", 2, kernel] + 3
    for epochs, kernel, seeds in [(4, 7, 5), (4, 11, 5), (12, 7, 3), (12, 11, 3)]:
        worse = measured.loc[epochs, "conv2", 4, kernel] - measured.loc[epochs, "conv2", 2, kernel]
        assert len(worse) == seeds and (worse > 1).all(), "in every seed, and after three times as many epochs"
    for epochs, margin in ((4, 5), (12, 2)):
        assert abs(error[epochs, "conv2", 2, 7] - error[epochs, "conv2", 2, 11]) < 1
        assert error[epochs, "conv2", 4, 7] > error[epochs, "conv2", 4, 11] + margin


def test_photographs_are_reconstructed_and_covered():
    net = models.small.zfnet(weights="cifar10").eval()
    rows = photographs.patches(net, answers.reconstruct, channels=2)
    assert all(part.shape == (5, 3, photographs.FIELD, photographs.FIELD) for row in rows for part in row)
    _, chances, label = photographs.covered(net, "horse")
    right = chances[..., datasets.CIFAR10_CLASSES.index(label)]
    assert label == "horse" and right.max() > 0.9 and right.min() < 0.2
