# %% [markdown]
# # 02 · AlexNet: what made 2012 work?
#
# {{badges}}
#
# **In this notebook you build AlexNet from its layer table, and test some reasons for its success: data,
# augmentation, ReLU, normalization, dropout.** Depth follows in lesson 03. Paper: Krizhevsky, Sutskever, Hinton, *ImageNet Classification with Deep Convolutional
# Neural Networks*, NIPS 2012.
#
# Afterwards you can
# * write AlexNet in code, and say which layers hold its parameters and which do its work;
# * split a network over two GPUs and count the bytes that cross;
# * test a trick fairly: one change, several seeds, each side at its own best learning rate;
# * find the mistakes in an evaluation that reports the wrong number.
#
# | | |
# |---|---|
# | **15 minutes** | run everything, then read and do the cells marked ➤ |
# | **75 minutes** | the lecture: all sections, without the exercises and the project |
# | **three hours** | all of it, without the project |
# | `quick` run (default) | handwritten digits and ten photographs, any laptop, no internet, about a minute of computing |
# | `class` run | the same experiments on 10,000 CIFAR-10 photographs (170 MB to download) |
# | `paper` run | all CIFAR-10 photographs, more seeds, and the paper's recipe on Imagenette; a GPU for hours |

# %%
# {{install}}
import lecture8

run = lecture8.start(class_run="170 MB of CIFAR-10")

# %%
from dataclasses import replace

import pandas as pd
import torch
from torch import nn

from lecture8 import (
    complexity,
    datasets,
    live,
    models,
    plots,
    published,
    teaching,
    training,
    transfer,
)
from lecture8.lessons.l02_alexnet import explorers, pictures
from lecture8.lessons.l02_alexnet import questions as ask
from lecture8.lessons.l02_alexnet.experiments import norm_rate
from lecture8.lessons.l02_alexnet.layers import exchanges, layer_table
from lecture8.models.alexnet import LAYERS, PerGPU
from lecture8.models.alexnet_two_gpus import halve
from lecture8.models.layers import glorot_init

_ = pictures.volumes(LAYERS, title="AlexNet on its two GPUs, drawn to scale")

# %% [markdown]
# In the ImageNet challenge of 2012 (lesson 00), five networks like this one, averaged, had a top-5 error of 16.4 %. The best entry without such a
# network had 26.2 %.
#
# What you may want to change is in the next cell. For another run, write `lecture8.start("class", class_run="170 MB of CIFAR-10")` above.

# %%
# a class run has one seed: it cannot tell a small effect from luck
SEEDS = run.choose(quick=(0, 1, 2), class_=(0,), paper=(0, 1, 2, 3, 4))
WIDTH = run.choose(quick=8, class_=16, paper=16)  # of the small networks
SIDE = run.choose(quick=16, class_=28, paper=28)  # pixels of a crop
FEW = run.choose(quick=100, class_=1_000, paper=5_000)  # images in sections 3 and 6
EPOCHS_FEW = run.choose(quick=80, class_=25, paper=60)
EPOCHS_ALL = run.choose(quick=6, class_=6, paper=40)  # section 5
if run.mode == "quick":
    data = datasets.digits(size=20)
else:
    photographs = datasets.cifar10()
    data = run.choose(quick=None, class_=photographs.take(10_000), paper=photographs)
data

# %% [markdown]
# ## 1 · Eight layers
#
# AlexNet has five convolutions and three **fully connected** layers (완전 연결층, FC), which lesson 00 called linear. Each
# convolution is followed by **ReLU**, max(0, x). Some are followed by normalization (section 5) and a max pooling layer. Together they are
# a *stage*. Write one:

# %%
ask.builds["stage"]


# %%
def stage(c_in, c_out, kernel, stride=1, padding=0, groups=1, norm=None, pool=False):
    layers = [...]  # the convolution, then ReLU
    if norm is not None:
        layers.append(...)
    if pool:
        layers.append(...)
    return nn.Sequential(*layers)


stage = ask.builds["stage"].use(stage)

# %% [markdown]
# The paper's table as code (section 2: `groups`, section 5: `norm`):


# %%
def norm():  # PyTorch divides alpha by the five channels: this is the paper's 1e-4
    return PerGPU(nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2))


