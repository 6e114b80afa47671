"""Module diagrams: what they read off inception modules of every generation, and what they draw of it."""

import pytest

from lecture8 import complexity
from lecture8.models.googlenet import MODULES, inception
from lecture8.models.inception_resnet import BLOCKS, ScaledResidual
from lecture8.models.inception_v3 import inception_c
from lecture8.models.inception_v4 import stem
from lecture8.models.resnet import Residual, bottleneck, shortcut_for
from lecture8.plots import diagrams


def read(module, shape):
    """(module, its profile, its steps), without weights in memory."""
    profile = complexity.profile(module.to("meta"), shape)
    return module, profile, diagrams.steps(module, profile)


def words(found):
    return " | ".join(", ".join(box.words for box in diagrams.boxes(way)) for way in found[-1].ways)


CASES = {  # module, its input, the words of the boxes branch by branch
    "3a": (
        inception(192, *MODULES["3a"]), (192, 28, 28),
        "1 × 1 conv | 1 × 1 conv, 3 × 3 conv | 1 × 1 conv, 5 × 5 conv | 3 × 3 max pool, 1 × 1 conv",
    ),
    "v3 C, split at the end": (
        inception_c(1280), (1280, 8, 8),
        "1 × 1 conv | 1 × 1 conv, 1 × 3 conv, 3 × 1 conv | 1 × 1 conv, 3 × 3 conv, 1 × 3 conv, 3 × 1 conv | "
        "3 × 3 average pool, 1 × 1 conv",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_every_layer_has_its_box(name):
    module, shape, expected = CASES[name]
    module, profile, found = read(module, shape)
    assert words(found) == expected
    boxes = diagrams.boxes(found)
    assert sum(box.macs for box in boxes) == profile.macs
    assert found[-1].shape == profile.output_size
    (ax,) = diagrams.diagram(module, profile, title=name).axes
    said = [text.get_text() for text in ax.texts]
    assert sorted(w for w in said if " conv" in w or " pool" in w) == sorted(box.words for box in boxes)
    assert f"concatenation  {' × '.join(map(str, profile.output_size))}" in said and ax.get_title() == name
    assert said.count("input  " + " × ".join(map(str, shape))) == 1


def test_sequences_and_forks_inside_them():
    _, _, found = read(stem(), (3, 299, 299))
    assert [type(step).__name__ for step in found] == ["Box", "Box", "Box", "Fork", "Fork", "Fork"]
    assert [step.shape for step in found[2:]] == [(64, 147, 147), (160, 73, 73), (192, 71, 71), (384, 35, 35)]


def test_sums_of_residual_blocks():
    block = ScaledResidual(384, *BLOCKS["resnet_v2"]["a"], scale=0.17)
    module, profile, (fork,) = read(block, (384, 35, 35))
    assert fork.sums and fork.shape == (384, 35, 35) and fork.ways[1] == []
    assert [len(diagrams.boxes(way)) for way in fork.ways[0][0].ways] == [1, 2, 3]
    said = [text.get_text() for text in diagrams.diagram(module, profile).axes[0].texts]
    assert "sum  384 × 35 × 35" in said and "concatenation  128 × 35 × 35" in said
    body, c_out = bottleneck(256, 128, 2, stride_in_1x1=False)
    _, _, (fork,) = read(Residual(body, shortcut_for("B", 256, c_out, 2)), (256, 56, 56))
    assert words([fork]) == "1 × 1 conv, 3 × 3 conv / 2, 1 × 1 conv | 1 × 1 conv / 2"
    assert fork.shape == (512, 28, 28)
