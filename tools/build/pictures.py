"""Compares the pictures in two sets of outputs, which nbval never looks at."""

import base64
import io
from itertools import zip_longest

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

PICTURES = ("image/png", "image/jpeg")
MEASURED = "measured"  # the tag of a cell that draws what was trained: other processors round otherwise
TILE = 8  # pixels: the tiles are compared, so that a line half a pixel further on is the same picture
TOLERANCE = 0.1  # of the range from black to white, in one tile


def pictures(outputs: list) -> list[str]:
    """The pictures in a cell's outputs, in base64."""
    return [out["data"][kind] for out in outputs for kind in PICTURES if kind in out.get("data", {})]


def smaller(picture: str) -> str:
    """An opaque PNG picture in base64 with a palette of 256 colors, which takes less than half the space.

    The same picture where that would show, as with several photographs in one.
    """
    full = Image.open(io.BytesIO(base64.b64decode(picture)))
    if full.mode not in ("RGB", "RGBA") or full.convert("RGBA").getextrema()[3][0] < 255:
        return picture
    about = PngInfo()
    about.add_text("Software", full.info.get("Software", ""))
    for method in (Image.Quantize.MEDIANCUT, Image.Quantize.MAXCOVERAGE):  # the latter is closer for photographs
        file = io.BytesIO()
        few = full.convert("RGB").quantize(256, method=method)
        few.save(file, "png", optimize=True, pnginfo=about, dpi=full.info.get("dpi", (100, 100)))
        small = base64.b64encode(file.getvalue()).decode("ascii")
        if len(small) < len(picture) and difference(picture, small) < TOLERANCE / 2:
            return small
    return picture


def difference(saved: str, new: str, *, shape_only: bool = False) -> float:
    """The largest difference between two pictures over tiles of 8 x 8 pixels, 0 to 1; 1 if their shapes differ.

    0 if two versions of matplotlib drew them: they set text differently.
    shape_only: nothing but the shapes counts, for curves that another processor draws a little differently
    """
    a, b = (Image.open(io.BytesIO(base64.b64decode(text))) for text in (saved, new))
    if a.info.get("Software") != b.info.get("Software"):
        return 0.0
    if max(abs(a.width - b.width), abs(a.height - b.height)) > 2:
        return 1.0
    if shape_only:
        return 0.0
    size = (max(1, a.width // TILE), max(1, a.height // TILE))
    tiles = [np.asarray(picture.convert("RGB").resize(size, Image.Resampling.BOX), float) / 255 for picture in (a, b)]
    return float(np.abs(tiles[0] - tiles[1]).max())


def complaint(saved: list, new: list, *, shape_only: bool = False) -> str:
    """One sentence if the pictures of two lists of outputs differ, else ''."""
    for number, pair in enumerate(zip_longest(pictures(saved), pictures(new)), 1):
        if None in pair:
            return f"{len(pictures(saved))} pictures are saved, {len(pictures(new))} were drawn now"
        if (found := difference(*pair, shape_only=shape_only)) > TOLERANCE:
            return f"picture {number} is not the saved one: they differ by {found:.2f}, at most {TOLERANCE} is allowed"
    return ""