alexnet = nn.Sequential(
    stage(3, 96, 11, stride=4, norm=norm(), pool=True),
    stage(96, 256, 5, padding=2, groups=2, norm=norm(), pool=True),
    stage(256, 384, 3, padding=1),
    stage(384, 384, 3, padding=1, groups=2),
    stage(384, 256, 3, padding=1, groups=2, pool=True),
    nn.Flatten(),
    *(nn.Linear(256 * 6 * 6, 4096), nn.ReLU(), nn.Dropout(0.5)),
    *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5)),
    nn.Linear(4096, 1000),
)
layer_table(alexnet, (3, 227, 227))

# %% [markdown]
# ➤ Read the column *output* from top to bottom. (The paper writes 224, not 227; the folded box below says why.) The side shrinks, 227 → 55 → 27 → 13 → 6, and the number of channels grows, 3 → 96 → 256.
# Two quantities measure the size of a network: its **parameters**, the numbers
# that training sets, and its **multiply-adds**, the work for one image.

# %%
guess_where = teaching.predict(ask.predictions["where"])
guess_where

# %%
layers = complexity.profile(alexnet, (3, 227, 227)).layers
weighted = [layer for layer in layers if layer.params]
names = [*LAYERS, "fc6", "fc7", "fc8"]
shares = {name: (layer.params, layer.macs) for name, layer in zip(names, weighted)}
found = "parameters in the fully connected layers, work in the convolutions"
guess_where.reveal(found, pictures.areas(shares))

# %%
ask.exercises["conv2"]

# %%
my_params = ...
ask.exercises["conv2"].check(my_params)

# %% [markdown]
# ### For the curious: the order of the layers, and 224 or 227?
#
# <details><summary>Four details of the paper (five minutes)</summary>
#
# **The order.** Many lists, the notes of this lecture among them, have CONV, POOL, NORM. The paper normalizes first and pools afterwards
# (section 3.5). The other order would have 4.2 times fewer values to normalize, and CaffeNet, a later remake, chose it.
#
# **The size.** The paper says that images are 224 × 224. A window of 11 pixels that moves by 4 fits at (224 - 11) / 4 + 1 = 54.25 positions, which is not an integer. There are three repairs: images of 227 (Caffe), rounding up, so that the last window hangs over the
# edge (the authors' code), or 2 pixels of zeros around the image (torchvision). All three give 55, and all three are called AlexNet.
# Find them with the controls below: which settings give fc6 the paper's 9,216 inputs?
#
# **Fence posts.** The paper counts 32 · 32 · 2 = 2,048 different crops of 224 × 224 from a photograph of 256 × 256. From 0 to 32 there
# are 33 shifts, as a fence with 32 panels has 33 posts: 33 · 33 · 2 = 2,178.
#
# **Overlapping pooling.** The pooling windows are 3 wide and move by 2, so neighbors overlap. The paper found 0.4 points less top-1 error
# than with windows of 2. With 300 test images, one image is 0.33 points: our experiments could not see this effect.
#
# </details>

# %%
explorers.edge()

# %% [markdown]
# ## 2 · Compute: one network on two GPUs
#
# A GTX 580 had 3 GB of memory, too little for this network and its batches. So half of the kernels of every layer went to a second GPU.
# conv1 sees the image on both. conv2 sees only what its own GPU has computed. A convolution in **two groups** (그룹 합성곱) does exactly
# that on one device. Is it really the same? `halve` moves the weights of one AlexNet into two towers.
#
# ➤ Below the claim, four layers of 8 channels. Which channels of conv1 does channel 1 of conv4 never see? In which convolution must you set one group, so that it sees all? What do 8 groups cost?

# %%
torch.manual_seed(0)
images = torch.randn(2, 3, 227, 227)
whole = models.alexnet()
# larger weights than the paper's, so that the logits differ from image to image
for module in whole.modules():
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight)
towers = halve(whole).eval()
with torch.no_grad():
    one, two = whole.eval()(images), towers(images)
same = torch.allclose(one, two, atol=1e-4 * one.std().item())
teaching.claim("Two towers and one network with groups give the same logits.", same)
first_four = ["conv1", "conv2", "conv3", "conv4"]
touched = {"names": first_four, "groups": [2, 2, 2], "channels": 8, "kernel": 3}
live.show("groups", touched, pictures.grouped(**touched))

# %%
guess_crossing = teaching.predict(ask.predictions["crossing"])
guess_crossing

# %%
rows = exchanges(towers, images)
total = sum(crossing for *_, crossing in rows)
share = total / images[0].nbytes
found = "less than half of the image" if share < 0.5 else "about as many as the image has"
guess_crossing.reveal(found, pictures.towers(rows, title="What crosses for one image"))

