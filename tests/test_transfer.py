"""Published weights: equal logits with the library they come from (random ones, planted in its cache), and refusals."""

import copy
import dataclasses
import math
import sys

import pytest
import torch
import torchvision
from torch import nn

from lecture8 import datasets, models, training, transfer
from tests.support.refusals import message

WITH_WEIGHTS = {name: a.weights[""] for name, a in models.ARCHITECTURES.items() if "" in a.weights}
QUICK = {"alexnet_owt", "googlenet_bn", "resnet18"}  # a kind of weights each; the others are slow


def reference(library, name):
    """The other library's network, evaluating, with random weights through which an image still matters at the end."""
    if library == "timm":
        timm = pytest.importorskip("timm")
        net = timm.create_model(name)
    else:
        plain = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        net = torchvision.models.get_model(name, **plain)
    if name == "googlenet" or name == "inception_v3":
        net.transform_input = True  # as these libraries set it with their weights
    torch.manual_seed(0)
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    for m in net.modules():
        if isinstance(m, nn.Conv2d | nn.Linear):
            bound = math.sqrt(6 / m.weight[0].numel())
            nn.init.uniform_(m.weight, -bound, bound)
    for m in norms:
        nn.init.uniform_(m.weight, 0.5, 1.0)
        nn.init.normal_(m.bias, std=0.1)
        m.momentum = 1.0  # the statistics of one batch; drawn ones would drown the image layer by layer
    if norms:
        with torch.no_grad():
            net.train()(torch.randn(2, 3, *[224 if name == "googlenet" else 299 if "inception" in name else 64] * 2))
    for m in norms:  # two single pixels may be almost equal, and dividing by that would blow up rounding
        m.running_var.clamp_(min=0.1)
    return net.eval()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Both libraries' caches, empty, and no way out."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    try:
        from huggingface_hub import constants
    except ImportError:
        return tmp_path
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path


