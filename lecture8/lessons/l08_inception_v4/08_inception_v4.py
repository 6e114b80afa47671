# %% [markdown]
# # 08 · Inception-v4 and Inception-ResNet: do the two roads meet?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({{colab}})
#
# **In this notebook you search the largest Inception for shortcuts, put some in, race the two against each other, and find out
# why a block should speak softly.** Paper: Szegedy, Ioffe, Vanhoucke, Alemi, *Inception-v4, Inception-ResNet and the Impact of
# Residual Connections on Learning*, AAAI 2017 ([arXiv 1602.07261](https://arxiv.org/abs/1602.07261)).
#
# Afterwards you can
# * tell Inception-v4 from the two Inception-ResNets, and find your way through all three;
# * say what shortcuts do for Inception and what they do not, with numbers that you measured;
# * explain why the blocks of wide residual networks are multiplied with 0.1 to 0.3.
#
# | | time |
# |---|---|
# | `quick` (default): real handwritten digits and photographs, any laptop, no network | reading and exercises 75 minutes; all cells together about 1 minute |
# | `paper`: CIFAR-10 photographs, wider networks | a GPU; not yet run at full length. Every cell was tried on a CPU with 48 photographs and one epoch |

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
from lecture8.lessons.l08_inception_v4 import explorers, pictures
from lecture8.lessons.l08_inception_v4 import questions as ask
from lecture8.lessons.l08_inception_v4.parts import parts
from lecture8.models.inception_resnet import BLOCKS, SCALES, ScaledResidual
from lecture8.models.inception_v4 import REDUCTION_A, reduction_a, reduction_b, stem
from lecture8.models.inception_v4 import inception_a, inception_b, inception_c
from lecture8.models.layers import Branches, chain

# %% [markdown]
# **Parameters.** Everything you may want to change is here. `run.choose` takes the first value in a quick run and the
# last in a paper run; to change the run, write `lecture8.start("paper")` above.

# %%
SEEDS = (0, 1, 2)  # every claim is measured once per seed
EPOCHS = run.choose(quick=3, paper=30)
DECAY = run.choose(quick=0.8, paper=0.9)  # what an epoch leaves of the learning rate
BATCH = run.choose(quick=32, paper=128)
data = datasets.digits(size=8).take(960) if run.mode == "quick" else datasets.cifar10()
data

# %% [markdown]
# ## 1 · Inception-v4: where is the shortcut?
#
# By 2016 there were two roads to a better network. Google's Inception looks in several ways at once and saves work wherever it
# can ([05 GoogLeNet](05_googlenet.ipynb), [07 Inception-v3](07_inception_v3.ipynb)); Microsoft's ResNet adds its input to every
# block ([06 ResNet](06_resnet.ipynb)). Can one have both? A paper of that year has three networks: Inception-v4,
# Inception-ResNet-v1 and Inception-ResNet-v2. The lecture's notes have one line: “Inception-v4: GoogLeNet과 ResNet의 combination”.

# %%
guess_shortcuts = teaching.predict(ask.predictions["shortcuts"])
guess_shortcuts

# %% [markdown]
# Let a program look. It runs each network on an image without pixels and writes down every operation; an addition of two maps is
# called `add`. ResNet-50 comes along, so that you see that it does find additions where there are some.

# %%
NAMES = {
    "Inception-v4": "inception_v4",
    "Inception-ResNet-v1": "inception_resnet_v1",
    "Inception-ResNet-v2": "inception_resnet_v2",
}


def profiled(name, side=299, **options):
    """What `complexity` says of a network; built without numbers in it, which is enough to count."""
    with torch.device("meta"):
        return complexity.profile(models.build(name, **options), side)


costs = {title: profiled(name) for title, name in NAMES.items()}

# %%
everybody = {"ResNet-50": profiled("resnet50", 224), **costs}
additions = {
    title: sum(layer.kind == "add" for layer in cost.layers)
    for title, cost in everybody.items()
}
for title, count in additions.items():
    print(f"{title:20} {count:>2} additions")
assert list(additions.values()) == [16, 0, 20, 40]
guess_shortcuts.reveal("none")

# %% [markdown]
# Here are the three, drawn by the program: a bar per module, as high as its map; an arc over every module that adds its input to its
# output. Below stand the shape that comes out and the multiply-adds.

# %%
_ = pictures.walks(costs)

