variable "name" {
  description = "Name of the environment's resources."
  type        = string
}

variable "purpose" {
  description = "What it is for; part of its name."
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
  description = "Key that encrypts what is stored."
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

variable "node_type" {
  description = "Size of a node."
  type        = string
}

variable "nodes" {
  description = "Nodes, each in another zone as far as there are zones; with two or more, one takes over for another."
  type        = number
  validation {
    condition     = var.nodes >= 1 && var.nodes <= 6
    error_message = "Between one node and six."
  }
}

variable "keeps" {
  description = "Whether what was acknowledged has to survive: no eviction, snapshots, and no write while no replica follows."
  type        = bool
}

variable "auth_token" {
  description = "Password of its clients. Never kept in the state."
  type        = string
  sensitive   = true
  ephemeral   = true
  validation {
    condition     = can(regex("^[A-Za-z0-9]{32,128}$", var.auth_token))
    error_message = "A token is 32 to 128 letters and digits."
  }
}

variable "auth_token_version" {
  description = "Raised by one with every new token: Terraform cannot see that it changed."
  type        = number
}
