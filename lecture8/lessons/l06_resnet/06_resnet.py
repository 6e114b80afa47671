# %% [markdown]
# # 06 · ResNet: why 152 layers can be trained
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({{colab}})
#
# **In this notebook you see a deep network fail, question the suspects one by one, and build the block that mends it: with a plus
# sign.** Paper: He, Zhang, Ren, Sun, *Deep Residual Learning for Image Recognition*, CVPR 2016.
#
# Afterwards you can
# * show degradation, and tell it from overfitting and from a vanishing gradient;
# * write the residual block, the bottleneck, and all five ResNets;
# * choose a shortcut where shapes change, and say what it costs;
# * find the mistake in a network that learns well and is evaluated badly.
#
# | | |
# |---|---|
# | **15 minutes** | run everything, then read and do the cells marked ➤ |
# | **75 minutes** | the lecture: all sections but the exercises and the project |
# | **three hours** | all of it, without the project |
# | `quick` run (default) | digits and ten photographs, any laptop, no internet, less than a minute of computing |
# | `class` run | sections 5, 6 and 8 on 5,000 CIFAR-10 photographs (170 MB to download) |
# | `paper` run | sections 5, 6 and 8 on all of them, the paper's width and recipe; a GPU for hours |

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
import copy
from statistics import median

import pandas as pd
import torch
import torchvision
from torch import nn

from lecture8 import complexity, datasets, models, plots, published, teaching, training
from lecture8 import transfer
from lecture8.lessons.l06_resnet import colleague, explorers, pictures, runs
from lecture8.lessons.l06_resnet import questions as ask

with torch.device("meta"):  # shapes only, no numbers
    nets = {
        "VGG-19": models.vgg19(),
        "34 layers, plain": models.resnet34(residual=False),
        "34 layers, residual": models.resnet34(shortcut="A"),
    }
_ = pictures.three_networks({name: complexity.profile(net).macs for name, net in nets.items()})

# %% [markdown]
# VGG had 19 layers, GoogLeNet 22. In 2015 ResNet had up to 152, and six such networks together won the ImageNet challenge with 3.57 % top-5 error. The second and third
# network above have the same layers, the same parameters and the same compute. Only the arcs are new.
#
# What you may want to change is in the next cell. For another run, write `lecture8.start("class", class_run="170 MB of CIFAR-10")` above.

# %%
SEEDS = run.choose(quick=(0, 1), class_=(0,), paper=(0, 1, 2))
WIDTH = run.choose(quick=8, class_=8, paper=16)  # channels of the first stage
EPOCHS = run.choose(quick=8, class_=6, paper=182)
RATE = run.choose(quick=0.05, class_=0.05, paper=0.1)
BATCH = run.choose(quick=64, class_=64, paper=128)
if run.mode == "quick":
    data = datasets.digits(size=8).take(960)
else:
    photographs = datasets.cifar10()
    data = run.choose(quick=None, class_=photographs.take(5_000), paper=photographs)
data

# %% [markdown]
# ## 1 · A deeper network must be at least as good. Must it?
#
# Take a network that works, and add layers. The larger network can compute whatever the smaller one can: let the new layers pass their
# input on unchanged. So on its *training* images it should never do worse. Now the experiment.
#
# **Plain** networks: one 3 × 3 convolution, three stages of 3 × 3 convolutions, global average pooling, one linear layer. Batch normalization (lesson 05) and ReLU follow
# each convolution. From stage to stage the side halves and the channels double.
#
# **Loaded, not trained here:** 8, 16 and 32 channels, 1,297 digits of 8 × 8 pixels, 60 epochs, two drops of the learning rate, three seeds. ➤ How does it end?

# %%
guess_degradation = teaching.predict(ask.predictions["degradation"])
guess_degradation

# %%
twenty, deep = runs.learned("plain", 20), runs.learned("plain", 56)
found = ask.option("degradation", (max(deep) < 99) + (max(deep) < 90))
guess_degradation.reveal(found, pictures.to_the_end(["plain"]))

# %%
teaching.claim(
    "Training accuracy by seed: {twenty} % with 20 layers, {deep} % with 56. Accuracy on new images with 56: {new} %.",
    min(twenty) == 100 and max(deep) < 60,
    twenty=runs.listed(twenty),
    deep=runs.listed(deep),
    new=runs.listed(runs.learned("plain", 56, "test_accuracy")),
)

