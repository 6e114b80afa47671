# %% [markdown]
# # 01 · Transfer learning: how far do ten labels get you?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({{colab}})
#
# **In this notebook you give a trained network new classes, with a handful of labels.** You find out when this works, what to freeze, and
# which popular explanations fail a test.
#
# Afterwards you can
# * replace a head, freeze a part, and give each layer its own learning rate, in plain PyTorch;
# * say how many labels a source is worth, and compare two of them fairly;
# * find a leak in a network that is only said to be frozen;
# * fine-tune a published network on a folder of your own photographs.
#
# | | |
# |---|---|
# | **15 minutes** | run everything, then read and do the cells marked ➤ |
# | **75 minutes** | the lecture: all sections, without the exercises and the project |
# | **three hours** | all of it, without the project |
# | `quick` run (default) | ten photographs, drawn letters and digits, any laptop, no internet, about a minute of computing |
# | `class` run | sections 2, 3, 4 and 6 on CIFAR-10 photographs (170 MB to download) |
# | `paper` run | more of these photographs, more seeds, and ImageNet weights on 37 breeds of pets; a GPU for hours |

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

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torchvision.transforms import functional

from lecture8 import datasets, models, plots, published, teaching, training, transfer
from lecture8.datasets import CIFAR10_CLASSES
from lecture8.lessons.l01_transfer_learning import explorers, pictures, tasks
from lecture8.lessons.l01_transfer_learning import questions as ask
from lecture8.lessons.l01_transfer_learning.experiments import WRITING, calibrate
from lecture8.models import layers

animals = datasets.animals(64)
whole = torch.stack(list(datasets.animals(32).values())) / 255
source_net = models.small.vgg(weights="cifar10").eval()
with torch.no_grad():
    said = source_net(transfer.normalize(whole, "cifar10")).softmax(1)
shown = published.read("animals")["cifar10"].fillna("")
_ = pictures.recognized(animals, said, CIFAR10_CLASSES, shown)
accuracy = models.find("small.vgg").trained["cifar10"].test_accuracy
print(f"CIFAR-10's own test photographs: {accuracy:.0%} correct")

# %% [markdown]
# A small network of seven layers, trained for this course on 45,000 photographs of CIFAR-10 (32 × 32 pixels, ten classes), looks at ten other
# photographs. Blue frames mean correct answers. The network is often wrong. For panda and lemur it *cannot* be right: it has no
# such classes. We have one photograph of each animal and would like a network that knows all ten. What can we do?
#
# What you may want to change is in the next cell. For another run, write `lecture8.start("class", class_run="170 MB of CIFAR-10")` above.

# %%
MY_PHOTO = ""  # for instance "me.jpg": it becomes another class in section 1
SEEDS = run.choose(quick=(0, 1, 2), class_=(0, 1), paper=(0, 1, 2, 3, 4))
FEW = run.choose(quick=20, class_=50, paper=50)  # labels in section 3
MANY = run.choose(quick=2_000, class_=2_000, paper=20_000)  # labels in section 4
EPOCHS = {"source": 6, "few": 40, "many": run.choose(quick=6, class_=6, paper=30)}
LR = 0.01  # Adam's learning rate for the head
FACTOR = 0.5  # layer-wise: each stage learns at half the rate of the one above it
WIDTH = run.choose(quick=16, class_=24, paper=64)  # channels of the first convolutions
if run.mode == "quick":
    target, sources = tasks.drawn()
else:
    count = run.choose(quick=0, class_=5_000, paper=20_000)
    target, sources = tasks.photographs(datasets.cifar10(), count)

# %% [markdown]
# ## 1 · Ten photographs, one label each
#
# **Transfer learning** (전이 학습) uses in one domain (도메인, a kind of data) what was learned in another. The last layer of this network names ten
# classes, and they are not ours. The layers before it turn an image into 96 numbers, its **features** (특징): how strongly it shows this or that pattern.
# Perhaps these numbers describe a lemur, too. So we keep these layers, which our networks call `features`, and replace the last one, the **head** (헤드):

# %%
ask.builds["replace_head"]


# %%
def replace_head(net, num_classes):
    old = net.classifier.fc
    net.classifier.fc = ...
    return net


replace_head = ask.builds["replace_head"].use(replace_head)

# %% [markdown]
# Only the new head should learn. The rest is **frozen** (고정): training must not change it.

# %%
ask.builds["freeze"]


# %%
def freeze(module):
    for parameter in ...:
        ...
    return module


freeze = ask.builds["freeze"].use(freeze)

# %% [markdown]
# We train on ten images, one of each animal. We test on 30 **crops** (parts of the image) of each photograph, zoomed, some mirrored, lighter or
# darker. They show the *same* ten animals: another lemur is not tested. The optimizer is **Adam**, gradient
# descent that adapts the size of the step to each weight.

