variable "name" {
  description = "Name of the cluster."
  type        = string
}

variable "boundary_arn" {
  description = "What the module's roles may at the most."
  type        = string
}

variable "kubernetes_version" {
  description = "Kubernetes minor version; one that EKS has in standard support."
  type        = string
  validation {
    condition     = can(regex("^1\\.(3[5-9]|[4-9][0-9])$", var.kubernetes_version))
    error_message = "A version EKS still supports without a surcharge: 1.35 or newer."
  }
}

variable "subnet_ids" {
  description = "Private subnets of the nodes, in three zones."
  type        = list(string)
  validation {
    condition     = length(var.subnet_ids) >= 3
    error_message = "One subnet in each of three zones."
  }
}

variable "secrets_key_arn" {
  description = "Key that encrypts Kubernetes secrets in etcd, once more."
  type        = string
}

variable "logs_key_arn" {
  description = "Key that encrypts the control plane's logs."
  type        = string
}

variable "log_days" {
  description = "Days the control plane's logs are kept."
  type        = number
}

variable "administrators" {
  description = "ARNs of IAM roles that administer the cluster."
  type        = set(string)
  default     = []
}

variable "deployers" {
  description = "ARNs of IAM roles that may change what is in the namespace, and nothing else, by the name of each."
  type        = map(string)
  default     = {}
}

variable "namespace" {
  description = "Namespace of the release."
  type        = string
  default     = "aisle"
}

variable "deletion_protection" {
  description = "Whether the cluster refuses to be deleted."
  type        = bool
  default     = true
}