# %% [markdown]
# Up to 20 layers every training image is learned. From 32 layers on it gets worse with every step, and the network of 56 layers fails. He and
# colleagues call this **degradation** (성능 저하). ImageNet shows it, too: plain-18 has 27.94 % top-1 error, plain-34 28.54 %.
#
# ## 2 · Three suspects
#
# **Overfitting** (과적합)? An overfitting network is good on its training images and bad on new ones. This one is bad on both. Remember
# the tool: *look at the training error* (학습 오차).
#
# **A wrong learning rate, or wrong initial weights?** ➤ Choose the next experiment. Can you find a setting that mends it? (*He fan-out* divides by the number of outputs,
# *fan-in* by that of inputs.) All runs are loaded: digits, 60 epochs.

# %%
explorers.suspects()

# %% [markdown]
# **Too little time?** Three times as many epochs, at the best rate. Guess.

# %%
guess_longer = teaching.predict(ask.predictions["longer"])
guess_longer

# %%
patient = runs.after_180()
count = sum(one >= 98 for one in patient)
found = ask.option("longer", (count > 0) + (count > 2))
guess_longer.reveal(found, pictures.every_chance())

# %%
tried = runs.digits_ends("plain", 56)
teaching.claim(
    "Plain-56, {count} settings with three seeds each: no run exceeds {most:.0f} % training accuracy in 60 epochs. At a rate of 0.005: {best} %; after 180 epochs {patient} %.",
    tried.max().max() < 92 and count == 2 and min(patient) < 60,
    count=len(tried),
    most=tried.max().max(),
    best=runs.listed(tried.loc[0.005, "he"]),
    patient=runs.listed(patient, 1),
)

# %% [markdown]
# So good weights for 56 plain layers exist, and training can find them: *hard to find, not impossible*. This is what “**hard to optimize**” (최적화가 어렵다) means. A fourth suspect, the
# gradient, is questioned in section 6, when you have both kinds of networks to compare.
#
# ## 3 · The residual block
#
# If extra layers should copy their input and cannot learn it, give them the copy for free. The layers compute F(x), and the block outputs
#
# $$y = \mathrm{ReLU}\big(F(x) + x\big)$$
#
# If H(x) is what the block should output, its layers have to learn only the rest, F(x) = H(x) − x: the **residual** (잔차). The way around them is
# the **identity shortcut** (항등 지름길). ➤ Compare the two blocks, then write them as one class.

# %%
_ = pictures.plain_or_residual(64)

# %%
ask.builds["block"]


# %%
class Block(nn.Module):
    def __init__(self, c_in, c_out, stride=1, shortcut=None):
        super().__init__()
        self.conv1 = ...
        self.norm1 = ...
        self.conv2 = ...
        self.norm2 = ...
        self.shortcut = shortcut

    def forward(self, x):
        f = ...  # the first pair and ReLU
        f = ...  # the second pair
        if self.shortcut is not None:
            f = ...
        return ...


Block = ask.builds["block"].use(Block)

# %% [markdown]
# You may read that simple images take the shortcut and skip the layers. Look at `forward`: nothing is chosen. F(x) + x is computed for every image.
#
# Is “do nothing” easy to learn now? Set one number per channel to zero, the last scale:

# %%
lazy = Block(16, 16, shortcut=nn.Identity()).eval()
nn.init.zeros_(lazy.norm2.weight)
x = torch.rand(1, 16, 8, 8)  # as after a ReLU: nothing is negative
teaching.claim(
    "With the last scale at zero the block returns its input, bit for bit.",
    torch.equal(lazy(x), x),
)

# %% [markdown]
# And backpropagation? By the chain rule, with one number in place of a matrix and before the last ReLU,
#
# $$\frac{\partial y}{\partial x} = 1 + \frac{\partial F}{\partial x}$$
#
# In a row of blocks these factors multiply. Without the 1, small factors make the product tiny and large ones make it huge. With it, the product has one term that
# no layer can change: the gradient at the end, passed on as it is. The last ReLU is left out here: where it outputs 0, it blocks both ways.

# %%
ask.exercises["growth"]

# %%
my_growth = ...
ask.exercises["growth"].check(my_growth)

