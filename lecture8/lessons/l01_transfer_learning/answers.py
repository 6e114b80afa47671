"""01 Transfer learning: the solutions of its builds and exercises, and their checks."""

import copy
from functools import partial

import torch
from torch import nn

from lecture8 import models
from lecture8.teaching import Verdict, called, correct, shape, wrong


def replace_head(net, num_classes):
    old = net.classifier.fc
    net.classifier.fc = nn.Linear(old.in_features, num_classes)
    return net


def freeze(module):
    for parameter in module.parameters():
        parameter.requires_grad = False
    return module


def layerwise(net, lr, factor):
    groups = [{"params": net.classifier.parameters(), "lr": lr}]
    for stage in reversed(net.features):
        lr = lr * factor
        groups.append({"params": stage.parameters(), "lr": lr})
    return groups


def train_mode(net):
    net.train()
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        if not norm.weight.requires_grad:
            norm.eval()
    return net


def small_net(seed: int = 0) -> nn.Module:
    """A small network of the lesson's form for five classes."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return models.small.vgg(5, width=4, channels=1)


def random_images(count: int = 6) -> torch.Tensor:
    """Images that `small_net` takes."""
    return torch.randn(count, 1, 16, 16, generator=torch.Generator().manual_seed(0))


LABELS = torch.tensor([0, 1, 2, 3, 4, 0])


def train_step(net: nn.Module, optimizer=None) -> torch.Tensor:
    """One step of the usual loop in the mode that the network is in; returns the loss."""
    trained = [p for p in net.parameters() if p.requires_grad]
    optimizer = optimizer or torch.optim.SGD(trained, lr=0.1)
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(random_images()), LABELS)
    loss.backward()
    optimizer.step()
    return loss.detach()


def copied(state: dict) -> dict:
    """A state dictionary that later steps do not change."""
    return {name: value.clone() for name, value in state.items()}


def changed(before: dict, after: dict) -> list[str]:
    """The names of the tensors that differ."""
    return [name for name in before if not torch.equal(before[name], after[name])]


def check_replace_head(answer) -> Verdict:
    net = small_net()
    body, old = net.features, copied(net.state_dict())
    got = called(answer, net, 7)
    if not isinstance(got, nn.Module) or getattr(got, "features", None) is not body:
        return wrong(
            f"Expected the same network back (end in `return net`), got {type(got).__name__}."
        )
    logits = got.eval()(random_images())
    if not isinstance(logits, torch.Tensor) or logits.shape != (6, 7):
        return wrong(
            f"For 6 images and 7 classes the logits should be 6 × 7, yours are {shape(logits)}."
        )
    if not logits.isfinite().all():
        return wrong("The logits of the new head are not finite numbers.")
    if moved := changed(
        {k: v for k, v in old.items() if k.startswith("features")}, got.state_dict()
    ):
        return wrong(f"{moved[0]} is not what it was: only the last layer should change.")
    layers = [m for m in got.classifier.modules() if isinstance(m, nn.Linear)]
    if len(layers) != 1 or layers[0].bias is None:
        return wrong(
            "The new head should be one nn.Linear with its biases, in the old one's place."
        )
    if not all(p.requires_grad for p in layers[0].parameters()):
        return wrong("The new head gets no gradient, so it would never learn.")
    return correct("The features are as they were, and the new head has one output per class.")


def check_freeze(answer) -> Verdict:
    net = small_net().train()
    body, old = net.features, copied(net.state_dict())
    got = called(answer, body)
    if got is not body:
        return wrong(
            f"Expected the part itself back (end in `return module`), got {type(got).__name__}."
        )
    open_ones = [name for name, p in body.named_parameters() if p.requires_grad]
    if "requires_grad" in vars(body):
        return wrong(
            "`module.requires_grad = False` sets an attribute that PyTorch never reads: every single parameter must be told."
        )
    if open_ones:
        count = len(list(body.parameters()))
        return wrong(
            f"{len(open_ones)} of {count} parameters would still learn, such as {open_ones[0]}."
        )
    if changed(old, net.state_dict()):
        return wrong("Freezing should leave all values as they are.")
    if not all(p.requires_grad for p in net.classifier.parameters()):
        return wrong("The head is frozen, too, so nothing would learn.")
    return correct("None of these parameters gets a gradient any more; the head still does.")


def check_layerwise(answer) -> Verdict:
    net = small_net()
    groups = called(answer, net, 0.08, 0.5)
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
            f"Parameters in no group, which would never be trained: {len(missing)}, such as {missing[0]}."
        )
    rates = {"classifier": 0.08, "block3": 0.04, "block2": 0.02, "block1": 0.01}
    for g in groups:
        if not isinstance(g["lr"], float):
            return wrong(
                f"A learning rate should be a number, yours is {type(g['lr']).__name__}."
            )
        for p in g["params"]:
            part = next(part for part in rates if part in names[id(p)])
            if abs(g["lr"] - rates[part]) > 1e-9:
                return wrong(
                    f"lr=0.08, factor=0.5: {names[id(p)]} learns at {g['lr']:g}, expected {rates[part]:g}."
                )
    return correct(
        "The head learns fastest, each stage below it half as fast as the one above."
    )


def check_train_mode(answer) -> Verdict:
    net = small_net().eval()
    freeze(net.features.block1)
    old = copied(net.state_dict())
    got = called(answer, net)
    if got is not net:
        return wrong(
            f"Expected the network back (end in `return net`), got {type(got).__name__}."
        )
    if not train_step(net).isfinite():
        return wrong("After your function the loss is not a finite number.")
    moved = changed(old, net.state_dict())
    held = [name for name in moved if "block1" in name and "num_batches" not in name]
    if held:
        return wrong(f"block1 is frozen, but after one step {held[0]} had changed.")
    for name, module in net.named_modules():
        frozen = "block1" in name
        if isinstance(module, nn.BatchNorm2d) and module.training == frozen:
            return wrong(
                f"{name} is frozen and should be in evaluation mode."
                if frozen
                else f"{name} is not frozen and should be in training mode."
            )
    if not net.training or not net.classifier.training:
        return wrong(
            "The rest of the network should be in training mode: start with `net.train()`."
        )
    with torch.no_grad():
        alone, among = (net.features.block1(random_images()[:n])[:2] for n in (2, 6))
    if not torch.allclose(alone, among, atol=1e-5):
        return wrong("The frozen part still treats an image differently in another batch.")
    return correct(
        "Frozen layers keep their weights and their running statistics; the others learn as usual."
    )


def check_changed(answer) -> Verdict:
    net = small_net().train()
    freeze(net.features)
    for act, idle in ((partial(train_step, net), False), (str, True)):
        before = copied(net.state_dict())
        got, want = called(answer, net, act), changed(before, net.state_dict())
        if not isinstance(got, list):
            return wrong(f"Expected a list of names, got {type(got).__name__}.")
        if not idle and not want:
            return wrong(
                "Nothing was done to the network: call `act()` between your two looks."
            )
        if not got and want:
            return wrong(
                "Your list is empty, but tensors changed. Is `before` a copy? `state_dict()` holds the live tensors of the network."
            )
        if missing := sorted(set(want) - set(got)):
            return wrong(
                f"After doing nothing, names missing from your list: {len(missing)}, such as {missing[0]}."
                if idle
                else f"After one step of training, names missing from your list: {len(missing)}, such as {missing[0]}."
            )
        if extra := sorted(set(got) - set(want)):
            return wrong(
                f"After doing nothing your list holds {extra[0]}, which did not change."
                if idle
                else f"After one step of training your list holds {extra[0]}, which did not change."
            )
    return correct("It reports every tensor that changed, parameter or not.")


def check_features(answer) -> Verdict:
    net = small_net()
    for mode in (True, False):
        net.train(mode)
        net.features.block2.eval()  # as in a partly frozen network
        before = copied(net.state_dict())
        got = called(answer, net, random_images())
        if not isinstance(got, torch.Tensor):
            return wrong(f"Expected a tensor, got {type(got).__name__}.")
        if moved := changed(before, net.state_dict()):
            return wrong(
                f"{moved[0]} moved while you looked: compute features in evaluation mode."
            )
        if net.training != mode or net.features.block1.training != mode:
            return wrong(
                "The network came in training mode and left in evaluation mode: put it back."
                if mode
                else "The network came in evaluation mode and left in training mode: put it back."
            )
        if any(module.training for module in net.features.block2.modules()):
            return wrong(
                "block2 came in evaluation mode, the rest in training mode; now block2 trains, too: keep each module's own mode."
            )
        reference = copy.deepcopy(net).eval()
        with torch.no_grad():
            wanted = reference.features(random_images()).mean((2, 3))
        if got.shape != wanted.shape:
            want, has = tuple(wanted.shape), tuple(got.shape)
            if has[-1:] == (5,) and got.ndim == 2:
                return wrong(
                    f"Expected {want}, a vector per image, got {has} (those are the logits)."
                )
            return wrong(
                f"Expected {want}, a vector per image, got {has} (those are the maps before the average pooling)."
                if got.ndim == 4
                else f"Expected {want}, a vector per image, got {has}."
            )
        if not torch.allclose(got, wanted, atol=1e-5):
            return wrong(
                "The shape is right, the numbers are not: do they come from evaluation mode, averaged over the pixels?"
            )
        if got.requires_grad:
            return wrong(
                "The features still carry their graph: compute them under torch.no_grad()."
            )
    return correct("This is what the last layer sees: one vector of features per image.")


def check_mended(answer) -> Verdict:
    net = small_net()
    body = copied(net.features.state_dict())
    got = called(answer, net, 5)
    if (
        not isinstance(got, tuple)
        or len(got) != 2
        or not isinstance(got[1], torch.optim.Optimizer)
    ):
        return wrong("Expected two things back: `return net, optimizer`.")
    net, optimizer = got
    if not isinstance(net, nn.Module) or not hasattr(net, "classifier"):
        return wrong(f"The first should be the network, it is {type(net).__name__}.")
    before = copied(net.state_dict())
    if before["classifier.fc.weight"].equal(small_net().classifier.fc.weight):
        return wrong("The network still has its old head: replace it.")
    if not train_step(net.eval(), optimizer).isfinite():
        return wrong("The loss is not a finite number.")
    if any(p.requires_grad for p in net.features.parameters()):
        return wrong("The features should be frozen, and some still have requires_grad = True.")
    if changed(body, net.features.state_dict()):
        return wrong("The features are not the old ones any more.")
    if "classifier.fc.weight" not in changed(before, net.state_dict()):
        return wrong(
            "After one step the new head is what it was: the optimizer does not know its parameters."
        )
    return correct("The optimizer is made last, so it holds the new head, and only that moves.")


def my_count():
    return 512 * 37 + 37


def my_saving():
    return 19 * 1_000 * 1_800_000_000


def my_changed(net, act):
    before = copy.deepcopy(net.state_dict())
    act()
    after = net.state_dict()
    return [name for name in before if not torch.equal(before[name], after[name])]


def my_features(net, images):
    modes = {module: module.training for module in net.modules()}
    net.eval()
    with torch.no_grad():
        found = net.features(images).mean((2, 3))
    for module, mode in modes.items():
        module.training = mode
    return found


def mended(net, num_classes):
    freeze(net.features)
    replace_head(net, num_classes)
    optimizer = torch.optim.Adam(net.classifier.parameters(), lr=0.01)
    return net, optimizer
