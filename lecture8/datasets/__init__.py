"""Image data held as tensors: small sets that need no download, anyone's photographs, published sets.

data = datasets.digits()                       # Data: .train .valid .test .classes .image_shape
for images, labels in data.batches("train", 64, torch.Generator().manual_seed(0), augment=True):
    ...
"""

from lecture8.datasets.drawn import digits, glyphs, sample_photos, textures
from lecture8.datasets.photographs import ants_bees, cifar10, image_folder, imagenette, list_photos, pets, read_photo
from lecture8.datasets.tensors import Data, Split, assemble, to_bytes

from lecture8.datasets.photographs import CIFAR10_CLASSES, animals  # isort: skip
from lecture8.datasets.tensors import color_noise, compose, random_crop, random_flip  # isort: skip

__all__ = [
    "CIFAR10_CLASSES", "Data", "Split", "animals", "ants_bees", "assemble", "cifar10", "color_noise", "compose",
    "digits", "glyphs", "image_folder", "imagenette", "list_photos", "pets", "random_crop", "random_flip", "read_photo",
    "sample_photos", "textures", "to_bytes",
]  # fmt: skip
