# %% [markdown]
# # 06 · ResNet: why 152 layers can be trained
#
# {{badges}}
#
# **In 2015 networks had stopped getting better with depth. Question the suspects one by one, and build what helped.** Paper: He, Zhang,
# Ren, Sun, *Deep Residual Learning for Image Recognition*, CVPR 2016.
#
# Afterwards you can
# * tell whether a deeper network overfits or is harder to train;
# * measure gradients by layer, and say what that shows and what not;
# * write the residual block, the bottleneck, and all five ResNets;
# * find a mistake by asking for one more number.
#
# | | |
# |---|---|
# | **15 minutes** | run everything, make the predictions, read cells marked ➤ |
# | **75 minutes** | the lecture: sections 1 to 7, where you build `Block` and `resnet`; the rest (two hours, without the project) is homework |
# | `quick` run (default) | digits, any laptop, no internet, less than a minute |
# | `class` run | sections 5, 6 and 8 on 5,000 CIFAR-10 photographs (170 MB to download) |
# | `paper` run | the same on all of them, with the paper's width and recipe; a GPU for hours |

# %%
# {{install}}
import lecture8

run = lecture8.start(class_run="170 MB of CIFAR-10")

# %%
import copy
from statistics import median

import pandas as pd
import torch
import torchvision
from torch import nn

from lecture8 import complexity, datasets, live, models, plots, published, teaching, training
from lecture8 import transfer
from lecture8.lessons.l06_resnet import colleague, drawings, explorers, pictures, runs
from lecture8.lessons.l06_resnet import questions as ask

with torch.device("meta"):  # shapes only, no numbers
    nets = {"VGG-19": models.vgg19(), "34 layers": models.resnet34(residual=False)}
macs = {name: complexity.profile(net).macs for name, net in nets.items()}
_ = drawings.networks_of_34(macs)

# %% [markdown]
# VGG had 19 layers, GoogLeNet 22; ResNet had up to 152. An ensemble of six ResNets of different depths won the ImageNet challenge of 2015 with 3.57 % top-5 error.
#
# The settings you may want to change are in the next cell. For another run, write `lecture8.start("class", class_run="170 MB of CIFAR-10")` above.

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
# Take a network that works, and add layers. The larger network can compute whatever the smaller one can, if the new layers pass their
# input on unchanged. So on its *training* images it should never do worse.
#
# **Plain** networks of 6n + 2 layers: one 3 × 3 convolution, three stages of 2n more, global average pooling, one linear layer. Batch normalization (lesson 05) and ReLU follow
# each convolution. From stage to stage the side halves and the channels double.
#
# **Loaded, not trained here:** 8, 16 and 32 channels, 1,297 digits of 8 × 8 pixels, 60 epochs at a rate of 0.05 with two drops, batches of 64, three seeds. ➤ What do you expect at the end?

# %%
guess_degradation = teaching.predict(ask.predictions["degradation"])
guess_degradation

# %%
twenty, deep = runs.learned("plain", 20), runs.learned("plain", 56)
found = ask.predictions["degradation"].option((max(deep) < 99) + (max(deep) < 90))
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
# With 32 layers some training images are missed, with 44 up to 18 %, with 56 about half or more. He and
# colleagues call this **degradation** (성능 저하). The paper reports it on ImageNet, too: plain-34 has a higher *training* error than plain-18 throughout training, and a
# higher validation error (28.54 against 27.94 %, top-1, 10 crops, one network each).
#
# ## 2 · Three suspects
#
# **Overfitting** (과적합)? An overfitting network is good on its training images and bad on new ones. This one is bad on both: *look at the
# training error* (학습 오차).
#
# **A wrong learning rate, or wrong initial weights?** **He initialization** (He 초기화) draws weights with variance 2/n. In *fan-out* n counts a layer's outputs (kernel area × output channels), in
# *fan-in* its inputs; Glorot uses 2/(inputs + outputs). ➤ Choose the next experiment. Does any setting help? (Loaded: digits, 60 epochs.)