# %%
photos = datasets.animals()
if MY_PHOTO:
    mine = functional.pil_to_tensor(datasets.read_photo(MY_PHOTO))
    square = functional.center_crop(mine, [min(mine.shape[1:])])
    photos["mine"] = functional.resize(square, [256], antialias=True)
one_each = torch.stack(list(photos.values())) / 255
one_each = nn.functional.interpolate(one_each, (32, 32), mode="bilinear", antialias=True)
views, whose = tasks.zoomed(photos, 30, seed=1)


def with_new_head(net, seed=0):
    """Trains a new head on one image of each photograph; returns the answers to the crops."""
    torch.manual_seed(seed)
    freeze(replace_head(net, len(photos)).features)
    net.eval()  # section 6 says why
    optimizer = torch.optim.Adam(net.classifier.parameters(), lr=LR)
    for _ in range(50):
        optimizer.zero_grad()
        logits = net(transfer.normalize(one_each, "cifar10"))
        cross_entropy(logits, torch.arange(len(photos))).backward()
        optimizer.step()
    with torch.no_grad():
        return net(transfer.normalize(views, "cifar10")).argmax(1)


# %%
guess_one_label = teaching.predict(ask.predictions["one_label"])
guess_one_label

# %% tags=["measured"]
torch.manual_seed(0)
random_net = models.small.vgg(width=24)  # the same layers, never trained
# batch normalization of a random network gets the statistics of these images (sections 2 and 6)
calibrate(random_net, transfer.normalize(one_each, "cifar10"))
answers = {
    "random": with_new_head(random_net),
    "trained": with_new_head(copy.deepcopy(source_net)),
}
right = {name: 100 * (said == whose).float().mean().item() for name, said in answers.items()}
lead = right["trained"] - right["random"]
found = "the trained ones, clearly" if lead > 10 else "about the same"
one_view = {name: said[::30].tolist() for name, said in answers.items()}
figure = pictures.crops(dict(zip(photos, one_each)), views[::30], one_view)
guess_one_label.reveal(found, figure)

# %%
teaching.claim(
    "With one label each, features of the trained network recognize ≈ {a:.0f} % of the crops, random features "
    "≈ {b:.0f} % (one seed).",
    lead > 10,
    a=right["trained"],
    b=right["random"],
)

# %% [markdown]
# ➤ In the picture: the ten labeled images, one test crop of each, and the answers, blue where correct. This is **feature
# extraction** (특징 추출): frozen features, a new head. Random kernels are not useless either: they, too, respond to edges and colors.
#
# Now a photograph of your own. Here the network has its ten old classes: try an animal or a car. (`MY_PHOTO` above gives it a class of its own.)


# %%
def recognize(photo):
    """The five most likely classes of a photograph, 3 × H × W bytes."""
    side = min(photo.shape[1:])
    square = functional.center_crop(photo, [side])
    small = functional.resize(square, [32], antialias=True)
    with torch.no_grad():
        said = source_net(transfer.normalize(small[None] / 255, "cifar10")).softmax(1)[0]
    best = said.topk(5)
    names = [CIFAR10_CLASSES[i] for i in best.indices]
    picture = pictures.guesses(small, names, best.values.tolist())
    return picture, f"The network takes this for: {names[0]}."


explorers.upload(recognize, datasets.animals()["cat"])

# %%
ask.exercises["head"]

# %%
my_count = ...
ask.exercises["head"].check(my_count)

# %%
ask.exercises["features"]


# %%
def my_features(net, images):
    return ...  # your code


ask.exercises["features"].check(my_features)

# %% [markdown]
# ## 2 · A target and two sources
#
# The next questions need a task with hundreds of test images, the **target** (타깃): printed letters A to J in twelve typefaces, rotated, noisy, dark
# on light or light on dark. Two other tasks have many labels, the **sources** (소스). One is *similar*: printed digits, drawn
# in the same way. The other is *different*: striped gratings. (In a class run: five classes of CIFAR-10, the other five, and gratings.)

# %%
rows = [data.train.pixels[:10].float() for data in (target, *sources.values())]
_ = plots.images(torch.cat(rows))

# %% [markdown]
# From the top: target, similar source, different source. The network has six convolutions, every second one with stride 2, then the
# average over all pixels and the head. After each convolution, before ReLU, comes **batch normalization** (배치 정규화): it brings every channel to mean 0 and standard
# deviation 1, then scales and shifts it by learned numbers. In training mode it takes mean and standard deviation from the batch. In evaluation mode it
# takes running averages that it kept during training.
#
# A convolution with its normalization and ReLU is a *stage*. The loop is that of lesson 00; `learning` holds the parameters to train.


