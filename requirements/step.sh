#!/usr/bin/env bash
# Runs a long step of `make`: says what it is, counts its seconds on a terminal, and shows its output only when it fails.
# Usage: step.sh TITLE COMMAND...
set -uo pipefail
title=$1
shift
output=$(mktemp)
trap 'rm -f "$output"' EXIT
printf '\033[1m%s\033[0m' "$title"
"$@" >"$output" 2>&1 </dev/null &
child=$!
trap 'kill "$child" 2>/dev/null; wait "$child"; echo; exit 130' INT TERM
while kill -0 "$child" 2>/dev/null; do
  [ -t 1 ] && printf '\r\033[1m%s\033[0m %d s' "$title" "$SECONDS"
  sleep 0.5
done
wait "$child"
code=$?
printf '\r\033[1m%s\033[0m %d s\n' "$title" "$SECONDS"
if [ "$code" != 0 ]; then
  tail -n 60 "$output"
  printf '\033[31m✗\033[0m %s failed (exit code %d). What it said stands above; `make` tries again.\n' "${title% …}" "$code"
fi
exit "$code"
