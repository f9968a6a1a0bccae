#!/usr/bin/env bash
# Runs every linter, also after one has failed, and fails if any did.
set -u
cd "$(dirname "$0")/.."
failed=()

run() { # NAME COMMAND...
  local name=$1; shift
  printf -- '--- %s\n' "$name"
  "$@" || failed+=("$name")
}

run "ruff check" .venv/bin/python -m ruff check
run "ruff format" .venv/bin/python -m ruff format --check
run "mypy" .venv/bin/python -m mypy
run "lint-imports" .venv/bin/lint-imports
run "npe2 validate" .venv/bin/python -m npe2 validate src/napari_deconv/napari.yaml

if [ ${#failed[@]} -gt 0 ]; then
  printf 'check: FAILED: %s\n' "$(IFS=,; echo "${failed[*]}")"
  exit 1
fi
echo "check: all passed"
