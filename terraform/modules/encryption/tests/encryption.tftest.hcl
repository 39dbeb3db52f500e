mock_provider "aws" {
  source = "../../testing"
}

variables {
  name = "aisle-test"
}

run "keys" {
  assert {
    condition     = toset(keys(aws_kms_key.this)) == toset(["cluster", "data", "logs", "secrets"])
    error_message = "Each kind of content has a key of its own."
  }
  assert {
    condition     = alltrue([for key in aws_kms_key.this : key.enable_key_rotation && key.deletion_window_in_days == 30])
    error_message = "Keys rotate, and are not gone at once."
  }
  assert {
    condition     = alltrue([for document in data.aws_iam_policy_document.key : alltrue([for statement in document.statement : alltrue([for who in statement.principals : !contains(who.identifiers, "*")])])])
    error_message = "No key is everybody's."
  }
  assert {
    condition     = alltrue([for statement in data.aws_iam_policy_document.key["logs"].statement : length(statement.condition) == 1 if anytrue([for who in statement.principals : who.type == "Service"])])
    error_message = "A service uses a key only for this account."
  }
}
