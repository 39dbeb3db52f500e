# What is turned away before it costs anything: known bad addresses, attacks that are known by their pattern, floods, and
# bodies no part of the platform would take. It looks at requests one by one and coarsely; who may ask how often is
# decided by Envoy and the rate limiter, exactly.

locals {
  # Managed by AWS, in this order. What is listed is counted and not refused.
  groups = {
    AWSManagedRulesAmazonIpReputationList = { priority = 10, counted = [] }
    AWSManagedRulesKnownBadInputsRuleSet  = { priority = 20, counted = [] }
    # It refuses bodies of more than 8 KiB. A question with a long history is larger, and sizes are judged below.
    AWSManagedRulesCommonRuleSet = { priority = 30, counted = ["SizeRestrictions_BODY"] }
    # What people tell the assistant reads like SQL at times; nothing of a body reaches SQL as text.
    AWSManagedRulesSQLiRuleSet = { priority = 40, counted = ["SQLi_BODY"] }
  }
}

resource "aws_wafv2_regex_pattern_set" "large" {
  name  = "${var.name}-large"
  scope = var.scope
  # Seven digits from five million up, or more digits.
  regular_expression {
    regex_string = "^([5-9][0-9]{6}|[0-9]{8,})$"
  }
}

resource "aws_wafv2_web_acl" "this" {
  # checkov:skip=CKV_AWS_192:The group of known bad inputs, which holds Log4j's, is among the groups that the dynamic block makes; a test counts them.
  # checkov:skip=CKV2_AWS_47:As above: the group is made by the dynamic block.
  name  = var.name
  scope = var.scope

  default_action {
    allow {}
  }

  dynamic "rule" {
    for_each = local.groups
    content {
      name     = rule.key
      priority = rule.value.priority
      override_action {
        none {}
      }
      statement {
        managed_rule_group_statement {
          name        = rule.key
          vendor_name = "AWS"
          dynamic "rule_action_override" {
            for_each = rule.value.counted
            content {
              name = rule_action_override.value
              action_to_use {
                count {}
              }
            }
          }
        }
      }
      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = rule.key
        sampled_requests_enabled   = false
      }
    }
  }

  rule {
    name     = "flood"
    priority = 50
    action {
      block {
        custom_response {
          response_code = 429
        }
      }
    }
    statement {
      rate_based_statement {
        limit                 = var.requests_per_address
        evaluation_window_sec = 300
        # Behind CloudFront every request comes from CloudFront, which says for whom.
        aggregate_key_type = var.scope == "CLOUDFRONT" ? "IP" : "FORWARDED_IP"
        dynamic "forwarded_ip_config" {
          for_each = var.scope == "CLOUDFRONT" ? [] : [1]
          content {
            header_name       = "X-Forwarded-For"
            fallback_behavior = "MATCH"
          }
        }
      }
    }
    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "flood"
      sampled_requests_enabled   = false
    }
  }

  rule {
    name     = "large"
    priority = 60
    action {
      block {
        custom_response {
          response_code = 413
        }
      }
    }
    statement {
      regex_pattern_set_reference_statement {
        arn = aws_wafv2_regex_pattern_set.large.arn
        field_to_match {
          single_header {
            name = "content-length"
          }
        }
        text_transformation {
          priority = 0
          type     = "NONE"
        }
      }
    }
    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "large"
      sampled_requests_enabled   = false
    }
  }

  # Who signs in sends an address and a password.
  rule {
    name     = "large-sign-in"
    priority = 70
    action {
      block {
        custom_response {
          response_code = 413
        }
      }
    }
    statement {
      and_statement {
        statement {
          byte_match_statement {
            search_string         = "/api/v1/auth/"
            positional_constraint = "STARTS_WITH"
            field_to_match {
              uri_path {}
            }
            text_transformation {
              priority = 0
              type     = "NORMALIZE_PATH"
            }
          }
        }
        statement {
          size_constraint_statement {
            comparison_operator = "GT"
            size                = 8192
            field_to_match {
              body {
                oversize_handling = "MATCH"
              }
            }
            text_transformation {
              priority = 0
              type     = "NONE"
            }
          }
        }
      }
    }
    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "large-sign-in"
      sampled_requests_enabled   = false
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    sampled_requests_enabled   = false
  }
}

# Only what was refused, and without what says who somebody is.
resource "aws_wafv2_web_acl_logging_configuration" "this" {
  resource_arn            = aws_wafv2_web_acl.this.arn
  log_destination_configs = [var.log_group_arn]

  redacted_fields {
    single_header {
      name = "authorization"
    }
  }
  redacted_fields {
    single_header {
      name = "cookie"
    }
  }

  logging_filter {
    default_behavior = "DROP"
    filter {
      behavior    = "KEEP"
      requirement = "MEETS_ANY"
      condition {
        action_condition {
          action = "BLOCK"
        }
      }
    }
  }
}
