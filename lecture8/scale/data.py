"""The images of a run: photographs that worker processes decode while the network trains, or a small set in memory.

Loaders ask for (epoch, index). The order of an epoch is drawn from (seed, epoch), and each image's augmentation from
(seed, epoch, index): a run that resumes, or has another number of workers or processes, sees the same pictures.
"""

import os
import signal
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from lecture8 import datasets

IN_MEMORY = ("digits", "glyphs", "textures", "cifar10")


def seed_of(*numbers: int) -> int:
    """One seed for several numbers, such as (seed, epoch, index); those of neighbors are unrelated."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


class Photographs(Dataset):
    """One folder of photographs per class; item (epoch, index) is (bytes 3 × size × size, label).

    seed: of random crops, 8 to 100 % of the area, and flips (Szegedy et al. 2014, section 6); None for evaluation: the
        shorter side resized to size / 0.875, then the center crop
    """

    def __init__(self, folder: Path, size: int, seed: int | None = None):
        change = [v2.RandomResizedCrop(size, antialias=True), v2.RandomHorizontalFlip()]
        if seed is None:
            change = [v2.Resize(round(size / 0.875), antialias=True), v2.CenterCrop(size)]
        self.change, self.seed, self.image_shape = v2.Compose([v2.PILToTensor(), *change]), seed, (3, size, size)
        self.classes, self.files, self.labels = datasets.list_photos(folder)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, key):
        # a JPEG at a fraction of its size: the smallest crops are 28 % of a side
        photo = datasets.read_photo(self.files[key[1]], 4 * self.image_shape[1])
        if self.seed is not None:
            torch.manual_seed(seed_of(self.seed, *key))
        return self.change(photo), self.labels[key[1]]


class InMemory(Dataset):
    """One split of `datasets.Data`; item (epoch, index) is (normalized image, label), augmented if there is a seed."""

    def __init__(self, data: datasets.Data, split: str, seed: int | None = None):
        self.data, self.split, self.seed = data, getattr(data, split), seed
        self.classes, self.image_shape = data.classes, data.image_shape

    def __len__(self):
        return len(self.split)

    def __getitem__(self, key):
        generator = None if self.seed is None else torch.Generator().manual_seed(seed_of(self.seed, *key))
        one = self.split.take(torch.tensor([key[1]]))
        images, labels = next(self.data.batches(one, 1, generator, augment=generator is not None))
        return images[0], labels[0]


def find(name: str, size: int | None, seed: int, channels: int) -> tuple[Dataset, Dataset]:
    """To train on and to validate: the set `name` of `IN_MEMORY`, or the photographs in the folder `name`.

    Both have `.classes` and `.image_shape`. size None: the set's usual one, 224 for photographs. Raises
    FileNotFoundError or ValueError for a folder without train/CLASS/*.jpg and val/CLASS/*.jpg.
    """
    if name in IN_MEMORY:
        data = getattr(datasets, name)(**({"size": size} if size and name != "cifar10" else {}))
        if channels > data.image_shape[0]:  # gray images for a network that takes color
            data = data.map(lambda pixels: pixels.expand(-1, channels, -1, -1))
        return InMemory(data, "train", seed), InMemory(data, "valid")
    folder, size = Path(name).expanduser(), size or 224
    if not ((folder / "train").is_dir() and (folder / "val").is_dir()):
        raise FileNotFoundError(f"{name!r} is no folder with train/CLASS/*.jpg and val/CLASS/*.jpg, nor in {IN_MEMORY}")
    train, valid = Photographs(folder / "train", size, seed), Photographs(folder / "val", size)
    if differing := set(train.classes) ^ set(valid.classes):
        raise ValueError(f"{min(differing)!r} is a class of only one of {folder}/train and val: add it to the other")
    return train, valid


def loader(images: Dataset, batch_size: int, keys: list[tuple[int, int]], workers: int) -> DataLoader:
    """Batches of the images with these keys, decoded by `workers` processes; those in memory need none."""
    workers, gpu = 0 if isinstance(images, InMemory) else workers, torch.cuda.is_available()
    return DataLoader(images, batch_size, sampler=keys, num_workers=workers, pin_memory=gpu, worker_init_fn=_apart)


def _apart(worker: int) -> None:
    if hasattr(os, "setsid"):  # Ctrl-C and signals to the group do not reach workers, which are needed until it saves
        os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # instead of the handler of the run; not before, or it may be killed
