# %% [markdown]
# # 00 · Start here
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({{colab}})
#
# **In this notebook you meet the networks that won ImageNet, learn to compare them fairly, and train your first small one
# in seconds.** It also shows how all notebooks of this course work: you predict, you build, the notebook checks, you
# measure, and only then is anything explained.
#
# Afterwards you can
# * place AlexNet, ZFNet, VGG, GoogLeNet, ResNet and the Inceptions on one time line, and tell a single network's error from an ensemble's;
# * predict the shapes inside a convolutional network, build it, train it, and look at its mistakes;
# * use what every lesson uses: runs, checks, explorers, exercises, quiz.
#
# | | time |
# |---|---|
# | reading and exercises | 45 minutes |
# | all cells together, any laptop, no network | about half a minute |

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

# %% [markdown]
# To run a cell press **Shift + Enter**; to run all, use the menu *Run > Run All Cells*. Cells can be run again at any time.
#
# Is everything there? (This table is about your machine, so it looks different from the saved one.)

# %% tags=["nbval-ignore-output"]
lecture8.check()

# %% [markdown]
# A GPU is not needed: in a **quick** run every lesson uses small real data and takes about a minute. A **paper** run
# (`lecture8.start("paper")`) follows the papers and wants a GPU.

# %%
import torch
from torch import nn

from lecture8 import (
    complexity,
    datasets,
    plots,
    published,
    teaching,
    training,
)
from lecture8.lessons.l00_start_here import explorers, overview, pictures
from lecture8.lessons.l00_start_here import questions as ask

# %% [markdown]
# **Parameters.** Each lesson has one such cell; change what you like and run the cells below again.

# %%
SEEDS = (0, 1, 2)  # every claim is measured once per seed
EPOCHS = run.choose(quick=5, paper=15)
digits = datasets.digits(size=10)
digits

# %% [markdown]
# ## 1 · Eight years of ImageNet
#
# The ImageNet challenge (ILSVRC) asks: which of 1,000 things is on this photograph? A network may name five; if the right one is
# not among them, that is a *top-5 error*. Here is the winner of every year, and a human who trained for it.

# %%
winners, human = overview.winners_and_human()
_ = pictures.timeline(winners, human)

# %% [markdown]
# The bars of 2010 and 2011 were made by hand-written features. In 2012 AlexNet learned its features, and ever since
# the winners have been convolutional networks, and mostly deeper ones. This lecture is about how that went. Pick a year:

# %%
explorers.winners()

# %% [markdown]
# **Which year brought the largest step, in points and as a fraction?** Compute it from the table:

# %%
error = winners.set_index("year")["top5_error"]
step = -error.diff().dropna()
fraction = step / error.shift(1).dropna()
assert step.idxmax() == 2012 and fraction.idxmax() == 2015
first_below_human = int(error[error < human].index[0])
assert first_below_human == 2015
print(f"largest step in points: {step.idxmax()}, {step.max():.2f} points (AlexNet)")
print(
    f"largest step as a fraction: {fraction.idxmax()}, {fraction.max():.1%} of the errors gone (ResNet)"
)
print(f"first below the human's {human} %: {first_below_human}")

# %% [markdown]
# ## 2 · One network or seven?
#
# Every bar since 2012 is an **ensemble** (앙상블): several networks vote. One network alone does worse. If you compare one
# paper's ensemble with another's single network, you can prove anything. Here are the published errors of both kinds:

# %%
published_errors = published.read("imagenet_errors")
pairs = {
    "AlexNet (1, then 5)": (18.2, 16.4),
    "ZFNet (b) (1, then 6)": (16.0, 14.7),
    "GoogLeNet (1, then 7)": (7.89, 6.67),
    "ResNet (1 on val, 6 on test)": (4.49, 3.57),
}
_ = pictures.singles_and_ensembles(pairs)

# %% [markdown]
# The rows behind the picture, with their sources. *nets*: how many networks vote; *split*: which images (validation or test);
# *crops*: how many cut-outs of an image are averaged. Numbers with different crops do not compare either.