# %% [markdown]
# <details><summary>➤ If each block can so easily do nothing, why does a residual network learn anything at all?</summary>
#
# F = 0 is where it is easy to be, not where it starts or ends. Each block gets a gradient, and adds what lowers the loss. The shortcut only
# changes what “no change” costs.
#
# </details>
#
# ## 4 · When the shapes change
#
# F(x) and x can be added only if they have the same shape. Does a ResNet keep one shape all the way? Look at the picture at the top: three times the
# side halves and the channels double (**downsampling**, 다운샘플링; the first stage does so by pooling). Nothing ever grows back. At these three places the shortcut needs help. The paper tries three options:

# %%
_ = pictures.shortcuts()

# %% [markdown]
# B and C use a **projection** (투영), a 1 × 1 convolution. A needs no parameters: write it.

# %%
ask.builds["option_a"]


# %%
class OptionA(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.extra = c_out - c_in

    def forward(self, x):
        x = ...  # every second row and column
        return ...  # and channels of zeros


OptionA = ask.builds["option_a"].use(OptionA)

# %%
ten_crops = published.read("imagenet_errors").query("crops == '10' and nets == 1")
published_errors = ten_crops.set_index("network")["top1"]
rows = {}
for option in "ABC":
    with torch.device("meta"):
        cost = complexity.profile(models.resnet34(shortcut=option))
    printed = published_errors[f"ResNet-34 {option}"]
    rows[option] = [f"{cost.params:,}", f"{cost.macs:,}", f"{printed:.2f}"]
columns = ["parameters", "multiply-adds", "ImageNet top-1 error, % (paper, 10 crops)"]
pd.DataFrame.from_dict(rows, orient="index", columns=columns)

# %% [markdown]
# C is a little better than B, and B than A. The authors conclude that projections are not essential, and use B in their deeper networks. What if the network is deeper, with 27
# shortcuts in a row instead of 16?

# %%
guess_options = teaching.predict(ask.predictions["options"])
guess_options

# %%
# loaded, not trained here: digits, 8 to 32 channels, 12 epochs, three seeds
final_loss = runs.by_shortcut(56)[0]
found = ask.which_is_worst(final_loss)
guess_options.reveal(found, pictures.losses_by_shortcut(56, "ABC"))

# %%
teaching.claim(
    "56 layers: mean training loss after 12 epochs {loss} with shortcut A, B and C.",
    final_loss["C"] > 5 * final_loss[["A", "B"]].max(),
    loss=runs.listed(final_loss, 3),
)

# %% [markdown]
# What B has and C lacks is the *identity*, at 25 of 27 shortcuts: the 1 in 1 + ∂F/∂x is gone. This does not contradict the
# paper: other images, fewer layers, longer training. The authors found the same with 110 layers (*Identity Mappings in Deep Residual Networks*, 2016).
#
# ## 5 · A ResNet of your blocks
#
# Plain or residual, 20 or 56 layers, all from one function:

# %%
ask.builds["resnet"]


# %%
def resnet(depth, width=16, classes=10, channels=3, residual=True):
    layers = [nn.Conv2d(channels, width, 3, padding=1, bias=False)]
    layers += [nn.BatchNorm2d(width), nn.ReLU()]
    c_in = width
    for c_out in (width, 2 * width, 4 * width):
        for _ in range((depth - 2) // 6):
            stride = ...
            shortcut = ...
            layers.append(...)
            c_in = ...
    end = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, classes)
    return nn.Sequential(*layers, *end)


resnet = ask.builds["resnet"].use(resnet)


# %%
def fresh(depth, residual, seed):
    torch.manual_seed(seed)
    channels = data.image_shape[0]
    net = resnet(depth, WIDTH, data.num_classes, channels, residual)
    return models.layers.he_init(net)


counted = [
    complexity.profile(fresh(56, residual, 0), data.image_shape) for residual in (False, True)
]
teaching.claim(
    "56 layers: {params:,} parameters and {macs:,} multiply-adds, plain and residual alike.",
    (counted[0].params, counted[0].macs) == (counted[1].params, counted[1].macs),
    params=counted[1].params,
    macs=counted[1].macs,
)


# %%
def train(depth, residual, seed):
    net = fresh(depth, residual, seed)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=0.9, weight_decay=1e-4)
    drops = [EPOCHS // 2, EPOCHS * 3 // 4]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, drops)
    kept = run.keep("06", WIDTH, RATE, BATCH, EPOCHS, depth, residual, seed)
    options = {"batch_size": BATCH, "scheduler": schedule, "seed": seed, "checkpoint": kept}
    return net, training.fit(net, data, optimizer, EPOCHS, **options)


kinds = {"plain": False, "residual": True}
trained = {
    f"{kind}-20": [train(20, residual, seed) for seed in SEEDS]
    for kind, residual in kinds.items()
}

# %%
trained["plain-56"] = [train(56, False, SEEDS[0])]  # one seed: they take three times as long

# %%
trained["residual-56"] = [train(56, True, SEEDS[0])]

# %% tags=["measured"]
histories = {name: [history for _, history in nets] for name, nets in trained.items()}
_ = plots.curves(histories, log=True, title="Your networks: training loss")
loss = {
    name: sum(h.last["train_loss"] for h in some) / len(some)
    for name, some in histories.items()
}
teaching.claim(
    "Training loss at the end (20 layers: mean of the seeds; 56: one seed): plain-20 ≈ {a:.2f}, residual-20 ≈ {b:.2f}, plain-56 ≈ {c:.2f}, residual-56 ≈ {d:.2f}.",
    loss["plain-56"] > loss["plain-20"] > loss["residual-20"]
    and loss["plain-56"] > loss["residual-56"],
    a=loss["plain-20"],
    b=loss["residual-20"],
    c=loss["plain-56"],
    d=loss["residual-56"],
)

# %% [markdown]
# These are only a few epochs. The long runs of section 1, now with shortcuts (loaded):

# %%
_ = pictures.to_the_end()
depths = (8, 14, 20, 32, 44, 56)
learned = [min(runs.learned("A", depth)) for depth in depths]
missed = [100 - sum(runs.learned("A", depth, "test_accuracy")) / 3 for depth in depths]
teaching.claim(
    "With shortcuts every seed learns {least:.0f} % of the training images, at every depth. Mean test error, 8 to 56 layers: {missed} %.",
    min(learned) == 100,
    least=min(learned),
    missed=runs.listed(missed, 1),
)

# %% [markdown]
# Section 1's argument can now be written down as code.

# %%
ask.exercises["deepen"]


# %%
def deepen(net, kind):
    return ...  # your code


ask.exercises["deepen"].check(deepen)

# %% [markdown]
# ### Does depth pay now?
#
# On digits it cannot: with 8 layers everything is learned already. So look at photographs. **Loaded, not trained here**: 45,000 of CIFAR-10, 8 to 32 channels, 20 epochs, one seed.

# %%
_ = pictures.on_photographs()
error = runs.photographs()
names = ["plain-56", "plain-20", "residual-20", "residual-56"]
teaching.claim(
    "Test error, one seed: plain-56 {a:.1f} %, plain-20 {b:.1f} %, residual-20 {c:.1f} %, residual-56 {d:.1f} %.",
    error["plain-56"] > error["plain-20"] > error["residual-20"] > error["residual-56"],
    **dict(zip("abcd", (error[name] for name in names))),
)

# %% [markdown]
# One point between 20 and 56 layers is little, and one seed proves nothing. Published runs are longer (164 epochs and more, 16 channels). One repository ends at 9.69 % (plain-20), 13.07 (plain-56), 8.04
# (residual-20) and 7.46 (residual-56). The paper has 8.75 % with 20 layers, 7.51 with 32, 7.17 with 44, 6.97 with 56 and 6.43 with 110, the best of five runs (mean 6.61 ± 0.16). And on
# ImageNet, one network each:

# %%
table2 = published_errors[["plain-18", "plain-34", "ResNet-18", "ResNet-34 A"]]
colors = dict.fromkeys(("plain-18", "plain-34"), plots.ORANGE)
words = {"xlabel": "ImageNet top-1 error, % (paper, 10 crops)", "form": "{:.2f}"}
_ = plots.bars(table2.to_dict(), colors=colors, **words)

# %% [markdown]
# ➤ Which two differences make the paper's point?
#
# <details><summary>The answer, and the limit</summary>
#
# Plain: 0.60 points worse from 18 to 34 layers. Residual: 2.85 points better. At 18 layers the shortcut brings next to nothing.
#
# Depth does not pay forever. The paper's network of 1,202 layers learns its training images (below 0.1 % error), but has 7.93 % test error. The authors suspect overfitting: 19.4 million
# parameters for 50,000 small images.
#
# </details>
#
# **Change the experiment, and defend your result.** Is it the depth, or the number of shortcuts? Set `residual=True` for every second block only (write your own variant of `resnet`), with 56 layers, and
# train it with `SEEDS`. First write down what you expect. Then three sentences: what you measured, what it shows, what it does not show.
#
# ### Debugging: 100 % in training
#
# A colleague has a residual network of 20 layers, too. Training goes well. On new images it is hardly better than guessing. “Overfitting”, says the colleague.

# %%
theirs, log = colleague.trained(data, 20, WIDTH, RATE, BATCH, EPOCHS)
new = training.evaluate(theirs, data).accuracy
teaching.claim(
    "Accuracy while training: ≈ {seen:.0f} %. On new images: ≈ {new:.0f} %.",
    log.last["train_accuracy"] > new + run.choose(quick=0.5, class_=0.1, paper=0.1),
    seen=100 * log.last["train_accuracy"],
    new=100 * new,
)

# %% [markdown]
# ➤ Is it overfitting? Which number do you ask for first? (Remember section 2.) Then find the mistake.

# %%
ask.exercises["mend"]


# %%
def mend(net, images):
    return ...  # your code


# after a ✅ remove the # here: the accuracy on new images, before and after
# mended = mend(copy.deepcopy(theirs), data.train.images[:500])
# print(new, training.evaluate(mended, data).accuracy)
ask.exercises["mend"].check(mend)

# %% [markdown]
# ## 6 · Does the gradient vanish?
#
# The fourth suspect. A **vanishing gradient** (기울기 소실) shrinks during backpropagation, until almost nothing arrives at the first layers.

# %%
guess_gradients = teaching.predict(ask.predictions["gradients"])
guess_gradients

# %% [markdown]
# You measure the gradient norm of every convolution at every step: before training (step 0), and while both networks learn.


# %%
def gradient_norms(net, steps):
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=0.9, weight_decay=1e-4)
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    order, norms = torch.Generator().manual_seed(0), []
    while len(norms) < steps:
        for images, labels in data.batches("train", BATCH, order):
            loss = nn.functional.cross_entropy(net(images), labels)
            optimizer.zero_grad()
            loss.backward()
            norms.append([layer.weight.grad.norm().item() for layer in layers])
            optimizer.step()
    return norms[:steps]


