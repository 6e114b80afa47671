"""00 Start here: predictions, builds, exercises, quiz."""

import math

import torch
from torch import nn

from lecture8.teaching import (
    Build,
    Exercise,
    Prediction,
    Question,
    Verdict,
    called,
    correct,
    number_check,
    same_network,
    shape,
    wrong,
)

predictions = {
    "shape": Prediction(
        "A 1 × 16 × 16 image goes through a 3 × 3 convolution with 16 kernels and padding 1, then through a 2 × 2 max pooling. "
        "What is the shape of the output?",
        {
            "16 × 16 × 16": "That is the shape after the convolution. The pooling still halves height and width.",
            "16 × 8 × 8": "Each of the 16 kernels makes one channel. Padding 1 keeps the 16 × 16, and the pooling halves both sides.",
            "1 × 8 × 8": "The 16 feature maps are not added up. Each kernel makes a channel of its own.",
            "16 × 7 × 7": "That would be right without padding: a 3 × 3 kernel then loses one pixel at each border.",
        },
    ),
    "moved": Prediction(
        "Now every digit is drawn at a random place in the image, in training and in testing. Both classifiers are trained again. "
        "Which one loses more test accuracy?",
        {
            "both lose less than 10 points": "A digit that moves is easy for you. But for a linear layer its pixels now meet other "
            "weights every time.",
            "both lose about the same, and more than that": "Both were trained on moved digits, but only one of them can use at all "
            "places what it learned at one.",
            "the linear one loses far more": "A linear layer has one weight per pixel, so it must learn every digit again at every place. "
            "A convolution carries the same kernels everywhere. It loses some accuracy, too, because its last layer is linear.",
            "the CNN loses far more": "Nothing in a kernel is tied to the middle of the image. It visits every place anyway.",
        },
    ),
    "shuffle": Prediction(
        "Shuffle the pixels of the moved digits, every image in the same way. No information is lost: you could undo it. "
        "What happens to the CNN?",
        {
            "its accuracy stays the same": "That is true of the linear classifier: if its pixels are shuffled, its weights are simply "
            "learned in another order. A convolution depends on which pixels are neighbors.",
            "it loses a few points": "Neighborhoods are not a detail for a convolution: a 3 × 3 kernel sees nothing else.",
            "it loses more than 20 points": "Its kernels look for patterns among neighboring pixels, and the new neighbors have nothing "
            "to do with each other.",
            "it becomes more accurate": "Shuffling adds no information. It takes away what the CNN relies on: neighbors that belong "
            "together.",
        },
    ),
}


def who_lost_more(cnn, linear) -> str:
    """The option of "moved" that was measured: points of accuracy that each classifier lost, by seed."""
    if max(cnn + linear) < 0.1:
        return "both lose less than 10 points"
    if min(linear) > 2 * max(cnn):
        return "the linear one loses far more"
    return (
        "the CNN loses far more"
        if min(cnn) > 2 * max(linear)
        else "both lose about the same, and more than that"
    )


def what_shuffling_did(lost) -> str:
    """The option of "shuffle" that was measured: points of accuracy that the CNN lost, by seed."""
    if min(lost) > 0.2:
        return "it loses more than 20 points"
    few = "it becomes more accurate" if max(lost) < -0.01 else "its accuracy stays the same"
    return few if max(lost) < 0.01 else "it loses a few points"


# --- checks ----------------------------------------------------------------------------------------------------------


