# %% [markdown]
# # 02 · AlexNet: eight layers on two graphics cards
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({{colab}})
#
# **In this notebook you will rebuild the network that started it all to the last of its 60,965,224 parameters, and put each
# of its tricks on trial.** Paper: Krizhevsky, Sutskever, Hinton, *ImageNet Classification with Deep Convolutional Neural
# Networks*, NIPS 2012.
#
# Afterwards you can
# * say where AlexNet keeps its parameters and where it spends its work, and why 224 should have been 227;
# * cut a network in two halves, and count the bytes that cross between them;
# * tell which of its tricks (ReLU, local response normalization, augmentation, dropout, weight decay) you can confirm with an experiment, and how fair
#   comparisons are made.
#
# | | time |
# |---|---|
# | `quick` (default): real handwritten digits, three photographs, any laptop, no network | reading and exercises 75 minutes; all cells together about 75 seconds on one core |
# | `paper`: twice as many seeds; the paper's recipe on Imagenette | a GPU for the recipe, which has not yet been run: it was tried on a CPU with 48 photographs of ants and bees, for one epoch. All the rest was run on a CPU |

# %%
import importlib.util
import subprocess
import sys

# on Colab: fetch this course's package, and nothing else
if importlib.util.find_spec("lecture8") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "git+{{repository}}"]
    if subprocess.run(pip).returncode:
        raise RuntimeError("the course was not installed (pip says why above): run this again")

import lecture8

run = lecture8.start()

# %%
from dataclasses import replace

import torch
from torch import nn

from lecture8 import complexity, datasets, models, plots, published, teaching, training
from lecture8.lessons.l02_alexnet import explorers, pictures
from lecture8.lessons.l02_alexnet import questions as ask
from lecture8.lessons.l02_alexnet.curves import epochs_to
from lecture8.lessons.l02_alexnet.photos import square
from lecture8.models.alexnet import LAYERS, PerGPU
from lecture8.models.alexnet_two_gpus import Gather, TwoGPUs, halve

# %% [markdown]
# **Parameters.** Everything you may want to change is here. `run.choose` takes the first value in a quick run and the
# last in a paper run; to change the run, write `lecture8.start("paper")` above.

# %%
SEEDS = run.choose(quick=range(3), paper=range(6))  # every claim is measured once per seed
digits = datasets.digits(size=16)
# 100 digits, ten of each, a little larger than the 16 × 16 that the networks take
few = datasets.digits(size=20).take(100)
EPOCHS_RELU = 3  # section 3
EPOCHS_NORM = 6  # section 4
EPOCHS_FEW = 60  # sections 5 and 6: few images, short epochs
EPOCHS_DECAY = 8  # section 6
digits

# %% [markdown]
# ## 1 · Sixty million numbers
#
# ILSVRC 2012: five networks like this one, voting, put the right answer outside their first five guesses for 16.4 % of the photographs. The best
# entry without such a network: 26.2 %. AlexNet has five convolutions and three **fully connected** layers (완전 연결층, FC), in which every
# output looks at every input. Two ways to measure its size: **parameters**, the numbers that training sets, and
# **multiply-adds**, the unit of work.

# %%
guess_where = teaching.predict(ask.predictions["where"])
guess_where

# %% [markdown]
# The paper's Figure 2 and section 3.5 fit into a table: per layer the number of kernels, kernel size, stride, padding, *groups* (in how many
# separate halves it works: section 2), and whether normalization and pooling follow.

# %%
LAYERS

# %% [markdown]
# Build it. Each stage is convolution, ReLU, then normalization and pooling where the table says True. `PerGPU` applies the
# normalization to each half of the channels as if it were alone; section 4 is about what it does.


# %%
def stage(c_in, c_out, kernel, stride, padding, groups, norm, pool):
    steps = [nn.Conv2d(c_in, c_out, kernel, stride, padding, groups=groups), nn.ReLU()]
    if norm:
        steps.append(PerGPU(nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)))
    if pool:
        steps.append(nn.MaxPool2d(3, stride=2))
    return nn.Sequential(*steps)


my_alexnet = nn.Sequential(
    stage(3, 96, 11, 4, 0, 1, True, True),
    stage(96, 256, 5, 1, 2, 2, True, True),
    stage(256, 384, 3, 1, 1, 1, False, False),
    stage(384, 384, 3, 1, 1, 2, False, False),
    stage(384, 256, 3, 1, 1, 2, False, True),
    nn.Flatten(),
    *(nn.Linear(256 * 6 * 6, 4096), nn.ReLU(), nn.Dropout(0.5)),
    *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5)),
    nn.Linear(4096, 1000),
)

# %%
alexnet = models.alexnet()
teaching.same_network(my_alexnet, alexnet, image_shape=(3, 227, 227))

# %% [markdown]
# Change a number in your network and run both cells again: the check names the first layer that differs. Now count:

# %%
cost = complexity.profile(my_alexnet, (3, 227, 227))
linear = [layer for layer in cost.layers if layer.kind == "Linear"]
fc_params, fc_macs = (sum(getattr(layer, n) for layer in linear) for n in ("params", "macs"))
assert cost.params == 60_965_224 and cost.macs == 724_406_816
print(f"{cost.params:,} parameters, {fc_params / cost.params:.0%} of them fully connected")
print(f"{cost.macs:,} multiply-adds, {1 - fc_macs / cost.macs:.0%} of them in convolutions")

# %%
assert round(100 * fc_params / cost.params) == 96 and round(100 * fc_macs / cost.macs) == 8
guess_where.reveal("parameters in the fully connected layers, work in the convolutions")