# %%
published_errors[["network", "nets", "split", "crops", "top5", "source"]].dropna(
    subset="top5"
).style.hide(axis="index").format({"nets": "{:.0f}", "top5": "{:g}"}, na_rep="not stated")

# %%
rows = set(published_errors[["network", "nets", "top5"]].itertuples(index=False, name=None))
singles = [
    ("AlexNet", 1, 18.2),
    ("ZFNet (b)", 1, 16.0),
    ("GoogLeNet", 1, 7.89),
    ("ResNet-152", 1, 4.49),
]
ensembles = [
    ("AlexNet", 5, 16.4),
    ("ZFNet", 6, 14.7),
    ("GoogLeNet", 7, 6.67),
    ("ResNet", 6, 3.57),
]
assert rows >= {*singles, *ensembles}  # the picture shows what the table says
assert all(many[2] < one[2] for one, many in zip(singles, ensembles))  # voting always helped

# %% [markdown]
# Two sentences of the lecture notes look different in this light:

# %%
alone = published_errors[published_errors["nets"] == 1].set_index("network")["top5"]
single_step = alone["AlexNet"] - alone["ZFNet Fig. 3"]
assert round(single_step, 1) == 1.7
teaching.three_ways(
    8,
    measured=f"one network against one: 18.2 → 16.5 %, a step of {single_step:.1f} points instead of {16.4 - 11.7:.1f}",
    verb="computed",
)

# %%
gone = 1 - 3.57 / 6.67
assert 0.46 < gone < 0.47
teaching.three_ways(
    31,
    measured=f"ensemble against ensemble {gone:.1%} of the errors are gone; “almost halved” is fair, “152 layers” is not the whole of it",
    verb="computed",
)

# %% [markdown]
# ## 3 · Predict, build, check: a small network
#
# Now the way of working, on a real problem: 1,797 handwritten digits, scanned from forms. Each is 10 × 10 pixels, here in the middle
# of a 16 × 16 frame.


# %%
def frame(pixels, moved):
    """N × 1 × 10 × 10 pictures in black 16 × 16 ones: each in the middle, or at a random place."""
    generator = torch.Generator().manual_seed(8)
    corners = torch.randint(0, 7, (len(pixels), 2), generator=generator)
    canvas = torch.zeros(len(pixels), 1, 16, 16, dtype=torch.uint8)
    for i, (top, left) in enumerate(corners if moved else torch.full_like(corners, 3)):
        canvas[i, :, top : top + 10, left : left + 10] = pixels[i]
    return canvas


data = digits.map(lambda pixels: frame(pixels, moved=False))

# %%
_ = plots.images(data.train.images[:20], [str(int(label)) for label in data.train.labels[:20]])

# %% [markdown]
# **Predict.** Before you build anything:

# %%
guess_shape = teaching.predict(ask.predictions["shape"])
guess_shape

# %% [markdown]
# **Build.** A convolutional network (CNN, 합성곱 신경망) in ten lines. Read the shapes on the right: channels × height × width.


# %%
def build_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),  # 16 × 16 × 16
        nn.ReLU(),
        nn.MaxPool2d(2),  # 16 × 8 × 8
        nn.Conv2d(16, 32, kernel_size=3, padding=1),  # 32 × 8 × 8
        nn.ReLU(),
        nn.MaxPool2d(2),  # 32 × 4 × 4
        nn.Flatten(),  # 512
        nn.Linear(512, data.num_classes),  # 10
    )


cost = complexity.profile(build_cnn(), data.image_shape)
cost

# %% [markdown]
# **Check.** The table above was computed by sending a shape through the network. *params*: numbers to learn; *macs*: multiply-adds, the
# work for one image; *field*: how many pixels across one output sees; *jump*: input pixels between two neighboring outputs. Do you get
# the first convolution's numbers by hand?

# %%
first = cost.layers[0]
assert first.params == 16 * (1 * 3 * 3 + 1) == complexity.conv_params(1, 16, 3)
assert first.macs == 16 * (1 * 3 * 3) * 16 * 16  # each kernel, at each of the 16 × 16 places
shape_after_pooling = next(
    layer.output_shape for layer in cost.layers if layer.kind == "MaxPool2d"
)
guess_shape.reveal(" × ".join(map(str, shape_after_pooling)))

