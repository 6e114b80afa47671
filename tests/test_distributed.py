"""Two processes do what one does: the same loss curve to rounding, every image counted once, one voice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lecture8 import checkpoints, distributed, training
from tests import shared_runs

ROOT = Path(__file__).parents[1]


# --- shares ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", [1, 2, 3, 8])
def test_every_image_counts_once_and_nobody_has_less_than_two(world):
    for count in range(1, 40):
        shares = [distributed.share(count, rank, world) for rank in range(world)]
        counted = sorted(i for own, counts in shares if counts for i in range(count)[own])
        assert counted == list(range(count))
        sizes = [len(range(count)[own]) for own, _ in shares]
        assert min(sizes) >= min(2, count) and max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("world", [1, 2, 3, 8])
def test_weighted_means_of_the_shares_average_to_the_mean_of_the_batch(world):
    torch.manual_seed(0)
    for count in range(1, 40):
        values = torch.rand(count, dtype=torch.float64)
        means = [
            distributed.share_weight(count, rank, world) * values[distributed.share(count, rank, world)[0]].mean()
            for rank in range(world)
        ]
        assert sum(means) / world == pytest.approx(values.mean().item(), rel=1e-12)


def test_alone_nothing_is_shared():
    assert (distributed.rank(), distributed.world()) == (0, 1)
    values = torch.arange(3)
    assert distributed.total(values) is values and distributed.everyones("a") == ["a"]
    assert distributed.anyone(True, False, device=torch.device("cpu")) == [True, False]
    with distributed.session("cpu") as device:
        assert device.type == "cpu" and distributed.world() == 1


def test_a_run_alone_asks_a_stream_only_for_what_is_left():
    stream = shared_runs.Stream(shared_runs.digits(100))
    generator = torch.Generator().manual_seed(0)
    rest = list(distributed.batches(stream, "train", 32, generator, augment=True, start=2))
    whole = list(stream.batches("train", 32, torch.Generator().manual_seed(0), augment=True))
    assert stream.decoded == 36
    assert all(torch.equal(a[0], b[0]) for a, b in zip(rest, whole[2:], strict=True))


# --- two processes ---------------------------------------------------------------------------------------------------


class Results:
    """What the settings of shared_runs.py gave: `two("plain")` is that of the first of two processes."""

    def __init__(self, folder, output):
        self.folder, self.output = folder, output

    def __call__(self, setting, process=0):
        return torch.load(self.folder / f"{setting}.{process}.pt", weights_only=True)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    interrupted(folder / "resumed.run.pt")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(
        [*command, shared_runs.__file__, folder], env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Results(folder, done.stdout)


def interrupted(path):
    """A checkpoint of one process, within its second epoch."""
    steps = 0

    def objective(net, images, labels):
        nonlocal steps
        steps += net.training
        if steps > 24:
            raise RuntimeError("a crash")
        return training.cross_entropy(net, images, labels)

    objective.__qualname__ = "cross_entropy"
    options = {"batch_size": 8, "checkpoint": path, "checkpoint_minutes": 0}
    with pytest.raises(RuntimeError, match="a crash"):
        shared_runs.fit(shared_runs.digits(), shared_runs.plain_net(), objective=objective, **options)
    assert checkpoints.read(path)["epoch"] == 2


def same_to_rounding(a, b):
    assert len(a["rows"]) == len(b["rows"])
    for one, other in zip(a["rows"], b["rows"], strict=True):
        assert one == pytest.approx(other, rel=2e-5)
    for name, value in a["net"].items():
        assert torch.allclose(value, b["net"][name], rtol=1e-4, atol=1e-6), name


@pytest.mark.parametrize("setting", ["plain", "pieces", "uneven", "odd", "stream", "watched"])
def test_two_processes_do_what_one_does(two, setting):
    alone = getattr(shared_runs, setting)(None)
    same_to_rounding(two(setting), alone)
    first, second = two(setting), two(setting, 1)
    assert all(torch.equal(value, second["net"][name]) for name, value in first["net"].items())
    assert first["rows"] == second["rows"]


def test_every_process_decodes_its_share_only(two):
    trained, valid = [75, 75], [25, 25]  # of 150 and 50, in batches of 32 and 50
    assert [two("stream", process)["decoded"] for process in (0, 1)] == [
        3 * (a + b) for a, b in zip(trained, valid, strict=True)
    ]


def test_evaluation_counts_every_image_once(two):
    alone = shared_runs.evaluated(None)["score"]
    for process in (0, 1):
        assert two("evaluated", process)["score"] == pytest.approx(alone, rel=1e-6)
    assert alone[2] == 300 and 300 % 13 == 1


def test_batch_normalization_sees_each_share_and_keeps_the_first_ones_statistics(two):
    net, data = shared_runs.norm_net(), shared_runs.digits(31)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    (batch,) = data.batches("train", 32, torch.Generator().manual_seed(0), augment=True)
    images, labels = batch
    losses = []
    for process in (1, 0):  # the first last, so that its statistics are those that stay
        net[1].reset_running_stats()
        own, _ = distributed.share(31, process, 2)
        losses.append(F.cross_entropy(net(images[own]), labels[own]) * len(labels[own]) / 31)
        losses[-1].backward()
    optimizer.step()
    found = two("norm")
    assert found["rows"][0]["train_loss"] == pytest.approx(sum(losses).item(), rel=1e-5)
    for name, value in net.state_dict().items():
        assert torch.allclose(value, found["net"][name], rtol=1e-4, atol=1e-6), name
        assert torch.equal(found["net"][name], two("norm", 1)["net"][name])
    alone = shared_runs.norm(None)
    assert not torch.allclose(alone["net"]["1.running_var"], net[1].running_var, rtol=1e-4), "the expected difference"


def test_one_process_prints_and_watches(two):
    assert two("watched")["seen"] == [1, 2, 3] and two("watched", 1)["seen"] == []
    assert two.output.count("Going on from") == 1 and two.output.count("Stopped after") == 1


def test_every_process_draws_its_own_dropout(two):
    first, second = two("dropout")["drawn"], two("dropout", 1)["drawn"]
    assert torch.equal(first, shared_runs.dropout(None)["drawn"]) and not torch.equal(first, second)


def test_networks_with_auxiliary_classifiers(two):
    for which in ("with", "without"):
        rows = two("auxiliary")[which]["rows"]
        assert len(rows) == 2 and rows == two("auxiliary", 1)[which]["rows"]


# --- stopped, and with another number of processes -------------------------------------------------------------------


def test_a_run_of_one_process_goes_on_with_two(two):
    same_to_rounding(two("resumed"), shared_runs.fit(shared_runs.digits(), shared_runs.plain_net(), batch_size=8))


def test_a_run_of_two_processes_stopped_by_one_of_them_goes_on_with_one(two, capsys):
    for process in (0, 1):
        assert two("stopped", process) == {"code": 143, "steps": 8}, "they agree after every eighth step"
    options = {"batch_size": 8, "checkpoint": two.folder / "stopped.run.pt"}
    gone_on = shared_runs.fit(shared_runs.digits(), shared_runs.plain_net(), **options)
    assert "epoch 1, after 8 steps of it" in capsys.readouterr().out
    same_to_rounding(gone_on, shared_runs.fit(shared_runs.digits(), shared_runs.plain_net(), batch_size=8))


# --- what is refused -------------------------------------------------------------------------------------------------


def test_settings_that_do_not_fit_several_processes(two):
    said = two("refused")
    assert "a batch of 3 is too small for 2 processes" in said["batch"] and "give 4 or more" in said["batch"]
    assert "needs CUDA, and this device is cpu: leave sync_norm out" in said["sync"]


def test_synchronized_norm_keeps_the_parameters_of_the_optimizer(monkeypatch):
    net = shared_runs.norm_net()
    before = dict(net.named_parameters())
    distributed.synchronize_norm(net, torch.device("cuda"))
    assert isinstance(net[1], nn.SyncBatchNorm)
    assert all(value is before[name] for name, value in net.named_parameters())


def test_more_processes_than_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for name, value in {"WORLD_SIZE": "2", "LOCAL_RANK": "1", "RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(
        ValueError, match=r"process 2 of this machine has no GPU of its own, there are 1: start torchrun"
    ):
        with distributed.session("cuda"):
            pass
