variable "name" {
  description = "Name of the environment's resources."
  type        = string
}

variable "repository" {
  description = "The GitHub repository, as owner/name."
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "A repository is owner/name, without a wildcard."
  }
}

variable "subject" {
  description = "What GitHub puts before the job in `sub`, as the OIDC settings of the repository show it; empty is repo:owner/name. Repositories made since June 2026 have numbers in it."
  type        = string
  default     = ""
  validation {
    condition     = var.subject == "" || can(regex("^repo:[A-Za-z0-9._@-]+/[A-Za-z0-9._@-]+$", var.subject))
    error_message = "A subject is repo:owner/name with or without numbers, and has no wildcard."
  }
}

variable "account_id" {
  description = "The account of this environment."
  type        = string
}

variable "zone_id" {
  description = "Hosted zone whose records an apply changes."
  type        = string
}

variable "state" {
  description = "Where the state is: terraform/bootstrap says both."
  type        = object({ bucket = string, key_arn = string })
}

variable "environment" {
  description = "The GitHub environment whose jobs may come in; its reviewers are who lets a release through."
  type        = string
  validation {
    condition     = can(regex("^[a-z]+$", var.environment))
    error_message = "An environment's name, without a wildcard."
  }
}

variable "provider_arn" {
  description = "ARN of GitHub's identity provider in this account; empty creates it."
  type        = string
  default     = ""
}

variable "repository_arns" {
  description = "Repositories of images that a release pushes to."
  type        = list(string)
}

variable "frontend_bucket_arn" {
  description = "Bucket of the built front end."
  type        = string
}

variable "distribution_arn" {
  description = "Distribution whose cache a release clears."
  type        = string
}

variable "cluster_arn" {
  description = "Cluster a release is installed in."
  type        = string
}

variable "data_key_arn" {
  description = "Key of images and of the front end's bucket."
  type        = string
}

variable "empties_buckets" {
  description = "Whether an apply may delete what is in the environment's buckets: where they go with it."
  type        = bool
  default     = false
}