# %% [markdown]
# **Measure.** Train it, three times from different random weights, next to the simplest classifier there is: one linear layer on
# the pixels. (`training.fit` is the usual loop; `teaching.source(training.run_epoch)` shows it.)


# %% tags=["measured"]
def train(build, seed, data):
    torch.manual_seed(seed)
    net = build()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    history = training.fit(net, data, optimizer, EPOCHS, batch_size=32, seed=seed)
    return net, history


def build_linear():
    return nn.Sequential(nn.Flatten(), nn.Linear(16 * 16, data.num_classes))


cnns = [train(build_cnn, seed, data) for seed in SEEDS]
linears = [train(build_linear, seed, data) for seed in SEEDS]
_ = plots.curves(
    {"CNN": [h for _, h in cnns], "linear": [h for _, h in linears]},
    "valid_accuracy",
    title="Three seeds each",
)


# %%
def accuracies(trained, data):
    return [training.evaluate(net, data).accuracy for net, _ in trained]


cnn, linear = accuracies(cnns, data), accuracies(linears, data)
print("test accuracy, CNN:   ", *(f"≈ {100 * a:.1f} %" for a in cnn))
print("test accuracy, linear:", *(f"≈ {100 * a:.1f} %" for a in linear))
assert min(cnn + linear) > 0.9

# %% [markdown]
# (≈ means: measured here, on your machine it may differ a little. What must hold everywhere is asserted.)
#
# Both are above 90 %, and the simple one is hardly behind. So what is the convolution good for? These digits all sit in the
# middle of their frame. Photographs do not do you that favor. Guess:

# %%
guess_moved = teaching.predict(ask.predictions["moved"])
guess_moved


# %%
moved = digits.map(lambda pixels: frame(pixels, moved=True))
_ = plots.images(
    moved.train.images[:20], [str(int(label)) for label in moved.train.labels[:20]]
)

# %%
cnn_moved = accuracies([train(build_cnn, seed, moved) for seed in SEEDS], moved)
linear_moved = accuracies([train(build_linear, seed, moved) for seed in SEEDS], moved)
lost = [before - after for before, after in zip(cnn, cnn_moved)]
lost_linear = [before - after for before, after in zip(linear, linear_moved)]
print("points lost, CNN:   ", *(f"≈ {100 * points:.0f}" for points in lost))
print("points lost, linear:", *(f"≈ {100 * points:.0f}" for points in lost_linear))

# %%
assert all(points > 0.5 for points in lost_linear)
assert all(few < many / 2 for few, many in zip(lost, lost_linear))  # in every seed
guess_moved.reveal("the linear one loses far more")

# %% [markdown]
# **One more:** what if the pixels change places?

# %%
guess_shuffle = teaching.predict(ask.predictions["shuffle"])
guess_shuffle

# %%
order = torch.randperm(16 * 16, generator=torch.Generator().manual_seed(8))
shuffled = moved.map(lambda pixels: pixels.flatten(2)[:, :, order].unflatten(2, (16, 16)))
_ = plots.images(
    shuffled.train.images[:10], [str(int(label)) for label in shuffled.train.labels[:10]]
)

# %%
cnn_shuffled = accuracies([train(build_cnn, seed, shuffled) for seed in SEEDS], shuffled)
linear_shuffled = accuracies([train(build_linear, seed, shuffled) for seed in SEEDS], shuffled)

# %% tags=["measured"]
bars = {"CNN": cnn, "CNN, moved": cnn_moved, "CNN, moved and shuffled": cnn_shuffled}
bars |= {
    "linear": linear,
    "linear, moved": linear_moved,
    "linear, moved and shuffled": linear_shuffled,
}
colors = {name: plots.GRAY for name in bars if name.startswith("linear")}
_ = plots.bars(bars, xlabel="test accuracy (dots: seeds)", form="{:.0%}", colors=colors)

