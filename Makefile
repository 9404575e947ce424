# What there is to do, one word each. The tools live in .venv, which is made when it
# is missing and renewed when pyproject.toml has changed.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
SOURCES := microquart tests examples docs

.PHONY: help demo test check lint types docs bench clean

help:
	@echo 'make demo    run the demo application and show where it is'
	@echo 'make test    all tests; make test ARGS="-k cookies" some'
	@echo 'make check   lint, types, tests'
	@echo 'make lint    format and rules (ruff)'
	@echo 'make types   mypy --strict and pyright'
	@echo 'make docs    the site, into build/docs'
	@echo 'make bench   instructions per request, beside other servers (valgrind), and the start'

demo: $(VENV)/.run
	@$(BIN)/python -m microquart run examples/demo/app.py --trace --request-id $(ARGS)

test: $(VENV)/.dev
	@$(BIN)/python -m pytest $(ARGS)

check: lint types test

lint: $(VENV)/.dev
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)

types: $(VENV)/.dev
	@$(BIN)/mypy --strict microquart docs/_ext
	@$(BIN)/mypy --strict docs/steps
	@$(BIN)/pyright

bench: $(VENV)/.dev
	@$(BIN)/python tests/bench/server.py $(ARGS)
	@$(BIN)/python tests/bench/start.py

docs: $(VENV)/.docs
	@rm -rf build/docs
	@$(BIN)/sphinx-build -E -W --keep-going -n -q -b html docs build/docs
	@echo build/docs/index.html

clean:
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Two stamps, because who only wants to see the demo need not wait for the judges.
$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	@$(PIP) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	@$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.run

$(VENV)/.docs: pyproject.toml | $(VENV)/bin/python
	@$(PIP) -e '.[docs]'
	@touch $@ $(VENV)/.run

$(VENV)/bin/python:
	@set -e; for python in python3.11 python3 python3.14 python3.13 python3.12; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    if $$python -m venv $(VENV) >/dev/null 2>&1; then exit 0; fi; \
	    rm -rf $(VENV); \
	    echo "$$python cannot make $(VENV): install its venv module (apt-get install python3-venv)" >&2; \
	    exit 1; \
	  fi; \
	done; \
	echo "microquart needs Python 3.11 or later; found: $$(python3 --version 2>&1)" >&2; exit 1
