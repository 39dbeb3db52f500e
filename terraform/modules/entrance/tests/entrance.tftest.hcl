mock_provider "aws" {
  source = "../../testing"
}

variables {
  name                  = "aisle-test"
  vpc_id                = "vpc"
  subnet_ids            = ["a", "b", "c"]
  pod_cidrs             = ["10.0.0.0/19"]
  pod_security_group_id = "sg-pods"
  cluster_name          = "aisle-test"
  domain                = "shop.example"
  zone_id               = "Z"
  firewall_arn          = "arn:aws:wafv2:eu-central-1:111122223333:regional/webacl/w/1"
  log_bucket            = "logs"
  deletion_protection   = true
}

run "entrance" {
  assert {
    condition     = aws_vpc_security_group_ingress_rule.cloudfront.prefix_list_id == "pl-cloudfront" && aws_vpc_security_group_ingress_rule.cloudfront.cidr_ipv4 == null && aws_vpc_security_group_ingress_rule.cloudfront.from_port == 443
    error_message = "Only CloudFront comes in, by TLS."
  }
  assert {
    condition     = aws_wafv2_web_acl_association.this.web_acl_arn == var.firewall_arn && aws_wafv2_web_acl_association.this.resource_arn == aws_lb.this.arn
    error_message = "The firewall stands before the load balancer."
  }
  assert {
    condition     = aws_lb_listener.tls.protocol == "HTTPS" && strcontains(aws_lb_listener.tls.ssl_policy, "TLS13")
    error_message = "TLS 1.2 is the oldest that is spoken."
  }
  assert {
    condition     = aws_lb.this.drop_invalid_header_fields && aws_lb.this.desync_mitigation_mode == "strictest" && aws_lb.this.enable_deletion_protection
    error_message = "Malformed requests end here."
  }
  assert {
    condition     = aws_lb_target_group.edge.tags["eks:eks-cluster-name"] == "aisle-test" && aws_lb_target_group.edge.target_type == "ip"
    error_message = "The cluster's controller may register pods."
  }
  assert {
    condition     = aws_lb_target_group.edge.deregistration_delay == "30" && aws_lb_target_group.edge.health_check[0].path == "/readyz"
    error_message = "A replica that drains is given the time it takes."
  }
}
