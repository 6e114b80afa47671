"""The runs that lesson 06 loads, as the few numbers that it speaks of."""

from collections.abc import Iterable

import pandas as pd

from lecture8 import published


def listed(values: Iterable[float], digits: int = 0) -> str:
    """Numbers as words: "18, 51, 53"."""
    return ", ".join(f"{value:.{digits}f}" for value in values)


def digits_ends(kind: str, depth: int, column: str = "end_train_accuracy") -> pd.DataFrame:
    """Digits, 60 epochs: accuracy at the end in percent, by learning rate and initial weights, and by seed."""
    ends = published.read("degradation").dropna(subset=column)
    ends = ends[(ends["kind"] == kind) & (ends["depth"] == depth)]
    return 100 * ends.pivot(index=["lr", "init"], columns="seed", values=column)


def learned(kind: str, depth: int, column: str = "end_train_accuracy") -> list[float]:
    """The same at a rate of 0.05 with He's initial weights: one per seed."""
    return digits_ends(kind, depth, column).loc[0.05, "he"].tolist()


def after_180() -> list[float]:
    """Plain-56 after 180 epochs at a rate of 0.005: training accuracy in percent, one per seed."""
    longer = published.read("degradation_longer")
    return (100 * longer["end_train_accuracy"].dropna()).tolist()


def by_shortcut(depth: int) -> tuple[pd.Series, pd.Series]:
    """Digits, 12 epochs: mean training loss by shortcut; gradient norm before training, first over last convolution."""
    curves, norms = published.read("digits_depth"), published.read("digits_gradients")
    curves = curves[(curves["depth"] == depth) & (curves["epoch"] == curves["epoch"].max())]
    norms = norms[norms["depth"] == depth]
    mean = norms.pivot_table(index="kind", columns="layer", values="norm")
    kinds = ["A", "B", "C"]
    return curves.groupby("kind")["train_loss"].mean()[kinds], (mean[1] / mean[depth - 1])[
        kinds
    ]


def photographs() -> dict[str, float]:
    """CIFAR-10, 20 epochs, one seed: test error in percent, by network."""
    ends = published.read("cifar_degradation").dropna(subset="test_accuracy")
    names = (
        ends["kind"].map({"plain": "plain", "A": "residual"}) + "-" + ends["depth"].astype(str)
    )
    return dict(zip(names, 100 * (1 - ends["test_accuracy"])))


def first_over_last(kind: str) -> pd.DataFrame:
    """Digits, 56 layers: gradient norm of the first convolution over that of the last one, by epoch and seed."""
    norms = published.read("degradation_gradients")
    norms = norms[norms["kind"] == kind]
    norms = norms.pivot(index=["epoch", "seed"], columns="layer", values="norm")
    return (norms[1] / norms[55]).unstack()
