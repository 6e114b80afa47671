"""The loop learns, is repeatable, reports what it did, and says in one sentence what does not fit."""

import math
import weakref
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR

from lecture8 import datasets, devices, models, training, transfer
from lecture8.history import History
from tests.support.refusals import message


@pytest.fixture(scope="module")
def digits():
    data = datasets.digits(size=8)
    return data.take(256)


needs_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def small_net(**options):
    torch.manual_seed(0)
    return models.small.resnet(8, **{"num_classes": 10, "width": 4, "channels": 1, **options})


def sgd(net, lr=0.05):
    return torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)


def fit(data, seed=0, epochs=2, **options):
    net = small_net()
    return net, training.fit(net, data, sgd(net), epochs, batch_size=64, seed=seed, **options)


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def test_same_seed_same_history_and_weights_another_seed_another(digits):
    def run(seed):
        net = nn.Sequential(small_net().features, nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10))
        torch.manual_seed(99)
        history = training.fit(net, digits, sgd(net), 2, seed=seed)
        assert torch.equal(torch.rand(1), torch.rand(1, generator=torch.Generator().manual_seed(99)))
        return [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows], weights(net)

    (first, a), (second, b), (third, c) = run(1), run(1), run(2)
    assert first == second and torch.equal(a, b) and first != third and not torch.equal(a, c)


def test_fit_equals_the_loop_that_everybody_writes(digits):
    ours, history = fit(digits, seed=3, epochs=1)
    net = small_net().to(memory_format=torch.channels_last)  # as fit does for a net this narrow
    optimizer, generator, total = sgd(net), torch.Generator().manual_seed(3), 0.0
    for images, labels in digits.batches("train", 64, generator=generator):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
    assert torch.equal(weights(ours), weights(net))
    assert history.last["train_loss"] == pytest.approx(total / len(digits.train), rel=1e-6)


def test_evaluate_is_the_mean_over_all_images_in_eval_mode(digits):
    net = small_net().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    score = training.evaluate(net, digits, "valid")
    assert net.training and all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    with torch.no_grad():
        logits = net.eval()(digits.valid.images)
    assert score.images == len(digits.valid)
    assert score.accuracy == pytest.approx((logits.argmax(1) == digits.valid.labels).float().mean().item())
    assert score.loss == pytest.approx(nn.functional.cross_entropy(logits, digits.valid.labels).item(), rel=1e-5)
    assert score.error == pytest.approx(1 - score.accuracy)


def test_label_smoothing_spreads_a_share_evenly_and_only_in_training(digits):
    images, labels = next(iter(digits.batches("train", 32)))
    net = small_net().train()
    loss, logits = training.label_smoothing(0.1)(net, images, labels)
    target = 0.9 * nn.functional.one_hot(labels, 10) + 0.1 / 10  # section 7: (1 - epsilon) delta + epsilon / K
    assert loss.item() == pytest.approx(-(target * logits.log_softmax(1)).sum(1).mean().item(), rel=1e-5)
    plain, _ = training.cross_entropy(net.eval(), images, labels)
    assert torch.equal(training.label_smoothing(0.1)(net, images, labels)[0], plain)


@pytest.mark.parametrize(("side", "sizes"), [(64, [300]), (128, [128, 128, 44]), (600, [5, 5])])
def test_evaluation_takes_fewer_of_larger_images_at_once(side, sizes):
    seen, images = [], torch.zeros(sum(sizes), 3, side, side, dtype=torch.uint8)
    split = datasets.Split(images, torch.zeros(len(images), dtype=torch.int64))
    net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    net.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    training.evaluate(net, datasets.Data(split, split, split, ("a", "b"), "zeros"))
    assert seen == sizes


