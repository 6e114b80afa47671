"""The loop learns, is repeatable, reports what it did, and says in one sentence what does not fit."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from lecture8 import datasets, devices, models, training


@pytest.fixture(scope="module")
def digits():
    data = datasets.digits(size=8)
    return data.take(256)


def small_net(seed=0, **options):
    torch.manual_seed(seed)
    return models.small.resnet(8, **{"num_classes": 10, "width": 4, "channels": 1, **options})


def sgd(net, lr=0.05):
    return torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)


def fit(data, seed=0, epochs=2, **options):
    net = small_net()
    return net, training.fit(net, data, sgd(net), epochs, batch_size=64, seed=seed, device="cpu", **options)


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def without_time(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]


def test_memorizes_one_batch(digits):
    net = small_net()
    history = training.fit(net, digits.take(16), sgd(net), 60, batch_size=16, device="cpu")
    assert history["train_loss"][0] > 1.5 and history.last["train_loss"] < 0.05
    assert history.last["train_accuracy"] == 1


def test_same_seed_same_history_and_weights_another_seed_another(digits):
    (a, first), (b, second), (c, third) = fit(digits, seed=1), fit(digits, seed=1), fit(digits, seed=2)
    assert without_time(first) == without_time(second) and torch.equal(weights(a), weights(b))
    assert without_time(first) != without_time(third) and not torch.equal(weights(a), weights(c))


def test_dropout_is_seeded_and_the_global_generator_left_alone(digits):
    def run():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10))
        torch.manual_seed(99)
        training.fit(net, digits, sgd(net), 1, seed=5, device="cpu")
        return weights(net), torch.rand(1)

    (a, after_a), (b, after_b) = run(), run()
    assert torch.equal(a, b) and torch.equal(after_a, after_b)
    torch.manual_seed(99)
    assert torch.equal(after_a, torch.rand(1)), "fit drew from the global generator"


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
    score = training.evaluate(net, digits, "valid", batch_size=64, device="cpu")
    assert net.training and all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    with torch.no_grad():
        logits = net.eval()(digits.valid.images)
    assert score.images == len(digits.valid)
    assert score.accuracy == pytest.approx((logits.argmax(1) == digits.valid.labels).float().mean().item())
    assert score.loss == pytest.approx(nn.functional.cross_entropy(logits, digits.valid.labels).item(), rel=1e-5)
    assert score.error == pytest.approx(1 - score.accuracy)


def test_an_objective_can_add_losses_and_is_what_is_minimized(digits):
    def heavier(net, images, labels):
        loss, logits = training.cross_entropy(net, images, labels)
        return loss + 100, logits

    _, plain = fit(digits, epochs=1)
    _, added = fit(digits, epochs=1, objective=heavier)
    assert added.last["train_loss"] == pytest.approx(plain.last["train_loss"] + 100, rel=1e-4)
    assert added.last["train_accuracy"] == plain.last["train_accuracy"]


def test_label_smoothing_spreads_a_share_evenly_and_only_in_training(digits):
    images, labels = next(iter(digits.batches("train", 32)))
    net = small_net().train()
    loss, logits = training.label_smoothing(0.1)(net, images, labels)
    target = 0.9 * nn.functional.one_hot(labels, 10) + 0.1 / 10  # section 7: (1 - epsilon) delta + epsilon / K
    assert loss.item() == pytest.approx(-(target * logits.log_softmax(1)).sum(1).mean().item(), rel=1e-5)
    plain, _ = training.cross_entropy(net.eval(), images, labels)
    assert torch.equal(training.label_smoothing(0.1)(net, images, labels)[0], plain)


def test_auxiliary_classifiers_are_smoothed_too(digits):
    images, labels = next(iter(digits.batches("train", 32)))
    torch.manual_seed(0)
    net = models.small.inception(width=4, channels=1, modules=4, auxiliary=True).train()
    logits, heads = net.with_auxiliary(images)
    parts = [nn.functional.cross_entropy(out, labels, label_smoothing=0.2) for out in (logits, *heads.values())]
    loss, _ = training.auxiliary_objective(0.5, smoothing=0.2)(net, images, labels)
    assert loss.item() == pytest.approx((parts[0] + 0.5 * sum(parts[1:])).item(), rel=1e-5)


def test_bfloat16_learns_and_is_coarser(digits):
    (_, exact), (_, coarse) = fit(digits), fit(digits, precision="bfloat16")
    assert coarse["train_loss"] == pytest.approx(exact["train_loss"], rel=0.05)
    assert coarse["train_loss"] != exact["train_loss"] and coarse.meta["precision"] == "bfloat16"


def test_a_scaler_that_scales_changes_nothing(digits):
    precision = training.Precision(torch.device("cpu"))
    precision.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    found = []
    for kind in ("float32", precision):
        net = small_net()
        batches = digits.batches("train", 64, generator=torch.Generator().manual_seed(0))
        found.append((training.run_epoch(net, batches, sgd(net), precision=kind).loss, weights(net)))
    assert found[0][0] == found[1][0] and torch.allclose(found[0][1], found[1][1], rtol=1e-4, atol=1e-6)


def test_a_compiled_network_has_the_same_history(digits):
    net = small_net()
    net.compile(backend="eager")
    history = training.fit(net, digits, sgd(net), 2, batch_size=64, device="cpu")
    assert without_time(history) == without_time(fit(digits)[1])


def test_from_a_thread_without_signals(digits):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        _, history = pool.submit(fit, digits).result()
    assert without_time(history) == without_time(fit(digits)[1])


def test_scheduler_steps_once_an_epoch(digits):
    net = small_net()
    optimizer = sgd(net, lr=0.1)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [1, 2])
    history = training.fit(net, digits, optimizer, 3, scheduler=scheduler, device="cpu")
    assert history["lr"] == pytest.approx([0.1, 0.01, 0.001])


def test_plateau_scheduler_gets_the_validation_loss(digits):
    net = small_net()
    optimizer = sgd(net, lr=1e-4)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=0.5)
    history = training.fit(net, digits, optimizer, 3, scheduler=scheduler, device="cpu")
    assert history["lr"][2] == pytest.approx(1e-5)


def test_watch_sees_every_epoch(digits):
    seen = []
    fit(digits, epochs=3, watch=lambda history: seen.append(len(history)))
    assert seen == [1, 2, 3]


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


# --- history and weights on disk -----------------------------------------------------------------------------------


def test_history_round_trip_with_provenance(digits, tmp_path):
    _, history = fit(digits)
    path = history.save(tmp_path / "runs" / "small.csv")
    loaded = training.History.load(path)
    assert loaded.table().equals(history.table())
    for key in ("date", "hardware", "versions", "optimizer", "seed", "data"):
        assert loaded.meta[key] == str(history.meta[key])
    assert [p.name for p in path.parent.iterdir()] == ["small.csv"]


def test_weights_round_trip(digits, tmp_path):
    net, _ = fit(digits, epochs=1)
    path = training.save_weights(net, tmp_path / "net.pt")
    other = training.load_weights(small_net(seed=1), path)
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True))


def test_an_interrupted_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = training.save_weights(small_net(), tmp_path / "net.pt")
    old = path.read_bytes()
    monkeypatch.setattr(type(path), "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        training.save_weights(small_net(seed=1), path)
    assert path.read_bytes() == old and [p.name for p in tmp_path.iterdir()] == ["net.pt"]


# --- devices ---------------------------------------------------------------------------------------------------------


def test_best_device_is_the_first_of_cuda_mps_cpu(monkeypatch):
    monkeypatch.delenv("LECTURE8_DEVICE", raising=False)
    for cuda, mps, expected in [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]:
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=cuda: there)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda there=mps: there)
        assert training.pick_device().type == expected
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LECTURE8_DEVICE", "cpu")
    assert training.pick_device().type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_fit_on_a_gpu(digits):
    net = small_net()
    history = training.fit(net, digits, sgd(net), 5, batch_size=64, device="cuda")
    assert next(net.parameters()).is_cuda and history.last["train_loss"] < history["train_loss"][0]


def test_memory_format_follows_width_and_device():
    def chosen(net, device):
        return devices.memory_format(net, torch.device(device))

    narrow, wide = small_net(), nn.Sequential(nn.Conv2d(1, 512, 3))
    assert chosen(narrow, "cpu") == chosen(wide, "cuda") == torch.channels_last
    assert chosen(wide, "cpu") == chosen(narrow, "mps") == chosen(nn.Linear(2, 2), "cpu") == torch.contiguous_format


# --- bad input -------------------------------------------------------------------------------------------------------


def message(error, call, *args, **kwargs):
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 400, text
    return text


def test_no_gpu_where_one_was_asked_for(monkeypatch, digits):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    net = small_net()
    text = message(ValueError, training.fit, net, digits, sgd(net), 1, device="cuda")
    assert "'cuda' was asked for" in text and "leave the device out" in text


def test_unknown_device():
    assert "choose 'cuda', 'mps' or 'cpu'" in message(ValueError, training.pick_device, "gpu")


def test_wrong_channels_are_found_before_the_first_step(digits):
    net = small_net(channels=3)
    before = weights(net).clone()
    text = message(ValueError, training.fit, net, digits, sgd(net), 1, device="cpu")
    assert "1 channels" in text and torch.equal(weights(net), before)


def test_wrong_size(digits):
    net = nn.Sequential(nn.Flatten(), nn.Linear(16 * 16, 10))
    text = message(ValueError, training.fit, net, digits, sgd(net), 1, device="cpu")
    assert "1 × 8 × 8" in text and "digits" in text and "build it for this size" in text


def test_too_few_outputs(digits):
    net = small_net(num_classes=5)
    text = message(ValueError, training.fit, net, digits, sgd(net), 1, device="cpu")
    assert "labels up to 9" in text and "5 outputs" in text and "num_classes=10" in text


def test_no_logits(digits):
    net = models.small.resnet(8, width=4, channels=1).features
    assert "must return logits" in message(ValueError, training.fit, net, digits, sgd(net), 1, device="cpu")


def test_optimizer_of_another_network(digits):
    text = message(ValueError, training.fit, small_net(), digits, sgd(small_net()), 1)
    assert "no parameter of this network" in text


BAD = {
    "epochs 0": ({"epochs": 0}, ValueError, "whole numbers"),
    "epochs 1.5": ({"epochs": 1.5}, ValueError, "whole numbers"),
    "epochs True": ({"epochs": True}, ValueError, "whole numbers"),
    "batch_size": ({"batch_size": 0}, ValueError, "whole numbers"),
    "seed": ({"seed": -1}, ValueError, "given seed=-1; expected a whole number, 0 or more"),
    "seed text": ({"seed": "one"}, ValueError, "given seed='one'"),
    "accumulate": ({"accumulate": 0}, ValueError, "given accumulate=0; expected in how many pieces"),
    "accumulate 1.5": ({"accumulate": 1.5}, ValueError, "given accumulate=1.5"),
    "patience": ({"patience": 0}, ValueError, "given patience=0; expected a whole number of epochs"),
    "minutes": ({"checkpoint_minutes": -1}, ValueError, "given checkpoint_minutes=-1; expected a number of minutes"),
    "minutes nan": ({"checkpoint_minutes": math.nan}, ValueError, "given checkpoint_minutes=nan"),
    "precision": ({"precision": "half"}, ValueError, "unknown precision 'half': choose from auto, float32, bfloat16"),
    "float16": ({"precision": "float16"}, ValueError, "float16 is for CUDA, and this device is cpu"),
    "device": ({"device": "gpu"}, ValueError, "choose 'cuda', 'mps' or 'cpu'"),
    "objective": ({"objective": "cross_entropy"}, TypeError, "given 'cross_entropy' as objective: expected a function"),
    "loss alone": ({"objective": lambda net, x, y: net(x).mean()}, TypeError, "must return (loss, logits)"),
    "losses": ({"objective": lambda net, x, y: (net(x).mean(1), net(x))}, TypeError, "must return (loss, logits)"),
    "watch": ({"watch": True}, TypeError, "given True as watch: expected a function"),
    "checkpoint": ({"checkpoint": 7}, TypeError, "given 7 as the checkpoint: expected the path of a file"),
    "class": ({"scheduler": torch.optim.lr_scheduler.StepLR}, TypeError, "given the class StepLR as the scheduler"),
    "schedule": ({"scheduler": 0.1}, TypeError, "given a float as the scheduler"),
    "sync": ({"sync_norm": True, "accumulate": 2}, ValueError, "leave accumulate or sync_norm out"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_settings(digits, bad):
    net = small_net()
    before, (options, error, expected) = weights(net).clone(), BAD[bad]
    text = message(error, training.fit, net, digits, sgd(net), **{"epochs": 1, "device": "cpu", **options})
    assert expected in text and torch.equal(weights(net), before)


def test_bad_networks_optimizers_and_data(digits):
    net = small_net()
    optimizer = sgd(net)
    text = message(TypeError, training.fit, [net], digits, optimizer, 1)
    assert text == "given a list as the network: expected a torch.nn.Module"
    text = message(TypeError, training.fit, net, digits, torch.optim.SGD, 1)
    assert "as the optimizer: expected one of torch.optim, such as torch.optim.SGD(net.parameters(), lr=0.1)" in text
    text = message(TypeError, training.fit, net, [1, 2], optimizer, 1)
    assert "given a list as the data, without train, valid" in text and "datasets.digits()" in text
    other = torch.optim.lr_scheduler.StepLR(sgd(net), 1)
    text = message(ValueError, training.fit, net, digits, optimizer, 1, scheduler=other)
    assert "the scheduler belongs to another optimizer" in text
    empty = replace(digits, valid=digits.valid.take(torch.arange(0)))
    text = message(ValueError, training.fit, net, empty, optimizer, 1, device="cpu")
    assert "digits has no validation images" in text


def test_bad_input_to_the_loop_and_to_evaluation(digits):
    net = small_net()
    assert "training split is empty" in message(ValueError, training.run_epoch, net, [], sgd(net))
    batches = digits.batches("train", 64)
    assert "given accumulate=-1" in message(ValueError, training.run_epoch, net, batches, sgd(net), accumulate=-1)
    assert "unknown precision 16" in message(ValueError, training.run_epoch, net, batches, sgd(net), precision=16)
    heads = training.auxiliary_objective()
    assert "no auxiliary classifiers" in message(ValueError, training.run_epoch, net, batches, sgd(net), heads)
    assert "unknown split 'tset'" in message(ValueError, training.evaluate, net, digits, "tset", device="cpu")
    assert "batch_size must be" in message(ValueError, training.evaluate, net, digits, batch_size=0, device="cpu")
    empty = replace(digits, test=digits.test.take(torch.arange(0)))
    assert "the test split is empty" in message(ValueError, training.evaluate, net, empty, device="cpu")


@pytest.mark.parametrize("amount", [-0.1, 1, 1.5, True, "0.1"])
def test_bad_label_smoothing(amount):
    for objective in (training.label_smoothing, lambda amount: training.auxiliary_objective(smoothing=amount)):
        assert f"given label smoothing {amount!r}; expected".replace(";", ":") in message(ValueError, objective, amount)


def test_nan_says_where_and_keeps_the_history(digits):
    net = small_net()
    optimizer = sgd(net)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1e30 if epoch else 1)
    with pytest.raises(training.DivergedError) as caught:
        training.fit(net, digits, optimizer, 3, scheduler=scheduler, batch_size=64, device="cpu")
    text = str(caught.value)
    assert "epoch 2" in text and "step" in text and "learning rate 5e+28" in text and "\n" not in text
    assert len(caught.value.history) == 1 and math.isfinite(caught.value.history.last["train_loss"])


def test_history_of_another_kind_of_file(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    assert "not a saved history" in message(ValueError, training.History.load, path)
    path.write_text("epoch,train_loss\n1,low\n")
    assert "damaged" in message(ValueError, training.History.load, path)
    with pytest.raises(KeyError, match="no column 'x'"):
        training.History([{"epoch": 1}])["x"]
    assert "empty" in message(ValueError, getattr, training.History(), "last")


def test_weights_of_another_network(tmp_path):
    path = training.save_weights(small_net(), tmp_path / "net.pt")
    target = small_net(width=8)
    before = weights(target).clone()
    text = message(ValueError, training.load_weights, target, path)
    assert "another network" in text and "features.conv1.conv.weight" in text and "4 × 1 × 3 × 3" in text
    assert torch.equal(weights(target), before)
    text = message(ValueError, training.load_weights, models.small.resnet(14, width=4, channels=1), path)
    assert "conv2_x.block2" in text and "none in the file" in text


def test_damaged_and_missing_weights(tmp_path):
    path = training.save_weights(small_net(), tmp_path / "net.pt")
    path.write_bytes(path.read_bytes()[:1000])
    assert "cannot be read" in message(ValueError, training.load_weights, small_net(), path)
    assert "there is no file" in message(FileNotFoundError, training.load_weights, small_net(), tmp_path / "no.pt")
