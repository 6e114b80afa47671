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
# | `full`: CIFAR-10 photographs, wider networks | a GPU; not yet run |

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
from lecture8.exercises import inception_v4 as ask
from lecture8.models.inception_resnet import BLOCKS, SCALES, ScaledResidual
from lecture8.models.inception_v4 import REDUCTION_A, reduction_a, reduction_b, stem
from lecture8.models.inception_v4 import inception_a, inception_b, inception_c
from lecture8.models.layers import Branches, chain

# %% [markdown]
# **Parameters.** Everything you may want to change is here. `run.choose` takes the first value in a quick run and the
# second in a full one; to change the run, write `lecture8.start("full")` above.

# %%
SEEDS = (0, 1, 2)  # every claim is measured once per seed

# %% [markdown]
# ## 1 · Inception-v4: where is the shortcut?
#
# By 2016 there were two roads to a better network. Google's Inception looks in several ways at once and saves work wherever it
# can ([05 GoogLeNet](05_googlenet.ipynb), [07 Inception-v3](07_inception_v3.ipynb)); Microsoft's ResNet adds its input to every
# block ([06 ResNet](06_resnet.ipynb)). Can one have both? A paper of that year has three networks: Inception-v4,
# Inception-ResNet-v1 and Inception-ResNet-v2. The lecture's notes have one line: “Inception-v4: GoogLeNet과 ResNet의 combination”.

# %%
guess = explore.predict(ask.predictions["shortcuts"])
guess

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
    title: sum(layer.kind == "add" for layer in cost.layers) for title, cost in everybody.items()
}
for title, count in additions.items():
    print(f"{title:20} {count:>2} additions")
assert list(additions.values()) == [16, 0, 20, 40]
guess.reveal("none")

# %% [markdown]
# Here are the three, drawn by the program: a bar per module, as high as its map; an arc over every module that adds its input to its
# output. Below stand the shape that comes out and the multiply-adds.

# %%
_ = plots.inception_v4.walks(costs)

# %%
modules = sum(len(part.stages) for name, part in plots.inception_v4.parts(costs["Inception-v4"]).items() if "block" in name)
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
# A, B and C, each repeated at its own size of map, and two *reductions* between them. Even the stem is made of branches now:

# %%
the_stem = stem()
_ = plots.modules.diagram(the_stem, complexity.profile(the_stem, 299), title="The stem of Inception-v4")

# %% [markdown]
# Why 149, 147, 73, 71, 35? Because nothing is padded where it says so in the paper's figures (“V”, for *valid*): a 3 × 3 window must fit
# into the map as a whole. 299 pixels leave room for 149 windows two pixels apart.
#
# The modules B work at 17 × 17. They know only 1 × 1, 1 × 7 and 7 × 1: notebook 07's factorised kernels.

# %%
b = inception_b()
_ = plots.modules.diagram(b, complexity.profile(b, (1024, 17, 17)), title="Module B, seven times in a row")

# %% [markdown]
# **Reduction A** halves the map, with convolutions and a pooling side by side. It is the same in all three networks but
# for four widths, which the paper calls k, l, m, n: one branch is a 3 × 3 to n channels with stride 2; the other a 1 × 1 to k, a 3 × 3 to l, and a
# 3 × 3 to m with stride 2. **Build** it. `chain(c_in, (c_out, kernel, stride, padding), …)` is a row of convolutions,
# each with batch normalisation and ReLU:


# %%
def my_reduction_a(c_in, k, l, m, n):
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
widths = {"v4": 384, "resnet_v1": 256, "resnet_v2": 320}  # channels that come out of the A blocks
for version, c_in in widths.items():
    k, l, m, n = REDUCTION_A[version]
    cost = complexity.profile(my_reduction_a(c_in, k, l, m, n), (c_in, 35, 35))
    assert cost.output_size == (n + m + c_in, 17, 17)
    print(
        f"{version:9} k={k} l={l} m={m} n={n}: {c_in} × 35 × 35 → "
        f"{n} + {m} + {c_in} = {n + m + c_in} × 17 × 17, {cost.macs:,} multiply-adds"
    )

