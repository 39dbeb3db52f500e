mock_provider "aws" {
  source = "../../testing"
}

variables {
  name          = "aisle-test"
  logs_key_arn  = "arn:aws:kms:eu-central-1:111122223333:key/k"
  log_days      = 30
  services      = ["bff", "llm"]
  pages         = ["https://oncall.example/aisle"]
  mails         = ["team@example.com"]
  runbooks      = "https://github.com/owner/aisle/blob/main"
  usd_per_hour  = 40
  usd_per_month = 5000
  cost_tag      = "test"
  references = {
    load_balancer = "app/aisle/1", target_group = "targetgroup/edge/1", database = "aisle-test", redis_node = "aisle-test-main-001", redis_replica = "aisle-test-main-002", firewall = "aisle-test", region = "eu-central-1"
  }
}

run "observability" {
  assert {
    condition     = toset(keys(aws_cloudwatch_dashboard.this)) == toset(["api", "business", "llm"])
    error_message = "Three dashboards."
  }
  assert {
    condition     = alltrue([for d in aws_cloudwatch_dashboard.this : length(jsondecode(d.dashboard_body).widgets) >= 10 && !strcontains(d.dashboard_body, "$${")])
    error_message = "Dashboards are whole, with every reference filled in."
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 22
    error_message = "Every declared alarm is there."
  }
  assert {
    condition     = alltrue([for name, alarm in aws_cloudwatch_metric_alarm.this : endswith(alarm.alarm_description, "https://github.com/owner/aisle/blob/main/docs/runbooks.md#${name}")])
    error_message = "Every alarm says what to do."
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : length(alarm.alarm_actions) == 1 && length([for q in alarm.metric_query : q if q.return_data]) == 1])
    error_message = "Every alarm reaches somebody, and compares one value."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["money"].threshold == 40
    error_message = "What models may cost is each environment's."
  }
  assert {
    condition     = one([for q in aws_cloudwatch_metric_alarm.this["usage-lost"].metric_query : one(q.metric).dimensions if q.id == "lost"]) == tomap({ "service.namespace" = "aisle" })
    error_message = "Alarms look at the dimensions the collector keeps."
  }
  assert {
    condition     = [for name, alarm in aws_cloudwatch_metric_alarm.this : name if alarm.treat_missing_data == "breaching"] == ["collector-silent"]
    error_message = "Silence is an alarm of its own, and of no other."
  }
  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.service : group.retention_in_days == 30]) && aws_cloudwatch_log_group.audit.retention_in_days == 400 && aws_cloudwatch_log_group.others.retention_in_days == 7
    error_message = "Logs end, and the audit log lasts for more than a year."
  }
  assert {
    condition     = aws_xray_sampling_rule.this["rest"].fixed_rate == 0.05 && aws_xray_sampling_rule.this["health"].fixed_rate == 0
    error_message = "Some traces are kept, and none of health checks."
  }
  assert {
    condition     = one(aws_budgets_budget.this.cost_filter).values == tolist(["user:Environment$test"]) && length(aws_budgets_budget.this.notification) == 3
    error_message = "The budget counts this environment, and says so in time."
  }
  assert {
    condition     = length(aws_sns_topic_subscription.mail) == 2 && length(aws_sns_topic_subscription.page) == 1
    error_message = "Pages and tickets reach whom they are for."
  }
}

run "no_replica_no_lag" {
  variables {
    references = {
      load_balancer = "l", target_group = "t", database = "d", redis_node = "n", redis_replica = "", firewall = "f", region = "eu-central-1"
    }
  }
  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.this), "redis-behind") && length(aws_cloudwatch_metric_alarm.this) == 21
    error_message = "Where there is no replica, none is watched."
  }
}
