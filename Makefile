# make demo | install | test | test-oldest | test-newest | test-extras | fuzz | lint | lint-workflows | format | docs |
# notebooks | dist | wheels | bench | clean. Each builds the environment that it needs.
PYTHON ?= python3
VENV ?= .venv
OLDEST ?= .venv-oldest
DOCS ?= .venv-docs
NEWEST ?= .venv-newest
EXTRAS ?= .venv-extras
RELEASE ?= .venv-release
BENCHMARKS ?= loading sampling
COUNT ?= 5000
SEED ?= 0
PARALLEL := --numprocesses 3 --dist loadfile --no-loadscope-reorder --max-worker-restart 0
PIP := -m pip --disable-pip-version-check --quiet

.PHONY: demo install test test-oldest test-newest test-extras fuzz lint lint-workflows format docs notebooks dist wheels bench clean

$(VENV)/.installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python $(PIP) install -r requirements.txt
	$(VENV)/bin/python $(PIP) install --no-deps --editable .
	$(VENV)/bin/python builder_scripts/editable_first.py
	touch $@

$(OLDEST)/.installed: tests/oldest-requirements.txt pyproject.toml
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python $(PIP) install -r tests/oldest-requirements.txt --editable .
	$(OLDEST)/bin/python builder_scripts/editable_first.py
	touch $@

$(NEWEST)/.installed: pyproject.toml
	$(PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/python $(PIP) install --editable \
	  '.[processing,decord,cpu,train,hub,download,transformers,landmarks,ray,viewer,dev]'
	$(NEWEST)/bin/python builder_scripts/editable_first.py
	touch $@

$(EXTRAS)/.installed: requirements.txt tests/extras-requirements.txt pyproject.toml
	$(PYTHON) -m venv $(EXTRAS)
	$(EXTRAS)/bin/python $(PIP) install -r requirements.txt -r tests/extras-requirements.txt
	$(EXTRAS)/bin/python $(PIP) install --no-deps --editable .
	$(EXTRAS)/bin/python builder_scripts/editable_first.py
	touch $@

$(RELEASE)/.installed: builder_scripts/release/requirements.txt
	$(PYTHON) -m venv $(RELEASE)
	$(RELEASE)/bin/python $(PIP) install -r builder_scripts/release/requirements.txt
	touch $@

$(DOCS)/.installed: docs/requirements.txt
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python $(PIP) install -r docs/requirements.txt
	touch $@

install: $(VENV)/.installed

# VIDEOS=folder: of your own face videos, in place of the bundled ones
demo: $(VENV)/.installed
	$(VENV)/bin/python builder_scripts/demo.py demo_output $(if $(VIDEOS),"$(VIDEOS)")

test: $(VENV)/.installed
	$(VENV)/bin/python -m pytest $(PARALLEL)

# the contract with datasets, on the oldest release that is supported
test-oldest: $(OLDEST)/.installed
	$(OLDEST)/bin/python -m pytest tests/loading

# all tests with the newest releases that pyproject.toml allows, which also suits a Python that the pins are not for
test-newest: $(NEWEST)/.installed
	$(NEWEST)/bin/python -m pytest $(PARALLEL)

# what no other environment has: S3FD's library, torchcodec, an S3 server, scikit-image. TESTS= chooses others
test-extras: $(EXTRAS)/.installed
	$(EXTRAS)/bin/python -m pytest -rs $(PARALLEL) $(TESTS)

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

# the files in .github/ and CITATION.cff against their schemas, and what an attacker could do with the workflows
lint-workflows: $(RELEASE)/.installed
	$(RELEASE)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(RELEASE)/bin/check-jsonschema --builtin-schema vendor.github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(RELEASE)/bin/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(RELEASE)/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(RELEASE)/bin/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	$(RELEASE)/bin/zizmor --offline --quiet .github

format: $(VENV)/.installed
	$(VENV)/bin/python -m ruff check --fix .
	$(VENV)/bin/python -m ruff format .

# the site, in build/site; SITE_URL= is where it will be
docs: $(DOCS)/.installed
	$(DOCS)/bin/python builder_scripts/site/build_site.py

# runs them and stores what they give
notebooks: $(VENV)/.installed
	$(VENV)/bin/python builder_scripts/site/run_notebook.py

# the source distribution and the wheel in dist/, checked as somebody who has nothing else
dist: $(RELEASE)/.installed
	rm -rf dist
	$(RELEASE)/bin/python -m build
	$(RELEASE)/bin/twine check --strict dist/*
	$(RELEASE)/bin/check-wheel-contents dist/*.whl
	$(RELEASE)/bin/python builder_scripts/release/check_distributions.py

# that every pin has wheels for each Python and platform that is supported
wheels: $(RELEASE)/.installed
	$(RELEASE)/bin/python builder_scripts/release/pinned_wheels.py

bench: $(VENV)/.installed
	for name in $(BENCHMARKS); do echo "== $$name"; $(VENV)/bin/python benchmarks/$$name.py || exit 1; done

clean:
	rm -rf .venv .venv-* build dist *.egg-info demo_output bench_data fuzz_failures .pytest_cache .mypy_cache .ruff_cache
