import torch
from torch import nn


def cnn(*, bias=True, average=True, relu=True, last=64, pool=nn.MaxPool2d):
    act = nn.ReLU if relu else nn.Identity
    end = (
        [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(last, 10)]
        if average
        else [nn.Flatten(), nn.Linear(last * 16, 10)]
    )
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=bias), nn.ReLU(), pool(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), pool(2),
        nn.Conv2d(32, last, 3, padding=1), act(), *end,
    )  # fmt: skip


# exercise -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "conv_params": [(18_432, "biases are missing"), (640, "all 32 channels"), (18_497, "very close")],
    "like_for_like": [(3.4, "nets = 1"), (1.22, "seven networks gain"), (-2.18, "without the sign"), (10.07 - 7.89, "round it")],
    "flatten": [(512, "16 × 16"), (49, "one channel"), (6272, "only one pooling")],
    "confused": [
        (lambda table: divmod(int(table.argmax()), len(table)), "on the diagonal stands what is right"),
        (lambda table: divmod(int((table - torch.diag(torch.diag(table))).argmax()), len(table))[::-1], "wrong order"),
        (lambda table: (0, 1), "expected"),
    ],
    "network": [
        (lambda: cnn(average=False), "weight shape should be (10, 64)"),
        (lambda: cnn(relu=False), "outputs differ"),
        (lambda: cnn(last=32), "weight shape should be (64, 32, 3, 3)"),
        (lambda: cnn(bias=False), "bias"),
        (lambda: cnn(pool=nn.AvgPool2d), "outputs differ"),
        (lambda: 3, "Expected a network"),
    ],
}  # fmt: skip
