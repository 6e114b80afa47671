# %% [markdown]
# # 07 · Inception-v2 and v3: the same view for less work
#
# {{badges}}
#
# **In this notebook you take convolutions apart, measure what that loses, and build a network of 48 layers from the pieces.** Paper: Szegedy, Vanhoucke,
# Ioffe, Shlens, Wojna, *Rethinking the Inception Architecture for Computer Vision*, CVPR 2016.
#
# Afterwards you can
# * split a convolution into smaller ones, and measure what that saves and loses;
# * halve a feature map at little cost and without a bottleneck;
# * build Inception-v3, and say what each step toward it brought;
# * smooth labels, and find out whether a network is too sure of itself.
#
# | | |
# |---|---|
# | **15 minutes** | run everything, then read and do the cells marked ➤ |
# | **75 minutes** | sections 1 to 6; at home: builds `module_b` and `separate`, section 7, exercises, project (8), quiz (9) |
# | **three hours** | all but the project |
# | `quick` run (default) | digits, stripes and photographs, no internet, about half a minute of computing |
# | `class` run, `paper` run | section 6 on 500 or 2,000 CIFAR-10 photographs (170 MB to download) |

# %%
# {{install}}
import lecture8

run = lecture8.start(class_run="170 MB of CIFAR-10")

# %%
import math

import torch
from torch import nn

from lecture8 import complexity, datasets, models, plots, published, teaching, training
from lecture8 import transfer
from lecture8.lessons.l07_inception_v3 import calibration, explorers, kernels, pictures
from lecture8.lessons.l07_inception_v3 import questions as ask
from lecture8.models.inception_v3 import (
    inception_a, inception_c, reduction_a, reduction_b, stem,
)  # fmt: skip
from lecture8.models.layers import Branches

with torch.device("meta"):  # shapes only
    v3 = complexity.profile(models.inception_v3(), (3, 299, 299))
_ = pictures.strip(v3)

# %% [markdown]
# This is Inception-v3, a successor of GoogLeNet (lesson 05). A block's width is the side of the feature map (on a log scale), its height the number of channels, the
# number on top its multiply-adds. The stem, the first layers, is the most expensive.
#
# In the paper's Table 3, GoogLeNet has a top-1 error of 29.0 % for 1.5 G multiply-adds, and Inception-v3 21.2 % for 4.8 G (one network, one crop). The version in
# Google's code, which you will build, needs 5.7 G, still about a third of VGG-16's 15.5 G. How can 48 layers cost so little?
#
# Change what you like in the next cell. For another run, write `lecture8.start("class", class_run="170 MB of CIFAR-10")` above.

# %%
SEEDS = run.choose(quick=(0, 1, 2), class_=(0, 1, 2), paper=(0, 1, 2, 3, 4))
FEW = run.choose(quick=50, class_=500, paper=2_000)  # training images of section 6
EPOCHS = run.choose(quick=60, class_=60, paper=200)  # of section 6
BATCH = run.choose(quick=32, class_=100, paper=64)
data = datasets.digits(size=16) if run.mode == "quick" else datasets.cifar10()
photos = datasets.animals()
data

# %% [markdown]
# ## 1 · Large kernels in pieces
#
# A 5 × 5 convolution costs 25/9 = 2.8 times as much as a 3 × 3, and two 3 × 3 see as much as one 5 × 5 (lesson 04). Can you go
# further? A 1 × 7 sees seven pixels in a row, a 7 × 1 after it seven such rows: together 7 × 7.
# Such a convolution is called **asymmetric** (비대칭 합성곱). Replacing a large kernel by smaller ones, one after the other, is **factorization** (분해).

# %%
guess_cost = teaching.predict(ask.predictions["cost"])
guess_cost

# %% [markdown]
# All our networks are made of `conv`: a convolution, batch normalization (lesson 05), ReLU.

# %%
ask.builds["pair"]


# %%
def conv(c_in, c_out, kernel, stride=1, padding=0):
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(c_out, eps=0.001),
        nn.ReLU(),
    )


def pair(c_in, c_out, kernel):
    first, second = kernel, kernel[::-1]  # (1, 7), then (7, 1); or the other way round
    return nn.Sequential(
        conv(c_in, ..., first, padding=...),
        conv(..., c_out, second, padding=...),
    )


pair = ask.builds["pair"].use(pair)


# %%
def weights(*layers):
    return sum(math.prod(layer[0].weight.shape) for layer in layers)


share = weights(*pair(8, 8, (1, 7))) / weights(conv(8, 8, 7))
found = ask.predictions["cost"].option((share > 1 / 3) + (share > 0.55))
groups = [  # the first of each group counts as 100 %
    {"7 × 7": conv(8, 8, 7), "1 × 7, 7 × 1": pair(8, 8, (1, 7))},
    {"5 × 5": conv(8, 8, 5), "3 × 3 twice": nn.Sequential(conv(8, 8, 3), conv(8, 8, 3))},
    {"3 × 3": conv(8, 8, 3), "1 × 3, 3 × 1": pair(8, 8, (1, 3))},
]
guess_cost.reveal(found, pictures.kernels(groups))

