# %% [markdown]
# # 09 · Complexity: what a network costs, on your machine
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({{colab}})
#
# **In this notebook you count what every network of the lecture costs, draw the lecture's last charts again from your own
# counts, and then take a clock and find out which of their conclusions hold on the machine in front of you.** Paper: Canziani,
# Paszke, Culurciello, *An Analysis of Deep Neural Network Models for Practical Applications*, 2016
# ([arXiv 1605.07678](https://arxiv.org/abs/1605.07678)).
#
# Afterwards you can
# * count parameters, multiply-adds, activations and bytes by hand, and say what another's count includes;
# * measure latency, throughput and memory so that you can trust the numbers, and say when work predicts time;
# * choose a network for a budget, and defend the choice.
#
# | | time |
# |---|---|
# | `quick` (default): five networks on your CPU, no download | reading and exercises 75 minutes; all cells together about 1 minute |
# | `paper`: all networks, batches up to 64, power on an NVIDIA GPU | a few minutes on a CPU with two cores; on a GPU not yet run |

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
import pandas as pd
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lecture8 import complexity, measure, models, plots, published, teaching
from lecture8.lessons.l09_complexity import budget, explorers, pictures
from lecture8.lessons.l09_complexity import questions as ask

# %% [markdown]
# **Parameters.** `run.choose` takes the first value in a quick run and the last in a paper run; to change the run, write
# `lecture8.start("paper")` above. Close other programs before you measure: they make every time longer, and not evenly.

# %%
ROUNDS = 3  # every measurement is made so often
BATCHES = run.choose(quick=(1, 2, 4, 8), paper=(1, 2, 4, 8, 16, 32, 64))
SECONDS = run.choose(quick=0.0, paper=1.0)  # of each time; at least five runs in any case
few = ["AlexNet", "GoogLeNet", "ResNet-18", "ResNet-50", "VGG-11"]
MEASURED = run.choose(quick=few, paper=list(budget.table().index))
METER = "cpu" if run.device.type == "mps" else run.device  # MPS does not count its memory

# %% [markdown]
# ## 1 · One layer, three times
#
# Take one convolution: 64 channels in, 64 out, a 3 × 3 kernel, maps of 28 × 28. What does it cost? The word has several meanings:
#
# | | what it counts | 한국어 |
# |---|---|---|
# | **parameters** | numbers that training learns, and that must be stored and read | 파라미터 |
# | **multiply-adds** (*macs*) | one multiplication and one addition, counted as 1; the work | 연산량 |
# | **FLOPs**, operations | multiplications and additions counted one by one: twice as many, mostly | 연산 횟수 |
# | **activations** | numbers that layers put out | 활성값 |
# | **memory** | bytes at the worst moment; a 32-bit number has 4 | 메모리 |
# | **latency** | seconds from an image to its answer | 지연 시간 |
# | **throughput** | images per second, when there are plenty | 처리량 |
#
# **By hand.** Look at one output value, then count the values:

# %%
conv = nn.Conv2d(64, 64, 3, padding=1, bias=False)
_ = pictures.convolution(conv, 28)

# %%
params = 3 * 3 * 64 * 64  # each of 64 kernels has 3 · 3 · 64 weights
activations = 64 * 28 * 28
macs = (
    3 * 3 * 64 * activations
)  # each output value costs one multiply-add per weight of its kernel
print(f"{params:,} parameters, {macs:,} multiply-adds, {activations:,} activations")

# %% [markdown]
# **By the profiler**, which lets the layer run on an image without pixels and applies the same formulas:

# %%
layer = complexity.profile(conv, (64, 28, 28)).layers[0]
assert (layer.params, layer.macs, layer.activations) == (params, macs, activations)
layer

# %% [markdown]
# **By another's counter.** PyTorch has one of its own. It says *FLOPs*, and means it:

# %%
with FlopCounterMode(display=False) as counter, torch.no_grad():
    conv(torch.zeros(1, 64, 28, 28))
assert counter.get_total_flops() == 2 * macs
print(f"{counter.get_total_flops():,} FLOPs = 2 × {macs:,}")

# %% [markdown]
# **By the clock.** Here is a linear layer that was chosen with care: 4,704 numbers in, 6,144 out. It needs *exactly* as many
# multiply-adds as the convolution.

# %%
linear = nn.Linear(4704, 6144, bias=False)
assert complexity.linear_macs(4704, 6144) == macs
print(f"convolution: {params:>10,} weights, each used {macs // params} times for an image")
print(f"linear:      {linear.weight.numel():>10,} weights, each used once")

