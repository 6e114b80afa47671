"""`python -m lecture8`: runs that are killed at any moment, processes that share a run, the same pictures for all."""

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from lecture8 import __main__ as program
from lecture8 import checkpoints, datasets, models, published, training
from lecture8.history import History
from lecture8.scale import data, run
from tests import killed_runs

SCRIPT = killed_runs.__file__
DIGITS = ["train", "resnet20", "--width", "4", "--size", "8", "--data", "digits", "--epochs", "2", "--device", "cpu"]


@pytest.fixture(autouse=True)
def handlers():
    """A run sets handlers of signals until the program ends; here they are set back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of 48 training and 12 validation photographs of two classes, dark and light."""
    root = tmp_path_factory.mktemp("photos")
    for split, count in (("train", 24), ("val", 6)):
        for k, name in enumerate(("dark", "light")):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = np.random.default_rng(i).integers(90 * k, 90 * k + 140, (20, 24, 3), np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def runs(photos, tmp_path_factory):
    """The folder with the runs of killed_runs.py, and what it printed about each."""
    folder = tmp_path_factory.mktemp("runs")
    words = [sys.executable, SCRIPT, "runs", str(folder), str(photos)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 and "Warning" not in done.stderr, done.stderr
    return folder, dict(line.split(": ", 1) for line in done.stdout.splitlines() if " times, then " in line)


def call(capsys, *argv):
    """Exit code, stdout and stderr of one command in this process."""
    try:
        code = program.main([str(word) for word in argv])
    except SystemExit as end:
        code = end.code or 0
    out = capsys.readouterr()
    return code, out.out, out.err


def rows(run):
    """The history without its times."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in History.load(run / "history.csv").rows]


def weights(run):
    return torch.load(run / "weights.pt", weights_only=True)


def same_run(a, b):
    """Asserts the same history and the same weights, to the last bit."""
    assert rows(a) == rows(b)
    assert all(torch.equal(x, y) for x, y in zip(weights(a).values(), weights(b).values(), strict=True))


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork and Gloo")
def test_killed_run_ends_as_if_never_stopped(runs):
    """At random moments, within writes too; one process, two that share the run, and `training.fit`."""
    folder, said = runs
    for name, ends, epochs in (("one", "[0]", 6), ("two", "[0, 0]", 6), ("fit", "[0]", 30)):
        assert said[name] == f"killed 0 times, then {ends}"
        killed, end = said[f"{name}_killed"].removeprefix("killed ").split(" times, then ")
        assert int(killed) >= 4 and end == ends
        same_run(folder / name, folder / f"{name}_killed")
        assert len(rows(folder / name)) == epochs and rows(folder / name)[-1]["valid_accuracy"] > 0.8


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork and Gloo")
def test_two_processes_learn_what_one_does(runs):
    one, two = (runs[0] / f"shared_by_{name}" for name in ("one", "two"))
    for a, b in zip(rows(one), rows(two), strict=True):
        assert b == pytest.approx(a, rel=1e-5)
    for x, y in zip(weights(one).values(), weights(two).values(), strict=True):
        assert torch.allclose(x, y, rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of two epochs on digits that nothing has stopped."""
    run = tmp_path_factory.mktemp("finished") / "run"
    with contextlib.redirect_stdout(None):
        assert program.main([*DIGITS, "--out", str(run)]) == 0
    return run


def at_batch(monkeypatch, number, action):
    """Has something done once, before the batch with this number in the training and validation that follow."""
    forward, batches = nn.Module.__call__, []

    def counted(module, *args):
        batches.extend([1] if isinstance(module, run.Objective) else [])
        if len(batches) == number:
            batches.append(action())
        return forward(module, *args)

    monkeypatch.setattr(nn.Module, "__call__", counted)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_saves_and_ends(finished, tmp_path, capsys, monkeypatch, number, code):
    """In the third step of the second epoch; the same command then decodes the rest of it alone."""
    at_batch(monkeypatch, 11 + 2 + 3, lambda: signal.raise_signal(number))  # 11 to train on, 2 to validate
    stopped, out, err = call(capsys, *DIGITS, "--out", tmp_path / "run")
    assert (stopped, err) == (code, "") and "the same command resumes" in out
    assert len(rows(tmp_path / "run")) == 1 and not (tmp_path / "run" / "weights.pt").exists()
    keys, take = [], data.InMemory.__getitem__
    monkeypatch.setattr(data.InMemory, "__getitem__", lambda self, key: keys.append(key) or take(self, key))
    assert call(capsys, *DIGITS, "--out", tmp_path / "run")[0] == 0
    assert sum(epoch == 1 for epoch, _ in keys) == 1297 - 3 * 128
    same_run(tmp_path / "run", finished)


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of processes")
@pytest.mark.parametrize(("lost", "reason"), [("room", "No space left on device"), ("folder", "exists")])
def test_disk_full_or_folder_lost_in_the_middle(finished, tmp_path, capsys, monkeypatch, lost, reason):
    """The run goes on without, says so, and is no success at its end; with room again the same command completes it."""
    import resource

    folder, words = tmp_path / "run", [*DIGITS, "--checkpoint-minutes", "0", "--out", tmp_path / "run"]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def lose():
        if lost == "room":
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
        else:
            folder.rename(tmp_path / "away").with_name("run").touch()

    at_batch(monkeypatch, 11 + 2 + 3, lose)
    try:
        code, out, err = call(capsys, *words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = [f"lecture8: {folder / name} cannot be written (" for name in ("checkpoint.pt", "weights.pt", "history.csv")]
    assert code == 1 and "epoch 2, " in out and err.count("; the run continues") >= 8
    assert all(line.startswith(tuple(said)) and reason in line for line in err.splitlines()), err
    if lost == "folder":
        folder.unlink()
        (tmp_path / "away").rename(folder)
    assert checkpoints.read(folder / "checkpoint.pt")["step"] == 2 and not (folder / "weights.pt").exists()
    assert call(capsys, *words)[::2] == (0, "")
    same_run(folder, finished)


def test_what_a_killed_run_or_a_file_manager_leaves_is_in_nobodys_way(finished, tmp_path, capsys):
    for name in ("settings.json", "checkpoint.pt", "history.csv", "weights.pt"):
        (tmp_path / f".{name}.123.tmp").write_text("{")
    (tmp_path / ".DS_Store").write_text("")
    assert call(capsys, *DIGITS, "--out", tmp_path)[::2] == (0, "")
    same_run(tmp_path, finished)
    assert {file.name for file in tmp_path.iterdir()} == {".DS_Store", *(file.name for file in finished.iterdir())}


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
@pytest.mark.parametrize(
    ("what", "streams", "code"),
    [("run", "| true", 0), pytest.param("run", "<&- >&- 2>&-", 0, marks=pytest.mark.slow), ("list", "| true", 141)],
)
def test_nobody_listens(tmp_path, what, streams, code):
    """A run is finished all the same; what is only to be read ends as other programs do."""
    words = [*DIGITS[:-3], "1", "--out", str(tmp_path)] if what == "run" else ["list"]
    line = f'{{ "$@"; echo $? > {tmp_path / "code"}; }} {streams}'
    done = subprocess.run(
        ["sh", "-c", line, "sh", sys.executable, "-m", "lecture8", *words],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert ((tmp_path / "code").read_text(), done.stderr) == (f"{code}\n", "")
    assert what == "list" or (len(rows(tmp_path)) == 1 and (tmp_path / "weights.pt").exists())


def test_finished_run_says_so_again_and_refuses_other_settings(finished, capsys):
    before = weights(finished)
    code, out, err = call(capsys, *DIGITS, "--out", finished)
    assert (code, err) == (0, "") and out.splitlines()[-1].startswith("accuracy ")
    assert f"accuracy {History.load(finished / 'history.csv').last['valid_accuracy']:.2%}" in out
    assert all(torch.equal(x, y) for x, y in zip(before.values(), weights(finished).values(), strict=True))
    for name, value, before in (("lr", "0.01", "0.05"), ("epochs", "3", "2"), ("size", "16", "8")):
        code, out, err = call(capsys, *DIGITS, f"--{name}", value, "--out", finished)
        assert code == 1 and err.count("\n") == 1 and "give another --out" in err
        assert f"whose {name} is {before}, not {value}" in err


def test_run_leaves_what_help_says(finished):
    assert sorted(f.name for f in finished.iterdir()) == ["checkpoint.pt", "history.csv", "settings.json", "weights.pt"]
    net = models.build("resnet20", num_classes=10, width=4, channels=1)
    checkpoints.load_weights(net, finished / "weights.pt")
    digits = datasets.digits(size=8)
    net.eval()
    accuracy = (net(digits.valid.images).argmax(1) == digits.valid.labels).float().mean().item()
    assert History.load(finished / "history.csv").last["valid_accuracy"] == pytest.approx(accuracy)


def pictures(images, epoch, workers=0):
    keys = [(epoch, index) for index in range(len(images))]
    return torch.cat([batch for batch, _ in data.loader(images, 5, keys, workers)])


def test_pictures_depend_on_seed_epoch_and_image_alone(photos):
    train, other = (data.Photographs(photos / "train", 16, seed) for seed in (0, 1))
    first = pictures(train, 0)
    assert first.shape == (48, 3, 16, 16) and first.dtype == torch.uint8
    assert torch.equal(pictures(train, 0, workers=2), first)
    assert torch.equal(train[(0, 30)][0], first[30])
    assert not torch.equal(pictures(train, 1), first) and not torch.equal(pictures(other, 0), first)
    valid = data.Photographs(photos / "val", 16)
    assert torch.equal(pictures(valid, 0), pictures(valid, 1))


def test_sets_in_memory_are_augmented_alike():
    digits = replace(datasets.digits(size=8).take(20), augment=datasets.random_crop(2))
    train = data.InMemory(digits, "train", seed=0)
    first, again, other = (pictures(train, epoch) for epoch in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(pictures(data.InMemory(digits, "valid"), 0), digits.valid.images)


def test_evaluation_shows_the_center(tmp_path):
    """A picture of 70 × 140 with a green center: 0.875 of the shorter side remain, all of it green."""
    pixels = np.zeros((70, 140, 3), np.uint8)
    pixels[3:67, 38:102, 1] = 255
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(pixels).save(tmp_path / name / "0.png")
    image, _ = data.Photographs(tmp_path, 56)[(0, 0)]
    assert torch.equal(image, torch.tensor([0, 255, 0], dtype=torch.uint8)[:, None, None].expand(3, 56, 56))


def test_photographs_are_read_as_in_datasets_at_a_fraction_of_their_size(tmp_path, monkeypatch):
    for name in ("dark", "light"):
        (tmp_path / name).mkdir()
    Image.new("RGB", (1600, 1200), (100, 100, 100)).save(tmp_path / "dark" / "large.jfif", format="JPEG")
    Image.new("RGBA", (20, 20)).save(tmp_path / "light" / "transparent.gif")
    read, sizes = datasets.read_photo, []
    monkeypatch.setattr(datasets, "read_photo", lambda *given: sizes.append(read(*given).size) or read(*given))
    photos = data.Photographs(tmp_path, 50)
    found = [(int(image.float().mean()), int(label)) for image, label in (photos[0, i] for i in range(2))]
    assert found == [(100, 0), (255, 1)]
    assert sizes[0] == (400, 300)  # an eighth would leave fewer than 4 × 50 pixels


def built(name, epochs=None, net=None, lr=None, warmup=0):
    recipe = run.find_recipe(name)
    settings = {"recipe": name, "lr": lr or recipe["lr"], "epochs": epochs or int(recipe["epochs"]), "warmup": warmup}
    return run.build(net or nn.Linear(1, 1), settings)


def rates(name, losses=None, **settings):
    """The learning rate of each epoch, found by stepping the scheduler."""
    optimizer, scheduler, _ = built(name, **settings)
    found = []
    for epoch in range(settings.get("epochs") or int(run.find_recipe(name)["epochs"])):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(*([losses[epoch]] if losses else []))
    return found


def test_schedules():
    assert rates("plain", epochs=6, lr=8.0, warmup=3) == pytest.approx([2, 4, 6, 8, 6, 2])
    cifar = rates("resnet_cifar")
    assert cifar == pytest.approx([0.1] * 91 + [0.01] * 45 + [0.001] * 46)
    assert rates("resnet110_cifar")[:2] == pytest.approx([0.01, 0.1]) and rates("resnet110_cifar")[1:] == cifar[1:]
    assert rates("googlenet") == pytest.approx([0.01 * 0.96 ** (epoch // 8) for epoch in range(250)])
    assert rates("resnet_cifar", epochs=18).count(0.1) == 9  # stretched to the length of the run
    flat = rates("alexnet", losses=[1.0] * 90)
    assert sorted(set(flat)) == pytest.approx([1e-5, 1e-4, 1e-3, 1e-2])  # divided three times, and no more
    assert set(rates("alexnet", losses=[1 / (epoch + 1) for epoch in range(90)])) == {0.01}


@pytest.mark.parametrize("name", published.read("recipes")["recipe"])
def test_every_recipe_of_the_table_builds(name):
    optimizer, _, _ = built(name)
    (group,), recipe = optimizer.param_groups, run.find_recipe(name)
    assert (group["momentum"], group["weight_decay"]) == (recipe["momentum"], recipe["weight_decay"])
    assert (type(optimizer) is torch.optim.RMSprop) == (recipe["optimizer"] == "RMSProp")
    assert group.get("eps", 1.0) == 1.0 and group.get("alpha", 0.9) == 0.9  # as the Inceptions' papers say


def test_objectives_and_what_follows_a_step():
    heads = models.small.inception(width=4, channels=1, modules=4, auxiliary=True)
    assert built("resnet")[2] is built("googlenet")[2] is training.cross_entropy
    assert built("googlenet", net=heads)[2].__qualname__ == "auxiliary_objective(0.3, 0.0)"
    assert built("inception_v3", net=heads)[2].__qualname__ == "auxiliary_objective(0.3, 0.1)"
    assert built("inception_v4")[2].__qualname__ == "label_smoothing(0.1)"
    net = nn.Conv2d(1, 4, 3)
    optimizer, _, _ = built("zfnet", net=net)
    net.weight.data.fill_(3.0)[0] = 0.01
    optimizer.step()
    assert net.weight.square().mean((1, 2, 3)).sqrt().tolist() == pytest.approx([0.01, 0.1, 0.1, 0.1], rel=1e-4)


def test_recipe_of_a_paper_trains_with_its_auxiliary_classifiers(photos, tmp_path, capsys):
    words = ["train", "small.inception", "--width", "4", "--recipe", "inception_v3", "--epochs", "1", "--device", "cpu"]
    code, out, err = call(capsys, *words, "--data", photos, "--size", "32", "--workers", "0", "--out", tmp_path / "run")
    assert (code, err) == (0, "") and "lr 0.045" in out
    assert any(name.startswith("auxiliary") for name in weights(tmp_path / "run"))


def test_list_profile_and_check(capsys):
    code, out, err = call(capsys, "list")
    assert (code, err) == (0, "") and "train --recipe: plain, alexnet, " in out
    assert set(models.ARCHITECTURES) <= {line.split(" ")[0] for line in out.splitlines()}
    code, out, _ = call(capsys, "profile", "vgg16", "--size", "64")
    assert code == 0 and "3 × 64 × 64" in out and out.splitlines()[-1].split()[0].startswith("classifier")
    code, out, _ = call(capsys, "check")
    assert code == 0 and out.splitlines()[1].startswith("Python")


BAD = {  # words after `train` -> the sentence
    "resnet51": "unknown network 'resnet51': did you mean 'resnet56'? choose from",
    "resnet20 --data cifar": "'cifar' is no folder with train/CLASS/*.jpg and val/CLASS/*.jpg, nor in ('digits', ",
    "resnet20 --data UNLIKE": "'b' is a class of only one of",
    "resnet20 --epochs 0 --recipe adam": "unknown recipe 'adam': choose from plain, alexnet, zfnet",
    "resnet20 --lr -1": "expected --epochs above --warmup, --lr above 0",
    "resnet20 --epochs 2 --warmup 2": "expected --epochs above --warmup",
    "resnet20 --recipe resnet --epochs 2 --warmup 1": "the learning rate of resnet is its paper's: leave --warmup out",
    "resnet20 --lr 1e20": "the loss is no finite number: give a smaller --lr than 1e+20",
    "resnet20 --device gpu": "unknown device 'gpu': choose 'cuda', 'mps' or 'cpu'",
    "resnet18 --width 8": "resnet18 has no option 'width': it takes",
    "resnet20 --out DAMAGED": "checkpoint.pt cannot be read",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_input_in_one_sentence(words, tmp_path, capsys):
    for place in ("train/a", "train/b", "val/a", "val/c"):
        (tmp_path / "UNLIKE" / place).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "UNLIKE" / place / "0.png")
    (tmp_path / "DAMAGED").mkdir()
    (tmp_path / "DAMAGED" / "checkpoint.pt").write_text("no checkpoint")
    defaults = "--data digits --size 8 --epochs 1 --device cpu --out RUN".split()
    given = [tmp_path / word if word.isupper() else word for word in [*defaults, *words.split()]]
    code, _, err = call(capsys, "train", given[len(defaults)], *given[: len(defaults)], *given[len(defaults) + 1 :])
    assert code and err.startswith("lecture8: ") and err.count("\n") == 1 and BAD[words] in err, err


@pytest.mark.parametrize("workers", [0, 1])
def test_broken_photograph_is_named(photos, tmp_path, capsys, workers):
    for place in ("train/a", "train/b", "val/a", "val/b"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "0.jpg").write_bytes((photos / "val" / "dark" / "0.png").read_bytes()[:200])
    words = ["small.vgg", "--width", 4, "--size", 16, "--data", tmp_path, "--device", "cpu", "--workers", workers]
    code, _, err = call(capsys, "train", *words, "--out", tmp_path / "run")
    assert code == 1 and err.count("\n") == 1, err
    assert err.startswith("lecture8: cannot read the image '") and "0.jpg' (" in err and "repair or remove it" in err
