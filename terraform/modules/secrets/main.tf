# The secrets, as places only: values are put in once by terraform/bootstrap/secrets.sh and are in no state and no plan.

locals {
  shared = {
    "token-key"          = "Key that signs page tokens"
    "media-signing-key"  = "Key that signs addresses of pictures"
    "signing-keys"       = "Keys that sign access tokens, as aisle signing-keys writes them"
    "redis-main"         = "Password of the Redis that keeps"
    "redis-limits"       = "Password of the rate limiter's Redis"
    "openai"             = "Key for OpenAI; may stay empty"
    "api-keys"           = "Keys accepted on /v1 besides those the gateway issues; may stay empty"
    "oidc-client-secret" = "Our secret at another issuer of identities; may stay empty"
    "milvus"             = "Token of Milvus"
  }
  database = { for owner in var.database_owners : "database/${owner}" => "Password of the role ${owner}" }
}

resource "aws_secretsmanager_secret" "this" {
  # checkov:skip=CKV2_AWS_57:What signs has several keys at a time and is rotated by `aisle signing-keys`; passwords are rotated with their servers, by the runbook.
  for_each                = merge(local.shared, local.database)
  name                    = "${var.name}/${each.key}"
  description             = each.value
  kms_key_id              = var.key_arn
  recovery_window_in_days = var.recovery_days
}
