"""The runs of lesson 06 show what is said of them, and their pictures hold them."""

import itertools

import pytest

from lecture8 import published
from lecture8.lessons.l06_resnet import pictures

DEPTHS, SEEDS = (8, 14, 20, 32, 44, 56), (0, 1, 2)


@pytest.fixture(scope="module")
def runs():
    return published.read("degradation")


def ends(runs, lr=0.05, init="he"):
    """(kind, depth) -> the share of the training images that each seed has learned at the end."""
    found = runs[(runs["lr"] == lr) & (runs["init"] == init)].dropna(subset="end_train_accuracy")
    assert not found.duplicated(["kind", "depth", "seed"]).any() and (found["epoch"] == 60).all()
    return found.groupby(["kind", "depth"])["end_train_accuracy"].agg(list).to_dict()


def test_shortcuts_learn_at_every_depth_and_plain_nets_do_not(runs):
    learned = ends(runs)
    assert set(learned) == set(itertools.product(("A", "plain"), DEPTHS))
    assert all(len(seeds) == len(SEEDS) for seeds in learned.values())
    assert all(min(learned["A", depth]) == 1 for depth in DEPTHS)
    assert all(min(learned["plain", depth]) == 1 for depth in (8, 14, 20))
    assert max(learned["plain", 56]) < 0.6
    assert len(pictures.to_the_end(runs).axes) == 2


def test_no_rate_and_no_initial_weights_save_plain_56(runs):
    settings = [(lr, "he") for lr in (0.0015, 0.005, 0.015, 0.05, 0.15)]
    settings += [(0.05, init) for init in ("he fan-in", "glorot", "pytorch")]
    for lr, init in settings:
        learned = ends(runs, lr, init)["plain", 56]
        assert len(learned) == len(SEEDS) and max(learned) < 0.92, (lr, init)
    pictures.every_chance(runs)
    longer = published.read("degradation_longer").dropna(subset="end_train_accuracy")
    assert (longer["epoch"] == 180).all() and set(longer["seed"]) == set(SEEDS)
    assert sum(longer["end_train_accuracy"] > 0.985) == 2 and longer["end_train_accuracy"].min() < 0.6


def test_the_gradient_of_plain_56_explodes_once_and_residual_56_keeps_its_own_level():
    table = published.read("degradation_gradients")
    both = table[table["layer"].isin([1, 55])].pivot(index=["kind", "epoch", "seed"], columns="layer", values="norm")
    ratio = both[1] / both[55]  # of the first convolution over the last one
    assert ratio.groupby("kind").size().eq(11 * len(SEEDS)).all()
    assert (ratio["plain", 0] > 700).all() and (ratio["plain", 1] < 1 / 18).all()
    later = ratio.drop(0, level="epoch")
    assert ratio["A", 0].between(5, 7).all() and later["A"].between(0.9, 3.2).all()
    pictures.gradients_over_training(table)


def test_degradation_on_photographs():
    table = published.read("cifar_degradation")
    end = table.dropna(subset="test_accuracy").set_index(["kind", "depth", "seed"])
    assert (end["epoch"] == 20).all() and set(end.index) >= {(k, d, 0) for k in ("A", "plain") for d in (20, 56)}
    for seed in set(end.index.get_level_values("seed")):
        for side in ("end_train_accuracy", "test_accuracy"):
            accuracy = end[side].xs(seed, level="seed")
            assert accuracy["plain", 56] + 0.2 < accuracy["plain", 20] < accuracy["A", 20] < accuracy["A", 56]
    theirs = published.read("cifar_published").set_index(["kind", "depth"])["test_error"]
    assert theirs["A", 56] < theirs["A", 20] < theirs["plain", 20] < theirs["plain", 56]
    pictures.on_photographs(table)
