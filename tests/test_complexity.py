"""Complexity: hand arithmetic, PyTorch's own counter, and receptive fields measured by back-propagation.

Receptive fields of published networks: hand arithmetic; AlexNet 195, VGG-11 150, VGG-16 212 and Inception-v3 1311 are
also in the table of Araujo, Norris & Sim, Distill 2019.
"""

import functools
import pickle
import re
import threading

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from lecture8 import complexity, models
from lecture8.complexity import WalkError, profile
from lecture8.models.layers import Network
from tests.support.refusals import message


class Net(nn.Module):
    """A network from a function (net, images) and named layers."""

    def __init__(self, function, **layers):
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, images):
        return self.function(self, images)


def build(name):
    """A network without memory, but for a RegNet, whose constructor computes its sizes with tensors."""
    with torch.device("cpu" if name.startswith("regnet") else "meta"):
        extra = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        return torchvision.models.get_model(name, **extra)


@functools.cache
def cost_of(name):
    return profile(build(name), 299 if name == "inception_v3" else 224)


def counted(net, size):
    """Multiply-adds by PyTorch's counter, which counts a multiply and an add as 2."""
    net = net.eval().to("meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.empty(1, *size, device="meta"))
    return counter.get_total_flops() / 2


# --- formulas -----------------------------------------------------------------------------------------------------
def test_formulas_by_hand():
    assert complexity.conv_params(96, 256, 5, groups=2) == 256 * 48 * 25 + 256  # AlexNet's conv2: 307,456
    assert complexity.conv_macs(96, 256, 5, (27, 27), groups=2) == 27 * 27 * 256 * 48 * 25
    assert complexity.linear_params(4096, 1000, bias=False) == complexity.linear_macs(4096, 1000) == 4_096_000
    assert complexity.linear_macs(8, 4, rows=10) == 320
    field, jump = complexity.receptive_field(*complexity.receptive_field(1, 1, 3), 3)
    assert (field, jump) == (5, 1)  # two 3×3 see what one 5×5 sees
    assert complexity.receptive_field(7, 2, 3, 2, 2) == (15, 4)


def test_conv_size_is_what_pytorch_does():
    compared = 0
    for size in range(1, 12):
        image = torch.empty(1, 1, size, size, device="meta")
        for kernel, stride, padding, dilation in ((k, s, p, d) for k in (1, 2, 3, 5) for s in (1, 2, 3)
                                                  for p in (0, 1, 2) for d in (1, 2)):  # fmt: skip
            if size + 2 * padding < dilation * (kernel - 1) + 1:
                continue  # PyTorch refuses, and so does the walk
            weight = torch.empty(1, 1, kernel, kernel, device="meta")
            out = F.conv2d(image, weight, None, stride, padding, dilation).shape[-1]
            assert complexity.conv_size(size, kernel, stride, padding, dilation) == out
            if size * stride + dilation * (kernel - 1) > 2 * padding:  # something is left
                back = nn.ConvTranspose2d(1, 1, kernel, stride, padding, stride - 1, 1, True, dilation, device="meta")
                assert profile(back, (1, size, size)).output_size == tuple(back(image).shape[1:])
            if 2 * padding <= kernel:
                pooled = F.max_pool2d(image, kernel, stride, padding, dilation, ceil_mode=True).shape[-1]
                assert complexity.conv_size(size, kernel, stride, padding, dilation, ceil=True) == pooled
                compared += 1
    assert compared > 300


# --- one layer of each kind ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("layer", "shape", "params", "macs", "activations", "field", "jump"),
    [
        (nn.Conv2d(3, 8, 3), (8, 30, 30), 8 * 27 + 8, 900 * 8 * 27, 7200, 3, 1),
        (nn.Conv2d(3, 8, 3, bias=False, padding="same"), (8, 32, 32), 216, 1024 * 216, 8192, 3, 1),
        (nn.Conv2d(3, 6, 5, 2, 2, groups=3), (6, 16, 16), 6 * 25 + 6, 256 * 150, 1536, 5, 2),
        (nn.Conv2d(3, 4, (1, 7), padding=(0, 3)), (4, 32, 32), 4 * 21 + 4, 1024 * 84, 4096, 7, 1),
        (nn.Conv2d(3, 4, 3, dilation=4), (4, 24, 24), 112, 576 * 108, 2304, 9, 1),
        (nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), (4, 32, 32), 112, 1024 * 108, 4096, 3, 1),
        (nn.ConvTranspose2d(3, 4, 4, 2, 1), (4, 64, 64), 3 * 4 * 16 + 4, 1024 * 192, 16384, 2, 0.5),
        (nn.Linear(32, 5), (3, 32, 5), 165, 96 * 160, 480, None, None),
        (nn.MaxPool2d(3, 2, ceil_mode=True), (3, 16, 16), 0, 0, 768, 3, 2),
        (nn.MaxPool2d(2, return_indices=True), (3, 16, 16), 0, 0, 768, 2, 2),
        (nn.AvgPool2d(3, 1, 1), (3, 32, 32), 0, 0, 3072, 3, 1),
        (nn.AvgPool2d(1, 2), (3, 16, 16), 0, 0, 0, 1, 2),
        (nn.AdaptiveAvgPool2d(8), (3, 8, 8), 0, 0, 192, 4, 4),
        (nn.AdaptiveAvgPool2d(32), (3, 32, 32), 0, 0, 0, 1, 1),
        (nn.AdaptiveMaxPool2d((1, 1)), (3, 1, 1), 0, 0, 3, None, None),
        (nn.Upsample(scale_factor=2), (3, 64, 64), 0, 0, 12288, 1, 0.5),
        (nn.BatchNorm2d(3), (3, 32, 32), 6, 0, 0, 1, 1),
        (nn.GroupNorm(3, 3), (3, 32, 32), 6, 0, 0, 1, 1),
        (nn.LocalResponseNorm(5), (3, 32, 32), 0, 0, 0, 1, 1),
        (nn.ReLU(inplace=True), (3, 32, 32), 0, 0, 0, 1, 1),
        (nn.PReLU(3), (3, 32, 32), 3, 0, 0, 1, 1),
        (nn.ZeroPad2d(2), (3, 36, 36), 0, 0, 0, 1, 1),
        (nn.Flatten(), (3072,), 0, 0, 0, None, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_one_layer(layer, shape, params, macs, activations, field, jump):
    (row,) = profile(nn.Sequential(layer), 32).layers
    assert row.name == "0" and row.kind == type(layer).__name__
    assert (row.output_shape, row.params, row.macs, row.activations) == (shape, params, macs, activations)
    assert (row.field, row.jump) == (field, jump)


def test_matrix_products_and_recurrent_layers_by_hand():
    def tokens(net, images):
        x = images.flatten(2).transpose(1, 2)  # 16 × 8
        return net.layer(x, x, x)[0] if isinstance(net.layer, nn.MultiheadAttention) else net.layer(x)[0]

    def gram(net, images):
        x = images.flatten(2)
        return torch.bmm(x, x.transpose(1, 2))

    attention = profile(Net(tokens, layer=nn.MultiheadAttention(8, 2, batch_first=True)), (8, 4, 4))
    assert attention.macs == 16 * 8 * 24 + 16 * 8 * 8 + 2 * 16 * 16 * 8
    assert attention.unused == 0
    lstm = profile(Net(tokens, layer=nn.LSTM(8, 5, batch_first=True)), (8, 4, 4))
    assert lstm.macs == 16 * 4 * 5 * (8 + 5)
    product = profile(Net(gram), (8, 4, 4))
    assert product.macs == 8 * 16 * 8 and product.layers[-1].field is None
    einsum = profile(Net(lambda net, x: torch.einsum("bchw,dc->bdhw", x, net.a.weight), a=nn.Linear(8, 4)), (8, 4, 4))
    assert einsum.macs == 16 * 8 * 4


# --- published networks -------------------------------------------------------------------------------------------
FIELDS_AND_DEPTHS = {
    "alexnet": (195, 8), "vgg16": (212, 16), "resnet50": (427, 50), "googlenet": (379, 22), "inception_v3": (1311, 48),
    "densenet121": (2071, 121),
}  # fmt: skip
FAMILIES = [*FIELDS_AND_DEPTHS, "resnext50_32x4d", "squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x0_5"]
OTHERS = [
    pytest.param(name, marks=pytest.mark.slow)
    for name in torchvision.models.list_models(module=torchvision.models)
    if name not in FAMILIES and not name.startswith(("vit", "swin", "maxvit", "regnet_y_128"))
]


@pytest.mark.parametrize("name", [*FAMILIES, *OTHERS])
def test_totals_of_torchvision(name):
    net, cost = build(name), cost_of(name)
    assert cost.params == sum(p.numel() for p in net.parameters())
    assert cost.macs == counted(net, cost.input_size)
    # The lines come from formulas, the total of params from the tensors.
    assert sum(x.params for x in cost.layers) + cost.unused == cost.params
    assert (cost.unused > 0) == (name in ("googlenet", "inception_v3"))  # auxiliary heads
    for total in ("params", "macs"):
        assert sum(getattr(stage, total) for stage in cost.stages) == getattr(cost, total)
    assert cost.output_size == (1000,)
    assert (cost.field, cost.depth) == FIELDS_AND_DEPTHS.get(name, (cost.field, cost.depth))


WHOLE = {
    "flip": lambda x: x.flip(-1),
    "softmax over pixels": lambda x: x.softmax(-1),
    "one row": lambda x: x[:, :, 3],
    "maximum of each row": lambda x: x.amax(-1, keepdim=True),
    "attention": lambda x: (x.flatten(2) @ x.flatten(2).transpose(1, 2) @ x.flatten(2)).view_as(x),
    "linear along the width": lambda x: F.linear(x, torch.ones(4, x.shape[-1])),
}
PIXEL = {
    "softmax over channels": lambda x: x.softmax(1),
    "channels to the end": lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (3,)),
    "half of the channels": lambda x: x.split(2, 1)[0].abs(),
    "every pixel a token": lambda x: F.linear(x.movedim(1, -1), torch.ones(4, x.shape[1])),
    "in place": lambda x: x.mul_(2).add_(1).clamp_(0, 1),
    "without the channels": lambda x: F.max_pool2d(x, 1).sum(1),
}


@pytest.mark.parametrize("name", [*WHOLE, *PIXEL])
def test_what_ends_the_field(name):
    cost = profile(Net(lambda _, x: (WHOLE | PIXEL)[name](x)), (3, 8, 8))
    assert cost.layers[-1].field == (None if name in WHOLE else 1)
    assert (cost.field, cost.jump) == (1, 1)


# --- odd networks against PyTorch's counter -----------------------------------------------------------------------
def channels_last(net, x):
    x = net.conv(x)
    return x + net.back(F.gelu(net.up(x.permute(0, 2, 3, 1)))).permute(0, 3, 1, 2)


def shortcut_a(net, x):
    y = net.conv(x)
    return y + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))


