# make demo | test | lint | bench | clean. Each builds the environment that it needs in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint format bench clean env

env: $(STAMP)

$(STAMP): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

test: $(STAMP)
	$(BIN)/python -m pytest

lint: $(STAMP)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	rm -rf build/types && mkdir -p build/types/mmvoxceleb
	ln -s $(CURDIR)/mmvoxceleb/* build/types/mmvoxceleb/
	ln -s $(CURDIR)/processing build/types/mmvoxceleb/processing
	$(BIN)/python -m mypy -p mmvoxceleb

format: $(STAMP)
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

clean:
	rm -rf $(VENV) .venv-* build dist *.egg-info demo_output bench_data .pytest_cache .mypy_cache .ruff_cache
