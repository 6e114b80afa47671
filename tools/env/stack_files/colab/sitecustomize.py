"""Colab's kernels have its package imported before the first cell runs."""

import google.colab  # noqa: F401
