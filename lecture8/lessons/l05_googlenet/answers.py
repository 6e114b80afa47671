"""05 GoogLeNet: the solutions of its builds and exercises, and their checks."""

import copy
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from lecture8.models.googlenet import MODULES
from lecture8.teaching import Verdict, called, correct, same_network, shape, wrong
from lecture8.words import phrase


# --- builds ---------------------------------------------------------------------------------------
class Naive(nn.Module):
    def __init__(self, c_in, one, three, five):
        super().__init__()
        self.look1 = nn.Sequential(nn.Conv2d(c_in, one, 1), nn.ReLU())
        self.look3 = nn.Sequential(nn.Conv2d(c_in, three, 3, padding=1), nn.ReLU())
        self.look5 = nn.Sequential(nn.Conv2d(c_in, five, 5, padding=2), nn.ReLU())
        self.pool = nn.MaxPool2d(3, stride=1, padding=1)

    def forward(self, x):
        return torch.cat([self.look1(x), self.look3(x), self.look5(x), self.pool(x)], 1)


def conv_relu(c_in, c_out, kernel, stride=1):
    return nn.Sequential(nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2), nn.ReLU())


class Inception(nn.Module):
    def __init__(
        self, c_in, one, reduce3, three, reduce5, five, pool, layer=conv_relu, kernel5=5
    ):
        super().__init__()
        self.look1 = layer(c_in, one, 1)
        self.look3 = nn.Sequential(layer(c_in, reduce3, 1), layer(reduce3, three, 3))
        self.look5 = nn.Sequential(layer(c_in, reduce5, 1), layer(reduce5, five, kernel5))
        self.pool = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), layer(c_in, pool, 1))

    def forward(self, x):
        return torch.cat([self.look1(x), self.look3(x), self.look5(x), self.pool(x)], 1)


def googlenet(stem, channels, num_classes, module=Inception, divide=1):
    stages = [stem]
    for name, widths in MODULES.items():
        if name in ("4a", "5a"):
            stages.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
        widths = [width // divide for width in widths]
        stages.append(module(channels, *widths))
        one, _, three, _, five, pool = widths
        channels = one + three + five + pool
    return nn.Sequential(
        *stages,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.4),
        nn.Linear(channels, num_classes),
    )


class BatchNorm2d(nn.Module):
    def __init__(self, channels, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(channels))  # γ
        self.bias = nn.Parameter(torch.zeros(channels))  # β
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            m = x.numel() / x.shape[1]
            with torch.no_grad():
                self.running_mean += self.momentum * (mean - self.running_mean)
                self.running_var += self.momentum * (var * m / (m - 1) - self.running_var)
        scale = self.weight / (var + self.eps).sqrt()
        return (x - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]


# --- exercises ------------------------------------------------------------------------------------
def one_by_one(x, weight, bias):
    return nn.functional.linear(x.movedim(1, -1), weight, bias).movedim(-1, 1)


def my_design():
    return (160, 48, 192, 32, 64, 64)


def rate(start, epoch):
    return start * 0.96 ** (epoch // 8)


def largest_reduction(c_in, c_out, kernel):
    direct = kernel**2 * c_in * c_out
    return (direct - 1) // (c_in + kernel**2 * c_out)


def mend(net, batches):
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # the plain mean over all batches
    net.train()
    with torch.no_grad():
        for images, _ in batches:
            net(images)
    return net.eval()


# --- checks ---------------------------------------------------------------------------------------
def _as_table(mine: nn.Module, reference: nn.Module, case: str) -> Verdict | None:
    """What is wrong with a module: its function, or the order in which its layers are defined."""
    if not isinstance(mine, nn.Module):
        return wrong(f"Expected a network (nn.Module), got {type(mine).__name__}.")
    convolutions = [layer for layer in mine.modules() if isinstance(layer, nn.Conv2d)]
    if any(isinstance(layer.padding, str) for layer in convolutions):
        return wrong(
            '`padding="same"` keeps the size, too. Write the padding as a number here: networks are compared setting by setting.'
        )
    c_in = next(reference.parameters()).shape[1]
    verdict = same_network(mine, reference, (c_in, 9, 9))
    if not verdict:
        return wrong(f"{case}: {verdict.message}")
    shapes, wanted = ([p.shape for p in net.parameters()] for net in (mine, reference))
    if shapes != wanted:
        return wrong(
            f"{case}: it computes the right thing. But define the layers in the skeleton's order: weights from elsewhere "
            "come in that order."
        )
    return None


def check_naive(answer) -> Verdict:
    for c_in, *widths in ((256, 128, 192, 96), (5, 2, 3, 4)):
        case = f"Naive({c_in}, {', '.join(map(str, widths))})"
        problem = _as_table(called(answer, c_in, *widths), Naive(c_in, *widths), case)
        if problem is not None:
            return problem
    return correct("Four branches on one input, concatenated.")


def check_inception(answer) -> Verdict:
    for c_in, widths in ((192, (64, 96, 128, 16, 32, 32)), (20, (4, 3, 6, 2, 5, 7))):
        case = f"Inception({c_in}, {', '.join(map(str, widths))})"
        problem = _as_table(called(answer, c_in, *widths), Inception(c_in, *widths), case)
        if problem is not None:
            return problem
    options = (20, 4, 3, 6, 2, 5, 7, _conv_norm, 3)
    case = phrase("With another `layer`, and kernel5=3")
    problem = _as_table(called(answer, *options), Inception(*options), case)
    if problem is not None:
        return problem
    return correct("Figure 2 (b) of the paper: four branches, six convolutions.")


def _conv_norm(c_in, c_out, kernel, stride=1):
    """Another kind of layer, to see whether a module uses the one it is given."""
    layers = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False), nn.Tanh()
    return nn.Sequential(*layers)


