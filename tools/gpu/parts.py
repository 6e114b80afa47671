"""Parts of `make test-gpu`, each for a process of its own: `python -m tools.gpu.parts NAME ARGUMENTS`."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import torch
from torch import nn

from benchmarks import overhead
from benchmarks import speed as pairs
from lecture8 import checkpoints, datasets, devices, measure, models, published, training
from lecture8.lessons.l06_resnet.experiments import KINDS
from lecture8.lessons.l09_complexity import experiments
from lecture8.models.layers import LocalResponseNorm
from tools.build.conditions import ROOT

FORMATS = {  # in place of the one that is chosen for the chip: as on a T4, and as it is
    "float16": patch.object(torch.cuda, "get_device_capability", lambda *_, **__: (7, 5)),
    "float32": patch.object(devices.Precision, "objective", lambda _, objective: objective),
}
Found = tuple[bool | None, object]  # whether it is fine (None: a number to read), and what was found
DEVICE = devices.pick_device()
CUDA = DEVICE.type == "cuda"
STEPS = 60 if CUDA else 2  # of an epoch that is timed


def record(folder: str, checks: dict[str, Callable[[], Found]], seconds: int = 60) -> None:
    """Calls each, for at most so many seconds; what it returns, or how it fails, is in findings.json at once."""
    path = Path(folder) / "findings.json"

    def late(*_):
        raise TimeoutError(f"not done after {seconds} s")

    signal.signal(signal.SIGALRM, late)
    for name, check in checks.items():
        start = time.time()
        signal.alarm(seconds)
        try:
            fine, said = check()
        except Exception as error:
            fine, said = False, f"{type(error).__name__}: {str(error)[:400]}"
        signal.alarm(0)
        found = json.loads(path.read_text("utf-8")) if path.exists() else {}
        found[name] = {"fine": fine, "said": str(said), "seconds": round(time.time() - start, 1)}
        with checkpoints.replacing(path) as draft:
            draft.write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")
        print(f"{name}: {said}", flush=True)


def facts(folder: str) -> None:
    """The machine; ends with an error where there is no GPU, unless LECTURE8_DEVICE says cpu."""
    print(pairs.machine(DEVICE.type), flush=True)
    if not CUDA and not os.environ.get("LECTURE8_DEVICE"):
        sys.exit("There is no GPU that PyTorch can use: try the steps with --device cpu.")
    if CUDA:
        subprocess.run(["nvidia-smi"])
        print(torch.cuda.get_device_properties(0), "cuDNN", torch.backends.cudnn.version(), torch.cuda.get_arch_list())


# --- what must work ------------------------------------------------------------------------------------------------


def fresh(*arguments: object, seconds: int = 40) -> Found:
    """Whether a new Python ends well with these arguments, and the last line that it writes."""
    command = [sys.executable, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT) as process:
        timer = threading.Timer(seconds, process.terminate)  # torchrun then ends its own processes
        timer.start()
        lines = process.communicate()[0].strip().splitlines()
        timer.cancel()
    late = f"ended after {seconds} s; " if process.returncode == -signal.SIGTERM else ""
    return process.returncode == 0, late + (lines[-1][:400] if lines else "it said nothing")


def trained(epochs: int = 2, checkpoint: Path | None = None, compiled: bool = False):
    """A small ResNet after some epochs of digits, and its history."""
    torch.manual_seed(0)
    net = models.small.resnet(8, 10, width=8, channels=1)
    if compiled:
        net.compile()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    return net, training.fit(net, datasets.digits(size=16), optimizer, epochs, batch_size=64, checkpoint=checkpoint)


def same(one, other) -> Found:
    apart = max((a - b).abs().max().item() for a, b in zip(one[0].parameters(), other[0].parameters(), strict=True))
    return apart == 0, f"weights differ by {apart:.2g}, losses {one[1]['train_loss']} and {other[1]['train_loss']}"


def resumed() -> Found:
    with tempfile.TemporaryDirectory() as folder:
        trained(1, Path(folder) / "run.pt")
        return same(trained(3), trained(3, Path(folder) / "run.pt"))


def half() -> Found:
    with FORMATS["float16"]:
        history = trained(3)[1]
    return history["train_loss"][-1] < 1.5, f"{history.meta['precision']}, losses {history['train_loss']}"


def full_memory() -> Found:
    """A batch that is too large gives the sentence, and one that fits can be trained with afterwards."""
    split = datasets.Split(torch.zeros(512, 3, 128, 128, dtype=torch.uint8), torch.arange(512) % 10)
    data, said = datasets.Data(split, split.take(64), split.take(64), tuple("0123456789"), "black"), []
    share = 1.2e9 / torch.cuda.get_device_properties(DEVICE).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, share))
    for batch in (512, 16):
        net = models.resnet18(10)
        try:
            training.fit(net, data.take(batch), torch.optim.SGD(net.parameters(), lr=1e-3), 1, batch_size=batch)
            said.append("trained")
        except MemoryError as error:
            said.append(str(error))
    torch.cuda.set_per_process_memory_fraction(1.0)
    return "batch_size=512" in said[0] and said[1] == "trained", said


def compiled() -> Found:
    plain, fast = (trained(2, compiled=how)[1]["train_loss"] for how in (False, True))
    return abs(plain[-1] - fast[-1]) < 0.2 * plain[-1], f"losses {plain}, compiled {fast}"


def norm() -> Found:
    x, found = torch.full((1, 8, 4, 4), 250.0, device=DEVICE), []
    for dtype in (torch.float16, torch.float32):
        with torch.autocast(DEVICE.type, torch.float16, enabled=dtype == torch.float16):
            found.append(LocalResponseNorm()(x.to(dtype))[0, 4, 0, 0].item())
    return abs(found[0] - found[1]) < 0.01 * found[1], f"{found[0]:.4g}, in float32 {found[1]:.4g}"


def cuda_7() -> Found:
    try:
        return False, f"accepted: {devices.pick_device('cuda:7')}"
    except ValueError as error:
        return True, error


def command_line(processes: int) -> Found:
    if CUDA and processes > torch.cuda.device_count():
        return None, "there is one GPU only"
    start = ["-m", "torch.distributed.run", "--nproc-per-node", processes] if processes > 1 else []
    with tempfile.TemporaryDirectory() as folder:
        more = ["--width", 4, "--data", "digits", "--epochs", 2, "--batch-size", 64, "--lr", 0.05, "--out", folder]
        fine, said = fresh(*start, "-m", "lecture8", "train", "resnet20", *more)
    return fine and said.startswith("accuracy"), said


MEMORY = """
from lecture8 import complexity, measure, models
net, said = models.resnet18(), []
for optimizer, batch in [("momentum", 1), ("momentum", 4), ("momentum", 1), ("adam", 1), ("adam", 4)]:
    predicted = complexity.memory(net, 96, batch, optimizer).peak
    said.append(measure.peak_memory(net, 96, batch, optimizer, device=DEVICE).allocated / predicted)
