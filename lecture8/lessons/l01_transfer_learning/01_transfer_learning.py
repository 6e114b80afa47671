# %% [markdown]
# # 01 · Transfer learning: what a network knows before it sees your data
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({{colab}})
#
# **In this notebook you will teach a network to read letters from two examples each, find out when that trick works and when it
# does not, and catch a leak that is easy to overlook.** Papers: Yosinski et al., *How transferable are features in deep neural
# networks?*, 2014 ([arXiv 1411.1792](https://arxiv.org/abs/1411.1792)); He, Girshick, Dollár, *Rethinking ImageNet Pre-training*, 2018
# ([arXiv 1811.08883](https://arxiv.org/abs/1811.08883)).
#
# Afterwards you can
# * pre-train, replace the head, freeze, fine-tune, and give each layer a learning rate of its own;
# * say when pre-training raises the accuracy and when it only saves time, and choose a strategy from the size and kind of your data;
# * freeze a network so that nothing in it moves, and prove it.
#
# | | time |
# |---|---|
# | `quick` (default): small pictures, any laptop, no network | reading and exercises 75 minutes; all cells together about 1 minute |
# | `paper`: longer training; ImageNet weights and photographs of 37 breeds of pets (section 10) | a GPU for some minutes; not yet run there. On a CPU all was run but section 10, which was tried with ants and bees for the pets, one epoch, and random numbers for the weights |

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
import copy
from dataclasses import replace

import torch
import torchvision
from IPython.display import display

from lecture8 import (
    complexity,
    datasets,
    models,
    plots,
    published,
    teaching,
    training,
    transfer,
)
from lecture8.lessons.l01_transfer_learning import explorers, pictures
from lecture8.lessons.l01_transfer_learning import questions as ask
from lecture8.models import layers

# %% [markdown]
# **Parameters.** Everything you may want to change is here.

# %%
SEEDS = (0, 1, 2)  # every claim is measured once per seed
LR = 0.01  # Adam's learning rate for what is new
FACTOR = 0.5  # layer-wise: each stage learns half as fast as the one above it
EPOCHS = {"source": 6, "few": 40, "many": run.choose(quick=10, paper=60)}
FEW, MANY = 20, 2000  # labeled letters

# %% [markdown]
# ## 1 · One task, two teachers
#
# Your task, the **target** (타깃): read the printed letters A to J, in twelve typefaces, turned, noisy, dark on light or light on dark. Labels
# are expensive: for most of this notebook you have twenty, two of each letter.
#
# Elsewhere labels are plenty. Two other sets have some 2,000 labeled pictures each. One, printed digits, is **similar** to your letters. The
# other, striped gratings (six directions, coarse or fine: twelve classes), is **different**. They are the **sources** (소스).

# %%
letters = datasets.glyphs(per_class=200, characters="ABCDEFGHIJ", seed=1)
letters = replace(letters, valid=letters.valid.take(100))  # enough for the curves
sources = {
    "printed digits": datasets.glyphs(per_class=200, characters="0123456789"),
    "gratings": datasets.textures(per_class=167),
}
shown = torch.cat([data.train.images[:10] for data in (letters, *sources.values())])
_ = plots.images(shown)

# %% [markdown]
# Top: the target. Middle and bottom: the two sources. No letter is in a source. What could a network that knows the
# ten *digits* possibly know about the letter G?
#
# ## 2 · Pre-training
#
# **Pre-training** (사전 학습) is ordinary training, on the source. The network: six convolutions, every second one halving the image, then the
# average over all pixels and one linear layer, the **head** (헤드; `classifier` in the code and the pictures).
#
# Each convolution is followed by **batch normalization** (배치 정규화) and ReLU. In training mode it shifts and scales every channel by the mean
# and variance of the batch and keeps running averages of both; in evaluation mode it uses those averages.


