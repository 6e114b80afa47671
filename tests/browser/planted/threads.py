# %% [markdown]
# # A cell that draws while an explorer is moved

# %%
import lecture8
from lecture8 import plots, teaching

lecture8.start()


def bars(n):
    return plots.bars({"n": n}, xlabel="n")


teaching.Explorer(lambda n: (bars(n), f"n = {n}"), {"n": [1, 2, 3]})

# %%
print("not run yet")
