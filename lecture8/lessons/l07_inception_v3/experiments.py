"""Measure what 07_inception_v3 loads; on the CPU, some minutes each. `cut` needs CIFAR-10.

python -m lecture8.lessons.l07_inception_v3.experiments smoothing --seeds 4    more or less label smoothing: label_smoothing.csv
python -m lecture8.lessons.l07_inception_v3.experiments head --seeds 8         an auxiliary head or none: auxiliary_regularizer.csv
python -m lecture8.lessons.l07_inception_v3.experiments cut --seeds 1          a trained network's kernels cut down: cut_kernels.csv
"""

import argparse
import os
from pathlib import Path

import pandas as pd
import torch

from lecture8 import datasets, models, published, training
from lecture8.lessons.l07_inception_v3.calibration import calibration, predictions
from lecture8.models.inception_v3 import separate

AMOUNTS = (0.0, 0.02, 0.05, 0.1, 0.2)
IMAGES, EPOCHS = (50, 960), 60
HEAD_IMAGES, HEAD_EPOCHS = 100, 20


def smoothed(images: int, amount: float, seed: int) -> list[dict]:
    """One network: a row per bin of its test predictions. Equal seeds have equal initial weights."""
    data = datasets.digits(size=16).take(images)
    torch.manual_seed(seed)
    net = models.small.alexnet(
        data.num_classes, width=8, channels=1, input_size=16, norm=False, dropout=0.0
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
    objective = training.label_smoothing(amount)
    training.fit(
        net,
        data,
        optimizer,
        EPOCHS,
        batch_size=32,
        objective=objective,
        seed=seed,
    )
    found = calibration(*predictions(net, data))
    bins = zip(found.count, found.confidence, found.accuracy, strict=True)
    return [
        {
            "images": images,
            "amount": amount,
            "seed": seed,
            "count": n,
            "mean_confidence": c,
            "accuracy": a,
        }
        for n, c, a in bins
    ]


def with_head(head: bool, seed: int) -> dict:
    """One network, the head after its fourth module of six. Equal seeds have equal initial weights."""
    data = datasets.digits(size=16).take(HEAD_IMAGES)
    torch.manual_seed(seed)
    net = models.small.inception(data.num_classes, width=8, channels=1, auxiliary=True)
    del net.auxiliary["inception_2"]  # the lower head, which Inception-v3 does without
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    objective = training.auxiliary_objective(0.3) if head else training.cross_entropy
    training.fit(
        net,
        data,
        optimizer,
        HEAD_EPOCHS,
        batch_size=32,
        objective=objective,
        seed=seed,
    )
    scores = {split: training.evaluate(net, data, split) for split in ("train", "test")}
    return {
        "head": head, "seed": seed,
        **{f"{split}_{what}": getattr(score, what) for split, score in scores.items() for what in ("loss", "accuracy")},
    }  # fmt: skip


def smoothing(seeds: int) -> None:
    """Every amount for every number of images, once per seed; then the table."""
    rows = []
    for images in IMAGES:
        for amount in AMOUNTS:
            for seed in range(seeds):
                rows += smoothed(images, amount, seed)
            print(images, amount, flush=True)
    what = (
        f"small.alexnet of width 8 without normalization and dropout on 16 × 16 digits, Adam 0.002, batch 32, {EPOCHS} epochs; amount: "
        "share of each label that is spread over all classes; images: training images; a row is a bin of the test predictions sorted by "
        "confidence (ten bins from 0 to 1, empty ones left out): predictions in it, mean confidence, accuracy"
    )
    path = Path(__file__).with_name("label_smoothing.csv")
    published.write(path, pd.DataFrame(rows).round(5), what, seeds)


def head(seeds: int) -> None:
    """With and without the head, once per seed; then the table."""
    rows = []
    for seed in range(seeds):
        for one in (False, True):
            rows.append(with_head(one, seed))
            print(rows[-1], flush=True)
    what = (
        f"small.inception of width 8 with batch normalization on {HEAD_IMAGES} digits of 16 × 16, Adam 0.003, batch "
        f"32, {HEAD_EPOCHS} epochs; head: an auxiliary classifier after the fourth of six modules, weight 0.3, in training"
    )
    path = Path(__file__).with_name("auxiliary_regularizer.csv")
    published.write(path, pd.DataFrame(rows).round(4), what, seeds)


BETWEEN = (2, 4, 8, 12, 16, 20, 24, 32, 48, 64)  # channels between a column and a row


def cut(seeds: int) -> None:
    """Test accuracy of one trained network with the kernels of one layer cut down; then the table."""
    data, net, rows = datasets.cifar10(), models.small.zfnet(weights="cifar10"), []
    for layer in ("conv1", "conv2"):
        conv = net.features.get_submodule(layer).conv
        whole = conv.weight.detach().clone()
        size, (c_out, c_in) = whole.shape[-1], whole.shape[:2]
        ways = [
            ("each kernel", pairs, cut_kernels(whole, pairs), 2 * size * pairs * c_in * c_out)
            for pairs in range(1, size + 1)
        ]
        ways += [
            ("layer", r, cut_layer(whole, r), r * size * (c_in + c_out))
            for r in BETWEEN
            if r <= size * c_in
        ]
        for way, amount, weight, count in ways:
            conv.weight.data = weight
            accuracy = training.evaluate(net, data).accuracy
            rows.append(
                {
                    "layer": layer,
                    "way": way,
                    "amount": amount,
                    "weights": count / whole.numel(),
                    "test_accuracy": accuracy,
                }
            )
            print(rows[-1], flush=True)
        conv.weight.data = whole
    what = (
        "small.zfnet with its shipped weights (one network, 12 epochs of CIFAR-10) on the 10,000 test images, nothing trained "
        "further; one layer at a time. each kernel: every kernel of the layer replaced by its best `amount` pairs of a column and a "
        "row. layer: the whole layer replaced by an n × 1 convolution to `amount` channels and a 1 × n after it, the best by least "
        "squares. weights: their number, over that of the layer"
    )
    path = Path(__file__).with_name("cut_kernels.csv")
    published.write(path, pd.DataFrame(rows).round(5), what, seeds)


def cut_kernels(weight: torch.Tensor, pairs: int) -> torch.Tensor:
    """A layer's weights with each kernel replaced by its best pairs of a column and a row."""
    return torch.stack(
        [torch.matmul(*separate(kernel, pairs)) for kernel in weight.flatten(0, 1)]
    ).view_as(weight)


def cut_layer(weight: torch.Tensor, between: int) -> torch.Tensor:
    """A layer's weights as an n × 1 convolution to `between` channels and a 1 × n after it can best have them."""
    c_out, c_in, high, wide = weight.shape
    left, values, right = torch.linalg.svd(
        weight.permute(1, 2, 0, 3).reshape(c_in * high, c_out * wide), full_matrices=False
    )
    best = (left[:, :between] * values[:between]) @ right[:between]
    return best.view(c_in, high, c_out, wide).permute(2, 0, 1, 3).contiguous()


def main() -> None:
    """One of the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["smoothing", "head", "cut"])
    parser.add_argument("--seeds", type=int, default=4)
    a = parser.parse_args()
    os.environ.setdefault("LECTURE8_DEVICE", "cpu")
    {"smoothing": smoothing, "head": head, "cut": cut}[a.what](a.seeds)


if __name__ == "__main__":
    main()
