mock_provider "aws" {
  source = "../../testing"
}

variables {
  boundary_arn        = "arn:aws:iam::111122223333:policy/boundary"
  name                = "aisle-test"
  vpc_id              = "vpc"
  subnet_ids          = ["a", "b", "c"]
  client_cidrs        = ["10.0.0.0/19", "10.0.32.0/19", "10.0.64.0/19"]
  key_arn             = "arn:aws:kms:eu-central-1:111122223333:key/k"
  logs_key_arn        = "arn:aws:kms:eu-central-1:111122223333:key/l"
  log_days            = 30
  instance_class      = "db.r7g.large"
  storage_gib         = { initial = 200, most = 2000 }
  multi_az            = true
  backup_days         = 35
  deletion_protection = true
}

run "database" {
  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "RDS keeps and rotates the master password; Terraform never sees it."
  }
  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.multi_az && !aws_db_instance.this.publicly_accessible
    error_message = "Encrypted, in two zones, and not on the internet."
  }
  assert {
    condition     = contains([for p in aws_db_parameter_group.this.parameter : "${p.name}=${p.value}"], "rds.force_ssl=1")
    error_message = "Nobody connects without TLS."
  }
  assert {
    condition     = contains([for p in aws_db_parameter_group.this.parameter : "${p.name}=${p.value}"], "log_parameter_max_length=0")
    error_message = "What customers wrote is not logged."
  }
  assert {
    condition     = !aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.deletion_protection && aws_db_instance.this.backup_retention_period == 35
    error_message = "It can be had back."
  }
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.pods) == 3 && alltrue([for rule in aws_vpc_security_group_ingress_rule.pods : rule.from_port == 5432 && rule.to_port == 5432])
    error_message = "Pods reach PostgreSQL's port, and nobody anything else."
  }
}

run "storage_that_cannot_grow_is_refused" {
  command = plan
  variables {
    storage_gib = { initial = 200, most = 200 }
  }
  expect_failures = [var.storage_gib]
}
