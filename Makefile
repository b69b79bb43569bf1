# medloom: one environment, one command.  `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

$(BIN)/python:
	@bash scripts/make-venv $(VENV)

# The project itself is added to the path by a .pth file: an editable install without a build step.
$(STAMP): requirements.lock pyproject.toml scripts/make-venv | $(BIN)/python
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: install
install: $(STAMP) ## make the one environment in .venv (about 7 GB with torch's CUDA libraries)