# %% [markdown]
# The squares are the weights for one input channel, one in between, one output channel. n² weights become 2n: the larger the kernel, the more you save.
#
# **Where does it pay?** The authors found that this “does not work well on early layers, but it gives very good results on
# medium grid-sizes”, 12 to 20 pixels wide. We do not test this. (A guess: early layers have few channels.)
# At 17 × 17 Inception-v3 has 7 × 7 kernels in pieces. `Branches` stacks the outputs of its parts, as in lesson 05.

# %%
ask.builds["module_b"]


# %%
def module_b(c_in, width):
    return Branches(
        one=conv(c_in, 192, 1),
        seven=nn.Sequential(conv(c_in, width, 1), ...),
        twice_seven=nn.Sequential(conv(c_in, width, 1), ..., ...),
        pool=nn.Sequential(..., conv(c_in, 192, 1)),
    )


module_b = ask.builds["module_b"].use(module_b)

# %% [markdown]
# ➤ What would it cost with whole 7 × 7 kernels? The more of a box is dark, the more multiply-adds it needs. The most expensive box is all dark.

# %%
one_b = module_b(768, 128)
cost_b = complexity.profile(one_b, (768, 17, 17))
_ = plots.diagrams.diagram(one_b, cost_b, title="Your module at 17 × 17")
expensive = complexity.profile(kernels.module_of_whole_kernels(768, 128), (768, 17, 17))
teaching.claim(
    "Whole kernels: {times:.1f} times the multiply-adds, {a:.2f} instead of {b:.2f} G, for the same receptive field of {field} × {field}.",
    expensive.field == cost_b.field and 2 < expensive.macs / cost_b.macs < 4,
    times=expensive.macs / cost_b.macs,
    a=expensive.macs / 1e9,
    b=cost_b.macs / 1e9,
    field=cost_b.field,
)

# %% [markdown]
# ## 2 · What does a pair lose?
#
# It sees the same. Can it compute the same? Take the simplest case: one channel before, between and after, and no ReLU. A row of weights, then a column,
# act as one kernel. Its weight at (y, x) is *column at y* times *row at x*: a multiplication table. Such a matrix has **rank 1** (랭크).
#
# A kernel's **energy** is the sum of its squared weights. How much of it can one column and one row keep?

# %%
guess_rank = teaching.predict(ask.predictions["rank"])
guess_rank

# %% [markdown]
# Every kernel has a best pair of a column and a row, then a best pair for what is left, and so on. The **singular value
# decomposition** (SVD, 특잇값 분해) finds them all, the strongest first.

# %%
ask.builds["separate"]


# %%
def separate(kernel, pairs):
    left, values, right = torch.linalg.svd(kernel)
    left, values, right = ..., ..., ...  # keep the strongest pairs
    return left * values, right  # columns, rows


separate = ask.builds["separate"].use(separate)


# %%
def energy_kept(kernel, pairs):
    columns, rows = separate(kernel, pairs)
    return ((columns @ rows).square().sum() / kernel.square().sum()).item()


stripes = kernels.KERNELS["stripes at 45°"]
column, row = separate(stripes, 1)
one = energy_kept(stripes, 1)
found = ask.predictions["rank"].option((one > 0.7) + (one > 0.99))
guess_rank.reveal(
    found, pictures.separated(stripes, column @ row, kernels.photograph("flower"), 1)
)

# %%
kept = {name: 100 * energy_kept(kernel, 1) for name, kernel in kernels.KERNELS.items()}
teaching.claim(
    "One pair keeps {blur:.0f} % of a blur, {edge:.0f} % of an upright edge, {slant:.0f} % of a slanted one, {stripes:.0f} % of stripes at 45°, {noise:.0f} % of one noise kernel.",
    kept["blur"] > 99.9 and kept["upright edge"] > 99.9 and kept["stripes at 45°"] < 60,
    blur=kept["blur"],
    edge=kept["upright edge"],
    slant=kept["slanted edge"],
    stripes=kept["stripes at 45°"],
    noise=kept["noise"],
)

# %% [markdown]
# ### Kernels learned from photographs
#
# Upper row: the strongest 7 × 7 kernels of a small ZFNet (lesson 03), after 12 epochs on CIFAR-10.
# Lower row: the same layer's with random initial weights.

# %%
torch.manual_seed(0)
fresh = models.small.zfnet().features.conv1.conv.weight.detach().flatten(0, 1)
learned = kernels.of_photographs()
strongest = fresh[fresh.square().sum((1, 2)).argsort(descending=True)]
_ = pictures.kernel_sheet(learned[:8], strongest[:8])

# %%
guess_learned = teaching.predict(ask.predictions["learned"])
guess_learned


# %%
def pairs_needed(kernel, share=0.9):
    return next(pairs for pairs in range(1, 8) if energy_kept(kernel, pairs) >= share)


needed = [pairs_needed(kernel) for kernel in learned]
mean_needed = sum(needed) / len(needed)
found = ask.predictions["learned"].option(
    (mean_needed > 1.5) + (mean_needed > 2.7) + (mean_needed > 4.7)
)
shares = kernels.energies(learned), kernels.energies(fresh)
guess_learned.reveal(found, pictures.pairs_kept(*shares))