# %% [markdown]
# Layer by layer, counted from the library's network (yours has no names):

# %%
named = complexity.profile(alexnet, 227).layers
_ = pictures.shares(
    {layer.name.split(".")[1]: (layer.params, layer.macs) for layer in named if layer.params}
)

# %% [markdown]
# ### In which order?
#
# The notes list the first layers as CONV, POOL, NORM. In what order does the network work, and does it matter?

# %%
kinds = {nn.Conv2d: "CONV", PerGPU: "NORM", nn.MaxPool2d: "POOL"}
working = [module for stage in my_alexnet[:5] for module in stage]
order = [kinds[type(module)] for module in working if type(module) in kinds]
before_pooling = 96 * 55**2 + 256 * 27**2  # values that the two normalizations work on
after_pooling = 96 * 27**2 + 256 * 13**2
print(" ".join(order))
print(f"values to normalize: {before_pooling:,}; after pooling it would be {after_pooling:,}")
assert order[:6] == ["CONV", "NORM", "POOL"] * 2 and before_pooling > 4 * after_pooling

# %%
teaching.three_ways(
    3,
    measured=f"{' '.join(order[:6])}; the notes' order has {before_pooling / after_pooling:.1f} "
    "times fewer values to normalize, and it is that of CaffeNet, a later remake",
    verb="counted",
)

# %% [markdown]
# ### 224 or 227?
#
# The paper says that its images are 224 × 224. A window of 11 pixels that moves 4 at a time finds (224 - 11) / 4 + 1 = 54.25 places. Nobody
# can have a quarter of a place. Look at the right end of
# the image. The lines are the last windows, the blue one is the very last; the hatched pixel is seen by none:

# %%
_ = pictures.right_edge(224, kernel=11, stride=4, padding=0, places=54)

# %%
explorers.edge()

# %% [markdown]
# Move the controls. **Which settings give fc6 the 9,216 inputs of the paper?** Answer with arithmetic, for all thirty settings at once (only
# conv1's rounding changes, the poolings always round down):


# %%
def fc6_inputs(side, padding, ceil):
    size = complexity.conv_size(side, 11, 4, padding, ceil=ceil)
    for _ in range(3):
        size = complexity.conv_size(size, 3, 2)
    return 256 * size**2


sides = {
    (padding, "up" if ceil else "down"): [
        s for s in range(224, 229) if fc6_inputs(s, padding, ceil) == 9216
    ]
    for padding in (0, 1, 2)
    for ceil in (False, True)
}
for (padding, rounding), fitting in sides.items():
    print(
        f"padding {padding}, rounded {rounding}: sides {', '.join(map(str, fitting)) or 'none'}"
    )

# %%
assert 224 not in sides[0, "down"] and 227 in sides[0, "down"]
assert 224 in sides[0, "up"] and 224 in sides[2, "down"]
teaching.correct(
    "224 alone does not do. The authors' own code rounds up (the last window hangs over), Caffe "
    "takes images of 227, torchvision pads by 2: three ways to 55, and all of them are called "
    "AlexNet."
)

# %% [markdown]
# ## 2 · One network, two graphics cards
#
# A GTX 580 had 3 GB of memory: too little. So half of the kernels of every layer went to a second card.
# conv1 sees the image on both. conv2 sees *only the kernels of its own card*: that is what “groups 2” in the table means.
# Is a grouped convolution really two half networks? `halve` puts the weights of one AlexNet into two towers; they should compute the
# same.

# %%
torch.manual_seed(0)
images = torch.randn(2, 3, 227, 227)
# larger weights than the paper's N(0, 0.01²), so that the logits differ from image to image
for module in alexnet.modules():
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight)
towers = halve(alexnet).eval()
with torch.no_grad():
    one, two = alexnet.eval()(images), towers(images)
difference = ((one - two).abs().max() / one.std()).item()
assert difference < 1e-4
print("the two towers give the logits of the one network, to rounding:", difference < 1e-4)

# %% [markdown]
# (On a machine with two GPUs, the next cell really puts one half on each. The answer must stay the same.)

# %%
if torch.cuda.device_count() >= 2:
    with torch.no_grad():
        apart = halve(alexnet, devices=("cuda:0", "cuda:1")).eval()(images.cuda()).cpu()
    assert torch.allclose(apart, one, rtol=1e-2, atol=1e-2 * one.std().item())

# %% [markdown]
# How much must the cards tell each other? Guess, then listen in: a *hook* is a function that PyTorch calls whenever a layer
# works. Ours notes which stages see both halves, and how many bytes they receive from the other card.

# %%
guess_crossing = teaching.predict(ask.predictions["crossing"])
guess_crossing

# %%
rows = []


def listen(name):
    def note(stage, inputs, output):
        # a pair of tensors goes in, one of each card; what the other card needs must cross
        sees = stage.sees if isinstance(stage, TwoGPUs) else "both"
        halves = inputs[0] if sees == "both" else ()
        if isinstance(stage, Gather):  # the first card has the last word
            halves = halves[1:]
        crossing = sum(half[0].nbytes for half in halves)
        mine = output[0] if isinstance(output, tuple) else output
        rows.append((name, sees, tuple(mine.shape[1:]), crossing))

    return note


stages = [*towers.features.named_children(), *towers.classifier.named_children()]
hooks = [stage.register_forward_hook(listen(name)) for name, stage in stages]
with torch.no_grad():
    towers(images[:1])
