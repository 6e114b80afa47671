"""The networks of lesson 06 are the published ones, its pictures hold its runs, and the runs are complete."""

import itertools

import torch
import torchvision
from torch import nn

from lecture8 import models, published, transfer
from lecture8.lessons.l06_resnet import answers, drawings, pictures
from lecture8.lessons.l06_resnet import questions as ask

DEPTHS, SEEDS = (8, 14, 20, 32, 44, 56), (0, 1, 2)


def test_all_runs_that_the_lesson_speaks_of_are_there():
    ends = published.read("degradation").dropna(subset="end_train_accuracy")
    assert not ends.duplicated(["kind", "depth", "lr", "init", "seed"]).any() and (ends["epoch"] == 60).all()
    standard = ends[(ends["lr"] == 0.05) & (ends["init"] == "he")]
    found = set(standard[["kind", "depth", "seed"]].itertuples(index=False, name=None))
    assert found == set(itertools.product(("A", "plain"), DEPTHS, SEEDS))
    settings = pictures.settings_of_56(longer=True)
    assert len(settings) == 9 and all(set(one["seed"]) == set(SEEDS) for one in settings.values())
    norms = published.read("degradation_gradients")
    assert norms.groupby(["kind", "seed", "layer"]).size().eq(11).all() and norms["layer"].max() == 56
    cifar = published.read("cifar_degradation").dropna(subset="test_accuracy")
    assert (cifar["epoch"] == 20).all() and len(cifar) == 4


def test_the_networks_of_the_lesson_take_published_weights():
    small = models.small.resnet20(weights="cifar10").eval()
    mine = transfer.load_in_order(answers.resnet(20, 8), small.state_dict()).eval()
    theirs = torchvision.models.resnet50().layer3.eval()  # six bottlenecks, the first with a projection
    project = nn.Sequential(nn.Conv2d(512, 1024, 1, 2, bias=False), nn.BatchNorm2d(1024))
    blocks = [answers.Bottleneck(1024, 1024, shortcut=nn.Identity()) for _ in range(5)]
    stage = nn.Sequential(answers.Bottleneck(512, 1024, 2, project), *blocks)
    transfer.load_in_order(stage, theirs.state_dict()).eval()
    with torch.no_grad():
        for one, other, shape in ((mine, small, (3, 32, 32)), (stage, theirs, (512, 8, 8))):
            images = torch.randn(2, *shape)
            assert torch.allclose(one(images), other(images), atol=1e-5)


def test_the_figure_of_the_three_networks_and_the_three_shortcuts():
    top = drawings.networks_of_34({"with shortcuts": 3}).axes[0]
    dashed = [line.get_linestyle() != "-" for line in top.lines]
    assert len(dashed) == 16 and [i for i, one in enumerate(dashed) if one] == [3, 7, 13]
    loss = published.read("digits_depth").query("epoch == 12 and depth == 56").groupby("kind")["train_loss"].mean()
    assert ask.which_is_worst(loss[["A", "B", "C"]]).startswith("C")
