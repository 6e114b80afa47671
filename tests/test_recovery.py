"""A run that was stopped, in whatever way, ends as if never stopped; and what is refused, and said."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from lecture8 import checkpoints, datasets, training

SCRIPT = Path(__file__).with_name("killed_runs.py")


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("LECTURE8_DEVICE", "cpu")


@pytest.fixture(scope="module")
def digits():
    data = datasets.digits(size=8)
    data = replace(data, valid=data.valid.take(50), augment=datasets.random_crop(1))
    return data.take(150)  # 5 batches of 32, the last one short


def small_net(width=4):
    """With everything that has a state: dropout and batch normalization."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3),
        nn.Linear(width * 64, 10),
    )  # fmt: skip


def sgd(net, **options):
    return torch.optim.SGD(net.parameters(), **{"lr": 0.05, "momentum": 0.9, **options})


def fit(data, net=None, optimizer=sgd, scheduler=None, epochs=3, **options):
    net = small_net() if net is None else net
    optimizer = optimizer(net)
    scheduler = scheduler(optimizer) if scheduler else None
    return net, training.fit(net, data, optimizer, epochs, scheduler=scheduler, **{"batch_size": 32, **options})


def same(a, b):
    nets = all(torch.equal(v, b[0].state_dict()[k]) for k, v in a[0].state_dict().items())
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in history.rows] for _, history in (a, b)]
    return nets and rows[0] == rows[1]


class CrashError(Exception):
    """What the tests raise in the middle of a step."""


def failing(at, what=CrashError):
    """`training.cross_entropy`, by its name, that calls or raises something in one step of the training."""
    steps = 0

    def objective(net, images, labels):
        nonlocal steps
        steps += net.training
        if steps == at and net.training:
            if isinstance(what, type):
                raise what
            what()
        return training.cross_entropy(net, images, labels)

    objective.__qualname__ = training.cross_entropy.__qualname__
    return objective


def message(error, call, *args, **kwargs):
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 450, text
    return text


# --- killed ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_killed_at_a_dozen_random_moments_ends_as_if_never_stopped(tmp_path, seed):
    results = []
    for name, kills in (("never", 0), ("killed", 12)):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(SCRIPT.parents[1])}
        command = [sys.executable, SCRIPT, tmp_path / name, str(kills), str(seed)]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, timeout=600)
        results.append(torch.load(tmp_path / name / "result.pt", weights_only=True))
    never, killed = results
    assert killed["killed"] >= 10, "too few of the children lived long enough to be killed"
    assert all(torch.equal(value, killed["net"][name]) for name, value in never["net"].items())
    assert never["rows"] == killed["rows"] and len(never["rows"]) == 12
    assert sorted(path.name for path in (tmp_path / "killed").iterdir()) == ["result.pt", "run.pt"], "drafts were left"


# --- every kind of state ---------------------------------------------------------------------------------------------

OPTIMIZERS = {
    "Nesterov": lambda net: sgd(net, nesterov=True, weight_decay=1e-3),
    "Adam": lambda net: torch.optim.Adam(net.parameters(), lr=1e-3),
    "RMSprop": lambda net: torch.optim.RMSprop(net.parameters(), lr=1e-3, alpha=0.9, eps=1.0, momentum=0.9),
    "groups": lambda net: torch.optim.SGD(
        [{"params": net[0].parameters(), "lr": 0.01}, {"params": net[5].parameters(), "lr": 0.1}], momentum=0.9
    ),
}
SCHEDULERS = {
    "StepLR": lambda optimizer: lr_scheduler.StepLR(optimizer, 1, 0.5),
    "MultiStepLR": lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [1, 2]),
    "LambdaLR": lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5**epoch),
    "plateau": lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=0.9),
    "cosine": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 3),
    "OneCycleLR": lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=4),
    "warm-up": lambda optimizer: lr_scheduler.SequentialLR(
        optimizer, [lr_scheduler.ConstantLR(optimizer, 0.1, 1), lr_scheduler.MultiStepLR(optimizer, [1])], [1]
    ),
}
CASES = [{"optimizer": optimizer} for optimizer in OPTIMIZERS.values()]
CASES += [{"scheduler": scheduler} for scheduler in SCHEDULERS.values()]


@pytest.mark.parametrize("options", CASES, ids=[*OPTIMIZERS, *SCHEDULERS])
def test_every_optimizer_and_schedule_resumes_after_every_epoch(digits, tmp_path, options):
    never = fit(digits, **options)
    for step in (3, 8, 13):  # in the middle of each epoch
        path = tmp_path / f"{step}.pt"
        with pytest.raises(CrashError):
            fit(digits, checkpoint=path, objective=failing(step), **options)
        assert len(checkpoints.read(path)["rows"]) == step // 5
        assert same(fit(digits, checkpoint=path, **options), never)
    if "scheduler" in options:
        assert len(set(never[1]["lr"])) > 1


def test_more_epochs_of_a_finished_run_are_the_longer_run(digits, tmp_path, capsys):
    fit(digits, epochs=2, checkpoint=tmp_path / "run.pt")
    assert capsys.readouterr().out == ""
    longer = fit(digits, epochs=4, checkpoint=tmp_path / "run.pt")
    assert capsys.readouterr().out == f"Resuming from {tmp_path / 'run.pt'}: 2 epochs are done.\n"
    assert same(longer, fit(digits, epochs=4)) and same(fit(digits, epochs=4, checkpoint=tmp_path / "run.pt"), longer)


