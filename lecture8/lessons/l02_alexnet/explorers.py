"""Explorers of notebook 02."""

import torch
from matplotlib.figure import Figure

from lecture8 import complexity, datasets, published
from lecture8.lessons.l02_alexnet import pictures
from lecture8.lessons.l02_alexnet.curves import epochs_to
from lecture8.teaching import Explorer, explorer


@explorer
def edge() -> Explorer:
    """The right edge of the image under conv1: side, padding and rounding, and what becomes of fc6."""

    def draw(side: int, padding: int, rounding: str) -> tuple[Figure, str]:
        places = complexity.conv_size(side, 11, 4, padding, ceil=rounding == "up")
        exact = (side + 2 * padding - 11) / 4 + 1
        sizes = [places]
        for _ in range(3):
            sizes.append(complexity.conv_size(sizes[-1], 3, 2))
        reach = (places - 1) * 4 - padding + 11 - side - padding
        end = {
            -1: "the last one leaves 1 pixel on the right unused.",
            0: "the last one ends exactly where the pixels and their padding end.",
            1: "the last one hangs over the end by 1 pixel.",
        }.get(reach)
        if reach < -1:
            end = f"the last one leaves {-reach} pixels on the right unused."
        elif reach > 1:
            end = f"the last one hangs over the end by {reach} pixels."
        inputs = 256 * sizes[-1] ** 2
        text = [
            f"({side} + 2 · {padding} - 11) / 4 + 1 = {exact:g} windows, rounded {rounding} to {places}:",
            end,
            f"After the pooling layers the sides are {' → '.join(map(str, sizes))}, so fc6 receives 256 · {sizes[-1]}² = "
            f"{inputs:,} values, {'as the paper has it' if inputs == 9216 else 'and not 9,216'}.",
        ]
        return pictures.right_edge(side, 11, 4, padding, places), " ".join(text)

    controls = {
        "side": [224, 225, 226, 227, 228],
        "padding": [0, 1, 2],
        "rounding": ["down", "up"],
    }
    return Explorer(draw, controls, start={"side": 227})


@explorer
def augment() -> Explorer:
    """AlexNet's augmentation on a photograph, each of its three parts switched on and off."""
    shown = ("macaw", "owl", "cat", "panda")
    pixels = {name: photo for name, photo in datasets.animals().items() if name in shown}
    photos = {name: pixels[name] / 255 for name in shown}
    split = datasets.Split(torch.stack(list(pixels.values())), torch.arange(len(pixels)))
    noise = {amount: datasets.color_noise(split, amount) for amount in (0.1, 0.5)}

    def draw(photo: str, crop: str, mirror: str, color: float) -> tuple[Figure, str]:
        generator = torch.Generator().manual_seed(0)
        image, count = photos[photo], 6
        top, left = torch.randint(0, 33, (2, count), generator=generator)
        if crop == "off":
            top, left = torch.full((count,), 16), torch.full((count,), 16)
        crops = torch.stack(
            [image[:, t : t + 224, x : x + 224] for t, x in zip(top, left, strict=True)]
        )
        if mirror == "on":
            crops = datasets.random_flip()(crops, generator)
        if color:
            crops = noise[color](crops, generator)
        boxes = [(int(top[i]), int(left[i]), 224) for i in range(1 if crop == "off" else 4)]
        number = (33 * 33 if crop == "on" else 1) * (2 if mirror == "on" else 1)
        noisy = f"color noise of {color:g} standard deviations" if color else "no color noise"
        words = [
            f"Six training images of 224 × 224 from the {photo}: {'random crops' if crop == 'on' else 'the middle'}, "
            f"{'half of them mirrored' if mirror == 'on' else 'never mirrored'}, {noisy}.",
            f"Without color noise there are {number:,} different images."
            if number > 1
            else "Without color noise there is 1 different image.",
        ]
        return pictures.views(image, boxes, crops, columns=3), " ".join(words)

    controls = {
        "photo": list(photos),
        "crop": ["off", "on"],
        "mirror": ["off", "on"],
        "color": [0.0, *noise],
    }
    return Explorer(draw, controls, start={"crop": "on", "mirror": "on", "color": 0.1})


@explorer
def learning_rates() -> Explorer:
    """ReLU against tanh, each at a learning rate of your choice, from loaded runs."""
    runs = published.read("alexnet_activations")
    lrs = sorted(float(lr) for lr in runs["lr"].unique())

    def draw(relu: float, tanh: float) -> tuple[Figure, str]:
        errors, said = {}, {}
        for name, lr in (("ReLU", relu), ("tanh", tanh)):
            rows = runs[(runs["activation"] == name) & (runs["lr"] == lr)]
            curves = [1 - run["train_accuracy"].to_numpy() for _, run in rows.groupby("seed")]
            errors[f"{name}, {lr:g}"] = curves
            reached = [epochs_to(curve, 0.25) for curve in curves]
            if None in reached:
                said[name] = (
                    f"does not reach 25 % training error in {len(curves[0])} epochs for at least one seed"
                )
            else:
                said[name] = f"reaches 25 % after {sum(reached) / len(reached):.1f} epochs"
        text = f"ReLU at {relu:g} {said['ReLU']}, tanh at {tanh:g} {said['tanh']}."
        return pictures.training_error(errors, 0.25), text

    return Explorer(draw, {"relu": lrs, "tanh": lrs})
