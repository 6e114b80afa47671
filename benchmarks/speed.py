"""Ours against the libraries a reader would take instead: one table of time ratios, `make bench`.

Each ratio is the time of ours over the time of the reference, both in this process and in turns (`measure.ratio`), as
the median over rounds with its quartiles: below 1 ours is faster.

* networks: every pair that `Architecture.weights` names, with the same weights, the same images and the same memory
  format, without auxiliary heads, at the paper's full image size. forward: eval mode, no gradients. training step:
  forward, backward and SGD with momentum; on a CPU in several sittings with new copies of both.
* a reference against its own copy: what ratio chance alone gives.
* profile: `complexity.profile(resnet152)` against other counters, each called as its documentation shows.
* import: fresh processes, so that the start of Python counts on both sides.
* build: seconds to build and profile every registered network.

On a GPU the networks run in batches of 64, channels last, in 16-bit autocast, as they are and compiled; "of peak" is
2 · macs · images/s over the chip's peak, with three times the macs in a training step (backward: gradients of the
inputs and of the weights). Compiling takes about a minute per network and setting.
"""

import argparse
import copy
import datetime
import functools
import gc
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lecture8 import complexity, measure, models

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
SAME_SPEED = 1.03  # goal of a network's ratio
THREE_TIMES_FASTER = 1 / 3  # goal of profile's ratio, and so against the fastest counter too
BUILD_SECONDS = 15.0
SITTINGS = 6  # of a training step on a CPU
LIBRARIES = ("torch", "torchvision", "timm", "fvcore", "torchinfo", "ptflops")

# Dense 16-bit tensor-core peak in 10¹² operations/s, from NVIDIA's data sheets (T4, L4, A100, H100, H100 NVL, H200);
# those of L4 and Hopper print the number with sparsity, which is twice this one. The first entry that fits counts.
PEAK = {
    "T4": 65, "L4": 121, "A100": 312, "H100 PCIe": 756, "H100 NVL": 835, "H100": 989, "H200 NVL": 835, "H200": 989,
}  # fmt: skip


# --- what is compared ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    """A registered network and the one of another library that takes the same weights."""

    name: str
    option: str  # the option that must be True, or ""
    reference: str  # library/model

    def __str__(self) -> str:
        return f"{self.name}({self.option}=True)" if self.option else self.name

    @property
    def input_size(self) -> tuple[int, int, int]:
        return models.ARCHITECTURES[self.name].input_size

    def build(self) -> nn.Module:
        return models.build(self.name, **({self.option: True} if self.option else {}))

    def build_reference(self) -> nn.Module:
        """The other library's network, without auxiliary heads, random weights."""
        library, name = self.reference.split("/")
        if library == "timm":
            import timm

            return timm.create_model(name, pretrained=False)
        if library == "torchvision":
            import torchvision

            plain = {"aux_logits": False, "transform_input": False, "init_weights": False}
            return torchvision.models.get_model(name, **(plain if name in ("googlenet", "inception_v3") else {}))
        raise ValueError(f"given {self.reference!r} as the reference of {self}; expected torchvision/… or timm/…")


def pairs() -> list[Pair]:
    """Every pair that the registry names."""
    return [
        Pair(name, option, reference)
        for name, architecture in models.ARCHITECTURES.items()
        for option, reference in architecture.weights.items()
    ]


@dataclass(frozen=True)
class Setting:
    """One way to run a network."""

    what: str  # "forward" or "training step"
    batch: int
    compiled: bool = False

    def __str__(self) -> str:
        return f"{self.what}, batch {self.batch}" + (", compiled" if self.compiled else "")


CPU = (Setting("forward", 1), Setting("forward", 8), Setting("training step", 8))
CUDA = tuple(Setting(what, 64, compiled) for compiled in (False, True) for what in ("forward", "training step"))


@dataclass(frozen=True)
class Row:
    """One line of the table; times in seconds. Without a reference the value is seconds, otherwise the ratio."""

    what: str
    ours: float
    reference: float | None
    value: float
    low: float
    high: float
    goal: float | None = None
    of_peak: float | None = None

    @classmethod
    def of(cls, what: str, ratio: measure.Ratio, goal: float | None = None) -> "Row":
        return cls(what, ratio.ours, ratio.reference, ratio.median, ratio.low, ratio.high, goal)

    @property
    def result(self) -> str:
        """met, missed, or missed with quartiles that reach the goal; a dash without a goal."""
        if self.goal is None:
            return "–"
        if self.value <= self.goal:
            return "met"
        return "missed" if self.low > self.goal else "missed, within noise"

    def cells(self) -> list[str]:
        number = "{:.3f}".format if self.reference is not None else _time
        goal = (
            "–" if self.goal is None else "≤ " + ("{:.3g}".format if self.reference is not None else _time)(self.goal)
        )
        reference = "–" if self.reference is None else _time(self.reference)
        ratio = "–" if self.reference is None else number(self.value)
        quartiles = f"{number(self.low)} … {number(self.high)}"
        of_peak = "–" if self.of_peak is None else f"{self.of_peak:.0%}"
        return [self.what, _time(self.ours), reference, ratio, quartiles, goal, self.result, of_peak]


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


