#!/usr/bin/env bash
# Lints the contracts with buf, on the descriptor set that protoc made (so nothing third-party is vendored), and looks
# for changes that break clients of the newest tag.
set -euo pipefail
cd "$(dirname "$0")/.."
buf=checks/node_modules/.bin/buf
set_of=proto/gen/contracts.binpb
"$buf" lint "$set_of" --config proto/buf.yaml
tag=$(git describe --tags --abbrev=0 2>/dev/null || true)
if [ -n "$tag" ]; then
  old=$(mktemp -d)
  trap 'rm -rf "$old"' EXIT
  git archive "$tag" proto | tar -x -C "$old"
  .venv/bin/python "$old/proto/build.py"
  "$buf" breaking "$set_of" --against "$old/proto/gen/contracts.binpb" --config proto/buf.yaml
fi
