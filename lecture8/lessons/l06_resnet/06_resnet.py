# %% [markdown]
# # 06 · ResNet: why 152 layers can be trained
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({{colab}})
#
# **In this notebook you will test whether deeper is better, rule out the two usual suspects, and change everything with a
# plus sign.** Paper: He, Zhang, Ren, Sun, *Deep Residual Learning for Image Recognition*, CVPR 2016
# ([arXiv 1512.03385](https://arxiv.org/abs/1512.03385)).
#
# Afterwards you can
# * show the degradation problem, and tell it from overfitting and from vanishing gradients;
# * write the residual block, choose a shortcut where shapes change, and say what each costs;
# * derive the five ResNets of the paper, and explain why three different costs are quoted for ResNet-50.
#
# | | time |
# |---|---|
# | `quick` (default): real handwritten digits, any laptop, no network | reading and exercises 75 minutes; all cells together about 1 minute |
# | `class`: 10,000 CIFAR-10 photographs (170 MB to download), half the paper's width, 10 epochs | minutes on a GPU, half an hour on two cores |
# | `paper`: CIFAR-10 photographs, the paper's recipe, twelve networks | a GPU for some hours; not yet run at full length (section 8 says what was). Every cell was tried on a CPU with 48 photographs and one epoch |

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

run = lecture8.start(class_run="170 MB of CIFAR-10")

# %%
import copy

import torch
import torchvision
from torch import nn

from lecture8 import (
    complexity,
    datasets,
    models,
    plots,
    published,
    teaching,
    training,
    transfer,
)
from lecture8.datasets import CIFAR10_CLASSES
from lecture8.history import History
from lecture8.lessons.l06_resnet import explorers, pictures
from lecture8.lessons.l06_resnet import questions as ask

# %% [markdown]
# **Parameters.** Everything you may want to change is here. `run.choose` takes the value of the run; to change the run, write
# `lecture8.start("class", class_run="170 MB of CIFAR-10")` or `lecture8.start("paper")` above.

# %%
SEEDS = run.choose(quick=(0, 1, 2), class_=(0,), paper=(0, 1, 2))  # measured once per seed
EPOCHS = run.choose(quick=4, class_=10, paper=182)
LR = run.choose(quick=0.03, class_=0.1, paper=0.1)
# after these epochs the learning rate is divided by 10
DROPS = run.choose(quick=[], class_=[6, 8], paper=[91, 136])
BATCH = run.choose(quick=64, class_=128, paper=128)
WIDTH = run.choose(quick=8, paper=16)  # channels of the first stage
if run.mode == "quick":
    data = datasets.digits(size=8).take(960)
else:
    data = datasets.cifar10()
if run.mode == "class":
    data = data.take(10_000)
data

# %% [markdown]
# ## 1 · A deeper network must be at least as good. Must it?
#
# GoogLeNet had 22 layers. Why stop there? Take a network that works and add layers. The larger one can always copy the
# smaller: let the extra layers pass their input on unchanged. So a deeper network should never do *worse on the images it
# is trained on*. That is the argument; now the experiment.
#
# You will train two networks of the paper's section 4.2, in small: half its width, digits for photographs. Both are *plain*:
# 3 × 3 convolutions in a row, each followed by batch normalization and ReLU, in three stages. (**Batch normalization**, 배치 정규화,
# brings each channel of a batch to mean 0 and spread 1, then applies a learned scale and shift.) One network has 20 layers
# with weights, the other 56. What is your guess?

# %%
guess_degradation = teaching.predict(ask.predictions["degradation"])
guess_degradation

# %% [markdown]
# Here is the whole experiment: a network, PyTorch's own optimizer, and `fit`, which is the usual loop (read it with
# `teaching.source(training.run_epoch)`). The seed fixes the initial weights and the order of the images.


# %%
def fresh(kind, depth, seed):
    """A network as in `train`, before its first step."""
    torch.manual_seed(seed)
    build = {"plain": models.small.plain, "residual": models.small.resnet}[kind]
    return build(depth, data.num_classes, width=WIDTH, channels=data.image_shape[0])


def train(kind, depth, seed):
    """One network, trained: (network, history)."""
    net = fresh(kind, depth, seed)
    optimizer = torch.optim.SGD(net.parameters(), lr=LR, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, DROPS)
    kept = {"checkpoint": run.keep("06", kind, depth, seed)}  # None in a quick run
    return net, training.fit(
        net, data, optimizer, EPOCHS, batch_size=BATCH, scheduler=schedule, seed=seed, **kept
    )


