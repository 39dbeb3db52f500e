output "service_accounts" {
  description = "Name of each service account that has rights in AWS, by who uses it."
  value       = merge({ for who, association in aws_eks_pod_identity_association.this : who => association.service_account }, { milvus = "milvus" })
}

output "role_arns" {
  description = "ARN of each service account's role."
  value       = merge({ for who, role in aws_iam_role.this : who => role.arn }, { milvus = aws_iam_role.milvus.arn })
}

output "batch_role_arn" {
  description = "Role under which Bedrock reads and writes batches."
  value       = aws_iam_role.batches.arn
}