# %%
strong, noise = ([pairs_needed(k) for k in some] for some in (learned[:32], fresh))
one_pair, one_random = (100 * some[:, 0].mean().item() for some in shares)
teaching.claim(
    "One network: learned kernels need {a:.1f} pairs on average for 90 %, the strongest third {b:.1f}, random ones {c:.1f}. One pair keeps {d:.0f} % of a learned kernel, {e:.0f} % of a random one.",
    sum(strong) / 32 < mean_needed < sum(noise) / len(noise),
    a=mean_needed,
    b=sum(strong) / 32,
    c=sum(noise) / len(noise),
    d=one_pair,
    e=one_random,
)

# %% [markdown]
# The difference is small. This network trained for only 12 epochs, so some of the initial noise may remain. A 7 × 7 has 49 weights, three pairs 42, four 56: cutting
# kernel by kernel hardly pays. ➤ Try it:

# %%
explorers.kernel()

# %% [markdown]
# ### Cut a trained layer
#
# What does the *network* lose? Take its second layer, 5 × 5 from 32 to 64 channels: unlike the first, it has many input channels, as middle layers do. One pair keeps
# 60 % of its kernels' energy on average. Replace each kernel by its best pairs, and train nothing further.
# **Loaded, not measured here**: accuracy on 10,000 test images of CIFAR-10, one network.

# %%
cut = published.read("cut_kernels")
at = cut.set_index(["layer", "way", "amount"])["test_accuracy"] * 100
by_kernel = at["conv2", "each kernel"]
teaching.claim(
    "Second layer as it is: {whole:.1f} %. One pair for each kernel, 40 % of the weights: {one:.1f} %. Two pairs, 80 %: {two:.1f} %.",
    by_kernel[1] < by_kernel[2] - 2,
    whole=by_kernel[5],
    one=by_kernel[1],
    two=by_kernel[2],
)

# %% [markdown]
# Between column and row there can be many channels, not one. So you can also cut the whole layer at once.

# %%
guess_layer = teaching.predict(ask.predictions["layer"])
guess_layer

# %%
by_layer = at["conv2", "layer"]
found = ask.predictions["layer"].option(
    int(by_layer[32] > by_kernel[1]) + int(by_layer[32] > by_kernel[5] - 1)
)
guess_layer.reveal(found, pictures.cut_down(cut, "conv2"))

# %%
teaching.claim(
    "With 32 channels between, 30 % of the weights: {a:.1f} %. With 16, 15 %: {b:.1f} %. With 4, 4 %: {c:.1f} %.",
    by_layer[32] > by_kernel[5] - 1 and by_layer[4] < by_layer[16] - 10,
    a=by_layer[32],
    b=by_layer[16],
    c=by_layer[4],
)

# %% [markdown]
# All kernels share the 32 columns. So a pair with many channels between is far more than one column times one row. Our 32 lie between 32 and 64 channels;
# Inception-v3's pairs have 128 to 192 between, and a ReLU. They are *trained* as pairs. What a trained pair loses is not measured here.
#
# <details><summary>➤ One pair for each kernel costs a trained layer 4 points. Inception-v3 uses one pair everywhere at 17 × 17. Is that a contradiction?</summary>
#
# No. We cut after training, kernel by kernel. With 32 channels between, the same layer loses half a point. What a trained pair loses could be measured by training the network
# with whole kernels.
#
# </details>

# %%
ask.exercises["factorize"]


# %%
def factorize(layer, between):
    return ...  # your code


# after a ✅ remove the # here: what does the network with the cut layer say about ten photographs?
# whole = models.small.zfnet(weights="cifar10")
# print(transfer.recognize(whole, photos, size=32, like="cifar10"))
# whole.features.conv2.conv = factorize(whole.features.conv2.conv, 32)
# print(transfer.recognize(whole, photos, size=32, like="cifar10"))
ask.exercises["factorize"].check(factorize)

# %% [markdown]
# ## 3 · Smaller grids
#
# Every network must shrink its feature maps. This is **grid size reduction** (그리드 크기 축소). The channels usually double. You can pool and then convolve, or the
# other way round. The paper does both side by side.


# %%
def pool_first(c, pooling=nn.MaxPool2d):
    return nn.Sequential(pooling(2), conv(c, 2 * c, 3, padding=1))


def conv_first(c, pooling=nn.MaxPool2d):
    return nn.Sequential(conv(c, 2 * c, 3, padding=1), pooling(2))


# %%
ask.builds["side_by_side"]


# %%
def side_by_side(c, pooling=nn.MaxPool2d):
    return Branches(
        conv=...,
        pool=...,
    )


side_by_side = ask.builds["side_by_side"].use(side_by_side)

# %%
pooling = nn.MaxPool2d
ways = {
    "pool, then convolve": pool_first,
    "convolve, then pool": conv_first,
    "side by side": side_by_side,
}
built = {name: way(64, pooling) for name, way in ways.items()}
costs = {name: complexity.profile(way, (64, 16, 16)) for name, way in built.items()}
_ = pictures.reductions({name: (built[name], costs[name]) for name in ways})
work = [cost.macs for cost in costs.values()]
teaching.claim(
    "All three output {channels} × {side} × {side}. Side by side is the cheapest: pooling first costs {a:.0f} times as much, convolving first {b:.0f} times as much.",
    {cost.output_size for cost in costs.values()} == {(128, 8, 8)},
    channels=128,
    side=8,
    a=work[0] / work[2],
    b=work[1] / work[2],
)

