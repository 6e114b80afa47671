"""The parts of an Inception-v4 or Inception-ResNet, as its paper names them, with what each costs."""

import re
from dataclasses import dataclass

NAMES = {"mixed": "stem", "inception": "block", "conv": "end", "classifier": "end"}


@dataclass(frozen=True)
class Part:
    """A stop on the way through a network: equal modules in a row, with what they cost together."""

    name: str  #: 'stem', 'block A', 'reduction A' …, 'end'
    stages: list[str]  #: as in `profile.stages`
    given: tuple[int, ...]  #: shape that goes in
    shape: tuple[int, ...]  #: shape that comes out
    params: int
    macs: int
    shortcuts: int  #: modules that add their input to their output


def parts(profile) -> dict[str, Part]:
    """The stops by name, from the image to the logits; profile: of an Inception-v4 or an Inception-ResNet."""
    adding = {layer.name for layer in profile.layers if layer.kind == "add"}
    found: dict[str, Part] = {}
    shape = tuple(profile.input_size)
    for stage in profile.stages:
        kind, _, letter = re.sub(r"\d+$", "", stage.name.removeprefix("features.")).partition(
            "_"
        )
        name = f"{NAMES.get(kind, kind)} {letter.upper()}".strip()
        adds = any(f"{place}.".startswith(f"{stage.name}.") for place in adding)
        before = found.get(name, Part(name, [], shape, shape, 0, 0, 0))
        shape = tuple(stage.output_shape)
        found[name] = Part(
            name, [*before.stages, stage.name], before.given, shape, before.params + stage.params,
            before.macs + stage.macs, before.shortcuts + adds,
        )  # fmt: skip
    return found