# %%
modules = sum(
    len(part.stages) for name, part in parts(costs["Inception-v4"]).items() if "block" in name
)
assert modules == 14
teaching.three_ways(
    34,
    measured=f"{additions['Inception-v4']} additions in Inception-v4's {modules} modules, "
    f"{additions['Inception-ResNet-v1']} and {additions['Inception-ResNet-v2']} in the two "
    "Inception-ResNets; who trains faster and who ends better, section 5 will show",
    verb="counted",
)

# %% [markdown]
# The notes' word fits the Inception-ResNets. Each of them is a **hybrid** (결합 모델). Inception-v4 is the control: the purest
# Inception that the authors could build, to compare the hybrids with.

# %% [markdown]
# ## 2 · Inception-v4 from its pieces
#
# GoogLeNet's nine modules had nine different sets of widths. Inception-v4 is tidier: a **stem** (줄기), then three kinds of modules, called
# A, B and C, each repeated at its own size of map, and two *reductions* between them. (A module is a
# block here; the pictures say *block*.) Even the stem is made of branches now:

# %%
the_stem = stem()
_ = plots.diagrams.diagram(
    the_stem, complexity.profile(the_stem, 299), title="The stem of Inception-v4"
)

# %% [markdown]
# Why 149, 147, 73, 71, 35? Because nothing is padded where it says so in the paper's figures (“V”, for *valid*): a 3 × 3 window must fit
# into the map as a whole. 299 pixels leave room for 149 windows two pixels apart.
#
# The modules B work at 17 × 17. They know only 1 × 1, 1 × 7 and 7 × 1: notebook 07's factorized kernels.

# %%
b = inception_b()
_ = plots.diagrams.diagram(
    b, complexity.profile(b, (1024, 17, 17)), title="Module B, seven times in a row"
)

# %% [markdown]
# **Reduction A** halves the map, with convolutions and a pooling side by side. It is the same in all three networks but
# for four widths, which the paper calls k, l, m, n: one branch is a 3 × 3 to n channels with stride 2; the other a 1 × 1 to k, a 3 × 3 to l, and a
# 3 × 3 to m with stride 2. **Build** it. `chain(c_in, (c_out, kernel, stride, padding), …)` is a row of convolutions,
# each with batch normalization and ReLU:


# %%
def my_reduction_a(c_in, k, l, m, n):  # noqa: E741  the paper's letters
    return Branches(
        conv3x3=chain(c_in, (n, 3, 2, 0)),
        double3x3=chain(c_in, (k, 1), (l, 3), (m, 3, 2, 0)),
        pool=nn.MaxPool2d(3, stride=2),
    )


letters = REDUCTION_A["v4"]
teaching.same_network(my_reduction_a(384, *letters), reduction_a(384, *letters), (384, 9, 9))

# %% [markdown]
# Table 1 of the paper gives the letters; what comes out, and what it costs, follows from them:

# %%
widths = {
    "v4": 384,
    "resnet_v1": 256,
    "resnet_v2": 320,
}  # channels that come out of the A blocks
for version, c_in in widths.items():
    letters = REDUCTION_A[version]
    cost = complexity.profile(my_reduction_a(c_in, *letters), (c_in, 35, 35))
    m, n = letters[2:]
    assert cost.output_size == (n + m + c_in, 17, 17)
    print(
        f"{version:9} k, l, m, n = {letters}: {c_in} × 35 × 35 → "
        f"{n} + {m} + {c_in} = {n + m + c_in} × 17 × 17, {cost.macs:,} multiply-adds"
    )

# %% [markdown]
# Now the whole network. Four times A, reduction A, seven times B, reduction B, three times C, the mean over the map, one linear layer:


# %%
def my_inception_v4():
    steps = [
        stem(),
        *(inception_a() for _ in range(4)),
        my_reduction_a(384, *REDUCTION_A["v4"]),
    ]
    steps += [
        *(inception_b() for _ in range(7)),
        reduction_b(),
        *(inception_c() for _ in range(3)),
    ]
    steps += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1536, 1000)]
    return nn.Sequential(*steps)


def layer_by_layer(cost):
    return [(layer.kind, layer.output_shape, layer.params, layer.macs) for layer in cost.layers]


with torch.device("meta"):
    mine = complexity.profile(my_inception_v4(), 299)
assert layer_by_layer(mine) == layer_by_layer(costs["Inception-v4"])
assert (mine.params, mine.macs, mine.depth) == (42_679_816, 12_253_974_624, 76)
print(f"{mine.params:,} parameters, {mine.macs:,} multiply-adds, {mine.depth} layers deep")

# %% [markdown]
# That is the released network to the last parameter. (This course's tests copy random weights into it from the library timm, which ported
# Google's code, and find the same logits.) Nothing was added anywhere, and it is 76 layers deep: Inception can do without.

