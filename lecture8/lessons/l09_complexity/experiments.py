"""Time, memory and (NVIDIA GPUs) power of every ImageNet network of the course on this machine.

python -m lecture8.lessons.l09_complexity.experiments      all networks: reference_cpu.csv or reference_cuda.csv
python -m lecture8.lessons.l09_complexity.experiments --networks alexnet resnet18 --batches 1 4      prints a part of it
python -m lecture8.lessons.l09_complexity.experiments reading      on one thread, five minutes: weights_reading.csv

Some minutes, in which nothing else should run. Notebook 09 sets its own measurements beside these.
"""

import argparse
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch.nn import functional as F

from lecture8 import devices, measure, models, published

NETWORKS = [name for name, facts in models.ARCHITECTURES.items() if facts.input_size[1] > 200]
# One image, as when somebody waits for the answer, and a batch; more would take too long on a CPU
BATCHES = {"cpu": (1, 4), "cuda": (1, 16), "mps": (1, 16)}
# and these two with more batches: one whose weights are mostly in linear layers, one with hardly any there
SWEPT = ("alexnet_owt", "resnet18")
SWEEP = {
    "cpu": (1, 2, 4, 8, 16),
    "cuda": (1, 2, 4, 8, 16, 32, 64),
    "mps": (1, 2, 4, 8, 16, 32, 64),
}


def row(
    name: str, net: torch.nn.Module, batch: int, device: torch.device, seconds: float
) -> dict:
    """One network at one batch: milliseconds of a forward pass with quartiles, megabytes, watts where they are read."""
    size = models.ARCHITECTURES[name].input_size
    time_of = measure.latency(net, size, batch, device=device, seconds=seconds)
    found = {"network": name, "batch": batch, "runs": time_of.runs}
    found |= {
        key: 1e3 * getattr(time_of, end)
        for key, end in (("ms", "median"), ("ms_low", "low"), ("ms_high", "high"))
    }
    if device.type != "mps":  # PyTorch does not count there
        found["mb"] = measure.inference_memory(net, size, batch, device=device).allocated / 1e6
    if device.type == "cuda":
        try:
            power = measure.power(net, size, batch, device=device, seconds=2)
        except ValueError as error:
            print(f"no power of {name}: {error}")
            return found
        found |= {
            "watts": power.median,
            "idle_watts": power.idle,
            "joules_per_image": power.joules,
        }
    return found


def rows(
    names: Sequence[str], batches: Sequence[int], device: torch.device, seconds: float
) -> Iterator[dict]:
    """All of them, one network after the other; those of `SWEPT` also at the batches of `SWEEP` if two are asked for.

    Raises ValueError for a network whose random weights leave it with numbers that are slow to compute with.
    """
    for name in names:
        torch.manual_seed(0)
        net = models.build(name)
        _check_numbers(name, net)
        more = SWEEP[device.type] if name in SWEPT and len(batches) > 1 else ()
        for batch in sorted({*batches, *more}):
            yield row(name, net, batch, device, seconds)


def _check_numbers(name: str, net: torch.nn.Module) -> None:
    """Infinite numbers, and those below 1e-38, need other time than those of a trained network."""
    images = torch.randn(
        1, *models.ARCHITECTURES[name].input_size, generator=torch.Generator().manual_seed(0)
    )
    with torch.inference_mode():
        largest = net.eval()(images).abs().max().item()
    if not 1e-20 < largest < 1e30:
        raise ValueError(
            f"{name} answers with numbers up to {largest:.1g}: such numbers distort its time"
        )


def hardware(device: torch.device) -> str:
    """The processor's name and how busy it is, and the GPU's."""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():  # Linux tells the model only there
        found = re.search(
            r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8")
        )
        cpu = found.group(1) if found else cpu
    gpu = (
        f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}, "
        if device.type == "cuda"
        else ""
    )
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return f"{gpu}{cpu}, {os.cpu_count()} cores{load}"


WHAT = (
    "forward passes in evaluation mode, float32, random weights and images: median and quartiles of the time of a "
    "batch, most bytes allocated at one moment"
)


def write(found: list[dict], device: torch.device, chip: str, folder: Path) -> None:
    """The table of what was found so far, into this folder."""
    table = pd.DataFrame(found)
    numbers = {
        c: table[c].map("{:.4g}".format, na_action="ignore")
        for c in table.select_dtypes("float")
    }
    seeds = "0 (of weights and images; the time does not depend on them)"
    path = folder / f"reference_{device.type}.csv"
    threads = torch.get_num_threads()
    published.write(
        path, table.assign(**numbers), WHAT, [seeds], hardware=chip, threads=threads
    )


# --- does a single image wait for weights? ---------------------------------------------------------------------------

WIDE = (
    6144,
    4704,
)  # as many weights as the convolution (64 to 64 channels, 3 × 3, 28 × 28) has multiply-adds
ONE_IMAGE = ("alexnet_owt", "vgg11", "vgg16", "resnet18", "resnet50")


