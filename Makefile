# `make demo` and `make test` set everything up on a fresh machine first; `make help` lists the rest.
# The work is in scripts/, so that a path with spaces, or no make at all, does no harm.

PYTEST_ARGS ?=
DEMO_ARGS ?=
export OMP_NUM_THREADS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format bench docs screenshots constraints clean

help:  ## list the targets
	@awk '/^[a-z]+:.*## / {name = $$1; sub(/:.*/, "", name); sub(/.*## /, ""); printf "  make %-12s %s\n", name, $$0}' Makefile

setup:  ## everything that is needed, into .venv (a second call is quick)
	@bash scripts/setup.sh

demo: setup  ## the main job on sample data: napari opens; without a screen, pictures in demo-output
	@if bash scripts/windowed.sh --has-screen; then .venv/bin/napari-deconv demo $(DEMO_ARGS); \
	else .venv/bin/napari-deconv demo --no-window $(DEMO_ARGS); fi

test: setup  ## the whole suite, real napari windows included (PYTEST_ARGS="-k blur" for a part)
	@OMP_NUM_THREADS=1 bash scripts/windowed.sh .venv/bin/python -m pytest -n 2 --dist loadgroup $(PYTEST_ARGS)

check: setup  ## linters, types, import contracts, manifest
	@bash scripts/check.sh

format: setup  ## let ruff put every file in order
	@.venv/bin/python -m ruff check --fix --quiet; .venv/bin/python -m ruff format

bench: setup  ## speed, Live and quality tables into benchmarks/results
	@.venv/bin/python -m benchmarks.speed --json
	@OMP_NUM_THREADS=2 bash scripts/windowed.sh .venv/bin/python -m benchmarks.live --json
	@.venv/bin/python -m benchmarks.quality --json

docs: setup  ## write docs/methods.md again from the registry
	@.venv/bin/python scripts/write_methods_page.py

screenshots: setup  ## take the pictures of docs/images again from the real window
	@bash scripts/windowed.sh .venv/bin/python scripts/take_screenshots.py

constraints:  ## resolve every version again (Python 3.11) and write constraints.txt
	@bash scripts/lock.sh

clean:  ## remove what was built, .venv included
	@rm -rf .venv build dist demo-output test-output .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
