variable "name" {
  description = "First part of the repositories' names."
  type        = string
}

variable "repositories" {
  description = "Images of the platform."
  type        = set(string)
  default     = ["services", "envoy", "frontend"]
}

variable "key_arn" {
  description = "Key that encrypts images."
  type        = string
}

variable "kept_images" {
  description = "Releases that stay, so that a rollback finds its image."
  type        = number
  default     = 50
}
