#!/usr/bin/env bash
# Plans or applies one environment: terraform.sh plan|apply, with TARGET, STATE_BUCKET and TERRAFORM_VARIABLES (the text
# of terraform.tfvars) set. For an apply the passwords of both Redis come from Secrets Manager and are written nowhere. A plan
# reads no secret: passwords are write-only, so that no plan depends on what they are.
set -euo pipefail
action=$1
cd "$(dirname "$0")/../terraform/environments/$TARGET"
printf '%s\n' "$TERRAFORM_VARIABLES" >terraform.tfvars
case $action in
  plan) TF_VAR_redis_tokens=$(printf '{"main":"%064d","limits":"%064d"}' 0 0) ;;
  apply) TF_VAR_redis_tokens=$(../../bootstrap/redis-tokens.sh "$TARGET") ;;
  *) exit 2 ;;
esac
export TF_VAR_redis_tokens
terraform init -input=false -backend-config="bucket=$STATE_BUCKET"
case $action in
  plan) terraform plan -input=false -lock-timeout=10m ;;
  apply) terraform plan -input=false -lock-timeout=10m -out=change.tfplan && terraform apply -input=false change.tfplan ;;
esac
