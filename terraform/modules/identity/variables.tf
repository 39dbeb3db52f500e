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

variable "issuer" {
  description = "Who vouches for pods that do not know Pod Identity: the provider's ARN, and the issuer's name."
  type        = object({ arn = string, name = string })
}

variable "namespace" {
  description = "Namespace of the release."
  type        = string
  default     = "aisle"
}

variable "bucket_arns" {
  description = "ARN of each bucket by what is in it."
  type        = map(string)
}

variable "key_arns" {
  description = "ARN of each key by what it encrypts."
  type        = map(string)
}

variable "secret_arns" {
  description = "ARN of each secret by what it is."
  type        = map(string)
}

variable "master_secret_arn" {
  description = "Secret with the database's master password."
  type        = string
}

variable "bedrock_model_arns" {
  description = "The models that may be asked, by full ARN: foundation models and inference profiles. Empty means none."
  type        = set(string)
  validation {
    condition     = alltrue([for arn in var.bedrock_model_arns : can(regex("^arn:aws:bedrock:[a-z0-9-]*:[0-9]*:(foundation-model|inference-profile)/[A-Za-z0-9.:-]+$", arn))])
    error_message = "Name each model by its whole ARN, without a wildcard."
  }
}

variable "log_group_arns" {
  description = "Log groups the collector writes to."
  type        = set(string)
}

variable "metric_namespace" {
  description = "Namespace of the metrics in CloudWatch."
  type        = string
}
