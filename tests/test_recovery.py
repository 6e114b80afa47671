"""A run that was stopped, in whatever way, ends as if never stopped; files are whole, and others are refused."""

import copy
import itertools
import random
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from lecture8 import checkpoints, datasets, training
from tests.support.refusals import message


@pytest.fixture(scope="module")
def digits():
    data = datasets.digits(size=8)
    data = replace(data, valid=data.valid.take(50), augment=datasets.random_crop(1))
    return data.take(150)  # 5 batches of 32, the last one short


def small_net(width=4):
    """With everything that has a state: dropout and batch normalization."""
    torch.manual_seed(0)
    layers = nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3)
    return nn.Sequential(*layers, nn.Linear(width * 36, 10))


def sgd(net, **options):
    return torch.optim.SGD(net.parameters(), **{"lr": 0.05, "momentum": 0.9, **options})


def fit(data, net=None, optimizer=sgd, scheduler=None, epochs=3, **options):
    net = small_net() if net is None else net
    optimizer = optimizer(net)
    scheduler = scheduler(optimizer) if scheduler else None
    return net, training.fit(net, data, optimizer, epochs, scheduler=scheduler, **{"batch_size": 32, **options})


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(value, b[name]) for name, value in a.items())


def same(a, b):
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in history.rows] for _, history in (a, b)]
    return equal(a[0].state_dict(), b[0].state_dict()) and rows[0] == rows[1]


def failing(at, error=ZeroDivisionError):
    """`training.cross_entropy`, by its name, that raises an error in one step of the training."""
    steps = itertools.count(1)

    def objective(net, images, labels):
        if net.training and next(steps) == at:
            raise error
        return training.cross_entropy(net, images, labels)

    objective.__qualname__ = training.cross_entropy.__qualname__
    return objective


# --- every kind of state ---------------------------------------------------------------------------------------------
OPTIMIZERS = {
    "Nesterov": lambda net: sgd(net, nesterov=True, weight_decay=1e-3),
    "Adam": lambda net: torch.optim.Adam(net.parameters(), lr=1e-3),
    "RMSprop": lambda net: torch.optim.RMSprop(net.parameters(), lr=1e-3, alpha=0.9, eps=1.0, momentum=0.9),
    "groups": lambda net: torch.optim.SGD(
        [{"params": net[0].parameters(), "lr": 0.01}, {"params": net[1:].parameters()}], 0.1
    ),
}
SCHEDULERS = {
    "StepLR": lambda optimizer: lr_scheduler.StepLR(optimizer, 1, 0.5),
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
        with pytest.raises(ZeroDivisionError):
            fit(digits, checkpoint=path, objective=failing(step), **options)
        assert len(checkpoints.read(path)["rows"]) == step // 5
        assert same(fit(digits, checkpoint=path, **options), never)
    if "scheduler" in options:
        assert len(set(never[1]["lr"])) > 1


def test_more_epochs_of_a_finished_run_are_the_longer_run(digits, tmp_path, capsys):
    fit(digits, epochs=2, checkpoint=tmp_path / "run.pt")
    assert capsys.readouterr().out == ""
    (tmp_path / ".run.pt.123.tmp").touch()  # the draft of a process that was killed
    longer = fit(digits, epochs=4, checkpoint=tmp_path / "run.pt")
    assert capsys.readouterr().out == f"Resuming from {tmp_path / 'run.pt'}: epochs done: 2.\n"
    assert same(longer, fit(digits, epochs=4)) and same(fit(digits, epochs=4, checkpoint=tmp_path / "run.pt"), longer)
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------
def test_ctrl_c_returns_the_history_and_the_same_objects_resume(digits, tmp_path, capsys):
    net = small_net()
    optimizer = sgd(net)
    options = {"batch_size": 32, "scheduler": SCHEDULERS["plateau"](optimizer), "checkpoint": tmp_path / "run.pt"}
    history = training.fit(net, digits, optimizer, 4, objective=failing(17, KeyboardInterrupt), **options)
    said = f"the history holds the 3 before, and the same call resumes from {tmp_path / 'run.pt'}.\n"
    assert len(history) == 3 and capsys.readouterr().out == f"Stopped in epoch 4: {said}"
    resumed = net, training.fit(net, digits, optimizer, 4, **options)
    assert same(resumed, fit(digits, epochs=4, scheduler=SCHEDULERS["plateau"]))


def test_lost_weights_never_replace_good_ones(digits, tmp_path):
    schedule = {"scheduler": lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda epoch: 1e38 if epoch else 1)}
    with pytest.raises(training.DivergedError):
        fit(digits.take(32), checkpoint=tmp_path / "run.pt", **schedule)  # the second epoch's only step goes too far
    saved = checkpoints.read(tmp_path / "run.pt")
    assert len(saved["rows"]) == 1 and all(value.isfinite().all() for value in saved["net"].values())