runs = {("plain", 20): [train("plain", 20, seed) for seed in SEEDS]}

# %%
runs["plain", 56] = [train("plain", 56, seed) for seed in SEEDS]


# %% tags=["measured"]
def final(kind, depth, column="train_loss"):
    """A column of the last epoch, one number per seed."""
    return [history.last[column] for _, history in runs[kind, depth]]


def curves_of(*keys):
    return {
        f"{kind}-{depth}": [history for _, history in runs[kind, depth]] for kind, depth in keys
    }


_ = plots.curves(
    curves_of(("plain", 20), ("plain", 56)), title="Training loss, three seeds each"
)

# %%
deeper_is_worse = [
    deep > shallow for shallow, deep in zip(final("plain", 20), final("plain", 56))
]
assert all(deeper_is_worse)
guess_degradation.reveal("plain-20: the deeper one trains worse")

# %% [markdown]
# The 56-layer network *contains* the 20-layer one, and cannot find it. He and colleagues call this **degradation**.
#
# Is it only slow? After three times as many epochs the gap is still there (section 8), and the authors waited three times as long, too.
#
# Is it **overfitting**? An overfitting network fits its training images well and new ones badly. Look at both sides:

# %%
for split in ("train", "valid"):
    for depth in (20, 56):
        values = final("plain", depth, f"{split}_accuracy")
        print(
            f"plain-{depth}: {split:5} accuracy",
            *(f"≈ {100 * value:3.0f} %" for value in values),
        )

for side in ("train_accuracy", "valid_accuracy"):
    assert all(d < s for s, d in zip(final("plain", 20, side), final("plain", 56, side)))

# %%
teaching.three_ways(
    22,
    measured=f"the deeper net is worse on new images **and** on its own training images, "
    f"in {sum(deeper_is_worse)} of {len(SEEDS)} seeds",
)

# %% [markdown]
# The notes have the right conclusion with the wrong reason. Remember the right one, you will use it again: *look at the
# training error*.

# %% [markdown]
# ## 2 · Does the gradient vanish?
#
# The next suspect in every deep network: on its way back from the loss to the first layer, the gradient gets smaller and
# smaller until nothing arrives. Guess before you look. (The picture will also show a blue network, that of section 3: the same
# layers, with each block's input added to its output.)

# %%
guess_gradients = teaching.predict(ask.predictions["gradients"])
guess_gradients


# %% tags=["measured"]
def gradients(net):
    """Gradient length of each convolution's weights, first to last."""
    norms = training.gradient_norms(net, *next(iter(data.batches("train", 256))))
    return [norm for layer, norm in norms.items() if layer.startswith("features")]


norms = {
    f"{kind}-56": [gradients(fresh(kind, 56, seed)) for seed in SEEDS]
    for kind in ("plain", "residual")
}
colors = {"plain-56": plots.ORANGE, "residual-56": plots.BLUE}
_ = plots.lines(
    norms,
    xlabel="layer, from the image to the logits",
    ylabel="length of the gradient",
    title="Gradient of each layer's weights, before training",
    log=True,
    colors=colors,
)

# %%
first_over_last = {
    name: [layers[0] / layers[-1] for layers in seeds] for name, seeds in norms.items()
}
for name, ratios in first_over_last.items():
    print(
        f"{name:11}: gradient at the first / at the last convolution:",
        *(f"≈ {r:.3g}" for r in ratios),
    )

assert all(ratio > 10 for ratio in first_over_last["plain-56"])  # it does not vanish: it grows
assert all(
    p > 10 * r for p, r in zip(first_over_last["plain-56"], first_over_last["residual-56"])
)
guess_gradients.reveal("much larger: it grows on the way")

# %%
teaching.three_ways(
    23,
    measured="nothing vanishes, as the paper says; healthy it is not, before the first step: in the "
    "plain net the gradient *grows* more than tenfold towards the first layer, and the residual "
    "net's stays ten times nearer to level",
)

# %% [markdown]
# So why is the plain network slow? In 2015 the authors could only conjecture that deep plain nets converge exponentially
# slowly. Later theory, for fully connected nets before training, finds the same growth and names batch normalization as its
# cause (Yang et al. 2019, [arXiv 1902.08129](https://arxiv.org/abs/1902.08129)). How exactly it slows training is not settled by our curve.

