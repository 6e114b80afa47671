# %% [markdown]
# # 05 · GoogLeNet: more branches, fewer parameters
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({{colab}})
#
# **In this notebook you build a network that looks at every image in four ways at once, find out how it pays for that,
# and count until all 22 layers are accounted for.** Paper: Szegedy and eight others, *Going Deeper with Convolutions*, CVPR 2015
# ([arXiv 1409.4842](https://arxiv.org/abs/1409.4842)).
#
# Afterwards you can
# * write the inception module, reckon what each branch costs, and say why a 1 × 1 convolution makes the others cheap;
# * build all of GoogLeNet from one table, and find what the table itself has wrong;
# * say what global average pooling saves and what auxiliary classifiers do, with numbers that you measured.
#
# | | time |
# |---|---|
# | `quick` (default): real photographs and digits, any laptop, no network | reading and exercises 75 minutes; all cells together about 1 minute |
# | `paper`: published weights on photographs, CIFAR-10 for section 8 | a GPU; not yet run at full length. Every cell was tried on a CPU with 48 photographs, one epoch, and random numbers for the published weights |

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
import torch
import torchvision
from torch import nn

from lecture8 import complexity, datasets, models, plots, published, teaching, training
from lecture8 import transfer
from lecture8.lessons.l05_googlenet import explorers, modules, pictures
from lecture8.lessons.l05_googlenet import questions as ask
from lecture8.models.googlenet import MODULES, inception, miniature, naive_inception
from lecture8.models.layers import Branches, LocalResponseNorm, conv_relu

# %% [markdown]
# **Parameters.** Everything you may want to change is here. `run.choose` takes the first value in a quick run and the
# last in a paper run; to change the run, write `lecture8.start("paper")` above.

# %%
SEEDS = (0, 1, 2)  # every claim is measured once per seed
EPOCHS = run.choose(quick=3, paper=30)
BATCH = run.choose(quick=32, paper=128)
data = datasets.digits(size=16).take(960) if run.mode == "quick" else datasets.cifar10()
photos = datasets.sample_photos()
data

# %% [markdown]
# ## 1 · Which kernel? All of them
#
# A dog may fill the photograph or sit in a corner of it. Should a layer look through a small window or a large one? Szegedy and his
# colleagues refuse to choose: 1 × 1, 3 × 3 and 5 × 5 kernels all look at the same input, and so does a 3 × 3 max pooling.
# Each of these is a **branch**; what they put out is stacked, channel upon channel (**concatenation**, 이어 붙이기). The whole is an
# **inception module**. In its plain form the paper calls it *naive*.
#
# Take the lecture's example: 256 channels of 28 × 28 come in.

# %%
guess_channels = teaching.predict(ask.predictions["channels"])
guess_channels

# %% [markdown]
# **Build** it, without the library's module. (`Branches(a=…, b=…)` hands its input to every part and stacks the results.)

# %%
my_naive = Branches(
    conv1x1=conv_relu(256, 128, 1),
    conv3x3=conv_relu(256, 192, 3),
    conv5x5=conv_relu(256, 96, 5),
    pool=nn.MaxPool2d(3, stride=1, padding=1),
)
teaching.same_network(my_naive, naive_inception(256, 128, 192, 96), (256, 28, 28))

# %% [markdown]
# Here it is, drawn by a program that walks through your module. The numbers in a box are its output channels and its
# **multiply-adds** (one multiplication and one addition); the darker part is its share of the dearest box.

# %%
naive = complexity.profile(my_naive, (256, 28, 28))
_ = plots.diagrams.diagram(my_naive, naive, title="The naive module: four branches, one stack")

# %%
assert naive.output_size == (128 + 192 + 96 + 256, 28, 28)
guess_channels.reveal(str(naive.output_size[0]))

# %%
ways = plots.diagrams.steps(my_naive, naive)[0].ways
assert [way[0].kind for way in ways] == ["Conv2d", "Conv2d", "Conv2d", "MaxPool2d"]
teaching.three_ways(
    14,
    measured=f"{len(ways)} ways lead from the input to the stack, each one layer long: "
    "nothing comes after another",
    verb="counted",
)

# %% [markdown]
# Two things are wrong with this module. It is expensive, and it swells: the pooling hands on everything it got, so the next
# module starts from 672 channels, the one after it from more.

# %%
channels, work = 256, []
for _ in range(4):
    stacked = naive_inception(channels, 128, 192, 96)
    work.append(complexity.profile(stacked, (channels, 28, 28)).macs)
    channels = 128 + 192 + 96 + channels
assert work[0] == 854_196_224 == naive.macs and channels == 1920
print(
    "four in a row:",
    *(f"{w / 1e6:,.0f} M" for w in work),
    f"multiply-adds, {channels} channels at the end",
)
assert work[3] > 5 * work[0]

