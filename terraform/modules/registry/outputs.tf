output "registry" {
  description = "Host name of the registry."
  value       = split("/", values(aws_ecr_repository.this)[0].repository_url)[0]
}

output "urls" {
  description = "Where each image is, by its name."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}

output "arns" {
  description = "ARN of each repository."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.arn }
}