# %%
explorers.suspects()

# %% [markdown]
# These initializations differ in little but scale, and batch normalization makes a layer's output independent of the scale of its weights: the test is nearly blind. (It was made at 0.05
# only. The project tries another *kind*.)
#
# **Too little time?** Three times as many epochs. Guess.

# %%
guess_longer = teaching.predict(ask.predictions["longer"])
guess_longer

# %%
patient = runs.after_180()
count = sum(one >= 98 for one in patient)
found = ask.predictions["longer"].option((count > 0) + (count > 2))
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
# So good weights for 56 plain layers exist, and training can find them: *hard to find, not impossible*. This is what “**hard to optimize**” (최적화가 어렵다) means. The fourth suspect follows
# in section 6.
#
# ## 3 · The residual block
#
# If extra layers should copy their input and cannot learn to, give them the copy for free. The layers compute F(x), and the **residual block** (잔차 블록) outputs
#
# $$y = \mathrm{ReLU}\big(F(x) + x\big)$$
#
# If H(x) is what the block should output, its layers have to learn only the rest, F(x) = H(x) − x: the **residual** (잔차). The way around them is
# the **identity shortcut** (항등 지름길), also called a **residual connection** (잔차 연결). ➤ Compare the two blocks, then write them as one class. A network
# of 34 layers with such blocks has the same layers, parameters and compute as the plain one, except for the additions.

# %%
_ = drawings.plain_or_residual(64)
_ = drawings.networks_of_34({"34 layers with shortcuts": macs["34 layers"]})

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
# You may read that simple images take the shortcut and skip the layers. Look at `forward`: F(x) + x is computed for every image.
#
# Is “do nothing” easy to *write down* now? Set one number per channel to zero, the last scale. In a plain block you would have to set every 3 × 3 kernel to a copy instead, with scales and shifts
# that undo the normalization.

# %%
torch.manual_seed(0)
lazy = Block(16, 16, shortcut=nn.Identity()).eval()
nn.init.zeros_(lazy.norm2.weight)
x = torch.rand(1, 16, 8, 8)  # as after a ReLU: nothing is negative
teaching.claim(
    "With the last scale at zero the block returns its input, bit for bit.",
    torch.equal(lazy(x), x),
)

# %%
guess_order = teaching.predict(ask.predictions["order"])
guess_order

# %%
torch.manual_seed(0)
ends_with_relu = Block(16, 16)  # no shortcut inside: the last layer is ReLU
y = (x + ends_with_relu(x)).detach()
found = ask.predictions["order"].option(1 if (y >= x).all() else 2)
guess_order.reveal(found, drawings.in_and_out(x, y))

# %% [markdown]
# And backpropagation? By the chain rule, with one number in place of a matrix and before the last ReLU,
#
# $$\frac{\partial y}{\partial x} = 1 + \frac{\partial F}{\partial x}$$
#
# The 1 is the derivative of the shortcut. In a row of blocks these factors multiply: (1 + a)(1 + b) = 1 + a + b + ab. The first term is the gradient at the end, passed on as it is: small factors
# need not make it vanish. It can still grow; so can a plain network's, with factors above 1. Where shapes change the 1 is missing or covers some channels only; a last ReLU that outputs 0 blocks both ways.

# %%
ask.exercises["growth"]

# %%
my_growth = ...  # two numbers: (residual, plain)
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
# F(x) and x can be added only if they have the same shape. Look at the dashed arcs in section 3: there the side halves (**downsampling**, 다운샘플링) and
# the channels double. Nothing grows back. The paper tries three shortcuts:
#
# * **A**: take every second pixel, fill the new channels with zeros.
# * **B**: a **projection** (투영), a 1 × 1 convolution, where the shapes change; the identity elsewhere.
# * **C**: a projection in every shortcut.
#
# (With the bottlenecks of section 7 there is a fourth place, from 64 to 256 channels.)

