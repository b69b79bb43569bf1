# medloom: one environment, one command. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
MEDLOOM := $(BIN)/medloom $(if $(PROJECT),--project $(PROJECT))

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(INSTALLED): requirements.lock pyproject.toml scripts/install
	@bash scripts/install $(VENV)

.PHONY: install
install: $(INSTALLED) ## make the one environment, in .venv (7 GB of disk, minutes at most)

.PHONY: demo
demo: $(INSTALLED) ## images in, a champion out: built-in phantoms, or DATA=folder of class folders
	@$(MEDLOOM) demo $(if $(DATA),"$(DATA)")

.PHONY: up
up: $(INSTALLED) ## start Airflow and MLflow and keep them running (PROJECT=name)
	@$(MEDLOOM) up

.PHONY: down
down: $(INSTALLED) ## end them
	@$(MEDLOOM) down

.PHONY: check
check: $(INSTALLED) ## format, lint, types, import contracts
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: test
test: $(INSTALLED) ## the whole test suite; two cores have work for three processes, as many tests wait
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: test-live
test-live: $(INSTALLED) ## a project's life through the real scheduler: kills, a storm, a withdrawal, feedback; a wheel
	@MEDLOOM_TEST_LIVE=1 $(BIN)/pytest tests/test_operations.py tests/test_feedback_loop.py tests/test_environments.py tests/test_names.py tests/test_wheel.py

.PHONY: test-cluster
test-cluster: $(INSTALLED) ## a deployment of many services on this machine, and faults in it; as root it installs what is missing
	@bash scripts/cluster-packages
	@MEDLOOM_TEST_CLUSTER=1 $(BIN)/pytest -p no:xdist tests/cluster

.PHONY: format
format: $(INSTALLED) ## format and mend what can be mended
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet .

.PHONY: lock
lock: $(INSTALLED) ## resolve requirements.lock anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
		--python-version 3.11 --extra dev --extra server pyproject.toml --output-file requirements.lock

.PHONY: clean
clean: ## remove the environment; state/ and landing/ stay
	@rm -rf $(VENV)
