mock_provider "aws" {
  source = "../../testing"
}

variables {
  name    = "aisle-test"
  key_arn = "arn:aws:kms:eu-central-1:111122223333:key/k"
}

run "repositories" {
  assert {
    condition     = alltrue([for r in aws_ecr_repository.this : r.image_tag_mutability == "IMMUTABLE" && one(r.image_scanning_configuration).scan_on_push])
    error_message = "A tag never changes what it names, and every push is scanned."
  }
  assert {
    condition     = alltrue([for p in aws_ecr_lifecycle_policy.this : jsondecode(p.policy).rules[1].selection.countNumber == 50])
    error_message = "Fifty releases can be rolled back to."
  }
  assert {
    condition     = output.registry == "111122223333.dkr.ecr.eu-central-1.amazonaws.com"
    error_message = "The registry is a host, without a path."
  }
}