def check_googlenet(answer) -> Verdict:
    def stem(width):
        return nn.Sequential(conv_relu(3, width, 3, 2), nn.MaxPool2d(2))

    for case, settings in {
        "An eighth of every width": (24, 10, Inception, 8),
        "With another module": (24, 7, partial(Inception, kernel5=3), 16),
    }.items():
        mine = called(answer, stem(settings[0]), *settings)
        if not isinstance(mine, nn.Sequential):
            return wrong(f"Expected an nn.Sequential, got {type(mine).__name__}.")
        reference = googlenet(stem(settings[0]), *settings)
        verdict = same_network(mine, reference, (3, 64, 64))
        if not verdict:
            return wrong(f"{case}: {verdict.message}")
    return correct("Table 1 becomes the paper's network.")


def check_batch_norm(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    batches = [torch.randn(n, 3, 5, 4, generator=generator) * 2 + 1 for n in (6, 2)]
    for options in ((1e-5, 0.1), (0.1, 0.3)):
        theirs = nn.BatchNorm2d(3, *options)
        nn.init.normal_(theirs.weight, generator=generator)
        nn.init.normal_(theirs.bias, generator=generator)
        mine = called(answer, 3, *options)
        if not isinstance(mine, nn.Module):
            return wrong(f"Expected a layer (nn.Module), got {type(mine).__name__}.")
        if list(mine.state_dict()) != list(theirs.state_dict())[:4]:
            return wrong(
                "Keep the skeleton's `__init__`: weight, bias, running_mean, running_var."
            )
        mine.load_state_dict(theirs.state_dict(), strict=False)
        for batch in batches:
            problem = _norm_differs(mine, theirs, batch)
            if problem:
                return wrong(problem)
        mine.eval(), theirs.eval()
        got, want = called(mine, batches[0]), theirs(batches[0])
        if not torch.allclose(got, want, atol=1e-4):
            return wrong(
                phrase(
                    "Right in training. In evaluation (`self.training` is False) use running_mean and running_var."
                )
            )
        if not torch.allclose(mine.running_mean, theirs.running_mean, atol=1e-5):
            return wrong("An evaluation should not change the running statistics.")
    return correct("Outputs, gradients and running statistics equal those of `nn.BatchNorm2d`.")


def _norm_differs(mine: nn.Module, theirs: nn.Module, batch: torch.Tensor) -> str:
    x, y = batch.clone().requires_grad_(), batch.clone().requires_grad_()
    got, want = called(mine, x), theirs(y)
    if not isinstance(got, torch.Tensor) or got.shape != want.shape:
        return f"Expected the shape of the input, {shape(want)}, got {shape(got)}."
    if not torch.allclose(got, want, atol=1e-4):
        return _which_values(mine, theirs, batch, got)
    if not got.requires_grad:
        return "No gradient flows: only the running statistics belong under `torch.no_grad()`."
    weights = torch.arange(got.numel()).view_as(got) % 7.0
    for out in (got, want):
        (out * weights).sum().backward()
    if not torch.allclose(x.grad, y.grad, atol=1e-4):
        return "The outputs agree, the gradients do not: the batch's mean and variance depend on the input, so gradients must flow through them."
    if not torch.allclose(mine.running_mean, theirs.running_mean, atol=1e-5):
        return "running_mean differs: new = old + momentum · (batch mean - old), in every step."
    m = batch.numel() / batch.shape[1]
    biased = theirs.running_var - mine.momentum * batch.var((0, 2, 3)) / m
    if torch.allclose(mine.running_var, biased, atol=1e-5):
        return "running_var differs: the variance in it is the unbiased one, var · m / (m - 1)."
    if not torch.allclose(mine.running_var, theirs.running_var, atol=1e-5):
        return "running_var differs: new = old + momentum · (unbiased variance - old)."
    return ""


def _which_values(mine, theirs, batch, got) -> str:
    gamma, beta = theirs.weight[:, None, None], theirs.bias[:, None, None]
    mean, var = batch.mean((0, 2, 3), keepdim=True), batch.var((0, 2, 3), keepdim=True)
    m = batch.numel() / batch.shape[1]
    normal = (batch - mean) / (var * (m - 1) / m + theirs.eps).sqrt()
    others = {
        "γ and β are missing: self.weight and self.bias, one for each channel.": normal,
        "β is missing: add self.bias.": normal * gamma,
        "γ is missing: multiply by self.weight.": normal + beta,
        "The variance under the root is the one with 1 / m: `correction=0`.": gamma
        * (batch - mean)
        / (var + theirs.eps).sqrt()
        + beta,
        "Divide by the square root of the variance, not by the variance.": gamma
        * (batch - mean)
        / (var * (m - 1) / m + theirs.eps)
        + beta,
    }
    for remark, values in others.items():
        if torch.allclose(got, values, atol=1e-4):
            return remark
    return "In training the values differ from nn.BatchNorm2d: take mean and variance of each channel over images, height and width."


def check_one_by_one(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    for c_in, c_out, height, width in ((3, 5, 4, 4), (8, 2, 3, 5)):
        x = torch.randn(2, c_in, height, width, generator=generator)
        weight = torch.randn(c_out, c_in, generator=generator)
        bias = torch.randn(c_out, generator=generator)
        case = f"{c_in} → {c_out} channels on {height} × {width} pixels"
        want, got = F.conv2d(x, weight[:, :, None, None], bias), called(answer, x, weight, bias)
        if not isinstance(got, torch.Tensor):
            return wrong(f"Expected a tensor for {case}, got {type(got).__name__}.")
        if got.shape != want.shape:
            if got.ndim == 4 and got.shape == want.permute(0, 2, 3, 1).shape:
                return wrong(
                    f"Expected the shape {shape(want)} for {case}, got {shape(got)} (the channels are still the last axis: "
                    "move them back)."
                )
            return wrong(f"Expected the shape {shape(want)} for {case}, got {shape(got)}.")
        if (got - want).abs().max() > 1e-4:
            if (got - want + bias[:, None, None]).abs().max() < 1e-4:
                return wrong(
                    f"The shape is right, the values are not, for {case}: the bias is missing."
                )
            return wrong(f"The shape is right, the values are not, for {case}.")
    return correct("The same numbers as a 1 × 1 convolution: one linear layer at every pixel.")


def cost_of(c_in: int, side: int, one, reduce3, three, reduce5, five, pool) -> int:
    """Multiply-adds of an inception module."""
    weights = (
        c_in * (one + reduce3 + reduce5 + pool) + 9 * reduce3 * three + 25 * reduce5 * five
    )
    return weights * side**2


def check_design(answer) -> Verdict:
    if not isinstance(answer, tuple | list) or len(answer) != 6:
        return wrong(
            "Expected six widths: (1 × 1, 3 × 3 reduce, 3 × 3, 5 × 5 reduce, 5 × 5, pool projection)."
        )
    if not all(isinstance(w, int) and not isinstance(w, bool) and w > 0 for w in answer):
        return wrong(f"Widths are whole numbers above 0, got {answer}.")
    one, reduce3, three, reduce5, five, pool = answer
    macs = cost_of(256, 28, *answer)
    if one + three + five + pool != 480:
        return wrong(
            f"{one} + {three} + {five} + {pool} = {one + three + five + pool} channels come out, expected 480."
        )
    if three < 128 or five < 64:
        return wrong(
            f"The large kernels need at least 128 (3 × 3) and 64 (5 × 5) channels, got {three} and {five}."
        )
    if min(reduce3, reduce5) < 32:
        return wrong(
            f"No reduction below 32 channels, an eighth of the input; got {min(reduce3, reduce5)}."
        )
    if macs > 180_000_000:
        parts = {
            "3 × 3": 9 * reduce3 * three,
            "5 × 5": 25 * reduce5 * five,
            phrase("1 × 1 convolutions"): 256 * (one + reduce3 + reduce5 + pool),
        }
        most = max(parts, key=parts.get)
        return wrong(
            f"{macs:,} multiply-adds are {macs - 180_000_000:,} too many. Most expensive now: {most}, {parts[most] * 784:,}."
        )
    return correct(f"{macs:,} multiply-adds, 480 channels: within the budget.")


def check_rate(answer) -> Verdict:
    for start, epoch in ((0.1, 0), (0.1, 7), (0.1, 8), (0.01, 80), (0.1, 137)):
        want, got = start * 0.96 ** (epoch // 8), float(called(answer, start, epoch))
        if abs(got - want) > 1e-6 * start:
            case = f"for start={start}, epoch={epoch} expected {want:.6f}, got {got:.6f}"
            if abs(got - start * 0.96 ** (epoch / 8)) < 1e-9:
                return wrong(f"The rate falls in steps, not a little every epoch: {case}.")
            if abs(got - start * 0.96**epoch) < 1e-9:
                return wrong(f"That is 4 % less every epoch: {case}.")
            if abs(got - start * (1 - 0.04 * (epoch // 8))) < 1e-9:
                return wrong(f"4 % of what is left, not of the start: {case}.")
            return wrong(f"Not yet: {case}.")
    return correct(
        "× 0.96 for every 8 full epochs: in epoch 136, after 17 steps, it is for the first time at most half of `start`."
    )


def check_break_even(answer) -> Verdict:
    cases = ((256, 192, 3), (256, 96, 5), (192, 32, 5), (9, 1, 3), (64, 64, 1))
    for c_in, c_out, kernel in cases:
        direct = kernel**2 * c_in * c_out
        want = (direct - 1) // (c_in + kernel**2 * c_out)
        got = called(answer, c_in, c_out, kernel)
        if got != want:
            case = f"For c_in={c_in}, c_out={c_out}, kernel={kernel}"
            if not isinstance(got, int | float):
                return wrong(f"{case}: expected a whole number, got {type(got).__name__}.")
            if got != int(got):
                return wrong(f"{case} you return {got:g}; channels come in whole numbers.")
            costs = got * (c_in + kernel**2 * c_out)
            both = f"{costs:,.0f} and {direct:,} per pixel"
            if costs < direct:
                return wrong(
                    f"{case} a reduction to {got} costs less than the direct convolution ({both}): but so does {want}."
                )
            if costs == direct:
                return wrong(
                    f"{case} a reduction to {got} costs as much as the direct convolution ({both}): take less."
                )
            return wrong(
                f"{case} a reduction to {got} costs more than the direct convolution ({both}): take less."
            )
    return correct(
        "Cheaper as long as r < k²·c_in·c_out / (c_in + k²·c_out): for large kernels nearly every reduction pays."
    )


def check_mend(answer) -> Verdict:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        batches = [
            (torch.randn(32, 2, 6, 6) * 3 + 2, torch.zeros(32).long()) for _ in range(40)
        ]
        broken = nn.Sequential(
            *(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4, momentum=0), nn.ReLU()),
            *(nn.Conv2d(4, 3, 3), nn.BatchNorm2d(3, momentum=0), nn.Flatten()),
        )
        broken[4].running_var.fill_(9.0)
        mended = called(answer, copy.deepcopy(broken), batches)
        if not isinstance(mended, nn.Module):
            return wrong(f"Expected the network, got {type(mended).__name__}.")
        pairs = zip(broken.parameters(), mended.parameters(), strict=True)
        if not all(torch.equal(a, b) for a, b in pairs):
            return wrong("The weights should stay as they are: do not train, only count.")
        if mended.training:
            return wrong("Return the network in evaluation mode: net.eval().")
        images = batches[0][0]
        got, want = called(mended, images), mend(copy.deepcopy(broken), batches)(images)
        if not torch.is_tensor(got) or not got.isfinite().all():
            return wrong("The mended network outputs nan or inf.")
        off = ((got - want).std() / want.std()).item()
        if off < 0.1:
            return correct("The running statistics are those of the training images now.")
        if torch.equal(got, broken.eval()(images)):
            return wrong(
                "Nothing changed. With momentum 0 the running statistics never move: set `layer.momentum` first."
            )
        return wrong(
            f"The outputs are still off by {off:.0%} of their standard deviation. Did the network see all batches in training mode? And after few "
            "batches, a tenth each time still remembers the start: are the old statistics gone?"
        )