# %%
def build(num_classes):
    stages, c_in = {}, target.image_shape[0]
    for i in range(6):
        c_out = WIDTH * 2 ** (i // 2)
        stages[f"conv{i + 1}"] = layers.conv(c_in, c_out, kernel=3, stride=1 + i % 2)
        c_in = c_out
    head = layers.average_pool_classifier(c_in, num_classes)
    return layers.he_init(layers.Network(stages, head, channels=target.image_shape[0]))


def train(net, data, learning, epochs, seed, mode=nn.Module.train):
    """Returns the validation accuracy after every epoch. learning: parameters, or groups of them."""
    net, data = net.to(run.device), data.to(run.device)
    optimizer = torch.optim.Adam(learning, lr=LR)
    order, curve = torch.Generator().manual_seed(seed), []
    for _ in range(epochs):
        mode(net)  # net.train(); section 6 will replace it
        for images, labels in data.batches("train", 50, order, augment=True):
            optimizer.zero_grad()
            cross_entropy(net(images), labels).backward()
            optimizer.step()
        curve.append(training.evaluate(net, data, "valid").accuracy)
    return curve


# %% [markdown]
# **Pre-training** (사전 학습) is ordinary training, on a source. One network per source and seed:


# %%
def pretrain(data, seed):
    torch.manual_seed(seed)
    net = build(data.num_classes)
    train(net, data, net.parameters(), EPOCHS["source"], seed)
    return net


pretrained = {name: [pretrain(data, seed) for seed in SEEDS] for name, data in sources.items()}
for name, nets in pretrained.items():
    scores = (training.evaluate(net, sources[name]).accuracy for net in nets)
    print(f"{name} source, its own test images:", *(f"≈ {score:.0%}" for score in scores))

# %% [markdown]
# ## 3 · Few labels: freeze, or fine-tune?
#
# **Fine-tuning** (미세 조정) means to train a pre-trained network further, all of it or a part. This picture is read off four
# networks: does a layer have the weights of the source, and do they get a gradient?


# %%
def start_from(net, seed):
    """A copy with a new head for the target."""
    torch.manual_seed(seed)
    return replace_head(copy.deepcopy(net), target.num_classes).to(run.device)


first = pretrained["similar"][0]
choices = {
    "random weights": build(target.num_classes),
    "fine-tune everything": start_from(first, 0),
    "freeze three": start_from(first, 0),
    "freeze all features": start_from(first, 0),
}
freeze(choices["freeze three"].features[:3])
freeze(choices["freeze all features"].features)
_ = pictures.what_learns(choices, first)

# %% [markdown]
# You may read that transfer learning resets only the highest layer and uses the rest as it is. That is the last row, one choice of many. Here
# are the labeled images of seed 0; each seed gets different ones.


# %%
def some(count, seed):
    which = (torch.arange(count) + seed * count) % len(target.train)
    return target.take(which)


_ = plots.images(some(FEW, 0).train.pixels[:20].float())

# %%
guess_few = teaching.predict(ask.predictions["few"])
guess_few


# %%
def random_start(seed, count, epochs):
    torch.manual_seed(seed)
    net = build(target.num_classes)
    curve = train(net, some(count, seed), net.parameters(), epochs, seed)
    return net, curve


def all_trained(seed, count, epochs, source="similar"):
    net = start_from(pretrained[source][seed], seed)
    curve = train(net, some(count, seed), net.parameters(), epochs, seed)
    return net, curve


def head_alone(seed, count, epochs, mode=nn.Module.train):
    net = start_from(pretrained["similar"][seed], seed)
    freeze(net.features)
    curve = train(net, some(count, seed), net.classifier.parameters(), epochs, seed, mode)
    return net, curve


def accuracies(runs):
    return [training.evaluate(net, target).accuracy for net, _ in runs]


# %% tags=["measured"]
ways = {
    "A: random weights": random_start,
    "B: from the source, all trained": all_trained,
    "C: from the source, head alone": head_alone,
}
few = {
    name: accuracies([way(seed, FEW, EPOCHS["few"]) for seed in SEEDS])
    for name, way in ways.items()
}
mean = {name: sum(values) / len(values) for name, values in few.items()}
axis = f"test accuracy with {FEW} labels (dots: seeds)"
colors = {"A: random weights": plots.GRAY}
figure = plots.bars(few, xlabel=axis, form="{:.0%}", colors=colors)
guess_few.reveal(max(mean, key=mean.get), figure)

# %%
teaching.claim(
    "{few} labels: random weights ≈ {a:.0f} %, all trained ≈ {b:.0f} %, head alone ≈ {c:.0f} % of the test images.",
    mean["C: from the source, head alone"] > mean["A: random weights"] + 0.05
    and (run.mode != "quick" or max(mean, key=mean.get).startswith("C")),
    few=FEW,
    **{name[0].lower(): 100 * value for name, value in mean.items()},
)

# %% [markdown]
# ### Why is B behind?
#
# One suspect is the new head. At first it is random, and its gradients run down through the whole network. The other suspect is the learning rate:
# perhaps the lower layers move too far. With **layer-wise learning rates** (층별 학습률), a layer learns more slowly the closer it is to the image. Write them. Three seeds are few, so the
# comparison is **loaded, not trained here**: the same network, 20 letters, eight seeds.

# %%
ask.builds["layerwise"]


# %%
def layerwise(net, lr, factor):
    groups = [{"params": net.classifier.parameters(), "lr": lr}]
    for stage in reversed(net.features):  # from the head down to the image
        lr = ...
        groups.append({"params": stage.parameters(), "lr": lr})
    return groups


layerwise = ask.builds["layerwise"].use(layerwise)

# %%
guess_remedy = teaching.predict(ask.predictions["remedy"])
guess_remedy

# %%
values = published.read("source_value")
digits = pictures.at_first(values).query("source == 'printed digits' and labels == 20")
by_recipe = digits.groupby("recipe")["test_accuracy"].mean()
found = (
    "layer-wise rates" if by_recipe["layer-wise"] > by_recipe["head first"] else "head first"
)
guess_remedy.reveal(found, pictures.twenty_labels(values))


# %%
def layer_by_layer(seed, count, epochs):
    net = start_from(pretrained["similar"][seed], seed)
    curve = train(net, some(count, seed), layerwise(net, LR, FACTOR), epochs, seed)
    return net, curve


slow = accuracies([layer_by_layer(seed, FEW, EPOCHS["few"]) for seed in SEEDS])
teaching.claim(
    "Here, {few} labels: layer-wise rates ≈ {slow:.0f} %, one rate ≈ {fast:.0f} %. Loaded: {a:.0f} and {b:.0f} %.",
    run.mode != "quick" or sum(slow) / len(slow) > mean["B: from the source, all trained"],
    few=FEW,
    slow=100 * sum(slow) / len(slow),
    fast=100 * mean["B: from the source, all trained"],
    a=100 * by_recipe["layer-wise"],
    b=100 * by_recipe["one rate"],
)

# %% [markdown]
# **Change the experiment, and defend your result.** Was `LR` = 0.01 simply too large for B? Set `LR` to 0.003 and to 0.001, and run sections 2 and 3 again. Before you
# run them, write down what you expect. Afterwards write three sentences: what you measured (all seeds), what it shows, and
# what it does not show. (`LR` also trains the sources: is that one change, or two?)
#
# <details><summary>After your own runs: loaded ones, with eight seeds</summary>
#
# Only B's rate changed, not that of its source. B reaches 50 % at 0.001, 52 % at 0.003, 49 % at 0.01, and 48 % after three times as many
# epochs at 0.01. Layer-wise rates reach 62 %, the head alone 66 %. So the rate matters a little, and it does not close the gap.
#
# </details>
#
# ### Debugging: nothing learns
#
# A colleague freezes the features and trains the head. There is no error message, and no progress.


# %%
def prepare(net, num_classes):
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    replace_head(net, num_classes)
    freeze(net.features)
    return net, optimizer


net, optimizer = prepare(copy.deepcopy(first).cpu(), target.num_classes)
images, labels = next(some(FEW, 0).batches("train", FEW))
for step in range(41):
    optimizer.zero_grad()
    loss = cross_entropy(net.train()(images), labels)
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step}: loss ≈ {loss.item():.2f}")