# %% [markdown]
# ## 3 · The residual block
#
# If copying is what the extra layers should do and cannot learn, give them the copy for free. Let the layers compute
# $F(x)$ and put out
#
# $$y = \mathrm{ReLU}\big(F(x) + x\big)$$
#
# Now "do nothing" means $F = 0$, which is easy: let the scale and shift of the last normalization go to 0. If $H(x)$ is the function the block should
# compute, its layers learn the rest, $F(x) = H(x) - x$: the **residual** (잔차). This is the library's block, all of it:

# %%
teaching.source(models.resnet.Residual)

# %% [markdown]
# Build it yourself, without that class. Two 3 × 3 convolutions, batch normalization after each, the addition, ReLU:


# %%
class MyBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        f = self.norm1(self.conv1(x)).relu()
        f = self.norm2(self.conv2(f))
        return (f + x).relu()


library_block = models.small.resnet(8, width=WIDTH).features.conv2_x.block1
teaching.same_network(MyBlock(WIDTH), library_block, image_shape=(WIDTH, 8, 8))

# %% [markdown]
# Delete the `+ x` above and run the cell again: the check tells you what it finds. (Then put it back.)
#
# Is "do nothing" really that easy? The last thing $F$ does is to multiply by a scale and add a shift (0 in a new layer). Set
# that one scale to zero and see what the block does to an image:

# %%
block = MyBlock(WIDTH).eval()
nn.init.zeros_(block.norm2.weight)
x = torch.rand(1, WIDTH, 8, 8)  # after a ReLU nothing is negative
assert torch.equal(block(x), x)
print(
    "With the last scale at zero the block returns its input, bit for bit:",
    torch.equal(block(x), x),
)

# %%
teaching.three_ways(
    24,
    measured="with F driven to 0 the block is the identity, exactly (for inputs of 0 and more, as after a ReLU)",
)

# %% [markdown]
# Now the same experiment as in section 1, with the plus signs in. Same layers, same parameters (count them!), same
# seeds.

# %%
for depth in (20, 56):
    plain, residual = (
        complexity.profile(fresh(kind, depth, 0), data.image_shape)
        for kind in ("plain", "residual")
    )
    print(
        f"{depth} layers: {plain.params:,} parameters and {plain.macs:,} multiply-adds, plain and residual alike"
    )
    assert (plain.params, plain.macs) == (residual.params, residual.macs)

# %%
runs["residual", 20] = [train("residual", 20, seed) for seed in SEEDS]

# %%
runs["residual", 56] = [train("residual", 56, seed) for seed in SEEDS]

# %% tags=["measured"]
_ = plots.curves(
    curves_of(*runs), log=True, title="Training loss: seeds faint, their mean strong"
)

# %%
ratio = [plain / residual for plain, residual in zip(final("plain", 56), final("residual", 56))]
print("final training loss, plain-56 / residual-56, by seed:", *(f"≈ {r:.0f}" for r in ratio))
mean = {key: sum(final(*key)) / len(SEEDS) for key in runs}

least = run.choose(quick=5, class_=1.2, paper=5)
assert all(r >= least for r in ratio)  # in every seed
assert all(deeper_is_worse)
assert all(r < p for r, p in zip(final("residual", 20), final("plain", 20)))
if run.mode != "class":  # in which 56 layers have too few steps for that
    assert mean["residual", 56] < mean["plain", 20]
teaching.correct(
    f"In every seed plain-56 ends at least {least} times above residual-56"
    + run.choose(
        quick=", and on average residual-56 is even below plain-20.",
        class_=", and residual-20 below plain-20.",
        paper=", and on average residual-56 is even below plain-20.",
    )
)

# %% [markdown]
# ### The same on photographs
#
# **Loaded, not trained here**: 45,000 photographs of CIFAR-10, 8 first channels, 20 epochs, one seed.

# %%
on_cifar = published.read("cifar_degradation")
_ = pictures.on_photographs(on_cifar)
at_the_end = on_cifar.dropna(subset="test_accuracy").set_index(["kind", "depth"])
error = 100 * (1 - at_the_end[at_the_end["seed"] == 0]["test_accuracy"])
teaching.claim(
    "Test error: plain-20 {p20:.1f} %, plain-56 {p56:.1f} %, residual-20 {r20:.1f} %, residual-56 {r56:.1f} %.",
    error["plain", 56] > error["plain", 20] > error["A", 20] > error["A", 56],
    p20=error["plain", 20],
    p56=error["plain", 56],
    r20=error["A", 20],
    r56=error["A", 56],
)

