variable "name" {
  description = "Name of the environment's resources."
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

variable "origin_host" {
  description = "Name under which the load balancer is reached."
  type        = string
}

variable "frontend_bucket" {
  description = "Name, ARN and host of the bucket of the built front end."
  type        = object({ name = string, arn = string, domain = string })
}

variable "media_domain" {
  description = "Host that pictures come from."
  type        = string
}

variable "firewall_arn" {
  description = "Access control list of the distribution, in us-east-1."
  type        = string
}

variable "log_bucket_domain" {
  description = "Host of the bucket of access logs."
  type        = string
}

variable "price_class" {
  description = "Where in the world CloudFront answers from."
  type        = string
  default     = "PriceClass_100"
}
