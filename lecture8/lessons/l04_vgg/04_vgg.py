# %% [markdown]
# # 04 · VGG: how far do you get with 3 × 3 alone?
#
# {{badges}}
#
# **In this notebook you build VGG from one block and one table, measure what its units see, and test the reasons given for its
# success.** Paper: Simonyan, Zisserman, *Very Deep Convolutional Networks for Large-Scale Image Recognition*, ICLR 2015.
#
# Afterwards you can
# * work out what a unit of any chain of layers sees, and say what two 3 × 3 share with one 5 × 5;
# * write VGG from a column of its table, and tell parameters, compute and memory apart;
# * find out which of several changes helped, or say that an experiment cannot tell;
# * fix a deep network that does not learn.
#
# | | |
# |---|---|
# | **15 minutes** | run everything, then read and do the cells marked ➤ |
# | **75 minutes** | the lecture: all sections but the exercises and the project; section 4 and *16 or 19* are optional |
# | **three hours** | all of it, without the project |
# | `quick` run (default) | digits, letters and photographs, any laptop, no internet, about a minute of computing |
# | `class` run | section 6 on 5,000 CIFAR-10 photographs (170 MB to download) |
# | `paper` run | section 6 on all of them, wider networks, more seeds; a GPU for hours |

# %%
# {{install}}
import lecture8

run = lecture8.start(class_run="170 MB of CIFAR-10")

# %%
import pandas as pd
import torch
import torchvision
from torch import nn

from lecture8 import complexity, datasets, live, models, plots, published, teaching, training
from lecture8 import transfer
from lecture8.lessons.l04_vgg import counts, explorers, pictures
from lecture8.lessons.l04_vgg import questions as ask
from lecture8.lessons.l04_vgg.experiments import at_random_places, learned_letters

COLUMNS = {name: models.vgg.CONFIGURATIONS[name] for name in "ABCDE"}
_ = pictures.towers(COLUMNS, models.vgg.WIDTHS)

# %% [markdown]
# Five networks, and no kernel larger than 3 × 3. Each bar is a convolution, as wide as its feature map, and the higher, the more
# channels it has. In the ImageNet challenge of 2014 seven such networks, averaged, had 7.3 % top-5 error (lesson 00): second
# in classification to GoogLeNet (6.7 %), first in localization, which also asks where the object is.
#
# What you may want to change is in the next cell. For another run, write `lecture8.start("class", class_run="170 MB of CIFAR-10")` above.

# %%
SEEDS = run.choose(quick=(0, 1, 2), class_=(0, 1), paper=(0, 1, 2, 3, 4))
WIDTHS = run.choose(quick=(8, 16), class_=(12, 24, 48), paper=(64, 128, 256))  # one per block
EPOCHS = run.choose(quick=10, class_=8, paper=30)
RATE, BATCH = run.choose(quick=(0.01, 32), class_=(0.003, 64), paper=(0.001, 128))
if run.mode == "quick":
    data = datasets.digits(size=16)
else:
    photographs = datasets.cifar10()
    data = run.choose(quick=None, class_=photographs.take(5_000), paper=photographs)
data

# %% [markdown]
# ## 1 · One block, again and again
#
# AlexNet (lesson 02) has kernels of 11, 5 and 3 pixels, and a decision for every layer. VGG makes one decision: a *block* of 3 × 3
# convolutions, each followed by ReLU, then max pooling. The convolutions have stride 1 and padding 1, which keeps the size (a 1 × 1 kernel needs no padding);
# the pooling layer has 2 × 2 windows and stride 2, which halves it. The rest is repetition.

# %%
ask.builds["vgg_block"]


# %%
def vgg_block(c_in, c_out, kernels):
    layers = []
    for kernel in kernels:
        layers += [...]  # a convolution that keeps the size, then ReLU
        c_in = ...  # what the next convolution sees
    layers.append(...)  # 2 × 2 max pooling
    return nn.Sequential(*layers)


vgg_block = ask.builds["vgg_block"].use(vgg_block)

# %% [markdown]
# A network is a column of the paper's Table 1: five blocks, and the kernel sizes in each. Three **fully connected layers** (완전 연결층, FC)
# follow, as in AlexNet: fc6, fc7 and fc8.

# %%
pd.DataFrame(
    COLUMNS, index=[f"block {n}: {w} channels" for n, w in enumerate(models.vgg.WIDTHS, 1)]
)

# %%
ask.builds["vgg"]


# %%
def vgg(
    column, num_classes, side=224, widths=(64, 128, 256, 512, 512), hidden=4096, channels=3
):
    blocks = []
    for kernels, width in zip(column, widths):
        blocks.append(...)
        channels, side = ..., ...  # after this block
    return nn.Sequential(
        *blocks,
        nn.Flatten(),
        *(nn.Linear(..., hidden), nn.ReLU(), nn.Dropout(0.5)),  # fc6
        *(nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.5)),  # fc7
        nn.Linear(hidden, num_classes),  # fc8
    )


