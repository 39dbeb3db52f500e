variable "account_id" {
  description = "The account of this environment, so that no other is changed by mistake."
  type        = string
}

variable "domain" {
  description = "Name of the shop."
  type        = string
}

variable "zone_id" {
  description = "Hosted zone of the domain."
  type        = string
}

variable "repository" {
  description = "The GitHub repository, as owner/name."
  type        = string
}

variable "github_provider_arn" {
  description = "ARN of GitHub's identity provider where the account has one; empty creates it."
  type        = string
  default     = ""
}

variable "github_subject" {
  description = "What GitHub puts before the job in `sub` where that is not repo:owner/name: repositories made since June 2026 have numbers in it."
  type        = string
  default     = ""
}

variable "state_key_arn" {
  description = "Key of the states, as terraform/bootstrap says it."
  type        = string
}

variable "administrators" {
  description = "ARNs of IAM roles that administer the cluster."
  type        = set(string)
}

variable "pages" {
  description = "HTTPS addresses of the on-call service."
  type        = set(string)
  default     = []
}

variable "mails" {
  description = "Mail addresses of who looks after this environment."
  type        = set(string)
}

variable "redis_tokens" {
  description = "Passwords of both Redis, from Secrets Manager: TF_VAR_redis_tokens (see terraform/README.md)."
  type        = object({ main = string, limits = string })
  sensitive   = true
  ephemeral   = true
}