for hook in hooks:
    hook.remove()

# %%
_ = pictures.towers(
    rows, title="AlexNet on two GPUs: what crosses for one image (the paper's Figure 2)"
)

# %%
crossing = {name: number for name, _, _, number in rows if number}
for name, number in crossing.items():
    print(f"before {name}: {number:>7,} bytes")
total = sum(crossing.values())
print(f"together:    {total:>8,} bytes; the image has {images[0].nbytes:,}")
assert crossing == {"conv3": 173_056, "fc6": 36_864, "fc7": 16_384, "fc8": 8_192}
assert total < images[0].nbytes / 2

# %%
guess_crossing.reveal("less than half of the image")

# %% [markdown]
# In training the gradients travel the same way back, as many bytes again. What would it cost if *every* layer saw both halves? Groups save more than
# traffic:


# %%
def counted(groups):
    """AlexNet's cost with these groups in conv2, conv4 and conv5: (parameters, multiply-adds)."""
    with torch.device("meta"):  # a network without numbers in it: enough to count
        net = models.alexnet()
        for name in ("conv2", "conv4", "conv5"):
            c_out, kernel, stride, padding, *_ = LAYERS[name]
            c_in = LAYERS[f"conv{int(name[-1]) - 1}"][0]
            layer = nn.Conv2d(c_in, c_out, kernel, stride, padding, groups=groups)
            net.features.get_submodule(name).conv = layer
    profile = complexity.profile(net, 227)
    return profile.params, profile.macs


assert counted(2) == (60_965_224, 724_406_816) and counted(1) == (62_378_344, 1_135_256_096)
saved = [1 - mine / whole for mine, whole in zip(counted(2), counted(1))]
print(
    f"two groups save {saved[0]:.0%} of the parameters and {saved[1]:.0%} of the multiply-adds"
)

# %%
sees = {name: seen for name, seen, _, _ in rows}
own = [name for name, seen in sees.items() if seen == "own"]
assert own == ["conv2", "conv4", "conv5"]
teaching.three_ways(
    4,
    measured="identical towers: yes, and equal to one network with groups. "
    f"{', '.join(own)} see their own half only; {total:,} bytes cross per image, less than half "
    "of the image itself",
    verb="counted",
)

# %% [markdown]
# Something happened to the two halves in training that nobody had asked for: in the authors' network the kernels of one card learned edges without color, those of the
# other learned colors, whatever the first weights (section 6.1). It takes ImageNet to see that. Against one card with half the kernels, the two made 1.7 points fewer top-1
# errors (section 3.2).

# %% [markdown]
# ## 3 · ReLU or tanh?
#
# Between two layers stands an **activation** (활성화 함수). Before 2012 that was usually tanh, which squeezes everything into -1 … 1: far from 0 its slope is nearly
# 0 (it *saturates*), and no slope means no gradient. **ReLU**, max(0, x), has slope 1 for every positive x. The paper's Figure 1: a network of
# four layers reaches 25 % training error on CIFAR-10 six times as fast with ReLU. First the slopes:

# %%
x = torch.tensor([0.5, 5.0, 50.0], requires_grad=True)
for activation in (torch.tanh, torch.relu):
    (slope,) = torch.autograd.grad(activation(x).sum(), x)
    print(
        f"{activation.__name__}: slope {', '.join(f'{v:.4f}' for v in slope)} at 0.5, 5 and 50"
    )

# %%
guess_relu = teaching.predict(ask.predictions["relu"])
guess_relu

# %% [markdown]
# Four layers of our own, for digits. To be fair, each activation gets the first weights made for it (He for ReLU, Glorot for tanh, see [06 ResNet](06_resnet.ipynb)).


# %%
def convolutions(activation):
    """Three convolutions with pooling: 1 × 16 × 16 -> 128 values."""
    steps, c_in = [], 1
    for c_out, kernel in ((16, 5), (32, 5), (32, 3)):
        conv = nn.Conv2d(c_in, c_out, kernel, padding="same")
        steps += [conv, activation(), nn.MaxPool2d(2)]
        c_in = c_out
    return [*steps, nn.Flatten()]


def four_layers(activation):
    net = nn.Sequential(*convolutions(activation), nn.Linear(128, 10))
    for layer in net:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.zeros_(layer.bias)
            if activation is nn.ReLU:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            else:
                nn.init.xavier_normal_(layer.weight)
    return net


# %% [markdown]
# And each gets the learning rate at which *it* is fastest, as in the paper. To find it takes many runs, so these are **loaded, not trained
# here**:

# %%
print(
    *(f"{key}: {value}" for key, value in published.provenance("alexnet_activations").items()),
    sep="\n",
)

# %%
grid = published.read("alexnet_activations")


def reached(rows):
    """After how many epochs the training error is down to 25 %; 6 where it never is."""
    return epochs_to(1 - rows["train_accuracy"], 0.25) or 6.0


needed = grid.groupby(["activation", "lr", "seed"])[["train_accuracy"]].apply(reached)
table = needed.groupby(["lr", "activation"]).mean().unstack()
table.rename_axis(columns=None).round(2)

# %% [markdown]
# Epochs until the training error is down to 25 %, mean of three seeds (6.00: never). Read it twice. At *equal* rates up to 0.01 tanh looks slower, by a quarter and
# more. But look for the smallest number of each column:

