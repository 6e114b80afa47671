"""A run that was stopped, in whatever way, ends as if never stopped; and what is refused, and said."""

import os
import signal
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from lecture8 import checkpoints, datasets, training

SCRIPT = Path(__file__).with_name("killed_runs.py")


@pytest.fixture(scope="module")
def digits():
    data = datasets.digits(size=8)
    data = replace(data, valid=data.valid.take(50), augment=datasets.random_crop(1))
    return data.take(150)  # 5 batches of 32, the last one short


def small_net(**options):
    """With everything that has a state: dropout and batch normalization."""
    torch.manual_seed(0)
    width, outputs = options.get("width", 4), options.get("outputs", 10)
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3),
        nn.Linear(width * 64, outputs),
    )  # fmt: skip


def sgd(net, **options):
    return torch.optim.SGD(net.parameters(), **{"lr": 0.05, "momentum": 0.9, **options})


def fit(data, net=None, optimizer=None, scheduler=None, epochs=3, **options):
    net = small_net() if net is None else net
    optimizer = sgd(net) if optimizer is None else optimizer(net)
    scheduler = scheduler(optimizer) if scheduler else None
    options = {"batch_size": 32, "device": "cpu", "scheduler": scheduler, **options}
    return net, training.fit(net, data, optimizer, epochs, **options)


def same(a, b):
    nets = all(torch.equal(v, b[0].state_dict()[k]) for k, v in a[0].state_dict().items())
    return nets and without_time(a[1]) == without_time(b[1])


def without_time(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]


class CrashError(Exception):
    """What the tests raise in the middle of a step."""


def crashing(after, error=CrashError):
    """`training.cross_entropy`, by its name, that fails at a step of the training."""
    steps = 0

    def objective(net, images, labels):
        nonlocal steps
        steps += net.training
        if steps > after and net.training:
            raise error
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


def killed_and_not(folder, kills, seed):
    results = []
    for name, number in (("never", 0), ("killed", kills)):
        command = [sys.executable, SCRIPT, folder / name, str(number), str(seed)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(SCRIPT.parents[1])}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, timeout=900)
        results.append(torch.load(folder / name / "result.pt", weights_only=True))
    never, killed = results
    assert killed["killed"] == kills and killed["in_writes"] == kills // 3
    assert all(torch.equal(value, killed["net"][name]) for name, value in never["net"].items())
    assert never["rows"] == killed["rows"] and len(never["rows"]) == 7
    assert sorted(p.name for p in (folder / "killed").iterdir()) == ["result.pt", "run.pt"], "drafts were left"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_three_times_ends_as_if_never_stopped(tmp_path):
    killed_and_not(tmp_path, 3, seed=0)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_a_dozen_random_moments_ends_as_if_never_stopped(tmp_path, seed):
    killed_and_not(tmp_path, 12, seed)


# --- every kind of state ---------------------------------------------------------------------------------------------

