#!/usr/bin/env bash
# The front end's client is generated from the BFF's OpenAPI; a difference means that `make openapi` was forgotten.
set -euo pipefail
cd "$(dirname "$0")/.."
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
.venv/bin/python -m bff.openapi >"$fresh/openapi.json"
# The same command as `make openapi` runs, on the fresh document.
generate=$(cd frontend && node -p "require('./package.json').scripts['generate:api']")
generate=${generate//openapi.json/$fresh/openapi.json}
(cd frontend && PATH="$PWD/node_modules/.bin:$PATH" bash -c "${generate//src\/api\/schema.ts/$fresh/schema.ts}" >/dev/null 2>&1)
diff -u frontend/openapi.json "$fresh/openapi.json" && diff -u frontend/src/api/schema.ts "$fresh/schema.ts" \
  || { echo "Run: make openapi"; exit 1; }
