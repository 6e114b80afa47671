"""The contract of every registered network, and its published facts."""

import copy
import hashlib

import pytest
import torch

from lecture8 import checkpoints, complexity, models, published
from lecture8.models import ARCHITECTURES, registry
from tests.support.refusals import message

SMALL = 32  # pixels: ResNets leave one pixel of it


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_registered_facts_are_what_the_network_measures(name):
    facts = ARCHITECTURES[name]
    with torch.device("meta"):
        net = facts.builder()
    cost = complexity.profile(net, facts.input_size)
    assert (cost.params, cost.macs, cost.depth) == (facts.params, facts.macs, facts.depth)


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


def test_weights_of_our_own_are_loaded_whole_or_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(published, "SHARED", tmp_path)
    monkeypatch.setattr(registry, "ARCHITECTURES", {})
    learned = models.small.vgg(width=4)
    file = checkpoints.save_weights(learned.half(), tmp_path / "weights" / "tiny_cifar10.pt")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    facts = {"paper": "", "year": 2026, "input_size": (3, 32, 32), "depth": 7, "params": 1, "macs": 1}
    trained = {"cifar10": registry.Trained(digest, 0.8, {"width": 4})}
    build = registry.register("small.tiny", **facts, trained=trained)(models.small.vgg.__wrapped__)
    loaded = build(weights="cifar10").state_dict()
    assert all(torch.equal(value.to(loaded[name].dtype), loaded[name]) for name, value in learned.state_dict().items())
    assert build().features.block1.conv1.conv.out_channels == 16 and "weights" in registry.options("small.tiny")
    for given, said in (({"width": 8}, "for width=4"), ({"num_classes": 3}, "for num_classes=10")):
        assert said in message(ValueError, build, weights="cifar10", **given)
    assert "given weights='pets': expected one of 'cifar10'" in message(ValueError, build, weights="pets")
    file.write_bytes(file.read_bytes()[:-1])
    assert "is damaged: install" in message(ValueError, build, weights="cifar10")
