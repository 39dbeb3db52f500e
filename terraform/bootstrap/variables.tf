variable "account_id" {
  description = "The account whose states are kept."
  type        = string
  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An account has twelve digits."
  }
}

variable "region" {
  description = "Where they are kept."
  type        = string
  default     = "eu-central-1"
}
