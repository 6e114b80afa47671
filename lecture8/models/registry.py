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
    #: published ImageNet weights that fit -> "library/its name"; the key "" is the network itself, any other key
    #: the option that must be True
    weights: Mapping[str, str] = field(default_factory=dict)
    no_weights: str = ""  #: why none fit, where a reader would expect some

    def __str__(self) -> str:
        return (
            f"{self.name} ({self.year}): {self.depth} weight layers, {self.params:,} parameters, "
            f"{self.macs:,} multiply-adds at {' × '.join(map(str, self.input_size))}"
        )


ARCHITECTURES: dict[str, Architecture] = {}


def register(name: str = "", **facts) -> Callable[[Callable[..., Network]], Callable[..., Network]]:
    """Decorator that enters a builder into `ARCHITECTURES` under `name`, or its own; `facts` as in `Architecture`."""
    given = name

    def enter(builder: Callable[..., Network]) -> Callable[..., Network]:
        name = given or builder.__name__
        if name in ARCHITECTURES:
            raise ValueError(f"a network named {name!r} is registered already; give the new one another name")
        ARCHITECTURES[name] = Architecture(name=name, builder=builder, **facts)
        return builder

    return enter


def find(name: str) -> Architecture:
    """The entry of `name` in `ARCHITECTURES`. Raises ValueError for a name that is not there, and says which are."""
    if name not in ARCHITECTURES:
        close = difflib.get_close_matches(str(name).lower(), ARCHITECTURES, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(f"unknown network {name!r}: {hint}choose from {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


def options(name: str) -> list[str]:
    """The arguments that the builder of `name` takes."""
    return list(inspect.signature(find(name).builder).parameters)


def build(name: str, **given) -> Network:
    """The network registered under `name`, with fresh random weights; the options given go to its builder.

    Raises ValueError for a name or an option that does not exist, and says which do.
    """
    allowed = options(name)
    for option in given:
        if option not in allowed:
            raise ValueError(f"{name} has no option {option!r}: it takes {', '.join(allowed)}")
    return ARCHITECTURES[name].builder(**given)
