output "helm_values" {
  description = "What the chart has to be told; written to a file and given to `helm upgrade -f`."
  value       = module.platform.helm_values
}

output "cluster_name" {
  description = "Name of the cluster."
  value       = module.platform.cluster_name
}

output "release_role_arn" {
  description = "Role that a release takes on from GitHub."
  value       = module.platform.release_role_arn
}

output "github" {
  description = "What the workflows of GitHub are told: variables of the repository, for plans, and variables of the environment."
  value       = module.platform.github
}

output "frontend" {
  description = "Where a release puts the front end."
  value       = module.platform.frontend
}
