mock_provider "aws" {
  source = "../../testing"
}

variables {
  name               = "aisle-test"
  purpose            = "main"
  vpc_id             = "vpc"
  subnet_ids         = ["a", "b", "c"]
  client_cidrs       = ["10.0.0.0/19"]
  key_arn            = "arn:aws:kms:eu-central-1:111122223333:key/k"
  logs_key_arn       = "arn:aws:kms:eu-central-1:111122223333:key/l"
  log_days           = 30
  node_type          = "cache.r7g.large"
  nodes              = 3
  keeps              = true
  auth_token         = "abcdefghijklmnopqrstuvwxyz0123456789"
  auth_token_version = 1
}

run "one_that_keeps" {
  assert {
    condition     = aws_elasticache_replication_group.this.transit_encryption_enabled && aws_elasticache_replication_group.this.transit_encryption_mode == "required"
    error_message = "Nobody connects without TLS."
  }
  assert {
    condition     = aws_elasticache_replication_group.this.auth_token == null && aws_elasticache_replication_group.this.auth_token_wo_version == 1
    error_message = "The password is not in the state."
  }
  assert {
    condition     = aws_elasticache_replication_group.this.multi_az_enabled && aws_elasticache_replication_group.this.automatic_failover_enabled
    error_message = "Another zone takes over by itself."
  }
  assert {
    condition     = toset([for p in aws_elasticache_parameter_group.this.parameter : "${p.name}=${p.value}"]) == toset(["maxmemory-policy=noeviction", "min-replicas-to-write=1", "min-replicas-max-lag=10"])
    error_message = "Nothing is evicted, and no write is taken while no replica follows."
  }
  assert {
    condition     = aws_elasticache_replication_group.this.snapshot_retention_limit == 7
    error_message = "There are snapshots."
  }
  assert {
    condition     = output.nodes == ["aisle-test-main-001", "aisle-test-main-002", "aisle-test-main-003"]
    error_message = "Nodes are named as ElastiCache names them."
  }
}

run "one_that_counts" {
  variables {
    purpose = "limits"
    keeps   = false
    nodes   = 1
  }
  assert {
    condition     = toset([for p in aws_elasticache_parameter_group.this.parameter : "${p.name}=${p.value}"]) == toset(["maxmemory-policy=volatile-ttl"])
    error_message = "The oldest counts give way."
  }
  assert {
    condition     = aws_elasticache_replication_group.this.snapshot_retention_limit == 0 && !aws_elasticache_replication_group.this.automatic_failover_enabled
    error_message = "Counts are not kept, and one node has nothing to fail over to."
  }
}

run "a_short_token_is_refused" {
  command = plan
  variables {
    auth_token = "short"
  }
  expect_failures = [var.auth_token]
}