STEPS = 45
norms = {f"{kind}-56": gradient_norms(fresh(56, kinds[kind], 0), STEPS) for kind in kinds}

# %% tags=["measured"]
start = {name: steps[0][0] / steps[0][-1] for name, steps in norms.items()}
found = ask.option("gradients", (start["plain-56"] > 0.5) + (start["plain-56"] > 2))
guess_gradients.reveal(found, pictures.heat(norms))

# %%
plain, residual = runs.first_over_last("plain"), runs.first_over_last("A")
teaching.claim(
    "Gradient norm, first over last convolution. Your networks before training: plain-56 ≈ {mine:.0f}, residual-56 ≈ {yours:.0f}. Loaded, digits, three seeds: plain {before} "
    "before training, {after} after one epoch; residual {first}, then {least:.1f} to {most:.1f} in 60 epochs.",
    start["plain-56"] > 20 * start["residual-56"] and plain.loc[0].min() > 500,
    mine=start["plain-56"],
    yours=start["residual-56"],
    before=runs.listed(plain.loc[0]),
    after=runs.listed(plain.loc[1], 3),
    first=runs.listed(residual.loc[0]),
    least=residual.drop(0).min().min(),
    most=residual.drop(0).max().max(),
)

# %% [markdown]
# Before the first step nothing vanishes: in the plain network the gradient *grows* toward the image. After some ten steps it is the other way round: layers near the image get the smaller gradients. In the residual
# network first and last layers soon stay within a factor of about three.
#
# The paper checked that its plain networks have healthy gradient norms, and calls degradation “unlikely to be caused by vanishing gradients”. It conjectures exponentially low convergence rates.
# Later theory for fully connected networks before training finds the same growth, and its cause in batch normalization (Yang et al., 2019). Whether it is why plain-56 learns
# badly is not shown by our picture.
#
# <details><summary>➤ How could you test it?</summary>
#
# Change only the gradient's size per layer: a learning rate for each layer that makes all first steps equally large in comparison with the weights. If plain-56 then learns, the growth was the reason. See the project.
#
# </details>
#
# ➤ And shortcut C? Compare the gradients of plain, A, B and C before training. From which depth on does a plain network need help? And C?

