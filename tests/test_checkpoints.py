"""Weights on disk: whole or not at all, all or nothing, and a damaged file is noticed."""

import random
import zipfile

import pytest
import torch

from lecture8 import checkpoints, models


def small_net(depth=8, width=4, seed=0):
    torch.manual_seed(seed)
    return models.small.resnet(depth, width=width, channels=1)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def message(error, call, *args):
    with pytest.raises(error) as caught:
        call(*args)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 400, text
    return text


def test_weights_round_trip(tmp_path):
    net = small_net()
    path = checkpoints.save_weights(net, tmp_path / "nets" / "net.pt")
    assert same(checkpoints.load_weights(small_net(seed=1), path), net)
    assert [file.name for file in path.parent.iterdir()] == ["net.pt"]


def test_an_interrupted_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = checkpoints.save_weights(small_net(), tmp_path / "net.pt")
    old = path.read_bytes()
    monkeypatch.setattr(type(path), "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        checkpoints.save_weights(small_net(seed=1), path)
    assert path.read_bytes() == old and [file.name for file in tmp_path.iterdir()] == ["net.pt"]


def test_weights_of_another_network(tmp_path):
    path, wide = checkpoints.save_weights(small_net(), tmp_path / "net.pt"), small_net(width=8)
    before = {name: value.clone() for name, value in wide.state_dict().items()}
    text = message(ValueError, checkpoints.load_weights, wide, path)
    assert "another network" in text and "features.conv1.conv.weight" in text and "4 × 1 × 3 × 3" in text
    assert all(torch.equal(value, before[name]) for name, value in wide.state_dict().items())
    text = message(ValueError, checkpoints.load_weights, small_net(depth=14), path)
    assert "conv2_x.block2" in text and "none in the file" in text


def test_damaged_and_missing_weights(tmp_path):
    path = checkpoints.save_weights(small_net(), tmp_path / "net.pt")
    path.write_bytes(path.read_bytes()[:1000])
    assert "cannot be read" in message(ValueError, checkpoints.load_weights, small_net(), path)
    assert "there is no file" in message(FileNotFoundError, checkpoints.load_weights, small_net(), tmp_path / "no.pt")


def test_a_single_wrong_bit_is_refused_or_changes_nothing(tmp_path):
    net = small_net()
    path = checkpoints.save_weights(net, tmp_path / "net.pt")
    good, draw = path.read_bytes(), random.Random(0)
    with zipfile.ZipFile(path) as archive:  # a bit within the weights of the last layer
        last = archive.infolist()[-4].header_offset + 200
    for place in [last, *(draw.randrange(len(good)) for _ in range(100))]:
        path.write_bytes(good[:place] + bytes([good[place] ^ 1 << draw.randrange(8)]) + good[place + 1 :])
        try:
            loaded = checkpoints.load_weights(small_net(seed=1), path)
        except ValueError as error:
            assert "cannot be read" in str(error)
        else:
            assert place != last and same(loaded, net), "only padding between the parts of the zip may differ"


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Run:
        def __reduce__(self):
            return (tmp_path / "ran").touch, ()

    torch.save({"weight": Run()}, tmp_path / "net.pt")
    assert "cannot be read" in message(ValueError, checkpoints.load_weights, small_net(), tmp_path / "net.pt")
    assert not (tmp_path / "ran").exists()
