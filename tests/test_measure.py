"""Measurements: with a clock of our own, memory counted by hand, and a network that stays as it is."""

import itertools
import time
import weakref

import pytest
import torch
from torch import nn

from lecture8 import measure

IMAGE = (3, 8, 8)


class Clock:
    """Time that only passes when somebody works."""

    now = 0.0

    def perf_counter(self):
        return self.now

    def work(self, *seconds):
        """A call that takes these seconds in turn."""
        turns = itertools.cycle(seconds)

        def call():
            self.now += next(turns)

        return call


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(measure, "time", clock)
    return clock


class Net(nn.Module):
    """Batch norm, dropout and a linear layer; `before(net, images)` is called first."""

    def __init__(self, before=lambda net, images: None):
        super().__init__()
        self.norm, self.drop, self.fc = nn.BatchNorm2d(3), nn.Dropout(), nn.Linear(192, 10)
        self.before = [before]  # a list, or nn.Module would want to have it

    def forward(self, images):
        self.before[0](self, images)
        return self.fc(self.drop(self.norm(images)).flatten(1))


def test_ratio_alternates_and_repeats_short_calls(clock):
    order = []

    def call(name, seconds):
        order.append(name)
        clock.now += seconds

    measure.ratio(lambda: call("a", 1.0), lambda: call("b", 1.0), rounds=3, warmup=2)
    assert "".join(order) == "aaabbb" + "ab" + "ba" + "ab"  # the third to see how long it takes
    order.clear()
    found = measure.ratio(lambda: call("a", 0.001), lambda: call("b", 0.02), rounds=4, warmup=0, seconds=0.1)
    counts = [order.count(name) for name in "ab"]
    assert 4 * 50 <= counts[0] <= 4 * 150 + 200 and 4 * 3 <= counts[1] <= 4 * 8 + 10
    assert found.median == pytest.approx(0.05) and found.ours == pytest.approx(0.001)


def test_too_noisy_is_said(clock):
    calm = measure.ratio(clock.work(3.0), clock.work(2.0), rounds=5, device="cpu")
    assert str(calm).startswith("time, ours / reference: 1.5 times (1.5 to 1.5 in 5 runs; cpu, ")
    assert measure.ratio(clock.work(3.0), clock.work(2.0), rounds=1).median == 1.5
    found = measure.ratio(clock.work(1.0, 2.0), clock.work(1.0), rounds=11, warmup=0, seconds=0)
    assert "; too noisy to conclude: quartiles " in str(found) and "noisy" not in str(calm)


def test_latency_and_throughput(clock):
    def forward(net, images):
        assert not net.training and torch.is_inference_mode_enabled()
        assert images.shape == (len(images), *IMAGE) and images.std() > 0.5
        clock.now += 0.002 * len(images)

    found = measure.latency(Net(forward), IMAGE, 4, device="cpu", seconds=0.1)
    assert (found.median, found.batch, found.unit, found.runs) == (pytest.approx(0.008), 4, "seconds", 13)
    assert str(found).startswith("latency of Net: 8 ms (8 to 8 in 13 runs; batch 4, cpu, ")
    assert measure.latency(Net(forward), IMAGE, device="cpu", seconds=0).runs == 5  # at least
    found = measure.throughput(Net(forward), IMAGE, 4, device="cpu", seconds=0.1)
    assert found.unit == "images per second" and found.median == pytest.approx(500)


def fails_at_the_second_call():
    calls = iter((False, True))

    def before(net, images):
        if next(calls):
            raise RuntimeError("not today")

    return before


@pytest.mark.parametrize("broken", [False, True])
def test_the_network_stays_as_it_is(broken, monkeypatch):
    net = Net()
    net.drop.eval()  # a mixture of modes
    net(torch.rand(4, *IMAGE)).sum().backward()
    monkeypatch.setattr(measure, "_power_meter", lambda device: lambda: 50.0)

    def everything():
        tensors = [*net.state_dict().values(), *(p.grad for p in net.parameters()), torch.get_rng_state()]
        return [t.clone() for t in tensors], [m.training for m in net.modules()], [id(p) for p in net.parameters()]

    for run in (
        lambda: measure.latency(net, IMAGE, device="cpu", seconds=0),
        lambda: measure.throughput(net, IMAGE, 2, device="cpu", seconds=0),
        lambda: measure.peak_memory(net, IMAGE, 4, "adam", device="cpu"),
        lambda: measure.inference_memory(net, IMAGE, 4, device="cpu"),
        lambda: measure.power(net, IMAGE, 4, device="cpu", seconds=0.7),
    ):
        net.before[0] = fails_at_the_second_call() if broken else lambda net, images: None
        before = everything()
        if broken:
            with pytest.raises(RuntimeError, match="not today"):
                run()
        else:
            run()
        after = everything()
        assert all(torch.equal(a, b) for a, b in zip(before[0], after[0], strict=True)) and before[1:] == after[1:]


