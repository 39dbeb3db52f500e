variable "name" {
  description = "Name of the environment's resources."
  type        = string
}

variable "logs_key_arn" {
  description = "Key that encrypts logs and notices."
  type        = string
}

variable "log_days" {
  description = "Days logs are kept."
  type        = number
}

variable "audit_log_days" {
  description = "Days the lines about who changed what are kept."
  type        = number
  default     = 400
}

variable "services" {
  description = "Processes with a log group of their own."
  type        = set(string)
}

variable "pages" {
  description = "Where alarms go that wake somebody up: HTTPS addresses of an on-call service."
  type        = set(string)
  default     = []
}

variable "mails" {
  description = "Mail addresses for alarms that wait for the morning, and for the budget."
  type        = set(string)
}

variable "runbooks" {
  description = "Where the repository's files can be read, for example https://github.com/owner/name/blob/main."
  type        = string
  validation {
    condition     = can(regex("^https://[^ ]+[^/]$", var.runbooks))
    error_message = "An https address without a slash at its end."
  }
}

variable "references" {
  description = "What dashboards and alarms look at, by the names in their declarations."
  type = object({
    load_balancer = string
    target_group  = string
    database      = string
    redis_node    = string
    redis_replica = string
    firewall      = string
    region        = string
  })
}

variable "usd_per_hour" {
  description = "What models may cost in an hour before somebody is woken up."
  type        = number
}

variable "usd_per_month" {
  description = "What the environment may cost in a month before somebody is told."
  type        = number
}

variable "cost_tag" {
  description = "Value of the tag Environment, by which the budget counts."
  type        = string
}

variable "traces_per_second" {
  description = "Traces always kept each second and process, and the share of the rest."
  type        = object({ always = number, share = number })
  default     = { always = 1, share = 0.05 }
  validation {
    condition     = var.traces_per_second.share >= 0 && var.traces_per_second.share <= 1
    error_message = "A share lies between 0 and 1."
  }
}