# %%
best = table.idxmin()
by_rate = {name: needed.loc[name].groupby("lr").mean() for name in ("ReLU", "tanh")}
assert all(
    by_rate["tanh"][rate] > 1.15 * by_rate["ReLU"][rate] for rate in (0.001, 0.003, 0.01)
)
assert best["ReLU"] < best["tanh"]
print("fastest learning rate:", *(f"{name} {best[name]:g}" for name in ("ReLU", "tanh")))

# %% [markdown]
# The rates were chosen with seeds 0, 1, 2. Now train at these rates with *fresh* seeds: whoever chooses and measures with the same runs measures luck, too.


# %%
def race(name, seed):
    """One network of four layers, at its activation's best rate: its training error by epoch."""
    torch.manual_seed(seed)
    net = four_layers({"ReLU": nn.ReLU, "tanh": nn.Tanh}[name])
    optimizer = torch.optim.SGD(net.parameters(), lr=float(best[name]), momentum=0.9)
    history = training.fit(net, digits, optimizer, EPOCHS_RELU, batch_size=32, seed=seed)
    return [1 - accuracy for accuracy in history["train_accuracy"]]


errors = {name: [race(name, seed + 10) for seed in SEEDS] for name in ("ReLU", "tanh")}

# %% tags=["measured"]
title = "Each at its own best learning rate, fresh seeds"
_ = pictures.training_error(errors, target=0.25, title=title)

# %%
times = {
    name: sum(epochs_to(run, 0.25) for run in runs) / len(SEEDS)
    for name, runs in errors.items()
}
print(*(f"{name}: ≈ {epochs:.2f} epochs" for name, epochs in times.items()), sep="\n")
ratio = times["tanh"] / times["ReLU"]
print(f"tanh needs ≈ {ratio:.2f} times as many epochs as ReLU")
assert ratio < 1.1
guess_relu.reveal("no more than ReLU")

# %%
teaching.three_ways(
    5,
    measured="for our four layers on digits the factor 6 does not show: at equal small rates "
    "tanh needs 1.2 to 2 times as many epochs, with each at its own best rate no more than ReLU",
)

# %% [markdown]
# An experiment that does not find the famous result is a result, too: it says where the result does *not* hold. Here: few layers, easy images brought to
# spread 1, first weights that suit each activation. (With the weights of 2012, N(0, 0.01²), and pixels up to 255 we found no gain either, in one seed.) What stays
# is the slope of your first cell: however large its input, ReLU passes the gradient on, and tanh does not.
#
# How much the comparison depends on the learning rate you can see for yourself:

# %%
explorers.learning_rates()

# %% [markdown]
# **Leave ReLU at its best rate. At which rates of tanh does ReLU look better, at which worse?** Answer from the table:

# %%
relu = by_rate["ReLU"].min()
looks_better = [rate for rate, epochs in by_rate["tanh"].items() if epochs > 1.1 * relu]
looks_worse = [rate for rate, epochs in by_rate["tanh"].items() if epochs < 0.9 * relu]
assert (looks_better, looks_worse) == ([0.001, 0.003, 0.01], [0.1])
teaching.correct(
    "ReLU looks better against tanh at 0.001, 0.003 and 0.01, worse against 0.1, and at 0.03 it "
    "is a draw. Who compares at one rate for both compares learning rates."
)

# %% [markdown]
# ## 4 · Local response normalization
#
# After conv1 and conv2 AlexNet divides every activation $a$ by something that grows with its neighbors in the channel direction: a strong response
# is to dampen the ones beside it, as between nerve cells.
#
# $$b_i = a_i \Big/ \Big(2 + 10^{-4} \sum_{j=i-2}^{i+2} a_j^2\Big)^{0.75}$$
#
# In PyTorch, by hand and as a layer:


# %%
def by_hand(a, n=5, alpha=1e-4, beta=0.75, k=2):
    # zeros stand beyond the first and the last channel
    padded = nn.functional.pad(a**2, (0, 0, 0, 0, n // 2, n // 2))
    return a / (k + alpha * padded.unfold(1, n, 1).sum(-1)) ** beta


a = 100 * torch.randn(2, 96, 8, 8, generator=torch.Generator().manual_seed(0))
literal = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2)
meant = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)
assert not torch.allclose(literal(a), by_hand(a), rtol=0.01)
assert torch.allclose(meant(a), by_hand(a), rtol=1e-4)
print("PyTorch divides the sum by 5, so its alpha must be 5 times the paper's")

# %% [markdown]
# Does it help? Train our small AlexNet without it, with it, and with **batch normalization** (배치 정규화, 2015) in the same two places, which
# brings each channel of a batch to mean 0 and spread 1.

# %%
guess_lrn = teaching.predict(ask.predictions["lrn"])
guess_lrn


# %%
def normalized(kind, seed):
    """A small AlexNet, trained with this normalization after conv1 and conv2."""
    torch.manual_seed(seed)
    net = models.small.alexnet(
        width=8, channels=1, input_size=16, norm=kind != "none", dropout=0
    )
    if kind == "batch":
        for stage in (net.features.conv1, net.features.conv2):
            stage.norm = nn.BatchNorm2d(stage.conv.out_channels)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
    return net, training.fit(net, digits, optimizer, EPOCHS_NORM, batch_size=64, seed=seed)


by_norm = {
    kind: [normalized(kind, seed) for seed in SEEDS] for kind in ("none", "local response")
}

# %%
by_norm["batch"] = [normalized("batch", seed) for seed in SEEDS]

# %% tags=["measured"]
accuracy = {
    kind: [100 * training.evaluate(net, digits).accuracy for net, _ in runs]
    for kind, runs in by_norm.items()
}
label = "accuracy on new digits, % (dots: seeds)"
_ = plots.bars(accuracy, xlabel=label, colors={"batch": plots.GREEN})

