# %% [markdown]
# # 03 · ZFNet: look inside, then repair
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({{colab}})
#
# **In this notebook you will look into a trained network with two instruments, find what AlexNet's first layer does wrong, and
# catch a network that cheats.** Paper: Zeiler, Fergus, *Visualizing and Understanding Convolutional Networks*, ECCV 2014
# ([arXiv 1311.2901](https://arxiv.org/abs/1311.2901)).
#
# Afterwards you can
# * list what ZFNet changed in AlexNet, and say what each change costs;
# * predict which stripes a layer with a stride can keep, and which false ones it makes up;
# * paint the pixels that made a unit fire (deconvnet), and map what a network leans on (occlusion);
# * say which layers are missed when they are taken out, and why parameters do not tell.
#
# | | time |
# |---|---|
# | `quick` (default): handwritten digits, any laptop, no network | reading and exercises 75 minutes; all cells together about a minute |
# | `paper`: adds CIFAR-10 photographs, and published ImageNet weights on a photograph | a GPU; not yet run at full length. Every cell was tried on a CPU, those with photographs with 64 of them, one epoch, and random numbers for the published weights |

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
import math

import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

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
from lecture8.lessons.l03_zfnet import clutter, explorers, pictures
from lecture8.lessons.l03_zfnet import questions as ask
from lecture8.models.zfnet import occlusion, project

# %% [markdown]
# **Parameters.** Everything you may want to change is here. `run.choose` takes the first value in a quick run and the
# last in a paper run; to change the run, write `lecture8.start("paper")` above.

# %%
SEEDS = (0, 1, 2)  # every claim is measured once per seed
EPOCHS = 4
WIDTH = 6  # conv1 has twice as many kernels (ZFNet: 96)
COPIES = 3  # pictures of each digit
DECAY = 2.0  # strong weight decay
PHOTOS = run.choose(quick={}, paper={"epochs": 20, "width": 16})  # the end of section 6
SQUARE = 8  # side of the gray square, in pixels

# %% [markdown]
# ## 1 · What ZFNet changed
#
# The lecture notes spend three lines on ZFNet: minor changes to AlexNet, winner of ILSVRC 2013, 16.4 → 11.7 %. Let us see how minor.
# Here are both, drawn from the networks themselves (height: side of the feature map; width: channels).

# %%
with torch.device("meta"):  # networks without numbers in them: enough to count
    alexnet = complexity.profile(models.alexnet(), (3, 227, 227))
    zfnet = complexity.profile(models.zfnet())
_ = plots.stages(alexnet, title="AlexNet (2012): parameters above, shape below each stage")
_ = plots.stages(zfnet, title="ZFNet (2013)")

# %% [markdown]
# Behind conv2 the shapes agree. Look at the convolutions one by one:


# %%
def convolutions(name):
    """Kernel, stride and groups of each convolution of a network."""
    with torch.device("meta"):
        stages = models.build(name).features.named_children()
    return {
        stage: f"{conv.kernel_size[0]} × {conv.kernel_size[1]}, stride {conv.stride[0]}, groups {conv.groups}"
        for stage, (conv, *_) in stages
    }


diff = pd.DataFrame({"AlexNet": convolutions("alexnet"), "ZFNet": convolutions("zfnet")})
diff["changed"] = ["yes" if a != z else "" for a, z in zip(diff["AlexNet"], diff["ZFNet"])]
diff

# %% [markdown]
# All but conv3. (**Groups** 2: AlexNet's two GPUs, on which half of the kernels see half of the channels. ZFNet ran on one GPU, so
# the groups are gone.) Before you count, a guess:

# %%
guess_work = teaching.predict(ask.predictions["work"])
guess_work


# %%
def row(profile, stage):
    return next(s for s in profile.stages if s.name == f"features.{stage}")


for name, profile in (("AlexNet", alexnet), ("ZFNet", zfnet)):
    first = row(profile, "conv1")
    print(f"{name:7}: conv1 has {first.params:,} parameters and {first.macs:,} multiply-adds")
    print(f"{'':7}  in all {profile.params:,} parameters, {profile.macs:,} multiply-adds")

assert row(zfnet, "conv1").params < 0.5 * row(alexnet, "conv1").params
assert row(zfnet, "conv1").macs > 1.5 * row(alexnet, "conv1").macs
guess_work.reveal("more")

# %%
sides = [
    layer.output_shape[1] for layer in zfnet.layers if layer.kind in ("Conv2d", "MaxPool2d")
]
assert sides == [110, 55, 26, 13, 13, 13, 13, 6]  # the sizes in the paper's Figure 3
assert (zfnet.params, zfnet.macs) == (62_357_608, 1_168_032_896)
assert diff.index[diff["changed"] == "yes"].tolist() == ["conv1", "conv2", "conv4", "conv5"]
teaching.three_ways(
    9,
    measured=f"four of the five convolutions differ (the split was in conv2, 4 and 5: conv3 saw both GPUs); "
    f"{zfnet.params / alexnet.params - 1:.0%} more parameters, {zfnet.macs / alexnet.macs - 1:.0%} more multiply-adds",
    verb="counted",
)

# %% [markdown]
# **Build.** The first two stages, by hand. The paper prints sizes (110, 55, 26, 13) and no paddings: you have to find the ones that
# fit. `ceil_mode` lets the last pooling window hang over the edge; `LocalResponseNorm` is the contrast normalization.