ODD = {
    "channels last": (
        Net(channels_last, conv=nn.Conv2d(3, 8, 4, 4), up=nn.Linear(8, 32), back=nn.Linear(32, 8)),
        {"field": 4, "jump": 4, "depth": 3},
    ),
    "shortcut A": (Net(shortcut_a, conv=nn.Conv2d(3, 8, 3, 2, 1)), {"field": 3, "jump": 2, "depth": 1}),
    "average pooling to the end": (
        nn.Sequential(nn.Conv2d(3, 8, 3, 4), nn.AvgPool2d(8), nn.Flatten(), nn.Linear(8, 2)),
        {"field": 3, "jump": 4, "depth": 2},
    ),
    "average pooling on the way": (
        nn.Sequential(nn.Conv2d(3, 8, 3, 4), nn.AvgPool2d(8), nn.Conv2d(8, 8, 1), nn.Flatten()),
        {"field": 3 + 7 * 4, "jump": 32, "depth": 2},
    ),
    "normalized weight": (nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 8, 3)), {"params": 224 + 8, "field": 3}),
    "squeeze() of everything": (
        Net(lambda net, x: net.fc(F.avg_pool2d(net.conv(x), 30).squeeze()), conv=nn.Conv2d(3, 8, 3),
            fc=nn.Linear(8, 5)),
        {"field": 3, "output_size": (5,)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_networks(name):
    net, expected = ODD[name]
    cost = profile(net, 32)
    assert {key: getattr(cost, key) for key in expected} == expected
    assert cost.params == sum(p.numel() for p in net.parameters()) == sum(x.params for x in cost.layers)
    assert cost.macs == counted(net, (3, 32, 32)) == sum(x.macs for x in cost.layers)


# --- receptive field, measured ------------------------------------------------------------------------------------
def gradients(net, size, places):
    """(extent, first pixel) of the gradient that units send to the image; places: on the diagonal, from the middle."""
    net = net.double()
    for parameter in net.parameters():
        nn.init.constant_(parameter, 1.0)
    image = torch.ones(1, 1, size, size, dtype=torch.double, requires_grad=True)
    output, found = net(image)[0].sum(0), []
    for place in places:
        row, column = (n // 2 + place for n in output.shape)
        (gradient,) = torch.autograd.grad(output[row, column], image, retain_graph=True)
        lit = gradient[0, 0].nonzero()
        first, last = lit.amin(0), lit.amax(0)
        assert first.min() > 0 and last.max() < size - 1, "the image is too small for this measurement"
        found.append((last - first + 1, first))
    return found


def measured(net, size):
    """(field, jump) along the wider axis, of the unit in the middle and from there to the next."""
    (extent, first), (_, second) = gradients(net, size, (0, 1))
    return extent.max().item(), (second - first).max().item()


def chain(*layers):
    """Convolutions (k, s, p) and average poolings ("P", k, s, p) with one channel."""
    return nn.Sequential(*(nn.AvgPool2d(*x[1:]) if x[0] == "P" else nn.Conv2d(1, 1, *x, bias=False) for x in layers))


class Branches(nn.Module):
    def __init__(self, *branches, join=sum):
        super().__init__()
        self.branches, self.join = nn.ModuleList(branches), join

    def forward(self, x):
        return self.join([branch(x) for branch in self.branches])


FIELDS = {
    "branches that are not aligned": (
        Branches(chain((4, 2, 1)), nn.Sequential(nn.ZeroPad2d((2, 0, 2, 0)), nn.Conv2d(1, 1, 3, 2))), 5, 2,
    ),
    "slices": (Branches(Net(lambda _, x: x[:, :, 2::2, 2::2]), Net(lambda _, x: x[..., :-2:2, :-2:2])), 3, 2),
    "slices with channels last": (
        Net(lambda _, x: x.permute(0, 2, 3, 1)[:, 4::2, 4::2, :1].permute(0, 3, 1, 2)), 1, 2,
    ),
    "long kernels": (nn.Sequential(nn.Conv2d(1, 1, (1, 7), padding=(0, 3)), nn.Conv2d(1, 1, (3, 1), 2)), 7, 2),
    "dilation": (nn.Sequential(nn.Conv2d(1, 1, 3, 2, dilation=3), nn.Conv2d(1, 1, 2, dilation=5)), 17, 2),
    "same padding": (
        Branches(nn.Conv2d(1, 1, 4, padding="same"), nn.Conv2d(1, 1, 3, padding="same", dilation=2)), 5, 1,
    ),
    "adaptive pooling": (nn.Sequential(nn.Conv2d(1, 1, 3, 1, 1), nn.AdaptiveAvgPool2d(10)), 42, 40),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("name", FIELDS)
def test_field_is_the_extent_of_the_gradient(name):
    net, field, jump = FIELDS[name]
    cost = profile(net, (1, 400, 400))
    assert (cost.field, cost.jump) == (field, jump)
    assert measured(net, 400) == (field, jump)


def kernel(c_in, c_out, size, stride=1, padding=0):
    return nn.Conv2d(c_in, c_out, size, stride, padding, bias=False)


def resized(kind, c_out=1, last=1):
    return nn.Sequential(kernel(1, c_out, 3, 4), kind, kernel(1, 1, last))


def decoder_of(size):
    deep = nn.Sequential(kernel(1, 1, size, 4, size // 2), nn.ConvTranspose2d(1, 1, 4, 4))
    return nn.Sequential(Branches(deep, kernel(1, 1, 1)), kernel(1, 1, 3))


BILINEAR = {"mode": "bilinear"}
RESAMPLED = {  # images of 100 pixels, and the largest field
    "transposed": (resized(nn.ConvTranspose2d(1, 1, 4, 2, 1)), 7),
    "transposed by 3, convolution": (resized(nn.ConvTranspose2d(1, 1, 5, 3, 1), last=4), 11),
    "nearest": (resized(nn.Upsample(scale_factor=2)), 3),
    "bilinear": (resized(nn.Upsample(scale_factor=2, **BILINEAR)), 7),
    "bilinear by 3, convolution": (resized(nn.Upsample(scale_factor=3, **BILINEAR), last=3), 11),
    "antialiased": (Net(lambda _, x: F.interpolate(x, scale_factor=0.25, antialias=True, **BILINEAR)), 8),
    "decoder": (decoder_of(17), 21),
    "decoder of a small field": (decoder_of(3), 7),
    "adaptive": (nn.Sequential(nn.AdaptiveAvgPool2d(80), kernel(1, 1, 2)), 4),
}


@pytest.mark.parametrize("name", RESAMPLED)
def test_after_resampling_the_field_is_a_bound(name):
    net, field = RESAMPLED[name]
    assert max(extent.max().item() for extent, _ in gradients(net, 100, range(-4, 4))) == field
    assert field <= profile(net.float(), (1, 100, 100)).field <= field + 3  # less than a unit of 4 pixels


def test_parts_of_a_pooled_map_are_a_gate_like_the_whole():
    for part in (lambda y: y[:, :, :1], lambda y: y[:, :, 0, 0][..., None, None], lambda y: y[:, 0].unsqueeze(1)):
        net = Net(lambda net, x, part=part: net.c(x * part(x.mean((2, 3), keepdim=True))), c=CONV)
        assert profile(net, 32).field == 3


# --- what profile leaves alone ------------------------------------------------------------------------------------
class OnlyMeta(TorchDispatchMode):
    """Fails as soon as any operation makes a tensor with memory."""

    made = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                assert tensor.is_meta, f"{func} made a tensor of {tuple(tensor.shape)} on {tensor.device}"
                self.made += 1
        return result


def test_network_stays_as_it_is_and_nothing_is_allocated():
    net = models.small.resnet20(num_classes=10)
    net.features[0].eval()  # a mixture of modes, as after freezing

    def state():
        tensors = [(id(p), p.device, p.requires_grad, p.grad, p._version) for p in [*net.parameters(), *net.buffers()]]
        return tensors, [m.training for m in net.modules()], [set(vars(m)) for m in net.modules()]

    before, generator = state(), torch.get_rng_state()
    with OnlyMeta() as watch:
        cost = profile(net, 32)
    assert watch.made > 100  # the watch did see the walk
    assert before == state() and torch.equal(generator, torch.get_rng_state())
    assert not any(hasattr(p, "sight") for p in net.parameters())
    assert pickle.loads(pickle.dumps(cost)) == cost == profile(net.eval(), 32)


def test_nothing_is_allocated_by_what_a_forward_makes():
    def forward(net, x):
        table = torch.arange(8.0) + torch.linspace(0, 1, 8, dtype=x.dtype)
        return net.conv(x + x.new_zeros(3, 8, 8) + table * torch.ones_like(x) + torch.rand(8, 8))

    net = Net(forward, conv=nn.Conv2d(3, 4, 3))
    with OnlyMeta() as watch:
        cost = profile(net, 8)
    assert cost.macs == 36 * 4 * 27 and watch.made > 5


def test_half_precision_and_wrappers():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(3600, 2))
    expected = profile(net, 32)
    assert profile(net.half(), 32).layers == expected.layers
    assert profile(nn.DataParallel(net), 32).macs == expected.macs
    assert profile(torch.fx.symbolic_trace(net), 32).macs == expected.macs


# --- parameters ---------------------------------------------------------------------------------------------------
def test_shared_parameters_count_once():
    conv = nn.Conv2d(4, 4, 3, padding=1)
    net = nn.Sequential(nn.Conv2d(3, 4, 1), conv, conv, nn.Conv2d(4, 4, 3))
    net[3].weight = conv.weight
    cost = profile(net, 8)
    assert cost.params == sum(p.numel() for p in net.parameters()) == 16 + 148 + 4
    assert [x.params for x in cost.layers] == [16, 148, 0, 4]
    assert [x.macs for x in cost.layers] == [64 * 12, 64 * 144, 64 * 144, 36 * 144]
    assert [s.params for s in cost.stages] == [16, 148, 4]
    assert cost.depth == 4


def test_parameters_outside_layers_count_too():
    net = Net(lambda net, images: net.conv(images) * net.scale, conv=nn.Conv2d(3, 4, 1, bias=False))
    net.scale = nn.Parameter(torch.ones(4, 1, 1))
    cost = profile(net, 8)
    assert (cost.params, cost.unused) == (16, 0)
    assert [(s.name, s.params) for s in cost.stages] == [("conv", 12), ("(forward)", 4)]


# --- what a Profile shows -----------------------------------------------------------------------------------------
def contract_net():
    stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    body = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU())
    classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 7))
    return Network({"stem": stem, "body": body}, classifier, 3)


def test_stages_of_our_networks():
    cost = profile(contract_net(), 32)
    assert [s.name for s in cost.stages] == ["features.stem", "features.body", "classifier"]
    assert [s.output_shape for s in cost.stages] == [(8, 16, 16), (16, 16, 16), (7,)]
    assert [s.params for s in cost.stages] == [224, 1168, 119]
    assert [s.macs for s in cost.stages] == [1024 * 216, 256 * 1152, 112]
    assert [s.activations for s in cost.stages] == [8 * 1024 + 8 * 256, 16 * 256, 16 + 7]
    assert [(s.field, s.jump) for s in cost.stages] == [(4, 2), (8, 2), (None, None)]
    assert [s.name for s in cost_of("googlenet").stages if s.output_shape is None] == ["aux1", "aux2"]
    assert cost.activations == 3 * 1024 + sum(s.activations for s in cost.stages)
    assert (cost.field, cost.jump, cost.depth, cost.output_size) == (8, 2, 3, (7,))


def test_profile_as_table_text_and_html():
    cost = profile(contract_net(), 32)
    table = cost.table()
    assert list(table.columns) == ["layer", "kind", "output", "params", "macs", "activations", "field", "jump"]
    assert list(table["kind"]) == "Conv2d ReLU MaxPool2d Conv2d ReLU AdaptiveAvgPool2d Flatten Linear".split()
    assert table["output"][0] == "8 × 32 × 32" and list(table["field"].isna()) == [False] * 5 + [True] * 3
    assert table["params"].sum() == cost.params and table["macs"].sum() == cost.macs
    assert repr(cost) == "Profile(Network, 3 × 32 × 32 → 7, 1,511 params, 516,208 macs, field 8)"
    assert str(cost).endswith("depth 3, receptive field 8 pixels, jump 2")
    named = type("A<b>", (nn.ReLU,), {})()
    assert "A&lt;b&gt;" in profile(named, 8)._repr_html_()
    page = cost_of("googlenet")._repr_html_()
    assert all(text in page for text in ("832 × 7 × 7", "13,004,888", "1,498,376,192", "not used in eval mode"))
    assert not any(word in page for word in ("style", "script", "class"))  # GitHub drops them


# --- what it refuses ----------------------------------------------------------------------------------------------
CONV, FC = nn.Conv2d(3, 4, 3), nn.Linear(8, 5)
HIDDEN = Net(lambda net, x: net.layers[0](x), layers=[CONV])  # in a list, where PyTorch does not find it


def shifted(x):
    y = x.clone()
    y[:, :, 1:] = x[:, :, :-1]
    return y


def half_added(x):
    y = x.clone()
    y[:, :, 1:].add_(x[:, :, :-1])
    return y


def behind_a_view(x):
    x = x.clone()
    view = x[:, 1:]
    x.add_(F.max_pool2d(x, 3, 1, 1))
    return view.sum(1, keepdim=True).expand(-1, 3, -1, -1)


MOVED = {
    "pixel_shuffle": lambda x: F.pixel_shuffle(x.repeat(1, 4, 1, 1), 2),
    "chunk": lambda x: x.chunk(2, 2)[0],
    "setitem": shifted,
    "add": half_added,
    "add behind a view": behind_a_view,
    "flatten": lambda x: x.flatten(2).transpose(1, 2).relu().transpose(1, 2).reshape(x.shape),
    "view": lambda x: x.view(-1, 3, 16, 64),
    "view and mean": lambda x: x.view(-1, 12, 16, 16).mean(1, keepdim=True).expand(-1, 3, -1, -1),
    "max_unpool2d": lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
    "einsum": lambda x: torch.einsum("bchw,cd->bdhw", x, torch.ones(3, 3)),
}


@pytest.mark.parametrize("name", MOVED)
def test_a_window_over_pixels_that_were_moved_is_refused(name):
    nets = [Net(lambda net, x: net.c(MOVED[name](x)), c=conv) for conv in (CONV, nn.Conv2d(3, 4, 1))]
    assert f"slides a window over what {name.split()[0]} made of a map" in message(WalkError, profile, nets[0], 32)
    assert profile(nets[1], 32).macs > 0


def hooked(net):
    [*net.modules()][-1].register_forward_hook(lambda module, given, output: output[:, :, ::2])
    return net


REFUSED = {  # the network and the sentence; images have 32 pixels where no other size is given
    "channels": (
        nn.Sequential(nn.Identity(), CONV),
        r"layer '1' \(Conv2d\), given 1 × 28 × 28, expects 3 channels, not 1; choose another image_size", (1, 28, 28),
    ),
    "batch norm": (nn.Sequential(CONV, nn.BatchNorm2d(3)), r"'1' \(BatchNorm2d\), given 4 × 30 × 30, expects 3"),
    "features": (nn.Sequential(CONV, nn.Flatten(), FC), r"'2' \(Linear\), given 3600, expects 8 values, not 3600"),
    "flat": (nn.Sequential(nn.Flatten(), CONV), r"'1' \(Conv2d\), given 3072, expects maps with 2 axes"),
    "small map": (nn.Sequential(nn.Conv2d(3, 4, 7)), r"given 3 × 5 × 5, .* 7 × 7 kernel; choose a larger", 5),
    "add": (
        Net(lambda net, x: net.a(x) + x, a=CONV),
        r"the network \(Net\), given 3 × 32 × 32, cannot combine maps of 4 × 30 × 30 and 3 × 32 × 32; make",
    ),
    "concatenate": (
        Branches(CONV, nn.Identity(), join=lambda x: torch.cat(x, 1)),
        "concatenate maps of 4 × 30 × 30, 3 × 32 × 32; make",
    ),
    "if": (
        nn.Sequential(CONV, Net(lambda net, x: x if x.sum() > 0 else -x)),
        r"layer '1' \(Net\), given 4 × 30 × 30, decides by the values of its pixels .*; profile its branches",
    ),
    "item": (Net(lambda net, x: x * x.max().item()), r"the network \(Net\), .* decides by the values"),
    "bilinear": (
        Net(lambda net, x: net.two(x.mean((2, 3)), x.mean((2, 3))), two=nn.Bilinear(3, 3, 4)),
        r"layer 'two' \(Bilinear\), .* calls aten::_trilinear, whose multiply-adds cannot be counted; profile",
    ),
    "unfold": (
        Net(lambda net, x: x.unfold(2, 3, 2).unfold(3, 3, 2).sum((4, 5))),
        r"the network \(Net\), given 3 × 32 × 32, calls unfold, whose windows cannot be followed; profile the parts",
    ),
    "unfold, convolution": (nn.Sequential(CONV, nn.Unfold(3)), r"layer '1' \(Unfold\), .* calls unfold, whose windows"),
    "unshuffle": (nn.PixelUnshuffle(2), "calls pixel_unshuffle, whose windows"),
    "hidden layer": (HIDDEN, r"the network \(Net\), .* uses weights of no layer .*; keep layers in .* ModuleList"),
    "lazy": (nn.Sequential(nn.LazyConv2d(4, 3)), r"layer '0' \(LazyConv2d\) has no weights yet; run the network"),
    "lock": (Net(lambda net, x: x, lock=threading.Lock()), r"network \(Net\) cannot be copied \(.*lock.*\): remove"),
    "batch": (Net(lambda net, x: net.fc(x.reshape(-1, 8)), fc=FC), "2 images into 768 × 5 values, so it mixes"),
    "other errors": (
        nn.Sequential(Net(lambda net, x: x.reshape(2, 7))),
        r"layer '0' \(Net\), given 3 × 32 × 32, cannot be walked: its forward raised RuntimeError \(.*7.*\); check",
    ),
    "hook": (hooked(nn.Sequential(nn.ReLU(), nn.ReLU())), r"'1' \(ReLU\) has a forward hook: call remove\(\)"),
    "nothing": (Net(lambda net, x: None), "returns no tensor that torch functions made from the images"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_sentence(name):
    net, words, *size = REFUSED[name]
    assert re.search(words, message(WalkError, profile, net, *size or [32]))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")  # deprecated by newer versions of PyTorch
def test_torchscript_is_refused():
    said = message(WalkError, profile, nn.Sequential(torch.jit.script(nn.ReLU())), 32)
    assert "layer '0' (" in said and "is a TorchScript module; profile the module it was made from" in said


def test_never_zero_in_silence():
    """Whatever torch.nn multiplies is counted or refused."""
    size, tokens = (8, 4, 4), {"batch_first": True}
    layers = [
        nn.MultiheadAttention(8, 2, **tokens), nn.TransformerEncoderLayer(8, 2, 16, **tokens), nn.LSTM(8, 5, **tokens),
        nn.GRU(8, 5, **tokens), nn.RNN(8, 5, **tokens), nn.LSTMCell(8, 5), nn.GRUCell(8, 5), nn.Bilinear(8, 8, 4),
        nn.Conv1d(16, 4, 3), nn.Linear(8, 4), nn.LazyLinear(4),
    ]  # fmt: skip

    def forward(net, images):
        x = images.flatten(2).transpose(1, 2)
        x = x[:, 0] if isinstance(net.layer, nn.RNNCellBase | nn.Bilinear) else x
        out = net.layer(*[x] * {nn.MultiheadAttention: 3, nn.Bilinear: 2}.get(type(net.layer), 1))
        return out[0] if isinstance(out, tuple) else out

    outcomes = []
    for layer in layers:
        try:
            outcomes.append(profile(Net(forward, layer=layer), size).macs > 0)
        except WalkError:
            outcomes.append("refused")
    assert False not in outcomes and outcomes.count("refused") < len(layers) / 2


@pytest.mark.parametrize("size", [0, (224, 224), (3, 0, 5), (3, 224.0, 224), (1, 3, 224, 224), None, True, "32", 10**9])
def test_impossible_image_size(size):
    assert f"given image_size={size!r}: expected (channels, " in message(ValueError, profile, nn.ReLU(), size)
