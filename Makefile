# Two commands do everything on a fresh machine: `make demo` and `make test`.
# A fresh machine may call it python3 only.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast check bench ui clean

help:           ## show this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

# Reinstalls only when what is installed is out of date.
$(STAMP): pyproject.toml conf/constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { echo "make: Python 3.11 or newer is needed; install it or say make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c conf/constraints.txt -e '.[dev]'
	$(BIN)/splicemachine-ml doctor
	@touch $@

install: $(STAMP)   ## set up .venv with exact versions, and check Java

demo: $(STAMP)      ## the main job on 9,857 real loans: database, two runs, parity, a local endpoint
	$(BIN)/python notebooks/run.py notebooks/01_loans.ipynb

test: $(STAMP)      ## the whole test suite (PYTEST=... adds options)
	$(BIN)/python -m pytest $(PYTEST)

test-fast: $(STAMP) ## what needs no Spark session: seconds
	$(BIN)/python -m pytest -m "not spark and not slow"

check: $(STAMP)     ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)     ## the benchmark table, ours and theirs side by side in one run (about ten minutes)
	$(BIN)/python -m tests.benchmarks $(if $(README),--readme)

ui: $(STAMP)        ## MLflow's UI on the embedded store of this folder
	$(BIN)/mlflow ui --backend-store-uri sqlite:///mlflow.db

clean:          ## remove the environment, caches and what the demo wrote
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	rm -rf mlflow.db mlartifacts splicemachine_ml_state spark-warehouse metastore_db derby.log
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