# %%
my_start = nn.Sequential(
    nn.Conv2d(3, 96, kernel_size=7, stride=2, padding=1),  # 96 × 110 × 110
    nn.ReLU(),
    nn.MaxPool2d(3, stride=2, ceil_mode=True),  # 96 × 55 × 55
    models.layers.LocalResponseNorm(),
    nn.Conv2d(96, 256, kernel_size=5, stride=2),  # 256 × 26 × 26
    nn.ReLU(),
    nn.MaxPool2d(3, stride=2, ceil_mode=True),  # 256 × 13 × 13
    models.layers.LocalResponseNorm(),
)
teaching.same_network(my_start, models.zfnet().features[:2], image_shape=(3, 224, 224))

# %% [markdown]
# ### 16.4 → 11.7?
#
# The errors, with what they were measured on. *nets*: how many networks vote.

# %%
errors = published.read("imagenet_errors")
names = ["AlexNet", "ZFNet Fig. 3", "ZFNet (b)", "ZFNet", "Clarifai"]
errors = errors[errors["network"].isin(names)][["network", "nets", "split", "top5", "source"]]
errors.style.hide(axis="index").format({"nets": "{:.0f}", "top5": "{:g}"}, na_rep="not stated")

# %%
top5 = errors.set_index(["network", "nets"])["top5"].dropna()
single = round(top5["AlexNet", 1] - top5["ZFNet Fig. 3", 1], 1)
ensemble = round(top5["AlexNet", 5] - top5["ZFNet", 6], 1)
assert (single, ensemble) == (1.7, 1.7)
teaching.three_ways(
    8,
    measured=f"one network against one: {single} points; ensemble against ensemble: {ensemble} points (not 4.7)",
    verb="computed",
)

# %% [markdown]
# The notes' 11.7 % is that of Clarifai, the company that Zeiler founded. (Its networks are said to have been chosen by looking inside, with
# the method of this paper; we know the organizers' word on it at second hand only.) And (b) is a *wider* ZFNet: the 512, 1024, 512 kernels that are often taken for ZFNet itself.

# %%
with torch.device("meta"):
    wide = complexity.profile(models.zfnet_b())
assert wide.params == 107_627_624
print(f"ZFNet (b): {wide.params:,} parameters, {wide.macs:,} multiply-adds")

# %% [markdown]
# ## 2 · Why stride 4 hurts
#
# Why those changes? The authors looked at AlexNet's first layers and saw two faults: kernels for very coarse and very fine
# patterns with little between, and in layer 2 patterns that are in no photograph: **aliasing** (에일리어싱). They blamed the large
# stride of layer 1, 4 pixels (section 4.1). You can make that happen. These are *gratings*, 2 to 30 stripes across 64 pixels (at 30 the
# picture itself begins to shimmer: more than 32 its own 64 pixels could not hold):


# %%
def grating(across, down=0, side=64):
    """A sine wave with so many stripes across and down: 1 × 1 × side × side."""
    at = torch.arange(side) / side
    return torch.sin(2 * math.pi * (across * at + down * at[:, None]))[None, None]


