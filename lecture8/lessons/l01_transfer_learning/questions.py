"""01 Transfer learning: predictions, exercises, quiz."""

import copy

import torch
from torch import nn

from lecture8 import models
from lecture8.teaching import (
    Exercise,
    Prediction,
    Question,
    Verdict,
    called,
    correct,
    number_check,
    wrong,
)

predictions = {
    "few": Prediction(
        "Twenty labeled letters, two of each. Three ways: A random weights, everything trained. B weights that know "
        "printed digits, everything trained on. C the same weights frozen, only the new last layer trained. Which reads most letters?",
        {
            "A: random weights": "Nothing learned from the digits would then be of use to the letters.",
            "B: digit weights, all trained": "It beats random weights by far. But twenty labels cannot guide 72,000 weights, and the first steps spoil "
            "what these knew.",
            "C: digit weights, frozen": "Twenty labels cannot improve 72,000 weights, but they can place 650 of a last layer.",
        },
    ),
    "much": Prediction(
        "Now two thousand labels and time to train. How far is the network that began with random weights behind the fine-tuned one "
        "at the end?",
        {
            "it has overtaken it": "Then the digits would have been a burden.",
            "less than 10 points behind": "Much data and time do for a random start what the source did for the other. It just takes longer.",
            "about as far as with twenty labels": "Then pre-training would always be needed.",
        },
    ),
    "depth": Prediction(
        "Freeze the first k of six convolutions and train the rest on 2,000 letters. The weights come from gratings, which are nothing like "
        "letters. From where on does freezing cost accuracy?",
        {
            "from the first convolution on": "Edges are edges: even stripes teach the first layer something that letters can use.",
            "only from the deeper ones on": "The first layers are general, the last ones belong to the task they were trained for.",
            "it never does": "Then the last convolutions of a stripe reader would do for letters.",
        },
    ),
    "leak": Prediction(
        "All parameters of the features get requires_grad = False, then the head is trained for some epochs. What in the features is different "
        "afterwards?",
        {
            "nothing": "The optimizer cannot touch the weights. It is not the only one who writes into a network.",
            "some of its weights": "Without a gradient the optimizer leaves them alone.",
            "the running means and variances of batch normalization": "They are no parameters but buffers: the forward pass itself moves them "
            "in training mode.",
        },
    ),
    "handwritten": Prediction(
        "A third source: real handwritten digits, light on dark, without noise. For reading the printed letters, is it a similar source?",
        {
            "about as good as printed digits": "To you a digit is a digit. To the network it is a pattern of pixels.",
            "half-way between them and the gratings": "It lies much nearer to the gratings.",
            "hardly better than the gratings": "What counts is not what the classes are called but what the images look like: this source never "
            "showed dark ink on light, gray paper or noise.",
        },
    ),
}


def _net(seed: int = 0, norm: bool = True) -> nn.Module:
    torch.manual_seed(seed)
    return models.small.vgg(5, width=4, channels=1, norm=norm)


def _images(seed: int = 0, count: int = 6) -> torch.Tensor:
    return torch.randn(count, 1, 16, 16, generator=torch.Generator().manual_seed(seed))


def _train_step(net: nn.Module) -> None:
    """One step as `training.run_epoch` takes it, `net.train()` first."""
    net.train()
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)
    nn.functional.cross_entropy(net(_images()), torch.tensor([0, 1, 2, 3, 4, 0])).backward()
    optimizer.step()


def _changed(before: dict, after: dict) -> list[str]:
    return [name for name in before if not torch.equal(before[name], after[name])]


def _check_groups(answer) -> Verdict:
    with torch.random.fork_rng():
        net = _net()
    groups = called(answer, net, 1e-2, 1e-3)
    if not isinstance(groups, list) or not all(
        isinstance(g, dict) and {"params", "lr"} <= set(g) for g in groups
    ):
        return wrong(
            'Expected a list of dictionaries with the keys "params" and "lr", as torch.optim takes them.'
        )
    groups = [{**g, "params": list(g["params"])} for g in groups]
    names = {id(p): name for name, p in net.named_parameters()}
    given = [id(p) for g in groups for p in g["params"]]
    if twice := [names[i] for i in names if given.count(i) > 1]:
        return wrong(f"{twice[0]} is in more than one group: its step would be taken twice.")
    if missing := [name for i, name in names.items() if i not in given]:
        return wrong(
            f"{len(missing)} parameters are in no group and would never be trained, such as {missing[0]}."
        )
    for g in groups:
        for p in g["params"]:
            name, wanted = names[id(p)], 1e-2 if names[id(p)].startswith("classifier") else 1e-3
            if g["lr"] != wanted:
                return wrong(f"{name} learns at {g['lr']:g}; expected {wanted:g}.")
    return correct(
        "The new layer moves fast, what was learned before moves with care, and nothing is left out."
    )