# %%
mean = {kind: sum(values) / len(SEEDS) for kind, values in accuracy.items()}
gain = {kind: mean[kind] - mean["none"] for kind in ("local response", "batch")}
print(
    *(f"{kind} normalization gains ≈ {points:.1f} points" for kind, points in gain.items()),
    sep="\n",
)
assert gain["local response"] < 2
second = {kind: [h["train_loss"][1] for _, h in runs] for kind, runs in by_norm.items()}
assert all(a < b for a, b in zip(second["none"], second["local response"]))  # slower
assert gain["batch"] > 2 and min(accuracy["batch"]) > max(accuracy["none"])
guess_lrn.reveal("no better, rather a little worse")

# %% [markdown]
# Why does so elaborate a layer do so little? Look at what it multiplies with, $b / a$, in the network that you have just trained:

# %%
net = by_norm["local response"][0][0].eval()
pairs = {}
hooks = [
    net.features.get_submodule(name).norm.register_forward_hook(
        lambda _, a, b, name=name: pairs.update({name: (a[0], b)})
    )
    for name in ("conv1", "conv2")
]
with torch.no_grad():
    net(digits.test.images)
for hook in hooks:
    hook.remove()
factors = {name: (b / a)[a > 0.001] for name, (a, b) in pairs.items()}
for name, factor in factors.items():
    print(f"{name}: all factors between ≈ {factor.min():.3f} and ≈ {factor.max():.3f}")

# %% tags=["measured"]
sizes = [a[a > 0.001].quantile(torch.tensor([0.05, 0.95])).tolist() for a, _ in pairs.values()]
low, high = min(s[0] for s in sizes), max(s[1] for s in sizes)
pixels = 255 * digits.train.std[0]  # so much larger everything is if pixels go from 0 to 255
_ = pictures.lrn_factor(
    {"our activations": (low, high), "if pixels went to 255": (low * pixels, high * pixels)}
)

# %%
constant = 2**-0.75
assert all((factor - constant).abs().max() < 0.01 * constant for factor in factors.values())
teaching.correct(
    "Every factor is within 1 % of 2^-0.75 = 0.595: on images brought to spread 1, as "
    "everybody does today, the layer multiplies with a constant, and a constant is "
    "something that the next layer's weights can do."
)

# %% [markdown]
# In 2012 pixels went from 0 to 255, less their mean. With activations eighty times as large (the black bar) the factor does vary, from 0.59 down to 0.2: there the layer had
# something to do. Here it only makes the signal smaller, and learning a little slower: in
# the second epoch the training loss with it is higher in every seed (checked above).

# %%
teaching.three_ways(
    6,
    measured="local response normalization gains nothing here (less than 2 points); *batch* "
    "normalization in the same two places more than 2 points, its worst seed above the best "
    "without",
)

# %% [markdown]
# So the notes are right about this layer, but do not read them as “normalization is out of use”. It came back, in another form, and stayed.
#
# **Overlapping pooling** (겹치는 풀링), windows of 3 pixels every 2 instead of 2 every 2, is the other small trick of these layers. What does it change?

# %%
for side in (55, 27, 13):
    apart, overlapping = (complexity.conv_size(side, kernel, 2) for kernel in (2, 3))
    assert apart == overlapping
    print(f"a map of {side} × {side} becomes {apart} × {apart} either way")

# %% [markdown]
# Same shapes, no parameters: only that neighboring windows share a row of pixels. The paper puts its gain at 0.4 points (top-1, section 3.4). With 300 test images one
# image is a third of a point, and our seeds differ by several: whatever we measured here would tell us nothing. Remember this when you read tables: the
# smaller the effect, the more images and seeds it takes.

# %% [markdown]
# ## 5 · More pictures from the same picture
#
# Sixty million parameters, 1.2 million photographs: AlexNet would learn them by heart. **Data augmentation** (데이터 증강) shows it a different version every time:
# a crop of 224 × 224 from the 256 × 256 photo, mirrored or not, with its colors shifted.

# %%
photo = square(datasets.sample_photos()["china"], 256)
generator = torch.Generator().manual_seed(0)
places = torch.randint(0, 33, (8, 2), generator=generator).tolist()
crops = torch.stack([photo[:, top : top + 224, left : left + 224] for top, left in places])
flipped = datasets.random_flip()(crops, generator)
boxes = [(top, left, 224) for top, left in places[:3]]
_ = pictures.views(photo, boxes, flipped)

# %% [markdown]
# And the colors? Plot every pixel as a point with its red, green and blue: a cloud (the paper takes all pixels of
# ImageNet's training images, we take those of one photo). **Principal components** (주성분, PCA) are its axes. The
# paper adds to each image a random amount of each axis, in proportion to how far the cloud reaches along it.

# %%
variances, directions = torch.linalg.eigh(torch.cov(photo.flatten(1)))
# an axis has two ends: take the one with more red
directions = directions * directions[0].sign()
steps = directions * variances.sqrt()  # columns: one standard deviation along each axis
share = (variances / variances.sum()).tolist()[::-1]
print("spread along the three axes:", *(f"{part:.1%}" for part in share))
first = directions[:, 2]
assert share[0] > 0.8 and (first > 0).all()

# %% [markdown]
# The first axis has red, green and blue of one sign: it is brightness, and it is nearly everything. One standard deviation down and up each axis, the largest
# first (the paper draws a tenth of this):