# %%
def build(num_classes):
    stages, c_in = {}, 1
    for i, c_out in enumerate((16, 16, 32, 32, 64, 64), start=1):
        stages[f"conv{i}"] = layers.conv(c_in, c_out, kernel=3, stride=2 - i % 2)
        c_in = c_out
    head = layers.average_pool_classifier(c_in, num_classes)
    return layers.he_init(layers.Network(stages, head, channels=1))


cost = complexity.profile(build(10), letters.image_shape)
_ = plots.stages(cost, title=f"{cost.params:,} parameters, {cost.macs:,} multiply-adds")

# %% [markdown]
# `transfer.layerwise` gives the optimizer one learning rate for each stage. With a factor of 1 they are all the same;
# you will want another factor soon. `fit` is the usual loop.


# %%
def train(net, data, seed, epochs, factor=1):
    optimizer = torch.optim.Adam(transfer.layerwise(net, LR, factor))
    batch_size = 50 if len(data.train) > 100 else 25
    return training.fit(net, data, optimizer, epochs, batch_size=batch_size, seed=seed)


def pretrain(data, seed):
    torch.manual_seed(seed)
    net = build(data.num_classes)
    train(net, data, seed, EPOCHS["source"])
    return net


def teach(name):
    """One teacher per seed."""
    return {seed: pretrain(sources[name], seed) for seed in SEEDS}


taught = {"printed digits": teach("printed digits")}

# %%
taught["gratings"] = teach("gratings")

# %%
for name, nets in taught.items():
    scores = [training.evaluate(net, sources[name]).accuracy for net in nets.values()]
    print(f"{name}: test accuracy", *(f"≈ {score:.1%}" for score in scores))
    assert min(scores) > 0.85

# %% [markdown]
# Both teachers know their own subject. Three of each, from three different random starts.
#
# ## 3 · Replace the head, freeze, fine-tune
#
# A teacher's last layer names digits; for letters it is useless. So it is replaced by a new, random one. Then you choose
# what may still learn:


# %%
def start_from(source, data, seed, up_to=None):
    """A copy with a new head, frozen from the image up to a stage."""
    torch.manual_seed(seed)
    net = transfer.replace_head(copy.deepcopy(source), data.num_classes)
    return transfer.freeze(net, up_to=up_to) if up_to else net


teacher = taught["printed digits"][SEEDS[0]]
choices = {
    "random weights": build(10),
    "fine-tune everything": start_from(teacher, letters, 0),
    "freeze three": start_from(teacher, letters, 0, up_to="conv3"),
    "freeze all features": start_from(teacher, letters, 0, up_to="conv6"),
}
_ = pictures.what_learns(choices, teacher)

# %% [markdown]
# (The picture is read off the networks: is the weight the teacher's, does it get a gradient?) In words: **feature extraction** (특징
# 추출) freezes all features and trains the head alone; **fine-tuning** (미세 조정) trains on from the teacher's weights, in all
# layers or in some. How many numbers learn?

# %%
for name, net in choices.items():
    learning = sum(p.numel() for p in net.parameters() if p.requires_grad)
    print(f"{name:20} {learning:6,} of {cost.params:,} parameters learn")
assert learning == 64 * 10 + 10

# %% [markdown]
# ## 4 · Twenty labels
#
# Two examples of each letter. For each seed they are others. Guessing would get 10 % of the test letters right.


# %%
def some(count, seed):
    """The letters with `count` labels: for each seed others, as long as there are enough."""
    which = (torch.arange(count) + seed * count) % len(letters.train)
    valid = letters.valid.take(100 if count == MANY else 10)  # few: no curves are drawn
    return replace(letters.take(which), valid=valid)


_ = plots.images(some(FEW, 0).train.images, columns=10)

# %%
guess_few = teaching.predict(ask.predictions["few"])
guess_few

# %% [markdown]
# Frozen stages answer the same image alike in every epoch. So `learn` asks them once (`transfer.extract_features`) and trains the rest on what
# they said: the same result in a fraction of the time. Remember that trick when your own data are photographs.