def test_float16_with_scaled_gradients_learns_the_same(digits):
    """As on an older GPU, with the formats of a CPU."""
    found = []
    for scale in (None, 2.0**10):
        net, precision = small_net(), devices.Precision(torch.device("cpu"))
        if scale:
            precision.kind, precision.scaler = "bfloat16", torch.amp.GradScaler("cpu", init_scale=scale)
        batches = digits.batches("train", 64, generator=torch.Generator().manual_seed(0))
        optimizer, objective = precision.optimizer(sgd(net)), precision.objective(training.cross_entropy)
        found.append((training.run_epoch(net, batches, optimizer, objective).loss, weights(net)))
    (exact, exact_weights), (coarse, coarse_weights) = found
    assert exact != coarse == pytest.approx(exact, rel=0.05)
    assert torch.allclose(exact_weights, coarse_weights, atol=0.02), "the scaling was undone"


def test_a_full_memory_is_said_in_one_sentence_and_freed(digits):
    alive = []

    def objective(net, images, labels):
        loss, logits = training.cross_entropy(net, images, labels)
        if net.training:
            alive.extend(weakref.ref(tensor) for tensor in (images, logits, loss))
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return loss, logits

    with pytest.raises(MemoryError, match="the memory of cpu is full with batch_size=64: try half of it") as kept:
        fit(digits, objective=objective)
    assert len(alive) == 3 and all(tensor() is None for tensor in alive), kept


