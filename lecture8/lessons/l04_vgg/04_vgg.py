# %% [markdown]
# # 04 · VGG: nothing but 3 × 3
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({{colab}})
#
# **In this notebook you will measure what a stack of small kernels sees, test whether it is “the same” as one large kernel, and build
# all six VGGs from one table to find out where their 138 million parameters are.** Paper: Simonyan, Zisserman, *Very Deep
# Convolutional Networks for Large-Scale Image Recognition*, ICLR 2015 ([arXiv 1409.1556](https://arxiv.org/abs/1409.1556)).
#
# Afterwards you can
# * measure and compute the receptive field of any chain of layers, and say what two 3 × 3 share with one 5 × 5 and what they do not;
# * write VGG from a row of its table, and tell parameters, work and memory apart;
# * read the paper's tables on 16 and 19 layers critically, and take the features of its second to last layer to another task.
#
# | | time |
# |---|---|
# | `quick` (default): real handwritten digits, any laptop, no network | reading and exercises 75 minutes; all cells together about 1 minute |
# | `paper`: CIFAR-10 photographs, published VGG-16 weights | a GPU; not yet run. Everything before the cell with the published weights was tried on a CPU with 48 photographs and one epoch |

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
from torch import nn
from torch.nn import functional as F

from lecture8 import complexity, datasets, models, plots, published, teaching
from lecture8 import training, transfer
from lecture8.lessons.l04_vgg import counts, explorers, pictures
from lecture8.lessons.l04_vgg import questions as ask

# %% [markdown]
# **Parameters.** Everything you may want to change is here. `run.choose` takes the first value in a quick run and the
# last in a paper run; to change the run, write `lecture8.start("paper")` above.

# %%
SEEDS = (0, 1, 2)  # every claim is measured once per seed
LABELS = 200  # section 8: labeled digits, 20 of each
# section 6: channels of the first block, blocks, epochs, and when the learning rate is divided by 10
WIDTH, BLOCKS = run.choose(quick=(8, 2), paper=(64, 3))
EPOCHS, DROPS = run.choose(quick=(6, [4]), paper=(30, [20, 26]))
BATCH = run.choose(quick=32, paper=128)
data = datasets.digits(size=16) if run.mode == "quick" else datasets.cifar10()
data

# %% [markdown]
# ## 1 · What does one unit see?
#
# AlexNet began with kernels of 11 × 11, ZFNet with 7 × 7. VGG has nothing larger than 3 × 3 anywhere, and goes deep instead: from 8
# to 16 and 19 layers. Does it not look at the world through a keyhole?
#
# Measure it. A unit *sees* a pixel if the pixel can change it: that is a gradient. So give all kernels the weight 1, take the
# unit in the middle of the output, and **back-propagate to the image** (역전파). What arrives at a pixel is the number of ways
# from there to the unit.


