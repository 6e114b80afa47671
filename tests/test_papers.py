"""What is particular to each paper's network, and the pieces that lessons take apart."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lecture8 import complexity, datasets, measure, models, training
from lecture8.models.alexnet_two_gpus import TwoGPUs, halve
from lecture8.models.inception_resnet import ScaledResidual
from lecture8.models.layers import LocalResponseNorm
from lecture8.models.resnet import ZeroPad
from lecture8.models.vgg import start_from
from lecture8.models.zfnet import project


def profile(name, size=None, **options):
    with torch.device("meta"):
        net = models.build(name, **options)
    return complexity.profile(net, size or models.ARCHITECTURES[name].input_size)


@pytest.mark.parametrize(
    # behind the last feature map; google-research/receptive_field has the same where it has them. Of ResNets by hand;
    # 427, 971, 1451 belong to the stride in the first block of a stage
    ("name", "field"),
    [
        ("alexnet", 195), ("alexnet_owt", 195), ("vgg11", 150), ("vgg16", 212), ("vgg19", 268), ("googlenet", 715),
        ("googlenet_bn", 379), ("inception_v3", 1311), ("inception_v4", 2071), ("inception_resnet_v2", 3039),
        ("resnet18", 435), ("resnet34", 899), ("resnet50", 427), ("resnet101", 971), ("resnet152", 1451),
    ],
)  # fmt: skip
def test_receptive_fields(name, field):
    assert profile(name).field == field


@pytest.mark.parametrize(
    ("name", "options", "counts"),  # parameters and, for ResNets, multiply-adds
    [
        ("googlenet", {"auxiliary": True}, (6_998_552 + 3_188_840 + 3_190_888,)),
        ("googlenet_bn", {"auxiliary": True}, (13_004_888,)),
        ("inception_v3", {"auxiliary": True}, (27_161_264,)),
        ("inception_resnet_v2", {"figures": True}, (32_433_928,)),
        ("bn_inception", {"separable": False}, (11_194_984,)),
        ("vgg16", {"norm": True}, (138_365_992,)),
        # computed from the paper's tables layer by layer; B and stride in the 3 × 3 are the registered ones
        ("resnet18", {"shortcut": "A"}, (11_515_688, 1_794_805_760)),
        ("resnet18", {"shortcut": "C"}, (12_043_816, 1_878_298_624)),
        ("resnet50", {"stride_in_1x1": True}, (25_557_032, 3_857_973_248)),
        ("resnet50", {"stride_in_1x1": True, "shortcut": "A"}, (22_780_456, 3_498_311_680)),
        ("resnet50", {"stride_in_1x1": True, "shortcut": "C"}, (40_128_552, 6_324_224_000)),
        ("resnet20", {"shortcut": "B"}, (272_474, 40_813_184)),
    ],
)
def test_variants_count(name, options, counts):
    cost = profile(name, **options)
    assert (cost.params, cost.macs)[: len(counts)] == counts


# --- AlexNet ---------------------------------------------------------------------------------------------------------
def lively(net):
    """Weights that keep the signal alive, so that equal logits mean something."""
    for m in net.modules():
        if isinstance(m, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(m.weight)
            nn.init.normal_(m.bias, std=0.1)
    return net.eval()


def test_two_gpus_compute_what_one_does():
    torch.manual_seed(0)
    one = lively(models.alexnet(10, input_size=67))
    two, images = halve(one).eval(), torch.randn(3, 3, 67, 67)
    with torch.no_grad():
        expected, got = one(images), two(images)
    assert (got - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert expected.std(0).mean() > 0.01 * expected.abs().max()  # the images matter
    with torch.no_grad():  # and so does every half of every layer
        for stage in [m for m in two.modules() if isinstance(m, TwoGPUs)]:
            for half in (stage.gpu1, stage.gpu2):
                weight = next(half.parameters())
                kept = weight.clone()
                weight.zero_()
                assert not torch.allclose(two(images), expected, rtol=1e-3)
                weight.copy_(kept)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_gpus_on_two_devices():
    one = lively(models.alexnet(10, input_size=67))
    two, images = halve(one, ("cuda:0", "cuda:1")).eval(), torch.randn(3, 3, 67, 67)
    with torch.no_grad():
        assert torch.allclose(two(images.cuda()).cpu(), one(images), rtol=1e-3, atol=1e-3)


def test_local_response_norm_is_the_formula_and_pytorchs():
    torch.manual_seed(0)
    a = torch.randn(2, 7, 3, 3) * 30
    by_hand = torch.empty_like(a)
    for i in range(7):
        window = a[:, max(0, i - 2) : i + 3]
        by_hand[:, i] = a[:, i] / (2 + 1e-4 * window.square().sum(1)) ** 0.75
    assert torch.allclose(LocalResponseNorm()(a), by_hand)
    assert torch.allclose(nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)(a), by_hand)
    assert torch.allclose(LocalResponseNorm(4)(a), nn.LocalResponseNorm(4, alpha=4e-4, beta=0.75, k=2)(a))
    large = torch.full((1, 7, 2, 2), 250.0)  # whose squares float16 does not reach
    for dtype in (torch.float16, torch.bfloat16):
        short = LocalResponseNorm()(large.to(dtype))
        torch.testing.assert_close(short, LocalResponseNorm()(large).to(dtype), rtol=0, atol=0)


def test_alexnet_starts_as_section_5_says():
    torch.manual_seed(0)
    modules = models.alexnet(10, input_size=67).named_modules()
    layers = {name: m for name, m in modules if isinstance(m, nn.Conv2d | nn.Linear)}
    ones = [name.split(".")[1] for name, m in layers.items() if (m.bias == 1).all()]
    assert ones == ["conv2", "conv4", "conv5", "fc6", "fc7"]
    assert all((m.bias == 0).all() for name, m in layers.items() if name.split(".")[1] not in ones)
    assert layers["classifier.fc7"].weight.std().item() == pytest.approx(0.01, rel=0.01)


def test_the_average_over_ten_crops():
    image = torch.rand(1, 2, 6, 6)
    corners = [image[..., :4, :4], image[..., :4, 2:], image[..., 2:, :4], image[..., 2:, 2:], image[..., 1:5, 1:5]]
    net = nn.Sequential(nn.Flatten(), nn.Linear(32, 5))
    mean = torch.stack([net(crop).softmax(1) for c in corners for crop in (c, c.flip(-1))]).mean(0)
    assert torch.allclose(training.TenCrop(net, 4)(image).softmax(1), mean, atol=1e-6)


def test_color_noise_varies_as_the_colors_do_and_needs_the_memory_of_a_few_images():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (400, 3, 32, 32), generator=generator).byte()
    pixels[:, 1] = pixels[:, 0] // 2
    split = datasets.Split(pixels, torch.zeros(400, dtype=torch.long), std=[0.2, 0.3, 0.4])
    made = []
    peak = measure._cpu_peak(lambda: made.append(datasets.color_noise(split)))
    assert pixels.nbytes < peak < 6 * pixels.nbytes  # all at once in float64: 24 times and more
    steps = made[0](torch.zeros(20000, 3, 1, 1), generator).flatten(1) * torch.tensor(split.std) / 0.1
    torch.testing.assert_close(steps.T.cov(), (pixels / 255).transpose(0, 1).flatten(1).cov(), rtol=0.05, atol=2e-3)


# --- ZFNet -----------------------------------------------------------------------------------------------------------
def test_deconvnet_is_the_gradient_where_every_relu_is_open():
    torch.manual_seed(0)
    net, images = models.zfnet(5, input_size=64), torch.rand(2, 3, 64, 64, requires_grad=True)
    for name, stage in net.features.named_children():
        stage.conv.weight.data.abs_()
        if hasattr(stage, "norm"):
            stage.norm = nn.Identity()
        if name == "conv4":
            break
    out = net.features[:4](images)[:, 3].flatten(1).amax(1)
    [gradient] = torch.autograd.grad(out.sum(), images)
    painted = project(net, images.detach(), "conv4", 3)
    assert torch.allclose(painted, gradient * out.detach().view(-1, 1, 1, 1), rtol=1e-3, atol=1e-9)
    assert painted.abs().sum() > 0


# --- VGG, GoogLeNet, Inception ---------------------------------------------------------------------------------------
def test_vgg_starts_from_configuration_a():
    torch.manual_seed(0)
    a, d = models.vgg11(10, input_size=32), models.vgg13(7, input_size=32)
    own = d.classifier.fc8.weight.clone()
    start_from(d, a)
    ours, theirs = d.features.state_dict(), a.features.state_dict()
    copied = [n for n in ours if n in theirs and torch.equal(ours[n], theirs[n]) and ours[n].any()]
    assert copied == [f"block{n[4]}.{n}.weight" for n in ("conv1_1", "conv2_1", "conv3_1", "conv3_2")]
    assert torch.equal(d.classifier.fc6.weight, a.classifier.fc6.weight)
    assert torch.equal(d.classifier.fc8.weight, own)  # other classes: kept


def test_auxiliary_classifiers_are_trained_by_their_objective():
    torch.manual_seed(0)
    net, images, labels = models.small.inception(4, auxiliary=True), torch.randn(4, 3, 16, 16), torch.arange(4)
    logits, heads = net.with_auxiliary(images)
    assert [*heads] == ["inception_2", "inception_4"] and all(h.shape == (4, 4) for h in heads.values())
    for smoothing in (0.0, 0.2):
        loss, _ = training.auxiliary_objective(0.3, smoothing)(net.train(), images, labels)
        by_hand = [F.cross_entropy(out, labels, label_smoothing=smoothing) for out in (logits, *heads.values())]
        assert loss.item() == pytest.approx((by_hand[0] + 0.3 * sum(by_hand[1:])).item(), rel=1e-4)
    loss.backward()
    assert all(p.grad is not None for p in net.parameters())
    net.eval()
    assert torch.equal(training.auxiliary_objective()(net, images, labels)[0], F.cross_entropy(net(images), labels))


@pytest.mark.parametrize(
    ("name", "stages"), [("googlenet", ["inception_4a", "inception_4d"]), ("inception_v3", ["inception_b4"])]
)
def test_auxiliary_classifiers_sit_where_the_papers_have_them(name, stages):
    net = models.build(name, num_classes=3, auxiliary=True).eval()
    with torch.no_grad():
        images = torch.randn(1, *models.ARCHITECTURES[name].input_size)
        logits, heads = net.with_auxiliary(images)
        assert [*heads] == stages and torch.equal(logits, net(images))
        with pytest.raises(ValueError, match="too small for the auxiliary classifier"):
            net.with_auxiliary(torch.randn(1, 3, 96, 96))


def test_scaled_residual():
    torch.manual_seed(0)
    block, x = ScaledResidual(6, [(2, 1)], [(2, 1), (4, 3)], scale=0.1).eval(), torch.randn(2, 6, 5, 5)
    assert torch.allclose(block(x), (x + 0.1 * block.up(block.branches(x))).relu(), atol=1e-6)


# --- ResNet ----------------------------------------------------------------------------------------------------------
def test_plain_nets_cost_what_the_residual_ones_with_shortcut_a_cost():
    # section 3.3: option A "introduces no extra parameters", so plain and residual can be compared fairly
    for name in ("resnet18", "resnet34"):
        plain, residual = profile(name, residual=False), profile(name, shortcut="A")
        assert (plain.params, plain.macs, plain.depth) == (residual.params, residual.macs, residual.depth)


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


# --- small ones ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("alexnet", {"activation": nn.Tanh, "input_size": 16}), ("alexnet", {"norm": False, "overlap": False}),
        ("vgg", {"kernel": 5, "convs": 1}), ("vgg", {"norm": False, "blocks": 2}), ("inception", {"norm": False}),
        ("inception_resnet", {"residual": False}), ("inception_resnet", {"scale": 1.0, "blocks": 1}),
    ],
)  # fmt: skip
def test_small_networks_have_their_switches(name, options):
    net = getattr(models.small, name)(3, channels=1, width=8, **options)
    size = net.size or 24
    logits = net(torch.randn(2, 1, size, size))
    logits.sum().backward()
    assert logits.shape == (2, 3) and all(p.grad is not None for p in net.parameters())
    kinds = {type(m) for m in net.modules()}
    assert options.get("norm", True) or not kinds & {nn.BatchNorm2d, LocalResponseNorm}
    assert "activation" not in options or (nn.Tanh in kinds and nn.ReLU not in kinds)
    assert options.get("residual", True) or ScaledResidual not in kinds
