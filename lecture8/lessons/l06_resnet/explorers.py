"""Explorers of notebook 06."""

from matplotlib.figure import Figure

from lecture8 import datasets, published
from lecture8.lessons.l06_resnet import pictures, runs
from lecture8.teaching import Explorer, explorer


@explorer
def suspects() -> Explorer:
    """Plain-56 on digits: another learning rate, other initial weights. From loaded runs."""
    table = published.read("degradation")
    settings = pictures.settings_of_56(longer=False)
    same = table[(table["lr"] == 0.05) & (table["init"] == "he") & (table["kind"] == "plain")]
    twenty = same[same["depth"] == 20].pivot(index="seed", columns="epoch", values="train_loss")
    numbers = {"seed 0": 0, "seed 1": 1, "seed 2": 2}

    def draw(setting: str, seed: str) -> tuple[Figure, str]:
        rows, chosen = settings[setting], f"{setting}, all seeds"
        if seed in numbers:
            rows = rows[rows["seed"] == numbers[seed]]
            chosen = f"{setting}, seed {numbers[seed]}"
        learned = 100 * rows["end_train_accuracy"].dropna()
        said = ", ".join(f"{one:.0f}" for one in learned)
        words = f"plain-56, {chosen}: after 60 epochs {said} % of the training images are classified correctly. "
        words += "plain-20 (He, rate 0.05) learns 100 % with every seed."
        return pictures.one_setting(rows, {"plain-20": twenty.to_numpy()}, setting), words

    controls = {"setting": list(settings), "seed": ["all seeds", *numbers]}
    start = {"setting": "He (fan-out), rate 0.05"}
    return Explorer(draw, controls, start=start)


@explorer
def depth() -> Explorer:
    """Plain against residual for any depth and shortcut, from loaded runs."""

    def draw(depth: int, shortcut: str) -> tuple[Figure, str]:
        kinds = ["plain", shortcut]
        losses = [runs.listed(runs.last_loss(kind, depth), 3) for kind in kinds]
        before = [runs.before_training(kind, depth) for kind in kinds]
        ratios = [", ".join(f"{ratio:,.0f}" for ratio in ratios) for ratios in before]
        words = (
            f"plain-{depth}, three seeds: training loss {losses[0]} after 12 epochs; before training the first convolution's "
            f"gradient norm is {ratios[0]} times the last one's. residual-{depth} with shortcut {shortcut}, three seeds: "
            f"training loss {losses[1]} after 12 epochs; before training the first convolution's gradient norm is {ratios[1]} "
            "times the last one's."
        )
        return pictures.by_shortcut(depth, kinds), words

    depths = sorted(int(d) for d in published.read("digits_depth")["depth"].unique())
    return Explorer(draw, {"depth": depths, "shortcut": ["A", "B", "C"]}, start={"depth": 56})


@explorer
def removal() -> Explorer:
    """Two trained networks of 20 layers, of which one or two blocks are replaced by the identity. From loaded runs."""
    table = published.read("block_removal").set_index(["kind", "first", "second"])
    digits, names = datasets.digits(size=8).test, {"plain-20": "plain", "residual-20": "A"}
    images, labels = digits.pixels[:20, 0], digits.labels[:20].tolist()
    removable = {"none": 0} | {
        str(n): n for n in sorted(set(table.index.get_level_values(1)) - {0})
    }

    def draw(network: str, first: str, second: str) -> tuple[Figure, str]:
        blocks = sorted({removable[first], removable[second]} - {0})
        row = table.loc[(names[network], *[*blocks, 0, 0][:2])]
        said = [int(answer) for answer in row["said"][1:]]
        wrong = [answer != label for answer, label in zip(said, labels, strict=True)]
        listed = str(blocks[0]) if blocks else "none"
        if len(blocks) == 2:
            listed = f"{blocks[0]} and {blocks[1]}"
        elif first == second != "none":
            listed = f"{first} (named twice)"
        words = (
            f"{network} without retraining, block removed: {listed}. {100 * row['test_accuracy']:.1f} % of 300 test images are "
            f"classified correctly; of these 20, {20 - sum(wrong)}."
        )
        return pictures.answers_of(images, [str(one) for one in said], wrong), words

    controls = {"network": list(names), "first": list(removable), "second": list(removable)}
    start = {"network": "residual-20", "first": "3"}
    return Explorer(
        draw, controls, start=start, labels={"first": "remove block", "second": "and"}
    )
