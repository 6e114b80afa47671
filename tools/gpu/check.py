"""Everything that needs a GPU, in ten minutes on one chip and in the order of its value: `make test-gpu`.

    python -m tools.gpu.check [--minutes 9.5] [--only facts timings] [--cifar cifar10.tar.xz] [--device cpu]

Each part is a process of its own, each step has a time limit, and so has the whole; what is found is in a few files
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
TESTED = [f"tests/test_{name}.py" for name in "training recovery measure transfer datasets papers scale models".split()]


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

    def verdict(self) -> str:
        """How it ended, and unless all is well the last lines of what it said."""
        said, code = self.log.read_text("utf-8", errors="replace").strip().splitlines(), self.process.returncode
        verdict = "stopped" if self.asked else f"failed ({code})" if code else "ok"
        end = [line[:200] for line in said[-8:] if verdict != "ok"]
        return "\n      ".join([f"{verdict}, {time.time() - self.start:.0f} s", *end])


class Check:
    """Runs parts; what is found is in the folder `out`, their own files beside it in `work`."""

    def __init__(self, out: Path, minutes: float, device: str = ""):
        self.out, self.work, self.verdicts = out, out.with_name(f"{out.name}-work"), {}
        self.begin, self.kept, self.end = time.time(), 0.0, time.time() + 60 * minutes - GRACE - 1
        path = conditions.python_path(conditions.ROOT)  # it need not be installed
        self.environment = {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1",
                            "LECTURE8_DEVICE": device, "LECTURE8_TEST_DEVICE": device}  # fmt: skip
        shutil.rmtree(self.work, ignore_errors=True)
        for folder in (out, self.work):
            folder.mkdir(parents=True, exist_ok=True)

    def run(self, commands: dict[str, list], seconds: float) -> bool:
        """Runs these until they end or the time is up, one for each processor at a time; whether all went well."""
        deadline, waiting, running = min(self.end, time.time() + seconds), [*commands], []
        try:
            while running or (waiting and time.time() < deadline):
                while waiting and time.time() < deadline and len(running) < max(2, os.cpu_count() or 1):
                    name = waiting.pop(0)
                    running.append(Job(name, commands[name], self.work / f"{name}.log", self.environment))
                for job in [job for job in running if job.ended()]:
                    running.remove(job)
                    self.note({job.name: job.verdict()})
                self.note({})
                for job in running:
                    if time.time() > deadline + GRACE * job.asked:
                        job.stop(signal.SIGKILL if job.asked else signal.SIGTERM)
                time.sleep(0.1)
        finally:
            for job in running:
                job.stop(signal.SIGKILL)
        self.note(dict.fromkeys(waiting, "not begun"))
        return all(self.verdicts[name].startswith("ok") for name in commands)

    def note(self, verdicts: dict[str, str]) -> None:
        """Adds how parts ended, and writes the files anew if one did or ten seconds are over."""
        for name, verdict in verdicts.items():
            print(f"[{time.time() - self.begin:4.0f} s] {name}: {verdict.splitlines()[0]}", flush=True)
        self.verdicts |= verdicts
        if not verdicts and time.time() < self.kept + 10:
            return
        self.kept = time.time()
        found = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(self.work.glob("*.json"))}
        logs = {path.stem: path.read_text("utf-8", errors="replace") for path in sorted(self.work.glob("*.log"))}
        files = {"summary.txt": self.summary(found), "findings.json": json.dumps(found, indent=1, ensure_ascii=False),
                 "log.txt": "\n".join(f"=== {name}\n{text[-1_000_000:]}" for name, text in logs.items())}  # fmt: skip
        for name, text in files.items():
            (self.out / name).write_text(text, encoding="utf-8")

    def summary(self, found: dict[str, dict]) -> str:
        """What to look at, then what was measured, then what is fine."""
        said = [(verdict.startswith("ok"), f"{name}: {verdict}") for name, verdict in self.verdicts.items()]
        said += [(fine, f"{name}: {text}") for name, one in found.items() for fine, text in one["findings"]]
        heads = {"To look at": False, "Measured": None, "Fine": True}
        parts = {head: [text for fine, text in said if fine is which] for head, which in heads.items()}
        return "\n".join(f"{head} ({len(some)})\n" + "".join(f"  {s}\n" for s in some) for head, some in parts.items())


def commands(step: str, check: Check, cifar: Path | None, epochs: int = 20) -> dict[str, list]:
    """The parts of a step: name -> command."""
    python, lessons = [sys.executable, "-m"], "lecture8.lessons"
    if step.startswith("notebook"):
        late = step == "notebook09"  # it measures times: alone, and as it is
        books = [source for source in notebooks.sources() if (source.stem[:2] == "09") == late]
        runs = {f"{s.stem}-{kind}": (s, kind) for kind in ("native", "as-t4")[: 1 if late else 2] for s in books}
        return {name: [*python, "tools.gpu.notebook", check.work / f"{name}.json", *run] for name, run in runs.items()}
    if step == "tests":
        more = ["-n", "4", "--dist", "loadfile"] if util.find_spec("xdist") else []
        return {
            step: [*python, "pytest", "-v", "--tb=short", "-p", "no:cacheprovider", *more, *TESTED, "tests/lessons"]
        }
    if step == "overhead":
        return {step: [*python, "benchmarks.overhead", "--rounds", "5"]}
    if step == "reference":
        return {step: [*python, f"{lessons}.l09_complexity.experiments", "--seconds", "0.2", "--out", check.out]}
    if step == "unpack":
        return {step: ["tar", "-xf", cifar.resolve(), "-C", check.work]} if cifar.is_file() else {}
    if step == "cifar":
        place = ["env", f"LECTURE8_DATA={check.work if cifar.is_file() else cifar.resolve().parent}"]
        run = [*place, *python, f"{lessons}.l06_resnet.experiments", step, "--seeds", "1", "--epochs", epochs]
        nets = [(kind, depth) for depth in (20, 56) for kind in ("plain", "A")]
        return {f"{step}-{k}-{d}": [*run, "--kinds", k, "--depths", d, "--out", check.out] for k, d in nets}
    return {step: [*python, "tools.gpu.parts", step, check.work / f"{step}.json"]}


def main(arguments: list[str] | None = None) -> int:
    """The command line; 1 if there is something to look at, else 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--out", type=Path, default=conditions.ROOT / "build" / "gpu", help="folder of what is found")
    add("--minutes", type=float, default=9.5, help="for all of it (9.5)")
    add("--only", nargs="+", default=[*STEPS], choices=STEPS, metavar="STEP", help=f"of {', '.join(STEPS)}")
    add("--cifar", type=Path, help="an archive of a folder cifar10, or that folder")
    add("--epochs", type=int, default=20, help="on CIFAR-10 (20); a run that was stopped resumes with the same call")
    add("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: a trial without a GPU")
    given = parser.parse_args(arguments)
    if given.cifar and not given.cifar.exists():
        parser.error(f"there is no {given.cifar}: give an archive of a folder cifar10, or that folder")
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # and `run` ends what it started
    check = Check(given.out.resolve(), given.minutes, "cpu" if given.device == "cpu" else "")
    chosen = {"facts", *given.only} | ({"unpack"} if "cifar" in given.only else set())
    chosen = [step for step in STEPS if step in chosen and (given.cifar or step not in ("unpack", "cifar"))]
    while chosen:
        steps = [step for step in chosen if step in TOGETHER] if chosen[0] in TOGETHER else chosen[:1]
        chosen = [step for step in chosen if step not in steps]
        seconds = max(STEPS[step] for step in steps) if chosen else 60 * given.minutes  # the last one gets what is left
        if steps == ["reference"] and "cifar" in chosen:
            seconds = min(seconds, check.end - FOR_CIFAR - time.time())
        parts = {n: c for step in steps for n, c in commands(step, check, given.cifar, given.epochs).items()}
        if not check.run(parts, seconds) and steps == ["facts"]:
            break  # without a GPU there is nothing to check
    print("", said := (check.out / "summary.txt").read_text("utf-8"), f"in {check.out}", sep="\n")
    return int(not said.startswith("To look at (0)"))


if __name__ == "__main__":
    sys.exit(main())
