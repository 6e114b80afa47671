"""Labels beside what they name, clear of bubbles, lines and each other."""

import itertools
import math
from collections.abc import Mapping, Sequence


from lecture8.plots import BLACK, GRAY


def place_labels(
    ax,
    points: Mapping[str, tuple[float, float]],
    radii: Sequence[float],
    *,
    bold: str = "",
    gray: Sequence[str] = (),
) -> list:
    """Writes each point's name where it covers neither a bubble nor another name, as near as that can be.

    ax: with its final limits and size; radii: of the points' bubbles, in points of 1/72 inch. Lines that are drawn
    already are avoided where that is easy. A name that stands away from its bubble is tied to it by a thin line.
    Returns the texts.
    """
    scale = ax.figure.dpi / 72
    centers = ax.transData.transform(list(points.values()))
    circles = [(x, y, radius * scale) for (x, y), radius in zip(centers, radii, strict=True)]
    lines = [
        box for line in ax.lines if len(line.get_xdata()) > 1 for box in _segments(ax, line)
    ]
    frame, taken, texts = ax.get_window_extent().extents.tolist(), [], []
    back = ax.transData.inverted()
    crowding = [
        sum(math.hypot(x - a, y - b) < 90 for a, b, _ in circles) for x, y, _ in circles
    ]
    names = list(points)
    for i in sorted(
        range(len(names)), key=lambda i: -crowding[i]
    ):  # those with close neighbors choose first
        text = ax.text(0, 0, names[i], fontsize=9.5, color=GRAY if names[i] in gray else BLACK, ha="center",
                       va="center", fontweight="bold" if names[i] == bold else "normal", zorder=4)  # fmt: skip
        extent = text.get_window_extent()
        box, distance = _free_place(
            circles[i], (extent.width + 4, extent.height + 2), taken, circles, lines, frame
        )
        taken.append(box)
        text.set_position(back.transform(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)))
        texts.append(text)
        if distance > 8:
            _tie(ax, circles[i], box)
    return texts


def _segments(ax, line) -> list[tuple[float, float, float, float]]:
    """The horizontal and vertical parts of a line of steps, as boxes of pixels."""
    if not line.get_drawstyle().startswith("steps"):
        return []
    ends = ax.transData.transform(line.get_xydata())
    boxes = []
    for (x, y), (a, b) in itertools.pairwise(ends):
        boxes += [(x, y - 1, a, y + 1), (a - 1, min(y, b), a + 1, max(y, b))]
    return boxes


def _free_place(
    circle, size, taken, circles, lines, frame
) -> tuple[tuple[float, float, float, float], float]:
    """The nearest box of this size beside a bubble that covers nothing, and how far from the bubble it is."""
    (x, y, radius), (width, height) = circle, size
    best = (math.inf, None, 0)
    for distance in (2, 8, 16, 26, 38, 52, 70, 90, 120):
        if best[0] < distance:
            break
        for step in range(16):
            across, up = math.cos(math.pi / 8 * step), math.sin(math.pi / 8 * step)
            price = distance + 3 * abs(up) + 2 * (across < -0.1)
            if price >= best[0]:
                continue
            middle = (
                x + across * (radius + distance + width / 2),
                y + up * (radius + distance + height / 2),
            )
            box = (
                middle[0] - width / 2,
                middle[1] - height / 2,
                middle[0] + width / 2,
                middle[1] + height / 2,
            )
            price += 1000 * _faults(box, taken, frame) + 12 * sum(
                _meet(box, line) for line in lines
            )
            if price >= best[0]:  # most are: what follows is the slow part
                continue
            gaps = [_gap(box, other) for other in circles]
            price += 1000 * sum(gap < 0 for gap in gaps)
            price += 30 * (min(gaps) < _gap(box, circle) - 0.5)  # not another's name
            if price < best[0]:
                best = price, box, distance
    return best[1], best[2]


def _meet(one, other) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _gap(box, circle) -> float:
    """Pixels between a box and a bubble; below 0 if they meet."""
    x, y, radius = circle
    across = (
        box[0] - x if x < box[0] else x - box[2] if x > box[2] else 0
    )  # plain comparisons: max() is slower here
    up = box[1] - y if y < box[1] else y - box[3] if y > box[3] else 0
    return math.hypot(across, up) - radius


def _faults(box, taken, frame) -> int:
    """How many names a box covers, and whether it leaves the frame."""
    left, low, right, top = box
    found = sum(_meet(box, other) for other in taken)
    return found + (left < frame[0] or right > frame[2] or low < frame[1] or top > frame[3])


def _tie(ax, circle, box) -> None:
    """A thin line from a bubble's edge to the nearest point of a name's box."""
    x, y, radius = circle
    to = min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3])
    length = math.hypot(to[0] - x, to[1] - y) or 1
    start = x + (to[0] - x) * radius / length, y + (to[1] - y) * radius / length
    ends = ax.transData.inverted().transform([start, to])
    ax.plot(*ends.T, color=GRAY, linewidth=0.8, zorder=1)


# --- measured ------------------------------------------------------------------------------------------------------
