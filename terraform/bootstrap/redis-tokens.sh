#!/usr/bin/env bash
# Prints the passwords of both Redis as Terraform takes them, for TF_VAR_redis_tokens. Usage: redis-tokens.sh ENVIRONMENT
set -euo pipefail
prefix="aisle-${1:?name the environment}"
value() { aws secretsmanager get-secret-value --secret-id "$prefix/$1" --query SecretString --output text; }
printf '{"main":"%s","limits":"%s"}\n' "$(value redis-main)" "$(value redis-limits)"