# --- networks ------------------------------------------------------------------------------------------------------


def running(net: nn.Module, images: Tensor) -> tuple[list[nn.Module], Tensor]:
    """The modules with weights of their own in the order in which they run, and the logits, both in eval mode."""
    order = []
    owners = [m for m in net.modules() if next(m.parameters(recurse=False), None) is not None]
    hooks = [m.register_forward_pre_hook(lambda module, _: order.append(module)) for m in owners]
    with torch.inference_mode():
        logits = net.eval()(images)
    for hook in hooks:
        hook.remove()
    return order, logits


def same_weights(source: nn.Module, target: nn.Module, images: Tensor) -> bool:
    """Copies weights from module to module of the same shapes, in running order; whether the logits are the same then.

    Only then do both do the same arithmetic: very small numbers (denormals) are slow, and so would be one side.
    """

    def form(module: nn.Module) -> tuple:
        return tuple((name, tuple(value.shape)) for name, value in module.state_dict().items())

    waiting = defaultdict(list)
    order, expected = running(source, images)
    for module in order:
        waiting[form(module)].append(module)
    for module in running(target, images)[0]:
        if waiting[form(module)]:
            module.load_state_dict(waiting[form(module)].pop(0).state_dict())
    logits = running(target, images)[1]
    return bool(torch.isfinite(expected).all()) and torch.allclose(logits, expected, 1e-3, 1e-3 * float(expected.std()))


def runner(net: nn.Module, setting: Setting, images: Tensor, labels: Tensor) -> Callable[[], object]:
    """A function that runs the network once in this setting."""
    call = torch.compile(net) if setting.compiled else net
    # 16 bits: bfloat16 where the chip computes in it (Ampere and newer), half precision on a T4, timed without scaler
    half = images.is_cuda and (torch.bfloat16 if torch.cuda.get_device_capability() >= (8, 0) else torch.float16)
    precision = functools.partial(torch.autocast, "cuda", half) if half else nullcontext

    if setting.what == "forward":
        net.eval()

        @torch.inference_mode()
        def run():
            with precision():
                call(images)
    else:
        net.train()
        optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)

        def run():
            optimizer.zero_grad()
            with precision():
                loss = F.cross_entropy(call(images), labels)
            loss.backward()
            optimizer.step()

    return run


def rounds_for(call: Callable[[], object]) -> int:
    """As many rounds as fit into 15 seconds, from 3 to 15."""
    start = time.perf_counter()
    call()
    return max(3, min(15, int(15 / (2 * (time.perf_counter() - start)))))


def in_sittings(
    first: nn.Module, second: nn.Module, setting: Setting, images: Tensor, labels: Tensor, *, rounds: int
) -> measure.Ratio:
    """The ratio over several sittings, each with new copies of both networks; the quartiles are those of the sittings.

    On a CPU a training step takes gigabytes, and where these happen to lie makes one copy of a network up to a fifth
    slower than another, as long as it lives: more rounds with the same two copies would only make that look certain.
    """
    found = []
    for sitting in range(SITTINGS):
        order = [first, second] if sitting % 2 == 0 else [second, first]
        copies = [copy.deepcopy(net) for net in order]
        a, b = (runner(net, setting, images, labels) for net in (copies if sitting % 2 == 0 else copies[::-1]))
        found.append(measure.ratio(a, b, rounds=rounds, warmup=1))
        del a, b, copies
        gc.collect()
    low, median, high = statistics.quantiles([ratio.median for ratio in found], n=4, method="inclusive")
    ours, reference = (statistics.median(getattr(ratio, side) for ratio in found) for side in ("ours", "reference"))
    runs = sum(ratio.runs for ratio in found)
    return replace(found[0], median=median, low=low, high=high, runs=runs, ours=ours, reference=reference)


