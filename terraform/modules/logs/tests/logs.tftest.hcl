mock_provider "aws" {
  source = "../../testing"
}

variables {
  boundary_arn = "arn:aws:iam::111122223333:policy/boundary"
  name         = "aisle-test"
  cluster_name = "aisle-test"
  cluster_arn  = "arn:aws:eks:eu-central-1:111122223333:cluster/aisle-test"
  service_groups = {
    bff = "/aisle/aisle-test/services/bff", edge = "/aisle/aisle-test/services/edge", milvus = "/aisle/aisle-test/services/milvus"
  }
  audit_group  = "/aisle/aisle-test/audit"
  others_group = "/aisle/aisle-test/others"
  group_arns   = ["arn:aws:logs:eu-central-1:111122223333:log-group:a", "arn:aws:logs:eu-central-1:111122223333:log-group:b"]
}

run "logs" {
  assert {
    condition = one(data.aws_iam_policy_document.write.statement).actions == toset(["logs:CreateLogStream", "logs:PutLogEvents"]) && one(data.aws_iam_policy_document.write.statement).resources == toset([
      "arn:aws:logs:eu-central-1:111122223333:log-group:a:*", "arn:aws:logs:eu-central-1:111122223333:log-group:b:*",
    ])
    error_message = "It writes to the platform's groups, and makes none."
  }
  assert {
    condition     = one(one(data.aws_iam_policy_document.trust.statement).principals).identifiers == toset(["pods.eks.amazonaws.com"]) && one(one(data.aws_iam_policy_document.trust.statement).condition).values[0] == var.cluster_arn
    error_message = "The role is for pods of this cluster."
  }
  assert {
    condition     = one(aws_eks_addon.this.pod_identity_association).service_account == "cloudwatch-agent"
    error_message = "The role is bound to the add-on's account."
  }
  assert {
    condition     = !jsondecode(aws_eks_addon.this.configuration_values).containerInsights.enabled && !jsondecode(aws_eks_addon.this.configuration_values).otelContainerInsights.enabled && !jsondecode(aws_eks_addon.this.configuration_values).manager.applicationSignals.autoMonitor.monitorAllServices
    error_message = "What is paid for by the metric is off, and nothing is put into our processes."
  }
  assert {
    condition     = alltrue([for file in ["dataplane-log.conf", "host-log.conf"] : !strcontains(jsondecode(aws_eks_addon.this.configuration_values).containerLogs.fluentBit.config.extraFiles[file], "[")])
    error_message = "Nothing of nodes is kept."
  }
  assert {
    condition     = length(regexall("(?m)^\\s+Path\\s+/var/log/containers/\\*_aisle_\\*\\.log$", local.pipeline)) == 1 && length(regexall("(?m)^\\[INPUT\\]", local.pipeline)) == 1
    error_message = "Only files of the release's namespace are read."
  }
  assert {
    condition     = strcontains(local.pipeline, "^(bff|edge|milvus)$ process.") && strcontains(local.pipeline, "log_group_template        /aisle/aisle-test/services/$kubernetes['labels']['app.kubernetes.io/component']")
    error_message = "Lines go to the group of their process, and of no process that has none."
  }
  assert {
    condition     = length(regexall("auto_create_group\\s+false", local.pipeline)) == length(regexall("(?m)^\\[OUTPUT\\]", local.pipeline)) && !strcontains(local.pipeline, "true")
    error_message = "No group is made that nobody named a retention for."
  }
  assert {
    condition     = strcontains(local.pipeline, "$${AWS_REGION}") && strcontains(local.pipeline, "$${HOST_NAME}")
    error_message = "What Fluent Bit fills in on the node is left to it."
  }
}

run "names_without_a_common_beginning_are_refused" {
  command = plan
  variables {
    service_groups = { edge = "/aisle/edge", milvus = "/aisle/milvus", bff = "/somewhere/bff" }
  }
  expect_failures = [aws_eks_addon.this]
}
