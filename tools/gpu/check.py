"""Everything that needs a GPU, in ten minutes on one chip and in the order of its value: `make test-gpu`.

    python -m tools.gpu.check [--minutes 9.5] [--only facts timings] [--cifar cifar10.tar.xz] [--device cpu]

Each part is a process of its own, each step has a time limit, and so has the whole; what is found is in eight files
below build/gpu within ten seconds. CONTRIBUTING.md says how to read them, and what to bring along without a network.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from importlib import util
from pathlib import Path

from tools.build import conditions, notebooks

# step -> the seconds that it may take, in this order; those in TOGETHER run at the same time, the others alone
STEPS = {"facts": 30, "notebooks": 150, "functions": 150, "tests": 150, "unpack": 150, "notebook09": 60, "timings": 75,
         "speed": 100, "overhead": 30, "reference": 150, "cifar": 600}  # fmt: skip
TOGETHER = ("notebooks", "functions", "tests", "unpack")
FOR_CIFAR, GRACE = 200, 5.0  # seconds: kept for it; between asking a process to end and ending it
LOGS = {"tests.log": ["tests"], "timings.txt": ["facts", "timings", "speed", "overhead", "reference"]}  # file -> parts
FILES = (*LOGS, "summary.txt", "summary.json", "notebooks.json", "findings.json", "reference_cuda.csv", "cifar.csv")
TESTED = "training recovery measure transfer datasets papers scale models".split()  # then the lessons' tests


class Job:
    """A process in a group of its own, with its output in a file."""

    def __init__(self, name: str, command: list, log: Path, environment: dict[str, str]):
        self.name, self.log, self.start, self.asked = name, log, time.time(), False
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                list(map(str, command)), cwd=conditions.ROOT, env={**os.environ, **environment}, stdout=file,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def ended(self) -> bool:
        """Whether it has; then nothing of its group runs any more."""
        if os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return False
        os.killpg(self.process.pid, signal.SIGKILL)  # the number is the group's own until `wait` gives it back
        return self.process.wait() is not None

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.asked = True
        os.killpg(self.process.pid, number)

    def result(self) -> dict:
        verdict = "stopped" if self.asked else f"failed ({code})" if (code := self.process.returncode) else "ok"
        said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        shown = {"ok": 0, "stopped": 2}.get(verdict, 8)
        return row(self.name, verdict, time.time() - self.start, said[max(0, len(said) - shown) :])


def row(part: str, verdict: str, seconds: float = 0, end: list[str] | None = None) -> dict:
    """What summary.json says of a part."""
    return {"part": part, "verdict": verdict, "seconds": round(seconds, 1), "end": end or []}


class Check:
    """Runs parts, and keeps the files in the folder `out` up to date; `bad`: whether there is something to look at.

    work: a folder for what belongs to single parts, made anew
    """

    def __init__(self, out: Path, work: Path, minutes: float, device: str = ""):
        self.out, self.work, self.found, self.bad = out, work, [], False
        self.begin, self.kept = time.time(), 0.0
        self.end = self.begin + 60 * minutes - GRACE - 1
        paths = [str(conditions.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]  # it need not be installed
        self.environment = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1",
                            "LECTURE8_DEVICE": device, "LECTURE8_TEST_DEVICE": device}  # fmt: skip
        shutil.rmtree(work, ignore_errors=True)
        for folder in (out, work):
            folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (out / name).unlink(missing_ok=True)  # of an earlier run; whatever else is there stays

    def run(self, commands: dict[str, list], seconds: float) -> bool:
        """Runs these until they end or the time is up, one for each processor at a time; whether all went well."""
        deadline, waiting, running, before = min(self.end, time.time() + seconds), [*commands], [], len(self.found)
        try:
            while waiting or running:
                while waiting and time.time() < deadline and len(running) < max(2, os.cpu_count() or 1):
                    name = waiting.pop(0)
                    running.append(Job(name, commands[name], self.work / f"{name}.log", self.environment))
                for job in [job for job in running if job.ended()]:
                    running.remove(job)
                    self.note(job.result())
                for job in running:
                    if time.time() > deadline + GRACE * job.asked:
                        job.stop(signal.SIGKILL if job.asked else signal.SIGTERM)
                if waiting and time.time() >= deadline:
                    self.note(*(row(name, "not begun") for name in waiting))
                    waiting = []
                if time.time() > self.kept + 10:
                    self.note()
                time.sleep(0.1)
        finally:
            for job in running:
                job.stop(signal.SIGKILL)
        return all(one["verdict"] == "ok" for one in self.found[before:])

    def note(self, *results: dict) -> None:
        """Adds results of parts, and writes all files anew."""
        for one in results:
            print(f"[{time.time() - self.begin:4.0f} s] {one['part']}: {one['verdict']}", flush=True)
        self.found, self.kept = [*self.found, *results], time.time()
        books = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(self.work.glob("notebook *.json"))}
        tables = [path.read_text().splitlines(True) for path in sorted(self.work.glob("cifar *.csv"))]
        texts = {"summary.txt": self.summary(books), "summary.json": json.dumps(self.found, indent=1),
                 "notebooks.json": json.dumps(books, indent=1, ensure_ascii=False)}  # fmt: skip
        if tables:
            texts["cifar.csv"] = "".join(tables[0][:1] + [line for table in tables for line in table[1:]])
        for name, parts in LOGS.items():
            logs = [path for path in (self.work / f"{part}.log" for part in parts) if path.exists()]
            texts[name] = "\n".join(log.read_text("utf-8", errors="replace")[-3_000_000:] for log in logs)
        for name, text in texts.items():
            (self.out / name).write_text(text, encoding="utf-8")

    def summary(self, books: dict) -> str:
        """What to look at, then what was measured, then what is fine."""
        bad, numbers, fine = [], [], []
        for one in self.found:
            (fine if one["verdict"] == "ok" else bad).append(f"{one['part']}: {one['verdict']}, {one['seconds']} s")
            bad += [f"    {text[:200]}" for text in one["end"]]
        for name, book in books.items():
            bad += [f"{name}: {text}" for text in book["findings"]]
            numbers.append(f"{name}: {book['seconds']:.0f} s, slowest cells {book['slowest']}")
        path = self.out / "findings.json"
        for name, one in json.loads(path.read_text("utf-8")).items() if path.exists() else ():
            {True: fine, False: bad, None: numbers}[one["fine"]].append(f"{name}: {one['said']}")
        self.bad = bool(bad)
        parts = {"To look at": bad, "Measured": numbers, "Fine": fine}
        return "\n".join(
            f"{head} ({len(lines)})\n" + "".join(f"  {x}\n" for x in lines) for head, lines in parts.items()
        )


def commands(step: str, check: Check, cifar: Path | None) -> dict[str, list]:
    """The parts of a step: name -> command."""
    python, part = [sys.executable, "-m"], [sys.executable, "-m", "tools.gpu.parts"]
    if step.startswith("notebook"):
        late = step == "notebook09"  # it measures times: alone, and as it is
        books = [source for source in notebooks.sources() if (source.stem[:2] == "09") == late]
        runs = [(source, kind) for kind in ("native", "as-t4")[: 1 if late else 2] for source in books]
        return {f"notebook {s.stem} {kind}": [*python, "tools.gpu.notebook", s, kind, check.work] for s, kind in runs}
    if step == "tests":
        workers = ["-n", "4", "--dist", "loadfile"] if util.find_spec("xdist") else []
        files = [*(f"tests/test_{name}.py" for name in TESTED), "tests/lessons"]
        return {step: [*python, "pytest", "-v", "--tb=short", "-p", "no:cacheprovider", *workers, *files]}
    if step == "overhead":
        device = check.environment["LECTURE8_DEVICE"] or "cuda"
        return {step: [*python, "benchmarks.overhead", "--device", device, "--rounds", "5"]}
    if step == "unpack":
        return {step: ["tar", "-xf", cifar.resolve(), "-C", check.work]} if cifar.is_file() else {}
    if step == "cifar":
        part[:0] = ["env", f"LECTURE8_DATA={check.work if cifar.is_file() else cifar.resolve().parent}"]
        nets = [(kind, depth) for depth in (20, 56) for kind in ("plain", "A")]
        return {f"cifar {kind} {depth}": [*part, step, check.work, check.end - 10, kind, depth] for kind, depth in nets}
    return {step: [*part, step, check.out]}


def main(arguments: list[str] | None = None) -> int:
    """The command line; 1 if there is something to look at, else 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=conditions.ROOT / "build" / "gpu")
    parser.add_argument("--minutes", type=float, default=9.5, help="for all of it (9.5)")
    parser.add_argument(
        "--only", nargs="+", default=[*STEPS], choices=STEPS, metavar="STEP", help=f"of {', '.join(STEPS)}"
    )
    parser.add_argument("--cifar", type=Path, help="an archive of a folder cifar10, or that folder")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: a trial without a GPU")
    given = parser.parse_args(arguments)
    if given.cifar and not given.cifar.exists():
        parser.error(f"there is no {given.cifar}: give an archive of a folder cifar10, or that folder")
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # and `run` ends what it started
    check = Check(
        given.out.resolve(),
        conditions.ROOT / "build" / "gpu-work",
        given.minutes,
        "cpu" if given.device == "cpu" else "",
    )
    chosen = {"facts", *given.only} | ({"unpack"} if "cifar" in given.only else set())
    chosen = [step for step in STEPS if step in chosen and (given.cifar or step not in ("unpack", "cifar"))]
    while chosen:
        steps = [step for step in chosen if step in TOGETHER] if chosen[0] in TOGETHER else chosen[:1]
        chosen = [step for step in chosen if step not in steps]
        seconds = max(STEPS[step] for step in steps) if chosen else 60 * given.minutes  # the last one gets what is left
        if steps == ["reference"] and "cifar" in chosen:
            seconds = min(seconds, check.end - FOR_CIFAR - time.time())
        parts = {name: command for step in steps for name, command in commands(step, check, given.cifar).items()}
        if not check.run(parts, seconds) and steps == ["facts"]:
            break  # without a GPU there is nothing to check
    print("", (check.out / "summary.txt").read_text("utf-8"), f"in {check.out}", sep="\n")
    return int(check.bad)


if __name__ == "__main__":
    sys.exit(main())