# %% [markdown]
# ## 2 · The smallest convolution
#
# The cure is a convolution that looks at a single pixel. What can it see there? The *channels*. At each pixel it takes the channels' values
# and puts out weighted sums of them: a linear layer, the same one at every pixel. In a photograph the channels are red, green and blue.
# Here are three 1 × 1 kernels:

# %%
flower = photos["flower"][:, ::4, ::4].float() / 255
mix = nn.Conv2d(3, 3, 1, bias=False)
kernels = [[0.30, 0.59, 0.11], [0.5, 0.5, -1.0], [1.0, -1.0, 0.0]]
mix.weight.data = torch.tensor(kernels)[:, :, None, None]
with torch.no_grad():
    maps = mix(flower[None])[0]
titles = ["the photograph", "brightness", "yellow − blue", "red − green"]
_ = plots.images([flower, *maps], titles, columns=4, size=2.4)

# %% [markdown]
# Nothing is blurred and nothing moves, for no pixel sees its neighbor. Measure both: it equals a linear layer, and it does not mind if you
# shuffle the pixels.

# %%
torch.manual_seed(0)
conv, linear, x = nn.Conv2d(256, 64, 1), nn.Linear(256, 64), torch.randn(2, 256, 28, 28)
linear.weight, linear.bias = nn.Parameter(conv.weight.flatten(1)), conv.bias
with torch.no_grad():
    as_conv, as_linear = conv(x), linear(x.movedim(1, -1)).movedim(-1, 1)
    order = torch.randperm(28 * 28)
    shuffled = conv(x.flatten(2)[:, :, order].view_as(x))
difference = (as_conv - as_linear).abs().max() / as_conv.abs().max()
moved = (as_conv.flatten(2)[:, :, order].view_as(shuffled) - shuffled).abs().max()
assert difference < 1e-5 and moved < 1e-5
print("1 × 1 convolution = linear layer at every pixel, to rounding:", bool(difference < 1e-5))
print("shuffle, then convolve = convolve, then shuffle:", bool(moved < 1e-5))

# %% [markdown]
# And its price: $c_{in} \cdot c_{out}$ multiply-adds per pixel. A 5 × 5 kernel costs 25 times as much.
#
# ## 3 · The bottleneck
#
# So shrink first, look afterwards. Before each large kernel a 1 × 1 convolution reduces 256 channels to 64, and one behind the pooling does the
# same (the *pool projection*). This is the **bottleneck** (병목). Three layers were added, and the large kernels still put out as many channels
# as before. What is left of the 854 million?

# %%
guess_cost = teaching.predict(ask.predictions["cost"])
guess_cost

# %%
module = inception(256, 128, 64, 192, 64, 96, 64)
reduced = complexity.profile(module, (256, 28, 28))
title = "The same module with 1 × 1 reductions (dark: share of the naive 5 × 5)"
most = max(box.macs for box in plots.diagrams.boxes(plots.diagrams.steps(my_naive, naive)))
_ = plots.diagrams.diagram(module, reduced, most=most, title=title)

# %% [markdown]
# Add it up by hand, box for box:

# %%
pixels = 28 * 28
by_hand = {
    "1 × 1": 256 * 128 * pixels,
    "3 × 3 reduce": 256 * 64 * pixels,
    "3 × 3": 9 * 64 * 192 * pixels,
    "5 × 5 reduce": 256 * 64 * pixels,
    "5 × 5": 25 * 64 * 96 * pixels,
    "pool projection": 256 * 64 * pixels,
}
for part, macs in by_hand.items():
    print(f"{part:16} {macs:>12,}")
print(f"{'together':16} {sum(by_hand.values()):>12,}, naive {naive.macs:,}")
assert sum(by_hand.values()) == reduced.macs == 271_351_808

# %%
assert 0.30 < reduced.macs / naive.macs < 0.33
guess_cost.reveal("about a third")

# %% [markdown]
# The lecture's slide lists the very same six products, and then prints their sum as 358 million. Where does that come from?

# %%
slide = reduced.macs + by_hand["3 × 3"]
assert round(slide / 1e6) == 358
teaching.three_ways(
    15,
    measured=f"854 M → {reduced.macs / 1e6:.0f} M, {naive.macs / reduced.macs:.2f} times less; "
    f"{slide / 1e6:.0f} M is the sum with the 3 × 3 counted twice",
    verb="counted",
)

# %% [markdown]
# And it no longer swells: 480 channels come out instead of 672, because the projection decides how much of the pooling is kept.

# %%
designs = {"naive": naive, "with 1 × 1": reduced}
_ = pictures.module_costs(designs)