# %%
ask.exercises["mended"]


# %%
def mended(net, num_classes):
    return ...  # your code


ask.exercises["mended"].check(mended)

# %% [markdown]
# ## 4 · How many labels is a source worth?
#
# Must a source look like the target? These runs are **loaded**: letters, four starts, 20 to 2,000 labels.

# %%
guess_stripes = teaching.predict(ask.predictions["stripes"])
guess_stripes

# %%
grid = published.read("transfer_grid")
runs = pictures.fine_tuned(values, grid)
reached = 100 * runs.groupby(["recipe", "labels", "source"])["test_accuracy"].mean()
gain = (reached[:, 100, "gratings"] - reached[:, 100, "none"])[["one rate", "layer-wise"]]
found = "help by about ten points or more" if gain.min() > 8 else "make no difference"
guess_stripes.reveal(found, pictures.source_value(values, grid))

# %%
stripes = [all_trained(seed, 100, 30, "different") for seed in SEEDS]
scratch = [random_start(seed, 100, 30) for seed in SEEDS]
means = [100 * sum(accuracies(nets)) / len(SEEDS) for nets in (stripes, scratch)]
arms = ["recipe", "labels", "epochs", "lr", "source"]
controls = 100 * values.groupby(arms)["test_accuracy"].mean().unstack()
lead_of = controls["gratings"] - controls["none"]
teaching.claim(
    "100 labels, one rate, trained here: from gratings ≈ {a:.0f} %, from random weights ≈ {b:.0f} %. Loaded controls: the lead is "
    "{longer:+.1f} points after three times as many epochs, {slow:+.1f} at a rate of 0.003, {fast:+.1f} at 0.03 (three seeds).",
    run.mode != "quick" or means[0] > means[1],
    a=means[0], b=means[1], longer=lead_of["one rate", 100, 90, 0.01],
    slow=lead_of["one rate", 100, 30, 0.003], fast=lead_of["one rate", 100, 30, 0.03],
)  # fmt: skip

