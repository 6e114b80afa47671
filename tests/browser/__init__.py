"""The course in a real browser: `checks` judges what `notebook` saw on the server of `lab`."""