# %%
# optional, in every run: the published ImageNet weights look at ten photographs
DOWNLOAD = False  # True downloads 171 MB, once; `pip install timm` first
if DOWNLOAD:
    try:
        trained = transfer.pretrained("inception_v4").eval()
        animals = datasets.animals(256)
        batch = torch.stack(list(animals.values())) / 255
        batch = nn.functional.interpolate(batch, size=299, mode="bilinear", antialias=True)
        with torch.no_grad():
            probabilities = trained(transfer.normalize(batch)).softmax(1)
        classes = torchvision.models.Inception_V3_Weights.IMAGENET1K_V1.meta["categories"]
        for animal, row in zip(animals, probabilities):
            print(f"{animal}: {classes[row.argmax()]}, {100 * row.max():.0f} %")
    except (OSError, ModuleNotFoundError) as error:  # no internet, or no timm
        print(error)

# %% [markdown]
# ## 3 · Shortcuts for Inception
#
# To add x to what the branches put out, the two must have the same shape. The branches together have, say, 96 channels, x has 256. So a 1 × 1
# convolution follows, *without* batch normalization or ReLU, that brings them to the width of x: here F can also be negative, and take something away.
# All blocks of both hybrids are this one class:

# %%
teaching.source(ScaledResidual)

# %% [markdown]
# The `scale` will be section 6's riddle. **Build** block A of Inception-ResNet-v1 (Figure 10) yourself: 256 channels in, three branches of 32 channels, the 1 × 1, the sum.


# %%
class MyBlockA(nn.Module):
    def __init__(self, channels=256, scale=0.17):
        super().__init__()
        self.branches = Branches(
            conv1x1=chain(channels, (32, 1)),
            conv3x3=chain(channels, (32, 1), (32, 3)),
            double3x3=chain(channels, (32, 1), (32, 3), (32, 3)),
        )
        self.up = nn.Conv2d(3 * 32, channels, 1)
        self.scale = scale

    def forward(self, x):
        return (x + self.scale * self.up(self.branches(x))).relu()


library_block = ScaledResidual(256, *BLOCKS["resnet_v1"]["a"], scale=SCALES["a"])
teaching.same_network(MyBlockA(), library_block, (256, 9, 9))

# %%
title = "Block A of Inception-ResNet-v1: the right way is the shortcut"
_ = plots.diagrams.diagram(
    library_block, complexity.profile(library_block, (256, 35, 35)), title=title
)

# %% [markdown]
# Take the multiplication out, or move the `.relu()` in front of the sum, and run the cell again: the check notices. (Then put it back.)
#
# Count all three. The paper designed the hybrids so that each costs about as much as an Inception without shortcuts:

# %%
pairs = {"Inception-v3": "Inception-ResNet-v1", "Inception-v4": "Inception-ResNet-v2"}
four = costs | {"Inception-v3": profiled("inception_v3")}
for plain, hybrid in pairs.items():
    more = four[hybrid].macs / four[plain].macs - 1
    for title in (plain, hybrid):
        print(
            f"{title:20} {four[title].params:>11,} parameters {four[title].macs:>15,} multiply-adds"
        )
    print(f"{'':20} the hybrid does {more:.1%} more work")
    assert 0 < more < 0.09
assert [costs[hybrid].params for hybrid in pairs.values()] == [22_756_328, 55_843_464]

# %% [markdown]
# **Three networks of one name.** Build Inception-ResNet-v2 from the paper's *figures*, and it comes out much smaller:

# %%
drawn = profiled("inception_resnet_v2", figures=True)
ratio = drawn.macs / costs["Inception-v4"].macs
print(
    f"as in the figures: {drawn.params:,} parameters, {drawn.macs:,} multiply-adds, {ratio:.0%} of Inception-v4's"
)
assert drawn.params == 32_433_928 and 0.7 < ratio < 0.8

# %% [markdown]
# The text says that its cost is Inception-v4's. That fits only the network that was released, with v3's stem and 10 + 20 + 10 blocks in place of 5 + 10 + 5. And
# two numbers in the figures cannot be: Figures 17 and 19 are quoted with 1154 and 2048 channels behind the 1 × 1 of blocks B and C. A sum needs the width of x:

# %%
figures = {part.name: part.shape[0] for part in parts(drawn).values()}
print(f"block B must have {figures['block B']} channels, block C {figures['block C']}")
assert (figures["block B"], figures["block C"]) == (384 + 384 + 384, 1152 + 384 + 288 + 320)

