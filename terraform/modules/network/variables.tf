variable "name" {
  description = "Name of the environment's resources, for example aisle-production."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "A name is 3 to 31 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "boundary_arn" {
  description = "What the module's roles may at the most."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC; a /16 leaves a /19 for the pods of each zone."
  type        = string
  validation {
    condition     = can(cidrhost(var.cidr, 0)) && tonumber(split("/", var.cidr)[1]) <= 18
    error_message = "Name a network of /18 or larger."
  }
}

variable "zones" {
  description = "The three availability zones."
  type        = list(string)
  validation {
    condition     = length(distinct(var.zones)) == 3
    error_message = "Three different zones are needed: databases and proxies are spread over all of them."
  }
}

variable "nat" {
  description = "Whether each zone has a way out of its own, or all share one."
  type        = string
  validation {
    condition     = contains(["single", "per_zone"], var.nat)
    error_message = "Either single or per_zone."
  }
}

variable "interface_endpoints" {
  description = "AWS services reached inside the VPC, over private addresses."
  type        = set(string)
  default     = ["bedrock-runtime", "ecr.api", "ecr.dkr", "eks-auth", "logs", "monitoring", "secretsmanager", "sts", "xray"]
}

variable "logs_key_arn" {
  description = "Key that encrypts the log of flows."
  type        = string
}

variable "log_days" {
  description = "Days the log of flows is kept."
  type        = number
}