# %%
explorers.depth()

# %%
growth = runs.by_shortcut(56)[1]
teaching.claim(
    "56 layers, gradient norm before training, first over last convolution: {growth} with shortcut A, B and C.",
    growth["C"] > 100 and growth[["A", "B"]].max() < 30,
    growth=runs.listed(growth),
)

# %% [markdown]
# With a projection in every shortcut the gradient grows almost as in a plain network.
#
# <details><summary>From which depth on?</summary>
#
# After 12 epochs plain networks end below 0.15 up to 20 layers in every seed, and above 0.3 from 32 on. From 44 layers on, C ends more than five times above A and B.
#
# </details>
#
# ## 7 · From 34 to 152 layers: the bottleneck
#
# Two 3 × 3 convolutions on 256 channels are expensive. For 50 and more layers the paper uses the **bottleneck** (병목): GoogLeNet's 1 × 1 shrinks to 64 channels, one 3 × 3 works there, another 1 × 1
# widens again. In order: convolution, normalization, ReLU; convolution, normalization, ReLU; convolution, normalization; then the sum, then ReLU.

# %%
_ = pictures.basic_or_bottleneck()

# %%
ask.builds["bottleneck"]


# %%
class Bottleneck(nn.Module):
    def __init__(self, c_in, c_out, stride=1, shortcut=None):
        super().__init__()
        width = c_out // 4
        self.conv1 = ...
        self.norm1 = ...
        self.conv2 = ...
        self.norm2 = ...
        self.conv3 = ...
        self.norm3 = ...
        self.shortcut = shortcut

    def forward(self, x):
        f = ...
        return ...


