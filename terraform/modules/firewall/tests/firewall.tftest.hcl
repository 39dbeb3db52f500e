mock_provider "aws" {
  source = "../../testing"
}

variables {
  name                 = "aisle-test"
  scope                = "REGIONAL"
  requests_per_address = 2000
  log_group_arn        = "arn:aws:logs:eu-central-1:111122223333:log-group:aws-waf-logs-aisle-test"
}

run "rules" {
  assert {
    condition = toset([for rule in aws_wafv2_web_acl.this.rule : rule.name]) == toset([
      "AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesSQLiRuleSet", "flood", "large",
      "large-sign-in",
    ])
    error_message = "Four groups of AWS, floods and bodies."
  }
  assert {
    condition     = length(distinct([for rule in aws_wafv2_web_acl.this.rule : rule.priority])) == 7
    error_message = "The order of rules is said."
  }
  assert {
    condition     = one([for rule in aws_wafv2_web_acl.this.rule : rule.statement[0].managed_rule_group_statement[0].rule_action_override[0].name if rule.name == "AWSManagedRulesCommonRuleSet"]) == "SizeRestrictions_BODY"
    error_message = "A question of more than 8 KiB is let through."
  }
  assert {
    condition     = one([for rule in aws_wafv2_web_acl.this.rule : rule.statement[0].rate_based_statement[0].aggregate_key_type if rule.name == "flood"]) == "FORWARDED_IP"
    error_message = "Behind CloudFront, floods are counted for whom it asks."
  }
  assert {
    condition     = one([for pattern in aws_wafv2_regex_pattern_set.large.regular_expression : alltrue([for bytes in ["5000000", "9999999", "10000000"] : can(regex(pattern.regex_string, bytes))]) && !anytrue([for bytes in ["0", "1048576", "4194304", "4999999"] : can(regex(pattern.regex_string, bytes))])])
    error_message = "What the platform takes (4 MiB) passes, and what is larger does not."
  }
  assert {
    condition     = toset([for field in aws_wafv2_web_acl_logging_configuration.this.redacted_fields : field.single_header[0].name]) == toset(["authorization", "cookie"])
    error_message = "Tokens are not logged."
  }
}

run "cloudfront" {
  variables {
    scope = "CLOUDFRONT"
  }
  assert {
    condition     = one([for rule in aws_wafv2_web_acl.this.rule : rule.statement[0].rate_based_statement[0].aggregate_key_type if rule.name == "flood"]) == "IP"
    error_message = "CloudFront sees who asks."
  }
}
