# What browsers talk to: the front end from S3, everything that computes from the load balancer. One name for both, so
# nothing is cross-origin. Pictures come from their bucket by addresses the product service signs.

locals {
  entrance = "entrance"
  # Everything the BFF and the gateway answer; what a browser caches there is theirs to say.
  computed = ["/api/*", "/v1/*", "/healthz", "/readyz", "/.well-known/*"]
  # AWS's own policies by their fixed ids: nothing is cached and everything is passed on, or assets are cached by path.
  never_cached    = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
  passed_on       = "216adef6-5c7f-47e4-b989-5492eafa07d3"
  cached          = "658327ea-f89d-4fab-a63d-7e88639e58f6"
  default_actions = ["GET", "HEAD"]
}

resource "aws_acm_certificate" "this" {
  provider          = aws.us_east_1
  domain_name       = var.domain
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
  provider                = aws.us_east_1
  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [aws_route53_record.proof.fqdn]
}

resource "aws_cloudfront_origin_access_control" "this" {
  name                              = "${var.name}-frontend"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

# As the BFF answers them when it serves the front end itself.
resource "aws_cloudfront_response_headers_policy" "page" {
  # checkov:skip=CKV_AWS_259:All of it is there but preload, a promise about the merchant's whole domain that only the merchant can make.
  name = "${var.name}-page"
  security_headers_config {
    content_security_policy {
      content_security_policy = "default-src 'self'; img-src 'self' data: https://${var.media_domain}; connect-src 'self' wss://${var.domain}; object-src 'none'; base-uri 'self'; frame-ancestors 'none'; form-action 'self'"
      override                = true
    }
    content_type_options {
      override = true
    }
    frame_options {
      frame_option = "DENY"
      override     = true
    }
    referrer_policy {
      referrer_policy = "strict-origin-when-cross-origin"
      override        = true
    }
    strict_transport_security {
      access_control_max_age_sec = 31536000
      include_subdomains         = true
      override                   = true
    }
  }
}

# A page of the application is index.html, whatever its path; files have a dot in their last part.
resource "aws_cloudfront_function" "page" {
  name    = "${var.name}-page"
  runtime = "cloudfront-js-2.0"
  publish = true
  code    = <<-CODE
    function handler(event) {
      var request = event.request;
      if (!/\.[^/]*$/.test(request.uri)) request.uri = '/index.html';
      return request;
    }
  CODE
}

resource "aws_cloudfront_distribution" "this" {
  # checkov:skip=CKV_AWS_310:The load balancer is already in three zones and S3 in all; a second origin would be a second region.
  # checkov:skip=CKV_AWS_374:Where the shop sells is the merchant's choice, not the platform's.
  # checkov:skip=CKV2_AWS_47:The firewall comes from the module of that name, whose groups a test counts.
  # checkov:skip=CKV2_AWS_32:The front end has its headers policy; the API and pictures carry the headers that the BFF gives them.
  enabled             = true
  is_ipv6_enabled     = true
  http_version        = "http2and3"
  default_root_object = "index.html"
  aliases             = [var.domain]
  price_class         = var.price_class
  web_acl_id          = var.firewall_arn

  origin {
    origin_id                = "frontend"
    domain_name              = var.frontend_bucket.domain
    origin_access_control_id = aws_cloudfront_origin_access_control.this.id
  }

  origin {
    origin_id   = local.entrance
    domain_name = var.origin_host
    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = "https-only"
      origin_ssl_protocols   = ["TLSv1.2"]
      # Between two pieces of a stream; CloudFront allows no more without asking for it.
      origin_read_timeout      = 60
      origin_keepalive_timeout = 60
    }
  }

  default_cache_behavior {
    target_origin_id           = "frontend"
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = local.default_actions
    cached_methods             = local.default_actions
    compress                   = true
    cache_policy_id            = local.cached
    response_headers_policy_id = aws_cloudfront_response_headers_policy.page.id
    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.page.arn
    }
  }

  dynamic "ordered_cache_behavior" {
    for_each = local.computed
    content {
      path_pattern             = ordered_cache_behavior.value
      target_origin_id         = local.entrance
      viewer_protocol_policy   = "https-only"
      allowed_methods          = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
      cached_methods           = local.default_actions
      compress                 = false # a compressed stream arrives in lumps
      cache_policy_id          = local.never_cached
      origin_request_policy_id = local.passed_on
    }
  }

  logging_config {
    bucket          = var.log_bucket_domain
    prefix          = "cloudfront/"
    include_cookies = false
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    acm_certificate_arn      = aws_acm_certificate_validation.this.certificate_arn
    minimum_protocol_version = "TLSv1.2_2021"
    ssl_support_method       = "sni-only"
  }
}

data "aws_iam_policy_document" "frontend" {
  statement {
    sid       = "ReadByThisDistribution"
    actions   = ["s3:GetObject"]
    resources = ["${var.frontend_bucket.arn}/*"]
    principals {
      type        = "Service"
      identifiers = ["cloudfront.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "AWS:SourceArn"
      values   = [aws_cloudfront_distribution.this.arn]
    }
  }
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [var.frontend_bucket.arn, "${var.frontend_bucket.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "frontend" {
  bucket = var.frontend_bucket.name
  policy = data.aws_iam_policy_document.frontend.json
}

resource "aws_route53_record" "this" {
  for_each = toset(["A", "AAAA"])
  zone_id  = var.zone_id
  name     = var.domain
  type     = each.key
  alias {
    name                   = aws_cloudfront_distribution.this.domain_name
    zone_id                = aws_cloudfront_distribution.this.hosted_zone_id
    evaluate_target_health = false
  }
}
