"""What lesson 05 says about its tables, and its own network beside the published ones."""

from functools import partial

import torch
from torch import nn

from lecture8 import complexity, models, published, transfer
from lecture8.lessons.l05_googlenet import answers, explorers, modules


def test_a_module_costs_what_its_pipes_say():
    for name, (c_in, side) in explorers.PLACES.items():
        net = answers.Inception(c_in, *explorers.WIDTHS[name]).to("meta")
        profile = complexity.profile(net, (c_in, side, side))
        ways = modules.branches(c_in, side, explorers.WIDTHS[name]).values()
        assert sum(macs for way in ways for *_, macs in way) == profile.macs
        assert sum(way[-1][2] for way in ways) == profile.output_size[0]
    explorer = explorers.module()
    assert "854,196,224 multiply-adds, 100% of" in explorer.text and "64 everywhere: 271,351,808" in explorer.text


def test_the_lessons_network_takes_published_weights():
    def conv_bn(c_in, c_out, kernel, stride=1):
        conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)
        return nn.Sequential(conv, answers.BatchNorm2d(c_out, eps=1e-3), nn.ReLU())

    theirs, pool = models.googlenet_bn().eval(), partial(nn.MaxPool2d, 3, 2, ceil_mode=True)
    stem = nn.Sequential(conv_bn(3, 64, 7, 2), pool(), conv_bn(64, 64, 1), conv_bn(64, 192, 3), pool())
    mine = answers.googlenet(stem, 192, 1000, partial(answers.Inception, layer=conv_bn, kernel5=3))
    mine[9] = nn.MaxPool2d(2, stride=2, ceil_mode=True)
    transfer.load_in_order(mine, theirs.state_dict()).eval()
    images = torch.randn(1, 3, 96, 96)
    assert torch.allclose(mine(images), theirs(images), atol=1e-4)


def test_good_initial_weights_need_neither_heads_nor_normalization_and_those_make_up_for_bad_ones():
    table = published.read("auxiliary_grid")
    keys = ["init", "norm", "heads", "lr"]
    seeds = table.groupby([*keys, "epoch"])["valid_accuracy"].agg(["count", "min", "max"])
    assert (table.groupby([*keys, "epoch"])["seed"].nunique() == 3).all() and len(table.groupby(keys)) == 8 * 4
    low, high = (lambda *arm: seeds["min"][arm]), (lambda *arm: seeds["max"][arm])
    for init in ("glorot", "he fan-in"):
        assert low(init, False, "none", 0.002, 30) >= 0.975 and high(init, False, "both", 0.002, 30) < 0.996
    assert all(high("pytorch", False, "none", lr, 10) == 0.1 for lr in (0.002, 0.008))
    assert low("pytorch", False, "both", 0.002, 30) > 0.95 and low("pytorch", True, "none", 0.002, 30) > 0.95
    for init in ("glorot", "he fan-in", "he fan-out", "pytorch"):
        assert low(init, True, "none", 0.002, 3) >= 0.85 and low(init, True, "none", 0.008, 10) > 0.83
    assert high("glorot", False, "none", 0.008, 10) < 0.25
    assert low("he fan-in", False, "none", 0.0005, 10) > high("he fan-in", True, "none", 0.0005, 10)
    start = (
        table[(table["epoch"] == 0) & (table["heads"] == "none") & ~table["norm"]]
        .groupby("init")
        .mean(numeric_only=True)
    )
    assert 1.8 < (start["conv1"] / start["5b"])["glorot"] < 2.3


def test_what_the_folded_box_says_about_table_1():
    printed = published.read("googlenet_table1").set_index("row")
    assert printed["depth"].sum() == 22 and (printed["depth"] == 0).sum() == 5
    assert 24 * 7 * 7 + 24 * 64 == 2712 and round(2712 * 112**2 / 1e6) == 34
    assert round(models.ARCHITECTURES["alexnet"].params / models.ARCHITECTURES["googlenet"].params, 1) == 8.7
