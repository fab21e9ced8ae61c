# CleanS2S. `make` lists the targets. Everything is installed into .venv; nothing else on the machine is touched.
# On a machine with several Pythons: make run PYTHON=python3.13

PYTHON ?= python3

VENV := .venv
BIN := $(VENV)/bin
TRAIN := .venv-train
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt

# The stamps carry the folder's name: an environment copied or moved with its folder points at the old place,
# so it is made anew.
HERE := $(shell printf '%s' '$(CURDIR)' | cksum | cut -d ' ' -f 1)
CREATED := $(VENV)/.created-$(HERE)
RUNTIME := $(VENV)/.runtime-$(HERE)
DEV := $(VENV)/.dev-$(HERE)
TRAINED := $(TRAIN)/.installed-$(HERE)
INPUTS := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup run test demo bench evals studio lint format hooks train-env test-train constraints clean
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(DEV) ## everything for development, in .venv

run: $(RUNTIME) ## set up, then serve the agent
	@$(BIN)/cleans2s serve

test: $(DEV) ## all tests that this machine can run; a skipped one says why
	@$(BIN)/python -m pytest

demo: $(RUNTIME) ## one scripted conversation, with sound
	@$(BIN)/cleans2s demo

bench: $(RUNTIME) ## measure latency and load
	@$(BIN)/cleans2s bench

evals: $(RUNTIME) ## how well the judge decides and takes turns, on the data folder
	@$(BIN)/cleans2s evals judgement $${CLEANS2S_DATA:-../shared/data}/judgement/*.jsonl
	@$(BIN)/cleans2s evals endpointing --judge rules encoder
	@$(BIN)/cleans2s evals interruption --judge encoder

studio: $(DEV) ## the graph in LangGraph Studio
	@$(BIN)/langgraph dev

lint: $(DEV) ## style, types and import contracts
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(DEV) ## mend what ruff can mend
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

hooks: $(DEV) ## run the checks of `make lint` before every commit
	@$(BIN)/pre-commit install

train-env: $(TRAINED) ## the training environment, in .venv-train (with torch)

test-train: $(TRAINED) ## the tests that need the training environment
	@OMP_NUM_THREADS=1 $(TRAIN)/bin/python -m pytest -m train

constraints: $(DEV) ## resolve constraints.txt anew (UPGRADE=1: with the newest versions)
	@$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	    --no-header --no-annotate --no-emit-index-url --quiet $(if $(UPGRADE),,-c constraints.txt) \
	    | grep -v -e "'never'" -e "'emscripten'" > constraints.new
	@mv constraints.new constraints.txt

clean: ## remove the environments and the caches
	@rm -rf $(VENV) $(TRAIN) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

define CHECK_PYTHON
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
    echo "CleanS2S needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo "not there")." \
    "Name another one: make $(firstword $(MAKECMDGOALS)) PYTHON=python3.13" >&2; exit 1; }
endef

# uv goes into the environment itself, so that it works where the system's Python must not be touched.
$(CREATED):
	$(CHECK_PYTHON)
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV) || { \
	    echo "'$(PYTHON) -m venv' failed. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet -c constraints.txt uv
	@touch $@

$(RUNTIME): $(CREATED) $(INPUTS)
	@echo "installing what CleanS2S needs to run"
	@$(UV) -e .
	@touch $@

$(DEV): $(RUNTIME)
	@echo "installing the tools for development"
	@$(UV) -e '.[dev]'
	@touch $@

# By pip, because [tool.uv] in pyproject.toml keeps torch out.
$(TRAINED): $(INPUTS)
	$(CHECK_PYTHON)
	@echo "making $(TRAIN); torch is large"
	@$(PYTHON) -m venv --clear $(TRAIN)
	@$(TRAIN)/bin/python -m pip install --quiet -c constraints.txt -e '.[train,test]'
	@touch $@
