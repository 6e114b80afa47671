"""Calibration: is a network with 90 % confidence correct nine times in ten?"""

from dataclasses import dataclass
from itertools import product

import pandas as pd
import torch
from torch import Tensor, nn

from lecture8 import checks, devices


BINS = 10  # of equal width between 0 and 1


@dataclass(frozen=True)
class Calibration:
    """Predictions sorted into bins by their confidence, the probability of the class that was chosen.

    confidence, accuracy: means of each bin that holds a prediction, from 0 to 1; count: predictions in it
    """

    confidence: list[float]
    accuracy: list[float]
    count: list[int]

    @property
    def error(self) -> float:
        """Expected calibration error: the mean of |confidence − accuracy| over all predictions, bin by bin."""
        return self._mean(
            [abs(c - a) for c, a in zip(self.confidence, self.accuracy, strict=True)]
        )

    @property
    def overall_accuracy(self) -> float:
        """Share of all predictions that are correct."""
        return self._mean(self.accuracy)

    @property
    def overconfidence(self) -> float:
        """Mean confidence minus accuracy: above 0 the network is too sure, below 0 not sure enough."""
        return self._mean(self.confidence) - self.overall_accuracy

    def _mean(self, values: list[float]) -> float:
        return sum(n * v for n, v in zip(self.count, values, strict=True)) / sum(self.count)


def calibration(logits: Tensor, labels: Tensor) -> Calibration:
    """How well the confidence of N predictions agrees with their accuracy.

    logits: N × classes; labels: N. Guo et al. 2017 (arXiv 1706.04599), section 2. Raises ValueError for shapes that do
    not fit.
    """
    checks.kind(Tensor, "a tensor", logits=logits, labels=labels)
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        given = (
            " × ".join(map(str, logits.shape)),
            " × ".join(map(str, labels.shape)) or "a single number",
        )
        raise ValueError(
            f"given logits of {given[0]} and labels of {given[1]}; expected N × classes and N, N from 1"
        )
    if not logits.isfinite().all():
        raise ValueError("given logits that are not all finite: did the training diverge?")
    if labels.dtype != torch.int64 or not 0 <= labels.min() <= labels.max() < logits.shape[1]:
        raise ValueError(
            f"given {checks.shown('labels', labels)}: expected whole numbers from 0 to {logits.shape[1] - 1}"
        )
    confidence, chosen = logits.double().softmax(1).max(1)
    correct, which = (chosen == labels).double(), (confidence * BINS).long().clamp(max=BINS - 1)
    found = [
        (confidence[which == b], correct[which == b]) for b in range(BINS) if (which == b).any()
    ]
    return Calibration(
        [c.mean().item() for c, _ in found],
        [r.mean().item() for _, r in found],
        [len(c) for c, _ in found],
    )


@torch.no_grad()
def predictions(net: nn.Module, data, split: str = "test") -> tuple[Tensor, Tensor]:
    """(logits N × classes, labels N) of one split, in evaluation mode, on the CPU; the network's mode is kept."""
    checks.kind(nn.Module, "a network (torch.nn.Module)", net=net)
    device, was_training = devices.pick_device(None), net.training
    try:
        with devices.moved(net.eval(), device):
            found = [
                (net(images).cpu(), labels.cpu())
                for images, labels in data.to(device).batches(split, 512)
            ]
    finally:
        net.train(was_training)
    logits, labels = zip(*found, strict=True)
    return torch.cat(logits), torch.cat(labels)


def calibrations(runs) -> list[Calibration]:
    """One `Calibration` per seed from rows of the table `label_smoothing`."""
    return [
        Calibration(
            run["mean_confidence"].tolist(), run["accuracy"].tolist(), run["count"].tolist()
        )
        for _, run in runs.groupby("seed")
    ]


def mean(found: list[Calibration], what: str) -> float:
    """Mean over seeds of `error`, `overall_accuracy` or `overconfidence`."""
    return sum(getattr(one, what) for one in found) / len(found)


def error_by_setting(runs) -> pd.Series:
    """Mean calibration error in %, by (images, amount), from the table `label_smoothing`."""
    groups = runs.groupby(["images", "amount"])
    return 100 * groups.apply(lambda some: mean(calibrations(some), "error"))


def errors_of_seeds(runs) -> dict[int, dict[float, list[float]]]:
    """The calibration error of each seed in %, images -> amount -> errors, from the table `label_smoothing`."""
    found: dict = {}
    for (images, amount), some in runs.groupby(["images", "amount"]):
        errors = [100 * one.error for one in calibrations(some)]
        found.setdefault(images, {})[amount] = errors
    return found


def accuracy_by_setting(runs) -> pd.Series:
    """Mean test accuracy in %, by (images, amount), from the table `label_smoothing`."""
    groups = runs.groupby(["images", "amount"])
    return 100 * groups.apply(lambda some: mean(calibrations(some), "overall_accuracy"))


def means_of_all_signs(gains: list[float]) -> list[float]:
    """The mean of some numbers for every choice of their signs: 2ⁿ means."""
    signs = product((1, -1), repeat=len(gains))
    return [sum(s * gain for s, gain in zip(some, gains)) / len(gains) for some in signs]
