"""The command line from end to end: runs, runs that go on, runs that are refused, several processes, signals."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lecture8 import cli, models, streams, training
from lecture8.training import History

HERE = Path(__file__).parent
DIGITS = ["train", "resnet20", "--width", "4", "--size", "8", "--data", "digits", "--epochs", "3", "--device", "cpu"]


def call(capsys, *argv):
    """Exit code, stdout and stderr of one command in this process."""
    try:
        code = cli.main([str(word) for word in argv])
    except SystemExit as end:
        code = end.code or 0
    out = capsys.readouterr()
    return code, out.out, out.err


def without_times(path):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in History.load(path).rows]


def weights(run):
    return torch.load(run / "weights.pt", weights_only=True)


def same_run(a, b):
    """Whether two runs have the same history and the same weights, to the last bit."""
    assert without_times(a / "history.csv") == without_times(b / "history.csv")
    assert all(torch.equal(x, y) for x, y in zip(weights(a).values(), weights(b).values(), strict=True))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of three epochs on digits that nothing has stopped."""
    run = tmp_path_factory.mktemp("finished") / "run"
    with contextlib.redirect_stdout(None):
        assert cli.main([*DIGITS, "--out", str(run)]) == 0
    return run


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of 40 training, 12 validation and 12 test photographs of two classes, light and dark."""
    root = tmp_path_factory.mktemp("photos")
    for split, count in (("train", 20), ("valid", 6), ("test", 6)):
        for k, name in enumerate(("dark", "light")):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = np.random.default_rng(i).integers(90 * k, 90 * k + 140, (40, 50, 3), np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{i}.jpg")
    return root


# --- list, profile, check ------------------------------------------------------------------------------------------


def test_list_has_every_network(capsys):
    code, out, err = call(capsys, "list")
    assert code == 0 and not err
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert set(models.ARCHITECTURES) <= set(lines)
    assert "train --recipe: plain, alexnet, " in out
    assert lines["resnet50"].split() == [
        "resnet50", "2015", "50", "25,557,032", f"{models.find('resnet50').macs:,}", "3", "x", "224", "x", "224", "yes",
    ]  # fmt: skip
    assert len({len(line) for name, line in lines.items() if name in models.ARCHITECTURES and "yes" in line}) == 1


def test_profile_counts(capsys):
    code, out, err = call(capsys, "profile", "vgg16")
    assert code == 0 and not err
    assert "138,357,544 params" in out and f"{models.find('vgg16').macs:,} macs" in out
    assert out.splitlines()[-1].split()[0] == "classifier"
    code, out, _ = call(capsys, "profile", "vgg16", "--size", "64")
    assert code == 0 and "3 × 64 × 64" in out and "138,357,544 params" not in out


def test_check_says_what_is_missing(capsys, monkeypatch):
    code, out, _ = call(capsys, "check")
    assert code == 0 and out.splitlines()[1].startswith("Python")
    from lecture8 import session

    real = session.metadata.version
    monkeypatch.setattr(session.metadata, "version", lambda name: "0.1" if name == "matplotlib" else real(name))
    code, out, _ = call(capsys, "check")
    assert code == 1 and "pip install -U matplotlib" in out


def test_help_says_what_is_written_and_gives_examples_that_parse(capsys):
    code, out, _ = call(capsys, "train", "--help")
    assert code == 0
    assert all(
        name in out for name in ("settings.json", "history.csv", "checkpoint.pt", "weights.pt", "143", "torchrun")
    )
    examples = out[out.index("examples:") :].replace("\\\n", " ")
    commands = [line.split(" lecture8 ")[1].split() for line in examples.splitlines() if " lecture8 " in line]
    assert len(commands) == 4
    for words in commands[:-1]:  # the last ends in dots
        models.find(cli._parser().parse_args(words).network)


def test_help_costs_nothing():
    ask = "import sys; from lecture8 import cli; cli._parser(); print({'torch', 'pandas'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout == "set()\n"


# --- a run ---------------------------------------------------------------------------------------------------------


def test_run_leaves_what_help_says(finished):
    assert sorted(file.name for file in finished.iterdir()) == [
        "checkpoint.pt", "history.csv", "settings.json", "weights.pt",
    ]  # fmt: skip
    settings = json.loads((finished / "settings.json").read_text(encoding="utf-8"))
    assert settings["network"] == "resnet20" and settings["epochs"] == 3 and settings["lr"] == 0.05
    assert "digits: 1,297 train" in settings["data"]
    history = History.load(finished / "history.csv")
    assert len(history) == 3 and history["train_loss"][-1] < history["train_loss"][0]
    net = models.build("resnet20", num_classes=10, width=4, channels=1)
    training.load_weights(net, finished / "weights.pt")
    from lecture8 import datasets

    test = training.evaluate(net, datasets.digits(size=8), "test", device="cpu")
    said = re.fullmatch(r"loss (\S+), accuracy (\S+), 300 images", history.meta["test"])
    assert float(said[2]) == test.accuracy
    assert float(said[1]) == pytest.approx(test.loss, rel=1e-6)  # the last digits depend on how weights lie in memory


def test_table_at_the_end(finished, capsys):
    """A finished run that is started again says so, trains nothing, and prints the same table."""
    before = (finished / "weights.pt").read_bytes()
    code, out, err = call(capsys, *DIGITS, "--out", finished)
    assert code == 0 and not err
    assert "3 epochs are done, and 3 were asked for" in out
    history = History.load(finished / "history.csv")
    lines = out.splitlines()
    start = next(i for i, line in enumerate(lines) if "valid accuracy" in line)
    for line, row in zip(lines[start + 1 : start + 4], history.rows, strict=True):
        assert line.split()[:3] == [str(row["epoch"]), f"{row['train_loss']:.4f}", f"{row['train_accuracy']:.2%}"]
    assert lines[-2].startswith("test: loss ") and lines[-1].endswith(
        "holds checkpoint.pt, history.csv, settings.json, weights.pt"
    )
    assert (finished / "weights.pt").read_bytes() == before


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (["--lr", "0.01"], "its lr is 0.05, and now it is 0.01"),
        (["--batch-size", "64"], "its batch_size is 128, and now it is 64"),
        (["--seed", "1"], "its seed is 0, and now it is 1"),
        (["--epochs", "4"], "its epochs is 3, and now it is 4"),
        (["--size", "16"], "its data is 'digits: .* 1 × 8 × 8, .*, and now it is 'digits: .* 1 × 16 × 16"),
    ],
)
def test_other_settings_are_refused(finished, capsys, changed, sentence):
    code, out, err = call(capsys, *DIGITS, *changed, "--out", finished)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert re.search(f"holds a run with other settings: {sentence}.*give another --out", err), err


def test_settings_that_were_refused_may_be_corrected(tmp_path, capsys):
    run = tmp_path / "run"
    assert call(capsys, *DIGITS, "--epochs", "1", "--accumulate", "2", "--sync-bn", "--out", run)[0] == 2
    code, _, err = call(capsys, *DIGITS, "--epochs", "1", "--out", run)
    assert (code, err) == (0, "")
    (run / "checkpoint.pt").unlink()  # as fit advises where it is damaged
    assert call(capsys, *DIGITS, "--epochs", "1", "--seed", "1", "--out", run)[0] == 0
    assert json.loads((run / "settings.json").read_text(encoding="utf-8"))["seed"] == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_stopped_run_goes_on_as_if_never_stopped(finished, tmp_path, capsys, monkeypatch, number, code):
    run, save, asked = tmp_path / "run", History.save, []

    def save_and_ask_once(history, path):
        save(history, path)
        if not asked:
            asked.append(signal.raise_signal(number))

    monkeypatch.setattr(History, "save", save_and_ask_once)
    stopped, out, err = call(capsys, *DIGITS, "--out", run)
    assert (stopped, err) == (code, "")
    assert "The same command goes on from there." in out and not (run / "weights.pt").exists()
    assert len(History.load(run / "history.csv")) == 1
    monkeypatch.undo()
    assert call(capsys, *DIGITS, "--out", run)[0] == 0
    same_run(run, finished)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM")
def test_terminated_program_goes_on(finished, tmp_path, capsys):
    """The real thing: another process, and SIGTERM a while after the first checkpoint."""
    run = tmp_path / "run"
    command = [sys.executable, "-m", "lecture8", *DIGITS, "--out", str(run)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: (run / "checkpoint.pt").exists(), process)
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    assert err == "" and "Stopped " in out and "The same command goes on" in out
    assert call(capsys, *DIGITS, "--out", run)[0] == 0
    same_run(run, finished)


def until(ready, process, seconds=120):
    end = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


def test_diverged_run_ends_with_1_and_what_to_try(tmp_path, capsys):
    code, _, err = call(capsys, *DIGITS, "--lr", "1e20", "--out", tmp_path / "run")
    assert code == 1 and err.count("\n") == 1 and "try a learning rate ten times smaller" in err


def test_folder_of_photographs(photos, tmp_path, capsys):
    words = ["train", "small.vgg", "--width", "4", "--size", "16", "--data", photos, "--epochs", "2", "--device", "cpu"]
    for workers in (0, 1):
        run = tmp_path / str(workers)
        code, out, err = call(capsys, *words, "--batch-size", "16", "--workers", workers, "--out", run)
        assert code == 0 and not err and "of 12 images" in out
    same_run(tmp_path / "0", tmp_path / "1")


def test_photographs_go_on_within_the_epoch(photos, tmp_path, capsys, monkeypatch):
    """Stopped in the third of four steps of the second epoch: the rest of it has the same images and crops."""
    words = ["train", "small.vgg", "--width", "4", "--size", "16", "--data", photos, "--epochs", "3", "--device", "cpu"]
    words += ["--batch-size", "12", "--workers", "0", "--out"]
    load, epochs = streams.Stream._load, []

    def load_and_ask(data, shares):
        epochs.extend([None] if shares.seeds is not None else [])  # only training images have seeds
        for step, batch in enumerate(load(data, shares)):
            if shares.seeds is not None and (len(epochs), step) == (2, 2):
                signal.raise_signal(signal.SIGTERM)
            yield batch

    monkeypatch.setattr(streams.Stream, "_load", load_and_ask)
    code, out, _ = call(capsys, *words, tmp_path / "stopped")
    assert code == 143 and "Stopped after 3 steps of epoch 2" in out
    monkeypatch.undo()
    code, out, _ = call(capsys, *words, tmp_path / "stopped")
    assert code == 0 and "epoch 2, after 3 steps of it" in out
    assert call(capsys, *words, tmp_path / "never_stopped")[0] == 0
    same_run(tmp_path / "stopped", tmp_path / "never_stopped")


def test_recipe_of_a_paper(tmp_path, capsys):
    """ResNet's for CIFAR-10 in 4 epochs: divided by 10 after 91 and 136 of 182, a batch of 64 instead of 128."""
    run, words = tmp_path / "run", ["--recipe", "resnet_cifar", "--batch-size", "64"]
    code, out, err = call(capsys, *DIGITS, *words, "--epochs", "4", "--out", run)
    assert code == 0 and not err
    assert "He et al. 2015 section 4.2" in out and "this run: 4 epochs, batches of 64, learning rate 0.05" in out
    assert History.load(run / "history.csv")["lr"] == pytest.approx([0.05, 0.05, 0.005, 0.0005])
    args = cli._parser().parse_args([*DIGITS, "--recipe", "resnet_cifar", "--out", str(run)])
    args.epochs = None
    plan = cli._plan(args, torch.nn.Linear(1, 1))
    assert (plan.epochs, plan.batch_size, plan.lr) == (182, 128, 0.1)


