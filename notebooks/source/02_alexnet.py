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
# * tell which of its tricks (ReLU, local response normalisation, augmentation, dropout, weight decay) you can confirm with an experiment, and how fair
#   comparisons are made.
#
# | | time |
# |---|---|
# | `quick` (default): real handwritten digits, drawn letters, three photographs, any laptop, no network | reading and exercises 75 minutes; all cells together TODO |
# | `full`: the paper's recipe on Imagenette | a GPU; not yet run |

# %%
import importlib.util
import os

# on Colab: fetch this course's package, and nothing else
if importlib.util.find_spec("lecture8") is None:
    os.system("pip install -q git+{{repository}}")

import lecture8

run = lecture8.start()

# %%
import torch
from torch import nn

from lecture8 import complexity, datasets, explore, models, plots, published, teaching, training
from lecture8.exercises import alexnet as ask
from lecture8.models.alexnet import LAYERS, PerGPU
from lecture8.models.alexnet_two_gpus import Gather, TwoGPUs, halve
from lecture8.models.layers import LocalResponseNorm

# %% [markdown]
# **Parameters.** Everything you may want to change is here. `run.choose` takes the first value in a quick run and the
# second in a full one; to change the run, write `lecture8.start("full")` above.

# %%
SEEDS = (0, 1, 2)  # every claim is measured once per seed
digits = datasets.digits(size=16)
few = digits.take(100)  # ten of each: enough to overfit
EPOCHS_NORM = run.choose(quick=6, full=20)  # section 4
EPOCHS_FEW = run.choose(quick=60, full=200)  # sections 5 and 6
digits

# %% [markdown]
# ## 1 · Sixty million numbers
#
# ILSVRC 2012: five networks like this one, voting, put the right answer outside their first five guesses for 16.4 % of the photographs. The best
# entry without such a network: 26.2 %. AlexNet has five convolutions and three **fully connected** layers (완전 연결층, FC), in which every
# output looks at every input. Two ways to measure its size: **parameters**, the numbers that training sets, and
# **multiply-adds**, the unit of work.

# %%
guess = explore.predict(ask.predictions["where"])
guess

# %% [markdown]
# The paper's Figure 2 and section 3.5 fit into a table: per layer the number of kernels, kernel size, stride, padding, *groups* (in how many
# separate halves it works: section 2), and whether normalisation and pooling follow.

# %%
LAYERS

# %% [markdown]
# Build it. Each stage is convolution, ReLU, then normalisation and pooling where the table says True. `PerGPU` applies the
# normalisation to each half of the channels as if it were alone; section 4 is about what it does.


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
guess.reveal("parameters in the fully connected layers, work in the convolutions")

# %% [markdown]
# Layer by layer, counted from the library's network (yours has no names):

# %%
named = complexity.profile(alexnet, 227).layers
_ = plots.alexnet.shares(
    {layer.name.split(".")[1]: (layer.params, layer.macs) for layer in named if layer.params}
)

# %% [markdown]
# ### In which order?
#
# The notes list the first layers as CONV, POOL, NORM. In what order does the network work, and does it matter?

# %%
kinds = {"Conv2d": "CONV", "LocalResponseNorm": "NORM", "MaxPool2d": "POOL"}
order = [kinds[layer.kind] for layer in cost.layers if layer.kind in kinds]
before_pooling = 96 * 55**2 + 256 * 27**2  # values that the two normalisations work on
after_pooling = 96 * 27**2 + 256 * 13**2
print(" ".join(order))
print(f"values to normalise: {before_pooling:,}; after pooling it would be {after_pooling:,}")
assert order[:6] == ["CONV", "NORM", "POOL"] * 2 and before_pooling > 4 * after_pooling

# %%
teaching.three_ways(
    3,
    measured=f"{' '.join(order[:6])}; the notes' order has {before_pooling / after_pooling:.1f} times fewer values to "
    "normalise, and it is that of CaffeNet, a later remake",
    verb="counted",
)

# %% [markdown]
# ### 224 or 227?
#
# The paper says that its images are 224 × 224. A window of 11 pixels that moves 4 at a time finds (224 - 11) / 4 + 1 = 54.25 places. Nobody
# can have a quarter of a place. Look at the right end of the image:

