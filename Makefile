# make demo | test | test-oldest | fuzz | lint | format | docs | notebooks | bench | clean. Each builds what it needs.
PYTHON ?= python3
VENV ?= .venv
OLDEST ?= .venv-oldest
DOCS ?= .venv-docs
BENCHMARKS ?= loading sampling
COUNT ?= 5000
SEED ?= 0
PIP := -m pip --disable-pip-version-check --quiet

.PHONY: demo test test-oldest fuzz lint format docs notebooks bench clean

$(VENV)/.installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python $(PIP) install -r requirements.txt
	$(VENV)/bin/python $(PIP) install --no-deps --editable .
	touch $@

$(OLDEST)/.installed: tests/oldest-requirements.txt pyproject.toml
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python $(PIP) install -r tests/oldest-requirements.txt --editable .
	touch $@

$(DOCS)/.installed: docs/requirements.txt
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python $(PIP) install -r docs/requirements.txt
	touch $@

# VIDEOS=folder: of your own face videos, in place of the bundled ones
demo: $(VENV)/.installed
	$(VENV)/bin/python builder_scripts/demo.py demo_output $(if $(VIDEOS),"$(VIDEOS)")

test: $(VENV)/.installed
	$(VENV)/bin/python -m pytest --numprocesses 2 --dist loadfile

# the contract with datasets, on the oldest release that is supported
test-oldest: $(OLDEST)/.installed
	$(OLDEST)/bin/python -m pytest tests/loading

# damaged inputs of every kind; those that fail are saved in fuzz_failures/
fuzz: $(VENV)/.installed
	$(VENV)/bin/python -m tests.fuzz --count $(COUNT) --seed $(SEED)

lint: $(VENV)/.installed
	$(VENV)/bin/python -m ruff check .
	$(VENV)/bin/python -m ruff format --check .
	rm -rf build/types && mkdir -p build/types/mmvoxceleb
	ln -s $(CURDIR)/mmvoxceleb/* build/types/mmvoxceleb/
	ln -s $(CURDIR)/processing build/types/mmvoxceleb/processing
	$(VENV)/bin/python -m mypy build/types/mmvoxceleb tests benchmarks builder_scripts

format: $(VENV)/.installed
	$(VENV)/bin/python -m ruff check --fix .
	$(VENV)/bin/python -m ruff format .

# the site, in build/site; SITE_URL= is where it will be
docs: $(DOCS)/.installed
	$(DOCS)/bin/python builder_scripts/site/build_site.py

# runs them and stores what they give
notebooks: $(VENV)/.installed
	$(VENV)/bin/python builder_scripts/site/run_notebook.py

bench: $(VENV)/.installed
	for name in $(BENCHMARKS); do echo "== $$name"; $(VENV)/bin/python benchmarks/$$name.py || exit 1; done

clean:
	rm -rf .venv .venv-* build dist *.egg-info demo_output bench_data fuzz_failures .pytest_cache .mypy_cache .ruff_cache