def compare(
    pair: Pair, settings: tuple[Setting, ...], device: str, *, rounds: int | None, twice: bool
) -> Iterator[Row]:
    """A row per setting; `twice`: then the same rows for the reference against its own copy."""
    generator = torch.Generator().manual_seed(0)
    batch = max(setting.batch for setting in settings)
    images = torch.randn(batch, *pair.input_size, generator=generator)
    labels = torch.randint(1000, (batch,), generator=generator).to(device)
    ours, reference = pair.build(), pair.build_reference()
    star = "" if same_weights(ours, reference, images[:1]) else " *"
    macs = complexity.profile(ours, pair.input_size).macs
    peak = chip_peak(torch.cuda.get_device_name()) if device == "cuda" else None
    form = torch.channels_last if device == "cuda" else torch.contiguous_format
    images, ours, reference = (x.to(device, memory_format=form) for x in (images, ours, reference))

    def rows(first: nn.Module, second: nn.Module) -> Iterator[tuple[Setting, measure.Ratio]]:
        for setting in settings:
            if setting.compiled:
                torch.compiler.reset()
            inputs = images[: setting.batch], labels[: setting.batch]
            if device == "cpu" and setting.what == "training step":
                yield setting, in_sittings(first, second, setting, *inputs, rounds=rounds or 2)
                continue
            a, b = runner(first, setting, *inputs), runner(second, setting, *inputs)
            many = rounds or (15 if device == "cuda" else rounds_for(b))
            yield setting, measure.ratio(a, b, rounds=many, warmup=1)

    for setting, ratio in rows(ours, reference):
        row = Row.of(f"{pair}, {setting}{star}", ratio, SAME_SPEED)
        if peak:
            work = 2 * macs * setting.batch * (1 if setting.what == "forward" else 3)
            row = replace(row, of_peak=work / ratio.ours / peak)
        yield row
    if twice:
        for net in (ours, reference):
            net.zero_grad()
        del ours, net
        for setting, ratio in rows(copy.deepcopy(reference), reference):
            yield Row.of(f"{pair.reference} against itself, {setting}", ratio)


def chip_peak(name: str) -> float | None:
    """Operations per second that the data sheet of this GPU promises in 16 bits; None if it is not in the table."""
    words = re.split(r"[ -]", name)
    if "MIG" in words:  # a slice of the chip
        return None
    return next((peak * 1e12 for chip, peak in PEAK.items() if set(chip.split()) <= set(words)), None)


# --- the rest ------------------------------------------------------------------------------------------------------


def counters() -> dict[str, Callable[[nn.Module, tuple[int, int, int]], int]]:
    """Other counters of multiply-adds, by name; their conventions differ a little, so their numbers do too."""
    import fvcore.nn
    import ptflops
    import torchinfo
    from torch.utils.flop_counter import FlopCounterMode

    def fvcore_counter(net, size):
        count = fvcore.nn.FlopCountAnalysis(net, torch.randn(1, *size))
        return count.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total()

    def torchinfo_counter(net, size):
        return torchinfo.summary(net, input_size=(1, *size), device="cpu", verbose=0).total_mult_adds

    def ptflops_counter(net, size, backend):
        quiet = {"as_strings": False, "print_per_layer_stat": False}
        return ptflops.get_model_complexity_info(net, size, backend=backend, **quiet)[0]

    def torch_counter(net, size):
        with FlopCounterMode(display=False) as count, torch.no_grad():
            net(torch.randn(1, *size))
        return count.get_total_flops() // 2

    return {
        "fvcore": fvcore_counter,
        "torchinfo": torchinfo_counter,
        "ptflops": functools.partial(ptflops_counter, backend="pytorch"),
        "ptflops (aten)": functools.partial(ptflops_counter, backend="aten"),
        "torch.utils.flop_counter": torch_counter,
    }


def profile_rows(rounds: int | None) -> Iterator[Row]:
    """`complexity.profile(resnet152)` against every other counter."""
    net, size = models.build("resnet152").eval(), (3, 224, 224)
    for name, counter in counters().items():
        theirs = functools.partial(counter, net, size)
        ratio = measure.ratio(lambda: complexity.profile(net, size), theirs, rounds=rounds or rounds_for(theirs))
        yield Row.of(f"profile resnet152, {name}", ratio, THREE_TIMES_FASTER)


def import_rows(rounds: int | None) -> Iterator[Row]:
    """Fresh processes that import ours and torch; ours contains torch in the last two."""
    # compiled bytecode is kept, as on a user's machine
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def fresh(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=ROOT)

    torch_alone = fresh("import torch")
    for what, code in {
        "import lecture8": "import lecture8",
        "import models, complexity, datasets, training": "from lecture8 import models, complexity, datasets, training",
        "import all modules": "from lecture8 import *",
    }.items():
        yield Row.of(
            f"{what}, import torch", measure.ratio(fresh(code), torch_alone, rounds=rounds or rounds_for(torch_alone))
        )


def build_rows(rounds: int | None) -> Iterator[Row]:
    """Seconds to build and profile every registered network."""
    seconds = []
    for _ in range(rounds or 3):
        start = time.perf_counter()
        for name, architecture in models.ARCHITECTURES.items():
            complexity.profile(models.build(name), architecture.input_size)
        seconds.append(time.perf_counter() - start)
    low, median, high = torch.tensor(seconds).quantile(torch.tensor([0.25, 0.5, 0.75])).tolist()
    yield Row(
        f"build and profile all {len(models.ARCHITECTURES)} networks", median, None, median, low, high, BUILD_SECONDS
    )


