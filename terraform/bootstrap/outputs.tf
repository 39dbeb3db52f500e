output "key_arn" {
  description = "Key of the states: state_key_arn of each environment, which lets its plans and applies use it."
  value       = aws_kms_key.state.arn
}

output "bucket" {
  description = "Given to each environment: terraform init -backend-config=bucket=…"
  value       = aws_s3_bucket.state.bucket
}
