# %% [markdown]
# # 07 · Inception-v2 and v3: the same view for less work
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({{colab}})
#
# **In this notebook you take convolutions apart, measure what that loses, and build a network of 48 layers from the pieces.** Paper: Szegedy, Vanhoucke,
# Ioffe, Shlens, Wojna, *Rethinking the Inception Architecture for Computer Vision*, CVPR 2016.
#
# Afterwards you can
# * split a convolution into smaller ones, say what that saves, and measure what it loses;
# * halve a feature map at little cost and without a bottleneck;
# * build Inception-v3, and say what each step toward it brought;
# * smooth labels, and find out whether a network is too sure of itself.
#
# | | |
# |---|---|
# | **15 minutes** | run everything, then read and do the cells marked ➤ |
# | **75 minutes** | the lecture: all sections but the exercises and the project |
# | **three hours** | all of it, without the project |
# | `quick` run (default) | digits, stripes and photographs, any laptop, no internet, about half a minute of computing |
# | `class` run | section 6 on 500 CIFAR-10 photographs (170 MB to download) |
# | `paper` run | section 6 on 2,000 of them, more epochs and seeds; better with a GPU |

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
# This is Inception-v3, a successor of GoogLeNet (lesson 05). Each block is a stage. Its width is the side of the feature map (on a log scale), its height the number of channels; the
# number on top is its multiply-adds. On ImageNet GoogLeNet has a top-1 error of 29.0 %, Inception-v3 21.2 %. It needs 5.7 G multiply-adds,
# about a third of VGG-16's 15.5 G. Where does it save?
#
# What you may want to change is in the next cell. For another run, write `lecture8.start("class", class_run="170 MB of CIFAR-10")` above.

# %%
SEEDS = run.choose(quick=(0, 1, 2), class_=(0, 1), paper=(0, 1, 2, 3, 4))
FEW = run.choose(quick=50, class_=500, paper=2_000)  # training images of section 6
EPOCHS = run.choose(quick=60, class_=60, paper=200)  # of section 6
BATCH = run.choose(quick=32, class_=64, paper=64)
data = datasets.digits(size=16) if run.mode == "quick" else datasets.cifar10()
photos = datasets.animals()
data

# %% [markdown]
# ## 1 · Large kernels in pieces
#
# A 5 × 5 convolution costs 25/9 = 2.8 times as much as a 3 × 3. Lesson 04 showed that two 3 × 3 see as much as one 5 × 5. Can you go
# further? A 1 × 7 sees seven pixels in a row, and a 7 × 1 after it sees seven such rows: together 7 × 7.
# A convolution with such a kernel is called **asymmetric** (비대칭 합성곱). Replacing a large kernel by smaller ones, one after the other, is **factorization** (분해).

# %%
guess_cost = teaching.predict(ask.predictions["cost"])
guess_cost

# %% [markdown]
# Build it, from PyTorch's own layers. All networks of this lesson are made of `conv`: a convolution, batch normalization (lesson 05), ReLU.

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
found = ask.option("cost", (share > 1 / 3) + (share > 0.55))
groups = [  # the first of each group counts as 100 %
    {"7 × 7": conv(8, 8, 7), "1 × 7, 7 × 1": pair(8, 8, (1, 7))},
    {"5 × 5": conv(8, 8, 5), "3 × 3 twice": nn.Sequential(conv(8, 8, 3), conv(8, 8, 3))},
    {"3 × 3": conv(8, 8, 3), "1 × 3, 3 × 1": pair(8, 8, (1, 3))},
]
guess_cost.reveal(found, pictures.kernels(groups))

# %% [markdown]
# Each square is one weight for each pair of an input and an output channel. n² weights become 2n: the larger the kernel, the more you save.
#
# **Where does it pay?** The authors found that this factorization “does not work well on early layers, but it gives very good results on
# medium grid-sizes”, feature maps 12 to 20 pixels wide. There Inception-v3 has modules with 7 × 7 kernels, all in pieces. `Branches` runs its parts on the same
# input and stacks their outputs, as in lesson 05.

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

