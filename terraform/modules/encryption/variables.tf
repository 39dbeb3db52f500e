variable "name" {
  description = "Name of the environment's resources."
  type        = string
}

variable "deletion_days" {
  description = "Days between asking for a key's deletion and losing all it has encrypted."
  type        = number
  default     = 30
  validation {
    condition     = var.deletion_days >= 7 && var.deletion_days <= 30
    error_message = "Between 7 and 30 days."
  }
}
