# %% [markdown]
# # 07 · Inception-v2 and v3: the same view for less work
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({{colab}})
#
# **In this notebook you take convolutions apart, find out what that loses, and put a network of 48 layers together from the
# pieces.** Paper: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, *Rethinking the Inception Architecture for Computer Vision*, CVPR 2016
# ([arXiv 1512.00567](https://arxiv.org/abs/1512.00567)).
#
# Afterwards you can
# * factorise a convolution, say what it saves, and measure what one column times one row can and cannot do;
# * halve a map without a bottleneck and without much work, and build Inception-v3, all of it;
# * smooth labels, and tell whether a network promises too much or too little.
#
# | | time |
# |---|---|
# | `quick` (default): digits and photographs that need no download, any laptop | reading and exercises 75 minutes; all cells together about 1 minute |
# | `full`: published weights on photographs, CIFAR-10 for sections 3, 4 and 7 | a GPU; not yet run |

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
import torchvision
from torch import nn

from lecture8 import complexity, datasets, explore, models, plots, published, teaching, training
from lecture8 import transfer
from lecture8.calibration import calibration, predictions
from lecture8.exercises import inception_v3 as ask
from lecture8.models import bn_inception as bn
from lecture8.models.inception_v3 import (
    asymmetric, conv_beside_pool, conv_then_pool, inception_a, inception_b, inception_c,
    pool_then_conv, reduction_a, reduction_b, separate, stem, two_3x3,
)  # fmt: skip
from lecture8.models.layers import Branches, Network, average_pool_classifier, chain, conv

# %% [markdown]
# **Parameters.** Everything you may want to change is here. `run.choose` takes the first value in a quick run and the
# second in a full one; to change the run, write `lecture8.start("full")` above.

# %%
SEEDS = (0, 1, 2)  # every claim is measured once per seed
EPOCHS = run.choose(quick=4, full=30)
BATCH = run.choose(quick=32, full=128)
data = datasets.digits(size=16).take(960) if run.mode == "quick" else datasets.cifar10()
photos = datasets.sample_photos()
data

# %% [markdown]
# ## 1 · Which v2?
#
# GoogLeNet of 2014 ([lesson 05](05_googlenet.ipynb)) became “Inception-v1” when it had successors. Then names went astray. Here are four
# networks and what three papers, and Google's code, call them:

# %%
names = published.read("inception_names")
columns = {
    "network": "the network", "bn_paper": "BN paper, 2/2015", "v3_paper": "v3 paper, 12/2015",
    "v4_paper": "v4 paper, 2/2016", "code": "Google's code",
}  # fmt: skip
names[list(columns)].rename(columns=columns).set_index("the network").rename_axis(None)

# %%
called_v2 = {
    paper: names.index[names[paper] == "Inception-v2"].tolist()
    for paper in ("v3_paper", "v4_paper")
}
assert called_v2 == {"v3_paper": [2], "v4_paper": [1]}  # not the same row
counted = {name: models.ARCHITECTURES[name].params for name in ("bn_inception", "inception_v3")}
assert counted == {"bn_inception": 11_188_288, "inception_v3": 23_834_568}
teaching.three_ways(
    32,
    measured="two networks bear the name v2; BN-Inception has 11,188,288 parameters, Inception-v3 "
    "23,834,568, so ask for the count, not for the name",
    verb="counted",
)

# %% [markdown]
# In this notebook *v2* means the step before v3. How many steps there were, and what each one brought, the v3 paper says in its Table 3 (read in
# a secondary source; one network, one look at each image). In brackets the work in thousand millions of multiply-adds:

# %%
table3 = published.read("inception_v3_table3")
steps = {f"{row.network}  ({row.cost} G)": row.top1 for row in table3.itertuples()}
_ = plots.bars(steps, xlabel="ImageNet top-1 error, %")

# %%
top1, cost = table3["top1"], table3["cost"]
assert round(top1[0] - top1[6], 1) == 7.8 and round(top1[1] - top1[6], 1) == 4.0
from_v2 = -top1[2:].diff().dropna().round(1)
assert table3["network"][from_v2.idxmax()] == "+ factorised 7 × 7"
assert cost[5] - cost[4] > 0.9 and cost[3] == cost[4] and cost[5] == cost[6]
print("points gained by each step from v2 on:", *from_v2)

# %% [markdown]
# 4.8 G, less than a third of VGG-16's 15.5 G, for an error that VGG-16 does not come near. Training (RMSProp), labels (section 7), kernels (sections 2
# and 3) and the auxiliary head (section 8) each have their share. Only the kernels cost work.
#
# ## 2 · Smaller kernels
#
# You know from [lesson 04](04_vgg.ipynb) that two 3 × 3 convolutions see what one 5 × 5 sees. The v3 paper asks: why stop there? A 3 × 3 can be a
# 1 × 3 and a 3 × 1 after it. Such a pair is called **asymmetric** (비대칭 합성곱), and replacing a large kernel by smaller ones in a row
# **factorisation** (분해).

# %%
guess = explore.predict(ask.predictions["cost"])
guess

# %% [markdown]
# The picture is drawn from real modules; a square is one weight for each pair of an input and an output channel.

# %%
designs = {
    "7 × 7": conv(8, 8, 7), "1 × 7, 7 × 1": asymmetric(8, 8, 7),
    "5 × 5": conv(8, 8, 5), "two 3 × 3": two_3x3(8, 8),
    "3 × 3": conv(8, 8, 3), "1 × 3, 3 × 1": asymmetric(8, 8, 3), "two 2 × 2": chain(8, (8, 2), (8, 2)),
}  # fmt: skip
_ = plots.inception_v3.kernels(designs, against=("7 × 7", "7 × 7", "5 × 5", "5 × 5", "3 × 3", "3 × 3", "3 × 3"))


# %%
def weights(name):
    return complexity.profile(designs[name], (8, 20, 20)).macs / (8 * 8)


