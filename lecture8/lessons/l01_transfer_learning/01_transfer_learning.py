# %% [markdown]
# # 01 · Transfer learning: how far do ten labels get you?
#
# {{badges}}
#
# **In this notebook you give a trained network new classes, with a handful of labels.** You find out when this works, what to freeze, and
# which popular explanations fail a test.
#
# Afterwards you can
# * replace a head, freeze a part, and give each layer its own learning rate, in plain PyTorch;
# * say how many labels a source is worth, and compare two of them fairly;
# * find what changes in a network that is said to be frozen;
# * fine-tune a published network on a folder of your own photographs.
#
# | | |
# |---|---|
# | **15 minutes** | run everything, then make the predictions and read the cells marked ➤ |
# | **75 minutes** | the lecture: all sections, without the exercises and the project |
# | **three hours** | all of it, without the project |
# | `quick` run (default) | ten photographs, drawn letters and digits, any laptop, no internet, about a minute of computing |
# | `class` run | sections 2, 3, 4 and 6 on CIFAR-10 photographs (170 MB to download) |
# | `paper` run | more photographs and seeds, ImageNet weights on 37 breeds of pets; a GPU for hours |

# %%
# {{install}}
import lecture8

run = lecture8.start(class_run="170 MB of CIFAR-10")

# %%
import copy
from itertools import product

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
# A small network of seven layers, trained on 45,000 photographs of CIFAR-10 (32 × 32 pixels, ten classes), looks at ten other
# photographs. Blue frames mean correct. For panda and lemur it *cannot* be right: it has no such classes. We have one photograph of each
# animal and would like a network that knows all ten. What can we do?
#
# What you may want to change is in the next cell. For another run, write `lecture8.start("class", class_run="170 MB of CIFAR-10")` above.

# %%
MY_PHOTO = ""  # for instance "me.jpg": it becomes another class in section 1
SEEDS = run.choose(quick=(0, 1, 2), class_=(0, 1), paper=(0, 1, 2, 3, 4))
FEW = run.choose(quick=20, class_=50, paper=50)  # labels in section 3
MANY = run.choose(quick=2_000, class_=2_000, paper=20_000)  # labels in section 4
EPOCHS = {"source": 6, "few": 40, "many": run.choose(quick=6, class_=6, paper=30)}
SOURCE_LR = 0.01  # Adam's learning rate on the source
HEAD_LR = 0.01  # on the target: of the head …
BODY_LR = 0.01  # … and of all layers before it
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
# **Transfer learning** (전이 학습) reuses for one task what was learned on another, often in another domain (도메인, a kind of data). The layers before
# the last one turn an image into 96 numbers, its **features** (특징): how strongly it shows this or that pattern. Perhaps they describe a lemur, too.
# Before 2012 features were designed by hand, the same for every task, and only a classifier on top was trained: there was nothing to transfer. Now
# features are *learned* from a large data set, and what they contain can be reused where labels are few.
# We keep these layers, in our networks `net.features`. The rest is `net.classifier`, printed below. Its last layer, `fc`, is
# the **head** (헤드), which we replace:

# %%
print(source_net.classifier)
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


def learn_ten(net, head):
    """Trains the head on one image of each photograph; returns the answers to the crops."""
    net.eval()  # section 6 says why
    optimizer = torch.optim.Adam(head.parameters(), lr=HEAD_LR)
    for _ in range(50):
        optimizer.zero_grad()
        logits = net(transfer.normalize(one_each, "cifar10"))
        cross_entropy(logits, torch.arange(len(photos))).backward()
        optimizer.step()
    with torch.no_grad():
        return net(transfer.normalize(views, "cifar10")).argmax(1)


def with_new_head(net):
    torch.manual_seed(0)
    freeze(replace_head(net, len(photos)).features)
    return learn_ten(net, net.classifier)


# %%
guess_one_label = teaching.predict(ask.predictions["one_label"])
guess_one_label