# %% [markdown]
# ➤ Read the left panel from side to side. Along the arrow the accuracy is the same: this source is worth some 300 labels. With 100 labels handwritten
# digits help as well, and even stripes do, unless all layers train at a large rate.
#
# Now compare the panels at 2,000 labels.

# %%
rates = {kind: lead_of[kind, 2000, 10, 0.01] for kind in ("one rate", "layer-wise")}
teaching.claim(
    "2,000 labels, gratings against random weights: {one:+.1f} points at one rate, {layer:+.1f} with layer-wise rates; with these "
    "{longer:+.1f} after three times as many epochs, {fast:+.1f} at three times the rate (three seeds).",
    rates["one rate"] < 0 < 5 < rates["layer-wise"] and lead_of["layer-wise", 2000].min() > 2,
    one=rates["one rate"], layer=rates["layer-wise"],
    longer=lead_of["layer-wise", 2000, 30, 0.01], fast=lead_of["layer-wise", 2000, 10, 0.03],
)  # fmt: skip

# %% [markdown]
# One question, two recipes, opposite answers. Random lower layers have everything to learn, and layer-wise rates slow them down. If you
# draw stripes with layer-wise rates and random weights at one rate in one figure, you compare recipes, not sources.
#
# Here are all runs with layer-wise rates. Stay with the printed digits, freeze all six, and move the labels: from when on does freezing cost accuracy?

# %%
explorers.strategies()

# %% [markdown]
# ### Faster, or better?
#
# Now your own networks, with many labels and one rate for all layers.

# %%
guess_much = teaching.predict(ask.predictions["much"])
guess_much

# %%
many = {"random weights": [random_start(seed, MANY, EPOCHS["many"]) for seed in SEEDS]}

# %% tags=["measured"]
many["similar source"] = [all_trained(seed, MANY, EPOCHS["many"]) for seed in SEEDS]
final = {name: sum(accuracies(nets)) / len(SEEDS) for name, nets in many.items()}
ahead = 100 * (final["similar source"] - final["random weights"])
found = "the source leads by less than 10 points"
if ahead <= 0:
    found = "random weights have overtaken it"
elif ahead >= 10:
    found = "the source leads by 10 points or more"
curves = {name: [curve for _, curve in nets] for name, nets in many.items()}
colors = {"random weights": plots.GRAY, "similar source": plots.BLUE}
words = {"xlabel": "epoch", "ylabel": "validation accuracy", "colors": colors}
guess_much.reveal(found, plots.lines(curves, **words))

# %%
halfway = {name: sum(curve[1] for curve in some) / len(some) for name, some in curves.items()}
teaching.claim(
    "{many:,} labels. After two epochs: random weights ≈ {a:.0f} %, similar source ≈ {b:.0f} % (validation). "
    "At the end ≈ {c:.0f} and ≈ {d:.0f} % (test).",
    halfway["similar source"] > halfway["random weights"],
    many=MANY, a=100 * halfway["random weights"], b=100 * halfway["similar source"],
    c=100 * final["random weights"], d=100 * final["similar source"],
)  # fmt: skip

# %% [markdown]
# You may read that pre-training helps to converge fast (수렴) but does not raise the accuracy (성능). He, Girshick and Dollár found this for object detection, and
# also where it ends (*Rethinking ImageNet Pre-training*, 2018):

# %%
table = published.read("scratch_or_pretrained")
table["gain"] = (table["pretrained"] - table["scratch"]).round(1)
table[["target", "images", "metric", "scratch", "pretrained", "gain"]].style.hide(
    axis="index"
).format({"images": "{:,.0f}"}, na_rep="trainval", precision=1)

