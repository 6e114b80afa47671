# %% [markdown]
# # 07 · Inception-v2 and v3: the same view for less work
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({{colab}})
#
# **In this notebook you take convolutions apart, find out what that loses, and put a network of 48 layers together from the
# pieces.** Paper: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, *Rethinking the Inception Architecture for Computer Vision*, CVPR 2016
# ([arXiv 1512.00567](https://arxiv.org/abs/1512.00567)).
#
# Afterwards you can
# * factorize a convolution, say what it saves, and measure what one column times one row can and cannot do;
# * halve a map without a bottleneck and without much work, and build Inception-v3, all of it;
# * smooth labels, and tell whether a network promises too much or too little.
#
# | | time |
# |---|---|
# | `quick` (default): digits and photographs that need no download, any laptop | reading and exercises 75 minutes; all cells together about 1 minute |
# | `paper`: published weights on photographs, CIFAR-10 for sections 3 and 7, Oxford Pets for section 8 | a GPU; not yet run at full length. Every cell was tried on a CPU with 64 photographs, one epoch, ants and bees for the pets, and random numbers for the published weights |

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
import pandas as pd
import torch
import torchvision
from torch import nn

from lecture8 import complexity, datasets, models, plots, published, teaching, training
from lecture8 import transfer
from lecture8.lessons.l07_inception_v3.calibration import calibration, calibrations, predictions
from lecture8.lessons.l07_inception_v3 import explorers, kernels, pictures
from lecture8.lessons.l07_inception_v3 import questions as ask
from lecture8.models.bn_inception import MODULES, module
from lecture8.models.inception_v3 import (
    asymmetric, conv_beside_pool, conv_then_pool, inception_a, inception_b, inception_c,
    pool_then_conv, reduction_a, reduction_b, separate, stem, two_3x3,
)  # fmt: skip
from lecture8.models.layers import (
    Branches, Network, average_pool_classifier, chain, conv, he_init,
)  # fmt: skip

# %% [markdown]
# **Parameters.** Everything you may want to change is here. `run.choose` takes the first value in a quick run and the
# last in a paper run; to change the run, write `lecture8.start("paper")` above.

# %%
SEEDS = (0, 1, 2)  # every claim is measured once per seed
EPOCHS = run.choose(quick=8, paper=30)
BATCH = run.choose(quick=32, paper=128)
data = datasets.digits(size=16).take(960) if run.mode == "quick" else datasets.cifar10()
photos = datasets.sample_photos()
data

# %% [markdown]
# ## 1 · Which v2?
#
# GoogLeNet of 2014 ([lesson 05](05_googlenet.ipynb)) became “Inception-v1” when it had successors. Then names went astray. Here are four
# networks and what three papers, and Google's code, call them:

# %%
names = published.read("inception_names")
columns = {
    "network": "the network", "bn_paper": "BN paper, 2/2015", "v3_paper": "v3 paper, 12/2015",
    "v4_paper": "v4 paper, 2/2016", "code": "Google's code",
}  # fmt: skip
names[list(columns)].rename(columns=columns).set_index("the network").rename_axis(None)

# %%
called_v2 = {
    paper: names.index[names[paper] == "Inception-v2"].tolist()
    for paper in ("v3_paper", "v4_paper")
}
assert called_v2 == {"v3_paper": [2], "v4_paper": [1]}  # not the same row
counted = {name: models.ARCHITECTURES[name].params for name in ("bn_inception", "inception_v3")}
assert counted == {"bn_inception": 11_188_288, "inception_v3": 23_834_568}
teaching.three_ways(
    32,
    measured="two networks bear the name v2; BN-Inception has 11,188,288 parameters, Inception-v3 "
    "23,834,568, so ask for the count, not for the name",
    verb="counted",
)

# %% [markdown]
# In this notebook *v2* means the step before v3. How many steps there were, and what each one brought, the v3 paper says in its Table 3 (read in
# a secondary source; one network, one look at each image). In brackets the work in thousand millions of multiply-adds:

# %%
table3 = published.read("inception_v3_table3")
steps = {f"{row.network}  ({row.cost} G)": row.top1 for row in table3.itertuples()}
_ = plots.bars(steps, xlabel="ImageNet top-1 error, %")

# %%
top1, cost = table3["top1"], table3["cost"]
assert round(top1[0] - top1[6], 1) == 7.8 and round(top1[1] - top1[6], 1) == 4.0
from_v2 = -top1[2:].diff().dropna().round(1)
assert table3["network"][from_v2.idxmax()] == "+ factorized 7 × 7"
assert cost[5] - cost[4] > 0.9 and cost[3] == cost[4] and cost[5] == cost[6]
print("points gained by each step from v2 on:", *from_v2)

# %% [markdown]
# 4.8 G, less than a third of VGG-16's 15.5 G, for an error that VGG-16 does not come near. Training (RMSProp, which divides each step by the usual size of its gradient), labels (section 7), kernels (sections 2
# and 3) and the auxiliary head (section 8) each have their share. Only the kernels cost work.
#
# ## 2 · Smaller kernels
#
# You know from [lesson 04](04_vgg.ipynb) that two 3 × 3 convolutions see what one 5 × 5 sees. The v3 paper asks: why stop there? A 3 × 3 can be a
# 1 × 3 and a 3 × 1 after it. Such a pair is called **asymmetric** (비대칭 합성곱), and replacing a large kernel by smaller ones in a row
# **factorization** (분해).