# %% tags=["measured"]
torch.manual_seed(0)
random_net = models.small.vgg(width=24)  # the same layers, never trained
# batch normalization of a random network gets the statistics of these images (section 6 says why)
calibrate(random_net, transfer.normalize(one_each, "cifar10"))
answers = {
    "random": with_new_head(random_net),
    "trained": with_new_head(copy.deepcopy(source_net)),
}
# the baseline: a linear layer on 4 × 4 colors, without any features
colors = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, len(photos)))
baseline = 100 * (learn_ten(colors, colors) == whose).float().mean().item()
right = {name: 100 * (said == whose).float().mean().item() for name, said in answers.items()}
lead = right["trained"] - right["random"]
found = "the trained ones, clearly" if lead > 10 else "about the same"
one_view = {name: said[::30].tolist() for name, said in answers.items()}
figure = pictures.crops(dict(zip(photos, one_each)), views[::30], one_view)
guess_one_label.reveal(found, figure)

# %%
teaching.claim(
    "With one label each, features of the trained network recognize ≈ {a:.0f} % of the crops, random features "
    "≈ {b:.0f} %, the 4 × 4 colors alone ≈ {c:.0f} % (one seed).",
    lead > 10,
    a=right["trained"],
    b=right["random"],
    c=baseline,
)

# %% [markdown]
# ➤ Look at the picture above: ten labeled images, one test crop of each, and the answers, blue where correct. This is **feature
# extraction** (특징 추출): frozen features, a new head. Crops of one photograph share colors and background. That is enough for half of
# them, and random features find little more.
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
# ➤ The next questions need a task with hundreds of test images, the **target** (타깃): printed letters A to J in twelve typefaces, rotated, noisy, dark
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
# A convolution with its normalization and ReLU is a *stage*. `state_dict()` lists what a network stores: parameters, which an
# optimizer changes, and *buffers*, which it does not, such as the running averages.