# %% [markdown]
# Any of the three will do; AlexNet chose conv3. Compared with one GPU and half as many kernels in conv1 to conv4, the two GPUs made 1.7 points fewer top-1 errors (only the first guess counts; section 3.2 of the paper). Why do the halves not meet before conv2, too?

# %%
ask.exercises["crossing"]

# %%
my_bytes = ...
ask.exercises["crossing"].check(my_bytes)

# %%
ask.exercises["days"]

# %%
my_days = ...
ask.exercises["days"].check(my_days)

# %% [markdown]
# ## 3 · Data: more images from the same images
#
# Earlier data sets of labeled photographs had tens of thousands of images; ILSVRC has 1.2 million. Does the number
# matter, if training takes as many steps? These runs are **loaded, not trained here**: small AlexNets on 100 to 1,297 digits, 832 steps
# each.

# %%
guess_images = teaching.predict(ask.predictions["images"])
guess_images

# %%
sizes = published.read("alexnet_sizes")
equal = sizes[(sizes["seed"] >= 10) & (sizes["steps"] == sizes["steps"].max())]
by_size = equal.groupby("images")["test_error"].mean()
falls = by_size.is_monotonic_decreasing and by_size.iloc[-1] < by_size.iloc[0] / 2
found = "it falls, down to less than half" if falls else "it hardly changes"
guess_images.reveal(found, pictures.training_images(sizes))

# %%
teaching.claim(
    "In {steps} steps each: {few} digits {a:.1f} % test error, {all:,} digits {b:.1f} %.",
    by_size.is_monotonic_decreasing,
    steps=sizes["steps"].max(), few=by_size.index[0], a=by_size.iloc[0], all=by_size.index[-1], b=by_size.iloc[-1],
)  # fmt: skip

# %% [markdown]
# Sixty million parameters are many even for 1.2 million images. **Data augmentation** (데이터 증강) shows another version of a photograph every
# time: a random **crop** of 224 × 224 from 256 × 256, mirrored or not, with its colors shifted along their **principal components** (주성분),
# the directions in which they vary most. ➤ Switch the three on and off; the paper uses color noise of 0.1.

# %%
explorers.augment()

# %% [markdown]
# ### Does it help?
#
# Crops first. Write them yourself; every training below uses them.

# %%
ask.builds["random_crops"]


# %%
def random_crops(images, side, generator):
    most = images.shape[-1] - side  # the largest shift
    corners = ...  # for each image (top, left), each from 0 to `most`
    crops = [
        image[:, top : top + side, left : left + side]
        for image, (top, left) in zip(images, corners.tolist())
    ]
    return torch.stack(crops)


random_crops = ask.builds["random_crops"].use(random_crops)

# %% [markdown]
# We train on few images, with a small AlexNet of your own stages: the same eight layers, narrower, with smaller kernels.
# `training.run_epoch` is your loop of lesson 00. **Adam** is an optimizer that adapts the size of the step to each weight.


# %%
def small_alexnet(seed, norm=lambda channels: None, drop=nn.Identity):
    torch.manual_seed(seed)
    w, channels = WIDTH, data.image_shape[0]
    last = complexity.conv_size(
        complexity.conv_size(complexity.conv_size(SIDE, 3, 2), 3, 2), 3, 2
    )
    net = nn.Sequential(
        stage(channels, 2 * w, 5, padding=2, norm=norm(2 * w), pool=True),
        stage(2 * w, 4 * w, 5, padding=2, groups=2, norm=norm(4 * w), pool=True),
        stage(4 * w, 6 * w, 3, padding=1),
        stage(6 * w, 6 * w, 3, padding=1, groups=2),
        stage(6 * w, 4 * w, 3, padding=1, groups=2, pool=True),
        nn.Flatten(),
        *(nn.Linear(4 * w * last**2, 16 * w), nn.ReLU(), drop()),
        *(nn.Linear(16 * w, 16 * w), nn.ReLU(), drop()),
        nn.Linear(16 * w, data.num_classes),
    )
    return glorot_init(net).to(run.device)


# %%
def train(net, images, epochs, seed, lr=0.001, batch=50):
    """Yields the network after every epoch, so that whoever calls this can test it in between."""
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    images, shuffle = images.to(run.device), torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        batches = images.batches("train", batch, shuffle, augment=True)
        training.run_epoch(net, batches, optimizer)
        yield net


def trained(*args, **options):
    """The network after the last epoch."""
    return list(train(*args, **options))[-1]


# %%
def middle(images):
    edge = (images.shape[-1] - SIDE) // 2
    return images[..., edge : edge + SIDE, edge : edge + SIDE]


