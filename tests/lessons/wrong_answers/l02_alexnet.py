import torch
from torch import nn

from lecture8 import models


def steps(photo):
    variances, directions = torch.linalg.eigh(torch.cov(photo.flatten(1)))
    return directions, variances


def step(w, v, gradient, lr, decay=-0.0005, momentum=0.9):
    v = momentum * v + decay * lr * w - lr * gradient
    return w + v, v


def pytorchs_step(w, v, gradient, lr):
    v = 0.9 * v + gradient + 0.0005 * w
    return w - lr * v, v


def features(groups=1, stride=4, relu=True):
    layers, c_in = [], 3
    rows = [
        (64, 11, stride, 2, 1, True),
        (192, 5, 1, 2, groups, True),
        (384, 3, 1, 1, 1, False),
        (256, 3, 1, 1, 1, False),
    ]
    for c_out, *window, groups, pool in [*rows, (256, 3, 1, 1, 1, True)]:
        layers += [nn.Conv2d(c_in, c_out, *window, groups=groups), *([nn.ReLU()] if relu else [])]
        layers += [nn.MaxPool2d(3, 2)] if pool else []
        c_in = c_out
    return nn.Sequential(*layers)


# exercise -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "crops": [(128, "9 shifts"), (81, "mirror images"), (2178, "AlexNet's number"), (50, "each side"), (1, "too small")],
    "conv2": [(614_656, "all 96"), (307_200, "biases"), (153_728, "one GPU"), ("many", "Expected a number")],
    "crossing": [(139_968, "one way"), (69_984, "4 bytes"), (1_161_600, "before pooling"), (10**9, "too large")],
    "neurons": [(622_312, "caption"), (650_080, "fully connected"), (813_859, "image itself"), (650_000, "very close")],
    "dropout": [
        (lambda x, kept, p: x * kept, "not scaled up"),
        (lambda x, kept, p: x * kept / p, "multiplied with"),
        (lambda x, kept, p: x / (1 - p), "should be 0"),
        (lambda x, kept, p: x[0], "got 6"),
        (lambda x: x, "TypeError"),
    ],
    "step": [
        (lambda w, v, gradient, lr: step(w, v, gradient, lr, decay=0), "is missing"),
        (lambda w, v, gradient, lr: step(w, v, gradient, lr, decay=0.0005), "wrong sign"),
        (lambda w, v, gradient, lr: step(w, v, gradient, lr, momentum=0), "times 0.9"),
        (pytorchs_step, "multiplies v"),
        (lambda w, v, gradient, lr: w - 2 * lr * gradient, "Expected two tensors"),
        (lambda w, v, gradient, lr: (w + lr * gradient, v), "goes elsewhere"),
    ],
    "color": [
        (lambda photo: steps(photo)[0] * steps(photo)[1], "square root"),
        (lambda photo: steps(photo)[0], "1 long"),
        (lambda photo: (steps(photo)[0] * steps(photo)[1].sqrt()).T, "in the rows"),
        (lambda photo: torch.linalg.cholesky(torch.cov(photo.flatten(1))), "right angles"),
        (lambda photo: photo.std((1, 2)), "3 × 3"),
        (lambda photo: torch.ones(3, 3), "covariance"),
    ],
    "features": [
        (lambda: features(groups=2), "groups should be 1"),
        (lambda: features(stride=2), "stride should be"),
        (lambda: features(relu=False), "outputs differ"),
        (lambda: models.alexnet(10, input_size=67).features, "first difference is at layer 1"),
        (lambda: "features", "Expected a network"),
    ],
}  # fmt: skip