# %%
def learn(source, data, seed, epochs, up_to=None, factor=1):
    """Start from a source (None: random weights) and train: (history, test accuracy)."""
    torch.manual_seed(seed)
    net = start_from(source, data, seed, up_to) if source else build(data.num_classes)
    if up_to:  # what is frozen is computed once, and the rest trained on its output
        data = transfer.extract_features(net, data, up_to)
        rest = dict(list(net.features.named_children())[int(up_to[-1]) :])
        net = layers.Network(rest, net.classifier, channels=data.image_shape[0])
    history = train(net, data, seed, epochs, factor)
    return history, training.evaluate(net, data).accuracy


def few(name, **how):
    return [
        learn(name and taught[name][seed], some(FEW, seed), seed, EPOCHS["few"], **how)[1]
        for seed in SEEDS
    ]


results = {
    "random weights": few(None),
    "digits, all trained": few("printed digits"),
    "digits, frozen": few("printed digits", up_to="conv6"),
}

# %% tags=["measured"]
axis = "test accuracy with 20 labels (dots: seeds)"
_ = plots.bars(results, xlabel=axis, form="{:.0%}")

# %%
scratch, tuned, frozen = results.values()
assert min(tuned) > max(scratch) + 0.05
assert sum(frozen) > sum(tuned) + 0.05 * len(SEEDS)  # on average; one seed may differ
assert min(frozen) > 2 * max(scratch)
guess_few.reveal("C: digit weights, frozen")

# %% [markdown]
# Features that were never trained on a letter read more than twice as many of them as a network that starts from nothing. What they know
# cannot be the digits themselves; think of ink and paper, strokes, corners and bows, in any shade.
#
# Why does fine-tuning everything do *worse* than freezing? A suspect: in the first steps the new head is random, and its gradients run
# through the teacher's weights and spoil them. Test it: train the head alone first, then everything.


# %%
def head_first(seed):
    digits, labeled = taught["printed digits"][seed], some(FEW, seed)
    ready = start_from(digits, letters, seed, up_to="conv6")
    train(ready, labeled, seed, EPOCHS["few"])
    net = start_from(digits, letters, seed)
    net.classifier = ready.classifier
    train(net, labeled, seed, EPOCHS["few"])
    return training.evaluate(net, labeled).accuracy


warm = sum(head_first(seed) for seed in SEEDS) / len(SEEDS)
print(f"head first, then everything at one rate: ≈ {warm:.0%}")
assert sum(tuned) / len(SEEDS) + 0.02 < warm < sum(frozen) / len(SEEDS) - 0.01

# %% [markdown]
# Better, but still behind freezing. So the random head is only part of the trouble: even under a good head, twenty labels at this rate move
# 72,000 weights away from what they knew. (Other seeds give other gaps: of three more that we tried, one fine-tuned as well as it froze.)
#
# There is a middle way: let every layer learn, **but the more slowly the closer it is to the image** (층별 학습률). The idea: first layers see
# edges, which every task needs; last layers see what the source was about. (Section 7 puts that to the test.)

# %%
groups = transfer.layerwise(start_from(teacher, letters, 0), LR, FACTOR)
for group in groups:
    count = sum(p.numel() for p in group["params"])
    print(f"{group['name']:10} learns at {group['lr']:.6f}: {count:6,} parameters")
assert sum(p.numel() for g in groups for p in g["params"]) == cost.params

# %%
compared = results | {
    "digits, layer-wise": few("printed digits", factor=FACTOR),
    "gratings, layer-wise": few("gratings", factor=FACTOR),
    "gratings, frozen": few("gratings", up_to="conv6"),
}

# %% tags=["measured"]
colors = {name: plots.ORANGE for name in compared if name.startswith("gratings")}
colors["random weights"] = plots.GRAY
_ = plots.bars(compared, xlabel=axis, form="{:.0%}", colors=colors)

# %%
mean = {name: sum(values) / len(values) for name, values in compared.items()}
layerwise = compared["digits, layer-wise"]
assert all(slow > fast for slow, fast in zip(layerwise, compared["digits, all trained"]))
assert mean["digits, layer-wise"] > mean["digits, all trained"] + 0.05
# the similar source beats the different one, in every seed and either way
for how in ("layer-wise", "frozen"):
    pairs = zip(compared[f"digits, {how}"], compared[f"gratings, {how}"])
    assert all(similar > different + 0.1 for similar, different in pairs)