# %%
def build(num_classes):
    stages, c_in = {}, target.image_shape[0]  # c_in: channels that the next convolution gets
    for i in range(6):
        c_out = WIDTH * 2 ** (i // 2)
        stages[f"conv{i + 1}"] = layers.conv(c_in, c_out, kernel=3, stride=1 + i % 2)
        c_in = c_out
    head = layers.average_pool_classifier(c_in, num_classes)
    return layers.he_init(layers.Network(stages, head, channels=target.image_shape[0]))


def train(net, data, groups, epochs, seed, mode=nn.Module.train):
    """Returns the validation accuracy after every epoch. groups: parameters with their learning rates."""
    net, data = net.to(run.device), data.to(run.device)
    optimizer = torch.optim.Adam(groups)
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
    train(net, data, [{"params": net.parameters(), "lr": SOURCE_LR}], EPOCHS["source"], seed)
    return net


pretrained = {
    name: {seed: pretrain(data, seed) for seed in SEEDS} for name, data in sources.items()
}
for name, nets in pretrained.items():
    scores = (training.evaluate(net, sources[name]).accuracy for net in nets.values())
    print(f"{name} source, its own test images:", *(f"≈ {score:.0%}" for score in scores))
stored = list(pretrained["similar"][SEEDS[0]].state_dict().items())
for name, tensor in stored[:4]:
    print(name, tuple(tensor.shape))

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


first = pretrained["similar"][SEEDS[0]]
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
# You may read that transfer learning resets only the highest layer and uses the rest as it is. That is the last row, one choice of many.
#
# ➤ Here are labeled images of one seed; each seed gets different ones. Predict, then look at the bars:


# %%
def some(count, seed):
    which = (torch.arange(count) + seed * count) % len(target.train)
    return target.take(which)


_ = plots.images(some(FEW, SEEDS[0]).train.pixels[:20].float())

# %%
guess_few = teaching.predict(ask.predictions["few"])
guess_few


# %%
def one_rate(net, body_lr=BODY_LR):
    """Parameter groups: the head at its own rate, all layers before it at another."""
    return [
        {"params": net.classifier.parameters(), "lr": HEAD_LR},
        {"params": net.features.parameters(), "lr": body_lr},
    ]


def random_start(seed, count, epochs):
    torch.manual_seed(seed)
    net = build(target.num_classes)
    curve = train(net, some(count, seed), one_rate(net), epochs, seed)
    return net, curve


def all_trained(seed, count, epochs, source="similar", rates=one_rate):
    net = start_from(pretrained[source][seed], seed)
    curve = train(net, some(count, seed), rates(net), epochs, seed)
    return net, curve


def head_alone(seed, count, epochs, mode=nn.Module.train):
    net = start_from(pretrained["similar"][seed], seed)
    freeze(net.features)
    head = [{"params": net.classifier.parameters(), "lr": HEAD_LR}]
    curve = train(net, some(count, seed), head, epochs, seed, mode)
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
# One suspect is the new head. At first it is random, and its gradients run down through the whole network. The other is the learning rate:
# perhaps the lower layers move too far. With **layer-wise learning rates** (층별 학습률; also *discriminative*, Howard and Ruder 2018), a layer learns
# more slowly the closer it is to the image. **Loaded, not trained here**: the same network, 20 letters, eight seeds.

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

# %% [markdown]
# Loaded: one rate 49 %, head first 51 %, layer-wise 62 %. The random head is cleared: training it first hardly helps. And the rates? Write them.
# Then measure what is left of the *source* task, with a control: a fast head, and one small rate below it.

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
def on_source(net, original):
    """The accuracy on the source's own test images, with the source's head."""
    net = copy.deepcopy(net)
    net.classifier = copy.deepcopy(original.classifier)
    return training.evaluate(net, sources["similar"]).accuracy


arms = {
    "one rate": one_rate,
    "small": lambda net: one_rate(net, 0.001),
    "layer-wise": lambda net: layerwise(net, HEAD_LR, FACTOR),
}
new, old = {}, {}
for name, rates in arms.items():
    nets = [all_trained(seed, FEW, EPOCHS["few"], rates=rates) for seed in SEEDS]
    new[name] = 100 * sum(accuracies(nets)) / len(SEEDS)
    pairs = zip((net for net, _ in nets), pretrained["similar"].values())
    old[name] = 100 * sum(on_source(*pair) for pair in pairs) / len(SEEDS)
teaching.claim(
    "{few} labels, target and source. One rate: ≈ {a:.0f} and {b:.0f} %. Small rate below a fast head: ≈ {c:.0f} and {d:.0f} %. "
    "Layer-wise: ≈ {e:.0f} and {f:.0f} %.",
    min(old["small"], old["layer-wise"]) > old["one rate"]
    and (run.mode != "quick" or min(new["small"], new["layer-wise"]) > new["one rate"] + 5),
    few=FEW, a=new["one rate"], b=old["one rate"], c=new["small"], d=old["small"],
    e=new["layer-wise"], f=old["layer-wise"],
)  # fmt: skip

# %% [markdown]
# With small steps below the head more of the source is left, and the target gains. Falling rates do no better than one small rate
# (three seeds).
#
# **Change the experiment, and defend your result.** Set `BODY_LR` to 0.003, 0.001 and 0.0001, and run from there to here. (It
# also changes A.) First write what you expect, then what you measured (all seeds), what it shows, and what it does not show.
#
# <details><summary>After your own runs: loaded ones, with eight seeds</summary>
#
# There the head's rate changed, too, and a slow head is no help. B reaches 50 % at 0.001, 52 % at 0.003, 49 % at 0.01, and 48 % after three times as many
# epochs at 0.01. Layer-wise rates reach 62 %, the head alone 66 % (on random features: 13 %).
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
# ➤ Must a source look like the target? These runs are **loaded**: letters, four starts, 20 to 2,000 labels. Predict, then look.

# %%
guess_stripes = teaching.predict(ask.predictions["stripes"])
guess_stripes

# %%
runs = pictures.at_first(values)
reached = 100 * runs.groupby(["recipe", "labels", "source"])["test_accuracy"].mean()
gain = (reached[:, 100, "gratings"] - reached[:, 100, "none"])[["one rate", "layer-wise"]]
found = "help by about ten points or more" if gain.min() > 8 else "make no difference"
guess_stripes.reveal(found, pictures.source_value(values))

# %%
stripes = [all_trained(seed, 100, 30, "different") for seed in SEEDS]
scratch = [random_start(seed, 100, 30) for seed in SEEDS]
means = [100 * sum(accuracies(nets)) / len(SEEDS) for nets in (stripes, scratch)]
keys = ["recipe", "labels", "epochs", "lr", "source"]
controls = 100 * values.groupby(keys)["test_accuracy"].mean().unstack()
best = controls.query("recipe in ('one rate', 'layer-wise') and labels == 100").max()
teaching.claim(
    "100 labels, one rate, trained here: from gratings ≈ {a:.0f} %, from random weights ≈ {b:.0f} %. Loaded, each start at the "
    "best of its eight recipes: random {none:.1f} %, gratings {gratings:.1f} %, handwritten {written:.1f} %, printed {printed:.1f} %.",
    (run.mode != "quick" or means[0] > means[1]) and best["gratings"] > best["none"] + 5,
    a=means[0], b=means[1], none=best["none"], gratings=best["gratings"],
    written=best["handwritten digits"], printed=best["printed digits"],
)  # fmt: skip

# %% [markdown]
# ➤ Follow the arrow in the left panel. 100 labels from printed digits equal about 430 from random weights: with 100 labels and one rate
# this source is worth 430 − 100 = 330 labels. Even stripes help.
#
# <details><summary>The eight recipes</summary>
#
# One rate or layer-wise; each at 0.003, 0.01 and 0.03, and at 0.01 for three times as long. The best was chosen on the test letters, so it
# looks a little too good.
#
# </details>
#
# Now compare the panels at 2,000 labels.

# %%
short = controls.xs(0.01, level="lr")
by_rates = {kind: short.loc[kind, 2000, 10] for kind in ("one rate", "layer-wise")}
slowed = by_rates["one rate"] - by_rates["layer-wise"]
stripes_lead = {kind: row["gratings"] - row["none"] for kind, row in by_rates.items()}
others = controls.loc["layer-wise", 2000]
longer, faster = (
    (others["gratings"] - others["none"])[key] for key in ((30, 0.01), (10, 0.03))
)
teaching.claim(
    "2,000 labels, gratings against random weights: {one:+.1f} points at one rate, {layer:+.1f} layer-wise. Layer-wise rates cost random "
    "weights {none:.1f} points, gratings {gratings:.1f}. With layer-wise rates the gratings' lead over random weights is {longer:+.1f} points after three times as many epochs, {faster:+.1f} at 0.03.",
    stripes_lead["one rate"] < 2 and stripes_lead["layer-wise"] > 5 and slowed["none"] > 3 * slowed["gratings"],
    one=stripes_lead["one rate"], layer=stripes_lead["layer-wise"], none=slowed["none"],
    gratings=slowed["gratings"], longer=longer, faster=faster,
)  # fmt: skip

# %% [markdown]
# A clear lead under one recipe, none under the other. Random lower layers have everything to learn, and layer-wise rates slow them down (see
# the dip at 500 labels).
#
# Here all runs are layer-wise. Stay with the printed digits, freeze all six, and move the labels: at how many labels does freezing start to hurt?

# %%
explorers.strategies()

# %% [markdown]
# ### Faster, or better?
#
# Now your own networks, one rate for all layers.

# %%
guess_much = teaching.predict(ask.predictions["much"])
guess_much

# %% tags=["measured"]
many = {"random weights": [random_start(seed, MANY, EPOCHS["many"]) for seed in SEEDS]}
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
# AP and mAP measure detection; higher is better. On COCO the sentence holds with 10,000 photographs and more, and long training. With 1,000
# random weights first reached 3.5, after tuning 5.4: the fair gain is 4.5.
#
# What to try first, after the [CS231n
# notes](https://cs231n.github.io/transfer-learning/):
#
# | | similar source | different source |
# |---|---|---|
# | **few labels** | a new head on frozen features: fine-tuning would overfit | a head on the features of an earlier layer: the last ones fit the source too closely |
# | **many labels** | fine-tune everything, with little risk of overfitting | training from scratch is possible; fine-tuning everything is often better still |
#
# Our results disagree twice. With 100 labels from printed digits, layer-wise rates beat frozen features (85 against 80 %). With 2,000, gratings
# are no better than random weights at one rate.

# %%
ask.exercises["saving"]

# %%
my_saving = ...
ask.exercises["saving"].check(my_saving)

# %% [markdown]
# ## 5 · How general is a layer?
#
# ➤ Yosinski and colleagues (2014) copied the first *k* layers of a network, froze them, and trained the rest on another task. If nothing is lost, the layers are called
# **general** (일반적). If much is lost, they are **specific** (특화) to their first task. What else could explain that nothing is lost?

# %%
guess_general = teaching.predict(ask.predictions["general"])
guess_general

# %%
frozen = published.read("frozen_layers")
two = frozen.query("frozen == 2 and epochs == 10 and statistics == 'letters'")
two = 100 * two.groupby("source")["test_accuracy"].mean()
four = frozen.query("frozen == 4 and epochs == 10 and statistics == 'letters'")
four = 100 * four.groupby("source")["test_accuracy"].mean()
found = "several points lower" if 3 < two["gratings"] - two["none"] < 30 else "96 %, too"
guess_general.reveal(found, pictures.frozen_layers(frozen))

# %%
longer = frozen.query("frozen == 2 and epochs == 30")
longer = 100 * longer.groupby("source")["test_accuracy"].mean()
for row in published.read("transferability")[1:].itertuples():
    print(f"Yosinski, {row.finding}: {row.points:g} points")
teaching.claim(
    "Two frozen layers: random {a:.0f} %, gratings {b:.0f} %; four: {e:.0f} and {f:.0f} %. Two, three times as many epochs: {c:.0f} and "
    "{d:.0f} % (three seeds).",
    two["gratings"] > two["none"] + 5 and longer["gratings"] > longer["none"] + 3,
    e=four["none"],
    f=four["gratings"],
    a=two["none"],
    b=two["gratings"],
    c=longer["none"],
    d=longer["gratings"],
)

# %% [markdown]
# ➤ The gray line is the control. One frozen random layer costs little, so one frozen layer says little about what it has learned. Two layers of
# gratings cost nothing where two random ones cost 8 points; with four the gap is larger. With all six frozen, printed digits are far above
# gratings: the last layers are specific.
#
# Must a loss mean “specific”? Yosinski names a rival: *co-adapted* layers.
#
# <details><summary>Co-adapted layers, and a control that we did not run</summary>
#
# Yosinski's networks learned one half of ImageNet's classes, then the other. Fine-tuning gained points even with so much data. But freezing
# layers in the middle lost points even when the rest was retrained on the *same* task: the retrained layers did not find back to what had fitted the
# frozen ones. So a part of any loss may come from cutting the network, not from a change of task.
#
# </details>
#
# ## 6 · Frozen weights, drifting statistics
#
# ➤ Back to section 3. C was frozen with your `freeze`. Was it? Predict, then write a detector.

# %%
guess_drift = teaching.predict(ask.predictions["drift"])
guess_drift

# %%
ask.exercises["changed"]


# %%
def my_changed(net, act):
    return ...  # your code


ask.exercises["changed"].check(my_changed)

# %%
drifting = [head_alone(seed, 100, 10)[0] for seed in SEEDS]
before, after = first.features.state_dict(), drifting[0].features.state_dict()
moved = {name.split(".")[-1] for name in before if not before[name].equal(after[name])}
print("moved:", *sorted(moved), sep="  ")
found = "the running means and variances" if "running_mean" in moved else "nothing"
guess_drift.reveal(found if "weight" not in moved else "some of its weights")

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


def changes(nets):
    pairs = zip(nets, pretrained["similar"].values())
    return [100 * (on_source(net, old) - on_source(old, old)) for net, old in pairs]


on_old_task = {"net.train()": changes(drifting), "train_mode(net)": changes(held)}
change = sum(on_old_task["net.train()"]) / len(SEEDS)
c_held = accuracies([head_alone(seed, FEW, EPOCHS["few"], mode=train_mode) for seed in SEEDS])
teaching.claim(
    "With drifting statistics the accuracy on the source's own task changes by ≈ {change:+.1f} points on average; held, by nothing. "
    "C of section 3: ≈ {drift:.0f} % drifting, ≈ {held:.0f} % held.",
    not any(on_old_task["train_mode(net)"]) and (run.mode != "quick" or change < -1),
    change=change,
    drift=100 * mean["C: from the source, head alone"],
    held=100 * sum(c_held) / len(SEEDS),
)

# %% [markdown]
# So a second task that shares these features is not left alone. Digits lose points when letters move the statistics; between photographs (class
# run) the old task need not suffer. (A random network's first statistics belong to no image. So sections 1 and 5 set them, and
# section 1 called `net.eval()`.)
#
# And the new task? **Loaded**, five seeds. Adapting also makes training noisy, so there is a control: set once, then held.

# %%
guess_harm = teaching.predict(ask.predictions["harm"])
guess_harm

# %%
statistics = published.read("frozen_statistics")
short = statistics[statistics["epochs"].isin([40, 30, 20])]
kinds = ["source", "labels", "statistics"]
points = 100 * short.groupby(kinds)["test_accuracy"].mean().unstack()
gains = points.sub(points["held"], axis=0).loc["gratings"]
found = (
    "it rose by several points"
    if gains["adapting"][100] > 2
    else "it changed by less than a point"
)
guess_harm.reveal(found, pictures.frozen_statistics(statistics))

# %%
teaching.claim(
    "Starting from the gratings weights, with 20, 100 and 500 labels, adapting statistics gain {a:.1f} to {b:.1f} points over held ones. "
    "Set once to those of the letters they gain {c:.1f} to {d:.1f}.",
    gains[["adapting", "set once"]].min().min() > 2,
    a=gains["adapting"].min(), b=gains["adapting"].max(),
    c=gains["set once"].min(), d=gains["set once"].max(),
)  # fmt: skip

# %% [markdown]
# Setting them once does nearly as much: what helps is that the statistics fit. After three times as many epochs the
# gain is 1 to 3 points (three seeds). With printed digits little changes. Adapting can be a good idea, but it should be your decision.
#
# ## 7 · What makes a source similar?
#
# ➤ Handwritten digits helped far less than printed ones. We give them the properties of the target, one after another (loaded,
# layer-wise rates, three seeds). Predict, then look at the bars.

# %%
guess_handwriting = teaching.predict(ask.predictions["handwriting"])
guess_handwriting

# %%
handwriting = published.read("handwriting")
samples = {name: source().train.pixels[:5, 0] for name, source in WRITING.items()}
wide = handwriting.query("labels == 100 and source_epochs == 6")
wide = 100 * wide.groupby("source")["test_accuracy"].mean()
rise = wide - wide["as scanned"]
share = rise["+ size, rotation, position"] / rise["printed"]
found = "more than halfway to printed digits" if 0.5 < share < 1 else "still near 46 %"
guess_handwriting.reveal(found, pictures.handwriting(handwriting, samples))

# %%
teaching.claim(
    "Handwriting rises from {a:.0f} to {b:.0f} % (with size, rotation, position alone: {e:.0f} %). "
    "Equally coarse printed digits reach {c:.0f} %, clean printed digits only {d:.0f} %, printed digits {f:.0f} %.",
    share > 0.5 and wide["printed, light on black"] < wide["+ size, rotation, position"],
    a=wide["as scanned"],
    b=wide["+ size, rotation, position"],
    c=wide["printed, 8 × 8 enlarged"],
    d=wide["printed, light on black"],
    e=wide["size, rotation, position alone"],
    f=wide["printed"],
)

# %% [markdown]
# ➤ In this experiment (100 labels, layer-wise rates) matching the target's variation closed most of the gap to printed digits. Sharpness accounts
# for much of the rest: equally coarse print is no better. (Class names were not varied.) Before you take weights from photographs to X-rays, list what varies in each.
#
# ## 8 · Take it home: your own photographs
#
# The next three cells need only torch and torchvision, and a folder with one subfolder of photographs per
# class. Prepare new photographs like those of the source network (size, colors, scale): published weights bring
# their transforms. Photographs of one burst look alike: keep one of each, or the test is too easy.

# %%
# take home, 1: load a folder, photos/cat/*.jpg, photos/dog/*.jpg …, in three parts
import torch
import torchvision
from PIL import Image, ImageOps
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision.transforms import v2

prepare_photo = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.transforms()
vary = v2.Compose([v2.RandomResizedCrop(256), v2.RandomHorizontalFlip(), prepare_photo])


def upright(file):
    """A photograph as it was held: phones store the rotation apart, and ImageFolder ignores it."""
    return ImageOps.exif_transpose(Image.open(file)).convert("RGB")


def load(folder):
    """Loaders of training, validation and test photographs (60, 20 and 20 %), and the classes."""
    varied = torchvision.datasets.ImageFolder(folder, vary, loader=upright)
    plain = torchvision.datasets.ImageFolder(folder, prepare_photo, loader=upright)
    order = torch.randperm(len(plain), generator=torch.Generator().manual_seed(0)).tolist()
    fifth = max(1, round(len(order) / 5))
    training = Subset(varied, order[2 * fifth :])
    validation, test = Subset(plain, order[fifth : 2 * fifth]), Subset(plain, order[:fifth])
    parts = training, validation, test
    return *(DataLoader(part, 16, shuffle=part is training) for part in parts), plain.classes


# %%
# take home, 2: a published network, a new head, and what learns at which rate
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def own_network(num_classes, recipe="last stage", weights="IMAGENET1K_V1"):
    """ResNet-18 and its parameter groups. recipe: frozen, last stage, layer-wise or one rate."""
    net = torchvision.models.resnet18(weights=weights)  # downloads 45 MB, once
    net.fc = nn.Linear(net.fc.in_features, num_classes)
    first = nn.ModuleList([net.conv1, net.bn1])
    parts = [net.fc, net.layer4, net.layer3, net.layer2, net.layer1, first]
    learning = {"frozen": 1, "last stage": 2}.get(recipe, len(parts))
    factor = 1 if recipe == "one rate" else 0.3
    net.requires_grad_(False)  # all frozen, and then some of it opened again
    groups = []
    for i, part in enumerate(parts[:learning]):
        part.requires_grad_(True)
        groups.append({"params": part.parameters(), "lr": 1e-3 * factor**i})
    return net.to(device), groups


def hold_statistics(net):
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
            module.eval()


# %%
# take home, 3: train, count what is right, and predict
def count_right(net, loader):
    net.eval()
    with torch.no_grad():
        hits = [(net(x.to(device)).argmax(1).cpu() == labels).sum() for x, labels in loader]
    return int(sum(hits))


def fine_tune(net, groups, training, validation, epochs=10):
    """Prints, after every epoch, how many validation photographs are right; returns the last number."""
    optimizer = torch.optim.Adam(groups)
    for epoch in range(1, epochs + 1):
        net.train()
        hold_statistics(net)  # after each net.train(): frozen layers keep their statistics
        for images, labels in training:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images.to(device)), labels.to(device)).backward()
            optimizer.step()
        right = count_right(net, validation)
        print(f"epoch {epoch}: {right} of {len(validation.dataset)} validation photographs")
    return right


