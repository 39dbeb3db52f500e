output "key_arns" {
  description = "ARN of each key by what it encrypts: cluster, data, logs, secrets."
  value       = { for purpose, key in aws_kms_key.this : purpose => key.arn }
}
