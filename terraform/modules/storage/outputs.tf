output "names" {
  description = "Name of each bucket by what is in it: media, frontend, knowledge, batches, vectors, logs."
  value       = { for bucket, resource in aws_s3_bucket.this : bucket => resource.bucket }
}

output "arns" {
  description = "ARN of each bucket by what is in it."
  value       = { for bucket, resource in aws_s3_bucket.this : bucket => resource.arn }
}

output "domains" {
  description = "Host name of each bucket within its region."
  value       = { for bucket, resource in aws_s3_bucket.this : bucket => resource.bucket_regional_domain_name }
}

output "force_destroy" {
  description = "Whether any bucket is deleted with what is in it."
  value       = anytrue([for bucket in aws_s3_bucket.this : bucket.force_destroy])
}
