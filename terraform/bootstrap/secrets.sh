#!/usr/bin/env bash
# Puts a value into every secret of an environment that has none yet. Values are made here and go to Secrets Manager only:
# no file, no state, no terminal. What exists is left as it is, so this can be run any number of times.
# Usage: secrets.sh ENVIRONMENT          (for example: secrets.sh staging)
set -euo pipefail
environment=${1:?name the environment: dev, staging or production}
prefix="aisle-$environment"

has_value() { aws secretsmanager get-secret-value --secret-id "$1" --query VersionId --output text >/dev/null 2>&1; }

# The value is read from standard input, so that it never stands in a list of processes.
put() {
  if has_value "$prefix/$1"; then
    echo "$prefix/$1: has a value"
    cat >/dev/null
  else
    aws secretsmanager put-secret-value --secret-id "$prefix/$1" --secret-string file:///dev/stdin >/dev/null
    echo "$prefix/$1: made"
  fi
}

# Without the end of line, which would become part of the password.
letters() { printf %s "$(openssl rand -hex 32)"; }

for name in token-key media-signing-key redis-main redis-limits; do letters | put "$name"; done
# Milvus takes USER:PASSWORD for a token; one that asks nobody overlooks it.
printf 'root:%s' "$(letters)" | put milvus
for owner in analytics bff chat llm product recommendation; do letters | put "database/$owner"; done

cat <<NEXT

Yours to put in, each from a file or standard input:
  $prefix/signing-keys         what 'aisle signing-keys rotate' writes
And where you need them; 'aisle chart-values' is told which have a value, by --secret NAME:
  $prefix/openai               OpenAI's key
  $prefix/api-keys             keys accepted on /v1 besides those the gateway issues
  $prefix/oidc-client-secret   our secret at another issuer of identities
For Terraform, in the shell that applies:
  export TF_VAR_redis_tokens=\$(terraform/bootstrap/redis-tokens.sh $environment)
NEXT
