"""Train the nets that the explorer of 02_alexnet loads, and write them to data/ with their provenance.

python tools/activation_runs.py      ReLU and tanh at six learning rates, three seeds each, on the CPU: a minute or two
"""

import datetime
import platform
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from lecture8 import datasets, training

DATA = Path(__file__).resolve().parents[1] / "data"
RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
SEEDS = (0, 1, 2)
EPOCHS = 6


def four_layers(activation: type[nn.Module], seed: int) -> nn.Sequential:
    """Three convolutions and a linear layer for 1 × 16 × 16; the first weights by He for ReLU, by Glorot for tanh."""
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
        for rate in RATES:
            for seed in SEEDS:
                net = four_layers(activation, seed)
                optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9)
                history = training.fit(
                    net, data, optimizer, EPOCHS, batch_size=32, seed=seed
                )
                keep = ("epoch", "train_loss", "train_accuracy")
                rows += [
                    {"activation": name, "lr": rate, "seed": seed, **{k: row[k] for k in keep}}
                    for row in history.rows
                ]
                print(name, rate, seed, history, flush=True)
    return pd.DataFrame(rows)


def main() -> None:
    """Train, and write data/alexnet_activations.csv."""
    header = {
        "what": "three convolutions and a linear layer on 1,297 digits at 16 × 16 pixels, SGD, momentum 0.9, batch 32, "
        "no regularization; first weights by He for ReLU, by Glorot for tanh; loss and accuracy seen while learning",
        "command": "python tools/activation_runs.py",
        "date": datetime.date.today().isoformat(),
        "hardware": f"cpu, {torch.get_num_threads()} thread(s)",
        "versions": f"Python {platform.python_version()}, PyTorch {torch.__version__}",
        "seeds": ", ".join(map(str, SEEDS)),
    }
    table = runs().round(4)
    text = "".join(f"# {k}: {v}\n" for k, v in header.items()) + table.to_csv(
        index=False, lineterminator="\n"
    )
    (DATA / "alexnet_activations.csv").write_text(text, encoding="utf-8")
    print(f"wrote data/alexnet_activations.csv: {len(table)} rows")


if __name__ == "__main__":
    main()