# %% [markdown]
# So which network has the paper's error rates? Presumably the released one; this course takes that. When you cite a network, say whose.
#
# ## 4 · Walk through
#
# Choose a network and a stop. Above you see where you are, below the module that works there.

# %%
explorers.walk()

# %% [markdown]
# Find out with the controls:
# 1. At which stop does each network do most of its work? Is it the same for all three?
# 2. One block B of Inception-v4 against one of Inception-ResNet-v1, which has nearly as many channels: which costs more, and how many times?
# 3. The last stop is one linear layer. Which share of Inception-v4's parameters is in it? (AlexNet's three had 96 %.)

# %%
stops = {title: parts(costs[title]) for title in NAMES}
busiest = {
    title: max(parts.values(), key=lambda part: part.macs).name
    for title, parts in stops.items()
}
one_b = {
    title: parts["block B"].macs / len(parts["block B"].stages)
    for title, parts in stops.items()
}
times = one_b["Inception-v4"] / one_b["Inception-ResNet-v1"]
end = stops["Inception-v4"]["end"].params / costs["Inception-v4"].params
print(busiest)
print(f"one block B: {times:.2f} times; the end of Inception-v4: {end:.1%}")
assert set(busiest.values()) == {"block B"} and 4 < times < 4.5 and end < 0.04
teaching.correct(
    f"1: block B, in all three. 2: Inception-v4's, {times:.1f} times as much: its branches are wide, the hybrid's "
    f"are narrow and a 1 × 1 widens them again. 3: {end:.1%}, as the mean over the map leaves 1,536 numbers."
)

# %% [markdown]
# ## 5 · Shortcuts for Inception: faster or better?
#
# To see what the addition does, and nothing else, train the same network twice: once with it, once without. `models.small.inception_resnet` has
# three blocks A, a reduction, and three blocks B, for digits; `residual=False` leaves out the additions. First make sure that they cost the same:


# %%
def fresh(kind, seed, **options):
    """A small network with or without shortcuts; equal seeds give equal first weights."""
    torch.manual_seed(seed)
    shortcuts = kind == "with shortcuts"
    return models.small.inception_resnet(
        data.num_classes, channels=data.image_shape[0], residual=shortcuts, **options
    )


kinds = ("with shortcuts", "without shortcuts")
both = [complexity.profile(fresh(kind, 0), data.image_shape) for kind in kinds]
assert both[0].params == both[1].params and both[0].macs == both[1].macs
weights = [torch.cat([p.flatten() for p in fresh(kind, 0).parameters()]) for kind in kinds]
assert torch.equal(*weights)
print(
    f"each {both[0].params:,} parameters and {both[0].macs:,} multiply-adds, with equal first weights"
)

# %%
guess_speed = teaching.predict(ask.predictions["speed"])
guess_speed


# %%
def train(kind, seed):
    """One network, trained: (network, history)."""
    net = fresh(kind, seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, DECAY)
    kept = {"checkpoint": run.keep("08", kind, seed)}  # None in a quick run
    return net, training.fit(
        net, data, optimizer, EPOCHS, batch_size=BATCH, scheduler=schedule, seed=seed, **kept
    )


runs = {"with shortcuts": [train("with shortcuts", seed) for seed in SEEDS]}

# %%
runs["without shortcuts"] = [train("without shortcuts", seed) for seed in SEEDS]

# %% tags=["measured"]
colors = {"with shortcuts": plots.BLUE, "without shortcuts": plots.ORANGE}
losses = {kind: [history["train_loss"] for _, history in some] for kind, some in runs.items()}
title = "Three seeds each: faint; their mean: strong"
_ = plots.lines(losses, xlabel="epoch", ylabel="training loss", title=title, colors=colors)

# %%
ratios = [b[-1] / a[-1] for a, b in zip(losses["with shortcuts"], losses["without shortcuts"])]
print("training loss without / with shortcuts:", *(f"≈ {ratio:.1f}" for ratio in ratios))
assert all(ratio > 2 for ratio in ratios)
guess_speed.reveal("with shortcuts")

# %% [markdown]
# Faster it is. And the end? Guess, then look at longer runs, of twelve epochs: with three blocks a stage, as yours, and with one; and with
# `models.small.inception`, an Inception without shortcuts that costs about as much as yours and has batch normalization after *every* convolution.
# They are **loaded, not trained here**.

# %%
guess_end = teaching.predict(ask.predictions["end"])
guess_end