# %%
guess_same_work = teaching.predict(ask.predictions["same_work"])
guess_same_work

# %% [markdown]
# To compare two times, measure them *by turns*, and repeat: whatever slows the machine then slows both. `measure.ratio` does so
# and gives the median. Three times, to see whether it can be trusted:


# %%
def forward(net, images):
    """A call that runs the network once on this run's device."""
    net, images = net.to(run.device).eval(), images.to(run.device)
    return torch.inference_mode()(lambda: net(images))


def linear_over_conv(batch):
    """How many times as long the linear layer takes; one number per round."""
    ours = forward(linear, torch.randn(batch, 4704))
    reference = forward(conv, torch.randn(batch, 64, 28, 28))
    return [measure.ratio(ours, reference, rounds=5).median for _ in range(ROUNDS)]


slower = {batch: linear_over_conv(batch) for batch in (1, 16)}
for batch, ratios in slower.items():
    print(f"batch {batch:2}: linear / convolution", *(f"≈ {ratio:.2f}" for ratio in ratios))

# %%
if run.device.type == "cpu":
    assert min(slower[1]) > 1.5  # equal work, and yet; a batch makes up for much of it
    one, sixteen = (sorted(ratios)[ROUNDS // 2] for ratios in slower.values())
    assert sixteen < 0.8 * one
elif min(slower[1]) < 1.5:
    print("Launch-bound: starting a layer on this GPU takes about as long as computing it.")
guess_same_work.reveal("the linear layer")

# %% [markdown]
# With 16 images at once much of the difference is gone: now each weight that was fetched from memory serves 16 images. So the time of a layer is
# the *work* or the *fetching*, whichever takes longer, and what decides is how often each number is used. A convolution uses
# a weight at every place of the map; a linear layer uses it once per image. Keep this in mind, it explains half of this notebook.

# %% [markdown]
# ## 2 · Why 3.8, 4.09, 4.12 and 8.2 are all right
#
# You will read all four for “ResNet-50”, in G (10⁹) of something. First question: *which* ResNet-50? Second: *what* was counted?

# %%
with torch.device("meta"):  # networks without numbers in them: enough to count
    authors = complexity.profile(models.resnet50(stride_in_1x1=True))
    theirs = complexity.profile(models.resnet50())


def values(*kinds):
    """How many values the layers of these kinds put out for one image."""
    shapes = [layer.output_shape for layer in theirs.layers if layer.kind in kinds]
    return sum(torch.Size(shape).numel() for shape in shapes)


norm, relu, pooled = values("BatchNorm2d"), values("ReLU"), 2048 * 7 * 7

# %%
counts = {
    "the authors' network, stride in the 1 × 1: multiply-adds": authors.macs,
    "torchvision's, stride in the 3 × 3: multiply-adds": theirs.macs,
    "… and 2 for each normalized value, 1 for each averaged": theirs.macs + 2 * norm + pooled,
    "… and 2 for each normalized value, 1 for each ReLU": theirs.macs + 2 * norm + relu,
    "multiplications and additions, each 1": 2 * theirs.macs,
}
for what, count in counts.items():
    print(f"{what:57} {count:>13,}  {count / 1e9:.2f} G")
assert [round(count / 1e9, 2) for count in counts.values()] == [3.86, 4.09, 4.11, 4.12, 8.18]

# %% [markdown]
# The paper prints 3.8 for the first, which seems cut off rather than rounded. The third is what a well-known library counts (fvcore: 4,111,512,576), and
# now you know how it gets there. And the last is how this lecture's chart counts: its authors used a counter of their own,
# torch-opCounter, in which a multiply-add makes 2 operations.

# %%
assert counts["… and 2 for each normalized value, 1 for each averaged"] == 4_111_512_576
vgg19 = models.ARCHITECTURES["vgg19"].macs
teaching.three_ways(
    36,
    measured=f"VGG-19: {vgg19 / 1e9:.1f} G multiply-adds, {2 * vgg19 / 1e9:.1f} G operations; "
    f"ResNet-50: {theirs.macs / 1e9:.1f} and {2 * theirs.macs / 1e9:.1f} G",
    verb="counted",
)

# %% [markdown]
# ## 3 · All networks
#
# Now the same for every network of the course. Each is built without numbers and profiled; parameters and multiply-adds must agree
# to the last digit with what the earlier lessons found.

# %%
profiles = {}
for name, facts in models.ARCHITECTURES.items():
    if facts.input_size[1] > 200:  # the others are the small ones
        with torch.device("meta"):
            profiles[name] = complexity.profile(models.build(name), facts.input_size)
        assert (profiles[name].params, profiles[name].macs) == (facts.params, facts.macs)
print(len(profiles), "networks, all counts as registered")

# %%
table = pd.DataFrame(
    {
        "year": {name: models.ARCHITECTURES[name].year for name in profiles},
        "weight layers": {name: cost.depth for name, cost in profiles.items()},
        "parameters": {name: cost.params for name, cost in profiles.items()},
        "multiply-adds": {name: cost.macs for name, cost in profiles.items()},
        "activations": {name: cost.activations for name, cost in profiles.items()},
    }
)
table.style.format("{:,}").format("{}", subset="year")

# %% [markdown]
# (`alexnet_owt` and `googlenet_bn` are the forms of AlexNet and GoogLeNet for which there are published weights; from here on they
# stand for the two.) Before you read the last column:

# %%
guess_activations = teaching.predict(ask.predictions["activations"])
guess_activations

# %%
largest = table.idxmax()
assert largest["parameters"] == largest["multiply-adds"] == "vgg19"
assert largest["activations"] == largest["weight layers"] == "inception_resnet_v2"
guess_activations.reveal("Inception-ResNet-v2, the longest of all, for 299 × 299")

# %% [markdown]
# So “large” is not one thing. Put the networks in order by each cost, the dearest on top. Memory and time are those of a reference machine
# (**loaded, not measured here**; section 6 says which).

# %%
first = budget.table("first")
costs = pd.DataFrame(
    {
        "parameters": 1e6 * first["params"],
        "multiply-adds": 1e9 * first["macs"],
        "activations": [profiles[name].activations for name in first["network"]],
        "memory, bytes": 1e6 * first["mb"],
        "time, ms": first["ms"],
    }
)
_ = pictures.orders(costs)

# %%
alike = costs.rank().corr()  # of the ranks: 1 for the same order, 0 for unrelated ones
kinds = ["parameters", "multiply-adds", "activations"]
pairs = [(a, b) for i, a in enumerate(kinds) for b in kinds[i + 1 :]]
for a, b in pairs:
    print(f"{a} and {b}: {alike.loc[a, b]:.2f}")
assert all(alike.loc[pair] < 0.9 for pair in pairs)

# %% [markdown]
# VGG-19 leads in parameters and work and is fifth in activations; AlexNet is fifth in parameters and last in work and activations.
# Choose a cost, and you have chosen a winner.
#
# **Training costs another kind of memory.** Every layer must keep what the backward pass will need, for every image of the batch:

# %%
guess_memory = teaching.predict(ask.predictions["memory"])
guess_memory

# %% [markdown]
# A step of training, by what its bytes are for: *state* is what the optimizer remembers (momentum here), *activations* what the
# layers keep for the backward pass. The *peak* is a little below the total, because activations go while gradients come.

# %%
with torch.device("meta"):  # shapes only
    pair = {"VGG-16, GB": models.vgg16(), "ResNet-152, GB": models.resnet152()}
totals = {name: complexity.memory(net, 224, batch=32) for name, net in pair.items()}
pd.concat({name: need.table()["bytes"] / 1e9 for name, need in totals.items()}, axis=1).round(2)

# %%
vgg16, resnet152 = totals.values()
assert resnet152.weights < vgg16.weights / 2 and resnet152.peak > 1.2 * vgg16.peak
guess_memory.reveal("ResNet-152")

# %% [markdown]
# ## 4 · The lecture's charts again
#
# The lecture ends with two charts of Canziani and colleagues. Their pictures are lost from the notes; here are their counterparts,
# from our own counts and from accuracies that anybody can check: those of published weights, one network each, one crop from the middle of the image,
# as in the paper. First, accuracy by network:

# %%
top1 = first["top1"].sort_values()
colors = {label: pictures.color_of(label) for label in top1.index}
_ = plots.bars(top1.to_dict(), xlabel="top-1 accuracy on ImageNet, %, one crop", colors=colors)

# %%
assert top1.idxmax() == "Inception-ResNet-v2" and top1.idxmin() == "AlexNet"
assert abs(top1["GoogLeNet"] - top1["ResNet-18"]) < 0.1
print(
    f"from {top1.iloc[0]:.1f} % to {top1.iloc[-1]:.1f} %: {top1.iloc[-1] - top1.iloc[0]:.1f} points"
)

# %% [markdown]
# Second, the famous one: accuracy against work, the area of each bubble its parameters. (The axis is in operations as in the paper, two for each
# multiply-add.)

# %%
chart = first.assign(operations=2 * first["macs"])
_ = pictures.trade(
    chart,
    "operations",
    xlabel="operations for one image, G (a multiply-add is 2)",
    front=budget.pareto({n: [c] for n, c in chart["operations"].items()}, dict(top1)),
)

# %%
front = budget.pareto({n: [c] for n, c in chart["operations"].items()}, dict(top1))
assert not any(name.startswith("VGG") for name in front)
assert {"AlexNet", "GoogLeNet", "ResNet-50", "Inception-v4"} <= set(front)
print(f"beaten by no other: {', '.join(front)}")

# %% [markdown]
# The broken line joins the networks that no other beats: none of the rest is as accurate for as little work. That is the **Pareto set** (파레토 집합).
# No VGG is in it: VGG-16 does 8.5 times ResNet-18's work for 1.8 points more. What does a further point cost along the line?

# %%
line = chart.loc[front].sort_values("operations")
per_point = (line["operations"].diff() / line["top1"].diff()).dropna()
for name, price in per_point.items():
    print(f"up to {name:19} {price:5.2f} G operations for each further point")
assert per_point.iloc[-1] > 10 * per_point.iloc[0]

# %% [markdown]
# The first 13 points cost 0.12 G each, the last ones 6 G. (ResNet-101's 52 G are the price of the tenth of a point by which it beats Inception-v3.)
#
# Third, **information density** (정보 밀도): accuracy divided by parameters. Who makes the most of each number?

# %%
density = (first["top1"] / first["params"]).sort_values()
_ = plots.bars(
    density.to_dict(),
    xlabel="top-1 accuracy, %, for each million parameters",
    form="{:.2f}",
    colors=colors,
)

# %%
assert density.idxmax() == "GoogLeNet" and density.idxmin() == "VGG-19"
print(f"GoogLeNet's is {density.max() / density['AlexNet']:.0f} times AlexNet's")

# %% [markdown]
# (The paper's winner is ENet, a small network that is not in the lecture.) Density rewards small networks: it says nothing about time, and little
# about use. And it can be moved without touching the network:

# %%
guess_recipe = teaching.predict(ask.predictions["recipe"])
guess_recipe

# %%
new = budget.table("new")
gain = (new["top1"] - first["top1"]).loc[lambda points: points > 0]
for name, points in gain.items():
    print(
        f"{name:13} {first['top1'][name]:.1f} → {new['top1'][name]:.1f} %: {points:.1f} points more"
    )
assert gain["ResNet-50"] > 4 > first["top1"]["ResNet-152"] - first["top1"]["ResNet-50"]
guess_recipe.reveal("more than 4 points")

# %% [markdown]
# Same layers, same multiply-adds, same milliseconds; longer training, stronger augmentation, label smoothing and more. A chart of accuracy against cost compares
# *trainings* as well as networks, and the lecture's is of 2016. Look at it from all sides:

# %%
explorers.cost()

# %% [markdown]
# **On which of the five axes is a VGG beaten by none? And with the new recipe, which networks are left on the line of multiply-adds above 2 G?** Try, then check:


# %%
def unbeaten(table, column):
    return budget.pareto({n: [c] for n, c in table[column].items()}, table["top1"].to_dict())


columns = ["params", "macs", "mb", "ms", "ms_batch"]
axes_with_vgg = [c for c in columns if any("VGG" in name for name in unbeaten(first, c))]
left = [name for name in unbeaten(new, "macs") if new["macs"][name] > 2]
assert not axes_with_vgg and left == ["ResNet-34", "ResNet-50", "ResNet-101", "ResNet-152"]
teaching.correct(
    f"On none. And with the new recipe {', '.join(left)}: the newer Inceptions, trained as in 2016, are beaten by retrained ResNets."
)

# %% [markdown]
# ## 5 · On your machine
#
# Enough counted: take the clock. (≈ marks what depends on the machine. Everything here runs on this run's device.)
#
# ### Where does the time go?
#
# AlexNet in two parts: convolutions (`features`) and linear layers (`classifier`). You know that the second part has 96 % of the parameters
# and 8 % of the work. Which share of the *time* does it have?

# %%
torch.manual_seed(0)
alexnet = models.alexnet_owt()
halves = {
    "convolutions": (alexnet.features, (3, 224, 224)),
    "linear layers": (alexnet.classifier, (256, 6, 6)),
}
counted = {part: complexity.profile(net, size) for part, (net, size) in halves.items()}
shares = {
    "parameters": {part: cost.params for part, cost in counted.items()},
    "multiply-adds": {part: cost.macs for part, cost in counted.items()},
}


# %%
def conv_share(batch):
    """The convolutions' share of the time, once per round."""
    linear, conv = (
        forward(net, torch.randn(batch, *size))
        for net, size in (halves["linear layers"], halves["convolutions"])
    )
    ratios = [measure.ratio(linear, conv, rounds=1, warmup=1) for _ in range(ROUNDS)]
    return [r.reference / (r.reference + r.ours) for r in ratios]


times = {batch: conv_share(batch) for batch in (1, 8)}

# %% tags=["measured"]
for batch, share in times.items():
    median = sorted(share)[ROUNDS // 2]
    shares[f"time, batch {batch}"] = {"convolutions": median, "linear layers": 1 - median}
_ = pictures.shares(shares)

# %%
linear_share = {batch: [1 - part for part in share] for batch, share in times.items()}
for batch, share in linear_share.items():
    print(
        f"batch {batch}: linear layers take",
        *(f"≈ {100 * s:.0f} %" for s in share),
        "of the time",
    )
of_work = counted["linear layers"].macs / sum(cost.macs for cost in counted.values())
# by 5 points at least: ResNet-18's only linear layer takes 0.2 % of its time
assert min(linear_share[1]) > of_work + 0.05

# %% [markdown]
# With 8 % of the work, the linear layers take clearly more of the time: section 1 again, in a real network. Whether a batch of 8 already helps
# depends on the machine; look at your own bar.
#
# ### Batches
#
# So what does a batch do for whole networks? *Latency* is the time until one batch is through, *throughput* how many images come out per second.

# %%
resnet18 = models.resnet18()
nets = {"AlexNet": alexnet, "ResNet-18": resnet18}
images_per_second = {name: {batch: [] for batch in BATCHES} for name in nets}
calls = {}
for batch in BATCHES:
    images = torch.randn(batch, 3, 224, 224)
    calls[batch] = [forward(net, images) for net in nets.values()]
for _ in range(ROUNDS):  # by turns again: what slows the machine for a while slows every batch
    for batch, (a, b) in calls.items():
        both = measure.ratio(a, b, rounds=1, warmup=0)
        images_per_second["AlexNet"][batch].append(batch / both.ours)
        images_per_second["ResNet-18"][batch].append(batch / both.reference)

# %% tags=["measured"]
_ = pictures.by_batch(images_per_second, ylabel="images per second")

# %%
gain = {}
for name, by in images_per_second.items():
    ratios = [many / one for many, one in zip(by[BATCHES[-1]], by[1], strict=True)]  # by round
    gain[name] = sorted(ratios)[ROUNDS // 2]
for name, factor in gain.items():
    print(
        f"{name}: a batch of {BATCHES[-1]} does ≈ {factor:.1f} times as many images per second"
    )
assert min(gain.values()) > 0.7

# %% [markdown]
# Does AlexNet gain more than ResNet-18? It should, with its 61 million parameters; on one core the arithmetic may be too slow to let it show. Here are both on a
# reference machine, with two threads (**loaded, not measured here**):

# %%
reference = published.read("reference_cpu")
swept = {
    label: {row.batch: 1000 * row.batch / row.ms for row in rows.itertuples()}
    for label in nets
    for _, rows in reference[reference["network"] == first["network"][label]].groupby("network")
}
_ = pictures.by_batch(swept, ylabel="images per second, reference machine")

# %%
by_8 = {name: by[8] / by[1] for name, by in swept.items()}
for name, factor in by_8.items():
    print(f"{name}: in batches of 8 {factor:.2f} times as many images per second as one by one")
assert by_8["AlexNet"] > 1.2 * by_8["ResNet-18"]

# %% [markdown]
# ### Memory
#
# For a forward pass the network needs its weights, and room for the maps that are alive at one moment. Measure it, for a growing batch:

# %%
batches = (1, 2, 4)
forward_mb = {
    name: {
        batch: measure.inference_memory(net, 224, batch, device=METER).allocated / 1e6
        for batch in batches
    }
    for name, net in nets.items()
}
for name, by in forward_mb.items():
    weights = 4 * first["params"][name]
    said = ", ".join(f"with {batch}: ≈ {mb:.0f} MB" for batch, mb in by.items())
    print(f"{name:9}: weights {weights:.0f} MB; forward pass {said}")
    assert min(by.values()) > weights
if run.device.type != "cuda":  # there cuDNN's workspace comes on top
    assert all(by[1] < by[2] < by[4] for by in forward_mb.values())
    assert forward_mb["ResNet-18"][4] < forward_mb["AlexNet"][1]

# %% [markdown]
# A fixed part, the weights, and one that grows with the batch, the maps. (Not quite evenly: with other sizes the library chooses other ways to
# convolve, and some need more room.) Training keeps *all* maps until the backward pass, beside gradients and what the optimizer remembers; and it can be predicted without touching any memory. Compare the prediction with
# what the allocator says, on images small enough for a laptop:

# %%
step = {batch: complexity.memory(resnet18, 96, batch) for batch in batches}
measured = {
    batch: measure.peak_memory(resnet18, 96, batch, device=METER).allocated / 1e6
    for batch in batches
}
for batch in batches:
    expected = step[batch].peak / 1e6
    print(f"batch {batch}: predicted {expected:.0f} MB, measured ≈ {measured[batch]:.0f} MB")
    assert measured[batch] > 0.95 * expected
    assert measured[batch] < 1.4 * expected or run.device.type == "cuda"  # cuDNN's workspace
assert step[4].activations - step[2].activations == 2 * (
    step[2].activations - step[1].activations
)

# %% [markdown]
# ### Time against work
#
# Now the paper's boldest claim: *the number of operations is a reliable estimate of the inference time*. One image at a time, on your machine.
# Each gray line in the picture is a speed, the slowest and the fastest found; if work alone decided, the two would be one:

# %%
work = first["macs"]
latency, needs = {}, {}
for name in MEASURED:
    torch.manual_seed(0)
    net = nets.get(name) or models.build(first["network"][name])
    size = models.ARCHITECTURES[first["network"][name]].input_size
    latency[name] = measure.latency(net, size, device=run.device, seconds=SECONDS)
    needs[name] = measure.inference_memory(net, size, device=METER).allocated / 1e6
ms = {name: 1000 * time.median for name, time in latency.items()}

# %% tags=["measured"]
points = {name: (work[name], time) for name, time in ms.items()}
_ = pictures.time_against_work(points, ylabel="ms for one image, here")

# %%
for name, time in latency.items():
    low, high, per_g = 1000 * time.low, 1000 * time.high, ms[name] / work[name]
    print(
        f"{name:9} {work[name]:5.2f} G: ≈ {low:.0f} to ≈ {high:.0f} ms, ≈ {per_g:.0f} ms per G"
    )
assert all(needs[name] > 4 * first["params"][name] for name in MEASURED)

# %% [markdown]
# These networks were measured one after the other. Two of one family once more, by turns:

# %%
image = torch.randn(1, 3, 224, 224)
pair = [forward(net, image) for net in (models.resnet50(), resnet18)]
family = measure.ratio(*pair, rounds=5)
more = work["ResNet-50"] / work["ResNet-18"]
print(f"ResNet-50: {more:.2f} times the work of ResNet-18, ≈ {family.median:.1f} times as long")
assert family.median > 1.2

# %% [markdown]
# ### Power
#
# The paper put a probe around its board's supply. An NVIDIA GPU has a meter of its own:

# %%
watts = {}
if run.device.type == "cuda":
    try:
        for name, net in nets.items():
            watts[name] = [
                measure.power(net, 224, batch, device=run.device) for batch in (1, 16)
            ]
            print(name, *watts[name], sep="\n  ")
    except ValueError as error:  # a part of a GPU, or a virtual one, has no meter
        print(f"Not measured: {error}.")
else:
    print("Not measured: power needs an NVIDIA GPU, and this run has none.")

# %% [markdown]
# ### The paper's findings, on your machine
#
# Four of its findings can be put to the test here. The rules are strict and simple: *time* follows *work* if the slowest network needs at most 1.5 times as
# long per multiply-add as the fastest; accuracy gets dearer if the last point on the Pareto line costs at least twice as much time as the first; memory follows
# size if its correlation with the size of the weights is above 0.9; power is level if its readings lie within 20 %.

# %% tags=["nbval-ignore-output"]
per_work = [ms[name] / work[name] for name in MEASURED]
line = budget.pareto({n: [t] for n, t in ms.items()}, top1[MEASURED].to_dict())
steps = pd.DataFrame({"ms": ms, "top1": top1[MEASURED]}).loc[line].sort_values("ms").diff()
prices = (steps["ms"] / steps["top1"]).dropna().tolist()
size = pd.DataFrame({"weights": first["params"][MEASURED], "needed": pd.Series(needs)})
read = [power.median for readings in watts.values() for power in readings]
holds = {
    "operations": max(per_work) < 1.5 * min(per_work),
    "hyperbola": len(prices) > 1 and prices[-1] > 2 * prices[0],
    "memory": size.corr().iloc[0, 1] > 0.9,
    "power": max(read) < 1.2 * min(read) if read else None,
}
words = {True: "holds here", False: "does not hold", None: "not measured (no GPU)"}
findings = published.read("canziani").set_index("id").loc[list(holds), ["finding"]]
findings = findings.assign(here=[words[value] for value in holds.values()])
findings.style.hide(axis="index").set_properties(**{"text-align": "left"})

# %% [markdown]
# Run this notebook elsewhere and the verdicts may change: that is the point. What *is* common to machines is the reason: work, weights and maps all take their
# time, and which of them everybody waits for depends on the network, the batch and the machine.
#
# ## 6 · Other machines, other orders
#
# All networks on one CPU, **loaded, not measured here**:

# %%
print(
    *(f"{key}: {value}" for key, value in published.provenance("reference_cpu").items()),
    sep="\n",
)

# %% [markdown]
# (*Load* is how many programs wanted to run, on average over the minute before the start. Where it is above the number of cores,
# trust the order of the times more than their digits.)

# %%
_ = pictures.time_against_work(
    {name: (work[name], first["ms"][name]) for name in first.index},
    ylabel="ms for one image, reference machine",
)

# %%
speed = (first["ms"] / work).sort_values()
for name, value in speed.iloc[[0, 1, -2, -1]].items():
    print(f"{name:9} {value:4.1f} ms per G multiply-adds")
assert speed.iloc[-1] > 2 * speed.iloc[0]
big = first[first["macs"] > 3.5].index
assert speed[big].max() < 1.6 * speed[big].min()

# %% [markdown]
# From 3.5 G on, work predicts time within a factor of 1.6. Of the small ones AlexNet pays for its weights, and GoogLeNet, it seems, for being cut into many small pieces.
#
# And two machines of other people: a desktop CPU (Intel i9-10940X) on one image at a time, and a large GPU (NVIDIA RTX 4090) on batches of 1,024.

# %%
guess_operations = teaching.predict(ask.predictions["operations"])
guess_operations

# %%
others = published.read("timm_times").set_index("network")
others["time"] = 1000 / others["images_per_second"]
cpu, gpu = (others[others["batch"] == batch] for batch in (1, 1024))
for name in ("vgg11", "resnet152"):
    assert abs(cpu["macs_g"][name] / (models.ARCHITECTURES[name].macs / 1e9) - 1) < 0.01
    print(f"{name:9} {cpu['macs_g'][name]:5.2f} G multiply-adds, {cpu['time'][name]:.0f} ms")
assert 2.9 < cpu["time"]["vgg11"] / cpu["time"]["resnet152"] < 3.1
guess_operations.reveal("ResNet-152, in about a third of the time")

# %% [markdown]
# On that CPU a single image waits for weights: the four VGGs, with 8 to 20 G multiply-adds, take nearly the same time. With 1,024 images at once, each
# weight is used so often that reading it no longer counts. Does work predict time at last?


# %%
def spread(times, cost):
    """Longest over shortest time for each unit of a cost."""
    rate = times / cost
    return rate.max() / rate.min()


for name, one in (("CPU, 1 image", cpu), ("GPU, 1,024 images", gpu)):
    by = {
        cost: spread(one["time"], one[cost]) for cost in ("macs_g", "activations_m", "params_m")
    }
    print(
        f"{name:18} time per multiply-add differs by {by['macs_g']:.1f}, per activation by {by['activations_m']:.1f}, "
        f"per parameter by {by['params_m']:.1f} times"
    )

# %%
assert (
    spread(gpu["time"], gpu["activations_m"])
    < spread(gpu["time"], gpu["macs_g"])
    < spread(cpu["time"], cpu["macs_g"])
)
resnets = [name for name in cpu.index if name.startswith("resnet")]
assert spread(cpu["time"][resnets], cpu["macs_g"][resnets]) < 1.5
vggs = cpu["time"][[name for name in cpu.index if name.startswith("vgg")]]
assert vggs.max() < 1.2 * vggs.min()  # 2.6 times the work, nearly the same time
teaching.correct(
    "Better than on the CPU, but on the large GPU the *activations* predict time best: its arithmetic is so fast that it waits for maps to be written and read. "
    "Within one family, work is a fair guide."
)

# %% [markdown]
# ## 7 · A budget
#
# In the end somebody has so many milliseconds, so much memory, so much work for each image, and wants the best network that fits. Without any limit
# the question has no single answer, but the set of sensible answers is small:

# %%
fastest = unbeaten(first, "ms")
_ = pictures.trade(
    first, "ms", xlabel="time for one image, ms (reference machine)", log=True, front=fastest
)

# %% [markdown]
# Now set limits. What does not fit turns hollow; the line joins what no other within the budget beats; the ring is around the most accurate.

# %%
explorers.limits()

# %% [markdown]
# **A camera allows 120 MB and 5 G multiply-adds for each image. Which network do you take? Would 8 G help? And with the new recipe?**


# %%
def best(recipe, **limits):
    inside = budget.within(budget.table(recipe), limits)
    return inside["top1"].idxmax()


assert best("first", mb=120, macs=5) == best("new", mb=120, macs=5) == "ResNet-50"
assert best("first", mb=120, macs=8) == "Inception-v3"
assert best("new", mb=120, macs=8) == "ResNet-50"
teaching.correct(
    "ResNet-50. With 8 G it would be Inception-v3, 1.2 points better. With the new recipe ResNet-50 "
    "stays the best, and 3.5 points above that Inception-v3, for less work: train better before you buy more."
)

# %% [markdown]
# ## 8 · Exercises
#
# Put your answer in place of `...`, run the cell, read what the check found. Hints and solutions unfold.

# %%
ask.exercises["megabytes"]

# %%
my_bytes = ...
ask.exercises["megabytes"].check(my_bytes)

# %%
ask.exercises["separable"]

# %%
my_macs = ...
ask.exercises["separable"].check(my_macs)

# %%
ask.exercises["images_per_second"]


# %%
def images_per_second_of(macs, params, batch, rate, bandwidth):
    return ...  # your code


ask.exercises["images_per_second"].check(images_per_second_of)

# %%
ask.exercises["largest_batch"]


# %%
def largest_batch(net, image_size, limit):
    return ...  # your code


ask.exercises["largest_batch"].check(largest_batch)

# %%
ask.exercises["pareto"]


# %%
def pareto(costs, accuracies):
    return ...  # your code


ask.exercises["pareto"].check(pareto)

# %%
ask.exercises["count_macs"]


# %%
def count_macs(net, size):
    return ...  # your code


ask.exercises["count_macs"].check(count_macs)

# %% [markdown]
# ## 9 · Quiz
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
# * **Complexity** (복잡도) is several things: parameters (파라미터), multiply-adds (연산량), activations (활성값), memory (메모리), time (시간). They put the
#   networks in different orders: VGG-19 leads in parameters and work, Inception-ResNet-v2 in activations.
# * **Multiply-adds and FLOPs** differ by 2, and “ResNet-50” by its stride: 3.86, 4.09, 4.12 and 8.18 G are all right, and the lecture's chart counts
#   operations (a multiply-add is 2).
# * Accuracy against work: the **Pareto set** (파레토 집합) begins with AlexNet, has no VGG in it and ends with the large Inceptions; its last points cost some 50 times as much work as
#   its first. GoogLeNet has the highest **information density** (정보 밀도), VGG-19 the lowest.
# * The same ResNet-50 gains 4.7 points by a newer recipe, at no cost per image.
# * **Equal work is not equal time**: a linear layer, which uses each weight once, takes longer than a convolution with as many multiply-adds; a batch makes up for it.
#   So AlexNet gains more **throughput** (처리량) from batches than ResNet-18 (on the reference machine).
# * **Memory** is weights and a part that grows with the batch. In training that part rules: ResNet-152 needs more than VGG-16, with less than half its parameters.
# * “Operations predict time” holds within a family on one machine. Across families VGG-11 took three times as long as ResNet-152 with two thirds of
#   the work.
#
# **The end of the lecture.** From 2012 to 2016 accuracy came from depth, then from cheaper layers, then from both; and what that costs, you have now measured yourself.
# Whatever you read next, you can ask: *at what cost, counted how, trained how, on which machine?* Back to the map: [00 Start here](00_start_here.ipynb), or to
# [01 Transfer learning](01_transfer_learning.ipynb), with a network chosen for your budget.
