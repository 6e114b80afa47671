"""Run by test_recovery.py: trains in a child process that is killed again and again, until one of them ends.

    python tests/killed_runs.py FOLDER KILLS SEED

FOLDER gets run.pt, the checkpoint, and result.pt: weights and history at the end, and how many children were killed.
"""

import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from lecture8 import datasets, training

EPOCHS = 30  # 12 children finish at most two each
STEP, WRITE = b"s", b"w"


def setting():
    """Everything that has a state: batch normalization, dropout, augmentation, momentum, a schedule."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(288, 10)
    )
    data = replace(datasets.digits(size=8).take(150), augment=datasets.random_crop(1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    return net, data, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5)


def train(folder, checkpoint, events):
    """To the end; writes a byte into `events` for each step and each checkpoint."""
    net, data, optimizer, scheduler = setting()
    save = torch.save

    def slowly(state, path):
        """Half of the file, a pause to be killed in, and all of it."""
        save(state, path)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        os.write(events, WRITE)
        time.sleep(0.01)
        path.write_bytes(content)

    def objective(net, images, labels):
        if net.training:
            os.write(events, STEP)
        return training.cross_entropy(net, images, labels)

    torch.save = slowly
    options = {"batch_size": 32, "scheduler": scheduler, "objective": objective, "checkpoint": checkpoint}
    history = training.fit(net, data, optimizer, EPOCHS, **options)
    rows = [{key: value for key, value in row.items() if key != "seconds"} for row in history.rows]
    save({"net": net.state_dict(), "rows": rows}, folder / "result.pt")


def child(folder, checkpoint, moment=None, after=(STEP, 0)):
    """Trains in a new process, which is killed so many seconds after a step or write; whether it was."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        try:
            train(folder, checkpoint, writing)
        finally:
            os._exit(0)
    os.close(writing)
    while event := os.read(reading, 1):
        after = after[0], after[1] - (event == after[0])
        if moment is not None and after[1] < 0:
            time.sleep(moment)
            os.kill(process, signal.SIGKILL)
            moment = None
    os.close(reading)
    return os.waitpid(process, 0)[1] == signal.SIGKILL


if __name__ == "__main__":
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(1)  # a forked child has no threads of its parent's
    setting()  # so that not every child must import what it needs
    random.seed(int(sys.argv[3]))
    folder.mkdir(parents=True)
    checkpoint, killed = folder / "run.pt" if kills else None, 0
    for number in range(kills):
        after = (WRITE, 0) if number % 3 == 2 else (STEP, random.randrange(7))
        killed += child(folder, checkpoint, random.uniform(0, 0.005), after)
    child(folder, checkpoint)
    torch.save({**torch.load(folder / "result.pt", weights_only=True), "killed": killed}, folder / "result.pt")
