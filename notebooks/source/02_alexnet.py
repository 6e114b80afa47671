# %% [markdown]
# # 02 · AlexNet: eight layers on two graphics cards
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({{colab}})
#
# **In this notebook you will rebuild the network that started it all to the last of its 60,965,224 parameters, and put each
# of its tricks on trial.** Paper: Krizhevsky, Sutskever, Hinton, *ImageNet Classification with Deep Convolutional Neural
# Networks*, NIPS 2012.
#
# Afterwards you can
# * say where AlexNet keeps its parameters and where it spends its work, and why 224 should have been 227;
# * cut a network in two halves, and count the bytes that cross between them;
# * tell which of its tricks (ReLU, local response normalisation, augmentation, dropout, weight decay) you can confirm with an experiment, and how fair
#   comparisons are made.
#
# | | time |
# |---|---|
# | `quick` (default): real handwritten digits, drawn letters, three photographs, any laptop, no network | reading and exercises 75 minutes; all cells together TODO |
# | `full`: the paper's recipe on Imagenette | a GPU; not yet run |

# %%
import importlib.util
import os

# on Colab: fetch this course's package, and nothing else
if importlib.util.find_spec("lecture8") is None:
    os.system("pip install -q git+{{repository}}")

import lecture8

run = lecture8.start()

# %%
import torch
from torch import nn

from lecture8 import complexity, datasets, explore, models, plots, published, teaching, training
from lecture8.exercises import alexnet as ask
from lecture8.models.alexnet import LAYERS, PerGPU
from lecture8.models.alexnet_two_gpus import Gather, TwoGPUs, halve
from lecture8.models.layers import LocalResponseNorm

# %% [markdown]
# **Parameters.** Everything you may want to change is here. `run.choose` takes the first value in a quick run and the
# second in a full one; to change the run, write `lecture8.start("full")` above.

# %%
SEEDS = (0, 1, 2)  # every claim is measured once per seed

# %% [markdown]
# ## 1 · Sixty million numbers
#
# ILSVRC 2012: five networks like this one, voting, put the right answer outside their first five guesses for 16.4 % of the photographs. The best
# entry without such a network: 26.2 %. AlexNet has five convolutions and three **fully connected** layers (완전 연결층, FC), in which every
# output looks at every input. Two ways to measure its size: **parameters**, the numbers that training sets, and
# **multiply-adds**, the unit of work.

# %%
guess = explore.predict(ask.predictions["where"])
guess

# %% [markdown]
# The paper's Figure 2 and section 3.5 fit into a table: per layer the number of kernels, kernel size, stride, padding, *groups* (in how many
# separate halves it works: section 2), and whether normalisation and pooling follow.

# %%
LAYERS

# %% [markdown]
# Build it. Each stage is convolution, ReLU, then normalisation and pooling where the table says True. `PerGPU` applies the
# normalisation to each half of the channels as if it were alone; section 4 is about what it does.


# %%
def stage(c_in, c_out, kernel, stride, padding, groups, norm, pool):
    steps = [nn.Conv2d(c_in, c_out, kernel, stride, padding, groups=groups), nn.ReLU()]
    if norm:
        steps.append(PerGPU(nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)))
    if pool:
        steps.append(nn.MaxPool2d(3, stride=2))
    return nn.Sequential(*steps)


my_alexnet = nn.Sequential(
    stage(3, 96, 11, 4, 0, 1, True, True),
    stage(96, 256, 5, 1, 2, 2, True, True),
    stage(256, 384, 3, 1, 1, 1, False, False),
    stage(384, 384, 3, 1, 1, 2, False, False),
    stage(384, 256, 3, 1, 1, 2, False, True),
    nn.Flatten(),
    *(nn.Linear(256 * 6 * 6, 4096), nn.ReLU(), nn.Dropout(0.5)),
    *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5)),
    nn.Linear(4096, 1000),
)

# %%
alexnet = models.alexnet()
teaching.same_network(my_alexnet, alexnet, image_shape=(3, 227, 227))