# %%
_ = drawings.shortcuts()

# %% [markdown]
# A needs no parameters: write it.

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
# C is a little better than B, and B than A (one network each). The authors call the differences small, and use B in their deeper networks. Now 27
# shortcuts in a row instead of 16:

# %%
guess_options = teaching.predict(ask.predictions["options"])
guess_options

# %%
# loaded, not trained here: digits, 8 to 32 channels, 12 epochs, three seeds
final_loss = runs.by_shortcut(56)[0]
found = ask.which_is_worst(final_loss)
guess_options.reveal(found, pictures.losses_by_shortcut(56, "ABC"))

# %%
by_seed = {kind: runs.listed(runs.last_loss(kind, 56), 3) for kind in "ABC"}
teaching.claim(
    "56 layers: training loss after 12 epochs, by seed: A {A}; B {B}; C {C}.",
    final_loss["C"] > 5 * final_loss[["A", "B"]].max(),
    **by_seed,
)

# %% [markdown]
# What B has and C lacks is the *identity*, at 25 of 27 shortcuts. But C also adds a convolution and a normalization at each. So this fits with the missing identity; it does not prove
# it. And C's loss is still falling. The paper's table is of other images, fewer layers, longer training.
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
def fresh(depth, residual, seed, build=resnet):
    torch.manual_seed(seed)
    channels = data.image_shape[0]
    net = build(depth, WIDTH, data.num_classes, channels, residual)
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
def train(depth, residual, seed, build=resnet, name="resnet"):
    net = fresh(depth, residual, seed, build)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=0.9, weight_decay=1e-4)
    drops = [EPOCHS // 2, EPOCHS * 3 // 4]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, drops)
    # a file from which an interrupted class or paper run resumes
    kept = run.keep("06", name, WIDTH, RATE, BATCH, EPOCHS, depth, residual, seed)
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
_ = plots.curves(
    histories, log=True, title="Your networks (thin: seeds, bold: their geometric mean)"
)
loss = {name: [h.last["train_loss"] for h in some] for name, some in histories.items()}
teaching.claim(
    "Training loss at the end, by seed: plain-20 ≈ {a}, residual-20 ≈ {b}, plain-56 ≈ {c}, residual-56 ≈ {d}.",
    min(loss["plain-56"]) > max(loss["plain-20"])
    and min(loss["plain-20"]) > max(loss["residual-20"])
    and min(loss["plain-56"]) > max(loss["residual-56"]),
    **{letter: runs.listed(losses, 2) for letter, losses in zip("abcd", loss.values())},
)

# %% [markdown]
# After 8 epochs residual-56 is still above residual-20. The long runs of section 1, now with shortcuts (loaded):

# %%
_ = pictures.to_the_end()
depths = (8, 14, 20, 32, 44, 56)
learned = [min(runs.learned("A", depth)) for depth in depths]
missed = [100 - sum(runs.learned("A", depth, "test_accuracy")) / 3 for depth in depths]
teaching.claim(
    "With shortcuts the networks learn {least:.0f} % of the training images, at every depth and with every seed. Mean test error, 8 to 56 layers: {missed} %.",
    min(learned) == 100,
    least=min(learned),
    missed=runs.listed(missed, 1),
)

# %% [markdown]
# Section 1's argument, as code:

# %%
ask.exercises["deepen"]


# %%
def deepen(net, kind):
    return ...  # your code


ask.exercises["deepen"].check(deepen)

# %% [markdown]
# ### Does depth pay now?
#
# On the digits' training images it cannot: 8 layers already learn all of them. On new images the error goes from 1.6 % (8 layers) to 0.7 % (20) and back up to 2.2 % (56); one of 300 images is
# 0.33 points. In any case 56 layers do not help here. Look at photographs. **Loaded, not trained here**: 45,000 of CIFAR-10, 8 to 32 channels, 20 epochs, one seed.

# %%
_ = pictures.on_photographs()
error, seen = runs.photographs(), runs.photographs("end_train_accuracy")
names = ["plain-56", "plain-20", "residual-20", "residual-56"]
teaching.claim(
    "Test error, one seed: plain-56 {a:.1f} %, plain-20 {b:.1f} %, residual-20 {c:.1f} %, residual-56 {d:.1f} %. "
    "Training error in evaluation mode: plain-56 {deep:.1f} %, plain-20 {twenty:.1f} %.",
    error["plain-56"] > error["plain-20"] > error["residual-20"] > error["residual-56"]
    and seen["plain-56"] > seen["plain-20"],
    **dict(zip("abcd", (error[name] for name in names))),
    deep=seen["plain-56"],
    twenty=seen["plain-20"],
)

# %% [markdown]
# Plain-56 is worse on its training images, too: degradation, not overfitting. Our short training of narrow networks exaggerates the gap. One seed cannot show that the point between
# residual-20 and -56 is more than chance. Longer trainings:

# %%
runs.test_errors()  # %, one run each; the paper's 110 layers: the best of five

# %% [markdown]
# The plain networks of github.com/a-martyn/resnet end with 0.74 % training error (20 layers) and 3.33 % (56). With 110 layers the paper's best of five runs is 6.43 %, the mean 6.61 ± 0.16 %.
#
# ImageNet (top-1, 10 crops, one network each): from 18 to 34 layers plain networks get 0.60 points worse (27.94 → 28.54 %), residual ones 2.85 points better (27.88 → 25.03 %). At 18 layers
# they are nearly equal; there the paper reports faster convergence. Depth does not pay forever: 1,202 layers learn CIFAR-10's training images (below 0.1 % error), and have 7.93 % test
# error. The authors suspect overfitting.
#
# <details><summary><b>Homework: change the experiment, and defend your result.</b> Is it the depth, or the number of shortcuts?</summary>
#
# Write `half_residual`: blocks 1, 3, 5, … of the whole network get a shortcut, the others `None`. First write down what you expect. Compare with plain-56 and residual-56 on the same seeds. Then three
# sentences: what you measured, what it shows, what it does not show.
#
# ```python
# def half_residual(depth, width=16, classes=10, channels=3, residual=True):
#     ...  # your code
#
# half = [train(56, True, seed, build=half_residual, name="half") for seed in SEEDS]
# ```
#
# </details>
#
# ### Debugging: 100 % in training
#
# A colleague has a residual network of 20 layers, too. Training goes well, but new images do not. “Overfitting”, says the colleague.

# %%
theirs, log = colleague.trained(data, 20, WIDTH, RATE, BATCH, EPOCHS)
new = training.evaluate(theirs, data).accuracy
teaching.claim(
    "Accuracy while training: ≈ {seen:.0f} %. On new images: ≈ {new:.0f} %.",
    log.last["train_accuracy"] > new + run.choose(quick=0.5, class_=0.1, paper=0.1),
    seen=100 * log.last["train_accuracy"],
    new=100 * new,
)

# %%
guess_evaluated = teaching.predict(ask.predictions["evaluated"])
guess_evaluated

# %%
again = training.evaluate(theirs, data, "train").accuracy
three = {
    "training images, while training": 100 * log.last["train_accuracy"],
    "training images, evaluation mode": 100 * again,
    "new images, evaluation mode": 100 * new,
}
share = (again - new) / (log.last["train_accuracy"] - new)
found = ask.predictions["evaluated"].option(0 if share > 2 / 3 else 1 if share > 1 / 3 else 2)
guess_evaluated.reveal(found, plots.bars(three, xlabel="accuracy, %", form="≈ {:.0f}"))

# %%
ask.exercises["repair"]


# %%
def repair(net, images):
    return ...  # your code


# after a ✅ remove the # here: the accuracy on new images, before and after
# repaired = repair(copy.deepcopy(theirs), data.train.images[:500])
# print(new, training.evaluate(repaired, data).accuracy)
ask.exercises["repair"].check(repair)

# %% [markdown]
# ## 6 · Does the gradient vanish?
#
# The fourth suspect. A **vanishing gradient** (기울기 소실) shrinks during backpropagation, until almost nothing arrives at the first layers. You measure every convolution at every step.

# %%
guess_gradients = teaching.predict(ask.predictions["gradients"])
guess_gradients


# %%
def gradient_norms(net, steps):
    """Gradient norm of every convolution before each step, and the norm of the first one's weights."""
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=0.9, weight_decay=1e-4)
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    order, norms, first = torch.Generator().manual_seed(0), [], []
    while len(norms) < steps:
        for images, labels in data.batches("train", BATCH, order):
            loss = nn.functional.cross_entropy(net(images), labels)
            optimizer.zero_grad()
            loss.backward()
            norms.append([layer.weight.grad.norm().item() for layer in layers])
            first.append(layers[0].weight.norm().item())
            optimizer.step()
    return norms[:steps], first


