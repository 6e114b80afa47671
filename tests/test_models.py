"""The contract of every registered network, its published facts, and equality with torchvision's."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lecture8 import complexity, models
from lecture8.models import ARCHITECTURES
from lecture8.models.resnet import Residual, ZeroPad

SMALL = 32  # pixels: ResNets leave one pixel of it


@pytest.fixture(params=ARCHITECTURES.values(), ids=ARCHITECTURES.keys())
def architecture(request):
    return request.param


def macs(net, size):
    net = net.eval().to("meta")
    with FlopCounterMode(display=False) as counter:
        net(torch.empty(1, *size, device="meta"))
    return counter.get_total_flops() // 2


def params(net):
    return sum(p.numel() for p in net.parameters())


def meta(builder, **options):
    with torch.device("meta"):
        return builder(**options)


# --- the contract ------------------------------------------------------------------------------------------------


def test_registered_facts_are_what_the_network_measures(architecture):
    cost = complexity.profile(meta(architecture.builder), architecture.input_size)
    facts = (architecture.params, architecture.macs, architecture.depth)
    assert (cost.params, cost.macs, cost.depth) == facts


@pytest.mark.slow
def test_registered_facts_are_what_torch_counts(architecture):
    net = meta(architecture.builder)
    assert (params(net), macs(net, architecture.input_size)) == (architecture.params, architecture.macs)


def smallest(name):
    """The options and the image size that make a network as small as it gets; networks for any size get 32 pixels."""
    if "input_size" in models.options(name):
        return {"input_size": 67 if name.startswith("alexnet") else 63 if name.startswith("zfnet") else 32}
    return {}


def images_for(net):
    return torch.randn(2, net.channels, *[net.size or max(SMALL, net.smallest)] * 2)


HEAVY = [name for name, a in ARCHITECTURES.items() if a.params > 23e6 or a.depth > 90]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name for name in ARCHITECTURES]
)
def test_contract(name):
    torch.manual_seed(0)
    net = models.build(name, num_classes=7, **smallest(name))
    assert [name for name, _ in net.named_children()] == ["features", "classifier"]
    assert all(not name.isdigit() for name, _ in net.features.named_children()), "stages have names"
    images = images_for(net)

    logits = net.train()(images)
    assert logits.shape == (2, 7)
    logits.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())

    net.eval()
    with torch.no_grad():
        once, twice = net(images), net(images)
    assert once.shape == (2, 7) and torch.equal(once, twice)
    assert torch.equal(net.classifier(net.features(images)), once)

    with torch.no_grad():
        assert torch.equal(torch.fx.symbolic_trace(net)(images), once)

    other = copy.deepcopy(net)
    with torch.no_grad():
        for p in other.parameters():
            p.add_(1.0)
        assert not torch.equal(other(images), once)
        other.load_state_dict(net.state_dict())
        assert torch.equal(other(images), once)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name.startswith(("small.", "resnet20", "googlenet")) else pytest.mark.slow)
        for name in ARCHITECTURES
    ],
)
def test_one_batch_can_be_memorized(name):
    torch.manual_seed(0)
    net = models.build(name, num_classes=2, **smallest(name))
    images, labels = images_for(net), torch.tensor([0, 1])
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    # with 1e-3 the deep ones without batch normalization stay at chance
    rate = 1e-4 if name.startswith(("zfnet", "vgg")) else 1e-3
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    net.train()
    for _ in range(200):  # plain56 takes some 60, in one order of the additions more than in another
        loss = nn.functional.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.05:
            break
    assert loss.item() < 0.05


# --- ResNet's own facts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "expected_params", "expected_macs"),
    [  # computed from the paper's tables layer by layer; B and stride in the 3 × 3 are the registered ones
        ("resnet18", {"shortcut": "A"}, 11_515_688, 1_794_805_760),
        ("resnet18", {"shortcut": "C"}, 12_043_816, 1_878_298_624),
        ("resnet34", {"shortcut": "A"}, 21_623_848, 3_644_493_824),
        ("resnet34", {"shortcut": "C"}, 22_716_840, 3_830_747_136),
        ("resnet50", {"stride_in_1x1": True}, 25_557_032, 3_857_973_248),
        ("resnet50", {"stride_in_1x1": True, "shortcut": "A"}, 22_780_456, 3_498_311_680),
        ("resnet50", {"stride_in_1x1": True, "shortcut": "C"}, 40_128_552, 6_324_224_000),
        ("resnet101", {"stride_in_1x1": True}, 44_549_160, 7_570_194_432),
        ("resnet152", {"stride_in_1x1": True}, 60_192_808, 11_282_415_616),
        ("resnet20", {"shortcut": "B"}, 272_474, 40_813_184),
        ("resnet56", {"shortcut": "B"}, 855_770, 125_747_840),
    ],
)
def test_variants_count_what_the_paper_implies(name, options, expected_params, expected_macs):
    net = meta(models.build, name=name, **options)
    assert (params(net), macs(net, ARCHITECTURES[name].input_size)) == (expected_params, expected_macs)


@pytest.mark.slow
def test_resnet1202_has_the_papers_19_4_million():
    assert params(meta(models.small.resnet, depth=1202)) == 19_421_274


def test_plain_nets_cost_what_the_residual_ones_with_shortcut_a_cost():
    # section 3.3: option A "introduces no extra parameters", so plain and residual can be compared fairly
    for name in ("resnet18", "resnet34"):
        plain, residual = (meta(models.build, name=name, **o) for o in ({"residual": False}, {"shortcut": "A"}))
        assert params(plain) == params(residual)
        assert macs(plain, (3, 224, 224)) == macs(residual, (3, 224, 224))
        assert not any(isinstance(m, Residual) for m in plain.modules())


def test_option_a_skips_pixels_and_pads_with_zeros():
    x = torch.randn(2, 3, 7, 7)
    y = ZeroPad(3, 8, stride=2)(x)
    assert torch.equal(y[:, :3], x[:, :, ::2, ::2])
    assert y.shape == (2, 8, 4, 4) and not y[:, 3:].any()


def test_he_initialization_has_the_papers_spread():
    torch.manual_seed(0)
    for name, module in models.resnet18().named_modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 30_000:
            n = module.weight.shape[0] * module.kernel_size[0] ** 2
            assert module.weight.std().item() == pytest.approx(math.sqrt(2 / n), rel=0.03), name
