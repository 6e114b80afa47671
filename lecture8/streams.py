"""Photographs decoded while the network trains: folders as large as ImageNet, with the face of `datasets.Data`.

    data = streams.image_folder("~/imagenet", 224)          # nothing is decoded yet
    history = training.fit(net, data, optimizer, epochs=90)

`datasets.image_folder` decodes everything once and keeps it in memory; at 224 pixels ImageNet would need 193 GB. Here
processes of their own (workers) read, crop and flip the next batches while the network is busy with this one. They send
bytes; normalization is done on the device. All randomness is drawn beforehand from the generator of the epoch, one seed
per image: the same seed gives the same order and the same crops, however many workers and processes share the work.
"""

import os
import signal
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lecture8.datasets import check_positive, first_of
from lecture8.distributed import share
from lecture8.photographs import find_images
from lecture8.transfer import normalize


@dataclass(eq=False, repr=False, frozen=True)
class Files:
    """The image files of one split and their labels, int64 N."""

    # One block of bytes: of a list of a million names every worker would soon hold a copy, since reading a Python
    # object writes to its reference count.
    names: np.ndarray
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Files: {len(self):,} images, decoded when they are needed"

    def path(self, index: int) -> Path:
        """Where image number `index` lies."""
        return Path(os.fsdecode(self.names[index].item()))


