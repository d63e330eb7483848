# The commands of the checkout. Each does its own set-up; everything that it installs is pinned and stays inside the checkout.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
# Tests that run side by side share two cores; a file's tests stay together since they share servers.
WORKERS ?= 2

.PHONY: help setup demo test hubs pythons lint format testbed e2e e2e-long alerts bench bench-peers docs screenshots clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.ready node_modules/.ready ## everything that the other commands need, pinned

$(VENV)/.ready: requirements/dev.txt pyproject.toml tools/venv
	@tools/venv $(PYTHON) $(VENV)
	@touch $@

node_modules/.ready: package.json package-lock.json tools/npm-packages
	@tools/npm-packages
	@touch $@

demo: setup ## a hub, the service and a simulated cluster on 127.0.0.1 (PORT=8000); Ctrl-C ends all of it
	@exec $(BIN)/moorage demo --port $(PORT)

test: setup ## everything that needs no Go toolchain: unit, contract and service tests, then `make hubs`
	@MOORAGE_KUBECTL=$$(tools/kubectl); export MOORAGE_KUBECTL; status=0; \
	node --test tests/web/*.test.js || status=1; \
	$(PYTEST) tests $(addprefix --ignore=tests/,e2e hub browser) -n $(WORKERS) --dist loadfile || status=1; \
	$(MAKE) --no-print-directory hubs || status=1; \
	exit $$status

hubs: setup ## hub and browser tests on every supported JupyterHub (HUB=hub-5.3, hub-5.5 or main: that one)
	@tools/browser
	@$(BIN)/python tools/hubs.py $(HUB)

pythons: ## the tests without hub and browser on every supported Python that is here (PYTHONS="3.12 3.13": those)
	@tools/pythons $(PYTHONS)

lint: setup ## ruff, mypy (strict), the direction of imports, eslint, yamllint, zizmor, actionlint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	node_modules/.bin/eslint .
	$(BIN)/yamllint -s -c deploy/yamllint.yaml deploy charts/moorage/*.yaml charts/moorage/files .github .pre-commit-config.yaml
	$(BIN)/zizmor --offline --quiet .github
	@tools/actionlint

format: setup ## let ruff and eslint mend what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	node_modules/.bin/eslint --fix .

testbed: ## build the real control plane once (needs Go)
	@testbed/build

e2e: setup ## tests on the real control plane, and on a real node where the machine allows it
	$(BIN)/python tests/e2e/run.py

e2e-long: setup ## as e2e, with 3,000 differential asks
	MOORAGE_ASKS=3000 $(BIN)/python tests/e2e/run.py

alerts: ## what the chart's alerts say of made-up series, by Prometheus' own rules (needs Go, or promtool built before)
	tools/promtool test rules tests/deploy/alerts.yaml

bench: setup ## the limits of DESIGN, measured; writes bench/results.json and a table
	$(BIN)/python bench/run.py

bench-peers: setup ## moorage beside other tools on a real API server; writes the tables of docs/peers.md (needs Go)
	@testbed/build
	$(BIN)/python bench/peers

docs: $(VENV)/.ready ## the documentation as HTML
	$(BIN)/python -m sphinx -W -n -q docs docs/_build

screenshots: setup ## the pictures of the README, taken from a running demo
	@tools/browser
	$(BIN)/python tools/screenshots.py

clean: ## forget everything that was set up here
	rm -rf $(VENV) .venvs node_modules .demo .testbed test-results docs/_build
