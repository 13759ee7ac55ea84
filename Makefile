# Two Boxes. `make help` says what can be made; `make lab` is where a learner begins.

PYTHON ?= python3
BIN := .venv/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# The environment is made anew when what it is made from changes, whatever the files' dates say.
PACKAGES := .venv/.packages-$(shell cat requirements.lock pyproject.toml | cksum | cut -d ' ' -f 1)
TEST_PACKAGES := .venv/.tests-$(shell cat requirements-test.lock pyproject.toml | cksum | cut -d ' ' -f 1)
# For every system and every Python that pyproject.toml allows, not only for this machine.
COMPILE := uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url
# A file stays whole, and the files keep their order: what solutions reached is looked at after them.
# Three on two cores: much of a test is waiting.
AT_A_TIME := --numprocesses=3 --dist=loadfile --no-loadscope-reorder

export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Whatever the shell says: compiled once, and not anew in every kernel that a lesson starts.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help lab setup ahead doctor race bench test lint clean lock

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

lab: $(PACKAGES)  ## set everything up and open JupyterLab on lesson 0
	@$(BIN)/course lab --setup

setup: $(PACKAGES)  ## install what is missing, start the engine, build the first image
	@$(BIN)/course setup

ahead: $(PACKAGES)  ## set up, and build what later lessons need: then no network is needed
	@$(BIN)/course setup --ahead

doctor: $(PACKAGES)  ## say what this machine can do, and what mends each lack
	@$(BIN)/course doctor

race: setup  ## race a process, containers and VMs to their first answer
	@$(BIN)/course race

bench: $(TEST_PACKAGES)  ## measure every goal that the course sets itself: BENCHMARKS.md
	@$(BIN)/course setup --tests
	@$(BIN)/course bench --write

test: $(TEST_PACKAGES) lint  ## run every test, notebook and solution
	@$(BIN)/course setup --tests
	@$(BIN)/python -m pytest $(AT_A_TIME) --nbval-lax --nbval-current-env --nbval-cell-timeout=300 notebooks solutions tests

lint: $(TEST_PACKAGES)  ## look for mistakes without running anything
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

clean:  ## remove what the course made, but not your workspace and your progress
	@[ ! -x $(BIN)/course ] || $(BIN)/course clean
	@rm -rf .venv .pytest_cache .ruff_cache .hypothesis artifacts build dist

lock:  ## pin the newest versions of all Python packages (needs the program uv)
	@printf 'hatchling\neditables\n' | $(COMPILE) --output-file requirements.lock pyproject.toml -
	@$(COMPILE) --extra test --output-file requirements-test.lock pyproject.toml

# What the tests need is all that a learner needs and more, so one environment serves both.
$(PACKAGES): .venv/.made
	$(call install,requirements.lock)
	@touch $@

$(TEST_PACKAGES): .venv/.made
	$(call install,requirements-test.lock)
	@touch $@ $(PACKAGES)

define install
@echo "Installing Python packages into .venv ..."
@rm -f .venv/.packages-* .venv/.tests-*
@began=$$(date +%s) && \
	$(BIN)/python -m pip install --no-deps --require-hashes --requirement $(1) && \
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable . && \
	echo "$$(($$(date +%s) - began)) pip" >> .venv/.took
endef

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Two Boxes needs Python 3.11 or newer, for example: make PYTHON=python3.12 lab" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "Installing the package python3-venv (as root) ..."; \
		  $(SUDO) apt-get update -qq; $(SUDO) apt-get install -qq --yes python3-venv; }
	@$(PYTHON) -m venv .venv
	@: > .venv/.took
	@touch $@