# %% [markdown]
# AP and mAP measure detection; higher is better. On COCO the sentence holds with 10,000 photographs and more, and long training. With
# 3,500 it does not. On PASCAL VOC random weights stay behind as well. What to try first, after the [CS231n
# notes](https://cs231n.github.io/transfer-learning/) and your figures:
#
# | | similar source | different source |
# |---|---|---|
# | **few labels** | a new head on frozen features, or layer-wise rates | fine-tuning, or a head on an earlier layer; expect less |
# | **many labels** | fine-tune everything | fine-tune everything, and compare with random weights |

# %%
ask.exercises["saving"]

# %%
my_saving = ...
ask.exercises["saving"].check(my_saving)

# %% [markdown]
# ## 5 · How general is a layer?
#
# Yosinski and colleagues (2014) copied the first *k* layers of a network, froze them, and trained the rest on another task. If nothing is lost, the layers are called
# **general** (일반적). If much is lost, they are **specific** (특화) to their first task. What else could explain that nothing is lost?

# %%
guess_general = teaching.predict(ask.predictions["general"])
guess_general

# %%
frozen = published.read("frozen_layers")
two = frozen.query("frozen == 2 and epochs == 10 and statistics == 'letters'")
two = 100 * two.groupby("source")["test_accuracy"].mean()
found = "several points fewer" if 3 < two["gratings"] - two["none"] < 30 else "96 %, too"
guess_general.reveal(found, pictures.frozen_layers(frozen))

# %%
longer = frozen.query("frozen == 2 and epochs == 30")
longer = 100 * longer.groupby("source")["test_accuracy"].mean()
for row in published.read("transferability")[1:].itertuples():
    print(f"Yosinski, {row.finding}: {row.points:g} points")
teaching.claim(
    "Two frozen layers: random {a:.0f} %, gratings {b:.0f} %. Three times as many epochs: {c:.0f} and {d:.0f} % (three seeds).",
    two["gratings"] > two["none"] + 5 and longer["gratings"] > longer["none"] + 3,
    a=two["none"],
    b=two["gratings"],
    c=longer["none"],
    d=longer["gratings"],
)

# %% [markdown]
# ➤ The gray line is the control. One frozen random layer costs little, so one frozen layer says little about what it has learned. With two or
# more, the learned layers are clearly ahead, even those learned on stripes. With all six frozen, the printed digits are far above the
# gratings: the last layers are specific. (Batch normalization has the statistics of the letters everywhere.)
#
# Yosinski's networks learned one half of ImageNet's classes, then the other. Fine-tuning gained points even with so much data.
#
# ## 6 · The leak
#
# Back to section 3. C was frozen with your `freeze`. Was it? Write a detector:

# %%
ask.exercises["changed"]


# %%
def my_changed(before, after):
    return ...  # your code


ask.exercises["changed"].check(my_changed)

# %%
guess_leak = teaching.predict(ask.predictions["leak"])
guess_leak

# %%
leaky = [head_alone(seed, 100, 10)[0] for seed in SEEDS]
before, after = pretrained["similar"][0].features.state_dict(), leaky[0].features.state_dict()
moved = {name.split(".")[-1] for name in before if not before[name].equal(after[name])}
print("moved:", *sorted(moved), sep="  ")
found = "the running means and variances" if "running_mean" in moved else "nothing"
guess_leak.reveal(found if "weight" not in moved else "some of its weights")

# %%
ask.builds["train_mode"]


# %%
def train_mode(net):
    net.train()
    norms = ...  # a list: all layers of this network that are nn.BatchNorm2d
    for norm in norms:
        ...  # if its weight is frozen: evaluation mode
    return net


train_mode = ask.builds["train_mode"].use(train_mode)

# %%
held = [head_alone(seed, 100, 10, mode=train_mode)[0] for seed in SEEDS]


def on_source(net, original):
    """The accuracy on the source's own test images, with the source's head."""
    net = copy.deepcopy(net)
    net.classifier = copy.deepcopy(original.classifier)
    return 100 * training.evaluate(net, sources["similar"]).accuracy


def changes(nets):
    pairs = zip(nets, pretrained["similar"])
    return [on_source(net, original) - on_source(original, original) for net, original in pairs]


on_old_task = {"net.train()": changes(leaky), "train_mode(net)": changes(held)}
change = sum(on_old_task["net.train()"]) / len(SEEDS)
teaching.claim(
    "With the leak the accuracy on the source's own task changes by ≈ {change:+.1f} points on average; held, by nothing.",
    not any(on_old_task["train_mode(net)"]) and (run.mode != "quick" or change < -1),
    change=change,
)

