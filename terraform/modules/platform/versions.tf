terraform {
  required_version = ">= 1.11.0"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.69"
      # Certificates and firewalls of CloudFront live in us-east-1, wherever the rest is.
      configuration_aliases = [aws.us_east_1]
    }
  }
}
