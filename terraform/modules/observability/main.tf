# Logs, dashboards, alarms, traces and the budget. Dashboards and alarms are declared in ./declared on the metrics of
# services/metrics.yaml; `make docs` writes ./generated from them.

locals {
  # Which alarms there are is known before anything is built; what they look at is filled in.
  # An alarm that compares with a replica has nothing to look at where there is none.
  declared   = { for name, alarm in jsondecode(file("${path.module}/generated/alarms.json")) : name => alarm if name != "redis-behind" || var.references.redis_replica != "" }
  filled     = { for name, value in merge(var.references, { usd_per_hour = tostring(var.usd_per_hour) }) : format("$${%s}", name) => value }
  dashboards = toset(["api", "llm", "business"])
}

resource "aws_cloudwatch_log_group" "service" {
  # checkov:skip=CKV_AWS_338:Logs of services are read within weeks; who changed what is in the audit log, which is kept for more than a year.
  for_each          = var.services
  name              = "/aisle/${var.name}/services/${each.key}"
  retention_in_days = var.log_days
  kms_key_id        = var.logs_key_arn
}

resource "aws_cloudwatch_log_group" "audit" {
  name              = "/aisle/${var.name}/audit"
  retention_in_days = var.audit_log_days
  kms_key_id        = var.logs_key_arn
}

# What else runs beside the release: read while something goes wrong, and soon forgotten.
resource "aws_cloudwatch_log_group" "others" {
  # checkov:skip=CKV_AWS_338:Lines of what is not ours help for days, not for a year.
  name              = "/aisle/${var.name}/others"
  retention_in_days = 7
  kms_key_id        = var.logs_key_arn
}

resource "aws_sns_topic" "this" {
  for_each          = toset(["page", "ticket"])
  name              = "${var.name}-${each.key}"
  kms_master_key_id = var.logs_key_arn
}

resource "aws_sns_topic_subscription" "page" {
  for_each  = var.pages
  topic_arn = aws_sns_topic.this["page"].arn
  protocol  = "https"
  endpoint  = each.key
}

# Whoever is woken up gets a mail as well, to have it in writing.
resource "aws_sns_topic_subscription" "mail" {
  for_each  = { for pair in setproduct(["page", "ticket"], var.mails) : "${pair[0]} ${pair[1]}" => pair }
  topic_arn = aws_sns_topic.this[each.value[0]].arn
  protocol  = "email"
  endpoint  = each.value[1]
}

data "aws_iam_policy_document" "topic" {
  for_each = aws_sns_topic.this
  statement {
    actions   = ["sns:Publish"]
    resources = [each.value.arn]
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [split(":", var.logs_key_arn)[4]]
    }
  }
}

resource "aws_sns_topic_policy" "this" {
  for_each = aws_sns_topic.this
  arn      = each.value.arn
  policy   = data.aws_iam_policy_document.topic[each.key].json
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = local.declared
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.title}. What to do: ${var.runbooks}/${each.value.runbook}"
  comparison_operator = each.value.comparison
  threshold           = tonumber(lookup(local.filled, each.value.threshold, each.value.threshold))
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.of_which
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.this[each.value.severity].arn]
  ok_actions          = [aws_sns_topic.this[each.value.severity].arn]

  metric_query {
    id          = "value"
    expression  = each.value.expression
    label       = each.value.title
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.queries
    content {
      id          = metric_query.key
      return_data = false
      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.metric_name
        stat        = metric_query.value.stat
        period      = metric_query.value.period
        dimensions  = { for name, value in metric_query.value.dimensions : name => lookup(local.filled, value, value) }
      }
    }
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  for_each       = local.dashboards
  dashboard_name = "${var.name}-${each.key}"
  dashboard_body = templatefile("${path.module}/generated/${each.key}.json", var.references)
}

# Health checks say nothing; a change by staff is worth its trace; of the rest some.
resource "aws_xray_sampling_rule" "this" {
  for_each = {
    health  = { priority = 100, path = "*/readyz", method = "*", always = 0, share = 0 }
    alive   = { priority = 110, path = "*/healthz", method = "*", always = 0, share = 0 }
    changes = { priority = 200, path = "/api/v1/*", method = "PATCH", always = 5, share = 0.5 }
    rest    = { priority = 9000, path = "*", method = "*", always = var.traces_per_second.always, share = var.traces_per_second.share }
  }
  rule_name      = "${var.name}-${each.key}"
  priority       = each.value.priority
  version        = 1
  reservoir_size = each.value.always
  fixed_rate     = each.value.share
  url_path       = each.value.path
  host           = "*"
  http_method    = each.value.method
  service_name   = "*"
  service_type   = "*"
  resource_arn   = "*"
}

resource "aws_budgets_budget" "this" {
  name         = var.name
  budget_type  = "COST"
  limit_amount = tostring(var.usd_per_month)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:Environment$%s", var.cost_tag)]
  }

  dynamic "notification" {
    for_each = { spent = { kind = "ACTUAL", percent = 80 }, overspent = { kind = "ACTUAL", percent = 100 }, foreseen = { kind = "FORECASTED", percent = 100 } }
    content {
      comparison_operator        = "GREATER_THAN"
      notification_type          = notification.value.kind
      threshold                  = notification.value.percent
      threshold_type             = "PERCENTAGE"
      subscriber_email_addresses = var.mails
    }
  }
}
