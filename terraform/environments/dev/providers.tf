locals {
  tags = { Project = "aisle", Environment = "dev", ManagedBy = "terraform" }
}

provider "aws" {
  region              = "eu-central-1"
  allowed_account_ids = [var.account_id]
  default_tags {
    tags = local.tags
  }
}

# CloudFront's certificates and firewall.
provider "aws" {
  alias               = "us_east_1"
  region              = "us-east-1"
  allowed_account_ids = [var.account_id]
  default_tags {
    tags = local.tags
  }
}
