"""02 AlexNet: the solutions of its builds and exercises, and their checks."""

import torch
from torch import nn

from lecture8.models.layers import LocalResponseNorm
from lecture8.teaching import Verdict, called, correct, same_network, shape, wrong


def stage(c_in, c_out, kernel, stride=1, padding=0, groups=1, norm=None, pool=False):
    layers = [nn.Conv2d(c_in, c_out, kernel, stride, padding, groups=groups), nn.ReLU()]
    if norm is not None:
        layers.append(norm)
    if pool:
        layers.append(nn.MaxPool2d(3, stride=2))
    return nn.Sequential(*layers)


def random_crops(images, side, generator):
    most = images.shape[-1] - side
    corners = torch.randint(0, most + 1, (len(images), 2), generator=generator)
    crops = [
        image[:, top : top + side, left : left + side]
        for image, (top, left) in zip(images, corners.tolist())
    ]
    return torch.stack(crops)


class LRN(nn.Module):
    def forward(self, a):
        channels = a.shape[1]
        squares = nn.functional.pad(a**2, (0, 0, 0, 0, 2, 2))
        total = sum(squares[:, i : i + channels] for i in range(5))
        return a / (2 + 1e-4 * total) ** 0.75


class Dropout(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        kept = torch.rand_like(x) >= self.p
        return x * kept / (1 - self.p)


STAGES = [  # settings, an input, what is said about the case
    (
        (3, 8, 5, 2, 1),
        (3, 17, 17),
        lambda found: f"A stage without normalization and pooling: {found}",
    ),
    (
        (4, 8, 3, 1, 1, 2, None, True),
        (4, 13, 13),
        lambda found: f"A stage with two groups and pooling: {found}",
    ),
    (
        (4, 8, 3, 1, 1, 1, nn.Softmax2d(), True),
        (4, 13, 13),
        lambda found: f"A stage with normalization and pooling: {found}",
    ),
]


def check_stage(answer) -> Verdict:
    for settings, input_shape, about in STAGES:
        mine = called(answer, *settings)
        if not isinstance(mine, nn.Module):
            return wrong(f"Expected a network (nn.Module), got {type(mine).__name__}.")
        verdict = same_network(mine, stage(*settings), input_shape)
        if not verdict:
            return wrong(about(verdict.message))
    return correct("Your stage computes what the paper's does.")


def check_random_crops(answer) -> Verdict:
    images = torch.arange(400 * 36.0).view(400, 1, 6, 6)
    got = called(answer, images, 4, torch.Generator().manual_seed(0))
    if not isinstance(got, torch.Tensor) or got.shape != (400, 1, 4, 4):
        return wrong(
            f"From 400 × 1 × 6 × 6, crops of 4 should be 400 × 1 × 4 × 4; yours are {shape(got)}."
        )
    first = got[:, 0, 0, 0] - images[:, 0, 0, 0]
    wanted = images.flatten(1)[:, [6 * i + j for i in range(4) for j in range(4)]]
    if not torch.equal(got.flatten(1), wanted + first[:, None]):
        return wrong(
            "These are not crops of their own images: compare the pixels with the image's."
        )
    corners = {(int(f) // 6, int(f) % 6) for f in first}
    if len(corners) == 1:
        return wrong("Every image gets the same crop: draw a corner for each image.")
    if all(top == left for top, left in corners):
        return wrong(
            "The crop moves as far down as to the right: draw two numbers for each image."
        )
    if max(max(corner) for corner in corners) < 2:
        return wrong(
            "A crop never starts at pixel 2: from 0 to 2 there are 3 shifts, and randint leaves out its upper end."
        )
    if len(corners) < 9:
        return wrong(f"There should be 9 different corners, yours has {len(corners)}.")
    again = called(answer, images, 4, torch.Generator().manual_seed(0))
    if not torch.equal(torch.as_tensor(again), got):
        return wrong(
            "The same generator should give the same crops: hand `generator` to torch.randint."
        )
    return correct("Every shift occurs, each image has its own, and the generator decides.")


def check_lrn(answer) -> Verdict:
    layer = called(answer)
    a = 100 * torch.randn(2, 12, 3, 3, generator=torch.Generator().manual_seed(0))
    got = called(layer, a)
    if not isinstance(got, torch.Tensor) or got.shape != a.shape:
        return wrong(f"Expected the shape of the input, {shape(a)}, got {shape(got)}.")
    wanted = LocalResponseNorm()(a)
    if torch.allclose(got, wanted, rtol=1e-3):
        return correct("Equal to the library's layer on activations of 12 channels.")
    squares = a**2
    others = {
        "The sum has only the channel itself: add two channels on each side.": squares,
        "This sums over all channels: only two on each side count.": squares.sum(
            1, keepdim=True
        ).expand_as(a),
        "This is the mean of the five squares: the paper's formula has their sum.": (
            (a / wanted) ** (4 / 3) - 2
        )
        / 5e-4,
    }
    for remark, total in others.items():
        if torch.allclose(got, a / (2 + 1e-4 * total) ** 0.75, rtol=1e-3):
            return wrong(remark)
    if torch.allclose(got[:, 2:-2], wanted[:, 2:-2], rtol=1e-3):
        return wrong(
            "Right in the middle, wrong for the first and last channels: there the missing neighbors count as 0."
        )
    return wrong(
        "The values differ from a / (2 + 0.0001 · total)^0.75, where total is the sum of five squares."
    )


def check_dropout(answer) -> Verdict:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for p in (0.5, 0.8):
            layer, x = called(answer, p), torch.ones(20, 400)
            if not isinstance(layer, nn.Module):
                return wrong(f"Expected a layer (nn.Module), got {type(layer).__name__}.")
            got, again = called(layer, x), called(layer, x)
            if not isinstance(got, torch.Tensor) or got.shape != x.shape:
                return wrong(f"Expected the shape of the input, {shape(x)}, got {shape(got)}.")
            zeros = (got == 0).float().mean().item()
            if zeros == 0:
                return wrong("In training nothing is dropped.")
            if abs(zeros - p) > 0.05:
                return wrong(
                    f"With p={p} a value is dropped with probability {p}; yours drops {zeros:.0%}."
                )
            if (got == got[0]).all():
                return wrong(
                    "All images of the batch lose the same units: draw anew for every value."
                )
            if torch.equal(got, torch.as_tensor(again)):
                return wrong("Two calls drop the same units: draw anew in every call.")
            if (got[got != 0] == 1).all():
                return wrong(
                    "The right share is dropped, but what stays is not scaled up: multiply it by 1 / (1 - p)."
                )
            if not torch.allclose(got[got != 0], torch.tensor(1 / (1 - p))):
                factor = got[got != 0][0].item()
                return wrong(
                    f"With p={p} what stays is multiplied by 1 / (1 - p) = {1 / (1 - p):g}; yours by {factor:.3g}."
                )
            layer.eval()
            tested = called(layer, x)
            if not isinstance(tested, torch.Tensor) or not torch.equal(tested, x):
                return wrong(
                    "In evaluation mode (`self.training` is False) the input should be returned unchanged."
                )
    return correct("Dropped and scaled up in training, unchanged in evaluation.")


def check_step(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    w, v = torch.randn(5, generator=generator), torch.zeros(5)
    theirs = [w.clone(), v.clone()]
    for i, lr in enumerate((0.1, 0.1, 0.1, 0.01), 1):
        gradient = torch.randn(5, generator=generator)
        v = 0.9 * v - 0.0005 * lr * w - lr * gradient
        w = w + v
        got = called(answer, *theirs, gradient, lr)
        if not isinstance(got, tuple | list) or len(got) != 2:
            return wrong(f"Expected two tensors, (w, v), got {type(got).__name__}.")
        theirs = [torch.as_tensor(part).clone() for part in got]
        if torch.allclose(theirs[0], w, rtol=0, atol=1e-6):
            continue
        if i == 4:
            return wrong(
                "Right while the learning rate stays the same. After it drops from 0.1 to 0.01 your steps differ: in the "
                "paper the learning rate is inside v, in PyTorch it multiplies v."
            )
        error = theirs[0] - w
        if i == 1 and torch.allclose(error, 0.0005 * lr * (w - v), atol=1e-6):
            return wrong(
                "The gradient is followed, but the weight decay, -0.0005 · lr · w, is missing."
            )
        if i == 1 and torch.allclose(error, 2 * 0.0005 * lr * (w - v), atol=1e-6):
            return wrong("The weight decay has the wrong sign: it should make w smaller.")
        if i == 2:
            return wrong("The first step is right, the second is not: is v kept, times 0.9?")
        return wrong(
            f"Step {i} differs: w should become {w[0]:.6f} …, yours is {theirs[0][0]:.6f} …."
        )
    return correct(
        "Four steps as the paper prints them, with a drop of the learning rate among them."
    )


class Unsure(nn.Module):
    """A network of known answers: in evaluation the class is the image's first pixel; in training it is always 0."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        classes = images[:, 0, 0, 0].long() * (not self.training)
        return nn.functional.one_hot(classes, 3).float()


def check_accuracy(answer) -> Verdict:
    images = torch.zeros(10, 1, 2, 2)
    images[:, 0, 0, 0] = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 1.0])
    labels = torch.tensor(
        [0, 1, 2, 0, 1, 2, 1, 2, 2, 0]
    )  # three of ten are wrong, two of them in the last batch
    batches = [(images[i : i + 4], labels[i : i + 4]) for i in (0, 4, 8)]
    net = Unsure().train()
    got = called(answer, net, batches)
    if isinstance(got, bool) or not isinstance(got, int | float):
        return wrong(f"Expected a number between 0 and 1, got {type(got).__name__}.")
    if net.calls != 3:
        return wrong(
            f"The network should see each of the 3 batches once; the number of calls was {net.calls}."
        )
    whole, training = 0.7, 0.3
    if abs(got - whole) < 1e-6:
        if not net.training:
            return wrong(
                "The accuracy is right, but afterwards the network is still in evaluation mode: switch it back."
            )
        called(answer, net.eval(), batches)
        if net.training:
            return wrong(
                "The accuracy is right, but a network that was in evaluation mode is in training mode afterwards."
            )
        return correct(
            "Evaluation mode, every image counted once, and the network is left in the mode in which it was."
        )
    if abs(got - training) < 1e-6:
        return wrong(
            "The images are counted correctly, but the network is still in training mode when it is tested."
        )
    if abs(got - 2 / 3) < 1e-6:
        return wrong(
            "Evaluation mode is right. But the last batch has 2 images and counts as much as one of 4."
        )
    return wrong(
        f"7 of the 10 test images are classified correctly, your function says {got:.3f}."
    )


def check_days(answer) -> Verdict:
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return wrong(f"Expected a number of days, got {answer!r}.")
    right, given = my_days(), f"{answer:.3g}"
    traps = [
        (2, f"{given}: a multiply-add is two operations, one multiplication and one addition."),
        (
            3,
            f"{given}: this counts the forward passes only; backpropagation takes about twice as many as the forward pass.",
        ),
        (6, f"{given}: a multiply-add is two operations, and backpropagation comes on top."),
        (90, f"{given}: this is one pass over the images; there were 90."),
        (1 / 86_400, f"{given}: these are seconds; a day has 86,400."),
        (1 / 24, f"{given}: these are hours."),
        (3 / 2, f"{given}: forward and backward together are three forward passes, not two."),
    ]
    if abs(answer / right - 1) < 0.02:
        return correct(f"{right:.1f} days. The paper reports five to six days, on two GPUs.")
    for times, remark in traps:
        if abs(answer * times / right - 1) < 0.02:
            return wrong(remark)
    if answer > right:
        return wrong(f"Too many days: {given}.")
    return wrong(f"Too few days: {given}.")


def my_params():
    return 256 * 5 * 5 * 48 + 256


def my_bytes():
    return 2 * 48 * 27 * 27 * 4


def my_days():
    return 2 * 3 * 724_406_816 * 1_200_000 * 90 / 1e12 / 86_400


def my_step(w, v, gradient, lr):
    v = 0.9 * v - 0.0005 * lr * w - lr * gradient
    return w + v, v


def accuracy(net, batches):
    was = net.training
    net.eval()
    hits, seen = 0, 0
    with torch.no_grad():
        for images, labels in batches:
            hits += (net(images).argmax(1) == labels).sum().item()
            seen += len(labels)
    net.train(was)
    return hits / seen
