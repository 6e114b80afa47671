import torch
from torch import nn


def stage(c_in, c_out, kernel, stride=1, padding=0, groups=1, norm=None, pool=False, relu=True, window=3, late=False):
    layers = [nn.Conv2d(c_in, c_out, kernel, stride, padding, groups=groups), *([nn.ReLU()] if relu else [])]
    parts = [*([norm] if norm is not None else []), *([nn.MaxPool2d(window, stride=2)] if pool else [])]
    return nn.Sequential(*layers, *(parts[::-1] if late else parts))


def crops(images, side, corners):
    return torch.stack([im[:, t : t + side, x : x + side] for im, (t, x) in zip(images, corners.tolist(), strict=True)])


def corners(images, generator, high, columns=2):
    return torch.randint(0, high, (len(images), columns), generator=generator)


class Lrn(nn.Module):
    def __init__(self, total):
        super().__init__()
        self.total = total

    def forward(self, a):
        return a / (2 + 1e-4 * self.total(a)) ** 0.75


def neighbors(a):  # those of the first channel are the last ones
    squares = torch.cat([a[:, -2:] ** 2, a**2, a[:, :2] ** 2], 1)
    return sum(squares[:, i : i + a.shape[1]] for i in range(5))


class Dropping(nn.Module):
    def __init__(self, *how):
        super().__init__()
        self.p, self.drop, *self.tested = how

    def forward(self, x):
        return self.drop(x, self.p) if self.training else self.tested[0](x, self.p) if self.tested else x


def dropped(x, p):
    return x * (torch.rand_like(x) >= p) / (1 - p)


def step(w, v, gradient, lr, decay=-0.0005, momentum=0.9):
    v = momentum * v + decay * lr * w - lr * gradient
    return w + v, v


def pytorchs_step(w, v, gradient, lr):
    v = 0.9 * v + gradient + 0.0005 * w
    return w - lr * v, v


def accuracy(net, batches, evaluation=True, by_batch=False, back=None):
    was = net.training
    net.train(not evaluation)
    hits = [(net(images).argmax(1) == labels).float() for images, labels in batches]
    net.train(was if back is None else back)
    return (sum(h.mean() for h in hits) / len(hits) if by_batch else torch.cat(hits).mean()).item()


# exercise or build -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "stage": [
        (lambda *s: stage(*s, relu=False), "outputs differ"),
        (lambda *s: stage(*s, window=2), "with two groups and pooling"),
        (lambda *s: stage(*s, late=True), "with normalization and pooling"),
        (lambda c_in, c_out, kernel, stride=1, padding=0, *rest: stage(c_in, c_out, kernel, stride), "padding should be"),
        (lambda *s: nn.Sequential(nn.Conv2d(*s[:5]), nn.ReLU()), "groups should be 2"),
        (lambda *s: "stage", "Expected a network"),
    ],
    "random_crops": [
        (lambda im, side, g: crops(im, side, corners(im, g, im.shape[-1] - side)), "leaves out its upper end"),
        (lambda im, side, g: crops(im, side, corners(im, g, 3)[:1].expand(len(im), 2)), "same crop"),
        (lambda im, side, g: crops(im, side, corners(im, g, 3, 1).expand(-1, 2)), "two numbers"),
        (lambda im, side, g: crops(im, side, corners(im, None, 3)), "same generator"),
        (lambda im, side, g: crops(im, side, corners(im, g, 3)).flip(-1), "not crops"),
    ],
    "lrn": [
        (lambda: Lrn(lambda a: a**2), "only the channel itself"),
        (lambda: Lrn(lambda a: (a**2).sum(1, keepdim=True)), "all channels"),
        (lambda: nn.LocalResponseNorm(5, 1e-4, 0.75, 2), "mean of the five"),
        (lambda: Lrn(neighbors), "first and last channels"),
        (lambda: nn.LocalResponseNorm(5, 5e-4, 0.5, 2), "values differ"),
    ],
    "dropout": [
        (lambda p: Dropping(p, lambda x, p: x * (torch.rand_like(x) >= p)), "not scaled up"),
        (lambda p: Dropping(p, lambda x, p: x * (torch.rand_like(x) >= p) / p), "yours by 1.25"),
        (lambda p: Dropping(p, lambda x, p: x * (torch.rand_like(x) < p) / p), "drops 20%"),
        (lambda p: Dropping(p, lambda x, p: x * (torch.rand_like(x[0]) >= p) / (1 - p)), "same units"),
        (lambda p: Dropping(p, dropped, lambda x, p: (1 - p) * x), "returned unchanged"),
        (lambda p: Dropping(p, lambda x, p: x), "nothing is dropped"),
    ],
    "conv2": [(614_656, "all 96"), (307_200, "biases"), (153_728, "one group"), ("many", "Expected a number")],
    "crossing": [(139_968, "one direction"), (69_984, "4 bytes"), (1_161_600, "before pooling"), (10**9, "too large")],
    "days": [
        (2.716, "two operations"), (1.811, "forward passes only"), (0.905, "comes on top"), (0.0604, "one pass"),
        (469_400, "seconds"), (130.4, "hours"), (3.62, "not two"), (100, "Too many"), (0.2, "Too few"), ("five", "days"),
    ],
    "step": [
        (lambda w, v, gradient, lr: step(w, v, gradient, lr, decay=0), "is missing"),
        (lambda w, v, gradient, lr: step(w, v, gradient, lr, decay=0.0005), "wrong sign"),
        (lambda w, v, gradient, lr: step(w, v, gradient, lr, momentum=0), "times 0.9"),
        (pytorchs_step, "multiplies v"),
        (lambda w, v, gradient, lr: w - 2 * lr * gradient, "Expected two tensors"),
        (lambda w, v, gradient, lr: (w + lr * gradient, v), "differs"),
    ],
    "accuracy": [
        (lambda net, batches: accuracy(net, batches, evaluation=False), "still in training mode"),
        (lambda net, batches: accuracy(net, batches, by_batch=True), "counts as much"),
        (lambda net, batches: accuracy(net, batches, evaluation=False, by_batch=True), "7 of the 10"),
        (lambda net, batches: accuracy(net, batches, back=False), "switch it back"),
        (lambda net, batches: accuracy(net, batches, back=True), "in training mode afterwards"),
        (lambda net, batches: accuracy(net, batches[:2]), "number of calls was 2"),
        (lambda net, batches: "70 %", "between 0 and 1"),
    ],
}  # fmt: skip