def test_papers_recipe_brings_auxiliary_classifiers_and_smooth_labels(tmp_path):
    from lecture8 import datasets

    data = datasets.digits(size=8, channels=3)
    for recipe, heads, objective in (
        ("plain", 0, "cross_entropy"),
        ("googlenet", 2, "auxiliary_objective(0.3, 0.0)"),
        ("inception_v3", 2, "auxiliary_objective(0.3, 0.1)"),
    ):
        words = ["train", "small.inception", "--data", "digits", "--recipe", recipe, "--out", str(tmp_path)]
        args = cli._parser().parse_args(words)
        net = cli._net(args, data)
        assert len(getattr(net, "auxiliary", {})) == heads
        assert cli._plan(args, net).objective.__qualname__ == objective


def test_warm_up_and_cosine():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=8.0)
    scheduler, rates = cli._schedule(optimizer, epochs=6, warmup=3), []
    for _ in range(6):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx([2, 4, 6, 8, 6, 2])


def children(pid):
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_killed_worker_ends_the_run_with_one_sentence(photos, tmp_path):
    words = ["train", "small.vgg", "--width", "4", "--size", "16", "--data", str(photos), "--epochs", "10000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "lecture8", *words, "--workers", "1", "--device", "cpu", "--out", str(tmp_path / "run")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until(lambda: (tmp_path / "run" / "history.csv").exists(), process)
    while process.poll() is None:  # each worker decodes for less than an epoch
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            for worker in children(process.pid):
                os.kill(worker, signal.SIGKILL)
    _, err = process.communicate()
    assert process.returncode == 1 and err.count("\n") == 1, err
    assert err.startswith("lecture8: a process that decodes images was killed") and "use fewer workers" in err


# --- bad input -----------------------------------------------------------------------------------------------------

BAD = {  # words after `train`, unless they begin with a command -> the sentence
    "no command": ([], "the following arguments are required: COMMAND"),
    "unknown command": (["fit"], "invalid choice: 'fit'"),
    "no data": (["train", "resnet20", "--out", "RUN"], "the following arguments are required: --data"),
    "no out": (["train", "resnet20", "--data", "digits"], "the following arguments are required: --out"),
    "unknown network": (["resnet51"], "unknown network 'resnet51': did you mean 'resnet56'? choose from"),
    "unknown network to profile": (["profile", "vgg"], "unknown network 'vgg'"),
    "size below the smallest": (["profile", "small.vgg", "--size", "2"], "2 × 2"),
    "unknown data": (["resnet20", "--data", "cifar"], "--data 'cifar' is neither a folder nor a set of images"),
    "a file as data": (["resnet20", "--data", "FILE"], "is a file; give the folder that holds the class folders"),
    "an empty folder": (["resnet20", "--data", "EMPTY"], "holds no class folders"),
    "out is a file": (["resnet20", "--out", "FILE"], "is a file: give the folder to write the run to"),
    "out holds something else": (["resnet20", "--out", "OTHER"], "is not empty and holds no run: give another --out"),
    "out cannot be made": (["resnet20", "--out", "FILE/run"], "cannot be written to"),
    "damaged settings": (["resnet20", "--out", "DAMAGED"], "settings.json' cannot be read (Unterminated string"),
    "no settings": (["resnet20", "--out", "LOST"], "settings.json' cannot be read ([Errno 2]"),
    "epochs": (["resnet20", "--epochs", "0"], "argument --epochs: expected a whole number, 1 or more, not '0'"),
    "batch size": (["resnet20", "--batch-size", "1.5"], "--batch-size: expected a whole number, 1 or more, not '1.5'"),
    "learning rate": (["resnet20", "--lr", "-1"], "argument --lr: expected a number above 0, not '-1'"),
    "infinite learning rate": (["resnet20", "--lr", "inf"], "argument --lr: expected a number above 0, not 'inf'"),
    "minutes": (["resnet20", "--checkpoint-minutes", "x"], "expected a number of minutes, 0 or more, not 'x'"),
    "all warm-up": (["resnet20", "--epochs", "2", "--warmup", "2"], "--warmup 2 takes all of the 2 epochs"),
    "pieces": (["resnet20", "--sync-bn", "--accumulate", "2"], "synchronized batch normalization needs whole batches"),
    "unknown recipe": (["resnet20", "--recipe", "adam"], "unknown recipe 'adam': choose from plain, alexnet, zfnet"),
    "warm-up of a paper": (["resnet20", "--recipe", "resnet", "--warmup", "2"], "leave --warmup or --recipe out"),
    "device": (["resnet20", "--device", "gpu"], "unknown device 'gpu': choose 'cuda', 'mps' or 'cpu'"),
    "width of a fixed network": (["resnet18", "--width", "8"], "resnet18 has no option 'width'"),
    "width of published weights": (["resnet50", "--pretrained", "--width", "8"], "published weights have one width"),
    "no published weights": (["resnet20", "--pretrained"], "no published weights fit resnet20"),
    "workers without files": (["resnet20", "--workers", "2"], "digits is held in memory, decoded once: leave"),
    "size of CIFAR-10": (["resnet20", "--data", "cifar10", "--size", "64"], "the images of cifar10 are 32 x 32"),
    "too small for the network": (["alexnet", "--size", "16"], "16"),
    "unknown option": (["resnet20", "--momentum", "0.9"], "unrecognized arguments: --momentum 0.9"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_in_one_sentence(case, tmp_path, capsys):
    words, sentence = BAD[case]
    (tmp_path / "FILE").write_text("")
    (tmp_path / "EMPTY").mkdir()
    (tmp_path / "OTHER").mkdir()
    (tmp_path / "OTHER" / "thesis.tex").write_text("")
    for name in ("DAMAGED", "LOST"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "checkpoint.pt").write_text("")
    (tmp_path / "DAMAGED" / "settings.json").write_text('{"network": "res')
    if words and words[0] not in ("train", "profile", "fit"):
        defaults = {"--data": "digits", "--out": "RUN"}
        words = ["train", *words, *(w for k, v in defaults.items() if k not in words for w in (k, v))]
    place = {name: str(tmp_path / name) for name in ("FILE", "EMPTY", "OTHER", "DAMAGED", "LOST", "RUN", "FILE/run")}
    code, _, err = call(capsys, *(place.get(word, word) for word in words))
    assert code == 2
    assert err.startswith("lecture8: ") and err.count("\n") == 1 and sentence in err, err
    assert not (tmp_path / "RUN" / "checkpoint.pt").exists()


# --- several processes ---------------------------------------------------------------------------------------------


def start(processes, *words):
    """The command line with `three_layers`, as torchrun starts it; one process without torchrun."""
    command = [sys.executable]
    if processes > 1:
        command += ["-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--rdzv-backend", "c10d"]
        command += ["--rdzv-endpoint", "127.0.0.1:0", "--local-addr", "127.0.0.1"]
    return subprocess.Popen(
        [*command, str(HERE / "cli_with_plain_network.py"), *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])},
    )  # fmt: skip


def several(processes, *words):
    """Exit code, stdout and stderr of `start` at its end."""
    process = start(processes, *words)
    try:
        out, err = process.communicate(timeout=300)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, out, err


def shared_words(photos, run, epochs=2):
    # 40 images in batches of 12: the last has 4
    return [
        "train", "three_layers", "--data", photos, "--size", "16", "--epochs", epochs, "--batch-size", "12",
        "--device", "cpu", "--workers", "1", "--out", run,
    ]  # fmt: skip


def same_curve(a, b):
    """Whether two runs have the same history and weights, to rounding."""
    one, two = (History.load(run / "history.csv") for run in (a, b))
    for column in ("train_loss", "valid_loss", "train_accuracy", "valid_accuracy", "lr"):
        assert two[column] == pytest.approx(one[column], rel=1e-5), column
    for x, y in zip(weights(a).values(), weights(b).values(), strict=True):
        assert torch.allclose(x, y, rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Gloo")
def test_two_processes_learn_what_one_does(photos, tmp_path):
    for processes in (1, 2):
        code, out, err = several(processes, *shared_words(photos, tmp_path / str(processes)))
        assert code == 0, err
        assert out.count("test: loss") == 1 and "of 12 images" in out  # the first process alone prints
    same_curve(tmp_path / "1", tmp_path / "2")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs Gloo")
@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_terminated_run_goes_on_with_another_number_of_processes(photos, tmp_path, before, after):
    words = shared_words(photos, tmp_path / "run", epochs=20)
    process = start(before, *words)
    until(lambda: (tmp_path / "run" / "history.csv").exists(), process)
    # a cluster signals every process of a job; torchrun alone passes it on
    os.kill(process.pid, signal.SIGTERM) if before > 1 else os.killpg(process.pid, signal.SIGTERM)
    out, err = process.communicate(timeout=300)
    assert process.returncode == (143 if before == 1 else 1), err
    assert out.count("The same command goes on from there.") == 1
    done = len(History.load(tmp_path / "run" / "history.csv"))
    assert 1 <= done < 20
    code, out, err = several(after, *words)
    assert code == 0 and "Going on from" in out, err
    code, _, err = several(1, *shared_words(photos, tmp_path / "never_stopped", epochs=20))
    assert code == 0, err
    same_curve(tmp_path / "never_stopped", tmp_path / "run")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs Gloo")
def test_several_processes_complain_once(tmp_path):
    code, _, err = several(2, *shared_words(tmp_path / "none", tmp_path / "run"))
    assert code != 0 and err.count("lecture8: ") == 1
    assert "is neither a folder nor a set of images" in err
