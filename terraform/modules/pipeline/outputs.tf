output "role_arn" {
  description = "Role a release takes on."
  value       = aws_iam_role.release.arn
}

output "plan_role_arn" {
  description = "Role a plan takes on: it may read how everything stands."
  value       = aws_iam_role.plan.arn
}

output "apply_role_arn" {
  description = "Role an apply takes on once the environment's reviewers have approved."
  value       = aws_iam_role.apply.arn
}

output "boundary_arn" {
  description = "What every role of the environment may at the most: each carries it."
  value       = aws_iam_policy.boundary.arn
}