# %% [markdown]
# Half of the output channels come from the convolution, half from pooling. Each branch sees *all* input channels.
#
# The order changes the price. Does it also change what the network can know? Test it without training.

# %%
guess_shuffle = teaching.predict(ask.predictions["shuffle"])
guess_shuffle


# %%
def shuffle_squares(images, generator):
    """The four pixels of every 2 × 2 square in another order: N × C × H × W, H and W even."""
    squares = nn.functional.pixel_unshuffle(images, 2)  # N × 4C × H/2 × W/2
    squares = squares.unflatten(1, (-1, 4))
    order = torch.rand(squares[:, :1].shape, generator=generator).argsort(2)
    order = order.expand_as(squares)  # the three colors of a pixel move together
    return nn.functional.pixel_shuffle(squares.gather(2, order).flatten(1, 2), 2)


flower = datasets.sample_photos()["flower"][None, :, ::2, ::2].float()[..., :200, :320] / 255
shuffled = shuffle_squares(flower, torch.Generator().manual_seed(0))
detail = [image[0, :, 40:140, 90:190] for image in (flower, shuffled)]
_ = plots.images(detail, ["the photograph", "each 2 × 2 shuffled"], columns=2, size=3)

# %%
differences = {}
for name, way in ways.items():
    torch.manual_seed(0)
    reduction = way(3, pooling).eval()
    with torch.no_grad():
        differences[name] = (reduction(flower) - reduction(shuffled)).abs()
largest = {name: values.max().item() for name, values in differences.items()}
blind = [name for name in ways if largest[name] < 1e-5]  # up to rounding
found = blind[0] if blind else "none of them"
guess_shuffle.reveal(found, pictures.differences(differences))

# %% [markdown]
# | way | multiply-adds | what it loses |
# |---|---|---|
# | pool, then convolve | 2 × | the order within each square, for any weights |
# | convolve, then pool | 8 × | nothing before the convolution has looked |
# | side by side | 1 × | the pooled half is blind to the order, the convolved half is not |
#
# Pooling first is a **representational bottleneck** (표현 병목): everything must pass through a quarter of the values.
# Does a network miss the order when it has to *learn*? Take coarse and fine stripes. The layer before the reduction is a 1 × 1, which cannot look around.

# %%
textures = datasets.textures(size=16, per_class=50)
_ = plots.images(textures.test.images[:12], textures.classes, columns=6, size=1.2)