# %% [markdown]
# Change a number in your network and run both cells again: the check names the first layer that differs. Now count:

# %%
cost = complexity.profile(my_alexnet, (3, 227, 227))
linear = [layer for layer in cost.layers if layer.kind == "Linear"]
fc_params, fc_macs = (sum(getattr(layer, n) for layer in linear) for n in ("params", "macs"))
assert cost.params == 60_965_224 and cost.macs == 724_406_816
print(f"{cost.params:,} parameters, {fc_params / cost.params:.0%} of them fully connected")
print(f"{cost.macs:,} multiply-adds, {1 - fc_macs / cost.macs:.0%} of them in convolutions")

# %%
assert round(100 * fc_params / cost.params) == 96 and round(100 * fc_macs / cost.macs) == 8
guess.reveal("parameters in the fully connected layers, work in the convolutions")

# %% [markdown]
# The same in a picture, drawn from the network: height is the side of the map, width its channels, parameters stand above.

# %%
_ = plots.stages(complexity.profile(alexnet, 227), title="AlexNet: shape below each stage, after its pooling")

# %% [markdown]
# ### In which order?
#
# The notes list the first layers as CONV, POOL, NORM. In what order does the network work, and does it matter?

# %%
kinds = {"Conv2d": "CONV", "LocalResponseNorm": "NORM", "MaxPool2d": "POOL"}
order = [kinds[layer.kind] for layer in cost.layers if layer.kind in kinds]
before_pooling = 96 * 55**2 + 256 * 27**2  # values that the two normalisations work on
after_pooling = 96 * 27**2 + 256 * 13**2
print(" ".join(order))

# %%
teaching.three_ways(3, measured="TODO", verb="counted")

# %% [markdown]
# ### 224 or 227?
#
# The paper says that its images are 224 × 224. A window of 11 pixels that moves 4 at a time finds (224 - 11) / 4 + 1 = 54.25 places. Nobody
# can have a quarter of a place. Look at the right end of the image:

# %%
_ = plots.alexnet.right_edge(224, kernel=11, stride=4, padding=0, places=54)

# %%
explore.alexnet.edge()

# %% [markdown]
# Move the controls. **Which settings give fc6 the 9,216 inputs of the paper?** Answer with arithmetic, for all thirty settings at once:


# %%
def fc6_inputs(side, padding, ceil):
    size = complexity.conv_size(side, 11, 4, padding, ceil=ceil)
    for _ in range(3):
        size = complexity.conv_size(size, 3, 2)
    return 256 * size**2


sides = {
    (padding, "up" if ceil else "down"): [s for s in range(224, 229) if fc6_inputs(s, padding, ceil) == 9216]
    for padding in (0, 1, 2)
    for ceil in (False, True)
}
for (padding, rounding), fitting in sides.items():
    print(f"padding {padding}, rounded {rounding}: sides {', '.join(map(str, fitting)) or 'none'}")

# %%
assert 224 not in sides[0, "down"] and 227 in sides[0, "down"]
assert 224 in sides[0, "up"] and 224 in sides[2, "down"]
teaching.right(
    "224 alone does not do. The authors' own code rounds up (the last window hangs over), Caffe takes images of 227, "
    "torchvision pads by 2: three ways to 55, and all of them are called AlexNet."
)

# %% [markdown]
# ## 2 · One network, two graphics cards
#
# A GTX 580 had 3 GB of memory: too little. So half of the kernels of every layer went to a second card.
# conv1 sees the image on both. conv2 sees *only the kernels of its own card*: that is what “groups 2” in the table means.
# Is a grouped convolution really two half networks? `halve` puts the weights of one AlexNet into two towers; they should compute the
# same.

# %%
torch.manual_seed(0)
images = torch.randn(2, 3, 227, 227)
for module in alexnet.modules():  # larger weights than the paper's N(0, 0.01²), so that the logits differ from image to image
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight)
towers = halve(alexnet).eval()
with torch.no_grad():
    one, two = alexnet.eval()(images), towers(images)
