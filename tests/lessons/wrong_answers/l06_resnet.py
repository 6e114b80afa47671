import copy

import torch
from torch import nn

from lecture8.lessons.l06_resnet import answers


def mistaken(name, *, change=None, summed=True, early=False, last=True):
    """The solution of that name with one mistake: a change to its layers, or another order of what has no weights."""

    class Mistaken(getattr(answers, name)):
        def __init__(self, c_in, c_out, stride=1, shortcut=None):
            super().__init__(c_in, c_out, stride, shortcut)
            vars(self)["_modules"].update(change(self) if change else {})

        def forward(self, x):
            f, pairs = x, 3 if name == "Bottleneck" else 2
            for i in range(1, pairs + 1):
                f = getattr(self, f"norm{i}")(getattr(self, f"conv{i}")(f))
                f = f.relu() if i < pairs or early else f
            f = f + self.shortcut(x) if self.shortcut is not None and summed else f
            return f.relu() if last else f

    return Mistaken


def conv1(stride=None, bias=False):
    def change(block):
        old = block.conv1
        return {
            "conv1": nn.Conv2d(
                old.in_channels, old.out_channels, old.kernel_size, stride or old.stride, old.padding, bias=bias
            )
        }

    return change


def padded(values):
    class Pad(answers.OptionA):
        def forward(self, x):
            return values(x, super().forward(x))

    return Pad


def deepened(net, kind, spoil):
    deeper = answers.deepen(net, kind)
    for block in [layer for layer in deeper if isinstance(layer, answers.Block)][1::2]:
        spoil(block)
    return deeper


def copied(net, images=None, names=("norm1", "norm2")):
    for block in net[3:-3]:
        for name in names:
            setattr(block, name, copy.deepcopy(getattr(block, name)))
    return net


# exercise or build -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "block": [
        (mistaken("Block", change=conv1(stride=1)), "stride should be (2, 2)"),
        (mistaken("Block", change=conv1(bias=True)), "has a bias that it should not have"),
        (mistaken("Block", change=lambda block: {"norm2": nn.Identity()}), "layers with weights"),
        (mistaken("Block", summed=False), "forgets its shortcut"),
        (mistaken("Block", early=True), "before the sum"),
        (mistaken("Block", last=False), "negative values"),
    ],
    "bottleneck": [
        (mistaken("Bottleneck", change=conv1(stride=2)), "stride should be"),
        (mistaken("Bottleneck", early=True), "before the sum"),
        (answers.Block, "first difference"),
    ],
    "option_a": [
        (padded(lambda x, right: torch.cat([nn.functional.avg_pool2d(x, 2), right[:, x.shape[1] :]], 1)), "averaged"),
        (padded(lambda x, right: x), "Expected the shape"),
        (padded(lambda x, right: right[:, torch.arange(right.shape[1]) % x.shape[1]]), "all zeros"),
    ],
    "resnet": [
        (lambda depth, *s: answers.resnet(depth + 6, *s), "layers"),
        (lambda *s: answers.resnet(*s[:4], False), "Shortcuts in yours: 0, in the reference: 9"),
        (lambda *s: nn.Sequential(answers.resnet(*s)), "nn.Sequential of"),
    ],
    "growth": [((0, 1193), "leaves the shortcut out"), ((13, 35), "multiplies"), (13, "two numbers"), (("13", 1), "Expected a number")],
    "bottleneck_cost": [(192_675_840, "before the stride"), (770_703_360, "28 × 28"), (1, "too small")],
    "paths": [(126, "one of the two"), (512, "all paths"), (6048, "order")],
    "deepen": [
        (lambda net, kind: net, "add one block after each"),
        (lambda net, kind: deepened(net, kind, lambda new: nn.init.ones_(new.norm2.weight)), "logits differ"),
        (lambda net, kind: deepened(net, kind, lambda new: setattr(new, "shortcut", None)), "logits differ"),
        (lambda net, kind: answers.deepen(net, kind).requires_grad_(False), "must stay trainable"),
        (lambda net, kind: deepened(net, kind, lambda new: nn.init.zeros_(new.conv2.weight)), "gets no gradient"),
    ],
    "repair": [
        (lambda net, images: copied(net, names=["norm2"]), "is one still shared"),
        (lambda net, images: copied(net).eval(), "running statistics"),
        (lambda net, images: answers.repair(net, images).train(), "still in training mode"),
        (lambda net, images: answers.repair(answers.resnet(14, 6, channels=1), images), "leave their weights alone"),
    ],
}  # fmt: skip
