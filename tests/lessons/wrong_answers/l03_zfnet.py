import torch
from torch import nn
from torch.nn import functional as F

from lecture8 import models
from lecture8.lessons.l03_zfnet.questions import RULES, _unrectified


def painting(conv1, conv2, image, channel, *, one=False, everything=False):
    maps = conv2(conv1(image).relu()).relu()
    alone = torch.zeros_like(maps)
    alone[0, channel] = (
        maps[0, channel] if everything else maps[0, channel] * (maps[0, channel] == maps[0, channel].max())
    )
    if one:
        alone = alone / alone.max()
    return F.conv_transpose2d(F.conv_transpose2d(alone, conv2.weight, padding=1).relu(), conv1.weight, padding=1)


def without(stages=(), fully_connected=()):
    def answer(removed):
        with torch.device("meta"):
            net = models.zfnet()
            for stage in set(stages) & {f"conv{i}" for i in removed}:
                setattr(net.features, stage, nn.Identity())
            for layer in set(fully_connected) & {f"fc{i}" for i in removed}:
                setattr(net.classifier, layer, nn.Identity())
        return net

    return answer


# exercise -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "shape": [(110, "padding of 1"), (112, "no room"), (108, "first place"), (218, "stride 1"), (50, "too small")],
    "alias": [(13, "at most 8"), (5, "turns round"), (8, "comes back down"), (0, "do not vanish"), (2.9, "too small")],
    "fc7": [(45_580_392, "biases"), (16_781_312, "what goes"), (41_479_296, "fc8 stays"), (7_823_464, "fc6 stays"),
            (1, "too small")],
    "seen": [
        (lambda stripes, values: stripes, "Not unchanged"),
        (lambda stripes, values: min(stripes, abs(values - stripes)), "goes on for ever"),
        (lambda stripes, values: min(stripes, values // 2), "Not yet"),
        (lambda stripes, values: stripes - values * round(stripes / values), "but for the sign"),
        (7, "expected a function"),
    ],
    "rules": [
        (lambda rule, x, signal: RULES["gradient"](x, signal), "what the rule 'gradient' gives"),
        (lambda rule, x, signal: RULES["deconvnet"](x, signal), "what the rule 'deconvnet' gives"),
        (lambda rule, x, signal: x.relu(), "none of the three"),
        (lambda rule, x, signal: signal.sum(), "x's shape"),
    ],
    "paint": [
        (_unrectified, "is missing"),
        (lambda *given: painting(*given, everything=True), "every unit but the strongest"),
        (lambda *given: painting(*given, one=True), "up to a factor"),
        (lambda *given: -painting(*given), "the values are not"),
        (lambda conv1, conv2, image, channel: conv1(image), "image's shape"),
    ],
    "shortened": [
        (without(), "none of its layers is gone"),
        (without(fully_connected=["fc7"]), "Without (3, 4)"),
        (without(stages=["conv3", "conv4"], fully_connected=["fc7"]), "the network stops"),
        (lambda removed: "net", "Expected a network"),
    ],
}  # fmt: skip
