"""Folders decoded while training: the same images and numbers however the work is shared, and nothing lost."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from lecture8 import datasets, distributed, streams, training, transfer

SIZE = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes × three splits, 34 small JPEGs and PNGs of all shapes; the red of an image is 7 × its number."""
    root = tmp_path_factory.mktemp("photos")
    number = 0
    for split, count in (("train", 11), ("valid", 2), ("test", 4)):
        for name in ("cat", "dog"):
            place = root / split / name
            place.mkdir(parents=True)
            for i in range(count):
                pixels = np.random.default_rng(number).integers(100, 150, (40 + 3 * i, 60 - 2 * i, 3), np.uint8)
                pixels[..., 0] = 7 * number
                Image.fromarray(pixels).save(place / (f"{i:02}.png" if i % 3 == 0 else f"{i:02}.jpg"), quality=95)
                number += 1
    return root


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batches(data, *args, **options):
    return [(images.clone(), labels.clone()) for images, labels in data.batches(*args, **options)]


def shares_of(data, *args, **options):
    return [(images.clone(), labels.clone()) for images, labels in data.batches_of(*args, **options)]


def same(a, b):
    return len(a) == len(b) and all(
        torch.equal(x, y) for p, q in zip(a, b, strict=True) for x, y in zip(p, q, strict=True)
    )


def numbers(images):
    """Which images of the fixture these are, from their red value."""
    red = images[:, 0].flatten(1).mean(1) * transfer.STD[0] + transfer.MEAN[0]
    return (red * 255 / 7).round().int().tolist()


def test_face_of_datasets(folder):
    data = streams.image_folder(folder, SIZE, workers=0)
    held = datasets.image_folder(folder, SIZE)
    assert (data.classes, data.num_classes, data.image_shape, data.name) == (
        held.classes, held.num_classes, held.image_shape, held.name,
    )  # fmt: skip
    for name in ("train", "valid", "test"):
        assert torch.equal(getattr(data, name).labels, getattr(held, name).labels)
    assert repr(data) == (
        f"{folder.name}: 22 train / 4 valid / 8 test images of 3 × 24 × 24, 2 classes (cat, dog), training images "
        "augmented, decoded when needed"
    )
    assert repr(data.train) == "Files: 22 images, decoded when they are needed"
    images, labels = next(data.to("cpu").batches("valid", 3))
    assert images.shape == (3, 3, SIZE, SIZE) and images.dtype == torch.float32 and labels.dtype == torch.int64


@pytest.mark.parametrize("workers", [1, 2])
def test_same_images_whatever_the_number_of_workers(folder, workers):
    alone, shared = (streams.image_folder(folder, SIZE, workers=n) for n in (0, workers))
    for options in ({"augment": True}, {"augment": False}):
        assert same(
            batches(alone, "train", 5, generator(), **options), batches(shared, "train", 5, generator(), **options)
        )
    assert same(batches(alone, "test", 3), batches(shared, "test", 3))


def test_seeds_decide_order_and_crops(folder):
    data = streams.image_folder(folder, SIZE, workers=0)
    first, again = (batches(data, "train", 5, generator(1), augment=True) for _ in range(2))
    assert same(first, again)
    assert not same(first, batches(data, "train", 5, generator(2), augment=True))
    one = generator(1)
    assert not same(batches(data, "train", 5, one, augment=True), batches(data, "train", 5, one, augment=True))
    # without augmentation only the order is drawn, and it is the same one
    plain = batches(data, "train", 5, generator(1))
    assert [y.tolist() for _, y in plain] == [y.tolist() for _, y in first]
    assert not torch.equal(plain[0][0], first[0][0])


def test_each_image_once(folder):
    data = streams.image_folder(folder, SIZE, workers=0)
    trained = [n for images, _ in data.batches("train", 5, generator(), augment=True) for n in numbers(images)]
    assert sorted(trained) == list(range(22))
    assert sorted(n for images, _ in data.batches("test", 3) for n in numbers(images)) == list(range(26, 34))


def test_training_leaves_out_a_last_batch_of_one(folder):
    data = streams.image_folder(folder, SIZE, workers=0)
    assert [len(y) for _, y in data.batches("train", 7, generator())] == [7, 7, 7]
    assert [len(y) for _, y in data.batches("train", 7)] == [7, 7, 7, 1]
    assert len(list(data.batches("train", 1, generator()))) == 22