norms, first_weights = {}, {}
for kind, residual in kinds.items():
    name = f"{kind}-56"
    norms[name], first_weights[name] = gradient_norms(fresh(56, residual, 0), steps=45)

# %% tags=["measured"]
start = {name: steps[0][0] / steps[0][-1] for name, steps in norms.items()}
found = ask.predictions["gradients"].option((start["plain-56"] > 0.5) + (start["plain-56"] > 2))
guess_gradients.reveal(found, pictures.heat(norms))

# %%
live.show("film", runs.film(), pictures.last_epoch())
teaching.claim(
    "Before the first step the first convolution's gradient norm is ≈ {mine:,.0f} times the last one's in plain-56, ≈ {yours:.0f} times in residual-56. "
    "Norm of the first convolution's weights after 0, 1 and 10 steps: plain-56 ≈ {plain}, residual-56 ≈ {residual}.",
    start["plain-56"] > 20 * start["residual-56"]
    and first_weights["plain-56"][10] > 5 * first_weights["residual-56"][10],
    mine=start["plain-56"],
    yours=start["residual-56"],
    plain=runs.listed((first_weights["plain-56"][step] for step in (0, 1, 10)), 1),
    residual=runs.listed((first_weights["residual-56"][step] for step in (0, 1, 10)), 1),
)