# %%
assert modules.branches(naive)["pool"] == 256
assert modules.branches(reduced)["pool"] == 64
assert reduced.output_size == (480, 28, 28)

# %% [markdown]
# ## 4 · Design your own
#
# Choose a place (the example, or one of GoogLeNet's nine modules), how far to reduce before each large kernel, and how
# much of the pooling to keep. Your module stands between the naive one and the authors' choice.

# %%
explorers.module()

# %% [markdown]
# Three questions. Find the answers with the controls; the next cell checks them.
# 1. In the example, set all three to 256: the 1 × 1 convolutions are there but reduce nothing. Is that cheaper than naive?
# 2. Start from *none* everywhere. Which *single* control saves most when you set it to 64?
# 3. Projecting the pooling costs 12.8 M *more* in this module. Why do it?


# %%
def cost(*widths, c_in=256):
    net = modules.designed(c_in, *widths)
    return complexity.profile(net, (c_in, 28, 28)).macs


nothing = cost(128, "none", 192, "none", 96, "none")
saved = {
    "reduce before 3 × 3": nothing - cost(128, 64, 192, "none", 96, "none"),
    "reduce before 5 × 5": nothing - cost(128, "none", 192, 64, 96, "none"),
    "project the pooling": nothing - cost(128, "none", 192, "none", 96, 64),
}
for control, macs in saved.items():
    print(f"{control}: saves {macs / 1e6:6.1f} M")

# %%
unreduced = cost(128, 256, 192, 256, 96, 256)
next_one = {c: cost(128, 64, 192, 64, 96, 64, c_in=c) for c in (480, 672)}
assert unreduced == 1_008_336_896 > nothing  # 1: dearer, the three 1 × 1 come on top
assert max(saved, key=saved.get) == "reduce before 5 × 5"  # 2
assert saved["project the pooling"] < 0 < next_one[672] - next_one[480]  # 3
teaching.correct(
    f"1: no, {unreduced / nothing - 1:.0%} dearer, so it is the *reduction* that saves. "
    "2: the one before the 5 × 5. 3: the next module gets 480 channels instead of 672, "
    f"and is {(next_one[672] - next_one[480]) / 1e6:.0f} M cheaper."
)

# %% [markdown]
# ## 5 · The network, from its table
#
# GoogLeNet is a **stem** (줄기: convolutions that shrink the image fast), nine modules with two poolings between them, and one linear layer.
# All widths stand in Table 1 of the paper. Columns of the dictionary: 1 × 1, 3 × 3 reduce, 3 × 3, 5 × 5 reduce, 5 × 5, pool projection.

# %%
MODULES

# %% [markdown]
# **Build** the whole network from it. (Poolings round up, so that 112 becomes 56; `LocalResponseNorm` is AlexNet's
# normalization; the 40 % dropout comes before the linear layer.)


# %%
def pool():
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)


def my_googlenet():
    steps = [conv_relu(3, 64, 7, 2), pool(), LocalResponseNorm()]
    steps += [conv_relu(64, 64, 1), conv_relu(64, 192, 3), LocalResponseNorm(), pool()]
    c = 192
    for name, widths in MODULES.items():
        if name in ("4a", "5a"):
            steps.append(pool())
        steps.append(inception(c, *widths))
        one, _, three, _, five, project = widths
        c = one + three + five + project
    steps += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.4), nn.Linear(c, 1000)]
    return nn.Sequential(*steps)


torch.manual_seed(0)
teaching.same_network(my_googlenet(), models.googlenet(), image_shape=(3, 224, 224))

# %% [markdown]
# Forget a pooling or swap two widths above, and run the cell again: the check says where. (Then put it back.)
#
# **Count the layers.** “22 layers” means: weight layers on the longest way from the image to the logits. Let a program walk
# through every stage and count.

# %%
net, shape, depth, depths = models.googlenet(), (3, 224, 224), 0, {}
for name, stage in net.features.named_children():
    part = complexity.profile(stage, shape)
    depth, shape = depth + part.depth, part.output_size
    depths[name] = depth
depths["classifier"] = depth + 1
whole = complexity.profile(net)
assert whole.depth == depths["classifier"] == 22

# %%
title = "GoogLeNet, drawn from the network: wide as its map, high as its channels; multiply-adds on top"
heads = models.googlenet(auxiliary=True).auxiliary
_ = pictures.strip(whole, depths, heads=heads, title=title)

# %%
printed = published.read("googlenet_table1").set_index("row")
assert printed["depth"].sum() == 22 and (printed["depth"] == 0).sum() == 5
inceptions = [name for name in depths if name.startswith("inception")]
assert len(inceptions) * 2 + 3 + 1 == whole.depth
teaching.three_ways(
    19,
    measured=f"{len(inceptions)} × 2 + 3 + 1 = {whole.depth}: the notes are right; with the 5 poolings it is 27",
    verb="counted",
)