def plant(cache, library, name, state):
    """Puts a state dict where the library looks for the file it once downloaded."""
    if library == "timm":
        import timm
        from safetensors.torch import save_file

        repository = timm.get_pretrained_cfg(name).hf_hub_id
        folder = cache / "hub" / f"models--{repository.replace('/', '--')}"
        (folder / "snapshots" / "0").mkdir(parents=True)
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text("0")
        save_file(state, folder / "snapshots" / "0" / "model.safetensors")
        return
    url = torchvision.models.get_model_weights(name).IMAGENET1K_V1.url
    torch.save(state, cache / "checkpoints" / url.rsplit("/", 1)[-1])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in WITH_WEIGHTS]
)
def test_logits_equal_the_references(cache, name):
    library, other = WITH_WEIGHTS[name].split("/")
    theirs = reference(library, other)
    plant(cache, library, other, theirs.state_dict())
    ours = transfer.pretrained(name).eval()
    size = models.ARCHITECTURES[name].input_size if ours.size else (3, 139, 139)
    pixels = torch.rand(2, *size) * torch.tensor([1.0, 0.2]).view(2, 1, 1, 1)  # one bright, one dark
    pixels, theirs, ours = pixels.double(), theirs.double(), ours.double()  # float32 would compare its own rounding
    images = transfer.normalize(pixels)
    with torch.no_grad():
        expected = theirs((pixels - 0.5) / 0.5 if library == "timm" else images)
        got = ours(images)
    # a hundred times the tolerance apart: equal logits for different images would prove nothing
    assert expected[0].sub(expected[1]).abs().max() > 1e-3 * expected.abs().max()
    assert (got - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_a_new_head_for_other_classes(cache):
    theirs = reference("torchvision", "resnet18")
    plant(cache, "torchvision", "resnet18", theirs.state_dict())
    state = torch.get_rng_state()
    net = transfer.pretrained("resnet18", num_classes=5)
    assert net.classifier.fc.weight.shape == (5, 512) and net(torch.randn(2, 3, 64, 64)).shape == (2, 5)
    assert torch.equal(net.features.conv1.conv.weight, theirs.conv1.weight)
    torch.set_rng_state(state)
    assert torch.equal(nn.Linear(512, 5).weight, net.classifier.fc.weight)  # nothing else was drawn


def test_weights_that_do_not_fit_change_nothing():
    net = models.small.vgg(4)
    before = net.state_dict()["features.block1.conv1.conv.weight"].clone()
    good = {k: torch.ones_like(v) for k, v in net.state_dict().items()}
    odd = dict(good) | {"features.block2.conv1.conv.weight": torch.ones(3, 3)}
    for state, words in [
        (odd, "features.block2.conv1.conv.weight is 3 × 3"), (dict([*good.items()][:-1]), "without a partner"),
        (good | {"more": torch.ones(1)}, "without a partner: more"),
    ]:  # fmt: skip
        assert words in message(ValueError, transfer.load_in_order, net, state)
    assert torch.equal(net.state_dict()["features.block1.conv1.conv.weight"], before)


def test_offline_one_sentence_says_what_to_put_where(cache, monkeypatch):
    def unreachable(*args, **kwargs):
        raise OSError("Temporary failure in name resolution")

    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    said, url = message(OSError, transfer.pretrained, "vgg11"), torchvision.models.VGG11_Weights.IMAGENET1K_V1.url
    assert "vgg11 (507 MB) could not be fetched (Temporary failure in name resolution)" in said
    assert f"{url} elsewhere and put it at {cache / 'checkpoints' / url.rsplit('/', 1)[-1]}" in said
    pytest.importorskip("timm")
    with pytest.raises(OSError, match=r"inception_v4 could not be fetched .*models--timm--inception_v4") as error:
        transfer.pretrained("inception_v4")
    assert str(cache / "hub") in str(error.value) and "\n" not in str(error.value)


def test_a_damaged_file_and_a_missing_timm_are_named(cache, monkeypatch):
    url = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url
    place = cache / "checkpoints" / url.rsplit("/", 1)[-1]
    place.write_bytes(b"half a file")
    said = message(OSError, transfer.pretrained, "resnet18")
    assert f"{place} is damaged or no file of weights (" in said and "): delete it" in said
    monkeypatch.setitem(sys.modules, "timm", None)
    assert "pip install timm" in message(ModuleNotFoundError, transfer.pretrained, "inception_v4")


SMALL = [name for name, a in models.ARCHITECTURES.items() if a.input_size[1] == 32 and a.depth < 30]


def step(net):
    """One training step on random images, as in training.run_epoch."""
    images = torch.randn(4, net.channels, 32, 32, generator=torch.Generator().manual_seed(1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=0.1)
    net.train()
    optimizer.zero_grad(set_to_none=True)
    nn.functional.cross_entropy(net(images), torch.tensor([0, 1, 2, 0])).backward()
    optimizer.step()


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(before, after):
    return all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.parametrize("name", [*SMALL, "resnet18"])
def test_frozen_means_frozen(name):
    torch.manual_seed(0)
    net = transfer.freeze(models.build(name, num_classes=3))
    keys = list(net.state_dict())
    before, head = state(net.features), state(net.classifier)
    for copied in (net, copy.deepcopy(net)):
        step(copied)
        assert same(before, copied.features.state_dict()), "weights and running statistics, to the bit"
        assert not same(head, copied.classifier.state_dict())
        assert not any(m.training for stage in copied.features for m in stage.modules()) and copied.classifier.training
    assert list(net.state_dict()) == keys == list(models.build(name, num_classes=3).state_dict())


def test_frozen_through_fit_and_inside_another_network():
    data, net = datasets.digits(size=8).take(64), models.small.vgg(10, width=4, channels=1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    training.fit(net, data, optimizer, 1, batch_size=32)  # old momentum must not move what is frozen afterwards
    transfer.freeze(net, "block1", "block2")
    before = {name: state(module) for name, module in net.features.named_children()}
    training.fit(net, data, optimizer, 1, batch_size=32)
    assert [same(before[name], m.state_dict()) for name, m in net.features.named_children()] == [True, True, False]
    other = nn.Sequential(net.features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    other.train()(torch.randn(8, 1, 8, 8)).sum().backward()
    assert same(before["block2"], net.features.block2.state_dict()), "other.train() does not thaw it either"


@pytest.mark.parametrize("name", ["small.vgg", "resnet20", "resnet18", "inception_v3", "googlenet_bn"])
def test_layerwise_covers_every_parameter_once_and_falls_towards_the_image(name):
    options = {"auxiliary": True} if "auxiliary" in models.options(name) else {}
    with torch.device("meta"):
        net = models.build(name, num_classes=3, **options)
    groups = transfer.layerwise(net, 0.1, 0.5)
    covered = [id(p) for group in groups for p in group["params"]]
    assert sorted(covered) == sorted(id(p) for p in net.parameters())
    with_weights = [s for s, module in net.features.named_children() if list(module.parameters())]
    assert [group["name"] for group in groups] == ["classifier", *with_weights[::-1]]
    assert [group["lr"] for group in groups] == [0.1 * 0.5**i for i in range(len(groups))]
    transfer.freeze(net, *with_weights[:2])
    left = transfer.layerwise(net, 0.1, 0.5)
    assert [(g["name"], g["lr"]) for g in left] == [(g["name"], g["lr"]) for g in groups[: len(left)]]
    assert all(p.requires_grad for group in left for p in group["params"]) and len(left) < len(groups)


@pytest.mark.parametrize("name", [*SMALL, "alexnet", "alexnet_two_gpus", "inception_v3"])
def test_features_are_what_the_last_layer_gets(name):
    torch.manual_seed(0)
    options = models.options(name)
    size = {"alexnet": 67, "alexnet_two_gpus": 67, "inception_v3": 75}.get(name, 32)
    net = models.build(name, num_classes=3, **({"input_size": size} if "input_size" in options else {}))
    first, *_ = (name for name, _ in net.features.named_children())
    net = transfer.freeze(net, first).train()
    modes = [m.training for m in net.modules()]
    data = colors(size)
    features = transfer.extract_features(net, data)
    assert modes == [m.training for m in net.modules()] and features.augment is None
    last = [m for m in net.modules() if isinstance(m, nn.Linear)][-1]
    assert features.image_shape == (last.in_features,) and features.train.images.dtype == torch.float32
    with torch.no_grad():
        expected = net.eval()(data.test.images)
        assert torch.allclose(last(features.test.images), expected, atol=1e-4 * expected.abs().max())
    assert torch.equal(features.train.labels, data.train.labels) and len(features.valid) == len(data.valid)


def colors(size):
    """Eight images a split, augmented in training, of which the features must know nothing."""
    pixels = torch.randint(0, 256, (3, 8, 3, size, size), generator=torch.Generator().manual_seed(0)).byte()
    splits = [datasets.Split(some, torch.arange(8) % 3, (0.5,) * 3, (0.2,) * 3) for some in pixels]
    return datasets.Data(*splits, ("a", "b", "c"), "colors", datasets.random_flip())


def test_features_of_a_stage_are_its_output():
    torch.manual_seed(0)
    net, data = models.small.vgg(10, width=4, channels=1), datasets.digits(size=8).take(70)
    features = transfer.extract_features(net, data, "block2")
    assert features.image_shape == (8, 2, 2) and "block2 of digits" in repr(features)
    with torch.no_grad():
        assert torch.allclose(features.train.images, net.eval().features[:2](data.train.images), atol=1e-6)


def test_features_of_larger_images_are_those_of_their_middle():
    net, data = models.small.vgg(3, width=4), colors(40)
    splits = {name: dataclasses.replace(getattr(data, name), crop=32) for name in ("train", "valid", "test")}
    cropped = dataclasses.replace(data, **splits)
    middle = data.map(lambda pixels: pixels[:, :, 4:36, 4:36])
    features, expected = (transfer.extract_features(net, some) for some in (cropped, middle))
    assert torch.equal(features.test.images, expected.test.images) and features.train.crop is None


def test_a_linear_probe_is_a_frozen_network():
    """Training the last layer on features gives what training the frozen network gives."""
    torch.manual_seed(0)
    net, data = models.small.vgg(10, width=4, channels=1), datasets.digits(size=8).take(200)
    probe = copy.deepcopy(net.classifier.fc)
    features = transfer.extract_features(net, data)
    transfer.freeze(net)
    for one, images in ((probe, features), (net, data)):
        optimizer = torch.optim.Adam((p for p in one.parameters() if p.requires_grad), lr=0.01)
        training.fit(one, images, optimizer, 3, batch_size=50)
    assert torch.allclose(probe.weight, net.classifier.fc.weight, atol=1e-4)


def test_the_middle_of_a_photograph_is_recognized():
    macaw = datasets.animals()["macaw"]
    net = models.small.vgg(weights="cifar10").train()
    square, wide = transfer.recognize(net, {"square": macaw, "wide": macaw.repeat(1, 1, 3)}, size=32, like="cifar10")
    assert net.training and square == wide and square.split(", ")[0] in datasets.CIFAR10_CLASSES
    assert "10 outputs; imagenet has 1000 classes" in message(ValueError, transfer.recognize, net, {"square": macaw})
