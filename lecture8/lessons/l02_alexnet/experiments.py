"""Train the nets that the explorer of 02_alexnet loads: alexnet_activations.csv.

python -m lecture8.lessons.l02_alexnet.experiments     on the CPU, a minute or two

ReLU and tanh at five learning rates, three seeds each.
"""

import os
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from lecture8 import datasets, published, training

LRS = (0.001, 0.003, 0.01, 0.03, 0.1)
SEEDS = (0, 1, 2)
EPOCHS = 6


def four_layers(activation: type[nn.Module], seed: int) -> nn.Sequential:
    """Three convolutions and a linear layer for 1 × 16 × 16; He initialization for ReLU, Glorot for tanh."""
    torch.manual_seed(seed)
    layers = [(1, 16, 5), (16, 32, 5), (32, 32, 3)]
    steps = []
    for c_in, c_out, kernel in layers:
        steps += [nn.Conv2d(c_in, c_out, kernel, padding="same"), activation(), nn.MaxPool2d(2)]
    net = nn.Sequential(*steps, nn.Flatten(), nn.Linear(32 * 2 * 2, 10))
    for layer in net:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if activation is nn.ReLU:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            else:
                nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    return net


def runs() -> pd.DataFrame:
    """Training loss and accuracy by activation, learning rate, seed and epoch."""
    data, rows = datasets.digits(size=16), []
    for name, activation in (("ReLU", nn.ReLU), ("tanh", nn.Tanh)):
        for lr in LRS:
            for seed in SEEDS:
                net = four_layers(activation, seed)
                optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
                history = training.fit(net, data, optimizer, EPOCHS, batch_size=32, seed=seed)
                keep = ("epoch", "train_loss", "train_accuracy")
                rows += [
                    {"activation": name, "lr": lr, "seed": seed, **{k: row[k] for k in keep}}
                    for row in history.rows
                ]
                print(name, lr, seed, history, flush=True)
    return pd.DataFrame(rows)


def main() -> None:
    """Train, and write the table."""
    os.environ.setdefault("LECTURE8_DEVICE", "cpu")
    what = (
        "three convolutions and a linear layer on 1,297 digits at 16 × 16 pixels, SGD, momentum 0.9, batch 32, no "
        "regularization; He initialization for ReLU, Glorot for tanh; loss and accuracy seen while learning"
    )
    published.write(
        Path(__file__).with_name("alexnet_activations.csv"), runs().round(4), what, SEEDS
    )


if __name__ == "__main__":
    main()