# %%
guess_cost = teaching.predict(ask.predictions["cost"])
guess_cost

# %% [markdown]
# The next picture is drawn from real modules. A square is one weight for each pair of an input and an output channel.

# %%
groups = [
    {"7 × 7": conv(8, 8, 7), "1 × 7, 7 × 1": asymmetric(8, 8, 7)},
    {"5 × 5": conv(8, 8, 5), "two 3 × 3": two_3x3(8, 8)},
    {
        "3 × 3": conv(8, 8, 3),
        "1 × 3, 3 × 1": asymmetric(8, 8, 3),
        "two 2 × 2": chain(8, (8, 2, 1, 0), (8, 2, 1, 0)),
    },
]  # the first of each group is 100 %
_ = pictures.kernels(groups)


# %%
def weights(module):
    return sum(p.numel() for p in module.parameters() if p.dim() == 4)


def field(module):
    return complexity.profile(module, (8, 20, 20)).field


saved = {}
for group in groups:
    (name, large), *others = group.items()
    for other, small in others:
        assert field(small) == field(large)  # it sees as much
        saved[f"{name} → {other}"] = round(100 * (1 - weights(small) / weights(large)))
assert list(saved.values()) == [71, 28, 33, 11]
print(*(f"{name}: {percent} % saved" for name, percent in saved.items()), sep="\n")
guess_cost.reveal("less than a third")

# %% [markdown]
# An n × n kernel has n² weights, the pair 2n: the share 2/n falls as n grows. (Two 2 × 2 in place of a 3 × 3 save 11 %, so asymmetric is better.)
# **Build** the pair. `conv` is convolution, batch normalization and ReLU, and takes kernels that are not square:

# %%
my_pair = nn.Sequential(conv(8, 8, (1, 7), eps=1e-3), conv(8, 8, (7, 1), eps=1e-3))
teaching.same_network(my_pair, asymmetric(8, 8, 7), image_shape=(8, 17, 17))

# %% [markdown]
# The paper says where this works: on maps of about 12 to 20 pixels, not in the first layers. Inception-v3 uses it at 17 × 17. Here is such a
# module (read the third branch: a 7 × 7 *twice*, in four pieces):

# %%
module_b = inception_b(768, 128)
cost_b = complexity.profile(module_b, (768, 17, 17))
_ = plots.diagrams.diagram(
    module_b, cost_b, title="A module at 17 × 17 (dark: share of the dearest box)"
)


# %% [markdown]
# What would the same module cost with whole 7 × 7 kernels, the third branch two of them?


# %%
def with_whole_kernels(c_in, w):
    return Branches(
        conv1x1=chain(c_in, (192, 1)),
        conv7x7=chain(c_in, (w, 1), (192, 7)),
        double7x7=chain(c_in, (w, 1), (w, 7), (192, 7)),
        pool=nn.Sequential(nn.AvgPool2d(3, 1, 1), chain(c_in, (192, 1))),
    )


whole_b = complexity.profile(with_whole_kernels(768, 128), (768, 17, 17))
print(f"in pieces {cost_b.macs:,} multiply-adds, whole {whole_b.macs:,}")
print(
    f"{whole_b.macs / cost_b.macs:.1f} times as much, for the same receptive field: {cost_b.field}"
)
assert whole_b.field == cost_b.field and whole_b.output_size == cost_b.output_size
assert 2 < whole_b.macs / cost_b.macs < 3

# %% [markdown]
# ## 3 · What does a factorization lose?
#
# Take one channel, and no ReLU. A row of weights, then a column: what kernel is that as a whole? Its weight at place (y, x) is *column at y times
# row at x*: a multiplication table. Mathematicians say: a matrix of **rank 1**. Few kernels are multiplication tables. Which ones?

# %%
guess_rank = teaching.predict(ask.predictions["rank"])
guess_rank

# %% [markdown]
# For any kernel there is a best column and row, a second-best pair for what is left, and so on: the **singular value decomposition** finds
# them all. The library's function for it is three lines:

# %%
teaching.source(separate)

# %%
stripes = kernels.KERNELS["stripes at 45°"]
photo = kernels.photograph("flower")
column, row = separate(stripes, rank=1)
_ = pictures.separated(stripes, column @ row, photo, rank=1)


# %%
def energy_kept(kernel, rank):
    """Share of a kernel's energy, the sum of its squared weights, in its best `rank` pairs."""
    columns, rows = separate(kernel.double(), rank)
    return ((columns @ rows).square().sum() / kernel.double().square().sum()).item()


kept = {name: energy_kept(kernel, 1) for name, kernel in kernels.KERNELS.items()}
for name, share in kept.items():
    print(f"{name:16} one pair keeps {100 * share:5.1f} %")
assert all(kept[name] > 0.999999 for name in ("blur", "upright edge", "upright stripes"))
assert 0.4 < kept["stripes at 45°"] < 0.6 and kept["noise"] < 0.6
guess_rank.reveal("about half")

# %% [markdown]
# ### Trained kernels
#
# Are kernels that a network *learns* more like stripes or more like noise? Train a small one whose first layer has sixteen 7 × 7 kernels. They begin with small random
# weights, a tenth of the usual size, so that what you see later is what was learned.


