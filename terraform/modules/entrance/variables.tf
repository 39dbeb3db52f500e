variable "name" {
  description = "Name of the environment's resources."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Public subnets."
  type        = list(string)
}

variable "pod_cidrs" {
  description = "Addresses of the pods."
  type        = list(string)
}

variable "pod_security_group_id" {
  description = "Security group of the pods."
  type        = string
}

variable "cluster_name" {
  description = "Name of the cluster whose controller registers the pods of the edge."
  type        = string
}

variable "domain" {
  description = "Name of the shop; the load balancer is origin. below it."
  type        = string
}

variable "zone_id" {
  description = "Hosted zone of the domain."
  type        = string
}

variable "firewall_arn" {
  description = "Access control list of requests that reach the load balancer."
  type        = string
}

variable "log_bucket" {
  description = "Bucket of access logs."
  type        = string
}

variable "edge_port" {
  description = "Port of the edge Envoy."
  type        = number
  default     = 8080
}

variable "deletion_protection" {
  description = "Whether the load balancer refuses to be deleted."
  type        = bool
}
