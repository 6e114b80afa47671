"""The table of all networks: registered means listed, buildable by name, and tested."""

import difflib
import functools
import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lecture8 import checkpoints, checks
from lecture8.models.layers import Network


@dataclass(frozen=True)
class Trained:
    """Weights that were trained for this course: a file in data/weights, in half precision."""

    sha256: str  #: of the file
    test_accuracy: float  #: on all test images, with the weights as they are in the file
    options: Mapping[str, object] = field(default_factory=dict)  #: of the builder, where they are not its defaults


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
    trained: Mapping[str, Trained] = field(default_factory=dict)  #: "cifar10" -> weights for the builder's `weights`

    def __str__(self) -> str:
        return (
            f"{self.name} ({self.year}): {self.depth} weight layers, {self.params:,} parameters, "
            f"{self.macs:,} multiply-adds at {' × '.join(map(str, self.input_size))}"
        )


ARCHITECTURES: dict[str, Architecture] = {}


def register(name: str = "", **facts) -> Callable[[Callable[..., Network]], Callable[..., Network]]:
    """Decorator that enters a builder into `ARCHITECTURES` under `name`, or its own; `facts` as in `Architecture`.

    A builder whose facts list `trained` weights gets one more argument, `weights`: the name of the set, or None.
    """
    given = name

    def enter(builder: Callable[..., Network]) -> Callable[..., Network]:
        name = given or builder.__name__
        if name in ARCHITECTURES:
            raise ValueError(f"a network named {name!r} is registered already; give the new one another name")
        if "trained" in facts:
            builder = _loadable(name, builder, facts["trained"])
        ARCHITECTURES[name] = Architecture(name=name, builder=builder, **facts)
        return builder

    return enter


def _loadable(name: str, builder: Callable[..., Network], trained: Mapping[str, Trained]) -> Callable[..., Network]:
    """The builder with an argument `weights`. With it, the network is built as it was trained, and nothing else."""
    taken = inspect.signature(builder).parameters
    weights = inspect.Parameter("weights", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=str | None)

    @functools.wraps(builder)
    def build(num_classes: int = 10, *, weights: str | None = None, **given) -> Network:
        if weights is None:
            return builder(num_classes, **given)
        checks.one_of([*trained, None], weights=weights)
        for option, value in {"num_classes": num_classes, **given}.items():
            expected = trained[weights].options.get(option, taken[option].default) if option in taken else value
            if value != expected:
                raise ValueError(
                    f"given {option}={value!r}; the weights {weights!r} of {name} are for {option}={expected!r}: leave "
                    f"{option} out, or leave weights out and train"
                )
        net = builder(num_classes, **{**trained[weights].options, **given})
        return _load(net, f"{name.removeprefix('small.')}_{weights}.pt", trained[weights].sha256)

    build.__signature__ = inspect.Signature([*taken.values(), weights], return_annotation=Network)
    return build


def _load(net: Network, file: str, sha256: str) -> Network:
    """The network with the weights of a file in data/weights. Raises ValueError where the file is not as it was."""
    from lecture8.published import SHARED

    path = SHARED / "weights" / file
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        state = "is damaged" if path.is_file() else "is missing"
        raise ValueError(f"{path} {state}: install lecture8 again, or restore data/weights from its repository")
    return checkpoints.load_weights(net, path)


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
