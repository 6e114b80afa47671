"""Run by test_distributed.py, alone and with torchrun: trains in many settings, and writes what comes out.

    torchrun --nproc-per-node 2 tests/shared_runs.py FOLDER

Each setting writes FOLDER/<setting>.<process>.pt. The settings named in `RESUMED` go on from FOLDER/<setting>.run.pt.
"""

import signal
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from lecture8 import datasets, distributed, models, training


def digits(train=150, valid=50):
    data = datasets.digits(size=8)
    data = replace(data, valid=data.valid.take(valid), augment=datasets.random_crop(1))
    return data.take(train)


class Stream:
    """Data that decodes its own share only, and says how many images that were."""

    def __init__(self, data):
        self.data, self.decoded = data, 0
        self.train, self.valid, self.name, self.num_classes = data.train, data.valid, "stream", data.num_classes

    def to(self, device):
        return self

    def batches(self, *given, **options):
        return self.data.batches(*given, **options)

    def batches_of(self, rank, world, split, batch_size, generator=None, *, augment=False, start=0):
        for step, (images, labels) in enumerate(self.data.batches(split, batch_size, generator, augment=augment)):
            if step >= start:
                own, _ = distributed.share(len(labels), rank, world)
                self.decoded += len(labels[own])
                yield images[own], labels[own]

    def __repr__(self):
        return repr(self.data)


def plain_net():
    """Nothing in it depends on which other images are in a batch."""
    torch.manual_seed(distributed.rank())  # whose weights differ: those of the first count
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def norm_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))


def fit(data, net, epochs=3, **options):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    history = training.fit(net, data, optimizer, epochs, device="cpu", **{"batch_size": 32, **options})
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]
    return {"net": net.state_dict(), "rows": rows}


def plain(folder):
    return fit(digits(), plain_net())


def pieces(folder):
    return fit(digits(), plain_net(), accumulate=3)


def uneven(folder):
    """The last batches, of 3 images to train on and of 3 to validate, are too small for two processes."""
    return fit(digits(35, 3), plain_net(), batch_size=16)


def odd(folder):
    """Every batch has a share more for the first process."""
    return fit(digits(35), plain_net(), batch_size=7)


def stream(folder):
    data = Stream(digits())
    return {**fit(data, plain_net()), "decoded": data.decoded}


def norm(folder):
    """A single step with batch normalization."""
    return fit(digits(31), norm_net(), 1)


def watched(folder):
    seen = []
    result = fit(digits(), plain_net(), watch=lambda history: seen.append(len(history)))
    return {**result, "seen": seen}


def auxiliary(folder):
    torch.manual_seed(0)
    net = models.small.inception(width=4, channels=1, modules=4, auxiliary=True)
    objective = training.auxiliary_objective()
    return {"with": fit(digits(32, 8), net, 2, objective=objective), "without": fit(digits(32, 8), net, 2)}


def dropout(folder):
    """What is drawn by each process in its first step."""
    drawn = []

    def objective(net, images, labels):
        if net.training and not drawn:
            drawn.append(F.dropout(torch.ones(64), 0.5))
        return training.cross_entropy(net, images, labels)

    fit(digits(32), plain_net(), 1, objective=objective)
    return {"drawn": drawn[0]}


def stopped(folder):
    """SIGTERM reaches the last process alone, in its third step."""
    steps = 0

    def objective(net, images, labels):
        nonlocal steps
        steps += net.training
        if steps == 3 and distributed.rank() == distributed.world() - 1:
            signal.raise_signal(signal.SIGTERM)
        return training.cross_entropy(net, images, labels)

    objective.__qualname__ = "cross_entropy"
    try:
        fit(digits(), plain_net(), batch_size=8, objective=objective, checkpoint=folder / "stopped.run.pt")
    except SystemExit as ended:
        return {"code": ended.code, "steps": steps}


def resumed(folder):
    return fit(digits(), plain_net(), batch_size=8, checkpoint=folder / "resumed.run.pt")


def evaluated(folder):
    """More images than a batch, and a last one of a single image."""
    data = digits(valid=200)
    score = training.evaluate(plain_net_of_one(), data, "test", batch_size=13, device="cpu")
    return {"score": [score.loss, score.accuracy, score.images]}


def plain_net_of_one():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def refused(folder):
    said = {}
    for name, options in {"batch": {"batch_size": 3}, "sync": {"sync_norm": True}}.items():
        try:
            fit(digits(), norm_net(), **options)
        except ValueError as error:
            said[name] = str(error)
    return said


SETTINGS = (plain, pieces, uneven, odd, stream, norm, watched, auxiliary, dropout, stopped, resumed, evaluated, refused)


def main(folder):
    torch.set_num_threads(1)
    with distributed.session("cpu"):
        for setting in SETTINGS:
            torch.save(setting(folder), folder / f"{setting.__name__}.{distributed.rank()}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