teaching.correct(
    "Layer-wise rates beat one rate, and the similar source beats the different one, in every seed."
)

# %% [markdown]
# Two things to keep. The **rate** matters as much as the choice of layers. And the **source** matters most: gratings, learned to
# perfection, are hardly better than random weights for letters.
#
# Now read the notes' definition again:

# %%
teaching.three_ways(
    1,
    measured=f"right with 20 labels: head only ≈ {mean['digits, frozen']:.2f}, everything at one rate "
    f"≈ {mean['digits, all trained']:.2f}, everything layer-wise ≈ {mean['digits, layer-wise']:.2f}",
)

# %% [markdown]
# ## 5 · Two thousand labels
#
# So pre-training raises accuracy. The notes say the opposite: it “helps to converge fast, it does not raise performance”.
# With twenty labels that is wrong. With a hundred times as many?

# %%
guess_much = teaching.predict(ask.predictions["much"])
guess_much


# %%
def many(name, **how):
    return [
        learn(name and taught[name][seed], some(MANY, seed), seed, EPOCHS["many"], **how)
        for seed in SEEDS
    ]


long = {"random weights": many(None)}

# %%
long["fine-tuned"] = many("printed digits", factor=FACTOR)

# %%
long["frozen"] = many("printed digits", up_to="conv6")

# %% tags=["measured"]
histories = {name: [history for history, _ in runs] for name, runs in long.items()}
_ = plots.curves(histories, "valid_accuracy", title="Two thousand labels, three seeds each")


# %%
def epochs_to(target, history):
    """The first epoch with this validation accuracy; one more than all if there is none."""
    reached = [i for i, a in enumerate(history["valid_accuracy"], 1) if a >= target]
    return min(reached, default=len(history) + 1)


speed = {
    name: [epochs_to(0.85, history) for history, _ in long[name]]
    for name in ("random weights", "fine-tuned")
}
final = {name: [accuracy for _, accuracy in runs] for name, runs in long.items()}
average = {name: sum(values) / len(values) for name, values in final.items()}
for name, epochs in speed.items():
    print(f"{name}: epochs to 85 %:", *(f"≈ {e}" for e in epochs))
print("test accuracy at the end:", *(f"{name} ≈ {a:.1%}" for name, a in average.items()))
assert average["frozen"] < average["fine-tuned"] - 0.04

# %%
assert max(speed["fine-tuned"]) < min(speed["random weights"])  # faster, in every seed
gap_few = mean["digits, layer-wise"] - mean["random weights"]
gap_many = average["fine-tuned"] - average["random weights"]
assert gap_few > 0.3 and -0.05 < gap_many < 0.1
guess_much.reveal("less than 10 points behind")

# %% [markdown]
# With many labels pre-training still saves epochs, and the gap at the end has shrunk to a few points. (The validation split has 100 letters: one
# letter is one point, so the thin lines jump.) The frozen features, so good in section 4, are now the *worst*: they cannot learn what only
# the letters can teach.
#
# The same on real photographs, published: detectors trained from random weights and from ImageNet weights, by number of target images.

# %%
table = published.read("scratch_or_pretrained")
table["gain"] = (table["pretrained"] - table["scratch"]).round(1)
coco = table[table["target"] == "COCO"].set_index("images")["gain"]
assert coco.to_dict() == {35000: 0.0, 10000: 0.1, 3500: 6.7, 1000: 6.4}
assert table.set_index("target").loc["PASCAL VOC", "gain"] == 5.1
table[["target", "images", "metric", "scratch", "pretrained", "gain"]].style.hide(
    axis="index"
).format({"images": "{:,.0f}"}, na_rep="trainval", precision=1)