# %%
def seven_net(seed):
    """16 kernels of 7 × 7, then two 3 × 3 layers, for the images of `data`."""
    torch.manual_seed(seed)
    c = data.image_shape[0]
    stages = {
        "conv1": nn.Sequential(conv(c, 16, 7), nn.MaxPool2d(2)),
        "conv2": nn.Sequential(conv(16, 32, 3), nn.MaxPool2d(2)),
        "conv3": conv(32, 32, 3),
    }
    net = Network(stages, average_pool_classifier(32, data.num_classes), c)
    net.features.conv1[0].conv.weight.data *= 0.1
    return net


def kernels_of(net):
    return net.features.conv1[0].conv.weight.detach().cpu().flatten(0, 1)


# %%
seven = []
for seed in SEEDS:
    net = seven_net(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    training.fit(net, data, optimizer, EPOCHS, batch_size=BATCH, seed=seed)
    seven.append(net)

# %% tags=["measured"]
strongest = kernels_of(seven[0])
strongest = strongest[strongest.square().sum((1, 2)).argsort(descending=True)][:8]
_ = plots.images(strongest, columns=8, size=1.1)


# %%
def mean_kept(kernels, rank):
    return sum(energy_kept(kernel, rank) for kernel in kernels) / len(kernels)


learned = {rank: [mean_kept(kernels_of(net), rank) for net in seven] for rank in (1, 2, 3)}
random = {
    rank: [mean_kept(kernels_of(seven_net(s)), rank) for s in SEEDS] for rank in (1, 2, 3)
}
for rank in (1, 2, 3):
    percents = (
        ", ".join(f"≈ {100 * share:.0f} %" for share in by[rank]) for by in (learned, random)
    )
    print("{} of 7 pairs: learned {}; at the start {}".format(rank, *percents))
    assert min(learned[rank]) > max(random[rank]) + 0.05
assert max(learned[1]) < 0.8  # one pair is not enough, even so

# %% [markdown]
# Blurs, upright edges and upright stripes are a column times a row and lose nothing; of noise, about half is lost. What is learned lies between. Look at them, pair by pair: *learned 1* to *learned 4* are your first network's strongest kernels.

# %%
own = {f"learned {i}": kernel for i, kernel in enumerate(strongest[:4], 1)}
explorers.kernel(own)

# %% [markdown]
# Find out: **how many pairs are still cheaper than the kernel itself? And which kernel (leave the learned ones out) needs more pairs than that to keep 99 %?**

# %%
cheapest = max(pairs for pairs in range(1, 8) if 14 * pairs < 49)
needed = {
    name: next(pairs for pairs in range(1, 8) if energy_kept(kernel, pairs) > 0.99)
    for name, kernel in kernels.KERNELS.items()
}
assert cheapest == 3 and needed.pop("noise") == 5 and set(needed.values()) == {1, 2}
teaching.correct(
    "Three pairs have 42 weights, four 56. Noise would need five; every kernel that means something "
    "is satisfied with one or two."
)

# %% [markdown]
# Learned kernels are smooth, and two pairs hold most of them; random ones need more. How much does the *network* miss what is lost? Put the best pairs in place of its kernels,
# train nothing, and test.


# %%
def with_pairs(net, rank):
    """Test accuracy with every first-layer kernel replaced by its best `rank` pairs."""
    weight = net.features.conv1[0].conv.weight
    whole = weight.detach().clone()
    parts = [torch.matmul(*separate(kernel.cpu(), rank)) for kernel in whole.flatten(0, 1)]
    weight.data = torch.stack(parts).view_as(whole).to(whole)
    accuracy = training.evaluate(net, data).accuracy
    weight.data = whole
    return accuracy


by_rank = [[100 * with_pairs(net, rank) for rank in range(1, 8)] for net in seven]

# %% tags=["measured"]
_ = plots.lines(
    {"accuracy": by_rank},
    xlabel="pairs kept of each kernel (7 are all)", ylabel="test accuracy, %",
    title="First-layer kernels cut down after training: three networks, and their mean",
)  # fmt: skip

# %%
for one_pair, _, three_pairs, *_, whole in by_rank:
    print(
        f"one pair ≈ {one_pair:.0f} %, three pairs ≈ {three_pairs:.0f} %, whole ≈ {whole:.0f} %"
    )
    assert whole - one_pair > 5 and whole - three_pairs < 6
means = [sum(values) / len(SEEDS) for values in zip(*by_rank)]
assert means[-1] - means[0] > 10 and means[-1] - means[2] < 4

# %% [markdown]
# One pair per kernel costs the network dearly, three do it hardly any harm, and three are cheaper than the whole kernel (42 weights for 49).
#
# So how can Inception-v3 live with *one* 1 × 7 and 7 × 1? Because its pair is no approximation. It is *trained as a pair*, there are a hundred and more channels
# between the two, each output channel sums over all of them, and there is a ReLU between. (The authors tried without: 76.2 % instead of 77.2 % accuracy, section 3.1, there for two 3 × 3.)
#
# %% [markdown]
# ## 4 · Smaller grids
#
# Every network must shrink its maps. To keep something of what a smaller map loses, the channels grow. In which order? The notes put the
# dilemma well: *pool first, and information is lost; convolve first, and it is expensive*. Here it is for 64 channels of 16 × 16. Darker means more work:

# %%
ways = {
    "pool, then convolve": pool_then_conv(64),
    "convolve, then pool": conv_then_pool(64),
    "both side by side": conv_beside_pool(64),
}
costs = {name: complexity.profile(way, (64, 16, 16)) for name, way in ways.items()}
_ = pictures.reductions({name: (ways[name], costs[name]) for name in ways})

# %%
cheap, dear, parallel = (cost.macs for cost in costs.values())
assert {cost.output_size for cost in costs.values()} == {(128, 8, 8)}
assert dear == 4 * cheap and cheap == 2 * parallel
print(
    f"pool first {cheap:,}; convolve first {dear:,}, 4 times; side by side {parallel:,}, half"
)

# %% [markdown]
# All three end at 128 × 8 × 8. Side by side is the paper's answer, and the cheapest. But the cheap order, pool first, squeezes everything through 64 × 8 × 8 numbers,
# a quarter of what came in: the paper's **representational bottleneck**. Is something really lost there? A test without any training: shuffle the four pixels in each
# square of 2 × 2.

# %%
guess_shuffle = teaching.predict(ask.predictions["shuffle"])
guess_shuffle


# %%
def shuffle_squares(images, generator):
    """The four pixels of every 2 × 2 square in another order: N × C × H × W, H and W even."""
    squares = nn.functional.pixel_unshuffle(images, 2).unflatten(
        1, (-1, 4)
    )  # N × C × 4 × H/2 × W/2
    order = torch.rand(squares.shape, generator=generator).argsort(2)
    return nn.functional.pixel_shuffle(squares.gather(2, order).flatten(1, 2), 2)


flower = photos["flower"][None, :, ::2, ::2].float()[..., :200, :320] / 255
shuffled = shuffle_squares(flower, torch.Generator().manual_seed(0))
detail = [image[0, :, 40:140, 90:190] for image in (flower, shuffled)]
_ = plots.images(detail, ["the photograph", "each 2 × 2 shuffled"], columns=2, size=3)

# %%
can_tell = {}
for name, build in (
    ("pool, then convolve", pool_then_conv),
    ("convolve, then pool", conv_then_pool),
    ("both side by side", conv_beside_pool),
):
    differences = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        way = build(3).eval()
        with torch.no_grad():
            differences.append(not torch.equal(way(flower), way(shuffled)))
    can_tell[name] = differences
    print(f"{name}: tells the two photographs apart: {differences}")

# %%
assert not any(can_tell["pool, then convolve"])
assert all(can_tell["convolve, then pool"]) and all(can_tell["both side by side"])
guess_shuffle.reveal("pool, then convolve")

# %% [markdown]
# Whatever lies in the order of those pixels is gone, for any weights. The other two ways still know it.
#
# Does a network miss it when it has to *learn* something? That depends on where the detail is. Take fine and coarse stripes in six directions, 16 × 16 pixels; five
# fine stripes across leave three pixels for each. The layer before the reduction is a 1 × 1 convolution, which cannot look around.

# %%
textures = datasets.textures(size=16, per_class=50)
_ = plots.images(textures.test.images[:12], textures.classes, columns=6, size=1.2)


# %%
def accuracy_with(build, kernel, seed):
    """Test accuracy of: convolution to 8 channels, a reduction, a 3 × 3 convolution, a linear layer."""
    torch.manual_seed(seed)
    stages = {"conv1": conv(1, 8, kernel), "reduction": build(8), "conv2": conv(16, 32, 3)}
    net = he_init(Network(stages, average_pool_classifier(32, textures.num_classes), 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
    training.fit(net, textures, optimizer, 10, batch_size=32, seed=seed)
    return 100 * training.evaluate(net, textures).accuracy


pool_first = [accuracy_with(pool_then_conv, 1, seed) for seed in SEEDS]

# %%
conv_first = [accuracy_with(conv_then_pool, 1, seed) for seed in SEEDS]

# %%
beside = [accuracy_with(conv_beside_pool, 1, seed) for seed in SEEDS]

# %% tags=["measured"]
at_once = dict(zip(ways, (pool_first, conv_first, beside)))
_ = plots.bars(at_once, xlabel="test accuracy on stripes, % (dots: seeds)")

# %%
mean = {name: sum(values) / len(values) for name, values in at_once.items()}
lost = {name: mean["convolve, then pool"] - value for name, value in mean.items()}
for name, points in lost.items():
    print(f"{name}: ≈ {points:.0f} points below convolving first")
assert (
    lost["pool, then convolve"] > 4 and lost["pool, then convolve"] > lost["both side by side"]
)
assert all(pool < conv for pool, conv in zip(pool_first, conv_first))

# %% [markdown]
# Pooling first loses in every seed. Side by side, the cheapest way of all, loses less. Now give the first layer a 3 × 3, so that it can look
# at the stripes *before* they are pooled:

# %%
after_a_look = [accuracy_with(pool_then_conv, 3, seed) for seed in SEEDS]
print("pool, then convolve, behind a 3 × 3:", *(f"≈ {value:.0f} %" for value in after_a_look))
assert sum(after_a_look) / len(SEEDS) > mean["pool, then convolve"] + 3

# %% [markdown]
# Nothing is missing any more: its channels now say *which* stripes there were. So the bottleneck hurts where maps still hold their information in single pixels, which
# is early. That is what the paper's first principle says: “avoid representational bottlenecks, especially early in the network”.
#
# %% [markdown]
# The notes conclude: “반씩 쪼개버림”, *just split it in halves*. Half the channels to the convolution, half to the pooling? Look at the reduction
# between 35 × 35 and 17 × 17 in Inception-v3:

# %%
reduce_a = reduction_a(288)
cost_a = complexity.profile(reduce_a, (288, 35, 35))
title = "The first grid reduction of Inception-v3"
_ = plots.diagrams.diagram(reduce_a, cost_a, title=title)

# %%
fork = plots.diagrams.steps(reduce_a, cost_a)[0]
given = {  # channels that the first layer of each branch reads
    "single 3 × 3": reduce_a.conv3x3.conv1.conv.in_channels,
    "double 3 × 3": reduce_a.double3x3.conv1.conv.in_channels,
    "pooling": fork.shapes[2][0],  # a pooling puts out as many as it reads
}
out = [shape[0] for shape in fork.shapes]
assert set(given.values()) == {288} and out == [384, 96, 288] and sum(out) == 768
teaching.three_ways(
    33,
    measured=f"each of the three branches reads all 288 channels; {' + '.join(map(str, out))} = "
    f"{sum(out)} come out; what is halved is height and width (35 → 17)",
    verb="counted",
)

# %% [markdown]
# ## 5 · BN-Inception: the first v2
#
# Ten months before the v3 paper two of its authors took GoogLeNet and added **batch normalization** (배치 정규화; they had just invented it). In passing they replaced each 5 × 5
# by two 3 × 3, added a module, made two modules shrink the map themselves, and made the first layer separable. So this is its table, as the library has it (1 × 1; 3 × 3 behind its 1 × 1; double 3 × 3 behind its
# 1 × 1; pooling with what follows it):

# %%
MODULES

# %% [markdown]
# Add up the channels of the modules at 14 × 14, as the paper prints them: 128 behind the pooling in all four, 576 channels in all four.

# %%
for name in ("4a", "4b", "4c", "4d"):
    one, (_, three), (_, double), _ = MODULES[name]
    total = one + three + double + 128
    print(f"{name}: {one} + {three} + {double} + 128 = {total}, printed 576")
    assert total == (608 if name in ("4c", "4d") else 576)

# %% [markdown]
# The table contradicts itself in 4c and 4d: either the total is wrong, or a branch. Google's own code has 96 behind the pooling there, which gives 576; so
# does the library. Other ports keep 128 and let the sum be 608. And the paper's 13.6 million parameters?


# %%
def parameters(table):
    """Parameters of the modules of a table, and the channels behind the last one."""
    c, total = 192, 0
    for one, three, double, pool in table.values():
        part = complexity.profile(
            module(c, one, three, double, pool, stride=1 if one else 2), (c, 8, 8)
        )
        total, c = total + part.params, part.output_size[0]
    return total, c


whole_bn = complexity.profile(models.bn_inception())
as_printed = {**MODULES}
for name in ("4c", "4d"):
    as_printed[name] = (*MODULES[name][:3], ("avg", 128))
ours, literal = parameters(MODULES)[0], parameters(as_printed)[0]
print(f"with 96: {whole_bn.params:,} parameters")
print(f"with 128: {whole_bn.params + literal - ours:,}; the paper says 13.6 million")

# %%
googlenet = models.ARCHITECTURES["googlenet"]
more = whole_bn.params + literal - ours
assert whole_bn.params == 11_188_288 and more < 11.6e6 and parameters(as_printed)[1] == 1024
assert whole_bn.depth == 35 == googlenet.depth + 9 + 3 + 1
print(
    f"{whole_bn.depth} layers = {googlenet.depth} + 9 (double 3 × 3) + 3 (module) + 1 (separable)"
)

# %% [markdown]
# Neither reading comes near 13.6 million: the number does not follow from the table. The layers do come out: nine modules get one layer longer each (the paper's “9 more layers”),
# the tenth module brings three, the separable first layer one. (What batch normalization itself does, you measured in lesson 05.)
#
# ## 6 · Inception-v3, from its modules
#
# Now the whole. Three kinds of modules, named A, B, C in later papers: A at 35 × 35 with two 3 × 3 in a row, B at 17 × 17 with 1 × 7 and 7 × 1, and C at 8 × 8, whose
# branches fork at their ends:

# %%
module_c = inception_c(1280)
cost_c = complexity.profile(module_c, (1280, 8, 8))
_ = plots.diagrams.diagram(module_c, cost_c, title="Module C at 8 × 8: wide at the end")

# %% [markdown]
# **Build** the network. Images are 299 × 299. The stem shrinks them to 192 channels of 35 × 35; the numbers in brackets are the channels that come in,
# and what of the module's width varies:


# %%
def my_inception_v3():
    a = [stem(), inception_a(192, 32), inception_a(256, 64), inception_a(288, 64)]
    b = [reduction_a(288)] + [inception_b(768, width) for width in (128, 160, 160, 192)]
    c = [reduction_b(768), inception_c(1280), inception_c(2048)]
    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(2048, 1000)]
    return nn.Sequential(*a, *b, *c, *end)


torch.manual_seed(0)
teaching.same_network(my_inception_v3(), models.inception_v3(), image_shape=(3, 139, 139))

# %% [markdown]
# Swap two modules, or forget one, and run the cell again: the check says where. Then put it back, and look at the whole:

# %%
v3 = complexity.profile(models.inception_v3(), (3, 299, 299))
title = "Inception-v3, drawn from the network: wide as its map (log), high as its channels; multiply-adds on top"
_ = pictures.strip(v3, title=title)

# %%
sides = [layer.output_shape[1] for layer in v3.layers if len(layer.output_shape) == 3]
path = list(dict.fromkeys([299, *sides]))  # each side once, in order
assert path == [299, 149, 147, 73, 71, 35, 17, 8, 1]
assert (v3.params, v3.macs, v3.depth) == (23_834_568, 5_713_216_096, 48)
print(" → ".join(map(str, path)))
print(f"{v3.params:,} parameters, {v3.macs:,} multiply-adds, {v3.depth} layers")

# %% [markdown]
# The paper says: less than 25 million parameters (right), 42 layers, and 5 G multiply-adds (4.8 in its Table 3). We count 48 layers and 5.7 G. Why? **The
# network of Table 1 is not the network of Google's code**, and the published weights belong to the code. Compare one piece, the end of the stem, literally:

# %%
printed = chain(64, (80, 3, 1, 0), (192, 3, 2, 0), (288, 3))  # rows 5 to 7 of Table 1
code = nn.Sequential(stem().conv2, stem().pool2)
for name, piece in (("Table 1", printed), ("the code", code)):
    cost = complexity.profile(piece, (64, 73, 73))
    print(f"{name}: {' × '.join(map(str, cost.output_size))}, {cost.macs:,} multiply-adds")
assert round(complexity.profile(printed, (64, 73, 73)).macs / 1e6) == 1011
assert round(complexity.profile(code, (64, 73, 73)).macs / 1e6) == 724

# %% [markdown]
# The table also has five modules at 17 × 17 where the code has four and a reduction, and 35 × 35 modules without the 5 × 5 that the code
# kept in one branch. When you cite a network, cite the code that you ran.
#
# Ours is the code's network. Copy random weights from torchvision's, and compare the logits:

# %%
torch.manual_seed(0)
theirs = torchvision.models.inception_v3(init_weights=False, aux_logits=False).eval()
loaded = transfer.load_in_order(models.inception_v3(), theirs.state_dict()).eval()
image = torch.randn(1, 3, 299, 299)
with torch.no_grad():
    a, b = loaded(image), theirs(image)
same = (a - b).abs().max() < 1e-4 * b.abs().max()
assert same and b.std() > 0
print("logits equal torchvision's to rounding:", bool(same))

# %%
# optional, in every run: the published ImageNet weights look at ten photographs
DOWNLOAD = False  # True downloads 105 MB, once
if DOWNLOAD:
    try:
        trained = transfer.pretrained("inception_v3").eval()
        animals = datasets.animals(256)
        batch = torch.stack(list(animals.values())) / 255
        batch = nn.functional.interpolate(batch, size=299, mode="bilinear", antialias=True)
        with torch.no_grad():
            probabilities = trained(transfer.normalize(batch)).softmax(1)
        classes = torchvision.models.Inception_V3_Weights.IMAGENET1K_V1.meta["categories"]
        for animal, row in zip(animals, probabilities):
            print(f"{animal}: {classes[row.argmax()]}, {100 * row.max():.0f} %")
    except OSError as error:  # no internet
        print(error)

# %% [markdown]
# ## 7 · Smoothed labels
#
# Cross-entropy wants the right class to have probability 1. No finite logits give that, so on images that a network gets right its largest logit
# grows and grows: it is rewarded for being ever more certain. **Label smoothing** (레이블 스무딩) asks for a little less: a share ε of each label is spread evenly over all K classes,
#
# $$q'(k) = (1 - \varepsilon)\,\delta_{k,y} + \varepsilon / K, \qquad \varepsilon = 0.1.$$
#
# The library's function, all of it:

# %%
teaching.source(training.label_smoothing)

# %% [markdown]
# Where does that stop? The loss is least when the softmax *is* q'. Then the right logit lies $\log\frac{1-\varepsilon+\varepsilon/K}{\varepsilon/K}$ above the others. Let an
# optimizer find it, with ten free logits and no network:


# %%
def gap_after(steps, amount):
    """How far the right logit lies above the others after some steps of Adam on ten free logits."""
    logits = torch.zeros(1, 10, requires_grad=True)
    optimizer, label = torch.optim.Adam([logits], lr=0.05), torch.tensor([3])
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits, label, label_smoothing=amount).backward()
        optimizer.step()
    return (logits[0, 3] - logits[0, 4]).item()


gaps = {
    amount: [gap_after(steps, amount) for steps in (250, 500, 1000)] for amount in (0.0, 0.1)
}
formula = torch.log(torch.tensor((0.9 + 0.01) / 0.01)).item()
for amount, (first, second, third) in gaps.items():
    print(f"ε = {amount}: {first:.1f}, {second:.1f}, {third:.1f} after 250, 500, 1000 steps")
print(f"formula for ε = 0.1: {formula:.2f}")
assert all(abs(gap - formula) < 0.01 for gap in gaps[0.1])
assert gaps[0.0][0] + 1 < gaps[0.0][1] < gaps[0.0][2] - 1

# %% [markdown]
# Hard labels push on without end; with ε = 0.1 the logit stops at 4.51, where the softmax is 0.91. Now with images.

# %%
guess_smoothing = teaching.predict(ask.predictions["smoothing"])
guess_smoothing

# %% [markdown]
# To see it clearly, take a network that is too sure of itself: AlexNet in small, all its fully connected layers, no normalization, no dropout, and only 50 images to learn from.

# %%
few = data.take(50)


def certain(amount, seed):
    """A network that has learned 50 images, with a share `amount` of the labels spread."""
    torch.manual_seed(seed)
    c, side, _ = few.image_shape
    net = models.small.alexnet(
        few.num_classes, width=8, channels=c, input_size=side, norm=False, dropout=0.0
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
    objective = training.label_smoothing(amount)
    training.fit(net, few, optimizer, 60, batch_size=32, objective=objective, seed=seed)
    return net


hard = [predictions(certain(0.0, seed), few) for seed in SEEDS]

# %%
smooth_ones = [predictions(certain(0.1, seed), few) for seed in SEEDS]


# %%
def lead(logits):
    """Mean distance of the largest logit from the mean of the others."""
    top = logits.max(1).values
    return (top - (logits.sum(1) - top) / (logits.shape[1] - 1)).mean().item()


leads = {
    "hard labels": [lead(logits) for logits, _ in hard],
    "smoothed": [lead(logits) for logits, _ in smooth_ones],
}
for name, values in leads.items():
    print(f"{name}: the largest logit leads by", *(f"≈ {value:.1f}" for value in values))
assert min(leads["hard labels"]) > 2 * max(leads["smoothed"])
assert all(1 < value < formula + 0.5 for value in leads["smoothed"])

# %% [markdown]
# Is a network that says 99 % right 99 times in a hundred? Sort its test answers by their **confidence**, the probability of the chosen class, into ten bins, and compare each bin's mean
# confidence with the share that is right. Agreement is called **calibration** (보정); the mean gap is the *expected calibration error*
# (Guo et al. 2017, [arXiv 1706.04599](https://arxiv.org/abs/1706.04599)). On the dashed line a network keeps its word.

# %% tags=["measured"]
found = {
    "hard labels": [calibration(*one) for one in hard],
    "smoothed by 0.1": [calibration(*one) for one in smooth_ones],
}
_ = pictures.reliability(found)

# %%
for name, several in found.items():
    for one in several:
        promised = 100 * (one.overall_accuracy + one.overconfidence)
        print(
            f"{name}: right ≈ {100 * one.overall_accuracy:.0f} %, promised ≈ {promised:.0f} %"
        )
before, after = ([one.overconfidence for one in several] for several in found.values())
assert all(b > 0.05 and b > a + 0.1 for b, a in zip(before, after))
assert all(a < 0 for a in after)  # it promises too little
promises = [
    [one.overall_accuracy + one.overconfidence for one in several] for several in found.values()
]
assert min(promises[0]) > max(promises[1])
guess_smoothing.reveal("they lower it")

# %% [markdown]
# With hard labels it promises far too much. Smoothing cures that, and overshoots: now the network promises too *little*. The amount matters, and so does the number of
# images. The next picture has further runs, **loaded, not trained here**: two numbers of images, five amounts, four seeds.

# %%
print(
    *(f"{key}: {value}" for key, value in published.provenance("label_smoothing").items()),
    sep="\n",
)

# %%
explorers.smoothing()

# %% [markdown]
# **Which amount is best calibrated with 50 images, and which with 960?** Find out with the controls; then check yourself:

# %%
runs = published.read("label_smoothing")
rows = {}
for (images, amount), several in runs.groupby(["images", "amount"]):
    ones = calibrations(several)
    error = 100 * sum(one.error for one in ones) / len(ones)
    right = 100 * sum(one.overall_accuracy for one in ones) / len(ones)
    rows[images, amount] = {"calibration error, %": error, "right, %": right}
table = {
    key: [round(row[key], 1) for row in rows.values()] for key in next(iter(rows.values()))
}
lines = [f"{images} images, ε = {amount:g}" for images, amount in rows]
pd.DataFrame(table, index=lines)

# %%
wrong = {key: row["calibration error, %"] for key, row in rows.items()}
best = {n: min((0.0, 0.02, 0.05, 0.1, 0.2), key=lambda a: wrong[n, a]) for n in (50, 960)}
assert best == {50: 0.02, 960: 0.0} and wrong[50, 0.05] < 7 and wrong[50, 0.0] > 20
assert all(wrong[960, a] < wrong[960, b] for a, b in [(0, 0.02), (0.02, 0.1), (0.1, 0.2)])
assert all(
    rows[50, a]["right, %"] > rows[50, 0.0]["right, %"] + 5 for a in (0.02, 0.05, 0.1, 0.2)
)
teaching.correct(
    "50 images: 0.02 (0.05 is about as good), and any smoothing brings five points of accuracy and more. 960 images: "
    "none at all; that network keeps its word already, and smoothing only makes it timid."
)

# %% [markdown]
# So smoothing does what it promises, it bounds the logits. Whether that is *better* depends on where you were: it helps a network that is too sure. The paper
# reports 0.2 to 0.3 points less error on ImageNet, and does not speak of calibration.
#
# %% [markdown]
# ## 8 · What became of the auxiliary heads
#
# Lesson 05 ended with a doubt: GoogLeNet's auxiliary classifiers made the gradient longer, and changed nothing in the result. Inception-v3 keeps *one*, behind the last module at
# 17 × 17, gives it batch normalization, and calls it a **regularizer**: something that keeps a network from learning its training images by heart.

# %%
with_head = models.inception_v3(auxiliary=True)
print("behind", *with_head.auxiliary)
extra = sum(p.numel() for p in with_head.auxiliary.parameters())
assert list(with_head.auxiliary) == ["inception_b4"] and extra == 3_326_696
assert extra + v3.params == 27_161_264
print(
    f"{extra:,} parameters for the time of training, {100 * extra / v3.params:.0f} % of the network"
)

# %% [markdown]
# If it is one, its effect should show where learning by heart is worst, with few images. These runs are **loaded, not trained here**: a small Inception
# with batch normalization, 100 digits, with and without a head behind its fourth module of six, eight seeds.

# %%
print(
    *(
        f"{key}: {value}"
        for key, value in published.provenance("auxiliary_regularizer").items()
    ),
    sep="\n",
)
heads = published.read("auxiliary_regularizer")
test = heads.pivot(index="seed", columns="head", values="test_accuracy") * 100
bars = {"without a head": list(test[False]), "with one": list(test[True])}
_ = plots.bars(bars, xlabel="test accuracy with 100 training images, % (dots: seeds)")

# %%
gain = (test[True] - test[False]).round(2)
better = int((gain > 0).sum())
coin = sum(1 for flips in range(2**8) if flips.bit_count() >= better) / 2**8
loss = heads.groupby("head")["train_loss"].mean()
print(f"mean gain {gain.mean():.1f} points, from {gain.min():.1f} to {gain.max():.1f}")
print(f"better in {better} of 8 seeds; a coin does as well with probability {coin:.2f}")
print(f"training loss: without a head {loss[False]:.2f}, with one {loss[True]:.2f}")
assert len(gain) == 8 and coin > 0.05 and gain.min() < 0 < gain.max()
assert loss[True] < loss[False]

# %% [markdown]
# Three points better on average: tempting, and no evidence. A coin would do as well every third time. Nor does the head act as a regularizer here, which would make the training images
# *harder* to fit: the training loss is a little lower with it. So at this size the verdict of lesson 05 stands, with normalization and few
# images, too: no effect that we could tell from chance. The paper's 0.4 points on ImageNet (21.6 → 21.2 %, the last step of its Table 3) are beyond the reach of eight pairs of small networks.

# %%
if (
    run.mode == "paper"
):  # the whole Inception-v3 with its head, on photographs of 75 × 75 and more
    pets = datasets.pets(size=299)
    net = models.inception_v3(pets.num_classes, auxiliary=True)
    objective = training.auxiliary_objective(0.3, smoothing=0.1)
    optimizer = torch.optim.RMSprop(net.parameters(), lr=0.001, alpha=0.9, eps=1.0)
    options = {"objective": objective, "checkpoint": run.keep("07", "pets")}
    training.fit(net, pets, optimizer, EPOCHS, batch_size=BATCH, **options)
    print(f"test accuracy ≈ {100 * training.evaluate(net, pets).accuracy:.1f} %")

# %% [markdown]
# ## 9 · Exercises
#
# Put your answer in place of `...`, run the cell, read what the check found. Hints and solutions unfold.

# %%
ask.exercises["channels"]

# %%
my_channels = ...
ask.exercises["channels"].check(my_channels)

# %%
ask.exercises["weights"]

# %%
my_weights = ...
ask.exercises["weights"].check(my_weights)

# %%
ask.exercises["smooth"]


# %%
def smooth(label, num_classes, amount):
    return ...  # your code


ask.exercises["smooth"].check(smooth)

# %%
ask.exercises["separate"]


# %%
def my_separate(kernel):
    return ...  # your code


ask.exercises["separate"].check(my_separate)

# %%
ask.exercises["error"]


# %%
def calibration_error(confidence, right):
    return ...  # your code


ask.exercises["error"].check(calibration_error)

# %%
ask.exercises["reduction"]


# %%
def my_reduction(c_in, three, reduce, double):
    return ...  # your code


ask.exercises["reduction"].check(my_reduction)

# %%
ask.exercises["wide"]


# %%
def wide_module(c_in):
    return ...  # your code


ask.exercises["wide"].check(wide_module)

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

# %%
teaching.quiz(ask.quiz[6])

# %% [markdown]
# ## 정리 · What you have shown
#
# * **Which v2?** Two networks bear that name: BN-Inception (11,188,288 parameters) and a step on the way to Inception-v3 (23,834,568). Ask for the paper.
# * **Smaller kernels** (더 작은 conv layer 사용): two 3 × 3 for a 5 × 5 save 28 %, a 1 × n and an n × 1 (**asymmetric convolution**, 비대칭 합성곱) save
#   33 % for n = 3 and 71 % for n = 7. This is **factorization** (분해).
# * One column times one row is a kernel of rank 1. Blurs and upright edges are, slanted stripes keep 53 %. Learned 7 × 7 kernels need two or three pairs; one pair costs the
#   network dearly. Inception-v3's pairs work because they are trained as pairs.
# * **Grid size reduction** (그리드 크기 축소): convolving first costs much (계산량이 많아짐), pooling first loses information (정보를 잃음). Convolution and pooling work *in parallel*, on all
#   channels (384 + 96 + 288 = 768), at an eighth of the work of convolving first. Nothing is split in halves (반씩).
# * The bottleneck of pooling first cost several points on fine stripes, and nothing once a 3 × 3 had looked before.
# * **Inception-v3**: 299 → 149 → 147 → 73 → 71 → 35 → 17 → 8 pixels, 48 layers, 5.71 G multiply-adds. Its paper's table and its code differ, and so does BN-Inception's
#   table from its own sums (608, printed 576; 13.6 million, counted 11.2).
# * **Label smoothing** (레이블 스무딩) bounds the logits (4.51 for ε = 0.1 and ten classes). It improves **calibration** (보정) where a network is too sure, and spoils it where it is not.
# * One **auxiliary classifier** (보조 분류기) is left in Inception-v3. We could not tell its effect from chance.
#
# **Where to go next.** [08 Inception-v4](08_inception_v4.ipynb) asks whether Inception needs shortcuts, [06 ResNet](06_resnet.ipynb) is where those come
# from, and [09 Complexity](09_complexity.ipynb) asks what all this work means in seconds.
