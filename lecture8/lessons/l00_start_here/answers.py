"""00 Start here: checks of what students answer, and the solutions."""

import math

import torch
from torch import nn

from lecture8.teaching import Verdict, called, correct, same_network, shape, wrong


# --- checks ----------------------------------------------------------------------------------------------------------


def check_convolve(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    for height, width, size in ((7, 7, 3), (5, 8, 3), (6, 6, 2)):
        image = torch.randint(0, 10, (height, width), generator=generator).float()
        kernel = torch.randint(-3, 4, (size, size), generator=generator).float()
        got, want = called(answer, image.clone(), kernel.clone()), convolve(image, kernel)
        if not isinstance(got, torch.Tensor) or got.shape != want.shape:
            return wrong(
                f"For an image of {height} × {width} and a kernel of {size} × {size} expected a feature map of {shape(want)}, "
                f"got {shape(got)}."
            )
        if torch.equal(got, convolve(image, kernel.flip(0, 1))) and not torch.equal(got, want):
            return wrong("You turned the kernel upside down. Lay it on the image as it is.")
        if torch.allclose(got, want / size**2, atol=1e-4) and want.any():
            return wrong("Add up the products; do not take their mean.")
        if not torch.allclose(got, want, atol=1e-4):
            at = tuple(int(i) for i in (got - want).abs().gt(1e-4).nonzero()[0])
            return wrong(
                f"For an image of {height} × {width} and a kernel of {size} × {size} the value at row {at[0]}, column {at[1]} should "
                f"be {want[at]:g}, yours is {got[at]:g}. Does the window begin at this row and column, and is it as large as the kernel?"
            )
    return correct(
        "Your convolution gives the right feature map for three sizes of images and kernels."
    )


def check_cnn(answer) -> Verdict:
    net = called(answer)
    if not isinstance(net, nn.Sequential):
        return wrong(
            f"Expected an nn.Sequential, which later cells take apart, got {type(net).__name__}."
        )
    verdict = same_network(net, build_cnn(), (1, 16, 16))
    if verdict and len(net) != 8:
        return wrong(
            f"It computes the right thing, but its length is {len(net)}: keep the eight lines."
        )
    return verdict


def _loop(*, forget=True, softmax=False, first_only=False, forget_late=False):
    """A training loop, right or with a typical mistake."""

    def loop(net, batches, optimizer):
        for images, labels in list(batches)[: 1 if first_only else None]:
            if forget:
                optimizer.zero_grad()
            logits = net(images)
            nn.functional.cross_entropy(
                logits.softmax(1) if softmax else logits, labels
            ).backward()
            if forget_late:
                optimizer.zero_grad()
            optimizer.step()

    return loop


_SLIPS = (
    (_loop(forget=False), "the gradients of earlier batches are still there: `zero_grad` is missing."),
    (_loop(softmax=True), "the loss gets probabilities: `cross_entropy` applies the softmax itself, so give it the logits."),
    (_loop(first_only=True), "only the first batch was used: is a `return` or `break` inside the loop?"),
)  # fmt: skip


def _trained(loop):
    """(weights before, network after, its gradients, what was returned) for a tiny network and three batches."""
    generator = torch.Generator().manual_seed(0)
    batches = [(torch.randn(6, 4, generator=generator), torch.arange(6) % 3) for _ in range(3)]
    torch.manual_seed(0)
    net, gradients = nn.Linear(4, 3), []
    net.weight.register_hook(gradients.append)
    before = net.weight.detach().clone()
    returned = loop(net, batches, torch.optim.SGD(net.parameters(), lr=0.5, momentum=0.9))
    return before, net, gradients, returned


def check_loop(answer) -> Verdict:
    if not callable(answer):
        raise TypeError(f"expected a function, got {answer!r}")
    before, net, gradients, returned = _trained(answer)
    wanted = _trained(_loop())[1]
    if not net.weight.isfinite().all():
        return wrong("The weights are no longer finite numbers.")
    if torch.equal(net.weight, before):
        if not gradients and returned is None:
            return Verdict(
                "todo", "Not attempted yet: the weights are the same before and after."
            )
        if net.weight.grad is not None and net.weight.grad.any():
            return wrong(
                "The weights did not change, although there are gradients: `optimizer.step()` is missing."
            )
        if returned is ...:
            return Verdict("todo", "Not attempted yet: write the loop in place of `...`.")
        return wrong(
            "The weights did not change. When `step` is called, every gradient is zero or missing: is there a `backward` "
            "before it, and nothing between the two?"
        )
    if torch.allclose(net.weight, wanted.weight, atol=1e-5):
        return correct("After three batches every weight is where it should be.")
    for slip, words in _SLIPS:
        if torch.allclose(net.weight, _trained(slip)[1].weight, atol=1e-5):
            return wrong(f"The network learns, but {words}")
    return wrong(
        "The weights change, but not as they should. Compare your lines with the five steps."
    )


def check_left_edge(answer) -> Verdict:
    try:
        kernel = torch.as_tensor(answer, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        kernel = torch.zeros(0)
    if tuple(kernel.shape) != (3, 3):
        return wrong(
            "Expected three rows of three numbers, such as [[0, 0, 0], [0, 1, 0], [0, 0, 0]]."
        )
    if abs(float(kernel.sum())) > 1e-5:
        return wrong(
            f"On a plain white surface your kernel gives {float(kernel.sum()):g} times white. Make its nine numbers add up to 0."
        )
    if kernel.sum(1).abs().max() > 1e-5:
        return wrong(
            "It also responds to edges between above and below: make every ROW add up to 0."
        )
    response = float(kernel[:, 2].sum())
    if float(kernel[:, 0].sum()) > -1e-5 and response < 1e-5:
        return wrong(
            "It responds to nothing, or to edges that are bright on the left. Here the right side is bright."
        )
    if response <= 0:
        return wrong(
            "Where it is dark on the left and bright on the right the sum should be positive."
        )
    return correct(
        "Positive where it gets brighter to the right, 0 on plain surfaces and on horizontal edges."
    )


def check_output_size(answer) -> Verdict:
    for case in (
        (7, 3, 1, 0),
        (16, 3, 1, 1),
        (16, 2, 2, 0),
        (16, 3, 2, 1),
        (227, 11, 4, 0),
        (224, 7, 2, 3),
    ):
        got, want = called(answer, *case), output_size(*case)
        if isinstance(got, bool) or not isinstance(got, int | float):
            return wrong(f"Expected a whole number, got {got!r}.")
        size, kernel, stride, padding = case
        if got != want:
            hint = {
                (size - kernel + 2 * padding) / stride
                + 1: "round down: a kernel that does not fit is left out",
                want - 1: "the first place counts, too: + 1",
                (size + padding - kernel) // stride + 1: "the padding is on both sides",
            }.get(got, f"{want} places fit")
            return wrong(
                f"For size {size}, kernel {kernel}, stride {stride}, padding {padding} expected {want}, got {got:g}: {hint}."
            )
    return correct("Right for six layers, two of them from AlexNet and GoogLeNet.")


def check_start(answer) -> Verdict:
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return wrong(f"Expected a number, got {answer!r}.")
    if abs(answer - math.log(10)) < 0.01:
        return correct(
            "−log(1/10) = 2.30. If your first loss is far from it, something is wrong before training has begun."
        )
    if abs(answer - 1) < 0.01:
        return wrong("That is the logarithm to the base 10. Here log is the natural one.")
    if abs(answer + math.log(10)) < 0.01:
        return wrong("The sign: a loss is −log(p), and log(0.1) is negative.")
    return wrong(
        f"{answer:g} is not it: which probability does the true class get, and what is minus its logarithm?"
    )


def _images_to_scores(net) -> str:
    """What is wrong with a network for images of 1 × 16 × 16 and ten classes, or ''."""
    if not isinstance(net, nn.Module):
        return f"Expected a network (nn.Module), got {type(net).__name__}."
    scores = net.eval()(torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0)))
    net.train()
    if not isinstance(scores, torch.Tensor) or tuple(scores.shape) != (2, 10):
        return f"For two images expected logits of 2 × 10, got {shape(scores)}."
    return "" if scores.isfinite().all() else "Its logits are not finite numbers."


