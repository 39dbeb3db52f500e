mock_provider "aws" {
  source = "../../testing"
}

variables {
  boundary_arn = "arn:aws:iam::111122223333:policy/boundary"
  name         = "aisle-test"
  cidr         = "10.40.0.0/16"
  zones        = ["a", "b", "c"]
  nat          = "per_zone"
  logs_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/k"
  log_days     = 14
}

run "three_zones" {
  assert {
    condition     = length(aws_subnet.private) == 3 && length(aws_subnet.public) == 3 && length(aws_subnet.data) == 3
    error_message = "Each zone has a public, a private and a data subnet."
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 3
    error_message = "Each zone has a way out of its own."
  }
  assert {
    condition     = length(distinct(concat([for s in aws_subnet.private : s.cidr_block], [for s in aws_subnet.public : s.cidr_block], [for s in aws_subnet.data : s.cidr_block]))) == 9
    error_message = "No two subnets have the same addresses."
  }
  assert {
    condition     = aws_subnet.private["a"].cidr_block == "10.40.0.0/19" && aws_subnet.data["a"].cidr_block == "10.40.96.0/22" && aws_subnet.public["a"].cidr_block == "10.40.112.0/22"
    error_message = "Pods have a /19 a zone, and what follows begins behind theirs."
  }
  assert {
    condition     = alltrue([for s in aws_subnet.public : !coalesce(s.map_public_ip_on_launch, false)])
    error_message = "Nothing gets a public address by itself."
  }
  assert {
    condition     = length(aws_route.out) == 3 && !contains(keys(aws_route_table_association.private), "data")
    error_message = "Only private subnets have a way out; data has none."
  }
  assert {
    condition     = alltrue([for name in ["bedrock-runtime", "ecr.api", "ecr.dkr", "sts", "logs", "secretsmanager"] : contains(keys(aws_vpc_endpoint.interface), name)])
    error_message = "AWS is reached inside the VPC."
  }
  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway"
    error_message = "S3 is reached by a gateway, which costs nothing."
  }
}

run "one_way_out" {
  variables {
    nat = "single"
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.out) == 3
    error_message = "All zones share one way out."
  }
}

run "two_zones_are_not_enough" {
  command = plan
  variables {
    zones = ["a", "b", "b"]
  }
  expect_failures = [var.zones]
}