# %%
teaching.three_ways(
    2,
    measured=f"the gain at the end is ≈ {100 * gap_few:.0f} points with {FEW} labels and "
    f"≈ {100 * gap_many:.0f} with {MANY:,}; there it saves epochs",
)

# %% [markdown]
# The notes' sentence holds for much data and long training, as on COCO with 35,000 images. It fails for little data, and not only there: on
# PASCAL VOC, with its whole training set, random weights do not catch up either.
#
# ## 6 · How much data, how similar a source: the table
#
# The course notes of CS231n ([Transfer Learning](https://cs231n.github.io/transfer-learning/)) draw this table as advice. Here it is an
# experiment: three sources (the third waits for section 9), four numbers of labels, every depth of freezing, three seeds, trained as above. These runs are **loaded, not trained
# here**.

# %%
print(*(f"{k}: {v}" for k, v in published.provenance("transfer_grid").items()), sep="\n")
grid = published.read("transfer_grid")


def loaded(labels, source, frozen, factor=FACTOR):
    """Three test accuracies, one per seed."""
    rows = grid[(grid["labels"] == labels) & (grid["source"] == source)]
    return list(rows[(rows["frozen"] == frozen) & (rows["factor"] == factor)]["test_accuracy"])


# %% [markdown]
# Do not take them on trust: train some again.

# %%
again = [
    learn(taught["gratings"][seed], some(100, seed), seed, 30, up_to="conv2", factor=FACTOR)[1]
    for seed in SEEDS
]
pairs = {
    "20 labels, digits, frozen": (results["digits, frozen"], loaded(20, "printed digits", 6)),
    "20 labels, digits, layer-wise": (layerwise, loaded(20, "printed digits", 0)),
    "100 labels, gratings, two frozen": (again, loaded(100, "gratings", 2)),
}
for name, (here, there) in pairs.items():
    here, there = (sum(values) / len(values) for values in (here, there))
    print(f"{name}: here ≈ {here:.2f}, loaded {there:.2f}")
    assert abs(here - there) < 0.1

# %%
kinds = {"similar source": "printed digits", "different source": "gratings"}
cells = {
    (amount, kind): {
        "random weights": loaded(labels, "none", 0, factor=1),
        "fine-tune, one rate": loaded(labels, source, 0, factor=1),
        "fine-tune, layer-wise": loaded(labels, source, 0),
        "freeze three": loaded(labels, source, 3),
        "freeze all": loaded(labels, source, 6),
    }
    for amount, labels in {"20 labels": 20, "2,000 labels": 2000}.items()
    for kind, source in kinds.items()
}
_ = pictures.two_by_two(cells)


# %%
def average_of(*where):
    return sum(loaded(*where)) / len(SEEDS)


few_digits, few_gratings, many_digits, many_gratings = (
    {name: sum(values) / len(values) for name, values in cell.items()}
    for cell in cells.values()
)
# little data, similar source: by far above random weights, and careful beats careless
assert min(few_digits["freeze all"], few_digits["fine-tune, layer-wise"]) > 0.55
assert few_digits["fine-tune, one rate"] < 0.5 and few_digits["random weights"] < 0.25
# little data, different source: hardly anything helps
assert max(few_gratings.values()) < few_gratings["random weights"] + 0.1
# much data: frozen to the top is the worst; layer-wise rates do not suit a different source
for cell in (many_digits, many_gratings):
    assert min(cell, key=cell.get) == "freeze all" and cell["fine-tune, one rate"] > 0.9
assert many_digits["fine-tune, one rate"] > many_digits["random weights"] + 0.01
assert many_gratings["fine-tune, layer-wise"] < many_gratings["random weights"] - 0.02