print("measured / predicted, momentum with batches 1, 4, 1 and Adam with 1, 4:", *(f"{ratio:.3f}" for ratio in said))
raise SystemExit(not all(0.95 < ratio < 1.4 for ratio in said))
""".replace("DEVICE", repr("cuda:0" if CUDA else "cpu"))  # the first thing that its process does on the GPU

CHECKS = {  # what must work, without times
    "precision": lambda: (None, devices.Precision(DEVICE).kind),
    "same seed twice": lambda: same(trained(), trained()),
    "resumed as if never stopped": resumed,
    "local response normalization of 250 in float16": norm,
    "device cuda:7": cuda_7,
    "peak memory on cuda:0": lambda: fresh("-c", MEMORY),
    "command line": lambda: command_line(1),
    "command line, two processes": lambda: command_line(2),
    "net.compile()": compiled,
}
if CUDA:
    CHECKS |= {
        "float16 as on a T4": half,
        "power": lambda: (True, measure.power(models.resnet18(), 224, 16, seconds=2)),
        "full memory": full_memory,
    }


# --- where the time goes -------------------------------------------------------------------------------------------


def noise(steps: int) -> datasets.Data:
    """Images like those of CIFAR-10, in batches of 128, with its augmentation."""
    pixels = torch.randint(0, 256, (128 * steps, 3, 32, 32), dtype=torch.uint8)
    split = datasets.Split(pixels, torch.arange(len(pixels)) % 10)
    data = datasets.Data(split, split.take(16), split.take(16), tuple("0123456789"), "noise")
    return replace(data, augment=datasets.compose(datasets.random_crop(4), datasets.random_flip()))


def step(depth: int, kind: str, compile: bool = False) -> Found:
    """Whether an epoch of `fit`, the third, takes at most a tenth longer than one of the loop that everybody writes."""
    data, work, fits, loops = noise(STEPS).to(DEVICE), overhead.Work("", nn.Module, 32, 128, 1), [], []
    for seconds in (fits, loops) * (1 if compile else 2):
        net = models.small.resnet(depth).to(DEVICE, memory_format=torch.channels_last)
        if compile:
            net.compile()
        with FORMATS.get(kind, nullcontext()):
            if seconds is fits:
                fits += training.fit(net, data, overhead.sgd(net), 3)["seconds"][2:]
                continue
            for _ in range(3):
                start = time.perf_counter()
                overhead.bare(work, net, data, DEVICE, kind=kind)
            loops.append(time.perf_counter() - start)
    fit, loop = (1e3 * min(seconds) / STEPS for seconds in (fits, loops))
    return fit <= 1.1 * loop, f"fit {fit:.2f} ms a step, the bare loop {loop:.2f} ms"


def waits() -> Found:
    """How often a step of `fit` waits for the GPU, counted by the profiler; the first time cuDNN chooses."""
    for _ in range(2):
        net = models.small.resnet(20)
        with torch.profiler.profile() as seen:
            training.fit(net, noise(STEPS), torch.optim.SGD(net.parameters(), 0.1), 1)
    found = {event.key: event.count / STEPS for event in seen.key_averages() if event.key.startswith("cuda")}
    return found.get("cudaStreamSynchronize", 0) <= 2.5, ", ".join(f"{key} {n:.1f}" for key, n in found.items())


def timings(folder: str) -> None:
    """`fit` beside a bare loop, and how often it waits."""
    kind = devices.Precision(DEVICE).kind
    checks = {f"ResNet-{depth}, {kind}": partial(step, depth, kind) for depth in (20, 56)} | {"waits in a step": waits}
    if CUDA:
        checks |= {f"ResNet-20, {other}": partial(step, 20, other) for other in FORMATS}
        checks |= {f"ResNet-20, {kind}, compiled": partial(step, 20, kind, compile=True)}
    record(folder, checks)


def speed(folder: str) -> None:
    """ResNet-50: ours, compiled, beside torchvision's plain step in 16 bits; then the rows of `benchmarks.speed`."""
    (pair,) = (pair for pair in pairs.pairs() if pair.name == ("resnet50" if CUDA else "resnet18"))
    settings = pairs.CUDA[::-1] if CUDA else pairs.CPU[:1]

    def goal() -> Found:
        batch = 64 if CUDA else 1
        images = torch.randn(batch, 3, 224, 224, device=DEVICE)
        labels = torch.zeros(batch, dtype=torch.long, device=DEVICE)
        reference, net = pair.build_reference().to(DEVICE), pair.build().to(DEVICE, memory_format=torch.channels_last)
        plain = pairs.runner(reference, pairs.Setting("training step", batch), images, labels)
        fast = pairs.Setting("training step", batch, compiled=CUDA)
        ours = pairs.runner(net, fast, images.contiguous(memory_format=torch.channels_last), labels)
        times = measure.ratio(plain, ours, rounds=7 if CUDA else 1)
        return times.median >= 1.5, f"{times.median:.2f} times as fast ({times.low:.2f} to {times.high:.2f})"

    record(folder, {"ResNet-50, ours compiled beside torchvision's plain step": goal}, 90)
    for setting in sorted(settings, key=lambda setting: setting.compiled):
        for row in pairs.compare(pair, (setting,), DEVICE.type, rounds=7 if CUDA else 1, twice=False):
            record(folder, {row.what: lambda row=row: (row.result != "missed", "  ".join(row.cells()[1:]))})


