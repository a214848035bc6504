# `make` alone prints this list. Everything runs in .venv, which is made when it is missing.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Without PYTHONPATH nothing from outside the environment can creep into a version.
unexport PYTHONPATH

.DEFAULT_GOAL := help
.PHONY: help run test soak check bench circle wheel lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## build the version that conf/ describes, show it, and say whether it is HEAD's
	dvc repro
	@stemma show
	@stemma status || true

test: check ## lint, types, contracts and the tests
	pytest -n auto --dist loadfile

soak: $(VENV)/.test ## the tests that `make test` leaves out, before a release
	pytest -n auto --dist loadfile -m soak

check: $(VENV)/.test ## lint, types, contracts: seconds
	ruff check --no-cache .
	ruff format --check .
	basedpyright
	lint-imports
	python tools/lock.py --check
	stemma compose --check

bench: $(VENV)/.test ## measure side by side; writes bench/results.json
	python bench/run.py

circle: $(VENV)/.test ## serve, watch, update, promote, and a poisoned update, in runs/circle: ten minutes
	dvc repro
	python tools/circle

wheel: | $(BIN)/python ## what `pip install` installs, into dist/
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

lock: $(VENV)/.test ## pin anew what pyproject.toml asks for
	python tools/lock.py

clean: ## delete the environment and what stages leave beside their outputs (no version, no cache)
	rm -rf $(VENV) runs outputs

# The stamps carry what was installed from; pip is asked only when that has changed. Old pips build
# seqeval by its setup.py, which asks for tools that these cannot install; --use-pep517 does not.
$(VENV)/.run: pyproject.toml requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 -c requirements.lock -e '.[make]'
	@touch $@

$(VENV)/.test: pyproject.toml requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 -c requirements.lock -e '.[dev]'
	@touch $@ $(VENV)/.run

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Stemma needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