def accuracy_with(reduction, kernel, seed):
    torch.manual_seed(seed)
    body = conv(1, 8, kernel, padding=kernel // 2), reduction(8, pooling)
    more = conv(16, 32, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    net = nn.Sequential(*body, *more, nn.Linear(32, textures.num_classes))
    models.layers.he_init(net)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    training.fit(net, textures, optimizer, 8, batch_size=64, seed=seed)
    logits, labels = calibration.predictions(net, textures)
    right = 100 * (logits.argmax(1) == labels).float()
    return right[labels < 6].mean().item(), right[labels >= 6].mean().item()  # coarse, fine


# %% tags=["measured"]
def pool_then_two(c, pooling):
    return nn.Sequential(pool_first(c, pooling), conv(2 * c, 2 * c, 3, padding=1))


arms = {name: (way, 1) for name, way in ways.items()}
arms["pool first, and a 3 × 3 more after it"] = pool_then_two, 1
arms["pool first, but a 3 × 3 before it"] = pool_first, 3  # in place of the 1 × 1
stripes_seen = {
    name: [accuracy_with(*arm, seed) for seed in SEEDS] for name, arm in arms.items()
}
fine = {name: [one for _, one in found] for name, found in stripes_seen.items()}
coarse = [sum(one for one, _ in found) / len(SEEDS) for found in stripes_seen.values()]
_ = plots.bars(fine, xlabel="test accuracy on fine stripes, % (dots: seeds)")
mean = [sum(values) / len(values) for values in fine.values()]
teaching.claim(
    "Fine stripes: pooling first ≈ {a:.0f} %, convolving first ≈ {b:.0f} %, side by side ≈ {c:.0f} %. A 3 × 3 more after the pooling: ≈ {d:.0f} %, before it: ≈ {e:.0f} %. Coarse stripes: at least ≈ {f:.0f} % each.",
    max(mean[0], mean[3]) < min(mean[1], mean[2], mean[4]) - 4 and min(coarse) > 96,
    **dict(zip("abcde", mean)),
    f=min(coarse),
)

# %% [markdown]
# The whole loss is in the fine stripes. Their period is 3.2 pixels; a grid of half the size carries only periods above 4. A 3 × 3 *before* the pooling makes up for it, one *after* it
# helps little. This is one made-up task with few seeds. It fits the paper's first principle, “avoid representational
# bottlenecks, especially early in the network”, but we did not vary where in a network the reduction stands.
#
# <details><summary>➤ Pooling first loses the order of the pixels for any weights. Why does it lose nothing here after a 3 × 3?</summary>
#
# The channels of the 3 × 3 say *which* stripes there are, and a maximum over four places keeps that. What is lost is where in the square they were, which this task does not ask.
# A task that asks for it could give another result.
#
# </details>
#
# ➤ **Change the experiment, and defend your result.** Set `pooling = nn.AvgPool2d` in the cell of `ways`. Is pooling first still
# blind to the shuffle? Does it still lose on stripes? Write down what you expect, and run from that cell on. Write three sentences: what you measured (all
# seeds), what it shows, what it does not.

# %%
ask.exercises["work"]

# %%
my_work = ...
ask.exercises["work"].check(my_work)

# %% [markdown]
# ## 4 · The whole network
#
# Modules A, B and C work at 35 × 35, 17 × 17 and 8 × 8. You have written B; the library has the others. `reduction_a` is your `side_by_side`
# with one more branch and other shares. Module C puts the 1 × 3 and the 3 × 1 *side by side* on the same input instead of one after the other. This makes it wide: 2,048
# channels. Your network has no auxiliary classifier (section 7).
#
# | module | outputs |
# |---|---|
# | `stem()` | 192 channels of 35 × 35, from an image of 299 × 299 |
# | `inception_a(c_in, pool)` three times, `pool` 32, 64, 64 | 224 + `pool` channels |
# | `reduction_a(c_in)` | `c_in` + 480 channels of 17 × 17: 384 + 96 convolved, 288 pooled (overlapping 3 × 3) |
# | `module_b(c_in, width)` four times | 768 channels |
# | `reduction_b(c_in)` | `c_in` + 512 channels of 8 × 8 |
# | `inception_c(c_in)` twice | 2,048 channels |

# %%
ask.builds["inception_v3"]


# %%
def inception_v3(num_classes):
    return nn.Sequential(
        stem(),
        *(inception_a(192, 32), ..., ...),
        reduction_a(...),
        *(..., ..., ..., ...),
        reduction_b(...),
        *(inception_c(...), inception_c(...)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(..., num_classes)),
    )


inception_v3 = ask.builds["inception_v3"].use(inception_v3)

# %%
with torch.device("meta"):
    mine = complexity.profile(inception_v3(1000), (3, 299, 299))
sides = [layer.output_shape[1] for layer in mine.layers if len(layer.output_shape) == 3]
teaching.claim(
    "{params:,} parameters, {macs:.2f} G multiply-adds, depth {depth}. The side of the feature maps: {path}.",
    (mine.params, mine.macs, mine.depth) == (23_834_568, 5_713_216_096, 48),
    params=mine.params,
    macs=mine.macs / 1e9,
    depth=mine.depth,
    path=" → ".join(map(str, dict.fromkeys([299, *sides]))),
)

# %% [markdown]
# <details><summary>For the curious: the paper says 42 layers and 4.8 G</summary>
#
# The network of the paper's Table 1 is not the network of Google's code, and the published weights belong to the code. The code has a 1 × 1 convolution and a second pooling layer in
# the stem, four modules and a reduction at 17 × 17 where the table has five modules, and keeps a 5 × 5 in its modules at 35 × 35. The paper is not consistent either: its Table 1, introduced as
# Inception-v2, already has the 3 × 3 stem that Table 3 adds later. When you cite a network, cite the code that you ran.
#
# | | BN paper, 2/2015 | v3 paper, 12/2015 | v4 paper, 2/2016 | Google's code |
# |---|---|---|---|---|
# | GoogLeNet | GoogLeNet | GoogLeNet | Inception-v1 | inception_v1 |
# | two 3 × 3 for each 5 × 5, batch normalization | BN-Baseline, BN-Inception | BN-Inception | **Inception-v2** | **inception_v2** |
# | Table 1 of the v3 paper | – | **Inception-v2** | – | – |
# | the same with four more changes | – | Inception-v3 | Inception-v3 | inception_v3 |
#
# BN-Inception has 11,188,288 parameters in the library; its paper says 13.6 million.
#
# </details>
#
# ### What brought how much?
#
# The paper's Table 3 goes from GoogLeNet to Inception-v3. *BN-GoogLeNet* is GoogLeNet with batch normalization. *BN-Inception* also replaces each 5 × 5 by two
# 3 × 3. *Inception-v2*, in this paper, is the new architecture with asymmetric kernels and side-by-side reductions. *Inception-v3* is Inception-v2 with four more changes. Careful: the Inception-v4 paper
# and Google's code call BN-Inception “Inception-v2”.
#
# The four changes: the optimizer *RMSProp*, which scales steps as Adam does; **label smoothing** (레이블 스무딩, section 5); 3 × 3 kernels in
# the stem; batch normalization in the auxiliary classifier (section 7).

# %%
guess_step = teaching.predict(ask.predictions["step"])
guess_step

# %%
table3 = published.read("inception_v3_table3")  # read in a secondary source
errors = table3.set_index("network")["top1"]
gained = -errors["Inception-v2":].diff()[1:].round(1)
found = ask.predictions["step"].option(list(gained).index(max(gained)))
guess_step.reveal(found, pictures.table3(table3))

# %% [markdown]
# RMSProp, label smoothing and the normalized classifier (*BN-auxiliary*) bring 0.3, 0.3 and 0.4 points. The 3 × 3 stem brings 1.2, but costs 1 G more: some of the gain may come from the
# extra compute. Another order could give other shares, and each number is one network. The
# 1 × 7 and 7 × 1 of section 1 are no step: Inception-v2 has them already.
#
# ### Ten photographs
#
# ➤ What does such a network say about photographs? The published weights fit yours: set `DOWNLOAD` below to `True` (needs internet). A small relative comes with the course: six modules,
# trained on CIFAR-10, 79.5 % test accuracy. It sees them at 32 × 32 pixels, as you do here.

# %% tags=["measured"]
small = models.small.inception(weights="cifar10")
answers = transfer.recognize(small, photos, size=32, like="cifar10")
_ = plots.images(datasets.animals(32).values(), answers, columns=5, size=1.8)
said = dict(zip(photos, answers))
true = {"cat": "cat", "dog": "dog", "horse": "horse", "moose": "deer"}
true |= dict.fromkeys(["duck", "owl", "macaw", "hen"], "bird")
right = sum(said[name].startswith(true[name]) for name in true)
teaching.claim(
    "Of the eight animals that CIFAR-10 has a class for, {right} are recognized. The owl: {owl}, ≈ {sure}.",
    right < 6,
    right=right,
    **dict(zip(("owl", "sure"), said["owl"].split(", "))),
)

# %%
DOWNLOAD = False  # True gives your Inception-v3 the published weights: 105 MB, once
if DOWNLOAD:
    try:
        published_weights = transfer.pretrained("inception_v3").state_dict()
        yours = transfer.load_in_order(inception_v3(1000), published_weights)
        yours = nn.Sequential(models.layers.Rescale(), yours)  # they expect pixels from -1 to 1
        seen = transfer.recognize(yours, photos, size=299, like="imagenet")
        _ = plots.images(photos.values(), seen, columns=5, size=2)
    except OSError as error:  # no internet
        print(error)

# %% [markdown]
# Most answers are hesitant, but the owl is a dog with 93 %. Can training with labels that ask for 100 % push a network to be
# too sure? We test this on ordinary test images. Whether it explains the owl, we do not test.
#
# ## 5 · Labels that ask for less
#
# With such *hard* labels, cross-entropy wants probability 1 for the correct class. No finite logits give that. **Label smoothing** (레이블 스무딩) spreads a share ε of each label over all K classes. The
# correct class should get 1 − ε + ε/K, every other class ε/K. The paper uses ε = 0.1.

# %%
ask.builds["smoothed_loss"]


# %%
def smoothed_loss(logits, labels, amount):
    classes = logits.shape[1]
    targets = torch.full_like(logits, ...)
    targets[range(len(labels)), labels] += ...
    return ...


smoothed_loss = ask.builds["smoothed_loss"].use(smoothed_loss)

# %%
ask.exercises["gap"]


# %%
def gap(amount, classes):
    return ...  # your code


ask.exercises["gap"].check(gap)

# %% [markdown]
# ➤ What does the loss do to ten free logits, moved by Adam, without a network? What do you expect of the *gap* between the correct class (orange) and the others,
# with hard labels and with ε = 0.1?


# %% tags=["measured"]
def run_away(amount, steps):
    logits, stills = torch.zeros(1, 10, requires_grad=True), {}
    optimizer = torch.optim.Adam([logits], lr=0.05)
    for step in range(1, max(steps) + 1):
        optimizer.zero_grad()
        smoothed_loss(logits, torch.tensor([3]), amount).backward()
        optimizer.step()
        if step in steps:
            stills[step] = logits[0].tolist()
    return stills


stops = (10, 100, 500, 2_500)
film = {"hard labels": run_away(0.0, stops), "ε = 0.1": run_away(0.1, stops)}
_ = pictures.film(film, right=3)
lead = {
    name: [still[3] - still[4] for still in stills.values()] for name, stills in film.items()
}
teaching.claim(
    "Hard labels: the gap keeps growing, {a:.1f}, {b:.1f}, {c:.1f} after 100, 500 and 2,500 steps. With ε = 0.1 it stays at {d:.2f}.",
    lead["hard labels"][3] > lead["hard labels"][2] + 1
    and abs(lead["ε = 0.1"][3] - lead["ε = 0.1"][2]) < 0.01,
    **dict(zip("abc", lead["hard labels"][1:])),
    d=lead["ε = 0.1"][3],
)

# %% [markdown]
# At the minimum the softmax equals the targets: 0.91 for the correct class, 0.01 for each other. The gap is ln(0.91/0.01) = ln 91 = 4.51. In general it is ln((1 − ε + ε/K)/(ε/K)). With ε = 0 the
# denominator is 0, so there is no minimum: each step lowers the loss by widening the gap.
#
# ## 6 · Is it as sure as it should be?
#
# A network's **confidence** (확신도) is the probability that it gives to the class it chooses. When it is 90 %, the network should be correct nine times in ten. How well confidence and
# accuracy agree is called **calibration** (보정). Train a small AlexNet on few images (in the quick run 50 digits). It learns them in seconds, and has neither normalization nor dropout.

# %%
few = data.take(FEW)


def trained(amount, seed, dropout=0.0):
    torch.manual_seed(seed)
    channels, side, _ = few.image_shape
    options = {"channels": channels, "input_size": side, "norm": False, "dropout": dropout}
    net = models.small.alexnet(few.num_classes, width=8, **options)

    def objective(net, images, labels):
        logits = net(images)
        return smoothed_loss(logits, labels, amount if net.training else 0.0), logits

    optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
    options = {"batch_size": BATCH, "objective": objective, "seed": seed}
    training.fit(net, few, optimizer, EPOCHS, **options)
    return net


# %% [markdown]
# Sort the test predictions into ten bins by their confidence. Each dot is one bin of one seed; a larger dot holds more predictions. On the dashed line confidence equals
# accuracy. The **calibration error** is the mean vertical distance from it, weighted by the predictions in each bin (Guo et al., 2017).

# %% tags=["measured"]
hard = [calibration.predictions(trained(0.0, seed), few) for seed in SEEDS]
smooth = [calibration.predictions(trained(0.1, seed), few) for seed in SEEDS]
kinds = {"hard labels": hard, "smoothed, ε = 0.1": smooth}
found_by = {
    name: [calibration.calibration(*one) for one in nets] for name, nets in kinds.items()
}
_ = pictures.reliability(found_by)

# %%
accuracies = [100 * calibration.mean(some, "overall_accuracy") for some in found_by.values()]
surplus = [100 * calibration.mean(some, "overconfidence") for some in found_by.values()]
teaching.claim(
    "Hard labels: accuracy ≈ {a:.0f} %, mean confidence ≈ {b:.0f} %. Smoothed: accuracy ≈ {c:.0f} %, mean confidence ≈ {d:.0f} %.",
    surplus[0] > 5 and surplus[1] < surplus[0] - 10,
    a=accuracies[0],
    b=accuracies[0] + surplus[0],
    c=accuracies[1],
    d=accuracies[1] + surplus[1],
)

# %% [markdown]
# With 50 digits two things changed: mean confidence fell by about 20 points, and accuracy rose by about 10. Both move the network from too sure to not sure enough. Why accuracy rose this much we
# did not test.
#
# And with more images? **Loaded, not trained here**: the same network with 50 and 960 digits, 60 epochs each, four seeds (the quick run above has three).

# %%
guess_calibrated = teaching.predict(ask.predictions["calibrated"])
guess_calibrated

# %%
runs = published.read("label_smoothing")
wrong_by = calibration.error_by_setting(runs)
change = float(wrong_by[960, 0.1] - wrong_by[960, 0.0])
found = ask.predictions["calibrated"].option((change > -2) + (change > 2))
seeds_by = calibration.errors_of_seeds(runs)
guess_calibrated.reveal(found, pictures.calibration_by_amount(seeds_by))

# %%
better = calibration.accuracy_by_setting(runs)
teaching.claim(
    "From ε = 0 to 0.1. 50 images: the calibration error falls from {a:.1f} to {b:.1f} %, accuracy rises from {c:.1f} to {d:.1f} %. 960 images: the error rises from {e:.1f} to {f:.1f} %, accuracy from {g:.1f} to {h:.1f} %.",
    wrong_by[50, 0.1] < wrong_by[50, 0.0] - 5 and wrong_by[960].is_monotonic_increasing,
    a=wrong_by[50, 0.0],
    b=wrong_by[50, 0.1],
    c=better[50, 0.0],
    d=better[50, 0.1],
    e=wrong_by[960, 0.0],
    f=wrong_by[960, 0.1],
    g=better[960, 0.0],
    h=better[960, 0.1],
)

# %% [markdown]
# With 50 images the error is smallest at ε = 0.02 to 0.05. With 960 every amount makes it worse. Whether less confidence
# is better depends on how sure the network was. ➤ Explore the runs:

# %%
explorers.smoothing()

# %%
ask.exercises["error"]


# %%
def calibration_error(confidence, right):
    return ...  # your code


ask.exercises["error"].check(calibration_error)

# %% [markdown]
# **Debugging: a report that blames the labels.** A colleague trains with smoothed labels and dropout, and writes: “The loss is high, the confidence almost zero. Smoothing does not work.”


# %%
def reported(net, images, labels):
    logits = net(images)
    loss = nn.functional.cross_entropy(logits, labels, label_smoothing=0.1).item()
    confidence, chosen = logits.softmax(0).max(1)
    return loss, (chosen == labels).float().mean().item(), confidence.mean().item()


suspect = trained(0.1, 0, dropout=0.5).train()
torch.manual_seed(0)
loss, correct, sure = reported(suspect, few.test.images[:300], few.test.labels[:300])
print(f"loss ≈ {loss:.2f}, accuracy ≈ {correct:.2f}, confidence ≈ {sure:.2f}")

# %%
ask.exercises["report"]


# %%
def report(net, images, labels):
    return ...  # your code


# after a ✅ remove the # here: what are the true numbers?
# print(report(suspect, few.test.images[:300], few.test.labels[:300]))
ask.exercises["report"].check(report)

# %% [markdown]
# ## 7 · What is the auxiliary classifier for?
#
# GoogLeNet has two **auxiliary classifiers** (보조 분류기, lesson 05), or heads, meant to bring useful gradients to lower layers. Inception-v3 keeps one, after its last module at 17 × 17. Its
# authors argue that it acts as a **regularizer** (규제): something that keeps a network from learning its training images by heart.
#
# <details><summary>Their evidence</summary>
#
# The authors found no faster training early, and “a slightly higher plateau” near the end. Removing GoogLeNet's lower head “did not have any adverse effect”. For the regularizer they argue that the main
# classifier is better when the head has batch normalization or dropout. How much *having* a head brings, the paper does not say: the 0.4 points of Table 3 are for normalizing it.
#
# </details>
#
# What does having one bring? **Loaded, not trained here**: a small Inception with batch normalization, 100 digits, with and without a
# head, equal initial weights, eight seeds. About 80 updates are a very short training. The paper saw a difference only near the end of a long one. So even a clear result would not confirm or refute it.

# %%
heads = published.read("auxiliary_regularizer")
test = 100 * heads.pivot(index="seed", columns="head", values="test_accuracy")
gains = (test[True] - test[False]).round(2).tolist()
_ = pictures.gains_of_seeds(gains)
teaching.claim(
    "Mean accuracy without a head {a:.1f} %, with one {b:.1f} %. {wins} of 8 seeds are better with it.",
    0 < sum(gain > 0 for gain in gains) < 8,
    a=test[False].mean(),
    b=test[True].mean(),
    wins=sum(gain > 0 for gain in gains),
)

# %%
guess_head = teaching.predict(ask.predictions["head"])
guess_head

# %%
means = calibration.means_of_all_signs(gains)
as_far = sum(abs(value) >= abs(sum(gains) / 8) - 1e-9 for value in means)
found = ask.predictions["head"].option((as_far >= 13) + (as_far > 128))
guess_head.reveal(found, pictures.sign_flips(gains, means))

# %%
training_loss = heads.groupby("head")["train_loss"].mean()
teaching.claim(
    "{as_far} of 256 coin-flip results are as far from 0: p = {p:.2f}. Training loss {c:.2f} without a head, {d:.2f} with one.",
    as_far / 256 > 0.05,
    as_far=as_far,
    p=as_far / 256,
    c=training_loss[False],
    d=training_loss[True],
)

# %% [markdown]
# This is a **sign-flip test**: how often does chance alone look as good? A large p is no proof that there is no effect. A regularizer should make the
# training loss *higher*. Here it is lower on average.
#
# <details><summary>➤ How many seeds would convince you?</summary>
#
# It depends on how much the gains vary, which here is far more than their mean. If both stay as they are: with 20 seeds p would be just below 0.05, and only about every second such experiment would get
# there. For four in five you need about 35. And that trusts a mean from eight seeds, which may be luck. Decide the number *before* you look: whoever adds seeds until the result is significant finds
# something sooner or later.
#
# </details>
#
# ## 8 · Project: a trained network at half the price
#
# Take a trained network, `models.small.zfnet(weights="cifar10")`. Cut its layers with `factorize`, train it further for a few epochs,
# and draw its accuracy against its multiply-adds (`complexity.profile(net, (3, 32, 32))`). How cheap can it get within two points of the original?
#
# <details><summary>Without CIFAR-10, and the rubric</summary>
#
# This needs CIFAR-10, as a class run does. Without it, train a network with 7 × 7 kernels on digits, and cut that.
#
# | criterion | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | price | not counted | multiply-adds of the whole network | also: measured time, and why it differs |
# | curve | one network | five or more, cut differently | also: before and after further training |
# | choice | by test accuracy | by validation accuracy | also: other seeds confirm it |
# | control | none | a small network trained from the start | of equal price, with as many epochs in all |
# | honest reporting | “best” | result with its conditions | also: what did not help |
#
# </details>
#
# ## 9 · Quiz

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
# | | |
# |---|---|
# | **smaller kernels** (더 작은 conv layer) | 1 × n and n × 1 save 33 % of an n × n for n = 3, 71 % for n = 7 |
# | **factorization** (분해) | one layer loses half a point with 30 % of its weights (71.1 → 70.6 %, one network, nothing retrained) |
# | **grid size reduction** (그리드 크기 축소) | pooling first is blind to the order within each square (정보를 잃음); convolving first costs 8 times as much as side by side (계산량), half of the channels each (반씩) |
# | **Inception-v3** | your 23,834,568 parameters, 299 → 8 |
# | **label smoothing** (레이블 스무딩) | for ε = 0.1 the gap of ten logits stops at 4.51 |
# | **calibration** (보정) | ε = 0.1: better with 50 digits, worse with 960 (four seeds) |
# | **auxiliary classifier** (보조 분류기) | eight pairs of small networks, trained briefly, cannot tell |
#
# **Where to go next.** [08 Inception-v4](08_inception_v4.ipynb): does Inception need shortcuts?
# [09 Complexity](09_complexity.ipynb): what is all this work in seconds? The map: [00 Start here](00_start_here.ipynb).
