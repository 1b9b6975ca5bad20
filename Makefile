# Everything runs in .venv, which is made on first use; nothing needs to be activated.

PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3.13 python3,$(shell $(p) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) and print("$(p)")' 2>/dev/null)))
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test browser picture lint docs bench fuzz chaos test-pythons published wheel clean

help:  ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/run.stamp  ## install, run the notebook's experiments, print verdicts, errors and times
	@$(BIN)/python -m runner sweep=notebook

test: lint browser  ## install the development tools, then lint, check types, and run every test
	@echo "== tests" && $(BIN)/python -m pytest --numprocesses 3 --dist worksteal

browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& echo "== installing chromium, in which the page of a report is tested" \
		&& apt-get update -qq >/dev/null && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
		|| echo "== there is no chromium, and no right to install it: the page of a report is tested without a browser"

picture: .venv/dev.stamp browser  ## make the picture of a report that README shows
	@$(BIN)/python -m tests.picture

lint: .venv/dev.stamp
	@echo "== lint" && $(BIN)/ruff check
	@echo "== format" && $(BIN)/ruff format --check
	@echo "== types" && $(BIN)/mypy

docs: .venv/run.stamp  ## write docs/report.md from the definition of the row
	@$(BIN)/python -m runner.report.contract > docs/report.md

bench: .venv/dev.stamp  ## measure start-up as ratios, side by side; CSV in outputs/bench
	@$(BIN)/python -m tests.bench

fuzz: .venv/dev.stamp  ## type 10,000 random command lines; SEED=... for the same again
	@seed=$${SEED:-$$RANDOM$$$$}; echo "== fuzz, SEED=$$seed" && \
	HANDGRAD_FUZZ=10000 HANDGRAD_SEED=$$seed $(BIN)/python -m pytest tests/command/test_fuzz.py

chaos: .venv/dev.stamp  ## kill sweeps and workers 500 times; SEED=... for the same again
	@seed=$${SEED:-$$RANDOM$$$$}; echo "== chaos, SEED=$$seed" && \
	HANDGRAD_KILLS=500 HANDGRAD_SEED=$$seed $(BIN)/python -m pytest tests/sweep/test_kill.py

test-pythons:  ## run every test on each Python from 3.11 to 3.13 that there is; say which there is not
	@for version in 3.11 3.12 3.13; do \
		found=$$(for p in python$$version $$(ls -d $$HOME/.pyenv/versions/$$version.*/bin/python 2>/dev/null); do \
			$$p -c 'import sys; print(sys.executable)' 2>/dev/null; done | tail -1); \
		if [ -z "$$found" ]; then echo "== python $$version: not found"; continue; fi; \
		echo "== python $$version: $$found"; \
		env=.venvs/$$version; \
		[ -x $$env/bin/python ] || $$found -m venv $$env; \
		$$env/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]' \
			|| { echo "== python $$version: the packages do not install"; continue; }; \
		$$env/bin/python -m pytest --numprocesses 2 || failed=1; \
	done; exit $${failed:-0}

published: .venv/dev.stamp  ## judge autograd Functions of published packages, which it installs first
	@echo "== installing entmax, sparsemax, timm" && $(PIP) --no-deps entmax==1.3 sparsemax==0.1.9 timm==1.0.31
	@echo "== published backwards" && $(BIN)/python -m pytest -m published tests/published

wheel: .venv/dev.stamp  ## build the wheel, for use without a clone, into dist/
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist . && ls dist/*.whl

clean:  ## remove the environment and all caches, keep outputs/
	rm -rf .venv .venvs .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "handgrad needs Python 3.11, 3.12 or 3.13, with PYTHON=... if it is not on the PATH" >&2; exit 1; }
	@echo "== making .venv with $(PYTHON)" && $(PYTHON) -m venv .venv

.venv/run.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "== installing handgrad" && $(PIP) --editable . && touch $@

.venv/dev.stamp: pyproject.toml constraints.txt | .venv/bin/python
	@echo "== installing handgrad and the development tools" && $(PIP) --editable '.[dev]' && touch $@ .venv/run.stamp
