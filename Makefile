# `make help` lists what there is. Everything happens in .venv, which is made once and again when the pins change.

VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
# Tests wait more than they compute: more of them side by side than there are cores.
WORKERS ?= 6
PYTEST = $(BIN)/pytest --numprocesses $(WORKERS) --dist loadgroup
# Where it is set, every worker and every daemon that a test starts would compile all of its modules anew.
export PYTHONDONTWRITEBYTECODE :=
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test lint unit suites machine image simulation mutants bench screenshots clean venv

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r target what; do \
		printf '  make %-11s %s\n' "$$target" "$$what"; \
	done

$(INSTALLED): pyproject.toml constraints.txt scripts/make-venv
	@PYTHON="$(PYTHON)" scripts/make-venv $(VENV)
	@touch $@

install: ## on this machine, as root: a command, a systemd unit, a policy (docs/operations.md)
	@scripts/install

venv: $(INSTALLED) ## the virtual environment to develop in: the package and its tools

demo: $(INSTALLED) ## a small real platform on this machine, broken and healed before your eyes (KEEP=1 keeps it)
	@scripts/ensure-docker demo
	@$(BIN)/nemo-watchdog demo $(if $(filter 1,$(KEEP)),--keep)

test: $(INSTALLED) ## every check and every test, with real Docker, Postgres, Redis and Prometheus (ARGS go to pytest)
	@scripts/ensure-docker test
	@$(MAKE) --no-print-directory lint
	@$(PYTEST) $(ARGS)

lint: $(INSTALLED) ## ruff, import-linter, mypy
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports
	@$(BIN)/mypy

unit: $(INSTALLED) ## the tests that need nothing but Python (ARGS go to pytest)
	@$(PYTEST) tests/simulation tests/unit $(ARGS)

suites: $(INSTALLED) ## 160 situations where to act is wrong, 49 faults with one cure, SIGKILL in each action, 10,000 bad answers
	@scripts/ensure-docker test
	@$(BIN)/python -m tests.suites.restraint
	@$(BIN)/python -m tests.suites.heal
	@$(BIN)/python -m tests.suites.heal --init
	@$(BIN)/python -m tests.suites.heal --compose
	@$(BIN)/python -m tests.suites.killed
	@$(BIN)/python -m tests.suites.malformed

machine: $(INSTALLED) ## from a bare Debian to a healed container, by the README alone: as root, two minutes
	@scripts/ensure-docker test
	@$(BIN)/python -m tests.suites.bare_machine

image: $(INSTALLED) ## both container images, built without a registry, run and tried: as root, some three minutes
	@scripts/ensure-docker test
	@$(BIN)/python -m tests.suites.image

mutants: $(INSTALLED) ## mutation testing of engine/ and policy/: an hour or two (ARGS as --only 'nemo_watchdog.engine.gates.*')
	@$(BIN)/python -m tests.mutation $(ARGS)

simulation: $(INSTALLED) ## 1,000 days of the whole daemon on a moved clock, every safety rule checked (ARGS="--seed N" plays one)
	@PYTHONHASHSEED=0 $(BIN)/python -m tests.simulation $(ARGS)

bench: $(INSTALLED) ## the benchmarks, one after the other
	@scripts/ensure-docker test
	@for file in benchmarks/*.py; do echo "== $$file"; PYTHONPATH=. $(BIN)/python "$$file" || exit 1; done

screenshots: $(INSTALLED) ## the pictures in docs/images, taken anew of a real platform that is really broken
	@scripts/ensure-docker test
	@$(BIN)/python -m tests.screenshots

clean: ## removes what was made here, .venv among it
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