# %% [markdown]
# With 16 channels and 164 epochs, somebody else's published runs end at 9.69, 13.07, 8.04 and 7.46 % (`cifar_published.csv` names the source): the
# order is the same, the gap smaller.
#
# ### The paper's table, on ImageNet
#
# Here are the authors' own numbers, one network each (Table 2). *Top-1*: the first guess is wrong; *ten
# crops*: the answers for ten cut-outs of an image are averaged.

# %%
errors = published.read("imagenet_errors").set_index("network")["top1"]
table2 = errors.loc[["plain-18", "plain-34", "ResNet-18", "ResNet-34 A"]]
colors = {"plain-18": plots.ORANGE, "plain-34": plots.ORANGE}
label = "ImageNet top-1 error, % (10 crops, validation)"
_ = plots.bars(table2.to_dict(), xlabel=label, form="{:.2f}", colors=colors)

# %%
assert round(errors["plain-34"] - errors["plain-18"], 2) == 0.60  # deeper is worse
assert round(errors["ResNet-34 A"] - errors["ResNet-18"], 2) == -2.85  # deeper is better

# %%
teaching.three_ways(
    21,
    measured="without shortcuts depth hurts in every seed; with them 56 layers train well, though in "
    "so few epochs no better than 20: that half of the claim needs ImageNet",
)

# %% [markdown]
# ## 4 · When the shapes change
#
# $F(x) + x$ needs two summands of one shape. Does that mean that a ResNet keeps one size all the way, as the notes say?
# Look at the real one. The picture is drawn from the network: height is the side of the feature map, width its channels.

# %%
resnet34 = complexity.profile(models.resnet34())
_ = plots.stages(resnet34, title="ResNet-34: parameters above, shape below each stage")

# %%
maps = [stage.output_shape for stage in resnet34.stages[:-1]]  # without the classifier
sides, channels = [side for _, side, _ in maps], [c for c, _, _ in maps]
assert sides == [112, 56, 28, 14, 7] and channels == [64, 64, 128, 256, 512]
teaching.three_ways(
    26,
    measured=f"side {' → '.join(map(str, sides))}, channels {' → '.join(map(str, channels))}",
    verb="counted",
)

# %% [markdown]
# At three places the sides halve and the channels double, so $x$ does not fit. The paper tries three remedies:
#
# * **A**: take every second pixel, and add channels of zeros. No parameters.
# * **B**: where the shapes change, a 1 × 1 convolution with stride 2 (a *projection*).
# * **C**: projections everywhere, even where the identity would do.

# %%
for option in "ABC":
    with torch.device("meta"):  # a network without numbers in it: enough to count
        cost = complexity.profile(models.resnet34(shortcut=option))
    print(
        f"ResNet-34 {option}: {cost.params:,} parameters, {cost.macs:,} multiply-adds, "
        f"top-1 error {errors[f'ResNet-34 {option}']:.2f} % (Table 3)"
    )

assert errors["ResNet-34 A"] > errors["ResNet-34 B"] > errors["ResNet-34 C"]

# %%
changes = [
    (block.body[0].conv.in_channels, block.body[1].conv.out_channels)
    for block in models.resnet34().modules()
    if isinstance(block, models.resnet.Residual) and not isinstance(block.shortcut, nn.Identity)
]
assert changes == [(64, 128), (128, 256), (256, 512)]
teaching.three_ways(
    25,
    measured=f"{len(changes)} of ResNet-34's 16 blocks change the shape (channels "
    f"{', '.join(f'{a} → {b}' for a, b in changes)}), and it works",
    verb="counted",
)

# %% [markdown]
# B beats A by half a point for 174 thousand parameters, C beats B by a third of a point for 919 thousand more. The authors
# take B for the deep networks: "projection shortcuts are not essential" for the degradation problem.

# %% [markdown]
# ## 5 · From 34 to 152 layers: the bottleneck
#
# Two 3 × 3 convolutions on 256 channels are expensive. The **bottleneck** block shrinks to 64 channels with a 1 × 1,
# does its 3 × 3 there, and widens again with another 1 × 1: GoogLeNet's trick. All five networks of
# Table 1 are this little table:

# %%
models.resnet.BLOCKS

# %%
with torch.device("meta"):  # networks without numbers in them: enough to count
    five = {d: complexity.profile(models.build(f"resnet{d}")) for d in models.resnet.BLOCKS}
