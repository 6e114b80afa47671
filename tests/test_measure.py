"""Measurements: with a clock of our own, memory counted by hand and as predicted, and a network that stays as it is."""

import gc
import time
import weakref

import pytest
import torch
from torch import nn

from lecture8 import complexity, measure, models

IMAGE = (3, 8, 8)


class Clock:
    """Time that only passes when somebody works."""

    now = 0.0

    def perf_counter(self):
        return self.now

    def work(self, *seconds):
        """A call that takes these seconds in turn."""
        calls = [0]

        def call():
            self.now += seconds[calls[0] % len(seconds)]
            calls[0] += 1

        call.calls = calls
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


@pytest.fixture(autouse=True, scope="module")
def short_collections():
    """The garbage collector, which runs before every measurement of memory, need not walk through all of PyTorch."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


# --- time ---------------------------------------------------------------------------------------------------------
def test_ratio_is_that_of_the_medians(clock):
    found = measure.ratio(clock.work(3.0), clock.work(2.0), rounds=5)
    assert (found.median, found.low, found.high, found.runs) == (1.5, 1.5, 1.5, 5)
    assert (found.ours, found.reference) == (3.0, 2.0) and "noisy" not in str(found)
    assert str(found) == repr(found)
    assert str(found).startswith("time, ours / reference: 1.5 times (1.5 to 1.5 in 5 runs; cpu, ")
    assert measure.ratio(clock.work(3.0), clock.work(2.0), rounds=1).median == 1.5


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


def test_ratio_of_a_machine_that_slows_down(clock):
    """Both get a tenth slower with every call: who is second seems slower, and the rounds balance it."""
    pace = [1.0]

    def call(seconds):
        clock.now += seconds * pace[0]
        pace[0] *= 1.1

    found = measure.ratio(lambda: call(2.0), lambda: call(1.0), rounds=20, warmup=0, seconds=0)
    assert found.median == pytest.approx(2.0, rel=0.01)
    assert (found.low, found.high) == (pytest.approx(2 / 1.1), pytest.approx(2 * 1.1))


def test_too_noisy_is_said(clock):
    found = measure.ratio(clock.work(1.0, 2.0), clock.work(1.0), rounds=11, warmup=0, seconds=0)
    assert "; too noisy to conclude: quartiles " in str(found)
    with pytest.raises(ValueError, match="rounds is 0: give at least 1"):
        measure.ratio(clock.work(1), clock.work(1), rounds=0)


def test_latency_and_throughput(clock):
    def forward(net, images):
        assert not net.training and torch.is_inference_mode_enabled()
        assert images.shape == (len(images), *IMAGE) and images.std() > 0.5
        clock.now += 0.002 * len(images)

    found = measure.latency(Net(forward), IMAGE, 4, device="cpu", seconds=0.1)
    assert (found.median, found.batch, found.unit, found.runs) == (pytest.approx(0.008), 4, "seconds", 13)
    assert (found.device, found.threads) == ("cpu", torch.get_num_threads())
    assert str(found).startswith("latency of Net: 8 ms (8 to 8 in 13 runs; batch 4, cpu, ")
    assert measure.latency(Net(forward), IMAGE, device="cpu", seconds=0).runs == 5  # at least
    found = measure.throughput(Net(forward), IMAGE, 4, device="cpu", seconds=0.1)
    assert found.unit == "images per second" and found.median == pytest.approx(500)
    assert found.low <= found.median <= found.high


def everything(net, optimizer):
    """All that must be the same afterwards."""
    tensors = [*net.state_dict().values(), *(p.grad for p in net.parameters())]
    tensors += [t for state in optimizer.state.values() for t in state.values() if isinstance(t, torch.Tensor)]
    modes = [module.training for module in net.modules()]
    return [t.clone() for t in tensors], modes, torch.get_rng_state(), [id(p) for p in net.parameters()]


def fails_at(call):
    calls = []

    def before(net, images):
        calls.append(0)
        if len(calls) == call:
            raise RuntimeError("not today")

    return before


@pytest.mark.parametrize("broken", [False, True])
def test_the_network_stays_as_it_is(broken, monkeypatch):
    net = Net()
    net.drop.eval()  # a mixture of modes
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.rand(4, *IMAGE)).sum().backward()
    optimizer.step()
    monkeypatch.setattr(measure, "_power_meter", lambda device: lambda: 50.0)
    settings = {"device": "cpu", "seconds": 0.0}
    measurements = [
        lambda: measure.latency(net, IMAGE, **settings),
        lambda: measure.throughput(net, IMAGE, 2, **settings),
        lambda: measure.peak_memory(net, IMAGE, 4, "adam", device="cpu"),
        lambda: measure.inference_memory(net, IMAGE, 4, device="cpu"),
        lambda: measure.power(net, IMAGE, 4, device="cpu", seconds=0.7),
    ]
    for run in measurements:
        net.before[0] = fails_at(2) if broken else lambda net, images: None
        before = everything(net, optimizer)
        if broken:
            with pytest.raises(RuntimeError, match="not today"):
                run()
        else:
            run()
        after = everything(net, optimizer)
        assert all(torch.equal(a, b) for a, b in zip(before[0], after[0], strict=True))
        assert before[1] == after[1] and torch.equal(before[2], after[2]) and before[3] == after[3]


# --- memory -------------------------------------------------------------------------------------------------------
def test_peak_by_hand(capfd):
    """One matrix: the gradient arises while weights, images, logits and the gradients of the logits are there."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 1000, bias=False))
    found = measure.peak_memory(net, IMAGE, 20, "sgd", device="cpu")
    by_hand = 2 * 4 * 192_000 + 20 * (4 * 192 + 8) + 2 * 4 * 20_000 + torch.get_rng_state().nbytes
    assert 0 <= found.allocated - by_hand < 100  # the loss and other single numbers
    again = measure.peak_memory(net, IMAGE, 20, "sgd", device="cpu")
    assert again == found and (found.batch, found.device) == (20, "cpu")
    assert str(found) == repr(found) == "peak memory of training Sequential: 1.7 MB allocated (batch 20, cpu)"
    assert capfd.readouterr() == ("", "")  # the profiler likes to talk