# %%
shifted = [photo + sign * steps[:, axis, None, None] for sign in (-1, 1) for axis in (2, 1, 0)]
_ = pictures.views(photo, [], shifted, columns=3)

# %%
split = datasets.Split((photo[None] * 255).round().to(torch.uint8), torch.tensor([0]))
noise = datasets.color_noise(split, spread=1.0)  # the library's, ten times as strong
many = torch.zeros(5000, 3, 1, 1)
drawn = noise(many, torch.Generator().manual_seed(0)).flatten(1)
spread = torch.cov(drawn.T)
assert torch.allclose(spread, torch.cov(photo.flatten(1)), rtol=0.1, atol=1e-3)
print("5,000 drawn color shifts spread as the photo's own colors do")

# %% [markdown]
# Turn each of the three on and off:

# %% tags=["measured"]
explorers.augment()

# %% [markdown]
# **With the color noise off: how many different pictures does one photo give, with crops, with mirroring, with both?** Make them all and
# count:

# %%
pixels = (photo * 255).round().to(torch.uint8)
corners = [(top, left) for top in range(33) for left in range(33)]
all_crops = [pixels[:, top : top + 224, left : left + 224] for top, left in corners]
different = {hash(crop.numpy().tobytes()) for crop in all_crops}
mirrored = {hash(crop.flip(-1).numpy().tobytes()) for crop in all_crops}
assert (len(different), len(different | mirrored)) == (33**2, 2 * 33**2)
print(f"crops {len(different):,}, crops and mirror images {len(different | mirrored):,}")

# %% [markdown]
# The paper says “a factor of 2048”, 32 · 32 · 2. But from 0 to 32 there are 33 shifts. (A fence of 32 panels has 33 posts.)
#
# ### Does it help?
#
# On 100 digits, of 20 × 20 pixels, of which the network takes 16 × 16. Three ways to train: on the middle, on random crops, on the middle and its
# mirror image. And two tests: on the middle of each new image, and *off center*, on a crop somewhere in it.

# %%
guess_flip = teaching.predict(ask.predictions["flip"])
guess_flip


# %%
def middle(images):
    return images[..., 2:18, 2:18]


def random_crops(images, generator):
    corners = torch.randint(0, 5, (len(images), 2), generator=generator).tolist()
    cut = [image[:, t : t + 16, x : x + 16] for image, (t, x) in zip(images, corners)]
    return torch.stack(cut)


centered = few.map(middle)  # train, valid and test images
off_center = few.map(lambda pixels: random_crops(pixels, torch.Generator().manual_seed(0)))
ways = {
    "middle": centered,
    "crops": replace(few, augment=random_crops),
    "mirrored": replace(centered, augment=datasets.random_flip()),
}


# %%
def six_layers(dropout):
    """The same convolutions, then three linear layers, as many as AlexNet has."""
    hidden = [nn.Linear(128, 256), nn.ReLU(), nn.Dropout(dropout)]
    hidden += [nn.Linear(256, 256), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*convolutions(nn.ReLU), *hidden, nn.Linear(256, 10))


def overfit(data, seed, dropout=0.0):
    """Six layers, trained until they know 100 digits by heart: (network, history)."""
    torch.manual_seed(seed)
    net = six_layers(dropout)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
    return net, training.fit(net, data, optimizer, EPOCHS_FEW, batch_size=50, seed=seed)


# %%
by_way = {way: [overfit(ways[way], seed) for seed in SEEDS] for way in ("middle", "mirrored")}

# %%
by_way["crops"] = [overfit(ways["crops"], seed) for seed in SEEDS]

# %% tags=["measured"]
tests = {"in the middle": centered, "off center": off_center}
scored = {
    (way, where): [100 * training.evaluate(net, data).accuracy for net, _ in by_way[way]]
    for where, data in tests.items()
    for way in ways
}
bars = {f"trained on {way}, tested {where}": values for (way, where), values in scored.items()}
kinds = {"middle": plots.GRAY, "crops": plots.BLUE, "mirrored": plots.ORANGE}
colors = {name: kinds[way] for name, (way, _) in zip(bars, scored)}
_ = plots.bars(bars, xlabel="accuracy on new digits, % (dots: seeds)", colors=colors)


# %%
def gained(way, where):
    """Points of accuracy won against training on the middle alone, by seed."""
    return [new - old for old, new in zip(scored["middle", where], scored[way, where])]


for way, where in (
    ("crops", "in the middle"),
    ("crops", "off center"),
    ("mirrored", "in the middle"),
):
    points = (f"≈ {p:.0f}" for p in gained(way, where))
    print(f"training on {way}, tested {where}: gains", *points, "points")
assert all(points > 5 for points in gained("crops", "off center"))
assert sum(gained("mirrored", "in the middle")) / len(SEEDS) < -1
guess_flip.reveal("crops help where digits are off center, mirroring hurts")

# %% [markdown]
# ### Ten crops to test with
#
# AlexNet also *answers* with crops: four corners, the middle, and the mirror images of these five; the ten answers are averaged. That is what “10 crops” means beside a
# number in a table.

# %%
ten = training.ten_crop(photo[None], 224)[:, 0]
corners = [(0, 0), (0, 32), (32, 0), (32, 32), (16, 16)]
_ = pictures.views(photo, [(top, left, 224) for top, left in corners], ten, columns=5)

# %% [markdown]
# `training.TenCrop` wraps a network so. For our digits with the mirror images, and without:


