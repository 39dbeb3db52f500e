output "log_group_names" {
  description = "Log group of each process, and of the audit log."
  value       = merge({ for service, group in aws_cloudwatch_log_group.service : service => group.name }, { audit = aws_cloudwatch_log_group.audit.name })
}

output "log_group_arns" {
  description = "ARNs of those log groups."
  value       = concat([for group in aws_cloudwatch_log_group.service : group.arn], [aws_cloudwatch_log_group.audit.arn])
}

output "service_log_groups" {
  description = "Log group of each process."
  value       = { for service, group in aws_cloudwatch_log_group.service : service => group.name }
}

output "others_log_group" {
  description = "Log group of whatever else runs beside the release: its name and its ARN."
  value       = { name = aws_cloudwatch_log_group.others.name, arn = aws_cloudwatch_log_group.others.arn }
}

output "alarms" {
  description = "Name of each alarm."
  value       = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.alarm_name }
}

output "collector" {
  description = "Options of the collector's awsemf exporter: which metrics are kept, and by what."
  value       = jsondecode(file("${path.module}/generated/collector.json"))
}