@dataclass(eq=False, repr=False, frozen=True)
class Stream:
    """What `image_folder` returns: `datasets.Data` without the pixels. `workers` processes decode on each machine."""

    train: Files
    valid: Files
    test: Files
    classes: tuple[str, ...]
    name: str
    size: int
    workers: int
    device: torch.device

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape of one image, (3, size, size)."""
        return 3, self.size, self.size

    def to(self, device: torch.device | str) -> "Stream":
        """The same data, with batches that arrive on `device`."""
        return replace(self, device=torch.device(device))

    def batches(
        self, split: str, batch_size: int, generator: torch.Generator | None = None, *, augment: bool = False
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Pairs of images (float32, normalized as for published weights) and labels, on the data's device.

        generator: on the CPU; it draws the order and the crops. Without one the images come in order.
        augment: a random crop and flip, else the middle of the image
        The last batch may be short; in training (with a generator) one of a single image is left out, because batch
        normalization has nothing to average there. Raises ValueError naming an image that cannot be read,
        MemoryError if a worker was killed.
        """
        return self.batches_of(0, 1, split, batch_size, generator, augment=augment)

    def batches_of(
        self,
        rank: int,
        world: int,
        split: str,
        batch_size: int,
        generator: torch.Generator | None = None,
        *,
        augment: bool = False,
        start: int = 0,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The share of each of these batches that process `rank` of `world` takes, from batch number `start` on.

        Nothing else is decoded; all processes draw the same random numbers. Who takes what: `distributed.share`.
        """
        parts = {"train": self.train, "valid": self.valid, "test": self.test}
        if split not in parts:
            raise ValueError(f"unknown split {split!r}; choose from {', '.join(parts)}")
        check_positive("batch_size", batch_size)
        if augment and generator is None:
            raise ValueError("augmentation is random: pass a generator, torch.Generator().manual_seed(0)")
        if augment and split != "train":
            raise ValueError("only training images are augmented; leave augment=False for valid and test")
        files, count = parts[split], len(parts[split])
        order, seeds = torch.arange(count), None
        if generator is not None:
            order = torch.randperm(count, generator=generator)
            if count % batch_size == 1 and 1 < batch_size < count:
                order = order[:-1]
        if augment:
            seeds = torch.randint(2**62, (count,), generator=generator)
        shares = [batch[share(len(batch), rank, world)[0]] for batch in order.split(batch_size)[start:]]
        return self._load(_Shares(files, shares, seeds, self.size))

    def _load(self, shares: "_Shares") -> Iterator[tuple[Tensor, Tensor]]:
        loader = torch.utils.data.DataLoader(
            shares,
            batch_size=None,  # each item is a whole batch, decoded by one worker
            num_workers=min(self.workers, len(shares)),
            pin_memory=self.device.type == "cuda",
            worker_init_fn=_settle,
            generator=torch.Generator(),  # else the loader draws from the global one
        )
        try:
            for pixels, labels in loader:
                if isinstance(pixels, str):
                    raise ValueError(pixels)
                pixels, labels = (t.to(self.device, non_blocking=True) for t in (pixels, labels))
                yield normalize(pixels.float() / 255), labels
        except RuntimeError as error:
            if sentence := killed_worker(error):
                raise MemoryError(sentence) from error
            raise

    def __repr__(self) -> str:
        sizes = " / ".join(f"{len(getattr(self, name)):,} {name}" for name in ("train", "valid", "test"))
        kind = f"images of 3 × {self.size} × {self.size}, {self.num_classes} classes ({first_of(self.classes)})"
        return f"{self.name}: {sizes} {kind}, training images augmented, decoded when needed"


def image_folder(
    path: str | Path, size: int, *, valid: float = 0.1, seed: int = 0, workers: int | None = None
) -> Stream:
    """Photographs sorted into one folder per class, decoded while training; for folders that memory cannot hold.

    The layouts, the splits and what `valid` and `seed` mean are those of `datasets.image_folder`.
    Training images: a random part, 8 to 100 % of the area with sides from 3 : 4 to 4 : 3, resized to size × size and
    flipped at random (GoogLeNet, section 6). Others: the shorter side resized to size / 0.875 (256 for 224), the middle
    cut out. Normalized by ImageNet's mean and spread (`transfer.normalize`), whatever the images are.

    workers: processes that decode; 0 decodes in this one, None takes one per processor core, shared fairly between
        the training processes of this machine, and at most 16
    Raises FileNotFoundError or ValueError if the folder does not look like this.
    """
    check_positive("size", size)
    if workers is None:
        workers = default_workers()
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 0:
        raise ValueError(f"workers must be a whole number, 0 or more, not {workers!r}")
    if not 0 < valid < 0.8:
        raise ValueError(f"valid, the share of images to validate on, must lie between 0 and 0.8, not {valid!r}")
    path = Path(path).expanduser()
    classes, parts = find_images(path, valid, seed)
    splits = {
        name: Files(np.array([os.fsencode(file) for file in files]), labels) for name, (files, labels) in parts.items()
    }
    name, device = path.resolve().name, torch.device("cpu")
    return Stream(**splits, classes=tuple(classes), name=name, size=size, workers=workers, device=device)


def default_workers() -> int:
    """One per core that this process may use, divided among the training processes of this machine; 1 to 16."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(16, cores // int(os.environ.get("LOCAL_WORLD_SIZE", 1))))


def killed_worker(error: RuntimeError) -> str | None:
    """What to do, if the error says that a worker was killed; PyTorch raises it wherever the program happens to be."""
    said = str(error).splitlines()[0].rstrip(". ") if str(error) else ""
    if "DataLoader worker" not in said:
        return None
    return (
        f"a process that decodes images was killed ({said}): memory or shared memory ran out; use fewer workers or a "
        "smaller batch, in Docker also --shm-size=8g"
    )


# --- in the workers ------------------------------------------------------------------------------------------------


class _Shares(torch.utils.data.Dataset):
    """Item k: pixels (uint8 n × 3 × size × size) and labels of this process' share of batch k; or a complaint, twice.

    seeds: one per file, for its crop; None cuts out the middle
    """

    def __init__(self, files: Files, shares: list[Tensor], seeds: Tensor | None, size: int):
        self.files, self.shares, self.seeds, self.size = files, shares, seeds, size
        self.transform = _evaluation(size) if seeds is None else _training(size)

    def __len__(self) -> int:
        return len(self.shares)

    def __getitem__(self, k: int) -> tuple[Tensor, Tensor] | tuple[str, str]:
        own = self.shares[k]
        pixels = torch.empty(len(own), 3, self.size, self.size, dtype=torch.uint8)
        try:
            with torch.random.fork_rng(devices=[]):  # matters without workers: the global generator stays as it is
                for place, index in zip(pixels, own.tolist(), strict=True):
                    if self.seeds is not None:
                        torch.random.default_generator.manual_seed(int(self.seeds[index]))
                    place.copy_(self.transform(read(self.files.path(index), self.size, 4 if self.training else 2)))
        except ValueError as error:
            return str(error), str(error)  # an exception would arrive with the worker's whole traceback as its text
        return pixels, self.files.labels[own]

    @property
    def training(self) -> bool:
        return self.seeds is not None


def read(file: Path, size: int, spare: int):
    """An RGB PIL image with its top upwards, at least `spare` × `size` pixels each way if the file has that many.

    A large JPEG is decoded at a half, a quarter or an eighth of its size, which takes a fraction of the time.
    Raises ValueError for a file that is no readable image.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            image.draft("RGB", (spare * size, spare * size))
            ImageOps.exif_transpose(image, in_place=True)
            return image.convert("RGB")
    except Exception as error:  # a damaged file can raise almost anything
        raise ValueError(f"cannot read the image {str(file)!r} ({error}); repair or remove it") from error


def _training(size: int):
    # resizing a tensor of bytes takes less time than resizing a PIL image: 353 instead of 303 images a second
    from torchvision.transforms import v2

    # 8 % of the area is 28 % of the sides: of an image four times as large the smallest crop still has every pixel
    crop = v2.RandomResizedCrop(size, scale=(0.08, 1), ratio=(3 / 4, 4 / 3), antialias=True)
    return v2.Compose([v2.PILToTensor(), crop, v2.RandomHorizontalFlip()])


def _evaluation(size: int):
    from torchvision.transforms import v2

    return v2.Compose([v2.PILToTensor(), v2.Resize(round(size / 0.875), antialias=True), v2.CenterCrop(size)])


def _settle(worker: int) -> None:
    # Ctrl-C and a cluster's SIGTERM go to the whole group; the training process decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # Pillow's, about damaged notes in images that it reads all the same
