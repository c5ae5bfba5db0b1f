# coldaisle: set up, show, test. `make help` lists the targets. Needs Debian's python3 (3.11 or newer), python3-venv, git and make.

SHELL      := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS  += --no-builtin-rules

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
UV_LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11

.PHONY: help setup demo test bench bench-energy bench-evidence mutation fuzz lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP)  ## .venv with the locked dependencies and the commands coldaisle and coldaisle-hil

# Three steps, because every download is checked against a hash: the build tool first, then the locked dependencies (psychrolib is
# published as source only and is built with that tool), then this project without looking at an index again.
$(STAMP): requirements.lock requirements-build.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "make setup: $(PYTHON) must be Python 3.11 or newer (have: $$($(PYTHON) --version 2>&1 || true)); another one: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) \
	  || { echo "make setup: $(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "setup: installing the locked dependencies into $(VENV)"
	@$(PIP) install --require-hashes --only-binary :all: -r requirements-build.lock
	@$(PIP) install --require-hashes --no-build-isolation --use-pep517 -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@touch $@

demo: setup  ## a simulated site on the wire, the daemon beside it, a day of weather, a report
	@$(BIN)/coldaisle-hil demo

test: setup  ## lint, types, every line and branch of safety/, all other tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest tests/safety --cov=safety --cov-branch --cov-fail-under=100 --cov-report=term-missing:skip-covered
	$(BIN)/pytest --ignore=tests/safety

bench: setup  ## performance benchmarks; writes bench.json (the fieldbus section needs gcc and libmodbus-dev)
	@$(BIN)/python -m controller.benchmarks --out bench.json

mutation: setup  ## mutation testing of safety/; writes mutation.json (ONLY="safety/rules.py ..." for some modules)
	@$(BIN)/python -m tests.mutation $(if $(ONLY),--only $(ONLY))

fuzz: setup  ## a million proposals before the envelope, checked by an oracle of its own (N=1000 SEED=1)
	@$(BIN)/python -m tests.fuzz $(if $(N),--n $(N)) $(if $(SEED),--seed $(SEED))

bench-energy: setup  ## energy of policies over sites, climates, seasons, loads: CELLS=n|all SEED=s OUT=file
	@$(BIN)/python -m controller.benchmarks.energy --cells $(or $(CELLS),8) --seed $(or $(SEED),0) --out $(or $(OUT),energy.json) --weather-dir $(or $(WEATHER),../shared/data/weather)

bench-evidence: setup  ## switchback experiments with known truth: SEED=s SEEDS=n DAYS=n EXPERIMENTS=n SWITCHED=n OUT=file
	@$(BIN)/python -m controller.benchmarks.evidence --seed $(or $(SEED),0) --seeds $(or $(SEEDS),1) --days $(or $(DAYS),28) \
	  --experiments $(or $(EXPERIMENTS),25) --switched $(or $(SWITCHED),2) --out $(or $(OUT),evidence.json)

lock: setup  ## resolve the dependencies of pyproject.toml again and write both lock files
	@$(BIN)/uv --version >/dev/null 2>&1 || { echo "make lock: needs uv in $(VENV): $(BIN)/pip install uv" >&2; exit 1; }
	$(UV_LOCK) --extra test pyproject.toml -o requirements.lock
	echo "setuptools>=77" | $(UV_LOCK) - -o requirements-build.lock

clean:  ## remove the environment, caches and results
	rm -rf $(VENV) out build *.egg-info .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find safety plant_models controller hil tests -type d -name __pycache__ -prune -exec rm -rf {} +