# %%
print(
    *(f"{key}: {value}" for key, value in published.provenance("shortcut_ends").items()),
    sep="\n",
)
every = published.read("shortcut_ends")
ends = every.query("epoch == 12").set_index(["kind", "seed"])
order = ["shortcuts, 1 block", "no shortcuts, 1 block", "shortcuts, 3 blocks"]
order += ["no shortcuts, 3 blocks", "Inception"]
test = {kind: list(100 * ends.loc[kind, "test_accuracy"]) for kind in order}
colors = {kind: plots.BLUE if kind.startswith("s") else plots.ORANGE for kind in order}
_ = plots.bars(test, xlabel="test accuracy after 12 epochs, % (dots: seeds)", colors=colors)

# %%
mean = {kind: sum(values) / len(SEEDS) for kind, values in test.items()}
gain = {
    n: mean[f"shortcuts, {n}"] - mean[f"no shortcuts, {n}"] for n in ("1 block", "3 blocks")
}
for n, points in gain.items():
    print(f"{n} a stage: with shortcuts {points:+.1f} points of test accuracy")
loss = ends["train_loss"].groupby("kind").mean()
assert abs(gain["1 block"]) < 2 < gain["3 blocks"]
assert loss["no shortcuts, 3 blocks"] > 3 * loss["shortcuts, 3 blocks"]  # it has not finished
assert loss["no shortcuts, 1 block"] < loss["shortcuts, 1 block"]
on_the_way = 100 * every.groupby(["kind", "epoch"])["valid_accuracy"].mean()
gaps = [
    on_the_way["shortcuts, 3 blocks", epoch] - on_the_way["no shortcuts, 3 blocks", epoch]
    for epoch in (3, 6, 12)
]
print("3 blocks, validation images, after 3, 6, 12 epochs:", *(f"{gap:+.1f}" for gap in gaps))
assert gaps[0] > 2 * gaps[1] > 3 * gaps[2] > 15
guess_end.reveal("one block: about equal; three: behind without shortcuts")

# %% [markdown]
# So the answer depends on the depth. With one block a stage nothing is gained: the ends are equal within the spread of the seeds, and without shortcuts the
# *training* loss even falls lower. With three blocks the network without them learns more slowly. Time narrows the gap, from 44 points after three epochs to 10 after
# twelve, and does not close it here. (The learning rate falls by a fifth every epoch. What longer training at a higher rate would do, these runs do not say.)
#
# The paper's two pairs end equal, after far longer training, and its Inceptions are designed to do without shortcuts: each of their convolutions is followed by
# batch normalization, ours leaves out the last of a block. Our `Inception` has them all, trains well, and still ends a little behind; its maps of 1 × 1 at the end may
# be to blame. What we can confirm is the *faster*; for the *equal* see section 7.

# %% [markdown]
# ## 6 · Why a block should speak softly
#
# Now the riddle of the `scale`. Wide residual Inceptions, with more than 1,000 channels, had *died* on the authors: early in training the last map
# began to hold only zeros, for every image, and stayed so. A lower learning rate did not prevent it, nor did one more batch
# normalization. What did: to multiply what a block adds by a small number, 0.1 to 0.3. That is **residual scaling** (잔차 스케일링).
#
# Two questions. What does the scale do to a new network? And can you make a small one die?
#
# First the real Inception-ResNet-v1, untrained, and six cut-outs of real photographs. The spread (표준 편차, standard deviation) of the values behind each
# of its 20 blocks tells how loud the stream has become.

# %%
guess_growth = teaching.predict(ask.predictions["growth"])
guess_growth


# %%
def cut(photo, number, side=149):
    """One of two squares of a photograph, from opposite corners."""
    height, width = photo.shape[1:]
    top, left = (height - side) * number, (width - side) * number
    return photo[:, top : top + side, left : left + side]


photos = datasets.sample_photos()
images = torch.stack([cut(photo, number) for photo in photos.values() for number in (0, 1)])
images = 2 * images.float() / 255 - 1  # from -1 to 1
_ = plots.images(images, columns=6, size=1.5)


# %%
def blocks_of(net):
    return [module for module in net.modules() if isinstance(module, ScaledResidual)]


def spread_by_block(net, scale):
    """Standard deviation behind each block, with the same scale in all of them."""
    found, hooks = [], []
    for block in blocks_of(net):
        block.scale = scale
        hooks.append(
            block.register_forward_hook(lambda *args: found.append(args[2].std().item()))
        )
    with torch.no_grad():
        net.train()(images)  # each normalization with this batch's own statistics
    for hook in hooks:
        hook.remove()
    return found


# %%
growth = {f"scale {scale}": [] for scale in (1.0, 0.3, 0.1)}
for seed in SEEDS:
    torch.manual_seed(seed)
    net = models.inception_resnet_v1()
    for name in growth:
        growth[name].append(spread_by_block(net, float(name.split()[1])))