def crop(images, generator):
    return random_crops(images, SIDE, generator)


centered = replace(data.map(middle), augment=None)
off_center = replace(data, augment=None).map(
    lambda images: crop(images, torch.Generator().manual_seed(0))
)
few = centered.take(FEW)
ways = {
    "the middle": few,
    "random crops": replace(data.take(FEW), augment=crop),
    "mirror images": replace(few, augment=datasets.random_flip()),
}
_ = plots.images(next(iter(few.batches("train", 20)))[0], columns=10, size=0.7)

# %% [markdown]
# Three ways to train: on the middle of each image, on random crops, on the middle or its mirror image. Two tests on new images: on their middle, and *off center*, on a crop somewhere in the image. (One learning rate for all: section 4 shows why that is a weakness.)

# %%
guess_flip = teaching.predict(ask.predictions["flip"])
guess_flip

# %%
by_way = {
    way: [trained(small_alexnet(seed), ways[way], EPOCHS_FEW, seed) for seed in SEEDS]
    for way in ("the middle", "random crops")
}

# %%
by_way["mirror images"] = [
    trained(small_alexnet(seed), ways["mirror images"], EPOCHS_FEW, seed) for seed in SEEDS
]


# %% tags=["measured"]
def tested(nets, images):
    return [100 * training.evaluate(net, images).accuracy for net in nets]


places = {"middle": centered, "off center": off_center}
scored = {(w, p): tested(by_way[w], places[p]) for p in places for w in by_way}
gain = {
    key: sum(new - old for new, old in zip(scored[key], scored["the middle", key[1]]))
    / len(SEEDS)
    for key in scored
}
helps = gain["random crops", "off center"] > 0, gain["mirror images", "middle"] > 0
found = {(True, True): "both help", (True, False): "crops help, mirror images hurt"}
found |= {(False, True): "mirror images help, crops hurt", (False, False): "neither helps"}
named = {f"{way}, tested {place}": values for (way, place), values in scored.items()}
kinds = {"the middle": plots.GRAY, "random crops": plots.BLUE, "mirror images": plots.ORANGE}
colors = {name: kinds[name.split(", ")[0]] for name in named}
figure = plots.bars(named, xlabel="accuracy on new images, % (dots: seeds)", colors=colors)
guess_flip.reveal(found[helps], figure)

# %%
teaching.claim(
    "Random crops change the accuracy off center by ≈ {crops:+.0f} points, mirror images that in the "
    "middle by ≈ {mirror:+.0f}.",
    run.mode != "quick" or (gain["random crops", "off center"] > 8 and helps[1] is False),
    crops=gain["random crops", "off center"],
    mirror=gain["mirror images", "middle"],
)

# %% [markdown]
# One rule fits both: a version helps if new images could look like it, and if its label is still right.
#
# AlexNet also *tests* with ten crops, four corners, the middle, and the mirror images of these, and averages the predictions. On ImageNet
# (2010) this lowers the top-1 error from 39.0 to 37.5 % (section 6 of the paper). **Before you run the next cell: what will ten
# crops do to our networks trained on random crops?**

# %%
ten = tested([training.TenCrop(net, SIDE) for net in by_way["random crops"]], data)
one_crop = scored["random crops", "middle"]
print("the middle:", *(f"≈ {value:.1f} %" for value in one_crop))
print("ten crops: ", *(f"≈ {value:.1f} %" for value in ten))

# %% [markdown]
# <details><summary>What happened?</summary>
#
# With digits, five of the ten crops are mirror images, which these networks never saw in training. Are they the reason, or the corners?
# Average the five unmirrored crops alone, and you know. What you do to test images must fit what you did in training.
#
# </details>

# %% [markdown]
# ### What the first layer has learned
#
# ➤ A small AlexNet with 24 first kernels, trained on 45,000 photographs of CIFAR-10 (**loaded, not trained here**). Here are the
# kernels that respond most strongly to a macaw, and their feature maps. Which look for colors, which for edges?

# %% tags=["measured"]
trained_on_photos = models.small.alexnet(weights="cifar10")
macaw = datasets.animals(64)["macaw"] / 255
macaw = (macaw - macaw.mean((1, 2), keepdim=True)) / macaw.std((1, 2), keepdim=True)
_ = pictures.first_layer(trained_on_photos.features.conv1.conv, macaw)


def alike(network):
    """The correlation of first-layer weights with the weights on their right."""
    kernels = network.features.conv1.conv.weight.detach()
    pairs = torch.stack([kernels[..., :-1].flatten(), kernels[..., 1:].flatten()])
    return torch.corrcoef(pairs)[0, 1].item()


