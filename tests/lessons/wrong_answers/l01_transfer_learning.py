import copy

import torch
from torch import nn

from lecture8.lessons.l01_transfer_learning import answers as right


def headed(fc):
    return lambda net, n: setattr(net.classifier, "fc", fc(n)) or net


def drawn_anew(net):
    return net.apply(lambda m: m.reset_parameters() if isinstance(m, nn.Conv2d) else None)


def rates(*values):
    named = {"classifier": values[0], **{f"block{3 - i}": value for i, value in enumerate(values[1:])}}
    return lambda net, *_: [
        {"params": [p], "lr": lr} for n, p in net.named_parameters() for k, lr in named.items() if k in n
    ]


def mode(change, start=True):
    return lambda net: [change(m) for m in net.train(start).modules() if isinstance(m, nn.BatchNorm2d)] and net


def prepared(net, n):
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    return right.replace_head(net, n), optimizer, right.freeze(net.features)


def still(net):
    return copy.deepcopy(net).eval()


# exercise or build -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "replace_head": [
        (headed(lambda n: nn.Linear(5, n)), "mat1 and mat2"),
        (headed(lambda n: nn.Linear(16, 5)), "should be 6 × 7"),
        (headed(lambda n: nn.Linear(16, n, bias=False)), "with its biases"),
        (headed(lambda n: right.freeze(nn.Linear(16, n))), "never learn"),
        (lambda net, n: drawn_anew(right.replace_head(net, n)), "only the last layer"),
    ],
    "freeze": [
        (lambda module: setattr(module, "requires_grad", False) or module, "never reads"),
        (lambda module: right.freeze(module[0]) and module, "would still learn"),
        (lambda module: right.freeze(drawn_anew(module)), "all values"),
    ],
    "layerwise": [
        (lambda net, lr, factor: right.layerwise(net, lr, 1), "expected 0.04"),
        (rates(0.08, 0.01, 0.02, 0.04), "block1.conv1.conv.weight learns at 0.04"),
        (lambda net, lr, factor: right.layerwise(net, lr, factor)[:-1], "in no group"),
        (lambda net, lr, factor: [*right.layerwise(net, lr, factor), *right.layerwise(net, lr, factor)], "more than one group"),
        (lambda net, lr, factor: list(net.parameters()), 'keys "params" and "lr"'),
    ],
    "train_mode": [
        (lambda net: net.train(), "running_mean had changed"),
        (mode(nn.Module.eval), "block2.conv1.norm is not frozen"),
        (mode(lambda norm: setattr(norm, "momentum", 0.1 * norm.weight.requires_grad)), "should be in evaluation mode"),
        (mode(lambda norm: norm.train(norm.weight.requires_grad), start=False), "start with"),
    ],
    "head": [(18_944, "bias per class"), (513_000, "1,000 classes"), (11_195_493, "features are frozen"), (1, "too small")],
    "saving": [(36e12, "still needed"), (1.8e12, "remains"), (102.6e12, "backward"), (34.2e9, "one photograph"), ("many", "Expected a number")],
    "changed": [
        (lambda net, act: right.changed(*(net.state_dict(), act(), net.state_dict())[::2]), "Is `before` a copy?"),
        (lambda net, act: right.my_changed(net.classifier, act), "missing from your list"),
        (lambda net, act: (act(), list(net.state_dict()))[1], "which did not change"),
    ],
    "features": [
        (lambda net, images: net.features(images).mean((2, 3)).detach(), "moved while you looked"),
        (lambda net, images: right.my_features(net.eval(), images), "put it back"),
        (lambda net, images: (still(net).features(images).mean((2, 3)).detach(), net.train(net.training))[0], "own mode"),
        (lambda net, images: still(net).features(images).detach(), "before the average pooling"),
        (lambda net, images: still(net)(images).detach(), "those are the logits"),
        (lambda net, images: still(net).features(images).amax((2, 3)).detach(), "numbers are not"),
        (lambda net, images: right.my_features(net, images).requires_grad_(), "carry their graph"),
    ],
    "mended": [
        (lambda net, n: prepared(net, n)[:2], "does not know its parameters"),
        (lambda net, n: (right.replace_head(net, n), torch.optim.Adam(net.classifier.parameters())), "should be frozen"),
        (lambda net, n: (net, torch.optim.Adam(net.parameters())), "old head"),
        (lambda net, n: right.mended(net, n)[0], "two things back"),
    ],
}  # fmt: skip
