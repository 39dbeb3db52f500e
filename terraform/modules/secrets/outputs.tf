output "names" {
  description = "Name of each secret by what it is; passwords of roles are database/ROLE."
  value       = { for what, secret in aws_secretsmanager_secret.this : what => secret.name }
}

output "arns" {
  description = "ARN of each secret by what it is."
  value       = { for what, secret in aws_secretsmanager_secret.this : what => secret.arn }
}