OTHERS = {"profile": profile_rows, "import": import_rows, "build": build_rows}


def measurements(only: list[str], device: str, rounds: int | None) -> Iterator[Row]:
    """All rows, or those of these networks and other measurements; one pair of networks is in memory at a time."""
    chosen = [pair for pair in pairs() if not only or pair.name in only]
    by_cost = sorted(chosen, key=lambda pair: models.ARCHITECTURES[pair.name].macs)
    twice = {by_cost[0], by_cost[len(by_cost) // 2]} if chosen else ()
    for pair in chosen:
        yield from compare(pair, CUDA if device == "cuda" else CPU, device, rounds=rounds, twice=pair in twice)
        gc.collect()
        if device == "cuda":
            torch.cuda.empty_cache()
    for name, rows in OTHERS.items():
        if not only or name in only:
            yield from rows(rounds)


# --- the report ----------------------------------------------------------------------------------------------------

HEAD = ["ours, reference", "time of ours", "of reference", "ratio", "quartiles", "goal", "result", "of peak"]


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table that reads well as it is too."""
    lines = [HEAD, *(row.cells() for row in rows)]
    if all(row.of_peak is None for row in rows):
        lines = [line[:-1] for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "| " + " | ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return "\n".join([text[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *text[1:]])


def remarks(rows: list[Row]) -> str:
    """How many goals are met, what chance alone gives, and what a star means."""
    goals = [row for row in rows if row.goal is not None]
    said = [f"{sum(row.result == 'met' for row in goals)} of {len(goals)} goals met."]
    chance = [row for row in rows if "against itself" in row.what]
    if chance:
        low, high = min(row.low for row in chance), max(row.high for row in chance)
        values = [row.value for row in chance]
        said.append(
            f"Chance alone (a network against its copy): ratios from {min(values):.3f} to {max(values):.3f}, "
            f"quartiles from {low:.3f} to {high:.3f}."
        )
    if any(row.what.endswith("*") for row in rows):
        said.append("* The weights could not be matched: the logits differ, and so may the numbers computed with.")
    return " ".join(said)


def machine(device: str) -> str:
    """Date, processor and GPU, threads, load and versions, in one line."""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():  # Linux tells the model only there
        found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
        cpu = found.group(1) if found else cpu
    gpu = [torch.cuda.get_device_name(), f"CUDA {torch.version.cuda}"] if device == "cuda" else []
    versions = []
    for library in LIBRARIES:
        try:
            versions.append(f"{library} {metadata.version(library)}")
        except metadata.PackageNotFoundError:
            versions.append(f"no {library}")
    where = [*gpu, cpu, f"processors: {os.cpu_count()}, threads: {torch.get_num_threads()}", platform.system()]
    if hasattr(os, "getloadavg"):  # what other programs take shows in the times, most of all in short ones
        where.append(f"load {os.getloadavg()[0]:.1f} at the start")
    date = datetime.date.today().isoformat()
    return ", ".join([date, *where, f"Python {platform.python_version()}", *versions])


def main(arguments: list[str] | None = None) -> None:
    choices = [*dict.fromkeys(pair.name for pair in pairs()), *OTHERS]
    parser = argparse.ArgumentParser(description="Times of ours over times of other libraries.")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help=f"some of: {', '.join(choices)}")
    parser.add_argument("--rounds", type=int, help="timings of each; without it as many as fit into 15 s, from 3 to 15")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--write", nargs="?", type=Path, const=RESULTS, metavar="FILE", help="append the table to benchmarks/RESULTS.md"
    )
    given = parser.parse_args(arguments)
    for name in given.only:
        if name not in choices:
            parser.error(f"nothing named {name!r} is compared: choose from {', '.join(choices)}")
    if given.rounds is not None and given.rounds < 1:
        parser.error(f"given --rounds {given.rounds}; expected 1 or more")
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("no GPU that PyTorch can use: leave --device out")

    torch.manual_seed(0)
    about, start, rows = machine(given.device), time.perf_counter(), []
    print(about, flush=True)
    for row in measurements(given.only, given.device, given.rounds):
        rows.append(row)
        what, *cells = row.cells()
        print(f"[{time.perf_counter() - start:5.0f} s] {what}: {'  '.join(cells)}", flush=True)
    report = f"{table(rows)}\n\n{remarks(rows)}\n"
    print(f"\n{report}")
    if given.write:
        fresh = not given.write.exists()
        with given.write.open("a", encoding="utf-8") as file:
            file.write("# Times of ours over times of other libraries (`make bench`)\n" if fresh else "")
            file.write(f"\n## {about}\n\n{report}")
        print(f"Appended to {given.write}")


if __name__ == "__main__":
    main()