def _check_changed(answer) -> Verdict:
    with torch.random.fork_rng():
        net = _net()
    for p in net.features.parameters():
        p.requires_grad_(False)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    _train_step(net)
    for one, two, case in (
        (before, net.state_dict(), "a network before and after a step"),
        (
            before,
            {name: value.clone() for name, value in before.items()},
            "two copies of one network",
        ),
    ):
        want, got = _changed(one, two), called(answer, one, two)
        if not isinstance(got, list):
            return wrong(f"Expected a list of names, got {type(got).__name__}.")
        if missing := sorted(set(want) - set(got)):
            return wrong(
                f"For {case} {len(missing)} names are missing from your list, such as {missing[0]}."
            )
        if extra := sorted(set(got) - set(want)):
            return wrong(f"For {case} your list holds {extra[0]}, which did not change.")
    return correct(
        "This little function finds what is easy to overlook: running means and variances moved, though all weights were frozen."
    )


def _check_features(answer) -> Verdict:
    with torch.random.fork_rng():
        net = _net()
    for mode in (True, False):
        net.train(mode)
        before = {name: value.clone() for name, value in net.state_dict().items()}
        got = called(answer, net, _images())
        if not isinstance(got, torch.Tensor):
            return wrong(f"Expected a tensor, got {type(got).__name__}.")
        if moved := _changed(before, net.state_dict()):
            return wrong(
                f"{moved[0]} moved while you looked: compute features in evaluation mode."
            )
        if net.training != mode or net.features.block1.training != mode:
            return wrong(
                f"The network came in {'training' if mode else 'evaluation'} mode and left in the other: put it back."
            )
        reference = copy.deepcopy(net).eval()
        with torch.no_grad():
            wanted = reference.features(_images()).mean((2, 3))
        if got.shape != wanted.shape:
            kind = " (those are the logits)" if got.shape[-1:] == (5,) and got.ndim == 2 else ""
            kind = " (those are the maps before the average pooling)" if got.ndim == 4 else kind
            return wrong(
                f"Expected {tuple(wanted.shape)}, a vector per image, got {tuple(got.shape)}{kind}."
            )
        if not torch.allclose(got, wanted, atol=1e-5):
            return wrong(
                "The shape is right, the numbers are not: do they come from evaluation mode, averaged over the pixels?"
            )
        if got.requires_grad:
            return wrong(
                "The features still carry their graph: compute them under torch.no_grad()."
            )
    return correct(
        "What the last layer sees. On such vectors a linear layer trains in no time: that is a linear probe."
    )


def _check_freeze(answer) -> Verdict:
    with torch.random.fork_rng():
        net = _net()
        net.features.block1.conv1.norm.running_mean.fill_(0.3)
        net = called(answer, net)
    if not hasattr(net, "classifier"):
        return wrong(
            f"Expected the whole network back (end in `return net`), got {type(net).__name__}."
        )
    before = {name: value.clone() for name, value in net.state_dict().items()}
    if not any(p.requires_grad for p in net.classifier.parameters()):
        return (
            wrong("The classifier is frozen too, so nothing would learn.")
            if not any(p.requires_grad for p in net.parameters())
            else wrong("The classifier is frozen, the features are not: the other way round.")
        )
    _train_step(net)
    moved = [name for name in _changed(before, net.state_dict()) if name.startswith("features")]
    weights = [name for name in moved if "running" not in name and "num_batches" not in name]
    if weights:
        total = len(list(net.features.parameters()))
        untouched = " Your function has changed nothing yet." if len(weights) == total else ""
        return wrong(
            f"After one step {weights[0]} had moved: a parameter that still gets a gradient.{untouched}"
        )
    statistics = [name for name in moved if "num_batches" not in name]
    if statistics:
        return wrong(
            f"The weights held, but {statistics[0]} moved: after net.train() batch normalization counts its batches again."
        )
    with torch.no_grad():
        net.train()
        alone, among = net.features(_images()[:2]), net.features(_images())[:2]
    if not torch.allclose(alone, among, atol=1e-5):
        return wrong(
            "Nothing moves, but the features of an image still depend on the other images of its batch: batch normalization must stay "
            "in evaluation mode after net.train()."
        )
    if not any(name.startswith("classifier") for name in _changed(before, net.state_dict())):
        return wrong("The features hold, but the classifier did not learn either.")
    return correct(
        "Frozen means frozen: weights, running statistics, and what the features of an image are."
    )


