variable "name" {
  description = "Name of the environment's resources."
  type        = string
}

variable "boundary_arn" {
  description = "What the module's roles may at the most."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of databases."
  type        = list(string)
}

variable "client_cidrs" {
  description = "Addresses that may connect: the pods'."
  type        = list(string)
}

variable "key_arn" {
  description = "Key that encrypts what is stored, and the master password."
  type        = string
}

variable "logs_key_arn" {
  description = "Key that encrypts the logs."
  type        = string
}

variable "log_days" {
  description = "Days the logs are kept."
  type        = number
}

variable "engine_version" {
  description = "Major version of PostgreSQL; minor ones come by themselves in the maintenance window."
  type        = string
  default     = "18"
}

variable "instance_class" {
  description = "Size of the instance."
  type        = string
}

variable "storage_gib" {
  description = "Storage at the start, and how far it may grow by itself."
  type        = object({ initial = number, most = number })
  validation {
    condition     = var.storage_gib.most > var.storage_gib.initial
    error_message = "Storage must be able to grow."
  }
}

variable "multi_az" {
  description = "Whether a second zone has a standby that takes over by itself."
  type        = bool
}

variable "backup_days" {
  description = "Days to which the database can be put back."
  type        = number
  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "Between 1 and 35 days."
  }
}

variable "deletion_protection" {
  description = "Whether the database refuses to be deleted."
  type        = bool
}