# %% [markdown]
# So a second task that shares these features is not left alone. Digits lose points when letters move the statistics; in a class run, with photographs
# on both sides, the old task need not suffer. And the new task? **Loaded**: five seeds, and only the statistics differ.

# %%
guess_harm = teaching.predict(ask.predictions["harm"])
guess_harm

# %%
statistics = published.read("frozen_statistics")
short = statistics[statistics["epochs"].isin([40, 30, 20])]
kinds = ["source", "labels", "statistics"]
points = 100 * short.groupby(kinds)["test_accuracy"].mean().unstack()
gains = (points["adapting"] - points["held"])["gratings"]
found = "it rose by several points" if gains[100] > 2 else "it changed by less than a point"
guess_harm.reveal(found, pictures.frozen_statistics(statistics))

# %%
teaching.claim(
    "On gratings' weights, statistics that adapt gain {least:.1f} to {most:.1f} points with 20, 100 and 500 labels.",
    gains.min() > 2,
    least=gains.min(),
    most=gains.max(),
)

# %% [markdown]
# After three times as many epochs the gain is 1 to 3 points (three seeds). With printed digits as the source little changes. So
# adapting the statistics can be a good idea. But it should be your decision, not an accident of the loop.
#
# ## 7 · What makes a source similar?
#
# Handwritten digits are digits. Yet in section 4 they helped far less than printed ones. We give them the
# properties of the target, one after another (loaded, three seeds).

# %%
guess_handwriting = teaching.predict(ask.predictions["handwriting"])
guess_handwriting

# %%
handwriting = published.read("handwriting")
names = [name for name in WRITING if name != "size, rotation, position alone"]
samples = {name: WRITING[name]().train.pixels[:5, 0] for name in names}
wide = handwriting.query("labels == 100 and source_epochs == 6")
wide = 100 * wide.groupby("source")["test_accuracy"].mean()
rise = wide - wide["as scanned"]
share = rise["+ size, rotation, position"] / rise["printed"]
found = "more than halfway to printed digits" if 0.5 < share < 1 else "still near 46 %"
guess_handwriting.reveal(found, pictures.handwriting(handwriting, samples))

# %%
teaching.claim(
    "Handwriting rises from {a:.0f} to {b:.0f} %, printed digits as coarse have {c:.0f} %, clean printed digits only {d:.0f} %.",
    share > 0.5 and wide["printed, light on black"] < wide["+ size, rotation, position"],
    a=wide["as scanned"],
    b=wide["+ size, rotation, position"],
    c=wide["printed, 8 × 8 enlarged"],
    d=wide["printed, light on black"],
)

# %% [markdown]
# ➤ Here a source is useful if it varies in the ways in which the target varies. What its classes are called does not matter. (In another order
# each step might have another share.) Before you take weights from photographs to X-rays, list what varies in each.
#
# ## 8 · Take it home: your own photographs
#
# The next three cells need only torch and torchvision: copy them wherever you like. You need a folder with one subfolder of photographs per
# class.

# %%
# take home, 1: load a folder, photos/cat/*.jpg, photos/dog/*.jpg …
import torch
import torchvision
from torch import nn
from torchvision.transforms import v2

look = v2.Compose([v2.PILToTensor(), v2.Resize(256), v2.CenterCrop(224)])
vary = v2.Compose([v2.PILToTensor(), v2.RandomResizedCrop(224), v2.RandomHorizontalFlip()])
means, deviations = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]  # those of ImageNet
scale = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(means, deviations)])


def load(folder, share=0.25):
    """Loaders of training and validation photographs, and the names of the classes."""
    varied = torchvision.datasets.ImageFolder(folder, v2.Compose([vary, scale]))
    plain = torchvision.datasets.ImageFolder(folder, v2.Compose([look, scale]))
    order = torch.randperm(len(plain), generator=torch.Generator().manual_seed(0)).tolist()
    held_out = max(1, round(share * len(order)))
    training = torch.utils.data.Subset(varied, order[held_out:])
    validation = torch.utils.data.Subset(plain, order[:held_out])
    loader = torch.utils.data.DataLoader
    return loader(training, 16, shuffle=True), loader(validation, 16), plain.classes


# %%
# take home, 2: a published network, a new head, and two learning rates
def own_network(num_classes, weights="IMAGENET1K_V1"):
    """ResNet-18: all but its last stage frozen. Returns the network and parameter groups."""
    net = torchvision.models.resnet18(weights=weights)  # downloads 45 MB, once
    net.requires_grad_(False)
    net.layer4.requires_grad_(True)
    net.fc = nn.Linear(net.fc.in_features, num_classes)
    groups = [
        {"params": net.fc.parameters(), "lr": 1e-3},
        {"params": net.layer4.parameters(), "lr": 1e-4},
    ]
    return net, groups


