# `make` alone explains itself. Everything made here lies in .venv and .kindred; `make clean` removes both.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PY := .venv/bin/python
STAMP := .venv/.installed
UV ?= uv
LOCK := $(UV) pip compile -q --python-version 3.11 --universal --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header pyproject.toml
LIGHT := layout unit conformance# two processes at a time, first: the quick ones fail first
SPARK := spec parity database flow# in two runs: the files that take this process's Spark, and the others, which wait much
STEPS := tests/cluster/test_distributed.py tests/cluster/test_pipeline.py# they hold all steps against one run on a disk
HDFS := $(filter-out $(STEPS),$(wildcard tests/cluster/test_*.py))
tests = $(wildcard $(addprefix tests/,$(1)))

.PHONY: help install demo test hadoop unit lint types lock image image-check bench screenshots clean

help:  ## This list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## Environment in .venv, with .venv/bin/kindred in it (does nothing when it is up to date)

$(STAMP): requirements-dev.lock pyproject.toml scripts/install scripts/pip-install
	@scripts/install

demo: install  ## Embedded EHR, pipeline and app; prints one address to open (ARGS="--patients 500 --seed 7")
	@scripts/prerequisites java
	@.venv/bin/kindred demo $(ARGS)

test: install  ## Everything: lint, types, and every test; with CI=true nothing may be skipped
	@scripts/prerequisites java browser maven postgresql
	@$(MAKE) -j2 lint types
	@$(PY) -m pytest $(call tests,$(LIGHT)) -n 2 $(ARGS)
	@scripts/test-lanes 3 $(ARGS) -- $(wildcard $(STEPS)) -- $(call tests,$(SPARK)) -m spark \
	    -- $(call tests,$(SPARK)) -m 'not(spark)' -- $(call tests,browser) -- $(HDFS)

hadoop: install  ## Hadoop's daemons for tests/cluster, fetched once with Maven to .hadoop (100 MB)
	@scripts/prerequisites java
	@CI=true scripts/prerequisites maven
	@scripts/hadoop

unit: install  ## The fast tests, within 20 seconds (no Java, no browser)
	@$(PY) -m pytest tests/unit -n 2 $(ARGS)

lint: install  ## Style (ruff) and who may import whom (import-linter)
	@$(PY) -m ruff check -q .
	@.venv/bin/lint-imports >.venv/lint-imports.log 2>&1 || { cat .venv/lint-imports.log; exit 1; }
	@echo "lint: clean"

types: install  ## Static types (mypy; strict in analytics/definitions and app/smart)
	@$(PY) -m mypy --no-error-summary && echo "types: clean"

lock:  ## Both lock files again from pyproject.toml (needs uv)
	@$(LOCK) --extra spark --extra hdfs --extra postgresql -o requirements.lock
	@$(LOCK) --all-extras -c requirements.lock -o requirements-dev.lock

image:  ## Container image, built without a daemon (root on Debian or Ubuntu)
	@scripts/image build

image-check:  ## Runs sandbox and app from that image and asks both over HTTP
	@scripts/image check

bench: install  ## Every speed that has a goal, each a ratio in one run, as one table (ARGS="--only load live"; --full)
	@$(PY) scripts/bench/bench.py $(ARGS)

screenshots: install  ## The pictures in docs/images again, from a demo of 2,000 people
	@scripts/prerequisites java browser
	@$(PY) scripts/screenshots docs/images

clean:  ## Removes the environment, the demo's state and every cache
	@rm -rf .venv .kindred .hadoop build ./*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