# --- solutions: shown under the exercises, with the names and arguments that their tasks ask for


def my_gain():
    return round(9.9 - 3.5, 1)


def my_count():
    return 512 * 37 + 37


def my_groups(net, lr_new, lr_old):
    return [
        {"params": net.classifier.parameters(), "lr": lr_new},
        {"params": net.features.parameters(), "lr": lr_old},
    ]


def my_changed(before, after):
    return [name for name in before if not torch.equal(before[name], after[name])]


def my_features(net, images):
    was_training = net.training
    net.eval()
    with torch.no_grad():
        found = net.features(images).mean((2, 3))
    net.train(was_training)
    return found


def my_freeze(net):
    for p in net.features.parameters():
        p.requires_grad_(False)
    net.features.eval()
    net.features.train = lambda mode=True: net.features
    return net


exercises = {
    "helped": Exercise(
        title="what pre-training was worth",
        difficulty=1,
        task="In He and colleagues' table above: by how many points of AP did ImageNet weights lift the detector that had 1,000 COCO images?",
        hints=["Take the row with 1,000 images.", "Pretrained minus scratch; round to one digit."],
        solution=my_gain,
        asks_value=True,
        explanation="6.4 points: nearly three times the AP. (A recipe tuned for so few images lifted the random start to 5.4; the gap "
        "stays.) With 35,000 images it was 0.0.",
        check_answer=number_check(
            6.4,
            traps={0.0: "that is for 35,000 images.",
                   0.1: "that is for 10,000 images.",
                   6.7: "that is for 3,500 images.",
                   -6.4: "the pre-trained one is better: subtract the other way round.",
                   9.9: "that is its AP; the question is how much more than from random weights."},
            unit="points of AP",
        ),
    ),
    "head": Exercise(
        title="what is left to train",
        difficulty=1,
        task="""
        ResNet-18's last layer takes 512 numbers. You replace it for the 37 breeds of the Oxford pets and freeze all features.
        How many parameters are trained? (The layer has biases.)
        """,
        hints=["One weight for each pair of input and class.", "And one bias for each class."],
        solution=my_count,
        asks_value=True,
        explanation="18,981 of 11,195,493: 0.17 %. That is why few labels are enough, and why an epoch is fast.",
        check_answer=number_check(
            18_981,
            traps={18_944: "those are the weights; a linear layer also has a bias per class.",
                   513_000: "that is the old layer, for ImageNet's 1,000 classes.",
                   11_195_493: "those are all parameters; the features are frozen.",
                   512: "each of the 37 classes has its own 512 weights."},
            unit="parameters",
        ),
    ),
    "groups": Exercise(
        title="two learning rates",
        difficulty=2,
        task="""
        Write `my_groups(net, lr_new, lr_old)`: parameter groups for an optimizer, a list of dictionaries with "params" and "lr". The
        parameters of `net.classifier` learn at `lr_new`, those of `net.features` at `lr_old`. Without `transfer.layerwise`.
        """,
        hints=['One group is `{"params": net.classifier.parameters(), "lr": lr_new}`.', "There are two groups, and no parameter in both."],
        solution=my_groups,
        explanation="Every optimizer of torch.optim takes such a list. `transfer.layerwise` makes one group for each stage.",
        check_answer=_check_groups,
    ),
    "changed": Exercise(
        title="find the leak",
        difficulty=2,
        task="""
        Write `my_changed(before, after)`: for two state dictionaries with the same names, the list of names whose tensors differ. (It is
        run on a network with "frozen" weights, before and after a training step.)
        """,
        hints=["`torch.equal(a, b)` is true when two tensors are the same to the last bit.", "A list comprehension over the names will do."],
        solution=my_changed,
        explanation="`state_dict` holds parameters AND buffers. Watch only `parameters()`, and you never see the leak.",
        check_answer=_check_changed,
    ),
    "features": Exercise(
        title="what the last layer sees",
        difficulty=3,
        task="""
        Write `my_features(net, images)`: what the last layer of one of our networks gets, `net.features` averaged over all pixels, N × C.
        In evaluation mode and without a graph; the network must be left in the mode in which it came. Without `transfer.extract_features`.
        """,
        hints=["Keep `net.training`, call `net.eval()`, and at the end `net.train(…)`.", "`with torch.no_grad():` leaves the graph out.",
               "`x.mean((2, 3))` averages over height and width."],
        solution=my_features,
        explanation="`transfer.extract_features(net, data)` does this for all images of a data set, in batches.",
        check_answer=_check_features,
    ),
    "freeze": Exercise(
        title="frozen means frozen",
        difficulty=3,
        task="""
        Write `my_freeze(net)`, which freezes `net.features` and returns the network, so that `net.train()` and a training step change nothing in it, neither
        weights nor running statistics, and so that an image's features no longer depend on its batch. The classifier must
        still learn. Without `transfer.freeze`.
        """,
        hints=[
            "Parameters: `p.requires_grad_(False)`.",
            "`features.eval()` is not enough: the training loop calls `net.train()`, which calls `train()` of every module below.",
            "So replace that method: `module.train = lambda mode=True: module`, after `module.eval()`.",
        ],
        solution=my_freeze,
        explanation="`net.train()` asks its children to train, and this child now declines. The library's `freeze` does it for every module of a "
        "stage, in a way that a copy of the network keeps. (Why not momentum = 0? It stops the statistics, but the batch's own mean and "
        "variance are still used.)",
        check_answer=_check_freeze,
    ),
}  # fmt: skip