vgg = ask.builds["vgg"].use(vgg)

# %%
# on the device "meta" PyTorch knows the shapes and stores no numbers: 144 million parameters take no time
with torch.device("meta"):
    costs = {name: complexity.profile(vgg(column, 1000)) for name, column in COLUMNS.items()}
millions = {name: round(cost.params / 1e6) for name, cost in costs.items()}
teaching.claim(
    "Parameters in millions, A to E: {found}. The paper prints 133, 133, 134, 138, 144.",
    list(millions.values()) == [133, 133, 134, 138, 144],
    found=", ".join(map(str, millions.values())),
)

# %% [markdown]
# ➤ What do such blocks make of a photograph? This small network of three blocks has learned ten classes of CIFAR-10, and classifies 81.8 %
# of the test images correctly. Bright means that a channel responds.

# %% tags=["measured"]
small = models.small.vgg(weights="cifar10").eval()
macaw = datasets.animals()["macaw"] / 255
_ = pictures.through_blocks(small, transfer.normalize(macaw[None], like="cifar10"), macaw)
with torch.no_grad():
    side = small.features(torch.zeros(1, 3, 256, 256)).shape[-1]
teaching.claim("Each block halves the side: 256, 128, 64, {side}.", side == 32, side=side)

# %% [markdown]
# ## 2 · What does one unit see?
#
# With kernels of 3 × 3, does the network look at the world through a keyhole? A *unit*, one value of a feature map, sees a pixel if
# there is a gradient. Set all weights to 1, and backpropagate from one unit to the image: the
# gradient at a pixel counts the paths from it to the unit. Along a row, two kernels of 3 give 1, 2, 3, 2, 1.
#
# ➤ First, three convolutions in a row, then the counts. On how many pixels does a value of layer 3 depend? And with stride 2 in every layer?


