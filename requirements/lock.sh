#!/usr/bin/env bash
# Rewrites the lock files: versions and hashes, no registry's address.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "requirements/lock.sh" "$@"; }
compile pyproject.toml -o requirements/runtime.lock
compile pyproject.toml --group dev -c requirements/runtime.lock -o requirements/dev.lock
compile requirements/uv.in -o requirements/uv.lock
compile requirements/servers.in -o requirements/servers.lock
compile --no-deps requirements/models.in -o requirements/models.lock
compile requirements/terraform.in -o requirements/terraform.lock
compile --no-deps requirements/terraform-schema.in -o requirements/terraform-schema.lock
compile requirements/helm.in -o requirements/helm.lock
compile requirements/build.in -c requirements/dev.lock -o requirements/build.lock
compile requirements/lint.in -o requirements/lint.lock
