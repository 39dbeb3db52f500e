variable "environment" {
  description = "Name of the environment."
  type        = string
  validation {
    condition     = can(regex("^[a-z]{2,12}$", var.environment))
    error_message = "An environment's name is 2 to 12 lower-case letters."
  }
}

variable "domain" {
  description = "Name of the shop in this environment."
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

variable "network" {
  description = "Addresses, zones, and whether each zone has a way out of its own."
  type        = object({ cidr = string, zones = list(string), nat = string })
}

variable "kubernetes_version" {
  description = "Kubernetes minor version."
  type        = string
  default     = "1.36"
}

variable "database" {
  description = "Size and care of PostgreSQL."
  type = object({
    instance_class = string
    storage_gib    = object({ initial = number, most = number })
    multi_az       = bool
    backup_days    = number
  })
}

variable "redis" {
  description = "Sizes of the Redis that keeps and of the rate limiter's."
  type = object({
    main   = object({ node_type = string, nodes = number })
    limits = object({ node_type = string, nodes = number })
  })
}

variable "redis_tokens" {
  description = "Passwords of both, as in the secrets redis-main and redis-limits. Never kept in the state."
  type        = object({ main = string, limits = string })
  sensitive   = true
  ephemeral   = true
}

variable "redis_tokens_version" {
  description = "Raised by one with every new pair."
  type        = number
  default     = 1
}

variable "bedrock_models" {
  description = "Models that may be asked, as services/llm/models.yaml names them: with an area (eu., global.) where it is an inference profile."
  type        = set(string)
  validation {
    condition     = alltrue([for model in var.bedrock_models : can(regex("^((eu|us|apac|global)\\.)?[a-z0-9]+\\.[a-z0-9.:-]+$", model))])
    error_message = "Name each model whole, without a wildcard."
  }
}

variable "bedrock_regions" {
  description = "Regions to which an inference profile of this area may pass a question on."
  type        = set(string)
  default     = ["eu-central-1", "eu-north-1", "eu-west-1", "eu-west-3"]
}

variable "requests_per_address" {
  description = "Requests in five minutes from one address before the firewall shuts it out."
  type        = number
}

variable "log_days" {
  description = "Days logs are kept."
  type        = number
}

variable "alarms" {
  description = "Whom alarms reach, and where runbooks can be read."
  type        = object({ pages = set(string), mails = set(string), runbooks = string })
}

variable "usd_per_hour" {
  description = "What models may cost in an hour before somebody is woken up."
  type        = number
}

variable "usd_per_month" {
  description = "What the environment may cost in a month before somebody is told."
  type        = number
}

variable "protected" {
  description = "Whether what holds data refuses to be deleted, and buckets keep what is in them."
  type        = bool
}