# %% [markdown]
# **Compare with the table as printed.** Its last columns list parameters and operations. Do they follow from its own widths?

# %%
stages = {stage.name.removeprefix("features."): stage for stage in whole.stages}
weights = {
    name: sum(p.numel() for p in net.get_submodule(stage.name).parameters() if p.dim() > 1)
    for name, stage in stages.items()
}
weights["linear"], stages["linear"] = weights.pop("classifier"), stages.pop("classifier")
table = printed.loc[list(filter(weights.get, weights)), ["params_k", "ops_m"]].rename_axis(None)
table["counted, in 1024"] = [round(weights[row] / 1024, 1) for row in table.index]
table["counted, in millions"] = [round(stages[row].macs / 1e6, 1) for row in table.index]
table.rename(columns={"params_k": "params printed, K", "ops_m": "ops printed, M"})

# %%
off = (table["counted, in 1024"] / table["params_k"] - 1).abs() > 0.02
off_work = (table["counted, in millions"] / table["ops_m"] - 1).abs() > 0.02
assert list(table.index[off]) == ["conv1", "inception_4c", "inception_5a"]
assert list(table.index[off_work]) == ["conv1", "inception_5a"]
assert weights["conv2"] == 112 * 1024 and weights["linear"] == 1000 * 1024

# %% [markdown]
# Nine of twelve rows agree within 2 %, if a “K” is 1024. Rows 4c and 5a do not follow from their own widths: misprints, it seems. And the first row is
# off by a factor of three and a half! A 7 × 7 convolution from 3 to 64 channels has 9,408 weights, not 2.7 K. One construction gives exactly the printed
# numbers: a *separable* convolution, 8 kernels of 7 × 7 on each color by itself, then a 1 × 1 over the 24 results. The same group's next paper (BN-Inception)
# says that it begins so.

# %%
separable = 24 * 7 * 7 + 24 * 64
print(f"{separable:,} weights, {separable * 112**2 / 1e6:.1f} M multiply-adds")
assert separable == 2712 and round(separable * 112**2 / 1e6) == 34

# %% [markdown]
# “12 times fewer parameters” than AlexNet, says the paper's introduction. Count that, too:

# %%
alexnet = models.ARCHITECTURES["alexnet"]
ratio = alexnet.params / whole.params
assert (whole.params, whole.macs) == (6_998_552, 1_582_671_872) and round(ratio, 1) == 8.7
print(f"AlexNet {alexnet.params:,} / GoogLeNet {whole.params:,} = {ratio:.1f} times fewer")
total, work = printed["params_k"].sum() * 1024, printed["ops_m"].sum()
assert round(total) == 6_960_845  # the rows' errors nearly cancel
print(f"sum of Table 1, K = 1024: {total / 1e6:.2f} million, {work / 1000:.1f} G operations")
print(f"and the work: {whole.macs / alexnet.macs:.1f} times AlexNet's")

# %% [markdown]
# 22 layers, less than an eighth of AlexNet's parameters, twice its work. Where did all those parameters go? Section 7 finds them.
#
# ## 6 · Why the published weights do not fit
#
# You have the network of the paper; torchvision has trained weights. Put them in?

# %%
try:
    transfer.pretrained("googlenet")
except ValueError as error:
    print(str(error).split(";")[0])

# %% [markdown]
# Look at the branch that both call 5 × 5:

# %%
theirs = torchvision.models.googlenet(aux_logits=False, init_weights=False).eval()
ours = net.features.inception_3a.conv5x5.conv.conv.weight
print("paper:      ", tuple(ours.shape))
print("torchvision:", tuple(theirs.inception3a.branch3[1].conv.weight.shape))

# %% [markdown]
# 3 × 3! A slip in the port from TensorFlow, found when weights had long been published, and kept since for their sake. There is also batch
# normalization instead of biases and local response normalization. The library has that network under its own name, so that nobody
# takes the one for the other. Copy random weights over, and compare:

# %%
torch.manual_seed(0)
bn = transfer.load_in_order(models.googlenet_bn(), theirs.state_dict()).eval()
image = torch.randn(1, 3, 224, 224)
with torch.no_grad():
    a, b = bn(image), theirs(image)
assert (a - b).abs().max() < 1e-4 * b.abs().max()
slip = complexity.profile(bn)
print(
    "logits equal torchvision's to rounding:", bool((a - b).abs().max() < 1e-4 * b.abs().max())
)
print(
    f"{slip.params:,} parameters, {slip.macs:,} multiply-adds, receptive field {slip.field} pixels"
)
print(
    f"{whole.params:,} parameters, {whole.macs:,} multiply-adds, receptive field {whole.field} pixels (paper)"
)

