"""The command line with one more network, without batch normalization and dropout: its steps are the same sums however
many processes share them. `tests/test_cli.py` starts it."""

import sys

from torch import nn

from lecture8 import cli
from lecture8.models.layers import Network, average_pool_classifier
from lecture8.models.registry import register


@register(paper="none", year=2026, input_size=(3, 32, 32), depth=3, params=0, macs=0)
def three_layers(num_classes: int = 10, *, width: int = 8, channels: int = 3) -> Network:
    """Two convolutions and a linear layer."""
    stages = {
        "conv1": nn.Sequential(nn.Conv2d(channels, width, 3, 2), nn.ReLU()),
        "conv2": nn.Sequential(nn.Conv2d(width, 2 * width, 3, 2), nn.ReLU()),
    }
    return Network(stages, average_pool_classifier(2 * width, num_classes), channels)


# Workers that decode images import this file again where processes are spawned, not forked.
if __name__ == "__main__":
    sys.exit(cli.main())
