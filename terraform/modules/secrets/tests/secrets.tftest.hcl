mock_provider "aws" {
  source = "../../testing"
}

variables {
  name            = "aisle-test"
  key_arn         = "arn:aws:kms:eu-central-1:111122223333:key/k"
  database_owners = ["bff", "llm"]
}

run "places" {
  assert {
    condition     = contains(keys(aws_secretsmanager_secret.this), "database/bff") && contains(keys(aws_secretsmanager_secret.this), "database/llm")
    error_message = "Each role has a password of its own."
  }
  assert {
    condition     = alltrue([for s in aws_secretsmanager_secret.this : s.kms_key_id == var.key_arn && s.recovery_window_in_days == 30])
    error_message = "Secrets are encrypted by our key, and can be had back."
  }
  assert {
    condition     = output.names["redis-main"] == "aisle-test/redis-main"
    error_message = "Names begin with the environment's."
  }
}