def hold_statistics(net):
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
            module.eval()


# %%
# take home, 3: train, and predict
def fine_tune(net, groups, training, validation, epochs=10):
    optimizer = torch.optim.Adam(groups)
    for epoch in range(1, epochs + 1):
        net.train()
        hold_statistics(net)
        for images, labels in training:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images), labels).backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            hits = sum((net(images).argmax(1) == labels).sum() for images, labels in validation)
        print(f"epoch {epoch}: {hits} of {len(validation.dataset)} validation photographs")


def predict(net, file, classes):
    image = scale(look(torchvision.datasets.folder.default_loader(file)))
    with torch.no_grad():
        probabilities = net.eval()(image[None]).softmax(1)[0]
    return {name: round(p, 3) for name, p in zip(classes, probabilities.tolist())}


# %%
FOLDER = ""  # name your folder, for instance "photos", and run
if FOLDER:
    own_training, own_validation, own_classes = load(FOLDER)
    own_net, own_groups = own_network(len(own_classes))
    fine_tune(own_net, own_groups, own_training, own_validation)
    print(predict(own_net, own_validation.dataset.dataset.samples[0][0], own_classes))
else:
    print("Set FOLDER to a folder with one subfolder of photographs per class.")

# %%
# optional, in every run: what ResNet-18 with its published ImageNet weights says about the ten photographs
DOWNLOAD = False  # True downloads 45 MB, once
if DOWNLOAD:
    try:
        large = transfer.pretrained("resnet18").eval()
        thousand = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"]
        big = transfer.normalize(torch.stack(list(datasets.animals(224).values())) / 255)
        with torch.no_grad():
            _ = pictures.recognized(animals, large(big).softmax(1), thousand, [""] * 10)
    except OSError as error:  # no network
        print(error)

# %%
# a paper run compares the strategies on pets with ImageNet weights: 800 MB of photographs, a GPU
if run.mode == "paper":
    pets = datasets.pets(224).with_normalization(transfer.MEAN, transfer.STD)
    for labels in (5 * 37, len(pets.train)):
        data = pets.take(labels)
        for start in ("random weights", "frozen", "layer-wise"):
            torch.manual_seed(0)
            net = models.resnet18() if start[0] == "r" else transfer.pretrained("resnet18")
            transfer.replace_head(net, pets.num_classes)
            if start == "frozen":
                transfer.freeze(net)
            factor = 0.5 if start == "layer-wise" else 1
            optimizer = torch.optim.Adam(transfer.layerwise(net, 1e-3, factor))
            training.fit(net, data, optimizer, 15, batch_size=64)
            print(f"{labels} labels, {start}: ≈ {training.evaluate(net, data).accuracy:.1%}")

# %% [markdown]
# ## 9 · Project: twenty photographs per class
#
# Take about twenty photographs of each of three things that you care about: plants, tools, the handwriting of friends. Put a quarter of them away as a
# test set. Which strategy is best: a new head alone, the last stage too, or everything? Write one page. The next cell is a start.
#
# | criterion | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | question | “I tried fine-tuning” | a question with two strategies | a prediction with a number, before the first run |
# | data | no word on them | how they were taken | also: could background or light give the class away? |
# | fairness | recipes differ by accident | same epochs, same photographs | each strategy at its own best rate, chosen on validation photographs |
# | noise | one seed | three seeds, all shown | also: how many photographs is one point? |
# | honesty | only successes | mistakes shown as pictures | also: what your test cannot show |

# %%
# if FOLDER:  # remove the first # of each line
#     for seed in (0, 1, 2):
#         torch.manual_seed(seed)
#         project_net, project_groups = own_network(len(own_classes))
#         fine_tune(project_net, project_groups[:1], own_training, own_validation)  # the head alone

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
# * **Transfer learning** (전이 학습): **pre-training** (사전 학습) on a large source, a new head, then **fine-tuning** (미세 조정) of some layers or all.
#   What is reset and what learns is a choice.
# * With few labels, frozen features and layer-wise rates beat one rate for everything. With many labels the lead of pre-training shrinks.
# * A source is worth labels: printed digits about 300. Even gratings helped with 100 labels; with 2,000 the answer depended on the recipe.
# * First layers are more general (일반적), last ones more specific (특화). You may say so because frozen random layers did worse.
# * **Frozen** (고정) weights can have statistics that move. This can hurt the old task and help the new one.
# * A source helps if it varies as the target does.
#
# The loaded runs used one small network and drawn images. On your data, measure again.
#
# **Where to go next.** [02 AlexNet](02_alexnet.ipynb) asks what made 2012 work. Back to the map: [00 Start here](00_start_here.ipynb).