# %% tags=["measured"]
_ = pictures.growth(growth, {"5 blocks A": 5, "10 blocks B": 10, "5 blocks C": 5})

# %%
a_blocks = {name: [s[4] / s[0] for s in seeds] for name, seeds in growth.items()}
b_blocks = {name: [s[14] / s[5] for s in seeds] for name, seeds in growth.items()}
for name in growth:
    print(
        f"{name}: from the first to the last block A",
        *(f"≈ {r:.2f}" for r in a_blocks[name]),
        "; B",
        *(f"≈ {r:.2f}" for r in b_blocks[name]),
    )
assert all(1.3 < r < 1.9 for r in a_blocks["scale 1.0"])
assert all(1.1 < r < 1.5 for r in b_blocks["scale 1.0"])
assert all(0.9 < r < 1.1 for found in (a_blocks, b_blocks) for r in found["scale 0.1"])
guess_growth.reveal("a fifth to a half more")

# %% [markdown]
# With scale 1 the stream grows, but gently: batch normalization inside a block makes what it adds as large as ever, however loud the stream already is.
# So equal steps are *added*, and nothing multiplies. With 0.1 the blocks hardly speak at all. (The jumps at the dashed lines are the reductions.)
#
# If that were the whole story, nobody would need a scale. So train. A wide small network (its last map has 128 channels), a high learning rate, twenty
# steps; after each step, which share of the last map is zero? Three starts: scale 1; scale 0.1; and one that computes *the same* as the second before
# the first step, but with the 0.1 multiplied into the weights of the last layer, `up`, and scale 1. It is written *folded*.


# %%
def fold_in(net):
    """The scale moved into the weights of each block's last layer: the same function, scale 1."""
    for block in blocks_of(net):
        with torch.no_grad():
            block.up.weight *= block.scale
            block.up.bias *= block.scale
        block.scale = 1.0
    return net


few = datasets.digits(size=8).take(320)
some, _ = next(iter(few.batches("valid", 64)))
pair = [models.small.inception_resnet(channels=1, width=32, scale=0.1).eval() for _ in range(2)]
pair[1].load_state_dict(pair[0].state_dict())
with torch.no_grad():
    a, b = pair[0](some), fold_in(pair[1])(some)
assert (a - b).abs().max() < 1e-4 * a.abs().max()
print("folded, the same logits to rounding:", bool((a - b).abs().max() < 1e-4 * a.abs().max()))