# %%
assert (slip.params, slip.field, whole.field) == (6_624_904, 379, 715)

# %%
# optional, in every run: the published ImageNet weights look at ten photographs
DOWNLOAD = False  # True downloads 50 MB, once
if DOWNLOAD:
    try:
        trained = transfer.pretrained("googlenet_bn").eval()
        animals = datasets.animals(256)
        batch = torch.stack(list(animals.values())) / 255
        batch = nn.functional.interpolate(batch, size=224, mode="bilinear", antialias=True)
        with torch.no_grad():
            probabilities = trained(transfer.normalize(batch)).softmax(1)
        classes = torchvision.models.GoogLeNet_Weights.IMAGENET1K_V1.meta["categories"]
        for animal, row in zip(animals, probabilities):
            print(f"{animal}: {classes[row.argmax()]}, {100 * row.max():.0f} %")
    except OSError as error:  # no internet
        print(error)

# %% [markdown]
# Nearly half of the receptive field is missing: five pixels wide or three, in nine modules, adds up.
#
# ## 7 · The end: average, then one linear layer
#
# AlexNet and VGG flatten their last map and send it through three fully connected layers. GoogLeNet takes the *mean* of each
# channel over all pixels (**global average pooling**, 전역 평균 풀링), 1,024 numbers, and has one linear layer. Suppose it flattened instead:

# %%
guess_average = teaching.predict(ask.predictions["average"])
guess_average

# %%
flat_params = whole.params + (7 * 7 - 1) * 1024 * 1000
flat_macs = whole.macs + (7 * 7 - 1) * 1024 * 1000
print(f"parameters: {whole.params:,} → {flat_params:,}, {flat_params / whole.params:.1f} times")
print(f"multiply-adds: {whole.macs:,} → {flat_macs:,}, {flat_macs / whole.macs - 1:.1%} more")
assert round(flat_params / whole.params, 1) == 8.0 and flat_macs / whole.macs < 1.04
guess_average.reveal("the parameters: about eightfold")


# %%
def linear_share(name):
    """Share of the linear layers in a network's parameters and multiply-adds."""
    with torch.device("meta"):
        cost = complexity.profile(models.build(name), models.ARCHITECTURES[name].input_size)
    ends = [layer for layer in cost.layers if layer.kind == "Linear"]
    return sum(e.params for e in ends) / cost.params, sum(e.macs for e in ends) / cost.macs


in_linear = {"AlexNet": linear_share("alexnet"), "VGG-16": linear_share("vgg16")}
flat = 7 * 7 * 1024 * 1000
in_linear["GoogLeNet, if it flattened"] = (flat + 1000) / flat_params, flat / flat_macs
in_linear["GoogLeNet"] = linear_share("googlenet")
_ = pictures.shares(in_linear)

# %%
percent = {name: (round(100 * p, 1), round(100 * m, 2)) for name, (p, m) in in_linear.items()}
assert percent["VGG-16"] == (89.4, 0.80) and percent["AlexNet"][0] == 96.2
assert round(percent["AlexNet"][1], 1) == 8.1
teaching.three_ways(
    16,
    measured="the fully connected layers are heavy in *parameters* (AlexNet 96.2 %, VGG-16 "
    "89.4 %), light in *work* (8.1 % and 0.8 %); averaging saves GoogLeNet "
    f"{(flat_params - whole.params) / 1e6:.0f} of {flat_params / 1e6:.0f} million parameters "
    "and 3 % of the work",
    verb="counted",
)

# %% [markdown]
# A weight of a convolution works at every pixel, a weight of a linear layer once per image. That is the whole secret. (It is also why this network
# takes images of any size: a mean does not care how many values there are.)
#
# ## 8 · Auxiliary classifiers: help for the lower half?
#
# In 2014 a network of 22 layers was new, and batch normalization still to come. The authors feared that the gradient would fade on its
# way back. So they attached two small classifiers, **auxiliary heads** (보조 분류기), to the middle of the network. Their losses count 0.3 each in
# training, and afterwards they are thrown away. Where do they sit?

# %%
positions = [inceptions.index(name) + 1 for name in heads]
layers = [depths[name] for name in heads]
assert (
    list(heads) == ["inception_4a", "inception_4d"]
    and positions == [3, 6]
    and layers == [9, 15]
)
teaching.three_ways(
    17,
    measured=f"behind modules {positions[0]} and {positions[1]} of 9, weight layers {layers[0]} "
    f"and {layers[1]} of 22; behind the 9th module stands the main classifier",
    verb="counted",
)

# %% [markdown]
# Does the gradient fade? Take the real GoogLeNet with fresh random weights, and six cut-outs of real photographs. Follow the gradient of the loss
# backwards, from stage to stage.

