"""The benchmark script: which networks it compares, that both sides compute the same, and the table it writes."""

import re
from dataclasses import replace
from importlib import metadata

import pytest
import torch

from benchmarks import speed
from lecture8 import complexity, models

VGG = {
    (f"vgg{depth}" + ("(norm=True)" if norm else ""), f"torchvision/vgg{depth}" + ("_bn" if norm else ""))
    for depth in (11, 13, 16, 19)
    for norm in (False, True)
}
RESNET = {(f"resnet{depth}", f"torchvision/resnet{depth}") for depth in (18, 34, 50, 101, 152)}
INCEPTION = {
    ("googlenet_bn", "torchvision/googlenet"),
    ("inception_v3", "torchvision/inception_v3"),
    ("inception_v4", "timm/inception_v4"),
    ("inception_resnet_v2", "timm/inception_resnet_v2"),
}
PAIRS = {(str(pair), pair.reference): pair for pair in speed.pairs()}


@pytest.fixture
def two_small_networks(monkeypatch):
    """Only two networks are registered, one of a library: ResNet-18, on images of 32 × 32 pixels."""
    known = models.ARCHITECTURES
    two = {"resnet18": replace(known["resnet18"], input_size=(3, 32, 32)), "resnet20": known["resnet20"]}
    for module in (models, models.registry):
        monkeypatch.setattr(module, "ARCHITECTURES", two)


def row(value=1.0, low=0.9, high=1.1, **more):
    return speed.Row("a network", 0.5, 0.5, value, low, high, **more)


# --- what is compared ------------------------------------------------------------------------------------------------


def test_every_network_of_a_library_is_compared_with_it():
    assert PAIRS.keys() >= {("alexnet_owt", "torchvision/alexnet")} | VGG | RESNET | INCEPTION


@pytest.mark.parametrize("key", PAIRS, ids=lambda key: key[0])
def test_pair_has_the_same_weights_but_no_auxiliary_heads(key):
    with torch.device("meta"):
        ours, reference = PAIRS[key].build(), PAIRS[key].build_reference()
    heads = getattr(ours, "auxiliary", torch.nn.Identity())
    shapes = [sorted(tuple(p.shape) for p in net.parameters()) for net in (ours, reference, heads)]
    for shape in shapes[2]:
        shapes[0].remove(shape)
    assert shapes[0] == shapes[1]


def test_unknown_library_says_which_are_known():
    with pytest.raises(
        ValueError, match=r"given 'keras/vgg16' as the reference of vgg16; expected torchvision/… or timm"
    ):
        speed.Pair("vgg16", "", "keras/vgg16").build_reference()


def test_weights_are_copied_in_running_order():
    torch.manual_seed(0)
    images = torch.randn(1, 3, 32, 32)
    ours, reference = models.resnet18(), PAIRS["resnet18", "torchvision/resnet18"].build_reference()
    assert not torch.allclose(ours.eval()(images), reference.eval()(images))
    assert speed.same_weights(ours, reference, images)
    assert torch.equal(ours(images), reference(images))
    assert not speed.same_weights(ours, models.resnet34(), images), "other layers"


def test_training_step_trains_and_forward_does_not():
    torch.manual_seed(0)
    net, images, labels = models.small.resnet20(), torch.randn(4, 3, 32, 32), torch.arange(4)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    speed.runner(net, speed.Setting("forward", 4), images, labels)()
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    speed.runner(net, speed.Setting("training step", 4), images, labels)()
    assert not any(torch.equal(value, before[name]) for name, value in net.state_dict().items())


# --- from the command line to the file -------------------------------------------------------------------------------


def test_one_network_from_the_command_line_to_the_file(two_small_networks, tmp_path, capsys):
    file = tmp_path / "results.md"
    speed.main(["--only", "resnet18", "--rounds", "1", "--device", "cpu", "--write", str(file)])
    shown, text = capsys.readouterr().out, file.read_text(encoding="utf-8")
    settings = ("forward, batch 1", "forward, batch 8", "training step, batch 8")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len({len(line) for line in lines}) == 1 and len({len(line) for line in cells}) == 1
    assert cells[0] == speed.HEAD[:-1] and all(re.fullmatch("-+", cell) for cell in cells[1])
    assert [line[0] for line in cells[2:]] == [
        *(f"resnet18, {setting}" for setting in settings),
        *(f"torchvision/resnet18 against itself, {setting}" for setting in settings),
    ]
    for line in cells[2:]:
        assert float(line[3]) > 0 and re.fullmatch(r"[\d.]+ … [\d.]+", line[4])
    assert "of 3 goals met. Chance alone" in text and all(line in shown for line in lines)
    assert re.search(
        rf"^## \d{{4}}-\d\d-\d\d, .*threads: \d+, .*torch {re.escape(metadata.version('torch'))}", text, re.M
    )

    speed.main(["--only", "build", "--rounds", "1", "--device", "cpu", "--write", str(file)])
    longer = file.read_text(encoding="utf-8")
    assert longer.startswith(text) and longer.count("\n## ") == 2 and longer.count("\n# ") == 0
    assert "build and profile all 2 networks" in longer[len(text) :]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--only", "vgg17"], "nothing named 'vgg17' is compared: choose from alexnet_owt"),
        (["--rounds", "0"], "given --rounds 0; expected 1 or more"),
        (["--device", "cuda"], "no GPU that PyTorch can use: leave --device out"),
    ],
)
def test_wrong_arguments_say_what_to_do(arguments, sentence, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit):
        speed.main(arguments)
    assert sentence in capsys.readouterr().err


# --- the numbers in the table ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "low", "goal", "result"),
    [
        (1.03, 1.02, 1.03, "met"),
        (1.04, 1.03, 1.03, "missed, within noise"),
        (1.05, 1.04, 1.03, "missed"),
        (9.0, 8.0, None, "–"),
    ],
)
def test_result(value, low, goal, result):
    assert row(value, low, goal=goal).result == result


def test_seconds_and_ratios_are_told_apart():
    assert row(1.25, 1.2, 1.3, goal=1.03).cells()[1:6] == ["500.0 ms", "500.0 ms", "1.250", "1.200 … 1.300", "≤ 1.03"]
    alone = speed.Row("building", 12.0, None, 12.0, 11.0, 13.5, 15.0, of_peak=0.255)
    assert alone.cells()[1:] == ["12.00 s", "–", "–", "11.00 s … 13.50 s", "≤ 15.00 s", "met", "26%"]


def test_remarks_on_chance_and_on_other_weights():
    chance = replace(row(1.01, 0.99, 1.02), what="timm/x against itself, forward, batch 1")
    said = speed.remarks([row(goal=1.03), replace(row(2.0, goal=1.03, low=1.9), what="x, forward, batch 1 *"), chance])
    assert said.startswith("1 of 2 goals met. Chance alone")
    assert "ratios from 1.010 to 1.010, quartiles from 0.990 to 1.020" in said
    assert "The weights could not be matched" in said


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("Tesla T4", 65e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA A100-SXM4-40GB", 312e12),
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA L40S", None),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", None),
        ("NVIDIA GeForce RTX 4090", None),
    ],
)
def test_peak_of_the_chip(name, peak):
    assert speed.chip_peak(name) == peak


def test_other_counters_count_the_same_network():
    for name in ("fvcore", "ptflops", "torchinfo"):
        pytest.importorskip(name, reason="installed by `make bench`")
    net, size = models.small.resnet20().eval(), (3, 32, 32)
    macs = complexity.profile(net, size).macs
    for name, counter in speed.counters().items():
        assert counter(net, size) == pytest.approx(macs, rel=0.05), name