# %%
def first_steps(kind, seed, width=32, rate=0.2):
    """(share of zeros in the last map, loss) before each of twenty steps of plain gradient descent."""
    torch.manual_seed(seed)
    scale = 1.0 if kind == "scale 1" else 0.1
    net = models.small.inception_resnet(channels=1, width=width, scale=scale)
    net = fold_in(net) if kind == "0.1, folded" else net
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9, weight_decay=1e-4)
    order, zeros, losses = torch.Generator().manual_seed(seed), [], []
    for images, labels in [b for _ in range(2) for b in few.batches("train", 32, order)]:
        last_map = net.features(images)
        loss = nn.functional.cross_entropy(net.classifier(last_map), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        zeros.append(100 * (last_map == 0).float().mean().item())
        losses.append(loss.item())
    return zeros, losses


# %%
starts = ("scale 1", "0.1, folded", "scale 0.1")
steps = {kind: [first_steps(kind, seed) for seed in SEEDS] for kind in starts}

# %% tags=["measured"]
zeros = {kind: [z for z, _ in seeds] for kind, seeds in steps.items()}
colors = dict(zip(starts, (plots.ORANGE, plots.BLACK, plots.BLUE)))
figure = plots.lines(zeros, xlabel="step", ylabel="zeros in the last map, %", colors=colors)
_ = figure.axes[0].set_xticks([1, 5, 10, 15, 20])

# %%
late = {kind: [sum(losses[-5:]) / 5 for _, losses in seeds] for kind, seeds in steps.items()}
for kind in starts:
    print(
        f"{kind:11} zeros after 20 steps:",
        *(f"≈ {z[-1]:.0f} %" for z in zeros[kind]),
        "; loss of the last five steps:",
        *(f"≈ {loss:.1f}" for loss in late[kind]),
    )
for one, folded, small in zip(*zeros.values()):
    assert one[9] > 90 and folded[9] > 50 and small[9] < 30  # after nine steps
    assert one[-1] > 95 and one[-1] > folded[-1] > small[-1]
assert min(late["scale 1"]) > 1.7 > 1.5 > max(late["0.1, folded"] + late["scale 0.1"])

# %% [markdown]
# There it is, in small: without a scale the last map is all but empty within twenty steps, and the loss stays near ln 10 = 2.3, that of a network which knows
# nothing. The stream went *silent*. A zero behind the ReLU says x + F(x) ≤ 0, and x, itself from a ReLU, is never negative: a few large steps have pushed F below
# zero, nearly everywhere. And behind a ReLU zero is the end, for the gradient through a zero is zero.
#
# And *folded*? It starts from the very same function as scale 0.1, and its map empties nearly as fast as that of scale 1, to four fifths. (What is left suffices: its
# loss is about as low as that of scale 0.1. A map that is emptying is not yet dead.) So the quiet start is only half of the remedy. The other half are the steps: to
# change W by some amount changes 0.1 · W by a tenth of it, and the gradient that arrives at W is a tenth, too. For its last layer, a scale of 0.1 is a hundred times
# smaller learning rate. (Exercise 5 is about this.)
#
# Would a lower rate for *all* layers, or a narrower network, do as well? These runs are loaded; lines are means, faint lines seeds.

# %%
print(
    *(f"{key}: {value}" for key, value in published.provenance("residual_scaling").items()),
    sep="\n",
)
grid = published.read("residual_scaling")
_ = pictures.scaling(grid, 32, 0.2)

# %%
explorers.scaling()

# %% [markdown]
# Find out:
# 1. At which of the six settings does the scale hardly matter for the training loss?
# 2. Width 32: does the lowest of the three rates save the network with scale 1?
# 3. And at rate 0.5, does a scale of 0.1 save the wide network?

# %%
last = grid[grid["epoch"] == grid["epoch"].max()]
means = last.pivot_table(
    index=["width", "rate"], columns="scale", values=["train_loss", "zeros"]
)
means.round(2)

# %%
loss, zeros = means["train_loss"], means["zeros"]
spread = loss.max(axis=1) / loss.min(axis=1)
assert list(spread.index[spread < 1.1]) == [(8, 0.05)]
assert loss.loc[(32, 0.05), 1.0] > 2 * loss.loc[(32, 0.05), 0.1]
assert zeros.loc[(32, 0.05), 1.0] > 0.5 and zeros.loc[(32, 0.5)].min() > 0.9
teaching.correct(
    "1: width 8 with rate 0.05: narrow and slow. 2: not quite; its loss is more than twice that of "
    "scale 0.1, and most of its map is zero. 3: no; with steps that large no scale helps."
)


# %% [markdown]
# ## 7 · What decides? Mainly the size
#
# Back to the full-size networks. The paper's tables hold two pairs, each of equal cost, one network of a pair with shortcuts and one without; and
# two sizes. Draw them over the work that you counted. (*Crops*: so many cut-outs of an image were averaged. The one-crop numbers leave out some
# 1,700 images of doubtful label, which flatters them a little, so compare within one line only.)

# %%
table = published.read("inception_v4_errors")
macs = {title: four[title].macs for pair in pairs.items() for title in pair}
_ = pictures.size_or_shortcut(table, macs)

# %%
error = table[table["network"].isin(macs)].pivot_table(
    index="crops", columns="network", values="top1"
)
small, large = (sum(error[title] for title in pair) / 2 for pair in pairs.items())
for crops in error.index:
    shortcut = [
        round(error.loc[crops, hybrid] - error.loc[crops, plain], 1) + 0.0
        for plain, hybrid in pairs.items()
    ]
    size = round(small[crops] - large[crops], 2)
    print(
        f"{crops:>3} crops: a shortcut changes the error by {shortcut[0]:+.1f} and {shortcut[1]:+.1f} points, the size by {-size:+.2f}"
    )
    assert max(map(abs, shortcut)) <= 0.1 and size >= 1.1

# %% [markdown]
# Top-1: twice better by 0.1, twice worse by 0.1, twice equal. Between the sizes lie 1.1 points and more, eleven times as much. The caption of the paper's figure says it carefully: “the
# final accuracy *seems* to mainly depend on the model size”. Two pairs are not many. Look at the top-5 error before you believe that shortcuts do nothing at all:

# %%
top5 = table[table["network"].isin(macs)].pivot_table(
    index="crops", columns="network", values="top5"
)
gains = [
    round(float(top5.loc[crops, plain] - top5.loc[crops, hybrid]), 1) + 0.0
    for crops in top5.index
    for plain, hybrid in pairs.items()
]
print("top-5 error, plain minus hybrid:", gains)
assert min(gains) == 0 and max(gains) == 0.1 and gains.count(0.1) == 4

# %% [markdown]
# Four times 0.1 points better, never worse: if there is a gain, it is of that order. One line of the paper's tables is odd, by the way. Do you see it?

# %%
odd = table[table["network"] == "ResNet-151"].iloc[0]
bn = table[table["network"] == "BN-Inception"].iloc[0]
he = (
    published.read("imagenet_errors").query("network == 'ResNet-152' and crops == '10'").iloc[0]
)
print(f"printed for “{odd['network']}”, ten crops: {odd['top1']} and {odd['top5']} %")
print(f"BN-Inception, one crop:          {bn['top1']} and {bn['top5']} %")
print(f"ResNet-152 by its authors:       {he['top1']} and {he['top5']} %")
assert (odd["top1"], odd["top5"]) == (bn["top1"], bn["top5"]) and he["top1"] < odd["top1"] - 3

# %% [markdown]
# A network of 151 layers that nobody built, with another row's numbers. Even in good papers: compare with the source. And the record? As always, an ensemble:

# %%
rows = table[
    (table["crops"] == 144) & ~table["network"].isin(["Inception-v3", "Inception-ResNet-v1"])
]
_ = plots.bars(
    dict(zip(rows["network"], rows["top5"])), xlabel="top-5 error, 144 crops, validation, %"
)

# %% [markdown]
# One Inception-v4 and three Inception-ResNet-v2 together: 3.1 % here, 3.08 % on the test set, where six ResNets had had 3.57 %.

# %% [markdown]
# ## 8 · Exercises
#
# Put your answer in place of `...`, run the cell, read what the check found. Hints and solutions unfold.

# %%
ask.exercises["shortcuts"]

# %%
my_shortcuts = ...
ask.exercises["shortcuts"].check(my_shortcuts)

# %%
ask.exercises["channels"]

# %%
my_channels = ...
ask.exercises["channels"].check(my_channels)

# %%
ask.exercises["sides"]


# %%
def sides(side):
    return ...  # your code


ask.exercises["sides"].check(sides)

# %%
ask.exercises["spread"]


# %%
def spread(blocks, scale):
    return ...  # your code


ask.exercises["spread"].check(spread)

# %%
ask.exercises["fold"]


# %%
def fold(block):
    return ...  # your code


ask.exercises["fold"].check(fold)

# %%
ask.exercises["block"]


# %%
def block_c(channels, scale):
    return ...  # your code


ask.exercises["block"].check(block_c)

# %% [markdown]
# ## 9 · Quiz
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
# * **Inception-v4** is *not* a combination (결합 모델, *hybrid*) of GoogLeNet and ResNet: a program finds no addition in it. **Inception-ResNet-v1** has 20,
#   **-v2** 40.
# * Inception-v4: a **stem** (줄기) of branches, 4 × A, reduction A, 7 × B, reduction B, 3 × C; 42,679,816 parameters, 12.25 G multiply-adds, 76 layers.
#   The reductions A of all three differ in k, l, m, n only.
# * A **residual inception block**: branches, stacked; a 1 × 1 convolution without ReLU, back to the width of x; times a scale; plus x (지름길, *shortcut*).
#   22,756,328 and 55,843,464 parameters; the figures of the paper show another, smaller v2 (32,433,928).
# * Same layers, same work: with shortcuts the training loss after three epochs was less than half, in every seed. At the end: about equal with one block a
#   stage; with three the network without shortcuts had not caught up.
# * **Residual scaling** (잔차 스케일링), 0.1 to 0.3: unscaled, a wide network's last map was more than 95 % zeros within twenty large steps; with 0.1
#   it learned. Before training an unscaled stream grows only gently, by a fifth to six tenths along the blocks A or B; how far the map empties in training depends
#   on how far a step goes. A far too high learning rate (학습률) no scale can mend.
# * In the paper's tables a shortcut changes the top-1 error by 0.1 points at most, the size by 1.1 and more: “the final accuracy seems to mainly depend on
#   the model size” (모델의 크기).
#
# The lecture says of ResNet: 거의 모든 곳에서 사용될 정도로 중요함, so important that it is used nearly everywhere. You saw why people reach for it even where the final
# accuracy hardly changes: training gets there sooner.
#
# **Where to go next.** [09 Complexity](09_complexity.ipynb) puts all networks of the lecture side by side: accuracy, work, parameters, memory, time.
# Or go back to [07 Inception-v3](07_inception_v3.ipynb) for the factorized kernels that Inception-v4 is made of.
