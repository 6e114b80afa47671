"""The table of all networks: registered means listed, buildable by name, and tested."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lecture8.models.layers import Network


@dataclass(frozen=True)
class Architecture:
    """One named network: how to build it, where it comes from, and the facts the tests hold it to."""

    name: str
    builder: Callable[..., Network]
    paper: str  #: authors, title, venue, arXiv number
    year: int
    input_size: tuple[int, int, int]  #: channels × height × width of the paper's images
    depth: int  #: weight layers on the longest path, projection shortcuts not counted
    params: int  #: trainable numbers, recomputed by the tests
    macs: int  #: multiply-adds of convolutions and linear layers for one image, recomputed by the tests
    published: Mapping[str, str] = field(default_factory=dict)  #: what the paper prints -> "value (where)"

    def __str__(self) -> str:
        return (
            f"{self.name} ({self.year}): {self.depth} weight layers, {self.params:,} parameters, "
            f"{self.macs:,} multiply-adds at {' × '.join(map(str, self.input_size))}"
        )


ARCHITECTURES: dict[str, Architecture] = {}


def register(**facts) -> Callable[[Callable[..., Network]], Callable[..., Network]]:
    """Decorator that enters a builder into `ARCHITECTURES` under its own name; `facts` as in `Architecture`."""

    def enter(builder: Callable[..., Network]) -> Callable[..., Network]:
        name = builder.__name__
        if name in ARCHITECTURES:
            raise ValueError(f"a network named {name!r} is registered already; give the new one another name")
        ARCHITECTURES[name] = Architecture(name=name, builder=builder, **facts)
        return builder

    return enter


def build(name: str, **options) -> Network:
    """The network registered under `name`, with fresh random weights; `options` go to its builder.

    Raises ValueError for a name or an option that does not exist, and says which do.
    """
    if name not in ARCHITECTURES:
        close = difflib.get_close_matches(str(name).lower(), ARCHITECTURES, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(f"unknown network {name!r}: {hint}choose from {', '.join(ARCHITECTURES)}")
    builder = ARCHITECTURES[name].builder
    allowed = list(inspect.signature(builder).parameters)
    for option in options:
        if option not in allowed:
            raise ValueError(f"{name} has no option {option!r}: it takes {', '.join(allowed)}")
    return builder(**options)