torch.manual_seed(0)
before = alike(models.small.alexnet())
teaching.claim(
    "Neighboring weights are more alike than by chance: their correlation is ≈ {after:.2f}, before training ≈ {before:.2f}.",
    alike(trained_on_photos) > abs(before) + 0.1,
    after=alike(trained_on_photos),
    before=before,
)

# %% [markdown]
# The paper's Figure 3 shows edges of all directions on one GPU and colors on the other. To see published kernels, of an AlexNet from 2014, set
# `DOWNLOAD = True` (240 MB).

# %%
DOWNLOAD = False
if DOWNLOAD:
    try:
        published_net = transfer.pretrained("alexnet_owt")
        _ = pictures.first_layer(published_net.features.conv1.conv, macaw, most=12)
    except OSError as error:  # no internet: the picture above is what there is
        print(error)

# %% [markdown]
# ## 4 · ReLU, and the learning-rate trap
#
# Before 2012 the usual **activation function** (활성화 함수) was tanh or the logistic sigmoid. tanh maps every number to -1 … 1. Far from 0 its slope is almost 0: it
# *saturates*, and a slope of 0 passes no gradient on. ReLU has slope 1 for every positive input, and slope 0 for every negative one.

# %%
x = torch.tensor([-2.0, 0.5, 2.0, 5.0], requires_grad=True)
for activation in (torch.tanh, torch.relu):
    (slope,) = torch.autograd.grad(activation(x).sum(), x)
    print(
        f"{activation.__name__}: slope {', '.join(f'{v:.4f}' for v in slope)} at -2, 0.5, 2 and 5"
    )

# %% [markdown]
# You may read that AlexNet was the first network with ReLUs. The paper follows Nair and Hinton, 2010. New was such a large network with them. In the paper's Figure 1 a network of four layers on CIFAR-10 reaches 25 % training error six times faster with ReLU than with tanh, each at its own learning rate.
#
# Does it hold for our digits, in deep networks, where small slopes should matter most? **Loaded, not trained here**: 12 and 20 layers of 16 channels, each at the best of five learning rates, chosen with one seed; the error was measured with three others. tanh comes twice: with the initial
# weights made for it (Glorot, variance 2 / (inputs + outputs) of a layer) and with the larger ones made for ReLU (He, 2 / inputs).

# %%
guess_deep = teaching.predict(ask.predictions["deep"])
guess_deep

# %%
deep = published.read("deep_activations")
after_five = deep[(deep["seed"] >= 10) & (deep["depth"] == 20) & (deep["epoch"] == 5)]
five = after_five.groupby("arm")["train_error"].mean()
guess_deep.reveal(five.idxmin(), pictures.deep_training(deep))

# %%
teaching.claim(
    "20 layers, training error after 5 epochs: ReLU {relu:.0f} %, tanh with Glorot's weights {glorot:.0f} %, "
    "with He's {he:.0f} %.",
    five["tanh, He"] < five["tanh, Glorot"] < five["ReLU, He"],
    relu=five["ReLU, He"],
    glorot=five["tanh, Glorot"],
    he=five["tanh, He"],
)

# %% [markdown]
# With the same initial weights tanh is faster than ReLU here; with tanh, He's larger weights are faster than Glorot's. And the
# argument about slopes? If tanh lost the gradient during **backpropagation** (역전파: computing all gradients, from the loss back to the first layer), the first layers would receive almost none. Before training:

# %%
gradients = published.read("deep_activations_gradients")
_ = pictures.deep_gradients(gradients, 20)
ends = gradients[gradients["depth"] == 20].pivot_table(
    index="arm", columns="layer", values="norm"
)
ratio = ends[1] / ends[20]
teaching.claim(
    "Before training the gradient norm of the first layer is {low:.1f} to {high:.1f} times that of the last: at the start it does not vanish toward the image.",
    ratio.min() > 0.1,
    low=ratio.min(),
    high=ratio.max(),
)

# %% [markdown]
# Our digits show neither faster learning with ReLU nor that the gradient gets lost with tanh. This does not refute the paper, whose data, size and initial weights were different. But “ReLU learns faster” needs its conditions.
#
# ➤ See how easily you could have “confirmed” it: four layers, also loaded. Set both to 0.003, then move tanh to 0.1. Anyone who
# compares two methods at one learning rate compares learning rates.

# %%
explorers.learning_rates()

