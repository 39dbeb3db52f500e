variable "name" {
  description = "Name of the environment's resources."
  type        = string
}

variable "key_arn" {
  description = "Key that encrypts the secrets."
  type        = string
}

variable "database_owners" {
  description = "Services with a role and a schema of their own."
  type        = set(string)
}

variable "recovery_days" {
  description = "Days in which a deleted secret can be had back."
  type        = number
  default     = 30
}
