# Every target does its whole set-up in .venv; nothing but Python >= 3.11 and make has to be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two suites can share a machine: override to use more or fewer processes.
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test test-long check format bench lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name what; do printf '  %-12s %s\n' "$$name" "$$what"; done

$(VENV)/local.stamp: requirements/local.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "LoreKeeper needs Python 3.11 or newer; set PYTHON=/path/to/python3")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing LoreKeeper and its engines into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/local.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/local.stamp requirements/dev.lock
	@echo "Installing the tools for tests and checks ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

demo: $(VENV)/local.stamp ## run the main job on the sample world, start to finish
	@$(BIN)/lorekeeper demo $(ARGS)

test: $(VENV)/dev.stamp ## run every test
	@$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

test-long: $(VENV)/dev.stamp ## run the stateful test for 100,000 steps
	@LOREKEEPER_STATEFUL_STEPS=100000 $(BIN)/python -m pytest tests/integration/test_stateful.py $(ARGS)

check: $(VENV)/dev.stamp ## format, lint, types, import walls, schema and documentation tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/checks

format: $(VENV)/dev.stamp ## let ruff rewrite what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/dev.stamp ## print the speed table of ratios
	@$(BIN)/python -m benchmarks $(ARGS)

lock: $(VENV)/dev.stamp ## pin every dependency with hashes, from pyproject.toml
	@for set in dev local server; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	    --extra $$set $$([ $$set = dev ] || echo --constraint requirements/dev.lock) \
	    $$([ $$set = dev ] || echo --group build) pyproject.toml -o requirements/$$set.lock || exit 1; \
	done

clean: ## remove the virtual environment and the tools' caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .hypothesis