# %%
_ = plots.alexnet.right_edge(224, kernel=11, stride=4, padding=0, places=54)

# %%
explore.alexnet.edge()

# %% [markdown]
# Move the controls. **Which settings give fc6 the 9,216 inputs of the paper?** Answer with arithmetic, for all thirty settings at once:


# %%
def fc6_inputs(side, padding, ceil):
    size = complexity.conv_size(side, 11, 4, padding, ceil=ceil)
    for _ in range(3):
        size = complexity.conv_size(size, 3, 2)
    return 256 * size**2


sides = {
    (padding, "up" if ceil else "down"): [s for s in range(224, 229) if fc6_inputs(s, padding, ceil) == 9216]
    for padding in (0, 1, 2)
    for ceil in (False, True)
}
for (padding, rounding), fitting in sides.items():
    print(f"padding {padding}, rounded {rounding}: sides {', '.join(map(str, fitting)) or 'none'}")

# %%
assert 224 not in sides[0, "down"] and 227 in sides[0, "down"]
assert 224 in sides[0, "up"] and 224 in sides[2, "down"]
teaching.right(
    "224 alone does not do. The authors' own code rounds up (the last window hangs over), Caffe takes images of 227, "
    "torchvision pads by 2: three ways to 55, and all of them are called AlexNet."
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
for module in alexnet.modules():  # larger weights than the paper's N(0, 0.01²), so that the logits differ from image to image
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
guess = explore.predict(ask.predictions["crossing"])
guess

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
_ = plots.alexnet.towers(rows, title="AlexNet on two GPUs: what crosses for one image (the paper's Figure 2)")

# %%
crossing = {name: number for name, _, _, number in rows if number}
for name, number in crossing.items():
    print(f"before {name}: {number:>7,} bytes")
total = sum(crossing.values())
print(f"together:    {total:>8,} bytes; the image has {images[0].nbytes:,}")
assert crossing == {"conv3": 173_056, "fc6": 36_864, "fc7": 16_384, "fc8": 8_192}
assert total < images[0].nbytes / 2

# %%
guess.reveal("less than half of the image")

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
print(f"two groups save {saved[0]:.0%} of the parameters and {saved[1]:.0%} of the multiply-adds")

# %%
sees = {name: seen for name, seen, _, _ in rows}
own = [name for name, seen in sees.items() if seen == "own"]
assert own == ["conv2", "conv4", "conv5"]
teaching.three_ways(
    4,
    measured=f"identical towers: yes, and equal to one network with groups. {', '.join(own)} see their own half only; "
    f"{total:,} bytes cross per image, less than half of the image itself",
    verb="counted",
)

# %% [markdown]
# Something happened to the two halves in training that nobody had asked for: in the authors' network the kernels of one card learned edges without colour, those of the
# other colours, at every start anew (section 6.1). It takes ImageNet to see that.

# %% [markdown]
# ## 3 · ReLU or tanh?
#
# Between two layers stands an **activation** (활성화 함수). Before 2012 that was usually tanh, which squeezes everything into -1 … 1: far from 0 its slope is nearly
# 0 (it *saturates*), and no slope means no gradient. **ReLU**, max(0, x), has slope 1 for every positive x. The paper's Figure 1: a network of
# four layers reaches 25 % training error on CIFAR-10 six times as fast with ReLU.

# %%
guess = explore.predict(ask.predictions["relu"])
guess

# %% [markdown]
# Four layers of our own, for digits. To be fair, each activation gets the first weights made for it (He for ReLU, Glorot for tanh, see [06 ResNet](06_resnet.ipynb)).


# %%
def little(activation=nn.ReLU, hidden=0, dropout=0.0):
    """Three convolutions and a linear layer; with `hidden` units also two layers like fc6 and fc7."""
    steps, c = [], 1
    for c_out, kernel in ((16, 5), (32, 5), (32, 3)):
        conv = nn.Conv2d(c, c_out, kernel, padding="same")
        steps += [conv, activation(), nn.MaxPool2d(2)]
        c = c_out
    steps.append(nn.Flatten())
    c *= 2 * 2
    for _ in range(2 if hidden else 0):
        steps += [nn.Linear(c, hidden), activation(), nn.Dropout(dropout)]
        c = hidden
    net = nn.Sequential(*steps, nn.Linear(c, 10))
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
    return plots.alexnet.epochs_to(1 - rows["train_accuracy"], 0.25) or 6.0


needed = grid.groupby(["activation", "lr", "seed"])[["train_accuracy"]].apply(reached)
table = needed.groupby(["lr", "activation"]).mean().unstack()
table.rename_axis(columns=None).round(2)

# %% [markdown]
# ## 4 · Local response normalisation
#
# After conv1 and conv2 AlexNet divides every activation $a$ by something that grows with its neighbours in the channel direction: a strong response
# is to dampen the ones beside it, as between nerve cells.
#
# $$b_i = a_i \Big/ \Big(2 + 10^{-4} \sum_{j=i-2}^{i+2} a_j^2\Big)^{0.75}$$
#
# In PyTorch, by hand and as a layer:


# %%
def by_hand(a, n=5, alpha=1e-4, beta=0.75, k=2):
    padded = nn.functional.pad(a**2, (0, 0, 0, 0, n // 2, n // 2))  # zeros beyond the first and last channel
    return a / (k + alpha * padded.unfold(1, n, 1).sum(-1)) ** beta


a = 100 * torch.randn(2, 96, 8, 8, generator=torch.Generator().manual_seed(0))
literal = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2)
meant = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)
assert not torch.allclose(literal(a), by_hand(a), rtol=0.01)
assert torch.allclose(meant(a), by_hand(a), rtol=1e-4)
print("PyTorch divides the sum by 5, so its alpha must be 5 times the paper's")

# %% [markdown]
# Does it help? Train our small AlexNet without it, with it, and with **batch normalisation** (배치 정규화, 2015) in the same two places, which
# brings each channel of a batch to mean 0 and spread 1.

# %%
guess = explore.predict(ask.predictions["lrn"])
guess


# %%
def normalised(kind, seed):
    """A small AlexNet, trained with this normalisation after conv1 and conv2."""
    torch.manual_seed(seed)
    net = models.small.alexnet(width=8, channels=1, input_size=16, norm=kind != "none", dropout=0)
    if kind == "batch":
        for stage in (net.features.conv1, net.features.conv2):
            stage.norm = nn.BatchNorm2d(stage.conv.out_channels)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
    return net, training.fit(net, digits, optimizer, EPOCHS_NORM, batch_size=64, seed=seed)


by_norm = {kind: [normalised(kind, seed) for seed in SEEDS] for kind in ("none", "local response")}

# %%
by_norm["batch"] = [normalised("batch", seed) for seed in SEEDS]

# %% tags=["measured"]
accuracy = {
    kind: [100 * training.evaluate(net, digits).accuracy for net, _ in runs]
    for kind, runs in by_norm.items()
}
label = "accuracy on new digits, % (dots: seeds)"
_ = plots.bars(accuracy, xlabel=label, colours={"batch": plots.GREEN})

# %%
mean = {kind: sum(values) / len(SEEDS) for kind, values in accuracy.items()}
gain = {kind: mean[kind] - mean["none"] for kind in ("local response", "batch")}
print(*(f"{kind} normalisation gains ≈ {points:.1f} points" for kind, points in gain.items()), sep="\n")
assert gain["local response"] < 2
assert gain["batch"] > 2 and min(accuracy["batch"]) > max(accuracy["none"])
guess.reveal("no better, rather a little worse")

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
    print(f"{name}: all factors between {factor.min():.3f} and {factor.max():.3f}")

# %% tags=["measured"]
sizes = [a[a > 0.001].quantile(torch.tensor([0.05, 0.95])).tolist() for a, _ in pairs.values()]
low, high = min(s[0] for s in sizes), max(s[1] for s in sizes)
pixels = 255 * digits.train.std[0]  # so much larger everything is if pixels go from 0 to 255
_ = plots.alexnet.lrn_factor(
    {"our activations": (low, high), "if pixels went to 255": (low * pixels, high * pixels)}
)

# %%
constant = 2**-0.75
assert all((factor - constant).abs().max() < 0.01 * constant for factor in factors.values())
teaching.right(
    "Every factor is within 1 % of 2^-0.75 = 0.595: on images brought to spread 1, as everybody does today, the layer just multiplies with a constant, "
    "and a constant is something that the next layer's weights can do."
)

# %%
teaching.three_ways(
    6,
    measured=f"local response normalisation gains nothing here (less than 2 points); *batch* normalisation in the same two places more than "
    f"2 points in the mean, its worst seed above the best without",
)

# %% [markdown]
# So the notes are right about this layer, but do not read them as “normalisation is out of use”. It came back, in another form, and stayed.
#
# **Overlapping pooling**, windows of 3 pixels every 2, is worth 0.4 points in the paper (top-1, section 3.4). With 300 test images one image is a third of a
# point, and seeds differ by several: what we could measure here would not tell us anything. Remember this when you read tables: the smaller the
# effect, the more images and seeds it takes.

# %% [markdown]
# ## 5 · More pictures from the same picture
#
# Sixty million parameters, 1.2 million photographs: AlexNet would learn them by heart. **Data augmentation** (데이터 증강) shows it a different version every time:
# a crop of 224 × 224 from the 256 × 256 photo, mirrored or not, with its colours shifted.

# %%
photo = plots.alexnet.square(datasets.sample_photos()["china"], 256)
generator = torch.Generator().manual_seed(0)
places = torch.randint(0, 33, (8, 2), generator=generator).tolist()
crops = torch.stack([photo[:, top : top + 224, left : left + 224] for top, left in places])
pictures = datasets.random_flip()(crops, generator)
boxes = [(top, left, 224) for top, left in places[:3]]
_ = plots.alexnet.views(photo, boxes, pictures)

# %% [markdown]
# And the colours? Plot every pixel as a point with its red, green and blue: a cloud. **Principal components** (주성분, PCA) are its axes. The
# paper adds to each image a random amount of each axis, in proportion to how far the cloud reaches along it.

# %%
variances, directions = torch.linalg.eigh(torch.cov(photo.flatten(1)))
steps = directions * variances.sqrt()  # columns: one standard deviation along each axis
share = (variances / variances.sum()).tolist()[::-1]
print("spread along the three axes:", *(f"{part:.1%}" for part in share))
first = directions[:, 2]
assert share[0] > 0.8 and (first.sign() == first.sign()[0]).all()  # red, green and blue together

# %% [markdown]
# The first axis has red, green and blue of one sign: it is brightness, and it is nearly everything. One standard deviation down and up each axis, the largest
# first (the paper draws a tenth of this):

# %%
shifted = [photo + sign * steps[:, axis, None, None] for sign in (-1, 1) for axis in (2, 1, 0)]
_ = plots.alexnet.views(photo, [], shifted, columns=3)

# %%
split = datasets.Split((photo[None] * 255).round().to(torch.uint8), torch.tensor([0]))
noise = datasets.colour_noise(split, spread=1.0)  # the library's, with a full standard deviation
many = torch.zeros(5000, 3, 1, 1)
drawn = noise(many, torch.Generator().manual_seed(0)).flatten(1)
spread = torch.cov(drawn.T)
assert torch.allclose(spread, torch.cov(photo.flatten(1)), rtol=0.1, atol=1e-3)
print("5,000 drawn colour shifts spread as the photo's own colours do")

# %% [markdown]
# Turn each of the three on and off:

# %%
explore.alexnet.augment()

# %% [markdown]
# **With the colour noise off: how many different pictures does one photo give, with crops, with mirroring, with both?** Make them all and
# count:

# %%
pixels = (photo * 255).round().to(torch.uint8)
corners = [(top, left) for top in range(33) for left in range(33)]
crops = [pixels[:, top : top + 224, left : left + 224] for top, left in corners]
different = {hash(crop.numpy().tobytes()) for crop in crops}
mirrored = {hash(crop.flip(-1).numpy().tobytes()) for crop in crops}
assert (len(different), len(different | mirrored)) == (33**2, 2 * 33**2)
print(f"crops {len(different):,}, crops and mirror images {len(different | mirrored):,}")

# %% [markdown]
# The paper says “a factor of 2048”, 32 · 32 · 2. But from 0 to 32 there are 33 shifts. (A fence of 32 panels has 33 posts.)
#
# ### Does it help?
