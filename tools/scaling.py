"""What ImageNet takes on 1, 8 and 64 GPUs, on paper: the tables of docs/scaling.md, from sourced and measured numbers.

python -m tools.scaling                      prints the tables
python -m tools.scaling measure FOLDER       how many photographs a second one core of this machine decodes
"""

import argparse
import os
import platform
import resource
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lecture8 import complexity, models

ROOT = Path(__file__).resolve().parents[1]

IMAGES, EPOCHS = 1_281_167, 90  # of ImageNet's training set; of the usual recipe
MB, GB = 1e6, 1e9

# Images a second of training ResNet-50 (v1.5) on one GPU, and the batch they were measured with. README of
# PyTorch/Classification/ConvNets/resnet50v1.5 in NVIDIA's DeepLearningExamples; the last two from that of
# NVIDIADeepLearningExamples/PyTorch/resnet50v1.5 in Oneflow's DLPerf.
A100, A100_TF32, V100, V100_FP32 = (2470, 256), (938, 256), (802.9, 256), (367.29, 128)

# Bytes a second, each way. NVLink 3: 600 GB/s both ways together. Networks: the bits of their names / 8.
NVLINK, IB_8_HDR, IB_100, ETHERNET_10 = 300 * GB, 8 * 200 / 8 * GB, 100 / 8 * GB, 10 / 8 * GB

# Photographs of 500 × 375 pixels (81 KB) that one core reads, crops and flips in a second of its own time: measured
# with `measure`, 24 November 2026, AMD EPYC with AVX2, Pillow 13.0, torchvision 0.29.
DECODED = 309


@dataclass(frozen=True)
class Cluster:
    """`gpus` in machines of 8 at most; `link` is the narrowest on the ring, bytes a second, None for one GPU."""

    gpus: int
    between: str
    link: float | None
    batch: int  # of all GPUs together

    def step(self, images_per_second: float) -> float:
        """Seconds that a GPU computes at each step, its share of the batch at the rate of one alone."""
        return self.batch / self.gpus / images_per_second

    def all_reduce(self, params: int) -> float:
        """Seconds to sum the gradients of all GPUs around a ring: each sends 2 (n - 1) / n of them, 4 bytes each."""
        return 0 if self.link is None else 2 * (self.gpus - 1) / self.gpus * 4 * params / self.link

    def decoding(self, cores: int) -> float:
        """Seconds that so many cores per GPU decode for each step."""
        return self.batch / self.gpus / (cores * DECODED)


CLUSTERS = [
    Cluster(1, "none", None, 256),
    Cluster(8, "NVLink", NVLINK, 2048),
    Cluster(64, "8 × 200 Gb/s InfiniBand", IB_8_HDR, 8192),
    Cluster(64, "100 Gb/s InfiniBand", IB_100, 8192),
    Cluster(64, "10 Gb/s Ethernet", ETHERNET_10, 8192),
]
PUBLISHED = [  # what, the cluster, one GPU alone, images a second that were measured
    ("8 × A100, mixed precision", Cluster(8, "", NVLINK, 8 * 256), A100, 16_621),
    ("8 × A100, TF32", Cluster(8, "", NVLINK, 8 * 256), A100_TF32, 7_248),
    ("32 × V100, mixed precision", Cluster(32, "", IB_100, 32 * 256), V100, 22_551.16),
    ("32 × V100, FP32", Cluster(32, "", IB_100, 32 * 128), V100_FP32, 10_917.09),
]


def hours(cluster: Cluster, seconds: float) -> float:
    """Of 90 epochs of ImageNet, at so many seconds a step."""
    return EPOCHS * IMAGES / cluster.batch * seconds / 3600


def cluster_table(params: int) -> str:
    """What a step takes, how long a whole run, and what it waits for with 16 and with 4 cores per GPU."""
    lines = [
        "| GPUs | link | batch | computing | all-reduce | decoding with 16 (4) cores "
        "| 90 epochs, 16 cores | waits for the | 90 epochs, 4 cores | waits for the |",
        "|--:|---|--:|--:|--:|--:|--:|---|--:|---|",
    ]
    for c in CLUSTERS:
        parts = {"GPU": c.step(A100[0]), "network": c.all_reduce(params)}
        cells = [str(c.gpus), c.between, f"{c.batch:,}", _ms(parts["GPU"]), _ms(parts["network"])]
        cells.append(f"{_ms(c.decoding(16))} ({c.decoding(4) * 1e3:.1f})")
        for cores in (16, 4):
            times = parts | {"decoding": c.decoding(cores)}
            slowest = max(times, key=times.get)
            best, worst = hours(c, times[slowest]), hours(c, times["network"] + max(times["GPU"], times["decoding"]))
            cells += [_span(best, worst), slowest]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def published_table(params: int) -> str:
    """What others measured beside n times one GPU, and what is left if nothing hides the all-reduce."""
    lines = [
        "| published | one GPU | all GPUs, measured | of n × one | of n × one, if nothing hides the all-reduce |",
        "|---|--:|--:|--:|--:|",
    ]
    for what, c, (rate, _), measured in PUBLISHED:
        step = c.step(rate)
        exposed = step / (step + c.all_reduce(params))
        lines.append(f"| {what} | {rate:,.0f} | {measured:,.0f} | {measured / (c.gpus * rate):.0%} | {exposed:.1%} |")
    return "\n".join(lines)


