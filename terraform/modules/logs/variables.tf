variable "name" {
  description = "Name of the environment's resources."
  type        = string
}

variable "boundary_arn" {
  description = "What the module's roles may at the most."
  type        = string
}

variable "cluster_name" {
  description = "Name of the cluster."
  type        = string
}

variable "cluster_arn" {
  description = "ARN of the cluster."
  type        = string
}

variable "namespace" {
  description = "Namespace of the release: lines of no other are kept."
  type        = string
  default     = "aisle"
}

variable "service_groups" {
  description = "Log group of each process, by the process."
  type        = map(string)
}

variable "audit_group" {
  description = "Log group of the lines about who changed what."
  type        = string
}

variable "others_group" {
  description = "Log group of whatever else runs in the namespace."
  type        = string
}

variable "group_arns" {
  description = "ARNs of all those log groups."
  type        = list(string)
}
