mock_provider "aws" {
  source = "../../testing"
}

mock_provider "aws" {
  alias  = "us_east_1"
  source = "../../testing"
}

variables {
  name              = "aisle-test"
  domain            = "shop.example"
  zone_id           = "Z"
  origin_host       = "origin.shop.example"
  frontend_bucket   = { name = "frontend", arn = "arn:aws:s3:::frontend", domain = "frontend.s3.eu-central-1.amazonaws.com" }
  media_domain      = "media.s3.eu-central-1.amazonaws.com"
  firewall_arn      = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/w/1"
  log_bucket_domain = "logs.s3.eu-central-1.amazonaws.com"
}

run "distribution" {
  assert {
    condition     = aws_cloudfront_distribution.this.web_acl_id == var.firewall_arn
    error_message = "The firewall stands before it."
  }
  assert {
    condition     = one(aws_cloudfront_distribution.this.viewer_certificate).minimum_protocol_version == "TLSv1.2_2021"
    error_message = "TLS 1.2 is the oldest that is spoken."
  }
  assert {
    condition     = alltrue([for path in ["/api/*", "/v1/*"] : contains([for b in aws_cloudfront_distribution.this.ordered_cache_behavior : b.path_pattern if b.target_origin_id == "entrance" && b.cache_policy_id == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" && !b.compress], path)])
    error_message = "What is computed is neither cached nor held back."
  }
  assert {
    condition     = one(data.aws_iam_policy_document.frontend.statement[0].condition).values[0] == aws_cloudfront_distribution.this.arn
    error_message = "Only this distribution reads the bucket."
  }
  assert {
    condition     = aws_cloudfront_origin_access_control.this.signing_behavior == "always"
    error_message = "Requests to the bucket are signed."
  }
  assert {
    condition     = strcontains(aws_cloudfront_response_headers_policy.page.security_headers_config[0].content_security_policy[0].content_security_policy, "frame-ancestors 'none'") && !strcontains(aws_cloudfront_response_headers_policy.page.security_headers_config[0].content_security_policy[0].content_security_policy, "unsafe")
    error_message = "Pages run our scripts and nobody else's."
  }
}