quiz = [
    Question(
        "You have 60 labeled photographs, much like those of ImageNet. What is the best first try?",
        {
            "Train a network from random weights": "Sixty labels cannot teach a network to see. It will learn them by heart.",
            "Freeze the features, train a new last layer": "Yes: few labels, similar source. Few numbers to learn, and features that fit.",
            "Fine-tune every layer with a large learning rate": "That destroys what the weights know before the labels can guide them.",
        },
        "Freeze the features, train a new last layer",
    ),
    Question(
        "The notes say: pre-training speeds up convergence but does not raise accuracy. When is that right?",
        {
            "Always": "With few labels you measured a large gap at the end of training, and so did He and colleagues.",
            "With enough labels and enough training": "Yes, that is what He and colleagues found on COCO with 10,000 images and more.",
            "Never": "With two thousand labels the gap had nearly closed.",
            "Only for detection": "You saw it with letters as well.",
        },
        "With enough labels and enough training",
    ),
    Question(
        "Setting requires_grad = False on all parameters of `features` leaves which leak?",
        {
            "The optimizer's momentum": "Without a gradient the optimizer skips a parameter, momentum and all.",
            "The weights of the last convolution": "They get no gradient, so they stay.",
            "Batch normalization's running mean and variance": "Yes: they are moved by the forward pass in training mode, not by the optimizer.",
        },
        "Batch normalization's running mean and variance",
    ),
    Question(
        "Why do the learning rates of fine-tuning often fall towards the image?",
        {
            "The first layers have fewer parameters": "They do, but that is not the reason.",
            "The first layers are the most general": "Yes: edges and strokes need little change for another task, the last layers need most.",
            "The gradient is smaller there": "The rate multiplies it anyway; the point is how much should change.",
        },
        "The first layers are the most general",
    ),
    Question(
        "A source with few similar images or one with many of another kind: what did the experiment say matters for freezing DEEP layers?",
        {
            "Only the number of images": "Both of our sources had 2,000 images and were trained alike.",
            "That source and target look alike": "Yes: frozen to the top, the grating weights fell far behind, the printed digits did not.",
            "That the classes have the same names": "Handwritten digits are digits too, and helped hardly more than gratings did.",
        },
        "That source and target look alike",
    ),
    Question(
        "You compare frozen features with fine-tuning, and choose the better one by its accuracy on the test split. What is wrong?",
        {
            "Nothing": "The test split has then taken part in the choice, and the number you report is flattered.",
            "The choice belongs on the validation split": "Yes. The test split is looked at once, for what was chosen.",
            "Both should be averaged": "That would be a third method, and does not cure the choice.",
        },
        "The choice belongs on the validation split",
    ),
]
