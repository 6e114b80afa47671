"""Explorers of notebook 06."""

from matplotlib.figure import Figure

from lecture8 import published
from lecture8.lessons.l06_resnet import pictures
from lecture8.teaching import Explorer, explorer


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
            epochs, last_layer = (
                runs["epoch"].max(),
                slopes["layer"].max() - 1,
            )  # the one after it is linear
            loss = runs[runs["epoch"] == epochs]["train_loss"]
            first, last = (
                slopes[slopes["layer"] == layer]["norm"].mean() for layer in (1, last_layer)
            )
            words.append(
                f"{name}: training loss {loss.mean():.3f} after {epochs} epochs, mean of {len(loss)} seeds; before "
                f"training the first convolution's gradient is {first / last:.3g} times the last one's."
            )
        return pictures.depth_comparison(curves, gradients, depth, shortcut), " ".join(words)

    depths = sorted(int(d) for d in curves["depth"].unique())
    return Explorer(draw, {"depth": depths, "shortcut": ["A", "B", "C"]}, start={"depth": 56})