# %%
class FiveCrop(nn.Module):
    """The mean of a network's answers to the four corners and the middle."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        crops = training.ten_crop(images, 16)[:5]
        return torch.stack([self.net(crop).softmax(-1) for crop in crops]).mean(0).log()


nets = [net for net, _ in by_way["crops"]]
ways_to_test = {
    "the middle": nets,
    "five crops": [FiveCrop(net) for net in nets],
    "ten crops": [training.TenCrop(net, 16) for net in nets],
}
scores = {
    way: [
        100 * training.evaluate(net, centered if way == "the middle" else few).accuracy
        for net in them
    ]
    for way, them in ways_to_test.items()
}

# %%
for way, values in scores.items():
    print(f"{way:10}:", *(f"≈ {value:.1f} %" for value in values))
means = {way: sum(values) / len(SEEDS) for way, values in scores.items()}
assert abs(means["five crops"] - means["the middle"]) < 3
assert all(ten < five - 3 for five, ten in zip(scores["five crops"], scores["ten crops"]))

# %% [markdown]
# Five crops are about as good as one here. The mirror images spoil it, since this network never saw any in training (and should not: a
# mirrored 2 is no 2). What you do to test images must fit what you did in training, and both must fit what the label means.

# %% [markdown]
# ## 6 · Dropout, weight decay, and the recipe
#
# **Dropout** (드롭아웃) sets each unit of fc6 and fc7 to 0 with probability 0.5, anew for every image and step; in the test all units
# work. The paper: without it “substantial overfitting”, with it about twice as many steps. **Overfitting** (과적합) is a gap between training images and
# new ones.

# %%
guess_dropout = teaching.predict(ask.predictions["dropout"])
guess_dropout

# %%
by_dropout = {
    0.0: by_way["middle"],  # the networks of section 5
    0.5: [overfit(centered, seed, dropout=0.5) for seed in SEEDS],
}
loss = {
    (p, split): [training.evaluate(net, centered, split).loss for net, _ in by_dropout[p]]
    for p in by_dropout
    for split in ("train", "test")
}

# %% tags=["measured"]
named = {f"dropout {p}, {split}": values for (p, split), values in loss.items()}
colors = {name: plots.GRAY for name in named if name.endswith("train")}
label = "loss in evaluation mode (dots: seeds)"
_ = plots.bars(named, xlabel=label, form="{:.2f}", colors=colors)

# %%
gap = {
    p: [new - old for new, old in zip(loss[p, "test"], loss[p, "train"])] for p in by_dropout
}
assert all(dropped < whole for whole, dropped in zip(gap[0.0], gap[0.5]))
assert sum(gap[0.5]) < 0.85 * sum(gap[0.0])
assert sum(loss[0.5, "test"]) < sum(loss[0.0, "test"])


def epochs_to_80(history):
    """After how many epochs the network is right for 80 % of the validation images."""
    return epochs_to([1 - a for a in history["valid_accuracy"]], 0.2) or EPOCHS_FEW


slower = [
    epochs_to_80(dropped) / epochs_to_80(whole)
    for (_, whole), (_, dropped) in zip(by_dropout[0.0], by_dropout[0.5])
]
print("with dropout 80 % takes so many times as many epochs:", *(f"≈ {r:.1f}" for r in slower))
assert sum(slower) > 1.05 * len(slower)
guess_dropout.reveal("lower loss, more epochs")

# %% [markdown]
# Both halves of the paper's sentence hold, with PyTorch's usual first weights. (With He's larger ones dropout takes two to four times as long and gains no more than the seeds
# differ by: we tried.) Now a trap. What does the training curve say about the last epoch, and what does `evaluate`?

# %%
while_learning = [history.last["train_loss"] for _, history in by_dropout[0.5]]
print("training loss, while learning:", *(f"≈ {v:.3f}" for v in while_learning))
print("training loss, evaluation:    ", *(f"≈ {v:.3f}" for v in loss[0.5, "train"]))
assert all(a > 1.5 * b for a, b in zip(while_learning, loss[0.5, "train"]))
teaching.correct(
    "While learning the network looks worse than it is, in every seed: half of its units are "
    "missing then. Compare training with test in evaluation mode only, as the bars above do."
)

# %% [markdown]
# **Weight decay** (가중치 감쇠, L2) pulls every weight a little towards 0 at every step: the paper's 5e-4 times the learning rate. That is a
# *regularizer*: it should make fitting harder and the new images better. The authors found more: it “reduces the model's training error”. Do we?


# %%
def decayed(decay, seed):
    """Training and test loss of four layers; for the last two epochs the rate drops to a tenth."""
    torch.manual_seed(seed)
    net, data = four_layers(nn.ReLU), digits.take(640)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=decay)
    drop = torch.optim.lr_scheduler.MultiStepLR(optimizer, [EPOCHS_DECAY - 2])
    training.fit(net, data, optimizer, EPOCHS_DECAY, batch_size=32, scheduler=drop, seed=seed)
    return [training.evaluate(net, data, split).loss for split in ("train", "test")]


by_decay = {decay: [decayed(decay, seed) for seed in SEEDS] for decay in (0.0, 5e-4, 1e-2)}

# %%
trained = {decay: [train for train, _ in values] for decay, values in by_decay.items()}
for decay in (5e-4, 1e-2):
    for what, i in (("training loss", 0), ("loss on new images", 1)):
        ratios = [a[i] / b[i] for a, b in zip(by_decay[decay], by_decay[0.0])]
        print(f"decay {decay:g}: {what}, compared with none:", *(f"≈ {r:.2f}" for r in ratios))

assert 0.8 < sum(trained[5e-4]) / sum(trained[0.0]) < 1.25
assert all(a / b > 1.4 for a, b in zip(trained[1e-2], trained[0.0]))

# %%
teaching.three_ways(
    7,
    measured="5e-4 changes our training loss by less than a quarter, now up, now down; twenty "
    "times as much raises it in every seed. Decay makes fitting harder here, as a regularizer "
    "does (on new images it wins nothing clear); what the authors saw does not show at this size",
)

# %% [markdown]
# ### The recipe
#
# Batch 128, momentum 0.9, weight decay 5e-4, learning rate 0.01, divided by 10 whenever the validation error stops falling (three times in about 90
# epochs). In PyTorch that is two lines. Watch the rate as the validation loss stops falling:

# %%
net = four_layers(nn.ReLU)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=1)
seen = []
for valid_loss in (2.0, 1.5, 1.2, 1.2, 1.2, 0.9, 0.8, 0.8, 0.8):
    optimizer.step()
    plateau.step(valid_loss)
    seen.append(f"{optimizer.param_groups[0]['lr']:g}")
print(*seen)
assert seen == ["0.01"] * 4 + ["0.001"] * 4 + ["0.0001"]

# %% [markdown]
# And the paper's recipe on photographs: Imagenette, ten classes of ImageNet, with random crops, mirror images and color noise. Only in a
# `paper` run, on a GPU.

# %%
if run.mode == "paper":
    imagenette = datasets.imagenette(size=227)
    noise = datasets.color_noise(imagenette.train)
    changes = (datasets.random_crop(14), datasets.random_flip(), noise)
    imagenette = replace(imagenette, augment=datasets.compose(*changes))
    net = models.alexnet(imagenette.num_classes)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=5)
    options = {"scheduler": plateau, "checkpoint": run.keep("02", "imagenette")}
    training.fit(net, imagenette, optimizer, 90, batch_size=128, **options)
    print(
        f"top-1 accuracy on new photographs: ≈ {100 * training.evaluate(net, imagenette).accuracy:.1f} %"
    )

# %% [markdown]
# ## 7 · Exercises
#
# Put your answer in place of `...`, run the cell, read what the check found. Hints and solutions unfold.

# %%
ask.exercises["crops"]

# %%
my_crops = ...
ask.exercises["crops"].check(my_crops)

# %%
ask.exercises["conv2"]

# %%
my_params = ...
ask.exercises["conv2"].check(my_params)

# %%
ask.exercises["crossing"]

# %%
my_bytes = ...
ask.exercises["crossing"].check(my_bytes)

# %%
ask.exercises["neurons"]

# %%
my_neurons = ...
ask.exercises["neurons"].check(my_neurons)

# %%
ask.exercises["dropout"]


# %%
def my_dropout(x, kept, p):
    return ...  # your code


ask.exercises["dropout"].check(my_dropout)

# %%
ask.exercises["step"]


# %%
def my_step(w, v, gradient, lr):
    return ...  # your code


ask.exercises["step"].check(my_step)

# %%
ask.exercises["color"]


# %%
def color_steps(photo):
    return ...  # your code


ask.exercises["color"].check(color_steps)

# %%
ask.exercises["features"]


# %%
def my_features():
    return ...  # your code


ask.exercises["features"].check(my_features)

# %% [markdown]
# ## 8 · Quiz
#
# Choose an answer and press *Check*; every answer has its comment.

# %%
teaching.quiz(ask.quiz[0])

# %%
teaching.quiz(ask.quiz[1])

# %%
teaching.quiz(ask.quiz[2])

# %%
teaching.quiz(ask.quiz[3])

# %%
teaching.quiz(ask.quiz[4])

# %%
teaching.quiz(ask.quiz[5])

# %% [markdown]
# ## 정리 · What you have shown
#
# * **AlexNet** has 60,965,224 parameters (파라미터), 96 % of them in the fully connected layers (완전 연결층), and 724,406,816 multiply-adds, 92 % of
#   them in the convolutions (합성곱). Its order is CONV, NORM, POOL. With 224 pixels it does not come out; 227, rounding up, or a padding of 2 do it.
# * **Two GPUs**: two halves of a network, equal to one with grouped convolutions. *Minimal communication* (최소한의 통신): conv2, conv4, conv5 see their own half only;
#   234,496 bytes cross per image.
# * **ReLU**: not the first to use it. The paper's six times faster than tanh does not show in our small network: at equal small learning rates (학습률) tanh takes 1.2 to 1.8 times as many epochs, at each one's best rate no more.
# * **Local response normalization** (지역 응답 정규화) multiplies with 0.595 here and gains nothing, though the paper found 1.4 points. Batch normalization (배치 정규화), which replaced it, gains.
# * **Data augmentation** (데이터 증강): 2,178 pictures from one by crops and mirroring, and colors along their principal components (주성분). It
#   helps where it keeps the label: crops yes, mirrored digits no.
# * **Dropout** 0.5 (드롭아웃) makes the gap between training and new images smaller, and learning slower.
# * **Weight decay** 5e-4 (가중치 감쇠) hardly moves the training loss of our small network, 1e-2 raises it: the authors saw it fall.
# * The recipe: batch 128, SGD with momentum (모멘텀) 0.9, learning rate 0.01, ÷ 10 on a plateau.
#
# **Where to go next.** [03 ZFNet](03_zfnet.ipynb) looks into a trained AlexNet, finds two faults and repairs them. Back to the map:
# [00 Start here](00_start_here.ipynb).
