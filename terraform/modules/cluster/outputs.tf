output "name" {
  description = "Name of the cluster."
  value       = aws_eks_cluster.this.name
}

output "arn" {
  description = "ARN of the cluster."
  value       = aws_eks_cluster.this.arn
}

output "endpoint" {
  description = "Address of the Kubernetes API, inside the VPC."
  value       = aws_eks_cluster.this.endpoint
}

output "certificate_authority" {
  description = "Certificate by which the Kubernetes API is known, in base64."
  value       = aws_eks_cluster.this.certificate_authority[0].data
}

output "security_group_id" {
  description = "Security group of nodes and pods."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}

output "deletion_protection" {
  description = "Whether it refuses to be deleted."
  value       = aws_eks_cluster.this.deletion_protection
}

output "issuer" {
  description = "Who vouches for pods that do not know Pod Identity: the provider's ARN, and the issuer's name."
  value       = { arn = aws_iam_openid_connect_provider.pods.arn, name = trimprefix(aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://") }
}