for depth, cost in five.items():
    facts = models.ARCHITECTURES[f"resnet{depth}"]
    assert (cost.depth, cost.params, cost.macs) == (depth, facts.params, facts.macs)
    paper = facts.published["multiply-adds"].split(" (")[0]
    print(f"ResNet-{depth:<3} {cost.params:>10,} params {cost.macs:>14,} macs;  paper: {paper}")

# %% [markdown]
# Going from 34 to 50 layers costs 12 % more work (5 % with the paper's stride, of which more below). And going from 18 to 152, with eight times the layers, costs six times
# the work: still less than VGG-19's 19.6 G. But for 50, 101 and 152 we count *more* than the paper prints. Is our network wrong?

# %%
guess_stride = teaching.predict(ask.predictions["stride"])
guess_stride

# %%
v1 = complexity.profile(models.resnet50(stride_in_1x1=True))
extra = five[50].macs - v1.macs
print(f"stride in the 1 × 1 (v1):   {v1.macs:,} multiply-adds")
print(f"stride in the 3 × 3 (v1.5): {five[50].macs:,} multiply-adds, {extra:,} more")
assert v1.params == five[50].params
places = [
    (256, 128, 56),
    (512, 256, 28),
    (1024, 512, 14),
]  # c_in, width, side before the stride
assert extra == sum(c_in * width * (side**2 - (side // 2) ** 2) for c_in, width, side in places)

# %%
guess_stride.reveal("v1.5, stride in the 3 × 3")

# %% [markdown]
# The last assertion is the explanation: in each of three stages one 1 × 1 convolution works on four times as many pixels.
# The paper's 3.8 G is v1, torchvision's 4.09 G is v1.5. Some tools print 4.12 G: they add two operations per value for batch
# normalization and one for ReLU. Always ask *which* ResNet-50, and *what* was counted:


# %%
def values(kind):
    layers = [layer for layer in five[50].layers if layer.kind == kind]
    return sum(torch.Size(layer.output_shape).numel() for layer in layers)


with_norm_and_relu = five[50].macs + 2 * values("BatchNorm2d") + values("ReLU")
assert (
    round(v1.macs / 1e9, 2),
    round(five[50].macs / 1e9, 2),
    round(with_norm_and_relu / 1e9, 2),
) == (3.86, 4.09, 4.12)
print(
    f"v1 {v1.macs:,}, v1.5 {five[50].macs:,}, with normalization and ReLU {with_norm_and_relu:,}"
)

# %% [markdown]
#
# Ours, with the default stride, is torchvision's, to rounding. Copy random weights from theirs, in order, and compare:

# %%
torch.manual_seed(0)
theirs, ours = torchvision.models.resnet50().eval(), models.resnet50().eval()
ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
image = torch.randn(1, 3, 224, 224)
with torch.no_grad():
    difference = (ours(image) - theirs(image)).abs().max() / theirs(image).abs().max()
assert difference < 1e-5
print("logits equal torchvision's to rounding:", bool(difference < 1e-5))

# %%
linear = [layer.name for layer in five[152].layers if layer.kind == "Linear"]
teaching.three_ways(
    30,
    measured=f"{len(linear)} linear layer in ResNet-152 ({linear[0]}), "
    f"{five[152].layers[-1].params:,} of its {five[152].params:,} parameters",
    verb="counted",
)

# %% [markdown]
# ## 6 · How to start: He or Xavier?
#
# Before training, a signal should come through all layers neither shouting nor whispering. Send noise through 50 random
# 3 × 3 convolutions with ReLU (no batch normalization, no shortcuts) and watch its spread:


# %%
def spread_by_depth(init, seed, depth=50, channels=64):
    torch.manual_seed(seed)
    x, spread = torch.randn(8, channels, 8, 8), []
    for _ in range(depth):
        layer = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="circular", bias=False)
        init(layer.weight)
        with torch.no_grad():
            x = layer(x).relu()
        spread.append(x.std().item())
    return spread


def he(weight):
    nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


rules = {"He": he, "Xavier": nn.init.xavier_normal_}
spread = {name: [spread_by_depth(init, seed) for seed in SEEDS] for name, init in rules.items()}

# %% tags=["measured"]
title = "A signal on its way through 50 layers"
_ = plots.lines(spread, xlabel="layer", ylabel="standard deviation", log=True, title=title)

# %%
factor = {  # by how much one layer multiplies the spread
    name: sum((values[-1] / values[0]) ** (1 / 49) for values in seeds) / len(SEEDS)
    for name, seeds in spread.items()
}
print(
    *(f"{name}: each layer multiplies the spread by ≈ {f:.2f}" for name, f in factor.items()),
    sep="\n",
)
assert 0.95 < factor["He"] < 1.05
assert abs(factor["Xavier"] - 0.5**0.5) < 0.02
assert all(values[-1] < 1e-6 for values in spread["Xavier"])
assert all(0.1 < values[-1] / values[0] < 10 for values in spread["He"])

# %% [markdown]
# Xavier's rule, variance $1/n$, is made for activations that keep both signs. ReLU throws half of the signal's energy away,
# so with Xavier each layer multiplies the spread by $\sqrt{1/2}$; He's variance $2/n$ puts that back.

# %%
teaching.three_ways(
    28,
    measured="50 layers with Xavier leave less than a millionth of the signal; He keeps it within a factor of ten",
)

# %% [markdown]
# The “/2” on the slide *was* He's rule: halve $n$, and the variance doubles. It got lost in the notes. Batch normalization hides much of
# the difference, since it rescales every layer's output. Dropout and its absence you can check in one line:

# %%
kinds = [layer.kind for layer in five[152].layers]
convolutions, normalizations = kinds.count("Conv2d"), kinds.count("BatchNorm2d")
assert "Dropout" not in kinds
assert convolutions == normalizations
teaching.three_ways(
    29,
    measured=f"ResNet-152: {convolutions} convolutions, {normalizations} batch normalizations, "
    "no dropout; all runs of this notebook use weight decay 1e-4",
    verb="counted",
)

# %% [markdown]
# ## 7 · Take one block out
#
# What has a network of residual blocks become? Try something rude: remove one block
# *after* training and retrain nothing (after Veit, Wilber, Belongie 2016, [arXiv 1605.06431](https://arxiv.org/abs/1605.06431)).

# %%
guess_removal = teaching.predict(ask.predictions["removal"])
guess_removal


# %%
def without(net, stage, block):
    """A copy of the network in which one block passes its input on unchanged."""
    net = copy.deepcopy(net)
    setattr(net.features.get_submodule(stage), block, nn.Identity())
    return net


def removable(net):
    """All blocks that keep the shape: (stage, block)."""
    for stage, blocks in list(net.features.named_children())[1:]:
        for block, _ in blocks.named_children():
            if not (block == "block1" and stage != "conv2_x"):
                yield stage, block


# %%
def points_lost(net):
    """What the removal of each block costs in test accuracy, in points."""
    whole = training.evaluate(net, data).accuracy
    parts = [training.evaluate(without(net, *place), data).accuracy for place in removable(net)]
    return [100 * (whole - part) for part in parts]


compared = [("plain", 20), ("residual", 20), ("residual", 56)]
loss_of_accuracy = {
    f"{kind}-{depth}": [points for net, _ in runs[kind, depth] for points in points_lost(net)]
    for kind, depth in compared
}

# %%
medians = {name: sorted(values)[len(values) // 2] for name, values in loss_of_accuracy.items()}
for name, median in medians.items():
    count = len(loss_of_accuracy[name])
    print(f"{name}: one block less costs ≈ {median:.0f} points of accuracy (median of {count})")

# %% tags=["measured"]
_ = pictures.removal(loss_of_accuracy)

# %%
times = run.choose(quick=3, class_=2, paper=3)
assert medians["plain-20"] > times * max(medians["residual-20"], medians["residual-56"], 1)
# the more blocks there are, the less one of them matters
assert medians["residual-56"] < medians["residual-20"]
guess_removal.reveal("the residual one")

# %% [markdown]
# In the plain network the output of one layer is the next one's only food. In the residual network there is a stream
# ($x$, then $x + F_1$, then $x + F_1 + F_2$ …, leaving out the ReLUs) and each block adds its part. Most of the 25 blocks tested in
# residual-56 are hardly missed; a few cost 20 points and more.

# %% [markdown]
# ## 8 · Explore: depth, shortcut, loss, gradient
#
# The next widget shows more runs than you would want to wait for: six depths, plain and with each shortcut, three seeds,
# twelve epochs each. They are **loaded, not trained here**; the header of the file says how they were made.

# %%
print(
    *(f"{key}: {value}" for key, value in published.provenance("digits_depth").items()),
    sep="\n",
)

# %%
explorers.depth()

# %% [markdown]
# Move the depth from 8 to 56 and find out: **from which depth on does the plain network clearly lag behind?** Then stay at 56
# and switch the shortcut: **which of A, B and C does worse than the others, and what does its gradient look like?** Check
# yourself against the numbers:

# %%
digits_runs = published.read("digits_depth")
ends = digits_runs[digits_runs["epoch"] == digits_runs["epoch"].max()]
table = ends.pivot_table(index="depth", columns="kind", values="train_loss", aggfunc="mean")
table[["plain", "A", "B", "C"]].rename_axis(None, axis=1).round(3)

# %%
plain = ends[ends["kind"] == "plain"]
assert plain.loc[plain["depth"] <= 20, "train_loss"].max() < 0.15
assert plain.loc[plain["depth"] >= 32, "train_loss"].min() > 0.3
assert (table.loc[44:, "C"] > 5 * table.loc[44:, ["A", "B"]].max(axis=1)).all()
teaching.correct(
    "Up to 20 layers plain ends below 0.15 in every seed, from 32 on above 0.3. "
    "And from 44 on, C ends more than five times above A and B."
)

# %% [markdown]
# Surprised? In the paper's Table 3 shortcut C was the *best* of the three, at 34 layers with 16 shortcuts. But C puts a
# convolution and a normalization into *every* shortcut: nothing passes unchanged any more, and with 27 shortcuts in a row its
# gradient grows almost like the plain network's. It is the **identity** that does the work. The authors came to the same
# conclusion with 110 layers a few months later (*Identity Mappings in Deep Residual Networks*,
# [arXiv 1603.05027](https://arxiv.org/abs/1603.05027)).

# %% [markdown]
# ### And on photographs?
#
# The same comparison on real photographs, small enough for a CPU: half the paper's width, a tenth of its
# images, a few epochs. Loaded, not trained here. **The full-length curves of the paper's Figure 6 are still to come**: they need a GPU
# for hours; `paper` mode of this notebook, or
# `python -m lecture8.lessons.l06_resnet.experiments cifar --epochs 182`, makes them.

# %%
print(
    *(f"{key}: {value}" for key, value in published.provenance("cifar_depth").items()), sep="\n"
)
photographs = published.read("cifar_depth")
histories = {
    f"{'residual' if kind == 'A' else kind}-{depth}": [
        History(one.to_dict("records")) for _, one in group.groupby("seed")
    ]
    for (kind, depth), group in photographs.groupby(["kind", "depth"])
}
_ = plots.curves(histories, title="CIFAR-10 photographs, small run")

# %%
ends = photographs[photographs["epoch"] == photographs["epoch"].max()]
end = ends.pivot_table(index="seed", columns=["kind", "depth"], values="train_loss")
better = end["A", 56] < end["plain", 56]
assert (end["plain", 56] > end["plain", 20]).all()  # deeper is worse, in every seed
assert end["A", 56].mean() < end["plain", 56].mean() and better.sum() == 2
print(f"plain-56 above plain-20 in {(end['plain', 56] > end['plain', 20]).sum()} of 3 seeds")
print(f"residual-56 below plain-56 in {better.sum()} of 3 seeds")

# %% [markdown]
# Degradation shows in every seed. The cure shows in two of three: in the third, residual-56 had not yet recovered from its first
# steps. Look at the left end of its curves: with the paper's learning rate of 0.1 it starts *above* chance level (ln 10 = 2.3). In 156 steps
# there is no time for more. The authors met the same with 110 layers, and warmed up with 0.01 first (section 4.2).

# %% [markdown]
# The paper's own end of that story, after 64,000 steps (Table 6): the error falls with depth up to 110 layers. The
# 1202-layer network trains just as well (below 0.1 % training error) but tests worse: *that*, the authors argue, is overfitting.

# %%
table6 = published.read("cifar_resnet").set_index("layers")
with torch.device("meta"):
    counted = {
        layers: sum(p.numel() for p in models.small.resnet(layers).parameters())
        for layers in table6.index
    }
for layers, printed in table6["params_millions"].items():
    assert round(counted[layers] / 1e6, 1 if printed > 1 else 2) == printed
assert (
    table6.loc[:110, "error"].is_monotonic_decreasing
    and table6.loc[1202, "error"] > table6.loc[110, "error"]
)
columns = {
    "params_millions": "millions, printed",
    "counted": "counted",
    "error": "test error, %",
}
table6.assign(counted=counted)[list(columns)].rename(columns=columns)

# %%
if run.mode == "paper":  # our own test errors beside Table 6
    for depth in (20, 56):
        ours = [100 * training.evaluate(net, data).error for net, _ in runs["residual", depth]]
        print(
            f"{depth} layers: paper {table6.loc[depth, 'error']} %, here",
            *(f"≈ {e:.2f} %" for e in ours),
        )

# %% [markdown]
# ### What a ResNet says of ten photographs
#
# This ResNet-20 has half the paper's width. It was trained for the course on CIFAR-10, whose images are 32 × 32 pixels, and knows ten
# classes. Here it looks at ten photographs that are not from CIFAR-10. Panda and lemur are in none of its classes.

# %%
photos = datasets.animals(96)
small = models.small.resnet20(weights="cifar10").eval()
images = torch.stack(list(datasets.animals(32).values())) / 255
with torch.no_grad():
    probabilities = small(transfer.normalize(images, "cifar10")).softmax(1)
_ = pictures.recognized(photos, probabilities, CIFAR10_CLASSES)
accuracy = models.find("resnet20").trained["cifar10"].test_accuracy
print(f"CIFAR-10's own test photographs: {accuracy:.1%} correct")

# %% [markdown]
# Its mistakes are worth a look: it has seen each class at one size and in the middle, and these photographs are shrunk to 32 × 32 pixels. **Optional, in every run:** with a network connection, ResNet-18 with the published
# ImageNet weights looks at the same photographs, at 224 × 224 pixels and with a thousand classes.

# %%
DOWNLOAD = False  # True downloads 45 MB, once
if DOWNLOAD:
    try:
        large = transfer.pretrained("resnet18").eval()
        images = torch.stack(list(datasets.animals(224).values())) / 255
        with torch.no_grad():
            probabilities = large(transfer.normalize(images)).softmax(1)
        names = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"]
        _ = pictures.recognized(photos, probabilities, names)
    except OSError as error:  # no network
        print(error)

# %% [markdown]
# ## 9 · Exercises
#
# Put your answer in place of `...`, run the cell, read what the check found. Hints and solutions unfold.

# %%
ask.exercises["layers"]

# %%
my_layers = ...
ask.exercises["layers"].check(my_layers)

# %%
ask.exercises["bottleneck_cost"]

# %%
my_cost = ...
ask.exercises["bottleneck_cost"].check(my_cost)

# %%
ask.exercises["he"]


# %%
def he_std(c_out, kernel):
    return ...  # your code


ask.exercises["he"].check(he_std)

# %%
ask.exercises["shortcut"]


# %%
def shortcut_a(x, c_out):
    return ...  # your code


ask.exercises["shortcut"].check(shortcut_a)

# %%
ask.exercises["bottleneck"]


# %%
def my_bottleneck(c_in, width, stride):
    return ...  # your code


ask.exercises["bottleneck"].check(my_bottleneck)

# %%
ask.exercises["params"]


# %%
def params_of(n, width):
    return ...  # your code


ask.exercises["params"].check(params_of)

# %% [markdown]
# ## 10 · Quiz
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
# * **Degradation** (성능 저하): in all three seeds a plain network of 56 layers has a higher *training* error (학습 오차) than one of 20. So it is
#   not overfitting (과적합); the deeper model is *hard to optimize* (최적화가 어렵다).
# * The gradient (기울기) does not vanish in it: before training it even grows towards the first layer, and shortcuts (identities!) keep it level.
# * **Residual learning** (잔차 학습): the layers fit $F(x) = H(x) - x$, the *identity shortcut* (항등 지름길) adds $x$, always. Residual-56
#   ended at least five times below plain-56.
# * From conv3_x on stages halve height and width and double the channels (채널을 2배로, 크기는 절반으로), never the other way. Where shapes change: zero padding (A) or a
#   1 × 1 projection (B, C).
# * **Bottleneck** (병목): 1 × 1, 3 × 3, 1 × 1. ResNet-18, 34, 50, 101, 152 from one table; 25,557,032 parameters for ResNet-50, and 3.86 or
#   4.09 G multiply-adds, by where it halves the image (4.12 with normalization and ReLU).
# * He initialization (He 초기화), not Xavier; batch normalization after each convolution; no dropout; one fully connected layer (완전 연결층).
# * One block removed after training: the residual network hardly minds, the plain one breaks.
#
# **Where to go next.** [07 Inception-v3](07_inception_v3.ipynb) takes the other road, cheaper layers in place of more layers, and
# [08 Inception-v4](08_inception_v4.ipynb) asks whether the two roads meet. Back to the map: [00 Start here](00_start_here.ipynb).
