output "id" {
  description = "The distribution, for a release to clear its cache."
  value       = aws_cloudfront_distribution.this.id
}

output "arn" {
  description = "ARN of the distribution."
  value       = aws_cloudfront_distribution.this.arn
}

output "certificate_arn" {
  description = "Certificate of the shop's name, in us-east-1."
  value       = aws_acm_certificate.this.arn
}
