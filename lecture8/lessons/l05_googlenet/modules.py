"""Inception modules: one of given widths, and what each of its branches costs."""

from torch import nn

from lecture8.models.layers import Branches, conv_relu, sequential


def branches(profile, stage: str = "") -> dict[str, int]:
    """Channels that each branch of a module (or of a stage of a network) puts out, by the branch's name."""
    found = {}
    for layer in profile.layers:
        if layer.name.startswith(stage) and layer.kind in ("Conv2d", "MaxPool2d"):
            found[layer.name.removeprefix(stage).lstrip(".").split(".")[0]] = (
                layer.output_shape[0]
            )
    if not found:
        raise ValueError(
            f"given stage={stage!r}: expected a stage of this network with convolutions"
        )
    return found


def costs(profile) -> dict[str, int]:
    """Multiply-adds of a module's convolutions, by branch, reductions apart: 'conv3x3', 'conv3x3.reduce'."""
    found = {}
    for layer in profile.layers:
        if layer.kind == "Conv2d":
            branch, _, step = layer.name.partition(".")
            part = f"{branch}.reduce" if step.startswith("reduce") else branch
            found[part] = found.get(part, 0) + layer.macs
    return found


def designed(c_in: int, one: int, reduce3, three: int, reduce5, five: int, pool) -> Branches:
    """An inception module in which each reduction, and the projection of the pooling, may be 'none'."""

    def branch(reduce, c_out, kernel):
        if reduce == "none":
            return conv_relu(c_in, c_out, kernel)
        return sequential(
            reduce=conv_relu(c_in, reduce, 1), conv=conv_relu(reduce, c_out, kernel)
        )

    pooling = nn.MaxPool2d(3, stride=1, padding=1)
    return Branches(
        conv1x1=conv_relu(c_in, one, 1),
        conv3x3=branch(reduce3, three, 3),
        conv5x5=branch(reduce5, five, 5),
        pool=pooling
        if pool == "none"
        else sequential(pool=pooling, project=conv_relu(c_in, pool, 1)),
    )