# %%
def what_it_sees(kernels, side=9):
    layers = [nn.Conv2d(1, 1, k, padding=k // 2, bias=False) for k in kernels]
    for layer in layers:
        nn.init.ones_(layer.weight)
    image = torch.zeros(1, 1, side, side, requires_grad=True)
    nn.Sequential(*layers)(image)[0, 0, side // 2, side // 2].backward()
    return image.grad[0, 0]


stacks = {"two 3 × 3": [3, 3], "one 5 × 5": [5], "three 3 × 3": [3, 3, 3], "one 7 × 7": [7]}
_ = pictures.squares({name: what_it_sees(kernels) for name, kernels in stacks.items()})
three = (datasets.digits(size=16).train.pixels[3, 0] / 255 * 9).round()
start = {"place": [4, 4], "kernels": ["blur"], "controls": ["stride"]}
touched = {"image": three, "layers": 3} | start
live.show("convolution", touched, pictures.cone(three, layers=3, row=4, column=4))

# %% [markdown]
# The square is the **receptive field** (수용 영역). Two 3 × 3 see as much as one 5 × 5, three as much as one 7 × 7 (with stride 2 in each: 15 × 15). But in the stack of three, 49 paths
# start from the middle pixel and one from each corner. (All weights are 1 here. In a trained network often only the middle
# matters: the **effective receptive field** (유효 수용 영역), Luo et al., 2016.)
#
# Now for any chain of layers. `step` is how far apart two neighbors of a feature map are, in pixels of the image.
#
# <details><summary>An example</summary>
#
# 3 × 3 convolution, 2 × 2 pooling, 3 × 3 convolution: the side grows 1 → 3 → 4 → 8. Before the pooling the step is 1, after it 2, so the last kernel reaches
# 2 · 2 pixels further.
#
# </details>

# %%
ask.builds["field"]


# %%
def field(layers):
    side, step = 1, 1  # what one unit sees; how far apart neighbors are, in pixels
    for kernel, stride in layers:
        side = ...
        step = ...
    return side


field = ask.builds["field"].use(field)

# %%
guess_field = teaching.predict(ask.predictions["field"])
guess_field

# %% tags=["measured"]
owl = datasets.animals(224)["owl"] / 255
chains = {f"block {n}": counts.layers_of(COLUMNS["D"][:n]) for n in range(1, 6)}
sides = [field(layers) for layers in chains.values()]
reach = sides[-1]
found = ask.predictions["field"].option((reach > 27) + (reach > 112) + (reach >= 224))
guess_field.reveal(found, pictures.lit(owl, chains, sides))

# %% [markdown]
# Brightness shows how many paths lead to the unit. ➤ Let a unit of your choice look, and compare A with E.

# %%
explorers.sees()

# %% [markdown]
# ## 3 · The same view. The same function?
#
# Two 3 × 3 see what one 5 × 5 sees. You may read that they have the same effect. Do they compute the same?
#
# First **without a ReLU** between. In one dimension: (1, 2, 1), then (-1, 0, 1). The second kernel adds three shifted copies of the first,
# times -1, 0 and 1. That is one kernel: (-1, -2, 0, 2, 1). Now with squares:

# %%
ask.builds["stamp"]


# %%
def stamp(first, second):
    merged = torch.zeros(5, 5, dtype=first.dtype)
    for row in range(3):
        for column in range(3):
            merged[row : row + 3, column : column + 3] += ...  # one copy, with its weight
    return merged


stamp = ask.builds["stamp"].use(stamp)
blur, edge = torch.tensor([[1, 2, 1.0]]), torch.tensor([[-1, 0, 1.0]])
first, second = blur.T @ blur, blur.T @ edge
_ = pictures.squares({"first": first, "second": second, "both in one": stamp(first, second)})

# %% [markdown]
# Without a ReLU two layers are one. Now **with a ReLU**, and 16 channels between the two. Which 5 × 5 kernel comes closest, and how close?

# %%
guess_same = teaching.predict(ask.predictions["same"])
guess_same

# %% [markdown]
# The best kernel can be found without training. Each output should be a weighted sum of the 3 · 25 = 75 values under the kernel, plus a bias. So this is
# a **least-squares** problem (최소제곱법): find the weights with the smallest squared error. The two layers have random weights; we fit
# on random pixels and test on others.


# %%
def windows(images):
    """Every 5 × 5 window as a row of its 75 values, and a 1 for the bias."""
    columns = nn.functional.unfold(images, 5)  # cuts out all windows: images × 75 × windows
    rows = columns.transpose(1, 2).flatten(0, 1)
    return torch.cat([rows, torch.ones(len(rows), 1, dtype=rows.dtype)], 1)


def best_5x5_misses(stack, fitted, tested):
    """The share of the output's variance that the best 5 × 5 kernel leaves unexplained; its errors."""
    # lstsq finds the weights for which windows · weights comes closest to the outputs
    kernel = torch.linalg.lstsq(windows(fitted), stack(fitted).flatten()[:, None]).solution
    output = stack(tested)
    errors = output - (windows(tested) @ kernel).view_as(output)
    return (errors.var() / output.var()).item(), output[0, 0], errors[0, 0]


def two_layers(seed, between):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(3, 16, 3), between, nn.Conv2d(16, 1, 3))
    return net.requires_grad_(False)


# %% tags=["measured"]
noise = torch.randn(2, 1, 3, 100, 100, generator=torch.Generator().manual_seed(0))
kinds = {"without ReLU": nn.Identity(), "with ReLU": nn.ReLU()}
shares = {
    name: [100 * best_5x5_misses(two_layers(seed, between), *noise)[0] for seed in (0, 1, 2)]
    for name, between in kinds.items()
}
# for the picture: fitted on nine photographs, tested on the tenth
photos = {
    name: nn.functional.avg_pool2d(transfer.normalize(photo[None] / 255), 3).double()
    for name, photo in datasets.animals().items()
}
tenth = photos.pop("macaw")
drawn = {}
for name, between in kinds.items():
    stack = two_layers(0, between).double()
    _, output, missed = best_5x5_misses(stack, torch.cat(list(photos.values())), tenth)
    drawn[name] = output, output - missed
least = min(shares["with ReLU"])
found = ask.predictions["same"].option((least > 0.1) + (least > 5))
guess_same.reveal(found, pictures.same_scale(drawn, ("two 3 × 3", "the best 5 × 5")))

# %%
teaching.claim(
    "Three random pairs with ReLU, random pixels: the best 5 × 5 misses ≈ {a:.0f}, ≈ {b:.0f} and ≈ {c:.0f} % of the variance; without the ReLU less than 0.001 %.",
    least > 5 and max(shares["without ReLU"]) < 0.001,
    **dict(zip("abc", shares["with ReLU"])),
)

# %% [markdown]
# ## 4 · What a stack costs
#
# With C channels in and out, a kernel of k × k has k²C² weights. Two of 3 × 3 have 18 C², one of 5 × 5 has 25 C². Three have 27 C²,
# one of 7 × 7 has 49 C², 81 % more. Each weight is used once per pixel, so the **compute** (연산량), the number of multiply-adds, grows alike.
#
# ➤ **Design a stack.** You want to see 13 × 13 with 256 channels. Which stack of equal kernels is the cheapest, and how much cheaper than one
# 13 × 13?
#
# <details><summary>The answer, and why not smaller still</summary>
#
# Six layers of 3 × 3: 54 C² instead of 169 C², 3.1 times cheaper, with six ReLUs. A 1 × 1 kernel has no neighbors: however many you
# stack, they see one pixel. 3 × 3 is the smallest kernel with a middle and a left, right, above and below. (1 × 1 is useful for
# other things: GoogLeNet, lesson 05, is built on it.)
#
# </details>

# %%
explorers.stack()

# %% [markdown]
# ## 5 · Where is it all?
#
# Small kernels, few weights. And yet VGG-16, configuration D, has 138 million parameters, more than twice as many as AlexNet. Training costs
# memory, too: the **activations** (활성값), the values that layers output, are kept until backpropagation has used them.

# %%
guess_where = teaching.predict(ask.predictions["where"])
guess_where

# %%
vgg16 = costs["D"]
table = counts.parts(vgg16)
part = {name: row["activations"] / vgg16.activations for name, row in table.items()}
early, late = part["block1"] + part["block2"], part["block4"] + part["block5"]
found = ask.predictions["where"].option(3 if early > 0.5 else 1 if late > 0.5 else 2)
guess_where.reveal(found, pictures.shares(vgg16))

# %%
connected = ("fc6", "fc7", "fc8")
params = sum(table[name]["params"] for name in connected) / vgg16.params
macs = sum(table[name]["macs"] for name in connected) / vgg16.macs
teaching.claim(
    "Fully connected: {params:.1%} of the parameters, {macs:.1%} of the compute. First two blocks: {early:.0%} of the {total:,} activations.",
    params > 0.89 and macs < 0.01 and early > 0.7,
    params=params,
    macs=macs,
    early=early,
    total=vgg16.activations,
)

# %% [markdown]
# *Parameters* are where 25,088 values meet 4,096 outputs, *compute* is in the middle, *activations* are at the beginning: 61 MB
# for one image at 4 bytes a number. In evaluation an input can be forgotten as soon as its output is there.
#
# <details><summary>What is counted? You may read of 24 million values, 96 MB</summary>
#
# We count the image and the outputs of convolutions, pooling and linear layers; a ReLU can overwrite its input (*in place*). The popular list with the total of 24 million counts the
# same, but its rows add up to 15.2 million values, 61 MB.
#
# </details>
#
# <details><summary>➤ From A to E, what grows most: parameters, compute or activations? Why do the parameters depend on the image's size?</summary>
#
# The compute: every new layer does about as much as its neighbors. The image's size matters through fc6 alone, which has a weight for every value of
# the last feature map.
#
# </details>

# %%
explorers.costs()

# %%
ask.exercises["fc6"]

# %%
my_count = ...
ask.exercises["fc6"].check(my_count)

# %%
ask.exercises["images"]

# %%
my_images = ...
ask.exercises["images"].check(my_images)

# %% [markdown]
# ## 6 · Why is it better? Two experiments and their controls
#
# ### Pairs or singles
#
# ➤ The authors replaced each pair of 3 × 3 in B by one 5 × 5. The **top-1 error**, the share of images whose top prediction is wrong, was 7 %
# higher (of B's error or in points: the paper does not say). The usual explanation is one more
# ReLU, so more **non-linearity** (비선형성). But the pair also has fewer weights, and one more layer to train. A third network can tell: pairs *without* the ReLU
# between, for now all with one learning rate. We compare the loss, which shows more than the error on 300 images.


# %%
def small_vgg(kernels, seed, between=True):
    torch.manual_seed(seed)
    blocks, channels = [], data.image_shape[0]
    for width in WIDTHS:
        block = vgg_block(channels, width, kernels)
        if not between:  # a layer that does nothing replaces the first ReLU
            first = next(n for n, part in block.named_modules() if isinstance(part, nn.ReLU))
            block.set_submodule(first, nn.Identity())
        blocks.append(block)
        channels = width
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, data.num_classes)
    return models.layers.he_init(nn.Sequential(*blocks, *head))


def train(kernels, seed, between=True):
    net = small_vgg(kernels, seed, between)
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    drop = torch.optim.lr_scheduler.MultiStepLR(optimizer, [EPOCHS * 2 // 3])
    kept = run.keep("04", WIDTHS, RATE, BATCH, EPOCHS, kernels, between, seed)
    options = {"batch_size": BATCH, "scheduler": drop, "seed": seed, "checkpoint": kept}
    training.fit(net, data, optimizer, EPOCHS, **options)
    return training.evaluate(net, data)


# %%
guess_pays = teaching.predict(ask.predictions["pays"])
guess_pays

# %% tags=["measured"]
kinds_of_net = {
    "pairs of 3 × 3": [[3, 3]],
    "single 5 × 5": [[5]],
    "pairs, no ReLU between": [[3, 3], False],
}
losses = {
    name: [train(kernels, seed, *between).loss for seed in SEEDS]
    for name, (kernels, *between) in kinds_of_net.items()
}
mean = {name: sum(values) / len(values) for name, values in losses.items()}
words = {"xlabel": "loss on new images (dots: seeds)", "form": "{:.2f}"}
guess_pays.reveal(ask.what_pays(mean), plots.bars(losses, colors=pictures.PAIR_COLORS, **words))

# %%
pairs, single, linear = mean.values()
teaching.claim(
    "Mean loss on new images: pairs ≈ {pairs:.2f}, single 5 × 5 ≈ {single:.2f}, pairs without the ReLU ≈ {linear:.2f}.",
    run.mode != "quick" or max(pairs, linear) < 0.9 * single,
    pairs=pairs,
    single=single,
    linear=linear,
)

# %% [markdown]
# On digits the pairs win on average, and without the ReLU, too. Yet away from the border such a pair computes nothing that a single 5 × 5 could
# not. What a network *can compute* is one thing, what training *finds* another.
#
# <details><summary>What else differs?</summary>
#
# At the border a pair pads zeros twice. Our initial weights are made for a ReLU after each convolution, and here one is missing. And with batch normalization, below,
# a pair has two normalizations, a single convolution one; and the pair without the ReLU was best at the largest rate tried, so a larger one may be better still.
#
# </details>
#
# **Loaded, not trained here**: more images (36 printed characters), 36 epochs, each kind at the best of
# four rates (chosen with two seeds), five other seeds; without and with **batch normalization** (lesson 02).

# %%
longer = counts.measuring(published.read("vgg_pairs"), "norm", "kind")
_ = pictures.pairs(longer)
by_kind = longer.groupby(["norm", "kind"])[["test_error", "train_error"]].mean().round(1)
plain, normed = (by_kind["test_error"][norm] for norm in (False, True))
fitted = by_kind["train_error"][False]
order = ["pairs", "pairs, no ReLU between", "single 5 × 5"]
teaching.claim(
    "Test error in %, pairs, pairs without the ReLU, singles: {plain}; with batch normalization {normed}. Training error without it: {fitted}.",
    normed[order].is_monotonic_increasing and plain[order[:2]].max() < plain[order[2]] / 2,
    fitted=", ".join(map(str, fitted[order])),
    plain=", ".join(map(str, plain[order])),
    normed=", ".join(map(str, normed[order])),
)

# %% [markdown]
# Pairs beat singles both times. Without batch normalization the singles do not even fit their training images: they are hard to train; this is no gap between old and new images. Leaving out the ReLU does no harm there. With batch normalization the ReLU lowers the error by almost half. “More non-linearity is better” needs its conditions.
#
# **Change the experiment, and defend your result.** Do the pairs still win on digits with a third block, or at another rate? Set
# `WIDTHS` to `(8, 16, 32)`, or `RATE` to 0.003 and `EPOCHS` to 20, and run this section again. First write down what you expect. Then write three sentences:
# what you measured (all seeds), what it shows, what it does not show.

# %%
ask.exercises["merge"]


# %%
def merge(first, second):
    return ...  # your code


ask.exercises["merge"].check(merge)

# %% [markdown]
# ### From C to D
#
# ➤ In the paper's Table 3, B has 28.7 % top-1 error, C 28.1 and D 27.0. The authors' reading: C adds non-linearity to B, since its third
# kernels are 1 × 1 and see no more; D adds receptive field. What else changed?

# %%
counts.middle()

# %% [markdown]
# From C to D the receptive field grows, and so do parameters and compute: the table cannot say which one helped. Two controls are missing:
# * “C, wider” has 1.3 times C's channels: about D's compute, C's receptive field.
# * “depthwise” has a **depthwise convolution**, one 3 × 3 for each channel alone, before the 1 × 1: D's receptive field, hardly more compute than C.
#
# **Loaded, not trained here**: small copies, printed characters; five seeds after 12 epochs, three after 36. One other seed chose the rates, for 12 epochs.

# %%
counts.miniatures()

# %%
thirds = counts.measuring(published.read("vgg_thirds"), "net")
_ = pictures.third_layers(thirds, 12)

# %%
guess_third = teaching.predict(ask.predictions["third"])
guess_third

# %%
after = thirds.groupby(["epochs", "net"])["test_error"].mean()
guess_third.reveal(ask.what_is_closer(after[36]), pictures.third_layers(thirds, 36))

# %%
short, long = after[12], after[36]
by_seed = thirds.pivot(index=["epochs", "seed"], columns="net", values="test_error")
first, last = by_seed.loc[12], by_seed.loc[36, "depthwise"]
worked = first.query("depthwise < 30")
names = ["C", "C, wider", "depthwise", "D"]
teaching.claim(
    "Test error in % of C, wider, depthwise, D: {short} after 12 epochs, {long} after 36. After 12 one depthwise network failed ({worst:.1f}); the other "
    "four: {a:.1f}, C with their seeds: {b:.1f}; medians of five: {c:.1f}, {d:.1f}. After 36 depthwise goes from {least:.1f} to {most:.1f}.",
    short["C, wider"] < short["C"] - 2
    and long["D"] < long[names[:3]].min() - 1
    and len(worked) == len(first) - 1,
    short=", ".join(f"{short[name]:.1f}" for name in names),
    long=", ".join(f"{long[name]:.1f}" for name in names),
    worst=first["depthwise"].max(),
    **dict(zip("ab", worked[["depthwise", "C"]].mean())),
    **dict(zip("cd", first[["depthwise", "C"]].median())),
    least=last.min(),
    most=last.max(),
)

# %% [markdown]
# After 12 epochs width looked like the reason; depthwise, apart from the failed network, was about as good as C. With more time C caught up: width made training
# faster, not the network better. With these three seeds neither control's mean is a point below C's, but depthwise goes from 3.6 to 7.2 %: the receptive field
# alone is not ruled out. D has both, and is ahead. Our controls do not separate the two; nor does the paper's table.

# %% [markdown]
# ## 7 · How deep?
#
# ### 16 or 19
#
# Are 19 layers better than 16? The paper has eight test results for both, from three trained networks of each.
#
# <details><summary>What the names in the picture mean</summary>
#
# *S* is the size of the training images' shorter side, *Q* that of the test images; “256-512” draws *S* anew for each image (**scale jittering**). “Multi-crop” averages 150 crops;
# in all other tests the network slides over the whole image (**dense**), and “both averaged” is both.
#
# </details>

# %%
guess_nineteen = teaching.predict(ask.predictions["nineteen"])
guess_nineteen

# %%
errors = published.read("vgg_errors")
compared = counts.protocols(errors).values()
better = int(sum(nineteen < sixteen for sixteen, nineteen in compared))
found = ask.predictions["nineteen"].option((better < 6) + (better < 3))
guess_nineteen.reveal(found, pictures.sixteen_or_nineteen(errors))

# %%
worse = sum(nineteen > sixteen for sixteen, nineteen in compared)
better5 = sum(e < d for d, e in counts.protocols(errors, "top5").values())
teaching.claim(
    "Of {all} test results, 19 layers are better in {better} and worse in {worse} by top-1 error; by top-5 error they are better in {better5}.",
    (len(compared), better, worse, better5) == (8, 1, 4, 3),
    all=len(compared),
    better=better,
    worse=worse,
    better5=better5,
)

# %% [markdown]
# “VGG-19 is slightly better”, as you may read, rests on 25.5 against 25.6 %. No difference exceeds 0.3 points, with one network of each kind and *S*. From A
# to D the error falls with every step (depth is only one of the things that change); from D to E it does not.
# Why, and what helps, is the story of [06 ResNet](06_resnet.ipynb).
#
# <details><summary>And normalization?</summary>
#
# Table 3 also has A with AlexNet's LRN: 29.7 %, without it 29.6 %. So VGG has no normalization.
#
# </details>

# %%
ask.exercises["dense"]


# %%
def as_convolution(linear, c_in):
    return ...  # your code


ask.exercises["dense"].check(as_convolution)

# %% [markdown]
# ### Initial weights
#
# AlexNet's five convolutions began with random weights of standard deviation 0.01. What happens in 13?
#
# <details><summary>How VGG was trained</summary>
#
# Almost as AlexNet: momentum 0.9, weight decay 5e-4, dropout 0.5 on fc6 and fc7, a learning rate of 0.01, divided by 10 when the validation
# error stops falling, batches of 256.
#
# </details>

# %%
guess_signal = teaching.predict(ask.predictions["signal"])
guess_signal


# %%
def signal(net, images):
    """The standard deviation of every convolution's output, from first to last."""
    found = []
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    # a hook is called after each forward pass of its layer, with (layer, inputs, output)
    hooks = [
        c.register_forward_hook(lambda *call: found.append(call[2].std().item()))
        for c in layers
    ]
    with torch.no_grad():
        net(images)
    for hook in hooks:
        hook.remove()
    return found


# %% tags=["measured"]
torch.manual_seed(0)
deep, noisy = vgg(COLUMNS["D"], 10, side=32, hidden=8), torch.randn(2, 3, 32, 32)
constant = {
    f"{std}": [signal(models.layers.gaussian_init(deep, std), noisy)] for std in (0.1, 0.01)
}
ratio = {name: values[0][-1] / values[0][0] for name, values in constant.items()}
left = ratio["0.01"]
found = ask.predictions["signal"].option(3 if left > 10 else (left < 0.1) + (left < 1e-3))
axes = {"xlabel": "convolution", "ylabel": "standard deviation", "log": True}
guess_signal.reveal(found, plots.lines(constant, **axes))

# %% [markdown]
# Neither constant fits. The authors trained A first, and began deeper networks with some of its layers.
#
# <details><summary>0.01 or 0.1?</summary>
#
# The paper prints a *variance* of 0.01, and √0.01 = 0.1 is the upper line. It may mean a standard deviation of 0.01.
#
# </details>
#
# **Debugging: a VGG that does not learn.** A colleague trains these 16 layers on digits. The loss stays at 2.303, that of guessing. Measure, then fix it.

# %%
digits = datasets.digits(size=32)


def broken_vgg():
    torch.manual_seed(0)
    net = vgg(COLUMNS["D"], 10, 32, (8, 16, 16, 24, 24), 32, channels=1)
    return models.layers.gaussian_init(net, 0.01)


def loss_by_epoch(net, epochs):
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
    order = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        batches = digits.batches("train", 32, order)
        yield training.run_epoch(net, batches, optimizer).loss


print("loss by epoch:", *(f"≈ {loss:.3f}" for loss in loss_by_epoch(broken_vgg(), 3)))

# %%
ask.exercises["fix"]


# %%
def fix(net):
    return ...  # your code


# after a ✅ remove the # here: does the loss fall now?
# print(*loss_by_epoch(fix(broken_vgg()), 5))
ask.exercises["fix"].check(fix)

# %% [markdown]
# The authors found later that Glorot's rule would have been enough: a variance of 2 / (inputs + outputs). He's rule has 2 / inputs, twice as much,
# because ReLU sets half of the values to 0. On 32 × 32 pixels of noise, Glorot's rule loses a factor of more than a hundred in 13 layers, which a network survives; 0.01 loses a million.
# (The last kernels see mostly padding here: even He's line falls.)


# %% tags=["measured"]
def he_by_inputs(net):
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)  # `models.layers.he_init` counts outputs
    return net


torch.manual_seed(0)
rules = {"He": he_by_inputs, "Glorot": models.layers.glorot_init}
strength = constant | {name: [signal(start(deep), noisy)] for name, start in rules.items()}
_ = plots.lines(strength, **axes)
he, glorot = (strength[name][0][-1] / strength[name][0][0] for name in rules)
teaching.claim(
    "13th output / first: ≈ {small:.0e} with 0.01, ≈ {large:.0e} with 0.1, ≈ {glorot:.0e} with Glorot's rule, ≈ {he:.1f} with He's.",
    left < 1e-4 and ratio["0.1"] > 1e4 and 1e-3 < glorot < 0.1 < he < 10,
    small=left,
    large=ratio["0.1"],
    glorot=glorot,
    he=he,
)

# %% [markdown]
# ## 8 · fc7 on another task
#
# VGG turns a photograph into 4,096 numbers, the output of fc7. Are these **features** (특징) good for other tasks? The authors froze their network
# and trained linear classifiers on them, for other data sets, with success. At small scale, a VGG-like network
# learns printed *letters* (top row). Then it gets *digits*, 200 of them labeled. Its block 2 outputs 256 values, block 3 and fc7 128 each.

# %%
letters = datasets.glyphs(size=16, per_class=100, characters="ABCDEFGHIJKLMNOPQRSTUVWXYZ")
tasks = {
    "printed digits": datasets.glyphs(16, 500, seed=1, characters="0123456789").take(200),
    "handwritten digits": datasets.digits(size=12).map(at_random_places).take(200),
}
shown = torch.cat([some.train.images[:12] for some in (letters, *tasks.values())])
_ = plots.images(shown, columns=12, size=0.6)

# %%
guess_fc7 = teaching.predict(ask.predictions["fc7"])
guess_fc7

# %%
# loaded, not trained here: five networks after 6 epochs of letters, three after 18
# "one polarity" makes the pixels bright on dark, which is fair to them: half of the printed digits are dark on light
probes = published.read("vgg_probes")
best = probes.groupby(["epochs", "classifier", "task", "view"])["test_accuracy"].mean().mul(100)
guess_fc7.reveal(ask.what_is_best(best[6, "linear"]), pictures.probes(probes))

# %%
names, nearby = ["pixels, one polarity", "block 2", "block 3", "fc7"], best[6, "nearest"]
linear = {(epochs, task): best[epochs, "linear", task] for epochs in (6, 18) for task in tasks}
listed = [", ".join(f"{found[name]:.1f}" for name in names) for found in linear.values()]
teaching.claim(
    "Linear classifier on pixels, block 2, block 3, fc7: printed digits {a} % (18 epochs: {c}); handwritten {b} ({d}). Nearest neighbors, handwritten: pixels {pixels:.1f}, fc7 {fc7:.1f}.",
    all(
        found["block 3"] > max(found["fc6"] + 5, found["fc7"] + 5, found.max() - 1)
        for found in linear.values()
    ),
    **dict(zip("abcd", listed)),
    pixels=nearby["handwritten digits", "pixels, one polarity"],
    fc7=nearby["handwritten digits", "fc7"],
)

# %% [markdown]
# So the last convolutional block was best or tied. The fully connected layers were worse, clearly so on handwriting, and not for lack of values: block 3 has as
# many as fc7. With a linear classifier fc7 still beats the pixels; with **nearest neighbors**, the label of the most similar known image, it loses to them on
# handwriting.
#
# <details><summary>What else plays a part?</summary>
#
# Part of this is the architecture: an *untrained* block 2 helps with handwriting, too. And our network knows 26 letters, the
# paper's a thousand classes.
#
# </details>
#
# ➤ Nearest neighbors need no training. Below, each row has a new digit and the six labeled ones closest in fc7.

# %%
ask.builds["nearest"]


# %%
def nearest(known, labels, asked):
    distances = ...
    return ...


nearest = ask.builds["nearest"].use(nearest)

# %% tags=["measured"]
net, task = learned_letters(letters, epochs=6, seed=0), tasks["printed digits"]
right = {}
for view, stage in {"block 2": "block2", "block 3": "block3", "fc7": None}.items():
    seen = transfer.extract_features(net, task, stage)
    known, asked = seen.train.images.flatten(1), seen.test.images.flatten(1)
    answers = nearest(known, task.train.labels, asked)
    right[view] = 100 * (answers == task.test.labels).float().mean().item()

rows = []
for i in range(0, 44, 11):  # known and asked are fc7's now
    closest = (known - asked[i]).norm(dim=1).argsort()[:6]
    rows += [task.test.images[i], *task.train.images[closest]]
_ = plots.images(rows, ["new", *[""] * 6] * 4, columns=7, size=0.75)
teaching.claim(
    "One network, printed digits, nearest neighbors: block 2 ≈ {a:.0f}, block 3 ≈ {b:.0f}, fc7 ≈ {c:.0f} %. Block 3 is best again; but fc7 is not behind block 2: the order can depend on the classifier.",
    right["block 3"] > right["fc7"] > right["block 2"] - 1,
    **dict(zip("abc", right.values())),
)

# %%
DOWNLOAD = False  # True asks the published VGG-16 about ten photographs: 530 MB, once
if DOWNLOAD:
    large, animals = transfer.pretrained("vgg16").eval(), datasets.animals(224)
    with torch.no_grad():
        photos = transfer.normalize(torch.stack(list(animals.values())) / 255)
        values = large.classifier[:-1](large.features(photos))  # the output of fc7
        guesses = large.classifier[-1](values).argmax(1)
    classes = torchvision.models.VGG16_Weights.IMAGENET1K_V1.meta["categories"]
    others = torch.cdist(values, values).fill_diagonal_(torch.inf).argmin(1)
    for name, guess, other in zip(animals, guesses, others):
        print(f"{name}: {classes[guess]}; nearest in fc7: {list(animals)[other]}")

# %% [markdown]
# ## 9 · Project: as good as you can, within a field and a budget
#
# A tiny processor reads digits. Before its final average your network may see at most 13 × 13 pixels, and it may use 100,000
# multiply-adds. How low does the error on new digits get, and why?
#
# | criterion | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | both limits | exceeded | kept, as counted below | also: which limit hurts more? |
# | design | one network | several, one learning rate | several, each at its own rate |
# | choice | by test error | by validation error | also: other seeds measure |
# | reason | none | a guess | a control: two networks that differ in one thing |
# | honest reporting | “best” | result with its conditions | also: what did not help |


# %%
def within_budget(net):
    cost = complexity.profile(net, (1, 16, 16))  # of datasets.digits(size=16)
    print(f"field {cost.field}, {cost.macs:,} multiply-adds, {cost.params:,} parameters")
    return cost.field <= 13 and cost.macs <= 100_000


end = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)
within_budget(nn.Sequential(vgg_block(1, 4, [3]), vgg_block(4, 16, [3]), *end))

# %% [markdown]
# ## 10 · Quiz

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
# | **receptive field** (수용 영역) | two 3 × 3 see 5 × 5; VGG-16's last feature map sees 212 × 212 |
# | **same effect** (같은 효과)? | without a ReLU, yes; with it the best 5 × 5 missed 20 to 30 % (random weights and pixels) |
# | **fewer parameters** (파라미터) | for the same receptive field; yet 138 million in all, 89 % fully connected |
# | **memory** (메모리) | 71 % of the activations are in the first two blocks |
# | **non-linearity** (비선형성) | pairs beat singles; the ReLU between is not always the reason |
# | **C → D** | receptive field or compute? Two controls did not separate them |
# | **16 or 19 layers** | no clear difference in eight test results |
# | **initial weights** | one standard deviation for all layers fails; He's rule fits each |
# | **fc7** | the last convolutional block served both our tasks better |
#
# **Where to go next.** [05 GoogLeNet](05_googlenet.ipynb) removes most of these parameters and of the compute. [06 ResNet](06_resnet.ipynb)
# makes depth pay again. The map: [00 Start here](00_start_here.ipynb).