def needs_table(profile: complexity.Profile) -> str:
    """What one GPU needs at 2,470 images a second, and how much memory a batch takes."""
    rate = A100[0]
    memory = [complexity.memory(models.resnet50(), 224, batch).total / 2**30 for batch in (128, 256)]
    rows = [
        ("gradients summed at every step", f"4 × {profile.params:,} = {4 * profile.params / MB:.1f} MB"),
        ("cores that decode", f"{rate:,} / {DECODED} = {rate / DECODED:.1f}"),
        ("read from disk or memory", f"{rate:,} × 117 KB = {rate * 117e3 / MB:.0f} MB a second"),
        ("sent to the GPU as bytes", f"{rate:,} × 3 × 224 × 224 = {rate * 3 * 224**2 / MB:.0f} MB a second"),
        ("memory in float32, batch 128 (256)", f"{memory[0]:.1f} ({memory[1]:.1f}) GiB"),
    ]
    return "\n".join(["| for each GPU | |", "|---|---|", *(f"| {what} | {much} |" for what, much in rows)])


def tables() -> dict[str, str]:
    """All tables of docs/scaling.md by name."""
    profile = complexity.profile(models.resnet50())
    return {
        "needs": needs_table(profile),
        "clusters": cluster_table(profile.params),
        "published": published_table(profile.params),
    }


def _span(best: float, worst: float) -> str:
    """From so many hours to so many, in minutes where they are few."""
    low, high, unit = (best, worst, "h") if worst >= 2 else (60 * best, 60 * worst, "min")
    digits = 1 if unit == "h" else 0
    ends = sorted({f"{low:.{digits}f}", f"{high:.{digits}f}"}, key=float)
    return f"{' to '.join(ends)} {unit}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms"


# --- measuring ------------------------------------------------------------------------------------------------------


def measure(folder: Path, images: int = 150) -> float:
    """Photographs a second of processor time, one thread: of `folder`, made 500 pixels wide as ImageNet's are.

    Prints the median of five rounds for training and for evaluation; returns that for training.
    """
    import statistics

    import torch
    from PIL import Image

    from lecture8 import streams

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        files = []
        for file in islice(sorted(folder.rglob("*.jpg")), images):
            with Image.open(file) as image:
                factor = 500 / max(image.size)
                large = image.convert("RGB").resize([round(side * factor) for side in image.size], Image.BICUBIC)
            files.append(Path(place) / f"{len(files)}.jpg")
            large.save(files[-1], quality=95, subsampling=0)
        if not files:
            raise SystemExit(f"there is no .jpg in {str(folder)!r} to measure with")
        size = statistics.mean(file.stat().st_size for file in files)
        chip = platform.processor() or platform.machine()
        print(f"{len(files)} photographs, {size / 1e3:.0f} KB; {os.cpu_count()} cores, {chip}")
        found = []
        for name, prepare, spare in (("training", streams._training, 4), ("evaluation", streams._evaluation, 2)):
            transform, rates = prepare(224), []
            for _ in range(6):
                start = _processor_seconds()
                for file in files:
                    transform(streams.read(file, 224, spare))
                rates.append(len(files) / (_processor_seconds() - start))
            found.append(statistics.median(rates[1:]))  # the first round warms up
            print(f"{name}: {found[-1]:.0f} a second ({min(rates[1:]):.0f} to {max(rates[1:]):.0f})")
    return found[0]


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["tables", "measure"], default="tables")
    parser.add_argument("folder", nargs="?", type=Path)
    args = parser.parse_args(argv)
    if args.what == "measure":
        if args.folder is None:
            parser.error("measure needs a folder of photographs")
        measure(args.folder)
        return
    print("\n\n".join(tables().values()))


if __name__ == "__main__":
    main()