# %% [markdown]
# Before the first step the gradient does not vanish: in the plain network it *grows* from layer to layer toward the image. After some ten steps it is the other way round. Why?
#
# The first step is the learning rate times a huge gradient, and momentum repeats it: the early weights become huge. Batch normalization makes the output independent of their scale: weights c times as
# large give the same output, and a gradient divided by c. So the small gradients fit with this early explosion. They are not the classic vanishing gradient, which is small before training.
#
# ➤ The film above shows all 60 epochs of section 1, loaded. When does plain-56 begin to learn, and what have the gradients of its first layers become by then?
#
# The paper calls degradation “unlikely to be caused by vanishing gradients”, too. Our picture does not show whether the growth is why
# plain-56 learns badly.
#
# <details><summary>For the curious: what else has been proposed?</summary>
#
# The paper conjectures “exponentially low convergence rates”: the deeper a plain network is, the more slowly its training error would fall, exponentially so. Later theory for fully connected networks
# before training finds the same growth of the gradient, and its cause in batch normalization (Yang et al., 2019).
#
# </details>
#
# <details><summary>➤ How could you test it?</summary>
#
# Change only the gradient's size per layer: a learning rate for each layer that makes all first steps equally large in comparison with the weights. If plain-56 then learns, the growth was the reason. See the project.
#
# </details>
#
# ➤ And shortcut C? From which depth on does a plain network need help? And C?

# %%
explorers.depth()

# %%
# loaded: 56 layers, gradient norm of the first convolution over that of the last one, three seeds
# (on 256 digits; yours are of 64, which is why your residual-56 has 11 and not 7)
runs.gradient_ratios()

