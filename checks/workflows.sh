#!/usr/bin/env bash
# Judges the workflows without asking anybody: their schema, what they give away (zizmor), and, where Go has built it or
# it is installed, what actionlint says of their expressions and scripts.
set -euo pipefail
cd "$(dirname "$0")/.."
lint=.venv-lint/bin
"$lint/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml
"$lint/zizmor" --offline --quiet --persona=pedantic .github/workflows
version=v1.7.12
actionlint=$(command -v actionlint || true)
if [ -z "$actionlint" ] && command -v go >/dev/null; then
  actionlint=$PWD/.state/actionlint-$version/actionlint
  [ -x "$actionlint" ] || GOBIN=$(dirname "$actionlint") go install "github.com/rhysd/actionlint/cmd/actionlint@$version"
fi
if [ -n "$actionlint" ]; then
  "$actionlint" -shellcheck= -pyflakes=
else
  echo "Neither actionlint nor Go is here: expressions of the workflows were not looked at."
fi