# %% [markdown]
# Read it cell by cell.
# * **Little data, similar source:** freeze, or fine-tune with layer-wise rates. Careless fine-tuning wastes a third of the gain.
# * **Little data, different source:** nothing helps much.
# * **Much data, similar source:** fine-tune everything; 2 or 3 points are still to be had.
# * **Much data, different source:** random weights do as well or better. Layer-wise rates hold on to the source, and this one does not
#   deserve it.
#
# (The dark bar is the highest of its cell, sometimes by less than the spread of the seeds. Being highest *here* is a
# description. To choose a strategy for your own data, compare on the validation split.)
#
# ## 7 · How general is a layer?
#
# Yosinski and colleagues asked it with ImageNet cut in two halves: copy the first *k* layers, freeze them, train the rest on the other half.
# Where does the accuracy fall?

# %%
guess_depth = teaching.predict(ask.predictions["depth"])
guess_depth

# %%
drawn = pictures.layerwise_runs(grid)
_ = pictures.depths(drawn, 2000, ["printed digits", "gratings"])

# %%
lost = {
    source: [
        100 * (average_of(2000, source, 0) - average_of(2000, source, k)) for k in range(1, 7)
    ]
    for source in ("printed digits", "gratings")
}
for source, points in lost.items():
    print(f"{source}, points lost by freezing the first k:", *(f"{p:.1f}" for p in points))
assert max(lost["gratings"][:2]) < 2 < 10 < 40 < lost["gratings"][5]
assert sorted(lost["gratings"]) == lost["gratings"]  # deeper is never cheaper
assert max(lost["printed digits"][:4]) < 2 < lost["printed digits"][5] < 15
guess_depth.reveal("only from the deeper ones on")

# %% [markdown]
# The first two layers are **general** (일반적), whoever taught them: for letters, those of a grating reader will do. The last ones are
# **specific** (특화): those of a grating reader are of next to no use, those of a digit reader of much.
#
# A fair doubt: with layer-wise rates the first layers learn 32 to 64 times as slowly as the head, so perhaps freezing them costs nothing
# because they would not have moved anyway. Not so: with one rate for all, freezing two layers of the grating reader cost about 1 point, freezing four
# about 6 (means of three seeds; not in the table). And mind the gray line: with so many labels random weights beat the grating reader at *every* depth.
#
# Yosinski's numbers for eight-layer networks on ImageNet say the same: frozen to the last layer, features lose 8 points between random halves, and
# 25 between man-made and natural things.

# %%
yosinski = published.read("transferability")[["finding", "points"]]
yosinski.style.hide(axis="index").format(precision=1).set_properties(
    subset="finding", **{"text-align": "left"}
)

# %% [markdown]
# ## 8 · The leak
#
# You want frozen features, and you do what many tutorials do: `requires_grad = False` for every parameter. Then you train the head.

# %%
guess_leak = teaching.predict(ask.predictions["leak"])
guess_leak

# %% [markdown]
# Do not take it on trust: write the detector first.

# %%
ask.exercises["changed"]


# %%
def my_changed(before, after):
    return ...  # your code


ask.exercises["changed"].check(my_changed)


# %%
def half_frozen(seed):
    net = start_from(taught["printed digits"][seed], letters, seed)
    for parameter in net.features.parameters():
        parameter.requires_grad_(False)
    return net


def frozen_whole(seed):
    return transfer.freeze(start_from(taught["printed digits"][seed], letters, seed))


def what_moved(net, seed):
    """Train the head on 100 letters; which kinds of tensors in `features` are not what they were?"""
    before = copy.deepcopy(net.features.state_dict())
    train(net, some(100, seed), seed, epochs=10)
    after = net.features.state_dict()
    return {
        name.split(".")[-1] for name in before if not torch.equal(before[name], after[name])
    }


leaky = [half_frozen(seed) for seed in SEEDS]
moved = set.union(*(what_moved(net, seed) for seed, net in zip(SEEDS, leaky)))
print(*sorted(moved), sep=", ")
assert moved == {"num_batches_tracked", "running_mean", "running_var"}
guess_leak.reveal("the running means and variances of batch normalization")

# %% [markdown]
# Does it matter? No weight has changed. So what does the network make of one and the same picture, before and after? And
# with its old head put back, how well does it still read its digits?