# %%
assert all(before - after > 0.2 for before, after in zip(cnn_moved, cnn_shuffled))
assert (
    abs(sum(linear_shuffled) - sum(linear_moved)) / len(SEEDS) < 0.15
)  # the linear one hardly notices
guess_shuffle.reveal("it loses more than 20 points")

# %% [markdown]
# ## 4 · Look at the mistakes
#
# An accuracy is a number; the mistakes are the story. Here are the eight digits whose right answer the first CNN held for least likely:

# %% tags=["measured"]
net, _ = cnns[0]
net.cpu().eval()
with torch.no_grad():
    chances = net(data.test.images).softmax(1)
labels, predicted = data.test.labels, chances.argmax(1)
worst = chances[range(len(labels)), labels].argsort()[:8]
titles = [f"{int(labels[i])} → {int(predicted[i])}" for i in worst]
_ = plots.images(data.test.images[worst], titles, columns=8, size=1.1)

# %% [markdown]
# Over each picture: the true digit → what the network said. Some you would not have known either. (Where both are the same it was right, and not sure.) And here is who is taken for whom,
# in one table: rows are the true digits, columns the predictions. What is right stands on the diagonal.

# %% tags=["measured"]
confusion = torch.zeros(10, 10, dtype=torch.long)
for true, said in zip(data.test.labels, predicted):
    confusion[true, said] += 1
_ = pictures.confusion(confusion, data.classes)
wrong = int((predicted != labels).sum())
assert confusion.sum() == len(labels) and confusion.diagonal().sum() == len(labels) - wrong
assert 0 < wrong < 0.1 * len(labels)

# %% [markdown]
# ## 5 · Exercises
#
# Put your answer in place of `...` and run the cell; the check says what it found. Hints and solutions unfold.

# %%
ask.exercises["conv_params"]

# %%
my_params = ...
ask.exercises["conv_params"].check(my_params)

# %%
ask.exercises["like_for_like"]

# %%
my_step = ...
ask.exercises["like_for_like"].check(my_step)

# %%
ask.exercises["flatten"]

# %%
my_inputs = ...
ask.exercises["flatten"].check(my_inputs)

# %%
ask.exercises["confused"]


# %%
def most_confused(table):
    return ...  # your code


ask.exercises["confused"].check(most_confused)

# %%
ask.exercises["network"]


# %%
def my_net():
    return ...  # your code


ask.exercises["network"].check(my_net)

# %% [markdown]
# ## 6 · Quiz

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
# * In 2012 a learned network cut the top-5 error by 9.35 points; in 2015 ResNet removed 46.5 % of what was left, and passed the human.
# * Winners are **ensembles** (앙상블). One network against one: AlexNet 18.2 → ZFNet 16.5 %. One ResNet-152: 4.49 %.
# * A **convolution** (합성곱) carries one small kernel to every place: moving the digits costs the CNN far less than a linear layer. And it
#   lives on neighbors: shuffle the pixels and the CNN falls too.
# * Parameters and multiply-adds follow from the shapes; you can count both by hand.

# %% [markdown]
# ## The map of the lecture
#
# Ten lessons, in the order of the lecture. When an exercise's check says ✅, it is noted in a small file on this computer (nowhere
# else; `lecture8.teaching.progress.forget()` removes it), so this panel still knows it after a restart. Run the cell to see where you are.

# %%
overview.panel()

# %% [markdown]
# And this is what the lessons show. An arrow means: this idea leads to that one. Each claim in the table below the picture is a link to the
# section where it is measured.

# %%
_ = pictures.concept_map(published.read("concepts"), overview.heads())

# %%
overview.claims()

# %% [markdown]
# ## Glossary · 용어집
#
# A term you do not know, in English or Korean? Type a part of it:

# %%
explorers.glossary()

# %% [markdown]
# In code, `teaching.term` gives the pair:

# %%
print(teaching.term("receptive field"))

# %% [markdown]
# **Where to go next:** [01 Transfer learning](01_transfer_learning.ipynb), or straight to the turning point, [06 ResNet](06_resnet.ipynb).