def test_gradient_norms_are_those_of_backward_and_leave_no_trace(digits):
    images, labels = next(iter(digits.batches("train", 64)))
    net = small_net().eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    norms = training.gradient_norms(net, images, labels)
    assert not net.training and all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    nn.functional.cross_entropy(net.train()(images), labels).backward()
    layers = {name: m for name, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    assert norms == pytest.approx({name: m.weight.grad.norm().item() for name, m in layers.items()}, rel=1e-5)


def test_history_round_trip_with_provenance(digits, tmp_path):
    _, history = fit(digits)
    path = history.save(tmp_path / "runs" / "small.csv")
    loaded = History.load(path)
    assert loaded.table().equals(history.table())
    for key in ("date", "hardware", "versions", "optimizer", "seed", "data"):
        assert loaded.meta[key] == str(history.meta[key])
    assert [p.name for p in path.parent.iterdir()] == ["small.csv"]


BAD = {
    "channels": ({"net": lambda: small_net(channels=3)}, "1 channels"),
    "size": ({"net": lambda: nn.Sequential(nn.Flatten(), nn.Linear(256, 10))}, "cannot take images of 1 × 8 × 8 from"),
    "outputs": ({"net": lambda: small_net(num_classes=5)}, "labels up to 9, so that 2 images need 2 × 10 logits"),
    "no logits": ({"net": lambda: small_net().features}, "but the network returned 2 × 16 × 2 × 2"),
    "optimizer of another": ({"optimizer": lambda net: sgd(small_net())}, "does not hold features.conv1.conv.weight"),
    "optimizer of the head": ({"optimizer": lambda net: sgd(net.classifier)}, "which is not frozen: build it from"),
    "optimizer of more": ({"optimizer": lambda net: sgd(nn.ModuleList([net, nn.Linear(1, 1)]))}, "is not in this"),
    "optimizer class": ({"optimizer": lambda net: torch.optim.SGD}, "build it from net.parameters()"),
    "scheduler": ({"scheduler": StepLR(sgd(small_net()), 1)}, "does not belong to this optimizer"),
    "LBFGS": ({"optimizer": lambda net: torch.optim.LBFGS(net.parameters())}, "given LBFGS, whose step needs"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_found_before_the_first_step(digits, bad):
    options, expected = BAD[bad]
    net = options.get("net", small_net)()
    optimizer = options.get("optimizer", sgd)(net)
    before = weights(net).clone()
    options = {"data": digits, "epochs": 1, **options, "net": net, "optimizer": optimizer}
    assert expected in message((ValueError, TypeError), training.fit, **options)
    assert torch.equal(weights(net), before)


def test_a_network_on_two_devices_is_refused_and_stays_there(digits):
    net = nn.Sequential(small_net(), nn.Linear(10, 10, device="meta"))
    for call in (training.fit, net, digits, sgd(net), 1), (training.evaluate, net, digits):
        assert "the parameters of this network lie on cpu and meta: call it as it is" in message(ValueError, *call)
    assert net[1].weight.is_meta and not net[0].classifier.fc.weight.is_meta


@needs_a_gpu
def test_a_network_trained_on_a_gpu_is_back_where_it_was(digits, monkeypatch):
    monkeypatch.setenv("LECTURE8_DEVICE", "cuda")
    net = small_net()
    optimizer = sgd(net)
    history = training.fit(net, digits, optimizer, 1, batch_size=64)
    assert history.meta["hardware"].startswith("cuda") and devices.home(net).type == "cpu"
    images, labels = next(digits.batches("train", 32))
    assert net(images).is_cpu and min(training.gradient_norms(net, images, labels).values()) > 0
    training.run_epoch(net, [(images, labels)], optimizer)  # what momentum remembers is there, too
    features = transfer.extract_features(net, digits)
    assert devices.home(net).type == "cpu" and features.train.pixels.is_cpu
    training.fit(net.cuda(), digits, optimizer, 1, batch_size=64)
    training.evaluate(net, digits)
    assert devices.home(net).type == "cuda"
    state = {name: value.cpu() for name, value in net.state_dict().items()}
    assert devices.home(transfer.load_in_order(net, state)).type == "cuda"


@needs_a_gpu
def test_a_gpus_random_state_is_as_before(digits, monkeypatch):
    monkeypatch.setenv("LECTURE8_DEVICE", "cuda")
    net = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10))
    before = torch.get_rng_state(), torch.cuda.get_rng_state()
    training.fit(net, digits, sgd(net), 1)
    assert all(map(torch.equal, before, (torch.get_rng_state(), torch.cuda.get_rng_state())))


def test_bad_devices(digits, monkeypatch):
    assert "choose 'cuda', 'mps' or 'cpu'" in message(ValueError, devices.pick_device, "gpu")
    assert "'cpu:1' was asked for, but" in message(ValueError, devices.pick_device, "cpu:1")
    if torch.cuda.is_available():
        assert "'cuda:7' was asked for, but" in message(ValueError, devices.pick_device, "cuda:7")
    monkeypatch.setenv("LECTURE8_DEVICE", "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "'cuda' was asked for" in message(ValueError, fit, digits)


def test_bad_input_to_the_loop_and_to_evaluation(digits):
    net = small_net()
    assert "the split is empty" in message(ValueError, training.run_epoch, net, [], sgd(net))
    batches, heads = digits.batches("train", 64), training.auxiliary_objective()
    assert "no auxiliary classifiers" in message(ValueError, training.run_epoch, net, batches, sgd(net), heads)
    none = digits.test.take(torch.arange(0))
    assert "the split is empty" in message(ValueError, training.evaluate, net, replace(digits, test=none))
    empty = replace(digits, valid=none)
    assert "no validation images" in message(ValueError, training.fit, net, empty, sgd(net), 1)


def test_nan_says_where_and_keeps_the_history(digits):
    net = small_net()
    optimizer = sgd(net)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1e30 if epoch else 1)
    with pytest.raises(training.DivergedError) as caught:
        training.fit(net, digits, optimizer, 3, scheduler=scheduler, batch_size=64)
    text = str(caught.value)
    assert "epoch 2" in text and "step" in text and "learning rate 5e+28" in text and "\n" not in text
    assert len(caught.value.history) == 1 and math.isfinite(caught.value.history.last["train_loss"])


def test_history_of_another_kind_of_file(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    assert "not a saved history" in message(ValueError, History.load, path)
    path.write_text("epoch,train_loss\n1,low\n")
    assert "damaged" in message(ValueError, History.load, path)
    with pytest.raises(KeyError, match="no column 'x'"):
        History([{"epoch": 1}])["x"]
