"""Train the nets that the explorer and the figures of 01_transfer_learning load: transfer_grid.csv.

python -m lecture8.lessons.l01_transfer_learning.experiments     on the CPU, minutes

Three sources, seven depths of freezing, four numbers of labels, three seeds.

The network, its learning rates and its epochs are those of the notebook, which trains one entry again and compares.
"""

import copy
import dataclasses
import os
from pathlib import Path

import pandas as pd
import torch

from lecture8 import datasets, published, training, transfer
from lecture8.models import layers

SEEDS = (0, 1, 2)
EPOCHS = {20: 40, 100: 30, 500: 20, 2000: 10}  # number of labels -> epochs
LR, FACTOR = 0.01, 0.5


def build(num_classes: int) -> layers.Network:
    """Six 3 × 3 convolutions, of which every second one halves the image."""
    stages, c_in = {}, 1
    for i, c_out in enumerate((16, 16, 32, 32, 64, 64), start=1):
        stages[f"conv{i}"] = layers.conv(c_in, c_out, kernel=3, stride=2 - i % 2)
        c_in = c_out
    return layers.he_init(
        layers.Network(stages, layers.average_pool_classifier(c_in, num_classes), channels=1)
    )


def train(net, data, seed: int, epochs: int, factor: float) -> None:
    """Adam, the classifier at LR, each stage below `factor` times as fast as the one above."""
    optimizer = torch.optim.Adam(transfer.layerwise(net, LR, factor))
    batch_size = 50 if len(data.train) > 100 else 25
    training.fit(net, data, optimizer, epochs, batch_size=batch_size, seed=seed)


def adapt(source, data, seed: int, epochs: int, frozen: int, factor: float) -> float:
    """Test accuracy of a copy of `source` with a new head, its first `frozen` stages frozen.

    What is frozen is computed once, and the rest trained on its output: the same as training the whole.
    """
    torch.manual_seed(seed)
    net = transfer.replace_head(copy.deepcopy(source), data.num_classes)
    if frozen:
        data = transfer.extract_features(net, data, f"conv{frozen}")
        rest = dict(list(net.features.named_children())[frozen:])
        net = layers.Network(rest, net.classifier, channels=data.image_shape[0])
    train(net, data, seed, epochs, factor)
    return training.evaluate(net, data).accuracy


def main() -> None:
    """All runs, then the table."""
    os.environ.setdefault("LECTURE8_DEVICE", "cpu")
    sources = {
        "printed digits": datasets.glyphs(per_class=200, characters="0123456789"),
        "gratings": datasets.textures(per_class=167),
        "handwritten digits": datasets.digits(),
    }
    letters = datasets.glyphs(per_class=200, characters="ABCDEFGHIJ", seed=1)
    letters = dataclasses.replace(letters, valid=letters.valid.take(100))
    rows = []
    for seed in SEEDS:
        nets = {}
        for name, data in {"none": letters, **sources}.items():
            torch.manual_seed(seed)
            nets[name] = build(data.num_classes)
            if name != "none":
                train(nets[name], data, seed, 6, 1)
        for labels, epochs in EPOCHS.items():
            data = letters.take((torch.arange(labels) + seed * labels) % len(letters.train))
            for name, net in nets.items():
                ways = (
                    [(0, 1), *((frozen, FACTOR) for frozen in range(7))]
                    if name != "none"
                    else [(0, 1)]
                )
                for frozen, factor in ways:
                    accuracy = adapt(net, data, seed, epochs, frozen, factor)
                    rows.append((name, labels, frozen, factor, seed, round(accuracy, 4)))
                    print(*rows[-1], flush=True)
    about = (
        "test accuracy on printed letters A to J of a net of six convolutions; source: what it was trained on before "
        "(none: random weights), labels: training letters, frozen: how many of its convolutions, from the image on, "
        "factor: by which each stage learns more slowly than the one above it"
    )
    table = pd.DataFrame(
        rows, columns=["source", "labels", "frozen", "factor", "seed", "test_accuracy"]
    )
    published.write(Path(__file__).with_name("transfer_grid.csv"), table, about, SEEDS)


if __name__ == "__main__":
    main()
