# Needs Python 3.10 or newer, make and git; everything else goes into .venv on the first call.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)
# `make test PYTHON=python3.12` means that Python and no other
EXACTLY := $(if $(filter command line,$(origin PYTHON)),--exactly)

.PHONY: help setup lab test test-all test-browser test-stacks test-gpu lint notebooks slides solutions site bench clean

help:       ## this list
	@echo "Lecture 8: transfer learning and the ImageNet CNN lineage"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

setup:
	@command -v "$(PYTHON)" >/dev/null || { echo "No $(PYTHON) here: install Python 3.10 or newer, \
	or name the one you have: make $(or $(MAKECMDGOALS),lab) PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" tools/env/bootstrap.py $(EXACTLY)

lab: setup  ## open the notebooks in JupyterLab (LANGUAGE=ko for the Korean ones)
	@LECTURE8_LAB=$(if $(filter command line,$(origin LANGUAGE)),notebooks/$(LANGUAGE)) $(BIN)/python tools/env/lab.py $(ARGS)

test: setup ## the unit tests and every notebook, strictly compared (ARGS="-k resnet")
	@$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile $(ARGS)

test-all: setup ## the same, the slow tests, every notebook on two simulated GPUs, and the tests with the oldest and the newest versions (10 GB)
	@$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile -m "" $(ARGS)
	@$(BIN)/python -m tools.env.stacks oldest newest

test-browser: setup ## every notebook run and used in a real browser (ARGS="-k 04_vgg")
	@$(BIN)/python -m tools.env.chromium
	@$(BIN)/python -m pytest tests/browser $(ARGS)

test-stacks: setup ## the oldest and the newest versions, and Colab's (STACK=colab for one; 5 GB each)
	@$(BIN)/python -m tools.env.stacks $(STACK)

test-gpu: setup ## what needs an NVIDIA GPU, in ten minutes at most (ARGS="--cifar cifar10.tar.xz")
	@$(BIN)/python -m benchmarks.install
	@$(BIN)/python -m tools.gpu.check $(ARGS)

lint: setup ## ruff: style and format
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .

notebooks: setup ## build notebooks/*.ipynb from lecture8/lessons (NB=06_resnet for one)
	@$(BIN)/python -m tools.build.notebooks $(NB)

slides: setup ## build/slides: a deck for each notebook, shown without a network (NB=06_resnet for one; needs npm)
	@$(BIN)/python -m tools.build.slides $(NB)

solutions: setup ## build/instructor: the notebooks with solutions and teaching notes, executed (NB=06_resnet for one)
	@$(BIN)/python -m tools.build.instructor $(NB)

site: setup ## build/site: the whole course as web pages with a search (needs npm)
	@$(BIN)/python -m tools.build.site

bench: setup ## ours against other libraries (BENCH=speed or overhead; ARGS="--only resnet50")
	@$(BIN)/python -m benchmarks.install
	@$(BIN)/python -m benchmarks.$(or $(BENCH),speed) $(ARGS)

clean:      ## remove .venv and everything built
	rm -rf .venv build dist .pytest_cache .ruff_cache
	find lecture8 tests tools -name __pycache__ -prune -exec rm -rf {} +
