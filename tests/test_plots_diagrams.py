"""Module diagrams: what they read off inception modules of every generation, and what they draw of it."""

import importlib

import pytest
import torch
from torch import nn

from lecture8 import complexity, plots
from lecture8.models.inception_resnet import BLOCKS, ScaledResidual
from lecture8.models.layers import Branches, conv, conv_relu
from lecture8.models.resnet import Residual, bottleneck, shortcut_for

googlenet, v3, v4 = (
    importlib.import_module(f"lecture8.models.{m}") for m in ("googlenet", "inception_v3", "inception_v4")
)


def read(module, shape):
    """(module, its profile, its steps), without weights in memory."""
    profile = complexity.profile(module.to("meta"), shape)
    return module, profile, plots.modules.steps(module, profile)


def words(found):
    return [[box.words for box in plots.modules.boxes(way)] for way in found[-1].ways]


CASES = {  # module, its input, the words of the boxes branch by branch
    "naive": (
        googlenet.naive_inception(256, 128, 192, 96), (256, 28, 28),
        [["1 × 1 conv"], ["3 × 3 conv"], ["5 × 5 conv"], ["3 × 3 max pool"]],
    ),
    "3a": (
        googlenet.inception(192, *googlenet.MODULES["3a"]), (192, 28, 28),
        [["1 × 1 conv"], ["1 × 1 conv", "3 × 3 conv"], ["1 × 1 conv", "5 × 5 conv"], ["3 × 3 max pool", "1 × 1 conv"]],
    ),
    "v3 B": (
        v3.inception_b(768, 128), (768, 17, 17),
        [
            ["1 × 1 conv"], ["1 × 1 conv", "1 × 7 conv", "7 × 1 conv"],
            ["1 × 1 conv", "7 × 1 conv", "1 × 7 conv", "7 × 1 conv", "1 × 7 conv"],
            ["3 × 3 average pool", "1 × 1 conv"],
        ],
    ),
    "v3 C, split at the end": (
        v3.inception_c(1280), (1280, 8, 8),
        [
            ["1 × 1 conv"], ["1 × 1 conv", "1 × 3 conv", "3 × 1 conv"],
            ["1 × 1 conv", "3 × 3 conv", "1 × 3 conv", "3 × 1 conv"], ["3 × 3 average pool", "1 × 1 conv"],
        ],
    ),
    "v3 reduction": (
        v3.reduction_a(288), (288, 35, 35),
        [["3 × 3 conv / 2"], ["1 × 1 conv", "3 × 3 conv", "3 × 3 conv / 2"], ["3 × 3 max pool / 2"]],
    ),
    "v4 A": (
        v4.inception_a(), (384, 35, 35),
        [
            ["1 × 1 conv"], ["1 × 1 conv", "3 × 3 conv"], ["1 × 1 conv", "3 × 3 conv", "3 × 3 conv"],
            ["3 × 3 average pool", "1 × 1 conv"],
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_every_layer_has_its_box(name):
    module, shape, expected = CASES[name]
    module, profile, found = read(module, shape)
    assert words(found) == expected
    boxes = plots.modules.boxes(found)
    assert sum(box.macs for box in boxes) == profile.macs
    assert found[-1].shape == profile.output_size
    (ax,) = plots.modules.diagram(module, profile, title=name).axes
    said = [text.get_text() for text in ax.texts]
    assert sorted(w for w in said if " conv" in w or " pool" in w) == sorted(box.words for box in boxes)
    assert f"concatenation  {' × '.join(map(str, profile.output_size))}" in said and ax.get_title() == name
    assert said.count("input  " + " × ".join(map(str, shape))) == 1


def rectangles(ax, height):
    return [p for p in ax.patches if isinstance(p, plots.plt.Rectangle) and p.get_height() == pytest.approx(height)]


def test_the_stack_is_cut_to_scale_and_the_work_filled_in():
    module, profile, _ = read(googlenet.naive_inception(256, 128, 192, 96), (256, 28, 28))
    (ax,) = plots.modules.diagram(module, profile).axes
    parts = [p.get_width() for p in rectangles(ax, plots.modules.BAR)][-4:]
    assert [part / sum(parts) for part in parts] == pytest.approx([c / 672 for c in (128, 192, 96, 256)])
    fills = [p.get_width() for p in rectangles(ax, plots.modules.BOX)]
    whole, filled = fills[0::2], fills[1::2]
    assert [f / w for f, w in zip(filled, whole, strict=True)] == pytest.approx([1 / 18.75, 0.72, 1, 0])
    (ax,) = plots.modules.diagram(module, profile, most=2 * 481_689_600).axes
    assert max(p.get_width() for p in rectangles(ax, plots.modules.BOX)[1::2]) == pytest.approx(whole[0] / 2)


def test_sequences_and_forks_inside_them():
    _, profile, found = read(v4.stem(), (3, 299, 299))
    kinds = [type(step).__name__ for step in found]
    assert kinds == ["Box", "Box", "Box", "Fork", "Fork", "Fork"]
    assert [step.shape for step in found[2:]] == [(64, 147, 147), (160, 73, 73), (192, 71, 71), (384, 35, 35)]
    module, profile, found = read(v3.asymmetric(192, 192, 7), (192, 17, 17))
    assert [box.words for box in found] == ["1 × 7 conv", "7 × 1 conv"]
    (ax,) = plots.modules.diagram(module, profile).axes
    assert [t.get_text() for t in ax.texts].count("192 × 17 × 17") == 2  # between the two, and at the end


def test_sums_of_residual_blocks():
    block = ScaledResidual(384, *BLOCKS["resnet_v2"]["a"], scale=0.17)
    module, profile, (fork,) = read(block, (384, 35, 35))
    assert fork.sums and fork.shape == (384, 35, 35) and fork.ways[1] == []
    assert [len(plots.modules.boxes(way)) for way in fork.ways[0][0].ways] == [1, 2, 3]
    said = [text.get_text() for text in plots.modules.diagram(module, profile).axes[0].texts]
    assert "sum  384 × 35 × 35" in said and "concatenation  128 × 35 × 35" in said
    body, c_out = bottleneck(256, 128, 2, stride_in_1x1=False)
    _, _, (fork,) = read(Residual(body, shortcut_for("B", 256, c_out, 2)), (256, 56, 56))
    assert words([fork]) == [["1 × 1 conv", "3 × 3 conv / 2", "1 × 1 conv"], ["1 × 1 conv / 2"]]
    assert fork.shape == (512, 28, 28)


def test_a_module_with_a_classifier_in_it():
    module = nn.Sequential(
        Branches(a=conv(3, 4, 1), b=conv_relu(3, 2, 3)), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5)
    )
    module, profile, found = read(module, (3, 8, 8))
    assert [step.words for step in found[1:]] == ["global average pool", "linear"] and found[-1].shape == (5,)
    assert plots.png(plots.modules.diagram(module, profile)).startswith(b"\x89PNG")


def test_the_drawing_changes_nothing():
    torch.manual_seed(0)
    module, x = googlenet.inception(8, 1, 2, 3, 4, 5, 6), torch.randn(1, 8, 5, 5)
    before = module(x)
    plots.modules.diagram(module, complexity.profile(module, (8, 5, 5)))
    assert torch.equal(module(x), before)