# --- refused ---------------------------------------------------------------------------------------------------------
REFUSED = {
    "width": ({"net": lambda: small_net(8)}, "its parameters is 1498, and now 2986 was given"),
    "layers": ({"net": lambda: nn.Sequential(*small_net()[:2], nn.Tanh(), *small_net()[3:])}, "its network checksum"),
    "batch": ({"batch_size": 16}, "its batch_size is 32, and now 16 was given"),
    "seed": ({"seed": 1}, "its seed is 0, and now 1 was given"),
    "objective": ({"objective": training.label_smoothing(0.2)}, "cross_entropy, and now label_smoothing(0.2)"),
    "lr": ({"optimizer": lambda net: sgd(net, lr=0.1)}, "its lr is [0.05], and now [0.1] was given"),
    "optimizer": ({"optimizer": OPTIMIZERS["Adam"]}, "its optimizer is SGD"),
    "slower": ({"scheduler": lambda opt: lr_scheduler.StepLR(opt, 2, 0.5)}, "its scheduler is StepLR {'step_size': 1"),
    "no schedule": ({"scheduler": None}, "and now none was given"),
    "fewer images": ({"change": lambda data: data.take(120)}, "its data is digits: 150 train"),
    "other images": ({"change": lambda data: data.map(lambda pixels: pixels.flip(-1))}, "its data checksum is"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_checkpoint_of_another_run_is_refused(digits, tmp_path, what):
    options, expected = REFUSED[what]
    options = {"scheduler": SCHEDULERS["StepLR"], "checkpoint": tmp_path / "run.pt", **options}
    fit(digits, epochs=1, checkpoint=tmp_path / "run.pt", scheduler=SCHEDULERS["StepLR"])
    net, data = options.pop("net", small_net)(), options.pop("change", lambda data: data)(digits)
    before, content = copy.deepcopy(net.state_dict()), (tmp_path / "run.pt").read_bytes()
    text = message(ValueError, fit, data, net, **options)
    assert expected in text and "another path to start anew" in text
    assert equal(net.state_dict(), before) and (tmp_path / "run.pt").read_bytes() == content


def test_places_and_states_that_no_checkpoint_can_keep_are_found_before_the_first_step(digits, tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "run.pt", tmp_path):
        with pytest.raises((OSError, ValueError), match=str(path.parent)):
            fit(digits, checkpoint=path, objective=failing(1))
    options = {"checkpoint": tmp_path / "run.pt", "optimizer": lambda net: sgd(net, lr=np.float64(0.05))}
    assert "numpy, say" in message(ValueError, fit, digits, objective=failing(1), **options)
    assert not (tmp_path / "run.pt").exists()


# --- files -----------------------------------------------------------------------------------------------------------
def test_weights_round_trip_and_those_of_a_checkpoint(digits, tmp_path):
    net, _ = fit(digits, epochs=1, checkpoint=tmp_path / "run.pt")
    for path in (checkpoints.save_weights(net, tmp_path / "nets" / "net.pt"), tmp_path / "run.pt"):
        assert equal(checkpoints.load_weights(small_net(), path).state_dict(), net.state_dict())
    assert [file.name for file in (tmp_path / "nets").iterdir()] == ["net.pt"]
    said = message(ValueError, fit, digits, checkpoint=tmp_path / "nets" / "net.pt")
    assert "is the checkpoint of another run" in said


def test_an_interrupted_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = checkpoints.save_weights(small_net(), tmp_path / "net.pt")
    old = path.read_bytes()
    monkeypatch.setattr(type(path), "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    assert "disk full" in message(OSError, checkpoints.save_weights, small_net(), path)
    assert path.read_bytes() == old and [file.name for file in tmp_path.iterdir()] == ["net.pt"]


def test_weights_of_another_network_and_missing_ones(tmp_path):
    path, wide = checkpoints.save_weights(small_net(), tmp_path / "net.pt"), small_net(8)
    before = copy.deepcopy(wide.state_dict())
    text = message(ValueError, checkpoints.load_weights, wide, path)
    assert "another network: the first difference is 0.weight, 4 × 1 × 3 × 3 in the file" in text
    assert equal(wide.state_dict(), before)
    assert "there is no file" in message(FileNotFoundError, checkpoints.load_weights, wide, tmp_path / "no.pt")


def test_a_damaged_file_is_refused_or_loses_nothing(digits, tmp_path):
    net, _ = fit(digits, epochs=1, checkpoint=tmp_path / "run.pt")
    path, good, draw = tmp_path / "run.pt", (tmp_path / "run.pt").read_bytes(), random.Random(0)
    for content in (b"", good[:5000]):
        path.write_bytes(content)
        assert "cannot be read" in message(ValueError, fit, digits, checkpoint=path) and path.read_bytes() == content
    path.write_bytes(good)
    with zipfile.ZipFile(path) as archive:
        weights = max(archive.infolist(), key=lambda part: part.file_size)
    certain = {weights.header_offset + 200: 0, good.rfind(weights.filename.encode()) - 8: 4}  # 4: "this is a folder"
    flips = [*certain.items(), *((draw.randrange(len(good)), draw.randrange(8)) for _ in range(60))]
    for place, bit in flips:
        path.write_bytes(good[:place] + bytes([good[place] ^ 1 << bit]) + good[place + 1 :])
        try:
            loaded = checkpoints.load_weights(small_net(), path)
        except ValueError as error:
            assert "cannot be read" in str(error)
        else:  # padding between the parts of the zip
            assert place not in certain and equal(loaded.state_dict(), net.state_dict())


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Run:
        def __reduce__(self):
            return (tmp_path / "ran").touch, ()

    torch.save({"weight": Run()}, tmp_path / "net.pt")
    assert "cannot be read" in message(ValueError, checkpoints.load_weights, small_net(), tmp_path / "net.pt")
    assert not (tmp_path / "ran").exists()