# %%
one_b = module_b(768, 128)
cost_b = complexity.profile(one_b, (768, 17, 17))
_ = plots.diagrams.diagram(one_b, cost_b, title="Your module at 17 × 17")


# %% [markdown]
# The dark part of a box is its share of the most expensive box's work. ➤ What would the module cost with whole 7 × 7 kernels?

# %%
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
# decomposition** (SVD, 특잇값 분해) finds them all, the strongest first. Pair i is column i of `left`, times number i of `values`, times row i of `right`.

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
found = ask.option("rank", (one > 0.7) + (one > 0.99))
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
# What are the kernels of a trained network like? Upper row: the 7 × 7 kernels with the most energy in a small ZFNet (lesson 03), after 12 epochs on CIFAR-10.
# Lower row: those of the same layer with random initial weights.

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
found = ask.option("learned", (mean_needed >= 2) + (mean_needed > 3) + (mean_needed > 4))
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
# A 7 × 7 has 49 weights, three pairs have 42, four have 56. So cutting these kernels one by one hardly pays. ➤ Try it, pair by pair:

# %%
explorers.kernel()

# %% [markdown]
# ### Cut a trained layer
#
# What does the *network* lose? Take its second layer, 5 × 5 from 32 to 64 channels, and replace each kernel by its best pairs. Nothing is trained further.
# **Loaded, not measured here**: accuracy on 10,000 test images, one network.

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
# In a network there are many channels between the column and the row, not one. So there is another way to cut: the whole layer at once.

# %%
guess_layer = teaching.predict(ask.predictions["layer"])
guess_layer

