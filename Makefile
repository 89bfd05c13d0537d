# `make` lists what there is. The first use sets up .venv; nothing is installed twice.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=

export OMP_NUM_THREADS ?= 1
ifeq ($(RNNLAB_DATA),)
ifneq ($(wildcard ../shared/data),)
export RNNLAB_DATA := $(abspath ../shared/data)
endif
endif

.DEFAULT_GOAL := help
.PHONY: help setup demo lecture test test-docs test-browser test-faults test-programs test-services lint type \
  imports docs wheel release ci tables board format clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY)  ## train five nets on one memory task, with a table and a figure (3 minutes)
	@$(BIN)/python scripts/demo.py $(ARGS)

lecture: $(READY)  ## the experiments of docs/lecture.md, its tables and figures (45 minutes at most)
	@$(BIN)/python scripts/lecture.py $(ARGS)

test: $(READY)  ## the main suite, on two cores; make test ARGS="-k gru -x" for some
	@$(BIN)/pytest -n 2 -m "not (docs or browser or faults or programs or services)" $(ARGS)

test-docs: $(READY)  ## what README and docs say: their commands, their code, their tables
	@$(BIN)/pytest -n 2 -m docs $(ARGS)

test-browser: $(READY)  ## TensorBoard and compare.html in a headless Chromium
	@$(BIN)/pytest -m browser $(ARGS)

test-faults: $(READY)  ## runs that are killed, interrupted, resumed, or side by side
	@$(BIN)/pytest -n 2 -m faults $(ARGS)

test-services: $(READY)  ## servers that the tests start: PostgreSQL, where it is installed
	@$(BIN)/pytest -m services $(ARGS)

test-programs: $(READY)  ## whole programs: demo, lecture, benchmark, GPU check, every experiment
	@$(BIN)/pytest -n 2 -m programs $(ARGS)

lint: $(READY)  ## style of code and docstrings
	@$(BIN)/ruff check && $(BIN)/ruff format --check

type: $(READY)  ## types, strictly
	@$(BIN)/mypy

imports: $(READY)  ## who may import whom
	@$(BIN)/lint-imports --no-cache

docs: $(READY)  ## the site of docs/ into docs/_build/html, from nothing; warnings are errors
	@$(BIN)/python -m sphinx -E -W --keep-going -q -b html docs docs/_build/html

wheel: $(READY)  ## build the wheel, install it elsewhere and train with it
	@$(BIN)/python scripts/check_wheel.py

release: $(READY)  ## build wheel and source archive into dist/, check both and train with both
	@$(BIN)/python scripts/release.py $(ARGS)

ci: lint type imports docs test test-docs test-browser test-faults test-programs test-services wheel  ## all that has to be green

tables: $(READY)  ## make the generated pages and tables of docs/ anew
	@$(BIN)/python scripts/docs_tables.py

board: $(READY)  ## TensorBoard on all runs
	@$(BIN)/tensorboard --logdir outputs

format: $(READY)  ## let ruff format and fix
	@$(BIN)/ruff format && $(BIN)/ruff check --fix

setup: $(READY)  ## only the installation

clean:  ## remove .venv, caches and build products, not outputs
	rm -rf $(VENV) build dist docs/_build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp comes last: an installation that was broken off is taken up again.
$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null 2>&1 \
	  || { echo "rnnlab needs Python 3.11 or later; no '$(PYTHON)' here: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "rnnlab needs Python 3.11 or later; '$(PYTHON)' is older: make PYTHON=python3.12" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) \
	  || { echo "'$(PYTHON) -m venv' failed; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@# an older pip would run the setup.py of seqeval, which fails beside today's setuptools_scm
	$(BIN)/python -m pip install --disable-pip-version-check --use-pep517 -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps -e .
	@touch $@
