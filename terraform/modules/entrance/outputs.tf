output "host" {
  description = "Name under which CloudFront reaches the load balancer."
  value       = aws_route53_record.this.name
}

output "arn_suffix" {
  description = "What the load balancer's metrics carry."
  value       = aws_lb.this.arn_suffix
}

output "target_group_arn" {
  description = "Target group the chart binds the edge's pods to."
  value       = aws_lb_target_group.edge.arn
}

output "target_group_arn_suffix" {
  description = "What the target group's metrics carry."
  value       = aws_lb_target_group.edge.arn_suffix
}

output "certificate_arn" {
  description = "Certificate of the load balancer."
  value       = aws_acm_certificate.this.arn
}

output "security_group_id" {
  description = "Security group the edge's pods let in."
  value       = aws_security_group.this.id
}

output "deletion_protection" {
  description = "Whether it refuses to be deleted."
  value       = aws_lb.this.enable_deletion_protection
}