def check_rival(answer) -> Verdict:
    net = called(answer)
    if problem := _images_to_scores(net):
        return wrong(problem)
    if any("Conv" in type(module).__name__ for module in net.modules()):
        return wrong("It has a convolution. The rival should have everything but that.")
    if not any(isinstance(module, nn.ReLU) for module in net.modules()):
        return wrong(
            "Two linear layers without a ReLU between them compute what a single one can: put one there."
        )
    count = sum(p.numel() for p in net.parameters())
    if not 0.95 * 9_930 <= count <= 1.05 * 9_930:
        return wrong(
            f"It has {count:,} parameters; expected about 9,930, at most 5 % more or less."
        )
    return correct(
        f"A fair rival: {count:,} parameters, a hidden layer with ReLU, no convolution."
    )


def check_project(answer) -> Verdict:
    net = called(answer)
    if problem := _images_to_scores(net):
        return wrong(problem)
    count = sum(p.numel() for p in net.parameters())
    if not 0 < count < 10_000:
        return wrong(f"It has {count:,} parameters; the project allows fewer than 10,000.")
    return correct(
        f"{count:,} parameters, and logits of the right shape. Now train it, and see how far it gets."
    )


def check_years(answer) -> Verdict:
    if (
        not isinstance(answer, tuple | list)
        or len(answer) != 2
        or not all(type(year) is int for year in answer)
    ):
        return wrong(f"Expected two years, such as (2011, 2017), got {str(answer)[:40]}.")
    points, share = answer
    if (points, share) == (2012, 2015):
        return correct(
            "9.35 points in 2012 (AlexNet), and 46.5 % of the remaining errors in 2015 (ResNet). Say which one you mean."
        )
    if (points, share) == (2015, 2012):
        return wrong("The right two years in the wrong order.")
    if points != 2012:
        return wrong(
            f"In points, {points} is not the largest step: subtract each error from the one of the year before."
        )
    return wrong(
        f"As a fraction, {share} is not the largest step: divide each step by the error of the year before."
    )