def first_layer(kernel, stride, seed):
    """16 random kernels; the image is wrapped around, so that a wave has no edge."""
    torch.manual_seed(seed)
    padding = {"padding": kernel // 2, "padding_mode": "circular"}
    return nn.Conv2d(1, 16, kernel, stride, bias=False, **padding).requires_grad_(False)


_ = plots.images(torch.cat([grating(n)[0] for n in (2, 6, 14, 30)]), [2, 6, 14, 30], size=1.6)

# %%
guess_grating = teaching.predict(ask.predictions["grating"])
guess_grating

# %%
layer = first_layer(11, 4, seed=0)
every_pixel = first_layer(11, 1, seed=0)
assert torch.equal(layer.weight, every_pixel.weight)
_ = pictures.sampled(
    grating(14)[0, 0], every_pixel(grating(14))[0, 0], layer(grating(14))[0, 0], stride=4
)

# %% [markdown]
# Gray: what the kernel answers at every pixel, 14 waves. Dots: every fourth answer, all that stride 4 keeps. The line through the dots is
# a wave as well, a broad one. Count the waves with a Fourier transform (it says how strong each wave is), for all gratings, both
# layers, three random sets of kernels:


# %%
def stripes(maps):
    """How many stripes the strongest wave across these maps has."""
    return int(torch.fft.rfft(maps).abs().square().sum((0, 1, 2)).argmax())


counts = range(1, 32)
seen = {
    name: [[stripes(first_layer(*window, seed)(grating(n))) for n in counts] for seed in SEEDS]
    for name, window in {"11 × 11, stride 4": (11, 4), "7 × 7, stride 2": (7, 2)}.items()
}

# %%
colors = {"11 × 11, stride 4": plots.ORANGE, "7 × 7, stride 2": plots.BLUE}
_ = plots.lines(
    seen,
    xlabel="stripes in the image (64 pixels)",
    ylabel="stripes in the map",
    title="What comes out of the first layer",
    colors=colors,
)

# %%
for name, most in (("11 × 11, stride 4", 8), ("7 × 7, stride 2", 16)):
    for counted in seen[name]:  # the same for every seed: no kernel can help
        right = [n for n, found in zip(counts, counted) if found == n]
        assert right == list(range(1, most + 1))
    print(
        f"{name}: right up to {most} stripes, one per {64 // most} pixels; then they fold back"
    )
assert all(counted[14 - 1] == 2 for counted in seen["11 × 11, stride 4"])
guess_grating.reveal("2 broad stripes")

# %% [markdown]
# A wave needs two kept values per period. With stride 4 everything finer than 8 pixels comes back as something coarser, whatever the
# kernel. With stride 2 the limit is 4 pixels. Try it in two directions:

# %%
explorers.aliasing()

# %% [markdown]
# Set *stripes down* to 4 and AlexNet's layer. **With 10 stripes across, which way do the stripes of the map lean, and how many are there
# across?** Then find out from how many stripes on ZFNet's layer makes the same mistake. Check:

# %%
response = first_layer(11, 4, seed=0)(grating(10, 4))[0]
power = torch.fft.fft2(response).abs().square().sum(0)[:, :9]
down, across = divmod(int(power.argmax()), 9)
assert (across, down - 16) == (6, -4)
teaching.correct(
    "10 stripes across become 6, and they lean the other way. ZFNet's layer folds from 17 on."
)

# %% [markdown]
# Do photographs have anything so fine? Take three, and a set of kernels that answer to edges (random, with mean 0). How much of the
# answer lies above the limit, where the stride must fold it?


# %%
def folded(maps, stride):
    """The share of the maps' energy in waves too fine for this stride."""
    side = maps.shape[-1]
    fade = torch.hann_window(side) * torch.hann_window(side)[:, None]  # no hard edge
    power = torch.fft.fft2(maps * fade).abs().square().sum((0, 1))
    wave = torch.fft.fftfreq(side).abs()  # periods per pixel
    fits = (wave < 0.5 / stride) & (wave[:, None] < 0.5 / stride)
    return 1 - (power[fits].sum() / power.sum()).item()


def edge_kernels(size, seed):
    kernels = torch.randn(16, 1, size, size, generator=torch.Generator().manual_seed(seed))
    return kernels - kernels.mean((2, 3), keepdim=True)


# %%
photos = {
    name: photo[:, :256, :256].float().mean(0)[None, None]
    for name, photo in datasets.sample_photos().items()
}
_ = plots.images([photo[0] for photo in photos.values()], list(photos), size=2)

# %%
share = {
    (name, size, stride): [
        folded(F.conv2d(photo, edge_kernels(size, seed)), stride) for seed in SEEDS
    ]
    for name, photo in photos.items()
    for size in (11, 7)
    for stride in (4, 2)
}

# %% tags=["measured"]
bars = {
    f"{n}, {k} × {k} / {s}": [100 * v for v in values] for (n, k, s), values in share.items()
}
strides = {name: plots.ORANGE if name.endswith("4") else plots.BLUE for name in bars}
_ = plots.bars(bars, xlabel="folded, % of the answer (kernel / stride)", colors=strides)

# %%
for name in photos:
    for size in (11, 7):
        for four, two in zip(share[name, size, 4], share[name, size, 2]):
            assert four > 1.4 * two > 0
    for stride in (4, 2):
        assert sum(share[name, 11, stride]) < sum(share[name, 7, stride])
    assert sum(share[name, 11, 4]) > sum(share[name, 7, 2])
teaching.correct(
    "With equal kernels stride 4 folds at least 1.4 times as much as stride 2, on every photo, for every seed."
)

# %%
if run.mode == "paper":  # kernels that were learned, by the one-column AlexNet of 2014
    learned = transfer.pretrained("alexnet_owt").features.conv1.conv.weight.detach()
    for name, photo in datasets.sample_photos().items():
        answer = F.conv2d(transfer.normalize(photo[None, :, :256, :256] / 255), learned)
        print(f"{name}: with learned kernels stride 4 folds ≈ {100 * folded(answer, 4):.0f} %")

# %% [markdown]
# How bad it is depends on the photo: the roofs of *china* are full of fine lines, the *flower* is soft. At equal stride the *larger* kernel
# folds less, since it answers more to broad waves. So ZFNet's two changes pull in opposite directions: the smaller stride is the
# cure, and from 11 × 11 / 4 to 7 × 7 / 2 it wins on all three photos.

# %% [markdown]
# ## 3 · Does the first look matter?
#
# Now with training. The task: read a handwritten digit that lies anywhere in the picture, among snippets of other digits.

# %%
data = clutter.cluttered_digits(copies=COPIES)
titles = [str(int(label)) for label in data.test.labels[:20]]
_ = plots.images(data.test.images[:20], titles)

# %% [markdown]
# The network has ZFNet's eight layers with fewer kernels, one pooling less and no normalization: the table shows all of it. With
# `coarse=True` it begins as AlexNet does: 11 × 11 every 4 pixels, then 5 × 5 every pixel, instead of 7 × 7 every 2, then 5 × 5
# every 2. Behind conv2 the shapes agree.


# %%
def train(seed, data=data, epochs=EPOCHS, width=WIDTH, weight_decay=0.0, **options):
    """One network, trained: (network, history)."""
    torch.manual_seed(seed)
    net = models.small.zfnet(
        data.num_classes, width=width, channels=data.image_shape[0], dropout=0.0, **options
    )
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.004, weight_decay=weight_decay)
    fall = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, epochs - 1)
    history = training.fit(
        net, data, optimizer, epochs, batch_size=64, scheduler=fall, seed=seed
    )
    return net.eval().cpu(), history


def errors_of(runs, data=data):
    """Test error of each network, in percent."""
    return [100 * training.evaluate(net, data).error for net, _ in runs]