def _check_convolve(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    for height, width, size in ((7, 7, 3), (5, 8, 3), (6, 6, 2)):
        image = torch.randint(0, 10, (height, width), generator=generator).float()
        kernel = torch.randint(-3, 4, (size, size), generator=generator).float()
        case = f"For an image of {height} × {width} and a kernel of {size} × {size}"
        got, want = called(answer, image.clone(), kernel.clone()), convolve(image, kernel)
        if not isinstance(got, torch.Tensor) or got.shape != want.shape:
            return wrong(f"{case} expected a feature map of {shape(want)}, got {shape(got)}.")
        if torch.equal(got, convolve(image, kernel.flip(0, 1))) and not torch.equal(got, want):
            return wrong("You turned the kernel upside down. Lay it on the image as it is.")
        if torch.allclose(got, want / size**2, atol=1e-4) and want.any():
            return wrong("Add up the products; do not take their mean.")
        if not torch.allclose(got, want, atol=1e-4):
            at = tuple(int(i) for i in (got - want).abs().gt(1e-4).nonzero()[0])
            return wrong(
                f"{case} the value at row {at[0]}, column {at[1]} should be {want[at]:g}, yours is {got[at]:g}. Does the window "
                "begin at this row and column, and is it as large as the kernel?"
            )
    return correct(
        "Your convolution gives the right feature map for three sizes of images and kernels."
    )


def _check_cnn(answer) -> Verdict:
    net = called(answer)
    if not isinstance(net, nn.Sequential):
        return wrong(
            f"Expected an nn.Sequential, which later cells take apart, got {type(net).__name__}."
        )
    verdict = same_network(net, build_cnn(), (1, 16, 16))
    if verdict and len(net) != 8:
        return wrong(
            f"It computes the right thing, but in {len(net)} steps: keep the eight lines."
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


def _check_loop(answer) -> Verdict:
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


def _check_left_edge(answer) -> Verdict:
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


def _check_output_size(answer) -> Verdict:
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


def _check_start(answer) -> Verdict:
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


def _check_confused(answer) -> Verdict:
    generator = torch.Generator().manual_seed(0)
    for classes in (3, 10):
        table = torch.randint(0, 40, (classes, classes), generator=generator)
        table.fill_diagonal_(100)  # correct predictions: the largest number of every row
        at = int(torch.randint(1, classes, (), generator=generator))
        table[at, at - 1] = 60
        got = tuple(int(i) for i in called(answer, table.clone()))
        if got == (at - 1, at):
            return wrong(
                f"The right two classes in the wrong order: rows are the true classes, so expected {(at, at - 1)}."
            )
        if got != (at, at - 1):
            on = " (the diagonal holds the correct predictions)" if len(set(got)) == 1 else ""
            return wrong(
                f"For the table\n{table.tolist()}\nexpected {(at, at - 1)}, got {got}{on}."
            )
    return correct(
        "The largest number off the diagonal: its row is the true class, its column the prediction."
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


def _check_rival(answer) -> Verdict:
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


def _check_project(answer) -> Verdict:
    net = called(answer)
    if problem := _images_to_scores(net):
        return wrong(problem)
    count = sum(p.numel() for p in net.parameters())
    if not 0 < count < 10_000:
        return wrong(f"It has {count:,} parameters; the project allows fewer than 10,000.")
    return correct(
        f"{count:,} parameters, and logits of the right shape. Now train it, and see how far it gets."
    )


def _check_years(answer) -> Verdict:
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


# --- solutions: shown under the exercises, with the names and arguments that their tasks ask for ---------------------


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


def most_confused(table):
    mistakes = table - torch.diag(torch.diag(table))
    return divmod(int(mistakes.argmax()), len(table))


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


builds = {
    "convolve": Build(
        title="a convolution",
        difficulty=1,
        task="Write `convolve(image, kernel)`: the feature map of one kernel, without padding.",
        hints=["A window of `size` rows that begins at `row` is `image[row : row + size]`; columns come after a comma.",
               "Two tensors of equal shape are multiplied number by number with `*`; `.sum()` adds up."],
        solution=convolve,
        explanation="`window * kernel` are the products, and `.sum()` adds them. `nn.Conv2d` computes the same, much faster.",
        check_answer=_check_convolve,
    ),
    "cnn": Build(
        title="a small network",
        difficulty=2,
        task="Complete `build_cnn()`: the second convolution with its ReLU and its pooling, and the number of inputs of the last layer.",
        hints=["The second convolution sees the 16 channels of the first and makes 32: `nn.Conv2d(16, 32, …)`.",
               "After the second pooling there are 32 channels of 4 × 4. How many numbers are these?"],
        solution=build_cnn,
        explanation="32 · 4 · 4 = 512 numbers arrive at the linear layer.",
        check_answer=_check_cnn,
        input_shape=lambda: (1, 16, 16),
    ),
    "train_epoch": Build(
        title="the training loop",
        difficulty=2,
        task="Write the five steps of `train_epoch(net, batches, optimizer)`.",
        hints=["Steps 1 and 5 are calls of the optimizer: `optimizer.zero_grad()` and `optimizer.step()`.",
               "Step 2 is `net(images)`, step 3 `nn.functional.cross_entropy(logits, labels)`, step 4 `loss.backward()`."],
        solution=train_epoch,
        explanation="These lines train every network of this course, up to ResNet-152. `training.fit`, which later lessons use, repeats them "
        "and keeps a record.",
        check_answer=_check_loop,
    ),
}  # fmt: skip

exercises = {
    "one_place": Exercise(
        title="one place by hand",
        difficulty=1,
        task="Lay the kernel on the rows 4, 5, 6 and the columns 2, 3, 4 of the patch. Which number comes out? Use paper, not code.",
        hints=["The upper row of the kernel is −1, the middle one 0, the lower one 1.", "Lower three pixels minus upper three pixels."],
        solution=my_sum,
        asks_value=True,
        explanation="(9 + 9 + 9) − (0 + 0 + 1) = 26: the pixels get much brighter from top to bottom. This is the upper edge of the "
        "lower stroke of the 3.",
        check_answer=number_check(
            26,
            traps={27: "the upper row counts, too, with −1.",
                   28: "the upper row is multiplied by −1, so it is subtracted.",
                   -26: "upper and lower row are exchanged.",
                   38: "that is the sum of all nine pixels; multiply by the kernel first."},
        ),
    ),
    "left_edge": Exercise(
        title="a kernel of your own",
        difficulty=1,
        task="The kernel above is large where it gets brighter from top to bottom. Write one for places that get brighter from LEFT to "
        "RIGHT: three rows of three numbers. On plain surfaces and on horizontal edges it must give 0.",
        hints=["Turn the kernel above by 90 degrees.", "The left column is negative, the right one positive."],
        solution=my_kernel,
        asks_value=True,
        explanation="The left column is subtracted from the right one. Networks learn kernels like this one without being told, as you "
        "will see in section 5.",
        check_answer=_check_left_edge,
    ),
    "conv_params": Exercise(
        title="count a convolution",
        difficulty=1,
        task="How many parameters does `nn.Conv2d(32, 64, kernel_size=3)` have? (PyTorch's convolutions have biases by default.)",
        hints=["Each of the 64 kernels sees all 32 input channels through its 3 × 3 window.", "And there is one bias for each kernel."],
        solution=my_params,
        asks_value=True,
        explanation="64 · (32 · 9 + 1) = 18,496. The size of the image does not matter, because the kernels slide over it.",
        check_answer=number_check(
            18_496,
            traps={18_432: "those are the weights; the biases are missing.",
                   640: "a kernel sees all 32 channels of its input, not one.",
                   576: "a kernel sees all 32 channels of its input, and has a bias.",
                   18_464: "there is one bias per kernel (per output channel), so there are 64."},
            unit="parameters",
        ),
    ),
    "start": Exercise(
        title="the loss before training",
        difficulty=1,
        task="A network knows nothing: it gives each of the ten classes the same probability. What is its loss for one image?",
        hints=["Ten equal probabilities that add up to 1.", "log is the natural logarithm: `torch.tensor(2.0).log()`, or ln on a calculator."],
        solution=my_loss,
        asks_value=True,
        explanation="−log(0.1) = 2.30. Remember this number: a first loss far from log(number of classes) means that something is wrong.",
        check_answer=_check_start,
    ),
    "years": Exercise(
        title="the largest step",
        difficulty=1,
        task="In which year did the winner's error fall most in points? And in which year did the largest fraction of the errors disappear? "
        "Compute both from `winners` and give the two years.",
        hints=["`error = winners.set_index(\"year\")[\"top5_error\"]`, then `-error.diff()` are the steps in points.",
               "A fraction: divide each step by the error of the year before, `error.shift(1)`."],
        solution=my_years,
        asks_value=True,
        explanation="25.77 → 16.42 in 2012 is the largest step in points. 6.67 → 3.57 in 2015 is the largest fraction, 46.5 %. Both answers are "
        "right, to two questions.",
        check_answer=_check_years,
    ),
    "output_size": Exercise(
        title="how large is the feature map?",
        difficulty=2,
        task="Write `output_size(size, kernel, stride, padding)`: how many places does a kernel find along one side of an image?",
        hints=["With padding the side has size + 2 · padding pixels, and the kernel's first pixel can be at 0, stride, 2 · stride, …",
               "The last place where it fits begins at size + 2 · padding − kernel. `//` divides and rounds down."],
        solution=output_size,
        explanation="(size + 2 · padding − kernel) // stride + 1. You will use this formula in every lesson.",
        check_answer=_check_output_size,
    ),
    "mend": Exercise(
        title="find the mistake",
        difficulty=2,
        task="Find out why `broken_epoch` teaches the network nothing, and write a `mended_epoch` that does.",
        hints=["Which of its lines changes the weights, and by how much?", "`step` uses the gradients. What are they at that moment?"],
        solution=mended_epoch,
        explanation="`zero_grad` stood between `backward` and `step`: the gradients were computed and erased before they were used. There is "
        "no error message, only a network that never learns.",
        check_answer=_check_loop,
    ),
    "confused": Exercise(
        title="what is mistaken for what",
        difficulty=2,
        task="Write `most_confused(table)`: for a confusion matrix (a tensor of counts; rows: true class, columns: prediction), the "
        "pair (true class, prediction) of the most frequent mistake.",
        hints=["Correct predictions are on the diagonal: take it out first.", "`tensor.argmax()` counts through the rows; `divmod` splits "
               "its answer into row and column."],
        solution=most_confused,
        explanation="Subtracting the diagonal leaves only the mistakes.",
        check_answer=_check_confused,
    ),
    "rival": Exercise(
        title="change the experiment",
        difficulty=2,
        task="The linear classifier lacks two things that the CNN has: convolutions, and hidden layers with ReLU. Write `build_rival()`, a "
        "network without convolutions that has a hidden layer, a ReLU, and about as many parameters as the CNN (9,930, give or take 5 %). "
        "Then train it on `moved` and on `shuffled`, and defend in three sentences which of the two things made the difference.",
        hints=["Flatten, linear, ReLU, linear.", "With h hidden units there are 256 · h + h + h · 10 + 10 parameters."],
        solution=build_rival,
        explanation="A good answer looks at all three seeds. In our runs the rival read 30 to 51 % of the moved digits, the linear classifier "
        "25 %, the CNN 87 to 91 %: hidden layers help, convolutions help more. On shuffled digits CNN and rival were about equal. So most "
        "of the lead on moved digits needs neighbors that belong together.",
        check_answer=_check_rival,
    ),
    "project": Exercise(
        title="small and good",
        difficulty=3,
        task="Write `build_mine()`: a network for the moved digits with fewer than 10,000 parameters. The check looks at its size and shape; "
        "the rest is up to you.",
        hints=["Where are the parameters of `build_cnn`? Its profile tells you.", "`nn.AdaptiveAvgPool2d(1)` averages each feature map. "
               "After it a linear layer no longer knows where anything was."],
        solution=build_mine,
        explanation="One of many: three convolutions and an average, 9,556 parameters. It needs more epochs than `build_cnn`.",
        check_answer=_check_project,
    ),
}  # fmt: skip

quiz = [
    Question(
        "Ten classes. The loss on the training images is 2.30 after the first epoch, and 2.30 after the tenth. Which explanation fits?",
        {
            "The weights never change": "Yes: 2.30 is log(10), the loss of a network that knows nothing. Look at `backward` and `step`.",
            "The network is overfitting": "Then the loss on the training images would be low, and that on new images high.",
            "The learning rate is a little too small": "Then the loss would fall, only slowly.",
            "There are too few test images": "They have nothing to do with the loss on the training images.",
        },
        "The weights never change",
    ),
    Question(
        "You train with five learning rates, keep the one with the best accuracy on the TEST images, and report this accuracy. It is …",
        {
            "probably too high": "Yes: the best of five is partly luck, and you chose it by looking. Choose with the validation images.",
            "a fair number: no weight was trained on these images": "You used them to choose, and that is a kind of training.",
            "probably too low": "Picking the best of five can only raise the number.",
            "fair if the test set is large": "A larger test set makes the luck smaller. It does not make the choice fair.",
        },
        "probably too high",
    ),
    Question(
        "Somebody writes `cross_entropy(logits.softmax(1), labels)`. The program runs, but the loss falls very slowly. Why?",
        {
            "The softmax is applied twice": "Yes: `cross_entropy` contains one. After the second, even a perfect answer gets a probability of "
            "about 0.23 for ten classes.",
            "A softmax has no gradient": "It has one. Only rounding to the largest class has none.",
            "The softmax should be over dimension 0": "Dimension 0 is the batch. Each image has its own probabilities.",
            "The learning rate should be ten times larger": "That would hide the symptom. The mistake stays.",
        },
        "The softmax is applied twice",
    ),
    Question(
        "A network ends in: average of each feature map, then a linear layer. Your network ends in: flatten, then a linear layer. "
        "Which one is hurt less when digits move?",
        {
            "The one with the average": "Yes: after the average the last layer no longer knows where a pattern was, only that it was there.",
            "The one with flatten: it keeps all the information": "It keeps the places, too. So its linear layer must learn every place.",
            "Both equally: the convolutions are the same": "The convolutions are, but a linear layer after flatten has a weight for every place.",
        },
        "The one with the average",
    ),
    Question(
        "“ResNet has a top-5 error of 3.57 %, AlexNet one of 18.2 %.” Why is this not a fair comparison of the two networks?",
        {
            "3.57 % is an ensemble, 18.2 % one network": "Yes: six networks against one. A single ResNet-152 has 4.49 % (and even that with "
            "another way of cropping).",
            "One is top-5 error, the other top-1": "Both are top-5. The top-1 error of AlexNet is 40.7 %.",
            "AlexNet was trained on fewer photographs": "Both learned from the 1.2 million photographs of the challenge.",
        },
        "3.57 % is an ensemble, 18.2 % one network",
    ),
]