# %% [markdown]
# With C the gradient grows almost as in a plain network. After 12 epochs plain networks end below a loss of 0.15 up to 20 layers with every seed, and above 0.3 from 32 on. From 44 layers on, C's mean loss is
# more than five times that of A and B.
#
# ## 7 · From 34 to 152 layers: the bottleneck
#
# For 50 and more layers the paper uses the **bottleneck** (병목): GoogLeNet's 1 × 1 shrinks to 64 channels, one 3 × 3 works there, another 1 × 1 widens again.

# %%
_ = drawings.basic_or_bottleneck()

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
    blocks = [Block(64, 64), Block(256, 256), Bottleneck(256, 256)]
cost = [
    complexity.profile(block, (block.conv1.in_channels, 56, 56)).macs / 1e6 for block in blocks
]
teaching.claim(
    "At 56 × 56 pixels: your Block on 64 channels needs {a:.0f} M multiply-adds, on 256 channels {b:,.0f} M, your Bottleneck {c:.0f} M.",
    cost[2] < cost[0] and cost[1] > 16 * cost[2],
    **dict(zip("abc", cost)),
)

# %% [markdown]
# In a bottleneck batch normalization follows each of the three convolutions, and then ReLU, except after the third: there the sum comes first. A bottleneck costs about as much as a block of ResNet-34, with four times the channels at its ends; two 3 × 3 there cost 17 times more. Now all five networks of the paper's Table 1. The **stem** is 7 × 7 with stride 2, then max pooling; at the end the average of each feature map, then *one* fully
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
# ResNet-152 has about eight times the layers of ResNet-18 and six times the compute, and still costs less than VGG-19 (19.6 G). Each larger network has a lower error (one each). Depth is not all that
# changes: so do parameters, compute, the block, and the shortcut (ResNet-18: A, the others: B).

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
# Replace one block of a trained network by the identity, and test. (After Veit, Wilber and Belongie, 2016.)

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
damage, intact = {}, {}
for name in ("plain-20", "residual-20", "residual-56"):
    intact[name] = 100 * sum(accuracy(net) for net, _ in trained[name]) / len(trained[name])
    by_seed = [points_lost(net) for net, _ in trained[name]]
    damage[name] = {block: [lost[block] for lost in by_seed] for block in by_seed[0]}
middle = {
    name: median(one for lost in found.values() for one in lost)
    for name, found in damage.items()
}
share = middle["residual-20"] / max(middle["plain-20"], 1)
found = ask.predictions["removal"].option(2 if share < 0.5 else 1 if share < 1.5 else 0)
guess_removal.reveal(found, pictures.removal(damage, intact))

# %%
teaching.claim(
    "Removing one block costs (median): plain-20 ≈ {a:.0f} points of accuracy, residual-20 ≈ {b:.0f}, residual-56 ≈ {c:.0f}. Intact: ≈ {whole} %.",
    middle["plain-20"] > 2 * max(middle["residual-20"], middle["residual-56"]),
    **dict(zip("abc", middle.values())),
    whole=runs.listed(intact.values()),
)