complexity.profile(models.small.zfnet(10, width=WIDTH, channels=1), data.image_shape)

# %%
guess_first_look = teaching.predict(ask.predictions["first_look"])
guess_first_look

# %%
runs = {"ZFNet's: 7 × 7 / 2, 5 × 5 / 2": [train(seed) for seed in SEEDS]}

# %%
runs["AlexNet's: 11 × 11 / 4, 5 × 5 / 1"] = [train(seed, coarse=True) for seed in SEEDS]

# %% tags=["measured"]
first_look = {name: errors_of(three) for name, three in runs.items()}
_ = plots.bars(first_look, xlabel="test error, % (dots: seeds)", title="Two beginnings")

# %%
fine, coarse = first_look.values()
print(f"mean test error ≈ {sum(fine) / 3:.1f} % and ≈ {sum(coarse) / 3:.1f} %")
assert sum(coarse) > sum(fine) + 1.5  # half a point on average
guess_first_look.reveal("ZFNet's beginning")

# %% [markdown]
# Note that this compares both changes at once, kernel and stride, as the paper's Table 2 does (18.1 → 16.5 %, with all the rest that
# changed). How long does the lead last? **Loaded, not trained here**: the same networks, three times as many epochs.

# %%
long_runs = published.read("zfnet_removed").dropna()  # the last epoch has the test error
ends = long_runs.groupby("removed")["test_error"].agg(list)
print("ZFNet's beginning:  ", *(f"{e:.1f} %" for e in ends["nothing"]))
print("AlexNet's beginning:", *(f"{e:.1f} %" for e in ends["coarse"]))
gap = sum(ends["coarse"]) / 3 - sum(ends["nothing"]) / 3
assert min(ends["coarse"]) > max(ends["nothing"])
teaching.correct(f"The lead lasts: {gap:.1f} points after 12 epochs, in every seed.")

# %% [markdown]
# ## 4 · The deconvnet: which pixels made this unit fire?
#
# A *unit* is one value of a feature map: one channel at one place. How do you find out what it stands for? The first half of the answer is
# simple: show the network many images, and look at those that make the unit fire most. Take a channel of conv3, in a network trained with strong
# weight decay (you will see what for):


# %%
def layers_up_to(net, stage):
    """The layers of a network in order, up to the end of a stage."""
    names = [name for name, _ in net.features.named_children()]
    stages = net.features[: names.index(stage) + 1]
    return [layer for layer in stages.modules() if next(layer.children(), None) is None]


@torch.no_grad()
def peaks(net, stage, images=data.test.images):
    """The strongest unit of each channel in each image: images × channels."""
    return nn.Sequential(*layers_up_to(net, stage))(images).amax((2, 3))


# %%
net, _ = train(0, weight_decay=DECAY)
strength = peaks(net, "conv3")
channel = int(strength.mean(0).argmax())
best = strength[:, channel].topk(9)
names = [type(layer).__name__ for layer in layers_up_to(net, "conv3")]
print(" → ".join(names))

# %% [markdown]
# The second half is the paper's instrument, the **deconvnet** (for *deconvolutional network*). Send one of these images up; set every unit of conv3 to zero but the one; and go back down, layer
# by layer, to the pixels:
#
# 1. **unpool**: max pooling kept one pixel of each window. Remember which (the **switches**), and put the value back there.
# 2. **rectify**: ReLU, as on the way up, so that what comes down stays positive.
# 3. **filter**: the same kernels *transposed*: every value paints its kernel, the stronger the larger it is.
#
# Nothing is learned for this. On the way up, keep what you need to come back:


# %%
def climb(layers, x):
    """Up through the layers: the map, and the trail (layer, shape before it, switches)."""
    trail = []
    for layer in layers:
        before, where = x.shape, None
        if isinstance(layer, nn.MaxPool2d):
            window = layer.kernel_size, layer.stride
            x, where = F.max_pool2d(x, *window, ceil_mode=True, return_indices=True)
        else:
            x = layer(x)
        trail.append((layer, before, where))
    return x, trail


# %% [markdown]
# Then down. One trap: the pooling windows overlap (3 pixels wide, every 2), so a pixel can win in two windows. It must
# get the sum of both, which is what `scatter_add` does.


# %%
def unpool(x, where, shape):
    empty = torch.zeros(shape).flatten(2)
    return empty.scatter_add(2, where.flatten(2), x.flatten(2)).view(shape)


def descend(trail, x):
    """Down the trail, from a map to the pixels: the deconvnet."""
    for layer, shape, where in reversed(trail):
        if isinstance(layer, nn.MaxPool2d):
            x = unpool(x, where, shape)
        elif isinstance(layer, nn.ReLU):
            x = x.relu()
        else:
            x = nn.grad.conv2d_input(shape, layer.weight, x, layer.stride, layer.padding)
    return x


def alone(maps, channel):
    """The maps with only the strongest unit of one channel left in each image."""
    unit = maps[:, channel].flatten(1)
    place = F.one_hot(unit.argmax(1), unit.shape[1]).view_as(maps[:, channel])
    left = torch.zeros_like(maps)
    left[:, channel] = maps[:, channel] * place
    return left


# %% [markdown]
# (`conv2d_input` is the transposed convolution. It must be told the shape to come back to: with stride 2 an image 31 pixels wide and one
# 32 wide give the same 16 values.) **Check** yours against the library's:

# %%
images = data.test.images[best.indices]
with torch.no_grad():
    outputs, trail = climb(layers_up_to(net, "conv3"), images)
    painting = descend(trail, alone(outputs, channel))
    assert torch.allclose(painting, project(net, images, "conv3", channel), atol=1e-5)
teaching.correct("Your deconvnet paints what the library's `project` paints.")

# %% tags=["measured"]
labels = [str(int(label)) for label in data.test.labels[best.indices]]
_ = pictures.painted(images, painting, labels, side=32)

# %%
field = row(complexity.profile(net, data.image_shape), "conv3").field
lit = [picture.abs().sum((0, 1)).nonzero() for picture in painting]
widths = [int(columns.max() - columns.min()) + 1 for columns in lit]
assert max(widths) <= field
print(f"receptive field {field} pixels; widest painting within it: {max(widths) <= field}")

# %% [markdown]
# Above the images that fire this channel most, below what made it fire: where it is white, light pixels speak for the unit, where it
# is black, dark ones. Gray pixels do not matter. And this is a network without weight decay:

# %% tags=["measured"]
whole = [net for net, _ in runs["ZFNet's: 7 × 7 / 2, 5 × 5 / 2"]]
favorite = int(peaks(whole[0], "conv3").mean(0).argmax())
images = data.test.images[peaks(whole[0], "conv3")[:, favorite].topk(9).indices]
_ = pictures.painted(images, project(whole[0], images, "conv3", favorite), [""] * 9, side=32)


# %%
def roughness(net):
    """How much of the first kernels' energy changes from one pixel to the next (white noise: 2)."""
    kernels = net.features.conv1.conv.weight.detach()
    return (kernels.diff(dim=3).square().mean() / kernels.square().mean()).item()


torch.manual_seed(0)
random_net = models.small.zfnet(10, width=WIDTH, channels=1)
for name, one in {"untrained": random_net, "trained": whole[0], "weight decay": net}.items():
    right = 100 * training.evaluate(one, data).accuracy
    print(f"{name:12}: roughness ≈ {roughness(one):.1f}, reads ≈ {right:.0f} % right")
assert roughness(net) < 0.75 * roughness(whole[0]) and roughness(random_net) > 1.8

# %% [markdown]
# The noise is not in the images: it is what the kernels began with. Learning adds to the random numbers and has no reason to take
# them away, unless weight decay gives it one. That is not free: in so short a training the network with the clear paintings reads
# fewer digits right. A clear painting is easy to look at, and no proof of a good network.
#
# ### Do the painted pixels matter?
#
# A pretty picture is not a proof. Keep only the tenth of the pixels that are painted most strongly, make the rest gray, and show *that*
# to the network. How much of the unit's answer is left? For comparison: as many random pixels from the painted place, and a
# deconvnet without switches, which puts everything back to the first pixel of its window.


# %%
def without_switches(trail):
    """The same trail, with every switch set to the upper left pixel of its window."""
    changed = []
    for layer, shape, where in trail:
        if where is not None:
            rows, columns = (torch.arange(n) * layer.stride for n in where.shape[2:])
            where = (rows[:, None] * shape[3] + columns).expand_as(where)
        changed.append((layer, shape, where))
    return changed


def shuffled(painting, seed=0):
    """The painted pixels in random order of strength."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(painting.shape, generator=generator) * (painting != 0)


# %%
def strongest(painting, share=0.1):
    """1 for the most strongly painted pixels, 0 elsewhere."""
    strength = painting.abs().flatten(1)
    least = strength.topk(int(share * strength.shape[1]), 1).values[:, -1:]
    return ((strength >= least) & (strength > 0)).view_as(painting)


@torch.no_grad()
def kept(net, stage, channel, images):
    """How much of a channel's answer to its nine best images is left: by kind of painting."""
    layers = layers_up_to(net, stage)
    maps, trail = climb(layers, images)
    unit, whole = alone(maps, channel), maps[:, channel].amax((1, 2))
    paintings = {
        "deconvnet": descend(trail, unit),
        "no switches": descend(without_switches(trail), unit),
    }
    paintings["random pixels"] = shuffled(paintings["deconvnet"])
    return {
        kind: (climb(layers, images * strongest(p))[0][:, channel].amax((1, 2)) / whole)
        .mean()
        .item()
        for kind, p in paintings.items()
    }


# %%
def nine_best(net, stage):
    """Channels that fire in at least nine test images: channel -> the indices of its nine best."""
    best = peaks(net, stage).topk(9, dim=0)
    alive = (best.values[-1] > 0).nonzero().flatten().tolist()
    return {channel: best.indices[:, channel] for channel in alive}


def mean_kept(net, stage):
    """What is left, on average over the channels."""
    best = nine_best(net, stage).items()
    return pd.DataFrame(
        [kept(net, stage, channel, data.test.images[i]) for channel, i in best]
    ).mean()


left = [mean_kept(net, stage) for net in whole for stage in ("conv3", "conv5")]

# %% tags=["measured"]
kinds = {kind: [100 * one[kind] for one in left] for kind in left[0].index}
_ = plots.bars(kinds, xlabel="answer left, % (dots: conv3 and conv5 of three networks)")

# %%
for one in left:
    assert one["deconvnet"] > 1.1 * one["no switches"]
    assert one["deconvnet"] > 1.5 * one["random pixels"]
