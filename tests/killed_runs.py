"""The command line with two small networks more, and runs of it and of `fit` that are killed; test_scale.py starts it.

    python tests/killed_runs.py runs FOLDER DATA  all runs in `RUNS` into FOLDER, with and without kills

It forks, so that nothing is imported twice, and sets what torchrun would set. It prints a line per run.
"""

import contextlib
import os
import random
import signal
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed
import torch.nn.parallel
from torch import nn

from lecture8 import __main__ as program
from lecture8 import checkpoints, datasets, history, published, training, transfer  # noqa: F401  before the forks
from lecture8.models.layers import Network, average_pool_classifier
from lecture8.models.registry import register
from lecture8.scale import data  # noqa: F401

FACTS = {"paper": "none", "year": 2026, "input_size": (3, 16, 16), "depth": 2, "params": 0, "macs": 0}


@register(**FACTS)
def two_layers(num_classes: int = 2, conv: nn.Module | None = None) -> Network:
    """A convolution and a linear layer: the same sums, whichever way a batch is shared."""
    conv = conv or nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU())
    return Network({"conv": conv}, average_pool_classifier(4, num_classes), 3)


@register(**FACTS)
def with_state(num_classes: int = 2) -> Network:
    """The same with everything that has a state: batch normalization and dropout."""
    return two_layers(num_classes, nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3)))


def fit(folder):
    """`training.fit` with everything that has a state; it leaves there what the command line leaves."""
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout()
    net = nn.Sequential(*layers, nn.Linear(288, 10))
    digits = replace(datasets.digits(size=8).take(150), augment=datasets.random_crop(1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    schedule, path = torch.optim.lr_scheduler.StepLR(optimizer, 10, 0.5), Path(folder, "checkpoint.pt")
    found = training.fit(net, digits, optimizer, 30, batch_size=32, scheduler=schedule, checkpoint=path)
    found.save(path.with_name("history.csv"))
    checkpoints.save_weights(net, path.with_name("weights.pt"))
    return 0


def start(words, rank, processes, port, pipe, in_write):
    """A child that runs the command line, or `fit`, as process `rank`; it writes into `pipe` after each checkpoint."""
    child = os.fork()
    if child:
        return child
    try:
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(processes))
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), LOCAL_WORLD_SIZE=str(processes))
        replacing = checkpoints.replacing

        @contextlib.contextmanager
        def reported(path):
            with replacing(path) as draft:
                yield draft
                if in_write and path.name == "checkpoint.pt":
                    os.truncate(draft, random.randrange(draft.stat().st_size))
                    os.kill(os.getpid(), signal.SIGKILL)
            if path.name == "checkpoint.pt":
                os.write(pipe, b".")

        checkpoints.replacing = reported
        if rank:
            sys.stdout = Path(os.devnull).open("w")
        code = fit(words[1]) if words[0] == "fit" else program.main(words)
        sys.stdout.flush()
        os._exit(code)
    except BaseException as error:  # of a process whose neighbor was killed
        print(f"process {rank}: {error!r}", file=sys.stderr, flush=True)
        os._exit(99)


def attempt(words, processes, kill):
    """Runs until the end, or until it is killed after some checkpoints; the exit codes, negative for signals."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    reading, writing = os.pipe()
    in_write = kill and random.random() < 0.3
    if kill:  # checkpoints after each step, or more rarely
        words = [*words, "--checkpoint-minutes", random.choice(["0", "0.0002"]), "--workers", random.choice("01")]
    children = [start(words, rank, processes, port, writing, in_write and rank == 0) for rank in range(processes)]
    os.close(writing)
    if kill:
        for _ in range(random.randrange(4)):
            os.read(reading, 1)
        time.sleep(random.uniform(0, 0.03))
        if not in_write or processes > 1:
            for child in random.sample(children, processes):
                os.kill(child, signal.SIGKILL)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    os.close(reading)
    return codes


RUNS = {  # name -> network, processes, kills
    "one": ("with_state", 1, 0), "one_killed": ("with_state", 1, 6), "two": ("with_state", 2, 0),
    "two_killed": ("with_state", 2, 6), "shared_by_one": ("two_layers", 1, 0), "shared_by_two": ("two_layers", 2, 0),
    "fit": ("fit", 1, 0), "fit_killed": ("fit", 1, 6),
}  # fmt: skip


def words(network, photos, run):
    """A run of six epochs of six steps on the 48 photographs, or one of `fit`."""
    if network == "fit":
        return ["fit", str(run)]
    common = ["--size", "16", "--epochs", "6", "--batch-size", "8", "--device", "cpu", "--workers", "0"]
    return ["train", network, "--data", str(photos), "--out", str(run), *common]


def main(argv):
    torch.set_num_threads(1)  # a forked child has none of its parent's threads
    datasets.digits(size=8)  # so that not every child must import what it needs
    random.seed(0)
    for name, (network, processes, kills) in RUNS.items():
        line = words(network, argv[2], f"{argv[1]}/{name}")
        killed = sum(-signal.SIGKILL in attempt(line, processes, True) for _ in range(kills))
        print(f"{name}: killed {killed} times, then {attempt(line, processes, False)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
