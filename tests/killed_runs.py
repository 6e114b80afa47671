"""Run by test_recovery.py: trains in a child process that is killed again and again, until one of them ends.

    python tests/killed_runs.py FOLDER KILLS SEED

FOLDER gets run.pt, the checkpoint, and result.pt: the weights and the history at the end, how many children were
killed, and how many of these while they wrote a checkpoint. KILLS 0 trains without a checkpoint.
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

EPOCHS, BATCH = 12, 32  # of 5 batches, the last one short
STEP, WRITE = b"s", b"w"


def setting():
    """Everything that has a state: batch normalization, dropout, augmentation, momentum, a schedule."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(512, 10)
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
    history = training.fit(
        net, data, optimizer, EPOCHS, batch_size=BATCH, scheduler=scheduler, objective=objective, checkpoint=checkpoint
    )
    torch.save = save
    rows = [{key: value for key, value in row.items() if key != "seconds"} for row in history.rows]
    torch.save({"net": net.state_dict(), "rows": rows}, folder / "result.pt")


def child(folder, checkpoint, moment=None, in_write=False):
    """Trains in a new process, which is killed so many seconds after its first step or write; whether it was."""
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
        if moment is not None and event == (WRITE if in_write else STEP):
            time.sleep(moment)
            os.kill(process, signal.SIGKILL)
            moment = None
    _, status = os.waitpid(process, 0)
    os.close(reading)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def main(folder, kills, seed):
    torch.set_num_threads(1)  # a forked child has no threads of its parent's
    setting()  # so that not every child must import what it needs
    random.seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, killed = folder / "run.pt" if kills else None, 0
    for number in range(kills):
        in_write = number % 3 == 2
        killed += child(folder, checkpoint, random.uniform(0, 0.005 if in_write else 0.1), in_write)
    assert not child(folder, checkpoint)
    result = torch.load(folder / "result.pt", weights_only=True)
    torch.save({**result, "killed": killed}, folder / "result.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