Bottleneck = ask.builds["bottleneck"].use(Bottleneck)

# %%
with torch.device("meta"):
    pair = [kind(256, 256, shortcut=nn.Identity()) for kind in (Block, Bottleneck)]
two, three = (complexity.profile(block, (256, 56, 56)).macs for block in pair)
teaching.claim(
    "At 56 × 56 pixels: your Block {two:.1f} G multiply-adds, your Bottleneck {three:.0f} M, {ratio:.0f} times less.",
    two > 16 * three,
    two=two / 1e9,
    three=three / 1e6,
    ratio=two / three,
)

# %% [markdown]
# Now all five networks of the paper's Table 1, from your two blocks. The **stem** is 7 × 7 with stride 2, then max pooling; at the end the average of each feature map, then *one* fully
# connected layer.


# %%
def option_b(c_in, c_out, stride):
    if stride == 1 and c_in == c_out:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))


def imagenet_resnet(block, blocks, classes=1000):
    layers = [nn.Conv2d(3, 64, 7, 2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    layers.append(nn.MaxPool2d(3, 2, padding=1))
    c_in = 64
    for i, count in enumerate(blocks):
        c_out = 64 * 2**i * (4 if block is Bottleneck else 1)
        for j in range(count):
            stride = 2 if i > 0 and j == 0 else 1
            layers.append(block(c_in, c_out, stride, option_b(c_in, c_out, stride)))
            c_in = c_out
    end = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c_in, classes)
    return nn.Sequential(*layers, *end)


# %%
TABLE1 = {
    18: (Block, (2, 2, 2, 2)),
    34: (Block, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}
with torch.device("meta"):
    five = {n: complexity.profile(imagenet_resnet(*table)) for n, table in TABLE1.items()}
named = ["ResNet-18", "ResNet-34 B", "ResNet-50", "ResNet-101", "ResNet-152"]
pd.DataFrame(
    {
        "layers": [cost.depth for cost in five.values()],
        "parameters": [f"{cost.params:,}" for cost in five.values()],
        "multiply-adds": [f"{cost.macs:,}" for cost in five.values()],
        "top-1 error, % (paper, 10 crops)": [f"{published_errors[name]:.2f}" for name in named],
    },
    index=named,
)  # fmt: skip

# %% [markdown]
# Eight times the layers for six times the compute, and 152 layers cost less than VGG-19 (19.6 G). Each step in depth lowers the error: here depth pays. (ResNet-18 has option A in the paper, the others B.) One ResNet-152, tested at several
# scales, has 4.49 % top-5 error; the 3.57 % of the challenge are of six networks.

# %%
ask.exercises["bottleneck_cost"]

# %%
my_cost = ...
ask.exercises["bottleneck_cost"].check(my_cost)

# %% [markdown]
# <details><summary>For the curious: 3.8, 4.1 or 4.12 G multiply-adds for ResNet-50?</summary>
#
# All are right. The authors' networks halve the side in the first 1 × 1 of a block (“v1”: 3.86 G, printed as 3.8); torchvision's and yours in the 3 × 3 (“v1.5”: 4.09 G), with the
# same parameters. 4.12 G counts batch normalization and ReLU, too. Always ask *which* ResNet-50, and *what* was counted.
#
# </details>
#
# ## 8 · Take one block out
#
# Replace one block of a trained network by the identity, train nothing, and test. (After Veit, Wilber and Belongie, 2016.)

# %%
guess_removal = teaching.predict(ask.predictions["removal"])
guess_removal

# %%
images, labels = data.test.images[:1000], data.test.labels[:1000]


def accuracy(net):
    with torch.no_grad():
        return (net.eval()(images).argmax(1) == labels).double().mean().item()


def points_lost(net):
    """Block → points of accuracy that its removal costs. Blocks that change the shape must stay."""
    n, lost = (len(net) - 6) // 3, {}
    for block in set(range(1, 3 * n + 1)) - {n + 1, 2 * n + 1}:
        less = copy.deepcopy(net)
        less[2 + block] = nn.Identity()
        lost[block] = 100 * (accuracy(net) - accuracy(less))
    return lost


# %% tags=["measured"]
damage = {}
for name in ("plain-20", "residual-20", "residual-56"):
    by_seed = [points_lost(net) for net, _ in trained[name]]
    damage[name] = {block: [lost[block] for lost in by_seed] for block in by_seed[0]}
middle = {
    name: median(one for lost in found.values() for one in lost)
    for name, found in damage.items()
}
share = middle["residual-20"] / max(middle["plain-20"], 1)
found = ask.option("removal", 2 if share < 0.5 else 1 if share < 1.5 else 0)
guess_removal.reveal(found, pictures.removal(damage))

# %%
teaching.claim(
    "One block less costs, in the median: plain-20 ≈ {a:.0f} points of accuracy, residual-20 ≈ {b:.0f}, residual-56 ≈ {c:.0f}.",
    middle["plain-20"] > 2 * max(middle["residual-20"], middle["residual-56"]),
    **dict(zip("abc", middle.values())),
)

# %% [markdown]
# In a plain network each layer sees only what the layer before it produced. In a residual network a sum passes through, x + F₁ + F₂ + … (without the ReLUs), and each block adds its part. The earlier a block, the more it is missed.
# ➤ Take out one block, and then two: which ones are missed most, and do two cost as much as the one plus the other? (Loaded: two networks of 20 layers on digits, one seed.)

# %%
explorers.removal()

# %%
ask.exercises["paths"]

# %%
my_paths = ...
ask.exercises["paths"].check(my_paths)

# %% [markdown]
# <details><summary>➤ Is a ResNet then an ensemble of shallow networks?</summary>
#
# Removal fits that picture: in an ensemble, one member less costs little. But some blocks cost much more than others, so the paths are no equal voters; and they were trained together, not one by one. A test: take out
# 2, 4, 8 blocks at random. In an ensemble the accuracy falls gently.
#
# </details>
#
# ## 9 · How to train it
#
# | | ImageNet | CIFAR-10 |
# |---|---|---|
# | initial weights | He's rule (He 초기화) | He's rule |
# | optimizer | SGD, momentum 0.9, batches of 256 | SGD, momentum 0.9, batches of 128 |
# | learning rate | 0.1, divided by 10 when the error stops falling | 0.1, divided by 10 after 32,000 and 48,000 of 64,000 steps |
# | weight decay | 1e-4 | 1e-4 |
# | against overfitting | crops and mirroring, *no* dropout | the same |
# | normalization | batch normalization after every convolution, before the ReLU | the same |
#
# With 110 layers the authors began with a **warm-up**: a rate of 0.01 until the training error fell below 80 %, then 0.1.
#
# <details><summary>For the curious: “Xavier initialization”, weight decay 1e-5</summary>
#
# You find both in summaries of ResNet. The paper says “as in [13]”, He et al. 2015, whose rule has the variance 2/n for ReLU. There n counts a layer's inputs (their equation 10), or its outputs (equation 14): they
# call either sufficient. Glorot's rule (also called Xavier) is 2/(inputs + outputs), about half as much. A well-known slide prints “Xavier/2”, which may mean: with half of n. And the weight decay is 0.0001.
#
# </details>
#
# <details><summary>➤ You train 50 layers on 500 photographs of your own. Which rows would you keep?</summary>
#
# None without a test. Start from published weights (lesson 01), with a rate far below 0.1. With so few images overfitting is the danger: crops, mirroring, weight decay. With
# small batches, keep the running statistics of batch normalization fixed.
#
# </details>
#
# ## 10 · Ten photographs
#
# ➤ Your ResNet-20 gets weights that we trained on CIFAR-10 (8, 16, 32 channels; they classify 78.6 % of its test images correctly), and sees ten photographs at 32 × 32 pixels. It knows ten classes:
# airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck. Not all animals below are among them.

# %%
mine = resnet(20, width=8)
transfer.load_in_order(mine, models.small.resnet20(weights="cifar10").state_dict())
said = transfer.recognize(mine, datasets.animals(), size=32, like="cifar10")
_ = plots.images(datasets.animals(96).values(), said, columns=5, size=1.5)

# %% [markdown]
# Right are the cat, the horses and the duck; a moose is a deer, if you like. At 32 × 32 pixels, a hen is a frog. **With a network connection**, your ResNet-18 takes the published ImageNet weights, and names the
# same photographs among a thousand classes.

# %%
DOWNLOAD = False  # True gets the weights of ResNet-18: 45 MB, once
album = datasets.animals(224)
# your own photograph: album["mine"] = torchvision.io.decode_image("mine.jpg", "RGB")
if DOWNLOAD:
    weights = torchvision.models.ResNet18_Weights.IMAGENET1K_V1
    try:
        yours = imagenet_resnet(*TABLE1[18])
        transfer.load_in_order(yours, weights.get_state_dict(check_hash=True))
        titles = transfer.recognize(yours, album)
        _ = plots.images(album.values(), titles, columns=5, size=2)
    except OSError as error:  # no network
        print(error)

# %% [markdown]
# ## 11 · Project: rescue plain-56
#
# Make a plain network of 56 layers learn the digits in 60 epochs, without shortcuts. Ideas: a learning rate for each layer; initial weights near a copy (`nn.init.dirac_`); a warm-up; begin with 20 layers
# and insert more (how, without a shortcut?). Then show *why* it works, as in lessons 02 and 04: one change at a time, and controls.
#
# | criterion | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | success | below 91 % | one seed learns 99 % of the training images | three seeds do |
# | one change | several at once | one change | also: each of its parts alone |
# | controls | none | plain-56 as it was | also: the same change with plain-20 and residual-56 |
# | reason | none | a guess | a measurement: gradient norms by layer and step, before and after |
# | honest reporting | “best” | result with its conditions | also: what did not help, and at which rates |


# %%
digits = datasets.digits(size=8)  # as in section 1, whatever run this is


def attempt(net, epochs, rate=0.05):
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9, weight_decay=1e-4)
    drops = [epochs // 2, epochs * 3 // 4]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, drops)
    training.fit(net, digits, optimizer, epochs, batch_size=64, scheduler=schedule)
    seen = 100 * training.evaluate(net, digits, "train").accuracy
    print(f"≈ {seen:.0f} % of the training images after {epochs} epochs")


torch.manual_seed(0)
plain56 = models.layers.he_init(resnet(56, 8, channels=1, residual=False))
attempt(plain56, epochs=3)  # 60, when you are ready

# %% [markdown]
# ## 12 · Quiz

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
# | **degradation** (성능 저하) | plain networks of 32 layers and more fit even their training images worse |
# | not **overfitting** (과적합) | the training error (학습 오차) is high, too |
# | **hard to optimize** (최적화) | eight settings fail in 60 epochs; two of three seeds succeed in 180 |
# | **residual learning** (잔차 학습) | y = ReLU(F(x) + x), always; with F = 0 a block returns its input bit for bit |
# | **shortcuts** where shapes change | A zeros, B projection where needed, C projection everywhere: at 56 layers C loses the identity |
# | **gradient** (기울기) | it does not vanish before training; in plain-56 it grows toward the image, 700 to 2,000 times |
# | **downsampling** (다운샘플링) | the side halves, the channels double, nothing grows back |
# | **bottleneck** (병목) | 1 × 1, 3 × 3, 1 × 1; 18, 34, 50, 101 and 152 layers from one function |
# | **removal** | in the median one block less costs the residual network little, the plain one nearly everything |
# | the recipe | SGD from 0.1, He's initialization, batch normalization after each convolution, no dropout |
#
# **Where to go next.** [07 Inception-v3](07_inception_v3.ipynb) makes layers cheaper instead, and [08 Inception-v4](08_inception_v4.ipynb) asks whether the two ideas
# fit together. The map: [00 Start here](00_start_here.ipynb).
