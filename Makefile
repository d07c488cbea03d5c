# What you can do here. `make` alone prints it. Only python3.11, git and make are needed to start.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# python3.11, or a python3 that is 3.11; an empty word gives a message that says what to install.
PYTHON ?= $(shell for p in python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)
RUN = $(if $(PYTHON),PYTHONPATH=harness:demo PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m,\
	@echo "Python 3.11 is needed: sudo apt-get install python3.11 (on Debian 12: python3), or set PYTHON=/path/to/python3.11" >&2; exit 1;)
HARNESS = $(RUN) modelservice_harness
NAME ?= demo
ARGS ?=

.PHONY: help
help: ## Print the targets
	@echo "modelservice-operator: make TARGET"
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## The whole story on a local cluster, which stays up (DEMO_CLUSTER=current: on your own)
	@$(RUN) modelservice_demo $(ARGS)

.PHONY: test
test: ## All tests, those on the local cluster too (ARGS: options for pytest; FULL=1: unshortened)
	@$(HARNESS) test $(if $(ARGS),--pytest $(ARGS))

.PHONY: test-quick
test-quick: ## Unit, contract and golden tests only
	@$(HARNESS) test quick $(if $(ARGS),--pytest $(ARGS))

.PHONY: test-cluster
test-cluster: ## The tests on the local cluster only
	@$(HARNESS) test cluster rights $(if $(ARGS),--pytest $(ARGS))

.PHONY: lint
lint: ## ruff, mypy, import rules, gofmt, go vet, helm lint
	@$(HARNESS) lint

.PHONY: bench-spine
bench-spine: ## Measure the promised figures (ARGS: F1 … F5, --cold) and write docs/figures.md
	@PYTHONPATH=harness:demo PYTHONDONTWRITEBYTECODE=1 $(PYTHON) benchmarks/spine/run.py $(ARGS)

.PHONY: bench-optimizer
bench-optimizer: ## Measure the figures of the builder (ARGS: O1 … O4, --quick) and write docs/optimizer.md
	@PYTHONPATH=harness:demo PYTHONDONTWRITEBYTECODE=1 $(PYTHON) benchmarks/optimizer/run.py $(ARGS)

.PHONY: bench-tuner
bench-tuner: ## Measure the figures of the tuner (ARGS: T1 … T7, --model, --modes, --quick) for docs/tuner.md
	@PYTHONPATH=harness:demo:runtime PYTHONDONTWRITEBYTECODE=1 $(PYTHON) benchmarks/tuner/run.py $(ARGS)

.PHONY: bench-autoscaling
bench-autoscaling: ## The balancer beside others, simulated (ARGS: A … S, --traces DIR, --replay FILE) or real (R)
	@PYTHONPATH=harness:demo PYTHONDONTWRITEBYTECODE=1 $(PYTHON) benchmarks/autoscaling/run.py $(ARGS)

.PHONY: up
up: ## Start the local cluster only
	@$(HARNESS) --name $(NAME) up

.PHONY: down
down: ## Stop every local cluster and remove all its traces
	@$(HARNESS) down

.PHONY: status
status: ## What runs in the local cluster
	@$(HARNESS) --name $(NAME) status

.PHONY: kubectl
kubectl: ## kubectl in the local cluster: make kubectl ARGS='get msvc -A'
	@$(HARNESS) --name $(NAME) kubectl $(ARGS)

.PHONY: helm
helm: ## helm in the local cluster: make helm ARGS='list -A'
	@$(HARNESS) --name $(NAME) helm $(ARGS)

.PHONY: clean-cache
clean-cache: ## Stop the clusters and remove what was downloaded and built
	@$(HARNESS) clean-cache