# %%
def shift(net, teacher):
    """By how much the features of the test letters have changed, as a fraction of their length."""
    old, new = (transfer.extract_features(n, some(FEW, 0)).test.images for n in (teacher, net))
    return float((new - old).norm() / old.norm())


def old_task(net, teacher):
    """Accuracy on the digits with the teacher's own head."""
    net = copy.deepcopy(net)
    net.classifier = copy.deepcopy(teacher.classifier)
    return training.evaluate(net, sources["printed digits"]).accuracy


# %%
tight = [frozen_whole(seed) for seed in SEEDS]
nothing = set.union(*(what_moved(net, seed) for seed, net in zip(SEEDS, tight)))
changes, digits_read = {}, {}
for name, nets in {"requires_grad only": leaky, "transfer.freeze": tight}.items():
    pairs = list(zip(nets, taught["printed digits"].values()))
    changes[name] = [shift(*pair) for pair in pairs]
    digits_read[name] = [old_task(*pair) - old_task(pair[1], pair[1]) for pair in pairs]
    print(
        f"{name:18} features changed by",
        *(f"≈ {100 * c:.0f} %" for c in changes[name]),
        end="; ",
    )
    print("points on digits:", *(f"≈ {100 * d:.1f}" for d in digits_read[name]))

# %%
without, held = "requires_grad only", "transfer.freeze"
assert min(changes[without]) > 0.2 and sum(digits_read[without]) < 0
assert nothing == set() and {*changes[held], *digits_read[held]} == {0.0}
teaching.source(transfer.freeze, transfer.keep_evaluating)

# %% [markdown]
# The features you called frozen were sliding under the head all the time. `transfer.freeze` also holds the statistics: a frozen part stays in
# evaluation mode even when the loop calls `net.train()`. (Exercise: write it yourself.)
#
# ## 9 · Explore
#
# All of these runs. The ring is where you are; gray is what random weights reach.

# %%
explorers.strategies()

# %% [markdown]
# Stay with the printed digits, freeze all six convolutions, and move the labels from 20 to 2,000: **what happens to the price of freezing,
# compared with fine-tuning everything?** (Differences of two or three points are within the spread of the seeds.)

# %%
price = {
    labels: round(
        100
        * (average_of(labels, "printed digits", 0) - average_of(labels, "printed digits", 6)),
        1,
    )
    for labels in (20, 100, 500, 2000)
}
print("points that freezing everything costs, by number of labels:", price)
assert price[20] < 2 < price[100] < price[500] < price[2000]
teaching.correct("It rises with the labels: nothing with 20, ten points with 2,000.")

# %% [markdown]
# Now try the third source. Guess first:

# %%
guess_handwritten = teaching.predict(ask.predictions["handwritten"])
guess_handwritten

# %%
helps = {source: average_of(20, source, 0) for source in pictures.SOURCES}
print("20 labels, fine-tuned:", ", ".join(f"{source} {a:.0%}" for source, a in helps.items()))
printed, stripes, handwritten = helps.values()
assert handwritten - stripes < (printed - stripes) / 3
guess_handwritten.reveal("hardly better than the gratings")

# %% [markdown]
# **Similar is what looks alike to the network**, not what has the same name. Handwritten digits are always light on black and clean. Your
# letters come in every shade, on noisy paper, and a network that never needed to cope with that is unlikely to have features for it. Keep it in mind when you
# take weights from photographs to X-rays.
#
# ## 10 · On photographs
#
# The same with ImageNet's weights: ResNet-18, taught on 1.28 million photographs, and 37 breeds of cats and dogs (Oxford pets, about 3,700 labels).
# This needs a GPU, so it runs in `paper` mode only; there it downloads 45 MB of weights and 800 MB of photographs. Look through the cell all the
# same: it is the lesson once more, on one page.