teaching.correct(
    "In conv3 and conv5 of all three networks: the deconvnet's pixels keep the most."
)

# %% [markdown]
# ### From strokes to digits
#
# The paper's most famous figure (its Figure 2) shows this layer by layer: corners and edges in layer 2, textures in 3, dog faces
# in 4, whole keyboards and dogs in 5. Put a number on it: of the nine test images that fire a channel most, how many show the same digit?


# %%
def same_digit(net, stage):
    """Of each living channel's nine best images, how many have the commonest label; the mean."""
    best = torch.stack(list(nine_best(net, stage).values()), dim=1)
    counts = F.one_hot(data.test.labels[best], data.num_classes).sum(0)
    return counts.amax(1).double().mean().item()


purity = [
    [same_digit(net, stage) for stage in ("conv1", "conv2", "conv3", "conv4", "conv5")]
    for net in whole
]
any_nine = torch.randint(len(data.test), (9, 1000), generator=torch.Generator().manual_seed(0))
digits_of = F.one_hot(data.test.labels[any_nine], data.num_classes).sum(0)
by_chance = digits_of.amax(1).double().mean().item()

# %% tags=["measured"]
_ = plots.lines(
    {"three networks": purity, "at random": [[by_chance] * 5]},
    xlabel="convolution",
    ylabel="of 9 images, the same digit",
    title="The nine best images of a channel",
)

# %%
assert all(by_stage[4] > by_stage[0] + 1 > by_chance + 1 for by_stage in purity)
teaching.correct(
    "In all three networks conv5's channels are choosier than conv1's, by more than one image in nine."
)

# %% [markdown]
# ## 5 · Occlusion: what does the network lean on?
#
# The second instrument needs no way back at all. Slide a gray square over the image and watch the probability of the right class: where it
# falls, the network needed what is now covered (section 4.2). Gray is 0, the mean of the training images.


# %%
@torch.no_grad()
def right_class(net, image, label, square=SQUARE, step=4):
    """The probability of the right class for each place of the square: rows × columns."""
    places = range(0, image.shape[-1] - square + 1, step)
    covered = image.repeat(len(places) ** 2, 1, 1, 1)
    corners = [(top, left) for top in places for left in places]
    for one, (top, left) in zip(covered, corners):
        one[:, top : top + square, left : left + square] = 0
    return net(covered).softmax(1)[:, label].view(len(places), len(places))


# %%
image, label = data.test.images[3], int(data.test.labels[3])
mine = right_class(net, image, label)
assert torch.allclose(mine, occlusion(net, image, SQUARE, step=4)[..., label], atol=1e-5)
teaching.correct(
    f"Yours gives what the library's `occlusion` gives, for {mine.numel()} places."
)

# %% tags=["measured"]
trained = whole[0]
with torch.no_grad():
    read = trained(data.test.images).argmax(1) == data.test.labels  # only what it reads right
picks = read.nonzero().flatten()[:6].tolist()
maps = [right_class(trained, data.test.images[i], data.test.labels[i], step=2) for i in picks]
names = [f"a {data.test.labels[i]}" for i in picks]
_ = pictures.occlusion(data.test.images[picks, 0], maps, names, SQUARE, step=2)

# %%
chances = torch.stack(maps)
print(f"right class, lowest and highest: ≈ {chances.min():.2f} and ≈ {chances.max():.2f}")
assert chances.min() < 0.5 < chances.max()

# %% [markdown]
# Yellow: the square does not matter there. Blue: without these pixels the network no longer believes in the digit. Look closer at one
# of them, the second picture, with the square at its worst place:

# %% tags=["measured"]
image, label = data.test.images[picks[1]], int(data.test.labels[picks[1]])
place, column = divmod(int(maps[1].argmin()), maps[1].shape[1])
believed = occlusion(trained, image, SQUARE, step=2)[place, column]
_ = pictures.covered(image[0], believed, maps[1], (2 * place, 2 * column), SQUARE, label)

# %%
assert believed.argmax() != label
print(f"right class ≈ {believed[label]:.2f}: it reads another digit now")

# %% [markdown]
# Is it always the digit that matters? Here are the same pictures with a little extra: a white mark at the upper edge, the further to the right the higher
# the digit. Such things happen: a hospital's tag on an X-ray, a photographer's signature.

# %%
marked_data = clutter.cluttered_digits(copies=COPIES, marked=True)
_ = plots.images(marked_data.test.images[:20], titles)

# %%
guess_cheat = teaching.predict(ask.predictions["cheat"])
guess_cheat

# %%
cheating = [train(seed, marked_data, epochs=2)[0] for seed in SEEDS]
for name, nets, tested_on in (
    ("trained without marks, tested without", whole, data),
    ("trained with marks, tested with      ", cheating, marked_data),
    ("trained with marks, tested without   ", cheating, data),
):
    print(
        name,
        *(f"≈ {100 * training.evaluate(n, tested_on).accuracy:.0f} %" for n in nets),
    )

# %% [markdown]
# By its test accuracy the second network is the better one, in half the time! Without marks it is at a loss. But you do not always have
# test images without marks. The gray square finds it out with what you have. How much of the probability is gone, by the row that the
# square is in, for 40 test images?


# %%
def lost_by_row(net, split, images=40):
    """The mean share of the right class's probability that is lost, for each row of the square."""
    lost = []
    for image, label in zip(split.images[:images], split.labels[:images]):
        with torch.no_grad():
            before = net(image[None]).softmax(1)[0, label]
        lost.append((1 - right_class(net, image, label) / before).clamp(min=0).mean(1))
    return torch.stack(lost).mean(0).tolist()