# %%
guess_fade = teaching.predict(ask.predictions["fade"])
guess_fade


# %%
def cut(photo, number):
    """One of two squares of 224 × 224 of a photograph."""
    height, width = photo.shape[1:]
    top, left = (height - 224) * number, (width - 224) * number
    return photo[:, top : top + 224, left : left + 224]


images = torch.stack([cut(photo, number) for photo in photos.values() for number in (0, 1)])
images = transfer.normalize(images.float() / 255)
labels = torch.tensor([0, 0, 1, 1, 2, 2])  # any classes will do: the network knows none yet


# %%
def gradients(net, weight):
    """Length of the gradient at the output of each stage; heads count `weight` in the loss."""
    maps = []

    def keep(stage, inputs, output):
        output.retain_grad()
        maps.append(output)

    hooks = [stage.register_forward_hook(keep) for stage in net.features]
    loss, _ = training.auxiliary_objective(weight)(net.train(), images, labels)
    loss.backward()
    for hook in hooks:
        hook.remove()
    return [output.grad.norm().item() for output in maps]


# %%
norms = {"without heads": [], "with heads": [], "with batch norm": []}
for seed in SEEDS:
    torch.manual_seed(seed)
    plain, net_bn = models.googlenet(auxiliary=True), models.googlenet_bn(auxiliary=True)
    norms["without heads"].append(gradients(plain, weight=0.0))
    norms["with heads"].append(gradients(plain, weight=0.3))
    norms["with batch norm"].append(gradients(net_bn, weight=0.0))

# %% tags=["measured"]
names = [name for name, _ in plain.features.named_children()]
_ = pictures.gradients(norms, names, heads=heads)

# %%
without, with_heads, with_norm = norms.values()
fade = [seed[-1] / seed[0] for seed in without]
lift = [b[0] / a[0] for a, b in zip(without, with_heads)]
print("gradient at 5b / at conv1, without heads:", *(f"≈ {f:.0f}" for f in fade))
print("gradient at conv1, with heads / without: ", *(f"≈ {f:.1f}" for f in lift))
assert all(f > 15 for f in fade)  # it fades, in every seed
assert all(f > 2 for f in lift)  # below the heads more than twice as much arrives …
assert all(
    0.95 < b[-1] / a[-1] < 1.05 for a, b in zip(without, with_heads)
)  # … above nothing changes
assert all(
    seed[-1] < seed[0] for seed in with_norm
)  # with batch normalization it does not fade
guess_fade.reveal("much shorter: it fades on the way")

# %% [markdown]
# Careful: this was the gradient at the *maps*, what each stage hands back to the one before. The gradient of the *weights*, which
# moves them, is summed over all pixels of a map, and the early maps have many. Does it fade as much?

# %%
for seed in SEEDS:
    torch.manual_seed(seed)
    plain, objective = models.googlenet(auxiliary=True), training.auxiliary_objective(0.0)
    length = training.gradient_norms(plain, images, labels, objective)
    first = length["features.conv1.conv.conv"]
    last = length["features.inception_5b.conv3x3.conv.conv"]
    print(f"gradient of the 3 × 3 weights in 5b / of conv1's weights: ≈ {last / first:.1f}")
    assert last / first < 8

# %% [markdown]
# Hardly. So the fear was justified where one stage talks to the next (tens of times shorter), less so for the weights. And the heads do what they were made for: at each of them
# the blue line steps up, to about three times as much at conv1. Look at the black line, too. It is a variant without heads that you met in section 6;
# its main difference is **batch normalization** (배치 정규화), invented the year after. There nothing fades;
# the gradient even grows on its way back. [06 ResNet](06_resnet.ipynb) takes that up.
#
# A longer gradient is not yet a better network. Train and see. `miniature` is your network with an eighth of every width, for digits: the same nine
# modules, a head behind 4a and one behind 4d. The objective, all of it:

# %%
teaching.source(training.auxiliary_objective)

# %%
guess_heads = teaching.predict(ask.predictions["heads"])
guess_heads


# %%
def train(objective, seed):
    """GoogLeNet in miniature, from the same first weights for the same seed: (network, history)."""
    torch.manual_seed(seed)
    net = miniature(data.num_classes, channels=data.image_shape[0])
    optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
    kept = {"checkpoint": run.keep("05", objective.__qualname__, seed)}  # None in a quick run
    return net, training.fit(
        net, data, optimizer, EPOCHS, batch_size=BATCH, objective=objective, seed=seed, **kept
    )


# %%
with_both = [train(training.auxiliary_objective(0.3), seed) for seed in SEEDS]

# %%
with_none = [train(training.cross_entropy, seed) for seed in SEEDS]

