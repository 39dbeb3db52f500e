# A Redis with TLS and a password. One that keeps is for events and kept answers, one that does not is for the rate
# limiter's counts, which are worth nothing after a minute.

locals {
  full_name = "${var.name}-${var.purpose}"
  parameters = merge(
    { "maxmemory-policy" = var.keeps ? "noeviction" : "volatile-ttl" },
    # A primary that was cut off acknowledges nothing that the one taking its place will not know.
    var.keeps && var.nodes > 1 ? { "min-replicas-to-write" = "1", "min-replicas-max-lag" = "10" } : {},
  )
}

resource "aws_elasticache_subnet_group" "this" {
  name       = local.full_name
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "this" {
  name        = local.full_name
  description = "Redis, for pods"
  vpc_id      = var.vpc_id
  tags        = { Name = local.full_name }
}

resource "aws_vpc_security_group_ingress_rule" "pods" {
  for_each          = toset(var.client_cidrs)
  security_group_id = aws_security_group.this.id
  description       = "Redis from pods"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 6379
  to_port           = 6379
}

resource "aws_elasticache_parameter_group" "this" {
  name   = local.full_name
  family = "redis7"

  dynamic "parameter" {
    for_each = local.parameters
    content {
      name  = parameter.key
      value = parameter.value
    }
  }
}

resource "aws_cloudwatch_log_group" "slow" {
  # checkov:skip=CKV_AWS_338:Slow commands are looked at within weeks, not years.
  name              = "/aisle/${var.name}/redis/${var.purpose}/slow"
  retention_in_days = var.log_days
  kms_key_id        = var.logs_key_arn
}

resource "aws_elasticache_replication_group" "this" {
  # checkov:skip=CKV_AWS_31:The token is given as auth_token_wo, which is never kept in the state; this rule looks for auth_token.
  # checkov:skip=CKV2_AWS_50:With a single node, as in development, there is nothing to fail over to; production has more, and a test holds it there.
  replication_group_id       = local.full_name
  description                = var.keeps ? "Events and kept answers" : "Counts of the rate limiter"
  engine                     = "redis"
  engine_version             = "7.1"
  node_type                  = var.node_type
  num_cache_clusters         = var.nodes
  automatic_failover_enabled = var.nodes > 1
  multi_az_enabled           = var.nodes > 1
  port                       = 6379
  parameter_group_name       = aws_elasticache_parameter_group.this.name
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [aws_security_group.this.id]
  at_rest_encryption_enabled = true
  kms_key_id                 = var.key_arn
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  auth_token_wo              = var.auth_token
  auth_token_wo_version      = var.auth_token_version
  auth_token_update_strategy = "ROTATE"
  snapshot_retention_limit   = var.keeps ? 7 : 0
  snapshot_window            = "01:00-02:00"
  maintenance_window         = "sun:04:30-sun:05:30"
  auto_minor_version_upgrade = true
  apply_immediately          = false

  log_delivery_configuration {
    destination      = aws_cloudwatch_log_group.slow.name
    destination_type = "cloudwatch-logs"
    log_format       = "json"
    log_type         = "slow-log"
  }
}
