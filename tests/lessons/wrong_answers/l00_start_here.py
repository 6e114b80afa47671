import torch
from torch import nn

from lecture8.lessons.l00_start_here import answers


def cnn(*, bias=True, act=nn.ReLU, last=32, pool=nn.MaxPool2d, inputs=512, more=()):
    first = nn.Conv2d(1, 16, 3, padding=1, bias=bias), nn.ReLU(), pool(2)
    return nn.Sequential(*first, nn.Conv2d(16, last, 3, padding=1), act(), pool(2), nn.Flatten(), nn.Linear(inputs, 10), *more)  # fmt: skip


def small(width, *, out=10, act=nn.ReLU, scale=1.0):
    net = nn.Sequential(nn.Flatten(), nn.Linear(256, width), act(), nn.Linear(width, out))
    net[1].weight.data *= scale
    return net


def at_each(change, rows=0):
    """A function that makes a feature map, without the last `rows`, each value by `change`."""

    def convolve(image, kernel):
        k, height, width = len(kernel), len(image) - len(kernel) + 1 - rows, image.shape[1] - len(kernel) + 1
        windows = [image[i : i + k, j : j + k] for i in range(height) for j in range(width)]
        return torch.stack([change(window, kernel) for window in windows]).view(height, width)

    return convolve


def loop(*, clear=True, step=True, late=False, softmax=False, first=False, rate=1.0):
    def train(net, batches, optimizer):
        for images, labels in batches[: 1 if first else None]:
            if clear:
                optimizer.zero_grad()
            logits = net(images)
            (rate * nn.functional.cross_entropy(logits.softmax(1) if softmax else logits, labels)).backward()
            if late:
                optimizer.zero_grad()
            if step:
                optimizer.step()

    return train


LOOPS = [
    (loop(clear=False), "`zero_grad` is missing"), (loop(step=False), "`optimizer.step()` is missing"),
    (loop(late=True), "every gradient is zero or missing"), (loop(softmax=True), "applies the softmax itself"),
    (loop(first=True), "only the first batch"), (loop(rate=0.5), "not as they should"),
    (loop(rate=float("nan")), "no longer finite"), ("loop", "expected a function"),
]  # fmt: skip

# exercise -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "convolve": [
        (at_each(lambda window, kernel: (window * kernel.flip(0, 1)).sum()), "upside down"),
        (at_each(lambda window, kernel: (window * kernel).mean()), "do not take their mean"),
        (at_each(lambda window, kernel: (window * kernel).sum(), rows=1), "expected a feature map of 5 × 5, got 4 × 5"),
        (at_each(lambda window, kernel: (window * kernel.T).sum()), "should be"),
        (lambda image, kernel: image * kernel, "stopped with RuntimeError"),
    ],
    "cnn": [
        (lambda: cnn(act=nn.Identity), "outputs differ"), (lambda: cnn(pool=nn.AvgPool2d), "outputs differ"),
        (lambda: cnn(last=16, inputs=256), "weight shape should be (32, 16, 3, 3)"), (lambda: cnn(bias=False), "bias"),
        (lambda: cnn(inputs=1568), "stopped on images of 1 × 16 × 16"), (lambda: nn.Linear(256, 10), "nn.Sequential"),
        (lambda: cnn(more=[nn.Identity()]), "keep the eight lines"), (lambda: nn.Sequential(cnn()), "keep the eight lines"),
    ],
    "train_epoch": LOOPS,
    "mend": LOOPS,
    "one_place": [(28, "it is subtracted"), (27, "the upper row counts"), (38, "all nine pixels")],
    "left_edge": [
        ([[-1, -1, -1], [0, 0, 0], [1, 1, 1]], "make every ROW add up to 0"), ([[1, 0, -1]] * 3, "bright on the left"),
        ([[0, 0, 1]] * 3, "times white"), ([[0, 0, 0]] * 3, "responds to nothing"), ([-1, 0, 1], "three rows of three"),
    ],
    "conv_params": [(18_432, "biases are missing"), (640, "all 32 channels"), (18_497, "very close")],
    "start": [(1.0, "the base 10"), (-2.302585, "The sign"), (0.1, "minus its logarithm")],
    "years": [
        ((2015, 2012), "wrong order"), ((2011, 2015), "subtract each"), ((2012, 2013), "divide each"), (2012, "two years"),
    ],
    "output_size": [
        (lambda size, kernel, stride, padding: (size + padding - kernel) // stride + 1, "on both sides"),
        (lambda size, kernel, stride, padding: (size + 2 * padding - kernel) // stride, "+ 1"),
        (lambda size, kernel, stride, padding: (size + 2 * padding - kernel) / stride + 1, "round down"),
    ],
    "rival": [
        (lambda: small(100), "26,710 parameters; expected about 9,930"), (lambda: small(37, act=nn.Tanh), "without a ReLU"),
        (answers.build_cnn, "has a convolution"), (lambda: small(37, out=9), "expected logits of 2 × 10"),
        (lambda: small(37, scale=float("nan")), "not finite"), (lambda: 3, "Expected a network"),
    ],
    "project": [
        (lambda: small(64), "17,098 parameters"), (lambda: nn.Flatten(), "expected logits of 2 × 10"),
        (lambda: small(30, scale=float("nan")), "not finite"), (lambda: 3, "Expected a network"),
    ],
}  # fmt: skip