# --- as long as there is time --------------------------------------------------------------------------------------


def reference(folder: str) -> None:
    """The rows of lesson 09's table of times, each in a file as soon as it is there."""
    rows, failed = [], 0
    more = {"command": "make test-gpu", "hardware": experiments.hardware(DEVICE), "threads": torch.get_num_threads()}
    for name in experiments.NETWORKS:
        try:
            for row in experiments.rows([name], experiments.BATCHES[DEVICE.type], DEVICE, 0.2):
                rows.append(row)
                table = pd.DataFrame(rows)
                floats = {c: table[c].map("{:.4g}".format, na_action="ignore") for c in table.select_dtypes("float")}
                published.write(
                    Path(folder) / "reference_cuda.csv", table.assign(**floats), experiments.WHAT, 1, **more
                )
        except (ValueError, RuntimeError, MemoryError) as error:
            failed += 1
            print(f"{name}: {error}", flush=True)
    sys.exit(f"{failed} of {len(experiments.NETWORKS)} networks were not measured" if failed else 0)


def cifar(folder: str, end: str, kind: str, depth: str) -> None:
    """One network by the recipe of He et al. 2015, section 4.2, for as many of its 182 epochs as there is time for."""
    data, run = datasets.cifar10().to(DEVICE), Path(folder) / f"{kind}-{depth}.pt"
    data = data if CUDA else data.take(512)

    def built(epochs: int):
        torch.manual_seed(0)
        net = models.small.resnet(int(depth), 10, **KINDS[kind])
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
        drops = sorted({max(1, epochs // 2), max(1, epochs * 3 // 4)})
        return net, optimizer, torch.optim.lr_scheduler.MultiStepLR(optimizer, drops)

    net, optimizer, _ = built(2)
    seconds = training.fit(net, data, optimizer, 2)["seconds"][-1]
    epochs = max(2, min(182, int(0.9 * (float(end) - time.time()) / seconds)))
    net, optimizer, scheduler = built(epochs)
    for epoch in range(1, epochs + 1):  # each resumes from the epoch before, and writes its row
        history = training.fit(net, data, optimizer, epoch, scheduler=scheduler, checkpoint=run)
        error = training.evaluate(net, data).error if epoch == epochs else None
        rows = history.table().assign(kind=kind, depth=depth, epochs=epochs, test_error=error)
        with checkpoints.replacing(run.parent / f"cifar {kind} {depth}.csv") as draft:
            rows.to_csv(draft, float_format="%.5g")


if __name__ == "__main__":
    parts = {part.__name__: part for part in (facts, timings, speed, reference, cifar)}
    {**parts, "functions": partial(record, checks=CHECKS)}[sys.argv[1]](*sys.argv[2:])
