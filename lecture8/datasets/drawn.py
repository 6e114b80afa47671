"""Sets that need no download: handwritten digits, drawn characters and gratings, and three photographs.

All randomness comes from generators made here: the same seed gives the same images on every machine.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lecture8 import checks
from lecture8.datasets.tensors import Data, assemble, stratified, to_bytes


def digits(size: int = 16) -> Data:
    """1,797 handwritten digits: 1,297 to train on, 200 (20 of each) to validate, 300 (30 of each) to test.

    The split is always the same. Everyone who wrote digits is in all three parts, so the test says how well
    the digits of known writers are read. Source: UCI optical recognition of handwritten digits, the 8 × 8 scans
    bundled with scikit-learn, enlarged bilinearly to `size` pixels.
    """
    from sklearn.datasets import load_digits

    checks.whole(size=size)
    scans, labels = load_digits(return_X_y=True)  # 64 gray levels per scan, 0…16
    images = torch.tensor(scans, dtype=torch.float32).view(-1, 1, 8, 8) / 16
    pixels = to_bytes(F.interpolate(images, size=(size, size), mode="bilinear"))
    labels = torch.tensor(labels, dtype=torch.int64)
    parts = stratified(labels, lambda count: (20, 30))
    return assemble([(pixels[part], labels[part]) for part in parts], "0123456789", "digits")


# All faces of DejaVu that matplotlib ships, but for the two Display faces, which lack letters and digits.
_FAMILIES = {"Sans": "Oblique", "SansMono": "Oblique", "Serif": "Italic"}  # and what the slanted ones are called
_FACES = [f"DejaVu{f}{style}" for f, i in _FAMILIES.items() for style in ("", "-Bold", f"-{i}", f"-Bold{i}")]
_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def glyphs(size: int = 16, per_class: int = 100, seed: int = 0, *, characters: str = _CHARACTERS) -> Data:
    """Printed digits and capitals in 36 classes: `per_class` of each to train on, a fifth as many to validate and test.

    Each is drawn in one of twelve DejaVu faces with a random size (55 to 85 % of the picture's height), rotation
    (up to 15°), position, ink and paper (dark on light or light on dark) and noise, and always lies wholly inside.
    All splits use all faces, each with random numbers of its own: the test says how well new drawings of known
    faces are read, and a face of another family is read far less well.
    characters: the classes, if not all are wanted. Raises ValueError for one that is not among the 36, or comes twice.
    """
    checks.whole(size=size)
    checks.whole(least=0, most=2**60, seed=seed)
    checks.kind(str, f"some of {_CHARACTERS}", characters=characters)
    if len(characters) < 2 or not set(characters) <= set(_CHARACTERS) or len(set(characters)) < len(characters):
        raise ValueError(f"given characters={characters!r}; expected two or more of {_CHARACTERS}, each once")
    rows = [_CHARACTERS.index(character) for character in characters]
    atlas, extents = (table[rows] for table in _glyph_atlas(3 * size))
    return _generated(partial(_draw_glyphs, atlas, extents, size), per_class, seed, characters, "glyphs")


def _glyph_atlas(cell: int) -> tuple[Tensor, Tensor]:
    """Every character in every face, centered (36 × 12 × cell × cell, 0…1), and its width and height (36 × 12 × 2)."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    atlas = torch.zeros(len(_CHARACTERS), len(_FACES), cell, cell)
    extents = torch.zeros(len(_CHARACTERS), len(_FACES), 2)
    for column, face in enumerate(_FACES):
        # the widest, a bold W, is 1.2 times as wide as the font size
        font = ImageFont.truetype(str(folder / f"{face}.ttf"), round(cell / 1.25), layout_engine=ImageFont.Layout.BASIC)
        for row, character in enumerate(_CHARACTERS):
            left, top, right, bottom = font.getbbox(character)
            picture = Image.new("L", (cell, cell))
            corner = ((cell - left - right) / 2, (cell - top - bottom) / 2)
            ImageDraw.Draw(picture).text(corner, character, fill=255, font=font)
            atlas[row, column] = torch.from_numpy(np.array(picture)) / 255
            extents[row, column] = torch.tensor([right - left, bottom - top]) / cell
    return atlas, extents


def _draw_glyphs(atlas, extents, size, labels, generator) -> Tensor:
    """Drawings of the characters `labels`, N × 1 × size × size in 0…1."""
    count = len(labels)
    faces = torch.randint(0, len(_FACES), (count,), generator=generator)
    height, turn, shift_x, shift_y = 2 * torch.rand(4, count, 1, 1, generator=generator) - 1
    angle = math.radians(15) * turn
    cos, sin = angle.cos(), angle.sin()
    half_width, half_height = extents[labels, faces].view(count, 2, 1, 1).unbind(1)
    # how far the drawing reaches from its middle once rotated; 1 is half the picture
    reach_x = half_width * cos + half_height * sin.abs()
    reach_y = half_width * sin.abs() + half_height * cos
    scale = torch.minimum((0.7 + 0.15 * height) / half_height, 0.9 / torch.maximum(reach_x, reach_y))
    # where in its atlas cell each point of the picture lies: shift, rotate and scale backwards;
    # two points per pixel and direction, averaged below, keep thin strokes smooth
    points = (torch.arange(2 * size) + 0.5) / size - 1
    x = points - shift_x * (0.9 - scale * reach_x)  # N × 1 × points
    y = points[:, None] - shift_y * (0.9 - scale * reach_y)  # N × points × 1
    grid = torch.stack([cos * x + sin * y, cos * y - sin * x], dim=-1) / scale[..., None]
    ink = F.avg_pool2d(F.grid_sample(atlas[labels, faces][:, None], grid, align_corners=False), 2)
    # two gray levels at least 0.45 apart, in either order
    dark, gap, noise = torch.rand(3, count, 1, 1, 1, generator=generator)
    gap = 0.45 + 0.55 * gap
    dark = dark * (1 - gap)
    ink = torch.where(torch.rand(count, 1, 1, 1, generator=generator) < 0.5, ink, 1 - ink)
    return dark + gap * ink + 0.08 * noise * torch.randn(ink.shape, generator=generator)


def textures(size: int = 16, per_class: int = 100) -> Data:
    """Sine gratings in 12 classes, 6 orientations × coarse or fine; split sizes as in `glyphs`, always the same images.

    The stripes run at 0°, 30° … 150° (± 5°) to the horizontal, 2.5 or 5 (± 10 %) of them across the picture, with
    random phase, contrast and brightness and white noise.
    """
    checks.whole(size=size)
    classes = [f"{kind} {angle}°" for kind, angle in product(("coarse", "fine"), range(0, 180, 30))]
    return _generated(partial(_draw_gratings, size), per_class, 0, classes, "textures")


def _draw_gratings(size, labels, generator) -> Tensor:
    count = len(labels)
    turn, stretch, phase, contrast, brightness = 2 * torch.rand(5, count, 1, 1, 1, generator=generator) - 1
    fine, orientation = (labels // 6).view(-1, 1, 1, 1), (labels % 6).view(-1, 1, 1, 1)
    angle = torch.deg2rad(30 * orientation + 5 * turn)
    stripes = 2.5 * 2**fine * (1 + 0.1 * stretch)
    across = (torch.arange(size) + 0.5) / size
    y, x = torch.meshgrid(across, across, indexing="ij")  # y points down, so a positive angle rises to the right
    wave = torch.sin(2 * math.pi * stripes * (x * angle.sin() + y * angle.cos()) + math.pi * phase)
    contrast = 0.25 + 0.1 * contrast
    noise = 0.1 * torch.randn(wave.shape, generator=generator)
    return 0.5 + 0.1 * brightness + contrast * wave + noise


def sample_photos() -> dict[str, Tensor]:
    """Three photographs by name, uint8 3 × H × W: "china" and "flower" (scikit-learn), "grace_hopper" (matplotlib)."""
    import matplotlib
    from PIL import Image
    from sklearn.datasets import load_sample_image

    photos = {name: load_sample_image(f"{name}.jpg") for name in ("china", "flower")}
    with Image.open(Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")) as image:
        photos["grace_hopper"] = np.array(image.convert("RGB"))
    return {name: torch.tensor(photo).permute(2, 0, 1).contiguous() for name, photo in photos.items()}


def _generated(draw: Callable, per_class: int, seed: int, classes: Sequence[str], name: str) -> Data:
    """Three splits drawn by `draw(labels, generator)`, each from a random stream of its own."""
    checks.whole(per_class=per_class)
    held_out = max(1, per_class // 5)
    parts = []
    for stream, count in enumerate((per_class, held_out, held_out)):
        labels = torch.arange(count * len(classes)) % len(classes)
        generator = torch.Generator().manual_seed(3 * seed + stream)
        images = torch.cat([draw(some, generator) for some in labels.split(500)])  # keeps the working memory small
        parts.append((to_bytes(images), labels))
    return assemble(parts, classes, name)
