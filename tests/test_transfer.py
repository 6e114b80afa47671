"""Published weights: equal logits with the library they come from (random ones, planted in its cache), and refusals."""

import math

import pytest
import torch
import torchvision
from torch import nn

from lecture8 import models, transfer

WITH_WEIGHTS = [(name, key, source) for name, a in models.ARCHITECTURES.items() for key, source in a.weights.items()]
QUICK = {"alexnet_owt", "googlenet_bn", "resnet18", "resnet50", "inception_v3", "inception_v4", "inception_resnet_v2"}


def reference(library, name):
    """The other library's network, evaluating, with random weights through which an image still matters at the end.

    Each batch norm takes the statistics of a random batch; drawn statistics would drown the image layer by layer.
    """
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
        m.momentum = 1.0  # the statistics of the last batch alone
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
    ("name", "key", "source"),
    [
        pytest.param(*case, id=case[0] + case[1], marks=() if case[0] in QUICK else pytest.mark.slow)
        for case in WITH_WEIGHTS
    ],
)
def test_logits_equal_the_references(cache, name, key, source):
    library, other = source.split("/")
    theirs = reference(library, other)
    plant(cache, library, other, theirs.state_dict())
    ours = transfer.pretrained(name, **({key: True} if key else {})).eval()
    size = models.ARCHITECTURES[name].input_size if ours.size else (3, 139, 139)
    pixels = torch.rand(2, *size) * torch.tensor([1.0, 0.2]).view(2, 1, 1, 1)  # one bright, one dark
    pixels, theirs, ours = pixels.double(), theirs.double(), ours.double()  # float32 would compare its own rounding
    images = transfer.normalise(pixels)
    with torch.no_grad():
        expected = theirs((pixels - 0.5) / 0.5 if library == "timm" else images)
        got = ours(images)
    # a hundred times the tolerance apart: equal logits for different images would prove nothing
    assert expected[0].sub(expected[1]).abs().max() > 1e-3 * expected.abs().max()
    assert (got - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize(("name", "other"), [("googlenet_bn", "googlenet"), ("inception_v3", "inception_v3")])
def test_auxiliary_classifiers_come_along_when_asked(cache, name, other):
    theirs = reference("torchvision", other)
    plant(cache, "torchvision", other, theirs.state_dict())
    ours = transfer.pretrained(name, num_classes=1000, auxiliary=True)
    loaded = transfer.pretrained(name, auxiliary=True).eval()
    images = torch.randn(2, *models.ARCHITECTURES[name].input_size).double()
    theirs, loaded = theirs.double(), loaded.double()
    theirs.training = True  # returns the auxiliary logits, its layers still in evaluation
    with torch.no_grad():
        expected, (_, heads) = theirs(images), loaded.with_auxiliary(images)
    for mine, other_head in zip(heads.values(), [h for h in expected[1:][::-1] if h is not None], strict=True):
        assert torch.allclose(mine, other_head, atol=1e-5 * other_head.abs().max())
    assert all(head[-1].out_features == 1000 for head in ours.auxiliary.values())


def test_a_new_head_for_other_classes(cache):
    theirs = reference("torchvision", "resnet18")
    plant(cache, "torchvision", "resnet18", theirs.state_dict())
    state = torch.get_rng_state()
    net = transfer.pretrained("resnet18", num_classes=5)
    assert net.classifier.fc.weight.shape == (5, 512) and net(torch.randn(2, 3, 64, 64)).shape == (2, 5)
    assert torch.equal(net.features.conv1.conv.weight, theirs.conv1.weight)
    torch.set_rng_state(state)
    assert torch.equal(nn.Linear(512, 5).weight, net.classifier.fc.weight)  # nothing else was drawn


@pytest.mark.parametrize("name", ["small.alexnet", "small.vgg", "small.inception", "resnet20"])
def test_any_head_is_replaced(name):
    net = transfer.replace_head(models.build(name), 3)
    assert net(torch.randn(2, 3, 32, 32)).shape == (2, 3)


def test_weights_that_do_not_fit_change_nothing():
    net = models.small.vgg(4)
    before = net.state_dict()["features.block1.conv1.conv.weight"].clone()
    good = {k: torch.ones_like(v) for k, v in net.state_dict().items()}
    odd = dict(good) | {"features.block2.conv1.conv.weight": torch.ones(3, 3)}
    for state, words in [
        (odd, "features.block2.conv1.conv.weight is 3 × 3"), (dict([*good.items()][:-1]), "without a partner"),
        (good | {"more": torch.ones(1)}, "without a partner: more"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=words):
            transfer.load_in_order(net, state)
    assert torch.equal(net.state_dict()["features.block1.conv1.conv.weight"], before)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: transfer.pretrained("googlenet"), ValueError, "5 × 5.*googlenet_bn takes them"),
        (lambda: transfer.pretrained("alexnet"), ValueError, "alexnet_owt"),
        (lambda: transfer.pretrained("bn_inception"), ValueError, "neither torchvision nor timm"),
        (lambda: transfer.pretrained("resnet18", norm=True), ValueError, "resnet18 with norm=True"),
        (lambda: transfer.pretrained("resnet20"), ValueError, "no published weights fit resnet20; there are some for"),
        (lambda: transfer.pretrained("resnet17"), ValueError, "did you mean 'resnet1"),
        (lambda: transfer.pretrained("resnet18", num_classes=0), ValueError, "num_classes=0"),
        (lambda: transfer.pretrained("resnet18", auxiliary=True), ValueError, "no auxiliary classifiers"),
        (lambda: transfer.normalise(torch.zeros(2, 3, 4, 4, dtype=torch.uint8)), ValueError, "/ 255"),
        (lambda: transfer.normalise(torch.zeros(2, 1, 4, 4)), ValueError, "in RGB"),
    ],
)
def test_refusals_say_why(cache, call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_every_network_without_weights_of_the_large_ones_says_why():
    for name, a in models.ARCHITECTURES.items():
        assert bool(a.weights) != bool(a.no_weights) or a.input_size[1] == 32, name


def test_offline_one_sentence_says_what_to_put_where(cache, monkeypatch):
    def unreachable(*args, **kwargs):
        raise OSError("Temporary failure in name resolution")

    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    with pytest.raises(OSError, match=r"vgg11 \(507 MB\) could not be fetched .*name resolution.*put it at") as error:
        transfer.pretrained("vgg11")
    url = torchvision.models.VGG11_Weights.IMAGENET1K_V1.url
    assert url in str(error.value) and str(cache / "checkpoints" / url.rsplit("/", 1)[-1]) in str(error.value)
    pytest.importorskip("timm")
    with pytest.raises(
        OSError, match=r"timm's inception_v4 could not be fetched .*models--timm--inception_v4"
    ) as error:
        transfer.pretrained("inception_v4")
    assert str(cache / "hub") in str(error.value) and "\n" not in str(error.value)


def test_a_damaged_file_is_named(cache):
    url = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url
    place = cache / "checkpoints" / url.rsplit("/", 1)[-1]
    place.write_bytes(b"half a file")
    with pytest.raises(OSError, match="is damaged or no file of weights") as error:
        transfer.pretrained("resnet18")
    assert str(place) in str(error.value) and "delete it" in str(error.value)


def test_without_timm_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(ModuleNotFoundError, match="pip install timm"):
        transfer.pretrained("inception_v4")
