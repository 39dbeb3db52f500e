variable "name" {
  description = "Name of the environment's resources."
  type        = string
}

variable "account_id" {
  description = "The account; part of the buckets' names, which are the world's."
  type        = string
  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An account has twelve digits."
  }
}

variable "key_arn" {
  description = "Key that encrypts objects."
  type        = string
}

variable "force_destroy" {
  description = "Whether buckets are deleted with what is in them; for environments nobody depends on."
  type        = bool
  default     = false
}
