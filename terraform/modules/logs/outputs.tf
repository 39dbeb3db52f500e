output "role_arn" {
  description = "Role of whatever writes lines of pods."
  value       = aws_iam_role.this.arn
}