# %%
for name, trained in (("with heads", with_both), ("without heads", with_none)):
    found = [history.last["valid_accuracy"] for _, history in trained]
    print(f"{name:13} after {EPOCHS} epochs:", *(f"≈ {100 * a:.0f} %" for a in found))
    assert sum(found) / len(SEEDS) > 0.3  # both learn: chance is 0.1

# %% [markdown]
# Can you tell which is better? With three seeds and three epochs nobody can: the seeds differ more than the two kinds do. Before we ask for more,
# throw the heads away, as the authors did. Does the network answer any differently?

# %%
trained = with_both[0][0].cpu().eval()
some = data.test.images[:64].cpu()
with torch.no_grad():
    before = trained(some)
    if hasattr(trained, "auxiliary"):
        del trained.auxiliary
    after = trained(some)
assert torch.equal(before, after)
print("without the heads, the same logits to the last bit:", torch.equal(before, after))

# %% [markdown]
# Now the full comparison: five seeds, ten epochs, no head, only the upper one (4d), or both; without and with batch normalization. These runs are
# **loaded, not trained here**; your own above are the first epochs of six of them.

# %%
print(
    *(f"{key}: {value}" for key, value in published.provenance("auxiliary_heads").items()),
    sep="\n",
)
runs = published.read("auxiliary_heads")
_ = pictures.heads(runs)

# %%
ends = runs[runs["epoch"] == runs["epoch"].max()]
kinds = {"none": "no heads", "upper": "head on 4d", "both": "heads on 4a and 4d"}
errors = {}
for norm in (False, True):
    for kind, name in kinds.items():
        rows = ends[(ends["norm"] == norm) & (ends["heads"] == kind)]
        label = name + (", batch norm" if norm else "")
        errors[label] = list(100 * (1 - rows["test_accuracy"]))
colors = {label: plots.GRAY for label in errors if "norm" in label}
_ = plots.bars(errors, xlabel="test error after ten epochs, % (dots: seeds)", colors=colors)

# %%
test = ends.groupby(["norm", "heads"])["test_accuracy"].mean()
early = runs[runs["epoch"] <= 4].groupby(["norm", "heads"])["valid_accuracy"].mean()
for norm in (False, True):
    assert abs(test[norm, "both"] - test[norm, "none"]) < 0.02  # no gain at the end …
    assert test[norm, "upper"] > test[norm, "both"] - 0.02  # … and the lower head is not missed
    assert abs(early[norm, "both"] - early[norm, "none"]) < 0.05  # no gain at the beginning
assert early[True, "none"] > early[False, "both"] + 0.2  # batch norm is another matter,
assert test[True].mean() > test[False].mean() + 0.01  # early and late
guess_heads.reveal("about the same, within two points")

# %%
mean = {heads: f"{100 * test[False, heads]:.1f}" for heads in ("none", "upper", "both")}
spread = 100 * ends[~ends["norm"]].groupby("heads")["test_accuracy"].std().max()
assert spread < 2
teaching.three_ways(
    18,
    measured="the gradient does fade, and heads do lengthen it; yet after ten epochs the test "
    f"accuracy is {mean['none']} % without heads, {mean['both']} % with both, {mean['upper']} % "
    f"without the lower one (spread of the seeds up to {spread:.1f} points): no difference that "
    "we could see, early or late",
)

# %% [markdown]
# So we find what the group itself found a year later, as far as small networks can tell: the remedy acts on the symptom (the gradient is longer) and changes
# little in the result. The slight gain that they saw near the end of long training does not show here; ten epochs on 960 digits are too few to look for it.
# What really changed something, most of all the first epochs, is batch normalization. A mechanism can be real and still not be the reason.

# %%
if run.mode == "paper":  # the same comparison on photographs, with your own runs
    for name, trained in (("with heads", with_both), ("without heads", with_none)):
        found = [training.evaluate(net, data).accuracy for net, _ in trained]
        print(f"{name}: test accuracy", *(f"≈ {100 * a:.1f} %" for a in found))

# %% [markdown]
# ## 9 · Four per cent every eight epochs
#
# How did they train it? With stochastic gradient descent on many machines, momentum 0.9, and a learning rate (학습률) that falls “by 4 % every 8 epochs”.
# Is that a lot? Draw it beside ResNet's rule for CIFAR-10 (divide by 10 at half and at three quarters).

# %%
guess_rate = teaching.predict(ask.predictions["rate"])
guess_rate

# %%
optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=8, gamma=0.96)
rates = []
for _ in range(161):
    rates.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    schedule.step()

# %%
resnets = [0.1 ** ((epoch >= 80) + (epoch >= 120)) for epoch in range(161)]
series = {"GoogLeNet": [rates], "ResNet": [resnets]}
_ = plots.lines(
    series, x=range(161), xlabel="epoch", ylabel="learning rate / first one", log=True
)