def predict(net, file, classes):
    image = prepare_photo(upright(file))[None].to(device)
    with torch.no_grad():
        probabilities = net.eval()(image).softmax(1)[0]
    return {name: round(p, 3) for name, p in zip(classes, probabilities.tolist())}


# %%
FOLDER = ""  # name your folder, for instance "photos", and run
if FOLDER:
    own_training, own_validation, own_test, own_classes = load(FOLDER)
    own_net, own_groups = own_network(len(own_classes))
    fine_tune(own_net, own_groups, own_training, own_validation)
    photographs = own_validation.dataset  # the network was not trained on these
    file, label = photographs.dataset.samples[photographs.indices[0]]
    print(file, predict(own_net, file, own_classes))
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
# a paper run compares both starts with both recipes on pets, and frozen ImageNet weights: 800 MB of photographs, a GPU
if run.mode == "paper":
    pets = datasets.pets(224).with_normalization(transfer.MEAN, transfer.STD)
    arms = [(start, factor) for start in ("random", "ImageNet") for factor in (1, 0.5)]
    for labels in (5 * 37, len(pets.train)):
        data = pets.take(labels)
        for (start, factor), seed in product([*arms, ("ImageNet", "frozen")], (0, 1, 2)):
            torch.manual_seed(seed)
            net = models.resnet18() if start == "random" else transfer.pretrained("resnet18")
            transfer.replace_head(net, pets.num_classes)
            if factor == "frozen":
                transfer.freeze(net)
            rate = 1 if factor == "frozen" else factor
            optimizer = torch.optim.Adam(transfer.layerwise(net, 1e-3, rate))
            training.fit(net, data, optimizer, 15, batch_size=64, seed=seed)
            found = training.evaluate(net, data).accuracy
            print(f"{labels} labels, {start}, factor {factor}, seed {seed}: ≈ {found:.1%}")

