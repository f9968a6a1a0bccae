#!/usr/bin/env bash
# Writes constraints.txt: what pip resolves today for the package, its extra `all` and its extra `dev` on Python 3.11.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${PYTHON:-python3.11}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --dry-run --ignore-installed --report "$work/report.json" \
  "torch==2.13.0" -e ".[all,dev]"
"$work/venv/bin/python" - "$work/report.json" > "$work/constraints.txt" <<'PYTHON'
import json, sys

print("# Exact versions for development, CI and the demo; the package itself asks only for open ranges (pyproject.toml).")
print("# Made by `make constraints`: a real resolution of torch==2.13.0 and .[all,dev] by pip on Python 3.11, Linux.")
print("# torch comes first and without its local label, so that a CPU build satisfies it and nothing pulls CUDA in later.")
with open(sys.argv[1]) as file:
    found = {each["metadata"]["name"]: each["metadata"]["version"] for each in json.load(file)["install"]}
for name in sorted(found, key=str.lower):
    if name not in ("napari-deconv", "pip"):
        print(f"{name}=={found[name].split('+')[0]}")
PYTHON
mv "$work/constraints.txt" constraints.txt
echo "constraints.txt: $(grep -c == constraints.txt) pins"
