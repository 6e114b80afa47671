"""The course in a real browser: `make test-browser` opens every notebook in JupyterLab, runs it, and uses it.

`checks` judges what was seen and needs no browser; `notebook` sees it; `lab` is the server that it is seen on.
"""