lost = {
    "trained without marks": [lost_by_row(n, data.test) for n in whole],
    "trained with marks": [lost_by_row(n, marked_data.test) for n in cheating],
}

# %% tags=["measured"]
_ = plots.lines(
    lost,
    x=range(0, 25, 4),
    xlabel="upper edge of the square, in pixels from the top",
    ylabel="share of p(right class) lost",
    title="Where the gray square hurts",
    colors={"trained without marks": plots.BLUE, "trained with marks": plots.ORANGE},
)

# %%
for honest, cheat in zip(lost["trained without marks"], lost["trained with marks"]):
    assert cheat[0] > 3 * max(cheat[2:])  # the mark is in the rows 0 to 3
    assert honest[0] < max(honest[2:])
accuracy = [training.evaluate(n, data).accuracy for n in cheating]
assert max(accuracy) < 0.4 and min(training.evaluate(n, data).accuracy for n in whole) > 0.7
guess_cheat.reveal("it falls, while covering the digit hardly matters")

# %% [markdown]
# Now slide the square yourself. These maps are **loaded, not trained here**: two networks as above, the square at every second pixel.

# %%
print(
    *(f"{key}: {value}" for key, value in published.provenance("occlusion").items()), sep="\n"
)

# %%
explorers.occlusion()

# %% [markdown]
# **With the network trained without marks: which digit does it take each image for, at the place where the square hurts most?** Then take
# the other one, and try to find a place below the mark that makes it wrong. Check:

# %%
table = published.read("occlusion")
classes = [str(n) for n in range(10)]
table["says"] = table[classes].idxmax(axis=1).astype(int)
table["right"] = [r[str(r["label"])] for _, r in table.iterrows()]
worst = table.loc[table.groupby(["trained on", "image"])["right"].idxmin()]
worst[["trained on", "label", "says", "top", "left"]].style.hide(axis="index")

# %%
wrong = table[table["says"] != table["label"]]
by_mark = wrong[wrong["trained on"] == "marked"]
assert len(by_mark) and (by_mark["top"] < 4).all()
assert (wrong[wrong["trained on"] == "plain"]["top"] >= 4).any()
teaching.correct(
    "The network trained with marks goes wrong only where the square touches the mark."
)

# %% [markdown]
# The paper does this with photographs: cover the face of a dog, and the probability of its breed drops. With published
# weights you can repeat it (`paper` only: 528 MB are downloaded once).

# %%
if run.mode == "paper":
    vgg = transfer.pretrained("vgg16").eval()
    photo = datasets.sample_photos()["grace_hopper"][None].float() / 255
    photo = F.interpolate(photo[..., :512, :], size=(224, 224), mode="bilinear")
    chances = occlusion(vgg, transfer.normalize(photo)[0], square=64, step=16)
    believed = int(vgg(transfer.normalize(photo)).argmax())
    shown = [chances[..., believed]]
    _ = pictures.occlusion(photo.mean(1), shown, [f"class {believed}"], 64, step=16)

# %% [markdown]
# ## 6 · Take layers out and train again
#
# Which layers does such a network need? The authors left some out of AlexNet and trained each network anew. Guess before you look:

# %%
guess_removal = teaching.predict(ask.predictions["removal"])
guess_removal

# %% [markdown]
# Their numbers are for AlexNet; *params* we count ourselves, for one GPU (no groups). fc6 is a convolution with a 6 × 6 kernel on a 6 × 6
# map, and if it is left out, the next layer is:

# %%
LAYERS = {1: (96, 11), 2: (256, 5), 3: (384, 3), 4: (384, 3), 5: (256, 3)}  # channels, kernel
LAYERS |= {6: (4096, 6), 7: (4096, 1), 8: (1000, 1)}


def params_without(removed):
    c, total = 3, 0
    for layer, (c_out, kernel) in LAYERS.items():
        if layer in removed:
            continue
        if layer > 6 and c == 256:  # the first fully connected layer reads the whole map
            kernel = 6
        total, c = total + complexity.conv_params(c, c_out, kernel), c_out
    return total


# %%
table3 = published.read("zfnet_table3").set_index("removed")
REMOVED = {name: tuple(int(n) for n in name.split() if n.isdigit()) for name in table3.index}
table3["params"] = [params_without(layers) for layers in REMOVED.values()]
table3["points lost"] = (table3["top5"] - table3["top5"]["nothing"]).round(1)
table3[["top1", "top5", "points lost", "params"]]

# %%
more = complexity.conv_params(3, 96, 11) - complexity.conv_params(3, 96, 7)
assert table3["params"]["nothing"] == zfnet.params + more == 62_378_344
own = {"7": complexity.linear_params(4096, 4096)}
own["3 4"] = complexity.conv_params(256, 384, 3) + complexity.conv_params(384, 384, 3)
for name, params in own.items():
    print(
        f"layers {name}: {params:,} parameters, {params / table3['params']['nothing']:.1%} of all"
    )
assert table3["points lost"]["3 4"] > 10 * table3["points lost"]["7"]
guess_removal.reveal("layers 3 and 4, with 3.5 % of the parameters")

