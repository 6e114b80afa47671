# %% [markdown]
# # One widget of every kind

# %%
from lecture8 import plots, teaching
from lecture8.lessons.l00_start_here import overview

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
teaching.three_ways(8, "the same, measured here")

# %%
overview.panel()