# %% [markdown]
# ## 5 · Normalization: better, or faster?
#
# After conv1 and conv2 AlexNet divides every activation $a_i$ by something that grows with its neighbors in the channel direction
# (**local response normalization**, 지역 응답 정규화, LRN):
#
# $$b_i = a_i \Big/ \Big(2 + 10^{-4} \sum_{j=i-2}^{i+2} a_j^2\Big)^{0.75}$$

# %%
ask.builds["lrn"]


# %%
class LRN(nn.Module):
    def forward(self, a):
        channels = a.shape[1]
        squares = nn.functional.pad(a**2, (0, 0, 0, 0, 2, 2))
        total = ...  # of five squares: two channels before, the channel, two after
        return a / (2 + 1e-4 * total) ** 0.75


LRN = ask.builds["lrn"].use(LRN)

# %% [markdown]
# **Batch normalization** (배치 정규화), from 2015, brings each channel of a batch to mean 0 and standard deviation 1, then scales and shifts
# it by learned numbers. In evaluation it uses averages collected during training. We put each into LRN's two places, after ReLU (later networks have
# batch normalization before it). All three train for a few epochs at one learning rate, with one seed.

# %%
guess_norm = teaching.predict(ask.predictions["norm"])
guess_norm

# %%
KINDS = {
    "none": lambda channels: None,
    "local response": lambda channels: LRN(),
    "batch": nn.BatchNorm2d,
}


def errors_of(kind, seed=SEEDS[0], lr=0.002):
    """The validation error in percent after every epoch, and the network."""
    net = small_alexnet(seed, KINDS[kind])
    steps = train(net, centered, EPOCHS_ALL, seed, lr, batch=64)
    return [100 * training.evaluate(step, centered, "valid").error for step in steps], net


by_norm = {kind: errors_of(kind) for kind in KINDS}

# %% tags=["measured"]
errors = {kind: [curve] for kind, (curve, _) in by_norm.items()}
winner = min(errors, key=lambda kind: errors[kind][0][-1])
words = {"xlabel": "epoch", "ylabel": "validation error, %", "colors": pictures.NORM_COLORS}
guess_norm.reveal(
    winner if winner != "none" else "no normalization is ahead of both",
    plots.lines(errors, **words),
)

# %% [markdown]
# Is it *better*, or *faster*? And was one rate for all fair? **Loaded, not trained here**: 40 epochs, three seeds, each side at its own best
# rate.

# %%
guess_longer = teaching.predict(ask.predictions["longer"])
guess_longer

# %%
table = published.read("alexnet_norm")
rates = {epochs: {kind: norm_rate(table, kind, epochs) for kind in KINDS} for epochs in (6, 40)}
best = [table[(table["kind"] == k) & (table["lr"] == lr)] for k, lr in rates[40].items()]
best = pd.concat(best).query("seed >= 10")
error = 100 - 100 * best.groupby(["kind", "epoch"])["test_accuracy"].mean()
lead = error["none", 40] - error["batch", 40]
found = "still several points ahead" if lead > 2 else "several points behind"
found = found if abs(lead) > 2 else "no longer ahead"
guess_longer.reveal(found, pictures.normalizations(table, rates))

# %%
teaching.claim(
    "Test error without and with batch normalization: {a:.1f} and {b:.1f} % after 6 epochs, {c:.1f} and "
    "{d:.1f} % after 40.",
    error["none", 6] > error["batch", 6] + 4 and abs(lead) < 2,
    a=error["none", 6],
    b=error["batch", 6],
    c=error["none", 40],
    d=error["batch", 40],
)

# %% [markdown]
# Here batch normalization is faster; after 40 epochs these runs cannot tell the two apart. (One of its seeds jumps in the last two epochs; the learning rate is constant.) And LRN? Look at what it multiplies its input by, the factor $b / a$:

# %% tags=["measured"]
net = by_norm["local response"][1].eval()
with torch.no_grad():
    a = net[0][:2](
        centered.test.images[:300].to(run.device)
    )  # convolution and ReLU, before LRN
    factor = (LRN()(a) / a)[a > 0.001].cpu()
low, high = a[a > 0.001].cpu().quantile(torch.tensor([0.05, 0.95])).tolist()
pixels = 255 * centered.train.std[0]  # so much larger everything is if pixels go from 0 to 255
ranges = {
    "measured here": (low, high),
    "if pixels went to 255": (low * pixels, high * pixels),
}
_ = pictures.lrn_factor(ranges)
teaching.claim(
    "All factors are within {p:.1f} % of {constant:.3f}, the value for activations of 0.",
    (factor / 2**-0.75 - 1).abs().max() < 0.01,
    p=1,
    constant=2**-0.75,
)

