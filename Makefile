# Everything that one does with this repository. `make` alone lists it.
#
# Needs Python 3.11 or later with venv, and make; no root. A first run creates .venv from requirements/*.txt, in which every
# file is pinned by hash; later runs install again only when those files have changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One more than there are cores: many tests wait for processes of their own.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)
MINUTES ?= 1
UV := 0.13.9
PIN := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-header --no-annotate
# Tests start hundreds of processes: each would compile the source for itself where somebody has set this.
export PYTHONDONTWRITEBYTECODE :=
.DEFAULT_GOAL := help
.PHONY: help install demo test check format lint types imports bench peers verify docs requirements clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.dev ## create .venv with everything that development needs

demo: $(VENV)/.runtime ## 30 seconds: triggers, edits and kill -9 on a temporary SQLite file, with an account at the end
	$(BIN)/tickwork demo $(ARGS)

test: $(VENV)/.dev ## run all tests, on every store; ARGS="-k cron --stores sqlite" for a part
	$(BIN)/pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: format lint types imports test ## everything a person runs before pushing

format: $(VENV)/.dev ## is the code formatted? (`.venv/bin/ruff format` does it)
	$(BIN)/ruff format --check .

lint: $(VENV)/.dev ## ruff's rules
	$(BIN)/ruff check .

types: $(VENV)/.dev ## mypy --strict
	$(BIN)/mypy

imports: $(VENV)/.dev ## do imports point downward only?
	$(BIN)/lint-imports

bench: $(VENV)/.dev ## benchmarks/NAME.py with ARGS; without NAME: which there are
	@if [ -n "$(NAME)" ]; then $(BIN)/python benchmarks/$(NAME).py $(ARGS); else ls benchmarks | sed -n 's/\.py$$//p'; fi

peers: .venv-bench/.made ## create .venv-bench: the schedulers and queues that benchmarks run beside ours

verify: $(VENV)/.dev ## long checks: NAME (default: all) for MINUTES each (default 1), at least CASES, JOBS at once; appends to docs/verified.md
	$(BIN)/python -m tests.verify --minutes $(MINUTES) $(if $(JOBS),--jobs $(JOBS)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(CASES),--cases $(CASES)) $(NAME)

docs: $(VENV)/.dev ## write what commands write: docs/states/*.svg, the picture of the two nights, docs/requirements.md; fails on a gap
	$(BIN)/python -m tools.states
	$(BIN)/python -m tools.moves
	$(BIN)/python -m tools.requirements

requirements: $(VENV)/.dev ## pin requirements/*.in anew: the newest versions, hashes of every platform, no addresses
	$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV)
	$(PIN) --upgrade requirements/dev.in --output-file requirements/dev.txt
	$(PIN) --upgrade requirements/bench.in --output-file requirements/bench.txt
	for name in build runtime; do \
	  $(PIN) --upgrade --constraint requirements/dev.txt requirements/$$name.in --output-file requirements/$$name.txt || exit 1; \
	done

clean: ## remove .venv, caches and build results
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# The environment in three steps, each with a stamp. The build backend comes first and the package is built with it, so that
# nothing unpinned is fetched; the package itself is installed by reference to src.

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Tickwork needs Python 3.11 or later; say which one: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.made requirements/build.txt requirements/runtime.txt pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

# The older zone data are no part of the environment: they lie in a folder beside it, for processes that go by them.

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt requirements/tzdata-2025b.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/tzdata-2025b.txt \
	  --upgrade --target $(VENV)/tzdata-2025b
	@touch $@

# The peers are no part of what we need: they have an environment of their own, and only benchmarks look for it.
.venv-bench/.made: requirements/bench.txt requirements/bench-node.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@if command -v npm > /dev/null; then \
	  npm install --silent --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --prefix .venv-bench \
	    $$(grep -v '^#' requirements/bench-node.txt); \
	else echo "no npm here: peers that need node are left out"; fi
	@touch $@