# %% [markdown]
# In a plain network each layer sees only what the layer before it produced. In a residual network a sum passes through, x + F₁ + F₂ + … (without the ReLUs), and each block adds its part. Here early
# blocks tend to cost more; one reason may be that every later block sees the changed sum. ➤ Which removal hurts most? Do two cost as much as the two single removals added up? (Loaded: digits, one seed.)

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
# Removal fits that picture: in an ensemble, one member less costs little. But some blocks cost much more than others, so the paths do not have equal votes; and they were trained together, not one by one. A test: take out
# 2, 4, 8 blocks at random. In an ensemble the accuracy falls gently.
#
# </details>
#
# ## 9 · How to train it
#
# | | ImageNet | CIFAR-10 |
# |---|---|---|
# | He initialization; SGD, momentum 0.9, weight decay 1e-4 | batches of 256 | batches of 128 |
# | learning rate 0.1, divided by 10 | when the error stops falling; 60 · 10⁴ steps at most | after 32,000 and 48,000 of 64,000 steps |
# | against overfitting | crops and mirroring, *no* dropout | 4 pixels of padding, random 32 × 32 crops, mirroring |
#
# Batch normalization follows every convolution, before the ReLU; in a block's last layer, before the sum.
#
# <details><summary>For the curious: 110 layers</summary>
#
# They began with a **warm-up**: a rate of 0.01 until the training error fell below 80 %, then 0.1.
#
# </details>
#
# <details><summary>For the curious: “Xavier initialization”, weight decay 1e-5</summary>
#
# You find both in summaries of ResNet. The paper says “as in [13]”, He et al. 2015, whose rule has the variance 2/n for ReLU. There n counts a layer's inputs (their equation 10), or its outputs (equation 14): they
# call either sufficient. Glorot's rule (also called Xavier initialization, Xavier 초기화) is 2/(inputs + outputs), about half as much. A well-known slide prints “Xavier/2”, which may mean: with half of n. And the weight decay is 0.0001.
#
# </details>
#
# <details><summary>➤ You train 50 layers on 500 photographs of your own. Which rows would you keep?</summary>
#
# I would test each of them. Start from published weights (lesson 01), with a rate far below 0.1. With so few images overfitting is the danger: crops, mirroring, weight decay. With
# small batches, keep the running statistics of batch normalization fixed.
#
# </details>
#
# ## 10 · Ten photographs
#
# ➤ Your ResNet-20 gets our weights from CIFAR-10 (8, 16, 32 channels; 12 epochs of another recipe than section 5's; 78.6 % of its test images correct), and sees ten photographs at 32 × 32 pixels. It knows ten classes:
# airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck.

# %%
mine = resnet(20, width=8)
transfer.load_in_order(mine, models.small.resnet20(weights="cifar10").state_dict())
said = transfer.recognize(mine, datasets.animals(), size=32, like="cifar10")
_ = plots.images(datasets.animals(96).values(), said, columns=5, size=1.5)
_ = plots.images(datasets.animals(32).values(), columns=10, size=0.75)  # what it saw

# %% [markdown]
# It gets the cat, the horses and the duck right. It calls the moose a deer (moose are in the deer family), the dog a horse, the owl a dog, the parrot an airplane and the hens a frog. **With a network connection**, your ResNet-18 names the same photographs with published ImageNet weights.

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
# Make a plain network of 56 layers learn the digits in 60 epochs. Ideas: a learning rate for each layer; initial weights near a copy (`nn.init.dirac_`); a warm-up; inserted layers. Then show *why* it works.
#
# | criterion | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | success | no seed learns more than 91 %, as in section 2 | one seed learns 98 % of the training images | three seeds do |
# | one change | several at once | one | also each part alone |
# | controls | none | plain-56 as it was | also plain-20 and residual-56 |
# | reason | none | a guess | a measurement: gradient norms, before and after |
# | honest reporting | “best” | with its conditions | also what did not help |


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
# | **degradation** (성능 저하) | plain networks from 32 layers on fit even their training images worse |
# | not **overfitting** (과적합) | the training error (학습 오차) is high, too |
# | **hard to optimize** (최적화) | five rates and four initial scales fail in 60 epochs; in 180, two of three seeds learn |
# | **residual learning** (잔차 학습) | y = ReLU(F(x) + x), always; with F = 0 the input comes back |
# | **shortcuts** | A zeros, B projection where shapes change, C everywhere; with 56 layers C learns worst |
# | **gradient** (기울기) | in plain-56 it grows toward the image before the first step, then turns; whether that makes learning hard is open |
# | **bottleneck** (병목) | 1 × 1, 3 × 3, 1 × 1 |
#
# **Where to go next.** [07 Inception-v3](07_inception_v3.ipynb) makes layers cheaper, [08 Inception-v4](08_inception_v4.ipynb) combines both ideas. The map: [00 Start here](00_start_here.ipynb).
