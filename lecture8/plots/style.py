"""The look of all figures: one color and one dash pattern per kind of network, one color per kind of layer.

The colors are the same in every lesson, and all distinct without color vision.
"""

import io
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, BLACK = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000",
)  # fmt: skip
GRAY = "#767676"

NETWORK_COLORS = {"plain": ORANGE, "residual": BLUE}
LAYER_COLORS = {"conv": BLUE, "pool": YELLOW, "linear": ORANGE, "norm": SKY, "other": GRAY}
MOST_WORDS = 600  # characters of an alternative text
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))


def use_style() -> None:
    """The course's look for all figures from here on."""
    mpl.style.use(Path(__file__).with_name("lecture8.mplstyle"))


def png(figure: Figure) -> bytes:
    """The figure as a PNG file's bytes; the figure is closed."""
    buffer = io.BytesIO()
    # packed less hard than usual: a file is 10 to 20 % larger, and saved in a tenth less time
    figure.savefig(buffer, format="png", pil_kwargs={"compress_level": 3})
    plt.close(figure)
    return buffer.getvalue()


def in_words(figure: Figure) -> str:
    """What is written in a figure, for those who have it read to them: titles, axes, words beside what is drawn.

    At most MOST_WORDS characters, then an ellipsis. Without any word: how many pictures there are.
    """
    said = [figure.get_suptitle()]
    for ax in figure.axes:
        if not ax.get_visible():
            continue
        said.append(ax.get_title("left") or ax.get_title() or ax.get_title("right"))
        said += [f"{name}: {label}" for name, label in (("Across", ax.get_xlabel()), ("Up", ax.get_ylabel())) if label]
        legend = ax.get_legend()
        up = ax.get_yticklabels()[:: 1 if ax.yaxis_inverted() else -1]  # from the top
        ticks = [*ax.get_xticklabels(), *up] if ax.axison else []  # those with words are names of bars
        beside = [*ticks, *ax.texts, *(legend.get_texts() if legend else ())]
        words = dict.fromkeys(" ".join(text.get_text().split()) for text in beside if text.get_visible())
        # no numbers, and none of the formulas that a logarithmic axis has
        said.append(", ".join(word for word in words if "$" not in word and any(map(str.isalpha, word))))
    sentences = [" ".join(part.split()).rstrip(".") for part in dict.fromkeys(said) if part.strip()]
    count = len(figure.axes)
    text = ". ".join(sentences) or f"{count} picture{'s' * (count != 1)} without words"
    return text + "." if len(text) < MOST_WORDS else text[: MOST_WORDS - 1].rsplit(" ", 1)[0] + " …"


def describe_figures() -> None:
    """Has the figures of this notebook bring `in_words` along: as `alt`, in the metadata of their output.

    JupyterLab does not look at it; web pages and slides made from the notebook do. Outside of a notebook: nothing.
    """
    try:
        import matplotlib_inline.backend_inline  # noqa: F401  it decides how figures are drawn: before us, not after
        from IPython import get_ipython

        formatter = get_ipython().display_formatter.formatters["image/png"]
        draw = formatter.lookup_by_type(Figure)
    except (ImportError, AttributeError, KeyError):
        return  # no notebook, or one that shows figures in another format
    if getattr(draw, "__name__", "") == "described":
        return  # done before

    def described(figure):
        made = draw(figure)
        picture, more = made if isinstance(made, tuple) else (made, {})
        return picture and (picture, {**more, "alt": in_words(figure)})

    formatter.for_type(Figure, described)


def axes(ax, **kwargs):
    """(figure, axes): those given, or new ones with the options of `plt.subplots`."""
    return plt.subplots(**kwargs) if ax is None else (ax.figure, ax)


def short(number: float) -> str:
    """A number to three digits, with a letter for its size: 12,345,678 -> '12.3 M'."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= 0.9995 * size:  # 999,999 is 1 M, not 1000 k
            return f"{number / size:.3g} {letter}"
    return f"{number:.3g}"
