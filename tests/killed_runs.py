"""Run by test_recovery.py: trains in a child process that is killed again and again, until one of them ends.

    python tests/killed_runs.py FOLDER KILLS SEED

FOLDER gets run.pt, the checkpoint, and result.pt: the weights and the history at the end, how many were killed, and
how many of these within the writing of a checkpoint. KILLS 0 trains without one.
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

EPOCHS, BATCH = 7, 32  # of 5 batches, the last one short


def setting():
    """Everything that has a state: batch normalization, dropout, augmentation, momentum, a schedule."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(512, 10)
    )
    data = datasets.digits(size=8).take(150)
    data = replace(data, augment=datasets.random_crop(1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    return net, data, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)


def train(folder, checkpoint, steps=None):
    """Until the end; a byte into `steps` for each step."""

    def objective(net, images, labels):
        if net.training and steps is not None:
            os.write(steps, b".")
        return training.cross_entropy(net, images, labels)

    net, data, optimizer, scheduler = setting()
    history = training.fit(
        net, data, optimizer, EPOCHS, batch_size=BATCH, scheduler=scheduler, objective=objective, device="cpu",
        checkpoint=checkpoint, checkpoint_minutes=0,
    )  # fmt: skip
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]
    torch.save({"net": net.state_dict(), "rows": rows}, folder / "result.pt")


def killed(folder, steps, moment, in_write):
    """A child is killed `moment` seconds after so many steps, or in the write after them; whether it was."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            if in_write:
                die_in_write_after(steps)
            train(folder, folder / "run.pt", writing)
        finally:
            os._exit(0)
    os.close(writing)
    for _ in range(steps):
        if not os.read(reading, 1):
            break
    if not in_write:
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(reading)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def die_in_write_after(writes):
    """Half of a file, or all of it but not yet renamed, and the end."""
    save = torch.save

    def half(state, path):
        nonlocal writes
        writes -= 1
        save(state, path)
        if writes < 0:
            if random.random() < 0.7:
                os.truncate(path, random.randrange(Path(path).stat().st_size))
            os.kill(os.getpid(), signal.SIGKILL)

    torch.save = half


def main(folder, kills, seed):
    torch.set_num_threads(1)  # a forked child has no threads of its parent's
    setting()  # so that it need not be imported again in each
    random.seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    count = in_writes = 0
    for number in range(kills):
        in_write = number % 3 == 2
        count += killed(folder, random.randrange(4), random.uniform(0, 0.02), in_write)
        in_writes += in_write
    train(folder, folder / "run.pt" if kills else None)
    result = torch.load(folder / "result.pt", weights_only=True)
    torch.save({**result, "killed": count, "in_writes": in_writes}, folder / "result.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
