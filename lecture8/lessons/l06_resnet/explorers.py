"""Explorers of notebook 06."""

import numpy as np
import torch
from matplotlib.figure import Figure

from lecture8 import datasets, models, published, transfer
from lecture8.lessons.l06_resnet import pictures
from lecture8.teaching import Explorer, explorer


@explorer
def suspects() -> Explorer:
    """Plain-56 on digits: another learning rate, other initial weights. From loaded runs."""
    table = published.read("degradation")
    settings = pictures.settings_of_56(table)
    same = table[(table["lr"] == 0.05) & (table["init"] == "he") & (table["kind"] == "plain")]
    twenty = same[same["depth"] == 20].pivot(index="seed", columns="epoch", values="train_loss")
    seeds = {"seed 0": 0, "seed 1": 1, "seed 2": 2}

    def draw(setting: str, seed: str) -> tuple[Figure, str]:
        runs = settings[setting]
        if seed != "all seeds":
            runs = runs[runs["seed"] == seeds[seed]]
        learned = 100 * runs["end_train_accuracy"].dropna()
        said = ", ".join(f"{one:.0f}" for one in learned)
        words = f"plain-56, {setting}, {seed}: after 60 epochs {said} % of the training images are classified correctly. "
        words += "plain-20 (He, rate 0.05) learns 100 % with every seed."
        return pictures.one_setting(runs, {"plain-20": twenty.to_numpy()}, setting), words

    controls = {"setting": list(settings), "seed": ["all seeds", *seeds]}
    start = {"setting": "He (fan-out), rate 0.05"}
    return Explorer(draw, controls, start=start)


@explorer
def depth() -> Explorer:
    """Plain against residual for any depth and shortcut, from loaded runs."""
    curves, gradients = published.read("digits_depth"), published.read("digits_gradients")

    def draw(depth: int, shortcut: str) -> tuple[Figure, str]:
        words = []
        for kind, name in (
            ("plain", f"plain-{depth}"),
            (shortcut, f"residual-{depth} with shortcut {shortcut}"),
        ):
            runs, slopes = (
                t[(t["kind"] == kind) & (t["depth"] == depth)] for t in (curves, gradients)
            )
            epochs, last = runs["epoch"].max(), slopes["layer"].max() - 1  # then the linear one
            loss = runs[runs["epoch"] == epochs]["train_loss"]
            first, end = (slopes[slopes["layer"] == at]["norm"].mean() for at in (1, last))
            words.append(
                f"{name}: training loss {loss.mean():.3f} after {epochs} epochs, mean of {len(loss)} seeds; before "
                f"training the first convolution's gradient norm is {first / end:.3g} times the last one's."
            )
        kinds = ["plain", shortcut]
        return pictures.by_shortcut(curves, gradients, depth, kinds), " ".join(words)

    depths = sorted(int(d) for d in curves["depth"].unique())
    return Explorer(draw, {"depth": depths, "shortcut": ["A", "B", "C"]}, start={"depth": 56})


class Without(torch.nn.Module):
    """A residual block of which only the shortcut is left."""

    def __init__(self, block):
        super().__init__()
        self.shortcut = block.shortcut

    def forward(self, x):
        return self.shortcut(x).relu()


@explorer
def removal() -> Explorer:
    """What a trained ResNet-20 says about ten photographs when one or two blocks add nothing."""
    photos = datasets.animals(96)
    small = {name: photo for name, photo in datasets.animals(32).items()}
    net = models.small.resnet20(weights="cifar10").eval()
    places = [
        (stage, name)
        for stage in ("conv2_x", "conv3_x", "conv4_x")
        for name, _ in net.features.get_submodule(stage).named_children()
    ]

    def said_without(blocks: set[int]) -> list[str]:
        whole = {place: net.features.get_submodule(".".join(place)) for place in places}
        for i in blocks:
            net.features.set_submodule(".".join(places[i - 1]), Without(whole[places[i - 1]]))
        try:
            return transfer.recognize(net, small, size=32, like="cifar10")
        finally:
            for place, block in whole.items():
                net.features.set_submodule(".".join(place), block)

    complete = [words.split(",")[0] for words in said_without(set())]
    names = {"none": 0} | {f"block {i}": i for i in range(1, len(places) + 1)}

    def draw(first: str, second: str) -> tuple[Figure, str]:
        blocks = {names[first], names[second]} - {0}
        said = said_without(blocks)
        changed = [
            words.split(",")[0] != before for words, before in zip(said, complete, strict=True)
        ]
        listed = " and ".join(str(block) for block in sorted(blocks)) or "none"
        words = f"Removed: {listed} of 9 blocks (the shortcut stays). {len(said) - sum(changed)} of {len(said)} answers are as "
        words += "those of the whole network: " + "; ".join(said) + "."
        return pictures.answers_of(
            [np.asarray(photo) for photo in photos.values()], said, changed
        ), words

    controls = {"first": list(names), "second": list(names)}
    labels = {"first": "remove", "second": "and"}
    return Explorer(draw, controls, start={"first": "block 3"}, labels=labels)
