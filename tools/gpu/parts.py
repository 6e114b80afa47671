"""Parts of `make test-gpu`, each for a process of its own: `python -m tools.gpu.parts NAME FILE.json`."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest.mock import patch

import torch
from torch import nn

from benchmarks import overhead, speed
from lecture8 import checkpoints, datasets, devices, measure, models, training

# as on a T4: float16 with scaled gradients
as_t4 = patch.object(torch.cuda, "get_device_capability", lambda *_, **__: (7, 5))
Found = tuple[bool | None, object]  # whether it is fine (None: a number to read), and what was found
DEVICE = devices.pick_device()
CUDA = DEVICE.type == "cuda"
STEPS = 60 if CUDA else 2  # of an epoch that is timed


def record(file: Path, checks: dict[str, Callable[[], Found]], seconds: int = 90) -> None:
    """Calls each, for at most so many seconds; what it returns, or how it fails, is in the file at once."""

    def late(*_):
        raise TimeoutError(f"not done after {seconds} s")

    signal.signal(signal.SIGALRM, late)
    findings = []
    for name, check in checks.items():
        signal.alarm(seconds)
        try:
            fine, said = check()
        except Exception as error:
            fine, said = False, f"{type(error).__name__}: {str(error)[:400]}"
        signal.alarm(0)
        findings.append((fine, f"{name}: {said}"))
        with checkpoints.replacing(file) as draft:
            draft.write_text(json.dumps({"findings": findings}, ensure_ascii=False), encoding="utf-8")
        print(findings[-1][1], flush=True)


def facts() -> None:
    """The machine; ends with an error where there is no GPU, unless LECTURE8_DEVICE says cpu."""
    print(speed.machine(DEVICE.type), flush=True)
    if CUDA:
        subprocess.run(["nvidia-smi"])
    elif not os.environ.get("LECTURE8_DEVICE"):
        sys.exit("There is no GPU that PyTorch can use: try the steps with --device cpu.")


def fresh(*arguments: object) -> Found:
    """Whether a new Python ends well with these arguments, and the last line that it writes."""
    command = ["timeout", "--foreground", "60", sys.executable, *map(str, arguments)]  # torchrun ends its own processes
    done = subprocess.run(command, capture_output=True, text=True)
    said = f"{done.stdout}{done.stderr if done.returncode else ''}".strip() or "it said nothing"
    return done.returncode == 0, "ended after 60 s, " * (done.returncode == 124) + said.splitlines()[-1][:400]


def losses(compiled: bool = False) -> list[float]:
    """Of a small ResNet in three epochs of digits."""
    torch.manual_seed(0)
    net = models.small.resnet(8, 10, width=8, channels=1)
    if compiled:
        net.compile()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    return training.fit(net, datasets.digits(size=16), optimizer, 3, batch_size=64)["train_loss"]


def full_memory() -> Found:
    """A batch that is too large gives the sentence, and one that fits can be trained with afterwards."""
    split = datasets.Split(torch.zeros(512, 3, 128, 128, dtype=torch.uint8), torch.arange(512) % 10)
    data, said = datasets.Data(split, split.take(64), split.take(64), tuple("0123456789"), "black"), []
    torch.cuda.set_per_process_memory_fraction(1.2e9 / torch.cuda.get_device_properties(DEVICE).total_memory)
    for batch in (512, 16):
        try:
            net = models.resnet18(10)
            training.fit(net, data.take(batch), torch.optim.SGD(net.parameters(), lr=1e-3), 1, batch_size=batch)
            said.append("trained")
        except MemoryError as error:
            said.append(str(error))
    return "batch_size=512" in said[0] and said[1] == "trained", said


def compiled() -> Found:
    plain, fast = losses(), losses(compiled=True)
    return abs(plain[-1] - fast[-1]) < 0.2 * plain[-1], f"losses {plain}, compiled {fast}"


def command_line() -> Found:
    """With all GPUs; on a CPU with two processes."""
    start = ["-m", "torch.distributed.run", "--nproc-per-node", torch.cuda.device_count() or 2, "-m", "lecture8"]
    with tempfile.TemporaryDirectory() as folder:
        more = ["--width", 4, "--data", "digits", "--epochs", 2, "--batch-size", 64, "--lr", 0.05, "--out", folder]
        fine, said = fresh(*start, "train", "resnet20", *more)
    return fine and said.startswith("accuracy"), said


MEMORY = """
from torch import nn
from lecture8 import measure
net = nn.Sequential(nn.Flatten(), nn.Linear(27_648, 1000, bias=False))
said = [measure.peak_memory(net, 96, batch, device=DEVICE).allocated / (3 * 4 * 27_648_000) for batch in (1, 4, 1)]
print("measured / one matrix, its gradient and momentum, with batches 1, 4, 1:", *(f"{ratio:.3f}" for ratio in said))
raise SystemExit(not all(0.99 < ratio < 1.4 for ratio in said))
""".replace("DEVICE", repr("cuda:0" if CUDA else "cpu"))  # the first thing that its process does on the GPU


def noise() -> datasets.Data:
    """Images like those of CIFAR-10, in batches of 128, with its augmentation."""
    pixels = torch.randint(0, 256, (128 * STEPS, 3, 32, 32), dtype=torch.uint8)
    split = datasets.Split(pixels, torch.arange(len(pixels)) % 10)
    augment = datasets.compose(datasets.random_crop(4), datasets.random_flip())
    return datasets.Data(split, split.take(16), split.take(16), tuple("0123456789"), "noise", augment)


def step(depth: int) -> Found:
    """Whether an epoch of `fit`, the third, takes at most a tenth longer than one of the loop that everybody writes."""
    data, work, fits, loops = noise().to(DEVICE), overhead.Work("", nn.Module, 32, 128, 1), [], []
    for _ in range(2):
        net, other = (models.small.resnet(depth).to(DEVICE, memory_format=torch.channels_last) for _ in range(2))
        fits += training.fit(net, data, overhead.sgd(net), 3)["seconds"][2:]
        for _ in range(3):
            start = time.perf_counter()
            overhead.bare(work, other, data, DEVICE)
        loops.append(time.perf_counter() - start)
    fit, loop = (1e3 * min(seconds) / STEPS for seconds in (fits, loops))
    return fit <= 1.1 * loop, f"{devices.Precision(DEVICE).kind}, fit {fit:.2f} ms a step, the bare loop {loop:.2f} ms"


def waits() -> Found:
    """How often a step of `fit` waits for the GPU, counted by the profiler; the first time cuDNN chooses."""
    for _ in range(2):
        net = models.small.resnet(20)
        with torch.profiler.profile() as seen:
            training.fit(net, noise(), torch.optim.SGD(net.parameters(), 0.1), 1)
    found = {event.key: event.count / STEPS for event in seen.key_averages() if event.key.startswith("cuda")}
    return found.get("cudaStreamSynchronize", 0) <= 1.5, ", ".join(f"{key} {n:.1f}" for key, n in found.items())


def goal() -> Found:
    """ResNet-50: a training step of ours, compiled, beside torchvision's plain one, both in 16 bits."""
    (pair,) = (pair for pair in speed.pairs() if pair.name == ("resnet50" if CUDA else "resnet18"))
    batch, form = 64 if CUDA else 1, torch.channels_last
    images, labels = torch.randn(batch, 3, 224, 224, device=DEVICE), torch.zeros(batch, dtype=torch.long, device=DEVICE)
    plain, fast = (speed.Setting("training step", batch, compiled=how) for how in (False, CUDA))
    theirs = speed.runner(pair.build_reference().to(DEVICE), plain, images, labels)
    images, net = images.contiguous(memory_format=form), pair.build().to(DEVICE, memory_format=form)
    ours = speed.runner(net, fast, images, labels)
    times = measure.ratio(theirs, ours, rounds=7 if CUDA else 1)
    return times.median >= 1.5, f"{times.median:.2f} times as fast ({times.low:.2f} to {times.high:.2f})"


PARTS = {
    "functions": {  # what must work, without times
        "peak memory on cuda:0": lambda: fresh("-c", MEMORY),
        "command line": command_line,
        "net.compile()": compiled,
        **({"full memory": full_memory} if CUDA else {}),
    },
    "timings": {
        **{f"ResNet-{depth}": partial(step, depth) for depth in (20, 56)},
        "ResNet-20, float16 as on a T4": partial(as_t4(step), 20),
        "waits in a step": waits,
    },
    "speed": {"ResNet-50, ours compiled beside torchvision's plain step": goal},
}
if __name__ == "__main__":
    facts() if sys.argv[1] == "facts" else record(Path(sys.argv[2]), PARTS[sys.argv[1]])
