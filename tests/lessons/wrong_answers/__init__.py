"""Typical wrong answers to the exercises of each notebook, and what the check must say to them."""
