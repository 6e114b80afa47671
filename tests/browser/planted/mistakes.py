# %% [markdown]
# What the browser tests must find: every cell but the first is wrong.
#
# ![A picture from elsewhere](https://example.org/picture.png)

# %%
import sys

import lecture8
from lecture8 import plots, teaching

lecture8.start()


def explorer(draw):
    return teaching.Explorer(draw, {"n": [1, 2, 3]})


def bars(n):
    return plots.bars({"n": n}, xlabel="n")


explorer(lambda n: (bars(n), f"n = {n}"))

# %%
explorer(lambda n: (bars(1), "always the same"))

# %%
explorer(lambda n: (bars(1), f"n = {n}"))

# %%
explorer(lambda n: (bars(1 / (n - 2)), f"n = {n}"))

# %%
print("careful", file=sys.stderr)

# %%
[][0]

# %%
print("never run")