# %% [markdown]
# ## 9 · Project: twenty photographs per class
#
# Take about twenty photographs of each of three things that you care about. `load` keeps a fifth as a test set. Which start and which recipe are
# best? Write one page. The next cell compares both starts with both recipes, and frozen features (an hour without a GPU). Choose
# on `own_validation`, and open the test set once: `count_right(net, own_test)`.
#
# | criterion | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | question | “I tried fine-tuning” | two strategies compared | a prediction with a number, before the first run |
# | data | no word | how they were taken | also: could the background give the class away? |
# | fairness | recipes differ by accident | same epochs and photographs | each strategy at its best rate, chosen on validation photographs |
# | noise | one seed | three seeds, all shown | also: how many photographs is one point? |
# | honesty | only successes | mistakes shown | also: what your test cannot show |

# %%
if FOLDER:
    own_arms = [
        (weights, recipe)
        for weights in (None, "IMAGENET1K_V1")
        for recipe in ("one rate", "layer-wise")
    ]
    for (weights, recipe), seed in product([*own_arms, ("IMAGENET1K_V1", "frozen")], (0, 1, 2)):
        torch.manual_seed(seed)
        net, groups = own_network(len(own_classes), recipe, weights)
        print(weights or "random", recipe, "seed", seed)
        fine_tune(net, groups, own_training, own_validation)

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
# * With few labels, frozen features or small steps below a fast head beat one rate for everything. With many labels their lead shrinks.
# * A source is worth labels: printed digits 330, with 100 labels at one rate. With 2,000 labels the gratings' worth depended on the recipe.
# * Two frozen layers of gratings cost nothing where random ones cost 8 points; with four the gap is larger: first layers are more general
#   (일반적), last ones more specific (특화).
# * **Frozen** (고정) weights can have batch-norm statistics that drift. This can hurt the old task and help the new one.
# * Here a source helped more the better it matched the variation and sharpness of the target.
#
# The loaded runs used one small network and drawn images. Measure on your data.
#
# **Where to go next.** [02 AlexNet](02_alexnet.ipynb) asks what made 2012 work. Back to the map: [00 Start here](00_start_here.ipynb).
