"""The runs that lesson 06 loads, as the few numbers that it speaks of."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from lecture8 import published
from lecture8.words import phrase


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


def last_loss(kind: str, depth: int) -> list[float]:
    """Digits, 12 epochs: training loss of the last one, one per seed."""
    curves = published.read("digits_depth")
    curves = curves[(curves["kind"] == kind) & (curves["depth"] == depth)]
    return curves[curves["epoch"] == curves["epoch"].max()]["train_loss"].tolist()


def photographs(column: str = "test_accuracy") -> dict[str, float]:
    """CIFAR-10, 20 epochs, one seed: error in percent, by network."""
    ends = published.read("cifar_degradation").dropna(subset=column)
    return dict(zip(_names(ends), 100 * (1 - ends[column])))


def _names(rows: pd.DataFrame) -> pd.Series:
    """plain-20, residual-56, …"""
    kinds = rows["kind"].map({"plain": "plain", "A": "residual"})
    return kinds + "-" + rows["depth"].astype(str)


def test_errors() -> pd.DataFrame:
    """CIFAR-10 test error in percent: a row per source, a column per network."""
    repository, paper = published.read("cifar_published"), published.read("cifar_resnet")
    rows = {
        "ours: 20 epochs, 8 channels": photographs(),
        "a-martyn/resnet: 164 epochs, 16 channels": dict(
            zip(_names(repository), repository["test_error"])
        ),
        "paper: about 182 epochs, 16 channels": {
            f"residual-{row.layers}": row.error
            for row in paper.itertuples()
            if row.layers < 1000
        },
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    order = ["plain-20", "plain-56", *(f"residual-{n}" for n in (20, 32, 44, 56, 110))]
    return table[order].map(lambda error: "–" if pd.isna(error) else f"{error:.2f}")


def first_over_last(kind: str) -> pd.DataFrame:
    """Digits, 56 layers: gradient norm of the first convolution over that of the last one, by epoch and seed."""
    norms = published.read("degradation_gradients")
    norms = norms[norms["kind"] == kind]
    norms = norms.pivot(index=["epoch", "seed"], columns="layer", values="norm")
    return (norms[1] / norms[55]).unstack()


def before_training(kind: str, depth: int) -> list[float]:
    """The same before training, for plain networks and each kind of shortcut: one per seed."""
    norms = published.read("digits_gradients")
    norms = norms[(norms["kind"] == kind) & (norms["depth"] == depth)]
    norms = norms.pivot(index="seed", columns="layer", values="norm")
    return (norms[1] / norms[depth - 1]).tolist()


def gradient_ratios() -> pd.DataFrame:
    """Digits, 56 layers: gradient norm of the first convolution over that of the last one, before and in training."""
    rows = {}
    for kind in ("plain", "A", "B", "C"):
        before = ", ".join(f"{ratio:,.0f}" for ratio in before_training(kind, 56))
        rows["plain" if kind == "plain" else f"shortcut {kind}"] = [before, "–", "–"]
    for name, kind in (("plain", "plain"), ("shortcut A", "A")):
        found = first_over_last(kind)
        later = found.loc[2:]
        least, most = (f"{value:.2f}" for value in (later.min().min(), later.max().max()))
        rows[name][1:] = [
            listed(found.loc[1], 3 if kind == "plain" else 1),
            f"{least} to {most}",
        ]
    columns = ["before training", "after 1 epoch", "after 2 to 60 epochs"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


NAMES = {"plain": "plain-56", "A": "residual-56"}


def norms_of_56() -> pd.DataFrame:
    """log10 of the gradient norm of each layer's weights, mean of three seeds: layers × (kind, epoch)."""
    table = published.read("degradation_gradients").query("depth == 56")
    logs = table.assign(log=np.log10(table["norm"]))
    return logs.pivot_table(index="layer", columns=["kind", "epoch"], values="log")


def film() -> dict:
    """What `film.js` shows of 60 epochs with 56 layers: gradient norm by layer, and training accuracy."""
    norms, ends = norms_of_56(), published.read("degradation")
    ends = ends.query("depth == 56 and lr == 0.05 and init == 'he'")
    correct = 100 * ends.pivot_table(index="epoch", columns="kind", values="train_accuracy")
    frames = []
    for epoch in map(int, norms["A"].columns):
        words = [f"{10 ** norms[kind, epoch][1]:.2g} in {name}" for kind, name in NAMES.items()]
        said = f"Epoch {epoch}: gradient norm of the first layer {words[0]}, {words[1]}."
        if epoch:
            said += f" Training accuracy: {correct['plain'][epoch]:.0f} and {correct['A'][epoch]:.0f} %."
        frames.append({"name": f"epoch {epoch}", "at": epoch, "words": said})
    lines = [{"name": name, "values": norms[kind].T.to_numpy()} for kind, name in NAMES.items()]
    ends = [{"name": name, "values": correct[kind]} for kind, name in NAMES.items()]
    gradients = {
        "kind": "lines", "title": "Gradient norm of each layer's weights", "x": norms.index, "share": 1.6, "log": True,
        "across": "layer (1 = at the image)", "up": phrase("gradient norm"), "series": lines,
    }  # fmt: skip
    accuracy = {
        "kind": "lines", "title": phrase("Training accuracy"), "x": correct.index, "across": phrase("epoch"), "low": 0, "high": 104,
        "up": "correct predictions, %", "unit": " %", "series": ends,
    }  # fmt: skip
    return {"frames": frames, "label": "epoch", "panels": [gradients, accuracy]}
