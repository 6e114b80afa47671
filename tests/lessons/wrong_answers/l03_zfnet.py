import torch
from torch import nn

from lecture8 import models
from lecture8.lessons.l03_zfnet.answers import RULES, descend, first_stages, occlusion_map, unpool
from lecture8.lessons.l03_zfnet.deconvnet import climb, only_strongest


def reconstruction(layers, images, channel, left=lambda maps, channel: maps):
    maps, trail = climb(layers, images)
    unit = torch.zeros_like(maps)
    unit[:, channel] = left(maps, channel)[:, channel]
    return descend(trail, unit)


def stages(*settings, window=3, ceil=True):
    return nn.Sequential(
        *first_stages(*settings)[:2], nn.MaxPool2d(window, 2, ceil_mode=ceil), *first_stages(*settings)[3:]
    )


def covering(net, image, label, square, step, gray=0.0, inside=False):
    places = range(0, image.shape[-1] - square + 1, step)
    covered = image.repeat(len(places) ** 2, 1, 1, 1)
    for one, (top, left) in zip(covered, [(t, x) for t in places for x in places], strict=True):
        (image if inside else one)[:, top : top + square, left : left + square] = gray
    return net(covered)[:, label].reshape(len(places), len(places))


def emptied(pixels, rows, columns):
    pixels = pixels.clone()
    pixels[:, :, rows, columns] = 0
    return pixels


def without(stages=(), fully_connected=()):
    def answer(removed):
        with torch.device("meta"):
            net = models.alexnet()
            for stage in set(stages) & {f"conv{i}" for i in removed}:
                setattr(net.features, stage, nn.Identity())
            for layer in set(fully_connected) & {f"fc{i}" for i in removed}:
                setattr(net.classifier, layer, nn.Identity())
        return net

    return answer


# exercise or build -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "first_stages": [
        (lambda *s: stages(*s, window=2), "it receives"), (lambda *s: stages(*s, ceil=False), "it receives"),
        (lambda *s: first_stages(*s)[:4], "outputs differ"), (lambda *s: nn.Sequential(first_stages(*s)), "exactly the five"),
        (lambda c, k, strides, p: first_stages(c, k, strides[::-1], p), "stride should be"), (lambda *s: "net", "nn.Seq"),
    ],
    "unpool": [
        (lambda v, s, b: torch.zeros(b).flatten(2).scatter(2, s.flatten(2), v.flatten(2)).view(b), "scatter_add"),
        (lambda v, s, b: 2 * unpool(v, s, b), "add up"), (lambda v, s, b: unpool(v, (s + 1) % 81, b), "wrong places"), (lambda v, s, b: v, "before pooling"),
    ],
    "receptive_field": [
        (lambda windows: 1 + sum(k - 1 for k, _ in windows), "steps over"), (lambda windows: 7, "Not yet"),
        (lambda windows: 5 if len(windows) < 3 else 53, "not its own"),
    ],
    "reconstruct": [
        (reconstruction, "more than one unit"), (lambda layers, images, channel: layers(images), "images' shape"),
        (lambda *s: -reconstruction(*s, left=only_strongest), "not those of the strongest"),
        (lambda *s: reconstruction(*s, left=lambda m, c: only_strongest(m, c) / m[:, [c]].amax((2, 3), True)), "up to a factor"),
        (lambda *s: reconstruction(*s, left=lambda m, c: m * (m == m[:, c].max())), "Only one of the images"),
    ],
    "occlusion_map": [
        (lambda *s: covering(*s, inside=True), "the image itself"), (lambda *s: covering(*s), "no probabilities"),
        (lambda net, *s: covering(lambda x: net(x).softmax(1), *s, gray=1.0), "values differ"),
        (lambda *s: occlusion_map(*s).T, "swapped"), (lambda *s: occlusion_map(*s)[0], "places"),
        (lambda net, image, label, *s: occlusion_map(net, image, 1 - label, *s), "other class"), (lambda *s: torch.full_like(occlusion_map(*s), 0.5), "everywhere"),
    ],
    "cleaned": [
        (lambda p: p, "Nothing is changed"), (lambda p: emptied(p, slice(0, 3), slice(0, 3)), "still comes out different"),
        (lambda p: emptied(p, slice(32), slice(16)), "50%"), (lambda p: p.fill_(0), "has changed the images"), (lambda p: p[..., 3:], "same shape"),
    ],
    "alias": [(13, "at most 8"), (5, "turns around"), (8, "comes back down"), (0, "do not vanish"), (2.9, "too small")],
    "share": [(16_777_216, "biases"), (4_096, "biases only"), (20_877_312, "fc8 stays"), (1, "too small")],
    "seen": [
        (lambda stripes, values: stripes, "Not unchanged"), (7, "expected a function"), (lambda stripes, values: min(stripes, values // 2), "Not yet"),
        (lambda stripes, values: min(stripes, abs(values - stripes)), "continues forever"),
        (lambda stripes, values: stripes - values * round(stripes / values), "but for the sign"),
    ],
    "rules": [
        (lambda rule, x, signal: RULES["gradient"](x, signal), "what the rule 'gradient' gives"),
        (lambda rule, x, signal: RULES["deconvnet"](x, signal), "what the rule 'deconvnet' gives"),
        (lambda rule, x, signal: x.relu(), "none of the three"), (lambda rule, x, signal: signal.sum(), "x's shape"),
    ],
    "shortened": [
        (without(), "none of its layers is gone"), (without(fully_connected=["fc7"]), "Without (3, 4)"),
        (without(stages=["conv3", "conv4"], fully_connected=["fc7"]), "the network stops"), (lambda removed: "net", "Expected a network"),
    ],
}  # fmt: skip