def test_inference_keeps_nothing_but_what_the_next_layer_needs(capfd):
    """Three matrices: at most two outputs are alive at one moment, and the weights and images always."""
    layers = [nn.Linear(192, 1000, bias=False), nn.Linear(1000, 500, bias=False), nn.Linear(500, 10, bias=False)]
    found = measure.inference_memory(nn.Sequential(nn.Flatten(), *layers), IMAGE, 20, device="cpu")
    weights, images = 4 * (192_000 + 500_000 + 5_000), 20 * 4 * 192
    assert found.allocated == weights + images + 20 * 4 * (1000 + 500) + torch.get_rng_state().nbytes
    assert str(found) == "peak memory of inference with Sequential: 2.9 MB allocated (batch 20, cpu)"
    assert capfd.readouterr() == ("", "")


def test_prediction_is_exact_without_convolutions():
    """Everything that PyTorch does itself: pooling, norms, dropout, linear layers, optimizers."""
    net = nn.Sequential(
        nn.MaxPool2d(3, 1, 1), nn.LocalResponseNorm(5), nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.Dropout(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(768, 300), nn.ReLU(), nn.Dropout(0.2), nn.Linear(300, 10),
    )  # fmt: skip
    for batch, optimizer in ((50, "momentum"), (500, "adam"), (1, "adam")):
        predicted = complexity.memory(net, 32, batch, optimizer).peak
        measured = measure.peak_memory(net, 32, batch, optimizer, device="cpu").allocated
        random = torch.get_rng_state().nbytes  # put aside while measuring
        # and Adam still holds what it made for the parameter before the largest, here 300 numbers
        assert 0 <= measured - random - predicted <= 1200, (batch, optimizer)


@pytest.fixture
def one_thread():
    """More threads have more copies."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("make", "size", "batch"), [(models.small.resnet20, 32, 16), (lambda: models.resnet18(10), 96, 4)]
)
def test_prediction_with_convolutions_lacks_only_the_copies_of_one(make, size, batch, one_thread):
    net = make()
    predicted = complexity.memory(net, size, batch).peak
    assert 0.999 * predicted <= measure.peak_memory(net, size, batch, device="cpu").allocated <= 1.05 * predicted


def test_more_than_the_gpu_has(monkeypatch):
    freed = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: freed.append(True))
    kept = []

    def full(net, images):
        kept.append(weakref.ref(net))
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    net = Net(full)
    for run in (measure.latency, measure.throughput, measure.peak_memory, measure.inference_memory):
        with pytest.raises(MemoryError, match="a batch of 7 does not fit into the memory of cpu: try a smaller"):
            run(net, IMAGE, 7, device="cpu")
        assert freed.pop() and kept.pop()() is None  # the copy is gone while the error is still around


# --- power --------------------------------------------------------------------------------------------------------
def test_power(monkeypatch):
    """A meter that reads 10 watts at rest, and 100 or 60 while the network runs."""
    running = []
    monkeypatch.setattr(
        measure, "_power_meter", lambda device: lambda: 60.0 + 40 * (len(running) > 1) if running else 10.0
    )

    def forward(net, images):
        assert not net.training and torch.is_inference_mode_enabled() and len(images) == 4
        running.append(True)
        time.sleep(0.01)

    found = measure.power(Net(forward), IMAGE, 4, device="cpu", seconds=0.9)
    assert (found.idle, found.median, found.unit, found.batch) == (10, 100, "watts", 4)
    assert 3 <= found.runs <= 6  # of at most 8 readings the last two thirds
    assert found.joules == pytest.approx(100 * 0.9 / (4 * len(running)), rel=0.1)
    assert str(found).startswith("power of Net: 100 watts (100 to 100 in ") and "; idle 10 watts; " in str(found)
    with pytest.raises(ValueError, match=r"only [0-3] readings in 0\.\d seconds: measure for more"):
        measure.power(Net(forward), IMAGE, 4, device="cpu", seconds=0.2)


def test_power_needs_an_nvidia_gpu():
    with pytest.raises(ValueError, match=r"power needs an NVIDIA GPU and the nvidia-smi .*, and this device is cpu"):
        measure.power(Net(), IMAGE, device="cpu")


# --- what it refuses ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("run", [measure.latency, measure.peak_memory, measure.inference_memory])
def test_refused_in_one_sentence(run):
    with pytest.raises(TypeError, match="given a str: expected a network"):
        run("vgg16", IMAGE, 1, device="cpu")
    with pytest.raises(ValueError, match=r"given image_size \(3, 0, 8\): give"):
        run(Net(), (3, 0, 8), 1, device="cpu")
    with pytest.raises(ValueError, match="given batch 0: give"):
        run(Net(), IMAGE, 0, device="cpu")
    with pytest.raises(ValueError, match="unknown device 'tpu0x'"):
        run(Net(), IMAGE, 1, device="tpu0x")


def test_optimizers_refused():
    with pytest.raises(ValueError, match="unknown optimizer 'adm': choose from sgd"):
        measure.peak_memory(Net(), IMAGE, 2, "adm", device="cpu")
    with pytest.raises(ValueError, match="the network has nothing to train: set requires_grad"):
        measure.peak_memory(Net().requires_grad_(False), IMAGE, 2, device="cpu")


def test_devices_that_do_not_count(monkeypatch):
    monkeypatch.setattr(measure.devices, "pick_device", lambda wanted: torch.device("mps"))
    with pytest.raises(ValueError, match="does not count the memory it takes on mps: choose 'cuda' or 'cpu'"):
        measure.peak_memory(Net(), IMAGE, 2)
