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

.PHONY: env
env: ## write the secrets of docker-compose.yml, once: .env and deploy/secrets (DOMAIN=lab.example.org)
	@python3 deploy/make_env.py $(if $(DOMAIN),--domain "$(DOMAIN)")

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
test-live: $(INSTALLED) ## a project's life through the real scheduler: kills, a storm, a withdrawal, feedback, an enlarger; a wheel; somebody's Airflow
	@MEDLOOM_TEST_LIVE=1 $(BIN)/pytest tests/test_operations.py tests/test_feedback_loop.py tests/test_tasks_live.py tests/test_environments.py tests/test_names.py tests/test_wheel.py tests/test_other_hosts.py tests/test_own_airflow.py tests/test_docs_site.py

.PHONY: docs
docs: $(INSTALLED) ## the documentation as a site, in site/, by an environment of its own, .venv-docs
	@bash scripts/docs/build $(VENV)

.PHONY: audit
audit: $(INSTALLED) ## what is known against the locked packages, and their bill of materials; asks OSV
	@bash scripts/audit/run $(VENV)

.PHONY: test-compose
test-compose: $(INSTALLED) ## docker-compose.yml executed by a Docker daemon of its own; as root on Debian
	@bash scripts/test-compose

.PHONY: test-cluster
test-cluster: $(INSTALLED) ## a deployment of many services on this machine, and faults in it; as root it installs what is missing
	@bash scripts/cluster-packages
	@bash scripts/install .venv-cluster
	@.venv-cluster/bin/uv pip install --quiet --python .venv-cluster/bin/python --require-hashes --requirement deploy/requirements.lock
	@MEDLOOM_TEST_CLUSTER=1 .venv-cluster/bin/pytest -p no:xdist tests/cluster

.PHONY: format
format: $(INSTALLED) ## format and mend what can be mended
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet .

.PHONY: lock
lock: $(INSTALLED) ## resolve all lock files anew: medloom's, the image's, the site's, the audit's
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
		--python-version 3.11 --extra dev pyproject.toml --output-file requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
		--python-version 3.11 --extra server --extra openlineage --constraint requirements.lock \
		pyproject.toml --output-file deploy/requirements.lock
	@printf 'cyclonedx-bom\nhatchling\n' | $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url \
		--python-version 3.11 --constraint requirements.lock - --output-file deploy/build.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
		--python-version 3.11 scripts/docs/requirements.in --output-file scripts/docs/requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
		--python-version 3.11 scripts/audit/requirements.in --output-file scripts/audit/requirements.lock

.PHONY: clean
clean: ## remove the environments and the site; state/ and landing/ stay
	@rm -rf $(VENV) .venv-audit .venv-cluster .venv-docs build site
