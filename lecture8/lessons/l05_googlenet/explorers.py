"""Explorers of notebook 05."""

from functools import cache

import torch
from matplotlib.figure import Figure

from lecture8 import complexity
from lecture8.lessons.l05_googlenet import modules, pictures
from lecture8.teaching import Explorer, explorer
from lecture8.models.googlenet import MODULES

# where each module stands: channels in, height and width; the lecture's example first
PLACES = {
    "example": (256, 28), "3a": (192, 28), "3b": (256, 28), "4a": (480, 14), "4b": (512, 14), "4c": (512, 14),
    "4d": (512, 14), "4e": (528, 14), "5a": (832, 7), "5b": (832, 7),
}  # fmt: skip
WIDTHS = {"example": (128, 64, 192, 64, 96, 64), **MODULES}


@explorer
def module() -> Explorer:
    """Reductions of an inception module -> its cost and output channels, beside the naive one and Table 1's."""

    def draw(module: str, reduce3, reduce5, pool) -> tuple[Figure, str]:
        (c_in, side), widths = PLACES[module], WIDTHS[module]
        one, _, three, _, five, _ = widths
        profiles = {
            "naive": _profile(c_in, side, one, "none", three, "none", five, "none"),
            "yours": _profile(c_in, side, one, reduce3, three, reduce5, five, pool),
            "the slide's" if module == "example" else "Table 1's": _profile(
                c_in, side, *widths
            ),
        }
        naive, yours = profiles["naive"], profiles["yours"]
        channels = yours.output_size[0]
        parts = modules.costs(yours)
        costliest = max(parts, key=parts.get)
        text = (
            f"{c_in} channels of {side} × {side} go in. Yours: {yours.macs:,} multiply-adds, "
            f"{yours.macs / naive.macs:.0%} of the naive module's {naive.macs:,}. "
            f"Most expensive part: {_said(costliest)}, {parts[costliest] / yours.macs:.0%}. "
            f"{channels} channels come out (naive: {naive.output_size[0]}), so that each 1 × 1 kernel of a next module "
            f"has {channels} weights."
        )
        return pictures.module_costs(profiles), text

    reductions = ["none", 16, 32, 64, 96, 128, 192, 256]
    return Explorer(
        draw,
        {
            "module": list(PLACES),
            "reduce3": reductions,
            "reduce5": reductions,
            "pool": ["none", 32, 64, 128, 256],
        },
        labels={
            "reduce3": "reduce before 3 × 3",
            "reduce5": "reduce before 5 × 5",
            "pool": "project the pooling",
        },
    )


@cache
def _profile(c_in: int, side: int, *widths) -> complexity.Profile:
    with torch.device("meta"):
        return complexity.profile(modules.designed(c_in, *widths), (c_in, side, side))


def _said(part: str) -> str:
    branch = pictures.BRANCHES[part.partition(".")[0]]
    return (
        f"the reduction before {branch}"
        if part.endswith("reduce")
        else f"the {branch} branch's own convolution"
    )