@pytest.mark.parametrize("processes", [2, 3, 4])
def test_processes_share_every_batch(folder, processes):
    data = streams.image_folder(folder, SIZE, workers=0)
    whole = batches(data, "train", 5, generator(), augment=True)
    shares = [shares_of(data, rank, processes, "train", 5, generator(), augment=True) for rank in range(processes)]
    for k, (images, labels) in enumerate(whole):
        for rank in range(processes):
            own, _ = distributed.share(len(labels), rank, processes)
            assert torch.equal(shares[rank][k][0], images[own]) and torch.equal(shares[rank][k][1], labels[own])
    counted = []  # the batches of the test split have 5 and 3 images
    for rank in range(processes):
        for count, (images, _) in zip((5, 3), shares_of(data, rank, processes, "test", 5), strict=True):
            counted += numbers(images) if distributed.share(count, rank, processes)[1] else []
    assert sorted(counted) == list(range(26, 34))


def test_continues_in_the_middle_of_an_epoch_without_decoding_its_beginning(folder, monkeypatch):
    data = streams.image_folder(folder, SIZE, workers=0)
    whole = batches(data, "train", 5, generator(), augment=True)
    read, opened = streams.read, []
    monkeypatch.setattr(streams, "read", lambda file, *sizes: opened.append(file) or read(file, *sizes))
    rest = shares_of(data, 0, 1, "train", 5, generator(), augment=True, start=3)
    assert same(rest, whole[3:]) and len(opened) == 22 - 15
    one, other = generator(), generator()
    list(data.batches("train", 5, one, augment=True))
    list(data.batches_of(0, 1, "train", 5, other, augment=True, start=5))
    assert torch.equal(one.get_state(), other.get_state())  # the next epoch is the same one


def test_global_random_numbers_stay_as_they_are(folder):
    data = streams.image_folder(folder, SIZE, workers=1)
    for some in (data, streams.image_folder(folder, SIZE, workers=0)):
        before = torch.random.get_rng_state()
        list(some.batches("train", 5, generator(), augment=True))
        assert torch.equal(torch.random.get_rng_state(), before)


def test_evaluation_shows_the_middle(tmp_path):
    """A picture of 70 × 140 with a green middle: 0.875 of the shorter side remain, all of it green."""
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(4):
            pixels = np.zeros((70, 140, 3), np.uint8)
            pixels[:, 34:106, 1] = 255
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    images, _ = next(streams.image_folder(tmp_path, 56, workers=0).batches("test", 1))
    expected = transfer.normalize(torch.tensor([0.0, 1, 0])[:, None, None].expand(3, 56, 56))
    assert torch.allclose(images[0], expected)


def test_training_crops_are_flipped_half_of_the_time_and_cover_8_to_100_percent(tmp_path):
    """Red grows from left to right and green from top to bottom: their ranges tell which part a crop shows."""
    for name in "ab":
        (tmp_path / name).mkdir()
        ramp = np.linspace(0, 255, 256, dtype=np.uint8)
        pixels = np.stack([np.tile(ramp, (256, 1)), np.tile(ramp, (256, 1)).T, np.zeros((256, 256), np.uint8)], -1)
        for i in range(4):
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    data, areas, flipped = streams.image_folder(tmp_path, 32, workers=0), [], []
    for seed in range(60):
        for images, _ in data.batches("train", 8, generator(seed), augment=True):
            values = images * torch.tensor(transfer.STD)[:, None, None] + torch.tensor(transfer.MEAN)[:, None, None]
            across, down = values[:, 0, 16, [0, -1]].diff(dim=1), values[:, 1, [0, -1], 16].diff(dim=1)
            areas += (across.abs() * down * (32 / 31) ** 2).flatten().tolist()
            flipped += (across < 0).flatten().tolist()
    assert 0.06 < min(areas) < 0.15 and 0.85 < max(areas) < 1.02 and 0.45 < np.mean(areas) < 0.62
    assert abs(np.mean(flipped) - 0.5) < 4 * 0.5 / len(flipped) ** 0.5


