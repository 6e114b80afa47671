"""Calibration: is a network that says 90 % correct nine times in ten?"""

from dataclasses import dataclass

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
        """Mean confidence minus accuracy: above 0 the network promises too much, below 0 too little."""
        return self._mean(self.confidence) - self.overall_accuracy

    def _mean(self, values: list[float]) -> float:
        return sum(n * v for n, v in zip(self.count, values, strict=True)) / sum(self.count)


def calibration(logits: Tensor, labels: Tensor) -> Calibration:
    """How well the confidence of N predictions agrees with how often they are correct.

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
        Calibration(run["promised"].tolist(), run["accuracy"].tolist(), run["count"].tolist())
        for _, run in runs.groupby("seed")
    ]