@pytest.mark.parametrize(("optimizer", "matrices"), [("sgd", 2), ("momentum", 3)])
def test_peak_by_hand(optimizer, matrices, capfd):
    """One matrix: the gradient arises beside weights, state, images, logits and the gradients of the logits."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 1000, bias=False))
    found = measure.peak_memory(net, IMAGE, 20, optimizer, device="cpu")
    by_hand = matrices * 4 * 192_000 + 20 * (4 * 192 + 8) + 2 * 4 * 20_000 + torch.get_rng_state().nbytes
    assert 0 <= found.allocated - by_hand < 100  # the loss and other single numbers
    assert measure.peak_memory(net, IMAGE, 20, optimizer, device="cpu") == found
    assert str(found) == f"peak memory of training Sequential: {found.allocated / 1e6:.1f} MB allocated (batch 20, cpu)"
    assert capfd.readouterr() == ("", "")  # the profiler likes to talk


def test_inference_keeps_nothing_but_what_the_next_layer_needs():
    """Three matrices: at most two outputs are alive at one moment, and the weights and images always."""
    layers = [nn.Linear(192, 1000, bias=False), nn.Linear(1000, 500, bias=False), nn.Linear(500, 10, bias=False)]
    found = measure.inference_memory(nn.Sequential(nn.Flatten(), *layers), IMAGE, 20, device="cpu")
    weights, images = 4 * (192_000 + 500_000 + 5_000), 20 * 4 * 192
    assert found.allocated == weights + images + 20 * 4 * (1000 + 500) + torch.get_rng_state().nbytes


def test_maps_and_several_outputs_are_trained_as_well():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.MaxPool2d(2, return_indices=True))
    found = measure.peak_memory(net, IMAGE, 20, device="cpu").allocated
    assert found > 20 * (4 * 192 + 4 * 8 * 36 + (4 + 8) * 8 * 9)  # images, maps, and what the pooling returns


@pytest.mark.parametrize("run", [measure.latency, measure.throughput, measure.peak_memory, measure.inference_memory])
def test_refused_in_one_sentence(run):
    kept = []

    def full(net, images):
        kept.append(weakref.ref(net))
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    message = "a batch of 7 does not fit into the memory of cpu: try a smaller"
    with pytest.raises(MemoryError, match=message) as caught:
        run(Net(full), IMAGE, 7, device="cpu")
    assert caught.value.__context__ is None
    assert kept.pop()() is None  # the copy is gone while the error is still around
    parted = Net()
    parted.fc.to("meta")
    with pytest.raises(ValueError, match=r"the parameters of this network lie on cpu and meta: "):
        run(parted, IMAGE, 1, device="cpu")


def test_power(monkeypatch):
    """A meter that reads 10 watts at rest, and 100 or 60 while the network runs."""
    running = []
    watts = lambda: 60.0 + 40 * (len(running) > 1) if running else 10.0  # noqa: E731
    monkeypatch.setattr(measure, "_power_meter", lambda device: watts)

    def forward(net, images):
        assert not net.training and torch.is_inference_mode_enabled() and len(images) == 4
        running.append(True)
        time.sleep(0.01)

    found = measure.power(Net(forward), IMAGE, 4, device="cpu", seconds=0.9)
    assert (found.idle, found.median, found.unit, found.batch) == (10, 100, "watts", 4)
    assert found.joules == pytest.approx(100 * 0.9 / (4 * len(running)), rel=0.1)
    assert str(found).startswith("power of Net: 100 watts (100 to 100 in ") and "; idle 10 watts; " in str(found)
    assert measure.power(Net(forward), IMAGE, 4, device="cpu", seconds=0.01).runs >= 4, "until there are five readings"
