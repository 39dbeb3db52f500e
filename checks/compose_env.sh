#!/usr/bin/env bash
# Makes .env, which docker-compose.yml reads: a random value behind each name of .env.example. It is never overwritten.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -e .env ]; then
  echo ".env is there already; remove it to have new secrets (and the volumes with it: the stores know the old ones)." >&2
  exit 1
fi
umask 077
while IFS= read -r line; do
  if [[ $line =~ ^[A-Z_]+=$ ]]; then
    printf '%s%s\n' "$line" "$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')"
  else
    printf '%s\n' "$line"
  fi
done <.env.example >.env.new
mv .env.new .env
echo "Made .env. Now: docker compose up --build --wait"