# %%
if run.mode == "paper":
    pets = datasets.pets(224).with_normalization(transfer.MEAN, transfer.STD)
    imagenet = transfer.pretrained("resnet18")
    blank = models.resnet18()
    for count in (5 * 37, len(pets.train)):
        data = pets.take(count)
        for name, (source, up_to, factor) in {
            "random weights": (blank, None, 1),
            "frozen": (imagenet, "conv5_x", 1),
            "fine-tuned": (imagenet, None, FACTOR),
        }.items():
            net = start_from(source, data, 0, up_to)
            optimizer = torch.optim.Adam(transfer.layerwise(net, 1e-3, factor))
            training.fit(net, data, optimizer, 15, batch_size=64)
            print(f"{count} labels, {name}: ≈ {training.evaluate(net, data).accuracy:.1%}")

# %% [markdown]
# ### Classify a picture of your own
#
# A thousand classes, learned by others, for any photograph of yours.

# %%
weights = torchvision.models.ResNet18_Weights.IMAGENET1K_V1
categories = weights.meta["categories"]
size = weights.meta["_file_size"]
print(f"ResNet-18 knows {len(categories):,} classes, from {categories[0]} to {categories[-1]}.")


@torch.no_grad()
def classify(photo):
    """The five most likely classes of a photograph, 3 × H × W bytes: (picture, text)."""
    small = torchvision.transforms.functional.resize(photo, [256], antialias=True)
    square = torchvision.transforms.functional.center_crop(small, [224])
    image = transfer.normalize(square[None] / 255)
    best = classifier.cpu().eval()(image).softmax(1)[0].topk(5)
    names = [categories[i] for i in best.indices]
    picture = pictures.guesses(square, names, best.values.tolist())
    return picture, f"ResNet-18 takes this for: {names[0]}."


# %%
if run.mode == "paper":
    try:
        classifier = transfer.pretrained("resnet18")
        photo = datasets.sample_photos()["grace_hopper"]
        display(explorers.upload(classify, photo))
    except OSError as error:
        print(error)
else:
    print(f"This needs a paper run, and {size:.0f} MB of weights from the network once:")
    print('write lecture8.start("paper") in the second cell and run from there.')

# %% [markdown]
# ## 11 · Exercises
#
# Put your answer in place of `...`, run the cell, read what the check found. Hints and solutions unfold.

# %%
ask.exercises["helped"]

# %%
my_gain = ...
ask.exercises["helped"].check(my_gain)

# %%
ask.exercises["head"]

# %%
my_count = ...
ask.exercises["head"].check(my_count)

# %%
ask.exercises["groups"]


# %%
def my_groups(net, lr_new, lr_old):
    return ...  # your code


ask.exercises["groups"].check(my_groups)

# %%
ask.exercises["features"]


# %%
def my_features(net, images):
    return ...  # your code


ask.exercises["features"].check(my_features)

# %%
ask.exercises["freeze"]


# %%
def my_freeze(net):
    return ...  # your code


ask.exercises["freeze"].check(my_freeze)

# %% [markdown]
# ## 12 · Quiz
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

# %% [markdown]
# ## 정리 · What you have shown
#
# * **Transfer learning** (전이 학습): use in one domain what was learned in another. **Pre-training** (사전 학습) on a large other set, then a
#   new head, then **fine-tuning** (미세 조정) of some or all layers. How much is reset and what learns is a choice (초기화할 층의 선택).
# * With 20 labels: random weights read about 17 %, all at one rate 47 %, the head alone or layer-wise rates 63 %.
# * Pre-training helps to converge fast (빠른 수렴), *and* it raises accuracy (성능) when labels are few. With 2,000 labels the gain at the end shrinks to
#   a few points; COCO with 35,000 images: 36.3 either way, with 1,000: 3.5 against 9.9.
# * **Similar** means looks alike to the network: printed digits helped, gratings and even handwritten digits hardly.
# * First layers are general (일반적), last ones specific (특화): freezing two convolutions of a grating reader costs 1 point, freezing all six 54.
# * **Frozen** (고정) is more than `requires_grad = False`: batch normalization's running statistics move unless they are held, too.
#
# **Where to go next.** [02 AlexNet](02_alexnet.ipynb) is the network whose features started all this. Back to the map: [00 Start here](00_start_here.ipynb).