# %%
by_layer = at["conv2", "layer"]
found = ask.option(
    "layer", int(by_layer[32] > by_kernel[1]) + int(by_layer[32] > by_kernel[5] - 1)
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
# All kernels of the layer share the 32 columns. So a pair with many channels between is far more than one column times one row.
# Inception-v3's pairs have 128 and more, and a ReLU. And they approximate nothing: they are *trained* as pairs.
#
# <details><summary>➤ One pair for each kernel costs a trained layer 4 points. Inception-v3 uses one pair everywhere at 17 × 17. Is that a contradiction?</summary>
#
# No. We cut after training, kernel by kernel. With 32 channels between, the same layer loses half a point. What a trained pair loses could be measured by training the network
# with whole kernels. (The authors tried two 3 × 3 without the ReLU between: 76.2 instead of 77.2 % accuracy.)
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
# Every network must shrink its feature maps. This is **grid size reduction** (그리드 크기 축소). The channels usually double to make up for it. In which order? If you pool first,
# information is lost. If you convolve first, it is expensive. The paper does both side by side.


# %%
def pool_first(c):
    return nn.Sequential(nn.MaxPool2d(2), conv(c, 2 * c, 3, padding=1))


def conv_first(c):
    return nn.Sequential(conv(c, 2 * c, 3, padding=1), nn.MaxPool2d(2))


# %%
ask.builds["side_by_side"]


# %%
def side_by_side(c):
    return Branches(
        conv=...,
        pool=...,
    )


side_by_side = ask.builds["side_by_side"].use(side_by_side)

# %%
ways = {
    "pool, then convolve": pool_first,
    "convolve, then pool": conv_first,
    "side by side": side_by_side,
}
built = {name: way(64) for name, way in ways.items()}
costs = {name: complexity.profile(way, (64, 16, 16)) for name, way in built.items()}
_ = pictures.reductions({name: (built[name], costs[name]) for name in ways})
work = [cost.macs for cost in costs.values()]
teaching.claim(
    "All three output {channels} × {side} × {side}. Side by side is the cheapest: pooling first costs {a:.0f} times as much, convolving first {b:.0f} times.",
    {cost.output_size for cost in costs.values()} == {(128, 8, 8)},
    channels=128,
    side=8,
    a=work[0] / work[2],
    b=work[1] / work[2],
)

# %% [markdown]
# Half of the output channels come from the convolution, half from pooling. Each branch sees *all* channels of the input. When
# pooling comes first, everything must pass through 64 × 8 × 8 values, a quarter of the input: a **representational bottleneck** (표현 병목).
# ➤ Is something really lost there? Here is a test without training.

# %%
guess_shuffle = teaching.predict(ask.predictions["shuffle"])
guess_shuffle


# %%
def shuffle_squares(images, generator):
    """The four pixels of every 2 × 2 square in another order: N × C × H × W, H and W even."""
    squares = nn.functional.pixel_unshuffle(images, 2)  # N × 4C × H/2 × W/2
    squares = squares.unflatten(1, (-1, 4))
    order = torch.rand(squares.shape, generator=generator).argsort(2)
    return nn.functional.pixel_shuffle(squares.gather(2, order).flatten(1, 2), 2)


flower = datasets.sample_photos()["flower"][None, :, ::2, ::2].float()[..., :200, :320] / 255
shuffled = shuffle_squares(flower, torch.Generator().manual_seed(0))
detail = [image[0, :, 40:140, 90:190] for image in (flower, shuffled)]
_ = plots.images(detail, ["the photograph", "each 2 × 2 shuffled"], columns=2, size=3)

# %%
differences = {}
for name, way in ways.items():
    torch.manual_seed(0)
    reduction = way(3).eval()
    with torch.no_grad():
        differences[name] = (reduction(flower) - reduction(shuffled)).abs()
largest = {name: values.max().item() for name, values in differences.items()}
blind = [name for name in ways if largest[name] == 0]
found = blind[0] if blind else "none of them"
guess_shuffle.reveal(found, pictures.differences(differences))

# %% [markdown]
# The order of those pixels is lost, for any weights. Does a network miss it when it has to *learn*? Take fine and coarse stripes
# in six directions. The layer before the reduction is a 1 × 1 convolution, which cannot look around.

# %%
textures = datasets.textures(size=16, per_class=50)
_ = plots.images(textures.test.images[:12], textures.classes, columns=6, size=1.2)


# %% tags=["measured"]
def accuracy_with(reduction, kernel, seed):
    torch.manual_seed(seed)
    body = conv(1, 8, kernel, padding=kernel // 2), reduction(8), conv(16, 32, 3, padding=1)
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, textures.num_classes)
    net = models.layers.he_init(nn.Sequential(*body, *head))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
    training.fit(net, textures, optimizer, 10, batch_size=32, seed=seed)
    return 100 * training.evaluate(net, textures).accuracy


accuracy = {name: [accuracy_with(way, 1, seed) for seed in SEEDS] for name, way in ways.items()}
looked = "3 × 3, then pool, then convolve"
accuracy[looked] = [accuracy_with(pool_first, 3, seed) for seed in SEEDS]
_ = plots.bars(accuracy, xlabel="test accuracy on stripes, % (dots: seeds)")
mean = [sum(values) / len(values) for values in accuracy.values()]
teaching.claim(
    "Pooling first ≈ {a:.0f} %, convolving first ≈ {b:.0f} %, side by side ≈ {c:.0f} %. Pooling first after a 3 × 3: ≈ {d:.0f} %.",
    mean[0] < min(mean[1:]) - 2,
    **dict(zip("abcd", mean)),
)

# %% [markdown]
# Pooling first is the worst. Side by side, the cheapest, does better. With a 3 × 3 before the pooling nothing is missing.
# So the bottleneck hurts where single pixels still hold the information, which is early. This fits the paper's first principle,
# “avoid representational bottlenecks, especially early in the network”.
#
# <details><summary>➤ Pooling first loses the order of the pixels for any weights. Why does it lose nothing here after a 3 × 3?</summary>
#
# The channels of the 3 × 3 say *which* stripes there are, and a maximum over four places keeps that. What is lost is where in the square they were, which this task does not ask.
# A task that asks for it could give another result.
#
# </details>
#
# **Change the experiment, and defend your result.** Replace max pooling by average pooling in all three reductions. Is pooling first still blind to the shuffled pixels? Does
# it still lose on stripes? Write down what you expect, then run this section again. Write three sentences: what you measured (all
# seeds), what it shows, what it does not show.

# %%
ask.exercises["work"]

# %%
my_work = ...
ask.exercises["work"].check(my_work)

# %% [markdown]
# ## 4 · The whole network
#
# Now you have the pieces. Modules A, B and C work at 35 × 35, 17 × 17 and 8 × 8. Those that you have not written come from the library: `reduction_a` is your `side_by_side`
# with one more branch.
#
# | module | outputs |
# |---|---|
# | `stem()` | 192 channels of 35 × 35, from an image of 299 × 299 |
# | `inception_a(c_in, pool)` three times, `pool` 32, 64, 64 | 224 + `pool` channels |
# | `reduction_a(c_in)` | `c_in` + 480 channels of 17 × 17 |
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
# <details><summary>For the curious: the paper says 42 layers and 4.8 G. And which network is “Inception-v2”?</summary>
#
# The network of the paper's Table 1 is not the network of Google's code, and the published weights belong to the code. The code has a 1 × 1 convolution and a second pooling layer in
# the stem, four modules and a reduction at 17 × 17 where the table has five modules, and keeps a 5 × 5 in its modules at 35 × 35. When you cite a network, cite the
# code that you ran.
#
# | | BN paper, 2/2015 | v3 paper, 12/2015 | v4 paper, 2/2016 | Google's code |
# |---|---|---|---|---|
# | GoogLeNet | GoogLeNet | GoogLeNet | Inception-v1 | inception_v1 |
# | two 3 × 3 for each 5 × 5, batch normalization | BN-Baseline, BN-Inception | BN-Inception | **Inception-v2** | **inception_v2** |
# | Table 1 of the v3 paper | – | **Inception-v2** | – | – |
# | the same with four more changes | – | Inception-v3 | Inception-v3 | inception_v3 |
#
# So two networks are called v2. BN-Inception has 11,188,288 parameters in the library. Its paper says 13.6 million, which does not follow from its table: the channels of modules 4c and 4d add up to
# 608, and 576 are printed. Either way the count stays below 11.3 million. It says that replacing each 5 × 5 by two 3 × 3 increases the depth “by 9 weight layers”.
#
# </details>
#
# ### What brought how much?
#
# The paper's Table 3 goes from GoogLeNet to Inception-v3, from Inception-v2 on one change at a time, with one network and one crop each. *RMSProp* is an optimizer that divides each
# step by the usual size of the gradient, as Adam does (lesson 02).

# %%
guess_step = teaching.predict(ask.predictions["step"])
guess_step

# %%
table3 = published.read("inception_v3_table3")  # read in a secondary source
errors = table3.set_index("network")["top1"]
gained = -errors["Inception-v2":].diff()[1:].round(1)
found = ask.option("step", list(gained).index(max(gained)))
guess_step.reveal(found, pictures.table3(table3))

# %% [markdown]
# *BN-auxiliary*: the fully connected layer of the auxiliary classifier (section 7) gets batch normalization. Each number is one network, so small differences may be luck.
#
# ### Ten photographs
#
# ➤ What does such a network say about photographs? The published weights fit the network you built: set `DOWNLOAD` below to `True` (needs internet). A small relative comes with the course: six inception modules,
# trained on CIFAR-10's ten classes, 79.5 % accuracy on its test images. It sees each photograph as you see it here, at 32 × 32 pixels.

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
# These photographs are unlike its training images. Mistakes are to be expected. But why is it so *sure*?
#
# ## 5 · Labels that ask for less
#
# Cross-entropy wants the correct class to have probability 1. No finite logits give that. **Label smoothing** (레이블 스무딩) asks for a little less. A share ε of each label is
# spread over all K classes. The correct class should get 1 − ε + ε/K, every other class ε/K. The paper uses ε = 0.1.

# %%
ask.builds["smoothed_loss"]


# %%
def smoothed_loss(logits, labels, amount):
    classes = logits.shape[1]
    targets = torch.full_like(logits, ...)
    targets[range(len(labels)), labels] += ...
    return ...


smoothed_loss = ask.builds["smoothed_loss"].use(smoothed_loss)

# %% [markdown]
# ➤ What does the loss do to the logits? Take ten free logits, one label and no network, and let Adam move the logits. Where do you expect the orange bar to stop?


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

# %%
ask.exercises["gap"]


# %%
def gap(amount, classes):
    return ...  # your code


ask.exercises["gap"].check(gap)

# %% [markdown]
# ## 6 · Is it as sure as it should be?
#
# A network's **confidence** (확신도) is the probability that it gives to the class it chooses. When it is 90 %, the network should be correct nine times in ten. How well confidence and
# accuracy agree is called **calibration** (보정). Train a small AlexNet without normalization and dropout on few images, with hard and with smoothed labels.

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
# accuracy. The **calibration error** is the mean distance from it (Guo et al., 2017).

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
# With hard labels the network is too sure. With smoothed labels its confidence is lower. Is that always better?
# **Loaded, not trained here**: the same network with 50 and with 960 digits, five amounts, four seeds.

# %%
guess_calibrated = teaching.predict(ask.predictions["calibrated"])
guess_calibrated

# %%
runs = published.read("label_smoothing")
wrong_by = calibration.error_by_setting(runs)
helps = [wrong_by[images, 0.1] < wrong_by[images, 0.0] for images in (50, 960)]
found = ask.option("calibrated", {(1, 1): 0, (1, 0): 1, (0, 1): 2, (0, 0): 3}[tuple(helps)])
lines = {f"{images} images": [wrong_by[images].tolist()] for images in (50, 960)}
words = {"xlabel": "ε, the share that is spread", "ylabel": "calibration error, %"}
guess_calibrated.reveal(found, plots.lines(lines, wrong_by[50].index, **words))

# %%
better = calibration.accuracy_by_setting(runs)
teaching.claim(
    "50 images: the error falls from {a:.1f} to {b:.1f} % at ε = 0.02, and is {c:.1f} % at 0.1; accuracy rises from {d:.1f} to {e:.1f} %. 960 images: the error rises from {f:.1f} to {g:.1f} %.",
    wrong_by[50].idxmin() == 0.02 and wrong_by[960].is_monotonic_increasing,
    a=wrong_by[50, 0.0],
    b=wrong_by[50, 0.02],
    c=wrong_by[50, 0.1],
    d=better[50, 0.0],
    e=better[50, 0.1],
    f=wrong_by[960, 0.0],
    g=wrong_by[960, 0.1],
)

# %% [markdown]
# Smoothing bounds the logits. Whether that improves the calibration depends on how sure the network was before. ➤ Explore the runs:

# %%
explorers.smoothing()

# %%
ask.exercises["error"]


# %%
def calibration_error(confidence, right):
    return ...  # your code


ask.exercises["error"].check(calibration_error)

# %% [markdown]
# **Debugging: a report that blames the labels.** A colleague trains with smoothed labels and dropout, and writes: “The loss is high, the confidence almost zero. Smoothing does not work.” Measure,
# then fix the report.


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
# GoogLeNet has two **auxiliary classifiers** (보조 분류기, lesson 05), or heads. The authors now found that they do not help early in training. Near its end, the network with heads reaches “a slightly higher plateau”.
# Removing the lower head “did not have any adverse effect”. Inception-v3 keeps one, after the last module at 17 × 17. The authors argue that it acts as a **regularizer** (규제):
# something that keeps a network from learning its training images by heart. How much a head brings, the paper does not say: the 0.4 points of Table 3 are for *normalizing* it.
#
# Can we see what having one brings? With few images a regularizer should matter. **Loaded, not trained here**: a small Inception with batch normalization, 100 digits, with and without a
# head, equal initial weights, eight seeds.

# %%
guess_head = teaching.predict(ask.predictions["head"])
guess_head

# %%
heads = published.read("auxiliary_regularizer")
test = 100 * heads.pivot(index="seed", columns="head", values="test_accuracy")
gains = (test[True] - test[False]).round(2).tolist()
means = calibration.means_of_all_signs(gains)
as_far = sum(abs(value) >= abs(sum(gains) / 8) - 1e-9 for value in means)
found = ask.option("head", (as_far >= 13) + (as_far > 128))
guess_head.reveal(found, pictures.sign_flips(gains, means))

# %%
training_loss = heads.groupby("head")["train_loss"].mean()
teaching.claim(
    "Without a head {a:.1f} %, with one {b:.1f} %. {as_far} of 256 choices of signs are as far from 0: p = {p:.2f}. Training loss {c:.2f} without, {d:.2f} with.",
    as_far / 256 > 0.05,
    a=test[False].mean(),
    b=test[True].mean(),
    as_far=as_far,
    p=as_far / 256,
    c=training_loss[False],
    d=training_loss[True],
)

# %% [markdown]
# This is a **sign-flip test**: how often does chance alone look as good? A large p is no proof that there is no effect. Eight pairs of small networks cannot show a point or
# two. One expects a regularizer to make the training images *harder* to fit. The training loss does not show that either.
#
# <details><summary>➤ How many seeds would convince you?</summary>
#
# It depends on how much the gains vary, which here is far more than their mean. If both stay as they are, about 20 seeds bring p below
# 0.05. Decide the number *before* you look: whoever adds seeds until the result is significant finds something sooner or later.
#
# </details>
#
# ## 8 · Project: a trained network at half the price
#
# In lesson 05 you worked within a budget. Now the network is given and trained: `models.small.zfnet(weights="cifar10")`. Cut its layers by SVD (`factorize`), train it further for a few epochs,
# and draw its accuracy against its multiply-adds (`complexity.profile(net, (3, 32, 32))`). How cheap can it get within two points of the original? (This needs CIFAR-10, as a class run does. Without it, train a network with 7 × 7 kernels on
# digits, and cut that.)
#
# | criterion | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | price | not counted | multiply-adds of the whole network | also: measured time, and why it differs |
# | curve | one network | five or more, cut differently | also: before and after further training |
# | choice | by test accuracy | by validation accuracy | also: other seeds confirm it |
# | control | none | a small network trained from the start | of equal price, with as many epochs in all |
# | honest reporting | “best” | result with its conditions | also: what did not help |
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
# | **smaller kernels** (더 작은 conv layer) | 1 × n and n × 1 save 33 % for n = 3 and 71 % for n = 7 |
# | **factorization** (분해) | one pair keeps 56 % of a learned 7 × 7 kernel, in one small network; a layer with 32 channels between keeps its accuracy with 30 % of the weights |
# | **grid size reduction** (그리드 크기 축소) | pooling first is blind to the order of pixels (정보를 잃음), convolving first costs 8 times as much as both side by side (계산량), which take half of the output channels each (반씩) |
# | **Inception-v3** | your 23,834,568 parameters, 299 → 8 |
# | **label smoothing** (레이블 스무딩) | the gap of ten logits stops at 4.51 |
# | **calibration** (보정) | better with 50 images, worse with 960 |
# | **auxiliary classifier** (보조 분류기) | eight pairs of small networks cannot tell |
#
# **Where to go next.** [08 Inception-v4](08_inception_v4.ipynb) asks whether Inception needs shortcuts, and
# [09 Complexity](09_complexity.ipynb) what all this work means in seconds. The map: [00 Start here](00_start_here.ipynb).