# %% [markdown]
# Two layers out of the middle, or the two fully connected ones: 4 points each. All four: 32 points. The paper's conclusion: the *depth* as a
# whole counts, more than any single part. Does that hold for our digits (in a `paper` run, for photographs)? Take all four out:

# %%
digits_or_photos = data if run.mode == "quick" else datasets.cifar10()
if run.mode == "paper":
    runs["ZFNet's: 7 × 7 / 2, 5 × 5 / 2"] = [
        train(seed, digits_or_photos, **PHOTOS) for seed in SEEDS
    ]
without = {"without": (3, 4, 6, 7), **PHOTOS}
runs["short"] = [train(seed, digits_or_photos, **without) for seed in SEEDS]

# %%
complete, short = (
    errors_of(runs[k], digits_or_photos) for k in ("ZFNet's: 7 × 7 / 2, 5 × 5 / 2", "short")
)
print("eight layers:", *(f"≈ {e:.1f} %" for e in complete))
print("four layers: ", *(f"≈ {e:.1f} %" for e in short))
print(f"ratio of the means ≈ {sum(short) / sum(complete):.1f}; in the paper {50.1 / 18.1:.1f}")
assert sum(short) < 2 * sum(complete)

# %% [markdown]
# Nothing like a collapse: reading ten digits is no ImageNet. But is there a trace of it? In so short a training noise decides. Here are
# all five networks, trained three times as long (**loaded, not trained here**):

# %%
print(
    *(f"{key}: {value}" for key, value in published.provenance("zfnet_removed").items()),
    sep="\n",
)
ours = {name: ends[name] for name in table3.index}
_ = pictures.removal(table3["top5"].to_dict(), ours)

# %%
mean = {name: sum(values) / len(values) for name, values in ours.items()}
for name, value in mean.items():
    print(f"without {name}: mean test error {value:.1f} %")
cost = {name: value - mean["nothing"] for name, value in mean.items()}
assert max(cost["7"], cost["6 7"], cost["3 4"]) < 1 < cost["3 4 6 7"]
assert cost["3 4 6 7"] > cost["6 7"] + cost["3 4"]  # more than its parts
assert min(ours["3 4 6 7"]) > max(ours["nothing"])  # in every seed

# %% [markdown]
# In small it is as in the paper: layer 7 is not missed, and all four together cost more than their parts. Every network without the four
# reads worse than every whole one. But the parts, 4 points each on ImageNet, cost next to nothing here, and two points are not 32. Which layers *your* network needs depends on its
# task, and you find out in one way only: take them out and train again.

# %% [markdown]
# ## 7 · Exercises
#
# Put your answer in place of `...`, run the cell, read what the check found. Hints and solutions unfold.

# %%
ask.exercises["shape"]

# %%
my_height = ...
ask.exercises["shape"].check(my_height)

# %%
ask.exercises["alias"]

# %%
my_stripes = ...
ask.exercises["alias"].check(my_stripes)

# %%
ask.exercises["fc7"]

# %%
my_parameters = ...
ask.exercises["fc7"].check(my_parameters)

# %%
ask.exercises["seen"]


# %%
def stripes_seen(stripes, values):
    return ...  # your code


ask.exercises["seen"].check(stripes_seen)

# %%
ask.exercises["rules"]


# %%
def relu_back(rule, x, signal):
    return ...  # your code


ask.exercises["rules"].check(relu_back)

# %%
ask.exercises["paint"]


# %%
def paint(conv1, conv2, image, channel):
    return ...  # your code


ask.exercises["paint"].check(paint)

# %%
ask.exercises["shortened"]


# %%
def shortened(removed):
    return ...  # your code


ask.exercises["shortened"].check(shortened)

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
# * **ZFNet** is AlexNet looked at and repaired (AlexNet에서 구조를 조금 바꾼 것, "minor architectural changes"): conv1 from 11 × 11, stride 4, to 7 × 7, stride 2, stride 2 in conv2,
#   no groups. 62,357,608 parameters, 2 % more; 1,168,032,896 multiply-adds, 61 % more.
# * *16.4 → 11.7 %* compares five AlexNets with Clarifai's ensemble. One network against one: 18.2 → 16.5 %; ensemble against ensemble: 16.4 → 14.7 %: 1.7
#   points each time.
# * **Aliasing** (에일리어싱): a map with stride 4 (보폭) holds waves of 8 pixels and more, with stride 2 of 4 pixels and more. Finer ones come back as
#   false, coarser ones: 14 stripes as 2. ZFNet's beginning also reads our digits better.
# * **Deconvnet** (디컨브넷): unpool with switches (스위치, 최댓값의 위치), rectify (정류), filter with transposed kernels (전치 필터). A tenth of the pixels, chosen by
#   it, keeps more of a unit's answer than without switches, and far more than random pixels. Of a channel's nine best images three to
#   four show one digit in conv1, five to six in conv5.
# * **Occlusion** (가리기 실험): the gray square shows what a network leans on. A network with 99 % test accuracy leaned on a mark at the edge, and without marks it
#   fell below 40 %.
# * **Layers removed**: on ImageNet layers 3 and 4 (3.5 % of the parameters) cost 4.0 points and layer 7 (27 %) 0.3; all four cost 32. On our
#   digits no part costs a point, all four cost two: depth counts more than any part.
#
# **Where to go next.** If finer looks and more depth are good, why not the finest kernels there are, and twice the depth? That is
# [04 VGG](04_vgg.ipynb). Back to the map: [00 Start here](00_start_here.ipynb).