OPTIMIZERS = {
    "SGD": sgd,
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


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_goes_on_within_an_epoch(digits, tmp_path, optimizer):
    options = {"optimizer": OPTIMIZERS[optimizer], "checkpoint_minutes": 0}
    with pytest.raises(CrashError):
        fit(digits, checkpoint=tmp_path / "run.pt", objective=crashing(8), **options)
    state = checkpoints.read(tmp_path / "run.pt")
    assert state["epoch"] == 2 and len(state["tally"][0]) == 3
    assert same(fit(digits, checkpoint=tmp_path / "run.pt", **options), fit(digits, **options))


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_schedule_goes_on(digits, tmp_path, scheduler):
    options = {"scheduler": SCHEDULERS[scheduler], "checkpoint": tmp_path / "run.pt"}
    with pytest.raises(CrashError):
        fit(digits, objective=crashing(12), **options)
    finished, never = fit(digits, **options), fit(digits, scheduler=SCHEDULERS[scheduler])
    assert same(finished, never) and len(set(never[1]["lr"])) > 1


def test_a_checkpoint_of_every_epoch_without_a_word_about_time(digits, tmp_path):
    with pytest.raises(CrashError):
        fit(digits, checkpoint=tmp_path / "run.pt", objective=crashing(7))
    state = checkpoints.read(tmp_path / "run.pt")
    assert (state["epoch"], state["tally"], len(state["rows"])) == (2, None, 1)


def test_more_epochs_of_a_finished_run_are_the_longer_run(digits, tmp_path, capsys):
    fit(digits, epochs=2, checkpoint=tmp_path / "run.pt")
    longer = fit(digits, epochs=4, checkpoint=tmp_path / "run.pt")
    assert f"Going on from {tmp_path / 'run.pt'}: epoch 3." in capsys.readouterr().out
    assert same(longer, fit(digits, epochs=4))
    again = fit(digits, epochs=4, checkpoint=tmp_path / "run.pt")
    assert "4 epochs are done, and 4 were asked for" in capsys.readouterr().out and same(again, longer)


def test_seconds_go_on_too(digits, tmp_path):
    with pytest.raises(CrashError):
        fit(digits, checkpoint=tmp_path / "run.pt", checkpoint_minutes=0, objective=crashing(3))
    state = checkpoints.read(tmp_path / "run.pt")
    assert state["spent"] > 0
    checkpoints.write(tmp_path / "run.pt", {**state, "spent": 1000.0})
    _, history = fit(digits, checkpoint=tmp_path / "run.pt")
    assert history["seconds"][0] > 1000 > history["seconds"][1]


def test_weights_of_a_checkpoint_can_be_loaded_alone(digits, tmp_path):
    net, _ = fit(digits, checkpoint=tmp_path / "run.pt")
    other = training.load_weights(small_net(), tmp_path / "run.pt")
    assert all(torch.equal(v, other.state_dict()[k]) for k, v in net.state_dict().items())


# --- stopped ---------------------------------------------------------------------------------------------------------


def signaling(number, at, times=1):
    """`training.cross_entropy` during a step of which somebody presses Ctrl-C, or a batch system says stop."""
    steps = 0

    def objective(net, images, labels):
        nonlocal steps
        steps += net.training
        if steps == at and net.training:
            for _ in range(times):
                signal.raise_signal(number)
        return training.cross_entropy(net, images, labels)

    objective.__qualname__ = training.cross_entropy.__qualname__
    return objective


def test_the_stop_button_keeps_all_and_the_same_objects_go_on(digits, tmp_path, capsys):
    net = small_net()
    optimizer = sgd(net)
    schedule = SCHEDULERS["plateau"](optimizer)
    before = signal.getsignal(signal.SIGINT)

    def run(**options):
        return net, training.fit(net, digits, optimizer, 4, batch_size=32, device="cpu", scheduler=schedule,
                                 checkpoint=tmp_path / "run.pt", **options)  # fmt: skip

    _, stopped = run(objective=signaling(signal.SIGINT, at=17))
    assert len(stopped) == 3 and signal.getsignal(signal.SIGINT) is before
    said = capsys.readouterr().out
    path = tmp_path / "run.pt"
    assert said == f"Stopped after 2 steps of epoch 4: to go on there, call fit again with the checkpoint {path}.\n"
    assert stopped.meta["notes"] in said
    assert same(run(), fit(digits, epochs=4, scheduler=SCHEDULERS["plateau"]))


def test_the_stop_button_without_a_checkpoint(digits, capsys):
    net, history = fit(digits, objective=signaling(signal.SIGINT, at=7))
    assert len(history) == 1 and "the network keeps what it has learned" in capsys.readouterr().out
    first, _ = fit(digits, objective=crashing(99), epochs=1)
    assert not torch.equal(net[5].weight, first[5].weight), "two steps of the second epoch are in it"


def test_stopped_in_evaluation(digits, tmp_path):
    steps = 0

    def objective(net, images, labels):
        nonlocal steps
        steps += 1
        if not net.training and steps > 2:  # the first call is a trial
            signal.raise_signal(signal.SIGINT)
        return training.cross_entropy(net, images, labels)

    objective.__qualname__ = training.cross_entropy.__qualname__
    _, history = fit(digits, checkpoint=tmp_path / "run.pt", objective=objective)
    assert len(history) == 0 and len(checkpoints.read(tmp_path / "run.pt")["tally"][0]) == 5
    assert same(fit(digits, checkpoint=tmp_path / "run.pt"), fit(digits))


def test_a_second_ctrl_c_cuts_off_at_once_and_the_checkpoint_is_of_before(digits, tmp_path, capsys):
    _, history = fit(digits, checkpoint=tmp_path / "run.pt", objective=signaling(signal.SIGINT, at=7, times=2))
    assert len(history) == 1 and "Cut off within step 2 of epoch 2: to go on there" in capsys.readouterr().out
    assert same(fit(digits, checkpoint=tmp_path / "run.pt"), fit(digits))


def test_sigterm_writes_and_ends_the_program(digits, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        fit(digits, checkpoint=tmp_path / "run.pt", objective=signaling(signal.SIGTERM, at=8))
    assert ended.value.code == 143 and "Stopped after 3 steps of epoch 2" in capsys.readouterr().out
    assert same(fit(digits, checkpoint=tmp_path / "run.pt"), fit(digits))


def test_patience_stops_and_says_when_it_was_best(digits, capsys):
    _, history = fit(digits, epochs=9, patience=2, optimizer=lambda net: sgd(net, lr=1e-12, momentum=0))
    losses = history["valid_loss"]
    assert len(history) < 9 and losses.index(min(losses)) == len(losses) - 3
    assert f"Stopped after epoch {len(losses)}: the validation loss was lowest" in capsys.readouterr().out


def test_patience_that_is_not_exhausted_changes_nothing(digits):
    assert same(fit(digits, patience=3), fit(digits))


def test_a_full_disk_does_not_end_the_run(digits, tmp_path, monkeypatch, capsys):
    write, writes = checkpoints.write, []

    def full(path, state):
        writes.append(path)
        if len(writes) == 3:
            raise OSError("No space left on device")
        write(path, state)

    monkeypatch.setattr(checkpoints, "write", full)
    assert same(fit(digits, checkpoint=tmp_path / "run.pt"), fit(digits))
    assert "could not be written (No space left on device); the one before is still there." in capsys.readouterr().out
    assert checkpoints.read(tmp_path / "run.pt")["epoch"] == 4


def test_worthless_weights_never_replace_good_ones(digits, tmp_path):
    net = small_net()
    schedule = lr_scheduler.LambdaLR(optimizer := sgd(net), lambda epoch: 1e38 if epoch else 1)
    with pytest.raises(training.DivergedError):
        training.fit(net, digits, optimizer, 3, batch_size=32, device="cpu", scheduler=schedule,
                     checkpoint=tmp_path / "run.pt", checkpoint_minutes=0)  # fmt: skip
    saved = checkpoints.read(tmp_path / "run.pt")
    assert saved["epoch"] == 2 and len(saved["tally"][0]) == 1 and saved["tally"][0].isfinite().all()


# --- memory ----------------------------------------------------------------------------------------------------------


def limited(most, evaluation=10**6):
    """`training.cross_entropy` on a device that holds no more than so many images at a time."""

    def objective(net, images, labels):
        if len(images) > (most if net.training else evaluation):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return training.cross_entropy(net, images, labels)

    return objective


def plain_net():
    """Without batch normalization and dropout, where pieces of a batch do the same as the batch."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def close(a, b):
    assert [row["train_loss"] for row in a[1].rows] == pytest.approx(b[1]["train_loss"], rel=1e-5)
    for one, other in zip(a[0].parameters(), b[0].parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("pieces", [2, 3, 32])
def test_accumulated_pieces_do_what_the_whole_batch_does(digits, pieces):
    close(fit(digits, plain_net(), accumulate=pieces), fit(digits, plain_net()))


def test_out_of_memory_goes_on_with_smaller_pieces_of_the_same_batch(digits, capsys):
    run = fit(digits, plain_net(), objective=limited(10))
    close(run, fit(digits, plain_net()))
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(
        "The memory of cpu is full with 32 images at a time: going on with 16 at a time in 2 pieces"
    )
    assert "with 8 at a time in 4 pieces, so that a step is still one over 32." in second
    assert run[1].meta["notes"] == f"{first[:-1]}; {second[:-1]}"


def test_out_of_memory_within_an_epoch_repeats_only_that_step(digits):
    objective, calls = limited(8), []

    def later(net, images, labels):
        calls.append(len(images))
        return (objective if len(calls) > 4 else training.cross_entropy)(net, images, labels)

    close(fit(digits, plain_net(), epochs=1, objective=later), fit(digits, plain_net(), epochs=1))
    # a trial, three steps, a failed fourth, its second attempt, and again in four pieces; the last batch has 22 images
    assert calls == [2, *[32] * 3, 32, 16, *[8] * 4, 6, 6, 5, 5, 50]


def test_batch_normalization_is_warned_of(digits, capsys):
    fit(digits, objective=limited(16))
    assert capsys.readouterr().out.endswith("over 32, but batch normalization now averages over 16.\n")


def test_out_of_memory_in_evaluation(digits, capsys):
    run = fit(digits, plain_net(), objective=limited(32, evaluation=20))
    close(run, fit(digits, plain_net()))
    assert "full in evaluation: going on with 16 at a time" in capsys.readouterr().out


def test_two_images_that_do_not_fit(digits):
    text = message(MemoryError, fit, digits, plain_net(), objective=limited(1))
    assert "full with 2 images at a time: take a smaller network or smaller images" in text


def test_memory_full_within_an_update_is_not_repeated(digits):
    class Greedy(torch.optim.SGD):
        def step(self, closure=None):
            raise torch.OutOfMemoryError("CUDA out of memory")

    net = plain_net()
    text = message(MemoryError, training.fit, net, digits, Greedy(net.parameters()), 1, batch_size=32, device="cpu")
    assert "in the middle of an update" in text


def test_an_error_keeps_no_tensors_alive(digits):
    alive = []

    def objective(net, images, labels):
        loss, logits = training.cross_entropy(net, images, labels)
        if net.training:
            alive.extend(weakref.ref(tensor) for tensor in (images, logits, loss))
            raise CrashError("a mistake in an objective")
        return loss, logits

    with pytest.raises(CrashError) as kept:
        fit(digits, objective=objective)
    assert kept.value.__traceback__ is not None, "as in a notebook, which keeps the last one"
    assert len(alive) == 3 and all(tensor() is None for tensor in alive)


def test_pieces_found_by_trial_are_kept_for_the_resumed_run(digits, tmp_path):
    objective = limited(16)
    objective.__qualname__ = "limited"
    fit(digits, plain_net(), objective=objective, checkpoint=tmp_path / "run.pt", epochs=1)
    calls = []

    def counting(net, images, labels):
        calls.append(len(images))
        return training.cross_entropy(net, images, labels)

    counting.__qualname__ = "limited"
    fit(digits, plain_net(), objective=counting, checkpoint=tmp_path / "run.pt", epochs=2)
    assert calls[1:3] == [16, 16]


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("finished") / "run.pt"
    fit(digits, epochs=1, checkpoint=path, scheduler=SCHEDULERS["StepLR"])
    return path


def plain_and_residual():
    """Two networks with the same names and shapes of weights, which compute different things."""
    torch.manual_seed(0)
    return small_net(), nn.Sequential(*[m if not isinstance(m, nn.ReLU) else nn.Tanh() for m in small_net()])


REFUSED = {
    "width": ({"net": lambda: small_net(width=8)}, "another network: the first difference is 0.weight, 4 × 1 × 3 × 3"),
    "layers": ({"net": lambda: plain_and_residual()[1]}, "its network is Sequential of 7 modules"),
    "batch": ({"batch_size": 16}, "its batch_size is 32, and now 16 was given"),
    "seed": ({"seed": 1}, "its seed is 0, and now 1 was given"),
    "accumulate": ({"accumulate": 2}, "its accumulate is 1, and now 2"),
    "precision": ({"precision": "bfloat16"}, "its precision is auto, and now bfloat16"),
    "objective": ({"objective": training.label_smoothing(0.2)}, "cross_entropy, and now label_smoothing(0.2)"),
    "rate": ({"optimizer": lambda net: sgd(net, lr=0.1)}, "its optimizer's lr is 0.05, and now 0.1 was given"),
    "optimizer": ({"optimizer": OPTIMIZERS["Adam"]}, "its optimizer is SGD, and now Adam was given"),
    "groups": ({"optimizer": OPTIMIZERS["groups"]}, "its groups of parameters is [6], and now [2, 2]"),
    "schedule": ({"scheduler": SCHEDULERS["MultiStepLR"]}, "its scheduler is StepLR, and now Multi"),
    "slower": ({"scheduler": lambda opt: lr_scheduler.StepLR(opt, 2, 0.5)}, "its scheduler's step_size is 1, and now"),
    "no schedule": ({"scheduler": None}, "its scheduler is StepLR, and now none was given"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_the_checkpoint_of_another_run_is_refused(digits, finished, what):
    options, expected = REFUSED[what]
    options = {"scheduler": SCHEDULERS["StepLR"], **options}
    net = options.pop("net", small_net)()
    before, content = {k: v.clone() for k, v in net.state_dict().items()}, finished.read_bytes()
    text = message(ValueError, fit, digits, net, checkpoint=finished, **options)
    assert expected in text and "another path to start anew" in text
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert finished.read_bytes() == content


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda data: data.take(120), "its data is digits: 150 train"),
        (lambda data: data.map(lambda pixels: pixels.flip(-1)), "its check sum of the data is"),
        (lambda data: replace(data, train=replace(data.train, labels=data.train.labels.roll(1))), "its check sum of"),
    ],
)
def test_the_checkpoint_of_a_run_with_other_data_is_refused(digits, finished, change, expected):
    text = message(ValueError, fit, change(digits), checkpoint=finished, scheduler=SCHEDULERS["StepLR"])
    assert expected in text


def test_damaged_and_foreign_files_are_refused_and_stay(digits, finished, tmp_path):
    path = tmp_path / "run.pt"
    for content, expected in (
        (finished.read_bytes()[:5000], "cannot be read as a checkpoint"),
        (b"", "cannot be read as a checkpoint"),
        (training.save_weights(small_net(), tmp_path / "net.pt").read_bytes(), "is no checkpoint of training.fit"),
    ):
        path.write_bytes(content)
        assert expected in message(ValueError, fit, digits, checkpoint=path)
        assert path.read_bytes() == content
    torch.save({"format": 99, "settings": {}}, path)
    assert "of form 99, and this version reads form 1" in message(ValueError, fit, digits, checkpoint=path)


def test_places_that_cannot_be_written_to_are_found_before_the_first_step(digits, tmp_path):
    assert "is a folder: give a file in it" in message(ValueError, fit, digits, checkpoint=tmp_path)
    (tmp_path / "file").write_text("")
    text = message(OSError, fit, digits, checkpoint=tmp_path / "file" / "run.pt", objective=crashing(0))
    assert "cannot be written" in text and "give a path in a folder with room" in text


def test_a_state_that_could_not_be_read_back_is_found_before_the_first_step(digits, tmp_path):
    class Odd(lr_scheduler.StepLR):
        def state_dict(self):
            return {**super().state_dict(), "path": Path("x")}

    text = message(ValueError, fit, digits, checkpoint=tmp_path / "run.pt", objective=crashing(0),
                   scheduler=lambda optimizer: Odd(optimizer, 1))  # fmt: skip
    assert "state of the scheduler" in text and not (tmp_path / "run.pt").exists()


def test_two_images_that_do_not_fit_are_found_before_the_first_step(digits):
    class Full(nn.Linear):
        def forward(self, images):
            raise torch.OutOfMemoryError("CUDA out of memory")

    text = message(MemoryError, fit, digits, nn.Sequential(nn.Flatten(), Full(64, 10)))
    assert "two images of 1 × 8 × 8 fill the memory of cpu" in text