# %%
halved = next(epoch for epoch, rate in enumerate(rates) if rate < 0.5)
assert abs(rates[80] - 0.96**10) < 1e-12 and 0.66 < rates[80] < 0.67 and halved == 136
guess_rate.reveal("two thirds")

# %%
teaching.three_ways(
    20,
    measured=f"the notes are right; after 80 epochs {rates[80]:.1%} are left, and half only after {halved}",
    verb="computed",
)

# %% [markdown]
# The paper does not say where the rate began, nor the batch size. Caffe's replica wrote the rule down as “×0.96 every 320,000 steps of 32 images”:

# %%
epochs_per_cut = 320_000 * 32 / 1_281_167  # ImageNet's training images
assert round(epochs_per_cut, 1) == 8.0
print(f"one cut every {epochs_per_cut:.2f} epochs")

# %% [markdown]
# And the 6.67 % that won ILSVRC 2014? Seven networks voted, each on 144 cut-outs of every image. One network that looks once makes 1.5 times as many errors:

# %%
errors = published.read("imagenet_errors")
rows = errors[errors["network"] == "GoogLeNet"]
top5 = {}
for row in rows.itertuples():
    nets = "one network" if row.nets == 1 else f"{row.nets:.0f} networks"
    cuts = "1 cut-out" if int(row.crops) == 1 else f"{row.crops} cut-outs"
    top5[f"{nets}, {cuts}"] = row.top5
assert list(top5.values()) == [10.07, 7.89, 6.67] and round(10.07 / 6.67, 1) == 1.5
_ = plots.bars(top5, xlabel="top-5 error on ImageNet, % (paper, Table 3)", form="{:.2f}")

# %% [markdown]
# ## 10 · Exercises
#
# Put your answer in place of `...`, run the cell, read what the check found. Hints and solutions unfold.

# %%
ask.exercises["outputs"]

# %%
my_channels = ...
ask.exercises["outputs"].check(my_channels)

# %%
ask.exercises["branch"]

# %%
my_macs = ...
ask.exercises["branch"].check(my_macs)

# %%
ask.exercises["one_by_one"]


# %%
def one_by_one(x, weight, bias):
    return ...  # your code


ask.exercises["one_by_one"].check(one_by_one)

# %%
ask.exercises["rate"]


# %%
def rate(start, epoch):
    return ...  # your code


ask.exercises["rate"].check(rate)

# %%
ask.exercises["break_even"]


# %%
def largest_reduction(c_in, c_out, kernel):
    return ...  # your code


ask.exercises["break_even"].check(largest_reduction)

# %%
ask.exercises["module"]


# %%
def my_inception(c_in, one, reduce3, three, reduce5, five, pool):
    return ...  # your code


ask.exercises["module"].check(my_inception)

# %%
ask.exercises["head"]


# %%
def my_head(c_in, num_classes):
    return ...  # your code


ask.exercises["head"].check(my_head)

# %% [markdown]
# ## 11 · Quiz
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

# %%
teaching.quiz(ask.quiz[6])

# %% [markdown]
# ## 정리 · What you have shown
#
# * **Inception module** (인셉션 모듈): 1 × 1, 3 × 3, 5 × 5 and max pooling (최대 풀링) work *in parallel* (병렬) on the same input; their outputs are
#   stacked. The pooling is a branch, not a step after the others.
# * **1 × 1 convolution**: one linear layer at every pixel, across the channels (차원 축소, *dimension reduction*). As a **bottleneck** (병목) before
#   the large kernels it takes the example from 854.2 to 271.4 million multiply-adds, not 358.
# * The network: a stem, 9 modules, 1 linear layer; 9 × 2 + 3 + 1 = **22 layers**, 6,998,552 parameters, 1.58 G multiply-adds. 8.7 times fewer
#   parameters than AlexNet, twice its work.
# * **Global average pooling** (전역 평균 풀링) saves 49 million *parameters* and 3 % of the work.
# * **Auxiliary classifiers** (보조 분류기) behind 4a and 4d, modules 3 and 6: the gradient fades about 40-fold on its way back, and they
#   about triple what arrives. Yet in five seeds of ten epochs they changed neither the
#   beginning nor the end; **batch normalization** (배치 정규화) changed both.
# * The learning rate falls by 4 % every 8 epochs: two thirds are left after 80.
# * Torchvision's “5 × 5” is 3 × 3: always check shapes before you trust a name.
#
# **Where to go next.** [06 ResNet](06_resnet.ipynb) asks why one does not just go on stacking, and changes everything with a plus sign.
# [07 Inception-v3](07_inception_v3.ipynb) takes the 5 × 5 apart.
