# Every target makes .venv by itself when it is missing or older than the pinned requirements.

PYTHON ?= $(shell for python in python3.11 python3; do \
  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
DATA_DIR ?= var
PY := .venv/bin/python
READY := .venv/.complete

.DEFAULT_GOAL := help
.PHONY: help run test check bench prove prove-import prove-push faults timing lock clean

help:  ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

run: $(READY)  ## everything, from an empty machine: servers, demonstration shop, web, worker; PORT=8000 DATA_DIR=var
	@$(PY) -m config.run

test: $(READY)  ## the tests, on servers of their own; ARGS='-k redeem -x' goes to pytest
	@$(PY) -m pytest $(ARGS)

# $(call step,name,command): one line when it passes, all of its output when it does not.
step = @printf '%-46s' '$(1)'; if output=$$($(2) 2>&1); then echo ok; else echo FAILED; echo "$$output"; exit 1; fi

# The data of `make run` is left alone. What is read and not run needs settings, and no servers.
manage = DATA_DIR='$(DATA_DIR)/check' $(PY)
settings_only = DATABASE_URL=postgresql://unused REDIS_URL=redis://unused SECRET_KEY=for-static-checks-only
check: $(READY)  ## everything that reads the code: style, types, layers, migrations, API schema
	$(call step,ruff check,$(PY) -m ruff check .)
	$(call step,ruff format --check,$(PY) -m ruff format --check .)
	$(call step,mypy,$(settings_only) $(manage) -m mypy .)
	$(call step,import-linter,.venv/bin/lint-imports --no-cache)
	$(call step,manage.py check,$(manage) manage.py check --fail-level WARNING)
	$(call step,manage.py makemigrations --check,$(manage) manage.py makemigrations --check --dry-run)
	$(call step,migration lint,$(manage) -m config.lint_migrations)
	$(call step,manage.py spectacular --validate,$(manage) manage.py spectacular --validate --fail-on-warn --file /dev/null)
	$(call step,pip check,$(PY) -m pip check)

bench: $(READY)  ## the benchmarks; ONLY=name runs one of them; ORDERS=n, SECONDS=n make some smaller, GROWTH=full one larger
	@$(PY) -m bench $(ONLY)

prove: $(READY)  ## the ledger against a plain restatement of its rules; SECONDS=120, SEED=n again, PLANTED=1 with mistakes
	@$(PY) -m tests.rewards.prove --seconds $(or $(SECONDS),120) $(if $(SEED),--seed $(SEED)) $(if $(PLANTED),--planted)

prove-import: $(READY)  ## import DATASET_DIR's files while importer, worker, Redis and PostgreSQL are killed
	@$(PY) -m bench.prove_import

prove-push: $(READY)  ## send pushes while the sender is killed; SEED=name PUSHES=20000 KILLS=10
	@$(PY) -W ignore -m bench.prove_push --pushes $(or $(PUSHES),20000) --kills $(or $(KILLS),10) --seed '$(SEED)'

faults: $(READY)  ## load while processes are killed and paused; SECONDS=120 SEED=name, the same seed plans the same faults
	@$(PY) -W ignore -m bench.faults --seconds $(or $(SECONDS),120) --seed '$(SEED)'

timing: $(READY)  ## whether send-otp and login tell by their time that an account exists; ROUNDS=1000
	@$(PY) -m tests.accounts.timing --rounds $(or $(ROUNDS),1000)

LOCK := --quiet --upgrade --strip-extras --allow-unsafe --no-header --no-emit-index-url --no-emit-find-links
lock: $(READY)  ## pin requirements*.txt anew from requirements*.in
	@$(PY) -m piptools compile $(LOCK) --output-file requirements.txt requirements.in
	@$(PY) -m piptools compile $(LOCK) --output-file requirements-dev.txt requirements-dev.in

clean:  ## remove .venv and what tools leave behind; the data in var/ stays
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -not -path './var/*' -prune -exec rm -rf {} +

$(READY): requirements.txt requirements-dev.txt
	@test -n '$(PYTHON)' || { echo 'Python 3.11 is needed: install it, or name it as in make PYTHON=/path/to/python3.11'; exit 1; }
	@$(PY) -c '' 2>/dev/null || { echo 'Making .venv …'; $(PYTHON) -m venv --clear .venv; }
	@echo 'Installing requirements-dev.txt …'
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