# --- solutions: shown under the tasks, with the names and arguments that these ask for --------------------------------


def convolve(image, kernel):
    size = len(kernel)
    height, width = image.shape[0] - size + 1, image.shape[1] - size + 1
    feature_map = torch.zeros(height, width)
    for row in range(height):
        for column in range(width):
            window = image[row : row + size, column : column + size]
            feature_map[row, column] = (window * kernel).sum()
    return feature_map


def build_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, 10),
    )


def train_epoch(net, batches, optimizer):
    net.train()
    for images, labels in batches:
        optimizer.zero_grad()
        logits = net(images)
        loss = nn.functional.cross_entropy(logits, labels)
        loss.backward()
        optimizer.step()


def my_sum():
    return (9 + 9 + 9) - (0 + 0 + 1)


def my_kernel():
    return [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]


def my_params():
    return 64 * (32 * 3 * 3 + 1)


def my_loss():
    return -torch.tensor(1 / 10).log()


def my_years():
    return (2012, 2015)


def output_size(size, kernel, stride, padding):
    return (size + 2 * padding - kernel) // stride + 1


def mended_epoch(net, batches, optimizer):
    net.train()
    for images, labels in batches:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()


def build_rival():
    return nn.Sequential(nn.Flatten(), nn.Linear(256, 37), nn.ReLU(), nn.Linear(37, 10))


def build_mine():
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(24, 30, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(30, 10),
    )
