mock_provider "aws" {
  source = "../../testing"
}

mock_provider "aws" {
  alias  = "us_east_1"
  source = "../../testing"
}

variables {
  account_id     = "111122223333"
  domain         = "dev.shop.example"
  zone_id        = "Z"
  repository     = "owner/aisle"
  state_key_arn  = "arn:aws:kms:eu-central-1:111122223333:key/state"
  administrators = ["arn:aws:iam::111122223333:role/admin"]
  mails          = ["team@example.com"]
  redis_tokens   = { main = "abcdefghijklmnopqrstuvwxyz0123456789", limits = "9876543210zyxwvutsrqponmlkjihgfedcba" }
}

run "what_the_chart_is_told" {
  assert {
    condition = toset(keys(output.helm_values)) == toset([
      "bedrock", "buckets", "database", "domain", "edge", "environment", "images", "media", "namespace", "network", "redis", "region", "secrets", "serviceAccounts", "telemetry", "vectors",
    ])
    error_message = "The chart is told all of this, and nothing else."
  }
  assert {
    condition     = output.helm_values.environment == "dev" && output.helm_values.domain == var.domain
    error_message = "It is this environment's."
  }
  assert {
    condition     = toset(output.helm_values.database.owners) == toset(keys(output.helm_values.database.passwordSecrets)) && output.helm_values.database.host == "database.example" && output.helm_values.database.port == 5432
    error_message = "Every service with a schema knows the database, and where its password is."
  }
  assert {
    condition     = output.helm_values.redis.main.tls && output.helm_values.redis.limits.tls && output.helm_values.redis.main.passwordSecret == "aisle-dev/redis-main" && output.helm_values.redis.limits.passwordSecret == "aisle-dev/redis-limits"
    error_message = "Both Redis speak TLS, each with a password of its own."
  }
  assert {
    condition     = toset(keys(output.helm_values.serviceAccounts)) == toset(["collector", "external-secrets", "importer", "llm", "milvus", "product"]) && alltrue([for who, account in output.helm_values.serviceAccounts : who == account])
    error_message = "Service accounts are named as who uses them."
  }
  assert {
    condition     = alltrue([for what in ["targetGroupArn", "securityGroupId", "certificateArn", "firewallArn"] : output.helm_values.edge[what] != ""]) && length(output.helm_values.edge.trustedProxies) == 3
    error_message = "The edge knows its load balancer."
  }
  assert {
    condition     = length(output.helm_values.network.private) == 3 && length(output.helm_values.network.data) == 3 && !anytrue([for cidr in output.helm_values.network.data : contains(output.helm_values.network.private, cidr)])
    error_message = "The chart's network policies know where AWS' endpoints and where the data are."
  }
  assert {
    condition     = startswith(output.helm_values.bedrock.batchFolder, "s3://aisle-dev-batches-111122223333/") && output.helm_values.bedrock.region == "eu-central-1"
    error_message = "Batches have a folder in this account."
  }
  assert {
    condition     = !strcontains(jsonencode(output.helm_values), "abcdefghijklmnopqrstuvwxyz") && !strcontains(jsonencode(output.helm_values), "9876543210zyx")
    error_message = "No secret is among the outputs."
  }
  assert {
    condition     = toset(keys(output.helm_values.telemetry.logGroups)) == toset(["analytics", "audit", "bff", "chat", "cli", "collector", "control-plane", "edge", "limits", "llm", "migrate", "milvus", "product", "recommendation"])
    error_message = "Every process has a log group."
  }
}

run "nothing_is_paid_for_twice" {
  assert {
    condition     = module.platform.standing.network.exits == 1 && !module.platform.standing.database.multi_az && module.platform.standing.redis.main == 1
    error_message = "Development has everything once."
  }
  assert {
    condition     = module.platform.standing.buckets.force_destroy && !module.platform.standing.database.protected
    error_message = "Development can be taken down again."
  }
}
