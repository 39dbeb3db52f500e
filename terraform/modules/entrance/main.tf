# The load balancer in front of the edge Envoy. It is Terraform's and not an Ingress's, so that its address, certificate and
# firewall outlive every release; the chart binds the edge's pods to its target group (a TargetGroupBinding).

data "aws_ec2_managed_prefix_list" "cloudfront" {
  name = "com.amazonaws.global.cloudfront.origin-facing"
}

resource "aws_security_group" "this" {
  name        = "${var.name}-entrance"
  description = "TLS from CloudFront, to the edge"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-entrance" }
}

resource "aws_vpc_security_group_ingress_rule" "cloudfront" {
  security_group_id = aws_security_group.this.id
  description       = "TLS from CloudFront and nobody else"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.cloudfront.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "edge" {
  for_each          = toset(var.pod_cidrs)
  security_group_id = aws_security_group.this.id
  description       = "The edge"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = var.edge_port
  to_port           = var.edge_port
}

resource "aws_vpc_security_group_ingress_rule" "edge" {
  security_group_id            = var.pod_security_group_id
  description                  = "The edge, from the load balancer"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = var.edge_port
  to_port                      = var.edge_port
}

resource "aws_acm_certificate" "this" {
  domain_name       = "origin.${var.domain}"
  validation_method = "DNS"
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "proof" {
  zone_id         = var.zone_id
  name            = one(aws_acm_certificate.this.domain_validation_options[*].resource_record_name)
  type            = one(aws_acm_certificate.this.domain_validation_options[*].resource_record_type)
  records         = [one(aws_acm_certificate.this.domain_validation_options[*].resource_record_value)]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [aws_route53_record.proof.fqdn]
}

resource "aws_lb" "this" {
  # checkov:skip=CKV2_AWS_76:The firewall comes from the module of that name, whose group of known bad inputs holds Log4j's; a test counts the groups.
  # checkov:skip=CKV_AWS_150:Whether it may be deleted is each environment's choice; production says no, and a test holds it there.
  name                       = var.name
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = var.subnet_ids
  security_groups            = [aws_security_group.this.id]
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"
  enable_deletion_protection = var.deletion_protection
  # Chat streams may be silent while a model thinks; the platform's own limits are shorter.
  idle_timeout = 310

  access_logs {
    enabled = true
    bucket  = var.log_bucket
    prefix  = "entrance"
  }
}

resource "aws_lb_target_group" "edge" {
  # checkov:skip=CKV_AWS_378:Within the VPC the edge speaks HTTP to the load balancer; from there on every hop is mutual TLS.
  name             = "${var.name}-edge"
  vpc_id           = var.vpc_id
  target_type      = "ip"
  port             = var.edge_port
  protocol         = "HTTP"
  protocol_version = "HTTP1"
  # The edge drains for fifteen seconds at the most (AISLE_DRAIN_SECONDS and AISLE_GRACE_SECONDS).
  deregistration_delay          = 30
  load_balancing_algorithm_type = "least_outstanding_requests"

  health_check {
    path                = "/readyz"
    interval            = 5
    timeout             = 4
    healthy_threshold   = 2
    unhealthy_threshold = 2
    matcher             = "200"
  }

  # The controller of EKS Auto Mode registers pods only with target groups that name its cluster.
  tags = { "eks:eks-cluster-name" = var.cluster_name }
}

resource "aws_lb_listener" "tls" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = aws_acm_certificate_validation.this.certificate_arn
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.edge.arn
  }
}

resource "aws_wafv2_web_acl_association" "this" {
  resource_arn = aws_lb.this.arn
  web_acl_arn  = var.firewall_arn
}

resource "aws_route53_record" "this" {
  zone_id = var.zone_id
  name    = "origin.${var.domain}"
  type    = "A"
  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = true
  }
}
