import torch


def two(new, old):
    return lambda net, a, b: [
        {"params": net.classifier.parameters(), "lr": (a, b)[new]},
        {"params": net.features.parameters(), "lr": (a, b)[old]},
    ]


def only_gradients(net):
    for p in net.features.parameters():
        p.requires_grad_(False)
    return net


def only_eval(net):
    only_gradients(net).features.eval()
    return net


def no_momentum(net):
    only_gradients(net)
    for m in net.features.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.momentum = 0.0
    return net


def everything(net):
    for p in net.parameters():
        p.requires_grad_(False)
    return net


def the_head(net):
    for p in net.classifier.parameters():
        p.requires_grad_(False)
    return net


def features(net, images, *, graph=False, back=True, mode=False, of=lambda x, net: x.mean((2, 3))):
    was = net.training
    net.train(was if mode else False)
    with torch.set_grad_enabled(graph):
        found = of(net.features(images), net)
    if back:
        net.train(was)
    return found


# exercise -> [(a typical wrong answer, what the check must say)]
WRONG = {
    "helped": [(0.0, "35,000"), (6.7, "3,500"), (-6.4, "other way round"), (9.9, "question is how much more"), ("6.4", "Expected a number")],
    "head": [(18_944, "bias per class"), (513_000, "1,000 classes"), (11_195_493, "features are frozen"), (1, "too small")],
    "groups": [
        (two(1, 0), "learns at"),
        (lambda net, a, b: [{"params": net.classifier.parameters(), "lr": a}], "in no group"),
        (lambda net, a, b: [*two(0, 1)(net, a, b), {"params": net.features.block1.parameters(), "lr": b}], "more than one group"),
        (lambda net, a, b: list(net.parameters()), 'keys "params" and "lr"'),
        (lambda net: [], "TypeError"),
    ],
    "changed": [
        (lambda before, after: [n for n in before if "running" not in n and not torch.equal(before[n], after[n])], "missing from your list"),
        (lambda before, after: list(before), "which did not change"),
        (lambda before, after: len(before), "Expected a list"),
        (lambda before, after: [n for n in before if before[n] is not after[n]], "which did not change"),
    ],
    "features": [
        (lambda net, images: features(net, images, mode=True), "moved while you looked"),
        (lambda net, images: features(net, images, back=False), "put it back"),
        (lambda net, images: features(net, images, of=lambda x, net: x), "before the average pooling"),
        (lambda net, images: features(net, images, of=lambda x, net: net.classifier(x)), "those are the logits"),
        (lambda net, images: features(net, images, of=lambda x, net: x.amax((2, 3))), "numbers are not"),
        (lambda net, images: features(net, images, graph=True), "carry their graph"),
        (lambda net, images: [1.0], "Expected a tensor"),
    ],
    "freeze": [
        (only_gradients, "batch normalization counts its batches again"),
        (only_eval, "batch normalization counts its batches again"),
        (no_momentum, "depend on the other images"),
        (everything, "nothing would learn"),
        (the_head, "other way round"),
        (lambda net: net.eval(), "changed nothing yet"),
        (lambda net: net.features, "Expected the whole network back"),
        (3, "TypeError"),
    ],
}  # fmt: skip