def calls(seed: int) -> dict[str, tuple[Callable, Callable]]:
    """What is compared: name -> two calls; the first's time is divided by the second's."""
    torch.manual_seed(seed)
    wide, x, image = torch.randn(WIDE), torch.randn(1, WIDE[1]), torch.randn(1, 64, 28, 28)
    sixteen, images, kernels = (
        torch.randn(16, WIDE[1]),
        torch.randn(16, 64, 28, 28),
        torch.randn(64, 64, 3, 3),
    )
    # the same multiply-adds with weights that stay in the cache: 0.5 MB used 224 times, 7 MB 16 times
    small, large = torch.randn(384, 336), torch.randn(1536, 1176)
    square = torch.randn(1024, 1024)

    def many(weights, times):
        part = x[:, : weights.shape[1]].contiguous()
        return lambda: [F.linear(part, weights) for _ in range(times)]

    linear = partial(F.linear, x, wide)
    conv = partial(F.conv2d, image, kernels, padding=1)
    reading = partial(torch.sum, wide)
    return {
        "linear / convolution": (linear, conv),
        "linear / convolution, batch 16": (
            partial(F.linear, sixteen, wide),
            partial(F.conv2d, images, kernels, padding=1),
        ),
        "reading / linear": (reading, linear),
        "reading / convolution": (reading, conv),
        "linear, 7 MB of weights / linear": (many(large, 16), linear),
        "linear, 0.5 MB of weights / linear": (many(small, 224), linear),
        "reading 116 MB / matrix product": (reading, partial(torch.matmul, square, square)),
    }


def compared(pair: str, seed: int) -> list[dict]:
    """The median ratio of one pair of `calls`, or of reading all weights of a network to its forward pass."""
    with torch.inference_mode():
        if pair.startswith("reading all / "):
            torch.manual_seed(seed)
            net = models.build(pair.removeprefix("reading all / ")).eval()
            image, weights = torch.randn(1, 3, 224, 224), list(net.parameters())
            both = (lambda: [p.sum() for p in weights]), partial(net, image)
        else:
            both = calls(seed)[pair]
        repeats = [
            max(1, round(0.03 / min(cpu_seconds(call), cpu_seconds(call)))) for call in both
        ]
        ratios = []
        for k in range(11):
            times = [0.0, 0.0]
            for which in (k % 2, 1 - k % 2):  # alternately, as `measure.ratio` does
                times[which] = cpu_seconds(both[which], repeats[which])
            ratios.append(times[0] / times[1])
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return [{"ratio": median, "low": low, "high": high}]


def cpu_seconds(call: Callable, repeats: int = 1) -> float:
    """Mean time of one call in which this program had the processor: other programs of the same core do not count."""
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats


def reading(repeats: int = 3) -> None:
    """Fills weights_reading.csv."""
    what = (
        "CPU times divided by each other, for one image unless a batch is named, one thread, float32: a linear layer of 4704 to 6144 "
        "and a convolution of equal multiply-adds (64 to 64 channels, 3 × 3, 28 × 28), reading (torch.sum) the linear layer's 116 MB "
        "of weights or all weights of a network, the same multiply-adds with fewer weights used several times, a product of two "
        "matrices of 1024 × 1024; median and quartiles of 11 rounds in turns"
    )
    pairs = [*calls(0), *(f"reading all / {name}" for name in ONE_IMAGE)]
    arms = [dict(pair=pair, seed=seed) for seed in range(repeats) for pair in pairs]
    torch.set_num_threads(1)
    note = "other programs ran on both cores meanwhile, so only ratios are kept"
    published.collect(
        Path(__file__).with_name("weights_reading.csv"),
        what,
        arms,
        compared,
        hardware=hardware(torch.device("cpu")),
        threads=1,
        note=note,
    )


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and measure; if all networks are measured, write the table anew after every row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=["networks", "reading"], default="networks")
    parser.add_argument(
        "--networks", nargs="+", default=NETWORKS, metavar="NAME", help="all without it"
    )
    parser.add_argument("--batches", nargs="+", type=int, metavar="N", help="images in a batch")
    parser.add_argument("--device", help="cpu, cuda or mps; the best there is without it")
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="for each time, and at least five runs"
    )
    here = Path(__file__).parent
    parser.add_argument("--out", type=Path, default=here, help="folder of the table")
    given = parser.parse_args(arguments)
    if given.what == "reading":
        return reading()
    if unknown := [name for name in given.networks if name not in NETWORKS]:
        parser.error(
            f"nothing known of {', '.join(unknown)}: choose from {', '.join(NETWORKS)}"
        )
    if given.batches and min(given.batches) < 1:
        parser.error(f"given a batch of {min(given.batches)} images: give 1 or more")
    device = devices.pick_device(given.device)
    whole = given.networks == NETWORKS and given.batches is None
    chip, start, found = hardware(device), time.perf_counter(), []
    for one in rows(
        given.networks, given.batches or BATCHES[device.type], device, given.seconds
    ):
        found.append(one)
        noisy = (
            " (noisy: do not use this)"
            if one["ms_high"] - one["ms_low"] > 0.2 * one["ms"]
            else ""
        )
        passed = time.perf_counter() - start
        print(
            f"[{passed:4.0f} s] {one['network']}, batch {one['batch']}: {one['ms']:.4g} ms{noisy}",
            flush=True,
        )
        if whole:
            write(found, device, chip, given.out)


if __name__ == "__main__":
    main()
