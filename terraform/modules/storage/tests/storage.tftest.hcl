mock_provider "aws" {
  source = "../../testing"
}

variables {
  name       = "aisle-test"
  account_id = "111122223333"
  key_arn    = "arn:aws:kms:eu-central-1:111122223333:key/k"
}

run "buckets" {
  assert {
    condition     = toset(keys(aws_s3_bucket.this)) == toset(["batches", "frontend", "knowledge", "logs", "media", "vectors"])
    error_message = "Every kind of object has its bucket."
  }
  assert {
    condition     = alltrue([for b in aws_s3_bucket_public_access_block.this : b.block_public_acls && b.block_public_policy && b.ignore_public_acls && b.restrict_public_buckets]) && length(aws_s3_bucket_public_access_block.this) == 6
    error_message = "No bucket is public."
  }
  assert {
    condition     = alltrue([for name, e in aws_s3_bucket_server_side_encryption_configuration.this : one(one(e.rule).apply_server_side_encryption_by_default).sse_algorithm == (name == "logs" ? "AES256" : "aws:kms")])
    error_message = "All are encrypted by our key, but logs, which AWS itself delivers."
  }
  assert {
    condition     = !contains(keys(aws_s3_bucket_logging.this), "logs") && length(aws_s3_bucket_logging.this) == 5
    error_message = "Accesses are logged, and the log does not log itself."
  }
  assert {
    condition     = alltrue([for bucket in aws_s3_bucket.this : !bucket.force_destroy])
    error_message = "A bucket with something in it is not deleted."
  }
  assert {
    condition     = alltrue([for document in data.aws_iam_policy_document.tls_only : one(document.statement).effect == "Deny"])
    error_message = "Nobody reads without TLS."
  }
}