difference = ((one - two).abs().max() / one.std()).item()
assert difference < 1e-4
print("the two towers give the logits of the one network, to rounding:", difference < 1e-4)

# %% [markdown]
# (On a machine with two GPUs, the next cell really puts one half on each. The answer must stay the same.)

# %%
if torch.cuda.device_count() >= 2:
    with torch.no_grad():
        apart = halve(alexnet, devices=("cuda:0", "cuda:1")).eval()(images.cuda()).cpu()
    assert torch.allclose(apart, one, rtol=1e-2, atol=1e-2 * one.std().item())

# %% [markdown]
# How much must the cards tell each other? Guess, then listen in: a *hook* is a function that PyTorch calls whenever a layer
# works. Ours notes which stages see both halves, and how many bytes they receive from the other card.

# %%
guess = explore.predict(ask.predictions["crossing"])
guess

# %%
rows = []


def listen(name):
    def note(stage, inputs, output):
        # a pair of tensors goes in, one of each card; what the other card needs must cross
        sees = stage.sees if isinstance(stage, TwoGPUs) else "both"
        halves = inputs[0] if sees == "both" else ()
        if isinstance(stage, Gather):  # the first card has the last word
            halves = halves[1:]
        crossing = sum(half[0].nbytes for half in halves)
        mine = output[0] if isinstance(output, tuple) else output
        rows.append((name, sees, tuple(mine.shape[1:]), crossing))

    return note


stages = [*towers.features.named_children(), *towers.classifier.named_children()]
hooks = [stage.register_forward_hook(listen(name)) for name, stage in stages]
with torch.no_grad():
    towers(images[:1])
for hook in hooks:
    hook.remove()

# %%
_ = plots.alexnet.towers(rows, title="AlexNet on two GPUs: what crosses for one image (the paper's Figure 2)")

# %%
crossing = {name: number for name, _, _, number in rows if number}
for name, number in crossing.items():
    print(f"before {name}: {number:>7,} bytes")
total = sum(crossing.values())
print(f"together:    {total:>8,} bytes; the image has {images[0].nbytes:,}")
assert crossing == {"conv3": 173_056, "fc6": 36_864, "fc7": 16_384, "fc8": 8_192}
assert total < images[0].nbytes / 2

# %%
guess.reveal("less than half of the image")

# %% [markdown]
# In training the gradients travel the same way back, as many bytes again. What would it cost if *every* layer saw both halves? Groups save more than
# traffic:


# %%
def counted(groups):
    """AlexNet's cost with these groups in conv2, conv4 and conv5: (parameters, multiply-adds)."""
    with torch.device("meta"):  # a network without numbers in it: enough to count
        net = models.alexnet()
        for name in ("conv2", "conv4", "conv5"):
            c_out, kernel, stride, padding, *_ = LAYERS[name]
            c_in = LAYERS[f"conv{int(name[-1]) - 1}"][0]
            layer = nn.Conv2d(c_in, c_out, kernel, stride, padding, groups=groups)
            net.features.get_submodule(name).conv = layer
    profile = complexity.profile(net, 227)
    return profile.params, profile.macs


assert counted(2) == (60_965_224, 724_406_816) and counted(1) == (62_378_344, 1_135_256_096)
saved = [1 - mine / whole for mine, whole in zip(counted(2), counted(1))]
print(f"two groups save {saved[0]:.0%} of the parameters and {saved[1]:.0%} of the multiply-adds")

# %%
sees = {name: seen for name, seen, _, _ in rows}
own = [name for name, seen in sees.items() if seen == "own"]
assert own == ["conv2", "conv4", "conv5"]
teaching.three_ways(
    4,
    measured=f"identical towers: yes, and equal to one network with groups. {', '.join(own)} see their own half only; "
    f"{total:,} bytes cross per image, less than half of the image itself",
    verb="counted",
)

# %% [markdown]
# Something happened to the two halves in training that nobody had asked for: in the authors' network the kernels of one card learned edges without colour, those of the
# other colours, at every start anew (section 6.1). It takes ImageNet to see that.
