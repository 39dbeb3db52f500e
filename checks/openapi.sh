#!/usr/bin/env bash
# The front end's client is generated from the BFF's OpenAPI; a difference means that `make openapi` was forgotten.
set -euo pipefail
cd "$(dirname "$0")/.."
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
.venv/bin/python -m bff.openapi >"$fresh/openapi.json"
(cd frontend && npx --no-install openapi-typescript "$fresh/openapi.json" -o "$fresh/schema.ts" >/dev/null 2>&1)
diff -u frontend/openapi.json "$fresh/openapi.json" && diff -u frontend/src/api/schema.ts "$fresh/schema.ts" \
  || { echo "Run: make openapi"; exit 1; }