# %% [markdown]
# On images brought to standard deviation 1, as is usual today (orange), LRN multiplies by a constant, which the next layer's weights can
# absorb. In 2012 pixels went from 0 to 255, minus their mean. With outputs so much larger (black, extrapolated) the factor varies. The
# paper reports 1.4 points less top-1 error.
#
# You may read that normalization is no longer used because it makes no difference. That is nearly true of LRN, on images scaled as
# today. Batch normalization took its place, and stayed.

# %% [markdown]
# ## 6 · Dropout: less overfitting
#
# **Overfitting** (과적합): the network fits details of the training images that do not carry over to new ones. **Dropout** (드롭아웃) fights it: in training it sets
# each output of fc6 and fc7 to 0 with probability 0.5, anew for every image and step. The paper: without it “substantial overfitting”, with
# it about twice as many steps. ➤ The networks of section 3 had none. Write it, and train them again.

# %%
ask.builds["dropout"]


# %%
class Dropout(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training:
            return ...
        kept = ...  # True where a value stays
        return ...


Dropout = ask.builds["dropout"].use(Dropout)

# %%
guess_dropout = teaching.predict(ask.predictions["dropout"])
guess_dropout

# %%
with_dropout = [
    trained(small_alexnet(seed, drop=lambda: Dropout(0.5)), few, EPOCHS_FEW, seed)
    for seed in SEEDS
]


# %% tags=["measured"]
def losses(nets, split):
    return [training.evaluate(net, few, split).loss for net in nets]


arms = {"none": by_way["the middle"], "0.5": with_dropout}
loss = {(p, split): losses(arms[p], split) for split in ("train", "test") for p in arms}
mean = {key: sum(values) / len(SEEDS) for key, values in loss.items()}
sides = ("lower" if mean["0.5", s] < mean["none", s] else "higher" for s in ("train", "test"))
words = {"train": "training images", "test": "new images"}
named = {f"dropout {p}, {words[split]}": values for (p, split), values in loss.items()}
colors = {name: plots.GRAY for name in named if "training" in name}
figure = plots.bars(named, xlabel="loss (dots: seeds)", form="{:.2f}", colors=colors)
guess_dropout.reveal(", ".join(sides), figure)

# %%
teaching.claim(
    "The loss on new images is ≈ {a:.2f} without and ≈ {b:.2f} with dropout (training images: ≈ {c:.2f} and ≈ {d:.2f}), the accuracy "
    "≈ {e:.0f} and ≈ {f:.0f} %.",
    run.mode != "quick" or mean["0.5", "test"] < mean["none", "test"],
    a=mean["none", "test"],
    b=mean["0.5", "test"],
    c=mean["none", "train"],
    d=mean["0.5", "train"],
    e=sum(tested(arms["none"], few)) / len(SEEDS),
    f=sum(tested(arms["0.5"], few)) / len(SEEDS),
)

# %% [markdown]
# **Change the experiment, and defend your result.** Does dropout still help with ten times as many images? Set `FEW` to 1,000 and
# `EPOCHS_FEW` to 8, so that the number of steps stays the same, and run sections 3 and 6 again. First write down what you
# expect, and which result would change your mind. Then write three sentences: what you measured (all seeds), what it shows,
# what it does not show.
#
# ### Debugging: an evaluation that is a little off
#
# A colleague evaluates the networks with dropout like this, and gets a different number every time.


# %%
def reported(net, batches):
    hits, seen = 0, 0
    with torch.no_grad():
        for images, labels in batches:
            hits += (net(images).argmax(1) == labels).float().mean().item()
            seen += 1
    return hits / seen


dropped, test = with_dropout[0].train().cpu(), [*centered.batches("test", 64)]
print("two calls:", *(f"≈ {100 * reported(dropped, test):.1f} %" for _ in range(2)))
print("evaluate: ", f"≈ {100 * training.evaluate(dropped, centered).accuracy:.1f} %")

# %%
ask.exercises["accuracy"]


# %%
def accuracy(net, batches):
    return ...  # your code


ask.exercises["accuracy"].check(accuracy)

# %% [markdown]
# ### The recipe
#
# Batches of 128 images. **SGD**, stochastic gradient descent, with **momentum** (모멘텀) 0.9: each step keeps 0.9 of the last one.
# **Weight decay** (가중치 감쇠) 5e-4: each step also pulls every weight a little toward 0. Learning rate 0.01, divided by 10 when the validation error stops falling, a **plateau**. Initial weights have standard deviation 0.01; biases start at 1 in conv2, conv4, conv5, fc6 and fc7, else at 0. In PyTorch:

# %%
optimizer = torch.optim.SGD(
    small_alexnet(0).parameters(), 0.01, momentum=0.9, weight_decay=5e-4
)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=1)
for valid_loss in (2.0, 1.5, 1.2, 1.2, 1.2, 0.9, 0.8, 0.8, 0.8):
    optimizer.step()
    plateau.step(valid_loss)
    print(f"{optimizer.param_groups[0]['lr']:g}", end="  ")

