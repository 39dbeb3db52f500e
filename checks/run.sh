#!/usr/bin/env bash
# Everything `make check` looks at, each step with its time; all steps run, the first failure decides the exit code.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=()

step() {
  local name=$1 started=$SECONDS output
  shift
  if output=$("$@" 2>&1); then
    printf '\033[32m✓\033[0m %-34s %3d s\n' "$name" $((SECONDS - started))
    [ "${SHOW:-}" = 1 ] && printf '%s\n' "$output" | sed 's/^/    /'
  else
    printf '\033[31m✗\033[0m %-34s %3d s\n%s\n' "$name" $((SECONDS - started)) "$output"
    failed+=("$name")
  fi
  return 0
}

step "format (ruff)" .venv/bin/ruff format --check --quiet .
step "lint (ruff)" .venv/bin/ruff check --quiet .
step "types (mypy --strict)" .venv/bin/mypy --no-error-summary services bff local cli checks tests bench
step "import law (import-linter)" .venv/bin/lint-imports --no-cache
step "contracts (buf lint)" checks/contracts.sh
step "mesh policy on every method" .venv/bin/python -m checks.mesh_policy
step "house rules" .venv/bin/python -m checks.house_rules
SHOW=1 step "size bars" .venv/bin/python -m checks.sizes
step "tables in README and docs" .venv/bin/python -m checks.tables
step "metrics, dashboards and alarms" .venv/bin/python -m checks.metrics
step "what the chart takes from the code" .venv/bin/python -m checks.chart
step "Compose file" bash -c '.venv/bin/python -m checks.compose && .venv-lint/bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml'
step "images (hadolint)" .venv-lint/bin/hadolint Dockerfile frontend/Dockerfile
step "workflows (schema, zizmor)" checks/workflows.sh
step "front end (eslint, tsc)" bash -c 'cd frontend && npm run --silent lint && npm run --silent typecheck'
step "front end's types are the BFF's" checks/openapi.sh

if [ ${#failed[@]} -gt 0 ]; then
  printf '\n%d of the checks failed: %s\n' "${#failed[@]}" "$(IFS=,; echo "${failed[*]}")"
  exit 1
fi
