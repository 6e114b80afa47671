import torch
from torch import nn

from lecture8.lessons.l00_start_here import questions as ask


def cnn(*, bias=True, relu=True, last=32, pool=nn.MaxPool2d, inputs=512, more=()):
    act = nn.ReLU if relu else nn.Identity
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=bias), nn.ReLU(), pool(2), nn.Conv2d(16, last, 3, padding=1), act(), pool(2),
        nn.Flatten(), nn.Linear(inputs, 10), *more,
    )  # fmt: skip


def small(width, *, out=10, relu=True):
    act = [nn.ReLU()] if relu else []
    return nn.Sequential(nn.Flatten(), nn.Linear(256, width), *act, nn.Linear(width, out))


def with_nan():
    net = small(37)
    nn.init.constant_(net[1].weight, float("nan"))
    return net


def sliding(image, kernel, *, rows=0, change=lambda window, kernel: (window * kernel).sum()):
    """The feature map of any size, each place computed by `change`."""
    k = len(kernel)
    places = [[(i, j) for j in range(image.shape[1] - k + 1)] for i in range(image.shape[0] - k + 1 - rows)]
    return torch.stack([torch.stack([change(image[i : i + k, j : j + k], kernel) for i, j in row]) for row in places])


def loop(*, clear=True, step=True, backward=True, late=False, softmax=False, first=False, rate=1.0):
    def train(net, batches, optimizer):
        for images, labels in batches:
            if clear:
                optimizer.zero_grad()
            logits = net(images)
            loss = rate * nn.functional.cross_entropy(logits.softmax(1) if softmax else logits, labels)
            if backward:
                loss.backward()
            if late:
                optimizer.zero_grad()
            if step:
                optimizer.step()
            if first:
                return

    return train


LOOPS = [
    (loop(clear=False), "`zero_grad` is missing"),
    (loop(step=False), "`optimizer.step()` is missing"),
    (loop(late=True), "every gradient is zero or missing"),
    (loop(softmax=True), "applies the softmax itself"),
    (loop(first=True), "only the first batch"),
    (loop(rate=0.5), "not as they should"),
    (loop(rate=float("nan")), "no longer finite"),
    (lambda net, batches, optimizer: net(batches[0]), "stopped with TypeError"),
    ("loop", "expected a function"),
]

# exercise -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "convolve": [
        (lambda image, kernel: sliding(image, kernel.flip(0, 1)), "upside down"),
        (lambda image, kernel: sliding(image, kernel, change=lambda w, k: (w * k).mean()), "do not take their mean"),
        (lambda image, kernel: sliding(image, kernel, rows=1), "expected a feature map of 5 × 5, got 4 × 5"),
        (lambda image, kernel: sliding(image, kernel.T), "should be"),
        (lambda image, kernel: sliding(image, kernel, change=lambda w, k: w[0, 0] * k[0, 0]), "should be"),
        (lambda image, kernel: image * kernel, "stopped with RuntimeError"),
    ],
    "cnn": [
        (lambda: cnn(relu=False), "outputs differ"),
        (lambda: cnn(last=16, inputs=256), "weight shape should be (32, 16, 3, 3)"),
        (lambda: cnn(inputs=1568), "stopped on images of 1 × 16 × 16"),
        (lambda: cnn(bias=False), "bias"),
        (lambda: cnn(pool=nn.AvgPool2d), "outputs differ"),
        (lambda: cnn(more=[nn.Identity()]), "keep the eight lines"),
        (lambda: nn.Sequential(cnn()), "keep the eight lines"),
        (lambda: nn.Linear(256, 10), "Expected an nn.Sequential"),
    ],
    "train_epoch": LOOPS,
    "mend": LOOPS,
    "one_place": [(28, "it is subtracted"), (27, "the upper row counts"), (38, "all nine pixels")],
    "left_edge": [
        ([[-1, -1, -1], [0, 0, 0], [1, 1, 1]], "make every ROW add up to 0"),
        ([[1, 0, -1]] * 3, "bright on the left"),
        ([[0, 0, 1]] * 3, "times white"),
        ([[0, 0, 0]] * 3, "responds to nothing"),
        ([-1, 0, 1], "three rows of three numbers"),
    ],
    "conv_params": [(18_432, "biases are missing"), (640, "all 32 channels"), (18_497, "very close")],
    "start": [(1.0, "the base 10"), (-2.302585, "The sign"), (0.1, "minus its logarithm")],
    "years": [
        ((2015, 2012), "wrong order"),
        ((2011, 2015), "subtract each error"),
        ((2012, 2013), "divide each step"),
        (2012, "Expected two years"),
    ],
    "output_size": [
        (lambda size, kernel, stride, padding: (size + padding - kernel) // stride + 1, "on both sides"),
        (lambda size, kernel, stride, padding: (size + 2 * padding - kernel) // stride, "+ 1"),
        (lambda size, kernel, stride, padding: (size + 2 * padding - kernel) / stride + 1, "round down"),
        (lambda size, kernel, stride, padding: size, "expected 5, got 7"),
    ],
    "confused": [
        (lambda table: divmod(int(table.argmax()), len(table)), "the diagonal holds the correct predictions"),
        (lambda table: divmod(int((table - torch.diag(torch.diag(table))).argmax()), len(table))[::-1], "wrong order"),
        (lambda table: (0, 1), "expected"),
    ],
    "rival": [
        (lambda: small(100), "26,710 parameters; expected about 9,930"),
        (lambda: small(37, relu=False), "without a ReLU"),
        (ask.build_cnn, "has a convolution"),
        (lambda: small(37, out=9), "expected logits of 2 × 10"),
        (with_nan, "not finite"),
        (lambda: 3, "Expected a network"),
    ],
    "project": [
        (lambda: small(64), "17,098 parameters"),
        (lambda: nn.Flatten(), "expected logits of 2 × 10"),
        (with_nan, "not finite"),
        (lambda: 3, "Expected a network"),
    ],
}  # fmt: skip