@pytest.mark.parametrize("workers", [0, 1])
def test_broken_image_is_named(folder, tmp_path, workers):
    for split in ("train", "test"):
        for name in "ab":
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(3):
                Image.new("RGB", (30, 30)).save(tmp_path / split / name / f"{i}.jpg")
    broken = tmp_path / "test" / "b" / "1.jpg"
    whole = broken.read_bytes()
    for content in (whole[: len(whole) // 2], b"<html>not found</html>", b""):
        broken.write_bytes(content)
        with pytest.raises(ValueError, match=r"cannot read the image '.*1\.jpg' \(.*\); repair or remove it") as caught:
            list(streams.image_folder(tmp_path, SIZE, workers=workers).batches("test", 2))
        assert "\n" not in str(caught.value) and "Traceback" not in str(caught.value)


def test_large_photographs_are_decoded_at_a_fraction(tmp_path):
    file = tmp_path / "large.jpg"
    Image.new("RGB", (1600, 1200)).save(file)
    assert streams.read(file, 50, 4).size == (400, 300)  # an eighth would leave fewer than 200
    assert streams.read(file, 50, 2).size == (200, 150)
    assert streams.read(file, 700, 2).size == (1600, 1200)


def test_top_is_up(tmp_path):
    file = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side
    Image.new("RGB", (60, 40)).save(file, exif=exif)
    assert streams.read(file, 20, 2).size == (40, 60)


BAD = {
    "batch size": (lambda d: d.batches("train", 0), "batch_size must be a whole number above 0, not 0"),
    "split": (lambda d: d.batches("val", 2), "unknown split 'val'; choose from train, valid, test"),
    "no generator": (lambda d: d.batches("train", 2, augment=True), "augmentation is random: pass a generator"),
    "augmented test": (lambda d: d.batches("test", 2, generator(), augment=True), "only training images are augmented"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_batches_in_one_sentence(folder, case):
    call, sentence = BAD[case]
    with pytest.raises(ValueError, match=sentence):
        list(call(streams.image_folder(folder, SIZE, workers=0)))


def test_bad_folders_in_one_sentence(folder, tmp_path):
    for arguments, error, sentence in [
        ({"path": tmp_path / "none", "size": 8}, FileNotFoundError, "there is no folder"),
        ({"path": tmp_path, "size": 8}, FileNotFoundError, "holds no class folders"),
        ({"path": folder, "size": 0}, ValueError, "size must be a whole number above 0"),
        ({"path": folder, "size": 8, "workers": -1}, ValueError, "workers must be a whole number, 0 or more, not -1"),
        ({"path": folder, "size": 8, "valid": 1}, ValueError, "must lie between 0 and 0.8"),
    ]:
        with pytest.raises(error, match=sentence):
            streams.image_folder(**arguments)


def test_cores_are_shared_by_the_processes_of_a_machine(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(24)), raising=False)
    for processes, workers in (("1", 16), ("8", 3), ("64", 1)):
        monkeypatch.setenv("LOCAL_WORLD_SIZE", processes)
        assert streams.default_workers() == workers


def test_trains_and_evaluates_like_data_in_memory(folder):
    data = streams.image_folder(folder, SIZE, workers=0)
    histories = []
    for _ in range(2):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        histories.append(training.fit(net, data, optimizer, epochs=2, batch_size=5, device="cpu"))
    assert histories[0]["train_loss"] == histories[1]["train_loss"] and len(histories[0]) == 2
    score = training.evaluate(net, data, "test", device="cpu", batch_size=3)
    assert score.images == 8


# Ctrl-C and SIGTERM reach every process of the group; the training process must live on to save.
INTERRUPTED = """
import os, signal, sys
from lecture8 import streams
signal.signal(signal.SIGTERM, lambda *_: print("asked to stop", flush=True))
data = streams.image_folder(sys.argv[1], 24, workers=2)
batches = data.batches("train", 4)
count = len(next(batches)[1])
os.killpg(0, signal.SIGTERM)
print(count + sum(len(labels) for _, labels in batches))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
def test_workers_outlive_a_signal_to_the_group(folder):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(folder)], capture_output=True, text=True, start_new_session=True,
        timeout=120,
    )  # fmt: skip
    assert done.stdout.split("\n")[:2] == ["asked to stop", "22"] and done.returncode == 0, done.stderr


def test_killed_worker_is_explained():
    said = "DataLoader worker (pid 7) is killed by signal: Killed. "
    assert streams.killed_worker(RuntimeError(said)) == (
        "a process that decodes images was killed (DataLoader worker (pid 7) is killed by signal: Killed): memory or "
        "shared memory ran out; use fewer workers or a smaller batch, in Docker also --shm-size=8g"
    )
    assert streams.killed_worker(RuntimeError("CUDA error")) is None and streams.killed_worker(RuntimeError()) is None
