# %% [markdown]
# # One widget of every kind

# %%
import lecture8
from lecture8 import plots, teaching

lecture8.start()

teaching.quiz(
    teaching.Question(
        "Which number is even?",
        {"One": "It is odd.", "Two": "Yes, twice one.", "Three": "It is odd."},
        "Two",
    )
)

# %%
teaching.predict(teaching.Prediction("What will come?", {"More": "It is more.", "Less": "It is less."}))

# %%
teaching.Explorer(
    lambda steps, kind, name: (plots.bars({name: steps}, xlabel=kind), f"{steps} of {kind} {name}"),
    {"steps": [1, 2, 3, 4, 5, 6, 7], "kind": ["small", "large"], "name": ["a", "b", "c", "d", "e"]},
)

# %%
teaching.Explorer(lambda n: (plots.bars({"n": n}, xlabel="n"), f"n = {n}"), {"n": [1, 2, 3]})

# %%
print("not run yet")