# a paper run trains the whole network this way, on photographs of ten classes of ImageNet; it takes a GPU
if run.mode == "paper":
    imagenette = datasets.imagenette(size=227)
    steps = (
        datasets.random_crop(14),
        datasets.random_flip(),
        datasets.color_noise(imagenette.train),
    )
    imagenette = replace(imagenette, augment=datasets.compose(*steps))
    net = models.alexnet(imagenette.num_classes)
    sgd = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    drop = torch.optim.lr_scheduler.ReduceLROnPlateau(sgd, factor=0.1, patience=5)
    kept = run.keep("02", "imagenette")
    training.fit(net, imagenette, sgd, 90, batch_size=128, scheduler=drop, checkpoint=kept)
    print(f"top-1 accuracy: ≈ {100 * training.evaluate(net, imagenette).accuracy:.1f} %")

# %%
ask.exercises["step"]


# %%
def my_step(w, v, gradient, lr):
    return ...  # your code


ask.exercises["step"].check(my_step)

# %% [markdown]
# ## 7 · Project: one trick on trial, fairly
#
# Choose one trick: ReLU, LRN, overlapping pooling, crops, dropout, groups, or one of the convolutions. Does it help your small AlexNet?
# Convince a skeptic, on one page. **Before the first run** write down your hypothesis with a number (“at
# least 2 points”), the one change, data, epochs, learning rates, seeds, and when you stop. The cell below is a start.
#
# | criterion | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | one change | several things differ | one, but its side effects are not named | one, side effects (parameters, work, time) named |
# | fair rates | one rate for both | several rates, same seeds choose and measure | each side its best rate, other seeds measure |
# | noise | one seed | three seeds, the mean | five or more, all shown, the verdict fits their range |
# | honest words | “proves” | result with its conditions | also: supported, refuted, or too little power to tell |
# | prediction | written afterwards | written before | before, with a number, and discussed |
#
# A result of “no effect that we can see” can earn full credit.


# %%
def my_network(seed):
    return ...  # small_alexnet(seed) with your one change


def at_its_best_rate(build, images=few, rates=(0.0003, 0.001, 0.003), choosing=(10, 11)):
    """The learning rate with the best validation accuracy, and the test accuracies of other seeds with it.

    If it is the first or last of `rates`, try further ones.
    """

    def percent(lr, seeds, split):
        nets = [trained(build(seed), images, EPOCHS_FEW, seed, lr) for seed in seeds]
        return [100 * training.evaluate(net, images, split).accuracy for net in nets]

    best = max(rates, key=lambda lr: sum(percent(lr, choosing, "valid")))
    return best, percent(best, SEEDS, "test")


if my_network(0) is not ...:
    print("without:", at_its_best_rate(small_alexnet))
    print("with:   ", at_its_best_rate(my_network))

# %% [markdown]
# ## 8 · Quiz

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

# %% [markdown]
# ## 정리 · What you have shown
#
# | what made 2012 work? | the paper measured | you saw, at small scale |
# |---|---|---|
# | **data** | 1.2 million photographs | more digits, fewer errors, in as many steps |
# | **augmentation** (데이터 증강) | color noise: more than 1 point | crops help off center; mirror images hurt digits |
# | **compute** | twice the kernels, on two GPUs: 1.7 points | not tested: 234,496 bytes cross for one image |
# | **depth** | any middle layer: about 2 points | lesson [03](03_zfnet.ipynb) removes layers |
# | **ReLU** | six times faster than tanh | tanh with He's weights is faster, in 20 layers on digits |
# | **LRN** | 1.4 points | a factor that barely varies |
# | **dropout** (드롭아웃) | without it substantial overfitting | a lower loss on new images |
#
# Points are of top-1 error. LRN is history; the others are still in use.
#
# **Where to go next.** [03 ZFNet](03_zfnet.ipynb) looks into a trained AlexNet, finds two faults and repairs them. Back to the map:
# [00 Start here](00_start_here.ipynb).
