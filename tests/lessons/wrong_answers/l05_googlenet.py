import torch
from torch import nn
from torch.nn import functional as F

from lecture8.lessons.l05_googlenet import answers


def changed(kind, **parts):
    """A class like `kind` whose networks have other parts: name -> function of the old part."""

    class Changed(kind):
        def __init__(self, *settings):
            super().__init__(*settings)
            for name, change in parts.items():
                setattr(self, name, change(getattr(self, name)))

    return Changed


class Shuffled(answers.Inception):
    def forward(self, x):
        return torch.cat([self.look1(x), self.look5(x), self.look3(x), self.pool(x)], 1)


def backwards(*settings):
    net = answers.Inception(*settings)
    net._modules = dict(reversed(net._modules.items()))
    return net


def googlenet(stem, channels, num_classes, module, divide, *, pools=True, own=False):
    net = answers.googlenet(stem, channels, num_classes, answers.Inception if own else module, divide)
    return nn.Sequential(*(part for part in net if pools or not isinstance(part, nn.MaxPool2d)))


class Norm(answers.BatchNorm2d):
    """Batch normalization with a mistake."""

    scale, shift, correction, power, unbiased, detached, always = True, True, 0, 0.5, True, False, False

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training or self.always:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=self.correction)
            if self.detached:
                mean, var = mean.detach(), var.detach()
            m = x.numel() / x.shape[1]
            with torch.no_grad():
                self.running_mean += self.momentum * (mean - self.running_mean)
                new = var * m / (m - 1) if self.unbiased else var
                self.running_var += self.momentum * (new - self.running_var)
        x = (x - mean[:, None, None]) / (var[:, None, None] + self.eps) ** self.power
        x = x * self.weight[:, None, None] if self.scale else x
        return x + self.bias[:, None, None] if self.shift else x


def norm(**mistakes):
    return type("Wrong", (Norm,), mistakes)


def half_mended(net, batches, momentum=None, train=False):
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = momentum
    net.train()
    net(batches[0][0])
    return net.train(train)


def retrained(net, batches):
    with torch.no_grad():
        net[0].weight += 1
    return answers.mend(net, batches)


# exercise or build -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "naive": [
        (changed(answers.Naive, look5=lambda old: old[0]), "outputs differ"),
        (changed(answers.Naive, pool=lambda old: nn.MaxPool2d(3, 2, 1)), "stopped"),
    ],
    "inception": [
        (Shuffled, "outputs differ"),
        (backwards, "order"),
        (lambda *s: answers.Inception(*s[:7]), "With another `layer`"),
        (lambda *widths: "module", "Expected a network"),
    ],
    "googlenet": [
        (lambda *s: googlenet(*s, pools=False), "receives"),
        (lambda *s: googlenet(*s, own=True), "With another module"),
        (lambda *s: nn.Identity(), "Expected an nn.Sequential"),
    ],
    "batch_norm": [
        (norm(shift=False), "β is missing"),
        (norm(scale=False), "γ is missing"),
        (norm(scale=False, shift=False), "γ and β are missing"),
        (norm(correction=1, unbiased=False), "with 1 / m"),
        (norm(power=1), "square root"),
        (norm(detached=True), "gradients"),
        (norm(unbiased=False), "unbiased"),
        (norm(always=True), "In evaluation"),
    ],
    "one_by_one": [
        (lambda x, weight, bias: F.linear(x.movedim(1, -1), weight, bias), "last axis"),
        (lambda x, weight, bias: torch.einsum("nchw,oc->nohw", x, weight), "bias is missing"),
        (lambda x, weight, bias: F.conv2d(x, weight[:, :, None, None], bias) * 2, "values are not"),
    ],
    "design": [
        ((128, 64, 192, 64, 96, 64), "too many"),
        ((160, 48, 192, 32, 64, 32), "expected 480"),
        ((288, 32, 96, 32, 64, 32), "at least 128"),
        ((160, 48, 192, 16, 64, 64), "below 32"),
    ],
    "rate": [
        (lambda start, epoch: start * 0.96 ** (epoch / 8), "falls in steps"),
        (lambda start, epoch: start * 0.96**epoch, "every epoch"),
    ],
    "break_even": [
        (lambda c_in, c_out, kernel: c_in, "more than"),
        (lambda c_in, c_out, kernel: kernel**2 * c_in * c_out / (c_in + kernel**2 * c_out), "whole numbers"),
        (lambda c_in, c_out, kernel: c_in // 4, "less than"),
    ],
    "mend": [
        (lambda net, batches: net.eval(), "Nothing changed"),
        (lambda net, batches: half_mended(net, batches, train=True), "evaluation mode"),
        (lambda net, batches: half_mended(net, batches, momentum=0.1), "still off"),
        (retrained, "weights should stay"),
    ],
}  # fmt: skip
