# `make study` reproduces the default study; `make test` runs the tests. Both need Python >= 3.11 and make, nothing else.

PYTHON ?= python3
VENV ?= .venv
STUDY ?= fluctuation
OUT ?= results/$(STUDY)
ARGS ?=

BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable
SOURCES := src tests $(wildcard benchmarks) $(wildcard examples)
WANTED := pyproject.toml constraints.txt

NUMBERS := tests/analysis tests/optim tests/probes tests/recorder tests/training
CORE := tests/training/test_ensemble.py tests/training/test_experiment.py tests/recorder/test_recorder.py
CORE_READING := tests/test_records.py tests/test_specification.py tests/store/test_writer.py tests/store/test_reader.py

.PHONY: help study test test-long test-numbers test-slurm test-no-compiler test-newest lint format bench docs clean
.DELETE_ON_ERROR:

help:
	@echo "make study      train a study (STUDY=fluctuation, stability, sweep or linearity) and say where its report is"
	@echo "                again: make study ARGS=--overwrite; after an interruption: make study ARGS=--resume"
	@echo "make test       run the tests (a few minutes); make test-long runs the long ones, make test-numbers those of"
	@echo "                them that guard numbers, make test-slurm those that start a Slurm; make test-no-compiler and"
	@echo "                make test-newest run the core of the suite without a C compiler and with the newest dependencies"
	@echo "make lint       ruff, mypy --strict, import contracts; make format repairs what ruff can"
	@echo "make docs       every public name is documented, every example in README and docs runs"
	@echo "make bench      measure speed and memory against plain PyTorch, write docs/benchmarks.md"
	@echo "                only some of it: make bench PARTS=\"sweep recorder\""
	@echo "make clean      remove $(VENV) and the caches"

study: $(VENV)/installed
	@$(BIN)/lrscope run $(STUDY) --out $(OUT) $(ARGS)

# Each core takes file after file, so that what a file's tests share is made once.
test: $(VENV)/installed-test
	@$(BIN)/python -m pytest --quiet --numprocesses auto --dist loadfile

test-long: $(VENV)/installed-test
	@$(BIN)/python -m pytest --quiet -m long --numprocesses auto --dist loadfile

# Of the long tests those that guard numbers: what is trained, measured and estimated.
test-numbers: $(VENV)/installed-test
	@$(BIN)/python -m pytest --quiet -m long --numprocesses auto --dist loadfile $(wildcard $(NUMBERS))

# Workers that are jobs of a Slurm of one node, which the tests start.
test-slurm: $(VENV)/installed-test
	@$(BIN)/python -m pytest --quiet -m long tests/engines/test_slurm.py

# A PATH without compilers: torch must not need one, and nor must we.
test-no-compiler: $(VENV)/installed-test
	@mkdir -p $(VENV)/no-compiler
	@for tool in bash sh env uname cat ls which git ldconfig timeout; do \
	  found=$$(command -v $$tool) && ln -sf "$$found" $(VENV)/no-compiler/$$tool || true; done
	@timeout 600 env -u CC -u CXX PATH="$(abspath $(VENV))/no-compiler" $(abspath $(BIN))/python -m pytest --quiet \
	  --numprocesses 2 --dist loadfile $(CORE)

# The newest versions that pyproject.toml allows, but PyTorch as in constraints.txt; at most six minutes.
test-newest: | $(VENV)/bin/python
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --upgrade --editable ".[test]" \
	  "$$(grep '^torch==' constraints.txt)"
	@timeout 360 $(BIN)/python -m pytest --quiet --numprocesses auto --dist loadfile $(CORE) $(CORE_READING)

lint: $(VENV)/installed-dev
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/installed-dev
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

bench: $(VENV)/installed-bench
	@$(BIN)/python -m benchmarks $(PARTS)

docs: $(VENV)/installed-test
	@$(BIN)/python -m pytest --quiet --doctest-modules src tests/test_docs.py tests/test_architecture.py -m "long or not long"

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each set of packages: nothing is installed twice while the requirements stay the same.
$(VENV)/installed: $(WANTED) | $(VENV)/bin/python
	@echo "Installing lrscope and what it needs into $(VENV)"
	@$(INSTALL) .
	@touch $@

$(VENV)/installed-test: $(WANTED) | $(VENV)/bin/python
	@echo "Installing lrscope with what its tests need into $(VENV)"
	@$(INSTALL) ".[test]"
	@touch $(VENV)/installed $@

$(VENV)/installed-bench: $(WANTED) | $(VENV)/bin/python
	@echo "Installing lrscope with what its benchmarks compare it to into $(VENV)"
	@$(INSTALL) ".[bench]"
	@touch $(VENV)/installed $@

$(VENV)/installed-dev: $(WANTED) | $(VENV)/bin/python
	@echo "Installing lrscope with what its checks need into $(VENV)"
	@$(INSTALL) ".[dev]"
	@touch $(VENV)/installed $(VENV)/installed-test $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "PYTHON must be Python 3.11 or newer; got $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; \
	  exit 2; }
	@$(PYTHON) -m venv $(VENV)
