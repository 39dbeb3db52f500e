#!/usr/bin/env bash
# The front end's client is generated from the BFF's OpenAPI; a difference means that `make openapi` was forgotten.
set -euo pipefail
cd "$(dirname "$0")/.."
fresh=$(mktemp)
trap 'rm -f "$fresh"' EXIT
.venv/bin/python -m bff.openapi >"$fresh"
diff -u frontend/openapi.json "$fresh" || { echo "Run: make openapi"; exit 1; }
