"""Explorers of notebook 03."""

import torch
from matplotlib.figure import Figure
from torch.nn import functional as F

from lecture8 import published
from lecture8.lessons.l03_zfnet import clutter, pictures, waves
from lecture8.teaching import Explorer, explorer

LAYERS = {"AlexNet: 11 × 11, stride 4": (11, 4), "ZFNet: 7 × 7, stride 2": (7, 2)}


@explorer
def aliasing() -> Explorer:
    """A sine grating through AlexNet's first convolution or ZFNet's: what the feature map keeps."""
    generator = torch.Generator().manual_seed(0)
    kernels = {
        size: torch.randn(1, 1, size, size, generator=generator) for size, _ in LAYERS.values()
    }

    def draw(across: int, down: int, layer: str) -> tuple[Figure, str]:
        size, stride = LAYERS[layer]
        image = waves.grating(across, down)
        # wrapped around, so that the wave has no edge
        wrapped = F.pad(image[None, None], [size // 2] * 4, mode="circular")
        every_pixel = F.conv2d(wrapped, kernels[size])[0, 0]
        kept = every_pixel[::stride, ::stride]  # what the stride leaves of it
        seen = waves.strongest(kept)
        limit = len(kept) // 2
        verdict = (
            "As in the image." if seen == (across, down) else
            "Folded: the feature map shows a wave that is not in the image." if max(across, down) > limit else
            "At the limit: two values for each period, so that the direction is lost."
        )  # fmt: skip
        side, wide, high = len(kept), seen[0], abs(seen[1])
        text = [
            f"Stripes in the image: {across} across and {down} down.",
            f"In the feature map of {side} × {side} values: {wide} across and {high} down, tilted the other way."
            if seen[1] < 0
            else f"In the feature map of {side} × {side} values: {wide} across and {high} down.",
            verdict,
        ]
        return pictures.sampled(image, every_pixel, kept, stride), " ".join(text)

    return Explorer(
        draw,
        {"across": list(range(1, 32)), "down": [0, 2, 4, 6], "layer": list(LAYERS)},
        start={"across": 6},
        labels={"across": "stripes across", "down": "stripes down"},
    )


@explorer
def occlusion() -> Explorer:
    """The gray square on a few test images, for networks trained without and with marks, from loaded runs."""
    maps, header = published.read("occlusion"), published.provenance("occlusion")
    square = int(header["square"])
    trained = {"images without marks": "plain", "images with marks": "marked"}
    plain = clutter.cluttered_digits()
    images = {
        "plain": plain.test.pixels[:, 0],
        "marked": clutter.planted(plain, clutter.mark).test.pixels[:, 0],
    }
    classes = [name for name in maps.columns if name.isdigit()]
    rows = maps[["image", "label"]].drop_duplicates()
    picks = {
        f"a {label}": image for image, label in zip(rows["image"], rows["label"], strict=True)
    }

    def draw(net: str, image: str, top: int, left: int) -> tuple[Figure, str]:
        rows = maps[(maps["trained on"] == trained[net]) & (maps["image"] == picks[image])]
        label = int(rows["label"].iloc[0])
        here = rows[(rows["top"] == top) & (rows["left"] == left)][classes].to_numpy()[0]
        table = rows.pivot(index="top", columns="left", values=str(label)).to_numpy()
        best = int(here.argmax())
        p = here[label]
        text = [
            f"The square covers rows {top} to {top + square - 1}, columns {left} to {left + square - 1}.",
            f"p({label}) = {p:.2f}; the network says {best}."
            if best == label
            else f"p({label}) = {p:.2f}; the network says {best}, which is wrong.",
            f"At the worst place p({label}) is {table.min():.2f}.",
        ]
        return pictures.covered(
            images[trained[net]][picks[image]], here, table, (top, left), square, label
        ), " ".join(text)

    places = sorted(int(place) for place in maps["top"].unique())
    return Explorer(
        draw,
        {"net": list(trained), "image": list(picks), "top": places, "left": places},
        start={"top": places[len(places) // 2], "left": places[len(places) // 2]},
        labels={"net": "trained on", "top": "square: down", "left": "square: right"},
    )