def test_weights_of_a_checkpoint_can_be_loaded_alone(digits, tmp_path):
    net, _ = fit(digits, checkpoint=tmp_path / "run.pt")
    other = checkpoints.load_weights(small_net(), tmp_path / "run.pt")
    assert all(torch.equal(v, other.state_dict()[k]) for k, v in net.state_dict().items())


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_returns_the_history_and_the_same_objects_resume(digits, tmp_path, capsys):
    net = small_net()
    optimizer = sgd(net)
    options = {"batch_size": 32, "scheduler": SCHEDULERS["plateau"](optimizer), "checkpoint": tmp_path / "run.pt"}
    history = training.fit(net, digits, optimizer, 4, objective=failing(17, press_ctrl_c), **options)
    said = (
        f"Stopped in epoch 4: the history holds the 3 before, and the same call resumes from {tmp_path / 'run.pt'}.\n"
    )
    assert len(history) == 3 and capsys.readouterr().out == said
    resumed = net, training.fit(net, digits, optimizer, 4, **options)
    assert same(resumed, fit(digits, epochs=4, scheduler=SCHEDULERS["plateau"]))


def test_ctrl_c_without_a_checkpoint(digits, capsys):
    net, history = fit(digits, objective=failing(7, press_ctrl_c))
    assert len(history) == 1 and "the network keeps what it has learned" in capsys.readouterr().out
    assert not torch.equal(net[5].weight, fit(digits, epochs=1)[0][5].weight), "a step of the second epoch is in it"


def test_lost_weights_never_replace_good_ones(digits, tmp_path):
    schedule = {"scheduler": lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda epoch: 1e38 if epoch else 1)}
    with pytest.raises(training.DivergedError):
        fit(digits, checkpoint=tmp_path / "run.pt", **schedule)
    saved = checkpoints.read(tmp_path / "run.pt")
    assert len(saved["rows"]) == 1 and all(value.isfinite().all() for value in saved["net"].values())


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("finished") / "run.pt"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LECTURE8_DEVICE", "cpu")
        fit(digits, epochs=1, checkpoint=path, scheduler=SCHEDULERS["StepLR"])
    return path


def with_tanh():
    return nn.Sequential(*[nn.Tanh() if isinstance(layer, nn.ReLU) else layer for layer in small_net()])


REFUSED = {
    "width": ({"net": lambda: small_net(8)}, "its parameters is 2618, and now 5226 was given"),
    "layers": ({"net": with_tanh}, "its network checksum is "),
    "batch": ({"batch_size": 16}, "its batch_size is 32, and now 16 was given"),
    "seed": ({"seed": 1}, "its seed is 0, and now 1 was given"),
    "objective": ({"objective": training.label_smoothing(0.2)}, "cross_entropy, and now label_smoothing(0.2)"),
    "lr": ({"optimizer": lambda net: sgd(net, lr=0.1)}, "its lr is [0.05], and now [0.1] was given"),
    "momentum": ({"optimizer": lambda net: sgd(net, momentum=0.8)}, "'momentum': 0.9"),
    "optimizer": ({"optimizer": OPTIMIZERS["Adam"]}, "its optimizer is SGD"),
    "groups": ({"optimizer": OPTIMIZERS["groups"]}, "its lr is [0.05], and now [0.01, 0.1] was given"),
    "slower": ({"scheduler": lambda opt: lr_scheduler.StepLR(opt, 2, 0.5)}, "its scheduler is StepLR {'step_size': 1"),
    "no schedule": ({"scheduler": None}, "and now none was given"),
    "fewer images": ({"change": lambda data: data.take(120)}, "its data is digits: 150 train"),
    "other images": ({"change": lambda data: data.map(lambda pixels: pixels.flip(-1))}, "its data checksum is"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_checkpoint_of_another_run_is_refused(digits, finished, what):
    options, expected = REFUSED[what]
    options = {"scheduler": SCHEDULERS["StepLR"], **options}
    net, data = options.pop("net", small_net)(), options.pop("change", lambda data: data)(digits)
    before, content = {k: v.clone() for k, v in net.state_dict().items()}, finished.read_bytes()
    text = message(ValueError, fit, data, net, checkpoint=finished, **options)
    assert expected in text and "another path to start anew" in text
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert finished.read_bytes() == content


def test_damaged_and_foreign_files_are_refused_and_stay(digits, finished, tmp_path):
    path, good = tmp_path / "run.pt", finished.read_bytes()
    weights = checkpoints.save_weights(small_net(), tmp_path / "net.pt").read_bytes()
    for content in (good[:5000], b"", weights):
        path.write_bytes(content)
        assert str(path) in message(ValueError, fit, digits, checkpoint=path) and path.read_bytes() == content


def test_places_and_states_that_no_checkpoint_can_keep_are_found_before_the_first_step(digits, tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "run.pt", tmp_path):
        with pytest.raises((OSError, ValueError), match=str(path.parent)):
            fit(digits, checkpoint=path, objective=failing(1))
    options = {"checkpoint": tmp_path / "run.pt", "optimizer": lambda net: sgd(net, lr=np.float64(0.05))}
    assert "numpy, say" in message(ValueError, fit, digits, objective=failing(1), **options)
    assert not (tmp_path / "run.pt").exists()