# %%
def what_it_sees(kernels, side=9):
    """How often each pixel of the image counts for the unit in the middle of the output."""
    net = nn.Sequential(*(nn.Conv2d(1, 1, k, padding=k // 2, bias=False) for k in kernels))
    for layer in net:
        nn.init.ones_(layer.weight)
    image = torch.zeros(1, 1, side, side, requires_grad=True)
    net(image)[0, 0, side // 2, side // 2].backward()
    return image.grad[0, 0]


_ = pictures.fields(
    {
        "two 3 × 3": what_it_sees([3, 3]),
        "one 5 × 5": what_it_sees([5]),
        "three 3 × 3": what_it_sees([3, 3, 3]),
        "one 7 × 7": what_it_sees([7]),
    }
)


# %%
def width(seen):
    """Side of the square that holds all pixels with a gradient."""
    return int(seen.any(0).sum())


assert width(what_it_sees([3, 3])) == width(what_it_sees([5])) == 5
assert width(what_it_sees([3, 3, 3])) == width(what_it_sees([7])) == 7
for layers in range(1, 5):
    side = width(what_it_sees([3] * layers))
    assert side == 1 + 2 * layers
    print(f"{layers} × (3 × 3) sees {side} × {side} pixels")

# %% [markdown]
# Every layer adds one pixel on each side. This square is the **receptive field** (수용 영역), and the lecture is right: two 3 × 3
# see what one 5 × 5 sees, three see 7 × 7. But the pictures already say that it is not the same look: the large kernel treats
# all pixels alike, in the stack of three 49 ways lead from the middle and one from each corner.
#
# Now the whole network. Between its blocks a pooling halves the map.

# %%
guess_field = teaching.predict(ask.predictions["field"])
guess_field


# %%
def field_of(configuration, side=320):
    """The receptive field of a VGG's last feature map, measured as above on one channel."""
    steps = []
    for kernels in models.vgg.CONFIGURATIONS[configuration]:
        steps += [nn.Conv2d(1, 1, k, padding=k // 2, bias=False) for k in kernels]
        steps += [nn.AvgPool2d(2)]  # looks at the same pixels as a max pooling, all at a time
    for layer in steps:
        for weight in layer.parameters():
            nn.init.constant_(weight, 1 / 9)
    image = torch.zeros(1, 1, side, side, requires_grad=True)
    nn.Sequential(*steps)(image)[0, 0, 5, 5].backward()
    return width(image.grad[0, 0])


for name, net in {"A": models.vgg11, "D": models.vgg16, "E": models.vgg19}.items():
    with torch.device("meta"):  # a network without numbers in it: enough to count
        counted = complexity.profile(net()).field
    measured = field_of(name)
    assert measured == counted
    print(f"configuration {name}: {measured} × {measured} pixels, measured and counted alike")

# %%
assert field_of("D") / 224 > 0.8
guess_field.reveal("more than 80 % of the image")

# %% [markdown]
# Behind each pooling a step is twice as long, so the deep layers reach far: 3 × 3 is no keyhole. (VGG-19's units see 268 pixels,
# more than the image has.)

# %% [markdown]
# ## 2 · The same view. The same function?
#
# “Two 3 × 3 layers have the same effect as one 5 × 5”, say the notes. Test it. First **without a ReLU** between the two. Each weight of the
# second kernel puts a scaled copy of the first kernel somewhere: that is a transposed convolution, and it makes one 5 × 5 of the two.


# %%
def pair_of_3x3(seed):
    """Two random layers, 3 → 16 → 1 channels, in double precision."""
    torch.manual_seed(seed)
    options = {"padding": 1, "bias": False, "dtype": torch.float64}
    return nn.Conv2d(3, 16, 3, **options), nn.Conv2d(16, 1, 3, **options)


photo = F.avg_pool2d(datasets.sample_photos()["flower"][None].double() / 255, 4)
photo = (photo - photo.mean((2, 3), keepdim=True)) / photo.std((2, 3), keepdim=True)
for seed in SEEDS:
    first, second = pair_of_3x3(seed)
    kernel = F.conv_transpose2d(second.weight, first.weight)  # 1 × 3 × 5 × 5
    difference = second(first(photo)) - F.conv2d(photo, kernel, padding=2)
    largest = difference[..., 1:-1, 1:-1].abs().max()
    assert largest < 1e-12 and kernel.shape == (1, 3, 5, 5)
    print(f"seed {seed}: two 3 × 3 equal one 5 × 5, to rounding: {bool(largest < 1e-12)}")

# %% [markdown]
# They are one 5 × 5, all but the outermost pixels, where the stack pads twice. Without a ReLU the notes are right, and the
# second layer is wasted.
#
# Now **with the ReLU**, as in VGG. Perhaps some other 5 × 5 kernel does the same?

# %%
guess_same = teaching.predict(ask.predictions["same"])
guess_same

# %% [markdown]
# The best one can be computed, no training needed: each output pixel is a weighted sum of the 75 inputs under the kernel, so
# it is a **least-squares** problem (최소제곱법). Find the kernel on one image of random pixels, test it on another:


# %%
def under_the_kernel(images):
    """Every 5 × 5 window as a row of its 75 values and a 1 for the bias."""
    rows = F.unfold(images, 5)[0].T
    return torch.cat([rows, torch.ones(len(rows), 1, dtype=rows.dtype)], 1)


def inside(outputs):
    """The outputs whose windows lie wholly in the image, as a list."""
    return outputs[0, 0, 2:-2, 2:-2].flatten()


def best_5x5(images, outputs):
    return torch.linalg.lstsq(under_the_kernel(images), inside(outputs)[:, None]).solution[:, 0]


def missed(kernel, images, outputs):
    """The share of the outputs' variance that a 5 × 5 kernel leaves unexplained."""
    rest = inside(outputs) - under_the_kernel(images) @ kernel
    return (rest.var() / inside(outputs).var()).item()


# %%
share = {"without ReLU": [], "with ReLU": []}
with torch.no_grad():
    for seed in SEEDS:
        first, second = pair_of_3x3(seed)
        fitted, fresh = torch.randn(2, 1, 3, 100, 100, dtype=torch.float64)
        for name, between in {"without ReLU": nn.Identity(), "with ReLU": nn.ReLU()}.items():
            stack = nn.Sequential(first, between, second)
            kernel = best_5x5(fitted, stack(fitted))
            share[name].append(missed(kernel, fresh, stack(fresh)))

for name, values in share.items():
    print(f"{name}: the best 5 × 5 misses", *(f"≈ {100 * value:.2g} %" for value in values))
assert max(share["without ReLU"]) < 1e-20
assert min(share["with ReLU"]) > 0.1

# %%
guess_same.reveal("more than 5 %")

# %% tags=["measured"]
with torch.no_grad():
    copies = {}
    for name, between in {"without ReLU": nn.Identity(), "with ReLU": nn.ReLU()}.items():
        outputs = nn.Sequential(first, between, second)(photo)
        kernel = best_5x5(photo, outputs)
        shape = outputs[0, 0, 2:-2, 2:-2].shape
        imitation = (under_the_kernel(photo) @ kernel).view(shape)
        copies[name] = inside(outputs).view(shape), imitation
_ = pictures.same_scale(copies, ("two 3 × 3", "the best 5 × 5"))

# %%
off = {name: ((one - other).std() / one.std()).item() for name, (one, other) in copies.items()}
assert off["without ReLU"] < 1e-10 and off["with ReLU"] > 0.05
teaching.three_ways(
    10,
    measured="the same field; without the ReLU the same function, to rounding; with it the best "
    f"5 × 5 misses more than a tenth of the output's variance in {len(SEEDS)} of {len(SEEDS)} seeds",
)

# %% [markdown]
# ## 3 · Cheaper, and more non-linear
#
# With C channels in and out, a kernel of k × k has k²C² weights. Two of 3 × 3 have 18C², one of 5 × 5 has 25C². Three have 27C²,
# one of 7 × 7 has 49C², 81 % more.

# %%
C = 256
for layers, kernel in ((2, 5), (3, 7)):
    small = layers * complexity.conv_params(C, C, 3, bias=False)
    large = complexity.conv_params(C, C, kernel, bias=False)
    assert (small, large) == (layers * 9 * C**2, kernel**2 * C**2)
    print(
        f"{layers} × (3 × 3): {small:,} weights; {kernel} × {kernel}: {large:,}, {large / small - 1:.0%} more"
    )

# %%
_ = pictures.stack(kernel=3, layers=3, channels=C)

# %% [markdown]
# The multiply-adds go with the weights, as each is used once per pixel; and after every layer comes a ReLU, three instead of one.
# Now design your own stack. **You want to see 13 × 13, with 256 channels: which stack of equal kernels is the cheapest, and how many
# times cheaper is it than one 13 × 13?**

# %%
explorers.stack()

# %%
weights = {
    name: layers * complexity.conv_params(C, C, kernel, bias=False)
    for name, (kernel, layers) in counts.stacks_with_field(13).items()
}
cheapest = min(weights, key=weights.get)
saving = weights["1 layer of 13 × 13"] / weights[cheapest]
assert cheapest == "6 layers of 3 × 3" and round(saving, 2) == 3.13
teaching.correct(
    f"{cheapest}: {saving:.2f} times cheaper than one 13 × 13, and with six ReLUs."
)

# %% [markdown]
# Smaller than 3 × 3 there is little left: it is the smallest kernel with a middle and a left, right, above and below. A 1 × 1 has
# no neighbors at all. (It is useful all the same: GoogLeNet, 05, is built on it.)

# %% [markdown]
# ## 4 · Six networks from one table
#
# A VGG is a row of this table (the paper's Table 1): five blocks, in each the kernel sizes of its convolutions.
# (`LRN` in the second row is no kernel: it is AlexNet's normalization, tried once. Of that in section 7.)

# %%
models.vgg.CONFIGURATIONS

# %% [markdown]
# Each convolution keeps the size (padding), each block ends in a 2 × 2 max pooling, the widths are 64, 128, 256, 512, 512, and three
# **fully connected layers** (완전 연결층), called fc6, fc7 and fc8, do the rest. That is all, so build it yourself:


# %%
def my_vgg(
    row, num_classes, *, widths=(64, 128, 256, 512, 512), hidden=4096, channels=3, size=224
):
    """A VGG from a row of the table; size: height and width of the images."""
    stages, c = {}, channels
    for number, (kernels, width) in enumerate(zip(row, widths), start=1):
        steps = []
        for kernel in kernels:
            steps += [nn.Conv2d(c, width, kernel, padding=kernel // 2), nn.ReLU()]
            c = width
        stages[f"block{number}"] = nn.Sequential(*steps, nn.MaxPool2d(2))
        size //= 2
    classifier = nn.Sequential(
        nn.Flatten(),
        *(nn.Linear(c * size**2, hidden), nn.ReLU(), nn.Dropout(0.5)),  # fc6
        *(nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.5)),  # fc7
        nn.Linear(hidden, num_classes),  # fc8
    )
    return models.layers.glorot_init(models.layers.Network(stages, classifier, channels))


mine = my_vgg(models.vgg.CONFIGURATIONS["D"], 10, size=32)
teaching.same_network(mine, models.vgg16(10, input_size=32), (3, 32, 32))

# %% [markdown]
# (`Network` holds the named stages and the classifier; `glorot_init` draws the first weights, of which more in section 7.) Change a kernel
# to 1 and run the cell again: the check tells you where it differs.
#
# Here is configuration D, **VGG-16**, for images of 224 × 224, drawn from the network: the height is the side of
# the feature map that a block puts out, the width stands for its channels.

# %%
with torch.device("meta"):
    vgg16 = complexity.profile(models.vgg16())
_ = plots.stages(vgg16, title="VGG-16: parameters above, shape below each block")

# %% [markdown]
# Halve the side, double the channels (up to 512): you will meet this pattern again and again. All six configurations, counted, beside the paper's
# Table 2 (params are parameters, macs multiply-adds for one image of 224 × 224):

# %%
for name in ("vgg11", "vgg11_lrn", "vgg13", "vgg16_c", "vgg16", "vgg19"):
    with torch.device("meta"):
        cost = complexity.profile(models.build(name))
    printed = models.ARCHITECTURES[name].published["params"].split()[0]
    assert (
        round(cost.params / 1e6) == int(printed)
        and cost.depth == models.ARCHITECTURES[name].depth
    )
    print(
        f"{name:9} {cost.depth} layers {cost.params:>11,} params {cost.macs:>14,} macs;  paper: {printed} million"
    )

# %% [markdown]
# ## 5 · Where is it all?
#
# 138 million parameters. A network of small kernels, to save parameters?

# %%
guess_where = teaching.predict(ask.predictions["where"])
guess_where

# %%
_ = pictures.shares(vgg16)

# %%
table = counts.parts(vgg16)
connected = {
    part: sum(table[fc][part] for fc in ("fc6", "fc7", "fc8")) for part in ("params", "macs")
}
assert (connected["params"], table["fc6"]["params"]) == (123_642_856, 102_764_544)
assert connected["params"] / vgg16.params > 0.89 and connected["macs"] / vgg16.macs < 0.01
print(
    f"fully connected: {connected['params']:,} parameters, {connected['params'] / vgg16.params:.1%}"
)
print(
    f"fully connected: {connected['macs']:,} multiply-adds, {connected['macs'] / vgg16.macs:.1%}"
)
guess_where.reveal("nine tenths in the three fully connected layers")

# %%
with torch.device("meta"):
    alexnet = complexity.profile(models.alexnet(), 227)
assert alexnet.params == 60_965_224
teaching.three_ways(
    11,
    measured=f"{vgg16.params:,} parameters, {vgg16.params / alexnet.params:.1f} times AlexNet's; "
    f"{connected['params'] / vgg16.params:.1%} of them fully connected, "
    f"{table['fc6']['params'] / vgg16.params:.1%} in fc6 alone",
    verb="counted",
)

# %% [markdown]
# Parameters sit at the end, where the 512 · 7 · 7 = 25,088 values of the last maps meet 4,096 neurons. Work sits in the middle. And the **activations** (활성값), the values that
# have to be kept while an image passes, sit at the beginning, where maps are large. The lecture's slide
# adds them up, layer by layer. So do we:

# %%
counted = sum(row["activations"] for row in table.values())
early = table["block1"]["activations"] + table["block2"]["activations"]
assert vgg16.activations == counted == 15_237_608
teaching.three_ways(
    35,
    measured=f"{vgg16.activations:,} values with the image, {4 * vgg16.activations / 1e6:.1f} MB; "
    f"{early / counted:.0%} of them in the first two blocks",
    verb="counted",
)

# %% [markdown]
# Play with the other configurations and with the size of the images. **From A to E, what grows most: parameters, multiply-adds or activations?
# And why do the parameters depend on the image's size?**

# %%
explorers.costs()

# %%
with torch.device("meta"):
    a, e = complexity.profile(models.vgg11()), complexity.profile(models.vgg19())
growth = {part: getattr(e, part) / getattr(a, part) for part in counts.PARTS}
assert max(growth, key=growth.get) == "macs"
assert [round(factor, 2) for factor in growth.values()] == [1.08, 2.58, 1.81]
teaching.correct(
    f"From A to E the work grows {growth['macs']:.2f}-fold, the activations "
    f"{growth['activations']:.2f}-fold, the parameters only {growth['params']:.2f}-fold. The size "
    "matters through fc6 alone, which has a weight for every pixel of the last map."
)

# %% [markdown]
# ## 6 · Does it pay? The control experiment
#
# Same view, fewer weights, more ReLUs: does the network become *better*? The authors checked with a network that has one 5 × 5 in place of each
# pair of 3 × 3, and found 7 % more top-1 error. Do it in small, on digits: two blocks of 8 and 16 channels, batch normalization (06 explains it), then
# an average over each map. The library has this network:

# %%
teaching.source(models.small.vgg)

# %%
guess_depth = teaching.predict(ask.predictions["depth"])
guess_depth


# %%
def train(kernel, convs, seed, relu_between=True):
    """One small network, trained: (network, history)."""
    torch.manual_seed(seed)
    options = {"width": WIDTH, "channels": data.image_shape[0], "blocks": BLOCKS}
    net = models.small.vgg(data.num_classes, kernel=kernel, convs=convs, **options)
    if not relu_between:
        for block in net.features:
            block.conv1.relu = nn.Identity()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, DROPS)
    # no file in a quick run
    kept = {"checkpoint": run.keep("04", kernel, convs, relu_between, seed)}
    return net, training.fit(
        net, data, optimizer, EPOCHS, batch_size=BATCH, scheduler=schedule, seed=seed, **kept
    )


runs = {"pairs of 3 × 3": [train(3, 2, seed) for seed in SEEDS]}

# %%
runs["single 5 × 5"] = [train(5, 1, seed) for seed in SEEDS]

# %% [markdown]
# If the pairs win, *what* wins: the ReLU between the two, or just the other weights? A third network tells: pairs of 3 × 3 with that
# one ReLU taken out. After section 2 you know what it is: a single 5 × 5 in disguise (the normalization between them is linear, too, once trained).

# %%
runs["pairs, no ReLU between"] = [train(3, 2, seed, relu_between=False) for seed in SEEDS]

# %% tags=["measured"]
colors = {"pairs of 3 × 3": plots.BLUE, "single 5 × 5": plots.ORANGE}
_ = plots.lines(
    {name: [history["train_loss"] for _, history in kind] for name, kind in runs.items()},
    xlabel="epoch",
    ylabel="training loss",
    log=True,
    title="Equal width, equal receptive field",
    colors={**colors, "pairs, no ReLU between": plots.GREEN},
)

# %%
scores = {
    name: [training.evaluate(net, data, "test") for net, _ in kind]
    for name, kind in runs.items()
}
for name, kind in scores.items():
    print(
        f"{name:22}: test error",
        *(f"≈ {100 * score.error:4.1f} %" for score in kind),
        " test loss",
        *(f"≈ {score.loss:.3f}" for score in kind),
    )

pairs, single, linear = ([score.loss for score in scores[name]] for name in runs)
margin = run.choose(
    quick=0.8, paper=1.0
)  # in a paper run, not yet tried, no more than the claim itself
assert sum(pairs) < margin * min(sum(single), sum(linear))
guess_depth.reveal("the one with pairs of 3 × 3")

# %%
# is it the ReLU? without it the pairs lose their lead
gained = 1 - sum(pairs) / sum(single)
left = 1 - sum(linear) / sum(single)
assert left < run.choose(quick=0.5, paper=1.0) * gained
print(f"of the single 5 × 5's test loss the pairs take away ≈ {100 * gained:.0f} %,")
print(f"the pairs without the ReLU between ≈ {100 * left:.0f} %")

# %% [markdown]
# It is the ReLU. The pairs without it have just as many weights as the pairs with it, and yet most of the lead over the single 5 × 5 is gone. (We compare the loss, since one
# of the 300 test images more or less is already 0.3 % of error.)
#
# Do not take this for a law. With a third block (`BLOCKS`, above) both kinds read about 99 % of the digits and more, and there is little left to win: depth pays where the problem is
# hard for the network at hand. For the authors that problem was ImageNet.

# %% [markdown]
# ## 7 · How deep, and how to start
#
# ### 16 or 19?
#
# “VGG-19 is slightly better than VGG-16”, say the notes. Here is every comparison in the paper's Tables 3, 4 and 5, but for one row of Table 5
# that repeats Table 4. **Top-1 error**: the first guess is wrong; **top-5 error**: the right class is not among the first five. *S* is the size to which
# the shorter side of a training image is brought; 256-512 means a new size for each image, called **scale jittering**. *Q* is the same in testing. In
# Tables 3 and 4 the network slides over the whole test image (*dense*); Table 5 also tries 150 cut-outs (*multi-crop*), and the average of both.

# %%
errors = published.read("vgg_errors")
_ = pictures.sixteen_or_nineteen(errors)

# %% [markdown]
# How often is 19 better? Count, and count the top-5 errors, too:


# %%
def verdicts(error):
    """In how many protocols 19 layers are better than 16, equal, worse."""
    pairs = counts.protocols(errors, error).values()
    better = sum(nineteen < sixteen for sixteen, nineteen in pairs)
    worse = sum(nineteen > sixteen for sixteen, nineteen in pairs)
    return better, len(pairs) - better - worse, worse


top1, top5 = verdicts("top1"), verdicts("top5")
assert top1 == (1, 3, 4) and top5 == (3, 3, 2)
teaching.three_ways(
    12,
    measured="19 layers against 16 in eight protocols, top-1 error: "
    "better in {}, equal in {}, worse in {}; ".format(*top1)
    + "top-5 error: better in {}, equal in {}, worse in {}".format(*top5),
    verb="counted",
)

# %% [markdown]
# Which answer you get depends on what you count, and no difference is larger than 0.3 points, with one network of each kind. From A to D depth pays, from D to E
# hardly any more. (Why it stops, and what helps, is the story of [06 ResNet](06_resnet.ipynb).) The three points in the middle
# are worth a second look:

# %%
with torch.device("meta"):
    middle = {
        name: complexity.profile(models.build(net))
        for name, net in {"B": "vgg13", "C": "vgg16_c", "D": "vgg16"}.items()
    }
for name, cost in middle.items():
    print(f"{name}: {cost.depth} layers, receptive field {cost.field}")
b, c, d = middle.values()
assert b.field == c.field < d.field and b.depth < c.depth == d.depth

# %% [markdown]
# B and C see the same, as C's three extra kernels are 1 × 1: the step from 28.7 to 28.1 % is the gain from more **non-linearity** (비선형성). C and D
# have equally many layers: the step to 27.0 % is the gain from **seeing more**. That is how the authors read their table (section 4.1). And A-LRN, which is A
# with AlexNet's normalization, has 29.7 % against 29.6: no gain, so they left it out.

# %% [markdown]
# ### The first weights
#
# “The optimization is no different from AlexNet's”, say the notes: momentum 0.9, weight decay 5e-4, dropout 0.5 on fc6 and fc7, a rate of 0.01 divided by
# 10 when the validation stalls. All that is the same (the batch has 256 images, not 128). But AlexNet drew its first weights from a normal distribution with a spread (standard deviation) of 0.01. Try that with 13 convolutions:

# %%
guess_signal = teaching.predict(ask.predictions["signal"])
guess_signal


# %%
def signal(init, seed):
    """Standard deviation behind each of VGG-16's convolutions and its ReLU, for a batch of noise."""
    torch.manual_seed(seed)
    x, spread = torch.randn(2, 3, 32, 32), []
    net = my_vgg(models.vgg.CONFIGURATIONS["D"], 10, hidden=8, size=32).requires_grad_(False)
    for module in init(net).features.modules():
        if isinstance(module, nn.Conv2d | nn.ReLU | nn.MaxPool2d):
            x = module(x)
            spread += [x.std().item()] if isinstance(module, nn.ReLU) else []
    return spread


rules = {
    "spread 0.1": lambda net: models.layers.gaussian_init(net, 0.1),
    "Glorot": models.layers.glorot_init,
    "spread 0.01": lambda net: models.layers.gaussian_init(net, 0.01),
}
spread = {name: [signal(init, seed) for seed in SEEDS] for name, init in rules.items()}

# %% tags=["measured"]
_ = plots.lines(
    spread,
    xlabel="convolution",
    ylabel="standard deviation",
    log=True,
    title="A signal on its way through VGG-16, before training",
)

# %%
kept = {name: [layers[-1] / layers[0] for layers in seeds] for name, seeds in spread.items()}
for name, ratios in kept.items():
    print(f"{name:11}: the last / the first:", *(f"≈ {ratio:.1e}" for ratio in ratios))
assert max(kept["spread 0.01"]) < 1e-5
assert min(kept["spread 0.1"]) > 1e5
assert min(kept["Glorot"]) > 1e-3
guess_signal.reveal("weaker, by more than a thousand")

# %% [markdown]
# A millionth is left. (Why are the digits of the first and the last row the same? The seeds are, and the biases are 0. So ten times the spread makes
# each layer exactly ten times stronger, and between the first and the last lie twelve.) The top line is what the paper *prints* for its first network: a **variance** of 0.01, that is a spread of 0.1. With it the
# signal grows a millionfold. **Glorot's rule** (Xavier 초기화) fits the spread to the number of connections of each layer, and stays within a
# factor of a thousand. The authors found it after they had submitted. Before, they trained the shallow configuration A, and began
# each deeper network with A's first four convolutions and its three fully connected layers:

# %%
a, d = models.vgg11(10, input_size=32), models.vgg16(10, input_size=32)
models.vgg.start_from(d, a)
layers_of_a = dict(a.named_modules())
copied = [
    name
    for name, layer in d.named_modules()
    if isinstance(layer, nn.Conv2d | nn.Linear)
    and name in layers_of_a
    and torch.equal(layer.weight, layers_of_a[name].weight)
]
assert len(copied) == 7
print(*copied, sep="\n")

# %%
teaching.three_ways(
    13,
    measured="AlexNet's first weights leave less than 1/100,000 of the signal behind 13 convolutions, "
    "the printed variance makes it more than 100,000 times as strong; Glorot's rule keeps it "
    "within a factor of 1,000",
)

# %% [markdown]
# ## 8 · FC7 on another task
#
# “FC7 generalizes well to other tasks”, say the notes. The authors took the 4,096 numbers that fc7 puts out for a photograph (averaged over its parts
# and over several sizes), left the network as it was and trained nothing but a linear classifier on them, for data sets that the network had never seen (Appendix B). That is called a **linear probe**.
#
# In small: a VGG-like network learns to read printed **letters** (top row of the picture). Then it is shown **digits**, of which it has never seen one:
# printed ones (middle row), and handwritten ones at random places (bottom row).


# %%
def some_classes(data, first, last):
    """The images of classes first to last, relabeled from 0."""
    splits = []
    for split in (data.train, data.valid, data.test):
        wanted = split.take(
            ((first <= split.labels) & (split.labels <= last)).nonzero().flatten()
        )
        splits.append(
            datasets.Split(wanted.pixels, wanted.labels - first, wanted.mean, wanted.std)
        )
    return datasets.Data(*splits, data.classes[first : last + 1], data.name)


def at_random_places(pixels, side=16):
    """Pictures put somewhere into black ones of side × side."""
    generator = torch.Generator().manual_seed(8)
    room = side - pixels.shape[-1] + 1
    canvas = torch.zeros(len(pixels), 1, side, side, dtype=torch.uint8)
    for picture, small in zip(canvas, pixels):
        top, left = torch.randint(0, room, (2,), generator=generator)
        picture[:, top : top + small.shape[-1], left : left + small.shape[-1]] = small
    return canvas


# %%
glyphs = datasets.glyphs(size=16, per_class=100)
letters = some_classes(glyphs, 10, 35)
tasks = {
    "printed digits": some_classes(glyphs, 0, 9).take(LABELS),
    "handwritten digits": datasets.digits(size=12).map(at_random_places).take(LABELS),
}
shown = [letters, *tasks.values()]
_ = plots.images(torch.cat([one.train.images[:12] for one in shown]), columns=12, size=0.7)


# %%
def with_fc7(seed):
    """Three blocks of two 3 × 3, then fc6, fc7 and fc8 as in VGG, with 128 neurons for 4,096."""
    torch.manual_seed(seed)
    net = models.small.vgg(letters.num_classes, width=8, channels=1, blocks=3)
    net.classifier = models.layers.sequential(
        flatten=nn.Flatten(),
        fc6=nn.Linear(32 * 2 * 2, 128), relu6=nn.ReLU(),
        fc7=nn.Linear(128, 128), relu7=nn.ReLU(),
        fc8=nn.Linear(128, letters.num_classes),
    )  # fmt: skip
    return net


# %%
def learn_letters(seed):
    net = with_fc7(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [4])
    training.fit(net, letters, optimizer, 6, batch_size=64, scheduler=schedule, seed=seed)
    return net


readers = [learn_letters(seed) for seed in SEEDS]

# %%
known = [training.evaluate(net, letters, "test").accuracy for net in readers]
print("new letters read rightly:", *(f"≈ {100 * accuracy:.0f} %" for accuracy in known))
assert min(known) > 0.7
guess_fc7 = teaching.predict(ask.predictions["fc7"])
guess_fc7

# %% [markdown]
# `transfer.extract_features` sends all images through and returns what the last linear layer gets, the output of fc7, or of a block that you
# name. On it we train one linear layer. For comparison: the same on raw pixels, on fc7 of the network *before* it learned letters, and on block 2.


# %%
def probe(features, seed):
    """Test accuracy of one linear layer (behind a normalization of its inputs)."""
    torch.manual_seed(seed)
    size = features.train.images[0].numel()
    net = nn.Sequential(
        nn.Flatten(), nn.BatchNorm1d(size), nn.Linear(size, features.num_classes)
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=1e-3)
    training.fit(net, features, optimizer, 10, batch_size=50, seed=seed)
    return training.evaluate(net, features, "test").accuracy


def four_views(task, net, seed):
    return {
        "pixels": task,
        "fc7, untrained": transfer.extract_features(with_fc7(seed), task),
        "fc7": transfer.extract_features(net, task),
        "block 2": transfer.extract_features(net, task, "block2"),
    }


# %%
views = {
    name: [four_views(task, net, seed) for seed, net in zip(SEEDS, readers)]
    for name, task in tasks.items()
}
accuracy = {
    name: [
        {view: probe(f, seed) for view, f in seen.items()}
        for seed, seen in zip(SEEDS, views[name])
    ]
    for name in tasks
}

# %% tags=["measured"]
bars = {
    f"{task}: {view}": [100 * seed[view] for seed in seeds]
    for task, seeds in accuracy.items()
    for view in seeds[0]
}
colors = {name: plots.ORANGE if name.endswith("fc7") else plots.GRAY for name in bars}
_ = plots.bars(
    bars, xlabel=f"test accuracy of a linear probe, %, with {LABELS} labels", colors=colors
)


# %%
def of(task, view):
    return [seed[view] for seed in accuracy[task]]


near, far = tasks
assert min(of(near, "fc7")) > max(of(near, "pixels") + of(near, "fc7, untrained")) + 0.25
assert sum(of(far, "fc7")) > sum(of(far, "fc7, untrained")) + 0.1 * len(SEEDS)
assert sum(of(far, "block 2")) > sum(of(far, "fc7")) + 0.08 * len(SEEDS)
guess_fc7.reveal("fc7, by more than 25 points")

# %% [markdown]
# The notes are right, where the new task resembles the old one: ten classes that fc7 has never heard of, and it separates them. On *handwriting* its lead over the pixels
# has all but gone, and **block 2 of the same network is far better**, while on printed digits both are about as good. (Block 2 puts out 256 numbers, fc7 128, so
# the comparison is not quite fair.) The later a layer, the more it is made for its own task. (Which layer is how general is measured in [01 Transfer learning](01_transfer_learning.ipynb).)
#
# And without any training? For a test image look for the training images with the nearest fc7 features (**nearest neighbors**, 최근접 이웃). First column: the
# question; then its five neighbors, nearest first, with their labels.

# %% tags=["measured"]
task = tasks[near]
found = transfer.nearest_neighbors(views[near][0]["fc7"], k=5)
rows, titles = [], []
for i in range(0, 40, 11):
    answers = task.train.take(found.indices[i])
    rows += [task.test.images[i], *answers.images]
    titles += [f"{int(task.test.labels[i])}?", *(str(int(label)) for label in answers.labels)]
_ = plots.images(rows, titles, columns=6)


# %%
def nearest(task, view):
    """How often the nearest neighbor has the right label, by seed."""
    return [transfer.nearest_neighbors(seen[view], 1).accuracy for seen in views[task]]


for task in tasks:
    for view in ("pixels", "fc7"):
        print(
            f"{task:18} {view:6}", *(f"≈ {100 * share:.0f} %" for share in nearest(task, view))
        )
assert min(nearest(near, "fc7")) > max(nearest(near, "pixels")) + 0.1
assert max(nearest(far, "fc7")) < min(nearest(far, "pixels"))

# %% [markdown]
# The same again: on printed digits the neighbors in fc7 are the better ones, on handwriting those in pixels are.
#
# In a `paper` run the next cell asks the same of the real thing: fc7 of the published VGG-16, which has learned ImageNet, on CIFAR-10.


# %%
def enlarged(split, count):
    """The first images of a split at VGG's size and normalization."""
    some = split.take(count)
    pixels = F.interpolate(some.pixels.float(), size=224, mode="bilinear").round().byte()
    return datasets.Split(pixels, some.labels, transfer.MEAN, transfer.STD)


if run.mode == "paper":
    counts = {"train": 2000, "valid": 500, "test": 1000}
    small = [getattr(data, name).take(count) for name, count in counts.items()]
    large = [enlarged(getattr(data, name), count) for name, count in counts.items()]
    small, large = (
        datasets.Data(*splits, data.classes, data.name) for splits in (small, large)
    )
    fc7 = transfer.extract_features(transfer.pretrained("vgg16"), large, batch_size=64)
    on_pixels, on_fc7 = probe(small, 0), probe(fc7, 0)
    print(f"linear probe: ≈ {100 * on_pixels:.0f} % on pixels, ≈ {100 * on_fc7:.0f} % on fc7")
    assert on_fc7 > on_pixels + 0.2

# %% [markdown]
# ## 9 · Exercises
#
# Put your answer in place of `...`, run the cell, read what the check found. Hints and solutions unfold.

# %%
ask.exercises["field"]

# %%
my_layers = ...
ask.exercises["field"].check(my_layers)

# %%
ask.exercises["fc6"]

# %%
my_count = ...
ask.exercises["fc6"].check(my_count)

# %%
ask.exercises["control"]

# %%
my_row = ...
ask.exercises["control"].check(my_row)

# %%
ask.exercises["receptive_field"]


# %%
def field(layers):
    return ...  # your code


ask.exercises["receptive_field"].check(field)

# %%
ask.exercises["dense"]


# %%
def as_convolution(linear, c_in):
    return ...  # your code


ask.exercises["dense"].check(as_convolution)

# %%
ask.exercises["merge"]


# %%
def merge(first, second):
    return ...  # your code


ask.exercises["merge"].check(merge)

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
# * **Receptive field** (수용 영역): two 3 × 3 layers see 5 × 5 pixels, three see 7 × 7, VGG-16's last map 212 × 212: measured by
#   back-propagating from one unit.
# * **The same effect** (같은 효과)? Without a ReLU two 3 × 3 *are* one 5 × 5, to rounding. With it the best 5 × 5 misses more than a tenth of the output's variance.
# * **Fewer parameters** (파라미터 수를 더 적게): 18C² against 25C², 27C² against 49C². Per receptive field. In all, VGG-16 has 138,357,544, and 89.4 % of them
#   are in three fully connected layers (완전 연결층), which do 0.8 % of its 15,470,264,320 multiply-adds.
# * **Memory** (메모리): 15,237,608 activations, 61 MB an image; 71 % of them in the first two blocks.
# * **More non-linearity** (non-linearity가 더 늘어난다): with equal width and view, pairs of 3 × 3 read digits better than single 5 × 5, and lose their lead without the ReLU between.
# * **VGG-19 or 16**: by top-1 error better in one of eight protocols, equal in three, worse in four; by top-5 error better in three, equal in three, worse in two.
# * **No normalization** (normalization 사용 X): A-LRN, with AlexNet's, has 29.7 % top-1 error, A without has 29.6 %.
# * **Optimization** (최적화): AlexNet's, but for the first weights, which leave a millionth of the signal behind 13 convolutions, or make it a million times stronger.
# * **FC7** generalizes (다른 task에서도 generalization이 잘됨) to classes that it never saw, if they look like those that it did: a linear classifier on fc7 reads
#   printed digits at least 25 points better than one on pixels. On handwriting an earlier layer does better.
#
# **Where to go next.** [05 GoogLeNet](05_googlenet.ipynb) gets rid of the fully connected layers' parameters and of most of the work; [06 ResNet](06_resnet.ipynb)
# makes depth pay again.
