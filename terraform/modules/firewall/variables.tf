variable "name" {
  description = "Name of the access control list."
  type        = string
}

variable "scope" {
  description = "REGIONAL for a load balancer, CLOUDFRONT for a distribution; the latter's provider must be in us-east-1."
  type        = string
  validation {
    condition     = contains(["REGIONAL", "CLOUDFRONT"], var.scope)
    error_message = "Either REGIONAL or CLOUDFRONT."
  }
}

variable "requests_per_address" {
  description = "Requests in five minutes from one address, beyond which it is shut out. Coarse: the exact limits are Envoy's."
  type        = number
  validation {
    condition     = var.requests_per_address >= 100
    error_message = "An office behind one address must not be shut out: at least 100."
  }
}

variable "largest_body" {
  description = "Bytes a body may declare; what is larger is turned away before it is read."
  type        = number
  default     = 4999999
  validation {
    condition     = var.largest_body == 4999999
    error_message = "The pattern below is written for just under five million bytes, above the platform's own 4 MiB."
  }
}

variable "log_group_arn" {
  description = "Log group of refused requests; its name begins with aws-waf-logs-."
  type        = string
}