# %% [markdown]
# Now the whole network. Four times A, reduction A, seven times B, reduction B, three times C, the mean over the map, one linear layer:


# %%
def my_inception_v4():
    steps = [stem(), *(inception_a() for _ in range(4)), my_reduction_a(384, *REDUCTION_A["v4"])]
    steps += [*(inception_b() for _ in range(7)), reduction_b(), *(inception_c() for _ in range(3))]
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
#
# ## 3 · Shortcuts for Inception
#
# To add x to what the branches put out, the two must have the same shape. The branches together have, say, 96 channels, x has 256. So a 1 × 1
# convolution follows, *without* batch normalisation or ReLU, that brings them to the width of x: here F can also be negative, and take something away.
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
_ = plots.modules.diagram(library_block, complexity.profile(library_block, (256, 35, 35)), title=title)

# %% [markdown]
# Take the multiplication out, or move the `.relu()` in front of the sum, and run the cell again: the check notices. (Then put it back.)
#
# Count all three. The paper designed the hybrids so that each costs about as much as an Inception without shortcuts:

# %%
pairs = {"Inception-v3": "Inception-ResNet-v1", "Inception-v4": "Inception-ResNet-v2"}
costs["Inception-v3"] = profiled("inception_v3")
for plain, hybrid in pairs.items():
    more = costs[hybrid].macs / costs[plain].macs - 1
    for title in (plain, hybrid):
        print(f"{title:20} {costs[title].params:>11,} parameters {costs[title].macs:>15,} multiply-adds")
    print(f"{'':20} the hybrid does {more:.1%} more work")
    assert 0 < more < 0.09
assert [costs[hybrid].params for hybrid in pairs.values()] == [22_756_328, 55_843_464]

# %% [markdown]
# **Three networks of one name.** Build Inception-ResNet-v2 from the paper's *figures*, and it comes out much smaller:

# %%
drawn = profiled("inception_resnet_v2", figures=True)
ratio = drawn.macs / costs["Inception-v4"].macs
print(f"as in the figures: {drawn.params:,} parameters, {drawn.macs:,} multiply-adds, {ratio:.0%} of Inception-v4's")
assert drawn.params == 32_433_928 and 0.7 < ratio < 0.8

# %% [markdown]
# The text says that its cost is Inception-v4's. That fits only the network that was released, with v3's stem and 10 + 20 + 10 blocks in place of 5 + 10 + 5. And
# two numbers in the figures cannot be: Figures 17 and 19 print 1154 and 2048 channels behind the 1 × 1 of blocks B and C. A sum needs the width of x:

# %%
figures = {part.name: part.shape[0] for part in plots.inception_v4.parts(drawn).values()}
print(f"block B must have {figures['block B']} channels, block C {figures['block C']}")
assert (figures["block B"], figures["block C"]) == (384 + 384 + 384, 1152 + 384 + 288 + 320)

# %% [markdown]
# So which network has the paper's error rates? Presumably the released one; this course takes that. When you cite a network, say whose.
#
# ## 4 · Walk through
#
# Choose a network and a stop. Above you see where you are, below the module that works there.

# %%
explore.inception_v4.walk()

# %% [markdown]
# Find out with the controls:
# 1. At which stop does each network do most of its work? Is it the same for all three?
# 2. One block B of Inception-v4 against one of Inception-ResNet-v1, which has nearly as many channels: which costs more, and how many times?
# 3. The last stop is one linear layer. Which share of Inception-v4's parameters is in it? (AlexNet's three had 96 %.)

# %%
stops = {title: plots.inception_v4.parts(costs[title]) for title in NAMES}
busiest = {title: max(parts.values(), key=lambda part: part.macs).name for title, parts in stops.items()}
one_b = {title: parts["block B"].macs / len(parts["block B"].stages) for title, parts in stops.items()}
times = one_b["Inception-v4"] / one_b["Inception-ResNet-v1"]
end = stops["Inception-v4"]["end"].params / costs["Inception-v4"].params
print(busiest)
print(f"one block B: {times:.2f} times; the end of Inception-v4: {end:.1%}")
